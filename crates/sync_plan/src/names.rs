//! Names here and names there.

use super::Obstacle;

/// What names at a provider are like.
pub trait Names: Send + Sync {
    /// What a name here is called there: itself, or encoded so that [`Names::here`] gives it back.
    ///
    /// # Errors
    /// `Name` when it cannot be held there in any form.
    fn there(&self, here: &str) -> Result<String, Obstacle>;

    /// What a name there is called here: decoded, and made a name that is valid here. Always gives one.
    fn here(&self, there: &str) -> String;

    /// What two names there have in common when the provider takes them for one. For finding collisions, never for
    /// deciding whether something was renamed.
    fn folded(&self, there: &str) -> String;
}

/// What a provider takes as a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameLimits {
    /// The longest name.
    pub longest: usize,
    /// What `longest` counts: UTF-8 bytes, or UTF-16 units.
    pub counts_utf16: bool,
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

impl Names for NameLimits {
    fn there(&self, here: &str) -> Result<String, Obstacle> {
        Ok(here.to_owned())
    }

    fn here(&self, there: &str) -> String {
        there.to_owned()
    }

    fn folded(&self, there: &str) -> String {
        if self.folds_case {
            there.to_lowercase()
        } else {
            there.to_owned()
        }
    }
}
