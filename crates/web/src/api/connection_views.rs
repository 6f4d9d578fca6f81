//! The shapes of connections and of what is in them.

use hub::{Abilities, ChangeFeed, CheckReport, ConnectionRow, Relocation, RemotePage};
use model::RemoteItem;
use serde::Serialize;
use utoipa::ToSchema;

use super::views::time;

/// A linked account, bucket or folder.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectionView {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// A small number that it keeps.
    number: u64,
    /// The provider: `google`, `onedrive`, `s3`, `b2`, `azure`, `directory`, `webdav`.
    #[schema(example = "google")]
    kind: String,
    /// What it is called.
    #[schema(example = "ada@example.org")]
    label: String,
    /// Whose drive it is at the provider: an address, a bucket, a path.
    #[schema(example = "ada@example.org")]
    account: String,
    /// The kind of drive where a provider has several, such as `personal` and `business`.
    flavour: Option<String>,
    /// Whether it is the server's rather than yours.
    server: bool,
    /// `active`, `sign_in_again` or `misconfigured`.
    #[schema(example = "active")]
    state: &'static str,
    /// Why it does not work, in a sentence.
    reason: Option<String>,
    /// What is wrong, and what will be before it is; the most urgent first.
    concerns: Vec<ConcernView>,
    /// What was allowed, in the provider's words.
    scopes: Vec<String>,
    /// Used there, bytes, when it is told.
    used_bytes: Option<u64>,
    /// Room there in all, bytes, when it is told.
    limit_bytes: Option<u64>,
    /// The id of its root folder there.
    root: String,
    /// When what is shown of it was last complete; `null` until it was looked at to the end once.
    #[schema(format = DateTime)]
    as_of: Option<String>,
    /// Whether it is being looked at now.
    looking: bool,
    /// When it will be looked at next.
    #[schema(format = DateTime)]
    next_look_at: Option<String>,
    /// How changes there are found out.
    news: NewsView,
    /// When it was connected.
    #[schema(format = DateTime)]
    created_at: String,
    /// When a person last allowed it.
    #[schema(format = DateTime)]
    linked_at: String,
    /// When it last worked.
    #[schema(format = DateTime)]
    worked_at: Option<String>,
}

/// How changes in a connection are found out.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewsView {
    /// Whether they are told as they happen; otherwise they are found when it is looked at.
    told: bool,
    /// By whom, or why not, and how often it is looked at.
    #[schema(example = "Google tells of changes; it is looked at every 15 minutes besides.")]
    detail: String,
    /// Until when they are told, which is prolonged before; `null` where they are not, or where that does not end.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// When one was last told.
    #[schema(format = DateTime)]
    last_at: Option<String>,
}

/// Something that is wrong, or will be.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConcernView {
    /// A word for programs: `sign_in_again`, `misconfigured`, `access_ends`, `idle`, `secret_expires`, `full`,
    /// `failing`, `stale`.
    #[schema(example = "access_ends")]
    code: &'static str,
    /// Whether something does not work now, rather than soon.
    broken: bool,
    /// What it is and what helps.
    detail: String,
    /// When it will break, where that is known.
    #[schema(format = DateTime)]
    at: Option<String>,
}

/// What a connection can do.
#[derive(Serialize, ToSchema)]
pub(crate) struct AbilitiesView {
    /// `changes`: the provider tells what changed. `listing`: everything is listed and compared.
    #[schema(example = "changes")]
    feed: &'static str,
    /// Items keep their ids when they are renamed or moved.
    stable_ids: bool,
    /// A folder may hold several items of one name.
    duplicate_names: bool,
    /// Names that differ in case are the same.
    case_insensitive: bool,
    /// Folders exist without anything in them.
    empty_folders: bool,
    /// Nothing can be written.
    read_only: bool,
    /// Hashes that are told of files.
    hashes: Vec<&'static str>,
    /// Files keep the time of modification that they are given, in steps of so many milliseconds.
    modified_step_ms: Option<u32>,
    /// A new file never takes the place of another.
    guarded_create: bool,
    /// A write that would overwrite what somebody else wrote meanwhile is refused.
    guarded_replace: bool,
    /// Such a write is found out afterwards, and nothing is lost.
    detects_overwritten: bool,
    /// Folders move in one step.
    native_moves: bool,
    /// What is deleted can be brought back by us.
    restores: bool,
    /// Earlier contents can be had.
    revisions: bool,
    /// There are documents that can only be exported.
    documents: bool,
    /// Downloads need not go through this server.
    direct_links: bool,
    /// The system tells of changes as they happen.
    watches: bool,
    /// The provider tells of changes as they happen, where it reaches this server.
    notifies: bool,
    /// The largest file, bytes.
    largest_bytes: u64,
    /// The longest name.
    longest_name: usize,
    /// Characters that no name may have.
    forbidden_characters: &'static str,
    /// Documented limits.
    limits: Vec<&'static str>,
}

/// What trying a connection out found.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckView {
    /// Whether every step went well.
    ok: bool,
    /// The steps in the order in which they were taken.
    steps: Vec<CheckStepView>,
    /// The connection as it is now.
    connection: ConnectionView,
}

/// One thing that was tried.
#[derive(Serialize, ToSchema)]
pub(crate) struct CheckStepView {
    /// `credentials`, `access`, `scopes`, `drive`, `clock`, `quota` or `list`.
    #[schema(example = "access")]
    name: &'static str,
    /// `ok`, `warning`, `failed` or `skipped`.
    #[schema(example = "ok")]
    state: &'static str,
    /// What was found and what helps.
    detail: String,
}

/// A page of a folder in a connection.
#[derive(Serialize, ToSchema)]
pub(crate) struct RemotePageView {
    /// Folders first, then everything else, by name.
    items: Vec<RemoteItemView>,
    /// Opens the next page; `null` on the last.
    next_cursor: Option<String>,
    /// The folders above, the root first, then the folder itself.
    way: Vec<StepView>,
    /// When this was last complete; `null` while it is looked at for the first time.
    #[schema(format = DateTime)]
    as_of: Option<String>,
    /// Not everything is here yet.
    filling: bool,
}

/// A folder on the way.
#[derive(Serialize, ToSchema)]
pub(crate) struct StepView {
    /// Its id there.
    id: String,
    /// Its name.
    name: String,
}

/// Something in a connection.
#[derive(Serialize, ToSchema)]
pub(crate) struct RemoteItemView {
    /// Its id there.
    #[schema(example = "1BxiMVs0XRA5nFMdKvBdBZjgmUUqptlbs")]
    id: String,
    /// The id of its folder.
    parent_id: Option<String>,
    /// Its name as it is there.
    #[schema(example = "Budget")]
    name: String,
    /// `folder`, `file`, `document` (it can only be exported), `shortcut` or `other`.
    #[schema(example = "document")]
    kind: &'static str,
    /// Bytes of a file.
    size: Option<u64>,
    /// Its media type.
    mime_type: Option<String>,
    /// Hashes that the provider tells, such as `md5:…`.
    hashes: Vec<String>,
    /// When its content was last modified.
    #[schema(format = DateTime)]
    modified_at: Option<String>,
    /// Whether it may be changed from here.
    editable: bool,
    /// Media types that a document can be had as.
    exports: Vec<String>,
    /// Its page at the provider.
    web_url: Option<String>,
}

impl From<ConnectionRow> for ConnectionView {
    fn from(row: ConnectionRow) -> Self {
        let (of, feed, news) = (row.connection, row.feed, row.news);
        let concerns = row.health.concerns.into_iter().map(|concern| ConcernView {
            code: concern.code,
            broken: concern.is_broken,
            detail: crate::problem::sentence(concern.text),
            at: concern.at.map(time),
        });
        Self {
            id: of.id.to_string(),
            number: of.number,
            // Others keep there what was found out by trying.
            flavour: of.flavour.filter(|_| of.kind == "onedrive"),
            kind: of.kind,
            label: of.label,
            account: of.account,
            server: of.owner.is_none(),
            state: of.state.as_str(),
            reason: of.reason.map(crate::problem::sentence),
            concerns: concerns.collect(),
            scopes: of.scopes.split_whitespace().map(ToOwned::to_owned).collect(),
            used_bytes: of.used_bytes,
            limit_bytes: of.limit_bytes,
            root: of.root,
            as_of: feed.as_ref().and_then(|feed| feed.settled_ms).map(time),
            looking: feed.as_ref().is_some_and(|feed| feed.started_ms.is_some()),
            next_look_at: feed.as_ref().map(|feed| time(feed.next_ms)),
            news: NewsView {
                told: news.is_told,
                detail: crate::problem::sentence(news.detail),
                until: news.until.map(time),
                last_at: news.noticed.map(time),
            },
            created_at: time(of.created_ms),
            linked_at: time(of.linked_ms),
            worked_at: of.worked_ms.map(time),
        }
    }
}

impl From<&Abilities> for AbilitiesView {
    fn from(of: &Abilities) -> Self {
        Self {
            feed: match of.feed {
                ChangeFeed::Changes => "changes",
                ChangeFeed::Listing => "listing",
            },
            stable_ids: of.has_ids,
            duplicate_names: of.has_duplicates,
            case_insensitive: of.names.folds_case,
            empty_folders: of.has_empty_folders,
            read_only: of.is_read_only,
            hashes: of.hashes.iter().map(|hash| hash.as_str()).collect(),
            modified_step_ms: of.modified_step_ms,
            guarded_create: of.conditions.create,
            guarded_replace: of.conditions.replace,
            detects_overwritten: of.conditions.detects_overwritten,
            native_moves: of.relocation == Relocation::Native,
            restores: of.restores,
            revisions: of.has_revisions,
            documents: of.has_documents,
            direct_links: of.has_direct_links,
            watches: of.watches,
            notifies: of.notifies.is_some(),
            largest_bytes: of.largest_bytes,
            longest_name: of.names.longest,
            forbidden_characters: of.names.forbidden,
            limits: of.limits.to_vec(),
        }
    }
}

impl From<CheckReport> for CheckView {
    fn from(report: CheckReport) -> Self {
        let steps = report.steps.into_iter().map(|step| CheckStepView {
            name: step.name,
            state: step.state.as_str(),
            detail: crate::problem::sentence(step.detail),
        });
        let steps: Vec<CheckStepView> = steps.collect();
        Self {
            ok: steps.iter().all(|step| step.state == "ok"),
            steps,
            connection: report.row.into(),
        }
    }
}

impl From<RemotePage> for RemotePageView {
    fn from(page: RemotePage) -> Self {
        let way = page.way.into_iter().chain(page.folder);
        Self {
            items: page.items.into_iter().map(RemoteItemView::from).collect(),
            next_cursor: page.next,
            way: way
                .map(|item| StepView {
                    id: item.id,
                    name: item.name,
                })
                .collect(),
            as_of: page.as_of.map(time),
            filling: page.is_filling,
        }
    }
}

impl From<RemoteItem> for RemoteItemView {
    fn from(item: RemoteItem) -> Self {
        let exports = match item.kind {
            model::RemoteKind::Document => item.details,
            _ => Vec::new(),
        };
        Self {
            id: item.id,
            parent_id: item.parent,
            name: item.name,
            kind: item.kind.as_str(),
            size: item.size_bytes,
            mime_type: item.media_type,
            hashes: item.hashes,
            modified_at: item.modified_ms.map(time),
            editable: item.is_editable,
            exports,
            web_url: item.web_url,
        }
    }
}
