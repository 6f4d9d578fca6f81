//! Blobs that come in pieces.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{BlobId, BodyError, ByteStream, Millis};
use tempfile::TempDir;

use super::{Append, Checkpoint, Draft, Filled, Promise};
use crate::contract::sample;
use crate::{Content, Durability, Keyring, LocalOptions, LocalStore, Pace, Part, digest};

/// What a caller keeps of a draft.
struct Kept {
    draft: Draft,
    parts: Vec<Part>,
    tail: Vec<Vec<u8>>,
}

impl Kept {
    fn new(content: &Content, size_bytes: Option<u64>) -> Self {
        let id = BlobId::new(Millis(1_800_000_000_000), [7; 10]);
        Self {
            draft: content.new_draft(id, size_bytes).expect("draft"),
            parts: Vec::new(),
            tail: Vec::new(),
        }
    }

    fn keep(&mut self, checkpoint: Checkpoint) {
        for part in checkpoint.parts {
            self.parts.retain(|kept| kept.number != part.number);
            self.parts.push(part);
        }
        if checkpoint.clears_tail {
            self.tail.clear();
        }
        self.tail.extend(checkpoint.tail.map(|(_, bytes)| bytes));
        self.draft = checkpoint.draft;
    }

    /// Appends bytes in chunks, and breaks off after them when told to.
    async fn append(
        &mut self,
        content: &Content,
        bytes: &[u8],
        promise: Option<Promise>,
        breaks: bool,
    ) -> bool {
        let chunks = bytes
            .chunks(33_333)
            .map(|chunk| Ok(Bytes::copy_from_slice(chunk)));
        let chunks: Vec<Result<Bytes, BodyError>> = chunks.collect();
        let end = breaks.then_some(Err(BodyError::Incomplete));
        let body: ByteStream = Box::pin(stream::iter(chunks).chain(stream::iter(end)));
        let how = Append {
            tail: self.tail.clone(),
            limit_bytes: u64::MAX,
            promise,
            pace: Pace::default(),
        };
        let mut appender = content.append(self.draft.clone(), body, how).expect("append");
        loop {
            match appender.fill().await.expect("fill") {
                Filled::Due => self.keep(appender.checkpoint()),
                Filled::End => break assert!(!breaks),
                Filled::Broken(_) => break assert!(breaks),
            }
        }
        match appender.pause().await.expect("pause") {
            None => false,
            Some(checkpoint) => {
                self.keep(checkpoint);
                true
            }
        }
    }
}

async fn local(folder: &TempDir, is_sealed: bool) -> Content {
    let options = LocalOptions {
        folder: folder.path().join("blobs"),
        durability: Durability::UnsafeNone,
    };
    let content = Content::new(Arc::new(LocalStore::open(options).await.expect("store")));
    match is_sealed {
        false => content,
        true => content.sealing(Keyring::new([&b"secret"[..]]).expect("key"), ["local".to_owned()]),
    }
}

#[tokio::test]
async fn pieces_of_any_length_make_the_blob_that_they_are() {
    let lengths = [
        vec![9_000_000],
        vec![1, 2, 70_000, 5_000_000, 65_536, 1],
        vec![65_536, 65_536],
        vec![4 << 20, 4 << 20, 1],
        vec![100_000; 45],
        vec![40_000; 40],
    ];
    for is_sealed in [false, true] {
        for lengths in &lengths {
            for (is_known, breaks) in [(true, false), (true, true), (false, false)] {
                let folder = tempfile::tempdir().expect("folder");
                let content = local(&folder, is_sealed).await;
                let whole = sample(lengths.iter().sum());
                let size_bytes = whole.len() as u64;
                let mut kept = Kept::new(&content, is_known.then_some(size_bytes));
                let mut at = 0;
                for (n, length) in lengths.iter().enumerate() {
                    if n + 1 == lengths.len() {
                        kept.draft.size_bytes = Some(size_bytes);
                    }
                    assert!(kept.append(&content, &whole[at..at + length], None, breaks).await);
                    at += length;
                    assert_eq!(kept.draft.offset_bytes, at as u64);
                    let tail: u64 = kept.tail.iter().map(|piece| piece.len() as u64).sum();
                    assert_eq!(kept.draft.stored_bytes + tail, at as u64);
                }
                let about = format!("{is_sealed} {lengths:?} {is_known} {breaks}");
                assert_eq!(kept.draft.digest().expect("digest"), digest(&whole), "{about}");
                if kept.draft.begun.is_none() {
                    assert_eq!(kept.tail.concat(), whole, "{about}");
                    continue;
                }
                assert_eq!(kept.draft.stored_bytes, size_bytes, "{about}");
                for _ in 0..2 {
                    let at = content
                        .complete_draft(&kept.draft, &kept.parts)
                        .await
                        .expect("complete");
                    let body = content.read(&at, size_bytes, 0..size_bytes).await.expect("read");
                    let read: Vec<Bytes> = body.try_collect().await.expect("all");
                    assert!(read.concat() == whole, "{about}");
                }
                content.abandon_draft(&kept.draft).await.expect("abandon");
                assert_eq!(content.default_backend().list(None, 10).await.expect("list"), []);
            }
        }
    }
}

#[tokio::test]
async fn bytes_that_are_not_those_promised_leave_the_draft_as_it_was() {
    let folder = tempfile::tempdir().expect("folder");
    let content = local(&folder, false).await;
    let whole = sample(10_000_000);
    let (first, second) = whole.split_at(3_000_000);
    let mut kept = Kept::new(&content, Some(whole.len() as u64));
    assert!(kept.append(&content, first, None, false).await);

    let wrong = sample(6_000_000).into_iter().rev().collect::<Vec<u8>>();
    let promise = || Some(Promise::Sha256(digest(second).0));
    assert!(!kept.append(&content, &wrong, promise(), false).await);

    assert_eq!(kept.draft.offset_bytes, 3_000_000);
    assert!(kept.append(&content, second, promise(), false).await);
    let at = content
        .complete_draft(&kept.draft, &kept.parts)
        .await
        .expect("complete");
    let read = content.digest_of(&at, whole.len() as u64).await.expect("read");
    assert_eq!(read, digest(&whole));
}

#[tokio::test]
async fn promises_are_kept_in_each_algorithm() {
    let folder = tempfile::tempdir().expect("folder");
    let content = local(&folder, false).await;
    let sha1 = [
        0xaa, 0xf4, 0xc6, 0x1d, 0xdc, 0xc5, 0xe8, 0xa2, 0xda, 0xbe, 0xde, 0x0f, 0x3b, 0x48, 0x2c, 0xd9, 0xae,
        0xa9, 0x43, 0x4d,
    ];
    let md5 = [
        0x5d, 0x41, 0x40, 0x2a, 0xbc, 0x4b, 0x2a, 0x76, 0xb9, 0x71, 0x9d, 0x91, 0x10, 0x17, 0xc5, 0x92,
    ];
    for promise in [
        Promise::Sha1(sha1),
        Promise::Md5(md5),
        Promise::Sha256(digest(b"hello").0),
    ] {
        let mut kept = Kept::new(&content, None);
        assert!(
            !kept
                .append(&content, b"hullo", Some(promise.clone()), false)
                .await
        );
        assert!(kept.append(&content, b"hello", Some(promise), false).await);
        assert_eq!(kept.tail.concat(), b"hello");
    }
}
