//! The same as [`DriveAccount`] by HTTP:
//!
//! - `POST /_fake/account {"email"}` replies with `{"root", "access_token", "refresh_token"}`
//! - `POST /_fake/edit {"email", "edit": {"write": {"id", "text"}}}` and the other edits of [`Edit`]; replies with
//!   `{"id"}`
//! - `GET /_fake/tree?email=…` replies with the ids of all files by path
//! - `POST /_fake/forget_sessions`

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Drive, DriveAccount};

/// The routes of this module.
pub fn router(drive: Drive) -> Router {
    Router::new()
        .route("/_fake/account", post(account))
        .route("/_fake/edit", post(edit))
        .route("/_fake/tree", get(tree))
        .route("/_fake/forget_sessions", post(forget_sessions))
        .with_state(drive)
}

#[derive(Deserialize)]
struct Somebody {
    email: String,
}

#[derive(Deserialize)]
struct Wish {
    email: String,
    edit: Edit,
}

/// What somebody else does.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// Makes a folder.
    Folder { parent: String, name: String },
    /// Makes a file.
    File {
        parent: String,
        name: String,
        text: String,
    },
    /// Makes a document.
    Doc {
        parent: String,
        name: String,
        kind: String,
        text: String,
    },
    /// Makes a shortcut.
    Shortcut {
        parent: String,
        name: String,
        target: String,
    },
    /// Gives a file a new content.
    Write { id: String, text: String },
    /// Gives it another name.
    Rename { id: String, name: String },
    /// Puts it into another folder.
    Move { id: String, parent: String },
    /// Puts it into the trash.
    Trash { id: String },
    /// Deletes it for good.
    Delete { id: String },
    /// Makes Google believe that it does harm.
    Abusive { id: String },
    /// How large a document is once exported.
    ExportBytes { id: String, bytes: usize },
}

async fn account(State(drive): State<Drive>, Json(somebody): Json<Somebody>) -> Json<Value> {
    let account = DriveAccount::new(drive, &somebody.email);
    Json(json!({
        "root": account.root(),
        "access_token": account.issue_token(),
        "refresh_token": account.issue_refresh_token(),
    }))
}

async fn edit(State(drive): State<Drive>, Json(wish): Json<Wish>) -> Json<Value> {
    let account = DriveAccount::new(drive, &wish.email);
    let id = match wish.edit {
        Edit::Folder { parent, name } => account.create_folder(&parent, &name),
        Edit::File { parent, name, text } => account.create_file(&parent, &name, text),
        Edit::Doc {
            parent,
            name,
            kind,
            text,
        } => account.make_doc(&parent, &name, &kind, &text),
        Edit::Shortcut { parent, name, target } => account.make_shortcut(&parent, &name, &target),
        Edit::Write { id, text } => done(id, |id| account.write(id, text)),
        Edit::Rename { id, name } => done(id, |id| account.rename(id, &name)),
        Edit::Move { id, parent } => done(id, |id| account.move_to(id, &parent)),
        Edit::Trash { id } => done(id, |id| account.trash(id)),
        Edit::Delete { id } => done(id, |id| account.delete(id)),
        Edit::Abusive { id } => done(id, |id| account.set_abusive(id, true)),
        Edit::ExportBytes { id, bytes } => done(id, |id| account.set_export_bytes(id, bytes)),
    };
    Json(json!({ "id": id }))
}

fn done(id: String, edit: impl FnOnce(&str)) -> String {
    edit(&id);
    id
}

async fn tree(
    State(drive): State<Drive>,
    Query(somebody): Query<Somebody>,
) -> Json<BTreeMap<String, String>> {
    let tree = DriveAccount::new(drive, &somebody.email).tree();
    Json(tree.into_iter().map(|(path, entry)| (path, entry.id)).collect())
}

async fn forget_sessions(State(drive): State<Drive>) -> StatusCode {
    drive.forget_sessions();
    StatusCode::NO_CONTENT
}
