//! Settings: flags over environment over `.env` over `cumuli.toml` over defaults.
//!
//! A setting is one entry of the table in `table.rs`. Everything wrong is told at once, in
//! sentences that name the setting, where it came from and an example that is right.

mod database;
mod flags;
mod kinds;
mod print;
mod secret;
mod sources;
mod table;
mod values;
mod wrong;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use catalog::DatabaseUrl;

pub use flags::{AllFlags, PlaceFlags};
pub use kinds::{Bucket, LogFormat, Signup, Stage, StoreSpec};
pub use print::{markdown, sample};
pub use secret::Secret;
pub use sources::Sources;
pub use table::{Settings, TABLE};
pub use values::Values;
pub use wrong::SettingsError;

use kinds::Secrecy;
use table::row;

/// Settings that were read, and what was said where.
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The texts that were given, for listings.
    values: Values,
}

impl Loaded {
    /// Reads and checks all settings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(sources: Sources) -> Result<Self, SettingsError> {
        let mut values = sources.read();
        let settings = Settings::read(&mut values);
        if let Some(settings) = &settings {
            check_together(settings, &mut values);
        }
        match settings {
            Some(settings) if values.wrongs.is_empty() => Ok(Self { settings, values }),
            _ => Err(SettingsError(values.wrongs)),
        }
    }

    /// What was given, as name, shown text and where from; secrets are masked.
    pub fn given(&self) -> Vec<(&'static str, String, String)> {
        let mut given = Vec::new();
        for row in TABLE {
            let Some(value) = self.values.get(row.name) else {
                continue;
            };
            let shown = match row.secrecy {
                Secrecy::Shown => value.text.clone(),
                Secrecy::Masked | Secrecy::Hidden => "***".to_owned(),
            };
            given.push((row.name, shown, value.origin.to_string()));
        }
        given
    }

    /// Names of the settings of clouds that were given.
    pub fn clouds(&self) -> Vec<String> {
        let of_clouds = connectors::KINDS.iter().flat_map(|kind| kind.settings);
        of_clouds
            .filter(|name| self.values.get(name).is_some())
            .map(|name| (*name).to_owned())
            .collect()
    }

    /// What an operator should know about settings that are allowed and yet unwise, or without an
    /// effect.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let settings = &self.settings;
        if settings.unsafe_no_flush {
            warnings.push(
                "CUMULI_UNSAFE_NO_FLUSH is on: a power cut loses what was acknowledged; never use it for \
                 files that matter"
                    .to_owned(),
            );
        }
        let is_far = !settings.listen.ip().to_canonical().is_loopback();
        let is_proxied = !settings.trusted_proxies.is_empty();
        let is_secured = settings
            .public_url
            .as_deref()
            .is_some_and(|url| url.starts_with("https:"));
        if is_far && !is_proxied && !is_secured {
            warnings.push(format!(
                "the server listens on {} without encryption: put a proxy with HTTPS in front of it and set \
                 CUMULI_TRUSTED_PROXIES and CUMULI_PUBLIC_URL",
                settings.listen
            ));
        }
        for (store, bucket, keys) in [
            (
                "s3",
                "S3_BUCKET_NAME",
                &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"][..],
            ),
            (
                "b2",
                "B2_BUCKET",
                &["B2_ENDPOINT", "B2_ACCESS_KEY", "B2_SECRET_KEY"][..],
            ),
        ] {
            let is_missing = |name: &&&str| self.values.get(name).is_none();
            let missing: Vec<&str> = keys.iter().filter(is_missing).copied().collect();
            if self.values.get(bucket).is_some() && !missing.is_empty() {
                warnings.push(format!(
                    "there is no store `{store}`: set {}",
                    missing.join(" and ")
                ));
            }
        }
        warnings.extend(settings.half_linked());
        if settings.oidc_issuer.is_some() && settings.oidc_redirect().is_none() {
            warnings
                .push("browsers cannot sign in with CUMULI_OIDC_ISSUER: set CUMULI_PUBLIC_URL".to_owned());
        }
        warnings
    }
}

impl Settings {
    /// Whether people rely on this server.
    pub fn is_production(&self) -> bool {
        self.env == Stage::Production
    }

    /// Who may register.
    pub fn signup_mode(&self) -> Signup {
        self.signup.unwrap_or(if self.is_production() {
            Signup::Invite
        } else {
            Signup::Open
        })
    }

    /// How log lines look.
    pub fn log_style(&self) -> LogFormat {
        self.log_format.unwrap_or(if self.is_production() {
            LogFormat::Json
        } else {
            LogFormat::Text
        })
    }

    /// Where the database is; `None` means SQLite in the data folder.
    pub fn database(&self) -> Option<DatabaseUrl> {
        if self.database_url.is_some() {
            return self.database_url.clone();
        }
        let parts = database::Parts {
            host: self.db_host.as_deref()?,
            port: self.db_port,
            user: &self.db_user,
            password: self.db_password.as_ref().map(Secret::expose),
            database: &self.db_database,
        };
        Some(parts.url().parse().expect("every part of it is escaped"))
    }

    /// The address that people know this server by; `None` where nothing tells it.
    pub fn home(&self) -> Option<String> {
        let is_here = self.listen.ip().to_canonical().is_loopback() && self.listen.port() != 0;
        // Not 127.0.0.1, which Microsoft does not take.
        let here = is_here.then(|| format!("http://localhost:{}", self.listen.port()));
        self.public_url.clone().or(here)
    }

    /// Where Google sends browsers back to; `None` if they cannot sign in with Google.
    pub fn google_redirect(&self) -> Option<String> {
        self.google_client_id.as_ref()?;
        self.google_client_secret.as_ref()?;
        let given = self.google_redirect_uri.clone();
        given.or_else(|| Some(format!("{}/auth/google/callback", self.home()?)))
    }

    /// Where Microsoft sends browsers back to; `None` if they cannot sign in with Microsoft.
    pub fn onedrive_redirect(&self) -> Option<String> {
        self.onedrive_client_id.as_ref()?;
        self.onedrive_client_secret.as_ref()?;
        let given = self.onedrive_redirect_uri.clone();
        given.or_else(|| Some(format!("{}/auth/onedrive/callback", self.home()?)))
    }

    /// What is missing where a part of a provider's settings was given, in sentences.
    fn half_linked(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.google_client_secret.is_some() && self.google_redirect().is_none() {
            sentences.push(
                "browsers cannot sign in with Google: set GOOGLE_CLIENT_ID, and GOOGLE_REDIRECT_URI or \
                 CUMULI_PUBLIC_URL",
            );
        }
        let (id, secret) = (&self.onedrive_client_id, &self.onedrive_client_secret);
        if (id.is_some() || secret.is_some()) && self.onedrive_redirect().is_none() {
            sentences.push(
                "OneDrive is not offered: set ONEDRIVE_CLIENT_ID, ONEDRIVE_CLIENT_SECRET, and ONEDRIVE_REDIRECT_URI \
                 or CUMULI_PUBLIC_URL",
            );
        }
        let missing = self.directory_roots.iter().filter(|root| !root.is_dir());
        let mut sentences: Vec<String> = sentences.into_iter().map(ToOwned::to_owned).collect();
        sentences.extend(missing.map(|root| {
            format!(
                "there is no folder {} now, which CUMULI_DIRECTORY_ROOTS names",
                root.display()
            )
        }));
        sentences
    }

    /// Where the other provider sends browsers back to; `None` if they cannot sign in with it.
    pub fn oidc_redirect(&self) -> Option<String> {
        self.oidc_client_id.as_ref()?;
        Some(format!("{}/auth/oidc/callback", self.public_url.as_ref()?))
    }

    /// What the store for new contents still needs, in a sentence.
    fn missing_store(&self) -> Option<String> {
        let s3 = self.s3_bucket.is_some() && self.s3_access_key.is_some() && self.s3_secret_key.is_some();
        let b2 = self.b2_bucket.is_some() && self.b2_endpoint.is_some();
        let b2 = b2 && self.b2_access_key.is_some() && self.b2_secret_key.is_some();
        let (is_there, needs) = match self.storage_backend.as_str() {
            "local" => (true, ""),
            "s3" => (s3, "S3_BUCKET_NAME, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
            "b2" => (b2, "B2_BUCKET, B2_ENDPOINT, B2_ACCESS_KEY and B2_SECRET_KEY"),
            "azure" => (self.azure_connection.is_some(), "AZURE_STORAGE_CONNECTION_STRING"),
            "gcs" => (
                self.gcs_bucket.is_some(),
                "CUMULI_GCS_BUCKET, and GOOGLE_APPLICATION_CREDENTIALS",
            ),
            name => {
                let is_named = self.stores.iter().flatten().any(|store| store.name == name);
                let missing = || format!("there is no store `{name}` in CUMULI_STORES");
                return (!is_named).then(missing);
            }
        };
        (!is_there).then(|| format!("for the store `{}` set {needs}", self.storage_backend))
    }

    /// The folder for contents, `content` in the data folder unless it was given.
    pub fn content_folder(&self, data_folder: &Path) -> PathBuf {
        self.upload_folder
            .clone()
            .unwrap_or_else(|| data_folder.join("content"))
    }
}

/// Parses a quota as the command line gives it.
///
/// # Errors
/// What is wrong with it.
pub fn parse_quota(text: &str) -> Result<u64, String> {
    (kinds::QUOTA.parse)(text)
}

/// Notes settings that are right by themselves and wrong together.
fn check_together(settings: &Settings, values: &mut Values) {
    const PARTS: [&str; 5] = [
        "CUMULI_DB_HOST",
        "CUMULI_DB_PORT",
        "CUMULI_DB_USER",
        "CUMULI_DB_PASSWORD",
        "CUMULI_DB_DATABASE",
    ];
    for name in PARTS
        .into_iter()
        .filter(|name| values.get(name).is_some())
        .collect::<Vec<_>>()
    {
        if settings.database_url.is_some() {
            values.complain(name, "DATABASE_URL is given too: give one or the other");
        } else if settings.db_host.is_none() {
            values.complain(name, "it needs CUMULI_DB_HOST beside it");
        }
    }
    for (name, other) in [
        ("CUMULI_OIDC_ISSUER", "CUMULI_OIDC_CLIENT_ID"),
        ("CUMULI_OIDC_CLIENT_ID", "CUMULI_OIDC_ISSUER"),
        ("CUMULI_OIDC_CLIENT_SECRET", "CUMULI_OIDC_ISSUER"),
    ] {
        if values.get(name).is_some() && values.get(other).is_none() {
            values.complain(name, &format!("it needs {other} beside it"));
        }
    }
    if let Some(missing) = settings.missing_store() {
        values.complain("STORAGE_BACKEND", &missing);
    }
    if !settings.seal_stores.is_empty() && settings.seal_keys.is_none() {
        values.complain("CUMULI_SEAL_STORES", "it needs CUMULI_SEAL_KEYS beside it");
    }
    if settings.metrics_listen == Some(settings.listen) && settings.listen.port() != 0 {
        values.complain("CUMULI_METRICS_LISTEN", "it is the address of CUMULI_LISTEN");
    }
    if !settings.is_production() {
        return;
    }
    if settings.unsafe_no_flush {
        values.complain(
            "CUMULI_UNSAFE_NO_FLUSH",
            "it is for benchmarks, not for ENV=production",
        );
    }
    for name in ["SECRET_KEY", "TOKEN_ENCRYPTION_KEY", "CUMULI_METRICS_TOKEN"] {
        if values
            .get(name)
            .is_some_and(|given| is_placeholder(name, &given.text))
        {
            values.complain(name, "it is the placeholder of an example, which everybody knows");
        }
    }
}

/// Whether a secret is what examples print where a secret belongs.
fn is_placeholder(name: &str, secret: &str) -> bool {
    let folded = secret.to_ascii_lowercase().replace('_', "-");
    let starts = ["your-", "change-this", "change-me", "changeme", "<", "example"];
    starts.iter().any(|start| folded.starts_with(start)) || row(name).is_some_and(|row| row.example == secret)
}
