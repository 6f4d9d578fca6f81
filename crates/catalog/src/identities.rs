//! Identities: people as OpenID providers know them; and the tickets that are good once.

use model::{Identity, Millis, UserId};

use crate::archive::Changed;
use crate::db::{Row, Tx, Value};
use crate::{CatalogError, count, signed};

const COLUMNS: &str = "number, issuer, subject, provider, user_id, email, created_ms, used_ms";

impl Tx {
    /// Finds an identity.
    pub async fn identity(&mut self, issuer: &str, subject: &str) -> Result<Option<Identity>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM identities WHERE issuer = $1 AND subject = $2");
        let row = self.first(&sql, &[issuer.into(), subject.into()]).await?;
        row.as_ref().map(read_identity).transpose()
    }

    /// Adds an identity, under a number of its own. Answers false, and adds nothing, if it is there,
    /// whosever it is.
    pub async fn add_identity(&mut self, identity: &Identity) -> Result<bool, CatalogError> {
        let number = self.next_number().await?;
        let added = self
            .execute(
                "INSERT INTO identities (number, issuer, subject, provider, user_id, email, created_ms, used_ms)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
                 ON CONFLICT (issuer, subject) DO NOTHING",
                &[
                    number.into(),
                    identity.issuer.as_str().into(),
                    identity.subject.as_str().into(),
                    identity.provider.as_str().into(),
                    Value::id(identity.user.as_bytes()),
                    identity.email.as_str().into(),
                    identity.created_ms.0.into(),
                    identity.used_ms.0.into(),
                ],
            )
            .await?;
        if added == 1 {
            self.queue_for_archive(Changed::User(identity.user)).await?;
        }
        Ok(added == 1)
    }

    /// A number for an identity or a connection, both of which are people at providers. It is counted by itself: that of
    /// one that was removed stays used.
    pub(crate) async fn next_number(&mut self) -> Result<i64, CatalogError> {
        let row = self
            .first(
                "INSERT INTO meta (name, value) VALUES ('identities', '1')
                 ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT)
                 RETURNING CAST(value AS BIGINT)",
                &[],
            )
            .await?
            .ok_or_else(|| CatalogError::Damaged("the count of identities is not there".to_owned()))?;
        row.int(0)
    }

    /// Notes that somebody signed in by an identity, and what the provider calls their address now.
    pub async fn touch_identity(
        &mut self,
        (issuer, subject): (&str, &str),
        email: Option<&str>,
        now: Millis,
    ) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE identities SET used_ms = $3, email = coalesce($4, email)
             WHERE issuer = $1 AND subject = $2",
            &[
                issuer.into(),
                subject.into(),
                now.0.into(),
                email.map(str::to_owned).into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Returns a user's identities, the oldest first, at most `limit`.
    pub async fn identities(&mut self, user: UserId, limit: u32) -> Result<Vec<Identity>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM identities WHERE user_id = $1
             ORDER BY created_ms, issuer, subject
             LIMIT $2"
        );
        let rows = self
            .query(&sql, &[Value::id(user.as_bytes()), i64::from(limit).into()])
            .await?;
        rows.iter().map(read_identity).collect()
    }

    /// Returns everybody's identities in the order of their numbers, at most `limit`.
    pub async fn all_identities(&mut self, limit: u32) -> Result<Vec<Identity>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM identities ORDER BY number LIMIT $1");
        let rows = self.query(&sql, &[i64::from(limit).into()]).await?;
        rows.iter().map(read_identity).collect()
    }

    /// Removes one of a user's identities.
    pub async fn remove_identity(&mut self, user: UserId, number: u64) -> Result<bool, CatalogError> {
        let removed = self
            .execute(
                "DELETE FROM identities WHERE number = $1 AND user_id = $2",
                &[signed(number).into(), Value::id(user.as_bytes())],
            )
            .await?;
        self.queue_for_archive(Changed::User(user)).await?;
        Ok(removed == 1)
    }

    /// Uses a ticket up. Answers false if it was used before. It is remembered until `expires_ms`,
    /// after which whoever checks it must refuse it for its age.
    pub async fn use_ticket(&mut self, name: &str, expires_ms: Millis) -> Result<bool, CatalogError> {
        let used = self
            .execute(
                "INSERT INTO tickets (name, expires_ms) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
                &[name.into(), expires_ms.0.into()],
            )
            .await?;
        Ok(used == 1)
    }

    /// Forgets up to `limit` used tickets that ended before `now`.
    pub async fn remove_ended_tickets(&mut self, now: Millis, limit: u32) -> Result<u64, CatalogError> {
        self.execute(
            "DELETE FROM tickets WHERE name IN (
                 SELECT name FROM tickets WHERE expires_ms < $1 ORDER BY expires_ms LIMIT $2)",
            &[now.0.into(), i64::from(limit).into()],
        )
        .await
    }
}

fn read_identity(row: &Row) -> Result<Identity, CatalogError> {
    Ok(Identity {
        number: count(row.int(0)?),
        issuer: row.text(1)?,
        subject: row.text(2)?,
        provider: row.text(3)?,
        user: UserId::from_bytes(row.id16(4)?),
        email: row.text(5)?,
        created_ms: Millis(row.int(6)?),
        used_ms: Millis(row.int(7)?),
    })
}
