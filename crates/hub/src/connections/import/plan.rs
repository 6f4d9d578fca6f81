//! What becomes of each remote: a connection, a word about what is to be done, or the reason why it is not taken.
//!
//! An option that changes what a remote is or how it is opened, and that we do not know, refuses it. Options that
//! only tune rclone are passed over.

use serde::Deserialize;

use super::super::{Bucket, Credentials, Endpoint, OwnClient};
use super::obscure::reveal;
use super::remote::{Remote, Target, follow};
use super::{RcloneImport, places};

/// What becomes of a remote.
pub(super) enum Plan {
    /// A connection by keys or a path.
    Keyed(Endpoint, Credentials),
    /// A connection to an account.
    Account(Endpoint, Token, OwnClient),
    /// It has to be linked by signing in.
    Link(String),
    /// It is not taken.
    Not(String),
}

/// Tokens as rclone keeps them.
#[derive(Deserialize)]
pub(super) struct Token {
    #[serde(default)]
    pub refresh_token: String,
}

/// What is in the way, in a sentence.
pub(super) type Told<T> = Result<T, String>;

/// Remotes that stand for others and do something to what passes.
const WRAPPERS: [&str; 7] = [
    "crypt", "chunker", "compress", "hasher", "cache", "union", "combine",
];

/// Plans what becomes of `remote`, one of `all`.
pub(super) fn plan(remote: &Remote, all: &[Remote], options: &RcloneImport) -> Plan {
    let planned = match remote.kind() {
        "alias" => follow(remote, all).and_then(|target| of_alias(remote, &target, options)),
        "drive" | "onedrive" => return of_account(remote).unwrap_or_else(Plan::Not),
        _ => {
            let place = options.places.get(&remote.name).map(String::as_str);
            match place {
                None if has_alias(remote, all) => {
                    Err("an alias names the place in it: that one is taken".to_owned())
                }
                place => keyed(remote, place, options),
            }
        }
    };
    planned.map_or_else(Plan::Not, |(endpoint, credentials)| {
        Plan::Keyed(endpoint, credentials)
    })
}

/// Whether an alias leads into this remote.
fn has_alias(remote: &Remote, all: &[Remote]) -> bool {
    let mut aliases = all.iter().filter(|other| other.kind() == "alias");
    aliases.any(|alias| {
        let target = follow(alias, all).ok().and_then(|target| target.remote);
        target.is_some_and(|target| target.name == remote.name)
    })
}

fn of_alias(alias: &Remote, target: &Target<'_>, options: &RcloneImport) -> Told<(Endpoint, Credentials)> {
    let place = options.places.get(&alias.name).unwrap_or(&target.path);
    match target.remote {
        None => places::directory(Some(place)),
        Some(remote) if matches!(remote.kind(), "drive" | "onedrive") => Err(format!(
            "it is a folder of the drive `{}`: a drive is connected as a whole",
            remote.name
        )),
        Some(remote) => keyed(remote, Some(place), options),
    }
}

fn keyed(remote: &Remote, place: Option<&str>, options: &RcloneImport) -> Told<(Endpoint, Credentials)> {
    match remote.kind() {
        "s3" => places::s3(remote, place),
        "b2" => places::b2(remote, place, options.endpoints.get(&remote.name)),
        "azureblob" => places::azure(remote, place),
        "webdav" => webdav(remote, place),
        "local" => places::directory(place),
        "" => Err("it has no type".to_owned()),
        kind if WRAPPERS.contains(&kind) => Err(format!(
            "`{kind}` changes or joins what other remotes hold, which only rclone can read"
        )),
        kind => Err(format!("`{kind}` is none of the providers that are connected")),
    }
}

fn webdav(remote: &Remote, place: Option<&str>) -> Told<(Endpoint, Credentials)> {
    if let Some(option) = remote.first_of(&["bearer_token", "bearer_token_command", "headers"]) {
        return Err(format!(
            "its `{option}` is not taken: connect it with a user and a password"
        ));
    }
    if let Some(vendor @ ("sharepoint" | "sharepoint-ntlm")) = remote.get("vendor") {
        return Err(format!(
            "`{vendor}` signs in by ways of its own: link OneDrive instead"
        ));
    }
    let url = remote.get("url").ok_or("it has no url")?;
    let wrong = "its password is none that rclone obscured; make it anew with `rclone config`";
    let credentials = match remote.get("pass") {
        Some(obscured) => Credentials::Secret(reveal(obscured).ok_or(wrong)?),
        None => Credentials::None,
    };
    let below = place.unwrap_or_default().trim_matches('/');
    let url = match below {
        "" => url.to_owned(),
        below => format!("{}/{}", url.trim_end_matches('/'), places::escaped(below)),
    };
    let user = remote.get("user").unwrap_or_default().to_owned();
    Ok((Endpoint::Webdav { url, user }, credentials))
}

fn of_account(remote: &Remote) -> Told<Plan> {
    let (endpoint, title) = match remote.kind() {
        "drive" => (Endpoint::Google, "Google Drive"),
        _ => (Endpoint::OneDrive, "OneDrive"),
    };
    let refusal = match endpoint {
        Endpoint::Google => drive_refusal(remote),
        _ => onedrive_refusal(remote),
    };
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    if let Some(narrow) = narrowed(remote) {
        return Ok(Plan::Link(format!("{narrow}: link {title} by signing in")));
    }
    let Some(id) = remote.get("client_id") else {
        return Ok(Plan::Link(format!(
            "it was signed in to with rclone's own application, whose tokens nobody else can renew: link {title} by \
             signing in"
        )));
    };
    let token = remote
        .get("token")
        .and_then(|text| serde_json::from_str::<Token>(text).ok());
    let Some(token) = token.filter(|token| !token.refresh_token.is_empty()) else {
        return Ok(Plan::Link(format!(
            "it holds no lasting access: link {title} by signing in"
        )));
    };
    let client = OwnClient {
        id: id.to_owned(),
        secret: remote.get("client_secret").unwrap_or_default().to_owned(),
    };
    Ok(Plan::Account(endpoint, token, client))
}

fn drive_refusal(remote: &Remote) -> Option<String> {
    if remote.get("team_drive").is_some() {
        return Some("it is a shared drive, which is not connected yet".to_owned());
    }
    let service = remote.first_of(&[
        "service_account_file",
        "service_account_credentials",
        "impersonate",
        "env_auth",
    ]);
    service.map(|option| format!("its `{option}` opens it in the name of a service, which is not taken"))
}

fn onedrive_refusal(remote: &Remote) -> Option<String> {
    if remote.get("drive_type") == Some("documentLibrary") {
        return Some("it is a library of SharePoint, which is not connected yet".to_owned());
    }
    let region = remote.get("region").filter(|region| *region != "global");
    let region = region
        .map(|region| format!("it is in the national cloud `{region}`: set CUMULI_GRAPH_URL and link it"));
    let service = remote.first_of(&["client_credentials"]);
    region.or_else(|| {
        service.map(|option| format!("its `{option}` opens it in the name of a service, which is not taken"))
    })
}

/// What makes a remote less than a whole drive.
fn narrowed(remote: &Remote) -> Option<String> {
    let scope = remote
        .get("scope")
        .filter(|scope| remote.kind() == "drive" && *scope != "drive");
    let scope = scope.map(|scope| format!("it may not do all that is needed (its scope is `{scope}`)"));
    let part = remote.first_of(&["root_folder_id", "shared_with_me", "starred_only", "trashed_only"]);
    scope.or_else(|| {
        part.map(|option| format!("it shows a part of the drive alone (`{option}`), not the whole"))
    })
}

/// A bucket in which all names begin with what is left of the path.
pub(super) fn bucket_of(place: Option<&str>, what: &str, name: &str) -> Told<(String, String)> {
    let place = place.unwrap_or_default().trim_matches('/');
    let (bucket, below) = place.split_once('/').unwrap_or((place, ""));
    if bucket.is_empty() {
        return Err(format!("it names no {what}: say it with --bucket {name}=NAME"));
    }
    let prefix = match below.trim_matches('/') {
        "" => String::new(),
        below => format!("{below}/"),
    };
    Ok((bucket.to_owned(), prefix))
}

/// A bucket of which the rest is not known yet.
pub(super) fn bucket((bucket, prefix): (String, String), access_key: &str) -> Bucket {
    Bucket {
        bucket,
        region: None,
        endpoint: None,
        prefix,
        path_style: None,
        access_key: access_key.to_owned(),
    }
}
