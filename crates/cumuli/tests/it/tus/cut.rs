//! Connections that break, clients that fall silent, servers that are killed: what was acknowledged is there.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{TUS, begin, content, metadata, offset, piece, sample, tus};
use crate::harness::{Dice, Engine, Server, until};
use crate::people::{Person, SECRET_KEY, Town};
use crate::wire::Reply;

/// Sends the head of a piece and some of its bytes.
async fn some(
    person: &Person,
    host: &str,
    target: &str,
    (at, whole, sent): (usize, &[u8], usize),
) -> TcpStream {
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "PATCH {target} HTTP/1.1\r\nhost: cumuli.test\r\nauthorization: Bearer {}\r\ntus-resumable: 1.0.0\r\n\
         content-type: application/offset+octet-stream\r\nupload-offset: {at}\r\ncontent-length: {}\r\n\r\n",
        person.access,
        whole.len() - at
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(&whole[at..at + sent]).await;
    stream
}

#[tokio::test]
async fn what_came_before_a_cut_is_kept_and_the_rest_follows() {
    let mut dice = Dice::of_environment("CUMULI_TEST_SEED");
    for engine in Engine::all() {
        let town = Town::on(engine).await;
        for length in [50_000, 3_000_000, 12_000_000] {
            let whole = sample(4, length);
            let target = begin(&town.alice, &format!("cut{length}"), length).await;
            let mut at = 0;
            for _ in 0..4 {
                let sent = dice.below((length - at) as u64) as usize;
                let stream = some(&town.alice, town.server.host(), &target, (at, &whole, sent)).await;
                drop(stream);
                // Nothing of it is lost: all that was sent on a connection in order arrives.
                until(async || offset(&town.alice, &target).await == at + sent).await;
                at += sent;
            }
            let done = town
                .alice
                .send(piece(&target, at, &whole[at..]))
                .await
                .expect(204);
            assert!(content(&town.alice, &done).await == whole);
        }
        let checked = town.server.run(&["fsck", "--verify"], "").await;
        assert!(checked.is_success(), "{}{}", checked.out, checked.err);
    }
}

#[tokio::test]
async fn who_comes_back_is_not_kept_out_by_a_connection_that_fell_silent() {
    let town = Town::on(Engine::Sqlite).await;
    let whole = sample(5, 2_000_000);
    let target = begin(&town.alice, "silent", whole.len()).await;
    let silent = some(&town.alice, town.server.host(), &target, (0, &whole, 700_000)).await;

    until(async || offset(&town.alice, &target).await == 700_000).await;

    let done = town
        .alice
        .send(piece(&target, 700_000, &whole[700_000..]))
        .await
        .expect(204);
    assert!(content(&town.alice, &done).await == whole);
    drop(silent);
}

/// Sends a piece. On PostgreSQL the lease of a server that was killed runs out first.
async fn go_on(person: &Person, target: &str, (at, bytes): (usize, &[u8])) -> Reply {
    let mut done = Reply::default();
    until(async || {
        done = person.send(piece(target, at, bytes)).await;
        done.status != 423
    })
    .await;
    done.expect(204)
}

#[tokio::test]
async fn no_acknowledged_byte_is_lost_when_the_server_is_killed() {
    let mut dice = Dice::of_environment("CUMULI_TEST_SEED");
    for engine in Engine::all() {
        let mut server = Server::on(engine).set("SECRET_KEY", SECRET_KEY).start().await;
        let host = server.host().to_owned();
        let mut alice = Person::register(&host, "alice@example.org").await;
        for length in [90_000, 30_000_000] {
            let whole = sample(6, length);
            let target = begin(&alice, &format!("killed{length}"), length).await;
            let mut acknowledged = 0;
            // There the lease of each server that was killed has to run out.
            let kills = if engine == Engine::Sqlite { 6 } else { 1 };
            for _ in 0..kills {
                let count = 1 + dice.below((length - acknowledged) as u64 / 3) as usize;
                let bytes = &whole[acknowledged..acknowledged + count];
                go_on(&alice, &target, (acknowledged, bytes)).await;
                acknowledged += count;
                let sent = dice.below((length - acknowledged) as u64) as usize;
                let stream = some(&alice, server.host(), &target, (acknowledged, &whole, sent)).await;
                server.kill().await;
                drop(stream);
                server.restart().await;
                alice.move_to(server.host());
                let kept = offset(&alice, &target).await;
                assert!(
                    kept >= acknowledged && kept <= acknowledged + sent,
                    "{acknowledged} {kept}"
                );
                acknowledged = kept;
            }
            let done = go_on(&alice, &target, (acknowledged, &whole[acknowledged..])).await;
            assert!(content(&alice, &done).await == whole);
        }
        let checked = server.run(&["fsck", "--verify"], "").await;
        assert!(checked.is_success(), "{}{}", checked.out, checked.err);
    }
}

#[tokio::test]
async fn an_upload_that_rests_too_long_is_over_and_frees_what_it_held() {
    let server = Server::on(Engine::Sqlite).set("CUMULI_UPLOAD_EXPIRY", "1s");
    let town = Town::with(server).await;
    let create = tus("POST", TUS)
        .header("Upload-Length", "1000000")
        .header("Upload-Metadata", metadata(&[("filename", "forgotten")]));
    let reply = town.alice.send(create).await.expect(201);
    assert!(reply.header("upload-expires").ends_with(" GMT"));
    let target = reply.header("location").to_owned();
    let bytes = sample(1, 200_000);
    let sent = town.alice.send(piece(&target, 0, &bytes)).await;
    assert!(matches!(sent.status, 204 | 410), "{}", sent.text());

    until(async || {
        let head = town.alice.send(tus("HEAD", &target)).await;
        matches!(head.status, 404 | 410)
    })
    .await;
}
