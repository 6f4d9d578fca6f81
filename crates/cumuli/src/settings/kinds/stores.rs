//! Stores: their names, and those that are described in TOML.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Kind, Secret, quoted};

/// The name of a store.
pub const STORE: Kind<String> = Kind::shown("name of a store", |text| {
    name(text).map(str::to_owned).ok_or_else(|| {
        format!(
            "{} is not the name of a store: `local`, `s3`, `b2`, `azure`, `gcs`, or one in CUMULI_STORES",
            quoted(text)
        )
    })
});
/// What names of objects begin with.
pub const PREFIX: Kind<String> = Kind::shown("text of letters, digits, `-`, `_`, `.` and `/`", prefix);
/// Stores by their names, as TOML.
pub const STORES: Kind<Vec<NamedStore>> = Kind {
    form: "TOML",
    secrecy: super::Secrecy::Hidden,
    parse: stores,
};

/// A store with its name.
#[derive(Debug, Clone)]
pub struct NamedStore {
    /// The word that stands for it in the database.
    pub name: String,
    /// What it is.
    pub spec: StoreSpec,
}

/// A store as TOML describes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum StoreSpec {
    /// A folder on this machine.
    Local {
        /// The folder.
        folder: PathBuf,
    },
    /// A bucket of a service that speaks S3.
    S3(Bucket),
    /// A bucket at Backblaze B2.
    B2(Bucket),
    /// A container at Azure.
    Azure {
        /// How to reach the account.
        connection_string: Secret,
        /// The container.
        container: String,
        /// Endpoint for browsers.
        public_endpoint: Option<String>,
        /// What the names begin with.
        #[serde(default)]
        prefix: String,
    },
    /// A bucket at Google.
    Gcs {
        /// The bucket.
        bucket: String,
        /// The file with the key of a service account.
        credentials: Option<PathBuf>,
        /// Another endpoint than Google's.
        endpoint: Option<String>,
        /// What the names begin with.
        #[serde(default)]
        prefix: String,
    },
}

/// A bucket that S3's protocol reaches.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Its name.
    pub bucket: String,
    /// Its region.
    pub region: Option<String>,
    /// Where it is, unless at Amazon.
    pub endpoint: Option<String>,
    /// Endpoint for browsers.
    pub public_endpoint: Option<String>,
    /// The access key's id.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: Secret,
    /// The session token of a temporary key.
    pub session_token: Option<Secret>,
    /// Whether it stands in the path.
    pub path_style: Option<bool>,
    /// What the names begin with.
    #[serde(default)]
    pub prefix: String,
}

fn name(text: &str) -> Option<&str> {
    let is_letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    ((1..=40).contains(&text.len()) && text.bytes().all(is_letter)).then_some(text)
}

fn prefix(text: &str) -> Result<String, String> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    let is_step = |step: &str| !step.is_empty() && step != "." && step != "..";
    let steps = text.strip_suffix('/').unwrap_or(text);
    let is_good = text.len() <= 200 && text.bytes().all(is_letter) && steps.split('/').all(is_step);
    match is_good || text.is_empty() {
        true => Ok(text.to_owned()),
        false => Err(format!("{} cannot begin the names of objects", quoted(text))),
    }
}

/// What is wrong is told by its place alone: the text holds secrets.
fn stores(text: &str) -> Result<Vec<NamedStore>, String> {
    let tables: BTreeMap<String, toml::Value> = toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start].lines().count());
        format!("it is not TOML, or not a table per store, at line {line}")
    })?;
    let stores = tables.into_iter().map(|(store, value)| {
        let name = name(&store).ok_or_else(|| format!("{} is not a name for a store", quoted(&store)))?;
        if ["local", "s3", "b2", "azure", "gcs"].contains(&name) {
            return Err(format!("the store {} has settings of its own", quoted(name)));
        }
        let spec: StoreSpec = value.try_into().map_err(|error: toml::de::Error| {
            format!(
                "the store {} is described wrongly: {}",
                quoted(name),
                safe(error.message())
            )
        })?;
        let given = match &spec {
            StoreSpec::Local { .. } => "",
            StoreSpec::S3(bucket) | StoreSpec::B2(bucket) => &bucket.prefix,
            StoreSpec::Azure { prefix, .. } | StoreSpec::Gcs { prefix, .. } => prefix,
        };
        prefix(given)?;
        Ok(NamedStore {
            name: name.to_owned(),
            spec,
        })
    });
    stores.collect()
}

/// Messages about names of fields hold nothing else; those about values may quote a secret.
fn safe(message: &str) -> &str {
    let is_about_names = ["missing field", "unknown field", "unknown variant"];
    match is_about_names.iter().any(|start| message.starts_with(start)) {
        true => message,
        false => "a value has the wrong type",
    }
}
