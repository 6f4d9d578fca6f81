//! The clients that people have already: each flow that a seed document prints, as printed.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{Engine, PATIENCE, Server, finished, told, until};

/// The commands that the sync tool's document prints, word by word.
const REGISTER: &str = r#"curl -X POST http://localhost:8000/auth/register \
  -H "Content-Type: application/json" \
  -d '{"email":"test@example.com","password":"testpass123","full_name":"Test User"}'"#;
const LOGIN: &str = r#"curl -X POST http://localhost:8000/auth/login \
  -H "Content-Type: application/json" \
  -d '{"email":"test@example.com","password":"testpass123"}'"#;
const UPLOAD: &str = r#"curl -X POST http://localhost:8000/api/v1/upload \
  -H "Authorization: Bearer TOKEN" \
  -F "file=@/path/to/file.pdf" \
  -F "sync_google=true""#;
const LIST: &str = r#"curl -X GET http://localhost:8000/api/v1/files \
  -H "Authorization: Bearer TOKEN""#;

/// A terminal in which somebody types the printed commands.
struct Terminal {
    base: String,
    token: String,
    file: PathBuf,
}

impl Terminal {
    /// Runs a printed command with the address, the token and the path of this test in it.
    async fn run(&self, printed: &str) -> Value {
        let command = printed
            .replace("http://localhost:8000", &self.base)
            .replace("TOKEN", &self.token)
            .replace("/path/to/file.pdf", self.file.to_str().unwrap());
        let output = finished(Command::new("sh").args(["-c", &command]), PATIENCE).await;
        assert!(output.status.success(), "{command}\n{}", told(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", told(&output)))
    }
}

#[tokio::test]
async fn the_printed_curl_commands_of_the_sync_tool_work() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let folder = tempfile::tempdir().unwrap();
        let mut terminal = Terminal {
            base: server.address().to_owned(),
            token: String::new(),
            file: folder.path().join("paper.pdf"),
        };
        std::fs::write(&terminal.file, b"%PDF-1.4 all of it").unwrap();

        let registered = terminal.run(REGISTER).await;
        let signed_in = terminal.run(LOGIN).await;
        assert_eq!(registered["user_id"], signed_in["user_id"]);
        assert_eq!(signed_in["email"], "test@example.com");
        assert_eq!(signed_in["full_name"], "Test User");
        assert_eq!(signed_in["token_type"], "bearer");
        terminal.token = signed_in["access_token"].as_str().unwrap().to_owned();

        // As printed it asks for Google Drive, which this server does not know.
        let refused = terminal.run(UPLOAD).await;
        assert_eq!(refused["status"], 409, "{refused}");
        assert_eq!(refused["type"], "urn:cumuli:problem:provider_not_configured");
        let detail = refused["detail"].as_str().unwrap();
        assert!(
            detail.contains("Google")
                && detail.contains("not configured")
                && detail.contains("GOOGLE_CLIENT_ID"),
            "{detail}"
        );
        assert_eq!(terminal.run(LIST).await["files"], Value::Array(Vec::new()));

        let stored = terminal
            .run(&UPLOAD.replace("sync_google=true", "sync_google=false"))
            .await;
        assert_eq!(stored["filename"], "paper.pdf", "{stored}");
        assert_eq!(stored["status"], "completed");
        let files = terminal.run(LIST).await["files"].take();
        assert_eq!(files.as_array().unwrap().len(), 1);
        assert_eq!(files[0]["id"], stored["file_id"]);
        assert_eq!(files[0]["filename"], "paper.pdf");
        assert_eq!(files[0]["mime_type"], "application/pdf");
    }
}

#[tokio::test]
async fn a_refused_upload_leaves_no_bytes_behind() {
    let server = Server::start().await;
    let alice = server.user("alice@example.org").await;
    let form = || {
        let file = reqwest::multipart::Part::bytes(vec![7; 300_000]).file_name("big.bin");
        // The bytes come before the wish that is refused.
        reqwest::multipart::Form::new()
            .part("file", file)
            .text("sync_azure", "true")
    };

    let request = alice.request(reqwest::Method::POST, "/api/v1/upload");
    let refused = alice.send(request.multipart(form())).await.expect(409);

    assert!(refused.text().contains("Azure"), "{}", refused.text());
    until(async || stored_files(&server.data()) == 0).await;
}

/// Contents that lie in the data folder.
fn stored_files(data: &Path) -> usize {
    let mut count = 0;
    let mut folders = vec![data.join("content")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.metadata().unwrap().len() > 10_000 {
                count += 1;
            }
        }
    }
    count
}

#[tokio::test]
async fn a_browser_program_of_the_sync_tool_works() {
    for engine in Engine::all() {
        let server = Server::on(engine)
            .set("CORS_ORIGINS", "http://localhost:3000,http://127.0.0.1:3000")
            .start()
            .await;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/seeds/sync_tool.mjs");

        let output = finished(Command::new("node").arg(script).arg(server.address()), PATIENCE).await;

        assert!(output.status.success(), "{}", told(&output));
        assert!(told(&output).contains("every flow works"), "{}", told(&output));
    }
}
