//! Claims about Drive that Google's own client cannot make, for it never does wrong.

mod channels;
mod conditions;
mod feeds;
mod room;
mod sign_in;
mod uploads;

use serde_json::{Value, json};

use super::{DriveAccount, DriveFake, DriveOptions};
use crate::FakeClock;

const EMAIL: &str = "ada@gmail.com";
const HOUR_MS: i64 = 3_600_000;

/// A fake whose time stands still, and somebody who uses it.
struct Desk {
    fake: DriveFake,
    account: DriveAccount,
    http: reqwest::Client,
    token: String,
}

/// An answer, read.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn reason(&self) -> String {
        self.json()["error"]["errors"][0]["reason"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Desk {
    async fn new() -> Self {
        Self::with(DriveOptions::default()).await
    }

    async fn with(options: DriveOptions) -> Self {
        let clock = FakeClock::at(1_700_000_000_000);
        let fake = DriveFake::start(DriveOptions { clock, ..options }).await;
        let account = fake.account(EMAIL);
        let redirects = reqwest::redirect::Policy::none();
        Self {
            http: reqwest::Client::builder().redirect(redirects).build().unwrap(),
            token: account.issue_token(),
            fake,
            account,
        }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let address = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.fake.url())
        };
        let method = method.parse().unwrap();
        self.http.request(method, address).bearer_auth(&self.token)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("POST", path).json(body)).await
    }

    /// The one wrong that was seen, which holds these words.
    #[track_caller]
    fn saw_wrong(&self, words: &str) {
        let violations = self.fake.violations();
        assert!(
            violations.len() == 1 && violations[0].contains(words),
            "{violations:?}"
        );
    }
}

#[tokio::test]
async fn a_client_that_knows_nothing_of_shared_drives_is_reported() {
    let desk = Desk::new().await;

    assert_eq!(desk.get("/drive/v3/files/root").await.status, 200);
    desk.saw_wrong("supportsAllDrives");
}

#[tokio::test]
async fn a_parameter_that_is_not_is_reported() {
    let desk = Desk::new().await;

    desk.get("/drive/v3/files?supportsAllDrives=true&page_size=3")
        .await;
    desk.saw_wrong("page_size");
}

#[tokio::test]
async fn who_comes_before_the_time_of_retry_after_is_over_is_reported() {
    let desk = Desk::new().await;
    let fault = crate::Act::status(429, Some(("retry-after", "7")));
    desk.fake
        .faults()
        .push(crate::Fault::on("GET", "/drive/v3/files", fault));
    let path = "/drive/v3/files?supportsAllDrives=true";

    assert_eq!(desk.get(path).await.status, 429);
    desk.fake.clock().advance(6_999);
    desk.get(path).await;
    desk.saw_wrong("Retry-After");
    desk.fake.clock().advance(1);
    desk.get(path).await;
    desk.saw_wrong("Retry-After");
}

#[tokio::test]
async fn a_cut_answer_has_its_full_length_and_half_its_bytes() {
    let desk = Desk::new().await;
    let id = desk.account.create_file("root", "a", vec![7; 1000]);
    desk.fake
        .faults()
        .push(crate::Fault::on("GET", "alt=media", crate::Act::Truncate));
    let path = format!("/drive/v3/files/{id}?alt=media&supportsAllDrives=true");

    let response = desk.request("GET", &path).send().await.unwrap();
    assert_eq!(response.content_length(), Some(1000));
    assert!(response.bytes().await.is_err());
    assert_eq!(desk.get(&path).await.body.len(), 1000);
}

#[tokio::test]
async fn an_effect_is_there_though_its_answer_is_lost() {
    let desk = Desk::new().await;
    desk.fake
        .faults()
        .push(crate::Fault::on("POST", "/drive/v3/files", crate::Act::DropAfter));
    let request = desk.request("POST", "/drive/v3/files?supportsAllDrives=true");

    assert!(request.json(&json!({"name": "a"})).send().await.is_err());
    assert!(desk.account.id("a").is_some());
    assert_eq!(desk.fake.requests()[0].status, 0);
}

#[tokio::test]
async fn the_script_and_the_clock_are_there_by_http_too() {
    let desk = Desk::new().await;
    let fault = json!({"path": "/drive/v3/about", "act": {"answer": {"status": 500, "body": "no"}}});

    assert_eq!(desk.post("/_fake/faults", &fault).await.status, 204);
    assert_eq!(desk.get("/drive/v3/about?fields=*").await.body, b"no");
    let clock = desk.post("/_fake/clock", &json!({"advance_ms": 5})).await;
    assert_eq!(clock.json()["now_ms"], 1_700_000_000_005_i64);
    assert_eq!(
        desk.get("/_fake/requests").await.json()[0]["headers"]["authorization"],
        "bearer"
    );
    let wrong = desk
        .post("/_fake/switches", &json!({"no_such_switch": true}))
        .await;
    assert!(String::from_utf8(wrong.body).unwrap().contains("no_such_switch"));
}

#[tokio::test]
async fn requests_and_the_bytes_of_both_ways_are_added_up() {
    let desk = Desk::new().await;
    let id = desk.account.create_file("root", "a", vec![7; 1000]);
    desk.get(&format!("/drive/v3/files/{id}?alt=media&supportsAllDrives=true"))
        .await;
    let wish = json!({"name": "b"});
    let made = desk.post("/drive/v3/files?supportsAllDrives=true", &wish).await;

    let sums = desk.get("/_fake/sums").await.json();
    assert_eq!(sums["requests"], 2);
    assert_eq!(sums["body_bytes"], wish.to_string().len());
    assert_eq!(sums["answer_bytes"], 1000 + made.body.len());
}
