//! Connection strings: which account, where it is, and what opens it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::sign::AccountKey;

/// What `UseDevelopmentStorage=true` stands for. The key is printed in Microsoft's documentation and opens
/// nothing but emulators.
const DEVELOPMENT: &str = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;\
    AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;\
    BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1";
const DEFAULT_SUFFIX: &str = "core.windows.net";

/// An account's blobs and what opens them.
#[derive(Debug)]
pub struct Connection {
    /// The account's name.
    pub account: String,
    /// Where its blobs are: scheme, host and perhaps a path, without a slash at the end.
    pub endpoint: String,
    /// What opens it.
    pub credential: Credential,
}

/// What opens an account.
pub enum Credential {
    /// Its key: opens everything, and signs addresses for others.
    Key(AccountKey),
    /// A signature that somebody else made, as a query. What it allows is not ours to pass on.
    Signature(Vec<(String, String)>),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key(***)",
            Self::Signature(_) => "Signature(***)",
        })
    }
}

impl Connection {
    /// Reads a connection string as Azure's portal shows it.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it, without its secrets.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_matches('"');
        let settings = settings(text)?;
        if find(&settings, "UseDevelopmentStorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Self::parse(DEVELOPMENT);
        }
        let credential = match (
            find(&settings, "AccountKey"),
            find(&settings, "SharedAccessSignature"),
        ) {
            (Some(key), _) => Credential::Key(account_key(key)?),
            (None, Some(signature)) => Credential::Signature(signature_query(signature)?),
            (None, None) => {
                return Err(
                    "the connection string has neither an AccountKey nor a SharedAccessSignature".into(),
                );
            }
        };
        let account = find(&settings, "AccountName");
        let endpoint = match (find(&settings, "BlobEndpoint"), account) {
            (Some(endpoint), _) => endpoint.to_owned(),
            (None, Some(account)) => {
                let scheme = find(&settings, "DefaultEndpointsProtocol").unwrap_or("https");
                let suffix = find(&settings, "EndpointSuffix").unwrap_or(DEFAULT_SUFFIX);
                format!("{scheme}://{account}.blob.{suffix}")
            }
            (None, None) => return Err("the connection string has no AccountName".into()),
        };
        let endpoint = checked_endpoint(&endpoint)?;
        let account = match account {
            Some(account) => account.to_owned(),
            None => account_of(&endpoint).ok_or("the connection string has no AccountName")?,
        };
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if account.is_empty() || !account.bytes().all(is_name) {
            return Err("the AccountName of the connection string is not an account's name".into());
        }
        Ok(Self {
            account,
            endpoint,
            credential,
        })
    }
}

/// The endpoint without what follows its path; it must be an address.
///
/// # Errors
/// A sentence that says so.
pub fn checked_endpoint(text: &str) -> Result<String, String> {
    let address = reqwest::Url::parse(text.trim())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or("the blob endpoint is not an address such as https://name.blob.core.windows.net")?;
    let origin = address.origin().ascii_serialization();
    Ok(format!("{origin}{}", address.path().trim_end_matches('/')))
}

/// `Name=value` pairs between semicolons; values may hold `=`.
fn settings(text: &str) -> Result<Vec<(&str, &str)>, String> {
    text.split(';')
        .map(str::trim)
        .filter(|setting| !setting.is_empty())
        .map(|setting| {
            setting.split_once('=').ok_or_else(|| {
                "the connection string is not made of `Name=value` pairs between semicolons".into()
            })
        })
        .collect()
}

fn find<'a>(settings: &[(&str, &'a str)], name: &str) -> Option<&'a str> {
    let found = settings
        .iter()
        .find(|(other, _)| other.trim().eq_ignore_ascii_case(name));
    found
        .map(|(_, value)| value.trim())
        .filter(|value| !value.is_empty())
}

fn account_key(text: &str) -> Result<AccountKey, String> {
    match STANDARD.decode(text) {
        Ok(key) if key.len() >= 16 => Ok(AccountKey::new(&key)),
        _ => Err("the AccountKey of the connection string is not a key: Base64 of 64 bytes".into()),
    }
}

/// The decoded pairs of a signature.
fn signature_query(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut url = reqwest::Url::parse("http://x").expect("a constant address");
    url.set_query(Some(text.trim_start_matches('?')));
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if pairs.iter().any(|(name, _)| name == "sig") {
        Ok(pairs)
    } else {
        Err("the SharedAccessSignature of the connection string has no `sig`".into())
    }
}

/// The account that an endpoint names, in its host or as the one folder of its path.
fn account_of(endpoint: &str) -> Option<String> {
    let url = reqwest::Url::parse(endpoint).ok()?;
    let path = url.path().trim_matches('/');
    if !path.is_empty() {
        return Some(path.to_owned());
    }
    url.domain()?.split('.').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, account: &str, endpoint: &str) {
        let connection = Connection::parse(text).expect(text);
        assert_eq!(
            (connection.account.as_str(), connection.endpoint.as_str()),
            (account, endpoint)
        );
    }

    #[test]
    fn connection_strings_are_read_as_the_portal_writes_them() {
        let key = "c2VjcmV0IGtleSBvZiBhdCBsZWFzdCAxNiBieXRlcw==";
        check(
            &format!(
                "DefaultEndpointsProtocol=https;AccountName=me;AccountKey={key};EndpointSuffix=core.windows.net"
            ),
            "me",
            "https://me.blob.core.windows.net",
        );
        check(
            &format!("AccountName=me;AccountKey={key};EndpointSuffix=core.chinacloudapi.cn;"),
            "me",
            "https://me.blob.core.chinacloudapi.cn",
        );
        check(
            &format!("accountname = me ; ACCOUNTKEY={key}; BlobEndpoint=http://10.0.0.1:10000/me/"),
            "me",
            "http://10.0.0.1:10000/me",
        );
        check(
            "BlobEndpoint=https://me.blob.core.windows.net/;SharedAccessSignature=?sv=1&sig=a%2Bb%3D",
            "me",
            "https://me.blob.core.windows.net",
        );
        check(
            "UseDevelopmentStorage=true",
            "devstoreaccount1",
            "http://127.0.0.1:10000/devstoreaccount1",
        );
    }

    #[test]
    fn a_signature_is_kept_as_it_was_meant() {
        let text = "AccountName=me;SharedAccessSignature=sv=1&sig=a%2Bb%3D&spr=https,http";

        let Credential::Signature(pairs) = Connection::parse(text).expect("parsed").credential else {
            panic!("a signature")
        };

        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(pairs, [("sv", "1"), ("sig", "a+b="), ("spr", "https,http")]);
    }

    #[test]
    fn a_wrong_connection_string_is_told_without_its_secrets() {
        for (text, reason) in [
            ("", "neither an AccountKey"),
            ("AccountName=me", "neither an AccountKey"),
            ("geheim", "pairs"),
            ("AccountName=me;AccountKey=geheim", "not a key"),
            ("AccountName=me;AccountKey=Z2VoZWlt", "not a key"),
            ("AccountName=me;SharedAccessSignature=geheim=1", "no `sig`"),
            ("SharedAccessSignature=sig=geheim", "no AccountName"),
            (
                "AccountName=geheim@evil.example/;SharedAccessSignature=sig=geheim",
                "endpoint",
            ),
            ("AccountName=a b;SharedAccessSignature=sig=geheim", "endpoint"),
            (
                "AccountName=me;BlobEndpoint=geheim;SharedAccessSignature=sig=geheim",
                "endpoint",
            ),
            (
                "AccountName=me;BlobEndpoint=https://user:geheim@x/;SharedAccessSignature=sig=geheim",
                "endpoint",
            ),
            (
                "AccountName=a/b;BlobEndpoint=https://x/;SharedAccessSignature=sig=geheim",
                "not an account's name",
            ),
        ] {
            let told = Connection::parse(text).expect_err(text);
            assert!(told.contains(reason), "{text}: {told}");
            assert!(!told.contains("geheim"), "{told}");
        }
    }
}
