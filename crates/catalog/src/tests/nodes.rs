//! Many nodes at once.

use std::collections::BTreeSet;

use model::{Millis, Node, NodeId, NodeKind, NodeName, SpaceId, UserId};

use super::database::on_each_engine;
use crate::{Catalog, Entry, NewNode};

const SPACE: SpaceId = SpaceId::from_bytes([2; 16]);
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

fn id(number: u32) -> NodeId {
    let mut bytes = [9; 16];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    NodeId::from_bytes(bytes)
}

/// A space whose root is node 0.
async fn begun(catalog: &Catalog) {
    run!(
        catalog,
        create_space(SPACE, UserId::from_bytes([1; 16]), id(0), NOW)
    );
}

async fn folder(catalog: &Catalog, number: u32, parent: u32, name: &str) -> Node {
    let mut tx = catalog.write().await.unwrap();
    let name = NodeName::new(name).unwrap();
    let new = NewNode {
        id: id(number),
        space: SPACE,
        parent: Some(id(parent)),
        name: &name,
        kind: NodeKind::Folder,
        size_bytes: 0,
        height: 0,
        now: NOW,
    };
    assert!(tx.create_node(new).await.unwrap());
    let node = tx.node(id(number)).await.unwrap().unwrap();
    let entry = Entry {
        kind: model::ChangeKind::Created,
        node: &node,
        actor: None,
        at_ms: NOW,
        grown_bytes: 0,
    };
    tx.record(entry).await.unwrap();
    tx.commit().await.unwrap();
    node
}

#[tokio::test]
async fn nodes_are_found_by_many_ids_many_names_and_page_by_page() {
    on_each_engine(|catalog| async move {
        begun(&catalog).await;
        let mut all = Vec::new();
        for number in 1..=150 {
            all.push(folder(&catalog, number, 0, &format!("Folder {number:03}")).await);
        }
        folder(&catalog, 200, 1, "Folder 001").await;
        let ids: Vec<NodeId> = (1..=160).map(id).collect();
        let numbers = |nodes: &[Node]| nodes.iter().map(|node| node.id).collect::<BTreeSet<_>>();
        assert_eq!(numbers(&run!(catalog, nodes(&ids))), numbers(&all));
        assert_eq!(run!(catalog, nodes(&[])), []);

        assert_eq!(run!(catalog, children_after(id(0), None, 100)), all[..100]);
        let next = run!(catalog, children_after(id(0), Some("Folder 100"), 100));
        assert_eq!(next, all[100..]);

        let names: Vec<String> = all.iter().map(|node| node.name.key()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(run!(catalog, children_named(id(0), &names)).len(), 150);
        assert_eq!(
            run!(catalog, children_named(id(0), &["folder 007", "no"])),
            all[6..7]
        );
        // What is in the trash is in no folder.
        run!(catalog, trash_node(id(7), id(0), NOW));
        assert_eq!(run!(catalog, children_named(id(0), &["folder 007"])), []);
        assert_eq!(run!(catalog, nodes(&[id(7)])).len(), 1);
    })
    .await;
}

#[tokio::test]
async fn ways_up_of_many_nodes_are_those_of_each() {
    on_each_engine(|catalog| async move {
        begun(&catalog).await;
        folder(&catalog, 1, 0, "a").await;
        folder(&catalog, 2, 1, "b").await;
        folder(&catalog, 3, 2, "c").await;
        folder(&catalog, 4, 1, "d").await;
        run!(catalog, trash_node(id(2), id(1), NOW));
        let asked: Vec<NodeId> = [3, 0, 4, 9, 3].map(id).to_vec();
        let mut ways = run!(catalog, ways_up(&asked));
        assert_eq!(ways.len(), 3);
        for number in [0, 3, 4] {
            let alone = run!(catalog, way_up(id(number)));
            assert_eq!(ways.remove(&id(number)), Some(alone), "{number}");
        }
    })
    .await;
}
