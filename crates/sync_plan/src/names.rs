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
