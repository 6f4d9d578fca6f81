//! What is another's does not exist: every operation, asked by everyone else.

use model::{Actor, Guard, NodeId, OnConflict, Sort};

use super::harness::{ROOT, TestHub, into, named, on_each_engine, part, upload};
use crate::{Copy, Credential, FolderRef, HubError, NewFolder, NodeChange, Search, UploadPlace};

/// Ids of one person's things.
struct Things {
    folder: NodeId,
    file: NodeId,
    root: NodeId,
    trashed: NodeId,
    below_trashed: NodeId,
}

impl Things {
    async fn of(t: &TestHub, who: &Actor) -> Self {
        let folder = t.new_path(who, "folder").await.id;
        let file = t.put(who, folder, "file", "1").await.id;
        t.put(who, folder, "file", "2").await;
        let trashed = t.new_path(who, "trashed").await.id;
        let below_trashed = t.put(who, trashed, "below", "x").await.id;
        t.delete(who, trashed, Guard::None).await.unwrap();
        let root = t.root(who).await;
        Self {
            folder,
            file,
            root,
            trashed,
            below_trashed,
        }
    }
}

/// Runs every operation that names a node on `id`; each must answer that there is none.
async fn check_hidden(t: &TestHub, who: &Actor, id: NodeId) {
    let by_id = FolderRef::Id(id);
    let copy = |node, folder| Copy {
        node,
        folder,
        name: Some(named("copy")),
        on_conflict: OnConflict::KeepBoth,
    };
    let own = t.put(who, ROOT, "own", "own").await.id;
    let move_here = NodeChange {
        folder: Some(by_id),
        ..NodeChange::default()
    };
    let rename = NodeChange {
        name: Some(named("x")),
        ..NodeChange::default()
    };
    let new = NewFolder::In {
        folder: by_id,
        name: named("x"),
        on_conflict: OnConflict::Fail,
    };
    let search = Search {
        folder: Some(by_id),
        ..Search::default()
    };
    let outcomes: Vec<(&str, Result<(), HubError>)> = vec![
        ("info", t.info(who, id).await.map(drop)),
        ("folder_info", t.folder_info(who, by_id).await.map(drop)),
        ("open_file", t.open_file(who, id, None).await.map(drop)),
        ("open_version", t.open_file(who, id, Some(1)).await.map(drop)),
        (
            "children",
            t.children(who, by_id, (None, Sort::default()), part(10))
                .await
                .map(drop),
        ),
        ("versions", t.versions(who, id, part(10)).await.map(drop)),
        ("restore_version", t.restore_version(who, id, 1).await.map(drop)),
        ("remove_version", t.remove_version(who, id, 1).await),
        ("rename", t.change_node(who, id, rename).await.map(drop)),
        ("move into", t.change_node(who, own, move_here).await.map(drop)),
        ("copy", t.copy(who, copy(id, Some(ROOT))).await.map(drop)),
        ("copy beside", t.copy(who, copy(id, None)).await.map(drop)),
        ("copy into", t.copy(who, copy(own, Some(by_id))).await.map(drop)),
        ("delete", t.delete(who, id, Guard::None).await),
        ("star", t.star(who, id, true).await),
        ("unstar", t.star(who, id, false).await),
        ("create_folder", t.create_folder(who, new).await.map(drop)),
        ("upload into", t.store(who, into(by_id, "x"), "x").await.map(drop)),
        (
            "upload over",
            t.store(who, upload(UploadPlace::Over(id)), "x").await.map(drop),
        ),
        ("search", t.search(who, search, part(10)).await.map(drop)),
    ];
    for (name, outcome) in outcomes {
        assert!(
            matches!(outcome, Err(HubError::NotFound(_))),
            "{name}: {outcome:?}"
        );
    }
}

/// What only looks at the trash.
async fn check_hidden_trash(t: &TestHub, who: &Actor, id: NodeId) {
    let outcome = t.restore(who, id, (None, None)).await.map(drop);
    assert!(
        matches!(outcome, Err(HubError::NotFound(_))),
        "restore: {outcome:?}"
    );
    let outcome = t.purge(who, id).await;
    assert!(
        matches!(outcome, Err(HubError::NotFound(_))),
        "purge: {outcome:?}"
    );
}

#[tokio::test]
async fn another_person_s_nodes_are_not_there_whatever_is_asked_of_them() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        let alice = t.user("alice").await;
        let mallory = t.user("mallory").await;
        let things = Things::of(&t, &alice).await;
        let app = t.create_app_password(&mallory, "app").await.unwrap();
        let credential = Credential::Basic {
            email: super::harness::address("mallory"),
            password: app.secret,
        };
        let app = t
            .authenticate(&credential, &super::harness::here())
            .await
            .unwrap();
        let head = t.changes(&alice, None, 100).await.unwrap().changes.len();

        for who in [&mallory, &app, &admin] {
            for id in [
                things.folder,
                things.file,
                things.root,
                things.trashed,
                things.below_trashed,
            ] {
                check_hidden(&t, who, id).await;
                check_hidden_trash(&t, who, id).await;
            }
        }

        assert_eq!(t.changes(&alice, None, 100).await.unwrap().changes.len(), head);
        assert_eq!(t.bytes_of(&alice, things.file).await, b"2");
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn what_never_was_what_is_trashed_and_what_is_another_s_look_alike() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mallory = t.user("mallory").await;
        let theirs = Things::of(&t, &alice).await;
        let own = Things::of(&t, &mallory).await;
        let never = NodeId::new(t.time(), [7; 10]);
        let mut words = Vec::new();
        for id in [theirs.file, never, own.below_trashed, own.trashed] {
            check_hidden(&t, &mallory, id).await;
            let error = t.info(&mallory, id).await.unwrap_err();
            words.push(error.to_string());
        }
        words.dedup();
        assert_eq!(words.len(), 1, "{words:?}");
    })
    .await;
}

#[tokio::test]
async fn a_restore_names_no_folder_of_another_person() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mallory = t.user("mallory").await;
        let theirs = Things::of(&t, &alice).await;
        let own = Things::of(&t, &mallory).await;
        for folder in [theirs.folder, theirs.root] {
            let outcome = t
                .restore(&mallory, own.trashed, (Some(folder.into()), None))
                .await;
            assert!(
                matches!(outcome, Err(HubError::NotFound("folder"))),
                "{outcome:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn lists_hold_one_s_own_only() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mallory = t.user("mallory").await;
        let theirs = Things::of(&t, &alice).await;
        t.star(&alice, theirs.file, true).await.unwrap();

        assert!(t.names(&mallory, ROOT).await.is_empty());
        assert!(t.recent(&mallory, 0, part(10)).await.unwrap().items.is_empty());
        assert!(t.starred(&mallory, part(10)).await.unwrap().items.is_empty());
        assert!(t.trash(&mallory, part(10)).await.unwrap().items.is_empty());
        assert!(
            t.search(&mallory, Search::default(), part(10))
                .await
                .unwrap()
                .items
                .is_empty()
        );
        assert!(t.changes(&mallory, None, 10).await.unwrap().changes.is_empty());
        assert!(
            t.jobs(&mallory, (None, false), part(10))
                .await
                .unwrap()
                .items
                .is_empty()
        );
        assert!(t.app_passwords(&mallory).await.unwrap().is_empty());
        assert_eq!(t.sessions(&mallory).await.unwrap().len(), 1);
        assert_eq!(t.empty_trash(&mallory).await.unwrap(), 0);
        assert_eq!(t.trash(&alice, part(10)).await.unwrap().items.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_server_itself_has_no_space_of_its_own() {
    on_each_engine(async |t| {
        t.user("alice").await;
        let worker = &Actor::Worker;
        let outcomes = [
            t.me(worker).await.map(drop),
            t.changes(worker, None, 10).await.map(drop),
            t.recent(worker, 0, part(10)).await.map(drop),
            t.store(worker, into(ROOT, "x"), "x").await.map(drop),
            t.empty_trash(worker).await.map(drop),
            t.sessions(worker).await.map(drop),
        ];
        for outcome in outcomes {
            assert!(matches!(outcome, Err(HubError::Forbidden(_))), "{outcome:?}");
        }
    })
    .await;
}
