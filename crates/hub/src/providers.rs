//! Providers of other drives: which are configured, what is missing, and what has to be registered with them.

use connectors::{OAuth, OAuthError, OAuthOptions};
use model::{Actor, Millis, UserId};

use crate::connections::{Concern, OwnClient};
use crate::{Hub, HubError, access};

/// A provider where people sign in to link a drive.
#[derive(Debug, Clone)]
pub struct LinkProvider {
    /// Its name in addresses: `google` or `onedrive`.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Speaks with it.
    pub oauth: OAuth,
    /// What `oauth` was made of, for applications of people's own.
    pub options: OAuthOptions,
    /// Where it sends browsers back to: exactly what has to be registered with it.
    pub redirect_uri: String,
    /// The base address of its API.
    pub api_url: String,
    /// When the application's secret ends, as the operator says.
    pub secret_ends: Option<Millis>,
}

/// A provider as an operator and a user want to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name in addresses.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// How it is connected: by `oauth`, with `keys`, or as a `path` of the server.
    pub by: &'static str,
    /// Settings that it needs and that have no value.
    pub missing: Vec<&'static str>,
    /// What has to be registered with it as a redirect URI, exactly.
    pub redirect_uri: Option<String>,
    /// Why the provider will not take that redirect URI, when it will not.
    pub redirect_problem: Option<String>,
    /// What people are asked to allow, and why.
    pub scopes: Vec<(&'static str, &'static str)>,
    /// What has to be done at the provider, step by step.
    pub guide: &'static [&'static str],
    /// What will break soon.
    pub concern: Option<Concern>,
}

/// Whether a user has linked a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// Whether they have.
    pub is_connected: bool,
}

impl LinkProvider {
    /// Speaks with the provider as an application: the server's, or one of a person's own.
    pub(crate) fn oauth_for(&self, client: Option<&OwnClient>) -> Result<OAuth, OAuthError> {
        match client {
            None => Ok(self.oauth.clone()),
            Some(client) => OAuth::new(OAuthOptions {
                client_id: client.id.clone(),
                client_secret: client.secret.clone(),
                ..self.options.clone()
            }),
        }
    }

    /// Scopes for files that are asked for and are not among those `granted`, which may be spelt in full.
    pub(crate) fn missing_scopes(&self, granted: &str) -> Vec<&str> {
        let is_granted = |scope: &str| {
            granted.is_empty()
                || granted
                    .split(' ')
                    .any(|given| given.eq_ignore_ascii_case(scope) || given.ends_with(&format!("/{scope}")))
        };
        let needed = self.oauth.provider().scopes().iter().copied();
        let of_files = needed.filter(|scope| scope.starts_with("https://") || scope.starts_with("Files."));
        of_files.filter(|scope| !is_granted(scope)).collect()
    }
}

impl Hub {
    /// Lists the providers.
    pub fn providers(&self) -> Vec<Provider> {
        let given = &self.config().provider_settings;
        let rows = connectors::KINDS.iter();
        rows.map(|kind| {
            let link = self.link_provider(kind.name).ok();
            let redirect_uri = link.map(|link| link.redirect_uri.clone());
            let redirect_uri = redirect_uri.or_else(|| self.redirect_uri_of(kind));
            Provider {
                name: kind.name,
                title: kind.title,
                by: kind.by,
                missing: kind.missing(given),
                redirect_problem: redirect_uri
                    .as_deref()
                    .and_then(|uri| connectors::redirect_problem(kind.name, uri)),
                redirect_uri,
                scopes: kind.scopes.to_vec(),
                guide: kind.guide,
                concern: self.secret_ends(kind.name, self.now()),
            }
        })
        .collect()
    }

    /// The redirect URI that a provider will need once it is configured.
    fn redirect_uri_of(&self, kind: &connectors::ProviderKind) -> Option<String> {
        let public = self.config().public_url.as_deref()?;
        (kind.by == "oauth").then(|| format!("{public}/auth/{}/callback", kind.name))
    }

    /// A provider where people sign in to link a drive.
    ///
    /// # Errors
    /// `NotFound` (no such provider), `NotConfigured`.
    pub fn link_provider(&self, name: &str) -> Result<&LinkProvider, HubError> {
        let mut all = self.config().link_providers.iter();
        if let Some(provider) = all.find(|provider| provider.name == name) {
            return Ok(provider);
        }
        let kind = connectors::kind(name).filter(|kind| kind.by == "oauth");
        let kind = kind.ok_or(HubError::NotFound("provider"))?;
        let missing = kind.missing(&self.config().provider_settings);
        Err(HubError::NotConfigured {
            title: kind.title,
            missing: missing.join(", "),
        })
    }

    /// Refuses unless the server has the settings that a provider needs.
    ///
    /// # Errors
    /// `NotFound` (no such provider), `NotConfigured`.
    pub fn require_provider(&self, name: &str) -> Result<(), HubError> {
        let kind = connectors::kind(name).ok_or(HubError::NotFound("provider"))?;
        let missing = kind.missing(&self.config().provider_settings);
        match missing.is_empty() {
            true => Ok(()),
            false => Err(HubError::NotConfigured {
                title: kind.title,
                missing: missing.join(", "),
            }),
        }
    }

    /// Tells whether a user has linked a provider. Another person's status does not exist.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn connection_status(
        &self,
        actor: &Actor,
        user: UserId,
        name: &str,
    ) -> Result<ConnectionStatus, HubError> {
        connectors::kind(name).ok_or(HubError::NotFound("provider"))?;
        if access::user(actor)? != user {
            return Err(HubError::NotFound("user"));
        }
        Ok(ConnectionStatus {
            is_connected: self.has_connection(user, name).await?,
        })
    }
}
