//! The commands for linked clouds, on the real program.

use std::path::Path;

use crate::harness::{Engine, Server};

/// rclone's file. Its addresses are this machine's, which is not asked: a check ends at once.
const RCLONE: &str = "[nas]\ntype = webdav\nurl = https://127.0.0.1:9/dav\nuser = me\n\
    pass = F5BFH375xMWEAwBc7kBlYHXYt1lr52g\n\
    [aws]\ntype = s3\nprovider = Minio\nendpoint = https://127.0.0.1:9\naccess_key_id = AKIDEXAMPLE\nsecret_access_key = Canary-Canary\n\
    [photos]\ntype = alias\nremote = aws:photos/2026\n\
    [locked]\ntype = crypt\nremote = nas:\n\
    [mine]\ntype = drive\ntoken = {\"refresh_token\":\"Canary-Canary\"}\n";

/// Imports rclone's file without asking anybody, and answers what was said.
async fn import(server: &Server, flags: &[&str]) -> String {
    let arguments = [&["connection", "import", "-", "--no-check"], flags].concat();
    let outcome = server.run(&arguments, RCLONE).await;
    assert!(outcome.is_success(), "{outcome:?}");
    assert!(!format!("{outcome:?}").contains("Canary"), "{outcome:?}");
    outcome.out
}

/// The line of a table that begins with `word`.
#[track_caller]
fn line<'a>(table: &'a str, word: &str) -> &'a str {
    let mut lines = table.lines();
    let found = lines.find(|line| line.split_whitespace().next() == Some(word));
    found.unwrap_or_else(|| panic!("{word} in {table}"))
}

/// What the command answers to a rotation.
async fn rotate(server: &Server) -> String {
    let outcome = server.run(&["token-key", "rotate"], "").await;
    assert!(outcome.is_success(), "{outcome:?}");
    outcome.out
}

/// Whether the credentials of each connection open, by the first step of its check.
async fn open_credentials(server: &Server) -> Vec<bool> {
    let list = server.run(&["connection", "list"], "").await;
    assert!(list.is_success(), "{list:?}");
    let mut opened = Vec::new();
    for id in list
        .out
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
    {
        let check = server.run(&["connection", "check", id], "").await;
        opened.push(
            !check
                .out
                .contains("sealed with a key that this server does not have"),
        );
    }
    opened
}

fn key(server: &Server, name: &str) -> Option<String> {
    std::fs::read_to_string(server.data().join("keys").join(name)).ok()
}

#[tokio::test]
async fn remotes_of_rclone_become_connections_and_each_word_of_it_is_told() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        server.user("alice@example.org").await;
        server.user("bob@example.org").await;

        let dry = import(&server, &["--dry-run", "--user", "bob@example.org"]).await;
        assert!(line(&dry, "nas").contains("would be made"), "{dry}");
        let list = server.run(&["connection", "list"], "").await;
        assert_eq!(list.out.lines().count(), 1, "nothing was made: {list:?}");

        let told = import(&server, &["--user", "bob@example.org"]).await;
        for (remote, words) in [
            ("nas", "made"),
            ("aws", "an alias names the place"),
            ("photos", "made"),
            ("locked", "only rclone can read"),
            ("mine", "rclone's own application"),
        ] {
            assert!(line(&told, remote).contains(words), "{remote}: {told}");
        }
        assert!(
            line(&import(&server, &["--user", "bob@example.org"]).await, "nas").contains("there already")
        );
        // The server's are others than a person's.
        assert!(line(&import(&server, &["--bucket", "aws=more"]).await, "aws").contains("made"));

        let list = server.run(&["connection", "list"], "").await.out;
        assert_eq!(list.matches("bob@example.org").count(), 2, "{list}");
        assert_eq!(list.matches("the server").count(), 3, "{list}");
        let id = list.lines().nth(1).unwrap().split_whitespace().next().unwrap();
        let removed = server.run(&["connection", "remove", id], "").await;
        assert!(
            removed.is_success() && removed.out.contains("removed"),
            "{removed:?}"
        );
        let again = server.run(&["connection", "remove", id], "").await;
        assert!(again.err.contains("connection"), "{again:?}");
        assert!(!again.is_success());
    }
}

#[tokio::test]
async fn what_cannot_be_imported_or_added_is_told() {
    let server = Server::start().await;
    let encrypted = "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nxyz\n";
    for (arguments, input, words) in [
        (&["connection", "import", "-"][..], RCLONE, "no administrator yet"),
        (
            &["connection", "add", "directory", "/srv"],
            "",
            "no administrator yet",
        ),
        (
            &["connection", "import", "-", "--user", "x@example.org"],
            RCLONE,
            "no account x@example.org",
        ),
    ] {
        let outcome = server.run(arguments, input).await;
        assert!(
            !outcome.is_success() && outcome.err.contains(words),
            "{outcome:?}"
        );
    }
    server.user("alice@example.org").await;
    for (arguments, input, words) in [
        (&["connection", "import", "-"][..], encrypted, "is encrypted"),
        (&["connection", "import", "-"], "[a]\nnothing\n", "line 2"),
        (
            &["connection", "import", "/no/such.conf"],
            "",
            "/no/such.conf cannot be read",
        ),
        (
            &["connection", "import", "-", "--bucket", "aws"],
            RCLONE,
            "--bucket minio=photos",
        ),
        (
            &["connection", "import", "-", "--only", "other"],
            RCLONE,
            "no remote `other`",
        ),
        (&["connection", "check", "x"], "", "not an id"),
        (
            &["connection", "remove", "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f"],
            "",
            "connection",
        ),
        (
            &[
                "connection",
                "add",
                "webdav",
                "https://x.example",
                "--secret-stdin",
            ],
            "\n",
            "the secret is empty",
        ),
    ] {
        let outcome = server.run(arguments, input).await;
        assert!(!outcome.is_success(), "{arguments:?}: {outcome:?}");
        assert!(outcome.err.contains(words), "{words} in {outcome:?}");
    }
}

#[tokio::test]
async fn a_folder_below_the_roots_is_connected_and_checked_and_no_other() {
    let outside = tempfile::tempdir().unwrap();
    let roots = tempfile::tempdir().unwrap();
    let media = roots.path().join("media");
    std::fs::create_dir(&media).unwrap();
    std::fs::write(media.join("a.txt"), "a").unwrap();
    let server = Server::on(Engine::Sqlite).set("CUMULI_DIRECTORY_ROOTS", roots.path().display());
    let server = server.start().await;
    server.user("alice@example.org").await;
    let add = async |path: &Path| {
        let path = path.to_str().unwrap();
        server
            .run(&["connection", "add", "directory", path, "--label", "Media"], "")
            .await
    };

    let refused = add(outside.path()).await;
    assert!(
        !refused.is_success() && refused.err.contains("CUMULI_DIRECTORY_ROOTS"),
        "{refused:?}"
    );
    let added = add(&media).await;
    assert!(
        added.is_success() && added.out.contains("connected, Media"),
        "{added:?}"
    );

    let id = added.out.split(':').next().unwrap();
    let check = server.run(&["connection", "check", id], "").await;
    assert!(check.is_success(), "{check:?}");
    assert!(line(&check.out, "list").contains("ok"), "{check:?}");
}

#[tokio::test]
async fn a_rotated_key_seals_everything_anew_while_the_server_runs() {
    let mut server = Server::start().await;
    server.user("alice@example.org").await;
    import(&server, &[]).await;
    let first = key(&server, "tokens.key").unwrap();

    let told = rotate(&server).await;

    assert!(told.contains("2 sealed anew"), "{told}");
    let second = key(&server, "tokens.key").unwrap();
    assert_ne!(first, second);
    assert_eq!(
        key(&server, "tokens-earlier.key"),
        Some(first),
        "the server still runs"
    );
    assert_eq!(open_credentials(&server).await, [true, true]);
    let again = rotate(&server).await;
    assert!(
        again.contains("goes on") && again.contains("0 sealed anew"),
        "{again}"
    );
    assert_eq!(key(&server, "tokens.key").as_ref(), Some(&second));

    server.stop().await;
    server.restart().await;
    assert_eq!(key(&server, "tokens-earlier.key"), None);
    assert_eq!(open_credentials(&server).await, [true, true]);

    server.stop().await;
    let told = rotate(&server).await;
    assert!(told.contains("the earlier key is removed"), "{told}");
    assert_ne!(key(&server, "tokens.key"), Some(second));
    assert_eq!(key(&server, "tokens-earlier.key"), None);
    assert_eq!(open_credentials(&server).await, [true, true]);
}

#[tokio::test]
async fn a_given_key_takes_the_place_of_the_generated_one_and_of_another() {
    for engine in Engine::all() {
        let mut server = Server::on(engine).start().await;
        server.user("alice@example.org").await;
        import(&server, &[]).await;
        server.stop().await;
        // Fernet keys, as the systems before print them.
        let first = "kZ3yJ1nq0l6o9iJ5cY2m8Qm7T4bVhXwGd0RrPpSsUtE=";
        let second = "8Qm7T4bVhXwGd0RrPpSsUtEkZ3yJ1nq0l6o9iJ5cY2m=";

        let server = server.with("TOKEN_ENCRYPTION_KEY", first);
        assert_eq!(open_credentials(&server).await, [true, true]);
        assert!(rotate(&server).await.contains("2 sealed anew"));

        let server = server.with("TOKEN_ENCRYPTION_KEY", second);
        let lost = server.run(&["token-key", "rotate"], "").await;
        assert_eq!(lost.code, Some(3), "{lost:?}");
        assert!(lost.out.contains("2 cannot be opened"), "{lost:?}");
        let server = server.with("CUMULI_OLD_TOKEN_KEYS", first);
        assert_eq!(open_credentials(&server).await, [true, true]);
        assert!(rotate(&server).await.contains("2 sealed anew"));

        let server = server.with("CUMULI_OLD_TOKEN_KEYS", "");
        assert_eq!(open_credentials(&server).await, [true, true]);
        assert!(
            rotate(&server)
                .await
                .contains("0 sealed anew, 2 had the present key already")
        );
    }
}
