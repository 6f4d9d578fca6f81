//! One log line and a few figures for each request. Neither holds a path, a name or a token: routes
//! are told by their templates.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use tracing::Instrument;

/// Names a request in the log and in the reply.
const REQUEST_ID: &str = "x-request-id";

/// Follows a request from its first line to the head of its reply.
pub(crate) async fn request(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = id_of(&request);
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".to_owned());
    let span = tracing::info_span!("request", id = %id.to_str().unwrap_or_default(), %method, route);
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    span.in_scope(|| tracing::debug!(status, ms = elapsed.as_millis() as u64, "answered"));
    let labels = [
        ("method", known(&method).to_owned()),
        ("route", route),
        ("status", status.to_string()),
    ];
    metrics::counter!("cumuli_http_requests_total", &labels).increment(1);
    metrics::histogram!("cumuli_http_request_seconds", &labels[..2]).record(elapsed.as_secs_f64());
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The id that a proxy gave, if it is harmless, or a new one.
fn id_of(request: &Request) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID).filter(|id| {
        let bytes = id.as_bytes();
        (1..=64).contains(&bytes.len())
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    });
    given.cloned().unwrap_or_else(|| {
        let random = RandomState::new().hash_one(Instant::now());
        HeaderValue::from_str(&format!("{random:016x}")).expect("hexadecimal digits")
    })
}

/// Methods as labels: a client cannot invent new ones.
fn known(method: &http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "PUT" => "PUT",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
