//! How S3 is asked, and what its words mean.

use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use model::{Clock, Millis};
use reqwest::Url;

use super::Address;
use super::sign::{Credentials, Scope, Signable, UNSIGNED, header_pairs, query_pairs};
use crate::{Call, Dialect, Reason, Refusal, encoded, parse_xml, sha256_hex};

/// The SHA-256 of a body, which the store compares.
pub const CONTENT_SHA256: &str = "x-amz-content-sha256";

/// Signs requests, for the region that the bucket is known to be in.
pub struct Signer {
    credentials: Credentials,
    clock: Clock,
    region: RwLock<String>,
}

impl Signer {
    /// Signs by these, for a region that may turn out to be another.
    pub fn new(credentials: Credentials, clock: Clock, region: String) -> Self {
        Self {
            credentials,
            clock,
            region: RwLock::new(region),
        }
    }

    /// The region that the bucket is in, as far as is known.
    pub fn region(&self) -> String {
        let region = self.region.read().unwrap_or_else(PoisonError::into_inner);
        region.clone()
    }

    /// Takes the region that a refusal tells; false when it tells nothing new.
    pub fn learn(&self, refusal: &Refusal) -> bool {
        let Some(told) = told_region(refusal) else {
            return false;
        };
        let mut region = self.region.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = *region != told;
        *region = told;
        is_new
    }

    /// The address that lets whoever has it do one thing for a while.
    pub fn signed_url(&self, address: &Address, one: &OneThing<'_>) -> String {
        let region = self.region();
        let path = address.path(one.name);
        let mut headers = vec![("host".to_owned(), address.host(&region))];
        headers.extend(
            one.headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let pairs = one.query.iter();
        let pairs = pairs.map(|(name, value)| (encoded(name, ""), encoded(value, "")));
        let signable = Signable {
            method: one.method,
            path: &path,
            query: pairs.collect(),
            headers,
            payload: one.payload.unwrap_or(UNSIGNED),
        };
        let scope = Scope { at: one.at, region };
        let query = signable.signed_query(&self.credentials, &scope, one.secs);
        format!("{}{path}?{query}", address.origin(&scope.region))
    }
}

/// What a signed address lets its holder do.
pub struct OneThing<'a> {
    /// In capitals.
    pub method: &'a str,
    /// The object.
    pub name: &'a str,
    /// The query besides the signature, not encoded.
    pub query: &'a [(&'a str, &'a str)],
    /// Headers that the holder has to repeat, names in small letters.
    pub headers: &'a [(&'a str, &'a str)],
    /// The SHA-256 that the body must have; `None` leaves it open.
    pub payload: Option<&'a str>,
    /// From when it holds.
    pub at: Millis,
    /// For how long: a week at most.
    pub secs: u32,
}

/// The region that an answer says the bucket is in.
fn told_region(refusal: &Refusal) -> Option<String> {
    let is_about_regions = matches!(refusal.status, 301 | 307 | 308)
        || matches!(
            refusal.code.as_str(),
            "AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException"
        )
        || (refusal.code.is_empty() && matches!(refusal.status, 400 | 403));
    if !is_about_regions {
        return None;
    }
    let in_body = || Some(parse_xml(&refusal.body)?.text_of("Region")?.to_owned());
    let told = refusal.header("x-amz-bucket-region").map(str::to_owned);
    let is_region = |told: &String| {
        (1..=40).contains(&told.len()) && told.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    told.or_else(in_body).filter(is_region)
}

#[async_trait]
impl Dialect for Signer {
    async fn authorize(&self, call: &mut Call) -> Result<(), Reason> {
        let Ok(url) = Url::parse(&call.url) else {
            // The client says so itself.
            return Ok(());
        };
        let scope = Scope {
            at: (self.clock)(),
            region: self.region(),
        };
        if !call.headers.contains_key(CONTENT_SHA256) {
            let digest = sha256_hex(call.body.pieces().map(AsRef::as_ref));
            call.set_header(CONTENT_SHA256, &digest);
        }
        call.set_header("x-amz-date", &scope.time());
        if let Some(token) = &self.credentials.session_token {
            call.set_header("x-amz-security-token", token.reveal());
        }
        let mut headers = header_pairs(&call.headers);
        headers.push(("host".to_owned(), host_of(&url)));
        let payload = headers.iter().find(|(name, _)| name == CONTENT_SHA256);
        let payload = payload.map(|(_, value)| value.clone()).unwrap_or_default();
        let signable = Signable {
            method: call.method.as_str(),
            path: url.path(),
            query: query_pairs(url.query().unwrap_or_default()),
            headers,
            payload: &payload,
        };
        let authorization = signable.authorization(&self.credentials, &scope);
        call.set_header("authorization", &authorization);
        Ok(())
    }

    fn code(&self, refusal: &Refusal) -> Option<String> {
        let error = parse_xml(&refusal.body).filter(|top| top.name == "Error")?;
        let message = error.text_of("Message").unwrap_or_default().to_ascii_lowercase();
        // Backblaze says it in the message only.
        if message.contains("storage cap") {
            return Some("storage_cap_exceeded".to_owned());
        }
        if message.contains("cap exceeded") {
            return Some("cap_exceeded".to_owned());
        }
        error.text_of("Code").map(str::to_owned)
    }

    fn is_passing(&self, code: &str) -> bool {
        matches!(
            code,
            "RequestTimeout"
                | "SlowDown"
                | "SlowDownRead"
                | "SlowDownWrite"
                | "InternalError"
                | "ServiceUnavailable"
                | "OperationAborted"
                | "Throttling"
                // Bytes that changed on the way are sent again.
                | "BadDigest"
                | "XAmzContentSHA256Mismatch"
                | "IncompleteBody"
        )
    }

    fn is_full(&self, code: &str) -> bool {
        matches!(
            code,
            "storage_cap_exceeded"
                | "XMinioStorageFull"
                | "QuotaExceeded"
                | "StorageFull"
                | "XMinioAdminBucketQuotaExceeded"
        )
    }

    fn help(&self, refusal: &Refusal) -> Option<String> {
        // Answers without a word of their own tell the region whatever is wrong.
        let is_about_regions = !refusal.code.is_empty() || refusal.status < 400;
        if let Some(region) = told_region(refusal).filter(|_| is_about_regions) {
            return Some(format!(
                "the bucket is in the region {region}, which the settings must name"
            ));
        }
        let help = match refusal.code.as_str() {
            "SignatureDoesNotMatch" => "the secret key is not the one that belongs to the access key",
            "InvalidAccessKeyId" => "it does not know the access key",
            "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => {
                "the key may not do this; it needs to read, write, list and delete objects of the bucket"
            }
            "NoSuchBucket" | "InvalidBucketName" => "there is no bucket of the name in the settings",
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                "the session token has expired, so new credentials are needed"
            }
            "RequestTimeTooSkewed" => "this machine's clock and the store's differ too much",
            "cap_exceeded" => "a cap of the account is reached; raise it, or wait until midnight GMT",
            "NotImplemented" | "MethodNotAllowed" => "it does not know what was asked of it",
            _ => match refusal.status {
                300..=399 => "it leads elsewhere; check the endpoint and the region",
                401 | 403 => "check the access key, the secret key, the region and the key's rights",
                400 | 404 | 405 => "check the endpoint, the bucket and the region",
                _ => return None,
            },
        };
        Some(help.to_owned())
    }
}

/// The header `Host` as it is sent.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
