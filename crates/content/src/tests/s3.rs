//! Buckets that speak S3, kept by real services.

mod faults;
mod refusals;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use model::{BlobId, Millis};

use super::emulators::moto::Moto;
use super::emulators::proxy::Proxy;
use super::emulators::s3s::S3s;
use crate::contract::{self, Service};
use crate::key::Key;
use crate::{
    Backend, Memory, NewBlob, NewParts, Patience, Quirks, S3Options, S3Store, Secret, SignedPart, SignedRead,
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

#[tokio::test]
async fn a_signed_part_is_bound_to_its_digest_where_that_was_proven() {
    let service = S3s::start();
    let store = S3Store::open(options(service.endpoint())).expect("settings");
    let new = NewParts {
        id: BlobId::new(now(), [1; 10]),
        size_bytes: None,
    };
    let upload = store.begin(new).await.expect("begin");
    let part = SignedPart {
        number: 1,
        offset_bytes: 0,
        size_bytes: 5,
        total_bytes: 5,
        digest: Some(crate::digest(b"bytes")),
        now: now(),
        secs: 60,
    };

    let before = store.sign_part(&upload, &part).await.expect("signed");
    store.probe().await.expect("usable");
    let after = store.sign_part(&upload, &part).await.expect("signed");

    assert_eq!(before.headers, []);
    let digest = crate::digest(b"bytes").to_string();
    assert_eq!(after.headers, [("x-amz-content-sha256", digest)]);
    store.abort(&upload).await.expect("abort");
}

#[tokio::test]
async fn addresses_are_signed_for_where_clients_find_the_service() {
    let store = S3Store::open(S3Options {
        public_endpoint: Some("https://files.example.com".to_owned()),
        prefix: String::new(),
        ..options("http://10.0.0.1:9000".to_owned())
    });
    let how = SignedRead {
        name: "a".to_owned(),
        media_type: "text/plain".to_owned(),
        is_inline: false,
        now: now(),
        secs: 60,
    };
    let id = BlobId::new(now(), [1; 10]);
    let key = Key::of(id).to_string();

    let signed = store
        .expect("settings")
        .sign_read(&key, &how)
        .await
        .expect("signed");

    let start = format!("https://files.example.com/{}/blobs/{key}?", S3s::BUCKET);
    assert!(signed.url.starts_with(&start), "{}", signed.url);
}

#[tokio::test]
async fn a_session_token_goes_with_every_request() {
    let service = S3s::start();
    let proxy = Proxy::start(service.running.port).await;
    let store = S3Store::open(S3Options {
        session_token: Some(Secret::new("ToKeN")),
        ..options(proxy.endpoint())
    });

    store.expect("settings").check().await.expect("healthy");

    let seen = proxy.take_seen();
    assert_eq!(seen.len(), 2);
    for seen in seen {
        assert!(seen.head.contains("x-amz-security-token: ToKeN"), "{}", seen.head);
        assert!(seen.head.contains(";x-amz-security-token,"), "{}", seen.head);
    }
}

#[tokio::test]
async fn what_strangers_keep_in_the_bucket_is_left_alone() {
    let moto = Moto::start();
    let store = on_moto(&moto, Quirks::Generic).await;
    let prefix = "cumuli/a%20b%2Bc%2520d/blobs";
    let http = reqwest::Client::new();
    let strangers = [
        "index.html".to_owned(),
        format!("{prefix}/0190c2/readme%07.txt"),
        format!("{prefix}/zzz"),
    ];
    let url = |name: &str| format!("{}/{}/{name}", moto.endpoint(), S3s::BUCKET);
    for name in &strangers {
        http.put(url(name))
            .body("theirs")
            .send()
            .await
            .expect("an answer");
    }

    for limit in [1, 10] {
        assert_eq!(store.list(None, limit).await.expect("list"), []);
    }
    let mut writer = store.writer(new_blob()).await.expect("writer");
    writer.write(Bytes::from_static(b"ours")).await.expect("write");
    let written = writer.finish().await.expect("finish");
    for limit in [1, 10] {
        let listed = store.list(None, limit).await.expect("list");
        assert_eq!(listed.len(), 1, "pages of {limit}");
        assert_eq!(listed[0].key, written.key);
    }
    store
        .remove("0190c2/readme\u{7}.txt")
        .await
        .expect("no key of ours");
    store.sweep_temporary(now()).await.expect("sweep");

    let listing = http.get(url("?list-type=2")).send().await.expect("an answer");
    let left = listing.text().await.expect("text");
    for name in ["index.html", "readme", "/zzz"] {
        assert!(left.contains(name), "{name} in {left}");
    }
}

fn new_blob() -> NewBlob {
    NewBlob {
        id: BlobId::new(Millis(1_800_000_000_000), [3; 10]),
        wants_md5: false,
        size_bytes: None,
    }
}
