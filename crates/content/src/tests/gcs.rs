//! A bucket of Google Cloud Storage, kept by an emulator.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use model::Millis;

use super::emulators::gcs::{Gcs, PlainGcs};
use crate::contract::{self, Service};
use crate::{Backend, GcsOptions, GcsStore, Memory, Patience, Secret};

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
