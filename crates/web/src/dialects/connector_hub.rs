//! The API of a hub of Google Drive and OneDrive connectors. See `docs/dialects/connector-hub.md`.
//! Signing in at `/auth/{provider}/login` is part of our own API.

use axum::Json as Reply;
use axum::extract::State;
use hub::Hub;
use model::ConnectionState;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Refusal;
use super::fields::FromBody;
use super::lists::MOST_ITEMS;
use crate::Web;
use crate::sessions::Signed;

/// The part of the document that these operations belong to.
pub(crate) const TAG: &str = "connector-hub";

/// The providers that the dialect speaks of.
const PROVIDERS: [&str; 2] = ["google", "onedrive"];

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(get_config))
        .routes(routes!(list_users))
        .routes(routes!(sync))
}

/// What the server can connect with.
#[derive(Serialize, ToSchema)]
struct HubConfig {
    /// The providers that its settings name.
    #[schema(example = json!(["google"]))]
    available_providers: Vec<&'static str>,
    /// Always `multi-provider`.
    #[schema(example = "multi-provider")]
    mode: &'static str,
}

/// An account at a provider.
#[derive(Serialize, ToSchema)]
struct ConnectedUser {
    /// Its number.
    #[schema(example = 1)]
    id: u64,
    /// The address that the provider told.
    #[schema(example = "user@example.com")]
    email: String,
    /// The provider.
    #[schema(example = "google")]
    provider: String,
    /// Whether the server can reach its drive by itself.
    has_refresh_token: bool,
}

/// Whose drives to synchronise.
#[derive(ToSchema)]
#[allow(dead_code)]
struct SyncRequest {
    /// `both` (default), `google` or `onedrive`.
    #[schema(nullable = false, example = "both", pattern = "^(both|google|onedrive)$")]
    source_type: Option<String>,
}

/// What was set going.
#[derive(Serialize, ToSchema)]
struct SyncStarted {
    /// In a sentence.
    #[schema(example = "Sync process started...")]
    message: &'static str,
    /// The providers whose drives are being looked at.
    #[schema(example = json!(["google"]))]
    target_providers: Vec<&'static str>,
}

/// `GET /config`
///
/// The providers whose drives can be linked here, and those that people can sign in with, by the server's settings.
#[utoipa::path(get, path = "/config", operation_id = "connector_config", tag = TAG, security(()),
    responses((status = 200, description = "The providers", body = HubConfig)))]
async fn get_config(State(hub): State<Hub>) -> Reply<HubConfig> {
    let mut available_providers: Vec<&'static str> = PROVIDERS.to_vec();
    available_providers.retain(|name| hub.link_provider(name).is_ok());
    let others = hub.identity_providers().map(|provider| provider.name);
    for name in others {
        if !available_providers.contains(&name) {
            available_providers.push(name);
        }
    }
    Reply(HubConfig {
        available_providers,
        mode: "multi-provider",
    })
}

/// `GET /users`
///
/// Your accounts at providers: linked drives, and those that open your account here and whose drives are not linked.
/// For an administrator those of everybody.
#[utoipa::path(get, path = "/users", operation_id = "connector_users", tag = TAG,
    responses((status = 200, description = "The accounts, the oldest first", body = Vec<ConnectedUser>)))]
async fn list_users(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<Reply<Vec<ConnectedUser>>, Refusal> {
    let drives = hub.watched_connections(&actor, MOST_ITEMS).await?;
    let drives = drives
        .into_iter()
        .filter(|drive| PROVIDERS.contains(&drive.kind.as_str()));
    let mut users: Vec<ConnectedUser> = drives
        .map(|drive| ConnectedUser {
            id: drive.number,
            email: drive.account,
            provider: drive.kind,
            // One that ended is none.
            has_refresh_token: drive.state != ConnectionState::SignInAgain,
        })
        .collect();
    for identity in hub.watched_identities(&actor, MOST_ITEMS).await? {
        let is_linked =
            |user: &ConnectedUser| user.provider == identity.provider && user.email == identity.email;
        if !users.iter().any(is_linked) {
            users.push(ConnectedUser {
                id: identity.number,
                email: identity.email,
                provider: identity.provider,
                has_refresh_token: false,
            });
        }
    }
    users.sort_by_key(|user| user.id);
    Ok(Reply(users))
}

/// `POST /sync`
///
/// Lists what changed in linked drives, and brings the folders in step that are kept in step with them: your own, for an
/// administrator all. It says which providers' drives it looks at; where none is linked, there are none.
#[utoipa::path(post, path = "/sync", operation_id = "connector_sync", tag = TAG, request_body = SyncRequest,
    responses((status = 200, description = "What was set going", body = SyncStarted)))]
async fn sync(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    FromBody(mut body): FromBody,
) -> Result<Reply<SyncStarted>, Refusal> {
    let words = [
        ("both", &PROVIDERS[..]),
        ("google", &PROVIDERS[..1]),
        ("onedrive", &PROVIDERS[1..]),
    ];
    let sources = body.word(&["source_type"], &words).unwrap_or(&PROVIDERS);
    body.check()?;
    let looked_at = hub.look_at_connections(&actor, sources, MOST_ITEMS).await?;
    let target_providers: Vec<&'static str> = sources
        .iter()
        .copied()
        .filter(|provider| looked_at.contains(*provider))
        .collect();
    let message = match target_providers.is_empty() {
        true => "No drive is linked, so there is nothing to synchronise",
        false => "Sync process started...",
    };
    Ok(Reply(SyncStarted {
        message,
        target_providers,
    }))
}
