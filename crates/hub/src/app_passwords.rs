//! App passwords: one for each program, so that one can be taken back alone.

use model::{Actor, AppPassword, AppPasswordId, Email, UserState, limits};

use crate::sessions::{secret_hash, signed_in};
use crate::{Hub, HubError, Peer, accounts, keys};

/// How exactly "last used" is kept.
const TOUCH_SECS: i64 = 60;
const WRONG: HubError = HubError::Unauthenticated("the e-mail address or the app password is wrong");
/// Letters and digits that cannot be taken for one another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// A new app password. Its secret is shown this once.
#[derive(Clone, PartialEq, Eq)]
pub struct NewAppPassword {
    /// What is kept of it.
    pub row: AppPassword,
    /// The password itself.
    pub secret: String,
}

impl Hub {
    /// Makes an app password.
    ///
    /// # Errors
    /// `Invalid` (label), `Conflict` (too many), `Forbidden` (by an app password).
    pub async fn create_app_password(&self, actor: &Actor, label: &str) -> Result<NewAppPassword, HubError> {
        let user = signed_in(actor)?;
        let label = accounts::text("label", label)?;
        if label.is_empty() {
            return Err(HubError::invalid("label", "name the program that will use it"));
        }
        let hub = self.clone();
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let most = u32::try_from(limits::CREDENTIALS).unwrap_or(u32::MAX);
            if tx.app_passwords(user, most).await?.len() >= limits::CREDENTIALS {
                return Err(HubError::Conflict(
                    "there are 200 app passwords; remove one first",
                ));
            }
            let row = AppPassword {
                id: AppPasswordId::new(now, keys::random()),
                user,
                label,
                created_ms: now,
                used_ms: None,
            };
            let secret = secret();
            tx.create_app_password(&row, secret_hash(&secret)).await?;
            tx.commit().await?;
            Ok(NewAppPassword { row, secret })
        })
        .await
    }

    /// Lists the actor's app passwords, the newest first.
    ///
    /// # Errors
    /// `Forbidden` (by an app password).
    pub async fn app_passwords(&self, actor: &Actor) -> Result<Vec<AppPassword>, HubError> {
        let user = signed_in(actor)?;
        let most = u32::try_from(limits::CREDENTIALS).unwrap_or(u32::MAX);
        Ok(self.read().await?.app_passwords(user, most).await?)
    }

    /// Takes an app password back, at once.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` (by an app password).
    pub async fn remove_app_password(&self, actor: &Actor, id: AppPasswordId) -> Result<(), HubError> {
        let user = signed_in(actor)?;
        let hub = self.clone();
        self.to_end(async move {
            let mut tx = hub.write().await?;
            if !tx.remove_app_password(user, id).await? {
                return Err(HubError::NotFound("app password"));
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    pub(crate) async fn app_actor(
        &self,
        email: &str,
        password: &str,
        peer: &Peer,
    ) -> Result<Actor, HubError> {
        let email: Email = match email.parse() {
            Ok(email) => email,
            Err(_) => {
                self.admit_login("-", peer.ip).await?;
                return Err(WRONG);
            }
        };
        let now = self.now();
        let found = self
            .read()
            .await?
            .app_password_by_secret(secret_hash(password))
            .await?;
        let found = found.filter(|(_, user)| user.email == email && user.state == UserState::Active);
        let Some((row, user)) = found else {
            self.admit_login(email.as_str(), peer.ip).await?;
            return Err(WRONG);
        };
        // The secret has 150 bits, so a lock-out need not stop it; and a stranger's wrong tries
        // must not cut off a sync client.
        if row
            .used_ms
            .is_none_or(|used_ms| used_ms < now.minus_secs(TOUCH_SECS))
        {
            let mut tx = self.write().await?;
            tx.touch_app_password(row.id, now).await?;
            tx.commit().await?;
        }
        Ok(Actor::App {
            id: user.id,
            password: row.id,
        })
    }
}

/// 30 characters in groups of five: 150 random bits.
fn secret() -> String {
    let letters = keys::random::<30>().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    let groups: Vec<String> = letters.chunks(5).map(|group| group.iter().collect()).collect();
    groups.join("-")
}
