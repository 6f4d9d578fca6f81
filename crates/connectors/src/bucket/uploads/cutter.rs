//! Cuts a source into parts of exact lengths.

use bytes::Bytes;
use futures_util::StreamExt as _;
use model::ByteStream;

use super::not_as_told;
use crate::{Hasher, RemoteError, Source};

/// What is left of a source.
pub(super) struct Cutter {
    stream: ByteStream,
    rest: Bytes,
}

impl Cutter {
    pub(super) async fn open(source: &dyn Source, offset: u64) -> Result<Self, RemoteError> {
        let stream = source.open(offset).await.map_err(RemoteError::Source)?;
        Ok(Self {
            stream,
            rest: Bytes::new(),
        })
    }

    /// The next `length` bytes, no less.
    pub(super) async fn take(
        &mut self,
        length: u64,
        mut hasher: Option<&mut Hasher>,
    ) -> Result<Vec<Bytes>, RemoteError> {
        let mut pieces = Vec::new();
        let mut missing = length;
        while missing > 0 {
            if self.rest.is_empty() {
                let next = self.stream.next().await.ok_or_else(not_as_told)?;
                self.rest = next.map_err(RemoteError::Source)?;
            }
            // Not longer than what is there, so it fits.
            let piece = self.rest.split_to(missing.min(self.rest.len() as u64) as usize);
            missing -= piece.len() as u64;
            if let Some(hasher) = hasher.as_deref_mut() {
                hasher.update(&piece);
            }
            pieces.push(piece);
        }
        Ok(pieces)
    }

    /// That nothing is left.
    pub(super) async fn end(mut self) -> Result<(), RemoteError> {
        if !self.rest.is_empty() {
            return Err(not_as_told());
        }
        while let Some(next) = self.stream.next().await {
            if !next.map_err(RemoteError::Source)?.is_empty() {
                return Err(not_as_told());
            }
        }
        Ok(())
    }
}
