//! Claims about the fake, through its door.

mod control;
mod deltas;
mod downloads;
mod drives;
mod items;
mod sessions;
mod sign_in;
mod subscriptions;
mod throttling;

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::{DriveType, GraphAccount, GraphFake, GraphOptions};
use crate::FakeClock;

const ADA: &str = "ada@example.org";
/// When everything begins.
const START_MS: i64 = 1_700_000_000_000;

/// A fake, an account, and a client that leads nowhere by itself.
struct World {
    fake: GraphFake,
    ada: GraphAccount,
    token: String,
    http: reqwest::Client,
}

/// What came back.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl World {
    async fn personal() -> Self {
        Self::new(DriveType::Personal).await
    }

    async fn business() -> Self {
        Self::new(DriveType::Business).await
    }

    async fn new(kind: DriveType) -> Self {
        Self::with(GraphOptions {
            kind,
            ..GraphOptions::default()
        })
        .await
    }

    async fn with(options: GraphOptions) -> Self {
        let clock = FakeClock::at(START_MS);
        let fake = GraphFake::start(GraphOptions { clock, ..options }).await;
        let ada = fake.account(ADA);
        let token = ada.issue_token();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        let http = http.no_proxy().build().unwrap();
        Self {
            fake,
            ada,
            token,
            http,
        }
    }

    /// Sends to any address, with headers in pairs.
    async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let method: Method = method.parse().unwrap();
        let mut request = self
            .http
            .request(method, url)
            .body(reqwest::Body::from(body.into()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap();
        Answer {
            status,
            headers,
            body,
        }
    }

    /// Sends to the API as Ada, to a path or to a link that it gave out.
    async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let url = match path.strip_prefix("http") {
            Some(_) => path.to_owned(),
            None => format!("{}{path}", self.fake.graph_url()),
        };
        let token = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", token.as_str())];
        all.extend_from_slice(headers);
        self.send(method, &url, &all, body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], "").await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json")];
        self.call("POST", path, &headers, body.to_string()).await
    }

    async fn patch(&self, id: &str, body: &Value) -> Answer {
        let path = format!("/me/drive/items/{id}");
        self.call("PATCH", &path, &[], body.to_string()).await
    }

    /// Puts a content at a path.
    async fn put(&self, path: &str, content: impl Into<Bytes>) -> Answer {
        self.call("PUT", &format!("/me/drive/root:/{path}:/content"), &[], content)
            .await
    }

    /// What an address of the API says of an item.
    async fn item(&self, path: &str) -> Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.json()
    }

    /// Makes an upload session and returns its address.
    async fn session(&self, path: &str, body: &Value) -> String {
        let answer = self
            .post(&format!("/me/drive/root:/{path}:/createUploadSession"), body)
            .await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        answer.text("uploadUrl")
    }

    /// Puts a fragment that begins at `first`.
    async fn fragment(&self, url: &str, first: usize, bytes: &[u8], total: usize) -> Answer {
        let range = format!("bytes {first}-{}/{total}", first + bytes.len() - 1);
        self.send("PUT", url, &[("content-range", &range)], bytes.to_vec())
            .await
    }

    /// The rows of a whole round of `delta`, and the link for the next.
    async fn delta(&self, from: &str) -> (Vec<Value>, String) {
        let mut rows = Vec::new();
        let mut next = from.to_owned();
        loop {
            let answer = self.get(&next).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            let page = answer.json();
            rows.extend(page["value"].as_array().unwrap().clone());
            match page["@odata.nextLink"].as_str() {
                Some(link) => next = link.to_owned(),
                None => return (rows, page["@odata.deltaLink"].as_str().unwrap().to_owned()),
            }
        }
    }

    #[track_caller]
    fn is_honest(&self) {
        assert_eq!(self.fake.violations(), [""; 0]);
    }

    #[track_caller]
    fn is_caught(&self, what: &str) {
        let violations = self.fake.violations();
        assert!(
            violations.iter().any(|each| each.contains(what)),
            "{violations:?}"
        );
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap().to_owned()
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Refused with a status and a code.
    #[track_caller]
    fn is_refused(&self, status: u16, code: &str) {
        assert_eq!(
            (self.status, self.code().as_str()),
            (status, code),
            "{:?}",
            self.body
        );
    }
}

/// The names in rows, in their order.
fn names(rows: &[Value]) -> Vec<&str> {
    rows.iter()
        .map(|row| row["name"].as_str().unwrap_or("-"))
        .collect()
}

/// What a session or an item is to do when the name is taken.
fn when_taken(behavior: &str) -> Value {
    json!({ "item": { "@microsoft.graph.conflictBehavior": behavior } })
}
