//! Calls that change something at the provider. Each is written down before it is made, with what will be agreed by it,
//! so that one whose answer was lost is found out about rather than made twice.

use catalog::{EntryRow, IntentRow, Tx};
use model::RemoteItem;
use sync_plan::EntryId;

use super::aside::agree_on_nothing;
use super::calls::{Call, FeedMark, Intent, Placed};
use super::desk::{MirrorDesk, MirrorError};
use super::here::{About, Deed, TEMPORARY};
use super::late::{note_back, note_trashed, tomb, went_by_us};
use super::scene::Loaded;
use crate::HubError;
use crate::access::{self, Hold};
use crate::connections::hashes_of;

/// Intents that one look takes in.
const STEP: u32 = 100;

/// How long it is remembered that we trashed a folder there, and which files were known of that are gone, seconds.
pub(super) const TOMB_SECS: i64 = 24 * 60 * 60;

impl MirrorDesk {
    /// How far the connection was looked at until now.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn feed_mark(&self) -> Result<FeedMark, MirrorError> {
        Ok(self.hub.read().await?.feed(self.connection.id).await?.into())
    }

    /// Calls that were begun and not ended, by this try or an earlier one.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn intents(&self) -> Result<Vec<Intent>, MirrorError> {
        let rows = self.hub.read().await?.intents(self.mirror.id, STEP).await?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let since = self.feed_mark().await?;
        let read = |row: IntentRow| {
            let call = serde_json::from_str(&row.op).map_err(|error| HubError::Internal(error.into()))?;
            Ok(Intent {
                entry: row.entry,
                call,
                since: since.clone(),
            })
        };
        rows.into_iter().map(read).collect()
    }

    /// Writes a call down before it is made. What it was planned from must still be so here.
    ///
    /// # Errors
    /// `Changed` when it is not, or a call about the entry is under way.
    pub async fn begin(&self, deed: Deed<'_>, call: Call) -> Result<Intent, MirrorError> {
        let thing = deed.thing()?;
        let mut tx = self.fenced().await?;
        if tx.intent(self.mirror.id, thing.row.entry).await?.is_some() {
            return Err(MirrorError::Changed);
        }
        let state = deed
            .loaded
            .scene
            .entries
            .get(&deed.entry)
            .and_then(|entry| entry.here.as_ref());
        match (&thing.node, state) {
            (Some(node), Some(_)) => {
                let found = access::node(&mut tx, &self.actor, node.id, model::Right::View, Hold::No).await?;
                if found.node.revision != node.revision || found.node.parent != node.parent {
                    return Err(MirrorError::Changed);
                }
            }
            // It must not have come back.
            (Some(node), None) => {
                let now = tx.node(node.id).await?;
                if now.is_some_and(|now| now.revision != node.revision || now.parent != node.parent) {
                    return Err(MirrorError::Changed);
                }
            }
            (None, _) => {}
        }
        self.put_intent(&mut tx, thing.row.entry, &call).await?;
        let since = tx.feed(self.connection.id).await?.into();
        tx.commit().await?;
        Ok(Intent {
            entry: thing.row.entry,
            call,
            since,
        })
    }

    /// Whether a call about an entry is under way that changes something, or finds out about one that did.
    pub(super) async fn is_under_way(&self, tx: &mut Tx, entry: u64) -> Result<bool, MirrorError> {
        let Some(row) = tx.intent(self.mirror.id, entry).await? else {
            return Ok(false);
        };
        let call: Call = serde_json::from_str(&row.op).map_err(|error| HubError::Internal(error.into()))?;
        Ok(!matches!(call, Call::Look { .. }))
    }

    pub(super) async fn put_intent(&self, tx: &mut Tx, entry: u64, call: &Call) -> Result<(), MirrorError> {
        let row = IntentRow {
            entry,
            op: serde_json::to_string(call).map_err(|error| HubError::Internal(error.into()))?,
            session: None,
            attempts: 0,
            began_ms: self.now(),
        };
        Ok(tx.put_intent(self.mirror.id, &row).await?)
    }

    /// Puts another call in the place of one that was begun: what makes up for it.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn instead(&self, intent: &Intent, call: Call) -> Result<Intent, MirrorError> {
        let mut tx = self.fenced().await?;
        self.put_intent(&mut tx, intent.entry, &call).await?;
        tx.commit().await?;
        Ok(intent.with(call))
    }

    /// A call went well, and the item is as `item` says: writes that down together with what is agreed now.
    /// `then` is what has still to be made up for.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn done(
        &self,
        intent: &Intent,
        item: Option<&RemoteItem>,
        is_rewritten: bool,
        then: Option<&Call>,
    ) -> Result<(), MirrorError> {
        let answer = item.map(|item| Answer {
            item,
            is_rewritten,
            is_late: false,
            is_written: false,
        });
        self.take_answer(intent, answer, then).await
    }

    /// A call whose answer was lost went well: the item may have been renamed or moved since, and, `is_written`, its
    /// content is not the one that was sent any more.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn found(
        &self,
        intent: &Intent,
        item: &RemoteItem,
        is_written: bool,
        then: Option<&Call>,
    ) -> Result<(), MirrorError> {
        let answer = Answer {
            item,
            is_rewritten: false,
            is_late: true,
            is_written,
        };
        self.take_answer(intent, Some(answer), then).await
    }

    async fn take_answer(
        &self,
        intent: &Intent,
        answer: Option<Answer<'_>>,
        then: Option<&Call>,
    ) -> Result<(), MirrorError> {
        let item = answer.as_ref().map(|answer| answer.item);
        let mut tx = self.fenced().await?;
        let again = self.look_again(&mut tx, intent, item).await?;
        let before = match old_id(&intent.call) {
            Some(old) => tx.item(self.connection.id, old).await?,
            None => None,
        };
        if let Some(item) = item {
            self.put_items(&mut tx, std::slice::from_ref(item)).await?;
        }
        let row = tx.entries(self.mirror.id, &[intent.entry]).await?.pop();
        if let Some(mut row) = row {
            if let (Some(before), Some(item)) = (&before, item) {
                let is_copy = answer.as_ref().is_some_and(|answer| !answer.is_late);
                self.carry_content(&mut row, (before, item), is_copy);
            }
            if row.is_folder && matches!(intent.call, Call::Trash { .. }) {
                note_trashed(&mut row, (self.now(), self.now().plus_secs(TOMB_SECS)))?;
            }
            if matches!(intent.call, Call::MakeFolder { .. }) {
                self.leave_tomb(&mut tx, &mut row).await?;
            }
            if let Some(answer) = &answer {
                self.agree_on(&mut row, &intent.call, answer);
            }
            if let (Some(old), Some(item)) = (old_id(&intent.call), item)
                && old != item.id
            {
                tx.remove_items(self.connection.id, &[old]).await?;
            }
            self.settle_alone(&mut tx, row).await?;
        }
        match then.or(again.as_ref()) {
            Some(call) => self.put_intent(&mut tx, intent.entry, call).await?,
            None => {
                tx.remove_intent(self.mirror.id, intent.entry).await?;
            }
        }
        Ok(tx.commit().await?)
    }

    /// What has to be done about what the provider said of an item if the connection was looked at meanwhile.
    async fn look_again(
        &self,
        tx: &mut Tx,
        intent: &Intent,
        item: Option<&RemoteItem>,
    ) -> Result<Option<Call>, MirrorError> {
        let Some(item) = item else { return Ok(None) };
        let now: FeedMark = tx.lock_feed(self.connection.id).await?.into();
        let look = Call::Look {
            item: item.id.clone(),
        };
        Ok((now != intent.since).then_some(look))
    }

    /// A folder that we trashed, and in whose place another comes, goes on being remembered by itself.
    async fn leave_tomb(&self, tx: &mut Tx, row: &mut EntryRow) -> Result<(), MirrorError> {
        let is_ours = went_by_us(row, self.now())?;
        let (Some(until), Some(_), true) = (row.taint_until, &row.item, is_ours) else {
            return Ok(());
        };
        let tomb = EntryRow {
            entry: tx.new_entries(self.mirror.id, 1).await?,
            ..tomb(row, (self.now(), until))?
        };
        row.item = None;
        row.taint_until = None;
        row.late_calls = None;
        // An item is of one entry at a time.
        self.put_entries(tx, std::slice::from_ref(row)).await?;
        self.put_entries(tx, &[tomb]).await
    }

    /// Writes an entry down whose item may have been found meanwhile and given an entry of its own, which ends then. What
    /// is tied to something else already is not ours: the entry has no item, and is planned anew.
    pub(super) async fn settle_alone(&self, tx: &mut Tx, mut row: EntryRow) -> Result<(), MirrorError> {
        let item = row.item.clone();
        let items: Vec<&str> = item.as_deref().into_iter().collect();
        let others = tx.entries_of_items(self.mirror.id, &items).await?;
        match others.into_iter().find(|other| other.entry != row.entry) {
            Some(other) if !other.has_base && other.node.is_none() => {
                self.take_over(tx, (row, other.entry)).await
            }
            Some(_) => {
                row.item = None;
                row.has_base = false;
                row.content = None;
                self.settle_row(tx, row, About::Content).await
            }
            None => self.settle_row(tx, row, About::Content).await,
        }
    }

    /// A call did not take effect, or what it did does not count: the item is as `item` says.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn abandon(&self, intent: &Intent, item: Option<&RemoteItem>) -> Result<(), MirrorError> {
        let entry = intent.entry;
        let mut tx = self.fenced().await?;
        let again = self.look_again(&mut tx, intent, item).await?;
        if let Some(item) = item {
            self.put_items(&mut tx, std::slice::from_ref(item)).await?;
        }
        match again {
            Some(call) => self.put_intent(&mut tx, entry, &call).await?,
            None => {
                tx.remove_intent(self.mirror.id, entry).await?;
            }
        }
        if matches!(intent.call, Call::Restore { .. }) {
            // What does not come back is not asked for again.
            let mut rows = tx.entries(self.mirror.id, &[entry]).await?;
            for row in &mut rows {
                note_back(row)?;
            }
            self.put_entries(&mut tx, &rows).await?;
        }
        tx.mark_dirty(self.mirror.id, &[(entry, 0)], self.now()).await?;
        Ok(tx.commit().await?)
    }

    /// What a call that went well made both sides agree on. Only what the answer shows alive counts.
    fn agree_on(&self, row: &mut EntryRow, call: &Call, answer: &Answer<'_>) {
        let (item, is_rewritten) = (answer.item, answer.is_rewritten);
        if item.is_trashed {
            if matches!(call, Call::Trash { .. }) {
                agree_on_nothing(row);
            }
            return;
        }
        match call {
            Call::MakeFolder { place, .. } => {
                row.item = Some(item.id.clone());
                row.has_base = true;
                row.is_folder = true;
                place.agree_on_new(row, answer);
            }
            Call::Create { place, sent, .. } => {
                row.item = Some(item.id.clone());
                row.has_base = true;
                match answer.is_written {
                    true => row.content = Some(sent.content_before()),
                    false => {
                        row.content = Some(sent.content(item));
                        prove(row, item, is_rewritten, self.now());
                    }
                }
                place.agree_on_new(row, answer);
            }
            Call::Replace { sent, .. } => {
                row.item = Some(item.id.clone());
                row.has_base = true;
                row.content = Some(sent.content(item));
                prove(row, item, is_rewritten, self.now());
            }
            Call::Relocate { place, .. } => {
                row.item = Some(item.id.clone());
                place.agree(row, item);
            }
            Call::Audit { .. }
            | Call::Trash { .. }
            | Call::Restore { .. }
            | Call::Follow { .. }
            | Call::Look { .. }
            | Call::Rescue { .. } => {}
        }
    }

    /// Where moving is copying, what was moved has another revision of the same content. What was not what is agreed
    /// before it moved is not so after. Without hashes only the copy's own answer, `is_copy`, tells: somebody may have
    /// written to what is found later.
    pub(super) fn carry_content(
        &self,
        row: &mut EntryRow,
        (before, after): (&RemoteItem, &RemoteItem),
        is_copy: bool,
    ) {
        let Some(content) = row.content.as_mut() else {
            return;
        };
        let is_copied = is_copy && !self.connector.abilities().has_ids;
        let told = hashes_of(&before.hashes).agrees(&hashes_of(&after.hashes));
        let is_same =
            before.size_bytes == after.size_bytes && (told == Some(true) || (is_copied && told.is_none()));
        if before.revision == content.revision && is_same {
            content.revision.clone_from(&after.revision);
            content.there_hashes.clone_from(&after.hashes);
        }
    }

    /// A place there as a step names it.
    ///
    /// # Errors
    /// `Changed` when its folder is not there.
    pub fn place_there(
        &self,
        loaded: &Loaded,
        entry: EntryId,
        (parent, name): (EntryId, &str),
    ) -> Result<Placed, MirrorError> {
        let folder = match parent {
            EntryId::ROOT => self.mirror.item.clone(),
            _ => {
                let thing = loaded.things.get(&parent).ok_or(MirrorError::Changed)?;
                let item = thing.item.as_ref().filter(|item| !item.is_trashed);
                item.map(|item| item.id.clone()).ok_or(MirrorError::Changed)?
            }
        };
        let state = loaded
            .scene
            .entries
            .get(&entry)
            .and_then(|entry| entry.here.as_ref());
        let is_fit = |here: &str| {
            !here.starts_with(TEMPORARY)
                && !name.starts_with(TEMPORARY)
                && self.limits.names().there(here).is_ok_and(|there| there == name)
        };
        let base = loaded
            .things
            .get(&entry)
            .and_then(|thing| thing.row.names.as_ref());
        Ok(Placed {
            parent: folder,
            name: name.to_owned(),
            parent_entry: state.filter(|state| state.parent == parent).map(|_| parent.0),
            name_here: state
                .filter(|state| {
                    is_fit(&state.name)
                        || base.is_some_and(|(here, there)| **here == *state.name && there == name)
                })
                .map(|state| state.name.to_string()),
        })
    }
}

/// What came of a call.
struct Answer<'a> {
    item: &'a RemoteItem,
    is_rewritten: bool,
    /// It was found out about later.
    is_late: bool,
    /// Somebody has written to the item since.
    is_written: bool,
}

impl Placed {
    /// What was made there was made at this place, wherever somebody has put it since.
    fn agree_on_new(&self, row: &mut EntryRow, answer: &Answer<'_>) {
        if !answer.is_late {
            return self.agree(row, answer.item);
        }
        row.parent = self.parent_entry.or(row.parent);
        if let Some(here) = &self.name_here {
            row.names = Some((here.clone(), self.name.clone()));
        }
    }

    pub(super) fn agree(&self, row: &mut EntryRow, item: &RemoteItem) {
        let is_here = item.parent.as_deref() == Some(self.parent.as_str());
        if is_here {
            row.parent = self.parent_entry.or(row.parent);
        }
        if let Some(here) = self.name_here.as_ref().filter(|_| item.name == self.name) {
            row.names = Some((here.clone(), item.name.clone()));
        }
    }
}

/// The id that an item had before a call, where ids are paths.
fn old_id(call: &Call) -> Option<&str> {
    match call {
        Call::Relocate { item, .. } => Some(item),
        _ => None,
    }
}

/// What an upload proves: connectors compare the provider's hash with what was sent, where it tells one.
fn prove(row: &mut EntryRow, item: &RemoteItem, is_rewritten: bool, now: model::Millis) {
    row.proof = match (is_rewritten, item.hashes.is_empty()) {
        (true, _) => catalog::EntryProof::Rewritten,
        (false, false) => catalog::EntryProof::Asserted,
        (false, true) => catalog::EntryProof::Unverifiable,
    };
    row.proven_ms = Some(now);
}
