//! `/api/v1/shares`: what people gave one another.

use axum::Json as Reply;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use hub::{Contact, Hub, NewShare, Person, ShareChange, SharePage, ShareRow};
use model::{NodeId, Right, ShareId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::listings::PartQuery;
use super::views::{NodeView, time};
use crate::extract::{Json, Path, Query, optional_word, word};
use crate::problem::{self, ApiError, Problem};
use crate::sessions::Signed;

/// A right that can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RightWord {
    /// Look and download.
    View,
    /// Change it and what is below it, too.
    Edit,
}

impl From<RightWord> for Right {
    fn from(word: RightWord) -> Self {
        match word {
            RightWord::View => Self::View,
            RightWord::Edit => Self::Edit,
        }
    }
}

/// What to give to whom: `email` or `user_id` names the person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareBody {
    /// The folder or file. A folder comes with all below it, now and later.
    #[schema(value_type = String, format = Uuid)]
    node_id: NodeId,
    /// Address of the person's account.
    #[serde(default)]
    #[schema(example = "bob@example.com", max_length = 254)]
    email: Option<String>,
    /// Id of the person.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    user_id: Option<UserId>,
    /// `view` or `edit`.
    #[serde(deserialize_with = "word")]
    #[schema(example = "view")]
    right: RightWord,
    /// Whether they may give as much to others; `false` when left out.
    #[serde(default)]
    may_share: bool,
}

/// What to change about a share. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareChangeBody {
    /// `view` or `edit`.
    #[serde(default, deserialize_with = "optional_word")]
    #[schema(example = "edit")]
    right: Option<RightWord>,
    /// Whether they may give as much to others.
    #[serde(default)]
    may_share: Option<bool>,
}

/// A person with whom something is shared.
#[derive(Serialize, ToSchema)]
pub(crate) struct ContactView {
    /// Their id.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// Their address.
    #[schema(example = "bob@example.com")]
    pub email: String,
    /// What they call themselves.
    #[schema(example = "Bob")]
    pub full_name: String,
    /// Where their photo is; `null` when they have none.
    #[schema(example = "/api/v1/users/0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f/photo")]
    pub photo_url: Option<String>,
}

impl From<Contact> for ContactView {
    fn from(contact: Contact) -> Self {
        let photo_url = format!("/api/v1/users/{}/photo", contact.id);
        Self {
            user_id: contact.id.to_string(),
            email: contact.email,
            full_name: contact.full_name,
            photo_url: Some(photo_url).filter(|_| contact.has_photo),
        }
    }
}

/// A right that somebody was given.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShareView {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// What was given, as far as you may see it.
    node: NodeView,
    /// Who was given it.
    user: ContactView,
    /// `view` or `edit`.
    #[schema(example = "view")]
    right: &'static str,
    /// What it amounts to now: less than `right`, or `null`, where who gave it lost their own.
    effective_right: Option<&'static str>,
    /// Whether they may give as much to others.
    may_share: bool,
    /// Who gave it.
    given_by: ContactView,
    /// Whose it is.
    owner: ContactView,
    /// When it was given.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<ShareRow> for ShareView {
    fn from(row: ShareRow) -> Self {
        Self {
            id: row.share.id.to_string(),
            node: NodeView::new(&row.node, false, Some(&row.path)),
            user: row.user.into(),
            right: row.share.right.as_str(),
            effective_right: row.right.map(Right::as_str),
            may_share: row.share.may_share,
            given_by: row.giver.into(),
            owner: row.owner.into(),
            created_at: time(row.share.created_ms),
            updated_at: time(row.share.changed_ms),
        }
    }
}

/// One page of shares.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShareList {
    /// The shares, the newest first.
    shares: Vec<ShareView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

impl From<SharePage> for ShareList {
    fn from(page: SharePage) -> Self {
        Self {
            shares: page.items.into_iter().map(ShareView::from).collect(),
            next_cursor: page.next,
        }
    }
}

/// `POST /api/v1/shares`
///
/// Gives a person a right on a folder or file. Who has one on it already gets this one instead.
#[utoipa::path(post, path = "/api/v1/shares", tag = "shares", request_body = ShareBody,
    responses((status = 201, description = "The share", body = ShareView),
              (status = 200, description = "The share, which was there and is changed", body = ShareView),
              (status = 403, description = "You may not give it, or not that much", body = Problem,
               content_type = "application/problem+json"),
              (status = 404, description = "There is no such node, or no such person", body = Problem,
               content_type = "application/problem+json"),
              (status = 409, description = "It is theirs already, or cannot be given", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn create_share(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Json(body): Json<ShareBody>,
) -> Result<Response, ApiError> {
    let to = match (&body.email, body.user_id) {
        (Some(email), None) => Person::Email(email.parse().map_err(|error| wrong("email", &error))?),
        (None, Some(id)) => Person::Id(id),
        _ => return Err(wrong("email", &"name the person by either email or user_id")),
    };
    let new = NewShare {
        node: body.node_id,
        to,
        right: body.right.into(),
        may_share: body.may_share,
    };
    let (row, is_new) = hub.share(&actor, new).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Reply(ShareView::from(row))).into_response())
}

fn wrong(field: &str, error: &impl ToString) -> ApiError {
    let detail = error.to_string();
    Problem::new(problem::INVALID, detail.clone())
        .field(field, detail)
        .into()
}

/// `GET /api/v1/shares`
///
/// What you gave to others, the newest first.
#[utoipa::path(get, path = "/api/v1/shares", tag = "shares", params(PartQuery),
    responses((status = 200, description = "One page", body = ShareList)))]
pub(crate) async fn list_shares(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<PartQuery>,
) -> Result<Reply<ShareList>, ApiError> {
    Ok(Reply(hub.shares_given(&actor, query.part()?).await?.into()))
}

/// `GET /api/v1/shared-with-me`
///
/// What others gave to you, the newest first.
#[utoipa::path(get, path = "/api/v1/shared-with-me", tag = "shares", params(PartQuery),
    responses((status = 200, description = "One page", body = ShareList)))]
pub(crate) async fn list_shared_with_me(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<PartQuery>,
) -> Result<Reply<ShareList>, ApiError> {
    Ok(Reply(hub.shares_received(&actor, query.part()?).await?.into()))
}

/// `PATCH /api/v1/shares/{id}`
///
/// Changes a right that you gave, or that somebody gave on what is yours.
#[utoipa::path(patch, path = "/api/v1/shares/{id}", tag = "shares", request_body = ShareChangeBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The share", body = ShareView),
              (status = 403, description = "It is not yours to change", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn change_share(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ShareId>,
    Json(body): Json<ShareChangeBody>,
) -> Result<Reply<ShareView>, ApiError> {
    let change = ShareChange {
        right: body.right.map(Right::from),
        may_share: body.may_share,
    };
    Ok(Reply(hub.change_share(&actor, id, change).await?.into()))
}

/// `DELETE /api/v1/shares/{id}`
///
/// Takes a right back, or leaves what you were given. At once.
#[utoipa::path(delete, path = "/api/v1/shares/{id}", tag = "shares",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 204, description = "It is over")))]
pub(crate) async fn revoke_share(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<ShareId>,
) -> Result<StatusCode, ApiError> {
    hub.revoke_share(&actor, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v1/nodes/{id}/access`
///
/// Who can reach a node and why: the people it was given to, then those who were given a folder above
/// it. Its owner is named in each.
#[utoipa::path(get, path = "/api/v1/nodes/{id}/access", tag = "shares",
    params(("id" = String, Path, format = Uuid), PartQuery),
    responses((status = 200, description = "One page", body = ShareList),
              (status = 403, description = "You may not share it", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn list_access(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
    Query(query): Query<PartQuery>,
) -> Result<Reply<ShareList>, ApiError> {
    Ok(Reply(hub.node_shares(&actor, id, query.part()?).await?.into()))
}
