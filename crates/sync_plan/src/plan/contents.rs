//! The three-way merge of contents.

use super::super::{Clash, Direction, EntryId, Note, Policy, Side, State, Why};
use super::clock::{Later, later};
use super::draft::{Contents, Draft};
use super::view::is_edited;
use crate::fault::{self, Fault};

/// What is to become of the contents of an entry that is on both sides.
pub(super) fn merge(draft: &mut Draft<'_>, id: EntryId, (here, there): (&State, &State)) -> Contents {
    let (Some(ours), Some(theirs)) = (here.kind.content(), there.kind.content()) else {
        return Contents::Stay;
    };
    let Some(entry) = draft.view.entry(id) else {
        return Contents::Stay;
    };
    if draft.comparing.contains(&id) {
        return Contents::Stay;
    }
    if (entry.is_parked && !fault::is(Fault::IgnoreParked)) || fault::is(Fault::NoWrites) {
        return Contents::Stay;
    }
    if ours == theirs && !fault::is(Fault::EqualEditsClash) {
        return Contents::Stay;
    }
    let has_base = entry.base.as_ref().is_some_and(|base| base.content.is_some());
    let clash = if has_base {
        Clash::EditEdit
    } else {
        Clash::CreateCreate
    };
    match (is_edited(entry, Side::Here), is_edited(entry, Side::There)) {
        (true, true) => clashing(draft, id, (here, there), clash),
        (true, false) => edited(draft, id, Side::Here, here),
        (false, true) => edited(draft, id, Side::There, there),
        (false, false) => Contents::Stay,
    }
}

/// Edited on one side only.
fn edited(draft: &mut Draft<'_>, id: EntryId, side: Side, state: &State) -> Contents {
    let receiver = side.other();
    if draft.view.authority() == Some(receiver) {
        if !draft.view.reverts() {
            draft.notes.push(Note::Drift { entry: id, side });
            return Contents::Stay;
        }
        if is_blocked(draft, id, receiver) {
            return Contents::Stay;
        }
        // What is undone there was never here; what is undone here is a version already.
        let is_unknown_here = side == Side::There && !fault::is(Fault::NoCapture);
        return Contents::Write {
            side,
            overrides: is_unknown_here.then_some(Clash::EditEdit),
            why: Why::Drifted,
        };
    }
    if let Some(obstacle) = state
        .obstacle
        .as_ref()
        .filter(|_| !fault::is(Fault::IgnoreObstacle))
    {
        draft.notes.push(Note::Blocked {
            entry: id,
            side: receiver,
            obstacle: obstacle.clone(),
        });
        return Contents::Stay;
    }
    Contents::Write {
        side: receiver,
        overrides: None,
        why: Why::Edited(side),
    }
}

/// Whether the content of that side cannot go to the other; tells so.
fn is_blocked(draft: &mut Draft<'_>, id: EntryId, side: Side) -> bool {
    let obstacle = draft.view.on(id, side).and_then(|state| state.obstacle.clone());
    let Some(obstacle) = obstacle.filter(|_| !fault::is(Fault::IgnoreObstacle)) else {
        return false;
    };
    draft.notes.push(Note::Blocked {
        entry: id,
        side: side.other(),
        obstacle,
    });
    true
}

/// Edited on both sides, or never agreed on.
fn clashing(draft: &mut Draft<'_>, id: EntryId, (here, there): (&State, &State), clash: Clash) -> Contents {
    let is_ours_blocked = is_blocked(draft, id, Side::Here);
    let is_theirs_blocked = is_blocked(draft, id, Side::There);
    let why = Why::BothEdited;
    let overrides = Some(clash).filter(|_| !fault::is(Fault::NoCapture));
    let over_theirs = Contents::Write {
        side: Side::There,
        overrides,
        why,
    };
    let over_ours = Contents::Write {
        side: Side::Here,
        overrides,
        why,
    };
    match draft.view.rules.direction {
        Direction::Push if is_ours_blocked => return Contents::Stay,
        Direction::Push => return over_theirs,
        Direction::Pull | Direction::TwoWay if is_theirs_blocked => return Contents::Stay,
        Direction::Pull => return Contents::KeepBoth(clash),
        Direction::TwoWay => {}
    }
    if fault::is(Fault::OverwriteHere) {
        return Contents::Write {
            side: Side::Here,
            overrides: None,
            why,
        };
    }
    if fault::is(Fault::OverwriteThere) {
        return Contents::Write {
            side: Side::There,
            overrides: None,
            why,
        };
    }
    let policy = draft
        .view
        .entry(id)
        .map_or(draft.view.rules.policy, |entry| draft.view.policy(entry));
    match policy {
        Policy::Manual if !fault::is(Fault::NoAsk) => {
            draft.ask(id, clash, why);
            Contents::Stay
        }
        Policy::Manual | Policy::KeepBoth => Contents::KeepBoth(clash),
        Policy::LastWrite => {
            let (contents, policy) = match later(here, there, draft.view.rules.skew_ms) {
                Later::Here if !is_ours_blocked => (over_theirs, Policy::LastWrite),
                Later::There => (over_ours, Policy::LastWrite),
                Later::Here | Later::Unknown => (Contents::KeepBoth(clash), Policy::KeepBoth),
            };
            draft.notes.push(Note::Decided { entry: id, policy });
            contents
        }
    }
}
