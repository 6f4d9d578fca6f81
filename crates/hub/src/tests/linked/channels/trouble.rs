//! Channels that are not opened, or do not tell: what changes is found all the same.

use fake_clouds::{Act, Fault};
use model::ConnectionId;

use super::super::{look, names};
use super::{DAY_SECS, Stage, give, on_each};

#[tokio::test]
async fn notices_do_not_have_a_provider_asked_that_is_in_trouble_or_wants_a_person() {
    on_each(async |stage| {
        let Stage { t, clouds, .. } = &stage;
        let account = clouds.google.account("ada@gmail.com");
        let id = stage.told("google").await;
        let _ = account.create_file(&account.root(), "a", "1");
        let heard = stage.ear.next().await;
        for _ in 0..2 {
            let refusal = Fault::on("GET", "/drive/v3/changes", Act::status(403, None));
            clouds.google.faults().push(refusal);
        }
        // The second failure is followed by a minute's rest.
        for _ in 0..2 {
            give(t, &heard).await.unwrap();
            t.pass_secs(31);
            assert_eq!(t.do_jobs().await.len(), 1);
        }
        for _ in 0..14 {
            give(t, &heard).await.unwrap();
            t.pass_secs(2);
            assert!(t.do_jobs().await.is_empty());
        }
        t.pass_secs(3);
        assert_eq!(t.do_jobs().await.len(), 1);

        let mut tx = t.catalog.write().await.unwrap();
        let mut connection = tx.lock_connection(id).await.unwrap().unwrap();
        connection.state = model::ConnectionState::SignInAgain;
        tx.put_connection(&connection).await.unwrap();
        tx.commit().await.unwrap();
        give(t, &heard).await.unwrap();
        t.pass_secs(10);
        assert!(t.do_jobs().await.is_empty());
    })
    .await;
}

/// Links a drive of Google, and loses the answer that says that its channel is open.
async fn opened_unheard(stage: &Stage) -> ConnectionId {
    let lost = Fault::on("POST", "/changes/watch", Act::DropAfter);
    stage.clouds.google.faults().push(lost);
    let id = stage.link("google").await;
    look(&stage.t).await;
    id
}

#[tokio::test]
async fn a_channel_whose_answer_was_lost_is_taken_over_by_its_first_notice() {
    on_each(async |stage| {
        let Stage { t, clouds, .. } = &stage;
        let id = opened_unheard(&stage).await;
        assert!(!stage.news(id).await.is_told);
        let asked = stage.asked("POST", "/changes/watch");
        stage.pass_on().await.unwrap();
        t.pass_secs(61);
        look(t).await;
        assert!(stage.news(id).await.is_told);
        assert_eq!(
            (
                clouds.google.channel_count(),
                stage.asked("POST", "/changes/watch")
            ),
            (1, asked)
        );
        assert!(t.disconnect(&stage.ada, id).await.unwrap());
        assert_eq!(clouds.google.channel_count(), 0, "enough is known to close it");
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_another_took_the_place_of_unheard_is_closed_once_it_tells() {
    on_each(async |stage| {
        let Stage { t, clouds, .. } = &stage;
        let id = opened_unheard(&stage).await;
        let first = stage.ear.next().await;
        t.pass_secs(61);
        look(t).await;
        assert_eq!(clouds.google.channel_count(), 2);
        assert_eq!(stage.asked("POST", "/channels/stop"), 0);
        give(t, &first).await.unwrap();
        stage.pass_on().await.unwrap();
        t.pass_secs(61);
        look(t).await;
        assert_eq!(clouds.google.channel_count(), 1);
        let rows = t.catalog.read().await.unwrap().channels_of(id).await.unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert!(stage.news(id).await.is_told);
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_a_killed_server_was_about_to_open_is_forgotten_in_the_end() {
    on_each(async |stage| {
        let Stage { t, clouds, .. } = &stage;
        let held = Fault::on("POST", "/changes/watch", Act::Hold("cut".to_owned()));
        clouds.google.faults().push(held);
        let id = stage.link("google").await;
        let faults = clouds.google.faults();
        tokio::select! {
            _ = t.do_jobs() => panic!("it waits"),
            () = faults.reached("cut") => {}
        }
        faults.release("cut");
        // The lease of who is no more runs out.
        t.pass_secs(61);
        look(t).await;
        let rows = async || t.catalog.read().await.unwrap().channels_of(id).await.unwrap();
        assert_eq!(rows().await.len(), 2);
        assert!(rows().await.iter().any(|row| row.remote.is_some()));
        // It is remembered, should it tell, for as long as it could.
        stage.pass(8 * DAY_SECS);
        look(t).await;
        assert_eq!(rows().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn polling_goes_on_where_google_does_not_take_the_address() {
    on_each(async |stage| {
        let Stage { t, clouds, ada, .. } = &stage;
        let body = r#"{"error":{"errors":[{"reason":"push.webhookUrlUnauthorized","message":"no"}]}}"#;
        for _ in 0..2 {
            let refusal = Act::Answer {
                status: 401,
                headers: std::collections::BTreeMap::default(),
                body: body.to_owned(),
            };
            clouds
                .google
                .faults()
                .push(Fault::on("POST", "/changes/watch", refusal));
        }
        let account = clouds.google.account("ada@gmail.com");
        let id = stage.link("google").await;
        look(t).await;
        let row = t.connection(ada, id).await.unwrap();
        assert_eq!(row.connection.state, model::ConnectionState::Active);
        assert!(
            row.news.detail.contains("every minute") && row.news.detail.contains("verified"),
            "{}",
            row.news.detail
        );
        let _ = account.create_file(&account.root(), "polled", "1");
        t.pass_secs(61);
        look(t).await;
        assert_eq!(names(t, ada, id, None).await, ["polled"]);
        let asked = stage.asked("POST", "/changes/watch");
        t.pass_secs(3600);
        look(t).await;
        assert_eq!(
            stage.asked("POST", "/changes/watch"),
            asked,
            "not more than once a day"
        );
        t.pass_secs(DAY_SECS);
        look(t).await;
        assert_eq!(clouds.google.channel_count(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_channel_that_keeps_silent_is_not_relied_on() {
    on_each(async |stage| {
        let Stage { t, clouds, ada, .. } = &stage;
        let account = clouds.google.account("ada@gmail.com");
        let id = stage.told("google").await;
        clouds.google.switches().set(|is| is.drop_pushes = true);
        let _ = account.create_file(&account.root(), "untold", "1");
        t.pass_secs(15 * 60 + 1);
        look(t).await;
        assert_eq!(names(t, ada, id, None).await, ["untold"]);
        assert!(!stage.news(id).await.is_told);
        let _ = account.create_file(&account.root(), "untold too", "2");
        t.pass_secs(61);
        look(t).await;
        assert_eq!(
            names(t, ada, id, None).await.len(),
            2,
            "it is polled for as before"
        );

        clouds.google.switches().set(|is| is.drop_pushes = false);
        let _ = account.create_file(&account.root(), "told", "3");
        stage.pass_on().await.unwrap();
        assert!(stage.news(id).await.is_told);
    })
    .await;
}
