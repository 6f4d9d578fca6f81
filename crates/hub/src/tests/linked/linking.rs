//! Linking, linking again, unlinking, and what must not be linked.

use model::ConnectionState;

use super::super::harness::{here, on_each_engine_with};
use super::{Clouds, consent, link, link_again, look, names};
use crate::{CameBack, HubError};

#[tokio::test]
async fn a_linked_drive_shows_what_is_in_it() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let root = account.root();
        let papers = account.create_folder(&root, "Papers");
        let _ = account.create_file(&papers, "a/b.txt", "text");
        let _ = account.create_file(&root, "same", "1");
        let _ = account.create_file(&root, "same", "2");

        let row = link(&t, &ada, "google").await.unwrap();

        assert_eq!(row.connection.account, "ada@gmail.com");
        assert_eq!(row.connection.state, ConnectionState::Active);
        assert!(row.health.concerns.is_empty(), "{:?}", row.health);
        let id = row.connection.id;
        assert!(super::page(&t, &ada, id, None).await.is_filling);
        look(&t).await;
        let page = super::page(&t, &ada, id, None).await;
        assert!(page.as_of.is_some());
        let found = names(&t, &ada, id, None).await;
        assert!(
            found.iter().filter(|name| *name == "same").count() == 2,
            "{found:?}"
        );
        assert_eq!(found[0], "Papers", "folders come first");
        assert_eq!(names(&t, &ada, id, Some(&papers)).await, ["a/b.txt"]);
        let status = t.connection_status(&ada, ada.user().unwrap(), "google").await;
        assert!(status.unwrap().is_connected);
        // The next engine begins with an empty drive.
        for entry in account.children(&root) {
            account.delete(&entry.id);
        }
        assert_eq!(clouds.google.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn linking_the_same_drive_again_makes_the_same_connection_work_again() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let first = link(&t, &ada, "onedrive").await.unwrap();
        let again = link(&t, &ada, "onedrive").await.unwrap();
        assert_eq!(again.connection.id, first.connection.id);
        let back = link_again(&t, &ada, "onedrive", Some(first.connection.id)).await;
        assert_eq!(back.unwrap().connection.id, first.connection.id);
        assert_eq!(t.connections(&ada).await.unwrap().len(), 1);

        // Two people may link one drive, each for themselves.
        let bob = t.user("bob").await;
        let other = link(&t, &bob, "onedrive").await.unwrap();
        assert_ne!(other.connection.id, first.connection.id);
        assert!(matches!(
            t.connection(&bob, first.connection.id).await,
            Err(HubError::NotFound(_))
        ));
    })
    .await;
}

#[tokio::test]
async fn a_connection_is_not_led_to_another_drive() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let row = link(&t, &ada, "google").await.unwrap();
        let begun = t
            .begin_link(&ada, "google", Some(row.connection.id), "/")
            .await
            .unwrap();
        assert!(begun.url.contains("login_hint=ada%40gmail.com"), "{}", begun.url);
        // Signed in as somebody else there.
        let other = crate::Begun {
            url: begun.url.replace("ada%40gmail.com", "eve%40gmail.com"),
            question: begun.question,
        };
        let answer = consent(&other).await;
        let refused = t
            .come_back("google", &answer, Some(&other.question), &here())
            .await;
        let Err(HubError::SignInFailed(why)) = refused else {
            panic!("it was linked");
        };
        assert!(
            why.contains("eve@gmail.com") && why.contains("ada@gmail.com"),
            "{why}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_answer_counts_once_and_in_the_browser_that_asked() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let eve = t.user("eve").await;
        let begun = t.begin_link(&ada, "google", None, "/").await.unwrap();
        let others = t.begin_link(&eve, "google", None, "/").await.unwrap();
        let answer = consent(&begun).await;
        for (provider, question) in [
            ("google", None),
            ("google", Some("forged")),
            // Ada's drive would be Eve's.
            ("google", Some(others.question.as_str())),
            ("onedrive", Some(begun.question.as_str())),
        ] {
            let refused = t.come_back(provider, &answer, question, &here()).await;
            assert!(matches!(refused, Err(HubError::SignInFailed(_))), "{question:?}");
        }
        let peer = here();
        let back = || t.come_back("google", &answer, Some(&begun.question), &peer);
        assert!(matches!(back().await, Ok(CameBack::Linked(_))));
        assert!(matches!(back().await, Err(HubError::SignInFailed(_))));
        assert!(t.connections(&eve).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_ticket_links_to_the_account_that_asked_for_it_once() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let ticket = t.link_ticket(&ada, "google", None, ("/", None)).await.unwrap();
        let wrong = t.begin_link_by_ticket("onedrive", &ticket.ticket).await;
        assert!(matches!(wrong, Err(HubError::Unauthenticated(_))));
        let begun = t.begin_link_by_ticket("google", &ticket.ticket).await.unwrap();
        let twice = t.begin_link_by_ticket("google", &ticket.ticket).await;
        assert!(matches!(twice, Err(HubError::Unauthenticated(_))));
        let answer = consent(&begun).await;
        t.come_back("google", &answer, Some(&begun.question), &here())
            .await
            .unwrap();
        assert_eq!(t.connections(&ada).await.unwrap().len(), 1);

        let late = t.link_ticket(&ada, "google", None, ("/", None)).await.unwrap();
        t.pass_secs(601);
        let late = t.begin_link_by_ticket("google", &late.ticket).await;
        assert!(matches!(late, Err(HubError::Unauthenticated(_))));
    })
    .await;
}

#[tokio::test]
async fn what_was_not_allowed_is_not_linked() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        clouds.google.switches().set(|is| is.deny = true);
        assert!(matches!(
            link(&t, &ada, "google").await,
            Err(HubError::SignInFailed(_))
        ));
        clouds.google.switches().set(|is| {
            is.deny = false;
            is.granted_scopes = vec!["openid".to_owned(), "email".to_owned()];
        });
        let refused = link(&t, &ada, "google").await;
        let Err(HubError::SignInFailed(why)) = refused else {
            panic!("it was linked without its scope");
        };
        assert!(why.contains("box"), "{why}");
        clouds.google.switches().set(|is| is.granted_scopes.clear());
        assert!(t.connections(&ada).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn unlinking_gives_the_access_back_and_forgets_what_was_seen() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let row = link(&t, &ada, "google").await.unwrap();
        look(&t).await;
        let id = row.connection.id;
        assert!(t.disconnect(&ada, id).await.unwrap());
        assert!(matches!(t.connection(&ada, id).await, Err(HubError::NotFound(_))));
        assert_eq!(t.catalog.read().await.unwrap().count_items(id).await.unwrap(), 0);
        let asked = clouds.google.requests();
        assert!(asked.iter().any(|seen| seen.path == "/revoke"));
        // Its job comes to an end by itself.
        t.pass_secs(24 * 3600);
        look(&t).await;

        let row = link(&t, &ada, "onedrive").await.unwrap();
        let is_revoked = t.disconnect(&ada, row.connection.id).await.unwrap();
        assert!(!is_revoked, "Microsoft has no such thing, and people are told");
    })
    .await;
}
