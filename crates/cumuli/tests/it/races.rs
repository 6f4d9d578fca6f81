//! Clients that want the same thing at the same time: exactly one outcome, and nothing lost.

mod accounts;
mod contents;
mod places;

use std::collections::BTreeMap;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Client, Content, Engine, Reply, Server};

/// Clients that race.
const RACERS: usize = 8;
/// Times that each race is run.
const ROUNDS: u64 = 8;

/// A small content, which lies beside its row, and a big one, which is a file of its own.
const SIZES: [usize; 2] = [700, 40_000];

/// Starts a server with one user on each engine, lets them race, and compares all rows and bytes.
async fn on_each_engine(race: impl AsyncFn(&Server, &Client)) {
    for engine in Engine::all() {
        let mut server = Server::on(engine).start().await;
        let alice = server.user("alice@example.org").await;
        race(&server, &alice).await;
        assert_eq!(server.stop().await.code(), Some(0));
        let checked = server.run(&["fsck", "--verify"], "").await;
        assert!(checked.is_success(), "{}\n{}", checked.out, checked.err);
    }
}

/// Runs what they do at once; the replies are in their order.
async fn at_once<F: Future>(racers: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    join_all(racers).await
}

/// How often each status was answered.
fn statuses(replies: &[Reply]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        *counts.entry(reply.status).or_default() += 1;
    }
    counts
}

/// The statuses of a race that one won.
#[track_caller]
fn assert_one_won(replies: &[Reply], (won, lost): (u16, u16)) -> usize {
    let expected = BTreeMap::from([(won, 1), (lost, replies.len() - 1)]);
    let texts: Vec<String> = replies.iter().map(Reply::text).collect();
    assert_eq!(statuses(replies), expected, "{texts:?}");
    replies.iter().position(|reply| reply.status == won).unwrap()
}

/// A different content for each racer of each round.
fn content(round: u64, racer: usize) -> Content {
    let size = SIZES[usize::try_from(round).unwrap() % 2];
    Content {
        seed: round * 1000 + racer as u64,
        len: size + racer,
    }
}

async fn make_folder(client: &Client, parent: &str, name: &str) -> String {
    let body = json!({"parent_id": parent, "name": name});
    id(&client.post("/api/v1/folders", &body).await.expect(201))
}

async fn make_file(client: &Client, folder: &str, name: &str, content: Content) -> String {
    let path = format!("/api/v1/folders/{folder}/files/{name}");
    id(&client.put(&path, content.bytes()).await.expect(201))
}

#[track_caller]
fn id(reply: &Reply) -> String {
    reply.json()["id"].as_str().unwrap().to_owned()
}

/// What a folder holds, by name.
async fn children(client: &Client, folder: &str) -> BTreeMap<String, Value> {
    let path = format!("/api/v1/folders/{folder}/children?limit=1000");
    items(client, &path).await
}

async fn trash(client: &Client) -> BTreeMap<String, Value> {
    items(client, "/api/v1/trash?limit=1000").await
}

async fn items(client: &Client, path: &str) -> BTreeMap<String, Value> {
    let page = client.get(path).await.expect(200).json();
    let items = page["items"].as_array().unwrap();
    let by_name: BTreeMap<String, Value> = items
        .iter()
        .map(|item| (item["name"].as_str().unwrap().to_owned(), item.clone()))
        .collect();
    assert_eq!(by_name.len(), items.len(), "two of one name: {page}");
    by_name
}

async fn bytes(client: &Client, file: &str) -> Vec<u8> {
    let reply = client.get(&format!("/api/v1/files/{file}/content")).await;
    reply.expect(200).body.to_vec()
}

/// Puts a content at a path of the API with a header.
async fn put(client: &Client, path: &str, content: Content, header: Option<(&str, &str)>) -> Reply {
    let request = client.request(Method::PUT, path).body(content.bytes());
    let request = match header {
        Some((name, value)) => request.header(name, value),
        None => request,
    };
    client.send(request).await
}
