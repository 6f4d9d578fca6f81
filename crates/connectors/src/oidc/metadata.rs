//! What a provider says of itself (OpenID Connect Discovery 1.0).

use serde::Deserialize;

use super::kept::Fresh;
use super::{OidcError, OidcOptions, TENANT, address, fetch};

/// Where a provider is asked for what.
pub(super) struct Metadata {
    pub authorize: String,
    pub token: String,
    pub jwks: String,
    /// Where more about a person is told to who holds their access token.
    pub userinfo: Option<String>,
    /// Ways to prove which client we are, the first to be tried first.
    pub proofs: Vec<Proof>,
}

/// How we prove which client we are, at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// `client_secret_basic`
    Header,
    /// `client_secret_post`
    Form,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// Asks the provider, unless the settings say everything.
pub(super) async fn fetch(
    http: &reqwest::Client,
    options: &OidcOptions,
) -> Result<Fresh<Metadata>, OidcError> {
    if let (Some(authorize), Some(token), Some(jwks)) =
        (&options.authorize_url, &options.token_url, &options.jwks_url)
    {
        let value = Metadata {
            authorize: authorize.clone(),
            token: token.clone(),
            jwks: jwks.clone(),
            userinfo: None,
            proofs: vec![Proof::Form],
        };
        return Ok(Fresh {
            value,
            max_age_secs: None,
        });
    }
    // What it says of itself is the same for all tenants.
    let base = options.issuer.replace(TENANT, "common");
    let base = base.trim_end_matches('/');
    let url = format!("{base}/.well-known/openid-configuration");
    let reply = fetch::send(http.get(url)).await?;
    let document: Document = reply.good_json("discovery document")?;
    Ok(Fresh {
        value: checked(document, options)?,
        max_age_secs: reply.max_age_secs,
    })
}

fn checked(document: Document, options: &OidcOptions) -> Result<Metadata, OidcError> {
    // Discovery section 4.3: else one provider could speak for another.
    if document.issuer != options.issuer {
        return Err(OidcError::Settings(format!(
            "the provider at {:?} calls itself {:?}: set the issuer to exactly that if it is right",
            options.issuer, document.issuer
        )));
    }
    let may_be_http = options.issuer.starts_with("http:");
    let safe = |name: &str, url: String| match address(&url) {
        Some(parsed) if parsed.scheme() == "https" || may_be_http => Ok(url),
        _ => Err(OidcError::Settings(format!(
            "the provider's {name} {url:?} does not begin with https://"
        ))),
    };
    let ours = |given: &Option<String>, name: &str, told: String| match given {
        Some(url) => Ok(url.clone()),
        None => safe(name, told),
    };
    // Discovery section 3: what it does not say is the header.
    let methods = document.token_endpoint_auth_methods_supported.unwrap_or_default();
    let takes = |name: &str| methods.iter().any(|method| method == name);
    let mut proofs = Vec::new();
    if takes("client_secret_basic") || !takes("client_secret_post") {
        proofs.push(Proof::Header);
    }
    if takes("client_secret_post") {
        proofs.push(Proof::Form);
    }
    let userinfo = document.userinfo_endpoint;
    Ok(Metadata {
        authorize: ours(
            &options.authorize_url,
            "authorization_endpoint",
            document.authorization_endpoint,
        )?,
        token: ours(&options.token_url, "token_endpoint", document.token_endpoint)?,
        jwks: ours(&options.jwks_url, "jwks_uri", document.jwks_uri)?,
        userinfo: userinfo.map(|url| safe("userinfo_endpoint", url)).transpose()?,
        proofs,
    })
}
