//! Finds out by trying what the container allows.

use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::sync::PoisonError;
use std::time::Instant;

use bytes::Bytes;
use outbound::azure::{Credential, NOT_AZURE};
use outbound::{Body, Call, Failure, skew_ms};
use reqwest::Method;

use super::Inner;
use super::requests::{Listing, Unless, is_taken};
use crate::error::Told as _;
use crate::{Abilities, ContentError, Probe, StoreHealth};

const PROBE_BYTES: usize = 4096;
/// From here on signatures may be refused.
const SKEW_MS: i64 = 60 * 1000;

impl Inner {
    /// Measures one write of a small blob.
    pub(super) async fn measure_flush(&self) -> Result<StoreHealth, ContentError> {
        let name = self.probe_name();
        let started = Instant::now();
        let put = self.put(&name, probe_body(), Unless::Never).await;
        let flush = started.elapsed();
        put.map_err(|failure| self.client.error(failure))?;
        self.delete(&name)
            .await
            .map_err(|failure| self.client.error(failure))?;
        Ok(StoreHealth {
            free_bytes: None,
            flush,
        })
    }

    pub(super) async fn find_out(&self) -> Result<Probe, ContentError> {
        let skew_ms = self.look_at_container().await?;
        let name = self.probe_name();
        let tried = self.try_blob(&name).await;
        // Whatever was found out, the probe must not stay.
        let removed = self.delete(&name).await;
        let abilities = tried?;
        removed.map_err(|failure| self.client.error(failure))?;
        let allows_pages = match &self.page_origin {
            Some(origin) if abilities.signs_parts => self.ask_as_page(origin, &name).await,
            _ => None,
        };
        *self.abilities.lock().unwrap_or_else(PoisonError::into_inner) = abilities;
        Ok(Probe {
            abilities,
            skew_ms,
            allows_pages,
            advice: self.advice(&abilities, skew_ms, allows_pages),
        })
    }

    /// Looks and lists, so that a wrong endpoint, account, key or container shows first. Returns how far
    /// the clocks are apart.
    async fn look_at_container(&self) -> Result<Option<i64>, ContentError> {
        // A name that is never taken: the answer tells the time whatever else it says.
        let call = Call {
            also_good: &[404],
            ..Call::new(Method::HEAD, self.url(&self.probe_name()))
        };
        let answer = self
            .quick(&call)
            .await
            .map_err(|failure| self.client.error(failure))?;
        if answer.header("x-ms-request-id").is_none() {
            return Err(self.client.rejected(NOT_AZURE));
        }
        let prefix = self.note_prefix();
        self.list_page(&Listing {
            prefix: &prefix,
            marker: None,
            limit: 1,
            by_folder: false,
            unfinished_too: false,
        })
        .await?;
        Ok(skew_ms(&answer.headers, self.client.now()))
    }

    async fn try_blob(&self, name: &str) -> Result<Abilities, ContentError> {
        let error = |failure| self.client.error(failure);
        self.put(name, probe_body(), Unless::Taken).await.map_err(error)?;
        let creates_only = match self.put(name, probe_body(), Unless::Taken).await {
            Ok(()) => false,
            Err(failure) if is_taken(&failure) => true,
            Err(failure) => return Err(self.client.error(failure)),
        };
        let wrong = Call::new(Method::PUT, self.url(name))
            .with_header("x-ms-blob-type", "BlockBlob")
            .with_header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")
            .with_body(probe_body());
        let checks_digests = match self.quick(&wrong).await {
            Ok(_) => false,
            Err(failure) if failure.status() == Some(400) => true,
            Err(failure) => return Err(self.client.error(failure)),
        };
        let ranged = Call::new(Method::GET, self.url(name)).with_header("range", "bytes=1-2");
        let answer = self.client.fetch(&ranged, 2 * PROBE_BYTES).await.map_err(error)?;
        let signs = matches!(self.dialect.credential, Credential::Key(_));
        Ok(Abilities {
            reads_ranges: answer.status == 206 && answer.body.len() == 2,
            lists: true,
            signs_urls: signs,
            signs_parts: signs,
            creates_only: Some(creates_only),
            checks_digests: Some(checks_digests),
            binds_digests: false,
        })
    }

    /// Asks what a browser asks before it lets a page of that origin upload a block.
    async fn ask_as_page(&self, origin: &str, name: &str) -> Option<bool> {
        let url = self.url_at(&self.public_endpoint, name);
        let call = Call::new(Method::OPTIONS, url)
            .with_header("origin", origin)
            .with_header("access-control-request-method", "PUT")
            .with_header("access-control-request-headers", "content-type");
        match self.quick(&call).await {
            Ok(answer) => {
                let allowed = answer.header("access-control-allow-origin");
                Some(allowed.is_some_and(|allowed| allowed == "*" || allowed == origin))
            }
            Err(Failure::Refused(_)) => Some(false),
            Err(Failure::Silent(_) | Failure::Ours(_) | Failure::Paused { .. }) => None,
        }
    }

    fn advice(&self, abilities: &Abilities, skew_ms: Option<i64>, allows_pages: Option<bool>) -> Vec<String> {
        let mut advice = Vec::new();
        if !abilities.signs_urls {
            advice.push(
                "the connection string has no AccountKey, so downloads and uploads go through this server"
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
                "pages cannot upload directly: in the account's `Resource sharing (CORS)`, Blob service, allow \
                 the origin {origin} the methods GET, HEAD and PUT with all headers, and expose all headers"
            ));
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
