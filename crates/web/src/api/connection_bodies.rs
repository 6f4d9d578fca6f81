//! Connections to be made with keys or a path, as requests tell them.

use hub::{Bucket, Credentials, Endpoint, NewConnection};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::{self, ApiError, Problem};

/// A connection to be made.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum ConnectionBody {
    /// A bucket at S3 or a service like it.
    S3(BucketBody),
    /// A bucket at Backblaze B2.
    B2(BucketBody),
    /// A container at Azure Blob Storage.
    Azure(AzureBody),
    /// A folder of the server. Administrators only.
    Directory(DirectoryBody),
    /// A WebDAV server.
    Webdav(WebdavBody),
}

/// A bucket and its key.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BucketBody {
    /// What it is called; the bucket's name when left out.
    #[serde(default)]
    label: Option<String>,
    /// `true` makes it the server's rather than yours. Administrators only.
    #[serde(default)]
    server: Option<bool>,
    /// The bucket.
    #[schema(example = "photos")]
    bucket: String,
    /// The region that requests are signed for.
    #[serde(default)]
    #[schema(example = "eu-central-1")]
    region: Option<String>,
    /// The service's address, when it is not Amazon's.
    #[serde(default)]
    #[schema(example = "https://s3.example.org")]
    endpoint: Option<String>,
    /// What all names begin with.
    #[serde(default)]
    #[schema(example = "team/")]
    prefix: Option<String>,
    /// `true` names the bucket in the path, `false` in the host.
    #[serde(default)]
    path_style: Option<bool>,
    /// The key's id.
    access_key: String,
    /// The key.
    secret_key: String,
}

/// A container and what opens it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AzureBody {
    /// What it is called; the container's name when left out.
    #[serde(default)]
    label: Option<String>,
    /// `true` makes it the server's rather than yours. Administrators only.
    #[serde(default)]
    server: Option<bool>,
    /// The storage account's connection string.
    connection_string: String,
    /// The container.
    #[schema(example = "documents")]
    container: String,
    /// What all names begin with.
    #[serde(default)]
    prefix: Option<String>,
}

/// A folder of the server.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DirectoryBody {
    /// What it is called; its path when left out.
    #[serde(default)]
    label: Option<String>,
    /// `false` makes it yours rather than the server's.
    #[serde(default)]
    server: Option<bool>,
    /// Its path, below one of `CUMULI_DIRECTORY_ROOTS`.
    #[schema(example = "/srv/shared")]
    path: String,
    /// `true` writes nothing there.
    #[serde(default)]
    read_only: Option<bool>,
}

/// A WebDAV server and a password for it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebdavBody {
    /// What it is called; its address when left out.
    #[serde(default)]
    label: Option<String>,
    /// `true` makes it the server's rather than yours. Administrators only.
    #[serde(default)]
    server: Option<bool>,
    /// The folder's address.
    #[schema(example = "https://cloud.example.org/remote.php/dav/files/ada")]
    url: String,
    /// Who signs in there.
    #[serde(default)]
    user: Option<String>,
    /// Their password, or an app password.
    #[serde(default)]
    password: Option<String>,
}

impl ConnectionBody {
    /// Checked as far as can be told without trying.
    pub(crate) fn read(self) -> Result<NewConnection, ApiError> {
        let (endpoint, credentials, label, is_servers) = match self {
            Self::S3(body) => {
                let (bucket, rest) = body.read()?;
                (Endpoint::S3(bucket), rest.0, rest.1, rest.2)
            }
            Self::B2(body) => {
                let (bucket, rest) = body.read()?;
                (Endpoint::B2(bucket), rest.0, rest.1, rest.2)
            }
            Self::Azure(body) => (
                Endpoint::Azure {
                    container: filled("container", body.container)?,
                    prefix: body.prefix.unwrap_or_default(),
                },
                Credentials::Secret(filled("connection_string", body.connection_string)?),
                body.label,
                body.server.unwrap_or(false),
            ),
            Self::Directory(body) => (
                Endpoint::Directory {
                    path: filled("path", body.path)?,
                    is_read_only: body.read_only.unwrap_or(false),
                },
                Credentials::None,
                body.label,
                body.server.unwrap_or(true),
            ),
            Self::Webdav(body) => (
                Endpoint::Webdav {
                    url: filled("url", body.url)?,
                    user: body.user.unwrap_or_default(),
                },
                match body.password {
                    Some(password) if !password.is_empty() => Credentials::Secret(password),
                    _ => Credentials::None,
                },
                body.label,
                body.server.unwrap_or(false),
            ),
        };
        Ok(NewConnection {
            endpoint,
            credentials,
            label: label.unwrap_or_default(),
            is_servers,
        })
    }
}

/// What a bucket's request tells besides: what opens it, its label, whether it is the server's.
type Rest = (Credentials, Option<String>, bool);

impl BucketBody {
    fn read(self) -> Result<(Bucket, Rest), ApiError> {
        let bucket = Bucket {
            bucket: filled("bucket", self.bucket)?,
            region: self.region.filter(|region| !region.is_empty()),
            endpoint: self.endpoint.filter(|endpoint| !endpoint.is_empty()),
            prefix: self.prefix.unwrap_or_default(),
            path_style: self.path_style,
            access_key: filled("access_key", self.access_key)?,
        };
        let credentials = Credentials::Secret(filled("secret_key", self.secret_key)?);
        Ok((bucket, (credentials, self.label, self.server.unwrap_or(false))))
    }
}

fn filled(field: &'static str, text: String) -> Result<String, ApiError> {
    if text.trim().is_empty() || text.len() > 8192 {
        let detail = "it must not be empty, nor longer than 8192 bytes";
        return Err(Problem::new(problem::INVALID, format!("`{field}`: {detail}"))
            .field(field, detail)
            .into());
    }
    Ok(text)
}
