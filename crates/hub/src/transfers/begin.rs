//! The beginning of a transfer: rights, limits, and the bytes that are set aside.

use catalog::Tx;
use content::Draft;
use model::{Actor, BlobId, Space, Transfer, UploadId, UploadKind, UploadState};

use super::{Moved, NewTransfer, OPEN_TRANSFERS, TransferError, owner_of, target};
use crate::access::{self, Hold};
use crate::{Hub, HubError, keys, uploads};

impl Hub {
    /// Begins an upload through the server. An empty one is finished at once.
    ///
    /// # Errors
    /// As [`Hub::upload`], before a byte is sent; `TooMany`.
    pub async fn begin_transfer(&self, actor: &Actor, new: NewTransfer) -> Result<Moved, TransferError> {
        let kind = match new.upload {
            Some(_) => UploadKind::Tus,
            None => UploadKind::TusPart,
        };
        let draft = self.new_draft(new.size_bytes)?;
        let is_empty = new.size_bytes == Some(0);
        let transfer = self.create_transfer(actor, new, (kind, draft, 0)).await?;
        if is_empty {
            return self.transfer(actor, transfer.id).await;
        }
        Ok(Moved {
            transfer,
            stored: None,
        })
    }

    pub(super) fn new_draft(&self, size_bytes: Option<u64>) -> Result<Draft, TransferError> {
        let id = BlobId::new(self.now(), keys::random());
        Ok(self.0.content.new_draft(id, size_bytes)?)
    }

    /// Writes the row of a transfer, once all is known to be allowed.
    pub(super) async fn create_transfer(
        &self,
        actor: &Actor,
        new: NewTransfer,
        (kind, draft, part_bytes): (UploadKind, Draft, u64),
    ) -> Result<Transfer, TransferError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let created = hub.create_now(&actor, new, (kind, draft, part_bytes)).await;
            Ok(created)
        })
        .await?
    }

    async fn create_now(
        &self,
        actor: &Actor,
        new: NewTransfer,
        (kind, draft, part_bytes): (UploadKind, Draft, u64),
    ) -> Result<Transfer, TransferError> {
        let now = self.now();
        let owner = owner_of(actor)?;
        let mut tx = self.write().await?;
        let space = match &new.upload {
            Some(upload) => uploads::admitted(&mut tx, actor, upload, Hold::Yes).await?,
            None => {
                let space = access::own_space(&mut tx, actor).await?.id;
                tx.lock_space(space).await?.ok_or(HubError::NotFound("space"))?
            }
        };
        let free_bytes = self.free_bytes(&mut tx, &space).await?;
        self.check_room(new.size_bytes.unwrap_or(0), free_bytes)?;
        if tx.open_uploads(&owner).await? >= OPEN_TRANSFERS {
            return Err(TransferError::TooMany);
        }
        let begun = draft.begun.as_ref();
        let transfer = Transfer {
            id: UploadId::new(now, keys::random()),
            kind,
            owner,
            space: space.id,
            target: new.upload.as_ref().map_or(Ok(String::new()), target::write)?,
            metadata: new.metadata,
            size_bytes: new.size_bytes,
            reserved_bytes: new.size_bytes.unwrap_or(0),
            offset_bytes: 0,
            stored_bytes: 0,
            parts: 0,
            part_bytes,
            digest: new.digest,
            hash_state: None,
            blob: draft.id,
            key: begun.map(|begun| begun.upload.key.clone()),
            token: begun.map(|begun| begun.upload.token.clone()),
            seal: begun.and_then(|begun| begun.seal.clone()),
            store: draft.store,
            state: UploadState::Open,
            made: None,
            created_ms: now,
            expires_ms: self.transfer_end(),
        };
        tx.create_upload(&transfer).await?;
        tx.commit().await?;
        Ok(transfer)
    }

    /// Refuses what no file may hold, or what its space has no room for.
    pub(super) fn check_room(&self, size_bytes: u64, free_bytes: u64) -> Result<(), HubError> {
        let limit_bytes = self.config().file_bytes;
        if size_bytes > limit_bytes {
            return Err(HubError::TooLarge { limit_bytes });
        }
        if size_bytes > free_bytes {
            return Err(HubError::QuotaExceeded { free_bytes });
        }
        Ok(())
    }

    /// Holds the space of a transfer and says how many bytes it may still take, those that are set aside for
    /// the transfer itself among them.
    pub(super) async fn room_for(&self, tx: &mut Tx, transfer: &Transfer) -> Result<u64, HubError> {
        let space: Option<Space> = tx.lock_space(transfer.space).await?;
        let space = space.ok_or(HubError::NotFound("space"))?;
        self.free_bytes_beside(tx, &space, transfer.reserved_bytes).await
    }
}
