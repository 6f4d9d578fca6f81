//! People as OpenID providers know them.

use crate::{Millis, UserId};

/// A person at a provider, and the account that they open by it. Issuer and subject are the key:
/// an address may pass from one person to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Small, and never used twice; 0 before it is stored.
    pub number: u64,
    /// Who says so.
    pub issuer: String,
    /// The person's name there.
    pub subject: String,
    /// The provider's name in addresses.
    pub provider: String,
    /// Whose account it opens.
    pub user: UserId,
    /// The address that the provider told last.
    pub email: String,
    /// When it was added to the account.
    pub created_ms: Millis,
    /// When somebody last signed in by it.
    pub used_ms: Millis,
}
