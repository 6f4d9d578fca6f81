//! A fake of Drive with one account, our connector on it, and somebody else's hand on the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fake_clouds::drive::{DriveAccount, DriveFake, DriveOptions};
use fake_clouds::{Act, Fault, Seen};
use futures_util::{StreamExt, stream};
use model::{BodyError, ByteStream, Millis};
use outbound::{Gate, Patience, Reach, Wire};
use tokio::sync::Mutex;

use crate::contract::scene::THEN;
use crate::contract::{Call, Kept, Scene, Tree, Trouble, World};
use crate::google::{Google, GoogleOptions};
use crate::{
    AccessToken, Connector, Item, ItemId, RemoteError, SignInReason, Source, Target, Tokens, Upload, Written,
};

/// Gives out what the fake issues, as the keeper of tokens does: one renewal for all who wait.
pub struct Keeper {
    account: DriveAccount,
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
            let reason = SignInReason::Ended("invalid_grant".to_owned());
            return Err(RemoteError::SignInAgain(reason));
        }
        if stale.expose() == *token {
            self.renewals.fetch_add(1, Ordering::SeqCst);
            *token = self.account.issue_token();
        }
        Ok(AccessToken::new(token.clone()))
    }
}

/// Everything that a test needs. Clones share it.
#[derive(Clone)]
pub struct Stand {
    pub fake: Arc<DriveFake>,
    pub account: DriveAccount,
    pub tokens: Arc<Keeper>,
    pub drive: Arc<Google>,
    pub root: ItemId,
}

/// The pieces of an upload.
pub const PIECE_BYTES: usize = 1024 * 1024;

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
    pub async fn start() -> Self {
        let fake = DriveFake::start(DriveOptions::default()).await;
        let account = fake.account("ada@gmail.com");
        let tokens = Arc::new(Keeper {
            token: Mutex::new(account.issue_token()),
            account: account.clone(),
            renewals: AtomicU32::new(0),
            is_expelled: AtomicBool::new(false),
        });
        let drive = Arc::new(connect(&fake, tokens.clone()));
        Self {
            root: ItemId(account.root()),
            fake: Arc::new(fake),
            account,
            tokens,
            drive,
        }
    }

    /// Has something go wrong once.
    pub fn fault(&self, method: &str, path: &str, act: Act) {
        self.fake.faults().push(Fault::on(method, path, act));
    }

    /// A Drive that gives little at a time, and not all of what is asked for.
    pub async fn start_rough() -> Self {
        let stand = Self::start().await;
        stand.fake.switches().set(|switches| {
            switches.page_size_limit = 7;
            switches.omit_sha = true;
            switches.ignore_range = true;
            switches.gzip = true;
            switches.keep_of_pieces = [0, 256 * 1024, 0, 512 * 1024].repeat(8);
        });
        stand
    }

    /// The cases' view of it.
    pub async fn scene(&self) -> Scene {
        Scene::new(self.clone()).await
    }

    /// Runs something and tells what was asked meanwhile: methods, paths and queries.
    pub async fn asked<T>(&self, work: impl Future<Output = T>) -> (T, Vec<Seen>) {
        let before = self.fake.requests().len();
        let outcome = work.await;
        (outcome, self.fake.requests().split_off(before))
    }

    /// Sends a content.
    pub async fn send(
        &self,
        target: Target<'_>,
        source: &dyn Source,
        journal: &Kept,
    ) -> Result<Written, RemoteError> {
        let upload = Upload {
            target,
            source,
            media_type: "application/octet-stream",
            modified: Some(THEN),
            journal,
        };
        self.drive.upload(upload).await
    }

    /// Creates a file in the root.
    pub async fn create(&self, name: &str, source: &dyn Source) -> Result<Written, RemoteError> {
        self.create_kept(name, source, &Kept::default()).await
    }

    /// The same with a journal.
    pub async fn create_kept(
        &self,
        name: &str,
        source: &dyn Source,
        journal: &Kept,
    ) -> Result<Written, RemoteError> {
        let target = Target::Create {
            parent: &self.root,
            name,
            id: None,
        };
        self.send(target, source, journal).await
    }

    /// Somebody else makes a file, which is then looked at.
    pub async fn given(&self, name: &str, bytes: &[u8]) -> Item {
        let id = ItemId(self.account.create_file(&self.root.0, name, bytes.to_vec()));
        self.item(&id).await
    }

    /// An item that is there.
    pub async fn item(&self, id: &ItemId) -> Item {
        self.drive.item(id).await.expect("an answer").expect("an item")
    }

    /// The content of a file as it is now, past the API.
    pub fn bytes(&self, id: &ItemId) -> Vec<u8> {
        let entry = self.account.entry(&id.0).expect("a file");
        entry.bytes.expect("bytes").into()
    }

    /// Nothing was done that no client may do.
    #[track_caller]
    pub fn expect_honest(&self) {
        assert_eq!(self.fake.violations(), Vec::<String>::new());
    }

    /// The folder of a path, made with those above it where they are missing, and the name in it.
    fn place<'a>(&self, path: &'a str) -> (String, &'a str) {
        let mut folder = self.account.root();
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut so_far = String::new();
        for part in above.split('/').filter(|part| !part.is_empty()) {
            if !so_far.is_empty() {
                so_far.push('/');
            }
            so_far.push_str(part);
            folder = match self.account.id(&so_far) {
                Some(id) => id,
                None => self.account.create_folder(&folder, part),
            };
        }
        (folder, name)
    }

    fn id(&self, path: &str) -> String {
        self.account
            .id(path)
            .unwrap_or_else(|| panic!("nothing at {path}"))
    }
}

/// How many of these requests there were.
pub fn count(seen: &[Seen], method: &str, path: &str) -> usize {
    let is_one = |seen: &&Seen| seen.method == method && seen.path.contains(path);
    seen.iter().filter(is_one).count()
}

/// A connector with these tokens.
pub fn connect(fake: &DriveFake, tokens: Arc<dyn Tokens>) -> Google {
    connect_gated(fake, tokens, None)
}

/// A connector that keeps a pace.
pub fn connect_gated(fake: &DriveFake, tokens: Arc<dyn Tokens>, gate: Option<Arc<dyn Gate>>) -> Google {
    let clock = fake.clock();
    Google::new(GoogleOptions {
        api_url: fake.url(),
        tokens,
        wire: Wire::open(&Reach::Any, FAST).expect("TLS"),
        gate,
        clock: Arc::new(move || Millis(clock.now())),
        patience: FAST,
        piece_bytes: PIECE_BYTES,
    })
    .expect("an address")
}

#[async_trait]
impl World for Stand {
    fn connector(&self) -> Arc<dyn Connector> {
        self.drive.clone()
    }

    async fn write(&self, path: &str, bytes: &[u8]) {
        match self.account.id(path) {
            Some(id) => self.account.write(&id, bytes.to_vec()),
            None => {
                let (folder, name) = self.place(path);
                let _ = self.account.create_file(&folder, name, bytes.to_vec());
            }
        }
    }

    async fn make_folder(&self, path: &str) {
        let (folder, name) = self.place(path);
        let _ = self.account.create_folder(&folder, name);
    }

    async fn relocate(&self, from: &str, to: &str) {
        let id = self.id(from);
        let (folder, name) = self.place(to);
        if self.account.entry(&id).and_then(|entry| entry.parent).as_ref() != Some(&folder) {
            self.account.move_to(&id, &folder);
        }
        self.account.rename(&id, name);
    }

    async fn remove(&self, path: &str) {
        self.account.trash(&self.id(path));
    }

    async fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        for (path, entry) in self.account.tree() {
            let twin = format!("#{}", entry.id);
            let plain = path.strip_suffix(&twin).unwrap_or(&path).to_owned();
            let numbered = (2..).map(|number| format!("{plain} ({number})"));
            let mut free = std::iter::once(plain.clone()).chain(numbered);
            let path = free
                .find(|path| !tree.contains_key(path))
                .expect("numbers do not end");
            tree.insert(path, entry.bytes.map(Into::into));
        }
        tree
    }

    async fn make_document(&self, path: &str) {
        let (folder, name) = self.place(path);
        let _ = self.account.make_doc(&folder, name, "document", "some words");
    }

    async fn trouble(&self, trouble: Trouble) -> bool {
        let of = |call| match call {
            Call::Create => ("POST", "/upload/drive/v3/files"),
            Call::Replace => ("PUT", "/upload/drive/v2/files/"),
            Call::MakeFolder => ("POST", "/drive/v3/files"),
            Call::Relocate | Call::Trash => ("PATCH", "/drive/v3/files/"),
        };
        let ((method, path), act) = match trouble {
            Trouble::LoseAnswer(call) => (of(call), Act::DropAfter),
            Trouble::FailOnce(call) => (of(call), Act::status(503, None)),
            Trouble::CutRead => (("GET", "alt=media"), Act::Truncate),
            Trouble::FlipRead => (("GET", "alt=media"), Act::Flip),
            Trouble::AskToWait => {
                let act = Act::status(429, Some(("retry-after", "90")));
                self.fake.faults().push(Fault::on_any("/drive/", act));
                return true;
            }
            Trouble::Full => {
                self.account.set_limit(Some(0));
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

    async fn settle(&self) {
        self.fake.clock().advance(1000);
    }

    async fn violations(&self) -> Vec<String> {
        self.fake.violations()
    }
}

/// Bytes, and something that happens once when so many of them were read.
pub struct Hooked {
    pub bytes: Vec<u8>,
    pub at: usize,
    pub hook: Arc<dyn Fn() + Send + Sync>,
    pub is_done: Arc<AtomicBool>,
}

impl Hooked {
    pub fn new(bytes: Vec<u8>, at: usize, hook: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            bytes,
            at,
            hook: Arc::new(hook),
            is_done: Arc::default(),
        }
    }
}

#[async_trait]
impl Source for Hooked {
    fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    async fn open(&self, offset: u64) -> Result<ByteStream, BodyError> {
        const STEP: usize = 64 * 1024;
        let from = usize::try_from(offset).expect("small");
        let pieces: Vec<(usize, bytes::Bytes)> = (from..self.bytes.len())
            .step_by(STEP)
            .map(|start| {
                let end = self.bytes.len().min(start + STEP);
                (end, bytes::Bytes::copy_from_slice(&self.bytes[start..end]))
            })
            .collect();
        let (at, hook, is_done) = (self.at, self.hook.clone(), self.is_done.clone());
        Ok(Box::pin(stream::iter(pieces).map(move |(end, piece)| {
            if end >= at && !is_done.swap(true, Ordering::SeqCst) {
                hook();
            }
            Ok(piece)
        })))
    }
}
