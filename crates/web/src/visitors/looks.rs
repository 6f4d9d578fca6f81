//! Looking: what a link opens, and what its folders hold.

use axum::Json as Reply;
use axum::extract::State;
use hub::{FolderRef, Hub, Part, Visit};
use model::{LinkMode, Node, NodeKind, Right};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Visiting;
use crate::api::listings::{KindWord, OrderWord, SortWord, sorted};
use crate::api::views::{kind, time};
use crate::extract::{Folder, Query, limit};
use crate::problem::{ApiError, Problem};

/// What a visitor may do.
#[derive(Serialize, ToSchema)]
pub(crate) struct MayView {
    /// Look and download.
    view: bool,
    /// Add, change and delete.
    edit: bool,
    /// Put files into it and see nothing of it.
    drop: bool,
}

/// A link as its visitors see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct VisitView {
    /// `view`, `edit` or `drop`.
    #[schema(example = "view")]
    mode: &'static str,
    /// `folder` or `file`.
    #[schema(example = "folder")]
    kind: &'static str,
    /// The name of what it opens.
    #[schema(example = "Holiday")]
    name: String,
    /// Its id; `null` where one only puts files into it.
    #[schema(format = Uuid)]
    id: Option<String>,
    /// Bytes of a file.
    size: Option<u64>,
    /// Media type of a file.
    mime_type: Option<String>,
    /// When its content, or a folder's name or place, last changed.
    #[schema(format = DateTime)]
    updated_at: Option<String>,
    /// What its owner calls themselves; may be empty.
    #[schema(example = "Ada Lovelace")]
    owner_name: String,
    /// Whether it has a password.
    has_password: bool,
    /// When it ends; `null` is never.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Downloads that are left; `null` is any number.
    downloads_left: Option<u64>,
    /// What you may do.
    may: MayView,
}

/// A folder or a file as a visitor sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemView {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// `folder` or `file`.
    #[schema(example = "file")]
    pub kind: &'static str,
    /// Its name.
    #[schema(example = "beach.jpg")]
    pub name: String,
    /// Bytes of its content; 0 for a folder.
    pub size: u64,
    /// Media type of a file.
    #[schema(example = "image/jpeg")]
    pub mime_type: Option<String>,
    /// When its content, or a folder's name or place, last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

impl From<&Node> for ItemView {
    fn from(node: &Node) -> Self {
        Self {
            id: node.id.to_string(),
            kind: kind(node.kind),
            name: node.name.to_string(),
            size: node.size_bytes(),
            mime_type: node.version.as_ref().map(|version| version.media_type.clone()),
            updated_at: time(node.modified_ms),
        }
    }
}

/// A folder on the way down.
#[derive(Serialize, ToSchema)]
pub(crate) struct StepView {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// Its name.
    name: String,
}

/// One page of a folder.
#[derive(Serialize, ToSchema)]
pub(crate) struct ItemPage {
    /// What it holds, in order.
    items: Vec<ItemView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
    /// The folders from what the link opens down to this one, itself the last. On the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    trail: Option<Vec<StepView>>,
}

/// Which folder to list, and how.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ItemsQuery {
    /// Its id; what the link opens when left out.
    #[param(value_type = Option<String>, pattern = "^(root|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$")]
    folder: Option<Folder>,
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

/// `GET /s/{token}/info`
///
/// What a link opens, and what one may do there.
#[utoipa::path(get, path = "/s/{token}/info", tag = "visitors", security(()),
    params(("token" = String, Path)),
    responses((status = 200, description = "The link", body = VisitView)))]
pub(crate) async fn visit_info(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
) -> Result<Reply<VisitView>, ApiError> {
    let owner_name = hub.host_name(&visit).await?;
    Ok(Reply(view(visit, owner_name)))
}

fn view(visit: Visit, owner_name: String) -> VisitView {
    let Visit {
        link, node, right, ..
    } = visit;
    // Of a folder to put files into, nothing is told but its name.
    let seen = right.map(|_| &node);
    let version = seen.and_then(|node| node.version.as_ref());
    VisitView {
        mode: link.mode.as_str(),
        kind: kind(node.kind),
        id: seen.map(|node| node.id.to_string()),
        size: version.map(|version| version.size_bytes),
        mime_type: version.map(|version| version.media_type.clone()),
        updated_at: seen.map(|node| time(node.modified_ms)),
        owner_name,
        has_password: link.has_password,
        expires_at: link.expires_ms.map(time),
        downloads_left: link
            .most_downloads
            .map(|most| most.saturating_sub(link.downloads)),
        may: MayView {
            view: right.is_some(),
            edit: link.mode == LinkMode::Edit && right >= Some(Right::Edit),
            drop: link.mode == LinkMode::Drop,
        },
        name: node.name.to_string(),
    }
}

/// `GET /s/{token}/items`
///
/// What a folder of a link holds. A page goes on where the one before ended.
#[utoipa::path(get, path = "/s/{token}/items", tag = "visitors", security(()),
    params(("token" = String, Path), ItemsQuery),
    responses((status = 200, description = "One page", body = ItemPage),
              (status = 409, description = "It is a file", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn visit_items(
    State(hub): State<Hub>,
    Visiting(visit): Visiting,
    Query(query): Query<ItemsQuery>,
) -> Result<Reply<ItemPage>, ApiError> {
    let folder = query.folder.map_or(FolderRef::Root, |folder| folder.0);
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    let is_first = part.cursor.is_none();
    let shape = (query.kind.map(NodeKind::from), sorted(query.sort, query.order));
    let page = hub.children(&visit.actor, folder, shape, part).await?;
    let trail = match is_first {
        true => Some(hub.trail(&visit.actor, folder).await?),
        false => None,
    };
    let step = |(id, name): (model::NodeId, model::NodeName)| StepView {
        id: id.to_string(),
        name: name.to_string(),
    };
    Ok(Reply(ItemPage {
        items: page
            .items
            .iter()
            .map(|listed| ItemView::from(&listed.node))
            .collect(),
        next_cursor: page.next,
        trail: trail.map(|trail| trail.into_iter().map(step).collect()),
    }))
}
