//! How SQLite answers: through which index, and without reading or sorting more than a page.

mod mirrors;

use std::cell::RefCell;

use model::{
    BlobId, Digest, Millis, NodeId, NodeKind, NodeName, Order, ShareId, Sort, SortKey, SpaceId, UserId,
};
use rusqlite::Connection;

use super::database::{Database, Schema};
use crate::{Catalog, CatalogError, Criteria, Mark, MarkValue, Tx};

thread_local! {
    /// The plans of the statements that this thread runs, while a test wants to know them.
    static PLANS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Called for each statement before it runs.
pub(crate) fn note(connection: &Connection, sql: &str) {
    PLANS.with_borrow_mut(|plans| {
        let Some(plans) = plans else { return };
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().unwrap() {
            plans.push(row.get(3).unwrap());
        }
    });
}

/// Runs `work` and returns the plans of its statements, line by line.
async fn plans<T>(catalog: &Catalog, work: impl AsyncFn(&mut Tx) -> Result<T, CatalogError>) -> Vec<String> {
    let mut tx = catalog.write().await.unwrap();
    PLANS.set(Some(Vec::new()));
    work(&mut tx).await.unwrap();
    PLANS.take().unwrap()
}

/// Panics unless the plans name these indexes, in this order, and nothing is read or sorted whole.
#[track_caller]
fn check(plans: &[String], indexes: &[&str]) {
    let whole = |line: &&String| {
        let is_scan = line.starts_with("SCAN") && !line.contains("VIRTUAL TABLE INDEX");
        // Rows that the statement made itself.
        let is_own = ["SCAN up", "SCAN CONSTANT ROW", "SCAN children"]
            .iter()
            .any(|own| line.starts_with(own));
        (is_scan && !is_own) || line.contains("TEMP B-TREE")
    };
    let wrong: Vec<_> = plans.iter().filter(whole).collect();
    assert!(wrong.is_empty(), "{wrong:?} in {plans:#?}");
    let mut lines = plans.iter();
    for index in indexes {
        assert!(lines.any(|line| line.contains(index)), "no {index} in {plans:#?}");
    }
}

async fn catalog() -> (Database, Catalog) {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    (database, catalog)
}

const SPACE: SpaceId = SpaceId::from_bytes([1; 16]);
const NODE: NodeId = NodeId::from_bytes([2; 16]);
const USER: UserId = UserId::from_bytes([3; 16]);
const LATER: Millis = Millis(1);

fn text(value: &str) -> Option<Mark> {
    Some(Mark {
        value: MarkValue::Text(value.to_owned()),
        row_no: 5,
    })
}

const fn number(number: i64) -> Option<Mark> {
    Some(Mark {
        value: MarkValue::Number(number),
        row_no: 5,
    })
}

const VERSION: &str = "SEARCH v USING PRIMARY KEY (node_id=? AND number=?)";
const BY_ID: &str = "SEARCH n USING INDEX sqlite_autoindex_nodes_1 (id=?)";

#[tokio::test]
async fn a_page_of_a_folder_comes_from_an_index_in_its_order() {
    let (_database, catalog) = catalog().await;
    for (key, index, mark) in [
        (SortKey::Name, "nodes_by_name", text("m")),
        (SortKey::Modified, "nodes_by_time", number(7)),
        (SortKey::Size, "nodes_by_size", number(7)),
    ] {
        for order in [Order::Ascending, Order::Descending] {
            let sort = Sort { key, order };
            let first = plans(&catalog, async |tx| {
                tx.children(NODE, NodeKind::File, sort, (None, 100)).await
            });
            check(
                &first.await,
                &[
                    &format!("SEARCH n USING INDEX {index} (parent_id=? AND kind=?)"),
                    VERSION,
                ],
            );
            let next = plans(&catalog, async |tx| {
                tx.children(NODE, NodeKind::File, sort, (mark.as_ref(), 100))
                    .await
            });
            let than = if order == Order::Ascending { ">" } else { "<" };
            let column = match key {
                SortKey::Name => "name_key",
                SortKey::Modified => "modified_ms",
                SortKey::Size => "size_bytes",
            };
            let seek = format!("SEARCH n USING INDEX {index} (parent_id=? AND kind=? AND {column}");
            let (equal, beyond) = (format!("{seek}=? AND row_no{than}?)"), format!("{seek}{than}?)"));
            check(&next.await, &[&equal, VERSION, &beyond, VERSION]);
        }
    }
}

#[tokio::test]
async fn lists_of_a_space_come_from_an_index_in_their_order() {
    let (_database, catalog) = catalog().await;
    for mark in [None, number(7)] {
        let recent = plans(&catalog, async |tx| {
            tx.files_by_time(SPACE, (mark.as_ref(), 100)).await
        });
        check(
            &recent.await,
            &[
                "SEARCH n USING INDEX nodes_recent (space_id=? AND kind=?",
                VERSION,
            ],
        );
        let trash = plans(&catalog, async |tx| tx.trash(SPACE, (mark.as_ref(), 100)).await);
        check(
            &trash.await,
            &["SEARCH n USING INDEX nodes_trashed (space_id=?", VERSION],
        );
    }
    for mark in [None, Some((LATER, NODE))] {
        let starred = plans(&catalog, async |tx| tx.starred(USER, (mark, 100)).await);
        check(&starred.await, &["stars_by_time (user_id=?", BY_ID, VERSION]);
    }
    let changes = plans(&catalog, async |tx| tx.changes(SPACE, 5, 100).await);
    check(
        &changes.await,
        &["SEARCH changes USING PRIMARY KEY (space_id=? AND seq>?)"],
    );
    let versions = plans(&catalog, async |tx| tx.versions(NODE, Some(5), 100).await);
    check(
        &versions.await,
        &["SEARCH versions USING PRIMARY KEY (node_id=? AND number<?)"],
    );
}

#[tokio::test]
async fn a_search_reads_a_range_of_one_space_and_sorts_nothing() {
    let (_database, catalog) = catalog().await;
    let all = Criteria {
        kind: Some(NodeKind::File),
        media_types: vec!["image/".to_owned(), "text/plain".to_owned()],
        min_bytes: Some(1),
        max_bytes: Some(2),
        since: Some(Millis(3)),
        before: Some(Millis(4)),
        ..Criteria::default()
    };
    for filters in [Criteria::default(), all] {
        for (text, way) in [
            ("", "SEARCH n USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            ("ab", "SEARCH n USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            // M is the match, > and < the range of the space's rows, 192 descending by them.
            ("abc", "SCAN m VIRTUAL TABLE INDEX 192:M1><"),
        ] {
            let criteria = Criteria {
                text: text.to_owned(),
                ..filters.clone()
            };
            for before in [None, Some(1 << 36)] {
                let search = plans(&catalog, async |tx| {
                    tx.search(SPACE, &criteria, (before, 100)).await
                })
                .await;
                check(&search, &[way, VERSION]);
            }
        }
    }
}

#[tokio::test]
async fn a_search_below_a_small_folder_reads_that_folder_only() {
    let (_database, catalog) = catalog().await;
    let criteria = Criteria {
        text: "abc".to_owned(),
        ..Criteria::default()
    };
    let children = plans(&catalog, async |tx| {
        tx.search_children(&[NODE], &criteria, (None, 100)).await
    })
    .await;
    assert!(
        children[0].starts_with("SEARCH n USING INDEX nodes_by_"),
        "{children:#?}"
    );
    assert!(children[0].contains("(parent_id=?"), "{children:#?}");
    let folders = plans(&catalog, async |tx| tx.folders_in(&[NODE], 100).await).await;
    check(&folders, &["(parent_id=? AND kind=?)"]);
    let count = plans(&catalog, async |tx| tx.count_children(&[NODE], 100).await).await;
    check(&count, &["(parent_id=?)"]);
}

#[tokio::test]
async fn finding_and_moving_one_node_reads_one_node_and_its_way_up() {
    let (_database, catalog) = catalog().await;
    let name = NodeName::new("name").unwrap();
    check(
        &plans(&catalog, async |tx| tx.node(NODE).await).await,
        &[BY_ID, VERSION],
    );
    let child = plans(&catalog, async |tx| tx.child(NODE, &name).await).await;
    check(&child, &["nodes_by_place (parent_id=? AND name=?)", VERSION]);
    let way_up = plans(&catalog, async |tx| tx.way_up(NODE).await).await;
    let ids = way_up
        .iter()
        .filter(|line| line.contains("sqlite_autoindex_nodes_1 (id=?)"));
    assert_eq!(ids.count(), 2, "{way_up:#?}");
    let read: Vec<_> = way_up.iter().filter(|line| line.starts_with("SCAN")).collect();
    assert!(read.iter().all(|line| *line == "SCAN up"), "{way_up:#?}");
    let height = plans(&catalog, async |tx| tx.raise_height(NODE, 5).await).await;
    check(&height, &["(id=?)"]);
    let trashed = plans(&catalog, async |tx| tx.trash_node(NODE, NODE, LATER).await).await;
    check(&trashed, &["(id=?)"]);
    check(
        &plans(&catalog, async |tx| tx.space_of(NODE).await).await,
        &["(id=?)", "(id=?)"],
    );
    check(
        &plans(&catalog, async |tx| tx.whereabouts(&[NODE], NODE).await).await,
        &["(id=?)"],
    );
    check(
        &plans(&catalog, async |tx| tx.stars(USER, &[NODE]).await).await,
        &["PRIMARY KEY (user_id=? AND node_id=?)"],
    );
}

#[tokio::test]
async fn the_chores_read_what_is_due_only() {
    let (_database, catalog) = catalog().await;
    let of = async |work: &str| match work {
        "purge" => plans(&catalog, async |tx| tx.next_to_purge().await).await,
        "unfinished" => plans(&catalog, async |tx| tx.unfinished_before(LATER, 100).await).await,
        "purge step" => plans(&catalog, async |tx| tx.purge_step(NODE, 100, LATER).await).await,
        "trash" => plans(&catalog, async |tx| tx.trashed_before(LATER, 100).await).await,
        "versions" => {
            let mark = (LATER, NODE, 1);
            plans(&catalog, async |tx| {
                tx.versions_by_age(Some(&mark), LATER, 100).await
            })
            .await
        }
        "surplus" => {
            plans(&catalog, async |tx| {
                tx.files_with_versions_beyond(5, 5, 100).await
            })
            .await
        }
        "unused" => plans(&catalog, async |tx| tx.take_unused(LATER, 100).await).await,
        "to prove" => plans(&catalog, async |tx| tx.blobs_to_prove(LATER, 100).await).await,
        "key" => plans(&catalog, async |tx| tx.used_keys("local", &["key"]).await).await,
        "copy" => plans(&catalog, async |tx| tx.children_to_copy(NODE, None, 100).await).await,
        "digest" => plans(&catalog, async |tx| tx.use_blob(Digest([1; 32]), LATER).await).await,
        "blob's files" => {
            let blob = BlobId::from_bytes([1; 16]);
            plans(&catalog, async |tx| tx.files_of_blob(blob, 100).await).await
        }
        other => panic!("{other}"),
    };
    for (work, index) in [
        ("purge", "nodes_detached (detached=?)"),
        ("unfinished", "nodes_detached (detached=? AND modified_ms<?)"),
        ("purge step", "nodes_by_name (parent_id=?)"),
        ("trash", "nodes_trash_age (trashed_ms>? AND trashed_ms<?)"),
        (
            "versions",
            "versions_by_age ((created_ms,node_id,number)>(?,?,?) AND created_ms<?)",
        ),
        ("surplus", "INTEGER PRIMARY KEY (rowid>?)"),
        ("unused", "blobs_unused (seen_ms<?)"),
        ("to prove", "blobs_by_proof (proven_ms<?)"),
        ("key", "blobs_by_key (store=? AND store_key=?)"),
        ("copy", "nodes_by_place (parent_id=? AND name>?)"),
        ("digest", "(digest=?)"),
        ("blob's files", "versions_of_blob (blob_id=?)"),
    ] {
        check(&of(work).await, &[index]);
    }
}

#[tokio::test]
async fn whether_two_people_share_something_is_asked_of_what_each_was_given() {
    let (_database, catalog) = catalog().await;
    let other = UserId::from_bytes([4; 16]);
    let half = [
        "SEARCH h USING INDEX shares_of_user (user_id=?)",
        "SEARCH s USING PRIMARY KEY (id=?)",
    ];

    let plan = plans(&catalog, async |tx| tx.share_something(USER, other).await).await;

    check(&plan, &[half, half].concat());
}

#[tokio::test]
async fn what_somebody_was_given_on_a_way_is_asked_node_by_node() {
    let (_database, catalog) = catalog().await;
    let way = [1, 2, 3].map(|n| NodeId::from_bytes([n; 16]));
    let index = "SEARCH shares USING INDEX shares_of_node (node_id=? AND user_id=?)";

    let plan = plans(&catalog, async |tx| tx.shares_on(USER, &way).await).await;

    check(&plan, &[index; 3]);
    assert!(
        !plan.iter().any(|line| line.contains("shares_of_user")),
        "{plan:#?}"
    );
}

#[tokio::test]
async fn lists_of_what_was_given_are_read_in_their_order() {
    let (_database, catalog) = catalog().await;
    let after = Some((Millis(1), ShareId::from_bytes([1; 16])));
    let of = |plans: Vec<String>, index: &str| check(&plans, &[index]);

    of(
        plans(&catalog, async |tx| tx.shares_of_user(USER, after, 10).await).await,
        "shares_of_user (user_id=?",
    );
    of(
        plans(&catalog, async |tx| tx.shares_by_giver(USER, after, 10).await).await,
        "shares_by_giver (given_by=?",
    );
    of(
        plans(&catalog, async |tx| {
            tx.shares_of_node(NodeId::from_bytes([1; 16]), None, 10).await
        })
        .await,
        "shares_of_node (node_id=? AND user_id>?)",
    );
}

#[tokio::test]
async fn an_identity_is_found_by_its_key_and_a_person_s_by_an_index() {
    let (_database, catalog) = catalog().await;
    let of = |plans: Vec<String>, index: &str| check(&plans, &[index]);

    of(
        plans(&catalog, async |tx| tx.identity("issuer", "subject").await).await,
        "SEARCH identities USING PRIMARY KEY (issuer=? AND subject=?)",
    );
    of(
        plans(&catalog, async |tx| tx.identities(USER, 10).await).await,
        "SEARCH identities USING INDEX identities_of_user (user_id=?)",
    );
    of(
        plans(&catalog, async |tx| tx.remove_identity(USER, 1).await).await,
        "SEARCH identities USING INDEX sqlite_autoindex_identities_1 (number=?)",
    );
    of(
        plans(&catalog, async |tx| tx.remove_ended_tickets(LATER, 10).await).await,
        "SEARCH tickets USING COVERING INDEX tickets_by_end (expires_ms<?)",
    );
}
