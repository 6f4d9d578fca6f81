//! Folders: making, naming and nesting them, and moving nodes between them.

use model::{Actor, Guard, NodeId, NodeName, OnConflict};

use super::harness::{ROOT, TestHub, into, named, on_each_engine, refused, upload};
use crate::{FolderRef, HubError, NewFolder, NodeChange, UploadPlace};

fn rename(name: &str) -> NodeChange {
    NodeChange {
        name: Some(named(name)),
        ..NodeChange::default()
    }
}

fn move_to(folder: impl Into<FolderRef>) -> NodeChange {
    NodeChange {
        folder: Some(folder.into()),
        ..NodeChange::default()
    }
}

fn new_in(folder: impl Into<FolderRef>, name: &str, on_conflict: OnConflict) -> NewFolder {
    NewFolder::In {
        folder: folder.into(),
        name: named(name),
        on_conflict,
    }
}

/// Makes a chain of `levels` folders called `name` below a folder; answers the first and the last.
async fn chain(t: &TestHub, who: &Actor, folder: NodeId, (name, levels): (&str, usize)) -> (NodeId, NodeId) {
    let first = t.new_folder(who, folder, name).await.id;
    let mut last = first;
    for _ in 1..levels {
        last = t.new_folder(who, last, "d").await.id;
    }
    (first, last)
}

#[tokio::test]
async fn a_path_makes_what_is_missing_and_keeps_what_is_there() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let a = t.new_folder(&alice, ROOT, "a").await;

        let c = t.new_path(&alice, "/a/b/c").await;

        assert_eq!(t.path_of(&alice, c.id).await, "/a/b/c");
        assert_eq!(t.names(&alice, ROOT).await, ["a/"]);
        assert_eq!(t.names(&alice, &a).await, ["b/"]);
        assert_eq!(t.new_path(&alice, "a/b/c/").await.id, c.id);
        assert_eq!(t.new_path(&alice, "/").await.id, t.root(&alice).await);
        t.put(&alice, &c, "file", "x").await;
        let through_file = NewFolder::Path("a/b/c/file/d".parse().unwrap());
        refused!(
            t.create_folder(&alice, through_file).await,
            HubError::NameTaken(_)
        );
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_taken_name_is_refused_or_numbered() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        t.new_folder(&alice, ROOT, "a").await;
        t.put(&alice, ROOT, "b.txt", "x").await;

        for on_conflict in [OnConflict::Fail, OnConflict::NewVersion] {
            for name in ["a", "b.txt"] {
                let new = new_in(ROOT, name, on_conflict);
                refused!(t.create_folder(&alice, new).await, HubError::NameTaken(_));
            }
        }
        for expected in ["a (2)", "a (3)"] {
            let (node, path) = t
                .create_folder(&alice, new_in(ROOT, "a", OnConflict::KeepBoth))
                .await
                .unwrap();
            assert_eq!(node.name.as_str(), expected);
            assert_eq!(path.to_string(), format!("/{expected}"));
        }
    })
    .await;
}

#[tokio::test]
async fn names_are_told_apart_exactly_after_composition() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        t.new_folder(&alice, ROOT, "caf\u{e9}").await;

        refused!(
            t.create_folder(&alice, new_in(ROOT, "cafe\u{301}", OnConflict::Fail))
                .await,
            HubError::NameTaken(_)
        );
        t.new_folder(&alice, ROOT, "CAF\u{c9}").await;
        t.new_folder(&alice, ROOT, "cafe").await;
        let longest = "\u{1f600}".repeat(63) + "abc";
        assert_eq!(longest.len(), 255);
        t.new_folder(&alice, ROOT, &longest).await;
        let (numbered, _) = t
            .create_folder(&alice, new_in(ROOT, &longest, OnConflict::KeepBoth))
            .await
            .unwrap();
        assert_eq!(numbered.name.as_str(), "\u{1f600}".repeat(62) + " (2)");
        assert_eq!(t.names(&alice, ROOT).await.len(), 5);
    })
    .await;
}

#[tokio::test]
async fn a_free_number_is_found_among_very_many() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mut names = Vec::new();
        for _ in 0..100 {
            let keep_both = new_in(ROOT, "a", OnConflict::KeepBoth);
            names.push(t.create_folder(&alice, keep_both).await.unwrap().0.name);
        }
        let numbered = (2..=100).map(|n| NodeName::new(&format!("a ({n})")).unwrap());
        let expected: Vec<_> = [named("a")].into_iter().chain(numbered).collect();
        assert_eq!(names, expected);
    })
    .await;
}

#[tokio::test]
async fn the_deepest_level_is_128_for_folders_and_files() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let root = t.root(&alice).await;
        let (_, level_127) = chain(&t, &alice, root, ("a", 127)).await;

        let level_128 = t.new_folder(&alice, level_127, "d").await;
        t.put(&alice, level_127, "f", "x").await;
        let too_deep = new_in(&level_128, "d", OnConflict::Fail);
        refused!(
            t.create_folder(&alice, too_deep).await,
            HubError::Invalid { field: "folder", .. }
        );
        refused!(
            t.store(&alice, into(&level_128, "f"), "x").await,
            HubError::Invalid { field: "folder", .. }
        );
        let path = vec!["p"; 128].join("/");
        let deep_file = upload(UploadPlace::Path(path.parse().unwrap()));
        t.store(&alice, deep_file, "x").await.unwrap();
        t.new_path(&alice, &path.replacen('p', "q", 1)).await;
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_deep_tree_moves_as_far_down_as_its_lowest_level_fits() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let root = t.root(&alice).await;
        // The tree has 29 levels below its top, one of files; so its top may be at level 99.
        let (top, bottom) = chain(&t, &alice, root, ("tree", 29)).await;
        t.put(&alice, bottom, "file", "x").await;
        let (level_1, level_99) = chain(&t, &alice, root, ("a", 99)).await;
        let level_98 = t.info(&alice, level_99).await.unwrap().node.parent.unwrap();

        refused!(
            t.change_node(&alice, top, move_to(level_99)).await,
            HubError::Invalid { field: "folder", .. }
        );
        t.change_node(&alice, top, move_to(level_98)).await.unwrap();
        t.check_sound().await;
        let elsewhere = t.new_folder(&alice, root, "elsewhere").await;
        refused!(
            t.change_node(&alice, level_1, move_to(&elsewhere)).await,
            HubError::Invalid { field: "folder", .. }
        );
    })
    .await;
}

#[tokio::test]
async fn a_tree_that_was_deep_once_moves_by_what_it_holds_now() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let root = t.root(&alice).await;
        let (top, below) = chain(&t, &alice, root, ("tree", 2)).await;
        let (deep, _) = chain(&t, &alice, below, ("deep", 100)).await;
        let (_, level_99) = chain(&t, &alice, root, ("a", 99)).await;
        refused!(
            t.change_node(&alice, top, move_to(level_99)).await,
            HubError::Invalid { field: "folder", .. }
        );

        t.change_node(&alice, deep, move_to(root)).await.unwrap();
        t.change_node(&alice, top, move_to(level_99)).await.unwrap();

        refused!(
            t.change_node(&alice, deep, move_to(below)).await,
            HubError::Invalid { field: "folder", .. }
        );
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_rename_and_a_move_keep_the_node_and_what_is_below_it() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let a = t.new_path(&alice, "a").await;
        let b = t.new_path(&alice, "b").await;
        let file = t.put(&alice, &a, "file.txt", "x").await;
        t.tick();

        let both = NodeChange {
            name: Some(named("c")),
            ..move_to(&b)
        };
        let (moved, path) = t.change_node(&alice, a.id, both).await.unwrap();

        assert_eq!((moved.id, path.to_string()), (a.id, "/b/c".to_owned()));
        assert_eq!(t.info(&alice, a.id).await.unwrap().node, moved);
        assert_eq!(t.path_of(&alice, file.id).await, "/b/c/file.txt");
        assert_eq!(t.bytes_of(&alice, file.id).await, b"x");
        assert_ne!(moved.etag(), a.etag());
        let (renamed, _) = t.change_node(&alice, file.id, rename("other.txt")).await.unwrap();
        assert_eq!(renamed.etag(), file.etag(), "its content is the same");
        assert_eq!(renamed.modified_ms, file.modified_ms);
    })
    .await;
}

#[tokio::test]
async fn a_move_onto_a_taken_name_is_refused_or_numbered_and_never_overwrites() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let one = t.put(&alice, ROOT, "one", "1").await;
        let two = t.put(&alice, ROOT, "two", "2").await;
        for on_conflict in [OnConflict::Fail, OnConflict::NewVersion] {
            let change = NodeChange {
                on_conflict,
                ..rename("two")
            };
            refused!(
                t.change_node(&alice, one.id, change).await,
                HubError::NameTaken(_)
            );
        }

        let keep_both = NodeChange {
            on_conflict: OnConflict::KeepBoth,
            ..rename("two")
        };
        let (numbered, _) = t.change_node(&alice, one.id, keep_both.clone()).await.unwrap();
        assert_eq!(numbered.name.as_str(), "two (2)");
        let (same, _) = t.change_node(&alice, two.id, keep_both).await.unwrap();
        assert_eq!(same, two, "its own name is not taken");
        assert_eq!(t.names(&alice, ROOT).await, ["two", "two (2)"]);
    })
    .await;
}

#[tokio::test]
async fn a_folder_moves_neither_into_itself_nor_below_itself() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let c = t.new_path(&alice, "a/b/c").await;
        let a = t.new_path(&alice, "a").await;
        let file = t.put(&alice, ROOT, "file", "x").await;
        let root = t.root(&alice).await;

        refused!(
            t.change_node(&alice, a.id, move_to(&a)).await,
            HubError::Conflict(_)
        );
        refused!(
            t.change_node(&alice, a.id, move_to(&c)).await,
            HubError::Conflict(_)
        );
        refused!(
            t.change_node(&alice, a.id, move_to(&file)).await,
            HubError::Conflict(_)
        );
        refused!(
            t.change_node(&alice, root, rename("x")).await,
            HubError::Conflict(_)
        );
        refused!(t.delete(&alice, root, Guard::None).await, HubError::Conflict(_));
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn two_folders_moved_into_each_other_make_no_ring() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        for n in 0..5 {
            let a = t.new_path(&alice, &format!("a{n}")).await;
            let b = t.new_path(&alice, &format!("b{n}")).await;
            let (one, two) = tokio::join!(
                t.change_node(&alice, a.id, move_to(&b)),
                t.change_node(&alice, b.id, move_to(&a)),
            );
            assert_ne!(one.is_ok(), two.is_ok());
        }
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn of_fifty_parallel_renames_to_one_name_exactly_one_succeeds() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mut files = Vec::new();
        for n in 0..50 {
            files.push(t.put(&alice, ROOT, &format!("file {n}"), "x").await.id);
        }
        let renames = files
            .iter()
            .map(|file| t.change_node(&alice, *file, rename("target")));
        let outcomes = futures_util::future::join_all(renames).await;

        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let others = outcomes.into_iter().filter(Result::is_err);
        others.for_each(|outcome| refused!(outcome, HubError::NameTaken(_)));
        assert_eq!(t.names(&alice, ROOT).await.len(), 50);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn of_many_parallel_makings_of_one_folder_exactly_one_succeeds() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let makings = (0..20).map(|_| t.create_folder(&alice, new_in(ROOT, "a", OnConflict::Fail)));
        let outcomes = futures_util::future::join_all(makings).await;

        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        let paths = (0..20).map(|n| {
            let path = format!("p/q/r/{n}").parse().unwrap();
            t.create_folder(&alice, NewFolder::Path(path))
        });
        let outcomes = futures_util::future::join_all(paths).await;
        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(t.names(&alice, ROOT).await, ["a/", "p/"]);
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_change_of_what_is_not_as_expected_is_refused() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let old = t.put(&alice, ROOT, "file", "1").await;
        let new = t.put(&alice, ROOT, "file", "2").await;
        let guarded = |etag: String| NodeChange {
            guard: Guard::Matches(vec![etag]),
            ..rename("other")
        };

        refused!(
            t.change_node(&alice, old.id, guarded(old.etag())).await,
            HubError::Stale
        );
        refused!(
            t.delete(&alice, old.id, Guard::Matches(vec![old.etag()])).await,
            HubError::Stale
        );
        t.change_node(&alice, old.id, guarded(new.etag())).await.unwrap();
        t.delete(&alice, old.id, Guard::Matches(vec![new.etag()]))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_path_resolves_to_its_node() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let b = t.new_path(&alice, "a/b").await;
        let file = t.put(&alice, &b, "file", "x").await;
        let resolve = async |path: &str| t.resolve(&alice, &path.parse().unwrap()).await;

        assert_eq!(resolve("/a/b/file").await.unwrap().node, file);
        assert_eq!(resolve("").await.unwrap().node.id, t.root(&alice).await);
        refused!(resolve("a/x").await, HubError::NotFound(_));
        refused!(resolve("a/b/file/x").await, HubError::NotFound(_));
        refused!(resolve("A/b").await, HubError::NotFound(_));
    })
    .await;
}
