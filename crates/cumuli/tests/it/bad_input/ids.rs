//! Ids and places that do not fit.

use serde_json::json;

use super::{check, done, harmless, signed};
use crate::people::Town;
use crate::wire::Request;

#[tokio::test]
async fn an_id_has_one_spelling() {
    let town = Town::start().await;
    let alice = &town.alice;
    let id = alice.file("a.txt", b"a").await;
    let spelled: Vec<String> = vec![
        "0".into(),
        "-1".into(),
        "1".into(),
        "..".into(),
        ".".into(),
        "%2e%2e".into(),
        "%00".into(),
        "%20".into(),
        "null".into(),
        format!("{{{id}}}"),
        format!("%7B{id}%7D"),
        id.to_uppercase(),
        id.replace('-', ""),
        format!("urn:uuid:{id}"),
        format!("{id}%20"),
        format!("%20{id}"),
        format!("{id}%00"),
        format!("{id}%0A"),
        format!("{id}x"),
        id[..35].to_owned(),
        format!("{id},{id}"),
        "00000000-0000-0000-0000-000000000000".into(),
        "ffffffff-ffff-ffff-ffff-ffffffffffff".into(),
        "x".repeat(6000),
        "%C3%A9".into(),
        "'%20OR%201=1--".into(),
    ];
    let mut rows = Vec::new();
    for id in &spelled {
        for target in [
            format!("/api/v1/nodes/{id}"),
            format!("/api/v1/files/{id}"),
            format!("/api/v1/files/{id}/content"),
            format!("/api/v1/files/{id}/versions"),
            format!("/api/v1/folders/{id}/children"),
            format!("/api/v1/status/{id}"),
        ] {
            rows.push(harmless(
                format!("{target:.90}"),
                Request::get(&target),
                &[400, 404],
            ));
        }
        let purge = Request::new("DELETE", &format!("/api/v1/trash/{id}"));
        rows.push(harmless(format!("purging {id:.40}"), purge, &[400, 404]));
    }
    for id in ["x".repeat(9000), "x".repeat(60_000)] {
        rows.push(super::unread(
            "an id of many bytes",
            Request::get(&format!("/api/v1/nodes/{id}")),
            &[404, 414, 431],
        ));
    }
    for number in [
        "0",
        "-1",
        "2",
        "1.0",
        "01x",
        "18446744073709551615",
        "18446744073709551616",
        "9223372036854775808",
        "%31%00",
    ] {
        let version = format!("/api/v1/files/{id}/versions/{number}");
        rows.push(harmless(
            format!("version {number}"),
            Request::get(&format!("{version}/content")),
            &[400, 404],
        ));
        rows.push(harmless(
            format!("version {number} removed"),
            Request::new("DELETE", &version),
            &[400, 404],
        ));
        rows.push(harmless(
            format!("version {number} restored"),
            Request::new("POST", &format!("{version}/restore")),
            &[400, 404],
        ));
    }
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn an_id_names_one_kind_of_thing() {
    let town = Town::start().await;
    let alice = &town.alice;
    let (file, folder) = (alice.file("a.txt", b"a").await, alice.folder("f").await);
    let (app, _) = alice.app_password("script").await;
    let sessions = alice.get("/api/v1/sessions").await.expect(200).json();
    let session = sessions["sessions"][0]["id"].as_str().unwrap().to_owned();
    let mut rows = Vec::new();
    for (what, id) in [
        ("a user", &alice.id),
        ("a session", &session),
        ("an app password", &app),
    ] {
        for target in [
            format!("/api/v1/nodes/{id}"),
            format!("/api/v1/files/{id}"),
            format!("/api/v1/folders/{id}"),
            format!("/api/v1/jobs/{id}"),
        ] {
            rows.push(harmless(
                format!("{what} at {target}"),
                Request::get(&target),
                &[404],
            ));
        }
    }
    for target in ["sessions", "app-passwords", "trash"] {
        let request = Request::new("DELETE", &format!("/api/v1/{target}/{file}"));
        rows.push(harmless(format!("a file among the {target}"), request, &[404]));
    }
    for target in ["", "/content", "/versions", "/versions/1/content"] {
        let target = format!("/api/v1/files/{folder}{target}");
        rows.push(harmless(
            format!("a folder at {target}"),
            Request::get(&target),
            &[404],
        ));
    }
    rows.extend([
        harmless(
            "a file for a folder",
            Request::get(&format!("/api/v1/folders/{file}")),
            &[404, 409],
        ),
        harmless(
            "the children of a file",
            Request::get(&format!("/api/v1/folders/{file}/children")),
            &[404, 409],
        ),
        harmless(
            "a file in a file",
            Request::put(&format!("/api/v1/folders/{file}/files/x"), "x"),
            &[404, 409],
        ),
        harmless(
            "a folder in a file",
            Request::post("/api/v1/folders", &json!({"name": "x", "parent_id": file})),
            &[404, 409],
        ),
        harmless(
            "a folder below a file",
            Request::post("/api/v1/folders", &json!({"path": "a.txt/x"})),
            &[404, 409],
        ),
        harmless(
            "a content for a folder",
            Request::put(&format!("/api/v1/files/{folder}/content"), "x"),
            &[404, 405, 409],
        ),
        harmless(
            "a content by path for a folder",
            Request::put("/api/v1/paths/f", "x"),
            &[405, 409],
        ),
    ]);
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn nothing_moves_into_itself_or_to_others() {
    let town = Town::start().await;
    let (alice, bob) = (&town.alice, &town.bob);
    let top = alice.folder("top").await;
    let child = alice.folder_in(&top, "child").await;
    let low = alice.folder_in(&child, "low").await;
    let file = alice.file("a.txt", b"a").await;
    let gone = alice.file("gone.txt", b"g").await;
    alice
        .send(Request::new("DELETE", &format!("/api/v1/nodes/{gone}")))
        .await
        .expect(204);
    let theirs = bob.folder("theirs").await;
    let their_file = bob.file("theirs.txt", b"t").await;
    let to = |node: &str, folder: &str| {
        Request::new("PATCH", &format!("/api/v1/nodes/{node}")).json(&json!({"parent_id": folder}))
    };
    let copy = |node: &str, folder: &str| {
        Request::post(
            &format!("/api/v1/nodes/{node}/copy"),
            &json!({"parent_id": folder}),
        )
    };
    let mut rows = vec![
        harmless("a folder into itself", to(&top, &top), &[409]),
        harmless("a folder into its child", to(&top, &child), &[409]),
        harmless("a folder far into itself", to(&top, &low), &[409]),
        harmless("the root", to(&alice.root, &top), &[409]),
        harmless(
            "the root renamed",
            Request::new("PATCH", &format!("/api/v1/nodes/{}", alice.root)).json(&json!({"name": "x"})),
            &[409],
        ),
        harmless(
            "the root deleted",
            Request::new("DELETE", &format!("/api/v1/nodes/{}", alice.root)),
            &[409],
        ),
        harmless("a deleted file", to(&gone, &top), &[404]),
    ];
    for (whose, folder) in [
        ("another's folder", &theirs),
        ("another's root", &bob.root),
        ("a deleted file", &gone),
    ] {
        rows.extend([
            harmless(format!("a move into {whose}"), to(&file, folder), &[404]),
            harmless(format!("a copy into {whose}"), copy(&file, folder), &[404]),
            harmless(
                format!("a folder in {whose}"),
                Request::post("/api/v1/folders", &json!({"name": "x", "parent_id": folder})),
                &[404],
            ),
            harmless(
                format!("a file in {whose}"),
                Request::put(&format!("/api/v1/folders/{folder}/files/x"), "x"),
                &[404],
            ),
            harmless(
                format!("a search in {whose}"),
                Request::get(&format!("/api/v1/search?folder={folder}")),
                &[404],
            ),
            harmless(
                format!("a listing of {whose}"),
                Request::get(&format!("/api/v1/folders/{folder}/children")),
                &[404],
            ),
            harmless(
                format!("a restore into {whose}"),
                Request::post(
                    &format!("/api/v1/trash/{gone}/restore"),
                    &json!({"parent_id": folder}),
                ),
                &[404],
            ),
        ]);
    }
    rows.extend([
        harmless("a copy of another's file", copy(&their_file, "root"), &[404]),
        harmless("a move of another's file", to(&their_file, "root"), &[404]),
        harmless(
            "a star on another's file",
            Request::new("PUT", &format!("/api/v1/nodes/{their_file}/star")),
            &[404],
        ),
    ]);
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn trees_end_at_their_deepest_level() {
    let town = Town::start().await;
    let alice = &town.alice;
    let deep = |levels: usize| vec!["d"; levels].join("/");
    let make = |path: String| Request::post("/api/v1/folders", &json!({"path": path}));
    let long = vec!["x".repeat(250); 17].join("/");
    check(
        &town,
        signed(
            alice,
            vec![
                harmless("129 levels", make(deep(129)), &[422]),
                harmless("a path of 4,266 bytes", make(long.clone()), &[422]),
                harmless(
                    "a file at a path of 4,266 bytes",
                    Request::put(&format!("/api/v1/paths/{long}"), "x"),
                    &[422],
                ),
                harmless(
                    "looking for a path of 4,266 bytes",
                    Request::get(&format!("/api/v1/resolve?path={long}")),
                    &[404, 422],
                ),
                done("100 levels", make(deep(100)), 201),
                done("128 levels", make(deep(128)), 201),
                harmless(
                    "a file at level 129",
                    Request::put(&format!("/api/v1/paths/{}/x", deep(128)), "x"),
                    &[422],
                ),
            ],
        ),
    )
    .await;
    let at = |levels: usize| format!("/api/v1/resolve?path={}", deep(levels));
    let lowest = alice.get(&at(128)).await.expect(200).field("id");
    let (twenty, top) = (
        alice.get(&at(108)).await.field("id"),
        alice.get(&at(1)).await.field("id"),
    );
    let pair = alice.folder("pair").await;
    alice.folder_in(&pair, "inner").await;
    let at_127 = alice.get(&at(127)).await.field("id");
    let to = |node: &str, folder: &str| {
        Request::new("PATCH", &format!("/api/v1/nodes/{node}"))
            .json(&json!({"parent_id": folder, "name": "moved"}))
    };
    check(
        &town,
        signed(
            alice,
            vec![
                harmless(
                    "a folder below the lowest",
                    Request::post("/api/v1/folders", &json!({"name": "x", "parent_id": lowest})),
                    &[422],
                ),
                harmless(
                    "a file below the lowest",
                    Request::put(&format!("/api/v1/folders/{lowest}/files/x"), "x"),
                    &[422],
                ),
                harmless(
                    "a tree moved to where its lowest would be too low",
                    to(&pair, &at_127),
                    &[422],
                ),
                harmless(
                    "a tree copied to there",
                    Request::post(
                        &format!("/api/v1/nodes/{pair}/copy"),
                        &json!({"parent_id": at_127}),
                    ),
                    &[422],
                ),
                harmless(
                    "a tree copied into its own end",
                    Request::post(
                        &format!("/api/v1/nodes/{top}/copy"),
                        &json!({"parent_id": twenty}),
                    ),
                    &[409, 422],
                ),
            ],
        ),
    )
    .await;
}
