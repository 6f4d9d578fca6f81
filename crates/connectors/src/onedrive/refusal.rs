//! What Graph says when it does not do something, and what that is to us.

use std::sync::Arc;

use async_trait::async_trait;
use model::Millis;
use outbound::{Call, Dialect, Failure, Reason, Refusal};
use serde_json::Value;

use super::LARGEST_BYTES;
use crate::{NameFault, RemoteError, SignInReason, Tokens};

/// How long an account rests when the service says only that it is too much.
const REST_SECS: i64 = 60;
/// The same when a day's worth of bytes is used up.
const LONG_REST_SECS: i64 = 15 * 60;
/// How deep errors are nested at most.
const DEPTH: usize = 8;
/// The longest path, in characters.
const LONGEST_PATH: usize = 400;

/// The codes that say something: the innermost of these counts.
const CODES: &[&str] = &[
    "accessDenied",
    "accessRestricted",
    "activityLimitReached",
    "cannotSnapshotTree",
    "conflict",
    "entityTagDoesNotMatch",
    "fragmentLengthMismatch",
    "fragmentOverlap",
    "insufficientStorage",
    "invalidPath",
    "invalidRange",
    "itemNotFound",
    "lockMismatch",
    "lockNotFoundOrAlreadyExpired",
    "malwareDetected",
    "nameAlreadyExists",
    "notAllowed",
    "pathIsTooLong",
    "preconditionFailed",
    "quotaLimitReached",
    "resourceLocked",
    "resourceModified",
    "resyncApplyDifferences",
    "resyncChangesApplyDifferences",
    "resyncChangesUploadDifferences",
    "resyncRequired",
    "resyncUploadDifferences",
    "serviceNotAvailable",
    "syncStateNotFound",
    "tooManyRequests",
    "unauthenticated",
    "uploadSessionNotFound",
];

/// How the service wants to be asked.
pub(super) struct Graph {
    pub(super) tokens: Arc<dyn Tokens>,
}

#[async_trait]
impl Dialect for Graph {
    async fn authorize(&self, call: &mut Call) -> Result<(), Reason> {
        // What went wrong comes out again in `Trouble::from`.
        let token = self.tokens.token().await;
        let token = token.map_err(|error| Reason::Io(std::io::Error::other(error)))?;
        call.set_header("authorization", &format!("Bearer {}", token.expose()));
        Ok(())
    }

    fn code(&self, refusal: &Refusal) -> Option<String> {
        code_of(&refusal.body)
    }

    fn is_passing(&self, code: &str) -> bool {
        matches!(
            code,
            "activityLimitReached" | "tooManyRequests" | "serviceNotAvailable"
        )
    }

    fn is_full(&self, code: &str) -> bool {
        matches!(code, "quotaLimitReached" | "insufficientStorage")
    }

    fn help(&self, _refusal: &Refusal) -> Option<String> {
        None
    }
}

/// The most telling code of an answer: the innermost one that is known, or else the outermost.
fn code_of(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let mut at = answer.get("error")?;
    let mut code = at.get("code").and_then(Value::as_str);
    for _ in 0..DEPTH {
        // Both spellings are met.
        let Some(inner) = at.get("innerError").or_else(|| at.get("innererror")) else {
            break;
        };
        at = inner;
        let inner = at.get("code").and_then(Value::as_str);
        code = inner.filter(|inner| CODES.contains(inner)).or(code);
    }
    code.map(ToOwned::to_owned)
}

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The service answered and did not do it.
    Refused(Box<Refusal>),
    /// Anything else.
    Other(RemoteError),
}

impl Trouble {
    /// The status of the refusal; 0 when it is none.
    pub(super) const fn status(&self) -> u16 {
        match self {
            Self::Refused(refusal) => refusal.status,
            Self::Other(_) => 0,
        }
    }

    /// The code of the refusal; empty when it is none.
    pub(super) fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.code,
            Self::Other(_) => "",
        }
    }

    /// Whether an earlier try of the same request may have done it, unheard.
    pub(super) const fn may_be_done(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.try_count > 1,
            Self::Other(_) => false,
        }
    }

    /// Whether it may be done nevertheless: nothing was heard, or what an earlier try brought about is in the way.
    pub(super) fn leaves_open(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.status, 404 | 408 | 409 | 412 | 500 | 502 | 504),
            Self::Other(error) => matches!(error, RemoteError::Unavailable(_)),
        }
    }

    /// Whether it may be only that the service has not told itself everywhere what was just written.
    pub(super) fn may_be_lag(&self) -> bool {
        self.status() == 404 || (self.status() == 400 && matches!(self.code(), "invalidRequest" | ""))
    }

    /// Whether the token is refused in a way that another token of the same kind does not help.
    pub(super) fn wants_claims(&self) -> bool {
        match self {
            Self::Refused(refusal) => {
                let told = refusal.header("www-authenticate").unwrap_or_default();
                matches!(refusal.status, 401 | 403)
                    && (told.contains("insufficient_claims") || told.contains("claims="))
            }
            Self::Other(_) => false,
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        let other = match failure {
            Failure::Refused(refusal) => return Self::Refused(refusal),
            Failure::Silent(error) => RemoteError::Unavailable(error.to_string()),
            Failure::Paused { until } => RemoteError::Paused { until },
            Failure::Ours(reason) => ours(reason),
        };
        Self::Other(other)
    }
}

/// What `authorize` could not get a token for comes out again as it was.
fn ours(reason: Reason) -> RemoteError {
    match reason {
        Reason::Io(error) => match error.downcast::<RemoteError>() {
            Ok(error) => error,
            Err(error) => RemoteError::Unavailable(error.to_string()),
        },
        other => other.into(),
    }
}

impl From<RemoteError> for Trouble {
    fn from(error: RemoteError) -> Self {
        Self::Other(error)
    }
}

impl From<Trouble> for RemoteError {
    fn from(trouble: Trouble) -> Self {
        if trouble.wants_claims() {
            return Self::SignInAgain(SignInReason::Ended("insufficient_claims".to_owned()));
        }
        match trouble {
            Trouble::Refused(refusal) => error_of(&refusal),
            Trouble::Other(error) => error,
        }
    }
}

fn error_of(refusal: &Refusal) -> RemoteError {
    let code = refusal.code.as_str();
    match code {
        "quotaLimitReached" | "insufficientStorage" => return full(code),
        "resourceLocked" | "lockMismatch" | "lockNotFoundOrAlreadyExpired" => return RemoteError::Locked,
        "pathIsTooLong" => return RemoteError::Name(NameFault::Long(LONGEST_PATH)),
        "malwareDetected" => return refused(code, "Microsoft found malware in this file"),
        _ => {}
    }
    match refusal.status {
        401 => RemoteError::SignInAgain(SignInReason::Ended(word(refusal))),
        404 => RemoteError::NotFound,
        409 if matches!(code, "nameAlreadyExists" | "") => RemoteError::Exists,
        409 => RemoteError::Unavailable(refusal.to_string()),
        410 if code.starts_with("resync") || matches!(code, "syncStateNotFound" | "") => {
            RemoteError::CursorLost
        }
        410 => RemoteError::NotFound,
        412 => RemoteError::Changed,
        413 => RemoteError::TooLarge {
            most_bytes: LARGEST_BYTES,
        },
        423 => RemoteError::Locked,
        429 => paused(refusal, REST_SECS),
        503 if refusal.header("retry-after").is_some() => paused(refusal, REST_SECS),
        507 => full(code),
        509 => paused(refusal, LONG_REST_SECS),
        403 => refused(&word(refusal), "Microsoft does not allow this with this item"),
        status if status >= 500 || status == 408 => RemoteError::Unavailable(refusal.to_string()),
        _ => refused(&word(refusal), "Microsoft does not take the request"),
    }
}

/// The code, or the status where there is none.
fn word(refusal: &Refusal) -> String {
    if refusal.code.is_empty() {
        refusal.status.to_string()
    } else {
        refusal.code.clone()
    }
}

fn full(code: &str) -> RemoteError {
    let code = if code.is_empty() {
        "insufficientStorage"
    } else {
        code
    };
    RemoteError::Full(format!("Microsoft says {code}"))
}

fn refused(code: &str, reason: &str) -> RemoteError {
    RemoteError::Refused {
        code: code.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The service wants to be left alone: for as long as it says, or for `rest_secs`.
fn paused(refusal: &Refusal, rest_secs: i64) -> RemoteError {
    let told = refusal.header("retry-after").map(str::trim);
    let by_secs = told
        .and_then(|told| told.parse().ok())
        .map(|secs| refusal.at.plus_secs(secs));
    let until = by_secs.or_else(|| told.and_then(outbound::parse_http_date));
    let until = until.unwrap_or_else(|| refusal.at.plus_secs(rest_secs));
    RemoteError::Paused {
        until: Millis(until.0.max(refusal.at.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_known_code_counts_in_either_spelling() {
        for (body, code) in [
            (r#"{"error":{"code":"accessDenied"}}"#, Some("accessDenied")),
            (
                r#"{"error":{"code":"notAllowed","innererror":{"code":"preconditionFailed","innerError":{"date":"x"}}}}"#,
                Some("preconditionFailed"),
            ),
            (
                r#"{"error":{"code":"accessDenied","innerError":{"code":"somethingNew"}}}"#,
                Some("accessDenied"),
            ),
            (r#"{"error":{"code":"somethingNew"}}"#, Some("somethingNew")),
            (r#"{"error":{"message":"m"}}"#, None),
            ("<html>502</html>", None),
        ] {
            assert_eq!(code_of(body.as_bytes()).as_deref(), code, "{body}");
        }
    }

    #[test]
    fn errors_nested_without_end_are_read_to_a_depth() {
        let nested = r#"{"code":"a","innererror":"#.repeat(60);
        let body = format!(r#"{{"error":{nested}null{}}}"#, "}".repeat(60));

        assert_eq!(code_of(body.as_bytes()).as_deref(), Some("a"));
    }
}
