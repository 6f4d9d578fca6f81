//! How fast an account is asked: a budget for each kind of call, shared by all nodes, and pauses that the provider
//! asks for. What people wait for goes before what nobody does.

use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use catalog::Pace;
use model::{ConnectionId, Millis};
use outbound::{Call, Failure, Gate, Kind, Reason, Told};
use tokio::sync::Mutex;

use crate::{Hub, HubError, Parts};

/// The lane that pauses are kept in: they hold for everything.
const EVERYTHING: u8 = 0;
/// Requests that a node takes out of the common budget at once.
const BLOCK: i64 = 8;
/// How long a node trusts what it read of the common budget, milliseconds.
const TRUST_MS: i64 = 1_000;
/// The longest wait that a call takes upon itself, milliseconds; what is longer is for the caller to wait.
const LONGEST_WAIT_MS: i64 = 3_000;
/// What background work leaves of a lane for those who wait, in parts of ten.
const LEFT_TENTHS: i64 = 3;
/// The pause when a provider says "too many" and not for how long, milliseconds; doubled each time.
const FIRST_PAUSE_MS: i64 = 1_000;
const LONGEST_PAUSE_MS: i64 = 64_000;

/// What an account may be asked in one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Budget {
    /// Requests a second, in the long run.
    per_sec: i64,
    /// Requests at once after a rest.
    burst: i64,
}

/// Paces one connection.
pub(super) struct ConnectionGate {
    hub: Weak<Parts>,
    id: ConnectionId,
    budgets: [Option<Budget>; 4],
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Requests in hand, by lane.
    in_hand: [i64; 4],
    paused_until: Millis,
    looked_ms: Millis,
    /// Times that it was told "too many" in a row.
    refusals: u32,
}

impl ConnectionGate {
    pub(super) fn new(hub: &Hub, id: ConnectionId, kind: &str) -> Self {
        Self {
            hub: hub.downgrade(),
            id,
            budgets: budgets(kind),
            state: Mutex::default(),
        }
    }

    /// How long to wait before a request may be sent, milliseconds; 0 when it was taken out of the budget.
    async fn wait_ms(&self, hub: &Hub, call: &Call) -> Result<i64, HubError> {
        let lane = lane(call.kind);
        let mut state = self.state.lock().await;
        let now = hub.now();
        if state.looked_ms.0 + TRUST_MS <= now.0 || state.looked_ms > now {
            let mut tx = hub.read().await?;
            let pause = tx.pace(self.id, EVERYTHING).await?;
            let until = pause.and_then(|pace| pace.paused_until_ms);
            state.paused_until = until.unwrap_or_default();
            state.looked_ms = now;
        }
        if state.paused_until > now {
            return Ok(state.paused_until.0 - now.0);
        }
        let Some(budget) = self.budgets[lane] else {
            return Ok(0);
        };
        if state.in_hand[lane] == 0 {
            let taken = self.take(hub, lane, budget, call.is_background).await?;
            match taken {
                Ok(tokens) => state.in_hand[lane] = tokens,
                Err(wait_ms) => return Ok(wait_ms),
            }
        }
        state.in_hand[lane] -= 1;
        Ok(0)
    }

    /// Takes requests out of the common budget, or says how long to wait for one.
    async fn take(
        &self,
        hub: &Hub,
        lane: usize,
        budget: Budget,
        is_background: bool,
    ) -> Result<Result<i64, i64>, HubError> {
        let row = u8::try_from(lane + 1).unwrap_or(EVERYTHING);
        let mut tx = hub.write().await?;
        let now = hub.now();
        let full = budget.burst * 1000;
        let mut pace = tx.lock_pace(self.id, row).await?.unwrap_or(Pace {
            milli_tokens: full,
            refilled_ms: now,
            paused_until_ms: None,
        });
        let past_ms = (now.0 - pace.refilled_ms.0).clamp(0, 3_600_000);
        pace.milli_tokens = (pace.milli_tokens + past_ms * budget.per_sec).min(full);
        pace.refilled_ms = now;
        let floor = if is_background { full * LEFT_TENTHS / 10 } else { 0 };
        let spare = pace.milli_tokens - floor;
        let tokens = (spare / 1000).min(if is_background { 1 } else { BLOCK });
        if tokens > 0 {
            pace.milli_tokens -= tokens * 1000;
        }
        tx.put_pace(self.id, row, pace).await?;
        tx.commit().await?;
        Ok(if tokens > 0 {
            Ok(tokens)
        } else {
            Err((1000 - spare).max(1) / budget.per_sec.max(1) + 1)
        })
    }

    async fn pause(&self, hub: &Hub, told: &Told) -> Result<(), HubError> {
        let mut state = self.state.lock().await;
        state.refusals = (state.refusals + 1).min(16);
        let own_ms = (FIRST_PAUSE_MS << (state.refusals - 1).min(6)).min(LONGEST_PAUSE_MS);
        let told_ms = told
            .retry_after
            .map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        // What was told is the least; a day is the longest that is believed.
        let wait_ms = told_ms.unwrap_or_else(|| jittered(own_ms)).clamp(1, 86_400_000);
        let until = Millis(hub.now().0 + wait_ms);
        if until <= state.paused_until {
            return Ok(());
        }
        state.paused_until = until;
        let mut tx = hub.write().await?;
        let pace = tx.lock_pace(self.id, EVERYTHING).await?;
        let longer = pace
            .and_then(|pace| pace.paused_until_ms)
            .is_some_and(|other| other > until);
        if !longer {
            let pace = Pace {
                milli_tokens: 0,
                refilled_ms: hub.now(),
                paused_until_ms: Some(until),
            };
            tx.put_pace(self.id, EVERYTHING, pace).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Gate for ConnectionGate {
    async fn pass(&self, call: &Call) -> Result<(), Failure> {
        let Some(hub) = Hub::upgrade(&self.hub) else {
            return Ok(());
        };
        let mut waited_ms = 0;
        loop {
            let wait_ms = self.wait_ms(&hub, call).await.map_err(silent)?;
            if wait_ms == 0 {
                return Ok(());
            }
            waited_ms += wait_ms;
            if waited_ms > LONGEST_WAIT_MS {
                let until = Millis(hub.now().0.saturating_add(wait_ms));
                return Err(Failure::Paused { until });
            }
            tokio::time::sleep(Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0))).await;
        }
    }

    async fn told(&self, _call: &Call, told: Told) {
        let Some(hub) = Hub::upgrade(&self.hub) else {
            return;
        };
        if !is_too_many(&told) {
            if told.status < 400 {
                self.state.lock().await.refusals = 0;
            }
            return;
        }
        if let Err(error) = self.pause(&hub, &told).await {
            tracing::warn!(connection = %self.id, %error, "a pause that a provider asked for could not be shared");
        }
    }
}

/// Whether an answer asks that the account be left alone for a while.
fn is_too_many(told: &Told) -> bool {
    matches!(told.status, 429 | 509)
        || (told.status == 503 && told.retry_after.is_some())
        || (told.status == 403 && matches!(told.code.as_str(), "rateLimitExceeded" | "userRateLimitExceeded"))
}

fn silent(error: HubError) -> Failure {
    Failure::Ours(Reason::Unavailable(std::io::Error::other(error.to_string())))
}

/// Somewhere between half of a pause and all of it, so that nodes do not come back at once.
fn jittered(ms: i64) -> i64 {
    let random = i64::from(u16::from_le_bytes(crate::keys::random()));
    ms / 2 + ms * random / (2 * i64::from(u16::MAX))
}

const fn lane(kind: Kind) -> usize {
    match kind {
        Kind::Read => 0,
        Kind::List => 1,
        Kind::Write => 2,
        Kind::Content => 3,
    }
}

/// What providers allow an account. Google: 12,000 requests a minute, and writes a few a second in the long run
/// (usage limits of the Drive API). Microsoft: 3,000 requests in 5 minutes per user (SharePoint throttling limits).
/// Object stores and our own folders say when it is too much.
const fn budgets(kind: &str) -> [Option<Budget>; 4] {
    const fn budget(per_sec: i64, burst: i64) -> Option<Budget> {
        Some(Budget { per_sec, burst })
    }
    match kind.as_bytes() {
        b"google" => [budget(60, 300), budget(20, 200), budget(10, 100), budget(40, 200)],
        b"onedrive" => [budget(8, 400), budget(8, 400), budget(6, 300), budget(8, 400)],
        _ => [None; 4],
    }
}
