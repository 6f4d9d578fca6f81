use reqwest::{Method, Response};

use super::{Gcs, begin, now, options, read, store};
use crate::{Backend, ContentError, GcsOptions, GcsStore, Part, Parts, SignedPart, SignedRequest};

async fn sign(store: &GcsStore, upload: &Parts, bytes: &[u8]) -> SignedRequest {
    let part = SignedPart {
        number: 1,
        offset_bytes: 0,
        size_bytes: bytes.len() as u64,
        total_bytes: bytes.len() as u64,
        digest: None,
        now: now(),
        secs: 600,
    };
    store.sign_part(upload, &part).await.expect("signed")
}

async fn send(method: Method, signed: &SignedRequest, body: &'static [u8]) -> Response {
    let mut request = reqwest::Client::new().request(method, &signed.url).body(body);
    for (name, value) in &signed.headers {
        request = request.header(*name, value);
    }
    request.send().await.expect("an answer")
}

fn parts_of(bytes: &[u8]) -> Vec<Part> {
    vec![Part {
        number: 1,
        size_bytes: bytes.len() as u64,
        tag: String::new(),
    }]
}

#[tokio::test]
async fn the_address_of_a_session_takes_what_was_told_and_then_nothing_more() {
    let gcs = Gcs::start();
    let store = store(&gcs);
    let upload = begin(&store, 1, Some(4)).await;
    let signed = sign(&store, &upload, b"good").await;
    let longer = sign(&store, &upload, b"longer").await;

    for body in [&b"goo"[..], b"goody"] {
        assert_eq!(send(Method::PUT, &signed, body).await.status(), 400);
    }
    assert_eq!(send(Method::PUT, &longer, b"longer").await.status(), 400);
    assert_eq!(send(Method::PUT, &signed, b"good").await.status(), 200);
    assert_eq!(
        store.measure(&upload.key).await.expect("measure"),
        None,
        "not complete yet"
    );
    store
        .complete(&upload, &parts_of(b"good"))
        .await
        .expect("complete");

    send(Method::PUT, &signed, b"evil").await;
    send(Method::DELETE, &signed, b"").await;
    assert_eq!(read(&store, &upload.key, 4).await, b"good");
    assert_eq!(
        store
            .unfinished(now().plus_secs(3600), 10)
            .await
            .expect("unfinished"),
        []
    );
}

#[tokio::test]
async fn an_upload_of_another_length_is_not_made_a_blob() {
    let gcs = Gcs::start();
    let store = store(&gcs);
    let upload = begin(&store, 1, None).await;
    let signed = sign(&store, &upload, b"longer").await;
    assert_eq!(send(Method::PUT, &signed, b"longer").await.status(), 200);

    let completed = store.complete(&upload, &parts_of(b"good")).await;

    let Err(ContentError::Rejected { reason, .. }) = completed else {
        panic!("{completed:?}")
    };
    assert_eq!(reason, "the upload should hold 4 bytes, and its object holds 6");
    assert_eq!(store.measure(&upload.key).await.expect("measure"), None);
    store.abort(&upload).await.expect("abort");
    let gone = store.complete(&upload, &parts_of(b"longer")).await;
    assert!(matches!(gone, Err(ContentError::Missing)), "{gone:?}");
}

#[tokio::test]
async fn pages_of_the_origin_may_send_to_a_session() {
    let gcs = Gcs::start();
    let store = GcsStore::open(GcsOptions {
        page_origin: Some("https://files.example.com".to_owned()),
        ..options(&gcs)
    })
    .expect("options");

    let probe = store.probe().await.expect("probe");

    assert_eq!((probe.allows_pages, probe.advice), (Some(true), Vec::new()));
}
