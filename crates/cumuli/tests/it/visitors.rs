//! Public links and signed addresses from outside: what their holders may do, what they may not, and what
//! they are told.

mod addresses;
mod changes;
mod drops;
mod limits;
mod locks;
mod places;
mod public;
mod zips;

use serde_json::{Value, json};

use crate::people::{Person, Town};
use crate::wire::{Reply, Request};

/// A tree of the owner's, of which one folder has a link.
struct Tree {
    /// Has the link.
    folder: String,
    /// In it, with `deep.txt`.
    inner: String,
    /// In it.
    file: String,
    deep: String,
    /// Beside it.
    beside: String,
}

impl Tree {
    async fn of(owner: &Person) -> Self {
        let folder = owner.folder("Holiday").await;
        let inner = owner.folder_in(&folder, "Inner").await;
        Self {
            file: put(owner, &folder, "file.txt", b"content").await,
            deep: put(owner, &inner, "deep.txt", b"deep content").await,
            beside: owner.file("beside.txt", b"beside").await,
            inner,
            folder,
        }
    }
}

/// A town with a tree of Alice's, whose folder has a link of this kind: its token.
async fn given(mut link: Value) -> (Town, Tree, String) {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    link["node_id"] = json!(tree.folder);
    let token = town.alice.link(&link).await;
    (town, tree, token)
}

/// Stores a file in a folder; answers its id.
async fn put(owner: &Person, folder: &str, name: &str, content: &[u8]) -> String {
    let target = format!("/api/v1/folders/{folder}/files/{name}");
    owner
        .send(Request::put(&target, content))
        .await
        .expect(201)
        .field("id")
}

/// What a request would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Look,
    Change,
}

/// Every request that a visitor can send, about a folder and a file.
fn requests(token: &str, folder: &str, file: &str) -> Vec<(Act, Request)> {
    let at = |rest: &str| format!("/s/{token}/{rest}");
    let get = |rest: &str| (Act::Look, Request::get(&at(rest)));
    let head = |rest: &str| (Act::Look, Request::new("HEAD", &at(rest)));
    let json =
        |method: &str, rest: &str, body: Value| (Act::Change, Request::new(method, &at(rest)).json(&body));
    let content = format!("files/{file}/content");
    vec![
        get("info"),
        head("info"),
        get("items"),
        get(&format!("items?folder={folder}")),
        get("content"),
        head("content"),
        get("content?inline=true"),
        get(&content),
        head(&content),
        get("zip"),
        head("zip"),
        get(&format!("zip?folder={folder}")),
        (Act::Change, Request::put(&at(&content), "x")),
        (
            Act::Change,
            Request::put(&at(&format!("folders/{folder}/files/new.txt")), "x"),
        ),
        (Act::Change, Request::put(&at("folders/root/files/new.txt"), "x")),
        json("POST", "folders", json!({"parent_id": folder, "name": "made"})),
        json("PATCH", &format!("nodes/{file}"), json!({"name": "renamed"})),
        json("PATCH", &format!("nodes/{file}"), json!({"parent_id": folder})),
        (Act::Change, Request::new("DELETE", &at(&format!("nodes/{file}")))),
    ]
}

/// What a refusal says, whichever request it is to.
fn told(reply: &Reply) -> (u16, Value) {
    (reply.status, reply.json())
}

/// How often a link was used, as its maker sees it.
async fn downloads(maker: &Person, link: &str) -> u64 {
    let view = maker.get(&format!("/api/v1/links/{link}")).await.expect(200);
    view.json()["downloads"].as_u64().unwrap()
}

/// Makes a link; answers its id and token.
async fn made(maker: &Person, body: &Value) -> (String, String) {
    let reply = maker.send(Request::post("/api/v1/links", body)).await.expect(201);
    (reply.field("id"), reply.field("token"))
}

/// What a folder of the owner holds, by name.
async fn names(owner: &Person, folder: &str) -> Vec<String> {
    let page = owner
        .get(&format!("/api/v1/folders/{folder}/children"))
        .await
        .expect(200);
    let items = page.json()["items"].as_array().unwrap().clone();
    items
        .iter()
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

/// The page of a link is the same for all of them, and an address of none has its own.
#[tokio::test]
async fn the_page_of_a_link_keeps_its_address_to_itself() {
    let town = Town::on(crate::harness::Engine::Sqlite).await;
    let tree = Tree::of(&town.alice).await;
    let token = town.alice.link(&json!({"node_id": tree.folder})).await;
    let browser = |token: &str| Request::get(&format!("/s/{token}")).header("Accept", "text/html,*/*");

    let page = town.send(&browser(&token)).await.expect(200);
    let none = town.send(&browser("0000000000000000000000")).await.expect(404);

    assert_eq!(page.body, none.body);
    for reply in [&page, &none] {
        assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("x-robots-tag"), "noindex");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert!(!reply.text().contains("Holiday") && !reply.text().contains(&token));
    }
    let program = town
        .send(&Request::get("/s/0000000000000000000000"))
        .await
        .expect(404);
    assert_eq!(program.header("content-type"), "application/problem+json");
}
