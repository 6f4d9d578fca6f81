//! The journal: gapless, in order, and enough to rebuild the tree from.

use std::collections::HashMap;
use std::time::Duration;

use model::{Actor, Change, ChangeKind, Guard, NodeId, NodeKind};

use super::harness::{ROOT, TestHub, named, on_each_engine, refused};
use crate::{Feed, HubError, NodeChange};

/// Longer than any news takes.
const MOMENTS: Duration = Duration::from_secs(10);

/// All entries of a journal, by pages of `limit`.
pub(crate) async fn journal(t: &TestHub, who: &Actor, limit: u32) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = t.changes(who, cursor.as_deref(), limit).await.unwrap();
        assert_eq!(
            page.has_more,
            page.has_more && page.changes.len() == limit as usize
        );
        changes.extend(page.changes);
        cursor = Some(page.next);
        if !page.has_more {
            return changes;
        }
    }
}

/// Where a replayed journal puts the nodes: those of the tree, by path, with the digest of a file.
pub(crate) fn replayed(changes: &[Change], root: NodeId) -> Vec<(String, Option<String>)> {
    let mut nodes: HashMap<NodeId, &Change> = HashMap::new();
    for change in changes {
        match change.kind {
            ChangeKind::Purged => {
                nodes.remove(&change.node);
            }
            _ => {
                nodes.insert(change.node, change);
            }
        }
    }
    let path = |change: &Change| {
        let mut path = String::new();
        let mut change = *nodes.get(&change.node)?;
        loop {
            path = format!("/{}{path}", change.name);
            match change.parent {
                Some(parent) if parent == root => return Some(path),
                Some(parent) => change = nodes.get(&parent)?,
                None => return None,
            }
        }
    };
    let digest = |change: &Change| change.digest.map(|digest| digest.to_string());
    let mut tree: Vec<_> = nodes
        .values()
        .filter_map(|change| Some((path(change)?, digest(change))))
        .collect();
    tree.sort();
    tree
}

async fn next(feed: &mut Feed) -> Vec<Change> {
    tokio::time::timeout(MOMENTS, feed.next())
        .await
        .expect("it wakes")
        .unwrap()
}

#[tokio::test]
async fn every_change_has_its_entry_with_the_node_as_it_is_then() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let root = t.root(&alice).await;
        let folder = t.new_folder(&alice, ROOT, "folder").await;
        let file = t.put(&alice, &folder, "file", "1").await;
        t.put(&alice, &folder, "file", "22").await;
        let change = NodeChange {
            name: Some(named("renamed")),
            folder: Some(ROOT),
            ..NodeChange::default()
        };
        t.change_node(&alice, file.id, change).await.unwrap();
        t.remove_version(&alice, file.id, 1).await.unwrap();
        t.delete(&alice, file.id, Guard::None).await.unwrap();
        t.restore(&alice, file.id, (None, None)).await.unwrap();
        t.delete(&alice, file.id, Guard::None).await.unwrap();
        t.purge(&alice, file.id).await.unwrap();

        let changes = journal(&t, &alice, 1000).await;

        let seqs: Vec<u64> = changes.iter().map(|change| change.seq).collect();
        assert_eq!(seqs, (1..=9).collect::<Vec<_>>());
        let shown: Vec<_> = changes
            .iter()
            .map(|change| {
                (
                    change.kind,
                    change.name.as_str(),
                    change.parent,
                    change.version,
                    change.size_bytes,
                )
            })
            .collect();
        let (inside, at_root, nowhere) = (Some(folder.id), Some(root), None);
        assert_eq!(
            shown,
            [
                (ChangeKind::Created, "folder", at_root, None, None),
                (ChangeKind::Created, "file", inside, Some(1), Some(1)),
                (ChangeKind::Content, "file", inside, Some(2), Some(2)),
                (ChangeKind::Moved, "renamed", at_root, Some(2), Some(2)),
                (ChangeKind::VersionRemoved, "renamed", at_root, Some(2), Some(2)),
                (ChangeKind::Trashed, "renamed", nowhere, Some(2), Some(2)),
                (ChangeKind::Restored, "renamed", at_root, Some(2), Some(2)),
                (ChangeKind::Trashed, "renamed", nowhere, Some(2), Some(2)),
                (ChangeKind::Purged, "renamed", nowhere, Some(2), Some(2)),
            ]
        );
        assert!(changes.iter().all(|change| change.actor == alice.user()));
        assert_eq!(changes[1].digest, Some(content::digest(b"1")));
        assert_eq!(changes[0].node_kind, NodeKind::Folder);
    })
    .await;
}

#[tokio::test]
async fn what_changes_nothing_writes_nothing() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", "1").await;
        let before = journal(&t, &alice, 100).await.len();

        t.change_node(&alice, file.id, NodeChange::default())
            .await
            .unwrap();
        t.restore_version(&alice, file.id, 1).await.unwrap();
        t.star(&alice, file.id, true).await.unwrap();
        refused!(t.remove_version(&alice, file.id, 1).await, HubError::Conflict(_));
        t.new_path(&alice, "/").await;

        assert_eq!(journal(&t, &alice, 100).await.len(), before);
    })
    .await;
}

#[tokio::test]
async fn parallel_changes_leave_no_gap_and_no_number_twice() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let changes = (0..60).map(|n| {
            t.store(
                &alice,
                super::harness::into(ROOT, &format!("{n}")),
                format!("{n}"),
            )
        });
        futures_util::future::join_all(changes).await;

        let seqs: Vec<u64> = journal(&t, &alice, 7)
            .await
            .iter()
            .map(|change| change.seq)
            .collect();
        assert_eq!(seqs, (1..=60).collect::<Vec<_>>());
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_reader_beside_writers_never_skips_an_entry() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let write = async {
            let changes = (0..60).map(|n| {
                t.store(
                    &alice,
                    super::harness::into(ROOT, &format!("{n}")),
                    format!("{n}"),
                )
            });
            futures_util::future::join_all(changes).await;
        };
        let read = async {
            let mut seen = Vec::new();
            let mut cursor: Option<String> = None;
            while seen.len() < 60 {
                let page = t.changes(&alice, cursor.as_deref(), 7).await.unwrap();
                seen.extend(page.changes.iter().map(|change| change.seq));
                cursor = Some(page.next);
                tokio::task::yield_now().await;
            }
            seen
        };
        let ((), seen) = tokio::join!(write, read);

        assert_eq!(seen, (1..=60).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_cursor_is_one_person_s() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        t.put(&alice, ROOT, "file", "1").await;
        let page = t.changes(&alice, None, 10).await.unwrap();

        refused!(
            t.changes(&bob, Some(&page.next), 10).await,
            HubError::Invalid { field: "cursor", .. }
        );
        refused!(
            t.changes(&alice, Some("x"), 10).await,
            HubError::Invalid { field: "cursor", .. }
        );
        refused!(
            t.follow(&bob, Some(&page.next)).await,
            HubError::Invalid { field: "cursor", .. }
        );
        assert!(t.changes(&bob, None, 10).await.unwrap().changes.is_empty());
        let after = t.changes(&alice, Some(&page.next), 10).await.unwrap();
        assert!(after.changes.is_empty() && !after.has_more);
        t.put(&alice, ROOT, "file", "2").await;
        assert_eq!(
            t.changes(&alice, Some(&after.next), 10).await.unwrap().changes[0].seq,
            2
        );
    })
    .await;
}

#[tokio::test]
async fn a_feed_wakes_with_what_is_new_and_begins_where_it_is_told() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        t.put(&alice, ROOT, "one", "1").await;
        let start = t.changes(&alice, None, 0).await.unwrap().next;
        let mut all = t.follow(&alice, Some(&start)).await.unwrap();
        let mut new = t.follow(&alice, None).await.unwrap();
        assert_eq!(next(&mut all).await[0].seq, 1);

        let (news, ()) = tokio::join!(next(&mut new), async {
            t.put(&bob, ROOT, "not hers", "x").await;
            t.put(&alice, ROOT, "two", "2").await;
        });

        assert_eq!(
            news.iter().map(|change| change.name.as_str()).collect::<Vec<_>>(),
            ["two"]
        );
        assert_eq!(next(&mut all).await, news);
        let cursor = new.cursor(&news[0]).unwrap();
        let mut resumed = t.follow(&alice, Some(&cursor)).await.unwrap();
        t.put(&alice, ROOT, "three", "3").await;
        assert_eq!(next(&mut resumed).await[0].seq, 3);
        assert_eq!(next(&mut new).await[0].seq, 3);
    })
    .await;
}

#[tokio::test]
async fn a_feed_that_stops_waiting_loses_nothing() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mut feed = t.follow(&alice, None).await.unwrap();
        for n in 0..50 {
            let mut wait = Box::pin(feed.next());
            for _ in 0..n % 7 {
                tokio::select! {
                    biased;
                    changes = &mut wait => panic!("woken by nothing: {changes:?}"),
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        for n in 0..300 {
            t.put(&alice, ROOT, &format!("{}", n % 10), format!("{n}")).await;
        }
        let mut seen = 0;
        while seen < 300 {
            for change in next(&mut feed).await {
                seen += 1;
                assert_eq!(change.seq, seen);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_feed_hears_of_another_node_s_changes() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mut feed = t.follow(&alice, None).await.unwrap();
        let other = t.reopened(|_| ()).await;
        let upload = super::harness::into(ROOT, "file");
        let write = other.upload(
            &alice,
            upload,
            crate::Expected::default(),
            super::harness::body(b"x"),
        );
        let (news, stored) = tokio::join!(next(&mut feed), write);

        assert_eq!(news[0].node, stored.unwrap().node.id);
    })
    .await;
}
