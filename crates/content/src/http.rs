//! HTTP as object stores speak it: one client with tries, deadlines and sentences for all of them.
//!
//! What differs from store to store, how requests are signed and errors are worded, is a [`Dialect`].

mod call;
mod failure;
mod patience;
mod resume;
mod secret;
#[cfg(test)]
mod tests;
mod text;
mod xml;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use model::Clock;
use tokio::time::{Instant, sleep, timeout_at};

use crate::ContentError;

pub(crate) use call::{Answer, Body, Call, Whole};
pub(crate) use failure::{Failure, Refusal};
pub use patience::Patience;
pub(crate) use resume::{Reopen, nothing_of, ranged};
pub use secret::Secret;
pub(crate) use text::{
    base64, content_disposition, decoded, encoded, hex, hmac_sha256, http_date, parse_http_date, skew_ms,
    timestamp,
};
pub(crate) use xml::{Element, escaped, parse_xml};

/// The most that is read of an answer that says why something was refused.
const REFUSAL_BYTES: usize = 64 * 1024;

/// What is special about one kind of store.
#[async_trait]
pub(crate) trait Dialect: Send + Sync {
    /// Adds to a request what proves who asks. Called anew for each try, since proofs hold a time.
    async fn authorize(&self, call: &mut Call) -> Result<(), ContentError>;

    /// The store's own word for what went wrong, as its answer tells it.
    fn code(&self, refusal: &Refusal) -> Option<String>;

    /// Whether trying again may help, judged by the store's word; some statuses say so by themselves.
    fn is_passing(&self, code: &str) -> bool;

    /// Whether the store's word means that it has no room.
    fn is_full(&self, code: &str) -> bool;

    /// What an operator can do about a refusal: a phrase that goes on after a colon.
    fn help(&self, refusal: &Refusal) -> Option<String>;
}

/// Sends requests to one store.
pub(crate) struct Client {
    http: reqwest::Client,
    store: String,
    dialect: Arc<dyn Dialect>,
    clock: Clock,
    patience: Patience,
}

impl Client {
    /// Makes a client for the store of that name.
    ///
    /// # Errors
    /// `Io` when encrypted connections cannot be made on this machine.
    pub(crate) fn new(
        store: &str,
        dialect: Arc<dyn Dialect>,
        clock: Clock,
        patience: Patience,
    ) -> Result<Self, ContentError> {
        let http = reqwest::Client::builder()
            // Whoever we are led to would be sent our proofs; dialects that know a redirect follow it.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(patience.connect)
            .pool_idle_timeout(Duration::from_secs(20))
            .user_agent(concat!("cumuli/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| ContentError::Io(std::io::Error::other(failure::last_cause(&error))))?;
        Ok(Self {
            http,
            store: store.to_owned(),
            dialect,
            clock,
            patience,
        })
    }

    /// Our time.
    pub(crate) fn now(&self) -> model::Millis {
        (self.clock)()
    }

    /// The store's name.
    pub(crate) fn store(&self) -> &str {
        &self.store
    }

    /// How long it waits.
    pub(crate) const fn patience(&self) -> Patience {
        self.patience
    }

    /// Sends a request until it is answered for good, and returns as soon as the answer begins.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        self.persist(call, |until| Box::pin(self.once(call, until))).await
    }

    /// Sends a request until it is answered for good, and reads the answer to its end: at most
    /// `limit_bytes` of it. An answer that breaks off counts as none.
    pub(crate) async fn fetch(&self, call: &Call, limit_bytes: usize) -> Result<Whole, Failure> {
        self.persist(call, |until| Box::pin(self.once_whole(call, limit_bytes, until)))
            .await
    }

    async fn once_whole(&self, call: &Call, limit_bytes: usize, until: Instant) -> Result<Whole, Failure> {
        let answer = self.once(call, until).await?;
        let whole = timeout_at(until, answer.whole(limit_bytes))
            .await
            .unwrap_or_else(|_| Err(Failure::too_slow()))?;
        if call.hides_errors {
            let refusal = Refusal::of(whole, self.now());
            return match self.dialect.code(&refusal) {
                Some(_) => Err(self.worded(refusal)),
                None => Ok(refusal.into_whole()),
            };
        }
        Ok(whole)
    }

    /// What a failure means to who asked for a blob.
    pub(crate) fn error(&self, failure: Failure) -> ContentError {
        failure.into_error(&self.store, self.dialect.as_ref())
    }

    /// An error of a kind that no try will change.
    pub(crate) fn rejected(&self, reason: impl Into<String>) -> ContentError {
        ContentError::Rejected {
            store: self.store.clone(),
            reason: reason.into(),
        }
    }

    /// Attempts are boxed because the compiler cannot see that those of an `AsyncFn` may change threads.
    async fn persist<'a, T>(
        &'a self,
        call: &'a Call,
        attempt: impl Fn(Instant) -> BoxFuture<'a, Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let size_bytes = call.weight_bytes();
        let end = Instant::now() + self.patience.whole(size_bytes);
        let mut try_count = 1;
        loop {
            let until = end.min(Instant::now() + self.patience.one_try(size_bytes));
            let failure = match attempt(until).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure.after(try_count),
            };
            let Some(pause) = self.patience.pause(try_count, failure.retry_after()) else {
                return Err(failure);
            };
            let has_time = Instant::now() + pause < end;
            if !has_time || !call.is_repeatable || !failure.is_passing(self.dialect.as_ref()) {
                return Err(failure);
            }
            tracing::debug!(store = self.store, try_count, %failure, "trying again");
            sleep(pause).await;
            try_count += 1;
        }
    }

    async fn once(&self, call: &Call, until: Instant) -> Result<Answer, Failure> {
        let mut signed = call.clone();
        if !call.is_signed {
            let authorized = self.dialect.authorize(&mut signed).await;
            authorized.map_err(Failure::Ours)?;
        }
        let request = self.http.execute(signed.into_request()?);
        let answer = match timeout_at(until, request).await {
            Ok(answer) => Answer::new(answer.map_err(Failure::silent)?, self.patience.silence),
            Err(_) => return Err(Failure::too_slow()),
        };
        let status = answer.status();
        if (200..300).contains(&status) || call.also_good.contains(&status) {
            return Ok(answer);
        }
        // What a refusal says is worth little: one whose text breaks off is still that refusal.
        let whole = timeout_at(until, answer.beginning(REFUSAL_BYTES))
            .await
            .map_err(|_| Failure::too_slow())?;
        Err(self.worded(Refusal::of(whole, self.now())))
    }

    fn worded(&self, mut refusal: Refusal) -> Failure {
        refusal.set_code(self.dialect.code(&refusal));
        Failure::Refused(Box::new(refusal))
    }
}
