//! The one writer and its group commit.
//!
//! Transactions run one after another inside an outer transaction of SQLite, each but the first in a
//! savepoint, so that one of them can roll back alone. A transaction that commits joins the open group and lets
//! the next one run; the committer thread then ends the outer transaction with one flush for the whole
//! group and tells every member its outcome. While it flushes, the next group queues up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::SpaceId;
use rusqlite::Connection;
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::committer::Arrival;
use super::{Core, Sqlite, connection};
use crate::CatalogError;

/// How long the writer waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Between two looks whether that process is done.
const PAUSE: Duration = Duration::from_millis(2);

/// SQLite ends a transaction by itself after some faults of the disk and the memory.
const GIVEN_UP: &str = "SQLite gave the transaction up";

/// What became of a group.
pub(super) type Outcome = Result<(), GroupError>;

/// Why a whole group failed: an error that every member gets its copy of.
#[derive(Debug, Clone)]
pub(super) enum GroupError {
    Unavailable(Arc<str>),
    Full,
    Damaged(Arc<str>),
    Database(Arc<str>),
}

impl From<rusqlite::Error> for GroupError {
    fn from(error: rusqlite::Error) -> Self {
        let text: Arc<str> = error.to_string().into();
        match connection::translate(error) {
            CatalogError::Unavailable(_) => Self::Unavailable(text),
            CatalogError::Full => Self::Full,
            CatalogError::Damaged(_) => Self::Damaged(text),
            CatalogError::Database(_) => Self::Database(text),
        }
    }
}

impl From<GroupError> for CatalogError {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::Unavailable(text) => Self::Unavailable(text.to_string().into()),
            GroupError::Full => Self::Full,
            GroupError::Damaged(text) => Self::Damaged(text.to_string()),
            GroupError::Database(text) => Self::Database(text.to_string().into()),
        }
    }
}

/// The writing connection and the group whose outer transaction is open on it.
pub(super) struct Writer {
    pub(super) connection: Connection,
    group: Option<Group>,
    next_number: u64,
}

/// Transactions that one flush makes durable.
#[derive(Default)]
struct Group {
    number: u64,
    members: Vec<Member>,
    wakes: Vec<SpaceId>,
}

/// A transaction that waits to hear how its group ended.
struct Member {
    outcome: oneshot::Sender<Outcome>,
    arrival: Option<Arrival>,
}

/// A group that ended, and how. Its members are told once the next group may run.
pub(super) struct Ended {
    group: Group,
    outcome: Outcome,
}

impl Ended {
    /// Tells the members, and the watchers of the spaces that changed.
    pub(super) fn tell(self, core: &Core) {
        if self.outcome.is_ok() {
            for space in self.group.wakes {
                // Nobody may be watching.
                let _ = core.changes.send(space);
            }
        }
        for member in self.group.members {
            // From here on it may come back and would be counted again.
            drop(member.arrival);
            // A member that was dropped no longer wants to know.
            let _ = member.outcome.send(self.outcome.clone());
        }
    }
}

impl Writer {
    pub(super) const fn new(connection: Connection) -> Self {
        Self {
            connection,
            group: None,
            next_number: 0,
        }
    }

    /// Enters the open group, or opens one. Says whether a savepoint was needed for that.
    async fn enter(&mut self) -> Result<bool, CatalogError> {
        if self.group.is_some() {
            connection::steer(&self.connection, "SAVEPOINT member").map_err(connection::translate)?;
            return Ok(true);
        }
        let started = Instant::now();
        while let Err(error) = connection::steer(&self.connection, "BEGIN IMMEDIATE") {
            if !connection::is_busy(&error) || started.elapsed() > PATIENCE {
                return Err(connection::translate(error));
            }
            tokio::time::sleep(PAUSE).await;
        }
        self.group = Some(Group {
            number: self.next_number,
            ..Group::default()
        });
        self.next_number += 1;
        Ok(false)
    }

    /// Ends the outer transaction of group `number`, unless it has ended before.
    pub(super) fn flush(&mut self, number: u64, core: &Core) -> Option<Ended> {
        let group = self.group.take_if(|group| group.number == number)?;
        let started = Instant::now();
        let outcome = connection::steer(&self.connection, "COMMIT").map_err(GroupError::from);
        match &outcome {
            Ok(()) => core.stats.flushed(group.members.len(), started.elapsed()),
            Err(_) => self.reset(),
        }
        Some(Ended { group, outcome })
    }

    /// Gives the open group up.
    fn fail(&mut self, error: GroupError, core: &Core) {
        self.reset();
        if let Some(group) = self.group.take() {
            Ended {
                group,
                outcome: Err(error),
            }
            .tell(core);
        }
    }

    /// Makes sure that no transaction is open.
    fn reset(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = connection::steer(&self.connection, "ROLLBACK")
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "a transaction could not be rolled back"
            );
        }
    }
}

/// One transaction that writes.
pub(crate) struct WriteTx {
    writer: Option<OwnedMutexGuard<Writer>>,
    sqlite: Arc<Sqlite>,
    has_savepoint: bool,
    wakes: Vec<SpaceId>,
    arrival: Option<Arrival>,
}

impl WriteTx {
    pub(super) async fn begin(sqlite: &Arc<Sqlite>) -> Result<Self, CatalogError> {
        let arrival = Arrival::new(&sqlite.core);
        let mut writer = sqlite.core.writer.clone().lock_owned().await;
        let has_savepoint = writer.enter().await?;
        Ok(Self {
            writer: Some(writer),
            sqlite: Arc::clone(sqlite),
            has_savepoint,
            wakes: Vec::new(),
            arrival: Some(arrival),
        })
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.writer.as_ref().expect("only the end takes it").connection
    }

    pub(crate) fn wake(&mut self, space: SpaceId) {
        if !self.wakes.contains(&space) {
            self.wakes.push(space);
        }
    }

    /// Ends this transaction and returns when the group that it joined is durable.
    pub(crate) async fn commit(mut self) -> Result<(), CatalogError> {
        let outcome = self.join()?;
        match outcome.await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(CatalogError::Unavailable("the catalog is closing".into())),
        }
    }

    /// Joins the open group, lets the next transaction run and sees to it that the group is flushed.
    fn join(&mut self) -> Result<oneshot::Receiver<Outcome>, CatalogError> {
        if self.connection().is_autocommit() {
            return Err(CatalogError::Unavailable(GIVEN_UP.into()));
        }
        if self.has_savepoint {
            connection::steer(self.connection(), "RELEASE member").map_err(connection::translate)?;
        }
        let mut writer = self.writer.take().expect("only the end takes it");
        let (sender, receiver) = oneshot::channel();
        let Some(group) = &mut writer.group else {
            return Err(CatalogError::Unavailable(
                "the transaction was rolled back".into(),
            ));
        };
        let number = group.number;
        let is_first = group.members.is_empty();
        group.members.push(Member {
            outcome: sender,
            arrival: self.arrival.take(),
        });
        group.wakes.append(&mut self.wakes);
        self.sqlite.close_group(writer, number, is_first);
        Ok(receiver)
    }

    /// Undoes this transaction alone.
    fn roll_back(&self, writer: &mut Writer) {
        let core = &self.sqlite.core;
        if writer.connection.is_autocommit() {
            return writer.fail(GroupError::Unavailable(GIVEN_UP.into()), core);
        }
        if !self.has_savepoint {
            // The first of its group, so nobody else is in it.
            writer.group = None;
            return writer.reset();
        }
        let undone = connection::steer(&writer.connection, "ROLLBACK TO member")
            .and_then(|()| connection::steer(&writer.connection, "RELEASE member"));
        if let Err(error) = undone {
            writer.fail(error.into(), core);
        }
    }
}

impl Drop for WriteTx {
    fn drop(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            self.roll_back(&mut writer);
        }
    }
}
