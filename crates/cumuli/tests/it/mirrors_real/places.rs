//! Places that a folder can be at, and how somebody edits there who knows nothing of us.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;

use crate::bad_input::segment;
use crate::harness::emulators::azurite::Azurite;
use crate::harness::emulators::moto::Moto;
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Client, PATIENCE};

/// Paths with contents; folders have none.
pub type Tree = BTreeMap<String, Option<Vec<u8>>>;

/// Where our connectors put what is deleted.
const TRASH: &str = ".cumuli-trash/";

/// A folder somewhere.
pub enum Place {
    /// On the server, by its id.
    Here(Client, String),
    /// On this machine.
    Folder(PathBuf),
    /// In a bucket.
    Bucket(Bucket),
}

impl Place {
    pub const fn name(&self) -> &str {
        match self {
            Self::Here(..) => "here",
            Self::Folder(_) => "folder",
            Self::Bucket(bucket) => bucket.name,
        }
    }

    /// All that is there.
    pub async fn tree(&self) -> Tree {
        match self {
            Self::Here(who, root) => tree_here(who, root).await.0,
            Self::Folder(at) => {
                let mut tree = Tree::new();
                walk(at, "", &mut tree);
                tree
            }
            Self::Bucket(bucket) => bucket.tree().await,
        }
    }

    /// Writes a file. Somebody may have put something in its way meanwhile.
    pub async fn put(&self, path: &str, bytes: &[u8]) {
        match self {
            Self::Here(who, root) => {
                if let Some((folder, name)) = parent_here(who, root, path).await {
                    let target = format!("/api/v1/folders/{folder}/files/{}", segment(name));
                    who.put(&target, bytes.to_vec()).await;
                }
            }
            Self::Folder(at) => drop(fs::write(at.join(path), bytes)),
            Self::Bucket(bucket) => bucket.put(path, bytes).await,
        }
    }

    pub async fn make_folder(&self, path: &str) {
        match self {
            Self::Here(who, root) => {
                if let Some((folder, name)) = parent_here(who, root, path).await {
                    let body = json!({"parent_id": folder, "name": name});
                    who.post("/api/v1/folders", &body).await;
                }
            }
            Self::Folder(at) => drop(fs::create_dir(at.join(path))),
            Self::Bucket(bucket) => bucket.put(&format!("{path}/"), b"").await,
        }
    }

    /// Gives what `tree` has there another place.
    pub async fn rename(&self, from: &str, to: &str, tree: &Tree) {
        match self {
            Self::Here(who, root) => {
                let node = tree_here(who, root).await.1.get(from).cloned();
                if let (Some(node), Some((folder, name))) = (node, parent_here(who, root, to).await) {
                    let body = json!({"parent_id": folder, "name": name});
                    who.patch(&format!("/api/v1/nodes/{node}"), &body).await;
                }
            }
            Self::Folder(at) => {
                if !at.join(to).exists() {
                    let _ = fs::rename(at.join(from), at.join(to));
                }
            }
            Self::Bucket(bucket) => {
                for path in below(from, tree) {
                    let target = format!("{to}{}", &path[from.len()..]);
                    // What went meanwhile stays where it went.
                    match &tree[path] {
                        Some(_) => {
                            if let Some(bytes) = bucket.get(path).await {
                                bucket.put(&target, &bytes).await;
                                bucket.delete(path).await;
                            }
                        }
                        None => {
                            bucket.put(&format!("{target}/"), b"").await;
                            bucket.delete(&format!("{path}/")).await;
                        }
                    }
                }
            }
        }
    }

    /// Removes what `tree` has there, with all below it.
    pub async fn remove(&self, path: &str, tree: &Tree) {
        match self {
            Self::Here(who, root) => {
                if let Some(node) = tree_here(who, root).await.1.get(path) {
                    who.delete(&format!("/api/v1/nodes/{node}")).await;
                }
            }
            Self::Folder(at) => {
                let at = at.join(path);
                let _ = if at.is_dir() {
                    fs::remove_dir_all(at)
                } else {
                    fs::remove_file(at)
                };
            }
            Self::Bucket(bucket) => {
                for path in below(path, tree) {
                    let mark = if tree[path].is_none() { "/" } else { "" };
                    bucket.delete(&format!("{path}{mark}")).await;
                }
            }
        }
    }
}

/// A path and all below it, the deepest first.
fn below<'a>(path: &str, tree: &'a Tree) -> Vec<&'a String> {
    let folder = format!("{path}/");
    let is_meant = |of: &&String| *of == path || of.starts_with(&folder);
    tree.keys().rev().filter(is_meant).collect()
}

/// All in a folder of the server, and the ids by paths.
async fn tree_here(who: &Client, root: &str) -> (Tree, BTreeMap<String, String>) {
    let (mut tree, mut ids) = (Tree::new(), BTreeMap::new());
    let mut folders = vec![(root.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let page = who
            .get(&format!("/api/v1/folders/{folder}/children?limit=1000"))
            .await;
        if page.status != 200 {
            continue;
        }
        for node in page.json()["items"].as_array().unwrap() {
            let id = node["id"].as_str().unwrap().to_owned();
            let path = format!("{prefix}{}", node["name"].as_str().unwrap());
            if node["kind"] == "folder" {
                folders.push((id.clone(), format!("{path}/")));
                tree.insert(path.clone(), None);
            } else {
                let content = who.get(&format!("/api/v1/files/{id}/content")).await;
                if content.status != 200 {
                    continue;
                }
                tree.insert(path.clone(), Some(content.body.to_vec()));
            }
            ids.insert(path, id);
        }
    }
    (tree, ids)
}

/// The folder that a path is in, and its name there.
async fn parent_here<'a>(who: &Client, root: &str, path: &'a str) -> Option<(String, &'a str)> {
    let Some((folder, name)) = path.rsplit_once('/') else {
        return Some((root.to_owned(), path));
    };
    let ids = tree_here(who, root).await.1;
    Some((ids.get(folder)?.clone(), name))
}

fn walk(folder: &Path, prefix: &str, tree: &mut Tree) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.map_while(Result::ok) {
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        // What our connector is writing, and what it put away.
        if path.starts_with(".cumuli") {
            continue;
        }
        if entry.path().is_dir() {
            walk(&entry.path(), &format!("{path}/"), tree);
            tree.insert(path, None);
        } else if let Ok(bytes) = fs::read(entry.path()) {
            tree.insert(path, Some(bytes));
        }
    }
}

/// A folder in a bucket, asked directly.
pub struct Bucket {
    name: &'static str,
    http: reqwest::Client,
    /// Its address.
    url: String,
    prefix: &'static str,
    /// What listings are asked with.
    list: &'static str,
    /// What names an object in a listing.
    key: &'static str,
    /// What stands at the end of each address.
    signature: String,
}

impl Bucket {
    /// In a bucket of `moto`, which is made. It believes every signature.
    pub async fn s3(moto: &Moto, prefix: &'static str) -> Self {
        let bucket = Self {
            name: "s3",
            http: http(),
            url: format!("{}/{}", moto.endpoint(), S3s::BUCKET),
            prefix,
            list: "list-type=2",
            key: "Key",
            signature: String::new(),
        };
        bucket.ask(Method::PUT, bucket.url.clone(), &[]).await.unwrap();
        bucket
    }

    /// In the container of Azurite.
    pub fn azure(azurite: &Azurite, prefix: &'static str) -> Self {
        Self {
            name: "azure",
            http: http(),
            url: format!("{}/{}", azurite.endpoint(), Azurite::CONTAINER),
            prefix,
            list: "restype=container&comp=list",
            key: "Name",
            signature: azure_signature(),
        }
    }

    fn object(&self, path: &str) -> String {
        let key = format!("{}{path}", self.prefix);
        let names: Vec<String> = key.split('/').map(segment).collect();
        format!("{}/{}", self.url, names.join("/"))
    }

    /// `None` is what is not there.
    async fn ask(&self, method: Method, url: String, bytes: &[u8]) -> Option<Vec<u8>> {
        let mark = if url.contains('?') { '&' } else { '?' };
        let url = match self.signature.is_empty() {
            true => url,
            false => format!("{url}{mark}{}", self.signature),
        };
        let proof = "AWS4-HMAC-SHA256 Credential=a/20210304/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=a";
        let mut request = self.http.request(method.clone(), &url).body(bytes.to_vec());
        if method == Method::PUT {
            request = request.header("content-length", bytes.len());
        }
        if self.signature.is_empty() {
            request = request.header("authorization", proof);
        } else {
            request = request.header("x-ms-blob-type", "BlockBlob");
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body = answer.bytes().await.unwrap();
        if status.as_u16() == 404 {
            return None;
        }
        assert!(
            status.is_success(),
            "{url}: {status}: {}",
            String::from_utf8_lossy(&body)
        );
        Some(body.to_vec())
    }

    async fn keys(&self) -> Vec<String> {
        let url = format!("{}?{}&prefix={}", self.url, self.list, segment(self.prefix));
        let listing = self.ask(Method::GET, url, &[]).await.unwrap();
        let listing = String::from_utf8(listing).unwrap();
        let (open, close) = (format!("<{}>", self.key), format!("</{}>", self.key));
        let objects = listing
            .split(&open)
            .skip(1)
            .filter_map(|rest| rest.split(&close).next());
        // The bucket's own name may be one too.
        objects
            .filter_map(|key| plain(key).strip_prefix(self.prefix).map(str::to_owned))
            .collect()
    }

    async fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        for key in self.keys().await {
            if key.is_empty() || key.starts_with(TRASH) {
                continue;
            }
            for (at, _) in key.match_indices('/') {
                tree.insert(key[..at].to_owned(), None);
            }
            if !key.ends_with('/')
                && let Some(bytes) = self.get(&key).await
            {
                tree.insert(key, Some(bytes));
            }
        }
        tree
    }

    async fn get(&self, path: &str) -> Option<Vec<u8>> {
        self.ask(Method::GET, self.object(path), &[]).await
    }

    async fn put(&self, path: &str, bytes: &[u8]) {
        self.ask(Method::PUT, self.object(path), bytes).await;
    }

    async fn delete(&self, path: &str) {
        self.ask(Method::DELETE, self.object(path), &[]).await;
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

/// What lets its holder do anything in the account.
fn azure_signature() -> String {
    let (rights, services, types) = ("rwdlac", "b", "sco");
    let (until, version) = ("2099-01-01T00:00:00Z", "2018-11-09");
    let account = Azurite::ACCOUNT;
    let meant = format!("{account}\n{rights}\n{services}\n{types}\n\n{until}\n\n\n{version}\n");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(Azurite::KEY).unwrap());
    let proof = STANDARD.encode(hmac::sign(&key, meant.as_bytes()));
    format!(
        "sv={version}&ss={services}&srt={types}&sp={rights}&se={}&sig={}",
        segment(until),
        segment(&proof)
    )
}

/// Text of XML as it was meant.
fn plain(text: &str) -> String {
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"");
    let text = text
        .replace("&apos;", "'")
        .replace("&#39;", "'")
        .replace("&#x27;", "'")
        .replace("&#34;", "\"");
    text.replace("&amp;", "&")
}
