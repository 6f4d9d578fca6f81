//! The part of Drive v2 that v3 has not: contents that are written only if a file is still the same.

use axum::response::Response;
use http::HeaderValue;
use serde_json::{Map, Value, json};

use super::Drive;
use super::answer::{Fail, json_response};
use super::call::{Call, Caller};
use super::file::File;
use super::switches::IfMatch;
use super::upload::Order;
use super::world::World;
use super::write::Metadata;
use crate::clock::rfc3339;

/// What an upload of v2 takes, as far as it is of use here.
pub const UPLOAD_PARAMETERS: &str = "addParents convert enforceSingleParent modifiedDateBehavior newRevision ocr \
     ocrLanguage pinned removeParents setModifiedDate timedTextLanguage timedTextTrackName updateViewedDate \
     useContentAsIndexableText visibility includePermissionsForView includeLabels";

/// Fields of a file of v2, apart from those that v3 has under the same name.
const FIELDS: &[&str] = &[
    "kind",
    "alternateLink",
    "id",
    "etag",
    "title",
    "mimeType",
    "version",
    "headRevisionId",
    "md5Checksum",
    "sha1Checksum",
    "sha256Checksum",
    "modifiedDate",
    "createdDate",
    "fileSize",
    "originalFilename",
    "labels",
    "parents",
    "explicitlyTrashed",
    "editable",
    "quotaBytesUsed",
];

impl IfMatch {
    /// Whether the condition is looked at when an upload begins.
    pub(super) const fn is_at_start(self) -> bool {
        matches!(self, Self::Both | Self::AtStart)
    }

    /// Whether it is looked at when the content is there.
    pub(super) const fn is_at_end(self) -> bool {
        matches!(self, Self::Both | Self::AtEnd)
    }
}

/// Reads a File of v2. Its date counts only if the query says so.
pub fn read_metadata(body: &Map<String, Value>, call: &Call) -> Result<Metadata, Fail> {
    let sets_date =
        call.flag("setModifiedDate")? || call.parameter("modifiedDateBehavior") == Some("fromBody");
    let mut as_v3 = Map::new();
    for (name, value) in body {
        match name.as_str() {
            "title" => as_v3.insert("name".to_owned(), value.clone()),
            "modifiedDate" if sets_date => as_v3.insert("modifiedTime".to_owned(), value.clone()),
            "modifiedDate" => {
                call.record
                    .violation("a `modifiedDate` that no parameter makes count");
                None
            }
            "parents" => {
                let ids = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|parent| parent["id"].clone());
                as_v3.insert("parents".to_owned(), ids.collect())
            }
            "etag" | "kind" => None,
            other => as_v3.insert(other.to_owned(), value.clone()),
        };
    }
    Metadata::read(&as_v3, call)
}

impl Drive {
    /// `GET /drive/v2/files/{id}`.
    pub(super) fn get_v2(&self, id: &str, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect(
            "acknowledgeAbuse projection revisionId updateViewedDate includePermissionsForView includeLabels",
        );
        let all_drives = call.all_drives()?;
        let id = self.find(&self.world(), caller, id, all_drives)?.id.clone();
        self.show_v2(&id, call, caller)
    }

    /// A file as v2 shows it, with its tag in the head too.
    pub(super) fn show_v2(&self, id: &str, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        let world = self.world();
        let file = world.file(id).ok_or_else(|| Fail::not_found(id))?;
        let mut shown = show(&world, file, caller);
        if let Some(fields) = call.parameter("fields") {
            let wanted: Vec<&str> = fields.split(',').map(str::trim).collect();
            if let Some(wrong) = wanted
                .iter()
                .find(|field| !FIELDS.contains(&field.split(['(', '/']).next().unwrap_or(field)))
            {
                let message = format!("Invalid field selection {wrong}");
                return Err(Fail::new(400, "invalidParameter", message).at("fields"));
            }
            let is_wanted = |name: &str| {
                wanted
                    .iter()
                    .any(|field| field.split(['(', '/']).next() == Some(name))
            };
            shown.retain(|name, _| is_wanted(name));
        }
        let mut response = json_response(200, &Value::Object(shown));
        if let Ok(tag) = HeaderValue::from_str(&file.etag()) {
            response.headers_mut().insert("etag", tag);
        }
        Ok(response)
    }

    /// Whether the file still has the tag that the upload names.
    pub(super) fn check_tag(&self, order: &Order) -> Result<(), Fail> {
        let (Some(tag), Some(id)) = (&order.if_match, &order.id) else {
            return Ok(());
        };
        let world = self.world();
        let file = world.file(id).ok_or_else(|| Fail::not_found(id))?;
        if tag == "*" || *tag == file.etag() {
            return Ok(());
        }
        Err(Fail::new(412, "conditionNotMet", "Precondition Failed"))
    }
}

fn show(world: &World, file: &File, caller: &Caller) -> Map<String, Value> {
    let mut shown = json!({
        "kind": "drive#file",
        "id": file.id,
        "alternateLink": format!("https://drive.google.com/file/d/{}/view?usp=drivesdk", file.id),
        "etag": file.etag(),
        "title": file.name,
        "mimeType": file.mime,
        "version": file.version.to_string(),
        "modifiedDate": rfc3339(file.modified_ms),
        "createdDate": rfc3339(file.created_ms),
        "labels": {
            "trashed": world.is_trashed(file), "starred": file.is_starred,
            "hidden": false, "restricted": false, "viewed": true,
        },
        "explicitlyTrashed": file.is_trashed,
        "editable": world.right(&caller.email, file) == Some(true),
        "quotaBytesUsed": file.used_bytes().to_string(),
        "parents": file.parent.iter().map(|id| json!({"kind": "drive#parentReference", "id": id})).collect::<Value>(),
    });
    if let Some(head) = file.head() {
        shown["headRevisionId"] = json!(head.id);
        shown["md5Checksum"] = json!(head.blob.md5);
        shown["sha1Checksum"] = json!(head.blob.sha1);
        shown["sha256Checksum"] = json!(head.blob.sha256);
        shown["fileSize"] = json!(head.blob.size_bytes.to_string());
        shown["originalFilename"] = json!(head.name);
    }
    match shown {
        Value::Object(shown) => shown,
        _ => Map::new(),
    }
}
