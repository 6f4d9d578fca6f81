//! Buckets, containers and folders of rclone's remotes.

use super::super::{Bucket, Credentials, Endpoint};
use super::plan::{Told, bucket, bucket_of};
use super::remote::Remote;

/// Letters of the id of a B2 account, whose master key does not open buckets by S3's protocol.
const MASTER_KEY_LETTERS: usize = 12;

/// A bucket at S3 or a service like it.
pub(super) fn s3(remote: &Remote, place: Option<&str>) -> Told<(Endpoint, Credentials)> {
    let keys = remote.get("access_key_id").zip(remote.get("secret_access_key"));
    let Some((access_key, secret)) = keys else {
        return Err(match remote.is_on("env_auth") {
            true => {
                "it takes its keys from rclone's environment (`env_auth`): connect it with keys of its own"
            }
            false => "it has no keys",
        }
        .to_owned());
    };
    let odd = [
        "session_token",
        "role_arn",
        "v2_auth",
        "sse_customer_key",
        "sse_customer_key_base64",
        "ibm_api_key",
        "versions",
        "version_at",
        "requester_pays",
        "directory_bucket",
    ];
    if let Some(option) = remote.first_of(&odd) {
        return Err(format!("its `{option}` is not taken"));
    }
    if remote.get("region") == Some("other-v2-signature") {
        return Err("it signs by version 2, which is not taken".to_owned());
    }
    let provider = remote.get("provider").unwrap_or("AWS");
    let endpoint = remote.get("endpoint").map(with_scheme);
    if endpoint.is_none() && provider != "AWS" {
        return Err(format!("it has no endpoint, which `{provider}` needs"));
    }
    let path_style = remote
        .get("force_path_style")
        .map(|_| remote.is_on("force_path_style"));
    let place = bucket_of(place, "bucket", &remote.name)?;
    let endpoint = Endpoint::S3(Bucket {
        region: remote.get("region").map(ToOwned::to_owned),
        endpoint,
        path_style,
        ..bucket(place, access_key)
    });
    Ok((endpoint, Credentials::Secret(secret.to_owned())))
}

/// A bucket at Backblaze B2. rclone speaks another protocol with it, so its file does not tell where S3's is.
pub(super) fn b2(
    remote: &Remote,
    place: Option<&str>,
    endpoint: Option<&String>,
) -> Told<(Endpoint, Credentials)> {
    let keys = remote.get("account").zip(remote.get("key"));
    let (account, key) = keys.ok_or("it has no application key")?;
    if account.len() == MASTER_KEY_LETTERS {
        return Err(
            "it has the account's master key, which does not work: make an application key".to_owned(),
        );
    }
    if let Some(option) = remote.first_of(&[
        "versions",
        "version_at",
        "sse_customer_key",
        "sse_customer_key_base64",
    ]) {
        return Err(format!("its `{option}` is not taken"));
    }
    let place = bucket_of(place, "bucket", &remote.name)?;
    let Some(endpoint) = endpoint else {
        return Err(format!(
            "it does not tell the bucket's endpoint: say what the bucket's page at Backblaze shows with --endpoint \
             {}=https://s3.REGION.backblazeb2.com",
            remote.name
        ));
    };
    let endpoint = Endpoint::B2(Bucket {
        endpoint: Some(with_scheme(endpoint)),
        ..bucket(place, account)
    });
    Ok((endpoint, Credentials::Secret(key.to_owned())))
}

/// A container at Azure Blob Storage.
pub(super) fn azure(remote: &Remote, place: Option<&str>) -> Told<(Endpoint, Credentials)> {
    let signed = remote.get("sas_url").map(signed).transpose()?;
    let keys = remote.get("account").zip(remote.get("key"));
    let (connection, container) = match (remote.get("connection_string"), keys, signed) {
        (Some(text), _, _) => (text.to_owned(), None),
        (None, Some((account, key)), _) => {
            let endpoint = remote.get("endpoint").map(with_scheme);
            let place = match endpoint {
                Some(endpoint) => format!("BlobEndpoint={endpoint}"),
                None => "EndpointSuffix=core.windows.net".to_owned(),
            };
            let text =
                format!("DefaultEndpointsProtocol=https;AccountName={account};AccountKey={key};{place}");
            (text, None)
        }
        (None, None, Some((text, container))) => (text, container),
        (None, None, None) => {
            let odd = [
                "env_auth",
                "use_msi",
                "use_az",
                "use_emulator",
                "service_principal_file",
                "client_id",
                "username",
            ];
            return Err(match remote.first_of(&odd) {
                Some(option) => {
                    format!("its `{option}` is not taken: connect it with the account's key or a signature")
                }
                None => "it has neither a key nor a signature".to_owned(),
            });
        }
    };
    let (container, prefix) = match (place.filter(|place| !place.is_empty()), container) {
        (Some(place), Some(container)) if !is_within(place, &container) => {
            return Err(format!(
                "its address leads to the container `{container}`, and not to `{place}`"
            ));
        }
        (None, Some(container)) => (container, String::new()),
        (place, _) => bucket_of(place, "container", &remote.name)?,
    };
    Ok((
        Endpoint::Azure { container, prefix },
        Credentials::Secret(connection),
    ))
}

fn is_within(place: &str, container: &str) -> bool {
    place.trim_matches('/').split('/').next() == Some(container)
}

/// The connection string of an address with a signature, and the container that it leads to.
fn signed(url: &str) -> Told<(String, Option<String>)> {
    let wrong = "its `sas_url` is no address with a signature";
    let (address, query) = url.split_once('?').ok_or(wrong)?;
    let (scheme, rest) = address.split_once("://").ok_or(wrong)?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let container = path.trim_matches('/');
    if host.is_empty() || container.contains('/') || url.contains(';') {
        return Err(wrong.to_owned());
    }
    let text = format!("BlobEndpoint={scheme}://{host};SharedAccessSignature={query}");
    Ok((text, (!container.is_empty()).then(|| container.to_owned())))
}

/// A folder of this server.
pub(super) fn directory(place: Option<&str>) -> Told<(Endpoint, Credentials)> {
    match place {
        Some(path) if path.starts_with('/') => {
            let endpoint = Endpoint::Directory {
                path: path.to_owned(),
                is_read_only: false,
            };
            Ok((endpoint, Credentials::None))
        }
        Some(_) => Err("its path does not begin with /".to_owned()),
        None => Err("it names no folder: say it with --bucket NAME=/PATH".to_owned()),
    }
}

/// An address; rclone lets the scheme away.
fn with_scheme(text: &str) -> String {
    let text = text.trim_end_matches('/');
    match text.contains("://") {
        true => text.to_owned(),
        false => format!("https://{text}"),
    }
}

/// A path as it stands in an address (RFC 3986 section 3.3).
pub(super) fn escaped(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                escaped.push(char::from(byte))
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
