//! Rebuilding a catalog from the archive that a store holds.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use catalog::{Cell, Table, Tx};
use content::Content;
use futures_util::future::join_all;
use model::{Blob, BlobId, BlobState, NodeId, Place};

use super::segment::{Line, Read};
use super::{BaseDone, FOLDER, STEP_NOTES, generation_of, unusable};
use crate::HubError;
use crate::backup::{BackupError, RestoreParts, RestoreReport, finish, prepare, without_uploads};

/// How long bytes that no row names stay after a rebuild, seconds: somebody's last uploads may be among them.
const SWEEP_SECS: i64 = 30 * 24 * 60 * 60;
/// Contents that are looked for at once.
const AT_ONCE: usize = 16;
/// Leftovers that are listed one by one.
const MOST_LISTED: usize = 1000;

/// Rebuilds the catalog from the newest archive in any store of the settings, or from the `generation` that is
/// named.
///
/// Cut anywhere, it leaves an installation that does not serve; called again, it begins anew.
///
/// # Errors
/// `Refused` when something is stored here already, or there is no whole archive.
pub async fn restore_from_store(
    parts: &RestoreParts,
    generation: Option<&str>,
) -> Result<RestoreReport, BackupError> {
    let archive = Archive::find(&parts.content, generation).await?;
    let mut report = RestoreReport::default();
    let last = archive.last_whole_delta(&mut report).await?;
    // A rebuild always begins with its rows: the mark that would say otherwise is never set.
    prepare(&parts.catalog, archive.done.label.schema, "").await?;
    let tables = parts.catalog.read().await?.tables().await?;
    for number in 1..=archive.done.pages {
        let name = archive.name("base", number);
        report.rows += archive.put_in(parts, &tables, &name, number).await?;
    }
    for number in 1..=last {
        let name = archive.name("delta", number);
        report.rows += archive.put_in(parts, &tables, &name, number).await?;
    }
    parts.catalog.migrate().await?;
    let now = (parts.clock)();
    let mut tx = parts.catalog.write().await?;
    tx.put_meta(crate::INSTANCE, &archive.done.label.instance).await?;
    tx.settle_rebuilt(now).await?;
    tx.commit().await?;
    measure_blobs(parts, &mut report).await?;
    let mut tx = parts.catalog.write().await?;
    for backend in parts.content.backends() {
        tx.let_sweep_wait(backend.name(), now.plus_secs(SWEEP_SECS))
            .await?;
    }
    tx.commit().await?;
    finish(&parts.catalog).await?;
    list_leftovers(parts, &mut report).await?;
    Ok(report)
}

/// The archive that is restored from.
struct Archive<'a> {
    content: &'a Content,
    store: String,
    generation: String,
    done: BaseDone,
}

impl<'a> Archive<'a> {
    async fn find(content: &'a Content, wanted: Option<&str>) -> Result<Self, BackupError> {
        let mut bases: BTreeMap<String, String> = BTreeMap::new();
        let mut all = BTreeSet::new();
        for backend in content.backends() {
            let store = backend.name();
            let mut after: Option<String> = None;
            loop {
                let names = content.notes(store, FOLDER, after.as_deref(), STEP_NOTES).await?;
                let Some(last) = names.last() else { break };
                after = Some(last.clone());
                for name in &names {
                    let Some(generation) = generation_of(name) else {
                        continue;
                    };
                    all.insert(generation.to_owned());
                    if name.ends_with("/base-done") {
                        bases.insert(generation.to_owned(), store.to_owned());
                    }
                }
            }
        }
        let found = match wanted {
            Some(wanted) => bases.remove_entry(wanted),
            None => bases.pop_last(),
        };
        let Some((generation, store)) = found else {
            return Err(unusable(match (wanted, all.is_empty()) {
                (_, true) => "no store of the settings holds an archive".to_owned(),
                (Some(wanted), false) => format!("there is no whole archive `{wanted}`"),
                (None, false) => "the stores of the settings hold no archive whose base is whole".to_owned(),
            }));
        };
        let name = format!("{FOLDER}{generation}/base-done");
        let bytes = content.note(&store, &name).await?.unwrap_or_default();
        let done = serde_json::from_slice(&bytes)
            .map_err(|_| unusable(format!("`{name}` in the store `{store}` is damaged")))?;
        Ok(Self {
            content,
            store,
            generation,
            done,
        })
    }

    fn name(&self, kind: &str, number: u64) -> String {
        format!("{FOLDER}{}/{kind}-{number:010}", self.generation)
    }

    async fn note(&self, name: &str) -> Result<Option<Bytes>, BackupError> {
        match self.content.note(&self.store, name).await {
            Ok(bytes) => Ok(bytes),
            // A sealed one that was changed or cut does not open.
            Err(error) if crate::scrub::is_damage(&error) => Ok(Some(Bytes::new())),
            Err(error) => Err(error.into()),
        }
    }

    /// Up to which delta all of them are there and whole, and their state is of one moment.
    async fn last_whole_delta(&self, report: &mut RestoreReport) -> Result<u64, BackupError> {
        for number in 1..=self.done.pages {
            let name = self.name("base", number);
            let bytes = self.note(&name).await?.unwrap_or_default();
            if self.whole(&bytes, number).is_none() {
                return Err(unusable(format!(
                    "`{name}` in the store `{}` is missing or damaged, and without it the base is not whole: name \
                     another generation with --generation, or restore a backup",
                    self.store
                )));
            }
        }
        let mut last = 0;
        let mut number = 1;
        loop {
            let name = self.name("delta", number);
            let Some(bytes) = self.note(&name).await? else {
                if let Some(later) = self.later_delta(&name).await? {
                    report.notes.push(format!(
                        "`{name}` is missing and `{later}` is there: what was changed after delta {last} is lost"
                    ));
                }
                break;
            };
            let Some(read) = self.whole(&bytes, number) else {
                report.notes.push(format!(
                    "`{name}` is damaged: what was changed after delta {last} is lost"
                ));
                break;
            };
            if !read.has_more {
                last = number;
            }
            number += 1;
        }
        match last >= self.done.deltas {
            true => Ok(last),
            false => Err(unusable(format!(
                "the archive in the store `{}` lacks the deltas up to number {} that its base needs: name another \
                 generation with --generation, or restore a backup",
                self.store, self.done.deltas
            ))),
        }
    }

    async fn later_delta(&self, name: &str) -> Result<Option<String>, BackupError> {
        let folder = format!("{FOLDER}{}/delta-", self.generation);
        let names = self.content.notes(&self.store, &folder, Some(name), 1).await?;
        Ok(names.into_iter().next())
    }

    fn whole<'b>(&self, bytes: &'b [u8], number: u64) -> Option<Read<'b>> {
        Read::new(bytes, number).filter(|read| read.label.generation == self.generation)
    }

    /// Puts the rows of a segment in, in one transaction.
    async fn put_in(
        &self,
        parts: &RestoreParts,
        tables: &[Table],
        name: &str,
        number: u64,
    ) -> Result<u64, BackupError> {
        let bytes = self.note(name).await?.unwrap_or_default();
        let broken = || {
            unusable(format!(
                "`{name}` in the store `{}` was changed meanwhile",
                self.store
            ))
        };
        let read = self.whole(&bytes, number).ok_or_else(broken)?;
        let mut tx = parts.catalog.write().await?;
        tx.take_time().await?;
        let mut replay = Replay {
            tables,
            columns: BTreeMap::new(),
            batch: (String::new(), Vec::new()),
            rows: 0,
        };
        for line in read.lines() {
            replay.line(&mut tx, line.ok_or_else(broken)?).await?;
        }
        replay.flush(&mut tx).await?;
        tx.commit().await?;
        Ok(replay.rows)
    }
}

/// The lines of one segment on their way into the catalog.
struct Replay<'a> {
    tables: &'a [Table],
    /// Of each table: where its columns are in the rows of the segment.
    columns: BTreeMap<String, (&'a Table, Vec<usize>)>,
    /// Rows of one table that follow one another.
    batch: (String, Vec<Vec<Cell>>),
    rows: u64,
}

impl Replay<'_> {
    async fn line(&mut self, tx: &mut Tx, line: Line) -> Result<(), BackupError> {
        match line {
            Line::Columns(name, columns) => {
                let table = named(self.tables, &name)?;
                let from = |column: &String| columns.iter().position(|each| each == column);
                let from: Option<Vec<usize>> = table.columns.iter().map(from).collect();
                let from = from.ok_or_else(|| {
                    unusable(format!(
                        "the table `{name}` of the archive lacks columns of this database's"
                    ))
                })?;
                self.columns.insert(name, (table, from));
            }
            Line::Row(name, cells) => {
                if self.batch.0 != name || self.batch.1.len() >= 200 {
                    self.flush(tx).await?;
                    self.batch.0 = name;
                }
                self.batch.1.push(cells);
            }
            Line::Gone(name, wanted) => {
                self.flush(tx).await?;
                let wanted: Vec<(&str, Cell)> = wanted
                    .iter()
                    .map(|(name, cell)| (name.as_str(), cell.clone()))
                    .collect();
                tx.drop_rows(named(self.tables, &name)?, &wanted).await?;
            }
            Line::Versions(file, ranges) => {
                self.flush(tx).await?;
                if let Cell::Bytes(bytes) = file
                    && let Ok(id) = <[u8; 16]>::try_from(bytes.as_slice())
                {
                    tx.keep_versions(NodeId::from_bytes(id), &ranges).await?;
                }
            }
        }
        Ok(())
    }

    async fn flush(&mut self, tx: &mut Tx) -> Result<(), BackupError> {
        let rows = std::mem::take(&mut self.batch.1);
        if rows.is_empty() {
            return Ok(());
        }
        let name = &self.batch.0;
        let Some((table, from)) = self.columns.get(name) else {
            return Err(unusable(format!(
                "the archive does not say what the rows of `{name}` are"
            )));
        };
        self.rows += rows.len() as u64;
        let arranged = rows.into_iter().map(|row| {
            let cells: Option<Vec<Cell>> = from.iter().map(|at| row.get(*at).cloned()).collect();
            cells.ok_or_else(|| unusable(format!("a row of `{name}` in the archive is too short")))
        });
        let mut rows = arranged.collect::<Result<Vec<_>, _>>()?;
        match name.as_str() {
            "nodes" => tx.put_nodes(table, rows).await?,
            "meta" => {
                rows.retain(|row| !crate::backup::is_local(table, row));
                tx.put_rows(table, rows).await?;
            }
            "spaces" => {
                let rows = rows.into_iter().map(|row| without_uploads(table, row));
                tx.put_rows(table, rows.collect()).await?;
            }
            _ => tx.put_rows(table, rows).await?,
        }
        Ok(())
    }
}

fn named<'a>(tables: &'a [Table], name: &str) -> Result<&'a Table, BackupError> {
    let found = tables.iter().find(|table| table.name == name);
    found.ok_or_else(|| {
        unusable(format!(
            "this database has no table `{name}`, and the archive does"
        ))
    })
}

/// Looks whether the stores hold every content, by its length.
async fn measure_blobs(parts: &RestoreParts, report: &mut RestoreReport) -> Result<(), BackupError> {
    let mut after: Option<BlobId> = None;
    let limit = u32::try_from(AT_ONCE).unwrap_or(1);
    loop {
        let blobs = parts.catalog.read().await?.blobs(after, limit).await?;
        let Some(last) = blobs.last() else { return Ok(()) };
        after = Some(last.id);
        let looks = blobs.iter().map(|blob| measure(parts, blob));
        let wrong = join_all(looks).await;
        let mut tx = parts.catalog.write().await?;
        for (blob, wrong) in blobs.iter().zip(wrong) {
            report.blobs += 1;
            report.bytes += blob.size_bytes;
            let Some(what) = wrong? else {
                continue;
            };
            tx.mark_rebuilt(blob.id, BlobState::Damaged).await?;
            let files = tx.files_of_blob(blob.id, 5).await?;
            let files: Vec<String> = files
                .iter()
                .map(|(file, number)| format!("{file} version {number}"))
                .collect();
            let used = files.join(", ");
            report
                .damage
                .push(format!("content {} {what}; used by {used}", blob.id));
        }
        tx.commit().await?;
    }
}

async fn measure(parts: &RestoreParts, blob: &Blob) -> Result<Option<String>, BackupError> {
    let Place::Store(at) = &blob.place else {
        return Ok(None);
    };
    if parts.content.backend(&at.store).is_none() {
        return Ok(Some(format!(
            "is in the store `{}`, which the settings do not name",
            at.store
        )));
    }
    match parts.content.measure(at).await.map_err(HubError::from)? {
        Some(size) if size == blob.size_bytes => Ok(None),
        Some(size) => Ok(Some(format!("holds {size} bytes instead of {}", blob.size_bytes))),
        None => Ok(Some(format!("is missing from the store `{}`", at.store))),
    }
}

/// Tells of stored bytes that no row names: uploads after the last delta, or leftovers.
async fn list_leftovers(parts: &RestoreParts, report: &mut RestoreReport) -> Result<(), BackupError> {
    let mut more = 0_u64;
    for backend in parts.content.backends() {
        let mut after: Option<String> = None;
        loop {
            let keys = backend.list(after.as_deref(), STEP_NOTES).await?;
            let Some(last) = keys.last() else { break };
            after = Some(last.key.clone());
            let all: Vec<&str> = keys.iter().map(|listed| listed.key.as_str()).collect();
            let used = parts
                .catalog
                .read()
                .await?
                .used_keys(backend.name(), &all)
                .await?;
            for listed in keys.iter().filter(|listed| !used.contains(&listed.key)) {
                if report.notes.len() >= MOST_LISTED {
                    more += 1;
                    continue;
                }
                report.notes.push(format!(
                    "`{}` in the store `{}`, {} bytes, belongs to no file that is known; it stays for 30 days",
                    listed.key,
                    backend.name(),
                    listed.size_bytes
                ));
            }
        }
    }
    if more > 0 {
        report
            .notes
            .push(format!("and {more} more that belong to no file that is known"));
    }
    Ok(())
}
