//! Access tokens: got for the service account's proof, and kept until shortly before they end.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use model::{Clock, Millis};
use outbound::{Body, Call, Client, Dialect, Failure, Patience, Reason, Refusal, encoded};
use reqwest::Method;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::account::Account;

/// A token that ends sooner than this is not used any more, seconds.
const SPARE_SECS: i64 = 300;
/// A token that is refused this soon after it was given out was not good for anything, seconds.
const FRESH_SECS: i64 = 60;
/// For so long after a token was replaced, refusals are taken to be of the one before, seconds.
const LATE_SECS: i64 = 5;
const ANSWER_BYTES: usize = 64 * 1024;
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

pub(super) struct Tokens {
    account: Arc<Account>,
    client: Client,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    token: Option<Token>,
    /// The one before was refused.
    was_refused: bool,
}

struct Token {
    bearer: String,
    got: Millis,
    ends: Millis,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default = "one_hour")]
    expires_in: i64,
}

const fn one_hour() -> i64 {
    3600
}

impl Tokens {
    pub(super) fn new(
        store: &str,
        account: Arc<Account>,
        clock: Clock,
        patience: Patience,
    ) -> Result<Self, Reason> {
        Ok(Self {
            account,
            client: Client::new(store, Arc::new(TokenDialect), clock, patience)?,
            current: Mutex::default(),
        })
    }

    /// A token that is good for a while yet.
    pub(super) async fn bearer(&self) -> Result<String, Reason> {
        // Held while one asks, so that the others need not.
        let mut current = self.current.lock().await;
        let now = self.client.now();
        if let Some(token) = &current.token
            && now.plus_secs(SPARE_SECS) < token.ends
            && now >= token.got
        {
            return Ok(token.bearer.clone());
        }
        let granted = self.ask(now).await?;
        let bearer = granted.access_token;
        current.token = Some(Token {
            bearer: bearer.clone(),
            got: now,
            ends: now.plus_secs(granted.expires_in.max(2 * SPARE_SECS)),
        });
        Ok(bearer)
    }

    /// Drops the token, which was refused. Answers whether another may be better.
    pub(super) fn refused(&self) -> bool {
        let Ok(mut current) = self.current.try_lock() else {
            // Another one is asked for already.
            return true;
        };
        let now = self.client.now();
        let Some(token) = &current.token else {
            return true;
        };
        if current.was_refused && now < token.got.plus_secs(LATE_SECS) {
            return true;
        }
        let was_fresh = now < token.got.plus_secs(FRESH_SECS);
        *current = Current {
            token: None,
            was_refused: true,
        };
        !was_fresh
    }

    async fn ask(&self, now: Millis) -> Result<Granted, Reason> {
        let form = format!(
            "grant_type={}&assertion={}",
            encoded(GRANT, ""),
            self.account.proof(now)
        );
        let call = Call::new(Method::POST, self.account.token_uri.clone())
            .with_header("content-type", "application/x-www-form-urlencoded")
            .with_body(Body::from(Bytes::from(form)));
        let answer = self.client.fetch(&call, ANSWER_BYTES).await;
        let answer = answer.map_err(|failure| self.client.reason(failure))?;
        let granted = serde_json::from_slice(&answer.body).ok();
        granted.ok_or_else(|| self.client.reason(Failure::strange("its token cannot be read")))
    }
}

/// How tokens are given out (RFC 6749 5.2).
struct TokenDialect;

#[derive(Deserialize)]
struct TokenError {
    error: String,
}

#[async_trait]
impl Dialect for TokenDialect {
    async fn authorize(&self, _: &mut Call) -> Result<(), Reason> {
        Ok(())
    }

    fn code(&self, refusal: &Refusal) -> Option<String> {
        let error: TokenError = serde_json::from_slice(&refusal.body).ok()?;
        Some(error.error)
    }

    fn is_passing(&self, code: &str) -> bool {
        matches!(code, "temporarily_unavailable" | "internal_failure")
    }

    fn is_full(&self, _: &str) -> bool {
        false
    }

    fn help(&self, refusal: &Refusal) -> Option<String> {
        let help = match refusal.code.as_str() {
            "invalid_grant" => {
                "Google does not know the service account's key any more, or this machine's clock is wrong"
            }
            "unauthorized_client" | "invalid_client" => "Google does not know the service account",
            _ => "no access token was given for the service account",
        };
        Some(help.to_owned())
    }
}
