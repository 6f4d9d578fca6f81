//! Transfers: uploads that take more than one request, through the server (tus) or straight to the store.
//!
//! What is durable of one is in its row, its parts and its tail, so that anybody who may can go on with it
//! after any crash. Its bytes are set aside in its space from the start. It ends in the same commit as
//! every other upload, which checks all rights again.

mod append;
mod begin;
mod direct;
mod finish;
mod holds;
mod join;
mod prove;
mod sweep;
mod target;

use catalog::Tx;
use content::{Begun, Draft, Part};
use model::{Actor, Digest, Transfer, UploadId};

use crate::{Hub, HubError, Stored, Upload, access};

pub use append::Piece;
pub use direct::{Completion, DirectPart, DirectPlan, SentPart, Way};
pub(crate) use holds::Holds;

/// Uploads that one person may have under way.
pub const OPEN_TRANSFERS: u64 = 100;

/// Why a transfer did not go on.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// As with every upload.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// It was given up: it expired, or its store forgot it.
    #[error("this upload is over; begin again")]
    Gone,
    /// Another request writes to it.
    #[error("another request writes to this upload at the moment")]
    Busy,
    /// Bytes were sent for another place than the one that is next.
    #[error("the next byte of this upload is number {offset_bytes}")]
    Offset {
        /// Which is next.
        offset_bytes: u64,
    },
    /// Bytes did not have the checksum that came with them; nothing of them was kept.
    #[error("the bytes do not have the checksum that came with them")]
    Checksum,
    /// More bytes than the upload has room for.
    #[error("only {left_bytes} bytes are left of this upload")]
    TooLong {
        /// How many are left.
        left_bytes: u64,
    },
    /// The length was told before and is another now, or is shorter than what came.
    #[error("the length of this upload is settled already")]
    LengthSettled,
    /// Parts are missing, or are not what they should be.
    #[error("{0}")]
    Parts(String),
    /// Too many uploads are under way.
    #[error("at most {OPEN_TRANSFERS} uploads can be under way at a time: finish some, or give them up")]
    TooMany,
}

impl From<catalog::CatalogError> for TransferError {
    fn from(error: catalog::CatalogError) -> Self {
        Self::Hub(error.into())
    }
}

impl From<content::ContentError> for TransferError {
    fn from(error: content::ContentError) -> Self {
        Self::Hub(error.into())
    }
}

/// A transfer that is about to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransfer {
    /// What is to become of it; `None` for a part of another upload.
    pub upload: Option<Upload>,
    /// How long it will be.
    pub size_bytes: Option<u64>,
    /// The SHA-256 that it will have.
    pub digest: Option<Digest>,
    /// What its sender says of it, kept as it is.
    pub metadata: String,
}

/// A transfer, and the file that it became just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The transfer.
    pub transfer: Transfer,
    /// The file.
    pub stored: Option<Stored>,
}

impl Hub {
    /// Finds a transfer of the actor's, with what is durable of it. One whose bytes are all there is finished
    /// first, if that was cut short or refused.
    ///
    /// # Errors
    /// `NotFound`, `Gone`; what finishing it meets.
    pub async fn transfer(&self, actor: &Actor, id: UploadId) -> Result<Moved, TransferError> {
        let mut tx = self.read().await?;
        let transfer = self.own_transfer(&mut tx, actor, id).await?;
        drop(tx);
        if !finish::is_due(&transfer) {
            // Who asks how far it is will go on: a connection that fell silent must not be in the way.
            if self.0.holds.is_silent(id) {
                drop(self.0.holds.take(id).await);
                let mut tx = self.read().await?;
                let transfer = self.own_transfer(&mut tx, actor, id).await?;
                return Ok(Moved {
                    transfer,
                    stored: None,
                });
            }
            return Ok(Moved {
                transfer,
                stored: None,
            });
        }
        let hold = self.0.holds.take(id).await?;
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let finished = hub.finish_transfer(&actor, id).await;
            drop(hold);
            Ok(finished)
        })
        .await?
    }

    /// Gives a transfer up and frees what was set aside for it. A file that came of it stays.
    ///
    /// # Errors
    /// `NotFound`, `Gone` (it is a file already), `Busy`.
    pub async fn abandon_transfer(&self, actor: &Actor, id: UploadId) -> Result<(), TransferError> {
        let mut tx = self.read().await?;
        self.own_transfer(&mut tx, actor, id).await?;
        drop(tx);
        let hold = self.0.holds.interrupt(id).await?;
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let given_up = hub.abandon_held(&actor, id).await;
            drop(hold);
            Ok(given_up)
        })
        .await?
    }

    async fn abandon_held(&self, actor: &Actor, id: UploadId) -> Result<(), TransferError> {
        let mut tx = self.read().await?;
        let transfer = self.own_transfer(&mut tx, actor, id).await?;
        drop(tx);
        if transfer.made.is_some() {
            return Err(TransferError::Gone);
        }
        let writer = self.begin_writing(id).await?;
        let forgotten = self.forget_transfer(&transfer).await;
        self.end_writing(id, writer).await;
        Ok(forgotten?)
    }

    /// Removes a transfer's row, and then its bytes: a crash between leaves what the sweep finds.
    async fn forget_transfer(&self, transfer: &Transfer) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        tx.lock_space(transfer.space).await?;
        if !tx.remove_upload(transfer.id).await? {
            return Ok(());
        }
        tx.commit().await?;
        if transfer.made.is_none()
            && let Err(error) = self.0.content.abandon_draft(&draft_of(transfer)).await
        {
            tracing::debug!(%error, "a given up upload waits for the sweep");
        }
        Ok(())
    }

    /// Finds a transfer that the actor may go on with.
    async fn own_transfer(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        id: UploadId,
    ) -> Result<Transfer, TransferError> {
        let not_found = || HubError::NotFound("upload");
        let owner = owner_of(actor)?;
        let transfer = tx.upload(id).await?.ok_or_else(not_found)?;
        if transfer.owner != owner {
            return Err(not_found().into());
        }
        if transfer.expires_ms <= self.now() {
            return Err(TransferError::Gone);
        }
        Ok(transfer)
    }
}

/// The word for who may go on with a transfer.
fn owner_of(actor: &Actor) -> Result<String, HubError> {
    Ok(format!("user {}", access::user(actor)?))
}

fn draft_of(transfer: &Transfer) -> Draft {
    let begun = match (&transfer.key, &transfer.token) {
        (Some(key), Some(token)) => Some(Begun {
            upload: content::Parts {
                key: key.clone(),
                token: token.clone(),
            },
            seal: transfer.seal.clone(),
        }),
        _ => None,
    };
    Draft {
        id: transfer.blob,
        store: transfer.store.clone(),
        size_bytes: transfer.size_bytes,
        begun,
        offset_bytes: transfer.offset_bytes,
        stored_bytes: transfer.stored_bytes,
        parts: transfer.parts,
        hash_state: transfer.hash_state.clone(),
    }
}

/// Writes into a row what a draft has become.
fn note_draft(transfer: &mut Transfer, draft: &Draft) {
    transfer.offset_bytes = draft.offset_bytes;
    transfer.stored_bytes = draft.stored_bytes;
    transfer.parts = draft.parts;
    transfer.hash_state.clone_from(&draft.hash_state);
    if let Some(begun) = &draft.begun {
        transfer.key = Some(begun.upload.key.clone());
        transfer.token = Some(begun.upload.token.clone());
        transfer.seal.clone_from(&begun.seal);
    }
}

fn to_content(parts: Vec<catalog::UploadPart>) -> Vec<Part> {
    let parts = parts.into_iter().map(|part| Part {
        number: part.number,
        size_bytes: part.size_bytes,
        tag: part.tag,
    });
    parts.collect()
}

fn to_rows(parts: Vec<Part>) -> Vec<catalog::UploadPart> {
    let parts = parts.into_iter().map(|part| catalog::UploadPart {
        number: part.number,
        size_bytes: part.size_bytes,
        tag: part.tag,
    });
    parts.collect()
}
