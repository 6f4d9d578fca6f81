//! Contents from the server.

use futures_util::stream;
use model::{BodyError, ByteStream};
use outbound::{Answer, Call, Kind};
use reqwest::Method;

use super::WebDav;
use super::place::Place;
use super::props::plain_tag;
use crate::{Reading, RemoteError, Revision};

impl WebDav {
    /// Opens a file. It is looked at before: what a server answers for a folder may be a page for people.
    pub(super) async fn open(
        &self,
        place: &Place,
        revision: Option<&Revision>,
        offset: u64,
    ) -> Result<Reading, RemoteError> {
        let found = self.look(place).await?.ok_or(RemoteError::NotFound)?;
        let now = found.revision().ok_or(RemoteError::NoContent)?;
        if revision.is_some_and(|expected| *expected != now) {
            return Err(RemoteError::Changed);
        }
        let size_bytes = found.size_bytes;
        if size_bytes.is_some_and(|size| offset >= size) {
            return Ok(Reading {
                stream: Box::pin(stream::empty()),
                size_bytes,
                revision: Some(now),
            });
        }
        let mut call = Call::new(Method::GET, self.base.url(place, false))
            .with_kind(Kind::Content)
            .with_header("accept-encoding", "identity");
        call.follow = 3;
        if offset > 0 {
            call.set_header("range", &format!("bytes={offset}-"));
        }
        let answer = self
            .client
            .send(&call)
            .await
            .map_err(|failure| self.error(failure))?;
        let is_other = |tag: &str| found.etag.as_deref().is_some_and(|etag| etag != plain_tag(tag));
        if answer.header("etag").is_some_and(is_other) {
            return Err(RemoteError::Changed);
        }
        let skipped = skipped(&answer, offset)?;
        Ok(Reading {
            stream: stream_of(answer, skipped, size_bytes.map(|size| size - offset)),
            size_bytes,
            revision: Some(now),
        })
    }
}

/// How many bytes come before those that were asked for, from a server that passes over ranges.
fn skipped(answer: &Answer, offset: u64) -> Result<u64, RemoteError> {
    if answer.status() != 206 {
        return Ok(offset);
    }
    let start = answer
        .header("content-range")
        .and_then(|range| range.strip_prefix("bytes "))
        .and_then(|range| range.split_once('-'))
        .and_then(|(start, _)| start.trim().parse().ok());
    if start == Some(offset) {
        Ok(0)
    } else {
        Err(RemoteError::Unavailable(
            "it answered with another range".to_owned(),
        ))
    }
}

struct State {
    answer: Answer,
    skip: u64,
    left: Option<u64>,
    is_over: bool,
}

fn stream_of(answer: Answer, skip: u64, left: Option<u64>) -> ByteStream {
    let state = State {
        answer,
        skip,
        left,
        is_over: false,
    };
    Box::pin(stream::unfold(state, |mut state| async move {
        if state.is_over {
            return None;
        }
        loop {
            let piece = match state.answer.chunk().await {
                Ok(Some(piece)) => piece,
                Ok(None) if state.left.is_none_or(|left| left == 0) => return None,
                Ok(None) => return Some(state.end(BodyError::Incomplete)),
                Err(failure) => {
                    let cause = std::io::Error::other(failure.to_string());
                    return Some(state.end(BodyError::Unreadable(Box::new(cause))));
                }
            };
            let before = usize::try_from(state.skip).map_or(piece.len(), |skip| skip.min(piece.len()));
            state.skip -= before as u64;
            let piece = piece.slice(before..);
            if piece.is_empty() {
                continue;
            }
            if let Some(left) = &mut state.left {
                match left.checked_sub(piece.len() as u64) {
                    Some(rest) => *left = rest,
                    None => {
                        let what = "more came than the file is long";
                        return Some(state.end(BodyError::Malformed(what.to_owned())));
                    }
                }
            }
            return Some((Ok(piece), state));
        }
    }))
}

impl State {
    fn end(mut self, error: BodyError) -> (Result<bytes::Bytes, BodyError>, Self) {
        self.is_over = true;
        (Err(error), self)
    }
}
