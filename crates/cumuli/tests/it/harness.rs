//! The real program on data of its own: started, killed, started again, and spoken to.

mod database;
mod dice;
#[path = "../../../content/src/tests/emulators.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
pub mod emulators;
mod http;
mod process;
mod stores;

pub use database::Engine;
pub use dice::{Content, Dice, hex, sha256};
pub use http::{Client, Reply};
pub use process::{Outcome, PATIENCE, finished, program, told};
pub use stores::{azure_settings, blobs_of, s3_settings};

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use database::Database;
use process::Running;

/// What a server is started with.
pub struct Builder {
    engine: Engine,
    settings: Vec<(String, String)>,
    open_files: Option<u32>,
}

/// A server on a folder of its own, gone when dropped.
pub struct Server {
    running: Option<Running>,
    settings: Vec<(String, String)>,
    open_files: Option<u32>,
    folder: tempfile::TempDir,
    address: String,
    /// Dropped last: the server must be gone first.
    _database: Database,
}

impl Builder {
    /// Sets a setting.
    pub fn set(mut self, name: &str, text: impl ToString) -> Self {
        self.settings.push((name.to_owned(), text.to_string()));
        self
    }

    /// Lets the server have at most this many open files.
    pub const fn open_files(mut self, most: u32) -> Self {
        self.open_files = Some(most);
        self
    }

    /// Starts it, and waits until it answers.
    pub async fn start(self) -> Server {
        let mut server = self.prepare().await;
        server.restart().await;
        server
    }

    /// Makes its folder and its database, both empty, and leaves it to `restart`.
    pub async fn prepare(self) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::create(self.engine).await;
        let mut settings = vec![("CUMULI_LISTEN".to_owned(), "127.0.0.1:0".to_owned())];
        settings.extend(
            database
                .url()
                .map(|url| ("DATABASE_URL".to_owned(), url.to_owned())),
        );
        settings.extend(self.settings);
        Server {
            running: None,
            settings,
            open_files: self.open_files,
            folder,
            address: String::new(),
            _database: database,
        }
    }
}

impl Server {
    /// A server on SQLite with the settings of a fresh installation.
    pub async fn start() -> Self {
        Self::on(Engine::Sqlite).start().await
    }

    /// A server to be set up.
    pub const fn on(engine: Engine) -> Builder {
        Builder {
            engine,
            settings: Vec::new(),
            open_files: None,
        }
    }

    /// The same server with one more setting from its next start on.
    pub fn with(mut self, name: &str, text: impl ToString) -> Self {
        self.settings.push((name.to_owned(), text.to_string()));
        self
    }

    /// Starts it on the data that it has. From now on it has a new address.
    pub async fn restart(&mut self) {
        assert!(self.running.is_none(), "the server runs");
        let mut running = Running::start(&self.settings, self.folder.path(), self.open_files);
        let line = running.line_with("listening on http://").await;
        self.address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        self.running = Some(running);
    }

    /// Ends it as a power cut ends a process: `kill -9`.
    pub async fn kill(&mut self) {
        self.signal("KILL");
        self.running.take().expect("the server runs").ended().await;
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.running.take().expect("the server runs").ended().await
    }

    /// Waits until it has ended by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        self.running.take().expect("the server runs").ended().await
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        self.running.as_ref().expect("the server runs").signal(name);
    }

    /// The number of its process.
    pub fn process_id(&self) -> u32 {
        self.running.as_ref().expect("the server runs").process_id()
    }

    /// A line of its output that holds `words`, waited for.
    pub async fn line_with(&mut self, words: &str) -> String {
        self.running
            .as_mut()
            .expect("the server runs")
            .line_with(words)
            .await
    }

    /// What it logged so far.
    pub fn logs(&self) -> String {
        self.running.as_ref().expect("the server runs").logs()
    }

    /// The address at which it answers.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Host and port, for a plain connection.
    pub fn host(&self) -> &str {
        self.address.strip_prefix("http://").unwrap()
    }

    /// The folder in which it keeps everything.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("cumuli-data")
    }

    /// Runs a command of the program on the same data, with `input` typed into it.
    pub async fn run(&self, arguments: &[&str], input: &str) -> Outcome {
        process::run(arguments, &self.settings, self.folder.path(), input).await
    }

    /// Starts a command of the program on the same data, for the caller to end.
    pub fn spawn(&self, arguments: &[&str]) -> std::process::Child {
        process::spawn(arguments, &self.settings, self.folder.path())
    }

    /// A client that nobody signed in.
    pub fn client(&self) -> Client {
        Client::new(&self.address)
    }

    /// Makes an account by its command, and signs in.
    pub async fn user(&self, email: &str) -> Client {
        let password = format!("{email} has a long password");
        let added = self
            .run(&["user", "add", email, "--password-stdin"], &password)
            .await;
        assert!(added.is_success(), "{added:?}");
        self.sign_in(email, &password).await
    }

    /// The same person at the address that the server has now.
    pub fn again(&self, client: &Client) -> Client {
        client.at(&self.address)
    }

    /// Another node on the same database, with a data folder of its own. Both need the same
    /// `SECRET_KEY` and `UPLOAD_FOLDER`, which the first one was started with.
    pub async fn another_node(&self) -> Self {
        let mut node = Self {
            running: None,
            settings: self.settings.clone(),
            open_files: self.open_files,
            folder: tempfile::tempdir().unwrap(),
            address: String::new(),
            _database: Database::Sqlite,
        };
        node.restart().await;
        node
    }

    /// Signs in.
    pub async fn sign_in(&self, email: &str, password: &str) -> Client {
        let mut client = self.client();
        let body = serde_json::json!({"email": email, "password": password});
        let reply = client.post("/auth/login", &body).await.expect(200);
        client.sign_in(reply.json()["access_token"].as_str().unwrap());
        client
    }
}

/// Waits until `is_so`, which is asked again and again; fails after [`PATIENCE`].
pub async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let asking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        loop {
            ticks.tick().await;
            if is_so().await {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .expect("it becomes so in time");
}
