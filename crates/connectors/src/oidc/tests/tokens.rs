//! Which ID tokens are taken, and which keys.

use serde_json::{Value, json};

use super::provider::{self, Key, Provider, Reply};
use super::*;

#[tokio::test]
async fn an_id_token_tells_who_it_is_whatever_it_is_signed_with() {
    for key in [
        Key::rsa("k"),
        Key::rsa_pss("k"),
        Key::p256("k"),
        Key::ed25519("k"),
    ] {
        let provider = Provider::with(&[&key]).await;

        let identity = redeemed(&provider, &key.sign(&claims(&provider, &json!({})))).await;

        let expected = Person {
            issuer: provider.address.clone(),
            subject: "person-1".to_owned(),
            email: Some("ada@example.org".to_owned()),
            is_email_verified: true,
            name: Some("Ada".to_owned()),
        };
        assert_eq!(identity, Ok(expected), "{}", key.algorithm());
    }
}

#[tokio::test]
async fn claims_are_taken_as_the_standard_has_them_and_in_no_other_way() {
    let (provider, key) = ready().await;
    let soon = NOW_SECS + 59;
    let late = NOW_SECS + 61;
    for (changes, is_taken) in [
        // Issuer.
        (json!({"iss": "https://accounts.google.com"}), false),
        (json!({"iss": format!("{}/", provider.address)}), false),
        (json!({"iss": null}), false),
        // Audience and who asked.
        (json!({"aud": [CLIENT]}), true),
        (json!({"aud": "another-client"}), false),
        (json!({"aud": APP}), false),
        (json!({"aud": []}), false),
        (json!({"aud": null}), false),
        (json!({"aud": [CLIENT, "another-client"]}), false),
        (json!({"aud": [CLIENT, "another-client"], "azp": CLIENT}), true),
        (
            json!({"aud": [CLIENT, "another-client"], "azp": "another-client"}),
            false,
        ),
        (json!({"azp": CLIENT}), true),
        (json!({"azp": "another-client"}), false),
        // Time, a minute this way or that.
        (json!({"exp": NOW_SECS - 59}), true),
        (json!({"exp": NOW_SECS - 60}), false),
        (json!({"exp": NOW_SECS - 86_400}), false),
        (json!({"exp": null}), false),
        (json!({"exp": "soon"}), false),
        (json!({"exp": 1.8e9 + 0.5}), true),
        (json!({"iat": soon}), true),
        (json!({"iat": late}), false),
        (json!({"iat": null}), false),
        (json!({"nbf": soon}), true),
        (json!({"nbf": late}), false),
        // The question that it answers.
        (json!({"nonce": "of another browser"}), false),
        (json!({"nonce": null}), false),
        (json!({"nonce": ""}), false),
        // Whom it names.
        (json!({"sub": ""}), false),
        (json!({"sub": null}), false),
        (json!({"sub": 7}), false),
        (json!({"sub": "x".repeat(255)}), true),
        (json!({"sub": "x".repeat(256)}), false),
        (json!({"sub": "nul\0inside"}), false),
        (json!({"email": 7}), false),
    ] {
        let outcome = redeemed(&provider, &key.sign(&claims(&provider, &changes))).await;

        match outcome {
            Ok(_) => assert!(is_taken, "{changes} was taken"),
            Err(OidcError::Token(why)) => assert!(!is_taken, "{changes} was refused: {why}"),
            Err(other) => panic!("{changes}: {other}"),
        }
    }
}

#[tokio::test]
async fn only_a_plain_yes_makes_an_address_a_person_s_own() {
    let (provider, key) = ready().await;
    for (said, is_verified) in [
        (json!(true), true),
        (json!("true"), true),
        (json!(false), false),
        (json!("false"), false),
        (json!("True"), false),
        (json!(1), false),
        (json!("yes"), false),
        (json!([true]), false),
        (json!(null), false),
    ] {
        let token = key.sign(&claims(&provider, &json!({"email_verified": said})));

        let identity = redeemed(&provider, &token).await.unwrap();

        assert_eq!(identity.is_email_verified, is_verified, "{said}");
    }
    let token = key.sign(&claims(&provider, &json!({"email": null})));
    let about = json!({"sub": "person-1"});
    provider.says(provider::USERINFO, &about);
    assert!(
        !redeemed(&provider, &token).await.unwrap().is_email_verified,
        "no address"
    );
}

#[tokio::test]
async fn what_is_not_signed_by_the_provider_proves_nothing() {
    let (provider, key) = ready().await;
    let stranger = Key::p256("one");
    let unknown = Key::p256("two");
    let claims = claims(&provider, &json!({}));
    let good = key.sign(&claims);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let of = |algorithm: &str| json!({"alg": algorithm, "kid": "one", "typ": "JWT"});
    let public = key.public().to_string();
    let tokens = [
        ("of nobody", String::new()),
        ("of one part", "x".to_owned()),
        (
            "not signed",
            format!("{}.", provider::message(&of("none"), &claims)),
        ),
        (
            "not signed, in capitals",
            format!("{}.", provider::message(&of("NONE"), &claims)),
        ),
        ("with its signature cut off", format!("{head}.")),
        (
            "with half a signature",
            format!("{head}.{}", &signature[..signature.len() / 2]),
        ),
        (
            "with another's claims",
            format!(
                "{}.{signature}",
                provider::message(&of("ES256"), &json!({"sub": "x"}))
            ),
        ),
        (
            "signed with the client's secret",
            provider::hs256(&of("HS256"), &claims, SECRET.as_bytes()),
        ),
        (
            "signed with the public key as a secret",
            provider::hs256(&of("HS256"), &claims, public.as_bytes()),
        ),
        (
            "that calls a secret's digest ES256",
            provider::hs256(&of("ES256"), &claims, SECRET.as_bytes()),
        ),
        ("that calls itself RS256", key.sign_as(&of("RS256"), &claims)),
        ("that calls itself ES384", key.sign_as(&of("ES384"), &claims)),
        ("signed with another key of the same name", stranger.sign(&claims)),
        ("signed with an unknown key", unknown.sign(&claims)),
        (
            "that brings its key along",
            stranger.sign_as(
                &json!({"alg": "ES256", "kid": "mine", "jwk": stranger.public()}),
                &claims,
            ),
        ),
        (
            "with extensions",
            key.sign_as(&json!({"alg": "ES256", "kid": "one", "crit": ["exp"]}), &claims),
        ),
        (
            "for access",
            key.sign_as(&json!({"alg": "ES256", "kid": "one", "typ": "at+jwt"}), &claims),
        ),
        ("of another length", format!("{good}{}", "A".repeat(16 * 1024))),
        ("with a fourth part", format!("{good}.x")),
        ("whose claims are a list", key.sign(&json!([1]))),
    ];
    for (what, token) in tokens {
        let outcome = redeemed(&provider, &token).await;

        assert!(
            matches!(outcome, Err(OidcError::Token(_))),
            "a token {what}: {outcome:?}"
        );
    }
    assert!(redeemed(&provider, &good).await.is_ok());
}

#[tokio::test]
async fn a_token_that_names_no_key_is_taken_when_only_one_fits() {
    let (one, two) = (Key::p256("one"), Key::p256("two"));
    let provider = Provider::with(&[&one, &Key::rsa("other")]).await;
    let token = one.sign_as(&json!({"alg": "ES256"}), &claims(&provider, &json!({})));
    assert!(redeemed(&provider, &token).await.is_ok());

    provider.signs_with(&[&one, &two]);

    assert!(matches!(
        redeemed(&provider, &token).await,
        Err(OidcError::Token(_))
    ));
}

#[tokio::test]
async fn keys_for_other_purposes_are_left_aside() {
    let key = Key::p256("one");
    let provider = Provider::with(&[]).await;
    let with = |name: &str, value: Value| {
        let mut public = key.public();
        public[name] = value;
        public
    };
    let token = key.sign(&claims(&provider, &json!({})));
    for (keys, is_found) in [
        (json!([key.public()]), true),
        (json!([with("use", json!("enc"))]), false),
        (json!([with("alg", json!("ES384"))]), false),
        (json!([with("crv", json!("P-384"))]), false),
        (json!([with("kty", json!("oct"))]), false),
        (
            json!([{"kty": "quantum", "kid": "one"}, 7, null, key.public()]),
            true,
        ),
        (json!([with("x", json!("!"))]), false),
        (json!([]), false),
    ] {
        provider.says(provider::KEYS, &json!({ "keys": keys }));

        let outcome = redeemed(&provider, &token).await;

        assert_eq!(outcome.is_ok(), is_found, "{keys}: {outcome:?}");
    }
}

#[tokio::test]
async fn new_keys_are_asked_for_when_a_token_names_one_at_most_once_a_minute() {
    let (one, two) = (Key::p256("one"), Key::p256("two"));
    let provider = Provider::with(&[&one]).await;
    let oidc = client(&provider);
    let claims = claims(&provider, &json!({}));
    let sign_in = async |key: &Key, secs: i64| {
        let outcome = oidc.check_id_token(&key.sign(&claims), NOW.plus_secs(secs)).await;
        (outcome.is_ok(), provider.asked(provider::KEYS).len())
    };

    assert_eq!(sign_in(&one, 0).await, (true, 1));
    assert_eq!(sign_in(&one, 1).await, (true, 1), "kept");
    provider.signs_with(&[&two]);
    assert_eq!(sign_in(&two, 2).await, (true, 2), "rotated");
    assert_eq!(sign_in(&one, 3).await, (false, 2), "the old key is gone");
    let three = Key::p256("three");
    provider.signs_with(&[&two, &three]);
    assert_eq!(sign_in(&three, 61).await, (false, 2), "within the minute");
    assert_eq!(sign_in(&three, 62).await, (true, 3), "after it");
}

#[tokio::test]
async fn keys_are_kept_as_long_as_the_provider_says_within_bounds() {
    let key = Key::p256("one");
    for (control, secs) in [
        ("", 3600),
        ("Cache-Control: max-age=1800\r\n", 1800),
        ("Cache-Control: max-age=1\r\n", 300),
        ("Cache-Control: no-store\r\n", 300),
        ("Cache-Control: max-age=31536000\r\n", 86_400),
    ] {
        let provider = Provider::with(&[]).await;
        let body = json!({"keys": [key.public()]}).to_string().into_bytes();
        provider.answers(provider::KEYS, Reply::Says(200, control, body));
        let oidc = client(&provider);
        let token = key.sign(&claims(&provider, &json!({"exp": NOW_SECS + 1_000_000})));
        for (at, asked) in [(0, 1), (secs - 1, 1), (secs, 2)] {
            oidc.check_id_token(&token, NOW.plus_secs(at)).await.unwrap();

            assert_eq!(
                provider.asked(provider::KEYS).len(),
                asked,
                "{control:?} after {at}"
            );
        }
    }
}

#[tokio::test]
async fn without_keys_a_token_waits_for_the_provider_and_an_unknown_key_is_unknown() {
    let (one, two) = (Key::p256("one"), Key::p256("two"));
    let provider = Provider::with(&[&one]).await;
    let claims = claims(&provider, &json!({}));
    let down = || provider.answers(provider::KEYS, Reply::Says(503, "", Vec::new()));

    down();
    let oidc = client(&provider);
    let outcome = oidc.check_id_token(&one.sign(&claims), NOW).await;
    assert!(matches!(outcome, Err(OidcError::Trouble(_))), "{outcome:?}");
    let outcome = oidc.check_id_token(&one.sign(&claims), NOW.plus_secs(4)).await;
    assert!(matches!(outcome, Err(OidcError::Trouble(_))), "{outcome:?}");
    assert_eq!(provider.asked(provider::KEYS).len(), 1, "left alone for a moment");

    provider.signs_with(&[&one]);
    assert!(
        oidc.check_id_token(&one.sign(&claims), NOW.plus_secs(5))
            .await
            .is_ok()
    );
    down();
    let outcome = oidc.check_id_token(&two.sign(&claims), NOW.plus_secs(6)).await;
    assert!(matches!(outcome, Err(OidcError::Token(_))), "{outcome:?}");
    assert!(
        oidc.check_id_token(&one.sign(&claims), NOW.plus_secs(7))
            .await
            .is_ok(),
        "known keys stay"
    );
}

#[tokio::test]
async fn an_app_s_token_is_for_this_server_or_for_the_app() {
    let (provider, key) = ready().await;
    let oidc = client(&provider);
    for (changes, is_taken) in [
        (json!({"nonce": null}), true),
        (json!({"aud": APP}), true),
        (json!({"aud": APP, "azp": APP}), true),
        (json!({"aud": CLIENT, "azp": APP}), true),
        (json!({"aud": CLIENT, "azp": "another-app"}), false),
        (json!({"aud": "another-app"}), false),
        (json!({"aud": ""}), false),
    ] {
        let outcome = oidc
            .check_id_token(&key.sign(&claims(&provider, &changes)), NOW)
            .await;

        assert_eq!(outcome.is_ok(), is_taken, "{changes}: {outcome:?}");
    }
}

#[tokio::test]
async fn google_is_one_issuer_under_two_names() {
    let key = Key::rsa("one");
    let provider = Provider::with(&[&key]).await;
    let options = OidcOptions {
        issuer: "https://accounts.google.com".to_owned(),
        authorize_url: Some(format!("{}/authorize", provider.address)),
        token_url: Some(format!("{}/token", provider.address)),
        jwks_url: Some(format!("{}/keys", provider.address)),
        ..options(&provider)
    };
    let oidc = Oidc::new(options).unwrap();
    for (issuer, is_google) in [
        ("https://accounts.google.com", true),
        ("accounts.google.com", true),
        ("http://accounts.google.com", false),
        ("https://accounts.google.com/", false),
        (provider.address.as_str(), false),
    ] {
        let token = key.sign(&claims(&provider, &json!({"iss": issuer})));

        let identity = oidc.check_id_token(&token, NOW).await;

        assert_eq!(identity.is_ok(), is_google, "{issuer}: {identity:?}");
        assert_eq!(oidc.is_issuer(issuer), is_google, "{issuer}");
        assert!(identity.is_err() || identity.unwrap().issuer == "https://accounts.google.com");
    }
    assert_eq!(
        provider.asked(provider::DISCOVERY).len(),
        0,
        "the settings say everything"
    );
}
