//! Channels: an address is told that something changed.

use fake_clouds::{Act, Ear};
use model::Millis;

use super::stand::{Stand, count};
use crate::{Channel, Connector, Cursor, NewChannel, Next, RemoteError};

const HOUR_MS: i64 = 3_600_000;

async fn settled(stand: &Stand) -> Cursor {
    let mut cursor = None;
    loop {
        match stand.drive.changes(cursor.as_ref()).await.unwrap().next {
            Next::Settled(at) => return at,
            Next::More(at) => cursor = Some(at),
        }
    }
}

async fn open(
    stand: &Stand,
    name: &str,
    address: &str,
    cursor: Option<&Cursor>,
) -> Result<Channel, RemoteError> {
    let new = NewChannel {
        name,
        address,
        secret: "a secret",
        cursor,
        until: Millis(stand.fake.clock().now() + 30 * 24 * HOUR_MS),
    };
    stand.drive.open_channel(new).await
}

#[tokio::test]
async fn an_address_is_told_that_the_channel_is_open_and_of_each_change_until_it_is_closed() {
    let (stand, ear) = (Stand::start().await, Ear::start().await);
    let cursor = settled(&stand).await;
    let address = format!("{}/told", ear.url());
    let (opened, asked) = stand.asked(open(&stand, "one", &address, Some(&cursor))).await;
    let opened = opened.unwrap();

    assert_eq!((asked.len(), opened.id.as_str()), (1, "one"));
    let week = Millis(stand.fake.clock().now() + 7 * 24 * HOUR_MS);
    assert!(
        opened.until <= week && opened.until.0 > week.0 - HOUR_MS,
        "Google has the last word"
    );
    let first = ear.next().await;
    assert_eq!(first.path, "/told");
    assert_eq!(first.header("x-goog-resource-state"), "sync");
    assert_eq!(first.header("x-goog-resource-id"), opened.resource);
    stand.given("a.txt", b"new").await;
    let change = ear.next().await;
    assert_eq!(change.header("x-goog-resource-state"), "change");
    assert_eq!(change.header("x-goog-channel-id"), "one");
    assert_eq!(change.header("x-goog-channel-token"), "a secret");

    stand.drive.close_channel(&opened).await.unwrap();
    assert_eq!(stand.fake.channel_count(), 0);
    let told = stand.fake.pushes().len();
    stand.given("b.txt", b"untold").await;
    assert_eq!(stand.fake.pushes().len(), told);
    stand
        .drive
        .close_channel(&opened)
        .await
        .expect("what is no more is closed");
    stand.expect_honest();
}

#[tokio::test]
async fn a_channel_begins_where_the_feed_is_or_at_its_end() {
    let (stand, ear) = (Stand::start().await, Ear::start().await);
    let (_, asked) = stand.asked(open(&stand, "one", ear.url(), None)).await;
    assert_eq!(count(&asked, "GET", "startPageToken"), 1);
    let between = stand.drive.changes(None).await.unwrap().next;
    let (_, asked) = stand
        .asked(open(&stand, "two", ear.url(), Some(between.cursor())))
        .await;
    assert_eq!(count(&asked, "GET", "startPageToken"), 0);
}

#[tokio::test]
async fn a_channel_ends_by_itself_and_is_not_renewed() {
    let (stand, ear) = (Stand::start().await, Ear::start().await);
    let opened = open(&stand, "one", ear.url(), None).await.unwrap();
    let later = Millis(opened.until.0 + HOUR_MS);
    let renewed = stand.drive.renew_channel(&opened, later).await;
    assert!(matches!(renewed, Err(RemoteError::Unsupported(_))), "{renewed:?}");
    assert!(!stand.drive.abilities().notifies.unwrap().renews);
    stand.fake.clock().advance(8 * 24 * HOUR_MS);
    assert_eq!(stand.fake.channel_count(), 0);
    stand.drive.close_channel(&opened).await.unwrap();
}

#[tokio::test]
async fn a_channel_whose_answer_was_lost_is_there() {
    let (stand, ear) = (Stand::start().await, Ear::start().await);
    stand.fault("POST", "/changes/watch", Act::DropAfter);
    let opened = open(&stand, "one", ear.url(), None).await;
    assert!(matches!(opened, Err(RemoteError::Exists)), "{opened:?}");
    // What Google calls it comes with the first notice.
    let first = ear.next().await;
    let told = Channel {
        id: first.header("x-goog-channel-id").to_owned(),
        resource: first.header("x-goog-resource-id").to_owned(),
        until: Millis(0),
    };
    stand.drive.close_channel(&told).await.unwrap();
    assert_eq!(stand.fake.channel_count(), 0);
}

#[tokio::test]
async fn an_address_that_google_does_not_take_is_no_reason_to_sign_in_again() {
    let stand = Stand::start().await;
    let plain = open(&stand, "one", "http://drive.example.org/hooks", None).await;
    assert!(matches!(plain, Err(RemoteError::Refused { .. })), "{plain:?}");

    let body = r#"{"error":{"code":401,"errors":[{"reason":"push.webhookUrlUnauthorized","message":"x"}]}}"#;
    let unauthorized = || Act::Answer {
        status: 401,
        headers: Default::default(),
        body: body.to_owned(),
    };
    // Once more with another token.
    stand.fault("POST", "/changes/watch", unauthorized());
    stand.fault("POST", "/changes/watch", unauthorized());
    let refused = open(&stand, "two", "https://drive.example.org/hooks", None).await;
    let Err(RemoteError::Refused { reason, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("verified"), "{reason}");
}
