//! Ids: UUIDv7 in one canonical form (36 lower-case characters), each kind a type of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The text is not an id: one canonical UUID, lower case with hyphens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: an id is 36 characters such as 0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f")]
pub struct IdError;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes an id from the time (milliseconds since 1970) and 74 of the given random bits.
            pub fn new(now: crate::Millis, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.0).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// Wraps 16 bytes that a catalog stored.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes, as a catalog stores them.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            /// Accepts the canonical form only, so that one id has one spelling.
            fn from_str(text: &str) -> Result<Self, IdError> {
                let id = Uuid::try_parse(text).map_err(|_| IdError)?;
                let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
                if id.hyphenated().encode_lower(&mut buffer) != text {
                    return Err(IdError);
                }
                Ok(Self(id))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// Names a user.
    UserId;
    /// Names a space.
    SpaceId;
    /// Names a node.
    NodeId;
    /// Names a blob; its store derives the blob's key from it.
    BlobId;
    /// Names a job.
    JobId;
    /// Names a session: one sign-in with all the tokens that came of it.
    SessionId;
    /// Names an app password.
    AppPasswordId;
    /// Names an invitation to register.
    InviteId;
    /// Names a right that somebody was given on a node.
    ShareId;
    /// Names a public link.
    LinkId;
    /// Names an upload that takes more than one request.
    UploadId;
    /// Names a connection.
    ConnectionId;
    /// Names a channel by which a provider tells of changes.
    ChannelId;
    /// Names a mirror.
    MirrorId;
    /// Names a conflict.
    ConflictId;
    /// Names a migration from one connection to another.
    MigrationId;
}
