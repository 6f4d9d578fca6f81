//! Where a link leads, and where it does not.

use serde_json::json;

use super::{Act, Tree, given, made, put, requests, told};
use crate::bad_input::{check, harmless};
use crate::harness::until;
use crate::people::Town;
use crate::wire::Request;

/// A token that is nearly right is as wrong as any other.
#[tokio::test]
async fn a_token_that_is_not_one_opens_nothing() {
    let (town, tree, token) = given(json!({"mode": "edit"})).await;
    let last = token.chars().last().unwrap();
    let other = if last == '0' { '1' } else { '0' };
    let start = &token[..token.len() - 1];
    let flipped: String = token
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let id = town.alice.get("/api/v1/links").await.json()["links"][0]["id"].clone();
    let mut wrong = vec![
        format!("{start}{other}"),
        flipped,
        start.to_owned(),
        format!("{token}0"),
        format!("{start}%2F{last}"),
        format!("{token}%3F"),
        format!("{token}%00"),
        format!("%20{token}"),
        "-".to_owned(),
        "%F0%9F%8C%A4".to_owned(),
        id.as_str().unwrap().to_owned(),
        tree.folder.clone(),
    ];
    wrong.push("x".repeat(5000));
    let mut rows = Vec::new();
    for wrong in &wrong {
        let all = requests(wrong, &tree.inner, &tree.file);
        for (n, (_, request)) in all.into_iter().enumerate() {
            rows.push(harmless(format!("{n} at {wrong:.40}"), request, &[404]));
        }
        rows.push(harmless("the page", Request::get(&format!("/s/{wrong}")), &[404]));
        rows.push(harmless(
            "its bytes",
            Request::get(&format!("/share/{wrong}")),
            &[404],
        ));
        let unlock = Request::post(&format!("/s/{wrong}/unlock"), &json!({"password": "x"}));
        rows.push(harmless("its lock", unlock, &[404]));
    }
    check(&town, rows).await;
}

#[tokio::test]
async fn nothing_outside_its_tree_exists_for_a_link() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let bobs = town.bob.file("bobs.txt", b"bob").await;
    let hidden = put(&town.alice, &tree.folder, "hidden.txt", b"hidden").await;
    let trash = Request::new("DELETE", &format!("/api/v1/nodes/{hidden}"));
    town.alice.send(trash).await.expect(204);
    let token = town
        .alice
        .link(&json!({"node_id": tree.folder, "mode": "edit"}))
        .await;
    let at = |rest: &str| format!("/s/{token}/{rest}");
    let mut rows = Vec::new();
    let ids = [
        &tree.beside,
        &bobs,
        &hidden,
        &town.alice.root,
        &town.alice.id,
        "..",
        "%2e%2e",
        "..%2F..",
        "%2Fetc%2Fpasswd",
        "0",
        "root",
    ];
    for id in ids {
        for request in [
            Request::get(&at(&format!("files/{id}/content"))),
            Request::new("HEAD", &at(&format!("files/{id}/content"))),
            Request::put(&at(&format!("files/{id}/content")), "x"),
            Request::new("PATCH", &at(&format!("nodes/{id}"))).json(&json!({"name": "x"})),
            Request::new("DELETE", &at(&format!("nodes/{id}"))),
        ] {
            let name = format!("{} {}", request.method, request.target);
            // A dot segment is taken out on the way by some, and then another address is meant.
            rows.push(harmless(name, request, &[404, 405]));
        }
    }
    for id in [&tree.beside, &bobs, &hidden, &town.alice.root] {
        let folder = json!({"parent_id": id, "name": "x"});
        for (request, expected) in [
            (Request::get(&at(&format!("items?folder={id}"))), 404),
            (Request::get(&at(&format!("zip?folder={id}"))), 404),
            (Request::put(&at(&format!("folders/{id}/files/x")), "x"), 404),
            (Request::post(&at("folders"), &folder), 404),
            (
                Request::new("PATCH", &at(&format!("nodes/{}", tree.file))).json(&json!({"parent_id": id})),
                404,
            ),
        ] {
            let name = format!("{} {}", request.method, request.target);
            rows.push(harmless(name, request, &[expected]));
        }
    }
    for query in ["folder=..", "folder=%2e%2e%2f", "folder=/etc"] {
        rows.push(harmless(
            query,
            Request::get(&at(&format!("items?{query}"))),
            &[400],
        ));
    }
    rows.push(harmless(
        "a path up",
        Request::post(&at("folders"), &json!({"path": "../x"})),
        &[422],
    ));
    check(&town, rows).await;
}

#[tokio::test]
async fn a_link_of_a_file_opens_that_file_alone() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let token = town
        .alice
        .link(&json!({"node_id": tree.file, "mode": "edit"}))
        .await;
    let at = |rest: &str| format!("/s/{token}/{rest}");

    let content = town.send(&Request::get(&at("content"))).await.expect(200);
    assert_eq!(content.body, b"content");
    let own = town
        .send(&Request::get(&at(&format!("files/{}/content", tree.file))))
        .await;
    assert_eq!(own.expect(200).body, b"content");

    let mut rows = Vec::new();
    for id in [&tree.deep, &tree.beside] {
        rows.push(harmless(
            "a sibling",
            Request::get(&at(&format!("files/{id}/content"))),
            &[404],
        ));
        let rename = Request::new("PATCH", &at(&format!("nodes/{id}"))).json(&json!({"name": "x"}));
        rows.push(harmless("renaming a sibling", rename, &[404]));
    }
    let above = format!("folders/{}/files/x", tree.folder);
    rows.extend([
        harmless(
            "its folder",
            Request::get(&at(&format!("items?folder={}", tree.folder))),
            &[404],
        ),
        harmless(
            "its folder packed",
            Request::get(&at(&format!("zip?folder={}", tree.folder))),
            &[404],
        ),
        harmless("into its folder", Request::put(&at(&above), "x"), &[404]),
        harmless("a list of a file", Request::get(&at("items")), &[409]),
        harmless(
            "into a file",
            Request::put(&at("folders/root/files/x"), "x"),
            &[409],
        ),
    ]);
    check(&town, rows).await;
}

#[tokio::test]
async fn a_link_for_looking_changes_nothing() {
    let (town, tree, token) = given(json!({})).await;
    let mut rows = Vec::new();
    for (act, request) in requests(&token, &tree.inner, &tree.file) {
        if act == Act::Change {
            let name = format!("{} {}", request.method, request.target);
            rows.push(harmless(name, request, &[403]));
        }
    }
    let target = format!("/s/{token}/nodes/{}", tree.file);
    for method in ["COPY", "MOVE", "LOCK", "POST", "PUT", "PROPPATCH"] {
        rows.push(harmless(method, Request::new(method, &target), &[405]));
    }
    check(&town, rows).await;
}

#[tokio::test]
async fn a_folder_is_listed_with_the_way_to_it_and_nothing_above() {
    let (town, tree, token) = given(json!({})).await;

    let info = town
        .send(&Request::get(&format!("/s/{token}/info")))
        .await
        .expect(200)
        .json();
    let expected = json!({
        "mode": "view", "kind": "folder", "name": "Holiday", "id": tree.folder, "size": null,
        "mime_type": null, "updated_at": info["updated_at"], "owner_name": "Somebody",
        "has_password": false, "expires_at": null, "downloads_left": null,
        "may": {"view": true, "edit": false, "drop": false},
    });
    assert_eq!(info, expected);

    let target = format!("/s/{token}/items?folder={}", tree.inner);
    let page = town.send(&Request::get(&target)).await.expect(200).json();
    let trail = json!([{"id": tree.folder, "name": "Holiday"}, {"id": tree.inner, "name": "Inner"}]);
    assert_eq!(page["trail"], trail);
    let items = json!([{
        "id": tree.deep, "kind": "file", "name": "deep.txt", "size": 12, "mime_type": "text/plain",
        "updated_at": page["items"][0]["updated_at"],
    }]);
    assert_eq!(page["items"], items);
    let first = town
        .send(&Request::get(&format!("/s/{token}/items?limit=1")))
        .await
        .expect(200)
        .json();
    assert_eq!(first["items"][0]["name"], "Inner");
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = format!("/s/{token}/items?limit=1&cursor={cursor}");
    let next = town.send(&Request::get(&next)).await.expect(200).json();
    assert_eq!(
        (&next["items"][0]["name"], &next["next_cursor"]),
        (&json!("file.txt"), &json!(null))
    );
    assert!(next.get("trail").is_none());
    // A cursor of one link's list fits no other list.
    let other = town.alice.link(&json!({"node_id": tree.folder})).await;
    let foreign = format!("/s/{other}/items?limit=1&cursor={cursor}");
    town.send(&Request::get(&foreign)).await.expect(400);
}

/// Whatever the reason is that a link opens nothing, it looks as if there had never been one.
#[tokio::test]
async fn a_link_that_is_over_is_as_one_that_never_was() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let never = town.send(&Request::get("/s/0000000000000000000000/info")).await;
    let asked = async |token: &str| told(&town.send(&Request::get(&format!("/s/{token}/info"))).await);
    let folder = json!({"node_id": tree.folder});

    let (id, revoked) = made(&town.alice, &folder).await;
    assert_eq!(asked(&revoked).await.0, 200);
    let revoke = Request::new("DELETE", &format!("/api/v1/links/{id}"));
    town.alice.send(revoke).await.expect(204);
    assert_eq!(asked(&revoked).await, told(&never));

    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1500);
    let expiring = json!({"node_id": tree.folder, "expires_at": soon.to_string(), "password": "x"});
    let expiring = town.alice.link(&expiring).await;
    // Not even its password is asked for then.
    until(async || asked(&expiring).await == told(&never)).await;

    let token = town.alice.link(&folder).await;
    let node = format!("/api/v1/nodes/{}", tree.folder);
    town.alice.send(Request::new("DELETE", &node)).await.expect(204);
    assert_eq!(asked(&token).await, told(&never));
    let restore = format!("/api/v1/trash/{}/restore", tree.folder);
    town.alice
        .send(Request::post(&restore, &json!({})))
        .await
        .expect(200);
    assert_eq!(asked(&token).await.0, 200);

    let share = json!({"node_id": tree.folder, "user_id": town.bob.id, "right": "view", "may_share": true});
    let share = town
        .alice
        .send(Request::post("/api/v1/shares", &share))
        .await
        .expect(201)
        .field("id");
    let bobs = town.bob.link(&folder).await;
    assert_eq!(asked(&bobs).await.0, 200);
    let lost = Request::new("DELETE", &format!("/api/v1/shares/{share}"));
    town.alice.send(lost).await.expect(204);
    assert_eq!(asked(&bobs).await, told(&never));

    let disable = Request::new("PATCH", &format!("/api/v1/admin/users/{}", town.alice.id));
    town.admin
        .send(disable.json(&json!({"disabled": true})))
        .await
        .expect(200);
    assert_eq!(asked(&token).await, told(&never));
}

/// What owners are told of links holds no secret but their own addresses.
#[tokio::test]
async fn links_tell_their_makers_only_their_addresses() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let share = json!({"node_id": tree.folder, "user_id": town.bob.id, "right": "view", "may_share": true});
    town.alice
        .send(Request::post("/api/v1/shares", &share))
        .await
        .expect(201);
    let body = json!({"node_id": tree.folder, "password": "open sesame"});
    let (bobs, token) = made(&town.bob, &body).await;

    let lists = [
        town.alice
            .get(&format!("/api/v1/nodes/{}/links", tree.folder))
            .await,
        town.alice.get(&format!("/api/v1/links/{bobs}")).await,
        town.alice.get("/api/v1/shares").await,
        town.alice
            .get(&format!("/api/v1/nodes/{}/access", tree.folder))
            .await,
    ];
    for list in lists {
        let text = list.expect(200).text();
        for secret in [token.as_str(), "sesame", "argon2", "password_hash", "token_hash"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    // Alice may revoke what opens hers; bob's other things are none of hers.
    let own = town.bob.file("own.txt", b"x").await;
    let (others, _) = made(&town.bob, &json!({"node_id": own})).await;
    let revoke = |id: &str| Request::new("DELETE", &format!("/api/v1/links/{id}"));
    town.alice.send(revoke(&others)).await.expect(404);
    town.alice.send(revoke(&others[..8])).await.expect(404);
    town.alice.send(revoke(&bobs)).await.expect(204);
    let left = town.bob.get("/api/v1/links").await.expect(200).json();
    assert_eq!(left["links"].as_array().unwrap().len(), 1);
}
