//! The journal from its first entry on gives the tree.

use std::collections::BTreeMap;

use serde_json::Value;

use super::eye::Eye;
use crate::harness::Client;

/// What journal and listing both tell of a node: folder, name, kind, version, size, digest.
type Facts = (String, String, String, Option<u64>, Option<u64>, Option<String>);

fn facts(parent: &str, node: &Value, kind: &str) -> Facts {
    let is_file = node[kind] == "file";
    (
        parent.to_owned(),
        node["name"].as_str().unwrap().to_owned(),
        node[kind].as_str().unwrap().to_owned(),
        node["version"].as_u64().filter(|_| is_file),
        node["size"].as_u64().filter(|_| is_file),
        node["sha256"].as_str().filter(|_| is_file).map(str::to_owned),
    )
}

/// The tree that a client lists.
pub async fn listed(client: &Client, root: &str) -> BTreeMap<String, Facts> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for node in Eye(client).children(&folder).await.unwrap() {
            let id = node["id"].as_str().unwrap().to_owned();
            if node["kind"] == "folder" {
                folders.push(id.clone());
            }
            found.insert(id, facts(&folder, &node, "kind"));
        }
    }
    found
}

/// The tree that follows from the journal, which has no gaps.
pub async fn replayed(client: &Client, root: &str) -> BTreeMap<String, Facts> {
    let mut nodes: BTreeMap<String, Option<Facts>> = BTreeMap::new();
    let (mut seq, mut cursor) = (0, String::new());
    loop {
        let page = client.get(&format!("/api/v1/changes?limit=1000{cursor}")).await;
        let page = page.expect(200).json();
        for change in page["changes"].as_array().unwrap() {
            seq += 1;
            assert_eq!(change["seq"], seq, "the journal has a gap");
            let id = change["node_id"].as_str().unwrap().to_owned();
            let parent = change["parent_id"].as_str();
            nodes.insert(id, parent.map(|parent| facts(parent, change, "node_kind")));
        }
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
        if page["has_more"] == false {
            break;
        }
    }
    let is_in_tree = |id: &String| {
        let mut at = id.as_str();
        while at != root {
            match nodes.get(at) {
                Some(Some((parent, ..))) => at = parent,
                Some(None) | None => return false,
            }
        }
        true
    };
    nodes
        .iter()
        .filter(|(id, _)| is_in_tree(id))
        .filter_map(|(id, facts)| Some((id.clone(), facts.clone()?)))
        .collect()
}
