//! What a transaction promises, on both engines.

use std::future::poll_fn;
use std::task::Poll;

use super::database::{Schema, on_each_database, on_each_engine};
use crate::{Catalog, CatalogError, Durability, Tx};

async fn put(tx: &mut Tx, name: &str, value: &str) -> Result<u64, CatalogError> {
    tx.execute(
        "INSERT INTO meta (name, value) VALUES ($1, $2)",
        &[name.into(), value.into()],
    )
    .await
}

async fn names(tx: &mut Tx) -> Vec<String> {
    let rows = tx
        .query("SELECT name FROM meta ORDER BY name", &[])
        .await
        .unwrap();
    rows.iter().map(|row| row.text(0).unwrap()).collect()
}

async fn stored(catalog: &Catalog) -> Vec<String> {
    names(&mut catalog.read().await.unwrap()).await
}

#[tokio::test]
async fn what_was_committed_is_there_when_the_catalog_is_opened_again() {
    on_each_database(Schema::Migrated, |database| async move {
        for durability in [Durability::Full, Durability::UnsafeNone] {
            let catalog = database
                .open_with(|options| options.durability = durability)
                .await;
            let mut tx = catalog.write().await.unwrap();
            put(&mut tx, &format!("{durability:?}"), "1").await.unwrap();
            tx.commit().await.unwrap();
        }

        assert_eq!(stored(&database.open().await).await, ["Full", "UnsafeNone"]);
    })
    .await;
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.write().await.unwrap();
        put(&mut tx, "a", "1").await.unwrap();
        drop(tx);

        assert!(stored(&catalog).await.is_empty());
        let mut tx = catalog.write().await.unwrap();
        assert!(names(&mut tx).await.is_empty());
        put(&mut tx, "b", "1").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stored(&catalog).await, ["b"]);
    })
    .await;
}

#[tokio::test]
async fn readers_see_only_what_is_committed_and_keep_their_snapshot() {
    on_each_engine(|catalog| async move {
        let mut writer = catalog.write().await.unwrap();
        put(&mut writer, "a", "1").await.unwrap();
        let mut early = catalog.read().await.unwrap();
        assert!(names(&mut early).await.is_empty());

        writer.commit().await.unwrap();

        assert!(names(&mut early).await.is_empty());
        assert_eq!(stored(&catalog).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn a_reader_cannot_write() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.read().await.unwrap();

        assert!(put(&mut tx, "a", "1").await.is_err());
        drop(tx);
        assert!(stored(&catalog).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_failed_statement_spoils_its_transaction_and_no_other() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.write().await.unwrap();
        put(&mut tx, "a", "1").await.unwrap();
        let taken = put(&mut tx, "a", "2").await.unwrap_err();

        assert!(matches!(taken, CatalogError::Database(_)), "{taken:?}");
        assert!(tx.query("SELECT name FROM meta", &[]).await.is_err());
        assert!(tx.commit().await.is_err());
        assert!(stored(&catalog).await.is_empty());
        let mut tx = catalog.write().await.unwrap();
        put(&mut tx, "b", "1").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stored(&catalog).await, ["b"]);
    })
    .await;
}

#[tokio::test]
async fn a_conflict_that_the_statement_foresees_spoils_nothing() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.write().await.unwrap();
        let sql = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        let made = tx.execute(sql, &["a".into(), "1".into()]).await.unwrap();
        let again = tx.execute(sql, &["a".into(), "2".into()]).await.unwrap();
        tx.commit().await.unwrap();

        assert_eq!((made, again), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn two_writers_of_one_key_leave_one_row() {
    on_each_database(Schema::Migrated, |database| async move {
        let tasks: Vec<_> = [database.open().await, database.open().await]
            .into_iter()
            .cycle()
            .take(16)
            .enumerate()
            .map(|(i, catalog)| {
                tokio::spawn(async move {
                    let mut tx = catalog.write().await.unwrap();
                    let sql =
                        "INSERT INTO meta (name, value) VALUES ('key', $1) ON CONFLICT (name) DO NOTHING";
                    let made = tx.execute(sql, &[i.to_string().into()]).await.unwrap();
                    tx.commit().await.unwrap();
                    made
                })
            })
            .collect();
        let mut made = 0;
        for task in tasks {
            made += task.await.unwrap();
        }

        assert_eq!(made, 1);
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_dropped_in_mid_statement_leaves_its_connection_clean() {
    on_each_database(Schema::Migrated, |database| async move {
        // One connection, so that the next transaction would meet what was left behind.
        let catalog = database.open_with(|options| options.connections = 1).await;
        for polls in 0..40 {
            let catalog = catalog.clone();
            let mut work = Box::pin(async move {
                let mut tx = catalog.write().await.unwrap();
                put(&mut tx, &format!("lost {polls}"), "1").await.unwrap();
                put(&mut tx, &format!("lost too {polls}"), "1").await.unwrap();
                std::future::pending::<()>().await;
            });
            // Each poll takes the work one answer further, so that it is dropped at every place in turn.
            for _ in 0..polls {
                poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await;
                tokio::task::yield_now().await;
            }
        }

        let mut tx = catalog.write().await.unwrap();
        assert!(names(&mut tx).await.is_empty());
        put(&mut tx, "kept", "1").await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(stored(&database.open().await).await, ["kept"]);
    })
    .await;
}

#[tokio::test]
async fn a_parameter_may_be_used_twice_and_in_any_order() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.write().await.unwrap();
        tx.execute(
            "INSERT INTO meta (value, name) VALUES ($2, $1)",
            &["n".into(), "v".into()],
        )
        .await
        .unwrap();
        let row = tx
            .first(
                "SELECT value FROM meta WHERE value = $2 AND name = $1 AND value = $2",
                &["n".into(), "v".into()],
            )
            .await
            .unwrap();

        assert_eq!(row.unwrap().text(0).unwrap(), "v");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_number_of_parameters_is_refused() {
    on_each_engine(|catalog| async move {
        for params in [vec![], vec!["a".into(), "b".into()]] {
            let mut tx = catalog.read().await.unwrap();
            assert!(
                tx.query("SELECT value FROM meta WHERE name = $1", &params)
                    .await
                    .is_err()
            );
        }
    })
    .await;
}

#[tokio::test]
async fn watchers_hear_of_a_space_after_the_commit_only() {
    on_each_engine(|catalog| async move {
        let space = |i: u8| model::SpaceId::from_bytes([i; 16]);
        let mut news = catalog.watch();
        let mut dropped = catalog.write().await.unwrap();
        put(&mut dropped, "a", "1").await.unwrap();
        dropped.wake(space(1));
        drop(dropped);
        let mut tx = catalog.write().await.unwrap();
        put(&mut tx, "b", "1").await.unwrap();
        tx.wake(space(2));
        tx.wake(space(2));
        tx.commit().await.unwrap();

        let mut heard = Vec::new();
        while let Ok(space) = news.try_recv() {
            if space != crate::EVERY_SPACE {
                heard.push(space);
            }
        }
        assert_eq!(heard, [space(2)]);
    })
    .await;
}

#[tokio::test]
async fn the_database_answers_and_says_what_it_is() {
    on_each_engine(|catalog| async move {
        catalog.check().await.unwrap();
        let version = catalog.engine_version().await.unwrap();

        let name = format!("{:?} ", catalog.engine())
            .replace("Sqlite", "SQLite")
            .replace("Postgres", "PostgreSQL");
        assert!(
            version.starts_with(&name) && version.len() > name.len(),
            "{version}"
        );
    })
    .await;
}
