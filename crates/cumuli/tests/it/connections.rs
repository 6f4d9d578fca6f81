//! Connections to the real program: many, silent, and cut.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Engine, PATIENCE, Server, until};

const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    let _ = read.expect("the server closes the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Time on a processor that the process has used.
fn cpu(process: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

#[tokio::test]
async fn without_descriptors_the_server_waits_and_does_not_spin() {
    const OPEN_FILES: u32 = 96;
    let server = Server::on(Engine::Sqlite).open_files(OPEN_FILES).start().await;
    let mut held = Vec::new();
    for _ in 0..OPEN_FILES + 32 {
        held.push(TcpStream::connect(server.host()).await.unwrap());
    }
    until(async || server.logs().contains("no connection can be accepted")).await;
    let before = cpu(server.process_id());

    // Not a wait for something: the time over which its work is measured.
    tokio::time::sleep(Duration::from_secs(2)).await;

    let spent = cpu(server.process_id()) - before;
    assert!(spent < Duration::from_millis(400), "{spent:?} of 2 s");
    held.clear();
    let mut stream = TcpStream::connect(server.host()).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_shutdown_ends_resting_connections_at_once() {
    let mut server = Server::on(Engine::Sqlite)
        .set("CUMULI_DRAIN_TIMEOUT", "1h")
        .start()
        .await;
    let mut resting = TcpStream::connect(server.host()).await.unwrap();
    resting
        .write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 1];
    resting.read_exact(&mut first).await.unwrap();
    let mut silent = TcpStream::connect(server.host()).await.unwrap();

    assert_eq!(server.stop().await.code(), Some(0));

    rest(&mut resting).await;
    rest(&mut silent).await;
}

#[tokio::test]
async fn a_second_signal_ends_what_still_runs() {
    let mut server = Server::on(Engine::Sqlite)
        .set("CUMULI_DRAIN_TIMEOUT", "1h")
        .start()
        .await;
    let alice = server.user("alice@example.org").await;
    let request = alice.request(reqwest::Method::GET, "/api/v1/events");
    let mut events = request.send().await.unwrap();
    assert_eq!(events.status(), 200);

    server.signal("TERM");
    until(async || server.logs().contains("ending:")).await;
    server.signal("TERM");

    assert_eq!(server.ended().await.code(), Some(0));
    while let Ok(Some(_)) = events.chunk().await {}
}
