//! The journal as clients read it: pages of changes, and a feed that waits for the next.

use model::{Actor, Change, SpaceId};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::{Hub, HubError, access, cursors};

/// Entries that the feed takes in at once.
const FEED_ENTRIES: u32 = 200;

/// One page of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalPage {
    /// The entries, oldest first.
    pub changes: Vec<Change>,
    /// Where to go on, now or later: it is there on the last page too.
    pub next: String,
    /// Whether there are more right now.
    pub has_more: bool,
}

#[derive(Serialize, Deserialize)]
struct Place {
    space: SpaceId,
    seq: u64,
}

/// Follows a journal: each call returns what is new, waiting for it if need be.
pub struct Feed {
    hub: Hub,
    actor: Actor,
    space: SpaceId,
    seq: u64,
    watcher: Receiver<SpaceId>,
}

impl Hub {
    /// Returns the changes of the actor's space after `cursor`, or from the first on.
    ///
    /// # Errors
    /// `Invalid` (cursor).
    pub async fn changes(
        &self,
        actor: &Actor,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<JournalPage, HubError> {
        let mut tx = self.read().await?;
        let space = access::own_space(&mut tx, actor).await?;
        let seq = match cursor {
            Some(cursor) => self.open_place(actor, space.id, cursor)?,
            None => 0,
        };
        let mut changes = tx.changes(space.id, seq, limit + 1).await?;
        let has_more = changes.len() > limit as usize;
        changes.truncate(limit as usize);
        let seq = changes.last().map_or(seq, |change| change.seq);
        let next = self.change_cursor(actor, space.id, seq)?;
        Ok(JournalPage {
            changes,
            next,
            has_more,
        })
    }

    /// Follows the journal of the actor's space after `cursor`, or from now on.
    ///
    /// # Errors
    /// `Invalid` (cursor).
    pub async fn follow(&self, actor: &Actor, cursor: Option<&str>) -> Result<Feed, HubError> {
        // Watching begins before the journal is read, so nothing falls between.
        let watcher = self.0.catalog.watch();
        let mut tx = self.read().await?;
        let space = access::own_space(&mut tx, actor).await?;
        let seq = match cursor {
            Some(cursor) => self.open_place(actor, space.id, cursor)?,
            None => space.head,
        };
        Ok(Feed {
            hub: self.clone(),
            actor: actor.clone(),
            space: space.id,
            seq,
            watcher,
        })
    }

    /// The cursor right after entry `seq` of a space.
    ///
    /// # Errors
    /// `Forbidden` for the server itself.
    pub fn change_cursor(&self, actor: &Actor, space: SpaceId, seq: u64) -> Result<String, HubError> {
        let scope = format!("changes {}", access::user(actor)?);
        Ok(cursors::seal(self.keys(), &scope, &Place { space, seq }))
    }

    fn open_place(&self, actor: &Actor, space: SpaceId, cursor: &str) -> Result<u64, HubError> {
        let scope = format!("changes {}", access::user(actor)?);
        let place: Place = cursors::open(self.keys(), &scope, cursor)?;
        if place.space != space {
            return Err(HubError::invalid(
                "cursor",
                "this cursor does not belong to this list; start without one",
            ));
        }
        Ok(place.seq)
    }
}

impl Feed {
    /// Waits until there are new entries and returns them, oldest first. Dropping the wait loses
    /// nothing.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn next(&mut self) -> Result<Vec<Change>, HubError> {
        loop {
            let mut tx = self.hub.read().await?;
            let changes = tx.changes(self.space, self.seq, FEED_ENTRIES).await?;
            drop(tx);
            if let Some(last) = changes.last() {
                self.seq = last.seq;
                return Ok(changes);
            }
            loop {
                match self.watcher.recv().await {
                    Ok(space) if space == self.space || space == catalog::EVERY_SPACE => break,
                    Ok(_) => {}
                    // Some wake-ups were missed: look for oneself.
                    Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Ok(Vec::new()),
                }
            }
        }
    }

    /// The cursor right after an entry.
    ///
    /// # Errors
    /// `Forbidden` for the server itself.
    pub fn cursor(&self, change: &Change) -> Result<String, HubError> {
        self.hub.change_cursor(&self.actor, change.space, change.seq)
    }
}
