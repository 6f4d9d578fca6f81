//! What is written down: what both sides agree on, and what is gone.

use super::super::{Base, Entry, EntryId, Kind, Planned, Side, Step, Why};
use super::draft::{Draft, Goal};
use super::survival::Fate;
use super::view::only_side;
use crate::fault::{self, Fault};

/// The steps that write down what is so on both sides.
pub(super) fn settle(draft: &Draft<'_>) -> Vec<Planned> {
    draft
        .view
        .scene
        .entries
        .iter()
        .filter_map(|(&id, entry)| {
            if entry.here.is_none() && entry.there.is_none() {
                return (!fault::is(Fault::NoForget)).then_some(Planned {
                    step: Step::Forget { entry: id },
                    why: Why::Gone,
                });
            }
            if let Some(lives) = withdrawn(draft, id, entry) {
                return Some(lives);
            }
            let goal = draft.goals.get(&id)?;
            let is_live = matches!(draft.fates.get(&id), Some(Fate::Live(_)));
            let base = agreed(entry, goal).filter(|_| is_live && !fault::is(Fault::NoAgree))?;
            (Some(&base) != entry.base.as_ref()).then_some(Planned {
                step: Step::Agree { entry: id, base },
                why: Why::Same,
            })
        })
        .collect()
}

/// Nothing is agreed on any more about something that went with the folder that it is in, and lives with it: so it lives
/// by itself, as if it was new, once the folder is there again.
fn withdrawn(draft: &Draft<'_>, id: EntryId, entry: &Entry) -> Option<Planned> {
    let shelter = draft.sheltered.get(&id)?;
    let lives = |id: &EntryId| matches!(draft.fates.get(id), Some(Fate::Live(_)));
    let side = only_side(entry).filter(|_| lives(shelter) && lives(&id))?;
    Some(Planned {
        step: Step::Agree {
            entry: id,
            base: Base::default(),
        },
        why: Why::Survives(side),
    })
}

/// What both sides agree on now; `None` if that is nothing that was not agreed on before.
fn agreed(entry: &Entry, goal: &Goal) -> Option<Base> {
    let (here, there) = (entry.here.as_ref()?, entry.there.as_ref()?);
    let mut base = entry.base.clone().unwrap_or_default();
    let is_named = |side: Side, name| {
        let spot = goal.spots.get(side).as_ref();
        spot.is_some_and(|spot| spot.name == name)
    };
    let mut is_any = false;
    if here.parent == there.parent || fault::is(Fault::AgreeApart) {
        base.parent = Some(here.parent);
        is_any = true;
    }
    if goal.is_tied && is_named(Side::Here, here.name.clone()) && is_named(Side::There, there.name.clone()) {
        base.names = Some((here.name.clone(), there.name.clone()));
        is_any = true;
    }
    let is_same = here.kind == there.kind || fault::is(Fault::AgreeDifferent);
    if let Some(content) = here.kind.content().filter(|_| is_same) {
        base.content = Some(content);
        is_any = true;
    }
    base.is_folder = here.kind == Kind::Folder;
    is_any.then_some(base)
}
