//! The commands of the real program.

use crate::harness::{Engine, Server};

#[tokio::test]
async fn accounts_are_added_listed_and_changed() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let run = async |arguments: &[&str], input: &str| {
            let outcome = server.run(arguments, input).await;
            assert!(outcome.is_success(), "{arguments:?}: {outcome:?}");
            outcome.out
        };

        let first = run(
            &[
                "user",
                "add",
                "Alice@Example.org",
                "--name",
                "Alice A",
                "--password-stdin",
            ],
            "long enough\n",
        );
        assert_eq!(first.await, "alice@example.org: added as admin\n");
        let second = run(
            &["user", "add", "bob@example.org", "--password-stdin"],
            "long enough",
        );
        assert_eq!(second.await, "bob@example.org: added as user\n");
        run(&["user", "quota", "bob@example.org", "50GiB"], "").await;
        run(&["user", "disable", "bob@example.org"], "").await;
        let list = run(&["user", "list"], "").await;
        let lines: Vec<Vec<&str>> = list
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines[0][..3], ["E-MAIL", "NAME", "ROLE"]);
        assert_eq!(
            lines[1][..5],
            ["alice@example.org", "Alice", "A", "admin", "active"]
        );
        assert_eq!(
            lines[2][..6],
            ["bob@example.org", "user", "disabled", "0", "B", "50.0"]
        );

        run(&["user", "enable", "bob@example.org"], "").await;
        run(&["user", "make-admin", "bob@example.org"], "").await;
        run(&["user", "make-user", "alice@example.org"], "").await;
        run(&["user", "quota", "bob@example.org", "default"], "").await;
        run(
            &["user", "password", "bob@example.org", "--password-stdin"],
            "another long one",
        )
        .await;
        server.sign_in("bob@example.org", "another long one").await;
        server
            .client()
            .post(
                "/auth/login",
                &serde_json::json!({"email": "bob@example.org", "password": "long enough"}),
            )
            .await
            .expect(401);
    }
}

#[tokio::test]
async fn what_cannot_be_done_to_an_account_is_told() {
    let server = Server::start().await;
    server.user("alice@example.org").await;
    for (arguments, input, words) in [
        (
            &["user", "add", "alice@example.org", "--password-stdin"][..],
            "long enough",
            "exists",
        ),
        (
            &["user", "add", "bob", "--password-stdin"],
            "long enough",
            "name@example.org",
        ),
        (
            &["user", "add", "bob@example.org", "--password-stdin"],
            "short",
            "password",
        ),
        (
            &["user", "disable", "bob@example.org"],
            "",
            "there is no account bob@example.org",
        ),
        (
            &["user", "disable", "alice@example.org"],
            "",
            "last administrator",
        ),
        (
            &["user", "make-user", "alice@example.org"],
            "",
            "last administrator",
        ),
        (
            &["user", "quota", "alice@example.org", "much"],
            "",
            "the quota is wrong: `much` is not a size",
        ),
        (&["token", "revoke", "alice@example.org", "x"], "", "not an id"),
        (&["token", "create", "alice@example.org", ""], "", "label"),
        (
            &[
                "token",
                "revoke",
                "alice@example.org",
                "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f",
            ],
            "",
            "has no password 0190c2a4",
        ),
    ] {
        let outcome = server.run(arguments, input).await;

        assert_eq!(outcome.code, Some(1), "{arguments:?}: {outcome:?}");
        assert!(
            outcome.err.starts_with("error: ") && outcome.err.contains(words),
            "{arguments:?}: {outcome:?}"
        );
        assert_eq!(outcome.out, "");
    }
}

#[tokio::test]
async fn a_password_for_a_program_opens_the_api_until_it_is_taken_back() {
    let server = Server::start().await;
    server.user("alice@example.org").await;
    let made = server
        .run(&["token", "create", "alice@example.org", "backup script"], "")
        .await;
    let secret = made.out.trim();
    let opens = async || {
        let client = server.client();
        let request = client.request(reqwest::Method::GET, "/api/v1/me");
        client
            .send(request.basic_auth("alice@example.org", Some(secret)))
            .await
            .status
    };
    assert_eq!(opens().await, 200);

    let list = server.run(&["token", "list", "alice@example.org"], "").await.out;
    let line = list.lines().nth(1).unwrap();
    assert!(line.contains("backup script"), "{list}");
    let id = line.split_whitespace().next().unwrap();
    let revoked = server
        .run(&["token", "revoke", "alice@example.org", id], "")
        .await;
    assert!(revoked.is_success(), "{revoked:?}");

    assert_eq!(opens().await, 401);
}

#[tokio::test]
async fn an_invitation_lets_one_person_register() {
    let server = Server::on(Engine::Sqlite)
        .set("CUMULI_SIGNUP", "invite")
        .start()
        .await;
    server.user("alice@example.org").await;
    let invite = server.run(&["token", "invite"], "").await.out.trim().to_owned();
    let register = async |email: &str| {
        let body = serde_json::json!({"email": email, "password": "long enough", "invite": invite});
        server.client().post("/auth/register", &body).await.status
    };

    assert_eq!(register("bob@example.org").await, 201);
    assert_eq!(register("carol@example.org").await, 403);
}

#[tokio::test]
async fn the_doctor_finds_a_good_installation_good() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;

        let outcome = server.run(&["doctor"], "").await;

        assert!(outcome.is_success(), "{outcome:?}");
        for words in [
            "settings",
            "open files",
            "data folder",
            "clock",
            "schema",
            "database",
            "store",
            "flush",
        ] {
            assert!(outcome.out.contains(words), "{words} in {}", outcome.out);
        }
        assert!(!outcome.out.contains("BAD"), "{}", outcome.out);
    }
}

#[tokio::test]
async fn the_doctor_finds_what_is_wrong() {
    let mut server = Server::start().await;
    server.stop().await;
    std::fs::write(
        server.data().join("cumuli.db"),
        "this is no database, and long enough to be read as one",
    )
    .unwrap();
    for name in ["cumuli.db-wal", "cumuli.db-shm"] {
        let _ = std::fs::remove_file(server.data().join(name));
    }

    let outcome = server.run(&["doctor"], "").await;

    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.out.contains("BAD"), "{outcome:?}");
}

#[test]
fn a_slip_in_the_name_of_the_data_folder_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, code, words) in [
        (&["fsck"][..], 1, "there is no data folder ./nowhere"),
        (&["user", "list"], 1, "there is no data folder ./nowhere"),
        (
            &["user", "list", "--data", "./void"],
            1,
            "there is no data folder ./void",
        ),
        (
            &["user", "--data", "./void", "list"],
            1,
            "there is no data folder ./void",
        ),
        (&["token", "invite"], 1, "there is no data folder ./nowhere"),
        (&["doctor"], 0, "there is no ./nowhere yet"),
    ] {
        let output = std::process::Command::new(crate::harness::program())
            .env_clear()
            .env("CUMULI_DATA", "./nowhere")
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .unwrap();
        let said = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );

        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "{arguments:?}"
        );
    }
}

#[tokio::test]
async fn fsck_tells_damage_by_its_exit_code() {
    for engine in Engine::all() {
        let server = Server::on(engine).set("CUMULI_INLINE_BYTES", "0").start().await;
        let alice = server.user("alice@example.org").await;
        let content = vec![7_u8; 100_000];
        alice
            .put("/api/v1/folders/root/files/a.bin", content)
            .await
            .expect(201);
        for arguments in [&["fsck"][..], &["fsck", "--verify"]] {
            let outcome = server.run(arguments, "").await;
            assert!(
                outcome.is_success() && outcome.out.contains("0 damaged"),
                "{outcome:?}"
            );
        }
        let path = stored_file(&server.data().join("content"));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[500] ^= 1;
        std::fs::write(&path, &bytes).unwrap();

        assert!(
            server.run(&["fsck"], "").await.is_success(),
            "its length is right"
        );
        let verified = server.run(&["fsck", "--verify"], "").await;
        assert_eq!(verified.code, Some(3), "{verified:?}");
        assert!(verified.out.contains("has the wrong digest"), "{verified:?}");
        std::fs::remove_file(&path).unwrap();
        let missing = server.run(&["fsck"], "").await;
        assert_eq!(missing.code, Some(3), "{missing:?}");
        assert!(missing.out.contains("is missing"), "{missing:?}");
    }
}

/// The one file of 100,000 bytes below a folder.
fn stored_file(folder: &std::path::Path) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.metadata().unwrap().len() == 100_000 {
                return path;
            }
        }
    }
    panic!("no stored file");
}

#[tokio::test]
async fn the_api_document_is_printed_without_data() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(crate::harness::program())
        .env_clear()
        .arg("openapi")
        .current_dir(folder.path())
        .output()
        .unwrap();

    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();

    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert!(document["paths"]["/health"].is_object());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn migrate_says_what_it_did() {
    let mut server = Server::start().await;
    server.stop().await;

    let again = server.run(&["migrate"], "").await;

    assert!(
        again.is_success() && again.out.contains("is up to date"),
        "{again:?}"
    );
    std::fs::remove_dir_all(server.data()).unwrap();
    let first = server.run(&["migrate"], "").await;
    assert!(
        first.is_success() && first.out.contains("from version 0 to"),
        "{first:?}"
    );
}

#[tokio::test]
async fn settings_are_shown_with_their_sources_and_without_secrets() {
    let server = Server::on(Engine::Sqlite)
        .set("SECRET_KEY", "a secret that nobody may ever see!")
        .start()
        .await;

    let shown = server.run(&["settings", "show"], "").await;

    assert!(shown.is_success(), "{shown:?}");
    let has = |words: &[&str]| {
        shown.out.lines().any(|line| {
            line.split_whitespace()
                .take(words.len())
                .eq(words.iter().copied())
        })
    };
    assert!(has(&["SECRET_KEY", "***", "the", "environment"]), "{}", shown.out);
    assert!(
        has(&["CUMULI_LISTEN", "127.0.0.1:0", "the", "environment"]),
        "{}",
        shown.out
    );
    assert!(!shown.out.contains("nobody may"), "{}", shown.out);
}

#[tokio::test]
async fn every_command_teaches_with_examples() {
    let folder = tempfile::tempdir().unwrap();
    for command in [
        "",
        "serve",
        "migrate",
        "migrate-cloud",
        "user",
        "token",
        "doctor",
        "fsck",
        "openapi",
        "settings",
    ] {
        let output = std::process::Command::new(crate::harness::program())
            .env_clear()
            .args(command.split_whitespace())
            .arg("--help")
            .current_dir(folder.path())
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();

        assert!(output.status.success(), "{command}");
        assert!(
            help.contains("Examples:\n") && help.contains("cumuli "),
            "{command}: {help}"
        );
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error_and_a_full_disk_is() {
    let folder = tempfile::tempdir().unwrap();
    let print = |out: std::process::Stdio| {
        std::process::Command::new(crate::harness::program())
            .env_clear()
            .args(["settings", "markdown"])
            .current_dir(folder.path())
            .stdout(out)
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };

    let mut gone = print(std::process::Stdio::piped());
    drop(gone.stdout.take());
    let gone = gone.wait_with_output().unwrap();
    assert!(gone.status.success(), "{gone:?}");
    assert!(gone.stderr.is_empty(), "{gone:?}");

    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let full = print(full.into()).wait_with_output().unwrap();
    assert_eq!(full.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&full.stderr).starts_with("error: "),
        "{full:?}"
    );
}
