use super::{BIG, SMALL, files_below, through_server, upload};
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Engine, Server, blobs_of};

const OLD: &str = "the first key of the tests and long enough for one";
const NEW: &str = "the second key of the tests and long enough for one";

#[tokio::test]
async fn a_store_that_is_not_trusted_sees_nothing_and_keys_can_be_changed() {
    let s3s = S3s::start();
    let mut server = Server::on_s3(Engine::Sqlite, &s3s)
        .set("CUMULI_SEAL_STORES", "s3")
        .set("CUMULI_SEAL_KEYS", OLD)
        .start()
        .await;
    let client = server.user("a@example.org").await;
    let (big, small) = (
        upload(&client, "big", BIG).await,
        upload(&client, "small", SMALL).await,
    );

    for path in files_below(&blobs_of(&s3s)) {
        let stored = std::fs::read(path).unwrap();
        for piece in [&BIG.bytes()[20..60], &SMALL.bytes()[20..60]] {
            assert!(!stored.windows(piece.len()).any(|window| window == piece));
        }
    }
    // Nobody but the server can open it, so nobody is sent to the bucket.
    let reply = client
        .get(&format!("/api/v1/files/{big}/content"))
        .await
        .expect(200);
    assert!(reply.body == BIG.bytes());
    let part = client.request(reqwest::Method::GET, &format!("/api/v1/files/{big}/content"));
    let part = client
        .send(part.header("range", "bytes=65530-131080"))
        .await
        .expect(206);
    assert!(part.body == BIG.bytes()[65_530..131_081]);

    server.stop().await;
    let mut server = server.with("CUMULI_SEAL_KEYS", format!("{NEW},{OLD}"));
    server.restart().await;
    let client = server.again(&client);
    assert!(through_server(&client, &small).await == SMALL.bytes());
    let resealed = server.run(&["store", "reseal"], "").await;
    assert!(resealed.is_success(), "{resealed:?}");
    server.stop().await;

    let mut server = server.with("CUMULI_SEAL_KEYS", NEW);
    server.restart().await;
    let client = server.again(&client);
    assert!(through_server(&client, &big).await == BIG.bytes());
    assert!(through_server(&client, &small).await == SMALL.bytes());
    server.stop().await;

    let mut server = server.with("CUMULI_SEAL_KEYS", OLD);
    let refused = server.run(&["serve"], "").await;
    assert!(refused.err.contains("CUMULI_SEAL_KEYS"), "{refused:?}");
    server = server.with("CUMULI_SEAL_KEYS", NEW);
    let checked = server.run(&["fsck", "--verify"], "").await;
    assert!(checked.is_success(), "{checked:?}");
}
