//! The whole way, from the page of consent on, at servers that speak as Google and Microsoft do.

use fake_clouds::drive::{DriveFake, DriveOptions};
use fake_clouds::graph::{GraphFake, GraphOptions};
use fake_clouds::{Act, FakeClock, Fault};

use super::*;
use crate::{Oidc, OidcOptions};

/// When it begins, by the clouds' clock.
fn clock() -> FakeClock {
    FakeClock::at(NOW.0)
}

async fn google() -> (DriveFake, OAuth) {
    let options = DriveOptions {
        clock: clock(),
        ..DriveOptions::default()
    };
    let (client_id, client_secret) = (options.client_id.clone(), options.client_secret.clone());
    let fake = DriveFake::start(options).await;
    let oauth = OAuth::new(OAuthOptions {
        client_id,
        client_secret,
        auth_url: format!("{}/o/oauth2/v2/auth", fake.url()),
        token_url: format!("{}/token", fake.url()),
        revoke_url: Some(format!("{}/revoke", fake.url())),
        ..options_of(OAuthProvider::Google)
    });
    (fake, oauth.unwrap())
}

async fn microsoft(change: impl FnOnce(&mut GraphOptions)) -> (GraphFake, OAuth) {
    let mut options = GraphOptions {
        clock: clock(),
        ..GraphOptions::default()
    };
    let (client_id, client_secret) = (options.client_id.clone(), options.client_secret.clone());
    change(&mut options);
    let fake = GraphFake::start(options).await;
    let _ = fake.account("ada@example.org");
    let oauth = OAuth::new(OAuthOptions {
        client_id,
        client_secret,
        auth_url: fake.auth_url(),
        token_url: fake.token_url(),
        revoke_url: None,
        ..options_of(OAuthProvider::Microsoft)
    });
    (fake, oauth.unwrap())
}

fn options_of(provider: OAuthProvider) -> OAuthOptions {
    options(provider, "https://nowhere.invalid")
}

/// What the browser comes back with.
async fn consent(oauth: &OAuth) -> BTreeMap<String, String> {
    let question = LinkQuestion {
        state: "a state of more than 128 bits, which nobody guesses",
        ..question()
    };
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let answer = http.get(oauth.authorize_url(&question)).send().await.unwrap();
    let back = answer.headers()["location"].to_str().unwrap();
    assert!(back.starts_with(BACK), "{back}");
    let brought = asked(back);
    assert_eq!(brought["state"], question.state);
    brought
}

async fn linked(oauth: &OAuth) -> Result<Grant, OAuthError> {
    let brought = consent(oauth).await;
    oauth.redeem(&brought["code"], VERIFIER, BACK, NOW).await
}

#[tokio::test]
async fn a_drive_of_google_is_linked_used_and_given_back() {
    let (fake, oauth) = google().await;
    let oidc = Oidc::new(OidcOptions {
        issuer: "https://accounts.google.com".to_owned(),
        client_id: DriveOptions::default().client_id,
        authorize_url: Some(format!("{}/o/oauth2/v2/auth", fake.url())),
        token_url: Some(format!("{}/token", fake.url())),
        jwks_url: Some(format!("{}/oauth2/v3/certs", fake.url())),
        ..OidcOptions::default()
    })
    .unwrap();

    let grant = linked(&oauth).await.unwrap();
    let person = oidc.check_id_token(grant.id_token.as_ref().unwrap(), NOW).await;
    let refresh = grant.refresh_token.unwrap();
    let next = oauth.refresh(&refresh, NOW).await.unwrap();

    assert_eq!(person.unwrap().email.as_deref(), Some("ada@gmail.com"));
    assert_eq!(next.refresh_token, None, "Google's stays");
    assert_ne!(next.access_token, grant.access_token);
    assert_eq!(oauth.revoke(&refresh).await, Ok(true));
    assert!(matches!(
        oauth.refresh(&refresh, NOW).await,
        Err(OAuthError::Ended { .. })
    ));
    assert_eq!(oauth.revoke(&refresh).await, Ok(true), "gone already");
    assert_eq!(fake.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn who_consented_before_gets_lasting_access_again() {
    let (fake, oauth) = google().await;
    fake.switches().set(|switches| switches.remember_consent = true);

    linked(&oauth).await.unwrap();
    let again = linked(&oauth).await.unwrap();

    assert!(again.refresh_token.is_some());
}

#[tokio::test]
async fn a_person_may_say_no_or_leave_the_files_out() {
    let (fake, oauth) = google().await;
    fake.switches()
        .set(|switches| switches.granted_scopes = vec!["openid".to_owned(), "email".to_owned()]);
    let less = linked(&oauth).await;
    fake.switches().set(|switches| switches.deny = true);
    let brought = consent(&oauth).await;

    assert!(matches!(less, Err(OAuthError::Scope { .. })), "{less:?}");
    assert!(matches!(
        oauth.refusal(&brought["error"]),
        OAuthError::Denied { .. }
    ));
}

#[tokio::test]
async fn a_project_in_testing_ends_access_after_a_week_and_is_named() {
    let (fake, oauth) = google().await;
    fake.switches().set(|switches| switches.is_testing = true);
    let grant = linked(&oauth).await.unwrap();
    let refresh = grant.refresh_token.unwrap();
    let week = NOW.plus_secs(7 * 24 * 60 * 60);
    fake.clock().advance(week.0 - NOW.0 + 1000);

    let ended = oauth.refresh(&refresh, week).await.unwrap_err();

    assert_eq!(grant.refresh_expires, Some(week));
    assert!(matches!(
        ended.of_connection(Some(NOW), week.plus_secs(1)),
        RemoteError::SignInAgain(SignInReason::Testing)
    ));
}

#[tokio::test]
async fn a_code_is_good_once_and_for_who_has_the_verifier() {
    let (_fake, oauth) = google().await;
    let (_other, microsoft) = microsoft(|_| {}).await;
    for oauth in [oauth, microsoft] {
        let code = &consent(&oauth).await["code"];
        let thief = "b".repeat(43);
        let stolen = oauth.redeem(code, &thief, BACK, NOW).await;
        assert!(matches!(stolen, Err(OAuthError::Code { .. })), "{stolen:?}");

        let code = &consent(&oauth).await["code"];
        assert!(oauth.redeem(code, VERIFIER, BACK, NOW).await.is_ok());
        let again = oauth.redeem(code, VERIFIER, BACK, NOW).await;
        assert!(matches!(again, Err(OAuthError::Code { .. })), "{again:?}");
    }
}

#[tokio::test]
async fn google_s_reason_for_an_end_is_told() {
    let (fake, oauth) = google().await;
    let refresh = linked(&oauth).await.unwrap().refresh_token.unwrap();
    fake.switches()
        .set(|switches| switches.refuse_refresh = "invalid_rapt".to_owned());

    let ended = oauth.refresh(&refresh, NOW).await;

    let expected = OAuthError::Ended {
        code: "invalid_rapt".to_owned(),
        is_idle: false,
        may_be_testing: false,
    };
    assert_eq!(ended, Err(expected));
}

#[tokio::test]
async fn a_drive_of_microsoft_is_linked_and_its_person_is_one_of_a_tenant() {
    let (fake, oauth) = microsoft(|_| {}).await;
    let oidc = Oidc::new(OidcOptions {
        issuer: format!("{}/{{tenantid}}/v2.0", fake.url()),
        client_id: GraphOptions::default().client_id,
        ..OidcOptions::default()
    })
    .unwrap();

    let grant = linked(&oauth).await.unwrap();
    let person = oidc.check_id_token(grant.id_token.as_ref().unwrap(), NOW).await;
    let person = person.unwrap();
    let first = grant.refresh_token.unwrap();
    let next = oauth.refresh(&first, NOW).await.unwrap();

    let personal = "9188040d-6c67-4c5b-b112-36a304b66dad";
    assert_eq!(person.issuer, format!("{}/{personal}/v2.0", fake.url()));
    assert!(!person.is_email_verified);
    assert_ne!(next.refresh_token.as_ref(), Some(&first), "Microsoft's changes");
    assert_eq!(oauth.revoke(&first).await, Ok(false));
    assert_eq!(fake.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_refresh_token_of_microsoft_that_is_used_twice_ends_where_that_is_the_rule() {
    let (fake, oauth) = microsoft(|_| {}).await;
    let first = linked(&oauth).await.unwrap().refresh_token.unwrap();
    assert!(oauth.refresh(&first, NOW).await.is_ok());
    assert!(
        oauth.refresh(&first, NOW).await.is_ok(),
        "a crash in between is survived"
    );
    fake.switches().set(|switches| switches.strict_refresh = true);
    let first = linked(&oauth).await.unwrap().refresh_token.unwrap();
    assert!(oauth.refresh(&first, NOW).await.is_ok());

    let again = oauth.refresh(&first, NOW).await;

    assert!(matches!(again, Err(OAuthError::Ended { .. })), "{again:?}");
}

#[tokio::test]
async fn a_refresh_token_that_nobody_used_for_90_days_is_idle() {
    let (fake, oauth) = microsoft(|_| {}).await;
    let refresh = linked(&oauth).await.unwrap().refresh_token.unwrap();
    fake.clock().advance(91 * 24 * 3_600_000);

    let idle = oauth.refresh(&refresh, NOW).await;

    assert!(
        matches!(idle, Err(OAuthError::Ended { is_idle: true, .. })),
        "{idle:?}"
    );
}

#[tokio::test]
async fn settings_that_microsoft_does_not_take_are_told_apart() {
    let (_fake, wrong_secret) = microsoft(|options| options.client_secret = "another".to_owned()).await;
    let (_other, one_tenant) = microsoft(|options| options.is_single_tenant = true).await;

    let secret = wrong_secret.refresh("any", NOW).await;
    let tenant = one_tenant.refresh("any", NOW).await;

    assert_eq!(
        secret,
        Err(OAuthError::BadClient {
            code: "AADSTS7000215".to_owned()
        })
    );
    assert!(
        matches!(&tenant, Err(OAuthError::Misfit(reason)) if reason.contains("one tenant only")),
        "{tenant:?}"
    );
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() {
    let (fake, oauth) = google().await;
    let refresh = linked(&oauth).await.unwrap().refresh_token.unwrap();
    for act in [Act::DropBefore, Act::DropAfter, Act::status(503, None)] {
        fake.faults().push(Fault::on("POST", "/token", act));

        assert!(oauth.refresh(&refresh, NOW).await.is_ok());
    }
}
