//! Connections: a pool of them, and the rule which addresses they may go to.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::failure::last_cause;
use super::guard::{Forbidden, Guard, Reach};
use super::{Patience, Reason};

/// A pool of connections that go where they may. A clone shares it.
#[derive(Clone)]
pub struct Wire {
    http: reqwest::Client,
    guard: Option<Arc<Guard>>,
}

impl Wire {
    /// Opens a pool that reaches what `reach` allows.
    ///
    /// # Errors
    /// `Io` when encrypted connections cannot be made on this machine.
    pub fn open(reach: &Reach, patience: Patience) -> Result<Self, Reason> {
        let mut builder = reqwest::Client::builder()
            // Whoever we are led to would be sent our proofs; see `redirect.rs` for what is followed.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(patience.connect)
            .pool_idle_timeout(Duration::from_secs(20))
            .user_agent(concat!("cumuli/", env!("CARGO_PKG_VERSION")));
        let guard = Guard::of(reach).map(Arc::new);
        if let Some(guard) = &guard {
            // A proxy would look the names up itself.
            builder = builder.no_proxy().dns_resolver(Arc::clone(guard));
        }
        let http = builder
            .build()
            .map_err(|error| Reason::Io(std::io::Error::other(last_cause(&error))))?;
        Ok(Self { http, guard })
    }

    pub(crate) async fn execute(&self, request: reqwest::Request) -> reqwest::Result<reqwest::Response> {
        self.http.execute(request).await
    }

    /// Whether the address may be reached, as far as it tells by itself. What its name leads to is checked
    /// when it is connected to.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, url: &Url) -> Result<(), Forbidden> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard.check(url))
    }
}
