use std::fs;

use serde_json::json;

use super::{BIG, SMALL, files_below, through_server, upload};
use crate::harness::emulators::proxy::{Fault, Proxy};
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Engine, Server, blobs_of, s3_settings, until};

fn error(code: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{}</Message></Error>",
        S3s::SECRET_KEY
    )
}

#[tokio::test]
async fn what_a_store_refuses_is_told_clearly_and_leaves_no_half_file() {
    let s3s = S3s::start();
    let proxy = Proxy::start(s3s.running.port).await;
    let server = Server::on(Engine::Sqlite)
        .set_all(s3_settings(&proxy.endpoint()))
        .set("STORAGE_BACKEND", "s3")
        .start()
        .await;
    let client = server.user("a@example.org").await;
    let kept = upload(&client, "kept", SMALL).await;

    for (status, code, expected) in [
        (403, "AccessDenied", 502),
        (403, "ExpiredToken", 502),
        (404, "NoSuchBucket", 502),
        (507, "XMinioStorageFull", 507),
    ] {
        let body = error(code);
        proxy.script(move |seen| {
            (seen.method == "PUT" || seen.method == "POST")
                .then(|| Fault::Answer(status, Vec::new(), body.clone()))
        });
        for content in [SMALL, BIG] {
            let content = crate::harness::Content {
                seed: 1000,
                ..content
            };
            let refused = client.put("/api/v1/paths/refused", content.bytes()).await;
            assert_eq!(refused.status, expected, "{code}: {}", refused.text());
            assert!(!refused.text().contains(S3s::SECRET_KEY));
            assert_eq!(refused.header("content-type"), "application/problem+json");
            client.get("/api/v1/resolve?path=/refused").await.expect(404);
        }
    }
    proxy.script(|_| None);
    let stored = upload(&client, "stored", BIG).await;
    assert!(through_server(&client, &stored).await == BIG.bytes());
    assert!(through_server(&client, &kept).await == SMALL.bytes());
    assert!(!server.logs().contains(S3s::SECRET_KEY));
}

#[tokio::test]
async fn passing_trouble_of_a_store_is_waited_out() {
    let s3s = S3s::start();
    let proxy = Proxy::start(s3s.running.port).await;
    let server = Server::on(Engine::Sqlite)
        .set_all(s3_settings(&proxy.endpoint()))
        .set("STORAGE_BACKEND", "s3")
        .start()
        .await;
    let client = server.user("a@example.org").await;
    let wait = vec![("retry-after", "1".to_owned())];
    proxy.faults(
        |seen| seen.method == "PUT",
        vec![
            Fault::Answer(503, Vec::new(), error("SlowDown")),
            Fault::Answer(429, wait, error("TooManyRequests")),
            Fault::Reset,
            Fault::AnswerAfter(500, error("InternalError")),
            Fault::ResetAfter,
        ],
    );
    let id = upload(&client, "in trouble", BIG).await;
    proxy.faults(
        |seen| seen.method == "GET",
        vec![
            Fault::Truncate(3_000_000),
            Fault::Reset,
            Fault::Answer(500, Vec::new(), error("InternalError")),
        ],
    );
    assert!(through_server(&client, &id).await == BIG.bytes());
}

#[tokio::test]
async fn a_store_that_is_away_is_503_and_everything_works_when_it_is_back() {
    let mut s3s = S3s::start();
    let proxy = Proxy::start(s3s.running.port).await;
    let server = Server::on(Engine::Sqlite)
        .set_all(s3_settings(&proxy.endpoint()))
        .set("STORAGE_BACKEND", "s3")
        .start()
        .await;
    let client = server.user("a@example.org").await;
    let id = upload(&client, "before", SMALL).await;
    proxy.script(|_| Some(Fault::Reset));

    let refused = client.put("/api/v1/paths/during", BIG.bytes()).await.expect(503);
    assert!(!refused.header("retry-after").is_empty());
    let path = format!("/api/v1/files/{id}/content?through=server");
    client.get(&path).await.expect(503);
    client.get("/api/v1/resolve?path=/during").await.expect(404);
    // What needs no store goes on.
    client.get("/api/v1/me").await.expect(200);
    client.put("/api/v1/paths/tiny", "tiny").await.expect(201);

    proxy.script(|_| None);
    assert!(through_server(&client, &id).await == SMALL.bytes());
    upload(&client, "during", BIG).await;
    s3s.running.kill();
}

#[tokio::test]
async fn damage_in_a_store_is_found_kept_apart_told_and_mended() {
    let s3s = S3s::start();
    let mut server = Server::on_s3(Engine::Sqlite, &s3s)
        .set("CUMULI_SCRUB_EVERY", "1s")
        .start()
        .await;
    let client = server.user("a@example.org").await;
    let id = upload(&client, "rotten", SMALL).await;
    let path = files_below(&blobs_of(&s3s)).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[77] ^= 4;
    fs::write(&path, bytes).unwrap();
    let checked = server.run(&["fsck", "--verify"], "").await;
    assert_eq!(checked.code, Some(3), "{checked:?}");

    let damaged = async || {
        let listed = client.get("/api/v1/admin/damage").await.expect(200).json();
        listed["damaged"].as_array().unwrap().clone()
    };
    until(async || {
        client.post("/api/v1/admin/scrub", &json!({})).await.expect(202);
        !damaged().await.is_empty()
    })
    .await;
    let found = damaged().await.pop().unwrap();
    assert_eq!(found["files"][0]["node_id"], id.as_str());
    assert_eq!(found["sha256"], SMALL.sha256());
    let stores = client.get("/api/v1/admin/stores").await.expect(200).json();
    assert_eq!(stores["stores"][1]["damaged"], 1, "{stores}");
    // It is kept apart: nobody is handed what is known to be wrong, nor sent to it.
    let path = format!("/api/v1/files/{id}/content");
    let refused = client.get(&path).await.expect(500);
    assert!(refused.text().contains("damaged"), "{}", refused.text());
    server.client().get("/api/v1/admin/damage").await.expect(401);

    // The same bytes, from whoever has them, mend every file that needs them.
    client.put("/api/v1/paths/again", SMALL.bytes()).await.expect(201);
    assert!(through_server(&client, &id).await == SMALL.bytes());
    assert!(damaged().await.is_empty());
    assert_eq!(server.stop().await.code(), Some(0));
    let checked = server.run(&["fsck", "--verify"], "").await;
    assert!(checked.is_success(), "{checked:?}");
}
