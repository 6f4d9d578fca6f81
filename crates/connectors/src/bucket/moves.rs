//! Other names and places: objects are copied at the provider, compared, and then removed.

use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use outbound::Body;

use super::Bucket;
use super::errors::is_conflict;
use super::items::folder_item;
use super::place::Place;
use super::store::{Copy, Listing, Notes, Object, When};
use crate::{Item, ItemId, Relocate, RemoteError, Tag};

/// How many objects are moved at once.
const AT_ONCE: usize = 8;
/// How many objects of a folder are looked at before they are moved.
const PAGE: usize = 500;

/// Where objects go that are moved with their folder.
pub(super) struct Carriage<'a> {
    /// What their keys begin with.
    pub(super) from: &'a str,
    /// What they begin with then.
    pub(super) to: &'a str,
    /// Objects that are there already may be copies of an earlier try.
    pub(super) may_go_on: bool,
}

impl Bucket {
    /// Makes a folder.
    pub(super) async fn make(&self, parent: &ItemId, name: &str) -> Result<Item, RemoteError> {
        let place = self.new_place(parent, name, true)?;
        let above = place.parent().ok_or(RemoteError::NotFound)?;
        let _lock = self.lock(&place).await;
        if !self.has_folder(&above).await? {
            return Err(RemoteError::NotFound);
        }
        self.need_free(&place).await?;
        match self.mark(&place, &Notes::default(), &When::New).await? {
            true => Ok(folder_item(&place)),
            false => Err(RemoteError::Exists),
        }
    }

    /// Writes what stands for a folder; false when it is there already.
    async fn mark(&self, folder: &Place, notes: &Notes, when: &When) -> Result<bool, RemoteError> {
        let is_guarded = self.store.probed().guards_puts;
        let when = if is_guarded { when } else { &When::Always };
        let put = self
            .store
            .put(&self.key(folder), Body::default(), notes, when)
            .await;
        self.siblings.forget();
        match put {
            Ok(_) => Ok(true),
            // By a try of this request whose answer was lost.
            Err(failure) if is_conflict(&failure) => {
                Ok(failure.refusal().is_some_and(|refusal| refusal.try_count > 1))
            }
            Err(failure) => Err(self.error(failure)),
        }
    }

    /// Leaves a folder there though it lost the last that was in it.
    pub(super) async fn keep_folder(&self, folder: Option<Place>) -> Result<(), RemoteError> {
        let Some(folder) = folder.filter(|folder| !folder.is_root()) else {
            return Ok(());
        };
        if !self.has_folder(&folder).await? {
            self.mark(&folder, &Notes::default(), &When::New).await?;
        }
        Ok(())
    }

    /// Neither a file nor a folder may be there.
    async fn need_free(&self, place: &Place) -> Result<(), RemoteError> {
        let (file, folder) = match place.is_folder() {
            true => (place.twin(), place.clone()),
            false => (place.clone(), place.twin()),
        };
        // In this order: over a file system, a folder may fail to be looked at as a file.
        if self.has_folder(&folder).await? || self.look(&file).await?.is_some() {
            return Err(RemoteError::Exists);
        }
        Ok(())
    }

    pub(super) async fn move_to(&self, id: &ItemId, relocate: &Relocate<'_>) -> Result<Item, RemoteError> {
        let from = Place::parse(id).ok_or(RemoteError::NotFound)?;
        let above = from
            .parent()
            .ok_or_else(|| refused("the root has no other place"))?;
        let name = relocate.name.unwrap_or(from.name());
        let parent = relocate.parent.cloned().unwrap_or_else(|| above.id());
        let to = match name == from.name() && parent == above.id() {
            true => from.clone(),
            false => self.new_place(&parent, name, from.is_folder())?,
        };
        if to == from {
            return self.find(&from).await?.ok_or(RemoteError::NotFound);
        }
        if from.is_folder() && to.is_within(&from) {
            return Err(refused("a folder cannot go into itself"));
        }
        let _locks = self.lock_both(&from, &to).await;
        let into = Place::parse(&parent).ok_or(RemoteError::NotFound)?;
        if into != above && !self.has_folder(&into).await? {
            return Err(RemoteError::NotFound);
        }
        match from.is_folder() {
            true => self.move_folder(&from, &to).await,
            false => self.move_file(&from, &to, relocate.expected).await,
        }
    }

    async fn move_file(&self, from: &Place, to: &Place, expected: Option<&Tag>) -> Result<Item, RemoteError> {
        let has_folder = self.has_folder(&to.twin()).await?;
        let there = match has_folder {
            true => None,
            false => self.look(to).await?,
        };
        let Some(object) = self.look(from).await? else {
            // Moved before, by a call whose answer was lost.
            let is_it = |there: &Object| {
                there.copied_from.as_deref() == Some(&self.key(from))
                    || expected.is_some_and(|expected| expected.0 == there.tag)
            };
            let moved = there.filter(is_it).ok_or(RemoteError::NotFound)?;
            return Ok(self.file_item(to, &moved));
        };
        if expected.is_some_and(|expected| expected.0 != object.tag) {
            return Err(RemoteError::Changed);
        }
        if has_folder {
            return Err(RemoteError::Exists);
        }
        let copied = match there {
            // Copied before, and not removed any more.
            Some(there) if is_copy(&there, &object) => there,
            Some(_) => return Err(RemoteError::Exists),
            None => self.copy(&object, &self.key(to)).await?,
        };
        self.remove_copied(&object, &copied.key).await?;
        self.keep_folder(from.parent()).await?;
        Ok(self.file_item(to, &copied))
    }

    /// Copies an object to a key that is free, and compares.
    pub(super) async fn copy(&self, from: &Object, to: &str) -> Result<Object, RemoteError> {
        let copy = Copy {
            from,
            to,
            when: &When::New,
        };
        let copied = self.store.copy(copy).await;
        let seen = self.store.look(to).await.map_err(|failure| self.error(failure))?;
        match (copied, seen) {
            (Ok(()), Some(seen)) if has_bytes_of(&seen, from) => Ok(seen),
            (Ok(()), _) => Err(RemoteError::Damaged(
                "a copy in the bucket is not what was copied".to_owned(),
            )),
            // By a try whose answer was lost.
            (Err(_), Some(seen)) if is_copy(&seen, from) => Ok(seen),
            (Err(failure), Some(_)) if is_conflict(&failure) => Err(RemoteError::Exists),
            (Err(failure), _) => Err(self.error(failure)),
        }
    }

    /// Removes an object as it was seen; false when somebody wrote it since.
    pub(super) async fn remove(&self, object: &Object) -> Result<bool, RemoteError> {
        let tag = self.store.probed().guards_deletes.then_some(object.tag.as_str());
        match self.store.delete(&object.key, tag).await {
            Ok(()) => Ok(true),
            Err(failure) if is_conflict(&failure) => {
                // An earlier try may have removed it, and its answer was lost.
                let seen = self.store.look(&object.key).await;
                Ok(seen.map_err(|failure| self.error(failure))?.is_none())
            }
            Err(failure) => Err(self.error(failure)),
        }
    }

    /// Removes what was copied, unless somebody wrote it in between: then it is the copy that goes.
    async fn remove_copied(&self, object: &Object, copy: &str) -> Result<(), RemoteError> {
        if self.remove(object).await? {
            return Ok(());
        }
        let removed = self.store.delete(copy, None).await;
        removed.map_err(|failure| self.error(failure))?;
        Err(RemoteError::Changed)
    }

    async fn move_folder(&self, from: &Place, to: &Place) -> Result<Item, RemoteError> {
        let target = self
            .store
            .look(&self.key(to))
            .await
            .map_err(|failure| self.error(failure))?;
        let moving = target.and_then(|mark| mark.notes.moving_from);
        // A move that was cut short goes on.
        let may_go_on = moving.as_deref() == Some(from.path());
        if !self.has_folder(from).await? && !may_go_on {
            return Err(RemoteError::NotFound);
        }
        if !may_go_on {
            self.need_free(to).await?;
            let notes = Notes {
                moving_from: Some(from.path().to_owned()),
                ..Notes::default()
            };
            if !self.mark(to, &notes, &When::New).await? {
                return Err(RemoteError::Exists);
            }
        }
        let carriage = Carriage {
            from: &self.key(from),
            to: &self.key(to),
            may_go_on,
        };
        self.carry(&carriage).await?;
        self.mark(to, &Notes::default(), &When::Always).await?;
        self.keep_folder(from.parent()).await?;
        Ok(folder_item(to))
    }

    /// Moves all that is below a key, and removes what stands for that folder itself last.
    pub(super) async fn carry(&self, carriage: &Carriage<'_>) -> Result<(), RemoteError> {
        loop {
            let listing = Listing {
                prefix: carriage.from,
                by_folder: false,
                mark: None,
                limit: PAGE,
            };
            let page = self.page(listing).await.map_err(|failure| self.error(failure))?;
            let inside: Vec<&Object> = page
                .objects
                .iter()
                .filter(|object| object.key != carriage.from)
                .collect();
            if inside.is_empty() && page.next.is_none() {
                if page.objects.is_empty() && !self.store.probed().hides_marks {
                    return Ok(());
                }
                let removed = self.store.delete(carriage.from, None).await;
                return removed.map_err(|failure| self.error(failure));
            }
            if inside.iter().any(|object| self.place(&object.key).is_none()) {
                return Err(refused("a name below it cannot be reached by any address"));
            }
            let moves: Vec<_> = inside
                .into_iter()
                .map(|object| self.carry_one(carriage, object).boxed())
                .collect();
            stream::iter(moves)
                .buffer_unordered(AT_ONCE)
                .try_for_each(|()| async { Ok(()) })
                .await?;
        }
    }

    async fn carry_one(&self, carriage: &Carriage<'_>, object: &Object) -> Result<(), RemoteError> {
        let below = object.key.strip_prefix(carriage.from).unwrap_or(&object.key);
        let to = format!("{}{below}", carriage.to);
        let copied = match self.copy(object, &to).await {
            Err(RemoteError::Exists) if carriage.may_go_on => {
                let seen = self
                    .store
                    .look(&to)
                    .await
                    .map_err(|failure| self.error(failure))?;
                seen.filter(|seen| is_copy(seen, object))
                    .ok_or(RemoteError::Exists)?
            }
            copied => copied?,
        };
        self.remove_copied(object, &copied.key).await
    }
}

/// Whether an object is what a copy of another made. Equal bytes at the very place that the other was to go to
/// are taken for one where the bucket does not tell.
fn is_copy(there: &Object, from: &Object) -> bool {
    match &there.copied_from {
        Some(source) => *source == from.key && has_bytes_of(there, from),
        None => there.is_like(from) && there.written >= from.written,
    }
}

/// Whether a copy has the bytes of what was copied, as far as can be told.
fn has_bytes_of(copy: &Object, from: &Object) -> bool {
    let is_same = match (copy.md5, from.md5) {
        (Some(mine), Some(theirs)) => mine == theirs,
        _ => true,
    };
    copy.size_bytes == from.size_bytes && is_same
}

pub(super) fn refused(reason: &str) -> RemoteError {
    RemoteError::Refused {
        code: String::new(),
        reason: reason.to_owned(),
    }
}
