//! Reading requests strictly: what does not fit is refused with a problem that says where.

use std::str::FromStr;

use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use http::header;
use http_body_util::{BodyExt, Limited};
use hub::FolderRef;
use model::{NodeId, limits};
use serde::de::value::StringDeserializer;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};

use crate::problem::{self, ApiError, Extra, Problem};

/// Longest JSON body.
const JSON_BYTES: usize = 1 << 20;

/// The body, as JSON of exactly this shape.
pub(crate) struct Json<T>(pub T);

/// The same, where a request may also come without a body: that is `{}`.
pub(crate) struct OptionalJson<T>(pub T);

/// Parts of the path. One that cannot be names something that does not exist.
pub(crate) struct Path<T>(pub T);

/// The query.
pub(crate) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_type(&request)?;
        let bytes = read(request).await?;
        parse(&bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let checked = check_type(&request);
        let bytes = read(request).await?;
        if bytes.is_empty() {
            return parse(b"{}").map(Self);
        }
        checked?;
        parse(&bytes).map(Self)
    }
}

/// A page of another site can send a form or plain text without asking; JSON it cannot.
fn check_type(request: &Request) -> Result<(), ApiError> {
    refuse_encoding(request.headers())?;
    let mut types = request.headers().get_all(header::CONTENT_TYPE).iter();
    let (Some(one), None) = (types.next(), types.next()) else {
        return Err(not_json());
    };
    let text = one.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    if parts.next() != Some("application/json") {
        return Err(not_json());
    }
    let is_utf8 = |part: &str| match part.split_once('=') {
        Some(("charset", charset)) => matches!(charset.trim_matches('"'), "utf-8" | "utf8"),
        _ => true,
    };
    if parts.all(is_utf8) {
        Ok(())
    } else {
        Err(not_json())
    }
}

/// Refuses bodies that would have to be unpacked: a small one can be a huge one.
pub(crate) fn refuse_encoding(headers: &http::HeaderMap) -> Result<(), ApiError> {
    match headers.get(header::CONTENT_ENCODING) {
        Some(encoding) if encoding != "identity" => Err(Problem::new(
            problem::MEDIA_TYPE,
            "send the body as it is, without Content-Encoding",
        )
        .into()),
        _ => Ok(()),
    }
}

fn not_json() -> ApiError {
    Problem::new(
        problem::MEDIA_TYPE,
        "send JSON, with the header Content-Type: application/json",
    )
    .into()
}

/// Reads a body that is held in memory: 1 MiB at the most.
pub(crate) async fn read(request: Request) -> Result<bytes::Bytes, ApiError> {
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > JSON_BYTES as u64) {
        return Err(too_long());
    }
    match Limited::new(request.into_body(), JSON_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_long()),
        Err(_) => Err(Problem::new(problem::MALFORMED, "the body ended early")
            .with(Extra::Close)
            .into()),
    }
}

fn too_long() -> ApiError {
    let detail = format!("a JSON body may hold {JSON_BYTES} bytes");
    Problem::new(problem::TOO_LARGE, detail).with(Extra::Close).into()
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Serde would take a list for an object, field by field in the order of our source.
    let is_object = bytes.trim_ascii_start().first() == Some(&b'{');
    if !is_object && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        let detail = "the body is a JSON object";
        return Err(Problem::new(problem::INVALID, detail)
            .field("body", detail)
            .into());
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        let is_shape = error.classify() == serde_json::error::Category::Data;
        // A key that comes twice is no question of shape: it is two answers to one question.
        if !is_shape || text.starts_with("duplicate field") {
            return Problem::new(problem::MALFORMED, format!("this is not JSON: {text}")).into();
        }
        let field = text.split('`').nth(1).unwrap_or("body").to_owned();
        Problem::new(problem::INVALID, text.clone())
            .field(field, text)
            .into()
    })
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(error))
                if error.status() == http::StatusCode::BAD_REQUEST && !is_utf8_error(&error) =>
            {
                Err(Problem::new(problem::NOT_FOUND, "there is nothing at this address").into())
            }
            Err(error) => Err(Problem::new(problem::MALFORMED, error.body_text()).into()),
        }
    }
}

fn is_utf8_error(error: &axum::extract::rejection::FailedToDeserializePathParams) -> bool {
    error.body_text().contains("UTF-8")
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::new(problem::MALFORMED, error.body_text()).into()),
        }
    }
}

/// A folder as addresses and bodies name it: an id, or `root`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folder(pub FolderRef);

impl FromStr for Folder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "root" {
            return Ok(Self(FolderRef::Root));
        }
        let id: NodeId = text
            .parse()
            .map_err(|_| "not a folder: give its id, or `root`".to_owned())?;
        Ok(Self(FolderRef::Id(id)))
    }
}

impl<'de> Deserialize<'de> for Folder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How many items a page holds: 1 to 1000; more is cut to that.
pub(crate) fn limit(limit: Option<u32>) -> Result<u32, ApiError> {
    match limit {
        None => Ok(limits::PAGE_ITEMS_DEFAULT),
        Some(0) => Err(Problem::new(problem::MALFORMED, "limit: a page holds at least one item").into()),
        Some(limit) => Ok(limit.min(limits::PAGE_ITEMS)),
    }
}

/// One of a few words in a JSON body. Serde alone would take `{"word": null}` for it too.
pub(crate) fn word<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::deserialize(StringDeserializer::new(String::deserialize(deserializer)?))
}

/// The same, or `null`.
pub(crate) fn optional_word<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| T::deserialize(StringDeserializer::new(text)))
        .transpose()
}

/// A field that a JSON body may leave out, or set to `null`, with different meanings.
pub(crate) fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}
