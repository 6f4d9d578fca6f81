//! Files and what belongs to them as Google shows them.

use serde_json::{Map, Value, json};

use super::fields::Mask;
use super::file::{File, NATIVE, Revision, SHORTCUT};
use super::switches::DriveSwitches;
use super::world::{Account, World};
use crate::clock::rfc3339;

/// All that a file can show.
const ALL: &[&str] = &[
    "kind",
    "id",
    "name",
    "mimeType",
    "description",
    "starred",
    "trashed",
    "explicitlyTrashed",
    "parents",
    "properties",
    "appProperties",
    "spaces",
    "version",
    "webContentLink",
    "webViewLink",
    "iconLink",
    "hasThumbnail",
    "thumbnailVersion",
    "viewedByMe",
    "createdTime",
    "modifiedTime",
    "modifiedByMe",
    "modifiedByMeTime",
    "owners",
    "lastModifyingUser",
    "shared",
    "ownedByMe",
    "driveId",
    "teamDriveId",
    "capabilities",
    "viewersCanCopyContent",
    "copyRequiresWriterPermission",
    "writersCanShare",
    "permissionIds",
    "originalFilename",
    "fullFileExtension",
    "fileExtension",
    "md5Checksum",
    "sha1Checksum",
    "sha256Checksum",
    "size",
    "quotaBytesUsed",
    "headRevisionId",
    "isAppAuthorized",
    "exportLinks",
    "shortcutDetails",
];

/// For whom, and how.
pub struct View<'a> {
    /// Everything.
    pub world: &'a World,
    /// Who looks.
    pub email: &'a str,
    /// What Drive does differently.
    pub switches: &'a DriveSwitches,
    /// The origin that the client knows.
    pub origin: &'a str,
}

impl View<'_> {
    /// A file, as far as `mask` wants it.
    pub fn file(&self, file: &File, mask: &Mask) -> Value {
        let shown = mask.wanted(ALL).filter_map(|field| {
            let value = self.field(file, field)?;
            Some((field.to_owned(), mask.of(field).prune(value)))
        });
        Value::Object(shown.collect::<Map<_, _>>())
    }

    fn field(&self, file: &File, field: &str) -> Option<Value> {
        let is_mine = file.owner.as_deref() == Some(self.email);
        let value = match field {
            "kind" => json!("drive#file"),
            "id" => json!(file.id),
            "name" => json!(file.name),
            "mimeType" => json!(file.mime),
            "description" => json!(file.description.as_ref()?),
            "starred" => json!(file.is_starred),
            "trashed" => json!(self.world.is_trashed(file)),
            "explicitlyTrashed" => json!(file.is_trashed),
            "parents" => json!([self.parent(file)?]),
            "properties" if !file.properties.is_empty() => json!(file.properties),
            "appProperties" if !file.app_properties.is_empty() => json!(file.app_properties),
            "spaces" => json!(["drive"]),
            "version" => json!(file.version.to_string()),
            "webViewLink" => json!(format!(
                "https://drive.google.com/file/d/{}/view?usp=drivesdk",
                file.id
            )),
            "iconLink" => json!(format!(
                "https://drive-thirdparty.googleusercontent.com/16/type/{}",
                file.mime
            )),
            "hasThumbnail" => json!(false),
            "thumbnailVersion" => json!("0"),
            "viewedByMe" => json!(true),
            "createdTime" => json!(rfc3339(file.created_ms)),
            "modifiedTime" => json!(rfc3339(file.modified_ms)),
            "modifiedByMe" => json!(file.modified_by == self.email),
            "modifiedByMeTime" if file.modified_by == self.email => json!(rfc3339(file.modified_ms)),
            "owners" => json!([self.user(file.owner.as_deref()?)]),
            "lastModifyingUser" => self.user(&file.modified_by),
            "shared" => json!(!file.shared_with.is_empty() || file.drive_id.is_some()),
            "ownedByMe" => json!(is_mine),
            "driveId" | "teamDriveId" => json!(file.drive_id.as_ref()?),
            "capabilities" => self.capabilities(file),
            "viewersCanCopyContent" => json!(!file.is_kept_in),
            "copyRequiresWriterPermission" => json!(file.is_kept_in),
            "writersCanShare" => json!(true),
            "permissionIds" => json!([self.world.known(file.owner.as_deref()?)?.permission_id]),
            "quotaBytesUsed" => json!(file.used_bytes().to_string()),
            "isAppAuthorized" => json!(file.is_of_app),
            "shortcutDetails" => {
                let (id, mime) = file.target.as_ref()?;
                json!({"targetId": id, "targetMimeType": mime})
            }
            other => return self.content_field(file, other),
        };
        Some(value)
    }

    /// What only files with content have.
    fn content_field(&self, file: &File, field: &str) -> Option<Value> {
        if let Some(doc) = &file.doc {
            return match field {
                "size" => Some(json!(doc.text.len().max(1).to_string())),
                "exportLinks" => Some(self.export_links(file)),
                _ => None,
            };
        }
        let head = file.head()?;
        let has_sha = !self.switches.omit_sha;
        let value = match field {
            "size" => json!(head.blob.size_bytes.to_string()),
            "md5Checksum" => json!(self.md5(head)),
            "sha1Checksum" if has_sha => json!(head.blob.sha1),
            "sha256Checksum" if has_sha => json!(head.blob.sha256),
            "headRevisionId" => json!(head.id),
            "originalFilename" => json!(head.name),
            "fullFileExtension" | "fileExtension" => json!(file.name.rsplit_once('.')?.1),
            "webContentLink" => json!(format!(
                "https://drive.google.com/uc?id={}&export=download",
                file.id
            )),
            _ => return None,
        };
        Some(value)
    }

    fn md5(&self, revision: &Revision) -> String {
        if self.switches.wrong_md5 {
            return "00000000000000000000000000000000".to_owned();
        }
        revision.blob.md5.clone()
    }

    /// The folder, if the caller may see it.
    fn parent<'f>(&self, file: &'f File) -> Option<&'f str> {
        let parent = self.world.file(file.parent.as_deref()?)?;
        self.world.right(self.email, parent)?;
        file.parent.as_deref()
    }

    fn export_links(&self, file: &File) -> Value {
        let link = |mime: &&str| {
            let coded = crate::oauth::encode(mime);
            let link = format!(
                "{}/drive/v3/files/{}/export?mimeType={coded}",
                self.origin, file.id
            );
            ((*mime).to_owned(), json!(link))
        };
        Value::Object(export_types(&file.mime).iter().map(link).collect())
    }

    fn capabilities(&self, file: &File) -> Value {
        let may_write = self.world.right(self.email, file) == Some(true);
        let is_top =
            file.parent.is_none() && self.world.known(self.email).is_some_and(|me| me.root == file.id);
        let is_native = file.mime.starts_with(NATIVE);
        let is_mine = file.owner.as_deref() == Some(self.email) || file.drive_id.is_some();
        json!({
            "canEdit": may_write,
            "canRename": may_write && !is_top,
            "canModifyContent": may_write && !is_native,
            "canDownload": !file.is_kept_in && !file.is_folder(),
            "canCopy": !file.is_kept_in && !file.is_folder(),
            "canTrash": may_write && is_mine && !is_top,
            "canUntrash": may_write && is_mine,
            "canDelete": may_write && is_mine && !is_top,
            "canShare": may_write && !is_top,
            "canAddChildren": may_write && file.is_folder(),
            "canListChildren": file.is_folder(),
            "canRemoveChildren": may_write && file.is_folder(),
            "canMoveItemWithinDrive": may_write && !is_top,
            "canReadRevisions": !file.is_folder() && file.mime != SHORTCUT,
        })
    }

    /// Somebody, as files name them.
    pub fn user(&self, email: &str) -> Value {
        let mut user = json!({"kind": "drive#user", "me": email == self.email, "emailAddress": email});
        if let Some(account) = self.world.known(email) {
            user["displayName"] = json!(account.name);
            user["permissionId"] = json!(account.permission_id);
        }
        user
    }

    /// One content of a file.
    pub fn revision(&self, revision: &Revision) -> Value {
        json!({
            "kind": "drive#revision",
            "id": revision.id,
            "mimeType": revision.mime,
            "modifiedTime": rfc3339(revision.modified_ms),
            "keepForever": revision.is_pinned,
            "published": false,
            "lastModifyingUser": self.user(&revision.by),
            "originalFilename": revision.name,
            "md5Checksum": self.md5(revision),
            "size": revision.blob.size_bytes.to_string(),
        })
    }

    /// About the caller.
    pub fn about(&self, account: &Account) -> Value {
        let used = account.used_bytes.to_string();
        let mut quota = json!({"usage": used, "usageInDrive": used, "usageInDriveTrash": "0"});
        if let Some(limit) = account.limit_bytes {
            quota["limit"] = json!(limit.to_string());
        }
        let formats = DOCUMENTS
            .iter()
            .map(|(mime, types)| ((*mime).to_owned(), json!(types)));
        json!({
            "kind": "drive#about",
            "user": self.user(&account.email),
            "storageQuota": quota,
            "exportFormats": formats.collect::<Map<_, _>>(),
            "importFormats": {},
            "maxImportSizes": {},
            "maxUploadSize": "5497558138880",
            "appInstalled": true,
            "canCreateDrives": true,
            "canCreateTeamDrives": true,
            "folderColorPalette": [],
            "driveThemes": [],
            "teamDriveThemes": [],
        })
    }
}

/// Documents of Google's own, and what they can be exported as.
const DOCUMENTS: &[(&str, &[&str])] = &[
    (
        "application/vnd.google-apps.document",
        &[
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.oasis.opendocument.text",
            "application/rtf",
            "application/pdf",
            "text/plain",
            "application/zip",
            "application/epub+zip",
            "text/markdown",
        ],
    ),
    (
        "application/vnd.google-apps.spreadsheet",
        &[
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/pdf",
            "application/zip",
            "text/csv",
            "text/tab-separated-values",
        ],
    ),
    (
        "application/vnd.google-apps.presentation",
        &[
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/vnd.oasis.opendocument.presentation",
            "application/pdf",
            "text/plain",
            "image/jpeg",
            "image/png",
            "image/svg+xml",
        ],
    ),
    (
        "application/vnd.google-apps.drawing",
        &["application/pdf", "image/jpeg", "image/png", "image/svg+xml"],
    ),
    (
        "application/vnd.google-apps.script",
        &["application/vnd.google-apps.script+json"],
    ),
];

/// What a document can be exported as.
pub fn export_types(mime: &str) -> &'static [&'static str] {
    DOCUMENTS
        .iter()
        .find(|(is, _)| *is == mime)
        .map_or(&[], |(_, types)| types)
}
