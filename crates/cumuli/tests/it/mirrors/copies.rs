//! Where the copies of a file are, whether they are good, and mending one from another.

use serde_json::{Value, json};

use super::{Stage, content, in_step};
use crate::harness::{Engine, until};
use crate::wire::Request;

#[tokio::test]
async fn copies_are_proven_and_a_damaged_one_is_mended_from_the_other() {
    let stage = Stage::on(Engine::Sqlite).await;
    let admin = &stage.town.admin;
    std::fs::create_dir_all(stage.there("a")).unwrap();
    let text = vec![b'x'; 200_000];
    std::fs::write(stage.there("a/one.bin"), &text).unwrap();
    let mirror = stage
        .make(&stage.body("Papers", "/a"))
        .await
        .expect(201)
        .field("id");
    in_step(admin, &mirror).await;
    let file = admin
        .get("/api/v1/resolve?path=/Papers/one.bin")
        .await
        .expect(200)
        .field("id");
    let at = |rest: &str| format!("/api/v1/files/{file}/replicas{rest}");
    let replicas = async || admin.get(&at("")).await.expect(200).json()["replicas"].clone();
    let say = |word: &str, body: &Value| admin.send(Request::post(&at(&format!("/{mirror}/{word}")), body));

    let both = replicas().await;
    assert_eq!(
        (&both[0]["place"], &both[1]["place"]),
        (&json!("here"), &json!("directory"))
    );
    assert_eq!(both[1]["current"], true);
    let proven = say("prove", &json!({})).await.expect(200).json();
    assert_eq!(
        (&proven["state"], &proven["problem"]),
        (&json!("proven"), &Value::Null),
        "{proven}"
    );
    assert_ne!(proven["proven_at"], Value::Null);
    let nothing = say("repair", &json!({})).await.expect(200).json();
    assert_eq!(nothing["mended"], "nothing");

    // Our bytes rot: they are fetched from there.
    let stored = largest(&stage.town.server.data().join("content"));
    std::fs::write(&stored, vec![b'y'; 200_000]).unwrap();
    let mended = say("repair", &json!({})).await.expect(200).json();
    assert_eq!(mended["mended"], "here", "{mended}");
    assert_eq!(mended["replicas"][0]["state"], "proven");
    assert_eq!(content(admin, "/Papers/one.bin").await.unwrap(), text);

    // Nobody else may know of any of it.
    let theirs = Request::get(&at(""));
    assert_eq!(stage.town.bob.send(theirs).await.status, 404);
}

/// The largest file below a folder.
fn largest(folder: &std::path::Path) -> std::path::PathBuf {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.push(entry.path()),
                false => found.push((entry.metadata().unwrap().len(), entry.path())),
            }
        }
    }
    found.into_iter().max().unwrap().1
}

#[tokio::test]
async fn a_capsule_tells_what_is_to_be_done_and_no_names() {
    let stage = Stage::on(Engine::Sqlite).await;
    let admin = &stage.town.admin;
    std::fs::create_dir_all(stage.there("a/Secret affair")).unwrap();
    std::fs::write(stage.there("a/Secret affair/letter.txt"), "x").unwrap();
    let mut body = stage.body("Papers", "/a");
    body["paused"] = json!(true);
    let id = stage.make(&body).await.expect(201).field("id");
    let target = format!("/api/v1/mirrors/{id}/capsule");
    until(async || {
        let capsule = admin.get(&target).await.expect(200).json();
        capsule["scene"]["entries"].as_array().unwrap().len() == 2
    })
    .await;

    let capsule = admin.get(&target).await.expect(200);
    let text = capsule.text();
    for word in ["Secret", "affair", "letter", "Papers"] {
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert!(
        capsule.json()["plan"][0].as_str().unwrap().contains("Create"),
        "{text}"
    );
}

#[tokio::test]
async fn the_commands_add_plan_and_bring_in_step() {
    for engine in Engine::all() {
        let stage = Stage::on(engine).await;
        let admin = &stage.town.admin;
        std::fs::create_dir_all(stage.there("a")).unwrap();
        std::fs::write(stage.there("a/theirs.txt"), "x").unwrap();
        let server = &stage.town.server;
        let remote = format!("{}:/a", stage.connection);
        let flags = ["mirror", "add", "/Papers", &remote, "--user", &admin.email];
        let wrong = server
            .run(&[&flags[..], &["--direction", "sideways"]].concat(), "")
            .await;
        assert_eq!(wrong.code, Some(2), "{wrong:?}");
        let made = server
            .run(&[&flags[..], &["--paused", "--exclude", "*.tmp"]].concat(), "")
            .await;
        assert!(made.is_success(), "{made:?}");
        let id = made.out.trim();
        let plan = async || server.run(&["mirror", "plan", id], "").await.out;
        until(async || plan().await.contains("theirs.txt")).await;
        assert!(plan().await.contains("1 x create here"), "{}", plan().await);
        let list = server.run(&["mirror", "list"], "").await.out;
        assert!(list.contains("<->") && list.contains("paused"), "{list}");
        let none = server.run(&["mirror", "approve", id, "--set", "00"], "").await;
        assert!(none.err.contains("no deletes"), "{none:?}");

        let resumed = server.run(&["mirror", "resume", id], "").await;
        assert!(resumed.is_success(), "{resumed:?}");
        let synced = server.run(&["sync", "--once", "--timeout", "50"], "").await;
        assert!(synced.is_success(), "{synced:?}");
        assert!(
            synced.out.contains("in step; 1 things on both sides"),
            "{synced:?}"
        );
        assert_eq!(content(admin, "/Papers/theirs.txt").await.unwrap(), b"x");
        let again = server.run(&["sync"], "").await;
        assert!(again.err.contains("--once"), "{again:?}");
        let removed = server.run(&["mirror", "remove", id], "").await;
        assert!(removed.out.contains("both sides stay"), "{removed:?}");
    }
}
