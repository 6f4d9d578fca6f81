//! A server with people on it: an administrator, and two who have nothing to do with one another.

use std::sync::Mutex;

use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::harness::{Builder, Engine, Server};
use crate::wire::{self, Reply, Request};

/// The secret that the server signs with, so that tests can sign too.
pub const SECRET_KEY: &str = "tests know this secret, nobody else would use it";

/// A server and three people.
pub struct Town {
    pub server: Server,
    pub admin: Person,
    pub alice: Person,
    pub bob: Person,
}

/// Somebody with an account.
pub struct Person {
    host: String,
    pub email: String,
    pub password: String,
    pub id: String,
    pub root: String,
    pub access: String,
    pub refresh: String,
    /// Up to where the journal was looked at.
    seen: Mutex<Option<String>>,
}

impl Town {
    /// A fresh server with the three.
    pub async fn on(engine: Engine) -> Self {
        Self::with(Server::on(engine)).await
    }

    /// The same, for what is asked of one engine alone.
    pub async fn start() -> Self {
        Self::on(Engine::strictest()).await
    }

    /// The same with settings of its own.
    pub async fn with(builder: Builder) -> Self {
        let server = builder.set("SECRET_KEY", SECRET_KEY).start().await;
        let host = server.host().to_owned();
        // The first to come becomes the administrator.
        let admin = Person::register(&host, "admin@example.org").await;
        let alice = Person::register(&host, "alice@example.org").await;
        let bob = Person::register(&host, "bob@example.org").await;
        Self {
            server,
            admin,
            alice,
            bob,
        }
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: &Request) -> Reply {
        wire::send(self.server.host(), request).await
    }

    /// What no refused request may change: accounts, what they store, and the ends of the journals.
    pub async fn state(&self) -> Value {
        let users = self.admin.get("/api/v1/admin/users?limit=1000").await.expect(200);
        json!({
            "users": users.json()["users"],
            "alice": self.alice.journal_end().await,
            "bob": self.bob.journal_end().await,
        })
    }
}

impl Person {
    /// Makes an account over the wire.
    pub async fn register(host: &str, email: &str) -> Self {
        let password = format!("{email} has a long password");
        let body = json!({"email": email, "password": password, "full_name": "Somebody"});
        let reply = wire::send(host, &Request::post("/auth/register", &body))
            .await
            .expect(201);
        let mut person = Self {
            host: host.to_owned(),
            email: email.to_owned(),
            password,
            id: reply.field("user_id"),
            root: String::new(),
            access: reply.field("access_token"),
            refresh: reply.field("refresh_token"),
            seen: Mutex::new(None),
        };
        person.root = person.get("/api/v1/me").await.expect(200).field("root_id");
        person
    }

    /// Speaks to the server at its new address from now on.
    pub fn move_to(&mut self, host: &str) {
        host.clone_into(&mut self.host);
    }

    /// Signs in again, with new tokens.
    pub async fn log_in(&mut self) {
        let reply = wire::send(&self.host, &self.log_in_request()).await.expect(200);
        self.access = reply.field("access_token");
        self.refresh = reply.field("refresh_token");
    }

    pub fn log_in_request(&self) -> Request {
        let body = json!({"email": self.email, "password": self.password});
        Request::post("/auth/login", &body)
    }

    /// Sends a request with this person's access token.
    pub async fn send(&self, request: Request) -> Reply {
        wire::send(&self.host, &request.bearer(&self.access)).await
    }

    pub async fn get(&self, target: &str) -> Reply {
        self.send(Request::get(target)).await
    }

    /// Makes a folder in the root; answers its id.
    pub async fn folder(&self, name: &str) -> String {
        self.folder_in("root", name).await
    }

    /// Makes a folder; answers its id.
    pub async fn folder_in(&self, parent: &str, name: &str) -> String {
        let body = json!({"parent_id": parent, "name": name});
        self.send(Request::post("/api/v1/folders", &body))
            .await
            .expect(201)
            .field("id")
    }

    /// Stores a file in the root; answers its id.
    pub async fn file(&self, name: &str, content: &[u8]) -> String {
        let target = format!("/api/v1/folders/root/files/{name}");
        let reply = self.send(Request::put(&target, content)).await;
        assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
        reply.field("id")
    }

    /// Makes a public link; answers its token.
    pub async fn link(&self, body: &Value) -> String {
        let made = self.send(Request::post("/api/v1/links", body)).await;
        made.expect(201).field("token")
    }

    /// Makes a session of the page; answers its cookie as `name=value`.
    pub async fn cookie(&self) -> String {
        let body = json!({"email": self.email, "password": self.password});
        let reply = wire::send(&self.host, &Request::post("/auth/session", &body))
            .await
            .expect(200);
        reply.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    /// Makes an app password; answers its id and the header that uses it.
    pub async fn app_password(&self, label: &str) -> (String, String) {
        let body = json!({"label": label});
        let reply = self
            .send(Request::post("/api/v1/app-passwords", &body))
            .await
            .expect(201);
        (reply.field("id"), basic(&self.email, &reply.field("password")))
    }

    /// The end of this person's journal.
    async fn journal_end(&self) -> Value {
        loop {
            let from = self.seen.lock().unwrap().clone();
            let from = from.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
            let page = self
                .get(&format!("/api/v1/changes?limit=1000{from}"))
                .await
                .expect(200)
                .json();
            let next = page["next_cursor"].as_str().unwrap().to_owned();
            *self.seen.lock().unwrap() = Some(next.clone());
            if page["has_more"] == json!(false) {
                return json!(next);
            }
        }
    }
}

/// A header of HTTP Basic.
pub fn basic(email: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{email}:{password}")))
}

/// Signs what the server would sign, and what it never would.
pub struct Forger {
    key: [u8; 32],
    /// The claims of a good token.
    pub claims: Value,
}

impl Forger {
    /// Learns from a good token.
    pub fn new(access: &str) -> Self {
        let claims = access.split('.').nth(1).unwrap();
        Self {
            key: access_key(SECRET_KEY.as_bytes()),
            claims: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap(),
        }
    }

    /// The claims with some of them changed; `null` takes one away.
    pub fn claims_with(&self, changes: &Value) -> Value {
        let mut claims = self.claims.clone();
        for (name, value) in changes.as_object().unwrap() {
            let all = claims.as_object_mut().unwrap();
            match value {
                Value::Null => all.remove(name),
                value => all.insert(name.clone(), value.clone()),
            };
        }
        claims
    }

    /// A token with the header of a good one and these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.signed(&json!({"alg": "HS256", "typ": "at+jwt"}), &claims.to_string())
    }

    /// A token of these two parts, rightly signed.
    pub fn signed(&self, header: &Value, claims: &str) -> String {
        sign(&self.key, header, claims)
    }
}

/// A JWT signed with any key, HS256 whatever its header says.
pub fn sign(key: &[u8], header: &Value, claims: &str) -> String {
    let parts = [header.to_string(), claims.to_owned()].map(|part| URL_SAFE_NO_PAD.encode(part));
    let message = parts.join(".");
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// The key of access tokens that a server with this secret has.
pub fn access_key(secret: &[u8]) -> [u8; 32] {
    struct Length;
    impl hkdf::KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"cumuli").extract(secret);
    let mut key = [0; 32];
    prk.expand(&[b"access token v1"], Length)
        .unwrap()
        .fill(&mut key)
        .unwrap();
    key
}

/// Now, in seconds since 1970.
pub fn now_secs() -> i64 {
    jiff::Timestamp::now().as_second()
}
