//! Google Drive v3, the part of v2 that writes under a condition, and Google's OAuth.
//!
//! Names may occur twice, a folder deleted takes everything along, lists lag behind, answers get lost: see
//! [`DriveSwitches`] and [`crate::Faults`]. What is not part of the fake is answered with 404 and is a wrong in the
//! record, so that nobody relies on it unseen.

mod account;
mod answer;
mod batch;
mod call;
mod changes;
mod channels;
mod download;
mod drives;
mod edits;
mod fields;
mod file;
mod list;
mod query;
mod render;
mod revisions;
mod session;
mod sign_in;
mod switches;
#[cfg(test)]
mod tests;
mod upload;
mod v2;
mod world;
mod write;

pub use account::{DriveAccount, DriveEntry};
pub use channels::Push;
pub use switches::{DriveSwitches, IfMatch};

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Request};
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::JoinHandle;
use tower::{ServiceExt as _, service_fn};
use tower_http::compression::Compression;

use crate::control::Switches;
use crate::oauth::{Client, Keys, Tokens, bearer};
use crate::server::{AccountOf, Server, bind};
use crate::{Core, Dice, FakeClock, Faults, Seen};
use answer::{Fail, json_response};
use call::{Call, Caller};
use channels::{Channels, deliver};
use file::File;
use list::Listing;
use render::View;
use session::Kept;
use upload::Api;
use world::World;

/// How a fake begins.
#[derive(Debug, Clone)]
pub struct DriveOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The time.
    pub clock: FakeClock,
    /// The app's public name.
    pub client_id: String,
    /// The app's secret.
    pub client_secret: String,
    /// Where codes may be sent; anywhere if there is none.
    pub redirect_uris: Vec<String>,
    /// Whether consent is given at once, or by a person on a page.
    pub auto_approve: bool,
    /// Who is signed in at Google, and consents where an app names nobody.
    pub signed_in: String,
    /// Whether the bytes of uploads are kept, or only their lengths and digests.
    pub keep_bytes: bool,
    /// What ids and tokens follow from.
    pub seed: u64,
}

impl Default for DriveOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            clock: FakeClock::real(),
            client_id: "1234567890-fake.apps.googleusercontent.com".to_owned(),
            client_secret: "GOCSPX-fake-secret".to_owned(),
            redirect_uris: Vec::new(),
            auto_approve: true,
            signed_in: "ada@gmail.com".to_owned(),
            keep_bytes: true,
            seed: 1,
        }
    }
}

/// Google on this machine, until dropped.
pub struct DriveFake {
    drive: Drive,
    server: Server,
    sender: JoinHandle<()>,
}

/// What all requests share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Drive(Arc<Inner>);

pub(crate) struct Inner {
    core: Core,
    switches: Switches<DriveSwitches>,
    tokens: Tokens,
    keys: Keys,
    client: Client,
    dice: Dice,
    auto_approve: bool,
    signed_in: String,
    keeps_bytes: bool,
    world: Mutex<World>,
    sessions: Mutex<HashMap<String, Kept>>,
    listings: Mutex<HashMap<String, Listing>>,
    change_tokens: Mutex<HashMap<String, (String, u64)>>,
    consented: Mutex<HashSet<String>>,
}

impl Deref for Drive {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Drop for DriveFake {
    fn drop(&mut self) {
        self.sender.abort();
    }
}

impl DriveFake {
    /// Starts it.
    ///
    /// # Panics
    /// If it cannot listen there.
    pub async fn start(options: DriveOptions) -> Self {
        let core = Core {
            clock: options.clock,
            ..Core::default()
        };
        let dice = Dice::new(options.seed);
        let (out, pushes) = unbounded_channel();
        let drive = Drive(Arc::new(Inner {
            tokens: Tokens::new(core.clock.clone(), dice.clone(), core.record.clone()),
            world: Mutex::new(World::new(dice.clone(), Channels::new(out))),
            core: core.clone(),
            switches: Switches::default(),
            keys: Keys::default(),
            client: Client {
                id: options.client_id,
                secret: options.client_secret,
                redirect_uris: options.redirect_uris,
            },
            dice,
            auto_approve: options.auto_approve,
            signed_in: options.signed_in,
            keeps_bytes: options.keep_bytes,
            sessions: Mutex::default(),
            listings: Mutex::default(),
            change_tokens: Mutex::default(),
            consented: Mutex::default(),
        }));
        let tokens = drive.tokens.clone();
        let account_of: AccountOf = Arc::new(move |headers: &HeaderMap| tokens.account_of(bearer(headers)?));
        let app = Router::new()
            .fallback(serve)
            .with_state(drive.clone())
            .merge(edits::router(drive.clone()))
            .merge(crate::control::router(core.clone(), drive.switches.clone()));
        let listener = bind(options.listen).await.expect("the address is free");
        let server = Server::start(listener, app, core, account_of).expect("a listener has an address");
        let sender = tokio::spawn(deliver(pushes, drive.switches.clone()));
        Self {
            drive,
            server,
            sender,
        }
    }

    /// Its address, such as `http://127.0.0.1:8090`. `/drive/v3`, `/upload/drive/v3`, `/o/oauth2/v2/auth`, `/token`,
    /// `/revoke` and `/oauth2/v3/certs` are below.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url().to_owned()
    }

    /// Somebody's drive, made if it is new: what other programs and people do with it.
    #[must_use]
    pub fn account(&self, email: &str) -> DriveAccount {
        DriveAccount::new(self.drive.clone(), email)
    }

    /// A drive that belongs to a group, made new. Returns its id, which is that of its top folder too.
    #[must_use]
    pub fn make_shared_drive(&self, name: &str, members: &[&str]) -> String {
        self.drive
            .world()
            .make_drive(name, members, self.drive.core.clock.now())
    }

    /// Its time.
    #[must_use]
    pub fn clock(&self) -> FakeClock {
        self.drive.core.clock.clone()
    }

    /// Every access and refresh token that was ever given out: none of them may be met anywhere.
    #[must_use]
    pub fn tokens_given(&self) -> Vec<String> {
        self.drive.tokens.all()
    }

    /// The script of what goes wrong.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.drive.core.faults.clone()
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.drive.core.record.requests()
    }

    /// What no honest client does, and one did.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.drive.core.record.violations()
    }

    /// Every message on every channel so far, also those that were lost.
    #[must_use]
    pub fn pushes(&self) -> Vec<Push> {
        self.drive.world().channels.pushes.clone()
    }

    /// How many channels are open.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.drive.world().channels.count(self.drive.core.clock.now())
    }

    /// Forgets requests and violations, so that a test sees its own only.
    pub fn forget_requests(&self) {
        self.drive.core.record.clear();
    }

    /// What it is told to do differently.
    #[must_use]
    pub fn switches(&self) -> Switches<DriveSwitches> {
        self.drive.switches.clone()
    }

    /// Forgets all uploads that are under way.
    pub fn forget_sessions(&self) {
        self.drive.forget_sessions();
    }

    /// Signs ID tokens with a new key from now on; the old one stays published if `keep_old`.
    pub fn rotate_keys(&self, keep_old: bool) {
        self.drive.keys.rotate(keep_old);
    }

    /// Serves until it is stopped from outside.
    pub async fn wait(&mut self) {
        self.server.wait().await;
    }
}

async fn serve(State(drive): State<Drive>, request: Request<Body>) -> Response {
    if !drive.switches.get().gzip {
        return drive.answer(request).await;
    }
    let inner = service_fn(|request| async { Ok::<_, Infallible>(drive.answer(request).await) });
    let answered = Compression::new(inner).oneshot(request).await;
    answered.map_or_else(|never| match never {}, |response| response.map(Body::new))
}

impl Drive {
    /// The answer to any request outside of `/_fake/`.
    async fn answer(&self, request: Request<Body>) -> Response {
        let call = Call::new(request, &self.core.record);
        for name in ["access_token", "oauth_token"] {
            if call.parameter(name).is_some() {
                self.core
                    .record
                    .violation(format!("`{name}` in an address, where it ends in logs"));
            }
        }
        let answered = self.route(call).await;
        answered.unwrap_or_else(|fail| fail.response())
    }

    async fn route(&self, call: Call) -> Result<Response, Fail> {
        let segments = call.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let method = call.method.clone();
        match (method.as_str(), &segments[..]) {
            ("GET", ["o", "oauth2", "v2", "auth"]) => Ok(self.authorize(&call)),
            ("POST", ["token"]) => self.token(call).await,
            ("POST", ["revoke"]) => self.revoke(call).await,
            ("GET", ["oauth2", "v3", "certs"]) => Ok(self.certs()),
            ("GET", [".well-known", "openid-configuration"]) => Ok(Self::discovery(&call.origin)),
            ("GET", ["v1", "userinfo"]) => self.userinfo(&call.headers),
            ("POST", ["batch", "drive", "v3"]) => self.batch(call).await,
            (_, ["upload", "drive", version @ ("v2" | "v3"), "files"]) => {
                let caller = self.caller(&call.headers);
                self.upload(api(version), None, call, caller).await
            }
            (_, ["upload", "drive", version @ ("v2" | "v3"), "files", id]) => {
                let caller = self.caller(&call.headers);
                self.upload(api(version), Some(id), call, caller).await
            }
            ("GET", ["drive", "v2", "files", id]) => {
                let caller = self.caller(&call.headers)?;
                self.get_v2(id, &call, &caller)
            }
            (method, ["drive", "v3", rest @ ..]) => {
                let caller = self.caller(&call.headers)?;
                self.route_v3(method, rest, call, &caller).await
            }
            _ => Err(self.unknown(&call)),
        }
    }

    async fn route_v3(
        &self,
        method: &str,
        segments: &[&str],
        call: Call,
        caller: &Caller,
    ) -> Result<Response, Fail> {
        match (method, segments) {
            ("GET", ["about"]) => self.about(&call, caller),
            ("GET", ["changes", "startPageToken"]) => self.start_page_token(&call, caller),
            ("GET", ["changes"]) => self.list_changes(&call, caller),
            ("POST", ["changes", "watch"]) => self.watch_changes(call, caller).await,
            ("POST", ["channels", "stop"]) => self.stop_channel(call).await,
            ("GET", ["drives"]) => self.list_drives(&call, caller),
            ("GET", ["drives", id]) => self.get_drive(id, &call, caller),
            ("GET", ["files"]) => self.list_files(&call, caller),
            ("POST", ["files"]) => self.create_file(call, caller).await,
            ("GET", ["files", "generateIds"]) => self.generate_ids(&call),
            ("DELETE", ["files", "trash"]) => Ok(self.empty_trash(&call, caller)),
            ("GET", ["files", id]) => self.get_file(id, &call, caller),
            ("PATCH", ["files", id]) => self.update_file(id, call, caller).await,
            ("DELETE", ["files", id]) => self.delete_file(id, &call, caller),
            ("POST", ["files", id, "copy"]) => self.copy_file(id, call, caller).await,
            ("POST", ["files", id, "watch"]) => self.watch_file(id, call, caller).await,
            ("GET", ["files", id, "export"]) => self.export(id, &call, caller),
            ("GET", ["files", id, "revisions"]) => self.list_revisions(id, &call, caller),
            ("GET", ["files", id, "revisions", one]) => self.get_revision(id, one, &call, caller),
            ("PATCH", ["files", id, "revisions", one]) => self.update_revision(id, one, call, caller).await,
            ("DELETE", ["files", id, "revisions", one]) => self.delete_revision(id, one, &call, caller),
            _ => Err(self.unknown(&call)),
        }
    }

    fn unknown(&self, call: &Call) -> Fail {
        let text = format!("{} {} is not part of the fake", call.method, call.path);
        self.core.record.violation(text.clone());
        Fail::new(404, "notFound", text)
    }

    /// `GET about`.
    fn about(&self, call: &Call, caller: &Caller) -> Result<Response, Fail> {
        call.expect("");
        if call.parameter("fields").is_none() {
            let message = "The 'fields' parameter is required for this method.";
            return Err(Fail::new(400, "required", message).at("fields"));
        }
        let mask = call.mask("About", "*")?;
        let world = self.world();
        let me = world.known(&caller.email).ok_or_else(Fail::unauthorized)?;
        let switches = self.switches.get();
        let shown = self.view(&world, &switches, caller, &call.origin).about(me);
        Ok(json_response(200, &mask.prune(shown)))
    }

    /// A file that the caller sees.
    fn find<'w>(
        &self,
        world: &'w World,
        caller: &Caller,
        id: &str,
        all_drives: bool,
    ) -> Result<&'w File, Fail> {
        let id = self.real_id(world, caller, id);
        let file = world.file(&id).filter(|file| sees(world, caller, file));
        let file = file.filter(|file| all_drives || file.drive_id.is_none());
        file.ok_or_else(|| Fail::not_found(&id))
    }

    /// The id that stands behind `root`.
    fn real_id(&self, world: &World, caller: &Caller, id: &str) -> String {
        let root = world
            .known(&caller.email)
            .filter(|_| id == "root")
            .map(|me| me.root.clone());
        root.unwrap_or_else(|| id.to_owned())
    }

    fn view<'a>(
        &self,
        world: &'a World,
        switches: &'a DriveSwitches,
        caller: &'a Caller,
        origin: &'a str,
    ) -> View<'a> {
        View {
            world,
            email: &caller.email,
            switches,
            origin,
        }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        lock(&self.sessions)
    }

    fn listings(&self) -> MutexGuard<'_, HashMap<String, Listing>> {
        lock(&self.listings)
    }

    fn change_tokens(&self) -> MutexGuard<'_, HashMap<String, (String, u64)>> {
        lock(&self.change_tokens)
    }

    fn consented(&self) -> MutexGuard<'_, HashSet<String>> {
        lock(&self.consented)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics while holding it")
}

fn api(version: &str) -> Api {
    if version == "v2" { Api::V2 } else { Api::V3 }
}

/// Whether a file is there for the caller, with what they allowed the app.
fn sees(world: &World, caller: &Caller, file: &File) -> bool {
    (!caller.is_narrow || file.is_of_app) && world.right(&caller.email, file).is_some()
}
