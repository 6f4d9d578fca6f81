//! What became of migrations, for people.

use catalog::{MigrationMark, Tx};
use model::{
    Actor, Migration, MigrationCount, MigrationId, MigrationItem, MigrationItemState, Page, Progress,
};

use crate::listings::Part;
use crate::{Hub, HubError, access, cursors};

/// A migration, and how many of its items stand where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The migration.
    pub migration: Migration,
    /// What the source is called; `None` once it is removed.
    pub from_label: Option<String>,
    /// What the target is called.
    pub to_label: Option<String>,
    /// Its items by where they stand.
    pub counts: Vec<MigrationCount>,
}

/// Migrations, the newest first.
pub type MigrationPage = Page<MigrationReport>;

impl Hub {
    /// Lists the actor's migrations, the newest first; for an administrator also the server's.
    ///
    /// # Errors
    /// `Forbidden` for visitors, `Invalid` (cursor).
    pub async fn migrations(&self, actor: &Actor, part: Part) -> Result<MigrationPage, HubError> {
        let owner = match actor {
            Actor::Worker => None,
            actor => Some(access::user(actor)?),
        };
        let with_servers = access::admin(actor).is_ok();
        let scope = format!("migrations {owner:?} {with_servers}");
        let mark = match &part.cursor {
            Some(cursor) => Some(cursors::open::<MigrationMark>(self.keys(), &scope, cursor)?),
            None => None,
        };
        let mut tx = self.read().await?;
        let limit = part.limit.saturating_add(1);
        let mut found = tx.migrations((owner, with_servers), mark, limit).await?;
        let has_more = found.len() > part.limit as usize;
        found.truncate(part.limit as usize);
        let last = found.last().filter(|_| has_more);
        let next = last.map(|last| cursors::seal(self.keys(), &scope, &(last.created_ms, last.id)));
        let mut items = Vec::with_capacity(found.len());
        for migration in found {
            items.push(reported(&mut tx, migration).await?);
        }
        Ok(MigrationPage { items, next })
    }

    /// Finds a migration of the actor's.
    ///
    /// # Errors
    /// `NotFound`: another person's does not exist.
    pub async fn migration(&self, actor: &Actor, id: MigrationId) -> Result<MigrationReport, HubError> {
        let mut tx = self.read().await?;
        let migration = found_migration(&mut tx, actor, id).await?;
        reported(&mut tx, migration).await
    }

    /// Lists what became of the items of a migration, or of those that stand alike, in a fixed order.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (cursor).
    pub async fn migration_items(
        &self,
        actor: &Actor,
        (id, state): (MigrationId, Option<MigrationItemState>),
        part: Part,
    ) -> Result<Page<MigrationItem>, HubError> {
        let mut tx = self.read().await?;
        found_migration(&mut tx, actor, id).await?;
        let scope = format!("items of migration {id} {state:?}");
        let after: Option<String> = match &part.cursor {
            Some(cursor) => Some(cursors::open(self.keys(), &scope, cursor)?),
            None => None,
        };
        let limit = part.limit.saturating_add(1);
        let mut items = tx.migration_items((id, state), after.as_deref(), limit).await?;
        let has_more = items.len() > part.limit as usize;
        items.truncate(part.limit as usize);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|last| cursors::seal(self.keys(), &scope, &last.source));
        Ok(Page { items, next })
    }

    /// How far a migration has come, in bytes.
    pub(super) async fn migration_progress(&self, id: MigrationId) -> Result<Progress, HubError> {
        let counts = self.read().await?.migration_counts(id).await?;
        let mut progress = Progress::default();
        for count in counts {
            match count.state {
                MigrationItemState::Done => {
                    progress.done_bytes += count.bytes;
                    progress.total_bytes += count.bytes;
                }
                MigrationItemState::Waiting | MigrationItemState::Failed => {
                    progress.total_bytes += count.bytes;
                }
                _ => {}
            }
        }
        set_percent(&mut progress);
        Ok(progress)
    }
}

/// Never all of it, before it has ended.
pub(super) fn set_percent(progress: &mut Progress) {
    let percent = progress.done_bytes.saturating_mul(100) / progress.total_bytes.max(1);
    progress.percent = u8::try_from(percent.min(99)).unwrap_or(99);
}

/// Finds a migration that the actor may see: their own, or, for an administrator, the server's.
pub(super) async fn found_migration(
    tx: &mut Tx,
    actor: &Actor,
    id: MigrationId,
) -> Result<Migration, HubError> {
    let migration = tx.migration(id).await?;
    let migration = migration.ok_or(HubError::NotFound("migration"))?;
    let is_own = match migration.owner {
        Some(owner) => actor.user() == Some(owner) || *actor == Actor::Worker,
        None => access::admin(actor).is_ok(),
    };
    is_own.then_some(migration).ok_or(HubError::NotFound("migration"))
}

/// The same of one that has not ended, and holds it until the transaction ends.
pub(super) async fn found_live(tx: &mut Tx, actor: &Actor, id: MigrationId) -> Result<Migration, HubError> {
    found_migration(tx, actor, id).await?;
    let migration = tx.lock_migration(id).await?;
    match migration.filter(Migration::is_live) {
        Some(migration) => Ok(migration),
        None => Err(HubError::Conflict("this migration has ended")),
    }
}

async fn reported(tx: &mut Tx, migration: Migration) -> Result<MigrationReport, HubError> {
    let from = tx.connection(migration.from.connection).await?;
    let to = tx.connection(migration.to.connection).await?;
    Ok(MigrationReport {
        counts: tx.migration_counts(migration.id).await?,
        from_label: from.map(|connection| connection.label),
        to_label: to.map(|connection| connection.label),
        migration,
    })
}
