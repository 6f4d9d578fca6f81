//! Channels: how providers tell that something changed in a connection.

use model::{ChannelId, ConnectionId, Millis};

use crate::db::{Row, Tx};
use crate::{CatalogError, count};

const COLUMNS: &str =
    "id, connection_id, secret_hash, remote_id, resource, address, state, opened_ms, expires_ms, proven_ms,
    noticed_ms, error, failures, next_ms";

/// A channel by which a provider tells that something changed in a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionChannel {
    /// What we call it.
    pub id: ChannelId,
    /// The connection.
    pub connection: ConnectionId,
    /// The SHA-256 of what comes with each notice.
    pub secret_hash: [u8; 32],
    /// What the provider calls it, once that is known.
    pub remote: Option<String>,
    /// What the provider calls that of which it tells, once that is known.
    pub resource: Option<String>,
    /// Where notices go.
    pub address: String,
    /// Where it stands.
    pub state: ChannelState,
    /// When it was opened, or that was tried.
    pub opened_ms: Millis,
    /// When it ends by itself.
    pub expires_ms: Millis,
    /// When it was last shown that notices come through; `None` while that is in doubt.
    pub proven_ms: Option<Millis>,
    /// When a change was last told by it.
    pub noticed_ms: Option<Millis>,
    /// Why it is not open, or could not be renewed.
    pub error: Option<String>,
    /// Failures since one went well.
    pub failures: u32,
    /// When something is to be done about it, other than its end asks for.
    pub next_ms: Option<Millis>,
}

/// Where a channel stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelState {
    /// The provider is being asked for it, or the answer was lost.
    Opening,
    /// It is open.
    Live,
    /// Another took its place, or it is not needed any more.
    Closing,
    /// It could not be opened, or the provider ended it.
    Failed,
}

impl ChannelState {
    const ALL: [Self; 4] = [Self::Opening, Self::Live, Self::Closing, Self::Failed];

    /// The word that stands for it in the catalog.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Live => "live",
            Self::Closing => "closing",
            Self::Failed => "failed",
        }
    }
}

impl ConnectionChannel {
    /// Whether what changes is told by it, as far as is known.
    pub fn tells(&self, now: Millis) -> bool {
        self.state == ChannelState::Live && self.proven_ms.is_some() && self.expires_ms > now
    }
}

impl Tx {
    /// Adds a channel.
    pub async fn add_channel(&mut self, new: &ConnectionChannel) -> Result<(), CatalogError> {
        let sql = format!(
            "INSERT INTO connection_channels ({COLUMNS})
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
        );
        let params = [
            new.id.into(),
            new.connection.into(),
            new.secret_hash.into(),
            new.remote.as_deref().into(),
            new.resource.as_deref().into(),
            new.address.as_str().into(),
            new.state.as_str().into(),
            new.opened_ms.into(),
            new.expires_ms.into(),
            new.proven_ms.into(),
            new.noticed_ms.into(),
            new.error.as_deref().into(),
            i64::from(new.failures).into(),
            new.next_ms.into(),
        ];
        self.execute(&sql, &params).await?;
        Ok(())
    }

    /// Finds a channel.
    pub async fn channel(&mut self, id: ChannelId) -> Result<Option<ConnectionChannel>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM connection_channels WHERE id = $1");
        let row = self.first(&sql, &[id.into()]).await?;
        row.as_ref().map(read).transpose()
    }

    /// The channels of a connection, the oldest first.
    pub async fn channels_of(&mut self, id: ConnectionId) -> Result<Vec<ConnectionChannel>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM connection_channels WHERE connection_id = $1 ORDER BY opened_ms, id"
        );
        let rows = self.query(&sql, &[id.into()]).await?;
        rows.iter().map(read).collect()
    }

    /// Writes down where a channel stands: all of it that its opener knows, and nothing of what its notices tell.
    pub async fn put_channel(&mut self, of: &ConnectionChannel) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE connection_channels SET remote_id = $2, resource = $3, state = $4, expires_ms = $5, error = $6,
                 failures = $7, next_ms = $8
             WHERE id = $1",
            &[
                of.id.into(),
                of.remote.as_deref().into(),
                of.resource.as_deref().into(),
                of.state.as_str().into(),
                of.expires_ms.into(),
                of.error.as_deref().into(),
                i64::from(of.failures).into(),
                of.next_ms.into(),
            ],
        )
        .await?;
        Ok(())
    }

    /// Writes down that notices come through; `is_change` when one told of a change.
    pub async fn prove_channel(
        &mut self,
        id: ChannelId,
        now: Millis,
        is_change: bool,
    ) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE connection_channels
             SET proven_ms = $2, noticed_ms = CASE WHEN $3 = 1 THEN CAST($2 AS BIGINT) ELSE noticed_ms END
             WHERE id = $1",
            &[id.into(), now.into(), i64::from(is_change).into()],
        )
        .await?;
        Ok(())
    }

    /// Takes over what a notice tells of a channel whose opener never heard it.
    pub async fn learn_channel(
        &mut self,
        id: ChannelId,
        (remote, resource): (&str, &str),
        expires: Option<Millis>,
    ) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE connection_channels
             SET remote_id = $2, resource = $3, expires_ms = COALESCE(CAST($4 AS BIGINT), expires_ms)
             WHERE id = $1 AND state <> 'live' AND remote_id IS NULL",
            &[id.into(), remote.into(), resource.into(), expires.into()],
        )
        .await?;
        Ok(())
    }

    /// Doubts that notices of a connection come through, until the next one does.
    pub async fn doubt_channels(&mut self, id: ConnectionId) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE connection_channels SET proven_ms = NULL WHERE connection_id = $1",
            &[id.into()],
        )
        .await?;
        Ok(())
    }

    /// Has all channels of a connection closed, and another opened in their place as soon as can be.
    pub async fn renounce_channels(&mut self, id: ConnectionId) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE connection_channels SET state = 'closing' WHERE connection_id = $1",
            &[id.into()],
        )
        .await?;
        Ok(())
    }

    /// Forgets a channel.
    pub async fn remove_channel(&mut self, id: ChannelId) -> Result<(), CatalogError> {
        self.execute("DELETE FROM connection_channels WHERE id = $1", &[id.into()])
            .await?;
        Ok(())
    }
}

fn read(row: &Row) -> Result<ConnectionChannel, CatalogError> {
    let state = row.text(6)?;
    let known = ChannelState::ALL
        .into_iter()
        .find(|known| known.as_str() == state);
    let hash = row.bytes(2)?.try_into();
    Ok(ConnectionChannel {
        id: ChannelId::from_bytes(row.id16(0)?),
        connection: ConnectionId::from_bytes(row.id16(1)?),
        secret_hash: hash
            .map_err(|_| CatalogError::Damaged("a channel's secret has no SHA-256".to_owned()))?,
        remote: row.opt_text(3)?,
        resource: row.opt_text(4)?,
        address: row.text(5)?,
        state: known.ok_or_else(|| CatalogError::Damaged(format!("a channel is in the state `{state}`")))?,
        opened_ms: row.millis(7)?,
        expires_ms: row.millis(8)?,
        proven_ms: row.opt_millis(9)?,
        noticed_ms: row.opt_millis(10)?,
        error: row.opt_text(11)?,
        failures: u32::try_from(count(row.int(12)?)).unwrap_or(u32::MAX),
        next_ms: row.opt_millis(13)?,
    })
}
