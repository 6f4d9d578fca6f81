//! Why a request failed, and what that comes to.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use model::Millis;
use reqwest::header::HeaderMap;

use super::call::{Whole, text_of};
use super::{Dialect, Forbidden, Secret, parse_http_date, skew_ms};

/// The longest word of a service that is repeated.
const CODE_CHARS: usize = 64;
/// From here on a clock is worth a word.
const SKEW_MS: i64 = 5 * 60 * 1000;

/// Why a request failed.
#[derive(Debug)]
pub enum Failure {
    /// The service answered and did not do it.
    Refused(Box<Refusal>),
    /// No answer came, or none that can be understood.
    Silent(io::Error),
    /// It was never sent.
    Ours(Reason),
    /// The service wants to be left alone for longer than we wait. Only who has a [`crate::Gate`] is told.
    Paused {
        /// Until then, by our clock.
        until: Millis,
    },
}

/// What a failure comes to, in sentences for an operator, without secrets.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// The service has no room left.
    #[error("it has no room left")]
    Full,
    /// It does not answer as it should at the moment.
    #[error("it is not available")]
    Unavailable(#[source] io::Error),
    /// It wants to be left alone for a while.
    #[error("it wants to be left alone for a while")]
    Paused {
        /// Until then, by our clock.
        until: Millis,
    },
    /// It refuses, and will again until a person changes something. A sentence that says what and what
    /// would help.
    #[error("{0}")]
    Rejected(String),
    /// Its address may not be reached.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// It could not be asked.
    #[error("it could not be asked")]
    Io(#[source] io::Error),
}

/// An answer that says no.
#[derive(Debug)]
pub struct Refusal {
    /// Its status.
    pub status: u16,
    /// The service's own word: letters, digits and little else; empty when it has none.
    pub code: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// The beginning of its body. It may repeat what we sent, so it is never shown.
    pub body: Bytes,
    /// How far the service's clock is ahead of ours, when it tells.
    pub skew_ms: Option<i64>,
    /// When it was received, by our clock.
    pub at: Millis,
    /// How often the request was sent.
    pub try_count: u32,
    /// The header `Authorization` that was refused, for who has to know whether it is the latest.
    pub proof: Option<Secret>,
}

impl Refusal {
    pub(crate) fn of(whole: Whole, at: Millis) -> Self {
        Self {
            status: whole.status,
            code: String::new(),
            skew_ms: skew_ms(&whole.headers, at),
            headers: whole.headers,
            body: whole.body,
            at,
            try_count: 1,
            proof: None,
        }
    }

    pub(crate) fn with_proof(mut self, proof: Option<Secret>) -> Self {
        self.proof = proof;
        self
    }

    pub(crate) fn into_whole(self) -> Whole {
        Whole {
            status: self.status,
            headers: self.headers,
            body: self.body,
        }
    }

    pub(crate) fn set_code(&mut self, code: Option<String>) {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let code = code.unwrap_or_default();
        self.code = code.chars().filter(is_plain).take(CODE_CHARS).collect();
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        text_of(&self.headers, name)
    }

    /// How long the service wants to be left alone, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
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
            Self::Ours(reason) => reason.fmt(f),
            Self::Paused { .. } => f.write_str("it wants to be left alone for a while"),
        }
    }
}

impl Failure {
    /// A connection that failed or broke.
    pub(crate) fn silent(error: reqwest::Error) -> Self {
        if let Some(forbidden) = Forbidden::behind(&error) {
            return Self::Ours(forbidden.into());
        }
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

    /// No answer came in time.
    pub fn too_slow() -> Self {
        Self::Silent(io::Error::new(io::ErrorKind::TimedOut, "it took too long"))
    }

    /// An answer that cannot be understood.
    pub fn strange(what: &'static str) -> Self {
        Self::Silent(io::Error::new(io::ErrorKind::InvalidData, what))
    }

    /// The refusal, if it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Silent(_) | Self::Ours(_) | Self::Paused { .. } => None,
        }
    }

    /// The refusal's status, if it is one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused(refusal) => Some(refusal.status),
            Self::Silent(_) | Self::Ours(_) | Self::Paused { .. } => None,
        }
    }

    /// The service's own word; empty when there is none.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(refusal) => &refusal.code,
            Self::Silent(_) | Self::Ours(_) | Self::Paused { .. } => "",
        }
    }

    pub(crate) fn after(mut self, try_count: u32) -> Self {
        if let Self::Refused(refusal) = &mut self {
            refusal.try_count = try_count;
        }
        self
    }

    /// How long the service wants to be left alone, if it says so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after(),
            Self::Silent(_) | Self::Ours(_) | Self::Paused { .. } => None,
        }
    }

    pub(crate) fn is_passing(&self, dialect: &dyn Dialect) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_passing(dialect),
            Self::Silent(_) => true,
            Self::Ours(_) | Self::Paused { .. } => false,
        }
    }

    pub(crate) fn into_reason(self, dialect: &dyn Dialect) -> Reason {
        let refusal = match self {
            Self::Refused(refusal) => refusal,
            Self::Silent(error) => return Reason::Unavailable(error),
            Self::Ours(reason) => return reason,
            Self::Paused { until } => return Reason::Paused { until },
        };
        if refusal.status == 507 || dialect.is_full(&refusal.code) {
            return Reason::Full;
        }
        let reason = refusal.reason(dialect);
        if refusal.status >= 500 && refusal.status != 501 || refusal.is_passing(dialect) {
            return Reason::Unavailable(io::Error::other(reason));
        }
        Reason::Rejected(reason)
    }
}

/// What lies at the bottom of an error: a system's word, such as `Connection refused`.
pub(crate) fn last_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
