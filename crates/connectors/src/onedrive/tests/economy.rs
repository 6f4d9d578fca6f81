//! How few requests do: they are counted, per person and per app.

use fake_clouds::graph::DriveType;

use super::stand::{BOTH, Stand};
use crate::contract::Mirror;
use crate::contract::scene::THEN;

#[tokio::test]
async fn ten_thousand_items_are_told_in_fifty_requests_and_a_change_in_one() {
    let stand = Stand::start(DriveType::Business).await;
    // With the root, which is told as well, pages of 200 are full.
    for folder in 0..99 {
        for file in 0..100 {
            stand
                .account
                .create_file(&format!("folder {folder}/file {file}"), "x");
        }
    }
    let scene = stand.scene().await;
    let mut mirror = Mirror::default();

    let (round, seen) = stand.asked(mirror.round(&scene)).await;
    round.expect("a round");
    assert_eq!(mirror.items.len(), 9_999);
    assert!(seen.len() <= 50, "{}", seen.len());

    stand.account.write("folder 50/file 50", "y");
    let (round, seen) = stand.asked(mirror.round(&scene)).await;
    round.expect("a round");
    assert_eq!((seen.len(), mirror.told), (1, 1));
    stand.expect_honest();
}

#[tokio::test]
async fn small_things_take_a_request_or_two() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let (made, without_a_time) = stand.asked(stand.create("a.txt", b"content")).await;
        let (_, with_a_time) = stand
            .asked(stand.create_at("b.txt", b"content", Some(THEN)))
            .await;
        let item = made.expect("an upload").item;
        let (_, replaced) = stand.asked(stand.replace(&item, b"other")).await;
        let now = stand.item("a.txt").await;
        let (_, read) = stand.asked(stand.fetch(&now)).await;

        assert_eq!(without_a_time.len(), 1);
        assert_eq!(with_a_time.len(), 2);
        // Organizations are asked for the tag first, which their feed does not tell.
        assert_eq!(replaced.len(), if kind == DriveType::Personal { 2 } else { 3 });
        assert_eq!(read.len(), 2);
    }
}
