//! Whether both sides are alike.

use std::collections::BTreeSet;

use model::{MirrorDirection, MirrorDrift, NodeId};

use super::cloud::{Cloud, ROOT, Sort};
use super::drive::text;
use super::judge::End;
use super::play::Play;
use super::world::{Ledger, Tree};

/// Names here, and names there.
type Names = (BTreeSet<String>, BTreeSet<String>);

/// Both sides, to be compared.
struct Sides<'a> {
    tree: &'a Tree,
    cloud: &'a Cloud,
    ledger: &'a Ledger,
    /// There may be more there than here, and the other way round.
    extra: (bool, bool),
}

/// I3: the trees are alike, byte for byte, but for what is left alone on purpose.
pub(super) fn compare(play: &Play<'_>, end: &End) -> Result<(), String> {
    let setup = &play.tape.setup;
    let (has_push, has_pull) = match setup.direction {
        MirrorDirection::TwoWay => (true, true),
        MirrorDirection::Push => (true, false),
        MirrorDirection::Pull => (false, true),
    };
    if setup.direction != MirrorDirection::TwoWay && setup.drift == MirrorDrift::Leave {
        // Whatever changed on the side that only receives stays as it is.
        return Ok(());
    }
    let cloud = play.sea.cloud();
    let sides = Sides {
        tree: &end.tree,
        cloud: &cloud,
        ledger: &play.ledger,
        extra: (!has_pull, !has_push),
    };
    sides.folder(play.mirrored, ROOT, "").map_err(|why| {
        format!(
            "the sides are not alike: {why}\n here {:?}\n there {:?}",
            sides.here(play.mirrored),
            sides.there()
        )
    })
}

impl Sides<'_> {
    /// Compares a folder here with one there.
    fn folder(&self, here: NodeId, there: u64, path: &str) -> Result<(), String> {
        let mut left: Vec<_> = self.tree.inside(here).collect();
        let mut right: Vec<u64> = self.cloud.live_children(there);
        let held = right.iter().filter(|number| self.is_held(**number));
        let held: Vec<&str> = held
            .map(|number| self.cloud.things[number].name.as_str())
            .collect();
        let names = self.names(here, there);
        right.retain(|number| match self.cloud.things[number].sort {
            Sort::Folder => !self.is_held(*number),
            Sort::File => true,
            _ => false,
        });
        // By name first; of several of one name there one has it here, and the others something like it.
        for is_exact in [true, false] {
            right.retain(|number| {
                let name = &self.cloud.things[number].name;
                let found = left.iter().position(|node| {
                    let is_alike = node.is_folder() == (self.cloud.things[number].sort == Sort::Folder);
                    is_alike
                        && match is_exact {
                            true => node.name.as_str() == name,
                            false => self.is_like((node.name.as_str(), name), &names),
                        }
                        && self.item(node, *number, path).is_ok()
                });
                match found {
                    Some(found) => {
                        left.remove(found);
                        false
                    }
                    None => true,
                }
            });
        }
        left.retain(|node| {
            let name = node.name.as_str();
            let is_of = |there: &&str| *there == name || self.is_like((name, there), &names);
            !(node.is_folder() && held.iter().any(is_of))
        });
        let (more_there, more_here) = self.extra;
        if !right.is_empty() && !more_there {
            let names: Vec<_> = right.iter().map(|number| self.cloud.path(*number)).collect();
            return Err(format!("only there, or other: {names:?}"));
        }
        if !left.is_empty() && !more_here {
            let names: Vec<_> = left.iter().map(|node| format!("{path}{}", node.name)).collect();
            return Err(format!("only here, or other: {names:?}"));
        }
        Ok(())
    }

    /// The names in a folder on both sides, whatever their case.
    fn names(&self, here: NodeId, there: u64) -> Names {
        let left = self
            .tree
            .inside(here)
            .map(|node| node.name.as_str().to_lowercase());
        let right = self.cloud.live_children(there).into_iter();
        let right = right.map(|number| self.cloud.things[&number].name.to_lowercase());
        (left.collect(), right.collect())
    }

    /// Whether a folder there is only there because of documents in it, which have no counterpart.
    fn is_held(&self, folder: u64) -> bool {
        let inside = self.cloud.live_children(folder);
        !inside.is_empty()
            && inside.iter().all(|number| match self.cloud.things[number].sort {
                Sort::Folder => self.is_held(*number),
                Sort::File => false,
                _ => true,
            })
    }

    fn item(&self, node: &model::Node, number: u64, path: &str) -> Result<(), String> {
        let path = format!("{path}{}", node.name);
        if node.is_folder() {
            return self.folder(node.id, number, &format!("{path}/"));
        }
        let here = self.ledger.bytes_of(node).map(Ledger::plain);
        let there = self.cloud.things[&number]
            .kept
            .last()
            .map(|kept| Ledger::plain(&kept.bytes));
        match here == there {
            true => Ok(()),
            false => Err(path),
        }
    }

    /// Whether a name on one side may stand for one on the other that cannot be there because of something else.
    fn is_like(&self, (here, there): (&str, &str), (all_here, all_there): &Names) -> bool {
        let abilities = &self.cloud.flavour.abilities;
        let (here, there) = (here.to_lowercase(), there.to_lowercase());
        // What only receives may have something of its own under the name.
        let (more_there, more_here) = self.extra;
        let is_taken = (more_there && all_there.contains(&here)) || (more_here && all_here.contains(&there));
        if !abilities.has_duplicates && !abilities.names.folds_case && !is_taken {
            // What gave way once keeps its suffix on that side until somebody renames it.
            let is_of = |name: &str, other: &str| without_suffix(name).is_some_and(|plain| plain == other);
            return is_of(&there, &here) || is_of(&here, &there);
        }
        let stem = |name: &str| name.split(['.', ' ']).next().unwrap_or_default().to_owned();
        stem(&here) == stem(&there)
    }

    fn here(&self, top: NodeId) -> Vec<String> {
        let nodes = self.tree.nodes.iter();
        let mut all: Vec<String> = nodes
            .map(|node| {
                let bytes = self.ledger.bytes_of(node).map(text);
                format!("{} {}", self.tree.path(top, node), bytes.unwrap_or_default())
            })
            .collect();
        all.sort();
        all
    }

    fn there(&self) -> Vec<String> {
        let all = self.cloud.tree().into_iter();
        all.map(|(path, bytes)| format!("{path} {}", bytes.map(|bytes| text(&bytes)).unwrap_or_default()))
            .collect()
    }
}

/// A name without the number of an entry that it was given to be told from another.
fn without_suffix(name: &str) -> Option<String> {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) => (stem, format!(".{extension}")),
        None => (name, String::new()),
    };
    let (plain, number) = stem.strip_suffix(')')?.rsplit_once(" (")?;
    let is_number = number.len() >= 5 && number.chars().all(|c| c.is_ascii_hexdigit());
    is_number.then(|| format!("{plain}{extension}"))
}
