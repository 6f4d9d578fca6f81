//! Making accounts, and what administrators do with them.

use model::{Actor, Role, UserState};

use super::harness::{
    PASSWORD, TestHub, address, from, here, named, on_each_engine, on_each_engine_with, refused, registration,
};
use crate::sessions::secret_hash;
use crate::{Credential, HubError, MeChange, Registration, SignupMode, UserChange};

fn disable() -> UserChange {
    UserChange {
        state: Some(UserState::Disabled),
        ..UserChange::default()
    }
}

fn demote() -> UserChange {
    UserChange {
        role: Some(Role::User),
        ..UserChange::default()
    }
}

fn called(name: &str) -> MeChange {
    MeChange {
        full_name: Some(name.to_owned()),
        ..MeChange::default()
    }
}

async fn role_of(t: &TestHub, who: &Actor) -> Role {
    t.me(who).await.unwrap().user.role
}

#[tokio::test]
async fn the_first_account_is_the_administrator_s_and_the_next_is_not() {
    on_each_engine(async |t| {
        let first = t.user("first").await;
        let second = t.user("second").await;

        assert_eq!(role_of(&t, &first).await, Role::Admin);
        assert_eq!(role_of(&t, &second).await, Role::User);
    })
    .await;
}

#[tokio::test]
async fn many_first_accounts_at_once_make_one_administrator() {
    on_each_engine(async |t| {
        let tries = (0..8).map(|n| {
            let hub = t.hub.clone();
            async move {
                hub.register(registration(&format!("user{n}")), &here())
                    .await
                    .unwrap()
            }
        });
        let sign_ins = futures_util::future::join_all(tries).await;

        let admins = sign_ins.iter().filter(|sign_in| sign_in.user.role == Role::Admin);
        assert_eq!(admins.count(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_first_account_from_another_machine_needs_the_setup_code() {
    let set = |config: &mut crate::Config| config.setup_code_digest = Some(secret_hash("the-code"));
    on_each_engine_with(set, async |t| {
        let with = |code: Option<&str>| Registration {
            setup_code: code.map(str::to_owned),
            ..registration("first")
        };
        let peer = from("192.0.2.1");

        assert!(t.signup(&peer).await.unwrap().needs_setup_code);
        assert!(!t.signup(&here()).await.unwrap().needs_setup_code);
        refused!(t.register(with(None), &peer).await, HubError::Forbidden(_));
        refused!(
            t.register(with(Some("another")), &peer).await,
            HubError::Forbidden(_)
        );
        let sign_in = t.register(with(Some("the-code")), &peer).await.unwrap();
        assert_eq!(sign_in.user.role, Role::Admin);
        assert!(!t.signup(&peer).await.unwrap().is_first);
    })
    .await;
}

#[tokio::test]
async fn guesses_at_the_setup_code_are_counted() {
    let set = |config: &mut crate::Config| config.setup_code_digest = Some(secret_hash("the-code"));
    on_each_engine_with(set, async |t| {
        let with = |code: &str| Registration {
            setup_code: Some(code.to_owned()),
            ..registration("first")
        };
        let peer = from("192.0.2.1");
        for _ in 0..20 {
            refused!(t.register(with("guess"), &peer).await, HubError::Forbidden(_));
        }

        refused!(
            t.register(with("the-code"), &peer).await,
            HubError::TooManyTries { .. }
        );
        assert!(t.register(with("the-code"), &from("198.51.100.1")).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn one_network_makes_twenty_accounts_at_a_time() {
    on_each_engine(async |t| {
        t.user("admin").await;
        for n in 0..20 {
            let peer = from(&format!("192.0.2.{n}"));
            t.register(registration(&format!("user{n}")), &peer)
                .await
                .unwrap();
        }

        let next = t.register(registration("next"), &from("192.0.2.99")).await;
        refused!(next, HubError::TooManyTries { .. });
        t.register(registration("next"), &from("198.51.100.1"))
            .await
            .unwrap();
        t.pass_secs(15 * 60);
        t.register(registration("later"), &from("192.0.2.99"))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn without_a_setup_code_only_this_machine_makes_the_first_account() {
    on_each_engine(async |t| {
        let guess = Registration {
            setup_code: Some(String::new()),
            ..registration("first")
        };
        refused!(
            t.register(guess, &from("192.0.2.1")).await,
            HubError::Forbidden(_)
        );
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_good_once_and_for_a_week() {
    let set = |config: &mut crate::Config| config.signup = SignupMode::Invite;
    on_each_engine_with(set, async |t| {
        let admin = t.user("admin").await;
        let with = |name: &str, invite: &str| Registration {
            invite: Some(invite.to_owned()),
            ..registration(name)
        };
        let (invite, _) = t.create_invite(&admin).await.unwrap();
        let (late, _) = t.create_invite(&admin).await.unwrap();

        refused!(
            t.register(registration("bob"), &here()).await,
            HubError::Forbidden(_)
        );
        refused!(
            t.register(with("bob", "no-such"), &here()).await,
            HubError::Forbidden(_)
        );
        let taken = t.register(with("admin", &invite), &here()).await;
        refused!(taken, HubError::EmailTaken);
        assert!(
            t.register(with("bob", &invite), &here()).await.is_ok(),
            "it was not used up"
        );
        refused!(
            t.register(with("carol", &invite), &here()).await,
            HubError::Forbidden(_)
        );
        t.pass_secs(7 * 24 * 60 * 60);
        refused!(
            t.register(with("carol", &late), &here()).await,
            HubError::Forbidden(_)
        );
    })
    .await;
}

#[tokio::test]
async fn a_closed_server_takes_nobody_but_whom_the_administrator_adds() {
    let set = |config: &mut crate::Config| config.signup = SignupMode::Closed;
    on_each_engine_with(set, async |t| {
        let admin = t.user("admin").await;

        refused!(
            t.register(registration("bob"), &here()).await,
            HubError::Forbidden(_)
        );
        t.create_user(&admin, (&address("bob"), PASSWORD), ("Bob", Role::User))
            .await
            .unwrap();
        let sign_in = t.log_in(&address("bob"), PASSWORD, &here()).await.unwrap();
        assert_eq!(sign_in.user.full_name, "Bob");
        refused!(
            t.create_user(&admin, (&address("bob"), PASSWORD), ("", Role::User))
                .await,
            HubError::EmailTaken
        );
    })
    .await;
}

#[tokio::test]
async fn one_address_is_one_account_however_it_is_written() {
    on_each_engine(async |t| {
        t.user("alice").await;
        for email in ["Alice@Example.org", " alice@example.org ", "ａlice@example.org"] {
            let again = Registration {
                email: email.to_owned(),
                ..registration("alice")
            };
            refused!(t.register(again, &here()).await, HubError::EmailTaken);
        }
    })
    .await;
}

#[tokio::test]
async fn two_registrations_of_one_address_at_once_make_one_account() {
    on_each_engine(async |t| {
        t.user("admin").await;
        let tries = (0..8).map(|_| {
            let hub = t.hub.clone();
            async move { hub.register(registration("bob"), &here()).await }
        });
        let outcomes = futures_util::future::join_all(tries).await;

        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let others = outcomes.into_iter().filter(Result::is_err);
        others.for_each(|outcome| refused!(outcome, HubError::EmailTaken));
    })
    .await;
}

#[tokio::test]
async fn wrong_fields_are_named() {
    on_each_engine(async |t| {
        let check = async |registration: Registration, expected: &str| match t
            .register(registration, &here())
            .await
        {
            Err(HubError::Invalid { field, .. }) => assert_eq!(field, expected),
            Err(other) => panic!("{expected}: {other:?}"),
            Ok(_) => panic!("{expected}: taken"),
        };
        for email in ["", "no address", "a@", "@b", "a@b@c", "ünï@example.org"] {
            let wrong = Registration {
                email: email.to_owned(),
                ..registration("alice")
            };
            check(wrong, "email").await;
        }
        for password in ["1234567", &"x".repeat(1025), "aaaaaaaaaaaa", "Password123"] {
            let wrong = Registration {
                password: password.to_owned(),
                ..registration("alice")
            };
            check(wrong, "password").await;
        }
        for full_name in ["line\nbreak", &"n".repeat(256)] {
            let wrong = Registration {
                full_name: full_name.to_owned(),
                ..registration("alice")
            };
            check(wrong, "full_name").await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_disabled_account_is_out_at_once_and_keeps_its_files() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let sign_in = t.register(registration("bob"), &here()).await.unwrap();
        let bob = t.actor(&sign_in).await;
        let file = t.put(&bob, crate::FolderRef::Root, "kept.txt", "kept").await;
        let app = t.create_app_password(&bob, "phone").await.unwrap();
        let basic = Credential::Basic {
            email: address("bob"),
            password: app.secret,
        };
        let bearer = Credential::Bearer(sign_in.tokens.access.clone());
        t.authenticate(&basic, &here()).await.unwrap();

        t.change_user(&admin, sign_in.user.id, disable()).await.unwrap();

        refused!(
            t.authenticate(&bearer, &here()).await,
            HubError::Unauthenticated(_)
        );
        refused!(
            t.authenticate(&basic, &here()).await,
            HubError::Unauthenticated(_)
        );
        refused!(
            t.refresh(&sign_in.tokens.refresh).await,
            HubError::Unauthenticated(_)
        );
        refused!(
            t.log_in(&address("bob"), PASSWORD, &here()).await,
            HubError::Unauthenticated(_)
        );
        let enable = UserChange {
            state: Some(UserState::Active),
            ..UserChange::default()
        };
        t.change_user(&admin, sign_in.user.id, enable).await.unwrap();
        refused!(
            t.authenticate(&bearer, &here()).await,
            HubError::Unauthenticated(_)
        );
        let again = t.log_in(&address("bob"), PASSWORD, &here()).await.unwrap();
        let bob = t.actor(&again).await;
        assert_eq!(t.bytes_of(&bob, file.id).await, b"kept");
        assert_eq!(file.name, named("kept.txt"));
    })
    .await;
}

#[tokio::test]
async fn a_demoted_administrator_is_one_no_more_at_once() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let sign_in = t.register(registration("bob"), &here()).await.unwrap();
        let promote = UserChange {
            role: Some(Role::Admin),
            ..UserChange::default()
        };
        t.change_user(&admin, sign_in.user.id, promote).await.unwrap();
        let bob = t.actor(&sign_in).await;
        assert!(t.users(&bob, "", 10).await.is_ok());

        t.change_user(&admin, sign_in.user.id, demote()).await.unwrap();

        let bob = t.actor(&sign_in).await;
        refused!(t.users(&bob, "", 10).await, HubError::Forbidden(_));
    })
    .await;
}

#[tokio::test]
async fn the_last_administrator_stays() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let id = admin.user().unwrap();

        refused!(t.change_user(&admin, id, demote()).await, HubError::Conflict(_));
        refused!(t.change_user(&admin, id, disable()).await, HubError::Conflict(_));
        assert_eq!(role_of(&t, &admin).await, Role::Admin);
    })
    .await;
}

#[tokio::test]
async fn two_administrators_who_demote_each_other_leave_one() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let other = t
            .create_user(&admin, (&address("other"), PASSWORD), ("", Role::Admin))
            .await
            .unwrap();
        let (one, two) = tokio::join!(
            t.change_user(&admin, other.user.id, demote()),
            t.change_user(&Actor::Worker, admin.user().unwrap(), demote()),
        );

        assert_ne!(one.is_ok(), two.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_plain_user_and_an_app_password_administer_nothing() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let bob = t.user("bob").await;
        let app = t.create_app_password(&admin, "script").await.unwrap();
        let credential = Credential::Basic {
            email: address("admin"),
            password: app.secret,
        };
        let app = t.authenticate(&credential, &here()).await.unwrap();
        for actor in [bob, app] {
            let id = admin.user().unwrap();
            refused!(t.users(&actor, "", 10).await, HubError::Forbidden(_));
            refused!(t.change_user(&actor, id, demote()).await, HubError::Forbidden(_));
            refused!(t.create_invite(&actor).await, HubError::Forbidden(_));
            refused!(
                t.reset_password(&actor, id, PASSWORD).await,
                HubError::Forbidden(_)
            );
            let new = ("x@example.org", PASSWORD);
            refused!(
                t.create_user(&actor, new, ("", Role::User)).await,
                HubError::Forbidden(_)
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_change_at_the_same_time_does_not_undo_a_demotion() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let bob = t
            .create_user(&admin, (&address("bob"), PASSWORD), ("", Role::Admin))
            .await
            .unwrap()
            .user;
        let sign_in = t.log_in(&address("bob"), PASSWORD, &here()).await.unwrap();
        let actor = t.actor(&sign_in).await;
        for n in 0..5 {
            let name = format!("Bob the {n}th");
            let (renamed, demoted) = tokio::join!(
                t.change_me(&actor, called(&name)),
                t.change_user(&admin, bob.id, demote())
            );
            renamed.unwrap();
            demoted.unwrap();

            let me = t.me(&actor).await.unwrap().user;
            assert_eq!((me.role, me.full_name), (Role::User, name));
            let promote = UserChange {
                role: Some(Role::Admin),
                ..UserChange::default()
            };
            t.change_user(&admin, bob.id, promote).await.unwrap();
        }
    })
    .await;
}
