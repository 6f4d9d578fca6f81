//! Migrations: interrupted, refused, all at once.

use super::database::{Database, Schema, on_each_database, on_each_engine};
use crate::migrate::{ALL, Migrated, statements};
use crate::{Catalog, Engine, Options};

/// What the schema consists of, as the engine tells it.
async fn objects(catalog: &Catalog) -> Vec<String> {
    let sql = match catalog.engine() {
        Engine::Sqlite => {
            "SELECT type || ' ' || name FROM sqlite_master UNION ALL
             SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c ORDER BY 1"
        }
        Engine::Postgres => {
            "SELECT CAST(c.relkind AS TEXT) || ' ' || c.relname FROM pg_class c
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' UNION ALL
             SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
             JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND a.attnum > 0 ORDER BY 1"
        }
    };
    let rows = catalog.read().await.unwrap().query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.text(0).unwrap()).collect()
}

fn last() -> u32 {
    u32::try_from(ALL.len()).unwrap()
}

#[tokio::test]
async fn an_empty_database_gets_the_whole_schema_once() {
    on_each_database(Schema::Empty, |database| async move {
        let catalog = database.open().await;

        assert_eq!(catalog.migrate().await.unwrap(), Migrated { from: 0, to: last() });
        assert_eq!(
            catalog.migrate().await.unwrap(),
            Migrated {
                from: last(),
                to: last()
            }
        );
    })
    .await;
}

#[tokio::test]
async fn a_migration_that_is_interrupted_at_any_statement_has_not_happened_and_can_be_done_again() {
    on_each_database(Schema::Empty, |database| async move {
        let catalog = database.open().await;
        let mut done = 0;
        let mut before = Vec::new();
        for (version, migration) in ALL.iter().enumerate() {
            let count = statements(&migration.text(database.engine())).len();
            for k in 0..count {
                let stopped = catalog.migrate_with(ALL, k).await.unwrap_err();
                assert!(stopped.to_string().contains("interrupted"), "{stopped}");
                let after = objects(&catalog).await;
                assert!(
                    k == 0 || after == before,
                    "version {version} statement {k}: {after:?}"
                );
                before = after;
            }
            // Enough for this migration, not for one statement of the next.
            let _ = catalog.migrate_with(ALL, count).await;
            done += 1;
            assert!(objects(&catalog).await.len() > before.len());
        }

        assert_eq!(
            catalog.migrate().await.unwrap(),
            Migrated {
                from: done,
                to: last()
            }
        );
    })
    .await;
}

#[tokio::test]
async fn four_nodes_that_start_at_once_migrate_once() {
    on_each_database(Schema::Empty, |database| async move {
        let mut tasks = Vec::new();
        for _ in 0..4 {
            let catalog = database.open().await;
            tasks.push(tokio::spawn(async move { catalog.migrate().await }));
        }
        for task in tasks {
            assert_eq!(task.await.unwrap().unwrap().to, last());
        }

        let mut tx = database.open().await.read().await.unwrap();
        let rows = tx
            .query("SELECT version FROM migrations ORDER BY version", &[])
            .await
            .unwrap();
        let versions: Vec<_> = rows.iter().map(|row| row.int(0).unwrap()).collect();
        assert_eq!(versions, (1..=i64::from(last())).collect::<Vec<_>>());
    })
    .await;
}

/// Writes down a migration that this program does not know.
async fn pretend(catalog: &Catalog, version: i64, name: &str) {
    let mut tx = catalog.write().await.unwrap();
    let sql = "INSERT INTO migrations (version, name, applied_ms) VALUES ($1, $2, 0)
               ON CONFLICT (version) DO UPDATE SET name = excluded.name";
    tx.execute(sql, &[version.into(), name.into()]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_newer_database_is_refused_with_both_versions() {
    on_each_engine(|catalog| async move {
        pretend(&catalog, 9000, "from the future").await;

        let refused = catalog.migrate().await.unwrap_err().to_string();

        assert!(refused.contains("9000"), "{refused}");
        assert!(refused.contains(&format!("up to {}", last())), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn the_database_of_another_program_is_refused() {
    on_each_engine(|catalog| async move {
        pretend(&catalog, 1, "something else").await;

        let refused = catalog.migrate().await.unwrap_err().to_string();

        assert!(refused.contains("another program"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_missing_extension_is_named_with_what_to_run() {
    on_each_database(Schema::Empty, |database| async move {
        if database.engine() == Engine::Sqlite {
            return;
        }
        let owner = database.open().await;
        let plain = format!("plain_{}", std::process::id());
        let mut tx = owner.write().await.unwrap();
        tx.define(&format!("CREATE ROLE {plain} LOGIN")).await.unwrap();
        tx.define(&format!("GRANT CREATE ON SCHEMA public TO {plain}"))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let url = database
            .url
            .to_string()
            .replace("postgres@", &format!("{plain}@"));
        let catalog = Catalog::open(Options::new(url.parse().unwrap())).await.unwrap();

        let refused = catalog.migrate().await.unwrap_err().to_string();

        assert!(refused.contains("CREATE EXTENSION pg_trgm;"), "{refused}");
        drop(catalog);
        let mut tx = owner.write().await.unwrap();
        tx.define(&format!("DROP OWNED BY {plain}; DROP ROLE {plain}"))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn names_are_indexed_as_nodes_come_change_and_go() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    let mut tx = catalog.write().await.unwrap();
    let insert =
        "INSERT INTO nodes (id, space_id, name, name_key, kind, size_bytes, revision, height, detached,
                      created_ms, modified_ms)
                  VALUES ($1, $1, $2, $2, 0, 0, 0, 0, 0, 0, 0)";
    tx.execute(insert, &[[1; 16].into(), "summer photos".into()])
        .await
        .unwrap();
    tx.execute(insert, &[[2; 16].into(), "".into()]).await.unwrap();
    let find = "SELECT COUNT(*) FROM node_names WHERE node_names MATCH $1";
    let mut hits = Vec::new();
    for (statement, text) in [
        ("SELECT 1", "\"mer ph\""),
        ("UPDATE nodes SET name_key = 'winter photos'", "\"mer ph\""),
        ("SELECT 1", "\"inter\""),
        ("DELETE FROM nodes", "\"photos\""),
    ] {
        tx.define(statement).await.unwrap();
        hits.push(
            tx.first(find, &[text.into()])
                .await
                .unwrap()
                .unwrap()
                .int(0)
                .unwrap(),
        );
    }

    // The root is renamed along with the other node, which no code of ours does.
    assert_eq!(hits, [1, 0, 2, 0]);
}
