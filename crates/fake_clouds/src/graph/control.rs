//! What of accounts and files can be done by HTTP, besides what all fakes offer:
//!
//! - `POST /_fake/accounts {"email"}` makes an account and replies with its drive and tokens
//! - `POST /_fake/edits {"email", "act", "path", …}` edits as somebody else does: `folder`, `file` and `write` with
//!   `text`, `rename` with `name`, `move` with `folder`, `delete`
//! - `GET /_fake/tree?email=…` lists everything

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
        .route("/_fake/accounts", post(account))
        .route("/_fake/edits", post(edit))
        .route("/_fake/tree", get(tree))
        .with_state(shared)
}

#[derive(Deserialize)]
struct Email {
    email: String,
}

async fn account(State(shared): State<Arc<Shared>>, Json(Email { email }): Json<Email>) -> Json<Value> {
    let account = shared.account(&email);
    Json(json!({
        "email": email, "drive_id": account.drive_id(), "root_id": account.root_id(),
        "access_token": account.issue_token(), "refresh_token": account.issue_refresh_token(),
    }))
}

#[derive(Deserialize)]
struct Edit {
    email: String,
    path: String,
    #[serde(flatten)]
    act: EditAct,
}

#[derive(Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
enum EditAct {
    Folder,
    File { text: String },
    Write { text: String },
    Rename { name: String },
    Move { folder: String },
    Delete,
}

async fn edit(
    State(shared): State<Arc<Shared>>,
    Json(edit): Json<Edit>,
) -> Result<StatusCode, (StatusCode, String)> {
    let account = shared.account(&edit.email);
    // In a task of its own, so that what the service refuses ends that task only.
    let done = tokio::spawn(async move {
        match edit.act {
            EditAct::Folder => drop(account.create_folder(&edit.path)),
            EditAct::File { text } => drop(account.create_file(&edit.path, text)),
            EditAct::Write { text } => account.write(&edit.path, text),
            EditAct::Rename { name } => account.rename(&edit.path, &name),
            EditAct::Move { folder } => account.move_to(&edit.path, &folder),
            EditAct::Delete => account.delete(&edit.path),
        }
    });
    match done.await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(_) => Err((StatusCode::CONFLICT, "the service refuses".to_owned())),
    }
}

async fn tree(State(shared): State<Arc<Shared>>, Query(Email { email }): Query<Email>) -> Json<Value> {
    let entries = shared.account(&email).tree();
    let shown = entries.into_iter().map(|(path, entry)| {
        json!({ "path": path, "id": entry.id, "is_folder": entry.is_folder, "size_bytes": entry.size_bytes, "hash": entry.hash })
    });
    Json(shown.collect())
}
