//! Finds out by trying what the bucket allows.

use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::sync::PoisonError;
use std::time::Instant;

use bytes::Bytes;
use outbound::{Body, Call, skew_ms};
use reqwest::Method;

use super::Inner;
use super::requests::{Listing, Unless, is_taken, md5_of};
use super::uploads::session_call;
use crate::error::Told as _;
use crate::{Abilities, ContentError, Probe, StoreHealth};

const PROBE_BYTES: usize = 4096;
/// From here on signatures may be refused.
const SKEW_MS: i64 = 60 * 1000;

impl Inner {
    /// Measures one write of a small object.
    pub(super) async fn measure_flush(&self) -> Result<StoreHealth, ContentError> {
        let name = self.probe_name();
        let body = probe_body();
        let md5 = md5_of(&body).await;
        let started = Instant::now();
        let put = self.put(&name, body, md5, Unless::Never).await;
        let flush = started.elapsed();
        put.map_err(|failure| self.client.error(failure))?;
        self.delete(&name).await?;
        Ok(StoreHealth {
            free_bytes: None,
            flush,
        })
    }

    pub(super) async fn find_out(&self) -> Result<Probe, ContentError> {
        let prefix = self.note_prefix();
        // A wrong endpoint, account or bucket shows first.
        self.list_page(&Listing {
            prefix: &prefix,
            start: None,
            limit: 1,
            page_token: None,
        })
        .await?;
        let name = self.probe_name();
        let tried = self.try_object(&name).await;
        // Whatever was found out, the probe must not stay.
        let removed = self.delete(&name).await;
        let (abilities, skew_ms) = tried?;
        removed?;
        let allows_pages = match &self.page_origin {
            Some(origin) => Some(self.ask_as_page(origin, &name).await?),
            None => None,
        };
        *self.abilities.lock().unwrap_or_else(PoisonError::into_inner) = abilities;
        Ok(Probe {
            abilities,
            skew_ms,
            allows_pages,
            advice: self.advice(&abilities, skew_ms, allows_pages),
        })
    }

    async fn try_object(&self, name: &str) -> Result<(Abilities, Option<i64>), ContentError> {
        let error = |failure| self.client.error(failure);
        let md5 = md5_of(&probe_body()).await;
        self.put(name, probe_body(), md5, Unless::Taken)
            .await
            .map_err(error)?;
        let creates_only = match self.put(name, probe_body(), md5, Unless::Taken).await {
            Ok(()) => false,
            Err(failure) if is_taken(&failure) => true,
            Err(failure) => return Err(self.client.error(failure)),
        };
        let checks_digests = match self.put(name, probe_body(), [0; 16], Unless::Never).await {
            Ok(()) => false,
            Err(failure) if failure.status() == Some(400) => true,
            Err(failure) => return Err(self.client.error(failure)),
        };
        let ranged =
            Call::new(Method::GET, self.url(name, &[("alt", "media")])).with_header("range", "bytes=1-2");
        let answer = self.client.fetch(&ranged, 2 * PROBE_BYTES).await.map_err(error)?;
        let abilities = Abilities {
            reads_ranges: answer.status == 206 && answer.body.len() == 2,
            lists: true,
            signs_urls: self.account.is_some(),
            signs_parts: true,
            creates_only: Some(creates_only),
            checks_digests: Some(checks_digests),
            binds_digests: false,
        };
        Ok((abilities, skew_ms(&answer.headers, self.client.now())))
    }

    /// Asks what a browser asks before it lets a page of that origin send to a session.
    async fn ask_as_page(&self, origin: &str, name: &str) -> Result<bool, ContentError> {
        let session = self.begin_session(name, Some(1)).await?;
        let mut call = session_call(Method::OPTIONS, &session)
            .with_header("origin", origin)
            .with_header("access-control-request-method", "PUT")
            .with_header("access-control-request-headers", "content-range");
        call.is_repeatable = false;
        let answer = self.json(&call).await;
        self.end_session(&session).await?;
        // What does not answer that question does not let pages in either.
        Ok(answer.is_ok_and(|answer| {
            let allowed = answer.header("access-control-allow-origin");
            allowed.is_some_and(|allowed| allowed == "*" || allowed == origin)
        }))
    }

    fn advice(&self, abilities: &Abilities, skew_ms: Option<i64>, allows_pages: Option<bool>) -> Vec<String> {
        let mut advice = Vec::new();
        if !abilities.signs_urls {
            advice.push(
                "there are no credentials of a service account, so downloads go through this server"
                    .to_owned(),
            );
        }
        if let Some(skew_ms) = skew_ms.filter(|skew_ms| skew_ms.abs() > SKEW_MS) {
            let secs = skew_ms / 1000;
            advice.push(format!(
                "the service's clock is {secs} seconds ahead of this machine's: set this one"
            ));
        }
        if allows_pages == Some(false) {
            let origin = self.page_origin.as_deref().unwrap_or_default();
            advice.push(format!(
                "the service does not let pages of {origin} upload directly"
            ));
        }
        if abilities.creates_only == Some(false) {
            advice.push("the service writes over what is there although it is told not to".to_owned());
        }
        if abilities.checks_digests == Some(false) {
            advice.push("the service stores bytes that do not have the announced MD5".to_owned());
        }
        advice
    }

    fn probe_name(&self) -> String {
        let number = RandomState::new().build_hasher().finish();
        // No note can be called so.
        format!("{}.probe-{number:016x}", self.note_prefix())
    }
}

fn probe_body() -> Body {
    Body::from(Bytes::from_static(&[0; PROBE_BYTES]))
}
