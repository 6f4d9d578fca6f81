//! `/api/v1/providers`: where drives can be, and what is missing to link them.

use axum::Json as Reply;
use axum::extract::State;
use hub::{Hub, Provider};
use serde::Serialize;
use utoipa::ToSchema;

use super::views::time;
use crate::sessions::Signed;

/// A provider and what it needs.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderView {
    /// Its name in addresses.
    #[schema(example = "google")]
    name: &'static str,
    /// Its name for people.
    #[schema(example = "Google Drive")]
    title: &'static str,
    /// How it is connected: by `oauth`, with `keys`, or as a `path` of the server.
    #[schema(example = "oauth")]
    by: &'static str,
    /// Whether the server has all settings that it needs.
    configured: bool,
    /// Settings that are missing.
    missing: Vec<&'static str>,
    /// What has to be registered with the provider as a redirect URI, exactly.
    #[schema(example = "https://drive.example.org/auth/google/callback")]
    redirect_uri: Option<String>,
    /// Why the provider will not take that redirect URI; `null` when it will.
    redirect_problem: Option<String>,
    /// What people are asked to allow.
    scopes: Vec<ScopeView>,
    /// What has to be done at the provider, step by step.
    guide: Vec<&'static str>,
    /// What will break soon, in a sentence.
    concern: Option<String>,
    /// When it will.
    #[schema(format = DateTime)]
    concern_at: Option<String>,
}

/// Something that people are asked to allow.
#[derive(Serialize, ToSchema)]
pub(crate) struct ScopeView {
    /// In the provider's words.
    scope: &'static str,
    /// What it is needed for.
    purpose: &'static str,
}

/// Providers.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProviderList {
    /// All that the server knows.
    providers: Vec<ProviderView>,
}

/// `GET /api/v1/providers`
///
/// Which providers the server knows, what is missing to link each, and what to do for that.
#[utoipa::path(get, path = "/api/v1/providers", tag = "connections",
    responses((status = 200, description = "The providers", body = ProviderList)))]
pub(crate) async fn list_providers(State(hub): State<Hub>, _signed: Signed) -> Reply<ProviderList> {
    Reply(ProviderList {
        providers: hub.providers().into_iter().map(ProviderView::from).collect(),
    })
}

impl From<Provider> for ProviderView {
    fn from(row: Provider) -> Self {
        let scopes = row.scopes.into_iter();
        Self {
            name: row.name,
            title: row.title,
            by: row.by,
            configured: row.missing.is_empty(),
            missing: row.missing,
            redirect_uri: row.redirect_uri,
            redirect_problem: row.redirect_problem,
            scopes: scopes
                .map(|(scope, purpose)| ScopeView { scope, purpose })
                .collect(),
            guide: row.guide.to_vec(),
            concern_at: row.concern.as_ref().and_then(|concern| concern.at).map(time),
            concern: row.concern.map(|concern| concern.text),
        }
    }
}
