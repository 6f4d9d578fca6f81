//! The client against a provider that is there: its connections, its keys, and every answer that a
//! good provider would not give.

mod answers;
pub(crate) mod provider;
mod tenants;
mod tokens;

use std::time::Duration;

use model::Millis;
use serde_json::{Value, json};

use super::{Answer, Oidc, OidcError, OidcOptions, Person, Question};
use provider::{Key, Provider};

const CLIENT: &str = "our-client";
const SECRET: &str = "our secret/of the client";
const APP: &str = "our-app";
const NONCE: &str = "the nonce of this question";
const VERIFIER: &str = "a-verifier-of-forty-three-letters-and-more-0";
const BACK: &str = "https://drive.example.org/auth/oidc/callback";
/// When the tests begin.
const NOW: Millis = Millis(1_800_000_000_000);
const NOW_SECS: i64 = NOW.0 / 1000;

fn options(provider: &Provider) -> OidcOptions {
    OidcOptions {
        issuer: provider.address.clone(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(SECRET.to_owned()),
        native_client_ids: vec![APP.to_owned()],
        patience: Some(Duration::from_secs(5)),
        ..OidcOptions::default()
    }
}

fn client(provider: &Provider) -> Oidc {
    Oidc::new(options(provider)).unwrap()
}

fn question() -> Question<'static> {
    Question {
        redirect_uri: BACK,
        state: "the state",
        nonce: NONCE,
        verifier: VERIFIER,
    }
}

fn answer(code: &str) -> Answer<'_> {
    Answer {
        code,
        redirect_uri: BACK,
        nonce: NONCE,
        verifier: VERIFIER,
    }
}

/// Claims of a token that is good, with `changes` over them; `null` takes a claim away.
fn claims(provider: &Provider, changes: &Value) -> Value {
    let mut claims = json!({
        "iss": provider.address,
        "sub": "person-1",
        "aud": CLIENT,
        "exp": NOW_SECS + 3600,
        "iat": NOW_SECS,
        "nonce": NONCE,
        "email": "ada@example.org",
        "email_verified": true,
        "name": "Ada",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

/// Lets the provider give this ID token for any code.
fn gives(provider: &Provider, id_token: &str) {
    provider.says(
        provider::TOKEN,
        &json!({"access_token": "opens-userinfo", "token_type": "Bearer", "expires_in": 3599, "id_token": id_token}),
    );
}

/// What comes of an ID token that answers our question.
async fn redeemed(provider: &Provider, id_token: &str) -> Result<Person, OidcError> {
    gives(provider, id_token);
    client(provider).redeem(&answer("a-code"), NOW).await
}

/// A provider with one key.
async fn ready() -> (Provider, Key) {
    let key = Key::p256("one");
    (Provider::with(&[&key]).await, key)
}
