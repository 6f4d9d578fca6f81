//! An account, edited directly as somebody else edits it: in the browser, or on another machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::answer::Trouble;
use super::delta::Link;
use super::item::{Conflict, Item, Kind, New, Patch, Times};
use super::items::spot;
use super::notices::Notice;
use super::oauth::LIVES;
use super::render::{ctag, etag};
use super::sessions::Spot;
use super::tree::Drive;
use super::world::Shared;
use crate::oauth::Grant;

/// An account. Cheap to clone. Paths are relative to the root of its drive, without a slash in front.
///
/// Its methods panic where the service would refuse: a test that asks for the impossible is wrong.
#[derive(Clone)]
pub struct GraphAccount {
    pub(crate) shared: Arc<Shared>,
    pub(crate) email: String,
}

/// An item as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphEntry {
    /// Its id.
    pub id: String,
    /// Whether it holds others.
    pub is_folder: bool,
    /// Its length.
    pub size_bytes: u64,
    /// Its quickXorHash in Base64; empty for what holds no content.
    pub hash: String,
    /// When the client says that it was changed, or when it was.
    pub modified_ms: i64,
    /// The tag of the whole.
    pub etag: String,
    /// The tag of the content, if it has one.
    pub ctag: Option<String>,
    /// The content; nothing for what holds none or where it was not kept.
    pub bytes: Option<Bytes>,
}

impl GraphAccount {
    /// Its address of electronic mail.
    #[must_use]
    pub fn email(&self) -> &str {
        &self.email
    }

    /// The id of its drive, written the one right way.
    #[must_use]
    pub fn drive_id(&self) -> String {
        self.look(|drive| drive.id.clone())
    }

    /// The id of the root.
    #[must_use]
    pub fn root_id(&self) -> String {
        self.look(|drive| drive.root.clone())
    }

    /// Makes a folder, and those above it. Returns its id, also if it was there.
    #[track_caller]
    pub fn create_folder(&self, path: &str) -> String {
        self.create(path, |_, _| Kind::Folder)
    }

    /// Makes a file, and the folders above it. Returns its id.
    #[track_caller]
    pub fn create_file(&self, path: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        self.create(path, |drive, now_ms| Kind::File(drive.content(bytes, now_ms)))
    }

    /// Makes a notebook, which is neither a file nor a folder. Returns its id.
    #[track_caller]
    pub fn create_notebook(&self, path: &str) -> String {
        self.create(path, |_, _| Kind::Package)
    }

    /// Mounts a folder of another account's drive. Returns the mount's id.
    #[track_caller]
    pub fn create_shortcut(&self, path: &str, other: &Self, folder: &str) -> String {
        let (drive, item) = (other.drive_id(), other.id(folder));
        self.shared.with(|world| {
            if let Some(account) = world.accounts.get_mut(&self.email) {
                account.shared.insert(drive.clone());
            }
        });
        self.create(path, |_, _| Kind::Shortcut { drive, item })
    }

    /// Gives a file other content.
    #[track_caller]
    pub fn write(&self, path: &str, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        self.edit(path, |drive, id, now_ms| {
            let content = drive.content(bytes, now_ms);
            drive.replace(id, content, Times::default(), now_ms)
        });
    }

    /// Gives an item another name.
    #[track_caller]
    pub fn rename(&self, path: &str, name: &str) {
        self.patch(path, Some(name), None, None);
    }

    /// Puts an item into another folder, which is there; the empty path is the root.
    #[track_caller]
    pub fn move_to(&self, path: &str, folder: &str) {
        let folder = self.id(folder);
        self.patch(path, None, Some(&folder), None);
    }

    /// Sets the time that a client gives.
    #[track_caller]
    pub fn set_modified(&self, path: &str, modified_ms: i64) {
        self.patch(path, None, None, Some(modified_ms));
    }

    /// Deletes an item with all below it.
    #[track_caller]
    pub fn delete(&self, path: &str) {
        self.edit(path, Drive::delete);
    }

    /// Takes a deleted item back.
    #[track_caller]
    pub fn restore(&self, id: &str) {
        self.change(|drive, now_ms| drive.restore(id, now_ms));
    }

    /// Has the service find malware in a file, or no longer.
    #[track_caller]
    pub fn set_malware(&self, path: &str, has_malware: bool) {
        self.edit(path, |drive, id, now_ms| {
            drive.mark(id, |item| item.has_malware = has_malware, now_ms)
        });
    }

    /// Opens a file in an office program, so that changes are refused; or closes it.
    #[track_caller]
    pub fn set_locked(&self, path: &str, is_locked: bool) {
        self.edit(path, |drive, id, now_ms| {
            drive.mark(id, |item| item.is_locked = is_locked, now_ms)
        });
    }

    /// How much fits in the drive.
    pub fn set_quota(&self, quota_bytes: u64) {
        self.change(|drive, _| {
            drive.quota_bytes = quota_bytes;
            Ok(())
        });
    }

    /// Whether `delta` tells of what was in a deleted folder, as it does in organizations.
    pub fn tell_descendants(&self, tells_descendants: bool) {
        self.change(|drive, _| {
            drive.tells_descendants = tells_descendants;
            Ok(())
        });
    }

    /// The id of an item; that of the root for the empty path.
    #[track_caller]
    #[must_use]
    pub fn id(&self, path: &str) -> String {
        self.look(|drive| drive.at("root", path).map(|item| item.id.clone()))
            .unwrap_or_else(|| panic!("nothing is at {path}"))
    }

    /// The item at a path, if there is one.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<GraphEntry> {
        self.look(|drive| drive.at("root", path).map(|item| entry(drive, item)))
    }

    /// The path of an item that is alive.
    #[must_use]
    pub fn path_of(&self, id: &str) -> Option<String> {
        self.look(|drive| drive.get(id).map(|item| drive.path(&item.id).join("/")))
    }

    /// A file's content.
    #[must_use]
    pub fn read(&self, path: &str) -> Option<Bytes> {
        self.entry(path)?.bytes
    }

    /// The contents that a file held before, oldest first.
    #[must_use]
    pub fn earlier(&self, path: &str) -> Vec<Bytes> {
        let id = self.id(path);
        self.look(|drive| {
            let versions = drive.versions.get(&id).into_iter().flatten();
            versions.filter_map(|content| content.bytes.clone()).collect()
        })
    }

    /// Everything below the root, by path.
    #[must_use]
    pub fn tree(&self) -> BTreeMap<String, GraphEntry> {
        self.look(|drive| {
            let all = drive.below(&drive.root);
            all.iter()
                .skip(1)
                .map(|item| (drive.path(&item.id).join("/"), entry(drive, item)))
                .collect()
        })
    }

    /// An access token that may do everything with files.
    #[must_use]
    pub fn issue_token(&self) -> String {
        self.shared
            .tokens
            .issue_access("EwB4A8l6BAAU", &self.grant(), &LIVES)
    }

    /// A refresh token of the same kind.
    #[must_use]
    pub fn issue_refresh_token(&self) -> String {
        self.shared.tokens.issue_refresh("M.C1_", &self.grant(), &LIVES)
    }

    /// Ends its access tokens; refresh tokens live on.
    pub fn expire_tokens(&self) {
        self.shared.tokens.expire_access(&self.email);
    }

    /// Ends everything that was allowed to apps.
    pub fn revoke_tokens(&self) {
        self.shared.tokens.revoke_account(&self.email);
    }

    /// The next person who signs in is this one, and agrees at once.
    pub fn sign_in_next(&self) {
        self.shared
            .with(|world| world.next_person = Some(self.email.clone()));
    }

    /// Forgets what `delta` told before: tokens so far answer 410.
    pub fn expire_delta_tokens(&self) {
        self.shared.with(|world| {
            let own = world
                .accounts
                .get(&self.email)
                .map(|account| account.drive.clone())
                .unwrap_or_default();
            for link in world.links.values_mut() {
                if let Link::Delta {
                    drive, is_expired, ..
                } = link
                {
                    *is_expired |= *drive == own;
                }
            }
        });
    }

    /// Sends an event of the lives of its subscriptions: `missed`, `reauthorizationRequired` or
    /// `subscriptionRemoved`, which also ends them.
    pub fn send_lifecycle(&self, event: &str) {
        let origin = self.shared.switches.get().push_origin;
        let notices = self
            .shared
            .with(|world| world.lifecycle(&self.email, event, &origin));
        Notice::send_all(notices);
    }

    /// How many subscriptions it has.
    #[must_use]
    pub fn subscription_count(&self) -> usize {
        self.shared.with(|world| {
            world
                .subscriptions
                .values()
                .filter(|each| each.account == self.email)
                .count()
        })
    }

    fn grant(&self) -> Grant {
        let scopes = ["Files.ReadWrite", "User.Read", "offline_access"];
        Grant {
            client_id: self.shared.options.client_id.clone(),
            account: self.email.clone(),
            scopes: scopes.map(str::to_owned).to_vec(),
            nonce: None,
            is_offline: true,
        }
    }

    #[track_caller]
    fn create(&self, path: &str, kind: impl FnOnce(&mut Drive, i64) -> Kind) -> String {
        self.change(|drive, now_ms| {
            let Spot::Named { folder, name } = spot(drive, "root", path, Some(now_ms))? else {
                return Err(Trouble::name_taken());
            };
            let kind = kind(drive, now_ms);
            let taken = drive.child(&folder, &name).filter(|item| item.is_folder());
            if let (Some(item), Kind::Folder) = (taken, &kind) {
                return Ok(item.id.clone());
            }
            let (times, conflict) = (Times::default(), Conflict::Fail);
            let made = New {
                folder: &folder,
                name: &name,
                kind,
                conflict,
                times,
            };
            Ok(drive.create(made, now_ms)?.0)
        })
    }

    #[track_caller]
    fn patch(&self, path: &str, name: Option<&str>, parent: Option<&str>, modified_ms: Option<i64>) {
        self.edit(path, |drive, id, now_ms| {
            let times = Times {
                created_ms: None,
                modified_ms,
            };
            drive.patch(
                id,
                &Patch {
                    name,
                    parent,
                    times,
                    conflict: Conflict::Fail,
                },
                now_ms,
            )
        });
    }

    #[track_caller]
    fn edit(&self, path: &str, act: impl FnOnce(&mut Drive, &str, i64) -> Result<(), Trouble>) {
        let id = self.id(path);
        self.change(|drive, now_ms| act(drive, &id, now_ms));
    }

    #[track_caller]
    fn change<R>(&self, act: impl FnOnce(&mut Drive, i64) -> Result<R, Trouble>) -> R {
        let now_ms = self.shared.core.clock.now();
        // Panics only after the lock is free.
        let changed = self.shared.with(|world| {
            let id = world
                .accounts
                .get(&self.email)
                .ok_or_else(Trouble::not_found)?
                .drive
                .clone();
            act(world.drive_mut(&id)?, now_ms)
        });
        changed.unwrap_or_else(|trouble| panic!("the service refuses: {} {}", trouble.code, trouble.message))
    }

    #[track_caller]
    fn look<R>(&self, look: impl FnOnce(&Drive) -> R) -> R {
        let mut look = Some(look);
        let seen = self.shared.with(|world| {
            let id = world.accounts.get(&self.email)?.drive.clone();
            let look = look.take()?;
            world.drives.get(&id).map(look)
        });
        seen.expect("an account keeps its drive")
    }
}

fn entry(drive: &Drive, item: &Item) -> GraphEntry {
    GraphEntry {
        id: item.id.clone(),
        is_folder: item.is_folder(),
        size_bytes: item.content().map_or(0, |content| content.size_bytes),
        hash: item
            .content()
            .map(|content| content.hash.clone())
            .unwrap_or_default(),
        modified_ms: item.times.modified_ms.unwrap_or(item.modified_ms),
        etag: etag(drive.kind, item),
        ctag: ctag(drive.kind, item),
        bytes: item.content().and_then(|content| content.bytes.clone()),
    }
}
