//! The vault: credentials at rest, sealed with a key that names itself, so that keys can change.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use catalog::SealedCredentials;
use connectors::{RemoteError, SignInReason};
use content::Keyring;
use model::{Connection, ConnectionId};

use super::Credentials;
use crate::{Hub, HubError};

/// What credentials are sealed for.
const PURPOSE: &str = "credentials of a connection";
/// What upload sessions are sealed for: whoever has one may write to that file.
const SESSION: &str = "upload session";
/// Connections that one step of a rotation takes in.
const STEP: u32 = 100;

/// Reads the keys as they are now; `None` when they cannot be read.
pub type KeySource = Arc<dyn Fn() -> Option<Keyring> + Send + Sync>;

/// The keys, which may change while a server runs.
pub(crate) struct Vault {
    last: Mutex<Keyring>,
    source: OnceLock<KeySource>,
}

impl Vault {
    pub(crate) fn new(ring: Keyring) -> Self {
        Self {
            last: Mutex::new(ring),
            source: OnceLock::new(),
        }
    }

    fn ring(&self) -> Keyring {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ring) = self.source.get().and_then(|source| source()) {
            *last = ring;
        }
        last.clone()
    }
}

/// Credentials that were opened, and which generation of them.
pub(crate) struct Opened {
    pub credentials: Credentials,
    pub generation: u64,
}

/// What [`Hub::rotate_token_key`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotated {
    /// Credentials that were sealed anew.
    pub sealed: u64,
    /// Those that were sealed with the present key already.
    pub current: u64,
    /// Those that no key of this server opens.
    pub lost: u64,
}

impl Hub {
    pub(crate) fn seal_credentials(&self, id: ConnectionId, credentials: &Credentials) -> Vec<u8> {
        let plain = serde_json::to_vec(credentials).expect("credentials can be written as JSON");
        self.0.vault.ring().seal(PURPOSE, &id.to_string(), &plain)
    }

    pub(crate) fn open_credentials(
        &self,
        id: ConnectionId,
        sealed: &SealedCredentials,
    ) -> Result<Opened, RemoteError> {
        let lost = || RemoteError::SignInAgain(SignInReason::Sealed);
        let plain = self.0.vault.ring().open(PURPOSE, &id.to_string(), &sealed.sealed);
        let plain = plain.map_err(|_| lost())?;
        Ok(Opened {
            credentials: serde_json::from_slice(&plain).map_err(|_| lost())?,
            generation: sealed.generation,
        })
    }

    /// Seals where an upload stands; `name` says which.
    pub(crate) fn seal_session(&self, name: &str, session: &str) -> Vec<u8> {
        self.0.vault.ring().seal(SESSION, name, session.as_bytes())
    }

    /// Opens what [`Hub::seal_session`] sealed; `None` when no key of this server does, and the upload begins anew.
    pub(crate) fn open_session(&self, name: &str, sealed: &[u8]) -> Option<String> {
        let plain = self.0.vault.ring().open(SESSION, name, sealed).ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }

    /// Has the keys read anew each time that something is sealed or opened, so that a command may change them while
    /// this server runs. The first source stays.
    pub fn follow_token_keys(&self, source: KeySource) {
        // A second one would be the same.
        let _ = self.0.vault.source.set(source);
    }

    /// Seals all credentials with the first key of the ring. It may be cut and begun again, while servers run.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn rotate_token_key(&self) -> Result<Rotated, HubError> {
        let mut done = Rotated::default();
        let mut after = 0;
        loop {
            let page = self.read().await?.all_connections(after, STEP).await?;
            let Some(last) = page.last() else {
                return Ok(done);
            };
            after = last.number;
            for connection in &page {
                self.seal_anew(connection, &mut done).await?;
            }
        }
    }

    async fn seal_anew(&self, connection: &Connection, done: &mut Rotated) -> Result<(), HubError> {
        loop {
            let sealed = self.read().await?.credentials(connection.id).await?;
            // Removed meanwhile.
            let Some(sealed) = sealed else { return Ok(()) };
            if self.0.vault.ring().is_current(&sealed.sealed) {
                done.current += 1;
                return Ok(());
            }
            let Ok(opened) = self.open_credentials(connection.id, &sealed) else {
                done.lost += 1;
                return Ok(());
            };
            let fresh = self.seal_credentials(connection.id, &opened.credentials);
            let mut tx = self.write().await?;
            let was_put = tx
                .put_credentials((connection.id, opened.generation), &fresh)
                .await?;
            tx.commit().await?;
            // Somebody refreshed them in between: once more.
            if was_put {
                done.sealed += 1;
                return Ok(());
            }
        }
    }
}
