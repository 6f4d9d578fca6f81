//! Finds out by trying what a bucket can do.

use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::sync::PoisonError;

use bytes::Bytes;
use outbound::s3::CONTENT_SHA256;
use outbound::{Body, Call, Failure, Whole, skew_ms};
use reqwest::Method;

use super::objects::{LIST_BYTES, PROBES, WORD_BYTES, md5_of};
use super::signed::DigestForm;
use super::{Found, Inner, Quirks};
use crate::error::Told as _;
use crate::{ContentError, Digests, Hasher, Parts, Probe, SignedPart};

/// What probes hold.
const BYTES: &[u8] = b"a probe of what this bucket can do";
/// From here on a clock is worth a word.
const SKEW_MS: i64 = 60 * 1000;

/// A name for a probe that no other has.
pub(super) fn name() -> String {
    format!("{PROBES}{:016x}", RandomState::new().build_hasher().finish())
}

/// Tries everything; probes are removed whatever comes of it.
pub(super) async fn probe(inner: &Inner) -> Result<Probe, ContentError> {
    let attempt = Attempt {
        inner,
        object: inner.note(&name()),
    };
    let outcome = attempt.all().await;
    let removed = inner.delete(&attempt.object).await;
    let error = |failure| inner.client.error(failure);
    let (found, mut probe) = outcome.map_err(error)?;
    removed.map_err(error)?;
    *inner.found.write().unwrap_or_else(PoisonError::into_inner) = found;
    probe.abilities = inner.abilities();
    Ok(probe)
}

struct Attempt<'a> {
    inner: &'a Inner,
    object: String,
}

impl Attempt<'_> {
    async fn all(&self) -> Result<(Found, Probe), Failure> {
        let inner = self.inner;
        let mut found = Found::default();
        let mut probe = Probe {
            abilities: inner.abilities(),
            skew_ms: None,
            allows_pages: None,
            advice: Vec::new(),
        };
        let listed = inner.fetch(|| self.list(), LIST_BYTES).await?;
        probe.skew_ms = skew_ms(&listed.headers, inner.client.now());
        probe.advice.extend(probe.skew_ms.and_then(advice_on_clock));

        found.creates_only = Some(self.creates_only().await?);
        let written = inner.put(&self.object, body(), None).await?;
        if written.header("x-amz-version-id").is_some() && inner.quirks != Quirks::B2 {
            probe.advice.push(VERSIONED.to_owned());
        }
        self.check_digests(&mut found).await?;
        self.read_back(&mut found, &mut probe).await?;
        self.try_parts(&mut found, &mut probe).await?;
        self.ask_for_pages(found, &mut probe).await;
        Ok((found, probe))
    }

    fn list(&self) -> Call {
        let query = [
            ("list-type", "2"),
            ("max-keys", "1"),
            ("prefix", self.object.as_str()),
        ];
        self.inner.call(Method::GET, "", &query)
    }

    /// Whether a write can be made to fail when the name is taken. Some stores pass over the condition.
    async fn creates_only(&self) -> Result<bool, Failure> {
        if self.inner.quirks == Quirks::B2 {
            return Ok(false);
        }
        let only_new = [("if-none-match", "*")];
        for is_taken in [false, true] {
            let body = body();
            let put = self.inner.put_if(&self.object, body, None, &only_new).await;
            match put {
                Ok(_) if is_taken => return Ok(false),
                Ok(_) => {}
                Err(failure) if matches!(failure.status(), Some(409 | 412)) => return Ok(is_taken),
                Err(failure) if matches!(failure.status(), Some(400 | 501)) => return Ok(false),
                Err(failure) => return Err(failure),
            }
        }
        Ok(true)
    }

    /// Whether bytes are refused that do not have the announced checksum, and which checksum that is.
    async fn check_digests(&self, found: &mut Found) -> Result<(), Failure> {
        let wrong = digests_of(b"something else");
        let by_sha256 = self.is_refused(wrong, &[]).await?;
        let md5 = md5_of(b"something else");
        let by_md5 = !by_sha256
            && self
                .is_refused(digests_of(BYTES), &[("content-md5", &md5)])
                .await?;
        found.checks_digests = Some(by_sha256 || by_md5);
        found.wants_md5 = by_md5;
        Ok(())
    }

    async fn is_refused(&self, digests: Digests, headers: &[(&'static str, &str)]) -> Result<bool, Failure> {
        let inner = self.inner;
        let proofs = inner.proofs(&body(), Some(digests)).await?;
        let mut call = proofs.on(inner.call(Method::PUT, &self.object, &[]).with_body(body()));
        for (name, value) in headers {
            call.set_header(name, value);
        }
        // Some stores call it a fault of their own, which no repetition mends.
        call.is_repeatable = false;
        refused(inner.client.fetch(&call, WORD_BYTES).await)
    }

    async fn read_back(&self, found: &mut Found, probe: &mut Probe) -> Result<(), Failure> {
        let inner = self.inner;
        if inner.get_whole(&self.object).await?.as_deref() != Some(BYTES) {
            return Err(Failure::strange("what was written is not what is read back"));
        }
        let make = || {
            inner
                .call(Method::GET, &self.object, &[])
                .with_header("range", "bytes=2-6")
        };
        let part = inner.fetch(make, WORD_BYTES).await?;
        found.passes_over_ranges = part.status != 206 || part.body != BYTES[2..7];
        if found.passes_over_ranges {
            let advice = "it passes over ranges, so the whole object is transferred for a part of it";
            probe.advice.push(advice.to_owned());
        }
        let listed = inner.fetch(|| self.list(), LIST_BYTES).await?;
        let listing = String::from_utf8_lossy(&listed.body);
        let last = self.object.rsplit('/').next().unwrap_or_default();
        if !listing.contains(last) {
            probe.advice.push(LAGS.to_owned());
        }
        Ok(())
    }

    /// Begins an upload in parts, and finds out what addresses of parts can be bound to.
    async fn try_parts(&self, found: &mut Found, probe: &mut Probe) -> Result<(), Failure> {
        let inner = self.inner;
        let id = inner.begin_named(&self.object).await?;
        let upload = Parts {
            key: String::new(),
            token: id.clone(),
        };
        let outcome = self.sign_parts(&upload, found, probe).await;
        let listed = inner.uploads(&self.object, "", "").await;
        inner.abort_named(&self.object, &id).await?;
        outcome?;
        match listed {
            Ok(_) => {}
            Err(failure) if matches!(failure.status(), Some(405 | 501)) => {
                probe.advice.push(UNLISTED.to_owned())
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    async fn sign_parts(&self, upload: &Parts, found: &mut Found, probe: &mut Probe) -> Result<(), Failure> {
        let refuses_length = !self.takes_part(upload, &BYTES[1..], None).await?;
        let takes_right = self.takes_part(upload, BYTES, None).await?;
        if !takes_right || !refuses_length {
            probe.advice.push(UNBOUND.to_owned());
        }
        for form in [DigestForm::AsPayload, DigestForm::AsHeader] {
            let other = BYTES.to_ascii_uppercase();
            if self.takes_part(upload, BYTES, Some(form)).await?
                && !self.takes_part(upload, &other, Some(form)).await?
            {
                found.digests_in_addresses = Some(form);
                break;
            }
        }
        Ok(())
    }

    /// Sends `bytes` to the address of a part that is signed for the probe's bytes.
    async fn takes_part(
        &self,
        upload: &Parts,
        bytes: &[u8],
        form: Option<DigestForm>,
    ) -> Result<bool, Failure> {
        let inner = self.inner;
        let size_bytes = BYTES.len() as u64;
        let part = SignedPart {
            number: 1,
            offset_bytes: 0,
            size_bytes,
            total_bytes: size_bytes,
            digest: Some(crate::digest(BYTES)),
            now: inner.client.now(),
            secs: 300,
        };
        // Our own way to the store: the public one may not lead there from here.
        let signed = inner.sign_part(&inner.address, &self.object, upload, &part, form);
        let body = Bytes::copy_from_slice(bytes);
        let mut call = Call::new(Method::PUT, signed.url).with_body(body.into());
        for (name, value) in &signed.headers {
            call.set_header(name, value);
        }
        call.is_signed = true;
        call.is_repeatable = false;
        Ok(!refused(inner.client.fetch(&call, WORD_BYTES).await)?)
    }

    /// Asks as a browser does whether pages may upload and see the tags of what they uploaded.
    async fn ask_for_pages(&self, found: Found, probe: &mut Probe) {
        let Some(origin) = &self.inner.page_origin else {
            return;
        };
        let url = self
            .inner
            .public
            .url(&self.inner.signer.region(), &self.object, &[]);
        let mut ask = Call::new(Method::OPTIONS, url)
            .with_header("origin", origin)
            .with_header("access-control-request-method", "PUT");
        let header = found.digests_in_addresses.map(|_| CONTENT_SHA256);
        if let Some(header) = header {
            ask.set_header("access-control-request-headers", header);
        }
        ask.is_signed = true;
        let answer = self.inner.client.fetch(&ask, WORD_BYTES).await;
        probe.allows_pages = match &answer {
            Ok(answer) => Some(allows(answer, origin, header)),
            Err(Failure::Refused(_)) => Some(false),
            Err(Failure::Silent(_) | Failure::Ours(_) | Failure::Paused { .. }) => None,
        };
        if probe.allows_pages != Some(true) {
            probe.advice.push(format!(
                "pages of {origin} cannot transfer directly: add a CORS rule to the bucket with AllowedOrigins \
                 [\"{origin}\"], AllowedMethods [\"GET\", \"HEAD\", \"PUT\"], AllowedHeaders [\"*\"] and \
                 ExposeHeaders [\"ETag\"]"
            ));
        }
    }
}

/// What an operator should know of a bucket that keeps what is removed.
const VERSIONED: &str = "the bucket keeps versions: what is removed goes on taking room until a lifecycle \
                         rule (NoncurrentVersionExpiration) or somebody removes the old versions";
const LAGS: &str = "what was written does not show in the listing at once, so unused objects are found late";
const UNLISTED: &str = "uploads that were given up cannot be listed: add a lifecycle rule \
                        (AbortIncompleteMultipartUpload) of 7 days to the bucket";
const UNBOUND: &str = "signed uploads are not bound to their length; lengths are compared at the end only";

fn advice_on_clock(skew_ms: i64) -> Option<String> {
    let side = if skew_ms > 0 { "ahead of" } else { "behind" };
    let secs = skew_ms.abs() / 1000;
    (skew_ms.abs() >= SKEW_MS).then(|| {
        format!("the store's clock is {secs} seconds {side} ours; signed addresses need both to agree")
    })
}

/// Whether an answer to a preflight lets pages of `origin` send a `PUT` with that header.
fn allows(answer: &Whole, origin: &str, header: Option<&str>) -> bool {
    let has = |name: &str, wanted: &str| {
        let told = answer.header(name).unwrap_or_default();
        told.split(',')
            .map(str::trim)
            .any(|one| one == "*" || one.eq_ignore_ascii_case(wanted))
    };
    has("access-control-allow-origin", origin)
        && has("access-control-allow-methods", "PUT")
        && header.is_none_or(|header| has("access-control-allow-headers", header))
}

/// Whether the store refused, for whatever reason but that it is overloaded.
fn refused(outcome: Result<Whole, Failure>) -> Result<bool, Failure> {
    match outcome {
        Ok(_) => Ok(false),
        Err(failure) if matches!(failure.status(), None | Some(429 | 502 | 503 | 504)) => Err(failure),
        Err(_) => Ok(true),
    }
}

fn digests_of(bytes: &[u8]) -> Digests {
    let mut hasher = Hasher::new(false);
    hasher.update(bytes);
    hasher.finish()
}

fn body() -> Body {
    Bytes::from_static(BYTES).into()
}
