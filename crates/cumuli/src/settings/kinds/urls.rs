//! Addresses of web servers.

use std::net::IpAddr;

use super::{Kind, quoted};
use axum::http::Uri;

/// A full URL of a page or an endpoint.
pub const URL: Kind<String> = Kind::shown("URL", |text| url(text).map(|_| text.to_owned()));
/// The same, encrypted unless it is on this machine.
pub const SAFE_URL: Kind<String> = Kind::shown("URL", |text| safe(text).map(|_| text.to_owned()));
/// A URL that names who speaks, letter by letter: a slash at its end stays.
pub const ISSUER: Kind<String> = Kind::shown("URL", |text| {
    if safe(text)?.query().is_some() {
        return Err(format!("{} holds a query", quoted(text)));
    }
    Ok(text.to_owned())
});
/// A URL that paths are added to: no query; a slash at its end is dropped.
pub const BASE_URL: Kind<String> = Kind::shown("URL", |text| {
    if url(text)?.query().is_some() {
        return Err(format!("{} holds a query", quoted(text)));
    }
    Ok(text.trim_end_matches('/').to_owned())
});
/// The same, encrypted unless it is on this machine.
pub const SAFE_BASE_URL: Kind<String> = Kind::shown("URL", |text| {
    safe(text)?;
    (BASE_URL.parse)(text)
});
/// Scheme, host and port alone.
pub const ORIGIN: Kind<String> = Kind::shown("URL without a path", origin);
/// Origins with commas between, or `*` for any.
pub const ORIGINS: Kind<Vec<String>> = Kind::shown("list of URLs without paths, or `*`", |text| {
    if text == "*" {
        return Ok(vec!["*".to_owned()]);
    }
    items(text).map(origin).collect()
});

/// The parts of a list: what stands between commas, trimmed; empty parts do not count.
pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

fn url(text: &str) -> Result<Uri, String> {
    let wrong = || {
        format!(
            "{} is not a URL that begins with http:// or https://",
            quoted(text)
        )
    };
    if text.contains('#') {
        return Err(format!("{} holds a fragment (#)", quoted(text)));
    }
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().ok_or_else(wrong)?;
    if authority.as_str().contains('@') {
        return Err("it holds a user name or a password, which a URL here may not".to_owned());
    }
    // The authority `host:` or `host:99999` parses; its port does not.
    let has_good_port = authority.as_str() == authority.host() || authority.port_u16().is_some();
    if !is_web || authority.host().is_empty() || !has_good_port {
        return Err(wrong());
    }
    Ok(uri)
}

/// Secrets and keys go by it, so nobody between may read or change them.
fn safe(text: &str) -> Result<Uri, String> {
    let uri = url(text)?;
    let host = uri.host().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if uri.scheme_str() == Some("http") && !is_here {
        return Err(format!(
            "{} does not begin with https:// and is not on this machine",
            quoted(text)
        ));
    }
    Ok(uri)
}

fn origin(text: &str) -> Result<String, String> {
    let uri = url(text)?;
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return Err(format!("{} holds a path", quoted(text)));
    }
    // Browsers send the host in lower case.
    Ok(text.trim_end_matches('/').to_ascii_lowercase())
}
