//! Conflicts, and other hashes of contents.

use model::{
    Conflict, ConflictId, ConflictKind, ConflictPolicy, ConflictSide, Digest, Millis, MirrorId, NodeId,
    Resolution, UserId, Winner,
};

use super::database::on_each_engine;
use crate::{Catalog, ConflictFilter};

const MIRROR: MirrorId = MirrorId::from_bytes([7; 16]);
const OWNER: UserId = UserId::from_bytes([1; 16]);
const NOW: Millis = Millis(1_000_000);

/// Runs one method of a transaction and commits it.
macro_rules! run {
    ($catalog:expr, $method:ident($($argument:expr),*)) => {{
        let mut tx = $catalog.write().await.unwrap();
        let outcome = tx.$method($($argument),*).await.unwrap();
        tx.commit().await.unwrap();
        outcome
    }};
}

const fn node(number: u8) -> NodeId {
    NodeId::from_bytes([number; 16])
}

fn conflict(number: u8) -> Conflict {
    Conflict {
        id: ConflictId::from_bytes([number; 16]),
        number: 0,
        owner: OWNER,
        mirror: MIRROR,
        entry: u64::from(number),
        node: Some(node(number)),
        kind: ConflictKind::EditEdit,
        path: format!("a \"folder\"/{number}"),
        base: None,
        here: Some(ConflictSide {
            name: "here".to_owned(),
            version: Some(2),
            size_bytes: Some(3),
            digest: Some("00".to_owned()),
            media_type: Some("text/plain".to_owned()),
            changed_ms: Some(NOW),
            author: Some("Ada".to_owned()),
            origin: Some("webdav".to_owned()),
            ..ConflictSide::default()
        }),
        there: Some(ConflictSide {
            name: "there".to_owned(),
            revision: Some("r".to_owned()),
            ..ConflictSide::default()
        }),
        copy: None,
        found_ms: NOW,
        resolution: None,
        history: String::new(),
    }
}

async fn create(catalog: &Catalog, conflict: Conflict) -> Conflict {
    let number = run!(catalog, create_conflict(&conflict, conflict.id.as_bytes()));
    Conflict {
        number: number.unwrap(),
        ..conflict
    }
}

#[tokio::test]
async fn a_conflict_is_recorded_once_and_comes_back_as_it_was_and_as_it_ended() {
    on_each_engine(|catalog| async move {
        let mut made = create(&catalog, conflict(1)).await;
        assert_eq!(run!(catalog, conflict(made.id)), Some(made.clone()));
        let again = Conflict {
            id: ConflictId::from_bytes([2; 16]),
            ..conflict(1)
        };
        assert_eq!(run!(catalog, create_conflict(&again, made.id.as_bytes())), None);
        assert_eq!(run!(catalog, conflict(again.id)), None);
        let elsewhere = Conflict {
            mirror: MirrorId::from_bytes([8; 16]),
            ..again
        };
        assert!(run!(catalog, create_conflict(&elsewhere, made.id.as_bytes())) > Some(made.number));

        made.base = Some(ConflictSide::default());
        made.here = None;
        made.copy = Some(node(9));
        made.kind = ConflictKind::DeleteEdit;
        made.resolution = Some(Resolution {
            policy: ConflictPolicy::LastWrite,
            winner: Some(Winner::There),
            by: Some(OWNER),
            notes: Some("theirs".to_owned()),
            at_ms: NOW,
            undone_ms: Some(NOW),
        });
        made.history = "[1]".to_owned();
        run!(catalog, put_conflict(&made));
        assert_eq!(run!(catalog, lock_conflict(made.id)), Some(made.clone()));
        assert_eq!(run!(catalog, conflict_of_copy(node(9))), Some(made));
        assert_eq!(run!(catalog, conflict_of_copy(node(1))), None);
    })
    .await;
}

#[tokio::test]
async fn two_who_find_one_conflict_at_once_record_it_once() {
    on_each_engine(|catalog| async move {
        let find = |number: u8| {
            let catalog = catalog.clone();
            async move {
                let found = Conflict {
                    id: ConflictId::from_bytes([number; 16]),
                    ..conflict(1)
                };
                run!(catalog, create_conflict(&found, b"the same"))
            }
        };
        let (one, two) = tokio::join!(tokio::spawn(find(1)), tokio::spawn(find(2)));
        let recorded = [one.unwrap(), two.unwrap()];
        assert_eq!(recorded.iter().flatten().count(), 1, "{recorded:?}");
        assert_eq!(run!(catalog, count_conflicts(None)), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn conflicts_are_listed_newest_first_by_owner_mirror_and_whether_they_ended() {
    on_each_engine(|catalog| async move {
        let mut all = Vec::new();
        for number in 1..=4 {
            let mut new = conflict(number);
            if number == 3 {
                new.mirror = MirrorId::from_bytes([8; 16]);
            }
            if number == 4 {
                new.owner = UserId::from_bytes([2; 16]);
            }
            if number % 2 == 0 {
                new.resolution = Some(Resolution {
                    policy: ConflictPolicy::KeepBoth,
                    winner: None,
                    by: None,
                    notes: None,
                    at_ms: NOW,
                    undone_ms: None,
                });
            }
            all.push(create(&catalog, new).await);
        }
        let listed = async |owner, resolved, mirror, after| {
            let filter = ConflictFilter { resolved, mirror };
            let found = run!(catalog, conflicts((owner, filter), after, 10));
            found.iter().map(|found| found.entry).collect::<Vec<_>>()
        };

        assert_eq!(listed(None, None, None, None).await, [4, 3, 2, 1]);
        assert_eq!(listed(None, None, None, Some(all[2].number)).await, [2, 1]);
        assert_eq!(listed(Some(OWNER), None, None, None).await, [3, 2, 1]);
        assert_eq!(listed(Some(OWNER), Some(false), None, None).await, [3, 1]);
        assert_eq!(listed(Some(OWNER), Some(true), None, None).await, [2]);
        assert_eq!(listed(None, Some(true), None, None).await, [4, 2]);
        assert_eq!(listed(None, None, Some(MIRROR), None).await, [4, 2, 1]);
        assert_eq!(listed(Some(OWNER), Some(false), Some(MIRROR), None).await, [1]);
        assert_eq!(run!(catalog, count_conflicts(None)), (2, 2));
        assert_eq!(run!(catalog, count_conflicts(Some(OWNER))), (2, 1));
        assert_eq!(run!(catalog, open_conflict_of(MIRROR, 1)).unwrap(), all[0]);
        assert_eq!(run!(catalog, open_conflict_of(MIRROR, 2)), None);
        let of_nodes = run!(catalog, open_conflicts_of_nodes(&[node(1), node(2), node(5)]));
        assert_eq!(of_nodes, all[..1]);
    })
    .await;
}

#[tokio::test]
async fn hashes_of_contents_are_found_by_their_digests() {
    on_each_engine(|catalog| async move {
        let (one, two) = (Digest([1; 32]), Digest([2; 32]));
        run!(
            catalog,
            put_content_hashes(&one, &[("md5", "aa"), ("sha1", "bb")])
        );
        run!(catalog, put_content_hashes(&one, &[("md5", "cc")]));
        let found = run!(catalog, content_hashes(&[two, one]));
        let pair = |kind: &str, text: &str| (kind.to_owned(), text.to_owned());
        assert_eq!(found.len(), 1);
        assert_eq!(found[&one], [pair("md5", "cc"), pair("sha1", "bb")]);
        run!(catalog, forget_content_hashes(&[one]));
        assert!(run!(catalog, content_hashes(&[one])).is_empty());
    })
    .await;
}
