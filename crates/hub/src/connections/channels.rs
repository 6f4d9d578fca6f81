//! Channels: seeing to it that providers tell of changes, where they do.
//!
//! The job that looks at a connection sees to its channel before it looks, so there is one at a time whoever runs it. A
//! channel is written down before the provider is asked for it: when the answer is lost, the first notice says what the
//! provider calls it. Then it is taken for open, or closed where another was opened meanwhile.

use catalog::{ChannelState, ConnectionChannel, Tx};
use connectors::{Channel, Connector, Cursor, NewChannel, Notifies, RemoteError};
use model::{ChannelId, Connection, ConnectionId, Millis};

use crate::jobs::Lease;
use crate::sessions::secret_hash;
use crate::{Hub, HubError, keys};

/// Where notices go, below the address that people know this server by.
const HOOKS: &str = "/hooks/";
/// The longest life that is asked for: what is forgotten at the provider ends soon enough by itself.
const LIFE_SECS: i64 = 7 * 24 * 60 * 60;
/// How long before its end a channel is renewed: a quarter of its life, but not less nor more than this.
const SHORTEST_REST_SECS: i64 = 30 * 60;
const LONGEST_REST_SECS: i64 = 24 * 60 * 60;
/// The pause after a failure; it doubles up to the longest.
const FIRST_PAUSE_SECS: i64 = 60;
const LONGEST_PAUSE_SECS: i64 = 6 * 60 * 60;
/// The pause where a person would have to do something first.
const REFUSED_PAUSE_SECS: i64 = 24 * 60 * 60;
/// How soon a connection is looked at again whose changes are told, seconds.
pub(super) const TOLD_SECS: i64 = 15 * 60;
/// The same after a notice that came before there was anything to see: feeds lag behind.
const LAG_SECS: i64 = 15;
/// How long before the look before this one a notice may have come that told of what only this one saw, seconds.
const GRACE_SECS: i64 = 60;
/// How long a provider is waited for when a connection is unlinked.
const FAREWELL: std::time::Duration = std::time::Duration::from_secs(5);

/// A look that ended.
pub(super) struct Looked {
    pub(super) now: Millis,
    /// When the one before it ended.
    pub(super) before: Option<Millis>,
    /// Whether it saw anything that had changed.
    pub(super) found: bool,
}

/// A look at one connection's channels, by who holds its job.
struct Tending<'a> {
    hub: &'a Hub,
    lease: &'a Lease,
    connection: &'a Connection,
    connector: &'a dyn Connector,
    notifies: Notifies,
    now: Millis,
}

impl Hub {
    /// Where a provider would tell this server of changes; else why it cannot.
    pub(super) fn notice_address(&self, kind: &str) -> Result<String, String> {
        let provider = self.link_provider(kind).map_err(|error| error.to_string())?;
        let public_url = self.config().public_url.as_deref();
        match connectors::notice_problem(public_url, &provider.api_url) {
            Some(problem) => Err(problem),
            None => {
                let url = public_url.unwrap_or_default().trim_end_matches('/');
                let door = if kind == "onedrive" { "graph" } else { kind };
                Ok(format!("{url}{HOOKS}{door}"))
            }
        }
    }

    /// Opens, renews and closes channels of a connection as they need it. What the provider says to it is written down
    /// with them, and holds up nothing else.
    pub(super) async fn tend_channels(
        &self,
        lease: &Lease,
        connection: &Connection,
        connector: &dyn Connector,
    ) -> Result<(), HubError> {
        let Some(notifies) = connector.abilities().notifies else {
            return Ok(());
        };
        let tending = Tending {
            hub: self,
            lease,
            connection,
            connector,
            notifies,
            now: self.now(),
        };
        tending.tend().await
    }

    /// Ends the channels of a connection that is about to be unlinked, as far as the provider answers soon.
    pub(super) async fn end_channels(&self, connection: &Connection) -> Result<(), HubError> {
        let channels = self.read().await?.channels_of(connection.id).await?;
        if channels.is_empty() {
            return Ok(());
        }
        let closing = async {
            let connector = self.connector(connection).await?;
            for channel in channels.iter().filter_map(open_one) {
                connector.close_channel(&channel).await?;
            }
            Ok::<_, RemoteError>(())
        };
        match tokio::time::timeout(FAREWELL, closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::info!(connection = %connection.id, %error, "a channel was left open"),
            Err(_) => tracing::info!(connection = %connection.id, "a channel was left open"),
        }
        Ok(())
    }

    /// When a connection is looked at again whose changes are told; `None` when they are not, as far as is known.
    pub(super) async fn next_told_look(
        &self,
        tx: &mut Tx,
        id: ConnectionId,
        looked: &Looked,
    ) -> Result<Option<Millis>, HubError> {
        let now = looked.now;
        let channels = tx.channels_of(id).await?;
        let Some(channel) = channels.iter().rfind(|channel| channel.tells(now)) else {
            return Ok(None);
        };
        let noticed = channel.noticed_ms.max(Some(channel.opened_ms));
        let told_since = |when: Millis| noticed >= Some(when);
        if looked.found
            && looked
                .before
                .is_some_and(|before| !told_since(before.minus_secs(GRACE_SECS)))
        {
            // Something changed and nobody told. Until somebody does, it is looked at as often as without.
            tx.doubt_channels(id).await?;
            return Ok(None);
        }
        if !looked.found && looked.before.is_none_or(told_since) {
            return Ok(Some(now.plus_secs(LAG_SECS)));
        }
        Ok(Some(now.plus_secs(TOLD_SECS).min(channel.expires_ms)))
    }
}

impl Tending<'_> {
    async fn tend(&self) -> Result<(), HubError> {
        let mut known = self.hub.read().await?.channels_of(self.connection.id).await?;
        self.adopt(&mut known).await?;
        let address = self.hub.notice_address(&self.connection.kind);
        let wanted = address.as_deref().ok();
        // The youngest is the one, if it tells the right address.
        let live = known.iter().rfind(|channel| {
            channel.state == ChannelState::Live
                && channel.expires_ms > self.now
                && Some(channel.address.as_str()) == wanted
        });
        let live = live.cloned();
        let failed = known
            .iter()
            .rfind(|channel| channel.state == ChannelState::Failed);
        let current = match (wanted, live) {
            (None, _) => None,
            (Some(_), Some(live)) if !self.is_due(&live) => Some(live),
            (Some(address), live) => {
                let waits = failed.is_some_and(|failed| {
                    failed.address == address && failed.next_ms.is_some_and(|next| next > self.now)
                });
                match (live, waits) {
                    (live, true) => live,
                    (Some(live), false) if self.notifies.renews => self.renew(live, address).await?,
                    (_, false) => {
                        let failures = failed.map_or(0, |failed| failed.failures);
                        self.open(address, failures, known.as_slice()).await?
                    }
                }
            }
        };
        self.close_others(current.map(|channel| channel.id), wanted).await
    }

    /// Takes those for open whose notices said what the provider calls them, and those for given up whose opener is gone.
    async fn adopt(&self, known: &mut [ConnectionChannel]) -> Result<(), HubError> {
        for channel in known.iter_mut() {
            let is_unheard = matches!(channel.state, ChannelState::Opening | ChannelState::Failed);
            if is_unheard && channel.remote.is_some() && channel.error.as_deref() != Some(ENDED) {
                channel.state = ChannelState::Live;
                channel.error = None;
                channel.next_ms = None;
                self.put(channel).await?;
            }
        }
        for channel in known
            .iter_mut()
            .filter(|channel| channel.state == ChannelState::Opening)
        {
            channel.state = ChannelState::Closing;
            self.put(channel).await?;
        }
        Ok(())
    }

    /// Whether a channel should be renewed now.
    fn is_due(&self, live: &ConnectionChannel) -> bool {
        let life_secs = (live.expires_ms.0 - live.opened_ms.0) / 1000;
        let rest_secs = (life_secs / 4).clamp(SHORTEST_REST_SECS, LONGEST_REST_SECS);
        match live.next_ms {
            Some(next) => next <= self.now,
            None => live.expires_ms <= self.now.plus_secs(rest_secs),
        }
    }

    fn until(&self) -> Millis {
        self.now.plus_secs(self.notifies.longest_secs.min(LIFE_SECS))
    }

    async fn renew(
        &self,
        mut live: ConnectionChannel,
        address: &str,
    ) -> Result<Option<ConnectionChannel>, HubError> {
        let Some(channel) = open_one(&live) else {
            return Ok(None);
        };
        match self.connector.renew_channel(&channel, self.until()).await {
            Ok(renewed) => {
                live.expires_ms = renewed.until;
                live.error = None;
                live.failures = 0;
                live.next_ms = None;
            }
            Err(RemoteError::NotFound) => {
                live.state = ChannelState::Closing;
                self.put(&live).await?;
                return self.open(address, live.failures, &[]).await;
            }
            Err(error) => {
                live.failures = live.failures.saturating_add(1);
                live.next_ms = Some(self.tried_again(&error, live.failures));
                live.error = Some(error.to_string());
            }
        }
        self.put(&live).await?;
        Ok(Some(live))
    }

    /// Opens another channel.
    async fn open(
        &self,
        address: &str,
        failures: u32,
        known: &[ConnectionChannel],
    ) -> Result<Option<ConnectionChannel>, HubError> {
        let mut channel = self.draft(address, failures);
        let secret = format!("{}.{}", channel.id, keys::hex::<32>());
        channel.secret_hash = secret_hash(&secret);
        let Some(cursor) = self.write_down(&channel, known).await? else {
            return Ok(None);
        };
        let name = channel.id.to_string();
        let new = NewChannel {
            name: &name,
            address,
            secret: &secret,
            cursor: cursor.as_ref(),
            until: channel.expires_ms,
        };
        match self.connector.open_channel(new).await {
            Ok(opened) => {
                channel.state = ChannelState::Live;
                channel.remote = Some(opened.id);
                channel.resource = Some(opened.resource);
                channel.expires_ms = opened.until;
                channel.failures = 0;
            }
            Err(error) => {
                tracing::info!(connection = %self.connection.id, %error, "changes are not told");
                channel.state = ChannelState::Failed;
                channel.failures = failures.saturating_add(1);
                channel.next_ms = Some(self.tried_again(&error, channel.failures));
                if !may_be_open(&error) {
                    channel.expires_ms = self.now;
                }
                channel.error = Some(error.to_string());
            }
        }
        let is_live = channel.state == ChannelState::Live;
        let mut tx = self.hub.write().await?;
        if !tx.holds_lease(catalog::Lease::of(&self.lease.job)).await? {
            return Ok(None);
        }
        tx.put_channel(&channel).await?;
        if is_live && self.notifies.tries_address {
            tx.prove_channel(channel.id, self.now, false).await?;
        }
        tx.commit().await?;
        Ok(is_live.then_some(channel))
    }

    fn draft(&self, address: &str, failures: u32) -> ConnectionChannel {
        ConnectionChannel {
            id: ChannelId::new(self.now, keys::random()),
            connection: self.connection.id,
            secret_hash: [0; 32],
            remote: None,
            resource: None,
            address: address.to_owned(),
            state: ChannelState::Opening,
            opened_ms: self.now,
            expires_ms: self.until(),
            proven_ms: None,
            noticed_ms: None,
            error: None,
            failures,
            next_ms: None,
        }
    }

    /// Writes down a channel that the provider is about to be asked for, in the place of those that failed before it.
    /// Answers where the feed is; `None` when somebody else looks after the connection by now.
    async fn write_down(
        &self,
        channel: &ConnectionChannel,
        known: &[ConnectionChannel],
    ) -> Result<Option<Option<Cursor>>, HubError> {
        let mut tx = self.hub.write().await?;
        if !tx.holds_lease(catalog::Lease::of(&self.lease.job)).await? {
            return Ok(None);
        }
        let Some(feed) = tx.feed(self.connection.id).await? else {
            return Ok(None);
        };
        for failed in known.iter().filter(|known| known.state == ChannelState::Failed) {
            tx.put_channel(&ConnectionChannel {
                state: ChannelState::Closing,
                ..failed.clone()
            })
            .await?;
        }
        tx.add_channel(channel).await?;
        tx.commit().await?;
        Ok(Some(feed.cursor.map(Cursor)))
    }

    /// When something that failed is tried again.
    fn tried_again(&self, error: &RemoteError, failures: u32) -> Millis {
        match error {
            RemoteError::Paused { until } => (*until).max(self.now.plus_secs(FIRST_PAUSE_SECS)),
            error if error.is_temporary() || matches!(error, RemoteError::Exists) => {
                self.now.plus_secs(pause_secs(failures))
            }
            _ => self.now.plus_secs(REFUSED_PAUSE_SECS),
        }
    }

    /// Closes what another took the place of, and what is not needed any more.
    async fn close_others(&self, current: Option<ChannelId>, wanted: Option<&str>) -> Result<(), HubError> {
        let known = self.hub.read().await?.channels_of(self.connection.id).await?;
        for mut other in known.into_iter().filter(|known| Some(known.id) != current) {
            let is_right = Some(other.address.as_str()) == wanted;
            match other.state {
                // It says why there is none, or why there is none younger.
                ChannelState::Failed if is_right => continue,
                // It may be open all the same, and is known by its first notice.
                ChannelState::Closing if other.remote.is_none() && other.expires_ms > self.now => continue,
                // While there is no other, what it tells is better than nothing.
                ChannelState::Live if current.is_none() && is_right && other.expires_ms > self.now => {
                    continue;
                }
                _ => {}
            }
            let closed = match open_one(&other).filter(|_| other.expires_ms > self.now) {
                Some(channel) => self.connector.close_channel(&channel).await,
                None => Ok(()),
            };
            match closed {
                Err(error) if error.is_temporary() => {
                    other.state = ChannelState::Closing;
                    self.put(&other).await?;
                }
                _ => self.remove(other.id).await?,
            }
        }
        Ok(())
    }

    async fn put(&self, channel: &ConnectionChannel) -> Result<(), HubError> {
        let mut tx = self.hub.write().await?;
        tx.put_channel(channel).await?;
        Ok(tx.commit().await?)
    }

    async fn remove(&self, id: ChannelId) -> Result<(), HubError> {
        let mut tx = self.hub.write().await?;
        tx.remove_channel(id).await?;
        Ok(tx.commit().await?)
    }
}

/// Whether a channel may have been opened although it was not said.
const fn may_be_open(error: &RemoteError) -> bool {
    matches!(error, RemoteError::Exists | RemoteError::Unavailable(_))
}

/// What is said of a channel that the provider ended.
pub(super) const ENDED: &str = "the provider ended it";

/// What the provider knows of a channel.
fn open_one(of: &ConnectionChannel) -> Option<Channel> {
    Some(Channel {
        id: of.remote.clone()?,
        resource: of.resource.clone()?,
        until: of.expires_ms,
    })
}

/// The pause after so many failures.
pub(super) fn pause_secs(failures: u32) -> i64 {
    (FIRST_PAUSE_SECS << failures.saturating_sub(1).min(16)).min(LONGEST_PAUSE_SECS)
}
