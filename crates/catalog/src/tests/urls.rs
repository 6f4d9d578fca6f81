//! Addresses of databases.

use std::path::Path;

use tokio_postgres::config::{Host, SslMode};

use crate::url::{Address, Server};
use crate::{DatabaseUrl, Engine};

fn server(text: &str) -> Server {
    let url: DatabaseUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    match url.address() {
        Address::Postgres(server) => (**server).clone(),
        Address::Sqlite(_) => panic!("{text} is not PostgreSQL"),
    }
}

#[test]
fn the_path_of_a_sqlite_file_is_understood_in_every_spelling() {
    for (text, path) in [
        ("sqlite:///./drive.db", "./drive.db"),
        ("sqlite:///../drive.db", "../drive.db"),
        ("sqlite:///drive.db", "drive.db"),
        ("sqlite:///var/lib/cumuli/drive.db", "/var/lib/cumuli/drive.db"),
        ("sqlite:////var/lib/drive.db", "/var/lib/drive.db"),
        ("sqlite+aiosqlite:////var/lib/drive.db", "/var/lib/drive.db"),
        ("sqlite:drive.db", "drive.db"),
        ("sqlite:/var/drive.db", "/var/drive.db"),
        ("SQLite:///my%20drive.db", "my drive.db"),
        (" sqlite:///drive.db\n", "drive.db"),
    ] {
        let url: DatabaseUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(url.path(), Some(Path::new(path)), "{text}");
        assert_eq!(url.engine(), Engine::Sqlite);
    }
}

#[test]
fn the_parts_of_a_server_are_understood_in_every_spelling() {
    for text in [
        "postgresql://anna:p%40ss%2Fw%3Ard@db.example.org:5433/drive",
        "postgres://anna:p%40ss%2Fw%3Ard@db.example.org:5433/drive",
        "postgresql+asyncpg://anna:p%40ss%2Fw%3Ard@db.example.org:5433/drive",
        "postgresql+psycopg2://anna:p%40ss%2Fw%3Ard@db.example.org:5433/drive",
        "postgresql://db.example.org/?user=anna&password=p%40ss%2Fw%3Ard&port=5433&dbname=drive",
        "postgresql:///drive?host=db.example.org&port=5433&user=anna&password=p%40ss%2Fw%3Ard",
    ] {
        let config = server(text).config;
        assert_eq!(config.get_user(), Some("anna"), "{text}");
        assert_eq!(config.get_password(), Some(&b"p@ss/w:rd"[..]), "{text}");
        assert_eq!(config.get_hosts(), [Host::Tcp("db.example.org".into())], "{text}");
        assert_eq!(config.get_ports(), [5433], "{text}");
        assert_eq!(config.get_dbname(), Some("drive"), "{text}");
    }
}

#[test]
fn hosts_may_be_numbers_sockets_or_several() {
    for (text, hosts, ports) in [
        ("postgresql://u@[::1]:6000/d", vec!["::1"], vec![6000]),
        ("postgresql://u@10.0.0.1/d", vec!["10.0.0.1"], vec![5432]),
        (
            "postgresql://u@a:1,b:2/d?target_session_attrs=read-write",
            vec!["a", "b"],
            vec![1, 2],
        ),
        ("postgresql:///d", vec!["localhost"], vec![5432]),
    ] {
        let config = server(text).config;
        let found: Vec<_> = hosts.into_iter().map(|host| Host::Tcp(host.to_owned())).collect();
        assert_eq!(config.get_hosts(), found, "{text}");
        assert_eq!(config.get_ports(), ports, "{text}");
    }
    for text in ["postgresql://u@%2Fvar%2Frun/d", "postgresql://u@/d?host=/var/run"] {
        assert_eq!(
            server(text).config.get_hosts(),
            [Host::Unix("/var/run".into())],
            "{text}"
        );
    }
}

#[test]
fn only_this_machine_is_trusted_without_tls() {
    for (text, mode) in [
        ("postgresql://u@localhost/d", SslMode::Disable),
        ("postgresql://u@127.0.0.1/d", SslMode::Disable),
        ("postgresql://u@[::1]/d", SslMode::Disable),
        ("postgresql://u@/d?host=/run/postgresql", SslMode::Disable),
        ("postgresql://u@db.example.org/d", SslMode::Prefer),
        ("postgresql://u@localhost,db.example.org/d", SslMode::Prefer),
        (
            "postgresql://u@db.example.org/d?sslmode=disable",
            SslMode::Disable,
        ),
        ("postgresql://u@localhost/d?sslmode=require", SslMode::Require),
        ("postgresql://u@db.example.org/d?ssl=require", SslMode::Require),
        (
            "postgresql://u@db.example.org/d?sslmode=verify-full",
            SslMode::Require,
        ),
    ] {
        assert_eq!(server(text).config.get_ssl_mode(), mode, "{text}");
    }
    let named = server("postgresql://u@db/d?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem");
    assert_eq!(named.root_certificate.as_deref(), Some(Path::new("/etc/ca.pem")));
}

#[test]
fn a_wrong_address_is_refused_by_a_sentence_that_names_what_is_wrong() {
    for (text, word) in [
        ("", "looks like"),
        ("drive.db", "looks like"),
        ("mysql://root@localhost/d", "mysql"),
        ("postgresql+nothing://u@localhost/d", "postgresql+nothing"),
        ("sqlite:", "names no file"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite://drive.db", "sqlite:///drive.db"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite::memory:", "in memory"),
        ("sqlite:///drive.db?mode=ro", "no parameters"),
        ("sqlite:///a%zz.db", "%25"),
        ("sqlite:///a%00.db", "in memory"),
        ("postgresql:localhost/d", "looks like"),
        ("postgresql://u@localhost", "names no database"),
        ("postgresql://u@localhost/", "names no database"),
        ("postgresql://u@localhost:0/d", "port"),
        ("postgresql://u@localhost:65536/d", "port"),
        ("postgresql://u@localhost:x/d", "port"),
        ("postgresql://u@[::1/d", "`[`"),
        ("postgresql://u:p#w@localhost/d", "%23"),
        ("postgresql://u:p%w@localhost/d", "password"),
        ("postgresql://u:%ff@localhost/d", "password"),
        ("postgresql://u:a%00b@localhost/d", "NUL"),
        ("postgresql://u@localhost/d?sslmode=maybe", "sslmode"),
        ("postgresql://u@localhost/d?sslmode", "no value"),
        ("postgresql://u@localhost/d?pool_size=5", "pool_size"),
        ("postgresql://u@localhost/d?connect_timeout=0", "connect_timeout"),
        (
            "postgresql://u@localhost/d?target_session_attrs=standby",
            "target_session_attrs",
        ),
    ] {
        let error = text.parse::<DatabaseUrl>().expect_err(text).to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn no_text_of_an_address_holds_its_password() {
    for text in [
        "postgresql://anna:hunter2@db.example.org:5433/drive",
        "postgresql://db.example.org:5433/drive?user=anna&password=hunter2",
    ] {
        let url: DatabaseUrl = text.parse().unwrap();
        assert_eq!(url.to_string(), "postgresql://anna@db.example.org:5433/drive");
        assert!(!format!("{url:?} {:?}", crate::Options::new(url.clone())).contains("hunter2"));
    }
    for text in [
        "postgresql://anna:hunter2%@db/d",
        "postgresql://anna:hunt/er2:x/d",
        "postgres:anna:hunter2@db",
    ] {
        let error = text.parse::<DatabaseUrl>().expect_err(text).to_string();
        assert!(!error.contains("hunt"), "{error}");
    }
}
