//! The shapes of migrations and of what became of their items.

use hub::MigrationReport;
use model::{MigrationItem, MigrationItemState, MigrationProof, MigrationSide, MigrationStage};
use serde::Serialize;
use utoipa::ToSchema;

use super::views::time;

/// A move of a folder in one connection to a folder in another.
#[derive(Serialize, ToSchema)]
pub(crate) struct MigrationView {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// What is moved. Nothing there is ever changed.
    from: SideView,
    /// Where to.
    to: SideView,
    /// `export`: documents without bytes of their own are exported. `list`: they are listed as unmovable.
    #[schema(example = "export")]
    documents: &'static str,
    /// Whether copies of what is gone at the source are put into the target's trash.
    delete_gone: bool,
    /// Whether each copy is read back in the end, whatever its provider tells.
    read_back: bool,
    /// `active`, `paused`, `done` or `cancelled`.
    #[schema(example = "active")]
    state: &'static str,
    /// What it is at: `look`, `compare`, `missing`, `copy`, `remove`, `rest` or `verify`.
    #[schema(example = "copy")]
    stage: &'static str,
    /// Counts the passes: the first copies everything, the others what changed since.
    pass: u64,
    /// Differences that the present pass found so far.
    differences: u64,
    /// Whether it ends once a pass finds nothing that differs.
    finishing: bool,
    /// Why it waits, and what a person can do, in a sentence.
    reason: Option<String>,
    /// When it goes on; `null` when it does not by itself.
    #[schema(format = DateTime)]
    next_at: Option<String>,
    /// When it was asked for.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// How many folders are at the target.
    folders: u64,
    /// Everything but folders, by where it stands.
    items: CountsView,
    /// The files at the target by how they are known to be equal to their originals.
    proofs: ProofsView,
}

/// One side of a migration.
#[derive(Serialize, ToSchema)]
pub(crate) struct SideView {
    /// The connection's id.
    #[schema(format = Uuid)]
    connection: String,
    /// What it is called; `null` once it is removed.
    label: Option<String>,
    /// The folder's path.
    #[schema(example = "/Papers")]
    path: String,
}

/// How many items, and bytes of them.
#[derive(Serialize, Default, ToSchema)]
pub(crate) struct CountView {
    /// How many.
    items: u64,
    /// Bytes, as the source tells.
    bytes: u64,
}

/// Items by where they stand.
#[derive(Serialize, Default, ToSchema)]
pub(crate) struct CountsView {
    /// Have yet to be brought over.
    waiting: CountView,
    /// The target has them.
    done: CountView,
    /// Could not be brought over.
    failed: CountView,
    /// The target has something else in their place, which was not overwritten.
    conflict: CountView,
    /// No migration can bring them over.
    unmovable: CountView,
    /// Are gone at the source; their copies stay.
    gone: CountView,
    /// Are gone at the source; their copies are in the target's trash.
    removed: CountView,
}

/// Files by how they are known to be equal.
#[derive(Serialize, Default, ToSchema)]
pub(crate) struct ProofsView {
    /// Read back, and equal.
    proven: CountView,
    /// The hash that the target's provider tells is the original's.
    asserted: CountView,
    /// There is nothing to hold them against.
    unverifiable: CountView,
    /// Not looked at yet: that is done in the end.
    unproven: CountView,
}

/// Something in the source, and what became of it.
#[derive(Serialize, ToSchema)]
pub(crate) struct MigrationItemView {
    /// Its id at the source.
    source: String,
    /// Its names from the moved folder on.
    #[schema(example = "Papers/a.txt")]
    path: String,
    /// `folder`, `file`, `document`, `shortcut` or `other`.
    #[schema(example = "file")]
    kind: &'static str,
    /// Its length, bytes.
    size_bytes: Option<u64>,
    /// `waiting`, `done`, `failed`, `conflict`, `unmovable`, `gone` or `removed`.
    #[schema(example = "done")]
    state: &'static str,
    /// Why, in a sentence.
    reason: Option<String>,
    /// What else there is to know, such as another name at the target.
    note: Option<String>,
    /// `proven`, `asserted` or `unverifiable`; `null` before it was verified.
    #[schema(example = "proven")]
    proof: Option<&'static str>,
    /// When that was found.
    #[schema(format = DateTime)]
    proven_at: Option<String>,
    /// The copy's id at the target.
    copy: Option<String>,
    /// The copy's name there.
    copy_name: Option<String>,
    /// Tries since the last that worked.
    attempts: u32,
    /// When it is tried again.
    #[schema(format = DateTime)]
    next_at: Option<String>,
}

impl From<MigrationReport> for MigrationView {
    fn from(report: MigrationReport) -> Self {
        let (mut items, mut proofs, mut folders) = (CountsView::default(), ProofsView::default(), 0);
        for count in &report.counts {
            if count.is_folder {
                folders += if count.state == MigrationItemState::Done {
                    count.items
                } else {
                    0
                };
                continue;
            }
            items.of(count.state).add(count.items, count.bytes);
            if count.state == MigrationItemState::Done {
                proofs.of(count.proof).add(count.items, count.bytes);
            }
        }
        let of = report.migration;
        let is_active = of.state == model::MigrationState::Active;
        let is_waiting = of.reason.is_some() || of.stage == MigrationStage::Rest;
        Self {
            id: of.id.to_string(),
            from: SideView::new(&of.from, report.from_label),
            to: SideView::new(&of.to, report.to_label),
            documents: of.documents.as_str(),
            delete_gone: of.deletes_gone,
            read_back: of.reads_back,
            state: of.state.as_str(),
            stage: of.stage.as_str(),
            pass: of.pass,
            differences: of.pass_changes,
            finishing: of.is_finishing,
            reason: of.reason,
            next_at: (is_active && is_waiting).then(|| time(of.next_ms)),
            created_at: time(of.created_ms),
            ended_at: of.ended_ms.map(time),
            folders,
            items,
            proofs,
        }
    }
}

impl SideView {
    fn new(side: &MigrationSide, label: Option<String>) -> Self {
        Self {
            connection: side.connection.to_string(),
            label,
            path: side.path.clone(),
        }
    }
}

impl CountView {
    fn add(&mut self, items: u64, bytes: u64) {
        self.items += items;
        self.bytes += bytes;
    }
}

impl CountsView {
    fn of(&mut self, state: MigrationItemState) -> &mut CountView {
        match state {
            MigrationItemState::Waiting => &mut self.waiting,
            MigrationItemState::Done => &mut self.done,
            MigrationItemState::Failed => &mut self.failed,
            MigrationItemState::Conflict => &mut self.conflict,
            MigrationItemState::Unmovable => &mut self.unmovable,
            MigrationItemState::Gone => &mut self.gone,
            MigrationItemState::Removed => &mut self.removed,
        }
    }
}

impl ProofsView {
    fn of(&mut self, proof: Option<MigrationProof>) -> &mut CountView {
        match proof {
            Some(MigrationProof::Proven) => &mut self.proven,
            Some(MigrationProof::Asserted) => &mut self.asserted,
            Some(MigrationProof::Unverifiable) => &mut self.unverifiable,
            None => &mut self.unproven,
        }
    }
}

impl From<MigrationItem> for MigrationItemView {
    fn from(item: MigrationItem) -> Self {
        Self {
            source: item.source,
            path: item.path,
            kind: item.kind.as_str(),
            size_bytes: item.size_bytes,
            state: item.state.as_str(),
            reason: item.reason,
            note: item.note,
            proof: item.proof.map(MigrationProof::as_str),
            proven_at: item.proven_ms.map(time),
            copy: item.copy.id,
            copy_name: item.copy.name,
            attempts: item.attempts,
            next_at: item.next_ms.map(time),
        }
    }
}
