//! The providers that people sign in with and whose drives they link, as the settings describe them.

use anyhow::Context;
use connectors::{OAuth, OAuthOptions, OAuthProvider, Oidc, OidcOptions};
use hub::{IdentityProvider, LinkProvider};

use crate::settings::{Secret, Settings};

const GOOGLE_ISSUER: &str = "https://accounts.google.com";
const GOOGLE_AUTH_URL: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const GOOGLE_TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// Where Microsoft's tenants are.
const MICROSOFT: &str = "https://login.microsoftonline.com/";
/// Stands for the tenant in Microsoft's issuer.
const TENANT: &str = "{tenantid}";

/// The providers that people sign in with.
///
/// # Errors
/// When the settings of one do not fit together, in a sentence that says which.
pub fn identity_providers(settings: &Settings) -> anyhow::Result<Vec<IdentityProvider>> {
    let mut providers = Vec::new();
    if settings.google_client_id.is_some() || !settings.google_native_client_ids.is_empty() {
        let options = OidcOptions {
            issuer: settings.google_issuer.clone(),
            client_id: settings.google_client_id.clone().unwrap_or_default(),
            client_secret: exposed(&settings.google_client_secret),
            native_client_ids: settings.google_native_client_ids.clone(),
            authorize_url: settings.google_auth_url.clone(),
            token_url: settings.google_token_url.clone(),
            jwks_url: settings.google_jwks_url.clone(),
            ..OidcOptions::default()
        };
        providers.push(IdentityProvider {
            name: "google",
            title: "Google".to_owned(),
            redirect_uri: settings.google_redirect(),
            client: Oidc::new(options).context("nobody can sign in with Google")?,
        });
    }
    if let (Some(issuer), Some(client_id)) = (&settings.oidc_issuer, &settings.oidc_client_id) {
        let options = OidcOptions {
            issuer: issuer.clone(),
            client_id: client_id.clone(),
            client_secret: exposed(&settings.oidc_client_secret),
            ..OidcOptions::default()
        };
        providers.push(IdentityProvider {
            name: "oidc",
            title: settings.oidc_name.clone(),
            redirect_uri: settings.oidc_redirect(),
            client: Oidc::new(options).context("nobody can sign in with CUMULI_OIDC_ISSUER")?,
        });
    }
    providers.extend(microsoft(settings)?);
    Ok(providers)
}

/// Signing in with Microsoft, where each organization is an issuer of its own.
fn microsoft(settings: &Settings) -> anyhow::Result<Option<IdentityProvider>> {
    let (Some(client_id), Some(redirect_uri)) = (&settings.onedrive_client_id, settings.onedrive_redirect())
    else {
        return Ok(None);
    };
    let tenant = &settings.onedrive_tenant;
    // By its id an organization's issuer is known; by a domain it is not, and the token endpoint takes no other's.
    let issuer = match is_id(tenant) {
        true => settings.microsoft_issuer.replace(TENANT, tenant),
        false => settings.microsoft_issuer.clone(),
    };
    let options = OidcOptions {
        issuer,
        client_id: client_id.clone(),
        client_secret: exposed(&settings.onedrive_client_secret),
        authorize_url: Some(auth_url(settings)),
        token_url: Some(token_url(settings)),
        jwks_url: Some(microsoft_url(
            settings,
            &settings.microsoft_jwks_url,
            "discovery/v2.0/keys",
        )),
        ..OidcOptions::default()
    };
    Ok(Some(IdentityProvider {
        name: "onedrive",
        title: "Microsoft".to_owned(),
        redirect_uri: Some(redirect_uri),
        client: Oidc::new(options)
            .context("nobody can sign in with Microsoft (CUMULI_MICROSOFT_ISSUER and the like)")?,
    }))
}

/// The providers whose drives people link by signing in.
///
/// # Errors
/// When the settings of one do not fit together, in a sentence that says which.
pub fn link_providers(settings: &Settings) -> anyhow::Result<Vec<LinkProvider>> {
    let mut providers = Vec::new();
    let google = settings
        .google_client_id
        .as_ref()
        .filter(|_| has_google_drives(settings));
    if let (Some(client_id), Some(redirect_uri)) = (google, settings.google_redirect()) {
        let given = |url: &Option<String>, usual: &str| url.clone().unwrap_or_else(|| usual.to_owned());
        let options = OAuthOptions {
            provider: OAuthProvider::Google,
            client_id: client_id.clone(),
            client_secret: exposed(&settings.google_client_secret).unwrap_or_default(),
            auth_url: given(&settings.google_auth_url, GOOGLE_AUTH_URL),
            token_url: given(&settings.google_token_url, GOOGLE_TOKEN_URL),
            revoke_url: Some(settings.google_revoke_url.clone()),
            scopes: Vec::new(),
            patience: None,
            pause: None,
        };
        providers.push(LinkProvider {
            name: "google",
            title: "Google Drive",
            oauth: OAuth::new(options.clone())
                .context("no Google Drive can be linked (CUMULI_GOOGLE_AUTH_URL and the like)")?,
            options,
            redirect_uri,
            api_url: settings.google_api_url.clone(),
            secret_ends: None,
        });
    }
    if let (Some(client_id), Some(redirect_uri)) =
        (&settings.onedrive_client_id, settings.onedrive_redirect())
    {
        let options = OAuthOptions {
            provider: OAuthProvider::Microsoft,
            client_id: client_id.clone(),
            client_secret: exposed(&settings.onedrive_client_secret).unwrap_or_default(),
            auth_url: auth_url(settings),
            token_url: token_url(settings),
            revoke_url: None,
            scopes: Vec::new(),
            patience: None,
            pause: None,
        };
        providers.push(LinkProvider {
            name: "onedrive",
            title: "Microsoft OneDrive",
            oauth: OAuth::new(options.clone())
                .context("no OneDrive can be linked (CUMULI_MICROSOFT_AUTH_URL and the like)")?,
            options,
            redirect_uri,
            api_url: settings.graph_url.clone(),
            secret_ends: settings.onedrive_secret_ends,
        });
    }
    Ok(providers)
}

/// Whether the issuer is Google, or the settings say where the drives of another one are asked for.
fn has_google_drives(settings: &Settings) -> bool {
    let is_told = settings.google_auth_url.is_some() && settings.google_token_url.is_some();
    is_told || settings.google_issuer.trim_end_matches('/') == GOOGLE_ISSUER
}

fn auth_url(settings: &Settings) -> String {
    microsoft_url(settings, &settings.microsoft_auth_url, "oauth2/v2.0/authorize")
}

fn token_url(settings: &Settings) -> String {
    microsoft_url(settings, &settings.microsoft_token_url, "oauth2/v2.0/token")
}

/// An address of Microsoft's: the given one, or that of the tenant at the issuer's host.
fn microsoft_url(settings: &Settings, given: &Option<String>, path: &str) -> String {
    let host = settings
        .microsoft_issuer
        .split_once(TENANT)
        .map_or(MICROSOFT, |(host, _)| host);
    let tenant = &settings.onedrive_tenant;
    given.clone().unwrap_or_else(|| format!("{host}{tenant}/{path}"))
}

/// Whether a tenant is named by its id, a UUID.
fn is_id(tenant: &str) -> bool {
    tenant.len() == 36
        && tenant
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn exposed(secret: &Option<Secret>) -> Option<String> {
    secret.as_ref().map(|secret| secret.expose().to_owned())
}
