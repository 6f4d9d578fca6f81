//! Links for editing: visitors work in somebody else's folder.

use serde_json::json;

use super::{Tree, given, names, put};
use crate::bad_input::{check, harmless};
use crate::people::Town;
use crate::wire::Request;

#[tokio::test]
async fn a_visitor_adds_changes_and_deletes_in_the_folder_of_the_link() {
    let town = Town::start().await;
    let (alice, tree) = (&town.alice, Tree::of(&town.alice).await);
    let token = alice.link(&json!({"node_id": tree.folder, "mode": "edit"})).await;
    let at = |rest: &str| format!("/s/{token}/{rest}");

    let new = town
        .send(&Request::put(&at("folders/root/files/new.txt"), "new"))
        .await
        .expect(201);
    assert_eq!(
        (new.field("name"), new.json()["size"].as_u64()),
        ("new.txt".to_owned(), Some(3))
    );
    let again = at(&format!("folders/{}/files/new.txt", tree.folder));
    town.send(&Request::put(&again, "newer")).await.expect(200);
    town.send(&Request::put(&format!("{again}?on_conflict=fail"), "x"))
        .await
        .expect(409);
    let both = town
        .send(&Request::put(&format!("{again}?on_conflict=keep_both"), "x"))
        .await
        .expect(201);
    assert_eq!(both.field("name"), "new (2).txt");
    let versions = alice
        .get(&format!("/api/v1/files/{}/versions", new.field("id")))
        .await
        .expect(200);
    let newest = &versions.json()["versions"][0];
    assert_eq!(
        (&newest["origin"], &newest["author_id"]),
        (&json!("link"), &json!(null))
    );

    let over = at(&format!("files/{}/content", tree.deep));
    town.send(&Request::put(&over, "other").header("If-Match", "\"x\""))
        .await
        .expect(412);
    town.send(&Request::put(&over, "other")).await.expect(200);
    let made = town
        .send(&Request::post(&at("folders"), &json!({"path": "A/B"})))
        .await
        .expect(201);
    let patch = |id: &str, body| Request::new("PATCH", &at(&format!("nodes/{id}"))).json(&body);
    let moved = json!({"name": "moved.txt", "parent_id": made.field("id")});
    town.send(&patch(&tree.file, moved)).await.expect(200);
    assert_eq!(names(alice, &made.field("id")).await, ["moved.txt"]);
    town.send(&patch(&tree.file, json!({"parent_id": "root"})))
        .await
        .expect(200);
    let gone = Request::new("DELETE", &at(&format!("nodes/{}", tree.inner)));
    town.send(&gone).await.expect(204);
    assert_eq!(
        names(alice, &tree.folder).await,
        ["A", "moved.txt", "new (2).txt", "new.txt"]
    );
    let trash = alice.get("/api/v1/trash").await.expect(200).json();
    assert_eq!(trash["items"][0]["id"], json!(tree.inner));
}

/// What was given stays where its owner put it.
#[tokio::test]
async fn the_top_of_a_link_can_be_renamed_but_not_taken_away() {
    let (town, tree, token) = given(json!({"mode": "edit"})).await;
    let top = format!("/s/{token}/nodes/{}", tree.folder);
    let rows = vec![
        harmless("deleted", Request::new("DELETE", &top), &[403]),
        harmless(
            "moved",
            Request::new("PATCH", &top).json(&json!({"parent_id": tree.inner})),
            &[403],
        ),
        harmless(
            "into itself",
            Request::new("PATCH", &top).json(&json!({"parent_id": "root"})),
            &[403],
        ),
    ];
    check(&town, rows).await;

    let renamed = Request::new("PATCH", &top).json(&json!({"name": "Renamed"}));
    assert_eq!(town.send(&renamed).await.expect(200).field("name"), "Renamed");
}

/// A link reaches no further than who made it.
#[tokio::test]
async fn an_editing_link_of_somebody_who_may_only_look_is_for_looking() {
    let town = Town::start().await;
    let (alice, tree) = (&town.alice, Tree::of(&town.alice).await);
    let give = |right: &str| {
        let body = json!({"node_id": tree.folder, "user_id": town.bob.id, "right": right, "may_share": true});
        Request::post("/api/v1/shares", &body)
    };
    alice.send(give("edit")).await.expect(201);
    let token = town
        .bob
        .link(&json!({"node_id": tree.folder, "mode": "edit"}))
        .await;
    let target = format!("/s/{token}/folders/root/files/x.txt");
    town.send(&Request::put(&target, "x")).await.expect(201);

    alice.send(give("view")).await.expect(200);

    town.send(&Request::put(&target, "y")).await.expect(403);
    let info = town
        .send(&Request::get(&format!("/s/{token}/info")))
        .await
        .expect(200)
        .json();
    assert_eq!(info["may"], json!({"view": true, "edit": false, "drop": false}));
}

/// An upload that began before a link was revoked does not end as a file.
#[tokio::test]
async fn revoking_a_link_ends_what_is_being_uploaded_through_it() {
    let town = Town::start().await;
    let (alice, tree) = (&town.alice, Tree::of(&town.alice).await);
    for mode in ["edit", "drop"] {
        let (id, token) = super::made(alice, &json!({"node_id": tree.folder, "mode": mode})).await;
        let url = format!("{}/s/{token}/folders/root/files/late.bin", town.server.address());
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
        let body = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|chunk| (chunk, receiver))
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let upload = client.put(url).body(reqwest::Body::wrap_stream(body)).send();
        let upload = tokio::spawn(upload);
        sender.send(Ok(vec![0; 100_000])).await.unwrap();
        sender.send(Ok(vec![0; 100_000])).await.unwrap();

        let revoke = Request::new("DELETE", &format!("/api/v1/links/{id}"));
        alice.send(revoke).await.expect(204);
        sender.send(Ok(vec![0; 100_000])).await.unwrap();
        drop(sender);

        assert_eq!(upload.await.unwrap().unwrap().status().as_u16(), 404, "{mode}");
        assert_eq!(names(alice, &tree.folder).await, ["Inner", "file.txt"]);
    }
    put(alice, &tree.folder, "late.bin", b"free").await;
}
