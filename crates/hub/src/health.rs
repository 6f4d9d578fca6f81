//! Health: whether the parts answer, in a word for load balancers and in sentences for operators.

use std::time::Duration;

use crate::{Hub, HubError};

/// Free space below which a doctor warns.
const LOW_BYTES: u64 = 1 << 30;
/// A flush slower than this makes every upload slow.
const SLOW_FLUSH: Duration = Duration::from_millis(50);

/// How one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// As it should be.
    Good,
    /// It works, but an operator should know.
    Warning,
    /// It does not work.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, such as `database`.
    pub name: &'static str,
    /// How it is.
    pub state: CheckState,
    /// In a sentence.
    pub detail: String,
}

impl Hub {
    /// Tells whether database and store answer right now.
    ///
    /// # Errors
    /// `Unavailable`, naming nothing.
    pub async fn ready(&self) -> Result<(), HubError> {
        self.0.catalog.check().await?;
        // Looking for a key that is not there asks the store without writing to it.
        self.0
            .content
            .default_backend()
            .measure("000000/00000000000000000000000000000000")
            .await?;
        Ok(())
    }

    /// Looks at database and stores closely.
    pub async fn checks(&self) -> Vec<Check> {
        let mut checks = vec![self.check_database().await];
        for backend in self.0.content.backends() {
            checks.push(match backend.check().await {
                Ok(health) => store_check(backend.name(), health),
                Err(error) => Check {
                    name: "store",
                    state: CheckState::Bad,
                    detail: format!("{}: {error}", backend.name()),
                },
            });
        }
        checks
    }

    async fn check_database(&self) -> Check {
        let name = "database";
        match self.0.catalog.engine_version().await {
            Ok(version) => Check {
                name,
                state: CheckState::Good,
                detail: format!("{version} answers"),
            },
            Err(error) => Check {
                name,
                state: CheckState::Bad,
                detail: error.to_string(),
            },
        }
    }
}

fn store_check(store: &str, health: content::StoreHealth) -> Check {
    let flush_ms = health.flush.as_secs_f64() * 1000.0;
    let free = health.free_bytes.map_or_else(
        || "no bound on its space".to_owned(),
        |bytes| format!("{:.1} GiB free", bytes as f64 / f64::from(1 << 30)),
    );
    let detail = format!("store `{store}`: {free}, one flush takes {flush_ms:.2} ms");
    let is_low = health.free_bytes.is_some_and(|bytes| bytes < LOW_BYTES);
    let state = if is_low || health.flush > SLOW_FLUSH {
        CheckState::Warning
    } else {
        CheckState::Good
    };
    Check {
        name: "store",
        state,
        detail,
    }
}
