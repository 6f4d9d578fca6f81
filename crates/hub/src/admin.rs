//! What administrators do: accounts of others. They open nobody's files.

use model::{Actor, Email, Role, User, UserId, UserState};

use crate::accounts::{check_new_password, text};
use crate::{Hub, HubError, INSTANCE, Part, access, cursors};

/// Largest quota: what both databases count to.
const QUOTA_BYTES: u64 = i64::MAX as u64;

/// What to change about an account. What is not given stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserChange {
    /// Its role.
    pub role: Option<Role>,
    /// Whether it may sign in.
    pub state: Option<UserState>,
    /// Its quota; `Some(None)` is the server's default again.
    pub quota_bytes: Option<Option<u64>>,
}

/// An account as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// The account.
    pub user: User,
    /// Bytes of its personal space.
    pub used_bytes: u64,
}

/// Accounts, by address.
pub type UserPage = model::Page<UserRow>;

impl Hub {
    /// Lists accounts in pages, by address.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid` (cursor).
    pub async fn user_page(&self, actor: &Actor, part: Part) -> Result<UserPage, HubError> {
        const SCOPE: &str = "users";
        access::admin(actor)?;
        let after: String = match &part.cursor {
            Some(cursor) => cursors::open(self.keys(), SCOPE, cursor)?,
            None => String::new(),
        };
        let mut items = self.users(actor, &after, part.limit + 1).await?;
        let has_more = items.len() > part.limit as usize;
        items.truncate(part.limit as usize);
        let last = items.last().filter(|_| has_more);
        let next = last.map(|row| cursors::seal(self.keys(), SCOPE, &row.user.email.as_str()));
        Ok(UserPage { items, next })
    }

    /// Lists accounts after the address `after`, at most `limit`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn users(&self, actor: &Actor, after: &str, limit: u32) -> Result<Vec<UserRow>, HubError> {
        access::admin(actor)?;
        let mut tx = self.read().await?;
        let mut rows = Vec::new();
        for user in tx.users(after, limit).await? {
            let used_bytes = tx.space(user.space).await?.map_or(0, |space| space.used_bytes);
            rows.push(UserRow { user, used_bytes });
        }
        Ok(rows)
    }

    /// Finds an account by address: for commands on the server's own machine.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn user_by_email(&self, actor: &Actor, email: &str) -> Result<User, HubError> {
        access::admin(actor)?;
        let email: Email = email.parse().map_err(|error| HubError::invalid("email", error))?;
        let found = self.read().await?.user_by_email(&email).await?;
        Ok(found.ok_or(HubError::NotFound("user"))?.0)
    }

    /// Makes an account.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid`, `EmailTaken`.
    pub async fn create_user(
        &self,
        actor: &Actor,
        (email, password): (&str, &str),
        (full_name, role): (&str, Role),
    ) -> Result<UserRow, HubError> {
        access::admin(actor)?;
        let email: Email = email.parse().map_err(|error| HubError::invalid("email", error))?;
        check_new_password("password", password)?;
        let full_name = text("full_name", full_name)?;
        let hash = self.hash_password(password).await?;
        let hub = self.clone();
        self.to_end(async move {
            let mut tx = hub.write().await?;
            tx.hold_meta(INSTANCE).await?;
            let user = hub
                .create_account(&mut tx, email, (full_name, role), Some(&hash))
                .await?;
            tx.commit().await?;
            Ok(UserRow { user, used_bytes: 0 })
        })
        .await
    }

    /// Changes an account. Disabling it ends its sessions at once; its files stay.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Invalid` (the quota), `Conflict` (the last administrator).
    pub async fn change_user(
        &self,
        actor: &Actor,
        id: UserId,
        change: UserChange,
    ) -> Result<UserRow, HubError> {
        access::admin(actor)?;
        if change
            .quota_bytes
            .flatten()
            .is_some_and(|bytes| bytes > QUOTA_BYTES)
        {
            let problem = format!("a quota holds {QUOTA_BYTES} bytes at the most");
            return Err(HubError::invalid("quota_bytes", problem));
        }
        let hub = self.clone();
        self.to_end(async move {
            let mut tx = hub.write().await?;
            // Two administrators who demote each other at once: the second waits, and is refused.
            tx.hold_meta(INSTANCE).await?;
            let (mut user, _) = tx.lock_user(id).await?.ok_or(HubError::NotFound("user"))?;
            let was_admin = user.role == Role::Admin && user.state == UserState::Active;
            user.role = change.role.unwrap_or(user.role);
            user.state = change.state.unwrap_or(user.state);
            user.quota_bytes = change.quota_bytes.unwrap_or(user.quota_bytes);
            tx.update_user(&user).await?;
            if was_admin && tx.active_admin_count().await? == 0 {
                return Err(HubError::Conflict(
                    "this is the last administrator; make another one first",
                ));
            }
            if user.state == UserState::Disabled {
                tx.end_sessions(id, None).await?;
            }
            let used_bytes = tx.space(user.space).await?.map_or(0, |space| space.used_bytes);
            tx.commit().await?;
            Ok(UserRow { user, used_bytes })
        })
        .await
    }

    /// Sets an account's password and ends its sessions: for commands on the server's own machine.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Invalid`.
    pub async fn reset_password(&self, actor: &Actor, id: UserId, password: &str) -> Result<(), HubError> {
        access::admin(actor)?;
        check_new_password("password", password)?;
        let hash = self.hash_password(password).await?;
        let hub = self.clone();
        self.to_end(async move {
            let mut tx = hub.write().await?;
            tx.lock_user(id).await?.ok_or(HubError::NotFound("user"))?;
            tx.set_password_hash(id, &hash).await?;
            tx.end_sessions(id, None).await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}
