//! What Drive can be told to do differently.

use serde::{Deserialize, Serialize};

/// All off, as Google is on a good day.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DriveSwitches {
    /// After a write, `files.list` shows what was before for so long.
    pub list_lag_ms: i64,
    /// After a write, the feed of changes does not tell of it for so long.
    pub changes_lag_ms: i64,
    /// `files.list` says that it is not complete.
    pub incomplete_search: bool,
    /// `files.list` leaves out every file, and says nothing of it.
    pub empty_list: bool,
    /// A search for several parents at once finds nothing.
    pub or_parents_finds_nothing: bool,
    /// Tokens of pages of `files.list` are refused.
    pub list_tokens_expired: bool,
    /// Tokens of the feed of changes are refused with this status; 0 is off.
    pub change_tokens_refused: u16,
    /// Each page of the feed of changes begins with the last entry of the one before.
    pub changes_repeat: bool,
    /// A folder that was deleted for good is told of together with everything that was in it.
    pub changes_tell_descendants: bool,
    /// At most so many entries on a page of any list, whatever was asked; 0 is off.
    pub page_size_limit: usize,
    /// Files have no SHA-1 and no SHA-256, as old ones.
    pub omit_sha: bool,
    /// `md5Checksum` is not that of the bytes.
    pub wrong_md5: bool,
    /// Downloads are answered whole, whatever `Range` says.
    pub ignore_range: bool,
    /// Downloads are compressed for clients that take it.
    pub gzip: bool,
    /// For the next pieces of resumable uploads, one entry each: how many bytes are kept of it at most, rounded
    /// down to 256 KiB. After 0 the answer has no `Range` if nothing was kept before.
    pub keep_of_pieces: Vec<u64>,
    /// The status for an upload session that is over; 0 is 404.
    pub session_over_status: u16,
    /// When `If-Match` of a v2 upload in pieces is looked at.
    pub v2_if_match: IfMatch,
    /// Consent allows only these scopes of those that were asked; empty allows all.
    pub granted_scopes: Vec<String>,
    /// The answer of consent is `access_denied`.
    pub deny: bool,
    /// A person who consented before gets no refresh token unless `prompt=consent`.
    pub remember_consent: bool,
    /// The app's consent screen is in testing: refresh tokens die seven days after they were given.
    pub is_testing: bool,
    /// Refreshing is refused with `invalid_grant` and this `error_subtype`; empty is off.
    pub refuse_refresh: String,
    /// Messages on channels are lost.
    pub drop_pushes: bool,
    /// Messages on channels come twice.
    pub double_pushes: bool,
    /// Where messages on channels go instead of the origin that was named, such as `http://127.0.0.1:8080`; empty is
    /// off. For addresses of TLS, which the fake does not speak.
    pub push_origin: String,
    /// Writes are refused with 403 and this reason; empty is off.
    pub refuse_writes: String,
}

/// When `If-Match` of a v2 upload in pieces is looked at. For uploads in one piece there is no question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfMatch {
    /// When the upload begins and when it is complete.
    #[default]
    Both,
    /// When it begins.
    AtStart,
    /// When it is complete.
    AtEnd,
    /// Never.
    Never,
}
