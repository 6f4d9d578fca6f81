//! Where an answer leads, and what may be taken along.

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LOCATION, RANGE,
};
use reqwest::{Method, Url};

use super::{Answer, Body, Call};

/// What another origin is told: what is asked for, never who asks.
const HARMLESS: [HeaderName; 8] = [
    ACCEPT,
    ACCEPT_ENCODING,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    RANGE,
];

/// The request that an answer leads to; `None` when it leads nowhere that is followed.
///
/// `call` has no proofs yet. The next may be given some when `is_signed` is not set on it.
pub(crate) fn next(call: &Call, answer: &Answer) -> Option<Call> {
    let from = Url::parse(&call.url).ok()?;
    let location = answer.headers().get(LOCATION)?;
    let to = from.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()?;
    let is_safe = matches!(
        (from.scheme(), to.scheme()),
        ("http", "http") | ("http" | "https", "https")
    );
    let has_user = !to.username().is_empty() || to.password().is_some();
    if !is_safe || has_user {
        return None;
    }
    let is_home = from.origin() == to.origin();
    let only_reads = matches!(call.method, Method::GET | Method::HEAD);
    let mut next = call.clone();
    match answer.status() {
        303 => {
            next.body = Body::default();
            if next.method != Method::HEAD {
                next.method = Method::GET;
            }
        }
        301 | 302 if only_reads => {}
        // A body is for who was meant to have it.
        307 | 308 if only_reads || is_home => {}
        _ => return None,
    }
    next.url = to.into();
    if !is_home || call.drops_proofs {
        next.is_signed = true;
        next.headers = harmless(&call.headers);
    }
    Some(next)
}

fn harmless(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| HARMLESS.contains(*name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}
