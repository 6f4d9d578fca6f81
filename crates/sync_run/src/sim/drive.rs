//! The connector of the simulated provider: each call is a gate before anything is done, often one amid, and one after.

use std::sync::{Arc, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use connectors::{
    Abilities, About, ChangePage, Connector, Cursor, Item, ItemId, ItemPage, Past, Read, Reading, Relocate,
    RemoteError, SignInReason, Tag, Target, Upload, Written,
};
use futures_util::{StreamExt, stream};
use model::{BodyError, Millis};

use super::cloud::{Cloud, ROOT, Sort};
use super::flavours::Kind;
use super::moves::Wanted;
use super::sea::Sea;
use super::stage::{Call, Point, Verdict, gate};
use super::tape::Trouble;

/// A connector of one node's.
pub(super) struct SimDrive {
    pub(super) sea: Arc<Sea>,
    pub(super) abilities: Abilities,
}

/// What came of a write: what is there then.
pub(super) type Outcome<T> = Result<T, RemoteError>;

pub(super) fn unavailable() -> RemoteError {
    RemoteError::Unavailable("the line is cut".to_owned())
}

impl SimDrive {
    pub(super) fn new(sea: &Arc<Sea>) -> Arc<Self> {
        let abilities = sea.cloud().flavour.abilities.clone();
        Arc::new(Self {
            sea: Arc::clone(sea),
            abilities,
        })
    }

    pub(super) fn cloud(&self) -> MutexGuard<'_, Cloud> {
        self.sea.cloud()
    }

    /// Before a call is answered in any way.
    pub(super) async fn begin(&self, call: Call) -> Outcome<Verdict> {
        let verdict = gate(Point::Before(call)).await;
        let mut cloud = self.cloud();
        cloud.calls += 1;
        if cloud.is_signed_out {
            return Err(RemoteError::SignInAgain(SignInReason::Ended(
                "simulated".to_owned(),
            )));
        }
        match verdict.trouble {
            Some((Trouble::Unavailable, _)) => Err(unavailable()),
            Some((Trouble::Paused, number)) => {
                let secs = i64::try_from(number % 300).expect("a small number");
                Err(RemoteError::Paused {
                    until: Millis(cloud.now).plus_secs(secs),
                })
            }
            Some((Trouble::Locked, _)) => Err(RemoteError::Locked),
            Some((Trouble::Full, _)) => Err(RemoteError::Full("simulated".to_owned())),
            Some((Trouble::Damaged, _)) => Err(RemoteError::Damaged("simulated".to_owned())),
            Some((Trouble::CursorLost, _)) => Err(RemoteError::CursorLost),
            _ => Ok(verdict),
        }
    }

    /// After it was done.
    pub(super) async fn end<T>(&self, call: Call, answer: T) -> Outcome<T> {
        match gate(Point::After(call)).await.trouble {
            Some((Trouble::LostAnswer, _)) => Err(unavailable()),
            _ => Ok(answer),
        }
    }

    /// Does something in one go, now or later.
    async fn write<T: Send>(
        &self,
        call: Call,
        verdict: Verdict,
        effect: impl FnOnce(&mut Cloud) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let effect = move |cloud: &mut Cloud| {
            let outcome = effect(cloud);
            cloud.engine_writes += u64::from(outcome.is_ok());
            outcome
        };
        if matches!(verdict.trouble, Some((Trouble::Late, _))) {
            self.sea.put_off(Box::new(move |cloud| drop(effect(cloud))));
            return Err(unavailable());
        }
        let outcome = effect(&mut self.cloud());
        let outcome = self.end(call, outcome).await?;
        if let Err(error) = &outcome {
            self.sea.tell(|| format!("   {call:?}: {error}"));
        }
        outcome
    }

    async fn create(
        &self,
        upload: &Upload<'_>,
        (parent, name): (&ItemId, &str),
        id: Option<&ItemId>,
    ) -> Outcome<Written> {
        let verdict = self.begin(Call::Create).await?;
        self.abilities.names.check(name).map_err(RemoteError::Name)?;
        let bytes = gathered(upload).await?;
        self.sea
            .tell(|| format!("   upload {:?} as {name} into {}", text(&bytes), parent.0));
        let (parent, name, id) = (parent.clone(), name.to_owned(), id.cloned());
        let effect = move |cloud: &mut Cloud| {
            let stored = cloud.flavour.stored(&name, &bytes);
            let folder = cloud.find(&parent).ok_or(RemoteError::NotFound)?;
            if let Some(there) = id.as_ref().and_then(|id| cloud.find(id)) {
                let thing = &cloud.things[&there];
                let is_ours = thing.parent == folder
                    && thing.name == name
                    && thing.kept.last().is_some_and(|kept| kept.bytes == stored);
                if !is_ours {
                    return Err(RemoteError::Exists);
                }
                return written(cloud, there, &bytes);
            }
            let made = cloud.make(folder, (&name, Sort::File), Some(stored), id.as_ref())?;
            written(cloud, made, &bytes)
        };
        self.write(Call::Create, verdict, effect).await
    }

    async fn replace(
        &self,
        upload: &Upload<'_>,
        id: &ItemId,
        expected: &connectors::Revision,
    ) -> Outcome<Written> {
        let verdict = self.begin(Call::Replace).await?;
        let bytes = gathered(upload).await?;
        self.sea.tell(|| {
            format!(
                "   replace {} by {:?}, expecting {}",
                id.0,
                text(&bytes),
                expected.0
            )
        });
        let check = {
            let (id, expected, bytes) = (id.clone(), expected.clone(), bytes.clone());
            move |cloud: &Cloud| -> Outcome<(u64, bool)> {
                let there = cloud.find(&id).filter(|there| cloud.is_live(*there));
                let there = there.ok_or(RemoteError::NotFound)?;
                let thing = &cloud.things[&there];
                let kept = thing.kept.last().ok_or(RemoteError::NoContent)?;
                if cloud.revision_of(kept) == expected {
                    return Ok((there, false));
                }
                // Ours, by a try whose answer was lost, or somebody else's.
                match kept.bytes == cloud.flavour.stored(&thing.name, &bytes) {
                    true => Ok((there, true)),
                    false => Err(RemoteError::Changed),
                }
            }
        };
        let put = {
            let bytes = bytes.clone();
            move |cloud: &mut Cloud, there: u64| -> Outcome<Written> {
                let stored = cloud.flavour.stored(&cloud.things[&there].name, &bytes);
                cloud.write(there, stored);
                written(cloud, there, &bytes)
            }
        };
        if self.abilities.conditions.replace {
            let effect = move |cloud: &mut Cloud| match check(cloud)? {
                (there, true) => written(cloud, there, &bytes),
                (there, false) => put(cloud, there),
            };
            return self.write(Call::Replace, verdict, effect).await;
        }
        let (there, is_done) = check(&self.cloud())?;
        if is_done {
            let mut done = written(&self.cloud(), there, &bytes)?;
            done.overwrote = self.overwrote(there, expected, &done);
            return Ok(done);
        }
        gate(Point::Amid(Call::Replace)).await;
        let mut done = self
            .write(Call::Replace, verdict, move |cloud| {
                match cloud.things[&there].is_gone {
                    true => Err(RemoteError::NotFound),
                    false => put(cloud, there),
                }
            })
            .await?;
        done.overwrote = self.overwrote(there, expected, &done);
        Ok(done)
    }

    /// Contents between the one that was expected and ours.
    fn overwrote(
        &self,
        there: u64,
        expected: &connectors::Revision,
        done: &Written,
    ) -> Vec<connectors::Revision> {
        let past = self.cloud().past(there);
        let ours = past
            .iter()
            .position(|past| Some(&past.revision) == done.item.revision.as_ref());
        let older = ours.map_or(&[][..], |ours| &past[ours + 1..]);
        let base = older.iter().position(|past| past.revision == *expected);
        let between = &older[..base.unwrap_or(older.len().min(1))];
        let theirs = between
            .iter()
            .filter(|past| past.hashes.agrees(&done.item.hashes) != Some(true));
        theirs.map(|past| past.revision.clone()).collect()
    }

    /// Moves or renames in one step.
    async fn bring(&self, id: &ItemId, to: Relocate<'_>, verdict: Verdict) -> Outcome<Item> {
        let wanted = Wanted {
            id: id.clone(),
            parent: to.parent.cloned(),
            name: to.name.map(ToOwned::to_owned),
            expected: to.expected.cloned(),
        };
        if self.abilities.conditions.relocate {
            let effect = move |cloud: &mut Cloud| {
                let (there, _) = wanted.check(cloud)?;
                wanted.place(cloud, there)
            };
            return self.write(Call::Relocate, verdict, effect).await;
        }
        let (there, is_done) = wanted.check(&self.cloud())?;
        let before = self.cloud().things[&there].clone();
        if is_done {
            return self.cloud().seen(there).ok_or(RemoteError::NotFound);
        }
        gate(Point::Amid(Call::Relocate)).await;
        let moved = self
            .write(Call::Relocate, verdict, move |cloud| wanted.place(cloud, there))
            .await?;
        if !moved.is_trashed {
            return Ok(moved);
        }
        // Into a folder that is in the trash: it goes back to where it was.
        gate(Point::Amid(Call::Relocate)).await;
        let mut cloud = self.cloud();
        if cloud.things[&there].parent != before.parent {
            cloud.place(there, before.parent, &before.name)?;
        }
        Err(RemoteError::NotFound)
    }
}

#[async_trait]
impl Connector for SimDrive {
    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    async fn about(&self) -> Outcome<About> {
        self.begin(Call::About).await?;
        let root = self.cloud().id_of(ROOT);
        let about = About {
            drive: "drive".to_owned(),
            owner: "simulated".to_owned(),
            flavour: None,
            root,
            quota: None,
            skew_ms: None,
        };
        self.end(Call::About, about).await
    }

    async fn item(&self, id: &ItemId) -> Outcome<Option<Item>> {
        self.begin(Call::Item).await?;
        let item = {
            let cloud = self.cloud();
            cloud.find(id).and_then(|number| cloud.seen(number))
        };
        self.end(Call::Item, item).await
    }

    async fn children(&self, folder: &ItemId, page: Option<&str>) -> Outcome<ItemPage> {
        let verdict = self.begin(Call::Children).await?;
        let page = self.page_of((folder, false), page, verdict)?;
        self.end(Call::Children, page).await
    }

    async fn trashed_children(&self, folder: &ItemId, page: Option<&str>) -> Outcome<ItemPage> {
        if self.cloud().flavour.kind != Kind::Drive {
            return Err(RemoteError::Unsupported("list what is in its trash"));
        }
        let verdict = self.begin(Call::Children).await?;
        let page = self.page_of((folder, true), page, verdict)?;
        self.end(Call::Children, page).await
    }

    async fn changes(&self, cursor: Option<&Cursor>) -> Outcome<ChangePage> {
        let verdict = self.begin(Call::Changes).await?;
        let page = self.feed_page(cursor, verdict)?;
        self.end(Call::Changes, page).await
    }

    async fn read(&self, read: Read<'_>) -> Outcome<Reading> {
        let verdict = self.begin(Call::Read).await?;
        let reading = self.open(&read, verdict)?;
        self.end(Call::Read, reading).await
    }

    async fn upload(&self, upload: Upload<'_>) -> Outcome<Written> {
        match upload.target {
            Target::Create { parent, name, id } => self.create(&upload, (parent, name), id).await,
            Target::Replace { id, expected } => self.replace(&upload, id, expected).await,
        }
    }

    async fn make_folder(&self, parent: &ItemId, name: &str, id: Option<&ItemId>) -> Outcome<Item> {
        let verdict = self.begin(Call::MakeFolder).await?;
        self.abilities.names.check(name).map_err(RemoteError::Name)?;
        self.sea.tell(|| format!("   make folder {name} in {}", parent.0));
        let (parent, name, id) = (parent.clone(), name.to_owned(), id.cloned());
        let effect = move |cloud: &mut Cloud| {
            let folder = cloud.find(&parent).ok_or(RemoteError::NotFound)?;
            let made = match id.as_ref().and_then(|id| cloud.find(id)) {
                Some(there) => {
                    let thing = &cloud.things[&there];
                    if thing.parent != folder || thing.name != name || thing.sort != Sort::Folder {
                        return Err(RemoteError::Exists);
                    }
                    there
                }
                None => cloud.make(folder, (&name, Sort::Folder), None, id.as_ref())?,
            };
            // What is in the trash is not there for us.
            cloud
                .seen(made)
                .filter(|item| !item.is_trashed)
                .ok_or(RemoteError::NotFound)
        };
        self.write(Call::MakeFolder, verdict, effect).await
    }

    async fn relocate(&self, id: &ItemId, relocate: Relocate<'_>) -> Outcome<Item> {
        let verdict = self.begin(Call::Relocate).await?;
        if let Some(name) = relocate.name {
            self.abilities.names.check(name).map_err(RemoteError::Name)?;
        }
        self.sea.tell(|| {
            format!(
                "   relocate {} to {:?} {:?}",
                id.0, relocate.parent, relocate.name
            )
        });
        match self.abilities.has_ids {
            true => self.bring(id, relocate, verdict).await,
            false => self.carry(id, relocate).await,
        }
    }

    async fn trash(&self, id: &ItemId, expected: Option<&Tag>) -> Outcome<()> {
        let verdict = self.begin(Call::Trash).await?;
        self.sea.tell(|| format!("   trash {}", id.0));
        let (id, expected) = (id.clone(), expected.cloned());
        let check = move |cloud: &Cloud| -> Outcome<Option<u64>> {
            let Some(there) = cloud.find(&id).filter(|there| cloud.is_live(*there)) else {
                return Ok(None);
            };
            if there == ROOT {
                return Err(RemoteError::Unsupported("do without its root"));
            }
            let tag = cloud.seen(there).and_then(|item| item.tag);
            let is_file = cloud.things[&there].sort != Sort::Folder;
            // Folders of a bucket have no tag that could change.
            let is_guarded = cloud.flavour.kind != Kind::Bucket || is_file;
            match is_guarded && expected.is_some() && tag != expected {
                true => Err(RemoteError::Changed),
                false => Ok(Some(there)),
            }
        };
        if self.abilities.conditions.trash {
            let effect = move |cloud: &mut Cloud| match check(cloud)? {
                Some(there) => {
                    cloud.throw(there);
                    Ok(())
                }
                None => Ok(()),
            };
            return self.write(Call::Trash, verdict, effect).await;
        }
        let Some(there) = check(&self.cloud())? else {
            return Ok(());
        };
        let content = self.cloud().content(there);
        gate(Point::Amid(Call::Trash)).await;
        let effect = move |cloud: &mut Cloud| {
            if cloud.is_live(there) {
                let now = cloud.content(there).filter(|now| Some(now) != content.as_ref());
                if cloud.flavour.kind == Kind::Bucket {
                    cloud.went_unseen.extend(now);
                }
                cloud.throw(there);
            }
            Ok(())
        };
        self.write(Call::Trash, verdict, effect).await
    }

    async fn remove_folder(&self, id: &ItemId, expected: Option<&Tag>) -> Outcome<()> {
        let is_guarded = self.abilities.conditions.empty;
        if !is_guarded && self.abilities.restores {
            return self.trash(id, expected).await;
        }
        let verdict = self.begin(Call::Trash).await?;
        self.sea.tell(|| format!("   remove the folder {}", id.0));
        let id = id.clone();
        let effect = move |cloud: &mut Cloud| {
            let Some(there) = cloud.find(&id).filter(|there| cloud.is_live(*there)) else {
                return Ok(());
            };
            if is_guarded && !cloud.is_empty(there) {
                return Err(RemoteError::Changed);
            }
            let inside = cloud.contents_in(there);
            cloud.went_unseen.extend(inside);
            cloud.throw(there);
            Ok(())
        };
        self.write(Call::Trash, verdict, effect).await
    }

    async fn restore(&self, id: &ItemId) -> Outcome<Item> {
        let verdict = self.begin(Call::Restore).await?;
        if !self.abilities.restores {
            return Err(RemoteError::Unsupported("bring back what is in its trash"));
        }
        self.sea.tell(|| format!("   restore {}", id.0));
        let id = id.clone();
        let effect = move |cloud: &mut Cloud| {
            let there = cloud.find(&id).ok_or(RemoteError::NotFound)?;
            if cloud.things[&there].is_trashed {
                cloud.bring_back(there)?;
            }
            match cloud.seen(there) {
                Some(item) if !item.is_trashed => Ok(item),
                _ => Err(RemoteError::Refused {
                    code: "trashed".to_owned(),
                    reason: "a folder above it is in the trash".to_owned(),
                }),
            }
        };
        self.write(Call::Restore, verdict, effect).await
    }

    async fn new_ids(&self, count: usize) -> Outcome<Vec<ItemId>> {
        if !self.abilities.gives_ids {
            return Ok(Vec::new());
        }
        self.begin(Call::NewIds).await?;
        let ids = {
            let mut cloud = self.cloud();
            (0..count).map(|_| cloud.new_id()).collect()
        };
        self.end(Call::NewIds, ids).await
    }

    async fn revisions(&self, id: &ItemId) -> Outcome<Vec<Past>> {
        self.begin(Call::Revisions).await?;
        if !self.abilities.has_revisions {
            return Err(RemoteError::Unsupported("keep earlier contents"));
        }
        let past = {
            let cloud = self.cloud();
            cloud
                .find(id)
                .map(|there| cloud.past(there))
                .ok_or(RemoteError::NotFound)?
        };
        self.end(Call::Revisions, past).await
    }
}

/// A file as it is after it was written.
fn written(cloud: &Cloud, there: u64, sent: &[u8]) -> Outcome<Written> {
    let item = cloud.seen(there).filter(|item| !item.is_trashed);
    Ok(Written {
        // What is in the trash is not there for us.
        item: item.ok_or(RemoteError::NotFound)?,
        overwrote: Vec::new(),
        is_rewritten: cloud.things[&there]
            .kept
            .last()
            .is_some_and(|kept| kept.bytes != sent),
    })
}

/// All that is sent.
async fn gathered(upload: &Upload<'_>) -> Outcome<Vec<u8>> {
    let mut stream = upload.source.open(0).await.map_err(RemoteError::Source)?;
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.map_err(RemoteError::Source)?);
    }
    match bytes.len() as u64 == upload.source.size_bytes() {
        true => Ok(bytes),
        false => Err(RemoteError::Source(BodyError::Incomplete)),
    }
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl SimDrive {
    /// Opens a content.
    fn open(&self, read: &Read<'_>, verdict: Verdict) -> Outcome<Reading> {
        let cloud = self.cloud();
        let there = cloud.find(read.id).ok_or(RemoteError::NotFound)?;
        if cloud.seen(there).is_none() {
            return Err(RemoteError::NotFound);
        }
        let kept = &cloud.things[&there].kept;
        let current = kept.last().ok_or(RemoteError::NoContent)?;
        let kept = match read.revision {
            None => current,
            Some(wanted) if cloud.flavour.kind == Kind::Drive => kept
                .iter()
                .find(|kept| cloud.revision_of(kept) == *wanted)
                .ok_or(RemoteError::NotFound)?,
            Some(wanted) if cloud.revision_of(current) == *wanted => current,
            Some(_) => return Err(RemoteError::Changed),
        };
        let from = usize::try_from(read.offset)
            .unwrap_or(usize::MAX)
            .min(kept.bytes.len());
        let mut bytes = kept.bytes[from..].to_vec();
        let mut pieces: Vec<Result<Bytes, BodyError>> = Vec::new();
        match verdict.trouble {
            Some((Trouble::Cut, number)) => {
                bytes.truncate(usize::try_from(number % 4).expect("a small number"));
                pieces.push(Ok(bytes.into()));
                pieces.push(Err(BodyError::Incomplete));
            }
            // Nobody would find that out where there are no hashes.
            Some((Trouble::Flipped, _)) if !self.abilities.hashes.is_empty() && !bytes.is_empty() => {
                bytes[0] ^= 1;
                pieces.push(Ok(bytes.into()));
            }
            _ => pieces.push(Ok(bytes.into())),
        }
        Ok(Reading {
            stream: Box::pin(stream::iter(pieces)),
            size_bytes: Some(kept.bytes.len() as u64),
            revision: Some(cloud.revision_of(kept)),
        })
    }
}
