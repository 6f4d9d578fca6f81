use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use model::Millis;
use reqwest::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::{Body, Call, Client, Dialect, Failure, Gate, Kind, Patience, Reach, Reason, Refusal, Told, Wire};

const NOW: Millis = Millis(1_700_000_000_000);

/// Answers what it was told to, one request after another, and keeps what was asked.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let kept = Arc::clone(&asked);
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let mut request = vec![0; 64 * 1024];
                let mut filled = 0;
                while !is_whole(&request[..filled]) {
                    filled += stream.read(&mut request[filled..]).await.expect("a request");
                }
                let request = String::from_utf8_lossy(&request[..filled]).into_owned();
                kept.lock().expect("a lock").push(request);
                let (head, body) = answer.split_once("\n\n").unwrap_or((&answer, ""));
                let head = head.replace('\n', "\r\n");
                let length = body.len();
                let text =
                    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(text.as_bytes()).await.expect("an answer");
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("a lock").clone()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().expect("a length"))
}

/// Proves with a word that may be renewed.
#[derive(Default)]
struct Bearer {
    renewals: AtomicU32,
    is_stubborn: bool,
}

#[async_trait]
impl Dialect for Bearer {
    async fn authorize(&self, call: &mut Call) -> Result<(), Reason> {
        let number = self.renewals.load(Ordering::Relaxed);
        call.set_header("authorization", &format!("Bearer word{number}"));
        Ok(())
    }

    async fn renew(&self, refusal: &Refusal) -> bool {
        let refused = refusal.proof.as_ref().map(|proof| proof.reveal().to_owned());
        let number = self.renewals.load(Ordering::Relaxed);
        assert_eq!(refused, Some(format!("Bearer word{number}")));
        if !self.is_stubborn {
            self.renewals.fetch_add(1, Ordering::Relaxed);
        }
        !self.is_stubborn
    }

    fn code(&self, refusal: &Refusal) -> Option<String> {
        String::from_utf8(refusal.body.to_vec()).ok()
    }

    fn is_passing(&self, code: &str) -> bool {
        code == "busy"
    }

    fn is_full(&self, code: &str) -> bool {
        code == "full"
    }

    fn help(&self, _: &Refusal) -> Option<String> {
        None
    }
}

#[derive(Default)]
struct Recorder {
    passed: AtomicU32,
    told: Mutex<Vec<Told>>,
    closed_until: Option<Millis>,
}

#[async_trait]
impl Gate for Recorder {
    async fn pass(&self, _: &Call) -> Result<(), Failure> {
        self.passed.fetch_add(1, Ordering::Relaxed);
        self.closed_until
            .map_or(Ok(()), |until| Err(Failure::Paused { until }))
    }

    async fn told(&self, _: &Call, told: Told) {
        self.told.lock().expect("a lock").push(told);
    }
}

fn client(dialect: Bearer) -> Client {
    let patience = Patience {
        first_pause: Duration::from_millis(1),
        ..Patience::default()
    };
    Client::new("x", Arc::new(dialect), Arc::new(|| NOW), patience).expect("a client")
}

fn get(url: &str) -> Call {
    Call::new(Method::GET, url.to_owned())
}

#[tokio::test]
async fn a_refused_proof_is_renewed_once() {
    let server = Server::start(&["401 No", "200 OK\n\nyes", "401 No", "401 No"]).await;
    let client = client(Bearer::default());

    let answer = client.fetch(&get(&server.url), 10).await.expect("an answer");
    assert_eq!(&answer.body[..], b"yes");
    let refused = client
        .fetch(&get(&server.url), 10)
        .await
        .expect_err("refused twice");

    assert_eq!(refused.status(), Some(401));
    let words: Vec<bool> = server
        .asked()
        .iter()
        .map(|asked| asked.contains("word1"))
        .collect();
    assert_eq!(words, [false, true, true, false]);
    assert!(server.asked()[3].contains("word2"));
}

#[tokio::test]
async fn a_proof_that_cannot_be_renewed_is_refused_at_once() {
    let server = Server::start(&["401 No"]).await;
    let client = client(Bearer {
        is_stubborn: true,
        ..Bearer::default()
    });

    let refused = client.fetch(&get(&server.url), 10).await.expect_err("refused");

    assert_eq!(refused.status(), Some(401));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn the_gate_hears_of_every_try() {
    let server = Server::start(&["429 Slow\nretry-after: 0\n\nbusy", "200 OK"]).await;
    let gate = Arc::new(Recorder::default());
    let client = client(Bearer::default()).gated(Arc::clone(&gate) as Arc<_>);

    client.fetch(&get(&server.url), 10).await.expect("an answer");

    assert_eq!(gate.passed.load(Ordering::Relaxed), 2);
    let told = |status, retry_after, code: &str| Told {
        status,
        retry_after,
        code: code.to_owned(),
    };
    assert_eq!(
        *gate.told.lock().expect("a lock"),
        [told(429, Some(Duration::ZERO), "busy"), told(200, None, "")]
    );
}

#[tokio::test]
async fn a_closed_gate_lets_nothing_through() {
    let server = Server::start(&["200 OK"]).await;
    let gate = Recorder {
        closed_until: Some(Millis(7)),
        ..Recorder::default()
    };
    let client = client(Bearer::default()).gated(Arc::new(gate));

    let paused = client.fetch(&get(&server.url), 10).await;

    let Err(failure @ Failure::Paused { until: Millis(7) }) = paused else {
        panic!("paused")
    };
    assert!(matches!(
        client.reason(failure),
        Reason::Paused { until: Millis(7) }
    ));
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a_long_wait_is_told_as_a_pause_to_who_has_a_gate() {
    let slow = "429 Slow\nretry-after: 90";
    let server = Server::start(&[slow, slow]).await;
    let gated = client(Bearer::default()).gated(Arc::new(Recorder::default()));

    let paused = gated.fetch(&get(&server.url), 10).await;
    let refused = client(Bearer::default()).fetch(&get(&server.url), 10).await;

    let until = NOW.plus_secs(90);
    assert!(matches!(paused, Err(Failure::Paused { until: told }) if told == until));
    assert_eq!(refused.err().and_then(|failure| failure.status()), Some(429));
}

#[tokio::test]
async fn nothing_is_followed_unless_that_is_asked_for() {
    let server = Server::start(&["302 Found\nlocation: /other"]).await;

    let refused = client(Bearer::default()).fetch(&get(&server.url), 10).await;

    assert_eq!(refused.err().and_then(|failure| failure.status()), Some(302));
    assert_eq!(server.asked().len(), 1);
}

fn following(url: &str, follow: u8) -> Call {
    let mut call = get(url)
        .with_header("range", "bytes=1-2")
        .with_header("x-amz-date", "today");
    call.follow = follow;
    call.set_header("cookie", "a=b");
    call
}

#[tokio::test]
async fn another_origin_is_not_told_who_asks() {
    let other = Server::start(&["200 OK\n\nyes"]).await;
    let found = format!("302 Found\nlocation: {}/there?sig=1", other.url);
    let server = Server::start(&[&found]).await;

    let answer = client(Bearer::default())
        .fetch(&following(&server.url, 1), 10)
        .await;

    assert_eq!(&answer.expect("an answer").body[..], b"yes");
    assert!(server.asked()[0].contains("authorization: Bearer word0"));
    let asked = &other.asked()[0];
    assert!(asked.starts_with("GET /there?sig=1 HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("range: bytes=1-2"), "{asked}");
    for secret in ["authorization", "cookie", "x-amz-date"] {
        assert!(!asked.contains(secret), "{secret} in {asked}");
    }
}

#[tokio::test]
async fn the_same_origin_is_told_who_asks_unless_the_call_says_no() {
    let found = "307 Found\nlocation: /there";
    let server = Server::start(&[found, "200 OK", found, "200 OK"]).await;
    let client = client(Bearer::default());

    client
        .fetch(&following(&server.url, 1), 10)
        .await
        .expect("an answer");
    let mut bare = following(&server.url, 1);
    bare.drops_proofs = true;
    client.fetch(&bare, 10).await.expect("an answer");

    let proven: Vec<bool> = server
        .asked()
        .iter()
        .map(|asked| asked.contains("authorization: Bearer"))
        .collect();
    assert_eq!(proven, [true, true, true, false]);
}

#[tokio::test]
async fn no_more_is_followed_than_that() {
    let found = "302 Found\nlocation: /";
    let server = Server::start(&[found, found, found]).await;

    let refused = client(Bearer::default())
        .fetch(&following(&server.url, 2), 10)
        .await;

    assert_eq!(refused.err().and_then(|failure| failure.status()), Some(302));
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_body_is_not_sent_to_another_origin() {
    let other = Server::start(&["200 OK"]).await;
    let found = format!("307 Found\nlocation: {}/", other.url);
    let see = format!("303 See\nlocation: {}/", other.url);
    let server = Server::start(&[&found, &see]).await;
    let client = client(Bearer::default());
    let mut post = following(&server.url, 3).with_body(Body::from(bytes::Bytes::from_static(b"mine")));
    post.method = Method::POST;

    let refused = client.fetch(&post, 10).await;
    assert_eq!(refused.err().and_then(|failure| failure.status()), Some(307));
    client.fetch(&post, 10).await.expect("an answer");

    let asked = other.asked();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].starts_with("GET / ") && !asked[0].contains("mine"),
        "{}",
        asked[0]
    );
}

#[tokio::test]
async fn every_hop_passes_the_guard() {
    let other = Server::start(&["200 OK"]).await;
    let found = format!("302 Found\nlocation: {}/", other.url);
    let server = Server::start(&[&found]).await;
    let allowed = server.url.trim_start_matches("http://127.0.0.1");
    let reach = Reach::public(&format!("localhost{allowed}")).expect("a setting");
    let patience = Patience::default();
    let wire = Wire::open(&reach, patience).expect("a wire");
    let client = Client::over(wire, "x", Arc::new(Bearer::default()), Arc::new(|| NOW), patience);

    let refused = client
        .fetch(&following(&format!("http://localhost{allowed}/"), 5), 10)
        .await;

    assert!(matches!(refused, Err(Failure::Ours(Reason::Forbidden(_)))));
    assert_eq!((server.asked().len(), other.asked().len()), (1, 0));
}

#[tokio::test]
async fn what_is_no_place_to_go_to_is_not_followed() {
    for location in ["ftp://127.0.0.1/", "http://user:word@127.0.0.1/", "//", "http://"] {
        let found = format!("302 Found\nlocation: {location}");
        let server = Server::start(&[&found]).await;

        let refused = client(Bearer::default())
            .fetch(&following(&server.url, 3), 10)
            .await;

        assert_eq!(
            refused.err().and_then(|failure| failure.status()),
            Some(302),
            "{location}"
        );
    }
}

#[test]
fn a_call_costs_what_its_method_says_until_it_is_told() {
    assert_eq!(get("x").kind, Kind::Read);
    assert_eq!(Call::new(Method::PUT, "x".to_owned()).kind, Kind::Write);
    assert_eq!(get("x").with_kind(Kind::List).kind, Kind::List);
}
