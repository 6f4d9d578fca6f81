//! A fake of Graph with one account, our connector on its drive, and somebody else's hand on the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fake_clouds::graph::{DriveType, GraphAccount, GraphFake, GraphOptions};
use fake_clouds::{Act, Fault, Seen};
use model::Millis;
use outbound::{Patience, Reach, Wire};
use tokio::sync::Mutex;

use crate::contract::{Call, Tree, Trouble, World};
use crate::onedrive::{DriveKind, OneDrive, OneDriveOptions};
use crate::{AccessToken, Connector, RemoteError, SignInReason, Tokens};

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
pub struct Stand {
    pub fake: GraphFake,
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
        let fake = GraphFake::start(GraphOptions {
            kind,
            ..GraphOptions::default()
        })
        .await;
        let account = fake.account("somebody@example.org");
        let tokens = Arc::new(Keeper {
            token: Mutex::new(account.issue_token()),
            account: account.clone(),
            renewals: AtomicU32::new(0),
            is_expelled: AtomicBool::new(false),
        });
        let drive = Arc::new(connect(&fake, kind, tokens.clone()));
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

    /// What was asked since, apart from what is at the other origin.
    pub fn calls(&self, since: usize) -> Vec<Seen> {
        self.fake.requests().split_off(since)
    }
}

/// A connector for the account of these tokens.
pub fn connect(fake: &GraphFake, kind: DriveType, tokens: Arc<dyn Tokens>) -> OneDrive {
    let clock = fake.clock();
    OneDrive::new(OneDriveOptions {
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
    })
    .expect("an address")
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
