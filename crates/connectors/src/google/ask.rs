//! Requests to Drive, proven by a token that is renewed once when it is not taken.

use std::sync::Arc;

use async_trait::async_trait;
use outbound::{Answer, Call, Client, Dialect, Failure, Reason, Refusal, Whole, encoded};
use reqwest::{Method, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::fault::Fault;
use crate::{AccessToken, ItemId, Tokens};

/// The longest answer that is read whole: a page of 1000 items takes about 2 MB.
const LONGEST: usize = 32 << 20;
/// The longest id that is taken for one.
const LONGEST_ID: usize = 200;
/// Shared drives are known here.
pub(super) const ALL_DRIVES: (&str, &str) = ("supportsAllDrives", "true");
/// What stands in the place of an id in some addresses.
const WORDS: [&str; 2] = ["generateIds", "trash"];

/// Sends requests to one account's Drive.
pub(super) struct Api {
    pub client: Client,
    pub tokens: Arc<dyn Tokens>,
    /// Where the API is, without a slash at its end.
    pub base: String,
}

impl Api {
    /// The address of a method. `path` is encoded already, `query` is not.
    pub fn url(&self, path: &str, query: &[(&str, &str)]) -> String {
        let mut url = format!("{}{path}", self.base);
        for (place, (name, value)) in query.iter().enumerate() {
            url.push(if place == 0 { '?' } else { '&' });
            url.push_str(name);
            url.push('=');
            url.push_str(&encoded(value, ",/():*"));
        }
        url
    }

    /// The address of a file, for the methods that ask whether shared drives are known: else what is in
    /// them is not there.
    pub fn file_url(&self, id: &ItemId, query: &[(&str, &str)]) -> Result<String, Fault> {
        let mut whole = vec![ALL_DRIVES];
        whole.extend_from_slice(query);
        Ok(self.url(&format!("/drive/v3/files/{}", checked(id)?), &whole))
    }

    /// Asks for something in JSON.
    pub async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, Fault> {
        read_json(&self.whole(call).await?)
    }

    /// Asks, and reads the whole answer.
    pub async fn whole(&self, call: Call) -> Result<Whole, Fault> {
        let mut token = self.tokens.token().await.map_err(Fault::Remote)?;
        let mut is_renewed = false;
        loop {
            let proven = self.proven(call.clone(), &token);
            match self.client.fetch(&proven, LONGEST).await {
                Err(failure) if failure.status() == Some(401) && !is_renewed => {
                    is_renewed = true;
                    token = self.tokens.renewed(&token).await.map_err(Fault::Remote)?;
                }
                outcome => return outcome.map_err(Fault::Http),
            }
        }
    }

    /// Asks, and returns as soon as the answer begins.
    pub async fn begin(&self, call: Call) -> Result<Answer, Fault> {
        let mut token = self.tokens.token().await.map_err(Fault::Remote)?;
        let mut is_renewed = false;
        loop {
            let proven = self.proven(call.clone(), &token);
            match self.client.send(&proven).await {
                Err(failure) if failure.status() == Some(401) && !is_renewed => {
                    is_renewed = true;
                    token = self.tokens.renewed(&token).await.map_err(Fault::Remote)?;
                }
                outcome => return outcome.map_err(Fault::Http),
            }
        }
    }

    /// Adds the token, if the address is the API's: an upload goes where Google says.
    pub fn proven(&self, call: Call, token: &AccessToken) -> Call {
        let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
        if origin(&call.url) != origin(&self.base) {
            return call;
        }
        call.with_header("authorization", &format!("Bearer {}", token.expose()))
    }
}

/// An id, if it can be one: nothing that leads elsewhere in an address.
pub(super) fn checked(id: &ItemId) -> Result<&str, Fault> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let text = id.0.as_str();
    let is_id = !text.is_empty() && text.len() <= LONGEST_ID && text.bytes().all(is_plain);
    if is_id && !WORDS.contains(&text) {
        Ok(text)
    } else {
        Err(Fault::Remote(crate::RemoteError::NotFound))
    }
}

/// Reads an answer.
pub(super) fn read_json<T: DeserializeOwned>(whole: &Whole) -> Result<T, Fault> {
    serde_json::from_slice(&whole.body)
        .map_err(|_| Fault::Http(Failure::strange("its answer cannot be understood")))
}

/// A request with a body in JSON.
pub(super) fn with_json(method: Method, url: String, body: &serde_json::Value) -> Call {
    Call::new(method, url)
        .with_header("content-type", "application/json; charset=UTF-8")
        .with_body(bytes::Bytes::from(body.to_string()).into())
}

/// How Google words what goes wrong.
pub(super) struct Google;

#[derive(Deserialize)]
struct Refused {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    errors: Vec<One>,
    #[serde(default)]
    status: Option<String>,
}

#[derive(Deserialize)]
struct One {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
}

fn said(refusal: &Refusal) -> Option<Said> {
    let refused: Refused = serde_json::from_slice(&refusal.body).ok()?;
    Some(refused.error)
}

/// Google's word for the end of what one person may upload in a day is that for haste, with a sentence of its own.
pub(super) fn is_daily_cap(refusal: &Refusal) -> bool {
    let said = said(refusal);
    let first = said.as_ref().and_then(|said| said.errors.first());
    refusal.code == "userRateLimitExceeded"
        && first.is_some_and(|one| one.message == "User rate limit exceeded.")
}

#[async_trait]
impl Dialect for Google {
    /// The token comes with the request, so that why there is none is not lost on the way.
    async fn authorize(&self, _call: &mut Call) -> Result<(), Reason> {
        Ok(())
    }

    fn code(&self, refusal: &Refusal) -> Option<String> {
        let said = said(refusal)?;
        let reason = said.errors.into_iter().next().map(|one| one.reason);
        reason.filter(|reason| !reason.is_empty()).or(said.status)
    }

    fn is_passing(&self, code: &str) -> bool {
        matches!(
            code,
            "rateLimitExceeded"
                | "userRateLimitExceeded"
                | "sharingRateLimitExceeded"
                | "backendError"
                | "internalError"
                | "transientError"
        )
    }

    fn is_full(&self, code: &str) -> bool {
        code == "storageQuotaExceeded"
    }

    fn help(&self, _refusal: &Refusal) -> Option<String> {
        None
    }
}
