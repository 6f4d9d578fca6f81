//! Microsoft Graph v1.0: `OneDrive`, personal and in organizations, and Microsoft's OAuth.
//!
//! It listens on two ports, for the service has two origins: the API, and the one of downloads and uploads, which
//! takes no access tokens.

mod account;
mod address;
mod answer;
mod api;
mod contents;
mod control;
mod delta;
mod hash;
mod item;
mod items;
mod names;
mod notices;
mod oauth;
mod render;
mod sessions;
mod switches;
#[cfg(test)]
mod tests;
mod tree;
mod world;

pub use account::{GraphAccount, GraphEntry};
pub use hash::quick_xor_hash;
pub use item::DriveType;
pub use switches::GraphSwitches;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Request, header, request};
use http_body_util::BodyExt as _;

use crate::control::Switches;
use crate::oauth::{Keys, Tokens, bearer};
use crate::server::{Server, bind, origin_of, url_of};
use crate::{Core, Dice, FakeClock, Faults, Seen};
use answer::{Reply, Trouble};
use world::{Call, Shared, World};

/// How a fake begins.
#[derive(Clone, Debug)]
pub struct GraphOptions {
    /// Which service keeps the drives of accounts that are made.
    pub kind: DriveType,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where downloads and uploads listen.
    pub listen_files: SocketAddr,
    /// The time.
    pub clock: FakeClock,
    /// The app's public name.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: String,
    /// Where codes may be sent; anywhere if there is none.
    pub redirect_uris: Vec<String>,
    /// The app is of one tenant and does not answer to `common`.
    pub is_single_tenant: bool,
    /// Somebody looks at a page and chooses; otherwise the first account agrees at once, or the one in `login_hint`.
    pub shows_page: bool,
    /// Whether bytes are kept, or lengths and hashes only.
    pub keep_bytes: bool,
    /// From what ids and tokens follow.
    pub seed: u64,
}

impl Default for GraphOptions {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            kind: DriveType::Personal,
            listen: any,
            listen_files: any,
            clock: FakeClock::real(),
            client_id: "6731de76-14a6-49ae-97bc-6eba6914391e".to_owned(),
            client_secret: "graph-secret".to_owned(),
            redirect_uris: Vec::new(),
            is_single_tenant: false,
            shows_page: false,
            keep_bytes: true,
            seed: 1,
        }
    }
}

/// The service, running until it is dropped.
pub struct GraphFake {
    shared: Arc<Shared>,
    api: Server,
    files: Server,
}

impl GraphFake {
    /// Starts the service.
    ///
    /// # Panics
    /// When a port cannot be had.
    pub async fn start(options: GraphOptions) -> Self {
        let core = Core {
            clock: options.clock.clone(),
            ..Core::default()
        };
        let dice = Dice::new(options.seed);
        let files_listener = bind(options.listen_files).await.expect("the files' port is free");
        let listener = bind(options.listen).await.expect("the port is free");
        let shared = Arc::new(Shared {
            tokens: Tokens::new(core.clock.clone(), dice.clone(), core.record.clone()),
            keys: Keys::default(),
            switches: Switches::default(),
            files_url: url_of(&files_listener).expect("a listener has an address"),
            world: std::sync::Mutex::new(World::default()),
            core: core.clone(),
            dice,
            options,
        });
        let tokens = shared.tokens.clone();
        let account_of = Arc::new(move |headers: &HeaderMap| tokens.account_of(bearer(headers)?));
        let app = crate::control::router(core.clone(), shared.switches.clone())
            .merge(control::router(shared.clone()))
            .merge(Router::new().fallback(serve_api).with_state(shared.clone()));
        let files = Router::new().fallback(serve_files).with_state(shared.clone());
        let api = Server::start(listener, app, core.clone(), account_of).expect("a listener has an address");
        let files = Server::start(files_listener, files, core, Arc::new(|_| None))
            .expect("a listener has an address");
        Self { shared, api, files }
    }

    /// Where it is, such as `http://127.0.0.1:8091`.
    #[must_use]
    pub fn url(&self) -> String {
        self.api.url().to_owned()
    }

    /// Where downloads and uploads are.
    #[must_use]
    pub fn files_url(&self) -> String {
        self.files.url().to_owned()
    }

    /// The API's address, instead of `https://graph.microsoft.com/v1.0`.
    #[must_use]
    pub fn graph_url(&self) -> String {
        format!("{}/v1.0", self.api.url())
    }

    /// The address of the page where a person agrees.
    #[must_use]
    pub fn auth_url(&self) -> String {
        format!("{}/common/oauth2/v2.0/authorize", self.api.url())
    }

    /// The address where codes become tokens.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/common/oauth2/v2.0/token", self.api.url())
    }

    /// An account, which is made when it is new.
    #[must_use]
    pub fn account(&self, email: &str) -> GraphAccount {
        self.shared.clone().account(email)
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> FakeClock {
        self.shared.core.clock.clone()
    }

    /// Every access and refresh token that was ever given out: none of them may be met anywhere.
    #[must_use]
    pub fn tokens_given(&self) -> Vec<String> {
        self.shared.tokens.all()
    }

    /// The script of what goes wrong, at both origins.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.shared.core.faults.clone()
    }

    /// What the service can be told to do differently.
    #[must_use]
    pub fn switches(&self) -> Switches<GraphSwitches> {
        self.shared.switches.clone()
    }

    /// Every request to both origins, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.core.record.requests()
    }

    /// What no honest client does, in sentences.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.shared.core.record.violations()
    }

    /// Forgets requests and violations, so that a test sees its own only.
    pub fn forget_requests(&self) {
        self.shared.core.record.clear();
    }

    /// The next person who signs in does not agree; the app hears this error, such as `access_denied`.
    pub fn deny_next(&self, error: &str) {
        self.shared
            .with(|world| world.next_denial = Some(error.to_owned()));
    }

    /// The service signs with a new key from now on; whether it publishes the old ones still.
    pub fn rotate_keys(&self, keep_old: bool) {
        self.shared.keys.rotate(keep_old);
    }

    /// How many upload sessions are open.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        self.shared.with(|world| world.sessions.len())
    }

    /// Ends all upload sessions, as when they expire.
    pub fn forget_sessions(&self) {
        self.shared.with(|world| world.sessions.clear());
    }

    /// Serves until it is stopped from outside.
    pub async fn wait(&mut self) {
        self.api.wait().await;
    }
}

impl Shared {
    /// An account, which is made with its drive when it is new.
    pub(crate) fn account(self: Arc<Self>, email: &str) -> GraphAccount {
        let now_ms = self.core.clock.now();
        self.with(|world| {
            if world.accounts.contains_key(email) {
                return;
            }
            let number = world.accounts.len() as u64 + 1;
            let mut drive = tree::Drive::new(
                self.options.kind,
                self.options.seed.wrapping_mul(1000) + number,
                now_ms,
            );
            drive.keeps_bytes = self.options.keep_bytes;
            let account = world::Account {
                email: email.to_owned(),
                drive: drive.id.clone(),
                shared: std::collections::BTreeSet::new(),
                is_provisioned: false,
                number,
            };
            world.drives.insert(drive.id.clone(), drive);
            world.accounts.insert(email.to_owned(), account);
        });
        GraphAccount {
            shared: self,
            email: email.to_owned(),
        }
    }
}

impl std::fmt::Debug for GraphFake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GraphFake")
            .field("url", &self.api.url())
            .field("files_url", &self.files.url())
            .finish()
    }
}

async fn serve_api(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let now_ms = shared.core.clock.now();
    let Some(body) = whole(body).await else {
        return response(Trouble::invalid("The body ends too early.").reply(now_ms));
    };
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    if let Some(rest) = path.strip_prefix("/v1.0/") {
        return response(serve_graph(&shared, &head, &format!("/{rest}"), body).await);
    }
    if path == "/oidc/userinfo" {
        return response(userinfo(&shared, &head.headers));
    }
    let text = String::from_utf8_lossy(&body);
    let answered = oauth::serve(&shared, path, query, &head.headers, &text);
    response(answered.unwrap_or_else(|| Trouble::not_found().reply(now_ms)))
}

async fn serve_graph(shared: &Arc<Shared>, head: &request::Parts, path: &str, body: Bytes) -> Reply {
    let now_ms = shared.core.clock.now();
    let access = match access(shared, &head.headers) {
        Ok(access) => access,
        Err(trouble) => return trouble.reply(now_ms),
    };
    let query = head.uri.query().unwrap_or_default();
    let call = Call {
        method: head.method.clone(),
        path: path.to_owned(),
        query: query.to_owned(),
        pairs: crate::oauth::pairs(query),
        headers: head.headers.clone(),
        body,
        base: format!("{}/v1.0", origin_of(&head.headers)),
        account: access.grant.account,
    };
    api::answer(shared, &call, &access.grant.scopes).await
}

fn userinfo(shared: &Arc<Shared>, headers: &HeaderMap) -> Reply {
    let found = access(shared, headers).and_then(|access| {
        shared.with(|world| {
            let account = world
                .accounts
                .get(&access.grant.account)
                .ok_or_else(Trouble::not_found)?;
            let mut shown = oauth::profile(account);
            shown["sub"] = shown["id"].clone();
            Ok(Reply::json(200, &shown))
        })
    });
    found.unwrap_or_else(|trouble| trouble.reply(shared.core.clock.now()))
}

/// What the access token of a request is for.
fn access(shared: &Shared, headers: &HeaderMap) -> Result<crate::oauth::Access, Trouble> {
    let refuse = |text: &str, error: &str| {
        let challenge = format!(
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", error=\"{error}\""
        );
        Trouble::new(401, "InvalidAuthenticationToken", text).header("www-authenticate", challenge)
    };
    let token = bearer(headers).ok_or_else(|| refuse("Access token is empty.", "invalid_token"))?;
    match shared.tokens.access(token) {
        Some(access) => Ok(access),
        None if shared.tokens.account_of(token).is_some() => Err(refuse(
            "Lifetime validation failed, the token is expired.",
            "expired_token",
        )),
        None => Err(refuse("CompactToken parsing failed.", "invalid_token")),
    }
}

async fn serve_files(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let now_ms = shared.core.clock.now();
    let path_and_query = head
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let path = head.uri.path();
    let answered = if path.starts_with("/download/") {
        contents::download(&shared, path_and_query, &head.headers)
    } else if let Some(name) = path.strip_prefix("/monitor/") {
        items::monitor(&shared, name, head.headers.contains_key(header::AUTHORIZATION))
    } else if path.starts_with("/upload/") {
        // A fragment of which only a part came counts for nothing.
        let Some(body) = whole(body).await else {
            return response(Trouble::invalid("The body ends too early.").reply(now_ms));
        };
        let fragment = sessions::Fragment {
            method: head.method.clone(),
            path_and_query,
            headers: &head.headers,
            body,
        };
        sessions::serve(&shared, &fragment)
    } else {
        Err(Trouble::not_found())
    };
    response(answered.unwrap_or_else(|trouble| trouble.reply(now_ms)))
}

/// A body that came to its end.
async fn whole(body: Body) -> Option<Bytes> {
    body.collect().await.ok().map(http_body_util::Collected::to_bytes)
}

fn response(reply: Reply) -> Response {
    let mut response = Response::builder()
        .status(reply.status)
        .header("request-id", "00000000-feed-4bad-8bad-000000000000");
    for (name, value) in &reply.headers {
        // Names of files may hold what a header cannot; it is left out then.
        if let Ok(value) = http::HeaderValue::from_str(value) {
            response = response.header(name, value);
        }
    }
    response
        .body(Body::from(reply.body))
        .expect("every part was checked")
}
