//! Folders in step with a folder of the server, through the real program: how they are set up, and what is refused.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Engine, Server};
use crate::people::{Person, Town};
use crate::wire::{Reply, Request};

/// A server that may reach a folder of its own, which is connected.
struct Stage {
    town: Town,
    outside: TempDir,
    connection: String,
}

impl Stage {
    async fn on(engine: Engine) -> Self {
        let outside = TempDir::new().unwrap();
        std::fs::create_dir(outside.path().join("drive")).unwrap();
        let builder = Server::on(engine).set("CUMULI_DIRECTORY_ROOTS", outside.path().to_str().unwrap());
        let town = Town::with(builder).await;
        let connection = connect(&town.admin, &outside.path().join("drive"), false).await;
        Self {
            town,
            outside,
            connection,
        }
    }

    /// A place in the drive.
    fn there(&self, path: &str) -> PathBuf {
        self.outside.path().join("drive").join(path)
    }

    fn body(&self, folder: &str, remote: &str) -> Value {
        json!({"folder_path": folder, "connection_id": self.connection, "remote_path": remote, "make_remote": true})
    }

    async fn make(&self, body: &Value) -> Reply {
        self.town.admin.send(Request::post("/api/v1/mirrors", body)).await
    }
}

async fn connect(who: &Person, path: &Path, is_read_only: bool) -> String {
    let body = json!({"kind": "directory", "path": path.to_str().unwrap(), "read_only": is_read_only});
    let made = who.send(Request::post("/api/v1/connections", &body)).await;
    made.expect(201).field("id")
}

fn detail(reply: Reply) -> String {
    reply.json()["detail"].as_str().unwrap().to_owned()
}

fn with(mut body: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_mirror_is_made_with_its_folders_told_changed_and_removed() {
    for engine in Engine::all() {
        let stage = Stage::on(engine).await;
        let admin = &stage.town.admin;
        let rules =
            json!([{"pattern": "*.tmp", "policy": "exclude"}, {"pattern": "Drafts/**", "policy": "manual"}]);
        let body = with(
            stage.body("Papers/2026", "/a/b"),
            &json!({"paused": true, "rules": rules, "most_deletes": 5}),
        );
        let made = stage.make(&body).await.expect(201).json();
        assert!(stage.there("a/b").is_dir(), "what is missing there is made");
        assert_eq!(made["folder"]["path"], "/Papers/2026");
        assert_eq!(made["state"], "paused");
        assert_eq!(made["direction"], "two-way");
        assert_eq!(made["policy"], "keep-both");
        assert_eq!(made["rules"], rules);
        assert_eq!(made["most_deletes"], 5);
        assert_eq!(made["remote"]["kind"], "directory");
        assert!(made["advice"][0].as_str().unwrap().contains("paused"), "{made}");
        let id = made["id"].as_str().unwrap();
        let at = |rest: &str| format!("/api/v1/mirrors/{id}{rest}");

        let list = admin.get("/api/v1/mirrors").await.expect(200).json();
        assert_eq!(list["mirrors"][0]["id"], id);
        let change = json!({"policy": "last-write", "most_deletes": null, "rules": [], "default": true});
        let changed = admin.send(Request::new("PATCH", &at("")).json(&change)).await;
        let changed = changed.expect(200).json();
        assert_eq!(changed["policy"], "last-write");
        assert_eq!(changed["most_deletes"], Value::Null);
        assert_eq!(changed["rules"], json!([]));
        assert_eq!(changed["default"], true);
        let run = admin.send(Request::new("POST", &at("/run"))).await;
        assert!(
            detail(run.expect(409)).contains("resume"),
            "a paused one does not run"
        );
        let resumed = admin.send(Request::new("POST", &at("/resume"))).await;
        assert_eq!(resumed.expect(200).json()["state"], "active");
        admin.send(Request::new("POST", &at("/run"))).await.expect(202);
        let paused = admin.send(Request::new("POST", &at("/pause"))).await;
        assert_eq!(paused.expect(200).json()["state"], "paused");
        let events = admin.get(&at("/events?limit=1000")).await.expect(200).json();
        let events = events["events"].as_array().unwrap().clone();
        let said = |word: &str| events.iter().any(|event| event["kind"] == word);
        for word in ["made", "changed", "resumed", "paused"] {
            assert!(said(word), "{word}: {events:?}");
        }
        assert_eq!(
            admin.get(&at("/errors")).await.expect(200).json()["entries"],
            json!([])
        );

        // Nobody else sees it.
        for (method, rest) in [
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/resume"),
            ("GET", "/events"),
        ] {
            let reply = stage.town.bob.send(Request::new(method, &at(rest))).await;
            assert_eq!(reply.status, 404, "{method} {rest}");
        }
        std::fs::write(stage.there("a/b/stays.txt"), "here").unwrap();
        admin.send(Request::new("DELETE", &at(""))).await.expect(204);
        assert_eq!(admin.get(&at("")).await.status, 404);
        assert!(
            stage.there("a/b/stays.txt").exists(),
            "both sides stay as they are"
        );
        admin.get("/api/v1/resolve?path=/Papers/2026").await.expect(200);
    }
}

#[tokio::test]
async fn what_cannot_be_a_mirror_is_refused_in_words() {
    for engine in Engine::all() {
        let stage = Stage::on(engine).await;
        let admin = &stage.town.admin;
        let made = stage
            .make(&with(stage.body("A/B", "/a/b"), &json!({"paused": true})))
            .await;
        let first = made.expect(201).json()["folder"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        std::fs::write(stage.there("file"), "x").unwrap();
        let parent = admin.get("/api/v1/resolve?path=/A").await.expect(200).field("id");

        for (body, words) in [
            (
                stage.body("A/B", "/c"),
                "kept in step with this connection already",
            ),
            (
                stage.body("A/B/C", "/c"),
                "it lies in a folder that is kept in step",
            ),
            (stage.body("A", "/c"), "a folder in it is kept in step"),
            (
                stage.body("Z", "/a/b"),
                "kept in step already; change that mirror",
            ),
            (stage.body("Z", "/a/b/deeper"), "lies in a folder there"),
            (stage.body("Z", "/a"), "a folder in it is kept in step"),
            (stage.body("Z", "/file"), "is no folder"),
            (stage.body("Z", "/../x"), "cannot be part of it"),
            (
                with(stage.body("Z", "/not-there"), &json!({"make_remote": false})),
                "there is no such folder there",
            ),
            (
                with(stage.body("Z", "/c"), &json!({"folder_id": parent})),
                "either folder_id or folder_path",
            ),
            (
                json!({"folder_id": "root", "connection_id": stage.connection}),
                "which folder there",
            ),
            (
                with(
                    stage.body("Z", "/c"),
                    &json!({"rules": [{"pattern": "/", "policy": "manual"}]}),
                ),
                "a rule needs a pattern",
            ),
            (
                with(stage.body("Z", "/c"), &json!({"direction": "sideways"})),
                "sideways",
            ),
        ] {
            let reply = stage.make(&body).await;
            let told = detail(reply.expect(422)).to_lowercase();
            assert!(told.contains(&words.to_lowercase()), "{told}");
        }
        let by_id = json!({"folder_id": first, "connection_id": stage.connection, "remote_path": "/c"});
        stage.make(&by_id).await.expect(422);

        // The connection of somebody else, and folders that are not there or may only be looked at.
        let bobs = Request::post("/api/v1/mirrors", &stage.body("B", "/c"));
        assert!(detail(stage.town.bob.send(bobs).await.expect(404)).contains("connection"));
        let shared = stage.town.alice.folder("Given").await;
        let share = json!({"node_id": shared, "email": admin.email, "right": "view"});
        let share = Request::post("/api/v1/shares", &share);
        stage.town.alice.send(share).await.expect(201);
        let mut body = json!({"folder_id": shared, "connection_id": stage.connection, "remote_path": "/c",
            "make_remote": true});
        assert!(detail(stage.make(&body).await.expect(403)).contains("not change it"));
        assert!(
            !stage.there("c").exists(),
            "nothing was made for what was refused"
        );
        body["direction"] = json!("push");
        stage.make(&body).await.expect(201);
    }
}

#[tokio::test]
async fn what_cannot_be_written_to_is_only_pulled_from() {
    let stage = Stage::on(Engine::Sqlite).await;
    let admin = &stage.town.admin;
    std::fs::create_dir_all(stage.outside.path().join("media/films")).unwrap();
    let media = connect(admin, &stage.outside.path().join("media"), true).await;
    let body = json!({"folder_path": "Films", "connection_id": media, "remote_path": "/films"});

    let refused = stage.make(&body).await;
    assert!(detail(refused.expect(422)).contains("choose `pull`"));
    admin.get("/api/v1/resolve?path=/Films").await.expect(404);

    let body = with(body, &json!({"direction": "pull", "paused": true}));
    let made = stage.make(&body).await.expect(201);
    let target = format!("/api/v1/mirrors/{}", made.field("id"));
    let turned = admin
        .send(Request::new("PATCH", &target).json(&json!({"direction": "push"})))
        .await;
    assert!(detail(turned.expect(422)).contains("choose `pull`"));
}

#[tokio::test]
async fn one_folder_goes_to_several_connections_and_one_default_is_of_a_kind() {
    let stage = Stage::on(Engine::Sqlite).await;
    let admin = &stage.town.admin;
    std::fs::create_dir(stage.outside.path().join("second")).unwrap();
    let second = connect(admin, &stage.outside.path().join("second"), false).await;
    let quiet = json!({"paused": true, "default": true});
    let first = stage
        .make(&with(stage.body("Both", "/x"), &quiet))
        .await
        .expect(201);
    let mut body = with(stage.body("Both", "/x"), &quiet);
    body["connection_id"] = json!(second);
    let other = stage.make(&body).await.expect(201);
    assert_eq!(other.json()["default"], true);
    let before = admin.get(&format!("/api/v1/mirrors/{}", first.field("id"))).await;
    assert_eq!(before.expect(200).json()["default"], false);
    body["folder_path"] = json!("Both/inner");
    assert!(detail(stage.make(&body).await.expect(422)).contains("lies in"));
}
