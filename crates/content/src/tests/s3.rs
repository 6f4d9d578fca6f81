//! Buckets that speak S3, kept by real services.

mod faults;
mod refusals;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use model::Millis;

use super::emulators::moto::Moto;
use super::emulators::s3s::S3s;
use crate::contract::{self, Service};
use crate::{Backend, Memory, Patience, Quirks, S3Options, S3Store, Secret};

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

/// The settings for `s3s-fs` when it is reached at `endpoint`.
fn options(endpoint: String) -> S3Options {
    S3Options {
        name: "s3".to_owned(),
        endpoint: Some(endpoint),
        public_endpoint: None,
        region: None,
        bucket: S3s::BUCKET.to_owned(),
        prefix: "cumuli/a b+c%20d".to_owned(),
        access_key: S3s::ACCESS_KEY.to_owned(),
        secret_key: Secret::new(S3s::SECRET_KEY),
        session_token: None,
        path_style: None,
        quirks: Quirks::Generic,
        page_origin: None,
        patience: HASTE,
        memory: Memory::default(),
        clock: Arc::new(now),
    }
}

/// A store in a new bucket of `moto`.
async fn on_moto(moto: &Moto, quirks: Quirks) -> S3Store {
    let store = S3Store::open(S3Options {
        quirks,
        ..options(moto.endpoint())
    });
    let bucket = format!("{}/{}", moto.endpoint(), S3s::BUCKET);
    let http = reqwest::Client::new();
    let made = http.put(&bucket).send().await.expect("an answer");
    assert_eq!(made.status(), 200);
    let versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    if quirks == Quirks::B2 {
        let kept = http
            .put(format!("{bucket}?versioning"))
            .body(versions)
            .send()
            .await;
        assert_eq!(kept.expect("an answer").status(), 200);
    }
    store.expect("settings")
}

#[tokio::test]
async fn a_strict_service_keeps_the_contract() {
    let service = S3s::start();
    let store = S3Store::open(S3Options {
        prefix: "cumuli/a".to_owned(),
        ..options(service.endpoint())
    });
    let store = store.expect("settings");

    let probe = store.probe().await.expect("usable");

    assert_eq!(probe.abilities.creates_only, Some(true));
    assert_eq!(probe.abilities.checks_digests, Some(true));
    assert!(
        probe.skew_ms.is_some_and(|skew_ms| skew_ms.abs() < 5000),
        "{probe:?}"
    );
    let service = Service {
        lists_uploads: false,
        keeps_uploads: false,
        ..Service::STRICT
    };
    contract::check_on(&store, service).await;
}

#[tokio::test]
async fn a_lenient_service_keeps_the_contract() {
    let moto = Moto::start();
    let store = on_moto(&moto, Quirks::Generic).await;

    let probe = store.probe().await.expect("usable");

    assert_eq!(probe.abilities.checks_digests, Some(false));
    let service = Service {
        checks_signatures: false,
        ..Service::STRICT
    };
    contract::check_on(&store, service).await;
}

#[tokio::test]
async fn where_every_write_makes_a_version_the_contract_holds_and_nothing_is_left() {
    let moto = Moto::start();
    let store = on_moto(&moto, Quirks::B2).await;

    store.probe().await.expect("usable");
    let service = Service {
        checks_signatures: false,
        ..Service::STRICT
    };
    contract::check_on(&store, service).await;

    let versions = format!("{}/{}?versions", moto.endpoint(), S3s::BUCKET);
    let left = reqwest::get(versions)
        .await
        .expect("an answer")
        .text()
        .await
        .expect("text");
    assert!(left.contains("ListVersionsResult"), "{left}");
    assert!(!left.contains("<Key>"), "{left}");
}
