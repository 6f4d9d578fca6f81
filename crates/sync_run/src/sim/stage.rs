//! The stage: everybody who takes part stops at gates, and goes on when it is their turn.
//!
//! Exactly one actor is polled at a time, until it stands at a gate or is through; whatever else it waits for on the
//! way, such as a commit, is waited for. So what happens in which order is decided at the gates alone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::tape::Trouble;

/// Calls to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Call {
    About,
    Item,
    Children,
    Changes,
    Read,
    Create,
    Replace,
    MakeFolder,
    Relocate,
    Trash,
    Restore,
    NewIds,
    Revisions,
}

impl Call {
    pub(super) const fn writes(self) -> bool {
        matches!(
            self,
            Self::Create | Self::Replace | Self::MakeFolder | Self::Relocate | Self::Trash | Self::Restore
        )
    }
}

/// Where somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Point {
    /// Nothing is done yet.
    Before(Call),
    /// The provider looked, and is about to do it.
    Amid(Call),
    /// It is done, and the answer is on its way.
    After(Call),
    /// A step of the engine's own.
    Step(&'static str),
}

/// How somebody goes on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Verdict {
    /// What goes wrong there, and a number to vary it.
    pub(super) trouble: Option<(Trouble, u64)>,
}

pub(super) type ActorId = u32;

enum Ticket {
    Waiting(Option<Waker>),
    Called(Verdict),
    Dead,
}

#[derive(Default)]
struct Inner {
    /// Whose turn it is; nobody's is everybody's: gates are open then.
    current: Option<ActorId>,
    tickets: BTreeMap<u64, (ActorId, Point, Ticket)>,
    next: u64,
    director: Option<Waker>,
    /// How often each gate was passed.
    passed: BTreeMap<Point, u64>,
}

/// Where the gates are.
#[derive(Default)]
pub(super) struct Stage(Mutex<Inner>);

thread_local! {
    static STAGE: RefCell<Option<Arc<Stage>>> = const { RefCell::new(None) };
}

/// A gate: goes on when it is the caller's turn. Outside a simulation it is open.
pub(super) async fn gate(point: Point) -> Verdict {
    let stage = STAGE.with_borrow(Clone::clone);
    match stage {
        Some(stage) => stage.pass(point).await,
        None => Verdict::default(),
    }
}

/// Leaves the stage when it is dropped.
pub(super) struct Curtain(());

impl Drop for Curtain {
    fn drop(&mut self) {
        STAGE.with_borrow_mut(|stage| *stage = None);
    }
}

/// What came of somebody's turn.
pub(super) enum Turn<T> {
    At(Point),
    Ended(T),
}

impl Stage {
    /// Sets the stage for what runs on this thread.
    pub(super) fn set(self: &Arc<Self>) -> Curtain {
        STAGE.with_borrow_mut(|stage| *stage = Some(Arc::clone(self)));
        Curtain(())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass(&self, point: Point) -> Verdict {
        let number = {
            let mut inner = self.inner();
            *inner.passed.entry(point).or_default() += 1;
            let Some(actor) = inner.current else {
                return Verdict::default();
            };
            inner.next += 1;
            let number = inner.next;
            inner
                .tickets
                .insert(number, (actor, point, Ticket::Waiting(None)));
            if let Some(director) = inner.director.take() {
                director.wake();
            }
            number
        };
        poll_fn(|cx| self.poll_ticket(number, cx)).await
    }

    fn poll_ticket(&self, number: u64, cx: &mut Context<'_>) -> Poll<Verdict> {
        let mut inner = self.inner();
        let is_dead = match inner.tickets.get_mut(&number) {
            Some((_, _, Ticket::Called(verdict))) => {
                let verdict = *verdict;
                inner.tickets.remove(&number);
                return Poll::Ready(verdict);
            }
            Some((_, _, Ticket::Waiting(waker))) => {
                *waker = Some(cx.waker().clone());
                false
            }
            Some((_, _, Ticket::Dead)) | None => true,
        };
        if is_dead {
            inner.tickets.remove(&number);
            drop(inner);
            // A task of somebody who is no more; nobody waits for it.
            resume_unwind(Box::new("its process is no more"));
        }
        Poll::Pending
    }

    /// Lets an actor go on to its next gate or its end.
    pub(super) async fn turn<T>(
        &self,
        actor: ActorId,
        verdict: Verdict,
        mut work: Pin<&mut (dyn Future<Output = T> + '_)>,
    ) -> Turn<T> {
        self.begin(actor, verdict);
        let turn = poll_fn(|cx| {
            // Before it is polled: what it spawned may reach a gate at any time.
            self.inner().director = Some(cx.waker().clone());
            if let Poll::Ready(outcome) = work.as_mut().poll(cx) {
                return Poll::Ready(Turn::Ended(outcome));
            }
            match self.stands_at(actor) {
                Some(point) => Poll::Ready(Turn::At(point)),
                None => Poll::Pending,
            }
        })
        .await;
        self.inner().current = None;
        turn
    }

    fn begin(&self, actor: ActorId, verdict: Verdict) {
        let mut inner = self.inner();
        inner.current = Some(actor);
        let standing = inner.tickets.values_mut();
        let first = standing
            .filter(|(whose, _, ticket)| *whose == actor && matches!(ticket, Ticket::Waiting(_)))
            .map(|(_, _, ticket)| ticket)
            .next();
        if let Some(ticket) = first
            && let Ticket::Waiting(waker) = std::mem::replace(ticket, Ticket::Called(verdict))
            && let Some(waker) = waker
        {
            waker.wake();
        }
    }

    fn stands_at(&self, actor: ActorId) -> Option<Point> {
        let inner = self.inner();
        let mut tickets = inner.tickets.values().filter(|(whose, _, _)| *whose == actor);
        let (_, point, ticket) = tickets.next()?;
        matches!(ticket, Ticket::Waiting(_)).then_some(*point)
    }

    /// An actor is no more: its work was dropped, and what it spawned ends where it stands.
    pub(super) fn dismiss(&self, actor: ActorId) {
        let mut inner = self.inner();
        for (whose, _, ticket) in inner.tickets.values_mut() {
            if *whose == actor
                && let Ticket::Waiting(Some(waker)) = std::mem::replace(ticket, Ticket::Dead)
            {
                waker.wake();
            }
        }
    }

    /// How often each gate was passed.
    pub(super) fn passed(&self) -> BTreeMap<Point, u64> {
        self.inner().passed.clone()
    }
}
