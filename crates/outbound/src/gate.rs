//! Where pacing plugs in.

use std::time::Duration;

use async_trait::async_trait;

use super::{Call, Failure};

/// Lets requests through at the pace that a service allows, which several servers may share.
#[async_trait]
pub trait Gate: Send + Sync {
    /// Waits until the request may be sent. Asked before every try; the time does not count as the
    /// service's.
    ///
    /// # Errors
    /// [`Failure::Paused`] when that would be too long.
    async fn pass(&self, call: &Call) -> Result<(), Failure>;

    /// Hears of every answer.
    async fn told(&self, call: &Call, told: Told);
}

/// What an answer says about the pace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its status.
    pub status: u16,
    /// How long the service wants to be left alone.
    pub retry_after: Option<Duration>,
    /// The service's own word for what went wrong; empty when nothing did, or it has none.
    pub code: String,
}
