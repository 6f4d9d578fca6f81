//! Nodes as they are, and the bytes of files.

use std::ops::Range;

use futures_util::TryStreamExt;
use model::{
    Actor, Blob, BlobState, ByteStream, Node, NodeId, NodeName, NodePath, Place, Right, StoredAt, UserId,
    Version,
};

use crate::access::{self, FolderRef, Hold};
use crate::{Hub, HubError, scrub};

/// A node with what a person wants to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The node.
    pub node: Node,
    /// Its path from the root of its space, or from what the actor was given.
    pub path: NodePath,
    /// Whether the person starred it.
    pub is_starred: bool,
    /// What the actor holds of it.
    pub right: Right,
    /// Whether they may give it to others.
    pub may_share: bool,
    /// Whose it is.
    pub owner: UserId,
}

/// One content of a file, found and allowed, ready to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// The file.
    pub node: Node,
    /// The version of it.
    pub version: Version,
    blob: Blob,
}

impl Download {
    /// Where its bytes are; `None` when they are in the catalog, or known to be damaged.
    pub(crate) fn stored_at(&self) -> Option<&StoredAt> {
        match &self.blob.place {
            Place::Store(at) if self.blob.state == BlobState::Good => Some(at),
            Place::Store(_) | Place::Inline => None,
        }
    }
}

impl Hub {
    /// Finds a node.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn info(&self, actor: &Actor, id: NodeId) -> Result<Info, HubError> {
        let mut tx = self.read().await?;
        let found = access::node(&mut tx, actor, id, Right::View, Hold::No).await?;
        let is_starred = access::stars(&mut tx, actor, &[id]).await?.contains(&id);
        let path = found.path();
        Ok(Info {
            right: found.right,
            may_share: found.gives.is_some(),
            owner: found.space.owner,
            node: found.into_node(),
            path,
            is_starred,
        })
    }

    /// Finds a folder, the root of the actor's space among them.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (a file).
    pub async fn folder_info(&self, actor: &Actor, folder: FolderRef) -> Result<Info, HubError> {
        let mut tx = self.read().await?;
        let found = access::folder(&mut tx, actor, folder, Right::View, Hold::No).await?;
        let id = found.node.id;
        let is_starred = access::stars(&mut tx, actor, &[id]).await?.contains(&id);
        let path = found.path();
        Ok(Info {
            right: found.right,
            may_share: found.gives.is_some(),
            owner: found.space.owner,
            node: found.into_node(),
            path,
            is_starred,
        })
    }

    /// The ids and names of the folders down to a folder, itself the last: from the root of its space,
    /// or from what the actor was given.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (a file).
    pub async fn trail(&self, actor: &Actor, folder: FolderRef) -> Result<Vec<(NodeId, NodeName)>, HubError> {
        let mut tx = self.read().await?;
        let found = access::folder(&mut tx, actor, folder, Right::View, Hold::No).await?;
        let shown = found.way.into_iter().take(found.shown);
        let trail: Vec<_> = shown.map(|step| (step.id, step.name)).collect();
        Ok(trail.into_iter().rev().collect())
    }

    /// Finds the node at a path in the actor's space.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn resolve(&self, actor: &Actor, path: &NodePath) -> Result<Info, HubError> {
        let mut tx = self.read().await?;
        let mut at = access::folder(&mut tx, actor, FolderRef::Root, Right::View, Hold::No)
            .await?
            .node
            .id;
        for name in path.names() {
            at = tx.child(at, name).await?.ok_or(HubError::NotFound("path"))?.id;
        }
        drop(tx);
        self.info(actor, at).await
    }

    /// Finds the current content of a file, or the one of version `number`.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn open_file(
        &self,
        actor: &Actor,
        id: NodeId,
        number: Option<u64>,
    ) -> Result<Download, HubError> {
        let mut tx = self.read().await?;
        let found = access::file(&mut tx, actor, id, Right::View, Hold::No).await?;
        let version = match number {
            None => found.node.version.clone(),
            Some(number) => tx.version(id, number).await?,
        };
        let version = version.ok_or(HubError::NotFound("version"))?;
        let blob = tx.blob(version.blob).await?.ok_or(HubError::Damaged)?;
        Ok(Download {
            node: found.into_node(),
            version,
            blob,
        })
    }

    /// Reads bytes of a content. The version is fixed: an overwrite meanwhile changes nothing.
    ///
    /// # Errors
    /// `Damaged` before the first byte when the stored length is wrong; later damage ends the stream.
    pub async fn read_content(&self, download: &Download, range: Range<u64>) -> Result<ByteStream, HubError> {
        self.read_blob(&download.blob, range).await
    }

    /// Reads bytes of a blob, as [`Hub::read_content`] does.
    pub(crate) async fn read_blob(&self, blob: &Blob, range: Range<u64>) -> Result<ByteStream, HubError> {
        // What is known to be wrong is not handed out, not even the part of it that may be right.
        if blob.state == BlobState::Damaged {
            return Err(HubError::Damaged);
        }
        let outcome = match &blob.place {
            Place::Inline => self.read_inline(blob, range).await,
            Place::Store(at) => self
                .0
                .content
                .read(at, blob.size_bytes, range)
                .await
                .map_err(HubError::from),
        };
        match outcome {
            Ok(stream) => Ok(self.watched(stream, blob)),
            Err(error) => {
                if let HubError::Damaged = &error {
                    self.report_damage(blob).await;
                }
                Err(error)
            }
        }
    }

    /// A stream of a blob's bytes that reports the damage that it meets on the way.
    fn watched(&self, stream: ByteStream, blob: &Blob) -> ByteStream {
        let (hub, blob) = (self.clone(), blob.clone());
        Box::pin(stream.inspect_err(move |error| {
            if scrub::is_damage_on_the_way(error) {
                let (hub, blob) = (hub.clone(), blob.clone());
                let tasks = hub.0.tasks.clone();
                tasks.spawn(async move { hub.report_damage(&blob).await });
            }
        }))
    }

    async fn read_inline(&self, blob: &Blob, range: Range<u64>) -> Result<ByteStream, HubError> {
        let bytes = self
            .read()
            .await?
            .inline(blob.id)
            .await?
            .ok_or(HubError::Damaged)?;
        if bytes.len() as u64 != blob.size_bytes {
            return Err(HubError::Damaged);
        }
        let bytes = bytes::Bytes::from(bytes);
        let (start, end) = (range.start.min(blob.size_bytes), range.end.min(blob.size_bytes));
        let (start, end) = (
            usize::try_from(start).unwrap_or(0),
            usize::try_from(end).unwrap_or(0),
        );
        let part = bytes.slice(start..end.max(start));
        Ok(Box::pin(futures_util::stream::once(async move { Ok(part) })))
    }

    /// Marks a blob as damaged, once, and tells the log, which names no file.
    pub(crate) async fn report_damage(&self, blob: &Blob) {
        tracing::error!(blob = %blob.id, "the stored bytes of a blob are damaged");
        if blob.state == BlobState::Damaged {
            return;
        }
        let marked = async {
            let mut tx = self.write().await?;
            tx.judge_blob(blob, BlobState::Damaged, self.now()).await?;
            tx.commit().await.map_err(HubError::from)
        };
        if let Err(error) = marked.await {
            tracing::error!(%error, "the damage could not be written down");
        }
    }
}
