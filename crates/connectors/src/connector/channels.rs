//! Channels: an address of ours that a provider tells when something changed.

use model::Millis;

use super::Cursor;

/// How a provider tells of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notifies {
    /// The longest life of a channel, seconds.
    pub longest_secs: i64,
    /// A channel's life can be made longer. Otherwise another is opened before it ends.
    pub renews: bool,
    /// The provider reaches the address before it says that a channel is open. Otherwise a first notice shows that it
    /// does.
    pub tries_address: bool,
}

/// A channel that is to be opened.
#[derive(Clone)]
pub struct NewChannel<'a> {
    /// What it is called, where that is for us to say; nothing else ever was.
    pub name: &'a str,
    /// What is told: an address by TLS.
    pub address: &'a str,
    /// Comes with each notice, and is known to nobody else. At most 128 characters.
    pub secret: &'a str,
    /// Where the feed of changes is.
    pub cursor: Option<&'a Cursor>,
    /// When it should end, at the most.
    pub until: Millis,
}

/// A channel that is open at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// What the provider calls it.
    pub id: String,
    /// What the provider calls that of which it tells.
    pub resource: String,
    /// When it ends.
    pub until: Millis,
}
