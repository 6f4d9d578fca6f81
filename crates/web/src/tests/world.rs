//! A server without a network: the router over a hub on SQLite, and people with tokens.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use catalog::{Catalog, DatabaseUrl, Options};
use content::{Content, LocalOptions, LocalStore};
use http::Request;
use http_body_util::BodyExt;
use hub::{Config, Hub, HubParts, Keys, PasswordCost, Peer, Registration};
use model::{Clock, Millis};
use serde_json::Value;
use tempfile::TempDir;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Where the clock begins: it is turned by hand, so that two worlds have the same times.
const DAWN_MS: i64 = 1_800_000_000_000;

/// A server and its people.
pub struct World {
    router: Router,
    people: Vec<Person>,
    time: Arc<AtomicI64>,
    _folder: TempDir,
}

struct Person {
    id: String,
    token: String,
}

/// A request.
pub struct Ask {
    method: &'static str,
    target: String,
    kind: &'static str,
    body: Vec<u8>,
}

/// A reply.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl World {
    /// A server with `count` people, the first of them an administrator.
    pub async fn with_people(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let time = Arc::new(AtomicI64::new(DAWN_MS));
        let hub = open(folder.path(), &time).await;
        let peer = Peer {
            ip: "127.0.0.1".parse().unwrap(),
            is_this_machine: true,
            label: "tests".to_owned(),
        };
        let mut people = Vec::new();
        for n in 0..count {
            let registration = Registration {
                email: email(n),
                password: "correct horse battery".to_owned(),
                full_name: format!("Person {n}"),
                ..Registration::default()
            };
            let sign_in = hub.register(registration, &peer).await.unwrap();
            people.push(Person {
                id: sign_in.user.id.to_string(),
                token: sign_in.tokens.access,
            });
        }
        Self {
            router: crate::router(hub, crate::WebConfig::default()),
            people,
            time,
            _folder: folder,
        }
    }

    /// Lets a millisecond pass.
    pub fn tick(&self) {
        self.time.fetch_add(1, Ordering::Relaxed);
    }

    pub fn person_id(&self, n: usize) -> &str {
        &self.people[n].id
    }

    /// Sends a request as somebody, or as nobody.
    pub async fn ask(&self, who: Option<usize>, ask: Ask) -> Answer {
        let mut request = Request::builder()
            .method(ask.method)
            .uri(&ask.target)
            .header("host", "cumuli.test");
        if let Some(who) = who {
            request = request.header("authorization", format!("Bearer {}", self.people[who].token));
        }
        if !ask.kind.is_empty() {
            request = request.header("content-type", ask.kind);
        }
        let request = request.body(Body::from(ask.body)).unwrap();
        let reply = self.router.clone().oneshot(request).await.unwrap();
        Answer {
            status: reply.status().as_u16(),
            body: reply.into_body().collect().await.unwrap().to_bytes().to_vec(),
        }
    }
}

/// The address of a person.
pub fn email(n: usize) -> String {
    format!("person{n}@example.org")
}

async fn open(folder: &Path, time: &Arc<AtomicI64>) -> Hub {
    let catalog = Catalog::open(Options {
        durability: catalog::Durability::UnsafeNone,
        ..Options::new(DatabaseUrl::sqlite(folder.join("catalog.db")))
    });
    let catalog = catalog.await.unwrap();
    catalog.migrate().await.unwrap();
    let store = LocalStore::open(LocalOptions {
        folder: folder.to_owned(),
        durability: content::Durability::UnsafeNone,
    });
    let content = Content::new(Arc::new(store.await.unwrap()));
    let time = Arc::clone(time);
    let clock: Clock = Arc::new(move || Millis(time.load(Ordering::Relaxed)));
    let password_cost = PasswordCost {
        memory_kib: 64,
        passes: 1,
    };
    let parts = HubParts {
        catalog,
        content,
        clock,
        keys: Keys::derive(b"a secret of the tests, long enough for them"),
        vault: content::Keyring::new([b"a key for tests".as_slice()]).expect("a key"),
        config: Config {
            password_cost,
            ..Config::default()
        },
        tasks: TaskTracker::new(),
    };
    Hub::open(parts).await.unwrap()
}

impl Ask {
    pub fn new(method: &'static str, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            kind: "",
            body: Vec::new(),
        }
    }

    pub fn get(target: impl Into<String>) -> Self {
        Self::new("GET", target)
    }

    pub fn json(mut self, body: &Value) -> Self {
        self.kind = "application/json";
        self.body = body.to_string().into_bytes();
        self
    }

    /// A form with text parts and then a file.
    pub fn form(mut self, texts: &[(&str, &str)], (name, content): (&str, &str)) -> Self {
        let mut body = String::new();
        for (field, text) in texts {
            body += &format!("--x\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{text}\r\n");
        }
        let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
        body += &format!("--x\r\n{head}\r\n\r\n{content}\r\n--x--\r\n");
        self.kind = "multipart/form-data; boundary=x";
        self.body = body.into_bytes();
        self
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub const fn is_success(&self) -> bool {
        self.status < 300
    }
}
