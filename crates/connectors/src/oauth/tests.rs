//! The client against a token endpoint that is there, and what each word of a provider means.

use std::collections::BTreeMap;
use std::time::Duration;

use model::Millis;
use reqwest::Url;
use serde_json::{Value, json};

use super::*;
use crate::oidc::tests::provider::{Provider, Reply, TOKEN, s256};
use crate::{RemoteError, SignInReason};

mod clouds;
mod refusals;

const SECRET: &str = "GOCSPX-canary-secret";
const REFRESH: &str = "1//canary-refresh";
const VERIFIER: &str = "a-verifier-of-forty-three-letters-and-more-0";
const BACK: &str = "https://drive.example.org/auth/google/callback";
const REVOKE: &str = "/revoke";
const NOW: Millis = Millis(1_800_000_000_000);

fn options(provider: OAuthProvider, address: &str) -> OAuthOptions {
    OAuthOptions {
        provider,
        client_id: "our-client".to_owned(),
        client_secret: SECRET.to_owned(),
        auth_url: format!("{address}/consent?tenant=a"),
        token_url: format!("{address}{TOKEN}"),
        revoke_url: Some(format!("{address}{REVOKE}")),
        scopes: Vec::new(),
        patience: Some(Duration::from_secs(60)),
        pause: Some(Duration::from_millis(1)),
    }
}

fn client(provider: OAuthProvider, server: &Provider) -> OAuth {
    OAuth::new(options(provider, &server.address)).unwrap()
}

fn question() -> LinkQuestion<'static> {
    LinkQuestion {
        redirect_uri: BACK,
        state: "the state",
        verifier: VERIFIER,
        nonce: Some("the nonce"),
        login_hint: None,
        wants_account_choice: true,
    }
}

/// The parts of a query or form.
fn parts(text: &str) -> BTreeMap<String, String> {
    let url = Url::parse(&format!("http://parts.invalid/?{text}")).unwrap();
    url.query_pairs().into_owned().collect()
}

fn asked(url: &str) -> BTreeMap<String, String> {
    parts(Url::parse(url).unwrap().query().unwrap())
}

/// What a good provider of each kind answers, with `changes` over it.
fn granted(provider: OAuthProvider, changes: &Value) -> Value {
    let mut grant = json!({
        "access_token": "ya29.canary-access",
        "token_type": "Bearer",
        "expires_in": 3599,
        "refresh_token": REFRESH,
        "scope": provider.scopes().join(" "),
        "id_token": "a.b.c",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(grant.as_object_mut().unwrap().remove(name)),
            value => grant[name] = value.clone(),
        }
    }
    grant
}

async fn redeemed(provider: OAuthProvider, changes: &Value) -> Result<Grant, OAuthError> {
    let server = Provider::bare().await;
    server.says(TOKEN, &granted(provider, changes));
    client(provider, &server)
        .redeem("the code", VERIFIER, BACK, NOW)
        .await
}

async fn refreshed(provider: OAuthProvider, changes: &Value) -> Result<Grant, OAuthError> {
    let server = Provider::bare().await;
    server.says(TOKEN, &granted(provider, changes));
    client(provider, &server).refresh(REFRESH, NOW).await
}

#[test]
fn google_is_asked_for_lasting_access_and_consent_each_time() {
    let oauth = OAuth::new(options(OAuthProvider::Google, "https://accounts.example.org")).unwrap();

    let asked = asked(&oauth.authorize_url(&question()));

    let expected = [
        ("tenant", "a"),
        ("response_type", "code"),
        ("client_id", "our-client"),
        ("redirect_uri", BACK),
        ("scope", "https://www.googleapis.com/auth/drive openid email"),
        ("state", "the state"),
        ("code_challenge", &s256(VERIFIER)),
        ("code_challenge_method", "S256"),
        ("access_type", "offline"),
        ("prompt", "select_account consent"),
        ("nonce", "the nonce"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(asked, BTreeMap::from(expected));
}

#[test]
fn an_account_that_is_known_is_not_asked_for_again() {
    let google = OAuth::new(options(OAuthProvider::Google, "https://a.example.org")).unwrap();
    let microsoft = OAuth::new(options(OAuthProvider::Microsoft, "https://a.example.org")).unwrap();
    let known = LinkQuestion {
        login_hint: Some("ada@example.org"),
        wants_account_choice: false,
        ..question()
    };

    let of_google = asked(&google.authorize_url(&known));
    let of_microsoft = asked(&microsoft.authorize_url(&known));

    assert_eq!(of_google["prompt"], "consent", "else there is no refresh token");
    assert_eq!(of_google["login_hint"], "ada@example.org");
    assert_eq!(of_microsoft["login_hint"], "ada@example.org");
    assert!(!of_microsoft.contains_key("prompt"));
}

#[test]
fn microsoft_is_asked_in_its_own_way() {
    let oauth = OAuth::new(options(OAuthProvider::Microsoft, "https://a.example.org")).unwrap();

    let asked = asked(&oauth.authorize_url(&question()));

    assert_eq!(asked["response_mode"], "query");
    assert_eq!(asked["prompt"], "select_account");
    assert_eq!(
        asked["scope"],
        "Files.ReadWrite offline_access User.Read openid email"
    );
    assert!(!asked.contains_key("access_type"));
}

#[tokio::test]
async fn a_code_is_traded_with_its_verifier_and_our_secret() {
    let server = Provider::bare().await;
    server.says(TOKEN, &granted(OAuthProvider::Google, &json!({})));

    let grant = client(OAuthProvider::Google, &server)
        .redeem("the code", VERIFIER, BACK, NOW)
        .await
        .unwrap();

    let form = parts(&server.asked(TOKEN)[0].body);
    let expected = [
        ("client_id", "our-client"),
        ("client_secret", SECRET),
        ("grant_type", "authorization_code"),
        ("code", "the code"),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(form, BTreeMap::from(expected));
    assert_eq!(grant.access_token, "ya29.canary-access");
    assert_eq!(grant.refresh_token.as_deref(), Some(REFRESH));
    assert_eq!(grant.expires, NOW.plus_secs(3599));
    assert_eq!(grant.refresh_expires, None);
    assert_eq!(grant.id_token.as_deref(), Some("a.b.c"));
}

#[tokio::test]
async fn a_client_without_a_secret_sends_none() {
    let server = Provider::bare().await;
    server.says(TOKEN, &granted(OAuthProvider::Microsoft, &json!({})));
    let mut options = options(OAuthProvider::Microsoft, &server.address);
    options.client_secret.clear();

    let grant = OAuth::new(options).unwrap().refresh(REFRESH, NOW).await;

    assert!(grant.is_ok());
    let form = parts(&server.asked(TOKEN)[0].body);
    assert!(!form.contains_key("client_secret"));
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["refresh_token"], REFRESH);
}

#[tokio::test]
async fn a_refresh_without_a_new_token_leaves_the_old_one() {
    let rotated = refreshed(OAuthProvider::Microsoft, &json!({"refresh_token": "the next"})).await;
    let kept = refreshed(OAuthProvider::Google, &json!({"refresh_token": null})).await;

    assert_eq!(rotated.unwrap().refresh_token.as_deref(), Some("the next"));
    assert_eq!(kept.unwrap().refresh_token, None);
}

#[tokio::test]
async fn access_that_is_given_for_a_time_says_until_when() {
    let grant = redeemed(
        OAuthProvider::Google,
        &json!({"refresh_token_expires_in": 604_800}),
    )
    .await;

    assert_eq!(grant.unwrap().refresh_expires, Some(NOW.plus_secs(604_800)));
}

#[tokio::test]
async fn a_grant_without_the_files_is_none() {
    let drive = "https://www.googleapis.com/auth/drive";
    for (provider, scope, is_enough) in [
        (OAuthProvider::Google, format!("openid email {drive}"), true),
        (OAuthProvider::Google, "openid email".to_owned(), false),
        (OAuthProvider::Google, format!("openid {drive}.file"), false),
        (OAuthProvider::Google, String::new(), false),
        (
            OAuthProvider::Microsoft,
            "files.readwrite openid".to_owned(),
            true,
        ),
        (
            OAuthProvider::Microsoft,
            "https://graph.microsoft.com/Files.ReadWrite".to_owned(),
            true,
        ),
        (OAuthProvider::Microsoft, "Files.ReadWrite.All".to_owned(), true),
        (OAuthProvider::Microsoft, "Files.Read".to_owned(), false),
        (OAuthProvider::Microsoft, "User.Read openid".to_owned(), false),
    ] {
        let outcome = redeemed(provider, &json!({"scope": scope})).await;

        match outcome {
            Ok(_) => assert!(is_enough, "{scope:?} was taken"),
            Err(OAuthError::Scope { missing }) => {
                assert!(!is_enough, "{scope:?} was refused");
                assert_eq!(missing, [provider.scopes()[0]]);
            }
            Err(other) => panic!("{scope:?}: {other}"),
        }
    }
}

#[tokio::test]
async fn what_was_asked_for_is_granted_when_nothing_else_is_said() {
    let grant = redeemed(OAuthProvider::Microsoft, &json!({"scope": null})).await;

    assert_eq!(grant.unwrap().scopes, OAuthProvider::Microsoft.scopes());
}

#[tokio::test]
async fn a_refresh_goes_on_with_what_was_allowed_when_more_is_asked_by_now() {
    let less = json!({"scope": "Files.Read openid"});
    let none = json!({"scope": "openid"});

    assert!(refreshed(OAuthProvider::Microsoft, &less).await.is_ok());
    assert!(matches!(
        refreshed(OAuthProvider::Microsoft, &none).await,
        Err(OAuthError::Scope { .. })
    ));
}

#[tokio::test]
async fn what_is_no_token_is_not_used() {
    for changes in [
        json!({"access_token": ""}),
        json!({"access_token": "two\nlines"}),
        json!({"access_token": null}),
        json!({"token_type": "mac"}),
        json!({"expires_in": -1}),
        json!({"expires_in": 1e300}),
        json!({"expires_in": "soon"}),
    ] {
        let outcome = redeemed(OAuthProvider::Google, &changes).await;

        assert!(matches!(outcome, Err(OAuthError::Unavailable(_))), "{changes}");
    }
}

#[tokio::test]
async fn access_is_given_back_where_that_is_possible() {
    let server = Provider::bare().await;
    let google = client(OAuthProvider::Google, &server);
    let mut without = options(OAuthProvider::Microsoft, &server.address);
    without.revoke_url = None;
    let microsoft = OAuth::new(without).unwrap();

    for (status, expected) in [
        (200, Ok(true)),
        (400, Ok(true)),
        (
            403,
            Err(OAuthError::Unavailable("it answers with status 403".to_owned())),
        ),
    ] {
        server.answers(REVOKE, Reply::Says(status, "", Vec::new()));
        assert_eq!(google.revoke(REFRESH).await, expected, "{status}");
    }
    assert_eq!(parts(&server.asked(REVOKE)[0].body)["token"], REFRESH);
    assert_eq!(microsoft.revoke(REFRESH).await, Ok(false));
}

#[test]
fn addresses_that_others_can_read_along_are_refused() {
    for address in ["http://accounts.example.org", "ftp://127.0.0.1", "nowhere"] {
        let outcome = OAuth::new(options(OAuthProvider::Google, address));

        assert!(matches!(outcome, Err(OAuthError::Misfit(_))), "{address}");
    }
}

#[tokio::test]
async fn nothing_that_is_shown_holds_a_secret() {
    let server = Provider::bare().await;
    let oauth = client(OAuthProvider::Google, &server);
    let grant = redeemed(OAuthProvider::Google, &json!({})).await.unwrap();
    let told = json!({"error": "invalid_grant", "error_description": REFRESH});
    server.answers(TOKEN, Reply::Says(400, "", told.to_string().into_bytes()));
    let error = oauth.refresh(REFRESH, NOW).await.unwrap_err();

    let shown = format!("{oauth:?} {grant:?} {:?} {error}", question());

    for secret in ["ya29", "a.b.c", VERIFIER, "the state", REFRESH, SECRET] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
