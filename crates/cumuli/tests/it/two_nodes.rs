//! Two nodes on one PostgreSQL database and one content folder: one drive.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, Engine, PATIENCE, Server};

/// Files that are uploaded through both nodes at once.
const FILES: usize = 40;

/// A job belongs to the node that has it in hand until it was silent for this long.
const LEASE: Duration = Duration::from_secs(60);

/// Two nodes, and a person who is signed in at both with one token.
struct Pair {
    here: Server,
    there: Server,
    alice_here: Client,
    alice_there: Client,
    _content: tempfile::TempDir,
}

impl Pair {
    /// `None` where there is no PostgreSQL to test with.
    async fn start() -> Option<Self> {
        if !Engine::all().contains(&Engine::Postgres) {
            return None;
        }
        let content = tempfile::tempdir().unwrap();
        let here = Server::on(Engine::Postgres)
            .set("SECRET_KEY", "one secret that both of the nodes know")
            .set("UPLOAD_FOLDER", content.path().display())
            .start()
            .await;
        let there = here.another_node().await;
        let alice_here = here.user("alice@example.org").await;
        let alice_there = there.again(&alice_here);
        Some(Self {
            here,
            there,
            alice_here,
            alice_there,
            _content: content,
        })
    }
}

/// The jobs of the server itself.
async fn jobs(admin: &Client) -> Vec<Value> {
    let mut reply = admin
        .get("/api/v1/jobs?all=true&limit=1000")
        .await
        .expect(200)
        .json();
    serde_json::from_value(reply["jobs"].take()).unwrap()
}

#[tokio::test]
async fn what_one_node_acknowledged_the_other_one_has() {
    let Some(mut pair) = Pair::start().await else {
        return;
    };
    let nodes = [&pair.alice_here, &pair.alice_there];
    let uploads = (0..FILES).map(|number| {
        // Small contents lie in the database, big ones in the folder.
        let size = if number % 2 == 0 { 500 } else { 60_000 };
        let path = format!("/api/v1/folders/root/files/{number}.bin");
        let (write, read) = (nodes[number % 2], nodes[(number + 1) % 2]);
        async move {
            let bytes = vec![u8::try_from(number).unwrap(); size];
            let stored = write.put(&path, bytes.clone()).await.expect(201).json();
            let id = stored["id"].as_str().unwrap();
            let read = read.get(&format!("/api/v1/files/{id}/content")).await.expect(200);
            assert_eq!(read.body, bytes, "{number}");
        }
    });
    join_all(uploads).await;

    // A name taken here is taken there.
    let folder = json!({"name": "only one"});
    let replies = join_all((0..8).map(|number| nodes[number % 2].post("/api/v1/folders", &folder))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
    assert_eq!(replies.iter().filter(|reply| reply.status == 409).count(), 7);

    // The end of a sign-in here is its end there.
    pair.alice_here
        .post("/auth/logout-everywhere", &json!({}))
        .await
        .expect(204);
    pair.alice_there.get("/api/v1/me").await.expect(401);
    pair.there.stop().await;
    pair.here.stop().await;
    let checked = pair.here.run(&["fsck", "--verify"], "").await;
    assert!(checked.is_success(), "{}\n{}", checked.out, checked.err);
}

#[tokio::test]
async fn a_listener_at_one_node_hears_of_changes_at_the_other() {
    let Some(pair) = Pair::start().await else { return };
    let events = pair
        .alice_there
        .request(Method::GET, "/api/v1/events")
        .send()
        .await
        .unwrap();
    assert_eq!(events.status(), 200);
    let mut events = events.bytes_stream();

    pair.alice_here
        .post("/api/v1/folders", &json!({"name": "heard of"}))
        .await
        .expect(201);

    let mut heard = String::new();
    let hearing = async {
        while !heard.contains("heard of") {
            let bytes = events.next().await.expect("the events go on").unwrap();
            heard.push_str(&String::from_utf8_lossy(&bytes));
        }
    };
    tokio::time::timeout(PATIENCE, hearing)
        .await
        .expect("it is heard of");
}

#[tokio::test]
async fn a_job_is_done_once_whichever_node_does_it_and_survives_its_node() {
    let Some(mut pair) = Pair::start().await else {
        return;
    };
    assert!(
        pair.here
            .run(&["user", "make-admin", "alice@example.org"], "")
            .await
            .is_success()
    );
    let (here, mut there) = (pair.alice_here.clone(), pair.alice_there.clone());
    // Every purge queues a job that frees what was below.
    for round in 0..12_u8 {
        let client = [&here, &there][usize::from(round % 2)];
        let folder = client
            .post("/api/v1/folders", &json!({"name": format!("f{round}")}))
            .await;
        let id = folder.expect(201).json()["id"].as_str().unwrap().to_owned();
        for file in 0..3 {
            let path = format!("/api/v1/folders/{id}/files/{file}");
            client.put(&path, vec![round; 20_000]).await.expect(201);
        }
        client.delete(&format!("/api/v1/nodes/{id}")).await.expect(204);
        client.delete(&format!("/api/v1/trash/{id}")).await.expect(204);
        if round == 8 {
            pair.there.kill().await;
            pair.there.restart().await;
            there = pair.there.again(&there);
        }
    }

    // Every job ends; those that the dead node had in hand wait for their leases to run out.
    let ending = async {
        while !jobs(&here).await.iter().all(|job| job["status"] == "completed") {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(LEASE + PATIENCE, ending)
        .await
        .expect("every job ends");
    let ids: BTreeSet<String> = jobs(&here)
        .await
        .iter()
        .map(|job| job["job_id"].to_string())
        .collect();
    assert!(ids.len() >= 12, "{ids:?}");
    pair.there.stop().await;
    pair.here.stop().await;
    let checked = pair.here.run(&["fsck", "--verify"], "").await;
    assert!(checked.is_success(), "{}\n{}", checked.out, checked.err);
}
