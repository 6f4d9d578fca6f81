//! The shapes of conflicts.

use hub::{Comparison, ConflictRow, Preview, SideContent, Told};
use model::{ConflictSide, Resolution, Winner};
use serde::Serialize;
use utoipa::ToSchema;

use super::views::time;
use crate::problem::{Problem, sentence};

/// A conflict.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConflictView {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// A small number that it keeps.
    #[schema(example = 12)]
    number: u64,
    /// Whether it is resolved; otherwise it waits for you.
    resolved: bool,
    /// `edit_edit`, `edit_delete` (changed here, deleted there), `delete_edit` (the other way round), `create_create`,
    /// `kind_kind` (a file and a folder of one name) or `overwrote` (theirs had been replaced unseen, and was brought
    /// back).
    #[schema(example = "edit_edit")]
    kind: &'static str,
    /// The path below the mirror's folder when it was found.
    #[schema(example = "Papers/report.txt")]
    path: String,
    /// The file's name when it was found.
    #[schema(example = "report.txt")]
    filename: String,
    /// The mirror.
    #[schema(format = Uuid)]
    mirror_id: String,
    /// The other side, for people.
    #[schema(example = "Google Drive (ada@example.org)")]
    provider: String,
    /// The file here, while there is one.
    #[schema(format = Uuid)]
    file_id: Option<String>,
    /// The file beside, that was made to keep both.
    #[schema(format = Uuid)]
    copy_id: Option<String>,
    /// What both sides agreed on last; `null` when there was nothing.
    base: Option<SideView>,
    /// Ours; `null` when it was deleted here.
    here: Option<SideView>,
    /// Theirs; `null` when it was deleted there.
    there: Option<SideView>,
    /// When it was found.
    #[schema(format = DateTime)]
    found_at: String,
    /// How it ended; `null` while it is open.
    resolution: Option<ResolutionView>,
    /// Whether the last decision can be taken back, as far as can be told without asking the provider.
    can_undo: bool,
}

/// One side of a conflict, as it was when the conflict was found.
#[derive(Serialize, ToSchema)]
pub(crate) struct SideView {
    /// Its name.
    #[schema(example = "report.txt")]
    name: String,
    /// The number of the version here that has its content.
    version: Option<u64>,
    /// The provider's word for its content.
    revision: Option<String>,
    /// Bytes.
    size: Option<u64>,
    /// Its SHA-256, or the provider's hash, such as `md5:…`.
    digest: Option<String>,
    /// Its media type.
    mime_type: Option<String>,
    /// When it was changed.
    #[schema(format = DateTime)]
    changed_at: Option<String>,
    /// Who changed it, where that is known.
    #[schema(example = "Ada Lovelace")]
    author: Option<String>,
    /// By which door or from where it came.
    #[schema(example = "through the page")]
    origin: Option<String>,
}

/// How a conflict ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResolutionView {
    /// `last-write`, `keep-both` or `manual`.
    #[schema(example = "keep-both")]
    policy: &'static str,
    /// Whose content is current since: `here` or `there`; `null` when both are kept side by side.
    winner: Option<&'static str>,
    /// Whether the mirror decided by its policy, rather than a person.
    automatic: bool,
    /// Who decided.
    #[schema(format = Uuid)]
    user_id: Option<String>,
    /// What they noted.
    notes: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    at: String,
}

/// All about a conflict.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConflictDetails {
    #[serde(flatten)]
    conflict: ConflictView,
    /// What happened, in sentences, in the order in which it did.
    timeline: Vec<ToldView>,
    /// What the contents are like.
    preview: PreviewView,
}

/// A sentence of a timeline.
#[derive(Serialize, ToSchema)]
pub(crate) struct ToldView {
    /// When that was, where it is known.
    #[schema(format = DateTime)]
    at: Option<String>,
    /// The sentence.
    #[schema(example = "Ada changed it here through the page: version 4, 1204 bytes.")]
    text: String,
}

/// What the contents of a conflict are like.
#[derive(Serialize, ToSchema)]
pub(crate) struct PreviewView {
    /// What both sides agreed on last.
    base: Option<ContentView>,
    /// Ours.
    here: Option<ContentView>,
    /// Theirs.
    there: Option<ContentView>,
}

/// What a content is like.
#[derive(Serialize, ToSchema)]
pub(crate) struct ContentView {
    /// Bytes.
    size: Option<u64>,
    /// Its media type.
    mime_type: Option<String>,
    /// Of a picture: pixels from side to side.
    width: Option<u32>,
    /// Of a picture: pixels from top to bottom.
    height: Option<u32>,
    /// Whether it is text that can be compared.
    text: bool,
    /// Why it cannot be looked into.
    problem: Option<String>,
}

/// Two sides compared.
#[derive(Serialize, ToSchema)]
pub(crate) struct DiffView {
    /// The side that the difference starts from.
    #[schema(example = "here")]
    from: &'static str,
    /// The side that it leads to.
    #[schema(example = "there")]
    to: &'static str,
    /// The unified difference, empty when both are the same; `null` when they cannot be compared.
    diff: Option<String>,
    /// Lines that only `to` has.
    added: u64,
    /// Lines that only `from` has.
    removed: u64,
    /// Whether it was too long to be told whole.
    truncated: bool,
    /// Why there is none.
    reason: Option<String>,
}

/// What became of many conflicts.
#[derive(Serialize, ToSchema)]
pub(crate) struct ManyResolvedView {
    /// Those that are resolved now.
    conflicts: Vec<ConflictView>,
    /// Those that could not be, and why.
    failed: Vec<FailedView>,
    /// Whether the mirror has more open ones: ask again.
    has_more: bool,
}

/// A conflict that could not be resolved.
#[derive(Serialize, ToSchema)]
pub(crate) struct FailedView {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// Why, as it would be answered for it alone.
    pub problem: Problem,
}

impl From<ConflictRow> for ConflictView {
    fn from(row: ConflictRow) -> Self {
        let of = row.conflict;
        let filename = of.path.rsplit('/').next().unwrap_or_default().to_owned();
        Self {
            id: of.id.to_string(),
            number: of.number,
            resolved: of.resolution.is_some(),
            kind: of.kind.as_str(),
            filename,
            path: of.path,
            mirror_id: of.mirror.to_string(),
            provider: row.provider,
            file_id: of.node.map(|node| node.to_string()),
            copy_id: of.copy.map(|copy| copy.to_string()),
            base: of.base.map(SideView::from),
            here: of.here.map(SideView::from),
            there: of.there.map(SideView::from),
            found_at: time(of.found_ms),
            resolution: of.resolution.map(ResolutionView::from),
            can_undo: row.can_undo,
        }
    }
}

impl From<ConflictSide> for SideView {
    fn from(side: ConflictSide) -> Self {
        Self {
            name: side.name,
            version: side.version,
            revision: side.revision,
            size: side.size_bytes,
            digest: side.digest,
            mime_type: side.media_type,
            changed_at: side.changed_ms.map(time),
            author: side.author,
            origin: side.origin,
        }
    }
}

impl From<Resolution> for ResolutionView {
    fn from(of: Resolution) -> Self {
        Self {
            policy: of.policy.as_str(),
            winner: of.winner.map(Winner::as_str),
            automatic: of.by.is_none(),
            user_id: of.by.map(|user| user.to_string()),
            notes: of.notes,
            at: time(of.at_ms),
        }
    }
}

impl From<Preview> for ConflictDetails {
    fn from(of: Preview) -> Self {
        Self {
            conflict: of.row.into(),
            timeline: of.timeline.into_iter().map(ToldView::from).collect(),
            preview: PreviewView {
                base: of.base.map(ContentView::from),
                here: of.here.map(ContentView::from),
                there: of.there.map(ContentView::from),
            },
        }
    }
}

impl From<Told> for ToldView {
    fn from(told: Told) -> Self {
        Self {
            at: told.at_ms.map(time),
            text: told.text,
        }
    }
}

impl From<SideContent> for ContentView {
    fn from(of: SideContent) -> Self {
        Self {
            size: of.size_bytes,
            mime_type: of.media_type,
            width: of.size_px.map(|(width, _)| width),
            height: of.size_px.map(|(_, height)| height),
            text: of.is_text,
            problem: of.problem.map(sentence),
        }
    }
}

impl DiffView {
    /// A comparison of these two sides.
    pub(crate) fn new((from, to): (&'static str, &'static str), of: Comparison) -> Self {
        Self {
            from,
            to,
            diff: of.unified,
            added: of.added,
            removed: of.removed,
            truncated: of.is_cut,
            reason: of.reason.map(sentence),
        }
    }
}

impl ManyResolvedView {
    /// What became of them.
    pub(crate) fn new(conflicts: Vec<ConflictView>, failed: Vec<FailedView>, has_more: bool) -> Self {
        Self {
            conflicts,
            failed,
            has_more,
        }
    }
}
