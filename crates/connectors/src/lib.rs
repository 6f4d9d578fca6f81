//! Other people's drives: which providers there are and what each needs before it can be linked,
//! and the protocols that they speak.
//!
//! Adding a provider is a row in [`KINDS`]. It reads no setting itself: the names of those that
//! have a value come in. Only this crate knows a provider's JSON; it knows nothing of accounts.

mod bucket;
mod connector;
#[cfg(test)]
mod contract;
mod directory;
mod google;
mod kinds;
mod oauth;
mod oidc;
mod onedrive;
mod quick_xor;
mod reasons;
mod tokens;
mod webdav;

pub use bucket::{Bucket, BucketOptions, BucketPlace, Probed};
pub use connector::{
    Abilities, About, ChangePage, Channel, Conditions, Connector, Cursor, DirectLink, Entry, Feed, Fetched,
    HashKind, Hasher, Hashes, Item, ItemId, ItemKind, ItemPage, NameFault, NameRules, NewChannel, Next,
    NoJournal, Notifies, Past, Quota, Read, Reading, Relocate, Relocation, RemoteError, Revision,
    SignInReason, Source, Tag, Target, TrashKind, Upload, UploadJournal, Written, fetch,
};
pub use directory::{Directory, DirectoryOptions, Symlinks};
pub use google::{Google, GoogleOptions};
pub use kinds::{KINDS, ProviderKind, kind, notice_problem, redirect_problem};
pub use oauth::{Grant, LinkQuestion, OAuth, OAuthError, OAuthOptions, OAuthProvider};
pub use oidc::{Answer, Oidc, OidcError, OidcOptions, PATIENCE, Person, Question};
pub use onedrive::{DriveKind, GRAPH_URL, OneDrive, OneDriveOptions, PIECE_BYTES};
pub use tokens::{AccessToken, Tokens};
pub use webdav::{Login, WebDav, WebDavOptions};
