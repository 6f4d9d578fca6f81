//! One folder in step with a folder of this machine, a bucket and a container at the same time, while somebody edits all
//! four and the power of the server fails: in the end all have the same, byte for byte, and nothing that anybody had is
//! lost.

mod places;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::emulators::azurite::Azurite;
use crate::harness::emulators::moto::Moto;
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Client, Content, Dice, Server, sha256};

use places::{Bucket, Place, Tree};

/// Rounds of edits, unless `CUMULI_REAL_ROUNDS` says how many.
const ROUNDS: u32 = 3;
/// Edits at each place in a round.
const EDITS: u64 = 5;
/// The longest that mirrors are at work before the power fails, milliseconds.
const WORKS_MS: u64 = 600;
/// Longer than all takes to settle on a busy machine.
const SETTLES: Duration = Duration::from_secs(50);
const PAUSE: Duration = Duration::from_millis(100);
/// A content that goes in parts, to each of the places.
const LARGE_BYTES: usize = 9 * 1024 * 1024;

const NAMES: [&str; 12] = [
    "a.txt",
    "b.txt",
    "A.txt",
    "folder",
    "other folder",
    "Ordner ä",
    "with  two spaces.txt",
    "100%25+#&?=;.txt",
    "it's <\"quoted\">.txt",
    "日本語 🗂.txt",
    ".hidden",
    "a very long name that goes on and on and on and on and on and on and on and on and on and on and on.txt",
];

/// A server with a folder that is in step with three others.
struct World {
    server: Server,
    admin: Client,
    mirrors: Vec<String>,
    places: Vec<Place>,
    _outside: tempfile::TempDir,
    _emulators: (Moto, Azurite),
}

impl World {
    async fn start() -> Self {
        let outside = tempfile::tempdir().unwrap();
        let (moto, azurite) = (Moto::start(), Azurite::start());
        let bucket = Bucket::s3(&moto, "in step/").await;
        let container = Bucket::azure(&azurite, "in step/");
        let server = Server::start().await;
        let mut server = server
            .with("CUMULI_DIRECTORY_ROOTS", outside.path().to_str().unwrap())
            .with("CUMULI_OUTBOUND_ALLOW", "127.0.0.0/8");
        server.stop().await;
        server.restart().await;
        let admin = server.user("admin@example.org").await;
        let body = json!({"parent_id": "root", "name": "In step"});
        let folder = admin.post("/api/v1/folders", &body).await.expect(201).json();
        let folder = text(&folder["id"]);
        let connections = [
            json!({"kind": "directory", "path": outside.path().to_str().unwrap()}),
            json!({"kind": "s3", "bucket": S3s::BUCKET, "endpoint": moto.endpoint(),
                "access_key": S3s::ACCESS_KEY, "secret_key": S3s::SECRET_KEY}),
            json!({"kind": "azure", "container": Azurite::CONTAINER, "connection_string": azurite.connection()}),
        ];
        let mut mirrors = Vec::new();
        for connection in &connections {
            let made = admin
                .post("/api/v1/connections", connection)
                .await
                .expect(201)
                .json();
            let body = json!({"folder_id": folder, "connection_id": made["id"], "remote_path": "/in step",
                "make_remote": true, "most_deletes": 1000});
            let mirror = admin.post("/api/v1/mirrors", &body).await.expect(201).json();
            mirrors.push(text(&mirror["id"]));
        }
        let places = vec![
            Place::Here(admin.clone(), folder),
            Place::Folder(outside.path().join("in step")),
            Place::Bucket(bucket),
            Place::Bucket(container),
        ];
        Self {
            server,
            admin,
            mirrors,
            places,
            _outside: outside,
            _emulators: (moto, azurite),
        }
    }

    async fn trees(&self) -> Vec<Tree> {
        let mut trees = Vec::new();
        for place in &self.places {
            trees.push(place.tree().await);
        }
        trees
    }

    /// Has each connection looked at now, and its mirror brought in step.
    async fn run(&self) {
        for mirror in &self.mirrors {
            let path = format!("/api/v1/mirrors/{mirror}/run");
            self.admin.post(&path, &json!({})).await.expect(202);
        }
    }

    /// Ends the server amid its work as a power cut does, and starts it again.
    async fn fail_power(&mut self, dice: &mut Dice) {
        self.run().await;
        tokio::time::sleep(Duration::from_millis(dice.below(WORKS_MS))).await;
        self.server.kill().await;
        self.server.restart().await;
        self.admin = self.server.again(&self.admin);
        if let Place::Here(who, _) = &mut self.places[0] {
            who.clone_from(&self.admin);
        }
    }

    /// How the mirrors are, and whether they have nothing to do.
    async fn states(&self) -> (bool, Vec<Value>) {
        let mut states = Vec::new();
        for mirror in &self.mirrors {
            let path = format!("/api/v1/mirrors/{mirror}");
            states.push(self.admin.get(&path).await.expect(200).json());
        }
        let is_idle = states.iter().all(|state| {
            let is_none = |name: &&str| state[*name] == 0;
            ["pending", "waiting", "deletes"].iter().all(is_none)
                && state["complete"] == true
                && state["behind_seconds"] == Value::Null
        });
        (is_idle, states)
    }

    /// Waits until all places have the same and no mirror has anything to do.
    async fn settle(&self, round: u32) -> Tree {
        let until = Instant::now() + SETTLES;
        loop {
            self.run().await;
            tokio::time::sleep(PAUSE).await;
            let mut waits = 0;
            while !self.states().await.0 && waits < 30 {
                waits += 1;
                tokio::time::sleep(PAUSE).await;
            }
            let trees = self.trees().await;
            let (is_idle, states) = self.states().await;
            if is_idle && trees.iter().all(|tree| *tree == trees[0]) {
                return trees.into_iter().next().unwrap();
            }
            if Instant::now() > until {
                self.complain(round, &trees, &states).await;
            }
        }
    }

    async fn complain(&self, round: u32, trees: &[Tree], states: &[Value]) -> ! {
        for (place, tree) in self.places.iter().zip(trees) {
            println!("{}:", place.name());
            for (path, content) in tree {
                println!("  {path:?}: {}", told(content.as_deref()));
            }
        }
        for (mirror, state) in self.mirrors.iter().zip(states) {
            println!("{state}");
            for what in ["errors", "plan"] {
                let reply = self.admin.get(&format!("/api/v1/mirrors/{mirror}/{what}")).await;
                println!("  {what}: {}", reply.text());
            }
        }
        panic!("round {round}: it does not settle\n{}", self.server.logs());
    }

    /// The digests of all that can be had here: in the tree, as an earlier version, or in the trash. Empties the trash.
    async fn kept(&self) -> BTreeSet<String> {
        let trash = self
            .admin
            .get("/api/v1/trash?limit=1000")
            .await
            .expect(200)
            .json();
        for (n, node) in trash["items"].as_array().unwrap().iter().enumerate() {
            let path = format!("/api/v1/trash/{}/restore", text(&node["id"]));
            let body = json!({"parent_id": "root", "name": format!("restored {n}")});
            self.admin.post(&path, &body).await.expect(200);
        }
        let mut kept = BTreeSet::new();
        let mut folders = vec!["root".to_owned()];
        while let Some(folder) = folders.pop() {
            let path = format!("/api/v1/folders/{folder}/children?limit=1000");
            for node in self.admin.get(&path).await.expect(200).json()["items"]
                .as_array()
                .unwrap()
            {
                let id = text(&node["id"]);
                if node["kind"] == "folder" {
                    folders.push(id);
                    continue;
                }
                let versions = self
                    .admin
                    .get(&format!("/api/v1/files/{id}/versions?limit=1000"))
                    .await;
                let versions = versions.expect(200).json();
                kept.extend(
                    versions["versions"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|version| text(&version["sha256"])),
                );
            }
        }
        kept
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn told(content: Option<&[u8]>) -> String {
    content.map_or_else(
        || "folder".to_owned(),
        |bytes| format!("{} bytes, {}", bytes.len(), &sha256(bytes)[..8]),
    )
}

/// One edit, as somebody makes it who sees what is there now.
async fn edit(place: &Place, dice: &mut Dice) {
    let tree = place.tree().await;
    let paths: Vec<&String> = tree.keys().collect();
    let files: Vec<&String> = paths
        .iter()
        .copied()
        .filter(|path| tree[*path].is_some())
        .collect();
    let mut folders = vec![String::new()];
    folders.extend(
        paths
            .iter()
            .filter(|path| tree[**path].is_none())
            .map(|path| format!("{path}/")),
    );
    let target = format!("{}{}", dice.pick(&folders).unwrap(), dice.pick(&NAMES).unwrap());
    // No place has two whose names differ in case alone: which of them goes by what name is tried elsewhere.
    let is_free = !tree
        .keys()
        .any(|path| path.to_lowercase() == target.to_lowercase());
    match dice.below(12) {
        0..=3 if is_free => place.put(&target, &content(dice)).await,
        4 if is_free => place.make_folder(&target).await,
        5 | 6 if is_free => {
            let from = dice
                .pick(&paths)
                .filter(|from| !format!("{target}/").starts_with(&format!("{from}/")));
            if let Some(from) = from {
                place.rename(from, &target, &tree).await;
            }
        }
        7 | 8 => {
            if let Some(path) = dice.pick(&paths) {
                place.remove(path, &tree).await;
            }
        }
        _ => {
            if let Some(path) = dice.pick(&files) {
                place.put(path, &content(dice)).await;
            }
        }
    }
}

/// Empty in one case of six.
fn content(dice: &mut Dice) -> Vec<u8> {
    let len = match dice.below(6) {
        0 => 0,
        1 => dice.between(4096, 200_000),
        _ => dice.between(8, 100),
    };
    Content {
        seed: dice.next(),
        len: usize::try_from(len).unwrap(),
    }
    .bytes()
}

/// `CUMULI_REAL_SEED` plays the edits of a run again; what the mirrors do meanwhile is their own affair.
/// `CUMULI_REAL_ROUNDS` plays more of them.
#[tokio::test]
async fn a_folder_a_bucket_and_a_container_come_to_have_the_same_whatever_is_edited_where() {
    let mut dice = Dice::of_environment("CUMULI_REAL_SEED");
    let rounds = std::env::var("CUMULI_REAL_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
    let mut world = World::start().await;
    let mut had = BTreeSet::new();
    let large = Content {
        seed: 1,
        len: LARGE_BYTES,
    };
    world.places[0].put("large.bin", &large.bytes()).await;
    for round in 0..rounds {
        let fails_after = dice.below(EDITS);
        for number in 0..EDITS {
            for place in &world.places {
                edit(place, &mut dice).await;
            }
            if number == fails_after {
                world.fail_power(&mut dice).await;
            }
        }
        // Nobody edits any more: what anybody has now, or will have, is not to be lost.
        for tree in world.trees().await {
            had.extend(tree.values().flatten().map(|bytes| sha256(bytes)));
        }
        let tree = world.settle(round).await;
        println!("round {round}: {} things everywhere", tree.len());
        had.extend(tree.values().flatten().map(|bytes| sha256(bytes)));
    }
    for mirror in &world.mirrors {
        let path = format!("/api/v1/mirrors/{mirror}/pause");
        world.admin.post(&path, &json!({})).await.expect(200);
    }
    let kept = world.kept().await;
    let lost: Vec<&String> = had.difference(&kept).collect();
    assert!(
        lost.is_empty(),
        "{} of {} contents are lost: {lost:?}",
        lost.len(),
        had.len()
    );
}
