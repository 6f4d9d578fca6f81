//! Signature Version 4 of AWS, as S3 wants it: paths are encoded once.

use model::Millis;
use reqwest::header::HeaderMap;

use crate::{Secret, encoded, hex, hmac_sha256, sha256_hex, timestamp};

/// Stands for a body that is not signed.
pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// The longest that a signed address may hold: seven days.
pub const MOST_SECS: u32 = 604_800;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The public part of the key.
    pub access_key: String,
    /// The secret part of the key.
    pub secret_key: Secret,
    /// What comes with keys that expire.
    pub session_token: Option<Secret>,
}

/// A request as far as it is signed.
pub struct Signable<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Percent-encoded.
    pub path: &'a str,
    /// Percent-encoded pairs, in any order.
    pub query: Vec<(String, String)>,
    /// Names in lower case, in any order.
    pub headers: Vec<(String, String)>,
    /// The SHA-256 of the body in hexadecimal digits, or [`UNSIGNED`].
    pub payload: &'a str,
}

/// When and where a signature holds.
pub struct Scope {
    /// When it was made.
    pub at: Millis,
    /// The region it is for.
    pub region: String,
}

impl Scope {
    /// The time as signatures write it.
    pub fn time(&self) -> String {
        timestamp(self.at).strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    fn day(&self) -> String {
        timestamp(self.at).strftime("%Y%m%d").to_string()
    }

    fn text(&self) -> String {
        format!("{}/{}/s3/aws4_request", self.day(), self.region)
    }
}

impl Signable<'_> {
    fn signed_headers(&mut self) -> String {
        self.headers.sort();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.join(";")
    }

    fn canonical(&mut self) -> String {
        let signed_headers = self.signed_headers();
        self.query.sort();
        let query = query_text(&self.query);
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}:{}\n", value.trim()))
            .collect();
        let Self {
            method,
            path,
            payload,
            ..
        } = self;
        format!("{method}\n{path}\n{query}\n{headers}\n{signed_headers}\n{payload}")
    }

    fn signature(&mut self, credentials: &Credentials, scope: &Scope) -> String {
        let canonical = sha256_hex([self.canonical().as_bytes()]);
        let signed = format!(
            "AWS4-HMAC-SHA256\n{}\n{}\n{canonical}",
            scope.time(),
            scope.text()
        );
        let first = format!("AWS4{}", credentials.secret_key.reveal());
        let steps = [
            scope.day(),
            scope.region.clone(),
            "s3".into(),
            "aws4_request".into(),
        ];
        let key = steps.iter().fold(first.into_bytes(), |key, step| {
            hmac_sha256(&key, step.as_bytes()).to_vec()
        });
        hex(&hmac_sha256(&key, signed.as_bytes()))
    }

    /// The value of the header `Authorization`.
    pub fn authorization(mut self, credentials: &Credentials, scope: &Scope) -> String {
        let signature = self.signature(credentials, scope);
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{},SignedHeaders={},Signature={signature}",
            credentials.access_key,
            scope.text(),
            self.signed_headers(),
        )
    }

    /// The query of an address that holds for `secs`.
    pub fn signed_query(mut self, credentials: &Credentials, scope: &Scope, secs: u32) -> String {
        let who = format!("{}/{}", credentials.access_key, scope.text());
        let pairs = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256".to_owned()),
            ("X-Amz-Credential", who),
            ("X-Amz-Date", scope.time()),
            ("X-Amz-Expires", secs.clamp(1, MOST_SECS).to_string()),
            ("X-Amz-SignedHeaders", self.signed_headers()),
        ];
        let token = credentials.session_token.as_ref();
        let token = token.map(|token| ("X-Amz-Security-Token", token.reveal().to_owned()));
        self.query.extend(
            pairs
                .into_iter()
                .chain(token)
                .map(|(name, value)| (name.to_owned(), encoded(&value, ""))),
        );
        let signature = self.signature(credentials, scope);
        format!("{}&X-Amz-Signature={signature}", query_text(&self.query))
    }
}

/// Pairs that are encoded already, as a query.
pub fn query_text(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// The pairs of a query, still encoded.
pub fn query_pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// All headers with their names in lower case; values that are not text are left out.
pub fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}
