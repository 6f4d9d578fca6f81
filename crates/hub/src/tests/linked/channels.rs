//! Channels: providers tell of changes, and are believed only when they do.

mod trouble;

use std::net::{IpAddr, Ipv4Addr};

use fake_clouds::{Act, Ear, Fault, Heard};
use model::{Actor, ConnectionId, JobKind, Millis};
use serde_json::Value;

use super::super::harness::{TestHub, on_each_engine};
use super::{Clouds, link, link_again, look, names};
use crate::{HubError, News, Notice, NoticeEvent};

const SOMEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));
const DAY_SECS: i64 = 24 * 3600;

/// A hub that both clouds reach by an address of this machine, where somebody listens in its place.
struct Stage {
    t: TestHub,
    clouds: Clouds,
    ear: Ear,
    ada: Actor,
}

async fn on_each(test: impl AsyncFn(Stage)) {
    on_each_engine(async |mut t| {
        let (clouds, ear) = (Clouds::start().await, Ear::start().await);
        let set = clouds.settings();
        t.hub = t
            .reopened(|config| {
                set(config);
                config.public_url = Some(ear.url().to_owned());
            })
            .await;
        let ada = t.user("ada").await;
        test(Stage { t, clouds, ear, ada }).await;
    })
    .await;
}

impl Stage {
    async fn link(&self, provider: &str) -> ConnectionId {
        link(&self.t, &self.ada, provider).await.unwrap().connection.id
    }

    /// Links a drive, and passes on what Google says when a channel is open.
    async fn told(&self, provider: &str) -> ConnectionId {
        let id = self.link(provider).await;
        look(&self.t).await;
        if provider == "google" {
            self.pass_on().await.unwrap();
        }
        self.rest().await;
        id
    }

    /// Lets the looks pass that come soon after a channel was opened, for what lags behind.
    async fn rest(&self) {
        for _ in 0..3 {
            self.t.pass_secs(61);
            look(&self.t).await;
        }
    }

    /// Gives the hub what was posted last.
    async fn pass_on(&self) -> Result<(), HubError> {
        let heard = self.ear.next().await;
        give(&self.t, &heard).await
    }

    /// Turns all clocks on.
    fn pass(&self, secs: i64) {
        self.t.pass_secs(secs);
        self.clouds.google.clock().advance(secs * 1000);
        self.clouds.microsoft.clock().advance(secs * 1000);
    }

    async fn news(&self, id: ConnectionId) -> News {
        self.t.connection(&self.ada, id).await.unwrap().news
    }

    /// How often Google or Microsoft was asked for this.
    fn asked(&self, method: &str, path: &str) -> usize {
        let (google, microsoft) = (self.clouds.google.requests(), self.clouds.microsoft.requests());
        let asked = google.iter().chain(&microsoft);
        asked
            .filter(|seen| seen.method == method && seen.path.contains(path))
            .count()
    }
}

async fn give(t: &TestHub, heard: &Heard) -> Result<(), HubError> {
    if heard.path == "/hooks/google" {
        return t.take_notices("google", &[google(heard)], SOMEWHERE).await;
    }
    assert_eq!(heard.path, "/hooks/graph");
    let told: Value = serde_json::from_str(&heard.body).unwrap();
    let one = &told["value"][0];
    let notice = Notice {
        secret: one["clientState"].as_str().unwrap(),
        channel: one["subscriptionId"].as_str().unwrap(),
        resource: one["resource"].as_str().unwrap(),
        expires: None,
        event: match one["lifecycleEvent"].as_str() {
            None => NoticeEvent::Changed,
            Some("subscriptionRemoved") => NoticeEvent::Ended,
            Some("reauthorizationRequired") => NoticeEvent::Renew,
            Some(_) => NoticeEvent::Missed,
        },
    };
    t.take_notices("onedrive", &[notice], SOMEWHERE).await
}

fn google(heard: &Heard) -> Notice<'_> {
    Notice {
        secret: heard.header("x-goog-channel-token"),
        channel: heard.header("x-goog-channel-id"),
        resource: heard.header("x-goog-resource-id"),
        expires: None,
        event: match heard.header("x-goog-resource-state") {
            "sync" => NoticeEvent::Opened,
            _ => NoticeEvent::Changed,
        },
    }
}

#[tokio::test]
async fn what_changes_is_seen_once_it_is_told_and_polled_for_rarely() {
    on_each(async |stage| {
        let Stage { t, clouds, ada, .. } = &stage;
        let account = clouds.google.account("ada@gmail.com");
        let id = stage.link("google").await;
        look(t).await;
        assert_eq!(clouds.google.channel_count(), 1);
        let news = stage.news(id).await;
        assert!(
            !news.is_told && news.detail.contains("no notice comes through"),
            "{news:?}"
        );
        stage.pass_on().await.unwrap();
        let news = stage.news(id).await;
        assert!(news.is_told && news.until > Some(t.time()), "{news:?}");
        assert_eq!(news.noticed, None);

        stage.rest().await;
        let before = clouds.google.requests().len();
        t.pass_secs(10 * 60);
        look(t).await;
        assert_eq!(clouds.google.requests().len(), before, "nobody told of anything");
        let _ = account.create_file(&account.root(), "told", "1");
        stage.pass_on().await.unwrap();
        t.pass_secs(1);
        look(t).await;
        assert_eq!(names(t, ada, id, None).await, ["told"]);
        assert!(stage.news(id).await.noticed.is_some());
        t.pass_secs(15 * 60 + 1);
        let before = clouds.google.requests().len();
        look(t).await;
        assert!(clouds.google.requests().len() > before, "it is looked at besides");
        assert_eq!(clouds.google.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_subscription_tells_renews_and_ends_as_microsoft_says() {
    on_each(async |stage| {
        let Stage { t, clouds, ada, .. } = &stage;
        let account = clouds.microsoft.account("ada@outlook.com");
        let id = stage.told("onedrive").await;
        assert_eq!(account.subscription_count(), 1);
        assert!(
            stage.news(id).await.is_told,
            "Microsoft tried the address when it was asked"
        );
        account.create_file("told", "1");
        stage.pass_on().await.unwrap();
        t.pass_secs(1);
        look(t).await;
        assert_eq!(names(t, ada, id, None).await, ["told"]);

        // It asks for it, and a day before the end.
        let until = stage.news(id).await.until;
        account.send_lifecycle("reauthorizationRequired");
        stage.pass_on().await.unwrap();
        t.pass_secs(6);
        look(t).await;
        assert_eq!(stage.asked("PATCH", "/subscriptions/"), 1);
        assert!(stage.news(id).await.until > until);
        stage.pass(6 * DAY_SECS + 3600);
        look(t).await;
        assert_eq!(stage.asked("PATCH", "/subscriptions/"), 2);
        assert_eq!(
            (
                account.subscription_count(),
                stage.asked("POST", "/subscriptions")
            ),
            (1, 1)
        );

        // Ended, it is made anew, and not at once.
        account.send_lifecycle("subscriptionRemoved");
        stage.pass_on().await.unwrap();
        let news = stage.news(id).await;
        assert!(!news.is_told && news.detail.contains("ended it"), "{news:?}");
        t.pass_secs(6);
        look(t).await;
        assert_eq!(account.subscription_count(), 0);
        t.pass_secs(120);
        look(t).await;
        assert_eq!(account.subscription_count(), 1);
        assert!(stage.news(id).await.is_told);
        assert_eq!(clouds.microsoft.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_notices_makes_one_look_and_one_after_it() {
    on_each(async |stage| {
        let Stage { t, clouds, .. } = &stage;
        let account = clouds.google.account("ada@gmail.com");
        let id = stage.told("google").await;
        let _ = account.create_file(&account.root(), "a", "1");
        let heard = stage.ear.next().await;
        for _ in 0..50 {
            give(t, &heard).await.unwrap();
        }
        clouds
            .google
            .faults()
            .push(Fault::on("GET", "/drive/v3/changes", Act::Hold(id.to_string())));
        let meanwhile = async {
            clouds.google.faults().reached(&id.to_string()).await;
            for _ in 0..50 {
                give(t, &heard).await.unwrap();
            }
            clouds.google.faults().release(&id.to_string());
        };
        let before = stage.asked("GET", "/drive/v3/changes");
        t.pass_secs(1);
        let (looks, ()) = tokio::join!(t.do_jobs(), meanwhile);
        assert_eq!(
            looks.iter().filter(|(kind, _)| *kind == JobKind::Observe).count(),
            1
        );
        // The second one is due some seconds later.
        assert!(t.do_jobs().await.is_empty());
        t.pass_secs(6);
        assert_eq!(t.do_jobs().await.len(), 1);
        assert_eq!(stage.asked("GET", "/drive/v3/changes") - before, 2);
        give(t, &heard).await.unwrap();
        t.pass_secs(1);
        assert!(t.do_jobs().await.is_empty(), "it was looked at just now");
        t.pass_secs(5);
        assert_eq!(t.do_jobs().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_comes_by_no_channel_is_refused_and_counted() {
    on_each(async |stage| {
        let Stage { t, .. } = &stage;
        let id = stage.told("google").await;
        let channels = t.catalog.read().await.unwrap().channels_of(id).await.unwrap();
        let own = channels[0].id.to_string();
        let account = stage.clouds.google.account("ada@gmail.com");
        let _ = account.create_file(&account.root(), "a", "1");
        let heard = stage.ear.next().await;
        let right = google(&heard);
        let wrong = format!("{own}.{}", "0".repeat(64));
        let cut = &right.secret[..right.secret.len() - 1];
        let other = right.secret.replace(&own, "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f");
        for secret in ["", ".", "x", &own, &wrong, cut, &other] {
            let forged = Notice {
                secret,
                ..right.clone()
            };
            let refused = t.take_notices("google", &[forged], SOMEWHERE).await;
            assert!(
                matches!(refused, Err(HubError::NotFound("channel"))),
                "{secret:?}"
            );
        }
        t.pass_secs(2);
        assert!(
            t.do_jobs().await.is_empty(),
            "none of them had anything looked at"
        );

        let forged = Notice {
            secret: "x",
            ..right.clone()
        };
        let many = vec![forged.clone(); 1000];
        let mut refused = Ok(());
        for _ in 0..900 {
            refused = t.take_notices("google", &many, SOMEWHERE).await;
        }
        assert!(
            matches!(refused, Err(HubError::TooManyTries { .. })),
            "{refused:?}"
        );
        // A right one counts all the same, also among wrong ones.
        t.take_notices("google", &[forged, right], SOMEWHERE)
            .await
            .unwrap();
        t.pass_secs(1);
        assert_eq!(t.do_jobs().await.len(), 1);
        assert!(channels.iter().all(|channel| channel.secret_hash != [0; 32]));
    })
    .await;
}

#[tokio::test]
async fn another_channel_takes_the_place_of_one_that_is_about_to_end() {
    on_each(async |stage| {
        let Stage { t, clouds, .. } = &stage;
        let id = stage.told("google").await;
        let first = stage.news(id).await.until;
        stage.pass(5 * DAY_SECS);
        look(t).await;
        assert_eq!(stage.asked("POST", "/changes/watch"), 1);

        // Google does not answer: the one that is there goes on.
        let down = Fault::on(
            "POST",
            "/changes/watch",
            Act::status(503, Some(("retry-after", "60"))),
        );
        clouds.google.faults().push(down);
        stage.pass(DAY_SECS + 3600);
        look(t).await;
        assert_eq!(
            (clouds.google.channel_count(), stage.news(id).await.until),
            (1, first)
        );
        stage.pass(3600);
        look(t).await;
        assert_eq!(clouds.google.channel_count(), 1, "the old one is closed");
        stage.pass_on().await.unwrap();
        assert!(stage.news(id).await.until > first);
        let rows = t.catalog.read().await.unwrap().channels_of(id).await.unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
    })
    .await;
}

#[tokio::test]
async fn channels_end_with_the_link_and_move_with_the_address() {
    on_each(async |mut stage| {
        let id = stage.told("google").await;
        let other = stage.told("onedrive").await;
        let microsoft = stage.clouds.microsoft.account("ada@outlook.com");
        assert_eq!(
            (
                stage.clouds.google.channel_count(),
                microsoft.subscription_count()
            ),
            (1, 1)
        );

        // Linked again, a channel of the new access takes the place of the old one's.
        link_again(&stage.t, &stage.ada, "google", Some(id))
            .await
            .unwrap();
        look(&stage.t).await;
        assert_eq!(stage.asked("POST", "/changes/watch"), 2);
        assert_eq!(stage.clouds.google.channel_count(), 1);

        let elsewhere = Ear::start().await;
        let set = stage.clouds.settings();
        stage.t.hub = stage
            .t
            .reopened(|config| {
                set(config);
                config.public_url = Some(elsewhere.url().to_owned());
            })
            .await;
        stage.pass(15 * 60 + 1);
        look(&stage.t).await;
        assert_eq!(elsewhere.next().await.path, "/hooks/google");
        assert_eq!(
            (
                stage.clouds.google.channel_count(),
                microsoft.subscription_count()
            ),
            (1, 1)
        );

        stage.t.disconnect(&stage.ada, id).await.unwrap();
        stage.t.disconnect(&stage.ada, other).await.unwrap();
        assert_eq!(
            (
                stage.clouds.google.channel_count(),
                microsoft.subscription_count()
            ),
            (0, 0)
        );
        let rows = stage
            .t
            .catalog
            .read()
            .await
            .unwrap()
            .channels_of(id)
            .await
            .unwrap();
        assert!(rows.is_empty());
    })
    .await;
}

#[tokio::test]
async fn nothing_is_asked_for_without_a_public_address() {
    on_each(async |mut stage| {
        for public_url in [None, Some("http://drive.example.org"), Some("https://nas.local")] {
            let set = stage.clouds.settings();
            stage.t.hub = stage
                .t
                .reopened(|config| {
                    set(config);
                    config.public_url = public_url.map(str::to_owned);
                })
                .await;
            for provider in ["google", "onedrive"] {
                let id = stage.link(provider).await;
                look(&stage.t).await;
                let news = stage.news(id).await;
                assert!(!news.is_told && news.detail.contains("address"), "{news:?}");
                assert_eq!((news.until, news.noticed), (None, None::<Millis>));
            }
        }
        let asked = stage.asked("POST", "/changes/watch") + stage.asked("POST", "/subscriptions");
        assert_eq!(asked, 0);
    })
    .await;
}
