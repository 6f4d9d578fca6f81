//! The API's document and the two pages that show it, all from this server: no internet needed.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName, HeaderValue};
use include_dir::{Dir, include_dir};
use utoipa::openapi::OpenApi;

use crate::Web;
use crate::extract::Path;
use crate::page::serve;
use crate::problem::{self, ApiError, Problem};

static SWAGGER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/vendor/swagger-ui");
static REDOC: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/vendor/redoc");

/// What these two pages need beyond our own: they style elements, and Redoc starts a worker.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data: blob:; connect-src 'self'; font-src 'self' data:; worker-src 'self' blob:; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The document, written once.
pub(crate) struct Document {
    json: bytes::Bytes,
}

impl Document {
    /// Writes it.
    pub fn new(document: &OpenApi) -> Self {
        let json = document
            .to_json()
            .expect("a document made of our own types can be written as JSON");
        Self { json: json.into() }
    }
}

/// `GET /openapi.json`
///
/// The OpenAPI 3.1 document of this server.
#[utoipa::path(get, path = "/openapi.json", tag = "docs", security(()),
    responses((status = 200, description = "The document", body = serde_json::Value)))]
pub(crate) async fn openapi_json(State(web): State<Web>) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        web.document.json.clone(),
    )
        .into_response()
}

/// `GET /docs`
///
/// The API in Swagger UI.
#[utoipa::path(get, path = "/docs", tag = "docs", security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")))]
pub(crate) async fn swagger() -> Result<Response, ApiError> {
    file(&SWAGGER, "index.html")
}

/// `GET /docs/{file}`
///
/// What that page is made of.
#[utoipa::path(get, path = "/docs/{file}", tag = "docs", security(()), params(("file" = String, Path)),
    responses((status = 200, description = "The file", content(
                  (String = "text/html"), (String = "text/javascript"), (String = "text/css"),
                  (String = "image/svg+xml"), (Vec<u8> = "image/png"), (String = "text/plain")))))]
pub(crate) async fn swagger_file(Path(name): Path<String>) -> Result<Response, ApiError> {
    file(&SWAGGER, &name)
}

/// `GET /redoc`
///
/// The API in Redoc.
#[utoipa::path(get, path = "/redoc", tag = "docs", security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html")))]
pub(crate) async fn redoc() -> Result<Response, ApiError> {
    file(&REDOC, "index.html")
}

/// `GET /redoc/{file}`
///
/// What that page is made of.
#[utoipa::path(get, path = "/redoc/{file}", tag = "docs", security(()), params(("file" = String, Path)),
    responses((status = 200, description = "The file", content(
                  (String = "text/html"), (String = "text/javascript"), (String = "text/css"),
                  (String = "image/svg+xml"), (Vec<u8> = "image/png"), (String = "text/plain")))))]
pub(crate) async fn redoc_file(Path(name): Path<String>) -> Result<Response, ApiError> {
    file(&REDOC, &name)
}

fn file(folder: &'static Dir<'static>, name: &str) -> Result<Response, ApiError> {
    let missing = || ApiError::from(Problem::new(problem::NOT_FOUND, "there is no such file"));
    let file = folder.get_file(name).ok_or_else(missing)?;
    let mut response = serve(name, bytes::Bytes::from_static(file.contents()));
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response.headers_mut().insert(
        HeaderName::from_static("x-robots-tag"),
        HeaderValue::from_static("noindex"),
    );
    Ok(response)
}
