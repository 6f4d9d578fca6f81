//! Linking an account by signing in at its provider: the way there, the answer, and what comes of it.

use std::sync::Arc;

use async_trait::async_trait;
use connectors::{AccessToken, Grant, LinkQuestion, RemoteError, SignInReason, Tokens};
use model::{Actor, Connection, ConnectionId, ConnectionState, Millis, Role, UserId, UserState};
use serde::{Deserialize, Serialize};

use super::{ConnectionRow, Credentials, Endpoint, StoredTokens, found};
use crate::sign_in::{ASIDE_SECS, Asked, Flow, own_path};
use crate::{Begun, Hub, HubError, access, keys, sealed};

/// What a sealed ticket is for.
const TICKET: &str = "ticket to link a drive";
const WRONG_TICKET: HubError =
    HubError::Unauthenticated("this ticket is not valid, or no longer; ask for another one");

/// What lets a browser that is not signed in link a drive to an account, once.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkTicket {
    /// The ticket, sealed.
    pub ticket: String,
    /// When it ends.
    pub expires_ms: Millis,
}

/// A drive that was linked.
#[derive(Debug, Clone, PartialEq)]
pub struct Linked {
    /// The connection.
    pub row: ConnectionRow,
    /// It was there before and works again.
    pub was_there: bool,
    /// Where to go on: a path of this server, or an address of the operator's own page.
    pub redirect_to: String,
}

/// What to link, and where to go on afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub provider: String,
    /// The connection that is to work again.
    pub connection: Option<ConnectionId>,
    pub redirect_to: String,
}

#[derive(Serialize, Deserialize)]
struct Ticket {
    number: String,
    user: UserId,
    wish: Wish,
    expires_ms: Millis,
}

/// A token that was just granted.
pub(super) struct Granted(pub(super) AccessToken);

#[async_trait]
impl Tokens for Granted {
    async fn token(&self) -> Result<AccessToken, RemoteError> {
        Ok(self.0.clone())
    }

    async fn renewed(&self, _stale: &AccessToken) -> Result<AccessToken, RemoteError> {
        Err(RemoteError::SignInAgain(SignInReason::Scope))
    }
}

impl Hub {
    /// Gives out a ticket by which a browser links a drive to the actor's account, within ten minutes. `connection` is
    /// one that is to work again. The place to go on at may be at another name of this server, which is `home`.
    ///
    /// # Errors
    /// `NotFound`, `NotConfigured`, `Forbidden` for visitors.
    pub async fn link_ticket(
        &self,
        actor: &Actor,
        provider: &str,
        connection: Option<ConnectionId>,
        (redirect_to, home): (&str, Option<&str>),
    ) -> Result<LinkTicket, HubError> {
        let user = access::user(actor)?;
        let wish = self
            .wish(actor, provider, connection, (redirect_to, home))
            .await?;
        let expires_ms = self.now().plus_secs(ASIDE_SECS);
        let ticket = Ticket {
            number: keys::hex::<16>(),
            user,
            wish,
            expires_ms,
        };
        Ok(LinkTicket {
            ticket: sealed::seal(self.keys(), TICKET, &ticket),
            expires_ms,
        })
    }

    /// Sends a browser with a ticket to the provider.
    ///
    /// # Errors
    /// `Unauthenticated` (the ticket, or its account, is not good any more), `NotConfigured`.
    pub async fn begin_link_by_ticket(&self, provider: &str, ticket: &str) -> Result<Begun, HubError> {
        let ticket: Ticket = sealed::open(self.keys(), TICKET, ticket).ok_or(WRONG_TICKET)?;
        if ticket.expires_ms <= self.now() || ticket.wish.provider != provider {
            return Err(WRONG_TICKET);
        }
        let mut tx = self.write().await?;
        let name = format!("link {}", ticket.number);
        let is_first = tx.use_ticket(&name, ticket.expires_ms).await?;
        tx.commit().await?;
        if !is_first {
            return Err(WRONG_TICKET);
        }
        self.begin_link_of(ticket.user, ticket.wish).await
    }

    /// Sends the actor's browser to the provider.
    ///
    /// # Errors
    /// `NotFound`, `NotConfigured`, `Forbidden` for visitors.
    pub async fn begin_link(
        &self,
        actor: &Actor,
        provider: &str,
        connection: Option<ConnectionId>,
        redirect_to: &str,
    ) -> Result<Begun, HubError> {
        let user = access::user(actor)?;
        let wish = self
            .wish(actor, provider, connection, (redirect_to, None))
            .await?;
        self.begin_link_of(user, wish).await
    }

    async fn wish(
        &self,
        actor: &Actor,
        provider: &str,
        connection: Option<ConnectionId>,
        (redirect_to, home): (&str, Option<&str>),
    ) -> Result<Wish, HubError> {
        self.link_provider(provider)?;
        if let Some(id) = connection {
            let known = found(&mut self.read().await?, actor, id).await?;
            if known.kind != provider {
                return Err(HubError::invalid("connection", "it is one of another provider"));
            }
        }
        let mut pages = self.config().frontend_url.as_deref().into_iter().chain(home);
        let is_own_page = pages.any(|page| {
            redirect_to
                .strip_prefix(page)
                .is_some_and(|rest| rest.starts_with('/'))
        });
        Ok(Wish {
            provider: provider.to_owned(),
            connection,
            redirect_to: if is_own_page {
                redirect_to
            } else {
                own_path(redirect_to)
            }
            .to_owned(),
        })
    }

    async fn begin_link_of(&self, user: UserId, wish: Wish) -> Result<Begun, HubError> {
        let login_hint = match wish.connection {
            Some(id) => self
                .read()
                .await?
                .connection(id)
                .await?
                .map(|known| known.account),
            None => None,
        };
        let provider = wish.provider.clone();
        let redirect_to = wish.redirect_to.clone();
        let flow = Flow::Link { user, wish };
        self.begin_grant(&provider, flow, (&redirect_to, login_hint.as_deref()))
    }

    /// Sends a browser to ask a provider for access to a drive.
    pub(crate) fn begin_grant(
        &self,
        name: &str,
        flow: Flow,
        (redirect_to, login_hint): (&str, Option<&str>),
    ) -> Result<Begun, HubError> {
        let provider = self.link_provider(name)?;
        let asked = Asked::new(flow, name, redirect_to, self.now());
        let url = provider.oauth.authorize_url(&LinkQuestion {
            redirect_uri: &provider.redirect_uri,
            state: &asked.state,
            verifier: &asked.verifier,
            nonce: Some(&asked.nonce),
            login_hint,
            wants_account_choice: login_hint.is_none(),
        });
        Ok(Begun {
            url,
            question: asked.seal(self),
        })
    }

    /// Trades the code of an answer.
    pub(crate) async fn redeem_grant(&self, asked: &Asked, code: &str) -> Result<Grant, HubError> {
        let provider = self.link_provider(&asked.provider)?;
        let grant = provider
            .oauth
            .redeem(code, &asked.verifier, &provider.redirect_uri, self.now())
            .await;
        grant.map_err(|error| {
            if error.is_temporary() {
                HubError::ProviderDown(provider.title.to_owned())
            } else {
                HubError::SignInFailed(error.to_string())
            }
        })
    }

    /// Finishes what [`Hub::begin_link`] began.
    pub(crate) async fn finish_link(
        &self,
        asked: &Asked,
        code: &str,
        (user, wish): (UserId, &Wish),
    ) -> Result<Linked, HubError> {
        let account = self.read().await?.user(user).await?;
        let account = account.filter(|user| user.state == UserState::Active);
        let account = account.ok_or(HubError::Unauthenticated("this account is closed"))?;
        let grant = self.redeem_grant(asked, code).await?;
        let is_admin = account.role == Role::Admin;
        let hub = self.clone();
        let (wish, redirect_to) = (wish.clone(), asked.redirect_to.clone());
        self.to_end(async move {
            let (row, was_there) = hub.link_drive(user, is_admin, &wish, grant).await?;
            Ok(Linked {
                row,
                was_there,
                redirect_to,
            })
        })
        .await
    }

    /// Makes a connection of a grant, or makes one work again.
    pub(crate) async fn link_drive(
        &self,
        user: UserId,
        is_admin: bool,
        wish: &Wish,
        grant: Grant,
    ) -> Result<(ConnectionRow, bool), HubError> {
        let Some(refresh) = grant.refresh_token.clone() else {
            return Err(HubError::SignInFailed(
                "the provider gave no lasting access; remove this application from your account there, and link \
                 again"
                    .to_owned(),
            ));
        };
        let endpoint = match wish.provider.as_str() {
            "google" => Endpoint::Google,
            _ => Endpoint::OneDrive,
        };
        let tokens = Arc::new(Granted(AccessToken::new(grant.access_token.clone())));
        let connector = self.provider_connector(&endpoint, tokens, None)?;
        let about = connector.about().await?;
        let credentials = Credentials::Tokens(StoredTokens {
            refresh,
            access: grant.access_token.clone(),
            expires_ms: grant.expires,
            ..StoredTokens::default()
        });
        let known = self.known_drive(user, is_admin, wish, &about).await?;
        let Some(known) = known else {
            let mut connection = self.new_connection(Some(user), &endpoint);
            connection.scopes = grant.scopes.join(" ");
            connection.ends_ms = grant.refresh_expires;
            self.note_about(&mut connection, about);
            return Ok((self.add_connection(connection, &credentials).await?, false));
        };
        Ok((self.relink(known.id, about, &credentials, &grant).await?, true))
    }

    /// The connection that a drive has already. One that is to work again must lead to the same drive.
    async fn known_drive(
        &self,
        user: UserId,
        is_admin: bool,
        wish: &Wish,
        about: &connectors::About,
    ) -> Result<Option<Connection>, HubError> {
        let mut tx = self.read().await?;
        if let Some(id) = wish.connection {
            let known = tx.connection(id).await?;
            let is_own =
                |known: &Connection| known.owner == Some(user) || (known.owner.is_none() && is_admin);
            let known = known.filter(is_own).ok_or(HubError::NotFound("connection"))?;
            if known.drive != about.drive && !known.drive.is_empty() {
                return Err(HubError::SignInFailed(format!(
                    "you signed in to the drive of {}, but this connection is to that of {}; choose that account, or \
                     add a connection of its own",
                    about.owner, known.account
                )));
            }
            return Ok(Some(known));
        }
        let own = tx.connections(Some(user), 0, super::MOST).await?;
        let is_same = |known: &Connection| known.kind == wish.provider && known.drive == about.drive;
        Ok(own.into_iter().find(is_same))
    }

    async fn relink(
        &self,
        id: ConnectionId,
        about: connectors::About,
        credentials: &Credentials,
        grant: &Grant,
    ) -> Result<ConnectionRow, HubError> {
        let sealed = self.seal_credentials(id, credentials);
        let mut tx = self.write().await?;
        let connection = tx.lock_connection(id).await?;
        let mut connection = connection.ok_or(HubError::NotFound("connection"))?;
        let present = tx.credentials(id).await?;
        let generation = present.map_or(0, |present| present.generation);
        if !tx.put_credentials((id, generation), &sealed).await? {
            return Err(HubError::Conflict(
                "its tokens are being refreshed; link it again",
            ));
        }
        self.note_about(&mut connection, about);
        connection.scopes = grant.scopes.join(" ");
        connection.ends_ms = grant.refresh_expires;
        connection.linked_ms = self.now();
        tx.put_connection(&connection).await?;
        if let Some(mut feed) = tx.lock_feed(id).await? {
            feed.failures = 0;
            feed.error = None;
            feed.next_ms = self.now();
            tx.put_feed(&feed).await?;
        }
        self.queue_observation(&mut tx, id).await?;
        self.queue_waiting_mirrors(&mut tx, id).await?;
        // What was opened with access that ended may have ended with it.
        tx.renounce_channels(id).await?;
        let row = self.row(&mut tx, connection).await?;
        tx.commit().await?;
        self.0.connectors.forget(id);
        self.wake_workers();
        Ok(row)
    }

    /// A connection of which nothing is known yet.
    pub(crate) fn new_connection(&self, owner: Option<UserId>, endpoint: &Endpoint) -> Connection {
        let now = self.now();
        Connection {
            id: ConnectionId::new(now, keys::random()),
            number: 0,
            owner,
            kind: endpoint.kind().to_owned(),
            label: String::new(),
            account: String::new(),
            drive: String::new(),
            flavour: None,
            root: String::new(),
            settings: serde_json::to_string(endpoint).expect("an endpoint can be written as JSON"),
            scopes: String::new(),
            state: ConnectionState::Active,
            reason: None,
            created_ms: now,
            linked_ms: now,
            checked_ms: None,
            worked_ms: None,
            ends_ms: None,
            used_bytes: None,
            limit_bytes: None,
        }
    }
}
