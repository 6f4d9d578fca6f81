//! The trash: deleting, restoring, purging, and what is kept how long.

use model::{Actor, Guard, NodeId, OnConflict};

use super::harness::{ROOT, TestHub, big, named, on_each_engine, on_each_engine_with, part, refused};
use crate::{Config, HubError, NodeChange, Part};

const DAY: i64 = 24 * 60 * 60;

async fn delete(t: &TestHub, who: &Actor, node: NodeId) {
    t.tick();
    t.delete(who, node, Guard::None).await.unwrap();
}

/// What is in the trash, the latest first, with where it would go back to.
async fn trash(t: &TestHub, who: &Actor) -> Vec<String> {
    let page = t.trash(who, part(1000)).await.unwrap();
    let shown = page.items.iter().map(|item| match &item.path {
        Some(path) => path.to_string(),
        None => format!("? {}", item.node.name),
    });
    shown.collect()
}

#[tokio::test]
async fn what_is_deleted_is_in_the_trash_and_nowhere_else() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let folder = t.new_path(&alice, "a/b").await;
        let file = t.put(&alice, &folder, "file", "x").await;
        let top = t.new_path(&alice, "a").await;

        delete(&t, &alice, top.id).await;

        assert_eq!(trash(&t, &alice).await, ["/a"]);
        assert!(t.names(&alice, ROOT).await.is_empty());
        for id in [top.id, folder.id, file.id] {
            refused!(t.info(&alice, id).await, HubError::NotFound(_));
            refused!(t.delete(&alice, id, Guard::None).await, HubError::NotFound(_));
            refused!(t.star(&alice, id, true).await, HubError::NotFound(_));
        }
        refused!(t.content_of(&alice, file.id, None).await, HubError::NotFound(_));
        refused!(
            t.store(&alice, super::harness::into(&folder, "x"), "x").await,
            HubError::NotFound(_)
        );
        refused!(
            t.restore(&alice, file.id, (None, None)).await,
            HubError::NotFound(_)
        );
        refused!(t.purge(&alice, file.id).await, HubError::NotFound(_));
        assert_eq!(t.used_bytes(&alice).await, 1);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_restored_tree_is_where_and_what_it_was() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let folder = t.new_path(&alice, "a/b").await;
        let file = t.put(&alice, &folder, "file", "1").await;
        t.put(&alice, &folder, "file", "2").await;
        t.star(&alice, file.id, true).await.unwrap();
        delete(&t, &alice, folder.id).await;

        let (node, path) = t.restore(&alice, folder.id, (None, None)).await.unwrap();

        assert_eq!((node.id, path.to_string()), (folder.id, "/a/b".to_owned()));
        assert_eq!(t.info(&alice, folder.id).await.unwrap().node, node);
        let info = t.info(&alice, file.id).await.unwrap();
        assert_eq!(
            (info.path.to_string(), info.is_starred),
            ("/a/b/file".to_owned(), true)
        );
        assert_eq!(
            t.versions(&alice, file.id, part(10)).await.unwrap().items.len(),
            2
        );
        assert!(trash(&t, &alice).await.is_empty());
        refused!(
            t.restore(&alice, folder.id, (None, None)).await,
            HubError::NotFound(_)
        );
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_node_whose_place_is_gone_comes_back_into_the_root() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let a = t.new_path(&alice, "a").await;
        let one = t.put(&alice, &a, "one", "1").await;
        let two = t.put(&alice, &a, "two", "2").await;
        delete(&t, &alice, one.id).await;
        delete(&t, &alice, two.id).await;
        delete(&t, &alice, a.id).await;
        assert_eq!(trash(&t, &alice).await, ["/a", "? two", "? one"]);

        let (_, path) = t.restore(&alice, one.id, (None, None)).await.unwrap();
        assert_eq!(path.to_string(), "/one");
        t.purge(&alice, a.id).await.unwrap();
        t.do_jobs().await;
        let (_, path) = t.restore(&alice, two.id, (None, None)).await.unwrap();
        assert_eq!(path.to_string(), "/two");
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_node_comes_back_to_where_its_folder_is_now() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let a = t.new_path(&alice, "a").await;
        let file = t.put(&alice, &a, "file", "1").await;
        delete(&t, &alice, file.id).await;
        let rename = NodeChange {
            name: Some(named("renamed")),
            ..NodeChange::default()
        };
        t.change_node(&alice, a.id, rename).await.unwrap();

        assert_eq!(trash(&t, &alice).await, ["/renamed/file"]);
        let (_, path) = t.restore(&alice, file.id, (None, None)).await.unwrap();
        assert_eq!(path.to_string(), "/renamed/file");
    })
    .await;
}

#[tokio::test]
async fn a_taken_name_is_numbered_and_another_place_or_name_can_be_given() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let other = t.new_path(&alice, "other").await;
        let mut deleted = Vec::new();
        for n in 0..4 {
            let file = t.put(&alice, ROOT, "file.txt", format!("{n}")).await;
            delete(&t, &alice, file.id).await;
            deleted.push(file.id);
        }
        t.put(&alice, ROOT, "file.txt", "new").await;
        let restore = async |id, folder, name: Option<&str>| {
            let (_, path) = t.restore(&alice, id, (folder, name.map(named))).await.unwrap();
            path.to_string()
        };

        assert_eq!(restore(deleted[0], None, None).await, "/file (2).txt");
        assert_eq!(
            restore(deleted[1], Some((&other).into()), None).await,
            "/other/file.txt"
        );
        assert_eq!(restore(deleted[2], None, Some("name")).await, "/name");
        let given = (Some((&other).into()), Some("file.txt"));
        assert_eq!(restore(deleted[3], given.0, given.1).await, "/other/file (2).txt");
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_tree_is_not_restored_into_itself_or_the_trash() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let inner = t.new_path(&alice, "a/b").await;
        let a = t.new_path(&alice, "a").await;
        let gone = t.new_path(&alice, "gone").await;
        delete(&t, &alice, a.id).await;
        delete(&t, &alice, gone.id).await;
        for folder in [a.id, inner.id, gone.id] {
            let into = (Some(folder.into()), None);
            refused!(t.restore(&alice, a.id, into).await, HubError::NotFound("folder"));
        }
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn the_trash_comes_in_pages_the_latest_first() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mut expected = Vec::new();
        for n in 0..10 {
            let file = t.put(&alice, ROOT, &format!("{n}"), "x").await;
            // Some at the same moment.
            if n % 3 == 0 {
                t.tick();
            }
            t.delete(&alice, file.id, Guard::None).await.unwrap();
            expected.insert(0, format!("/{n}"));
        }
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let page = t.trash(&alice, Part { limit: 3, cursor }).await.unwrap();
            assert!(page.items.len() <= 3);
            found.extend(page.items.into_iter().map(|item| item.path.unwrap().to_string()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, expected);
    })
    .await;
}

#[tokio::test]
async fn purging_frees_bytes_at_once_for_a_file_and_piece_by_piece_for_a_tree() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", big(b'1')).await;
        t.put(&alice, ROOT, "file", big(b'2')).await;
        for n in 0..3 {
            for path in ["tree", "tree/a", "tree/a/b"] {
                let folder = t.new_path(&alice, path).await;
                t.put(&alice, &folder, &format!("{n}"), format!("{path} {n}"))
                    .await;
            }
        }
        let tree = t.new_path(&alice, "tree").await;
        t.new_path(&alice, "tree/empty").await;
        t.star(&alice, tree.id, true).await.unwrap();
        delete(&t, &alice, file.id).await;
        delete(&t, &alice, tree.id).await;

        t.purge(&alice, file.id).await.unwrap();
        assert_eq!(t.used_bytes(&alice).await, 3 * (6 + 8 + 10));
        t.purge(&alice, tree.id).await.unwrap();
        assert!(trash(&t, &alice).await.is_empty());
        refused!(t.purge(&alice, tree.id).await, HubError::NotFound(_));
        refused!(
            t.restore(&alice, tree.id, (None, None)).await,
            HubError::NotFound(_)
        );
        t.check_sound().await;
        t.do_jobs().await;

        assert_eq!(t.used_bytes(&alice).await, 0);
        assert_eq!(
            t.fsck(crate::Verify::Digest).await.unwrap().blobs,
            11,
            "they wait for the sweep"
        );
        t.pass_secs(DAY + 1);
        t.upkeep().await;
        assert_eq!(t.fsck(crate::Verify::Digest).await.unwrap().blobs, 0);
        assert!(t.stored().is_empty());
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_wide_and_deep_tree_is_freed_whole_even_when_the_worker_dies_between() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        for n in 0..250 {
            t.new_path(&alice, &format!("tree/{}", n)).await;
        }
        t.new_path(&alice, &format!("tree/{}", vec!["d"; 100].join("/")))
            .await;
        let tree = t.new_path(&alice, "tree").await;
        delete(&t, &alice, tree.id).await;
        t.purge(&alice, tree.id).await.unwrap();
        let lease = t.lease_jobs("dies", 1).await.unwrap().pop().unwrap();
        // It dies after some steps: its future is dropped, and its lease runs out.
        let mut dying = Box::pin(t.free_purged(&lease));
        for _ in 0..20 {
            tokio::select! {
                biased;
                _ = &mut dying => break,
                () = tokio::task::yield_now() => {}
            }
        }
        drop(dying);
        t.pass_secs(61);

        t.do_jobs().await;

        let mut tx = t.catalog.read().await.unwrap();
        assert!(tx.next_to_purge().await.unwrap().is_none());
        assert_eq!(tx.space_of(tree.id).await.unwrap(), None);
        drop(tx);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_tree_purged_while_a_purge_is_about_to_end_is_freed_too() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let one = t.new_path(&alice, "one").await;
        let two = t.new_path(&alice, "two").await;
        delete(&t, &alice, one.id).await;
        delete(&t, &alice, two.id).await;
        t.purge(&alice, one.id).await.unwrap();
        let lease = t.lease_jobs("test", 1).await.unwrap().pop().unwrap();
        t.free_purged(&lease).await.unwrap();
        t.purge(&alice, two.id).await.unwrap();
        lease.end(crate::JobOutcome::Done).await.unwrap();

        t.do_jobs().await;

        let mut tx = t.catalog.read().await.unwrap();
        assert!(tx.next_to_purge().await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn emptying_purges_all_that_was_there() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        for n in 0..120 {
            let file = t.put(&alice, ROOT, &format!("{n}"), "x").await;
            t.delete(&alice, file.id, Guard::None).await.unwrap();
        }
        let kept = t.put(&alice, ROOT, "kept", "x").await;
        let other = t.put(&bob, ROOT, "other", "x").await;
        delete(&t, &bob, other.id).await;

        assert_eq!(t.empty_trash(&alice).await.unwrap(), 120);

        assert!(trash(&t, &alice).await.is_empty());
        assert_eq!(t.used_bytes(&alice).await, 1);
        assert_eq!(t.bytes_of(&alice, kept.id).await, b"x");
        assert_eq!(trash(&t, &bob).await, ["/other"]);
        assert_eq!(t.empty_trash(&alice).await.unwrap(), 0);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn retention_purges_what_waited_too_long_and_nothing_else() {
    let set = |config: &mut Config| config.keep_trash_secs = Some(30 * 24 * 60 * 60);
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        let tree = t.new_path(&alice, "tree/a").await;
        t.put(&alice, &tree, "file", "x").await;
        let tree = t.new_path(&alice, "tree").await;
        let late = t.put(&alice, ROOT, "late", "x").await;
        let restored = t.put(&alice, ROOT, "restored", "x").await;
        delete(&t, &alice, tree.id).await;
        delete(&t, &alice, restored.id).await;
        t.pass_secs(20 * DAY);
        delete(&t, &alice, late.id).await;
        t.restore(&alice, restored.id, (None, None)).await.unwrap();
        t.upkeep().await;
        assert_eq!(trash(&t, &alice).await, ["/late", "/tree"]);

        t.pass_secs(10 * DAY + 1);
        t.upkeep().await;

        assert_eq!(trash(&t, &alice).await, ["/late"]);
        assert_eq!(t.names(&alice, ROOT).await, ["restored"]);
        assert_eq!(t.used_bytes(&alice).await, 2);
        let forever = t.reopened(|config| config.keep_trash_secs = None).await;
        t.pass_secs(3650 * DAY);
        let lease = lease_retention(&forever).await;
        assert_eq!(forever.retention(&lease).await.unwrap().removed, 0);
        t.check_sound().await;
    })
    .await;
}

async fn lease_retention(hub: &crate::Hub) -> crate::Lease {
    hub.schedule_upkeep().await.unwrap();
    let leases = hub.lease_jobs("test", 10).await.unwrap();
    let retention = leases
        .into_iter()
        .find(|lease| lease.job.kind == model::JobKind::Retention);
    retention.unwrap()
}

#[tokio::test]
async fn a_restore_and_a_purge_at_once_end_one_way_or_the_other() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        for n in 0..5 {
            let file = t.put(&alice, ROOT, &format!("{n}"), "x").await;
            delete(&t, &alice, file.id).await;
            let (restored, purged) =
                tokio::join!(t.restore(&alice, file.id, (None, None)), t.purge(&alice, file.id));
            assert_ne!(restored.is_ok(), purged.is_ok());
            let is_there = t.info(&alice, file.id).await.is_ok();
            assert_eq!(is_there, restored.is_ok());
        }
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_deleted_name_is_free_again() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let old = t.put(&alice, ROOT, "file", "old").await;
        delete(&t, &alice, old.id).await;

        let upload = crate::Upload {
            on_conflict: OnConflict::Fail,
            ..super::harness::into(ROOT, "file")
        };
        let new = t.store(&alice, upload, "new").await.unwrap().node;

        assert_ne!(new.id, old.id);
        assert_eq!(new.version.unwrap().number, 1);
    })
    .await;
}
