//! Which connections a case is for.

use crate::{Abilities, Feed};

/// Whether a case is for a connection that can do this.
pub type Gate = fn(&Abilities) -> bool;

/// Every connection.
pub const fn always(_: &Abilities) -> bool {
    true
}

/// It can be written to.
pub const fn writes(can: &Abilities) -> bool {
    !can.is_read_only
}

/// It cannot.
pub const fn read_only(can: &Abilities) -> bool {
    can.is_read_only
}

/// It has folders without anything in them.
pub const fn empty_folders(can: &Abilities) -> bool {
    can.has_empty_folders
}

/// It has such folders and can be written to.
pub const fn writes_folders(can: &Abilities) -> bool {
    can.has_empty_folders && !can.is_read_only
}

/// It tells hashes.
pub const fn hashes(can: &Abilities) -> bool {
    !can.hashes.is_empty()
}

/// It tells hashes and can be written to.
pub const fn writes_hashes(can: &Abilities) -> bool {
    !can.hashes.is_empty() && !can.is_read_only
}

/// Ids are no paths.
pub const fn ids(can: &Abilities) -> bool {
    can.has_ids
}

/// Ids are no paths, and it can be written to.
pub const fn writes_ids(can: &Abilities) -> bool {
    can.has_ids && !can.is_read_only
}

/// No two items in a folder have one name.
pub const fn unique_names(can: &Abilities) -> bool {
    !can.has_duplicates && !can.is_read_only
}

/// They may.
pub const fn duplicates(can: &Abilities) -> bool {
    can.has_duplicates && !can.is_read_only
}

/// It keeps times of modification.
pub const fn keeps_times(can: &Abilities) -> bool {
    can.modified_step_ms.is_some() && !can.is_read_only
}

/// Uploads go on where they stopped.
pub const fn resumes(can: &Abilities) -> bool {
    can.resumes_from_bytes.is_some() && !can.is_read_only
}

/// There is a largest file.
pub const fn bounded(can: &Abilities) -> bool {
    can.largest_bytes < u64::MAX && !can.is_read_only
}

/// It gives ids ahead.
pub const fn gives_ids(can: &Abilities) -> bool {
    can.gives_ids && !can.is_read_only
}

/// It does not.
pub const fn no_given_ids(can: &Abilities) -> bool {
    !can.gives_ids
}

/// The provider itself refuses to create what is there.
pub const fn creates_only(can: &Abilities) -> bool {
    can.conditions.create && !can.has_duplicates && !can.is_read_only
}

/// The provider itself refuses to replace another content than was expected.
pub const fn replaces_only(can: &Abilities) -> bool {
    can.conditions.replace && !can.is_read_only
}

/// A move fails when the item changed.
pub const fn guards_moves(can: &Abilities) -> bool {
    can.conditions.relocate && !can.is_read_only
}

/// A delete fails when the item changed.
pub const fn guards_trash(can: &Abilities) -> bool {
    can.conditions.trash && !can.is_read_only
}

/// Only folders with nothing in them are removed as such.
pub const fn guards_empty(can: &Abilities) -> bool {
    can.conditions.empty && !can.is_read_only
}

/// Brings back what is in the trash.
pub const fn restores(can: &Abilities) -> bool {
    can.restores && !can.is_read_only
}

/// Does not.
pub const fn no_restores(can: &Abilities) -> bool {
    !can.restores
}

/// Has documents.
pub const fn documents(can: &Abilities) -> bool {
    can.has_documents
}

/// Has earlier contents.
pub const fn revisions(can: &Abilities) -> bool {
    can.has_revisions
}

/// Has none.
pub const fn no_revisions(can: &Abilities) -> bool {
    !can.has_revisions
}

/// Gives links.
pub const fn links(can: &Abilities) -> bool {
    can.has_direct_links
}

/// Gives none.
pub const fn no_links(can: &Abilities) -> bool {
    !can.has_direct_links
}

/// Tells when something changes.
pub const fn watches(can: &Abilities) -> bool {
    can.watches
}

/// Does not.
pub const fn no_watching(can: &Abilities) -> bool {
    !can.watches
}

/// Whether the feed tells all that there is, each time.
pub const fn is_listing(can: &Abilities) -> bool {
    matches!(can.feed, Feed::Listing)
}

/// No address is told of changes.
pub const fn no_channels(can: &Abilities) -> bool {
    can.notifies.is_none()
}
