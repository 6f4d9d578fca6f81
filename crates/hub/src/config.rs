//! Limits and modes, as the settings give them.

use std::path::PathBuf;

use outbound::Reach;

use crate::{IdentityProvider, LinkProvider};

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignupMode {
    /// Anyone.
    Open,
    /// Who holds an invitation.
    Invite,
    /// Nobody; administrators make accounts.
    Closed,
}

/// What one password hash costs (argon2id).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
}

impl Default for PasswordCost {
    /// The least that the OWASP password storage cheat sheet allows.
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            passes: 2,
        }
    }
}

/// Limits and modes of a hub.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who may make an account.
    pub signup: SignupMode,
    /// The SHA-256 of the one-time code that makes the first account from another machine.
    pub setup_code_digest: Option<[u8; 32]>,
    /// Life of an access token, seconds.
    pub access_secs: u32,
    /// Life of a session, seconds.
    pub session_secs: u32,
    /// How long a page session may rest, seconds.
    pub idle_secs: u32,
    /// What a password hash costs.
    pub password_cost: PasswordCost,
    /// Password hashes computed at once.
    pub hashing_at_once: usize,
    /// Largest file.
    pub file_bytes: u64,
    /// Quota of accounts that have none of their own; `None` is no limit.
    pub quota_bytes: Option<u64>,
    /// Contents up to this size live in the catalog.
    pub inline_bytes: usize,
    /// Versions that a file keeps; 0 keeps all.
    pub keep_versions: u32,
    /// How long versions that are not current are kept, seconds; `None` keeps them.
    pub keep_versions_secs: Option<u64>,
    /// How long deleted nodes wait in the trash, seconds; `None` keeps them.
    pub keep_trash_secs: Option<u64>,
    /// How long leftovers of interrupted work are left alone, seconds.
    pub sweep_grace_secs: u64,
    /// How long an upload that takes more than one request may rest, seconds.
    pub upload_secs: u64,
    /// Every blob is read back and compared within this time, seconds; `None` never.
    pub scrub_secs: Option<u64>,
    /// How often changed rows are written into the store, seconds; `None` never.
    pub archive_secs: Option<u64>,
    /// How many bytes a second the scrub reads at the most; `None` is no bound.
    pub scrub_bytes_per_sec: Option<u64>,
    /// How long a signed address holds unless it is said, seconds.
    pub signed_secs: u32,
    /// Whether contents are fetched from their store by signed addresses where it has them.
    pub direct_downloads: bool,
    /// Names of the providers' settings that have a value.
    pub provider_settings: Vec<String>,
    /// Providers where people sign in to link drives.
    pub link_providers: Vec<LinkProvider>,
    /// What endpoints that people name may lead to.
    pub reach: Reach,
    /// Folders of this server that administrators may connect, with all below them.
    pub directory_roots: Vec<PathBuf>,
    /// Folders that hold this server's own data, which nobody connects.
    pub own_folders: Vec<PathBuf>,
    /// The address that people know this server by.
    pub public_url: Option<String>,
    /// The operator's own page, which people go back to after linking when they came from there.
    pub frontend_url: Option<String>,
    /// Providers that people sign in with.
    pub identity_providers: Vec<IdentityProvider>,
}

impl Default for Config {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60;
        Self {
            signup: SignupMode::Open,
            setup_code_digest: None,
            access_secs: 15 * 60,
            session_secs: 30 * 24 * 60 * 60,
            idle_secs: 7 * 24 * 60 * 60,
            password_cost: PasswordCost::default(),
            hashing_at_once: 2,
            file_bytes: 1 << 40,
            quota_bytes: None,
            inline_bytes: 16 * 1024,
            keep_versions: 100,
            keep_versions_secs: None,
            keep_trash_secs: Some(30 * DAY),
            sweep_grace_secs: DAY,
            upload_secs: 7 * DAY,
            scrub_secs: Some(7 * DAY),
            archive_secs: None,
            scrub_bytes_per_sec: None,
            signed_secs: 5 * 60,
            direct_downloads: true,
            provider_settings: Vec::new(),
            identity_providers: Vec::new(),
            link_providers: Vec::new(),
            reach: Reach::Public { allowed: Vec::new() },
            directory_roots: Vec::new(),
            own_folders: Vec::new(),
            public_url: None,
            frontend_url: None,
        }
    }
}
