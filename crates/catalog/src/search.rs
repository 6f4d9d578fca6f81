//! Search by name: the one file whose queries differ between the engines.
//!
//! SQLite keeps the folded names in a trigram index of its full-text engine, by row number, so the
//! nodes of one space are a range of it; PostgreSQL in a GIN index of the space and `pg_trgm`. Texts of
//! one or two characters have no trigram: the names of the space are walked, a bounded number a look.

use model::{Millis, Node, NodeId, NodeKind, SpaceId};

use crate::db::{Engine, Row, Tx, Value};
use crate::listings::place_holders;
use crate::nodes::{NODE, NODE_FROM, kind_code, read_node};
use crate::{CatalogError, signed};

/// Rows that one look takes in when it is not known beforehand that they fit.
const LOOK_ROWS: i64 = 10_000;

/// Rows that searches may show: no roots, and nothing that is being built or purged.
const VISIBLE: &str = "n.name <> '' AND n.detached = 0";

/// What to look for. Everything that is given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Criteria {
    /// Part of the folded name; empty for any.
    pub text: String,
    /// Folder or file.
    pub kind: Option<NodeKind>,
    /// Media types: whole (`image/png`) or by prefix (`image/`); empty for any.
    pub media_types: Vec<String>,
    /// At least this many bytes.
    pub min_bytes: Option<u64>,
    /// At most this many bytes.
    pub max_bytes: Option<u64>,
    /// Changed at or after.
    pub since: Option<Millis>,
    /// Changed before.
    pub before: Option<Millis>,
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The nodes that fit, with their row numbers, the newest first.
    pub found: Vec<(Node, i64)>,
    /// The row number where the next look goes on; `None` when everything was looked at.
    pub next: Option<i64>,
}

impl Criteria {
    /// Whether a row is found by its name and place alone.
    const fn has_filter(&self) -> bool {
        let Self {
            text: _,
            kind,
            media_types,
            min_bytes,
            max_bytes,
            since,
            before,
        } = self;
        kind.is_some()
            || !media_types.is_empty()
            || min_bytes.is_some()
            || max_bytes.is_some()
            || since.is_some()
            || before.is_some()
    }

    fn has_trigram(&self) -> bool {
        self.text.chars().count() >= 3
    }
}

/// One look through a space, from the newest row down.
#[derive(Clone, Copy)]
struct Look<'a> {
    criteria: &'a Criteria,
    limit: u32,
    /// The space's first row.
    first: i64,
    /// The row where the look before ended.
    before: i64,
}

impl Look<'_> {
    /// The first three parameters of every look that goes down to `bottom`.
    fn params(&self, bottom: i64) -> Vec<Value> {
        vec![i64::from(self.limit).into(), bottom.into(), self.before.into()]
    }

    /// What a look that went down to `bottom` found.
    fn looked(&self, found: Vec<(Node, i64)>, bottom: i64) -> Looked {
        let next = match found.last() {
            Some((_, row_no)) if found.len() >= self.limit as usize => Some(*row_no),
            Some(_) | None => Some(bottom).filter(|bottom| *bottom > self.first),
        };
        Looked { found, next }
    }
}

impl Tx {
    /// Returns nodes of a space that fit, the newest first, deleted ones among them.
    ///
    /// `before` is the row number where the look before ended. One look costs a bounded number of rows:
    /// it may end with little or nothing, and then says where to go on.
    pub async fn search(
        &mut self,
        space: SpaceId,
        criteria: &Criteria,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Looked, CatalogError> {
        let (first, end) = self.rows_of_space(space).await?;
        let before = before.map_or(end, |before| before.min(end));
        let look = Look {
            criteria,
            limit,
            first,
            before,
        };
        match (self.engine(), criteria.has_trigram()) {
            (Engine::Sqlite, true) => self.look_by_words(look).await,
            (Engine::Postgres, true) => {
                // Without the text a plan cannot know how few rows have it: it is made anew each time.
                self.define("SET LOCAL plan_cache_mode = force_custom_plan")
                    .await?;
                // What is frequent fills a page by a short walk, what is rare is gathered by the index.
                let walked = self.walk(look).await?;
                match walked.found.len() < limit as usize && walked.next.is_some() {
                    true => self.look_by_trigrams(space, look).await,
                    false => Ok(walked),
                }
            }
            (Engine::Sqlite | Engine::Postgres, false) => self.walk(look).await,
        }
    }

    /// Tries the rows of a space one after another.
    async fn walk(&mut self, look: Look<'_>) -> Result<Looked, CatalogError> {
        let is_each_a_hit = look.criteria.text.is_empty() && !look.criteria.has_filter();
        let bottom = match is_each_a_hit {
            true => look.first,
            false => {
                let sql = "SELECT row_no FROM nodes
                     WHERE row_no >= $2 AND row_no < $3
                     ORDER BY row_no DESC
                     LIMIT 1 OFFSET $1";
                let row = self
                    .first(sql, &[LOOK_ROWS.into(), look.first.into(), look.before.into()])
                    .await?;
                row.map_or(Ok(look.first), |row| row.int(0))?
            }
        };
        let mut params = look.params(bottom);
        let filters = filters(look.criteria, &mut params);
        let by_name = like(&look.criteria.text, &mut params);
        let sql = format!(
            "SELECT {NODE}
             FROM {NODE_FROM}
             WHERE n.row_no >= $2 AND n.row_no < $3 AND {VISIBLE} {by_name} {filters}
             ORDER BY n.row_no DESC
             LIMIT $1"
        );
        let found = rows(self.query(&sql, &params).await?)?;
        Ok(look.looked(found, bottom))
    }

    /// Lets SQLite's full-text engine hand out the rows that have the text, the newest first.
    async fn look_by_words(&mut self, look: Look<'_>) -> Result<Looked, CatalogError> {
        let phrase = phrase(&look.criteria.text);
        let bottom = match look.criteria.has_filter() {
            false => look.first,
            true => {
                let sql = "SELECT m.rowid FROM node_names m
                     WHERE m.node_names MATCH $4 AND m.rowid >= $2 AND m.rowid < $3
                     ORDER BY m.rowid DESC
                     LIMIT 1 OFFSET $1";
                let params = [
                    LOOK_ROWS.into(),
                    look.first.into(),
                    look.before.into(),
                    phrase.as_str().into(),
                ];
                let row = self.first(sql, &params).await?;
                row.map_or(Ok(look.first), |row| row.int(0))?
            }
        };
        let mut params = look.params(bottom);
        params.push(phrase.into());
        let filters = filters(look.criteria, &mut params);
        // Ordered by the number that the index goes by: it stops at the limit.
        let sql = format!(
            "SELECT {NODE}
             FROM node_names m CROSS JOIN nodes n ON n.row_no = m.rowid
                  LEFT JOIN versions v ON v.node_id = n.id AND v.number = n.version
             WHERE m.node_names MATCH $4 AND m.rowid >= $2 AND m.rowid < $3 AND {VISIBLE} {filters}
             ORDER BY m.rowid DESC
             LIMIT $1"
        );
        let found = rows(self.query(&sql, &params).await?)?;
        Ok(look.looked(found, bottom))
    }

    /// Lets PostgreSQL gather all rows that have the text from its index, and sort them.
    async fn look_by_trigrams(&mut self, space: SpaceId, look: Look<'_>) -> Result<Looked, CatalogError> {
        let mut params = look.params(look.first);
        params.push(Value::id(space.as_bytes()));
        let by_name = like(&look.criteria.text, &mut params);
        let filters = filters(look.criteria, &mut params);
        // A sum is in no index, so that the planner does not walk the rows in their order instead.
        let sql = format!(
            "SELECT {NODE}
             FROM {NODE_FROM}
             WHERE n.space_id = $4 AND n.row_no >= $2 AND n.row_no < $3 AND {VISIBLE} {by_name} {filters}
             ORDER BY n.row_no + 0 DESC
             LIMIT $1"
        );
        let found = rows(self.query(&sql, &params).await?)?;
        Ok(look.looked(found, look.first))
    }

    /// Returns which children of these folders fit: for a search below a small folder.
    pub async fn search_children(
        &mut self,
        folders: &[NodeId],
        criteria: &Criteria,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<(Node, i64)>, CatalogError> {
        let mut params = vec![i64::from(limit).into(), before.unwrap_or(i64::MAX).into()];
        let list = place_holders(&mut params, folders);
        let by_name = like(&criteria.text, &mut params);
        let filters = filters(criteria, &mut params);
        let sql = format!(
            "SELECT {NODE}
             FROM {NODE_FROM}
             WHERE n.parent_id IN ({list}) AND n.row_no < $2 {by_name} {filters}
             ORDER BY n.row_no DESC
             LIMIT $1"
        );
        rows(self.query(&sql, &params).await?)
    }

    /// Counts what these folders hold, up to `most`.
    pub async fn count_children(&mut self, folders: &[NodeId], most: u32) -> Result<u32, CatalogError> {
        let mut params = vec![i64::from(most).into()];
        let list = place_holders(&mut params, folders);
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM nodes WHERE parent_id IN ({list}) LIMIT $1) AS children"
        );
        let row = self.first(&sql, &params).await?;
        let count = row.map_or(Ok(0), |row| row.int(0))?;
        Ok(u32::try_from(count).unwrap_or(most))
    }

    /// Returns the folders directly in these folders, at most `limit`, in no order.
    pub async fn folders_in(&mut self, folders: &[NodeId], limit: u32) -> Result<Vec<NodeId>, CatalogError> {
        let mut params = vec![i64::from(limit).into()];
        let list = place_holders(&mut params, folders);
        let sql = format!("SELECT id FROM nodes WHERE parent_id IN ({list}) AND kind = 0 LIMIT $1");
        let rows = self.query(&sql, &params).await?;
        rows.iter()
            .map(|row| Ok(NodeId::from_bytes(row.id16(0)?)))
            .collect()
    }
}

fn rows(rows: Vec<Row>) -> Result<Vec<(Node, i64)>, CatalogError> {
    rows.iter()
        .map(|row| Ok((read_node(row)?, row.int(0)?)))
        .collect()
}

/// A phrase of the full-text engine: quotes are doubled, nothing else means anything.
fn phrase(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A condition that the folded name holds `text`, every character of it taken literally.
fn like(text: &str, params: &mut Vec<Value>) -> String {
    if text.is_empty() {
        return String::new();
    }
    params.push(format!("%{}%", literal(text)).into());
    format!("AND n.name_key LIKE ${} ESCAPE '\\'", params.len())
}

fn filters(criteria: &Criteria, params: &mut Vec<Value>) -> String {
    let mut sql = String::new();
    let mut add = |condition: &str, value: Value| {
        params.push(value);
        sql.push_str(&format!(" AND {condition} ${}", params.len()));
    };
    if let Some(kind) = criteria.kind {
        add("n.kind =", kind_code(kind).into());
    }
    if let Some(bytes) = criteria.min_bytes {
        add("n.kind = 1 AND n.size_bytes >=", signed(bytes).into());
    }
    if let Some(bytes) = criteria.max_bytes {
        add("n.kind = 1 AND n.size_bytes <=", signed(bytes).into());
    }
    if let Some(at_ms) = criteria.since {
        add("n.modified_ms >=", at_ms.0.into());
    }
    if let Some(at_ms) = criteria.before {
        add("n.modified_ms <", at_ms.0.into());
    }
    if !criteria.media_types.is_empty() {
        let any = criteria.media_types.iter().map(|media_type| {
            // A whole type is also found with parameters: `text/plain; charset=utf-8`.
            let rest = if media_type.ends_with('/') { "" } else { ";" };
            params.push(format!("{}{rest}%", literal(media_type)).into());
            params.push(media_type.as_str().into());
            let at = params.len();
            format!(
                "v.media_type LIKE ${} ESCAPE '\\' OR v.media_type = ${at}",
                at - 1
            )
        });
        let any = any.collect::<Vec<_>>().join(" OR ");
        sql.push_str(&format!(" AND ({any})"));
    }
    sql
}

/// A text as a pattern that only it fits.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}
