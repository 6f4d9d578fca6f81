//! `Upload-Metadata`: what the client says of a file before its bytes come.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use hub::{FolderRef, Upload, UploadPlace};
use model::{Digest, Guard, NodeName, NodePath, OnConflict};

use crate::api::nodes;
use crate::api::uploads::origin;
use crate::extract::Folder;
use crate::media;
use crate::problem::{self, ApiError, Problem};

/// Longest value of the header.
const METADATA_BYTES: usize = 8 * 1024;

/// What is said of a file.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub digest: Option<Digest>,
    filename: Option<String>,
    filetype: Option<String>,
    folder: Option<FolderRef>,
    path: Option<NodePath>,
    on_conflict: OnConflict,
}

/// Reads pairs of a key and a value in base64. Keys that we do not know are for others.
pub(super) fn read(text: &str) -> Result<Metadata, ApiError> {
    if text.len() > METADATA_BYTES {
        return Err(malformed(format!(
            "Upload-Metadata may hold {METADATA_BYTES} bytes"
        )));
    }
    let mut told = Metadata::default();
    let mut keys: Vec<&str> = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, encoded) = pair.split_once(' ').unwrap_or((pair, ""));
        if keys.contains(&key) {
            return Err(malformed(format!("Upload-Metadata has two values of {key}")));
        }
        keys.push(key);
        let value = STANDARD.decode(encoded.trim()).ok();
        let value =
            value.ok_or_else(|| malformed(format!("the value of {key} in Upload-Metadata is not base64")))?;
        told.take(key, value)?;
    }
    if told.folder.is_some() && told.path.is_some() {
        return Err(malformed("give either folder_id or path in Upload-Metadata"));
    }
    Ok(told)
}

impl Metadata {
    fn take(&mut self, key: &str, value: Vec<u8>) -> Result<(), ApiError> {
        if !matches!(
            key,
            "filename" | "name" | "filetype" | "type" | "folder_id" | "path" | "on_conflict" | "sha256"
        ) {
            return Ok(());
        }
        let text = String::from_utf8(value);
        let text =
            text.map_err(|_| malformed(format!("the value of {key} in Upload-Metadata is not UTF-8")))?;
        match key {
            "filename" => self.filename = Some(text),
            // Some clients say it in these words, or in both.
            "name" => self.filename = self.filename.take().or(Some(text)),
            "filetype" => self.filetype = Some(text),
            "type" => self.filetype = self.filetype.take().or(Some(text)),
            "folder_id" => {
                let folder: Folder = text.parse().map_err(|problem| wrong(key, problem))?;
                self.folder = Some(folder.0);
            }
            "path" => self.path = Some(nodes::path(&text)?),
            "on_conflict" => {
                self.on_conflict = match text.as_str() {
                    "new_version" => OnConflict::NewVersion,
                    "keep_both" => OnConflict::KeepBoth,
                    "fail" => OnConflict::Fail,
                    _ => return Err(wrong(key, "one of new_version, keep_both and fail".to_owned())),
                }
            }
            _ => {
                self.digest = Some(
                    text.parse()
                        .map_err(|error: model::DigestError| wrong(key, error.to_string()))?,
                )
            }
        }
        Ok(())
    }

    /// What is to become of it.
    pub(super) fn upload(&self, guard: Guard, headers: &HeaderMap) -> Result<Upload, ApiError> {
        let name: NodeName = match (&self.path, &self.filename) {
            (Some(path), _) => match path.names().last() {
                Some(name) => name.clone(),
                None => return Err(wrong("path", "a file needs a name".to_owned())),
            },
            (None, Some(filename)) => nodes::name(filename)?,
            (None, None) => {
                return Err(malformed(
                    "say the file's name in Upload-Metadata: filename, or path",
                ));
            }
        };
        let media_type = media::of(self.filetype.as_deref().unwrap_or_default(), &name);
        let place = match &self.path {
            Some(path) => UploadPlace::Path(path.clone()),
            None => UploadPlace::In {
                folder: self.folder.unwrap_or(FolderRef::Root),
                name,
            },
        };
        Ok(Upload {
            place,
            on_conflict: self.on_conflict,
            guard,
            media_type,
            origin: origin(headers),
            is_tracked: false,
        })
    }
}

fn wrong(key: &str, detail: String) -> ApiError {
    Problem::new(problem::MALFORMED, format!("{key} in Upload-Metadata: {detail}"))
        .field(key, detail)
        .into()
}

fn malformed(detail: impl Into<String>) -> ApiError {
    Problem::new(problem::MALFORMED, detail).into()
}
