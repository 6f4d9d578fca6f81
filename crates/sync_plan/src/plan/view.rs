//! What a scene says about an entry.

use super::super::{Direction, Entry, EntryId, Kind, Name, Policy, Rules, Scene, Side, State};
use crate::fault::{self, Fault};

/// What a temporary name begins with; the number of the entry follows, and after [`CARRIED`] the name that it has from
/// then on, if that is not the one that was agreed on.
const TEMP: &str = ".~cumuli-";

/// Stands before a name within a temporary one.
const CARRIED: char = '~';

/// The name that an entry has while it makes room for another, and that carries the name that nothing else knows.
pub(super) fn temp_name(id: EntryId, carried: Option<&str>) -> Name {
    match carried {
        Some(carried) => format!("{TEMP}{}{CARRIED}{carried}", id.0).into(),
        None => format!("{TEMP}{}", id.0).into(),
    }
}

/// The entry whose temporary name that is, and the name that it carries.
pub(super) fn temp_of(name: &str) -> Option<(EntryId, Option<&str>)> {
    let rest = name
        .strip_prefix(TEMP)
        .filter(|_| !fault::is(Fault::TempIsRename))?;
    let (number, carried) = match rest.split_once(CARRIED) {
        Some((number, carried)) => (number, Some(carried)),
        None => (rest, None),
    };
    Some((EntryId(number.parse().ok()?), carried))
}

/// Whether that is the temporary name of an entry.
pub(super) fn is_temp(id: EntryId, name: &str) -> bool {
    temp_of(name).is_some_and(|(of, _)| of == id)
}

/// One of each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Both<T> {
    /// The one here.
    pub here: T,
    /// The one there.
    pub there: T,
}

impl<T> Both<T> {
    /// What `of` gives for each side.
    pub fn of(mut of: impl FnMut(Side) -> T) -> Self {
        Self {
            here: of(Side::Here),
            there: of(Side::There),
        }
    }

    /// The one of that side.
    pub const fn get(&self, side: Side) -> &T {
        match side {
            Side::Here => &self.here,
            Side::There => &self.there,
        }
    }

    /// The one of that side.
    pub const fn get_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Here => &mut self.here,
            Side::There => &mut self.there,
        }
    }
}

/// A scene under its rules.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub scene: &'a Scene,
    pub rules: &'a Rules<'a>,
}

impl<'a> View<'a> {
    /// An entry of the scene.
    pub fn entry(self, id: EntryId) -> Option<&'a Entry> {
        self.scene.entries.get(&id)
    }

    /// How an entry is on a side.
    pub fn on(self, id: EntryId, side: Side) -> Option<&'a State> {
        self.entry(id)?.on(side)
    }

    /// Whether something can be in it on that side.
    pub fn is_folder(self, id: EntryId, side: Side) -> bool {
        id == EntryId::ROOT || self.on(id, side).is_some_and(|state| state.kind == Kind::Folder)
    }

    /// The side that decides, of a push or pull.
    pub fn authority(self) -> Option<Side> {
        match self.rules.direction {
            Direction::Push if !fault::is(Fault::PushWritesHere) => Some(Side::Here),
            Direction::Pull if !fault::is(Fault::PullWritesThere) => Some(Side::There),
            Direction::TwoWay | Direction::Push | Direction::Pull => None,
        }
    }

    /// Whether that side may be changed.
    pub fn may_change(self, side: Side) -> bool {
        match self.rules.direction {
            Direction::TwoWay => true,
            Direction::Push => side == Side::There || fault::is(Fault::PushWritesHere),
            Direction::Pull => side == Side::Here || fault::is(Fault::PullWritesThere),
        }
    }

    /// What resolves a conflict about an entry.
    pub fn policy(self, entry: &Entry) -> Policy {
        match entry.policy {
            Some(own) if !fault::is(Fault::IgnoreOwnPolicy) => own,
            _ => self.rules.policy,
        }
    }

    /// The key by which a name collides with others of its folder on a side.
    pub fn key(self, side: Side, name: &Name) -> Name {
        match side {
            Side::There if !fault::is(Fault::CollideExact) => self.rules.names.folded(name).into(),
            _ => Name::clone(name),
        }
    }
}

/// The name that was agreed on for a side.
pub(super) fn base_name(entry: &Entry, side: Side) -> Option<&Name> {
    let (here, there) = entry.base.as_ref()?.names.as_ref()?;
    Some(match side {
        Side::Here => here,
        Side::There => there,
    })
}

/// The name on a side; a temporary one stands for the one that it carries, or the one that was agreed on.
pub(super) fn name(id: EntryId, entry: &Entry, side: Side) -> Option<Name> {
    let own = &entry.on(side)?.name;
    let name = match temp_of(own).filter(|(of, _)| *of == id) {
        Some((_, Some(carried))) => carried.into(),
        Some((_, None)) => Name::clone(base_name(entry, side).unwrap_or(own)),
        None => Name::clone(own),
    };
    Some(name)
}

/// Whether the name on a side is another than was agreed on.
pub(super) fn is_renamed(id: EntryId, entry: &Entry, side: Side) -> bool {
    name(id, entry, side).as_ref() != base_name(entry, side)
}

/// Whether the folder on a side is another than was agreed on.
pub(super) fn is_moved(entry: &Entry, side: Side) -> bool {
    let agreed = entry.base.as_ref().and_then(|base| base.parent);
    entry.on(side).map(|state| state.parent) != agreed
}

/// Whether the content of a file on a side is another than was agreed on.
pub(super) fn is_edited(entry: &Entry, side: Side) -> bool {
    let agreed = entry.base.as_ref().and_then(|base| base.content);
    let own = entry.on(side).and_then(|state| state.kind.content());
    own.is_some() && own != agreed
}

/// Whether it lies elsewhere on a side than was agreed on.
pub(super) fn is_elsewhere(id: EntryId, entry: &Entry, side: Side) -> bool {
    is_moved(entry, side) || is_renamed(id, entry, side)
}

/// The only side that an entry is on.
pub(super) const fn only_side(entry: &Entry) -> Option<Side> {
    match (&entry.here, &entry.there) {
        (Some(_), None) => Some(Side::Here),
        (None, Some(_)) => Some(Side::There),
        _ => None,
    }
}
