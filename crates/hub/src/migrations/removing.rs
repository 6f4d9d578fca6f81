//! Copies of what is gone at the source: into the target's trash, if they are as they were written.

use connectors::{Item, ItemId, RemoteError};
use model::{Migration, MigrationItem, MigrationItemState, Millis};

use super::placing::{is_as_written, moved};
use super::trouble::{Trouble, note};
use super::{Flow, Sides};
use crate::Hub;

/// Copies that one step takes in.
const STEP: u32 = 32;
/// Tries of one, then it stays.
const TRIES: u32 = 5;
/// The pause between two, seconds.
const PAUSE_SECS: i64 = 60;

impl Hub {
    /// Removes some, the deepest first; then the pass is over.
    pub(super) async fn remove_some(&self, of: &Migration, sides: &Sides) -> Result<Flow, Trouble> {
        let now = self.now();
        let leavings = self.read().await?.migration_leavings(of.id, now, STEP).await?;
        let Some(deepest) = leavings.first().map(|item| item.depth) else {
            return self.end_pass(of).await;
        };
        for mut item in leavings.into_iter().filter(|item| item.depth == deepest) {
            let removed = self.remove_copy(sides, &mut item).await;
            let everything = removed.err().and_then(|trouble| failed(&mut item, trouble, now));
            let mut tx = self.write().await?;
            tx.put_migration_items(of.id, &[item]).await?;
            tx.commit().await?;
            if let Some(trouble) = everything {
                return Err(trouble);
            }
        }
        Ok(Flow::GoOn)
    }

    async fn remove_copy(&self, sides: &Sides, item: &mut MigrationItem) -> Result<(), Trouble> {
        let Some(there) = self.copy_of_gone(sides, item).await? else {
            set_removed(item, "its copy is not at the target any more");
            return Ok(());
        };
        let stays = match item.is_folder() {
            true if self.holds_something(sides, &there).await? => Some("what is in it stays"),
            false if !is_as_written(&item.copy, &there) => Some("somebody changed its copy, which stays"),
            _ => None,
        };
        if let Some(why) = stays {
            // What is below may be gone soon, or be a person's to decide.
            put_off(item, why, self.now());
            return Ok(());
        }
        match sides.target.trash(&there.id, there.tag.as_ref()).await {
            Ok(()) => set_removed(item, "its copy is in the target's trash"),
            Err(RemoteError::Changed) => put_off(item, "its copy changed just now, and stays", self.now()),
            Err(error) => return Err(Trouble::to_side(error)),
        }
        Ok(())
    }

    /// The copy, wherever a folder above it was moved to.
    async fn copy_of_gone(&self, sides: &Sides, item: &mut MigrationItem) -> Result<Option<Item>, Trouble> {
        let above = item.parent.clone().unwrap_or_default();
        let above = self.read().await?.migration_item(sides.id, &above).await?;
        if let Some(parent) = above.and_then(|above| above.copy.id)
            && let Some(there) = self.came_along(sides, item, &parent).await?
        {
            let is_ours = is_as_written(&item.copy, &there);
            moved(item, &there, is_ours);
            item.copy.parent = Some(parent);
            return Ok(Some(there));
        }
        let id = item.copy.id.clone().unwrap_or_default();
        self.copy_now(sides, &id).await
    }

    async fn holds_something(&self, sides: &Sides, folder: &Item) -> Result<bool, Trouble> {
        let mut page: Option<String> = None;
        loop {
            let answer = sides
                .target
                .children(&ItemId(folder.id.0.clone()), page.as_deref())
                .await;
            let answer = match answer {
                Err(RemoteError::NotFound) => return Ok(false),
                answer => answer.map_err(Trouble::to_side)?,
            };
            if !answer.items.is_empty() {
                return Ok(true);
            }
            page = answer.next;
            if page.is_none() {
                return Ok(false);
            }
        }
    }
}

fn set_removed(item: &mut MigrationItem, what: &str) {
    item.state = MigrationItemState::Removed;
    item.reason = Some(format!("it is gone at the source; {what}"));
    item.next_ms = None;
    item.attempts = 0;
}

/// It is tried again a few times, then the copy stays.
fn put_off(item: &mut MigrationItem, why: &str, now: Millis) {
    item.attempts = item.attempts.saturating_add(1);
    item.state = MigrationItemState::Gone;
    item.reason = Some(format!("it is gone at the source; {why}"));
    let may_go_on = item.attempts < TRIES;
    item.next_ms = may_go_on.then(|| now.plus_secs(PAUSE_SECS));
}

/// Writes down why a copy could not be removed; what is wrong with more than it comes back.
fn failed(item: &mut MigrationItem, trouble: Trouble, now: Millis) -> Option<Trouble> {
    let attempts = item.attempts;
    if let Err(everything) = note(item, trouble, now) {
        return Some(everything);
    }
    item.attempts = attempts;
    let why = item.reason.take().unwrap_or_default();
    put_off(item, &why, now);
    None
}
