//! Subscriptions: an address is told that something changed.

use fake_clouds::{Act, Ear};
use model::Millis;
use serde_json::Value;

use super::stand::{BOTH, Stand, count};
use crate::{Channel, Connector, NewChannel, RemoteError};

const DAY_MS: i64 = 24 * 3_600_000;

async fn open(stand: &Stand, address: &str) -> Result<Channel, RemoteError> {
    let new = NewChannel {
        name: "not asked for",
        address,
        secret: "a secret",
        cursor: None,
        until: Millis(stand.fake.clock().now() + 3 * DAY_MS),
    };
    stand.drive.open_channel(new).await
}

fn at(ear: &Ear) -> String {
    format!("{}/told", ear.url())
}

fn notice(body: &str) -> Value {
    serde_json::from_str::<Value>(body).unwrap()["value"][0].clone()
}

#[tokio::test]
async fn an_address_is_tried_and_then_told_of_changes_until_it_is_unsubscribed() {
    for kind in BOTH {
        let (stand, ear) = (Stand::start(kind).await, Ear::start().await);
        let (opened, asked) = stand.asked(open(&stand, &at(&ear))).await;
        let opened = opened.unwrap();
        assert_eq!(asked.len(), 1);
        assert!(opened.until.0 > stand.fake.clock().now() + 2 * DAY_MS);

        stand.account.create_file("a.txt", "new");
        let told = ear.next().await;
        let told = (told.path.clone(), notice(&told.body));
        assert_eq!(told.0, "/told");
        assert_eq!(told.1["clientState"], "a secret");
        assert_eq!(told.1["subscriptionId"], opened.id);
        stand.account.send_lifecycle("missed");
        assert_eq!(notice(&ear.next().await.body)["lifecycleEvent"], "missed");

        stand.drive.close_channel(&opened).await.unwrap();
        assert_eq!(stand.account.subscription_count(), 0);
        stand
            .drive
            .close_channel(&opened)
            .await
            .expect("what is no more is closed");
        stand.expect_honest();
    }
}

#[tokio::test]
async fn a_subscription_is_renewed_while_it_is_there() {
    let (stand, ear) = (Stand::start(BOTH[0]).await, Ear::start().await);
    let opened = open(&stand, &at(&ear)).await.unwrap();
    let longest = stand.drive.abilities().notifies.unwrap().longest_secs;
    let later = Millis(stand.fake.clock().now() + longest * 1000);
    let renewed = stand.drive.renew_channel(&opened, later).await.unwrap();
    assert_eq!((renewed.id, renewed.until), (opened.id.clone(), later));

    let too_late = Millis(later.0 + DAY_MS);
    let refused = stand.drive.renew_channel(&opened, too_late).await;
    assert!(matches!(refused, Err(RemoteError::Refused { .. })), "{refused:?}");
    stand.fake.clock().advance(longest * 1000 + DAY_MS);
    stand.account.create_file("a.txt", "untold");
    let gone = stand.drive.renew_channel(&opened, later).await;
    assert!(matches!(gone, Err(RemoteError::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn an_address_that_does_not_answer_may_later() {
    let (stand, ear) = (Stand::start(BOTH[0]).await, Ear::start().await);
    ear.set_deaf(true);
    let refused = open(&stand, &at(&ear)).await.unwrap_err();
    assert!(refused.is_temporary(), "{refused:?}");
    assert_eq!(stand.account.subscription_count(), 0);
    ear.set_deaf(false);
    open(&stand, &at(&ear)).await.unwrap();
}

#[tokio::test]
async fn a_subscription_whose_answer_was_lost_is_not_made_twice() {
    let (stand, ear) = (Stand::start(BOTH[0]).await, Ear::start().await);
    stand.fault("POST", "/subscriptions", Act::DropAfter);
    let (lost, asked) = stand.asked(open(&stand, &at(&ear))).await;
    let lost = lost.unwrap_err();
    assert!(lost.is_temporary(), "{lost:?}");
    assert_eq!(count(&asked, "POST", "/subscriptions"), 1);
    assert_eq!(stand.account.subscription_count(), 1);
}
