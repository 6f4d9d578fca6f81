//! Random edits on both sides of a real folder: in the end both have the same, and nothing that was written is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use hub::{MirrorSettings, NodeChange};
use model::{Guard, NodeName, OnConflict};

use super::{Tree, World, path};

/// Rounds of edits in one run.
const ROUNDS: u32 = 5;
/// Edits on each side in a round.
const EDITS: u64 = 6;

/// A small generator of its own, so that a seed means the same for ever.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) % sides
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let sides = u64::try_from(of.len()).unwrap();
        (sides > 0).then(|| &of[usize::try_from(self.roll(sides)).unwrap()])
    }
}

const NAMES: [&str; 9] = [
    "a.txt",
    "b.txt",
    "A.txt",
    "folder",
    "Ordner ä",
    "with space.txt",
    "100%#&?.txt",
    "日本語.txt",
    "very long name that goes on and on and on and on and on and on and on and on and on and on.txt",
];

/// All that was ever written, and by whom it was replaced.
#[derive(Default)]
struct Written {
    contents: BTreeSet<Vec<u8>>,
    count: u32,
}

impl Written {
    fn next(&mut self, side: &str) -> Vec<u8> {
        self.count += 1;
        let content = format!("{side} {}", self.count).into_bytes();
        self.contents.insert(content.clone());
        content
    }
}

async fn edit_here(world: &World, dice: &mut Dice, written: &mut Written) {
    let tree = world.tree_here().await;
    let paths: Vec<String> = tree.keys().cloned().collect();
    let folders = folders(&tree);
    let folder = dice.pick(&folders).cloned().unwrap();
    let name = *dice.pick(&NAMES).unwrap();
    let target = format!("{folder}{name}");
    match dice.roll(10) {
        0..=3 => {
            if tree.get(&target).is_none_or(Option::is_some) {
                world.put(&target, &written.next("here")).await;
            }
        }
        4 => {
            let new = hub::NewFolder::Path(path(&format!("mirrored/{target}")));
            // A file may be in the way.
            let _ = world.hub.create_folder(&world.ada, new).await;
        }
        5 | 6 => {
            if let Some(of) = dice.pick(&paths) {
                let node = world.node(of).await;
                let to = world.node_or_root(folder.trim_end_matches('/')).await;
                let change = NodeChange {
                    name: Some(name.parse::<NodeName>().unwrap()),
                    folder: Some(hub::FolderRef::Id(to)),
                    on_conflict: OnConflict::Fail,
                    guard: Guard::None,
                };
                let _ = world.hub.change_node(&world.ada, node.id, change).await;
            }
        }
        7 => {
            if let Some(of) = dice.pick(&paths) {
                // What is in a deleted folder cannot be listed: one by one, the lowest first.
                let below = tree
                    .range(format!("{of}/")..format!("{of}0"))
                    .map(|(path, _)| path);
                for path in below.rev().chain([of]) {
                    let node = world.node(path).await;
                    world.hub.delete(&world.ada, node.id, Guard::None).await.unwrap();
                }
            }
        }
        _ => {
            let files: Vec<&String> = tree
                .iter()
                .filter(|(_, bytes)| bytes.is_some())
                .map(|(path, _)| path)
                .collect();
            if let Some(of) = dice.pick(&files) {
                world.put(of, &written.next("here")).await;
            }
        }
    }
}

fn edit_there(world: &World, dice: &mut Dice, written: &mut Written) {
    let tree = world.tree_there();
    let paths: Vec<String> = tree.keys().cloned().collect();
    let folders = folders(&tree);
    let folder = dice.pick(&folders).cloned().unwrap();
    let name = *dice.pick(&NAMES).unwrap();
    let target = format!("{folder}{name}");
    let at = world.there(&target);
    match dice.roll(10) {
        0..=3 => {
            if tree.get(&target).is_none_or(Option::is_some) {
                fs::write(at, written.next("there")).unwrap();
            }
        }
        4 => {
            let _ = fs::create_dir(at);
        }
        5 | 6 => {
            if let Some(of) = dice.pick(&paths)
                && !tree.contains_key(&target)
                && !format!("{target}/").starts_with(&format!("{of}/"))
            {
                fs::rename(world.there(of), at).unwrap();
            }
        }
        7 => {
            if let Some(of) = dice.pick(&paths) {
                remove(&world.there(of));
            }
        }
        _ => {
            let files: Vec<&String> = tree
                .iter()
                .filter(|(_, bytes)| bytes.is_some())
                .map(|(path, _)| path)
                .collect();
            if let Some(of) = dice.pick(&files) {
                fs::write(world.there(of), written.next("there")).unwrap();
            }
        }
    }
}

fn remove(at: &Path) {
    match at.is_dir() {
        true => fs::remove_dir_all(at).unwrap(),
        false => fs::remove_file(at).unwrap(),
    }
}

fn folders(tree: &Tree) -> Vec<String> {
    let below = tree
        .iter()
        .filter(|(_, bytes)| bytes.is_none())
        .map(|(path, _)| format!("{path}/"));
    [String::new()].into_iter().chain(below).collect()
}

/// Contents that can be had: in the tree, as a version, or in the trash.
async fn kept_here(world: &World) -> BTreeSet<Vec<u8>> {
    world.all_contents().await
}

async fn run(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let world = World::start(MirrorSettings {
        most_deletes: Some(1000),
        ..MirrorSettings::default()
    })
    .await;
    let mut written = Written::default();
    let mut seen_here = BTreeMap::new();
    for round in 0..ROUNDS {
        for _ in 0..EDITS {
            edit_here(&world, &mut dice, &mut written).await;
            edit_there(&world, &mut dice, &mut written);
        }
        world.settle().await;
        let here = world.tree_here().await;
        assert_eq!(here, world.tree_there(), "seed {seed}, round {round}");
        for (path, content) in &here {
            if let Some(content) = content {
                seen_here.insert(content.clone(), format!("{path} in round {round}"));
            }
        }
        let kept = kept_here(&world).await;
        let lost: Vec<String> = seen_here
            .iter()
            .filter(|(content, _)| !kept.contains(*content))
            .map(|(content, place)| format!("{} ({place})", String::from_utf8_lossy(content)))
            .collect();
        assert!(lost.is_empty(), "seed {seed}, round {round}: lost {lost:?}");
    }
}

/// `CUMULI_MIRROR_SEED` plays one run again.
#[tokio::test]
async fn both_sides_agree_and_nothing_is_lost() {
    match std::env::var("CUMULI_MIRROR_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
    {
        Some(seed) => {
            let _ = tracing_subscriber::fmt()
                .with_env_filter("sync_run=trace")
                .with_test_writer()
                .try_init();
            run(seed).await;
        }
        None => {
            for seed in 1..=4 {
                run(seed).await;
            }
        }
    }
}
