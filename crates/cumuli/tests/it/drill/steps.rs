//! What a client asks for, and what it then expects.

use std::collections::BTreeMap;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::ledger::{Kind, Ledger, Place, Thing};
use crate::harness::{Client, Content, Dice};

/// Contents of this many seeds come again and again, so that their bytes are shared.
const SHARED: u64 = 12;

/// What is true after a request, if it was done.
#[derive(Debug, Clone)]
pub enum Step {
    /// There is a new node, whose id only the reply tells.
    Create {
        folder: String,
        name: String,
        kind: Kind,
    },
    /// There is a new folder in the home with one file in it.
    Path {
        folder: String,
        file: String,
        content: Content,
    },
    /// A node is different.
    Change { id: String, after: Thing },
}

enum Body {
    None,
    Json(Value),
    Bytes(Content),
    Form {
        folder: String,
        name: String,
        content: Content,
    },
}

/// A request and what follows from it.
pub struct Request {
    method: Method,
    path: String,
    body: Body,
    /// Status of success.
    pub status: u16,
    pub step: Step,
}

impl Request {
    pub fn build(&self, client: &Client) -> RequestBuilder {
        let request = client.request(self.method.clone(), &self.path);
        match &self.body {
            Body::None => request,
            Body::Json(value) => request.json(value),
            Body::Bytes(content) => request.body(content.bytes()),
            Body::Form {
                folder,
                name,
                content,
            } => {
                let file = Part::bytes(content.bytes()).file_name(name.clone());
                request.multipart(Form::new().part("file", file).text("folder_id", folder.clone()))
            }
        }
    }
}

/// Chooses what to do next.
pub fn choose(ledger: &mut Ledger, dice: &mut Dice) -> Request {
    let chosen = match dice.below(100) {
        0..=9 => overwrite(ledger, dice),
        10..=17 => rename(ledger, dice),
        18..=25 => relocate(ledger, dice),
        26..=33 => delete(ledger, dice),
        34..=41 => restore(ledger, dice),
        42..=44 => purge(ledger, dice),
        45..=49 => copy_file(ledger, dice),
        50..=52 => copy_folder(ledger, dice),
        53..=57 => Some(folder(ledger, dice)),
        58..=60 => restore_version(ledger, dice),
        61..=62 => remove_version(ledger, dice),
        63..=67 => Some(by_path(ledger, dice)),
        68..=73 => Some(by_form(ledger, dice)),
        _ => None,
    };
    chosen.unwrap_or_else(|| upload(ledger, dice))
}

fn content(dice: &mut Dice) -> Content {
    let len = match dice.below(20) {
        0 => 0,
        1..=11 => dice.between(1, 16 * 1024),
        12 => dice.between(16 * 1024 - 1, 16 * 1024 + 1),
        13..=18 => dice.between(16 * 1024, 200 * 1024),
        _ => dice.between(300 * 1024, 1024 * 1024),
    };
    let mut of_content = Content {
        seed: dice.next(),
        len: usize::try_from(len).unwrap(),
    };
    if dice.below(4) == 0 {
        let seed = dice.below(SHARED);
        let len = usize::try_from(Dice::new(seed).between(1, 60_000)).unwrap();
        of_content = Content { seed, len };
    }
    of_content
}

fn first(content: Content) -> Kind {
    let mut versions = BTreeMap::new();
    versions.insert(1, content);
    Kind::File(versions)
}

/// A file by PUT.
pub fn upload(ledger: &mut Ledger, dice: &mut Dice) -> Request {
    let (folder, name, content) = (ledger.pick_folder(dice), ledger.fresh_name("file"), content(dice));
    Request {
        method: Method::PUT,
        path: format!("/api/v1/folders/{folder}/files/{name}?on_conflict=fail"),
        body: Body::Bytes(content),
        status: 201,
        step: Step::Create {
            folder,
            name,
            kind: first(content),
        },
    }
}

fn by_form(ledger: &mut Ledger, dice: &mut Dice) -> Request {
    let (folder, name, content) = (ledger.pick_folder(dice), ledger.fresh_name("form"), content(dice));
    Request {
        method: Method::POST,
        path: "/api/v1/upload".to_owned(),
        body: Body::Form {
            folder: folder.clone(),
            name: name.clone(),
            content,
        },
        status: 201,
        step: Step::Create {
            folder,
            name,
            kind: first(content),
        },
    }
}

fn by_path(ledger: &mut Ledger, dice: &mut Dice) -> Request {
    let (folder, file, content) = (
        ledger.fresh_name("path"),
        ledger.fresh_name("file"),
        content(dice),
    );
    Request {
        method: Method::PUT,
        path: format!("/api/v1/paths/{}/{folder}/{file}", ledger.home_name),
        body: Body::Bytes(content),
        status: 201,
        step: Step::Path {
            folder,
            file,
            content,
        },
    }
}

/// A folder.
pub fn folder(ledger: &mut Ledger, dice: &mut Dice) -> Request {
    let (folder, name) = (ledger.pick_folder(dice), ledger.fresh_name("folder"));
    Request {
        method: Method::POST,
        path: "/api/v1/folders".to_owned(),
        body: Body::Json(json!({"parent_id": folder, "name": name})),
        status: 201,
        step: Step::Create {
            folder,
            name,
            kind: Kind::Folder,
        },
    }
}

fn overwrite(ledger: &Ledger, dice: &mut Dice) -> Option<Request> {
    let id = ledger.pick(dice, |_, thing| thing.is_file())?;
    let content = content(dice);
    let mut after = ledger.things[&id].clone();
    push(&mut after, content);
    Some(Request {
        method: Method::PUT,
        path: format!("/api/v1/files/{id}/content"),
        body: Body::Bytes(content),
        status: 200,
        step: Step::Change { id, after },
    })
}

fn push(file: &mut Thing, content: Content) {
    if let Kind::File(versions) = &mut file.kind {
        let number = versions.last_key_value().map_or(0, |(number, _)| *number);
        versions.insert(number + 1, content);
    }
}

fn rename(ledger: &mut Ledger, dice: &mut Dice) -> Option<Request> {
    let id = ledger.pick(dice, |_, _| true)?;
    let name = ledger.fresh_name("renamed");
    let mut after = ledger.things[&id].clone();
    after.name.clone_from(&name);
    Some(Request {
        method: Method::PATCH,
        path: format!("/api/v1/nodes/{id}"),
        body: Body::Json(json!({"name": name})),
        status: 200,
        step: Step::Change { id, after },
    })
}

fn relocate(ledger: &Ledger, dice: &mut Dice) -> Option<Request> {
    let id = ledger.pick(dice, |_, _| true)?;
    let folder = ledger.pick_folder(dice);
    if ledger.is_below(&folder, &id) {
        return None;
    }
    let mut after = ledger.things[&id].clone();
    after.place = Place::In(folder.clone());
    Some(Request {
        method: Method::PATCH,
        path: format!("/api/v1/nodes/{id}"),
        body: Body::Json(json!({"parent_id": folder})),
        status: 200,
        step: Step::Change { id, after },
    })
}

fn delete(ledger: &Ledger, dice: &mut Dice) -> Option<Request> {
    let id = ledger.pick(dice, |_, _| true)?;
    let mut after = ledger.things[&id].clone();
    let Place::In(from) = after.place else { return None };
    after.place = Place::Trash { from };
    Some(Request {
        method: Method::DELETE,
        path: format!("/api/v1/nodes/{id}"),
        body: Body::None,
        status: 204,
        step: Step::Change { id, after },
    })
}

fn restore(ledger: &Ledger, dice: &mut Dice) -> Option<Request> {
    let id = ledger.pick_trashed(dice)?;
    Some(restore_of(ledger, id))
}

/// Takes one thing out of the trash.
pub fn restore_of(ledger: &Ledger, id: String) -> Request {
    let mut after = ledger.things[&id].clone();
    after.place = ledger.way_back(&after);
    Request {
        method: Method::POST,
        path: format!("/api/v1/trash/{id}/restore"),
        body: Body::None,
        status: 200,
        step: Step::Change { id, after },
    }
}

fn purge(ledger: &Ledger, dice: &mut Dice) -> Option<Request> {
    let id = ledger.pick_trashed(dice)?;
    let mut after = ledger.things[&id].clone();
    after.place = Place::Gone;
    Some(Request {
        method: Method::DELETE,
        path: format!("/api/v1/trash/{id}"),
        body: Body::None,
        status: 204,
        step: Step::Change { id, after },
    })
}

fn copy_file(ledger: &mut Ledger, dice: &mut Dice) -> Option<Request> {
    let id = ledger.pick(dice, |_, thing| thing.is_file())?;
    let content = ledger.things[&id].current()?;
    let (folder, name) = (ledger.pick_folder(dice), ledger.fresh_name("copy"));
    Some(copy(&id, folder, name, first(content)))
}

fn copy_folder(ledger: &mut Ledger, dice: &mut Dice) -> Option<Request> {
    let id = ledger.pick(dice, |_, thing| !thing.is_file())?;
    let folder = ledger.pick_folder(dice);
    if ledger.is_below(&folder, &id) {
        return None;
    }
    let name = ledger.fresh_name("copy");
    let below = match &ledger.things[&id].kind {
        Kind::Copy(below) => below.clone(),
        Kind::Folder | Kind::File(_) => ledger.snapshot(&id),
    };
    Some(copy(&id, folder, name, Kind::Copy(below)))
}

fn copy(id: &str, folder: String, name: String, kind: Kind) -> Request {
    Request {
        method: Method::POST,
        path: format!("/api/v1/nodes/{id}/copy"),
        body: Body::Json(json!({"parent_id": folder, "name": name})),
        status: 201,
        step: Step::Create { folder, name, kind },
    }
}

fn restore_version(ledger: &Ledger, dice: &mut Dice) -> Option<Request> {
    let (id, number, content) = older(ledger, dice)?;
    let mut after = ledger.things[&id].clone();
    push(&mut after, content);
    Some(Request {
        method: Method::POST,
        path: format!("/api/v1/files/{id}/versions/{number}/restore"),
        body: Body::None,
        status: 200,
        step: Step::Change { id, after },
    })
}

fn remove_version(ledger: &Ledger, dice: &mut Dice) -> Option<Request> {
    let (id, number, _) = older(ledger, dice)?;
    let mut after = ledger.things[&id].clone();
    if let Kind::File(versions) = &mut after.kind {
        versions.remove(&number);
    }
    Some(Request {
        method: Method::DELETE,
        path: format!("/api/v1/files/{id}/versions/{number}"),
        body: Body::None,
        status: 204,
        step: Step::Change { id, after },
    })
}

/// A version that is not the current one.
fn older(ledger: &Ledger, dice: &mut Dice) -> Option<(String, u64, Content)> {
    let has_older =
        |_: &str, thing: &Thing| matches!(&thing.kind, Kind::File(versions) if versions.len() > 1);
    let id = ledger.pick(dice, has_older)?;
    let Kind::File(versions) = &ledger.things[&id].kind else {
        return None;
    };
    let numbers: Vec<u64> = versions.keys().copied().take(versions.len() - 1).collect();
    let number = *dice.pick(&numbers)?;
    Some((id, number, versions[&number]))
}
