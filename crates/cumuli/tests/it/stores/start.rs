use crate::harness::emulators::s3s::S3s;
use crate::harness::{Engine, Server, s3_settings};

/// What a server that cannot start says.
async fn refusal(settings: Vec<(&'static str, String)>, name: &str, text: &str) -> String {
    let server = Server::start().await;
    let mut server = settings
        .into_iter()
        .fold(server, |server, (name, text)| server.with(name, text))
        .with("STORAGE_BACKEND", "s3")
        .with(name, text);
    server.stop().await;
    let ended = server.run(&["serve"], "").await;
    let is_setting = name == "STORAGE_BACKEND";
    assert_eq!(ended.code, Some(if is_setting { 2 } else { 1 }), "{ended:?}");
    assert!(!ended.err.contains(S3s::SECRET_KEY), "{}", ended.err);
    ended.err
}

#[tokio::test]
async fn a_wrong_key_bucket_or_endpoint_stops_the_start_with_a_sentence() {
    let s3s = S3s::start();
    for (name, text, words) in [
        (
            "AWS_SECRET_ACCESS_KEY",
            "ANOTHER",
            "the secret key is not the one that belongs to the access key",
        ),
        ("AWS_ACCESS_KEY_ID", "NOBODY", "`s3`"),
        (
            "S3_BUCKET_NAME",
            "nowhere",
            "there is no bucket of the name in the settings",
        ),
        ("CUMULI_S3_ENDPOINT", "http://127.0.0.1:1", "it cannot be reached"),
        (
            "STORAGE_BACKEND",
            "b2",
            "set B2_BUCKET, B2_ENDPOINT, B2_ACCESS_KEY and B2_SECRET_KEY",
        ),
    ] {
        let said = refusal(s3_settings(&s3s.endpoint()), name, text).await;
        assert!(said.contains(words), "{name}: {said}");
        assert!(!said.contains("ANOTHER"), "{said}");
    }
}

#[tokio::test]
async fn a_store_belongs_to_one_installation() {
    let s3s = S3s::start();
    let mut first = Server::on_s3(Engine::Sqlite, &s3s).start().await;
    first.stop().await;

    let said = refusal(s3_settings(&s3s.endpoint()), "CUMULI_S3_PREFIX", "").await;
    assert!(said.contains("it belongs to another installation"), "{said}");

    let beside = Server::on_s3(Engine::Sqlite, &s3s).set("CUMULI_S3_PREFIX", "second/");
    beside.start().await;
    first.restart().await;
}

#[tokio::test]
async fn stores_are_listed_with_what_they_can_do() {
    let s3s = S3s::start();
    let server = Server::on_s3(Engine::Sqlite, &s3s).start().await;

    let listed = server.run(&["store", "list"], "").await;
    assert!(listed.is_success(), "{listed:?}");
    let line = listed.out.lines().find(|line| line.starts_with("* s3")).unwrap();
    for word in [
        "works",
        "ranges",
        "signed downloads",
        "direct uploads",
        "conditional writes",
        "checked digests",
    ] {
        assert!(line.contains(word), "{line}");
    }
    assert!(listed.out.contains("  local"), "{}", listed.out);
}
