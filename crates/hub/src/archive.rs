//! The archive: enough of the catalog in the store of contents that the rest can be rebuilt from there.
//!
//! A generation is a base, which holds every row, and deltas, which hold the present state of what changed since.
//! Rows count as archived once the note that holds them is durable. Writing files costs nothing more: what changed
//! is found by the journals.

mod delta;
mod rebuild;
mod segment;

use bytes::Bytes;
use catalog::{ARCHIVED, Cell, Table, Tx};
use model::{Millis, Progress};
use serde::{Deserialize, Serialize};

use crate::backup::BackupError;
use crate::jobs::{Keep, Lease};
use crate::{Hub, HubError, Upkept, keys};
use segment::{Label, Segment};

pub use rebuild::restore_from_store;

/// Where all notes of the archive begin.
const FOLDER: &str = "journal/";
/// Changes that one delta tells of at the most, and about how many bytes of small contents.
const DELTA_CHANGES: usize = 500;
const DELTA_BYTES: usize = 8 * 1024 * 1024;
/// A segment is written when it has become this long.
const SEGMENT_BYTES: usize = 2 * 1024 * 1024;
/// Deltas may become as long as the base, and at least this long, before a new base is taken.
const LEAST_DELTA_BYTES: u64 = 16 * 1024 * 1024;
/// And as many as this.
const MOST_DELTAS: u64 = 20_000;
/// Names that one look at a store takes in.
const STEP_NOTES: usize = 1000;

/// How far the archive has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    generation: String,
    store: String,
    is_sealed: bool,
    schema: u32,
    /// Whether its base is complete.
    is_whole: bool,
    /// The number of the next delta; the first is 1.
    next: u64,
    base_bytes: u64,
    delta_bytes: u64,
}

/// The note that says that a base is complete.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct BaseDone {
    label: Label,
    /// How many segments the base has.
    pages: u64,
    /// How many deltas are needed at the least, so that all of it is of one moment.
    deltas: u64,
}

/// How one attempt to write a delta ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// Everything that there was is archived.
    All,
    /// There is more.
    Some,
    /// Another node archives too.
    Elsewhere,
}

impl State {
    fn label(&self, hub: &Hub) -> Label {
        Label {
            generation: self.generation.clone(),
            schema: self.schema,
            instance: hub.0.instance.clone(),
            made_ms: hub.now().0,
        }
    }

    /// Whether the catalog still knows this state, and no other node went on from it.
    fn is_known(&self, known: Option<Self>) -> bool {
        known.is_some_and(|known| known.generation == self.generation && known.next == self.next)
    }

    const fn is_outgrown(&self) -> bool {
        let most = if self.base_bytes > LEAST_DELTA_BYTES {
            self.base_bytes
        } else {
            LEAST_DELTA_BYTES
        };
        self.delta_bytes > most || self.next > MOST_DELTAS
    }
}

impl Hub {
    /// Writes what changed into the store that new contents go to, and everything when that was never done.
    ///
    /// # Errors
    /// When the catalog or the store does not answer.
    pub async fn archive(&self, lease: &Lease) -> Result<Upkept, HubError> {
        self.follow_moves().await?;
        let mut state = match self.usable_state().await? {
            Some(state) => state,
            None => match self.archive_base(lease).await? {
                Some(state) => state,
                None => {
                    return Ok(Upkept {
                        was_stopped: true,
                        ..Upkept::default()
                    });
                }
            },
        };
        while self.archive_delta(&mut state).await? == Written::Some {
            if lease.report(Progress::default()).await? == Keep::Stop {
                return Ok(Upkept {
                    was_stopped: true,
                    ..Upkept::default()
                });
            }
        }
        Ok(Upkept::default())
    }

    /// Writes what changed since the last look, if there is a base: for the end of a server.
    ///
    /// # Errors
    /// When the catalog or the store does not answer.
    pub async fn archive_last(&self) -> Result<(), HubError> {
        if self.config().archive_secs.is_none() {
            return Ok(());
        }
        if let Some(mut state) = self.usable_state().await? {
            while self.archive_delta(&mut state).await? == Written::Some {}
        }
        Ok(())
    }

    /// Whether there is anything to archive.
    pub(crate) async fn is_archive_due(&self) -> Result<bool, HubError> {
        if self.usable_state().await?.is_none() {
            return Ok(true);
        }
        let mut tx = self.read().await?;
        Ok(!tx.spaces_behind(1).await?.is_empty() || !tx.queued_for_archive(1).await?.is_empty())
    }

    /// How far the archive has come; `None` when it has to begin anew.
    async fn usable_state(&self) -> Result<Option<State>, HubError> {
        let schema = self.0.catalog.schema_version().await?;
        let Some(state) = known_state(&mut self.read().await?).await? else {
            return Ok(None);
        };
        let store = self.0.content.default_name();
        let is_usable = state.is_whole
            && state.store == store
            && state.is_sealed == self.0.content.is_sealed(&store)
            && state.schema == schema
            && !state.is_outgrown();
        Ok(is_usable.then_some(state))
    }

    /// Takes a base; `None` when it was called off. Writes go on meanwhile: what they change is in the deltas that
    /// belong to it.
    async fn archive_base(&self, lease: &Lease) -> Result<Option<State>, HubError> {
        let mut state = self.begin_generation().await?;
        let tables = self.read().await?.tables().await?;
        let mut base = Base {
            hub: self,
            segment: Segment::new(&state.label(self), 1),
            pages: 0,
        };
        for name in ARCHIVED {
            let Some(table) = tables.iter().find(|table| table.name == name) else {
                continue;
            };
            let mut last: Option<Vec<Cell>> = None;
            loop {
                let page = self
                    .read()
                    .await?
                    .table_page(table, last.as_deref(), table.page_rows())
                    .await?;
                let Some(row) = page.last() else { break };
                last = Some(row.clone());
                base.segment.rows(table, &page);
                if base.segment.len() >= SEGMENT_BYTES {
                    base.write(&mut state).await?;
                    if lease.report(Progress::default()).await? == Keep::Stop {
                        return Ok(None);
                    }
                }
            }
        }
        base.write(&mut state).await?;
        let pages = base.pages;
        loop {
            match self.archive_delta(&mut state).await? {
                Written::All => break,
                Written::Some => {}
                Written::Elsewhere => return Ok(None),
            }
        }
        self.end_base(&mut state, pages).await?;
        Ok(Some(state))
    }

    async fn begin_generation(&self) -> Result<State, HubError> {
        let store = self.0.content.default_name();
        let state = State {
            generation: format!("{:015}-{}", self.now().0, keys::hex::<4>()),
            is_sealed: self.0.content.is_sealed(&store),
            store,
            schema: self.0.catalog.schema_version().await?,
            is_whole: false,
            next: 1,
            base_bytes: 0,
            delta_bytes: 0,
        };
        let mut tx = self.write().await?;
        tx.begin_archive().await?;
        tx.set_archive_state(&to_text(&state)).await?;
        tx.commit().await?;
        Ok(state)
    }

    async fn end_base(&self, state: &mut State, pages: u64) -> Result<(), HubError> {
        let done = BaseDone {
            label: state.label(self),
            pages,
            deltas: state.next - 1,
        };
        let name = format!("{FOLDER}{}/base-done", state.generation);
        let bytes = Bytes::from(serde_json::to_vec(&done).map_err(|error| HubError::Internal(error.into()))?);
        self.0.content.put_note(&state.store, &name, bytes).await?;
        let mut tx = self.write().await?;
        if !state.is_known(parsed(tx.hold_archive_state().await?)) {
            return Ok(());
        }
        state.is_whole = true;
        tx.set_archive_state(&to_text(state)).await?;
        tx.commit().await?;
        tracing::info!(store = state.store, pages, "the archive has a new base");
        self.remove_older(&state.generation).await
    }

    /// Removes the generations before this one, in every store.
    async fn remove_older(&self, generation: &str) -> Result<(), HubError> {
        let content = &self.0.content;
        let stores: Vec<String> = content
            .backends()
            .map(|backend| backend.name().to_owned())
            .collect();
        for store in stores {
            let mut after: Option<String> = None;
            loop {
                let names = match content.notes(&store, FOLDER, after.as_deref(), STEP_NOTES).await {
                    Ok(names) => names,
                    Err(error) => {
                        // A store that is not used any more need not answer.
                        tracing::debug!(store, %error, "an older archive could not be looked for");
                        break;
                    }
                };
                let Some(last) = names.last() else { break };
                after = Some(last.clone());
                for name in names.iter().filter(|name| generation_of(name) < Some(generation)) {
                    content.remove_note(&store, name).await?;
                }
            }
        }
        Ok(())
    }

    /// How many changes a delta may tell of: each may bring a content as large as those in the catalog may be.
    fn delta_changes(&self) -> u32 {
        let most = DELTA_BYTES / self.config().inline_bytes.max(1);
        u32::try_from(most.clamp(8, DELTA_CHANGES)).unwrap_or(8)
    }

    /// Writes one delta and notes that it is there.
    async fn archive_delta(&self, state: &mut State) -> Result<Written, HubError> {
        let label = state.label(self);
        let Some(delta) = delta::gather(
            &mut self.read().await?,
            (&label, state.next),
            self.delta_changes(),
        )
        .await?
        else {
            return Ok(Written::All);
        };
        let name = format!("{FOLDER}{}/delta-{:010}", state.generation, state.next);
        let bytes = delta.segment.finish(delta.has_more);
        let content = &self.0.content;
        if !content.create_note(&state.store, &name, bytes.clone()).await? {
            // Another node was faster, or a try before this one did not live to note it: then less was archived
            // than now, and this holds all of it.
            if !state.is_known(known_state(&mut self.read().await?).await?) {
                return Ok(Written::Elsewhere);
            }
            content.put_note(&state.store, &name, bytes.clone()).await?;
        }
        let mut tx = self.write().await?;
        if !state.is_known(parsed(tx.hold_archive_state().await?)) {
            return Ok(Written::Elsewhere);
        }
        tx.note_archived(&delta.spaces, &delta.queued).await?;
        state.next += 1;
        state.delta_bytes += bytes.len() as u64;
        tx.set_archive_state(&to_text(state)).await?;
        tx.commit().await?;
        Ok(match delta.has_more {
            true => Written::Some,
            false => Written::All,
        })
    }
}

/// A base that is being written.
struct Base<'a> {
    hub: &'a Hub,
    segment: Segment,
    pages: u64,
}

impl Base<'_> {
    async fn write(&mut self, state: &mut State) -> Result<(), HubError> {
        self.pages += 1;
        let label = state.label(self.hub);
        let segment = std::mem::replace(&mut self.segment, Segment::new(&label, self.pages + 1));
        let bytes = segment.finish(false);
        state.base_bytes += bytes.len() as u64;
        let name = format!("{FOLDER}{}/base-{:010}", state.generation, self.pages);
        Ok(self.hub.0.content.put_note(&state.store, &name, bytes).await?)
    }
}

/// The generation that a note belongs to.
fn generation_of(name: &str) -> Option<&str> {
    let (generation, _) = name.strip_prefix(FOLDER)?.split_once('/')?;
    Some(generation)
}

async fn known_state(tx: &mut Tx) -> Result<Option<State>, HubError> {
    Ok(parsed(tx.archive_state().await?))
}

/// One that this program cannot read is begun anew.
fn parsed(text: Option<String>) -> Option<State> {
    serde_json::from_str(&text?).ok()
}

fn to_text(state: &State) -> String {
    serde_json::to_string(state).expect("names and numbers are JSON")
}

/// When the archive is due again after `now`: a little early, since looks come a little late.
pub(crate) const fn next_look(now: Millis, every_secs: u64) -> Millis {
    Millis(now.0 + (every_secs as i64) * 900)
}

/// The table of that name.
fn table<'a>(tables: &'a [Table], name: &str) -> Result<&'a Table, HubError> {
    let found = tables.iter().find(|table| table.name == name);
    found.ok_or_else(|| HubError::Internal(format!("there is no table {name}").into()))
}

/// A sentence about an archive that cannot be used.
fn unusable(sentence: String) -> BackupError {
    BackupError::refused(sentence)
}
