//! Whole tables, whatever their columns: for backups and restores, which must not forget one.

use crate::CatalogError;
use crate::db::{Catalog, Engine, Row, Tx, Value, ValueKind};

/// What is in one column of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A table as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The names of its columns.
    pub columns: Vec<String>,
    kinds: Vec<ValueKind>,
    /// The columns of its primary key, in the order of the key.
    key: Vec<usize>,
}

/// Tables that a backup leaves out: what the migrations did is told by the version of the schema, people sign in
/// again, and counters of tries are about the moment. Uploads that are under way, what was seen by the archive and
/// what could not be moved are about the stores of one installation.
const LEFT_OUT: [&str; 16] = [
    "migrations",
    "sessions",
    "throttles",
    "archived_spaces",
    "archive_queue",
    "uploads",
    "upload_parts",
    "upload_tails",
    "move_failures",
    "connection_feeds",
    "connection_items",
    "connection_paces",
    "connection_channels",
    "remote_changes",
    "cloud_migrations",
    "cloud_migration_items",
];

/// Rows that one statement puts in.
const ROWS_AT_ONCE: usize = 16;

impl Table {
    /// Where a column stands in a row.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// How many rows to read at once, so that a page stays within some megabytes: few where rows hold contents.
    pub fn page_rows(&self) -> u32 {
        match self.column("bytes") {
            Some(_) => 16,
            None => 500,
        }
    }

    /// A cell as a parameter for the column of that name.
    pub(crate) fn param(&self, name: &str, cell: Cell) -> Result<Value, CatalogError> {
        match self.column(name) {
            Some(at) => Ok(self.value(at, cell)),
            None => Err(CatalogError::Damaged(format!(
                "there is no column {}.{name}",
                self.name
            ))),
        }
    }

    fn list(&self) -> String {
        self.columns.join(", ")
    }

    fn order(&self) -> String {
        let names: Vec<&str> = self.key.iter().map(|at| self.columns[*at].as_str()).collect();
        names.join(", ")
    }

    /// A cell as a parameter for column `at`.
    fn value(&self, at: usize, cell: Cell) -> Value {
        match cell {
            Cell::Null => Value::Null(self.kinds[at]),
            Cell::Int(number) => Value::Int(number),
            Cell::Text(text) => Value::Text(text),
            Cell::Bytes(bytes) => Value::Bytes(bytes),
        }
    }

    /// Replaces a row of the same key, or adds it. `$1` is its first column, for `rows` rows.
    fn put_statement(&self, rows: usize) -> String {
        let width = self.columns.len();
        let row = |row: usize| {
            let slots: Vec<String> = (1..=width).map(|at| format!("${}", row * width + at)).collect();
            format!("({})", slots.join(", "))
        };
        let values: Vec<String> = (0..rows).map(row).collect();
        let is_key = |name: &&String| self.key.iter().any(|at| self.columns[*at] == **name);
        let rest = self.columns.iter().filter(|name| !is_key(name));
        let set: Vec<String> = rest.map(|name| format!("{name} = excluded.{name}")).collect();
        let otherwise = if set.is_empty() {
            "NOTHING".to_owned()
        } else {
            format!("UPDATE SET {}", set.join(", "))
        };
        format!(
            "INSERT INTO {} ({}) VALUES {} ON CONFLICT ({}) DO {otherwise}",
            self.name,
            self.list(),
            values.join(", "),
            self.order(),
        )
    }
}

impl Catalog {
    /// Which version the schema has; 0 when there is none yet.
    ///
    /// # Errors
    /// As of [`Catalog::read`].
    pub async fn schema_version(&self) -> Result<u32, CatalogError> {
        let mut tx = self.read().await?;
        let sql = match self.engine() {
            Engine::Sqlite => {
                "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'"
            }
            Engine::Postgres => {
                "SELECT count(*) FROM information_schema.tables
                 WHERE table_schema = current_schema() AND table_name = 'migrations'"
            }
        };
        let row = tx.first(sql, &[]).await?;
        if row.map_or(Ok(0), |row| row.int(0))? == 0 {
            return Ok(0);
        }
        let row = tx
            .first("SELECT coalesce(max(version), 0) FROM migrations", &[])
            .await?;
        let version = row.map_or(Ok(0), |row| row.int(0))?;
        Ok(u32::try_from(version).unwrap_or(u32::MAX))
    }
}

impl Tx {
    /// Returns all tables that belong into a backup, by name.
    pub async fn tables(&mut self) -> Result<Vec<Table>, CatalogError> {
        let sql = match self.engine() {
            // The index of names is derived from the nodes by triggers.
            Engine::Sqlite => {
                "SELECT name FROM sqlite_schema
                 WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' AND name NOT LIKE 'node~_names%' ESCAPE '~'
                 ORDER BY name"
            }
            Engine::Postgres => {
                "SELECT CAST(table_name AS TEXT) COLLATE \"C\" FROM information_schema.tables
                 WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
                 ORDER BY 1"
            }
        };
        let mut tables = Vec::new();
        for row in self.query(sql, &[]).await? {
            let name = row.text(0)?;
            if !LEFT_OUT.contains(&name.as_str()) {
                tables.push(self.table(name).await?);
            }
        }
        Ok(tables)
    }

    async fn table(&mut self, name: String) -> Result<Table, CatalogError> {
        let sql = match self.engine() {
            Engine::Sqlite => "SELECT name, type, pk FROM pragma_table_info($1) ORDER BY name",
            Engine::Postgres => {
                "SELECT CAST(c.column_name AS TEXT) COLLATE \"C\", CAST(c.data_type AS TEXT),
                     CAST(coalesce(k.ordinal_position, 0) AS BIGINT)
                 FROM information_schema.columns c
                      LEFT JOIN information_schema.table_constraints t
                          ON t.table_schema = c.table_schema AND t.table_name = c.table_name
                             AND t.constraint_type = 'PRIMARY KEY'
                      LEFT JOIN information_schema.key_column_usage k
                          ON k.constraint_schema = t.constraint_schema AND k.constraint_name = t.constraint_name
                             AND k.table_name = c.table_name AND k.column_name = c.column_name
                 WHERE c.table_schema = current_schema() AND c.table_name = $1
                 ORDER BY 1"
            }
        };
        let mut table = Table {
            name,
            columns: Vec::new(),
            kinds: Vec::new(),
            key: Vec::new(),
        };
        let mut key = Vec::new();
        for row in self.query(sql, &[table.name.as_str().into()]).await? {
            let place = row.int(2)?;
            if place > 0 {
                key.push((place, table.columns.len()));
            }
            table.columns.push(row.text(0)?);
            table.kinds.push(kind_of(&row.text(1)?)?);
        }
        key.sort_unstable();
        table.key = key.into_iter().map(|(_, at)| at).collect();
        match table.key.is_empty() {
            true => Err(CatalogError::Damaged(format!(
                "the table {} has no key",
                table.name
            ))),
            false => Ok(table),
        }
    }

    /// Counts the rows of a table.
    pub async fn row_count(&mut self, table: &Table) -> Result<u64, CatalogError> {
        let sql = format!("SELECT count(*) FROM {}", table.name);
        let row = self.first(&sql, &[]).await?;
        row.map_or(Ok(0), |row| row.int(0).map(crate::count))
    }

    /// Returns the rows that follow the row `after` in the order of the key: about `limit`, and none at the end
    /// only.
    pub async fn table_page(
        &mut self,
        table: &Table,
        after: Option<&[Cell]>,
        limit: u32,
    ) -> Result<Vec<Vec<Cell>>, CatalogError> {
        let (list, name, order) = (table.list(), &table.name, table.order());
        let Some(after) = after else {
            let sql = format!("SELECT {list} FROM {name} ORDER BY {order} LIMIT $1");
            let rows = self.query(&sql, &[i64::from(limit).into()]).await?;
            return rows.iter().map(Row::cells).collect();
        };
        // First what has the same beginning of the key, then what has a shorter one: each is one seek, where
        // SQLite would seek a comparison of rows by the first column alone.
        for equal in (0..table.key.len()).rev() {
            let mut params = Vec::new();
            let mut conditions = Vec::new();
            for (n, at) in table.key.iter().take(equal + 1).enumerate() {
                params.push(table.value(*at, after[*at].clone()));
                let sign = if n == equal { ">" } else { "=" };
                conditions.push(format!("{} {sign} ${}", table.columns[*at], n + 1));
            }
            params.push(i64::from(limit).into());
            let sql = format!(
                "SELECT {list} FROM {name} WHERE {} ORDER BY {order} LIMIT ${}",
                conditions.join(" AND "),
                params.len()
            );
            let rows = self.query(&sql, &params).await?;
            if !rows.is_empty() {
                return rows.iter().map(Row::cells).collect();
            }
        }
        Ok(Vec::new())
    }

    /// Puts rows into a table, each in place of one of the same key.
    pub async fn put_rows(&mut self, table: &Table, rows: Vec<Vec<Cell>>) -> Result<(), CatalogError> {
        let mut left = rows.into_iter();
        loop {
            let some: Vec<Vec<Cell>> = left.by_ref().take(ROWS_AT_ONCE).collect();
            if some.is_empty() {
                return Ok(());
            }
            // Two texts at the most for a table: full statements, and single rows at the end.
            let at_once = if some.len() == ROWS_AT_ONCE {
                ROWS_AT_ONCE
            } else {
                1
            };
            let sql = table.put_statement(at_once);
            for rows in some.chunks(at_once) {
                let cells = rows.iter().flat_map(|row| row.iter().cloned().enumerate());
                let params: Vec<Value> = cells.map(|(at, cell)| table.value(at, cell)).collect();
                self.execute(&sql, &params).await?;
            }
        }
    }

    /// Whether nothing was stored here yet: no account, no space, no content.
    pub async fn is_empty(&mut self) -> Result<bool, CatalogError> {
        for table in ["users", "spaces", "nodes", "blobs"] {
            let sql = format!("SELECT 1 FROM {table} LIMIT 1");
            if self.first(&sql, &[]).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Removes every row but the named texts: what an interrupted restore had put in.
    pub async fn clear(&mut self) -> Result<(), CatalogError> {
        for table in self.tables().await? {
            if table.name != "meta" {
                self.execute(&format!("DELETE FROM {}", table.name), &[]).await?;
            }
        }
        Ok(())
    }

    /// Lets the statements of this transaction take as long as they need: for what runs while nothing is served.
    pub async fn take_time(&mut self) -> Result<(), CatalogError> {
        match self.engine() {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => self.define("SET LOCAL statement_timeout = 0").await,
        }
    }
}

/// What a column holds, by the engines' words for it.
fn kind_of(word: &str) -> Result<ValueKind, CatalogError> {
    let word = word.to_ascii_lowercase();
    match word.split_whitespace().next().unwrap_or_default() {
        "bigint" | "integer" => Ok(ValueKind::Int),
        "text" => Ok(ValueKind::Text),
        "blob" | "bytea" => Ok(ValueKind::Bytes),
        _ => Err(CatalogError::Damaged(format!(
            "a column holds `{word}`, which no column of ours does"
        ))),
    }
}
