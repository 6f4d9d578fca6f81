//! Limits on guesses at passwords, and app passwords.

use super::harness::{PASSWORD, TestHub, address, from, here, on_each_engine, refused};
use crate::{Credential, Hub, HubError, MeChange};

async fn guess(hub: &Hub, name: &str, ip: &str) {
    refused!(
        hub.log_in(&address(name), "wrong password", &from(ip)).await,
        HubError::Unauthenticated(_)
    );
}

async fn log_in(hub: &Hub, name: &str, ip: &str) -> Result<(), HubError> {
    hub.log_in(&address(name), PASSWORD, &from(ip)).await.map(drop)
}

#[tokio::test]
async fn after_ten_wrong_passwords_the_right_one_is_refused_too_for_a_while() {
    on_each_engine(async |t| {
        t.user("alice").await;
        t.user("bob").await;
        for _ in 0..10 {
            guess(&t, "alice", "192.0.2.1").await;
        }

        let refusal = log_in(&t, "alice", "192.0.2.77").await;
        refused!(
            refusal,
            HubError::TooManyTries {
                retry_after_secs: 1..=900
            }
        );
        assert!(
            log_in(&t, "bob", "192.0.2.1").await.is_ok(),
            "another account from there"
        );
        assert!(
            log_in(&t, "alice", "198.51.100.1").await.is_ok(),
            "from elsewhere"
        );
        t.pass_secs(14 * 60);
        refused!(
            log_in(&t, "alice", "192.0.2.1").await,
            HubError::TooManyTries { .. }
        );
        t.pass_secs(60);
        assert!(log_in(&t, "alice", "192.0.2.1").await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn the_count_survives_a_restart_and_is_shared_by_all_nodes() {
    on_each_engine(async |t| {
        t.user("alice").await;
        let other = t.reopened(|_| ()).await;
        for _ in 0..5 {
            guess(&t, "alice", "192.0.2.1").await;
            guess(&other, "alice", "192.0.2.1").await;
        }

        refused!(
            log_in(&t, "alice", "192.0.2.1").await,
            HubError::TooManyTries { .. }
        );
        let third = t.reopened(|_| ()).await;
        refused!(
            log_in(&third, "alice", "192.0.2.1").await,
            HubError::TooManyTries { .. }
        );
    })
    .await;
}

#[tokio::test]
async fn a_burst_of_guesses_gets_no_further_than_ten() {
    on_each_engine(async |t| {
        t.user("alice").await;
        let peer = from("192.0.2.1");
        let email = address("alice");
        let guesses = (0..40).map(|_| t.log_in(&email, "wrong password", &peer));
        let outcomes = futures_util::future::join_all(guesses).await;

        let looked_at = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Err(HubError::Unauthenticated(_))));
        assert_eq!(looked_at.count(), 10);
    })
    .await;
}

#[tokio::test]
async fn a_right_password_forgives_the_wrong_ones_before() {
    on_each_engine(async |t| {
        t.user("alice").await;
        for _ in 0..3 {
            for _ in 0..9 {
                guess(&t, "alice", "192.0.2.1").await;
            }
            assert!(log_in(&t, "alice", "192.0.2.1").await.is_ok());
        }
    })
    .await;
}

#[tokio::test]
async fn one_network_gets_a_hundred_guesses_at_all_accounts_together() {
    on_each_engine(async |t| {
        t.user("alice").await;
        for n in 0..100 {
            guess(&t, &format!("user{n}"), &format!("192.0.2.{n}")).await;
        }

        refused!(
            log_in(&t, "alice", "192.0.2.1").await,
            HubError::TooManyTries { .. }
        );
        assert!(log_in(&t, "alice", "198.51.100.1").await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn one_account_gets_a_hundred_guesses_from_everywhere_together() {
    on_each_engine(async |t| {
        t.user("alice").await;
        for n in 0..100 {
            guess(&t, "alice", &format!("10.0.{n}.1")).await;
        }

        refused!(
            log_in(&t, "alice", "198.51.100.1").await,
            HubError::TooManyTries { .. }
        );
    })
    .await;
}

#[tokio::test]
async fn guesses_by_every_door_count_together() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let peer = from("192.0.2.1");
        for _ in 0..3 {
            guess(&t, "alice", "192.0.2.1").await;
            refused!(
                t.log_in_page(&address("alice"), "wrong password", &peer).await,
                HubError::Unauthenticated(_)
            );
            refused!(
                basic(&t, "alice", "wrong password").await,
                HubError::Unauthenticated(_)
            );
        }
        let wrong = (Some("wrong password"), "another horse battery");
        refused!(
            t.change_password(&alice, wrong, &peer).await,
            HubError::Forbidden(_)
        );

        refused!(
            log_in(&t, "alice", "192.0.2.1").await,
            HubError::TooManyTries { .. }
        );
        refused!(
            basic(&t, "alice", "wrong password").await,
            HubError::TooManyTries { .. }
        );
        let right = (Some(PASSWORD), "another horse battery");
        refused!(
            t.change_password(&alice, right, &peer).await,
            HubError::TooManyTries { .. }
        );
    })
    .await;
}

async fn basic(t: &TestHub, name: &str, password: &str) -> Result<model::Actor, HubError> {
    let credential = Credential::Basic {
        email: address(name),
        password: password.to_owned(),
    };
    t.authenticate(&credential, &from("192.0.2.1")).await
}

#[tokio::test]
async fn an_app_password_opens_its_owner_s_files_and_no_credentials() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let new = t.create_app_password(&alice, " phone ").await.unwrap();
        assert_eq!((new.row.label.as_str(), new.row.used_ms), ("phone", None));
        let app = basic(&t, "alice", &new.secret).await.unwrap();

        t.put(&app, crate::FolderRef::Root, "by-phone.txt", "x").await;
        assert_eq!(t.names(&alice, crate::FolderRef::Root).await, ["by-phone.txt"]);
        let listed = t.app_passwords(&alice).await.unwrap();
        assert_eq!(listed[0].used_ms, Some(t.time()));
        refused!(t.create_app_password(&app, "more").await, HubError::Forbidden(_));
        refused!(t.app_passwords(&app).await, HubError::Forbidden(_));
        refused!(
            t.remove_app_password(&app, new.row.id).await,
            HubError::Forbidden(_)
        );
        refused!(t.sessions(&app).await, HubError::Forbidden(_));
        refused!(t.log_out(&app).await, HubError::Forbidden(_));
        refused!(t.log_out_everywhere(&app).await, HubError::Forbidden(_));
        refused!(
            t.change_me(&app, MeChange::default()).await,
            HubError::Forbidden(_)
        );
        let words = (Some(PASSWORD), "another horse battery");
        refused!(
            t.change_password(&app, words, &here()).await,
            HubError::Forbidden(_)
        );
    })
    .await;
}

#[tokio::test]
async fn an_app_password_is_one_person_s_and_not_their_password() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        t.user("bob").await;
        let new = t.create_app_password(&alice, "phone").await.unwrap();

        refused!(basic(&t, "bob", &new.secret).await, HubError::Unauthenticated(_));
        refused!(basic(&t, "alice", PASSWORD).await, HubError::Unauthenticated(_));
        refused!(
            t.log_in(&address("alice"), &new.secret, &here()).await,
            HubError::Unauthenticated(_)
        );
        refused!(
            t.create_app_password(&alice, " ").await,
            HubError::Invalid { field: "label", .. }
        );
    })
    .await;
}

#[tokio::test]
async fn a_removed_app_password_is_out_at_once_and_the_others_stay() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        let phone = t.create_app_password(&alice, "phone").await.unwrap();
        let laptop = t.create_app_password(&alice, "laptop").await.unwrap();

        refused!(
            t.remove_app_password(&bob, phone.row.id).await,
            HubError::NotFound(_)
        );
        t.remove_app_password(&alice, phone.row.id).await.unwrap();

        refused!(
            basic(&t, "alice", &phone.secret).await,
            HubError::Unauthenticated(_)
        );
        assert!(basic(&t, "alice", &laptop.secret).await.is_ok());
        refused!(
            t.remove_app_password(&alice, phone.row.id).await,
            HubError::NotFound(_)
        );
    })
    .await;
}

#[tokio::test]
async fn strangers_guesses_do_not_lock_a_program_out() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let phone = t.create_app_password(&alice, "phone").await.unwrap();
        for _ in 0..10 {
            guess(&t, "alice", "192.0.2.1").await;
        }

        assert!(basic(&t, "alice", &phone.secret).await.is_ok());
    })
    .await;
}
