//! The hub of connectors: what its document prints, by somebody who is signed in.

use std::process::Command;

use serde_json::{Value, json};

use super::on_a_server;
use crate::harness::{PATIENCE, Server, finished, told};

/// The commands that the document prints, word by word.
const USERS: &str = "curl http://localhost:8000/users";
const SYNC: &str = "curl -X POST http://localhost:8000/sync";
const SYNC_ONE: &str = r#"curl -X POST http://localhost:8000/sync -H "Content-Type: application/json" -d '{"source_type": "onedrive"}'"#;

/// Runs a printed command; with a token, if there is one.
async fn run(server: &Server, printed: &str, token: Option<&str>) -> Value {
    let mut command = printed.replace("http://localhost:8000", server.address());
    if let Some(token) = token {
        command += &format!(" -H 'Authorization: Bearer {token}'");
    }
    let output = finished(Command::new("sh").args(["-c", &command]), PATIENCE).await;
    assert!(output.status.success(), "{command}\n{}", told(&output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", told(&output)))
}

#[tokio::test]
async fn the_printed_commands_work_with_a_token_and_tell_nothing_without() {
    on_a_server(async |server, alice, _| {
        for printed in [USERS, SYNC, SYNC_ONE] {
            let refused = run(&server, printed, None).await;
            assert_eq!(refused, json!({"detail": "Not authenticated"}), "{printed}");
        }

        let token = Some(alice.token());
        assert_eq!(run(&server, USERS, token).await, json!([]));
        for printed in [SYNC, SYNC_ONE] {
            let started = run(&server, printed, token).await;
            assert_eq!(started["target_providers"], json!([]), "{printed}");
            let message = started["message"].as_str().unwrap();
            assert!(message.contains("No drive is linked"), "{message}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_configuration_names_what_the_settings_name() {
    let server = Server::start().await;
    let config = server.client().get("/config").await.expect(200).json();
    assert_eq!(
        config,
        json!({"available_providers": [], "mode": "multi-provider"})
    );

    let server = Server::on(crate::harness::Engine::Sqlite)
        .set("GOOGLE_CLIENT_ID", "id.apps.googleusercontent.com")
        .set("GOOGLE_CLIENT_SECRET", "secret")
        .set(
            "GOOGLE_REDIRECT_URI",
            "http://localhost:8000/auth/google/callback",
        )
        .start()
        .await;
    let config = server.client().get("/config").await.expect(200).json();
    assert_eq!(config["available_providers"], json!(["google"]));
}

#[tokio::test]
async fn only_known_sources_are_synchronised() {
    on_a_server(async |_, alice, _| {
        for source in ["both", "google", "onedrive"] {
            let sync = json!({"source_type": source});
            alice.post("/sync", &sync).await.expect(200);
        }
        for source in ["dropbox", ""] {
            let refused = alice.post("/sync", &json!({"source_type": source})).await;
            let detail = refused.expect(422).json()["detail"].take();
            assert_eq!(detail[0]["loc"], json!(["body", "source_type"]));
            assert_eq!(detail[0]["type"], "enum");
        }
    })
    .await;
}
