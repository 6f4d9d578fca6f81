//! Opening connections: the connector that speaks for each, kept for as long as nothing about it changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::{
    Connector, DriveKind, Google, GoogleOptions, OneDrive, OneDriveOptions, PIECE_BYTES, RemoteError,
    SignInReason, Tokens,
};
use model::{Connection, ConnectionId, Millis};
use outbound::{Gate, Patience, Reach, Wire};

use super::pace::ConnectionGate;
use super::tokens::{ConnectionTokens, unavailable};
use super::{Credentials, Endpoint};
use crate::{Hub, HubError};

/// How much of a large content is held in memory while it is sent to Google.
const GOOGLE_PIECE_BYTES: usize = 8 << 20;

/// Connectors that are open.
#[derive(Default)]
pub struct Connectors {
    known: Mutex<HashMap<ConnectionId, Known>>,
    /// Pools of connections, by what they may reach.
    wires: Mutex<Vec<(Reach, Wire)>>,
}

struct Known {
    connector: Arc<dyn Connector>,
    /// It holds while these are the connection's.
    of: (String, Option<String>, Millis),
}

impl Connectors {
    fn known(&self, connection: &Connection) -> Option<Arc<dyn Connector>> {
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&connection.id)?;
        (known.of == mark(connection)).then(|| known.connector.clone())
    }

    fn keep(&self, connection: &Connection, connector: &Arc<dyn Connector>) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = Known {
            connector: connector.clone(),
            of: mark(connection),
        };
        all.insert(connection.id, known);
    }

    /// The pool of connections that reaches what it may.
    fn wire(&self, reach: &Reach) -> Result<Wire, RemoteError> {
        let mut all = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, wire)) = all.iter().find(|(known, _)| known == reach) {
            return Ok(wire.clone());
        }
        let wire = Wire::open(reach, Patience::default())
            .map_err(|error| RemoteError::Misconfigured(error.to_string()))?;
        all.push((reach.clone(), wire.clone()));
        Ok(wire)
    }

    /// Lets go of one.
    pub(crate) fn forget(&self, id: ConnectionId) {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }
}

fn mark(connection: &Connection) -> (String, Option<String>, Millis) {
    (
        connection.settings.clone(),
        connection.flavour.clone(),
        connection.linked_ms,
    )
}

impl Hub {
    /// What speaks for a connection.
    ///
    /// # Errors
    /// As of the provider's: `SignInAgain`, `RemoteRefuses`, `NotConfigured`.
    pub(crate) async fn connector(&self, connection: &Connection) -> Result<Arc<dyn Connector>, RemoteError> {
        if let Some(connector) = self.0.connectors.known(connection) {
            return Ok(connector);
        }
        let connector = self.openable(connection).await?;
        self.0.connectors.keep(connection, &connector);
        Ok(connector)
    }

    /// Opens a connection anew, whether or not one is open.
    pub(super) async fn openable(&self, connection: &Connection) -> Result<Arc<dyn Connector>, RemoteError> {
        let mut tx = self.read().await.map_err(|error| unavailable(&error))?;
        let sealed = tx.credentials(connection.id).await;
        drop(tx);
        let sealed = sealed.map_err(|error| unavailable(&error))?;
        let gone = || RemoteError::Misconfigured("the connection was removed".to_owned());
        let opened = self.open_credentials(connection.id, &sealed.ok_or_else(gone)?)?;
        self.made(connection, &opened.credentials)
    }

    /// What speaks for a connection that is not there yet.
    pub(super) fn try_connector(
        &self,
        connection: &Connection,
        credentials: &Credentials,
    ) -> Result<Arc<dyn Connector>, HubError> {
        Ok(self.made(connection, credentials)?)
    }

    fn made(
        &self,
        connection: &Connection,
        credentials: &Credentials,
    ) -> Result<Arc<dyn Connector>, RemoteError> {
        let endpoint: Endpoint = serde_json::from_str(&connection.settings).map_err(|_| {
            RemoteError::Misconfigured("its settings cannot be read; connect it anew".to_owned())
        })?;
        match (&endpoint, credentials) {
            (Endpoint::Google | Endpoint::OneDrive, Credentials::Tokens(_)) => {
                let tokens = Arc::new(ConnectionTokens::new(self, connection.id));
                let gate = ConnectionGate::new(self, connection.id, endpoint.kind());
                self.provider_connector(&endpoint, tokens, Some((Arc::new(gate), connection)))
            }
            (Endpoint::Google | Endpoint::OneDrive, _) => {
                Err(RemoteError::SignInAgain(SignInReason::NoRefresh))
            }
            (endpoint, credentials) => self.keyed_connector(connection, endpoint, credentials),
        }
    }

    /// What speaks for an account at a provider where people sign in.
    pub(super) fn provider_connector(
        &self,
        endpoint: &Endpoint,
        tokens: Arc<dyn Tokens>,
        known: Option<(Arc<dyn Gate>, &Connection)>,
    ) -> Result<Arc<dyn Connector>, RemoteError> {
        let provider = self
            .link_provider(endpoint.kind())
            .map_err(|error| RemoteError::Misconfigured(error.to_string()))?;
        let (gate, connection) = known.unzip();
        let clock = self.0.clock.clone();
        let patience = Patience::default();
        // The operator chose the provider's address.
        let wire = self.0.connectors.wire(&Reach::Any)?;
        let api_url = provider.api_url.clone();
        match endpoint {
            Endpoint::OneDrive => {
                let flavour = connection.and_then(|connection| connection.flavour.as_deref());
                Ok(Arc::new(OneDrive::new(OneDriveOptions {
                    api_url,
                    drive: None,
                    kind: DriveKind::parse(flavour.unwrap_or_default()),
                    tokens,
                    wire,
                    gate,
                    clock,
                    patience,
                    piece_bytes: PIECE_BYTES,
                })?))
            }
            _ => Ok(Arc::new(Google::new(GoogleOptions {
                api_url,
                tokens,
                wire,
                gate,
                clock,
                patience,
                piece_bytes: GOOGLE_PIECE_BYTES,
            })?)),
        }
    }

    fn keyed_connector(
        &self,
        _connection: &Connection,
        _endpoint: &Endpoint,
        _credentials: &Credentials,
    ) -> Result<Arc<dyn Connector>, RemoteError> {
        Err(RemoteError::Unsupported("be used"))
    }
}
