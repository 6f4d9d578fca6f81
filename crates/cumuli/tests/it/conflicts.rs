//! Conflicts through the real program: both sides of a mirrored folder change, and people find out, decide, and decide
//! back; as the sync tool's front end does it, and as it is documented.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Engine, PATIENCE, Server, finished, told, until};
use crate::people::Town;
use crate::wire::{Reply, Request};

const BASE: &str = "one\ntwo\nthree\n";
const OURS: &str = "one\nours\nthree\n";
const THEIRS: &str = "one\nit is theirs\nthree\n";

/// A server, a folder of its machine, and a mirror between the two whose owner decides.
struct Stage {
    town: Town,
    outside: TempDir,
    mirror: String,
    folder: String,
}

impl Stage {
    /// Files that both sides have, and that both change.
    async fn clash(engine: Engine, policy: &str, names: &[&str]) -> Self {
        let outside = TempDir::new().unwrap();
        let drive = outside.path().join("drive");
        std::fs::create_dir(&drive).unwrap();
        let builder = Server::on(engine).set("CUMULI_DIRECTORY_ROOTS", outside.path().to_str().unwrap());
        let town = Town::with(builder).await;
        let body = json!({"kind": "directory", "path": drive.to_str().unwrap()});
        let made = town.admin.send(Request::post("/api/v1/connections", &body)).await;
        let connection = made.expect(201).field("id");
        let body = json!({"folder_path": "Papers", "connection_id": connection, "remote_id": "root", "policy": policy});
        let made = town
            .admin
            .send(Request::post("/api/v1/mirrors", &body))
            .await
            .expect(201)
            .json();
        let stage = Self {
            town,
            outside,
            mirror: made["id"].as_str().unwrap().to_owned(),
            folder: made["folder"]["id"].as_str().unwrap().to_owned(),
        };
        for name in names {
            stage.put(name, BASE).await;
        }
        until(async || {
            names
                .iter()
                .all(|name| stage.there(name).as_deref() == Some(BASE))
        })
        .await;
        stage.run("pause").await;
        for name in names {
            stage.put(name, OURS).await;
            std::fs::write(stage.at(name), THEIRS).unwrap();
        }
        stage.run("resume").await;
        stage
    }

    async fn run(&self, what: &str) {
        let target = format!("/api/v1/mirrors/{}/{what}", self.mirror);
        let reply = self.town.admin.send(Request::new("POST", &target)).await;
        assert!(reply.status < 300, "{what}: {}", reply.status);
    }

    async fn put(&self, name: &str, text: &str) {
        let target = format!("/api/v1/folders/{}/files/{name}", self.folder);
        let reply = self.town.admin.send(Request::put(&target, text.as_bytes())).await;
        assert!(reply.status < 300, "{}", reply.status);
    }

    fn at(&self, name: &str) -> PathBuf {
        self.outside.path().join("drive").join(name)
    }

    fn there(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.at(name)).ok()
    }

    async fn here(&self, name: &str) -> Option<String> {
        let target = format!("/api/v1/resolve?path=/Papers/{}", name.replace(' ', "%20"));
        let found = self.town.admin.get(&target).await;
        if found.status == 404 {
            return None;
        }
        let target = format!("/api/v1/files/{}/content", found.expect(200).field("id"));
        let content = self.town.admin.get(&target).await.expect(200);
        Some(String::from_utf8(content.body.clone()).unwrap())
    }

    async fn conflicts(&self, query: &str) -> Vec<Value> {
        let list = self
            .town
            .admin
            .get(&format!("/api/v1/conflicts{query}"))
            .await
            .expect(200)
            .json();
        list["conflicts"].as_array().unwrap().clone()
    }

    /// The open conflicts, once there are so many.
    async fn open(&self, count: usize) -> Vec<Value> {
        until(async || self.conflicts("?resolved=false").await.len() == count).await;
        self.conflicts("?resolved=false").await
    }

    async fn post(&self, target: &str, body: &Value) -> Reply {
        self.town
            .admin
            .send(Request::post(&format!("/api/v1/conflicts{target}"), body))
            .await
    }

    async fn are_both(&self, name: &str, text: &str) {
        until(async || {
            self.there(name).as_deref() == Some(text) && self.here(name).await.as_deref() == Some(text)
        })
        .await;
    }
}

fn id(conflict: &Value) -> &str {
    conflict["id"].as_str().unwrap()
}

#[tokio::test]
async fn the_front_end_of_the_sync_tool_lists_and_resolves_conflicts() {
    for engine in Engine::all() {
        let stage = Stage::clash(engine, "manual", &["first.txt", "second.txt", "third.txt"]).await;
        stage.open(3).await;
        let script = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/it/seeds/sync_tool_conflicts.mjs"
        );
        let mut node = Command::new("node");
        node.args([script, stage.town.server.address(), &stage.town.admin.access]);
        let output = finished(&mut node, PATIENCE).await;
        assert!(output.status.success(), "{}", told(&output));

        // Its front end resolves the oldest by hand, the next keeps both, the newest goes by the clocks.
        let resolved = stage.conflicts("?resolved=true").await;
        assert_eq!(resolved.len(), 3);
        assert_eq!(stage.conflicts("?resolved=false").await, Vec::<Value>::new());
        for conflict in &resolved {
            let name = conflict["filename"].as_str().unwrap();
            let how = &conflict["resolution"];
            assert_eq!(how["notes"], "User resolved conflict");
            assert_eq!(how["automatic"], false);
            match how["policy"].as_str().unwrap() {
                "manual" => stage.are_both(name, OURS).await,
                "keep-both" => {
                    stage.are_both(name, THEIRS).await;
                    let (stem, ending) = name.split_once('.').unwrap();
                    let copy = format!("{stem} (conflict {}).{ending}", conflict["number"]);
                    stage.are_both(&copy, OURS).await;
                }
                // Where the clocks cannot tell, theirs keeps the name.
                _ if how["winner"] == "here" => stage.are_both(name, OURS).await,
                _ => stage.are_both(name, THEIRS).await,
            }
        }
    }
}

#[tokio::test]
async fn a_conflict_is_told_compared_decided_and_decided_back() {
    for engine in Engine::all() {
        let stage = Stage::clash(engine, "manual", &["a.txt"]).await;
        let open = stage.open(1).await.remove(0);
        shows_both_sides(&open);
        is_told_and_compared(&stage, &open).await;
        is_nobody_elses(&stage, &open).await;
        is_decided_and_decided_back(&stage, &open).await;
    }
}

fn shows_both_sides(open: &Value) {
    assert_eq!(open["kind"], "edit_edit");
    assert_eq!(
        (&open["path"], &open["filename"]),
        (&json!("a.txt"), &json!("a.txt"))
    );
    assert_eq!(
        (&open["resolved"], &open["resolution"]),
        (&json!(false), &Value::Null)
    );
    let versions = (&open["base"]["version"], &open["here"]["version"]);
    assert_eq!(versions, (&json!(1), &json!(2)));
    assert_eq!(open["here"]["size"], OURS.len());
    assert_eq!(open["here"]["author"], "Somebody");
    assert_eq!(open["there"]["size"], THEIRS.len());
    assert!(open["here"]["digest"].as_str().unwrap().starts_with("sha256:"));
    assert!(open["there"]["changed_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(open["can_undo"], false);
}

fn at(open: &Value, rest: &str) -> String {
    format!("/api/v1/conflicts/{}{rest}", id(open))
}

async fn is_told_and_compared(stage: &Stage, open: &Value) {
    let told = stage.town.admin.get(&at(open, "")).await.expect(200).json();
    assert_eq!(told["id"], open["id"]);
    let lines = told["timeline"].as_array().unwrap();
    let said = |part: &str| {
        lines
            .iter()
            .any(|line| line["text"].as_str().unwrap().contains(part))
    };
    assert!(
        said("last agreed") && said("changed it here through the API"),
        "{lines:?}"
    );
    assert!(
        said("It was changed at") && said("both had changed it"),
        "{lines:?}"
    );
    let has_time = |line: &Value| line["at"].as_str().is_some_and(|at| at.ends_with('Z'));
    assert!(lines.iter().all(has_time), "{lines:?}");
    assert_eq!(told["preview"]["there"]["text"], true);

    let diff = stage.town.admin.get(&at(open, "/diff")).await.expect(200).json();
    assert_eq!(
        diff["diff"],
        "--- here\n+++ there\n@@ -1,3 +1,3 @@\n one\n-ours\n+it is theirs\n three\n"
    );
    assert_eq!((&diff["added"], &diff["removed"]), (&json!(1), &json!(1)));
    let target = at(open, "/diff?from=base&to=here");
    let diff = stage.town.admin.get(&target).await.expect(200).json();
    assert_eq!((&diff["from"], &diff["to"]), (&json!("base"), &json!("here")));
    assert!(diff["diff"].as_str().unwrap().contains("-two\n+ours\n"));
}

/// For everybody but who made the mirror there is no such conflict.
async fn is_nobody_elses(stage: &Stage, open: &Value) {
    for (method, rest) in [
        ("GET", ""),
        ("GET", "/diff"),
        ("POST", "/resolve"),
        ("POST", "/undo"),
    ] {
        let request = match rest {
            "/resolve" => Request::post(&at(open, rest), &json!({"policy": "keep-both"})),
            _ => Request::new(method, &at(open, rest)),
        };
        stage.town.bob.send(request).await.expect(404);
    }
    let bobs = stage.town.bob.get("/api/v1/conflicts").await.expect(200).json();
    assert_eq!(bobs, json!({"conflicts": [], "next_cursor": null}));
}

async fn is_decided_and_decided_back(stage: &Stage, open: &Value) {
    let both = json!({"policy": "keep-both"});
    let wins = json!({"policy": "manual", "winner": "there", "notes": "theirs is newer"});
    let rest = format!("/{}/resolve", id(open));
    let done = stage.post(&rest, &wins).await.expect(200).json();
    assert_eq!(
        (&done["resolved"], &done["resolution"]["winner"]),
        (&json!(true), &json!("there"))
    );
    assert_eq!(done["resolution"]["notes"], "theirs is newer");
    assert_eq!(done["resolution"]["user_id"], stage.town.admin.id);
    stage.are_both("a.txt", THEIRS).await;
    stage.post(&rest, &wins).await.expect(200);
    let otherwise = stage.post(&rest, &both).await.expect(409).json();
    assert!(
        otherwise["detail"].as_str().unwrap().contains("`again`"),
        "{otherwise}"
    );

    let undo = async || {
        stage
            .town
            .admin
            .send(Request::new("POST", &at(open, "/undo")))
            .await
    };
    let undone = undo().await.expect(200).json();
    assert_eq!(
        (&undone["resolved"], &undone["can_undo"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(stage.here("a.txt").await.as_deref(), Some(OURS));
    assert_eq!(stage.there("a.txt").as_deref(), Some(THEIRS));
    let nothing = undo().await.expect(409).json();
    assert!(
        nothing["detail"]
            .as_str()
            .unwrap()
            .contains("no decision to take back")
    );
    stage.post(&rest, &both).await.expect(200);
    stage.are_both("a.txt", THEIRS).await;
    let copy = format!("a (conflict {}).txt", open["number"]);
    stage.are_both(&copy, OURS).await;
}

#[tokio::test]
async fn many_conflicts_are_decided_at_once_and_come_in_pages() {
    let stage = Stage::clash(Engine::Sqlite, "manual", &["a.txt", "b.txt", "c.txt"]).await;
    let open = stage.open(3).await;
    let mut found = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = stage
            .town
            .admin
            .get(&format!("/api/v1/conflicts{query}"))
            .await
            .expect(200)
            .json();
        found.extend(
            page["conflicts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|found| found["number"].as_u64().unwrap()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => query = format!("?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert!(
        found.len() == 3 && found.is_sorted_by(|newer, older| newer > older),
        "{found:?}"
    );
    let of_mirror = stage.conflicts(&format!("?mirror={}", stage.mirror)).await;
    assert_eq!(of_mirror.len(), 3);
    assert_eq!(
        stage.conflicts(&format!("?mirror={}", stage.folder)).await,
        Vec::<Value>::new()
    );

    let strange = stage.folder.clone();
    let body = json!({"ids": [id(&open[0]), strange, id(&open[0])], "policy": "manual", "winner": "here"});
    let many = stage.post("/resolve", &body).await.expect(200).json();
    assert_eq!(many["conflicts"].as_array().unwrap().len(), 1);
    assert_eq!(many["failed"][0]["id"], strange);
    assert_eq!(many["failed"][0]["problem"]["status"], 404);
    let body = json!({"mirror": stage.mirror, "policy": "manual", "winner": "there"});
    let many = stage.post("/resolve", &body).await.expect(200).json();
    assert_eq!(many["conflicts"].as_array().unwrap().len(), 2);
    assert_eq!((&many["failed"], &many["has_more"]), (&json!([]), &json!(false)));
    for conflict in &open {
        let expected = if id(conflict) == id(&open[0]) {
            OURS
        } else {
            THEIRS
        };
        stage
            .are_both(conflict["filename"].as_str().unwrap(), expected)
            .await;
    }
}

/// Decisions that cannot be, with their answers.
fn bad_decisions(stage: &Stage, open: &Value) -> Vec<(String, Value, u16, &'static str)> {
    let one = format!("/{}/resolve", id(open));
    let of_one = [
        (json!({}), "policy"),
        (json!({"policy": "newest"}), "newest"),
        (json!({"policy": null}), "expected a string"),
        (json!({"policy": "manual", "winner": "nobody"}), "nobody"),
        (
            json!({"policy": "keep-both", "winner": "here"}),
            "only with the policy `manual`",
        ),
        (
            json!({"policy": "manual", "notes": "x".repeat(5000)}),
            "at most 4096 bytes",
        ),
        (
            json!({"policy": "manual", "notes": "a\u{0}b"}),
            "no control characters",
        ),
        (json!({"policy": "manual", "note": "?"}), "note"),
        (json!({"policy": "manual", "again": "yes"}), "expected a boolean"),
    ];
    let of_many = [
        (json!({"policy": "manual"}), 422, "which conflicts"),
        (json!({"policy": "manual", "ids": ["x"]}), 422, "not an id"),
        (
            json!({"policy": "manual", "ids": [], "mirror": stage.mirror}),
            422,
            "either ids or mirror",
        ),
        (
            json!({"policy": "manual", "mirror": stage.folder}),
            404,
            "no such mirror",
        ),
    ];
    let manual = json!({"policy": "manual"});
    let strange = format!("/{}/resolve", stage.folder);
    let of_none = [
        (strange, manual.clone(), 404, "no such conflict"),
        ("/1/resolve".to_owned(), manual, 404, "nothing at this address"),
    ];
    let of_one = of_one
        .into_iter()
        .map(|(body, words)| (one.clone(), body, 422, words));
    let of_many = of_many
        .into_iter()
        .map(|(body, status, words)| ("/resolve".to_owned(), body, status, words));
    of_one.chain(of_many).chain(of_none).collect()
}

#[tokio::test]
async fn what_cannot_be_a_decision_is_refused_in_words() {
    let stage = Stage::clash(Engine::Sqlite, "manual", &["a.txt"]).await;
    let open = stage.open(1).await.remove(0);
    for (target, body, status, words) in bad_decisions(&stage, &open) {
        let reply = stage.post(&target, &body).await;
        assert_eq!(reply.status, status, "{body}");
        let problem = reply.json();
        assert!(
            problem["detail"].as_str().unwrap().to_lowercase().contains(words),
            "{body}: {problem}"
        );
    }
    for (query, words) in [
        ("?resolved=maybe", "resolved"),
        ("?mirror=x", "not an id"),
        ("?limit=0", "at least one"),
        ("?cursor=x", "does not belong to this list"),
    ] {
        let target = format!("/api/v1/conflicts{query}");
        let reply = stage.town.admin.get(&target).await.expect(400).json();
        assert!(
            reply["detail"].as_str().unwrap().contains(words),
            "{query}: {reply}"
        );
    }
    for query in ["?from=there", "?to=base", "?from=base&to=base"] {
        let target = at(&open, &format!("/diff{query}"));
        stage.town.admin.get(&target).await.expect(400);
    }
    let open = stage.conflicts("?resolved=false").await;
    assert_eq!(open.len(), 1, "nothing was decided by it");
}
