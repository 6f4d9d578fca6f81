//! Moving what is in one connection to another: by the command, killed on the way, and by the API.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::json;

use crate::harness::{Engine, Server, until};

/// Files of a folder by their paths, but for what is ours.
fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    // It may not be there yet, and a file may go while it is looked at.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let kind = entry.file_type().unwrap();
        if name.starts_with(".cumuli-") || kind.is_symlink() {
            continue;
        }
        if kind.is_dir() {
            let below = tree(&entry.path()).into_iter();
            found.extend(below.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else if let Ok(bytes) = std::fs::read(entry.path()) {
            found.insert(name, bytes);
        }
    }
    found
}

fn fill(folder: &Path, files: usize) {
    for number in 0..files {
        let below = folder.join(format!("F{}", number % 7));
        std::fs::create_dir_all(&below).unwrap();
        let bytes = vec![u8::try_from(number % 251).unwrap(); 1000 + number * 197];
        std::fs::write(below.join(format!("{number}.bin")), bytes).unwrap();
    }
}

/// Connects a folder of the server, and answers the id.
async fn connect(server: &Server, path: &Path, label: &str) -> String {
    std::fs::create_dir_all(path).unwrap();
    let path = path.to_str().unwrap();
    let added = server
        .run(&["connection", "add", "directory", path, "--label", label], "")
        .await;
    assert!(added.is_success(), "{added:?}");
    added.out.split(':').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_command_moves_a_folder_whatever_kills_it_on_the_way() {
    for engine in Engine::all() {
        let roots = tempfile::tempdir().unwrap();
        let roots = roots.path().canonicalize().unwrap();
        let (source, target) = (roots.join("source"), roots.join("target"));
        let server = Server::on(engine).set("CUMULI_DIRECTORY_ROOTS", roots.display());
        let server = server.prepare().await;
        let added = server
            .run(
                &["user", "add", "ada@example.org", "--password-stdin"],
                "a long password",
            )
            .await;
        assert!(added.is_success(), "{added:?}");
        connect(&server, &source, "Source").await;
        connect(&server, &target, "Target").await;
        fill(&source, 200);

        let places = ["--from", "Source:/", "--to", "Target:/Moved/Here"];
        let arguments = [&["migrate-cloud"][..], &places[..]].concat();
        let moved = target.join("Moved/Here");
        for wanted in [1, 20, 40] {
            let mut command = server.spawn(&arguments);
            until(async || tree(&moved).len() >= wanted).await;
            command.kill().unwrap();
            command.wait().unwrap();
        }
        assert!(tree(&moved).len() < 200, "it was done before it was killed");

        let done = server.run(&arguments, "").await;
        assert!(
            done.is_success() && done.out.contains("goes on where it was"),
            "{done:?}"
        );
        assert!(
            done.out
                .lines()
                .any(|line| line.contains("done") && line.contains("proven")),
            "{done:?}"
        );
        assert!(tree(&moved) == tree(&source), "{done:?}");

        // Then it has ended, and another run is another migration, which finds everything there.
        let list = server.run(&["migrate-cloud", "list"], "").await;
        assert_eq!(list.out.lines().count(), 2, "{list:?}");
        std::fs::write(moved.join("F0/0.bin"), "changed at the target").unwrap();
        let again = server.run(&arguments, "").await;
        assert_eq!(again.code, Some(3), "{again:?}");
        assert!(again.out.contains("conflict: F0/0.bin"), "{again:?}");
        assert_eq!(
            std::fs::read(moved.join("F0/0.bin")).unwrap(),
            b"changed at the target"
        );

        for (arguments, words) in [
            (&["migrate-cloud"][..], "--from"),
            (
                &["migrate-cloud", "--from", "Nothing:/", "--to", "Target:/"],
                "connection list",
            ),
            (
                &["migrate-cloud", "--from", "Source:/", "--to", "Source:/x"],
                "apart",
            ),
        ] {
            let refused = server.run(arguments, "").await;
            assert!(
                !refused.is_success() && refused.err.contains(words),
                "{refused:?}"
            );
        }
    }
}

#[tokio::test]
async fn the_api_begins_shows_stops_and_ends_a_migration() {
    for engine in Engine::all() {
        let roots = tempfile::tempdir().unwrap();
        let roots = roots.path().canonicalize().unwrap();
        let (source, target) = (roots.join("source"), roots.join("target"));
        let server = Server::on(engine).set("CUMULI_DIRECTORY_ROOTS", roots.display());
        let mut server = server.start().await;
        let ada = server.user("ada@example.org").await;
        let eve = server.user("eve@example.org").await;
        let from = connect(&server, &source, "Source").await;
        let to = connect(&server, &target, "Target").await;
        fill(&source, 40);
        std::os::unix::fs::symlink("nowhere", source.join("link")).unwrap();

        let all = "/api/v1/migrations";
        let body = json!({
            "from": { "connection": from, "path": "/" },
            "to": { "connection": to, "path": "/Moved" },
        });
        eve.post(all, &body).await.expect(404);
        let begun = ada.post(all, &body).await.expect(201).json();
        ada.post(all, &body).await.expect(409);
        let one = format!("{all}/{}", begun["id"].as_str().unwrap());
        eve.get(&one).await.expect(404);
        until(async || ada.get(&one).await.expect(200).json()["stage"] == "rest").await;
        assert!(tree(&target.join("Moved")) == tree(&source));

        // It follows what changes, across a restart, until it is told to end.
        ada.post(&format!("{one}/pause"), &json!({})).await.expect(200);
        std::fs::write(source.join("F1/new.txt"), "new").unwrap();
        server.kill().await;
        server.restart().await;
        let ada = server.again(&ada);
        assert_eq!(ada.get(&one).await.expect(200).json()["state"], "paused");
        ada.post(&format!("{one}/resume"), &json!({})).await.expect(200);
        until(async || target.join("Moved/F1/new.txt").exists()).await;
        ada.post(&format!("{one}/finish"), &json!({})).await.expect(200);
        until(async || ada.get(&one).await.expect(200).json()["state"] == "done").await;
        let report = ada.get(&one).await.expect(200).json();
        assert_eq!(report["items"]["done"]["items"], 41);
        assert_eq!(report["proofs"]["proven"]["items"], 41);
        assert_eq!(report["items"]["unmovable"]["items"], 1);
        ada.post(&format!("{one}/finish"), &json!({})).await.expect(409);

        let page = ada
            .get(&format!("{one}/items?state=unmovable&limit=5"))
            .await
            .expect(200)
            .json();
        assert_eq!(page["items"][0]["path"], "link");
        assert!(page["items"][0]["reason"].is_string());
        let (mut seen, mut cursor) = (0, String::new());
        loop {
            let page = ada
                .get(&format!("{one}/items?limit=7{cursor}"))
                .await
                .expect(200)
                .json();
            seen += page["items"].as_array().unwrap().len();
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        // The files, the link and seven folders.
        assert_eq!(seen, 41 + 1 + 7);
        ada.get(&format!("{one}/items?state=odd")).await.expect(400);
        let list = ada.get(all).await.expect(200).json();
        assert_eq!(list["migrations"].as_array().unwrap().len(), 1);
        ada.delete(&one).await.expect(204);
        ada.get(&one).await.expect(404);
    }
}
