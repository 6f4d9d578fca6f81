//! The web page, embedded; while working on it, from a folder.

use std::path::Path as FilePath;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use include_dir::{Dir, include_dir};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Web;
use crate::extract::Path;
use crate::problem::{self, ApiError, Problem};

static PAGE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/page");

/// What a program that asks for `/` is told.
#[derive(Serialize, ToSchema)]
pub(crate) struct Welcome {
    /// In a sentence.
    #[schema(example = "Cumuli is running")]
    message: &'static str,
    /// The server's version.
    version: &'static str,
    /// Where the API is described.
    #[schema(example = "/docs")]
    docs: &'static str,
}

/// `GET /`
///
/// The page for a browser; for other programs a welcome in JSON.
#[utoipa::path(get, path = "/", tag = "page", security(()),
    responses((status = 200, description = "The page or the welcome", content(
        (Welcome = "application/json"), (String = "text/html")))))]
pub(crate) async fn home(State(web): State<Web>, headers: HeaderMap) -> Result<Response, ApiError> {
    let mut response = if is_for_people(&headers) {
        file(&web, "index.html").await?
    } else {
        let (message, version) = ("Cumuli is running", env!("CARGO_PKG_VERSION"));
        Json(Welcome {
            message,
            version,
            docs: "/docs",
        })
        .into_response()
    };
    response
        .headers_mut()
        .insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

/// `GET /assets/{path}`
///
/// What the page is made of.
#[utoipa::path(get, path = "/assets/{*path}", tag = "page", security(()), params(("path" = String, Path)),
    responses((status = 200, description = "The file", content(
                  (String = "text/html"), (String = "text/javascript"), (String = "text/css"),
                  (String = "image/svg+xml"), (Vec<u8> = "image/png"), (String = "text/plain")))))]
pub(crate) async fn asset(State(web): State<Web>, Path(path): Path<String>) -> Result<Response, ApiError> {
    file(&web, &path).await
}

/// Whether it is a browser that asks, for somebody to look at.
pub(crate) fn is_for_people(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

/// A file of the page.
pub(crate) async fn file(web: &Web, path: &str) -> Result<Response, ApiError> {
    let missing = || ApiError::from(Problem::new(problem::NOT_FOUND, "there is no such file"));
    // What is not built in is not served, from a folder either: no path leads out of it.
    let built_in = PAGE.get_file(path).ok_or_else(missing)?;
    let bytes = match &web.config.page_folder {
        Some(folder) => Bytes::from(tokio::fs::read(folder.join(path)).await.map_err(|_| missing())?),
        None => Bytes::from_static(built_in.contents()),
    };
    Ok(serve(path, bytes))
}

/// A file that belongs to the server itself. Browsers ask each time whether it changed.
pub(crate) fn serve(path: &str, bytes: Bytes) -> Response {
    let kind = match FilePath::new(path)
        .extension()
        .and_then(|extension| extension.to_str())
    {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json" | "webmanifest") => "application/json",
        _ => "text/plain; charset=utf-8",
    };
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")],
        bytes,
    )
        .into_response()
}
