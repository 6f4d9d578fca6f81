//! The verbs of Cumuli: every operation, with its permission, limit, transaction and journal entry.
//!
//! An operation has one shape: find and authorise, check limits, one transaction (rows, one
//! journal entry, follow-up jobs), commit, wake. It knows no HTTP and no SQL. Each protocol calls
//! the same operations, so a rule holds at every door.

mod access;
mod accounts;
mod admin;
mod app_passwords;
mod archive;
mod backup;
mod changes;
mod config;
mod conflicts;
mod connections;
mod copies;
mod cursors;
mod error;
mod files;
mod folders;
mod fsck;
mod health;
mod identities;
mod jobs;
mod keys;
mod links;
mod listings;
mod migrations;
mod mirrors;
mod moves;
mod nodes;
mod passwords;
mod people;
mod photos;
mod providers;
mod scrub;
mod sealed;
mod search;
mod sessions;
mod shares;
mod sign_in;
mod signed;
mod staging;
mod stores;
mod throttle;
mod tokens;
mod transfers;
mod trash;
mod upkeep;
mod uploads;
mod versions;
mod visits;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Weak};

use catalog::{Catalog, Tx};
use content::{Content, Keyring};
use model::{Clock, Millis, NodeId};
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::TaskTracker;

pub use access::FolderRef;
pub use accounts::{Me, MeChange, Registration, Signup};
pub use admin::{UserChange, UserPage, UserRow};
pub use app_passwords::NewAppPassword;
pub use archive::restore_from_store;
pub use backup::{
    BackupError, BackupOf, BackupReport, RestoreParts, RestoreReport, check_restorable, restore_backup,
};
pub use catalog::DirtyRow;
pub use catalog::{DirtyCounts, EntryProof, EntryRow, MirrorEvent};
pub use changes::{Feed, JournalPage};
pub use config::{Config, PasswordCost, SignupMode};
pub use conflicts::{
    Between, Comparison, ConflictFilter, ConflictPage, ConflictRow, Decision, ManyResolved, Preview,
    SideContent, Told, WhichConflicts,
};
pub use connections::{
    Bucket, CheckReport, CheckStep, Checked, Concern, ConnectionRow, Connectors, Credentials, Endpoint,
    Health, ImportOutcome, ImportedRemote, KeySource, LinkTicket, Linked, NewConnection, News, Notice,
    NoticeEvent, OwnClient, RcloneImport, RemoteDownload, RemotePage, Rotated, StoredTokens, as_item,
    as_remote,
};
pub use connectors::{Abilities, DirectLink, Feed as ChangeFeed, HashKind, Relocation, TrashKind};
pub use content::Promise;
pub use copies::Copy;
pub use error::HubError;
pub use files::{Download, Info};
pub use folders::NewFolder;
pub use fsck::{FsckReport, Verify};
pub use health::{Check, CheckState};
pub use identities::{Identities, Recognised};
pub use jobs::{JobOutcome, JobPage, JobRow, Keep, Lease};
pub use keys::Keys;
pub use links::{LinkChange, LinkPage, LinkRow, NewLink};
pub use listings::{Listed, ListingPage, Part};
pub use migrations::{MigrationPage, MigrationReport, NewMigration};
pub use mirrors::{
    Call, Capsule, CapsuleBase, CapsuleDirty, CapsuleEntry, CapsuleEvent, CapsuleFailed, CapsuleMirror,
    CapsuleRules, CapsuleScene, CapsuleState, Changed, Deed, DeleteGuard, Ended, FailedEntry, FeedMark,
    HeldDeletes, Intent, Loaded, Mended, MirrorChange, MirrorDesk, MirrorError, MirrorEvents, MirrorFolder,
    MirrorHeads, MirrorNews, MirrorPlan, MirrorRow, MirrorSettings, NameProblem, NewMirror, Newcomers,
    Opened, Placed, PlanNote, PlanSide, PlanStep, PlanSummary, RemoteFolder, Replica, ReplicaPlace, Room,
    Sent, Sessions, StoredSource, Thing, WhichEntries,
};
pub use moves::{Move, MoveReport};
pub use nodes::NodeChange;
pub use outbound::Reach;
pub use people::Contact;
pub use photos::{PHOTO_BYTES, Photo, PhotoSize};
pub use providers::{ConnectionStatus, LinkProvider, Provider};
pub use search::Search;
pub use sessions::{Credential, Peer, SessionRow, SignIn, Tokens, is_same_secret};
pub use shares::{NewShare, Person, ShareChange, SharePage, ShareRow};
pub use sign_in::{Begun, CameBack, IdentityProvider, PageSignIn, ProviderAnswer};
pub use signed::{SignedAddress, SignedDownload};
pub use staging::{Expected, Staged};
pub use stores::{DamageRow, StoreRow};
pub use transfers::{
    Completion, DirectPart, DirectPlan, Moved, NewTransfer, OPEN_TRANSFERS, Piece, SentPart, TransferError,
    Way,
};
pub use upkeep::Upkept;
pub use uploads::{Stored, Upload, UploadPlace};
pub use versions::VersionPage;
pub use visits::{LinkPass, Visit};

/// Every operation of Cumuli. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Parts>);

struct Parts {
    catalog: Catalog,
    content: Content,
    clock: Clock,
    keys: Keys,
    instance: String,
    /// The store that the settings name for new contents.
    first_store: String,
    config: Config,
    hashing: Arc<Semaphore>,
    rendering: Arc<Semaphore>,
    jobs: Notify,
    /// Seals credentials.
    vault: connections::Vault,
    connectors: Connectors,
    holds: transfers::Holds,
    on_the_way: mirrors::OnTheWay,
    tasks: TaskTracker,
}

/// What a hub is made of.
pub struct HubParts {
    /// Rows.
    pub catalog: Catalog,
    /// Bytes.
    pub content: Content,
    /// Time.
    pub clock: Clock,
    /// Keys.
    pub keys: Keys,
    /// Seals the credentials of connections.
    pub vault: Keyring,
    /// Limits and modes.
    pub config: Config,
    /// Owns the writes that run to their end after their caller went away; the caller closes it
    /// and waits for it at shutdown.
    pub tasks: TaskTracker,
}

/// Name of the row that holds the id of this installation.
const INSTANCE: &str = "instance";

impl Hub {
    /// Puts a hub together. The catalog must be migrated.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn open(parts: HubParts) -> Result<Self, HubError> {
        let HubParts {
            catalog,
            content,
            clock,
            keys,
            vault,
            config,
            tasks,
        } = parts;
        let mut tx = catalog.write().await?;
        // Two nodes may open a new installation at once: the first one's name is both's.
        let instance = match tx.meta(INSTANCE).await? {
            Some(instance) => instance,
            None => tx.first_meta(INSTANCE, &keys::hex::<16>()).await?,
        };
        tx.commit().await?;
        let hashing = Arc::new(Semaphore::new(config.hashing_at_once));
        let rendering = Arc::new(Semaphore::new(1));
        let jobs = Notify::new();
        let first_store = content.default_name();
        let hub = Self(Arc::new(Parts {
            catalog,
            content,
            clock,
            keys,
            instance,
            first_store,
            config,
            hashing,
            rendering,
            jobs,
            vault: connections::Vault::new(vault),
            connectors: Connectors::default(),
            holds: transfers::Holds::default(),
            on_the_way: mirrors::OnTheWay::default(),
            tasks,
        }));
        hub.follow_moves().await?;
        Ok(hub)
    }

    /// The limits and modes that it runs under.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// For what the hub itself keeps, so that it does not keep itself.
    fn downgrade(&self) -> Weak<Parts> {
        Arc::downgrade(&self.0)
    }

    /// The hub, while it is there.
    fn upgrade(parts: &Weak<Parts>) -> Option<Self> {
        parts.upgrade().map(Self)
    }

    fn now(&self) -> Millis {
        (self.0.clock)()
    }

    fn keys(&self) -> &Keys {
        &self.0.keys
    }

    async fn read(&self) -> Result<Tx, HubError> {
        Ok(self.0.catalog.read().await?)
    }

    async fn write(&self) -> Result<Tx, HubError> {
        Ok(self.0.catalog.write().await?)
    }

    fn new_node_id(&self) -> NodeId {
        NodeId::new(self.now(), keys::random())
    }

    /// Runs a write to its end even when its caller goes away, so that a client that hangs up
    /// never leaves a question open.
    async fn to_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, HubError>> + Send + 'static,
    ) -> Result<T, HubError> {
        match self.0.tasks.spawn(work).await {
            Ok(outcome) => outcome,
            Err(panic) => Err(HubError::Internal(panic.into())),
        }
    }
}
