//! `driveItem`, as Graph writes it, and what it is to us.

use model::Millis;
use serde::Deserialize;

use super::DriveKind;
use crate::{HashKind, Hashes, Item, ItemId, ItemKind, Revision, Tag};

/// What is asked of an item.
pub(super) const FIELDS: &str = "id,name,size,eTag,cTag,file,folder,package,deleted,root,parentReference,\
    fileSystemInfo,lastModifiedDateTime,remoteItem,malware,webUrl";
/// The same, and where its content is for the next minutes.
pub(super) const FIELDS_AND_CONTENT: &str = "id,name,size,eTag,cTag,file,folder,package,deleted,root,\
    parentReference,fileSystemInfo,lastModifiedDateTime,remoteItem,malware,webUrl,@microsoft.graph.downloadUrl";

/// An item as the service tells it. Everything may be missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct DriveItem {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) size: Option<u64>,
    pub(super) e_tag: Option<String>,
    pub(super) c_tag: Option<String>,
    pub(super) file: Option<FileFacet>,
    folder: Option<FolderFacet>,
    package: Option<Facet>,
    pub(super) deleted: Option<Facet>,
    pub(super) root: Option<Facet>,
    pub(super) parent_reference: Option<Reference>,
    pub(super) file_system_info: Option<FileSystemInfo>,
    last_modified_date_time: Option<String>,
    remote_item: Option<Box<Remote>>,
    pub(super) malware: Option<Facet>,
    web_url: Option<String>,
    #[serde(rename = "@microsoft.graph.downloadUrl")]
    pub(super) download_url: Option<String>,
}

/// Something of which only its being there counts.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Facet {}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FolderFacet {
    child_count: Option<u64>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FileFacet {
    mime_type: Option<String>,
    hashes: Option<HashFacet>,
}

/// Only this hash is to be had of every drive.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HashFacet {
    quick_xor_hash: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Reference {
    pub(super) id: Option<String>,
}

/// The times that whoever wrote an item gave it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FileSystemInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_date_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last_modified_date_time: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Remote {
    id: Option<String>,
}

impl DriveItem {
    /// Whether it is told well enough to be an item: odd rows of `delta` have neither name nor place.
    pub(super) fn is_whole(&self) -> bool {
        self.name.is_some() && (self.root.is_some() || self.parent_id().is_some())
    }

    /// The folder that it is in.
    pub(super) fn parent_id(&self) -> Option<&str> {
        self.parent_reference
            .as_ref()?
            .id
            .as_deref()
            .filter(|id| !id.is_empty())
    }

    /// Whether it has bytes that can be read.
    pub(super) const fn is_file(&self) -> bool {
        self.file.is_some() && self.remote_item.is_none() && self.package.is_none()
    }

    /// Whether it is a folder of this drive.
    pub(super) const fn is_folder(&self) -> bool {
        self.folder.is_some() && self.remote_item.is_none() && self.package.is_none()
    }

    /// How many items are in a folder, where that is told.
    pub(super) fn child_count(&self) -> Option<u64> {
        self.folder.as_ref()?.child_count
    }

    /// What is known of its content.
    pub(super) fn hashes(&self) -> Hashes {
        let mut hashes = Hashes::default();
        let told = self.file.as_ref().and_then(|file| file.hashes.as_ref());
        if let Some(text) = told.and_then(|told| told.quick_xor_hash.as_deref()) {
            hashes.set(HashKind::QuickXor, text);
        }
        hashes
    }

    /// Whether its content can only be told from others by asking for it once more: organizations leave the tag of
    /// content out of `delta`, and sometimes there is no hash.
    pub(super) fn lacks_revision(&self, drive: DriveKind) -> bool {
        self.is_file() && self.c_tag.is_none() && self.content_name(drive).is_none()
    }

    /// Which content it has, in words that are the same wherever it is told of.
    pub(super) fn revision(&self, drive: DriveKind) -> Option<Revision> {
        if !self.is_file() {
            return None;
        }
        let tag = || self.c_tag.as_ref().map(|tag| format!("c:{tag}"));
        // Metadata change this one too; better a revision too many than one too few.
        let any = || self.e_tag.as_ref().map(|tag| format!("e:{tag}"));
        let words = self.content_name(drive).or_else(tag).or_else(any);
        words.map(Revision)
    }

    /// The content named by itself, for drives that do not always tell its tag.
    fn content_name(&self, drive: DriveKind) -> Option<String> {
        if drive == DriveKind::Personal {
            return None;
        }
        let size_bytes = self.size?;
        match self.hashes().text(HashKind::QuickXor) {
            // An empty file has no hash, and needs none.
            _ if size_bytes == 0 => Some(content_name(0, "")),
            hash => Some(content_name(size_bytes, &hash?)),
        }
    }

    fn kind(&self) -> ItemKind {
        if let Some(remote) = &self.remote_item {
            return ItemKind::Shortcut {
                target: remote.id.clone().map(ItemId),
            };
        }
        if self.is_folder() || self.root.is_some() {
            ItemKind::Folder
        } else if self.is_file() {
            ItemKind::File
        } else {
            ItemKind::Other
        }
    }

    /// The item to us.
    pub(super) fn into_item(self, drive: DriveKind) -> Item {
        let kind = self.kind();
        let told = self
            .file_system_info
            .as_ref()
            .and_then(|info| info.last_modified_date_time.as_deref());
        Item {
            parent: self
                .parent_id()
                .filter(|_| self.root.is_none())
                .map(|id| ItemId(id.to_owned())),
            size_bytes: self.size.filter(|_| kind == ItemKind::File),
            media_type: self
                .file
                .as_ref()
                .and_then(|file| file.mime_type.clone())
                .filter(|_| kind == ItemKind::File),
            hashes: self.hashes(),
            revision: self.revision(drive),
            modified: told
                .or(self.last_modified_date_time.as_deref())
                .and_then(read_time),
            is_trashed: self.deleted.is_some(),
            is_editable: self.root.is_none(),
            id: ItemId(self.id),
            name: self.name.unwrap_or_default(),
            tag: self.e_tag.map(Tag),
            web_url: self.web_url,
            kind,
        }
    }
}

/// The revision of a content that is known by length and hash.
pub(super) fn content_name(size_bytes: u64, hash: &str) -> String {
    format!("x:{size_bytes}:{hash}")
}

/// A moment as the service writes it; digits below the millisecond are cut off.
pub(super) fn read_time(text: &str) -> Option<Millis> {
    let at = text.parse::<jiff::Timestamp>().ok()?;
    // Towards the past, also before 1970.
    Some(Millis(
        i64::try_from(at.as_nanosecond().div_euclid(1_000_000)).ok()?,
    ))
}

/// A moment as the service reads it.
pub(super) fn write_time(at: Millis) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn item(value: Value) -> DriveItem {
        serde_json::from_value(value).unwrap()
    }

    fn file() -> Value {
        json!({
            "id": "A!1", "name": "a.txt", "size": 3, "eTag": "\"e1\"", "cTag": "\"c1\"",
            "file": { "mimeType": "text/plain", "hashes": { "quickXorHash": "YRDDGAAAAAAAAAAAAwAAAAAAAAA=" } },
            "parentReference": { "id": "A!0", "driveId": "a" },
            "fileSystemInfo": { "lastModifiedDateTime": "2026-01-02T03:04:05.6789Z" },
            "lastModifiedDateTime": "2026-02-02T00:00:00Z",
        })
    }

    #[test]
    fn a_file_is_told_with_the_time_of_who_wrote_it() {
        let item = item(file()).into_item(DriveKind::Personal);

        assert_eq!(item.kind, ItemKind::File);
        assert_eq!(item.parent, Some(ItemId("A!0".into())));
        assert_eq!(item.size_bytes, Some(3));
        assert_eq!(item.modified, read_time("2026-01-02T03:04:05.678Z"));
        assert_eq!(item.tag, Some(Tag("\"e1\"".into())));
        assert!(item.hashes.quick_xor.is_some());
        assert!(!item.is_trashed);
    }

    #[test]
    fn personal_drives_name_contents_by_tag_and_others_by_the_content_itself() {
        let personal = item(file()).revision(DriveKind::Personal);
        assert_eq!(personal, Some(Revision("c:\"c1\"".into())));

        let mut told = file();
        told.as_object_mut().unwrap().remove("cTag");
        let in_delta = item(told.clone());
        assert_eq!(
            in_delta.revision(DriveKind::Business),
            item(file()).revision(DriveKind::Business)
        );
        assert!(!in_delta.lacks_revision(DriveKind::Business));

        told["file"] = json!({ "hashes": {} });
        assert!(item(told.clone()).lacks_revision(DriveKind::Business));
        assert_eq!(
            item(told.clone()).revision(DriveKind::Business),
            Some(Revision("e:\"e1\"".into()))
        );
        told["size"] = json!(0);
        assert!(!item(told).lacks_revision(DriveKind::Business));
    }

    #[test]
    fn what_is_neither_file_nor_folder_is_told_apart() {
        for (facets, kind) in [
            (json!({ "folder": { "childCount": 0 } }), ItemKind::Folder),
            (
                json!({ "package": { "type": "oneNote" }, "folder": {} }),
                ItemKind::Other,
            ),
            (
                json!({ "remoteItem": { "id": "B!7", "folder": {} }, "folder": {} }),
                ItemKind::Shortcut {
                    target: Some(ItemId("B!7".into())),
                },
            ),
            (json!({}), ItemKind::Other),
        ] {
            let mut told = json!({ "id": "x", "name": "x", "parentReference": { "id": "r" } });
            told.as_object_mut()
                .unwrap()
                .extend(facets.as_object().unwrap().clone());
            assert_eq!(item(told).into_item(DriveKind::Personal).kind, kind);
        }
    }

    #[test]
    fn rows_without_a_name_or_a_place_are_not_whole() {
        assert!(item(file()).is_whole());
        assert!(!item(json!({ "id": "x", "file": {} })).is_whole());
        assert!(
            !item(json!({ "id": "x", "name": "a", "file": {}, "parentReference": { "driveId": "d" } }))
                .is_whole()
        );
        assert!(item(json!({ "id": "r", "name": "root", "root": {} })).is_whole());
    }

    #[test]
    fn times_are_cut_to_milliseconds_and_come_back() {
        assert_eq!(
            read_time("2026-01-01T00:00:00Z"),
            read_time("2026-01-01T00:00:00.0009999Z")
        );
        assert_eq!(read_time("1969-12-31T23:59:59.9995Z"), Some(Millis(-1)));
        assert_eq!(write_time(Millis(1_767_225_600_120)), "2026-01-01T00:00:00.120Z");
        assert_eq!(read_time(&write_time(Millis(-1))), Some(Millis(-1)));
        assert_eq!(read_time("soon"), None);
    }
}
