//! Sessions, app passwords and invitations: what people prove themselves with.

use model::{AppPassword, AppPasswordId, InviteId, Millis, Session, SessionId, SessionKind, User, UserId};

use crate::archive::Changed;
use crate::db::{Row, Tx, Value};
use crate::users::{USER, read_user};
use crate::{CatalogError, count, signed};

const SESSION: &str =
    "s.id, s.user_id, s.kind, s.generation, s.rotated_ms, s.label, s.created_ms, s.used_ms, s.expires_ms";

impl Tx {
    /// Adds a session.
    pub async fn create_session(&mut self, session: &Session) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO sessions (id, user_id, kind, generation, rotated_ms, label, created_ms, used_ms,
                 expires_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                Value::id(session.id.as_bytes()),
                Value::id(session.user.as_bytes()),
                i64::from(session.kind == SessionKind::Cookie).into(),
                signed(session.generation).into(),
                session.rotated_ms.0.into(),
                session.label.as_str().into(),
                session.created_ms.0.into(),
                session.used_ms.0.into(),
                session.expires_ms.0.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Finds a session and its user.
    pub async fn session(&mut self, id: SessionId) -> Result<Option<(Session, User)>, CatalogError> {
        let sql = format!(
            "SELECT {SESSION}, {USER} FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1"
        );
        let row = self.first(&sql, &[Value::id(id.as_bytes())]).await?;
        row.map(|row| Ok((read_session(&row)?, read_user(&row, 9)?)))
            .transpose()
    }

    /// Returns a user's sessions, the newest first, at most `limit`.
    pub async fn sessions(&mut self, user: UserId, limit: u32) -> Result<Vec<Session>, CatalogError> {
        let sql = format!(
            "SELECT {SESSION} FROM sessions s WHERE s.user_id = $1 ORDER BY s.created_ms DESC, s.id LIMIT $2"
        );
        let rows = self
            .query(&sql, &[Value::id(user.as_bytes()), i64::from(limit).into()])
            .await?;
        rows.iter().map(read_session).collect()
    }

    /// Moves a session from one generation to the next. Answers false if another was faster.
    pub async fn rotate_session(
        &mut self,
        id: SessionId,
        generation: u64,
        now: Millis,
    ) -> Result<bool, CatalogError> {
        let rotated = self
            .execute(
                "UPDATE sessions SET generation = generation + 1, rotated_ms = $3, used_ms = $3
                 WHERE id = $1 AND generation = $2",
                &[Value::id(id.as_bytes()), signed(generation).into(), now.0.into()],
            )
            .await?;
        Ok(rotated == 1)
    }

    /// Notes that a session did something.
    pub async fn touch_session(&mut self, id: SessionId, now: Millis) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE sessions SET used_ms = $2 WHERE id = $1 AND used_ms < $2",
            &[Value::id(id.as_bytes()), now.0.into()],
        )
        .await?;
        Ok(())
    }

    /// Ends one session of a user.
    pub async fn end_session(&mut self, user: UserId, id: SessionId) -> Result<bool, CatalogError> {
        let ended = self
            .execute(
                "DELETE FROM sessions WHERE id = $1 AND user_id = $2",
                &[Value::id(id.as_bytes()), Value::id(user.as_bytes())],
            )
            .await?;
        Ok(ended == 1)
    }

    /// Ends all sessions of a user, but `except`.
    pub async fn end_sessions(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
    ) -> Result<u64, CatalogError> {
        let except = except.map_or([0; 16], |session| *session.as_bytes());
        self.execute(
            "DELETE FROM sessions WHERE user_id = $1 AND id <> $2",
            &[Value::id(user.as_bytes()), Value::id(&except)],
        )
        .await
    }

    /// Removes up to `limit` sessions that ended before `now`.
    pub async fn remove_ended_sessions(&mut self, now: Millis, limit: u32) -> Result<u64, CatalogError> {
        self.execute(
            "DELETE FROM sessions WHERE id IN (
                 SELECT id FROM sessions WHERE expires_ms < $1 ORDER BY expires_ms LIMIT $2)",
            &[now.0.into(), i64::from(limit).into()],
        )
        .await
    }

    /// Adds an app password, of which only the hash is kept.
    pub async fn create_app_password(
        &mut self,
        password: &AppPassword,
        secret_hash: [u8; 32],
    ) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO app_passwords (id, user_id, label, secret_hash, created_ms, used_ms)
             VALUES ($1, $2, $3, $4, $5, NULL)",
            &[
                Value::id(password.id.as_bytes()),
                Value::id(password.user.as_bytes()),
                password.label.as_str().into(),
                secret_hash.to_vec().into(),
                password.created_ms.0.into(),
            ],
        )
        .await?;
        self.queue_for_archive(Changed::User(password.user)).await
    }

    /// Finds an app password by the hash of its secret, and its user.
    pub async fn app_password_by_secret(
        &mut self,
        secret_hash: [u8; 32],
    ) -> Result<Option<(AppPassword, User)>, CatalogError> {
        let sql = format!(
            "SELECT p.id, p.user_id, p.label, p.created_ms, p.used_ms, {USER}
             FROM app_passwords p JOIN users u ON u.id = p.user_id
             WHERE p.secret_hash = $1"
        );
        let row = self.first(&sql, &[secret_hash.to_vec().into()]).await?;
        row.map(|row| Ok((read_app_password(&row)?, read_user(&row, 5)?)))
            .transpose()
    }

    /// Returns a user's app passwords, the newest first, at most `limit`.
    pub async fn app_passwords(
        &mut self,
        user: UserId,
        limit: u32,
    ) -> Result<Vec<AppPassword>, CatalogError> {
        let rows = self
            .query(
                "SELECT id, user_id, label, created_ms, used_ms FROM app_passwords
                 WHERE user_id = $1 ORDER BY created_ms DESC, id LIMIT $2",
                &[Value::id(user.as_bytes()), i64::from(limit).into()],
            )
            .await?;
        rows.iter().map(read_app_password).collect()
    }

    /// Whether a user has an app password of this id.
    pub async fn is_app_password(&mut self, user: UserId, id: AppPasswordId) -> Result<bool, CatalogError> {
        let row = self
            .first(
                "SELECT 1 FROM app_passwords WHERE id = $1 AND user_id = $2",
                &[Value::id(id.as_bytes()), Value::id(user.as_bytes())],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Notes that an app password was used.
    pub async fn touch_app_password(&mut self, id: AppPasswordId, now: Millis) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE app_passwords SET used_ms = $2 WHERE id = $1",
            &[Value::id(id.as_bytes()), now.0.into()],
        )
        .await?;
        Ok(())
    }

    /// Removes one app password of a user.
    pub async fn remove_app_password(
        &mut self,
        user: UserId,
        id: AppPasswordId,
    ) -> Result<bool, CatalogError> {
        let removed = self
            .execute(
                "DELETE FROM app_passwords WHERE id = $1 AND user_id = $2",
                &[Value::id(id.as_bytes()), Value::id(user.as_bytes())],
            )
            .await?;
        self.queue_for_archive(Changed::User(user)).await?;
        Ok(removed == 1)
    }

    /// Adds an invitation, of which only the hash is kept.
    pub async fn create_invite(
        &mut self,
        id: InviteId,
        secret_hash: [u8; 32],
        (now, expires_ms): (Millis, Millis),
    ) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO invites (id, secret_hash, created_ms, expires_ms, used_ms)
             VALUES ($1, $2, $3, $4, NULL)",
            &[
                Value::id(id.as_bytes()),
                secret_hash.to_vec().into(),
                now.0.into(),
                expires_ms.0.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Uses an invitation up. Answers false if there is none that is good at `now`.
    pub async fn use_invite(&mut self, secret_hash: [u8; 32], now: Millis) -> Result<bool, CatalogError> {
        let used = self
            .execute(
                "UPDATE invites SET used_ms = $2
                 WHERE secret_hash = $1 AND used_ms IS NULL AND expires_ms > $2",
                &[secret_hash.to_vec().into(), now.0.into()],
            )
            .await?;
        Ok(used == 1)
    }
}

fn read_session(row: &Row) -> Result<Session, CatalogError> {
    Ok(Session {
        id: SessionId::from_bytes(row.id16(0)?),
        user: UserId::from_bytes(row.id16(1)?),
        kind: if row.int(2)? == 1 {
            SessionKind::Cookie
        } else {
            SessionKind::Token
        },
        generation: count(row.int(3)?),
        rotated_ms: Millis(row.int(4)?),
        label: row.text(5)?,
        created_ms: Millis(row.int(6)?),
        used_ms: Millis(row.int(7)?),
        expires_ms: Millis(row.int(8)?),
    })
}

fn read_app_password(row: &Row) -> Result<AppPassword, CatalogError> {
    Ok(AppPassword {
        id: AppPasswordId::from_bytes(row.id16(0)?),
        user: UserId::from_bytes(row.id16(1)?),
        label: row.text(2)?,
        created_ms: Millis(row.int(3)?),
        used_ms: row.opt_int(4)?.map(Millis),
    })
}
