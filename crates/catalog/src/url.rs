//! Where the database is: a parsed `DATABASE_URL`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};

use crate::Engine;

/// How long to wait for a server to accept a connection, unless the address says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// After how much silence a connection is probed, and given up.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// Why a text is not the address of a database, in a sentence that does not repeat its password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(String);

fn wrong(sentence: impl Into<String>) -> UrlError {
    UrlError(sentence.into())
}

/// The address of a database. Its texts hide the password.
#[derive(Clone)]
pub struct DatabaseUrl(Address);

#[derive(Clone)]
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres(Box<Server>),
}

/// A PostgreSQL server, or several of which one is the primary.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) config: Config,
    /// The authority that signed the server's certificate; `None` for those of the web.
    pub(crate) root_certificate: Option<PathBuf>,
    shown: String,
}

impl DatabaseUrl {
    /// The address of a SQLite file.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self(Address::Sqlite(path.into()))
    }

    /// Which database it is.
    pub const fn engine(&self) -> Engine {
        match self.0 {
            Address::Sqlite(_) => Engine::Sqlite,
            Address::Postgres(_) => Engine::Postgres,
        }
    }

    /// The file, where there is one.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Address::Sqlite(path) => Some(path),
            Address::Postgres(_) => None,
        }
    }

    pub(crate) const fn address(&self) -> &Address {
        &self.0
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Address::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Address::Postgres(server) => server.fmt(f),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let shape = "an address of a database looks like sqlite:///path/to/file.db or \
                     postgresql://user:password@host:5432/name";
        let (scheme, rest) = text.trim().split_once(':').ok_or_else(|| wrong(shape))?;
        let scheme = scheme.to_ascii_lowercase();
        let (engine, driver) = scheme.split_once('+').unwrap_or((&scheme, ""));
        match engine {
            // What other tools append to name a driver of theirs means nothing here.
            "sqlite" | "sqlite3" if matches!(driver, "" | "aiosqlite" | "pysqlite") => {
                Ok(Self(Address::Sqlite(sqlite_path(rest)?)))
            }
            "postgres" | "postgresql"
                if matches!(
                    driver,
                    "" | "asyncpg" | "psycopg" | "psycopg2" | "psycopg2cffi" | "pg8000"
                ) =>
            {
                Ok(Self(Address::Postgres(Box::new(server(rest)?))))
            }
            _ => Err(wrong(format!(
                "`{scheme}:` is not a database that Cumuli knows; {shape}"
            ))),
        }
    }
}

/// `//host/path` has no host; `///./file` and `///file` are relative as other tools have it, `///folder/file`
/// and `////folder/file` absolute; without slashes it is the path as it stands.
fn sqlite_path(rest: &str) -> Result<PathBuf, UrlError> {
    if rest.contains(['?', '#']) {
        return Err(wrong(
            "the address of a SQLite file takes no parameters after a `?` or `#`",
        ));
    }
    let path = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => match rest.strip_prefix('/') {
            None if rest.is_empty() => "",
            None => {
                return Err(wrong(format!(
                    "`sqlite://{rest}` names a host, and SQLite has none: write sqlite:///{rest}"
                )));
            }
            Some(path) if path.starts_with("./") || path.starts_with("../") || !path.contains('/') => path,
            Some(path) if path.starts_with('/') => path,
            Some(_) => rest,
        },
    };
    let path = decode(path, "path")?;
    if path.is_empty() {
        return Err(wrong(
            "the address of a SQLite file names no file: write sqlite:///path/to/file.db",
        ));
    }
    if path.starts_with(":memory:") || path.contains('\0') {
        return Err(wrong(
            "the catalog needs a file, not a database in memory: write sqlite:///path/to/file.db",
        ));
    }
    Ok(PathBuf::from(path))
}

/// What follows `postgresql:`.
fn server(rest: &str) -> Result<Server, UrlError> {
    let rest = rest.strip_prefix("//").ok_or_else(|| {
        wrong("the address of a PostgreSQL server looks like postgresql://user:password@host:5432/name")
    })?;
    if rest.contains('#') {
        return Err(wrong("in the address of a PostgreSQL server, write a `#` as %23"));
    }
    let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    // A password may hold a bare @, a host cannot.
    let (credentials, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    let mut parts = Parts::default();
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    parts.user = decode(user, "user")?;
    parts.password = decode(password, "password")?;
    parts.database = decode(database, "name of the database")?;
    for host in hosts.split(',').filter(|host| !host.is_empty()) {
        parts.hosts.push(host_and_port(host)?);
    }
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').ok_or_else(|| {
            wrong(format!(
                "in the address of the database, `{parameter}` has no value"
            ))
        })?;
        let value = decode(value, name)?;
        parts.set(name, value)?;
    }
    parts.finish()
}

fn host_and_port(text: &str) -> Result<(String, u16), UrlError> {
    let (host, port) = match text.strip_prefix('[') {
        // An IPv6 address has colons of its own, so it stands in brackets.
        Some(rest) => {
            let (host, port) = rest
                .split_once(']')
                .ok_or_else(|| wrong("in the address of the database, a `[` has no `]`"))?;
            (host, port.strip_prefix(':').unwrap_or(port))
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    Ok((
        decode(host, "host")?,
        if port.is_empty() { 5432 } else { port_number(port)? },
    ))
}

fn port_number(text: &str) -> Result<u16, UrlError> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        Ok(_) | Err(_) => {
            // A password with an odd character lands here, so the text is not repeated.
            Err(wrong(
                "in the address of the database, the port is not a number from 1 to 65535 (write a `/`, `:` or \
                       `@` of a password as %2F, %3A or %40)",
            ))
        }
    }
}

#[derive(Default)]
struct Parts {
    user: String,
    password: String,
    hosts: Vec<(String, u16)>,
    database: String,
    ssl_mode: Option<SslMode>,
    root_certificate: Option<PathBuf>,
    application_name: Option<String>,
    connect_timeout: Option<Duration>,
    target: Option<TargetSessionAttrs>,
}

impl Parts {
    fn set(&mut self, name: &str, value: String) -> Result<(), UrlError> {
        let bad = |wanted: &str| {
            wrong(format!(
                "in the address of the database, {name} must be {wanted}, not `{value}`"
            ))
        };
        match name {
            "sslmode" | "ssl" => {
                self.ssl_mode = Some(match value.as_str() {
                    "disable" | "false" => SslMode::Disable,
                    "prefer" | "allow" => SslMode::Prefer,
                    "require" | "verify-ca" | "verify-full" | "true" => SslMode::Require,
                    _ => return Err(bad("disable, prefer, require or verify-full")),
                });
            }
            "sslrootcert" => self.root_certificate = Some(value.into()),
            "application_name" => self.application_name = Some(value),
            "connect_timeout" => match value.parse() {
                Ok(secs) if (1..=300).contains(&secs) => {
                    self.connect_timeout = Some(Duration::from_secs(secs))
                }
                Ok(_) | Err(_) => return Err(bad("a number of seconds from 1 to 300")),
            },
            "target_session_attrs" => {
                self.target = Some(match value.as_str() {
                    "any" => TargetSessionAttrs::Any,
                    "read-write" | "primary" => TargetSessionAttrs::ReadWrite,
                    _ => return Err(bad("any or read-write")),
                });
            }
            "host" => {
                let port = self.hosts.first().map_or(5432, |(_, port)| *port);
                self.hosts = vec![(value, port)];
            }
            "port" => {
                let port = port_number(&value)?;
                if self.hosts.is_empty() {
                    self.hosts.push(("localhost".into(), port));
                }
                self.hosts.iter_mut().for_each(|(_, of_host)| *of_host = port);
            }
            "user" => self.user = value,
            "password" => self.password = value,
            "dbname" => self.database = value,
            _ => {
                return Err(wrong(format!(
                    "in the address of the database, `{name}` is not a parameter that Cumuli knows: sslmode, \
                     sslrootcert, application_name, connect_timeout, target_session_attrs, host, port, user, \
                     password, dbname"
                )));
            }
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Server, UrlError> {
        if self.hosts.is_empty() {
            self.hosts.push(("localhost".into(), 5432));
        }
        if self.database.is_empty() {
            return Err(wrong(
                "the address of the PostgreSQL server names no database: end it with /name",
            ));
        }
        let all = [&self.user, &self.password, &self.database];
        if all
            .into_iter()
            .chain(self.hosts.iter().map(|(host, _)| host))
            .any(|text| text.contains('\0'))
        {
            return Err(wrong("the address of the database holds a NUL character"));
        }
        let is_local = self.hosts.iter().all(|(host, _)| is_local(host));
        let mut config = Config::new();
        config
            .dbname(&self.database)
            .application_name(self.application_name.as_deref().unwrap_or("cumuli"))
            .connect_timeout(self.connect_timeout.unwrap_or(CONNECT_TIMEOUT))
            .tcp_user_timeout(KEEPALIVE)
            .keepalives_idle(KEEPALIVE)
            .target_session_attrs(self.target.unwrap_or(TargetSessionAttrs::Any))
            // Nobody listens in on this machine itself; everywhere else the server is asked for TLS.
            .ssl_mode(self.ssl_mode.unwrap_or(if is_local {
                SslMode::Disable
            } else {
                SslMode::Prefer
            }));
        if !self.user.is_empty() {
            config.user(&self.user);
        }
        if !self.password.is_empty() {
            config.password(&self.password);
        }
        let mut shown = String::from("postgresql://");
        if !self.user.is_empty() {
            shown += &format!("{}@", self.user);
        }
        for (i, (host, port)) in self.hosts.iter().enumerate() {
            config.host(host).port(*port);
            shown += if i > 0 { "," } else { "" };
            shown += &if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            };
        }
        shown += &format!("/{}", self.database);
        Ok(Server {
            config,
            root_certificate: self.root_certificate,
            shown,
        })
    }
}

/// Whether a host is this machine: by name, by number or by a socket in the file system.
fn is_local(host: &str) -> bool {
    host == "localhost"
        || host.starts_with('/')
        || host.starts_with('@')
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Turns `%40` into `@`.
fn decode(text: &str, what: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (byte, tail) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                let digits = [*high as char, *low as char].map(|digit| digit.to_digit(16));
                let [Some(high), Some(low)] = digits else {
                    return Err(undecodable(what));
                };
                (
                    u8::try_from(high * 16 + low).map_err(|_| undecodable(what))?,
                    tail,
                )
            }
            (b'%', _) => return Err(undecodable(what)),
            (byte, tail) => (*byte, tail),
        };
        bytes.push(byte);
        rest = tail;
    }
    String::from_utf8(bytes).map_err(|_| undecodable(what))
}

fn undecodable(what: &str) -> UrlError {
    wrong(format!(
        "in the address of the database, the {what} holds a `%` that is not followed by two hexadecimal digits of UTF-8 \
         (write a percent sign as %25)"
    ))
}
