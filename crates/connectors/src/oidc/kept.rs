//! What a provider said, for as long as it may be believed.

use std::sync::Arc;

use model::Millis;
use tokio::sync::Mutex;

use super::OidcError;

/// The shortest and the longest time that an answer is kept, whatever the provider says.
const KEPT_SECS: std::ops::RangeInclusive<u64> = 5 * 60..=24 * 60 * 60;
/// How long an answer is kept when the provider does not say.
const KEPT_UNSAID_SECS: u64 = 60 * 60;
/// What is not there yet is asked for at most this often.
const RENEW_SECS: i64 = 60;
/// After a failure the provider is left alone for this long.
const REST_SECS: i64 = 5;

/// An answer, and the life that the provider gave it.
pub(super) struct Fresh<T> {
    pub value: T,
    pub max_age_secs: Option<u64>,
}

/// An answer that is asked for once and then kept.
pub(super) struct Kept<T>(Mutex<State<T>>);

struct State<T> {
    /// The answer and when it ends.
    value: Option<(Arc<T>, Millis)>,
    /// The last failure and when it was.
    failure: Option<(OidcError, Millis)>,
    renewed: Option<Millis>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(State {
            value: None,
            failure: None,
            renewed: None,
        }))
    }
}

impl<T> Kept<T> {
    /// The answer that is kept, or a new one.
    pub async fn get(
        &self,
        now: Millis,
        fetch: impl Future<Output = Result<Fresh<T>, OidcError>>,
    ) -> Result<Arc<T>, OidcError> {
        // Held while the provider is asked: one asks, the others wait for what it is told.
        let mut state = self.0.lock().await;
        if let Some((value, until)) = &state.value
            && *until > now
        {
            return Ok(Arc::clone(value));
        }
        if let Some((error, at)) = &state.failure
            && at.plus_secs(REST_SECS) > now
        {
            return Err(error.clone());
        }
        state.take(fetch.await, now)
    }

    /// A newer answer than `old`, which misses something. `None` if the provider was asked for one
    /// within a minute: a stranger's token must not make us ask again and again.
    pub async fn renew(
        &self,
        old: &Arc<T>,
        now: Millis,
        fetch: impl Future<Output = Result<Fresh<T>, OidcError>>,
    ) -> Result<Option<Arc<T>>, OidcError> {
        let mut state = self.0.lock().await;
        if let Some((value, _)) = &state.value
            && !Arc::ptr_eq(value, old)
        {
            return Ok(Some(Arc::clone(value)));
        }
        if state.renewed.is_some_and(|at| at.plus_secs(RENEW_SECS) > now) {
            return Ok(None);
        }
        state.renewed = Some(now);
        state.take(fetch.await, now).map(Some)
    }
}

impl<T> State<T> {
    fn take(&mut self, fetched: Result<Fresh<T>, OidcError>, now: Millis) -> Result<Arc<T>, OidcError> {
        match fetched {
            Ok(fresh) => {
                let secs = fresh.max_age_secs.unwrap_or(KEPT_UNSAID_SECS);
                let secs = secs.clamp(*KEPT_SECS.start(), *KEPT_SECS.end());
                let until = now.plus_secs(i64::try_from(secs).unwrap_or(i64::MAX));
                let value = Arc::new(fresh.value);
                self.value = Some((Arc::clone(&value), until));
                self.failure = None;
                Ok(value)
            }
            Err(error) => {
                self.failure = Some((error.clone(), now));
                Err(error)
            }
        }
    }
}
