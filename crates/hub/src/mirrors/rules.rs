//! What a mirror's settings mean to the planner.

use connectors::{Abilities, NameRules};
use model::{ConflictPolicy, Mirror, MirrorDirection, MirrorDrift};
use sync_plan::{Direction, Drift, NameLimits, Names, Policy, Rules};

/// How far apart two times must be at least to tell which is later, milliseconds.
const SKEW_MS: i64 = 2000;

/// What names at a connection are like.
pub(crate) struct Limits(NameLimits);

impl Limits {
    pub(crate) fn of(abilities: &Abilities) -> Self {
        Self(limits(&abilities.names))
    }

    pub(crate) fn names(&self) -> &dyn Names {
        &self.0
    }

    /// What decides a plan of a mirror. `skew_ms`: how far the provider's clock is off, as far as is known.
    pub(crate) fn rules(&self, mirror: &Mirror, abilities: &Abilities, skew_ms: i64) -> Rules<'_> {
        Rules {
            // What cannot be written to can only be fetched from.
            direction: match mirror.direction {
                _ if abilities.is_read_only => Direction::Pull,
                MirrorDirection::TwoWay => Direction::TwoWay,
                MirrorDirection::Push => Direction::Push,
                MirrorDirection::Pull => Direction::Pull,
            },
            drift: match mirror.drift {
                MirrorDrift::Leave => Drift::Leave,
                MirrorDrift::Revert => Drift::Revert,
            },
            policy: policy(mirror.policy),
            names: &self.0,
            has_duplicates: abilities.has_duplicates,
            has_ids: abilities.has_ids,
            skew_ms: SKEW_MS + skew_ms.abs(),
        }
    }
}

pub(crate) const fn policy(policy: ConflictPolicy) -> Policy {
    match policy {
        ConflictPolicy::LastWrite => Policy::LastWrite,
        ConflictPolicy::KeepBoth => Policy::KeepBoth,
        ConflictPolicy::Manual => Policy::Manual,
    }
}

fn limits(rules: &NameRules) -> NameLimits {
    NameLimits {
        longest: rules.longest,
        counts_utf16: rules.counts_utf16,
        forbidden: rules.forbidden,
        forbids_controls: rules.forbids_controls,
        forbidden_ends: rules.forbidden_ends,
        forbidden_starts: rules.forbidden_starts,
        reserved: rules.reserved,
        forbidden_parts: rules.forbidden_parts,
        folds_case: rules.folds_case,
    }
}
