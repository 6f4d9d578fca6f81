//! Access tokens of a connection: one refresh at a time, whoever asks on whichever node, and what it grants is
//! durable before anyone uses it.

use std::sync::Weak;
use std::time::Duration;

use async_trait::async_trait;
use connectors::{AccessToken, Grant, OAuthError, RemoteError, SignInReason, Tokens};
use model::{ConnectionId, ConnectionState, Millis};
use tokio::sync::Mutex;

use super::vault::Opened;
use super::{Credentials, StoredTokens};
use crate::{Hub, HubError, Parts, keys};

/// A token that ends sooner is refreshed before it is used, seconds.
const EARLY_SECS: i64 = 5 * 60;
/// How long one refresh may take before another node takes over, seconds.
const HOLD_SECS: i64 = 60;
/// How often to look whether somebody else's refresh is done.
const LOOK: Duration = Duration::from_millis(100);
/// Looks before it is given up for now.
const LOOKS: u32 = 900;

/// The tokens of one connection.
pub(super) struct ConnectionTokens {
    hub: Weak<Parts>,
    id: ConnectionId,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    token: AccessToken,
    expires: Millis,
}

/// What came of an attempt to refresh.
enum Tried {
    Done(Kept),
    /// Somebody else does it, or did.
    Elsewhere,
}

impl ConnectionTokens {
    pub(super) fn new(hub: &Hub, id: ConnectionId) -> Self {
        Self {
            hub: hub.downgrade(),
            id,
            kept: Mutex::new(None),
        }
    }

    /// A token that is not `stale`, from memory, the catalog, or the provider.
    async fn fresh(&self, stale: Option<&AccessToken>) -> Result<AccessToken, RemoteError> {
        let hub = Hub::upgrade(&self.hub)
            .ok_or_else(|| RemoteError::Unavailable("this server is shutting down".to_owned()))?;
        // Whoever waits here finds the token of who went before.
        let mut kept = self.kept.lock().await;
        let is_good = |kept: &Kept| {
            kept.expires > hub.now().plus_secs(EARLY_SECS) && stale.is_none_or(|stale| *stale != kept.token)
        };
        if let Some(kept) = kept.as_ref().filter(|kept| is_good(kept)) {
            return Ok(kept.token.clone());
        }
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(LOOK).await;
            }
            let opened = self.opened(&hub).await?;
            let Credentials::Tokens(tokens) = &opened.credentials else {
                return Err(RemoteError::SignInAgain(SignInReason::NoRefresh));
            };
            let stored = Kept {
                token: AccessToken::new(tokens.access.clone()),
                expires: tokens.expires_ms,
            };
            if !tokens.access.is_empty() && is_good(&stored) {
                return Ok(kept.insert(stored).token.clone());
            }
            let id = self.id;
            let refreshed = hub.to_end({
                let (hub, tokens) = (hub.clone(), tokens.clone());
                async move { Ok(refresh(&hub, id, opened.generation, tokens).await) }
            });
            if let Tried::Done(fresh) = refreshed.await.map_err(|error| unavailable(&error))?? {
                return Ok(kept.insert(fresh).token.clone());
            }
        }
        Err(RemoteError::Unavailable(
            "another refresh of its tokens does not end".to_owned(),
        ))
    }

    async fn opened(&self, hub: &Hub) -> Result<Opened, RemoteError> {
        let mut tx = hub.read().await.map_err(|error| unavailable(&error))?;
        let sealed = tx.credentials(self.id).await;
        let sealed = sealed.map_err(|error| unavailable(&error))?;
        let gone = || RemoteError::Misconfigured("the connection was removed".to_owned());
        hub.open_credentials(self.id, &sealed.ok_or_else(gone)?)
    }
}

#[async_trait]
impl Tokens for ConnectionTokens {
    async fn token(&self) -> Result<AccessToken, RemoteError> {
        self.fresh(None).await
    }

    async fn renewed(&self, stale: &AccessToken) -> Result<AccessToken, RemoteError> {
        self.fresh(Some(stale)).await
    }
}

/// Refreshes tokens of that generation, if nobody else does. It runs to its end once it has begun: what a provider
/// granted is never dropped.
async fn refresh(
    hub: &Hub,
    id: ConnectionId,
    generation: u64,
    tokens: StoredTokens,
) -> Result<Tried, RemoteError> {
    let holder = keys::random();
    let now = hub.now();
    let mut tx = hub.write().await.map_err(|error| unavailable(&error))?;
    let is_held = tx
        .hold_credentials((id, generation), holder, (now, now.plus_secs(HOLD_SECS)))
        .await;
    let connection = tx.connection(id).await.map_err(|error| unavailable(&error))?;
    tx.commit().await.map_err(|error| unavailable(&error))?;
    if !is_held.map_err(|error| unavailable(&error))? {
        return Ok(Tried::Elsewhere);
    }
    let Some(connection) = connection else {
        return Err(RemoteError::Misconfigured(
            "the connection was removed".to_owned(),
        ));
    };
    let granted = grant(hub, &connection.kind, &tokens).await;
    match granted {
        Ok(grant) => keep(hub, id, generation, (tokens, grant)).await.map(Tried::Done),
        Err(error) => {
            let error = error.of_connection(Some(connection.linked_ms), hub.now());
            release(hub, id, holder).await;
            hub.note_trouble(id, &error).await;
            Err(error)
        }
    }
}

/// Asks the provider, with the refresh token before the present one when that is not taken: the answer that held the
/// present one may have been lost.
async fn grant(hub: &Hub, kind: &str, tokens: &StoredTokens) -> Result<Grant, OAuthError> {
    let provider = hub
        .link_provider(kind)
        .map_err(|error| OAuthError::Misfit(error.to_string()))?;
    let oauth = provider.oauth_for(tokens.client.as_ref())?;
    if tokens.refresh.is_empty() {
        return Err(OAuthError::Ended {
            code: "no_refresh_token".to_owned(),
            is_idle: false,
            may_be_testing: false,
        });
    }
    match (oauth.refresh(&tokens.refresh, hub.now()).await, &tokens.before) {
        (Err(ended @ OAuthError::Ended { .. }), Some(before)) => {
            oauth.refresh(before, hub.now()).await.map_err(|_| ended)
        }
        (granted, _) => granted,
    }
}

/// Makes a grant durable. Should the credentials have been sealed anew meanwhile, it is put beside what is there now.
async fn keep(
    hub: &Hub,
    id: ConnectionId,
    mut generation: u64,
    (old, grant): (StoredTokens, Grant),
) -> Result<Kept, RemoteError> {
    let has_next = grant
        .refresh_token
        .as_ref()
        .is_some_and(|next| *next != old.refresh);
    let tokens = StoredTokens {
        before: if has_next {
            Some(old.refresh.clone())
        } else {
            old.before.clone()
        },
        refresh: grant.refresh_token.clone().unwrap_or_else(|| old.refresh.clone()),
        access: grant.access_token.clone(),
        expires_ms: grant.expires,
        client: old.client.clone(),
    };
    let sealed = hub.seal_credentials(id, &Credentials::Tokens(tokens));
    loop {
        let mut tx = hub.write().await.map_err(|error| unavailable(&error))?;
        let was_put = tx.put_credentials((id, generation), &sealed).await;
        let was_put = was_put.map_err(|error| unavailable(&error))?;
        let now = tx.credentials(id).await.map_err(|error| unavailable(&error))?;
        tx.commit().await.map_err(|error| unavailable(&error))?;
        if was_put {
            break;
        }
        let Some(now) = now else { break };
        let opened = hub.open_credentials(id, &now)?;
        match &opened.credentials {
            Credentials::Tokens(stored) if stored.refresh == old.refresh => generation = opened.generation,
            // Linked again meanwhile: those are the better ones.
            _ => break,
        }
    }
    Ok(Kept {
        token: AccessToken::new(grant.access_token),
        expires: grant.expires,
    })
}

async fn release(hub: &Hub, id: ConnectionId, holder: [u8; 16]) {
    let released = async {
        let mut tx = hub.write().await?;
        tx.release_credentials(id, holder).await?;
        tx.commit().await?;
        Ok::<_, HubError>(())
    };
    if let Err(error) = released.await {
        // It ends by itself.
        tracing::warn!(connection = %id, %error, "the right to refresh tokens could not be given back");
    }
}

pub(super) fn unavailable(error: &(dyn std::error::Error + 'static)) -> RemoteError {
    tracing::warn!(%error, "the catalog did not answer while a connection was used");
    RemoteError::Unavailable("this server's database does not answer".to_owned())
}

impl Hub {
    /// Writes down that a connection does not work, when that lasts until a person does something.
    pub(crate) async fn note_trouble(&self, id: ConnectionId, error: &RemoteError) {
        let state = match error {
            RemoteError::SignInAgain(_) => ConnectionState::SignInAgain,
            RemoteError::Misconfigured(_) | RemoteError::Unreachable(_) => ConnectionState::Misconfigured,
            _ => return,
        };
        let now = self.now();
        let noted = self.change_connection(id, |connection| {
            connection.state = state;
            connection.reason = Some(error.to_string());
            connection.checked_ms = Some(now);
        });
        if let Err(error) = noted.await {
            tracing::warn!(connection = %id, %error, "the state of a connection could not be written down");
        }
    }
}
