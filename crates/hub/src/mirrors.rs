//! Mirrors: folders here that are kept in step with folders at connections.

mod aside;
mod calls;
mod capsule;
mod contents;
mod costs;
mod desk;
mod gather;
mod gauges;
mod health;
mod here;
mod holds;
mod intents;
mod late;
mod news;
mod patterns;
mod places;
mod preview;
mod redact;
mod rules;
mod scene;
mod sending;
mod settings;
mod ties;
mod uploads;
mod views;
mod wake;

use catalog::{NewJob, Tx};
use model::{ConnectionId, Job, JobId, JobKind, Mirror, MirrorId, MirrorState, UserId};
use serde::{Deserialize, Serialize};

use crate::{Hub, HubError, keys};

pub use calls::{Call, FeedMark, Intent, Placed, Sent};
pub use capsule::{
    Capsule, CapsuleBase, CapsuleDirty, CapsuleEntry, CapsuleEvent, CapsuleFailed, CapsuleMirror,
    CapsuleRules, CapsuleScene, CapsuleState,
};
pub use desk::{Ended, MirrorDesk, MirrorError, Opened};
pub use health::{Mended, Replica, ReplicaPlace};
pub use here::Deed;
pub use holds::{HeldDeletes, WhichEntries};
pub(crate) use late::went_by_us;
pub use news::{Changed, MirrorHeads};
pub use places::{MirrorFolder, RemoteFolder};
pub use preview::{MirrorPlan, NameProblem, PlanNote, PlanSide, PlanStep, PlanSummary, Room};
pub use scene::{Loaded, Newcomers, Thing};
pub use sending::{Sessions, StoredSource};
pub use settings::{MirrorChange, MirrorSettings, NewMirror};
pub use ties::Guard as DeleteGuard;
pub(crate) use uploads::{Copied, OnTheWay};
pub use views::{FailedEntry, MirrorEvents, MirrorRow};
pub use wake::MirrorNews;

/// Tries of a mirror's job before its lease counts as lost for good; it is released after each round.
const TRIES: u32 = 8;
/// Mirrors that one statement reads.
const PAGE: u32 = 1000;

#[derive(Serialize, Deserialize)]
struct Payload {
    mirror: MirrorId,
}

impl Hub {
    /// Has a mirror looked after as soon as a worker is free.
    pub(crate) async fn queue_mirror(&self, tx: &mut Tx, id: MirrorId) -> Result<JobId, HubError> {
        let now = self.now();
        let job = NewJob {
            id: JobId::new(now, keys::random()),
            kind: JobKind::Mirror,
            payload: serde_json::to_string(&Payload { mirror: id }).expect("an id can be written as JSON"),
            dedupe_key: Some(format!("mirror {id}")),
            owner: None,
            node: None,
            priority: 0,
            max_attempts: TRIES,
            run_at_ms: now,
        };
        let job = tx.enqueue_job(&job, now).await?;
        tx.hasten_job(job, now).await?;
        Ok(job)
    }

    /// Has the mirrors of a connection looked after that waited for it to work again.
    pub(crate) async fn queue_waiting_mirrors(
        &self,
        tx: &mut Tx,
        connection: ConnectionId,
    ) -> Result<(), HubError> {
        for mirror in tx.mirrors_of_connection(connection).await? {
            let has_failed = mirror.state == MirrorState::Active && mirror.progress.failures > 0;
            if mirror.state == MirrorState::Trouble || has_failed {
                self.queue_mirror(tx, mirror.id).await?;
            }
        }
        Ok(())
    }
}

/// The mirror that a job looks after.
pub(crate) fn mirror_of(job: &Job) -> Option<MirrorId> {
    serde_json::from_str::<Payload>(&job.payload)
        .ok()
        .map(|payload| payload.mirror)
}

/// All mirrors of a person, or everybody's, the oldest first.
async fn all_mirrors(tx: &mut Tx, owner: Option<UserId>) -> Result<Vec<Mirror>, HubError> {
    let mut all: Vec<Mirror> = Vec::new();
    loop {
        let after = all.last().map_or(0, |last| last.number);
        let page = tx.mirrors(owner, after, PAGE).await?;
        let is_last = page.len() < PAGE as usize;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}
