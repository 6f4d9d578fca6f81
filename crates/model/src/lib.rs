//! The nouns of Cumuli: what every other crate speaks of. No I/O, no async runtime, no clock.
//!
//! One word per concept, the same at every level:
//! `user` a person with an account; `actor` who a request acts as; `space` one tree with one root;
//! `node` a folder or a file in a space; `version` one immutable content of a file; `blob` stored
//! bytes; `change` one entry of a space's journal; `job` a durable piece of background work;
//! `share` a right on a node given to a user; `link` a public address of a node;
//! `identity` a person as an OpenID provider knows them;
//! `photo` what a person shows of themselves;
//! `connection` a linked account, bucket or folder at a provider; `remote item` what is in one;
//! `transfer` an upload that takes more than one request;
//! `migration` a move of one connection's folder into another's;
//! `trash` where deleted nodes wait; `session` one sign-in; `store` where blobs live.

mod actor;
mod bytes;
mod change;
mod connection;
mod digest;
mod email;
mod identity;
mod ids;
mod job;
pub mod limits;
mod media;
mod migration;
mod mirror;
mod name;
mod node;
mod page;
mod path;
mod share;
mod time;
mod upload;
mod user;

#[cfg(test)]
mod tests;

pub use actor::{Actor, Right};
pub use bytes::{BodyError, ByteStream};
pub use change::{Change, ChangeKind};
pub use connection::{Connection, ConnectionState, RemoteItem, RemoteKind};
pub use digest::{Digest, DigestError};
pub use email::{Email, EmailError};
pub use identity::Identity;
pub use ids::{
    AppPasswordId, BlobId, ChannelId, ConflictId, ConnectionId, IdError, InviteId, JobId, LinkId,
    MigrationId, MirrorId, NodeId, SessionId, ShareId, SpaceId, UploadId, UserId,
};
pub use job::{Job, JobKind, JobState, Lane, Progress};
pub use media::shown_inline;
pub use migration::{
    Migration, MigrationCopy, MigrationCount, MigrationDocuments, MigrationItem, MigrationItemState,
    MigrationProof, MigrationSide, MigrationStage, MigrationState,
};
pub use mirror::{
    Conflict, ConflictKind, ConflictPolicy, ConflictSide, Mirror, MirrorDirection, MirrorDrift,
    MirrorProgress, MirrorRule, MirrorState, Resolution, Winner,
};
pub use name::{NameError, NodeName, compose, fold};
pub use node::{
    Blob, BlobState, Guard, Node, NodeKind, OnConflict, Origin, Place, Proof, Space, StoredAt, Trashed,
    Version,
};
pub use page::{Order, Page, Sort, SortKey};
pub use path::{NodePath, PathError};
pub use share::{Link, LinkMode, Share};
pub use time::{Clock, Millis};
pub use upload::{Transfer, UploadKind, UploadState};
pub use user::{AppPassword, Role, Session, SessionKind, User, UserState};
