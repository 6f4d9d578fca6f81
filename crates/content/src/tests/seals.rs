//! Sealed blobs: what the store holds says nothing, and what was changed there does not open.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use model::{BlobId, ByteStream, Millis, StoredAt};
use tempfile::TempDir;

use crate::contract::sample;
use crate::{
    Content, ContentError, Durability, Keyring, LocalOptions, LocalStore, Pace, Take, Taken, digest,
};

const CHUNK: usize = 64 * 1024;
const SEALED_CHUNK: usize = CHUNK + 28;

async fn store(folder: &TempDir, keys: &[&str]) -> Content {
    let options = LocalOptions {
        folder: folder.path().join("blobs"),
        durability: Durability::Full,
    };
    let store = LocalStore::open(options).await.expect("store");
    let keyring = Keyring::new(keys.iter().map(|key| key.as_bytes())).expect("keys");
    Content::new(Arc::new(store)).sealing(keyring, ["local".to_owned()])
}

async fn put(content: &Content, bytes: &[u8], number: u8) -> StoredAt {
    let chunks: Vec<_> = bytes.chunks(50_000).map(Bytes::copy_from_slice).map(Ok).collect();
    let body: ByteStream = Box::pin(stream::iter(chunks));
    let how = Take {
        id: BlobId::new(Millis(1_800_000_000_000), [number; 10]),
        limit_bytes: u64::MAX,
        inline_bytes: 0,
        wants_md5: true,
        size_bytes: Some(bytes.len() as u64),
        pace: Pace::default(),
    };
    match content.take(body, how).await.expect("taken") {
        Taken::Stored {
            at,
            size_bytes,
            digest: told,
            ..
        } => {
            assert_eq!(size_bytes, bytes.len() as u64);
            assert_eq!(told, digest(bytes), "the digest is that of the plain bytes");
            at
        }
        Taken::Inline { .. } => panic!("nothing is to stay in memory"),
    }
}

async fn get(
    content: &Content,
    at: &StoredAt,
    size: usize,
    from: usize,
    to: usize,
) -> Result<Vec<u8>, String> {
    let body = content.read(at, size as u64, from as u64..to as u64).await;
    let chunks = body
        .map_err(|error| error.to_string())?
        .try_collect::<Vec<Bytes>>()
        .await;
    Ok(chunks.map_err(|error| error.to_string())?.concat())
}

#[tokio::test]
async fn any_range_of_a_sealed_blob_opens_and_the_store_sees_none_of_it() {
    let folder = tempfile::tempdir().expect("folder");
    let content = store(&folder, &["first key"]).await;
    for (number, length) in [1, CHUNK - 1, CHUNK, CHUNK + 1, 4 * CHUNK, 5 * CHUNK + 7, 400_001]
        .into_iter()
        .enumerate()
    {
        let bytes = sample(length);
        let at = put(&content, &bytes, number as u8).await;
        let stored = std::fs::read(folder.path().join("blobs").join(&at.key)).expect("stored");
        assert_eq!(stored.len(), length + 28 * length.div_ceil(CHUNK));
        let piece = &bytes[..length.min(24)];
        assert!(length < 24 || !stored.windows(piece.len()).any(|window| window == piece));
        assert_eq!(content.measure(&at).await.expect("measured"), Some(length as u64));
        let edges = [
            0,
            1,
            CHUNK - 1,
            CHUNK,
            CHUNK + 1,
            2 * CHUNK,
            length / 2,
            length - 1,
            length,
        ];
        for from in edges {
            for to in edges {
                let (from, to) = (from.min(length), to.min(length));
                let read = get(&content, &at, length, from, to).await.expect("opens");
                assert!(read == bytes[from..to.max(from)], "{length}: {from}..{to}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_changed_swapped_or_cut_in_the_store_does_not_open() {
    let folder = tempfile::tempdir().expect("folder");
    let content = store(&folder, &["first key"]).await;
    let bytes = sample(3 * CHUNK);
    let at = put(&content, &bytes, 1).await;
    let other = put(&content, &bytes, 2).await;
    let path = folder.path().join("blobs").join(&at.key);
    let stored = std::fs::read(&path).expect("stored");
    let read = |at: StoredAt, size| {
        let content = content.clone();
        async move { get(&content, &at, size, 0, size).await }
    };
    assert!(read(at.clone(), bytes.len()).await.expect("opens") == bytes);

    for place in [
        0,
        11,
        12,
        CHUNK,
        SEALED_CHUNK - 1,
        SEALED_CHUNK,
        2 * SEALED_CHUNK + 5,
        stored.len() - 1,
    ] {
        let mut changed = stored.clone();
        changed[place] ^= 1;
        std::fs::write(&path, &changed).expect("changed");
        assert!(read(at.clone(), bytes.len()).await.is_err(), "byte {place}");
    }
    let mut swapped = stored.clone();
    swapped[..2 * SEALED_CHUNK].rotate_left(SEALED_CHUNK);
    std::fs::write(&path, &swapped).expect("swapped");
    assert!(read(at.clone(), bytes.len()).await.is_err());
    std::fs::write(&path, &stored[..2 * SEALED_CHUNK]).expect("cut");
    assert!(read(at.clone(), bytes.len()).await.is_err());
    assert!(
        read(at.clone(), 2 * CHUNK).await.is_err(),
        "a shorter row does not help"
    );
    std::fs::write(
        &path,
        std::fs::read(folder.path().join("blobs").join(&other.key)).expect("other"),
    )
    .expect("other's");
    assert!(
        read(at.clone(), bytes.len()).await.is_err(),
        "another blob's bytes"
    );
    std::fs::write(&path, &stored).expect("back");
    let of_other = StoredAt {
        seal: other.seal.clone(),
        ..at.clone()
    };
    assert!(read(of_other, bytes.len()).await.is_err(), "another blob's key");
    assert!(read(at, bytes.len()).await.expect("opens") == bytes);
}

#[tokio::test]
async fn keys_are_changed_without_writing_a_byte_of_a_blob() {
    let folder = tempfile::tempdir().expect("folder");
    let bytes = sample(100_000);
    let at = put(&store(&folder, &["old"]).await, &bytes, 1).await;
    store(&folder, &["old"])
        .await
        .put_note("local", "a/note", Bytes::from_static(b"text"))
        .await
        .expect("note");
    let raw = std::fs::read(folder.path().join("blobs/notes/a/note")).expect("stored");
    assert!(!raw.windows(4).any(|window| window == b"text"));

    let both = store(&folder, &["new", "old"]).await;
    assert!(get(&both, &at, bytes.len(), 0, bytes.len()).await.expect("opens") == bytes);
    assert_eq!(
        both.note("local", "a/note").await.expect("read").as_deref(),
        Some(&b"text"[..])
    );
    let seal = both.reseal(&at).expect("resealed").expect("it had the old key");
    let resealed = StoredAt {
        seal: Some(seal),
        ..at.clone()
    };
    assert_eq!(
        both.reseal(&resealed).expect("looked at"),
        None,
        "it has the new key"
    );

    let new = store(&folder, &["new"]).await;
    assert!(
        get(&new, &resealed, bytes.len(), 0, bytes.len())
            .await
            .expect("opens")
            == bytes
    );
    let missing = new.read(&at, bytes.len() as u64, 0..1).await.err();
    assert!(
        matches!(missing, Some(ContentError::Rejected { .. })),
        "{missing:?}"
    );
}
