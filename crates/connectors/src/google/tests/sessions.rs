//! Uploads in pieces that stop on their way, and go on.

use std::sync::atomic::Ordering;
use std::time::Duration;

use fake_clouds::{Act, Fault, Seen};

use super::stand::{Hooked, PIECE_BYTES, Stand, count};
use crate::contract::sources::Failing;
use crate::contract::{Bytes, Kept, sample};
use crate::{Connector, RemoteError, Target};

const PIECES: usize = 5;
const LARGE: usize = PIECES * PIECE_BYTES + 1000;

/// Where the pieces began that were sent, in order.
fn starts(seen: &[Seen]) -> Vec<u64> {
    let ranges = seen.iter().filter_map(|seen| seen.headers.get("content-range"));
    let places = ranges.filter_map(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok());
    places.collect()
}

/// An upload of which three pieces are there.
async fn broken(stand: &Stand, bytes: &[u8]) -> Kept {
    let journal = Kept::default();
    let source = Failing::at(bytes.to_vec(), 3 * PIECE_BYTES + 10);
    let failed = stand.create_kept("big", &source, &journal).await;
    assert!(matches!(failed, Err(RemoteError::Source(_))), "{failed:?}");
    assert_eq!(journal.arrived_bytes(), 3 * PIECE_BYTES as u64);
    journal
}

fn only_child(stand: &Stand) -> crate::ItemId {
    let children = stand.account.children(&stand.root.0);
    assert_eq!(children.len(), 1);
    crate::ItemId(children[0].id.clone())
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart_with_what_is_missing() {
    let stand = Stand::start().await;
    let bytes = sample(LARGE);
    let journal = broken(&stand, &bytes).await;

    let source = Bytes(bytes.clone());
    let again = stand.create_kept("big", &source, &journal);
    let (made, seen) = stand.asked(again).await;

    let made = made.unwrap().item;
    assert_eq!(count(&seen, "POST", "/upload/"), 0);
    assert_eq!(starts(&seen)[0], 3 * PIECE_BYTES as u64);
    assert!(stand.bytes(&made.id) == bytes);
    assert_eq!(journal.session(), None);
    stand.expect_honest();
}

#[tokio::test]
async fn a_piece_of_a_try_that_was_given_up_may_still_arrive() {
    let stand = Stand::start().await;
    let bytes = sample(LARGE);
    let (source, journal) = (Bytes(bytes.clone()), Kept::default());
    let faults = stand.fake.faults();
    let held = |name: &str| Fault::on("PUT", "/upload/", Act::Hold(name.to_owned())).nth(2);
    faults.push(held("late"));
    tokio::select! {
        made = stand.create_kept("big", &source, &journal) => unreachable!("{made:?}"),
        () = faults.reached("late") => {}
    }

    // The next try has asked how far it got when that arrives.
    faults.push(held("next"));
    let meanwhile = async {
        faults.reached("next").await;
        faults.release("late");
        // Nothing tells when it has.
        tokio::time::sleep(Duration::from_millis(200)).await;
        faults.release("next");
    };
    let (made, ()) = tokio::join!(stand.create_kept("big", &source, &journal), meanwhile);

    assert!(stand.bytes(&made.unwrap().item.id) == bytes);
    stand.expect_honest();
}

#[tokio::test]
async fn a_session_of_another_upload_is_left_alone() {
    let stand = Stand::start().await;
    let bytes = sample(LARGE);
    let journal = broken(&stand, &bytes).await;
    let target = Target::Create {
        parent: &stand.root,
        name: "another",
        id: None,
    };

    let (made, seen) = stand
        .asked(stand.send(target, &Bytes(bytes.clone()), &journal))
        .await;

    assert_eq!(made.unwrap().item.name, "another");
    assert_eq!(count(&seen, "POST", "/upload/"), 1);
}

#[tokio::test]
async fn an_upload_whose_session_is_gone_begins_anew_and_makes_one_file() {
    for status in [404, 410] {
        let stand = Stand::start().await;
        stand
            .fake
            .switches()
            .set(|switches| switches.session_over_status = status);
        let bytes = sample(LARGE);
        let journal = broken(&stand, &bytes).await;
        stand.fake.forget_sessions();

        let source = Bytes(bytes.clone());
        let again = stand.create_kept("big", &source, &journal);
        let (made, seen) = stand.asked(again).await;

        made.unwrap();
        assert_eq!(count(&seen, "POST", "/upload/"), 1, "{status}");
        assert_eq!(starts(&seen)[0], 0);
        assert!(stand.bytes(&only_child(&stand)) == bytes);
        stand.expect_honest();
    }
}

#[tokio::test]
async fn a_session_that_is_forgotten_in_the_midst_begins_anew() {
    let stand = Stand::start().await;
    let bytes = sample(LARGE);
    let fake = stand.fake.clone();
    let source = Hooked::new(bytes.clone(), 4 * PIECE_BYTES, move || fake.forget_sessions());

    stand.create("big", &source).await.unwrap();

    assert!(stand.bytes(&only_child(&stand)) == bytes);
    stand.expect_honest();
}

#[tokio::test]
async fn a_token_that_ends_in_the_midst_is_renewed_and_the_session_goes_on() {
    let stand = Stand::start().await;
    let bytes = sample(LARGE);
    let account = stand.account.clone();
    let source = Hooked::new(bytes.clone(), 4 * PIECE_BYTES, move || account.expire_tokens());

    let (made, seen) = stand.asked(stand.create("big", &source)).await;

    assert!(stand.bytes(&made.unwrap().item.id) == bytes);
    assert_eq!(stand.tokens.renewals.load(Ordering::SeqCst), 1);
    assert_eq!(count(&seen, "POST", "/upload/"), 1);
    let starts = starts(&seen);
    assert!(starts.is_sorted(), "never from the beginning: {starts:?}");
    stand.expect_honest();
}

#[tokio::test]
async fn it_goes_on_where_google_is_and_not_where_it_should_be() {
    let stand = Stand::start().await;
    let keeps = [0, 256 * 1024, 512 * 1024, 0, 768 * 1024];
    stand
        .fake
        .switches()
        .set(|switches| switches.keep_of_pieces = keeps.to_vec());
    let bytes = sample(LARGE);

    let (made, seen) = stand.asked(stand.create("big", &Bytes(bytes.clone()))).await;

    assert!(stand.bytes(&made.unwrap().item.id) == bytes);
    let kib: Vec<u64> = starts(&seen).iter().map(|start| start / 1024).collect();
    assert_eq!(kib[..6], [0, 0, 256, 768, 768, 1536]);
    stand.expect_honest();
}

#[tokio::test]
async fn a_google_that_keeps_nothing_is_given_up_and_can_be_gone_on_with() {
    let stand = Stand::start().await;
    stand
        .fake
        .switches()
        .set(|switches| switches.keep_of_pieces = vec![0; 100]);
    let journal = Kept::default();
    let bytes = sample(LARGE);

    let failed = stand.create_kept("big", &Bytes(bytes.clone()), &journal).await;

    assert!(matches!(failed, Err(RemoteError::Unavailable(_))), "{failed:?}");
    stand
        .fake
        .switches()
        .set(|switches| switches.keep_of_pieces.clear());
    stand.create_kept("big", &Bytes(bytes), &journal).await.unwrap();
    only_child(&stand);
}

#[tokio::test]
async fn pieces_whose_answers_are_lost_are_not_sent_blindly() {
    for (act, nth) in [
        (Act::DropAfter, 3),
        (Act::DropBefore, 3),
        (Act::DropMid(400_000), 3),
        (Act::status(503, None), 3),
        // The last one.
        (Act::DropAfter, 6),
        (Act::DropBefore, 6),
    ] {
        let stand = Stand::start().await;
        let told = format!("{act:?} on {nth}");
        stand
            .fake
            .faults()
            .push(Fault::on("PUT", "upload_id", act).nth(nth));
        let bytes = sample(LARGE);

        let (made, seen) = stand.asked(stand.create("big", &Bytes(bytes.clone()))).await;

        assert!(stand.bytes(&made.unwrap().item.id) == bytes, "{told}");
        assert_eq!(count(&seen, "POST", "/upload/"), 1, "{told}");
        only_child(&stand);
        stand.expect_honest();
    }
}

#[tokio::test]
async fn an_upload_that_was_done_before_a_crash_is_found_by_its_id() {
    let stand = Stand::start().await;
    let ids = stand.drive.new_ids(1).await.unwrap();
    let bytes = Bytes(sample(LARGE));
    let target = Target::Create {
        parent: &stand.root,
        name: "big",
        id: ids.first(),
    };
    let first = stand.send(target, &bytes, &Kept::default()).await.unwrap().item;

    let second = stand.send(target, &bytes, &Kept::default()).await.unwrap().item;

    assert_eq!((&second.id, &second.revision), (&first.id, &first.revision));
    only_child(&stand);
    stand.expect_honest();
}

#[tokio::test]
async fn a_drive_that_is_full_ends_an_upload_before_a_byte_is_sent() {
    let stand = Stand::start().await;
    stand.account.set_limit(Some(1000));

    let (made, seen) = stand.asked(stand.create("big", &Bytes(sample(LARGE)))).await;

    assert!(matches!(made, Err(RemoteError::Full(_))), "{made:?}");
    assert_eq!(count(&seen, "PUT", ""), 0);
}

#[tokio::test]
async fn a_session_elsewhere_is_not_told_who_asks() {
    let stand = Stand::start().await;
    let elsewhere = Stand::start().await;
    let location = format!("{}/upload/drive/v3/files?upload_id=x", elsewhere.fake.url());
    stand.fault(
        "POST",
        "/upload/",
        Act::status(200, Some(("location", &location))),
    );

    let made = stand.create("big", &Bytes(sample(LARGE))).await;

    assert!(
        made.is_ok(),
        "the session is gone there, and another is begun: {made:?}"
    );
    let seen = elsewhere.fake.requests();
    assert!(
        !seen.is_empty()
            && seen
                .iter()
                .all(|seen| !seen.headers.contains_key("authorization"))
    );
}
