//! `POST /s/{token}/unlock`: giving a link's password.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderValue};
use http::{StatusCode, Uri};
use hub::Hub;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{COOKIE, refuse_password};
use crate::WebConfig;
use crate::extract::{Json, Path};
use crate::problem::{ApiError, Problem};
use crate::sessions::From;

/// The password of a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnlockBody {
    /// The password.
    #[schema(min_length = 1, max_length = 1024)]
    password: String,
}

/// `POST /s/{token}/unlock`
///
/// Takes the password of a link. The reply sets a cookie that opens the link for twelve hours.
#[utoipa::path(post, path = "/s/{token}/unlock", tag = "visitors", security(()), request_body = UnlockBody,
    params(("token" = String, Path)),
    responses((status = 204, description = "The cookie is set"),
              (status = 409, description = "The link has no password", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn unlock(
    State(hub): State<Hub>,
    State(config): State<Arc<WebConfig>>,
    From(peer): From,
    Path(token): Path<String>,
    uri: Uri,
    Json(body): Json<UnlockBody>,
) -> Result<Response, ApiError> {
    refuse_password(&uri)?;
    let pass = hub.unlock_link(&token, &body.password, peer.ip).await?;
    let secure = if config.is_https() { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE}={}; Path=/s/{token}; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
        pass.secret, pass.holds_secs
    );
    let cookie = HeaderValue::from_str(&cookie).expect("the token of a link is letters and digits");
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}
