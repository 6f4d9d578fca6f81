//! Signatures: of our own requests by the account's key, and of addresses for others.

use std::fmt;

use model::Millis;
use reqwest::header::HeaderMap;

use crate::{base64, hmac_sha256};

/// The version of the service that our requests are written for.
pub const VERSION: &str = "2021-12-02";

/// An account's key.
pub struct AccountKey(Vec<u8>);

impl AccountKey {
    /// Takes the key's bytes.
    pub fn new(key: &[u8]) -> Self {
        Self(key.to_owned())
    }

    fn sign(&self, text: &str) -> String {
        base64(&hmac_sha256(&self.0, text.as_bytes()))
    }

    /// The `Authorization` of a request.
    pub(super) fn authorize(&self, account: &str, request: &Unsigned<'_>) -> String {
        let signature = self.sign(&string_to_sign(account, request));
        format!("SharedKey {account}:{signature}")
    }
}

impl fmt::Debug for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What of a request is signed.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    /// The path of its address as it is sent.
    pub(super) path: &'a str,
    /// The query, decoded.
    pub(super) query: &'a [(String, String)],
    pub(super) headers: &'a HeaderMap,
    pub(super) body_bytes: u64,
}

/// The text that is signed (Authorize with Shared Key, version 2015-02-21 and later).
fn string_to_sign(account: &str, request: &Unsigned<'_>) -> String {
    let header = |name: &str| {
        let found = request.headers.get(name).and_then(|value| value.to_str().ok());
        found.unwrap_or_default()
    };
    let length = match request.body_bytes {
        0 => String::new(),
        bytes => bytes.to_string(),
    };
    let mut text = [
        request.method,
        header("content-encoding"),
        header("content-language"),
        &length,
        header("content-md5"),
        header("content-type"),
        // Told by `x-ms-date` instead.
        "",
        header("if-modified-since"),
        header("if-match"),
        header("if-none-match"),
        header("if-unmodified-since"),
        header("range"),
    ]
    .join("\n");
    let named = request.headers.keys().map(|name| name.as_str());
    let mut named: Vec<&str> = named.filter(|name| name.starts_with("x-ms-")).collect();
    named.sort_unstable();
    for name in named {
        text.push_str(&format!("\n{name}:{}", header(name).trim()));
    }
    text.push_str(&format!("\n/{account}{}", request.path));
    let mut query: Vec<_> = request.query.iter().collect();
    query.sort();
    for (name, value) in query {
        text.push_str(&format!("\n{name}:{value}"));
    }
    text
}

/// A signature that lets its holder do one thing with one blob for a while.
pub struct BlobSignature<'a> {
    /// The account's name.
    pub account: &'a str,
    /// The container's name.
    pub container: &'a str,
    /// The blob's name.
    pub blob: &'a str,
    /// The letters of what is allowed, such as `r`.
    pub permissions: &'a str,
    /// Until when.
    pub ends: Millis,
    /// It holds for encrypted connections only.
    pub is_https_only: bool,
    /// The `Content-Disposition` that a read answers.
    pub disposition: Option<&'a str>,
    /// The `Content-Type` that a read answers.
    pub media_type: Option<&'a str>,
}

impl BlobSignature<'_> {
    /// The query that carries it, decoded (Create a service SAS, version 2020-12-06 and later).
    ///
    /// It has no start: one in our past would say nothing, and one now would fail where the store's
    /// clock is behind.
    pub fn query(&self, key: &AccountKey) -> Vec<(&'static str, String)> {
        let ends = jiff::Timestamp::from_millisecond(self.ends.0).unwrap_or(jiff::Timestamp::MAX);
        let ends = ends.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let protocol = if self.is_https_only { "https" } else { "" };
        let resource = format!("/blob/{}/{}/{}", self.account, self.container, self.blob);
        let disposition = self.disposition.unwrap_or_default();
        let media_type = self.media_type.unwrap_or_default();
        // Permissions, start, end, resource, policy, address, protocol, version, kind, snapshot,
        // encryption scope, then the five headers that an answer may have.
        let text = [
            self.permissions,
            "",
            &ends,
            &resource,
            "",
            "",
            protocol,
            VERSION,
            "b",
            "",
            "",
            "",
            disposition,
            "",
            "",
            media_type,
        ]
        .join("\n");
        let signature = key.sign(&text);
        let pairs = [
            ("sv", VERSION),
            ("sr", "b"),
            ("sp", self.permissions),
            ("se", &ends),
            ("spr", protocol),
            ("sig", &signature),
            ("rscd", disposition),
            ("rsct", media_type),
        ];
        let told = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        told.map(|(name, value)| (name, value.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn pairs(list: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
        list.iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect()
    }

    fn query(list: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        list.iter().map(owned).collect()
    }

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        list.iter().map(header).collect()
    }

    #[test]
    fn the_text_that_is_signed_is_the_one_that_microsoft_prints() {
        // "Authorize with Shared Key", section "Constructing the canonicalized resource string".
        let request = Unsigned {
            method: "GET",
            path: "/mycontainer",
            query: &query(&[("restype", "container"), ("timeout", "20"), ("comp", "metadata")]),
            headers: &headers(&[
                ("x-ms-version", "2015-02-21"),
                ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"),
            ]),
            body_bytes: 0,
        };

        let text = string_to_sign("myaccount", &request);

        assert_eq!(
            text,
            "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n\
             /myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20"
        );
    }

    #[test]
    fn the_headers_that_matter_have_their_places() {
        let request = Unsigned {
            method: "PUT",
            path: "/devstoreaccount1/box/a%20b",
            query: &[],
            headers: &headers(&[
                ("range", "bytes=0-1"),
                ("content-md5", "md5"),
                ("content-type", "type"),
                ("if-none-match", "*"),
                ("if-match", "tag"),
                ("user-agent", "not signed"),
                ("x-ms-blob-type", "BlockBlob"),
            ]),
            body_bytes: 11,
        };

        let text = string_to_sign("devstoreaccount1", &request);

        assert_eq!(
            text,
            "PUT\n\n\n11\nmd5\ntype\n\n\ntag\n*\n\nbytes=0-1\nx-ms-blob-type:BlockBlob\n\
             /devstoreaccount1/devstoreaccount1/box/a%20b"
        );
    }

    #[test]
    fn a_key_signs_by_hmac_sha256() {
        // RFC 4231, test case 2.
        let signature = AccountKey::new(b"Jefe").sign("what do ya want for nothing?");

        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let digits: Vec<u8> = (0..32)
            .map(|i| u8::from_str_radix(&expected[2 * i..2 * i + 2], 16).expect("digits"))
            .collect();
        assert_eq!(signature, base64(&digits));
    }

    #[test]
    fn a_signature_says_what_it_allows_until_when_and_nothing_more() {
        let key = AccountKey::new(b"key");
        let query = BlobSignature {
            account: "me",
            container: "box",
            blob: "blobs/1",
            permissions: "r",
            ends: Millis(1_600_000_000_999),
            is_https_only: true,
            disposition: None,
            media_type: Some("text/plain"),
        }
        .query(&key);

        let text = "r\n\n2020-09-13T12:26:40Z\n/blob/me/box/blobs/1\n\n\nhttps\n2021-12-02\nb\n\n\n\n\n\n\ntext/plain";
        let expected = pairs(&[
            ("sv", "2021-12-02"),
            ("sr", "b"),
            ("sp", "r"),
            ("se", "2020-09-13T12:26:40Z"),
            ("spr", "https"),
            ("sig", &key.sign(text)),
            ("rsct", "text/plain"),
        ]);
        assert_eq!(query, expected);
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = AccountKey::new(b"secret");

        assert_eq!(format!("{key:?}"), "***");
    }
}
