//! Contents on their way out: files, revisions, exports.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};

use super::Drive;
use super::answer::{Fail, json_response};
use super::call::{Call, Caller};
use super::file::{File, NATIVE};
use super::render::export_types;
use super::write::USUAL_FIELDS;
use crate::Blob;

/// The largest export.
const MOST_EXPORT: usize = 10 << 20;

impl Drive {
    /// `GET files/{id}`: the file, or its bytes with `alt=media`.
    pub(super) fn get_file(&self, id: &str, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect("acknowledgeAbuse includeLabels includePermissionsForView");
        // Bytes come from shared drives without being asked to: rclone downloads like that.
        let is_download = call.parameter("alt") == Some("media");
        let all_drives = is_download || call.all_drives()?;
        let world = self.world();
        let file = self.find(&world, caller, id, all_drives)?;
        if is_download {
            self.check_download(file, call)?;
            let head = file.head().ok_or_else(|| Fail::not_found(id))?;
            return self.send(&head.blob, &head.mime, call);
        }
        let mask = call.mask("File", USUAL_FIELDS)?;
        let switches = self.switches.get();
        let shown = self
            .view(&world, &switches, caller, &call.origin)
            .file(file, &mask);
        Ok(json_response(200, &shown))
    }

    /// `GET files/{id}/export`.
    pub(super) fn export(&self, id: &str, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect("mimeType");
        let world = self.world();
        // Exports work in shared drives without being asked to.
        let file = self.find(&world, caller, id, true)?;
        let missing = || Fail::new(400, "required", "Required parameter: mimeType").at("mimeType");
        let asked = call.parameter("mimeType").ok_or_else(missing)?;
        let Some(doc) = &file.doc else {
            return Err(Fail::new(
                403,
                "fileNotExportable",
                "Export only supports Docs Editors files.",
            ));
        };
        if !export_types(&file.mime).contains(&asked) {
            let message = "The requested conversion is not supported.";
            return Err(Fail::new(400, "badRequest", message).at("convertTo"));
        }
        if doc.export_bytes.max(doc.text.len()) > MOST_EXPORT {
            let message = "This file is too large to be exported.";
            return Err(Fail::new(403, "exportSizeLimitExceeded", message));
        }
        // What another program would make of it is a text of that length here.
        let mut text = if asked.starts_with("text/") {
            doc.text.to_vec()
        } else {
            [format!("{asked}\n").as_bytes(), &doc.text].concat()
        };
        text.resize(text.len().max(doc.export_bytes), b' ');
        let mut response = Response::new(Body::from(text));
        set_type(&mut response, asked);
        Ok(response)
    }

    /// Whether its bytes may be had.
    pub(super) fn check_download(&self, file: &File, call: &Call) -> Result<(), Fail> {
        let place = format!("{} {}", call.method, call.path);
        if file.mime.starts_with(NATIVE) {
            let message = "Only files with binary content can be directly downloaded. Use Export with Docs Editors files.";
            return Err(Fail::new(403, "fileNotDownloadable", message).at("alt"));
        }
        if file.is_kept_in {
            return Err(Fail::new(
                403,
                "cannotDownloadFile",
                "This file cannot be downloaded by the user.",
            ));
        }
        let accepts = call.flag("acknowledgeAbuse")?;
        if accepts && !file.is_abusive {
            self.core.record.violation(format!(
                "{place} with acknowledgeAbuse, and nobody spoke of abuse"
            ));
        }
        if file.is_abusive && !accepts {
            let message = "This file has been identified as malware or spam and cannot be downloaded.";
            return Err(Fail::new(403, "cannotDownloadAbusiveFile", message));
        }
        Ok(())
    }

    /// A content, or the part of it that is asked for.
    pub(super) fn send(&self, blob: &Blob, mime: &str, call: &Call) -> Result<Response, Fail> {
        let Some(bytes) = blob.bytes.clone() else {
            return Err(Fail::new(
                500,
                "internalError",
                "The fake was told not to keep the bytes of uploads.",
            ));
        };
        let switches = self.switches.get();
        let asked = call.header("range").filter(|_| !switches.ignore_range);
        let whole = bytes.len();
        let range = asked.map_or(Ranged::Whole, |text| range(text, whole));
        let mut response = match range {
            Ranged::Whole => Response::new(Body::from(bytes)),
            Ranged::Part(first, end) => {
                let mut response = Response::new(Body::from(bytes.slice(first..end)));
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                let text = format!("bytes {first}-{}/{whole}", end - 1);
                set(&mut response, "content-range", &text);
                response
            }
            Ranged::Outside => {
                let fail = Fail::new(
                    416,
                    "requestedRangeNotSatisfiable",
                    "Request range not satisfiable",
                );
                let mut response = fail.response();
                set(&mut response, "content-range", &format!("bytes */{whole}"));
                return Ok(response);
            }
        };
        set_type(&mut response, mime);
        set(&mut response, "accept-ranges", "bytes");
        set(
            &mut response,
            "cache-control",
            "private, max-age=0, must-revalidate",
        );
        set(&mut response, "content-disposition", "attachment");
        Ok(response)
    }
}

fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

fn set_type(response: &mut Response, mime: &str) {
    set(response, header::CONTENT_TYPE.as_str(), mime);
}

#[derive(Debug, PartialEq, Eq)]
enum Ranged {
    Whole,
    /// From the first byte to the one behind the last.
    Part(usize, usize),
    Outside,
}

/// What of `whole` bytes a `Range` asks for (RFC 9110 14.2). Several ranges at once are answered whole.
fn range(text: &str, whole: usize) -> Ranged {
    let Some((first, last)) = text
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Ranged::Whole;
    };
    let part = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(whole)),
        (Ok(first), Err(_)) if last.is_empty() => (first, whole),
        (Err(_), Ok(count)) if first.is_empty() => (whole.saturating_sub(count), whole),
        _ => return Ranged::Whole,
    };
    if part.0 < part.1 {
        Ranged::Part(part.0, part.1)
    } else {
        Ranged::Outside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_rfc() {
        assert_eq!(range("bytes=0-3", 10), Ranged::Part(0, 4));
        assert_eq!(range("bytes=8-99", 10), Ranged::Part(8, 10));
        assert_eq!(range("bytes=4-", 10), Ranged::Part(4, 10));
        assert_eq!(range("bytes=-3", 10), Ranged::Part(7, 10));
        assert_eq!(range("bytes=10-", 10), Ranged::Outside);
        assert_eq!(range("bytes=0-", 0), Ranged::Outside);
        assert_eq!(range("bytes=0-1,4-5", 10), Ranged::Whole);
    }
}
