//! What a connection can do, as data.

use unicode_normalization::UnicodeNormalization;

use super::{HashKind, Notifies};

/// What a connection can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Abilities {
    /// How changes are found.
    pub feed: Feed,
    /// Ids stay when an item is renamed or moved. Otherwise they are paths.
    pub has_ids: bool,
    /// A folder may hold several items of one name.
    pub has_duplicates: bool,
    /// Folders exist without anything in them.
    pub has_empty_folders: bool,
    /// Nothing can be written.
    pub is_read_only: bool,
    /// Hashes that the provider tells of a file, the strongest first. One may be missing of some files.
    pub hashes: &'static [HashKind],
    /// A file keeps the time of modification that it is given, in steps of so many milliseconds.
    pub modified_step_ms: Option<u32>,
    /// Which preconditions are kept.
    pub conditions: Conditions,
    /// How items move.
    pub relocation: Relocation,
    /// Where deleted things go.
    pub trash: TrashKind,
    /// What is in the trash can be brought back.
    pub restores: bool,
    /// Earlier contents can be listed and read.
    pub has_revisions: bool,
    /// There are documents without bytes of their own, which can be exported.
    pub has_documents: bool,
    /// Ids can be had before an item is created.
    pub gives_ids: bool,
    /// Contents can be had by an address of their own.
    pub has_direct_links: bool,
    /// [`super::Connector::watch`] works.
    pub watches: bool,
    /// How the provider tells an address of ours when something changes; `None` where it does not.
    pub notifies: Option<Notifies>,
    /// The largest file, bytes.
    pub largest_bytes: u64,
    /// A broken upload can go on where it stopped from so many bytes on.
    pub resumes_from_bytes: Option<u64>,
    /// What may be in a name.
    pub names: NameRules,
    /// Documented limits, as sentences for a person: requests a minute, bytes a day.
    pub limits: &'static [&'static str],
}

/// How changes are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feed {
    /// The provider tells what changed since a cursor.
    Changes,
    /// Everything is listed and compared.
    Listing,
}

/// Preconditions that the provider itself keeps, so that no other writer can come between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// A create fails when the name (or the id given ahead) is taken.
    pub create: bool,
    /// A replace fails when the content is another.
    pub replace: bool,
    /// What a replace overwrote in spite of all is found out afterwards ([`super::Written::overwrote`]).
    pub detects_overwritten: bool,
    /// A move or rename fails when the item changed.
    pub relocate: bool,
    /// A delete fails when the item changed.
    pub trash: bool,
    /// [`super::Connector::remove_folder`] takes nothing along that came into the folder in between.
    pub empty: bool,
}

/// How items move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relocation {
    /// In one step, whatever is below.
    Native,
    /// Copied at the provider and then removed, file by file; cut in between, both are there.
    Copied,
}

/// Where deleted things go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrashKind {
    /// The provider's own.
    Native,
    /// A folder beside, which listings leave out.
    Folder(&'static str),
}

/// What may be in a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRules {
    /// The longest name.
    pub longest: usize,
    /// What [`NameRules::longest`] counts: UTF-8 bytes, or UTF-16 units.
    pub counts_utf16: bool,
    /// The longest path below the root, counted likewise.
    pub longest_path: Option<usize>,
    /// Characters that no name has.
    pub forbidden: &'static str,
    /// Control characters are refused.
    pub forbids_controls: bool,
    /// No name ends with one of these.
    pub forbidden_ends: &'static str,
    /// No name begins with one of these.
    pub forbidden_starts: &'static [&'static str],
    /// Names that are refused whatever their case, with and without an extension.
    pub reserved: &'static [&'static str],
    /// Parts that no name may have.
    pub forbidden_parts: &'static [&'static str],
    /// Names that differ only in case are the same.
    pub folds_case: bool,
}

/// Why a provider cannot hold a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Empty, `.` or `..`.
    #[error("it is no name")]
    Empty,
    /// Longer than the provider takes.
    #[error("it is longer than {0}")]
    Long(usize),
    /// A character that it does not take.
    #[error("it has the character {0:?}")]
    Character(char),
    /// Its end.
    #[error("it ends with {0:?}")]
    End(char),
    /// Its beginning.
    #[error("it begins with `{0}`")]
    Start(&'static str),
    /// A name or part of one that the provider keeps for itself.
    #[error("`{0}` is reserved")]
    Reserved(&'static str),
}

impl NameRules {
    /// Anything but an empty name.
    pub const ANY: Self = Self {
        longest: 255,
        counts_utf16: false,
        longest_path: None,
        forbidden: "",
        forbids_controls: false,
        forbidden_ends: "",
        forbidden_starts: &[],
        reserved: &[],
        forbidden_parts: &[],
        folds_case: false,
    };

    /// Whether the provider can hold a name.
    ///
    /// # Errors
    /// What it would refuse.
    pub fn check(&self, name: &str) -> Result<(), NameFault> {
        if matches!(name, "" | "." | "..") {
            return Err(NameFault::Empty);
        }
        if self.count(name) > self.longest {
            return Err(NameFault::Long(self.longest));
        }
        let is_forbidden =
            |c: &char| self.forbidden.contains(*c) || (self.forbids_controls && c.is_control());
        if let Some(c) = name.chars().find(is_forbidden) {
            return Err(NameFault::Character(c));
        }
        if let Some(c) = name.chars().last().filter(|c| self.forbidden_ends.contains(*c)) {
            return Err(NameFault::End(c));
        }
        if let Some(start) = self
            .forbidden_starts
            .iter()
            .find(|start| name.starts_with(**start))
        {
            return Err(NameFault::Start(start));
        }
        let stem = name.split('.').next().unwrap_or(name);
        let is_reserved = |word: &&&str| word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(stem);
        if let Some(word) = self.reserved.iter().find(is_reserved) {
            return Err(NameFault::Reserved(word));
        }
        let lower = name.to_lowercase();
        match self.forbidden_parts.iter().find(|part| lower.contains(**part)) {
            Some(part) => Err(NameFault::Reserved(part)),
            None => Ok(()),
        }
    }

    /// The length of a name or path as the provider counts it.
    pub fn count(&self, name: &str) -> usize {
        if self.counts_utf16 {
            name.encode_utf16().count()
        } else {
            name.len()
        }
    }

    /// What two names have in common when the provider takes them for one. For finding collisions, never for
    /// deciding whether something was renamed.
    pub fn folded(&self, name: &str) -> String {
        if self.folds_case {
            name.nfc().collect::<String>().to_lowercase()
        } else {
            name.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_refused_for_the_first_reason_that_fits() {
        let rules = NameRules {
            longest: 8,
            counts_utf16: true,
            forbidden: ":*",
            forbids_controls: true,
            forbidden_ends: ". ",
            forbidden_starts: &["~$"],
            reserved: &["CON"],
            forbidden_parts: &["_vti_"],
            ..NameRules::ANY
        };
        for (name, fault) in [
            ("", NameFault::Empty),
            ("..", NameFault::Empty),
            ("123456789", NameFault::Long(8)),
            ("a:b", NameFault::Character(':')),
            ("a\nb", NameFault::Character('\n')),
            ("a.", NameFault::End('.')),
            ("~$a", NameFault::Start("~$")),
            ("con.txt", NameFault::Reserved("CON")),
            ("a_VTI_b", NameFault::Reserved("_vti_")),
        ] {
            assert_eq!(rules.check(name), Err(fault), "{name}");
        }
        assert_eq!(rules.check("ünïcödé😀"), Err(NameFault::Long(8)));
        assert_eq!(rules.check("console"), Ok(()));
        assert_eq!(rules.check("äöüß😀"), Ok(()));
    }
}
