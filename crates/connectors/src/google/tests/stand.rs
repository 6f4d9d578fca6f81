//! A fake of Drive with one account, our connector on it, and somebody else's hand on the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fake_clouds::drive::{DriveAccount, DriveFake, DriveOptions};
use fake_clouds::{Act, Fault, Seen};
use model::Millis;
use outbound::{Patience, Reach, Wire};
use tokio::sync::Mutex;

use crate::contract::{Call, Tree, Trouble, World};
use crate::google::{Google, GoogleOptions};
use crate::{AccessToken, Connector, ItemId, RemoteError, SignInReason, Tokens};

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

/// Everything that a test needs.
pub struct Stand {
    pub fake: DriveFake,
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

    /// What was asked so far: methods and paths.
    pub fn asked(&self) -> Vec<Seen> {
        self.fake.requests()
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

/// A connector with these tokens.
pub fn connect(fake: &DriveFake, tokens: Arc<dyn Tokens>) -> Google {
    let clock = fake.clock();
    Google::new(GoogleOptions {
        api_url: fake.url(),
        tokens,
        wire: Wire::open(&Reach::Any, FAST).expect("TLS"),
        gate: None,
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

    async fn violations(&self) -> Vec<String> {
        self.fake.violations()
    }
}
