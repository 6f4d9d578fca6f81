//! Who somebody at a provider is here: accounts that are made, joined and closed.

use model::{Actor, Role, UserState};
use serde_json::json;

use super::harness::{PASSWORD, address, from, here, on_each_engine_with, refused, registration};
use super::issuer::{Issuer, browse, cookie_actor, known, native, offering, ticket, verified};
use crate::{Config, HubError, Recognised, SignIn, SignupMode, UserChange};

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
