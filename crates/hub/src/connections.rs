//! Connections: linked accounts, buckets and folders at providers, and all that is around them.

mod channels;
mod check;
mod copies;
mod endpoint;
mod health;
mod import;
mod items;
mod known;
mod linking;
mod news;
mod notices;
mod observe;
mod open;
mod pace;
mod stand_in;
mod tokens;
mod trouble;
mod vault;

use catalog::{ConnectionFeed, Tx};
use connectors::{Abilities, About};
use model::{Actor, Connection, ConnectionId, ConnectionState, UserId};

use crate::accounts::text;
use crate::{Hub, HubError, access};

pub use check::{CheckReport, CheckStep, Checked};
pub use endpoint::{Bucket, Credentials, Endpoint, OwnClient, StoredTokens};
pub use health::{Concern, Health};
pub use import::{ImportOutcome, ImportedRemote, RcloneImport};
pub(crate) use items::saved_name;
pub use items::{RemoteDownload, RemotePage};
pub use known::{as_item, as_remote};
pub(crate) use known::{hash, hashes_of, texts_of};
pub(crate) use linking::Wish;
pub use linking::{LinkTicket, Linked};
pub use news::News;
pub use notices::{Notice, NoticeEvent};
pub use open::Connectors;
pub(crate) use vault::Vault;
pub use vault::{KeySource, Rotated};

/// Connections that one person may have.
const MOST: u32 = 100;
/// Items that one step of forgetting a connection takes in.
const FORGET_STEP: u32 = 1000;
/// What is said of a drive that is connected a second time.
const ALREADY: HubError = HubError::Conflict("this drive is connected already");
/// Name of the row that counts connections, together with identities.
const COUNT: &str = "identities";

/// A connection, and how it is.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionRow {
    /// The connection.
    pub connection: Connection,
    /// How far it was looked at.
    pub feed: Option<ConnectionFeed>,
    /// How it is, in words.
    pub health: Health,
    /// How changes there are found out.
    pub news: News,
}

/// A connection to be made with keys or a path rather than by signing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConnection {
    /// Where it leads.
    pub endpoint: Endpoint,
    /// What opens it.
    pub credentials: Credentials,
    /// What it is called; empty is what the provider calls it.
    pub label: String,
    /// It is the server's, not a person's. Only an administrator may.
    pub is_servers: bool,
}

impl Hub {
    /// Lists a person's own connections, the oldest first; for an administrator also the server's.
    ///
    /// # Errors
    /// `Forbidden` for visitors.
    pub async fn connections(&self, actor: &Actor) -> Result<Vec<ConnectionRow>, HubError> {
        let user = access::user(actor)?;
        let mut tx = self.read().await?;
        let mut found = tx.connections(Some(user), 0, MOST).await?;
        if access::admin(actor).is_ok() {
            found.extend(tx.connections(None, 0, MOST).await?);
        }
        self.rows(&mut tx, found).await
    }

    /// Lists connections in the order of their numbers: one's own, for an administrator everybody's.
    ///
    /// # Errors
    /// `Forbidden` for visitors.
    pub async fn watched_connections(&self, actor: &Actor, limit: u32) -> Result<Vec<Connection>, HubError> {
        let user = access::user(actor)?;
        let mut tx = self.read().await?;
        Ok(match access::admin(actor) {
            Ok(()) => tx.all_connections(0, limit).await?,
            Err(_) => tx.connections(Some(user), 0, limit).await?,
        })
    }

    /// Finds a connection of the actor's.
    ///
    /// # Errors
    /// `NotFound`: another person's does not exist.
    pub async fn connection(&self, actor: &Actor, id: ConnectionId) -> Result<ConnectionRow, HubError> {
        let mut tx = self.read().await?;
        let connection = found(&mut tx, actor, id).await?;
        self.row(&mut tx, connection).await
    }

    /// What a connection can do.
    ///
    /// # Errors
    /// `NotFound`, `SignInAgain`, and what the provider says when it is asked.
    pub async fn abilities(&self, actor: &Actor, id: ConnectionId) -> Result<Abilities, HubError> {
        let connection = found(&mut self.read().await?, actor, id).await?;
        let connector = self.connector(&connection).await?;
        Ok(connector.abilities().clone())
    }

    /// Makes a connection with keys or a path, after trying them out.
    ///
    /// # Errors
    /// `Forbidden` (the server's, or a folder of the server, by no administrator), `Invalid` (a setting that cannot
    /// be), `Conflict` (it is there already), `NotConfigured`, and what the provider says.
    pub async fn connect(&self, actor: &Actor, new: NewConnection) -> Result<ConnectionRow, HubError> {
        let user = access::user(actor)?;
        if new.is_servers || matches!(new.endpoint, Endpoint::Directory { .. }) {
            access::admin(actor)?;
        }
        let owner = (!new.is_servers).then_some(user);
        let label = text("label", &new.label)?;
        let mut connection = self.new_connection(owner, &new.endpoint);
        connection.label = label;
        let connector = self.try_connector(&connection, &new.credentials)?;
        self.note_about(&mut connection, connector.about().await?);
        if let Some(found) = self.probe(&connection, &new.endpoint, &new.credentials).await? {
            connection.flavour = Some(found);
        }
        self.add_connection(connection, &new.credentials).await
    }

    /// Adds a connection that was tried out, and begins to look at what is in it.
    pub(crate) async fn add_connection(
        &self,
        connection: Connection,
        credentials: &Credentials,
    ) -> Result<ConnectionRow, HubError> {
        let sealed = self.seal_credentials(connection.id, credentials);
        let mut tx = self.write().await?;
        // Two of the same drive at once: the second sees the first.
        tx.hold_meta(COUNT).await?;
        let others = tx.connections(connection.owner, 0, MOST).await?;
        if others.len() >= MOST as usize {
            return Err(HubError::Conflict(
                "there are too many connections; remove one first",
            ));
        }
        let is_same = |other: &Connection| {
            // Of what was not tried out the drive is not known.
            let is_known = !other.drive.is_empty() && !connection.drive.is_empty();
            let is_drive = is_known && other.drive == connection.drive;
            other.kind == connection.kind
                && (is_drive || (!is_known && other.settings == connection.settings))
        };
        if others.iter().any(is_same) {
            return Err(ALREADY);
        }
        let connection = tx.add_connection(&connection, &sealed).await?;
        self.queue_observation(&mut tx, connection.id).await?;
        let row = self.row(&mut tx, connection).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(row)
    }

    /// Calls a connection something else.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`.
    pub async fn rename_connection(
        &self,
        actor: &Actor,
        id: ConnectionId,
        label: &str,
    ) -> Result<ConnectionRow, HubError> {
        let label = text("label", label)?;
        if label.is_empty() {
            return Err(HubError::invalid("label", "a connection needs a name"));
        }
        let mut tx = self.write().await?;
        found(&mut tx, actor, id).await?;
        let connection = tx.lock_connection(id).await?;
        let mut connection = connection.ok_or(HubError::NotFound("connection"))?;
        connection.label = label;
        tx.put_connection(&connection).await?;
        let row = self.row(&mut tx, connection).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Unlinks a connection: its credentials are forgotten, and given back where the provider takes them. What it
    /// brought here stays. Answers whether the provider took the access back; when not, only the person can, there.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn disconnect(&self, actor: &Actor, id: ConnectionId) -> Result<bool, HubError> {
        let connection = found(&mut self.read().await?, actor, id).await?;
        let sealed = self.read().await?.credentials(id).await?;
        let hub = self.clone();
        self.to_end(async move {
            hub.end_channels(&connection).await?;
            let mut tx = hub.write().await?;
            if !tx.remove_connection(id).await? {
                return Err(HubError::NotFound("connection"));
            }
            tx.commit().await?;
            hub.0.connectors.forget(id);
            // What is left without a connection is also found by the sweep.
            hub.forget_items_of(id).await?;
            let opened = sealed.and_then(|sealed| hub.open_credentials(id, &sealed).ok());
            let Some(Credentials::Tokens(tokens)) = opened.map(|opened| opened.credentials) else {
                return Ok(true);
            };
            Ok(hub.revoke(&connection.kind, &tokens).await)
        })
        .await
    }

    /// Forgets what is known of connections that are gone; answers how many items that were.
    pub(crate) async fn sweep_items(&self) -> Result<u64, HubError> {
        let (mut forgotten, mut after) = (0, None);
        loop {
            let mut tx = self.read().await?;
            let Some(id) = tx.next_with_items(after).await? else {
                return Ok(forgotten);
            };
            after = Some(id);
            if tx.connection(id).await?.is_some() {
                continue;
            }
            drop(tx);
            forgotten += self.forget_items_of(id).await?;
        }
    }

    async fn forget_items_of(&self, id: ConnectionId) -> Result<u64, HubError> {
        let mut forgotten = 0;
        loop {
            let mut tx = self.write().await?;
            let step = tx.forget_items(id, FORGET_STEP).await?;
            tx.commit().await?;
            if step == 0 {
                return Ok(forgotten);
            }
            forgotten += step;
        }
    }

    /// Changes what is written down of a connection, if it is still there.
    pub(crate) async fn change_connection(
        &self,
        id: ConnectionId,
        change: impl FnOnce(&mut Connection) + Send,
    ) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        if let Some(mut connection) = tx.lock_connection(id).await? {
            change(&mut connection);
            tx.put_connection(&connection).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Gives access back to its provider.
    async fn revoke(&self, kind: &str, tokens: &StoredTokens) -> bool {
        let Ok(provider) = self.link_provider(kind) else {
            return false;
        };
        let Ok(oauth) = provider.oauth_for(tokens.client.as_ref()) else {
            return false;
        };
        match oauth.revoke(&tokens.refresh).await {
            Ok(is_revoked) => is_revoked,
            Err(error) => {
                tracing::warn!(kind, %error, "access could not be given back");
                false
            }
        }
    }

    /// Takes over what a provider tells of a drive.
    pub(crate) fn note_about(&self, connection: &mut Connection, about: About) {
        let now = self.now();
        if connection.label.is_empty() {
            connection.label.clone_from(&about.owner);
        }
        connection.account = about.owner;
        connection.drive = about.drive;
        // What was found out by trying is not told by the provider.
        connection.flavour = about.flavour.or_else(|| connection.flavour.take());
        connection.root = about.root.0;
        connection.used_bytes = about.quota.map(|quota| quota.used_bytes);
        connection.limit_bytes = about.quota.and_then(|quota| quota.limit_bytes);
        connection.state = ConnectionState::Active;
        connection.reason = None;
        connection.checked_ms = Some(now);
        connection.worked_ms = Some(now);
    }

    async fn row(&self, tx: &mut Tx, connection: Connection) -> Result<ConnectionRow, HubError> {
        let feed = tx.feed(connection.id).await?;
        let health = self.health(&connection, feed.as_ref());
        let channels = tx.channels_of(connection.id).await?;
        let news = self.news(&connection, &channels);
        Ok(ConnectionRow {
            connection,
            feed,
            health,
            news,
        })
    }

    async fn rows(&self, tx: &mut Tx, found: Vec<Connection>) -> Result<Vec<ConnectionRow>, HubError> {
        let mut rows = Vec::with_capacity(found.len());
        for connection in found {
            rows.push(self.row(tx, connection).await?);
        }
        Ok(rows)
    }

    /// Whether a person has linked a drive of a kind.
    pub(crate) async fn has_connection(&self, user: UserId, kind: &str) -> Result<bool, HubError> {
        let own = self.read().await?.connections(Some(user), 0, MOST).await?;
        let is_live = |connection: &Connection| {
            connection.kind == kind && connection.state != ConnectionState::SignInAgain
        };
        Ok(own.iter().any(is_live))
    }
}

/// Finds a connection that the actor may use: their own, or, for an administrator, the server's.
pub(crate) async fn found(tx: &mut Tx, actor: &Actor, id: ConnectionId) -> Result<Connection, HubError> {
    let connection = tx.connection(id).await?;
    let connection = connection.ok_or(HubError::NotFound("connection"))?;
    let is_own = match connection.owner {
        Some(owner) => actor.user() == Some(owner) || *actor == Actor::Worker,
        None => access::admin(actor).is_ok(),
    };
    is_own
        .then_some(connection)
        .ok_or(HubError::NotFound("connection"))
}
