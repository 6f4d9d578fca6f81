//! `/api/v1/admin`: accounts of others. For administrators.

use axum::Json as Reply;
use axum::extract::State;
use http::StatusCode;
use hub::{Hub, Part, UserChange};
use model::{Role, UserId, UserState};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::{UserView, time};
use crate::extract::{Json, Path, Query, given, limit, optional_word};
use crate::problem::ApiError;
use crate::sessions::Signed;

/// Part of the list of accounts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsersQuery {
    /// Accounts at the most: 1 to 1000, 100 when left out.
    #[param(minimum = 1, maximum = 4294967295_u32, format = Int64)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// One page of accounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserList {
    /// By address.
    users: Vec<UserView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// What an account may do.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleWord {
    /// Its own things.
    User,
    /// The server's settings, accounts and jobs.
    Admin,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::User => Self::User,
            RoleWord::Admin => Self::Admin,
        }
    }
}

/// An account to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserBody {
    /// The address.
    #[schema(example = "user@example.com", format = "email", max_length = 254)]
    email: String,
    /// 8 to 1024 bytes.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 1024)]
    password: String,
    /// What the person calls themselves.
    #[serde(default)]
    #[schema(max_length = 255, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    full_name: Option<String>,
    /// `user` (default) or `admin`.
    #[serde(default, deserialize_with = "optional_word")]
    role: Option<RoleWord>,
}

/// What to change about an account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserBody {
    /// Its role.
    #[serde(default, deserialize_with = "optional_word")]
    role: Option<RoleWord>,
    /// `true` closes it and ends its sessions; its files stay.
    #[serde(default)]
    disabled: Option<bool>,
    /// Its quota; `null` is the server's default.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>, maximum = 9223372036854775807_u64)]
    quota_bytes: Option<Option<u64>>,
}

/// An invitation.
#[derive(Serialize, ToSchema)]
pub(crate) struct InviteView {
    /// Good once, at `/auth/register`.
    invite: String,
    /// Until when.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// `GET /api/v1/admin/users`
///
/// All accounts, by address.
#[utoipa::path(get, path = "/api/v1/admin/users", tag = "admin", params(UsersQuery),
    responses((status = 200, description = "One page", body = UserList)))]
pub(crate) async fn list_users(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<UsersQuery>,
) -> Result<Reply<UserList>, ApiError> {
    let part = Part {
        limit: limit(query.limit)?,
        cursor: query.cursor,
    };
    let page = hub.user_page(&actor, part).await?;
    Ok(Reply(UserList {
        users: page.items.into_iter().map(UserView::from).collect(),
        next_cursor: page.next,
    }))
}

/// `POST /api/v1/admin/users`
///
/// Makes an account.
#[utoipa::path(post, path = "/api/v1/admin/users", tag = "admin", request_body = NewUserBody,
    responses((status = 201, description = "The account", body = UserView)))]
pub(crate) async fn create_user(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Json(body): Json<NewUserBody>,
) -> Result<(StatusCode, Reply<UserView>), ApiError> {
    let name = body.full_name.unwrap_or_default();
    let role = body.role.map_or(Role::User, Role::from);
    let row = hub
        .create_user(&actor, (&body.email, &body.password), (&name, role))
        .await?;
    Ok((StatusCode::CREATED, Reply(row.into())))
}

/// `PATCH /api/v1/admin/users/{id}`
///
/// Changes an account's role, state or quota.
#[utoipa::path(patch, path = "/api/v1/admin/users/{id}", tag = "admin", request_body = UserBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The account after it", body = UserView)))]
pub(crate) async fn change_user(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UserId>,
    Json(body): Json<UserBody>,
) -> Result<Reply<UserView>, ApiError> {
    let state = |is_disabled| {
        if is_disabled {
            UserState::Disabled
        } else {
            UserState::Active
        }
    };
    let change = UserChange {
        role: body.role.map(Role::from),
        state: body.disabled.map(state),
        quota_bytes: body.quota_bytes,
    };
    Ok(Reply(hub.change_user(&actor, id, change).await?.into()))
}

/// `POST /api/v1/admin/invites`
///
/// Makes an invitation to register, good once within a week.
#[utoipa::path(post, path = "/api/v1/admin/invites", tag = "admin",
    responses((status = 201, description = "The invitation, shown this once", body = InviteView)))]
pub(crate) async fn create_invite(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<(StatusCode, Reply<InviteView>), ApiError> {
    let (invite, expires_ms) = hub.create_invite(&actor).await?;
    Ok((
        StatusCode::CREATED,
        Reply(InviteView {
            invite,
            expires_at: time(expires_ms),
        }),
    ))
}
