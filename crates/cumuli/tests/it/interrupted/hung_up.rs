//! Clients that hang up right after their last byte: what they asked for is done all the same.

use serde_json::json;

use super::assert_whole;
use super::bytes::{Leave, Wire};
use crate::harness::{Client, Content, Engine, Reply, Server, until};

const TIMES: usize = 20;

async fn find(client: &Client, path: &str) -> Reply {
    client.get(&format!("/api/v1/resolve?path={path}")).await
}

#[tokio::test]
async fn uploads_that_were_sent_whole_are_stored() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let alice = server.user("alice@example.org").await;
        let content = |number: usize| Content {
            seed: number as u64,
            len: [9_000, 600_000][number % 2],
        };

        for number in 0..TIMES {
            let path = format!("/api/v1/folders/root/files/{number}");
            let body = content(number).bytes();
            let wire = Wire::whole(&server, &alice, ("PUT", &path), &body).await;
            wire.leave(Leave::Close);
        }

        for number in 0..TIMES {
            let path = format!("/{number}");
            until(async || find(&alice, &path).await.status == 200).await;
            let node = find(&alice, &path).await.json();
            assert_eq!(node["sha256"], content(number).sha256());
        }
        assert_whole(&server).await;
    }
}

#[tokio::test]
async fn other_writes_that_were_sent_whole_are_done() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let alice = server.user("alice@example.org").await;

        for number in 0..TIMES {
            let body = json!({"name": format!("folder{number}")}).to_string();
            let line = ("POST", "/api/v1/folders");
            let wire = Wire::whole(&server, &alice, line, body.as_bytes()).await;
            wire.leave(Leave::Close);
        }
        let mut folders = Vec::new();
        for number in 0..TIMES {
            let path = format!("/folder{number}");
            until(async || find(&alice, &path).await.status == 200).await;
            let node = find(&alice, &path).await.json();
            folders.push(format!("/api/v1/nodes/{}", node["id"].as_str().unwrap()));
        }
        for (number, folder) in folders.iter().enumerate() {
            let body = json!({"name": format!("renamed{number}")}).to_string();
            let wire = Wire::whole(&server, &alice, ("PATCH", folder), body.as_bytes()).await;
            wire.leave(Leave::Close);
        }
        for number in 0..TIMES {
            until(async || find(&alice, &format!("/renamed{number}")).await.status == 200).await;
        }
        for folder in &folders {
            let wire = Wire::begin(&server, &alice, ("DELETE", folder), "").await;
            wire.leave(Leave::Close);
        }
        for folder in &folders {
            until(async || alice.get(folder).await.status == 404).await;
        }
        assert_whole(&server).await;
    }
}
