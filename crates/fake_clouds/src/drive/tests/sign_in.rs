//! Google's OAuth.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::oauth::{challenge_of, form_decode, pairs, value};

const BACK: &str = "http://127.0.0.1/back";
const VERIFIER: &str = "a-verifier-of-more-than-forty-three-characters-0123456789";

/// Asks for consent and returns what comes back.
async fn consent(desk: &Desk, more: &str) -> Vec<(String, String)> {
    let options = DriveOptions::default();
    let path = format!(
        "/o/oauth2/v2/auth?client_id={}&redirect_uri={BACK}&response_type=code&state=0123456789012345678901\
         &scope=openid+email+https://www.googleapis.com/auth/drive&nonce=n-1\
         &code_challenge={}&code_challenge_method=S256&access_type=offline{more}",
        options.client_id,
        challenge_of(VERIFIER)
    );
    let answer = desk.get(&path).await;
    assert_eq!(answer.status, 302, "{answer:?}");
    pairs(
        answer
            .header("location")
            .unwrap()
            .strip_prefix(&format!("{BACK}?"))
            .unwrap(),
    )
}

async fn token(desk: &Desk, form: &[(&str, &str)]) -> Answer {
    let options = DriveOptions::default();
    let client = [
        ("client_id", options.client_id.as_str()),
        ("client_secret", &options.client_secret),
    ];
    let all: Vec<_> = client.iter().chain(form).copied().collect();
    desk.send(desk.http.post(format!("{}/token", desk.fake.url())).form(&all))
        .await
}

async fn redeem(desk: &Desk, back: &[(String, String)]) -> Answer {
    let code = value(back, "code").unwrap();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ];
    token(desk, &form).await
}

async fn refresh(desk: &Desk, refresh_token: &str) -> Answer {
    token(
        desk,
        &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)],
    )
    .await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn consent_gives_tokens_and_an_id_that_the_published_key_signed() {
    let desk = Desk::new().await;
    let back = consent(&desk, "").await;
    assert_eq!(value(&back, "state"), Some("0123456789012345678901"));
    let tokens = redeem(&desk, &back).await.json();

    let id_token = text(&tokens["id_token"]);
    let (signed, signature) = id_token.rsplit_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let key = desk.get("/oauth2/v3/certs").await.json()["keys"][0].take();
    let key = RsaPublicKeyComponents {
        n: decode(&text(&key["n"])),
        e: decode(&text(&key["e"])),
    };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &decode(signature))
        .unwrap();
    let claims: Value = serde_json::from_slice(&decode(signed.split_once('.').unwrap().1)).unwrap();
    assert_eq!(
        (&claims["email"], &claims["nonce"]),
        (&json!(EMAIL), &json!("n-1"))
    );
    assert_eq!(claims["iss"], "https://accounts.google.com");

    let desk = Desk {
        token: text(&tokens["access_token"]),
        ..desk
    };
    assert_eq!(desk.get("/drive/v3/about?fields=user").await.status, 200);
    assert_eq!(desk.fake.violations(), [""; 0]);
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_what_it_gave() {
    let desk = Desk::new().await;
    let back = consent(&desk, "").await;
    let first = redeem(&desk, &back).await.json();

    assert_eq!(redeem(&desk, &back).await.json()["error"], "invalid_grant");
    assert_eq!(
        refresh(&desk, &text(&first["refresh_token"])).await.json()["error"],
        "invalid_grant"
    );
    desk.saw_wrong("twice");
}

#[tokio::test]
async fn a_refresh_token_stays_and_can_be_revoked() {
    let desk = Desk::new().await;
    let refresh_token = desk.account.issue_refresh_token();
    for _ in 0..2 {
        let answer = refresh(&desk, &refresh_token).await;
        assert_eq!(
            (answer.status, &answer.json()["refresh_token"]),
            (200, &Value::Null)
        );
    }
    let revoke = || {
        desk.http
            .post(format!("{}/revoke", desk.fake.url()))
            .form(&[("token", &refresh_token)])
    };

    assert_eq!(desk.send(revoke()).await.status, 200);
    assert_eq!(desk.send(revoke()).await.status, 400);
    assert_eq!(refresh(&desk, &refresh_token).await.status, 400);
    assert_eq!(desk.get("/drive/v3/about?fields=user").await.status, 401);
}

#[tokio::test]
async fn a_refresh_token_of_an_app_in_testing_dies_after_a_week() {
    let desk = Desk::new().await;
    desk.fake.switches().set(|switches| switches.is_testing = true);
    let refresh_token = desk.account.issue_refresh_token();

    desk.fake.clock().advance(7 * 24 * HOUR_MS - 1);
    assert_eq!(refresh(&desk, &refresh_token).await.status, 200);
    desk.fake.clock().advance(1);
    assert_eq!(
        refresh(&desk, &refresh_token).await.json()["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn who_consented_before_gets_no_refresh_token_unless_asked_again() {
    let desk = Desk::new().await;
    desk.fake
        .switches()
        .set(|switches| switches.remember_consent = true);
    let has_refresh = async |more: &str| {
        let back = consent(&desk, more).await;
        redeem(&desk, &back).await.json()["refresh_token"].is_string()
    };

    assert!(has_refresh("").await);
    assert!(!has_refresh("").await);
    assert!(has_refresh("&prompt=consent").await);
}

#[tokio::test]
async fn a_person_can_untick_a_scope_and_can_say_no() {
    let desk = Desk::new().await;
    desk.fake
        .switches()
        .set(|switches| switches.granted_scopes = vec!["openid".to_owned()]);
    let back = consent(&desk, "").await;
    let tokens = redeem(&desk, &back).await.json();
    assert_eq!(tokens["scope"], "openid");
    let narrow = Desk {
        token: text(&tokens["access_token"]),
        ..desk
    };
    assert_eq!(
        narrow.get("/drive/v3/about?fields=user").await.reason(),
        "insufficientPermissions"
    );

    narrow.fake.switches().set(|switches| switches.deny = true);
    assert_eq!(value(&consent(&narrow, "").await, "error"), Some("access_denied"));
}

#[tokio::test]
async fn a_question_without_pkce_is_refused_and_reported() {
    let desk = Desk::new().await;
    let id = DriveOptions::default().client_id;
    let path =
        format!("/o/oauth2/v2/auth?client_id={id}&redirect_uri={BACK}&response_type=code&scope=a&state=s");

    assert_eq!(desk.get(&path).await.status, 400);
    desk.saw_wrong("code_challenge");
}

#[tokio::test]
async fn the_page_of_consent_offers_to_allow_and_to_deny() {
    let desk = Desk::with(DriveOptions {
        auto_approve: false,
        ..DriveOptions::default()
    })
    .await;
    let path = format!(
        "/o/oauth2/v2/auth?client_id={}&redirect_uri={BACK}&response_type=code&state=0123456789012345678901\
         &scope=https://www.googleapis.com/auth/drive&code_challenge={}&code_challenge_method=S256",
        DriveOptions::default().client_id,
        challenge_of(VERIFIER)
    );
    let page = String::from_utf8(desk.get(&path).await.body).unwrap();
    let links: Vec<String> = page
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"))
        .collect();

    let allowed = desk.get(&links[0]).await;
    assert!(
        form_decode(allowed.header("location").unwrap()).contains("code=4/0A"),
        "{allowed:?}"
    );
    let denied = desk.get(&links[1]).await;
    assert!(
        denied.header("location").unwrap().contains("error=access_denied"),
        "{denied:?}"
    );
}
