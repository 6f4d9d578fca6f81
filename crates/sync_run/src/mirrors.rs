//! The engine of mirrors: one try looks at what changed, asks the planner, does each step and writes down what was
//! agreed, until nothing is left to do. What was not done is planned anew the next time, so it may be cut anywhere.

mod gate;
mod here;
mod recover;
mod round;
mod there;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use hub::{Ended, Hub, HubError, Keep, Lease, MirrorDesk, MirrorError, Opened, Upkept};
use model::{MirrorState, Progress};

pub(crate) use gate::gate;
use verdict::{Verdict, judge};

/// Entries that one plan is about.
const BATCH: u32 = 300;
/// Plans that one try makes before it lets others have the worker.
const ROUNDS: u32 = 2000;

/// One try at a mirror.
struct Run {
    desk: MirrorDesk,
    lease: Lease,
    /// Items that the provider was asked for and does not have, in this try.
    absent: HashSet<String>,
    /// Entries whose content there could not be read to be told from the one that was agreed on.
    undecided: HashSet<u64>,
    /// Folders there that were asked for in this round, and whether they are in the mirror.
    seen: HashMap<String, bool>,
    /// How often an entry that was to be trashed was found not to be, in this try.
    spared: HashMap<u64, u32>,
    done: u64,
}

/// Brings a mirror in step, as far as that is possible now. What goes wrong is written down with the mirror or with
/// what it is about, and tried again later.
pub(crate) async fn run(hub: &Hub, lease: &Lease) -> Result<Upkept, HubError> {
    let desk = match hub.mirror_desk(lease).await? {
        Opened::Desk(desk) => *desk,
        Opened::NotNow => return Ok(Upkept::default()),
    };
    let mut run = Run {
        desk,
        lease: lease.clone(),
        absent: HashSet::new(),
        undecided: HashSet::new(),
        seen: HashMap::new(),
        spared: HashMap::new(),
        done: 0,
    };
    let ended = match run.rounds().await {
        Ok(ended) => ended,
        Err(MirrorError::Lost) => return Ok(Upkept::default().stopped()),
        Err(MirrorError::Hub(error)) => return Err(error),
        Err(error) => match judge(&error) {
            Verdict::Stop(Some(until)) => Ended::Later(until),
            _ => {
                if let MirrorError::Remote(error) = &error {
                    run.desk.note_trouble(error).await;
                }
                Ended::Failed(error.to_string())
            }
        },
    };
    match run.desk.end(ended).await {
        Ok(()) => Ok(Upkept {
            removed: run.done,
            ..Upkept::default()
        }),
        Err(MirrorError::Hub(error)) => Err(error),
        Err(_) => Ok(Upkept::default().stopped()),
    }
}

impl Run {
    async fn rounds(&mut self) -> Result<Ended, MirrorError> {
        for _ in 0..ROUNDS {
            self.keep().await?;
            self.desk.refresh().await?;
            let is_paused = self.desk.mirror.state == MirrorState::Paused;
            if !is_paused {
                self.recover().await?;
            }
            while self.desk.gather().await? {
                self.keep().await?;
            }
            if std::mem::take(&mut self.desk.has_unknown) && !is_paused {
                self.recover().await?;
            }
            let due = self.desk.due(BATCH).await?;
            if self.desk.expand(&due).await? {
                continue;
            }
            if is_paused {
                return Ok(Ended::InStep);
            }
            self.seen.clear();
            let is_any = if due.is_empty() {
                self.trash_round().await?
            } else {
                self.round(&due).await?
            };
            if due.is_empty() && !is_any {
                return Ok(Ended::InStep);
            }
        }
        Ok(Ended::Later(self.desk.now()))
    }

    /// Keeps the lease, or puts everything down.
    async fn keep(&self) -> Result<(), MirrorError> {
        let progress = Progress {
            done_bytes: self.done,
            ..Progress::default()
        };
        match self.lease.report(progress).await? {
            Keep::GoOn => Ok(()),
            Keep::Stop => Err(MirrorError::Lost),
        }
    }
}
