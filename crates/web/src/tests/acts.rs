//! Acts of people, each as a client of our own API does it and as a client of a dialect does.

use serde_json::{Value, json};

use super::world::{Answer, Ask, World, email};

/// Something that somebody does. Nodes are named by their ids in the world at hand.
#[derive(Debug, Clone)]
pub enum Act {
    Look(String),
    Download(String),
    /// By its stored name, which is told.
    DownloadStored(String, String),
    List(String, Listing),
    Find(String, String),
    Rename(String, Kind, String),
    Delete(String, Kind),
    MakeFolder(String, String),
    Upload(String, Upload),
    UploadHome(Upload),
    Share(String, Kind, Gift),
    SharedWithMe,
    Link(String),
    Unlink(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
}

#[derive(Debug, Clone)]
pub struct Listing {
    pub key: &'static str,
    pub order: &'static str,
    pub only_files: bool,
}

#[derive(Debug, Clone)]
pub struct Upload {
    pub name: String,
    pub content: String,
    /// What is said of a name that is taken, in the words of our API.
    pub on_conflict: &'static str,
}

#[derive(Debug, Clone)]
pub struct Gift {
    pub to: usize,
    pub right: &'static str,
    pub may_share: bool,
}

/// What came of it: the decision, what the reply says, and a node that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub status: u16,
    pub facts: Value,
    pub made: Option<String>,
}

impl Outcome {
    fn of(answer: &Answer, facts: impl FnOnce(&Value) -> Value) -> Self {
        let body = answer.json();
        Self {
            status: answer.status,
            facts: if answer.is_success() {
                facts(&body)
            } else {
                Value::Null
            },
            made: None,
        }
    }

    fn making(answer: &Answer, id: &str, facts: impl FnOnce(&Value) -> Value) -> Self {
        let made = answer.json()[id].as_str().map(str::to_owned);
        Self {
            made: made.filter(|_| answer.is_success()),
            ..Self::of(answer, facts)
        }
    }

    const fn refused(status: u16) -> Self {
        Self {
            status,
            facts: Value::Null,
            made: None,
        }
    }
}

/// The names in a list of nodes, in order.
fn names<'a>(lists: impl IntoIterator<Item = &'a Value>) -> Value {
    let nodes = lists.into_iter().filter_map(Value::as_array).flatten();
    nodes.map(|node| node["name"].clone()).collect()
}

/// What a file is, in the words of either API.
fn file(node: &Value) -> Value {
    let kind = node.get("mime_type").or_else(|| node.get("content_type"));
    json!([
        node["name"],
        node["size"],
        kind,
        node["created_at"],
        node["updated_at"]
    ])
}

fn bytes(answer: &Answer) -> Outcome {
    Outcome {
        facts: json!(
            answer
                .is_success()
                .then(|| String::from_utf8_lossy(&answer.body).into_owned())
        ),
        ..Outcome::of(answer, Value::clone)
    }
}

impl Act {
    /// As a client of our own API does it.
    pub async fn in_our_words(&self, world: &World, who: Option<usize>) -> Outcome {
        let ask = async |ask| world.ask(who, ask).await;
        match self {
            Self::Look(id) => Outcome::of(&ask(Ask::get(format!("/api/v1/files/{id}"))).await, file),
            Self::Download(id) => bytes(&ask(Ask::get(format!("/api/v1/files/{id}/content"))).await),
            Self::DownloadStored(id, _) => {
                let node = ask(Ask::get(format!("/api/v1/nodes/{id}"))).await;
                match (node.status, &node.json()["right"], &node.json()["kind"]) {
                    (401, ..) => Outcome::refused(401),
                    (200, right, kind) if right == "own" && kind == "file" => {
                        bytes(&ask(Ask::get(format!("/api/v1/files/{id}/content"))).await)
                    }
                    _ => Outcome::refused(404),
                }
            }
            Self::List(id, listing) => {
                let kind = if listing.only_files { "&kind=file" } else { "" };
                let (key, order) = (listing.key, listing.order);
                let target =
                    format!("/api/v1/folders/{id}/children?limit=1000&sort={key}&order={order}{kind}");
                Outcome::of(&ask(Ask::get(target)).await, |page| names([&page["items"]]))
            }
            Self::Find(id, text) => {
                let target = format!("/api/v1/search?limit=1000&kind=file&folder={id}&q={text}");
                Outcome::of(&ask(Ask::get(target)).await, |page| names([&page["items"]]))
            }
            Self::Rename(id, _, name) => {
                let change = Ask::new("PATCH", format!("/api/v1/nodes/{id}")).json(&json!({"name": name}));
                Outcome::of(&ask(change).await, |node| node["name"].clone())
            }
            Self::Delete(id, Kind::File) => {
                let delete = Ask::new("DELETE", format!("/api/v1/files/{id}"));
                Outcome::of(&ask(delete).await, Value::clone)
            }
            Self::Delete(id, Kind::Folder) => {
                let delete = Ask::new("DELETE", format!("/api/v1/nodes/{id}"));
                Outcome::of(&ask(delete).await, Value::clone)
            }
            Self::MakeFolder(id, name) => {
                let make = json!({"parent_id": id, "name": name});
                let made = ask(Ask::new("POST", "/api/v1/folders").json(&make)).await;
                Outcome::making(&made, "id", |node| node["name"].clone())
            }
            Self::Upload(id, upload) => uploaded(&ask(ours(id, upload)).await),
            Self::UploadHome(upload) => uploaded(&ask(ours("root", upload)).await),
            Self::Share(id, _, gift) => {
                let give = json!({"node_id": id, "email": email(gift.to), "right": gift.right,
                                  "may_share": gift.may_share});
                let given = ask(Ask::new("POST", "/api/v1/shares").json(&give)).await;
                Outcome::of(&given, |share| {
                    json!([
                        share["node"]["name"],
                        share["user"]["email"],
                        share["effective_right"]
                    ])
                })
            }
            Self::SharedWithMe => {
                let given = ask(Ask::get("/api/v1/shared-with-me?limit=1000")).await;
                Outcome::of(&given, |page| {
                    let shares = page["shares"].as_array().into_iter().flatten();
                    let facts = shares.map(|share| {
                        json!([
                            share["node"]["name"],
                            share["effective_right"],
                            share["owner"]["email"]
                        ])
                    });
                    facts.collect()
                })
            }
            Self::Link(id) => match plain_links(world, who, id).await {
                Err(status) => Outcome::refused(status),
                Ok(links) if !links.is_empty() => {
                    Outcome::of(&ask(Ask::get("/health")).await, |_| json!("there"))
                }
                Ok(_) => {
                    let link = Ask::new("POST", "/api/v1/links").json(&json!({"node_id": id}));
                    Outcome::of(&ask(link).await, |_| json!("made"))
                }
            },
            Self::Unlink(id) => match plain_links(world, who, id).await {
                Err(status) => Outcome::refused(status),
                Ok(links) if links.is_empty() => Outcome::refused(404),
                Ok(links) => {
                    let mut outcome = Outcome::refused(404);
                    for link in links {
                        let revoke = Ask::new("DELETE", format!("/api/v1/links/{link}"));
                        outcome = Outcome::of(&ask(revoke).await, Value::clone);
                    }
                    outcome
                }
            },
        }
    }

    /// As clients of the dialects do it; `way` chooses where there are several.
    pub async fn in_a_dialect(&self, world: &World, who: Option<usize>, way: u64) -> Outcome {
        let ask = async |ask| world.ask(who, ask).await;
        let is_first = way.is_multiple_of(2);
        match self {
            Self::Look(id) if is_first => Outcome::of(&ask(Ask::get(format!("/file/{id}"))).await, file),
            Self::Look(id) => Outcome::of(&ask(Ask::get(format!("/files/{id}/download"))).await, file),
            Self::Download(id) => {
                let signed = match is_first {
                    true => ask(Ask::get(format!("/file/{id}"))).await,
                    false => ask(Ask::get(format!("/files/{id}/download"))).await,
                };
                match signed.json()["url"].as_str() {
                    Some(url) => bytes(&world.ask(None, Ask::get(path(url))).await),
                    None => Outcome::refused(signed.status),
                }
            }
            Self::DownloadStored(_, stored) => bytes(&ask(Ask::get(format!("/download/{stored}"))).await),
            Self::List(id, listing) if listing.only_files => {
                let page = ask(Ask::get(format!("/files?size=1000&folder={id}"))).await;
                Outcome::of(&page, |page| names([&page["items"]]))
            }
            Self::List(id, listing) => {
                let (key, order) = (listing.key.replace("modified", "date"), listing.order);
                let page = ask(Ask::get(format!("/drive/{id}?sort_by={key}&order={order}"))).await;
                Outcome::of(&page, |page| names([&page["folders"], &page["files"]]))
            }
            Self::Find(id, text) => {
                let page = ask(Ask::get(format!("/files?size=1000&folder={id}&search={text}"))).await;
                Outcome::of(&page, |page| names([&page["items"]]))
            }
            Self::Rename(id, kind, name) => {
                let field = if is_first { "name" } else { "new_name" };
                let change = Ask::new("PATCH", format!("/{}/{id}", kind.word()));
                let changed = ask(change.json(&json!({ field: name }))).await;
                Outcome::of(&changed, |node| node["name"].clone())
            }
            Self::Delete(id, kind) => {
                let word = if *kind == Kind::File && is_first {
                    "files"
                } else {
                    kind.word()
                };
                let delete = Ask::new("DELETE", format!("/{word}/{id}"));
                Outcome::of(&ask(delete).await, Value::clone)
            }
            Self::MakeFolder(id, name) => {
                let field = if is_first { "parent_id" } else { "folder_id" };
                let make = json!({"name": name, field: id});
                let made = ask(Ask::new("POST", "/drive").json(&make)).await;
                Outcome::making(&made, "id", |node| node["name"].clone())
            }
            Self::Upload(id, upload) => uploaded(&ask(theirs(id, upload, is_first)).await),
            Self::UploadHome(upload) => {
                let form = Ask::new("POST", "/upload").form(&[], (&upload.name, &upload.content));
                let answer = ask(form).await;
                let stored = answer.json()["filename"].as_str().map(str::to_owned);
                Outcome {
                    made: stored.as_deref().map(id_of),
                    ..Outcome::of(&answer, |file| json!([file["size"]]))
                }
            }
            Self::Share(id, kind, gift) => {
                let node = match (kind, way % 3) {
                    (_, 0) => "item_id",
                    (Kind::File, _) => "file_id",
                    (Kind::Folder, _) => "folder_id",
                };
                let mut give = json!({node: id, "permission": gift.right, "may_share": gift.may_share});
                match is_first {
                    true => give["email"] = json!(email(gift.to)),
                    false => give["user_id"] = json!(world.person_id(gift.to)),
                }
                let given = ask(Ask::new("POST", "/share").json(&give)).await;
                Outcome::of(&given, |share| {
                    json!([share["name"], share["shared_with"]["email"], share["permission"]])
                })
            }
            Self::SharedWithMe => Outcome::of(&ask(Ask::get("/shared-with-me")).await, |shares| {
                let shares = shares.as_array().into_iter().flatten();
                let facts =
                    shares.map(|share| json!([share["name"], share["permission"], share["owner"]["email"]]));
                facts.collect()
            }),
            Self::Link(id) => {
                let answer = ask(Ask::new("POST", format!("/files/{id}/share"))).await;
                let word = if answer.status == 201 { "made" } else { "there" };
                Outcome::of(&answer, |_| json!(word))
            }
            Self::Unlink(id) => {
                let revoke = Ask::new("DELETE", format!("/files/{id}/share"));
                Outcome::of(&ask(revoke).await, Value::clone)
            }
        }
    }
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Folder => "drive",
        }
    }
}

fn ours(folder: &str, upload: &Upload) -> Ask {
    let texts = [("folder_id", folder), ("on_conflict", upload.on_conflict)];
    Ask::new("POST", "/api/v1/upload").form(&texts, (&upload.name, &upload.content))
}

fn theirs(folder: &str, upload: &Upload, is_first: bool) -> Ask {
    let file = (upload.name.as_str(), upload.content.as_str());
    let word = upload.on_conflict.replace("new_version", "replace");
    match (is_first, upload.on_conflict) {
        // Their ways when nothing is said.
        (true, "fail") => Ask::new("POST", "/file").form(&[("folder_id", folder)], file),
        (false, "keep_both") => Ask::new("POST", "/files/upload").form(&[("folder_id", folder)], file),
        (true, _) => Ask::new("POST", "/file").form(&[("folder_id", folder), ("conflict", &word)], file),
        (false, _) => {
            Ask::new("POST", format!("/files/upload?on_conflict={word}")).form(&[("folder", folder)], file)
        }
    }
}

/// The same of all three uploads: how many bytes were stored, and as which node.
fn uploaded(answer: &Answer) -> Outcome {
    let id = if answer.json()["file_id"].is_string() {
        "file_id"
    } else {
        "id"
    };
    Outcome::making(answer, id, |stored| {
        let size = stored.get("size").or_else(|| stored["file"].get("size"));
        json!([size])
    })
}

/// The ids of one's own plain links to a file, or why they are not told.
async fn plain_links(world: &World, who: Option<usize>, id: &str) -> Result<Vec<String>, u16> {
    let file = world.ask(who, Ask::get(format!("/api/v1/files/{id}"))).await;
    if !file.is_success() {
        return Err(file.status);
    }
    let links = world
        .ask(who, Ask::get(format!("/api/v1/nodes/{id}/links")))
        .await;
    if !links.is_success() {
        return Err(links.status);
    }
    let own = who.map(|who| world.person_id(who).to_owned());
    let links = links.json()["links"].as_array().cloned().unwrap_or_default();
    let own = links
        .iter()
        .filter(|link| link["given_by"].as_str() == own.as_deref());
    Ok(own.map(|link| link["id"].as_str().unwrap().to_owned()).collect())
}

/// An address without its server.
fn path(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap();
    let (_, path) = rest.split_once('/').unwrap();
    format!("/{path}")
}

/// The id in a stored name.
fn id_of(stored: &str) -> String {
    let digits = &stored[..32];
    let groups = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    groups.join("-")
}

/// What a file with this id and name is stored as.
pub fn stored_name(id: &str, name: &str) -> String {
    let name = name.replace(" (", "_").replace(')', "");
    format!("{}_{name}", id.replace('-', ""))
}
