//! Search by name: the one file whose queries differ between the engines.
//!
//! SQLite keeps the folded names in a trigram index of its full-text engine, PostgreSQL in a GIN
//! index of `pg_trgm`. Texts of one or two characters have no trigram and walk the space's names.

use model::{Millis, Node, NodeId, NodeKind, SpaceId};

use crate::db::{Engine, Tx, Value};
use crate::nodes::{NODE, kind_code, read_node};
use crate::{CatalogError, signed};

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

impl Tx {
    /// Returns nodes of a space that fit, the newest first, deleted ones among them.
    ///
    /// `before` is the row number that the page before ended with.
    pub async fn search(
        &mut self,
        space: SpaceId,
        criteria: &Criteria,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<(Node, i64)>, CatalogError> {
        let mut params = vec![
            Value::id(space.as_bytes()),
            i64::from(limit).into(),
            before.unwrap_or(i64::MAX).into(),
        ];
        let (source, by_name) = self.by_name(&criteria.text, &mut params);
        let filters = filters(criteria, &mut params);
        let sql = format!(
            "SELECT {NODE}
             FROM {source} LEFT JOIN versions v ON v.node_id = n.id AND v.number = n.version
             WHERE n.space_id = $1 AND n.row_no < $3 AND n.name <> '' AND n.detached = 0 {by_name} {filters}
             ORDER BY n.row_no DESC
             LIMIT $2"
        );
        let rows = self.query(&sql, &params).await?;
        rows.iter()
            .map(|row| Ok((read_node(row)?, row.int(0)?)))
            .collect()
    }

    /// Returns which children of these folders fit: for a search below a small folder.
    pub async fn search_children(
        &mut self,
        folders: &[NodeId],
        criteria: &Criteria,
        (before, limit): (Option<i64>, u32),
    ) -> Result<Vec<(Node, i64)>, CatalogError> {
        let mut params = vec![i64::from(limit).into(), before.unwrap_or(i64::MAX).into()];
        let list = crate::listings::place_holders(&mut params, folders);
        let by_name = like(&criteria.text, &mut params);
        let filters = filters(criteria, &mut params);
        let sql = format!(
            "SELECT {NODE}
             FROM nodes n LEFT JOIN versions v ON v.node_id = n.id AND v.number = n.version
             WHERE n.parent_id IN ({list}) AND n.row_no < $2 {by_name} {filters}
             ORDER BY n.row_no DESC
             LIMIT $1"
        );
        let rows = self.query(&sql, &params).await?;
        rows.iter()
            .map(|row| Ok((read_node(row)?, row.int(0)?)))
            .collect()
    }

    /// Returns the folders directly in these folders, at most `limit`.
    pub async fn folders_in(&mut self, folders: &[NodeId], limit: u32) -> Result<Vec<NodeId>, CatalogError> {
        let mut params = vec![i64::from(limit).into()];
        let list = crate::listings::place_holders(&mut params, folders);
        let sql =
            format!("SELECT id FROM nodes WHERE parent_id IN ({list}) AND kind = 0 ORDER BY row_no LIMIT $1");
        let rows = self.query(&sql, &params).await?;
        rows.iter()
            .map(|row| Ok(NodeId::from_bytes(row.id16(0)?)))
            .collect()
    }

    fn by_name(&self, text: &str, params: &mut Vec<Value>) -> (&'static str, String) {
        let has_trigram = text.chars().count() >= 3;
        match self.engine() {
            Engine::Sqlite if has_trigram => {
                // A phrase of the full-text engine: quotes are doubled, nothing else means anything.
                params.push(format!("\"{}\"", text.replace('"', "\"\"")).into());
                let at = params.len();
                // The rows come in the order of the index, newest first, and stop at the limit.
                let by_name = format!("AND m.node_names MATCH ${at} AND m.rowid < $3");
                ("node_names m CROSS JOIN nodes n ON n.row_no = m.rowid", by_name)
            }
            Engine::Sqlite | Engine::Postgres => ("nodes n", like(text, params)),
        }
    }
}

/// A condition that the folded name holds `text`, every character of it taken literally.
fn like(text: &str, params: &mut Vec<Value>) -> String {
    if text.is_empty() {
        return String::new();
    }
    let literal = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    params.push(format!("%{literal}%").into());
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
        let mut any = Vec::new();
        for media_type in &criteria.media_types {
            if media_type.ends_with('/') {
                // From `image/` up to, and not with, `image0`, the text that comes next.
                params.push(media_type.as_str().into());
                let from = params.len();
                params.push(format!("{}0", &media_type[..media_type.len() - 1]).into());
                any.push(format!(
                    "(v.media_type >= ${from} AND v.media_type < ${})",
                    params.len()
                ));
            } else {
                params.push(media_type.as_str().into());
                any.push(format!("v.media_type = ${}", params.len()));
            }
        }
        sql.push_str(&format!(" AND ({})", any.join(" OR ")));
    }
    sql
}
