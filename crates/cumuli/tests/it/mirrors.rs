//! Folders in step with a folder of the server, through the real program: how they are set up, and what is refused.

mod copies;
mod uploads;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Engine, Server, until};
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

/// Waits until a mirror has nothing left to do, and answers how it is.
async fn in_step(who: &Person, id: &str) -> Value {
    let target = format!("/api/v1/mirrors/{id}");
    until(async || {
        let mirror = who.get(&target).await.expect(200).json();
        let is_idle = ["pending", "waiting", "deletes"]
            .iter()
            .all(|name| mirror[name] == 0);
        is_idle && mirror["complete"] == true && mirror["behind_seconds"] == Value::Null
    })
    .await;
    who.get(&target).await.expect(200).json()
}

/// The content at a path; `None` where there is none, or not any more.
async fn content(who: &Person, path: &str) -> Option<Vec<u8>> {
    let found = who.get(&format!("/api/v1/resolve?path={path}")).await;
    if found.status != 200 {
        return None;
    }
    let id = found.field("id");
    let content = who.get(&format!("/api/v1/files/{id}/content")).await;
    (content.status == 200).then_some(content.body)
}

#[tokio::test]
async fn both_sides_come_to_be_the_same_and_stay_so() {
    for engine in Engine::all() {
        let stage = Stage::on(engine).await;
        let admin = &stage.town.admin;
        std::fs::create_dir_all(stage.there("a/deep")).unwrap();
        std::fs::write(stage.there("a/deep/theirs.txt"), "from there").unwrap();
        let folder = admin.folder("Papers").await;
        let put = |name: &str, text: &str| {
            let target = format!("/api/v1/folders/{folder}/files/{name}");
            admin.send(Request::put(&target, text.as_bytes().to_vec()))
        };
        put("ours.txt", "from here").await.expect(201);

        let made = stage.make(&stage.body("Papers", "/a")).await.expect(201);
        let id = made.field("id");
        let mirror = in_step(admin, &id).await;
        assert_eq!(mirror["linked"], 3, "{mirror}");
        assert_eq!(
            std::fs::read_to_string(stage.there("a/ours.txt")).unwrap(),
            "from here"
        );
        assert_eq!(
            content(admin, "/Papers/deep/theirs.txt").await.unwrap(),
            b"from there"
        );

        // What happens later on either side.
        put("ours.txt", "once more").await.expect(200);
        std::fs::write(stage.there("a/new.txt"), "new there").unwrap();
        admin
            .send(Request::new("POST", &format!("/api/v1/mirrors/{id}/run")))
            .await
            .expect(202);
        until(async || content(admin, "/Papers/new.txt").await.as_deref() == Some(b"new there")).await;
        until(async || std::fs::read(stage.there("a/ours.txt")).ok().as_deref() == Some(b"once more")).await;
        in_step(admin, &id).await;
        let plan = admin
            .get(&format!("/api/v1/mirrors/{id}/plan"))
            .await
            .expect(200)
            .json();
        assert_eq!(plan["steps"], json!([]), "the second plan is empty: {plan}");
    }
}

#[tokio::test]
async fn a_plan_is_seen_before_anything_happens() {
    for engine in Engine::all() {
        let stage = Stage::on(engine).await;
        let admin = &stage.town.admin;
        std::fs::create_dir_all(stage.there("a")).unwrap();
        std::fs::write(stage.there("a/big.bin"), vec![7; 5000]).unwrap();
        std::fs::write(stage.there("a/left.tmp"), "left out").unwrap();
        let folder = admin.folder("Papers").await;
        let target = format!("/api/v1/folders/{folder}/files/ours.txt");
        admin
            .send(Request::put(&target, b"nine byte".to_vec()))
            .await
            .expect(201);
        let body = with(
            stage.body("Papers", "/a"),
            &json!({"paused": true, "rules": [{"pattern": "*.tmp", "policy": "exclude"}]}),
        );
        let id = stage.make(&body).await.expect(201).field("id");
        let at = |rest: &str| format!("/api/v1/mirrors/{id}{rest}");
        let plan = async || admin.get(&at("/plan")).await.expect(200).json();
        until(async || {
            let summary = plan().await["summary"].take();
            summary["gathering"] == false && summary["pending"] == 3
        })
        .await;

        let whole = plan().await;
        let summary = &whole["summary"];
        assert_eq!(summary["upload_bytes"], 9, "{whole}");
        assert_eq!(summary["download_bytes"], 5000);
        assert_eq!(summary["room_here"]["enough"], true);
        assert!(
            summary["blocked"][0]["reason"]
                .as_str()
                .unwrap()
                .contains("*.tmp"),
            "{whole}"
        );
        let steps = whole["steps"].as_array().unwrap();
        let step = |path: &str| steps.iter().find(|step| step["path"] == path).cloned().unwrap();
        assert_eq!(step("ours.txt")["side"], "there");
        assert_eq!(step("ours.txt")["reason"], "It is new here.");
        assert_eq!(step("big.bin")["side"], "here");
        assert_eq!(step("big.bin")["size"], 5000);
        // In pages the same.
        let (mut paged, mut next) = (0, String::new());
        loop {
            let page = admin
                .get(&at(&format!("/plan?limit=1{next}")))
                .await
                .expect(200)
                .json();
            assert_eq!(page["summary"] == Value::Null, !next.is_empty());
            paged += page["steps"].as_array().unwrap().len();
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => break,
            }
        }
        assert_eq!(paged, 2);
        // Nothing happened.
        assert!(!stage.there("a/ours.txt").exists());
        assert_eq!(content(admin, "/Papers/big.bin").await, None);

        let skip = Request::post(&at("/skip"), &json!({"paths": ["big.bin"]}));
        assert_eq!(admin.send(skip).await.expect(200).json()["count"], 1);
        let wrong = Request::post(&at("/skip"), &json!({"paths": ["not/there"]}));
        admin.send(wrong).await.expect(404);
        assert_eq!(
            admin.get(&at("/skipped")).await.expect(200).json()["entries"][0]["path"],
            "big.bin"
        );
        admin.send(Request::new("POST", &at("/resume"))).await.expect(200);
        in_step(admin, &id).await;
        assert!(stage.there("a/ours.txt").exists());
        assert_eq!(content(admin, "/Papers/big.bin").await, None);
        assert_eq!(content(admin, "/Papers/left.tmp").await, None);
        let told = admin.get(&at("")).await.expect(200).json();
        assert_eq!(
            (&told["failed"], &told["skipped"]),
            (&json!(0), &json!(1)),
            "what is left out is no failure: {told}"
        );
        let unskip = Request::post(&at("/unskip"), &json!({"paths": ["big.bin"]}));
        assert_eq!(admin.send(unskip).await.expect(200).json()["count"], 1);
        until(async || content(admin, "/Papers/big.bin").await.is_some()).await;
    }
}

#[tokio::test]
async fn deletes_beyond_the_limit_wait_for_a_word_about_exactly_them() {
    for engine in Engine::all() {
        let stage = Stage::on(engine).await;
        let admin = &stage.town.admin;
        std::fs::create_dir_all(stage.there("a")).unwrap();
        for n in 0..6 {
            std::fs::write(stage.there(&format!("a/{n}.txt")), format!("file {n}")).unwrap();
        }
        let body = with(stage.body("Papers", "/a"), &json!({"most_deletes": 2}));
        let id = stage.make(&body).await.expect(201).field("id");
        let at = |rest: &str| format!("/api/v1/mirrors/{id}{rest}");
        in_step(admin, &id).await;
        let remove = |n: u32| std::fs::remove_file(stage.there(&format!("a/{n}.txt"))).unwrap();
        let held = async || admin.get(&at("/plan")).await.expect(200).json()["summary"]["held"].clone();
        let run = async || admin.send(Request::new("POST", &at("/run"))).await.expect(202);
        let say = |word: &str, digest: &str| {
            admin.send(Request::post(
                &at(&format!("/{word}")),
                &json!({"digest": digest}),
            ))
        };

        (0..3).for_each(remove);
        run().await;
        until(async || admin.get(&at("")).await.expect(200).json()["state"] == "held").await;
        assert!(
            content(admin, "/Papers/0.txt").await.is_some(),
            "nothing is deleted yet"
        );
        let first = held().await;
        assert_eq!((&first["here"], &first["there"]), (&json!(3), &json!(0)));
        let digest = first["digest"].as_str().unwrap();
        say("approve", "0000").await.expect(409);

        // Rejected, they are brought back there.
        let rejected = say("reject", digest).await.expect(200).json();
        assert_eq!(rejected["count"], 3);
        until(async || (0..6).all(|n| stage.there(&format!("a/{n}.txt")).exists())).await;
        in_step(admin, &id).await;
        say("approve", digest).await.expect(409);

        // Approved, they go to the trash.
        (1..5).for_each(remove);
        run().await;
        until(async || admin.get(&at("")).await.expect(200).json()["held"] == 4).await;
        let second = held().await;
        let approved = say("approve", second["digest"].as_str().unwrap()).await;
        assert_eq!(approved.expect(200).json()["count"], 4);
        until(async || content(admin, "/Papers/4.txt").await.is_none()).await;
        in_step(admin, &id).await;
        assert!(content(admin, "/Papers/5.txt").await.is_some());
        let trash = admin.get("/api/v1/trash").await.expect(200).json().to_string();
        assert!(trash.contains("1.txt") && trash.contains("4.txt"), "{trash}");
    }
}
