mod azure;
#[allow(dead_code, reason = "other crates use the rest")]
mod emulators;
mod gcs;
mod s3;
mod seals;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{BlobId, BodyError, ByteStream, Millis, StoredAt};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::contract::sample;
use crate::{
    Content, ContentError, Damage, Durability, Hasher, LocalOptions, LocalStore, Pace, Take, Taken, body_of,
    digest,
};

async fn store() -> (TempDir, Content) {
    let folder = tempfile::tempdir().expect("folder");
    let options = LocalOptions {
        folder: folder.path().join("blobs"),
        durability: Durability::Full,
    };
    let store = LocalStore::open(options).await.expect("store");
    (folder, Content::new(Arc::new(store)))
}

fn take(limit_bytes: u64, inline_bytes: usize) -> Take {
    Take {
        id: BlobId::new(Millis(1_800_000_000_000), [3; 10]),
        limit_bytes,
        inline_bytes,
        wants_md5: false,
        size_bytes: None,
        pace: Pace::default(),
    }
}

fn body(bytes: &[u8], chunk_bytes: usize) -> ByteStream {
    let chunks: Vec<_> = bytes
        .chunks(chunk_bytes)
        .map(Bytes::copy_from_slice)
        .map(Ok)
        .collect();
    Box::pin(stream::iter(chunks))
}

async fn holds_nothing(content: &Content) {
    let listed = content.default_backend().list(None, 10).await.expect("list");
    assert_eq!(listed, []);
}

async fn read_back(content: &Content, taken: &Taken) -> Vec<u8> {
    match taken {
        Taken::Inline { bytes, .. } => bytes.to_vec(),
        Taken::Stored { at, size_bytes, .. } => {
            let read = content.read(at, *size_bytes, 0..*size_bytes).await.expect("read");
            read.try_collect::<Vec<Bytes>>().await.expect("bytes").concat()
        }
    }
}

#[tokio::test]
async fn a_body_up_to_the_inline_length_stays_in_memory() {
    let (_folder, content) = store().await;
    for length in [0, 1, 99, 100] {
        let bytes = sample(length);

        let taken = content
            .take(body(&bytes, 7), take(1000, 100))
            .await
            .expect("taken");

        assert!(matches!(&taken, Taken::Inline { bytes: held, .. } if *held == bytes));
        assert_eq!(taken.digest(), digest(&bytes));
        assert_eq!(taken.size_bytes(), length as u64);
    }
    holds_nothing(&content).await;
}

#[tokio::test]
async fn a_body_over_the_inline_length_is_stored() {
    let (_folder, content) = store().await;
    let bytes = sample(101);

    let taken = content
        .take(body(&bytes, 7), take(1000, 100))
        .await
        .expect("taken");

    assert!(matches!(&taken, Taken::Stored { at, .. } if at.store == "local"));
    assert_eq!(taken.digest(), digest(&bytes));
    assert_eq!(read_back(&content, &taken).await, bytes);
}

#[tokio::test]
async fn a_body_may_be_as_long_as_the_limit_and_not_one_byte_longer() {
    for (length, inline_bytes) in [(50, 100), (300_000, 100)] {
        let (_folder, content) = store().await;
        let bytes = sample(length);
        let limit = length as u64;

        content
            .take(body(&bytes, 1000), take(limit, inline_bytes))
            .await
            .expect("taken");
        let over = content
            .take(body(&bytes, 1000), take(limit - 1, inline_bytes))
            .await;

        assert!(matches!(over, Err(ContentError::TooLarge { limit_bytes }) if limit_bytes == limit - 1));
    }
}

#[tokio::test]
async fn a_body_that_ends_early_leaves_nothing() {
    let (_folder, content) = store().await;
    for length in [10, 20_000, 900_000] {
        let cut = body(&sample(length), 1000).chain(stream::iter([Err(BodyError::Incomplete)]));

        let taken = content.take(Box::pin(cut), take(u64::MAX, 100)).await;

        assert!(matches!(taken, Err(ContentError::Body(BodyError::Incomplete))));
        holds_nothing(&content).await;
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_leaves_nothing() {
    let (_folder, content) = store().await;

    let taken = content
        .take(body(&sample(900_000), 1000), take(800_000, 100))
        .await;

    assert!(matches!(taken, Err(ContentError::TooLarge { .. })));
    holds_nothing(&content).await;
}

#[tokio::test]
async fn a_body_that_stops_is_called_off_at_the_end_of_its_window() {
    let pace = Pace {
        min_bytes_per_sec: 1000,
        window: Duration::from_millis(100),
    };
    // Enough for the first window buys no time in the second.
    for (length, windows) in [(0, 1), (99, 1), (100, 2), (100_000, 2)] {
        let (_folder, content) = store().await;
        let stopped = body(&sample(length), 10).chain(stream::pending());
        let started = Instant::now();

        let taken = content
            .take(
                Box::pin(stopped),
                Take {
                    pace,
                    ..take(u64::MAX, 10)
                },
            )
            .await;

        assert!(matches!(taken, Err(ContentError::Body(BodyError::TooSlow))));
        assert!(started.elapsed() >= pace.window * windows, "{length} bytes");
        holds_nothing(&content).await;
    }
}

#[tokio::test]
async fn a_store_that_is_not_configured_is_named() {
    let (_folder, content) = store().await;

    let elsewhere = StoredAt {
        store: "s3".to_owned(),
        key: "key".to_owned(),
        seal: None,
    };
    let read = content.read(&elsewhere, 1, 0..1).await.err();
    let removed = content.remove(&elsewhere).await;

    assert!(matches!(read, Some(ContentError::UnknownStore(name)) if name == "s3"));
    assert!(matches!(removed, Err(ContentError::UnknownStore(_))));
}

#[tokio::test]
async fn the_digest_is_that_of_the_bytes_that_are_stored_now() {
    let (folder, content) = store().await;
    let bytes = sample(700_000);
    let taken = content
        .take(body(&bytes, 50_000), take(u64::MAX, 10))
        .await
        .expect("taken");
    let Taken::Stored {
        at,
        size_bytes,
        digest: first,
        ..
    } = taken
    else {
        panic!("stored")
    };
    let again = content.digest_of(&at, size_bytes).await.expect("digest");
    assert_eq!(again, first);

    let mut changed = bytes;
    changed[600_000] ^= 1;
    std::fs::write(folder.path().join("blobs").join(&at.key), &changed).expect("damage");

    let now = content.digest_of(&at, size_bytes).await.expect("digest");
    assert_ne!(now, first);
    assert_eq!(now, digest(&changed));
    let shorter = content.digest_of(&at, size_bytes + 1).await;
    assert!(matches!(
        shorter,
        Err(ContentError::Damaged(Damage::Length { .. }))
    ));
}

#[tokio::test]
async fn a_part_of_bytes_in_memory_is_cut_at_their_end() {
    let bytes = Bytes::from_static(b"0123456789");
    for (range, expected) in [
        (0..10, &b"0123456789"[..]),
        (3..5, b"34"),
        (8..u64::MAX, b"89"),
        (10..12, b""),
        (u64::MAX - 1..u64::MAX, b""),
    ] {
        let part: Vec<Bytes> = body_of(bytes.clone(), range).try_collect().await.expect("bytes");
        assert_eq!(part.concat(), expected);
    }
}

#[test]
fn digests_are_those_of_the_standards() {
    let mut hasher = Hasher::new(true);
    hasher.update(b"a");
    hasher.update(b"bc");
    let digests = hasher.finish();

    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let md5 = [
        0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0, 0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72,
    ];
    assert_eq!(digests.digest.to_string(), sha256);
    assert_eq!(digests.md5, Some(md5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_split_of_any_bytes_gives_the_same_content(
        length in 0_usize..600_000,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        inline_bytes in 0_usize..40_000,
    ) {
        let bytes = sample(length);
        let mut edges: Vec<usize> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
        edges.extend([0, length]);
        edges.sort_unstable();
        let chunks: Vec<_> = edges
            .windows(2)
            .map(|edge| Ok(Bytes::copy_from_slice(&bytes[edge[0]..edge[1]])))
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
        runtime.block_on(async {
            let (_folder, content) = store().await;
            let body = Box::pin(stream::iter(chunks));

            let taken = content.take(body, take(u64::MAX, inline_bytes)).await.expect("taken");

            assert_eq!(taken.digest(), digest(&bytes));
            assert_eq!(taken.size_bytes(), length as u64);
            assert_eq!(matches!(taken, Taken::Inline { .. }), length <= inline_bytes);
            assert!(read_back(&content, &taken).await == bytes);
        });
    }
}
