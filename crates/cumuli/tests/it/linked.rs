//! Linked clouds through the real program: the way of a browser, the older documents, and what a kill or a look at
//! logs and backups must not show.

use fake_clouds::drive::{DriveFake, DriveOptions};
use fake_clouds::graph::{GraphFake, GraphOptions};
use reqwest::header;
use serde_json::{Value, json};

use crate::harness::emulators::azurite::Azurite;
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Builder, Client, Engine, Server, until};

/// Who consents at Google, and who at Microsoft.
pub const PEOPLE: [&str; 2] = ["ada@gmail.com", "ada@outlook.com"];

pub struct Clouds {
    pub google: DriveFake,
    pub microsoft: GraphFake,
}

impl Clouds {
    pub async fn start() -> Self {
        let clouds = Self {
            google: DriveFake::start(DriveOptions::default()).await,
            microsoft: GraphFake::start(GraphOptions::default()).await,
        };
        clouds.microsoft.account(PEOPLE[1]).sign_in_next();
        clouds
    }

    /// A server that takes them for Google and Microsoft.
    pub async fn server(&self, engine: Engine) -> Server {
        self.builder(engine).start().await
    }

    /// The same, to be set up further.
    pub fn builder(&self, engine: Engine) -> Builder {
        let google = self.google.url();
        let microsoft = self.microsoft.url();
        let (by_google, by_microsoft) = (DriveOptions::default(), GraphOptions::default());
        let back = |provider: &str| format!("http://localhost:8000/auth/{provider}/callback");
        Server::on(engine)
            .set("GOOGLE_REDIRECT_URI", back("google"))
            .set("ONEDRIVE_REDIRECT_URI", back("onedrive"))
            .set("GOOGLE_CLIENT_ID", by_google.client_id)
            .set("GOOGLE_CLIENT_SECRET", by_google.client_secret)
            .set("CUMULI_GOOGLE_API_URL", &google)
            .set("CUMULI_GOOGLE_AUTH_URL", format!("{google}/o/oauth2/v2/auth"))
            .set("CUMULI_GOOGLE_TOKEN_URL", format!("{google}/token"))
            .set("CUMULI_GOOGLE_REVOKE_URL", format!("{google}/revoke"))
            .set("CUMULI_GOOGLE_JWKS_URL", format!("{google}/oauth2/v3/certs"))
            .set("ONEDRIVE_CLIENT_ID", by_microsoft.client_id)
            .set("ONEDRIVE_CLIENT_SECRET", by_microsoft.client_secret)
            .set("CUMULI_GRAPH_URL", self.microsoft.graph_url())
            .set("CUMULI_MICROSOFT_AUTH_URL", self.microsoft.auth_url())
            .set("CUMULI_MICROSOFT_TOKEN_URL", self.microsoft.token_url())
            .set(
                "CUMULI_MICROSOFT_ISSUER",
                format!("{microsoft}/{{tenantid}}/v2.0"),
            )
    }
}

/// A browser: it follows, keeps cookies by host, and shows where it ended. What it asks of `localhost` is asked of the
/// server, wherever it listens.
pub struct Browser {
    http: reqwest::Client,
    server: String,
    cookies: Vec<(String, String)>,
}

impl Browser {
    pub fn new(server: &Server) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        Self {
            http: http.build().unwrap(),
            server: server.address().to_owned(),
            cookies: Vec::new(),
        }
    }

    /// Goes to a place and on until nothing leads further: the status and the last address.
    pub async fn go(&mut self, place: &str, token: Option<&str>) -> (u16, String) {
        let mut place = place.to_owned();
        let mut token = token;
        for _ in 0..10 {
            let url = reqwest::Url::parse(&place).unwrap();
            let host = url.host_str().unwrap().to_owned();
            let is_ours =
                format!("{}://{}", url.scheme(), url.authority()) == self.server || host == "localhost";
            let mut asked = url.clone();
            if is_ours {
                let server = reqwest::Url::parse(&self.server).unwrap();
                asked.set_host(server.host_str()).unwrap();
                asked.set_port(server.port()).unwrap();
            }
            let mut request = self.http.get(asked).header(header::ACCEPT, "text/html");
            if is_ours {
                let kept = self.cookies.iter().filter(|(of, _)| *of == host);
                let kept: Vec<&str> = kept.map(|(_, cookie)| cookie.as_str()).collect();
                request = request
                    .header(header::HOST, url.authority())
                    .header(header::COOKIE, kept.join("; "));
                if let Some(token) = token.take() {
                    request = request.bearer_auth(token);
                }
            }
            let answer = request.send().await.unwrap();
            for cookie in answer.headers().get_all(header::SET_COOKIE) {
                let pair = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
                self.cookies.push((host.clone(), pair));
            }
            let Some(next) = answer.headers().get(header::LOCATION) else {
                return (answer.status().as_u16(), place);
            };
            place = url.join(next.to_str().unwrap()).unwrap().into();
        }
        panic!("it is led in circles to {place}");
    }
}

async fn connections(who: &Client) -> Vec<Value> {
    let list = who.get("/api/v1/connections").await.expect(200).json();
    list["connections"].as_array().unwrap().clone()
}

async fn id_of(who: &Client) -> String {
    who.get("/api/v1/me").await.expect(200).json()["user_id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Waits until everything in a connection was looked at, and answers the names in its root.
async fn seen(who: &Client, id: &str) -> Vec<String> {
    let path = format!("/api/v1/connections/{id}/items");
    until(async || who.get(&path).await.expect(200).json()["filling"] == false).await;
    let page = who.get(&path).await.expect(200).json();
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|item| item["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_drive_is_linked_as_the_older_document_says_and_shown() {
    for engine in Engine::all() {
        let clouds = Clouds::start().await;
        let account = clouds.google.account(PEOPLE[0]);
        let file = account.create_file(&account.root(), "a.txt", "from there");
        let server = clouds.server(engine).await;
        let ada = server.user("ada@example.org").await;
        let eve = server.user("eve@example.org").await;
        let user = id_of(&ada).await;
        let start = format!("{}/auth/google/start?user_id={user}", server.address());

        // Not for somebody else, and not without signing in.
        let mut browser = Browser::new(&server);
        assert_eq!(browser.go(&start, Some(eve.token())).await.0, 404);
        let (_, place) = browser.go(&start, None).await;
        assert!(place.contains("/#/continue/%2Fauth%2Fgoogle%2Fstart"), "{place}");

        let (status, place) = browser.go(&start, Some(ada.token())).await;
        assert!(
            status == 200 && place.ends_with("/#/connections"),
            "{status} {place}"
        );
        let all = connections(&ada).await;
        assert_eq!((all.len(), &all[0]["account"]), (1, &json!(PEOPLE[0])));
        assert!(connections(&eve).await.is_empty());
        let id = all[0]["id"].as_str().unwrap();
        assert_eq!(seen(&ada, id).await, ["a.txt"]);
        let status = format!("/auth/google/status/{user}");
        assert_eq!(ada.get(&status).await.expect(200).json()["connected"], true);
        eve.get(&status).await.expect(404);

        let content = format!("/api/v1/connections/{id}/items/content?item={file}");
        assert_eq!(ada.get(&content).await.expect(200).text(), "from there");
        eve.get(&content).await.expect(404);

        // The copy of a file here, by its address alone.
        ada.put("/api/v1/paths/mine.txt", "from there").await.expect(201);
        let mine = ada.get("/api/v1/resolve?path=/mine.txt").await.expect(200).json();
        let mine = mine["id"].as_str().unwrap();
        let there = format!("/api/v1/files/{mine}?download=true&from_storage=google");
        let copy = ada.get(&there).await.expect(200).json();
        let address = copy["download_url"].as_str().unwrap();
        assert_eq!(
            reqwest::get(address).await.unwrap().text().await.unwrap(),
            "from there"
        );
        let none = format!("/api/v1/files/{mine}?download=true&from_storage=onedrive");
        ada.get(&none).await.expect(404);

        // Killed and started again it goes on.
        let mut server = server;
        server.kill().await;
        let _ = account.create_file(&account.root(), "b.txt", "later");
        server.restart().await;
        let ada = server.again(&ada);
        ada.post(&format!("/api/v1/connections/{id}/refresh"), &json!({}))
            .await
            .expect(202);
        until(async || seen(&ada, id).await.len() == 2).await;
        assert_eq!(clouds.google.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn the_hub_of_connectors_signs_people_in_and_links_their_drives() {
    let clouds = Clouds::start().await;
    let server = clouds.server(Engine::Sqlite).await;
    let admin = server.user("admin@example.org").await;
    let config = server.client().get("/config").await.expect(200).json();
    assert_eq!(config["available_providers"], json!(["google", "onedrive"]));
    for provider in ["google", "onedrive"] {
        let mut browser = Browser::new(&server);
        let login = format!("{}/auth/{provider}/login", server.address());
        let (status, place) = browser.go(&login, None).await;
        assert!(
            status == 200 && place.ends_with('/'),
            "{provider}: {status} {place}"
        );
    }
    let users = admin.get("/users").await.expect(200).json();
    let users = users.as_array().unwrap();
    let told: Vec<(&Value, &Value, &Value)> = users
        .iter()
        .map(|user| (&user["email"], &user["provider"], &user["has_refresh_token"]))
        .collect();
    let (yes, google, onedrive) = (json!(true), json!("google"), json!("onedrive"));
    let (first, second) = (json!(PEOPLE[0]), json!(PEOPLE[1]));
    assert!(told.contains(&(&first, &google, &yes)), "{told:?}");
    assert!(told.contains(&(&second, &onedrive, &yes)), "{told:?}");
    let synced = admin.post("/sync", &json!({})).await.expect(200).json();
    assert_eq!(synced["message"], "Sync process started...");
    assert_eq!(synced["target_providers"], json!(["google", "onedrive"]));
    let one = json!({"source_type": "onedrive"});
    let synced = admin.post("/sync", &one).await.expect(200).json();
    assert_eq!(synced["target_providers"], json!(["onedrive"]));
    admin
        .post("/sync", &json!({"source_type": "dropbox"}))
        .await
        .expect(422);
}

#[tokio::test]
async fn no_token_is_in_a_log_an_answer_or_a_backup() {
    let clouds = Clouds::start().await;
    let server = clouds
        .server(Engine::Sqlite)
        .await
        .with("CUMULI_LOG", "trace,h2=info,hyper=info");
    let mut server = server;
    server.stop().await;
    server.restart().await;
    let ada = server.user("ada@example.org").await;
    let account = clouds.google.account(PEOPLE[0]);
    let file = account.create_file(&account.root(), "a.txt", "text");
    let mut answers = String::new();
    for provider in ["google", "onedrive"] {
        let start = format!("{}/auth/{provider}/start", server.address());
        let (status, _) = Browser::new(&server).go(&start, Some(ada.token())).await;
        assert_eq!(status, 200);
    }
    for connection in connections(&ada).await {
        let id = connection["id"].as_str().unwrap().to_owned();
        seen(&ada, &id).await;
        let path = format!("/api/v1/connections/{id}");
        answers += &ada.get(&path).await.expect(200).text();
        answers += &ada
            .post(&format!("{path}/check"), &json!({}))
            .await
            .expect(200)
            .text();
        answers += &ada.get(&format!("{path}/items/content?item={file}")).await.text();
    }
    account.revoke_tokens();
    answers += &ada.get("/api/v1/connections").await.expect(200).text();
    let backup = tempfile::tempdir().unwrap();
    let place = backup.path().join("copy");
    let outcome = server.run(&["backup", place.to_str().unwrap()], "").await;
    assert!(outcome.is_success(), "{outcome:?}");
    let logs = server.logs();
    server.stop().await;

    let mut canaries = clouds.google.tokens_given();
    canaries.extend(clouds.microsoft.tokens_given());
    assert!(canaries.len() >= 4, "{}", canaries.len());
    let rows = bytes_below(backup.path());
    let database = bytes_below(&server.data());
    for canary in &canaries {
        assert!(!logs.contains(canary.as_str()), "a token is in the log");
        assert!(!answers.contains(canary.as_str()), "a token is in an answer");
        for bytes in [&rows, &database] {
            let has = bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
            assert!(!has, "a token is in a file");
        }
    }
}

#[tokio::test]
async fn buckets_are_connected_with_their_keys_and_read_by_addresses_of_their_own() {
    let s3s = S3s::start();
    let azurite = Azurite::start();
    std::fs::create_dir_all(s3s.folder.path().join(S3s::BUCKET).join("Papers")).unwrap();
    std::fs::write(
        s3s.folder.path().join(S3s::BUCKET).join("Papers/a.txt"),
        "in the bucket",
    )
    .unwrap();
    let s3 = json!({"kind": "s3", "bucket": S3s::BUCKET, "endpoint": s3s.endpoint(),
        "access_key": S3s::ACCESS_KEY, "secret_key": S3s::SECRET_KEY});
    let azure =
        json!({"kind": "azure", "container": Azurite::CONTAINER, "connection_string": azurite.connection()});

    // A network of our own is nobody's to look into, unless the operator says so.
    let strict = Server::start().await;
    let ada = strict.user("ada@example.org").await;
    for body in [&s3, &azure] {
        let refused = ada.post("/api/v1/connections", body).await.expect(422);
        assert!(
            refused.text().contains("CUMULI_OUTBOUND_ALLOW"),
            "{}",
            refused.text()
        );
    }

    for engine in Engine::all() {
        let server = Server::on(engine)
            .set("CUMULI_OUTBOUND_ALLOW", "127.0.0.0/8")
            .start()
            .await;
        let ada = server.user("ada@example.org").await;
        let mut wrong = s3.clone();
        wrong["secret_key"] = json!("not the key");
        let refused = ada.post("/api/v1/connections", &wrong).await;
        assert!([409, 422].contains(&refused.status), "{}", refused.text());
        assert!(!refused.text().contains("not the key"), "{}", refused.text());

        let made = ada.post("/api/v1/connections", &s3).await.expect(201).json();
        ada.post("/api/v1/connections", &s3).await.expect(409);
        let id = made["id"].as_str().unwrap();
        assert_eq!(seen(&ada, id).await, ["Papers"]);
        let items = format!("/api/v1/connections/{id}/items");
        let folder = ada.get(&items).await.expect(200).json()["items"][0]["id"].clone();
        let inside = format!("{items}?folder={}", folder.as_str().unwrap());
        let file = ada.get(&inside).await.expect(200).json()["items"][0]["id"].clone();
        let file = file.as_str().unwrap();
        let content = format!("{items}/content?item={file}");
        assert_eq!(ada.get(&content).await.expect(200).text(), "in the bucket");
        let signed = ada.post(&format!("{items}/url?item={file}"), &json!({})).await;
        let address = signed.expect(200).json()["url"].as_str().unwrap().to_owned();
        assert!(address.starts_with(&s3s.endpoint()), "{address}");
        assert_eq!(
            reqwest::get(&address).await.unwrap().text().await.unwrap(),
            "in the bucket"
        );

        let made = ada.post("/api/v1/connections", &azure).await.expect(201).json();
        let check = format!("/api/v1/connections/{}/check", made["id"].as_str().unwrap());
        let check = ada.post(&check, &json!({})).await.expect(200).json();
        assert_eq!(check["ok"], true, "{check}");
        for connection in connections(&ada).await {
            let id = connection["id"].as_str().unwrap();
            ada.delete(&format!("/api/v1/connections/{id}")).await.expect(200);
        }
    }
}

/// The bytes of all files below a folder, one after another.
fn bytes_below(folder: &std::path::Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes.extend(bytes_below(&path));
        } else if path.is_file() {
            bytes.extend(std::fs::read(&path).unwrap());
        }
    }
    bytes
}
