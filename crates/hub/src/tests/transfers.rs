//! Uploads that take more than one request: what they hold, and what becomes of those that nobody goes on
//! with.

use model::{Actor, Guard, OnConflict, UploadId, UploadState};

use super::harness::{ROOT, TestHub, body, into, on_each_engine, on_each_engine_with};
use crate::{Config, HubError, Moved, NewTransfer, Piece, TransferError, Verify};

const DAY: i64 = 24 * 60 * 60;

async fn begin(t: &TestHub, who: &Actor, name: &str, size: u64) -> Result<UploadId, TransferError> {
    let new = NewTransfer {
        upload: Some(into(ROOT, name)),
        size_bytes: Some(size),
        digest: None,
        metadata: String::new(),
    };
    t.begin_transfer(who, new).await.map(|moved| moved.transfer.id)
}

async fn append(
    t: &TestHub,
    who: &Actor,
    id: UploadId,
    (at, bytes): (usize, &[u8]),
) -> Result<Moved, TransferError> {
    let piece = Piece {
        offset_bytes: at as u64,
        size_bytes: None,
        length_bytes: Some(bytes.len() as u64),
        promise: None,
    };
    t.append(who, id, piece, body(bytes)).await
}

/// Files that the store keeps of uploads in parts.
fn begun_files(t: &TestHub) -> usize {
    std::fs::read_dir(t.store_folder().join("uploads"))
        .unwrap()
        .count()
}

async fn assert_whole(t: &TestHub) {
    let report = t.fsck(Verify::Digest).await.unwrap();
    assert_eq!((report.damage, report.orphans), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_given_up_with_all_that_it_held() {
    let limited = |config: &mut Config| config.quota_bytes = Some(500_000);
    on_each_engine_with(limited, async |t| {
        let alice = t.user("alice").await;
        let id = begin(&t, &alice, "forgotten", 400_000).await.unwrap();
        let bytes = vec![7; 200_000];
        append(&t, &alice, id, (0, &bytes)).await.unwrap();
        assert_eq!(begun_files(&t), 1);

        t.pass_secs(6 * DAY);
        t.upkeep().await;
        append(&t, &alice, id, (200_000, &[1])).await.unwrap();
        t.pass_secs(6 * DAY);
        t.upkeep().await;
        let kept = t.transfer(&alice, id).await.unwrap().transfer;
        assert_eq!((kept.offset_bytes, begun_files(&t)), (200_001, 1));
        assert!(matches!(
            begin(&t, &alice, "other", 100_001).await,
            Err(TransferError::Hub(HubError::QuotaExceeded {
                free_bytes: 100_000
            }))
        ));

        t.pass_secs(2 * DAY);
        assert!(matches!(t.transfer(&alice, id).await, Err(TransferError::Gone)));
        t.upkeep().await;
        assert!(matches!(
            t.transfer(&alice, id).await,
            Err(TransferError::Hub(HubError::NotFound(_)))
        ));
        assert_eq!(begun_files(&t), 0);
        begin(&t, &alice, "other", 500_000).await.unwrap();
        assert_whole(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_part_that_is_whole_waits_unswept_and_ends_too() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let new = NewTransfer {
            upload: None,
            size_bytes: Some(300_000),
            digest: None,
            metadata: String::new(),
        };
        let part = t.begin_transfer(&alice, new).await.unwrap().transfer.id;
        let moved = append(&t, &alice, part, (0, &vec![1; 300_000])).await.unwrap();
        assert_eq!(moved.transfer.state, UploadState::Completed);

        t.pass_secs(6 * DAY);
        t.upkeep().await;
        let new = NewTransfer {
            upload: Some(into(ROOT, "joined")),
            size_bytes: None,
            digest: None,
            metadata: String::new(),
        };
        let joined = t.join_transfers(&alice, new.clone(), vec![part]).await.unwrap();
        assert_eq!(joined.stored.unwrap().node.size_bytes(), 300_000);
        assert!(t.join_transfers(&alice, new, vec![part]).await.is_err());
        assert_whole(&t).await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_whole_leaves_its_parts_and_their_room_as_they_were() {
    let limited = |config: &mut Config| config.quota_bytes = Some(1_000_000);
    on_each_engine_with(limited, async |t| {
        let alice = t.user("alice").await;
        let part = |size: u64| NewTransfer {
            upload: None,
            size_bytes: Some(size),
            digest: None,
            metadata: String::new(),
        };
        let id = t.begin_transfer(&alice, part(600_000)).await.unwrap().transfer.id;
        append(&t, &alice, id, (0, &vec![1; 600_000])).await.unwrap();
        let new = NewTransfer {
            upload: Some(into(ROOT, "joined")),
            size_bytes: None,
            digest: Some(content::digest(b"something else")),
            metadata: String::new(),
        };
        assert!(t.join_transfers(&alice, new.clone(), vec![id]).await.is_err());
        assert!(t.begin_transfer(&alice, part(400_001)).await.is_err());
        let right = NewTransfer { digest: None, ..new };
        t.join_transfers(&alice, right, vec![id]).await.unwrap();
        assert_whole(&t).await;
    })
    .await;
}

#[tokio::test]
async fn two_that_finish_at_once_make_one_version() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mut upload = into(ROOT, "once");
        upload.on_conflict = OnConflict::Fail;
        let new = NewTransfer {
            upload: Some(upload),
            size_bytes: Some(100_000),
            digest: None,
            metadata: String::new(),
        };
        let id = t.begin_transfer(&alice, new).await.unwrap().transfer.id;
        append(&t, &alice, id, (0, &vec![1; 99_999])).await.unwrap();
        let other = t.put(&alice, ROOT, "once", vec![3]).await;
        // Refused before a byte was taken; what came before is kept.
        assert!(append(&t, &alice, id, (99_999, &[2])).await.is_err());
        t.delete(&alice, other.id, Guard::None).await.unwrap();

        let (one, two) = tokio::join!(
            append(&t, &alice, id, (99_999, &[2])),
            append(&t, &alice, id, (99_999, &[2]))
        );
        assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
        let (one, two) = tokio::join!(t.transfer(&alice, id), t.transfer(&alice, id));
        let made = one.unwrap().transfer.made.unwrap();
        assert_eq!((two.unwrap().transfer.made, made.1), (Some(made), 1));
        assert_whole(&t).await;
    })
    .await;
}
