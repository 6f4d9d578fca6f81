//! How Azure wants its requests, and what its refusals mean.

use async_trait::async_trait;
use model::Clock;
use reqwest::{Method, Url};

use super::connection::Credential;
use super::sign::{Unsigned, VERSION};
use crate::{Call, Dialect, Reason, Refusal, encoded, http_date, parse_xml};

/// What is said of a server that does not talk like the service.
pub const NOT_AZURE: &str = "what answers at the endpoint is not Azure Blob Storage; see its address";

/// Proves requests to one account.
pub struct AzureDialect {
    /// The account's name.
    pub account: String,
    /// What opens it.
    pub credential: Credential,
    /// Our time.
    pub clock: Clock,
}

#[async_trait]
impl Dialect for AzureDialect {
    async fn authorize(&self, call: &mut Call) -> Result<(), Reason> {
        if call.method == Method::OPTIONS {
            // What a page's browser would ask, and it has no proof either.
            return Ok(());
        }
        call.set_header("x-ms-version", VERSION);
        match &self.credential {
            Credential::Key(key) => {
                call.set_header("x-ms-date", &http_date((self.clock)()));
                let Ok(url) = Url::parse(&call.url) else {
                    // The client says so itself.
                    return Ok(());
                };
                let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
                let unsigned = Unsigned {
                    method: call.method.as_str(),
                    path: url.path(),
                    query: &query,
                    headers: &call.headers,
                    body_bytes: call.body.len(),
                };
                let authorization = key.authorize(&self.account, &unsigned);
                call.set_header("authorization", &authorization);
            }
            Credential::Signature(pairs) => {
                call.url = with_query(
                    &call.url,
                    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())),
                );
            }
        }
        Ok(())
    }

    fn code(&self, refusal: &Refusal) -> Option<String> {
        if let Some(code) = refusal.header("x-ms-error-code") {
            return Some(code.to_owned());
        }
        let error = parse_xml(&refusal.body)?;
        error.text_of("Code").map(str::to_owned)
    }

    fn is_passing(&self, code: &str) -> bool {
        matches!(
            code,
            "ServerBusy"
                | "OperationTimedOut"
                | "InternalError"
                | "ContainerBeingDeleted"
                | "AccountBeingCreated"
        )
    }

    fn is_full(&self, code: &str) -> bool {
        matches!(code, "QuotaExceeded" | "InsufficientStorage")
    }

    fn help(&self, refusal: &Refusal) -> Option<String> {
        let help = match refusal.code.as_str() {
            "ContainerNotFound" => "there is no such container in this account; make it, or correct its name",
            "AuthenticationFailed" | "InvalidAuthenticationInfo" | "NoAuthenticationInformation" => {
                match self.credential {
                    Credential::Key(_) => "the account's key is not the one in the connection string",
                    Credential::Signature(_) => {
                        "the signature (SAS) in the connection string is wrong or has expired"
                    }
                }
            }
            "AuthorizationPermissionMismatch"
            | "AuthorizationResourceTypeMismatch"
            | "AuthorizationServiceMismatch"
            | "InsufficientAccountPermissions" => {
                "the connection string does not allow this; a signature (SAS) has to allow \
                 read, write, delete and list on blobs"
            }
            "AuthorizationFailure" => match self.credential {
                Credential::Key(_) => {
                    "the account's key is not the one in the connection string, or the account's firewall \
                     keeps this machine out"
                }
                Credential::Signature(_) => {
                    "the signature (SAS) in the connection string is wrong, has expired or does not allow this, \
                     or the account's firewall keeps this machine out"
                }
            },
            "AuthorizationSourceIPMismatch" | "IpAuthorizationError" => {
                "the account does not take requests from this machine's network; see its firewall"
            }
            "AuthorizationProtocolMismatch" | "AccountRequiresHttps" => {
                "the account wants encrypted connections; let the endpoint begin with https://"
            }
            "KeyBasedAuthenticationNotPermitted" => {
                "the account does not allow its key to be used; allow it, or use a signature (SAS)"
            }
            "AccountIsDisabled" => "the account is disabled, perhaps for an unpaid bill",
            "InvalidResourceName" | "InvalidUri" | "OutOfRangeInput" => {
                "the container's name cannot be one: 3 to 63 small letters, digits and single hyphens"
            }
            "BlobImmutableDueToPolicy" => {
                "a policy of the container keeps blobs from being changed or removed"
            }
            "ResourceNotFound" | "AccountNotFound" => "there is no such account at this endpoint",
            _ if refusal.header("x-ms-request-id").is_none() => NOT_AZURE,
            _ => return None,
        };
        Some(help.to_owned())
    }
}

/// Adds pairs to an address's query.
pub fn with_query<'a>(url: &str, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut url = url.to_owned();
    for (name, value) in pairs {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!("{}={}", encoded(name, ""), encoded(value, "")));
    }
    url
}
