//! A server that is asked to end while it works.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt;
use reqwest::Method;
use tokio::net::TcpStream;

use super::bytes::Wire;
use super::{assert_whole, contents, stored_files};
use crate::harness::{Client, Content, Engine, Server, until};

const SIZE: usize = 200_000_000;

#[tokio::test]
async fn a_shutdown_lets_a_running_upload_and_download_end() {
    for engine in Engine::all() {
        let mut server = Server::on(engine).set("CUMULI_DRAIN_TIMEOUT", "5m").start().await;
        let alice = server.user("alice@example.org").await;
        let there = Content { seed: 1, len: SIZE };
        let coming = Content { seed: 2, len: SIZE };
        let path = "/api/v1/folders/root/files/there";
        let file = alice.put(path, there.bytes()).await.expect(201).json();
        let path = format!("/api/v1/files/{}/content", file["id"].as_str().unwrap());
        let download = alice.request(Method::GET, &path).send().await.unwrap();
        let mut download = download.bytes_stream();
        let mut downloaded = download.next().await.unwrap().unwrap().to_vec();
        let line = ("PUT", "/api/v1/folders/root/files/coming");
        let length = format!("content-length: {SIZE}\r\n");
        let mut upload = Wire::begin(&server, &alice, line, &length).await;
        let bytes = coming.bytes();
        upload.send(&bytes[..SIZE / 2]).await;

        server.signal("TERM");

        until(async || server.logs().contains("ending:")).await;
        until(async || TcpStream::connect(server.host()).await.is_err()).await;
        upload.send(&bytes[SIZE / 2..]).await;
        let reply = upload.rest().await;
        assert!(reply.starts_with("HTTP/1.1 201"), "{reply}");
        assert!(reply.to_lowercase().contains("connection: close"), "{reply}");
        while let Some(chunk) = download.next().await {
            downloaded.extend_from_slice(&chunk.unwrap());
        }
        assert!(downloaded == there.bytes(), "{} bytes", downloaded.len());
        assert_eq!(server.ended().await.code(), Some(0));

        server.restart().await;
        let alice = server.again(&alice);
        let node = alice.get("/api/v1/resolve?path=/coming").await.expect(200).json();
        assert_eq!(node["sha256"], coming.sha256());
        assert_whole(&server).await;
    }
}

#[tokio::test]
async fn what_takes_longer_than_the_drain_is_cut_and_leaves_nothing() {
    for engine in Engine::all() {
        let mut server = Server::on(engine).set("CUMULI_DRAIN_TIMEOUT", "1s").start().await;
        let alice = server.user("alice@example.org").await;
        let mut cut = Vec::new();
        for fields in ["content-length: 1000000\r\n", "transfer-encoding: chunked\r\n"] {
            let line = ("PUT", "/api/v1/folders/root/files/slow");
            let mut upload = Wire::begin(&server, &alice, line, fields).await;
            upload.send(b"7a120\r\n").await;
            upload.send(&[7; 499_993]).await;
            cut.push(upload);
        }

        assert_eq!(server.stop().await.code(), Some(0));

        for upload in cut {
            let reply = upload.rest().await;
            assert!(!reply.starts_with("HTTP/1.1 2"), "{reply}");
        }
        server.restart().await;
        let alice = server.again(&alice);
        alice.get("/api/v1/resolve?path=/slow").await.expect(404);
        assert_eq!(stored_files(&contents(&server)), 0);
        assert_whole(&server).await;
    }
}

#[tokio::test]
async fn shutdowns_under_load_lose_nothing_that_was_acknowledged() {
    const TIMES: u64 = 10;
    for engine in Engine::all() {
        let mut server = Server::on(engine).start().await;
        let mut alice = server.user("alice@example.org").await;
        let mut stored = Vec::new();
        for time in 0..TIMES {
            let count = Arc::new(AtomicU64::new(0));
            let load = tokio::spawn(store_until_the_end(alice.clone(), time, Arc::clone(&count)));
            until(async || count.load(Ordering::Relaxed) > time).await;
            assert_eq!(server.stop().await.code(), Some(0));
            stored.extend(load.await.unwrap());
            server.restart().await;
            alice = server.again(&alice);
        }

        assert!(stored.len() as u64 > TIMES * TIMES / 2);
        for (name, content) in stored {
            let node = alice.get(&format!("/api/v1/resolve?path=/{name}")).await;
            assert_eq!(node.expect(200).json()["sha256"], content.sha256());
        }
        assert_whole(&server).await;
    }
}

/// Stores one file after the other until the server ends; answers those that were acknowledged.
async fn store_until_the_end(client: Client, time: u64, count: Arc<AtomicU64>) -> Vec<(String, Content)> {
    let mut stored = Vec::new();
    for number in 0..1_000_000 {
        let content = Content {
            seed: time * 1_000_000 + number,
            len: if number % 2 == 0 { 500 } else { 50_000 },
        };
        let name = format!("{time}-{number}");
        let path = format!("/api/v1/folders/root/files/{name}");
        let request = client.request(Method::PUT, &path).body(content.bytes());
        // It ends between two requests, never within one.
        let Ok(reply) = request.send().await else { break };
        assert_eq!(reply.status().as_u16(), 201);
        stored.push((name, content));
        count.fetch_add(1, Ordering::Relaxed);
    }
    stored
}
