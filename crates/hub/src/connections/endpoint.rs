//! Where a connection leads and what opens it, as the catalog keeps both.

use model::Millis;
use serde::{Deserialize, Serialize};

/// Where a connection leads. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Endpoint {
    /// A Google Drive.
    Google,
    /// A OneDrive.
    OneDrive,
    /// A bucket at S3 or a service like it.
    S3(Bucket),
    /// A bucket at Backblaze B2.
    B2(Bucket),
    /// A container at Azure Blob Storage.
    Azure {
        /// The container.
        container: String,
        /// What all names begin with.
        #[serde(default)]
        prefix: String,
    },
    /// A folder on the server.
    Directory {
        /// Its path.
        path: String,
        /// Nothing is written there.
        #[serde(default)]
        is_read_only: bool,
    },
    /// A folder at a WebDAV server.
    Webdav {
        /// Its address.
        url: String,
        /// Whose.
        user: String,
    },
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name.
    pub bucket: String,
    /// The region that requests are signed for.
    #[serde(default)]
    pub region: Option<String>,
    /// The service's address; `None` is the provider's own.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// What all names begin with.
    #[serde(default)]
    pub prefix: String,
    /// Whether the bucket is part of the path rather than of the host; `None`: where the address is the service's own.
    #[serde(default)]
    pub path_style: Option<bool>,
    /// The name of the key.
    pub access_key: String,
}

/// What opens a connection. Sealed at rest; never shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Credentials {
    /// Tokens of an account.
    Tokens(StoredTokens),
    /// A secret key, a password or a connection string.
    Secret(String),
    /// Nothing is needed.
    None,
}

/// Tokens of an account.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StoredTokens {
    /// What gives access tokens; empty when there is none.
    pub refresh: String,
    /// The refresh token before, in case the present one was lost on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// The access token.
    #[serde(default)]
    pub access: String,
    /// When it ends.
    #[serde(default)]
    pub expires_ms: Millis,
    /// The application that the tokens were given to, when it is not the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<OwnClient>,
}

/// An application at a provider that is not the server's.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnClient {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(***)")
    }
}

impl std::fmt::Debug for StoredTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StoredTokens(***)")
    }
}

impl std::fmt::Debug for OwnClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OwnClient(***)")
    }
}

impl Endpoint {
    /// The provider's name.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::OneDrive => "onedrive",
            Self::S3(_) => "s3",
            Self::B2(_) => "b2",
            Self::Azure { .. } => "azure",
            Self::Directory { .. } => "directory",
            Self::Webdav { .. } => "webdav",
        }
    }
}
