//! Tokens: one refresh for everybody, kept before it is used, and what happens when there is none any more.

use fake_clouds::{Act, Fault};
use futures_util::future::join_all;
use model::ConnectionState;

use super::super::harness::on_each_engine_with;
use super::{Clouds, link, link_again, look, names, read};
use crate::HubError;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_on_two_nodes_refresh_once() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let file = account.create_file(&account.root(), "a.txt", "text");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        let other = t.reopened(clouds.settings()).await;
        account.expire_tokens();
        t.pass_secs(3600);
        let before = clouds.times_asked();
        let here = (0..20).map(|_| t.remote_item(&ada, (id, &file)));
        let there = (0..20).map(|_| other.remote_item(&ada, (id, &file)));
        let all = join_all(here.chain(there)).await;
        for item in all {
            assert_eq!(item.unwrap().name, "a.txt");
        }
        assert_eq!(clouds.times_asked() - before, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_refused_before_its_time_is_refreshed_once() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let file = account.create_file(&account.root(), "a.txt", "text");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        account.expire_tokens();
        let before = clouds.times_asked();
        let all = join_all((0..10).map(|_| read(&t, &ada, id, &file))).await;
        for bytes in all {
            assert_eq!(bytes.unwrap(), b"text");
        }
        assert_eq!(clouds.times_asked() - before, 1);
    })
    .await;
}

#[tokio::test]
async fn an_ended_access_waits_for_its_person_and_loses_nothing() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let root = account.root();
        let file = account.create_file(&root, "only.txt", "text");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        look(&t).await;
        account.revoke_tokens();
        t.pass_secs(3600);
        look(&t).await;
        let row = t.connection(&ada, id).await.unwrap();
        assert_eq!(row.connection.state, ConnectionState::SignInAgain);
        let concern = &row.health.concerns[0];
        assert_eq!((concern.code, concern.is_broken), ("sign_in_again", true));
        assert!(names(&t, &ada, id, None).await.contains(&"only.txt".to_owned()));
        let refused = read(&t, &ada, id, &file).await;
        assert!(matches!(refused, Err(HubError::SignInAgain(_))));

        // Nobody goes on asking.
        let before = clouds.times_asked();
        for _ in 0..5 {
            t.pass_secs(600);
            look(&t).await;
        }
        assert_eq!(clouds.times_asked(), before);

        let back = link_again(&t, &ada, "google", Some(id)).await.unwrap();
        assert_eq!(
            (back.connection.id, back.connection.state),
            (id, ConnectionState::Active)
        );
        assert_eq!(read(&t, &ada, id, &file).await.unwrap(), b"text");
        account.delete(&file);
    })
    .await;
}

#[tokio::test]
async fn what_ends_after_a_week_of_testing_is_called_that() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        clouds.google.account("ada@gmail.com").revoke_tokens();
        t.pass_secs(7 * 24 * 3600 + 60);
        look(&t).await;
        let row = t.connection(&ada, id).await.unwrap();
        let reason = row.connection.reason.unwrap();
        assert!(reason.contains("testing"), "{reason}");
    })
    .await;
}

#[tokio::test]
async fn each_token_of_microsoft_replaces_the_one_before() {
    let clouds = Clouds::start().await;
    clouds.microsoft.switches().set(|is| is.strict_refresh = true);
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let id = link(&t, &ada, "onedrive").await.unwrap().connection.id;
        for _ in 0..4 {
            t.pass_secs(2 * 3600);
            let row = t.check_connection(&ada, id).await.unwrap();
            assert_eq!(
                row.row.connection.state,
                ConnectionState::Active,
                "{:?}",
                row.steps
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_does_not_answer_ends_no_access() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        look(&t).await;
        t.pass_secs(3600);
        let busy = Act::Answer {
            status: 503,
            headers: Default::default(),
            body: "<html>later</html>".to_owned(),
        };
        clouds
            .google
            .faults()
            .push(Fault::on("POST", "/token", busy).times(20));
        look(&t).await;
        let row = t.connection(&ada, id).await.unwrap();
        assert_eq!(row.connection.state, ConnectionState::Active);
        assert!(row.feed.unwrap().failures > 0);
        clouds.google.faults().clear();
        t.pass_secs(3600);
        look(&t).await;
        let feed = t.connection(&ada, id).await.unwrap().feed.unwrap();
        assert_eq!((feed.failures, feed.error), (0, None));
    })
    .await;
}

#[tokio::test]
async fn no_token_is_readable_in_the_catalog_and_keys_can_change() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        let sealed = t
            .catalog
            .read()
            .await
            .unwrap()
            .credentials(id)
            .await
            .unwrap()
            .unwrap();
        let opened = t.open_credentials(id, &sealed).unwrap();
        let crate::Credentials::Tokens(tokens) = opened.credentials else {
            panic!("no tokens");
        };
        let text = String::from_utf8_lossy(&sealed.sealed).into_owned();
        assert!(!text.contains(&tokens.refresh) && !text.contains(&tokens.access));
        assert!(!format!("{tokens:?}").contains(&tokens.refresh));
        // Sealed for this connection and no other.
        let another = model::ConnectionId::new(t.time(), [7; 10]);
        assert!(t.open_credentials(another, &sealed).is_err());
        let report = t.rotate_token_key().await.unwrap();
        assert_eq!((report.sealed, report.current, report.lost), (0, 1, 0));
    })
    .await;
}
