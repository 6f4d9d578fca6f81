//! `cumuli connection add`: what is connected with keys or a path.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use hub::{Bucket, Credentials, Endpoint, Hub, NewConnection};

use super::super::{password, print};
use super::maker;

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli connection add s3 --bucket my-bucket --access-key AKIA… --region eu-central-1\n  \
    cumuli connection add s3 --bucket b --access-key k --endpoint https://minio.example.org < secret --secret-stdin\n  \
    cumuli connection add b2 --bucket b --access-key 005… --region us-west-004\n  \
    cumuli connection add azure --container files         asks for the connection string\n  \
    cumuli connection add webdav https://cloud.example.org/remote.php/dav/files/me --login me\n  \
    cumuli connection add directory /srv/media --user admin@example.org\n\n\
    The secret key, connection string or password is asked for at the terminal, or read from the standard input \
    (--secret-stdin) or from the variable CONNECTION_SECRET. The connection is tried out before it is made.";

/// Where a secret may come from, besides the terminal and the standard input.
const VARIABLE: &str = "CONNECTION_SECRET";

/// The flags of `cumuli connection add`.
#[derive(Args)]
pub struct Flags {
    #[command(subcommand)]
    what: What,
    /// Whose it is, by e-mail address [default: the server's]
    #[arg(long, value_name = "EMAIL", global = true)]
    user: Option<String>,
    /// What it is called [default: what the provider calls it]
    #[arg(long, global = true, default_value = "", hide_default_value = true)]
    label: String,
    /// Reads the secret from the first line of the standard input
    #[arg(long, global = true)]
    secret_stdin: bool,
}

#[derive(Subcommand)]
enum What {
    /// A bucket at Amazon S3 or a service like it.
    S3(BucketFlags),
    /// A bucket at Backblaze B2, by its S3 endpoint.
    B2(BucketFlags),
    /// A container at Azure Blob Storage.
    Azure {
        /// The container
        #[arg(long)]
        container: String,
        /// What all names begin with
        #[arg(long, default_value = "", hide_default_value = true)]
        prefix: String,
    },
    /// A folder of this server, within CUMULI_DIRECTORY_ROOTS.
    Directory {
        /// Its whole path
        path: String,
        /// Nothing is written there
        #[arg(long)]
        read_only: bool,
    },
    /// A folder at a WebDAV server.
    Webdav {
        /// Its address
        url: String,
        /// Who signs in there
        #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
        login: String,
    },
}

#[derive(Args)]
struct BucketFlags {
    /// The bucket
    #[arg(long)]
    bucket: String,
    /// The id of the access key
    #[arg(long, value_name = "ID")]
    access_key: String,
    /// The service's address [default: Amazon's]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// The region that requests are signed for
    #[arg(long)]
    region: Option<String>,
    /// What all names begin with
    #[arg(long, default_value = "", hide_default_value = true)]
    prefix: String,
    /// The bucket stands in the path of addresses rather than in their host
    #[arg(long)]
    path_style: Option<bool>,
}

/// Connects it, after trying it out.
///
/// # Errors
/// When the secret cannot be read, and what the provider says.
pub async fn run(hub: &Hub, flags: Flags) -> anyhow::Result<ExitCode> {
    let maker = maker(hub, flags.user.as_deref()).await?;
    let endpoint = endpoint(flags.what);
    let credentials = match question(&endpoint) {
        None => Credentials::None,
        Some(question) => Credentials::Secret(secret(flags.secret_stdin, question).await?),
    };
    let new = NewConnection {
        endpoint,
        credentials,
        label: flags.label,
        is_servers: maker.is_servers,
    };
    let is_folder = matches!(new.endpoint, Endpoint::Directory { .. });
    let made = hub.connect(&maker.actor, new).await;
    let made = match is_folder {
        true => made.context("CUMULI_DIRECTORY_ROOTS says which folders may be connected")?,
        false => made?,
    };
    let made = made.connection;
    print::line(format!("{}: connected, {} ({})", made.id, made.label, made.kind))?;
    Ok(ExitCode::SUCCESS)
}

fn endpoint(what: What) -> Endpoint {
    match what {
        What::S3(flags) => Endpoint::S3(flags.bucket()),
        What::B2(flags) => Endpoint::B2(flags.bucket()),
        What::Azure { container, prefix } => Endpoint::Azure { container, prefix },
        What::Directory { path, read_only } => Endpoint::Directory {
            path,
            is_read_only: read_only,
        },
        What::Webdav { url, login } => Endpoint::Webdav { url, user: login },
    }
}

impl BucketFlags {
    fn bucket(self) -> Bucket {
        Bucket {
            bucket: self.bucket,
            region: self.region,
            endpoint: self.endpoint,
            prefix: self.prefix,
            path_style: self.path_style,
            access_key: self.access_key,
        }
    }
}

/// What is asked for; nothing opens a folder of this server.
const fn question(endpoint: &Endpoint) -> Option<&'static str> {
    match endpoint {
        Endpoint::S3(_) | Endpoint::B2(_) => Some("Secret key: "),
        Endpoint::Azure { .. } => Some("Connection string: "),
        Endpoint::Webdav { .. } => Some("Password: "),
        Endpoint::Directory { .. } | Endpoint::Google | Endpoint::OneDrive => None,
    }
}

/// A person takes their time to type, so the other tasks need their thread meanwhile.
async fn secret(is_stdin: bool, question: &'static str) -> anyhow::Result<String> {
    let given = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    let secret = match given {
        Some(given) if !is_stdin => given,
        _ => {
            let from = match is_stdin {
                true => password::From::Input,
                false => password::From::Terminal,
            };
            tokio::task::spawn_blocking(move || password::read_secret(from, question)).await??
        }
    };
    if secret.is_empty() {
        bail!("the secret is empty");
    }
    Ok(secret)
}
