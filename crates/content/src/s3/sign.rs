//! Signature Version 4 of AWS, as S3 wants it: paths are encoded once.

use model::Millis;
use reqwest::header::HeaderMap;

use crate::Secret;
use crate::http::{encoded, hex, hmac_sha256, timestamp};

/// Stands for a body that is not signed.
pub(super) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// The longest that a signed address may hold: seven days.
pub(super) const MOST_SECS: u32 = 604_800;

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub(super) access_key: String,
    pub(super) secret_key: Secret,
    pub(super) session_token: Option<Secret>,
}

/// A request as far as it is signed.
pub(super) struct Signable<'a> {
    pub(super) method: &'a str,
    /// Percent-encoded.
    pub(super) path: &'a str,
    /// Percent-encoded pairs, in any order.
    pub(super) query: Vec<(String, String)>,
    /// Names in lower case, in any order.
    pub(super) headers: Vec<(String, String)>,
    /// The SHA-256 of the body in hexadecimal digits, or [`UNSIGNED`].
    pub(super) payload: &'a str,
}

/// When and where a signature holds.
pub(super) struct Scope {
    pub(super) at: Millis,
    pub(super) region: String,
}

impl Scope {
    /// The time as signatures write it.
    pub(super) fn time(&self) -> String {
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
        let canonical = crate::digest(self.canonical().as_bytes());
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
    pub(super) fn authorization(mut self, credentials: &Credentials, scope: &Scope) -> String {
        let signature = self.signature(credentials, scope);
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{},SignedHeaders={},Signature={signature}",
            credentials.access_key,
            scope.text(),
            self.signed_headers(),
        )
    }

    /// The query of an address that holds for `secs`.
    pub(super) fn signed_query(mut self, credentials: &Credentials, scope: &Scope, secs: u32) -> String {
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
pub(super) fn query_text(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// The pairs of a query, still encoded.
pub(super) fn query_pairs(query: &str) -> Vec<(String, String)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// All headers with their names in lower case; values that are not text are left out.
pub(super) fn header_pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect()
}
