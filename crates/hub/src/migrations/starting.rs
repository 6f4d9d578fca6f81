//! Beginning migrations, stopping them, and bringing them to their end.

use connectors::{Connector, ItemId};
use model::{
    Actor, Connection, ConnectionId, Migration, MigrationCopy, MigrationDocuments, MigrationId,
    MigrationItem, MigrationItemState, MigrationSide, MigrationStage, MigrationState, RemoteKind,
};

use super::trouble::{Side, Trouble};
use super::{Sides, begin_pass, report};
use crate::connections::found;
use crate::{Endpoint, Hub, HubError, MigrationReport, keys};

/// Migrations that one person may have under way.
const MOST: usize = 100;
/// The longest path of a folder, bytes.
const LONGEST_PATH: usize = 4096;
/// Items that one step of forgetting a migration takes in.
const FORGET_STEP: u32 = 1000;

/// A migration to be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMigration {
    /// What is moved: a connection and the path of a folder in it, `/` for everything.
    pub from: (ConnectionId, String),
    /// Where to, likewise. Folders that are not there are made.
    pub to: (ConnectionId, String),
    /// What becomes of documents that have no bytes of their own.
    pub documents: MigrationDocuments,
    /// Puts copies of what is gone at the source into the target's trash.
    pub deletes_gone: bool,
    /// Reads each copy back in the end, whatever its provider tells.
    pub reads_back: bool,
    /// Ends by itself once a pass finds nothing that differs.
    pub is_finishing: bool,
}

impl Hub {
    /// Begins to move a folder in one connection to a folder in another.
    ///
    /// # Errors
    /// `NotFound` (a connection that is not the actor's, a folder), `Invalid` (a path; one folder in the other; a
    /// target that cannot be written to), `Conflict` (it is under way already), and what the providers say.
    pub async fn begin_migration(
        &self,
        actor: &Actor,
        new: NewMigration,
    ) -> Result<MigrationReport, HubError> {
        let mut tx = self.read().await?;
        let from = found(&mut tx, actor, new.from.0).await?;
        let to = found(&mut tx, actor, new.to.0).await?;
        drop(tx);
        let from_names = names("from", &new.from.1)?;
        let to_names = names("to", &new.to.1)?;
        if overlap((&from, &from_names), (&to, &to_names)) {
            let problem = "one of the folders is in the other; choose two that are apart";
            return Err(HubError::invalid("to", problem));
        }
        let folder = self.source_folder(&from, &from_names).await?;
        self.check_target(&to, &to_names).await?;
        let now = self.now();
        let migration = Migration {
            id: MigrationId::new(now, keys::random()),
            owner: from.owner.or(to.owner),
            from: side(from.id, &from_names, Some(folder.0)),
            to: side(to.id, &to_names, None),
            documents: new.documents,
            deletes_gone: new.deletes_gone,
            reads_back: new.reads_back,
            state: MigrationState::Active,
            stage: MigrationStage::Look,
            pass: 0,
            pass_began_ms: None,
            pass_changes: 0,
            is_finishing: new.is_finishing,
            reason: None,
            failures: 0,
            next_ms: now,
            created_ms: now,
            ended_ms: None,
        };
        let mut tx = self.write().await?;
        // Two of the same at once: the second sees the first.
        tx.lock_connection(from.id).await?;
        let others = tx.migrations((migration.owner, false), None, 1000).await?;
        let live: Vec<&Migration> = others.iter().filter(|other| other.is_live()).collect();
        let place = |side: &MigrationSide| (side.connection, side.path.clone());
        let is_same = |other: &&&Migration| {
            place(&other.from) == place(&migration.from) && place(&other.to) == place(&migration.to)
        };
        if live.iter().any(|other| is_same(&other)) {
            return Err(HubError::Conflict("this migration is under way already"));
        }
        if live.len() >= MOST {
            return Err(HubError::Conflict("there are too many migrations; end one first"));
        }
        tx.add_migration(&migration).await?;
        self.queue_migration(&mut tx, &migration).await?;
        tx.commit().await?;
        self.wake_workers();
        self.migration(actor, migration.id).await
    }

    async fn source_folder(&self, from: &Connection, path: &[String]) -> Result<ItemId, HubError> {
        let connector = self.connector(from).await;
        let connector = self.heard(from, connector).await?;
        let (folder, rest) = self.way(Side::From, (from, connector.as_ref()), path).await?;
        match rest.first() {
            None => Ok(folder),
            Some(_) => Err(HubError::NotFound("folder at the source")),
        }
    }

    /// Whether the target can be what it is to be; nothing is made yet.
    async fn check_target(&self, to: &Connection, path: &[String]) -> Result<(), HubError> {
        let connector = self.connector(to).await;
        let connector = self.heard(to, connector).await?;
        let abilities = connector.abilities();
        if abilities.is_read_only {
            return Err(HubError::invalid("to", "this connection can only be read"));
        }
        let (_, rest) = self.way(Side::To, (to, connector.as_ref()), path).await?;
        for name in rest {
            let checked = abilities.names.check(name);
            checked.map_err(|fault| HubError::invalid("to", format!("it cannot hold `{name}`: {fault}")))?;
        }
        Ok(())
    }

    /// As far as there are folders along a path: the last of them, and the names that there are none of.
    async fn way<'a>(
        &self,
        side: Side,
        (connection, connector): (&Connection, &dyn Connector),
        path: &'a [String],
    ) -> Result<(ItemId, &'a [String]), HubError> {
        let walked = self.walk(side, (connection, connector), path).await;
        match walked {
            Ok(found) => Ok(found),
            Err(Trouble::Ours(error)) => Err(error),
            Err(Trouble::Theirs(_, error)) => self.heard(connection, Err(error)).await,
        }
    }

    pub(super) async fn walk<'a>(
        &self,
        side: Side,
        (connection, connector): (&Connection, &dyn Connector),
        path: &'a [String],
    ) -> Result<(ItemId, &'a [String]), Trouble> {
        let about = connector.about().await;
        let mut at = about.map_err(|error| Trouble::Theirs(side, error))?.root;
        for (depth, name) in path.iter().enumerate() {
            let found = self
                .find_child(side, (connection, connector), (&at, name))
                .await?;
            match found {
                Some(item) if item.is_folder() => at = item.id,
                Some(_) => {
                    let what = format!("`{name}` is no folder");
                    return Err(HubError::invalid("path", what).into());
                }
                None => return Ok((at, &path[depth..])),
            }
        }
        Ok((at, &[]))
    }

    /// Makes the folder that everything goes to, and writes down that it stands for the source's.
    pub(super) async fn make_target(&self, of: &Migration, sides: &Sides) -> Result<(), Trouble> {
        let path = names("to", &of.to.path)?;
        let target = sides.target.as_ref();
        let (mut at, rest) = self.walk(Side::To, (&sides.to, target), &path).await?;
        for name in rest {
            let made = target.make_folder(&at, name, None).await;
            at = made.map_err(Trouble::to_side)?.id;
        }
        let mut tx = self.write().await?;
        tx.put_migration_items(of.id, &[the_folder(of, &at)]).await?;
        if let Some(mut known) = tx.lock_migration(of.id).await? {
            known.to.folder = Some(at.0);
            tx.put_migration(&known).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Ends a migration as soon as a pass finds nothing that differs, and everything is verified. What failed is tried
    /// once more.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (it has ended).
    pub async fn finish_migration(
        &self,
        actor: &Actor,
        id: MigrationId,
    ) -> Result<MigrationReport, HubError> {
        self.steer(actor, id, |known| {
            known.is_finishing = true;
            if matches!(known.stage, MigrationStage::Rest | MigrationStage::Look) {
                begin_pass(known);
            }
        })
        .await
    }

    /// Goes on with a migration that was paused, or at once with one that waits. What failed is tried once more.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (it has ended).
    pub async fn resume_migration(
        &self,
        actor: &Actor,
        id: MigrationId,
    ) -> Result<MigrationReport, HubError> {
        self.steer(actor, id, |known| {
            if known.stage == MigrationStage::Rest {
                begin_pass(known);
            }
        })
        .await
    }

    async fn steer(
        &self,
        actor: &Actor,
        id: MigrationId,
        change: impl FnOnce(&mut Migration) + Send,
    ) -> Result<MigrationReport, HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        let mut known = report::found_live(&mut tx, actor, id).await?;
        change(&mut known);
        known.state = MigrationState::Active;
        known.failures = 0;
        known.next_ms = now;
        tx.put_migration(&known).await?;
        tx.retry_migration_items(id, now).await?;
        self.queue_migration(&mut tx, &known).await?;
        tx.commit().await?;
        self.wake_workers();
        self.migration(actor, id).await
    }

    /// Stops a migration for now, after what it is just doing.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (it has ended).
    pub async fn pause_migration(&self, actor: &Actor, id: MigrationId) -> Result<MigrationReport, HubError> {
        let mut tx = self.write().await?;
        let mut known = report::found_live(&mut tx, actor, id).await?;
        known.state = MigrationState::Paused;
        tx.put_migration(&known).await?;
        tx.commit().await?;
        self.migration(actor, id).await
    }

    /// Calls a migration off; what was copied stays. One that has ended is forgotten, with its report.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn cancel_migration(&self, actor: &Actor, id: MigrationId) -> Result<(), HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        let mut known = report::found_migration(&mut tx, actor, id).await?;
        if known.is_live() {
            known.state = MigrationState::Cancelled;
            known.ended_ms = Some(now);
            tx.put_migration(&known).await?;
            return Ok(tx.commit().await?);
        }
        drop(tx);
        let hub = self.clone();
        self.to_end(async move {
            loop {
                let mut tx = hub.write().await?;
                let forgotten = tx.forget_migration_items(id, FORGET_STEP).await?;
                if forgotten == 0 {
                    tx.remove_migration(id).await?;
                    return Ok(tx.commit().await?);
                }
                tx.commit().await?;
            }
        })
        .await
    }
}

fn side(connection: ConnectionId, names: &[String], folder: Option<String>) -> MigrationSide {
    MigrationSide {
        connection,
        path: format!("/{}", names.join("/")),
        folder,
    }
}

/// The folder that is moved, as an item: its copy is the folder that everything goes to.
fn the_folder(of: &Migration, copy: &ItemId) -> MigrationItem {
    MigrationItem {
        source: of.from.folder.clone().unwrap_or_default(),
        parent: None,
        depth: 0,
        path: String::new(),
        name: String::new(),
        kind: RemoteKind::Folder,
        size_bytes: None,
        state: MigrationItemState::Done,
        reason: None,
        note: None,
        proof: None,
        proven_ms: None,
        copy: MigrationCopy {
            id: Some(copy.0.clone()),
            was_there: true,
            ..MigrationCopy::default()
        },
        given_id: None,
        session: None,
        attempts: 0,
        next_ms: None,
        seen_pass: of.pass,
        done_pass: 0,
    }
}

/// The names along a path.
fn names(field: &'static str, path: &str) -> Result<Vec<String>, HubError> {
    if path.len() > LONGEST_PATH || path.contains('\0') {
        return Err(HubError::invalid(field, "this is no path of a folder"));
    }
    let names: Vec<String> = path
        .split('/')
        .filter(|name| !name.is_empty())
        .map(ToOwned::to_owned)
        .collect();
    if names.iter().any(|name| matches!(name.as_str(), "." | "..")) {
        return Err(HubError::invalid(
            field,
            "give the names of folders, from the root on",
        ));
    }
    Ok(names)
}

/// Whether one folder is in the other: the copies would be copied again, without an end.
fn overlap((from, from_names): (&Connection, &[String]), (to, to_names): (&Connection, &[String])) -> bool {
    let is_one_drive =
        from.id == to.id || (from.kind == to.kind && from.drive == to.drive && !from.drive.is_empty());
    let (a, b) = match (directory(from), directory(to)) {
        (Some(a), Some(b)) => ([a, from_names.to_vec()].concat(), [b, to_names.to_vec()].concat()),
        _ if is_one_drive => (from_names.to_vec(), to_names.to_vec()),
        _ => return false,
    };
    a.starts_with(&b) || b.starts_with(&a)
}

/// The names along the path of a folder of the server.
fn directory(connection: &Connection) -> Option<Vec<String>> {
    match serde_json::from_str(&connection.settings).ok()? {
        Endpoint::Directory { path, .. } => names("path", &path).ok(),
        _ => None,
    }
}
