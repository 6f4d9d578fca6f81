//! A fake of Graph with one account, our connector on its drive, and somebody else's hand on the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fake_clouds::graph::{DriveType, GraphAccount, GraphFake, GraphOptions};
use fake_clouds::{Act, Fault, Seen};
use futures_util::TryStreamExt;
use model::{BodyError, Millis};
use outbound::{Gate, Patience, Reach, Wire};
use tokio::sync::Mutex;

use crate::contract::scene::THEN;
use crate::contract::{Bytes, Call, Scene, Tree, Trouble, World};
use crate::onedrive::{DriveKind, OneDrive, OneDriveOptions};
use crate::{
    AccessToken, Connector, Item, ItemId, NoJournal, RemoteError, SignInReason, Source, Target, Tokens,
    Upload, UploadJournal, Written, fetch,
};

/// Gives out what the fake issues, as the keeper of tokens does: one renewal for all who wait.
pub struct Keeper {
    account: GraphAccount,
    token: Mutex<String>,
    pub renewals: AtomicU32,
    pub is_expelled: AtomicBool,
}

#[async_trait]
impl Tokens for Keeper {
    async fn token(&self) -> Result<AccessToken, RemoteError> {
        Ok(AccessToken::new(self.token.lock().await.clone()))
    }

    async fn renewed(&self, stale: &AccessToken) -> Result<AccessToken, RemoteError> {
        let mut token = self.token.lock().await;
        if self.is_expelled.load(Ordering::SeqCst) {
            return Err(RemoteError::SignInAgain(SignInReason::Ended(
                "invalid_grant".to_owned(),
            )));
        }
        if stale.expose() == *token {
            self.renewals.fetch_add(1, Ordering::SeqCst);
            *token = self.account.issue_token();
        }
        Ok(AccessToken::new(token.clone()))
    }
}

/// Everything that a test needs.
#[derive(Clone)]
pub struct Stand {
    pub fake: Arc<GraphFake>,
    pub account: GraphAccount,
    pub tokens: Arc<Keeper>,
    pub drive: Arc<OneDrive>,
}

/// The smallest piece of an upload.
pub const PIECE_BYTES: usize = 320 * 1024;

/// Waits of milliseconds, and none that a service asks for.
pub const FAST: Patience = Patience {
    try_count: 4,
    first_pause: Duration::from_millis(2),
    longest_pause: Duration::from_millis(8),
    longest_asked: Duration::from_millis(20),
    connect: Duration::from_secs(5),
    silence: Duration::from_secs(10),
    min_bytes_per_sec: 64 * 1024,
};

impl Stand {
    pub async fn start(kind: DriveType) -> Self {
        let options = GraphOptions {
            kind,
            ..GraphOptions::default()
        };
        let fake = Arc::new(GraphFake::start(options).await);
        let account = fake.account("somebody@example.org");
        let tokens = Arc::new(Keeper {
            token: Mutex::new(account.issue_token()),
            account: account.clone(),
            renewals: AtomicU32::new(0),
            is_expelled: AtomicBool::new(false),
        });
        let drive = Arc::new(connect(&fake, kind, tokens.clone(), None));
        Self {
            fake,
            account,
            tokens,
            drive,
        }
    }

    /// Has something go wrong once.
    pub fn fault(&self, method: &str, path: &str, act: Act) {
        self.fake.faults().push(Fault::on(method, path, act));
    }

    /// The same, with what cases of the suite have at hand.
    pub async fn scene(&self) -> Scene {
        Scene::new(self.clone()).await
    }

    /// What is asked meanwhile, such as `PUT /upload/`.
    pub async fn asked<T>(&self, doing: impl Future<Output = T>) -> (T, Vec<Seen>) {
        let before = self.fake.requests().len();
        let done = doing.await;
        (done, self.fake.requests().split_off(before))
    }

    /// Sends a new file, without a journal and without a time.
    pub async fn create(&self, name: &str, bytes: &[u8]) -> Result<Written, RemoteError> {
        self.create_at(name, bytes, None).await
    }

    /// Sends a new file with a time.
    pub async fn create_at(
        &self,
        name: &str,
        bytes: &[u8],
        modified: Option<Millis>,
    ) -> Result<Written, RemoteError> {
        let root = ItemId(self.account.root_id());
        let target = Target::Create {
            parent: &root,
            name,
            id: None,
        };
        self.send(target, &Bytes(bytes.to_vec()), modified, &NoJournal)
            .await
    }

    /// Sends a content that takes the place of what an item has.
    pub async fn replace(&self, item: &Item, bytes: &[u8]) -> Result<Written, RemoteError> {
        let target = Target::Replace {
            id: &item.id,
            expected: item.revision.as_ref().expect("a file"),
        };
        self.send(target, &Bytes(bytes.to_vec()), Some(THEN), &NoJournal)
            .await
    }

    /// Sends a content.
    pub async fn send(
        &self,
        target: Target<'_>,
        source: &dyn Source,
        modified: Option<Millis>,
        journal: &dyn UploadJournal,
    ) -> Result<Written, RemoteError> {
        let upload = Upload {
            target,
            source,
            media_type: "application/octet-stream",
            modified,
            journal,
        };
        self.drive.upload(upload).await
    }

    /// The item at a path.
    pub async fn item(&self, path: &str) -> Item {
        let id = ItemId(self.account.id(path));
        self.drive.item(&id).await.expect("an answer").expect("an item")
    }

    /// What is read of an item by who verifies it.
    pub async fn fetch(&self, item: &Item) -> Result<Vec<u8>, BodyError> {
        let fetched = fetch(self.drive.clone(), item, 0, None).await;
        let fetched = fetched.map_err(|error| BodyError::Unreadable(Box::new(error)))?;
        let pieces: Vec<bytes::Bytes> = fetched.stream.try_collect().await?;
        Ok(pieces.concat())
    }

    /// Nothing was done that no client may do.
    #[track_caller]
    pub fn expect_honest(&self) {
        assert_eq!(self.fake.violations(), Vec::<String>::new());
    }
}

/// Both services.
pub const BOTH: [DriveType; 2] = [DriveType::Personal, DriveType::Business];

/// How many of the requests were these.
pub fn count(seen: &[Seen], method: &str, path: &str) -> usize {
    seen.iter()
        .filter(|seen| seen.method == method && seen.path.contains(path))
        .count()
}

/// A connector for the account of these tokens.
pub fn connect(
    fake: &GraphFake,
    kind: DriveType,
    tokens: Arc<dyn Tokens>,
    gate: Option<Arc<dyn Gate>>,
) -> OneDrive {
    let options = OneDriveOptions {
        gate,
        ..options(fake, kind, tokens)
    };
    OneDrive::new(options).expect("an address")
}

/// A connector to a person's drive that sends larger pieces.
pub fn connect_with(fake: &GraphFake, tokens: Arc<dyn Tokens>, piece_bytes: usize) -> OneDrive {
    let options = OneDriveOptions {
        piece_bytes,
        ..options(fake, DriveType::Personal, tokens)
    };
    OneDrive::new(options).expect("an address")
}

fn options(fake: &GraphFake, kind: DriveType, tokens: Arc<dyn Tokens>) -> OneDriveOptions {
    let clock = fake.clock();
    OneDriveOptions {
        api_url: fake.graph_url(),
        drive: None,
        kind: match kind {
            DriveType::Personal => DriveKind::Personal,
            DriveType::Business => DriveKind::Business,
        },
        tokens,
        wire: Wire::open(&Reach::Any, FAST).expect("TLS"),
        gate: None,
        clock: Arc::new(move || Millis(clock.now())),
        patience: FAST,
        piece_bytes: PIECE_BYTES,
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[async_trait]
impl World for Stand {
    fn connector(&self) -> Arc<dyn Connector> {
        self.drive.clone()
    }

    async fn write(&self, path: &str, bytes: &[u8]) {
        if self.account.entry(path).is_some() {
            self.account.write(path, bytes.to_vec());
        } else {
            self.account.create_file(path, bytes.to_vec());
        }
    }

    async fn make_folder(&self, path: &str) {
        self.account.create_folder(path);
    }

    async fn relocate(&self, from: &str, to: &str) {
        let ((folder, name), (new_folder, new_name)) = (split(from), split(to));
        if folder != new_folder {
            if !new_folder.is_empty() {
                self.account.create_folder(new_folder);
            }
            self.account.move_to(from, new_folder);
        }
        if name != new_name {
            let now = format!("{new_folder}/{name}");
            self.account.rename(now.trim_start_matches('/'), new_name);
        }
    }

    async fn remove(&self, path: &str) {
        self.account.delete(path);
    }

    async fn tree(&self) -> Tree {
        let all = self.account.tree().into_iter();
        all.map(|(path, entry)| (path, entry.bytes.map(Into::into)))
            .collect()
    }

    async fn trouble(&self, trouble: Trouble) -> bool {
        let of = |call| match call {
            // Contents with a time go by a session.
            Call::Create | Call::Replace => ("PUT", "/upload/"),
            Call::MakeFolder => ("POST", "/children"),
            Call::Relocate => ("PATCH", "/items/"),
            Call::Trash => ("DELETE", "/items/"),
        };
        let (method, path, act) = match trouble {
            Trouble::LoseAnswer(call) => {
                let (method, path) = of(call);
                (method, path, Act::DropAfter)
            }
            Trouble::FailOnce(call) => {
                let (method, path) = of(call);
                (method, path, Act::status(503, None))
            }
            Trouble::CutRead => ("GET", "/download/", Act::Truncate),
            Trouble::FlipRead => ("GET", "/download/", Act::Flip),
            Trouble::AskToWait => {
                let act = Act::status(429, Some(("retry-after", "90")));
                self.fake.faults().push(Fault::on_any("/v1.0/", act));
                return true;
            }
            Trouble::Full => {
                self.account.set_quota(0);
                return true;
            }
            Trouble::Expel => {
                self.account.revoke_tokens();
                self.tokens.is_expelled.store(true, Ordering::SeqCst);
                return true;
            }
        };
        self.fault(method, path, act);
        true
    }

    async fn violations(&self) -> Vec<String> {
        self.fake.violations()
    }
}
