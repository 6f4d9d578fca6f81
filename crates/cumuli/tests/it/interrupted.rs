//! What is cut on its way: uploads, downloads, the server itself, the room on the disk.

mod bytes;
mod cut;
mod drain;
mod hung_up;
mod memory;
mod no_room;

use std::path::{Path, PathBuf};

use crate::harness::Server;

/// Contents in a folder of contents, those without a name left out.
fn stored_files(folder: &Path) -> usize {
    let mut count = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A folder may go while it is looked at.
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) if is_content(&entry.path()) => count += 1,
                Ok(_) | Err(_) => {}
            }
        }
    }
    count
}

/// Whether a file of the store is more than the store's own notes.
fn is_content(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() > 10_000)
}

/// Where the server keeps its contents.
fn contents(server: &Server) -> PathBuf {
    server.data().join("content")
}

/// Compares all rows and bytes.
async fn assert_whole(server: &Server) {
    let checked = server.run(&["fsck", "--verify"], "").await;
    assert!(checked.is_success(), "{}\n{}", checked.out, checked.err);
}

/// What the descriptors of the server point at.
fn descriptors(server: &Server) -> Vec<String> {
    let links = std::fs::read_dir(format!("/proc/{}/fd", server.process_id())).unwrap();
    links
        .filter_map(|link| std::fs::read_link(link.unwrap().path()).ok())
        .map(|target| target.to_string_lossy().into_owned())
        .collect()
}

/// Connections that the server has open, its own to a database left out.
fn open_connections(server: &Server) -> usize {
    let descriptors = descriptors(server);
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port: u16 = server.host().rsplit(':').next().unwrap().parse().unwrap();
    let local = format!(":{port:04X}");
    let is_open = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let socket = format!("socket:[{}]", fields[9]);
        // State 0A is the listener.
        fields[1].ends_with(&local) && fields[3] != "0A" && descriptors.contains(&socket)
    };
    table.lines().skip(1).filter(is_open).count()
}
