//! The one table of settings. A setting is one entry here: its documents, its flag and its key in
//! `cumuli.toml` are printed from the entry.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use catalog::DatabaseUrl;
use hub::Reach;
use model::Millis;
use web::Network;

use super::kinds::{self, Kind, LogFormat, NamedStore, Secrecy, Signup, Stage};
use super::secret::Secret;
use super::values::Values;

/// What one setting is, for the documents, the flags and the checks.
pub struct Row {
    /// Its name in the environment.
    pub name: &'static str,
    /// The heading under which the documents list it.
    pub group: &'static str,
    /// What it does, in one or two sentences.
    pub doc: &'static [&'static str],
    /// What holds when it is not given.
    pub fallback: Fallback,
    /// A text that is right.
    pub example: &'static str,
    /// What its text is, in a few words.
    pub form: &'static str,
    /// Whether its text may be shown.
    pub secrecy: Secrecy,
    /// Says what is wrong with a text.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "tests hold every default and example against it")
    )]
    pub check: fn(&str) -> Result<(), String>,
}

/// What holds when a setting is not given.
#[derive(Debug, Clone, Copy)]
pub enum Fallback {
    /// This text, as if it had been given.
    Text(&'static str),
    /// Nothing; the words say what that means.
    Unset(&'static str),
}

impl Row {
    /// Its key in `cumuli.toml`, such as `listen` for `CUMULI_LISTEN`.
    pub fn key(&self) -> String {
        let name = self.name.strip_prefix("CUMULI_").unwrap_or(self.name);
        name.to_ascii_lowercase()
    }

    /// Its flag without the dashes, such as `public-url`; none for a secret, which everybody on
    /// the machine could read in the list of processes.
    pub fn flag(&self) -> Option<String> {
        let key = self.key().replace('_', "-");
        match self.secrecy {
            Secrecy::Shown | Secrecy::Masked => Some(key),
            Secrecy::Hidden => Some(format!("{key}-file")),
        }
    }

    /// Its default for a person: the text, or words.
    pub fn default_words(&self) -> &'static str {
        match self.fallback {
            Fallback::Text("") => "none",
            Fallback::Text(text) | Fallback::Unset(text) => text,
        }
    }

    /// What it does, in one line.
    pub fn sentence(&self) -> String {
        let lines: Vec<&str> = self.doc.iter().map(|line| line.trim()).collect();
        lines.join(" ")
    }
}

/// The setting of this name.
pub fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

macro_rules! fallback {
    (default $text:literal) => {
        Fallback::Text($text)
    };
    (unset $words:literal) => {
        Fallback::Unset($words)
    };
}

macro_rules! read {
    ($values:ident, $name:literal, $kind:expr, default $text:literal) => {
        $values.read_or($name, &$kind, $text)
    };
    ($values:ident, $name:literal, $kind:expr, unset $words:literal) => {
        $values.read($name, &$kind)
    };
}

const fn row_of<T>(
    (name, group, doc): (&'static str, &'static str, &'static [&'static str]),
    (fallback, example): (Fallback, &'static str),
    kind: &Kind<T>,
    check: fn(&str) -> Result<(), String>,
) -> Row {
    Row {
        name,
        group,
        doc,
        fallback,
        example,
        form: kind.form,
        secrecy: kind.secrecy,
        check,
    }
}

macro_rules! settings {
    (
        $($group:literal {$(
            $(#[doc = $doc:literal])+
            $field:ident: $type:ty = $name:literal, $kind:expr, $when:ident $text:literal, $example:literal;
        )*})*
    ) => {
        /// All settings, checked. See [`TABLE`] for what each means when it is not given.
        #[derive(Debug)]
        pub struct Settings {$($(
            $(#[doc = $doc])+
            pub $field: $type,
        )*)*}

        /// Every setting, in the order of the documents.
        pub static TABLE: &[Row] = &[
            $($(row_of(
                ($name, $group, &[$($doc),+]),
                (fallback!($when $text), $example),
                &$kind,
                |text| ($kind.parse)(text).map(drop),
            ),)*)*
        ];

        impl Settings {
            /// Reads every setting; `values` notes what is wrong. `None` if anything was.
            pub(super) fn read(values: &mut Values) -> Option<Self> {
                $($(let $field = read!(values, $name, $kind, $when $text);)*)*
                Some(Self {$($($field: $field?,)*)*})
            }
        }
    };
}

settings! {
    "Server" {
        /// The address and port to listen on. `127.0.0.1` is this machine alone, `0.0.0.0` every
        /// network; port `0` takes a free one.
        listen: SocketAddr = "CUMULI_LISTEN", kinds::ADDRESS, default "127.0.0.1:8000", "0.0.0.0:8000";
        /// The address that people type, with its scheme. Links are made from it; where it is `https` and public,
        /// Google and Microsoft tell of changes there.
        public_url: Option<String> = "CUMULI_PUBLIC_URL", kinds::ORIGIN,
            unset "the address of each request", "https://drive.example.org";
        /// What the server is for. `production` closes sign-up to invitations, writes logs as JSON
        /// and refuses secrets from examples.
        env: Stage = "ENV", kinds::STAGE, default "development", "production";
        /// Networks of reverse proxies whose `X-Forwarded-*` headers are believed.
        trusted_proxies: Vec<Network> = "CUMULI_TRUSTED_PROXIES", kinds::NETWORKS,
            default "", "127.0.0.1, 10.0.0.0/8";
        /// Web pages of other origins that may call the API from a browser; `*` allows any.
        cors_origins: Vec<String> = "CORS_ORIGINS", kinds::ORIGINS,
            default "", "http://localhost:3000,https://app.example.org";
        /// Connections at a time; further ones are told to come back.
        max_connections: u32 = "CUMULI_MAX_CONNECTIONS", kinds::CONNECTIONS, default "16384", "4096";
        /// Connections at a time from one address (IPv6: one /64). Trusted proxies have no limit.
        max_connections_per_address: u32 = "CUMULI_MAX_CONNECTIONS_PER_ADDRESS", kinds::CONNECTIONS,
            default "256", "64";
        /// How long a shutdown waits for running requests before it cuts them.
        drain_timeout: Duration = "CUMULI_DRAIN_TIMEOUT", kinds::DRAIN, default "30s", "2m";
        /// Serves the page from this folder rather than from the program, for work on the page.
        page_dir: Option<PathBuf> = "CUMULI_PAGE_DIR", kinds::FOLDER,
            unset "the page in the program", ".";
    }
    "Storage" {
        /// The folder with everything that is kept: database, contents and generated secrets.
        data: PathBuf = "CUMULI_DATA", kinds::PATH, default "./cumuli-data", "/var/lib/cumuli";
        /// The database. SQLite needs nothing else; PostgreSQL serves many nodes at once.
        database_url: Option<DatabaseUrl> = "DATABASE_URL", kinds::DATABASE,
            unset "SQLite in the data folder", "postgresql://cumuli:password@db.example.org/cumuli";
        /// Host of the PostgreSQL server, if `DATABASE_URL` is not given.
        db_host: Option<String> = "CUMULI_DB_HOST", kinds::TEXT, unset "none", "db.example.org";
        /// Port of the PostgreSQL server at `CUMULI_DB_HOST`.
        db_port: u16 = "CUMULI_DB_PORT", kinds::PORT, default "5432", "5432";
        /// User at the PostgreSQL server at `CUMULI_DB_HOST`.
        db_user: String = "CUMULI_DB_USER", kinds::TEXT, default "cumuli", "cumuli";
        /// Password of `CUMULI_DB_USER`.
        db_password: Option<Secret> = "CUMULI_DB_PASSWORD", kinds::GIVEN_SECRET, unset "none", "correct horse";
        /// Database at the PostgreSQL server at `CUMULI_DB_HOST`.
        db_database: String = "CUMULI_DB_DATABASE", kinds::TEXT, default "cumuli", "cumuli";
        /// The store that new contents go to: `local`, `s3`, `b2`, `azure`, `gcs`, or the name of one in
        /// `CUMULI_STORES`. What the others hold can still be read, and moved by `cumuli store copy`.
        storage_backend: String = "STORAGE_BACKEND", kinds::STORE, default "local", "local";
        /// The folder for contents of the store `local`.
        upload_folder: Option<PathBuf> = "UPLOAD_FOLDER", kinds::PATH,
            unset "`content` in the data folder", "/srv/cumuli/content";
        /// Contents up to this size are kept in the database, where storing them costs one flush.
        inline_bytes: usize = "CUMULI_INLINE_BYTES", kinds::INLINE, default "16KiB", "64KiB";
        /// The largest file.
        max_file_bytes: u64 = "CUMULI_MAX_FILE_BYTES", kinds::BYTES, default "1TiB", "10GiB";
        /// How much a user may store who has no quota of their own.
        default_quota_bytes: Option<u64> = "CUMULI_DEFAULT_QUOTA_BYTES", kinds::BYTES_OR_NONE,
            default "none", "50GiB";
        /// How many versions of a file are kept; `0` keeps all.
        keep_versions: u32 = "CUMULI_KEEP_VERSIONS", kinds::COUNT, default "100", "10";
        /// How long a version is kept after a newer one took its place.
        keep_versions_for: Option<Duration> = "CUMULI_KEEP_VERSIONS_FOR", kinds::DURATION_OR_FOREVER,
            default "forever", "90d";
        /// How long deleted files and folders wait in the trash.
        keep_trash_for: Option<Duration> = "CUMULI_KEEP_TRASH_FOR", kinds::DURATION_OR_FOREVER,
            default "30d", "7d";
        /// How long leftovers of interrupted work are left alone; longer than any upload takes.
        sweep_grace: Duration = "CUMULI_SWEEP_GRACE", kinds::DURATION, default "24h", "48h";
        /// How long an upload that takes more than one request may rest before it is given up.
        upload_expiry: Duration = "CUMULI_UPLOAD_EXPIRY", kinds::DURATION, default "7d", "1d";
        /// How often each stored content is read back and compared with its digest.
        scrub_every: Option<Duration> = "CUMULI_SCRUB_EVERY", kinds::DURATION_OR_FOREVER,
            default "7d", "30d";
        /// How many bytes a second of stored contents are read back for that at the most.
        scrub_rate: Option<u64> = "CUMULI_SCRUB_RATE", kinds::BYTES_OR_NONE, default "64MiB", "8MiB";
        /// How often what changed in the database is written into the store of contents, so that
        /// `cumuli restore --from-store` can rebuild the database from there; `never` turns it off.
        archive_every: Option<Duration> = "CUMULI_ARCHIVE_EVERY", kinds::DURATION_OR_FOREVER,
            default "1m", "never";
        /// Background jobs at a time on this node; `0` leaves them to other nodes.
        workers: u32 = "CUMULI_WORKERS", kinds::WORKERS, default "4", "2";
        /// UNSAFE: acknowledges what is not on the disk yet, so that a power cut loses it. For
        /// benchmarks only; refused in production.
        unsafe_no_flush: bool = "CUMULI_UNSAFE_NO_FLUSH", kinds::BOOL, default "false", "false";
    }
    "Stores" {
        /// Bucket of the store `s3`.
        s3_bucket: Option<String> = "S3_BUCKET_NAME", kinds::TEXT, unset "there is no store `s3`", "my-bucket";
        /// Region of the bucket.
        s3_region: Option<String> = "AWS_REGION", kinds::TEXT, unset "`us-east-1`", "eu-central-1";
        /// Access key id for the bucket.
        s3_access_key: Option<String> = "AWS_ACCESS_KEY_ID", kinds::TEXT, unset "none", "AKIAIOSFODNN7EXAMPLE";
        /// Secret access key for the bucket.
        s3_secret_key: Option<Secret> = "AWS_SECRET_ACCESS_KEY", kinds::GIVEN_SECRET,
            unset "none", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        /// Session token that belongs to a temporary access key.
        s3_session_token: Option<Secret> = "AWS_SESSION_TOKEN", kinds::GIVEN_SECRET, unset "none", "FwoGZXIvYXdzEXAMPLE";
        /// Endpoint of a service that speaks S3.
        s3_endpoint: Option<String> = "CUMULI_S3_ENDPOINT", kinds::BASE_URL,
            unset "Amazon's in the region", "https://minio.example.org";
        /// Endpoint that browsers and apps reach, if it is another; signed addresses are made for it.
        s3_public_endpoint: Option<String> = "CUMULI_S3_PUBLIC_ENDPOINT", kinds::BASE_URL,
            unset "the endpoint", "https://files.example.org";
        /// Whether the bucket stands in the path of an address rather than in its host.
        s3_path_style: Option<bool> = "CUMULI_S3_PATH_STYLE", kinds::BOOL,
            unset "`true` with an endpoint, `false` at Amazon", "true";
        /// What the names of all objects in the bucket begin with.
        s3_prefix: String = "CUMULI_S3_PREFIX", kinds::PREFIX, default "", "cumuli/";
        /// Key id of a Backblaze B2 application key.
        b2_access_key: Option<String> = "B2_ACCESS_KEY", kinds::TEXT, unset "none", "0051f2e3d4c5b6a0000000001";
        /// The Backblaze B2 application key.
        b2_secret_key: Option<Secret> = "B2_SECRET_KEY", kinds::GIVEN_SECRET,
            unset "none", "K005abcdefghijklmnopqrstuvwxyz0";
        /// Bucket of the store `b2`.
        b2_bucket: Option<String> = "B2_BUCKET", kinds::TEXT, unset "there is no store `b2`", "my-bucket";
        /// S3 endpoint of the bucket, as its page at Backblaze shows it.
        b2_endpoint: Option<String> = "B2_ENDPOINT", kinds::BASE_URL,
            unset "none", "https://s3.us-west-004.backblazeb2.com";
        /// What the names of all objects in the bucket begin with.
        b2_prefix: String = "CUMULI_B2_PREFIX", kinds::PREFIX, default "", "cumuli/";
        /// How to reach an Azure storage account.
        azure_connection: Option<Secret> = "AZURE_STORAGE_CONNECTION_STRING", kinds::GIVEN_SECRET,
            unset "Azure is not offered",
            "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=a2V5;EndpointSuffix=core.windows.net";
        /// Container of the store `azure`.
        azure_container: Option<String> = "CUMULI_AZURE_CONTAINER", kinds::TEXT, unset "`cumuli`", "my-container";
        /// Endpoint that browsers and apps reach, if it is another; signed addresses are made for it.
        azure_public_endpoint: Option<String> = "CUMULI_AZURE_PUBLIC_ENDPOINT", kinds::BASE_URL,
            unset "the endpoint", "https://files.example.org";
        /// What the names of all blobs in the container begin with.
        azure_prefix: String = "CUMULI_AZURE_PREFIX", kinds::PREFIX, default "", "cumuli/";
        /// Bucket of the store `gcs`.
        gcs_bucket: Option<String> = "CUMULI_GCS_BUCKET", kinds::TEXT, unset "there is no store `gcs`", "my-bucket";
        /// The file with the key of a Google service account, for the store `gcs`.
        gcs_credentials: Option<PathBuf> = "GOOGLE_APPLICATION_CREDENTIALS", kinds::PATH,
            unset "none: for emulators only", "/etc/cumuli/service-account.json";
        /// Endpoint of Google Cloud Storage, or of an emulator.
        gcs_endpoint: Option<String> = "STORAGE_EMULATOR_HOST", kinds::TEXT,
            unset "`https://storage.googleapis.com`", "http://127.0.0.1:4443";
        /// What the names of all objects in the bucket begin with.
        gcs_prefix: String = "CUMULI_GCS_PREFIX", kinds::PREFIX, default "", "cumuli/";
        /// Further stores, as TOML: a table per store, whose name it gets. docs/operating.md shows it. Better
        /// kept in a file of its own, by `CUMULI_STORES_FILE`.
        stores: Option<Vec<NamedStore>> = "CUMULI_STORES", kinds::STORES, unset "none", "archive = { kind = \"local\", folder = \"/srv/archive\" }";
        /// Stores whose contents are sealed before they get there, since their keeper is not to read them.
        seal_stores: Vec<String> = "CUMULI_SEAL_STORES", kinds::TEXTS, default "", "s3, b2";
        /// The secrets that contents are sealed with, with commas between: the first for what is new, the
        /// others for what is still sealed with them. Without them, sealed contents are lost for good.
        seal_keys: Option<Vec<Secret>> = "CUMULI_SEAL_KEYS", kinds::LONG_SECRETS,
            unset "none", "p8Vx2mQz7Lr4Tc9Yw1nKf6hPj3sGd0aU";
        /// How long a signed address of a download holds unless it is asked for otherwise.
        signed_url_expiry: Duration = "CUMULI_SIGNED_URL_EXPIRY", kinds::SIGNED_SPAN, default "5m", "15m";
        /// Whether downloads are sent on to the store by a signed address where it has them, rather than
        /// streamed through the server.
        direct_downloads: bool = "CUMULI_DIRECT_DOWNLOADS", kinds::BOOL, default "true", "false";
    }
    "Accounts" {
        /// Who may register: anybody, who has an invitation, or nobody.
        signup: Option<Signup> = "CUMULI_SIGNUP", kinds::SIGNUP,
            unset "`open`; `invite` when `ENV=production`", "invite";
        /// The secret that access tokens are signed with.
        secret_key: Option<Secret> = "SECRET_KEY", kinds::LONG_SECRET,
            unset "generated into the data folder", "3vq0Zx9mLr7cT2bYw8nKf4hPj6sGd1aU";
        /// Minutes until an access token has to be renewed.
        access_token_expire_minutes: u32 = "ACCESS_TOKEN_EXPIRE_MINUTES", kinds::MINUTES, default "15", "30";
        /// How long a sign-in lasts.
        refresh_token_expire: Duration = "CUMULI_REFRESH_TOKEN_EXPIRE", kinds::SESSION_SPAN, default "30d", "7d";
    }
    "Signing in with Google or another provider" {
        /// Client id of the Google application, by which people sign in and link their drives.
        google_client_id: Option<String> = "GOOGLE_CLIENT_ID", kinds::TEXT,
            unset "Google is not offered", "1234-abcd.apps.googleusercontent.com";
        /// Client secret of the Google application.
        google_client_secret: Option<Secret> = "GOOGLE_CLIENT_SECRET", kinds::GIVEN_SECRET,
            unset "browsers cannot sign in with Google, and no drive is linked", "GOCSPX-abcdefghijkl";
        /// Where Google sends the browser back to: exactly one of the redirect URIs of the Google
        /// application.
        google_redirect_uri: Option<String> = "GOOGLE_REDIRECT_URI", kinds::URL,
            unset "`/auth/google/callback` below the public URL, or below `http://localhost` for this machine alone",
            "https://drive.example.org/auth/google/callback";
        /// Client ids of own Android, iOS and desktop apps, whose ID tokens are taken too.
        google_native_client_ids: Vec<String> = "CUMULI_GOOGLE_NATIVE_CLIENT_IDS", kinds::TEXTS,
            default "", "1234-android.apps.googleusercontent.com";
        /// Google's issuer; another one for an emulator, whose drives are linked once the next two addresses are
        /// given.
        google_issuer: String = "CUMULI_GOOGLE_ISSUER", kinds::ISSUER,
            default "https://accounts.google.com", "http://127.0.0.1:9001";
        /// URL of Google's page of consent.
        google_auth_url: Option<String> = "CUMULI_GOOGLE_AUTH_URL", kinds::SAFE_URL,
            unset "as the issuer says", "http://127.0.0.1:9001/auth";
        /// URL of Google's token endpoint.
        google_token_url: Option<String> = "CUMULI_GOOGLE_TOKEN_URL", kinds::SAFE_URL,
            unset "as the issuer says", "http://127.0.0.1:9001/token";
        /// URL of Google's signing keys.
        google_jwks_url: Option<String> = "CUMULI_GOOGLE_JWKS_URL", kinds::SAFE_URL,
            unset "as the issuer says", "http://127.0.0.1:9001/certs";
        /// The issuer of another OpenID Connect provider, exactly as its discovery document spells it.
        oidc_issuer: Option<String> = "CUMULI_OIDC_ISSUER", kinds::ISSUER,
            unset "no other provider is offered", "https://id.example.org/realms/main";
        /// Client id at that provider. Its redirect URI is `/auth/oidc/callback` below the public URL.
        oidc_client_id: Option<String> = "CUMULI_OIDC_CLIENT_ID", kinds::TEXT, unset "none", "cumuli";
        /// Client secret at that provider.
        oidc_client_secret: Option<Secret> = "CUMULI_OIDC_CLIENT_SECRET", kinds::GIVEN_SECRET,
            unset "a public client", "abcdefghijklmnop";
        /// What people call that provider; the button says "Sign in with" it.
        oidc_name: String = "CUMULI_OIDC_NAME", kinds::TEXT, default "single sign-on", "Example Inc.";
    }
    "Linked clouds" {
        /// Client id of the Microsoft application, by which people sign in and link their drives.
        onedrive_client_id: Option<String> = "ONEDRIVE_CLIENT_ID", kinds::TEXT,
            unset "OneDrive is not offered", "9f1c0f5e-0000-4000-8000-1234567890ab";
        /// Client secret of the Microsoft application.
        onedrive_client_secret: Option<Secret> = "ONEDRIVE_CLIENT_SECRET", kinds::GIVEN_SECRET,
            unset "OneDrive is not offered", "Abc8Q~defghijkl";
        /// The day on which that secret ends, as the Microsoft Entra admin centre shows it. People are told two
        /// weeks before.
        onedrive_secret_ends: Option<Millis> = "ONEDRIVE_CLIENT_SECRET_EXPIRES", kinds::DATE,
            unset "nobody is told", "2027-06-30";
        /// Where Microsoft sends the browser back to: exactly one of the redirect URIs of the Microsoft
        /// application.
        onedrive_redirect_uri: Option<String> = "ONEDRIVE_REDIRECT_URI", kinds::URL,
            unset "`/auth/onedrive/callback` below the public URL, or below `http://localhost` for this machine alone",
            "https://drive.example.org/auth/onedrive/callback";
        /// Whose accounts sign in: `common` (everybody's), `organizations`, `consumers`, or the id or a domain of
        /// one organization.
        onedrive_tenant: String = "ONEDRIVE_TENANT", kinds::TENANT, default "common",
            "72f988bf-0000-4000-8000-2d7cd011db47";
        /// Base URL of Google's APIs; another one for an emulator.
        google_api_url: String = "CUMULI_GOOGLE_API_URL", kinds::SAFE_BASE_URL,
            default "https://www.googleapis.com", "http://127.0.0.1:8090";
        /// Where access is given back to Google.
        google_revoke_url: String = "CUMULI_GOOGLE_REVOKE_URL", kinds::SAFE_URL,
            default "https://oauth2.googleapis.com/revoke", "http://127.0.0.1:8090/revoke";
        /// Base URL of Microsoft Graph; another one for a national cloud or an emulator.
        graph_url: String = "CUMULI_GRAPH_URL", kinds::SAFE_BASE_URL,
            default "https://graph.microsoft.com/v1.0", "https://graph.microsoft.us/v1.0";
        /// Microsoft's issuer. `{tenantid}` stands for the organization: each is an issuer of its own.
        microsoft_issuer: String = "CUMULI_MICROSOFT_ISSUER", kinds::ISSUER,
            default "https://login.microsoftonline.com/{tenantid}/v2.0",
            "https://login.microsoftonline.us/{tenantid}/v2.0";
        /// URL of Microsoft's page of consent.
        microsoft_auth_url: Option<String> = "CUMULI_MICROSOFT_AUTH_URL", kinds::SAFE_URL,
            unset "`/oauth2/v2.0/authorize` of the tenant, at the issuer's host",
            "http://localhost:8091/common/oauth2/v2.0/authorize";
        /// URL of Microsoft's token endpoint.
        microsoft_token_url: Option<String> = "CUMULI_MICROSOFT_TOKEN_URL", kinds::SAFE_URL,
            unset "`/oauth2/v2.0/token` of the tenant, at the issuer's host",
            "http://localhost:8091/common/oauth2/v2.0/token";
        /// URL of Microsoft's signing keys.
        microsoft_jwks_url: Option<String> = "CUMULI_MICROSOFT_JWKS_URL", kinds::SAFE_URL,
            unset "`/discovery/v2.0/keys` of the tenant, at the issuer's host",
            "http://localhost:8091/common/discovery/v2.0/keys";
        /// The secret that credentials of linked accounts are sealed with: a Fernet key, or any 32
        /// characters. Without it what is linked has to be linked anew; `cumuli token-key rotate` replaces it.
        token_key: Option<Secret> = "TOKEN_ENCRYPTION_KEY", kinds::LONG_SECRET,
            unset "generated into the data folder", "hW5tRz8yQe2uXo7iCk3pNs6vBm9aJf4g";
        /// Earlier secrets that credentials may still be sealed with, with commas between, until
        /// `cumuli token-key rotate` has sealed all anew.
        old_token_keys: Option<Vec<Secret>> = "CUMULI_OLD_TOKEN_KEYS", kinds::LONG_SECRETS,
            unset "none", "Qe2uXo7iCk3pNs6vBm9aJf4ghW5tRz8y";
        /// What the addresses that people name may lead to besides the public internet: networks, addresses, and
        /// hosts with or without a port. Everything private is refused unless it is listed here.
        outbound: Reach = "CUMULI_OUTBOUND_ALLOW", kinds::REACH, default "", "10.0.5.0/24, nas.home:5006";
        /// Folders of this server that administrators may connect, with all below them.
        directory_roots: Vec<PathBuf> = "CUMULI_DIRECTORY_ROOTS", kinds::FOLDERS,
            default "", "/srv/media, /mnt/archive";
        /// The address of a page of one's own, to which people may go back after linking when they came from there.
        frontend_url: Option<String> = "FRONTEND_URL", kinds::BASE_URL,
            unset "the server's own page", "https://app.example.org";
    }
    "Watching" {
        /// Which log lines are written, in the words of the `tracing` filter.
        log: String = "CUMULI_LOG", kinds::LOG_FILTER, default "info", "info,hub=debug";
        /// How log lines look. They go to the standard error.
        log_format: Option<LogFormat> = "CUMULI_LOG_FORMAT", kinds::LOG_FORMAT,
            unset "`text`; `json` when `ENV=production`", "json";
        /// An address of its own for `/metrics`, which needs no token there.
        metrics_listen: Option<SocketAddr> = "CUMULI_METRICS_LISTEN", kinds::ADDRESS,
            unset "none", "127.0.0.1:9090";
        /// The bearer token that opens `/metrics` at the main address.
        metrics_token: Option<Secret> = "CUMULI_METRICS_TOKEN", kinds::TOKEN,
            unset "`/metrics` is closed there", "Kp4mWq9zTx2vRb7n";
    }
}
