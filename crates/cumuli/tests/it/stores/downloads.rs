use reqwest::Method;
use serde_json::json;

use super::{BIG, SMALL, through_server, upload};
use crate::harness::emulators::azurite::Azurite;
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Client, Engine, Reply, Server, azure_settings};

/// Fetches an address as somebody without any proof of who they are.
async fn fetch(url: &str, method: Method, range: Option<&str>) -> Reply {
    let stranger = Client::new("");
    let request = stranger.request(method, url);
    let request = match range {
        Some(range) => request.header("range", range),
        None => request,
    };
    stranger.send(request).await
}

async fn are_sent_on(server: Server) {
    let client = server.user("a@example.org").await;
    let id = upload(&client, "Ünïcode (1) & more.txt", BIG).await;
    let path = format!("/api/v1/files/{id}/content");

    let sent = client.get(&path).await.expect(302);
    let url = sent.header("location").to_owned();
    assert!(!url.starts_with(server.address()), "{url}");
    assert_eq!(sent.header("cache-control"), "private, no-store");
    let whole = fetch(&url, Method::GET, None).await.expect(200);
    assert!(whole.body == BIG.bytes());
    let part = fetch(&url, Method::GET, Some("bytes=5-14")).await.expect(206);
    assert_eq!(part.body, BIG.bytes()[5..15]);

    // What was signed reads that one content, and does nothing else.
    for method in [Method::PUT, Method::DELETE, Method::POST] {
        let refused = fetch(&url, method.clone(), None).await;
        assert!(refused.status >= 400, "{method}: {}", refused.status);
    }
    let last = url.chars().last().unwrap();
    let changed = format!("{}{}", &url[..url.len() - 1], if last == 'a' { 'b' } else { 'a' });
    assert!(fetch(&changed, Method::GET, None).await.status >= 400);
    assert!(fetch(&url, Method::GET, None).await.expect(200).body == BIG.bytes());

    assert!(through_server(&client, &id).await == BIG.bytes());
    let head = client.send(client.request(Method::HEAD, &path)).await.expect(200);
    assert_eq!(head.header("content-length"), BIG.len.to_string());
    let kept = client
        .request(Method::GET, &path)
        .header("if-none-match", head.header("etag"));
    client.send(kept).await.expect(304);
    let many = client
        .request(Method::GET, &path)
        .header("range", "bytes=0-1,5-6");
    client.send(many).await.expect(206);
    let of_page = client
        .request(Method::GET, &path)
        .header("sec-fetch-mode", "cors");
    client.send(of_page).await.expect(200);

    // Small ones are in the database, and come from there.
    let small = client
        .put("/api/v1/paths/tiny.txt", "tiny")
        .await
        .expect(201)
        .json();
    let small = format!("/api/v1/files/{}/content", small["id"].as_str().unwrap());
    assert_eq!(client.get(&small).await.expect(200).body, "tiny");
}

#[tokio::test]
async fn downloads_are_sent_on_to_the_bucket_by_addresses_that_only_read() {
    let s3s = S3s::start();
    are_sent_on(Server::on_s3(Engine::Sqlite, &s3s).start().await).await;
}

#[tokio::test]
async fn downloads_are_sent_on_to_the_container_by_addresses_that_only_read() {
    let azurite = Azurite::start();
    let server = Server::on(Engine::Sqlite)
        .set_all(azure_settings(&azurite))
        .set("STORAGE_BACKEND", "azure");
    are_sent_on(server.start().await).await;
}

#[tokio::test]
async fn an_address_of_the_store_names_the_file_and_ends_when_it_was_told_to() {
    let s3s = S3s::start();
    let server = Server::on_s3(Engine::Sqlite, &s3s)
        .set("CUMULI_SIGNED_URL_EXPIRY", "20m")
        .start()
        .await;
    let client = server.user("a@example.org").await;
    let id = upload(&client, "page \"1\"; x=y.html", SMALL).await;
    let sign = async |body: serde_json::Value| client.post(&format!("/api/v1/files/{id}/url"), &body).await;

    let signed = sign(json!({})).await.expect(200).json();
    let url = signed["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Expires=1200"), "{url}");
    assert!(url.contains("response-content-disposition=attachment"), "{url}");
    assert!(fetch(url, Method::GET, None).await.expect(200).body == SMALL.bytes());
    let inline = sign(json!({"inline": true})).await.expect(200).json();
    let inline = inline["url"].as_str().unwrap();
    assert!(
        inline.contains("response-content-type=text%2Fplain"),
        "{inline}: not as a page"
    );
    sign(json!({"expires_in": 1201})).await.expect(422);

    let soon = sign(json!({"expires_in": 1})).await.expect(200).json();
    let soon = soon["url"].as_str().unwrap().to_owned();
    crate::harness::until(async || fetch(&soon, Method::GET, None).await.status >= 400).await;
}

#[tokio::test]
async fn a_link_that_counts_downloads_is_answered_by_the_server_itself() {
    let s3s = S3s::start();
    let server = Server::on_s3(Engine::Sqlite, &s3s).start().await;
    let client = server.user("a@example.org").await;
    let id = upload(&client, "counted.bin", SMALL).await;
    let link = async |mut body: serde_json::Value| {
        body["node_id"] = json!(id);
        let made = client.post("/api/v1/links", &body).await.expect(201).json();
        made["token"].as_str().unwrap().to_owned()
    };

    let counted = link(json!({"mode": "view", "max_downloads": 1})).await;
    let path = format!("/s/{counted}/content");
    assert!(server.client().get(&path).await.expect(200).body == SMALL.bytes());
    assert!(server.client().get(&path).await.status >= 400, "it was used up");

    let free = link(json!({"mode": "view"})).await;
    server
        .client()
        .get(&format!("/s/{free}/content"))
        .await
        .expect(302);
}

#[tokio::test]
async fn everything_comes_through_the_server_where_the_settings_say_so() {
    let s3s = S3s::start();
    let server = Server::on_s3(Engine::Sqlite, &s3s)
        .set("CUMULI_DIRECT_DOWNLOADS", false)
        .start()
        .await;
    let client = server.user("a@example.org").await;
    let id = upload(&client, "a.bin", BIG).await;

    let reply = client
        .get(&format!("/api/v1/files/{id}/content"))
        .await
        .expect(200);
    assert!(reply.body == BIG.bytes());
    let signed = client.post(&format!("/api/v1/files/{id}/url"), &json!({})).await;
    let url = signed.expect(200).json()["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with(server.address()), "{url}");
}
