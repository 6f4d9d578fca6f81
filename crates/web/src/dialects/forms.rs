//! Uploads as these systems take them: one part is the file, the others are fields.

use axum::extract::Request;
use hub::{Expected, FolderRef, Hub, Staged, Stored, Upload, UploadPlace};
use model::{Actor, Guard, NodeName, OnConflict, Origin};

use super::Refusal;
use super::fields::Fields;
use crate::problem::{self, Problem};
use crate::{media, multipart};

/// What the part with the file is called.
const FILE: &str = "file";
/// What the part with a picture is called.
const PICTURE: [&str; 5] = [FILE, "photo", "image", "profile_photo", "picture"];
/// Names of a folder to upload into.
pub(crate) const FOLDER: [&str; 7] = [
    "folder_id",
    "parent_id",
    "drive_id",
    "parent_folder_id",
    "folder",
    "folder_path",
    "path",
];

/// A form that has come in whole; its file is durable and not in its place yet.
pub(crate) struct Form {
    /// What its other parts say.
    pub fields: Fields,
    /// The file, if one came.
    pub file: Option<FilePart>,
}

/// A part that is a file.
pub(crate) struct FilePart {
    /// Its name as it came, perhaps empty.
    pub name: String,
    staged: Staged,
    media_type: String,
}

/// Where a file goes and what happens if its name is taken.
pub(crate) struct Goal {
    /// The folder.
    pub folder: FolderRef,
    /// The name.
    pub name: NodeName,
    /// When it is taken.
    pub on_conflict: OnConflict,
}

/// Reads a form with a file. `fields` are those that came elsewhere, in the query.
///
/// # Errors
/// 400 for a broken form, 413, 422 for what is no form or holds two files; and those of an upload
/// that can be told before its name is known.
pub(crate) async fn receive(
    (hub, actor): (&Hub, &Actor),
    fields: Fields,
    request: Request,
) -> Result<Form, Refusal> {
    let mut form = Form {
        fields: fields.into_body(),
        file: None,
    };
    match form.read(hub, actor, request).await {
        Ok(()) => Ok(form),
        Err(refusal) => {
            form.discard(hub).await;
            Err(refusal)
        }
    }
}

impl Form {
    async fn read(&mut self, hub: &Hub, actor: &Actor, request: Request) -> Result<(), Refusal> {
        let mut parts = multipart::open(request)?;
        while let Some((name, field)) = parts.next().await? {
            // A part is a file when it names one, if only by an empty name.
            let Some(filename) = field.file_name().map(str::to_owned) else {
                self.fields.insert(name, multipart::text(field).await?);
                continue;
            };
            if name != FILE {
                continue;
            }
            if self.file.is_some() {
                return Err(two_files());
            }
            let media_type = field.content_type().map(ToString::to_string).unwrap_or_default();
            // What is known by now is checked before the bytes come in; all of it once they are there.
            let probe = Upload {
                place: UploadPlace::In {
                    folder: self.fields.folder_so_far(&FOLDER).unwrap_or(FolderRef::Root),
                    name: NodeName::from_stored(FILE.to_owned()),
                },
                on_conflict: OnConflict::KeepBoth,
                guard: Guard::None,
                media_type: String::new(),
                origin: Origin::Api,
                is_tracked: false,
            };
            let limit_bytes = hub.admit(actor, &probe, Expected::default()).await?;
            let body = multipart::body(field);
            let staged = hub.stage(limit_bytes, Expected::default(), body).await?;
            self.file = Some(FilePart {
                name: filename,
                staged,
                media_type,
            });
        }
        Ok(())
    }

    /// Gives up what came.
    pub async fn discard(&mut self, hub: &Hub) {
        if let Some(file) = self.file.take() {
            hub.discard_staged(file.staged).await;
        }
    }
}

impl FilePart {
    /// Makes it a file, unless there is something wrong with its goal.
    ///
    /// # Errors
    /// Those of the goal and of an upload. Nothing is left of the bytes then.
    pub async fn store<E: From<hub::HubError>>(
        self,
        (hub, actor): (&Hub, &Actor),
        goal: Result<Goal, E>,
    ) -> Result<Stored, E> {
        let goal = match goal {
            Ok(goal) => goal,
            Err(error) => {
                hub.discard_staged(self.staged).await;
                return Err(error);
            }
        };
        let upload = Upload {
            media_type: media::of(&self.media_type, &goal.name),
            place: UploadPlace::In {
                folder: goal.folder,
                name: goal.name,
            },
            on_conflict: goal.on_conflict,
            guard: Guard::None,
            origin: Origin::Api,
            is_tracked: false,
        };
        Ok(hub.finish_upload(actor, upload, self.staged).await?)
    }
}

/// Reads a form with a picture.
///
/// # Errors
/// As [`receive`]; 422 when there is no picture.
pub(crate) async fn receive_picture(hub: &Hub, actor: &Actor, request: Request) -> Result<Staged, Refusal> {
    let mut photo: Option<Staged> = None;
    let mut parts = multipart::open(request)?;
    let outcome = loop {
        let (name, field) = match parts.next().await {
            Ok(Some(part)) => part,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        };
        if !PICTURE.contains(&name.as_str()) || field.file_name().is_none() {
            continue;
        }
        if photo.is_some() {
            break Err(two_files());
        }
        let body = multipart::body(field);
        match hub.stage_photo(actor, Expected::default(), body).await {
            Ok(staged) => photo = Some(staged),
            Err(error) => break Err(error.into()),
        }
    };
    match (outcome, photo) {
        (Ok(()), Some(photo)) => Ok(photo),
        (Ok(()), None) => Err(missing()),
        (Err(refusal), photo) => {
            if let Some(photo) = photo {
                hub.discard_staged(photo).await;
            }
            Err(refusal)
        }
    }
}

/// What a form without its file is told.
pub(crate) fn missing() -> Refusal {
    Refusal::flaw("missing", ("body", FILE), "Field required")
}

fn two_files() -> Refusal {
    let text = "there are two files in the form; send one";
    let problem = Problem::new(problem::INVALID, text).field(FILE, text);
    Refusal::Problem(problem.into())
}

/// The name that a file came with, checked.
pub(crate) fn name(fields: &mut Fields, text: &str) -> NodeName {
    NodeName::new(text).unwrap_or_else(|error| {
        fields.flaw(FILE, "value_error", error.to_string());
        NodeName::from_stored(String::new())
    })
}

/// What a request says of a name that is taken, in any of the ways that such clients say it.
pub(crate) fn on_conflict(fields: &mut Fields) -> Option<OnConflict> {
    use OnConflict::{Fail, KeepBoth, NewVersion};
    let words = [
        ("replace", NewVersion),
        ("keep_both", KeepBoth),
        ("fail", Fail),
        ("overwrite", NewVersion),
        ("new_version", NewVersion),
        ("keep", KeepBoth),
        ("keepboth", KeepBoth),
        ("rename", KeepBoth),
        ("error", Fail),
        ("ask", Fail),
    ];
    let names = [
        "conflict",
        "on_conflict",
        "conflict_action",
        "conflict_resolution",
        "conflict_strategy",
        "action",
    ];
    let word = fields.word(&names, &words);
    let is_replaced = fields.flag(&["replace", "overwrite"]) == Some(true);
    let is_kept = fields.flag(&["keep_both"]) == Some(true);
    word.or(is_replaced.then_some(NewVersion))
        .or(is_kept.then_some(KeepBoth))
}
