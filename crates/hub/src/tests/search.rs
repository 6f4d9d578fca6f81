//! Search by name, with filters, within a space or a folder.

use model::{Actor, Guard, NodeKind};

use super::harness::{ROOT, TestHub, into, on_each_engine, part, refused};
use crate::{FolderRef, HubError, Part, Search, Upload};

fn text(text: &str) -> Search {
    Search {
        text: text.to_owned(),
        ..Search::default()
    }
}

/// The paths found, in the order of the pages, which hold at most `limit`.
async fn found_by(t: &TestHub, who: &Actor, search: Search, limit: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let part = Part { limit, cursor };
        let page = t.search(who, search.clone(), part).await.unwrap();
        assert!(page.items.len() <= limit as usize);
        found.extend(page.items.into_iter().map(|item| item.path.unwrap().to_string()));
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

async fn found(t: &TestHub, who: &Actor, search: Search) -> Vec<String> {
    let mut found = found_by(t, who, search, 1000).await;
    found.sort();
    found
}

#[tokio::test]
async fn any_part_of_a_name_finds_it_in_any_case() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        for name in [
            "Annual Report 2025.PDF",
            "report",
            "Reporter",
            "rapport",
            "Zwölf Äpfel.txt",
            "ΟΔΟΣ",
        ] {
            t.put(&alice, ROOT, name, name).await;
        }
        t.new_path(&alice, "Reports").await;
        for (query, expected) in [
            (
                "report",
                &["/Annual Report 2025.PDF", "/Reporter", "/Reports", "/report"][..],
            ),
            (
                "REPORT",
                &["/Annual Report 2025.PDF", "/Reporter", "/Reports", "/report"],
            ),
            ("port 20", &["/Annual Report 2025.PDF"]),
            ("5.pdf", &["/Annual Report 2025.PDF"]),
            ("reporters", &[]),
            ("äpfel", &["/Zwölf Äpfel.txt"]),
            ("A\u{308}PFEL", &["/Zwölf Äpfel.txt"]),
            ("apfel", &[]),
            ("zwölf äpfel.txt", &["/Zwölf Äpfel.txt"]),
            ("δος", &["/ΟΔΟΣ"]),
            ("ΔΟΣ", &["/ΟΔΟΣ"]),
            (
                "",
                &[
                    "/Annual Report 2025.PDF",
                    "/Reporter",
                    "/Reports",
                    "/Zwölf Äpfel.txt",
                    "/rapport",
                    "/report",
                    "/ΟΔΟΣ",
                ],
            ),
        ] {
            assert_eq!(found(&t, &alice, text(query)).await, expected, "{query:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn short_texts_find_too() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        for name in ["ab", "xAby", "b", "cä", "日本語", "😀 smile"] {
            t.put(&alice, ROOT, name, name).await;
        }
        for (query, expected) in [
            ("a", &["/ab", "/xAby"][..]),
            ("B", &["/ab", "/b", "/xAby"]),
            ("ab", &["/ab", "/xAby"]),
            ("ba", &[]),
            ("Ä", &["/cä"]),
            ("本", &["/日本語"]),
            ("日本", &["/日本語"]),
            ("日本語", &["/日本語"]),
            ("😀", &["/😀 smile"]),
        ] {
            assert_eq!(found(&t, &alice, text(query)).await, expected, "{query:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn signs_mean_themselves() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let names = [
            "100% sure",
            "100x sure",
            "snake_case",
            "snakeXcase",
            "say \"hi\"",
            "star*star",
            "starXstar",
            "a'b'c",
            "NOT this OR that",
            "c++ ^title: -x",
            "(brackets) {curly} [square]",
            "dollar $1 ?1",
            "semi;colon",
            "per%%cent",
        ];
        for name in names {
            t.put(&alice, ROOT, name, name).await;
        }
        for (query, expected) in [
            ("0% s", "/100% sure"),
            ("e_c", "/snake_case"),
            ("\"hi\"", "/say \"hi\""),
            ("\"", "/say \"hi\""),
            ("y \"", "/say \"hi\""),
            ("r*s", "/star*star"),
            ("'b'", "/a'b'c"),
            ("not this or", "/NOT this OR that"),
            ("^title:", "/c++ ^title: -x"),
            (" -x", "/c++ ^title: -x"),
            ("{curly}", "/(brackets) {curly} [square]"),
            ("$1 ?1", "/dollar $1 ?1"),
            ("%%", "/per%%cent"),
            ("*", "/star*star"),
            ("_", "/snake_case"),
        ] {
            assert_eq!(found(&t, &alice, text(query)).await, [expected], "{query:?}");
        }
        for query in [
            "%",
            "sure%",
            "_____",
            "*star",
            "\\",
            "\\%",
            "\"\"",
            "AND",
            "NEAR(a b)",
        ] {
            let expected: Vec<String> = names
                .iter()
                .filter(|name| name.to_lowercase().contains(&query.to_lowercase()))
                .map(|name| format!("/{name}"))
                .collect();
            let mut expected = expected;
            expected.sort();
            assert_eq!(found(&t, &alice, text(query)).await, expected, "{query:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_renamed_node_is_found_by_its_new_name_only() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "before.txt", "x").await;
        let change = crate::NodeChange {
            name: Some(super::harness::named("after.txt")),
            ..crate::NodeChange::default()
        };
        t.change_node(&alice, file.id, change).await.unwrap();

        assert!(found(&t, &alice, text("before")).await.is_empty());
        assert_eq!(found(&t, &alice, text("after")).await, ["/after.txt"]);
    })
    .await;
}

#[tokio::test]
async fn nothing_from_the_trash_and_nothing_of_others_is_found() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        for who in [&bob, &alice] {
            let folder = t.new_path(who, "needle folder").await;
            t.put(who, &folder, "needle below", "x").await;
            t.put(who, ROOT, "needle", "x").await;
            t.put(who, ROOT, "needle purged", "x").await;
        }
        let mine = [
            "/needle",
            "/needle folder",
            "/needle folder/needle below",
            "/needle purged",
        ];
        for query in ["needle", "ne", "n", ""] {
            assert_eq!(found(&t, &alice, text(query)).await, mine, "{query:?}");
        }
        for path in ["/needle folder", "/needle purged"] {
            let node = t.resolve(&alice, &path.parse().unwrap()).await.unwrap().node;
            t.delete(&alice, node.id, Guard::None).await.unwrap();
            if path.ends_with("purged") {
                t.purge(&alice, node.id).await.unwrap();
            }
        }
        for query in ["needle", "ne", "n", ""] {
            assert_eq!(found(&t, &alice, text(query)).await, ["/needle"], "{query:?}");
        }
        assert_eq!(found(&t, &bob, text("needle")).await, mine);
    })
    .await;
}

#[tokio::test]
async fn filters_narrow_and_hold_together() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let start = t.time();
        for (name, media_type, size) in [
            ("photo.jpg", "image/jpeg", 300),
            ("photo.png", "image/png", 100),
            ("photo.txt", "text/plain; charset=utf-8", 200),
            ("photo.xhtml", "image0/odd", 0),
            ("film.mp4", "video/mp4", 400),
        ] {
            t.pass_secs(10);
            let upload = Upload {
                media_type: media_type.to_owned(),
                ..into(ROOT, name)
            };
            t.store(&alice, upload, vec![b'x'; size]).await.unwrap();
        }
        t.pass_secs(10);
        t.new_path(&alice, "photo folder").await;
        let types = |types: &[&str]| Search {
            media_types: types.iter().map(|media_type| (*media_type).to_owned()).collect(),
            ..text("photo")
        };
        let sizes = |min_bytes, max_bytes| Search {
            min_bytes,
            max_bytes,
            ..text("photo")
        };
        let times = |since: Option<i64>, before: Option<i64>| Search {
            since: since.map(|secs| start.plus_secs(secs)),
            before: before.map(|secs| start.plus_secs(secs)),
            ..text("photo")
        };
        let kind = |kind| Search {
            kind: Some(kind),
            ..text("photo")
        };
        for (search, expected) in [
            (types(&["image/"]), &["/photo.jpg", "/photo.png"][..]),
            (types(&["image/png"]), &["/photo.png"]),
            (types(&["text/plain"]), &["/photo.txt"]),
            (types(&["video/"]), &[]),
            (types(&["image/png", "text/"]), &["/photo.png", "/photo.txt"]),
            (types(&["%", "image_png"]), &[]),
            (sizes(Some(200), None), &["/photo.jpg", "/photo.txt"]),
            (sizes(None, Some(100)), &["/photo.png", "/photo.xhtml"]),
            (sizes(Some(100), Some(100)), &["/photo.png"]),
            (
                sizes(Some(0), None),
                &["/photo.jpg", "/photo.png", "/photo.txt", "/photo.xhtml"],
            ),
            (sizes(Some(u64::MAX), None), &[]),
            (
                times(Some(30), None),
                &["/photo folder", "/photo.txt", "/photo.xhtml"],
            ),
            (times(None, Some(20)), &["/photo.jpg"]),
            (times(Some(20), Some(30)), &["/photo.png"]),
            (kind(NodeKind::Folder), &["/photo folder"]),
            (
                kind(NodeKind::File),
                &["/photo.jpg", "/photo.png", "/photo.txt", "/photo.xhtml"],
            ),
        ] {
            assert_eq!(found(&t, &alice, search.clone()).await, expected, "{search:?}");
            let any_name = Search {
                text: "p".to_owned(),
                ..search.clone()
            };
            let with_short = found(&t, &alice, any_name).await;
            let with_short: Vec<_> = with_short.iter().filter(|path| path.contains("photo")).collect();
            assert_eq!(with_short, expected.iter().collect::<Vec<_>>(), "{search:?}");
        }
        let all = Search {
            media_types: vec!["image/".to_owned()],
            min_bytes: Some(150),
            ..text("")
        };
        assert_eq!(found(&t, &alice, all).await, ["/photo.jpg"]);
    })
    .await;
}

#[tokio::test]
async fn a_search_below_a_folder_finds_what_is_below_it_however_large_it_is() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let folder = t.new_path(&alice, "a").await;
        let inner = t.new_path(&alice, "a/b/c").await;
        let other = t.new_path(&alice, "other").await;
        for folder in [&folder, &inner, &other] {
            t.put(&alice, folder, "needle", "x").await;
        }
        t.put(&alice, ROOT, "needle", "x").await;
        let below = |folder: FolderRef, query: &str| Search {
            folder: Some(folder),
            ..text(query)
        };
        let mine = ["/a/b/c/needle", "/a/needle"];
        for query in ["needle", "ne"] {
            assert_eq!(found(&t, &alice, below((&folder).into(), query)).await, mine);
            assert_eq!(
                found(&t, &alice, below((&inner).into(), query)).await,
                ["/a/b/c/needle"]
            );
            assert_eq!(found(&t, &alice, below(ROOT, query)).await.len(), 4);
        }
        // Too many folders to be walked: the space's names are, then.
        let mut tx = t.catalog.write().await.unwrap();
        many_folders(&t, &alice, &mut tx, &inner).await;
        tx.commit().await.unwrap();
        for query in ["needle", "ne"] {
            assert_eq!(found(&t, &alice, below((&folder).into(), query)).await, mine);
            assert_eq!(
                found_by(&t, &alice, below((&folder).into(), query), 1).await,
                ["/a/b/c/needle", "/a/needle"]
            );
        }
        let file = t.resolve(&alice, &"needle".parse().unwrap()).await.unwrap().node;
        refused!(
            t.search(&alice, below((&file).into(), "x"), part(10)).await,
            HubError::Conflict(_)
        );
        t.delete(&alice, folder.id, Guard::None).await.unwrap();
        refused!(
            t.search(&alice, below((&folder).into(), "x"), part(10)).await,
            HubError::NotFound("folder")
        );
    })
    .await;
}

/// Makes 1,001 folders in one transaction.
async fn many_folders(t: &TestHub, who: &Actor, tx: &mut catalog::Tx, parent: &model::Node) {
    for n in 0..1001 {
        let found = crate::access::folder(
            tx,
            who,
            parent.into(),
            model::Right::Edit,
            crate::access::Hold::Yes,
        );
        let folder = found.await.unwrap();
        let name = super::harness::named(&format!("folder {n}"));
        crate::folders::make_path(tx, who, folder, &[name], t.time())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn pages_join_to_the_whole_the_newest_first_and_shift_with_nothing() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let mut expected = Vec::new();
        let mut trashed = Vec::new();
        for n in 0..40 {
            let folder = if n % 5 == 0 { "hidden" } else { "shown" };
            let folder = t.new_path(&alice, folder).await;
            let file = t.put(&alice, &folder, &format!("needle {n}"), "x").await;
            match n {
                _ if n % 5 == 0 => {}
                _ if n % 7 == 0 => trashed.push(file.id),
                _ => expected.insert(0, format!("/shown/needle {n}")),
            }
        }
        let hidden = t.new_path(&alice, "hidden").await;
        t.delete(&alice, hidden.id, Guard::None).await.unwrap();
        for id in trashed {
            t.delete(&alice, id, Guard::None).await.unwrap();
        }
        for query in ["needle", "ne", "e"] {
            for limit in [1, 3, 7, 100] {
                let files = Search {
                    kind: Some(NodeKind::File),
                    ..text(query)
                };
                assert_eq!(
                    found_by(&t, &alice, files, limit).await,
                    expected,
                    "{query} by {limit}"
                );
            }
            assert_eq!(found_by(&t, &alice, text("needle"), 4).await, expected);
        }
        let first = t.search(&alice, text("needle"), part(5)).await.unwrap();
        t.put(&alice, ROOT, "needle new", "x").await;
        let next = Part {
            limit: 100,
            cursor: first.next,
        };
        let rest = t.search(&alice, text("needle"), next.clone()).await.unwrap();
        let rest: Vec<_> = rest
            .items
            .into_iter()
            .map(|item| item.path.unwrap().to_string())
            .collect();
        assert_eq!(rest, expected[5..]);
        refused!(
            t.search(&alice, text("other"), next).await,
            HubError::Invalid { field: "cursor", .. }
        );
    })
    .await;
}
