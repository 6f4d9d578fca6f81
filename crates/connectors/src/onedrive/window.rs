//! The bytes of a source on their way: read in windows that may overlap, and hashed once each.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::StreamExt;
use model::{BodyError, ByteStream};

use crate::{HashKind, Hasher, Hashes, RemoteError, Source};

/// Reads a source in windows. Of what was read, only the last window is kept.
pub(super) struct Windows<'a> {
    source: &'a dyn Source,
    stream: Option<ByteStream>,
    /// The offset of the next byte of the stream.
    at: u64,
    held: VecDeque<Bytes>,
    /// The offset of the first byte that is held.
    start: u64,
    hasher: Hasher,
}

impl<'a> Windows<'a> {
    pub(super) fn of(source: &'a dyn Source) -> Self {
        Self {
            source,
            stream: None,
            at: 0,
            held: VecDeque::new(),
            start: 0,
            hasher: Hasher::new(&[HashKind::QuickXor]),
        }
    }

    /// The whole length.
    pub(super) fn size_bytes(&self) -> u64 {
        self.source.size_bytes()
    }

    /// The bytes from an offset on, which is not behind the end: `length` of them, or those up to the end.
    ///
    /// # Errors
    /// `Source`.
    pub(super) async fn read(&mut self, from: u64, length: u64) -> Result<Vec<Bytes>, RemoteError> {
        if from < self.start {
            self.stream = None;
            self.held.clear();
            (self.at, self.start) = (from, from);
        }
        let end = from.saturating_add(length).min(self.size_bytes());
        self.drop_before(from);
        while self.at < end {
            let bytes = self.next().await?;
            self.held.push_back(bytes);
            self.drop_before(from);
        }
        let mut pieces = Vec::new();
        let mut left = end - from;
        for piece in &self.held {
            // Not above the length of the piece, so it fits.
            let taken = left.min(piece.len() as u64);
            pieces.push(piece.slice(..taken as usize));
            left -= taken;
            if left == 0 {
                break;
            }
        }
        Ok(pieces)
    }

    /// Reads what was not read yet, and returns the hash of everything. It can be asked more than once.
    ///
    /// # Errors
    /// `Source`.
    pub(super) async fn hashes(&mut self) -> Result<Hashes, RemoteError> {
        while self.hasher.size_bytes() < self.size_bytes() {
            let bytes = self.next().await?;
            self.held.push_back(bytes);
            self.drop_before(self.at);
        }
        Ok(self.hasher.clone().finish())
    }

    fn drop_before(&mut self, from: u64) {
        while let Some(first) = self.held.front_mut() {
            let length = first.len() as u64;
            if self.start + length <= from {
                self.held.pop_front();
                self.start += length;
                continue;
            }
            if self.start < from {
                // Less than its length, so it fits.
                drop(first.split_to((from - self.start) as usize));
                self.start = from;
            }
            return;
        }
    }

    async fn next(&mut self) -> Result<Bytes, RemoteError> {
        if self.stream.is_none() {
            let opened = self.source.open(self.at).await;
            self.stream = Some(opened.map_err(RemoteError::Source)?);
        }
        let stream = self.stream.as_mut().expect("it was opened");
        let next = match stream.next().await {
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(error)) => Err(error),
            None => Err(BodyError::Incomplete),
        };
        let bytes = match next {
            Ok(bytes) if self.at + bytes.len() as u64 <= self.size_bytes() => bytes,
            Ok(_) => {
                return Err(self.failed(BodyError::Malformed(
                    "the content is longer than it was told".to_owned(),
                )));
            }
            Err(error) => return Err(self.failed(error)),
        };
        let end = self.at + bytes.len() as u64;
        // What is read a second time was hashed before.
        let seen = self
            .hasher
            .size_bytes()
            .saturating_sub(self.at)
            .min(bytes.len() as u64);
        self.hasher.update(&bytes[seen as usize..]);
        self.at = end;
        Ok(bytes)
    }

    /// A stream that failed is not read on.
    fn failed(&mut self, error: BodyError) -> RemoteError {
        self.stream = None;
        self.held.clear();
        self.start = self.at;
        RemoteError::Source(error)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use futures_util::stream;

    use super::*;

    /// Gives its bytes in pieces of seven.
    struct Pieces(Vec<u8>);

    #[async_trait]
    impl Source for Pieces {
        fn size_bytes(&self) -> u64 {
            self.0.len() as u64
        }

        async fn open(&self, offset: u64) -> Result<ByteStream, BodyError> {
            let rest = self.0[offset as usize..].to_vec();
            let pieces: Vec<_> = rest.chunks(7).map(Bytes::copy_from_slice).map(Ok).collect();
            Ok(Box::pin(stream::iter(pieces)))
        }
    }

    fn hash_of(bytes: &[u8]) -> Hashes {
        let mut hasher = Hasher::new(&[HashKind::QuickXor]);
        hasher.update(bytes);
        hasher.finish()
    }

    #[tokio::test]
    async fn windows_may_go_back_and_skip_and_the_hash_is_that_of_all() {
        let source = Pieces((0..100).collect());
        let mut windows = Windows::of(&source);

        for (from, length) in [
            (0_u64, 10_u64),
            (10, 20),
            (15, 20),
            (3, 4),
            (60, 10),
            (61, 1000),
            (0, 1),
        ] {
            let read = windows.read(from, length).await.unwrap().concat();
            let end = (from + length).min(100);
            assert_eq!(
                read,
                (from as u8..end as u8).collect::<Vec<u8>>(),
                "{from} {length}"
            );
        }
        assert_eq!(windows.hashes().await.unwrap(), hash_of(&source.0));
        assert_eq!(windows.hashes().await.unwrap(), hash_of(&source.0));
    }

    #[tokio::test]
    async fn a_source_that_is_not_as_long_as_it_says_is_an_error() {
        struct Short;
        #[async_trait]
        impl Source for Short {
            fn size_bytes(&self) -> u64 {
                10
            }

            async fn open(&self, _offset: u64) -> Result<ByteStream, BodyError> {
                Ok(Box::pin(stream::iter([Ok(Bytes::from_static(b"12345"))])))
            }
        }
        let read = Windows::of(&Short).read(0, 10).await;
        assert!(matches!(read, Err(RemoteError::Source(BodyError::Incomplete))));
        let hashes = Windows::of(&Short).hashes().await;
        assert!(matches!(hashes, Err(RemoteError::Source(BodyError::Incomplete))));
    }
}
