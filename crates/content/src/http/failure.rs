//! Why a request failed, and what that means to who asked for a blob.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use model::Millis;
use reqwest::header::HeaderMap;

use super::call::{Whole, text_of};
use super::{Dialect, parse_http_date, skew_ms};
use crate::ContentError;

/// The longest word of a store that is repeated.
const CODE_CHARS: usize = 64;
/// From here on a clock is worth a word.
const SKEW_MS: i64 = 5 * 60 * 1000;

/// Why a request failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The store answered and did not do it.
    Refused(Box<Refusal>),
    /// No answer came, or none that can be understood.
    Silent(io::Error),
    /// It was never sent.
    Ours(ContentError),
}

/// An answer that says no.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Its status.
    pub(crate) status: u16,
    /// The store's own word: letters, digits and little else; empty when it has none.
    pub(crate) code: String,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// The beginning of its body. It may repeat what we sent, so it is never shown.
    pub(crate) body: Bytes,
    /// How far the store's clock is ahead of ours, when it tells.
    pub(crate) skew_ms: Option<i64>,
    /// When it was received, by our clock.
    pub(crate) at: Millis,
    /// How often the request was sent.
    pub(crate) try_count: u32,
}

impl Refusal {
    pub(super) fn of(whole: Whole, at: Millis) -> Self {
        Self {
            status: whole.status,
            code: String::new(),
            skew_ms: skew_ms(&whole.headers, at),
            headers: whole.headers,
            body: whole.body,
            at,
            try_count: 1,
        }
    }

    pub(super) fn into_whole(self) -> Whole {
        Whole {
            status: self.status,
            headers: self.headers,
            body: self.body,
        }
    }

    pub(super) fn set_code(&mut self, code: Option<String>) {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let code = code.unwrap_or_default();
        self.code = code.chars().filter(is_plain).take(CODE_CHARS).collect();
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        text_of(&self.headers, name)
    }

    fn retry_after(&self) -> Option<Duration> {
        let told = self.header("retry-after")?.trim();
        if let Ok(secs) = told.parse() {
            return Some(Duration::from_secs(secs));
        }
        let at = parse_http_date(told)?;
        let wait_ms = at.0.saturating_sub(self.at.0);
        Some(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0)))
    }

    fn is_passing(&self, dialect: &dyn Dialect) -> bool {
        if dialect.is_full(&self.code) {
            return false;
        }
        matches!(self.status, 408 | 429 | 500 | 502 | 503 | 504) || dialect.is_passing(&self.code)
    }

    /// What it says, as a sentence without secrets.
    fn reason(&self, dialect: &dyn Dialect) -> String {
        let mut reason = format!("{self}");
        if let Some(help) = dialect.help(self) {
            reason.push_str(": ");
            reason.push_str(&help);
        }
        if let Some(skew_ms) = self.skew_ms.filter(|skew_ms| skew_ms.abs() >= SKEW_MS) {
            let minutes = skew_ms.abs() / 60_000;
            let side = if skew_ms > 0 { "ahead of" } else { "behind" };
            reason.push_str(&format!(
                "; its clock is {minutes} minutes {side} ours: set this machine's clock"
            ));
        }
        reason
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it answered {}", self.status)?;
        if !self.code.is_empty() {
            write!(f, " ({})", self.code)?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Silent(error) => error.fmt(f),
            Self::Ours(error) => error.fmt(f),
        }
    }
}

impl Failure {
    /// A connection that failed or broke.
    pub(super) fn silent(error: reqwest::Error) -> Self {
        // The address may hold a signature.
        let error = error.without_url();
        let what = if error.is_connect() {
            "it cannot be reached"
        } else if error.is_timeout() {
            "it took too long"
        } else {
            "the connection broke"
        };
        Self::Silent(io::Error::other(format!("{what}: {}", last_cause(&error))))
    }

    pub(crate) fn too_slow() -> Self {
        Self::Silent(io::Error::new(io::ErrorKind::TimedOut, "it took too long"))
    }

    /// An answer that cannot be understood.
    pub(crate) fn strange(what: &'static str) -> Self {
        Self::Silent(io::Error::new(io::ErrorKind::InvalidData, what))
    }

    /// The refusal with this status, if it is one.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::Silent(_) | Self::Ours(_) => None,
        }
    }

    /// The store's own word; empty when there is none.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.code,
            Self::Silent(_) | Self::Ours(_) => "",
        }
    }

    pub(super) fn after(mut self, try_count: u32) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.try_count = try_count;
        }
        self
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after(),
            Self::Silent(_) | Self::Ours(_) => None,
        }
    }

    pub(super) fn is_passing(&self, dialect: &dyn Dialect) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_passing(dialect),
            Self::Silent(_) => true,
            Self::Ours(_) => false,
        }
    }

    pub(super) fn into_error(self, store: &str, dialect: &dyn Dialect) -> ContentError {
        let refusal = match self {
            Self::Refused(refusal) => refusal,
            Self::Silent(error) => return ContentError::Unavailable(error),
            Self::Ours(error) => return error,
        };
        if refusal.status == 507 || dialect.is_full(&refusal.code) {
            return ContentError::Full;
        }
        let reason = refusal.reason(dialect);
        if refusal.status >= 500 && refusal.status != 501 || refusal.is_passing(dialect) {
            return ContentError::Unavailable(io::Error::other(reason));
        }
        ContentError::Rejected {
            store: store.to_owned(),
            reason,
        }
    }
}

/// What lies at the bottom of an error: a system's word, such as `Connection refused`.
pub(super) fn last_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
