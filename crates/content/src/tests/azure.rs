//! A container of Azure Blob Storage, kept by Azurite.

mod faults;
mod refusals;
mod signatures;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt;
use model::{BlobId, Millis};
use outbound::{base64, encoded, hmac_sha256};

use super::emulators::azurite::Azurite;
use crate::contract::{self, Service, sample};
use crate::{
    AzureOptions, AzureStore, Backend, Memory, NewBlob, NewPart, NewParts, Part, Parts, Patience, Secret,
    Written,
};

/// What Azure does. Nothing that it signs says how long a block may be.
const AZURE: Service = Service {
    binds_part_lengths: false,
    ..Service::STRICT
};

/// Waits that are as short as tests want them.
const HASTE: Patience = Patience {
    try_count: 4,
    first_pause: Duration::from_millis(2),
    longest_pause: Duration::from_millis(10),
    longest_asked: Duration::from_secs(2),
    connect: Duration::from_secs(5),
    silence: Duration::from_secs(20),
    min_bytes_per_sec: 64 * 1024,
};

fn now() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Millis(i64::try_from(since.expect("after 1970").as_millis()).expect("before the end of time"))
}

fn options(azurite: &Azurite) -> AzureOptions {
    AzureOptions {
        name: "azure".to_owned(),
        connection: Secret::new(azurite.connection()),
        container: Azurite::CONTAINER.to_owned(),
        prefix: "some/where".to_owned(),
        public_endpoint: None,
        page_origin: None,
        clock: Arc::new(now),
        patience: HASTE,
        memory: Memory::default(),
    }
}

fn store(azurite: &Azurite) -> AzureStore {
    AzureStore::open(options(azurite)).expect("options")
}

/// A connection string with a signature for the whole container and no key.
fn signed_connection(azurite: &Azurite, permissions: &str, ends: &str) -> Secret {
    use ::base64::Engine as _;
    let key = ::base64::engine::general_purpose::STANDARD
        .decode(Azurite::KEY)
        .expect("Base64");
    let resource = format!("/blob/{}/{}", Azurite::ACCOUNT, Azurite::CONTAINER);
    let text = format!("{permissions}\n\n{ends}\n{resource}\n\n\n\n2021-12-02\nc\n\n\n\n\n\n\n");
    let signature = base64(&hmac_sha256(&key, text.as_bytes()));
    Secret::new(format!(
        "BlobEndpoint={};SharedAccessSignature=sv=2021-12-02&sr=c&sp={permissions}&se={ends}&sig={}",
        azurite.endpoint(),
        encoded(&signature, "")
    ))
}

/// An id that no other call returns.
fn id(number: u8) -> BlobId {
    BlobId::new(Millis(now().0 + i64::from(number)), [number; 10])
}

async fn put(store: &dyn Backend, id: BlobId, bytes: &[u8]) -> Written {
    let new = NewBlob {
        id,
        wants_md5: false,
        size_bytes: None,
    };
    let mut writer = store.writer(new).await.expect("writer");
    writer.write(Bytes::copy_from_slice(bytes)).await.expect("write");
    writer.finish().await.expect("finish")
}

async fn read(store: &dyn Backend, key: &str, size_bytes: u64) -> Vec<u8> {
    let body = store.read(key, size_bytes, 0..size_bytes).await.expect("read");
    body.try_collect::<Vec<Bytes>>().await.expect("bytes").concat()
}

async fn begin(store: &AzureStore, number: u8) -> Parts {
    let new = NewParts {
        id: id(number),
        size_bytes: None,
    };
    store.begin(new).await.expect("begin")
}

async fn put_part(store: &AzureStore, upload: &Parts, bytes: &[u8]) -> Part {
    let new = NewPart {
        number: 1,
        offset_bytes: 0,
        is_last: true,
    };
    let tag = store
        .put_part(upload, new, vec![Bytes::copy_from_slice(bytes)])
        .await;
    Part {
        number: 1,
        size_bytes: bytes.len() as u64,
        tag: tag.expect("part"),
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let azurite = Azurite::start();
    let store = store(&azurite);
    let probe = store.probe().await.expect("probe");

    assert_eq!(probe.abilities, store.abilities());
    assert_eq!(
        (probe.abilities.creates_only, probe.abilities.checks_digests),
        (Some(true), Some(true))
    );
    assert!(probe.abilities.signs_urls && probe.abilities.signs_parts && probe.abilities.reads_ranges);
    assert!(
        probe.skew_ms.is_some_and(|skew_ms| skew_ms.abs() < 5000),
        "{probe:?}"
    );
    assert_eq!((probe.allows_pages, probe.advice), (None, Vec::new()));
    contract::check_on(&store, AZURE).await;
}

#[tokio::test]
async fn it_keeps_the_contract_by_a_signature_alone_and_passes_it_on_to_nobody() {
    let azurite = Azurite::start();
    let store = AzureStore::open(AzureOptions {
        connection: signed_connection(&azurite, "racwdl", "2099-01-01T00:00:00Z"),
        ..options(&azurite)
    })
    .expect("options");
    let probe = store.probe().await.expect("probe");

    assert!(!probe.abilities.signs_urls && !probe.abilities.signs_parts);
    assert!(probe.advice[0].contains("no AccountKey"), "{:?}", probe.advice);
    contract::check_on(&store, AZURE).await;
}

#[tokio::test]
async fn pages_follow_any_key_after_a_restart() {
    let azurite = Azurite::start();
    let first = store(&azurite);
    let mut keys = Vec::new();
    for number in 0..12_u8 {
        // Three folders, and in one of them blobs of one and of many minutes.
        let millis = 1_800_000_000_000 + i64::from(number / 4) * 20_000_000 + i64::from(number % 4) * 40_000;
        let id = BlobId::new(Millis(millis), [number; 10]);
        keys.push(put(&first, id, b"x").await.key);
    }
    keys.sort_unstable();

    for after in 0..keys.len() {
        for limit in [1, 3, 100] {
            // One that has listed nothing yet.
            let page = store(&azurite)
                .list(Some(&keys[after]), limit)
                .await
                .expect("list");

            let listed: Vec<&String> = page.iter().map(|blob| &blob.key).collect();
            let expected: Vec<&String> = keys[after + 1..].iter().take(listed.len()).collect();
            assert_eq!(listed, expected, "after {after}");
            assert!(!listed.is_empty() || after + 1 == keys.len(), "after {after}");
        }
    }
}

#[tokio::test]
async fn what_strangers_keep_in_the_container_is_left_alone() {
    let azurite = Azurite::start();
    let store = store(&azurite);
    let other = AzureStore::open(AzureOptions {
        prefix: "some".to_owned(),
        ..options(&azurite)
    })
    .expect("options");
    let theirs = put(&other, id(1), b"theirs").await;
    other
        .put_note("note", Bytes::from_static(b"theirs"))
        .await
        .expect("note");
    let upload = begin(&other, 2).await;
    put_part(&other, &upload, b"theirs").await;

    assert_eq!(store.list(None, 10).await.expect("list"), []);
    assert!(store.notes("", None, 10).await.expect("notes").is_empty());
    let later = now().plus_secs(3600);
    assert_eq!(store.unfinished(later, 10).await.expect("unfinished"), []);
    store.remove(&theirs.key).await.expect("remove");
    store.remove_note("note").await.expect("remove");
    store.abort(&upload).await.expect("abort");

    assert_eq!(read(&other, &theirs.key, 6).await, b"theirs");
    assert_eq!(other.unfinished(later, 10).await.expect("unfinished"), [upload]);
}

#[tokio::test]
async fn what_a_writer_leaves_that_was_killed_is_found() {
    let azurite = Azurite::start();
    let store = store(&azurite);
    let id = id(1);
    let new = NewBlob {
        id,
        wants_md5: false,
        size_bytes: None,
    };
    let mut writer = store.writer(new).await.expect("writer");
    writer
        .write(sample(11 * 1024 * 1024).into())
        .await
        .expect("write");
    let later = now().plus_secs(3600);
    let mut found = store.unfinished(later, 10).await.expect("unfinished");
    while found.is_empty() {
        // Its parts are still on their way.
        found = store.unfinished(later, 10).await.expect("unfinished");
    }
    // As a kill does, which drops nothing.
    std::mem::forget(writer);

    assert_eq!(found.len(), 1);
    assert_eq!(store.list(None, 10).await.expect("list"), []);
    store.abort(&found[0]).await.expect("abort");

    assert_eq!(store.list(None, 10).await.expect("list"), []);
}
