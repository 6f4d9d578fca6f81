//! Trading a code for tokens (RFC 6749 section 4.1.3), and asking who they are about.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{StatusCode, Url, header};
use serde::Deserialize;
use serde_json::Value;

use super::metadata::{Metadata, Proof};
use super::token::is_yes;
use super::{Answer, OidcError, OidcOptions, Person, fetch};

/// No access token lives longer, seconds: a hundred years.
const LONGEST_SECS: f64 = 100.0 * 366.0 * 24.0 * 60.0 * 60.0;

/// What a provider gives for a code.
pub(super) struct Tokens {
    pub id_token: String,
    pub access_token: String,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    token_type: String,
    #[serde(default)]
    expires_in: Option<f64>,
    #[serde(default)]
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct Refused {
    error: String,
}

/// Trades a code.
pub(super) async fn code(
    http: &reqwest::Client,
    options: &OidcOptions,
    metadata: &Metadata,
    answer: &Answer<'_>,
) -> Result<Tokens, OidcError> {
    let mut outcome = Err(OidcError::Settings(
        "the provider takes no proof of ours".to_owned(),
    ));
    for proof in &metadata.proofs {
        outcome = ask(http, options, (&metadata.token, *proof), answer).await;
        // It may take both proofs and want one of them from this client. The code is still good then.
        if options.client_secret.is_none() || !matches!(outcome, Err(OidcError::Settings(_))) {
            break;
        }
    }
    let reply = outcome?;
    let given: Given = reply.json("tokens")?;
    let is_bearer = given.token_type.eq_ignore_ascii_case("bearer");
    let is_living = given
        .expires_in
        .is_none_or(|secs| (0.0..=LONGEST_SECS).contains(&secs));
    match given.id_token {
        Some(id_token) if is_bearer && is_living && !given.access_token.is_empty() => Ok(Tokens {
            id_token,
            access_token: given.access_token,
        }),
        _ => Err(OidcError::Trouble(
            "answered with tokens that are none".to_owned(),
        )),
    }
}

async fn ask(
    http: &reqwest::Client,
    options: &OidcOptions,
    (url, proof): (&str, Proof),
    answer: &Answer<'_>,
) -> Result<fetch::Reply, OidcError> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", answer.code),
        ("redirect_uri", answer.redirect_uri),
        ("code_verifier", answer.verifier),
    ];
    let mut request = http.post(url);
    match (&options.client_secret, proof) {
        (Some(secret), Proof::Header) => {
            request = request.header(header::AUTHORIZATION, basic(&options.client_id, secret));
        }
        (Some(secret), Proof::Form) => {
            form.extend([
                ("client_id", options.client_id.as_str()),
                ("client_secret", secret),
            ]);
        }
        (None, _) => form.push(("client_id", &options.client_id)),
    }
    let reply = fetch::send(request.form(&form)).await?;
    if reply.status == StatusCode::OK {
        Ok(reply)
    } else {
        Err(refused(&reply))
    }
}

/// The header that proves which client we are. Both halves are encoded as a form's (RFC 6749
/// section 2.3.1).
fn basic(id: &str, secret: &str) -> String {
    let encoded = |text: &str| {
        let mut url = Url::parse("https://client.invalid/").expect("it is an address");
        url.query_pairs_mut().append_pair("", text);
        url.query()
            .map_or_else(String::new, |query| query.trim_start_matches('=').to_owned())
    };
    format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)))
    )
}

/// Why there are no tokens (RFC 6749 section 5.2).
fn refused(reply: &fetch::Reply) -> OidcError {
    let status = reply.status.as_u16();
    let said = reply.json::<Refused>("reason").map(|refused| refused.error);
    match said.as_deref() {
        Ok("invalid_grant") if reply.status.is_client_error() => OidcError::Code,
        Ok(
            reason @ ("invalid_client"
            | "unauthorized_client"
            | "unsupported_grant_type"
            | "redirect_uri_mismatch"
            | "invalid_request"),
        ) => OidcError::Settings(format!(
            "the provider does not take this server for its client ({reason})"
        )),
        _ => OidcError::Trouble(format!("gave no tokens (status {status})")),
    }
}

/// What is told of a person besides their ID token (OpenID Connect Core 5.3.2).
#[derive(Deserialize)]
pub(super) struct About {
    sub: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<Value>,
    #[serde(default)]
    name: Option<Value>,
}

/// Asks about the person whose access token this is.
pub(super) async fn userinfo(
    http: &reqwest::Client,
    url: &str,
    access_token: &str,
) -> Result<About, OidcError> {
    let reply = fetch::send(http.get(url).bearer_auth(access_token)).await?;
    reply.good_json("person")
}

impl About {
    /// Adds what the ID token did not say; it must be about the same person.
    pub fn complete(self, identity: Person) -> Result<Person, OidcError> {
        if self.sub != identity.subject {
            return Err(OidcError::Trouble("spoke of another person".to_owned()));
        }
        let name = self.name.and_then(|name| Some(name.as_str()?.to_owned()));
        Ok(Person {
            is_email_verified: self.email.is_some() && is_yes(self.email_verified.as_ref()),
            email: self.email,
            name: identity.name.or(name),
            ..identity
        })
    }
}
