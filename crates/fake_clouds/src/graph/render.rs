//! How items stand in answers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::item::{DriveType, Item, Kind};
use super::switches::GraphSwitches;
use super::tree::Drive;
use crate::clock::rfc3339;

/// A time of the service.
pub(crate) fn time(ms: i64) -> String {
    rfc3339(ms)
}

/// Where an item is shown, which decides what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Alone or in a listing.
    Listing,
    /// In `delta`: without paths, and in organizations without content tags.
    Delta,
}

/// What showing an item depends on besides the item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) drive: &'a Drive,
    pub(crate) switches: &'a GraphSwitches,
    /// `http://host:port` of downloads.
    pub(crate) origin: &'a str,
    pub(crate) now_ms: i64,
}

/// The tag of the whole item.
pub(crate) fn etag(kind: DriveType, item: &Item) -> String {
    match kind {
        DriveType::Personal => {
            format!(
                "a{}",
                URL_SAFE_NO_PAD.encode(format!("{}.{}", item.id, item.revision))
            )
        }
        DriveType::Business => format!("\"{{{}}},{}\"", item.guid, item.revision),
    }
}

/// The tag of its content; folders of organizations have none.
pub(crate) fn ctag(kind: DriveType, item: &Item) -> Option<String> {
    match kind {
        DriveType::Personal => Some(format!(
            "a{}",
            URL_SAFE_NO_PAD.encode(format!("c:{}.{}", item.id, item.content_revision))
        )),
        DriveType::Business if item.is_folder() => None,
        DriveType::Business => Some(format!("\"c:{{{}}},{}\"", item.guid, item.content_revision)),
    }
}

/// The type that the service guesses from a name.
pub(crate) fn media_type(name: &str) -> &'static str {
    match name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_lowercase())
        .as_deref()
    {
        Some("txt" | "md") => "text/plain",
        Some("html" | "htm") => "text/html",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("png") => "image/png",
        Some("pdf") => "application/pdf",
        Some("json") => "application/json",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}

impl View<'_> {
    /// The drive's id as this answer writes it.
    pub(crate) fn drive_id(&self, turn: u64) -> String {
        let id = &self.drive.id;
        if !self.switches.drive_id_quirk || self.drive.kind == DriveType::Business {
            return id.clone();
        }
        match turn % 3 {
            0 => id.to_uppercase(),
            1 => id.strip_prefix('0').unwrap_or(id).to_owned(),
            _ => id.clone(),
        }
    }

    /// An item in full.
    pub(crate) fn item(&self, item: &Item, place: Place) -> Value {
        let kind = self.drive.kind;
        if item.is_deleted {
            return self.deleted(item);
        }
        let mut shown = json!({
            "id": item.id,
            "name": item.name,
            "size": self.size(item),
            "eTag": etag(kind, item),
            "createdDateTime": time(item.created_ms),
            "lastModifiedDateTime": time(item.modified_ms),
            "webUrl": format!("{}/web/{}", self.origin, item.id.replace('!', "%21")),
            "createdBy": { "user": { "displayName": "Somebody", "id": "1" } },
            "lastModifiedBy": { "user": { "displayName": "Somebody", "id": "1" } },
            "fileSystemInfo": {
                "createdDateTime": self.client_time(item.times.created_ms.unwrap_or(item.created_ms)),
                "lastModifiedDateTime": self.client_time(item.times.modified_ms.unwrap_or(item.modified_ms)),
            },
            "parentReference": self.parent(item, place),
        });
        if let Some(tag) = ctag(kind, item).filter(|_| place == Place::Listing || kind == DriveType::Personal)
        {
            shown["cTag"] = tag.into();
        }
        if item.parent.is_none() {
            shown["root"] = json!({});
        }
        if let Some(name) = item.special {
            shown["specialFolder"] = json!({ "name": name });
        }
        if item.has_malware {
            shown["malware"] = json!({ "description": "EICAR" });
        }
        self.facet(&mut shown, item, place);
        shown
    }

    /// What tells a file from a folder.
    fn facet(&self, shown: &mut Value, item: &Item, place: Place) {
        match &item.kind {
            Kind::Folder => {
                let is_personal_delta = place == Place::Delta && self.drive.kind == DriveType::Personal;
                let count = if is_personal_delta {
                    0
                } else {
                    self.drive.list(&item.id).len()
                };
                shown["folder"] = json!({ "childCount": count });
            }
            Kind::File(content) => {
                shown["file"] = json!({ "mimeType": media_type(&item.name), "hashes": {} });
                let is_known = self.now_ms >= content.at_ms + self.switches.hash_delay_ms;
                if content.size_bytes > 0 && is_known {
                    shown["file"]["hashes"]["quickXorHash"] = content.hash.clone().into();
                }
                if place == Place::Listing && !item.has_malware {
                    shown["@microsoft.graph.downloadUrl"] = self.download_url(item).into();
                }
            }
            Kind::Package => shown["package"] = json!({ "type": "oneNote" }),
            Kind::Shortcut { drive, item } => {
                shown["remoteItem"] = json!({
                    "id": item,
                    "folder": { "childCount": 0 },
                    "parentReference": { "driveId": drive, "driveType": self.drive.kind.as_str() },
                });
            }
        }
    }

    /// Deleted items lack what the service no longer knows, which is not the same everywhere.
    fn deleted(&self, item: &Item) -> Value {
        let mut shown = json!({
            "id": item.id,
            "deleted": { "state": "deleted" },
            "parentReference": self.parent(item, Place::Delta),
        });
        match item.kind {
            Kind::Folder => shown["folder"] = json!({ "childCount": 0 }),
            _ => shown["file"] = json!({}),
        }
        match self.drive.kind {
            DriveType::Personal => shown["name"] = item.name.clone().into(),
            DriveType::Business => shown["size"] = 0.into(),
        }
        shown
    }

    fn parent(&self, item: &Item, place: Place) -> Value {
        let mut shown = json!({
            "driveId": self.drive_id(item.revision),
            "driveType": self.drive.kind.as_str(),
        });
        let Some(parent) = &item.parent else { return shown };
        shown["id"] = parent.clone().into();
        if place == Place::Listing {
            let mut names = self.drive.path(parent).join("/");
            if !names.is_empty() {
                names.insert(0, '/');
            }
            shown["path"] = format!("/drives/{}/root:{names}", self.drive_id(item.revision)).into();
        }
        shown
    }

    /// A file's length; a folder's is that of all below it.
    fn size(&self, item: &Item) -> u64 {
        match &item.kind {
            Kind::File(content) => content.size_bytes,
            Kind::Folder if item.parent.is_none() => self.drive.used_bytes,
            Kind::Folder => self.drive.bytes_below(&item.id),
            Kind::Package | Kind::Shortcut { .. } => 0,
        }
    }

    /// A time that the client gave, as far as the service keeps it.
    fn client_time(&self, ms: i64) -> String {
        if self.switches.mtime_ms {
            return time(ms);
        }
        time(ms - ms.rem_euclid(1000)).replace(".000Z", "Z")
    }

    /// An address from which anybody can download the file for a while.
    pub(crate) fn download_url(&self, item: &Item) -> String {
        let until = self.now_ms + self.switches.download_ms;
        format!(
            "{}{}",
            self.origin,
            download_path(&self.drive.id, &item.id, until)
        )
    }
}

/// The path and query of a download. The odd encoding in it breaks when a client encodes anew.
pub(crate) fn download_path(drive: &str, item: &str, until_ms: i64) -> String {
    let seal = super::hash::quick_xor_hash(format!("{drive}/{item}/{until_ms}").as_bytes());
    let seal = URL_SAFE_NO_PAD.encode(seal);
    let name = URL_SAFE_NO_PAD.encode(format!("{drive}/{item}"));
    format!("/download/{name}?UniqueId=%7b{until_ms}%7D&tempauth=v1%2e{seal}%7e&ApiVersion=2.0")
}

/// Keeps of an item what was asked for.
pub(crate) fn select(mut item: Value, names: Option<&str>) -> Value {
    let (Some(names), Some(fields)) = (names, item.as_object_mut()) else {
        return item;
    };
    let names: Vec<&str> = names
        .split(',')
        .map(|name| name.trim().split('/').next().unwrap_or_default())
        .collect();
    fields.retain(|name, _| {
        names.contains(&name.as_str())
            || (name == "@microsoft.graph.downloadUrl" && names.contains(&"content.downloadUrl"))
    });
    item
}
