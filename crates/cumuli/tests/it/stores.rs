//! Contents in object stores: how they are fetched, what goes wrong, how they are moved and sealed.

mod downloads;
mod faults;
mod moves;
mod seals;
mod start;

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{Client, Content};

/// More than a part of an upload, so that it takes several.
const BIG: Content = Content {
    seed: 7,
    len: 11_000_123,
};
/// One request.
const SMALL: Content = Content { seed: 8, len: 50_000 };

/// Uploads a file to the top of a space and returns its id.
async fn upload(client: &Client, name: &str, content: Content) -> String {
    let stored = client
        .put(&format!("/api/v1/paths/{name}"), content.bytes())
        .await;
    stored.expect(201).json()["id"].as_str().unwrap().to_owned()
}

/// A file's content as the server itself sends it.
async fn through_server(client: &Client, id: &str) -> Vec<u8> {
    let reply = client
        .get(&format!("/api/v1/files/{id}/content?through=server"))
        .await;
    reply.expect(200).body.to_vec()
}

/// All files below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files
}
