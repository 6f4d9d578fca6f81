//! Mirrors in numbers, for whoever watches the server.

use std::collections::BTreeMap;

use model::MirrorState;
use sync_plan::Step;

use super::desk::MirrorDesk;
use super::preview::kind;
use crate::{Hub, HubError};

/// Mirrors that one look takes in.
const STEP: u32 = 500;

impl MirrorDesk {
    /// Counts a step that was tried; one that was not done is tried again.
    pub fn count_step(step: &Step, is_done: bool) {
        let outcome = if is_done { "done" } else { "put_off" };
        metrics::counter!("cumuli_mirror_steps_total", "step" => kind(step), "outcome" => outcome)
            .increment(1);
    }
}

impl Hub {
    /// Counts mirrors by their state, how far the last one is behind, and the deletes that wait for a word.
    pub(crate) async fn gauge_mirrors(&self) -> Result<(), HubError> {
        let now = self.now();
        let mut tx = self.read().await?;
        let mut states: BTreeMap<&'static str, u32> =
            MirrorState::ALL.iter().map(|state| (state.as_str(), 0)).collect();
        let (mut behind_secs, mut failing, mut held, mut after) = (0, 0_u32, 0, 0);
        loop {
            let mirrors = tx.mirrors(None, after, STEP).await?;
            let Some(last) = mirrors.last() else { break };
            after = last.number;
            for mirror in &mirrors {
                *states.entry(mirror.state.as_str()).or_default() += 1;
                failing += u32::from(mirror.progress.failures > 0);
                if mirror.is_running() {
                    let since = mirror.progress.behind_ms.map_or(0, |since| now.0 - since.0);
                    behind_secs = behind_secs.max(since / 1000);
                }
                if mirror.state == MirrorState::Held {
                    held += tx.count_to_trash(mirror.id).await?.0;
                }
            }
        }
        for (state, count) in states {
            metrics::gauge!("cumuli_mirrors", "state" => state).set(f64::from(count));
        }
        metrics::gauge!("cumuli_mirrors_failing").set(f64::from(failing));
        // As exact as a float is.
        metrics::gauge!("cumuli_mirror_behind_seconds").set(behind_secs as f64);
        metrics::gauge!("cumuli_mirror_deletes_held").set(held as f64);
        Ok(())
    }
}
