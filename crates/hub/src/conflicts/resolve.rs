//! Deciding conflicts: one, or many at once.

use model::{
    Actor, Conflict, ConflictId, ConflictKind, ConflictPolicy, MirrorId, Resolution, Winner, compose,
};

use super::acts::{self, Act, Changed, Desk};
use super::open::{Case, Fetched};
use super::record::tell;
use super::{ConflictRow, Places, held, row, settled};
use crate::{Hub, HubError, access};

/// Longest note, bytes.
const NOTE_BYTES: usize = 4096;
/// Conflicts that are decided at once at the most.
const AT_ONCE: u32 = 1000;
const OTHERWISE: HubError = HubError::Conflict(
    "this conflict was decided otherwise already; send `again`: true to decide it anew, or undo that decision",
);
const KINDS_DIFFER: HubError = HubError::Conflict(
    "a file and a folder cannot become one: keep both, or delete the one that is not wanted",
);

/// How to decide a conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// By which policy.
    pub policy: ConflictPolicy,
    /// With `manual`: whose content is to be current. Without, it is what is here now, as after a merge by hand.
    pub winner: Option<Winner>,
    /// For the record.
    pub notes: Option<String>,
    /// Also when it was decided otherwise before.
    pub again: bool,
}

/// Which conflicts to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhichConflicts {
    /// These.
    Ids(Vec<ConflictId>),
    /// The open ones of a mirror.
    OpenOf(MirrorId),
}

/// What became of many conflicts.
#[derive(Debug)]
pub struct ManyResolved {
    /// Each that was asked for, and how it ended.
    pub outcomes: Vec<(ConflictId, Result<ConflictRow, HubError>)>,
    /// There are more open ones in the mirror.
    pub has_more: bool,
}

/// What is to be current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Ours.
    Ours,
    /// Theirs.
    Theirs,
    /// Theirs under the name, ours beside.
    Both,
}

impl Outcome {
    const fn winner(self) -> Option<Winner> {
        match self {
            Self::Ours => Some(Winner::Here),
            Self::Theirs => Some(Winner::There),
            Self::Both => None,
        }
    }
}

impl Hub {
    /// Decides a conflict. What it replaces here stays as a version or in the trash; what it replaces there is kept
    /// here as a version first.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` (the file is not theirs to change any more), `Invalid`, `Conflict` (decided otherwise
    /// already, or there is nothing left to decide), `QuotaExceeded`, and what the provider says when its content has
    /// to be kept first.
    pub async fn resolve_conflict(
        &self,
        actor: &Actor,
        id: ConflictId,
        decision: Decision,
    ) -> Result<ConflictRow, HubError> {
        let decision = checked(decision)?;
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move { hub.decide_conflict(&actor, id, &decision).await })
            .await
    }

    /// Decides many conflicts, each by itself: one that cannot be decided keeps none of the others from it.
    ///
    /// # Errors
    /// `Forbidden` for visitors, `Invalid`, `NotFound` (the mirror).
    pub async fn resolve_conflicts(
        &self,
        actor: &Actor,
        which: WhichConflicts,
        decision: Decision,
    ) -> Result<ManyResolved, HubError> {
        let decision = checked(decision)?;
        let (ids, has_more) = self.wanted(actor, which).await?;
        let mut outcomes = Vec::with_capacity(ids.len());
        for id in ids {
            let outcome = self.resolve_conflict(actor, id, decision.clone()).await;
            outcomes.push((id, outcome));
        }
        Ok(ManyResolved { outcomes, has_more })
    }

    async fn wanted(
        &self,
        actor: &Actor,
        which: WhichConflicts,
    ) -> Result<(Vec<ConflictId>, bool), HubError> {
        let owner = access::user(actor)?;
        match which {
            WhichConflicts::Ids(ids) if ids.len() > AT_ONCE as usize => {
                Err(HubError::invalid("ids", format!("at most {AT_ONCE} at once")))
            }
            WhichConflicts::Ids(mut ids) => {
                let mut seen = std::collections::HashSet::new();
                ids.retain(|id| seen.insert(*id));
                Ok((ids, false))
            }
            WhichConflicts::OpenOf(mirror) => {
                let mut tx = self.read().await?;
                let which = catalog::ConflictFilter {
                    resolved: Some(false),
                    mirror: Some(mirror),
                };
                let mut open = tx.conflicts((Some(owner), which), None, AT_ONCE + 1).await?;
                let is_theirs = tx
                    .mirror(mirror)
                    .await?
                    .is_some_and(|mirror| mirror.owner == owner);
                if open.is_empty() && !is_theirs {
                    return Err(HubError::NotFound("mirror"));
                }
                let has_more = open.len() > AT_ONCE as usize;
                open.truncate(AT_ONCE as usize);
                Ok((open.into_iter().map(|conflict| conflict.id).collect(), has_more))
            }
        }
    }

    async fn decide_conflict(
        &self,
        actor: &Actor,
        id: ConflictId,
        decision: &Decision,
    ) -> Result<ConflictRow, HubError> {
        let fetched = self.fetched_for(actor, id, decision).await?;
        let mut tx = self.write().await?;
        let now = self.now();
        let mut conflict = held(&mut tx, actor, id).await?;
        let case = Case::load(&mut tx, &conflict).await?;
        let outcome = outcome(&conflict, &case, decision)?;
        if let Some(done) = &conflict.resolution {
            if done.policy == decision.policy && done.winner == outcome.winner() {
                return row(&mut tx, conflict, &mut Places::default()).await;
            }
            if !decision.again {
                return Err(OTHERWISE);
            }
        }
        let was_open = case.parked.is_some();
        let mut desk = Desk {
            hub: self,
            tx: &mut tx,
            actor,
            now,
        };
        let (changed, is_kept) = match (was_open, fetched) {
            (true, fetched) => {
                self.decide_open(&mut desk, (&mut conflict, case, outcome), fetched)
                    .await?
            }
            (false, fetched) => {
                let changed = settled::decide(&mut desk, &mut conflict, outcome).await?;
                (changed, fetched.map(|fetched| (fetched, false)))
            }
        };
        let resolution = Resolution {
            policy: decision.policy,
            winner: outcome.winner(),
            by: actor.user(),
            notes: decision.notes.clone(),
            at_ms: now,
            undone_ms: None,
        };
        note(&mut conflict, &resolution, was_open, changed);
        tx.put_conflict(&conflict).await?;
        tell(&mut tx, &conflict, "conflict_resolved", now).await?;
        let answer = row(&mut tx, conflict, &mut Places::default()).await?;
        tx.commit().await?;
        self.wake_workers();
        if let Some((fetched, false)) = is_kept {
            self.discard_staged(fetched.staged).await;
        }
        metrics::counter!("cumuli_conflicts_resolved_total", "policy" => decision.policy.as_str())
            .increment(1);
        Ok(answer)
    }

    /// Brings their content here when the decision puts ours in its place there: it is kept as a version first. The
    /// provider is never asked while rows are held.
    async fn fetched_for(
        &self,
        actor: &Actor,
        id: ConflictId,
        decision: &Decision,
    ) -> Result<Option<Fetched>, HubError> {
        let mut tx = self.read().await?;
        let conflict = super::found(&mut tx, actor, id).await?;
        let case = Case::load(&mut tx, &conflict).await?;
        drop(tx);
        let is_replaced = case.parked.is_some()
            && matches!(conflict.kind, ConflictKind::EditEdit | ConflictKind::CreateCreate)
            && outcome(&conflict, &case, decision)? == Outcome::Ours;
        match is_replaced {
            true => self.fetch_theirs(&case).await,
            false => Ok(None),
        }
    }
}

/// Adds a decision to those that were made.
fn note(conflict: &mut Conflict, resolution: &Resolution, was_open: bool, changed: Changed) {
    let mut acts = acts::acts(conflict);
    acts.push(Act::new(resolution, was_open, changed));
    acts::put_acts(conflict, &acts);
}

fn checked(mut decision: Decision) -> Result<Decision, HubError> {
    if decision.winner.is_some() && decision.policy != ConflictPolicy::Manual {
        return Err(HubError::invalid(
            "winner",
            "only with the policy `manual`: the others decide themselves",
        ));
    }
    if let Some(notes) = &mut decision.notes {
        *notes = compose(notes.trim());
        if notes.len() > NOTE_BYTES {
            return Err(HubError::invalid("notes", format!("at most {NOTE_BYTES} bytes")));
        }
        if notes
            .chars()
            .any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t'))
        {
            return Err(HubError::invalid("notes", "no control characters"));
        }
    }
    decision.notes = decision.notes.filter(|notes| !notes.is_empty());
    Ok(decision)
}

/// What a decision means for this conflict.
fn outcome(conflict: &Conflict, case: &Case, decision: &Decision) -> Result<Outcome, HubError> {
    let of = |winner| match winner {
        Winner::Here => Outcome::Ours,
        Winner::There => Outcome::Theirs,
    };
    Ok(match (conflict.kind, decision.policy, decision.winner) {
        (ConflictKind::KindKind, ConflictPolicy::KeepBoth, _) => Outcome::Both,
        (ConflictKind::KindKind, ..) => return Err(KINDS_DIFFER),
        (_, ConflictPolicy::Manual, Some(winner)) => of(winner),
        // A deletion never wins by a clock, nor because nobody said otherwise.
        (ConflictKind::EditDelete, ..) => Outcome::Ours,
        (ConflictKind::DeleteEdit, ..) => Outcome::Theirs,
        (_, ConflictPolicy::Manual, None) => Outcome::Ours,
        (_, ConflictPolicy::KeepBoth, _) => Outcome::Both,
        (_, ConflictPolicy::LastWrite, _) => case.later(conflict).map_or(Outcome::Both, of),
    })
}
