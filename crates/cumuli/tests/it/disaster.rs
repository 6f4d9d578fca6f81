//! Backups, restores, and the catalog rebuilt from the store, by the real commands.

use std::path::Path;

use serde_json::json;

use crate::harness::emulators::azurite::Azurite;
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Builder, Client, Engine, Server, azure_settings, until};

const ALICE: &str = "alice@example.org";

/// Bytes that are too many to be kept in the database.
fn big(letter: u8) -> Vec<u8> {
    vec![letter; 100_000]
}

/// Some files, one of them with an older version and one in the trash.
async fn fill(alice: &Client) {
    for (path, bytes) in [
        ("a/big", big(b'1')),
        ("a/big", big(b'2')),
        ("a/b/small", b"a few bytes".to_vec()),
        ("gone", big(b'g')),
    ] {
        let reply = alice.put(&format!("/api/v1/paths/{path}"), bytes).await;
        assert!(reply.status < 300, "{}", reply.text());
    }
    let gone = alice.get("/api/v1/resolve?path=/gone").await.expect(200).json();
    let gone = gone["id"].as_str().unwrap();
    alice.delete(&format!("/api/v1/nodes/{gone}")).await.expect(204);
}

async fn look(server: &Server) {
    let alice = server
        .sign_in(ALICE, &format!("{ALICE} has a long password"))
        .await;
    let file = alice.get("/api/v1/resolve?path=/a/big").await.expect(200).json();
    let file = file["id"].as_str().unwrap();
    for (number, bytes) in [(1, big(b'1')), (2, big(b'2'))] {
        let path = format!("/api/v1/files/{file}/versions/{number}/content?through=server");
        let reply = alice.get(&path).await;
        assert_eq!((number, reply.status), (number, 200));
        assert_eq!(reply.body, bytes);
    }
    let small = alice
        .get("/api/v1/resolve?path=/a/b/small")
        .await
        .expect(200)
        .json();
    let path = format!(
        "/api/v1/files/{}/content?through=server",
        small["id"].as_str().unwrap()
    );
    assert_eq!(alice.get(&path).await.expect(200).text(), "a few bytes");
    let trash = alice.get("/api/v1/trash").await.expect(200).json();
    assert_eq!(trash["items"].as_array().unwrap().len(), 1);
    let fsck = server.run(&["fsck", "--verify"], "").await;
    assert!(fsck.is_success(), "{fsck:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_backup_of_a_running_server_is_restored_on_every_engine() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let alice = server.user(ALICE).await;
        fill(&alice).await;
        let folder = tempfile::tempdir().unwrap();
        let backup = server.run(&["backup", text(folder.path())], "").await;
        assert!(backup.is_success(), "{backup:?}");
        let again = server.run(&["backup", text(folder.path())], "").await;
        assert!(again.out.contains(" 0 contents copied"), "{again:?}");

        for target in Engine::all() {
            let mut restored = Server::on(target).prepare().await;
            let outcome = restored.run(&["restore", text(folder.path())], "").await;
            assert!(outcome.is_success(), "{outcome:?}");
            restored.restart().await;
            look(&restored).await;
            let again = restored.run(&["restore", text(folder.path())], "").await;
            assert_eq!(again.code, Some(1), "{again:?}");
        }
    }
}

#[tokio::test]
async fn a_restore_needs_a_whole_backup_and_an_empty_installation() {
    let server = Server::start().await;
    server.user(ALICE).await;
    let folder = tempfile::tempdir().unwrap();
    let path = text(folder.path());
    let mut other = Server::on(Engine::Sqlite).prepare().await;
    for (arguments, words) in [
        (&["restore", path][..], "there is no backup in"),
        (
            &["restore", "--from-store"],
            "no store of the settings holds an archive",
        ),
    ] {
        let outcome = other.run(arguments, "").await;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.err.contains(words), "{outcome:?}");
    }
    let backup = server.run(&["backup", path], "").await;
    assert!(backup.is_success(), "{backup:?}");
    let outcome = other
        .run(&["restore", path, "--at", "20010101T000000Z"], "")
        .await;
    assert!(
        outcome.err.contains("no backup of that time; there are: rows-"),
        "{outcome:?}"
    );
    other.restart().await;
    other.user("bob@example.org").await;
    other.stop().await;

    let outcome = other.run(&["restore", path], "").await;

    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.err.contains("stored here already"), "{outcome:?}");
    other.restart().await;
    other
        .sign_in("bob@example.org", "bob@example.org has a long password")
        .await;
}

#[tokio::test]
async fn an_interrupted_restore_does_not_serve_and_goes_on() {
    let server = Server::start().await;
    fill(&server.user(ALICE).await).await;
    let folder = tempfile::tempdir().unwrap();
    let path = text(folder.path());
    assert!(server.run(&["backup", path], "").await.is_success());
    let (blobs, aside) = (folder.path().join("blobs"), folder.path().join("aside"));
    std::fs::rename(&blobs, &aside).unwrap();
    std::fs::write(&blobs, "").unwrap();
    let mut restored = Server::on(Engine::Sqlite).prepare().await;
    assert_eq!(restored.run(&["restore", path], "").await.code, Some(1));

    let outcome = restored.run(&["serve"], "").await;

    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.err.contains("run `cumuli restore` again"), "{outcome:?}");
    std::fs::remove_file(&blobs).unwrap();
    std::fs::rename(&aside, &blobs).unwrap();
    assert!(restored.run(&["restore", path], "").await.is_success());
    restored.restart().await;
    look(&restored).await;
}

#[tokio::test]
async fn a_backup_of_damaged_contents_says_which_and_ends_with_a_code_of_its_own() {
    let server = Server::start().await;
    let alice = server.user(ALICE).await;
    let put = alice
        .put("/api/v1/paths/file", big(b'x'))
        .await
        .expect(201)
        .json();
    for folder in std::fs::read_dir(server.data().join("content")).unwrap() {
        let folder = folder.unwrap();
        let name = folder.file_name().into_string().unwrap();
        if name.len() == 6 && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            for file in std::fs::read_dir(folder.path()).unwrap() {
                std::fs::write(file.unwrap().path(), big(b'y')).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();

    let backup = server.run(&["backup", text(folder.path())], "").await;

    assert_eq!(backup.code, Some(3), "{backup:?}");
    assert!(backup.out.contains(put["id"].as_str().unwrap()), "{backup:?}");
}

/// Whether any segment of the archive speaks of `words`.
fn is_archived(content: &Path, words: &str) -> bool {
    let mut folders = vec![content.join("notes")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                // One that is still being written.
                path if path.file_name().unwrap().to_string_lossy().starts_with('.') => {}
                path => {
                    let bytes = std::fs::read(path).unwrap_or_default();
                    if bytes
                        .windows(words.len())
                        .any(|window| window == words.as_bytes())
                    {
                        return true;
                    }
                }
            }
        }
    }
    false
}

#[tokio::test]
async fn after_a_kill_and_the_loss_of_the_database_the_store_gives_everything_back() {
    for engine in Engine::all() {
        let mut server = Server::on(engine)
            .set("CUMULI_ARCHIVE_EVERY", "1s")
            .set("SECRET_KEY", "a secret of the tests that is long enough")
            .start()
            .await;
        let alice = server.user(ALICE).await;
        fill(&alice).await;
        alice.put("/api/v1/paths/the-last-one", "x").await.expect(201);
        let content = server.data().join("content");
        until(async || is_archived(&content, "the-last-one")).await;
        server.kill().await;

        for target in Engine::all() {
            // Each gets its own copy of the store: a rebuilt installation takes hold of it.
            let copy = tempfile::tempdir().unwrap();
            let copied = std::process::Command::new("cp")
                .args(["-a", text(&content), text(copy.path())])
                .status()
                .unwrap();
            assert!(copied.success());
            let mut rebuilt = Server::on(target)
                .set("UPLOAD_FOLDER", text(&copy.path().join("content")))
                .set("SECRET_KEY", "a secret of the tests that is long enough")
                .prepare()
                .await;

            let outcome = rebuilt.run(&["restore", "--from-store"], "").await;

            assert!(outcome.is_success(), "{outcome:?}");
            rebuilt.restart().await;
            look(&rebuilt).await;
            let alice = rebuilt
                .sign_in(ALICE, &format!("{ALICE} has a long password"))
                .await;
            alice.get("/api/v1/resolve?path=/the-last-one").await.expect(200);
            let folder = json!({"path": "goes/on"});
            alice.post("/api/v1/folders", &folder).await.expect(201);
        }
    }
}

#[tokio::test]
async fn a_sealed_store_gives_everything_back_to_who_has_its_key_and_tells_others_nothing() {
    let key = "a key of the tests that nobody else has";
    let mut server = Server::on(Engine::Sqlite)
        .set("CUMULI_SEAL_STORES", "local")
        .set("CUMULI_SEAL_KEYS", key)
        .set("SECRET_KEY", "a secret of the tests that is long enough")
        .start()
        .await;
    let content = server.data().join("content");
    until(async || content.join("notes/journal").is_dir()).await;
    let alice = server.user(ALICE).await;
    fill(&alice).await;
    server.stop().await;
    assert!(!is_archived(&content, ALICE));
    let rebuilt = |key: &'static str| {
        Server::on(Engine::Sqlite)
            .set("UPLOAD_FOLDER", text(&content))
            .set("CUMULI_SEAL_STORES", "local")
            .set("CUMULI_SEAL_KEYS", key)
            .set("SECRET_KEY", "a secret of the tests that is long enough")
            .prepare()
    };
    let stranger = rebuilt("another key that is just as long as it is").await;
    let outcome = stranger.run(&["restore", "--from-store"], "").await;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");

    let mut rebuilt = rebuilt("a key of the tests that nobody else has").await;
    let outcome = rebuilt.run(&["restore", "--from-store"], "").await;

    assert!(outcome.is_success(), "{outcome:?}");
    rebuilt.restart().await;
    look(&rebuilt).await;
}

/// Restores a backup onto the local disk, and rebuilds the database from the object store that `on` sets.
async fn come_back(server: &Server, backup: &Path, on: impl Fn(Engine) -> Builder) {
    let mut restored = Server::on(Engine::Sqlite).prepare().await;
    let outcome = restored.run(&["restore", text(backup)], "").await;
    assert!(outcome.is_success(), "{outcome:?}");
    restored.restart().await;
    look(&restored).await;
    for engine in Engine::all() {
        let mut rebuilt = on(engine).prepare().await;
        let outcome = rebuilt.run(&["restore", "--from-store"], "").await;
        assert!(outcome.is_success(), "{outcome:?}");
        rebuilt.restart().await;
        look(&rebuilt).await;
        assert_ne!(rebuilt.address(), server.address());
        rebuilt.stop().await;
    }
}

#[tokio::test]
async fn what_is_in_a_bucket_comes_back_from_a_backup_and_from_the_bucket() {
    let s3s = S3s::start();
    let mut server = Server::on_s3(Engine::Sqlite, &s3s)
        .set("CUMULI_ARCHIVE_EVERY", "1s")
        .start()
        .await;
    let alice = server.user(ALICE).await;
    fill(&alice).await;
    alice.put("/api/v1/paths/the-last-one", "x").await.expect(201);
    let backup = tempfile::tempdir().unwrap();
    let outcome = server.run(&["backup", text(backup.path())], "").await;
    assert!(outcome.is_success(), "{outcome:?}");
    let bucket = s3s.folder.path().join(S3s::BUCKET);
    until(async || is_archived(&bucket, "the-last-one")).await;
    server.kill().await;

    come_back(&server, backup.path(), |engine| Server::on_s3(engine, &s3s)).await;
}

#[tokio::test]
async fn what_is_in_azure_comes_back_from_a_backup_and_from_the_container() {
    let azurite = Azurite::start();
    let on = |engine| {
        Server::on(engine)
            .set_all(azure_settings(&azurite))
            .set("STORAGE_BACKEND", "azure")
    };
    let mut server = on(Engine::Sqlite).set("CUMULI_ARCHIVE_EVERY", "1s").start().await;
    let alice = server.user(ALICE).await;
    fill(&alice).await;
    let backup = tempfile::tempdir().unwrap();
    let outcome = server.run(&["backup", text(backup.path())], "").await;
    assert!(outcome.is_success(), "{outcome:?}");
    // The end archives what changed, once there is a base to lean on.
    until(async || server.logs().contains("the archive has a new base")).await;
    server.stop().await;

    come_back(&server, backup.path(), on).await;
}

#[tokio::test]
async fn a_server_that_is_asked_to_end_archives_its_last_changes() {
    let mut server = Server::on(Engine::Sqlite)
        .set("CUMULI_ARCHIVE_EVERY", "1h")
        .start()
        .await;
    let content = server.data().join("content");
    until(async || is_archived(&content, "\"deltas\"")).await;
    let alice = server.user(ALICE).await;
    alice.put("/api/v1/paths/the-last-one", "x").await.expect(201);
    assert!(!is_archived(&content, "the-last-one"));

    server.stop().await;

    assert!(is_archived(&content, "the-last-one"));
}
