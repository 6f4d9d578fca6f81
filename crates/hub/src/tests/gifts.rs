//! Random gifts in random trees, held against the plainest account of who holds what.

use std::collections::{BTreeMap, BTreeSet};

use model::{Actor, Guard, LinkMode, NodeId, Right, ShareId};
use proptest::prelude::*;

use super::harness::{ROOT, TestHub, for_cases};
use super::shares::new;
use crate::{FolderRef, HubError, NewLink, NewShare, NodeChange, ShareChange};

/// People besides the owner.
const PEOPLE: usize = 4;
/// Folders; all but the first begin below an earlier one.
const FOLDERS: usize = 6;

#[derive(Debug, Clone)]
enum Step {
    Give {
        giver: usize,
        to: usize,
        node: usize,
        is_edit: bool,
        may_share: bool,
    },
    Change {
        who: usize,
        share: usize,
        is_edit: bool,
        may_share: bool,
    },
    Revoke {
        who: usize,
        share: usize,
    },
    Move {
        node: usize,
        to: usize,
    },
    Link {
        giver: usize,
        node: usize,
        mode: LinkMode,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let give = (
        0..=PEOPLE,
        1..=PEOPLE,
        0..FOLDERS,
        any::<bool>(),
        prop::bool::weighted(0.7),
    )
        .prop_map(|(giver, to, node, is_edit, may_share)| Step::Give {
            giver,
            to,
            node,
            is_edit,
            may_share,
        });
    let change = (0..=PEOPLE, any::<usize>(), any::<bool>(), any::<bool>()).prop_map(
        |(who, share, is_edit, may_share)| Step::Change {
            who,
            share,
            is_edit,
            may_share,
        },
    );
    let revoke = (0..=PEOPLE, any::<usize>()).prop_map(|(who, share)| Step::Revoke { who, share });
    let go = (0..FOLDERS, 0..FOLDERS).prop_map(|(node, to)| Step::Move { node, to });
    let mode = prop::sample::select(LinkMode::ALL.to_vec());
    let link =
        (0..=PEOPLE, 0..FOLDERS, mode).prop_map(|(giver, node, mode)| Step::Link { giver, node, mode });
    let step = prop_oneof![6 => give, 2 => change, 1 => revoke, 2 => go, 1 => link];
    prop::collection::vec(step, 4..24)
}

/// A gift as it was agreed.
#[derive(Debug, Clone)]
struct Gift {
    giver: usize,
    to: usize,
    node: usize,
    right: Right,
    may_share: bool,
    id: ShareId,
}

/// All that was agreed, and who holds what by it.
#[derive(Default)]
struct Account {
    /// The folder above each folder; none is the root.
    above: BTreeMap<usize, usize>,
    gifts: Vec<Gift>,
}

impl Account {
    fn way(&self, node: usize) -> Vec<usize> {
        let mut way = vec![node];
        while let Some(above) = self.above.get(way.last().unwrap()) {
            way.push(*above);
        }
        way
    }

    /// What everyone holds of a node, and may give of it: it grows from the owner's gifts on until it
    /// grows no more. A gift counts at the node that it was made on: from the top of the way down.
    fn held(&self, node: usize) -> Vec<(Option<Right>, Option<Right>)> {
        let mut held = vec![(None, None); PEOPLE + 1];
        held[0] = (Some(Right::Own), Some(Right::Own));
        for at in self.way(node).iter().rev() {
            loop {
                let before = held.clone();
                for gift in self.gifts.iter().filter(|gift| gift.node == *at) {
                    let Some(most) = held[gift.giver].1 else { continue };
                    let right = Some(most.min(gift.right));
                    let person = &mut held[gift.to];
                    person.0 = person.0.max(right);
                    person.1 = person.1.max(right.filter(|_| gift.may_share));
                }
                if held == before {
                    break;
                }
            }
        }
        held
    }
}

struct World {
    people: Vec<Actor>,
    folders: Vec<NodeId>,
    account: Account,
    links: Vec<(usize, usize, LinkMode, String)>,
}

const fn right_of(is_edit: bool) -> Right {
    if is_edit { Right::Edit } else { Right::View }
}

impl World {
    async fn take(&mut self, t: &TestHub, step: Step) {
        match step {
            Step::Give {
                giver,
                to,
                node,
                is_edit,
                may_share,
            } => {
                self.give(t, (giver, to, node), (right_of(is_edit), may_share))
                    .await
            }
            Step::Change {
                who,
                share,
                is_edit,
                may_share,
            } => self.change(t, (who, share), (right_of(is_edit), may_share)).await,
            Step::Revoke { who, share } => self.revoke(t, who, share).await,
            Step::Move { node, to } => {
                let is_ring = self.account.way(to).contains(&node);
                let change = NodeChange {
                    folder: Some(FolderRef::Id(self.folders[to])),
                    ..NodeChange::default()
                };
                let moved = t.change_node(&self.people[0], self.folders[node], change).await;
                assert_eq!(moved.is_ok(), !is_ring);
                if !is_ring {
                    self.account.above.insert(node, to);
                }
            }
            Step::Link { giver, node, mode } => {
                let link = NewLink {
                    node: self.folders[node],
                    mode,
                    label: String::new(),
                    password: None,
                    expires_ms: None,
                    most_downloads: None,
                };
                let (_, gives) = self.account.held(node)[giver];
                let needed = if mode == LinkMode::View {
                    Right::View
                } else {
                    Right::Edit
                };
                let made = t.create_link(&self.people[giver], link).await;
                assert_eq!(made.is_ok(), gives >= Some(needed), "{made:?}");
                if let Ok(row) = made {
                    self.links.push((giver, node, mode, row.token.unwrap()));
                }
            }
        }
    }

    async fn give(&mut self, t: &TestHub, (giver, to, node): (usize, usize, usize), gift: (Right, bool)) {
        let (right, may_share) = gift;
        let share = NewShare {
            may_share,
            ..new(self.folders[node], &self.people[to], right)
        };
        let (held, gives) = self.account.held(node)[giver];
        let gifts = &mut self.account.gifts;
        let old = gifts.iter().position(|gift| gift.to == to && gift.node == node);
        let is_others = old.is_some_and(|at| gifts[at].giver != giver && giver != 0);
        let is_right = gives >= Some(right) && giver != to && !is_others;
        match t.share(&self.people[giver], share).await {
            Ok((row, is_new)) => {
                assert!(is_right);
                assert_eq!(is_new, old.is_none());
                if let Some(at) = old {
                    gifts.remove(at);
                }
                gifts.push(Gift {
                    giver,
                    to,
                    node,
                    right,
                    may_share,
                    id: row.share.id,
                });
            }
            Err(HubError::NotFound(_)) => assert_eq!(held, None),
            Err(error) => assert!(!is_right && held.is_some(), "{error:?}"),
        }
    }

    async fn change(&mut self, t: &TestHub, (who, share): (usize, usize), (right, may_share): (Right, bool)) {
        let Some(at) = share.checked_rem(self.account.gifts.len()) else {
            return;
        };
        let gift = self.account.gifts[at].clone();
        let (_, gives) = self.account.held(gift.node)[who];
        let is_right = [0, gift.giver].contains(&who) && gives >= Some(right);
        let change = ShareChange {
            right: Some(right),
            may_share: Some(may_share),
        };
        let changed = t.change_share(&self.people[who], gift.id, change).await;
        assert_eq!(changed.is_ok(), is_right, "{changed:?}");
        if is_right {
            let gift = &mut self.account.gifts[at];
            (gift.right, gift.may_share) = (right, may_share);
        }
    }

    async fn revoke(&mut self, t: &TestHub, who: usize, share: usize) {
        let Some(at) = share.checked_rem(self.account.gifts.len()) else {
            return;
        };
        let gift = self.account.gifts[at].clone();
        let revoked = t.revoke_share(&self.people[who], gift.id).await;
        assert_eq!(revoked.is_ok(), [0, gift.giver, gift.to].contains(&who));
        if revoked.is_ok() {
            self.account.gifts.remove(at);
        }
    }

    async fn check(&self, t: &TestHub) {
        for (at, folder) in self.folders.iter().enumerate() {
            for (person, (right, gives)) in self.account.held(at).into_iter().enumerate() {
                let seen = match t.info(&self.people[person], *folder).await {
                    Ok(info) => (Some(info.right), info.may_share),
                    Err(HubError::NotFound(_)) => (None, false),
                    Err(error) => panic!("{error:?}"),
                };
                assert_eq!(seen, (right, gives.is_some()), "person {person} at folder {at}");
            }
        }
        for (giver, node, mode, token) in &self.links {
            let (_, right) = self.account.held(*node)[*giver];
            let is_open = right
                >= Some(if *mode == LinkMode::Drop {
                    Right::Edit
                } else {
                    Right::View
                });
            let visit = t.visit(token, None, [192, 0, 2, 1].into()).await;
            assert_eq!(visit.is_ok(), is_open, "{visit:?}");
            let Ok(visit) = visit else { continue };
            let expected = match mode {
                LinkMode::View => Some(Right::View),
                LinkMode::Edit => right.map(|right| right.min(Right::Edit)),
                LinkMode::Drop => None,
            };
            assert_eq!(visit.right, expected);
            let inside: BTreeSet<usize> = (0..FOLDERS)
                .filter(|at| self.account.way(*at).contains(node))
                .collect();
            for (at, folder) in self.folders.iter().enumerate() {
                let is_seen = t.info(&visit.actor, *folder).await.is_ok();
                assert_eq!(is_seen, expected.is_some() && inside.contains(&at));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_are_what_was_agreed_after_any_history() {
    for_cases(16, steps(), async |t, owner, steps| {
        let mut people = vec![owner];
        for number in 1..=PEOPLE {
            people.push(t.user(&format!("person{number}")).await);
        }
        let mut folders = Vec::new();
        let mut account = Account::default();
        for number in 0..FOLDERS {
            let parent = match number {
                0 | 1 => ROOT,
                _ => FolderRef::Id(folders[number / 2]),
            };
            if number > 1 {
                account.above.insert(number, number / 2);
            }
            folders.push(t.new_folder(&people[0], parent, &format!("f{number}")).await.id);
        }
        let mut world = World {
            people,
            folders,
            account,
            links: Vec::new(),
        };
        for step in steps {
            world.take(t, step).await;
            world.check(t).await;
        }
        t.delete(&world.people[0], world.folders[1], Guard::None)
            .await
            .ok();
        t.check_sound().await;
    })
    .await;
}
