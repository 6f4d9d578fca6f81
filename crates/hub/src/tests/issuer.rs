//! A real provider on this machine, whose keys the tests hold.

#[path = "../../../connectors/src/oidc/tests/provider.rs"]
#[allow(dead_code)]
pub(crate) mod provider;

use std::collections::BTreeMap;

use connectors::{Oidc, OidcOptions};
use model::Actor;
use serde_json::{Value, json};

use super::harness::{TestHub, here};
use crate::{
    Begun, Config, Credential, HubError, IdentityProvider, PageSignIn, Peer, ProviderAnswer, Recognised,
    SignIn,
};
use provider::{Key, Provider};

const CLIENT: &str = "our-client";
const BACK: &str = "https://drive.example.org/auth/oidc/callback";

/// A provider and its key.
pub(crate) struct Issuer {
    pub(crate) provider: Provider,
    key: Key,
}

impl Issuer {
    pub(crate) async fn new() -> Self {
        let key = Key::p256("one");
        let provider = Provider::with(&[&key]).await;
        Self { provider, key }
    }

    /// Lets people sign in with it under a name.
    pub(crate) fn offered(&self, name: &'static str) -> IdentityProvider {
        let options = OidcOptions {
            issuer: self.provider.address.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: Some("secret".to_owned()),
            ..OidcOptions::default()
        };
        IdentityProvider {
            name,
            title: "Example".to_owned(),
            redirect_uri: Some(BACK.to_owned()),
            client: Oidc::new(options).unwrap(),
        }
    }

    /// An ID token for a person, which says these things besides.
    pub(crate) fn token(&self, t: &TestHub, subject: &str, said: &Value) -> String {
        let now = t.time().0 / 1000;
        let mut claims = json!({
            "iss": self.provider.address, "aud": CLIENT, "sub": subject, "iat": now, "exp": now + 3600,
        });
        let said = said.as_object().unwrap().clone();
        claims.as_object_mut().unwrap().extend(said);
        self.key.sign(&claims)
    }

    /// What the browser brings back when a person signs in at the provider.
    pub(crate) fn answer(&self, t: &TestHub, begun: &Begun, subject: &str, said: &Value) -> ProviderAnswer {
        let asked = query(&begun.url);
        let mut said = said.clone();
        said["nonce"] = asked["nonce"].clone().into();
        let tokens = json!({
            "access_token": "a", "token_type": "Bearer", "id_token": self.token(t, subject, &said),
        });
        self.provider.says(provider::TOKEN, &tokens);
        ProviderAnswer {
            code: Some("a-code".to_owned()),
            state: Some(asked["state"].clone()),
            ..ProviderAnswer::default()
        }
    }

    pub(crate) fn times_redeemed(&self) -> usize {
        self.provider.asked(provider::TOKEN).len()
    }
}

/// The parts of an address's query.
pub(crate) fn query(url: &str) -> BTreeMap<String, String> {
    let pairs = url.split_once('?').unwrap().1.split('&');
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

pub(crate) fn verified(email: &str) -> Value {
    json!({"email": email, "email_verified": true, "name": "Ada L."})
}

pub(crate) fn offering(issuer: &Issuer) -> impl Fn(&mut Config) {
    let offered = issuer.offered("oidc");
    move |config| config.identity_providers = vec![offered.clone()]
}

/// Signs a browser in, from the question to the session.
pub(crate) async fn browse(
    t: &TestHub,
    issuer: &Issuer,
    (subject, said): (&str, &Value),
    peer: &Peer,
) -> Result<Recognised<PageSignIn>, HubError> {
    let begun = t.begin_sign_in("oidc", "/#/folder/root").await?;
    let answer = issuer.answer(t, &begun, subject, said);
    back(t, "oidc", (&answer, Some(&begun.question)), peer).await
}

/// Comes back from a provider with an answer to a sign-in.
pub(crate) async fn back(
    t: &TestHub,
    provider: &str,
    (answer, question): (&crate::ProviderAnswer, Option<&str>),
    peer: &Peer,
) -> Result<Recognised<PageSignIn>, HubError> {
    match t.come_back(provider, answer, question, peer).await? {
        crate::CameBack::SignedIn(signed_in) => Ok(signed_in),
        crate::CameBack::Linked(_) => panic!("a drive was linked by a sign-in"),
    }
}

/// Signs an app in.
pub(crate) async fn native(
    t: &TestHub,
    issuer: &Issuer,
    (subject, said): (&str, &Value),
    peer: &Peer,
) -> Result<Recognised<SignIn>, HubError> {
    t.sign_in_with_id_token("oidc", &issuer.token(t, subject, said), peer)
        .await
}

#[track_caller]
pub(crate) fn known<T>(outcome: Result<Recognised<T>, HubError>) -> T {
    match outcome {
        Ok(Recognised::Known(known)) => known,
        Ok(Recognised::JoinNeeded { .. }) => panic!("an account is to be joined"),
        Err(error) => panic!("{error:?}"),
    }
}

#[track_caller]
pub(crate) fn ticket<T>(outcome: Result<Recognised<T>, HubError>) -> String {
    match outcome {
        Ok(Recognised::JoinNeeded { ticket }) => ticket,
        Ok(Recognised::Known(_)) => panic!("nothing was to be joined"),
        Err(error) => panic!("{error:?}"),
    }
}

pub(crate) async fn cookie_actor(t: &TestHub, page: &PageSignIn) -> Actor {
    t.authenticate(&Credential::Cookie(page.cookie.clone()), &here())
        .await
        .unwrap()
}
