//! What is there.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use outbound::{Failure, skew_ms};

use super::Bucket;
use super::place::Place;
use super::store::{Listing, Object, Page};
use crate::{About, HashKind, Hashes, Item, ItemKind, ItemPage, RemoteError, Revision, Tag};

/// How many items a page of a folder has at most.
const PAGE: usize = 1000;
/// How many objects are looked at at once.
const LOOKS: usize = 16;

impl Bucket {
    pub(super) async fn tell_about(&self) -> Result<About, RemoteError> {
        let listing = Listing::first(&self.prefix);
        let (_, headers) = self
            .store
            .list_with_headers(listing)
            .await
            .map_err(|failure| self.error(failure))?;
        Ok(About {
            drive: format!("{}/{}", self.store.identity(), self.prefix),
            owner: self.owner.clone(),
            flavour: None,
            root: Place::root().id(),
            quota: None,
            skew_ms: skew_ms(&headers, self.now()),
        })
    }

    /// What is at a place.
    pub(super) async fn find(&self, place: &Place) -> Result<Option<Item>, RemoteError> {
        if place.is_folder() {
            return Ok(self.has_folder(place).await?.then(|| folder_item(place)));
        }
        let seen = self.look(place).await?;
        Ok(seen.map(|object| self.file_item(place, &object)))
    }

    /// The file at a place.
    pub(super) async fn look(&self, place: &Place) -> Result<Option<Object>, RemoteError> {
        let seen = self.store.look(&self.key(place)).await;
        let seen = seen.map_err(|failure| self.error(failure))?;
        Ok(seen.filter(|object| !object.is_marker()))
    }

    pub(super) async fn list_folder(
        &self,
        folder: &Place,
        page: Option<&str>,
    ) -> Result<ItemPage, RemoteError> {
        let prefix = self.key(folder);
        let listing = Listing {
            prefix: &prefix,
            by_folder: true,
            mark: page,
            limit: PAGE,
        };
        let told = self.page(listing).await.map_err(|failure| self.error(failure))?;
        let is_empty = told.objects.is_empty() && told.folders.is_empty();
        if is_empty && page.is_none() && !folder.is_root() {
            return Err(RemoteError::NotFound);
        }
        let mut items: Vec<Item> = told
            .folders
            .iter()
            .filter_map(|key| self.place(key))
            .map(|place| folder_item(&place))
            .collect();
        for object in &told.objects {
            let Some(place) = self.place(&object.key) else {
                continue;
            };
            match object.is_marker() {
                // The folder itself, or one that is named twice.
                true if place.is_folder() => {}
                true if items.iter().any(|item| item.id == place.twin().id()) => {}
                true => items.push(folder_item(&place.twin())),
                false => items.push(self.file_item(&place, object)),
            }
        }
        Ok(ItemPage {
            items,
            next: told.next,
            is_partial: false,
        })
    }

    /// A page of a listing whose objects have tags: where they are not listed, each object is looked at.
    pub(super) async fn page(&self, listing: Listing<'_>) -> Result<Page, Failure> {
        let mut page = self.store.list(listing).await?;
        let has_tag = |object: &Object| object.is_marker() || !object.tag.is_empty();
        if page.objects.iter().all(has_tag) {
            return Ok(page);
        }
        let looks = page.objects.into_iter().map(|object| async move {
            match has_tag(&object) {
                true => Ok(Some(object)),
                // Gone since it was listed when it is not there.
                false => self.store.look(&object.key).await,
            }
        });
        let seen: Vec<Option<Object>> = stream::iter(looks).buffered(LOOKS).try_collect().await?;
        page.objects = seen.into_iter().flatten().collect();
        Ok(page)
    }

    /// An object as an item. What only some ways of asking tell is left out where listings do not tell it, but for
    /// times that somebody noted.
    pub(super) fn file_item(&self, place: &Place, object: &Object) -> Item {
        let lists_notes = self.store.lists_notes();
        let tag = Some(&object.tag).filter(|tag| !tag.is_empty());
        Item {
            id: place.id(),
            parent: place.parent().map(|parent| parent.id()),
            name: place.name().to_owned(),
            kind: ItemKind::File,
            size_bytes: Some(object.size_bytes),
            media_type: object.notes.media_type.clone().filter(|_| lists_notes),
            hashes: hashes(object),
            revision: tag.cloned().map(Revision),
            tag: tag.cloned().map(Tag),
            modified: Some(object.notes.modified.unwrap_or(object.written)),
            is_trashed: false,
            is_editable: true,
            web_url: None,
        }
    }
}

/// The hashes that are known. What is noted counts only when it goes with the bytes that are there.
fn hashes(object: &Object) -> Hashes {
    let mut hashes = Hashes {
        md5: object.md5,
        ..Hashes::default()
    };
    if let Some((sha256, md5)) = &object.notes.digests {
        let mut noted = Hashes::default();
        noted.set(HashKind::Md5, md5);
        noted.set(HashKind::Sha256, sha256);
        if noted.md5.is_some() && noted.md5 == object.md5 {
            hashes.sha256 = noted.sha256;
        }
    }
    hashes
}

pub(super) fn folder_item(place: &Place) -> Item {
    Item {
        id: place.id(),
        parent: place.parent().map(|parent| parent.id()),
        name: place.name().to_owned(),
        kind: ItemKind::Folder,
        size_bytes: None,
        media_type: None,
        hashes: Hashes::default(),
        revision: None,
        tag: None,
        modified: None,
        is_trashed: false,
        is_editable: true,
        web_url: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::store::Notes;

    #[test]
    fn a_noted_hash_counts_only_with_the_bytes_that_it_was_noted_of() {
        let digests = ("ab".repeat(32), "0c".repeat(16));
        let object = |md5| Object {
            key: "a".to_owned(),
            size_bytes: 1,
            tag: "t".to_owned(),
            written: model::Millis(0),
            md5,
            notes: Notes {
                digests: Some(digests.clone()),
                ..Notes::default()
            },
            is_folder: false,
            copied_from: None,
        };

        assert_eq!(hashes(&object(Some([0x0c; 16]))).sha256, Some([0xab; 32]));
        assert_eq!(hashes(&object(Some([0x0d; 16]))).sha256, None);
        assert_eq!(hashes(&object(None)), Hashes::default());
    }
}
