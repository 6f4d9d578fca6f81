//! What kinds of providers are simulated.

use connectors::{Abilities, Conditions, Feed, HashKind, NameRules, Relocation, TrashKind};

use super::tape::Rng;

/// A kind of provider.
#[derive(Debug, Clone)]
pub(super) struct Flavour {
    pub(super) kind: Kind,
    pub(super) abilities: Abilities,
    /// It stores other bytes than it was sent, of some names.
    pub(super) rewrites: bool,
    /// A content's hash is its revision, so that one that comes again cannot be told from the one before.
    pub(super) revision_is_hash: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Ids given ahead, several items of one name, a feed of one entry per item, a trash that can be looked into.
    Drive,
    /// Unique names whose case does not count, conditions everywhere, a feed.
    OneDrive,
    /// Ids are paths, everything is listed, moves are copies.
    Bucket,
}

impl Flavour {
    pub(super) fn of(rng: &mut Rng) -> Self {
        match rng.below(10) {
            0..4 => drive(rng),
            4..8 => onedrive(rng),
            _ => bucket(rng),
        }
    }

    /// What two names have in common that cannot be beside each other.
    pub(super) fn folded(&self, name: &str) -> String {
        self.abilities.names.folded(name)
    }

    /// What is stored when `bytes` are sent under a name.
    pub(super) fn stored(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        let mut stored = bytes.to_vec();
        if self.rewrites && name.to_lowercase().starts_with('d') && !bytes.ends_with(b"~") {
            stored.push(b'~');
        }
        stored
    }
}

const fn plain() -> Abilities {
    Abilities {
        feed: Feed::Changes,
        has_ids: true,
        has_duplicates: false,
        has_empty_folders: true,
        is_read_only: false,
        hashes: &[HashKind::Md5],
        modified_step_ms: Some(1),
        conditions: Conditions {
            create: true,
            replace: true,
            detects_overwritten: false,
            relocate: true,
            trash: true,
            empty: true,
        },
        relocation: Relocation::Native,
        trash: TrashKind::Native,
        restores: true,
        has_revisions: true,
        has_documents: false,
        gives_ids: false,
        has_direct_links: false,
        watches: false,
        notifies: None,
        largest_bytes: 1 << 30,
        resumes_from_bytes: None,
        names: NameRules::ANY,
        limits: &[],
    }
}

fn drive(rng: &mut Rng) -> Flavour {
    let guards = rng.percent(40);
    Flavour {
        kind: Kind::Drive,
        abilities: Abilities {
            has_duplicates: true,
            hashes: if rng.percent(80) {
                &[HashKind::Sha256, HashKind::Md5]
            } else {
                &[HashKind::Md5]
            },
            conditions: Conditions {
                create: true,
                replace: guards,
                detects_overwritten: !guards,
                relocate: false,
                trash: false,
                empty: false,
            },
            has_documents: true,
            gives_ids: true,
            ..plain()
        },
        rewrites: false,
        revision_is_hash: false,
    }
}

fn onedrive(rng: &mut Rng) -> Flavour {
    let is_personal = rng.percent(60);
    Flavour {
        kind: Kind::OneDrive,
        abilities: Abilities {
            hashes: &[HashKind::QuickXor],
            modified_step_ms: Some(1000),
            conditions: Conditions {
                empty: is_personal,
                ..plain().conditions
            },
            restores: is_personal,
            names: NameRules {
                counts_utf16: true,
                forbidden: "\"*:<>?/\\|",
                folds_case: true,
                ..NameRules::ANY
            },
            ..plain()
        },
        rewrites: !is_personal && rng.percent(50),
        revision_is_hash: false,
    }
}

fn bucket(rng: &mut Rng) -> Flavour {
    let has_hashes = rng.percent(80);
    let guards = rng.percent(70);
    Flavour {
        kind: Kind::Bucket,
        abilities: Abilities {
            feed: Feed::Listing,
            has_ids: false,
            hashes: if has_hashes { &[HashKind::Md5] } else { &[] },
            modified_step_ms: None,
            conditions: Conditions {
                create: true,
                replace: true,
                detects_overwritten: false,
                relocate: guards,
                trash: guards,
                empty: true,
            },
            relocation: Relocation::Copied,
            trash: TrashKind::Folder(".trash"),
            restores: false,
            has_revisions: false,
            names: NameRules {
                forbidden: "/",
                ..NameRules::ANY
            },
            ..plain()
        },
        rewrites: false,
        revision_is_hash: has_hashes,
    }
}
