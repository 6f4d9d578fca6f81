use model::Millis;
use reqwest::{Method, Response, StatusCode};

use super::{Azurite, begin, id, now, put, put_part, read, store};
use crate::{AzureStore, Backend, ContentError, Parts, SignedPart, SignedRead};

async fn read_address(store: &AzureStore, key: &str, now: Millis) -> String {
    let how = SignedRead {
        name: "a.txt".to_owned(),
        media_type: "text/plain".to_owned(),
        is_inline: false,
        now,
        secs: 600,
    };
    store.sign_read(key, &how).await.expect("signed").url
}

async fn part_address(store: &AzureStore, upload: &Parts) -> String {
    let part = SignedPart {
        number: 1,
        offset_bytes: 0,
        size_bytes: 4,
        total_bytes: 4,
        digest: None,
        now: now(),
        secs: 600,
    };
    store.sign_part(upload, &part).await.expect("signed").url
}

/// A request by the address alone, with what Azure wants of a writer.
async fn send(method: Method, url: &str, headers: &[(&str, &str)], body: &'static str) -> Response {
    let mut request = reqwest::Client::new().request(method, url).body(body);
    request = request.header("x-ms-blob-type", "BlockBlob");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

/// The same signature, used for something else.
fn used_for(url: &str, path: Option<&str>, query: &[(&str, &str)]) -> String {
    let mut other = reqwest::Url::parse(url).expect("an address");
    let signed: Vec<(String, String)> = other.query_pairs().into_owned().collect();
    if let Some(path) = path {
        other.set_path(path);
    }
    let kept = signed
        .iter()
        .filter(|(name, _)| name != "comp" && name != "blockid");
    let kept: Vec<(&str, &str)> = kept
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    other
        .query_pairs_mut()
        .clear()
        .extend_pairs(kept)
        .extend_pairs(query);
    other.into()
}

#[tokio::test]
async fn an_address_to_read_neither_writes_nor_deletes_nor_leases_nor_lists() {
    let azurite = Azurite::start();
    let store = store(&azurite);
    let written = put(&store, id(1), b"mine").await;
    let url = read_address(&store, &written.key, now()).await;
    let container = format!("/{}/{}", Azurite::ACCOUNT, Azurite::CONTAINER);

    for (method, url, headers) in [
        (Method::PUT, url.clone(), &[][..]),
        (Method::DELETE, url.clone(), &[]),
        (
            Method::PUT,
            used_for(&url, None, &[("comp", "block"), ("blockid", "AAAA")]),
            &[],
        ),
        (Method::PUT, used_for(&url, None, &[("comp", "blocklist")]), &[]),
        (Method::PUT, used_for(&url, None, &[("comp", "metadata")]), &[]),
        (Method::PUT, used_for(&url, None, &[("comp", "snapshot")]), &[]),
        (
            Method::PUT,
            used_for(&url, None, &[("comp", "lease")]),
            &[("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")],
        ),
        (
            Method::GET,
            used_for(
                &url,
                Some(&container),
                &[("restype", "container"), ("comp", "list")],
            ),
            &[],
        ),
    ] {
        let answer = send(method.clone(), &url, headers, "more").await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {url}");
    }
    assert_eq!(read(&store, &written.key, 4).await, b"mine");
    assert_eq!(send(Method::GET, &url, &[], "").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_address_to_read_ends_and_cannot_be_made_to_last() {
    let azurite = Azurite::start();
    let store = store(&azurite);
    let written = put(&store, id(1), b"mine").await;
    let url = read_address(&store, &written.key, now()).await;
    let over = read_address(&store, &written.key, now().minus_secs(601)).await;
    let stretched = url.replace("se=20", "se=21");
    let writing = url.replace("sp=r&", "sp=rwd&");
    assert!(stretched != url && writing != url);

    for url in [over, stretched, writing] {
        assert_eq!(
            send(Method::GET, &url, &[], "").await.status(),
            StatusCode::FORBIDDEN
        );
    }
}

#[tokio::test]
async fn an_address_to_write_a_part_reaches_no_other_name() {
    let azurite = Azurite::start();
    let store = store(&azurite);
    let finished = put(&store, id(1), b"mine").await;
    let (upload, other) = (begin(&store, 2).await, begin(&store, 3).await);
    put_part(&store, &other, b"them").await;
    let url = part_address(&store, &upload).await;
    let home = format!("/{}/{}/some/where", Azurite::ACCOUNT, Azurite::CONTAINER);
    let blob = |key: &str| format!("{home}/blobs/{key}");

    let places = [
        blob(&finished.key),
        blob(&upload.key),
        format!("{home}/uploads/{}", other.key),
        format!("{home}/notes/a"),
    ];
    for place in &places {
        for query in [&[][..], &[("comp", "block"), ("blockid", "AAAA")]] {
            let answer = send(Method::PUT, &used_for(&url, Some(place), query), &[], "evil").await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{place}");
        }
    }
    for method in [Method::GET, Method::DELETE] {
        let answer = send(method, &used_for(&url, None, &[]), &[], "").await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(read(&store, &finished.key, 4).await, b"mine");
    assert_eq!(store.measure(&upload.key).await.expect("measure"), None);
}

#[tokio::test]
async fn an_address_to_write_a_part_changes_nothing_once_the_upload_is_complete() {
    let azurite = Azurite::start();
    let store = store(&azurite);
    let upload = begin(&store, 1).await;
    let url = part_address(&store, &upload).await;
    assert_eq!(
        send(Method::PUT, &url, &[], "good").await.status(),
        StatusCode::CREATED
    );
    let parts = store.parts(&upload).await.expect("parts");
    store.complete(&upload, &parts).await.expect("complete");

    // All that the signature still allows, which is not little.
    let whole = used_for(&url, None, &[]);
    let lease = used_for(&url, None, &[("comp", "lease")]);
    assert_eq!(
        send(Method::PUT, &url, &[], "evil").await.status(),
        StatusCode::CREATED
    );
    assert_eq!(
        send(Method::PUT, &whole, &[], "evil").await.status(),
        StatusCode::CREATED
    );
    let acquire = [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")];
    assert_eq!(
        send(Method::PUT, &lease, &acquire, "").await.status(),
        StatusCode::CREATED
    );

    assert_eq!(read(&store, &upload.key, 4).await, b"good");
    store.complete(&upload, &parts).await.expect("complete again");
    assert_eq!(read(&store, &upload.key, 4).await, b"good");
    // What was left there afterwards is found and removed like any other unfinished upload.
    for found in store
        .unfinished(now().plus_secs(3600), 10)
        .await
        .expect("unfinished")
    {
        store.abort(&found).await.expect("abort");
    }
    assert_eq!(
        store
            .unfinished(now().plus_secs(3600), 10)
            .await
            .expect("unfinished"),
        []
    );
    assert_eq!(read(&store, &upload.key, 4).await, b"good");
}

#[tokio::test]
async fn who_writes_over_an_upload_spoils_that_upload_only() {
    let azurite = Azurite::start();
    let store = store(&azurite);
    let upload = begin(&store, 1).await;
    let url = part_address(&store, &upload).await;
    let part = put_part(&store, &upload, b"good").await;
    let whole = used_for(&url, None, &[]);
    let lease = used_for(&url, None, &[("comp", "lease")]);
    // A blob of that name takes the place of the blocks that wait.
    assert_eq!(
        send(Method::PUT, &whole, &[], "evil").await.status(),
        StatusCode::CREATED
    );
    let acquire = [("x-ms-lease-action", "acquire"), ("x-ms-lease-duration", "-1")];
    assert_eq!(
        send(Method::PUT, &lease, &acquire, "").await.status(),
        StatusCode::CREATED
    );

    // Azure drops the blocks that waited, and Azurite keeps them.
    match store.complete(&upload, &[part]).await {
        Ok(()) => assert_eq!(read(&store, &upload.key, 4).await, b"good"),
        Err(ContentError::Missing | ContentError::Rejected { .. }) => {
            assert_eq!(store.measure(&upload.key).await.expect("measure"), None);
        }
        Err(other) => panic!("{other:?}"),
    }
    store.abort(&upload).await.expect("abort, whoever holds a lease");
    assert_eq!(
        store
            .unfinished(now().plus_secs(3600), 10)
            .await
            .expect("unfinished"),
        []
    );
}

#[tokio::test]
async fn a_part_of_another_length_is_not_made_a_blob() {
    let azurite = Azurite::start();
    let store = store(&azurite);
    let upload = begin(&store, 1).await;
    let url = part_address(&store, &upload).await;
    let mut part = put_part(&store, &upload, b"good").await;
    assert_eq!(
        send(Method::PUT, &url, &[], "longer").await.status(),
        StatusCode::CREATED
    );

    let completed = store.complete(&upload, &[part.clone()]).await;

    let Err(ContentError::Rejected { reason, .. }) = completed else {
        panic!("{completed:?}")
    };
    assert_eq!(reason, "part 1 of the upload should hold 4 bytes and holds 6");
    part.size_bytes = 6;
    store.complete(&upload, &[part]).await.expect("complete");
    assert_eq!(read(&store, &upload.key, 6).await, b"longer");
}
