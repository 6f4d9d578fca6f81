//! Linked accounts, buckets and folders, and their sealed credentials.

use model::{Connection, ConnectionId, ConnectionState, Millis, UserId};

use crate::db::{Row, Tx, Value};
use crate::{CatalogError, count, signed};

const COLUMNS: &str =
    "id, number, owner_id, kind, label, account, drive, flavour, root, settings, scopes, state,
    reason, created_ms, linked_ms, checked_ms, worked_ms, ends_ms, used_bytes, limit_bytes";

/// Sealed credentials, as they were put there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCredentials {
    /// The bytes.
    pub sealed: Vec<u8>,
    /// Counts what was put there.
    pub generation: u64,
    /// Somebody refreshes them just now, until then.
    pub held_until_ms: Option<Millis>,
}

impl Tx {
    /// Adds a connection, under a number of its own, and returns it.
    pub async fn add_connection(
        &mut self,
        new: &Connection,
        sealed: &[u8],
    ) -> Result<Connection, CatalogError> {
        let number = self.next_number().await?;
        let sql = format!(
            "INSERT INTO connections ({COLUMNS}, sealed, generation) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
                 $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, 1)"
        );
        let mut params = vec![new.id.into(), number.into()];
        params.extend([
            new.owner.into(),
            new.kind.as_str().into(),
            new.label.as_str().into(),
            new.account.as_str().into(),
            new.drive.as_str().into(),
            new.flavour.as_deref().into(),
            new.root.as_str().into(),
            new.settings.as_str().into(),
            new.scopes.as_str().into(),
            new.state.as_str().into(),
            new.reason.as_deref().into(),
            new.created_ms.into(),
            new.linked_ms.into(),
            new.checked_ms.into(),
            new.worked_ms.into(),
            new.ends_ms.into(),
            new.used_bytes.map(signed).into(),
            new.limit_bytes.map(signed).into(),
            sealed.to_vec().into(),
        ]);
        self.execute(&sql, &params).await?;
        self.execute(
            "INSERT INTO connection_feeds (connection_id, cursor, round, is_snapshot, next_ms, failures)
             VALUES ($1, NULL, 0, 1, $2, 0)",
            &[new.id.into(), new.created_ms.into()],
        )
        .await?;
        Ok(Connection {
            number: count(number),
            ..new.clone()
        })
    }

    /// Finds a connection.
    pub async fn connection(&mut self, id: ConnectionId) -> Result<Option<Connection>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM connections WHERE id = $1");
        let row = self.first(&sql, &[id.into()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Finds a connection and holds it until the transaction ends.
    pub async fn lock_connection(&mut self, id: ConnectionId) -> Result<Option<Connection>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM connections WHERE id = $1{}",
            self.lock_suffix()
        );
        let row = self.first(&sql, &[id.into()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// Returns the connections of a user, or those of the server, the oldest first: those whose numbers follow
    /// `after`, at most `limit`.
    pub async fn connections(
        &mut self,
        owner: Option<UserId>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Connection>, CatalogError> {
        let whose = match owner {
            Some(_) => "owner_id = $3",
            None => "owner_id IS NULL",
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM connections WHERE {whose} AND number > $1 ORDER BY number LIMIT $2"
        );
        let mut params = vec![signed(after).into(), i64::from(limit).into()];
        params.extend(owner.map(Value::from));
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read).collect()
    }

    /// Returns everybody's connections in the order of their numbers: those that follow `after`, at most `limit`.
    pub async fn all_connections(&mut self, after: u64, limit: u32) -> Result<Vec<Connection>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM connections WHERE number > $1 ORDER BY number LIMIT $2");
        let rows = self
            .query(&sql, &[signed(after).into(), i64::from(limit).into()])
            .await?;
        rows.iter().map(read).collect()
    }

    /// Writes down all of a connection but its id, number, owner, kind and credentials.
    pub async fn put_connection(&mut self, of: &Connection) -> Result<(), CatalogError> {
        let params = [
            of.id.into(),
            of.label.as_str().into(),
            of.account.as_str().into(),
            of.drive.as_str().into(),
            of.flavour.as_deref().into(),
            of.root.as_str().into(),
            of.settings.as_str().into(),
            of.scopes.as_str().into(),
            of.state.as_str().into(),
            of.reason.as_deref().into(),
            of.linked_ms.into(),
            of.checked_ms.into(),
            of.worked_ms.into(),
            of.ends_ms.into(),
            of.used_bytes.map(signed).into(),
            of.limit_bytes.map(signed).into(),
        ];
        self.execute(
            "UPDATE connections SET label = $2, account = $3, drive = $4, flavour = $5, root = $6, settings = $7,
                 scopes = $8, state = $9, reason = $10, linked_ms = $11, checked_ms = $12, worked_ms = $13,
                 ends_ms = $14, used_bytes = $15, limit_bytes = $16
             WHERE id = $1",
            &params,
        )
        .await?;
        Ok(())
    }

    /// Removes a connection, its credentials, its channels and its place in the feed. What is known of its items is removed by
    /// [`Tx::forget_items`].
    pub async fn remove_connection(&mut self, id: ConnectionId) -> Result<bool, CatalogError> {
        let id = [Value::from(id)];
        let removed = self.execute("DELETE FROM connections WHERE id = $1", &id).await?;
        self.execute("DELETE FROM connection_feeds WHERE connection_id = $1", &id)
            .await?;
        self.execute("DELETE FROM connection_paces WHERE connection_id = $1", &id)
            .await?;
        self.execute("DELETE FROM connection_channels WHERE connection_id = $1", &id)
            .await?;
        Ok(removed == 1)
    }

    /// The sealed credentials of a connection.
    pub async fn credentials(&mut self, id: ConnectionId) -> Result<Option<SealedCredentials>, CatalogError> {
        let row = self
            .first(
                "SELECT sealed, generation, holder_until_ms FROM connections WHERE id = $1",
                &[id.into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(SealedCredentials {
            sealed: row.bytes(0)?,
            generation: count(row.int(1)?),
            held_until_ms: row.opt_int(2)?.map(Millis),
        }))
    }

    /// Takes the right to refresh credentials that are still of that generation, until `until`. Answers false while
    /// somebody else has it, or when they are others by now.
    pub async fn hold_credentials(
        &mut self,
        (id, generation): (ConnectionId, u64),
        holder: [u8; 16],
        (now, until): (Millis, Millis),
    ) -> Result<bool, CatalogError> {
        let held = self
            .execute(
                "UPDATE connections SET holder = $3, holder_until_ms = $5
                 WHERE id = $1 AND generation = $2
                     AND (holder IS NULL OR holder = $3 OR holder_until_ms <= $4 OR holder_until_ms > $6)",
                &[
                    id.into(),
                    signed(generation).into(),
                    Value::id(&holder),
                    now.into(),
                    until.into(),
                    // A clock that once ran ahead must not lock everybody out.
                    until.plus_secs(60).into(),
                ],
            )
            .await?;
        Ok(held == 1)
    }

    /// Gives the right to refresh back without having done so.
    pub async fn release_credentials(
        &mut self,
        id: ConnectionId,
        holder: [u8; 16],
    ) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE connections SET holder = NULL, holder_until_ms = NULL WHERE id = $1 AND holder = $2",
            &[id.into(), Value::id(&holder)],
        )
        .await?;
        Ok(())
    }

    /// Puts other credentials in place of those of that generation, and ends everybody's right to refresh those.
    /// Answers false, and changes nothing, when they are others by now.
    pub async fn put_credentials(
        &mut self,
        (id, generation): (ConnectionId, u64),
        sealed: &[u8],
    ) -> Result<bool, CatalogError> {
        let put = self
            .execute(
                "UPDATE connections SET sealed = $3, generation = generation + 1, holder = NULL, holder_until_ms = NULL
                 WHERE id = $1 AND generation = $2",
                &[id.into(), signed(generation).into(), sealed.to_vec().into()],
            )
            .await?;
        Ok(put == 1)
    }
}

fn read(row: &Row) -> Result<Connection, CatalogError> {
    let state = row.text(11)?;
    Ok(Connection {
        id: ConnectionId::from_bytes(row.id16(0)?),
        number: count(row.int(1)?),
        owner: row.opt_id16(2)?.map(UserId::from_bytes),
        kind: row.text(3)?,
        label: row.text(4)?,
        account: row.text(5)?,
        drive: row.text(6)?,
        flavour: row.opt_text(7)?,
        root: row.text(8)?,
        settings: row.text(9)?,
        scopes: row.text(10)?,
        state: ConnectionState::from_word(&state)
            .ok_or_else(|| CatalogError::Damaged(format!("`{state}` is no state of a connection")))?,
        reason: row.opt_text(12)?,
        created_ms: Millis(row.int(13)?),
        linked_ms: Millis(row.int(14)?),
        checked_ms: row.opt_int(15)?.map(Millis),
        worked_ms: row.opt_int(16)?.map(Millis),
        ends_ms: row.opt_int(17)?.map(Millis),
        used_bytes: row.opt_int(18)?.map(count),
        limit_bytes: row.opt_int(19)?.map(count),
    })
}
