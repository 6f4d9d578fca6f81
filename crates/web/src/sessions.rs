//! Who a request acts as: one way for every handler.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{self, HeaderMap, HeaderValue};
use hub::{Credential, Peer};
use model::Actor;

use crate::peer::peer;
use crate::problem::{self, ApiError, Extra, Problem};
use crate::{Web, WebConfig};

/// The page's cookie. Over TLS its name demands what a browser must then hold it to.
const COOKIE: &str = "cumuli_session";
const SECURE_COOKIE: &str = "__Host-cumuli_session";
/// What a request is told that proves nothing.
pub(crate) const SIGN_IN: &str = "sign in first";

/// A request of someone who proved who they are.
pub(crate) struct Signed(pub Actor);

/// Where a request comes from.
pub(crate) struct From(pub Peer);

impl<S: Send + Sync> FromRequestParts<S> for From
where
    Web: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let web = Web::from_ref(state);
        Ok(Self(peer(&web.config, &parts.extensions, &parts.headers)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Signed
where
    Web: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let web = Web::from_ref(state);
        let peer = peer(&web.config, &parts.extensions, &parts.headers);
        let header = from_header(&parts.headers)?;
        let cookie = from_cookie(&web.config, &parts.headers)?;
        let actor = match (header, cookie) {
            (Some(header), None) => web.hub.authenticate(&header, &peer).await?,
            (None, Some(cookie)) => {
                refuse_foreign_page(&web.config, parts)?;
                web.hub.authenticate(&cookie, &peer).await?
            }
            (Some(header), Some(cookie)) => {
                // Two proofs of two people are a mistake or an attack; the same person's are not.
                let actor = web.hub.authenticate(&header, &peer).await?;
                let other = web.hub.authenticate(&cookie, &peer).await.ok();
                if other.is_some_and(|other| other.user() != actor.user()) {
                    let detail = "the Authorization header and the cookie belong to different people";
                    return Err(Problem::new(problem::MALFORMED, detail).into());
                }
                actor
            }
            (None, None) => {
                return Err(Problem::new(problem::UNAUTHENTICATED, SIGN_IN)
                    .with(Extra::Challenge)
                    .into());
            }
        };
        Ok(Self(actor))
    }
}

fn from_header(headers: &HeaderMap) -> Result<Option<Credential>, ApiError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::new(problem::MALFORMED, "there are two Authorization headers").into());
    }
    let wrong = || {
        let detail = "the Authorization header is neither `Bearer <token>` nor a valid `Basic` one";
        ApiError::from(Problem::new(problem::UNAUTHENTICATED, detail).with(Extra::Challenge))
    };
    let (scheme, rest) = value
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .ok_or_else(wrong)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Some(Credential::Bearer(rest.to_owned())));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(wrong());
    }
    let decoded = STANDARD
        .decode(rest)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(wrong)?;
    let (email, password) = decoded.split_once(':').ok_or_else(wrong)?;
    Ok(Some(Credential::Basic {
        email: email.to_owned(),
        password: password.to_owned(),
    }))
}

fn from_cookie(config: &WebConfig, headers: &HeaderMap) -> Result<Option<Credential>, ApiError> {
    let mut values = cookies(headers, cookie_name(config));
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Problem::new(problem::MALFORMED, "there are two session cookies").into());
    }
    Ok(Some(Credential::Cookie(value.to_owned())))
}

/// The values of a cookie, of which there should be one.
fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok());
    let pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| value)
}

/// The value of a cookie that is there once.
pub(crate) fn only_cookie<'a>(headers: &'a HeaderMap, name: &'a str) -> Option<&'a str> {
    let mut values = cookies(headers, name);
    values.next().filter(|_| values.next().is_none())
}

/// Refuses what a page of another site makes a browser send along with its cookies.
pub(crate) fn refuse_foreign_page(config: &WebConfig, parts: &Parts) -> Result<(), ApiError> {
    if parts.method.is_safe() || is_own_page(config, &parts.headers) {
        return Ok(());
    }
    let detail = "this request does not come from a page of this server";
    Err(Problem::new(problem::FORBIDDEN, detail).into())
}

fn is_own_page(config: &WebConfig, headers: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    match text(header::ORIGIN) {
        Some(origin) => {
            let is_public = config
                .public_url
                .as_deref()
                .is_some_and(|url| url.trim_end_matches('/') == origin);
            let host = origin.split_once("://").map(|(_, host)| host);
            is_public || (config.public_url.is_none() && host.is_some() && host == text(header::HOST))
        }
        // Browsers that leave Origin out tell the same in this one; other clients have no cookies.
        None => headers
            .get("sec-fetch-site")
            .is_some_and(|site| site == "same-origin"),
    }
}

fn cookie_name(config: &WebConfig) -> &'static str {
    if config.is_https() { SECURE_COOKIE } else { COOKIE }
}

/// The header that gives a browser its session.
pub(crate) fn set_cookie(config: &WebConfig, value: &str, max_age_secs: u32) -> HeaderValue {
    host_cookie(config, (cookie_name(config), value), max_age_secs)
}

/// The header that gives a browser a cookie of this server alone, which no script reads. The value is
/// sealed.
pub(crate) fn host_cookie(config: &WebConfig, (name, value): (&str, &str), max_age_secs: u32) -> HeaderValue {
    let secure = if config.is_https() { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_secs}{secure}");
    HeaderValue::from_str(&text).expect("what is sealed is made of letters that a header may hold")
}

/// What a signed request proved itself with, for streams that outlive the look at it.
pub(crate) struct Proven(pub Credential);

impl<S: Send + Sync> FromRequestParts<S> for Proven
where
    Web: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let web = Web::from_ref(state);
        let credential = match from_header(&parts.headers)? {
            Some(credential) => Some(credential),
            None => from_cookie(&web.config, &parts.headers)?,
        };
        let missing = || Problem::new(problem::UNAUTHENTICATED, SIGN_IN).with(Extra::Challenge);
        credential.map(Self).ok_or_else(|| missing().into())
    }
}
