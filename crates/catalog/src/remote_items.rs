//! What is in connections, as it was when it was last looked at.

use std::collections::HashMap;
use std::fmt::Write as _;

use model::{ConnectionId, Millis, RemoteItem, RemoteKind, fold};
use sha2::{Digest as _, Sha256};

use crate::db::{Row, Tx, Value};
use crate::listings::CHUNK;
use crate::{CatalogError, count, lists, signed};

const COLUMNS: &str =
    "item_id, parent_id, name, kind, size_bytes, media_type, hashes, revision, tag, modified_ms,
    flags, details, web_url";
/// Columns of a row that is put in.
const WIDTH: usize = 18;
/// Rows that one statement puts in.
const ROWS_AT_ONCE: usize = 32;
/// How much of a name items are sorted by, bytes.
const SORT_BYTES: usize = 96;
const TRASHED: i64 = 1;
const EDITABLE: i64 = 2;

/// Where a page of a folder starts: after the item of that kind, sort key and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemMark {
    /// Its kind's number.
    pub kind: i64,
    /// What it is sorted by.
    pub sort_key: String,
    /// Its key.
    pub key: Vec<u8>,
}

/// An item and where the page after it starts.
pub type Marked = (RemoteItem, ItemMark);

impl Tx {
    /// Writes down items as they are now, seen in that round. An id must not be there twice.
    pub async fn put_items(
        &mut self,
        connection: ConnectionId,
        round: u64,
        items: &[RemoteItem],
    ) -> Result<(), CatalogError> {
        for chunk in items.chunks(ROWS_AT_ONCE) {
            let sql = insert(chunk.len());
            let mut params = Vec::with_capacity(chunk.len() * WIDTH);
            for item in chunk {
                fill(&mut params, connection, round, item);
            }
            self.execute(&sql, &params).await?;
        }
        Ok(())
    }

    /// Finds an item.
    pub async fn item(
        &mut self,
        connection: ConnectionId,
        id: &str,
    ) -> Result<Option<RemoteItem>, CatalogError> {
        let sql =
            format!("SELECT {COLUMNS} FROM connection_items WHERE connection_id = $1 AND item_key = $2");
        let row = self
            .first(&sql, &[connection.into(), key(id).to_vec().into()])
            .await?;
        row.as_ref().map(read).transpose()
    }

    /// What is in a folder, the trash left out: folders first, then by name; what follows `after`, at most `limit`.
    pub async fn items_in(
        &mut self,
        (connection, folder): (ConnectionId, &str),
        after: Option<&ItemMark>,
        limit: u32,
    ) -> Result<Vec<Marked>, CatalogError> {
        let follows = match after {
            Some(_) => "AND (kind, sort_key, item_key) > ($4, $5, $6)",
            None => "",
        };
        let sql = format!(
            "SELECT {COLUMNS}, sort_key, item_key FROM connection_items
             WHERE connection_id = $1 AND parent_key = $2 AND flags IN (0, {EDITABLE}) {follows}
             ORDER BY kind, sort_key, item_key LIMIT $3"
        );
        let mut params = vec![
            connection.into(),
            key(folder).to_vec().into(),
            i64::from(limit).into(),
        ];
        if let Some(mark) = after {
            params.extend([
                mark.kind.into(),
                mark.sort_key.as_str().into(),
                mark.key.clone().into(),
            ]);
        }
        let rows = self.query(&sql, &params).await?;
        let marked = rows.iter().map(|row| {
            let mark = ItemMark {
                kind: row.int(3)?,
                sort_key: row.text(13)?,
                key: row.bytes(14)?,
            };
            Ok((read(row)?, mark))
        });
        marked.collect()
    }

    /// Finds items by their ids.
    pub async fn items(
        &mut self,
        connection: ConnectionId,
        ids: &[&str],
    ) -> Result<Vec<RemoteItem>, CatalogError> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            let mut params = vec![connection.into()];
            let list = listed(&mut params, chunk);
            let sql = format!(
                "SELECT {COLUMNS} FROM connection_items WHERE connection_id = $1 AND item_key IN ({list})"
            );
            for row in self.query(&sql, &params).await? {
                found.push(read(&row)?);
            }
        }
        Ok(found)
    }

    /// All that is in a folder, the trash and what cannot be opened among it: what follows the place `after`, at most
    /// `limit`; and where to go on, `None` at the end. The beginning is no bytes.
    pub async fn items_below(
        &mut self,
        (connection, folder): (ConnectionId, &str),
        after: &[u8],
        limit: u32,
    ) -> Result<(Vec<RemoteItem>, Option<Vec<u8>>), CatalogError> {
        let after = Place::read(after)?;
        let sql = format!(
            "SELECT {COLUMNS}, sort_key, item_key FROM connection_items
             WHERE connection_id = $1 AND parent_key = $2 AND (kind, sort_key, item_key) > ($4, $5, $6)
             ORDER BY kind, sort_key, item_key LIMIT $3"
        );
        let params = [
            connection.into(),
            key(folder).into(),
            i64::from(limit).into(),
            after.kind.into(),
            after.sort_key.into(),
            after.key.into(),
        ];
        let rows = self.query(&sql, &params).await?;
        let next = match rows.last() {
            Some(last) if rows.len() >= limit as usize => Some(
                Place {
                    kind: last.int(3)?,
                    sort_key: last.text(13)?,
                    key: last.bytes(14)?,
                }
                .write(),
            ),
            _ => None,
        };
        let items = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok((items, next))
    }

    /// What is in a folder under these names, whatever their case and the way they are written; the trash is among it.
    pub async fn items_named(
        &mut self,
        (connection, folder): (ConnectionId, &str),
        names: &[&str],
    ) -> Result<Vec<RemoteItem>, CatalogError> {
        let mut found = Vec::new();
        for chunk in names.chunks(CHUNK) {
            let mut params = vec![connection.into(), key(folder).into()];
            let list = lists::holders(
                &mut params,
                chunk.iter().map(|name| sort_key(name).into()).collect(),
            );
            let sql = format!(
                "SELECT {COLUMNS} FROM connection_items{}
                 WHERE connection_id = $1 AND parent_key = $2 AND kind IN (0, 1, 2, 3, 4) AND sort_key IN ({list})",
                self.indexed_by("connection_items_of_folder")
            );
            for row in self.query(&sql, &params).await? {
                found.push(read(&row)?);
            }
        }
        Ok(found)
    }

    /// As [`Tx::put_items`], and answers the ids of those that are new, or other than they were in anything but their
    /// page, and of the folders that what has no counterpart left. Those that are not are only noted as seen.
    pub async fn put_changed_items(
        &mut self,
        connection: ConnectionId,
        round: u64,
        items: &[RemoteItem],
    ) -> Result<Vec<String>, CatalogError> {
        let mut changed = Vec::new();
        for chunk in items.chunks(CHUNK) {
            let ids: Vec<&str> = chunk.iter().map(|item| item.id.as_str()).collect();
            let known = self.items(connection, &ids).await?;
            let known: HashMap<&str, &RemoteItem> =
                known.iter().map(|item| (item.id.as_str(), item)).collect();
            let (mut to_put, mut seen) = (Vec::new(), Vec::new());
            for item in chunk {
                let before = known.get(item.id.as_str());
                let now = as_stored(item);
                let is_same = before.is_some_and(|before| {
                    now == RemoteItem {
                        web_url: now.web_url.clone(),
                        ..(*before).clone()
                    }
                });
                if !is_same {
                    changed.push(item.id.clone());
                    let left = before.filter(|before| before.parent != now.parent || now.is_trashed);
                    changed.extend(left.and_then(|before| bereft(before.kind, before.parent.as_ref())));
                }
                match before {
                    Some(before) if **before == now => seen.push(item.id.as_str()),
                    _ => to_put.push(now),
                }
            }
            self.put_items(connection, round, &to_put).await?;
            self.see_items((connection, round), &seen).await?;
        }
        Ok(changed)
    }

    /// Notes that items were seen in a round.
    async fn see_items(
        &mut self,
        (connection, round): (ConnectionId, u64),
        ids: &[&str],
    ) -> Result<(), CatalogError> {
        for chunk in ids.chunks(CHUNK) {
            let mut params = vec![connection.into(), signed(round).into()];
            let list = listed(&mut params, chunk);
            let sql = format!(
                "UPDATE connection_items SET round = $2
                 WHERE connection_id = $1 AND item_key IN ({list}) AND round <> $2"
            );
            self.execute(&sql, &params).await?;
        }
        Ok(())
    }

    /// Removes items by their ids, and answers the ids of those that were there, and of the folders that what has no
    /// counterpart was in.
    pub async fn remove_items(
        &mut self,
        connection: ConnectionId,
        ids: &[&str],
    ) -> Result<Vec<String>, CatalogError> {
        let mut removed = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let mut params = vec![connection.into()];
            let list = listed(&mut params, chunk);
            let sql = format!(
                "DELETE FROM connection_items WHERE connection_id = $1 AND item_key IN ({list})
                 RETURNING item_id, parent_id, kind"
            );
            for row in self.query(&sql, &params).await? {
                removed.push(row.text(0)?);
                removed.extend(bereft(kind_of(row.int(2)?)?, row.opt_text(1)?.as_ref()));
            }
        }
        Ok(removed)
    }

    /// Items that were last seen before a round, among the `limit` whose keys follow `after`; and where to go on, `None`
    /// at the end.
    pub async fn unseen_items(
        &mut self,
        (connection, round): (ConnectionId, u64),
        after: &[u8],
        limit: u32,
    ) -> Result<(Vec<RemoteItem>, Option<Vec<u8>>), CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS}, item_key, round FROM connection_items WHERE connection_id = $1 AND item_key > $2
             ORDER BY item_key LIMIT $3"
        );
        let page = [connection.into(), after.to_vec().into(), i64::from(limit).into()];
        let rows = self.query(&sql, &page).await?;
        let Some(last) = rows.last() else {
            return Ok((Vec::new(), None));
        };
        let last = last.bytes(13)?;
        let mut unseen = Vec::new();
        for row in &rows {
            if count(row.int(14)?) < round {
                unseen.push(read(row)?);
            }
        }
        Ok((unseen, Some(last)))
    }

    /// Removes what is known of a connection's items and of their changes, at most `limit` of each. Answers how many that
    /// were.
    pub async fn forget_items(&mut self, connection: ConnectionId, limit: u32) -> Result<u64, CatalogError> {
        let changes = self.trim_remote(connection, u64::MAX, limit).await?;
        let items = self
            .execute(
                "DELETE FROM connection_items WHERE connection_id = $1 AND item_key IN
                 (SELECT item_key FROM connection_items WHERE connection_id = $1 LIMIT $2)",
                &[connection.into(), i64::from(limit).into()],
            )
            .await?;
        Ok(items + changes)
    }

    /// The next connection after `after` of which items, or changes of them, are known; `None` at the end.
    pub async fn next_with_items(
        &mut self,
        after: Option<ConnectionId>,
    ) -> Result<Option<ConnectionId>, CatalogError> {
        // From one to the next by the index, whatever the number of items.
        let key = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        let row = self
            .first(
                "SELECT connection_id FROM connection_items WHERE connection_id > $1
                 ORDER BY connection_id LIMIT 1",
                &[key.into()],
            )
            .await?;
        let items = row
            .map(|row| row.id16(0))
            .transpose()?
            .map(ConnectionId::from_bytes);
        let changes = self.next_with_remote_changes(after).await?;
        Ok(items.into_iter().chain(changes).min())
    }

    /// How many items of a connection are known.
    pub async fn count_items(&mut self, connection: ConnectionId) -> Result<u64, CatalogError> {
        let row = self
            .first(
                "SELECT count(*) FROM connection_items WHERE connection_id = $1",
                &[connection.into()],
            )
            .await?;
        row.map_or(Ok(0), |row| Ok(count(row.int(0)?)))
    }

    /// Files of a connection of that length, at most `limit`: those that may have a content.
    pub async fn items_of_size(
        &mut self,
        connection: ConnectionId,
        (name, size_bytes): (&str, u64),
        limit: u32,
    ) -> Result<Vec<RemoteItem>, CatalogError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM connection_items{}
             WHERE connection_id = $1 AND size_bytes = $2 AND kind = 1 AND flags IN (0, {EDITABLE})
             ORDER BY CASE WHEN name = $3 THEN 0 ELSE 1 END, item_key LIMIT $4",
            self.indexed_by("connection_items_by_size")
        );
        let params = [
            connection.into(),
            signed(size_bytes).into(),
            name.into(),
            i64::from(limit).into(),
        ];
        let rows = self.query(&sql, &params).await?;
        rows.iter().map(read).collect()
    }
}

/// Where a page of a folder's items ended.
struct Place {
    kind: i64,
    sort_key: String,
    key: Vec<u8>,
}

impl Place {
    fn write(&self) -> Vec<u8> {
        let kind = u8::try_from(self.kind).unwrap_or(0);
        [&[kind], self.key.as_slice(), self.sort_key.as_bytes()].concat()
    }

    fn read(bytes: &[u8]) -> Result<Self, CatalogError> {
        let Some((kind, rest)) = bytes.split_first() else {
            return Ok(Self {
                kind: -1,
                sort_key: String::new(),
                key: Vec::new(),
            });
        };
        let parts = rest.split_at_checked(16);
        let parts = parts.and_then(|(key, text)| Some((key, std::str::from_utf8(text).ok()?)));
        let (key, sort_key) =
            parts.ok_or_else(|| CatalogError::Damaged("a place among items cannot be read".to_owned()))?;
        Ok(Self {
            kind: i64::from(*kind),
            sort_key: sort_key.to_owned(),
            key: key.to_vec(),
        })
    }
}

/// The place holders of items' keys.
fn listed(params: &mut Vec<Value>, ids: &[&str]) -> String {
    lists::holders(params, ids.iter().map(|id| key(id).into()).collect())
}

/// An item as it is read back once it was written.
fn as_stored(item: &RemoteItem) -> RemoteItem {
    RemoteItem {
        name: item.name.replace('\0', "\u{fffd}"),
        hashes: lines(&item.hashes.join("\n")),
        details: lines(&item.details.join("\n")),
        ..item.clone()
    }
}

/// What an item is found by: ids may be longer than an index takes.
pub(crate) fn key(id: &str) -> [u8; 16] {
    let hash = Sha256::digest(id.as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    key
}

fn sort_key(name: &str) -> String {
    let mut folded = fold(name);
    let mut end = SORT_BYTES.min(folded.len());
    while !folded.is_char_boundary(end) {
        end -= 1;
    }
    folded.truncate(end);
    // PostgreSQL takes no NUL in a text.
    folded.replace('\0', "\u{fffd}")
}

fn insert(rows: usize) -> String {
    let mut sql = format!(
        "INSERT INTO connection_items ({COLUMNS}, connection_id, item_key, parent_key, sort_key, round) VALUES "
    );
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..WIDTH {
            let comma = if column == 0 { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = write!(sql, "{comma}${}", row * WIDTH + column + 1);
        }
        sql.push(')');
    }
    sql.push_str(" ON CONFLICT (connection_id, item_key) DO UPDATE SET ");
    let names = COLUMNS
        .split(',')
        .map(str::trim)
        .filter(|name| *name != "item_id");
    let set = names
        .chain(["parent_key", "sort_key", "round"])
        .map(|name| format!("{name} = excluded.{name}"));
    sql.push_str(&set.collect::<Vec<_>>().join(", "));
    sql
}

fn fill(params: &mut Vec<Value>, connection: ConnectionId, round: u64, item: &RemoteItem) {
    let flags = if item.is_trashed { TRASHED } else { 0 } | if item.is_editable { EDITABLE } else { 0 };
    params.extend([
        item.id.as_str().into(),
        item.parent.as_deref().into(),
        item.name.replace('\0', "\u{fffd}").into(),
        kind_code(item.kind).into(),
        item.size_bytes.map(signed).into(),
        item.media_type.as_deref().into(),
        item.hashes.join("\n").into(),
        item.revision.as_deref().into(),
        item.tag.as_deref().into(),
        item.modified_ms.into(),
        flags.into(),
        item.details.join("\n").into(),
        item.web_url.as_deref().into(),
        connection.into(),
        key(&item.id).to_vec().into(),
        item.parent.as_deref().map(|parent| key(parent).to_vec()).into(),
        sort_key(&item.name).into(),
        signed(round).into(),
    ]);
}

pub(crate) fn kind_code(kind: RemoteKind) -> i64 {
    let at = RemoteKind::ALL.iter().position(|known| *known == kind);
    at.and_then(|at| i64::try_from(at).ok()).unwrap_or(0)
}

pub(crate) fn lines(text: &str) -> Vec<String> {
    text.lines().map(ToOwned::to_owned).collect()
}

pub(crate) fn kind_of(code: i64) -> Result<RemoteKind, CatalogError> {
    let kind = usize::try_from(code).ok();
    let kind = kind.and_then(|code| RemoteKind::ALL.get(code)).copied();
    kind.ok_or_else(|| CatalogError::Damaged("a remote item is of no kind".to_owned()))
}

/// The folder of something that has no counterpart: it may have stayed for that alone.
fn bereft(kind: RemoteKind, parent: Option<&String>) -> Option<String> {
    let has_counterpart = matches!(kind, RemoteKind::File | RemoteKind::Folder);
    parent.filter(|_| !has_counterpart).cloned()
}

fn read(row: &Row) -> Result<RemoteItem, CatalogError> {
    let flags = row.int(10)?;
    Ok(RemoteItem {
        id: row.text(0)?,
        parent: row.opt_text(1)?,
        name: row.text(2)?,
        kind: kind_of(row.int(3)?)?,
        size_bytes: row.opt_int(4)?.map(count),
        media_type: row.opt_text(5)?,
        hashes: lines(&row.text(6)?),
        revision: row.opt_text(7)?,
        tag: row.opt_text(8)?,
        modified_ms: row.opt_int(9)?.map(Millis),
        is_trashed: flags & TRASHED != 0,
        is_editable: flags & EDITABLE != 0,
        details: lines(&row.text(11)?),
        web_url: row.opt_text(12)?,
    })
}
