//! Requests to the server, and what its refusals mean.

use async_trait::async_trait;
use bytes::Bytes;
use outbound::{Call, Dialect, Failure, Kind, Reason, Refusal, Secret, Whole};
use reqwest::Method;

use super::place::Place;
use super::props::{self, Found};
use super::{Login, WebDav};
use crate::{RemoteError, SignInReason};

/// The longest listing of one folder that is taken.
const LISTING_BYTES: usize = 64 << 20;

/// The longest other answer.
pub(super) const ANSWER_BYTES: usize = 1 << 20;

/// How deep a listing goes (RFC 4918 10.2). Never to the bottom: servers refuse that, or fall over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Itself,
    Children,
}

/// Proves who asks. Nothing else is special about WebDAV.
pub(super) struct Prover {
    proof: Option<Secret>,
}

impl Prover {
    pub(super) fn new(login: &Login) -> Self {
        let proof = match login {
            Login::Nobody => None,
            Login::Basic { user, password } => {
                let pair = format!("{user}:{}", password.reveal());
                Some(Secret::new(format!(
                    "Basic {}",
                    outbound::base64(pair.as_bytes())
                )))
            }
            Login::Bearer(token) => Some(Secret::new(format!("Bearer {}", token.reveal()))),
        };
        Self { proof }
    }
}

#[async_trait]
impl Dialect for Prover {
    async fn authorize(&self, call: &mut Call) -> Result<(), Reason> {
        if let Some(proof) = &self.proof {
            call.set_header("authorization", proof.reveal());
        }
        Ok(())
    }

    fn code(&self, _refusal: &Refusal) -> Option<String> {
        None
    }

    fn is_passing(&self, _code: &str) -> bool {
        false
    }

    fn is_full(&self, _code: &str) -> bool {
        false
    }

    fn help(&self, _refusal: &Refusal) -> Option<String> {
        None
    }
}

/// A method that HTTP itself does not have.
pub(super) fn method(name: &str) -> Method {
    Method::from_bytes(name.as_bytes()).expect("letters only")
}

impl WebDav {
    /// Asks what there is.
    pub(super) async fn propfind(
        &self,
        place: &Place,
        depth: Depth,
        asked: &'static str,
    ) -> Result<Vec<(Place, Found)>, RemoteError> {
        let mut is_folder = depth == Depth::Children || place.is_root();
        loop {
            let mut call = Call::new(method("PROPFIND"), self.base.url(place, is_folder))
                .with_header("content-type", "application/xml; charset=utf-8")
                .with_header("depth", if depth == Depth::Children { "1" } else { "0" })
                .with_body(Bytes::from_static(asked.as_bytes()).into())
                .with_kind(if depth == Depth::Children {
                    Kind::List
                } else {
                    Kind::Read
                });
            call.also_good = &[301, 302, 307, 308];
            let answer = self.fetch(&call, LISTING_BYTES).await?;
            match answer.status {
                207 => return self.multistatus(&answer),
                // Servers lead from a folder's name to the same with a slash.
                301 | 302 | 307 | 308 if !is_folder => is_folder = true,
                _ => {
                    let strange = "it does not answer as WebDAV does";
                    return Err(RemoteError::Unavailable(strange.to_owned()));
                }
            }
        }
    }

    fn multistatus(&self, answer: &Whole) -> Result<Vec<(Place, Found)>, RemoteError> {
        props::read(&answer.body, &self.base)
            .ok_or_else(|| RemoteError::Unavailable("its listing cannot be understood".to_owned()))
    }

    /// Looks at one thing; `None` when it is not there.
    pub(super) async fn look(&self, place: &Place) -> Result<Option<Found>, RemoteError> {
        match self.propfind(place, Depth::Itself, props::ASKED).await {
            Ok(told) => Ok(told
                .into_iter()
                .find(|(told, _)| told == place)
                .map(|(_, found)| found)),
            Err(RemoteError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn fetch(&self, call: &Call, limit_bytes: usize) -> Result<Whole, RemoteError> {
        let fetched = self.client.fetch(call, limit_bytes).await;
        fetched.map_err(|failure| self.error(failure))
    }

    /// What a failure means, unless the method knows better.
    pub(super) fn error(&self, failure: Failure) -> RemoteError {
        let Some(refusal) = failure.refusal() else {
            return self.client.reason(failure).into();
        };
        let status = refusal.status;
        match (status, refusal.retry_after()) {
            (401, _) => RemoteError::SignInAgain(SignInReason::Keys(status.to_string())),
            (404 | 409 | 410, _) => RemoteError::NotFound,
            (423, _) => RemoteError::Locked,
            (429 | 503, Some(wait)) => {
                let wait_secs = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
                RemoteError::Paused {
                    until: refusal.at.plus_secs(wait_secs),
                }
            }
            (507, _) => RemoteError::Full("it says so".to_owned()),
            (403, _) => refused(status, "the server does not allow it"),
            (413, _) => refused(status, "the server takes no file that long"),
            _ => self.client.reason(failure).into(),
        }
    }
}

pub(super) fn refused(status: u16, reason: &str) -> RemoteError {
    RemoteError::Refused {
        code: status.to_string(),
        reason: reason.to_owned(),
    }
}
