//! The script of what goes wrong: which request, which time, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Deserialize;
use tokio::sync::watch;

/// One thing that goes wrong.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method, or any.
    #[serde(default)]
    pub method: Option<String>,
    /// Must occur in the path with its query, as they were sent; `*` stands for any text.
    pub path: String,
    /// The first request that it happens to: 1 is the next that matches.
    #[serde(default = "one")]
    pub nth: u32,
    /// To how many requests it happens.
    #[serde(default = "one")]
    pub times: u32,
    /// What happens.
    pub act: Act,
}

/// What happens to a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// This answer, and no effect.
    Answer {
        /// The HTTP status.
        status: u16,
        /// Headers of the answer.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// The effect happens, and this is the answer instead of the right one.
    AnswerAfter {
        /// The HTTP status.
        status: u16,
        /// Headers of the answer.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// The body.
        #[serde(default)]
        body: String,
    },
    /// It is taken up so many milliseconds of real time later.
    Delay(u64),
    /// The connection is closed before the body is read; no effect.
    DropBefore,
    /// The connection is closed after so many bytes of the body; what a provider keeps of them is kept.
    DropMid(u64),
    /// The effect happens, and the connection is closed without an answer.
    DropAfter,
    /// The full Content-Length and half the body, then the connection is closed.
    Truncate,
    /// One byte in the middle of the body is another.
    Flip,
    /// It happens twice, as when something between repeats a request; the second answer counts.
    Twice,
    /// It waits until this name is released.
    Hold(String),
}

const fn one() -> u32 {
    1
}

impl Fault {
    /// `act` on the next request that matches, once.
    #[must_use]
    pub fn on(method: &str, path: &str, act: Act) -> Self {
        Self {
            method: Some(method.to_owned()),
            path: path.to_owned(),
            nth: 1,
            times: 1,
            act,
        }
    }

    /// As [`Fault::on`], whatever the method.
    #[must_use]
    pub fn on_any(path: &str, act: Act) -> Self {
        Self {
            method: None,
            ..Self::on("", path, act)
        }
    }

    /// Not on the next, but on the nth that matches.
    #[must_use]
    pub fn nth(self, nth: u32) -> Self {
        Self { nth, ..self }
    }

    /// On so many requests in a row.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }
}

impl Act {
    /// A status with a JSON body.
    #[must_use]
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        let headers = [("content-type", "application/json; charset=UTF-8")];
        Self::Answer {
            status,
            headers: headers.map(|(name, value)| (name.into(), value.into())).into(),
            body: body.to_string(),
        }
    }

    /// A status with an empty body and one header, such as `Retry-After`.
    #[must_use]
    pub fn status(status: u16, header: Option<(&str, &str)>) -> Self {
        Self::Answer {
            status,
            headers: header
                .map(|(name, value)| (name.into(), value.into()))
                .into_iter()
                .collect(),
            body: String::new(),
        }
    }
}

/// The script. Cheap to clone; all clones are one script.
#[derive(Debug, Clone)]
pub struct Faults(Arc<Script>);

#[derive(Debug)]
struct Script {
    pending: Mutex<Vec<Pending>>,
    held: watch::Sender<Held>,
}

#[derive(Debug)]
struct Pending {
    fault: Fault,
    seen: u32,
}

#[derive(Debug, Default, Clone)]
struct Held {
    /// Names at which a request waits or has waited.
    reached: BTreeSet<String>,
    released: BTreeSet<String>,
}

impl Default for Faults {
    fn default() -> Self {
        Self(Arc::new(Script {
            pending: Mutex::default(),
            held: watch::Sender::new(Held::default()),
        }))
    }
}

impl Faults {
    /// Adds to the script. Of several that are due at once the one pushed first happens, and the others stay due.
    pub fn push(&self, fault: Fault) {
        self.pending().push(Pending { fault, seen: 0 });
    }

    /// Forgets the script and lets go of everybody who is held.
    pub fn clear(&self) {
        self.pending().clear();
        self.0.held.send_modify(|held| {
            let reached = std::mem::take(&mut held.reached);
            held.released.extend(reached);
        });
    }

    /// How many faults have yet to happen.
    #[must_use]
    pub fn left(&self) -> usize {
        self.pending().len()
    }

    /// Lets requests go on that are held at `name`, and those still to come.
    pub fn release(&self, name: &str) {
        self.0.held.send_modify(|held| {
            held.released.insert(name.to_owned());
        });
    }

    /// Waits until a request is held at `name`.
    pub async fn reached(&self, name: &str) {
        let mut held = self.0.held.subscribe();
        // The sender lives as long as `self`.
        held.wait_for(|held| held.reached.contains(name)).await.ok();
    }

    /// Waits at `name` until it is released.
    pub(crate) async fn hold(&self, name: &str) {
        self.0.held.send_modify(|held| {
            held.reached.insert(name.to_owned());
        });
        let mut held = self.0.held.subscribe();
        held.wait_for(|held| held.released.contains(name)).await.ok();
    }

    /// What happens to this request.
    pub(crate) fn due(&self, method: &str, path_and_query: &str) -> Option<Act> {
        let mut pending = self.pending();
        let mut due = None;
        for (at, one) in pending.iter_mut().enumerate() {
            let is_method = one.fault.method.as_deref().is_none_or(|is| is == method);
            if !is_method || !occurs(&one.fault.path, path_and_query) {
                continue;
            }
            one.seen += 1;
            if due.is_none() && one.seen >= one.fault.nth {
                due = Some(at);
            }
        }
        let at = due?;
        let act = pending[at].fault.act.clone();
        pending[at].fault.times = pending[at].fault.times.saturating_sub(1);
        if pending[at].fault.times == 0 {
            pending.remove(at);
        }
        Some(act)
    }

    fn pending(&self) -> MutexGuard<'_, Vec<Pending>> {
        self.0.pending.lock().expect("nobody panics while holding it")
    }
}

/// Whether the parts of `pattern` between its stars occur in `text`, one after the other.
fn occurs(pattern: &str, text: &str) -> bool {
    let mut rest = text;
    for part in pattern.split('*') {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_happens_on_the_nth_that_matches_and_so_many_times() {
        let faults = Faults::default();
        faults.push(
            Fault::on("PUT", "/upload/*upload_id", Act::DropBefore)
                .nth(2)
                .times(2),
        );
        let hits: Vec<bool> = (0..4)
            .map(|_| faults.due("PUT", "/upload/drive/v3/files?upload_id=1").is_some())
            .collect();

        assert_eq!(hits, [false, true, true, false]);
        assert!(faults.due("GET", "/upload/drive/v3/files?upload_id=1").is_none());
    }

    #[test]
    fn faults_on_the_same_requests_come_one_after_the_other() {
        let faults = Faults::default();
        faults.push(Fault::on_any("/files", Act::DropBefore).times(2));
        faults.push(Fault::on_any("/files", Act::DropAfter));
        let acts: Vec<_> = (0..4).map(|_| faults.due("GET", "/files")).collect();

        assert!(matches!(
            acts[..],
            [
                Some(Act::DropBefore),
                Some(Act::DropBefore),
                Some(Act::DropAfter),
                None
            ]
        ));
    }
}
