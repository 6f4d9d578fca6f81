//! Taking over what rclone is connected to: its file of remotes becomes connections, each of which is taken whole or
//! not at all.

mod ini;
mod obscure;
mod places;
mod plan;
mod remote;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::{AccessToken, OAuthError};
use model::{Actor, UserId};

use super::linking::Granted;
use super::{ALREADY, ConnectionRow, Credentials, Endpoint, NewConnection, OwnClient, StoredTokens};
use crate::accounts::text;
use crate::{Hub, HubError, access};
use plan::{Plan, Token, plan};

/// How remotes are taken over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RcloneImport {
    /// The bucket or container of a remote with a path below it, or the folder of a local one, by the remote's name.
    pub places: BTreeMap<String, String>,
    /// Where S3's protocol is spoken, by the remote's name: rclone's file does not tell it for B2.
    pub endpoints: BTreeMap<String, String>,
    /// Remotes that are taken; none is all of them.
    pub only: Vec<String>,
    /// The connections are the server's, not a person's. Only an administrator may.
    pub is_servers: bool,
    /// Keys are taken without being tried out. Accounts are always tried.
    pub is_unchecked: bool,
    /// Nothing is made and nobody asked.
    pub is_dry_run: bool,
}

/// What became of a remote.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedRemote {
    /// Its name in the file.
    pub name: String,
    /// Its type in the file.
    pub kind: String,
    /// What became of it.
    pub outcome: ImportOutcome,
}

/// What became of a remote.
#[derive(Debug, Clone, PartialEq)]
pub enum ImportOutcome {
    /// It is a connection now.
    Made(Box<ConnectionRow>),
    /// It would be a connection of this kind.
    WouldMake(&'static str),
    /// It was connected before.
    Already,
    /// A person has to link it by signing in, for this reason.
    Link(String),
    /// It is not taken, for this reason.
    NotTaken(String),
    /// It did not work when it was tried.
    Failed(String),
}

/// On whose behalf.
#[derive(Clone, Copy)]
struct Importer<'a> {
    actor: &'a Actor,
    owner: Option<UserId>,
    options: &'a RcloneImport,
}

impl Hub {
    /// Makes connections of the remotes in rclone's file `text`. One that does not work keeps no other from being taken.
    ///
    /// # Errors
    /// `Invalid` (the file cannot be read, or a name in the options is no remote's), `Forbidden` (the server's, by no
    /// administrator).
    pub async fn import_rclone(
        &self,
        actor: &Actor,
        text: &str,
        options: &RcloneImport,
    ) -> Result<Vec<ImportedRemote>, HubError> {
        let user = access::user(actor)?;
        if options.is_servers {
            access::admin(actor)?;
        }
        let remotes = ini::read(text).map_err(|what| HubError::invalid("rclone.conf", what))?;
        let mut named = options
            .places
            .keys()
            .chain(options.endpoints.keys())
            .chain(&options.only);
        if let Some(name) = named.find(|name| remotes.iter().all(|remote| remote.name != **name)) {
            return Err(HubError::invalid(
                "rclone.conf",
                format!("there is no remote `{name}` in it"),
            ));
        }
        let by = Importer {
            actor,
            owner: (!options.is_servers).then_some(user),
            options,
        };
        let mut imported = Vec::with_capacity(remotes.len());
        for remote in &remotes {
            if !options.only.is_empty() && !options.only.contains(&remote.name) {
                continue;
            }
            let plan = plan(remote, &remotes, options);
            imported.push(ImportedRemote {
                name: remote.name.clone(),
                kind: remote.kind().to_owned(),
                outcome: self.import_remote(by, &remote.name, plan).await,
            });
        }
        Ok(imported)
    }

    async fn import_remote(&self, by: Importer<'_>, name: &str, plan: Plan) -> ImportOutcome {
        let made = match plan {
            Plan::Link(reason) => return ImportOutcome::Link(reason),
            Plan::Not(reason) => return ImportOutcome::NotTaken(reason),
            Plan::Keyed(endpoint, _) | Plan::Account(endpoint, ..) if by.options.is_dry_run => {
                return ImportOutcome::WouldMake(endpoint.kind());
            }
            Plan::Keyed(endpoint, credentials) => self.import_keyed(by, name, (endpoint, credentials)).await,
            Plan::Account(endpoint, token, client) => {
                if let Err(error) = self.link_provider(endpoint.kind()) {
                    return ImportOutcome::NotTaken(format!(
                        "{error}; the client id and secret of this remote would do"
                    ));
                }
                match self.import_account(by, name, (endpoint, token, client)).await {
                    Ok(made) => made,
                    Err(reason) => return ImportOutcome::Link(reason),
                }
            }
        };
        match made {
            Ok(row) => ImportOutcome::Made(Box::new(row)),
            Err(error) if error.to_string() == ALREADY.to_string() => ImportOutcome::Already,
            Err(error) => ImportOutcome::Failed(error.to_string()),
        }
    }

    async fn import_keyed(
        &self,
        by: Importer<'_>,
        name: &str,
        (endpoint, credentials): (Endpoint, Credentials),
    ) -> Result<ConnectionRow, HubError> {
        if by.options.is_unchecked {
            if matches!(endpoint, Endpoint::Directory { .. }) {
                access::admin(by.actor)?;
            }
            let mut connection = self.new_connection(by.owner, &endpoint);
            connection.label = text("label", name)?;
            return self.add_connection(connection, &credentials).await;
        }
        let new = NewConnection {
            endpoint,
            credentials,
            label: name.to_owned(),
            is_servers: by.options.is_servers,
        };
        self.connect(by.actor, new).await
    }

    /// Takes an account over by renewing its access once. `Err` is why a person has to sign in instead.
    async fn import_account(
        &self,
        by: Importer<'_>,
        name: &str,
        (endpoint, token, client): (Endpoint, Token, OwnClient),
    ) -> Result<Result<ConnectionRow, HubError>, String> {
        let (hub, owner, name) = (self.clone(), by.owner, name.to_owned());
        // What a provider grants is kept, whoever stops waiting for it.
        let done = self.to_end(async move {
            let label = text("label", &name)?;
            let provider = hub.link_provider(endpoint.kind())?;
            let client = Some(client).filter(|client| client.id != provider.options.client_id);
            let oauth = provider.oauth_for(client.as_ref());
            let granted = match oauth {
                Ok(oauth) => oauth.refresh(&token.refresh_token, hub.now()).await,
                Err(error) => Err(error),
            };
            let grant = match granted {
                Ok(grant) => grant,
                Err(error @ OAuthError::Unavailable(_)) => {
                    return Err(HubError::RemoteDown(error.to_string()));
                }
                Err(error) => return Ok(Err(error.to_string())),
            };
            let tokens = Arc::new(Granted(AccessToken::new(grant.access_token.clone())));
            let about = hub.provider_connector(&endpoint, tokens, None)?.about().await?;
            let credentials = Credentials::Tokens(StoredTokens {
                refresh: grant.refresh_token.unwrap_or(token.refresh_token),
                access: grant.access_token,
                expires_ms: grant.expires,
                client,
                ..StoredTokens::default()
            });
            let mut connection = hub.new_connection(owner, &endpoint);
            connection.label = label;
            connection.scopes = grant.scopes.join(" ");
            connection.ends_ms = grant.refresh_expires;
            hub.note_about(&mut connection, about);
            hub.add_connection(connection, &credentials).await.map(Ok)
        });
        match done.await {
            Ok(Ok(row)) => Ok(Ok(row)),
            Ok(Err(reason)) => Err(reason),
            Err(error) => Ok(Err(error)),
        }
    }
}
