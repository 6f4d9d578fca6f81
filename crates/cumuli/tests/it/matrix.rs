//! Every route and everybody: what each answers to whom, with nothing left out. The routes come from
//! the server's own document; a route without a row here, or a row without a route, fails.

pub mod policy;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::bad_input::missing_protection;
use crate::harness::Engine;
use crate::people::{Forger, Person, Town, now_secs};
use crate::tus::{self, TUS};
use crate::wire::{self, Request};
use policy::{About, Body, POLICY, Row};

/// Who asks, in the order of the answers in a row.
const WHO: [&str; 7] = [
    "nobody",
    "another person",
    "the owner",
    "an administrator",
    "an expired token",
    "a token that was logged out",
    "an app password",
];

/// The methods that a route could have.
const METHODS: [&str; 9] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
];

/// Values for the names in a row's templates.
pub type Names = BTreeMap<&'static str, String>;

/// The people of a matrix and what they prove themselves with.
struct Stage {
    town: Town,
    expired: String,
    revoked: String,
    app: String,
    /// Whom the owner gives things to.
    carol: Person,
    count: u32,
}

impl Stage {
    async fn on(engine: Engine) -> Self {
        let mut town = Town::on(engine).await;
        let revoked = town.alice.access.clone();
        town.alice
            .send(Request::new("POST", "/auth/logout"))
            .await
            .expect(204);
        town.alice.log_in().await;
        let forger = Forger::new(&town.alice.access);
        let then = now_secs() - 3600;
        let expired = forger.token(&forger.claims_with(&json!({"iat": then, "exp": then + 900})));
        let (_, app) = town.alice.app_password("matrix").await;
        let carol = Person::register(town.server.host(), "carol@example.org").await;
        Self {
            carol,
            town,
            expired,
            revoked,
            app,
            count: 0,
        }
    }

    /// The person behind one of [`WHO`]; the owner for those who are nobody any more.
    fn person(&self, who: usize) -> &Person {
        match who {
            1 => &self.town.bob,
            3 => &self.town.admin,
            _ => &self.town.alice,
        }
    }

    fn proven(&self, who: usize, request: Request) -> Request {
        match who {
            0 => request,
            4 => request.bearer(&self.expired),
            5 => request.bearer(&self.revoked),
            6 => request.header("Authorization", self.app.clone()),
            _ => request.bearer(&self.person(who).access),
        }
    }

    /// What who asks says of themselves, and names that nothing has yet.
    fn asker(&mut self, row: &Row, who: usize) -> Names {
        self.count += 1;
        let fresh = format!("fresh{}", self.count);
        let path = if row.path.starts_with("/assets") {
            "index.html"
        } else {
            &fresh
        };
        let asker = self.person(who);
        Names::from([
            ("path", path.to_owned()),
            ("file", "index.html".to_owned()),
            ("provider", "google".to_owned()),
            ("mirror", "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f".to_owned()),
            ("email", asker.email.clone()),
            ("password", asker.password.clone()),
            ("name", fresh.clone()),
            ("fresh", fresh),
        ])
    }

    /// Makes what a row is about, as its owner, and names it for the row's templates.
    async fn made(&mut self, row: &Row) -> Names {
        self.count += 1;
        let n = self.count;
        let mut names = Names::new();
        let alice = &self.town.alice;
        let node = |id: &str| format!("/api/v1/nodes/{id}");
        match row.about {
            About::Nothing => drop(names.insert("secret", "x".to_owned())),
            About::File => {
                let id = alice.file(&format!("file{n}"), b"one").await;
                let stored = format!("{}_file{n}", id.replace('-', ""));
                names.extend([("id", id.clone()), ("file_id", id), ("filename", stored)]);
            }
            About::Folder => {
                let id = alice.folder(&format!("folder{n}")).await;
                names.extend([("id", id.clone()), ("folder_id", id)]);
            }
            About::Version => {
                let id = alice.file(&format!("file{n}"), b"one").await;
                alice.file(&format!("file{n}"), b"two").await;
                names.extend([("id", id), ("number", "1".to_owned())]);
            }
            About::Trashed => {
                let id = alice.file(&format!("file{n}"), b"one").await;
                alice.send(Request::new("DELETE", &node(&id))).await.expect(204);
                names.insert("id", id);
            }
            About::Job => {
                let form = upload("/api/v1/upload", "root", &format!("file{n}"));
                let job = alice.send(form).await.expect(201).field("job_id");
                names.extend([("id", job.clone()), ("job_id", job)]);
            }
            About::Session => {
                let other = wire::send(self.town.server.host(), &alice.log_in_request())
                    .await
                    .expect(200);
                let sid = Forger::new(&other.field("access_token")).claims["sid"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                names.extend([("id", sid), ("refresh", other.field("refresh_token"))]);
            }
            About::AppPassword => drop(names.insert("id", alice.app_password("one").await.0)),
            About::Identity => drop(names.insert("number", "1".to_owned())),
            About::Connection => {
                names.insert("id", "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f".to_owned());
            }
            About::Share => {
                let file = alice.file(&format!("file{n}"), b"one").await;
                let body = json!({"node_id": file, "user_id": self.carol.id, "right": "view"});
                let share = alice
                    .send(Request::post("/api/v1/shares", &body))
                    .await
                    .expect(201);
                names.insert("id", share.field("id"));
            }
            About::Link => {
                let file = alice.file(&format!("file{n}"), b"one").await;
                let link = Request::post("/api/v1/links", &json!({"node_id": file}));
                let link = alice.send(link).await.expect(201).field("id");
                names.extend([("id", link), ("file_id", file)]);
            }
            About::FileLink => {
                let id = alice.file(&format!("file{n}"), b"one").await;
                let token = alice.link(&json!({"node_id": id, "mode": "edit"})).await;
                names.extend([("id", id), ("token", token)]);
            }
            About::FolderLink => {
                let folder = alice.folder(&format!("folder{n}")).await;
                let id = alice.folder_in(&folder, "inner").await;
                let token = alice.link(&json!({"node_id": folder, "mode": "edit"})).await;
                names.extend([("id", id), ("token", token)]);
            }
            About::LockedLink => {
                let id = alice.file(&format!("file{n}"), b"one").await;
                let body = json!({"node_id": id, "password": "open sesame"});
                names.insert("token", alice.link(&body).await);
            }
            About::Upload => {
                let begin = Request::new("POST", TUS)
                    .header("Tus-Resumable", "1.0.0")
                    .header("Upload-Length", "7")
                    .header(
                        "Upload-Metadata",
                        tus::metadata(&[("filename", &format!("file{n}"))]),
                    );
                let begun = alice.send(begin).await.expect(201);
                let id = begun.header("location").rsplit('/').next().unwrap().to_owned();
                names.insert("id", id);
            }
            About::Address => {
                let id = alice.file(&format!("file{n}"), b"one").await;
                let target = format!("/api/v1/files/{id}/url");
                let url = alice
                    .send(Request::post(&target, &json!({})))
                    .await
                    .expect(200)
                    .field("url");
                names.insert("secret", url.rsplit('/').next().unwrap().to_owned());
            }
            About::Owner => names.extend([("id", alice.id.clone()), ("user_id", alice.id.clone())]),
            About::User => {
                let body = json!({"email": format!("user{n}@example.org"), "password": "correct horse"});
                let made = self
                    .town
                    .admin
                    .send(Request::post("/api/v1/admin/users", &body))
                    .await
                    .expect(201);
                names.insert("id", made.field("user_id"));
            }
        }
        names
    }
}

/// A form that uploads a file into a folder.
fn upload(target: &str, folder: &str, name: &str) -> Request {
    let part =
        |head: &str, body: &str| format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n");
    let parts =
        part("name=\"folder_id\"", folder) + &part(&format!("name=\"file\"; filename=\"{name}\""), "x");
    Request::new("POST", target)
        .header("Content-Type", "multipart/form-data; boundary=x")
        .body(format!("{parts}--x--\r\n"))
}

/// A picture of one pixel.
pub const DOT: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// A template with its `{names}` filled in.
pub fn filled(template: &str, names: &Names) -> String {
    let mut text = template.to_owned();
    for (name, value) in names {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

pub fn request(row: &Row, names: &Names) -> Request {
    let target = filled(row.path, names) + &filled(row.query, names);
    let request = match row.path.starts_with(TUS) {
        false => Request::new(row.method, &target),
        true => Request::new(row.method, &target)
            .header("Tus-Resumable", "1.0.0")
            .header("X-HTTP-Method-Override", "HEAD"),
    };
    match row.body {
        Body::Begin => request
            .header("Upload-Length", "7")
            .header("Upload-Metadata", tus::metadata(&[("filename", &names["fresh"])])),
        Body::Piece => request
            .header("Content-Type", "application/offset+octet-stream")
            .header("Upload-Offset", "0")
            .body("content"),
        Body::None => request,
        Body::Bytes => request.body("content"),
        Body::Json(template) => request.text_json(filled(template, names)),
        Body::Form => {
            let folder = names.get("id").map_or("root", String::as_str);
            upload(&target, folder, &names["fresh"])
        }
        Body::Picture => request.body(DOT),
        Body::PictureForm => {
            let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"dot.gif\"\r\n\r\n";
            request
                .header("Content-Type", "multipart/form-data; boundary=x")
                .body([head.as_bytes(), DOT, b"\r\n--x--\r\n"].concat())
        }
    }
}

/// The paths of the server's document, each with its methods.
async fn documented(town: &Town) -> BTreeMap<String, BTreeMap<String, Value>> {
    let document = town.send(&Request::get("/openapi.json")).await.expect(200).json();
    let paths = document["paths"].as_object().unwrap().iter();
    let methods = |item: &Value| {
        let methods = item.as_object().unwrap().iter();
        methods
            .map(|(method, operation)| (method.to_uppercase(), operation.clone()))
            .collect()
    };
    paths.map(|(path, item)| (path.clone(), methods(item))).collect()
}

#[tokio::test]
async fn every_route_has_a_row_and_every_row_a_route() {
    let town = Town::on(Engine::Sqlite).await;
    let mut routes = BTreeSet::new();
    for (path, methods) in documented(&town).await {
        for (method, operation) in methods {
            let row = POLICY
                .iter()
                .find(|row| (row.method, row.path) == (method.as_str(), path.as_str()));
            // `{}` in a list of ways to prove oneself means: none is needed.
            let is_public = operation["security"] == json!([{}]);
            let needs_none = row.map(|row| row.answers[0] != 401);
            assert_eq!(
                needs_none,
                Some(is_public),
                "{method} {path}: no row, or the document is wrong"
            );
            routes.insert((method, path.clone()));
        }
    }
    let rows: BTreeSet<_> = POLICY
        .iter()
        .map(|row| (row.method.to_owned(), row.path.to_owned()))
        .collect();
    assert_eq!(rows, routes);
    assert_eq!(rows.len(), POLICY.len(), "two rows for one route");
}

/// Asks as everybody, those who are to be refused first; tells what is wrong with the answers.
async fn ask(stage: &mut Stage, row: &Row) -> Vec<String> {
    let shared = stage.made(row).await;
    let mut cells = Vec::new();
    for (who, expected) in row.answers.into_iter().enumerate() {
        // Who is refused leaves it as it is for the next.
        let mut names = match expected {
            400.. => shared.clone(),
            _ => stage.made(row).await,
        };
        names.extend(stage.asker(row, who));
        cells.push((expected, who, stage.proven(who, request(row, &names))));
    }
    cells.sort_by_key(|(expected, ..)| *expected < 400);
    let before = stage.town.state().await;
    let mut after = None;
    let mut wrong = Vec::new();
    for (expected, who, request) in cells {
        if expected < 400 && after.is_none() {
            after = Some(stage.town.state().await);
        }
        let reply = match row.path {
            "/api/v1/events" => wire::head(stage.town.server.host(), &request).await,
            _ => stage.town.send(&request).await,
        };
        if reply.status != expected {
            let text = reply.text();
            wrong.push(format!(
                "by {}: {} instead of {expected} ({text})",
                WHO[who], reply.status
            ));
        }
        let faults = missing_protection(&reply).into_iter();
        wrong.extend(faults.map(|fault| format!("by {}: {fault}", WHO[who])));
        if row.ends_session && reply.status < 300 {
            match who {
                1 => stage.town.bob.log_in().await,
                2 => stage.town.alice.log_in().await,
                3 => stage.town.admin.log_in().await,
                _ => wrong.push(format!("{} ended a session that is not there", WHO[who])),
            }
        }
    }
    let after = match after {
        Some(after) => after,
        None => stage.town.state().await,
    };
    if after != before {
        wrong.push(format!("who was refused changed {before} into {after}"));
    }
    wrong
}

#[tokio::test]
async fn every_route_answers_everybody_as_its_row_says() {
    let mut stage = Stage::on(Engine::strictest()).await;
    let mut wrong = Vec::new();
    for row in POLICY {
        let faults = ask(&mut stage, row).await.into_iter();
        wrong.extend(faults.map(|fault| format!("{} {} {fault}", row.method, row.path)));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test]
async fn what_the_document_does_not_have_is_not_there() {
    let town = Town::on(Engine::Sqlite).await;
    let mut wrong = Vec::new();
    for (path, methods) in documented(&town).await {
        let mut allowed: BTreeSet<&str> = methods.keys().map(String::as_str).collect();
        if allowed.contains("GET") {
            allowed.insert("HEAD");
        }
        let target = path.replace(['{', '}'], "");
        for method in METHODS.iter().filter(|method| !allowed.contains(**method)) {
            let reply = town.admin.send(Request::new(method, &target)).await;
            let allow: BTreeSet<&str> = reply.header("allow").split(',').map(str::trim).collect();
            if reply.status != 405 || allow != allowed {
                wrong.push(format!(
                    "{method} {path}: {} with Allow: {allow:?}, not {allowed:?}",
                    reply.status
                ));
            }
        }
    }
    for guess in GUESSES {
        for method in ["GET", "POST", "PUT", "DELETE"] {
            let reply = town.admin.send(Request::new(method, guess)).await;
            if reply.status != 404 {
                wrong.push(format!("{method} {guess}: {}", reply.status));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// Where others keep what we must not have, or not yet.
const GUESSES: [&str; 42] = [
    "/api",
    "/api/",
    "/api/v1",
    "/api/v1/",
    "/api/v2/files",
    "/v1/files",
    "/admin",
    "/api/v1/admin",
    "/api/v1/admin/",
    "/api/v1/admin/settings",
    "/api/v1/admin/logs",
    "/api/v1/admin/jobs",
    "/api/v1/admin/spaces",
    "/api/v1/users",
    "/api/v1/spaces",
    "/s",
    "/s/x/y",
    "/api/v1/blobs",
    "/blob",
    "/api/v1/config",
    "/api/v1/settings",
    "/api/v1/debug",
    "/debug",
    "/debug/pprof",
    "/actuator",
    "/actuator/env",
    "/env",
    "/.env",
    "/status",
    "/healthz/x",
    "/metrics/x",
    "/setup",
    "/auth",
    "/auth/",
    "/auth/reset",
    "/auth/token",
    "/auth/users",
    "/auth/google",
    "/graphql",
    "/dav",
    "/dav/",
    "/remote.php/dav",
];
