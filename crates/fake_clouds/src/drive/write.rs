//! Making, changing and deleting files.

use std::collections::BTreeMap;

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::Drive;
use super::answer::{Fail, empty_response, json_response};
use super::call::{Call, Caller};
use super::file::{Doc, FOLDER, File, NATIVE, Revision, SHORTCUT};
use super::world::{Moment, World};
use crate::Blob;
use crate::clock::parse_rfc3339;

/// What an answer about a file holds if nobody asks for more.
pub const USUAL_FIELDS: &str = "kind,id,name,mimeType";
/// The type of bytes that nobody says a type of.
const BYTES: &str = "application/octet-stream";
/// Bytes that a property may have, name and value together.
const MOST_PROPERTY: usize = 124;

/// What a client says about a file in the body of a request.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// The id that was given out before.
    pub id: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The type.
    pub mime: Option<String>,
    /// The folders; more than one is refused.
    pub parents: Option<Vec<String>>,
    /// When it was changed.
    pub modified_ms: Option<i64>,
    /// When it was made.
    pub created_ms: Option<i64>,
    /// Whether it is in the trash.
    pub is_trashed: Option<bool>,
    /// The text about it.
    pub description: Option<String>,
    /// Whether it has a star.
    pub is_starred: Option<bool>,
    /// Where a shortcut leads.
    pub target: Option<String>,
    properties: Vec<(bool, String, Option<String>)>,
}

/// A content that came with a request.
#[derive(Debug, Clone)]
pub struct Media {
    /// The bytes.
    pub blob: Blob,
    /// Their type, if it was said.
    pub mime: Option<String>,
}

impl Metadata {
    /// Reads a File of v3.
    pub fn read(body: &Map<String, Value>, call: &Call) -> Result<Self, Fail> {
        let mut metadata = Self::default();
        for (name, value) in body {
            match name.as_str() {
                "id" => metadata.id = Some(text(name, value)?),
                "name" => metadata.name = Some(text(name, value)?),
                "mimeType" => metadata.mime = Some(text(name, value)?),
                "description" => metadata.description = Some(text(name, value)?),
                "modifiedTime" => metadata.modified_ms = Some(time(name, value)?),
                "createdTime" => metadata.created_ms = Some(time(name, value)?),
                "trashed" => metadata.is_trashed = Some(value.as_bool().ok_or_else(|| Fail::invalid(name))?),
                "starred" => metadata.is_starred = Some(value.as_bool().ok_or_else(|| Fail::invalid(name))?),
                "parents" => metadata.parents = Some(texts(name, value)?),
                "shortcutDetails" => {
                    let target = value.get("targetId").and_then(Value::as_str);
                    metadata.target = Some(target.ok_or_else(|| Fail::invalid("targetId"))?.to_owned());
                }
                "properties" | "appProperties" => metadata.read_properties(name, value)?,
                // Allowed, and of no consequence here.
                "kind"
                | "viewedByMeTime"
                | "originalFilename"
                | "writersCanShare"
                | "folderColorRgb"
                | "copyRequiresWriterPermission"
                | "contentHints"
                | "contentRestrictions" => {}
                other => {
                    let record = &call.record;
                    record.violation(format!(
                        "{} {}: `{other}` cannot be written",
                        call.method, call.path
                    ));
                    return Err(Fail::new(
                        403,
                        "fieldNotWritable",
                        format!("The resource body includes fields which are not directly writable: {other}"),
                    ));
                }
            }
        }
        Ok(metadata)
    }

    fn read_properties(&mut self, name: &str, value: &Value) -> Result<(), Fail> {
        for (key, value) in value.as_object().ok_or_else(|| Fail::invalid(name))? {
            let text = match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                _ => return Err(Fail::invalid(name)),
            };
            if key.len() + text.as_ref().map_or(0, String::len) > MOST_PROPERTY {
                return Err(Fail::bad("A property is longer than 124 bytes."));
            }
            self.properties.push((name == "appProperties", key.clone(), text));
        }
        Ok(())
    }

    /// Writes down what it says of a file that is there, but for its folder and its content.
    fn apply(&self, file: &mut File) {
        let mut set = |is_private: bool, key: &str, value: Option<&String>| {
            let all: &mut BTreeMap<_, _> = if is_private {
                &mut file.app_properties
            } else {
                &mut file.properties
            };
            match value {
                Some(value) => all.insert(key.to_owned(), value.clone()),
                None => all.remove(key),
            };
        };
        for (is_private, key, value) in &self.properties {
            set(*is_private, key, value.as_ref());
        }
        if let Some(name) = &self.name {
            file.name.clone_from(name);
        }
        if let Some(ms) = self.modified_ms {
            file.modified_ms = ms;
        }
        if let Some(ms) = self.created_ms {
            file.created_ms = ms;
        }
        if let Some(text) = &self.description {
            file.description = Some(text.clone());
        }
        file.is_starred = self.is_starred.unwrap_or(file.is_starred);
        file.is_trashed = self.is_trashed.unwrap_or(file.is_trashed);
    }
}

fn text(name: &str, value: &Value) -> Result<String, Fail> {
    Ok(value.as_str().ok_or_else(|| Fail::invalid(name))?.to_owned())
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>, Fail> {
    let all = value.as_array().ok_or_else(|| Fail::invalid(name))?;
    all.iter().map(|value| text(name, value)).collect()
}

fn time(name: &str, value: &Value) -> Result<i64, Fail> {
    value
        .as_str()
        .and_then(parse_rfc3339)
        .ok_or_else(|| Fail::invalid(name))
}

impl Drive {
    /// `POST files` without a content.
    pub(super) async fn create_file(&self, mut call: Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect(CREATE_PARAMETERS);
        let body = call.json().await?;
        let metadata = Metadata::read(&body, &call)?;
        self.check_create(&metadata, &call, caller)?;
        let id = self.make(metadata, None, &call, caller)?;
        self.show(&id, &call, caller)
    }

    /// `PATCH files/{id}` without a content.
    pub(super) async fn update_file(
        &self,
        id: &str,
        mut call: Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        call.expect(UPDATE_PARAMETERS);
        let body = call.json().await?;
        let metadata = Metadata::read(&body, &call)?;
        let id = self.check_update(id, &metadata, &call, caller)?;
        self.rewrite(&id, &metadata, None, &call, caller)?;
        self.show(&id, &call, caller)
    }

    /// `DELETE files/{id}`.
    pub(super) fn delete_file(&self, id: &str, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect("enforceSingleParent");
        let all_drives = call.all_drives()?;
        let moment = self.moment();
        let tell_all = self.switches.get().changes_tell_descendants;
        let mut world = self.world();
        let file = self.find(&world, caller, id, all_drives)?;
        let is_mine = file.owner.as_deref() == Some(&caller.email) || file.drive_id.is_some();
        let is_top = file.parent.is_none() && file.is_folder();
        if !is_mine || is_top || world.right(&caller.email, file) != Some(true) {
            return Err(Fail::no_right(id));
        }
        let id = file.id.clone();
        world.delete(&id, moment, tell_all);
        Ok(empty_response(204))
    }

    /// `DELETE files/trash`.
    pub(super) fn empty_trash(&self, call: &Call, caller: &Caller) -> Response {
        call.expect("driveId enforceSingleParent");
        let moment = self.moment();
        let mut world = self.world();
        let is_doomed = |file: &&File| file.is_trashed && file.owner.as_deref() == Some(&caller.email);
        let doomed: Vec<String> = world
            .files()
            .filter(is_doomed)
            .map(|file| file.id.clone())
            .collect();
        for id in doomed {
            world.delete(&id, moment, true);
        }
        empty_response(204)
    }

    /// `POST files/{id}/copy`.
    pub(super) async fn copy_file(
        &self,
        id: &str,
        mut call: Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        call.expect(
            "copyComments enforceSingleParent ignoreDefaultVisibility includeLabels includePermissionsForView \
             keepRevisionForever ocrLanguage",
        );
        let body = call.json().await?;
        let mut metadata = Metadata::read(&body, &call)?;
        let all_drives = call.all_drives()?;
        let (media, doc) = {
            let world = self.world();
            let file = self.find(&world, caller, id, all_drives)?;
            if file.is_folder() {
                return Err(Fail::new(
                    403,
                    "cannotCopyFile",
                    "This file cannot be copied by the user.",
                ));
            }
            metadata
                .name
                .get_or_insert_with(|| format!("Copy of {}", file.name));
            metadata.mime.get_or_insert_with(|| file.mime.clone());
            if metadata.parents.is_none() {
                metadata.parents = file.parent.clone().map(|parent| vec![parent]);
            }
            let media = file.head().map(|head| Media {
                blob: head.blob.clone(),
                mime: Some(head.mime.clone()),
            });
            (media, file.doc.clone())
        };
        self.check_create(&metadata, &call, caller)?;
        let id = self.make(metadata, media, &call, caller)?;
        if doc.is_some() {
            self.world().change(&id, self.moment(), |file| file.doc = doc);
        }
        self.show(&id, &call, caller)
    }

    /// `GET files/generateIds`.
    pub(super) fn generate_ids(&self, call: &Call) -> Result<Response, Fail> {
        call.expect("count space type");
        let mask = call.mask("GeneratedIds", "kind,space,ids")?;
        let count: usize = call
            .parameter("count")
            .unwrap_or("10")
            .parse()
            .map_err(|_| Fail::invalid("count"))?;
        if !(1..=1000).contains(&count) {
            return Err(Fail::invalid("count"));
        }
        let mut world = self.world();
        let ids: Vec<String> = (0..count).map(|_| world.new_id()).collect();
        world.spare_ids.extend(ids.iter().cloned());
        drop(world);
        let body = json!({"kind": "drive#generatedIds", "space": "drive", "ids": ids});
        Ok(json_response(200, &mask.prune(body)))
    }

    /// An answer that shows a file.
    pub(super) fn show(&self, id: &str, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        let mask = call.mask("File", USUAL_FIELDS)?;
        let world = self.world();
        let file = world.file(id).ok_or_else(|| Fail::not_found(id))?;
        let switches = self.switches.get();
        let shown = self
            .view(&world, &switches, caller, &call.origin)
            .file(file, &mask);
        Ok(json_response(200, &shown))
    }

    /// Whether a file can be made like this, before its content is taken.
    pub(super) fn check_create(&self, metadata: &Metadata, call: &Call, caller: &Caller) -> Result<(), Fail> {
        self.check_writing(caller)?;
        let all_drives = call.all_drives()?;
        call.mask("File", USUAL_FIELDS).or_else(|fail| {
            if call.path.contains("/v2/") {
                Ok(super::fields::Mask::All)
            } else {
                Err(fail)
            }
        })?;
        let world = self.world();
        if let Some(id) = &metadata.id {
            if world.file(id).is_some() {
                let message = "A file already exists with the provided ID.";
                return Err(Fail::new(409, "fileIdInUse", message));
            }
            if !world.spare_ids.contains(id) {
                self.core
                    .record
                    .violation("a file was made with an id that was not given out");
                return Err(Fail::invalid("id"));
            }
            let mime = metadata.mime.as_deref().unwrap_or_default();
            if mime.starts_with(NATIVE) && mime != FOLDER && mime != SHORTCUT {
                let message = "Generated IDs are not supported for Google Docs formats.";
                return Err(Fail::new(400, "invalid", message).at("id"));
            }
        }
        match metadata.parents.as_deref() {
            None | Some([]) => Ok(()),
            Some([id]) => self.check_folder(&world, caller, id, all_drives),
            Some(_) => {
                let message = "Increasing the number of parents is not allowed";
                Err(Fail::new(403, "cannotAddParent", message))
            }
        }
    }

    fn check_folder(&self, world: &World, caller: &Caller, id: &str, all_drives: bool) -> Result<(), Fail> {
        let folder = self.find(world, caller, id, all_drives)?;
        if !folder.is_folder() {
            return Err(Fail::new(
                403,
                "parentNotAFolder",
                "The specified parent is not a folder.",
            ));
        }
        match world.right(&caller.email, folder) {
            Some(true) => Ok(()),
            Some(false) | None => Err(Fail::no_right(id)),
        }
    }

    /// Whether a file can be changed like this; returns its real id.
    pub(super) fn check_update(
        &self,
        id: &str,
        metadata: &Metadata,
        call: &Call,
        caller: &Caller,
    ) -> Result<String, Fail> {
        self.check_writing(caller)?;
        let all_drives = call.all_drives()?;
        if metadata.parents.is_some() {
            self.core.record.violation("`parents` in the body of an update");
            let message = "The parents field is not directly writable in update requests. Use the addParents and \
                           removeParents parameters instead.";
            return Err(Fail::new(403, "fieldNotWritable", message));
        }
        let world = self.world();
        let is_hidden = |file: &File| !file.is_of_app && world.right(&caller.email, file).is_some();
        if caller.is_narrow && world.file(id).is_some_and(is_hidden) {
            let message = "The user has not granted the app write access to the file.";
            return Err(Fail::new(403, "appNotAuthorizedToFile", message));
        }
        let file = self.find(&world, caller, id, all_drives)?;
        let is_top = file.parent.is_none()
            && file.is_folder()
            && (metadata.name.is_some() || metadata.is_trashed.is_some());
        if world.right(&caller.email, file) != Some(true) || is_top {
            return Err(Fail::no_right(id));
        }
        if metadata.is_trashed.is_some()
            && file.drive_id.is_none()
            && file.owner.as_deref() != Some(&caller.email)
        {
            return Err(Fail::no_right(id));
        }
        if let Some(target) = call.parameter("addParents") {
            self.check_folder(&world, caller, target, all_drives)?;
            let target = self.find(&world, caller, target, all_drives)?;
            let is_own = target.id == file.id || world.above(target).any(|folder| folder.id == file.id);
            if is_own {
                return Err(Fail::bad(
                    "A folder cannot be moved into itself or into a folder in it.",
                ));
            }
            let leaves = call
                .parameter("removeParents")
                .map(|id| self.real_id(&world, caller, id));
            if file.parent.is_some() && file.parent != leaves && file.parent.as_ref() != Some(&target.id) {
                let message = "Increasing the number of parents is not allowed";
                return Err(Fail::new(403, "cannotAddParent", message));
            }
        } else if call.parameter("removeParents").is_some() {
            return Err(Fail::new(
                403,
                "cannotRemoveParent",
                "A file must be in a folder.",
            ));
        }
        Ok(file.id.clone())
    }

    fn check_writing(&self, caller: &Caller) -> Result<(), Fail> {
        let refused = self.switches.get().refuse_writes;
        if !refused.is_empty() {
            let fail = Fail::new(403, &refused, "The request was refused on purpose.");
            return Err(if refused.ends_with("LimitExceeded") {
                fail.of_limits()
            } else {
                fail
            });
        }
        if caller.may_write {
            return Ok(());
        }
        let message = "Request had insufficient authentication scopes.";
        Err(Fail::new(403, "insufficientPermissions", message))
    }

    /// Whether there is room for so many bytes more.
    pub(super) fn check_room(&self, caller: &Caller, bytes: u64) -> Result<(), Fail> {
        let world = self.world();
        let full = world.known(&caller.email).is_some_and(|me| {
            me.limit_bytes
                .is_some_and(|limit| me.used_bytes.saturating_add(bytes) > limit)
        });
        if full {
            let message = "The user's Drive storage quota has been exceeded.";
            return Err(Fail::new(403, "storageQuotaExceeded", message));
        }
        Ok(())
    }

    /// Makes a file that was checked, and returns its id.
    pub(super) fn make(
        &self,
        metadata: Metadata,
        media: Option<Media>,
        call: &Call,
        caller: &Caller,
    ) -> Result<String, Fail> {
        // Between the check and now another request may have made it.
        self.check_create(&metadata, call, caller)?;
        if let Some(media) = &media {
            self.check_room(caller, media.blob.size_bytes)?;
        }
        let moment = self.moment();
        let mut world = self.world();
        let id = metadata.id.clone().unwrap_or_else(|| world.new_id());
        let parent = metadata.parents.as_ref().and_then(|parents| parents.first());
        let parent = self.real_id(&world, caller, parent.map_or("root", String::as_str));
        let mime = metadata.mime.clone().or_else(|| media.as_ref()?.mime.clone());
        let mime = mime.unwrap_or_else(|| BYTES.to_owned());
        let mut file = File::new(id.clone(), "Untitled", &mime, moment.now_ms);
        file.drive_id = world.file(&parent).and_then(|parent| parent.drive_id.clone());
        file.owner = file.drive_id.is_none().then(|| caller.email.clone());
        file.parent = Some(parent);
        file.modified_by.clone_from(&caller.email);
        file.is_of_app = true;
        metadata.apply(&mut file);
        if mime == SHORTCUT {
            let target = metadata
                .target
                .clone()
                .ok_or_else(|| Fail::invalid("shortcutDetails.targetId"))?;
            let kind = world
                .file(&target)
                .map_or_else(String::new, |target| target.mime.clone());
            file.target = Some((target, kind));
        } else if mime.starts_with(NATIVE) && mime != FOLDER {
            let text = media.and_then(|media| media.blob.bytes).unwrap_or_default();
            file.doc = Some(Doc {
                text,
                export_bytes: 0,
            });
        } else if mime != FOLDER {
            let blob = media.map_or_else(|| Blob::new(""), |media| media.blob);
            file.revisions.push(Revision {
                id: world.new_revision_id(),
                blob,
                mime,
                modified_ms: moment.now_ms,
                by: caller.email.clone(),
                is_pinned: false,
                name: file.name.clone(),
            });
        }
        world.add(file, moment);
        Ok(id)
    }

    /// Changes a file that was checked.
    pub(super) fn rewrite(
        &self,
        id: &str,
        metadata: &Metadata,
        media: Option<Media>,
        call: &Call,
        caller: &Caller,
    ) -> Result<(), Fail> {
        let moment = self.moment();
        if let Some(media) = &media {
            self.check_room(caller, media.blob.size_bytes)?;
        }
        let mut world = self.world();
        let file = world.file(id).ok_or_else(|| Fail::not_found(id))?;
        if let Some(media) = media {
            if file.mime.starts_with(NATIVE) {
                let message = "The file cannot be replaced with other content.";
                return Err(Fail::new(403, "fileNotReplaceable", message));
            }
            let mime = metadata
                .mime
                .clone()
                .or(media.mime)
                .unwrap_or_else(|| file.mime.clone());
            world.set_content(id, media.blob, &mime, &caller.email, moment);
        }
        let target = call
            .parameter("addParents")
            .map(|id| self.real_id(&world, caller, id));
        let drive_id = target
            .as_ref()
            .map(|id| world.file(id).and_then(|folder| folder.drive_id.clone()));
        world.change(id, moment, |file| {
            metadata.apply(file);
            file.modified_by.clone_from(&caller.email);
            if let Some(target) = target {
                file.parent = Some(target);
            }
            if let Some(drive_id) = drive_id {
                file.owner = drive_id
                    .is_none()
                    .then(|| file.owner.clone().unwrap_or_else(|| caller.email.clone()));
                file.drive_id = drive_id;
            }
        });
        Ok(())
    }

    /// When things happen that happen now.
    pub(super) fn moment(&self) -> Moment {
        Moment {
            now_ms: self.core.clock.now(),
            list_lag_ms: self.switches.get().list_lag_ms,
        }
    }
}

/// What the making of a file takes.
pub const CREATE_PARAMETERS: &str = "enforceSingleParent ignoreDefaultVisibility includeLabels \
     includePermissionsForView keepRevisionForever ocrLanguage useContentAsIndexableText";
/// What the changing of a file takes.
pub const UPDATE_PARAMETERS: &str = "addParents enforceSingleParent includeLabels includePermissionsForView \
     keepRevisionForever ocrLanguage removeParents useContentAsIndexableText";
