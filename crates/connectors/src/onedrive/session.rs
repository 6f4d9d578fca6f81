//! Upload sessions: an address that takes a content piece by piece, and that remembers how far it got.
//!
//! The address proves by itself what it is for: our token never goes there.

use model::Millis;
use outbound::{Body, Call, Kind, Whole};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::ask::{read_json, with_json};
use super::item::{DriveItem, write_time};
use super::refusal::Trouble;
use super::upload::{Base, Outcome, conditional};
use super::window::Windows;
use super::{DriveKind, OneDrive};
use crate::{HashKind, Hasher, RemoteError, Target, Upload};

/// Every piece but the last is a multiple of this.
pub(super) const STEP_BYTES: u64 = 320 * 1024;
/// A piece is shorter than this.
pub(super) const MOST_BYTES: u64 = 60 * 1024 * 1024;
/// How often it is asked for a session that was just made and is not known everywhere.
const LAG_TRIES: u32 = 4;
/// How often an upload may get no further.
const STALLS: u32 = 5;
/// How often an upload begins anew because its session is gone.
const RESTARTS: u32 = 3;

/// What is kept of a session: a secret.
#[derive(Serialize, Deserialize)]
struct Session {
    url: String,
    /// What it is for.
    target: String,
    size_bytes: u64,
    modified_ms: Option<i64>,
    /// The hash of its first piece.
    begins: String,
}

/// What the service tells of a session.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    upload_url: Option<String>,
    #[serde(default)]
    next_expected_ranges: Vec<String>,
}

impl State {
    /// The first byte that is missing. The ranges may come in any order, and not all of them.
    fn next(&self) -> Option<u64> {
        let starts = self
            .next_expected_ranges
            .iter()
            .filter_map(|range| range.split('-').next());
        starts.filter_map(|start| start.trim().parse().ok()).min()
    }
}

/// How sending ended.
enum Sent {
    /// The file as the service tells it.
    Done(Box<DriveItem>),
    /// The session is gone: with the file that it made, or without.
    Gone,
    /// The service does not want the file there.
    Refused(Trouble),
}

/// How far a session is.
struct Progress {
    next: u64,
    piece_bytes: u64,
    stalls: u32,
}

impl Progress {
    /// Goes on from where the service is; false when that was no progress too often.
    fn moved(&mut self, next: u64) -> bool {
        if next > self.next {
            self.stalls = 0;
        } else {
            self.stalls += 1;
        }
        self.next = next;
        self.stalls <= STALLS
    }
}

impl OneDrive {
    /// Sends a content that is not empty, going on where an earlier try stopped.
    pub(super) async fn by_session(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
        mut tag: Option<String>,
    ) -> Result<Outcome, RemoteError> {
        let mut kept = self.kept(upload, windows).await?;
        for _ in 0..RESTARTS {
            let (session, next) = match kept.take() {
                Some(session) => match self.state(&session).await? {
                    Some(next) => (session, next),
                    None => match self.ours(upload, windows).await? {
                        Some(item) => return Ok(Outcome::Done(Box::new(item))),
                        None => continue,
                    },
                },
                None => match self.begin(upload, windows, tag.take()).await? {
                    Begun::Session(session) => (session, 0),
                    Begun::Other(outcome) => return Ok(outcome),
                },
            };
            match self.send_all(upload, windows, &session, next).await? {
                Sent::Done(item) => return Ok(Outcome::Done(item)),
                Sent::Gone => {
                    if let Some(item) = self.ours(upload, windows).await? {
                        return Ok(Outcome::Done(Box::new(item)));
                    }
                }
                Sent::Refused(trouble) => {
                    let call = Call::new(Method::DELETE, session.url);
                    // Otherwise it ends by itself.
                    self.ask_bare(call).await.ok();
                    upload.journal.keep(None).await.map_err(RemoteError::Source)?;
                    return self.after_refusal(upload, windows, trouble).await;
                }
            }
        }
        Err(RemoteError::Unavailable(
            "it forgets the upload again and again".to_owned(),
        ))
    }

    /// The session of an earlier try, if it is of the same upload. One that is not is ended.
    async fn kept(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
    ) -> Result<Option<Session>, RemoteError> {
        let kept = upload.journal.kept().await;
        let Some(session) = kept.and_then(|text| serde_json::from_str::<Session>(&text).ok()) else {
            return Ok(None);
        };
        if !self.addresses.is_safe(&session.url) {
            return Ok(None);
        }
        let is_same = session.target == target_of(upload)
            && session.size_bytes == windows.size_bytes()
            && session.modified_ms == upload.modified.map(|modified| modified.0)
            && session.begins == self.beginning(windows).await?;
        if is_same {
            return Ok(Some(session));
        }
        // Otherwise it ends by itself.
        self.ask_bare(Call::new(Method::DELETE, session.url)).await.ok();
        Ok(None)
    }

    /// What tells contents of one length apart without reading all of them.
    async fn beginning(&self, windows: &mut Windows<'_>) -> Result<String, RemoteError> {
        let mut hasher = Hasher::new(&[HashKind::QuickXor]);
        for piece in windows.read(0, self.piece_bytes).await? {
            hasher.update(&piece);
        }
        Ok(hasher.finish().text(HashKind::QuickXor).unwrap_or_default())
    }

    async fn begin(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
        tag: Option<String>,
    ) -> Result<Begun, RemoteError> {
        let mut about = Map::new();
        let mut call = match upload.target {
            Target::Create { parent, name, .. } => {
                about.insert("@microsoft.graph.conflictBehavior".to_owned(), "fail".into());
                about.insert("name".to_owned(), name.into());
                Call::new(
                    Method::POST,
                    self.addresses.child(&parent.0, name, "/createUploadSession"),
                )
            }
            Target::Replace { id, expected } => {
                about.insert("@microsoft.graph.conflictBehavior".to_owned(), "replace".into());
                let tag = match self.tag_of(id, expected, tag, windows).await? {
                    Base::Tag(tag) => tag,
                    Base::Done(item) => return Ok(Begun::Other(Outcome::Done(item))),
                };
                let url = self.addresses.item(&id.0, "/createUploadSession");
                conditional(Call::new(Method::POST, url), &tag)
            }
        };
        if let Some(modified) = upload.modified {
            let times = json!({ "lastModifiedDateTime": write_time(modified) });
            about.insert("fileSystemInfo".to_owned(), times);
        }
        if self.kind == DriveKind::Personal {
            // Lets the service say at once that there is no room. Others do not know it.
            about.insert("fileSize".to_owned(), windows.size_bytes().into());
        }
        let begins = self.beginning(windows).await?;
        call = with_json(call, &json!({ "item": about }));
        // The folder may have been made this moment, and not be known everywhere.
        let answer = match self.patiently(|| self.ask(call.clone())).await {
            Ok(answer) => answer,
            Err(trouble) => {
                return self
                    .after_refusal(upload, windows, trouble)
                    .await
                    .map(Begun::Other);
            }
        };
        let session = self.session_of(&answer, upload, begins)?;
        let text = serde_json::to_string(&session).expect("it is text and numbers");
        // Before a byte is sent: what is sent and not known of is lost.
        upload
            .journal
            .keep(Some(&text))
            .await
            .map_err(RemoteError::Source)?;
        Ok(Begun::Session(session))
    }

    fn session_of(
        &self,
        answer: &Whole,
        upload: &Upload<'_>,
        begins: String,
    ) -> Result<Session, RemoteError> {
        let state: State = read_json(answer)?;
        let url = state.upload_url.filter(|url| self.addresses.is_safe(url));
        Ok(Session {
            url: url.ok_or_else(|| {
                RemoteError::Unavailable("it does not say where to send the content".to_owned())
            })?,
            target: target_of(upload),
            size_bytes: upload.source.size_bytes(),
            modified_ms: upload.modified.map(|Millis(ms)| ms),
            begins,
        })
    }

    /// The first byte that a session lacks; `None` when there is no such session, or it lacks none.
    async fn state(&self, session: &Session) -> Result<Option<u64>, RemoteError> {
        match self.ask_bare(Call::new(Method::GET, session.url.clone())).await {
            Ok(answer) => {
                let state: State = read_json(&answer)?;
                Ok(state.next().filter(|next| *next < session.size_bytes))
            }
            Err(trouble) if matches!(trouble.status(), 400 | 401 | 403 | 404 | 409 | 410 | 416) => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }

    async fn send_all(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
        session: &Session,
        next: u64,
    ) -> Result<Sent, RemoteError> {
        let mut at = Progress {
            next,
            piece_bytes: self.piece_bytes,
            stalls: 0,
        };
        loop {
            let trouble = match self.send_piece(windows, session, &at).await? {
                Ok(answer) if answer.status == 202 => {
                    let state: State = read_json(&answer)?;
                    let sent = (at.next + at.piece_bytes).min(session.size_bytes);
                    // One that names no range is taken to have what it was sent.
                    let next = state.next().unwrap_or(sent);
                    upload.journal.arrived(next);
                    if next >= session.size_bytes {
                        return Ok(Sent::Gone);
                    }
                    if !at.moved(next) {
                        return Err(RemoteError::Unavailable("the upload gets no further".to_owned()));
                    }
                    continue;
                }
                Ok(answer) => {
                    upload.journal.arrived(session.size_bytes);
                    return Ok(Sent::Done(Box::new(read_json(&answer)?)));
                }
                Err(trouble) => trouble,
            };
            let next = match trouble.status() {
                409 | 412 | 507 => return Ok(Sent::Refused(trouble)),
                // It may have bytes that it did not tell us of, or want them in smaller pieces.
                401 | 403 | 413 | 416 | 504 => {
                    if matches!(trouble.status(), 413 | 504) {
                        at.piece_bytes = (at.piece_bytes / 2 / STEP_BYTES).max(1) * STEP_BYTES;
                    }
                    self.state(session).await?
                }
                404 => self.state_after_lag(upload, windows, session, &at).await?,
                _ => return Err(trouble.into()),
            };
            match next {
                Some(next) if at.moved(next) => {}
                Some(_) => return Err(trouble.into()),
                None => return Ok(Sent::Gone),
            }
        }
    }

    async fn send_piece(
        &self,
        windows: &mut Windows<'_>,
        session: &Session,
        at: &Progress,
    ) -> Result<Result<Whole, Trouble>, RemoteError> {
        let pieces = windows.read(at.next, at.piece_bytes).await?;
        let body = Body::from(pieces);
        let last = at.next + body.len() - 1;
        let range = format!("bytes {}-{last}/{}", at.next, session.size_bytes);
        let call = Call::new(Method::PUT, session.url.clone())
            .with_kind(Kind::Content)
            .with_header("content-range", &range)
            .with_body(body);
        Ok(self.ask_bare(call).await)
    }

    /// Where a session is that was said not to be there. A new one may not be known everywhere; one that has
    /// everything is gone because it is done.
    async fn state_after_lag(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
        session: &Session,
        at: &Progress,
    ) -> Result<Option<u64>, RemoteError> {
        let was_last = at.next + at.piece_bytes >= session.size_bytes;
        for tried in 1..=LAG_TRIES {
            if let Some(next) = self.state(session).await? {
                return Ok(Some(next));
            }
            // Later ones are known by now, and gone.
            if at.next > 0 || (was_last && self.ours(upload, windows).await?.is_some()) {
                return Ok(None);
            }
            self.pause(tried).await;
        }
        Ok(None)
    }
}

/// How an upload began.
enum Begun {
    Session(Session),
    /// It did not have to, or could not.
    Other(Outcome),
}

/// What tells uploads apart.
fn target_of(upload: &Upload<'_>) -> String {
    match upload.target {
        Target::Create { parent, name, .. } => json!(["create", parent.0, name]).to_string(),
        Target::Replace { id, expected } => json!(["replace", id.0, expected.0]).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_range_counts_whatever_the_order() {
        for (ranges, next) in [
            (r#"["26-"]"#, Some(26)),
            (r#"["655360-", "327680-655359"]"#, Some(327_680)),
            (r#"["0-99"]"#, Some(0)),
            (r#"["x"]"#, None),
            ("[]", None),
        ] {
            let state: State =
                serde_json::from_str(&format!(r#"{{"nextExpectedRanges":{ranges}}}"#)).unwrap();
            assert_eq!(state.next(), next, "{ranges}");
        }
    }

    #[test]
    fn an_upload_may_stall_a_few_times_and_no_more() {
        let mut at = Progress {
            next: 10,
            piece_bytes: STEP_BYTES,
            stalls: 0,
        };
        assert!((0..STALLS).all(|_| at.moved(10)));
        assert!(!at.moved(10));
        assert!(at.moved(11));
    }
}
