use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::table::Fallback;
use super::*;

mod clouds;

/// Sources in a folder of their own.
struct Given {
    folder: tempfile::TempDir,
    flags: Vec<(String, String)>,
    environment: Vec<(OsString, OsString)>,
    config: Option<PathBuf>,
}

impl Given {
    fn nothing() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            flags: Vec::new(),
            environment: Vec::new(),
            config: None,
        }
    }

    fn flag(mut self, name: &str, text: &str) -> Self {
        self.flags.push((name.to_owned(), text.to_owned()));
        self
    }

    fn env(mut self, name: &str, text: &str) -> Self {
        self.environment.push((name.into(), text.into()));
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.folder.path().join(name), text).unwrap();
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self) -> Result<Loaded, SettingsError> {
        Loaded::read(Sources {
            flags: self.flags.clone(),
            config: self.config.clone(),
            environment: self.environment.clone(),
            folder: self.folder.path().to_owned(),
        })
    }

    #[track_caller]
    fn settings(&self) -> Settings {
        self.read().map_err(|error| error.to_string()).unwrap().settings
    }

    #[track_caller]
    fn sentence(&self) -> String {
        self.read().err().expect("the settings are wrong").to_string()
    }
}

/// The text of a file of this repository.
fn repository_file(path: &str) -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    let text = fs::read_to_string(&path).unwrap_or_default();
    (path, text)
}

#[test]
fn nothing_given_is_fine() {
    let settings = Given::nothing().settings();

    assert_eq!(settings.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(settings.data, Path::new("./cumuli-data"));
    assert_eq!(settings.signup_mode(), Signup::Open);
    assert_eq!(settings.log_style(), LogFormat::Text);
    assert_eq!(settings.inline_bytes, 16 * 1024);
    assert_eq!(settings.max_file_bytes, 1 << 40);
    assert_eq!(settings.default_quota_bytes, None);
    assert_eq!(settings.keep_versions_for, None);
    assert_eq!(settings.keep_trash_for, Some(Duration::from_secs(30 * 24 * 3600)));
    assert_eq!(settings.drain_timeout, Duration::from_secs(30));
    assert_eq!(settings.access_token_expire_minutes, 15);
    assert!(settings.database().is_none());
    assert_eq!(
        settings.content_folder(&settings.data),
        Path::new("./cumuli-data/content")
    );
}

#[test]
fn every_default_and_every_example_is_right() {
    for row in TABLE {
        assert_eq!((row.check)(row.example), Ok(()), "example of {}", row.name);
        if let Fallback::Text(text) = row.fallback {
            assert_eq!((row.check)(text), Ok(()), "default of {}", row.name);
        }
    }
}

#[test]
fn names_keys_and_flags_are_unique_and_sentences_are_whole() {
    for (i, row) in TABLE.iter().enumerate() {
        let sentence = row.sentence();
        assert!(
            sentence.ends_with('.') && !sentence.contains("  "),
            "{}: {sentence}",
            row.name
        );
        for other in &TABLE[i + 1..] {
            assert_ne!(row.name, other.name);
            assert_ne!(row.key(), other.key());
            assert_ne!(row.flag(), other.flag());
        }
    }
}

#[test]
fn flags_win_over_environment_over_dot_env_over_file_over_default() {
    let given = Given::nothing();
    assert_eq!(given.settings().workers, 4);
    let given = given.file("cumuli.toml", "workers = 3");
    assert_eq!(given.settings().workers, 3);
    let given = given.file(".env", "CUMULI_WORKERS=7\n");
    assert_eq!(given.settings().workers, 7);
    let given = given.env("CUMULI_WORKERS", "5");
    assert_eq!(given.settings().workers, 5);
    let given = given.flag("CUMULI_WORKERS", "6");
    assert_eq!(given.settings().workers, 6);
}

#[test]
fn an_empty_text_means_the_default_and_hides_weaker_sources() {
    let settings = Given::nothing()
        .file(".env", "CUMULI_WORKERS=7\nB2_ACCESS_KEY=\n")
        .env("CUMULI_WORKERS", " ")
        .settings();

    assert_eq!(settings.workers, 4);
}

#[test]
fn a_settings_file_may_be_named() {
    let given = Given::nothing()
        .file("cumuli.toml", "workers = 3")
        .file("other.toml", "workers = 4");
    let other = given.path("other.toml");

    assert_eq!(
        Given {
            config: Some(other.clone()),
            ..Given::nothing()
        }
        .settings()
        .workers,
        4
    );
    let given = given.env("CUMULI_CONFIG", other.to_str().unwrap());
    assert_eq!(given.settings().workers, 4);
    let missing = given.path("missing.toml");
    let sentence = Given {
        config: Some(missing),
        ..Given::nothing()
    }
    .sentence();
    assert!(sentence.contains("missing.toml cannot be read"), "{sentence}");
}

#[test]
fn the_file_holds_texts_numbers_booleans_and_lists() {
    let settings = Given::nothing()
        .file(
            "cumuli.toml",
            "listen = \"0.0.0.0:80\"\nworkers = 3\nunsafe_no_flush = true\n\
             cors_origins = [\"http://localhost:3000\", \"https://app.example.org/\"]\n",
        )
        .settings();

    assert_eq!(settings.listen.port(), 80);
    assert!(settings.unsafe_no_flush);
    assert_eq!(
        settings.cors_origins,
        ["http://localhost:3000", "https://app.example.org"]
    );
}

#[test]
fn secrets_may_come_from_files() {
    let secret = "hV3vq0Zx9mLr7cT2bYw8nKf4hPj6sGd1";
    for by in ["flag", "env", "toml"] {
        let given = Given::nothing().file("secret", &format!("{secret}\n"));
        let path = given.path("secret").to_str().unwrap().to_owned();
        let given = match by {
            "flag" => given.flag("SECRET_KEY_FILE", &path),
            "env" => given.env("SECRET_KEY_FILE", &path),
            _ => given.file("cumuli.toml", &format!("secret_key_file = {path:?}")),
        };

        assert_eq!(given.settings().secret_key.unwrap().expose(), secret, "{by}");
    }
}

#[test]
fn the_database_may_be_given_in_parts() {
    let settings = Given::nothing()
        .env("CUMULI_DB_HOST", "db.example.org")
        .env("CUMULI_DB_USER", "me")
        .env("CUMULI_DB_PASSWORD", "p@ss/w rd")
        .settings();

    assert_eq!(
        settings.database().unwrap().to_string(),
        "postgresql://me@db.example.org:5432/cumuli"
    );
    let parts = database::Parts {
        host: "::1",
        port: 1,
        user: "m:e",
        password: Some("p@ss/w rd"),
        database: "a?b",
    };
    assert_eq!(parts.url(), "postgresql://m%3Ae:p%40ss%2Fw%20rd@[::1]:1/a%3Fb");
}

#[test]
fn production_changes_defaults() {
    for (name, word) in [
        ("ENV", "production"),
        ("ENVIRONMENT", "Production"),
        ("ENV", "prod"),
    ] {
        let settings = Given::nothing().env(name, word).settings();

        assert_eq!(settings.signup_mode(), Signup::Invite);
        assert_eq!(settings.log_style(), LogFormat::Json);
    }
    let settings = Given::nothing()
        .env("ENV", "production")
        .env("CUMULI_SIGNUP", "open")
        .settings();
    assert_eq!(settings.signup_mode(), Signup::Open);
}

#[test]
fn a_shell_s_own_env_is_not_ours() {
    let settings = Given::nothing().env("ENV", "/home/me/.shrc").settings();

    assert!(!settings.is_production());
}

#[test]
fn files_of_the_seed_systems_are_understood() {
    let sync_tool = "SECRET_KEY=your-secret-key-min-32-chars-change-in-production\n\
        TOKEN_ENCRYPTION_KEY=your-token-encryption-key-32-chars-for-fernet\n\
        GOOGLE_CLIENT_ID=your-google-client-id.apps.googleusercontent.com\n\
        GOOGLE_CLIENT_SECRET=your-google-client-secret\n\
        GOOGLE_REDIRECT_URI=http://localhost:8000/auth/google/callback\n\
        AZURE_STORAGE_CONNECTION_STRING=your-azure-connection-string\n\
        FRONTEND_URL=http://localhost:3000\n\
        CORS_ORIGINS=http://localhost:3000,http://127.0.0.1:3000\n";
    let settings = Given::nothing().file(".env", sync_tool).settings();
    assert_eq!(settings.cors_origins.len(), 2);
    assert_eq!(settings.frontend_url.as_deref(), Some("http://localhost:3000"));
    assert!(settings.token_key.is_some());

    let clouddrive = "HOST=your-db-host\nPORT=5432\nUSER=your-db-user\nAWS_REGION=us-east-1\n\
        ALGORITHM=HS256\nACCESS_TOKEN_EXPIRE_MINUTES=30\nENVIRONMENT=local\n";
    let settings = Given::nothing().file(".env", clouddrive).settings();
    assert_eq!(settings.access_token_expire_minutes, 30);
    assert!(!settings.is_production());
}

#[test]
fn everything_wrong_is_told_at_once() {
    let sentence = Given::nothing()
        .env("CUMULI_LISTEN", "abc")
        .env("CUMULI_LISTN", "127.0.0.1:1")
        .file("cumuli.toml", "workers = 1000")
        .flag("CUMULI_SIGNUP", "maybe")
        .sentence();

    assert_eq!(
        sentence.lines().collect::<Vec<_>>()[1..].len(),
        4,
        "four lines under the first: {sentence}"
    );
    for name in [
        "4 settings are wrong",
        "CUMULI_LISTEN",
        "CUMULI_LISTN",
        "workers",
        "--signup",
    ] {
        assert!(sentence.contains(name), "{name} in {sentence}");
    }
}

#[test]
fn settings_that_contradict_one_another_are_told() {
    let production = || Given::nothing().env("ENV", "production");
    let secret = "hV3vq0Zx9mLr7cT2bYw8nKf4hPj6sGd1";
    let file = Given::nothing().file("s", secret).path("s");
    for (given, words) in [
        (
            Given::nothing()
                .env("ENV", "production")
                .env("ENVIRONMENT", "test"),
            "say different things",
        ),
        (
            Given::nothing()
                .env("DATABASE_URL", "sqlite:///x.db")
                .env("CUMULI_DB_HOST", "h"),
            "DATABASE_URL is given too",
        ),
        (
            Given::nothing().env("CUMULI_DB_PASSWORD", "x"),
            "needs CUMULI_DB_HOST",
        ),
        (
            Given::nothing().env("CUMULI_METRICS_LISTEN", "127.0.0.1:8000"),
            "it is the address of CUMULI_LISTEN",
        ),
        (
            production().env("CUMULI_UNSAFE_NO_FLUSH", "yes"),
            "for benchmarks",
        ),
        (
            production().env("SECRET_KEY", "your-secret-key-min-32-chars-change-in-production"),
            "it is the placeholder of an example",
        ),
        (
            production().env("SECRET_KEY", row("SECRET_KEY").unwrap().example),
            "it is the placeholder of an example",
        ),
        (
            Given::nothing()
                .env("SECRET_KEY", secret)
                .env("SECRET_KEY_FILE", file.to_str().unwrap()),
            "SECRET_KEY and SECRET_KEY_FILE from the environment are both given",
        ),
    ] {
        let sentence = given.sentence();
        assert!(sentence.contains(words), "{words} in {sentence}");
    }
}

#[test]
fn names_that_are_no_settings_are_told_with_what_was_meant() {
    for (given, words) in [
        (
            Given::nothing().env("CUMULI_LISTN", "x"),
            "did you mean CUMULI_LISTEN?",
        ),
        (
            Given::nothing().env("CUMULI_KEEP_TRASH", "x"),
            "did you mean CUMULI_KEEP_TRASH_FOR?",
        ),
        (
            Given::nothing().env("CUMULI_BREAKFAST", "x"),
            "`cumuli settings list`",
        ),
        (
            Given::nothing().file(".env", "CUMULI_DATTA=x"),
            "did you mean CUMULI_DATA?",
        ),
        (
            Given::nothing().file("cumuli.toml", "lissten = 'x'"),
            "did you mean listen?",
        ),
        (
            Given::nothing().file("cumuli.toml", "[server]\nlisten = 'x'"),
            "server from",
        ),
        (
            Given::nothing().file("cumuli.toml", "workers = 1.5"),
            "workers from",
        ),
        (
            Given::nothing().file("cumuli.toml", "a = 1\nworkers ="),
            "not TOML at line 2",
        ),
        (
            Given::nothing().file(".env", "what is this"),
            "a line that is not NAME=value",
        ),
    ] {
        let sentence = given.sentence();
        assert!(sentence.contains(words), "{words} in {sentence}");
    }
}

#[test]
fn names_of_tests_and_tools_are_let_through() {
    Given::nothing()
        .env("CUMULI_TEST_POSTGRES", "x")
        .env("CUMULI_BENCH_DIR", "x")
        .env("CUMULI_URL", "x")
        .env("CUMULI_SCREENSHOT", "x")
        .env("PATH", "x")
        .env("USER", "x")
        .settings();
}

#[test]
fn no_secret_is_ever_shown() {
    let secret = "Sesame-Sesame-Sesame";
    let wrong_database = format!("mysql://me:{secret}@host/db");
    let given = Given::nothing()
        .env("SECRET_KEY", secret)
        .env("CUMULI_METRICS_TOKEN", &format!("{secret}\u{1}"))
        .env("DATABASE_URL", &wrong_database)
        .file(".env", &format!("SECRET_KEY={secret} and more"))
        .file("cumuli.toml", &format!("secret_key = \"{secret}"));

    let sentence = given.sentence();

    assert!(!sentence.contains(secret), "{sentence}");
    assert!(
        sentence.contains("it has 20 characters and needs at least 32"),
        "{sentence}"
    );
    assert!(sentence.contains("`mysql:` is not a database"), "{sentence}");
    let long = format!("{secret}-{secret}");
    let loaded = Given::nothing()
        .env("SECRET_KEY", &long)
        .env("CUMULI_DB_HOST", "h")
        .read()
        .ok()
        .unwrap();
    assert!(!format!("{:?} {:?}", loaded.settings, loaded.given()).contains(secret));
    assert!(
        loaded
            .given()
            .contains(&("SECRET_KEY", "***".to_owned(), "the environment".to_owned()))
    );
}

#[test]
fn unwise_settings_are_warned_of() {
    let warned = |given: Given| given.read().ok().unwrap().warnings().join("\n");

    assert_eq!(warned(Given::nothing()), "");
    assert!(warned(Given::nothing().env("CUMULI_UNSAFE_NO_FLUSH", "1")).contains("loses"));
    assert!(warned(Given::nothing().env("CUMULI_LISTEN", "0.0.0.0:1")).contains("without encryption"));
    assert!(warned(Given::nothing().env("B2_BUCKET", "x")).contains("set B2_ENDPOINT and B2_ACCESS_KEY"));
    let oidc = Given::nothing()
        .env("CUMULI_OIDC_ISSUER", "https://id.example.org/")
        .env("CUMULI_OIDC_CLIENT_ID", "x");
    assert!(warned(oidc).contains("CUMULI_PUBLIC_URL"));
    let proxied = Given::nothing()
        .env("CUMULI_LISTEN", "0.0.0.0:1")
        .env("CUMULI_TRUSTED_PROXIES", "10.0.0.0/8");
    assert_eq!(warned(proxied), "");
}

#[test]
fn the_document_of_the_settings_is_up_to_date() {
    let (path, text) = repository_file("docs/settings.md");

    assert!(
        text == markdown(),
        "run `cargo run -p cumuli -- settings markdown > docs/settings.md`: {} is out of date",
        path.display()
    );
}

#[test]
fn the_sample_is_a_settings_file_once_its_comments_are_lifted() {
    let mut secrets = Vec::new();
    let mut file = String::new();
    for line in sample().lines() {
        if let Some(entry) = line.strip_prefix("# ").filter(|line| line.contains(" = ")) {
            assert!(!entry.contains(".example`"), "{entry}");
            match entry.split_once("_file = ") {
                Some((key, _)) => secrets.push(key.to_owned()),
                None if ["db_", "page_dir", "seal_stores"]
                    .iter()
                    .any(|start| entry.starts_with(start)) => {}
                None => file.push_str(&format!("{entry}\n")),
            }
        }
    }
    assert!(secrets.contains(&"secret_key".to_owned()), "{secrets:?}");

    let given = Given::nothing().file("cumuli.toml", &file);

    assert_eq!(given.settings().metrics_listen.unwrap().port(), 9090, "{file}");
}
