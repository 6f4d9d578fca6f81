//! Moves of what is in one connection to another: how far each is.

use model::{
    ConnectionId, Migration, MigrationDocuments, MigrationId, MigrationSide, MigrationStage, MigrationState,
    Millis, UserId,
};

use crate::db::{Row, Tx, Value};
use crate::{CatalogError, count, signed};

const COLUMNS: &str = "id, owner_id, from_connection, from_path, from_folder, to_connection, to_path, to_folder,
    documents, deletes_gone, reads_back, state, stage, pass, pass_began_ms, pass_changes, is_finishing, reason,
    failures, next_ms, created_ms, ended_ms";

/// Where a page of migrations starts: after this one, which was made at that time.
pub type MigrationMark = (Millis, MigrationId);

impl Tx {
    /// Adds a migration.
    pub async fn add_migration(&mut self, new: &Migration) -> Result<(), CatalogError> {
        let sql = format!(
            "INSERT INTO cloud_migrations ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
                 $14, $15, $16, $17, $18, $19, $20, $21, $22)"
        );
        self.execute(&sql, &params(new)).await?;
        Ok(())
    }

    /// Finds a migration.
    pub async fn migration(&mut self, id: MigrationId) -> Result<Option<Migration>, CatalogError> {
        self.migration_by(id, "").await
    }

    /// Finds a migration and holds it until the transaction ends.
    pub async fn lock_migration(&mut self, id: MigrationId) -> Result<Option<Migration>, CatalogError> {
        let suffix = self.lock_suffix();
        self.migration_by(id, suffix).await
    }

    async fn migration_by(
        &mut self,
        id: MigrationId,
        suffix: &str,
    ) -> Result<Option<Migration>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM cloud_migrations WHERE id = $1{suffix}");
        let row = self.first(&sql, &[Value::id(id.as_bytes())]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Writes down all of a migration.
    pub async fn put_migration(&mut self, of: &Migration) -> Result<(), CatalogError> {
        let set = COLUMNS.split(',').map(str::trim).enumerate().skip(1);
        let set = set.map(|(at, name)| format!("{name} = ${}", at + 1));
        let sql = format!(
            "UPDATE cloud_migrations SET {} WHERE id = $1",
            set.collect::<Vec<_>>().join(", ")
        );
        self.execute(&sql, &params(of)).await?;
        Ok(())
    }

    /// The migrations of a user, with those of the server where asked for, or everybody's: the newest first, those that
    /// follow `after`, at most `limit`.
    pub async fn migrations(
        &mut self,
        (owner, with_servers): (Option<UserId>, bool),
        after: Option<MigrationMark>,
        limit: u32,
    ) -> Result<Vec<Migration>, CatalogError> {
        let mut params: Vec<Value> = vec![i64::from(limit).into()];
        let mut filters = vec!["1 = 1".to_owned()];
        if let Some(owner) = owner {
            params.push(owner.into());
            filters.push(match with_servers {
                true => "(owner_id = $2 OR owner_id IS NULL)".to_owned(),
                false => "owner_id = $2".to_owned(),
            });
        }
        if let Some((created, id)) = after {
            params.extend([created.into(), Value::id(id.as_bytes())]);
            let at = params.len();
            filters.push(format!("(created_ms, id) < (${}, ${at})", at - 1));
        }
        let sql = format!(
            "SELECT {COLUMNS} FROM cloud_migrations WHERE {} ORDER BY created_ms DESC, id DESC LIMIT $1",
            filters.join(" AND ")
        );
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read).collect()
    }

    /// Migrations that have not ended and are due, those that wait longest first, at most `limit`.
    pub async fn due_migrations(&mut self, now: Millis, limit: u32) -> Result<Vec<Migration>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM cloud_migrations WHERE ended_ms IS NULL AND state = 'active' AND next_ms <= $1
             ORDER BY next_ms LIMIT $2"
        );
        let rows = self.query(&sql, &[now.into(), i64::from(limit).into()]).await?;
        rows.iter().map(read).collect()
    }

    /// Removes a migration. What is known of its items is removed by [`Tx::forget_migration_items`].
    pub async fn remove_migration(&mut self, id: MigrationId) -> Result<(), CatalogError> {
        self.execute(
            "DELETE FROM cloud_migrations WHERE id = $1",
            &[Value::id(id.as_bytes())],
        )
        .await?;
        Ok(())
    }
}

fn params(of: &Migration) -> Vec<Value> {
    vec![
        Value::id(of.id.as_bytes()),
        of.owner.into(),
        of.from.connection.into(),
        of.from.path.as_str().into(),
        of.from.folder.as_deref().into(),
        of.to.connection.into(),
        of.to.path.as_str().into(),
        of.to.folder.as_deref().into(),
        of.documents.as_str().into(),
        i64::from(of.deletes_gone).into(),
        i64::from(of.reads_back).into(),
        of.state.as_str().into(),
        of.stage.as_str().into(),
        signed(of.pass).into(),
        of.pass_began_ms.into(),
        signed(of.pass_changes).into(),
        i64::from(of.is_finishing).into(),
        of.reason.as_deref().into(),
        i64::from(of.failures).into(),
        of.next_ms.into(),
        of.created_ms.into(),
        of.ended_ms.into(),
    ]
}

fn read(row: &Row) -> Result<Migration, CatalogError> {
    let side = |at: usize| {
        Ok::<_, CatalogError>(MigrationSide {
            connection: ConnectionId::from_bytes(row.id16(at)?),
            path: row.text(at + 1)?,
            folder: row.opt_text(at + 2)?,
        })
    };
    Ok(Migration {
        id: MigrationId::from_bytes(row.id16(0)?),
        owner: row.opt_id16(1)?.map(UserId::from_bytes),
        from: side(2)?,
        to: side(5)?,
        documents: word(&row.text(8)?, MigrationDocuments::from_word)?,
        deletes_gone: row.int(9)? != 0,
        reads_back: row.int(10)? != 0,
        state: word(&row.text(11)?, MigrationState::from_word)?,
        stage: word(&row.text(12)?, MigrationStage::from_word)?,
        pass: count(row.int(13)?),
        pass_began_ms: row.opt_int(14)?.map(Millis),
        pass_changes: count(row.int(15)?),
        is_finishing: row.int(16)? != 0,
        reason: row.opt_text(17)?,
        failures: u32::try_from(row.int(18)?).unwrap_or(u32::MAX),
        next_ms: Millis(row.int(19)?),
        created_ms: Millis(row.int(20)?),
        ended_ms: row.opt_int(21)?.map(Millis),
    })
}

/// What a word in a column of a migration stands for.
pub(crate) fn word<T>(text: &str, of: impl Fn(&str) -> Option<T>) -> Result<T, CatalogError> {
    of(text).ok_or_else(|| CatalogError::Damaged(format!("`{text}` is no word of a migration")))
}
