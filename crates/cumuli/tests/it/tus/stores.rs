//! The same on object stores, and sealed.

use super::{TUS, begin, metadata, offset, piece, sample, tus};
use crate::direct::stored;
use crate::harness::emulators::azurite::Azurite;
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Builder, Dice, Engine, Server, azure_settings};
use crate::people::{Person, SECRET_KEY};

/// Uploads in pieces with the server killed between them; then two parts that are put together.
async fn pieces_and_kills(builder: Builder) {
    let mut dice = Dice::of_environment("CUMULI_TEST_SEED");
    let mut server = builder.set("SECRET_KEY", SECRET_KEY).start().await;
    let host = server.host().to_owned();
    let mut alice = Person::register(&host, "alice@example.org").await;
    for length in [3_000, 200_000, 22_000_000] {
        let whole = sample(7, length);
        let target = begin(&alice, &format!("file{length}"), length).await;
        let mut at = 0;
        for _ in 0..3 {
            let count = 1 + dice.below((length - at - 1) as u64) as usize;
            alice
                .send(piece(&target, at, &whole[at..at + count]))
                .await
                .expect(204);
            at += count;
            server.kill().await;
            server.restart().await;
            alice.move_to(server.host());
            assert_eq!(offset(&alice, &target).await, at);
            if length - at < 2 {
                break;
            }
        }
        let done = alice.send(piece(&target, at, &whole[at..])).await.expect(204);
        let file = done.header("cumuli-file-id");
        assert!(stored(&alice, &format!("/api/v1/files/{file}/content")).await == whole);
        let known = alice.get(&format!("/api/v1/files/{file}")).await.expect(200);
        assert_eq!(known.json()["sha256"], crate::harness::sha256(&whole));
    }
    let mut parts = Vec::new();
    for length in [7_000_000, 100] {
        let create = tus("POST", TUS)
            .header("Upload-Length", length.to_string())
            .header("Upload-Concat", "partial");
        let target = alice.send(create).await.expect(201).header("location").to_owned();
        alice
            .send(piece(&target, 0, &sample(8, length)))
            .await
            .expect(204);
        parts.push(target);
    }
    let join = tus("POST", TUS)
        .header("Upload-Concat", format!("final;{}", parts.join(" ")))
        .header("Upload-Metadata", metadata(&[("filename", "joined")]));
    let done = alice.send(join).await.expect(201);
    let file = format!("/api/v1/files/{}/content", done.header("cumuli-file-id"));
    assert!(stored(&alice, &file).await == [sample(8, 7_000_000), sample(8, 100)].concat());
    let checked = server.run(&["fsck", "--verify"], "").await;
    assert!(checked.is_success(), "{}{}", checked.out, checked.err);
}

#[tokio::test]
async fn pieces_are_durable_on_s3() {
    let s3s = S3s::start();
    pieces_and_kills(Server::on_s3(Engine::Sqlite, &s3s)).await;
}

#[tokio::test]
async fn pieces_are_durable_on_azure() {
    let azurite = Azurite::start();
    let builder = Server::on(Engine::Sqlite).set_all(azure_settings(&azurite));
    pieces_and_kills(builder.set("STORAGE_BACKEND", "azure")).await;
}

#[tokio::test]
async fn pieces_are_durable_sealed_on_s3() {
    let s3s = S3s::start();
    let builder = Server::on_s3(Engine::Sqlite, &s3s);
    pieces_and_kills(sealed(builder, "s3")).await;
}

#[tokio::test]
async fn pieces_are_durable_sealed_on_a_disk() {
    pieces_and_kills(sealed(Server::on(Engine::Sqlite), "local")).await;
}

fn sealed(builder: Builder, store: &str) -> Builder {
    builder
        .set(
            "CUMULI_SEAL_KEYS",
            "a key that seals what is stored and is long enough",
        )
        .set("CUMULI_SEAL_STORES", store)
}
