//! What Drive tells, as it tells it. Whole numbers come as texts.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use model::Millis;
use serde::Deserialize;

use super::documents;
use crate::{HashKind, Hashes, Item, ItemId, ItemKind, Past, Revision, Tag};

/// What is asked of a file.
pub(super) const FILE: &str = "id,name,mimeType,parents,trashed,explicitlyTrashed,size,md5Checksum,sha256Checksum,headRevisionId,modifiedTime,webViewLink,shortcutDetails/targetId,capabilities(canEdit,canRename,canModifyContent)";
/// The same of version 2, and the tag that writes can be bound to.
pub(super) const FILE_V2: &str = "etag,id,title,mimeType,parents(id),labels(trashed),fileSize,md5Checksum,headRevisionId,modifiedDate,alternateLink";
/// What is asked of a content.
pub(super) const REVISION: &str =
    "id,modifiedTime,md5Checksum,size,lastModifyingUser(displayName,emailAddress)";

/// What the media types of Google's own kinds begin with.
const NATIVE: &str = "application/vnd.google-apps.";
pub(super) const FOLDER: &str = "application/vnd.google-apps.folder";
const SHORTCUT: &str = "application/vnd.google-apps.shortcut";
/// Bytes of what a tag is a digest of that are kept.
const TAG_BYTES: usize = 16;

/// A file, folder or whatever else, as version 3 or 2 tells of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    pub id: String,
    #[serde(alias = "title", default)]
    pub name: String,
    #[serde(default)]
    pub mime_type: String,
    #[serde(default)]
    pub parents: Vec<Parent>,
    #[serde(default)]
    pub trashed: bool,
    /// By itself, and not with a folder above it.
    #[serde(default)]
    pub explicitly_trashed: bool,
    #[serde(default)]
    labels: Labels,
    #[serde(alias = "fileSize", default)]
    size: Option<String>,
    #[serde(default)]
    md5_checksum: Option<String>,
    #[serde(default)]
    sha256_checksum: Option<String>,
    #[serde(default)]
    pub head_revision_id: Option<String>,
    #[serde(alias = "modifiedDate", default)]
    modified_time: Option<String>,
    #[serde(alias = "alternateLink", default)]
    web_view_link: Option<String>,
    #[serde(default)]
    shortcut_details: Option<Shortcut>,
    #[serde(default)]
    capabilities: Capabilities,
    /// Only of version 2.
    #[serde(default)]
    pub etag: Option<String>,
}

/// A folder that something is in.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Parent {
    Id(String),
    V2 { id: String },
}

#[derive(Deserialize, Default)]
struct Labels {
    #[serde(default)]
    trashed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shortcut {
    #[serde(default)]
    target_id: Option<String>,
}

/// What we may do; what is not said, we may try.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Capabilities {
    can_edit: Option<bool>,
    can_rename: Option<bool>,
    can_modify_content: Option<bool>,
}

impl File {
    /// The item that it is.
    pub fn into_item(self) -> Item {
        let kind = kind_of(&self);
        let is_file = kind == ItemKind::File;
        let can = &self.capabilities;
        let may = |what: Option<bool>| what.unwrap_or(true);
        let is_editable = match kind {
            ItemKind::File => may(can.can_modify_content) && may(can.can_rename),
            ItemKind::Folder => may(can.can_edit) && may(can.can_rename),
            ItemKind::Document { .. } | ItemKind::Shortcut { .. } | ItemKind::Other => may(can.can_rename),
        };
        // Old items may be in several folders: one of them, always the same.
        let parents = self.parents.iter().map(Parent::id);
        let parent = parents.min().map(|id| ItemId(id.to_owned()));
        let mut hashes = Hashes::default();
        if is_file {
            let told = [
                (HashKind::Md5, &self.md5_checksum),
                (HashKind::Sha256, &self.sha256_checksum),
            ];
            for (kind, text) in told {
                if let Some(text) = text {
                    hashes.set(kind, text);
                }
            }
        }
        let mut item = Item {
            id: ItemId(self.id),
            parent,
            name: self.name,
            kind,
            size_bytes: self.size.and_then(|size| size.parse().ok()).filter(|_| is_file),
            media_type: (!self.mime_type.is_empty()).then_some(self.mime_type),
            hashes,
            revision: self.head_revision_id.filter(|_| is_file).map(Revision),
            tag: None,
            modified: self.modified_time.as_deref().and_then(millis),
            is_trashed: self.trashed || self.labels.trashed,
            is_editable,
            web_url: self.web_view_link,
        };
        item.tag = Some(tag(&item));
        item
    }
}

impl Parent {
    fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::V2 { id } => id,
        }
    }
}

fn kind_of(file: &File) -> ItemKind {
    match file.mime_type.as_str() {
        FOLDER => ItemKind::Folder,
        SHORTCUT => ItemKind::Shortcut {
            target: file
                .shortcut_details
                .as_ref()
                .and_then(|details| details.target_id.clone())
                .map(ItemId),
        },
        native if native.starts_with(NATIVE) => match documents::exports(native) {
            [] => ItemKind::Other,
            exports => ItemKind::Document {
                exports: exports.to_vec(),
            },
        },
        _ => ItemKind::File,
    }
}

/// Google's own number of an item grows with much that nobody sees, such as somebody's look at it. This is a
/// digest of what is seen.
fn tag(item: &Item) -> Tag {
    let mut context = digest::Context::new(&digest::SHA256);
    let modified = item.modified.map_or_else(String::new, |at| at.0.to_string());
    let parts = [
        item.revision.as_ref().map_or("", |revision| revision.0.as_str()),
        item.parent.as_ref().map_or("", |parent| parent.0.as_str()),
        modified.as_str(),
        item.name.as_str(),
    ];
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    Tag(URL_SAFE_NO_PAD.encode(&context.finish().as_ref()[..TAG_BYTES]))
}

/// A page of files.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileList {
    #[serde(default)]
    pub files: Vec<File>,
    #[serde(default)]
    pub next_page_token: Option<String>,
    #[serde(default)]
    pub incomplete_search: bool,
}

/// A page of the feed of changes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeList {
    #[serde(default)]
    pub changes: Vec<Change>,
    #[serde(default)]
    pub next_page_token: Option<String>,
    #[serde(default)]
    pub new_start_page_token: Option<String>,
}

/// One change.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    #[serde(default)]
    pub removed: bool,
    #[serde(default)]
    pub file_id: Option<String>,
    #[serde(default)]
    pub file: Option<File>,
}

/// Where a feed begins.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartPageToken {
    pub start_page_token: String,
}

/// Ids for what is about to be made.
#[derive(Deserialize)]
pub(super) struct Ids {
    #[serde(default)]
    pub ids: Vec<String>,
}

/// About the account.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AboutAccount {
    pub user: User,
    #[serde(default)]
    pub storage_quota: Option<StorageQuota>,
}

/// Somebody.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    #[serde(default)]
    pub email_address: Option<String>,
    #[serde(default)]
    pub display_name: Option<String>,
}

impl User {
    /// For people.
    pub fn shown(self) -> Option<String> {
        self.email_address.or(self.display_name)
    }
}

/// Room.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StorageQuota {
    #[serde(default)]
    pub limit: Option<String>,
    #[serde(default)]
    pub usage: Option<String>,
}

/// A page of contents, the oldest first.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RevisionList {
    #[serde(default)]
    pub revisions: Vec<OneRevision>,
    #[serde(default)]
    pub next_page_token: Option<String>,
}

/// One content.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OneRevision {
    pub id: String,
    #[serde(default)]
    modified_time: Option<String>,
    #[serde(default)]
    md5_checksum: Option<String>,
    #[serde(default)]
    size: Option<String>,
    #[serde(default)]
    last_modifying_user: Option<User>,
}

impl From<OneRevision> for Past {
    fn from(told: OneRevision) -> Self {
        let mut hashes = Hashes::default();
        if let Some(text) = &told.md5_checksum {
            hashes.set(HashKind::Md5, text);
        }
        Self {
            revision: Revision(told.id),
            size_bytes: told.size.and_then(|size| size.parse().ok()),
            hashes,
            modified: told.modified_time.as_deref().and_then(millis),
            author: told.last_modifying_user.and_then(User::shown),
        }
    }
}

/// A time as Drive writes it.
pub(super) fn millis(text: &str) -> Option<Millis> {
    text.parse::<Timestamp>()
        .ok()
        .map(|at| Millis(at.as_millisecond()))
}

/// A time as Drive reads it.
pub(super) fn rfc3339(at: Millis) -> String {
    format!("{:.3}", outbound::timestamp(at))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(told: serde_json::Value) -> Item {
        serde_json::from_value::<File>(told).unwrap().into_item()
    }

    #[test]
    fn a_file_is_the_same_whichever_version_tells_of_it() {
        let three = item(json!({
            "id": "F", "name": "a/b", "mimeType": "text/plain", "parents": ["P"], "trashed": true, "size": "5",
            "md5Checksum": "900150983cd24fb0d6963f7d28e17f72", "headRevisionId": "R",
            "modifiedTime": "2026-11-21T10:00:00.123Z",
        }));
        let two = item(json!({
            "etag": "\"e\"", "id": "F", "title": "a/b", "mimeType": "text/plain", "parents": [{"id": "P"}],
            "labels": {"trashed": true}, "fileSize": "5", "md5Checksum": "900150983cd24fb0d6963f7d28e17f72",
            "headRevisionId": "R", "modifiedDate": "2026-11-21T10:00:00.123Z",
        }));

        assert_eq!(three, two);
        assert_eq!(three.kind, ItemKind::File);
        assert_eq!(three.parent, Some(ItemId("P".to_owned())));
        assert_eq!(three.size_bytes, Some(5));
        assert_eq!(three.modified, Some(Millis(1_795_255_200_123)));
        assert!(three.is_trashed && three.is_editable);
    }

    #[test]
    fn what_has_a_size_is_not_therefore_a_file() {
        let document = item(json!({
            "id": "D", "name": "d", "mimeType": "application/vnd.google-apps.document", "size": "1024",
        }));

        let ItemKind::Document { exports } = &document.kind else {
            panic!("{document:?}")
        };
        assert!(exports[0].ends_with("wordprocessingml.document"), "{exports:?}");
        assert_eq!((document.size_bytes, document.revision), (None, None));
        for (mime, kind) in [
            (FOLDER, ItemKind::Folder),
            ("application/vnd.google-apps.form", ItemKind::Other),
            ("application/vnd.google-apps.drive-sdk.123", ItemKind::Other),
            ("", ItemKind::File),
        ] {
            assert_eq!(item(json!({"id": "X", "mimeType": mime})).kind, kind, "{mime}");
        }
    }

    #[test]
    fn a_shortcut_leads_somewhere_or_nowhere_that_is_told() {
        let mime = "application/vnd.google-apps.shortcut";
        let told = item(json!({"id": "S", "mimeType": mime, "shortcutDetails": {"targetId": "T"}}));
        let silent = item(json!({"id": "S", "mimeType": mime}));

        let target = Some(ItemId("T".to_owned()));
        assert_eq!(told.kind, ItemKind::Shortcut { target });
        assert_eq!(silent.kind, ItemKind::Shortcut { target: None });
    }

    #[test]
    fn a_tag_changes_with_what_is_seen_and_with_nothing_else() {
        let base = json!({"id": "F", "name": "n", "mimeType": "a/b", "parents": ["P"], "headRevisionId": "R",
            "modifiedTime": "2026-11-21T10:00:00Z", "version": "7", "webViewLink": "w"});
        let with = |name: &str, value: &str| {
            let mut told = base.clone();
            told[name] = match name {
                "parents" => json!([value]),
                _ => json!(value),
            };
            item(told).tag
        };

        for (name, value) in [
            ("name", "m"),
            ("parents", "Q"),
            ("headRevisionId", "S"),
            ("modifiedTime", "2026-11-21T10:00:01Z"),
        ] {
            assert_ne!(with(name, value), item(base.clone()).tag, "{name}");
        }
        for name in ["version", "webViewLink"] {
            assert_eq!(with(name, "9"), item(base.clone()).tag, "{name}");
        }
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for (at, text) in [
            (1_795_255_200_000, "2026-11-21T10:00:00.000Z"),
            (1_795_255_200_007, "2026-11-21T10:00:00.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(Millis(at)), text);
            assert_eq!(millis(text), Some(Millis(at)));
        }
        assert_eq!(millis("soon"), None);
    }
}
