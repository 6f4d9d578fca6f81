//! What is to become of a transfer, as its row keeps it.

use model::{Guard, NodeId, NodeName, OnConflict, Origin};
use serde::{Deserialize, Serialize};

use crate::{FolderRef, HubError, Upload, UploadPlace};

#[derive(Serialize, Deserialize)]
struct Target {
    place: Place,
    on_conflict: Conflict,
    guard: Must,
    media_type: String,
    origin: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    /// A folder, the root of the actor's space when there is none, and a name.
    In(Option<NodeId>, String),
    Path(Vec<String>),
    Over(NodeId),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Conflict {
    NewVersion,
    KeepBoth,
    Fail,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Must {
    None,
    Exists,
    Matches(Vec<String>),
    Absent,
}

/// Puts it down.
pub(super) fn write(upload: &Upload) -> Result<String, HubError> {
    let place = match &upload.place {
        UploadPlace::In { folder, name } => {
            let folder = match folder {
                FolderRef::Root => None,
                FolderRef::Id(id) => Some(*id),
            };
            Place::In(folder, name.to_string())
        }
        UploadPlace::Path(path) => Place::Path(path.names().iter().map(ToString::to_string).collect()),
        UploadPlace::Over(file) => Place::Over(*file),
        UploadPlace::Inbox { .. } => {
            return Err(HubError::Forbidden("this can only be filled by whole uploads"));
        }
    };
    let target = Target {
        place,
        on_conflict: match upload.on_conflict {
            OnConflict::NewVersion => Conflict::NewVersion,
            OnConflict::KeepBoth => Conflict::KeepBoth,
            OnConflict::Fail => Conflict::Fail,
        },
        guard: match &upload.guard {
            Guard::None => Must::None,
            Guard::Exists => Must::Exists,
            Guard::Matches(tags) => Must::Matches(tags.clone()),
            Guard::Absent => Must::Absent,
        },
        media_type: upload.media_type.clone(),
        origin: upload.origin.word().into_owned(),
    };
    serde_json::to_string(&target).map_err(|error| HubError::Internal(error.into()))
}

/// Reads it back.
pub(super) fn read(text: &str) -> Result<Upload, HubError> {
    let damaged = |error: Box<dyn std::error::Error + Send + Sync>| HubError::Internal(error);
    let target: Target = serde_json::from_str(text).map_err(|error| damaged(error.into()))?;
    let name = |text: String| NodeName::new(&text).map_err(|error| damaged(error.into()));
    let place = match target.place {
        Place::In(folder, text) => UploadPlace::In {
            folder: folder.map_or(FolderRef::Root, FolderRef::Id),
            name: name(text)?,
        },
        Place::Path(names) => {
            let names: Result<Vec<NodeName>, HubError> = names.into_iter().map(name).collect();
            UploadPlace::Path(names?.into_iter().collect())
        }
        Place::Over(file) => UploadPlace::Over(file),
    };
    Ok(Upload {
        place,
        on_conflict: match target.on_conflict {
            Conflict::NewVersion => OnConflict::NewVersion,
            Conflict::KeepBoth => OnConflict::KeepBoth,
            Conflict::Fail => OnConflict::Fail,
        },
        guard: match target.guard {
            Must::None => Guard::None,
            Must::Exists => Guard::Exists,
            Must::Matches(tags) => Guard::Matches(tags),
            Must::Absent => Guard::Absent,
        },
        media_type: target.media_type,
        origin: Origin::from_word(&target.origin).unwrap_or(Origin::Api),
        is_tracked: false,
    })
}
