//! How things move at the simulated provider: in one step, or by copying what is below one after another.

use connectors::{Item, ItemId, Relocate, RemoteError, Tag};

use super::cloud::{Cloud, ROOT};
use super::drive::{Outcome, SimDrive};
use super::stage::{Call, Point, gate};

impl SimDrive {
    /// Moves by copying, thing by thing.
    pub(super) async fn carry(&self, id: &ItemId, to: Relocate<'_>) -> Outcome<Item> {
        let (from, folder, name) = {
            let cloud = self.cloud();
            let wanted = Wanted {
                id: id.clone(),
                parent: to.parent.cloned(),
                name: to.name.map(ToOwned::to_owned),
                expected: to
                    .expected
                    .cloned()
                    .filter(|_| self.abilities.conditions.relocate),
            };
            let Some(from) = cloud.find(id) else {
                return wanted.moved_before(&cloud);
            };
            let (from, _) = wanted
                .check(&cloud)
                .map(|(there, done)| (there.max(from), done))?;
            let (folder, name) = wanted.place_of(&cloud, from)?;
            if (folder, name.as_str()) == (cloud.things[&from].parent, &cloud.things[&from].name) {
                return cloud.seen(from).ok_or(RemoteError::NotFound);
            }
            if cloud.is_within(from, folder) {
                return Err(RemoteError::Refused {
                    code: "cycle".to_owned(),
                    reason: "a folder cannot go into itself".to_owned(),
                });
            }
            (from, folder, name)
        };
        let made = self.carry_one(from, (folder, &name)).await?;
        self.end(Call::Relocate, made).await?.ok_or(RemoteError::NotFound)
    }

    /// Answers what came of it, a file as it was when it was copied.
    async fn carry_one(&self, from: u64, (folder, name): (u64, &str)) -> Outcome<Option<Item>> {
        let (to, copied) = self.cloud().copied(from, (folder, name))?;
        self.cloud().engine_writes += 1;
        let copy = self.cloud().seen(to).filter(|_| copied.is_some());
        if copied.is_none() {
            loop {
                let next = self.cloud().live_children(from).first().copied();
                let Some(next) = next else { break };
                if self.cloud().is_within(from, to) {
                    // Somebody moved the copy into what it is a copy of.
                    return Err(RemoteError::Changed);
                }
                gate(Point::Amid(Call::Relocate)).await;
                let name = self.cloud().things[&next].name.clone();
                Box::pin(self.carry_one(next, (to, &name))).await?;
            }
        }
        gate(Point::Amid(Call::Relocate)).await;
        let mut cloud = self.cloud();
        if copied.is_some() && cloud.things[&from].kept.last().map(|kept| kept.number) != copied {
            // Somebody wrote it meanwhile: it is the copy that goes.
            cloud.throw(to);
            return Err(RemoteError::Changed);
        }
        if copied.is_some() || cloud.live_children(from).is_empty() {
            cloud.throw(from);
        }
        Ok(copy.or_else(|| cloud.seen(to)))
    }
}

/// A move as it was asked for.
pub(super) struct Wanted {
    pub(super) id: ItemId,
    pub(super) parent: Option<ItemId>,
    pub(super) name: Option<String>,
    pub(super) expected: Option<Tag>,
}

impl Wanted {
    /// What is to be moved, and whether it is where it shall be.
    pub(super) fn check(&self, cloud: &Cloud) -> Outcome<(u64, bool)> {
        let there = cloud.find(&self.id).filter(|there| cloud.is_live(*there));
        let there = there.ok_or(RemoteError::NotFound)?;
        if there == ROOT {
            return Err(RemoteError::Unsupported("move its root"));
        }
        let thing = &cloud.things[&there];
        let is_there = self
            .parent
            .as_ref()
            .is_none_or(|parent| cloud.id_of(thing.parent) == *parent)
            && self.name.as_ref().is_none_or(|name| thing.name == *name);
        if is_there {
            return Ok((there, true));
        }
        let tag = cloud.seen(there).and_then(|item| item.tag);
        match self.expected.is_some() && tag != self.expected {
            true => Err(RemoteError::Changed),
            false => Ok((there, false)),
        }
    }

    fn place_of(&self, cloud: &Cloud, there: u64) -> Outcome<(u64, String)> {
        let thing = &cloud.things[&there];
        let folder = match &self.parent {
            Some(parent) => cloud.find(parent).ok_or(RemoteError::NotFound)?,
            None => thing.parent,
        };
        Ok((folder, self.name.clone().unwrap_or_else(|| thing.name.clone())))
    }

    pub(super) fn place(&self, cloud: &mut Cloud, there: u64) -> Outcome<Item> {
        let (folder, name) = self.place_of(cloud, there)?;
        let thing = &cloud.things[&there];
        if thing.parent != folder || thing.name != name {
            cloud.place(there, folder, &name)?;
        }
        cloud.seen(there).ok_or(RemoteError::NotFound)
    }

    /// By a call whose answer was lost.
    fn moved_before(&self, cloud: &Cloud) -> Outcome<Item> {
        let moved = cloud.live().into_iter().find(|number| {
            let thing = &cloud.things[number];
            thing.copied_from.as_deref() == Some(&self.id.0)
                && self.name.as_ref().is_none_or(|name| thing.name == *name)
                && self
                    .parent
                    .as_ref()
                    .is_none_or(|parent| cloud.id_of(thing.parent) == *parent)
        });
        moved
            .and_then(|moved| cloud.seen(moved))
            .ok_or(RemoteError::NotFound)
    }
}

impl Cloud {
    /// Copies one thing, or finds the copy of an earlier try; answers which content a file's copy has.
    fn copied(&mut self, from: u64, (folder, name): (u64, &str)) -> Outcome<(u64, Option<u64>)> {
        let source = self.path(from);
        let thing = self.things[&from].clone();
        let bytes = thing.kept.last().map(|kept| kept.bytes.clone());
        let content = thing.kept.last().map(|kept| kept.number);
        let beside = self.live_children(folder).into_iter();
        let there = beside.into_iter().find(|number| self.things[number].name == name);
        if let Some(there) = there {
            let is_copy = self.things[&there].copied_from.as_ref() == Some(&source)
                && self.things[&there].kept.last().map(|kept| &kept.bytes) == bytes.as_ref();
            return match is_copy {
                true => Ok((there, content)),
                false => Err(RemoteError::Exists),
            };
        }
        let to = self.make(folder, (name, thing.sort), bytes, None)?;
        self.things.get_mut(&to).expect("it was made").copied_from = Some(source);
        Ok((to, content))
    }
}
