//! The server's memory does not grow with what passes through it.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method};
use serde_json::json;

use crate::harness::{Client, Dice, Engine, Server, hex};

const MIB: u64 = 1024 * 1024;
const CHUNK: usize = 64 * 1024;
/// What transfers may add to the most memory that the process ever used.
const MOST_KIB: u64 = 48 * 1024;
/// What twenty of them at once may add, a thousand MiB in all: buffers of each, and what the allocator keeps.
const MOST_KIB_OF_MANY: u64 = 96 * 1024;
/// How long one transfer may take.
const LONG: Duration = Duration::from_secs(300);

/// The most memory that the process used so far, KiB.
fn peak_kib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

/// A body of `mib` MiB that is made while it is sent.
fn body(seed: u64, mib: u64) -> Body {
    let mut dice = Dice::new(seed);
    let noise: Bytes = (0..MIB / 8).flat_map(|_| dice.next().to_le_bytes()).collect();
    let chunks = (0..mib).flat_map(move |_| {
        let noise = noise.clone();
        (0..noise.len() / CHUNK)
            .map(move |part| Ok::<_, std::io::Error>(noise.slice(part * CHUNK..(part + 1) * CHUNK)))
    });
    Body::wrap_stream(stream::iter(chunks))
}

/// Uploads a file and downloads it again; server and client come to the same digest.
async fn there_and_back(client: &Client, name: String, seed: u64, mib: u64) {
    let path = format!("/api/v1/folders/root/files/{name}");
    let upload = client.request(Method::PUT, &path).timeout(LONG);
    let stored = client.send(upload.body(body(seed, mib))).await.expect(201).json();
    assert_eq!(stored["size"], mib * MIB);
    let path = format!("/api/v1/files/{}/content", stored["id"].as_str().unwrap());
    let download = client.request(Method::GET, &path).timeout(LONG).send().await;
    let mut chunks = download.unwrap().bytes_stream();
    let mut digest = Context::new(&SHA256);
    while let Some(chunk) = chunks.next().await {
        digest.update(&chunk.unwrap());
    }
    assert_eq!(stored["sha256"], hex(digest.finish().as_ref()));
}

/// A server that has done everything once, and the most memory that this took.
async fn warm(engine: Engine) -> (Server, Client, u64) {
    let server = Server::on(engine).start().await;
    let alice = server.user("alice@example.org").await;
    there_and_back(&alice, "warm".to_owned(), 1, 2).await;
    let peak = peak_kib(&server);
    (server, alice, peak)
}

#[track_caller]
fn assert_bounded(server: &Server, before_kib: u64) {
    let grown_kib = peak_kib(server) - before_kib;
    println!("memory grew from {before_kib} KiB by {grown_kib} KiB");
    assert!(grown_kib < MOST_KIB, "from {before_kib} KiB by {grown_kib} KiB");
}

/// Its bytes never meet the database, whichever that is.
#[tokio::test]
async fn a_big_file_takes_no_more_memory_than_a_small_one() {
    let (server, alice, before_kib) = warm(Engine::Sqlite).await;

    there_and_back(&alice, "big".to_owned(), 2, 600).await;

    assert_bounded(&server, before_kib);
}

#[tokio::test]
async fn many_transfers_at_once_take_little_memory_each() {
    for engine in Engine::all() {
        let (server, alice, before_kib) = warm(engine).await;

        join_all((0..20).map(|number| there_and_back(&alice, number.to_string(), 10 + number, 50))).await;

        let grown_kib = peak_kib(&server) - before_kib;
        assert!(
            grown_kib < MOST_KIB_OF_MANY,
            "from {before_kib} KiB by {grown_kib} KiB"
        );
    }
}

/// A form streams too, whichever API it belongs to and wherever in it the file is.
#[tokio::test]
async fn a_big_form_takes_no_more_memory_than_a_small_one() {
    let (server, alice, before_kib) = warm(Engine::Sqlite).await;

    for target in ["/files/upload", "/upload"] {
        let file = Part::stream(body(3, 150)).file_name("big");
        let form = Form::new().part("file", file).text("on_conflict", "keep_both");
        let upload = alice.request(Method::POST, target).timeout(LONG);
        let stored = alice.send(upload.multipart(form)).await.expect(201).json();
        assert_eq!(stored["size"], 150 * MIB, "{target}");
    }

    assert_bounded(&server, before_kib);
}

/// An archive is made while it is sent, whatever its files and however many they are.
#[tokio::test]
async fn an_archive_takes_no_more_memory_than_a_file() {
    for engine in Engine::all() {
        let (server, alice, _) = warm(engine).await;
        let big = alice.get("/api/v1/resolve?path=/warm").await.expect(200).json();
        let folder = json!({"name": "all"});
        let folder = alice.post("/api/v1/folders", &folder).await.expect(201).json();
        let path = format!("/api/v1/folders/{}/files/big", folder["id"].as_str().unwrap());
        let request = alice.request(Method::PUT, &path).timeout(LONG).body(body(3, 60));
        alice.send(request).await.expect(201);
        for n in 0..60 {
            alice
                .put(&path.replace("/big", &format!("/{n}")), "x")
                .await
                .expect(201);
        }
        // A copy shares its bytes: with them, five hundred files of which eight are big.
        let copy = format!("/api/v1/nodes/{}/copy", folder["id"].as_str().unwrap());
        for _ in 0..7 {
            alice.post(&copy, &json!({"parent_id": "root"})).await.expect(201);
        }
        let before_kib = peak_kib(&server);

        let zip = alice
            .request(Method::GET, "/api/v1/folders/root/zip")
            .timeout(LONG)
            .send()
            .await;
        let mut chunks = zip.unwrap().bytes_stream();
        let mut came: u64 = 0;
        while let Some(chunk) = chunks.next().await {
            came += chunk.unwrap().len() as u64;
        }

        assert!(
            came > 8 * 60 * MIB + big["size"].as_u64().unwrap(),
            "{came} bytes came"
        );
        assert_bounded(&server, before_kib);
    }
}
