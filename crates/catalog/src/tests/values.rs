//! Values on their way in and out.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::database::on_each_engine;
use crate::db::{Engine, Row, Value};
use crate::{Catalog, CatalogError};

type Sample = (Option<i64>, Option<String>, Option<Vec<u8>>);

async fn make_table(catalog: &Catalog) {
    let (text, bytes) = match catalog.engine() {
        Engine::Sqlite => ("TEXT", "BLOB"),
        Engine::Postgres => ("TEXT COLLATE \"C\"", "BYTEA"),
    };
    let mut tx = catalog.write().await.unwrap();
    tx.define(&format!(
        "CREATE TABLE samples (number BIGINT, words {text}, data {bytes})"
    ))
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

/// Stores samples and reads them back in the order of their texts.
async fn round_trip(catalog: &Catalog, samples: &[Sample]) -> Vec<Sample> {
    let mut tx = catalog.write().await.unwrap();
    for (number, words, data) in samples {
        let params = [(*number).into(), words.clone().into(), data.clone().into()];
        tx.execute(
            "INSERT INTO samples (number, words, data) VALUES ($1, $2, $3)",
            &params,
        )
        .await
        .unwrap();
    }
    let sql = "SELECT number, words, data FROM samples WHERE words IS NOT NULL ORDER BY words, number, data";
    let mut rows = tx.query(sql, &[]).await.unwrap();
    let sql = "SELECT number, words, data FROM samples WHERE words IS NULL";
    rows.extend(tx.query(sql, &[]).await.unwrap());
    let read = |row: &Row| Ok((row.opt_int(0)?, row.opt_text(1)?, row.opt_bytes(2)?));
    rows.iter()
        .map(|row| read(row).map_err(|error: CatalogError| error))
        .collect::<Result<_, _>>()
        .unwrap()
}

#[tokio::test]
async fn every_value_comes_back_as_it_was_and_texts_sort_by_their_bytes() {
    on_each_engine(|catalog| async move {
        make_table(&catalog).await;
        let runtime = tokio::runtime::Handle::current();
        let samples = || {
            let text = any::<String>().prop_map(|text| text.replace('\0', ""));
            vec(
                (
                    option::of(any::<i64>()),
                    option::of(text),
                    option::of(any::<Vec<u8>>()),
                ),
                0..8,
            )
        };
        let check = move || {
            TestRunner::default().run(&samples(), |samples| {
                let mut back = runtime.block_on(round_trip(&catalog, &samples));
                let texts: Vec<_> = back.iter().filter_map(|sample| sample.1.clone()).collect();
                prop_assert!(texts.is_sorted());
                let mut sent = samples;
                sent.sort();
                back.sort();
                prop_assert_eq!(back, sent);
                Ok(())
            })
        };
        tokio::task::spawn_blocking(check).await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_text_with_a_nul_is_refused() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.write().await.unwrap();

        assert!(
            tx.query("SELECT value FROM meta WHERE name = $1", &["a\0b".into()])
                .await
                .is_err()
        );
    })
    .await;
}

#[tokio::test]
async fn truth_and_small_numbers_read_as_numbers() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.read().await.unwrap();
        let sql = "SELECT EXISTS (SELECT 1), 7, COUNT(*) FROM meta";
        let row = tx.first(sql, &[]).await.unwrap().unwrap();

        assert_eq!([0, 1, 2].map(|i| row.int(i).unwrap()), [1, 7, 0]);
    })
    .await;
}

#[tokio::test]
async fn a_row_that_is_not_what_was_expected_is_damage_not_a_panic() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.write().await.unwrap();
        let put = "INSERT INTO meta (name, value) VALUES ($1, $2)";
        tx.execute(put, &["a".into(), "b".into()]).await.unwrap();
        let row = tx
            .first("SELECT name, NULL FROM meta", &[])
            .await
            .unwrap()
            .unwrap();

        let errors = [
            row.int(0).map(drop),
            row.bytes(0).map(drop),
            row.id16(0).map(drop),
            row.text(1).map(drop),
            row.text(2).map(drop),
        ];
        for error in errors {
            assert!(matches!(error, Err(CatalogError::Damaged(_))), "{error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_parameter_of_another_kind_than_its_column_does_not_come_back_changed() {
    on_each_engine(|catalog| async move {
        let mut tx = catalog.write().await.unwrap();
        let put = "INSERT INTO meta (name, value) VALUES ($1, $2)";
        let outcome = tx.execute(put, &["a".into(), Value::Bytes(vec![1])]).await;

        // PostgreSQL refuses it; SQLite stores what it was given.
        match tx.engine() {
            Engine::Postgres => assert!(outcome.is_err()),
            Engine::Sqlite => {
                let row = tx.first("SELECT value FROM meta", &[]).await.unwrap().unwrap();
                assert_eq!(row.bytes(0).unwrap(), [1]);
            }
        }
    })
    .await;
}
