//! What is in connections, and the journals of what changed there.

use std::collections::BTreeSet;

use model::{Connection, ConnectionId, ConnectionState, Millis, RemoteItem, RemoteKind};

use super::database::on_each_engine;
use super::mirrors::{CONNECTION, MIRROR, OWNER, mirror};
use crate::Catalog;

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

fn connection(id: ConnectionId) -> Connection {
    Connection {
        id,
        number: 0,
        owner: Some(OWNER),
        kind: "google".to_owned(),
        label: "drive".to_owned(),
        account: "ada".to_owned(),
        drive: "drive".to_owned(),
        flavour: None,
        root: "root".to_owned(),
        settings: "{}".to_owned(),
        scopes: String::new(),
        state: ConnectionState::Active,
        reason: None,
        created_ms: NOW,
        linked_ms: NOW,
        checked_ms: None,
        worked_ms: None,
        ends_ms: None,
        used_bytes: None,
        limit_bytes: None,
    }
}

pub(super) async fn linked(catalog: &Catalog) {
    run!(catalog, add_connection(&connection(CONNECTION), b"sealed"));
}

fn item(id: &str, name: &str) -> RemoteItem {
    RemoteItem {
        id: id.to_owned(),
        parent: Some("root".to_owned()),
        name: name.to_owned(),
        kind: RemoteKind::File,
        size_bytes: Some(3),
        media_type: Some("text/plain".to_owned()),
        hashes: vec!["md5:00".to_owned(), "sha1:11".to_owned()],
        revision: Some("r".to_owned()),
        tag: Some("t".to_owned()),
        modified_ms: Some(NOW),
        is_trashed: false,
        is_editable: true,
        details: vec!["application/pdf".to_owned()],
        web_url: Some("https://there/1".to_owned()),
    }
}

fn ids(items: &[RemoteItem]) -> BTreeSet<&str> {
    items.iter().map(|item| item.id.as_str()).collect()
}

#[tokio::test]
async fn every_difference_of_an_item_is_a_change_but_its_page_and_when_it_was_seen() {
    on_each_engine(|catalog| async move {
        linked(&catalog).await;
        let put =
            async |round, items: &[RemoteItem]| run!(catalog, put_changed_items(CONNECTION, round, items));
        let same = item("same", "a\0b");
        assert_eq!(put(1, &[same.clone(), item("x", "x")]).await, ["same", "x"]);
        assert_eq!(put(1, std::slice::from_ref(&same)).await, [""; 0]);
        assert_eq!(put(2, std::slice::from_ref(&same)).await, [""; 0]);
        let moved_page = RemoteItem {
            web_url: None,
            ..same.clone()
        };
        assert_eq!(put(2, std::slice::from_ref(&moved_page)).await, [""; 0]);
        let known = run!(catalog, item(CONNECTION, "same")).unwrap();
        assert_eq!(known.web_url, None);
        // The other one was not seen since.
        let (unseen, _) = run!(catalog, unseen_items((CONNECTION, 2), &[], 10));
        assert_eq!(ids(&unseen), BTreeSet::from(["x"]));

        let x = item("x", "x");
        let others: [fn(&mut RemoteItem); 12] = [
            |x| x.parent = None,
            |x| x.name = "y".to_owned(),
            |x| x.kind = RemoteKind::Document,
            |x| x.size_bytes = None,
            |x| x.media_type = None,
            |x| x.hashes = vec!["md5:00".to_owned()],
            |x| x.revision = Some("s".to_owned()),
            |x| x.tag = None,
            |x| x.modified_ms = Some(Millis(1)),
            |x| x.is_trashed = true,
            |x| x.is_editable = false,
            |x| x.details = Vec::new(),
        ];
        for change in others {
            let mut other = x.clone();
            change(&mut other);
            assert_eq!(put(2, &[same.clone(), other.clone()]).await, ["x"], "{other:?}");
            assert_eq!(run!(catalog, item(CONNECTION, "x")), Some(other));
            assert_eq!(put(2, std::slice::from_ref(&x)).await, ["x"]);
        }
    })
    .await;
}

#[tokio::test]
async fn items_are_found_by_any_number_of_ids_and_those_that_go_are_told() {
    on_each_engine(|catalog| async move {
        linked(&catalog).await;
        let all: Vec<RemoteItem> = (0..300)
            .map(|number| item(&format!("{number:03}"), &format!("file {number}")))
            .collect();
        let changed = run!(catalog, put_changed_items(CONNECTION, 1, &all));
        assert_eq!(changed.len(), 300);
        assert_eq!(run!(catalog, put_changed_items(CONNECTION, 2, &all)), [""; 0]);
        assert_eq!(run!(catalog, unseen_items((CONNECTION, 2), &[], 500)).0, []);
        let wanted: Vec<&str> = all.iter().map(|item| item.id.as_str()).collect();
        let found = run!(catalog, items(CONNECTION, &wanted));
        assert_eq!(ids(&found), ids(&all));

        let mut gone = run!(catalog, remove_items(CONNECTION, &["007", "nothing", "299"]));
        gone.sort();
        assert_eq!(gone, ["007", "299"]);
        assert_eq!(run!(catalog, remove_items(CONNECTION, &["007"])), [""; 0]);
        assert_eq!(
            run!(catalog, items(CONNECTION, &["007", "008"])),
            [all[8].clone()]
        );
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_something_without_a_counterpart_leaves_is_told_of() {
    on_each_engine(|catalog| async move {
        linked(&catalog).await;
        let document = RemoteItem {
            kind: RemoteKind::Document,
            parent: Some("folder".to_owned()),
            ..item("document", "a document")
        };
        let moved = RemoteItem {
            parent: Some("other".to_owned()),
            ..document.clone()
        };
        let renamed = RemoteItem {
            name: "another name".to_owned(),
            ..moved.clone()
        };
        let trashed = RemoteItem {
            is_trashed: true,
            ..renamed.clone()
        };
        let file = RemoteItem {
            parent: Some("folder".to_owned()),
            ..item("file", "a file")
        };
        let moved_file = RemoteItem {
            parent: Some("other".to_owned()),
            ..file.clone()
        };
        let told: [(&RemoteItem, &[&str]); 6] = [
            (&document, &["document"]),
            (&moved, &["document", "folder"]),
            (&renamed, &["document"]),
            (&trashed, &["document", "other"]),
            (&file, &["file"]),
            (&moved_file, &["file"]),
        ];
        for (now, expected) in told {
            let changed = run!(
                catalog,
                put_changed_items(CONNECTION, 1, std::slice::from_ref(now))
            );
            assert_eq!(changed, expected, "{now:?}");
        }

        let gone = run!(catalog, remove_items(CONNECTION, &["document"]));
        assert_eq!(gone, ["document", "other"]);
        assert_eq!(run!(catalog, remove_items(CONNECTION, &["file"])), ["file"]);
    })
    .await;
}

#[tokio::test]
async fn a_folder_is_listed_whole_page_by_page() {
    on_each_engine(|catalog| async move {
        linked(&catalog).await;
        let mut all: Vec<RemoteItem> = (0..25)
            .map(|number| item(&format!("{number}"), "one name"))
            .collect();
        all[3].is_trashed = true;
        all[4].kind = RemoteKind::Folder;
        all[5].kind = RemoteKind::Other;
        all[6].name = "Ünlike".to_owned();
        let elsewhere = RemoteItem {
            parent: Some("other".to_owned()),
            ..item("elsewhere", "one name")
        };
        run!(catalog, put_items(CONNECTION, 1, &all));
        run!(catalog, put_items(CONNECTION, 1, &[elsewhere]));
        let (mut found, mut after) = (Vec::new(), Vec::new());
        loop {
            let (page, next) = run!(catalog, items_below((CONNECTION, "root"), &after, 7));
            found.extend(page);
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(found.len(), 25);
        assert_eq!(ids(&found), ids(&all));
        let mut tx = catalog.read().await.unwrap();
        assert!(tx.items_below((CONNECTION, "root"), b"\x01no", 7).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn items_of_a_name_are_found_however_it_is_written() {
    on_each_engine(|catalog| async move {
        linked(&catalog).await;
        let mut folder = item("4", "RÉSUMÉ.TXT");
        folder.kind = RemoteKind::Folder;
        folder.is_trashed = true;
        let all = [
            item("1", "Résumé.txt"),
            item("2", "Re\u{301}sume\u{301}.TXT"),
            item("3", "resume.txt"),
            folder,
            RemoteItem {
                parent: None,
                ..item("5", "résumé.txt")
            },
        ];
        run!(catalog, put_items(CONNECTION, 1, &all));
        let found = run!(
            catalog,
            items_named((CONNECTION, "root"), &["résumé.txt", "nothing"])
        );
        assert_eq!(ids(&found), BTreeSet::from(["1", "2", "4"]));
    })
    .await;
}

#[tokio::test]
async fn the_journal_of_a_connection_is_gapless_and_forgets_from_its_beginning() {
    on_each_engine(|catalog| async move {
        linked(&catalog).await;
        assert_eq!(run!(catalog, remote_head(CONNECTION)), 0);
        let names: Vec<String> = (1..=300).map(|number| format!("item {number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(run!(catalog, record_remote(CONNECTION, &names)), 300);
        assert_eq!(run!(catalog, record_remote(CONNECTION, &["item 1"])), 301);
        assert_eq!(run!(catalog, remote_head(CONNECTION)), 301);
        let told = run!(catalog, remote_changes(CONNECTION, 0, 1000));
        let numbers: Vec<u64> = told.iter().map(|(seq, _)| *seq).collect();
        assert_eq!(numbers, (1..=301).collect::<Vec<_>>());
        assert_eq!(told[299].1, "item 300");
        let last = run!(catalog, remote_changes(CONNECTION, 299, 1));
        assert_eq!(last, [(300, "item 300".to_owned())]);

        assert_eq!(run!(catalog, trim_remote(CONNECTION, 200, 150)), 150);
        assert_eq!(run!(catalog, trim_remote(CONNECTION, 200, 150)), 50);
        assert_eq!(run!(catalog, trim_remote(CONNECTION, 200, 150)), 0);
        assert_eq!(run!(catalog, remote_changes(CONNECTION, 0, 1))[0].0, 201);
        assert_eq!(run!(catalog, next_with_remote_changes(None)), Some(CONNECTION));
        assert_eq!(run!(catalog, next_with_remote_changes(Some(CONNECTION))), None);

        assert!(run!(catalog, remove_connection(CONNECTION)));
        assert_eq!(run!(catalog, record_remote(CONNECTION, &["late"])), 0);
        assert_eq!(run!(catalog, next_with_items(None)), Some(CONNECTION));
        assert_eq!(run!(catalog, forget_items(CONNECTION, 1000)), 101);
        assert_eq!(run!(catalog, next_with_items(None)), None);
    })
    .await;
}

#[tokio::test]
async fn a_mirror_of_a_backup_compares_everything_and_misses_nothing_that_comes() {
    on_each_engine(|catalog| async move {
        linked(&catalog).await;
        let mut kept = mirror();
        kept.progress.there_seq = 40;
        kept.progress.is_complete = true;
        kept.progress.next_ms = Millis(NOW.0 * 2);
        run!(catalog, create_mirror(&kept));
        let mut unlinked = mirror();
        unlinked.id = model::MirrorId::from_bytes([1; 16]);
        unlinked.connection = ConnectionId::from_bytes([1; 16]);
        unlinked.progress.is_complete = true;
        run!(catalog, create_mirror(&unlinked));
        run!(catalog, begin_feeds(NOW));
        assert!(run!(catalog, mirror(MIRROR)).unwrap().progress.is_complete);

        // A backup holds no feeds.
        run!(catalog, execute("DELETE FROM connection_feeds", &[]));
        run!(catalog, begin_feeds(NOW));
        let progress = run!(catalog, mirror(MIRROR)).unwrap().progress;
        assert_eq!((progress.is_complete, progress.next_ms), (false, NOW));
        assert!(run!(catalog, mirror(unlinked.id)).unwrap().progress.is_complete);
        assert_eq!(run!(catalog, remote_head(CONNECTION)), 40);
        assert_eq!(run!(catalog, record_remote(CONNECTION, &["a"])), 41);
        assert!(run!(catalog, feed(CONNECTION)).unwrap().is_snapshot);
    })
    .await;
}

#[tokio::test]
async fn the_default_mirror_is_that_of_the_kind_of_its_connection() {
    on_each_engine(|catalog| async move {
        linked(&catalog).await;
        run!(catalog, create_mirror(&mirror()));
        let found = run!(catalog, default_mirror(OWNER, "google"));
        assert_eq!(found.map(|found| found.id), Some(MIRROR));
        assert_eq!(run!(catalog, default_mirror(OWNER, "s3")), None);
    })
    .await;
}
