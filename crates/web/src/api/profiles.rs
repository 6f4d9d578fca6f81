//! `/api/v1/me/photo` and `/api/v1/users`: what people show of themselves.

use axum::Json as Reply;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use hub::{Hub, HubError, Photo, PhotoSize};
use model::UserId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::{MeView, photo_url};
use crate::conditions::{self, Verdict};
use crate::extract::{Path, Query};
use crate::problem::{ApiError, Problem};
use crate::replies::AsItIs;
use crate::sessions::Signed;
use crate::{body, multipart};

/// A browser may show a photo for a minute without asking again.
const CACHED: &str = "private, max-age=60, must-revalidate";
/// What a photo may do in a browser that opens it: nothing.
const SANDBOX: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

/// The edge of a photo, in pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
pub(crate) enum SizeWord {
    /// 64.
    #[serde(rename = "64")]
    Small,
    /// 256.
    #[default]
    #[serde(rename = "256")]
    Medium,
    /// 512.
    #[serde(rename = "512")]
    Large,
}

impl From<SizeWord> for PhotoSize {
    fn from(word: SizeWord) -> Self {
        match word {
            SizeWord::Small => Self::Small,
            SizeWord::Medium => Self::Medium,
            SizeWord::Large => Self::Large,
        }
    }
}

/// Which size of a photo.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PhotoQuery {
    /// The edge in pixels: 64, 256 (default) or 512.
    #[param(inline)]
    size: Option<SizeWord>,
}

/// A photo as a form.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct PhotoForm {
    /// A JPEG, PNG, GIF or WebP picture.
    #[schema(value_type = String, format = Binary)]
    file: String,
}

/// Somebody whom you know.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProfileView {
    /// Their id.
    #[schema(format = Uuid)]
    user_id: String,
    /// What they call themselves.
    #[schema(example = "John Doe")]
    full_name: String,
    /// Their address.
    #[schema(example = "user@example.com")]
    email: String,
    /// Whether they have a photo.
    has_photo: bool,
    /// Where it is.
    #[schema(example = "/api/v1/users/0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f/photo")]
    photo_url: Option<String>,
}

/// `GET /api/v1/me/photo`
///
/// Your photo, as a square JPEG.
#[utoipa::path(get, path = "/api/v1/me/photo", tag = "account",
    params(PhotoQuery, ("If-None-Match" = Option<String>, Header, description = "Only if it is another")),
    responses((status = 200, description = "The photo", body = Vec<u8>, content_type = "image/jpeg"),
              (status = 304, description = "It is the one you have"),
              (status = 404, description = "You have no photo", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn own_photo(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Query(query): Query<PhotoQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = actor.user().ok_or(HubError::NotFound("photo"))?;
    let photo = hub
        .photo(&actor, id, query.size.unwrap_or_default().into())
        .await?;
    reply(&headers, photo)
}

/// `PUT /api/v1/me/photo`
///
/// Makes the picture in the body your photo: a JPEG, PNG, GIF or WebP of 10 MiB and 40 megapixels at
/// the most that stands still. It is turned upright and cut to a square; nothing but its pixels is kept.
#[utoipa::path(put, path = "/api/v1/me/photo", tag = "account",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "Your account", body = MeView)))]
pub(crate) async fn put_photo(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    headers: HeaderMap,
    body: Body,
) -> Result<Reply<MeView>, ApiError> {
    let expected = body::expected(&headers)?;
    let me = hub.set_photo(&actor, expected, body::stream(body)).await?;
    Ok(Reply(me.into()))
}

/// `POST /api/v1/me/photo`
///
/// The same with the picture in a form.
#[utoipa::path(post, path = "/api/v1/me/photo", tag = "account",
    request_body(content = PhotoForm, content_type = "multipart/form-data"),
    responses((status = 200, description = "Your account", body = MeView)))]
pub(crate) async fn post_photo(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    request: Request,
) -> Result<Reply<MeView>, ApiError> {
    let staged = multipart::receive_photo(&hub, &actor, request).await?;
    Ok(Reply(hub.finish_photo(&actor, staged).await?.into()))
}

/// `DELETE /api/v1/me/photo`
///
/// Takes your photo away.
#[utoipa::path(delete, path = "/api/v1/me/photo", tag = "account",
    responses((status = 204, description = "You have no photo")))]
pub(crate) async fn remove_photo(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<StatusCode, ApiError> {
    hub.remove_photo(&actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /api/v1/users/{id}`
///
/// Who somebody is: you, or a person with whom you share something.
#[utoipa::path(get, path = "/api/v1/users/{id}", tag = "account",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The person", body = ProfileView)))]
pub(crate) async fn get_user(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UserId>,
) -> Result<Reply<ProfileView>, ApiError> {
    let person = hub.profile(&actor, id).await?;
    Ok(Reply(ProfileView {
        user_id: id.to_string(),
        full_name: person.full_name,
        email: person.email,
        has_photo: person.has_photo,
        photo_url: photo_url(id, person.has_photo),
    }))
}

/// `GET /api/v1/users/{id}/photo`
///
/// The photo of such a person, as a square JPEG.
#[utoipa::path(get, path = "/api/v1/users/{id}/photo", tag = "account",
    params(("id" = String, Path, format = Uuid), PhotoQuery,
           ("If-None-Match" = Option<String>, Header, description = "Only if it is another")),
    responses((status = 200, description = "The photo", body = Vec<u8>, content_type = "image/jpeg"),
              (status = 304, description = "It is the one you have")))]
pub(crate) async fn user_photo(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<UserId>,
    Query(query): Query<PhotoQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let photo = hub
        .photo(&actor, id, query.size.unwrap_or_default().into())
        .await?;
    reply(&headers, photo)
}

/// A photo, or that it is the one that the browser has.
pub(crate) fn reply(asked: &HeaderMap, photo: Photo) -> Result<Response, ApiError> {
    let mut response = match conditions::judge(asked, &photo.etag, photo.set_ms)? {
        Verdict::Failed => return Err(HubError::Stale.into()),
        Verdict::NotModified => StatusCode::NOT_MODIFIED.into_response(),
        Verdict::Send => {
            let mut response = Body::from(photo.jpeg).into_response();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/jpeg"));
            headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
            response.extensions_mut().insert(AsItIs);
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, conditions::etag(&photo.etag));
    headers.insert(header::LAST_MODIFIED, conditions::http_date(photo.set_ms));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(CACHED));
    headers.insert(header::VARY, HeaderValue::from_static("authorization, cookie"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    Ok(response)
}
