//! Notices: what providers tell of changes.
//!
//! A notice says no more than that there is something to look at. Whoever sends one proves by the secret of its channel
//! that they may; many of them make no more looks than one under way and one after it.

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use catalog::{ChannelState, ConnectionChannel};
use model::{ChannelId, ConnectionId, ConnectionState, Millis};

use super::channels::{ENDED, pause_secs};
use crate::sessions::secret_hash;
use crate::{Hub, HubError};

/// How long changes are let come together before they are looked at.
const SETTLING_SECS: i64 = 1;
/// How long a connection is left alone at the least between two looks that notices ask for, seconds.
const APART_SECS: i64 = 5;
/// How long after a notice a connection is looked at whose last look failed, if that is sooner than it is due by itself.
const FAILING_SECS: i64 = 30;
/// Notices that are looked at of those that came together and prove nothing.
const MOST_REFUSED: u32 = 10;
/// What is said of a notice that proves nothing, whatever the reason.
const UNKNOWN: HubError = HubError::NotFound("channel");

/// What a provider tells.
#[derive(Clone)]
pub struct Notice<'a> {
    /// What comes with each notice of a channel, and only its provider knows.
    pub secret: &'a str,
    /// What the provider calls the channel.
    pub channel: &'a str,
    /// What the provider calls that of which it tells.
    pub resource: &'a str,
    /// When the channel ends, as far as that is told.
    pub expires: Option<Millis>,
    /// What it is about.
    pub event: NoticeEvent,
}

/// What a notice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeEvent {
    /// The channel is open.
    Opened,
    /// Something changed.
    Changed,
    /// Notices may have been lost.
    Missed,
    /// The channel ends soon unless it is renewed.
    Renew,
    /// The provider ended the channel.
    Ended,
}

impl Hub {
    /// Takes notices that came together from `provider`, and has the connections looked at that they tell of.
    ///
    /// # Errors
    /// `NotFound` when none of them proves that it comes by a channel of ours; `TooManyTries` when too many of those
    /// came from one network.
    pub async fn take_notices(
        &self,
        provider: &'static str,
        notices: &[Notice<'_>],
        ip: IpAddr,
    ) -> Result<(), HubError> {
        let (mut is_known, mut refused) = (false, 0);
        for notice in notices {
            // Whoever knows none of our channels does not make us look for many.
            if refused == MOST_REFUSED {
                break;
            }
            let outcome = match self.proven_channel(notice).await? {
                Some(channel) => {
                    is_known = true;
                    self.take_notice(&channel, notice).await?
                }
                None => {
                    refused += 1;
                    "refused"
                }
            };
            metrics::counter!("cumuli_notices_total", "provider" => provider, "outcome" => outcome)
                .increment(1);
        }
        if is_known {
            return Ok(());
        }
        self.admit_notice_guess(ip).await?;
        Err(UNKNOWN)
    }

    /// The channel that a notice proves to come by.
    async fn proven_channel(&self, notice: &Notice<'_>) -> Result<Option<ConnectionChannel>, HubError> {
        let named = notice.secret.split_once('.').and_then(|(id, _)| id.parse().ok());
        let Some(id): Option<ChannelId> = named else {
            return Ok(None);
        };
        let known = self.read().await?.channel(id).await?;
        let given = secret_hash(notice.secret);
        Ok(known.filter(|known| verify_slices_are_equal(&known.secret_hash, &given).is_ok()))
    }

    /// Answers what came of it, in a word.
    async fn take_notice(
        &self,
        channel: &ConnectionChannel,
        notice: &Notice<'_>,
    ) -> Result<&'static str, HubError> {
        if channel.state != ChannelState::Live && channel.remote.is_none() && !notice.channel.is_empty() {
            let mut tx = self.write().await?;
            let told = (notice.channel, notice.resource);
            tx.learn_channel(channel.id, told, notice.expires).await?;
            tx.commit().await?;
        }
        match notice.event {
            NoticeEvent::Opened => {
                if channel.proven_ms.is_none() {
                    let mut tx = self.write().await?;
                    tx.prove_channel(channel.id, self.now(), false).await?;
                    tx.commit().await?;
                }
                Ok("opened")
            }
            NoticeEvent::Changed | NoticeEvent::Missed => match self.hasten_look(channel).await? {
                true => Ok("taken"),
                false => Ok("coalesced"),
            },
            NoticeEvent::Renew | NoticeEvent::Ended => {
                // Of another than the present one it does not matter.
                if channel.remote.as_deref() == Some(notice.channel) {
                    self.note_event(channel, notice.event).await?;
                }
                self.hasten_look(channel).await?;
                Ok("taken")
            }
        }
    }

    /// Writes down what the provider says of the channel itself.
    async fn note_event(&self, channel: &ConnectionChannel, event: NoticeEvent) -> Result<(), HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        let Some(mut channel) = tx.channel(channel.id).await? else {
            return Ok(());
        };
        if channel.state != ChannelState::Live {
            return Ok(());
        }
        if event == NoticeEvent::Ended {
            channel.state = ChannelState::Failed;
            channel.failures = channel.failures.saturating_add(1);
            channel.error = Some(ENDED.to_owned());
            channel.next_ms = Some(now.plus_secs(pause_secs(channel.failures)));
            channel.expires_ms = now;
        } else {
            channel.next_ms = Some(now);
        }
        tx.put_channel(&channel).await?;
        Ok(tx.commit().await?)
    }

    /// Has a connection looked at soon, unless that is about to happen anyway. Answers whether it was not.
    async fn hasten_look(&self, channel: &ConnectionChannel) -> Result<bool, HubError> {
        let id: ConnectionId = channel.connection;
        let now = self.now();
        let mut tx = self.read().await?;
        let feed = tx.feed(id).await?;
        let connection = tx.connection(id).await?;
        drop(tx);
        let (Some(feed), Some(connection)) = (feed, connection) else {
            return Ok(false);
        };
        if connection.state == ConnectionState::SignInAgain {
            return Ok(false);
        }
        let rested = feed.settled_ms.map(|settled| settled.plus_secs(APART_SECS));
        let due = match feed.failures {
            0 => now.plus_secs(SETTLING_SECS).max(rested.unwrap_or(now)),
            _ => now.plus_secs(FAILING_SECS),
        };
        // One that is due already may be under way, and past what changed.
        if feed.next_ms > now && feed.next_ms <= due {
            return Ok(false);
        }
        let mut tx = self.write().await?;
        self.queue_look(&mut tx, id, due).await?;
        // Last: who looks after the connection holds its job when it changes its channels.
        tx.prove_channel(channel.id, now, true).await?;
        tx.commit().await?;
        self.wake_workers();
        Ok(true)
    }
}
