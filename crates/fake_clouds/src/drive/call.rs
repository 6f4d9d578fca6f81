//! A request to Drive, and who makes it.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Map, Value};

use super::answer::Fail;
use super::fields::Mask;
use crate::Record;
use crate::oauth::{pairs, percent_decode, value};
use crate::server::origin_of;

/// A JSON body, or a content that comes in one piece with its description.
const MOST_BODY: usize = 256 << 20;

/// Parameters that every method takes.
const COMMON: &[&str] = &[
    "$.xgafv",
    "alt",
    "callback",
    "fields",
    "key",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
    "upload_id",
    "supportsAllDrives",
    "supportsTeamDrives",
];

/// A request to Drive.
pub struct Call {
    /// The method.
    pub method: Method,
    /// Its path, as it was sent.
    pub path: String,
    /// Its query, as it was sent.
    pub raw_query: String,
    /// Its query, decoded.
    pub query: Vec<(String, String)>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Body,
    /// The origin that the client knows.
    pub origin: String,
    /// Where wrongs are written down.
    pub record: Record,
}

/// Who makes a request, and what they allowed.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Their address.
    pub email: String,
    /// Whether the app sees only what it made.
    pub is_narrow: bool,
    /// Whether the app may write.
    pub may_write: bool,
}

impl Call {
    /// Reads the head.
    pub fn new(request: Request<Body>, record: &Record) -> Self {
        let (head, body) = request.into_parts();
        let raw_query = head.uri.query().unwrap_or_default().to_owned();
        Self {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: pairs(&raw_query),
            raw_query,
            origin: origin_of(&head.headers),
            headers: head.headers,
            body,
            record: record.clone(),
        }
    }

    /// The parts of the path, decoded.
    pub fn segments(&self) -> Vec<String> {
        self.path.split('/').skip(1).map(percent_decode).collect()
    }

    /// Writes down parameters that this method has not.
    pub fn expect(&self, parameters: &str) {
        let known: Vec<&str> = parameters.split_whitespace().collect();
        for (name, _) in &self.query {
            if !COMMON.contains(&name.as_str()) && !known.contains(&name.as_str()) {
                let place = format!("{} {}", self.method, self.path);
                self.record
                    .violation(format!("{place}: there is no parameter `{name}`"));
            }
        }
    }

    /// A parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        value(&self.query, name)
    }

    /// A header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter that is true or false, false if it is missing.
    pub fn flag(&self, name: &str) -> Result<bool, Fail> {
        match self.parameter(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Fail::invalid(name)),
        }
    }

    /// Whether the client knows of shared drives, which every client says.
    pub fn all_drives(&self) -> Result<bool, Fail> {
        let knows = self.flag("supportsAllDrives")?;
        if !knows {
            let place = format!("{} {}", self.method, self.path);
            self.record
                .violation(format!("{place} without supportsAllDrives=true"));
        }
        Ok(knows)
    }

    /// How many entries a page has.
    pub fn page_size(&self, usual: usize, most: usize) -> Result<usize, Fail> {
        let Some(text) = self.parameter("pageSize") else {
            return Ok(usual);
        };
        let size: usize = text.parse().map_err(|_| Fail::invalid("pageSize"))?;
        if size == 0 || size > most {
            let message = format!("Invalid value '{size}'. Values must be within the range: [1, {most}]");
            return Err(Fail::new(400, "invalidParameter", message).at("pageSize"));
        }
        Ok(size)
    }

    /// The mask for an answer of this kind.
    pub fn mask(&self, kind: &str, usual: &str) -> Result<Mask, Fail> {
        let text = self
            .parameter("fields")
            .filter(|text| !text.is_empty())
            .unwrap_or(usual);
        let wrong = |message| Fail::new(400, "invalidParameter", message).at("fields");
        Mask::read(text, kind).map_err(wrong)
    }

    /// The type of the body, without its parameters.
    pub fn media_type(&self) -> Option<&str> {
        let text = self.header(header::CONTENT_TYPE.as_str())?;
        Some(text.split(';').next().unwrap_or(text).trim())
    }

    /// The whole body.
    pub async fn whole_body(&mut self) -> Result<Bytes, Fail> {
        let body = std::mem::take(&mut self.body);
        let read = Limited::new(body, MOST_BODY).collect().await;
        read.map(http_body_util::Collected::to_bytes)
            .map_err(|error| Fail::bad(format!("the body: {error}")))
    }

    /// The body as a JSON object; nothing is an empty one.
    pub async fn json(&mut self) -> Result<Map<String, Value>, Fail> {
        let body = self.whole_body().await?;
        object(&body)
    }
}

/// A JSON object; nothing is an empty one.
pub fn object(text: &[u8]) -> Result<Map<String, Value>, Fail> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Fail::new(400, "parseError", "Parse Error")),
    }
}
