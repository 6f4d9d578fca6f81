//! Waking mirrors: changes here make those due at once that they concern; upkeep finds those whose job was lost.

use std::collections::BTreeSet;
use std::time::Duration;

use catalog::Tx;
use model::{Millis, SpaceId};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::all_mirrors;
use crate::{Hub, HubError};

/// How long changes are let come together before mirrors are woken.
const SETTLING: Duration = Duration::from_secs(1);
/// Mirrors whose round is late that one round of upkeep takes in, and how late that is, seconds.
const LATE: u32 = 200;
const LATE_SECS: i64 = 5 * 60;

/// Changes here, as they are told.
pub struct MirrorNews {
    hub: Hub,
    watcher: Receiver<SpaceId>,
}

impl Hub {
    /// What tells of changes here that concern mirrors, from now on.
    pub fn mirror_news(&self) -> MirrorNews {
        MirrorNews {
            hub: self.clone(),
            watcher: self.0.catalog.watch(),
        }
    }

    /// Sees to it that each mirror is looked after: those whose job was called off or given up.
    pub(crate) async fn schedule_mirrors(&self, tx: &mut Tx, now: Millis) -> Result<(), HubError> {
        for mirror in tx.due_mirrors(now.minus_secs(LATE_SECS), LATE).await? {
            self.queue_mirror(tx, mirror.id).await?;
        }
        Ok(())
    }
}

impl MirrorNews {
    /// Waits until something changes here, and makes the mirrors due that it concerns. Answers false once there will be
    /// no more news.
    ///
    /// # Errors
    /// When the catalog does not answer; what was told then is told by the next round at the latest.
    pub async fn pass_on(&mut self) -> Result<bool, HubError> {
        let mut spaces = BTreeSet::new();
        match self.watcher.recv().await {
            Ok(space) => drop(spaces.insert(space)),
            Err(RecvError::Lagged(_)) => drop(spaces.insert(catalog::EVERY_SPACE)),
            Err(RecvError::Closed) => return Ok(false),
        }
        // What changes now rarely changes alone.
        tokio::time::sleep(SETTLING).await;
        loop {
            match self.watcher.try_recv() {
                Ok(space) => drop(spaces.insert(space)),
                Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) => {
                    spaces.insert(catalog::EVERY_SPACE);
                }
                Err(_) => break,
            }
        }
        self.wake(&spaces).await?;
        Ok(true)
    }

    async fn wake(&self, spaces: &BTreeSet<SpaceId>) -> Result<(), HubError> {
        let mut behind = Vec::new();
        for space in spaces {
            let mut tx = self.hub.read().await?;
            let mirrors = match *space == catalog::EVERY_SPACE {
                true => all_mirrors(&mut tx, None).await?,
                false => tx.mirrors_of_space(*space).await?,
            };
            for mirror in mirrors.into_iter().filter(model::Mirror::is_running) {
                let head = tx.space(mirror.space).await?.map_or(0, |space| space.head);
                if head > mirror.progress.here_seq {
                    behind.push(mirror.id);
                }
            }
        }
        if behind.is_empty() {
            return Ok(());
        }
        let mut tx = self.hub.write().await?;
        for mirror in behind {
            self.hub.queue_mirror(&mut tx, mirror).await?;
        }
        tx.commit().await?;
        self.hub.wake_workers();
        Ok(())
    }
}
