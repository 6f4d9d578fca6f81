//! The shapes of mirrors.

use hub::{FailedEntry, MirrorEvent, MirrorRow};
use serde::Serialize;
use utoipa::ToSchema;

use super::views::time;
use crate::problem::sentence;

/// A folder that is kept in step with a folder at a connection.
#[derive(Serialize, ToSchema)]
pub(crate) struct MirrorView {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// A small number that it keeps.
    number: u64,
    /// The folder here.
    folder: MirrorFolderView,
    /// The folder there.
    remote: MirrorRemoteView,
    /// `two-way`, `push` or `pull`.
    #[schema(example = "two-way")]
    direction: &'static str,
    /// `last-write`, `keep-both` or `manual`.
    #[schema(example = "keep-both")]
    policy: &'static str,
    /// What a push or pull does about changes on the side that only receives: `leave` or `revert`.
    #[schema(example = "leave")]
    drift: &'static str,
    /// Exceptions; the first that matches counts.
    rules: Vec<RuleView>,
    /// Deletes that need your word: more than so many; `null` is the server's setting.
    most_deletes: Option<u32>,
    /// Whether uploads that ask for a copy at this kind of provider go here.
    default: bool,
    /// `active`, `paused`, `held` (deletes wait for your word) or `trouble`.
    #[schema(example = "active")]
    state: &'static str,
    /// Why it does not run, and what helps.
    reason: Option<String>,
    /// What you have to know or do, in sentences.
    advice: Vec<String>,
    /// Both sides were compared at least once.
    complete: bool,
    /// When both sides were last in step.
    #[schema(format = DateTime)]
    in_step_at: Option<String>,
    /// For how long there is something to do; `null` when both sides are in step.
    behind_seconds: Option<u64>,
    /// When the last round began.
    #[schema(format = DateTime)]
    last_run_at: Option<String>,
    /// When the next round is due.
    #[schema(format = DateTime)]
    next_run_at: String,
    /// Rounds that failed in a row.
    failures: u32,
    /// Things that are on both sides.
    linked: u64,
    /// Things that are to be looked at.
    pending: u64,
    /// Things that wait for their time.
    waiting: u64,
    /// Deletes that wait for the rest, or for your word.
    deletes: u64,
    /// Deletes that wait for your word.
    held: u64,
    /// Things that could not be brought in step; see `errors`.
    failed: u64,
    /// Things with an open conflict.
    conflicts: u64,
    /// Things that were left out by hand.
    skipped: u64,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

/// The folder of a mirror here.
#[derive(Serialize, ToSchema)]
pub(crate) struct MirrorFolderView {
    /// Its id.
    #[schema(format = Uuid)]
    id: String,
    /// Where it is; `null` when it is gone.
    #[schema(example = "/Papers")]
    path: Option<String>,
}

/// The folder of a mirror there.
#[derive(Serialize, ToSchema)]
pub(crate) struct MirrorRemoteView {
    /// The connection.
    #[schema(format = Uuid)]
    connection_id: String,
    /// The provider; `null` when the connection was unlinked.
    #[schema(example = "google")]
    kind: Option<String>,
    /// What the connection is called.
    label: Option<String>,
    /// The folder's id there.
    id: String,
    /// Where it is there, as far as is known.
    #[schema(example = "/Papers")]
    path: Option<String>,
}

/// An exception.
#[derive(Serialize, ToSchema)]
pub(crate) struct RuleView {
    /// What it matches.
    #[schema(example = "*.tmp")]
    pattern: String,
    /// `last-write`, `keep-both`, `manual` or `exclude`.
    #[schema(example = "exclude")]
    policy: &'static str,
}

/// Something that happened in a mirror.
#[derive(Serialize, ToSchema)]
pub(crate) struct MirrorEventView {
    /// Its number within the mirror.
    seq: u64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// What, in a word.
    #[schema(example = "paused")]
    kind: String,
    /// More about it.
    detail: serde_json::Value,
}

/// Something that could not be brought in step, or was left out.
#[derive(Serialize, ToSchema)]
pub(crate) struct MirrorEntryView {
    /// Its number within the mirror.
    entry: u64,
    /// Its path below the mirror's folder.
    #[schema(example = "2026/report.pdf")]
    path: String,
    /// Whether it is a folder.
    folder: bool,
    /// The file or folder here.
    node_id: Option<String>,
    /// Its id there.
    remote_id: Option<String>,
    /// What is wrong, and what helps.
    error: Option<String>,
    /// How often it was tried since it last worked.
    attempts: u32,
    /// When it is tried again.
    #[schema(format = DateTime)]
    retry_at: Option<String>,
}

impl From<MirrorRow> for MirrorView {
    fn from(row: MirrorRow) -> Self {
        let of = row.mirror;
        let connection = row.connection;
        let rules = of.rules.into_iter().map(|rule| RuleView {
            pattern: rule.pattern,
            policy: rule.policy.map_or("exclude", |policy| policy.as_str()),
        });
        Self {
            id: of.id.to_string(),
            number: of.number,
            folder: MirrorFolderView {
                id: of.node.to_string(),
                path: row.folder.map(|path| path.to_string()),
            },
            remote: MirrorRemoteView {
                connection_id: of.connection.to_string(),
                kind: connection.as_ref().map(|known| known.kind.clone()),
                label: connection.map(|known| known.label),
                id: of.item,
                path: row.remote,
            },
            direction: of.direction.as_str(),
            policy: of.policy.as_str(),
            drift: of.drift.as_str(),
            rules: rules.collect(),
            most_deletes: of.most_deletes,
            default: of.is_default,
            state: of.state.as_str(),
            reason: of.reason.map(sentence),
            advice: row.advice.into_iter().map(sentence).collect(),
            complete: of.progress.is_complete,
            in_step_at: of.progress.in_step_ms.map(time),
            behind_seconds: row.behind_secs,
            last_run_at: of.progress.began_ms.map(time),
            next_run_at: time(of.progress.next_ms),
            failures: of.progress.failures,
            linked: row.linked,
            pending: row.counts.due,
            waiting: row.counts.waiting,
            deletes: row.counts.to_trash,
            held: row.unapproved,
            failed: row.failed,
            conflicts: row.parked,
            skipped: row.skipped,
            created_at: time(of.created_ms),
        }
    }
}

impl From<MirrorEvent> for MirrorEventView {
    fn from(event: MirrorEvent) -> Self {
        Self {
            seq: event.seq,
            at: time(event.at_ms),
            kind: event.kind,
            detail: serde_json::from_str(&event.detail).unwrap_or_default(),
        }
    }
}

impl From<FailedEntry> for MirrorEntryView {
    fn from(failed: FailedEntry) -> Self {
        let of = failed.entry;
        Self {
            entry: of.entry,
            path: failed.path,
            folder: of.is_folder,
            node_id: of.node.map(|node| node.to_string()),
            remote_id: of.item,
            error: of.error.map(sentence),
            attempts: of.attempts,
            retry_at: of.next_ms.map(time),
        }
    }
}
