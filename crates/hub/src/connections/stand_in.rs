//! Connectors that stand for a connection instead of the one that its settings say: how a simulation takes the place
//! of a provider.

use std::sync::Arc;

use connectors::Connector;
use model::{Actor, ConnectionId};

use super::{ConnectionRow, Credentials, Endpoint};
use crate::{Hub, HubError, access};

impl Hub {
    /// Makes a connection of the actor's that `connector` speaks for. Each node has to be told of it
    /// ([`Hub::stand_in`]), and again after a restart: the catalog knows no more of it than a folder that is not there.
    ///
    /// # Errors
    /// `Forbidden` for visitors, `Conflict` (it is there already), and what the provider says.
    pub async fn connect_stand_in(
        &self,
        actor: &Actor,
        connector: Arc<dyn Connector>,
    ) -> Result<ConnectionRow, HubError> {
        let user = access::user(actor)?;
        let about = connector.about().await?;
        let endpoint = Endpoint::Directory {
            path: format!("/nowhere/{}", about.drive),
            is_read_only: connector.abilities().is_read_only,
        };
        let mut connection = self.new_connection(Some(user), &endpoint);
        self.note_about(&mut connection, about);
        self.stand_in(connection.id, connector);
        self.add_connection(connection, &Credentials::None).await
    }

    /// Has `connector` speak for a connection on this node, whatever the settings of that say.
    pub fn stand_in(&self, id: ConnectionId, connector: Arc<dyn Connector>) {
        self.0.connectors.stand_in(id, connector);
    }
}
