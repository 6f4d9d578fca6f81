//! What a setting's text may be. Each kind parses one text and says what is wrong with a bad one.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use catalog::{DatabaseUrl, UrlError};

use super::secret::Secret;
use web::Network;

mod clouds;
mod measures;
mod stores;
#[cfg(test)]
mod tests;
mod urls;

pub use clouds::{DATE, FOLDERS, REACH, TENANT};
pub use measures::{
    BOOL, BYTES, BYTES_OR_NONE, CONNECTIONS, COUNT, DRAIN, DURATION, DURATION_OR_FOREVER, INLINE, MINUTES,
    PORT, QUOTA, SESSION_SPAN, SIGNED_SPAN, WORKERS,
};
pub use stores::{Bucket, NamedStore, PREFIX, STORE, STORES, StoreSpec};
pub use urls::{BASE_URL, ISSUER, ORIGIN, ORIGINS, SAFE_BASE_URL, SAFE_URL, URL};

/// How one setting's text becomes a value.
pub struct Kind<T> {
    /// What the text is, in a few words for the documents.
    pub form: &'static str,
    /// Whether the text must never be shown.
    pub secrecy: Secrecy,
    /// Parses the text; the error says what is wrong with it, as the end of a sentence that began
    /// with the setting's name.
    pub parse: fn(&str) -> Result<T, String>,
}

/// Whether a setting's text may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// In messages and listings.
    Shown,
    /// Not in messages and listings, since a part of it may be a secret; but it has a flag.
    Masked,
    /// Never, and it has no flag.
    Hidden,
}

impl<T> Kind<T> {
    const fn shown(form: &'static str, parse: fn(&str) -> Result<T, String>) -> Self {
        Self {
            form,
            secrecy: Secrecy::Shown,
            parse,
        }
    }

    const fn hidden(form: &'static str, parse: fn(&str) -> Result<T, String>) -> Self {
        Self {
            form,
            secrecy: Secrecy::Hidden,
            parse,
        }
    }
}

/// An address with a port; `localhost` stands for `127.0.0.1`.
pub const ADDRESS: Kind<SocketAddr> = Kind::shown("address and port", address);
/// A file or folder, relative to the working directory.
pub const PATH: Kind<PathBuf> = Kind::shown("path", |text| Ok(PathBuf::from(text)));
/// A folder that exists.
pub const FOLDER: Kind<PathBuf> = Kind::shown("path of a folder", folder);
/// Any text in one line.
pub const TEXT: Kind<String> = Kind::shown("text", one_line);
/// Texts with commas between.
pub const TEXTS: Kind<Vec<String>> =
    Kind::shown("list of texts", |text| urls::items(text).map(one_line).collect());
/// A secret that somebody else gave out, so that its length is theirs.
pub const GIVEN_SECRET: Kind<Secret> = Kind::hidden("secret", |text| one_line(text).map(Secret::new));
/// A secret of at least 32 characters.
pub const LONG_SECRET: Kind<Secret> =
    Kind::hidden("secret of at least 32 characters", |text| secret(text, 32));
/// A secret of at least 16 characters.
pub const TOKEN: Kind<Secret> = Kind::hidden("secret of at least 16 characters", |text| secret(text, 16));
/// Where the database is. Masked, since it may hold a password.
pub const DATABASE: Kind<DatabaseUrl> = Kind {
    form: "database URL",
    secrecy: Secrecy::Masked,
    parse: |text| text.parse().map_err(|error: UrlError| error.to_string()),
};
/// Networks, with commas between.
pub const NETWORKS: Kind<Vec<Network>> = Kind::shown("list of networks", |text| {
    let network = |item: &str| {
        item.parse()
            .map_err(|_| format!("{} is not a network", quoted(item)))
    };
    urls::items(text).map(network).collect()
});
/// Secrets of at least 32 characters, with commas between.
pub const LONG_SECRETS: Kind<Vec<Secret>> =
    Kind::hidden("list of secrets of at least 32 characters", |text| {
        urls::items(text).map(|item| secret(item, 32)).collect()
    });
/// A filter of log lines, such as `info` or `info,hub=debug`.
pub const LOG_FILTER: Kind<String> = Kind::shown("log filter", log_filter);
/// Whether strangers may register.
pub const SIGNUP: Kind<Signup> = Kind::shown("`open`, `invite` or `closed`", |text| {
    one_of(
        text,
        &[
            ("open", Signup::Open),
            ("invite", Signup::Invite),
            ("closed", Signup::Closed),
        ],
    )
});
/// How log lines look.
pub const LOG_FORMAT: Kind<LogFormat> = Kind::shown("`text` or `json`", |text| {
    one_of(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
});
/// What the server is for.
pub const STAGE: Kind<Stage> = Kind::shown("`development`, `test`, `staging` or `production`", stage);

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signup {
    /// Anybody.
    Open,
    /// Who has an invitation.
    Invite,
    /// Nobody; an administrator adds accounts.
    Closed,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// For a program: one JSON object per line.
    Json,
}

/// What the server is for; only `production` changes defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A developer's machine, tests, or a rehearsal.
    Development,
    /// People rely on it.
    Production,
}

/// Shows a bad text in a message: in backticks, escaped, cut after 80 characters.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.escape_debug().take(80).collect();
    if text.escape_debug().count() > 80 {
        shown.push('…');
    }
    format!("`{shown}`")
}

fn address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:") {
        let port = port.parse().map_err(|_| wrong_address(text))?;
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    if text.parse::<IpAddr>().is_ok() || text == "localhost" {
        return Err(format!("{} has no port", quoted(text)));
    }
    text.parse().map_err(|_| wrong_address(text))
}

fn wrong_address(text: &str) -> String {
    format!("{} is not an address with a port", quoted(text))
}

fn folder(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.is_dir() {
        Ok(path)
    } else {
        Err(format!("there is no folder {}", quoted(text)))
    }
}

fn one_line(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        return Err("it holds a line break or another control character".to_owned());
    }
    Ok(text.to_owned())
}

fn secret(text: &str, least: usize) -> Result<Secret, String> {
    let text = one_line(text)?;
    let length = text.chars().count();
    if length < least {
        return Err(format!("it has {length} characters and needs at least {least}"));
    }
    let mut characters = text.chars();
    let first = characters.next();
    if characters.all(|c| Some(c) == first) {
        return Err("it is one character over and over, which anybody could guess".to_owned());
    }
    Ok(Secret::new(text))
}

fn log_filter(text: &str) -> Result<String, String> {
    // The parser cuts what it quotes at a fixed byte, and panics when that is within a letter.
    if !text.is_ascii() {
        return Err(format!(
            "{} is not a log filter: it has letters beyond ASCII",
            quoted(text)
        ));
    }
    match tracing_subscriber::EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{} is not a log filter ({error})", quoted(text))),
    }
}

fn stage(text: &str) -> Result<Stage, String> {
    one_of(
        text,
        &[
            ("development", Stage::Development),
            ("dev", Stage::Development),
            ("local", Stage::Development),
            ("test", Stage::Development),
            ("testing", Stage::Development),
            ("staging", Stage::Development),
            ("production", Stage::Production),
            ("prod", Stage::Production),
        ],
    )
}

fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let word = text.to_ascii_lowercase();
    words
        .iter()
        .find(|(name, _)| *name == word)
        .map(|(_, value)| *value)
        .ok_or_else(|| format!("{} is none of the words that it may be", quoted(text)))
}
