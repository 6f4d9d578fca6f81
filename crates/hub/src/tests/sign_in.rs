//! Questions to a provider and their answers, and ID tokens of apps.

use serde_json::{Value, json};

use super::harness::{from, here, on_each_engine, on_each_engine_with, refused};
use super::issuer::{Issuer, back, known, offering, provider, query, verified};
use crate::{Config, HubError, ProviderAnswer};

#[tokio::test]
async fn an_answer_fits_one_question_of_one_browser_once() {
    let issuer = Issuer::new().await;
    let both = |config: &mut Config| {
        config.identity_providers = vec![issuer.offered("oidc"), issuer.offered("google")];
    };
    on_each_engine_with(both, async |t| {
        t.user("admin").await;
        let said = verified("ada@example.org");
        let begun = t.begin_sign_in("oidc", "/").await.unwrap();
        let other = t.begin_sign_in("oidc", "/").await.unwrap();
        let answer = issuer.answer(&t, &begun, "person-1", &said);
        let before = issuer.times_redeemed();
        let with = |state: Option<&str>| ProviderAnswer {
            state: state.map(str::to_owned),
            ..answer.clone()
        };
        let state = answer.state.as_deref();
        let google = ("google", answer.clone(), Some(begun.question.as_str()));
        for (provider, answer, question) in [
            // No state, one that nobody gave out, and no browser that asked.
            ("oidc", with(None), Some(begun.question.as_str())),
            ("oidc", with(Some("")), Some(begun.question.as_str())),
            ("oidc", with(Some("0000")), Some(begun.question.as_str())),
            ("oidc", with(state), None),
            ("oidc", with(state), Some("")),
            ("oidc", with(state), Some("forged")),
            // Another browser's: a login that somebody wants to force on it.
            ("oidc", with(state), Some(other.question.as_str())),
            // Another provider's: a mix-up.
            google,
        ] {
            refused!(
                back(&t, provider, (&answer, question), &here()).await,
                HubError::SignInFailed(_)
            );
        }
        assert_eq!(issuer.times_redeemed(), before, "the provider was not asked");

        let peer = here();
        let finish = || back(&t, "oidc", (&answer, Some(&begun.question)), &peer);
        known(finish().await);
        refused!(finish().await, HubError::SignInFailed(_));
        assert_eq!(issuer.times_redeemed(), before + 1, "used once");

        let late = t.begin_sign_in("oidc", "/").await.unwrap();
        let answer = issuer.answer(&t, &late, "person-1", &said);
        t.pass_secs(600);
        refused!(
            back(&t, "oidc", (&answer, Some(&late.question)), &here()).await,
            HubError::SignInFailed(_)
        );
    })
    .await;
}

#[tokio::test]
async fn two_tabs_with_one_answer_are_one_sign_in() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("admin").await;
        let begun = t.begin_sign_in("oidc", "/").await.unwrap();
        let answer = issuer.answer(&t, &begun, "person-1", &verified("ada@example.org"));
        let peer = here();
        let finish = || back(&t, "oidc", (&answer, Some(&begun.question)), &peer);

        let (one, two) = tokio::join!(finish(), finish());

        assert_ne!(one.is_ok(), two.is_ok());
    })
    .await;
}

#[tokio::test]
async fn what_the_provider_says_no_with_is_said_on_without_its_letters() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        let address = issuer.provider.address.clone();
        for (error, code, iss, words) in [
            (Some("access_denied"), None, None, "was not allowed"),
            (Some("server_error"), Some("a-code"), None, "server_error"),
            (Some("a\nb é \"<c>"), None, None, "did not sign you in"),
            (None, None, None, "without a code"),
            (None, Some(""), None, "without a code"),
            (None, Some("a-code"), Some("https://evil.example"), "not from"),
            (
                Some("access_denied"),
                None,
                Some(address.as_str()),
                "was not allowed",
            ),
        ] {
            let begun = t.begin_sign_in("oidc", "/").await.unwrap();
            let answer = ProviderAnswer {
                code: code.map(str::to_owned),
                state: Some(query(&begun.url)["state"].clone()),
                issuer: iss.map(str::to_owned),
                error: error.map(str::to_owned),
            };

            let outcome = back(&t, "oidc", (&answer, Some(&begun.question)), &here()).await;

            let Err(HubError::SignInFailed(text)) = outcome else {
                panic!("{error:?} {code:?} {iss:?}")
            };
            assert!(text.contains(words) && !text.contains('\n'), "{text}");
        }
        assert_eq!(issuer.times_redeemed(), 0);
    })
    .await;
}

#[tokio::test]
async fn what_a_provider_answers_wrongly_is_told_apart() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("admin").await;
        let refused_with = |status, body: &str| {
            provider::Reply::Says(status, "", format!("{{\"error\":\"{body}\"}}").into_bytes())
        };
        let outcome = async |reply: Option<provider::Reply>, said: &Value| {
            let begun = t.begin_sign_in("oidc", "/").await.unwrap();
            let answer = issuer.answer(&t, &begun, "person-1", said);
            if let Some(reply) = reply {
                issuer.provider.answers(provider::TOKEN, reply);
            }
            back(&t, "oidc", (&answer, Some(&begun.question)), &here()).await
        };
        let good = verified("ada@example.org");

        let replayed = Some(refused_with(400, "invalid_grant"));
        refused!(outcome(replayed, &good).await, HubError::SignInFailed(_));
        let down = Some(refused_with(503, "x"));
        refused!(outcome(down, &good).await, HubError::ProviderDown(_));
        let misfit = Some(refused_with(401, "invalid_client"));
        refused!(outcome(misfit, &good).await, HubError::ProviderMisfit(_));
        let expired = json!({"exp": 1, "email": "ada@example.org", "email_verified": true});
        refused!(outcome(None, &expired).await, HubError::IdToken(_));
        known(outcome(None, &good).await);
    })
    .await;
}

#[tokio::test]
async fn id_tokens_come_again_and_not_without_end() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("admin").await;
        let token = issuer.token(&t, "person-1", &verified("ada@example.org"));
        let eve = from("192.0.2.66");
        for _ in 0..60 {
            known(t.sign_in_with_id_token("oidc", &token, &here()).await);
        }
        refused!(
            t.sign_in_with_id_token("oidc", &token, &here()).await,
            HubError::TooManyTries { .. }
        );

        for _ in 0..100 {
            refused!(
                t.sign_in_with_id_token("oidc", "x.y.z", &eve).await,
                HubError::IdToken(_)
            );
        }
        refused!(
            t.sign_in_with_id_token("oidc", "x.y.z", &eve).await,
            HubError::TooManyTries { .. }
        );
    })
    .await;
}

#[tokio::test]
async fn providers_that_are_not_there_say_what_is_missing() {
    on_each_engine(async |t| {
        for (name, setting) in [
            ("google", "GOOGLE_CLIENT_ID"),
            ("oidc", "CUMULI_OIDC_ISSUER"),
            ("onedrive", "ONEDRIVE_CLIENT_ID"),
        ] {
            let outcomes = [
                t.begin_sign_in(name, "/").await.err(),
                t.sign_in_with_id_token(name, "x", &here()).await.err(),
                back(&t, name, (&ProviderAnswer::default(), None), &here())
                    .await
                    .err(),
            ];
            for outcome in outcomes {
                let Some(HubError::NotConfigured { missing, .. }) = outcome else {
                    panic!("{name}: {outcome:?}")
                };
                assert!(missing.contains(setting), "{missing}");
            }
        }
        refused!(t.begin_sign_in("azure", "/").await, HubError::NotFound(_));
        refused!(t.begin_sign_in("", "/").await, HubError::NotFound(_));
        assert_eq!(t.identity_providers().count(), 0);
    })
    .await;
}

#[tokio::test]
async fn used_tickets_are_forgotten_when_they_could_not_be_used_any_more() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("admin").await;
        let used = async |name: &str, expires| {
            let mut tx = t.catalog.write().await.unwrap();
            let is_first = tx.use_ticket(name, expires).await.unwrap();
            tx.commit().await.unwrap();
            !is_first
        };
        let soon = t.time().plus_secs(600);
        assert!(!used("a", soon).await);
        assert!(!used("b", t.time().plus_secs(24 * 60 * 60)).await);
        assert!(used("a", soon).await);

        t.pass_secs(2 * 60 * 60);
        t.upkeep().await;

        assert!(!used("a", soon).await, "forgotten");
        assert!(used("b", soon).await, "kept");
    })
    .await;
}
