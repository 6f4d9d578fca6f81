//! Does with a connector what a benchmark measures, and prints what came of it as JSON:
//! `cargo run --release -p connectors --example work -- google --url URL --token TOKEN list`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use clap::{Parser, Subcommand, ValueEnum};
use connectors::{
    AccessToken, Bucket, BucketOptions, BucketPlace, Connector, Cursor, DriveKind, Entry, Google,
    GoogleOptions, ItemId, NoJournal, OneDrive, OneDriveOptions, PIECE_BYTES, Probed, RemoteError,
    SignInReason, Source, Target, Tokens, Upload, fetch,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use model::{BodyError, ByteStream, Clock, Millis};
use outbound::{Patience, Reach, Secret, Wire};
use serde_json::{Value, json};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// The pieces that the product sends to Google, and the parts that it sends to S3.
const PART_BYTES: u64 = 8 << 20;
/// What is read of a file at once.
const BLOCK_BYTES: usize = 256 << 10;
/// Small uploads that are under way at once.
const AT_ONCE: usize = 8;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Drives a connector.
#[derive(Parser)]
struct Arguments {
    provider: Provider,
    /// Where the API is.
    #[arg(long)]
    url: String,
    /// An access token; for S3 the access key and the secret key with a colon between.
    #[arg(long)]
    token: String,
    /// The bucket.
    #[arg(long, default_value = "")]
    bucket: String,
    /// What `probe` printed of the bucket.
    #[arg(long, default_value = "{}")]
    probed: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum Provider {
    Google,
    Onedrive,
    S3,
}

#[derive(Subcommand)]
enum What {
    /// Finds out what the bucket keeps of its promises.
    Probe,
    /// Tells everything that is there.
    List,
    /// Tells what changed since.
    Changes {
        /// What `list` printed.
        #[arg(long)]
        cursor: String,
    },
    /// Uploads all files of a folder into a new one.
    Small {
        #[arg(long)]
        from: PathBuf,
        /// The folder that the new one is made in.
        #[arg(long)]
        root: String,
        /// The new folder.
        #[arg(long)]
        name: String,
    },
    /// Uploads one file.
    Big {
        #[arg(long)]
        from: PathBuf,
        /// The folder that it goes to.
        #[arg(long)]
        root: String,
    },
    /// Downloads one file, and verifies it.
    Get {
        /// The file, as `big` printed it.
        #[arg(long)]
        id: String,
        #[arg(long)]
        to: PathBuf,
    },
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let mut told = if matches!(arguments.what, What::Probe) {
        serde_json::to_value(bucket(&arguments)?.probe().await?)?
    } else {
        run(connect(&arguments)?, &arguments.what).await?
    };
    told["peak_kib"] = peak_kib().into();
    println!("{told}");
    Ok(())
}

/// The most memory that this process has had resident, where the kernel tells it.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

async fn run(connector: Arc<dyn Connector>, what: &What) -> Outcome<Value> {
    match what {
        What::Probe => Ok(Value::Null),
        What::List => follow(connector.as_ref(), None).await,
        What::Changes { cursor } => follow(connector.as_ref(), Some(Cursor(cursor.clone()))).await,
        What::Small { from, root, name } => {
            let root = ItemId(root.clone());
            let folder = connector.make_folder(&root, name, None).await?.id;
            send_all(connector.as_ref(), from, &folder).await
        }
        What::Big { from, root } => {
            let root = ItemId(root.clone());
            let (id, bytes) = send(connector.as_ref(), from, &root).await?;
            Ok(json!({ "id": id.0, "bytes": bytes }))
        }
        What::Get { id, to } => get(connector, &ItemId(id.clone()), to).await,
    }
}

fn connect(arguments: &Arguments) -> Outcome<Arc<dyn Connector>> {
    let api_url = arguments.url.clone();
    let patience = Patience::default();
    let tokens = Arc::new(One(arguments.token.clone()));
    Ok(match arguments.provider {
        Provider::Google => Arc::new(Google::new(GoogleOptions {
            api_url,
            tokens,
            wire: wire()?,
            gate: None,
            clock: clock(),
            patience,
            piece_bytes: usize::try_from(PART_BYTES)?,
        })?),
        Provider::Onedrive => Arc::new(OneDrive::new(OneDriveOptions {
            api_url,
            drive: None,
            kind: DriveKind::Personal,
            tokens,
            wire: wire()?,
            gate: None,
            clock: clock(),
            patience,
            piece_bytes: PIECE_BYTES,
        })?),
        Provider::S3 => Arc::new(bucket(arguments)?),
    })
}

fn bucket(arguments: &Arguments) -> Outcome<Bucket> {
    let keys = arguments.token.split_once(':');
    let (access_key, secret_key) = keys.ok_or("the token of a bucket is two keys with a colon between")?;
    let probed: Probed = serde_json::from_str(&arguments.probed)?;
    Ok(Bucket::open(BucketOptions {
        name: "s3".to_owned(),
        place: BucketPlace::S3 {
            endpoint: Some(arguments.url.clone()),
            region: None,
            bucket: arguments.bucket.clone(),
            access_key: access_key.to_owned(),
            secret_key: Secret::new(secret_key),
            session_token: None,
            path_style: None,
        },
        prefix: String::new(),
        probed,
        wire: wire()?,
        gate: None,
        patience: Patience::default(),
        part_bytes: PART_BYTES,
        clock: clock(),
    })?)
}

fn wire() -> Outcome<Wire> {
    Wire::open(&Reach::Any, Patience::default()).map_err(|reason| format!("{reason:?}").into())
}

fn clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    })
}

/// The token that it was started with.
struct One(String);

#[async_trait]
impl Tokens for One {
    async fn token(&self) -> Result<AccessToken, RemoteError> {
        Ok(AccessToken::new(self.0.clone()))
    }

    async fn renewed(&self, _stale: &AccessToken) -> Result<AccessToken, RemoteError> {
        Err(RemoteError::SignInAgain(SignInReason::NoRefresh))
    }
}

/// Follows the feed until it is settled.
async fn follow(connector: &dyn Connector, mut cursor: Option<Cursor>) -> Outcome<Value> {
    let (mut pages, mut folders, mut files, mut gone) = (0, 0, 0, 0);
    loop {
        let page = connector.changes(cursor.as_ref()).await?;
        pages += 1;
        for entry in &page.entries {
            match entry {
                Entry::Is(item) if item.is_folder() => folders += 1,
                Entry::Is(_) => files += 1,
                Entry::Gone(_) => gone += 1,
            }
        }
        let (is_settled, next) = (page.next.is_settled(), page.next.cursor().clone());
        if is_settled {
            let cursor = next.0;
            return Ok(
                json!({"pages": pages, "folders": folders, "files": files, "gone": gone, "cursor": cursor}),
            );
        }
        cursor = Some(next);
    }
}

async fn send_all(connector: &dyn Connector, from: &Path, folder: &ItemId) -> Outcome<Value> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(from)? {
        paths.push(entry?.path());
    }
    let sent: Vec<(ItemId, u64)> = stream::iter(&paths)
        .map(|path| send(connector, path, folder))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let bytes: u64 = sent.iter().map(|(_, bytes)| bytes).sum();
    Ok(json!({"files": sent.len(), "bytes": bytes}))
}

/// Uploads a file, and returns its id and its length.
async fn send(connector: &dyn Connector, from: &Path, folder: &ItemId) -> Outcome<(ItemId, u64)> {
    let about = std::fs::metadata(from)?;
    let name = from.file_name().and_then(|name| name.to_str());
    let modified = about.modified()?.duration_since(SystemTime::UNIX_EPOCH)?;
    let source = OnDisk {
        path: from.to_owned(),
        size_bytes: about.len(),
    };
    let upload = Upload {
        target: Target::Create {
            parent: folder,
            name: name.ok_or("a file has no name in UTF-8")?,
            id: None,
        },
        source: &source,
        media_type: "application/octet-stream",
        modified: Some(Millis(i64::try_from(modified.as_millis())?)),
        journal: &NoJournal,
    };
    let written = connector.upload(upload).await?;
    Ok((written.item.id, about.len()))
}

async fn get(connector: Arc<dyn Connector>, id: &ItemId, to: &Path) -> Outcome<Value> {
    let item = connector.item(id).await?.ok_or(RemoteError::NotFound)?;
    let mut fetched = fetch(connector, &item, 0, None).await?;
    let mut file = File::create(to).await?;
    let mut size_bytes = 0;
    while let Some(bytes) = fetched.stream.try_next().await? {
        size_bytes += bytes.len() as u64;
        file.write_all(&bytes).await?;
    }
    file.flush().await?;
    Ok(json!({ "bytes": size_bytes }))
}

/// A file that is uploaded.
struct OnDisk {
    path: PathBuf,
    size_bytes: u64,
}

#[async_trait]
impl Source for OnDisk {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    async fn open(&self, offset: u64) -> Result<ByteStream, BodyError> {
        let mut file = File::open(&self.path).await.map_err(unreadable)?;
        file.seek(std::io::SeekFrom::Start(offset))
            .await
            .map_err(unreadable)?;
        Ok(Box::pin(stream::try_unfold(file, |mut file| async move {
            let mut block = bytes::BytesMut::with_capacity(BLOCK_BYTES);
            let read = file.read_buf(&mut block).await.map_err(unreadable)?;
            Ok((read > 0).then(|| (Bytes::from(block), file)))
        })))
    }
}

fn unreadable(error: std::io::Error) -> BodyError {
    BodyError::Unreadable(Box::new(error))
}
