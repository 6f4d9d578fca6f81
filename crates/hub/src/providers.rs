//! Providers of other drives: which are configured, and what an account has linked.

use model::{Actor, UserId};

use crate::{Hub, HubError, access};

/// A provider as an operator and a user want to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name in addresses.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Settings that it needs and that have no value.
    pub missing: Vec<&'static str>,
}

/// Whether a user has linked a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// Whether they have.
    pub is_connected: bool,
}

impl Hub {
    /// Lists the providers.
    pub fn providers(&self) -> Vec<Provider> {
        let given = &self.config().provider_settings;
        let rows = connectors::KINDS.iter();
        rows.map(|kind| Provider {
            name: kind.name,
            title: kind.title,
            missing: kind.missing(given),
        })
        .collect()
    }

    /// Refuses unless a provider can be linked. This version links none, so it always refuses, and
    /// names what is missing first.
    ///
    /// # Errors
    /// `NotFound` (no such provider), `NotConfigured`.
    pub fn require_provider(&self, name: &str) -> Result<(), HubError> {
        let kind = connectors::kind(name).ok_or(HubError::NotFound("provider"))?;
        let missing = kind.missing(&self.config().provider_settings);
        let missing = if missing.is_empty() {
            "a version that links it".to_owned()
        } else {
            missing.join(", ")
        };
        Err(HubError::NotConfigured {
            title: kind.title,
            missing,
        })
    }

    /// Tells whether a user has linked a provider. Another person's status does not exist.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn connection_status(
        &self,
        actor: &Actor,
        user: UserId,
        name: &str,
    ) -> Result<ConnectionStatus, HubError> {
        connectors::kind(name).ok_or(HubError::NotFound("provider"))?;
        if access::user(actor)? != user {
            return Err(HubError::NotFound("user"));
        }
        Ok(ConnectionStatus { is_connected: false })
    }
}
