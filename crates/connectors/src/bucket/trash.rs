//! Where deleted things go: a folder of the drive that listings leave out, each below the moment it went there.

use std::hash::{BuildHasher, Hasher as _, RandomState};

use outbound::sha256_hex;

use super::Bucket;
use super::moves::{Carriage, refused};
use super::place::{Place, TRASH};
use crate::{ItemId, RemoteError, Tag};

/// The longest key.
pub(super) const KEY_BYTES: usize = 1024;
/// What stands before a path in the trash: its name, a moment and a number.
pub(super) const TRASH_BYTES: usize = TRASH.len() + "/1700000000000-0000/".len();

impl Bucket {
    pub(super) async fn throw_away(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        // What cannot be is gone.
        let Some(place) = Place::parse(id) else {
            return Ok(());
        };
        if place.is_root() {
            return Err(refused("the root stays"));
        }
        let _lock = self.lock(&place).await;
        match place.is_folder() {
            true => self.throw_folder(&place).await,
            false => self.throw_file(&place, expected).await,
        }
    }

    async fn throw_file(&self, place: &Place, expected: Option<&Tag>) -> Result<(), RemoteError> {
        let Some(object) = self.look(place).await? else {
            return Ok(());
        };
        if expected.is_some_and(|expected| expected.0 != object.tag) {
            return Err(RemoteError::Changed);
        }
        self.copy(&object, &self.trash_key(place)).await?;
        match self.remove(&object).await? {
            true => self.keep_folder(place.parent()).await,
            // What was copied stays in the trash: it was there.
            false => Err(RemoteError::Changed),
        }
    }

    async fn throw_folder(&self, place: &Place) -> Result<(), RemoteError> {
        if !self.has_folder(place).await? {
            return Ok(());
        }
        let carriage = Carriage {
            from: &self.key(place),
            to: &self.trash_key(place),
            may_go_on: false,
        };
        self.carry(&carriage).await?;
        self.keep_folder(place.parent()).await
    }

    /// Removes what stands for a folder, and nothing else: what came into it in between stays where it is.
    pub(super) async fn take_mark(&self, id: &ItemId) -> Result<(), RemoteError> {
        let Some(place) = Place::parse(id).filter(Place::is_folder) else {
            return Ok(());
        };
        if place.is_root() {
            return Err(refused("the root stays"));
        }
        let _lock = self.lock(&place).await;
        let removed = self.store.delete(&self.key(&place), None).await;
        removed.map_err(|failure| self.error(failure))?;
        if self.has_folder(&place).await? {
            return Err(RemoteError::Changed);
        }
        self.keep_folder(place.parent()).await
    }

    /// A key in the trash that nothing has.
    fn trash_key(&self, place: &Place) -> String {
        let number = RandomState::new().build_hasher().finish() & 0xffff;
        let home = format!("{}{TRASH}/{:013}-{number:04x}/", self.prefix, self.now().0);
        match home.len() + place.path().len() <= KEY_BYTES {
            true => format!("{home}{}", place.path()),
            // Somebody else's name, which is too long to go below another.
            false => format!("{home}{}", sha256_hex([place.path().as_bytes()])),
        }
    }
}
