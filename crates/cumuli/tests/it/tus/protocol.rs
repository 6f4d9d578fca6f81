//! What each request of tus answers.

use serde_json::json;

use super::{TUS, begin, content, metadata, offset, piece, sample, tus};
use crate::harness::Engine;
use crate::people::Town;
use crate::wire::Request;

#[tokio::test]
async fn an_upload_in_pieces_becomes_the_file() {
    for engine in Engine::all() {
        let town = Town::on(engine).await;
        let alice = &town.alice;
        for length in [1, 100, 20_000, 300_000, 9_000_000] {
            let whole = sample(1, length);
            let target = begin(alice, &format!("film{length}.mp4"), length).await;
            let mut at = 0;
            let finished = loop {
                let end = length.min(at + length / 3 + 1);
                let reply = alice.send(piece(&target, at, &whole[at..end])).await.expect(204);
                assert_eq!(reply.header("tus-resumable"), "1.0.0");
                assert_eq!(reply.header("upload-offset"), end.to_string());
                at = end;
                if at == length {
                    break reply;
                }
                assert_eq!(reply.header("cumuli-file-id"), "");
                assert_eq!(offset(alice, &target).await, at);
            };
            assert!(content(alice, &finished).await == whole);
            let file = finished.header("cumuli-file-id");
            let known = alice.get(&format!("/api/v1/files/{file}")).await.expect(200);
            assert_eq!(known.json()["mime_type"], "video/mp4");
            assert_eq!(finished.header("etag"), known.header("etag"));
            assert_eq!(offset(alice, &target).await, length);
        }
        let checked = town.server.run(&["fsck", "--verify"], "").await;
        assert!(checked.is_success(), "{}{}", checked.out, checked.err);
    }
}

#[tokio::test]
async fn an_upload_may_bring_its_bytes_along_or_have_none() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let create = |length: &str, name: &str| {
        tus("POST", TUS)
            .header("Upload-Length", length)
            .header("Upload-Metadata", metadata(&[("filename", name)]))
    };
    let with = |request: Request, bytes: &[u8]| {
        request
            .header("Content-Type", "application/offset+octet-stream")
            .body(bytes)
    };

    let whole = alice.send(with(create("5", "whole"), b"hello")).await.expect(201);
    assert_eq!(whole.header("upload-offset"), "5");
    assert_eq!(content(alice, &whole).await, b"hello");

    let part = alice.send(with(create("5", "part"), b"hel")).await.expect(201);
    assert_eq!(part.header("upload-offset"), "3");
    let rest = alice
        .send(piece(part.header("location"), 3, b"lo"))
        .await
        .expect(204);
    assert_eq!(content(alice, &rest).await, b"hello");

    let empty = alice.send(create("0", "empty")).await.expect(201);
    assert_eq!(content(alice, &empty).await, b"");
    alice.send(create("5", "typed").body("hello")).await.expect(415);
}

#[tokio::test]
async fn a_length_may_be_told_later_once() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let create = tus("POST", TUS)
        .header("Upload-Defer-Length", "1")
        .header("Upload-Metadata", metadata(&[("path", "a/b/late.txt")]));
    let target = alice.send(create).await.expect(201).header("location").to_owned();
    let head = alice.send(tus("HEAD", &target)).await.expect(200);
    assert_eq!(head.header("upload-defer-length"), "1");

    alice.send(piece(&target, 0, b"one ")).await.expect(204);
    let shorter = piece(&target, 4, b"").header("Upload-Length", "3");
    alice.send(shorter).await.expect(400);
    let told = piece(&target, 4, b"two ").header("Upload-Length", "13");
    alice.send(told).await.expect(204);
    let other = piece(&target, 8, b"three").header("Upload-Length", "14");
    alice.send(other).await.expect(400);
    let last = alice.send(piece(&target, 8, b"three")).await.expect(204);

    assert_eq!(content(alice, &last).await, b"one two three");
    alice.get("/api/v1/resolve?path=/a/b/late.txt").await.expect(200);
}

#[tokio::test]
async fn the_server_says_what_it_can_do() {
    let town = Town::on(Engine::Sqlite).await;
    let reply = town.send(&Request::new("OPTIONS", TUS)).await.expect(204);
    assert_eq!(reply.header("tus-version"), "1.0.0");
    let extensions = reply.header("tus-extension");
    for extension in [
        "creation",
        "checksum",
        "termination",
        "expiration",
        "concatenation",
    ] {
        assert!(extensions.contains(extension), "{extensions}");
    }
    for version in [None, Some("0.2.2"), Some("9")] {
        let mut request = Request::new("POST", TUS).header("Upload-Length", "1");
        if let Some(version) = version {
            request = request.header("Tus-Resumable", version);
        }
        let reply = town.alice.send(request).await.expect(412);
        assert_eq!(reply.header("tus-version"), "1.0.0");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_begins_nothing() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let named = metadata(&[("filename", "x")]);
    for length in ["-1", "1e3", "9223372036854775808", "+10", "ten", "", "1 0"] {
        let request = tus("POST", TUS)
            .header("Upload-Length", length)
            .header("Upload-Metadata", named.clone());
        alice.send(request).await.expect(400);
    }
    let twice = tus("POST", TUS)
        .header("Upload-Length", "1")
        .header("Upload-Length", "2");
    alice.send(twice).await.expect(400);
    alice
        .send(tus("POST", TUS).header("Upload-Metadata", named.clone()))
        .await
        .expect(400);
    let both = tus("POST", TUS)
        .header("Upload-Length", "1")
        .header("Upload-Defer-Length", "1");
    alice.send(both).await.expect(400);
    for (text, status) in [
        ("filename !!!".to_owned(), 400),
        (format!("{named},{named}"), 400),
        (String::new(), 400),
        ("filename".to_owned(), 422),
        (metadata(&[("filename", "../x")]), 422),
        (metadata(&[("filename", "a\0b")]), 422),
        (metadata(&[("filename", "x"), ("on_conflict", "perhaps")]), 400),
        (metadata(&[("filename", "x"), ("sha256", "abc")]), 400),
        (metadata(&[("filename", "x"), ("folder_id", "somewhere")]), 400),
        (metadata(&[("filename", "x"), ("folder_id", &town.bob.root)]), 404),
        (format!("{named},more {}", "QUJD".repeat(3000)), 400),
    ] {
        let request = tus("POST", TUS)
            .header("Upload-Length", "1")
            .header("Upload-Metadata", text.clone());
        let reply = alice.send(request).await;
        assert_eq!(reply.status, status, "{text:.80} {}", reply.text());
    }
    let huge = tus("POST", TUS)
        .header("Upload-Length", (1_u64 << 50).to_string())
        .header("Upload-Metadata", named);
    alice.send(huge).await.expect(413);
}

#[tokio::test]
async fn bytes_come_in_their_order_or_not_at_all() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let target = begin(alice, "ordered", 10).await;
    alice.send(piece(&target, 0, b"01234")).await.expect(204);

    for offset in ["0", "4", "6", "10", "11", "9223372036854775807"] {
        let wrong = tus("PATCH", &target)
            .header("Content-Type", "application/offset+octet-stream")
            .header("Upload-Offset", offset)
            .body("x");
        alice.send(wrong).await.expect(409);
    }
    for offset in ["-1", "99999999999999999999", "five", ""] {
        let wrong = tus("PATCH", &target)
            .header("Content-Type", "application/offset+octet-stream")
            .header("Upload-Offset", offset)
            .body("x");
        alice.send(wrong).await.expect(400);
    }
    let typed = tus("PATCH", &target)
        .header("Content-Type", "application/octet-stream")
        .header("Upload-Offset", "5")
        .body("56789");
    alice.send(typed).await.expect(415);
    alice.send(piece(&target, 5, b"567890")).await.expect(413);
    let chunked = tus("PATCH", &target)
        .header("Content-Type", "application/offset+octet-stream")
        .header("Upload-Offset", "5")
        .header("Transfer-Encoding", "chunked")
        .body("6\r\n567890\r\n0\r\n\r\n");
    alice.send(chunked).await.expect(413);
    assert_eq!(offset(alice, &target).await, 5);

    let last = alice.send(piece(&target, 5, b"56789")).await.expect(204);
    assert_eq!(content(alice, &last).await, b"0123456789");
    alice.send(piece(&target, 5, b"56789")).await.expect(409);
}

#[tokio::test]
async fn a_wrong_checksum_keeps_nothing_of_its_piece() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let target = begin(alice, "checked", 11).await;
    let sha1 = "qvTGHdzF6KLavt4PO0gs2a6pQ00=";
    let md5 = "XrY7u+Ae7tCTyyK7j1rNww==";
    let with = |offset, bytes: &[u8], checksum: String| {
        piece(&target, offset, bytes).header("Upload-Checksum", checksum)
    };

    alice
        .send(with(0, b"hullo", format!("sha1 {sha1}")))
        .await
        .expect(460);
    assert_eq!(offset(alice, &target).await, 0);
    alice
        .send(with(0, b"hello", format!("crc32 {sha1}")))
        .await
        .expect(400);
    alice.send(with(0, b"hello", "sha1".to_owned())).await.expect(400);
    alice
        .send(with(0, b"hello", "sha1 abc".to_owned()))
        .await
        .expect(400);
    alice
        .send(with(0, b"hello", format!("sha1 {sha1}")))
        .await
        .expect(204);
    alice
        .send(with(5, b" world", format!("md5 {sha1}")))
        .await
        .expect(400);
    alice
        .send(with(5, b" world", format!("md5 {md5}")))
        .await
        .expect(460);
    let sha256 = "sha256 1zIOlpIzXf3KwSuHrwSm2GqVxVsPxUaUuTykwRkzkZ4=";
    let wrong = alice.send(with(5, b" world", sha256.to_owned())).await;
    assert_eq!(wrong.status, 460);
    let last = alice.send(piece(&target, 5, b" world")).await.expect(204);
    assert_eq!(content(alice, &last).await, b"hello world");
}

#[tokio::test]
async fn a_promised_digest_of_the_whole_is_kept_or_there_is_no_file() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    for (bytes, status) in [(b"hello", 204), (b"hullo", 422)] {
        let create = tus("POST", TUS).header("Upload-Length", "5").header(
            "Upload-Metadata",
            metadata(&[("filename", "promised"), ("sha256", hello)]),
        );
        let target = alice.send(create).await.expect(201).header("location").to_owned();
        let reply = alice.send(piece(&target, 0, bytes)).await;
        assert_eq!(reply.status, status, "{}", reply.text());
        if status == 422 {
            alice.send(tus("HEAD", &target)).await.expect(404);
        }
    }
    let file = alice.get("/api/v1/resolve?path=/promised").await.expect(200);
    assert_eq!(file.json()["version"], 1);
}

#[tokio::test]
async fn an_upload_is_given_up_by_its_owner_alone_and_a_file_stays() {
    let town = Town::on(Engine::Sqlite).await;
    let (alice, bob) = (&town.alice, &town.bob);
    let target = begin(alice, "given up", 10).await;
    alice.send(piece(&target, 0, b"01234")).await.expect(204);

    bob.send(tus("HEAD", &target)).await.expect(404);
    bob.send(piece(&target, 5, b"x")).await.expect(404);
    bob.send(tus("DELETE", &target)).await.expect(404);
    town.admin.send(tus("DELETE", &target)).await.expect(404);
    town.send(&tus("HEAD", &target)).await.expect(401);
    alice.send(tus("DELETE", &target)).await.expect(204);
    alice.send(tus("HEAD", &target)).await.expect(404);
    alice.send(piece(&target, 5, b"56789")).await.expect(404);

    let target = begin(alice, "file", 2).await;
    let done = alice.send(piece(&target, 0, b"ok")).await.expect(204);
    alice.send(tus("DELETE", &target)).await.expect(410);
    assert_eq!(content(alice, &done).await, b"ok");
}

#[tokio::test]
async fn other_methods_can_be_said_in_a_header() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let target = begin(alice, "posted", 5).await;
    let as_method = |method: &str| tus("POST", &target).header("X-HTTP-Method-Override", method);
    let head = alice.send(as_method("HEAD")).await.expect(200);
    assert_eq!(head.header("upload-offset"), "0");
    let patch = as_method("PATCH")
        .header("Content-Type", "application/offset+octet-stream")
        .header("Upload-Offset", "0")
        .body("hello");
    let done = alice.send(patch).await.expect(204);
    assert_eq!(content(alice, &done).await, b"hello");
    alice.send(as_method("GET")).await.expect(400);
    let other = begin(alice, "other", 5).await;
    let delete = tus("POST", &other).header("X-HTTP-Method-Override", "DELETE");
    alice.send(delete).await.expect(204);
}

#[tokio::test]
async fn a_name_that_was_taken_meanwhile_is_told_before_more_bytes_come() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let create = tus("POST", TUS).header("Upload-Length", "10").header(
        "Upload-Metadata",
        metadata(&[("filename", "contested"), ("on_conflict", "fail")]),
    );
    let target = alice.send(create).await.expect(201).header("location").to_owned();
    alice.send(piece(&target, 0, b"01234")).await.expect(204);
    let other = alice.file("contested", b"first").await;

    alice.send(piece(&target, 5, b"56789")).await.expect(409);
    assert_eq!(offset(alice, &target).await, 5);
    let delete = Request::new("DELETE", &format!("/api/v1/nodes/{other}"));
    alice.send(delete).await.expect(204);
    let done = alice.send(piece(&target, 5, b"56789")).await.expect(204);

    assert_eq!(content(alice, &done).await, b"0123456789");
}

#[tokio::test]
async fn what_cannot_be_stored_at_the_end_is_kept_until_it_can() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let quota = async |bytes: u64| {
        let target = format!("/api/v1/admin/users/{}", alice.id);
        let body = json!({"quota_bytes": bytes});
        let change = Request::new("PATCH", &target).json(&body);
        town.admin.send(change).await.expect(200);
    };
    for length in [10, 200_000] {
        quota(1_000_000).await;
        let target = begin(alice, &format!("shrunk{length}"), length).await;
        let whole = sample(3, length);
        quota(5).await;

        alice.send(piece(&target, 0, &whole)).await.expect(507);
        alice.send(tus("HEAD", &target)).await.expect(507);
        quota(1_000_000).await;
        let done = alice.send(tus("HEAD", &target)).await.expect(200);

        assert!(content(alice, &done).await == whole);
    }
}

#[tokio::test]
async fn who_lost_the_right_cannot_finish() {
    let town = Town::on(Engine::Sqlite).await;
    let (alice, bob) = (&town.alice, &town.bob);
    let folder = alice.folder("shared").await;
    let body = json!({"node_id": folder, "user_id": bob.id, "right": "edit"});
    let share = alice
        .send(Request::post("/api/v1/shares", &body))
        .await
        .expect(201);
    let create = tus("POST", TUS).header("Upload-Length", "5").header(
        "Upload-Metadata",
        metadata(&[("filename", "late"), ("folder_id", &folder)]),
    );
    let target = bob.send(create).await.expect(201).header("location").to_owned();
    bob.send(piece(&target, 0, b"hel")).await.expect(204);

    let revoke = Request::new("DELETE", &format!("/api/v1/shares/{}", share.field("id")));
    alice.send(revoke).await.expect(204);

    bob.send(piece(&target, 3, b"lo")).await.expect(404);
    let listed = alice
        .get(&format!("/api/v1/folders/{folder}/children"))
        .await
        .expect(200);
    assert_eq!(listed.json()["items"], json!([]));
}
