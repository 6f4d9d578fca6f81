//! `/api/v1/migrations`: moving what is in one connection to another.

use axum::Json as Reply;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use hub::{Hub, NewMigration, Part};
use model::{ConnectionId, MigrationDocuments, MigrationId, MigrationItemState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::migration_views::{MigrationItemView, MigrationView};
use crate::extract::{Json, Path, Query, limit, optional_word};
use crate::problem::{self, ApiError, Problem};
use crate::sessions::Signed;

/// A page of migrations.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MigrationsQuery {
    /// Migrations at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Which items of a migration to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MigrationItemsQuery {
    /// Only those that stand so: `waiting`, `done`, `failed`, `conflict`, `unmovable`, `gone` or `removed`.
    #[param(pattern = "^(waiting|done|failed|conflict|unmovable|gone|removed)$")]
    state: Option<String>,
    /// Items at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Migrations.
#[derive(Serialize, ToSchema)]
pub(crate) struct MigrationList {
    /// The newest first.
    migrations: Vec<MigrationView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// Items of a migration.
#[derive(Serialize, ToSchema)]
pub(crate) struct MigrationItemList {
    /// In a fixed order.
    items: Vec<MigrationItemView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// A folder in a connection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlaceBody {
    /// The connection's id.
    #[schema(value_type = String, format = Uuid)]
    connection: ConnectionId,
    /// The folder's path there; `/` is everything.
    #[schema(example = "/Papers", max_length = 4096)]
    path: String,
}

/// What becomes of documents.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DocumentsWord {
    /// They are exported.
    Export,
    /// They are listed as unmovable.
    List,
}

/// A migration to be begun.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MigrationBody {
    /// What is moved.
    from: PlaceBody,
    /// Where to. Folders that are not there are made.
    to: PlaceBody,
    /// `export` (default): documents that have no bytes of their own are exported. `list`: they are listed as unmovable.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(nullable = false)]
    documents: Option<DocumentsWord>,
    /// `true` puts copies of what is gone at the source into the target's trash, if they are as they were written.
    #[serde(default)]
    #[schema(nullable = false)]
    delete_gone: Option<bool>,
    /// `true` reads each copy back in the end, whatever its provider tells.
    #[serde(default)]
    #[schema(nullable = false)]
    read_back: Option<bool>,
    /// `true` ends it by itself once a pass finds nothing that differs; otherwise it follows the source until then.
    #[serde(default)]
    #[schema(nullable = false)]
    finish: Option<bool>,
}

impl MigrationBody {
    fn read(self) -> NewMigration {
        NewMigration {
            from: (self.from.connection, self.from.path),
            to: (self.to.connection, self.to.path),
            documents: match self.documents {
                Some(DocumentsWord::List) => MigrationDocuments::List,
                Some(DocumentsWord::Export) | None => MigrationDocuments::Export,
            },
            deletes_gone: self.delete_gone.unwrap_or(false),
            reads_back: self.read_back.unwrap_or(false),
            is_finishing: self.finish.unwrap_or(false),
        }
    }
}

/// `GET /api/v1/migrations`
///
/// Your migrations, the newest first; for an administrator also the server's.
#[utoipa::path(get, path = "/api/v1/migrations", tag = "migrations", params(MigrationsQuery),
    responses((status = 200, description = "One page", body = MigrationList)))]
pub(crate) async fn list_migrations(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<MigrationsQuery>,
) -> Result<Reply<MigrationList>, ApiError> {
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    let page = hub.migrations(&actor, part).await?;
    Ok(Reply(MigrationList {
        migrations: page.items.into_iter().map(MigrationView::from).collect(),
        next_cursor: page.next,
    }))
}

/// `POST /api/v1/migrations`
///
/// Begins to move a folder in one connection to a folder in another, while people go on working with it: everything
/// first, then again and again what changed. Nothing at the source is changed, and nothing at the target overwritten
/// that was not written by it.
#[utoipa::path(post, path = "/api/v1/migrations", tag = "migrations", request_body = MigrationBody,
    responses((status = 201, description = "It has begun", body = MigrationView),
              (status = 409, description = "It is under way already", body = Problem,
               content_type = "application/problem+json"),
              (status = 422, description = "These two places do not go together; the detail says why", body = Problem,
               content_type = "application/problem+json"),
              (status = 502, description = "A provider does not answer", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn begin_migration(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Json(body): Json<MigrationBody>,
) -> Result<Response, ApiError> {
    let report = hub.begin_migration(&actor, body.read()).await?;
    Ok((StatusCode::CREATED, Reply(MigrationView::from(report))).into_response())
}

/// `GET /api/v1/migrations/{id}`
///
/// A migration, how far it is, and its report.
#[utoipa::path(get, path = "/api/v1/migrations/{id}", tag = "migrations",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The migration", body = MigrationView)))]
pub(crate) async fn get_migration(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MigrationId>,
) -> Result<Reply<MigrationView>, ApiError> {
    Ok(Reply(hub.migration(&actor, id).await?.into()))
}

/// `GET /api/v1/migrations/{id}/items`
///
/// What became of each file and folder, and why.
#[utoipa::path(get, path = "/api/v1/migrations/{id}/items", tag = "migrations",
    params(("id" = String, Path, format = Uuid), MigrationItemsQuery),
    responses((status = 200, description = "One page", body = MigrationItemList)))]
pub(crate) async fn list_migration_items(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MigrationId>,
    Query(query): Query<MigrationItemsQuery>,
) -> Result<Reply<MigrationItemList>, ApiError> {
    let state = match query.state.as_deref() {
        None => None,
        Some(word) => Some(MigrationItemState::from_word(word).ok_or_else(|| {
            let words: Vec<&str> = MigrationItemState::ALL
                .iter()
                .map(|state| state.as_str())
                .collect();
            Problem::new(problem::MALFORMED, format!("state: one of {}", words.join(", ")))
        })?),
    };
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    let page = hub.migration_items(&actor, (id, state), part).await?;
    Ok(Reply(MigrationItemList {
        items: page.items.into_iter().map(MigrationItemView::from).collect(),
        next_cursor: page.next,
    }))
}

/// `POST /api/v1/migrations/{id}/finish`
///
/// Brings it to its end: it goes on until a pass finds nothing that differs, then verifies each copy. What failed is
/// tried once more.
#[utoipa::path(post, path = "/api/v1/migrations/{id}/finish", tag = "migrations",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The migration", body = MigrationView),
              (status = 409, description = "It has ended", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn finish_migration(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MigrationId>,
) -> Result<Reply<MigrationView>, ApiError> {
    Ok(Reply(hub.finish_migration(&actor, id).await?.into()))
}

/// `POST /api/v1/migrations/{id}/pause`
///
/// Stops it for now, after what it is just doing.
#[utoipa::path(post, path = "/api/v1/migrations/{id}/pause", tag = "migrations",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The migration", body = MigrationView),
              (status = 409, description = "It has ended", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn pause_migration(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MigrationId>,
) -> Result<Reply<MigrationView>, ApiError> {
    Ok(Reply(hub.pause_migration(&actor, id).await?.into()))
}

/// `POST /api/v1/migrations/{id}/resume`
///
/// Goes on with one that was paused, or at once with one that waits. What failed is tried once more.
#[utoipa::path(post, path = "/api/v1/migrations/{id}/resume", tag = "migrations",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The migration", body = MigrationView),
              (status = 409, description = "It has ended", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn resume_migration(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MigrationId>,
) -> Result<Reply<MigrationView>, ApiError> {
    Ok(Reply(hub.resume_migration(&actor, id).await?.into()))
}

/// `DELETE /api/v1/migrations/{id}`
///
/// Calls it off; what was copied stays. One that has ended is forgotten, with its report.
#[utoipa::path(delete, path = "/api/v1/migrations/{id}", tag = "migrations",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "It is")))]
pub(crate) async fn cancel_migration(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MigrationId>,
) -> Result<StatusCode, ApiError> {
    hub.cancel_migration(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
