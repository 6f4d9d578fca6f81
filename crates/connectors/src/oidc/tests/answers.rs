//! What the provider is asked, and what is made of its answers.

use super::provider::{self, Provider, Reply};
use super::*;

#[tokio::test]
async fn the_question_carries_state_nonce_and_the_verifier_s_digest() {
    let (provider, _) = ready().await;

    let url = client(&provider).authorize_url(&question(), NOW).await.unwrap();

    let url = reqwest::Url::parse(&url).unwrap();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let expected = [
        ("response_type", "code"),
        ("client_id", CLIENT),
        ("redirect_uri", BACK),
        ("scope", "openid email profile"),
        ("state", "the state"),
        ("nonce", NONCE),
        ("code_challenge", &provider::s256(VERIFIER)),
        ("code_challenge_method", "S256"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(pairs, expected);
    assert!(
        url.as_str()
            .starts_with(&format!("{}/authorize?", provider.address))
    );
}

#[tokio::test]
async fn a_code_is_traded_with_its_verifier_and_the_proof_that_the_provider_takes() {
    let (provider, key) = ready().await;
    let token = key.sign(&claims(&provider, &json!({})));
    // RFC 6749 section 2.3.1: both halves are encoded as in a form.
    let basic = "basic b3VyLWNsaWVudDpvdXIrc2VjcmV0JTJGb2YrdGhlK2NsaWVudA==";
    for (methods, has_header) in [
        (json!(["client_secret_post", "client_secret_basic"]), true),
        (json!(["client_secret_post", "private_key_jwt"]), false),
        (json!(["client_secret_basic"]), true),
        (json!(["private_key_jwt"]), true),
        (json!(null), true),
    ] {
        let mut document = provider.document();
        document["token_endpoint_auth_methods_supported"] = methods.clone();
        provider.says(provider::DISCOVERY, &document);

        redeemed(&provider, &token).await.unwrap();

        let asked = provider.asked(provider::TOKEN).pop().unwrap();
        for part in [
            "grant_type=authorization_code",
            "code=a-code",
            "redirect_uri=https%3A%2F%2Fdrive.example.org%2Fauth%2Foidc%2Fcallback",
            &format!("code_verifier={VERIFIER}"),
        ] {
            assert!(
                asked.body.split('&').any(|pair| pair == part),
                "{part}: {asked:?}"
            );
        }
        let head = asked.head.to_ascii_lowercase();
        assert_eq!(
            head.contains(&basic.to_ascii_lowercase()),
            has_header,
            "{methods}: {head}"
        );
        assert_eq!(asked.body.contains("client_secret="), !has_header, "{methods}");
    }
}

#[tokio::test]
async fn a_client_that_is_not_known_by_one_proof_tries_the_other() {
    let (provider, _) = ready().await;
    let mut document = provider.document();
    document["token_endpoint_auth_methods_supported"] = json!(["client_secret_basic", "client_secret_post"]);
    provider.says(provider::DISCOVERY, &document);
    let unknown = br#"{"error": "invalid_client"}"#.to_vec();
    provider.answers(provider::TOKEN, Reply::Says(401, "", unknown));

    let outcome = client(&provider).redeem(&answer("a-code"), NOW).await;

    assert!(matches!(outcome, Err(OidcError::Settings(_))), "{outcome:?}");
    let asked = provider.asked(provider::TOKEN);
    let proofs = asked.iter().map(|asked| {
        (
            asked.head.contains("authorization"),
            asked.body.contains("client_secret"),
        )
    });
    assert_eq!(proofs.collect::<Vec<_>>(), [(true, false), (false, true)]);
}

#[tokio::test]
async fn a_client_without_a_secret_says_who_it_is() {
    let (provider, key) = ready().await;
    gives(&provider, &key.sign(&claims(&provider, &json!({}))));
    let options = OidcOptions {
        client_secret: None,
        ..options(&provider)
    };

    Oidc::new(options)
        .unwrap()
        .redeem(&answer("a-code"), NOW)
        .await
        .unwrap();

    let asked = provider.asked(provider::TOKEN).pop().unwrap();
    assert!(asked.body.contains("client_id=our-client"), "{asked:?}");
    assert!(!asked.head.contains("authorization"), "{asked:?}");
}

#[tokio::test]
async fn an_address_that_the_id_token_leaves_out_is_asked_for() {
    let (provider, key) = ready().await;
    let token = key.sign(&claims(
        &provider,
        &json!({"email": null, "email_verified": null, "name": null}),
    ));
    let about = json!({"sub": "person-1", "email": "ada@example.org", "email_verified": true, "name": "Ada"});
    provider.says(provider::USERINFO, &about);

    let identity = redeemed(&provider, &token).await.unwrap();

    assert_eq!(identity.email.as_deref(), Some("ada@example.org"));
    assert!(identity.is_email_verified);
    assert_eq!(identity.name.as_deref(), Some("Ada"));
    let asked = provider.asked(provider::USERINFO);
    assert!(
        asked[0].head.contains("authorization: Bearer opens-userinfo"),
        "{asked:?}"
    );

    provider.says(
        provider::USERINFO,
        &json!({"sub": "person-2", "email": "ada@example.org", "email_verified": true}),
    );
    let outcome = redeemed(&provider, &token).await;
    assert!(
        matches!(outcome, Err(OidcError::Trouble(_))),
        "another person: {outcome:?}"
    );
}

/// How one answer of the token endpoint is taken.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Code,
    Settings,
    Trouble,
}

#[tokio::test]
async fn an_answer_that_gives_no_tokens_is_told_apart() {
    use Taken::{Code, Settings, Trouble};
    let (provider, key) = ready().await;
    let id_token = key.sign(&claims(&provider, &json!({})));
    let given = |changes: Value| {
        let mut given = json!({"access_token": "a", "token_type": "Bearer", "id_token": id_token});
        given
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        given.to_string().into_bytes()
    };
    let refused = |reason: &str| {
        json!({"error": reason, "error_description": "<script>"})
            .to_string()
            .into_bytes()
    };
    let answers = [
        (400, refused("invalid_grant"), Code),
        (401, refused("invalid_client"), Settings),
        (400, refused("unauthorized_client"), Settings),
        (400, refused("redirect_uri_mismatch"), Settings),
        (400, refused("slow_down"), Trouble),
        (500, refused("invalid_grant"), Trouble),
        (400, b"no".to_vec(), Trouble),
        (503, Vec::new(), Trouble),
        (204, Vec::new(), Trouble),
        (
            200,
            b"<html><body>Sign in to the hotel's network</body></html>".to_vec(),
            Trouble,
        ),
        (200, Vec::new(), Trouble),
        (200, vec![b' '; 10 << 20], Trouble),
        (200, b"[]".to_vec(), Trouble),
        (200, given(json!({"access_token": null})), Trouble),
        (200, given(json!({"access_token": ""})), Trouble),
        (200, given(json!({"id_token": null})), Trouble),
        (200, given(json!({"id_token": 7})), Trouble),
        (200, given(json!({"token_type": "mac"})), Trouble),
        (200, given(json!({"expires_in": -1})), Trouble),
        (200, given(json!({"expires_in": 1e18})), Trouble),
        (200, given(json!({"expires_in": "soon"})), Trouble),
    ];
    for (status, body, expected) in answers {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        provider.answers(provider::TOKEN, Reply::Says(status, "", body));

        let outcome = client(&provider).redeem(&answer("a-code"), NOW).await;

        let error = outcome.expect_err(&shown);
        let taken = match &error {
            OidcError::Code => Code,
            OidcError::Settings(_) => Settings,
            OidcError::Trouble(_) => Trouble,
            OidcError::Token(_) => panic!("{shown}: {error}"),
        };
        assert_eq!(taken, expected, "{status} {shown}: {error}");
        assert_eq!(error.is_temporary(), expected == Trouble);
        assert!(!error.to_string().contains("<script>"), "{error}");
    }
}

#[tokio::test]
async fn a_provider_that_says_nothing_is_not_waited_for() {
    let (provider, _) = ready().await;
    let at = |path: &str| Some(format!("{}{path}", provider.address));
    let oidc = Oidc::new(OidcOptions {
        patience: Some(Duration::from_millis(50)),
        // Nothing else is asked that a busy machine may be late with.
        authorize_url: at("/authorize"),
        token_url: at(provider::TOKEN),
        jwks_url: at(provider::KEYS),
        ..options(&provider)
    })
    .unwrap();
    provider.answers(provider::TOKEN, Reply::Nothing);

    let outcome = oidc.redeem(&answer("a-code"), NOW).await;

    assert_eq!(
        outcome,
        Err(OidcError::Trouble("does not answer in time".to_owned()))
    );
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_trouble() {
    let provider = Provider::bare().await;
    let oidc = client(&provider);
    drop(provider);

    let outcome = oidc.authorize_url(&question(), NOW).await;

    assert!(outcome.is_err_and(|error| error.is_temporary()));
}

#[tokio::test]
async fn a_discovery_document_that_speaks_for_another_is_refused() {
    let (provider, _) = ready().await;
    for (name, value, is_settings) in [
        ("issuer", json!("https://accounts.google.com"), true),
        ("issuer", json!(format!("{}/", provider.address)), true),
        ("token_endpoint", json!("http://provider.example/token"), true),
        ("authorization_endpoint", json!("javascript:alert(1)"), true),
        ("jwks_uri", json!("file:///etc/passwd"), true),
        (
            "jwks_uri",
            json!("https://user:password@provider.example/keys"),
            true,
        ),
        ("userinfo_endpoint", json!("http://10.0.0.1/userinfo"), true),
        ("token_endpoint", json!(null), false),
        ("jwks_uri", json!(7), false),
    ] {
        let mut document = provider.document();
        document[name] = value.clone();
        provider.says(provider::DISCOVERY, &document);

        let outcome = client(&provider).authorize_url(&question(), NOW).await;

        let error = outcome.expect_err(name);
        assert_eq!(
            matches!(error, OidcError::Settings(_)),
            is_settings,
            "{name} {value}: {error}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (provider, _) = ready().await;
    let elsewhere = Provider::bare().await;
    elsewhere.says("/there", &provider.document());
    for status in [301, 302, 303, 307, 308] {
        let location: &'static str = format!("Location: {}/there\r\n", elsewhere.address).leak();
        provider.answers(provider::DISCOVERY, Reply::Says(status, location, Vec::new()));

        let outcome = client(&provider).authorize_url(&question(), NOW).await;

        assert!(
            matches!(outcome, Err(OidcError::Trouble(_))),
            "{status}: {outcome:?}"
        );
    }
    assert_eq!(elsewhere.asked("/there").len(), 0);
}

#[tokio::test]
async fn what_a_provider_says_of_itself_is_asked_once() {
    let (provider, _) = ready().await;
    let oidc = client(&provider);

    for secs in 0..10 {
        oidc.authorize_url(&question(), NOW.plus_secs(secs))
            .await
            .unwrap();
    }

    assert_eq!(provider.asked(provider::DISCOVERY).len(), 1);
}

#[test]
fn an_address_is_encrypted_or_on_this_machine() {
    for (issuer, is_safe) in [
        ("https://id.example.org", true),
        ("https://id.example.org/realms/one", true),
        ("http://127.0.0.1:9000", true),
        ("http://localhost:9000/oidc", true),
        ("http://[::1]:9000", true),
        ("http://id.example.org", false),
        ("http://127.0.0.1.example.org", false),
        ("http://10.0.0.1", false),
        ("https://user:password@id.example.org", false),
        ("https://id.example.org?tenant=one", false),
        ("ftp://id.example.org", false),
        ("id.example.org", false),
        ("", false),
    ] {
        let options = |issuer: &str, token_url| OidcOptions {
            issuer: issuer.to_owned(),
            token_url,
            ..OidcOptions::default()
        };

        assert_eq!(Oidc::new(options(issuer, None)).is_ok(), is_safe, "{issuer}");
        let given = options("https://id.example.org", Some(issuer.to_owned()));
        assert_eq!(
            Oidc::new(given).is_ok(),
            is_safe || issuer.contains('?'),
            "{issuer}"
        );
    }
}
