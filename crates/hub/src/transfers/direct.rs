//! Uploads whose bytes go straight to the store, by requests that we sign.
//!
//! A file comes of one only after what the store holds was looked at: its parts, its length, and, where a
//! digest was promised, its bytes.

use std::sync::Arc;
use std::time::Duration;

use content::{Backend, ContentError, Part, SignedPart, SignedRequest, Taken, part_bytes_of};
use model::{Actor, Digest, Millis, Proof, StoredAt, Transfer, UploadId, UploadKind, UploadState};
use tokio::time::timeout;

use super::{Moved, NewTransfer, TransferError, draft_of, target};
use crate::staging::OfTransfer;
use crate::{Expected, Hub, HubError, Staged};

/// Parts shorter than this are not worth a request of their own.
const PART_BYTES: u64 = 16 << 20;
/// Parts that are signed at once.
const SIGNED_AT_ONCE: u32 = 100;
/// How long a signed request holds, seconds.
const SIGNED_SECS: u32 = 60 * 60;
/// How long who completes an upload waits for its bytes to be looked at.
const PATIENCE: Duration = Duration::from_secs(20);

/// How bytes get to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In parts, in any order and at once.
    Parts,
    /// In parts, one after another.
    Resumable,
    /// Through the server: the store signs no parts.
    Tus,
}

/// A part that its sender is to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectPart {
    /// Its number, from 1.
    pub number: u32,
    /// Exactly how many bytes it has.
    pub size_bytes: u64,
    /// The request.
    pub request: SignedRequest,
    /// When it ends.
    pub expires_ms: Millis,
}

/// What is to be sent where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectPlan {
    /// The upload.
    pub transfer: Transfer,
    /// How bytes get there.
    pub way: Way,
    /// How many parts there are.
    pub part_count: u32,
    /// The first of them, signed.
    pub parts: Vec<DirectPart>,
}

/// A part as its sender knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentPart {
    /// Its number.
    pub number: u32,
    /// What the store called it.
    pub tag: String,
}

/// How far completing an upload came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// It is a file.
    Done(Box<Moved>),
    /// Its bytes are still being looked at. Ask again.
    Verifying,
}

impl Hub {
    /// Plans an upload straight to the store, or through the server where that cannot be.
    ///
    /// # Errors
    /// As [`Hub::upload`], before a byte is sent; `TooMany`.
    pub async fn begin_direct(&self, actor: &Actor, new: NewTransfer) -> Result<DirectPlan, TransferError> {
        let size_bytes = new.size_bytes.unwrap_or(0);
        let backend = self.0.content.default_backend();
        let is_sealed = self.0.content.is_sealed(backend.name());
        if size_bytes == 0 || is_sealed || !backend.abilities().signs_parts {
            let moved = self.begin_transfer(actor, new).await?;
            return Ok(DirectPlan {
                transfer: moved.transfer,
                way: Way::Tus,
                part_count: 0,
                parts: Vec::new(),
            });
        }
        let upload = new.upload.as_ref().ok_or(HubError::NotFound("upload"))?;
        let expected = Expected {
            size_bytes: Some(size_bytes),
            ..Expected::default()
        };
        // Before the store hears of it; all is looked at again when the row is written.
        self.admit(actor, upload, expected).await?;
        let rules = backend.part_rules();
        let mut draft = self.new_draft(Some(size_bytes))?;
        self.0.content.begin_parts(&mut draft).await?;
        let part_bytes = part_bytes_of(&rules, size_bytes).max(PART_BYTES.min(rules.most_bytes));
        let shape = (UploadKind::Direct, draft.clone(), part_bytes);
        let transfer = match self.create_transfer(actor, new, shape).await {
            Ok(transfer) => transfer,
            Err(error) => {
                if let Err(error) = self.0.content.abandon_draft(&draft).await {
                    tracing::debug!(%error, "an upload that was refused waits for the sweep");
                }
                return Err(error);
            }
        };
        let count = part_count(&transfer);
        let first: Vec<u32> = (1..=count.min(SIGNED_AT_ONCE)).collect();
        let parts = self.sign_some(&backend, &transfer, &first, &[]).await?;
        Ok(DirectPlan {
            transfer,
            way: if rules.is_sequential {
                Way::Resumable
            } else {
                Way::Parts
            },
            part_count: count,
            parts,
        })
    }

    /// Signs parts of an upload, again or for the first time.
    ///
    /// # Errors
    /// `NotFound`, `Gone`, `Parts` (no such part, or it is whole already).
    pub async fn sign_parts(
        &self,
        actor: &Actor,
        id: UploadId,
        numbers: &[u32],
        digests: &[Digest],
    ) -> Result<Vec<DirectPart>, TransferError> {
        let transfer = self.direct(actor, id).await?;
        if transfer.state != UploadState::Open {
            return Err(TransferError::Parts("this upload has all its parts".to_owned()));
        }
        let count = part_count(&transfer);
        if numbers.is_empty() || numbers.len() > SIGNED_AT_ONCE as usize {
            return Err(TransferError::Parts(format!(
                "1 to {SIGNED_AT_ONCE} parts are signed at once"
            )));
        }
        if numbers.iter().any(|number| *number == 0 || *number > count) {
            return Err(TransferError::Parts(format!(
                "the parts are numbered 1 to {count}"
            )));
        }
        let backend = self.store_of(&transfer)?;
        self.sign_some(&backend, &transfer, numbers, digests).await
    }

    /// An upload and the parts of it that the store holds; none where it does not tell.
    ///
    /// # Errors
    /// `NotFound`, `Gone`.
    pub async fn direct_status(
        &self,
        actor: &Actor,
        id: UploadId,
    ) -> Result<(Transfer, u32, Vec<Part>), TransferError> {
        let transfer = self.direct(actor, id).await?;
        let count = part_count(&transfer);
        if transfer.state != UploadState::Open {
            return Ok((transfer, count, Vec::new()));
        }
        let backend = self.store_of(&transfer)?;
        let begun = draft_of(&transfer).begun.ok_or(TransferError::Gone)?;
        match backend.parts(&begun.upload).await {
            Ok(parts) => Ok((transfer, count, parts)),
            // It may have become a blob just before we fell.
            Err(ContentError::Missing) => Ok((transfer, count, Vec::new())),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a file of an upload whose parts are all there. May be repeated.
    ///
    /// # Errors
    /// `NotFound`, `Gone`, `Parts` (some are missing or of another length); as [`Hub::upload`].
    pub async fn complete_direct(
        &self,
        actor: &Actor,
        id: UploadId,
        sent: Vec<SentPart>,
    ) -> Result<Completion, TransferError> {
        self.direct(actor, id).await?;
        let hold = match self.0.holds.take(id).await {
            Err(TransferError::Busy) => {
                if !self.0.holds.wait(id, PATIENCE).await {
                    return Ok(Completion::Verifying);
                }
                self.0.holds.take(id).await?
            }
            hold => hold?,
        };
        let (hub, actor) = (self.clone(), actor.clone());
        let work = self.0.tasks.spawn(async move {
            let completed = hub.complete_held(&actor, id, sent).await;
            drop(hold);
            completed
        });
        match timeout(PATIENCE, work).await {
            Ok(Ok(completed)) => Ok(Completion::Done(Box::new(completed?))),
            Ok(Err(panic)) => Err(HubError::Internal(panic.into()).into()),
            Err(_) => Ok(Completion::Verifying),
        }
    }

    async fn complete_held(
        &self,
        actor: &Actor,
        id: UploadId,
        sent: Vec<SentPart>,
    ) -> Result<Moved, TransferError> {
        let mut transfer = self.direct(actor, id).await?;
        match transfer.state {
            UploadState::Completed => {
                return Ok(Moved {
                    transfer,
                    stored: None,
                });
            }
            UploadState::Failed => return Err(HubError::DigestMismatch("SHA-256").into()),
            UploadState::Open | UploadState::Verifying => {}
        }
        let at = self.assemble(&mut transfer, sent).await?;
        let of = self.look_at(&transfer, &at).await?;
        let taken = Taken::Stored {
            at,
            size_bytes: transfer.size_bytes.unwrap_or(0),
            // Read only where the proof is one.
            digest: transfer.digest.unwrap_or(Digest([0; 32])),
            md5: None,
        };
        let staged = Staged::of_transfer(transfer.blob, taken, of);
        let upload = target::read(&transfer.target)?;
        let stored = self.finish_upload(actor, upload, staged).await?;
        Ok(Moved {
            transfer: self.direct(actor, id).await?,
            stored: Some(stored),
        })
    }

    /// Makes the blob of its parts, unless that was done before, and compares its length.
    async fn assemble(
        &self,
        transfer: &mut Transfer,
        sent: Vec<SentPart>,
    ) -> Result<StoredAt, TransferError> {
        let draft = draft_of(transfer);
        let begun = draft.begun.as_ref().ok_or(TransferError::Gone)?;
        let at = draft.stored_at().ok_or(TransferError::Gone)?;
        let backend = self.store_of(transfer)?;
        let assembled = if transfer.state == UploadState::Verifying {
            self.0.content.check_length(&draft, &at).await
        } else {
            let parts = match backend.part_rules().lists {
                true => backend.parts(&begun.upload).await,
                false => Ok(as_sent(transfer, sent)),
            };
            match parts {
                Ok(parts) => {
                    // It may have become a blob just before we fell: then no part is left of it.
                    let is_blob = parts.is_empty() && self.0.content.measure(&at).await?.is_some();
                    if is_blob {
                        self.0.content.check_length(&draft, &at).await
                    } else {
                        check_parts(transfer, &parts)?;
                        self.0.content.complete_draft(&draft, &parts).await.map(drop)
                    }
                }
                Err(ContentError::Missing) => self.0.content.check_length(&draft, &at).await,
                Err(error) => Err(error),
            }
        };
        match assembled {
            Ok(()) => {}
            Err(ContentError::Missing) => {
                self.forget_transfer(transfer).await?;
                return Err(TransferError::Gone);
            }
            Err(ContentError::Damaged(_)) => {
                self.fail_transfer(transfer).await?;
                return Err(HubError::DigestMismatch("length").into());
            }
            Err(error) => return Err(error.into()),
        }
        let mut tx = self.write().await?;
        tx.set_upload_state(transfer.id, UploadState::Verifying).await?;
        tx.commit().await?;
        transfer.state = UploadState::Verifying;
        Ok(at)
    }

    /// Compares the bytes with the digest that was promised, where one was.
    async fn look_at(&self, transfer: &Transfer, at: &StoredAt) -> Result<OfTransfer, TransferError> {
        let of = |proof| OfTransfer {
            id: transfer.id,
            proof,
            keeps_bytes: true,
        };
        let Some(promised) = transfer.digest else {
            return Ok(of(Proof::Unproven));
        };
        let backend = self.store_of(transfer)?;
        // The one part was signed with that digest, and the store takes no other bytes for it.
        if part_count(transfer) == 1 && backend.abilities().binds_digests {
            return Ok(of(Proof::Asserted));
        }
        let size_bytes = transfer.size_bytes.unwrap_or(0);
        let found = self.0.content.digest_of(at, size_bytes).await?;
        if found != promised {
            self.fail_transfer(transfer).await?;
            return Err(HubError::DigestMismatch("SHA-256").into());
        }
        Ok(of(Proof::Computed))
    }

    /// Keeps the row of an upload that can never become a file, so that its sender can learn of it, and
    /// removes its bytes.
    async fn fail_transfer(&self, transfer: &Transfer) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        tx.lock_space(transfer.space).await?;
        tx.set_reserved(transfer.id, 0).await?;
        tx.set_upload_state(transfer.id, UploadState::Failed).await?;
        tx.commit().await?;
        if let Err(error) = self.0.content.abandon_draft(&draft_of(transfer)).await {
            tracing::debug!(%error, "an upload that failed waits for the sweep");
        }
        Ok(())
    }

    async fn direct(&self, actor: &Actor, id: UploadId) -> Result<Transfer, TransferError> {
        let mut tx = self.read().await?;
        let transfer = self.own_transfer(&mut tx, actor, id).await?;
        match transfer.kind {
            UploadKind::Direct => Ok(transfer),
            UploadKind::Tus | UploadKind::TusPart => Err(HubError::NotFound("upload").into()),
        }
    }

    fn store_of(&self, transfer: &Transfer) -> Result<Arc<dyn Backend>, TransferError> {
        let unknown = || ContentError::UnknownStore(transfer.store.clone());
        let backend = self.0.content.backend(&transfer.store).ok_or_else(unknown)?;
        Ok(Arc::clone(backend))
    }

    async fn sign_some(
        &self,
        backend: &Arc<dyn Backend>,
        transfer: &Transfer,
        numbers: &[u32],
        digests: &[Digest],
    ) -> Result<Vec<DirectPart>, TransferError> {
        let now = self.now();
        let begun = draft_of(transfer).begun.ok_or(TransferError::Gone)?;
        let whole = transfer.digest.filter(|_| part_count(transfer) == 1);
        let mut signed = Vec::new();
        for (at, number) in numbers.iter().enumerate() {
            let size_bytes = size_of(transfer, *number);
            let part = SignedPart {
                number: *number,
                offset_bytes: u64::from(number - 1) * transfer.part_bytes,
                size_bytes,
                total_bytes: transfer.size_bytes.unwrap_or(0),
                digest: whole.or_else(|| digests.get(at).copied()),
                now,
                secs: SIGNED_SECS,
            };
            signed.push(DirectPart {
                number: *number,
                size_bytes,
                request: backend.sign_part(&begun.upload, &part).await?,
                expires_ms: now.plus_secs(i64::from(SIGNED_SECS)),
            });
        }
        Ok(signed)
    }
}

fn part_count(transfer: &Transfer) -> u32 {
    let size_bytes = transfer.size_bytes.unwrap_or(0);
    u32::try_from(size_bytes.div_ceil(transfer.part_bytes.max(1))).unwrap_or(u32::MAX)
}

/// How many bytes a part has.
fn size_of(transfer: &Transfer, number: u32) -> u64 {
    let before = u64::from(number - 1) * transfer.part_bytes;
    let left = transfer.size_bytes.unwrap_or(0).saturating_sub(before);
    left.min(transfer.part_bytes)
}

/// The parts as their sender knows them; their lengths were signed.
fn as_sent(transfer: &Transfer, sent: Vec<SentPart>) -> Vec<Part> {
    let sent = sent.into_iter().filter(|part| part.number > 0);
    let mut parts: Vec<Part> = sent
        .map(|part| Part {
            number: part.number,
            size_bytes: size_of(transfer, part.number),
            tag: part.tag,
        })
        .collect();
    parts.sort_by_key(|part| part.number);
    parts
}

fn check_parts(transfer: &Transfer, parts: &[Part]) -> Result<(), TransferError> {
    let wrong = |problem: String| Err(TransferError::Parts(problem));
    for number in 1..=part_count(transfer) {
        let expected = size_of(transfer, number);
        match parts.get(number as usize - 1) {
            Some(part) if part.number != number => return wrong(format!("part {number} is missing")),
            None => return wrong(format!("part {number} is missing")),
            Some(part) if part.size_bytes != expected => {
                let found = part.size_bytes;
                return wrong(format!("part {number} holds {found} bytes instead of {expected}"));
            }
            Some(_) => {}
        }
    }
    if parts.len() > part_count(transfer) as usize {
        return wrong(format!("there are more than {} parts", part_count(transfer)));
    }
    Ok(())
}
