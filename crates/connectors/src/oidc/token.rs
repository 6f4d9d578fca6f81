//! The check of an ID token (OpenID Connect Core 3.1.3.7).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use model::Millis;
use serde::Deserialize;
use serde_json::Value;

use super::{OidcError, OidcOptions, Person};

/// How far two clocks may be apart, seconds.
const LEEWAY_SECS: f64 = 60.0;
/// The longest ID token that is looked at.
const LONGEST: usize = 16 * 1024;
/// The longest `sub` (OpenID Connect Core section 2).
const SUBJECT_BYTES: usize = 255;
/// The longest text about a person that is taken over.
const TEXT_BYTES: usize = 255;

/// How a token says that it is signed.
pub(super) struct Header {
    pub algorithm: Algorithm,
    pub key_name: Option<String>,
}

/// What a token must have been made for.
#[derive(Clone, Copy)]
pub(super) enum Expected<'a> {
    /// The answer to a question of ours.
    Answer { client_id: &'a str, nonce: &'a str },
    /// An app of ours, or this server by way of one.
    Native(&'a OidcOptions),
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    crit: Option<Value>,
}

/// Reads how a token is signed. Algorithms that need no key, or one that we would share with the
/// provider, are none of ours.
pub(super) fn header(token: &str) -> Result<Header, OidcError> {
    const MALFORMED: OidcError = OidcError::Token("is not a signed token");
    if token.len() > LONGEST {
        return Err(OidcError::Token("is longer than 16 KiB"));
    }
    let head = token.split('.').next().unwrap_or_default();
    let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| MALFORMED)?;
    let raw: RawHeader = serde_json::from_slice(&head).map_err(|_| MALFORMED)?;
    let algorithm = match raw.alg.as_str() {
        "RS256" => Algorithm::RS256,
        "PS256" => Algorithm::PS256,
        "ES256" => Algorithm::ES256,
        "EdDSA" => Algorithm::EdDSA,
        _ => return Err(OidcError::Token("is not signed in a way that is taken here")),
    };
    // RFC 7515 section 4.1.11: what it holds must be understood, and we understand none.
    if raw.crit.is_some() {
        return Err(OidcError::Token("has extensions that are not understood"));
    }
    // Tokens for other purposes say so, such as `at+jwt` (RFC 9068) and `logout+jwt`.
    if raw.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
        return Err(OidcError::Token("is a token of another kind"));
    }
    Ok(Header {
        algorithm,
        key_name: raw.kid,
    })
}

/// The tenant that a token says it is of. Only good for finding what proves the token.
pub(super) fn tenant(token: &str) -> Result<String, OidcError> {
    #[derive(Deserialize)]
    struct Told {
        tid: String,
    }
    let body = token.split('.').nth(1).unwrap_or_default();
    let body = URL_SAFE_NO_PAD.decode(body).unwrap_or_default();
    let told: Result<Told, _> = serde_json::from_slice(&body);
    told.map(|told| told.tid)
        .map_err(|_| OidcError::Token("is of no tenant"))
}

/// A text, or a list of texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

/// Whether a claim is a plain yes; some providers write it as a text.
pub(super) fn is_yes(claim: Option<&Value>) -> bool {
    match claim {
        Some(Value::Bool(is)) => *is,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

/// What a token says whose signature is good.
#[derive(Deserialize)]
pub(super) struct Claims {
    iss: String,
    sub: String,
    aud: Texts,
    #[serde(default)]
    azp: Option<String>,
    exp: f64,
    iat: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<Value>,
    #[serde(default)]
    name: Option<Value>,
}

/// Reads what a token says, if it is signed with `key`.
pub(super) fn verified(token: &str, header: &Header, key: &DecodingKey) -> Result<Claims, OidcError> {
    let mut rules = Validation::new(header.algorithm);
    // What it says is checked below, by the clock that came in.
    rules.required_spec_claims.clear();
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules.validate_aud = false;
    let read = jsonwebtoken::decode::<Claims>(token, key, &rules);
    read.map(|data| data.claims).map_err(|error| {
        use jsonwebtoken::errors::ErrorKind;
        match error.kind() {
            ErrorKind::Json(_) => OidcError::Token("does not say what an ID token says"),
            _ => OidcError::Token("is not signed by the provider"),
        }
    })
}

impl Claims {
    /// Checks that a token is meant for us, now.
    pub fn check(&self, issuers: &[&str], expected: Expected<'_>, now: Millis) -> Result<(), OidcError> {
        let refuse = |why| Err(OidcError::Token(why));
        if !issuers.contains(&self.iss.as_str()) {
            return refuse("is from another issuer");
        }
        if self.sub.is_empty() || self.sub.len() > SUBJECT_BYTES || self.sub.contains(char::is_control) {
            return refuse("names nobody");
        }
        let is_ours = |id: &str| match expected {
            Expected::Answer { client_id, .. } => id == client_id,
            Expected::Native(options) => {
                let natives = options.native_client_ids.iter();
                !id.is_empty() && natives.chain([&options.client_id]).any(|own| own == id)
            }
        };
        let (is_for_us, is_for_others) = match &self.aud {
            Texts::One(one) => (is_ours(one), false),
            Texts::Many(all) => (all.iter().any(|one| is_ours(one)), all.len() > 1),
        };
        if !is_for_us {
            return refuse("is for another server");
        }
        // Who asked for it; must be said when it is for several, and be us whenever it is said.
        match &self.azp {
            Some(azp) if !is_ours(azp) => return refuse("was asked for by another server"),
            None if is_for_others => return refuse("is for several servers"),
            Some(_) | None => {}
        }
        let now_secs = seconds(now);
        if self.exp + LEEWAY_SECS <= now_secs {
            return refuse("has expired");
        }
        let begins = self.nbf.map_or(self.iat, |nbf| nbf.max(self.iat));
        if begins - LEEWAY_SECS > now_secs {
            return refuse("is not valid yet");
        }
        match expected {
            Expected::Answer { nonce, .. } if self.nonce.as_deref() != Some(nonce) => {
                refuse("does not answer our question")
            }
            Expected::Answer { .. } | Expected::Native(_) => Ok(()),
        }
    }

    /// Who it is about. `issuer` is the one spelling that is kept.
    pub fn identity(self, issuer: &str) -> Person {
        let is_verified = is_yes(self.email_verified.as_ref());
        let short = |text: &String| text.len() <= TEXT_BYTES;
        let name = self.name.and_then(|name| Some(name.as_str()?.to_owned()));
        Person {
            issuer: issuer.to_owned(),
            subject: self.sub,
            is_email_verified: is_verified && self.email.is_some(),
            email: self.email,
            name: name.filter(short),
        }
    }
}

/// Seconds since 1970, as tokens count.
fn seconds(now: Millis) -> f64 {
    now.0 as f64 / 1000.0
}
