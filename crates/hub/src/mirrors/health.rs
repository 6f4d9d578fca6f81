//! Where the copies of a file are, whether they were proven to be the same, and mending one from another.

use catalog::{EntryProof, EntryRow, Tx};
use connectors::{Connector, HashKind, Hasher, Hashes, Item, ItemId, RemoteError, fetch};
use futures_util::StreamExt;
use model::{
    Actor, BlobState, BodyError, Connection, Digest, Millis, Mirror, MirrorDirection, MirrorId, NodeId,
    Proof, Right, Version,
};

use super::settings::found as found_mirror;
use crate::access::{self, Hold};
use crate::connections::hashes_of;
use crate::{Expected, Hub, HubError};

/// A copy of a file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Where it is.
    pub place: ReplicaPlace,
    /// Of which version of the file.
    pub version: Option<u64>,
    /// It is of the current one.
    pub is_current: bool,
    /// What is known about it: `proven`, `asserted`, `unverifiable`, `rewritten`, `unproven`, `damaged`, `missing`.
    pub proof: &'static str,
    /// When that was last shown.
    pub proven: Option<Millis>,
    /// What is wrong with it, in a sentence.
    pub problem: Option<String>,
}

/// Where a copy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplicaPlace {
    /// In a store of this server.
    Store(String),
    /// At a connection.
    Mirror {
        /// By which mirror.
        mirror: MirrorId,
        /// The connection; `None` when it was unlinked.
        connection: Option<Box<Connection>>,
        /// Its id there; `None` when it is not there yet.
        item: Option<String>,
    },
}

/// What mending did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mended {
    /// Both copies are good.
    Nothing,
    /// Ours was damaged, and was fetched from there.
    Here,
    /// Theirs is missing or another, and will be sent anew.
    There,
}

impl Mended {
    /// The word that stands for it in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Here => "here",
            Self::There => "there",
        }
    }
}

/// A file and what a mirror ties it to.
struct Tied {
    mirror: Mirror,
    row: EntryRow,
    /// The version that both sides agreed on.
    agreed: Version,
    current: Version,
}

/// What a look at the copy there found.
enum Theirs {
    /// The content that was agreed.
    Same(EntryProof),
    /// It was changed there since; the mirror will see it.
    Changed,
    /// It is not there.
    Missing,
    /// Another content, though nothing says that it was changed.
    Other {
        item: Box<Item>,
        digest: Option<[u8; 32]>,
    },
}

impl Hub {
    /// Lists where the copies of a file are that the actor may know of.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn replicas(&self, actor: &Actor, id: NodeId) -> Result<Vec<Replica>, HubError> {
        let mut tx = self.read().await?;
        let file = access::file(&mut tx, actor, id, Right::View, Hold::No).await?;
        let version = file.node.version.clone().ok_or(HubError::NotFound("file"))?;
        let mut found = vec![self.stored(&mut tx, &version).await?];
        for mirror in tx.mirrors_of_space(file.space.id).await? {
            if actor.user() != Some(mirror.owner) && *actor != Actor::Worker {
                continue;
            }
            for row in tx.entries_of_nodes(mirror.id, &[id]).await? {
                found.push(copied(&mut tx, (&mirror, row), version.number).await?);
            }
        }
        Ok(found)
    }

    /// The copy in our own store.
    async fn stored(&self, tx: &mut Tx, version: &Version) -> Result<Replica, HubError> {
        let blob = tx.blob(version.blob).await?.ok_or(HubError::Damaged)?;
        let (proof, problem) = match (blob.state, blob.proof) {
            (BlobState::Damaged, _) => (
                "damaged",
                Some("the stored bytes are damaged: repair it from another copy".to_owned()),
            ),
            (BlobState::Good, Proof::Computed) => ("proven", None),
            (BlobState::Good, Proof::Asserted) => ("asserted", None),
            (BlobState::Good, Proof::Unproven) => ("unproven", None),
        };
        let store = match &blob.place {
            model::Place::Inline => "database".to_owned(),
            model::Place::Store(at) => at.store.clone(),
        };
        Ok(Replica {
            place: ReplicaPlace::Store(store),
            version: Some(version.number),
            is_current: true,
            proof,
            proven: Some(blob.proven_ms),
            problem,
        })
    }

    /// Looks at the copy there and compares it with ours: by the hashes that the provider tells, or by reading it.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (it is not there yet), and what the provider says.
    pub async fn prove_replica(
        &self,
        actor: &Actor,
        (id, mirror): (NodeId, MirrorId),
        reads: bool,
    ) -> Result<Replica, HubError> {
        let tied = self.tied(actor, id, mirror).await?;
        let (_, theirs) = self.look_there(&tied, reads).await?;
        self.note_proof(&tied, &theirs).await?;
        let mut tx = self.read().await?;
        let row = tx.entries(mirror, &[tied.row.entry]).await?.pop();
        let row = row.ok_or(HubError::NotFound("copy of this file"))?;
        let replica = copied(&mut tx, (&tied.mirror, row), tied.current.number).await?;
        Ok(match theirs {
            Theirs::Same(_) => replica,
            Theirs::Changed => Replica {
                problem: Some("it was changed there since; the mirror looks at it next".to_owned()),
                ..replica
            },
            Theirs::Missing => Replica {
                proof: "missing",
                problem: Some("it is not there any more: repair it from ours".to_owned()),
                ..replica
            },
            Theirs::Other { .. } => Replica {
                proof: "damaged",
                problem: Some(
                    "what is there is not what was sent, though nothing says that it was changed: repair it from ours"
                        .to_owned(),
                ),
                ..replica
            },
        })
    }

    /// Mends a copy from the other: ours is fetched from there when our bytes are damaged and theirs have the digest of
    /// ours; theirs is sent anew when it is missing or another though nothing changed it.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (neither is good, or the mirror does not go that way), and what the provider says.
    pub async fn repair_replica(
        &self,
        actor: &Actor,
        (id, mirror): (NodeId, MirrorId),
    ) -> Result<Mended, HubError> {
        let tied = self.tied(actor, id, mirror).await?;
        if self.is_ours_damaged(&tied.current).await? {
            self.fetch_ours(&tied).await?;
            return Ok(Mended::Here);
        }
        let (_, theirs) = self.look_there(&tied, true).await?;
        self.note_proof(&tied, &theirs).await?;
        let mut row = tied.row.clone();
        match theirs {
            Theirs::Same(_) | Theirs::Changed => return Ok(Mended::Nothing),
            Theirs::Missing => {
                row.item = None;
                row.has_base = false;
                (row.parent, row.names, row.content) = (None, None, None);
            }
            // To the planner ours is then what was changed since.
            Theirs::Other { item, digest } => {
                if let Some(content) = &mut row.content {
                    content.version = 0;
                    content.digest = digest.map(Digest);
                    content.size_bytes = item.size_bytes.unwrap_or(0);
                    content.there_bytes = item.size_bytes;
                    content.revision = item.revision.as_ref().map(|revision| revision.0.clone());
                    content.there_hashes = texts(&item.hashes);
                }
            }
        }
        if tied.mirror.direction == MirrorDirection::Pull {
            return Err(HubError::Conflict(
                "nothing is sent there by this mirror: it only fetches from there",
            ));
        }
        let mut tx = self.write().await?;
        tx.put_entries(mirror, &[row]).await?;
        tx.mark_dirty(mirror, &[(tied.row.entry, 0)], self.now()).await?;
        self.queue_mirror(&mut tx, mirror).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(Mended::There)
    }

    async fn tied(&self, actor: &Actor, id: NodeId, mirror: MirrorId) -> Result<Tied, HubError> {
        let mut tx = self.read().await?;
        let file = access::file(&mut tx, actor, id, Right::View, Hold::No).await?;
        let mirror = found_mirror(&mut tx, actor, mirror).await?;
        let row = tx.entries_of_nodes(mirror.id, &[id]).await?.pop();
        let row = row.ok_or(HubError::NotFound("copy of this file"))?;
        let current = file.node.version.ok_or(HubError::NotFound("file"))?;
        let agreed = match row.content.as_ref().filter(|_| row.item.is_some()) {
            Some(content) if content.version == current.number => Some(current.clone()),
            Some(content) => tx.version(id, content.version).await?,
            None => None,
        };
        let agreed = agreed.ok_or(HubError::Conflict(
            "there is no copy of a version of this file yet: the mirror makes it",
        ))?;
        Ok(Tied {
            mirror,
            row,
            agreed,
            current,
        })
    }

    /// How the copy there is.
    async fn look_there(&self, tied: &Tied, reads: bool) -> Result<(Connection, Theirs), HubError> {
        let connection = self.read().await?.connection(tied.mirror.connection).await?;
        let connection = connection.ok_or(HubError::NotFound("connection"))?;
        let connector = self.connector(&connection).await;
        let connector = self.heard(&connection, connector).await?;
        let looked = self.compare_there(tied, connector, reads).await?;
        let theirs = self.heard(&connection, looked).await?;
        Ok((connection, theirs))
    }

    async fn compare_there(
        &self,
        tied: &Tied,
        connector: std::sync::Arc<dyn Connector>,
        reads: bool,
    ) -> Result<Result<Theirs, RemoteError>, HubError> {
        let (Some(id), Some(content)) = (&tied.row.item, &tied.row.content) else {
            return Ok(Ok(Theirs::Missing));
        };
        let item = match connector.item(&ItemId(id.clone())).await {
            Ok(item) => item.filter(|item| !item.is_trashed),
            Err(error) => return Ok(Err(error)),
        };
        let Some(item) = item else {
            return Ok(Ok(Theirs::Missing));
        };
        let revision = item.revision.as_ref().map(|revision| &revision.0);
        if content.revision.is_some() && revision != content.revision.as_ref() {
            return Ok(Ok(Theirs::Changed));
        }
        let was_rewritten = tied.row.proof == EntryProof::Rewritten;
        if !reads {
            let ours = self.hashes_of_version(&tied.agreed).await?;
            return Ok(Ok(match ours.agrees(&item.hashes) {
                Some(true) => Theirs::Same(EntryProof::Asserted),
                Some(false) if was_rewritten => Theirs::Same(EntryProof::Rewritten),
                Some(false) => Theirs::Other {
                    item: Box::new(item),
                    digest: None,
                },
                None => Theirs::Same(EntryProof::Unverifiable),
            }));
        }
        let Some(ours) = tied.agreed.digest else {
            return Ok(Ok(Theirs::Same(EntryProof::Unverifiable)));
        };
        Ok(match digest_there(connector, &item).await {
            Ok(theirs) if theirs == ours.0 => Ok(Theirs::Same(EntryProof::Proven)),
            Ok(_) if was_rewritten => Ok(Theirs::Same(EntryProof::Rewritten)),
            Ok(theirs) => Ok(Theirs::Other {
                item: Box::new(item),
                digest: Some(theirs),
            }),
            Err(error) => Err(error),
        })
    }

    /// All hashes that are known of a version of ours.
    async fn hashes_of_version(&self, version: &Version) -> Result<Hashes, HubError> {
        let Some(digest) = version.digest else {
            return Ok(Hashes::default());
        };
        let known = self.read().await?.content_hashes(&[digest]).await?;
        let texts = known.get(&digest).into_iter().flatten();
        let texts: Vec<String> = texts.map(|(kind, text)| format!("{kind}:{text}")).collect();
        let mut hashes = hashes_of(&texts);
        hashes.sha256 = Some(digest.0);
        Ok(hashes)
    }

    async fn note_proof(&self, tied: &Tied, theirs: &Theirs) -> Result<(), HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        let row = tx.entries(tied.mirror.id, &[tied.row.entry]).await?.pop();
        // What the mirror agreed on meanwhile was not looked at.
        let Some(mut row) = row.filter(|row| row.content == tied.row.content) else {
            return Ok(());
        };
        match theirs {
            Theirs::Same(proof) => {
                row.proof = *proof;
                row.proven_ms = Some(now);
                tx.put_entries(tied.mirror.id, &[row]).await?;
            }
            Theirs::Changed => {
                tx.mark_dirty(tied.mirror.id, &[(row.entry, 0)], now).await?;
                self.hasten_mirror(&mut tx, &tied.mirror).await?;
            }
            Theirs::Missing | Theirs::Other { .. } => {
                row.proof = EntryProof::Unproven;
                tx.put_entries(tied.mirror.id, &[row]).await?;
            }
        }
        tx.commit().await?;
        Ok(())
    }

    /// Reads ours back, and writes down what that has shown.
    async fn is_ours_damaged(&self, version: &Version) -> Result<bool, HubError> {
        let blob = self.read().await?.blob(version.blob).await?;
        let blob = blob.ok_or(HubError::Damaged)?;
        let state = self.prove(&blob).await?;
        let mut tx = self.write().await?;
        tx.judge_blob(&blob, state, self.now()).await?;
        tx.commit().await?;
        Ok(state == BlobState::Damaged)
    }

    /// Fetches our bytes from the copy there.
    async fn fetch_ours(&self, tied: &Tied) -> Result<(), HubError> {
        let neither = HubError::Conflict("the copy there is of another content: it cannot mend ours");
        let (Some(digest), true) = (tied.current.digest, tied.agreed.number == tied.current.number) else {
            return Err(neither);
        };
        let connection = self.read().await?.connection(tied.mirror.connection).await?;
        let connection = connection.ok_or(HubError::NotFound("connection"))?;
        let connector = self.connector(&connection).await;
        let connector = self.heard(&connection, connector).await?;
        let id = ItemId(tied.row.item.clone().unwrap_or_default());
        let item = connector.item(&id).await;
        let item = self.heard(&connection, item).await?;
        let item = item
            .filter(|item| !item.is_trashed)
            .ok_or(HubError::NotFound("item at the provider"))?;
        let fetched = fetch(connector, &item, 0, None).await;
        let fetched = self.heard(&connection, fetched).await?;
        let expected = Expected {
            size_bytes: Some(tied.current.size_bytes),
            digest: Some(digest),
            ..Expected::default()
        };
        let staged = self
            .stage(tied.current.size_bytes, expected, fetched.stream)
            .await;
        let mut staged = match staged {
            Err(HubError::DigestMismatch(_) | HubError::TooLarge { .. } | HubError::QuotaExceeded { .. }) => {
                return Err(neither);
            }
            staged => staged?,
        };
        let now = self.now();
        let mut tx = match staged.announced.take() {
            Some(announced) => announced.write().await?,
            None => self.write().await?,
        };
        let (blob, is_kept) = self.settle_blob(&mut tx, &staged, now).await?;
        // It is no further use: the versions that use it are the ones that did.
        tx.count_uses(blob, -1, now);
        tx.commit().await?;
        if !is_kept {
            self.discard_staged(staged).await;
        }
        tracing::info!(%blob, mirror = %tied.mirror.id, "damaged bytes were fetched from a mirror");
        Ok(())
    }
}

/// The SHA-256 of what is there.
async fn digest_there(
    connector: std::sync::Arc<dyn Connector>,
    item: &Item,
) -> Result<[u8; 32], RemoteError> {
    let mut stream = fetch(connector, item, 0, None).await?.stream;
    let mut hasher = Hasher::new(&[HashKind::Sha256]);
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => hasher.update(&piece),
            Err(BodyError::Unreadable(cause)) => {
                return Err(match cause.downcast::<RemoteError>() {
                    Ok(error) => *error,
                    Err(cause) => RemoteError::Unavailable(cause.to_string()),
                });
            }
            Err(error) => return Err(RemoteError::Unavailable(error.to_string())),
        }
    }
    let hashes = hasher.finish();
    hashes
        .sha256
        .ok_or_else(|| RemoteError::Damaged("it has no digest".to_owned()))
}

fn texts(hashes: &Hashes) -> Vec<String> {
    let kinds = hashes.kinds().into_iter();
    kinds
        .filter_map(|kind| Some(format!("{}:{}", kind.as_str(), hashes.text(kind)?)))
        .collect()
}

/// The copy that an entry of a mirror knows of.
async fn copied(tx: &mut Tx, (mirror, row): (&Mirror, EntryRow), current: u64) -> Result<Replica, HubError> {
    let connection = tx.connection(mirror.connection).await?;
    let version = row.content.as_ref().map(|content| content.version);
    Ok(Replica {
        place: ReplicaPlace::Mirror {
            mirror: mirror.id,
            connection: connection.map(Box::new),
            item: row.item,
        },
        version: version.filter(|version| *version > 0),
        is_current: version == Some(current),
        proof: row.proof.as_str(),
        proven: row.proven_ms,
        problem: row.error,
    })
}
