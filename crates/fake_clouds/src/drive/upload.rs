//! Uploads: in one piece, with a description, and in many pieces.

use axum::response::Response;
use bytes::Bytes;
use http::{HeaderValue, Method};
use http_body_util::BodyExt as _;
use serde_json::Map;

use super::Drive;
use super::answer::{Fail, empty_response};
use super::call::{Call, Caller, object};
use super::session::{Session, unit};
use super::v2;
use super::write::{CREATE_PARAMETERS, Media, Metadata, UPDATE_PARAMETERS};
use crate::BlobWriter;

/// Which version of Drive an upload speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// The third, where an update is a PATCH.
    V3,
    /// The second, where it is a PUT and can have a condition.
    V2,
}

/// An upload that was checked, before its content is there.
#[derive(Debug, Clone)]
pub struct Order {
    /// The version that the client speaks.
    pub api: Api,
    /// The file whose content it is, or none yet.
    pub id: Option<String>,
    /// What is said about it.
    pub metadata: Metadata,
    /// `If-Match`, in v2.
    pub if_match: Option<String>,
}

impl Drive {
    /// Everything below `/upload/drive/`. `id` is the file that gets a new content.
    pub(super) async fn upload(
        &self,
        api: Api,
        id: Option<&str>,
        call: Call,
        caller: Result<Caller, Fail>,
    ) -> Result<Response, Fail> {
        // Google takes pieces by POST too, which is how rclone sends them.
        let is_piece = call.method == Method::PUT || call.method == Method::POST;
        if is_piece && call.parameter("upload_id").is_some() {
            return self.upload_piece(call).await;
        }
        let caller = &caller?;
        let right = match (api, id) {
            (_, None) => Method::POST,
            (Api::V3, Some(_)) => Method::PATCH,
            (Api::V2, Some(_)) => Method::PUT,
        };
        if call.method != right {
            self.core
                .record
                .violation(format!("{} {}: this is a {right}", call.method, call.path));
            // Google takes it and tells no address to go on with.
            return Ok(empty_response(if id.is_some() { 200 } else { 404 }));
        }
        call.expect(match (api, id) {
            (Api::V3, None) => CREATE_PARAMETERS,
            (Api::V3, Some(_)) => UPDATE_PARAMETERS,
            (Api::V2, _) => v2::UPLOAD_PARAMETERS,
        });
        match call.parameter("uploadType") {
            Some("media") => self.upload_media(api, id, call, caller).await,
            Some("multipart") => self.upload_multipart(api, id, call, caller).await,
            Some("resumable") => self.upload_resumable(api, id, call, caller).await,
            _ => Err(Fail::invalid("uploadType")),
        }
    }

    async fn upload_media(
        &self,
        api: Api,
        id: Option<&str>,
        mut call: Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        let order = self.order(api, id, &Map::new(), &call, caller)?;
        let mut writer = BlobWriter::new(self.keeps_bytes);
        while let Some(frame) = call.body.frame().await {
            let frame = frame.map_err(|error| Fail::bad(format!("the body: {error}")))?;
            writer.write(frame.data_ref().unwrap_or(&Bytes::new()));
        }
        let mime = call.media_type().map(str::to_owned);
        let media = Media {
            blob: writer.finish(),
            mime,
        };
        self.complete(order, media, &call, caller)
    }

    async fn upload_multipart(
        &self,
        api: Api,
        id: Option<&str>,
        mut call: Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        let boundary =
            boundary(&call).ok_or_else(|| Fail::new(400, "badContent", "Missing multipart boundary."))?;
        let body = call.whole_body().await?;
        let wrong = || Fail::new(400, "badContent", "Malformed multipart body.");
        let parts = parts(&body, &boundary).ok_or_else(wrong)?;
        let [description, content] = &parts[..] else {
            return Err(wrong());
        };
        let is_json = description
            .mime
            .as_deref()
            .is_some_and(|mime| mime.starts_with("application/json"));
        if !is_json {
            return Err(wrong());
        }
        let order = self.order(api, id, &object(&description.body)?, &call, caller)?;
        let mut writer = BlobWriter::new(self.keeps_bytes);
        writer.write(&content.body);
        let media = Media {
            blob: writer.finish(),
            mime: content.mime.clone(),
        };
        self.complete(order, media, &call, caller)
    }

    async fn upload_resumable(
        &self,
        api: Api,
        id: Option<&str>,
        mut call: Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        let body = call.json().await?;
        let order = self.order(api, id, &body, &call, caller)?;
        let declared = match call.header("x-upload-content-length") {
            Some(text) => Some(
                text.parse::<u64>()
                    .map_err(|_| Fail::bad("X-Upload-Content-Length"))?,
            ),
            None => None,
        };
        self.check_room(caller, declared.unwrap_or(0))?;
        if order.api == Api::V2 && self.switches.get().v2_if_match.is_at_start() {
            self.check_tag(&order)?;
        }
        let upload_id = format!("AB{}", self.dice.text(90, crate::dice::LETTERS));
        // A client that takes the address apart and puts it together again writes this differently.
        let query = format!("{}&upload_id={upload_id}%2D_", call.raw_query);
        let address = format!("{}{}?{query}", call.origin, call.path);
        let mut response = empty_response(200);
        let headers = response.headers_mut();
        let value =
            HeaderValue::from_str(&address).map_err(|_| Fail::bad("the address has odd characters"))?;
        headers.insert("location", value);
        let value = HeaderValue::from_str(&upload_id).map_err(|_| Fail::bad("the id has odd characters"))?;
        headers.insert("x-guploader-uploadid", value);
        let session = Session::new(order, &call, caller, declared, self);
        self.keep_session(
            format!("{upload_id}-_"),
            format!("{}?{query}", call.path),
            session,
        );
        Ok(response)
    }

    fn order(
        &self,
        api: Api,
        id: Option<&str>,
        body: &Map<String, serde_json::Value>,
        call: &Call,
        caller: &Caller,
    ) -> Result<Order, Fail> {
        let metadata = match api {
            Api::V3 => Metadata::read(body, call)?,
            Api::V2 => v2::read_metadata(body, call)?,
        };
        let id = match id {
            Some(id) => Some(self.check_update(id, &metadata, call, caller)?),
            None => {
                self.check_create(&metadata, call, caller)?;
                None
            }
        };
        let if_match = call.header("if-match").map(str::to_owned);
        if api == Api::V3 && if_match.is_some() {
            self.core
                .record
                .violation("If-Match on v3, which does not look at it");
        }
        Ok(Order {
            api,
            id,
            metadata,
            if_match,
        })
    }

    /// Makes or changes the file of an upload in one piece.
    fn complete(&self, order: Order, media: Media, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        if order.api == Api::V2 {
            self.check_tag(&order)?;
        }
        self.finish(order, media, call, caller)
    }

    /// Makes or changes the file of an upload.
    pub(super) fn finish(
        &self,
        order: Order,
        media: Media,
        call: &Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        let id = match order.id {
            Some(id) => {
                self.rewrite(&id, &order.metadata, Some(media), call, caller)?;
                id
            }
            None => self.make(order.metadata, Some(media), call, caller)?,
        };
        match order.api {
            Api::V3 => self.show(&id, call, caller),
            Api::V2 => self.show_v2(&id, call, caller),
        }
    }
}

/// The boundary of `multipart/related`.
fn boundary(call: &Call) -> Option<String> {
    let text = call.header("content-type")?;
    if !call.media_type()?.eq_ignore_ascii_case("multipart/related") {
        return None;
    }
    let (_, rest) = text.split_once("boundary=")?;
    let rest = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => rest.split(';').next()?.trim(),
    };
    (!rest.is_empty()).then(|| rest.to_owned())
}

struct Part {
    mime: Option<String>,
    body: Bytes,
}

/// The parts of a multipart body. Lines may end in LF alone, as Google's own client writes them.
fn parts(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    let mark = format!("--{boundary}");
    let mut found = Vec::new();
    let mut at = find(body, mark.as_bytes(), 0)? + mark.len();
    loop {
        if body[at..].starts_with(b"--") {
            return Some(found);
        }
        at += line_end(&body[at..])?;
        let mut mime = None;
        loop {
            let length = find(body, b"\n", at)? - at;
            let line = std::str::from_utf8(&body[at..at + length]).ok()?.trim_end();
            at += length + 1;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':')?;
            if name.eq_ignore_ascii_case("content-type") {
                mime = Some(value.trim().to_owned());
            }
        }
        let next = find(body, format!("\n{mark}").as_bytes(), at.saturating_sub(1))?;
        let end = if next > at && body[next - 1] == b'\r' {
            next - 1
        } else {
            next
        };
        found.push(Part {
            mime,
            body: body.slice(at..end.max(at)),
        });
        at = next + 1 + mark.len();
    }
}

/// The length of an end of line.
fn line_end(text: &[u8]) -> Option<usize> {
    match text {
        [b'\r', b'\n', ..] => Some(2),
        [b'\n', ..] => Some(1),
        _ => None,
    }
}

fn find(text: &[u8], part: &[u8], from: usize) -> Option<usize> {
    // Looking for the rare first byte of a boundary is fast enough without optimisation.
    let mut at = from;
    loop {
        at += text.get(at..)?.iter().position(|byte| *byte == part[0])?;
        if text[at..].starts_with(part) {
            return Some(at);
        }
        at += 1;
    }
}

/// What a piece says of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Everything, at once.
    Whole,
    /// From the first to the last byte, of so many if that is known.
    Range(u64, u64, Option<u64>),
    /// Nothing: how far did we come? Of so many, if that is known.
    Nothing(Option<u64>),
}

impl Place {
    /// Reads `Content-Range`.
    pub fn read(call: &Call) -> Result<Self, Fail> {
        let Some(text) = call.header("content-range") else {
            return Ok(Self::Whole);
        };
        let wrong = || Fail::bad(format!("Content-Range: {text}"));
        let (range, total) = text
            .strip_prefix("bytes ")
            .and_then(|text| text.split_once('/'))
            .ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let total = if total == "*" { None } else { Some(number(total)?) };
        if range == "*" {
            return Ok(Self::Nothing(total));
        }
        let (first, last) = range.split_once('-').ok_or_else(wrong)?;
        let (first, last) = (number(first)?, number(last)?);
        if last < first || total.is_some_and(|total| last >= total) {
            return Err(wrong());
        }
        Ok(Self::Range(first, last, total))
    }

    /// Whether it ends the upload.
    pub fn is_last(self) -> bool {
        match self {
            Self::Whole => true,
            Self::Range(_, last, total) => total == Some(last + 1),
            Self::Nothing(total) => total == Some(0),
        }
    }

    /// Whether its length is one that Google takes.
    pub fn is_even(self) -> bool {
        match self {
            Self::Range(first, last, _) => self.is_last() || (last + 1 - first).is_multiple_of(unit()),
            Self::Whole | Self::Nothing(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_whatever_ends_the_lines() {
        for end in ["\r\n", "\n"] {
            let text = [
                "--b",
                "Content-Type: application/json",
                "",
                "{}",
                "--b",
                "Content-Type: a/b",
                "",
                "x\ny",
                "--b--",
            ];
            let body = Bytes::from(text.join(end));
            let parts = parts(&body, "b").unwrap();

            assert_eq!(parts.len(), 2);
            assert_eq!(&parts[0].body[..], b"{}");
            assert_eq!(parts[1].mime.as_deref(), Some("a/b"));
            assert_eq!(&parts[1].body[..], b"x\ny");
        }
        assert!(parts(&Bytes::from("--b\n\n{}"), "b").is_none());
    }

    #[test]
    fn an_empty_part_is_empty() {
        let body = Bytes::from("--b\r\n\r\n{}\r\n--b\r\nContent-Type: a/b\r\n\r\n\r\n--b--");
        assert_eq!(parts(&body, "b").unwrap()[1].body.len(), 0);
    }
}
