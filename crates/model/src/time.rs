//! Time as the catalog stores it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// The moment `secs` seconds later; saturates at the ends of time.
    #[must_use]
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs.saturating_mul(1000)))
    }

    /// The moment `secs` seconds earlier; saturates at the ends of time.
    #[must_use]
    pub const fn minus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_sub(secs.saturating_mul(1000)))
    }
}

/// Tells the time. It comes in as an argument so that tests choose it.
pub type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;
