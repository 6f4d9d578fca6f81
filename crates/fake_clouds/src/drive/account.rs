//! Somebody's drive as other programs and people use it, past the API.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Drive;
use super::file::{Doc, FOLDER, File, Revision, SHORTCUT};
use super::sign_in::FULL;
use super::world::World;
use crate::Blob;
use crate::oauth::Grant;

/// Somebody's drive. Everything that is done with it shows up in lists and in the feed of changes, as if done
/// on another machine. Cheap to clone.
#[derive(Clone)]
pub struct DriveAccount {
    drive: Drive,
    email: String,
}

/// A file as it is now, as nothing but a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriveEntry {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its type.
    pub mime: String,
    /// The folder that it is in.
    pub parent: Option<String>,
    /// Whether it or a folder above it is in the trash.
    pub is_trashed: bool,
    /// When it was changed.
    pub modified_ms: i64,
    /// The id of its content.
    pub head_revision_id: Option<String>,
    /// Its content, if that was kept; `None` for folders and documents.
    pub bytes: Option<Bytes>,
    /// The MD5 of its content.
    pub md5: Option<String>,
    /// What apps wrote about it for themselves.
    pub app_properties: BTreeMap<String, String>,
}

impl DriveAccount {
    pub(super) fn new(drive: Drive, email: &str) -> Self {
        let now_ms = drive.core.clock.now();
        drive.world().account(email, now_ms);
        Self {
            drive,
            email: email.to_owned(),
        }
    }

    /// Their address.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// The id of the folder at the top.
    #[must_use]
    pub fn root(&self) -> String {
        let world = self.drive.world();
        world
            .known(&self.email)
            .map(|me| me.root.clone())
            .unwrap_or_default()
    }

    /// Makes a folder in a folder and returns its id.
    #[must_use]
    pub fn create_folder(&self, parent: &str, name: &str) -> String {
        self.add(parent, name, FOLDER, |_, _| {})
    }

    /// Makes a file in a folder and returns its id.
    #[must_use]
    pub fn create_file(&self, parent: &str, name: &str, bytes: impl Into<Bytes>) -> String {
        self.create_typed(parent, name, "application/octet-stream", bytes)
    }

    /// Makes a file of a type.
    #[must_use]
    pub fn create_typed(&self, parent: &str, name: &str, mime: &str, bytes: impl Into<Bytes>) -> String {
        let blob = Blob::new(bytes);
        self.add(parent, name, mime, |world, file| {
            file.revisions.push(Revision {
                id: world.new_revision_id(),
                blob,
                mime: file.mime.clone(),
                modified_ms: file.modified_ms,
                by: file.modified_by.clone(),
                is_pinned: false,
                name: file.name.clone(),
            });
        })
    }

    /// Makes a document of Google's own: `kind` is `document`, `spreadsheet` and so on.
    #[must_use]
    pub fn make_doc(&self, parent: &str, name: &str, kind: &str, text: &str) -> String {
        let mime = format!("application/vnd.google-apps.{kind}");
        let text = Bytes::copy_from_slice(text.as_bytes());
        self.add(parent, name, &mime, |_, file| {
            file.doc = Some(Doc {
                text,
                export_bytes: 0,
            });
        })
    }

    /// Writes a document anew.
    pub fn write_doc(&self, id: &str, text: &str) {
        let now_ms = self.drive.core.clock.now();
        let text = Bytes::copy_from_slice(text.as_bytes());
        self.change(id, |file| {
            file.modified_ms = now_ms;
            file.doc = Some(Doc {
                text,
                export_bytes: 0,
            });
        });
    }

    /// How large a document is once exported.
    pub fn set_export_bytes(&self, id: &str, bytes: usize) {
        self.change(id, |file| {
            if let Some(doc) = &mut file.doc {
                doc.export_bytes = bytes;
            }
        });
    }

    /// Makes a shortcut, to whatever: also to what is not there.
    #[must_use]
    pub fn make_shortcut(&self, parent: &str, name: &str, target: &str) -> String {
        self.add(parent, name, SHORTCUT, |world, file| {
            let mime = world
                .file(target)
                .map_or_else(String::new, |target| target.mime.clone());
            file.target = Some((target.to_owned(), mime));
        })
    }

    /// Gives a file a new content.
    pub fn write(&self, id: &str, bytes: impl Into<Bytes>) {
        let moment = self.drive.moment();
        let mut world = self.drive.world();
        let Some(mime) = world.file(id).map(|file| file.mime.clone()) else {
            return;
        };
        world.set_content(id, Blob::new(bytes), &mime, &self.email, moment);
    }

    /// Gives it another name.
    pub fn rename(&self, id: &str, name: &str) {
        self.change(id, |file| name.clone_into(&mut file.name));
    }

    /// Puts it into another folder.
    pub fn move_to(&self, id: &str, parent: &str) {
        self.change(id, |file| file.parent = Some(parent.to_owned()));
    }

    /// Takes it out of every folder; it is there still.
    pub fn orphan(&self, id: &str) {
        self.change(id, |file| file.parent = None);
    }

    /// Puts it into the trash.
    pub fn trash(&self, id: &str) {
        self.change(id, |file| file.is_trashed = true);
    }

    /// Takes it out of the trash.
    pub fn restore(&self, id: &str) {
        self.change(id, |file| file.is_trashed = false);
    }

    /// Deletes it for good, with all that is in it.
    pub fn delete(&self, id: &str) {
        let tell_all = self.drive.switches.get().changes_tell_descendants;
        let moment = self.drive.moment();
        self.drive.world().delete(id, moment, tell_all);
    }

    /// Says when it was changed.
    pub fn set_modified(&self, id: &str, modified_ms: i64) {
        self.change(id, |file| file.modified_ms = modified_ms);
    }

    /// Changes its version and nothing that anybody sees.
    pub fn touch(&self, id: &str) {
        self.change(id, |_| {});
    }

    /// Lets somebody else read it, or write it.
    pub fn share(&self, id: &str, email: &str, may_write: bool) {
        self.change(id, |file| {
            file.shared_with.insert(email.to_owned(), may_write);
        });
    }

    /// Takes it away from somebody again.
    pub fn unshare(&self, id: &str, email: &str) {
        self.change(id, |file| {
            file.shared_with.remove(email);
        });
    }

    /// Forbids changing it.
    pub fn set_read_only(&self, id: &str, is_read_only: bool) {
        self.change(id, |file| file.is_read_only = is_read_only);
    }

    /// Makes Google believe that it does harm.
    pub fn set_abusive(&self, id: &str, is_abusive: bool) {
        self.change(id, |file| file.is_abusive = is_abusive);
    }

    /// Forbids downloading it.
    pub fn set_kept_in(&self, id: &str, is_kept_in: bool) {
        self.change(id, |file| file.is_kept_in = is_kept_in);
    }

    /// How much room there is; `None` is without limit.
    pub fn set_limit(&self, limit_bytes: Option<u64>) {
        let now_ms = self.drive.core.clock.now();
        self.drive.world().account(&self.email, now_ms).limit_bytes = limit_bytes;
    }

    /// A file as it is now.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<DriveEntry> {
        let world = self.drive.world();
        world.file(id).map(|file| entry(&world, file))
    }

    /// The contents that a file had, the newest last.
    #[must_use]
    pub fn revisions(&self, id: &str) -> Vec<(String, Option<Bytes>)> {
        let world = self.drive.world();
        let revisions = world.file(id).into_iter().flat_map(|file| &file.revisions);
        revisions
            .map(|revision| (revision.id.clone(), revision.blob.bytes.clone()))
            .collect()
    }

    /// What is in a folder and not in the trash, the oldest first.
    #[must_use]
    pub fn children(&self, id: &str) -> Vec<DriveEntry> {
        let world = self.drive.world();
        let children = world.children(id).filter(|file| !world.is_trashed(file));
        children.map(|file| entry(&world, file)).collect()
    }

    /// Everything below the top that is not in the trash, by its path: names joined by `/`. Of several with one
    /// path each but the oldest has its id behind a `#`.
    #[must_use]
    pub fn tree(&self) -> BTreeMap<String, DriveEntry> {
        let world = self.drive.world();
        let mut tree = BTreeMap::new();
        let root = world
            .known(&self.email)
            .map(|me| me.root.clone())
            .unwrap_or_default();
        let mut waiting = vec![(String::new(), root)];
        while let Some((path, id)) = waiting.pop() {
            for file in world.children(&id).filter(|file| !world.is_trashed(file)) {
                let mut path = format!("{path}{}", file.name);
                if tree.contains_key(&path) {
                    path = format!("{path}#{}", file.id);
                }
                waiting.push((format!("{path}/"), file.id.clone()));
                tree.insert(path, entry(&world, file));
            }
        }
        tree
    }

    /// The id of what is at a path of [`DriveAccount::tree`].
    #[must_use]
    pub fn id(&self, path: &str) -> Option<String> {
        self.tree().get(path).map(|entry| entry.id.clone())
    }

    /// An access token that may do everything, for an hour.
    #[must_use]
    pub fn issue_token(&self) -> String {
        self.issue_token_for(&[FULL])
    }

    /// An access token for these scopes, for an hour.
    #[must_use]
    pub fn issue_token_for(&self, scopes: &[&str]) -> String {
        let grant = self.grant(scopes);
        self.drive
            .tokens
            .issue_access("ya29.a0", &grant, &self.drive.lives(&grant))
    }

    /// A refresh token that may do everything.
    #[must_use]
    pub fn issue_refresh_token(&self) -> String {
        let grant = self.grant(&[FULL]);
        self.drive
            .tokens
            .issue_refresh("1//0", &grant, &self.drive.lives(&grant))
    }

    /// Ends all access tokens now; refresh tokens live on.
    pub fn expire_tokens(&self) {
        self.drive.tokens.expire_access(&self.email);
    }

    /// Ends everything that was allowed, as a person does in their settings.
    pub fn revoke_tokens(&self) {
        self.drive.tokens.revoke_account(&self.email);
        self.drive.consented().remove(&self.email);
    }

    fn grant(&self, scopes: &[&str]) -> Grant {
        Grant {
            client_id: self.drive.client.id.clone(),
            account: self.email.clone(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            nonce: None,
            is_offline: true,
        }
    }

    fn add(&self, parent: &str, name: &str, mime: &str, fill: impl FnOnce(&World, &mut File)) -> String {
        let moment = self.drive.moment();
        let mut world = self.drive.world();
        let mut file = File::new(world.new_id(), name, mime, moment.now_ms);
        let root = world.known(&self.email).map(|me| me.root.clone());
        let parent = root
            .filter(|_| parent == "root")
            .unwrap_or_else(|| parent.to_owned());
        file.drive_id = world.file(&parent).and_then(|parent| parent.drive_id.clone());
        file.owner = file.drive_id.is_none().then(|| self.email.clone());
        file.parent = Some(parent);
        file.modified_by.clone_from(&self.email);
        fill(&world, &mut file);
        let id = file.id.clone();
        world.add(file, moment);
        id
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut File)) {
        let moment = self.drive.moment();
        let email = self.email.clone();
        self.drive.world().change(id, moment, |file| {
            change(file);
            file.modified_by = email;
        });
    }
}

fn entry(world: &World, file: &File) -> DriveEntry {
    let head = file.head();
    DriveEntry {
        id: file.id.clone(),
        name: file.name.clone(),
        mime: file.mime.clone(),
        parent: file.parent.clone(),
        is_trashed: world.is_trashed(file),
        modified_ms: file.modified_ms,
        head_revision_id: head.map(|head| head.id.clone()),
        bytes: head.and_then(|head| head.blob.bytes.clone()),
        md5: head.map(|head| head.blob.md5.clone()),
        app_properties: file.app_properties.clone(),
    }
}
