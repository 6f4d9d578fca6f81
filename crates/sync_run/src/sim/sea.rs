//! What all that know of the simulated provider share: the provider itself, what is late, and what is told of it all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cloud::Cloud;

/// What is done later than its caller was told.
pub(super) type Late = Box<dyn FnOnce(&mut Cloud) + Send>;

/// What is done with the words for what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Telling {
    Not,
    Kept,
    Printed,
}

/// What all that know of a provider share.
pub(super) struct Sea {
    cloud: Mutex<Cloud>,
    late: Mutex<Vec<Late>>,
    /// Nothing lags any more.
    is_calm: Mutex<bool>,
    telling: Telling,
    /// What happened, in words; empty unless it is kept.
    told: Mutex<Vec<String>>,
}

impl Sea {
    pub(super) fn new(cloud: Cloud, telling: Telling) -> Arc<Self> {
        Arc::new(Self {
            cloud: Mutex::new(cloud),
            late: Mutex::default(),
            is_calm: Mutex::new(false),
            telling,
            told: Mutex::default(),
        })
    }

    pub(super) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        match self.telling {
            Telling::Not => {}
            Telling::Kept => self
                .told
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(what()),
            Telling::Printed => println!("{}", what()),
        }
    }

    pub(super) fn take_told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Does the oldest of what is late; false when there is none.
    pub(super) fn land(&self) -> bool {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        if late.is_empty() {
            return false;
        }
        let effect = late.remove(0);
        drop(late);
        effect(&mut self.cloud());
        self.tell(|| "   (what was late is done)".to_owned());
        true
    }

    pub(super) fn put_off(&self, effect: Late) {
        self.late
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(effect);
    }

    pub(super) fn calm(&self) {
        *self.is_calm.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }

    pub(super) fn is_calm(&self) -> bool {
        *self.is_calm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
