//! CloudDrive: every route of its document.

use reqwest::Method;
use reqwest::multipart::Form;
use serde_json::json;

use super::{file, names, on_a_server, opened, post_form, text};
use crate::harness::{Client, Engine, Server};
use crate::matrix::DOT;
use crate::people::{Person, Town};
use crate::wire::Request;

#[tokio::test]
async fn somebody_signs_up_and_in_as_clients_of_fastapi_do() {
    let server = Server::on(Engine::strictest()).start().await;
    let mut client = server.client();
    let new = json!({"email": "carol@example.org", "password": "correct horse", "username": "Carol",
                     "is_active": true});

    let user = client.post("/user", &new).await.expect(201).json();
    assert_eq!(user["email"], "carol@example.org");
    assert_eq!(user["name"], "Carol");

    // The form of OAuth2, as `requests.post(url, data={…})` sends it.
    let fields = [
        ("grant_type", "password"),
        ("username", "carol@example.org"),
        ("password", "correct horse"),
        ("scope", ""),
    ];
    let request = client.request(Method::POST, "/login").form(&fields);
    let tokens = client.send(request).await.expect(200).json();
    assert_eq!(tokens["token_type"], "bearer");
    client.sign_in(&text(&tokens, "access_token"));
    let verified = client.get("/verify-token").await.expect(200).json();
    assert_eq!(verified["valid"], true);
    assert_eq!(verified["user"]["id"], user["id"]);

    for name in ["username", "email"] {
        let login = json!({name: "carol@example.org", "password": "correct horse"});
        client.post("/login", &login).await.expect(200);
    }
    // As a browser's `FormData` sends it.
    let form = Form::new()
        .text("username", "carol@example.org")
        .text("password", "correct horse");
    post_form(&client, "/login", form).await.expect(200);
    let renewed = json!({"refresh_token": tokens["refresh_token"]});
    client.post("/auth/refresh", &renewed).await.expect(200);
}

#[tokio::test]
async fn a_name_that_exists_is_refused_unless_the_request_says_what_to_do() {
    on_a_server(async |server, alice, _| {
        let stored = post_form(&alice, "/file", file("a.txt", "one"))
            .await
            .expect(201)
            .json();
        assert_eq!(stored["name"], "a.txt");

        let refused = post_form(&alice, "/file", file("a.txt", "two")).await.expect(409);
        assert_eq!(refused.json(), json!({"detail": "The name `a.txt` is taken"}));

        let replace = file("a.txt", "two").text("conflict", "replace");
        let replaced = post_form(&alice, "/file", replace).await.expect(201).json();
        assert_eq!(replaced["id"], stored["id"]);
        let keep = file("a.txt", "three").text("on_conflict", "keep-both");
        let kept = post_form(&alice, "/file", keep).await.expect(201).json();
        assert_eq!(kept["name"], "a (2).txt");
        let query = post_form(&alice, "/file?keep_both=true", file("a.txt", "four")).await;
        assert_eq!(query.expect(201).json()["name"], "a (3).txt");

        let found = alice
            .get(&format!("/file/{}", text(&stored, "id")))
            .await
            .expect(200)
            .json();
        assert_eq!(found["expires_in"], 300);
        assert_eq!(found["url"], found["download_url"]);
        assert_eq!(
            opened(&server, &text(&found, "url")).await.expect(200).text(),
            "two"
        );
    })
    .await;
}

#[tokio::test]
async fn files_and_folders_are_made_listed_renamed_and_deleted() {
    on_a_server(async |_, alice, _| {
        let papers = alice
            .post("/drive", &json!({"name": "Papers"}))
            .await
            .expect(201)
            .json();
        let id = text(&papers, "id");
        let inner = json!({"name": "2026", "parent_id": id});
        let inner = alice.post("/drive", &inner).await.expect(201).json();
        assert_eq!(inner["parent_id"], papers["id"]);
        for (name, content) in [("b.txt", "1"), ("a.txt", "333"), ("c.txt", "22")] {
            let form = Form::new().text("folder_id", id.clone());
            let part = reqwest::multipart::Part::text(content).file_name(name);
            post_form(&alice, "/file", form.part("file", part))
                .await
                .expect(201);
        }

        let list = async |query: &str| {
            let list = alice.get(&format!("/drive/{id}{query}")).await.expect(200).json();
            assert_eq!(names(&list["folders"]), ["2026"]);
            names(&list["files"]).join(" ")
        };
        assert_eq!(list("").await, "a.txt b.txt c.txt");
        assert_eq!(list("?sort_by=name&order=desc").await, "c.txt b.txt a.txt");
        assert_eq!(list("?sort_by=date").await, "b.txt a.txt c.txt");
        assert_eq!(list("?sort_by=date&order=DESC").await, "c.txt a.txt b.txt");
        assert_eq!(list("?sort_by=size").await, "b.txt c.txt a.txt");
        assert_eq!(list("?limit=2").await, "a.txt");

        let page = alice
            .get(&format!("/drive/{id}?limit=2"))
            .await
            .expect(200)
            .json();
        let next = format!("/drive/{id}?cursor={}", text(&page, "next_cursor"));
        let rest = alice.get(&next).await.expect(200).json();
        assert_eq!(names(&rest["files"]), ["b.txt", "c.txt"]);
        assert!(rest["next_cursor"].is_null());
        let rest = alice
            .get(&format!("/drive/{id}?offset=3"))
            .await
            .expect(200)
            .json();
        assert_eq!(names(&rest["files"]), ["c.txt"]);

        let named = alice
            .patch(&format!("/drive/{id}"), &json!({"new_name": "Essays"}))
            .await;
        assert_eq!(named.expect(200).json()["name"], "Essays");
        let file = text(&rest["files"][0], "id");
        let named = alice
            .patch(&format!("/file/{file}"), &json!({"name": "d.txt"}))
            .await;
        assert_eq!(named.expect(200).json()["filename"], "d.txt");
        alice
            .patch(&format!("/file/{file}"), &json!({"name": "a.txt"}))
            .await
            .expect(409);
        alice.delete(&format!("/file/{file}")).await.expect(204);
        alice.get(&format!("/file/{file}")).await.expect(404);
        alice
            .delete(&format!("/drive/{}", text(&inner, "id")))
            .await
            .expect(204);
        let root = alice.get("/drive").await.expect(200).json();
        assert_eq!(names(&root["folders"]), ["Essays"]);
        assert_eq!(root["folder"]["name"], "");
        let trash = alice.get("/api/v1/trash").await.expect(200).json();
        assert_eq!(trash["items"].as_array().unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_shared_folder_is_worked_in_as_far_as_the_permission_goes() {
    on_a_server(async |server, alice, bob| {
        let folder = alice
            .post("/drive", &json!({"name": "Ours"}))
            .await
            .expect(201)
            .json();
        let folder = text(&folder, "id");
        let form = |name: &str| file(name, "hello").text("folder_id", folder.clone());
        let note = post_form(&alice, "/file", form("note.txt"))
            .await
            .expect(201)
            .json();
        let note = text(&note, "id");
        bob.get(&format!("/file/{note}")).await.expect(404);

        let give = json!({"folder_id": folder, "email": "bob@example.org", "permission": "view"});
        let share = alice.post("/share", &give).await.expect(201).json();
        assert_eq!(share["permission"], "view");
        assert_eq!(share["shared_with"]["email"], "bob@example.org");

        let given = bob.get("/shared-with-me").await.expect(200).json();
        assert_eq!(names(&given), ["Ours"]);
        assert_eq!(given[0]["type"], "folder");
        assert_eq!(given[0]["owner"]["email"], "alice@example.org");
        let list = bob.get(&format!("/drive/{folder}")).await.expect(200).json();
        assert_eq!(names(&list["files"]), ["note.txt"]);
        assert!(list["folder"]["parent_id"].is_null(), "{list}");
        let url = bob.get(&format!("/file/{note}")).await.expect(200).json();
        let url = text(&url, "url");
        assert_eq!(opened(&server, &url).await.expect(200).text(), "hello");
        let refused = bob
            .patch(&format!("/file/{note}"), &json!({"name": "x"}))
            .await
            .expect(403);
        assert_eq!(
            refused.json(),
            json!({"detail": "You may look at this but not change it"})
        );
        post_form(&bob, "/file", form("mine.txt")).await.expect(403);

        let give = json!({"item_id": folder, "shared_with": "bob@example.org", "permission": "edit"});
        let changed = alice.post("/share", &give).await.expect(200).json();
        assert_eq!(changed["share_id"], share["share_id"]);
        bob.patch(&format!("/file/{note}"), &json!({"name": "x"}))
            .await
            .expect(200);
        post_form(&bob, "/file", form("mine.txt")).await.expect(201);
        assert_eq!(alice.get("/shared-with-me").await.expect(200).json(), json!([]));

        // What is taken back ends the addresses that were signed meanwhile.
        let revoke = format!("/api/v1/shares/{}", text(&share, "share_id"));
        alice.delete(&revoke).await.expect(204);
        opened(&server, &url).await.expect(404);
        bob.get(&format!("/drive/{folder}")).await.expect(404);
    })
    .await;
}

#[tokio::test]
async fn what_an_editor_uploads_counts_to_the_owner_s_quota() {
    let town = Town::start().await;
    let folder = town.alice.folder("Ours").await;
    let give = json!({"folder_id": folder, "email": "bob@example.org", "permission": "edit"});
    town.alice.send(Request::post("/share", &give)).await.expect(201);
    let quota = async |person: &Person, bytes: u64| {
        let target = format!("/api/v1/admin/users/{}", person.id);
        let change = Request::new("PATCH", &target).json(&json!({"quota_bytes": bytes}));
        town.admin.send(change).await.expect(200);
    };
    let upload = async |target: &str, name: &str| {
        let form = Request::new("POST", target).header("Content-Type", "multipart/form-data; boundary=x");
        let part = |head: &str, body: &str| {
            format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n")
        };
        let parts = part("name=\"folder_id\"", &folder)
            + &part(&format!("name=\"file\"; filename=\"{name}\""), "hello");
        let reply = town.bob.send(form.body(format!("{parts}--x--\r\n"))).await;
        reply.status
    };

    quota(&town.bob, 0).await;
    for (n, target) in ["/api/v1/upload", "/file", "/files/upload"]
        .into_iter()
        .enumerate()
    {
        assert_eq!(upload(target, &format!("{n}")).await, 201, "{target}");
    }
    quota(&town.alice, 16).await;
    for target in ["/api/v1/upload", "/file", "/files/upload"] {
        assert_eq!(upload(target, "more").await, 507, "{target}");
    }
}

#[tokio::test]
async fn a_profile_photo_is_set_and_opened_by_its_address() {
    on_a_server(async |server, alice, bob| {
        let none = alice.get("/profile_photo").await.expect(404);
        assert_eq!(none.json(), json!({"detail": "There is no such photo"}));

        let set = post_form(&alice, "/profile_photo", file("me.gif", DOT))
            .await
            .expect(201)
            .json();
        let found = alice.get("/profile_photo").await.expect(200).json();
        for address in [&set, &found] {
            assert_eq!(address["expires_in"], 300);
            let photo = opened(&server, &text(address, "url")).await.expect(200);
            assert_eq!(photo.header("content-type"), "image/jpeg");
            assert!(photo.body.starts_with(b"\xff\xd8\xff"));
        }

        bob.get("/profile_photo").await.expect(404);
        post_form(&bob, "/profile_photo", file("me.svg", "<svg/>"))
            .await
            .expect(415);
        alice.post("/auth/logout", &json!({})).await.expect(204);
        opened(&server, &text(&found, "url")).await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn an_address_of_a_photo_opens_nothing_else() {
    on_a_server(async |server, alice, _| {
        let photo = post_form(&alice, "/profile_photo", file("me.gif", DOT))
            .await
            .expect(201)
            .json();
        let content = post_form(&alice, "/file", file("a.txt", "a"))
            .await
            .expect(201)
            .json();
        let content = alice
            .get(&format!("/file/{}", text(&content, "id")))
            .await
            .expect(200)
            .json();
        let secret = |url: &str| url.rsplit('/').next().unwrap().to_owned();
        let (photo, content) = (secret(&text(&photo, "url")), secret(&text(&content, "url")));
        let client: Client = server.client();

        client.get(&format!("/blob/{content}")).await.expect(200);
        client.get(&format!("/profile_photo/{photo}")).await.expect(200);
        client.get(&format!("/blob/{photo}")).await.expect(403);
        client.get(&format!("/profile_photo/{content}")).await.expect(403);
        client.get(&format!("/profile_photo/{photo}x")).await.expect(403);
    })
    .await;
}

#[tokio::test]
async fn the_root_welcomes_and_the_server_is_healthy() {
    let server = Server::start().await;
    let client = server.client();
    assert!(client.get("/").await.expect(200).json()["message"].is_string());
    assert_eq!(client.get("/health").await.expect(200).json()["status"], "ok");
}
