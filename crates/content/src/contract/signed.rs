//! What signed addresses promise, tried with a client that knows nothing but the address.

use bytes::Bytes;
use model::Millis;
use reqwest::{Method, Response};

use super::parts::written;
use super::{Suite, now, sample};
use crate::{Part, Parts, SignedPart, SignedRead, SignedRequest, Written};

const NAME: &str = "Bericht \"2026\"; größe.txt";

impl Suite<'_> {
    pub(super) async fn check_signed(&self) {
        if self.store.abilities().signs_urls {
            self.case("22. a signed address reads one blob as the file that it is")
                .await;
            self.reads_by_address().await;
        }
        if self.store.abilities().signs_urls && self.service.checks_signatures {
            self.case("23. a signed address does nothing else, and not for ever")
                .await;
            self.does_nothing_else().await;
        }
        if self.store.abilities().signs_parts && self.service.takes_sessions {
            self.case("24. a signed address stores one part").await;
            self.stores_a_part().await;
        }
        if self.store.abilities().signs_parts
            && self.service.checks_signatures
            && self.service.signs_each_part
        {
            self.case("25. a signed address of a part stores no other bytes")
                .await;
            self.stores_no_other_part().await;
        }
    }

    async fn reads_by_address(&self) {
        let bytes = sample(100_000);
        let written = self.put(&[&bytes]).await;
        for is_inline in [false, true] {
            let signed = self.sign_read(&written, is_inline, now()).await;

            let whole = send(&signed, Method::GET, &[], Bytes::new()).await;

            assert_eq!(whole.status(), 200);
            if self.service.overrides_headers {
                let header = |name| whole.headers()[name].to_str().expect("text").to_owned();
                let disposition = header("content-disposition");
                let kind = if is_inline { "inline;" } else { "attachment;" };
                assert!(disposition.starts_with(kind), "{disposition}");
                let name = "filename*=UTF-8''Bericht%20%222026%22%3B%20gr%C3%B6%C3%9Fe.txt";
                assert!(disposition.contains(name), "{disposition}");
                assert_eq!(header("content-type"), "text/plain; charset=utf-8");
            }
            assert!(whole.bytes().await.expect("bytes") == bytes);
        }
        let signed = self.sign_read(&written, false, now()).await;

        let part = send(&signed, Method::GET, &[("range", "bytes=10-19")], Bytes::new()).await;

        assert_eq!(part.status(), 206);
        assert_eq!(part.headers()["content-range"], "bytes 10-19/100000");
        assert_eq!(part.bytes().await.expect("bytes"), bytes[10..20]);
        self.remove(&written).await;
    }

    async fn does_nothing_else(&self) {
        let written = self.put(&[b"mine"]).await;
        let other = self.put(&[b"other"]).await;
        let signed = self.sign_read(&written, false, now()).await;

        for method in [Method::PUT, Method::POST, Method::DELETE] {
            refused(&signed, &method, Bytes::from_static(b"overwritten")).await;
        }
        let expired = self.sign_read(&written, false, now().minus_secs(7200)).await;
        refused(&expired, &Method::GET, Bytes::new()).await;
        for (from, to) in [
            (written.key.as_str(), other.key.as_str()),
            ("attachment", "inline"),
        ] {
            let changed = changed(&signed, from, to);
            refused(&changed, &Method::GET, Bytes::new()).await;
        }
        for cut in [1, 10] {
            let mut shorter = signed.clone();
            shorter.url.truncate(shorter.url.len() - cut);
            refused(&shorter, &Method::GET, Bytes::new()).await;
        }
        let (bare, _) = signed.url.split_once('?').expect("a query");
        let unsigned = SignedRequest {
            url: bare.to_owned(),
            ..signed.clone()
        };
        refused(&unsigned, &Method::GET, Bytes::new()).await;

        assert_eq!(self.all(&written).await, b"mine");
        self.remove(&written).await;
        self.remove(&other).await;
    }

    async fn stores_a_part(&self) {
        let bytes = sample(70_000);
        let upload = self.begin(Some(bytes.len())).await;
        for digest in [None, Some(crate::digest(&bytes))] {
            let part = SignedPart {
                digest,
                ..whole_part(&bytes)
            };
            let signed = self.store.sign_part(&upload, &part).await.expect("signed");

            let sent = send_as_told(&signed, &bytes).await;

            assert!(sent.status().is_success(), "{}", sent.status());
        }
        let parts = self.parts_of(&upload, &bytes).await;
        self.store.complete(&upload, &parts).await.expect("complete");
        let written = written(&upload, &bytes);
        assert!(self.all(&written).await == bytes);
        self.remove(&written).await;
    }

    async fn stores_no_other_part(&self) {
        let bytes = sample(1000);
        let upload = self.begin(Some(bytes.len())).await;
        let signed = self
            .store
            .sign_part(&upload, &whole_part(&bytes))
            .await
            .expect("signed");

        if self.service.binds_part_lengths {
            for length in [999, 1001] {
                let sent = send_as_told(&signed, &sample(length)).await;
                assert!(sent.status().is_client_error(), "{length}: {}", sent.status());
            }
        }
        let bound = SignedPart {
            digest: Some(crate::digest(&bytes)),
            ..whole_part(&bytes)
        };
        let bound = self.store.sign_part(&upload, &bound).await.expect("signed");
        if bound.headers != signed.headers {
            let other: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
            let sent = send_as_told(&bound, &other).await;
            assert!(!sent.status().is_success(), "another digest: {}", sent.status());
        }
        let expired = SignedPart {
            now: now().minus_secs(7200),
            ..whole_part(&bytes)
        };
        let expired = self.store.sign_part(&upload, &expired).await.expect("signed");
        let sent = send_as_told(&expired, &bytes).await;
        assert!(sent.status().is_client_error(), "expired: {}", sent.status());
        refused(&signed, &Method::GET, Bytes::new()).await;
        refused(&signed, &Method::DELETE, Bytes::new()).await;

        self.store.abort(&upload).await.expect("abort");
        assert_eq!(self.store.measure(&upload.key).await.expect("measure"), None);
    }

    async fn sign_read(&self, written: &Written, is_inline: bool, now: Millis) -> SignedRequest {
        let how = SignedRead {
            name: NAME.to_owned(),
            media_type: "text/plain; charset=utf-8".to_owned(),
            is_inline,
            now,
            secs: 600,
        };
        let signed = self.store.sign_read(&written.key, &how).await.expect("signed");
        assert_eq!(signed.method, "GET");
        signed
    }

    /// What the store holds of an upload whose only part is `bytes`.
    async fn parts_of(&self, upload: &Parts, bytes: &[u8]) -> Vec<Part> {
        if self.store.part_rules().lists {
            return self.store.parts(upload).await.expect("parts");
        }
        vec![Part {
            number: 1,
            size_bytes: bytes.len() as u64,
            tag: String::new(),
        }]
    }
}

fn whole_part(bytes: &[u8]) -> SignedPart {
    SignedPart {
        number: 1,
        offset_bytes: 0,
        size_bytes: bytes.len() as u64,
        total_bytes: bytes.len() as u64,
        digest: None,
        now: now(),
        secs: 600,
    }
}

/// The same request for something else.
fn changed(signed: &SignedRequest, from: &str, to: &str) -> SignedRequest {
    let changed = SignedRequest {
        url: signed.url.replace(from, to),
        ..signed.clone()
    };
    assert_ne!(&changed, signed, "{from}");
    changed
}

/// Sends what was signed, and nothing that was not.
async fn send_as_told(signed: &SignedRequest, bytes: &[u8]) -> Response {
    assert_eq!(signed.method, "PUT");
    let headers: Vec<(&str, &str)> = signed
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    send(signed, Method::PUT, &headers, Bytes::copy_from_slice(bytes)).await
}

async fn send(signed: &SignedRequest, method: Method, headers: &[(&str, &str)], body: Bytes) -> Response {
    let mut request = reqwest::Client::new().request(method, &signed.url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if !body.is_empty() {
        request = request.body(body);
    }
    request.send().await.expect("an answer")
}

fn is_refusal(status: u16) -> bool {
    matches!(status, 400 | 401 | 403 | 404 | 405)
}

async fn refused(signed: &SignedRequest, method: &Method, body: Bytes) {
    let answer = send(signed, method.clone(), &[], body).await;
    let status = answer.status().as_u16();
    assert!(is_refusal(status), "{method} {status}");
}
