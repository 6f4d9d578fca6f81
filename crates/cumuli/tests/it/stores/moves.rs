use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::{files_below, through_server, upload};
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Client, Content, Dice, Engine, Server, blobs_of, s3_settings, sha256, until};

/// Uploads files until it is told to stop; what was acknowledged comes back.
async fn keep_uploading(client: Client, seed: u64, is_over: Arc<AtomicBool>) -> BTreeMap<String, Content> {
    let mut dice = Dice::new(seed);
    let mut made = BTreeMap::new();
    while !is_over.load(Ordering::Relaxed) {
        let content = Content {
            seed: dice.next(),
            len: usize::try_from(dice.between(20_000, 400_000)).unwrap(),
        };
        let id = upload(&client, &format!("during/{}", content.seed), content).await;
        made.insert(id, content);
    }
    made
}

async fn move_while_running(engine: Engine) {
    let s3s = S3s::start();
    let server = Server::on(engine)
        .set_all(s3_settings(&s3s.endpoint()))
        .set("CUMULI_DIRECT_DOWNLOADS", false)
        .start()
        .await;
    let client = server.user("a@example.org").await;
    let mut made = BTreeMap::new();
    for number in 0..60 {
        let content = Content {
            seed: number,
            len: 60_000 + 5000 * usize::try_from(number).unwrap(),
        };
        made.insert(
            upload(&client, &format!("before/{number}"), content).await,
            content,
        );
    }
    let is_over = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn(keep_uploading(client.clone(), 99, Arc::clone(&is_over)));

    let moved = server
        .run(
            &["store", "copy", "--from", "local", "--to", "s3", "--verify"],
            "",
        )
        .await;
    assert!(moved.is_success(), "{moved:?}");
    assert!(moved.out.contains("`local` still holds 0, 0 B"), "{}", moved.out);
    is_over.store(true, Ordering::Relaxed);
    made.extend(writing.await.unwrap());
    // What the server stored before it learned of the move is moved by a second run.
    let again = server
        .run(&["store", "copy", "--from", "local", "--to", "s3"], "")
        .await;
    assert!(again.is_success(), "{again:?}");

    let retired = server.run(&["store", "retire", "local", "--erase"], "").await;
    assert!(retired.is_success(), "{retired:?}");
    let left = files_below(&server.data().join("content"));
    assert!(left.is_empty(), "{left:?}");
    for (id, content) in &made {
        assert_eq!(sha256(&through_server(&client, id).await), content.sha256());
    }
    assert!(files_below(&blobs_of(&s3s)).len() >= made.len());
    upload(&client, "after", super::SMALL).await;
    let checked = server.run(&["fsck", "--verify"], "").await;
    assert!(checked.is_success(), "{checked:?}");
    assert!(
        server.run(&["store", "retire", "s3"], "").await.code == Some(1),
        "it is in use"
    );
}

#[tokio::test]
async fn everything_is_moved_to_a_bucket_while_people_upload() {
    for engine in Engine::all() {
        move_while_running(engine).await;
    }
}

#[tokio::test]
async fn a_move_that_was_killed_goes_on_where_it_was() {
    let s3s = S3s::start();
    let mut server = Server::on(Engine::Sqlite)
        .set_all(s3_settings(&s3s.endpoint()))
        .set("CUMULI_DIRECT_DOWNLOADS", false)
        .start()
        .await;
    let client = server.user("a@example.org").await;
    let mut made = BTreeMap::new();
    for number in 0..40 {
        let content = Content {
            seed: number,
            len: 900_000,
        };
        made.insert(upload(&client, &format!("{number}"), content).await, content);
    }
    let body = json!({"from": "local", "to": "s3", "verify": true});
    client.post("/api/v1/admin/stores/copy", &body).await.expect(202);
    let path = "/api/v1/admin/stores/copy?from=local&to=s3";
    until(async || client.get(path).await.json()["there"].as_u64().unwrap() >= 5).await;
    server.kill().await;
    server.restart().await;
    let client = server.again(&client);
    let report = client.get(path).await.expect(200).json();
    assert!(report["there"].as_u64().unwrap() >= 5, "{report}");

    let moved = server
        .run(&["store", "copy", "--from", "local", "--to", "s3"], "")
        .await;
    assert!(moved.is_success(), "{moved:?}");
    for (id, content) in &made {
        assert_eq!(sha256(&through_server(&client, id).await), content.sha256());
    }
    let report = client.get(path).await.expect(200).json();
    assert_eq!(
        (report["left"].as_u64(), report["there"].as_u64()),
        (Some(0), Some(40)),
        "{report}"
    );
    assert_eq!(server.stop().await.code(), Some(0));
    let checked = server.run(&["fsck", "--verify"], "").await;
    assert!(checked.is_success(), "{checked:?}");
}

#[tokio::test]
async fn what_cannot_be_moved_is_told_and_stays() {
    let s3s = S3s::start();
    let server = Server::on(Engine::Sqlite)
        .set_all(s3_settings(&s3s.endpoint()))
        .start()
        .await;
    let client = server.user("a@example.org").await;
    upload(&client, "good", super::SMALL).await;
    let damaged = files_below(&server.data().join("content"));
    let damaged = damaged
        .iter()
        .find(|path| path.metadata().unwrap().len() == 50_000)
        .unwrap();
    upload(&client, "other", super::BIG).await;
    let mut bytes = std::fs::read(damaged).unwrap();
    bytes[100] ^= 1;
    std::fs::write(damaged, bytes).unwrap();

    let moved = server
        .run(
            &["store", "copy", "--from", "local", "--to", "s3", "--verify"],
            "",
        )
        .await;
    assert_eq!(moved.code, Some(3), "{moved:?}");
    assert!(
        moved.out.contains("the bytes that were read have another digest"),
        "{}",
        moved.out
    );
    assert!(moved.out.contains("`local` still holds 1"), "{}", moved.out);
    let retired = server.run(&["store", "retire", "local"], "").await;
    assert!(retired.err.contains("still holds contents"), "{retired:?}");
}
