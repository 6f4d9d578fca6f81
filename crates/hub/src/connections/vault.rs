//! The vault: credentials at rest, sealed with a key that names itself, so that keys can change.

use catalog::SealedCredentials;
use connectors::{RemoteError, SignInReason};
use model::{ConnectionId, Connection};

use super::Credentials;
use crate::{Hub, HubError};

/// What credentials are sealed for.
const PURPOSE: &str = "credentials of a connection";
/// Connections that one step of a rotation takes in.
const STEP: u32 = 100;

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
        self.0.vault.seal(PURPOSE, &id.to_string(), &plain)
    }

    pub(crate) fn open_credentials(
        &self,
        id: ConnectionId,
        sealed: &SealedCredentials,
    ) -> Result<Opened, RemoteError> {
        let lost = || RemoteError::SignInAgain(SignInReason::Sealed);
        let plain = self.0.vault.open(PURPOSE, &id.to_string(), &sealed.sealed);
        let plain = plain.map_err(|_| lost())?;
        Ok(Opened {
            credentials: serde_json::from_slice(&plain).map_err(|_| lost())?,
            generation: sealed.generation,
        })
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
            if self.0.vault.is_current(&sealed.sealed) {
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
