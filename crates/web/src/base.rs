//! The address of this server, as the links that it gives out begin.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRef, FromRequestParts};
use axum::http::request::Parts;
use http::header;
use http::uri::Authority;

use crate::problem::{self, ApiError, Problem};
use crate::{Web, WebConfig};

/// The server's address without a slash at its end: the setting, or else that of the request.
pub(crate) struct Base(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Base
where
    Web: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let config = Web::from_ref(state).config;
        if let Some(url) = &config.public_url {
            return Ok(Self(url.trim_end_matches('/').to_owned()));
        }
        let host = parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok());
        let host = host.and_then(|host| host.parse::<Authority>().ok());
        let host = host.filter(|host| !host.as_str().contains('@'));
        let host =
            host.ok_or_else(|| Problem::new(problem::MALFORMED, "the request names no host of this server"))?;
        Ok(Self(format!("{}://{host}", scheme(&config, parts))))
    }
}

/// How people reach the server: only a trusted proxy may say that it is by TLS.
fn scheme(config: &WebConfig, parts: &Parts) -> &'static str {
    let direct = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let direct = direct.map(|info| info.0.ip().to_canonical());
    let is_trusted =
        direct.is_some_and(|ip| config.trusted_proxies.iter().any(|network| network.contains(ip)));
    let said = parts.headers.get("x-forwarded-proto");
    if is_trusted && said.is_some_and(|scheme| scheme == "https") {
        "https"
    } else {
        "http"
    }
}
