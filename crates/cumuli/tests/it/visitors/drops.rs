//! Links for dropping files: putting them into a folder and seeing nothing of it.

use serde_json::json;

use super::{Tree, given, names, requests};
use crate::bad_input::{check, harmless};
use crate::people::Town;
use crate::wire::Request;

#[tokio::test]
async fn files_come_in_and_nothing_goes_out() {
    let town = Town::start().await;
    let (alice, tree) = (&town.alice, Tree::of(&town.alice).await);
    let token = alice.link(&json!({"node_id": tree.folder, "mode": "drop"})).await;

    let info = town
        .send(&Request::get(&format!("/s/{token}/info")))
        .await
        .expect(200)
        .json();
    let expected = json!({
        "mode": "drop", "kind": "folder", "name": "Holiday", "id": null, "size": null,
        "mime_type": null, "updated_at": null, "owner_name": "Somebody",
        "has_password": false, "expires_at": null, "downloads_left": null,
        "may": {"view": false, "edit": false, "drop": true},
    });
    assert_eq!(info, expected);
    let target = format!("/s/{token}/folders/root/files/file.txt");
    // The name is taken: whether by others or by oneself is not told.
    for _ in 0..2 {
        let reply = town.send(&Request::put(&target, "mine")).await.expect(201);
        assert_eq!(reply.json(), json!({"name": "file.txt", "size": 4}));
        assert_eq!(reply.count("etag"), 0);
    }
    let guarded = Request::put(&target, "mine").header("If-None-Match", "*");
    town.send(&guarded).await.expect(201);
    let asked = Request::put(&format!("{target}?on_conflict=fail"), "mine");
    town.send(&asked).await.expect(201);
    let all = [
        "Inner",
        "file (2).txt",
        "file (3).txt",
        "file (4).txt",
        "file (5).txt",
        "file.txt",
    ];
    assert_eq!(names(alice, &tree.folder).await, all);
    let kept = alice
        .get(&format!("/api/v1/files/{}/content", tree.file))
        .await
        .expect(200);
    assert_eq!(kept.body, b"content");
}

#[tokio::test]
async fn every_look_and_every_other_change_is_of_nothing() {
    let (town, tree, token) = given(json!({"mode": "drop"})).await;
    let mut rows = Vec::new();
    for (_, request) in requests(&token, &tree.inner, &tree.file) {
        let is_open = request.target.ends_with("/info") || request.target.contains("/folders/root/files/");
        if is_open {
            continue;
        }
        rows.push(harmless(
            format!("{} {}", request.method, request.target),
            request,
            &[404],
        ));
    }
    rows.push(harmless(
        "for programs",
        Request::get(&format!("/share/{token}")),
        &[404],
    ));
    check(&town, rows).await;
}

#[tokio::test]
async fn how_full_a_space_is_is_not_told() {
    let (town, tree, token) = given(json!({"mode": "drop"})).await;
    let quota = Request::new("PATCH", &format!("/api/v1/admin/users/{}", town.alice.id));
    town.admin
        .send(quota.json(&json!({"quota_bytes": 1027})))
        .await
        .expect(200);

    for size in [1010, 50_000] {
        let target = format!("/s/{token}/folders/root/files/big.bin");
        let refused = town.send(&Request::put(&target, vec![0; size])).await.expect(507);
        assert_eq!(refused.field("detail"), "There is no room for it.");
    }
    assert_eq!(names(&town.alice, &tree.folder).await, ["Inner", "file.txt"]);
}
