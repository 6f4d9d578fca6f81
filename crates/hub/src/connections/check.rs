//! Trying a connection out, step by step, so that what is told is the first thing that is wrong.

use connectors::{Connector, RemoteError};
use model::{Actor, Connection, ConnectionId};

use super::{ConnectionRow, found};
use crate::{Hub, HubError};

/// A clock that is off by more is worth a word, milliseconds.
const SKEW_MS: i64 = 60_000;
/// From here on requests are refused by services that sign them, milliseconds.
const BAD_SKEW_MS: i64 = 5 * 60_000;
/// Room that is little, in parts of a hundred of all.
const FULL_PERCENT: u64 = 95;

/// What came of trying a connection out.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// The steps in the order in which they were taken.
    pub steps: Vec<CheckStep>,
    /// The connection as it is now.
    pub row: ConnectionRow,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckStep {
    /// `credentials`, `access`, `scopes`, `drive`, `clock`, `quota`, `list`.
    pub name: &'static str,
    /// How it went.
    pub state: Checked,
    /// What was found, and what helps, in a sentence.
    pub detail: String,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// As it should.
    Ok,
    /// It works, and something should be looked after.
    Warning,
    /// It does not.
    Failed,
    /// It was not tried, since a step before failed.
    Skipped,
}

impl Checked {
    /// The word that stands for it in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

const STEPS: [&str; 7] = [
    "credentials",
    "access",
    "scopes",
    "drive",
    "clock",
    "quota",
    "list",
];

/// Steps as they are taken; after one that failed the others are skipped.
struct Steps(Vec<CheckStep>);

impl Steps {
    fn add(&mut self, name: &'static str, state: Checked, detail: impl Into<String>) {
        self.0.push(CheckStep {
            name,
            state,
            detail: detail.into(),
        });
    }

    fn finish(mut self) -> Vec<CheckStep> {
        let has_failed = self.0.iter().any(|step| step.state == Checked::Failed);
        let taken = self.0.len();
        for name in STEPS.into_iter().skip(taken).filter(|_| has_failed) {
            self.add(name, Checked::Skipped, "not tried, since a step before failed");
        }
        self.0
    }
}

impl Hub {
    /// Tries a connection out and writes down what was found.
    ///
    /// # Errors
    /// `NotFound`, and when the catalog does not answer. What the provider says is in the report.
    pub async fn check_connection(&self, actor: &Actor, id: ConnectionId) -> Result<CheckReport, HubError> {
        let connection = found(&mut self.read().await?, actor, id).await?;
        let mut steps = Steps(Vec::new());
        let error = self.take_steps(&connection, &mut steps).await.err();
        match &error {
            Some(error) => self.note_trouble(id, error).await,
            None => {
                let mut tx = self.write().await?;
                self.queue_observation(&mut tx, id).await?;
                self.queue_waiting_mirrors(&mut tx, id).await?;
                tx.commit().await?;
                self.wake_workers();
            }
        }
        Ok(CheckReport {
            steps: steps.finish(),
            row: self.connection(actor, id).await?,
        })
    }

    async fn take_steps(&self, connection: &Connection, steps: &mut Steps) -> Result<(), RemoteError> {
        let connector = match self.openable(connection).await {
            Ok(connector) => {
                steps.add("credentials", Checked::Ok, "they could be opened");
                connector
            }
            Err(error) => {
                steps.add("credentials", Checked::Failed, error.to_string());
                return Err(error);
            }
        };
        let about = match connector.about().await {
            Ok(about) => {
                steps.add(
                    "access",
                    Checked::Ok,
                    format!("the drive of {} answers", about.owner),
                );
                about
            }
            Err(error) => {
                steps.add("access", Checked::Failed, error.to_string());
                return Err(error);
            }
        };
        self.check_scopes(connection, steps)?;
        if about.drive != connection.drive && !connection.drive.is_empty() {
            let detail = format!(
                "it leads to another drive than before ({} rather than {}); nothing of it is believed until this is \
                 put right",
                about.owner, connection.account
            );
            steps.add("drive", Checked::Failed, detail.as_str());
            return Err(RemoteError::Misconfigured(detail));
        }
        steps.add("drive", Checked::Ok, "it is the drive that was connected");
        check_clock(about.skew_ms, steps);
        let (used, limit) = (
            about.quota.map(|quota| quota.used_bytes),
            about.quota.and_then(|quota| quota.limit_bytes),
        );
        check_quota(used, limit, steps);
        list(connector.as_ref(), &about.root, steps).await?;
        self.note_checked(connection.id, about).await;
        Ok(())
    }

    fn check_scopes(&self, connection: &Connection, steps: &mut Steps) -> Result<(), RemoteError> {
        let Ok(provider) = self.link_provider(&connection.kind) else {
            steps.add("scopes", Checked::Ok, "its keys say what they allow");
            return Ok(());
        };
        let missing: Vec<&str> = provider.missing_scopes(&connection.scopes);
        if missing.is_empty() {
            steps.add("scopes", Checked::Ok, "all that is needed was allowed");
            return Ok(());
        }
        let error = RemoteError::SignInAgain(connectors::SignInReason::Scope);
        steps.add(
            "scopes",
            Checked::Failed,
            format!("{error}: {}", missing.join(", ")),
        );
        Err(error)
    }

    async fn note_checked(&self, id: ConnectionId, about: connectors::About) {
        let noted = self.change_connection(id, |connection| self.note_about(connection, about));
        if let Err(error) = noted.await {
            tracing::warn!(connection = %id, %error, "what a check found could not be written down");
        }
    }
}

fn check_clock(skew_ms: Option<i64>, steps: &mut Steps) {
    let Some(skew_ms) = skew_ms else {
        return steps.add("clock", Checked::Ok, "the provider does not tell the time");
    };
    let side = if skew_ms > 0 { "ahead of" } else { "behind" };
    let detail = format!("the provider's clock is {} s {side} ours", skew_ms.abs() / 1000);
    match skew_ms.abs() {
        ..SKEW_MS => steps.add("clock", Checked::Ok, "both clocks agree"),
        SKEW_MS..BAD_SKEW_MS => steps.add("clock", Checked::Warning, detail),
        _ => steps.add(
            "clock",
            Checked::Warning,
            format!("{detail}: set this machine's clock"),
        ),
    }
}

fn check_quota(used: Option<u64>, limit: Option<u64>, steps: &mut Steps) {
    match (used, limit) {
        (Some(used), Some(limit)) if used >= limit => {
            steps.add(
                "quota",
                Checked::Warning,
                "the drive is full: nothing more can be written there",
            );
        }
        (Some(used), Some(limit)) if used >= limit.saturating_mul(FULL_PERCENT) / 100 => {
            steps.add("quota", Checked::Warning, "the drive is nearly full");
        }
        (Some(used), Some(limit)) => {
            steps.add(
                "quota",
                Checked::Ok,
                format!("{} bytes are left", limit.saturating_sub(used)),
            );
        }
        _ => steps.add("quota", Checked::Ok, "no limit is told"),
    }
}

async fn list(
    connector: &dyn Connector,
    root: &connectors::ItemId,
    steps: &mut Steps,
) -> Result<(), RemoteError> {
    match connector.children(root, None).await {
        Ok(page) => {
            let more = if page.next.is_some() { " and more" } else { "" };
            steps.add(
                "list",
                Checked::Ok,
                format!("its root holds {} items{more}", page.items.len()),
            );
            Ok(())
        }
        Err(error) => {
            steps.add("list", Checked::Failed, error.to_string());
            Err(error)
        }
    }
}
