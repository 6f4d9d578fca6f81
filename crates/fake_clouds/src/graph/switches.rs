//! What about the service can be switched.

use serde::{Deserialize, Serialize};

/// How the service behaves where it is known to behave in more than one way. All are off at the start, which is
/// the service on a good day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GraphSwitches {
    /// Answers write the drive's id now in upper case, now without its leading zero (personal drives).
    pub drive_id_quirk: bool,
    /// All of a drive's quota reads as zero, which means that it is not known.
    pub quota_unknown: bool,
    /// `/me/drive` is not there until `/me/drive/root` was asked for.
    pub unprovisioned: bool,

    /// So long after its content came a file has no hash.
    pub hash_delay_ms: i64,
    /// So long after an upload the service rewrites office files and pages; never without.
    pub office_rewrite_ms: Option<i64>,
    /// Times of files keep milliseconds instead of seconds.
    pub mtime_ms: bool,

    /// A new item is not found by its id or path for so long.
    pub read_lag_ms: i64,
    /// During that time the refusal is 400 `invalidRequest` instead of 404.
    pub read_lag_is_400: bool,
    /// A new item is missing from listings for so long.
    pub list_lag_ms: i64,
    /// `delta` tells a change so much later.
    pub delta_lag_ms: i64,

    /// Rows of a page of children, unless asked for fewer.
    pub children_page: usize,
    /// Rows of a page of `delta`, unless asked for fewer.
    pub delta_page: usize,
    /// Pages of children are counted, so that what is made and deleted meanwhile shifts them; otherwise each goes on
    /// after the last name.
    pub children_shift: bool,
    /// The first page of several has no row but a next link, of `delta` and of children.
    pub empty_page: bool,
    /// `delta` tells of children before their parents.
    pub delta_children_first: bool,
    /// `delta` tells of items twice in one round, with an older state first.
    pub delta_repeats: bool,
    /// `delta` holds a row without a name and a parent, of an item that is not there.
    pub delta_odd_rows: bool,
    /// `delta` does not tell what was deleted, which people have met and only a new enumeration heals.
    pub delta_loses_deletes: bool,
    /// The next request with a token is answered with 410 and this code, such as `resyncRequired`.
    pub delta_gone: Option<String>,
    /// The link that comes with a 410 does not work.
    pub delta_gone_link_broken: bool,
    /// So many of the next requests for a further page of `delta` are answered with 404.
    pub delta_page_404s: u32,

    /// Making an upload session for a file changes its eTag.
    pub session_bumps_etag: bool,
    /// An upload session without a conflict behaviour fails on a taken name, as it is documented; people have met
    /// that it replaces.
    pub sessions_fail_by_default: bool,
    /// A taken name is told with the last fragment and not when the session is made.
    pub late_conflict: bool,
    /// Missing room is told with the last fragment and not when the session is made.
    pub late_no_room: bool,
    /// What is missing of an upload is told in several ranges.
    pub split_ranges: bool,
    /// The next fragment is kept only up to so many bytes.
    pub partial_fragment: Option<u64>,
    /// So many requests to each new session are answered with 404, before it is known everywhere.
    pub session_404s: u32,
    /// How long a session lives after it was last used.
    pub session_ms: i64,

    /// How long a download address works.
    pub download_ms: i64,
    /// What an address answers after that: 401, 403 or 404.
    pub download_expired_status: u16,
    /// A download address answers a range with the whole file.
    pub ignore_range: bool,

    /// A failed condition is told in the old words of personal drives.
    pub old_precondition_words: bool,
    /// `PATCH` answers 204 without the item.
    pub patch_answers_204: bool,
    /// So many of the next requests inside a batch are answered with 429.
    pub batch_429s: u32,
    /// How often a copy is said to be in progress before it is done.
    pub copy_polls: u32,
    /// A copy fails in the end.
    pub copy_fails: bool,

    /// A refresh token works once; otherwise old ones stay good.
    pub strict_refresh: bool,
    /// Notices of changes are not sent.
    pub drops_notices: bool,
    /// Notices of changes are sent twice.
    pub doubles_notices: bool,
    /// Where notices go instead of the origin that was named, such as `http://127.0.0.1:8080`; empty is off. For
    /// addresses of TLS, which the fake does not speak.
    pub push_origin: String,
}

impl Default for GraphSwitches {
    fn default() -> Self {
        Self {
            drive_id_quirk: false,
            quota_unknown: false,
            unprovisioned: false,
            hash_delay_ms: 0,
            office_rewrite_ms: None,
            mtime_ms: false,
            read_lag_ms: 0,
            read_lag_is_400: false,
            list_lag_ms: 0,
            delta_lag_ms: 0,
            children_page: 200,
            delta_page: 200,
            children_shift: false,
            empty_page: false,
            delta_children_first: false,
            delta_repeats: false,
            delta_odd_rows: false,
            delta_loses_deletes: false,
            delta_gone: None,
            delta_gone_link_broken: false,
            delta_page_404s: 0,
            session_bumps_etag: false,
            sessions_fail_by_default: false,
            late_conflict: false,
            late_no_room: false,
            split_ranges: false,
            partial_fragment: None,
            session_404s: 0,
            session_ms: 24 * 3600 * 1000,
            download_ms: 3600 * 1000,
            download_expired_status: 401,
            ignore_range: false,
            old_precondition_words: false,
            patch_answers_204: false,
            batch_429s: 0,
            copy_polls: 1,
            copy_fails: false,
            strict_refresh: false,
            drops_notices: false,
            doubles_notices: false,
            push_origin: String::new(),
        }
    }
}
