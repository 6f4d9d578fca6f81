//! How many requests it takes.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use model::Millis;
use outbound::{Call, Failure, Gate, Kind, Told};

use super::stand::{Stand, connect_gated, count};
use crate::contract::{Bytes, Kept, Mirror, sample};
use crate::{Connector, Read, Relocate, RemoteError, Target};

#[tokio::test]
async fn ten_thousand_items_are_listed_by_twelve_requests_and_one_change_by_one() {
    let stand = Stand::start().await;
    for number in 0..10_000 {
        let _ = stand.account.create_file(&stand.root.0, &number.to_string(), "");
    }
    let scene = stand.scene().await;
    let mut mirror = Mirror::default();

    let (_, first) = stand.asked(mirror.round(&scene)).await;
    let file = stand.given("one more", b"x").await;
    let (_, second) = stand.asked(mirror.round(&scene)).await;
    let (_, third) = stand.asked(mirror.round(&scene)).await;

    assert_eq!(first.len(), 12);
    assert!(mirror.items.len() > 10_000 && mirror.items.contains_key(&file.id));
    assert_eq!((second.len(), third.len(), mirror.told), (1, 1, 0));
    stand.expect_honest();
}

#[tokio::test]
async fn a_small_file_is_made_by_one_request_and_one_more_for_a_thousand_ids() {
    let stand = Stand::start().await;

    let (made, first) = stand.asked(stand.create("a", &Bytes(b"a".to_vec()))).await;
    made.unwrap();
    let (made, second) = stand.asked(stand.create("b", &Bytes(b"b".to_vec()))).await;
    made.unwrap();
    let (ids, third) = stand.asked(stand.drive.new_ids(900)).await;

    assert_eq!((first.len(), second.len(), third.len()), (2, 1, 0));
    assert_eq!(ids.unwrap().len(), 900);
    stand.expect_honest();
}

#[tokio::test]
async fn what_is_done_often_takes_few_requests() {
    let stand = Stand::start().await;
    let file = stand.given("file", b"before").await;
    let expected = file.revision.as_ref().unwrap();
    let target = Target::Replace {
        id: &file.id,
        expected,
    };
    let (replaced, by_replace) = stand
        .asked(stand.send(target, &Bytes(b"after".to_vec()), &Kept::default()))
        .await;
    let after = replaced.unwrap().item;
    let read = Read {
        id: &after.id,
        revision: after.revision.as_ref(),
        offset: 0,
        export: None,
    };
    let (_, by_read) = stand.asked(stand.drive.read(read)).await;
    let to = Relocate {
        parent: None,
        name: Some("other"),
        expected: None,
    };
    let (_, by_rename) = stand.asked(stand.drive.relocate(&file.id, to)).await;
    let (_, by_trash) = stand.asked(stand.drive.trash(&file.id, None)).await;
    let (_, by_folder) = stand.asked(stand.drive.new_ids(1)).await;

    assert_eq!(by_replace.len(), 2);
    assert_eq!(by_read.len(), 1);
    assert_eq!(by_rename.len(), 2);
    assert_eq!(by_trash.len(), 1);
    assert_eq!(by_folder.len(), 1);
    stand.expect_honest();
}

#[tokio::test]
async fn a_large_file_takes_a_request_for_each_piece_and_one_to_begin() {
    let stand = Stand::start().await;
    stand.drive.new_ids(1).await.unwrap();

    let (made, seen) = stand
        .asked(stand.create("big", &Bytes(sample(6 * 1024 * 1024))))
        .await;

    made.unwrap();
    assert_eq!(count(&seen, "POST", "/upload/drive/v3/files"), 1);
    assert_eq!(count(&seen, "PUT", "/upload/"), 6);
    assert_eq!(seen.len(), 7);
    stand.expect_honest();
}

/// Writes down what passes, or lets nothing pass.
#[derive(Default)]
struct Watched {
    kinds: Mutex<Vec<Kind>>,
    told: Mutex<Vec<u16>>,
    is_shut: bool,
}

#[async_trait]
impl Gate for Watched {
    async fn pass(&self, call: &Call) -> Result<(), Failure> {
        if self.is_shut {
            return Err(Failure::Paused { until: Millis(7) });
        }
        self.kinds.lock().unwrap().push(call.kind);
        Ok(())
    }

    async fn told(&self, _: &Call, told: Told) {
        self.told.lock().unwrap().push(told.status);
    }
}

#[tokio::test]
async fn every_request_passes_the_gate_as_what_it_costs() {
    let stand = Stand::start().await;
    let file = stand.given("file", b"x").await;
    let gate = Arc::new(Watched::default());
    let drive = connect_gated(&stand.fake, stand.tokens.clone(), Some(gate.clone()));
    let read = Read {
        id: &file.id,
        revision: file.revision.as_ref(),
        offset: 0,
        export: None,
    };

    let (_, seen) = stand
        .asked(async {
            drive.item(&file.id).await.unwrap();
            drive.children(&stand.root, None).await.unwrap();
            drive.read(read).await.unwrap();
            drive.trash(&file.id, None).await.unwrap();
        })
        .await;

    let kinds = gate.kinds.lock().unwrap().clone();
    assert_eq!(kinds, [Kind::Read, Kind::List, Kind::Content, Kind::Write]);
    assert_eq!(*gate.told.lock().unwrap(), [200; 4]);
    assert_eq!(seen.len(), 4);
}

#[tokio::test]
async fn nothing_is_sent_through_a_gate_that_is_shut() {
    let stand = Stand::start().await;
    let gate = Arc::new(Watched {
        is_shut: true,
        ..Watched::default()
    });
    let drive = connect_gated(&stand.fake, stand.tokens.clone(), Some(gate));

    let (outcome, seen) = stand.asked(drive.about()).await;

    assert!(
        matches!(outcome, Err(RemoteError::Paused { until: Millis(7) })),
        "{outcome:?}"
    );
    assert_eq!(seen.len(), 0);
}
