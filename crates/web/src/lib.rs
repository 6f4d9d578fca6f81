//! The doors of Cumuli: everything HTTP.
//!
//! A handler translates: it reads a request into the words of `hub`, calls one operation, and puts
//! the outcome into a reply. It holds no rule; rights are checked in `hub`.

mod api;
mod base;
mod blob;
mod body;
mod conditions;
mod config;
mod dialects;
mod disposition;
mod docs;
mod extract;
mod hooks;
mod media;
mod multipart;
mod openapi;
mod page;
mod peer;
mod problem;
mod ranges;
mod replies;
mod sessions;
mod shield;
mod trace;
mod tus;
mod visitors;
mod zip;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use hub::Hub;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use config::{Metrics, WebConfig};
pub use peer::{Network, NetworkError};

/// What every handler can reach.
#[derive(Clone)]
pub(crate) struct Web {
    hub: Hub,
    config: Arc<WebConfig>,
    document: Arc<docs::Document>,
}

impl FromRef<Web> for Hub {
    fn from_ref(web: &Web) -> Self {
        web.hub.clone()
    }
}

impl FromRef<Web> for Arc<WebConfig> {
    fn from_ref(web: &Web) -> Self {
        web.config.clone()
    }
}

/// Builds the whole HTTP surface over a hub.
pub fn router(hub: Hub, config: WebConfig) -> Router {
    let (routes, document) = routes().split_for_parts();
    let document = openapi::complete(document);
    let web = Web {
        hub,
        config: Arc::new(config),
        document: Arc::new(docs::Document::new(&document)),
    };
    shield::wrap(routes, &web).with_state(web)
}

/// The OpenAPI 3.1 document of the surface: generated from the handlers, so it cannot lag behind.
pub fn document() -> OpenApi {
    openapi::complete(routes().split_for_parts().1)
}

/// Every route of the server. What is not here does not exist.
fn routes() -> OpenApiRouter<Web> {
    api::routes().merge(dialects::routes())
}
