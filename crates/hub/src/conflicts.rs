//! Conflicts: both sides of a mirror changed since they last agreed. They are recorded once, told in words, decided by
//! a policy or a person, and a decision can be taken back.
//!
//! A conflict is seen by whoever set its mirror up, and by nobody else: it tells what is in their account at a
//! provider. To decide it they also need the right to change the file.

mod acts;
mod open;
mod preview;
mod record;
mod resolve;
mod settled;
mod timeline;
mod undo;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use catalog::Tx;
use model::{Actor, Conflict, ConflictId, Connection, Mirror, MirrorId, Page};

use crate::{Hub, HubError, Part, access, cursors};

pub use preview::{Between, Comparison, Preview, SideContent};
pub(crate) use record::{NewConflict, record};
pub use resolve::{Decision, ManyResolved, WhichConflicts};
pub use timeline::Told;

/// What is said of a conflict that is not the actor's.
const NO_CONFLICT: HubError = HubError::NotFound("conflict");

/// Which conflicts to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConflictFilter {
    /// Only resolved ones, or only open ones.
    pub resolved: Option<bool>,
    /// Only those of this mirror.
    pub mirror: Option<MirrorId>,
}

/// A conflict, with what a person wants to know of its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictRow {
    /// The conflict.
    pub conflict: Conflict,
    /// The other side, for people: the provider, and what the connection is called.
    pub provider: String,
    /// The last decision can be taken back, as far as can be told without asking the provider.
    pub can_undo: bool,
}

/// Conflicts, the newest first.
pub type ConflictPage = Page<ConflictRow>;

impl Hub {
    /// Lists the actor's conflicts, the newest first.
    ///
    /// # Errors
    /// `Forbidden` for visitors, `Invalid` (cursor).
    pub async fn conflicts(
        &self,
        actor: &Actor,
        filter: ConflictFilter,
        part: Part,
    ) -> Result<ConflictPage, HubError> {
        let owner = access::user(actor)?;
        let scope = format!("conflicts {owner} {filter:?}");
        let after = match &part.cursor {
            Some(cursor) => Some(cursors::open::<u64>(self.keys(), &scope, cursor)?),
            None => None,
        };
        let mut tx = self.read().await?;
        let which = catalog::ConflictFilter {
            resolved: filter.resolved,
            mirror: filter.mirror,
        };
        let mut found = tx.conflicts((Some(owner), which), after, part.limit + 1).await?;
        let has_more = found.len() > part.limit as usize;
        found.truncate(part.limit as usize);
        let last = found.last().filter(|_| has_more);
        let next = last.map(|conflict| cursors::seal(self.keys(), &scope, &conflict.number));
        let mut places = Places::default();
        let mut items = Vec::with_capacity(found.len());
        for conflict in found {
            items.push(row(&mut tx, conflict, &mut places).await?);
        }
        Ok(ConflictPage { items, next })
    }

    /// Finds a conflict of the actor's.
    ///
    /// # Errors
    /// `NotFound`: another person's does not exist.
    pub async fn conflict(&self, actor: &Actor, id: ConflictId) -> Result<ConflictRow, HubError> {
        let mut tx = self.read().await?;
        let conflict = found(&mut tx, actor, id).await?;
        row(&mut tx, conflict, &mut Places::default()).await
    }

    /// How many conflicts of the actor's are open, and how many are resolved.
    ///
    /// # Errors
    /// `Forbidden` for visitors.
    pub async fn count_conflicts(&self, actor: &Actor) -> Result<(u64, u64), HubError> {
        let owner = access::user(actor)?;
        Ok(self.read().await?.count_conflicts(Some(owner)).await?)
    }
}

/// Finds a conflict that the actor may see.
async fn found(tx: &mut Tx, actor: &Actor, id: ConflictId) -> Result<Conflict, HubError> {
    let conflict = tx.conflict(id).await?;
    owned(actor, conflict)
}

/// Finds it and holds it until the transaction ends.
async fn held(tx: &mut Tx, actor: &Actor, id: ConflictId) -> Result<Conflict, HubError> {
    let conflict = tx.lock_conflict(id).await?;
    owned(actor, conflict)
}

fn owned(actor: &Actor, conflict: Option<Conflict>) -> Result<Conflict, HubError> {
    let is_theirs = |owner| match actor {
        Actor::User { id, .. } | Actor::App { id, .. } => *id == owner,
        Actor::Visitor { .. } | Actor::Mirror { .. } | Actor::Worker => false,
    };
    conflict
        .filter(|conflict| is_theirs(conflict.owner))
        .ok_or(NO_CONFLICT)
}

/// Mirrors and their connections, each looked up once.
#[derive(Default)]
struct Places(HashMap<MirrorId, (Option<Mirror>, Option<Connection>)>);

impl Places {
    async fn of(
        &mut self,
        tx: &mut Tx,
        id: MirrorId,
    ) -> Result<&(Option<Mirror>, Option<Connection>), HubError> {
        let place = match self.0.entry(id) {
            Entry::Occupied(known) => return Ok(known.into_mut()),
            Entry::Vacant(place) => place,
        };
        let mirror = tx.mirror(id).await?;
        let connection = match &mirror {
            Some(mirror) => tx.connection(mirror.connection).await?,
            None => None,
        };
        Ok(place.insert((mirror, connection)))
    }
}

async fn row(tx: &mut Tx, conflict: Conflict, places: &mut Places) -> Result<ConflictRow, HubError> {
    let (_, connection) = places.of(tx, conflict.mirror).await?;
    Ok(ConflictRow {
        provider: provider(connection.as_ref()),
        can_undo: undo::may_be_undone(&conflict),
        conflict,
    })
}

/// What a connection is called in sentences.
fn provider(connection: Option<&Connection>) -> String {
    let Some(connection) = connection else {
        return "the provider".to_owned();
    };
    let title = connectors::kind(&connection.kind).map_or(connection.kind.as_str(), |kind| kind.title);
    match connection.label.as_str() {
        "" => title.to_owned(),
        label => format!("{title} ({label})"),
    }
}
