//! The server as a process: how it starts, says so, ends, and comes back.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;

use crate::harness::{Engine, Server, until};

#[tokio::test]
async fn a_server_without_settings_starts_answers_and_ends() {
    let mut server = Server::start().await;

    server.client().get("/health").await.expect(200);
    server.client().get("/health/ready").await.expect(200);

    assert_eq!(server.stop().await.code(), Some(0));
    assert!(server.data().join("cumuli.db").exists());
}

#[tokio::test]
async fn a_killed_server_comes_back_on_the_same_data() {
    for engine in Engine::all() {
        let mut server = Server::on(engine).start().await;
        server.user("alice@example.org").await;

        server.kill().await;
        server.restart().await;

        let alice = server
            .sign_in("alice@example.org", "alice@example.org has a long password")
            .await;
        assert_eq!(
            alice.get("/api/v1/me").await.expect(200).json()["email"],
            "alice@example.org"
        );
    }
}

#[tokio::test]
async fn a_sign_in_survives_a_restart() {
    let mut server = Server::start().await;
    let alice = server.user("alice@example.org").await;
    let request = alice.request(reqwest::Method::GET, "/api/v1/me").build().unwrap();
    let token = request.headers()["authorization"]
        .to_str()
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned();

    server.stop().await;
    server.restart().await;

    let mut alice = server.client();
    alice.sign_in(&token);
    alice.get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn everything_kept_is_closed_to_other_users() {
    let server = Server::start().await;
    let mode = |path: &str| {
        let path = server.data().join(path);
        std::fs::metadata(&path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
            .permissions()
            .mode()
            & 0o777
    };

    assert_eq!(mode(""), 0o700);
    assert_eq!(mode("keys"), 0o700);
    assert_eq!(mode("keys/secret.key"), 0o600);
    assert_eq!(mode("setup-code"), 0o600);
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start().await;

    let second = server.run(&["serve"], "").await;

    assert_eq!(second.code, Some(1));
    let expected = format!("another server (process {}) runs here", server.process_id());
    assert!(second.err.contains(&expected), "{second:?}");
    server.client().get("/health").await.expect(200);
}

#[tokio::test]
async fn a_second_server_on_the_same_database_is_refused() {
    let elsewhere = tempfile::tempdir().unwrap();
    let url = format!("sqlite:///{}", elsewhere.path().join("one.db").display());
    let _first = Server::on(Engine::Sqlite).set("DATABASE_URL", &url).start().await;
    let other = tempfile::tempdir().unwrap();

    let second = std::process::Command::new(crate::harness::program())
        .env_clear()
        .env("DATABASE_URL", &url)
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(other.path())
        .output()
        .unwrap();

    assert_eq!(second.status.code(), Some(1));
    let complaint = String::from_utf8(second.stderr).unwrap();
    assert!(
        complaint.contains("another server") && complaint.contains("one.db.lock"),
        "{complaint}"
    );
}

#[tokio::test]
async fn an_address_that_is_taken_is_told_before_anything_is_made() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();

    let second = std::process::Command::new(crate::harness::program())
        .env_clear()
        .args(["serve", "--listen", server.host()])
        .current_dir(folder.path())
        .output()
        .unwrap();

    assert_eq!(second.status.code(), Some(1));
    let complaint = String::from_utf8(second.stderr).unwrap();
    assert!(
        complaint.contains(&format!("another program listens on {}", server.host())),
        "{complaint}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_secret_that_others_may_read_stops_the_start() {
    let mut server = Server::start().await;
    server.stop().await;
    let path = server.data().join("keys/secret.key");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();

    let refused = server.run(&["serve"], "").await;

    assert_eq!(refused.code, Some(1));
    assert!(
        refused.err.contains("other users of this machine may read"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn the_setup_code_goes_when_there_is_an_account() {
    let mut server = Server::start().await;
    let line = server.line_with("needs this setup code: ").await;
    let code = line.rsplit(' ').next().unwrap().to_owned();
    let path = server.data().join("setup-code");
    assert_eq!(std::fs::read_to_string(&path).unwrap().trim(), code);

    server.user("alice@example.org").await;

    until(async || !path.exists()).await;
    server.stop().await;
    server.restart().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn systemd_is_told_when_it_is_ready_and_when_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut server = Server::on(Engine::Sqlite)
        .set("NOTIFY_SOCKET", path.display())
        .start()
        .await;
    let heard = || {
        let mut buffer = [0; 64];
        let count = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    };

    assert_eq!(heard(), "READY=1\n");
    server.stop().await;
    assert_eq!(heard(), "STOPPING=1\n");
}

#[tokio::test]
async fn logs_are_json_in_production() {
    let mut server = Server::on(Engine::Sqlite).set("ENV", "production").start().await;
    server.signal("TERM");
    until(async || server.logs().contains("ended; every request")).await;
    let logs = server.logs();
    server.ended().await;

    for line in logs.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn metrics_have_an_address_of_their_own() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = Server::on(Engine::Sqlite)
        .set("CUMULI_METRICS_LISTEN", format!("127.0.0.1:{port}"))
        .start()
        .await;

    let metrics = crate::harness::Client::new(&format!("http://127.0.0.1:{port}"));
    let reply = metrics.get("/metrics").await.expect(200);

    assert!(
        reply.header("content-type").starts_with("text/plain"),
        "{reply:?}"
    );
    for name in [
        "process_resident_memory_bytes",
        "process_open_fds",
        "cumuli_uptime_seconds",
        "cumuli_connections",
    ] {
        assert!(reply.text().contains(name), "{name} in {}", reply.text());
    }
    metrics.get("/health").await.expect(404);
    server.client().get("/health").await.expect(200);
}

#[tokio::test]
async fn the_server_does_its_chores_and_a_node_without_workers_leaves_them() {
    for engine in Engine::all() {
        let mut server = Server::on(engine).set("CUMULI_WORKERS", "0").start().await;
        let alice = server.user("alice@example.org").await;
        let chores = async |client: &crate::harness::Client| {
            let jobs = client.get("/api/v1/jobs?all=true").await.expect(200).json();
            let states = jobs["jobs"]
                .as_array()
                .unwrap()
                .iter()
                .map(|job| job["status"].to_string());
            states.collect::<Vec<_>>()
        };
        assert!(chores(&alice).await.is_empty());
        server.stop().await;
        let mut server = server.with("CUMULI_WORKERS", "2");

        server.restart().await;

        let alice = server
            .sign_in("alice@example.org", "alice@example.org has a long password")
            .await;
        until(async || {
            let states = chores(&alice).await;
            states.len() >= 3 && states.iter().all(|state| state == "\"completed\"")
        })
        .await;
    }
}

#[tokio::test]
async fn commands_work_beside_the_server() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;

        let alice = server.user("alice@example.org").await;
        alice.get("/api/v1/me").await.expect(200);
        let disabled = server
            .run(
                &["user", "add", "bob@example.org", "--admin", "--password-stdin"],
                "long enough",
            )
            .await;
        assert!(disabled.is_success(), "{disabled:?}");
        let disabled = server.run(&["user", "disable", "alice@example.org"], "").await;
        assert!(disabled.is_success(), "{disabled:?}");

        alice.get("/api/v1/me").await.expect(401);
    }
}
