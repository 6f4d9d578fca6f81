//! What a step's failure means for what comes next.

use connectors::RemoteError;
use hub::{HubError, MirrorError};
use model::Millis;

/// What to do after a step failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// What it was planned from is not so any more: plan anew.
    Again,
    /// It is tried again after a while, the others go on.
    Wait {
        /// A person has to do something, or much time has to pass.
        is_lasting: bool,
    },
    /// Nothing works at this provider now; until then, when it says.
    Stop(Option<Millis>),
}

pub(super) fn judge(error: &MirrorError) -> Verdict {
    match error {
        MirrorError::Changed => Verdict::Again,
        MirrorError::Lost => Verdict::Stop(None),
        MirrorError::Remote(error) => judge_remote(error),
        MirrorError::Hub(error) => match error {
            HubError::QuotaExceeded { .. }
            | HubError::Full
            | HubError::Body(_)
            | HubError::DigestMismatch(_) => Verdict::Wait { is_lasting: false },
            HubError::TooLarge { .. }
            | HubError::Forbidden(_)
            | HubError::Damaged
            | HubError::Invalid { .. } => Verdict::Wait { is_lasting: true },
            _ => Verdict::Stop(None),
        },
    }
}

fn judge_remote(error: &RemoteError) -> Verdict {
    match error {
        RemoteError::NotFound | RemoteError::Exists | RemoteError::Changed | RemoteError::CursorLost => {
            Verdict::Again
        }
        RemoteError::Locked
        | RemoteError::Damaged(_)
        | RemoteError::Full(_)
        | RemoteError::Unavailable(_)
        | RemoteError::Source(_) => Verdict::Wait { is_lasting: false },
        RemoteError::Refused { .. }
        | RemoteError::Name(_)
        | RemoteError::TooLarge { .. }
        | RemoteError::Unsupported(_)
        | RemoteError::NoContent => Verdict::Wait { is_lasting: true },
        RemoteError::Paused { until } => Verdict::Stop(Some(*until)),
        RemoteError::SignInAgain(_) | RemoteError::Misconfigured(_) | RemoteError::Unreachable(_) => {
            Verdict::Stop(None)
        }
    }
}
