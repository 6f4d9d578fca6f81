mod http2;

use std::net::IpAddr;

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::*;

/// Longer than any step of these tests takes on a busy machine; a test that waits so long failed.
const PATIENCE: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(3600);

fn generous() -> Limits {
    Limits {
        connections: 100,
        connections_per_address: 100,
        trusted: Vec::new(),
        head: LONG,
        idle: LONG,
        stalled: LONG,
        drain: LONG,
    }
}

struct Running {
    address: SocketAddr,
    shutdown: Shutdown,
    ended: JoinHandle<Ended>,
    /// Rings when a request to `/wait` has come in.
    came: Arc<Notify>,
    /// Lets requests to `/wait` go on.
    go: Arc<Notify>,
}

impl Running {
    fn start(limits: Limits) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (came, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let wait = {
            let (came, go) = (Arc::clone(&came), Arc::clone(&go));
            move || async move {
                came.notify_one();
                go.notified().await;
                "waited"
            }
        };
        let router = Router::new()
            .route(
                "/",
                get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
            )
            .route("/wait", get(wait))
            .route("/echo", post(|body: Bytes| async move { body }));
        let shutdown = Shutdown::new();
        let ended = tokio::spawn(serve(listener, router, limits, shutdown.clone()));
        Self {
            address,
            shutdown,
            ended,
            came,
            go,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn ended(self) -> Ended {
        timeout(PATIENCE, self.ended)
            .await
            .expect("the server ends")
            .unwrap()
    }
}

/// Everything until the server closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // A connection that is cut may end in a reset, which is an end too.
    let _ = read.expect("the server closes the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One whole reply.
async fn reply(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        let read = timeout(PATIENCE, stream.read_buf(&mut bytes)).await;
        assert!(read.expect("a reply comes").unwrap() > 0, "closed after {text:?}");
    }
}

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test]
async fn a_request_carries_its_peer() {
    let server = Running::start(generous());
    let mut stream = server.send(REQUEST).await;
    let own = stream.local_addr().unwrap().to_string();

    let text = reply(&mut stream).await;

    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(&own), "{text}");
}

#[tokio::test]
async fn a_slow_head_is_closed() {
    let server = Running::start(Limits {
        head: SHORT,
        ..generous()
    });
    for start in ["", "G", "PRI", "PUT / HT", "GET / HTTP/1.1\r\nhost: x\r\nx-slow"] {
        let mut stream = server.send(start).await;

        assert_eq!(rest(&mut stream).await, "", "after {start:?}");
    }
}

#[tokio::test]
async fn a_head_that_trickles_in_is_closed() {
    let server = Running::start(Limits {
        head: SHORT,
        ..generous()
    });
    let mut stream = server.send("GET / HTTP/1.1\r\n").await;

    let trickle = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        loop {
            ticks.tick().await;
            if stream.write_all(b"a: b\r\n").await.is_err() {
                return;
            }
        }
    };

    timeout(PATIENCE, trickle)
        .await
        .expect("the server closes the connection");
}

#[tokio::test]
async fn a_second_head_that_is_slow_is_closed() {
    let server = Running::start(Limits {
        head: SHORT,
        ..generous()
    });
    let mut stream = server.send(REQUEST).await;
    reply(&mut stream).await;
    stream.write_all(b"GET / HT").await.unwrap();

    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_resting_connection_is_closed_later_than_a_slow_head() {
    let server = Running::start(Limits {
        head: SHORT,
        idle: SHORT * 4,
        ..generous()
    });
    let mut resting = server.send(REQUEST).await;
    reply(&mut resting).await;
    let mut silent = server.connect().await;

    assert_eq!(rest(&mut silent).await, "");
    resting.write_all(REQUEST.as_bytes()).await.unwrap();
    assert!(reply(&mut resting).await.starts_with("HTTP/1.1 200"));
    assert_eq!(rest(&mut resting).await, "");
}

#[tokio::test]
async fn a_request_that_takes_its_time_is_not_closed() {
    let server = Running::start(Limits {
        head: SHORT,
        idle: SHORT,
        stalled: SHORT,
        ..generous()
    });
    let mut working = server.send(WAIT).await;
    server.came.notified().await;
    let mut silent = server.connect().await;
    let mut resting = server.send(REQUEST).await;

    assert_eq!(rest(&mut silent).await, "");
    assert!(rest(&mut resting).await.starts_with("HTTP/1.1 200"));
    server.go.notify_one();

    assert!(reply(&mut working).await.ends_with("waited"));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_closed() {
    struct Tell(Option<oneshot::Sender<()>>);
    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }
    let (dropped, is_dropped) = oneshot::channel();
    let endless = std::sync::Mutex::new(Some(Tell(Some(dropped))));
    let handler = move || async move {
        let tell = endless.lock().unwrap().take().unwrap();
        Body::from_stream(stream::repeat_with(move || {
            let _ = &tell;
            Ok::<_, std::convert::Infallible>(Bytes::from_static(&[7; 65536]))
        }))
    };
    let handler = Arc::new(std::sync::Mutex::new(Some(handler)));
    let router = Router::new().route("/", get(move || (handler.lock().unwrap().take().unwrap())()));
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits {
        stalled: SHORT,
        ..generous()
    };
    let server = tokio::spawn(serve(listener, router, limits, Shutdown::new()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(REQUEST.as_bytes()).await.unwrap();

    timeout(PATIENCE, is_dropped)
        .await
        .expect("the reply is given up")
        .unwrap();
    server.abort();
}

#[tokio::test]
async fn a_shutdown_waits_for_a_running_reply_and_takes_nothing_new() {
    let server = Running::start(generous());
    let mut working = server.send(WAIT).await;
    server.came.notified().await;
    let mut resting = server.send(REQUEST).await;
    reply(&mut resting).await;

    server.shutdown.begin();

    assert_eq!(rest(&mut resting).await, "", "a resting connection ends at once");
    assert!(TcpStream::connect(server.address).await.is_err());
    assert!(!server.ended.is_finished());
    server.go.notify_one();
    assert!(rest(&mut working).await.ends_with("waited"));
    assert_eq!(server.ended().await, Ended::Drained);
}

#[tokio::test]
async fn a_shutdown_waits_for_a_body_on_its_way_in() {
    let server = Running::start(generous());
    let mut stream = server
        .send("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\nexpect: 100-continue\r\n\r\n")
        .await;
    assert!(reply(&mut stream).await.starts_with("HTTP/1.1 100"));

    server.shutdown.begin();
    stream.write_all(b"abcdef").await.unwrap();

    assert!(rest(&mut stream).await.ends_with("abcdef"));
    assert_eq!(server.ended().await, Ended::Drained);
}

#[tokio::test]
async fn a_shutdown_takes_whom_the_kernel_took() {
    let server = Running::start(generous());
    // This test has one thread: the server accepts nothing until the test waits.
    let mut stream = {
        let stream = std::net::TcpStream::connect(server.address).unwrap();
        std::io::Write::write_all(&mut &stream, REQUEST.as_bytes()).unwrap();
        stream.set_nonblocking(true).unwrap();
        TcpStream::from_std(stream).unwrap()
    };

    server.shutdown.begin();

    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert_eq!(server.ended().await, Ended::Drained);
}

#[tokio::test]
async fn a_shutdown_cuts_what_outlasts_its_time() {
    let server = Running::start(Limits {
        drain: SHORT,
        ..generous()
    });
    let mut working = server.send(WAIT).await;
    server.came.notified().await;

    server.shutdown.begin();

    assert_eq!(rest(&mut working).await, "");
    assert_eq!(server.ended().await, Ended::Cut(1));
}

#[tokio::test]
async fn a_second_signal_cuts_at_once() {
    let server = Running::start(generous());
    let mut working = server.send(WAIT).await;
    server.came.notified().await;

    server.shutdown.begin();
    server.shutdown.cut();

    assert_eq!(rest(&mut working).await, "");
    assert_eq!(server.ended().await, Ended::Cut(1));
}

#[tokio::test]
async fn connections_over_the_limit_are_told_so_and_one_that_ends_makes_room() {
    for (limits, words) in [
        (
            Limits {
                connections: 2,
                ..generous()
            },
            "the server has",
        ),
        (
            Limits {
                connections_per_address: 2,
                ..generous()
            },
            "your address has",
        ),
    ] {
        let server = Running::start(limits);
        let mut first = server.send(REQUEST).await;
        let mut second = server.send(REQUEST).await;
        reply(&mut first).await;
        reply(&mut second).await;
        let mut third = server.connect().await;

        let refusal = rest(&mut third).await;
        assert!(
            refusal.starts_with("HTTP/1.1 503") && refusal.contains(words),
            "{refusal}"
        );

        first
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        rest(&mut first).await;
        let served = async {
            // The place is free a moment after the close is seen.
            while !rest(&mut server.send("GET / HTTP/1.0\r\n\r\n").await)
                .await
                .contains(" 200 ")
            {}
        };
        timeout(PATIENCE, served).await.expect("there is room again");
    }
}

#[test]
fn a_trusted_proxy_has_no_limit_of_its_own_and_a_64_counts_as_one() {
    let limits = Limits {
        connections_per_address: 1,
        trusted: vec!["10.0.0.0/8".parse().unwrap()],
        ..generous()
    };
    let slots = Arc::new(Slots::new(&limits));
    let take = |address: &str| slots.take(address.parse::<IpAddr>().unwrap());
    let _held = [
        take("10.1.2.3"),
        take("10.1.2.3"),
        take("::ffff:10.1.2.3"),
        take("192.0.2.1"),
        take("2001:db8:0:1::1"),
    ]
    .map(|slot| slot.ok().unwrap());

    for (address, is_free) in [
        ("192.0.2.1", false),
        ("::ffff:192.0.2.1", false),
        ("192.0.2.2", true),
        ("2001:db8:0:1:ffff::2", false),
        ("2001:db8:0:2::1", true),
    ] {
        assert_eq!(take(address).is_ok(), is_free, "{address}");
    }
    assert_eq!(slots.open(), 5);
}

#[tokio::test]
async fn a_large_head_is_refused() {
    let server = Running::start(generous());
    let many = "a: b\r\n".repeat(101);
    let large = format!("a: {}\r\n", "b".repeat(32 * 1024));
    for fields in [many, large] {
        let mut stream = server.send(&format!("GET / HTTP/1.1\r\n{fields}\r\n")).await;

        assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431"));
    }
    let fits = format!("a: {}\r\n", "b".repeat(31 * 1024));
    let mut stream = server.send(&format!("GET / HTTP/1.0\r\n{fits}\r\n")).await;
    assert!(rest(&mut stream).await.starts_with("HTTP/1.0 200"));
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_in_a_sentence() {
    let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();

    let error = bind(first.local_addr().unwrap()).unwrap_err().to_string();
    assert!(error.starts_with("another program listens on"), "{error}");

    let error = bind("192.0.2.1:80".parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("not an address of this machine"), "{error}");
}

#[tokio::test]
async fn many_requests_on_one_connection_are_answered_in_turn() {
    let server = Running::start(generous());
    let mut stream = server.connect().await;
    for _ in 0..100 {
        stream.write_all(REQUEST.as_bytes()).await.unwrap();

        assert!(reply(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
}
