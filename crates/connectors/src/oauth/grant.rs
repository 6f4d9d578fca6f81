//! What a provider grants.

use std::fmt;

use model::Millis;
use serde::Deserialize;

use super::ask::Reply;
use super::{OAuthError, OAuthOptions, OAuthProvider, refusal};

/// No token lives longer, seconds: a hundred years.
const LONGEST_SECS: f64 = 100.0 * 366.0 * 24.0 * 60.0 * 60.0;
/// How long an access token works of which nothing is said, seconds.
const UNSAID_SECS: f64 = 3000.0;
/// What all of Google's scopes for files begin with; by itself it is the one that holds all of them.
const GOOGLE_FILES: &str = "https://www.googleapis.com/auth/drive";

/// Access to somebody's drive.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// What requests prove themselves with.
    pub access_token: String,
    /// What gives the next access token, in place of the one before; `None` from a refresh: the one before stays.
    pub refresh_token: Option<String>,
    /// When the access token ends.
    pub expires: Millis,
    /// When the refresh token ends, where the provider says that it will.
    pub refresh_expires: Option<Millis>,
    /// What was allowed, which may be less than what was asked for.
    pub scopes: Vec<String>,
    /// Says who allowed it. Prove it before it is believed ([`crate::Oidc::check_id_token`]).
    pub id_token: Option<String>,
}

/// What was traded for a grant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Code,
    Refresh,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    token_type: String,
    #[serde(default)]
    expires_in: Option<f64>,
    #[serde(default)]
    refresh_token: Option<String>,
    #[serde(default)]
    refresh_token_expires_in: Option<f64>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    id_token: Option<String>,
}

/// Reads an answer of the token endpoint.
pub(super) fn read(options: &OAuthOptions, reply: &Reply, by: By, now: Millis) -> Result<Grant, OAuthError> {
    if reply.status != 200 {
        return Err(refusal::of_reply(options.provider, reply, by));
    }
    let strange = || OAuthError::Unavailable("it answers with something that is no token".to_owned());
    let given: Given = serde_json::from_slice(&reply.body).map_err(|_| strange())?;
    let is_life = |secs: &f64| (0.0..=LONGEST_SECS).contains(secs);
    let has_token = is_header_text(&given.access_token) && given.token_type.eq_ignore_ascii_case("bearer");
    let life_secs = given.expires_in.unwrap_or(UNSAID_SECS);
    if !has_token || !is_life(&life_secs) {
        return Err(strange());
    }
    let after = |secs: f64| now.plus_secs(secs as i64);
    let scopes = match &given.scope {
        Some(told) => told.split_whitespace().map(ToOwned::to_owned).collect(),
        // RFC 6749 5.1: what is not said is what was asked for.
        None => options.scopes.clone(),
    };
    Ok(Grant {
        access_token: given.access_token,
        refresh_token: given.refresh_token.filter(|token| !token.is_empty()),
        expires: after(life_secs),
        refresh_expires: given.refresh_token_expires_in.filter(is_life).map(after),
        scopes,
        id_token: given.id_token,
    })
}

fn is_header_text(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

/// The scopes for files that were asked for and are not among those `granted`.
pub(super) fn missing(options: &OAuthOptions, granted: &[String]) -> Vec<String> {
    let asked = options
        .scopes
        .iter()
        .filter(|scope| is_files(options.provider, scope));
    let is_granted = |scope: &&String| granted.iter().any(|own| holds(options.provider, own, scope));
    asked.filter(|scope| !is_granted(scope)).cloned().collect()
}

/// Whether anything about files is among the scopes.
pub(super) fn has_files(provider: OAuthProvider, scopes: &[String]) -> bool {
    scopes.iter().any(|scope| is_files(provider, scope))
}

fn is_files(provider: OAuthProvider, scope: &str) -> bool {
    match provider {
        OAuthProvider::Google => scope.starts_with(GOOGLE_FILES),
        OAuthProvider::Microsoft => bare(scope).starts_with("files."),
    }
}

/// Whether one scope holds another.
fn holds(provider: OAuthProvider, own: &str, asked: &str) -> bool {
    match provider {
        OAuthProvider::Google => own == asked || own == GOOGLE_FILES,
        OAuthProvider::Microsoft => {
            let (own, asked) = (bare(own), bare(asked));
            own == asked || own == format!("{asked}.all")
        }
    }
}

/// Microsoft names a scope with and without the service that it is of, in any case.
fn bare(scope: &str) -> String {
    scope.rsplit('/').next().unwrap_or(scope).to_ascii_lowercase()
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("has_refresh_token", &self.refresh_token.is_some())
            .field("expires", &self.expires)
            .field("refresh_expires", &self.refresh_expires)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
