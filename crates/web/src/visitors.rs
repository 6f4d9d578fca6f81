//! `/s/{token}` and `/share/{token}`: what the holder of a public link sees and does.
//!
//! The token in the address is all that proves anything, and where the link has a password the cookie
//! that was given for it. Who is signed in is not looked at.

pub(crate) mod changes;
pub(crate) mod contents;
pub(crate) mod looks;
pub(crate) mod page;
pub(crate) mod public;
pub(crate) mod unlock;

use axum::extract::{FromRef, FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use axum::response::Response;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Uri};
use hub::{Download, Hub, Visit};
use model::Link;

use crate::Web;
use crate::peer::peer;
use crate::problem::{self, ApiError, Problem};
use crate::replies::{self, Show};
use crate::sessions::{only_cookie, refuse_foreign_page};

/// Carries the proof that a link's password was given.
pub(crate) const COOKIE: &str = "cumuli_link";

/// A request at the address of a link that holds, whose password was given if it has one.
pub(crate) struct Visiting(pub Visit);

impl<S: Send + Sync> FromRequestParts<S> for Visiting
where
    Web: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let web = Web::from_ref(state);
        refuse_password(&parts.uri)?;
        let token = token(parts).await?;
        let pass = only_cookie(&parts.headers, COOKIE).map(str::to_owned);
        if pass.is_some() {
            refuse_foreign_page(&web.config, parts)?;
        }
        let ip = peer(&web.config, &parts.extensions, &parts.headers).ip;
        Ok(Self(web.hub.visit(&token, pass.as_deref(), ip).await?))
    }
}

/// The token in the address.
pub(crate) async fn token(parts: &mut Parts) -> Result<String, ApiError> {
    let nothing = || Problem::new(problem::NOT_FOUND, "there is no such link");
    let named = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|_| nothing())?;
    let token = named.iter().find(|(name, _)| *name == "token");
    Ok(token.ok_or_else(nothing)?.1.to_owned())
}

/// Refuses a password in an address, which histories and logs of others keep.
pub(crate) fn refuse_password(uri: &Uri) -> Result<(), ApiError> {
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|error| Problem::new(problem::MALFORMED, error.body_text()))?;
    if pairs
        .0
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("password"))
    {
        let detail = "a password does not belong in an address: send it to unlock, in the body";
        return Err(Problem::new(problem::MALFORMED, detail).into());
    }
    Ok(())
}

/// Sends a content to a visitor and counts it as a download before its first byte.
pub(crate) async fn send(
    hub: &Hub,
    link: &Link,
    (method, headers): (&Method, &HeaderMap),
    (download, show): (&Download, Show),
) -> Result<Response, ApiError> {
    // What a store sends by an address of its own cannot be counted, so it is limited to us.
    let mut response = match link.most_downloads {
        Some(_) => replies::content(hub, (method, headers), download, show).await?,
        None => replies::sent_on(hub, (method, headers), download, show).await?,
    };
    if method == Method::GET && is_download(&response, link) {
        hub.count_download(link).await?;
    }
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    Ok(response)
}

/// Whether a reply counts: each that sends bytes where they are limited, so that parts cannot be put
/// together to more than is allowed; else the one that sends the first byte.
fn is_download(response: &Response, link: &Link) -> bool {
    let is_start = || {
        let range = response.headers().get(header::CONTENT_RANGE);
        range.is_none_or(|range| range.as_bytes().starts_with(b"bytes 0-"))
    };
    match response.status() {
        StatusCode::OK | StatusCode::FOUND => true,
        StatusCode::PARTIAL_CONTENT => link.most_downloads.is_some() || is_start(),
        _ => false,
    }
}
