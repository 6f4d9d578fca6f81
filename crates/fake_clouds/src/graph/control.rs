//! The same as [`super::GraphAccount`] by HTTP:
//!
//! - `POST /_fake/account {"email"}` replies with `{"drive_id", "root", "access_token", "refresh_token"}`
//! - `POST /_fake/edit {"email", "edit": {"write": {"path", "text"}}}` and the other edits of [`Edit`]
//! - `GET /_fake/tree?email=…` replies with the ids of all items by path
//! - `POST /_fake/forget_sessions`

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::world::Shared;

/// The routes of this module.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/_fake/account", post(account))
        .route("/_fake/edit", post(edit))
        .route("/_fake/tree", get(tree))
        .route("/_fake/forget_sessions", post(forget_sessions))
        .with_state(shared)
}

#[derive(Deserialize)]
struct Email {
    email: String,
}

async fn account(State(shared): State<Arc<Shared>>, Json(Email { email }): Json<Email>) -> Json<Value> {
    let account = shared.account(&email);
    Json(json!({
        "drive_id": account.drive_id(), "root": account.root_id(),
        "access_token": account.issue_token(), "refresh_token": account.issue_refresh_token(),
    }))
}

#[derive(Deserialize)]
struct Wish {
    email: String,
    edit: Edit,
}

/// One edit by somebody else.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Edit {
    CreateFolder { path: String },
    CreateFile { path: String, text: String },
    Write { path: String, text: String },
    Rename { path: String, name: String },
    Move { path: String, folder: String },
    Delete { path: String },
}

async fn edit(State(shared): State<Arc<Shared>>, Json(wish): Json<Wish>) -> (StatusCode, &'static str) {
    let account = shared.account(&wish.email);
    // In a task of its own, so that what the service refuses ends that task only.
    let done = tokio::spawn(async move {
        match wish.edit {
            Edit::CreateFolder { path } => drop(account.create_folder(&path)),
            Edit::CreateFile { path, text } => drop(account.create_file(&path, text)),
            Edit::Write { path, text } => account.write(&path, text),
            Edit::Rename { path, name } => account.rename(&path, &name),
            Edit::Move { path, folder } => account.move_to(&path, &folder),
            Edit::Delete { path } => account.delete(&path),
        }
    });
    match done.await {
        Ok(()) => (StatusCode::NO_CONTENT, ""),
        Err(_) => (StatusCode::CONFLICT, "the service refuses"),
    }
}

async fn tree(State(shared): State<Arc<Shared>>, Query(Email { email }): Query<Email>) -> Json<Value> {
    let entries = shared.account(&email).tree();
    Json(
        entries
            .into_iter()
            .map(|(path, entry)| (path, Value::from(entry.id)))
            .collect(),
    )
}

async fn forget_sessions(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.with(|world| world.sessions.clear());
    StatusCode::NO_CONTENT
}
