//! Signing in with an OpenID Connect provider: the relying party's half of the code flow with
//! PKCE, and the check of ID tokens (OpenID Connect Core 1.0).
//!
//! It asks the provider for its endpoints and its signing keys and remembers both for as long as
//! the provider allows. It keeps no account and no session; state and nonce are the caller's.

mod fetch;
mod kept;
mod keys;
mod metadata;
mod redeem;
mod token;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Millis;
use reqwest::Url;

use kept::Kept;
use keys::KeyRing;
use metadata::Metadata;
use token::Expected;

/// How long a provider may take for one answer.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// What is asked for: who somebody is, their address and their name.
const SCOPE: &str = "openid email profile";
/// Google's issuer, and how some of its ID tokens spell it.
const GOOGLE: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
/// Stands for the tenant in the issuer of a provider that has many, as Microsoft's does.
const TENANT: &str = "{tenantid}";

/// What is known of a provider before it is asked.
#[derive(Clone, Default)]
pub struct OidcOptions {
    /// The issuer, exactly as the provider spells it. With `{tenantid}` in it, each tenant is an issuer of its own,
    /// and what its tokens say of addresses is never taken for verified: whoever rules a tenant writes them.
    pub issuer: String,
    /// Our name at the provider; empty when only apps sign in.
    pub client_id: String,
    /// What proves that we are that client; `None` for a public client.
    pub client_secret: Option<String>,
    /// Names of apps of ours at the provider, whose ID tokens are taken too.
    pub native_client_ids: Vec<String>,
    /// Takes the place of the page of consent that the provider names.
    pub authorize_url: Option<String>,
    /// Takes the place of the token endpoint that the provider names.
    pub token_url: Option<String>,
    /// Takes the place of the address of keys that the provider names.
    pub jwks_url: Option<String>,
    /// How long the provider may take for one answer; `None` is [`PATIENCE`].
    pub patience: Option<Duration>,
}

/// A provider that people sign in with. Cheap to clone.
#[derive(Clone)]
pub struct Oidc(Arc<Parts>);

struct Parts {
    options: OidcOptions,
    http: reqwest::Client,
    metadata: Kept<Metadata>,
    keys: Kept<KeyRing>,
}

/// What the browser takes along to the provider.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Where the provider sends the browser back to.
    pub redirect_uri: &'a str,
    /// Comes back unchanged.
    pub state: &'a str,
    /// Comes back in the ID token.
    pub nonce: &'a str,
    /// The secret whose digest goes along (RFC 7636).
    pub verifier: &'a str,
}

/// What the browser brought back, and what was sent along with it.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// What the provider gives tokens for, once.
    pub code: &'a str,
    /// As in the question.
    pub redirect_uri: &'a str,
    /// As in the question.
    pub nonce: &'a str,
    /// As in the question.
    pub verifier: &'a str,
}

/// A person as the provider knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who says so, in the one spelling of the settings.
    pub issuer: String,
    /// The person's name at the issuer, which never changes and says nothing.
    pub subject: String,
    /// Their address, if the provider tells it.
    pub email: Option<String>,
    /// Whether the provider made sure that it is theirs.
    pub is_email_verified: bool,
    /// What they call themselves.
    pub name: Option<String>,
}

/// Why somebody is not signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OidcError {
    /// The ID token proves nothing to us.
    #[error("the ID token {0}")]
    Token(&'static str),
    /// The code was used, is too old, or was never given out.
    #[error("the provider takes the code for used or expired")]
    Code,
    /// The provider does not answer, or not with what it should. Trying again may help.
    #[error("the provider {0}")]
    Trouble(String),
    /// Provider and settings do not fit together; an operator has to look.
    #[error("{0}")]
    Settings(String),
}

impl OidcError {
    /// Whether trying again may help.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Trouble(_))
    }
}

impl Oidc {
    /// Takes a provider's settings. It is not asked yet.
    ///
    /// # Errors
    /// `Settings`: an address is neither `https:` nor `http:` to this machine, or there is no way to
    /// make encrypted connections.
    pub fn new(options: OidcOptions) -> Result<Self, OidcError> {
        let issuer = address(&options.issuer).filter(|url| url.query().is_none() && url.fragment().is_none());
        let issuer = issuer.ok_or_else(|| unsafe_address("issuer", &options.issuer))?;
        let given = [&options.authorize_url, &options.token_url, &options.jwks_url];
        for url in given.into_iter().flatten() {
            address(url).ok_or_else(|| unsafe_address("provider's address", url))?;
        }
        let mut http = reqwest::Client::builder()
            // An answer from elsewhere is not the provider's.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(options.patience.unwrap_or(PATIENCE))
            .user_agent(concat!("cumuli/", env!("CARGO_PKG_VERSION")));
        if issuer.scheme() == "http" {
            // No proxy leads back to this machine.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| {
            OidcError::Settings(format!(
                "encrypted connections cannot be made: {}",
                fetch::chain(&error)
            ))
        })?;
        Ok(Self(Arc::new(Parts {
            options,
            http,
            metadata: Kept::default(),
            keys: Kept::default(),
        })))
    }

    /// The issuer.
    pub fn issuer(&self) -> &str {
        &self.0.options.issuer
    }

    /// Where the browser goes to ask.
    ///
    /// # Errors
    /// `Trouble` and `Settings`: the provider does not say where that is.
    pub async fn authorize_url(&self, question: &Question<'_>, now: Millis) -> Result<String, OidcError> {
        let metadata = self.metadata(now).await?;
        let mut url = Url::parse(&metadata.authorize)
            .map_err(|_| OidcError::Settings("the page of consent has no address".to_owned()))?;
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.0.options.client_id),
            ("redirect_uri", question.redirect_uri),
            ("scope", SCOPE),
            ("state", question.state),
            ("nonce", question.nonce),
            ("code_challenge", &challenge(question.verifier)),
            ("code_challenge_method", "S256"),
        ]);
        Ok(url.into())
    }

    /// Whether the `iss` that came back with a code is this provider's (RFC 9207 section 2.4).
    pub fn is_issuer(&self, issuer: &str) -> bool {
        if let Some((before, after)) = self.issuer().split_once(TENANT) {
            let tenant = issuer
                .strip_prefix(before)
                .and_then(|rest| rest.strip_suffix(after));
            return tenant.is_some_and(|tenant| self.tenant_issuer(tenant).is_ok());
        }
        self.issuer() == issuer || (self.issuer() == GOOGLE[0] && issuer == GOOGLE[1])
    }

    /// Trades the code that the browser brought back for who it is.
    ///
    /// # Errors
    /// `Code`, `Token`, `Trouble`, `Settings`.
    pub async fn redeem(&self, answer: &Answer<'_>, now: Millis) -> Result<Person, OidcError> {
        let metadata = self.metadata(now).await?;
        let tokens = redeem::code(&self.0.http, &self.0.options, &metadata, answer).await?;
        let expected = Expected::Answer {
            client_id: &self.0.options.client_id,
            nonce: answer.nonce,
        };
        let mut identity = self.check(&tokens.id_token, expected, now).await?;
        if identity.email.is_none()
            && let Some(userinfo) = &metadata.userinfo
        {
            let about = redeem::userinfo(&self.0.http, userinfo, &tokens.access_token).await?;
            identity = about.complete(identity)?;
            identity.is_email_verified &= !self.has_tenants();
        }
        Ok(identity)
    }

    /// Checks an ID token that came with a grant of access to a drive, for which `nonce` was sent along.
    ///
    /// # Errors
    /// `Token`, `Trouble`, `Settings`.
    pub async fn check_granted(&self, token: &str, nonce: &str, now: Millis) -> Result<Person, OidcError> {
        let expected = Expected::Answer {
            client_id: &self.0.options.client_id,
            nonce,
        };
        self.check(token, expected, now).await
    }

    /// Checks an ID token that an app got from the provider by itself. It must have been made for
    /// this server or for one of its apps.
    ///
    /// # Errors
    /// `Token`, `Trouble`, `Settings`.
    pub async fn check_id_token(&self, token: &str, now: Millis) -> Result<Person, OidcError> {
        self.check(token, Expected::Native(&self.0.options), now).await
    }

    async fn check(&self, token: &str, expected: Expected<'_>, now: Millis) -> Result<Person, OidcError> {
        let header = token::header(token)?;
        let issuer = match self.has_tenants() {
            true => self.tenant_issuer(&token::tenant(token)?)?,
            false => self.issuer().to_owned(),
        };
        let key = self.key(&header, &issuer, now).await?;
        let claims = token::verified(token, &header, &key)?;
        let mut spellings = vec![issuer.as_str()];
        if issuer == GOOGLE[0] {
            spellings.push(GOOGLE[1]);
        }
        claims.check(&spellings, expected, now)?;
        let mut identity = claims.identity(&issuer);
        identity.is_email_verified &= !self.has_tenants();
        Ok(identity)
    }

    fn has_tenants(&self) -> bool {
        self.issuer().contains(TENANT)
    }

    /// The issuer of one tenant.
    fn tenant_issuer(&self, tenant: &str) -> Result<String, OidcError> {
        // A tenant is a GUID and so cannot lead elsewhere in an address.
        let is_plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
        if tenant.len() == 36 && tenant.bytes().all(is_plain) {
            Ok(self.issuer().replace(TENANT, tenant))
        } else {
            Err(OidcError::Token("is of no tenant"))
        }
    }

    /// The key that a token says it is signed with. Keys are asked for anew when none of those that
    /// are known has its name: the provider may have changed them.
    async fn key(
        &self,
        header: &token::Header,
        issuer: &str,
        now: Millis,
    ) -> Result<Arc<jsonwebtoken::DecodingKey>, OidcError> {
        const UNKNOWN: OidcError = OidcError::Token("is signed with a key that the provider does not have");
        let url = match &self.0.options.jwks_url {
            Some(url) => url.clone(),
            None => self.metadata(now).await?.jwks.clone(),
        };
        let ring = self.0.keys.get(now, keys::fetch(&self.0.http, &url)).await?;
        if let Some(key) = ring.find(header, issuer) {
            return Ok(key);
        }
        let renewed = self
            .0
            .keys
            .renew(&ring, now, keys::fetch(&self.0.http, &url))
            .await;
        match renewed {
            Ok(Some(ring)) => ring.find(header, issuer).ok_or(UNKNOWN),
            Ok(None) => Err(UNKNOWN),
            Err(error) => {
                tracing::warn!(%error, issuer = self.issuer(), "signing keys cannot be asked for");
                Err(UNKNOWN)
            }
        }
    }

    async fn metadata(&self, now: Millis) -> Result<Arc<Metadata>, OidcError> {
        let fetch = metadata::fetch(&self.0.http, &self.0.options);
        self.0.metadata.get(now, fetch).await
    }
}

impl std::fmt::Debug for Oidc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Oidc").field(&self.issuer()).finish()
    }
}

/// The digest of a verifier that goes along with the question: only who holds the verifier can use
/// the code (RFC 7636 section 4.2).
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()))
}

/// An address that nobody between can read or change: encrypted, or on this machine.
pub(crate) fn address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_safe = match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(&url),
        _ => false,
    };
    (is_safe && url.username().is_empty() && url.password().is_none()).then_some(url)
}

fn is_loopback(url: &Url) -> bool {
    // An IPv6 address stands in brackets here.
    let host = url.host_str().unwrap_or_default();
    let ip = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || ip.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn unsafe_address(what: &str, text: &str) -> OidcError {
    OidcError::Settings(format!(
        "the {what} {text:?} begins neither with https:// nor, on this machine, with http://"
    ))
}
