//! What somebody holds of a node: by owning it, by shares on the way up from it, or by a link.

use catalog::{Step, Tx};
use model::{Actor, Link, LinkId, LinkMode, Millis, NodeId, Right, UserId, UserState};

use crate::HubError;

/// People through whose hands a right may have come.
const GIVERS: usize = 16;

/// What an actor holds of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    /// The strongest right; `None` is not even to see it.
    pub right: Option<Right>,
    /// The strongest right that may be given to others.
    pub gives: Option<Right>,
    /// Whether files may be put into it unseen.
    pub may_add: bool,
    /// Steps of the way up that may be seen.
    pub shown: usize,
}

impl Standing {
    pub const fn is_nothing(&self) -> bool {
        self.right.is_none() && !self.may_add
    }

    const fn owner(way: &[Step]) -> Self {
        Self {
            right: Some(Right::Own),
            gives: Some(Right::Own),
            may_add: true,
            shown: way.len(),
        }
    }
}

/// Whether the actor owns all that is in the spaces of `owner`.
pub(super) fn owns(actor: &Actor, owner: UserId) -> bool {
    match actor {
        Actor::Worker => true,
        Actor::User { id, .. } | Actor::App { id, .. } | Actor::Mirror { owner: id, .. } => *id == owner,
        Actor::Visitor { .. } => false,
    }
}

/// What an actor holds of the first node of `way`, which leads up to the root of a space of `owner`.
pub(super) async fn of(
    tx: &mut Tx,
    actor: &Actor,
    owner: UserId,
    way: &[Step],
) -> Result<Standing, HubError> {
    match actor {
        Actor::Worker => Ok(Standing::owner(way)),
        Actor::User { id, .. } | Actor::App { id, .. } | Actor::Mirror { owner: id, .. } => {
            person(tx, *id, owner, way, &[]).await
        }
        Actor::Visitor { link, at_ms } => visitor(tx, (*link, *at_ms), owner, way).await,
    }
}

/// The strongest right on the first node of `way` that a person may give to others.
pub(crate) async fn given_by(
    tx: &mut Tx,
    user: UserId,
    owner: UserId,
    way: &[Step],
) -> Result<Option<Right>, HubError> {
    Ok(person(tx, user, owner, way, &[]).await?.gives)
}

/// What a person holds. `through` are those on whose gifts the answer is being asked for: what came
/// round to them again adds nothing.
async fn person(
    tx: &mut Tx,
    user: UserId,
    owner: UserId,
    way: &[Step],
    through: &[UserId],
) -> Result<Standing, HubError> {
    if user == owner {
        return Ok(Standing::owner(way));
    }
    let mut standing = Standing::default();
    if through.len() >= GIVERS || through.contains(&user) {
        return Ok(standing);
    }
    let nodes: Vec<NodeId> = way.iter().map(|step| step.id).collect();
    for share in tx.shares_on(user, &nodes).await? {
        let Some(at) = nodes.iter().position(|node| *node == share.node) else {
            continue;
        };
        let right = if share.given_by == owner {
            Some(share.right)
        } else {
            let through: Vec<UserId> = through.iter().copied().chain([user]).collect();
            let giver = Box::pin(person(tx, share.given_by, owner, &way[at..], &through)).await?;
            giver.gives.map(|right| right.min(share.right))
        };
        let Some(right) = right else { continue };
        standing.right = standing.right.max(Some(right));
        standing.gives = standing.gives.max(Some(right).filter(|_| share.may_share));
        standing.shown = standing.shown.max(at + 1);
    }
    standing.may_add = standing.right >= Some(Right::Edit);
    Ok(standing)
}

/// What a link opens: never more than its maker may give away now.
async fn visitor(
    tx: &mut Tx,
    (id, at_ms): (LinkId, Millis),
    owner: UserId,
    way: &[Step],
) -> Result<Standing, HubError> {
    let nothing = Standing::default();
    let Some(link) = tx.link(id).await? else {
        return Ok(nothing);
    };
    let Some(at) = way.iter().position(|step| step.id == link.node) else {
        return Ok(nothing);
    };
    let Some(right) = giver_right(tx, &link, at_ms, owner, &way[at..]).await? else {
        return Ok(nothing);
    };
    let mut standing = Standing {
        shown: at + 1,
        ..nothing
    };
    match link.mode {
        LinkMode::View => standing.right = Some(Right::View),
        LinkMode::Edit => standing.right = Some(right.min(Right::Edit)),
        // The folder itself, and nothing below it.
        LinkMode::Drop => standing.may_add = at == 0 && right >= Right::Edit,
    }
    Ok(standing)
}

/// The right that the maker of a link may give away, while the link holds.
async fn giver_right(
    tx: &mut Tx,
    link: &Link,
    at_ms: Millis,
    owner: UserId,
    way: &[Step],
) -> Result<Option<Right>, HubError> {
    if link.expires_ms.is_some_and(|end| end <= at_ms) {
        return Ok(None);
    }
    for user in [link.given_by, owner] {
        let is_active = tx
            .user(user)
            .await?
            .is_some_and(|user| user.state == UserState::Active);
        if !is_active {
            return Ok(None);
        }
    }
    given_by(tx, link.given_by, owner, way).await
}
