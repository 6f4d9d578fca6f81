//! What goes wrong while things are moved: what stops all of it, what is tried again, and what never works.

use catalog::CatalogError;
use connectors::RemoteError;
use model::{BodyError, Connection, Migration, MigrationItem, MigrationItemState, Millis};

use crate::{Hub, HubError};

/// The pause after something that may pass; it doubles up to the longest.
const FIRST_PAUSE_SECS: i64 = 30;
const LONGEST_PAUSE_SECS: i64 = 60 * 60;
/// Tries of one item, then it has failed until a person asks for more.
const TRIES: u32 = 12;
/// How often it is looked whether a person did something, seconds.
const PERSON_SECS: i64 = 60;
/// How soon a full drive is tried again, seconds.
const FULL_SECS: i64 = 15 * 60;

/// A side of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    From,
    To,
}

/// Whose trouble it is.
#[derive(Debug)]
pub(super) enum Trouble {
    Ours(HubError),
    Theirs(Side, RemoteError),
}

/// What an error means for the item that it happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// For all items: the migration waits.
    Everything,
    /// It may pass.
    Later,
    /// Not before something changes.
    Failed,
    /// Never.
    Unmovable,
}

impl Trouble {
    pub(super) fn from_side(error: RemoteError) -> Self {
        Self::Theirs(Side::From, error)
    }

    /// Of a call to the target: when it could not read what it was to send, the source is to blame.
    pub(super) fn to_side(error: RemoteError) -> Self {
        match error {
            RemoteError::Source(BodyError::Unreadable(cause)) => match cause.downcast::<RemoteError>() {
                Ok(error) => Self::Theirs(Side::From, *error),
                Err(cause) => Self::Theirs(Side::From, RemoteError::Source(BodyError::Unreadable(cause))),
            },
            error => Self::Theirs(Side::To, error),
        }
    }
}

impl From<HubError> for Trouble {
    fn from(error: HubError) -> Self {
        Self::Ours(error)
    }
}

impl From<CatalogError> for Trouble {
    fn from(error: CatalogError) -> Self {
        Self::Ours(error.into())
    }
}

impl Side {
    const fn title(self) -> &'static str {
        match self {
            Self::From => "the source",
            Self::To => "the target",
        }
    }
}

impl Hub {
    /// Has a migration wait because of what a provider said.
    pub(super) async fn migration_waits(
        &self,
        of: &Migration,
        side: Side,
        error: &RemoteError,
    ) -> Result<(), HubError> {
        let now = self.now();
        let connection = match side {
            Side::From => of.from.connection,
            Side::To => of.to.connection,
        };
        self.note_trouble(connection, error).await;
        tracing::info!(migration = %of.id, side = side.title(), %error, "a migration waits");
        self.change_migration(of.id, |known| {
            known.failures = known.failures.saturating_add(1);
            known.reason = Some(format!("{}: {error}", side.title()));
            known.next_ms = match error {
                RemoteError::Paused { until } => (*until).max(now.plus_secs(1)),
                RemoteError::SignInAgain(_) | RemoteError::Misconfigured(_) => now.plus_secs(PERSON_SECS),
                RemoteError::Full(_) => now.plus_secs(FULL_SECS),
                _ => now.plus_secs(pause_secs(known.failures)),
            };
        })
        .await
    }

    /// Has a migration wait until somebody signs in again.
    pub(super) async fn wait_for_person(
        &self,
        of: &Migration,
        side: Side,
        connection: &Connection,
    ) -> Result<(), HubError> {
        let next = self.now().plus_secs(PERSON_SECS);
        let why = connection.reason.as_deref().unwrap_or("sign in again");
        self.change_migration(of.id, |known| {
            known.reason = Some(format!("{}: {why}", side.title()));
            known.next_ms = next;
        })
        .await
    }
}

/// Writes down with an item what went wrong with it.
///
/// # Errors
/// What is wrong with more than this item.
pub(super) fn note(item: &mut MigrationItem, trouble: Trouble, now: Millis) -> Result<(), Trouble> {
    let (side, error) = match trouble {
        Trouble::Theirs(side, error) => (side, error),
        ours @ Trouble::Ours(_) => return Err(ours),
    };
    let state = match verdict(&error) {
        Verdict::Everything => return Err(Trouble::Theirs(side, error)),
        Verdict::Later => {
            later(item, &format!("{}: {error}", side.title()), now);
            return Ok(());
        }
        Verdict::Failed => MigrationItemState::Failed,
        Verdict::Unmovable => MigrationItemState::Unmovable,
    };
    item.state = state;
    item.reason = Some(format!("{}: {error}", side.title()));
    item.next_ms = None;
    Ok(())
}

/// Has an item tried again after a pause that grows, unless it was tried often enough.
pub(super) fn later(item: &mut MigrationItem, reason: &str, now: Millis) {
    item.attempts = item.attempts.saturating_add(1);
    item.reason = Some(reason.to_owned());
    let may_go_on = item.attempts < TRIES;
    item.state = match may_go_on {
        true => MigrationItemState::Waiting,
        false => MigrationItemState::Failed,
    };
    item.next_ms = may_go_on.then(|| now.plus_secs(pause_secs(item.attempts)));
}

fn verdict(error: &RemoteError) -> Verdict {
    match error {
        RemoteError::SignInAgain(_)
        | RemoteError::Misconfigured(_)
        | RemoteError::Unreachable(_)
        | RemoteError::Full(_)
        | RemoteError::Paused { .. } => Verdict::Everything,
        RemoteError::Unavailable(_)
        | RemoteError::Damaged(_)
        | RemoteError::Locked
        | RemoteError::CursorLost
        | RemoteError::Changed
        | RemoteError::NotFound
        | RemoteError::Exists
        | RemoteError::Source(_) => Verdict::Later,
        RemoteError::Refused { .. } | RemoteError::Unsupported(_) => Verdict::Failed,
        RemoteError::Name(_) | RemoteError::TooLarge { .. } | RemoteError::NoContent => Verdict::Unmovable,
    }
}

fn pause_secs(failures: u32) -> i64 {
    let doubled = FIRST_PAUSE_SECS << failures.saturating_sub(1).min(8);
    doubled.min(LONGEST_PAUSE_SECS)
}
