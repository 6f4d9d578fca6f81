//! Clients that leave in the middle.

use serde_json::json;

use super::bytes::{Leave, Wire};
use super::{assert_whole, contents, descriptors, is_content, open_connections, stored_files};
use crate::harness::{Client, Content, Engine, Server, until};

const SMALL: usize = 10_000;
const BIG: usize = 600_000;

/// How a body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    WithLength,
    InChunks,
    AsForm,
}

/// An upload that is given up.
#[derive(Debug, Clone, Copy)]
struct Cut {
    sent: Sent,
    size: usize,
    percent: usize,
    leave: Leave,
}

impl Cut {
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for sent in [Sent::WithLength, Sent::InChunks, Sent::AsForm] {
            for size in [SMALL, BIG] {
                for percent in [0, 50, 99] {
                    for leave in [Leave::Close, Leave::Reset] {
                        all.push(Self {
                            sent,
                            size,
                            percent,
                            leave,
                        });
                    }
                }
            }
        }
        all
    }

    /// Sends a part of the upload of `name`, and leaves.
    async fn run(self, server: &Server, client: &Client, name: &str) {
        let size = self.size;
        let bytes = Content {
            seed: size as u64,
            len: size,
        };
        let path = format!("/api/v1/folders/root/files/{name}");
        let put = ("PUT", path.as_str());
        let mut wire = match self.sent {
            Sent::WithLength => {
                Wire::begin(server, client, put, &format!("content-length: {size}\r\n")).await
            }
            Sent::InChunks => {
                let mut wire = Wire::begin(server, client, put, "transfer-encoding: chunked\r\n").await;
                wire.send(format!("{size:x}\r\n").as_bytes()).await;
                wire
            }
            Sent::AsForm => {
                let head = format!(
                    "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
                );
                let length = head.len() + size + "\r\n--edge--\r\n".len();
                let fields = format!(
                    "content-type: multipart/form-data; boundary=edge\r\ncontent-length: {length}\r\n"
                );
                let mut wire = Wire::begin(server, client, ("POST", "/api/v1/upload"), &fields).await;
                wire.send(head.as_bytes()).await;
                wire
            }
        };
        wire.send(&bytes.bytes()[..size * self.percent / 100]).await;
        wire.leave(self.leave);
    }
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_nothing() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let alice = server.user("alice@example.org").await;

        for (number, cut) in Cut::all().into_iter().enumerate() {
            cut.run(&server, &alice, &number.to_string()).await;
        }

        let path = "/api/v1/folders/root/files/whole";
        alice.put(path, "whole").await.expect(201);
        until(async || open_connections(&server) <= 1).await;
        until(async || stored_files(&contents(&server)) == 0).await;
        let page = alice
            .get("/api/v1/folders/root/children")
            .await
            .expect(200)
            .json();
        let names = page["items"].as_array().unwrap().iter().map(|item| &item["name"]);
        assert_eq!(names.collect::<Vec<_>>(), ["whole"]);
        let me = alice.get("/api/v1/me").await.expect(200).json();
        assert_eq!(me["used_bytes"], 5);
        assert!(!server.logs().contains("ERROR"), "{}", server.logs());
        assert_whole(&server).await;
    }
}

#[tokio::test]
async fn an_overwrite_that_is_cut_leaves_the_file_as_it_was() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let alice = server.user("alice@example.org").await;
        let before = Content { seed: 7, len: BIG };
        let path = "/api/v1/folders/root/files/file";
        alice.put(path, before.bytes()).await.expect(201);

        for cut in Cut::all() {
            cut.run(&server, &alice, "file").await;
        }

        until(async || open_connections(&server) <= 1).await;
        let node = alice.get("/api/v1/resolve?path=/file").await.expect(200).json();
        assert_eq!((&node["version"], &node["size"]), (&json!(1), &json!(BIG)));
        let path = format!("/api/v1/files/{}/content", node["id"].as_str().unwrap());
        assert_eq!(alice.get(&path).await.expect(200).body, before.bytes());
        until(async || stored_files(&contents(&server)) == 1).await;
        assert_whole(&server).await;
    }
}

#[tokio::test]
async fn downloads_that_are_cut_leave_nothing_open() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let alice = server.user("alice@example.org").await;
        let content = Content {
            seed: 1,
            len: 20_000_000,
        };
        let path = "/api/v1/folders/root/files/file";
        let file = alice.put(path, content.bytes()).await.expect(201).json();
        let path = format!("/api/v1/files/{}/content", file["id"].as_str().unwrap());

        for number in 0..20 {
            let mut wire = Wire::begin(&server, &alice, ("GET", &path), "").await;
            wire.read(100_000).await;
            wire.leave([Leave::Close, Leave::Reset][number % 2]);
        }

        until(async || open_connections(&server) <= 1).await;
        let folder = contents(&server).canonicalize().unwrap();
        let is_open = |target: &String| {
            let target = std::path::Path::new(target);
            target.starts_with(&folder) && is_content(target)
        };
        until(async || !descriptors(&server).iter().any(is_open)).await;
        assert_eq!(alice.get(&path).await.expect(200).body, content.bytes());
    }
}

#[tokio::test]
async fn a_refusal_is_heard_by_a_client_that_still_sends() {
    let server = Server::on(Engine::Sqlite)
        .set("CUMULI_MAX_FILE_BYTES", "1MB")
        .start()
        .await;
    let alice = server.user("alice@example.org").await;
    let path = "/api/v1/folders/root/files/file";
    for fields in ["transfer-encoding: chunked\r\n", "content-length: 30000000\r\n"] {
        let mut wire = Wire::begin(&server, &alice, ("PUT", path), fields).await;
        // One chunk of a chunked body, and else simply its bytes.
        if fields.starts_with("transfer") {
            wire.send(format!("{:x}\r\n", 30_000_000).as_bytes()).await;
        }
        wire.send(&vec![7; 20_000_000]).await;

        let mut reply = String::from_utf8(wire.read(12).await).unwrap();
        reply.push_str(&String::from_utf8(wire.read(400).await).unwrap());

        assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
        assert!(reply.contains("connection: close"), "{reply}");
    }
}

#[tokio::test]
async fn a_short_body_that_nobody_read_costs_no_connection() {
    let server = Server::start().await;
    let alice = server.user("alice@example.org").await;
    let body = b"{\"name\": \"folder\"}";
    let fields = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    let mut wire = Wire::begin(&server, &alice, ("POST", "/api/v1/nothing-here"), &fields).await;
    wire.send(body).await;

    let first = String::from_utf8(wire.read(12).await).unwrap();
    wire.send(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await;
    let rest = wire.rest().await;

    assert_eq!(first, "HTTP/1.1 404");
    assert!(rest.contains("HTTP/1.1 200"), "{rest}");
}
