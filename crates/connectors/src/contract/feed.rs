//! Somebody who follows a feed by its rules, and so knows what there is.

use std::collections::BTreeMap;

use super::scene::{ROUNDS, Scene};
use crate::{ChangePage, Cursor, Entry, Item, ItemId, ItemKind, RemoteError};

/// More pages than any case fills.
const MOST_PAGES: usize = 5_000;

/// What a feed told so far.
#[derive(Default)]
pub struct Mirror {
    /// Where it goes on.
    pub cursor: Option<Cursor>,
    /// What there is.
    pub items: BTreeMap<ItemId, Item>,
    /// How many entries the last round had.
    pub told: usize,
    /// What the running round told, when it tells all there is.
    round: Option<BTreeMap<ItemId, Item>>,
}

impl Mirror {
    /// Follows until the feed is settled.
    pub async fn round(&mut self, scene: &Scene) -> Result<(), RemoteError> {
        self.told = 0;
        for _ in 0..MOST_PAGES {
            if self.page(scene).await? {
                return Ok(());
            }
        }
        panic!("the feed never settles");
    }

    /// Takes one page; whether it was the last for now.
    pub async fn page(&mut self, scene: &Scene) -> Result<bool, RemoteError> {
        let is_first = self.cursor.is_none();
        let page = scene.drive.changes(self.cursor.as_ref()).await?;
        assert!(
            page.is_snapshot || !is_first,
            "the first round tells all there is"
        );
        self.told += page.entries.len();
        let is_settled = page.next.is_settled();
        self.cursor = Some(page.next.cursor().clone());
        self.take(page);
        Ok(is_settled)
    }

    fn take(&mut self, page: ChangePage) {
        let is_settled = page.next.is_settled();
        if page.is_snapshot {
            let mut round = self.round.take().unwrap_or_default();
            page.entries
                .into_iter()
                .for_each(|entry| apply(&mut round, entry));
            if is_settled {
                self.items = round;
            } else {
                self.round = Some(round);
            }
        } else {
            assert!(self.round.is_none(), "a round that tells all does so to its end");
            page.entries
                .into_iter()
                .for_each(|entry| apply(&mut self.items, entry));
        }
    }

    /// What can be reached from the root and is not in the trash: paths with the lengths of files.
    pub fn shape(&self, root: &ItemId) -> BTreeMap<String, Option<u64>> {
        let mut shape = BTreeMap::new();
        let mut open = vec![(root.clone(), String::new())];
        while let Some((folder, above)) = open.pop() {
            let inside = self.items.values().filter(|item| {
                item.parent.as_ref() == Some(&folder) && item.id != folder && !item.is_trashed
            });
            for item in inside {
                let path = format!("{above}{}", item.name);
                if item.is_folder() {
                    open.push((item.id.clone(), format!("{path}/")));
                }
                let length = match item.kind {
                    ItemKind::Folder => None,
                    _ => Some(item.size_bytes.unwrap_or(0)),
                };
                shape.insert(path, length);
            }
        }
        shape
    }

    /// The item that has that path.
    pub fn at(&self, scene: &Scene, path: &str) -> Option<&Item> {
        let mut folder = &scene.root;
        let mut found = None;
        for name in path.split('/') {
            let item = self
                .items
                .values()
                .find(|item| item.parent.as_ref() == Some(folder) && item.name == name && !item.is_trashed)?;
            folder = &item.id;
            found = Some(item);
        }
        found
    }

    /// Follows until it knows what somebody else sees, with patience.
    #[track_caller]
    pub fn catch_up<'a>(&'a mut self, scene: &'a Scene) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let mut shape = BTreeMap::new();
            let mut expected = BTreeMap::new();
            for _ in 0..ROUNDS {
                self.round(scene).await.expect("changes");
                shape = self.shape(&scene.root);
                if !scene.can().has_empty_folders {
                    let all = shape.clone();
                    shape.retain(|path, length| {
                        let within = format!("{path}/");
                        length.is_some() || all.keys().any(|other| other.starts_with(&within))
                    });
                }
                expected = scene
                    .tree()
                    .await
                    .into_iter()
                    .map(|(path, content)| (path, content.map(|bytes| bytes.len() as u64)))
                    .collect();
                if shape == expected {
                    return;
                }
                scene.world.settle().await;
            }
            panic!("{caller}:\nthe feed told {shape:#?}\nthere is {expected:#?}");
        }
    }
}

fn apply(items: &mut BTreeMap<ItemId, Item>, entry: Entry) {
    match entry {
        Entry::Is(item) => {
            items.insert(item.id.clone(), *item);
        }
        Entry::Gone(id) => {
            items.remove(&id);
        }
    }
}
