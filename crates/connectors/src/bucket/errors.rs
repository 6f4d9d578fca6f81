//! What a bucket's refusals mean.

use model::Millis;
use outbound::{Failure, Refusal};

use super::Bucket;
use crate::{RemoteError, SignInReason};

/// Words for keys that are not taken.
const KEYS: &[&str] = &[
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "TokenRefreshRequired",
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "NoAuthenticationInformation",
    "KeyBasedAuthenticationNotPermitted",
];
/// Words for a bucket that is set up wrong, or named wrong.
const SET_UP: &[&str] = &[
    "NoSuchBucket",
    "InvalidBucketName",
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "RequestTimeTooSkewed",
    "ContainerNotFound",
    "ContainerDisabled",
    "ResourceNotFound",
    "AccountNotFound",
    "AccountIsDisabled",
    "InvalidResourceName",
];

/// Words for what somebody holds.
const LOCKED: &[&str] = &[
    "LeaseIdMissing",
    "LeaseIdMismatchWithBlobOperation",
    "LeaseAlreadyPresent",
    "BlobImmutableDueToPolicy",
];

/// What a refusal means whatever was asked.
enum Meaning {
    Keys,
    Locked,
    SetUp,
    Wait(Millis),
    Missing,
    Changed,
    Other,
}

fn meaning(refusal: &Refusal) -> Meaning {
    let code = refusal.code.as_str();
    if KEYS.contains(&code) || refusal.status == 401 {
        return Meaning::Keys;
    }
    if LOCKED.contains(&code) {
        return Meaning::Locked;
    }
    if SET_UP.contains(&code) {
        return Meaning::SetUp;
    }
    match refusal.status {
        404 => Meaning::Missing,
        412 => Meaning::Changed,
        429 | 503 => match refusal.retry_after() {
            Some(wait) => {
                let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
                Meaning::Wait(Millis(refusal.at.0.saturating_add(wait_ms)))
            }
            None => Meaning::Other,
        },
        _ => Meaning::Other,
    }
}

impl Bucket {
    /// What a failure means.
    pub(super) fn error(&self, failure: Failure) -> RemoteError {
        let Some(refusal) = failure.refusal() else {
            return self.store.client().reason(failure).into();
        };
        let code = refusal.code.clone();
        match meaning(refusal) {
            Meaning::Keys => return RemoteError::SignInAgain(SignInReason::Keys(code)),
            Meaning::Locked => return RemoteError::Locked,
            Meaning::Wait(until) => return RemoteError::Paused { until },
            Meaning::Missing => return RemoteError::NotFound,
            Meaning::Changed => return RemoteError::Changed,
            Meaning::SetUp => {
                return RemoteError::Misconfigured(self.store.client().reason(failure).to_string());
            }
            Meaning::Other => {}
        }
        match self.store.client().reason(failure).into() {
            RemoteError::Refused { reason, .. } => RemoteError::Refused { code, reason },
            other => other,
        }
    }
}

/// Whether a write was refused because of its condition.
pub(super) fn is_conflict(failure: &Failure) -> bool {
    match failure.status() {
        Some(412) => !LOCKED.contains(&failure.code()),
        Some(409) => matches!(
            failure.code(),
            "ConditionalRequestConflict"
                | "BlobAlreadyExists"
                | "PendingCopyOperation"
                | "PreconditionFailed"
        ),
        _ => false,
    }
}
