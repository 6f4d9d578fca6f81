//! How a connection is, in words: what is wrong, and what will be before it is.

use catalog::ConnectionFeed;
use model::{Connection, ConnectionState, Millis};

use crate::Hub;

/// From here on a provider counts as nearly full, in parts of a hundred.
const FULL_PERCENT: u64 = 95;
/// How long before an end people are told, seconds.
const WARN_SECS: i64 = 14 * 24 * 60 * 60;
/// Microsoft ends access that was not used for so long, seconds; Google after six months.
const MICROSOFT_IDLE_SECS: i64 = 90 * 24 * 60 * 60;
const GOOGLE_IDLE_SECS: i64 = 182 * 24 * 60 * 60;
/// Looks that may fail before people are told.
const FAILURES: u32 = 3;
/// How old what is known may get before people are told, seconds.
const STALE_SECS: i64 = 24 * 60 * 60;

/// How a connection is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Health {
    /// What is wrong or will be, the most urgent first.
    pub concerns: Vec<Concern>,
}

/// Something that is wrong, or will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concern {
    /// A word for programs: `sign_in_again`, `misconfigured`, `access_ends`, `idle`, `secret_expires`, `full`,
    /// `failing`, `stale`.
    pub code: &'static str,
    /// It does not work now, rather than soon.
    pub is_broken: bool,
    /// What it is and what helps, in a sentence.
    pub text: String,
    /// When it will break, where that is known.
    pub at: Option<Millis>,
}

impl Hub {
    pub(super) fn health(&self, connection: &Connection, feed: Option<&ConnectionFeed>) -> Health {
        let now = self.now();
        let mut concerns = Vec::new();
        concerns.extend(broken(connection));
        concerns.extend(ends(connection, now));
        concerns.extend(idles(connection, now));
        concerns.extend(self.secret_ends(&connection.kind, now));
        concerns.extend(full(connection));
        concerns.extend(feed.and_then(|feed| failing(feed, now)));
        Health { concerns }
    }

    /// Whether the application's own secret ends, as the operator says.
    pub(crate) fn secret_ends(&self, kind: &str, now: Millis) -> Option<Concern> {
        let provider = self.link_provider(kind).ok()?;
        let at = provider.secret_ends?;
        (at <= now.plus_secs(WARN_SECS)).then(|| Concern {
            code: "secret_expires",
            is_broken: at <= now,
            text: format!(
                "the client secret of this server's application at {} ends; make another one there and set it",
                provider.title
            ),
            at: Some(at),
        })
    }
}

fn broken(connection: &Connection) -> Option<Concern> {
    let (code, text) = match connection.state {
        ConnectionState::Active => return None,
        ConnectionState::SignInAgain => ("sign_in_again", "sign in again"),
        ConnectionState::Misconfigured => ("misconfigured", "it is not set up right"),
    };
    Some(Concern {
        code,
        is_broken: true,
        text: connection.reason.clone().unwrap_or_else(|| text.to_owned()),
        at: None,
    })
}

fn ends(connection: &Connection, now: Millis) -> Option<Concern> {
    let at = connection.ends_ms?;
    let is_working = connection.state == ConnectionState::Active;
    (is_working && at <= now.plus_secs(WARN_SECS)).then(|| Concern {
        code: "access_ends",
        is_broken: at <= now,
        text: if connection.kind == "google" {
            "the access that you gave ends, as Google has it while a project's consent screen is in testing or when \
             access was given for a time; link again before"
        } else {
            "the access that you gave ends; link again before"
        }
        .to_owned(),
        at: Some(at),
    })
}

fn idles(connection: &Connection, now: Millis) -> Option<Concern> {
    let idle_secs = match connection.kind.as_str() {
        "onedrive" => MICROSOFT_IDLE_SECS,
        "google" => GOOGLE_IDLE_SECS,
        _ => return None,
    };
    let at = connection
        .worked_ms
        .unwrap_or(connection.linked_ms)
        .plus_secs(idle_secs);
    let is_near = at <= now.plus_secs(WARN_SECS) && connection.state == ConnectionState::Active;
    is_near.then(|| Concern {
        code: "idle",
        is_broken: false,
        text: "the provider ends access that is not used; this server has not reached it for long".to_owned(),
        at: Some(at),
    })
}

fn full(connection: &Connection) -> Option<Concern> {
    let (used, limit) = (connection.used_bytes?, connection.limit_bytes?);
    let is_full = used >= limit;
    let is_near = used >= limit.saturating_mul(FULL_PERCENT) / 100;
    is_near.then(|| Concern {
        code: "full",
        is_broken: is_full,
        text: if is_full {
            "the drive is full: nothing more can be written there"
        } else {
            "the drive is nearly full"
        }
        .to_owned(),
        at: None,
    })
}

fn failing(feed: &ConnectionFeed, now: Millis) -> Option<Concern> {
    if feed.failures >= FAILURES {
        let why = feed.error.as_deref().unwrap_or("the provider does not answer");
        return Some(Concern {
            code: "failing",
            is_broken: true,
            text: format!("the last {} looks failed: {why}", feed.failures),
            at: None,
        });
    }
    let settled = feed.settled_ms?;
    (settled <= now.minus_secs(STALE_SECS) && feed.started_ms.is_none()).then(|| Concern {
        code: "stale",
        is_broken: false,
        text: "what is shown of it is more than a day old".to_owned(),
        at: None,
    })
}
