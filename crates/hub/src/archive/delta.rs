//! Deltas: the present state of what changed, read in one moment.

use std::collections::{BTreeMap, BTreeSet};

use catalog::{Behind, Cell, Queued, Table, Tx};
use model::SpaceId;

use super::segment::{Label, Segment};
use super::table;
use crate::HubError;

/// Spaces that one delta speaks of.
const MOST_SPACES: u32 = 500;

/// A delta that is to be written.
pub(super) struct Delta {
    pub(super) segment: Segment,
    /// Up to which entry each space is archived with it.
    pub(super) spaces: Vec<(SpaceId, u64)>,
    /// What of the queue is archived with it.
    pub(super) queued: Vec<Queued>,
    /// There is more, which this one may lean on.
    pub(super) has_more: bool,
}

/// Gathers what changed since the last delta, at most `most` changes; `None` when nothing did.
pub(super) async fn gather(
    tx: &mut Tx,
    (label, number): (&Label, u64),
    most: u32,
) -> Result<Option<Delta>, HubError> {
    let behind = tx.spaces_behind(MOST_SPACES).await?;
    let queued = tx.queued_for_archive(most).await?;
    if behind.is_empty() && queued.is_empty() {
        return Ok(None);
    }
    let tables = tx.tables().await?;
    let mut gathering = Gathering {
        tables: &tables,
        segment: Segment::new(label, number),
        blobs: BTreeSet::new(),
    };
    let mut has_more = behind.len() == MOST_SPACES as usize || queued.len() == most as usize;
    for each in &queued {
        gathering.queued(tx, each).await?;
    }
    let mut spaces = Vec::new();
    let mut room = most;
    for space in &behind {
        if room == 0 {
            has_more = true;
            break;
        }
        let (seq, entries) = gathering.space(tx, space, room).await?;
        has_more = has_more || seq < space.head;
        room -= entries.min(room);
        spaces.push((space.space, seq));
    }
    gathering.blobs(tx).await?;
    Ok(Some(Delta {
        segment: gathering.segment,
        spaces,
        queued,
        has_more,
    }))
}

struct Gathering<'a> {
    tables: &'a [Table],
    segment: Segment,
    /// Contents that versions of this segment name.
    blobs: BTreeSet<Vec<u8>>,
}

impl Gathering<'_> {
    fn table(&self, name: &str) -> Result<&Table, HubError> {
        table(self.tables, name)
    }

    /// Rows of a table that have these values, in place of all that had them.
    async fn replaced(&mut self, tx: &mut Tx, name: &str, wanted: &[(&str, Cell)]) -> Result<(), HubError> {
        let table = table(self.tables, name)?;
        let rows = tx.rows_with(table, wanted).await?;
        self.segment.gone(name, wanted);
        self.segment.rows(table, &rows);
        Ok(())
    }

    async fn queued(&mut self, tx: &mut Tx, queued: &Queued) -> Result<(), HubError> {
        let id = Cell::Bytes(queued.id.clone());
        match queued.kind.as_str() {
            "users" => {
                self.replaced(tx, "users", &[("id", id.clone())]).await?;
                for table in ["photos", "identities", "app_passwords"] {
                    self.replaced(tx, table, &[("user_id", id.clone())]).await?;
                }
            }
            "stars" => {
                let (user, node) = queued.id.split_at(queued.id.len() / 2);
                let wanted = [
                    ("user_id", Cell::Bytes(user.to_vec())),
                    ("node_id", Cell::Bytes(node.to_vec())),
                ];
                self.replaced(tx, "stars", &wanted).await?;
            }
            "blobs" => {
                self.blobs.insert(queued.id.clone());
            }
            "nodes" => self.node(tx, id, Some(1)).await?,
            // Shares and links, and what a later version may queue.
            name => self.replaced(tx, name, &[("id", id)]).await?,
        }
        Ok(())
    }

    /// A space, entries of its journal, and the nodes that they are about. Answers up to which entry, and how many.
    async fn space(&mut self, tx: &mut Tx, space: &Behind, room: u32) -> Result<(u64, u32), HubError> {
        let id = Cell::Bytes(space.space.as_bytes().to_vec());
        let spaces = self.table("spaces")?;
        let rows = tx.rows_with(spaces, &[("id", id.clone())]).await?;
        let mut nodes: BTreeMap<Vec<u8>, Option<i64>> = BTreeMap::new();
        if space.seq.is_none()
            && let Some(Cell::Bytes(root)) = rows.first().and_then(|row| cell(spaces, row, "root_id"))
        {
            // The making of a root is in no journal.
            nodes.insert(root, None);
        }
        self.segment.rows(table(self.tables, "spaces")?, &rows);
        let changes = table(self.tables, "changes")?;
        let after = i64::try_from(space.seq.unwrap_or(0)).unwrap_or(i64::MAX);
        let entries = tx
            .rows_from(changes, &[("space_id", id)], Some(("seq", after)), room)
            .await?;
        self.segment.rows(changes, &entries);
        let mut seq = space.seq.unwrap_or(0);
        for entry in &entries {
            if let Some(Cell::Int(number)) = cell(changes, entry, "seq") {
                seq = u64::try_from(number).unwrap_or(seq);
            }
            let Some(Cell::Bytes(node)) = cell(changes, entry, "node_id") else {
                continue;
            };
            let least = nodes.entry(node).or_default();
            let is_content = matches!(
                cell(changes, entry, "kind"),
                Some(Cell::Text(kind)) if kind == "created" || kind == "content"
            );
            if let (true, Some(Cell::Int(version))) = (is_content, cell(changes, entry, "version")) {
                *least = Some(least.map_or(version, |least| least.min(version)));
            }
        }
        for (node, least) in nodes {
            self.node(tx, Cell::Bytes(node), least).await?;
        }
        Ok((seq, u32::try_from(entries.len()).unwrap_or(u32::MAX)))
    }

    /// A node as it is, the numbers of its versions, and those of them from `least` on.
    async fn node(&mut self, tx: &mut Tx, id: Cell, least: Option<i64>) -> Result<(), HubError> {
        let nodes = table(self.tables, "nodes")?;
        let rows = tx.rows_with(nodes, &[("id", id.clone())]).await?;
        // One that is being purged is as good as gone; what is below it goes with it.
        let here = rows
            .first()
            .filter(|row| cell(nodes, row, "detached") != Some(Cell::Int(2)));
        let Some(row) = here else {
            self.segment.gone("nodes", &[("id", id)]);
            return Ok(());
        };
        let is_file = cell(nodes, row, "kind") == Some(Cell::Int(1));
        self.segment.rows(nodes, &rows);
        if !is_file {
            return Ok(());
        }
        let Cell::Bytes(bytes) = &id else { return Ok(()) };
        let Ok(file) = <[u8; 16]>::try_from(bytes.as_slice()) else {
            return Ok(());
        };
        let numbers = tx.version_numbers(model::NodeId::from_bytes(file)).await?;
        self.segment.versions(&id, &numbers);
        if let Some(least) = least {
            let versions = table(self.tables, "versions")?;
            let rows = tx
                .rows_from(
                    versions,
                    &[("node_id", id)],
                    Some(("number", least - 1)),
                    u32::MAX,
                )
                .await?;
            for row in &rows {
                if let Some(Cell::Bytes(blob)) = cell(versions, row, "blob_id") {
                    self.blobs.insert(blob);
                }
            }
            self.segment.rows(versions, &rows);
        }
        Ok(())
    }

    /// The contents that were named, with the bytes of those that are in the catalog.
    async fn blobs(&mut self, tx: &mut Tx) -> Result<(), HubError> {
        for id in std::mem::take(&mut self.blobs) {
            let id = Cell::Bytes(id);
            self.replaced(tx, "inline_bytes", &[("blob_id", id.clone())])
                .await?;
            let blobs = table(self.tables, "blobs")?;
            let rows = tx.rows_with(blobs, &[("id", id)]).await?;
            self.segment.rows(blobs, &rows);
        }
        Ok(())
    }
}

fn cell(table: &Table, row: &[Cell], column: &str) -> Option<Cell> {
    row.get(table.column(column)?).cloned()
}
