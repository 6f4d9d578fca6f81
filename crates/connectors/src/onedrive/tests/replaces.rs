//! Replacing contents that somebody else may be writing too.

use fake_clouds::graph::DriveType;
use fake_clouds::{Act, Fault};

use super::stand::{BOTH, PIECE_BYTES, Stand, count};
use crate::contract::sample;
use crate::contract::scene::collect;
use crate::{Connector, NoJournal, RemoteError, Target};

#[tokio::test]
async fn what_somebody_writes_while_pieces_are_sent_is_not_lost() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.account.create_file("a.bin", "first");
        let item = stand.item("a.bin").await;
        stand
            .fake
            .faults()
            .push(Fault::on("PUT", "/upload/", Act::Hold("last".into())).nth(2));

        let bytes = sample(2 * PIECE_BYTES);
        let (replaced, ()) = tokio::join!(stand.replace(&item, &bytes), async {
            stand.fake.faults().reached("last").await;
            stand.account.write("a.bin", "theirs");
            stand.fake.faults().release("last");
        });

        assert!(matches!(replaced, Err(RemoteError::Changed)), "{replaced:?}");
        assert_eq!(stand.account.read("a.bin").as_deref(), Some(&b"theirs"[..]));
        assert_eq!(stand.fake.open_sessions(), 0);
        stand.expect_honest();
    }
}

#[tokio::test]
async fn a_rename_meanwhile_does_not_stop_a_replacement() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.account.create_file("a.bin", "first");
        let item = stand.item("a.bin").await;
        stand.account.rename("a.bin", "b.bin");

        for bytes in [&b""[..], &sample(2 * PIECE_BYTES)] {
            let now = stand.item("b.bin").await;
            assert_eq!(now.id, item.id);
            stand.replace(&now, bytes).await.expect("a replacement");
            assert_eq!(stand.account.read("b.bin").as_deref(), Some(bytes));
        }
        let now = stand.item("b.bin").await;
        stand.account.rename("b.bin", "c.bin");
        stand
            .replace(&now, b"by the old look")
            .await
            .expect("a replacement");
    }
}

#[tokio::test]
async fn a_session_that_counts_as_a_change_does_not_stop_a_replacement() {
    for kind in BOTH {
        for hash_delay_ms in [0, 3_600_000] {
            let stand = Stand::start(kind).await;
            stand.account.create_file("a.bin", "first");
            stand.fake.switches().set(|switches| {
                switches.session_bumps_etag = true;
                switches.hash_delay_ms = hash_delay_ms;
            });
            let item = stand.item("a.bin").await;
            let bytes = sample(2 * PIECE_BYTES);

            stand.replace(&item, &bytes).await.expect("a replacement");

            assert_eq!(stand.account.read("a.bin").as_deref(), Some(bytes.as_slice()));
            assert_eq!(stand.account.earlier("a.bin").len(), 1);
        }
    }
}

#[tokio::test]
async fn a_condition_that_fails_for_nothing_is_tried_once_more() {
    for kind in BOTH {
        for is_old in [false, true] {
            let stand = Stand::start(kind).await;
            stand.account.create_file("a.bin", "first");
            let item = stand.item("a.bin").await;
            let code = if is_old { "notAllowed" } else { "resourceModified" };
            let body = serde_json::json!({ "error": { "code": code } });
            stand.fault("PUT", "/content", Act::json(412, &body));
            let target = Target::Replace {
                id: &item.id,
                expected: item.revision.as_ref().expect("a file"),
            };

            let bytes = crate::contract::Bytes(b"second".to_vec());
            let (replaced, seen) = stand.asked(stand.send(target, &bytes, None, &NoJournal)).await;

            replaced.expect("a replacement");
            assert_eq!(count(&seen, "PUT", "/content"), 2);
            assert!(
                seen.iter()
                    .filter(|seen| seen.method == "PUT")
                    .all(|put| put.headers.contains_key("if-match"))
            );
        }
    }
}

#[tokio::test]
async fn a_condition_that_always_fails_for_nothing_loses_nothing() {
    for kind in BOTH {
        for pieces in [0, 2] {
            let stand = Stand::start(kind).await;
            stand.account.create_file("a.bin", "first");
            let item = stand.item("a.bin").await;
            let (method, path) = if pieces == 0 {
                ("PUT", "/content")
            } else {
                ("POST", "createUploadSession")
            };
            stand
                .fake
                .faults()
                .push(Fault::on(method, path, Act::status(412, None)).times(2));
            stand
                .fake
                .faults()
                .push(Fault::on(method, path, Act::Hold("third".into())));
            let target = Target::Replace {
                id: &item.id,
                expected: item.revision.as_ref().expect("a file"),
            };
            let bytes = crate::contract::Bytes(sample(pieces * PIECE_BYTES + 10));
            let modified = (pieces > 0).then_some(crate::contract::scene::THEN);

            let (replaced, ()) = tokio::join!(stand.send(target, &bytes, modified, &NoJournal), async {
                stand.fake.faults().reached("third").await;
                stand.account.write("a.bin", "theirs");
                stand.fake.faults().release("third");
            });

            let written = replaced.expect("a replacement");
            assert_eq!(stand.account.read("a.bin").as_deref(), Some(bytes.0.as_slice()));
            let read = crate::Read {
                id: &item.id,
                revision: written.overwrote.first(),
                offset: 0,
                export: None,
            };
            let reading = stand.drive.read(read).await.expect("a reading");
            assert_eq!(collect(reading.stream).await.expect("bytes"), b"theirs");
            assert_eq!(written.overwrote.len(), 1);
        }
    }
}

#[tokio::test]
async fn a_replacement_whose_answer_is_lost_is_there_once() {
    for kind in BOTH {
        for bytes in [&b""[..], b"second", &sample(2 * PIECE_BYTES)] {
            let stand = Stand::start(kind).await;
            stand.account.create_file("a.bin", "first");
            let item = stand.item("a.bin").await;
            let nth = if bytes.len() > PIECE_BYTES { 2 } else { 1 };
            stand
                .fake
                .faults()
                .push(Fault::on("PUT", "", Act::DropAfter).nth(nth));

            let written = stand.replace(&item, bytes).await.expect("a replacement");

            assert_ne!(written.item.revision, item.revision);
            assert_eq!(written.overwrote, []);
            assert_eq!(stand.account.read("a.bin").as_deref(), Some(bytes));
            assert_eq!(stand.account.earlier("a.bin").len(), 1);
            assert!(stand.replace(&item, bytes).await.is_ok(), "done already");
            assert_eq!(stand.account.earlier("a.bin").len(), 1);
        }
    }
}

#[tokio::test]
async fn a_failed_condition_in_the_old_words_is_a_change() {
    let stand = Stand::start(DriveType::Personal).await;
    stand
        .fake
        .switches()
        .set(|switches| switches.old_precondition_words = true);
    stand.account.create_file("a.bin", "first");
    let item = stand.item("a.bin").await;
    stand.account.write("a.bin", "theirs");

    for bytes in [&b""[..], b"ours"] {
        let replaced = stand.replace(&item, bytes).await;

        assert!(matches!(replaced, Err(RemoteError::Changed)), "{replaced:?}");
    }
    assert_eq!(stand.account.read("a.bin").as_deref(), Some(&b"theirs"[..]));
}
