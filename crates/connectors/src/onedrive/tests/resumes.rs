//! Uploads that stop on their way, and go on.

use fake_clouds::graph::DriveType;
use fake_clouds::{Act, Fault};

use super::stand::{BOTH, PIECE_BYTES, Stand, count};
use crate::contract::scene::THEN;
use crate::contract::sources::Failing;
use crate::contract::{Bytes, Kept, sample};
use crate::{ItemId, RemoteError, Target, Written};

const PIECES: usize = 5;

async fn send(stand: &Stand, source: &dyn crate::Source, journal: &Kept) -> Result<Written, RemoteError> {
    let root = ItemId(stand.account.root_id());
    let target = Target::Create {
        parent: &root,
        name: "big.bin",
        id: None,
    };
    stand.send(target, source, Some(THEN), journal).await
}

/// An upload of which three of five pieces are there.
async fn broken(stand: &Stand, bytes: &[u8]) -> Kept {
    let journal = Kept::default();
    let source = Failing::at(bytes.to_vec(), 3 * PIECE_BYTES + 10);
    let failed = send(stand, &source, &journal).await;
    assert!(matches!(failed, Err(RemoteError::Source(_))), "{failed:?}");
    assert_eq!(journal.arrived_bytes(), 3 * PIECE_BYTES as u64);
    journal
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart_with_what_is_missing() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let bytes = sample(PIECES * PIECE_BYTES);
        let journal = broken(&stand, &bytes).await;

        let (made, seen) = stand.asked(send(&stand, &Bytes(bytes.clone()), &journal)).await;

        made.expect("an upload");
        assert_eq!(stand.account.read("big.bin").as_deref(), Some(bytes.as_slice()));
        assert_eq!(count(&seen, "PUT", "/upload/"), 2);
        assert_eq!(count(&seen, "POST", "createUploadSession"), 0);
        assert_eq!(journal.session(), None);
        stand.expect_honest();
    }
}

#[tokio::test]
async fn an_upload_whose_session_is_gone_begins_anew() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let bytes = sample(PIECES * PIECE_BYTES);
        let journal = broken(&stand, &bytes).await;
        stand.fake.forget_sessions();

        send(&stand, &Bytes(bytes.clone()), &journal)
            .await
            .expect("an upload");

        assert_eq!(stand.account.read("big.bin").as_deref(), Some(bytes.as_slice()));
        stand.expect_honest();
    }
}

#[tokio::test]
async fn a_session_that_ends_between_pieces_begins_anew() {
    let stand = Stand::start(DriveType::Personal).await;
    let bytes = sample(PIECES * PIECE_BYTES);
    stand
        .fake
        .faults()
        .push(Fault::on("PUT", "/upload/", Act::Hold("third".into())).nth(3));

    let (made, ()) = tokio::join!(stand.create_at("big.bin", &bytes, Some(THEN)), async {
        stand.fake.faults().reached("third").await;
        stand.fake.forget_sessions();
        stand.fake.faults().release("third");
    });

    made.expect("an upload");
    assert_eq!(stand.account.read("big.bin").as_deref(), Some(bytes.as_slice()));
    stand.expect_honest();
}

#[tokio::test]
async fn an_upload_that_was_done_when_we_stopped_is_found_done() {
    let stand = Stand::start(DriveType::Business).await;
    let bytes = sample(PIECES * PIECE_BYTES);
    let journal = broken(&stand, &bytes).await;
    let kept = Kept::with(&journal.session().expect("a session"));
    send(&stand, &Bytes(bytes.clone()), &journal)
        .await
        .expect("an upload");

    let (again, seen) = stand.asked(send(&stand, &Bytes(bytes), &kept)).await;

    assert_eq!(again.expect("the same").item.id.0, stand.account.id("big.bin"));
    assert_eq!(count(&seen, "PUT", "/upload/"), 0);
    assert_eq!(kept.session(), None);
}

#[tokio::test]
async fn a_session_of_another_content_is_ended_and_not_used() {
    for length in [PIECES * PIECE_BYTES, PIECES * PIECE_BYTES + 1] {
        let stand = Stand::start(DriveType::Personal).await;
        let journal = broken(&stand, &sample(PIECES * PIECE_BYTES)).await;
        let mut other = sample(length);
        other[10] ^= 1;

        send(&stand, &Bytes(other.clone()), &journal)
            .await
            .expect("an upload");

        assert_eq!(stand.account.read("big.bin").as_deref(), Some(other.as_slice()));
        assert_eq!(stand.fake.open_sessions(), 0);
    }
}

#[tokio::test]
async fn pieces_that_are_kept_in_part_or_told_oddly_come_out_whole() {
    for kind in BOTH {
        for trouble in 0..6 {
            let stand = Stand::start(kind).await;
            let faults = stand.fake.faults();
            let odd = 12_345 + PIECE_BYTES as u64 / 2;
            match trouble {
                0 => stand
                    .fake
                    .switches()
                    .set(|switches| switches.partial_fragment = Some(odd)),
                1 => stand.fake.switches().set(|switches| switches.split_ranges = true),
                2 => stand.fake.switches().set(|switches| switches.session_404s = 2),
                3 => faults.push(Fault::on("PUT", "/upload/", Act::DropAfter).nth(2)),
                4 => faults.push(Fault::on("PUT", "/upload/", Act::DropMid(odd)).nth(2)),
                _ => faults.push(Fault::on("PUT", "/upload/", Act::Twice).nth(2)),
            }
            let bytes = sample(PIECES * PIECE_BYTES + 77);

            let (made, seen) = stand.asked(stand.create_at("big.bin", &bytes, Some(THEN))).await;

            made.unwrap_or_else(|error| panic!("{trouble}: {error:?}"));
            assert_eq!(
                stand.account.read("big.bin").as_deref(),
                Some(bytes.as_slice()),
                "{trouble}"
            );
            assert_eq!(count(&seen, "POST", "createUploadSession"), 1, "{trouble}");
            stand.expect_honest();
        }
    }
}

#[tokio::test]
async fn pieces_that_are_too_large_are_made_smaller() {
    for status in [413, 504] {
        let stand = Stand::start(DriveType::Personal).await;
        let drive = super::stand::connect_with(&stand.fake, stand.tokens.clone(), 4 * PIECE_BYTES);
        stand
            .fake
            .faults()
            .push(Fault::on("PUT", "/upload/", Act::status(status, None)).times(4));
        let bytes = sample(8 * PIECE_BYTES);
        let stand = Stand {
            drive: drive.into(),
            ..stand
        };

        let (made, seen) = stand.asked(stand.create_at("big.bin", &bytes, Some(THEN))).await;

        made.expect("an upload");
        assert_eq!(stand.account.read("big.bin").as_deref(), Some(bytes.as_slice()));
        let last = seen.iter().rfind(|seen| seen.method == "PUT").expect("a piece");
        assert!(last.body_bytes <= 2 * PIECE_BYTES as u64, "{status}");
        stand.expect_honest();
    }
}
