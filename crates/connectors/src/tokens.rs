//! Access tokens, as whoever keeps them hands them to a connector.

use std::fmt;

use async_trait::async_trait;

use crate::RemoteError;

/// What proves for an hour or so that we may use an account. Never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken(String);

impl AccessToken {
    /// Wraps a token.
    pub const fn new(token: String) -> Self {
        Self(token)
    }

    /// The token itself, for the one header that it belongs in.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(***)")
    }
}

/// Keeps the tokens of one connection, for all nodes and tasks that use it.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// A token that should work for some minutes; refreshed before if need be, once for everyone who waits.
    ///
    /// # Errors
    /// `SignInAgain`, `Unavailable`, `Paused`.
    async fn token(&self) -> Result<AccessToken, RemoteError>;

    /// Another token than `stale`, which the provider did not take.
    ///
    /// # Errors
    /// As of [`Tokens::token`].
    async fn renewed(&self, stale: &AccessToken) -> Result<AccessToken, RemoteError>;
}
