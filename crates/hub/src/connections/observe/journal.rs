//! What mirrors are told of changes at connections: a journal for each connection that has any.

use catalog::{CatalogError, Tx};
use model::{ConnectionId, Job, Millis, Mirror, MirrorState, RemoteItem};

use crate::mirrors::mirror_of;
use crate::{Hub, HubError};

/// Entries that one transaction forgets.
const STEP: u32 = 2000;

/// What a look found out about items of a connection.
pub(super) struct Seen<'a> {
    /// The connection, whose feed is locked.
    pub connection: ConnectionId,
    /// The round.
    pub round: u64,
    /// How items are now.
    pub items: &'a [RemoteItem],
    /// Which are gone.
    pub gone: &'a [&'a str],
}

/// Writes down what a look saw, and which of it is news for the connection's mirrors.
pub(super) async fn take_down(tx: &mut Tx, seen: Seen<'_>) -> Result<(), CatalogError> {
    let mut news = tx
        .put_changed_items(seen.connection, seen.round, seen.items)
        .await?;
    news.extend(tx.remove_items(seen.connection, seen.gone).await?);
    // Asked under the lock that a mirror is made under: what one did not see when it was made is in its journal.
    if !news.is_empty() && tx.has_mirrors(seen.connection).await? {
        let news: Vec<&str> = news.iter().map(String::as_str).collect();
        tx.record_remote(seen.connection, &news).await?;
    }
    Ok(())
}

impl Hub {
    /// Has the mirrors of a connection looked after that have not taken in its whole journal.
    pub(super) async fn tell_mirrors(&self, tx: &mut Tx, id: ConnectionId) -> Result<(), HubError> {
        let mirrors = tx.mirrors_of_connection(id).await?;
        if mirrors.is_empty() {
            return Ok(());
        }
        let head = tx.remote_head(id).await?;
        let behind = mirrors.iter().filter(|mirror| mirror.progress.there_seq < head);
        // One that waits for its folder there may find it again.
        for mirror in behind.filter(|mirror| mirror.state != MirrorState::Paused) {
            self.queue_mirror(tx, mirror.id).await?;
        }
        Ok(())
    }

    /// When a mirror's job is due again; `None` when there is nothing to look after any more.
    pub(crate) async fn next_round(&self, tx: &mut Tx, job: &Job) -> Result<Option<Millis>, HubError> {
        let Some(id) = mirror_of(job) else {
            return Ok(None);
        };
        let Some(mirror) = tx.lock_mirror(id).await? else {
            return Ok(None);
        };
        let now = self.now();
        match mirror.state {
            // What it looks at for its plan may have failed, and a person may have done by then what it waits for.
            MirrorState::Paused | MirrorState::Trouble => {
                return Ok(Some(mirror.progress.next_ms.max(now.plus_secs(1))));
            }
            MirrorState::Active | MirrorState::Held => {}
        }
        let is_in_step = mirror.progress.behind_ms.is_none();
        if is_in_step && has_news(tx, &mirror).await? {
            // They came when the round had looked for news already: nobody could hasten the job, as it was running.
            return Ok(Some(now));
        }
        Ok(Some(mirror.progress.next_ms))
    }

    /// Forgets what all mirrors of a connection have taken in. Answers how many entries that were.
    pub(crate) async fn sweep_remote_changes(&self) -> Result<u64, HubError> {
        let (mut forgotten, mut after) = (0, None);
        loop {
            let mut tx = self.read().await?;
            let Some(id) = tx.next_with_remote_changes(after).await? else {
                return Ok(forgotten);
            };
            after = Some(id);
            let mirrors = tx.mirrors_of_connection(id).await?;
            let taken_in = mirrors.iter().map(|mirror| mirror.progress.there_seq).min();
            // Without a mirror nobody asks for what is there by now; the next one begins after it.
            let up_to = match taken_in {
                Some(taken_in) => taken_in,
                None => tx.remote_head(id).await?,
            };
            drop(tx);
            forgotten += self.trim_journal(id, up_to).await?;
        }
    }

    async fn trim_journal(&self, id: ConnectionId, up_to: u64) -> Result<u64, HubError> {
        let mut forgotten = 0;
        loop {
            let mut tx = self.write().await?;
            let step = tx.trim_remote(id, up_to, STEP).await?;
            tx.commit().await?;
            forgotten += step;
            if step < u64::from(STEP) {
                return Ok(forgotten);
            }
        }
    }

    /// Forgets what is known of the entries of mirrors that are gone. Answers how many rows that were.
    pub(crate) async fn sweep_mirror_rows(&self) -> Result<u64, HubError> {
        let (mut forgotten, mut after) = (0, None);
        loop {
            let mut tx = self.read().await?;
            let Some(id) = tx.next_with_mirror_rows(after).await? else {
                return Ok(forgotten);
            };
            after = Some(id);
            if tx.mirror(id).await?.is_some() {
                continue;
            }
            drop(tx);
            loop {
                let mut tx = self.write().await?;
                let step = tx.forget_mirror_rows(id, STEP).await?;
                tx.commit().await?;
                forgotten += step;
                if step == 0 {
                    break;
                }
            }
        }
    }
}

/// Whether a journal holds what a mirror has not taken in.
async fn has_news(tx: &mut Tx, mirror: &Mirror) -> Result<bool, HubError> {
    let here = tx.space(mirror.space).await?.map_or(0, |space| space.head);
    let there = tx.remote_head(mirror.connection).await?;
    Ok(here > mirror.progress.here_seq || there > mirror.progress.there_seq)
}
