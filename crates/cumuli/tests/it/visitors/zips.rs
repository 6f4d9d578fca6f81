//! Folders as zip archives, as Python reads them.

use std::io::Write;
use std::process::Command;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Tree, given, put};
use crate::bad_input::{check, harmless, segment, signed};
use crate::harness::{Engine, Server, until};
use crate::people::Town;
use crate::wire::{Reply, Request};

/// The entries of an archive that is whole: their names and, of files, their bytes as text.
#[track_caller]
fn entries(reply: &Reply) -> Vec<(String, String)> {
    assert_eq!(reply.header("content-type"), "application/zip");
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&reply.body).unwrap();
    let script = "import json, sys, zipfile\n\
                  z = zipfile.ZipFile(sys.argv[1])\n\
                  assert z.testzip() is None\n\
                  print(json.dumps([[n, z.read(n).decode('latin-1')[:99]] for n in z.namelist()]))";
    let output = Command::new("python3")
        .arg("-c")
        .arg(script)
        .arg(file.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = expected
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    owned.collect()
}

#[tokio::test]
async fn a_folder_is_packed_with_all_that_is_in_it() {
    let town = Town::start().await;
    let (alice, tree) = (&town.alice, Tree::of(&town.alice).await);
    alice.folder_in(&tree.inner, "empty").await;
    for name in ["C:x.txt", "Süß 🌤.txt", "50% & \"q\".txt", " .. "] {
        put(alice, &tree.inner, &segment(name), name.as_bytes()).await;
    }
    put(alice, &tree.folder, "big.bin", &[b'x'; 300_000]).await;
    put(alice, &tree.folder, "zero.bin", b"").await;
    let gone = put(alice, &tree.folder, "gone.txt", b"gone").await;
    alice
        .send(Request::new("DELETE", &format!("/api/v1/nodes/{gone}")))
        .await
        .expect(204);

    let target = format!("/api/v1/folders/{}/zip", tree.folder);
    let reply = alice.get(&target).await.expect(200);

    let long = "x".repeat(99);
    let expected = pairs(&[
        ("Holiday/", ""),
        ("Holiday/Inner/", ""),
        ("Holiday/Inner/empty/", ""),
        ("Holiday/Inner/ .. ", " .. "),
        ("Holiday/Inner/50% & \"q\".txt", "50% & \"q\".txt"),
        ("Holiday/Inner/C:x.txt", "C:x.txt"),
        ("Holiday/Inner/deep.txt", "deep content"),
        ("Holiday/Inner/Süß 🌤.txt", "SÃ¼Ã\u{9f} ð\u{9f}\u{8c}¤.txt"),
        ("Holiday/big.bin", &long),
        ("Holiday/file.txt", "content"),
        ("Holiday/zero.bin", ""),
    ]);
    assert_eq!(entries(&reply), expected);
    assert!(
        reply
            .header("content-disposition")
            .contains("filename=\"Holiday.zip\"")
    );
    let head = alice.send(Request::new("HEAD", &target)).await.expect(200);
    assert_eq!(head.header("content-type"), "application/zip");
    let root = alice.get("/api/v1/folders/root/zip").await.expect(200);
    assert_eq!(entries(&root).last().unwrap().0, "Cumuli/beside.txt");
}

#[tokio::test]
async fn a_choice_of_nodes_is_packed_and_two_of_one_name_differ() {
    let town = Town::start().await;
    let (alice, tree) = (&town.alice, Tree::of(&town.alice).await);
    let same = put(alice, &tree.inner, "FILE.txt", b"same").await;
    let third = alice.file("file.txt", b"third").await;
    let drive = alice.file("C:x", b"drive").await;
    let ids = [&tree.file, &same, &third, &drive, &tree.inner, &tree.file];
    let ids = ids.map(String::as_str).join(",");

    let reply = alice.get(&format!("/api/v1/zip?ids={ids}")).await.expect(200);

    let expected = pairs(&[
        ("file.txt", "content"),
        ("FILE (2).txt", "same"),
        ("file (3).txt", "third"),
        ("C_x", "drive"),
        ("Inner/", ""),
        ("Inner/deep.txt", "deep content"),
        ("Inner/FILE.txt", "same"),
    ]);
    assert_eq!(entries(&reply), expected);
    let id = |n: u32| format!("0190c2a4-5b6e-7c3d-8e9f-{n:012x}");
    let many = |count: u32| (0..count).map(id).collect::<Vec<_>>().join(",");
    let zip = |ids: &str| Request::get(&format!("/api/v1/zip?ids={ids}"));
    let bobs = town.bob.file("bobs.txt", b"bob").await;
    let rows = vec![
        harmless("100 that are not there", zip(&many(100)), &[404]),
        harmless("101", zip(&many(101)), &[400]),
        harmless(
            "another's among them",
            zip(&format!("{},{bobs}", tree.file)),
            &[404],
        ),
        harmless("none", zip(""), &[400]),
        harmless("no ids", Request::get("/api/v1/zip"), &[400]),
        harmless("a path", zip("../etc"), &[400]),
        harmless(
            "a file as a folder",
            Request::get(&format!("/api/v1/folders/{}/zip", tree.file)),
            &[409],
        ),
        harmless(
            "another's folder",
            Request::get(&format!("/api/v1/folders/{}/zip", town.bob.root)),
            &[404],
        ),
    ];
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn a_visitor_packs_what_the_link_opens() {
    let (town, tree, token) = given(json!({})).await;
    let file = town.alice.link(&json!({"node_id": tree.file})).await;

    let inner = format!("/s/{token}/zip?folder={}", tree.inner);
    let inner = town.send(&Request::get(&inner)).await.expect(200);
    let alone = town
        .send(&Request::get(&format!("/s/{file}/zip")))
        .await
        .expect(200);

    assert_eq!(
        entries(&inner),
        pairs(&[("Inner/", ""), ("Inner/deep.txt", "deep content")])
    );
    assert_eq!(entries(&alone), pairs(&[("file.txt", "content")]));
    assert_eq!(inner.header("cache-control"), "private, no-store");
}

/// Whether an archive ends as one does.
fn is_ended(reply: &Reply) -> bool {
    reply.body.windows(4).any(|four| four == b"PK\x05\x06")
}

/// A part never looks like the whole.
#[tokio::test]
async fn an_archive_with_a_file_that_cannot_be_read_is_cut() {
    let town = Town::start().await;
    let (alice, tree) = (&town.alice, Tree::of(&town.alice).await);
    let whole = format!("/api/v1/folders/{}/zip", tree.folder);
    put(alice, &tree.folder, "big.bin", &[b'x'; 300_000]).await;
    assert!(is_ended(&alice.get(&whole).await.expect(200)));

    let find = Command::new("find")
        .arg(town.server.data())
        .args([
            "-size",
            "+200k",
            "-type",
            "f",
            "-path",
            "*/content/*",
            "-delete",
            "-print",
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(find.stdout).unwrap().lines().count(), 1);

    assert!(!is_ended(&alice.get(&whole).await));
}

/// The right is looked at anew on the way: what is revoked stops.
#[tokio::test]
async fn an_archive_ends_with_the_right_to_it() {
    let town = Town::start().await;
    let (alice, tree) = (&town.alice, Tree::of(&town.alice).await);
    for n in 0..12 {
        put(alice, &tree.inner, &format!("{n:02}.bin"), &vec![n; 4 << 20]).await;
    }
    let (id, token) = super::made(alice, &json!({"node_id": tree.folder})).await;
    let mut visitor = tokio::net::TcpStream::connect(town.server.host()).await.unwrap();
    let line = format!("GET /s/{token}/zip HTTP/1.1\r\nHost: cumuli.test\r\nConnection: close\r\n\r\n");
    visitor.write_all(line.as_bytes()).await.unwrap();
    let mut came = vec![0; 1 << 20];
    visitor.read_exact(&mut came).await.unwrap();

    let revoke = Request::new("DELETE", &format!("/api/v1/links/{id}"));
    alice.send(revoke).await.expect(204);

    // The connection ends, with or without a word.
    let _ = visitor.read_to_end(&mut came).await;
    assert!(came.len() < 48 << 20, "{} bytes came", came.len());
    assert!(!came.windows(4).any(|four| four == b"PK\x05\x06"));
}

/// A client that goes away ends the work.
#[tokio::test]
async fn nothing_goes_on_for_who_hung_up() {
    let town = Town::with(Server::on(Engine::Sqlite)).await;
    let (alice, tree) = (&town.alice, Tree::of(&town.alice).await);
    for n in 0..12 {
        put(alice, &tree.inner, &format!("{n:02}.bin"), &vec![n; 4 << 20]).await;
    }
    let open_files = || {
        let files = std::fs::read_dir(format!("/proc/{}/fd", town.server.process_id())).unwrap();
        let links = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
        links
            .filter(|link| link.is_file() && link.to_string_lossy().contains("/content/"))
            .count()
    };
    let mut visitor = tokio::net::TcpStream::connect(town.server.host()).await.unwrap();
    let line = format!(
        "GET /api/v1/folders/{}/zip HTTP/1.1\r\nHost: cumuli.test\r\nAuthorization: Bearer {}\r\n\r\n",
        tree.folder, alice.access
    );
    visitor.write_all(line.as_bytes()).await.unwrap();
    let mut came = vec![0; 1 << 20];
    visitor.read_exact(&mut came).await.unwrap();
    until(async || open_files() == 1).await;

    drop(visitor);

    until(async || open_files() == 0).await;
}
