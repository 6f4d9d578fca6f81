//! `GET /share/{token}`: where the bytes of a link are, for programs.

use axum::Json as Reply;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{self, HeaderValue};
use hub::HubError;
use serde::Serialize;
use utoipa::ToSchema;

use super::{refuse_password, token};
use crate::base::Base;
use crate::peer::peer;
use crate::problem::ApiError;
use crate::{Web, blob, page, zip};

/// How long an address holds, seconds.
const HOLDS_SECS: u32 = 300;

/// Where the bytes of a link are.
#[derive(Serialize, ToSchema)]
pub(crate) struct PublicView {
    /// The address of the bytes: of a file, one that holds for a short time; of a folder, the link's
    /// zip archive.
    #[schema(example = "https://drive.example.org/blob/eyJu…")]
    url: String,
    /// How long it holds, seconds; `null` is as long as the link.
    #[schema(example = 300)]
    expires_in: Option<u32>,
    /// What to save it as.
    #[schema(example = "report.pdf")]
    filename: String,
    /// Bytes; `null` for what is packed on the way.
    size: Option<u64>,
}

/// `GET /share/{token}`
///
/// Where the bytes of a link are. A browser is sent to the link's page.
#[utoipa::path(get, path = "/share/{token}", tag = "visitors", security(()),
    params(("token" = String, Path)),
    responses((status = 200, description = "Where the bytes are", body = PublicView),
              (status = 302, description = "To the page, for a browser")))]
pub(crate) async fn public_address(State(web): State<Web>, request: Request) -> Result<Response, ApiError> {
    let (mut parts, _) = request.into_parts();
    refuse_password(&parts.uri)?;
    let token = token(&mut parts).await?;
    let ip = peer(&web.config, &parts.extensions, &parts.headers).ip;
    let visited = web.hub.visit(&token, None, ip).await;
    if page::is_for_people(&parts.headers) && matches!(visited, Ok(_) | Err(HubError::LinkLocked)) {
        let page = HeaderValue::from_str(&format!("/s/{token}"));
        let page = page.expect("the token of a link is letters and digits");
        return Ok((StatusCode::FOUND, [(header::LOCATION, page)]).into_response());
    }
    let visit = visited?;
    if visit.right.is_none() {
        return Err(HubError::NotFound("link").into());
    }
    let base = Base::from_request_parts(&mut parts, &web).await?;
    if visit.node.is_folder() {
        return Ok(Reply(PublicView {
            url: format!("{}/s/{token}/zip", base.0),
            expires_in: None,
            filename: zip::archive_name(std::slice::from_ref(&visit.node)),
            size: None,
        })
        .into_response());
    }
    let shape = (Some(HOLDS_SECS), false);
    let address = web
        .hub
        .sign_download(&visit.actor, (visit.node.id, None), shape)
        .await?;
    Ok(Reply(PublicView {
        url: blob::url(&base, &address),
        expires_in: Some(HOLDS_SECS),
        filename: visit.node.name.to_string(),
        size: Some(visit.node.size_bytes()),
    })
    .into_response())
}
