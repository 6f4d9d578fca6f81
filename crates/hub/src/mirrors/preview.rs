//! What a mirror would do, before it does it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use catalog::{DirtyRow, MirrorSide, Tx};
use connectors::Connector;
use model::{Actor, Connection, Millis, Mirror, MirrorId};
use sync_plan::{EntryId, Foresight, Note, Obstacle, Side, Step, foresee};

use super::costs::{Costs, Work};
use super::holds::{HeldDeletes, held_deletes};
use super::rules::Limits;
use super::scene::{self, Loaded};
use super::settings::{ROOT, found};
use crate::listings::Part;
use crate::{Hub, HubError, cursors};

/// Dirty entries that one look takes in.
const BATCH: u32 = 500;
/// Looks that a summary takes at the most; what is beyond them is said to be.
const MOST_BATCHES: u32 = 40;
/// Names that a summary tells of each sort.
const EXAMPLES: usize = 100;

/// What a mirror would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorPlan {
    /// About all of it; with the first page only.
    pub summary: Option<PlanSummary>,
    /// What would be done about the part that this page is about, in the order in which it can be done.
    pub steps: Vec<PlanStep>,
    /// What of that part would be left undone.
    pub notes: Vec<PlanNote>,
    /// Opens the next page; `None` on the last.
    pub next: Option<String>,
}

/// All that a mirror would do, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanSummary {
    /// Things that have to be looked at.
    pub dirty: u64,
    /// All of them are in the numbers below; otherwise they are of the first ones.
    pub is_whole: bool,
    /// Something is still being listed: more may come.
    pub is_gathering: bool,
    /// Steps by their kind, side and sort of thing.
    pub counts: BTreeMap<(&'static str, Option<PlanSide>), u64>,
    /// Bytes that go there.
    pub up_bytes: u64,
    /// Bytes that come here.
    pub down_bytes: u64,
    /// Calls at the provider, about.
    pub calls: u64,
    /// How long it takes, about, seconds.
    pub secs: u64,
    /// Room here: what is free, when there is a limit, and whether it is enough.
    pub room_here: Room,
    /// The same there.
    pub room_there: Room,
    /// Names that cannot be the same on both sides, as far as they are told.
    pub names: Vec<NameProblem>,
    /// How many those are.
    pub name_problems: u64,
    /// What would be left undone, by its reason.
    pub blocked: BTreeMap<String, u64>,
    /// Things whose step failed and that wait for their next try.
    pub waiting: u64,
    /// Deletes that wait for a person's word.
    pub held: Option<HeldDeletes>,
}

/// Whether there is room for what would come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Free, bytes; `None` when nothing limits it, or that is not told.
    pub free_bytes: Option<u64>,
    /// What would come fits.
    pub is_enough: bool,
}

/// A side, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlanSide {
    /// This server.
    Here,
    /// The connection.
    There,
}

/// A name that is another one on the other side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameProblem {
    /// The path here.
    pub path: String,
    /// What it is called there; `None` when it cannot be there at all.
    pub there: Option<String>,
    /// Why, in words.
    pub problem: String,
}

/// Something that would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanStep {
    /// The mirror's number for the thing; `None` of one that is yet to be made.
    pub entry: Option<u64>,
    /// What: `create`, `write`, `move`, `delete`, `keep_both`, `ask`, `compare`.
    pub kind: &'static str,
    /// The side that changes.
    pub side: Option<PlanSide>,
    /// The path below the mirror's folder.
    pub path: String,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Bytes that move, or that are deleted.
    pub size_bytes: u64,
    /// Why, in words.
    pub reason: String,
    /// It waits for a person's word.
    pub is_held: bool,
}

/// Something that would be left undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanNote {
    /// The mirror's number for the thing.
    pub entry: u64,
    /// What: `blocked`, `drift`, `parked`, `waits`, `retries`, `skipped`.
    pub kind: &'static str,
    /// The path below the mirror's folder.
    pub path: String,
    /// Why, in words.
    pub reason: String,
    /// When it is tried again.
    pub retry: Option<Millis>,
}

/// What a plan is made of.
struct Table {
    mirror: Mirror,
    connection: Connection,
    connector: Arc<dyn Connector>,
    limits: Limits,
}

/// What a part of a mirror would lead to.
struct Seen {
    loaded: Loaded,
    foresight: Foresight,
    /// The dirty rows that it is about.
    rows: BTreeMap<u64, DirtyRow>,
}

impl Hub {
    /// Says what a mirror would do: with the first page in numbers, and step by step in pages. Nothing happens.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (a cursor), and what opening the connection says.
    pub async fn mirror_plan(&self, actor: &Actor, id: MirrorId, part: Part) -> Result<MirrorPlan, HubError> {
        let table = self.table(actor, id).await?;
        self.gather_paused(&table.mirror).await?;
        let scope = format!("plan of {id}");
        let after = match &part.cursor {
            Some(cursor) => Some(cursors::open::<u64>(self.keys(), &scope, cursor)?),
            None => None,
        };
        let limit = part.limit.min(BATCH);
        let mut tx = self.read().await?;
        let mut rows = tx.dirty_after(id, after, limit.saturating_add(1)).await?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let last = rows.last().filter(|_| has_more).map(|row| row.entry);
        let seen = table.look(&mut tx, rows).await?;
        let summary = match after {
            None => Some(self.summary(&mut tx, &table, (&seen, last)).await?),
            Some(_) => None,
        };
        Ok(MirrorPlan {
            summary,
            steps: seen.steps(),
            notes: seen.notes(),
            next: last.map(|last| cursors::seal(self.keys(), &scope, &last)),
        })
    }

    async fn table(&self, actor: &Actor, id: MirrorId) -> Result<Table, HubError> {
        let mut tx = self.read().await?;
        let mirror = found(&mut tx, actor, id).await?;
        let connection = tx.connection(mirror.connection).await?;
        drop(tx);
        let connection =
            connection.ok_or(HubError::Conflict("the connection of this mirror was unlinked"))?;
        let connector = self.connector(&connection).await;
        let connector = self.heard(&connection, connector).await?;
        let limits = Limits::of(connector.abilities());
        Ok(Table {
            mirror,
            connection,
            connector,
            limits,
        })
    }

    async fn summary(
        &self,
        tx: &mut Tx,
        table: &Table,
        (first, last): (&Seen, Option<u64>),
    ) -> Result<PlanSummary, HubError> {
        let id = table.mirror.id;
        let counts = tx.dirty_counts(id).await?;
        // The mirror's own folder is only listed.
        let own = tx.dirty(id, &[ROOT]).await?.len() as u64;
        let mut summary = PlanSummary {
            dirty: (counts.due + counts.waiting + counts.to_trash).saturating_sub(own),
            held: held_deletes(tx, id).await?,
            ..PlanSummary::default()
        };
        let mut work = Work::default();
        summary.add(first, &mut work);
        let mut after = last;
        for _ in 1..MOST_BATCHES {
            let Some(from) = after else { break };
            let rows = tx.dirty_after(id, Some(from), BATCH).await?;
            after = rows
                .last()
                .map(|row| row.entry)
                .filter(|_| rows.len() == BATCH as usize);
            let seen = table.look(tx, rows).await?;
            summary.add(&seen, &mut work);
        }
        summary.is_whole = after.is_none();
        let costs = Costs::of(&table.connection.kind);
        summary.calls = costs.calls(&work);
        summary.secs = costs.secs(&work);
        summary.is_gathering |= self.is_behind(tx, table).await?;
        self.measure_room(tx, table, &mut summary).await?;
        Ok(summary)
    }

    /// Whether something changed that was not taken in yet.
    async fn is_behind(&self, tx: &mut Tx, table: &Table) -> Result<bool, HubError> {
        let progress = &table.mirror.progress;
        let space = tx.space(table.mirror.space).await?;
        let feed = tx.feed(table.connection.id).await?;
        let is_filled = feed.is_some_and(|feed| feed.settled_ms.is_some());
        Ok(!is_filled
            || space.is_some_and(|space| space.head > progress.here_seq)
            || tx.remote_head(table.connection.id).await? > progress.there_seq)
    }

    async fn measure_room(
        &self,
        tx: &mut Tx,
        table: &Table,
        summary: &mut PlanSummary,
    ) -> Result<(), HubError> {
        let free_here = match tx.space(table.mirror.space).await? {
            Some(space) => self.free_bytes(tx, &space).await?,
            None => 0,
        };
        summary.room_here = Room {
            free_bytes: (free_here != u64::MAX).then_some(free_here),
            is_enough: free_here >= summary.down_bytes,
        };
        let of = &table.connection;
        let free_there = of
            .limit_bytes
            .map(|limit| limit.saturating_sub(of.used_bytes.unwrap_or(0)));
        summary.room_there = Room {
            free_bytes: free_there,
            is_enough: free_there.is_none_or(|free| free >= summary.up_bytes),
        };
        Ok(())
    }
}

impl Table {
    /// Loads what some dirty entries are about, and foresees what would be done.
    async fn look(&self, tx: &mut Tx, rows: Vec<DirtyRow>) -> Result<Seen, HubError> {
        let entries: Vec<u64> = rows.iter().map(|row| row.entry).collect();
        let abilities = self.connector.abilities();
        let loaded = scene::load(tx, (&self.mirror, abilities), &entries, &HashSet::new()).await?;
        let rules = self.limits.rules(&self.mirror, abilities, 0);
        let foresight = foresee(&loaded.scene, &rules);
        let rows = rows.into_iter().map(|row| (row.entry, row)).collect();
        Ok(Seen {
            loaded,
            foresight,
            rows,
        })
    }
}

impl Seen {
    /// Whether a step or note is of this part, rather than of what surrounds it.
    fn is_own(&self, entry: EntryId) -> bool {
        self.rows.contains_key(&entry.0) || !self.loaded.scene.entries.contains_key(&entry)
    }

    fn steps(&self) -> Vec<PlanStep> {
        let own = self
            .foresight
            .steps
            .iter()
            .filter(|seen| seen.is_visible() || matches!(seen.planned.step, Step::Compare { .. }))
            .filter(|seen| self.is_own(seen.planned.step.entry()));
        own.map(|seen| {
            let entry = seen.planned.step.entry();
            let row = self.rows.get(&entry.0);
            PlanStep {
                entry: self.loaded.scene.entries.contains_key(&entry).then_some(entry.0),
                kind: kind(&seen.planned.step),
                side: seen.planned.step.side().map(PlanSide::from),
                path: seen.path.clone(),
                is_folder: seen.is_folder,
                size_bytes: seen.size_bytes,
                reason: seen.planned.why.to_string(),
                is_held: matches!(seen.planned.step, Step::Trash { .. })
                    && row.is_some_and(|row| row.trash.is_some() && !row.is_approved),
            }
        })
        .collect()
    }

    fn notes(&self) -> Vec<PlanNote> {
        let mut notes: Vec<PlanNote> = self
            .foresight
            .notes
            .iter()
            .filter_map(|note| self.note(note))
            .collect();
        for (entry, row) in &self.rows {
            let thing = self.loaded.things.get(&EntryId(*entry));
            let Some(error) = thing.and_then(|thing| thing.row.error.clone()) else {
                continue;
            };
            notes.push(PlanNote {
                entry: *entry,
                kind: "retries",
                path: self.loaded.scene.path(EntryId(*entry), None),
                reason: error,
                retry: row.next_ms.or(thing.and_then(|thing| thing.row.next_ms)),
            });
        }
        notes
    }

    fn note(&self, note: &Note) -> Option<PlanNote> {
        let (entry, kind, reason) = match note {
            Note::Blocked {
                entry,
                obstacle: Obstacle::Skipped,
                ..
            } => (entry, "skipped", Obstacle::Skipped.to_string()),
            Note::Blocked { entry, obstacle, .. } => (entry, "blocked", obstacle.to_string()),
            Note::Drift { entry, side } => (
                entry,
                "drift",
                format!("it was changed {}, which only receives; it stays so", side.word()),
            ),
            Note::Waits { entry } => (
                entry,
                "waits",
                "it waits for something else to be done".to_owned(),
            ),
            Note::Parked { entry } => (entry, "parked", "a person decides about it".to_owned()),
            Note::Decided { .. } => return None,
        };
        self.is_own(*entry).then(|| PlanNote {
            entry: entry.0,
            kind,
            path: self.foresight.end.path(*entry, None),
            reason,
            retry: None,
        })
    }

    /// Names that are others on the other side in the end, and those that cannot be there.
    fn names(&self) -> Vec<NameProblem> {
        let mut found = Vec::new();
        let mut told = BTreeSet::new();
        for (id, entry) in &self.foresight.end.entries {
            if !self.is_own(*id) {
                continue;
            }
            if let (Some(here), Some(there)) = (&entry.here, &entry.there)
                && here.name != there.name
                && told.insert(*id)
            {
                found.push(NameProblem {
                    path: self.foresight.end.path(*id, Some(Side::Here)),
                    there: Some(there.name.to_string()),
                    problem: "the provider cannot hold this name as it is, or another one has it".to_owned(),
                });
            }
        }
        for note in &self.foresight.notes {
            if let Note::Blocked {
                entry,
                obstacle: Obstacle::Name(problem),
                ..
            } = note
                && self.is_own(*entry)
                && told.insert(*entry)
            {
                found.push(NameProblem {
                    path: self.foresight.end.path(*entry, Some(Side::Here)),
                    there: None,
                    problem: problem.clone(),
                });
            }
        }
        found
    }
}

impl PlanSummary {
    fn add(&mut self, seen: &Seen, work: &mut Work) {
        for step in seen.steps() {
            *self.counts.entry((step.kind, step.side)).or_default() += 1;
            work.add(&step);
            match (step.kind, step.side) {
                ("create" | "write", Some(PlanSide::There)) => self.up_bytes += step.size_bytes,
                ("create" | "write" | "keep_both", Some(PlanSide::Here)) => {
                    self.down_bytes += step.size_bytes
                }
                _ => {}
            }
        }
        for note in seen.notes() {
            match note.kind {
                "blocked" | "drift" | "skipped" => *self.blocked.entry(note.reason).or_default() += 1,
                "retries" => self.waiting += 1,
                _ => {}
            }
        }
        let names = seen.names();
        self.name_problems += names.len() as u64;
        let room = EXAMPLES.saturating_sub(self.names.len());
        self.names.extend(names.into_iter().take(room));
        let is_listing = |row: &DirtyRow| row.flags != 0;
        self.is_gathering |= seen.rows.values().any(is_listing)
            || !seen.loaded.newcomers.is_empty()
            || !seen.loaded.strange.is_empty();
    }
}

/// What a step does, as the API and the metrics call it.
pub(super) const fn kind(step: &Step) -> &'static str {
    match step {
        Step::Create { .. } => "create",
        Step::Write { .. } => "write",
        Step::Place { .. } => "move",
        Step::Trash { .. } => "delete",
        Step::KeepBoth { .. } => "keep_both",
        Step::Ask { .. } => "ask",
        Step::Compare { .. } => "compare",
        Step::Link { .. } | Step::Retie { .. } | Step::Agree { .. } | Step::Forget { .. } => "note",
    }
}

impl From<Side> for PlanSide {
    fn from(side: Side) -> Self {
        match side {
            Side::Here => Self::Here,
            Side::There => Self::There,
        }
    }
}

impl From<MirrorSide> for PlanSide {
    fn from(side: MirrorSide) -> Self {
        match side {
            MirrorSide::Here => Self::Here,
            MirrorSide::There => Self::There,
        }
    }
}

impl PlanSide {
    /// The word that stands for it in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Here => "here",
            Self::There => "there",
        }
    }
}
