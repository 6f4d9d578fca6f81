//! Linking somebody's drive: OAuth 2.0 with a code and PKCE (RFC 6749, RFC 7636) as Google and Microsoft
//! speak it, and what each of them says when access ends.
//!
//! It keeps no token, no state and no clock; those are the caller's. Only one refresh per connection may be
//! under way at a time, and what it grants must be kept before it is used: Microsoft gives another refresh
//! token each time.

mod ask;
mod error;
mod grant;
mod refusal;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use model::Millis;
use reqwest::Url;

pub use error::OAuthError;
pub use grant::Grant;

use crate::oidc::{address, challenge};

/// How long a provider may take for one answer, unless the options say otherwise.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long it is left alone before it is asked again.
const PAUSE: Duration = Duration::from_millis(400);

/// Who gives access to a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OAuthProvider {
    /// Google, for Google Drive.
    Google,
    /// The Microsoft identity platform, for OneDrive.
    Microsoft,
}

/// What is known of a provider, and what it knows of us.
#[derive(Clone)]
pub struct OAuthOptions {
    /// Whose manners it has.
    pub provider: OAuthProvider,
    /// Our name at the provider.
    pub client_id: String,
    /// What proves that we are that client; empty for a public client.
    pub client_secret: String,
    /// The page of consent.
    pub auth_url: String,
    /// Where codes and refresh tokens are traded.
    pub token_url: String,
    /// Where access is given back; `None` where there is no such thing.
    pub revoke_url: Option<String>,
    /// What is asked for. See [`OAuthProvider::scopes`].
    pub scopes: Vec<String>,
    /// How long the provider may take for one answer; `None` is 15 seconds.
    pub patience: Option<Duration>,
    /// How long it is left alone before it is asked again; `None` is 0.4 seconds.
    pub pause: Option<Duration>,
}

/// A provider of access to drives. Cheap to clone.
#[derive(Clone)]
pub struct OAuth(Arc<Parts>);

struct Parts {
    options: OAuthOptions,
    http: reqwest::Client,
}

/// What the browser takes along to the page of consent.
#[derive(Clone, Copy)]
pub struct LinkQuestion<'a> {
    /// Where the provider sends the browser back to, exactly as it was registered there.
    pub redirect_uri: &'a str,
    /// Comes back unchanged. It must belong to the session that asks.
    pub state: &'a str,
    /// The secret whose digest goes along, 43 to 128 unreserved characters.
    pub verifier: &'a str,
    /// Comes back in the ID token.
    pub nonce: Option<&'a str>,
    /// The address of the account that is meant.
    pub login_hint: Option<&'a str>,
    /// The person is asked which of their accounts it shall be.
    pub wants_account_choice: bool,
}

impl OAuthProvider {
    /// What is asked for: all files, access that lasts, and who it is.
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Google => &["https://www.googleapis.com/auth/drive", "openid", "email"],
            Self::Microsoft => &[
                "Files.ReadWrite",
                "offline_access",
                "User.Read",
                "openid",
                "email",
            ],
        }
    }
}

impl OAuth {
    /// Takes a provider's settings. It is not asked yet. No scopes are the provider's usual ones.
    ///
    /// # Errors
    /// `Misfit`: an address is neither `https:` nor `http:` to this machine, or there is no way to make
    /// encrypted connections.
    pub fn new(mut options: OAuthOptions) -> Result<Self, OAuthError> {
        let given = [&options.auth_url, &options.token_url];
        let given = given.into_iter().chain(&options.revoke_url);
        let urls = given
            .map(|url| address(url).ok_or(url))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|url| {
                OAuthError::Misfit(format!(
                    "the address {url:?} begins neither with https:// nor, on this machine, with http://"
                ))
            })?;
        if options.scopes.is_empty() {
            let usual = options.provider.scopes().iter();
            options.scopes = usual.map(ToString::to_string).collect();
        }
        let mut http = reqwest::Client::builder()
            // Whoever we are led to would be sent our secret.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(options.patience.unwrap_or(PATIENCE))
            .user_agent(concat!("cumuli/", env!("CARGO_PKG_VERSION")));
        if urls.iter().any(|url| url.scheme() == "http") {
            // No proxy leads back to this machine.
            http = http.no_proxy();
        }
        let http = http.build().map_err(|error| {
            let cause = ask::chain(&error);
            OAuthError::Misfit(format!("encrypted connections cannot be made: {cause}"))
        })?;
        Ok(Self(Arc::new(Parts { options, http })))
    }

    /// Whose manners it has.
    pub fn provider(&self) -> OAuthProvider {
        self.0.options.provider
    }

    /// Where the browser goes to ask for consent. Nothing that was consented to before is taken along.
    pub fn authorize_url(&self, question: &LinkQuestion<'_>) -> String {
        let options = &self.0.options;
        let mut url = Url::parse(&options.auth_url).expect("it was an address when it came in");
        let scope = options.scopes.join(" ");
        let challenge = challenge(question.verifier);
        let mut pairs = url.query_pairs_mut();
        pairs.extend_pairs([
            ("response_type", "code"),
            ("client_id", &options.client_id),
            ("redirect_uri", question.redirect_uri),
            ("scope", &scope),
            ("state", question.state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        match options.provider {
            OAuthProvider::Google => {
                // Who consented before gets no refresh token unless they are asked once more.
                let prompt = match question.wants_account_choice {
                    true => "select_account consent",
                    false => "consent",
                };
                pairs.extend_pairs([("access_type", "offline"), ("prompt", prompt)]);
            }
            OAuthProvider::Microsoft => {
                pairs.append_pair("response_mode", "query");
                if question.wants_account_choice {
                    pairs.append_pair("prompt", "select_account");
                }
            }
        }
        let more = [("nonce", question.nonce), ("login_hint", question.login_hint)];
        pairs.extend_pairs(more.into_iter().filter_map(|(name, value)| Some((name, value?))));
        drop(pairs);
        url.into()
    }

    /// What it means that the browser came back with an `error` instead of a code.
    pub fn refusal(&self, error: &str) -> OAuthError {
        refusal::of_callback(error)
    }

    /// Trades the code that the browser brought back. Without a refresh token in it the grant ends in an hour.
    ///
    /// # Errors
    /// `Code`, `Scope` when the files were not among what was allowed, `BadClient`, `Denied`, `Unavailable`,
    /// `Misfit`.
    pub async fn redeem(
        &self,
        code: &str,
        verifier: &str,
        redirect_uri: &str,
        now: Millis,
    ) -> Result<Grant, OAuthError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        let reply = self.post(&form, ask::Again::IfNotSent).await?;
        let grant = grant::read(&self.0.options, &reply, grant::By::Code, now)?;
        let missing = grant::missing(&self.0.options, &grant.scopes);
        if missing.is_empty() {
            Ok(grant)
        } else {
            Err(OAuthError::Scope { missing })
        }
    }

    /// Trades a refresh token for an access token that lasts an hour or so, and perhaps for the refresh token
    /// that takes its place.
    ///
    /// # Errors
    /// `Ended`, `BadClient`, `Denied`, `Scope`, `Unavailable`, `Misfit`. None but `Unavailable` passes by itself.
    pub async fn refresh(&self, refresh_token: &str, now: Millis) -> Result<Grant, OAuthError> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        let reply = self.post(&form, ask::Again::Always).await?;
        let grant = grant::read(&self.0.options, &reply, grant::By::Refresh, now)?;
        if grant::has_files(self.0.options.provider, &grant.scopes) {
            Ok(grant)
        } else {
            let missing = grant::missing(&self.0.options, &grant.scopes);
            Err(OAuthError::Scope { missing })
        }
    }

    /// Gives access back: the whole grant that a refresh token belongs to. False: the provider has no such thing,
    /// and the person has to remove us from their account's page themselves.
    ///
    /// # Errors
    /// `Unavailable`. The tokens are to be forgotten all the same.
    pub async fn revoke(&self, token: &str) -> Result<bool, OAuthError> {
        let Some(url) = &self.0.options.revoke_url else {
            return Ok(false);
        };
        let reply = ask::post(self, url, &[("token", token)], ask::Again::Always).await?;
        // 400 is a token that is gone already (RFC 7009 would have it be a 200).
        match reply.status {
            200..300 | 400 => Ok(true),
            status => Err(OAuthError::Unavailable(format!(
                "it answers with status {status}"
            ))),
        }
    }

    async fn post(&self, form: &[(&str, &str)], again: ask::Again) -> Result<ask::Reply, OAuthError> {
        let options = &self.0.options;
        let mut whole = vec![("client_id", options.client_id.as_str())];
        if !options.client_secret.is_empty() {
            whole.push(("client_secret", &options.client_secret));
        }
        whole.extend_from_slice(form);
        ask::post(self, &options.token_url, &whole, again).await
    }
}

impl fmt::Debug for OAuthOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthOptions")
            .field("provider", &self.provider)
            .field("client_id", &self.client_id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OAuth").field(&self.0.options).finish()
    }
}

impl fmt::Debug for LinkQuestion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkQuestion")
            .field("redirect_uri", &self.redirect_uri)
            .finish_non_exhaustive()
    }
}
