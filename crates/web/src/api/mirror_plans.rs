//! `/api/v1/mirrors/{id}/plan`: what a mirror would do, and what a person says to it.

use axum::Json as Reply;
use axum::extract::State;
use hub::{HeldDeletes, Hub, MirrorPlan, PlanNote, PlanStep, PlanSummary, Room, WhichEntries};
use model::MirrorId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mirror_views::{MirrorEntryView, MirrorView};
use super::mirrors::{MirrorEntryList, MirrorPart};
use super::views::time;
use crate::extract::{Json, Path, Query};
use crate::problem::{ApiError, Problem, sentence};
use crate::sessions::Signed;

/// What a mirror would do.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanView {
    /// About all of it; on the first page only.
    summary: Option<PlanSummaryView>,
    /// What would be done about the part that this page is about, in an order in which it can be done.
    steps: Vec<PlanStepView>,
    /// What of that part would be left undone.
    notes: Vec<PlanNoteView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
}

/// All that a mirror would do, in numbers.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanSummaryView {
    /// Things that have to be looked at.
    pending: u64,
    /// All of them are in these numbers; `false`: only the first ones are, and the rest comes in pages.
    whole: bool,
    /// Something is still being listed: more may come.
    gathering: bool,
    /// Steps by their kind and side.
    counts: Vec<PlanCountView>,
    /// Bytes that go there.
    upload_bytes: u64,
    /// Bytes that come here.
    download_bytes: u64,
    /// Calls at the provider, about.
    api_calls: u64,
    /// How long it takes, about.
    seconds: u64,
    /// Room here.
    room_here: RoomView,
    /// Room there.
    room_there: RoomView,
    /// Names that cannot be the same on both sides: the first hundred.
    names: Vec<NameProblemView>,
    /// How many those are in all.
    name_problems: u64,
    /// What would be left undone, by its reason.
    blocked: Vec<BlockedView>,
    /// Things whose step failed and that wait for their next try.
    retries: u64,
    /// Deletes that wait for your word.
    held: Option<HeldView>,
}

/// So many steps of a kind.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanCountView {
    /// `create`, `write`, `move`, `delete`, `keep_both`, `ask` or `compare`.
    #[schema(example = "create")]
    kind: &'static str,
    /// The side that changes: `here` or `there`; `null` of what changes none.
    #[schema(example = "there")]
    side: Option<&'static str>,
    /// How many.
    count: u64,
}

/// Whether there is room for what would come.
#[derive(Serialize, ToSchema)]
pub(crate) struct RoomView {
    /// Free; `null` when nothing limits it, or that is not told.
    free_bytes: Option<u64>,
    /// What would come fits, as far as is known.
    enough: bool,
}

/// A name that is another one on the other side.
#[derive(Serialize, ToSchema)]
pub(crate) struct NameProblemView {
    /// The path here.
    #[schema(example = "notes/a:b.txt")]
    path: String,
    /// What it is called there; `null` when it cannot be there at all.
    there: Option<String>,
    /// Why.
    problem: String,
}

/// What would be left undone for one reason.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlockedView {
    /// The reason.
    reason: String,
    /// How many things.
    count: u64,
}

/// Deletes that wait for a person's word.
#[derive(Serialize, ToSchema)]
pub(crate) struct HeldView {
    /// Things to be moved to the trash here.
    here: u64,
    /// Things to be deleted there.
    there: u64,
    /// Names exactly this set, for `approve` and `reject`.
    #[schema(example = "0f343b0931126a20f133d67c2b018a3b")]
    digest: String,
}

/// Something that would be done.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanStepView {
    /// The mirror's number for the thing; `null` of one that is yet to be made.
    entry: Option<u64>,
    /// `create`, `write`, `move`, `delete`, `keep_both`, `ask` or `compare`.
    #[schema(example = "create")]
    kind: &'static str,
    /// The side that changes: `here` or `there`.
    #[schema(example = "there")]
    side: Option<&'static str>,
    /// The path below the mirror's folder.
    #[schema(example = "2026/report.pdf")]
    path: String,
    /// Whether it is a folder.
    folder: bool,
    /// Bytes that move, or that are deleted.
    size: u64,
    /// Why.
    #[schema(example = "It is new here.")]
    reason: String,
    /// It waits for your word.
    held: bool,
}

/// Something that would be left undone.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanNoteView {
    /// The mirror's number for the thing.
    entry: u64,
    /// `blocked`, `drift`, `parked`, `waits`, `retries` or `skipped`.
    #[schema(example = "blocked")]
    kind: &'static str,
    /// The path below the mirror's folder.
    path: String,
    /// Why.
    reason: String,
    /// When it is tried again.
    #[schema(format = DateTime)]
    retry_at: Option<String>,
}

/// Which deletes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeldBody {
    /// `held.digest` of the plan that was looked at.
    #[schema(example = "0f343b0931126a20f133d67c2b018a3b", min_length = 1, max_length = 64)]
    digest: String,
}

/// Which things.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SkipBody {
    /// By their numbers within the mirror.
    #[serde(default)]
    #[schema(nullable = false)]
    entries: Option<Vec<u64>>,
    /// By their paths below the mirror's folder.
    #[serde(default)]
    #[schema(nullable = false)]
    paths: Option<Vec<String>>,
}

/// How many things it was about.
#[derive(Serialize, ToSchema)]
pub(crate) struct CountView {
    /// How many.
    count: u64,
    /// The mirror as it is now.
    mirror: MirrorView,
}

/// `GET /api/v1/mirrors/{id}/plan`
///
/// What a mirror would do about all that it knows of: in numbers with the first page, and step by step, each with its
/// reason. It does nothing. A mirror that is paused gathers what changed, so that its plan can be seen before anything
/// happens.
#[utoipa::path(get, path = "/api/v1/mirrors/{id}/plan", tag = "mirrors",
    params(("id" = String, Path, format = Uuid), MirrorPart),
    responses((status = 200, description = "One page", body = PlanView),
              (status = 409, description = "The connection was unlinked", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn mirror_plan(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
    Query(query): Query<MirrorPart>,
) -> Result<Reply<PlanView>, ApiError> {
    Ok(Reply(hub.mirror_plan(&actor, id, query.read()?).await?.into()))
}

/// `POST /api/v1/mirrors/{id}/approve`
///
/// Lets the deletes go that wait for your word: those that you looked at, and no others.
#[utoipa::path(post, path = "/api/v1/mirrors/{id}/approve", tag = "mirrors", request_body = HeldBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "They go", body = CountView),
              (status = 409, description = "They are others by now, or there are none", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn approve_deletes(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
    Json(body): Json<HeldBody>,
) -> Result<Reply<CountView>, ApiError> {
    let count = hub.approve_deletes(&actor, id, &body.digest).await?;
    let mirror = hub.mirror(&actor, id).await?.into();
    Ok(Reply(CountView { count, mirror }))
}

/// `POST /api/v1/mirrors/{id}/reject`
///
/// Takes the deletes back that wait for your word: what was deleted on one side is brought back there from the other,
/// as far as the mirror goes that way.
#[utoipa::path(post, path = "/api/v1/mirrors/{id}/reject", tag = "mirrors", request_body = HeldBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "Nothing of it is deleted", body = CountView),
              (status = 409, description = "They are others by now, or there are none", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn reject_deletes(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
    Json(body): Json<HeldBody>,
) -> Result<Reply<CountView>, ApiError> {
    let count = hub.reject_deletes(&actor, id, &body.digest).await?;
    let mirror = hub.mirror(&actor, id).await?.into();
    Ok(Reply(CountView { count, mirror }))
}

/// `POST /api/v1/mirrors/{id}/skip`
///
/// Leaves things out of a mirror until they are taken in again. Both sides stay as they are.
#[utoipa::path(post, path = "/api/v1/mirrors/{id}/skip", tag = "mirrors", request_body = SkipBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "They are left out", body = CountView)))]
pub(crate) async fn skip_entries(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
    Json(body): Json<SkipBody>,
) -> Result<Reply<CountView>, ApiError> {
    let count = hub.skip_entries(&actor, id, (body.into(), true)).await?;
    let mirror = hub.mirror(&actor, id).await?.into();
    Ok(Reply(CountView { count, mirror }))
}

/// `POST /api/v1/mirrors/{id}/unskip`
///
/// Takes things into a mirror again that were left out.
#[utoipa::path(post, path = "/api/v1/mirrors/{id}/unskip", tag = "mirrors", request_body = SkipBody,
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "They are in it again", body = CountView)))]
pub(crate) async fn unskip_entries(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
    Json(body): Json<SkipBody>,
) -> Result<Reply<CountView>, ApiError> {
    let count = hub.skip_entries(&actor, id, (body.into(), false)).await?;
    let mirror = hub.mirror(&actor, id).await?.into();
    Ok(Reply(CountView { count, mirror }))
}

/// `GET /api/v1/mirrors/{id}/skipped`
///
/// Things that were left out of a mirror by hand.
#[utoipa::path(get, path = "/api/v1/mirrors/{id}/skipped", tag = "mirrors",
    params(("id" = String, Path, format = Uuid), MirrorPart),
    responses((status = 200, description = "One page", body = MirrorEntryList)))]
pub(crate) async fn mirror_skips(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<MirrorId>,
    Query(query): Query<MirrorPart>,
) -> Result<Reply<MirrorEntryList>, ApiError> {
    let page = hub.mirror_skips(&actor, id, query.read()?).await?;
    let entries = page.items.into_iter().map(MirrorEntryView::from).collect();
    Ok(Reply(MirrorEntryList::new(entries, page.next)))
}

impl From<SkipBody> for WhichEntries {
    fn from(body: SkipBody) -> Self {
        Self {
            entries: body.entries.unwrap_or_default(),
            paths: body.paths.unwrap_or_default(),
        }
    }
}

impl From<MirrorPlan> for PlanView {
    fn from(plan: MirrorPlan) -> Self {
        Self {
            summary: plan.summary.map(PlanSummaryView::from),
            steps: plan.steps.into_iter().map(PlanStepView::from).collect(),
            notes: plan.notes.into_iter().map(PlanNoteView::from).collect(),
            next_cursor: plan.next,
        }
    }
}

impl From<PlanSummary> for PlanSummaryView {
    fn from(of: PlanSummary) -> Self {
        let counts = of.counts.into_iter().map(|((kind, side), count)| PlanCountView {
            kind,
            side: side.map(hub::PlanSide::as_str),
            count,
        });
        let names = of.names.into_iter().map(|name| NameProblemView {
            path: name.path,
            there: name.there,
            problem: sentence(name.problem),
        });
        let blocked = of.blocked.into_iter().map(|(reason, count)| BlockedView {
            reason: sentence(reason),
            count,
        });
        Self {
            pending: of.dirty,
            whole: of.is_whole,
            gathering: of.is_gathering,
            counts: counts.collect(),
            upload_bytes: of.up_bytes,
            download_bytes: of.down_bytes,
            api_calls: of.calls,
            seconds: of.secs,
            room_here: of.room_here.into(),
            room_there: of.room_there.into(),
            names: names.collect(),
            name_problems: of.name_problems,
            blocked: blocked.collect(),
            retries: of.waiting,
            held: of.held.map(HeldView::from),
        }
    }
}

impl From<Room> for RoomView {
    fn from(room: Room) -> Self {
        Self {
            free_bytes: room.free_bytes,
            enough: room.is_enough,
        }
    }
}

impl From<HeldDeletes> for HeldView {
    fn from(held: HeldDeletes) -> Self {
        Self {
            here: held.here,
            there: held.there,
            digest: held.digest,
        }
    }
}

impl From<PlanStep> for PlanStepView {
    fn from(of: PlanStep) -> Self {
        Self {
            entry: of.entry,
            kind: of.kind,
            side: of.side.map(hub::PlanSide::as_str),
            path: of.path,
            folder: of.is_folder,
            size: of.size_bytes,
            reason: sentence(of.reason),
            held: of.is_held,
        }
    }
}

impl From<PlanNote> for PlanNoteView {
    fn from(of: PlanNote) -> Self {
        Self {
            entry: of.entry,
            kind: of.kind,
            path: of.path,
            reason: sentence(of.reason),
            retry_at: of.retry.map(time),
        }
    }
}
