//! Signing in and out, and the tokens that come of it.

use model::{Actor, SessionKind};

use super::harness::{PASSWORD, TestHub, address, from, here, on_each_engine, refused, registration};
use crate::{Credential, HubError, Keys, PasswordCost, Peer, SignIn};

fn bearer(sign_in: &SignIn) -> Credential {
    Credential::Bearer(sign_in.tokens.access.clone())
}

async fn is_good(t: &TestHub, credential: &Credential) -> bool {
    match t.authenticate(credential, &here()).await {
        Ok(_) => true,
        Err(HubError::Unauthenticated(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_access_token_opens_the_hub_until_it_ends() {
    on_each_engine(async |t| {
        let sign_in = t.register(registration("alice"), &here()).await.unwrap();
        assert_eq!(sign_in.tokens.expires_in_secs, 15 * 60);
        assert!(is_good(&t, &bearer(&sign_in)).await);

        t.pass_secs(15 * 60 + 31);

        assert!(!is_good(&t, &bearer(&sign_in)).await);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_is_not_ours_or_was_changed_opens_nothing() {
    on_each_engine(async |t| {
        let sign_in = t.register(registration("alice"), &here()).await.unwrap();
        let access = &sign_in.tokens.access;
        let [header, claims, signature] = access.split('.').collect::<Vec<_>>()[..] else {
            panic!("not a JWT: {access}")
        };
        // {"alg":"none","typ":"at+jwt"}
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
        let mut forged = vec![
            String::new(),
            "x".to_owned(),
            "..".to_owned(),
            format!("{none}.{claims}."),
            format!("{none}.{claims}.{signature}"),
            format!("{header}.{claims}."),
            format!(
                "{header}.{claims}.{}",
                signature.chars().rev().collect::<String>()
            ),
            format!("{access}{}", "x".repeat(3000)),
            sign_in.tokens.refresh.clone(),
        ];
        // Of another server with the same secret: its installation has another name.
        let session = crate::tokens::Access {
            user: sign_in.user.id,
            session: t.sessions(&t.actor(&sign_in).await).await.unwrap()[0].session.id,
        };
        forged.push(crate::tokens::access(t.keys(), "another", session, t.time(), 900));
        forged.push(crate::tokens::access(
            &Keys::derive(b"another secret, long enough for anyone"),
            &t.0.instance,
            session,
            t.time(),
            900,
        ));
        for token in forged {
            assert!(!is_good(&t, &Credential::Bearer(token.clone())).await, "{token}");
            assert!(!is_good(&t, &Credential::Cookie(token.clone())).await, "{token}");
            refused!(
                t.refresh(&token.replace(&sign_in.tokens.refresh, "x")).await,
                HubError::Unauthenticated(_)
            );
        }
        assert!(!is_good(&t, &Credential::Cookie(access.clone())).await);
        refused!(t.refresh(access).await, HubError::Unauthenticated(_));
    })
    .await;
}

#[tokio::test]
async fn a_cookie_and_a_token_are_not_taken_for_each_other_and_a_cookie_may_not_rest_too_long() {
    on_each_engine(async |t| {
        t.user("alice").await;
        let (_, cookie) = t.log_in_page(&address("alice"), PASSWORD, &here()).await.unwrap();
        let cookie = Credential::Cookie(cookie);
        for _ in 0..3 {
            t.pass_secs(6 * 24 * 60 * 60);
            assert!(is_good(&t, &cookie).await);
        }
        let Credential::Cookie(text) = &cookie else {
            unreachable!()
        };
        refused!(t.refresh(text).await, HubError::Unauthenticated(_));

        t.pass_secs(7 * 24 * 60 * 60 + 1);

        assert!(!is_good(&t, &cookie).await);
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_after_its_life_however_much_it_is_used() {
    on_each_engine(async |t| {
        let mut sign_in = t.register(registration("alice"), &here()).await.unwrap();
        for _ in 0..29 {
            t.pass_secs(24 * 60 * 60);
            sign_in = t.refresh(&sign_in.tokens.refresh).await.unwrap();
        }
        assert!(is_good(&t, &bearer(&sign_in)).await);

        t.pass_secs(24 * 60 * 60);

        refused!(
            t.refresh(&sign_in.tokens.refresh).await,
            HubError::Unauthenticated(_)
        );
        assert!(!is_good(&t, &bearer(&sign_in)).await);
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_whole_chain() {
    on_each_engine(async |t| {
        let first = t.register(registration("alice"), &here()).await.unwrap();
        let other = t.log_in(&address("alice"), PASSWORD, &here()).await.unwrap();
        let second = t.refresh(&first.tokens.refresh).await.unwrap();
        let third = t.refresh(&second.tokens.refresh).await.unwrap();
        assert!(is_good(&t, &bearer(&third)).await);

        refused!(
            t.refresh(&first.tokens.refresh).await,
            HubError::Unauthenticated(_)
        );

        assert!(!is_good(&t, &bearer(&third)).await);
        refused!(
            t.refresh(&third.tokens.refresh).await,
            HubError::Unauthenticated(_)
        );
        assert!(
            is_good(&t, &bearer(&other)).await,
            "another sign-in is not touched"
        );
    })
    .await;
}

#[tokio::test]
async fn a_client_s_own_second_try_is_refused_and_harms_nothing_for_a_moment() {
    on_each_engine(async |t| {
        let first = t.register(registration("alice"), &here()).await.unwrap();
        let second = t.refresh(&first.tokens.refresh).await.unwrap();

        t.pass_secs(9);
        refused!(
            t.refresh(&first.tokens.refresh).await,
            HubError::Unauthenticated(_)
        );
        assert!(is_good(&t, &bearer(&second)).await);
        t.pass_secs(1);
        refused!(
            t.refresh(&first.tokens.refresh).await,
            HubError::Unauthenticated(_)
        );
        assert!(!is_good(&t, &bearer(&second)).await);
    })
    .await;
}

#[tokio::test]
async fn parallel_refreshes_leave_one_living_chain() {
    on_each_engine(async |t| {
        let sign_in = t.register(registration("alice"), &here()).await.unwrap();
        let tries = (0..8).map(|_| t.refresh(&sign_in.tokens.refresh));
        let outcomes = futures_util::future::join_all(tries).await;

        let winners: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
        let [winner] = &winners[..] else {
            panic!("{} chains", winners.len())
        };
        assert!(is_good(&t, &bearer(winner)).await);
        t.refresh(&winner.tokens.refresh).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn signing_out_ends_this_session_and_everywhere_ends_all() {
    on_each_engine(async |t| {
        let one = t.register(registration("alice"), &here()).await.unwrap();
        let two = t.log_in(&address("alice"), PASSWORD, &here()).await.unwrap();
        let three = t.log_in(&address("alice"), PASSWORD, &here()).await.unwrap();
        let bob = t.register(registration("bob"), &here()).await.unwrap();

        t.log_out(&t.actor(&one).await).await.unwrap();
        assert!(!is_good(&t, &bearer(&one)).await);
        refused!(t.refresh(&one.tokens.refresh).await, HubError::Unauthenticated(_));
        assert!(is_good(&t, &bearer(&two)).await);
        t.log_out_everywhere(&t.actor(&two).await).await.unwrap();

        assert!(!is_good(&t, &bearer(&two)).await);
        assert!(!is_good(&t, &bearer(&three)).await);
        assert!(is_good(&t, &bearer(&bob)).await);
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_by_their_owner_only() {
    on_each_engine(async |t| {
        let phone = Peer {
            label: "phone\n\u{7}".to_owned() + &"x".repeat(300),
            ..here()
        };
        let one = t.register(registration("alice"), &here()).await.unwrap();
        t.tick();
        let two = t.log_in(&address("alice"), PASSWORD, &phone).await.unwrap();
        let alice = t.actor(&one).await;
        let bob = t.user("bob").await;

        let sessions = t.sessions(&alice).await.unwrap();
        assert_eq!(
            sessions.iter().map(|row| row.is_current).collect::<Vec<_>>(),
            [false, true]
        );
        let newest = &sessions[0].session;
        assert_eq!(newest.kind, SessionKind::Token);
        assert_eq!(newest.label, "phone".to_owned() + &"x".repeat(250));
        refused!(t.end_session(&bob, newest.id).await, HubError::NotFound(_));
        t.end_session(&alice, newest.id).await.unwrap();

        assert!(!is_good(&t, &bearer(&two)).await);
        refused!(t.end_session(&alice, newest.id).await, HubError::NotFound(_));
        assert_eq!(t.sessions(&alice).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_oldest_sessions_make_room() {
    on_each_engine(async |t| {
        let first = t.register(registration("alice"), &here()).await.unwrap();
        t.tick();
        let second = t.log_in(&address("alice"), PASSWORD, &here()).await.unwrap();
        for _ in 0..199 {
            t.tick();
            t.log_in(&address("alice"), PASSWORD, &here()).await.unwrap();
        }

        assert!(!is_good(&t, &bearer(&first)).await);
        assert!(is_good(&t, &bearer(&second)).await);
        assert_eq!(t.sessions(&t.actor(&second).await).await.unwrap().len(), 200);
    })
    .await;
}

#[tokio::test]
async fn a_new_password_ends_the_other_sessions_and_the_old_password() {
    on_each_engine(async |t| {
        let own = t.register(registration("alice"), &here()).await.unwrap();
        let other = t.log_in(&address("alice"), PASSWORD, &here()).await.unwrap();
        let (_, cookie) = t.log_in_page(&address("alice"), PASSWORD, &here()).await.unwrap();
        let alice = t.actor(&own).await;
        let new = "another horse battery";

        refused!(
            t.change_password(&alice, (Some("not the one"), new), &here())
                .await,
            HubError::Forbidden(_)
        );
        refused!(
            t.change_password(&alice, (Some(PASSWORD), "short"), &here())
                .await,
            HubError::Invalid {
                field: "new_password",
                ..
            }
        );
        assert!(is_good(&t, &bearer(&other)).await);
        t.change_password(&alice, (Some(PASSWORD), new), &here())
            .await
            .unwrap();

        assert!(is_good(&t, &bearer(&own)).await);
        assert!(!is_good(&t, &bearer(&other)).await);
        assert!(!is_good(&t, &Credential::Cookie(cookie)).await);
        refused!(
            t.refresh(&other.tokens.refresh).await,
            HubError::Unauthenticated(_)
        );
        refused!(
            t.log_in(&address("alice"), PASSWORD, &here()).await,
            HubError::Unauthenticated(_)
        );
        t.log_in(&address("alice"), new, &here()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_at_the_moment_of_a_password_change_does_not_outlive_it() {
    on_each_engine(async |t| {
        let own = t.register(registration("alice"), &here()).await.unwrap();
        let alice = t.actor(&own).await;
        let mut current = PASSWORD.to_owned();
        for n in 0..5 {
            let new = format!("{PASSWORD} {n}");
            let (email, peer) = (address("alice"), here());
            let (signed_in, changed) = tokio::join!(
                t.log_in(&email, &current, &peer),
                t.change_password(&alice, (Some(&current), &new), &peer),
            );
            changed.unwrap();

            if let Ok(signed_in) = signed_in {
                assert!(!is_good(&t, &bearer(&signed_in)).await);
            }
            current = new;
        }
    })
    .await;
}

#[tokio::test]
async fn an_administrator_s_reset_ends_all_sessions() {
    on_each_engine(async |t| {
        let bob = t.register(registration("bob"), &here()).await.unwrap();

        let new = "set by the administrator";
        t.reset_password(&Actor::Worker, bob.user.id, new).await.unwrap();

        assert!(!is_good(&t, &bearer(&bob)).await);
        t.log_in(&address("bob"), new, &here()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_cheap_hash_is_replaced_at_the_next_sign_in() {
    on_each_engine(async |t| {
        let id = t.user("alice").await.user().unwrap();
        let hash = async || t.catalog.read().await.unwrap().password_hash(id).await.unwrap();
        let before = hash().await;
        let dearer = t
            .reopened(|config| {
                config.password_cost = PasswordCost {
                    memory_kib: 128,
                    passes: 1,
                }
            })
            .await;

        dearer.log_in(&address("alice"), PASSWORD, &here()).await.unwrap();

        let after = hash().await;
        assert_ne!(before, after);
        dearer.log_in(&address("alice"), PASSWORD, &here()).await.unwrap();
        assert_eq!(hash().await, after, "once is enough");
    })
    .await;
}

#[tokio::test]
async fn an_account_without_a_password_and_no_account_are_refused_alike() {
    on_each_engine(async |t| {
        t.user("alice").await;
        let mut words = Vec::new();
        for (email, password) in [
            (address("alice"), "wrong password"),
            (address("nobody"), PASSWORD),
            ("no address".to_owned(), PASSWORD),
            (String::new(), ""),
        ] {
            match t.log_in(&email, password, &from("192.0.2.1")).await {
                Err(error @ HubError::Unauthenticated(_)) => words.push(error.to_string()),
                other => panic!("{email}: {:?}", other.err()),
            }
        }
        words.dedup();
        assert_eq!(words.len(), 1, "{words:?}");
    })
    .await;
}
