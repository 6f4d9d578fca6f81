//! Users, and the small table of named texts.

use model::{Email, Millis, Role, SpaceId, User, UserId, UserState};

use crate::archive::Changed;
use crate::db::{Row, Tx, Value};
use crate::{CatalogError, count, signed};

/// The columns that [`read_user`] reads, from a table called `u`.
pub(crate) const USER: &str = "u.id, u.email, u.full_name, u.role, u.state, u.quota_bytes, u.space_id, \
     u.created_ms, u.locale, u.photo_ms";
/// How many they are.
const USER_COLUMNS: usize = 10;

impl Tx {
    /// Reads a named text of the installation.
    pub async fn meta(&mut self, name: &str) -> Result<Option<String>, CatalogError> {
        let row = self
            .first("SELECT value FROM meta WHERE name = $1", &[name.into()])
            .await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Reads a named text and holds it until the transaction ends: a lock by name.
    pub async fn hold_meta(&mut self, name: &str) -> Result<Option<String>, CatalogError> {
        let sql = format!("SELECT value FROM meta WHERE name = $1{}", self.lock_suffix());
        let row = self.first(&sql, &[name.into()]).await?;
        row.map(|row| row.text(0)).transpose()
    }

    /// Sets a named text unless it has one, and returns what it is then.
    pub async fn first_meta(&mut self, name: &str, value: &str) -> Result<String, CatalogError> {
        self.execute(
            "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            &[name.into(), value.into()],
        )
        .await?;
        self.meta(name)
            .await?
            .ok_or_else(|| CatalogError::Damaged(format!("the text `{name}` is not there")))
    }

    /// Sets a named text.
    pub async fn put_meta(&mut self, name: &str, value: &str) -> Result<(), CatalogError> {
        self.execute(
            "INSERT INTO meta (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            &[name.into(), value.into()],
        )
        .await?;
        Ok(())
    }

    /// Forgets a value of the installation.
    pub async fn remove_meta(&mut self, name: &str) -> Result<(), CatalogError> {
        self.execute("DELETE FROM meta WHERE name = $1", &[name.into()])
            .await?;
        Ok(())
    }

    /// Adds a user, without a photo. Answers false, and adds nothing, if the address is taken.
    pub async fn create_user(&mut self, user: &User, hash: Option<&str>) -> Result<bool, CatalogError> {
        let made = self
            .execute(
                "INSERT INTO users (id, email, full_name, password_hash, role, state, quota_bytes, space_id,
                     created_ms, locale)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                 ON CONFLICT (email) DO NOTHING",
                &[
                    Value::id(user.id.as_bytes()),
                    user.email.as_str().into(),
                    user.full_name.as_str().into(),
                    hash.map(str::to_owned).into(),
                    role_code(user.role).into(),
                    state_code(user.state).into(),
                    user.quota_bytes.map(signed).into(),
                    Value::id(user.space.as_bytes()),
                    user.created_ms.0.into(),
                    user.locale.clone().into(),
                ],
            )
            .await?;
        if made == 1 {
            self.queue_for_archive(Changed::User(user.id)).await?;
        }
        Ok(made == 1)
    }

    /// Finds a user.
    pub async fn user(&mut self, id: UserId) -> Result<Option<User>, CatalogError> {
        let sql = format!("SELECT {USER} FROM users u WHERE u.id = $1");
        let row = self.first(&sql, &[Value::id(id.as_bytes())]).await?;
        row.as_ref().map(|row| read_user(row, 0)).transpose()
    }

    /// Finds a user by address, with the hash of their password.
    pub async fn user_by_email(
        &mut self,
        email: &Email,
    ) -> Result<Option<(User, Option<String>)>, CatalogError> {
        let sql = format!("SELECT {USER}, u.password_hash FROM users u WHERE u.email = $1");
        let row = self.first(&sql, &[email.as_str().into()]).await?;
        row.map(|row| Ok((read_user(&row, 0)?, row.opt_text(USER_COLUMNS)?)))
            .transpose()
    }

    /// Reads the hash of a user's password.
    pub async fn password_hash(&mut self, id: UserId) -> Result<Option<String>, CatalogError> {
        let row = self
            .first(
                "SELECT password_hash FROM users WHERE id = $1",
                &[Value::id(id.as_bytes())],
            )
            .await?;
        row.map_or(Ok(None), |row| row.opt_text(0))
    }

    /// Returns users after `after`, by address, at most `limit`.
    pub async fn users(&mut self, after: &str, limit: u32) -> Result<Vec<User>, CatalogError> {
        let sql = format!("SELECT {USER} FROM users u WHERE u.email > $1 ORDER BY u.email LIMIT $2");
        let rows = self.query(&sql, &[after.into(), i64::from(limit).into()]).await?;
        rows.iter().map(|row| read_user(row, 0)).collect()
    }

    /// Whether there is any user.
    pub async fn has_users(&mut self) -> Result<bool, CatalogError> {
        Ok(self.first("SELECT 1 FROM users LIMIT 1", &[]).await?.is_some())
    }

    /// Counts the administrators who may sign in.
    pub async fn active_admin_count(&mut self) -> Result<u64, CatalogError> {
        let row = self
            .first("SELECT count(*) FROM users WHERE role = 1 AND state = 0", &[])
            .await?;
        row.map_or(Ok(0), |row| row.int(0).map(count))
    }

    /// Finds a user with the hash of their password, and holds them until the transaction ends.
    pub async fn lock_user(&mut self, id: UserId) -> Result<Option<(User, Option<String>)>, CatalogError> {
        let lock = self.lock_suffix();
        let sql = format!("SELECT {USER}, u.password_hash FROM users u WHERE u.id = $1{lock}");
        let row = self.first(&sql, &[Value::id(id.as_bytes())]).await?;
        row.map(|row| Ok((read_user(&row, 0)?, row.opt_text(USER_COLUMNS)?)))
            .transpose()
    }

    /// Writes a user's name, role, state, quota and locale.
    pub async fn update_user(&mut self, user: &User) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE users
             SET full_name = $2, role = $3, state = $4, quota_bytes = $5, locale = $6
             WHERE id = $1",
            &[
                Value::id(user.id.as_bytes()),
                user.full_name.as_str().into(),
                role_code(user.role).into(),
                state_code(user.state).into(),
                user.quota_bytes.map(signed).into(),
                user.locale.clone().into(),
            ],
        )
        .await?;
        self.queue_for_archive(Changed::User(user.id)).await
    }

    /// Writes the hash of a user's password.
    pub async fn set_password_hash(&mut self, id: UserId, hash: &str) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE users SET password_hash = $2 WHERE id = $1",
            &[Value::id(id.as_bytes()), hash.into()],
        )
        .await?;
        self.queue_for_archive(Changed::User(id)).await
    }
}

const fn role_code(role: Role) -> i64 {
    match role {
        Role::User => 0,
        Role::Admin => 1,
    }
}

const fn state_code(state: UserState) -> i64 {
    match state {
        UserState::Active => 0,
        UserState::Disabled => 1,
    }
}

/// Reads a user whose columns begin at `at`.
pub(crate) fn read_user(row: &Row, at: usize) -> Result<User, CatalogError> {
    Ok(User {
        id: UserId::from_bytes(row.id16(at)?),
        email: Email::from_stored(row.text(at + 1)?),
        full_name: row.text(at + 2)?,
        role: if row.int(at + 3)? == 1 {
            Role::Admin
        } else {
            Role::User
        },
        state: if row.int(at + 4)? == 0 {
            UserState::Active
        } else {
            UserState::Disabled
        },
        quota_bytes: row.opt_int(at + 5)?.map(count),
        space: SpaceId::from_bytes(row.id16(at + 6)?),
        created_ms: Millis(row.int(at + 7)?),
        locale: row.opt_text(at + 8)?,
        photo_ms: row.opt_int(at + 9)?.map(Millis),
    })
}
