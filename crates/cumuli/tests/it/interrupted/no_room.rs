//! A disk that is full, or that may only be read, and then recovers.
//!
//! It has to be a disk of its own: one in memory, which only root may mount. Others are told so.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::assert_whole;
use crate::harness::{Client, Content, Engine, Reply, Server};

const BIG: usize = 3_000_000;
const SMALL: usize = 9_000;
const DISK_MIB: u32 = 64;

/// A small disk, gone when dropped.
struct Disk(tempfile::TempDir);

/// What takes the room, until it is dropped.
struct Filler(PathBuf);

impl Disk {
    /// Mounts one, if this user may.
    fn mount() -> Option<Self> {
        let disk = Self(tempfile::tempdir().unwrap());
        let output = disk.command(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={DISK_MIB}m"), "tmpfs"],
        );
        if output.status.success() {
            return Some(disk);
        }
        let reason = String::from_utf8_lossy(&output.stderr);
        println!("skipped: only root may mount a disk to fill ({})", reason.trim());
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(name);
        command.args(arguments).arg(self.path()).output().unwrap()
    }

    /// Takes all room but `rest` bytes.
    fn fill(&self, rest: u64) -> Filler {
        let path = self.path().join("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        let length = file.metadata().unwrap().len();
        file.set_len(length.saturating_sub(rest)).unwrap();
        Filler(path)
    }

    fn remount(&self, how: &str) {
        let output = self.command("mount", &["-o", &format!("remount,{how}")]);
        assert!(output.status.success(), "{output:?}");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the server may still be on its way out.
        self.command("umount", &["-l"]);
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

fn content(number: u64, len: usize) -> Content {
    Content { seed: number, len }
}

async fn put(client: &Client, name: &str, content: Content) -> Reply {
    let path = format!("/api/v1/folders/root/files/{name}");
    client.put(&path, content.bytes()).await
}

/// Exactly these files are there, byte for byte.
async fn all_there(client: &Client, stored: &[(String, Content)]) {
    let page = client.get("/api/v1/folders/root/children?limit=1000").await;
    let page = page.expect(200).json();
    let items = page["items"].as_array().unwrap().iter();
    let mut found: Vec<&str> = items.map(|item| item["name"].as_str().unwrap()).collect();
    let mut expected: Vec<&str> = stored.iter().map(|(name, _)| name.as_str()).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    for (name, content) in stored {
        let node = client.get(&format!("/api/v1/resolve?path=/{name}")).await;
        let id = node.expect(200).json()["id"].as_str().unwrap().to_owned();
        let bytes = client.get(&format!("/api/v1/files/{id}/content")).await;
        assert!(bytes.expect(200).body == content.bytes(), "{name}");
    }
}

#[tokio::test]
async fn on_a_full_disk_uploads_are_refused_and_all_else_stays() {
    for engine in Engine::all() {
        let Some(disk) = Disk::mount() else { return };
        let data = disk.path().join("data");
        let mut server = Server::on(engine)
            .set("CUMULI_DATA", data.display())
            .start()
            .await;
        let alice = server.user("alice@example.org").await;
        put(&alice, "before", content(1, BIG)).await.expect(201);
        let mut stored = vec![("before".to_owned(), content(1, BIG))];

        let filler = disk.fill(1_000_000);
        for number in 0..5 {
            let refused = put(&alice, &format!("big{number}"), content(10 + number, BIG)).await;
            assert_eq!(refused.expect(507).json()["type"], "urn:cumuli:problem:full");
        }
        drop(filler);
        let filler = disk.fill(0);
        for number in 0..40 {
            let (name, content) = (format!("small{number}"), content(100 + number, SMALL));
            // What the database's own files have left may still do for some.
            match put(&alice, &name, content).await.status {
                201 => stored.push((name, content)),
                507 => {}
                status => panic!("{status} on a full disk"),
            }
        }
        all_there(&alice, &stored).await;
        drop(filler);

        for number in 0..3 {
            let (name, content) = (format!("after{number}"), content(200 + number, BIG));
            put(&alice, &name, content).await.expect(201);
            stored.push((name, content));
        }
        all_there(&alice, &stored).await;
        assert_eq!(server.stop().await.code(), Some(0));
        server.restart().await;
        all_there(&server.again(&alice), &stored).await;
        assert_whole(&server).await;
    }
}

#[tokio::test]
async fn a_server_killed_on_a_full_disk_comes_back() {
    for engine in Engine::all() {
        let Some(disk) = Disk::mount() else { return };
        let data = disk.path().join("data");
        let mut server = Server::on(engine)
            .set("CUMULI_DATA", data.display())
            .start()
            .await;
        let mut alice = server.user("alice@example.org").await;
        let mut stored = Vec::new();
        for round in 0..5 {
            for (part, size) in [(0, BIG), (1, SMALL)] {
                let (name, content) = (format!("{round}-{part}"), content(2 * round + part, size));
                put(&alice, &name, content).await.expect(201);
                stored.push((name, content));
            }

            let filler = disk.fill(0);
            put(&alice, "more", content(100, BIG)).await.expect(507);
            server.kill().await;
            drop(filler);
            server.restart().await;

            alice = server.again(&alice);
            all_there(&alice, &stored).await;
        }
        assert_whole(&server).await;
    }
}

#[tokio::test]
async fn contents_that_may_only_be_read_are_read() {
    for engine in Engine::all() {
        let Some(disk) = Disk::mount() else { return };
        let contents = disk.path().join("contents");
        let server = Server::on(engine)
            .set("UPLOAD_FOLDER", contents.display())
            .start()
            .await;
        let alice = server.user("alice@example.org").await;
        put(&alice, "before", content(1, BIG)).await.expect(201);
        let mut stored = vec![("before".to_owned(), content(1, BIG))];

        disk.remount("ro");
        let refused = put(&alice, "big", content(2, BIG)).await;
        let ready = alice.get("/health/ready").await;
        all_there(&alice, &stored).await;
        disk.remount("rw");

        refused.expect(503);
        // It still serves what it has.
        ready.expect(200);
        put(&alice, "after", content(3, BIG)).await.expect(201);
        stored.push(("after".to_owned(), content(3, BIG)));
        all_there(&alice, &stored).await;
        assert_whole(&server).await;
    }
}
