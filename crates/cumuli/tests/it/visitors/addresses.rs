//! Signed addresses: one content, for a short time, and only as it was signed.

use serde_json::json;

use super::Tree;
use crate::bad_input::{check, harmless};
use crate::harness::until;
use crate::people::{Person, Town};
use crate::wire::Request;

/// Signs an address; answers its path.
async fn signed(person: &Person, file: &str, body: serde_json::Value) -> String {
    let reply = person
        .send(Request::post(&format!("/api/v1/files/{file}/url"), &body))
        .await;
    let url = reply.expect(200).field("url");
    url.strip_prefix("http://cumuli.test").unwrap().to_owned()
}

#[tokio::test]
async fn an_address_opens_its_content_without_any_other_proof() {
    let town = Town::start().await;
    let alice = &town.alice;
    let id = alice.file("a%20b.txt", b"one").await;
    alice.file("a%20b.txt", b"two!").await;
    let (new, old) = (
        signed(alice, &id, json!({})).await,
        signed(alice, &id, json!({"version": 1, "inline": true})).await,
    );

    let reply = town.send(&Request::get(&new)).await.expect(200);
    assert_eq!(
        (reply.body.as_slice(), reply.header("cache-control")),
        (&b"two!"[..], "private, no-store")
    );
    assert!(
        reply
            .header("content-disposition")
            .starts_with("attachment; filename=\"a b.txt\"")
    );
    let reply = town.send(&Request::get(&old)).await.expect(200);
    assert_eq!(reply.body, b"one");
    assert!(reply.header("content-disposition").starts_with("inline"));
    let part = Request::get(&new).header("Range", "bytes=1-2");
    assert_eq!(town.send(&part).await.expect(206).body, b"wo");
    let head = town.send(&Request::new("HEAD", &new)).await.expect(200);
    assert_eq!(head.header("content-length"), "4");
    // The content that it was signed for stays the one that it opens.
    alice.file("a%20b.txt", b"three").await;
    assert_eq!(town.send(&Request::get(&new)).await.expect(200).body, b"two!");
}

#[tokio::test]
async fn an_address_that_was_changed_opens_nothing() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let address = signed(&town.alice, &tree.file, json!({})).await;
    let other = signed(&town.alice, &tree.beside, json!({"inline": true})).await;
    let get = |target: String| Request::get(&target);
    let mut rows = Vec::new();
    for added in [
        "?",
        "?x=1",
        "?inline=true",
        "?expires_in=900",
        "?version=1",
        "?x=1&x=2",
        "?response-content-type=text/html",
    ] {
        for method in ["GET", "HEAD"] {
            let request = Request::new(method, &format!("{address}{added}"));
            rows.push(harmless(format!("{method} with {added}"), request, &[403]));
        }
    }
    for method in ["PUT", "POST", "PATCH", "DELETE"] {
        rows.push(harmless(method, Request::new(method, &address), &[405]));
    }
    let (body, tag) = address.strip_prefix("/blob/").unwrap().split_once('.').unwrap();
    let (other_body, other_tag) = other.strip_prefix("/blob/").unwrap().split_once('.').unwrap();
    for (name, secret) in [
        ("another's tag", format!("{body}.{other_tag}")),
        ("another's body", format!("{other_body}.{tag}")),
        ("no tag", format!("{body}.")),
        ("no body", format!(".{tag}")),
        ("no point", body.to_owned()),
        ("only a point", ".".to_owned() + "%2E"),
        ("a third part", format!("{body}.{tag}.x")),
        ("padding", format!("{body}=.{tag}=")),
        (
            "plus and slash",
            format!("{body}.{}", tag.replace('-', "+").replace('_', "%2F") + "+"),
        ),
        ("a space", format!("{body}.{tag}%20")),
        ("a long one", "x".repeat(4000)),
    ] {
        rows.push(harmless(name, get(format!("/blob/{secret}")), &[403]));
    }
    let last = address.len() - 1;
    for at in (6..last).step_by(7) {
        let letter = if &address[at..=at] == "A" { "B" } else { "A" };
        if &address[at..=at] != "." {
            let changed = format!("{}{letter}{}", &address[..at], &address[at + 1..]);
            rows.push(harmless(format!("letter {at}"), get(changed), &[403]));
        }
    }
    check(&town, rows).await;
    town.send(&get(address)).await.expect(200);
}

#[tokio::test]
async fn an_address_ends_with_its_time_or_with_the_right_of_who_signed_it() {
    let mut town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    for secs in [
        json!(0),
        json!(901),
        json!(315_360_000),
        json!(-1),
        json!("300"),
        json!(1.5),
    ] {
        let target = format!("/api/v1/files/{}/url", tree.file);
        let asked = Request::post(&target, &json!({"expires_in": secs}));
        town.alice.send(asked).await.expect(422);
    }
    let short = Request::get(&signed(&town.alice, &tree.file, json!({"expires_in": 1})).await);
    until(async || town.send(&short).await.status == 403).await;

    let give = json!({"node_id": tree.folder, "user_id": town.bob.id, "right": "view"});
    let share = town
        .alice
        .send(Request::post("/api/v1/shares", &give))
        .await
        .expect(201)
        .field("id");
    let bobs = Request::get(&signed(&town.bob, &tree.file, json!({})).await);
    let (_, app) = town.alice.app_password("laptop").await;
    let by_app = Request::post(&format!("/api/v1/files/{}/url", tree.file), &json!({}));
    let by_app = town
        .send(&by_app.header("Authorization", app))
        .await
        .expect(200)
        .field("url");
    let by_app = Request::get(by_app.strip_prefix("http://cumuli.test").unwrap());
    let own = Request::get(&signed(&town.alice, &tree.file, json!({})).await);
    let kept = Request::get(&signed(&town.alice, &tree.deep, json!({})).await);
    for request in [&bobs, &by_app, &own, &kept] {
        town.send(request).await.expect(200);
    }

    let revoke = Request::new("DELETE", &format!("/api/v1/shares/{share}"));
    town.alice.send(revoke).await.expect(204);
    town.send(&bobs).await.expect(404);
    let passwords = town.alice.get("/api/v1/app-passwords").await.json();
    let id = passwords["app_passwords"][0]["id"].as_str().unwrap().to_owned();
    let remove = Request::new("DELETE", &format!("/api/v1/app-passwords/{id}"));
    town.alice.send(remove).await.expect(204);
    town.send(&by_app).await.expect(403);
    let trash = Request::new("DELETE", &format!("/api/v1/nodes/{}", tree.file));
    town.alice.send(trash).await.expect(204);
    town.send(&own).await.expect(404);
    town.alice
        .send(Request::new("POST", "/auth/logout"))
        .await
        .expect(204);
    town.send(&kept).await.expect(403);
    town.alice.log_in().await;
    town.send(&kept).await.expect(403);
}

#[tokio::test]
async fn an_address_through_a_link_ends_with_the_link() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let (id, token) = super::made(&town.alice, &json!({"node_id": tree.file})).await;
    let url = town
        .send(&Request::get(&format!("/share/{token}")))
        .await
        .expect(200)
        .field("url");
    let address = Request::get(url.strip_prefix("http://cumuli.test").unwrap());
    town.send(&address).await.expect(200);

    let revoke = Request::new("DELETE", &format!("/api/v1/links/{id}"));
    town.alice.send(revoke).await.expect(204);

    town.send(&address).await.expect(403);
}
