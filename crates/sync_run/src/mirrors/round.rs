//! One plan and its steps.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use hub::{Deed, DeleteGuard, DirtyRow, Loaded, MirrorDesk, MirrorError};
use sync_plan::{EntryId, Note, Plan, Side, Step};

use super::{Run, Verdict, gate, judge};

/// Contents that are on their way at once. One in the simulation, where the seed alone decides what comes next.
const TRANSFERS: usize = if cfg!(test) { 1 } else { 4 };
/// Times that a scene is loaded anew because something in it was not known.
const LOOKS: u32 = 64;
/// Things that others wait for that one plan takes in besides.
const WAITED_FOR: usize = 50;
/// Times that something is found not to be trashed after all before it has to wait, in one try.
const SPARED: u32 = 3;
/// Things that are trashed before the next look.
const TRASHED: u32 = 100;

impl Run {
    /// Loads the scene around entries; what is not known of it is asked for.
    async fn load(&mut self, entries: &[u64]) -> Result<Loaded, MirrorError> {
        for _ in 0..LOOKS {
            let loaded = self.desk.load(entries, &self.absent).await?;
            if !loaded.newcomers.is_empty() {
                self.desk.enrol(&loaded.newcomers).await?;
            } else if loaded.strange.is_empty() && !self.settle_doubts(&loaded).await? {
                return Ok(loaded);
            }
            for id in &loaded.strange {
                if self.desk.look(id).await?.is_none() {
                    self.absent.insert(id.clone());
                }
            }
        }
        Err(MirrorError::Changed)
    }

    /// Reads what may still be what was agreed on. Answers whether anything is known better now.
    async fn settle_doubts(&mut self, loaded: &Loaded) -> Result<bool, MirrorError> {
        let mut is_settled = false;
        for entry in &loaded.doubts {
            let Some(thing) = loaded.things.get(entry) else {
                continue;
            };
            if self.undecided.contains(&entry.0) {
                continue;
            }
            match self.read_agreed(thing).await {
                Ok(()) => is_settled = true,
                Err(error) if matches!(judge(&error), Verdict::Stop(_)) => return Err(error),
                // It counts as edited.
                Err(_) => drop(self.undecided.insert(entry.0)),
            }
        }
        Ok(is_settled)
    }

    /// Plans what is due and does it. Answers whether anything was done.
    pub(super) async fn round(&mut self, due: &[DirtyRow]) -> Result<bool, MirrorError> {
        // What became of a call about them has to be known first.
        let open: BTreeSet<u64> = self
            .desk
            .intents()
            .await?
            .iter()
            .map(|intent| intent.entry)
            .collect();
        let (waiting, due): (Vec<DirtyRow>, Vec<DirtyRow>) =
            due.iter().cloned().partition(|row| open.contains(&row.entry));
        self.put_off_all(&waiting).await?;
        let due = due.as_slice();
        let (loaded, plan) = match self.look_around(due).await {
            Err(MirrorError::Changed) => {
                self.put_off_all(due).await?;
                return Ok(false);
            }
            planned => planned?,
        };
        tracing::trace!(mirror = %self.desk.mirror.id, ?plan, "a plan");
        if !self.proves_moves(&loaded, &plan).await? {
            // What is known is right by now.
            return Ok(true);
        }
        let busy = self.note(due, &plan).await?;
        // Until it is clear what belongs together, a plan says nothing of the rest.
        let is_whole = !plan
            .steps
            .iter()
            .any(|planned| matches!(planned.step, Step::Link { .. } | Step::Retie { .. }));
        let done: Vec<(u64, u64)> = due
            .iter()
            .filter(|row| is_whole && !busy.contains(&row.entry))
            .map(|row| (row.entry, row.generation))
            .collect();
        self.desk.clear(&done).await?;
        let did = self.execute(&loaded, &plan, due).await?;
        if did || !done.is_empty() {
            return Ok(true);
        }
        // What is left may wait for what is about to be trashed.
        if self.trash_round().await? {
            return Ok(true);
        }
        self.put_off_all(due).await?;
        Ok(false)
    }

    /// Plans what is due. What has to come to another place besides, such as a folder that something needs, is looked
    /// around too: what has its name there may not be known yet.
    async fn look_around(&mut self, due: &[DirtyRow]) -> Result<(Loaded, Plan), MirrorError> {
        let mut entries: BTreeSet<u64> = due.iter().map(|row| row.entry).collect();
        loop {
            let asked: Vec<u64> = entries.iter().copied().collect();
            let loaded = self.load(&asked).await?;
            let plan = self.desk.plan(&loaded);
            let known = entries.len();
            let placed = plan
                .steps
                .iter()
                .filter(|planned| matches!(planned.step, Step::Create { .. } | Step::Place { .. }));
            entries.extend(placed.map(|planned| planned.step.entry().0));
            // A folder may wait for one in it that stays because of what is in that.
            let room = (due.len() + WAITED_FOR).saturating_sub(entries.len());
            let waits = plan.notes.iter().filter_map(|note| match note {
                Note::Waits { entry } if !entries.contains(&entry.0) => Some(entry.0),
                _ => None,
            });
            let waits: Vec<u64> = waits.take(room).collect();
            entries.extend(waits);
            if entries.len() == known {
                return Ok((loaded, plan));
            }
        }
    }

    /// Where ids are paths, what came and what went are one thing if both are so: a listing may be older than a move of
    /// our own.
    async fn proves_moves(&self, loaded: &Loaded, plan: &Plan) -> Result<bool, MirrorError> {
        if self.desk.connector().abilities().has_ids {
            return Ok(true);
        }
        for planned in &plan.steps {
            let Step::Retie {
                entry,
                newcomer,
                side: Side::There,
            } = planned.step
            else {
                continue;
            };
            for (entry, is_expected) in [(entry, false), (newcomer, true)] {
                let item = loaded
                    .things
                    .get(&entry)
                    .and_then(|thing| thing.row.item.as_ref());
                if let Some(item) = item
                    && self.is_there(item).await? != is_expected
                {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    async fn put_off_all(&self, due: &[DirtyRow]) -> Result<(), MirrorError> {
        for row in due {
            self.desk.put_off(row, None, false).await?;
        }
        Ok(())
    }

    /// Entries that have steps or wait for others'. Writes down what hinders the rest.
    async fn note(&self, due: &[DirtyRow], plan: &Plan) -> Result<BTreeSet<u64>, MirrorError> {
        let mut busy = BTreeSet::new();
        let mut waiting = Vec::new();
        for planned in &plan.steps {
            busy.insert(planned.step.entry().0);
            match planned.step {
                Step::Link { there, .. } | Step::Compare { there, .. } => busy.insert(there.0),
                Step::Retie { newcomer, .. } => busy.insert(newcomer.0),
                _ => false,
            };
        }
        for note in &plan.notes {
            match note {
                Note::Waits { entry } => {
                    busy.insert(entry.0);
                    if !due.iter().any(|row| row.entry == entry.0) {
                        waiting.push(entry.0);
                    }
                }
                Note::Blocked { entry, obstacle, .. } if due.iter().any(|row| row.entry == entry.0) => {
                    let reason = (!obstacle.is_wanted()).then(|| obstacle.to_string());
                    self.desk.note_blocked(entry.0, reason.as_deref()).await?;
                }
                Note::Drift { entry, side } if due.iter().any(|row| row.entry == entry.0) => {
                    let reason = format!("it was changed {}, on the side that only receives", side.word());
                    self.desk.note_blocked(entry.0, Some(&reason)).await?;
                }
                _ => {}
            }
        }
        // What they wait for may end without a step that is about them.
        self.desk.remind(&waiting).await?;
        Ok(busy)
    }

    /// Does the steps of a plan but for deletes, which are only marked. Answers whether any was done.
    async fn execute(&mut self, loaded: &Loaded, plan: &Plan, due: &[DirtyRow]) -> Result<bool, MirrorError> {
        let (mut notes, mut trash, mut small, mut large) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for planned in &plan.steps {
            match &planned.step {
                Step::Trash { entry, side, .. } => trash.push((*entry, *side)),
                Step::Agree { .. }
                | Step::Forget { .. }
                | Step::Link { .. }
                | Step::Retie { .. }
                | Step::Ask { .. } => notes.push(planned.step.clone()),
                Step::Place { .. } => small.push(&planned.step),
                Step::Create { entry, side, .. } => {
                    let state = loaded
                        .scene
                        .entries
                        .get(entry)
                        .and_then(|entry| entry.on(side.other()));
                    let is_file = state.is_some_and(|state| state.kind.content().is_some());
                    if is_file {
                        large.push(&planned.step)
                    } else {
                        small.push(&planned.step)
                    }
                }
                Step::Write { .. } | Step::KeepBoth { .. } | Step::Compare { .. } => {
                    large.push(&planned.step)
                }
            }
        }
        self.desk.write_down(loaded, &notes).await?;
        let wished = self.desk.wish_trash(loaded, due, &trash).await?;
        gate("written_down").await;
        let mut did = notes.len() + wished;
        for step in small {
            did += usize::from(self.attempt(loaded, step, due).await?);
        }
        self.keep().await?;
        let this = &*self;
        let transfers: Vec<BoxFuture<'_, Result<bool, MirrorError>>> = large
            .into_iter()
            .map(|step| this.attempt(loaded, step, due).boxed())
            .collect();
        let mut transfers = stream::iter(transfers).buffer_unordered(TRANSFERS);
        let mut moved = 0;
        let mut failed = None;
        while let Some(outcome) = transfers.next().await {
            match outcome {
                Ok(is_done) => moved += usize::from(is_done),
                Err(error) => failed = Some(error),
            }
            if failed.is_some() {
                break;
            }
        }
        drop(transfers);
        did += moved;
        self.done += did as u64;
        failed.map_or(Ok(did > 0), Err)
    }

    /// Does one step. Answers whether it was done; what it failed of is written down with its entry.
    async fn attempt(&self, loaded: &Loaded, step: &Step, due: &[DirtyRow]) -> Result<bool, MirrorError> {
        let done = self.perform(loaded, step).await;
        MirrorDesk::count_step(step, done.is_ok());
        let Err(error) = done else {
            return Ok(true);
        };
        let entry = step.entry();
        tracing::debug!(mirror = %self.desk.mirror.id, entry = entry.0, ?step, %error, "a step was not done");
        match judge(&error) {
            Verdict::Stop(_) => Err(error),
            verdict => {
                self.after_failure(loaded, step, due, (&error, verdict)).await?;
                Ok(false)
            }
        }
    }

    async fn after_failure(
        &self,
        loaded: &Loaded,
        step: &Step,
        due: &[DirtyRow],
        (error, verdict): (&MirrorError, Verdict),
    ) -> Result<(), MirrorError> {
        let is_remote = matches!(error, MirrorError::Remote(_));
        if verdict == Verdict::Again && is_remote {
            self.look_again(loaded, step.entry()).await?;
            if let Step::Compare { there, .. } = step {
                self.look_again(loaded, *there).await?;
            }
        }
        let entry = step.entry();
        let Some(row) = due.iter().find(|row| row.entry == entry.0) else {
            return Ok(());
        };
        let is_lasting = verdict == Verdict::Wait { is_lasting: true };
        let reason = error.to_string();
        let reason = (verdict != Verdict::Again).then_some(reason.as_str());
        self.desk.put_off(row, reason, is_lasting).await
    }

    /// Asks how things are there after something was not as it was thought to be.
    async fn look_again(&self, loaded: &Loaded, entry: EntryId) -> Result<(), MirrorError> {
        let Some(thing) = loaded.things.get(&entry) else {
            return Ok(());
        };
        if let Some(item) = &thing.row.item {
            self.desk.look(item).await?;
        }
        // Something unknown may have the name.
        let state = loaded
            .scene
            .entries
            .get(&entry)
            .and_then(|entry| entry.here.as_ref());
        let parents = [state.map(|state| state.parent), thing.row.parent.map(EntryId)];
        let parents: BTreeSet<EntryId> = parents.into_iter().flatten().collect();
        for parent in parents {
            if let Some(folder) = self.desk.folder_there(loaded, parent) {
                self.desk.look(&folder).await?;
                self.list(&folder).await?;
            }
        }
        Ok(())
    }

    async fn perform(&self, loaded: &Loaded, step: &Step) -> Result<(), MirrorError> {
        let deed = |entry: &EntryId| Deed {
            loaded,
            entry: *entry,
        };
        match step {
            Step::Create {
                entry,
                side: Side::Here,
                parent,
                name,
            } => self.create_here(deed(entry), (*parent, name)).await,
            Step::Create {
                entry,
                side: Side::There,
                parent,
                name,
            } => self.create_there(deed(entry), (*parent, name)).await,
            Step::Write {
                entry,
                side: Side::Here,
                overrides,
            } => self.write_here(deed(entry), *overrides).await,
            Step::Write {
                entry,
                side: Side::There,
                overrides,
            } => self.write_there(deed(entry), *overrides).await,
            Step::KeepBoth { entry, copy, clash } => self.keep_both(deed(entry), (copy, *clash)).await,
            Step::Place {
                entry,
                side: Side::Here,
                parent,
                name,
            } => self.place_here(deed(entry), (*parent, name)).await,
            Step::Place {
                entry,
                side: Side::There,
                parent,
                name,
            } => self.place_there(deed(entry), (*parent, name)).await,
            Step::Trash {
                entry,
                side: Side::Here,
                keeps,
            } => self.trash_here(deed(entry), *keeps).await,
            Step::Trash {
                entry,
                side: Side::There,
                keeps,
            } => self.trash_there(deed(entry), *keeps).await,
            Step::Compare { here, there } => self.compare(loaded, (*here, *there)).await,
            Step::Link { .. }
            | Step::Retie { .. }
            | Step::Ask { .. }
            | Step::Agree { .. }
            | Step::Forget { .. } => Ok(()),
        }
    }

    /// Trashes what nothing else is left to do before, as far as the guard lets it. Answers whether anything was done.
    pub(super) async fn trash_round(&mut self) -> Result<bool, MirrorError> {
        let (guard, rows) = self.desk.to_trash(TRASHED).await?;
        if guard == DeleteGuard::Nothing || rows.is_empty() {
            return Ok(false);
        }
        let entries: Vec<u64> = rows.iter().map(|row| row.entry).collect();
        let loaded = self.load(&entries).await?;
        let plan = self.desk.plan(&loaded);
        let mut did = false;
        for row in &rows {
            let mut steps = plan
                .steps
                .iter()
                .filter(|planned| planned.step.entry().0 == row.entry);
            let wish = steps.find(|planned| matches!(planned.step, Step::Trash { .. }));
            match wish {
                Some(planned) => did |= self.attempt(&loaded, &planned.step, &rows).await?,
                // It is not so any more, or has to wait for what is in it.
                None => {
                    let waits = plan
                        .notes
                        .iter()
                        .any(|note| matches!(note, Note::Waits { entry } if entry.0 == row.entry));
                    let is_folder = loaded
                        .things
                        .get(&EntryId(row.entry))
                        .is_some_and(|thing| thing.row.is_folder);
                    if waits && is_folder {
                        continue;
                    }
                    let spared = self.spared.entry(row.entry).or_default();
                    *spared += 1;
                    match *spared <= SPARED {
                        true => self.desk.again(&[row.entry]).await?,
                        // Two plans that see different surroundings may go on about it for ever.
                        false => self.desk.put_off(row, None, false).await?,
                    }
                    did = true;
                }
            }
            self.keep().await?;
        }
        if !did {
            for row in &rows {
                self.desk.put_off(row, None, false).await?;
            }
        }
        Ok(true)
    }
}
