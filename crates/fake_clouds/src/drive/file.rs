//! What a file of Drive is.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::query::Subject;
use crate::Blob;

/// The type of folders.
pub const FOLDER: &str = "application/vnd.google-apps.folder";
/// The type of shortcuts.
pub const SHORTCUT: &str = "application/vnd.google-apps.shortcut";
/// How the types begin that have no bytes of their own.
pub const NATIVE: &str = "application/vnd.google-apps.";

/// A file, a folder, a document or a shortcut.
#[derive(Debug, Clone)]
pub struct File {
    /// Its id, for good.
    pub id: String,
    /// Its place among all files by when they were made.
    pub born: u64,
    /// Its name, which is any text.
    pub name: String,
    /// Its type.
    pub mime: String,
    /// The folder that it is in.
    pub parent: Option<String>,
    /// The address of its owner; nobody's in a shared drive.
    pub owner: Option<String>,
    /// The shared drive that it is in.
    pub drive_id: Option<String>,
    /// Whether it was put into the trash itself.
    pub is_trashed: bool,
    /// When it was made, as the client says.
    pub created_ms: i64,
    /// When it was last changed, as the client says.
    pub modified_ms: i64,
    /// Who changed it last.
    pub modified_by: String,
    /// Grows with every change.
    pub version: u64,
    /// Its contents, the newest last; none but for files with bytes.
    pub revisions: Vec<Revision>,
    /// What a document says.
    pub doc: Option<Doc>,
    /// Where a shortcut leads: an id, and the type that was there when it was made.
    pub target: Option<(String, String)>,
    /// A text about it.
    pub description: Option<String>,
    /// Whether it has a star.
    pub is_starred: bool,
    /// Properties that all apps see.
    pub properties: BTreeMap<String, String>,
    /// Properties that the app alone sees.
    pub app_properties: BTreeMap<String, String>,
    /// Who else may use it, and everything in it: address, and whether they may write.
    pub shared_with: BTreeMap<String, bool>,
    /// Whether its owner alone may change it.
    pub is_read_only: bool,
    /// Whether Google believes that it does harm.
    pub is_abusive: bool,
    /// Whether it cannot be downloaded.
    pub is_kept_in: bool,
    /// Whether the app made it, which is all that `drive.file` sees.
    pub is_of_app: bool,
}

/// One content of a file.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Its id.
    pub id: String,
    /// The bytes.
    pub blob: Blob,
    /// Their type.
    pub mime: String,
    /// When it was written.
    pub modified_ms: i64,
    /// Who wrote it.
    pub by: String,
    /// Whether it is kept for good.
    pub is_pinned: bool,
    /// The file's name at that time.
    pub name: String,
}

/// What a document of Google's own says.
#[derive(Debug, Clone, Default)]
pub struct Doc {
    /// Its text.
    pub text: Bytes,
    /// How large it is once exported, if that is more than its text.
    pub export_bytes: usize,
}

impl File {
    /// A folder or a file without content, made now.
    pub fn new(id: String, name: &str, mime: &str, now_ms: i64) -> Self {
        Self {
            id,
            born: 0,
            name: name.to_owned(),
            mime: mime.to_owned(),
            parent: None,
            owner: None,
            drive_id: None,
            is_trashed: false,
            created_ms: now_ms,
            modified_ms: now_ms,
            modified_by: String::new(),
            version: 1,
            revisions: Vec::new(),
            doc: None,
            target: None,
            description: None,
            is_starred: false,
            properties: BTreeMap::new(),
            app_properties: BTreeMap::new(),
            shared_with: BTreeMap::new(),
            is_read_only: false,
            is_abusive: false,
            is_kept_in: false,
            is_of_app: false,
        }
    }

    /// Whether things can be in it.
    pub fn is_folder(&self) -> bool {
        self.mime == FOLDER
    }

    /// Its newest content.
    pub fn head(&self) -> Option<&Revision> {
        self.revisions.last()
    }

    /// The tag of v2, which is another after every change.
    pub fn etag(&self) -> String {
        use base64::Engine as _;
        let plain = format!("{}:{}", self.id, self.version);
        format!("\"{}\"", base64::engine::general_purpose::STANDARD.encode(plain))
    }

    /// How much of somebody's room it takes.
    pub fn used_bytes(&self) -> u64 {
        self.head().map_or(0, |head| head.blob.size_bytes)
    }
}

/// A file as somebody's search sees it.
pub struct Seen<'a> {
    /// The file.
    pub file: &'a File,
    /// Whether it or a folder above it is in the trash.
    pub is_trashed: bool,
    /// Who searches.
    pub email: &'a str,
}

impl Subject for Seen<'_> {
    fn parent(&self) -> Option<&str> {
        self.file.parent.as_deref()
    }

    fn text(&self, field: &str) -> Option<String> {
        let text = match field {
            "name" | "fullText" => self.file.name.clone(),
            "mimeType" => self.file.mime.clone(),
            "trashed" => self.is_trashed.to_string(),
            "starred" => self.file.is_starred.to_string(),
            "sharedWithMe" => self.file.shared_with.contains_key(self.email).to_string(),
            _ => return None,
        };
        Some(text)
    }

    fn time_ms(&self, field: &str) -> Option<i64> {
        match field {
            "modifiedTime" => Some(self.file.modified_ms),
            "createdTime" => Some(self.file.created_ms),
            _ => None,
        }
    }

    fn has(&self, field: &str, key: &str, value: &str) -> bool {
        let properties = if field == "properties" {
            &self.file.properties
        } else {
            &self.file.app_properties
        };
        properties.get(key).is_some_and(|is| is == value)
    }

    fn person(&self, field: &str, email: &str) -> bool {
        let is_owner = self.file.owner.as_deref() == Some(email);
        match field {
            "owners" => is_owner,
            "writers" => is_owner || self.file.shared_with.get(email) == Some(&true),
            _ => is_owner || self.file.shared_with.contains_key(email),
        }
    }
}
