//! Addresses that let somebody else read one object or store one part.

use outbound::s3::{Address, CONTENT_SHA256, OneThing};
use outbound::{content_disposition, hex};

use super::Inner;
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
        let one = OneThing {
            method: "GET",
            name: &self.blob(key),
            query: &[
                ("response-cache-control", "private"),
                ("response-content-disposition", disposition.as_str()),
                ("response-content-type", how.media_type.as_str()),
            ],
            headers: &[],
            payload: None,
            at: how.now,
            secs: how.secs,
        };
        SignedRequest {
            method: "GET",
            url: self.signer.signed_url(&self.public, &one),
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
        let (number, length) = (part.number.to_string(), part.size_bytes.to_string());
        let mut headers = vec![("content-length", length.as_str())];
        headers.extend(digest.iter().map(|(digest, _)| (CONTENT_SHA256, digest.as_str())));
        let payload = match &digest {
            Some((digest, DigestForm::AsPayload)) => Some(digest.as_str()),
            Some((_, DigestForm::AsHeader)) | None => None,
        };
        let one = OneThing {
            method: "PUT",
            name,
            query: &[("partNumber", &number), ("uploadId", &upload.token)],
            headers: &headers,
            payload,
            at: part.now,
            secs: part.secs,
        };
        let url = self.signer.signed_url(address, &one);
        SignedRequest {
            method: "PUT",
            url,
            headers: digest
                .map(|(digest, _)| (CONTENT_SHA256, digest))
                .into_iter()
                .collect(),
        }
    }
}
