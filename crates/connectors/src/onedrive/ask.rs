//! One request to Graph, or to an address that it gave us.

use outbound::{Answer, Call, Kind, Whole};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::OneDrive;
use super::item::DriveItem;
use super::refusal::Trouble;
use crate::{AccessToken, ItemId, RemoteError};

/// The longest answer that is taken: a page of 1,000 items is about two megabytes.
const ANSWER_BYTES: usize = 32 << 20;
/// How often something is asked for anew that should be there by now.
const LAG_TRIES: u32 = 4;

impl OneDrive {
    /// Sends a request to the API. A token that is not taken is renewed once.
    pub(super) async fn ask(&self, call: Call) -> Result<Whole, Trouble> {
        let trouble = match self.client.fetch(&call, ANSWER_BYTES).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => Trouble::from(failure),
        };
        if trouble.status() != 401 || trouble.wants_claims() {
            return Err(trouble);
        }
        let Trouble::Refused(refusal) = &trouble else {
            return Err(trouble);
        };
        let proof = refusal
            .proof
            .as_ref()
            .and_then(|proof| proof.reveal().strip_prefix("Bearer "));
        let stale = AccessToken::new(proof.unwrap_or_default().to_owned());
        self.tokens.renewed(&stale).await?;
        Ok(self.client.fetch(&call, ANSWER_BYTES).await?)
    }

    /// Sends a request to an address that proves by itself what it is for.
    pub(super) async fn ask_bare(&self, call: Call) -> Result<Whole, Trouble> {
        let call = Call {
            is_signed: true,
            ..call
        };
        Ok(self.client.fetch(&call, ANSWER_BYTES).await?)
    }

    /// As [`OneDrive::ask_bare`], but the answer's body is still to come.
    pub(super) async fn open_bare(&self, call: Call) -> Result<Answer, Trouble> {
        let call = Call {
            is_signed: true,
            ..call
        };
        Ok(self.client.send(&call).await?)
    }

    /// Asks for something in JSON.
    pub(super) async fn get<T: DeserializeOwned>(&self, url: String, kind: Kind) -> Result<T, Trouble> {
        let answer = self.ask(Call::new(Method::GET, url).with_kind(kind)).await?;
        Ok(read_json(&answer)?)
    }

    /// An item as it is now, with these of its fields.
    pub(super) async fn get_item(&self, id: &ItemId, fields: &str) -> Result<DriveItem, Trouble> {
        let url = self.addresses.item(&id.0, &format!("?$select={fields}"));
        self.get(url, Kind::Read).await
    }

    /// Asks until something that was just written shows, for some seconds.
    pub(super) async fn patiently<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        let mut tried = 0;
        loop {
            tried += 1;
            match attempt().await {
                Err(trouble) if trouble.may_be_lag() && tried < LAG_TRIES => self.pause(tried).await,
                done => return done,
            }
        }
    }

    /// Waits a little, longer each time.
    pub(super) async fn pause(&self, tried: u32) {
        let patience = self.client.patience();
        let pause = patience.first_pause.saturating_mul(2_u32.saturating_pow(tried));
        tokio::time::sleep(pause.min(patience.longest_pause)).await;
    }
}

/// A request that sends JSON.
pub(super) fn with_json(call: Call, body: &Value) -> Call {
    call.with_header("content-type", "application/json")
        .with_body(bytes::Bytes::from(body.to_string()).into())
}

/// Reads an answer in JSON.
pub(super) fn read_json<T: DeserializeOwned>(answer: &Whole) -> Result<T, RemoteError> {
    serde_json::from_slice(&answer.body)
        .map_err(|_| RemoteError::Unavailable("its answer cannot be understood".to_owned()))
}
