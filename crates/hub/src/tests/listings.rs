//! Lists of folders, of all files, of what is starred, in pages.

use model::{Actor, Guard, Millis, Node, NodeKind, NodeName, OnConflict, Order, Sort, SortKey};
use proptest::prelude::*;

use super::harness::{ROOT, TestHub, for_cases, into, named, on_each_engine, part, refused};
use crate::{FolderRef, HubError, ListingPage, NewFolder, NodeChange, Part};

const SORTS: [SortKey; 3] = [SortKey::Name, SortKey::Modified, SortKey::Size];
const ORDERS: [Order; 2] = [Order::Ascending, Order::Descending];

fn names(page: &ListingPage) -> Vec<String> {
    page.items.iter().map(|item| item.node.name.to_string()).collect()
}

/// Joins pages; between two of them `change` may change the folder.
async fn joined(
    t: &TestHub,
    who: &Actor,
    (kind, sort): (Option<NodeKind>, Sort),
    limit: u32,
    change: impl AsyncFn(usize),
) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut cursor = None;
    for turn in 0.. {
        let part = Part { limit, cursor };
        let page = t.children(who, ROOT, (kind, sort), part).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        assert!(
            page.next.is_none() || page.items.len() == limit as usize,
            "a short page is the last"
        );
        nodes.extend(page.items.into_iter().map(|item| item.node));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
        change(turn).await;
    }
    nodes
}

/// What a folder's list is sorted by, folders first.
fn sorted(nodes: &[Node], sort: Sort) -> Vec<Node> {
    let mut sorted = nodes.to_vec();
    let key = |node: &Node| -> (String, Millis, u64) {
        match sort.key {
            SortKey::Name => (node.name.key(), Millis(0), 0),
            SortKey::Modified => (String::new(), node.modified_ms, 0),
            SortKey::Size => (String::new(), Millis(0), node.size_bytes()),
        }
    };
    sorted.sort_by(|a, b| {
        let by_key = key(a).cmp(&key(b));
        let by_key = match sort.order {
            Order::Ascending => by_key,
            Order::Descending => by_key.reverse(),
        };
        a.kind.cmp(&b.kind).then(by_key)
    });
    sorted
}

fn keys(nodes: &[Node], sort: Sort) -> Vec<(NodeKind, String)> {
    let keys = nodes.iter().map(|node| {
        let key = match sort.key {
            SortKey::Name => node.name.key(),
            SortKey::Modified => node.modified_ms.0.to_string(),
            SortKey::Size => node.size_bytes().to_string(),
        };
        (node.kind, key)
    });
    keys.collect()
}

#[tokio::test]
async fn a_folder_is_listed_folders_first_in_every_order() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        for (name, size) in [("b", 3), ("A", 1), ("ä", 2), ("c10", 0), ("c2", 5), ("B2", 4)] {
            t.tick();
            t.put(&alice, ROOT, name, vec![b'x'; size]).await;
        }
        for name in ["z", "M"] {
            t.tick();
            t.new_folder(&alice, ROOT, name).await;
        }
        for (key, files) in [
            (SortKey::Name, ["A", "b", "B2", "c10", "c2", "ä"]),
            (SortKey::Modified, ["b", "A", "ä", "c10", "c2", "B2"]),
            (SortKey::Size, ["c10", "A", "ä", "b", "B2", "c2"]),
        ] {
            for order in ORDERS {
                let sort = Sort { key, order };
                let page = t.children(&alice, ROOT, (None, sort), part(100)).await.unwrap();
                let mut folders = match key {
                    SortKey::Name => ["M", "z"],
                    SortKey::Modified | SortKey::Size => ["z", "M"],
                };
                let mut files = files;
                if order == Order::Descending {
                    folders.reverse();
                    files.reverse();
                }
                assert_eq!(names(&page), [&folders[..], &files[..]].concat(), "{sort:?}");
                let page = t
                    .children(&alice, ROOT, (Some(NodeKind::File), sort), part(100))
                    .await
                    .unwrap();
                assert_eq!(names(&page), files);
                let page = t
                    .children(&alice, ROOT, (Some(NodeKind::Folder), sort), part(100))
                    .await
                    .unwrap();
                assert_eq!(names(&page), folders);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_only() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        let folder = t.new_folder(&alice, ROOT, "folder").await;
        for n in 0..3 {
            t.put(&alice, ROOT, &format!("{n}"), "x").await;
            t.put(&alice, &folder, &format!("{n}"), "x").await;
            t.put(&bob, ROOT, &format!("{n}"), "x").await;
        }
        let by_name = (None, Sort::default());
        let page = t.children(&alice, ROOT, by_name, part(2)).await.unwrap();
        let next = Part {
            limit: 2,
            cursor: page.next,
        };
        let by_size = (None, super::harness::by(SortKey::Size));
        let changed = Part {
            cursor: next.cursor.as_ref().map(|cursor| {
                let other = if cursor.starts_with('_') { "-" } else { "_" };
                cursor.replacen(&cursor[..1], other, 1)
            }),
            ..next.clone()
        };
        for (who, folder, shape, part) in [
            (&alice, FolderRef::from(&folder), by_name, &next),
            (&alice, ROOT, by_size, &next),
            (&alice, ROOT, (Some(NodeKind::File), Sort::default()), &next),
            (&bob, ROOT, by_name, &next),
            (&alice, ROOT, by_name, &changed),
        ] {
            let outcome = t.children(who, folder, shape, part.clone()).await;
            refused!(outcome, HubError::Invalid { field: "cursor", .. });
        }
        assert_eq!(
            names(&t.children(&alice, ROOT, by_name, next).await.unwrap()),
            ["1", "2"]
        );
    })
    .await;
}

#[tokio::test]
async fn what_stays_is_listed_once_while_others_come_and_go() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mut kept = Vec::new();
        let mut doomed = Vec::new();
        for n in 0..30_usize {
            t.tick();
            let node = t
                .put(&alice, ROOT, &format!("file {n:02}"), vec![b'x'; n % 4])
                .await;
            if n % 3 == 0 {
                doomed.push(node)
            } else {
                kept.push(node)
            }
        }
        let mut turn_of = 0;
        for key in SORTS {
            for order in ORDERS {
                turn_of += 1;
                let change = async |turn: usize| {
                    if let Some(node) = doomed.get(turn) {
                        // Some are gone from the turn before already.
                        let _ = t.delete(&alice, node.id, Guard::None).await;
                    }
                    let name = format!("file {:02} new {turn_of} {turn}", turn * 3);
                    let new = t.put(&alice, ROOT, &name, "new").await;
                    if turn > 2 {
                        t.delete(&alice, new.id, Guard::None).await.unwrap();
                    }
                };
                let sort = Sort { key, order };
                let nodes = joined(&t, &alice, (None, sort), 4, change).await;

                let seen: Vec<_> = nodes
                    .iter()
                    .filter(|node| kept.iter().any(|k| k.id == node.id))
                    .cloned()
                    .collect();
                assert_eq!(seen.len(), kept.len(), "{sort:?}: each that stayed, once");
                assert_eq!(keys(&seen, sort), keys(&sorted(&kept, sort), sort));
                let mut ids: Vec<_> = nodes.iter().map(|node| node.id).collect();
                ids.sort();
                ids.dedup();
                assert_eq!(ids.len(), nodes.len(), "{sort:?}: none twice");
            }
        }
    })
    .await;
}

/// A folder's content: names, sizes, moments and kinds that often are equal.
fn contents() -> impl Strategy<Value = Vec<(String, usize, bool, bool)>> {
    let name = prop_oneof!["[a-cA-C]{1,3}", "[a-z0-9 äöß日]{1,8}", Just("same".to_owned())];
    prop::collection::vec((name, 0..3_usize, any::<bool>(), any::<bool>()), 0..25)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn joined_pages_are_the_sorted_whole_whatever_the_folder_holds() {
    for_cases(12, (contents(), 1..8_u32), async |t, who, (contents, limit)| {
        for (name, size, is_folder, ticks) in contents {
            if ticks {
                t.tick();
            }
            // Names that are taken, or blank, are left out.
            let Ok(name) = NodeName::new(&name) else {
                continue;
            };
            if is_folder {
                let new = NewFolder::In {
                    folder: ROOT,
                    name,
                    on_conflict: OnConflict::Fail,
                };
                let _ = t.create_folder(&who, new).await;
            } else {
                let _ = t.store(&who, into(ROOT, name.as_str()), vec![b'x'; size]).await;
            }
        }
        let whole = t
            .children(&who, ROOT, (None, Sort::default()), part(1000))
            .await
            .unwrap();
        let whole: Vec<Node> = whole.items.into_iter().map(|item| item.node).collect();
        for key in SORTS {
            for order in ORDERS {
                let sort = Sort { key, order };
                let nodes = joined(t, &who, (None, sort), limit, async |_| ()).await;
                assert_eq!(nodes.len(), whole.len(), "{sort:?}");
                assert_eq!(keys(&nodes, sort), keys(&sorted(&whole, sort), sort));
            }
        }
    })
    .await;
}

async fn recent(t: &TestHub, who: &Actor, offset: u32, limit: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = None;
    let mut offset = offset;
    loop {
        let page = t.recent(who, offset, Part { limit, cursor }).await.unwrap();
        found.extend(
            page.items
                .iter()
                .map(|item| item.path.as_ref().unwrap().to_string()),
        );
        cursor = page.next;
        offset = 0;
        if cursor.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn recent_lists_the_files_of_the_whole_space_the_newest_content_first() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        let mut expected = Vec::new();
        for n in 0..20 {
            let folder = t.new_path(&alice, &format!("f{}", n % 4)).await;
            if n % 3 == 0 {
                t.tick();
            }
            t.put(&alice, &folder, &format!("{n}"), "x").await;
            t.put(&bob, ROOT, &format!("{n}"), "x").await;
            expected.insert(0, format!("/f{}/{n}", n % 4));
        }
        for limit in [1, 3, 100] {
            assert_eq!(recent(&t, &alice, 0, limit).await, expected);
            assert_eq!(recent(&t, &alice, 5, limit).await, expected[5..]);
        }
        assert!(recent(&t, &alice, 20, 10).await.is_empty());
        // What lies in a deleted folder is skipped, and an overwrite makes new.
        let gone = t.new_path(&alice, "f1").await;
        t.delete(&alice, gone.id, Guard::None).await.unwrap();
        let oldest = t.new_path(&alice, "f0").await;
        t.tick();
        t.put(&alice, &oldest, "0", "new").await;
        expected.retain(|path| !path.starts_with("/f1") && path != "/f0/0");
        expected.insert(0, "/f0/0".to_owned());
        for limit in [1, 3, 100] {
            assert_eq!(recent(&t, &alice, 0, limit).await, expected);
            assert_eq!(recent(&t, &alice, 4, limit).await, expected[4..]);
        }
    })
    .await;
}

async fn starred(t: &TestHub, who: &Actor, limit: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = t.starred(who, Part { limit, cursor }).await.unwrap();
        assert!(page.items.iter().all(|item| item.is_starred));
        found.extend(
            page.items
                .iter()
                .map(|item| item.path.as_ref().unwrap().to_string()),
        );
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

#[tokio::test]
async fn starred_lists_the_latest_star_first_without_what_was_deleted() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mut expected = Vec::new();
        let mut deleted = Vec::new();
        for n in 0..12 {
            let node = match n % 4 {
                0 => t.new_folder(&alice, ROOT, &format!("{n}")).await,
                _ => t.put(&alice, ROOT, &format!("{n}"), "x").await,
            };
            if n % 2 == 0 {
                t.tick();
            }
            t.star(&alice, node.id, true).await.unwrap();
            t.star(&alice, node.id, true).await.unwrap();
            match n {
                3 | 4 | 11 => deleted.push(node.id),
                _ => expected.push(format!("/{n}")),
            }
        }
        for id in deleted {
            t.delete(&alice, id, Guard::None).await.unwrap();
        }
        for limit in [1, 2, 5, 100] {
            let mut found = starred(&t, &alice, limit).await;
            assert_eq!(found.len(), expected.len(), "by {limit}: {found:?}");
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
        }
        let page = t.starred(&alice, part(1)).await.unwrap();
        assert_eq!(names(&page), ["10"]);
        let ten = page.items[0].node.id;
        t.star(&alice, ten, false).await.unwrap();
        t.star(&alice, ten, false).await.unwrap();
        assert!(!t.info(&alice, ten).await.unwrap().is_starred);
        assert_eq!(starred(&t, &alice, 5).await.len(), expected.len() - 1);
    })
    .await;
}

#[tokio::test]
async fn a_page_of_nothing_but_hidden_nodes_ends() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let folder = t.new_path(&alice, "folder").await;
        let kept = t.put(&alice, ROOT, "kept", "x").await;
        t.star(&alice, kept.id, true).await.unwrap();
        for n in 0..60 {
            t.tick();
            let file = t.put(&alice, &folder, &format!("{n}"), "x").await;
            t.star(&alice, file.id, true).await.unwrap();
        }
        t.delete(&alice, folder.id, Guard::None).await.unwrap();

        assert_eq!(starred(&t, &alice, 1).await, ["/kept"]);
        assert_eq!(recent(&t, &alice, 0, 1).await, ["/kept"]);
        let rename = NodeChange {
            name: Some(named("other")),
            ..NodeChange::default()
        };
        t.change_node(&alice, kept.id, rename).await.unwrap();
        assert_eq!(recent(&t, &alice, 0, 1).await, ["/other"]);
    })
    .await;
}
