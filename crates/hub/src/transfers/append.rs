//! A piece of a transfer: its bytes are durable, and that is written down, before anybody is told.

use content::{Append, Checkpoint, Filled, Pace, Promise};
use model::{Actor, BlobId, ByteStream, Transfer, UploadId, UploadKind, UploadState};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::holds::{Hold, RENEWAL};
use super::{Moved, TransferError, draft_of, note_draft, target, to_rows};
use crate::{Hub, HubError, access, keys, uploads};

/// Where bytes can only follow one another, a piece with a checksum is held in memory until it is whole.
const HELD_BYTES: u64 = 16 << 20;

/// What is said of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins.
    pub offset_bytes: u64,
    /// How long the whole upload will be, when that is told with this piece.
    pub size_bytes: Option<u64>,
    /// How long the piece is, if its sender said so.
    pub length_bytes: Option<u64>,
    /// What its bytes are.
    pub promise: Option<Promise>,
}

impl Hub {
    /// Appends a piece to a transfer. With its last byte the transfer becomes a file.
    ///
    /// What came before a connection broke is kept, unless a checksum came with it.
    ///
    /// # Errors
    /// `NotFound`, `Gone`, `Busy`, `Offset`, `Checksum`, `TooLong`, `LengthSettled`; as [`Hub::upload`].
    pub async fn append(
        &self,
        actor: &Actor,
        id: UploadId,
        piece: Piece,
        body: ByteStream,
    ) -> Result<Moved, TransferError> {
        let mut tx = self.read().await?;
        self.own_transfer(&mut tx, actor, id).await?;
        drop(tx);
        let hold = self.0.holds.take(id).await?;
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let appended = hub.append_held(&actor, &hold, (id, piece), body).await;
            drop(hold);
            Ok(appended)
        })
        .await?
    }

    async fn append_held(
        &self,
        actor: &Actor,
        hold: &Hold,
        (id, piece): (UploadId, Piece),
        body: ByteStream,
    ) -> Result<Moved, TransferError> {
        let writer = self.begin_writing(id).await?;
        let appended = async {
            let (transfer, limit_bytes) = self.settle_piece(actor, id, &piece).await?;
            if transfer.state == UploadState::Completed {
                return Ok(());
            }
            let body = hold.body(body);
            self.take_piece(transfer, (piece, limit_bytes, writer), body)
                .await
        }
        .await;
        self.end_writing(id, writer).await;
        appended?;
        self.finish_transfer(actor, id).await
    }

    /// Checks that a piece can be taken, writes down a length that is told with it, and says how many bytes
    /// may come.
    async fn settle_piece(
        &self,
        actor: &Actor,
        id: UploadId,
        piece: &Piece,
    ) -> Result<(Transfer, u64), TransferError> {
        let mut tx = match piece.size_bytes {
            Some(_) => self.write().await?,
            None => self.read().await?,
        };
        let mut transfer = self.own_transfer(&mut tx, actor, id).await?;
        if transfer.kind == UploadKind::Direct {
            return Err(HubError::NotFound("upload").into());
        }
        if transfer.kind == UploadKind::Tus && transfer.made.is_none() {
            // Who lost the right meanwhile sends no more bytes; the commit looks again.
            let upload = target::read(&transfer.target)?;
            uploads::admitted(&mut tx, actor, &upload, access::Hold::No).await?;
        }
        if piece.offset_bytes != transfer.offset_bytes {
            return Err(TransferError::Offset {
                offset_bytes: transfer.offset_bytes,
            });
        }
        let room_bytes = match (piece.size_bytes, transfer.size_bytes) {
            (Some(told), Some(known)) if told != known => return Err(TransferError::LengthSettled),
            (Some(told), None) => {
                if told < transfer.offset_bytes {
                    return Err(TransferError::LengthSettled);
                }
                let free_bytes = self.room_for(&mut tx, &transfer).await?;
                self.check_room(told, free_bytes)?;
                transfer.size_bytes = Some(told);
                tx.set_upload_size(id, told).await?;
                tx.set_reserved(id, told).await?;
                tx.commit().await?;
                transfer.reserved_bytes = told;
                told
            }
            (_, Some(known)) => known,
            (None, None) => {
                let space = tx
                    .space(transfer.space)
                    .await?
                    .ok_or(HubError::NotFound("space"))?;
                let free_bytes = self
                    .free_bytes_beside(&mut tx, &space, transfer.reserved_bytes)
                    .await?;
                self.check_room(
                    transfer
                        .offset_bytes
                        .saturating_add(piece.length_bytes.unwrap_or(0)),
                    free_bytes,
                )?;
                free_bytes.min(self.config().file_bytes)
            }
        };
        let left_bytes = room_bytes.saturating_sub(transfer.offset_bytes);
        if piece.length_bytes.is_some_and(|length| length > left_bytes) {
            return Err(TransferError::TooLong { left_bytes });
        }
        Ok((transfer, left_bytes))
    }

    async fn take_piece(
        &self,
        mut transfer: Transfer,
        (piece, limit_bytes, writer): (Piece, u64, [u8; 16]),
        body: ByteStream,
    ) -> Result<(), TransferError> {
        let is_promised = piece.promise.is_some();
        let limit_bytes = self.piece_limit(&transfer, &piece, limit_bytes)?;
        if transfer.key.is_none() {
            // A try that a crash cut short may have used the other up.
            transfer.blob = BlobId::new(self.now(), keys::random());
        }
        let tail = self.read().await?.upload_tail(transfer.id).await?;
        let how = Append {
            tail,
            limit_bytes,
            promise: piece.promise,
            pace: Pace::default(),
        };
        let mut appender = self.0.content.append(draft_of(&transfer), body, how)?;
        let broken = loop {
            let filled = self.renewing((transfer.id, writer), appender.fill()).await?;
            match filled.map_err(|error| too_long(error, limit_bytes))? {
                // Nothing of it is kept before its checksum was compared.
                Filled::Due if is_promised => {}
                Filled::Due => {
                    self.save_piece(&mut transfer, appender.checkpoint(), writer)
                        .await?;
                }
                Filled::End => break None,
                Filled::Broken(error) if is_promised => return Err(HubError::Body(error).into()),
                Filled::Broken(error) => break Some(error),
            }
        };
        let paused = self.renewing((transfer.id, writer), appender.pause()).await?;
        let checkpoint = paused?.ok_or(TransferError::Checksum)?;
        self.save_piece(&mut transfer, checkpoint, writer).await?;
        match broken {
            Some(error) => Err(HubError::Body(error).into()),
            None => Ok(()),
        }
    }

    fn piece_limit(
        &self,
        transfer: &Transfer,
        piece: &Piece,
        limit_bytes: u64,
    ) -> Result<u64, TransferError> {
        let backend = self.0.content.backend(&transfer.store);
        let is_held = piece.promise.is_some() && backend.is_some_and(|b| b.part_rules().is_sequential);
        if !is_held {
            return Ok(limit_bytes);
        }
        match piece.length_bytes {
            Some(length) if length > HELD_BYTES => Err(TransferError::TooLong {
                left_bytes: HELD_BYTES,
            }),
            _ => Ok(limit_bytes.min(HELD_BYTES)),
        }
    }

    /// Does something long while it keeps the lease.
    async fn renewing<T>(
        &self,
        (id, writer): (UploadId, [u8; 16]),
        work: impl Future<Output = T>,
    ) -> Result<T, TransferError> {
        let mut ticks = interval_at(Instant::now() + RENEWAL, RENEWAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                _ = ticks.tick() => {
                    if !self.renew_writing(id, writer).await? {
                        return Err(TransferError::Busy);
                    }
                }
            }
        }
    }

    /// Writes down how far a transfer has come.
    async fn save_piece(
        &self,
        transfer: &mut Transfer,
        checkpoint: Checkpoint,
        writer: [u8; 16],
    ) -> Result<(), TransferError> {
        let mut tx = self.write().await?;
        note_draft(transfer, &checkpoint.draft);
        transfer.expires_ms = self.transfer_end();
        if transfer.offset_bytes > transfer.reserved_bytes {
            let free_bytes = self.room_for(&mut tx, transfer).await?;
            self.check_room(transfer.offset_bytes, free_bytes)?;
            transfer.reserved_bytes = transfer.offset_bytes;
        }
        let step = catalog::UploadStep {
            parts: to_rows(checkpoint.parts),
            clears_tail: checkpoint.clears_tail,
            tail: checkpoint.tail,
        };
        if !tx.save_upload(transfer, step, writer).await? {
            return Err(TransferError::Busy);
        }
        tx.commit().await?;
        Ok(())
    }
}

fn too_long(error: content::ContentError, left_bytes: u64) -> TransferError {
    match error {
        content::ContentError::TooLarge { .. } => TransferError::TooLong { left_bytes },
        error => error.into(),
    }
}
