//! Concatenation: whole parts become one file, in the order in which they are named.

use catalog::Tx;
use content::body_of;
use futures_util::{StreamExt, stream};
use model::{Actor, BlobId, BodyError, ByteStream, Proof, Transfer, UploadId, UploadKind, UploadState};

use super::{Moved, NewTransfer, TransferError, draft_of};
use crate::access::Hold;
use crate::staging::OfTransfer;
use crate::{Expected, Hub, HubError, keys, uploads};

/// Parts that one file can be made of.
const MOST_PARTS: usize = 1000;

impl Hub {
    /// Makes a file of parts that are whole. They are used up by it.
    ///
    /// # Errors
    /// `NotFound` (a part that is not the actor's), `Parts` (one is not whole, or is no part), `TooMany`; as
    /// [`Hub::upload`].
    pub async fn join_transfers(
        &self,
        actor: &Actor,
        new: NewTransfer,
        parts: Vec<UploadId>,
    ) -> Result<Moved, TransferError> {
        if parts.is_empty() || parts.len() > MOST_PARTS {
            let problem = format!("a file is made of 1 to {MOST_PARTS} parts");
            return Err(TransferError::Parts(problem));
        }
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move { Ok(hub.join_now(&actor, new, parts).await) })
            .await?
    }

    async fn join_now(
        &self,
        actor: &Actor,
        new: NewTransfer,
        parts: Vec<UploadId>,
    ) -> Result<Moved, TransferError> {
        let upload = new.upload.clone().ok_or(HubError::NotFound("upload"))?;
        let digest = new.digest;
        let (transfer, parts) = self.begin_join(actor, new, &parts).await?;
        let size_bytes = transfer.size_bytes.unwrap_or(0);
        let expected = Expected {
            size_bytes: Some(size_bytes),
            digest,
            ..Expected::default()
        };
        let joined = async {
            let mut staged = self
                .stage(size_bytes, expected, self.body_of_parts(&parts))
                .await?;
            staged.of = Some(OfTransfer {
                id: transfer.id,
                proof: Proof::Computed,
                keeps_bytes: false,
            });
            self.finish_upload(actor, upload, staged).await
        };
        match joined.await {
            Ok(stored) => {
                for part in &parts {
                    self.forget_transfer(part).await?;
                }
                let mut tx = self.read().await?;
                let transfer = self.own_transfer(&mut tx, actor, transfer.id).await?;
                Ok(Moved {
                    transfer,
                    stored: Some(stored),
                })
            }
            Err(error) => {
                self.give_back(&transfer, &parts).await?;
                Err(error.into())
            }
        }
    }

    /// Writes the row of the whole, which takes over what was set aside for its parts.
    async fn begin_join(
        &self,
        actor: &Actor,
        new: NewTransfer,
        ids: &[UploadId],
    ) -> Result<(Transfer, Vec<Transfer>), TransferError> {
        let now = self.now();
        let mut tx = self.write().await?;
        let upload = new.upload.as_ref().ok_or(HubError::NotFound("upload"))?;
        let space = uploads::admitted(&mut tx, actor, upload, Hold::Yes).await?;
        let mut parts: Vec<Transfer> = Vec::new();
        for id in ids {
            if parts.iter().any(|part| part.id == *id) {
                return Err(TransferError::Parts("a part can be used once".to_owned()));
            }
            let part = self.own_transfer(&mut tx, actor, *id).await?;
            if part.kind != UploadKind::TusPart || part.state != UploadState::Completed {
                let problem = "only parts that are whole can be put together".to_owned();
                return Err(TransferError::Parts(problem));
            }
            parts.push(part);
        }
        let size_bytes: u64 = parts.iter().map(|part| part.offset_bytes).sum();
        let own_bytes: u64 = parts
            .iter()
            .filter(|part| part.space == space.id)
            .map(|part| part.reserved_bytes)
            .sum();
        let free_bytes = self.free_bytes_beside(&mut tx, &space, own_bytes).await?;
        self.check_room(size_bytes, free_bytes)?;
        set_aside(&mut tx, &parts, |_| 0).await?;
        let transfer = Transfer {
            id: UploadId::new(now, keys::random()),
            kind: UploadKind::Tus,
            owner: super::owner_of(actor)?,
            space: space.id,
            target: super::target::write(upload)?,
            metadata: new.metadata,
            size_bytes: Some(size_bytes),
            reserved_bytes: size_bytes,
            offset_bytes: 0,
            stored_bytes: 0,
            parts: 0,
            part_bytes: 0,
            digest: new.digest,
            hash_state: None,
            blob: BlobId::new(now, keys::random()),
            store: self.0.content.default_name(),
            key: None,
            token: None,
            seal: None,
            state: UploadState::Verifying,
            made: None,
            created_ms: now,
            expires_ms: self.transfer_end(),
        };
        tx.create_upload(&transfer).await?;
        tx.commit().await?;
        Ok((transfer, parts))
    }

    /// Gives the whole up, and the parts back what was set aside for them.
    async fn give_back(&self, transfer: &Transfer, parts: &[Transfer]) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        tx.lock_space(transfer.space).await?;
        if tx.remove_upload(transfer.id).await? {
            set_aside(&mut tx, parts, |part| part.reserved_bytes).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The bytes of parts, one after another. Each is opened when its turn comes.
    fn body_of_parts(&self, parts: &[Transfer]) -> ByteStream {
        let (hub, parts) = (self.clone(), parts.to_vec());
        let bodies = stream::iter(parts).then(move |part| {
            let hub = hub.clone();
            async move {
                match hub.body_of_part(&part).await {
                    Ok(body) => body,
                    Err(error) => Box::pin(stream::once(async move {
                        Err(BodyError::Unreadable(Box::new(error)))
                    })) as ByteStream,
                }
            }
        });
        Box::pin(bodies.flatten())
    }

    async fn body_of_part(&self, part: &Transfer) -> Result<ByteStream, HubError> {
        match draft_of(part).stored_at() {
            Some(at) => Ok(self
                .0
                .content
                .read(&at, part.offset_bytes, 0..part.offset_bytes)
                .await?),
            None => {
                let bytes = self.read().await?.upload_tail(part.id).await?.concat();
                Ok(body_of(bytes.into(), 0..part.offset_bytes))
            }
        }
    }
}

async fn set_aside(
    tx: &mut Tx,
    parts: &[Transfer],
    bytes: impl Fn(&Transfer) -> u64,
) -> Result<(), HubError> {
    for part in parts {
        tx.set_reserved(part.id, bytes(part)).await?;
    }
    Ok(())
}
