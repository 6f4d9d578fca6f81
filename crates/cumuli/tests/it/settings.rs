//! Wrong settings stop the real program with sentences.

use std::path::Path;

use crate::harness::{Outcome, program};

/// Runs `cumuli serve` in an empty folder with these variables and flags; it must not start.
fn serve(variables: &[(&str, &str)], flags: &[&str], files: &[(&str, &str)]) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let output = std::process::Command::new(program())
        .env_clear()
        .envs(variables.iter().copied())
        .arg("serve")
        .args(flags)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| files.iter().any(|(file, _)| Path::new(file) == name)),
        "{left:?} was made"
    );
    Outcome {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[track_caller]
fn refused(outcome: &Outcome, words: &[&str]) {
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_eq!(outcome.out, "");
    for word in words {
        assert!(outcome.err.contains(word), "{word:?} in {}", outcome.err);
    }
}

#[test]
fn a_wrong_variable_is_refused_with_its_name_and_an_example() {
    for (name, text, what, example) in [
        (
            "CUMULI_LISTEN",
            "8000",
            "is not an address with a port",
            "`0.0.0.0:8000`",
        ),
        ("CUMULI_LISTEN", "127.0.0.1", "has no port", "`0.0.0.0:8000`"),
        (
            "CUMULI_PUBLIC_URL",
            "drive.example.org",
            "is not a URL",
            "`https://drive.example.org`",
        ),
        (
            "CUMULI_PUBLIC_URL",
            "https://example.org/drive",
            "holds a path",
            "`https://drive.example.org`",
        ),
        ("ENV", "prodcution", "is none of the words", "`production`"),
        (
            "ENVIRONMENT",
            "prodcution",
            "is none of the words",
            "`production`",
        ),
        (
            "CUMULI_TRUSTED_PROXIES",
            "10.0.0.0/40",
            "is not a network",
            "`127.0.0.1, 10.0.0.0/8`",
        ),
        (
            "CORS_ORIGINS",
            "localhost:3000",
            "is not a URL",
            "`http://localhost:3000,https://app.example.org`",
        ),
        (
            "FRONTEND_URL",
            "javascript:alert(1)",
            "is not a URL",
            "`https://app.example.org`",
        ),
        ("CUMULI_MAX_CONNECTIONS", "0", "is not within", "`4096`"),
        (
            "CUMULI_MAX_CONNECTIONS",
            "many",
            "is not a whole number",
            "`4096`",
        ),
        ("CUMULI_DRAIN_TIMEOUT", "30", "has no unit", "`2m`"),
        ("CUMULI_DRAIN_TIMEOUT", "2h", "is too long", "`2m`"),
        ("CUMULI_PAGE_DIR", "/nowhere/at/all", "there is no folder", "`.`"),
        (
            "DATABASE_URL",
            "mysql://me:geheim@host/db",
            "is not a database",
            "`postgresql://",
        ),
        (
            "DATABASE_URL",
            "postgresql://me:geheim@host",
            "names no database",
            "`postgresql://",
        ),
        (
            "DATABASE_URL",
            "sqlite:///:memory:",
            "in memory",
            "`postgresql://",
        ),
        ("CUMULI_DB_PORT", "99999", "is not within", "`5432`"),
        (
            "STORAGE_BACKEND",
            "b2",
            "for the store `b2` set B2_BUCKET",
            "`local`",
        ),
        (
            "STORAGE_BACKEND",
            "floppy",
            "there is no store `floppy`",
            "`local`",
        ),
        ("STORAGE_BACKEND", "A:", "is not the name of a store", "`local`"),
        (
            "CUMULI_INLINE_BYTES",
            "2MiB",
            "is more than 1048576 bytes",
            "`64KiB`",
        ),
        ("CUMULI_MAX_FILE_BYTES", "0", "is too small", "`10GiB`"),
        ("CUMULI_MAX_FILE_BYTES", "10 pounds", "is not a size", "`10GiB`"),
        ("CUMULI_DEFAULT_QUOTA_BYTES", "-1", "is not a size", "`50GiB`"),
        ("CUMULI_KEEP_VERSIONS", "1.5", "is not a whole number", "`10`"),
        ("CUMULI_KEEP_VERSIONS_FOR", "soon", "is not a duration", "`90d`"),
        ("CUMULI_KEEP_TRASH_FOR", "30", "has no unit", "`7d`"),
        ("CUMULI_SWEEP_GRACE", "0s", "is too short", "`48h`"),
        ("CUMULI_UPLOAD_EXPIRY", "0s", "is too short", "`1d`"),
        ("CUMULI_SCRUB_EVERY", "7 moons", "is not a duration", "`30d`"),
        ("CUMULI_WORKERS", "65", "is not within", "`2`"),
        (
            "CUMULI_UNSAFE_NO_FLUSH",
            "perhaps",
            "is none of the words",
            "`false`",
        ),
        ("CUMULI_SIGNUP", "everybody", "is none of the words", "`invite`"),
        (
            "SECRET_KEY",
            "geheim",
            "it has 6 characters and needs at least 32",
            "`openssl rand",
        ),
        (
            "TOKEN_ENCRYPTION_KEY",
            "geheim",
            "it has 6 characters and needs",
            "`openssl rand",
        ),
        ("SECRET_KEY_FILE", "/nowhere", "cannot be read", "/nowhere"),
        (
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "0",
            "is not within 1 to 1440",
            "`30`",
        ),
        (
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "1441",
            "is not within 1 to 1440",
            "`30`",
        ),
        ("CUMULI_REFRESH_TOKEN_EXPIRE", "10y", "is not a duration", "`7d`"),
        (
            "CUMULI_LOG",
            "hub=loud",
            "is not a log filter",
            "`info,hub=debug`",
        ),
        ("CUMULI_LOG_FORMAT", "xml", "is none of the words", "`json`"),
        (
            "CUMULI_METRICS_LISTEN",
            "9090",
            "is not an address",
            "`127.0.0.1:9090`",
        ),
        (
            "CUMULI_METRICS_TOKEN",
            "geheim",
            "it has 6 characters and needs at least 16",
            "`openssl",
        ),
        (
            "GOOGLE_REDIRECT_URI",
            "localhost/callback",
            "is not a URL",
            "`https://drive",
        ),
        (
            "CUMULI_OIDC_ISSUER",
            "http://id.example.org",
            "does not begin with https:// and is not on this machine",
            "`https://id.example.org/realms/main`",
        ),
        (
            "CUMULI_GOOGLE_TOKEN_URL",
            "http://10.0.0.1/token",
            "does not begin with https://",
            "`http://127.0.0.1:9001/token`",
        ),
        (
            "CUMULI_OIDC_CLIENT_ID",
            "cumuli",
            "it needs CUMULI_OIDC_ISSUER",
            "`cumuli`",
        ),
        ("B2_ENDPOINT", "s3.example.org", "is not a URL", "`https://s3."),
        (
            "CUMULI_GRAPH_URL",
            "http://",
            "is not a URL",
            "`https://graph.microsoft.us/v1.0`",
        ),
        (
            "CUMULI_LISTN",
            "127.0.0.1:1",
            "is not a setting",
            "did you mean CUMULI_LISTEN?",
        ),
        (
            "CUMULI_CONFIG",
            "/nowhere.toml",
            "cannot be read",
            "/nowhere.toml",
        ),
    ] {
        let outcome = serve(&[(name, text)], &[], &[]);

        refused(&outcome, &["error: ", what, example]);
        if name != "CUMULI_CONFIG" {
            assert!(
                outcome.err.contains(&format!("{name} from the environment")),
                "{}",
                outcome.err
            );
        }
        assert!(!outcome.err.contains("geheim"), "{}", outcome.err);
        assert_eq!(outcome.err.lines().count(), 1, "one sentence: {}", outcome.err);
    }
}

#[test]
fn the_sentence_says_where_the_setting_came_from() {
    let flag = serve(&[], &["--workers", "many"], &[]);
    refused(
        &flag,
        &["--workers from the command line: `many` is not a whole number"],
    );

    let dot_env = serve(&[], &[], &[(".env", "CUMULI_WORKERS=many")]);
    refused(&dot_env, &["CUMULI_WORKERS from the file .env: `many`"]);

    let file = serve(&[], &[], &[("cumuli.toml", "workers = 'many'")]);
    refused(&file, &["workers from the file ./cumuli.toml: `many`"]);

    let named = serve(&[], &["--config", "mine.toml"], &[("mine.toml", "wrokers = 3")]);
    refused(
        &named,
        &["wrokers from the file mine.toml is not a setting: did you mean workers?"],
    );
}

#[test]
fn everything_wrong_is_told_at_once() {
    let outcome = serve(
        &[("CUMULI_WORKERS", "many"), ("CUMULI_LISTEN", "here")],
        &["--signup", "maybe"],
        &[("cumuli.toml", "colour = 'blue'")],
    );

    refused(
        &outcome,
        &[
            "4 settings are wrong",
            "CUMULI_WORKERS",
            "CUMULI_LISTEN",
            "--signup",
            "colour",
        ],
    );
}

#[test]
fn secrets_have_no_flag_but_their_file_has() {
    let outcome = serve(&[], &["--secret-key", "0123456789abcdef0123456789abcdef"], &[]);
    refused(&outcome, &["--secret-key"]);

    let outcome = serve(&[], &["--secret-key-file", "key"], &[("key", "short\n")]);
    refused(
        &outcome,
        &["--secret-key-file from the command line: it has 5 characters"],
    );
}

#[test]
fn production_refuses_what_everybody_knows() {
    let outcome = serve(
        &[
            ("ENV", "production"),
            ("SECRET_KEY", "your-secret-key-min-32-chars-change-in-production"),
        ],
        &[],
        &[],
    );

    refused(
        &outcome,
        &["SECRET_KEY from the environment: it is the placeholder of an example"],
    );
}
