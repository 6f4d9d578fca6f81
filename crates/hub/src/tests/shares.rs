//! Shares: who holds what, since when, and until when.

use model::{Actor, ChangeKind, Guard, NodeId, OnConflict, Right, ShareId};

use super::harness::{ROOT, TestHub, into, named, on_each_engine, part, refused, upload};
use super::journal::journal;
use crate::{
    Copy, Expected, FolderRef, HubError, NewShare, NodeChange, Person, Search, ShareChange, UploadPlace,
};

/// Gives `to` a right on a node.
pub(super) async fn give(t: &TestHub, giver: &Actor, node: NodeId, to: &Actor, right: Right) -> ShareId {
    let (row, _) = t.share(giver, new(node, to, right)).await.unwrap();
    row.share.id
}

pub(super) fn new(node: NodeId, to: &Actor, right: Right) -> NewShare {
    NewShare {
        node,
        to: Person::Id(to.user().unwrap()),
        right,
        may_share: false,
    }
}

async fn right(t: &TestHub, who: &Actor, node: NodeId) -> Option<Right> {
    match t.info(who, node).await {
        Ok(info) => Some(info.right),
        Err(HubError::NotFound(_)) => None,
        Err(error) => panic!("{error:?}"),
    }
}

fn moved_to(folder: impl Into<FolderRef>) -> NodeChange {
    NodeChange {
        folder: Some(folder.into()),
        ..NodeChange::default()
    }
}

fn renamed(name: &str) -> NodeChange {
    NodeChange {
        name: Some(named(name)),
        ..NodeChange::default()
    }
}

#[tokio::test]
async fn a_shared_folder_covers_all_below_it_now_and_later_and_nothing_beside_it() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let above = t.new_path(&alice, "private").await.id;
        let folder = t.new_path(&alice, "private/shared").await.id;
        let before = t.put(&alice, folder, "before", "1").await.id;
        let beside = t.put(&alice, above, "beside", "2").await.id;

        give(&t, &alice, folder, &bob, Right::View).await;

        let after = t.new_path(&alice, "private/shared/deep/deeper").await.id;
        for node in [folder, before, after] {
            assert_eq!(right(&t, &bob, node).await, Some(Right::View));
        }
        for node in [above, beside, t.root(&alice).await] {
            assert_eq!(right(&t, &bob, node).await, None);
        }
        assert_eq!(t.path_of(&bob, after).await, "/shared/deep/deeper");
        let top = t.info(&bob, folder).await.unwrap();
        assert_eq!(
            (top.path.to_string().as_str(), top.node.parent),
            ("/shared", None)
        );
        assert_eq!(t.bytes_of(&bob, before).await, b"1");
        assert_eq!(t.names(&bob, folder).await, ["deep/", "before"]);
    })
    .await;
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let folder = t.new_path(&alice, "shared").await.id;
        let file = t.put(&alice, folder, "file", "1").await.id;
        t.put(&alice, folder, "file", "2").await;
        give(&t, &alice, folder, &bob, Right::View).await;
        let head = t.me(&alice).await.unwrap();
        let new_folder = crate::NewFolder::In {
            folder: FolderRef::Id(folder),
            name: named("x"),
            on_conflict: OnConflict::Fail,
        };
        let own = t.put(&bob, ROOT, "own", "own").await.id;
        let copy_in = Copy {
            node: own,
            folder: Some(FolderRef::Id(folder)),
            name: None,
            on_conflict: OnConflict::Fail,
        };

        refused!(
            t.store(&bob, into(folder, "new"), "x").await,
            HubError::Forbidden(_)
        );
        refused!(
            t.store(&bob, upload(UploadPlace::Over(file)), "x").await,
            HubError::Forbidden(_)
        );
        refused!(t.create_folder(&bob, new_folder).await, HubError::Forbidden(_));
        refused!(
            t.change_node(&bob, file, renamed("x")).await,
            HubError::Forbidden(_)
        );
        refused!(t.delete(&bob, file, Guard::None).await, HubError::Forbidden(_));
        refused!(t.restore_version(&bob, file, 1).await, HubError::Forbidden(_));
        refused!(t.remove_version(&bob, file, 1).await, HubError::Forbidden(_));
        refused!(t.copy(&bob, copy_in).await, HubError::Forbidden(_));
        refused!(
            t.share(&bob, new(file, &alice, Right::View)).await,
            HubError::Forbidden(_)
        );
        refused!(t.node_shares(&bob, file, part(10)).await, HubError::Forbidden(_));

        assert_eq!(t.me(&alice).await.unwrap().used_bytes, head.used_bytes);
        assert_eq!(t.names(&alice, folder).await, ["file"]);
    })
    .await;
}

#[tokio::test]
async fn an_editor_works_below_the_top_on_the_owner_s_quota_and_under_their_own_name() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let folder = t.new_path(&alice, "private/shared").await.id;
        let used = t.used_bytes(&alice).await;
        give(&t, &alice, folder, &bob, Right::Edit).await;

        let file = t.put(&bob, folder, "report", "twelve bytes").await;
        assert_eq!(file.version.unwrap().author, bob.user());
        assert_eq!(t.used_bytes(&alice).await, used + 12);
        assert_eq!(t.used_bytes(&bob).await, 0);

        t.change_node(&bob, file.id, renamed("paper")).await.unwrap();
        let (top, path) = t.change_node(&bob, folder, renamed("ours")).await.unwrap();
        assert_eq!((path.to_string().as_str(), top.parent), ("/ours", None));
        assert_eq!(t.path_of(&alice, file.id).await, "/private/ours/paper");

        // What they were given stays where its owner put it.
        let own = t.new_path(&bob, "own").await.id;
        refused!(t.delete(&bob, folder, Guard::None).await, HubError::Forbidden(_));
        refused!(
            t.change_node(&bob, folder, moved_to(own)).await,
            HubError::Forbidden(_)
        );
        refused!(
            t.change_node(&bob, file.id, moved_to(own)).await,
            HubError::Conflict(_)
        );
        refused!(t.remove_version(&bob, file.id, 1).await, HubError::Forbidden(_));

        t.delete(&bob, file.id, Guard::None).await.unwrap();
        refused!(t.purge(&bob, file.id).await, HubError::NotFound(_));
        refused!(
            t.restore(&bob, file.id, (None, None)).await,
            HubError::NotFound(_)
        );
        assert_eq!(t.trash(&alice, part(10)).await.unwrap().items.len(), 1);
        assert!(t.trash(&bob, part(10)).await.unwrap().items.is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_strongest_right_on_the_way_up_wins_and_what_is_moved_out_is_out() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let (outer, inner) = (
            t.new_path(&alice, "outer").await.id,
            t.new_path(&alice, "outer/inner").await.id,
        );
        let file = t.put(&alice, inner, "file", "1").await.id;
        give(&t, &alice, outer, &bob, Right::View).await;
        let strong = give(&t, &alice, inner, &bob, Right::Edit).await;
        assert_eq!(right(&t, &bob, file).await, Some(Right::Edit));
        assert_eq!(right(&t, &bob, outer).await, Some(Right::View));
        assert_eq!(t.path_of(&bob, file).await, "/outer/inner/file");

        t.revoke_share(&alice, strong).await.unwrap();
        assert_eq!(right(&t, &bob, file).await, Some(Right::View));

        t.change_node(&alice, file, moved_to(ROOT)).await.unwrap();
        assert_eq!(right(&t, &bob, file).await, None);
        t.change_node(&alice, file, moved_to(inner)).await.unwrap();
        assert_eq!(right(&t, &bob, file).await, Some(Right::View));
        t.delete(&alice, outer, Guard::None).await.unwrap();
        assert_eq!(right(&t, &bob, file).await, None);
        assert!(t.shares_received(&bob, part(10)).await.unwrap().items.is_empty());
        t.restore(&alice, outer, (None, None)).await.unwrap();
        assert_eq!(right(&t, &bob, file).await, Some(Right::View));
    })
    .await;
}

#[tokio::test]
async fn revoking_stops_an_upload_that_is_on_its_way() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let folder = t.new_path(&alice, "shared").await.id;
        for is_left in [false, true] {
            let share = give(&t, &alice, folder, &bob, Right::Edit).await;
            let bytes = super::harness::big(b'x');
            let limit = t
                .admit(&bob, &into(folder, "late"), Expected::default())
                .await
                .unwrap();
            let staged = t
                .stage(limit, Expected::default(), super::harness::body(&bytes))
                .await
                .unwrap();
            t.revoke_share(if is_left { &bob } else { &alice }, share)
                .await
                .unwrap();
            refused!(
                t.finish_upload(&bob, into(folder, "late"), staged).await,
                HubError::NotFound(_)
            );
        }
        assert!(t.names(&alice, folder).await.is_empty());
        assert!(t.stored().is_empty());
    })
    .await;
}

#[tokio::test]
async fn who_may_share_gives_no_more_than_they_hold_and_only_as_long() {
    on_each_engine(async |t| {
        let (alice, bob, carol) = (t.user("alice").await, t.user("bob").await, t.user("carol").await);
        let folder = t.new_path(&alice, "shared").await.id;
        let file = t.put(&alice, folder, "file", "1").await.id;
        let share = NewShare {
            may_share: true,
            ..new(folder, &bob, Right::View)
        };
        let of_bob = t.share(&alice, share).await.unwrap().0.share.id;

        refused!(
            t.share(&bob, new(file, &carol, Right::Edit)).await,
            HubError::Forbidden(_)
        );
        let of_carol = give(&t, &bob, file, &carol, Right::View).await;
        assert_eq!(right(&t, &carol, file).await, Some(Right::View));
        refused!(
            t.share(&carol, new(file, &bob, Right::View)).await,
            HubError::Forbidden(_)
        );
        let stronger = ShareChange {
            right: Some(Right::Edit),
            may_share: None,
        };
        refused!(
            t.change_share(&bob, of_carol, stronger).await,
            HubError::Forbidden(_)
        );
        refused!(
            t.change_share(&carol, of_carol, stronger).await,
            HubError::Forbidden(_)
        );
        refused!(
            t.change_share(&bob, of_bob, stronger).await,
            HubError::Forbidden(_)
        );

        // Without the right to give, the gift ends; with it, it is there again.
        for (may_share, expected) in [(false, None), (true, Some(Right::View))] {
            let change = ShareChange {
                right: None,
                may_share: Some(may_share),
            };
            t.change_share(&alice, of_bob, change).await.unwrap();
            assert_eq!(right(&t, &carol, file).await, expected);
        }
        let listed = t.node_shares(&alice, file, part(10)).await.unwrap().items;
        let listed: Vec<_> = listed.iter().map(|row| (row.user.id, row.node.id)).collect();
        assert_eq!(
            listed,
            [(carol.user().unwrap(), file), (bob.user().unwrap(), folder)]
        );
        t.revoke_share(&alice, of_bob).await.unwrap();
        assert_eq!(right(&t, &carol, file).await, None);
        // The owner may take over what somebody else gave.
        t.change_share(&alice, of_carol, stronger).await.unwrap();
        refused!(
            t.revoke_share(&t.user("dave").await, of_carol).await,
            HubError::NotFound(_)
        );
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_given_is_refused() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let file = t.put(&alice, ROOT, "file", "1").await.id;
        let root = t.root(&alice).await;
        refused!(
            t.share(&alice, new(root, &bob, Right::View)).await,
            HubError::Conflict(_)
        );
        refused!(
            t.share(&alice, new(file, &alice, Right::View)).await,
            HubError::Conflict(_)
        );
        refused!(
            t.share(&bob, new(file, &bob, Right::View)).await,
            HubError::NotFound("node")
        );
        refused!(
            t.share(&alice, new(file, &bob, Right::Own)).await,
            HubError::Invalid { .. }
        );
        let nobody = || NewShare {
            to: Person::Email("nobody@example.org".parse().unwrap()),
            ..new(file, &bob, Right::View)
        };
        for _ in 0..60 {
            refused!(t.share(&alice, nobody()).await, HubError::NotFound(_));
        }
        refused!(t.share(&alice, nobody()).await, HubError::TooManyTries { .. });
        // Somebody who is there is found all the same.
        let share = NewShare {
            to: Person::Email("bob@example.org".parse().unwrap()),
            ..nobody()
        };
        let (first, is_new) = t.share(&alice, share.clone()).await.unwrap();
        assert!(is_new);
        let stronger = NewShare {
            right: Right::Edit,
            ..share
        };
        let (second, is_new) = t.share(&alice, stronger).await.unwrap();
        assert_eq!((second.share.id, is_new), (first.share.id, false));
        assert_eq!(right(&t, &bob, file).await, Some(Right::Edit));
    })
    .await;
}

#[tokio::test]
async fn both_journals_tell_of_a_share_and_none_tells_where_it_lies() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let folder = t.new_path(&alice, "private/shared").await.id;
        let (alices, bobs) = (
            journal(&t, &alice, 100).await.len(),
            journal(&t, &bob, 100).await.len(),
        );

        let share = give(&t, &alice, folder, &bob, Right::View).await;
        t.revoke_share(&bob, share).await.unwrap();

        let told = journal(&t, &bob, 100).await.split_off(bobs);
        let told: Vec<_> = told
            .iter()
            .map(|change| (change.kind, change.node, change.parent, change.actor))
            .collect();
        assert_eq!(
            told,
            [
                (ChangeKind::Shared, folder, None, alice.user()),
                (ChangeKind::Unshared, folder, None, bob.user()),
            ]
        );
        let told = journal(&t, &alice, 100).await.split_off(alices);
        let kinds: Vec<_> = told.iter().map(|change| change.kind).collect();
        assert_eq!(kinds, [ChangeKind::Shared, ChangeKind::Shared]);
        // What happens inside is not told to whom it was shared with.
        give(&t, &alice, folder, &bob, Right::View).await;
        let before = journal(&t, &bob, 100).await.len();
        t.put(&alice, folder, "secret name", "x").await;
        assert_eq!(journal(&t, &bob, 100).await.len(), before);
    })
    .await;
}

#[tokio::test]
async fn lists_reach_what_was_given_and_show_no_name_above_it() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let folder = t.new_path(&alice, "private/shared").await.id;
        let deep = t.new_path(&alice, "private/shared/deep").await.id;
        let file = t.put(&alice, deep, "needle", "1").await.id;
        t.put(&alice, ROOT, "needle outside", "2").await;
        for number in 0..3 {
            let more = t.new_path(&alice, &format!("more {number}")).await.id;
            give(&t, &alice, more, &bob, Right::View).await;
        }
        give(&t, &alice, folder, &bob, Right::View).await;

        let search = Search {
            text: "needle".to_owned(),
            folder: Some(FolderRef::Id(folder)),
            ..Search::default()
        };
        let found = t.search(&bob, search, part(10)).await.unwrap().items;
        let paths: Vec<String> = found
            .iter()
            .map(|hit| hit.path.as_ref().unwrap().to_string())
            .collect();
        assert_eq!(paths, ["/shared/deep/needle"]);

        t.star(&bob, file, true).await.unwrap();
        let starred = t.starred(&bob, part(10)).await.unwrap().items;
        assert_eq!(
            starred[0].path.as_ref().unwrap().to_string(),
            "/shared/deep/needle"
        );

        let mut received = Vec::new();
        let mut cursor = None;
        loop {
            let part = crate::Part { limit: 3, cursor };
            let page = t.shares_received(&bob, part).await.unwrap();
            received.extend(page.items.into_iter().map(|row| row.path.to_string()));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(received.len(), 4);
        assert!(received.contains(&"/shared".to_owned()), "{received:?}");
        assert_eq!(t.shares_given(&alice, part(10)).await.unwrap().items.len(), 4);
        assert!(t.starred(&alice, part(10)).await.unwrap().items.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_copy_of_what_was_given_is_one_s_own() {
    on_each_engine(async |t| {
        let (alice, bob) = (t.user("alice").await, t.user("bob").await);
        let folder = t.new_path(&alice, "private/shared").await.id;
        t.put(&alice, folder, "file", "12345").await;
        give(&t, &alice, folder, &bob, Right::View).await;
        let copy = Copy {
            node: folder,
            folder: None,
            name: None,
            on_conflict: OnConflict::Fail,
        };
        let (copied, path) = t.copy(&bob, copy).await.unwrap();
        assert_eq!(path.to_string(), "/shared");
        assert_eq!(right(&t, &bob, copied.id).await, Some(Right::Own));
        assert_eq!(right(&t, &alice, copied.id).await, None);
        assert_eq!(t.used_bytes(&bob).await, 5);
        t.check_sound().await;
    })
    .await;
}
