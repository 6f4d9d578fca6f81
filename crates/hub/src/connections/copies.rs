//! Copies of files in connections, found by their contents; and signed addresses of what is in one.

use connectors::{HashKind, Hashes};
use model::{Actor, Connection, ConnectionId, NodeId, RemoteItem};
use serde::{Deserialize, Serialize};

use super::known::{hash, hashes_of};
use super::{MOST, RemoteDownload};
use crate::signed::{Signer, WRONG, signer};
use crate::{Download, Hub, HubError, SignedAddress, access};

/// Items of the right length that are compared at the most.
const CANDIDATES: u32 = 20;

#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(rename = "c")]
    connection: ConnectionId,
    #[serde(rename = "r")]
    item: String,
    #[serde(rename = "x")]
    export: Option<String>,
    #[serde(rename = "e")]
    expires_ms: i64,
    #[serde(rename = "a")]
    signer: Signer,
}

impl Hub {
    /// An address of the copy of a file's content that one of the actor's connections of a kind holds, or that is kept
    /// in a store of that kind: one of the provider's own where it has them, else one of ours that fetches it there.
    ///
    /// # Errors
    /// `NotFound` (no such file, or no copy of it there), `NotConfigured`, and what the provider says.
    pub async fn copy_elsewhere(
        &self,
        actor: &Actor,
        file: NodeId,
        kind: &'static str,
    ) -> Result<SignedAddress, HubError> {
        let download = self.open_file(actor, file, None).await?;
        let is_stored_there = download.stored_at().is_some_and(|at| at.store == kind);
        if is_stored_there && let Some(url) = self.store_url(&download, (None, false)).await? {
            return Ok(SignedAddress {
                secret: String::new(),
                store_url: Some(url),
                expires_ms: self.end_of(None)?,
            });
        }
        let user = access::user(actor)?;
        let own = self.read().await?.connections(Some(user), 0, MOST).await?;
        let own: Vec<Connection> = own.into_iter().filter(|known| known.kind == kind).collect();
        if own.is_empty() {
            // Says what is missing, when that is settings.
            if matches!(kind, "google" | "onedrive") {
                self.link_provider(kind)?;
            }
            return Err(HubError::NotFound("connection of yours to look for a copy in"));
        }
        for connection in own {
            if let Some(item) = self.copy_in(&connection, &download).await? {
                let name = download.node.name.to_string();
                return self
                    .sign_remote(actor, (connection.id, &item.id), None, &name)
                    .await;
            }
        }
        Err(HubError::NotFound("copy of this content there"))
    }

    /// A file in a connection that has a content, as far as was seen when the connection was last looked at.
    async fn copy_in(
        &self,
        connection: &Connection,
        download: &Download,
    ) -> Result<Option<RemoteItem>, HubError> {
        let wanted = (download.node.name.as_str(), download.version.size_bytes);
        let mut tx = self.read().await?;
        let candidates = tx.items_of_size(connection.id, wanted, CANDIDATES).await?;
        drop(tx);
        let mut ours = Hashes {
            sha256: download.version.digest.map(|digest| digest.0),
            ..Hashes::default()
        };
        let mut is_read = false;
        for item in candidates {
            let theirs = hashes_of(&item.hashes);
            if ours.agrees(&theirs).is_none() && !theirs.kinds().is_empty() && !is_read {
                // What the provider has of it, ours has to be read for: once for all candidates.
                ours = self.hashes_of_content(download).await?;
                is_read = true;
            }
            if ours.agrees(&theirs) == Some(true) {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    /// All hashes of a content that is kept here, by reading it.
    pub(crate) async fn hashes_of_content(&self, download: &Download) -> Result<Hashes, HubError> {
        let bytes = self
            .read_content(download, 0..download.version.size_bytes)
            .await?;
        hash(bytes, &HashKind::ALL).await.map_err(HubError::Body)
    }

    /// Signs an address of what is in a connection: one of the provider's own where it has them and the item is a file,
    /// else one of ours. It holds as long as other signed addresses do.
    ///
    /// # Errors
    /// `NotFound`, and what the provider says.
    pub async fn sign_remote(
        &self,
        actor: &Actor,
        (id, item): (ConnectionId, &str),
        export: Option<&str>,
        file_name: &str,
    ) -> Result<SignedAddress, HubError> {
        let expires_ms = self.end_of(None)?;
        let link = match export {
            None => self.remote_link(actor, (id, item), file_name).await?,
            Some(_) => {
                super::found(&mut self.read().await?, actor, id).await?;
                None
            }
        };
        let claims = Claims {
            connection: id,
            item: item.to_owned(),
            export: export.map(ToOwned::to_owned),
            expires_ms: expires_ms.0,
            signer: signer(actor)?,
        };
        Ok(SignedAddress {
            secret: self.sign(&claims)?,
            expires_ms: link.as_ref().map_or(expires_ms, |link| link.expires),
            store_url: link.map(|link| link.url),
        })
    }

    /// Opens what an address of [`Hub::sign_remote`] stands for.
    ///
    /// # Errors
    /// `Forbidden` when it was changed or has ended, or who asked for it is nobody here any more; those of
    /// [`Hub::open_remote`].
    pub async fn open_signed_remote(
        &self,
        secret: &str,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<RemoteDownload, HubError> {
        let claims: Claims = self.signed(secret).ok_or(WRONG)?;
        let (actor, _) = self.signer_now(&claims.signer, claims.expires_ms).await?;
        self.open_remote(
            &actor,
            (claims.connection, &claims.item),
            claims.export.as_deref(),
            range,
        )
        .await
    }
}
