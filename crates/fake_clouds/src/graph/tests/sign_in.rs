use super::super::oauth::PERSONAL_TENANT;
use super::*;
use crate::oauth::{challenge_of, encode, pairs, value};

const BACK: &str = "http://127.0.0.1:1/back";
const VERIFIER: &str = "a-verifier-that-is-long-enough-to-be-one-0123456789";

fn authorize(t: &World, scope: &str, more: &str) -> String {
    format!(
        "{}?client_id={}&redirect_uri={}&response_type=code&scope={}&state=0123456789012345678901&nonce=once\
         &code_challenge={}&code_challenge_method=S256{more}",
        t.fake.auth_url(),
        GraphOptions::default().client_id,
        encode(BACK),
        encode(scope),
        challenge_of(VERIFIER)
    )
}

/// The code that comes back when Ada agrees.
async fn code(t: &World, scope: &str) -> String {
    let answer = t.send("GET", &authorize(t, scope, ""), &[], "").await;
    assert_eq!(answer.status, 302, "{:?}", answer.body);
    let (address, query) = answer.header("location").split_once('?').unwrap();
    let pairs = pairs(query);
    assert_eq!(
        (address, value(&pairs, "state")),
        (BACK, Some("0123456789012345678901"))
    );
    value(&pairs, "code").unwrap().to_owned()
}

async fn token(t: &World, form: &str) -> Answer {
    let options = GraphOptions::default();
    let body = format!(
        "{form}&client_id={}&client_secret={}",
        options.client_id, options.client_secret
    );
    t.send(
        "POST",
        &t.fake.token_url(),
        &[("content-type", "application/x-www-form-urlencoded")],
        body,
    )
    .await
}

async fn redeem(t: &World, code: &str, verifier: &str) -> Answer {
    let form = format!(
        "grant_type=authorization_code&code={code}&redirect_uri={}&code_verifier={verifier}",
        encode(BACK)
    );
    token(t, &form).await
}

async fn refresh(t: &World, old: &str) -> Answer {
    token(t, &format!("grant_type=refresh_token&refresh_token={old}")).await
}

/// The claims of an ID token.
fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let middle = token.split('.').nth(1).unwrap();
    serde_json::from_slice(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(middle)
            .unwrap(),
    )
    .unwrap()
}

#[tokio::test]
async fn a_person_who_agrees_gives_tokens_that_work() {
    let t = World::personal().await;
    let answer = redeem(
        &t,
        &code(&t, "openid Files.ReadWrite offline_access").await,
        VERIFIER,
    )
    .await;
    let tokens = answer.json();
    let claims = claims(tokens["id_token"].as_str().unwrap());

    assert_eq!(tokens["scope"], "openid Files.ReadWrite");
    assert_eq!(tokens["expires_in"], 4521);
    assert_eq!(claims["iss"], format!("{}/{PERSONAL_TENANT}/v2.0", t.fake.url()));
    assert_eq!(
        (&claims["nonce"], &claims["tid"]),
        (&json!("once"), &json!(PERSONAL_TENANT))
    );
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    let t = World { token, ..t };
    assert_eq!(t.item("/me").await["mail"], ADA);
    assert_eq!(t.get("/me/drive").await.status, 200);
    t.is_honest();
}

#[tokio::test]
async fn without_offline_access_there_is_no_refresh_token() {
    let t = World::personal().await;
    let answer = redeem(&t, &code(&t, "Files.ReadWrite").await, VERIFIER)
        .await
        .json();

    assert!(answer["access_token"].is_string() && answer["refresh_token"].is_null());
}

#[tokio::test]
async fn each_refresh_brings_a_new_token_and_the_old_one_stays_good_unless_strict() {
    let t = World::personal().await;
    let old = t.ada.issue_refresh_token();
    let new = refresh(&t, &old).await.text("refresh_token");
    assert_ne!(old, new);
    assert_eq!(refresh(&t, &old).await.status, 200);
    t.fake.switches().set(|switches| switches.strict_refresh = true);
    assert_eq!(refresh(&t, &new).await.status, 200);

    let again = refresh(&t, &new).await;
    assert_eq!(
        (again.status, again.text("error").as_str()),
        (400, "invalid_grant")
    );
}

#[tokio::test]
async fn refusals_come_with_the_services_numbers() {
    let t = World::personal().await;
    let number = |answer: Answer| answer.json()["error_codes"][0].as_u64().unwrap();
    let used = code(&t, "Files.ReadWrite").await;
    redeem(&t, &used, VERIFIER).await;

    assert_eq!(number(redeem(&t, &used, VERIFIER).await), 54005);
    assert_eq!(
        number(redeem(&t, &code(&t, "Files.Read").await, "another").await),
        501_481
    );
    let (old, revoked) = (t.ada.issue_refresh_token(), t.ada.issue_refresh_token());
    t.fake.clock().advance(90 * 24 * 3600 * 1000);
    assert_eq!(number(refresh(&t, &old).await), 700_082);
    t.ada.revoke_tokens();
    assert_eq!(number(refresh(&t, &revoked).await), 50173);
    let body = "grant_type=refresh_token&refresh_token=x&client_id=x&client_secret=y";
    let answer = t.send("POST", &t.fake.token_url(), &[], body).await;
    assert_eq!((answer.status, number(answer)), (401, 7_000_215));
}

#[tokio::test]
async fn a_person_may_decline_and_another_may_sign_in() {
    let t = World::personal().await;
    t.fake.deny_next("access_denied");
    let denied = t.send("GET", &authorize(&t, "Files.Read", ""), &[], "").await;
    assert!(denied.header("location").contains("error=access_denied"));
    let bob = t.fake.account("bob@example.org");
    bob.sign_in_next();
    let answer = redeem(&t, &code(&t, "openid offline_access").await, VERIFIER).await;

    assert_eq!(claims(&answer.text("id_token"))["email"], "bob@example.org");
    let form = t
        .send(
            "GET",
            &authorize(&t, "Files.Read", "&response_mode=form_post"),
            &[],
            "",
        )
        .await;
    assert!(String::from_utf8_lossy(&form.body).contains("<form method=post"));
}

#[tokio::test]
async fn what_the_service_says_of_itself_leaves_the_tenant_open() {
    let t = World::business().await;
    let url = |path: &str| format!("{}{path}", t.fake.url());
    let discovery = t
        .send(
            "GET",
            &url("/common/v2.0/.well-known/openid-configuration"),
            &[],
            "",
        )
        .await;
    let keys = t.send("GET", &discovery.text("jwks_uri"), &[], "").await.json();
    let issuer = format!("{}/{{tenantid}}/v2.0", t.fake.url());

    assert_eq!(discovery.text("issuer"), issuer);
    assert_eq!(keys["keys"][0]["issuer"], issuer);
    t.fake.rotate_keys(false);
    let rotated = t.send("GET", &discovery.text("jwks_uri"), &[], "").await.json();
    assert_ne!(rotated["keys"][0]["kid"], keys["keys"][0]["kid"]);
    let nobody = t
        .send("GET", &url("/nobody/oauth2/v2.0/authorize"), &[], "")
        .await;
    assert_eq!(nobody.json()["error_codes"][0], 90002);
}

#[tokio::test]
async fn an_app_of_one_tenant_does_not_answer_to_common() {
    let options = GraphOptions {
        is_single_tenant: true,
        ..GraphOptions::default()
    };
    let t = World::with(options).await;
    let answer = t.send("GET", &authorize(&t, "Files.Read", ""), &[], "").await;

    assert_eq!(answer.json()["error_codes"][0], 50194);
}

#[tokio::test]
async fn a_person_can_look_at_a_page_and_choose() {
    let options = GraphOptions {
        shows_page: true,
        ..GraphOptions::default()
    };
    let t = World::with(options).await;
    let page = t.send("GET", &authorize(&t, "Files.Read", ""), &[], "").await;
    let text = String::from_utf8_lossy(&page.body).into_owned();

    assert_eq!(page.status, 200);
    assert!(text.contains(&format!("Allow as {ADA}")) && text.contains("access_denied"));
}
