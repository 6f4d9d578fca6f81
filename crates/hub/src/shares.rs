//! Shares: giving people rights on nodes, changing, taking back and leaving them.

use catalog::{Entry, Tx};
use model::{
    Actor, ChangeKind, Email, Millis, Node, NodeId, NodePath, Right, Share, ShareId, SpaceId, User, UserId,
    UserState,
};

use crate::access::{self, Found, Hold};
use crate::people::{Contact, Contacts};
use crate::{Hub, HubError, Part, cursors, keys};

/// People that one node may be given to.
const SHARES_OF_NODE: u64 = 10_000;
/// Rows that one look takes in, and looks that one page may take.
const LOOK_ROWS: u32 = 500;
const LOOKS: usize = 20;

/// A person as another one names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Person {
    /// By id.
    Id(UserId),
    /// By e-mail address.
    Email(Email),
}

/// What to give to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewShare {
    /// The node.
    pub node: NodeId,
    /// Who gets it.
    pub to: Person,
    /// `View` or `Edit`.
    pub right: Right,
    /// Whether they may give as much to others.
    pub may_share: bool,
}

/// What to change about a share. What is not given stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShareChange {
    /// `View` or `Edit`.
    pub right: Option<Right>,
    /// Whether they may give as much to others.
    pub may_share: Option<bool>,
}

/// A share as those concerned see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareRow {
    /// The share.
    pub share: Share,
    /// What was given, as the one who asks may see it.
    pub node: Node,
    /// Its path, as far as they may see it.
    pub path: NodePath,
    /// Who was given it.
    pub user: Contact,
    /// Who gave it.
    pub giver: Contact,
    /// Whose it is.
    pub owner: Contact,
    /// What it amounts to now: a gift reaches no further than its giver.
    pub right: Option<Right>,
}

/// One page of shares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SharePage {
    /// The shares, the newest first.
    pub items: Vec<ShareRow>,
    /// Opens the next page; `None` on the last.
    pub next: Option<String>,
}

/// Which list of shares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Given,
    Received,
}

impl Hub {
    /// Gives a person a right on a node and on all below it. Who has one on that node gets this one
    /// instead. Answers also whether it is new.
    ///
    /// # Errors
    /// `NotFound` (node; a person with an account), `Forbidden` (who may not share it, or not that
    /// much), `Conflict` (a root; oneself; the owner; a right that somebody else gave), `TooManyTries`.
    pub async fn share(&self, actor: &Actor, new: NewShare) -> Result<(ShareRow, bool), HubError> {
        if new.right == Right::Own {
            return Err(HubError::invalid("right", "give view or edit"));
        }
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let giver = access::user(&actor)?;
            let mut tx = hub.read().await?;
            giveable(&mut tx, &actor, (new.node, new.right), Hold::No).await?;
            drop(tx);
            let to = hub.find_person(&actor, &new.to).await?;
            let now = hub.now();
            let mut tx = hub.write().await?;
            hold_both(&mut tx, new.node, to.space).await?;
            let found = giveable(&mut tx, &actor, (new.node, new.right), Hold::Yes).await?;
            if to.id == found.space.owner {
                return Err(HubError::Conflict("it belongs to that person"));
            }
            if to.id == giver {
                return Err(HubError::Conflict("you cannot give something to yourself"));
            }
            let old = tx.shares_on(to.id, &[new.node]).await?.pop();
            let is_new = old.is_none();
            let share = match old {
                Some(old) => {
                    if old.given_by != giver && found.right != Right::Own {
                        return Err(HubError::Conflict(
                            "that person has a right on it from somebody else, who alone may change it",
                        ));
                    }
                    let share = Share {
                        right: new.right,
                        may_share: new.may_share,
                        given_by: giver,
                        changed_ms: now,
                        ..old
                    };
                    tx.change_share(&share).await?;
                    share
                }
                None => {
                    if tx.share_count(new.node).await? >= SHARES_OF_NODE {
                        return Err(HubError::Conflict("it is given to 10,000 people; nobody fits in"));
                    }
                    let share = Share {
                        id: ShareId::new(now, keys::random()),
                        node: new.node,
                        space: found.space.id,
                        user: to.id,
                        right: new.right,
                        may_share: new.may_share,
                        given_by: giver,
                        created_ms: now,
                        changed_ms: now,
                    };
                    // Two who give at once: the space is held, so only one is here.
                    tx.create_share(&share).await?;
                    share
                }
            };
            announce(&mut tx, (&found.node, to.space), ChangeKind::Shared, &actor, now).await?;
            let row = row(&mut tx, &mut Contacts::default(), share, found).await?;
            tx.commit().await?;
            Ok((row, is_new))
        })
        .await
    }

    /// Changes a right that was given.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` (who neither gave it nor owns it; more than one holds).
    pub async fn change_share(
        &self,
        actor: &Actor,
        id: ShareId,
        change: ShareChange,
    ) -> Result<ShareRow, HubError> {
        if change.right == Some(Right::Own) {
            return Err(HubError::invalid("right", "give view or edit"));
        }
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let me = access::user(&actor)?;
            let now = hub.now();
            let mut tx = hub.write().await?;
            let (share, to) = hold_share(&mut tx, me, id).await?;
            let right = change.right.unwrap_or(share.right);
            let found = giveable(&mut tx, &actor, (share.node, right), Hold::Yes).await?;
            if share.given_by != me && found.right != Right::Own {
                return Err(HubError::Forbidden(
                    "only who gave it, or its owner, may change it",
                ));
            }
            let share = Share {
                right,
                may_share: change.may_share.unwrap_or(share.may_share),
                changed_ms: now,
                ..share
            };
            tx.change_share(&share).await?;
            announce(&mut tx, (&found.node, to.space), ChangeKind::Shared, &actor, now).await?;
            let row = row(&mut tx, &mut Contacts::default(), share, found).await?;
            tx.commit().await?;
            Ok(row)
        })
        .await
    }

    /// Takes a right back, or leaves what one was given. At once: also what is being uploaded on it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_share(&self, actor: &Actor, id: ShareId) -> Result<(), HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let me = access::user(&actor)?;
            let now = hub.now();
            let mut tx = hub.write().await?;
            let (share, to) = hold_share(&mut tx, me, id).await?;
            tx.remove_share(id).await?;
            // What is being purged has no place in the journal any more.
            if let Some(node) = tx.node(share.node).await? {
                announce(&mut tx, (&node, to.space), ChangeKind::Unshared, &actor, now).await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Lists what the actor gave, the newest first. What lies in the trash is left out.
    ///
    /// # Errors
    /// `Invalid` (cursor).
    pub async fn shares_given(&self, actor: &Actor, part: Part) -> Result<SharePage, HubError> {
        self.shares(actor, Side::Given, part).await
    }

    /// Lists what the actor was given, the newest first. What they cannot reach now is left out.
    ///
    /// # Errors
    /// `Invalid` (cursor).
    pub async fn shares_received(&self, actor: &Actor, part: Part) -> Result<SharePage, HubError> {
        self.shares(actor, Side::Received, part).await
    }

    async fn shares(&self, actor: &Actor, side: Side, part: Part) -> Result<SharePage, HubError> {
        let user = access::user(actor)?;
        let scope = match side {
            Side::Given => format!("shares given {user}"),
            Side::Received => format!("shares received {user}"),
        };
        let mut after: Option<(Millis, ShareId)> = match &part.cursor {
            Some(cursor) => Some(cursors::open(self.keys(), &scope, cursor)?),
            None => None,
        };
        let mut tx = self.read().await?;
        let mut contacts = Contacts::default();
        let mut items = Vec::new();
        let mut look_rows = part.limit + 1;
        for _ in 0..LOOKS {
            let shares = match side {
                Side::Given => tx.shares_by_giver(user, after, look_rows).await?,
                Side::Received => tx.shares_of_user(user, after, look_rows).await?,
            };
            let is_last = shares.len() < look_rows as usize;
            for share in shares {
                if items.len() == part.limit as usize {
                    let next = after.map(|place| cursors::seal(self.keys(), &scope, &place));
                    return Ok(SharePage { items, next });
                }
                after = Some((share.created_ms, share.id));
                match access::node(&mut tx, actor, share.node, Right::View, Hold::No).await {
                    Ok(found) => items.push(row(&mut tx, &mut contacts, share, found).await?),
                    Err(HubError::NotFound(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            if is_last {
                return Ok(SharePage { items, next: None });
            }
            look_rows = LOOK_ROWS;
            tokio::task::yield_now().await;
        }
        let next = after.map(|place| cursors::seal(self.keys(), &scope, &place));
        Ok(SharePage { items, next })
    }

    /// Lists who was given a node, or a folder above it that the actor may see: the nearest first.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` (who may not share it), `Invalid` (cursor).
    pub async fn node_shares(&self, actor: &Actor, node: NodeId, part: Part) -> Result<SharePage, HubError> {
        let mut tx = self.read().await?;
        let found = giveable(&mut tx, actor, (node, Right::View), Hold::No).await?;
        let scope = format!("access {} {node}", access::scope(actor));
        let mut place: (usize, Option<UserId>) = match &part.cursor {
            Some(cursor) => cursors::open(self.keys(), &scope, cursor)?,
            None => (0, None),
        };
        let mut contacts = Contacts::default();
        let mut items = Vec::new();
        while let Some(step) = found.way.get(place.0).filter(|_| place.0 < found.shown) {
            let room = part.limit + 1 - u32::try_from(items.len()).unwrap_or(u32::MAX);
            let shares = tx.shares_of_node(step.id, place.1, room).await?;
            let is_all = shares.len() < room as usize;
            for share in shares {
                if items.len() == part.limit as usize {
                    let next = Some(cursors::seal(self.keys(), &scope, &place));
                    return Ok(SharePage { items, next });
                }
                place.1 = Some(share.user);
                let above = above(&mut tx, &found, place.0).await?;
                items.push(row(&mut tx, &mut contacts, share, above).await?);
            }
            if is_all {
                place = (place.0 + 1, None);
            }
        }
        Ok(SharePage { items, next: None })
    }
}

/// The node `up` steps above a found one.
async fn above(tx: &mut Tx, found: &Found, up: usize) -> Result<Found, HubError> {
    let mut at = found.clone();
    for _ in 0..up {
        at = access::folder_of(tx, &at)
            .await?
            .ok_or(HubError::NotFound("node"))?;
    }
    Ok(at)
}

/// Finds a node that the actor may give to others, with this right.
pub(crate) async fn giveable(
    tx: &mut Tx,
    actor: &Actor,
    (node, right): (NodeId, Right),
    hold: Hold,
) -> Result<Found, HubError> {
    let found = access::node(tx, actor, node, Right::View, hold).await?;
    let Some(most) = found.gives else {
        return Err(HubError::Forbidden("you may not give this to others"));
    };
    if right > most {
        return Err(HubError::Forbidden("you may not give that much of it to others"));
    }
    if found.depth() == 0 {
        return Err(HubError::Conflict(
            "the whole space cannot be given to others; give them a folder in it",
        ));
    }
    Ok(found)
}

/// Finds a share of which the actor is a part, and holds the spaces of its owner and its receiver.
async fn hold_share(tx: &mut Tx, me: UserId, id: ShareId) -> Result<(Share, User), HubError> {
    let not_found = || HubError::NotFound("share");
    let share = tx.share(id).await?.ok_or_else(not_found)?;
    let to = tx.user(share.user).await?.ok_or_else(not_found)?;
    let (_, owner) = tx.space_of(share.node).await?.ok_or_else(not_found)?;
    if ![share.user, share.given_by, owner].contains(&me) {
        return Err(not_found());
    }
    hold_both(tx, share.node, to.space).await?;
    // It may have changed before it was held.
    let share = tx.share(id).await?.ok_or_else(not_found)?;
    Ok((share, to))
}

/// Holds the space of a node and another one, always in the same order.
async fn hold_both(tx: &mut Tx, node: NodeId, other: SpaceId) -> Result<(), HubError> {
    let (space, _) = tx.space_of(node).await?.ok_or(HubError::NotFound("node"))?;
    let mut spaces = [space, other];
    spaces.sort_unstable();
    for space in spaces {
        tx.lock_space(space).await?;
    }
    Ok(())
}

/// Tells the journals of the node's space and of the receiver's.
async fn announce(
    tx: &mut Tx,
    (node, receiver): (&Node, SpaceId),
    kind: ChangeKind,
    actor: &Actor,
    at_ms: Millis,
) -> Result<(), HubError> {
    let entry = |kind| Entry {
        kind,
        node,
        actor: actor.user(),
        at_ms,
        grown_bytes: 0,
    };
    tx.record(entry(ChangeKind::Shared)).await?;
    tx.tell(receiver, entry(kind)).await?;
    Ok(())
}

/// A share as its parties see it; `found` is its node.
async fn row(tx: &mut Tx, contacts: &mut Contacts, share: Share, found: Found) -> Result<ShareRow, HubError> {
    let owner = found.space.owner;
    let given = access::given_by(tx, share.given_by, owner, &found.way).await?;
    let right = given.map(|given| given.min(share.right));
    let path = found.path();
    Ok(ShareRow {
        user: contacts.of(tx, share.user).await?,
        giver: contacts.of(tx, share.given_by).await?,
        owner: contacts.of(tx, owner).await?,
        node: found.into_node(),
        path,
        right,
        share,
    })
}

impl Hub {
    /// Finds an active account that somebody wants to give something to.
    async fn find_person(&self, actor: &Actor, person: &Person) -> Result<User, HubError> {
        let nobody = HubError::NotFound("person with an account here");
        let found = match person {
            Person::Id(id) => self.read().await?.user(*id).await?,
            Person::Email(email) => self
                .read()
                .await?
                .user_by_email(email)
                .await?
                .map(|(user, _)| user),
        };
        if let Some(user) = found.filter(|user| user.state == UserState::Active) {
            return Ok(user);
        }
        self.admit_look_up(access::user(actor)?).await?;
        Err(nobody)
    }
}
