//! A walk through what is to be packed, one page of a folder at a time.

use std::collections::HashSet;
use std::vec;

use hub::{FolderRef, Hub, HubError, Listed, Part};
use model::{Actor, Node, NodeId, NodeName, Order, Sort, SortKey, fold};

/// Items of a folder that are held at once.
const PAGE_ITEMS: u32 = 100;
/// What a space is called that has no name.
const ROOT: &str = "Cumuli";

/// What the walk met.
#[derive(Debug)]
pub(super) struct Met {
    /// The node.
    pub node: Node,
    /// Levels between the top of the archive and it.
    pub depth: usize,
    /// Its name in the archive.
    pub name: String,
}

/// Goes through trees from their tops down, folders before what is in them. The right to look is
/// checked anew at each look.
pub(super) struct Walk {
    hub: Hub,
    actor: Actor,
    tops: vec::IntoIter<(String, Node)>,
    /// The top that the walk is below.
    top: Option<NodeId>,
    levels: Vec<Level>,
}

/// A folder that the walk is in.
struct Level {
    folder: NodeId,
    items: vec::IntoIter<Listed>,
    more: More,
}

enum More {
    First,
    After(String),
    Nothing,
}

impl Walk {
    /// A walk through these nodes, as this actor.
    pub fn new(hub: Hub, actor: Actor, nodes: Vec<Node>) -> Self {
        Self {
            hub,
            actor,
            tops: named(nodes).into_iter(),
            top: None,
            levels: Vec::new(),
        }
    }

    /// The next node; `None` after the last.
    ///
    /// # Errors
    /// When what is being packed may not be looked at any more, or the catalog does not answer.
    pub async fn next(&mut self) -> Result<Option<Met>, HubError> {
        loop {
            let depth = self.levels.len();
            let Some(level) = self.levels.last_mut() else {
                let Some((name, node)) = self.tops.next() else {
                    return Ok(None);
                };
                self.top = Some(node.id);
                return Ok(Some(self.meet(node, depth, name)));
            };
            if let Some(item) = level.items.next() {
                let name = entry_name(item.node.name.as_str());
                return Ok(Some(self.meet(item.node, depth, name)));
            }
            let cursor = match std::mem::replace(&mut level.more, More::Nothing) {
                More::First => None,
                More::After(cursor) => Some(cursor),
                More::Nothing => {
                    self.levels.pop();
                    continue;
                }
            };
            let folder = level.folder;
            self.look(folder, cursor).await?;
        }
    }

    /// Whether a node that is not found was removed meanwhile; if it is the right that went, the
    /// archive would be a part that looks like the whole.
    ///
    /// # Errors
    /// `NotFound` when the right went.
    pub async fn check_top(&self) -> Result<(), HubError> {
        match self.top {
            Some(top) => self.hub.info(&self.actor, top).await.map(drop),
            None => Ok(()),
        }
    }

    fn meet(&mut self, node: Node, depth: usize, name: String) -> Met {
        if node.is_folder() {
            self.levels.push(Level {
                folder: node.id,
                items: Vec::new().into_iter(),
                more: More::First,
            });
        }
        Met { node, depth, name }
    }

    async fn look(&mut self, folder: NodeId, cursor: Option<String>) -> Result<(), HubError> {
        let part = Part {
            limit: PAGE_ITEMS,
            cursor,
        };
        let by_name = Sort {
            key: SortKey::Name,
            order: Order::Ascending,
        };
        let place = FolderRef::Id(folder);
        let page = match self.hub.children(&self.actor, place, (None, by_name), part).await {
            Ok(page) => page,
            Err(HubError::NotFound(_)) => return self.check_top().await,
            Err(error) => return Err(error),
        };
        if let Some(level) = self.levels.last_mut() {
            level.items = page.items.into_iter();
            level.more = page.next.map_or(More::Nothing, More::After);
        }
        Ok(())
    }
}

/// The tops with the names that they have in the archive: one of two that are called the same gets a
/// number, upper and lower case being the same to who unpacks it on some systems.
fn named(nodes: Vec<Node>) -> Vec<(String, Node)> {
    let mut taken = HashSet::new();
    let named = nodes.into_iter().map(|node| {
        let name = top_name(node.name.as_str());
        let numbered = NodeName::from_stored(name.clone());
        let names = std::iter::once(name).chain((2..).map(|n| numbered.numbered(n).to_string()));
        let free = names.into_iter().find(|name| taken.insert(fold(name)));
        (free.unwrap_or_default(), node)
    });
    named.collect()
}

/// A name at the top of an archive: it leads to no drive.
fn top_name(name: &str) -> String {
    if name.is_empty() {
        return ROOT.to_owned();
    }
    let mut name = entry_name(name);
    let is_drive =
        name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && name.as_bytes().get(1) == Some(&b':');
    if is_drive {
        name.replace_range(1..2, "_");
    }
    name
}

/// A name in an archive: no name holds a separator, but what Windows takes for one is checked here too.
fn entry_name(name: &str) -> String {
    name.replace(['/', '\\'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_at_the_top_are_relative_and_differ() {
        for (name, shown) in [
            ("", "Cumuli"),
            ("C:x", "C_x"),
            ("c:", "c_"),
            ("12:30", "12:30"),
            ("ab:c", "ab:c"),
            ("é:c", "é:c"),
        ] {
            assert_eq!(top_name(name), shown);
        }
        assert_eq!(entry_name("\\\\srv\\x"), "__srv_x");
    }
}
