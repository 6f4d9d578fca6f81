//! Bodies that are cut, too long, or not what their headers say.

use std::path::Path;

use serde_json::json;

use super::{Row, check, done, harmless, signed, unread};
use crate::harness::until;
use crate::people::Town;
use crate::wire::{Ending, Request};

const TARGET: &str = "/api/v1/folders/root/files/new.bin";

fn put(body: impl Into<Vec<u8>>) -> Request {
    Request::put(TARGET, body)
}

/// Waits until the store holds no bytes that no file uses.
pub async fn assert_no_leftovers(town: &Town) {
    let content = town.server.data().join("content");
    until(async || files_below(&content).is_empty()).await;
}

/// Every file with bytes in it, but those by which the store knows itself.
fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries.map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if entry.metadata().is_ok_and(|meta| meta.len() > 4096) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn a_body_that_does_not_come_whole_makes_no_file() {
    let town = Town::start().await;
    let big = vec![7_u8; 200 << 10];
    let length = |text: &str| put("").header("Content-Length", text);
    let chunked = |body: Vec<u8>| {
        put("")
            .header("Transfer-Encoding", "chunked")
            .body(body)
            .ending(Ending::HalfClose)
    };
    let mut rows = vec![
        harmless(
            "99 of 100 bytes",
            length("100").body(vec![7; 99]).ending(Ending::HalfClose),
            &[400],
        ),
        harmless(
            "most of a big file",
            length("300000").body(big.clone()).ending(Ending::HalfClose),
            &[400],
        ),
        harmless(
            "chunks without an end",
            chunked(b"5\r\nhello\r\n".to_vec()),
            &[400],
        ),
        harmless(
            "big chunks without an end",
            chunked([b"32000\r\n".to_vec(), big.clone(), b"\r\n".to_vec()].concat()),
            &[400],
        ),
        harmless("half a chunk", chunked(b"50\r\nhello".to_vec()), &[400]),
        harmless(
            "a chunk of no size",
            chunked(b"zz\r\nhello\r\n0\r\n\r\n".to_vec()),
            &[400],
        ),
        harmless(
            "a chunk of more than there is",
            chunked(b"fffffffffffffffff\r\nx".to_vec()),
            &[400],
        ),
        unread("a length below zero", length("-1"), &[400]),
        unread("a length that is no number", length("ten").body("x"), &[400]),
        unread("a length with a sign", length("+1").body("x"), &[400]),
        unread(
            "two lengths",
            length("1").header("Content-Length", "2").body("xy"),
            &[400],
        ),
        unread(
            "a coding that nobody knows",
            put("").header("Transfer-Encoding", "xchunked").body("x"),
            &[400],
        ),
        harmless("5 TiB announced", length("5497558138880"), &[413, 507]),
        unread(
            "16 EiB announced",
            length("18446744073709551615"),
            &[400, 413, 431, 507],
        ),
        unread(
            "more announced than can be counted",
            length("18446744073709551616"),
            &[400, 413],
        ),
    ];
    for (name, value) in [
        ("Content-Range", "bytes 0-0/10"),
        ("Content-Range", "bytes */10"),
        ("Content-Range", "x"),
    ] {
        rows.push(harmless(
            format!("{name}: {value}"),
            put("x").header(name, value),
            &[400],
        ));
    }
    check(&town, signed(&town.alice, rows)).await;
    assert_no_leftovers(&town).await;
}

#[tokio::test]
async fn a_body_is_what_its_digests_say_or_refused() {
    let town = Town::start().await;
    let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let hello = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    let with = |name: &str, value: String| put("hello").header(name, value);
    let mut rows = vec![
        harmless(
            "another Repr-Digest",
            with("Repr-Digest", format!("sha-256=:{wrong}:")),
            &[400, 422],
        ),
        harmless(
            "another Content-Digest",
            with("Content-Digest", format!("sha-256=:{wrong}:")),
            &[400, 422],
        ),
        harmless(
            "another Digest",
            with("Digest", format!("SHA-256={wrong}")),
            &[400, 422],
        ),
        harmless(
            "another Content-MD5",
            with("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==".into()),
            &[400, 422],
        ),
        harmless(
            "a right digest and a wrong one",
            with("Repr-Digest", format!("sha-256=:{hello}:"))
                .header("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="),
            &[400, 422],
        ),
        harmless(
            "two digests of which one is wrong",
            with("Repr-Digest", format!("sha-256=:{wrong}:")).header("Digest", format!("SHA-256={hello}")),
            &[400, 422],
        ),
    ];
    for value in [
        "x",
        "sha-256=",
        "sha-256=x",
        "sha-256=::",
        "sha-256=:AAAA:",
        "sha-256=:!:",
        "=",
        "\u{e9}",
    ] {
        rows.push(harmless(
            format!("Repr-Digest: {value}"),
            with("Repr-Digest", value.into()),
            &[400],
        ));
    }
    for value in ["", "x", "AAAA", "!!!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        rows.push(harmless(
            format!("Content-MD5: {value}"),
            with("Content-MD5", value.into()),
            &[400],
        ));
    }
    check(&town, signed(&town.alice, rows)).await;
    let rows = vec![
        done(
            "the right Repr-Digest",
            with("Repr-Digest", format!("sha-256=:{hello}:")),
            201,
        ),
        done(
            "a digest of a kind that is not ours",
            with("Repr-Digest", "unixsum=:AAAA:".into()),
            200,
        ),
        done(
            "the right Content-MD5",
            with("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==".into()),
            200,
        ),
        done(
            "lengths in headers of others",
            with("OC-Total-Length", "-1".into()).header("X-Expected-Entity-Length", "99999999999999999999"),
            200,
        ),
    ];
    check(&town, signed(&town.alice, rows)).await;
}

#[tokio::test]
async fn nothing_at_all_is_a_file_too() {
    let town = Town::start().await;
    let reply = town.alice.send(put("")).await.expect(201);
    assert_eq!(reply.json()["size"], 0);
    assert_eq!(
        reply.field("sha256"),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let chunked = put("").header("Transfer-Encoding", "chunked").body("0\r\n\r\n");
    assert_eq!(town.alice.send(chunked).await.expect(200).json()["size"], 0);
}

#[tokio::test]
async fn what_comes_after_a_body_is_not_of_it() {
    let town = Town::start().await;
    let alice = &town.alice;
    // The byte too many begins what should be the next request.
    let request = put(vec![b'x'; 101])
        .header("Content-Length", "100")
        .header("Connection", "keep-alive")
        .ending(Ending::HalfClose);
    let reply = alice.send(request).await.expect(201);
    assert!(reply.text().contains("\"size\":100"), "{}", reply.text());
    let found = alice.get("/api/v1/resolve?path=/new.bin").await.expect(200);
    assert_eq!(found.json()["size"], 100);
}

#[tokio::test]
async fn many_uploads_at_once_never_pass_the_quota() {
    let town = Town::start().await;
    let alice = &town.alice;
    let quota: u64 = 1 << 20;
    let change = Request::new("PATCH", &format!("/api/v1/admin/users/{}", alice.id))
        .json(&json!({"quota_bytes": quota}));
    town.admin.send(change).await.expect(200);
    let uploads = (0..20_u8).map(|i| {
        let body = vec![i; 100 << 10];
        alice.send(Request::put(&format!("/api/v1/folders/root/files/{i}"), body))
    });

    let replies = futures_util::future::join_all(uploads).await;

    let count = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(201), count(507)), (10, 10));
    let used = alice.get("/api/v1/me").await.expect(200).json()["used_bytes"]
        .as_u64()
        .unwrap();
    assert_eq!(used, 10 * (100 << 10));
    let rows = vec![
        harmless(
            "a body that is announced and does not fit",
            put(vec![1; 200 << 10]),
            &[507],
        ),
        harmless(
            "a body in chunks that does not fit",
            put("").header("Transfer-Encoding", "chunked").body(
                [
                    b"32000\r\n".to_vec(),
                    vec![1; 200 << 10],
                    b"\r\n0\r\n\r\n".to_vec(),
                ]
                .concat(),
            ),
            &[507],
        ),
    ];
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn contents_go_to_files_only() {
    let town = Town::start().await;
    let alice = &town.alice;
    alice.folder("folder").await;
    let gone = alice.file("gone.txt", b"g").await;
    let old = alice
        .send(Request::put("/api/v1/folders/root/files/a.txt", "1"))
        .await
        .expect(201)
        .header("etag")
        .to_owned();
    alice
        .send(Request::put("/api/v1/folders/root/files/a.txt", "2"))
        .await
        .expect(200);
    alice
        .send(Request::new("DELETE", &format!("/api/v1/nodes/{gone}")))
        .await
        .expect(204);
    let over = || Request::put("/api/v1/folders/root/files/a.txt", "3");
    let mut rows: Vec<Row> = vec![
        harmless(
            "over a folder",
            Request::put("/api/v1/folders/root/files/folder", "x"),
            &[405, 409],
        ),
        harmless(
            "over a folder, by path",
            Request::put("/api/v1/paths/folder", "x"),
            &[405, 409],
        ),
        harmless(
            "over a deleted file",
            Request::put(&format!("/api/v1/files/{gone}/content"), "x"),
            &[404, 409],
        ),
        harmless(
            "over what was there before",
            over().header("If-Match", old.clone()),
            &[412],
        ),
        harmless(
            "over what is weakly the same",
            over().header("If-Match", format!("W/{old}")),
            &[412],
        ),
        harmless(
            "over what must not be there",
            over().header("If-None-Match", "*"),
            &[412],
        ),
        harmless(
            "over what must be there",
            put("x").header("If-Match", "*"),
            &[412],
        ),
        harmless(
            "over two things and anything",
            over().header("If-Match", "\"a\", W/\"b\", *"),
            &[400, 412],
        ),
        harmless(
            "over a tag without quotation marks",
            over().header("If-Match", "abc"),
            &[400],
        ),
        harmless(
            "over a tag that does not end",
            over().header("If-Match", "\"abc"),
            &[400],
        ),
        harmless("over nothing", over().header("If-Match", ""), &[400]),
        harmless(
            "over a thousand tags",
            over().header("If-Match", vec!["\"a\""; 1000].join(",")),
            &[400],
        ),
        unread(
            "over 1 MiB of tags",
            over().header("If-Match", vec!["\"a\""; 1 << 18].join(",")),
            &[400, 412, 431],
        ),
        harmless(
            "what must be there and must not",
            over().header("If-Match", "*").header("If-None-Match", "*"),
            &[400, 412],
        ),
        harmless(
            "unless it is one of these",
            over().header("If-None-Match", "\"a\""),
            &[400, 412],
        ),
    ];
    let expecting = |request: Request| {
        request
            .header("Expect", "100-continue")
            .header("Content-Length", "1000000")
    };
    rows.extend([
        harmless(
            "a body that waits, for a folder that is not",
            expecting(Request::new("PUT", "/api/v1/folders/0/files/x")),
            &[404],
        ),
        harmless(
            "a body that waits, too long",
            Request::new("PUT", TARGET)
                .header("Expect", "100-continue")
                .header("Content-Length", "5497558138880"),
            &[413, 507],
        ),
        harmless(
            "a body that waits, for another content",
            expecting(Request::new("PUT", "/api/v1/folders/root/files/a.txt")).header("If-Match", old),
            &[412],
        ),
    ]);
    let mut all = signed(alice, rows);
    all.push(harmless(
        "a body that waits, from nobody",
        expecting(Request::new("PUT", TARGET)),
        &[401],
    ));
    let waiting: Vec<Request> = all
        .iter()
        .filter(|row| row.name.starts_with("a body that waits"))
        .map(|row| row.request.clone())
        .collect();
    check(&town, all).await;
    for request in waiting {
        let reply = town.send(&request).await;
        assert!(!reply.was_continued, "the body was asked for: {request:?}");
    }
}

#[tokio::test]
async fn of_two_overwrites_of_one_state_one_is_done() {
    let town = Town::start().await;
    let alice = &town.alice;
    for round in 0..10 {
        let target = format!("/api/v1/folders/root/files/{round}");
        let etag = alice
            .send(Request::put(&target, "first"))
            .await
            .expect(201)
            .header("etag")
            .to_owned();
        let over = |text: &str| alice.send(Request::put(&target, text).header("If-Match", etag.clone()));
        let (a, b) = tokio::join!(over("a"), over("b"));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 412]);
    }
}

#[tokio::test]
async fn clients_that_go_away_leave_nothing() {
    let town = Town::start().await;
    let before = town.state().await;
    let request = put(vec![9; 99 << 10])
        .header("Content-Length", (100 << 10).to_string())
        .bearer(&town.alice.access)
        .ending(Ending::Abort);
    for _ in 0..10 {
        futures_util::future::join_all((0..10).map(|_| town.send(&request))).await;
    }
    assert_no_leftovers(&town).await;
    assert_eq!(town.state().await, before);
}

#[tokio::test]
async fn a_shutdown_lets_an_upload_end() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut town = Town::start().await;
    let mut stream = tokio::net::TcpStream::connect(town.server.host()).await.unwrap();
    let head = format!(
        "PUT {TARGET} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n",
        town.alice.access
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut continued = [0; 25];
    stream.read_exact(&mut continued).await.unwrap();
    assert_eq!(&continued[..12], b"HTTP/1.1 100");

    town.server.signal("TERM");
    until(async || town.server.logs().contains("ending:")).await;
    stream.write_all(&vec![5; 100_000]).await.unwrap();

    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 201"), "{reply}");
    assert_eq!(town.server.ended().await.code(), Some(0));
    town.server.restart().await;
    let found = Request::get("/api/v1/resolve?path=/new.bin").bearer(&town.alice.access);
    assert_eq!(town.send(&found).await.expect(200).json()["size"], 100_000);
}
