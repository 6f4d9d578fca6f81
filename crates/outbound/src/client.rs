//! One client with tries, deadlines and sentences for all services.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use model::Clock;
use tokio::time::{Instant, sleep, timeout_at};

use super::call::text_of;
use super::{
    Answer, Call, Failure, Gate, Patience, Reach, Reason, Refusal, Secret, Told, Whole, Wire, redirect,
};

/// The most that is read of an answer that says why something was refused.
const REFUSAL_BYTES: usize = 64 * 1024;

/// What is special about one kind of service.
#[async_trait]
pub trait Dialect: Send + Sync {
    /// Adds to a request what proves who asks. Called anew for each try, since proofs hold a time.
    ///
    /// # Errors
    /// Why there is no proof.
    async fn authorize(&self, call: &mut Call) -> Result<(), Reason>;

    /// Gets another proof after a `401`, of which `refusal` tells; true when the next try will have a new
    /// one. Asked once for a request.
    async fn renew(&self, refusal: &Refusal) -> bool {
        let _ = refusal;
        false
    }

    /// The service's own word for what went wrong, as its answer tells it.
    fn code(&self, refusal: &Refusal) -> Option<String>;

    /// Whether trying again may help, judged by the service's word; some statuses say so by themselves.
    fn is_passing(&self, code: &str) -> bool;

    /// Whether the service's word means that it has no room.
    fn is_full(&self, code: &str) -> bool;

    /// What an operator can do about a refusal: a phrase that goes on after a colon.
    fn help(&self, refusal: &Refusal) -> Option<String>;
}

/// Sends requests to one service.
pub struct Client {
    wire: Wire,
    name: String,
    dialect: Arc<dyn Dialect>,
    gate: Option<Arc<dyn Gate>>,
    clock: Clock,
    patience: Patience,
}

impl Client {
    /// Makes a client for the service of that name, which may be anywhere.
    ///
    /// # Errors
    /// `Io` when encrypted connections cannot be made on this machine.
    pub fn new(
        name: &str,
        dialect: Arc<dyn Dialect>,
        clock: Clock,
        patience: Patience,
    ) -> Result<Self, Reason> {
        let wire = Wire::open(&Reach::Any, patience)?;
        Ok(Self::over(wire, name, dialect, clock, patience))
    }

    /// Makes a client that shares connections with others.
    pub fn over(wire: Wire, name: &str, dialect: Arc<dyn Dialect>, clock: Clock, patience: Patience) -> Self {
        Self {
            wire,
            name: name.to_owned(),
            dialect,
            gate: None,
            clock,
            patience,
        }
    }

    /// Sends nothing that the gate does not let through.
    #[must_use]
    pub fn gated(mut self, gate: Arc<dyn Gate>) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Our time.
    pub fn now(&self) -> model::Millis {
        (self.clock)()
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long it waits.
    pub const fn patience(&self) -> Patience {
        self.patience
    }

    /// Sends a request until it is answered for good, and returns as soon as the answer begins.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn send(&self, call: &Call) -> Result<Answer, Failure> {
        self.persist(call, |until| Box::pin(self.once(call, until))).await
    }

    /// Sends a request until it is answered for good, and reads the answer to its end: at most
    /// `limit_bytes` of it. An answer that breaks off counts as none.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn fetch(&self, call: &Call, limit_bytes: usize) -> Result<Whole, Failure> {
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

    /// What a failure comes to, once nothing more will be tried.
    pub fn reason(&self, failure: Failure) -> Reason {
        failure.into_reason(self.dialect.as_ref())
    }

    /// Attempts are boxed because the compiler cannot see that those of an `AsyncFn` may change threads.
    async fn persist<'a, T>(
        &'a self,
        call: &'a Call,
        attempt: impl Fn(Instant) -> BoxFuture<'a, Result<T, Failure>> + Send,
    ) -> Result<T, Failure> {
        let size_bytes = call.weight_bytes();
        let mut end = Instant::now() + self.patience.whole(size_bytes);
        let mut try_count = 1;
        let mut is_renewed = false;
        loop {
            end += self.pass(call).await?;
            let until = end.min(Instant::now() + self.patience.one_try(size_bytes));
            let failure = match attempt(until).await {
                Ok(done) => return Ok(done),
                Err(failure) => failure.after(try_count),
            };
            if !is_renewed && !call.is_signed && self.renews(&failure).await {
                is_renewed = true;
                continue;
            }
            let pause = self.patience.pause(try_count, failure.retry_after());
            let pause = pause.filter(|pause| Instant::now() + *pause < end && call.is_repeatable);
            let Some(pause) = pause.filter(|_| failure.is_passing(self.dialect.as_ref())) else {
                return Err(self.given_up(failure));
            };
            tracing::debug!(service = self.name, try_count, %failure, "trying again");
            sleep(pause).await;
            try_count += 1;
        }
    }

    /// Waits at the gate, and tells how long that took.
    async fn pass(&self, call: &Call) -> Result<std::time::Duration, Failure> {
        let started = Instant::now();
        if let Some(gate) = &self.gate {
            gate.pass(call).await?;
        }
        Ok(started.elapsed())
    }

    async fn renews(&self, failure: &Failure) -> bool {
        match failure {
            Failure::Refused(refusal) if refusal.status == 401 => self.dialect.renew(refusal).await,
            _ => false,
        }
    }

    /// A wait that a service asked for and that is not waited here is told to who shares the gate.
    fn given_up(&self, failure: Failure) -> Failure {
        if let Failure::Refused(refusal) = &failure
            && self.gate.is_some()
            && failure.is_passing(self.dialect.as_ref())
            && let Some(wait) = failure.retry_after()
        {
            let wait_ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
            return Failure::Paused {
                until: model::Millis(refusal.at.0.saturating_add(wait_ms)),
            };
        }
        failure
    }

    async fn once(&self, call: &Call, until: Instant) -> Result<Answer, Failure> {
        let mut bare = call.clone();
        let mut hops = 0;
        loop {
            let (answer, proof) = self.sent(&bare, until).await?;
            let led = (hops < call.follow)
                .then(|| redirect::next(&bare, &answer))
                .flatten();
            if let Some(next) = led {
                bare = next;
                hops += 1;
                continue;
            }
            let status = answer.status();
            if (200..300).contains(&status) || call.also_good.contains(&status) {
                self.tell(call, status, None).await;
                return Ok(answer);
            }
            // What a refusal says is worth little: one whose text breaks off is still that refusal.
            let whole = timeout_at(until, answer.beginning(REFUSAL_BYTES))
                .await
                .map_err(|_| Failure::too_slow())?;
            let failure = self.worded(Refusal::of(whole, self.now()).with_proof(proof));
            self.tell(call, status, Some(&failure)).await;
            return Err(failure);
        }
    }

    /// Sends one request, with its proofs, and returns what proved it as well.
    async fn sent(&self, bare: &Call, until: Instant) -> Result<(Answer, Option<Secret>), Failure> {
        let mut signed = bare.clone();
        if !bare.is_signed {
            let authorized = self.dialect.authorize(&mut signed).await;
            authorized.map_err(Failure::Ours)?;
        }
        let proof = text_of(&signed.headers, "authorization").map(Secret::new);
        let request = signed.into_request()?;
        self.wire
            .check(request.url())
            .map_err(|forbidden| Failure::Ours(forbidden.into()))?;
        match timeout_at(until, self.wire.execute(request)).await {
            Ok(answer) => {
                let answer = answer.map_err(Failure::silent)?;
                Ok((Answer::new(answer, self.patience.silence), proof))
            }
            Err(_) => Err(Failure::too_slow()),
        }
    }

    async fn tell(&self, call: &Call, status: u16, failure: Option<&Failure>) {
        if let Some(gate) = &self.gate {
            let told = Told {
                status,
                retry_after: failure.and_then(Failure::retry_after),
                code: failure
                    .map(|failure| failure.code().to_owned())
                    .unwrap_or_default(),
            };
            gate.told(call, told).await;
        }
    }

    fn worded(&self, mut refusal: Refusal) -> Failure {
        refusal.set_code(self.dialect.code(&refusal));
        Failure::Refused(Box::new(refusal))
    }
}
