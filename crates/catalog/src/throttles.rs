//! Counters of tries, shared by all nodes and kept across restarts.

use model::Millis;

use crate::db::{Tx, Value};
use crate::{CatalogError, count};

/// Tries within the current window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    /// How many.
    pub count: u64,
    /// When the window began.
    pub started_ms: Millis,
}

impl Tx {
    /// Counts one more try under a name; a window that is over begins anew.
    pub async fn count_try(
        &mut self,
        name: &str,
        window_secs: i64,
        now: Millis,
    ) -> Result<Tries, CatalogError> {
        let row = self
            .first(
                "INSERT INTO throttles (name, started_ms, count) VALUES ($1, $2, 1)
                 ON CONFLICT (name) DO UPDATE SET
                     count = CASE WHEN throttles.started_ms > $3 THEN throttles.count + 1 ELSE 1 END,
                     started_ms = CASE WHEN throttles.started_ms > $3 THEN throttles.started_ms ELSE $2 END
                 RETURNING count, started_ms",
                &[name.into(), now.0.into(), now.minus_secs(window_secs).0.into()],
            )
            .await?
            .ok_or_else(|| CatalogError::Damaged("a counter of tries is not there".to_owned()))?;
        Ok(Tries {
            count: count(row.int(0)?),
            started_ms: Millis(row.int(1)?),
        })
    }

    /// Takes one try back.
    pub async fn take_back_try(&mut self, name: &str) -> Result<(), CatalogError> {
        self.execute(
            "UPDATE throttles SET count = count - 1 WHERE name = $1 AND count > 0",
            &[name.into()],
        )
        .await?;
        Ok(())
    }

    /// Reads the tries of the current window.
    pub async fn tries(&mut self, name: &str, window_secs: i64, now: Millis) -> Result<Tries, CatalogError> {
        let row = self
            .first(
                "SELECT count, started_ms FROM throttles WHERE name = $1 AND started_ms > $2",
                &[name.into(), now.minus_secs(window_secs).0.into()],
            )
            .await?;
        let none = Tries {
            count: 0,
            started_ms: now,
        };
        row.map_or(Ok(none), |row| {
            Ok(Tries {
                count: count(row.int(0)?),
                started_ms: Millis(row.int(1)?),
            })
        })
    }

    /// Forgets the tries under a name.
    pub async fn clear_tries(&mut self, name: &str) -> Result<(), CatalogError> {
        self.execute("DELETE FROM throttles WHERE name = $1", &[name.into()])
            .await?;
        Ok(())
    }

    /// Removes up to `limit` counters whose window began before `before`.
    pub async fn remove_old_tries(&mut self, before: Millis, limit: u32) -> Result<u64, CatalogError> {
        self.execute(
            "DELETE FROM throttles WHERE name IN (
                 SELECT name FROM throttles WHERE started_ms < $1 ORDER BY started_ms LIMIT $2)",
            &[Value::from(before.0), i64::from(limit).into()],
        )
        .await
    }
}
