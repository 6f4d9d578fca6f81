//! A bucket of Google Cloud Storage, kept by an emulator.

mod faults;
mod refusals;
mod sessions;
mod tokens;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::TryStreamExt;
use model::{BlobId, Millis};

use super::emulators::gcs::{Gcs, PlainGcs};
use super::emulators::proxy::Proxy;
use crate::contract::{self, Service};
use crate::{
    Backend, GcsOptions, GcsStore, Memory, NewBlob, NewPart, NewParts, Part, Parts, Patience, Secret, Written,
};

/// What Google Cloud Storage does. The address of a part is that of the whole session, and sessions that
/// wait for more cannot be listed.
const GCS: Service = Service {
    signs_each_part: false,
    lists_uploads: false,
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

fn options(gcs: &Gcs) -> GcsOptions {
    GcsOptions {
        name: "gcs".to_owned(),
        bucket: Gcs::BUCKET.to_owned(),
        prefix: "some/where else".to_owned(),
        credentials: Some(Secret::new(gcs.credentials())),
        endpoint: Some(gcs.endpoint()),
        public_endpoint: None,
        page_origin: None,
        clock: Arc::new(now),
        patience: HASTE,
        memory: Memory::default(),
    }
}

fn store(gcs: &Gcs) -> GcsStore {
    GcsStore::open(options(gcs)).expect("options")
}

/// A store behind a proxy that breaks things.
async fn broken(gcs: &Gcs) -> (Proxy, GcsStore) {
    let proxy = Proxy::start(gcs.running.port).await;
    let store = GcsStore::open(GcsOptions {
        endpoint: Some(proxy.endpoint()),
        ..options(gcs)
    });
    (proxy, store.expect("options"))
}

/// An id that no other number gives.
fn id(number: u8) -> BlobId {
    BlobId::new(Millis(1_800_000_000_000), [number; 10])
}

async fn put(store: &dyn Backend, id: BlobId, bytes: &[u8]) -> Written {
    let new = NewBlob {
        id,
        wants_md5: false,
        size_bytes: None,
    };
    let mut writer = store.writer(new).await.expect("writer");
    for chunk in bytes.chunks(100_000) {
        writer.write(Bytes::copy_from_slice(chunk)).await.expect("write");
    }
    writer.finish().await.expect("finish")
}

async fn read(store: &dyn Backend, key: &str, size_bytes: u64) -> Vec<u8> {
    let body = store.read(key, size_bytes, 0..size_bytes).await.expect("read");
    body.try_collect::<Vec<Bytes>>().await.expect("bytes").concat()
}

async fn begin(store: &GcsStore, number: u8, size_bytes: Option<u64>) -> Parts {
    let new = NewParts {
        id: id(number),
        size_bytes,
    };
    store.begin(new).await.expect("begin")
}

/// Sends one part of `bytes`.
async fn put_part(store: &GcsStore, upload: &Parts, bytes: &[u8], (start, end): (usize, usize)) -> Part {
    let new = NewPart {
        number: if start == 0 { 1 } else { 2 },
        offset_bytes: start as u64,
        is_last: end == bytes.len(),
    };
    let piece = Bytes::copy_from_slice(&bytes[start..end]);
    let (one, two) = (piece.slice(..piece.len() / 3), piece.slice(piece.len() / 3..));
    Part {
        number: new.number,
        size_bytes: piece.len() as u64,
        tag: store.put_part(upload, new, vec![one, two]).await.expect("part"),
    }
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let gcs = Gcs::start();
    let store = store(&gcs);
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
    contract::check_on(&store, GCS).await;
}

#[tokio::test]
async fn it_keeps_the_contract_on_the_emulator_as_far_as_that_goes() {
    let gcs = PlainGcs::start();
    let store = GcsStore::open(GcsOptions {
        name: "gcs".to_owned(),
        bucket: Gcs::BUCKET.to_owned(),
        prefix: String::new(),
        credentials: None,
        endpoint: Some(gcs.endpoint().trim_start_matches("http://").to_owned()),
        public_endpoint: None,
        page_origin: None,
        clock: Arc::new(now),
        patience: HASTE,
        memory: Memory::default(),
    })
    .expect("options");
    let probe = store.probe().await.expect("probe");

    assert_eq!(probe.abilities.creates_only, Some(false));
    assert!(
        probe
            .advice
            .iter()
            .any(|advice| advice.contains("no credentials")),
        "{:?}",
        probe.advice
    );
    let plain = Service {
        // It ends a session with the first bytes whose whole length is not told, knows no other way to ask
        // how far one is, and cannot give one up.
        takes_sessions: false,
        creates_only: false,
        ..GCS
    };
    contract::check_on(&store, plain).await;
}

#[tokio::test]
async fn what_strangers_keep_in_the_bucket_is_left_alone() {
    let gcs = Gcs::start();
    let store = store(&gcs);
    let other = GcsStore::open(GcsOptions {
        prefix: "some".to_owned(),
        ..options(&gcs)
    })
    .expect("options");
    let theirs = put(&other, id(1), b"theirs").await;
    let note = Bytes::from_static(b"theirs");
    other.put_note("note", note.clone()).await.expect("note");
    let upload = begin(&other, 2, None).await;
    put_part(&other, &upload, b"theirs", (0, 6)).await;

    assert_eq!(store.list(None, 10).await.expect("list"), []);
    assert!(store.notes("", None, 10).await.expect("notes").is_empty());
    let later = now().plus_secs(3600);
    assert_eq!(store.unfinished(later, 10).await.expect("unfinished"), []);
    store.remove(&theirs.key).await.expect("remove");
    store.remove_note("note").await.expect("remove");

    assert_eq!(read(&other, &theirs.key, 6).await, b"theirs");
    assert_eq!(other.note("note").await.expect("note"), Some(note));
    let found = other.unfinished(later, 10).await.expect("unfinished");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, upload.key);
    other.abort(&found[0]).await.expect("abort");
    assert_eq!(other.unfinished(later, 10).await.expect("unfinished"), []);
}
