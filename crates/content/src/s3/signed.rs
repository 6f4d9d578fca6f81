//! Addresses that let somebody else read one object or store one part.

use super::Inner;
use super::address::Address;
use super::dialect::CONTENT_SHA256;
use super::sign::{Scope, Signable, UNSIGNED};
use crate::http::{content_disposition, encoded, hex};
use crate::key::Key;
use crate::{Parts, SignedPart, SignedRead, SignedRequest};

/// How a digest is signed into an address, in a header that the sender has to repeat. Stores differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DigestForm {
    /// The digest stands for the body in what is signed.
    AsPayload,
    /// The body counts as unsigned; the header is compared with it nevertheless.
    AsHeader,
}

impl Inner {
    pub(super) fn sign_read(&self, key: &Key, how: &SignedRead) -> SignedRequest {
        let disposition = content_disposition(&how.name, how.is_inline);
        let query = [
            ("response-cache-control", "private"),
            ("response-content-disposition", disposition.as_str()),
            ("response-content-type", how.media_type.as_str()),
        ];
        let region = self.signer.region();
        let path = self.public.path(&self.blob(key));
        let signable = Signable {
            method: "GET",
            path: &path,
            query: pairs(&query),
            headers: vec![("host".to_owned(), self.public.host(&region))],
            payload: UNSIGNED,
        };
        let scope = Scope { at: how.now, region };
        let query = signable.signed_query(&self.signer.credentials, &scope, how.secs);
        SignedRequest {
            method: "GET",
            url: format!("{}{path}?{query}", self.public.origin(&scope.region)),
            headers: Vec::new(),
        }
    }

    /// Signs one part's upload for `address`. The length is always signed in: what sends a body of a
    /// known length tells it in `Content-Length`.
    pub(super) fn sign_part(
        &self,
        address: &Address,
        name: &str,
        upload: &Parts,
        part: &SignedPart,
        form: Option<DigestForm>,
    ) -> SignedRequest {
        let digest = part.digest.zip(form).map(|(digest, form)| (hex(&digest.0), form));
        let number = part.number.to_string();
        let query = [("partNumber", number.as_str()), ("uploadId", &upload.token)];
        let region = self.signer.region();
        let path = address.path(name);
        let mut headers = vec![
            ("host".to_owned(), address.host(&region)),
            ("content-length".to_owned(), part.size_bytes.to_string()),
        ];
        headers.extend(
            digest
                .iter()
                .map(|(digest, _)| (CONTENT_SHA256.to_owned(), digest.clone())),
        );
        let payload = match &digest {
            Some((digest, DigestForm::AsPayload)) => digest,
            Some((_, DigestForm::AsHeader)) | None => UNSIGNED,
        };
        let signable = Signable {
            method: "PUT",
            path: &path,
            query: pairs(&query),
            headers,
            payload,
        };
        let scope = Scope { at: part.now, region };
        let query = signable.signed_query(&self.signer.credentials, &scope, part.secs);
        SignedRequest {
            method: "PUT",
            url: format!("{}{path}?{query}", address.origin(&scope.region)),
            headers: digest
                .map(|(digest, _)| (CONTENT_SHA256, digest))
                .into_iter()
                .collect(),
        }
    }
}

fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = query.iter();
    pairs
        .map(|(name, value)| (encoded(name, ""), encoded(value, "")))
        .collect()
}
