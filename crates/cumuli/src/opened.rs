//! Opens everything that the settings point at, in the order in which it depends on one another.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use catalog::{Catalog, DatabaseUrl, Engine, Migrated};
use content::Keyring;
use hub::{Config, Hub, HubParts, Keys, RestoreParts, SignupMode};
use model::{Actor, Clock, Millis};
use tokio_util::task::TaskTracker;

use crate::clouds;
use crate::data_folder::{DataFolder, DataLock};
use crate::settings::{Loaded, Secret, Settings, Signup};
use crate::stores;

/// How often a server without accounts looks whether there is one.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// An installation, ready for operations.
pub struct Opened {
    /// Every operation.
    pub hub: Hub,
    /// The writes that run to their end. Close it and wait for it before the process ends.
    pub tasks: TaskTracker,
    /// What was done to bring the database up to date.
    pub migrated: Migrated,
    /// The code that makes the first account from another machine, while there is no account.
    pub setup_code: Option<SetupCode>,
    /// Which database it is.
    pub engine: Engine,
    /// Hold the installation for one server.
    locks: Vec<DataLock>,
}

/// The code that makes the first account from another machine.
pub struct SetupCode {
    /// The code.
    pub code: Secret,
    folder: DataFolder,
}

impl SetupCode {
    /// Waits until there is an account, whoever makes it, and then removes the code's file.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub async fn remove_when_used(self, hub: Hub) -> anyhow::Result<()> {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            // A database that does not answer now is asked again.
            if hub
                .users(&Actor::Worker, "", 1)
                .await
                .is_ok_and(|users| !users.is_empty())
            {
                return self.folder.remove_setup_code();
            }
        }
    }
}

/// What the installation is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A command on what is there, perhaps beside a running server.
    Looking,
    /// A command that may be the first of all.
    Making,
    /// A server, which holds it for itself where it must.
    Serving,
}

impl Opened {
    /// Opens an installation.
    ///
    /// # Errors
    /// When a part does not open, in a sentence that says which; for a server also when another
    /// one holds it.
    pub async fn open(loaded: &Loaded, purpose: Purpose) -> anyhow::Result<Self> {
        let settings = &loaded.settings;
        let folder = match purpose {
            Purpose::Looking => DataFolder::open_existing(&settings.data)?,
            Purpose::Making | Purpose::Serving => DataFolder::open(&settings.data)?,
        };
        let url = settings
            .database()
            .unwrap_or_else(|| DatabaseUrl::sqlite(folder.database()));
        let engine = url.engine();
        let locks = match purpose {
            Purpose::Serving if engine == Engine::Sqlite => lock(&folder, &url)?,
            Purpose::Serving | Purpose::Looking | Purpose::Making => Vec::new(),
        };
        let catalog = open_catalog(settings, url).await?;
        let migrated = catalog.migrate().await?;
        if catalog.read().await?.restoring().await?.is_some() {
            bail!(
                "a restore into this installation was interrupted: run `cumuli restore` again, it goes on; or empty \
                 the database to begin anew"
            );
        }
        let has_users = catalog.read().await?.has_users().await?;
        let setup_code = match purpose {
            Purpose::Serving if has_users => {
                folder.remove_setup_code()?;
                None
            }
            Purpose::Serving => Some(folder.setup_code()?),
            Purpose::Looking | Purpose::Making => None,
        };
        let content = stores::open(settings, &folder).await?;
        let tasks = TaskTracker::new();
        let mut config = config(loaded);
        config.identity_providers = clouds::identity_providers(settings)?;
        config.link_providers = clouds::link_providers(settings)?;
        config.own_folders = own_folders(settings, &folder);
        config.setup_code_digest = setup_code.as_ref().map(|code| sha256(code.expose()));
        let hub = Hub::open(HubParts {
            catalog,
            content,
            clock: clock(),
            keys: keys(settings, &folder)?,
            vault: vault(settings, &folder)?,
            config,
            tasks: tasks.clone(),
        })
        .await?;
        follow_token_keys(&hub, settings, &folder);
        if purpose == Purpose::Serving {
            finish_rotation(&hub, settings, &folder).await?;
            check_stores(&hub).await?;
        }
        Ok(Self {
            hub,
            tasks,
            migrated,
            setup_code: setup_code.map(|code| SetupCode { code, folder }),
            engine,
            locks,
        })
    }

    /// What was done to bring the database up to date, in a sentence.
    pub fn migrated_sentence(&self) -> String {
        let Migrated { from, to } = self.migrated;
        if from == to {
            format!("the database is up to date (version {to})")
        } else {
            format!("the database went from version {from} to {to}")
        }
    }

    /// Lets the writes that run come to their end, then lets go of the installation.
    pub async fn close(self) {
        self.tasks.close();
        self.tasks.wait().await;
        drop(self.hub);
        drop(self.locks);
    }
}

/// An installation that is to be restored: nothing was migrated or made yet.
pub struct ToRestore {
    /// Rows and bytes.
    pub parts: RestoreParts,
    /// Hold the installation for one restore.
    _locks: Vec<DataLock>,
}

impl ToRestore {
    /// Opens an installation that is to be restored, and makes its folder. Takes over the secrets of a backup
    /// before anything is sealed with others.
    ///
    /// # Errors
    /// When a part does not open, in a sentence that says which, a server runs here, or something is stored here.
    pub async fn open(loaded: &Loaded, backup: Option<&Path>) -> anyhow::Result<Self> {
        let settings = &loaded.settings;
        let folder = DataFolder::open(&settings.data)?;
        let url = settings
            .database()
            .unwrap_or_else(|| DatabaseUrl::sqlite(folder.database()));
        let locks = lock(&folder, &url)?;
        let catalog = open_catalog(settings, url).await?;
        hub::check_restorable(&catalog).await?;
        if let Some(backup) = backup {
            folder.take_secrets_from(backup)?;
        }
        let parts = RestoreParts {
            catalog,
            content: stores::open(settings, &folder).await?,
            clock: clock(),
        };
        Ok(Self { parts, _locks: locks })
    }
}

/// The time of this machine.
pub fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}

/// A database file elsewhere is held too: two folders of contents with one database, or one folder
/// with two databases, would each sweep what the other stored.
fn lock(folder: &DataFolder, url: &DatabaseUrl) -> anyhow::Result<Vec<DataLock>> {
    let mut locks = vec![folder.lock()?];
    if let Some(path) = url.path() {
        let home = path.parent().filter(|home| !home.as_os_str().is_empty());
        let home = fs::canonicalize(home.unwrap_or(Path::new(".")))
            .with_context(|| format!("the folder of the database {} cannot be opened", path.display()))?;
        if home != folder.path() {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(".lock");
            locks.push(DataLock::take(&home.join(name))?);
        }
    }
    Ok(locks)
}

async fn open_catalog(settings: &Settings, url: DatabaseUrl) -> anyhow::Result<Catalog> {
    let durability = if settings.unsafe_no_flush {
        catalog::Durability::UnsafeNone
    } else {
        catalog::Durability::Full
    };
    let options = catalog::Options {
        durability,
        ..catalog::Options::new(url)
    };
    Ok(Catalog::open(options).await?)
}

/// Tries the stores out that are needed, and takes hold of them.
async fn check_stores(hub: &Hub) -> anyhow::Result<()> {
    let default = hub.follow_moves().await?;
    let probe = hub.probe_store(&default).await;
    let probe = probe.with_context(|| format!("the store `{default}` cannot be used"))?;
    for advice in probe.advice {
        tracing::warn!(store = default, "{advice}");
    }
    hub.claim_store(&default)
        .await
        .with_context(|| format!("the store `{default}` cannot be used"))?;
    if default != hub.first_store() {
        tracing::warn!(
            "new contents go to the store `{default}` since those of `{}` were moved there: set STORAGE_BACKEND to it",
            hub.first_store()
        );
    }
    for store in hub
        .stores_in_use()
        .await?
        .into_iter()
        .filter(|store| *store != default)
    {
        let used = match hub.probe_store(&store).await {
            Ok(_) => hub.claim_store(&store).await,
            Err(error) => Err(error),
        };
        if let Err(error) = used {
            let error = anyhow::Error::from(error);
            tracing::error!("the store `{store}`, which holds contents, cannot be used: {error:#}");
        }
    }
    Ok(())
}

fn keys(settings: &Settings, folder: &DataFolder) -> anyhow::Result<Keys> {
    let secret = match &settings.secret_key {
        Some(secret) => secret.clone(),
        None => folder.secret("secret")?,
    };
    Ok(Keys::derive(secret.expose().as_bytes()))
}

/// The keys that credentials of connections are sealed with: the present one first.
fn vault(settings: &Settings, folder: &DataFolder) -> anyhow::Result<Keyring> {
    let given = settings.token_key.iter().cloned();
    let mut secrets: Vec<Secret> = given
        .chain(settings.old_token_keys.iter().flatten().cloned())
        .collect();
    let generated = match settings.token_key {
        Some(_) => folder.token_keys_there()?,
        None => folder.token_keys()?,
    };
    // Without a given key the generated one is the present one.
    let at = usize::from(settings.token_key.is_some()) * secrets.len();
    secrets.splice(at..at, generated);
    let secrets = secrets.iter().map(|secret| secret.expose().as_bytes());
    Keyring::new(secrets).context("there is no key for credentials")
}

/// Lets a server learn of a key that `cumuli token-key rotate` makes beside it.
fn follow_token_keys(hub: &Hub, settings: &Settings, folder: &DataFolder) {
    if settings.token_key.is_some() {
        return;
    }
    let old: Vec<Secret> = settings.old_token_keys.iter().flatten().cloned().collect();
    let folder = folder.clone();
    hub.follow_token_keys(Arc::new(move || {
        let generated = folder.token_keys_there().ok().filter(|keys| !keys.is_empty())?;
        let secrets = generated
            .iter()
            .chain(&old)
            .map(|secret| secret.expose().as_bytes());
        Keyring::new(secrets)
    }));
}

/// Ends a change of the generated key that was made while a server ran: nobody seals with the earlier one any more.
async fn finish_rotation(hub: &Hub, settings: &Settings, folder: &DataFolder) -> anyhow::Result<()> {
    if settings.token_key.is_some() || !folder.has_earlier_token_key() {
        return Ok(());
    }
    let rotated = hub.rotate_token_key().await?;
    folder.remove_earlier_token_key()?;
    tracing::info!(
        sealed = rotated.sealed,
        "the earlier key of linked accounts is removed; nothing is sealed with it any more"
    );
    Ok(())
}

/// Folders that hold this installation, which nobody connects.
fn own_folders(settings: &Settings, folder: &DataFolder) -> Vec<PathBuf> {
    vec![folder.path().to_owned(), settings.content_folder(folder.path())]
}

fn config(loaded: &Loaded) -> Config {
    let settings = &loaded.settings;
    let secs = |span: Duration| span.as_secs();
    Config {
        signup: match settings.signup_mode() {
            Signup::Open => SignupMode::Open,
            Signup::Invite => SignupMode::Invite,
            Signup::Closed => SignupMode::Closed,
        },
        access_secs: settings.access_token_expire_minutes * 60,
        session_secs: u32::try_from(secs(settings.refresh_token_expire)).unwrap_or(u32::MAX),
        hashing_at_once: std::thread::available_parallelism().map_or(1, usize::from),
        file_bytes: settings.max_file_bytes,
        quota_bytes: settings.default_quota_bytes,
        inline_bytes: settings.inline_bytes,
        keep_versions: settings.keep_versions,
        keep_versions_secs: settings.keep_versions_for.map(secs),
        keep_trash_secs: settings.keep_trash_for.map(secs),
        sweep_grace_secs: secs(settings.sweep_grace),
        upload_secs: secs(settings.upload_expiry),
        scrub_secs: settings.scrub_every.map(secs),
        scrub_bytes_per_sec: settings.scrub_rate,
        signed_secs: u32::try_from(secs(settings.signed_url_expiry)).unwrap_or(u32::MAX),
        direct_downloads: settings.direct_downloads,
        archive_secs: settings.archive_every.map(secs),
        provider_settings: loaded.clouds(),
        reach: settings.outbound.clone(),
        directory_roots: settings.directory_roots.clone(),
        public_url: settings.home(),
        frontend_url: settings.frontend_url.clone(),
        ..Config::default()
    }
}

fn sha256(text: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}
