//! Accounts and their credentials.

use crate::{AppPasswordId, Email, Millis, SessionId, SpaceId, UserId};

/// What an account may do besides its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Its own things.
    User,
    /// The server's settings, accounts and jobs. It does not open other people's files.
    Admin,
}

/// Whether an account may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UserState {
    /// It may.
    Active,
    /// An administrator closed it; its files stay.
    Disabled,
}

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Stable id.
    pub id: UserId,
    /// The account's name.
    pub email: Email,
    /// What the person calls themselves; may be empty.
    pub full_name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it may sign in.
    pub state: UserState,
    /// How many bytes its personal space may hold; `None` is the server's default.
    pub quota_bytes: Option<u64>,
    /// Its personal space.
    pub space: SpaceId,
    /// When it was made.
    pub created_ms: Millis,
    /// The language that the person reads, as a BCP 47 tag.
    pub locale: Option<String>,
    /// When their photo was set; `None` is no photo.
    pub photo_ms: Option<Millis>,
}

/// How a session's requests prove themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// Access tokens, renewed by a refresh token.
    Token,
    /// The page's cookie.
    Cookie,
}

/// One sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Stable id.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// How it proves itself.
    pub kind: SessionKind,
    /// How often its refresh token was rotated; the valid one carries this number.
    pub generation: u64,
    /// When that number last grew.
    pub rotated_ms: Millis,
    /// What signed in, as it called itself (a `User-Agent`); may be empty.
    pub label: String,
    /// When it began.
    pub created_ms: Millis,
    /// When it last did something, to within a minute.
    pub used_ms: Millis,
    /// When it ends at the latest.
    pub expires_ms: Millis,
}

/// A password for one program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppPassword {
    /// Stable id.
    pub id: AppPasswordId,
    /// Whose.
    pub user: UserId,
    /// What the person calls it.
    pub label: String,
    /// When it was made.
    pub created_ms: Millis,
    /// When it was last used, to within a minute.
    pub used_ms: Option<Millis>,
}
