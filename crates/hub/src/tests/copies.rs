//! Copies of files and of whole trees.

use model::{Actor, ChangeKind, Guard, NodeId, OnConflict, Origin};

use super::harness::{ROOT, TestHub, big, named, on_each_engine, part, refused};
use crate::{Copy, FolderRef, HubError, NodeChange};

fn copy(node: NodeId) -> Copy {
    Copy {
        node,
        folder: None,
        name: None,
        on_conflict: OnConflict::Fail,
    }
}

fn keep_both(node: NodeId) -> Copy {
    Copy {
        on_conflict: OnConflict::KeepBoth,
        ..copy(node)
    }
}

fn to(node: NodeId, folder: impl Into<FolderRef>) -> Copy {
    Copy {
        folder: Some(folder.into()),
        ..copy(node)
    }
}

/// The paths and contents of a tree, the folder's own path left out.
async fn tree(t: &TestHub, who: &Actor, folder: NodeId) -> Vec<(String, Option<Vec<u8>>)> {
    let top = t.path_of(who, folder).await;
    let mut found = Vec::new();
    let mut to_do = vec![folder];
    while let Some(folder) = to_do.pop() {
        let page = t
            .children(who, folder.into(), (None, model::Sort::default()), part(1000))
            .await;
        for item in page.unwrap().items {
            let path = t.path_of(who, item.node.id).await;
            let path = path.strip_prefix(&top).unwrap().to_owned();
            if item.node.is_folder() {
                found.push((path, None));
                to_do.push(item.node.id);
            } else {
                found.push((path, Some(t.bytes_of(who, item.node.id).await)));
            }
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn a_copy_of_a_file_is_a_file_of_its_own_with_the_current_content() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file.txt", big(b'1')).await;
        t.put(&alice, ROOT, "file.txt", big(b'2')).await;
        let stored = t.stored().len();
        t.tick();

        let (node, path) = t.copy(&alice, keep_both(file.id)).await.unwrap();

        assert_eq!(path.to_string(), "/file (2).txt");
        assert_eq!(t.info(&alice, node.id).await.unwrap().node, node);
        let version = node.version.clone().unwrap();
        assert_eq!((version.number, version.origin), (1, Origin::Copy));
        assert_eq!(node.created_ms, t.time());
        assert_eq!(t.bytes_of(&alice, node.id).await, big(b'2'));
        assert_eq!(t.stored().len(), stored, "no byte was copied");
        assert_eq!(t.used_bytes(&alice).await, 3 * 20 * 1024);
        t.put(&alice, ROOT, "file (2).txt", "changed").await;
        assert_eq!(t.bytes_of(&alice, file.id).await, big(b'2'));
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_lives_as_long_as_any_copy_of_it() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", big(b'1')).await;
        let (node, _) = t.copy(&alice, keep_both(file.id)).await.unwrap();
        for (id, left) in [(file.id, 1), (node.id, 0)] {
            t.delete(&alice, id, Guard::None).await.unwrap();
            t.purge(&alice, id).await.unwrap();
            t.pass_secs(25 * 60 * 60);
            t.upkeep().await;
            assert_eq!(t.stored().len(), left);
        }
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_copy_goes_where_it_is_told_under_the_name_it_is_told() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", "x").await;
        let folder = t.new_folder(&alice, ROOT, "folder").await;
        refused!(t.copy(&alice, copy(file.id)).await, HubError::NameTaken(_));
        refused!(t.copy(&alice, to(file.id, &file)).await, HubError::Conflict(_));
        refused!(
            t.copy(&alice, copy(t.root(&alice).await)).await,
            HubError::Conflict(_)
        );

        let (_, path) = t.copy(&alice, to(file.id, &folder)).await.unwrap();
        assert_eq!(path.to_string(), "/folder/file");
        let renamed = Copy {
            name: Some(named("other")),
            ..to(file.id, &folder)
        };
        let (_, path) = t.copy(&alice, renamed.clone()).await.unwrap();
        assert_eq!(path.to_string(), "/folder/other");
        for on_conflict in [OnConflict::Fail, OnConflict::NewVersion] {
            let again = Copy {
                on_conflict,
                ..renamed.clone()
            };
            refused!(t.copy(&alice, again).await, HubError::NameTaken(_));
        }
        assert_eq!(t.names(&alice, &folder).await, ["file", "other"]);
    })
    .await;
}

#[tokio::test]
async fn a_tree_is_copied_whole() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let top = t.new_path(&alice, "top").await;
        for path in ["top/a/b/c", "top/a/d", "top/empty"] {
            let folder = t.new_path(&alice, path).await;
            if !path.ends_with("empty") {
                t.put(&alice, &folder, "file", path).await;
                t.put(&alice, &folder, "same", "the same").await;
            }
        }
        let before = tree(&t, &alice, top.id).await;
        let used = t.used_bytes(&alice).await;

        let (node, path) = t.copy(&alice, keep_both(top.id)).await.unwrap();

        assert_eq!(path.to_string(), "/top (2)");
        assert_eq!(tree(&t, &alice, node.id).await, before);
        assert_eq!(tree(&t, &alice, top.id).await, before);
        assert_eq!(t.used_bytes(&alice).await, 2 * used);
        assert_eq!(t.info(&alice, node.id).await.unwrap().node, node);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_wide_folder_is_copied_in_steps_and_appears_whole() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let top = t.new_path(&alice, "top").await;
        for n in 0..450 {
            t.put(&alice, &top, &format!("file {n:03}"), format!("{}", n % 7))
                .await;
        }
        let before = tree(&t, &alice, top.id).await;

        let (node, _) = t.copy(&alice, keep_both(top.id)).await.unwrap();

        assert_eq!(tree(&t, &alice, node.id).await, before);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_folder_is_not_copied_into_itself() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let c = t.new_path(&alice, "a/b/c").await;
        let a = t.new_path(&alice, "a").await;

        refused!(t.copy(&alice, to(a.id, &a)).await, HubError::Conflict(_));
        refused!(t.copy(&alice, to(a.id, &c)).await, HubError::Conflict(_));
        let (_, path) = t.copy(&alice, to(c.id, &a)).await.unwrap();
        assert_eq!(path.to_string(), "/a/c");
    })
    .await;
}

#[tokio::test]
async fn a_tree_that_would_be_too_deep_is_refused_before_anything_is_built() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let deep = t.new_path(&alice, &vec!["d"; 100].join("/")).await;
        t.new_path(&alice, &vec!["e"; 29].join("/")).await;
        let tree = t.new_path(&alice, "e").await;
        let head = t.changes(&alice, None, 1000).await.unwrap().changes.len();

        refused!(
            t.copy(&alice, to(tree.id, &deep)).await,
            HubError::Invalid { field: "folder", .. }
        );

        assert_eq!(t.changes(&alice, None, 1000).await.unwrap().changes.len(), head);
        let above = t.info(&alice, deep.id).await.unwrap().node.parent.unwrap();
        t.copy(&alice, to(tree.id, above)).await.unwrap();
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_cannot_be_finished_is_never_seen_and_its_room_is_freed() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let alice = t.user("alice").await;
        let top = t.new_path(&alice, "top").await;
        t.put(&alice, &top, "a", "12345").await;
        let sub = t.new_path(&alice, "top/sub").await;
        t.put(&alice, &sub, "b", "12345").await;
        let change = crate::UserChange {
            quota_bytes: Some(Some(17)),
            ..crate::UserChange::default()
        };
        t.change_user(&admin, alice.user().unwrap(), change)
            .await
            .unwrap();

        refused!(
            t.copy(&alice, keep_both(top.id)).await,
            HubError::QuotaExceeded { free_bytes: 2 }
        );

        assert_eq!(t.names(&alice, ROOT).await, ["top/"]);
        assert_eq!(t.used_bytes(&alice).await, 15);
        let last = t
            .changes(&alice, None, 1000)
            .await
            .unwrap()
            .changes
            .pop()
            .unwrap();
        assert_eq!((last.kind, last.name), (ChangeKind::Purged, named("top")));
        t.do_jobs().await;
        assert_eq!(t.used_bytes(&alice).await, 10);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn what_a_dead_server_built_of_a_copy_is_swept_after_the_grace() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let top = t.new_path(&alice, "top").await;
        t.put(&alice, &top, "a", "12345").await;
        // A server that dies between two steps leaves what `build_top` and the first step made.
        let copying = copy_in_the_making(&t, &alice, top.id).await;
        let hidden = t.info(&alice, copying).await;
        refused!(hidden, HubError::NotFound(_));
        assert!(
            t.search(&alice, crate::Search::default(), part(10))
                .await
                .unwrap()
                .items
                .len()
                == 2
        );
        t.pass_secs(23 * 60 * 60);
        t.upkeep().await;
        assert!(
            t.catalog
                .read()
                .await
                .unwrap()
                .built_node(copying)
                .await
                .unwrap()
                .is_some()
        );

        t.pass_secs(2 * 60 * 60);
        t.upkeep().await;

        assert!(
            t.catalog
                .read()
                .await
                .unwrap()
                .built_node(copying)
                .await
                .unwrap()
                .is_none()
        );
        assert_eq!(t.used_bytes(&alice).await, 5);
        t.check_sound().await;
    })
    .await;
}

async fn copy_in_the_making(t: &TestHub, who: &Actor, source: NodeId) -> NodeId {
    let me = t.me(who).await.unwrap();
    let mut tx = t.catalog.write().await.unwrap();
    let node = tx.node(source).await.unwrap().unwrap();
    let space = me.user.space;
    let actor = who.clone();
    let top = crate::copies::build(t, &mut tx, &actor, &node, (space, None))
        .await
        .unwrap();
    let children = tx.children_to_copy(source, None, 10).await.unwrap();
    t.build_children(&mut tx, &actor, &children, top).await.unwrap();
    tx.commit().await.unwrap();
    top.id
}

#[tokio::test]
async fn a_tree_that_grows_while_it_is_copied_knows_its_depth() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let top = t.new_path(&alice, "top").await;
        for n in 0..5 {
            t.new_path(&alice, &format!("top/{n}")).await;
        }
        let target = t.new_path(&alice, "target").await;
        let grow = async {
            for n in 0..5 {
                t.new_path(&alice, &format!("top/{n}/x/y/z")).await;
            }
        };
        let (copied, ()) = tokio::join!(t.copy(&alice, to(top.id, &target)), grow);
        copied.unwrap();

        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_copy_and_a_deletion_of_its_target_end_one_way_or_the_other() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let top = t.new_path(&alice, "top/a").await;
        t.put(&alice, &top, "file", "x").await;
        let target = t.new_path(&alice, "target").await;
        let (copied, deleted) = tokio::join!(
            t.copy(&alice, to(top.id, &target)),
            t.delete(&alice, target.id, Guard::None),
        );
        deleted.unwrap();
        if let Err(error) = copied {
            assert!(matches!(error, HubError::NotFound(_)), "{error:?}");
        }
        t.do_jobs().await;
        t.check_sound().await;
        let rename = NodeChange {
            name: Some(named("again")),
            ..NodeChange::default()
        };
        t.change_node(&alice, top.id, rename).await.unwrap();
    })
    .await;
}
