//! A body of bytes on its way, without a runtime.

use std::pin::Pin;

use futures_core::Stream;

/// Bytes as they arrive. An error ends the stream.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<::bytes::Bytes, BodyError>> + Send>>;

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The sender went away, or broke the framing, before the end.
    #[error("the body ended before it was complete")]
    Incomplete,
    /// The body is not what its headers announced.
    #[error("{0}")]
    Malformed(String),
    /// The sender was slower than the lowest rate that the server waits for.
    #[error("the body came too slowly")]
    TooSlow,
    /// Ours: the bytes could not be read from where they are stored.
    #[error("the stored bytes could not be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}
