//! Looks at what the server has, and compares it with what it should have.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use super::ledger::{Kind, Ledger, Place, Thing};
use crate::harness::{Client, Content, sha256};

/// Why a look told nothing good.
#[derive(Debug)]
pub enum Trouble {
    /// The server died.
    Cut,
    /// The server has something else than it should have.
    Wrong(String),
}

/// What a look found.
pub type Seen<T> = Result<T, Trouble>;

/// Looks as one client.
pub struct Eye<'a>(pub &'a Client);

macro_rules! ensure_eq {
    ($found:expr, $expected:expr, $($words:tt)+) => {
        let (found, expected) = (&$found, &$expected);
        if found != expected {
            return Err(Trouble::Wrong(format!(
                "{}: {found:?} instead of {expected:?}",
                format_args!($($words)+)
            )));
        }
    };
}

impl Eye<'_> {
    async fn get(&self, path: &str) -> Seen<(u16, Vec<u8>)> {
        let reply = self.0.request(Method::GET, path).send().await;
        let reply = reply.map_err(|_| Trouble::Cut)?;
        let status = reply.status().as_u16();
        let bytes = reply.bytes().await.map_err(|_| Trouble::Cut)?;
        Ok((status, bytes.to_vec()))
    }

    /// A reply as JSON; `None` when there is no such thing.
    pub async fn json(&self, path: &str) -> Seen<Option<Value>> {
        match self.get(path).await? {
            (200, bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            (404, _) => Ok(None),
            (status, bytes) => Err(Trouble::Wrong(format!(
                "{path}: {status} {}",
                String::from_utf8_lossy(&bytes)
            ))),
        }
    }

    /// All items of a listing.
    pub async fn items(&self, path: &str) -> Seen<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.json(&format!("{path}?limit=1000{cursor}")).await?;
            let page = page.ok_or_else(|| Trouble::Wrong(format!("{path}: not found")))?;
            items.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(items),
            }
        }
    }

    /// What a folder holds.
    pub async fn children(&self, folder: &str) -> Seen<Vec<Value>> {
        self.items(&format!("/api/v1/folders/{folder}/children")).await
    }

    async fn is_in_trash(&self, id: &str) -> Seen<bool> {
        let trash = self.items("/api/v1/trash").await?;
        Ok(trash.iter().any(|item| item["id"] == id))
    }

    /// Compares one node with what it should be.
    pub async fn check(&self, ledger: &Ledger, (id, thing): (&str, &Thing)) -> Seen<()> {
        let node = self.json(&format!("/api/v1/nodes/{id}")).await?;
        let words = format!("{} {id}", thing.name);
        let folder = match &thing.place {
            Place::In(folder) if ledger.is_visible(folder) => folder,
            hidden => {
                ensure_eq!(node, None, "{words}, which is {hidden:?}");
                let is_trashed = thing.is_trashed();
                if is_trashed || *hidden == Place::Gone {
                    ensure_eq!(
                        self.is_in_trash(id).await?,
                        is_trashed,
                        "{words} {hidden:?} in the trash"
                    );
                }
                return Ok(());
            }
        };
        let node = node.ok_or_else(|| Trouble::Wrong(format!("{words} is not there")))?;
        ensure_eq!(node["name"].as_str(), Some(thing.name.as_str()), "{words}, name");
        ensure_eq!(
            node["parent_id"].as_str(),
            Some(folder.as_str()),
            "{words}, folder"
        );
        match &thing.kind {
            Kind::File(versions) => self.check_file(&node, versions).await,
            Kind::Folder => self.check_folder(ledger, id).await,
            Kind::Copy(below) => self.check_copy(id, below).await,
        }
    }

    async fn check_file(&self, node: &Value, versions: &BTreeMap<u64, Content>) -> Seen<()> {
        let id = node["id"].as_str().unwrap();
        let (current, content) = versions.last_key_value().expect("a file has a version");
        ensure_eq!(node["version"].as_u64(), Some(*current), "{id}, version");
        let rows = self
            .json(&format!("/api/v1/files/{id}/versions?limit=1000"))
            .await?;
        let rows = rows.ok_or_else(|| Trouble::Wrong(format!("{id} has no versions")))?;
        let found: BTreeMap<u64, (u64, String)> = rows["versions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let size = row["size"].as_u64().unwrap();
                let sha256 = row["sha256"].as_str().unwrap().to_owned();
                (row["number"].as_u64().unwrap(), (size, sha256))
            })
            .collect();
        let expected: BTreeMap<u64, (u64, String)> = versions
            .iter()
            .map(|(number, content)| (*number, (content.len as u64, content.sha256())))
            .collect();
        ensure_eq!(found, expected, "{id}, versions");
        self.check_bytes(&format!("/api/v1/files/{id}/content"), *content)
            .await?;
        for (number, content) in versions.iter().filter(|(number, _)| *number != current) {
            self.check_bytes(&format!("/api/v1/files/{id}/versions/{number}/content"), *content)
                .await?;
        }
        Ok(())
    }

    async fn check_bytes(&self, path: &str, content: Content) -> Seen<()> {
        let (status, bytes) = self.get(path).await?;
        ensure_eq!(status, 200, "{path}, status");
        if bytes != content.bytes() {
            return Err(Trouble::Wrong(format!(
                "{path}: {} bytes with the digest {} instead of {} with {}",
                bytes.len(),
                sha256(&bytes),
                content.len,
                content.sha256()
            )));
        }
        Ok(())
    }

    /// Nothing is in a folder but what should be.
    pub async fn check_folder(&self, ledger: &Ledger, id: &str) -> Seen<()> {
        let children = self.children(id).await?;
        let found: BTreeMap<&str, &str> = children
            .iter()
            .map(|node| (node["name"].as_str().unwrap(), node["id"].as_str().unwrap()))
            .collect();
        ensure_eq!(found, ledger.children(id), "the folder {id}");
        Ok(())
    }

    async fn check_copy(&self, id: &str, below: &BTreeMap<String, Option<Content>>) -> Seen<()> {
        let mut found = BTreeMap::new();
        let mut folders = vec![(id.to_owned(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            for node in self.children(&folder).await? {
                let path = format!("{prefix}{}", node["name"].as_str().unwrap());
                let node_id = node["id"].as_str().unwrap().to_owned();
                if node["kind"] == "folder" {
                    folders.push((node_id, format!("{path}/")));
                    found.insert(path, None);
                } else {
                    let (status, bytes) = self.get(&format!("/api/v1/files/{node_id}/content")).await?;
                    ensure_eq!(status, 200, "{path} in a copy");
                    found.insert(path, Some(sha256(&bytes)));
                }
            }
        }
        let expected: BTreeMap<String, Option<String>> = below
            .iter()
            .map(|(path, content)| (path.clone(), content.map(Content::sha256)))
            .collect();
        ensure_eq!(found, expected, "the copy {id}");
        Ok(())
    }
}
