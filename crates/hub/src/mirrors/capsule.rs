//! Incident capsules: all that a plan of a mirror was made from, with names that say nothing, so that the plan can be
//! made once more by somebody who must not see the files.

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};

use catalog::{EntryList, Tx};
use model::{Actor, Millis, Mirror, MirrorId};
use serde::{Deserialize, Serialize};
use sync_plan::{Entry, Obstacle, Plan, Policy, Rules, Scene, Side, State, plan};

use super::redact::Redactor;
use super::rules::Limits;
use super::scene::{self, Loaded};
use super::settings::{ROOT, found};
use crate::{Hub, HubError};

/// Entries around the trouble, events and dirty rows that are told at the most.
const MOST: u32 = 200;
/// The shape of a capsule.
const FORMAT: u32 = 1;

/// All that a plan of a mirror was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Capsule {
    /// The shape of this document.
    pub format: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// When it was made.
    pub made_ms: i64,
    /// The mirror.
    pub mirror: CapsuleMirror,
    /// What decides a plan.
    pub rules: CapsuleRules,
    /// What the planner was given.
    pub scene: CapsuleScene,
    /// What it said: steps and notes, in its own words.
    pub plan: Vec<String>,
    /// What has to be looked at.
    pub dirty: Vec<CapsuleDirty>,
    /// What failed.
    pub failed: Vec<CapsuleFailed>,
    /// What happened, the newest first.
    pub events: Vec<CapsuleEvent>,
}

/// A mirror and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapsuleMirror {
    /// The provider.
    pub kind: String,
    /// Whether it runs.
    pub state: String,
    /// The last entry of the space's journal that was taken in, and the journal's end.
    pub here: (u64, u64),
    /// The same of the connection's.
    pub there: (u64, u64),
    /// Everything was compared at least once.
    pub is_complete: bool,
    /// Rounds that failed in a row.
    pub failures: u32,
    /// Deletes that wait: those that nobody approved, and those that somebody did.
    pub deletes: (u64, u64),
}

/// What decides a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapsuleRules {
    /// `two-way`, `push` or `pull`.
    pub direction: String,
    /// `leave` or `revert`.
    pub drift: String,
    /// `last-write`, `keep-both` or `manual`.
    pub policy: String,
    /// A folder there may hold several items of one name.
    pub has_duplicates: bool,
    /// Ids there stay.
    pub has_ids: bool,
    /// How far apart two times must be.
    pub skew_ms: i64,
}

/// What the planner was given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CapsuleScene {
    /// Entries.
    pub entries: Vec<CapsuleEntry>,
    /// Contents that cannot be told apart.
    pub unsure: Vec<(u64, u64)>,
    /// Folders with more in them than is here: the side and the entry.
    pub crowded: Vec<(String, u64)>,
}

/// An entry of a scene.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapsuleEntry {
    /// Its number.
    pub entry: u64,
    /// How it is here.
    pub here: Option<CapsuleState>,
    /// How it is there.
    pub there: Option<CapsuleState>,
    /// What was agreed last.
    pub base: Option<CapsuleBase>,
    /// Its own policy.
    pub policy: Option<String>,
    /// A person decides.
    pub is_parked: bool,
}

/// How an entry is on a side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapsuleState {
    /// Its folder.
    pub parent: u64,
    /// Its name, which says nothing.
    pub name: String,
    /// `folder`, `file` or `other`.
    pub kind: String,
    /// A file's content.
    pub content: Option<u64>,
    /// Its length.
    pub size_bytes: u64,
    /// When it was changed.
    pub changed_ms: i64,
    /// Why it cannot go to the other side.
    pub obstacle: Option<(String, String)>,
}

/// What was agreed last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapsuleBase {
    /// The folder.
    pub parent: Option<u64>,
    /// The names here and there.
    pub names: Option<(String, String)>,
    /// A file's content.
    pub content: Option<u64>,
    /// Whether it was a folder.
    pub is_folder: bool,
}

/// An entry that has to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapsuleDirty {
    /// Its number.
    pub entry: u64,
    /// How often that was said.
    pub generation: u64,
    /// What is to be listed.
    pub flags: u32,
    /// Since when.
    pub since_ms: i64,
    /// Not before then.
    pub next_ms: Option<i64>,
    /// It is to be trashed.
    pub is_to_trash: bool,
    /// Somebody approved that.
    pub is_approved: bool,
    /// A call about it began, and it is not known that it ended.
    pub has_call: bool,
}

/// An entry whose last step failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapsuleFailed {
    /// Its number.
    pub entry: u64,
    /// Tries.
    pub attempts: u32,
    /// Why, without names.
    pub error: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapsuleEvent {
    /// When.
    pub at_ms: i64,
    /// What.
    pub kind: String,
}

impl Hub {
    /// Packs up what a plan of a mirror is made from, for somebody who looks for a fault and must not see the files.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (the connection was unlinked), and what opening it says.
    pub async fn mirror_capsule(&self, actor: &Actor, id: MirrorId) -> Result<Capsule, HubError> {
        let mut tx = self.read().await?;
        let mirror = found(&mut tx, actor, id).await?;
        let connection = tx.connection(mirror.connection).await?;
        let connection =
            connection.ok_or(HubError::Conflict("the connection of this mirror was unlinked"))?;
        drop(tx);
        self.gather_paused(&mirror).await?;
        let connector = self.connector(&connection).await;
        let connector = self.heard(&connection, connector).await?;
        let abilities = connector.abilities();
        let limits = Limits::of(abilities);
        let mut tx = self.read().await?;
        let entries = troubled(&mut tx, id).await?;
        let loaded = scene::load(&mut tx, (&mirror, abilities), &entries, &HashSet::new()).await?;
        let rules = limits.rules(&mirror, abilities, 0);
        let mut redactor = Redactor::new(self.keys().cursor());
        let scene = redacted(&loaded, &mut redactor);
        let heads = self.mirror_heads(&mirror).await?;
        let progress = &mirror.progress;
        let events = tx.mirror_events(id, None, MOST).await?;
        Ok(Capsule {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            made_ms: self.now().0,
            mirror: CapsuleMirror {
                kind: connection.kind.clone(),
                state: mirror.state.as_str().to_owned(),
                here: (progress.here_seq, heads.here),
                there: (progress.there_seq, heads.there),
                is_complete: progress.is_complete,
                failures: progress.failures,
                deletes: tx.count_to_trash(id).await?,
            },
            rules: CapsuleRules {
                direction: mirror.direction.as_str().to_owned(),
                drift: mirror.drift.as_str().to_owned(),
                policy: mirror.policy.as_str().to_owned(),
                has_duplicates: rules.has_duplicates,
                has_ids: rules.has_ids,
                skew_ms: rules.skew_ms,
            },
            plan: told(&planned(&scene, &rules)),
            scene,
            dirty: dirty(&mut tx, id).await?,
            failed: failed(&mut tx, &mirror, &mut redactor).await?,
            events: events
                .into_iter()
                .map(|event| CapsuleEvent {
                    at_ms: event.at_ms.0,
                    kind: event.kind,
                })
                .collect(),
        })
    }
}

/// What has to be looked at, failed, or waits for a person.
async fn troubled(tx: &mut Tx, id: MirrorId) -> Result<Vec<u64>, HubError> {
    let mut entries = BTreeSet::new();
    for row in tx.dirty_after(id, None, MOST).await? {
        entries.insert(row.entry);
    }
    for list in [EntryList::Failed, EntryList::Parked] {
        for row in tx.listed_entries((id, list), ROOT, MOST).await? {
            entries.insert(row.entry);
        }
    }
    entries.remove(&ROOT);
    Ok(entries.into_iter().collect())
}

async fn dirty(tx: &mut Tx, id: MirrorId) -> Result<Vec<CapsuleDirty>, HubError> {
    let calls = tx.intents(id, MOST).await?;
    let calls: BTreeSet<u64> = calls.into_iter().map(|call| call.entry).collect();
    let rows = tx.dirty_after(id, None, MOST).await?;
    let rows = rows.into_iter().map(|row| CapsuleDirty {
        has_call: calls.contains(&row.entry),
        entry: row.entry,
        generation: row.generation,
        flags: row.flags,
        since_ms: row.since_ms.0,
        next_ms: row.next_ms.map(|at| at.0),
        is_to_trash: row.trash.is_some(),
        is_approved: row.is_approved,
    });
    Ok(rows.collect())
}

async fn failed(
    tx: &mut Tx,
    mirror: &Mirror,
    redactor: &mut Redactor<'_>,
) -> Result<Vec<CapsuleFailed>, HubError> {
    let rows = tx
        .listed_entries((mirror.id, EntryList::Failed), ROOT, MOST)
        .await?;
    let rows = rows.into_iter().map(|row| {
        let mut error = row.error.unwrap_or_default();
        let names = row.names.into_iter().flat_map(|(here, there)| [here, there]);
        for name in names {
            error = error.replace(&name, &redactor.name(&name));
        }
        if let Some(item) = &row.item {
            error = error.replace(item, &redactor.id(item));
        }
        CapsuleFailed {
            entry: row.entry,
            attempts: row.attempts,
            error,
        }
    });
    Ok(rows.collect())
}

fn redacted(loaded: &Loaded, redactor: &mut Redactor<'_>) -> CapsuleScene {
    let scene = &loaded.scene;
    let mut state = |state: &State| CapsuleState {
        parent: state.parent.0,
        name: redactor.name(&state.name),
        kind: match state.kind {
            sync_plan::Kind::Folder => "folder",
            sync_plan::Kind::File(_) => "file",
            sync_plan::Kind::Other => "other",
        }
        .to_owned(),
        content: state.kind.content().map(|content| content.0),
        size_bytes: state.size_bytes,
        changed_ms: state.changed.0,
        obstacle: state.obstacle.as_ref().map(obstacle),
    };
    let mut entries = Vec::with_capacity(scene.entries.len());
    for (id, entry) in &scene.entries {
        entries.push(CapsuleEntry {
            entry: id.0,
            here: entry.here.as_ref().map(&mut state),
            there: entry.there.as_ref().map(&mut state),
            base: None,
            policy: entry.policy.map(|policy| word(policy).to_owned()),
            is_parked: entry.is_parked,
        });
    }
    for (told, entry) in entries.iter_mut().zip(scene.entries.values()) {
        told.base = entry.base.as_ref().map(|base| CapsuleBase {
            parent: base.parent.map(|parent| parent.0),
            names: base
                .names
                .as_ref()
                .map(|(here, there)| (redactor.name(here), redactor.name(there))),
            content: base.content.map(|content| content.0),
            is_folder: base.is_folder,
        });
    }
    CapsuleScene {
        entries,
        unsure: scene.unsure.iter().map(|(one, other)| (one.0, other.0)).collect(),
        crowded: scene
            .crowded
            .iter()
            .map(|(side, entry)| (side.word().to_owned(), entry.0))
            .collect(),
    }
}

const fn word(policy: Policy) -> &'static str {
    match policy {
        Policy::LastWrite => "last-write",
        Policy::KeepBoth => "keep-both",
        Policy::Manual => "manual",
    }
}

/// The word and the number of an obstacle; its texts may have names in them.
fn obstacle(of: &Obstacle) -> (String, String) {
    let (word, text) = match of {
        Obstacle::Document => ("document", String::new()),
        Obstacle::Shortcut => ("shortcut", String::new()),
        Obstacle::Odd => ("odd", String::new()),
        Obstacle::TooLarge { most_bytes } => ("too_large", most_bytes.to_string()),
        Obstacle::ReadOnly => ("read_only", String::new()),
        Obstacle::ReadOnlyConnection => ("read_only_connection", String::new()),
        Obstacle::Name(_) => ("name", String::new()),
        Obstacle::TooDeep => ("too_deep", String::new()),
        Obstacle::Rule(_) => ("rule", String::new()),
        Obstacle::Skipped => ("skipped", String::new()),
        Obstacle::Refused(_) => ("refused", String::new()),
    };
    (word.to_owned(), text)
}

impl Capsule {
    /// The scene that the planner was given.
    pub fn scene(&self) -> Scene {
        self.scene.scene()
    }
}

impl CapsuleScene {
    fn scene(&self) -> Scene {
        let side = |word: &str| match word {
            "here" => Side::Here,
            _ => Side::There,
        };
        let entries = self
            .entries
            .iter()
            .map(|told| (sync_plan::EntryId(told.entry), told.entry()));
        let content = sync_plan::Content;
        Scene {
            entries: entries.collect(),
            unsure: self
                .unsure
                .iter()
                .map(|(one, other)| (content(*one), content(*other)))
                .collect(),
            crowded: self
                .crowded
                .iter()
                .map(|(word, entry)| (side(word), sync_plan::EntryId(*entry)))
                .collect(),
        }
    }
}

impl CapsuleEntry {
    fn entry(&self) -> Entry {
        Entry {
            here: self.here.as_ref().map(CapsuleState::state),
            there: self.there.as_ref().map(CapsuleState::state),
            base: self.base.as_ref().map(|base| sync_plan::Base {
                parent: base.parent.map(sync_plan::EntryId),
                names: base
                    .names
                    .as_ref()
                    .map(|(here, there)| (here.as_str().into(), there.as_str().into())),
                content: base.content.map(sync_plan::Content),
                is_folder: base.is_folder,
            }),
            policy: self.policy.as_deref().map(|word| match word {
                "last-write" => Policy::LastWrite,
                "manual" => Policy::Manual,
                _ => Policy::KeepBoth,
            }),
            is_parked: self.is_parked,
        }
    }
}

impl CapsuleState {
    fn state(&self) -> State {
        State {
            parent: sync_plan::EntryId(self.parent),
            name: self.name.as_str().into(),
            kind: match (self.kind.as_str(), self.content) {
                ("folder", _) => sync_plan::Kind::Folder,
                (_, Some(content)) => sync_plan::Kind::File(sync_plan::Content(content)),
                _ => sync_plan::Kind::Other,
            },
            size_bytes: self.size_bytes,
            changed: Millis(self.changed_ms),
            obstacle: self.obstacle.as_ref().map(|(word, text)| match word.as_str() {
                "document" => Obstacle::Document,
                "shortcut" => Obstacle::Shortcut,
                "too_large" => Obstacle::TooLarge {
                    most_bytes: text.parse().unwrap_or(0),
                },
                "read_only" => Obstacle::ReadOnly,
                "read_only_connection" => Obstacle::ReadOnlyConnection,
                "name" => Obstacle::Name(String::new()),
                "too_deep" => Obstacle::TooDeep,
                "rule" => Obstacle::Rule(String::new()),
                "skipped" => Obstacle::Skipped,
                "refused" => Obstacle::Refused(String::new()),
                _ => Obstacle::Odd,
            }),
        }
    }
}

/// What the planner says about what the capsule holds.
fn planned(scene: &CapsuleScene, rules: &Rules<'_>) -> Plan {
    plan(&scene.scene(), rules)
}

fn told(plan: &Plan) -> Vec<String> {
    let steps = plan.steps.iter().map(|planned| format!("{planned:?}"));
    let notes = plan.notes.iter().map(|note| format!("{note:?}"));
    steps.chain(notes).collect()
}
