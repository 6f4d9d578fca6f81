//! What a provider's answer means to who asked us.

use connectors::RemoteError;

use crate::HubError;

/// A pause of which no more is known, seconds.
const PAUSE_SECS: u64 = 60;

impl From<RemoteError> for HubError {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::NotFound => Self::NotFound("item at the provider"),
            RemoteError::Exists => Self::Conflict("something of that name is there already"),
            RemoteError::Changed => Self::Stale,
            RemoteError::SignInAgain(_) => Self::SignInAgain(error.to_string()),
            // For how long is told by who has a clock.
            RemoteError::Paused { .. } => Self::RemoteBusy {
                retry_after_secs: PAUSE_SECS,
            },
            RemoteError::Unavailable(_) | RemoteError::Damaged(_) | RemoteError::CursorLost => {
                Self::RemoteDown(error.to_string())
            }
            RemoteError::Source(error) => Self::Body(error),
            RemoteError::Refused { .. }
            | RemoteError::Misconfigured(_)
            | RemoteError::Unreachable(_)
            | RemoteError::NoContent
            | RemoteError::Full(_)
            | RemoteError::Locked
            | RemoteError::Name(_)
            | RemoteError::TooLarge { .. }
            | RemoteError::Unsupported(_) => Self::RemoteRefuses(error.to_string()),
        }
    }
}
