//! How SQLite answers what mirrors ask.

use model::{Conflict, ConflictId, ConflictKind, ConnectionId, MirrorId, RemoteItem, RemoteKind};

use super::*;
use crate::{ConflictFilter, EntryList, EntryRow};

const MIRROR: MirrorId = MirrorId::from_bytes([7; 16]);
const CONNECTION: ConnectionId = ConnectionId::from_bytes([8; 16]);
const BY_NUMBER: &str = "SEARCH mirror_entries USING PRIMARY KEY (mirror_id=? AND entry=?)";

#[tokio::test]
async fn entries_are_found_by_what_they_tie() {
    let (_database, catalog) = catalog().await;
    let numbers: Vec<u64> = (0..200).collect();
    let nodes = vec![NODE; 200];
    let items = vec!["item"; 200];
    let found = plans(&catalog, async |tx| tx.entries(MIRROR, &numbers).await);
    check(&found.await, &[BY_NUMBER; 2]);
    let found = plans(&catalog, async |tx| tx.entries_of_nodes(MIRROR, &nodes).await);
    let by_node = "mirror_entries_by_node (mirror_id=? AND node_id=?)";
    check(&found.await, &[by_node; 2]);
    let found = plans(&catalog, async |tx| tx.entries_of_items(MIRROR, &items).await);
    let by_item = "mirror_entries_by_item (mirror_id=? AND item_key=?)";
    check(&found.await, &[by_item; 2]);
    let gone = plans(&catalog, async |tx| tx.remove_entries(MIRROR, &numbers).await);
    check(&gone.await, &[BY_NUMBER; 4]);
    let row = EntryRow {
        entry: 1,
        ..EntryRow::default()
    };
    let put = plans(&catalog, async |tx| {
        tx.put_entries(MIRROR, std::slice::from_ref(&row)).await
    });
    check(&put.await, &[BY_NUMBER]);
}

#[tokio::test]
async fn lists_of_entries_are_read_in_their_order() {
    let (_database, catalog) = catalog().await;
    let of = |plans: Vec<String>, index: &str| check(&plans, &[index]);
    of(
        plans(&catalog, async |tx| tx.entries_in((MIRROR, 5), 1, 100).await).await,
        "mirror_entries_in (mirror_id=? AND parent=? AND entry>?)",
    );
    of(
        plans(&catalog, async |tx| tx.all_entries(MIRROR, 1, 100).await).await,
        "PRIMARY KEY (mirror_id=? AND entry>?)",
    );
    of(
        plans(&catalog, async |tx| tx.entries_by_proof(MIRROR, LATER, 100).await).await,
        "mirror_entries_by_proof (mirror_id=? AND proven_ms<?)",
    );
    of(
        plans(&catalog, async |tx| {
            tx.remembered_folders(MIRROR, (LATER, 1), 100).await
        })
        .await,
        "mirror_entries_tombs (mirror_id=? AND (taint_until_ms,entry)>(?,?))",
    );
    for (list, index) in [
        (EntryList::Failed, "mirror_entries_failed"),
        (EntryList::Parked, "mirror_entries_parked"),
        (EntryList::Skipped, "mirror_entries_skipped"),
    ] {
        let seek = format!("{index} (mirror_id=? AND entry>?)");
        of(
            plans(&catalog, async |tx| {
                tx.listed_entries((MIRROR, list), 1, 100).await
            })
            .await,
            &seek,
        );
        of(
            plans(&catalog, async |tx| tx.count_listed_entries(MIRROR, list).await).await,
            index,
        );
    }
}

#[tokio::test]
async fn what_a_mirror_has_to_do_is_found_without_looking_at_what_waits() {
    let (_database, catalog) = catalog().await;
    let of = |plans: Vec<String>, indexes: &[&str]| check(&plans, indexes);
    let due = "mirror_dirty_due (mirror_id=? AND trash=? AND next_ms";
    let to_trash = "mirror_dirty_to_trash (mirror_id=?)";
    let key = "PRIMARY KEY (mirror_id=? AND entry=?)";
    of(
        plans(&catalog, async |tx| tx.dirty_due(MIRROR, LATER, 100).await).await,
        &[due],
    );
    of(
        plans(&catalog, async |tx| tx.dirty(MIRROR, &[1, 2]).await).await,
        &[key],
    );
    of(
        plans(&catalog, async |tx| {
            tx.clear_dirty(MIRROR, &[(1, 1), (2, 1), (3, 2)]).await
        })
        .await,
        &[key, key],
    );
    of(
        plans(&catalog, async |tx| tx.to_trash(MIRROR, LATER, 100).await).await,
        &[to_trash],
    );
    of(
        plans(&catalog, async |tx| tx.count_to_trash(MIRROR).await).await,
        &["COVERING INDEX mirror_dirty_to_trash (mirror_id=?)"],
    );
    of(
        plans(&catalog, async |tx| tx.approve_trash(MIRROR).await).await,
        &["mirror_dirty_to_trash (mirror_id=? AND is_approved=?)"],
    );
    of(
        plans(&catalog, async |tx| tx.reject_trash(MIRROR).await).await,
        &[to_trash],
    );
    of(
        plans(&catalog, async |tx| tx.dirty_counts(MIRROR).await).await,
        &[due, due],
    );
    of(
        plans(&catalog, async |tx| tx.mirror_events(MIRROR, Some(9), 10).await).await,
        &["mirror_events USING PRIMARY KEY (mirror_id=? AND seq<?)"],
    );
    of(
        plans(&catalog, async |tx| tx.intents(MIRROR, 10).await).await,
        &["mirror_intents USING PRIMARY KEY (mirror_id=?)"],
    );
    // The moments of three kinds: their least is taken of three rows.
    let next = plans(&catalog, async |tx| tx.next_dirty_ms(MIRROR).await).await;
    let seeks = next
        .iter()
        .filter(|line| line.contains("mirror_dirty_due (mirror_id=? AND trash=?"));
    assert_eq!(seeks.count(), 3, "{next:#?}");
    assert!(
        !next.iter().any(|line| line.contains("SCAN mirror_dirty")),
        "{next:#?}"
    );
}

#[tokio::test]
async fn mirrors_are_found_by_what_they_belong_to() {
    let (_database, catalog) = catalog().await;
    let of = |plans: Vec<String>, index: &str| check(&plans, &[index]);
    of(
        plans(&catalog, async |tx| tx.mirrors(Some(USER), 1, 10).await).await,
        "mirrors_of_owner (owner_id=? AND number>?)",
    );
    of(
        plans(&catalog, async |tx| tx.mirrors(None, 1, 10).await).await,
        "(number>?)",
    );
    of(
        plans(&catalog, async |tx| tx.mirrors_of_connection(CONNECTION).await).await,
        "mirrors_of_connection (connection_id=?)",
    );
    of(
        plans(&catalog, async |tx| tx.has_mirrors(CONNECTION).await).await,
        "mirrors_of_connection (connection_id=?)",
    );
    of(
        plans(&catalog, async |tx| tx.mirrors_of_space(SPACE).await).await,
        "mirrors_of_space (space_id=?)",
    );
    of(
        plans(&catalog, async |tx| tx.default_mirror(USER, "google").await).await,
        "mirrors_of_owner (owner_id=?)",
    );
    of(
        plans(&catalog, async |tx| tx.due_mirrors(LATER, 10).await).await,
        "mirrors_due (next_ms<?)",
    );
}

#[tokio::test]
async fn conflicts_are_read_in_their_order_and_found_by_their_entry_and_their_files() {
    let (_database, catalog) = catalog().await;
    let listed = async |owner, resolved, mirror| {
        let filter = ConflictFilter { resolved, mirror };
        plans(&catalog, async |tx| {
            tx.conflicts((owner, filter), Some(5), 10).await
        })
        .await
    };
    check(&listed(None, None, None).await, &["(number<?)"]);
    check(&listed(None, Some(false), None).await, &["conflicts_open"]);
    check(
        &listed(Some(USER), None, None).await,
        &["conflicts_of_owner (owner_id=? AND number<?)"],
    );
    check(
        &listed(Some(USER), Some(false), None).await,
        &["conflicts_open_of_owner (owner_id=? AND number<?)"],
    );
    check(
        &listed(None, None, Some(MIRROR)).await,
        &["conflicts_of_mirror (mirror_id=? AND number<?)"],
    );
    check(
        &listed(Some(USER), Some(false), Some(MIRROR)).await,
        &["(owner_id=?"],
    );
    let of = |plans: Vec<String>, indexes: &[&str]| check(&plans, indexes);
    of(
        plans(&catalog, async |tx| tx.open_conflict_of(MIRROR, 1).await).await,
        &["conflicts_open_of_entry (mirror_id=? AND entry=?)"],
    );
    of(
        plans(&catalog, async |tx| tx.open_conflicts_of_nodes(&[NODE]).await).await,
        &["conflicts_by_node (node_id=?)"],
    );
    of(
        plans(&catalog, async |tx| tx.conflict_of_copy(NODE).await).await,
        &["conflicts_by_copy (copy_id=?)"],
    );
    of(
        plans(&catalog, async |tx| tx.count_conflicts(Some(USER)).await).await,
        &[
            "conflicts_of_owner (owner_id=?)",
            "conflicts_open_of_owner (owner_id=?)",
        ],
    );
    let new = Conflict {
        id: ConflictId::from_bytes([1; 16]),
        number: 0,
        owner: USER,
        mirror: MIRROR,
        entry: 1,
        node: None,
        kind: ConflictKind::EditEdit,
        path: "path".to_owned(),
        base: None,
        here: None,
        there: None,
        copy: None,
        found_ms: LATER,
        resolution: None,
        history: String::new(),
    };
    of(
        plans(&catalog, async |tx| {
            tx.create_conflict(&new, b"fingerprint").await
        })
        .await,
        &["conflicts_once (mirror_id=? AND fingerprint=?)"],
    );
}

#[tokio::test]
async fn items_of_a_folder_come_from_an_index_whatever_their_number() {
    let (_database, catalog) = catalog().await;
    let of = |plans: Vec<String>, indexes: &[&str]| check(&plans, indexes);
    let by_key = "PRIMARY KEY (connection_id=? AND item_key=?)";
    let ids = vec!["item"; 200];
    of(
        plans(&catalog, async |tx| tx.items(CONNECTION, &ids).await).await,
        &[by_key; 2],
    );
    of(
        plans(&catalog, async |tx| tx.remove_items(CONNECTION, &ids).await).await,
        &[by_key; 2],
    );
    let item = RemoteItem {
        id: "1".to_owned(),
        parent: Some("root".to_owned()),
        name: "1".to_owned(),
        kind: RemoteKind::File,
        size_bytes: None,
        media_type: None,
        hashes: Vec::new(),
        revision: None,
        tag: None,
        modified_ms: None,
        is_trashed: false,
        is_editable: true,
        details: Vec::new(),
        web_url: None,
    };
    for _ in 0..2 {
        of(
            plans(&catalog, async |tx| {
                tx.put_changed_items(CONNECTION, 1, std::slice::from_ref(&item))
                    .await
            })
            .await,
            &[by_key],
        );
    }
    let place = [&[1_u8] as &[u8], &[5; 16], b"name"].concat();
    let folder = "connection_items_of_folder (connection_id=? AND parent_key=?";
    for after in [&[] as &[u8], &place] {
        of(
            plans(&catalog, async |tx| {
                tx.items_below((CONNECTION, "root"), after, 10).await
            })
            .await,
            &[&format!("{folder} AND (kind,sort_key,item_key)>(?,?,?)")],
        );
    }
    of(
        plans(&catalog, async |tx| {
            tx.items_named((CONNECTION, "root"), &["a", "b"]).await
        })
        .await,
        &[&format!("{folder} AND kind=? AND sort_key=?)")],
    );
    let journal = "remote_changes USING PRIMARY KEY (connection_id=? AND seq>?)";
    of(
        plans(&catalog, async |tx| tx.remote_changes(CONNECTION, 5, 10).await).await,
        &[journal],
    );
    of(
        plans(&catalog, async |tx| tx.trim_remote(CONNECTION, 5, 10).await).await,
        &["(connection_id=? AND seq=?)"],
    );
}

#[tokio::test]
async fn nodes_are_found_by_ids_and_names_however_many_there_are() {
    let (_database, catalog) = catalog().await;
    let of = |plans: Vec<String>, indexes: &[&str]| check(&plans, indexes);
    of(
        plans(&catalog, async |tx| tx.nodes(&[NODE, NODE]).await).await,
        &[BY_ID, VERSION],
    );
    of(
        plans(&catalog, async |tx| tx.children_after(NODE, Some("a"), 10).await).await,
        &["nodes_by_place (parent_id=? AND name>?)", VERSION],
    );
    of(
        plans(&catalog, async |tx| tx.children_named(NODE, &["a", "b"]).await).await,
        &["nodes_by_name (parent_id=? AND kind=? AND name_key=?)", VERSION],
    );
    of(
        plans(&catalog, async |tx| tx.ways_up(&[NODE, NODE]).await).await,
        &["(id=?)"],
    );
    let digests = [Digest([1; 32]), Digest([2; 32])];
    of(
        plans(&catalog, async |tx| tx.content_hashes(&digests).await).await,
        &["content_hashes USING PRIMARY KEY (digest=?)"],
    );
}
