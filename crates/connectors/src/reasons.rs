//! What reasons of requests mean to who asked for an item.

use outbound::Reason;

use crate::RemoteError;

impl From<Reason> for RemoteError {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Full => Self::Full("it says so".to_owned()),
            Reason::Unavailable(error) | Reason::Io(error) => Self::Unavailable(error.to_string()),
            Reason::Paused { until } => Self::Paused { until },
            Reason::Rejected(reason) => Self::Refused {
                code: String::new(),
                reason,
            },
            Reason::Forbidden(forbidden) => Self::Unreachable(forbidden.to_string()),
        }
    }
}
