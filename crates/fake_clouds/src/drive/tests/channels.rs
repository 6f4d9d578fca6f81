//! Channels.

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use tokio::sync::mpsc;

use super::*;
use crate::server::{Server, bind};

/// Listens for messages, and returns its address with what comes.
async fn listen() -> (Server, mpsc::UnboundedReceiver<HeaderMap>) {
    let (out, messages) = mpsc::unbounded_channel();
    let app = Router::new().route(
        "/hook",
        post(|headers: HeaderMap| async move {
            out.send(headers).unwrap();
        }),
    );
    let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let server = Server::start(
        listener,
        app,
        crate::Core::default(),
        std::sync::Arc::new(|_| None),
    )
    .unwrap();
    (server, messages)
}

async fn watch(desk: &Desk, address: &str) -> Value {
    let start = desk
        .get("/drive/v3/changes/startPageToken?supportsAllDrives=true")
        .await
        .json();
    let path = format!(
        "/drive/v3/changes/watch?pageToken={}&supportsAllDrives=true",
        start["startPageToken"].as_str().unwrap()
    );
    let body = json!({"id": "c", "type": "web_hook", "address": address, "token": "secret"});
    desk.post(&path, &body).await.json()
}

fn header<'a>(message: &'a HeaderMap, name: &str) -> &'a str {
    message[name].to_str().unwrap()
}

#[tokio::test]
async fn a_channel_tells_that_it_is_there_and_then_of_changes() {
    let desk = Desk::new().await;
    let (server, mut messages) = listen().await;
    let channel = watch(&desk, &format!("{}/hook", server.url())).await;
    let first = messages.recv().await.unwrap();
    assert_eq!(
        (
            header(&first, "x-goog-resource-state"),
            header(&first, "x-goog-message-number")
        ),
        ("sync", "1")
    );
    assert_eq!(header(&first, "x-goog-channel-token"), "secret");

    let _ = desk.account.create_file("root", "a", "1");
    let second = messages.recv().await.unwrap();
    assert_eq!(header(&second, "x-goog-resource-state"), "change");
    assert_eq!(header(&second, "x-goog-resource-id"), channel["resourceId"]);
}

#[tokio::test]
async fn a_channel_ends_after_an_hour_and_when_it_is_stopped() {
    let desk = Desk::new().await;
    watch(&desk, "http://127.0.0.1:1/hook").await;
    let _ = desk.account.create_file("root", "a", "1");
    assert_eq!(desk.fake.pushes().len(), 2);
    desk.fake.clock().advance(HOUR_MS);
    let _ = desk.account.create_file("root", "b", "1");
    assert_eq!(desk.fake.pushes().len(), 2);

    let desk = Desk {
        token: desk.account.issue_token(),
        ..desk
    };
    let channel = watch(&desk, "http://127.0.0.1:1/hook").await;
    let stop = json!({"id": "c", "resourceId": channel["resourceId"]});
    assert_eq!(desk.post("/drive/v3/channels/stop", &stop).await.status, 204);
    let _ = desk.account.create_file("root", "c", "1");
    assert_eq!(desk.fake.pushes().len(), 3);
}

#[tokio::test]
async fn messages_can_come_twice_and_elsewhere() {
    let desk = Desk::new().await;
    let (server, mut messages) = listen().await;
    desk.fake.switches().set(|switches| {
        switches.double_pushes = true;
        switches.push_origin = server.url().to_owned();
    });
    watch(&desk, "https://hub.example.org/hook").await;

    let (first, second) = (messages.recv().await.unwrap(), messages.recv().await.unwrap());
    assert_eq!(
        header(&first, "x-goog-message-number"),
        header(&second, "x-goog-message-number")
    );
}
