//! Signing in with a provider: a real one on this machine, whose keys the tests hold.

#[path = "../../../connectors/src/oidc/tests/provider.rs"]
#[allow(dead_code)]
mod provider;

use std::collections::BTreeMap;

use connectors::{Oidc, OidcOptions};
use model::{Actor, Role, UserState};
use serde_json::{Value, json};

use super::harness::{
    PASSWORD, TestHub, address, from, here, on_each_engine, on_each_engine_with, refused, registration,
};
use crate::{
    Begun, Config, Credential, HubError, IdentityProvider, PageSignIn, Peer, ProviderAnswer, Recognised,
    SignIn, SignupMode, UserChange,
};
use provider::{Key, Provider};

const CLIENT: &str = "our-client";
const BACK: &str = "https://drive.example.org/auth/oidc/callback";

/// A provider and its key.
struct Issuer {
    provider: Provider,
    key: Key,
}

impl Issuer {
    async fn new() -> Self {
        let key = Key::p256("one");
        let provider = Provider::with(&[&key]).await;
        Self { provider, key }
    }

    /// Lets people sign in with it under a name.
    fn offered(&self, name: &'static str) -> IdentityProvider {
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
    fn token(&self, t: &TestHub, subject: &str, said: &Value) -> String {
        let now = t.time().0 / 1000;
        let mut claims = json!({
            "iss": self.provider.address, "aud": CLIENT, "sub": subject, "iat": now, "exp": now + 3600,
        });
        let said = said.as_object().unwrap().clone();
        claims.as_object_mut().unwrap().extend(said);
        self.key.sign(&claims)
    }

    /// What the browser brings back when a person signs in at the provider.
    fn answer(&self, t: &TestHub, begun: &Begun, subject: &str, said: &Value) -> ProviderAnswer {
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

    fn times_redeemed(&self) -> usize {
        self.provider.asked(provider::TOKEN).len()
    }
}

/// The parts of an address's query.
fn query(url: &str) -> BTreeMap<String, String> {
    let pairs = url.split_once('?').unwrap().1.split('&');
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn verified(email: &str) -> Value {
    json!({"email": email, "email_verified": true, "name": "Ada L."})
}

fn offering(issuer: &Issuer) -> impl Fn(&mut Config) {
    let offered = issuer.offered("oidc");
    move |config| config.identity_providers = vec![offered.clone()]
}

/// Signs a browser in, from the question to the session.
async fn browse(
    t: &TestHub,
    issuer: &Issuer,
    (subject, said): (&str, &Value),
    peer: &Peer,
) -> Result<Recognised<PageSignIn>, HubError> {
    let begun = t.begin_sign_in("oidc", "/#/folder/root").await?;
    let answer = issuer.answer(t, &begun, subject, said);
    t.finish_sign_in("oidc", &answer, Some(&begun.question), peer)
        .await
}

/// Signs an app in.
async fn native(
    t: &TestHub,
    issuer: &Issuer,
    (subject, said): (&str, &Value),
    peer: &Peer,
) -> Result<Recognised<SignIn>, HubError> {
    t.sign_in_with_id_token("oidc", &issuer.token(t, subject, said), peer)
        .await
}

#[track_caller]
fn known<T>(outcome: Result<Recognised<T>, HubError>) -> T {
    match outcome {
        Ok(Recognised::Known(known)) => known,
        Ok(Recognised::JoinNeeded { .. }) => panic!("an account is to be joined"),
        Err(error) => panic!("{error:?}"),
    }
}

#[track_caller]
fn ticket<T>(outcome: Result<Recognised<T>, HubError>) -> String {
    match outcome {
        Ok(Recognised::JoinNeeded { ticket }) => ticket,
        Ok(Recognised::Known(_)) => panic!("nothing was to be joined"),
        Err(error) => panic!("{error:?}"),
    }
}

async fn cookie_actor(t: &TestHub, page: &PageSignIn) -> Actor {
    t.authenticate(&Credential::Cookie(page.cookie.clone()), &here())
        .await
        .unwrap()
}

fn disabled(is_disabled: bool) -> UserChange {
    UserChange {
        state: Some(if is_disabled {
            UserState::Disabled
        } else {
            UserState::Active
        }),
        ..UserChange::default()
    }
}

#[tokio::test]
async fn a_stranger_whose_address_is_verified_gets_an_account_and_is_known_from_then_on() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("admin").await;
        let ada = verified("Ada@Example.org");

        let first = known(browse(&t, &issuer, ("person-1", &ada), &from("192.0.2.1")).await);
        let second = known(browse(&t, &issuer, ("person-1", &ada), &from("192.0.2.1")).await);
        let app = known(native(&t, &issuer, ("person-1", &ada), &from("192.0.2.1")).await);

        assert_eq!(first.user.email.as_str(), "ada@example.org");
        assert_eq!(first.user.full_name, "Ada L.");
        assert_eq!(first.user.role, Role::User);
        assert_eq!(first.redirect_to, "/#/folder/root");
        assert_eq!(second.user.id, first.user.id);
        assert_eq!(app.user.id, first.user.id);
        let who = cookie_actor(&t, &first).await;
        t.put(&who, crate::FolderRef::Root, "a", b"bytes").await;
        let own = t.identities(&who).await.unwrap();
        assert!(!own.has_password);
        let [identity] = &own.identities[..] else {
            panic!("{own:?}")
        };
        assert_eq!(identity.subject, "person-1");
        assert_eq!((identity.provider.as_str(), identity.number), ("oidc", 1));
        refused!(
            t.log_in("ada@example.org", "", &here()).await,
            HubError::Unauthenticated(_)
        );
    })
    .await;
}

#[tokio::test]
async fn a_person_is_an_issuer_and_its_name_for_them_whatever_their_address() {
    let (issuer, other) = (Issuer::new().await, Issuer::new().await);
    let both = |config: &mut Config| {
        config.identity_providers = vec![issuer.offered("oidc"), other.offered("google")];
    };
    on_each_engine_with(both, async |t| {
        t.user("admin").await;
        let first = known(native(&t, &issuer, ("person-1", &verified("ada@example.org")), &here()).await);

        // Another issuer's person of the same name is another person.
        let token = other.token(&t, "person-1", &verified("eve@example.org"));
        let eve = known(t.sign_in_with_id_token("google", &token, &here()).await);
        assert_ne!(eve.user.id, first.user.id);

        // Who takes a victim's address at the provider stays who they were.
        let moved = known(native(&t, &issuer, ("person-1", &verified("admin@example.org")), &here()).await);
        assert_eq!(moved.user.id, first.user.id);
        assert_eq!(moved.user.email.as_str(), "ada@example.org");
        let who = t.actor(&moved).await;
        assert_eq!(
            t.identities(&who).await.unwrap().identities[0].email,
            "admin@example.org"
        );
        // And need no address any more.
        let bare = known(native(&t, &issuer, ("person-1", &json!({})), &here()).await);
        assert_eq!(bare.user.id, first.user.id);
    })
    .await;
}

#[tokio::test]
async fn no_account_is_made_or_joined_for_an_address_that_is_not_verified() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("admin").await;
        for said in [
            json!({}),
            json!({"email": "admin@example.org"}),
            json!({"email": "admin@example.org", "email_verified": false}),
            json!({"email": "new@example.org", "email_verified": "false"}),
            json!({"email": "no address", "email_verified": true}),
            json!({"email": "аdmin@example.org", "email_verified": true}),
        ] {
            let outcome = native(&t, &issuer, ("person-1", &said), &here()).await;

            assert!(matches!(outcome, Err(HubError::Forbidden(_))), "{said}");
        }
        let users = t.users(&Actor::Worker, "", 10).await.unwrap();
        assert_eq!(users.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_account_with_the_same_address_is_joined_by_its_password_once() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        let alice = t.user("alice").await;
        let said = verified("alice@example.org");
        let ticket = ticket(browse(&t, &issuer, ("person-1", &said), &here()).await);
        assert_eq!(t.identities(&alice).await.unwrap().identities, Vec::new());

        refused!(
            t.join(&ticket, "not the one", &here()).await,
            HubError::Unauthenticated(_)
        );
        let joined = t.join(&ticket, PASSWORD, &here()).await.unwrap();

        assert_eq!(Some(joined.user.id), alice.user());
        let own = t.identities(&alice).await.unwrap();
        assert_eq!((own.identities.len(), own.has_password), (1, true));
        let again = known(browse(&t, &issuer, ("person-1", &said), &here()).await);
        assert_eq!(Some(again.user.id), alice.user());
        refused!(
            t.join(&ticket, PASSWORD, &here()).await,
            HubError::SignInFailed(_)
        );
    })
    .await;
}

#[tokio::test]
async fn a_ticket_to_join_ends_after_ten_minutes_and_cannot_be_made() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("alice").await;
        let said = verified("alice@example.org");
        let begun = t.begin_sign_in("oidc", "/").await.unwrap();
        let ticket = ticket(native(&t, &issuer, ("person-1", &said), &here()).await);
        for wrong in ["", "x", &begun.question, &format!("{ticket}A")] {
            refused!(t.join(wrong, PASSWORD, &here()).await, HubError::SignInFailed(_));
        }

        t.pass_secs(600);

        refused!(
            t.join(&ticket, PASSWORD, &here()).await,
            HubError::SignInFailed(_)
        );
    })
    .await;
}

#[tokio::test]
async fn passwords_are_not_guessed_by_way_of_a_ticket() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("alice").await;
        let said = verified("alice@example.org");
        let ticket = ticket(native(&t, &issuer, ("person-1", &said), &here()).await);
        let eve = from("192.0.2.66");
        for _ in 0..10 {
            refused!(
                t.join(&ticket, "a wrong guess", &eve).await,
                HubError::Unauthenticated(_)
            );
        }

        refused!(
            t.join(&ticket, PASSWORD, &eve).await,
            HubError::TooManyTries { .. }
        );
    })
    .await;
}

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
                t.finish_sign_in(provider, &answer, question, &here()).await,
                HubError::SignInFailed(_)
            );
        }
        assert_eq!(issuer.times_redeemed(), before, "the provider was not asked");

        let peer = here();
        let finish = || t.finish_sign_in("oidc", &answer, Some(&begun.question), &peer);
        known(finish().await);
        refused!(finish().await, HubError::SignInFailed(_));
        assert_eq!(issuer.times_redeemed(), before + 1, "used once");

        let late = t.begin_sign_in("oidc", "/").await.unwrap();
        let answer = issuer.answer(&t, &late, "person-1", &said);
        t.pass_secs(600);
        refused!(
            t.finish_sign_in("oidc", &answer, Some(&late.question), &here())
                .await,
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
        let finish = || t.finish_sign_in("oidc", &answer, Some(&begun.question), &peer);

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

            let outcome = t
                .finish_sign_in("oidc", &answer, Some(&begun.question), &here())
                .await;

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
            t.finish_sign_in("oidc", &answer, Some(&begun.question), &here())
                .await
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
async fn who_may_register_may_be_made_an_account_and_nobody_else() {
    let issuer = Issuer::new().await;
    for mode in [SignupMode::Open, SignupMode::Invite, SignupMode::Closed] {
        let offer = offering(&issuer);
        let set = |config: &mut Config| {
            offer(config);
            config.signup = mode;
        };
        on_each_engine_with(set, async |t| {
            t.register(registration("admin"), &here()).await.unwrap();

            let outcome = native(&t, &issuer, ("person-1", &verified("ada@example.org")), &here()).await;

            match mode {
                SignupMode::Open => drop(known(outcome)),
                SignupMode::Invite | SignupMode::Closed => refused!(outcome, HubError::Forbidden(_)),
            }
            // Who has an account is not asked for an invitation.
            let said = verified("admin@example.org");
            ticket(native(&t, &issuer, ("person-2", &said), &here()).await);
        })
        .await;
    }
}

#[tokio::test]
async fn the_first_account_is_made_from_this_machine_only() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        let said = verified("ada@example.org");
        refused!(
            native(&t, &issuer, ("person-1", &said), &from("192.0.2.1")).await,
            HubError::Forbidden(_)
        );

        let first = known(native(&t, &issuer, ("person-1", &said), &here()).await);

        assert_eq!(first.user.role, Role::Admin);
    })
    .await;
}

#[tokio::test]
async fn a_closed_account_stays_closed_to_its_identities() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        let admin = t.user("admin").await;
        let said = verified("ada@example.org");
        let ada = known(native(&t, &issuer, ("person-1", &said), &here()).await);
        t.change_user(&admin, ada.user.id, disabled(true)).await.unwrap();

        refused!(
            native(&t, &issuer, ("person-1", &said), &here()).await,
            HubError::Unauthenticated(_)
        );
        refused!(
            browse(&t, &issuer, ("person-1", &said), &here()).await,
            HubError::Unauthenticated(_)
        );
        // Another identity with the same address does not open it either.
        let ticket = ticket(native(&t, &issuer, ("person-2", &said), &here()).await);
        refused!(
            t.join(&ticket, PASSWORD, &here()).await,
            HubError::Unauthenticated(_)
        );
        t.change_user(&admin, ada.user.id, disabled(false)).await.unwrap();
        known(native(&t, &issuer, ("person-1", &said), &here()).await);
    })
    .await;
}

#[tokio::test]
async fn one_person_s_first_two_sign_ins_at_once_make_one_account() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("admin").await;
        let said = verified("ada@example.org");
        let (one, two, peer) = (("person-1", &said), ("person-1", &said), here());

        let (one, two) = tokio::join!(native(&t, &issuer, one, &peer), native(&t, &issuer, two, &peer));

        assert_eq!(known(one).user.id, known(two).user.id);
    })
    .await;
}

#[tokio::test]
async fn the_last_way_into_an_account_stays() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("admin").await;
        let ada = known(native(&t, &issuer, ("person-1", &verified("ada@example.org")), &here()).await);
        let who = t.actor(&ada).await;
        let stranger = t.register(registration("bob"), &here()).await.unwrap();
        let bob = t.actor(&stranger).await;
        let number = t.identities(&who).await.unwrap().identities[0].number;

        refused!(t.remove_identity(&bob, number).await, HubError::NotFound(_));
        refused!(t.remove_identity(&who, number + 1).await, HubError::NotFound(_));
        refused!(t.remove_identity(&who, number).await, HubError::Conflict(_));
        let new = "a password of her own";
        t.change_password(&who, (None, new), &here()).await.unwrap();
        t.remove_identity(&who, number).await.unwrap();

        t.log_in("ada@example.org", new, &here()).await.unwrap();
        assert!(t.identities(&who).await.unwrap().identities.is_empty());
        // Known no more, and so to be joined anew, under another number.
        let said = verified("ada@example.org");
        let ticket = ticket(native(&t, &issuer, ("person-1", &said), &here()).await);
        t.join(&ticket, new, &here()).await.unwrap();
        assert_ne!(t.identities(&who).await.unwrap().identities[0].number, number);
    })
    .await;
}

#[tokio::test]
async fn a_first_password_is_set_by_a_session_that_is_young() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("admin").await;
        let said = verified("ada@example.org");
        let sign_in = async || {
            let ada = known(browse(&t, &issuer, ("person-1", &said), &here()).await);
            cookie_actor(&t, &ada).await
        };
        let new = "a password of her own";
        let old = sign_in().await;
        t.pass_secs(601);
        refused!(
            t.change_password(&old, (None, new), &here()).await,
            HubError::Forbidden(_)
        );
        refused!(
            t.change_password(&old, (Some(""), new), &here()).await,
            HubError::Forbidden(_)
        );

        let young = sign_in().await;
        t.pass_secs(600);
        t.change_password(&young, (None, new), &here()).await.unwrap();

        t.log_in("ada@example.org", new, &here()).await.unwrap();
        refused!(
            t.change_password(&young, (None, "yet another one"), &here())
                .await,
            HubError::Invalid {
                field: "current_password",
                ..
            }
        );
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
            ("onedrive", "a version"),
        ] {
            let outcomes = [
                t.begin_sign_in(name, "/").await.err(),
                t.sign_in_with_id_token(name, "x", &here()).await.err(),
                t.finish_sign_in(name, &ProviderAnswer::default(), None, &here())
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

#[tokio::test]
async fn an_address_s_password_account_is_not_told_of_to_who_only_claims_it() {
    let issuer = Issuer::new().await;
    on_each_engine_with(offering(&issuer), async |t| {
        t.user("alice").await;
        let claimed = |name: &str| json!({"email": address(name), "email_verified": false});

        let there = native(&t, &issuer, ("person-1", &claimed("alice")), &here()).await;
        let not_there = native(&t, &issuer, ("person-1", &claimed("nobody")), &here()).await;

        let text = |outcome: Result<Recognised<SignIn>, HubError>| outcome.err().unwrap().to_string();
        assert_eq!(text(there), text(not_there));
    })
    .await;
}
