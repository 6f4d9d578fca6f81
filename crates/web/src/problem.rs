//! How HTTP words a [`HubError`]: RFC 9457 problem details. The one place where statuses are chosen.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use hub::HubError;
use model::BodyError;
use serde::Serialize;
use utoipa::ToSchema;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldProblem {
    /// The field.
    #[schema(example = "email")]
    pub field: String,
    /// What is wrong with it, and what would be right.
    #[schema(example = "an e-mail address looks like name@example.org")]
    pub detail: String,
}

/// What went wrong, as RFC 9457 has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Names the kind of problem, for programs; it never changes.
    #[serde(rename = "type")]
    #[schema(example = "urn:cumuli:problem:not_found")]
    pub kind: String,
    /// The kind in a few words.
    #[schema(example = "Not found")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened this time, in a sentence for a person.
    #[schema(example = "There is no such file.")]
    pub detail: String,
    /// The fields that are wrong, where it is about fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    #[serde(skip)]
    #[schema(ignore)]
    extra: Extra,
}

/// What a problem says in headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Extra {
    #[default]
    None,
    /// `Retry-After`, seconds.
    RetryAfter(u64),
    /// `WWW-Authenticate`: sign in.
    Challenge,
    /// `WWW-Authenticate`: give the link's password. No browser asks for it by itself.
    LinkChallenge,
    /// The connection cannot be used for another request.
    Close,
}

/// What a handler answers when it cannot do what was asked.
#[derive(Debug)]
pub(crate) struct ApiError(pub Problem);

impl Problem {
    /// A problem of a kind: its status, its name for programs, its title.
    pub fn new((status, name, title): Kind, detail: impl Into<String>) -> Self {
        let detail = sentence(detail.into());
        let kind = format!("urn:cumuli:problem:{name}");
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail,
            errors: Vec::new(),
            extra: Extra::None,
        }
    }

    /// Says something in headers too.
    #[must_use]
    pub fn with(mut self, extra: Extra) -> Self {
        self.extra = extra;
        self
    }

    /// Names a field that is wrong.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldProblem {
            field: field.into(),
            detail: detail.into(),
        });
        self
    }
}

/// A phrase as a sentence: a capital at its head and a full stop.
pub(crate) fn sentence(phrase: String) -> String {
    let mut letters = phrase.chars();
    let Some(first) = letters.next() else {
        return phrase;
    };
    let stop = if phrase.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{stop}", first.to_uppercase(), letters.as_str())
}

/// Status, name for programs, title.
pub(crate) type Kind = (StatusCode, &'static str, &'static str);

pub(crate) const MALFORMED: Kind = (StatusCode::BAD_REQUEST, "malformed", "Malformed request");
pub(crate) const INVALID: Kind = (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Invalid input");
pub(crate) const UNAUTHENTICATED: Kind = (StatusCode::UNAUTHORIZED, "unauthenticated", "Not signed in");
pub(crate) const LINK_LOCKED: Kind = (StatusCode::UNAUTHORIZED, "link_password", "A password is needed");
pub(crate) const FORBIDDEN: Kind = (StatusCode::FORBIDDEN, "forbidden", "Forbidden");
pub(crate) const NOT_FOUND: Kind = (StatusCode::NOT_FOUND, "not_found", "Not found");
pub(crate) const METHOD: Kind = (
    StatusCode::METHOD_NOT_ALLOWED,
    "method_not_allowed",
    "Method not allowed",
);
pub(crate) const CONFLICT: Kind = (StatusCode::CONFLICT, "conflict", "Conflict");
pub(crate) const NAME_TAKEN: Kind = (StatusCode::CONFLICT, "name_taken", "Name taken");
pub(crate) const STALE: Kind = (StatusCode::PRECONDITION_FAILED, "stale", "Precondition failed");
pub(crate) const TOO_LARGE: Kind = (StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Too large");
pub(crate) const MEDIA_TYPE: Kind = (
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "unsupported_media_type",
    "Unsupported media type",
);
pub(crate) const RANGE: Kind = (
    StatusCode::RANGE_NOT_SATISFIABLE,
    "range",
    "Range not satisfiable",
);
pub(crate) const TRIES: Kind = (StatusCode::TOO_MANY_REQUESTS, "too_many_tries", "Too many tries");
pub(crate) const SLOW: Kind = (StatusCode::REQUEST_TIMEOUT, "too_slow", "Request timeout");
pub(crate) const NOT_CONFIGURED: Kind = (
    StatusCode::CONFLICT,
    "provider_not_configured",
    "Provider not configured",
);
pub(crate) const JOIN_NEEDED: Kind = (StatusCode::CONFLICT, "join_needed", "Account exists");
const SIGN_IN_FAILED: Kind = (StatusCode::BAD_REQUEST, "sign_in_failed", "Sign-in failed");
const ID_TOKEN: Kind = (StatusCode::UNAUTHORIZED, "id_token_refused", "ID token refused");
const PROVIDER_DOWN: Kind = (
    StatusCode::BAD_GATEWAY,
    "provider_unavailable",
    "Provider unavailable",
);
const PROVIDER_MISFIT: Kind = (
    StatusCode::BAD_GATEWAY,
    "provider_misconfigured",
    "Provider misconfigured",
);
const SIGN_IN_AGAIN: Kind = (StatusCode::CONFLICT, "sign_in_again", "Sign in again");
const REMOTE_REFUSES: Kind = (
    StatusCode::UNPROCESSABLE_ENTITY,
    "connection_refuses",
    "The connection refuses",
);
const REMOTE_DOWN: Kind = (
    StatusCode::BAD_GATEWAY,
    "connection_unavailable",
    "The connection does not answer",
);
const REMOTE_BUSY: Kind = (
    StatusCode::SERVICE_UNAVAILABLE,
    "connection_busy",
    "The connection is paused",
);
const INTERNAL: Kind = (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error");
const DAMAGED: Kind = (
    StatusCode::INTERNAL_SERVER_ERROR,
    "damaged",
    "Stored content damaged",
);
const STORE_REFUSES: Kind = (StatusCode::BAD_GATEWAY, "storage_refuses", "Storage refuses");
const UNAVAILABLE: Kind = (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Unavailable");
const FULL: Kind = (StatusCode::INSUFFICIENT_STORAGE, "full", "Storage full");
pub(crate) const QUOTA: Kind = (
    StatusCode::INSUFFICIENT_STORAGE,
    "quota_exceeded",
    "Quota exceeded",
);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<HubError> for ApiError {
    fn from(error: HubError) -> Self {
        let detail = error.to_string();
        let (kind, extra) = match &error {
            HubError::NotFound(_) => (NOT_FOUND, Extra::None),
            HubError::Forbidden(_) => (FORBIDDEN, Extra::None),
            HubError::Unauthenticated(_) => (UNAUTHENTICATED, Extra::Challenge),
            HubError::LinkLocked => (LINK_LOCKED, Extra::LinkChallenge),
            HubError::SignInFailed(_) => (SIGN_IN_FAILED, Extra::None),
            HubError::IdToken(_) => (ID_TOKEN, Extra::Challenge),
            HubError::ProviderDown(_) => (PROVIDER_DOWN, Extra::RetryAfter(5)),
            HubError::ProviderMisfit(_) => (PROVIDER_MISFIT, Extra::None),
            HubError::TooManyTries { retry_after_secs } => (TRIES, Extra::RetryAfter(*retry_after_secs)),
            HubError::NameTaken(_) => (NAME_TAKEN, Extra::None),
            HubError::EmailTaken | HubError::Conflict(_) => (CONFLICT, Extra::None),
            HubError::Stale => (STALE, Extra::None),
            HubError::Invalid { field, problem } => {
                // A cursor is not typed by people: one that does not fit is a malformed request.
                let kind = if *field == "cursor" { MALFORMED } else { INVALID };
                return Problem::new(kind, format!("`{field}`: {problem}"))
                    .field(*field, problem.clone())
                    .into();
            }
            HubError::UnknownPicture(_) => (MEDIA_TYPE, Extra::None),
            HubError::TooLarge { .. } => (TOO_LARGE, Extra::Close),
            HubError::QuotaExceeded { .. } => (QUOTA, Extra::None),
            HubError::Body(BodyError::TooSlow) => (SLOW, Extra::Close),
            HubError::Body(_) => (MALFORMED, Extra::Close),
            HubError::DigestMismatch(_) => (INVALID, Extra::None),
            HubError::NotConfigured { .. } => (NOT_CONFIGURED, Extra::None),
            HubError::SignInAgain(_) => (SIGN_IN_AGAIN, Extra::None),
            HubError::RemoteRefuses(_) => (REMOTE_REFUSES, Extra::None),
            HubError::RemoteDown(_) => (REMOTE_DOWN, Extra::RetryAfter(5)),
            HubError::RemoteBusy { retry_after_secs } => (REMOTE_BUSY, Extra::RetryAfter(*retry_after_secs)),
            HubError::Damaged => (DAMAGED, Extra::None),
            HubError::Full => (FULL, Extra::None),
            HubError::StoreRefuses(cause) => {
                tracing::error!(error = %cause, "a store refuses a request");
                (STORE_REFUSES, Extra::None)
            }
            HubError::Unavailable(cause) => {
                tracing::warn!(error = %cause, "a request met something that does not answer");
                (UNAVAILABLE, Extra::RetryAfter(1))
            }
            HubError::Internal(cause) => {
                tracing::error!(error = ?cause, "a request failed");
                (INTERNAL, Extra::None)
            }
        };
        Problem::new(kind, detail).with(extra).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let extra = self.extra;
        let mut response = (status, Json(&self)).into_response();
        // For dialects, which say the same in their own words.
        response.extensions_mut().insert(self);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match extra {
            Extra::None => {}
            Extra::RetryAfter(secs) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
            }
            Extra::Challenge => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"cumuli\""),
                );
            }
            Extra::LinkChallenge => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("LinkPassword realm=\"cumuli\""),
                );
            }
            Extra::Close => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
        }
        response
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
