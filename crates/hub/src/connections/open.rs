//! Opening connections: the connector that speaks for each, kept for as long as nothing about it changes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use connectors::{
    Bucket, BucketOptions, BucketPlace, Connector, Directory, DirectoryOptions, DriveKind, Google,
    GoogleOptions, Login, OneDrive, OneDriveOptions, PIECE_BYTES, Probed, RemoteError, SignInReason,
    Symlinks, Tokens, WebDav, WebDavOptions,
};
use model::{Connection, ConnectionId, Millis};
use outbound::{Gate, Patience, Reach, Secret, Wire};

use super::pace::ConnectionGate;
use super::tokens::{ConnectionTokens, unavailable};
use super::{Credentials, Endpoint};
use crate::{Hub, HubError};

/// How much of a large content is held in memory while it is sent to Google.
const GOOGLE_PIECE_BYTES: usize = 8 << 20;
/// The same for a bucket.
const PART_BYTES: u64 = 8 << 20;

/// Connectors that are open.
#[derive(Default)]
pub struct Connectors {
    known: Mutex<HashMap<ConnectionId, Known>>,
    /// Those that a caller made, which hold until the connection is unlinked.
    stand_ins: Mutex<HashMap<ConnectionId, Arc<dyn Connector>>>,
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

    /// Puts a connector in the place of the one that would be made.
    pub(super) fn stand_in(&self, id: ConnectionId, connector: Arc<dyn Connector>) {
        let mut all = self.stand_ins.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(id, connector);
    }

    fn standing_in(&self, id: ConnectionId) -> Option<Arc<dyn Connector>> {
        let all = self.stand_ins.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&id).cloned()
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
        self.stand_ins
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
        if let Some(connector) = self.0.connectors.standing_in(connection.id) {
            return Ok(connector);
        }
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
        connection: &Connection,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Arc<dyn Connector>, RemoteError> {
        Ok(match endpoint {
            Endpoint::Directory { path, is_read_only } => Arc::new(Directory::new(DirectoryOptions {
                root: path.into(),
                allowed: self.config().directory_roots.clone(),
                ours: self.config().own_folders.clone(),
                drive: Some(connection.drive.clone()).filter(|drive| !drive.is_empty()),
                symlinks: Symlinks::default(),
                is_read_only: *is_read_only,
                clock: self.0.clock.clone(),
            })?),
            Endpoint::Webdav { url, user } => Arc::new(WebDav::new(WebDavOptions {
                url: url.clone(),
                login: match credentials {
                    Credentials::Secret(password) => Login::Basic {
                        user: user.clone(),
                        password: Secret::new(password.clone()),
                    },
                    _ => Login::Nobody,
                },
                flavour: connection.flavour.clone(),
                wire: self.0.connectors.wire(&self.config().reach)?,
                gate: Some(self.gate(connection)),
                clock: self.0.clock.clone(),
                patience: Patience::default(),
            })?),
            _ => Arc::new(self.bucket(connection, endpoint, credentials)?),
        })
    }

    fn gate(&self, connection: &Connection) -> Arc<dyn Gate> {
        Arc::new(ConnectionGate::new(self, connection.id, &connection.kind))
    }

    /// What speaks for a bucket or a container, as far as was found out about it.
    fn bucket(
        &self,
        connection: &Connection,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Bucket, RemoteError> {
        let Credentials::Secret(secret) = credentials else {
            return Err(RemoteError::SignInAgain(SignInReason::Keys(
                "none is kept".to_owned(),
            )));
        };
        let secret = Secret::new(secret.clone());
        let (place, prefix) = match endpoint {
            Endpoint::S3(bucket) => (s3_place(bucket, bucket.endpoint.clone(), secret), &bucket.prefix),
            Endpoint::B2(bucket) => (s3_place(bucket, b2_endpoint(bucket)?, secret), &bucket.prefix),
            Endpoint::Azure { container, prefix } => (
                BucketPlace::Azure {
                    connection: secret,
                    container: container.clone(),
                },
                prefix,
            ),
            _ => return Err(RemoteError::Misconfigured("it is no bucket".to_owned())),
        };
        Bucket::open(BucketOptions {
            name: connection.kind.clone(),
            place,
            prefix: prefix.clone(),
            probed: probed(connection),
            wire: self.0.connectors.wire(&self.config().reach)?,
            gate: Some(self.gate(connection)),
            patience: Patience::default(),
            part_bytes: PART_BYTES,
            clock: self.0.clock.clone(),
        })
    }

    /// What an endpoint keeps of its promises, found out by trying; `None` for kinds that tell it themselves.
    pub(super) async fn probe(
        &self,
        connection: &Connection,
        endpoint: &Endpoint,
        credentials: &Credentials,
    ) -> Result<Option<String>, RemoteError> {
        match endpoint {
            Endpoint::S3(_) | Endpoint::B2(_) | Endpoint::Azure { .. } => {
                let bucket = self.bucket(connection, endpoint, credentials)?;
                let probed = bucket.probe().await?;
                Ok(Some(
                    serde_json::to_string(&probed).expect("flags can be written as JSON"),
                ))
            }
            _ => Ok(None),
        }
    }
}

/// What was found out about a bucket when it was connected; nothing is relied on without it.
fn probed(connection: &Connection) -> Probed {
    let found = connection.flavour.as_deref();
    found
        .and_then(|found| serde_json::from_str(found).ok())
        .unwrap_or_default()
}

fn s3_place(bucket: &super::Bucket, endpoint: Option<String>, secret_key: Secret) -> BucketPlace {
    BucketPlace::S3 {
        endpoint,
        region: bucket.region.clone(),
        bucket: bucket.bucket.clone(),
        access_key: bucket.access_key.clone(),
        secret_key,
        session_token: None,
        path_style: bucket.path_style,
    }
}

/// B2 has an address for each region.
fn b2_endpoint(bucket: &super::Bucket) -> Result<Option<String>, RemoteError> {
    match (&bucket.endpoint, &bucket.region) {
        (Some(endpoint), _) => Ok(Some(endpoint.clone())),
        (None, Some(region)) => Ok(Some(format!("https://s3.{region}.backblazeb2.com"))),
        (None, None) => Err(RemoteError::Misconfigured(
            "B2 needs the bucket's endpoint or region, such as us-west-004; its page shows them".to_owned(),
        )),
    }
}
