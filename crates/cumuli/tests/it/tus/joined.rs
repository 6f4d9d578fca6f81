//! Parts that are put together, quotas, and many at once.

use serde_json::json;

use super::{TUS, begin, content, metadata, offset, piece, sample, tus};
use crate::harness::Engine;
use crate::people::Town;
use crate::wire::{Reply, Request};

async fn part(town: &Town, bytes: &[u8]) -> String {
    let create = tus("POST", TUS)
        .header("Upload-Length", bytes.len().to_string())
        .header("Upload-Concat", "partial");
    let target = town
        .alice
        .send(create)
        .await
        .expect(201)
        .header("location")
        .to_owned();
    let done = town.alice.send(piece(&target, 0, bytes)).await.expect(204);
    assert_eq!(done.header("cumuli-file-id"), "", "a part is no file");
    target
}

async fn join(town: &Town, parts: &[&str], name: &str) -> Reply {
    let request = tus("POST", TUS)
        .header("Upload-Concat", format!("final;{}", parts.join(" ")))
        .header("Upload-Metadata", metadata(&[("filename", name)]));
    town.alice.send(request).await
}

async fn quota(town: &Town, bytes: u64) {
    let target = format!("/api/v1/admin/users/{}", town.alice.id);
    let body = json!({"quota_bytes": bytes});
    town.admin
        .send(Request::new("PATCH", &target).json(&body))
        .await
        .expect(200);
}

#[tokio::test]
async fn parts_make_the_file_in_the_order_in_which_they_are_named() {
    for engine in Engine::all() {
        let town = Town::on(engine).await;
        quota(&town, 6_000_000).await;
        let (a, b) = (sample(1, 5_000_000), sample(2, 700));
        let second = part(&town, &b).await;
        let first = part(&town, &a).await;
        let head = town.alice.send(tus("HEAD", &first)).await.expect(200);
        assert_eq!(head.header("upload-concat"), "partial");

        let done = join(&town, &[&first, &second], "joined").await.expect(201);

        assert!(content(&town.alice, &done).await == [a, b].concat());
        let head = town
            .alice
            .send(tus("HEAD", done.header("location")))
            .await
            .expect(200);
        assert_eq!(head.header("upload-concat"), format!("final;{first} {second}"));
        assert_eq!(head.header("upload-length"), "5000700");
        assert_eq!(head.header("upload-offset"), "5000700");
        town.alice.send(tus("HEAD", &first)).await.expect(404);
        let me = town.alice.get("/api/v1/me").await.expect(200).json();
        assert_eq!(me["used_bytes"], 5_000_700);
        let checked = town.server.run(&["fsck", "--verify"], "").await;
        assert!(checked.is_success(), "{}{}", checked.out, checked.err);
    }
}

#[tokio::test]
async fn only_whole_parts_of_one_s_own_are_joined() {
    let town = Town::on(Engine::Sqlite).await;
    let whole = part(&town, b"whole").await;
    let create = tus("POST", TUS)
        .header("Upload-Length", "5")
        .header("Upload-Concat", "partial");
    let unfinished = town
        .alice
        .send(create)
        .await
        .expect(201)
        .header("location")
        .to_owned();
    let create = tus("POST", TUS)
        .header("Upload-Length", "0")
        .header("Upload-Concat", "partial");
    let bobs = town
        .bob
        .send(create)
        .await
        .expect(201)
        .header("location")
        .to_owned();
    let file = begin(&town.alice, "file", 3).await;

    join(&town, &[&whole, &unfinished], "x").await.expect(400);
    join(&town, &[&whole, &bobs], "x").await.expect(404);
    join(&town, &[&whole, &file], "x").await.expect(400);
    join(&town, &[&whole, &whole], "x").await.expect(400);
    join(&town, &[], "x").await.expect(400);
    join(&town, &["https://elsewhere.example/1"], "x")
        .await
        .expect(400);
    town.alice.get("/api/v1/resolve?path=/x").await.expect(404);
    let done = join(&town, &[&whole], "x").await.expect(201);
    assert_eq!(content(&town.alice, &done).await, b"whole");
}

#[tokio::test]
async fn what_is_under_way_counts_and_what_is_given_up_does_not() {
    for engine in Engine::all() {
        let town = Town::on(engine).await;
        let alice = &town.alice;
        quota(&town, 1000).await;
        let create = |length: usize, name: &str| {
            tus("POST", TUS)
                .header("Upload-Length", length.to_string())
                .header("Upload-Metadata", metadata(&[("filename", name)]))
        };
        let first = begin(alice, "first", 600).await;
        alice.send(create(401, "second")).await.expect(507);
        let put = Request::put("/api/v1/folders/root/files/put", vec![0; 401]);
        alice.send(put).await.expect(507);
        let second = begin(alice, "second", 400).await;
        alice.send(tus("DELETE", &second)).await.expect(204);
        let put = Request::put("/api/v1/folders/root/files/put", vec![0; 400]);
        alice.send(put).await.expect(201);
        let done = alice.send(piece(&first, 0, &sample(1, 600))).await.expect(204);
        assert_eq!(content(alice, &done).await.len(), 600);

        let late = tus("POST", TUS)
            .header("Upload-Defer-Length", "1")
            .header("Upload-Metadata", metadata(&[("filename", "late")]));
        let late = alice.send(late).await.expect(201).header("location").to_owned();
        alice.send(piece(&late, 0, b"x")).await.expect(507);
        let told = piece(&late, 0, b"").header("Upload-Length", "1");
        alice.send(told).await.expect(507);
        assert_eq!(offset(alice, &late).await, 0);
        let checked = town.server.run(&["fsck", "--verify"], "").await;
        assert!(checked.is_success(), "{}{}", checked.out, checked.err);
    }
}

#[tokio::test]
async fn uploads_that_begin_at_once_do_not_go_beyond_the_quota() {
    for engine in Engine::all() {
        let town = Town::on(engine).await;
        quota(&town, 1000).await;
        let asking = (0..20).map(|n| {
            let request = tus("POST", TUS)
                .header("Upload-Length", "300")
                .header("Upload-Metadata", metadata(&[("filename", &format!("file{n}"))]));
            town.alice.send(request)
        });
        let replies = futures_util::future::join_all(asking).await;
        let begun = replies.iter().filter(|reply| reply.status == 201).count();
        let refused = replies.iter().filter(|reply| reply.status == 507).count();
        assert_eq!((begun, refused), (3, 17));
    }
}

#[tokio::test]
async fn of_two_pieces_at_once_one_is_kept() {
    for engine in Engine::all() {
        let town = Town::on(engine).await;
        for round in 0..10 {
            let length = 400_000;
            let target = begin(&town.alice, &format!("raced{round}"), length).await;
            let (a, b) = (sample(1, length), sample(2, length));
            let (one, other) = tokio::join!(
                town.alice.send(piece(&target, 0, &a)),
                town.alice.send(piece(&target, 0, &b)),
            );
            let (done, refused, whole) = match one.status {
                204 => (one, other, a),
                _ => (other, one, b),
            };
            assert_eq!(done.status, 204, "{}", done.text());
            assert!(matches!(refused.status, 409 | 423), "{}", refused.status);
            assert!(content(&town.alice, &done).await == whole);
        }
    }
}

#[tokio::test]
async fn nobody_has_more_than_a_hundred_under_way() {
    let town = Town::on(Engine::Sqlite).await;
    for n in 0..100 {
        begin(&town.alice, &format!("file{n}"), 1).await;
    }
    let request = tus("POST", TUS)
        .header("Upload-Length", "1")
        .header("Upload-Metadata", metadata(&[("filename", "one more")]));
    town.alice.send(request).await.expect(429);
    begin(&town.bob, "another's", 1).await;
}
