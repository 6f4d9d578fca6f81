//! What mirrors tie together, and what both of their sides agreed on last.

use model::{Digest, Millis, MirrorId, NodeId};

use crate::db::{Row, Tx, Value};
use crate::listings::CHUNK;
use crate::remote_items::key;
use crate::{CatalogError, count, digest, lists, signed};

const COLUMNS: &str = "mirror_id, entry, node_id, item_key, item_id, parent, name_here, name_there, is_folder, has_base, \
                       is_parked, is_skipped, version, digest, size_bytes, revision, there_bytes, there_hashes, \
                       taint_until_ms, attempts, next_ms, error, proof, proven_ms, late_calls";
/// Columns of a row.
const WIDTH: usize = 25;
/// Rows that one statement puts in.
const ROWS_AT_ONCE: usize = 32;

/// What ties a node here to an item there, and what both agreed on last. Entries are numbered from 1 within a mirror; no
/// number is used twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryRow {
    /// Its number.
    pub entry: u64,
    /// The node.
    pub node: Option<NodeId>,
    /// The item's id at the provider.
    pub item: Option<String>,
    /// The agreed folder; 0 is the mirror's.
    pub parent: Option<u64>,
    /// The agreed name here and the one there.
    pub names: Option<(String, String)>,
    /// It is, or was, a folder.
    pub is_folder: bool,
    /// The agreed content of a file.
    pub content: Option<EntryContent>,
    /// It was on both sides once.
    pub has_base: bool,
    /// A conflict about it is open.
    pub is_parked: bool,
    /// A person left it out.
    pub is_skipped: bool,
    /// A call whose answer was lost may take effect until then; or until then it is remembered that something is gone.
    pub taint_until: Option<Millis>,
    /// What such calls would bring about, in the words of who wrote it down.
    pub late_calls: Option<String>,
    /// Steps that failed since one did not.
    pub attempts: u32,
    /// When its next step may be tried.
    pub next_ms: Option<Millis>,
    /// Why its last step failed.
    pub error: Option<String>,
    /// Whether the content there was proven to be ours.
    pub proof: EntryProof,
    /// When that was last asked.
    pub proven_ms: Option<Millis>,
}

/// A content that both sides agree on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EntryContent {
    /// The number of the version here.
    pub version: u64,
    /// Its SHA-256.
    pub digest: Option<Digest>,
    /// Its length, bytes.
    pub size_bytes: u64,
    /// The provider's word for it.
    pub revision: Option<String>,
    /// Its length there, which differs where the provider rewrites contents.
    pub there_bytes: Option<u64>,
    /// The hashes that the provider told, `kind:text`.
    pub there_hashes: Vec<String>,
}

/// Whether the content that a provider holds was proven to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EntryProof {
    /// It was not asked.
    #[default]
    Unproven,
    /// A hash of it, computed by the provider or over what was read back, is that of ours.
    Proven,
    /// The provider repeats a hash that we told it.
    Asserted,
    /// Nothing there tells.
    Unverifiable,
    /// The provider changes contents as it stores them.
    Rewritten,
}

impl EntryProof {
    /// All of them, in the order of the numbers that the catalog knows them by.
    pub const ALL: [Self; 5] = [
        Self::Unproven,
        Self::Proven,
        Self::Asserted,
        Self::Unverifiable,
        Self::Rewritten,
    ];

    /// The word that stands for it in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Proven => "proven",
            Self::Asserted => "asserted",
            Self::Unverifiable => "unverifiable",
            Self::Rewritten => "rewritten",
        }
    }
}

/// Entries that are told apart for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryList {
    /// Those whose last step failed.
    Failed,
    /// Those with an open conflict.
    Parked,
    /// Those that a person left out.
    Skipped,
}

impl Tx {
    /// Takes `count` numbers for new entries of a mirror and returns the first.
    pub async fn new_entries(&mut self, mirror: MirrorId, count: u32) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "UPDATE mirrors SET next_entry = next_entry + $2 WHERE id = $1 RETURNING next_entry",
                &[mirror.into(), i64::from(count).into()],
            )
            .await?;
        match row {
            Some(row) => Ok(crate::count(row.int(0)?) - u64::from(count)),
            None => Err(CatalogError::Damaged(format!("there is no mirror {mirror}"))),
        }
    }

    /// Finds entries by their numbers.
    pub async fn entries(
        &mut self,
        mirror: MirrorId,
        numbers: &[u64],
    ) -> Result<Vec<EntryRow>, CatalogError> {
        let numbers = numbers.iter().map(|number| signed(*number).into()).collect();
        self.entries_by(mirror, ("entry", ""), numbers).await
    }

    /// Finds the entries of nodes.
    pub async fn entries_of_nodes(
        &mut self,
        mirror: MirrorId,
        nodes: &[NodeId],
    ) -> Result<Vec<EntryRow>, CatalogError> {
        let nodes = nodes.iter().map(|node| (*node).into()).collect();
        let by_node = self.indexed_by("mirror_entries_by_node");
        self.entries_by(mirror, ("node_id", &by_node), nodes).await
    }

    /// Finds the entries of items, by the provider's ids.
    pub async fn entries_of_items(
        &mut self,
        mirror: MirrorId,
        items: &[&str],
    ) -> Result<Vec<EntryRow>, CatalogError> {
        let keys = items.iter().map(|item| key(item).into()).collect();
        let by_item = self.indexed_by("mirror_entries_by_item");
        self.entries_by(mirror, ("item_key", &by_item), keys).await
    }

    async fn entries_by(
        &mut self,
        mirror: MirrorId,
        (column, by_index): (&str, &str),
        values: Vec<Value>,
    ) -> Result<Vec<EntryRow>, CatalogError> {
        let mut found = Vec::with_capacity(values.len());
        for chunk in values.chunks(CHUNK) {
            let mut params = vec![mirror.into()];
            let list = lists::holders(&mut params, chunk.to_vec());
            let sql = format!(
                "SELECT {COLUMNS} FROM mirror_entries{by_index} WHERE mirror_id = $1 AND {column} IN ({list})"
            );
            for row in self.query(&sql, &params).await? {
                found.push(read(&row)?);
            }
        }
        Ok(found)
    }

    /// Writes entries down, each in place of the one of its number. A node or item that goes from one entry to another
    /// must have left the first one before, or come in one list with it, in which the first one has none.
    pub async fn put_entries(&mut self, mirror: MirrorId, entries: &[EntryRow]) -> Result<(), CatalogError> {
        let mut sorted: Vec<&EntryRow> = entries.iter().collect();
        // What lets a node or an item go comes first; then always in one order, so that nobody waits in a ring.
        sorted.sort_by_key(|row| {
            (
                u8::from(row.node.is_some()) + u8::from(row.item.is_some()),
                row.entry,
            )
        });
        let mut grown = 0_i64;
        for chunk in sorted.chunks(ROWS_AT_ONCE) {
            let based = chunk.iter().filter(|row| row.has_base).count();
            let numbers: Vec<u64> = chunk.iter().map(|row| row.entry).collect();
            let before = self.count_based(mirror, &numbers).await?;
            grown += i64::try_from(based).unwrap_or(0) - before;
            let mut params = Vec::with_capacity(chunk.len() * WIDTH);
            for row in chunk {
                fill(&mut params, mirror, row);
            }
            self.execute(&insert(chunk.len()), &params).await?;
        }
        self.note_grown(mirror, grown).await
    }

    /// Removes entries.
    pub async fn remove_entries(&mut self, mirror: MirrorId, numbers: &[u64]) -> Result<(), CatalogError> {
        let mut grown = 0;
        for chunk in numbers.chunks(CHUNK) {
            grown -= self.count_based(mirror, chunk).await?;
            let mut params = vec![mirror.into()];
            let list = listed(&mut params, chunk);
            let sql = format!("DELETE FROM mirror_entries WHERE mirror_id = $1 AND entry IN ({list})");
            self.execute(&sql, &params).await?;
        }
        self.note_grown(mirror, grown).await
    }

    /// Removes what was kept of folders that were trashed and of files that are gone, once nothing can turn up any more.
    pub async fn forget_tombs(&mut self, mirror: MirrorId, now: Millis) -> Result<u64, CatalogError> {
        self.execute(
            "DELETE FROM mirror_entries WHERE mirror_id = $1 AND taint_until_ms < $2 AND node_id IS NULL
                 AND has_base = 0",
            &[mirror.into(), now.into()],
        )
        .await
    }

    async fn count_based(&mut self, mirror: MirrorId, numbers: &[u64]) -> Result<i64, CatalogError> {
        let mut params = vec![mirror.into()];
        let list = listed(&mut params, numbers);
        let sql = format!(
            "SELECT count(*) FROM mirror_entries WHERE mirror_id = $1 AND entry IN ({list}) AND has_base = 1"
        );
        let row = self.first(&sql, &params).await?;
        row.map_or(Ok(0), |row| row.int(0))
    }

    async fn note_grown(&mut self, mirror: MirrorId, grown: i64) -> Result<(), CatalogError> {
        if grown != 0 {
            self.execute(
                "UPDATE mirrors SET entries = entries + $2 WHERE id = $1",
                &[mirror.into(), grown.into()],
            )
            .await?;
        }
        Ok(())
    }

    /// How many entries of a mirror have a base.
    pub async fn count_entries(&mut self, mirror: MirrorId) -> Result<u64, CatalogError> {
        let row = self
            .first("SELECT entries FROM mirrors WHERE id = $1", &[mirror.into()])
            .await?;
        row.map_or(Ok(0), |row| Ok(count(row.int(0)?)))
    }

    /// The entries whose agreed folder is `parent`: those whose numbers follow `after`, at most `limit`.
    pub async fn entries_in(
        &mut self,
        (mirror, parent): (MirrorId, u64),
        after: u64,
        limit: u32,
    ) -> Result<Vec<EntryRow>, CatalogError> {
        let params = [
            mirror.into(),
            signed(after).into(),
            i64::from(limit).into(),
            signed(parent).into(),
        ];
        let by_index = self.indexed_by("mirror_entries_in");
        let rest = "parent = $4 AND entry > $2 ORDER BY entry LIMIT $3";
        self.entries_where((&by_index, rest), &params).await
    }

    /// All entries of a mirror, by their numbers: those that follow `after`, at most `limit`.
    pub async fn all_entries(
        &mut self,
        mirror: MirrorId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<EntryRow>, CatalogError> {
        let params = [mirror.into(), signed(after).into(), i64::from(limit).into()];
        self.entries_where(("", "entry > $2 ORDER BY entry LIMIT $3"), &params)
            .await
    }

    /// Those of a list whose numbers follow `after`, at most `limit`.
    pub async fn listed_entries(
        &mut self,
        (mirror, list): (MirrorId, EntryList),
        after: u64,
        limit: u32,
    ) -> Result<Vec<EntryRow>, CatalogError> {
        let params = [mirror.into(), signed(after).into(), i64::from(limit).into()];
        let (index, condition) = list.found_by();
        let rest = format!("{condition} AND entry > $2 ORDER BY entry LIMIT $3");
        let by_index = self.indexed_by(index);
        self.entries_where((&by_index, &rest), &params).await
    }

    /// How many entries are in a list.
    pub async fn count_listed_entries(
        &mut self,
        mirror: MirrorId,
        list: EntryList,
    ) -> Result<u64, CatalogError> {
        let (index, condition) = list.found_by();
        let sql = format!(
            "SELECT count(*) FROM mirror_entries{} WHERE mirror_id = $1 AND {condition}",
            self.indexed_by(index)
        );
        let row = self.first(&sql, &[mirror.into()]).await?;
        row.map_or(Ok(0), |row| Ok(count(row.int(0)?)))
    }

    /// Folders that something is remembered of for a while, after that time and number, those first that are forgotten
    /// first; at most `limit`.
    pub async fn remembered_folders(
        &mut self,
        mirror: MirrorId,
        (until, entry): (Millis, u64),
        limit: u32,
    ) -> Result<Vec<EntryRow>, CatalogError> {
        let params = [
            mirror.into(),
            until.into(),
            signed(entry).into(),
            i64::from(limit).into(),
        ];
        let by_index = self.indexed_by("mirror_entries_tombs");
        let rest = "taint_until_ms IS NOT NULL AND (taint_until_ms, entry) > ($2, $3) AND is_folder = 1
             ORDER BY taint_until_ms, entry LIMIT $4";
        self.entries_where((&by_index, rest), &params).await
    }

    /// Files whose content there was last proven before `before`, or never, those first that wait longest; at most
    /// `limit`.
    pub async fn entries_by_proof(
        &mut self,
        mirror: MirrorId,
        before: Millis,
        limit: u32,
    ) -> Result<Vec<EntryRow>, CatalogError> {
        let params = [mirror.into(), before.into(), i64::from(limit).into()];
        let rest = "version IS NOT NULL AND proven_ms < $2 ORDER BY proven_ms, entry LIMIT $3";
        self.entries_where(("", rest), &params).await
    }

    async fn entries_where(
        &mut self,
        (by_index, rest): (&str, &str),
        params: &[Value],
    ) -> Result<Vec<EntryRow>, CatalogError> {
        let sql = format!("SELECT {COLUMNS} FROM mirror_entries{by_index} WHERE mirror_id = $1 AND {rest}");
        let rows = self.query(&sql, params).await?;
        rows.iter().map(read).collect()
    }
}

impl EntryList {
    /// The index, and what is asked of it.
    const fn found_by(self) -> (&'static str, &'static str) {
        match self {
            Self::Failed => ("mirror_entries_failed", "error IS NOT NULL"),
            Self::Parked => ("mirror_entries_parked", "is_parked = 1"),
            Self::Skipped => ("mirror_entries_skipped", "is_skipped = 1"),
        }
    }
}

/// The place holders of entries' numbers.
pub(crate) fn listed(params: &mut Vec<Value>, numbers: &[u64]) -> String {
    let numbers = numbers.iter().map(|number| signed(*number).into()).collect();
    lists::holders(params, numbers)
}

fn insert(rows: usize) -> String {
    let names = COLUMNS.split(',').map(str::trim);
    let set = names
        .filter(|name| !["mirror_id", "entry"].contains(name))
        .map(|name| format!("{name} = excluded.{name}"));
    format!(
        "INSERT INTO mirror_entries ({COLUMNS}) VALUES {} ON CONFLICT (mirror_id, entry) DO UPDATE SET {}",
        lists::rows(rows, WIDTH),
        set.collect::<Vec<_>>().join(", ")
    )
}

fn fill(params: &mut Vec<Value>, mirror: MirrorId, row: &EntryRow) {
    let content = row.content.as_ref();
    let proof = EntryProof::ALL.iter().position(|known| *known == row.proof);
    params.extend([
        mirror.into(),
        signed(row.entry).into(),
        row.node.into(),
        row.item.as_deref().map(key).into(),
        row.item.as_deref().into(),
        row.parent.map(signed).into(),
        row.names.as_ref().map(|(here, _)| here.as_str()).into(),
        row.names.as_ref().map(|(_, there)| there.as_str()).into(),
        i64::from(row.is_folder).into(),
        i64::from(row.has_base).into(),
        i64::from(row.is_parked).into(),
        i64::from(row.is_skipped).into(),
        content.map(|content| signed(content.version)).into(),
        content.and_then(|content| content.digest).into(),
        content.map(|content| signed(content.size_bytes)).into(),
        content.and_then(|content| content.revision.as_deref()).into(),
        content.and_then(|content| content.there_bytes).map(signed).into(),
        content.map(|content| content.there_hashes.join("\n")).into(),
        row.taint_until.into(),
        i64::from(row.attempts).into(),
        row.next_ms.into(),
        row.error.as_deref().into(),
        proof.and_then(|at| i64::try_from(at).ok()).unwrap_or(0).into(),
        row.proven_ms.map_or(0, |at| at.0).into(),
        row.late_calls.as_deref().into(),
    ]);
}

fn read(row: &Row) -> Result<EntryRow, CatalogError> {
    let proof = usize::try_from(row.int(22)?).ok();
    let proof = proof.and_then(|code| EntryProof::ALL.get(code)).copied();
    let content = match row.opt_int(12)? {
        Some(version) => Some(read_content(row, version)?),
        None => None,
    };
    Ok(EntryRow {
        entry: count(row.int(1)?),
        node: row.opt_id16(2)?.map(NodeId::from_bytes),
        item: row.opt_text(4)?,
        parent: row.opt_int(5)?.map(count),
        names: row.opt_text(6)?.zip(row.opt_text(7)?),
        is_folder: row.int(8)? != 0,
        has_base: row.int(9)? != 0,
        is_parked: row.int(10)? != 0,
        is_skipped: row.int(11)? != 0,
        content,
        taint_until: row.opt_millis(18)?,
        attempts: u32::try_from(row.int(19)?).unwrap_or(u32::MAX),
        next_ms: row.opt_millis(20)?,
        error: row.opt_text(21)?,
        proof: proof.ok_or_else(|| CatalogError::Damaged("an entry's proof is of no kind".to_owned()))?,
        proven_ms: Some(row.millis(23)?).filter(|at| at.0 != 0),
        late_calls: row.opt_text(24)?,
    })
}

fn read_content(row: &Row, version: i64) -> Result<EntryContent, CatalogError> {
    let bytes = row.opt_bytes(13)?;
    let hashes = row.opt_text(17)?.unwrap_or_default();
    Ok(EntryContent {
        version: count(version),
        digest: bytes.map(|bytes| digest(&bytes)).transpose()?.flatten(),
        size_bytes: count(row.opt_int(14)?.unwrap_or(0)),
        revision: row.opt_text(15)?,
        there_bytes: row.opt_int(16)?.map(count),
        there_hashes: hashes.lines().map(ToOwned::to_owned).collect(),
    })
}
