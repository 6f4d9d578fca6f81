//! Pauses that a provider asks for, and budgets.

use fake_clouds::{Act, Fault};
use model::{JobKind, Lane};

use super::super::harness::on_each_engine_with;
use super::{Clouds, link};
use crate::HubError;

#[tokio::test]
async fn a_pause_holds_on_all_nodes_and_for_that_account_alone() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let file = account.create_file(&account.root(), "a.txt", "text");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        let elsewhere = link(&t, &ada, "onedrive").await.unwrap().connection.id;
        let other = t.reopened(clouds.settings()).await;
        let busy = Act::Answer {
            status: 429,
            headers: [("retry-after".to_owned(), "70".to_owned())].into(),
            body: String::new(),
        };
        clouds
            .google
            .faults()
            .push(Fault::on("GET", "/drive/v3/files/", busy));
        let paused = t.remote_item(&ada, (id, &file)).await;
        let Err(HubError::RemoteBusy { retry_after_secs }) = paused else {
            panic!("{paused:?}");
        };
        assert!((60..=71).contains(&retry_after_secs), "{retry_after_secs}");

        let before = clouds.google.requests().len();
        for hub in [&t.hub, &other] {
            let paused = hub.remote_item(&ada, (id, &file)).await;
            assert!(matches!(paused, Err(HubError::RemoteBusy { .. })), "{paused:?}");
        }
        assert_eq!(clouds.google.requests().len(), before, "nothing was asked");
        assert!(t.check_connection(&ada, elsewhere).await.unwrap().steps.len() > 3);

        t.pass_secs(71);
        assert_eq!(t.remote_item(&ada, (id, &file)).await.unwrap().name, "a.txt");
        assert_eq!(other.remote_item(&ada, (id, &file)).await.unwrap().name, "a.txt");
        account.delete(&file);
    })
    .await;
}

#[tokio::test]
async fn looking_at_clouds_takes_no_worker_from_the_servers_own_jobs() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        link(&t, &ada, "google").await.unwrap();
        t.schedule_upkeep().await.unwrap();
        let kinds = async |lane| {
            let leases = t.lease_jobs_of(lane, "test", 10).await.unwrap();
            leases.into_iter().map(|lease| lease.job.kind).collect::<Vec<_>>()
        };
        let own = kinds(Lane::Own).await;
        assert!(!own.is_empty() && !own.contains(&JobKind::Observe), "{own:?}");
        assert_eq!(kinds(Lane::Others).await, [JobKind::Observe]);
    })
    .await;
}
