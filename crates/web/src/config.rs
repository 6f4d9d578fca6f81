//! What the HTTP surface is told by the settings.

use std::path::PathBuf;
use std::sync::Arc;

use crate::peer::Network;

/// Prints the metrics in the text format of Prometheus.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the HTTP surface is told by the settings.
#[derive(Clone, Default)]
pub struct WebConfig {
    /// The address that people use, such as `https://drive.example.org`.
    pub public_url: Option<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// Origins whose pages may call the API.
    pub cors_origins: Vec<String>,
    /// Prints the metrics; `None` when they are served elsewhere or not at all.
    pub metrics: Option<Metrics>,
    /// Opens `/metrics` besides an administrator's token.
    pub metrics_token: Option<String>,
    /// Serves the page from this folder instead of the one built in: for working on it.
    pub page_folder: Option<PathBuf>,
}

impl WebConfig {
    /// Whether people reach the server by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.public_url
            .as_ref()
            .is_some_and(|url| url.starts_with("https://"))
    }
}
