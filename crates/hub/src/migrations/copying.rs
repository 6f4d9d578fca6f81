//! Bringing things over: folders from the highest down, then contents, several at once.

use connectors::{RemoteError, Revision, Target, Upload};
use model::{Migration, MigrationItem, MigrationItemState, MigrationStage, Progress, RemoteKind};
use tokio::task::JoinSet;

use super::compare::differs;
use super::content::{Original, Session};
use super::placing::{Carrier, mark_of};
use super::trouble::{Side, Trouble, later, note};
use super::{Flow, Sides, names, report};
use crate::connections::texts_of;
use crate::{Hub, HubError};

/// Items that one step takes in, and bytes of them.
const STEP: u32 = 64;
const STEP_BYTES: u64 = 256 << 20;
/// Items that are brought over at once.
const AT_ONCE: usize = 4;

/// What came of one item.
struct Brought {
    bytes: u64,
    /// Its provider does not answer.
    outage: Option<(Side, String)>,
}

impl Hub {
    pub(super) async fn copy_some(
        &self,
        of: &Migration,
        sides: &Sides,
        progress: &mut Progress,
    ) -> Result<Flow, Trouble> {
        let work = self.next_work(of).await?;
        if work.is_empty() {
            return match of.deletes_gone {
                true => self.enter_stage(of, MigrationStage::Remove).await,
                false => self.end_pass(of).await,
            };
        }
        let many = work.len();
        let mut work = self.give_ids(sides, work).await?.into_iter();
        let (mut running, mut outages, mut stop) = (JoinSet::new(), Vec::new(), None);
        loop {
            while running.len() < AT_ONCE
                && stop.is_none()
                && let Some(item) = work.next()
            {
                let (hub, sides) = (self.clone(), sides.clone());
                running.spawn(async move { hub.bring(&sides, item).await });
            }
            let Some(ended) = running.join_next().await else {
                break;
            };
            match ended.map_err(|panic| HubError::Internal(panic.into()))? {
                Ok(brought) => {
                    progress.done_bytes += brought.bytes;
                    outages.extend(brought.outage);
                }
                Err(ours @ Trouble::Ours(_)) => return Err(ours),
                // What is under way comes to its end first.
                Err(theirs) => stop = Some(theirs),
            }
        }
        progress.total_bytes = progress.total_bytes.max(progress.done_bytes);
        report::set_percent(progress);
        if let Some(trouble) = stop {
            return Err(trouble);
        }
        if many >= AT_ONCE
            && outages.len() == many
            && let Some((side, text)) = outages.pop()
        {
            return Err(Trouble::Theirs(side, RemoteError::Unavailable(text)));
        }
        if of.failures > 0 || of.reason.is_some() {
            return self.enter_stage(of, MigrationStage::Copy).await;
        }
        Ok(Flow::GoOn)
    }

    /// What is to be done next: folders of one level, or as much else as one step takes in.
    async fn next_work(&self, of: &Migration) -> Result<Vec<MigrationItem>, Trouble> {
        let now = self.now();
        let mut tx = self.read().await?;
        let mut work = tx.migration_work((of.id, true), now, STEP).await?;
        if let Some(highest) = work.first().map(|item| item.depth) {
            work.retain(|item| item.depth == highest);
            return Ok(work);
        }
        let mut bytes = 0;
        let mut work = tx.migration_work((of.id, false), now, STEP).await?;
        work.retain(|item| {
            let fits = bytes < STEP_BYTES;
            bytes += item.size_bytes.unwrap_or(0);
            fits
        });
        Ok(work)
    }

    /// Gives ids ahead to what is new, so that nothing is made twice.
    async fn give_ids(
        &self,
        sides: &Sides,
        mut work: Vec<MigrationItem>,
    ) -> Result<Vec<MigrationItem>, Trouble> {
        if !sides.target.abilities().gives_ids {
            return Ok(work);
        }
        let lacks = |item: &MigrationItem| item.copy.id.is_none() && item.given_id.is_none();
        let many = work.iter().filter(|item| lacks(item)).count();
        if many == 0 {
            return Ok(work);
        }
        let ids = sides.target.new_ids(many).await.map_err(Trouble::to_side)?;
        let mut given = Vec::with_capacity(many);
        for (item, id) in work.iter_mut().filter(|item| lacks(item)).zip(ids) {
            item.given_id = Some(id.0);
            given.push(item.clone());
        }
        let mut tx = self.write().await?;
        tx.put_migration_items(sides.id, &given).await?;
        tx.commit().await?;
        Ok(work)
    }

    /// Brings one item over and writes down what came of it.
    async fn bring(&self, sides: &Sides, mut item: MigrationItem) -> Result<Brought, Trouble> {
        let copy_before = item.copy.id.clone();
        let session = Session::new(self, sides.id, &item.source, item.session.take());
        let done = self.bring_over(sides, &mut item, &session).await;
        item.session = session.sealed();
        let now = self.now();
        let (mut outage, mut everything) = (None, None);
        match done {
            Ok(()) if item.state == MigrationItemState::Done => {
                item.attempts = 0;
                item.next_ms = None;
                item.reason = None;
            }
            Ok(()) => {}
            Err(trouble) => {
                if let Trouble::Theirs(side, RemoteError::Unavailable(text)) = &trouble {
                    outage = Some((*side, text.clone()));
                }
                everything = note(&mut item, trouble, now).err();
            }
        }
        let mut tx = self.write().await?;
        tx.put_migration_items(sides.id, std::slice::from_ref(&item))
            .await?;
        if item.is_folder() && item.copy.id.is_some() && item.copy.id != copy_before {
            tx.move_migration_items(sides.id, &item.source, now).await?;
        }
        tx.commit().await?;
        if let Some(trouble) = everything {
            return Err(trouble);
        }
        let is_done = item.state == MigrationItemState::Done;
        Ok(Brought {
            bytes: item.size_bytes.filter(|_| is_done).unwrap_or(0),
            outage,
        })
    }

    async fn bring_over(
        &self,
        sides: &Sides,
        item: &mut MigrationItem,
        session: &Session,
    ) -> Result<(), Trouble> {
        let above = item.parent.clone().unwrap_or_default();
        let above = self.read().await?.migration_item(sides.id, &above).await?;
        let Some(parent) = above.as_ref().and_then(|above| above.copy.id.clone()) else {
            let next = above.and_then(|above| above.next_ms);
            item.state = match next {
                Some(_) => MigrationItemState::Waiting,
                None => MigrationItemState::Failed,
            };
            item.reason = Some("its folder is not at the target".to_owned());
            item.next_ms = next.map(|next| next.max(self.now().plus_secs(1)));
            return Ok(());
        };
        let original = match item.kind {
            RemoteKind::Folder => None,
            _ => match self.original_of(sides, item).await? {
                Some(original) => Some(original),
                None => return Ok(()),
            },
        };
        let name = original.as_ref().map_or(&item.name, |original| &original.name);
        let name = name.clone();
        let Some(called) = called(sides, &name, item) else {
            return Ok(());
        };
        let carrier = Carrier {
            hub: self,
            sides,
            parent,
            parent_was_there: above.is_some_and(|above| above.copy.was_there),
            called,
            original,
            session,
        };
        carrier.carry(item).await
    }

    /// What is to be read; `None` when that is no use, which is written down with the item.
    async fn original_of(
        &self,
        sides: &Sides,
        item: &mut MigrationItem,
    ) -> Result<Option<Original>, Trouble> {
        // What the index knew was not so any more.
        let seen = match item.attempts {
            0 => self.original(sides, &item.source).await?,
            _ => self.original_now(sides, &item.source).await?,
        };
        let Some(seen) = seen else {
            later(item, "it cannot be found at the source", self.now());
            return Ok(None);
        };
        let most_bytes = sides.target.abilities().largest_bytes;
        if seen.size_bytes.is_some_and(|size| size > most_bytes) {
            let error = RemoteError::TooLarge { most_bytes };
            note(item, Trouble::Theirs(Side::To, error), self.now())?;
            return Ok(None);
        }
        Ok(Some(Original::new(sides, seen).await?))
    }
}

/// What an item is called at the target; `None` when it cannot be held there, which is written down with it.
fn called(sides: &Sides, name: &str, item: &mut MigrationItem) -> Option<String> {
    let rules = &sides.target.abilities().names;
    let unmovable = |item: &mut MigrationItem, why: String| {
        item.state = MigrationItemState::Unmovable;
        item.reason = Some(format!("the target cannot hold its name: {why}"));
        item.next_ms = None;
    };
    match names::encode(rules, name) {
        Err(fault) => {
            unmovable(item, fault.to_string());
            None
        }
        Ok(called) => {
            let longest = rules.longest_path;
            if longest.is_some_and(|longest| rules.count(&item.path) > longest) {
                unmovable(item, "its path is too long".to_owned());
                return None;
            }
            item.note = (called != item.name).then(|| format!("it is called `{called}` at the target"));
            Some(called)
        }
    }
}

impl Carrier<'_> {
    /// Brings an item to its place, with its content.
    async fn carry(&self, item: &mut MigrationItem) -> Result<(), Trouble> {
        let is_placed = match item.copy.id.is_some() {
            false => self.create(item).await?,
            true => self.place(item).await?,
        };
        if !is_placed {
            return Ok(());
        }
        if let Some(original) = &self.original {
            let mark = mark_of(&original.item);
            let hashes = texts_of(&original.item.hashes);
            let size = original.item.size_bytes;
            if differs(&item.copy, size, (mark.as_deref(), &hashes)) && !self.replace(item, original).await? {
                return Ok(());
            }
        }
        item.state = MigrationItemState::Done;
        item.reason = None;
        Ok(())
    }

    /// Replaces the content of a copy that is as it was written. Answers false when it is not.
    async fn replace(&self, item: &mut MigrationItem, original: &Original) -> Result<bool, Trouble> {
        let (Some(id), Some(revision)) = (item.copy.id.clone(), item.copy.revision.clone()) else {
            return Ok(self.conflict(item, "its copy cannot be told from another"));
        };
        let id = connectors::ItemId(id);
        let mut expected = Revision(revision);
        loop {
            let target = Target::Replace {
                id: &id,
                expected: &expected,
            };
            match self.sides.target.upload(self.upload(target, original)).await {
                Ok(written) => {
                    self.record(item, &written.item, false);
                    item.copy.is_rewritten = written.is_rewritten;
                    if !written.overwrote.is_empty() {
                        item.note = Some(
                            "somebody changed the copy in the moment in which it was replaced; the target keeps \
                             that as an earlier version"
                                .to_owned(),
                        );
                    }
                    return Ok(true);
                }
                Err(RemoteError::Changed | RemoteError::NotFound | RemoteError::Exists) => {}
                Err(error) => return Err(Trouble::to_side(error)),
            }
            let Some(there) = self.hub.copy_now(self.sides, &id.0).await? else {
                return Ok(self.conflict(item, "its copy was removed or moved at the target"));
            };
            if self.is_same(original, &there).await? {
                // The answer of an earlier try was lost.
                self.record(item, &there, item.copy.was_there);
                return Ok(true);
            }
            let is_ours = self.is_as_written(item, &there);
            match there.revision {
                Some(now) if is_ours && now != expected => expected = now,
                _ => {
                    let why = "somebody changed its copy at the target; nothing was overwritten";
                    return Ok(self.conflict(item, why));
                }
            }
        }
    }

    pub(super) fn upload<'a>(&'a self, target: Target<'a>, original: &'a Original) -> Upload<'a> {
        Upload {
            target,
            source: original,
            media_type: &original.media_type,
            modified: original.item.modified,
            journal: self.session,
        }
    }
}
