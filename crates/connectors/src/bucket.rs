//! Buckets as drives: S3, Backblaze B2 and Azure Blob Storage.
//!
//! A key is a path below a prefix, and an id is that path. Folders are what keys imply; an empty one is an
//! object of no bytes whose key ends with a `/` (or with `/.cumuli-folder`, where such keys are not listed),
//! which is also left behind when a folder loses its last file, so that a folder goes when somebody removes it
//! and not before. Changes are found by listing everything in the order of keys and comparing; a cursor is a
//! place in that order. Nothing is moved in one step: an object is copied at the provider, compared, and then
//! removed. What is deleted goes to a folder of its own.

mod azure;
mod errors;
mod feed;
mod items;
mod moves;
mod open;
mod place;
mod probe;
mod reading;
mod s3;
mod siblings;
mod store;
#[cfg(test)]
mod tests;
mod trash;
mod uploads;

use std::sync::Arc;

use async_trait::async_trait;
use model::Clock;
use outbound::{Gate, Patience, Secret, Wire, content_disposition};
use tokio::sync::{Mutex, MutexGuard};

use crate::connector::{
    Abilities, About, ChangePage, Connector, Cursor, DirectLink, Item, ItemId, ItemPage, Read, Reading,
    Relocate, RemoteError, Tag, Upload, Written,
};
use place::Place;
use siblings::Siblings;
use store::{Listing, Store};

pub use store::Probed;

/// How long a direct link holds.
const LINK_SECS: u32 = 15 * 60;
/// How many keys share locks: those of one name always do.
const LOCKS: usize = 64;

/// Where a bucket is, and what opens it.
#[derive(Debug, Clone)]
pub enum BucketPlace {
    /// A bucket that speaks S3.
    S3 {
        /// Scheme and host; `None` is AWS, in the region's own host.
        endpoint: Option<String>,
        /// The bucket's region; `None` is the one that the endpoint names, or `us-east-1`.
        region: Option<String>,
        /// The bucket.
        bucket: String,
        /// The public part of the key.
        access_key: String,
        /// The secret part of the key.
        secret_key: Secret,
        /// What comes with keys that expire.
        session_token: Option<Secret>,
        /// Whether the bucket's name stands in the path rather than in the host; `None` is the path for all but AWS.
        path_style: Option<bool>,
    },
    /// A container of Azure Blob Storage.
    Azure {
        /// The connection string as Azure's portal shows it.
        connection: Secret,
        /// The container.
        container: String,
    },
}

/// A bucket that is a drive.
#[derive(Clone)]
pub struct BucketOptions {
    /// What it is called in messages.
    pub name: String,
    /// Where it is.
    pub place: BucketPlace,
    /// The folder in it that is the drive; may be empty.
    pub prefix: String,
    /// What [`Bucket::probe`] found; nothing is relied on without it.
    pub probed: Probed,
    /// The connections to it, which decide where it may be.
    pub wire: Wire,
    /// Paces requests.
    pub gate: Option<Arc<dyn Gate>>,
    /// How long it is waited for.
    pub patience: Patience,
    /// What is sent in one request at least, when a file is longer.
    pub part_bytes: u64,
    /// Our time.
    pub clock: Clock,
}

/// A bucket as a drive.
pub struct Bucket {
    store: Arc<dyn Store>,
    /// Empty, or with a slash at its end.
    prefix: String,
    /// What the drive is called for people.
    owner: String,
    abilities: Abilities,
    part_bytes: u64,
    clock: Clock,
    /// Held while it is looked whether a name is free, and then written, as not all endpoints can do that.
    locks: [Mutex<()>; LOCKS],
    siblings: Siblings,
}

impl Bucket {
    /// The whole key of a place.
    fn key(&self, place: &Place) -> String {
        format!("{}{}", self.prefix, place.path())
    }

    /// The place of a whole key; `None` for what is not shown.
    fn place(&self, key: &str) -> Option<Place> {
        Place::of_path(key.strip_prefix(&self.prefix)?)
    }

    /// Keeps other calls of this process from writing where a place of that name is.
    async fn lock(&self, place: &Place) -> MutexGuard<'_, ()> {
        self.locks[lock_of(place)].lock().await
    }

    /// The same of two places, always in one order.
    async fn lock_both(
        &self,
        one: &Place,
        other: &Place,
    ) -> (MutexGuard<'_, ()>, Option<MutexGuard<'_, ()>>) {
        let (first, second) = (lock_of(one).min(lock_of(other)), lock_of(one).max(lock_of(other)));
        let guard = self.locks[first].lock().await;
        let other = match first == second {
            true => None,
            false => Some(self.locks[second].lock().await),
        };
        (guard, other)
    }

    /// Whether a folder is there, or anything below it.
    async fn has_folder(&self, folder: &Place) -> Result<bool, RemoteError> {
        if folder.is_root() {
            return Ok(true);
        }
        let prefix = self.key(folder);
        let listing = Listing::first(&prefix);
        let page = self
            .store
            .list(listing)
            .await
            .map_err(|failure| self.error(failure))?;
        Ok(!page.objects.is_empty())
    }

    fn now(&self) -> model::Millis {
        (self.clock)()
    }
}

/// A file and a folder of one name have one lock.
fn lock_of(place: &Place) -> usize {
    let bytes = place.path().trim_end_matches('/').bytes();
    let number = bytes.fold(0_usize, |number, byte| {
        number.wrapping_mul(31).wrapping_add(usize::from(byte))
    });
    number % LOCKS
}

#[async_trait]
impl Connector for Bucket {
    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    async fn about(&self) -> Result<About, RemoteError> {
        self.tell_about().await
    }

    async fn item(&self, id: &ItemId) -> Result<Option<Item>, RemoteError> {
        match Place::parse(id) {
            Some(place) => self.find(&place).await,
            None => Ok(None),
        }
    }

    async fn children(&self, folder: &ItemId, page: Option<&str>) -> Result<ItemPage, RemoteError> {
        let folder = Place::parse(folder).filter(Place::is_folder);
        self.list_folder(&folder.ok_or(RemoteError::NotFound)?, page)
            .await
    }

    async fn changes(&self, cursor: Option<&Cursor>) -> Result<ChangePage, RemoteError> {
        self.list_on(cursor).await
    }

    async fn read(&self, read: Read<'_>) -> Result<Reading, RemoteError> {
        self.open_content(read).await
    }

    async fn upload(&self, upload: Upload<'_>) -> Result<Written, RemoteError> {
        self.send(upload).await
    }

    async fn make_folder(
        &self,
        parent: &ItemId,
        name: &str,
        _: Option<&ItemId>,
    ) -> Result<Item, RemoteError> {
        self.make(parent, name).await
    }

    async fn relocate(&self, id: &ItemId, relocate: Relocate<'_>) -> Result<Item, RemoteError> {
        self.move_to(id, &relocate).await
    }

    async fn trash(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        self.throw_away(id, expected).await
    }

    async fn remove_folder(&self, id: &ItemId, _expected: Option<&Tag>) -> Result<(), RemoteError> {
        self.take_mark(id).await
    }

    async fn direct_link(&self, id: &ItemId, file_name: &str) -> Result<Option<DirectLink>, RemoteError> {
        let place = Place::parse(id).filter(|place| !place.is_folder());
        let key = self.key(&place.ok_or(RemoteError::NoContent)?);
        let disposition = content_disposition(file_name, false);
        let url = self.store.sign(&key, &disposition, LINK_SECS);
        Ok(url.map(|url| DirectLink {
            url,
            expires: self.now().plus_secs(LINK_SECS.into()),
        }))
    }
}
