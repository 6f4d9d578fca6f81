//! What is sent to a provider: contents of ours that can be read as often as it takes, and how far uploads came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use connectors::{Source, UploadJournal};
use model::{BodyError, ByteStream, MirrorId};

use super::calls::Sent;
use super::desk::{MirrorDesk, MirrorError};
use super::uploads::counted;
use crate::{Download, Hub, HubError};

impl MirrorDesk {
    /// A content of ours, to be sent.
    ///
    /// # Errors
    /// `Changed` when that version is not there any more.
    pub async fn source(&self, sent: &Sent) -> Result<StoredSource, MirrorError> {
        let download = self
            .hub
            .open_file(&self.actor, sent.node, Some(sent.version))
            .await?;
        Ok(StoredSource {
            sent: self.hub.0.on_the_way.begin(self.mirror.id, sent.node),
            hub: self.hub.clone(),
            download,
        })
    }

    /// What remembers how far an upload came, so that it can go on after a restart.
    pub fn journal(&self, entry: u64, arrived: Arc<AtomicU64>) -> Sessions {
        Sessions {
            hub: self.hub.clone(),
            mirror: self.mirror.id,
            lease: catalog::Lease::of(&self.lease.job),
            entry,
            arrived,
        }
    }
}

/// A content of ours that can be read as often as it takes.
pub struct StoredSource {
    hub: Hub,
    download: Download,
    /// How much of it was read, for whom it may concern.
    sent: Arc<AtomicU64>,
}

impl StoredSource {
    /// Its media type.
    pub fn media_type(&self) -> &str {
        &self.download.version.media_type
    }

    /// When it was stored.
    pub const fn stored(&self) -> model::Millis {
        self.download.version.created_ms
    }
}

#[async_trait]
impl Source for StoredSource {
    fn size_bytes(&self) -> u64 {
        self.download.version.size_bytes
    }

    async fn open(&self, offset: u64) -> Result<ByteStream, BodyError> {
        let range = offset..self.download.version.size_bytes;
        let body = self.hub.read_content(&self.download, range).await;
        let body = body.map(|body| counted(body, offset, self.sent.clone()));
        body.map_err(|error| match error {
            HubError::Body(error) => error,
            error => BodyError::Unreadable(Box::new(error)),
        })
    }
}

/// Keeps upload sessions with their intents, sealed.
pub struct Sessions {
    hub: Hub,
    mirror: MirrorId,
    lease: catalog::Lease,
    entry: u64,
    arrived: Arc<AtomicU64>,
}

impl Sessions {
    async fn write(&self, session: Option<&str>) -> Result<(), HubError> {
        let sealed = session.map(|session| self.hub.seal_session(&self.name(), session));
        let mut tx = self.hub.write().await?;
        if !tx.holds_lease(self.lease).await? {
            return Err(HubError::Conflict("another worker looks after this mirror now"));
        }
        tx.keep_session(self.mirror, self.entry, sealed.as_deref())
            .await?;
        Ok(tx.commit().await?)
    }

    fn name(&self) -> String {
        format!("{} {}", self.mirror, self.entry)
    }
}

#[async_trait]
impl UploadJournal for Sessions {
    async fn kept(&self) -> Option<String> {
        let mut tx = self.hub.read().await.ok()?;
        let row = tx.intent(self.mirror, self.entry).await.ok()??;
        self.hub.open_session(&self.name(), &row.session?)
    }

    async fn keep(&self, session: Option<&str>) -> Result<(), BodyError> {
        let kept = self.write(session).await;
        kept.map_err(|error| BodyError::Unreadable(Box::new(error)))
    }

    fn arrived(&self, bytes: u64) {
        self.arrived.store(bytes, Ordering::Relaxed);
    }
}
