//! The end of a transfer: its parts become a blob, and the blob a file.

use catalog::Tx;
use content::{ContentError, Taken, body_of};
use model::{Actor, BlobId, Node, Proof, Transfer, UploadId, UploadKind, UploadState};

use super::{Moved, TransferError, draft_of, target, to_content};
use crate::staging::OfTransfer;
use crate::{Expected, Hub, HubError, Staged, Stored};

/// Whether all bytes of a transfer through the server are there, and nothing came of them yet.
pub(super) fn is_due(transfer: &Transfer) -> bool {
    transfer.kind != UploadKind::Direct
        && transfer.state == UploadState::Open
        && transfer.size_bytes == Some(transfer.offset_bytes)
}

impl Hub {
    /// Finishes a transfer if all its bytes are there. What cannot be finished now is kept until it expires.
    pub(super) async fn finish_transfer(&self, actor: &Actor, id: UploadId) -> Result<Moved, TransferError> {
        let mut tx = self.read().await?;
        let transfer = self.own_transfer(&mut tx, actor, id).await?;
        drop(tx);
        if !is_due(&transfer) {
            return Ok(Moved {
                transfer,
                stored: None,
            });
        }
        let stored = match transfer.kind {
            UploadKind::TusPart => self.finish_part(&transfer).await.map(|()| None),
            UploadKind::Tus | UploadKind::Direct => self.finish_file(actor, &transfer).await.map(Some),
        };
        let stored = match stored {
            // What it holds can never become what it should be.
            Err(TransferError::Hub(error @ HubError::DigestMismatch(_))) => {
                self.forget_transfer(&transfer).await?;
                return Err(error.into());
            }
            Err(TransferError::Gone) => {
                self.forget_transfer(&transfer).await?;
                return Err(TransferError::Gone);
            }
            other => other?,
        };
        let mut tx = self.read().await?;
        let transfer = self.own_transfer(&mut tx, actor, id).await?;
        Ok(Moved { transfer, stored })
    }

    async fn finish_file(&self, actor: &Actor, transfer: &Transfer) -> Result<Stored, TransferError> {
        let of = OfTransfer {
            id: transfer.id,
            proof: Proof::Computed,
            keeps_bytes: transfer.key.is_some(),
        };
        let upload = target::read(&transfer.target)?;
        let staged = match &transfer.key {
            None => {
                let bytes = self.read().await?.upload_tail(transfer.id).await?.concat();
                let expected = Expected {
                    size_bytes: Some(bytes.len() as u64),
                    digest: transfer.digest,
                    ..Expected::default()
                };
                let size_bytes = bytes.len() as u64;
                let body = body_of(bytes.into(), 0..size_bytes);
                let mut staged = self.stage(size_bytes, expected, body).await?;
                staged.of = Some(of);
                staged
            }
            Some(_) => {
                let draft = draft_of(transfer);
                let digest = draft.digest()?;
                if transfer.digest.is_some_and(|promised| promised != digest) {
                    return Err(HubError::DigestMismatch("SHA-256").into());
                }
                let at = self.complete_parts(transfer).await?;
                let taken = Taken::Stored {
                    at,
                    size_bytes: transfer.offset_bytes,
                    digest,
                    md5: None,
                };
                Staged::of_transfer(transfer.blob, taken, of)
            }
        };
        Ok(self.finish_upload(actor, upload, staged).await?)
    }

    /// Makes a part of another upload whole: its bytes wait for the others.
    async fn finish_part(&self, transfer: &Transfer) -> Result<(), TransferError> {
        if transfer.key.is_some() {
            self.complete_parts(transfer).await?;
        }
        let mut tx = self.write().await?;
        tx.lock_space(transfer.space).await?;
        tx.complete_upload(transfer.id, None).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn complete_parts(&self, transfer: &Transfer) -> Result<model::StoredAt, TransferError> {
        let parts = to_content(self.read().await?.upload_parts(transfer.id).await?);
        let completed = self.0.content.complete_draft(&draft_of(transfer), &parts).await;
        completed.map_err(|error| match error {
            ContentError::Missing | ContentError::Damaged(_) => {
                tracing::warn!(upload = %transfer.id, %error, "a store lost an upload");
                TransferError::Gone
            }
            error => error.into(),
        })
    }

    /// Writes down that a transfer is a file, together with all the rest of it.
    pub(crate) async fn end_transfer(
        &self,
        tx: &mut Tx,
        of: OfTransfer,
        (node, blob): (&Node, BlobId),
    ) -> Result<(), HubError> {
        let number = node.version.as_ref().map_or(1, |version| version.number);
        if !tx.complete_upload(of.id, Some((node.id, number))).await? {
            return Err(HubError::Conflict(
                "this upload was finished or given up meanwhile",
            ));
        }
        if of.proof == Proof::Unproven {
            self.queue_proof(tx, blob).await?;
        }
        Ok(())
    }
}
