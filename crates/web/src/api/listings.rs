//! Lists of nodes: a folder, starred, recent, search.

use axum::Json as Reply;
use axum::extract::State;
use hub::{Hub, Part, Search};
use jiff::Timestamp;
use model::{Millis, NodeKind, Order, Sort, SortKey, limits};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::views::NodePage;
use crate::extract::{Folder, Path, Query, limit};
use crate::media;
use crate::problem::{self, ApiError, Problem};
use crate::sessions::Signed;

/// What a listing is sorted by.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SortWord {
    /// The lower-case name.
    #[default]
    Name,
    /// When it last changed.
    #[serde(alias = "date", alias = "updated_at")]
    Modified,
    /// Bytes.
    Size,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OrderWord {
    /// Smallest first.
    #[default]
    Asc,
    /// Largest first.
    Desc,
}

/// `folder` or `file`.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum KindWord {
    /// Folders only.
    Folder,
    /// Files only.
    File,
}

impl From<KindWord> for NodeKind {
    fn from(word: KindWord) -> Self {
        match word {
            KindWord::Folder => Self::Folder,
            KindWord::File => Self::File,
        }
    }
}

/// How to list a folder.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChildrenQuery {
    /// `name` (default), `modified` or `size`. Folders come first in any order.
    #[param(inline)]
    sort: Option<SortWord>,
    /// `asc` (default) or `desc`.
    #[param(inline)]
    order: Option<OrderWord>,
    /// Only folders, or only files.
    #[param(inline)]
    kind: Option<KindWord>,
    /// Items at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Part of a list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PartQuery {
    /// Items at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    pub cursor: Option<String>,
}

/// What to look for. Everything that is given must hold.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Any part of the name, in any case.
    #[param(example = "report", max_length = 512)]
    q: Option<String>,
    /// Only folders, or only files.
    #[param(inline)]
    kind: Option<KindWord>,
    /// `image`, `video`, `audio`, `text`, `document`, `pdf`, `archive`, a media type, or its first part (`image/`).
    #[serde(rename = "type")]
    #[param(
        example = "image",
        pattern = r"^(image|video|audio|text|document|pdf|archive|[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/([a-z0-9][a-z0-9!#$&^_.+-]{0,60})?)$"
    )]
    type_word: Option<String>,
    /// At least this many bytes.
    min_size: Option<u64>,
    /// At most this many bytes.
    max_size: Option<u64>,
    /// Changed at or after: RFC 3339.
    #[param(format = DateTime)]
    modified_after: Option<String>,
    /// Changed before: RFC 3339.
    #[param(format = DateTime)]
    modified_before: Option<String>,
    /// Somewhere below this folder: an id, or `root`.
    #[param(value_type = Option<String>, pattern = "^(root|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    folder: Option<Folder>,
    /// Items at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// The order that two words stand for.
pub(crate) fn sorted(sort: Option<SortWord>, order: Option<OrderWord>) -> Sort {
    let key = match sort.unwrap_or_default() {
        SortWord::Name => SortKey::Name,
        SortWord::Modified => SortKey::Modified,
        SortWord::Size => SortKey::Size,
    };
    let order = match order.unwrap_or_default() {
        OrderWord::Asc => Order::Ascending,
        OrderWord::Desc => Order::Descending,
    };
    Sort { key, order }
}

impl PartQuery {
    /// Checked.
    pub fn part(self) -> Result<Part, ApiError> {
        Ok(Part {
            limit: limit(self.limit)?,
            cursor: self.cursor,
        })
    }
}

/// `GET /api/v1/folders/{id}/children`
///
/// What a folder holds. A page goes on where the one before ended, whatever changed meanwhile.
#[utoipa::path(get, path = "/api/v1/folders/{id}/children", tag = "folders",
    params(("id" = String, Path, description = "An id, or `root`"), ChildrenQuery),
    responses((status = 200, description = "One page", body = NodePage),
              (status = 409, description = "It is a file", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn list_children(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(folder): Path<Folder>,
    Query(query): Query<ChildrenQuery>,
) -> Result<Reply<NodePage>, ApiError> {
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    let shape = (query.kind.map(NodeKind::from), sorted(query.sort, query.order));
    Ok(Reply(hub.children(&actor, folder.0, shape, part).await?.into()))
}

/// `GET /api/v1/starred`
///
/// What you starred, the latest star first.
#[utoipa::path(get, path = "/api/v1/starred", tag = "nodes", params(PartQuery),
    responses((status = 200, description = "One page", body = NodePage)))]
pub(crate) async fn list_starred(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<PartQuery>,
) -> Result<Reply<NodePage>, ApiError> {
    Ok(Reply(hub.starred(&actor, query.part()?).await?.into()))
}

/// `GET /api/v1/recent`
///
/// Your files, the newest content first.
#[utoipa::path(get, path = "/api/v1/recent", tag = "nodes", params(PartQuery),
    responses((status = 200, description = "One page", body = NodePage)))]
pub(crate) async fn list_recent(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<PartQuery>,
) -> Result<Reply<NodePage>, ApiError> {
    Ok(Reply(hub.recent(&actor, 0, query.part()?).await?.into()))
}

/// `GET /api/v1/search`
///
/// Finds nodes by any part of their names, the newest first. A page may be short and still have a
/// `next_cursor`.
#[utoipa::path(get, path = "/api/v1/search", tag = "nodes", params(SearchQuery),
    responses((status = 200, description = "One page", body = NodePage),
              (status = 404, description = "There is no such folder", body = Problem,
               content_type = "application/problem+json"),
              (status = 409, description = "It is a file", body = Problem,
               content_type = "application/problem+json"),
              (status = 422, description = "A word or a moment is none", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn search(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<SearchQuery>,
) -> Result<Reply<NodePage>, ApiError> {
    let text = query.q.unwrap_or_default();
    if text.len() > limits::SEARCH_BYTES {
        return Err(wrong(
            "q",
            format!("a search holds {} bytes at the most", limits::SEARCH_BYTES),
        ));
    }
    if text.contains('\0') {
        return Err(wrong("q", "no name holds the character U+0000"));
    }
    let unknown = || {
        wrong(
            "type",
            "not a type: give image, video, audio, text, document, pdf, archive or a media type",
        )
    };
    let search = Search {
        text,
        kind: query.kind.map(NodeKind::from),
        media_types: match query.type_word.as_deref() {
            Some(word) => media::of_word(word).ok_or_else(unknown)?,
            None => Vec::new(),
        },
        min_bytes: query.min_size,
        max_bytes: query.max_size,
        since: moment("modified_after", query.modified_after.as_deref())?,
        before: moment("modified_before", query.modified_before.as_deref())?,
        folder: query.folder.map(|folder| folder.0),
    };
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    Ok(Reply(hub.search(&actor, search, part).await?.into()))
}

/// A moment that came in a field or parameter.
pub(super) fn moment(field: &'static str, text: Option<&str>) -> Result<Option<Millis>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let parsed: Result<Timestamp, _> = text.parse();
    let at = parsed.map_err(|_| wrong(field, "not a moment: write it like 2026-11-21T09:30:00Z"))?;
    Ok(Some(Millis(at.as_millisecond())))
}

fn wrong(field: &str, detail: impl Into<String>) -> ApiError {
    let detail = detail.into();
    Problem::new(problem::INVALID, detail.clone())
        .field(field, detail)
        .into()
}
