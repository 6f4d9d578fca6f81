//! `/api/v1/links`: public addresses of folders and files.

use axum::Json as Reply;
use axum::extract::State;
use http::StatusCode;
use hub::{Hub, LinkChange, LinkRow, NewLink};
use model::{LinkId, LinkMode, NodeId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::listings::{PartQuery, moment};
use super::views::{NodeView, time};
use crate::base::Base;
use crate::extract::{Json, Path, Query, given, optional_word};
use crate::problem::{ApiError, Problem};
use crate::sessions::Signed;

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ModeWord {
    /// Look and download.
    View,
    /// Change it and what is below it, too.
    Edit,
    /// Put files into a folder and see nothing of it.
    Drop,
}

impl From<ModeWord> for LinkMode {
    fn from(word: ModeWord) -> Self {
        match word {
            ModeWord::View => Self::View,
            ModeWord::Edit => Self::Edit,
            ModeWord::Drop => Self::Drop,
        }
    }
}

/// A link to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    /// The folder or file.
    #[schema(value_type = String, format = Uuid)]
    node_id: NodeId,
    /// `view` (default), `edit` or `drop`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(example = "view")]
    mode: Option<ModeWord>,
    /// What you call it.
    #[serde(default)]
    #[schema(
        example = "For the printer",
        max_length = 255,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
    )]
    label: Option<String>,
    /// What visitors have to know.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 1024)]
    password: Option<String>,
    /// When it ends: RFC 3339.
    #[serde(default)]
    #[schema(format = DateTime, example = "2030-01-31T12:00:00Z")]
    expires_at: Option<String>,
    /// How many downloads it allows.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 9223372036854775807_i64)]
    max_downloads: Option<u64>,
}

/// What to change about a link. What is left out stays; `null` takes a limit away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkChangeBody {
    /// `view`, `edit` or `drop`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(example = "view")]
    mode: Option<ModeWord>,
    /// What you call it.
    #[serde(default)]
    #[schema(max_length = 255, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    label: Option<String>,
    /// What visitors have to know; those who gave the old one have to give the new one.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1024)]
    password: Option<Option<String>>,
    /// When it ends: RFC 3339.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Option<String>>,
    /// How many downloads it allows, those until now among them.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 9223372036854775807_i64)]
    max_downloads: Option<Option<u64>>,
}

/// A public link.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkView {
    /// Its id, which opens nothing.
    #[schema(format = Uuid)]
    id: String,
    /// What it opens.
    node: NodeView,
    /// Its address; `null` for who did not make it.
    #[schema(example = "https://drive.example.org/s/4kXvJZ0bqZr9pVt7nYcQe2")]
    url: Option<String>,
    /// The secret part of the address.
    #[schema(example = "4kXvJZ0bqZr9pVt7nYcQe2")]
    token: Option<String>,
    /// `view`, `edit` or `drop`.
    #[schema(example = "view")]
    mode: &'static str,
    /// What its maker calls it.
    label: String,
    /// Whether visitors have to know a password.
    has_password: bool,
    /// When it ends; `null` is never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// How many downloads it allows; `null` is any number.
    max_downloads: Option<u64>,
    /// Downloads until now.
    #[schema(example = 3)]
    downloads: u64,
    /// Who made it.
    #[schema(format = Uuid)]
    given_by: String,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last opened, to within a minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

impl LinkView {
    fn new(row: LinkRow, base: &Base) -> Self {
        let link = row.link;
        Self {
            id: link.id.to_string(),
            node: NodeView::new(&row.node, false, Some(&row.path)),
            url: row.token.as_ref().map(|token| format!("{}/s/{token}", base.0)),
            token: row.token,
            mode: link.mode.as_str(),
            label: link.label,
            has_password: link.has_password,
            expires_at: link.expires_ms.map(time),
            max_downloads: link.most_downloads,
            downloads: link.downloads,
            given_by: link.given_by.to_string(),
            created_at: time(link.created_ms),
            last_used_at: link.used_ms.map(time),
        }
    }
}

/// One page of links.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkList {
    /// The links.
    links: Vec<LinkView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// `POST /api/v1/links`
///
/// Makes a public link.
#[utoipa::path(post, path = "/api/v1/links", tag = "links", request_body = LinkBody,
    responses((status = 201, description = "The link", body = LinkView),
              (status = 403, description = "You may not give it, or not that much", body = Problem,
               content_type = "application/problem+json"),
              (status = 404, description = "There is no such node", body = Problem,
               content_type = "application/problem+json"),
              (status = 409, description = "It cannot have such a link", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn create_link(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    base: Base,
    Json(body): Json<LinkBody>,
) -> Result<(StatusCode, Reply<LinkView>), ApiError> {
    let new = NewLink {
        node: body.node_id,
        mode: body.mode.map_or(LinkMode::View, LinkMode::from),
        label: body.label.unwrap_or_default(),
        password: body.password,
        expires_ms: moment("expires_at", body.expires_at.as_deref())?,
        most_downloads: body.max_downloads,
    };
    let row = hub.create_link(&actor, new).await?;
    Ok((StatusCode::CREATED, Reply(LinkView::new(row, &base))))
}

/// `GET /api/v1/links`
///
/// The links that you made, the newest first.
#[utoipa::path(get, path = "/api/v1/links", tag = "links", params(PartQuery),
    responses((status = 200, description = "One page", body = LinkList)))]
pub(crate) async fn list_links(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    base: Base,
    Query(query): Query<PartQuery>,
) -> Result<Reply<LinkList>, ApiError> {
    let page = hub.links(&actor, query.part()?).await?;
    let links = page.items.into_iter().map(|row| LinkView::new(row, &base));
    Ok(Reply(LinkList {
        links: links.collect(),
        next_cursor: page.next,
    }))
}

/// `GET /api/v1/nodes/{id}/links`
///
/// The links of a node: all of them for its owner, their own for others who may share it.
#[utoipa::path(get, path = "/api/v1/nodes/{id}/links", tag = "links",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The links, the oldest first", body = LinkList),
              (status = 403, description = "You may not share it", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn list_node_links(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    base: Base,
    Path(id): Path<NodeId>,
) -> Result<Reply<LinkList>, ApiError> {
    let rows = hub.node_links(&actor, id).await?;
    let links = rows.into_iter().map(|row| LinkView::new(row, &base));
    Ok(Reply(LinkList {
        links: links.collect(),
        next_cursor: None,
    }))
}

/// `GET /api/v1/links/{id}`
///
/// A link that you made, or one of what is yours.
#[utoipa::path(get, path = "/api/v1/links/{id}", tag = "links",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The link", body = LinkView)))]
pub(crate) async fn get_link(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    base: Base,
    Path(id): Path<LinkId>,
) -> Result<Reply<LinkView>, ApiError> {
    Ok(Reply(LinkView::new(hub.link(&actor, id).await?, &base)))
}

/// `PATCH /api/v1/links/{id}`
///
/// Changes a link; visitors notice at once.
#[utoipa::path(patch, path = "/api/v1/links/{id}", tag = "links", request_body = LinkChangeBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The link", body = LinkView),
              (status = 403, description = "You may not give as much", body = Problem,
               content_type = "application/problem+json"),
              (status = 409, description = "It cannot have such a link", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn change_link(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    base: Base,
    Path(id): Path<LinkId>,
    Json(body): Json<LinkChangeBody>,
) -> Result<Reply<LinkView>, ApiError> {
    let expires_ms = match body.expires_at {
        Some(text) => Some(moment("expires_at", text.as_deref())?),
        None => None,
    };
    let change = LinkChange {
        mode: body.mode.map(LinkMode::from),
        label: body.label,
        password: body.password,
        expires_ms,
        most_downloads: body.max_downloads,
    };
    Ok(Reply(LinkView::new(
        hub.change_link(&actor, id, change).await?,
        &base,
    )))
}

/// `DELETE /api/v1/links/{id}`
///
/// Revokes a link, at once.
#[utoipa::path(delete, path = "/api/v1/links/{id}", tag = "links",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "It opens nothing any more")))]
pub(crate) async fn revoke_link(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<LinkId>,
) -> Result<StatusCode, ApiError> {
    hub.revoke_link(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
