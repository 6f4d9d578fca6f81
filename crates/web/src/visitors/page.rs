//! `GET /s/{token}`: the page of a link.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use hub::HubError;

use super::{refuse_password, token};
use crate::peer::peer;
use crate::problem::ApiError;
use crate::{Web, page};

/// `GET /s/{token}`
///
/// The page of a link, where a browser asks; it looks the same for every link.
#[utoipa::path(get, path = "/s/{token}", tag = "visitors", security(()),
    params(("token" = String, Path)),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")))]
pub(crate) async fn link_page(State(web): State<Web>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    refuse_password(&parts.uri)?;
    let token = token(&mut parts).await?;
    let ip = peer(&web.config, &parts.extensions, &parts.headers).ip;
    let status = match web.hub.visit(&token, None, ip).await {
        // The page asks for the password.
        Ok(_) | Err(HubError::LinkLocked) => StatusCode::OK,
        Err(HubError::NotFound(_)) if page::is_for_people(&parts.headers) => StatusCode::NOT_FOUND,
        Err(error) => return Err(error.into()),
    };
    let page = page::file(&web, "link.html").await?;
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}
