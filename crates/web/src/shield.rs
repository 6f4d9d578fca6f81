//! What surrounds every route: headers that protect, limits, compression, traces.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::predicate::Predicate;
use tower_http::compression::{CompressionLayer, CompressionLevel};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::problem::{self, Extra, Problem};
use crate::replies::AsItIs;
use crate::{Web, trace};

/// What our own pages may do: load what this server serves, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
     media-src 'self' blob:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'; require-trusted-types-for 'script'";
/// Browser features that no page of ours uses.
const NO_FEATURES: &str = "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), \
     microphone=(), payment=(), usb=()";
/// Addresses that open something to whoever knows them: no list of others should have them.
const SECRET: [&str; 3] = ["/s/", "/share/", "/blob/"];
/// A year.
const STRICT_TRANSPORT: &str = "max-age=31536000; includeSubDomains";
/// Longest address.
const URL_BYTES: usize = 8 * 1024;
/// Replies shorter than this are sent as they are.
const COMPRESSED_FROM: u64 = 1024;

/// Puts the layers around the routes, the outermost last.
pub(crate) fn wrap(routes: Router<Web>, web: &Web) -> Router<Web> {
    let routes = routes
        .fallback(nothing_here)
        .method_not_allowed_fallback(no_such_method)
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(Compressible),
        )
        .layer(CatchPanicLayer::custom(panicked));
    let routes = match web.config.cors_origins.as_slice() {
        [] => routes,
        origins => routes.layer(cors(origins)),
    };
    // Around all that replies: what it says needs the headers that protect too.
    routes
        .layer(middleware::from_fn_with_state(web.clone(), protect))
        .layer(middleware::from_fn(trace::request))
}

async fn nothing_here() -> Problem {
    Problem::new(problem::NOT_FOUND, "there is nothing at this address")
}

/// What an address answers to a method that it does not have.
pub(crate) async fn no_such_method(method: Method) -> Problem {
    Problem::new(
        problem::METHOD,
        format!("{method} does nothing at this address; see the header Allow"),
    )
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    metrics::counter!("cumuli_panics_total").increment(1);
    let kind = (
        http::StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "Internal error",
    );
    Problem::new(kind, "internal error")
        .with(Extra::Close)
        .into_response()
}

/// Other sites' pages may call the API where the settings say so: with tokens, never with cookies.
fn cors(origins: &[String]) -> CorsLayer {
    let origins = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let origins = origins.iter().map(|origin| origin.trim_end_matches('/'));
        AllowOrigin::list(origins.filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let exposed = [
        "etag",
        "content-disposition",
        "content-range",
        "accept-ranges",
        "retry-after",
        "x-request-id",
        // What tus says.
        "location",
        "tus-resumable",
        "tus-version",
        "tus-extension",
        "tus-max-size",
        "tus-checksum-algorithm",
        "upload-offset",
        "upload-length",
        "upload-defer-length",
        "upload-metadata",
        "upload-expires",
        "upload-concat",
        "cumuli-file-id",
    ];
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([
            Method::GET,
            Method::HEAD,
            Method::PUT,
            Method::POST,
            Method::PATCH,
            Method::DELETE,
        ])
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(exposed.map(HeaderName::from_static))
        .max_age(std::time::Duration::from_secs(600))
}

/// Refuses what no handler should see, and adds the headers that protect.
async fn protect(State(web): State<Web>, request: Request, next: Next) -> Response {
    let is_api = !matches!(request.uri().path(), "/" | "/docs" | "/redoc")
        && !["/assets/", "/docs/", "/redoc/"]
            .iter()
            .any(|prefix| request.uri().path().starts_with(prefix));
    let is_secret = SECRET
        .iter()
        .any(|prefix| request.uri().path().starts_with(prefix));
    let mut response = match refuse(&request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    set(headers, header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    set(
        headers,
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    set(
        headers,
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    set(
        headers,
        HeaderName::from_static("permissions-policy"),
        NO_FEATURES,
    );
    set(headers, header::X_FRAME_OPTIONS, "DENY");
    set(
        headers,
        header::CACHE_CONTROL,
        if is_api { "no-store" } else { "no-cache" },
    );
    if is_secret {
        set(headers, HeaderName::from_static("x-robots-tag"), "noindex");
    }
    if web.config.is_https() {
        set(headers, header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

fn refuse(request: &Request) -> Option<Problem> {
    if request.uri().to_string().len() > URL_BYTES {
        let kind = (
            http::StatusCode::URI_TOO_LONG,
            "address_too_long",
            "Address too long",
        );
        return Some(Problem::new(kind, "an address holds 8192 bytes at the most").with(Extra::Close));
    }
    if !is_encoded(request.uri().path()) {
        let detail = "in an address, two hexadecimal digits follow each `%`";
        return Some(Problem::new(problem::MALFORMED, detail));
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || (host.is_none() && request.uri().host().is_none()) {
        return Some(Problem::new(problem::MALFORMED, "a request names one host").with(Extra::Close));
    }
    None
}

/// Whether a path is percent-encoded as RFC 3986 section 2.1 has it: then it has one meaning.
fn is_encoded(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// JSON and our own pages are compressed, long enough ones; stored content and tokens never are.
#[derive(Clone, Copy)]
struct Compressible;

impl Predicate for Compressible {
    fn should_compress<B>(&self, response: &http::Response<B>) -> bool
    where
        B: http_body::Body,
    {
        if response.extensions().get::<AsItIs>().is_some()
            || response.headers().contains_key(header::SET_COOKIE)
        {
            return false;
        }
        let is_long = http_body::Body::size_hint(response.body()).lower() >= COMPRESSED_FROM;
        let kind = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let kinds = [
            "application/json",
            "application/problem+json",
            "text/html",
            "text/css",
            "text/javascript",
        ];
        is_long && kind.is_some_and(|kind| kinds.iter().any(|known| kind.starts_with(known)))
    }
}
