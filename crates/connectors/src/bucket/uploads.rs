//! Contents for a bucket: in one request, or in parts that go on after a break.

mod cutter;
mod session;

use model::BodyError;
use outbound::Body;
use tokio::sync::MutexGuard;

use super::Bucket;
use super::errors::is_conflict;
use super::place::Place;
use super::s3::tag_of_parts;
use super::store::{Ending, Notes, Object, Sent, When, md5_of_tag};
use crate::{HashKind, Hasher, Hashes, Item, ItemId, NameFault, RemoteError, Target, Upload, Written};
use cutter::Cutter;
use session::Kept;

/// What parts are rounded up to.
const STEP_BYTES: u64 = 1024 * 1024;
/// What is hashed of a content.
const KINDS: &[HashKind] = &[HashKind::Sha256, HashKind::Md5];

/// Where a content goes.
pub(super) struct Goal {
    place: Place,
    key: String,
    when: When,
}

impl Goal {
    /// Why something else stands there.
    fn refusal(&self) -> RemoteError {
        match self.when {
            When::New => RemoteError::Exists,
            When::Always | When::Tagged(_) => RemoteError::Changed,
        }
    }
}

/// What was sent, as far as is known.
struct Whole<'a> {
    size_bytes: u64,
    hashes: Option<Hashes>,
    notes: &'a Notes,
}

impl Bucket {
    pub(super) async fn send(&self, upload: Upload<'_>) -> Result<Written, RemoteError> {
        let size_bytes = upload.source.size_bytes();
        let goal = self.goal(&upload.target)?;
        if size_bytes > self.abilities.largest_bytes {
            return Err(RemoteError::TooLarge {
                most_bytes: self.abilities.largest_bytes,
            });
        }
        let item = match size_bytes <= self.part_bytes {
            true => self.send_whole(&goal, &upload).await?,
            false => self.send_parts(&goal, &upload).await?,
        };
        Ok(Written {
            item,
            overwrote: Vec::new(),
            is_rewritten: false,
        })
    }

    fn goal(&self, target: &Target<'_>) -> Result<Goal, RemoteError> {
        let (place, when) = match target {
            Target::Create { parent, name, .. } => (self.new_place(parent, name, false)?, When::New),
            Target::Replace { id, expected } => {
                let place = Place::parse(id).ok_or(RemoteError::NotFound)?;
                if place.is_folder() {
                    return Err(RemoteError::NoContent);
                }
                (place, When::Tagged(expected.0.clone()))
            }
        };
        Ok(Goal {
            key: self.key(&place),
            place,
            when,
        })
    }

    /// The place of something new, if its name can be.
    pub(super) fn new_place(
        &self,
        parent: &ItemId,
        name: &str,
        is_folder: bool,
    ) -> Result<Place, RemoteError> {
        self.abilities.names.check(name).map_err(RemoteError::Name)?;
        let parent = Place::parse(parent).filter(Place::is_folder);
        let place = parent.ok_or(RemoteError::NotFound)?.child(name, is_folder);
        let most = self.abilities.names.longest_path.unwrap_or(usize::MAX);
        if place.path().len() > most {
            return Err(RemoteError::Name(NameFault::Long(most)));
        }
        // The trash has no place.
        let place = Place::parse(&place.id());
        place.ok_or(RemoteError::Name(NameFault::Reserved(super::place::TRASH)))
    }

    /// What stands in the way of a write. The endpoint is relied on where it keeps conditions.
    async fn obstacle(&self, goal: &Goal, is_guarded: bool) -> Result<Option<Object>, RemoteError> {
        if goal.when == When::New && self.has_twin(&goal.place).await? {
            return Err(RemoteError::Exists);
        }
        if is_guarded {
            return Ok(None);
        }
        let seen = self.look(&goal.place).await?;
        match &goal.when {
            When::Tagged(tag) => match seen {
                None => Err(RemoteError::NotFound),
                Some(object) if object.tag == *tag => Ok(None),
                other => Ok(other),
            },
            When::New | When::Always => Ok(seen),
        }
    }

    async fn send_whole(&self, goal: &Goal, upload: &Upload<'_>) -> Result<Item, RemoteError> {
        let size_bytes = upload.source.size_bytes();
        let mut hasher = Hasher::new(KINDS);
        let mut cutter = Cutter::open(upload.source, 0).await?;
        let body = Body::from(cutter.take(size_bytes, Some(&mut hasher)).await?);
        cutter.end().await?;
        let hashes = hasher.finish();
        let notes = notes_of(upload, Some(&hashes));
        let whole = Whole {
            size_bytes,
            hashes: Some(hashes),
            notes: &notes,
        };
        let lock = self.lock(&goal.place).await;
        let is_guarded = self.store.probed().guards_puts;
        if let Some(other) = self.obstacle(goal, is_guarded).await? {
            return self.settled(goal, &other, &whole);
        }
        let when = if is_guarded { &goal.when } else { &When::Always };
        let tag = match self.store.put(&goal.key, body, &notes, when).await {
            Ok(tag) => tag,
            Err(failure) if is_conflict(&failure) => return self.settle(goal, &whole).await,
            Err(failure) => return Err(self.error(failure)),
        };
        let expected = self.store.probed().tags_are_md5.then_some(hashes.md5).flatten();
        if expected.is_some() && md5_of_tag(&tag) != expected {
            return Err(self.damaged(goal, &tag, lock).await);
        }
        upload.journal.arrived(size_bytes);
        self.made(goal, tag, &whole).await
    }

    /// What stands there is ours, from a try whose answer was lost, or somebody else's.
    async fn settle(&self, goal: &Goal, whole: &Whole<'_>) -> Result<Item, RemoteError> {
        match self.look(&goal.place).await? {
            Some(other) => self.settled(goal, &other, whole),
            None => Err(goal.refusal()),
        }
    }

    fn settled(&self, goal: &Goal, other: &Object, whole: &Whole<'_>) -> Result<Item, RemoteError> {
        let Some(hashes) = whole.hashes else {
            return Err(goal.refusal());
        };
        let is_same = match other.md5 {
            Some(md5) => hashes.md5 == Some(md5),
            None => other.notes.digests.is_some() && other.notes.digests == whole.notes.digests,
        };
        match is_same && other.size_bytes == whole.size_bytes {
            true => Ok(self.file_item(&goal.place, other)),
            false => Err(goal.refusal()),
        }
    }

    /// The item that was made.
    async fn made(&self, goal: &Goal, tag: String, whole: &Whole<'_>) -> Result<Item, RemoteError> {
        // Only the bucket knows when it was written.
        if whole.notes.modified.is_none() || whole.hashes.is_none() {
            let seen = self.look(&goal.place).await?;
            if let Some(object) = seen.filter(|object| object.tag == tag) {
                return Ok(self.file_item(&goal.place, &object));
            }
        }
        let md5 = match self.store.lists_notes() {
            true => whole.hashes.and_then(|hashes| hashes.md5),
            false => md5_of_tag(&tag).filter(|_| self.store.probed().tags_are_md5),
        };
        let object = Object {
            key: goal.key.clone(),
            size_bytes: whole.size_bytes,
            tag,
            written: self.now(),
            md5,
            notes: whole.notes.clone(),
            is_folder: false,
            copied_from: None,
        };
        Ok(self.file_item(&goal.place, &object))
    }

    /// Removes what is not what was sent, where it took nobody's place.
    async fn damaged(&self, goal: &Goal, tag: &str, _lock: MutexGuard<'_, ()>) -> RemoteError {
        if goal.when == When::New {
            let tag = self.store.probed().guards_deletes.then_some(tag);
            // That it is damaged says more than why it could not be removed.
            self.store.delete(&goal.key, tag).await.ok();
        }
        RemoteError::Damaged("the bucket holds something else than was sent".to_owned())
    }

    async fn send_parts(&self, goal: &Goal, upload: &Upload<'_>) -> Result<Item, RemoteError> {
        let part_bytes = self.part_size(upload.source.size_bytes());
        let kept = upload.journal.kept().await.and_then(|text| Kept::parse(&text));
        let kept = kept.filter(|kept| kept.is_of(&goal.key, upload.source.size_bytes(), part_bytes));
        if let Some(other) = self.obstacle(goal, false).await? {
            let is_ours = kept.as_ref().is_some_and(|kept| kept.made(&other));
            if !is_ours {
                return Err(goal.refusal());
            }
            forget(upload).await?;
            return Ok(self.file_item(&goal.place, &other));
        }
        let notes = notes_of(upload, None);
        let mut parts = Vec::new();
        let mut kept = match kept {
            Some(kept) => {
                parts = self.arrived(&kept).await?;
                kept
            }
            None => Kept::new(&goal.key, upload.source.size_bytes(), part_bytes),
        };
        if parts.is_empty() {
            let begun = self.store.begin(&goal.key, &notes).await;
            kept.begin(begun.map_err(|failure| self.error(failure))?);
            keep(upload, &kept).await?;
        }
        let sent = self.send_rest(goal, upload, &mut kept, parts).await;
        if let Err(error) = &sent {
            let is_over = matches!(
                error,
                RemoteError::Exists | RemoteError::Changed | RemoteError::Damaged(_)
            );
            // Nobody will go on with it.
            if is_over || upload.journal.kept().await.is_none() {
                let session = kept.session();
                self.store.abort(session).await.ok();
            }
            if is_over {
                forget(upload).await?;
            }
        }
        sent
    }

    /// How long parts are that a content of that length is sent in.
    fn part_size(&self, size_bytes: u64) -> u64 {
        let least = size_bytes.div_ceil(self.store.most_parts());
        self.part_bytes.max(least.div_ceil(STEP_BYTES) * STEP_BYTES)
    }

    /// The first parts of an upload that arrived whole, without a gap.
    async fn arrived(&self, kept: &Kept) -> Result<Vec<Sent>, RemoteError> {
        let parts = self.store.parts(kept.session()).await;
        let parts = parts.map_err(|failure| self.error(failure))?;
        let is_next = |(index, part): &(usize, Sent)| {
            part.number as usize == index + 1 && part.size_bytes == kept.part_bytes
        };
        let whole = parts.into_iter().enumerate().take_while(is_next);
        Ok(whole.map(|(_, part)| part).collect())
    }

    async fn send_rest(
        &self,
        goal: &Goal,
        upload: &Upload<'_>,
        kept: &mut Kept,
        mut parts: Vec<Sent>,
    ) -> Result<Item, RemoteError> {
        let size_bytes = upload.source.size_bytes();
        let mut at: u64 = parts.iter().map(|part| part.size_bytes).sum();
        upload.journal.arrived(at);
        let mut hasher = (at == 0).then(|| Hasher::new(KINDS));
        let mut cutter = Cutter::open(upload.source, at).await?;
        while at < size_bytes {
            let length = kept.part_bytes.min(size_bytes - at);
            let body = Body::from(cutter.take(length, hasher.as_mut()).await?);
            let number = u32::try_from(parts.len() + 1).expect("there are not so many parts");
            let sent = self.store.put_part(kept.session(), number, body).await;
            parts.push(sent.map_err(|failure| self.error(failure))?);
            at += length;
            upload.journal.arrived(at);
        }
        cutter.end().await?;
        let hashes = hasher.map(Hasher::finish);
        kept.expect(tag_of_parts(&parts), hashes.as_ref());
        keep(upload, kept).await?;
        let notes = notes_of(upload, hashes.as_ref());
        let whole = Whole {
            size_bytes,
            hashes,
            notes: &notes,
        };
        let item = self.join(goal, kept, &parts, &whole).await?;
        forget(upload).await?;
        Ok(item)
    }

    /// Makes the object of its parts.
    async fn join(
        &self,
        goal: &Goal,
        kept: &Kept,
        parts: &[Sent],
        whole: &Whole<'_>,
    ) -> Result<Item, RemoteError> {
        let lock = self.lock(&goal.place).await;
        let is_guarded = self.store.probed().guards_parts;
        if self.obstacle(goal, is_guarded).await?.is_some() {
            return Err(goal.refusal());
        }
        let ending = Ending {
            session: kept.session(),
            parts,
            notes: whole.notes,
            when: &goal.when,
            md5: whole.hashes.and_then(|hashes| hashes.md5),
        };
        let tag = match self.store.complete(ending).await {
            Ok(tag) => tag,
            Err(failure) => {
                // It may have succeeded before, and the answer was lost.
                let made = self.look(&goal.place).await?.filter(|made| kept.made(made));
                return match made {
                    Some(made) => Ok(self.file_item(&goal.place, &made)),
                    None if is_conflict(&failure) => Err(goal.refusal()),
                    None => Err(self.error(failure)),
                };
            }
        };
        if self.store.probed().tags_are_md5 && kept.tag.as_ref().is_some_and(|expected| *expected != tag) {
            return Err(self.damaged(goal, &tag, lock).await);
        }
        self.made(goal, tag, whole).await
    }
}

/// What is noted beside a content.
fn notes_of(upload: &Upload<'_>, hashes: Option<&Hashes>) -> Notes {
    let text = |kind| hashes.and_then(|hashes| hashes.text(kind));
    Notes {
        modified: upload.modified,
        digests: text(HashKind::Sha256).zip(text(HashKind::Md5)),
        moving_from: None,
        media_type: Some(upload.media_type.to_owned()),
    }
}

async fn keep(upload: &Upload<'_>, kept: &Kept) -> Result<(), RemoteError> {
    let kept = upload.journal.keep(Some(&kept.text())).await;
    kept.map_err(RemoteError::Source)
}

async fn forget(upload: &Upload<'_>) -> Result<(), RemoteError> {
    upload.journal.keep(None).await.map_err(RemoteError::Source)
}

/// A source that is not of the length that it told.
fn not_as_told() -> RemoteError {
    RemoteError::Source(BodyError::Malformed(
        "it is not of the length that was told".to_owned(),
    ))
}
