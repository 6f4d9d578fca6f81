//! Group commit on SQLite, and its files.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinHandle;

use super::database::{Database, Schema};
use crate::{Catalog, CatalogError, Durability, Stats};

const PUT: &str = "INSERT INTO meta (name, value) VALUES ($1, $2)";

async fn stored(catalog: &Catalog) -> Vec<String> {
    let mut tx = catalog.read().await.unwrap();
    let rows = tx
        .query("SELECT name FROM meta ORDER BY name", &[])
        .await
        .unwrap();
    rows.iter().map(|row| row.text(0).unwrap()).collect()
}

/// Lets every task run until it waits for something that only this task can give.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn since(before: Stats, now: Stats) -> (u64, u64) {
    (now.commits - before.commits, now.flushes - before.flushes)
}

#[tokio::test]
async fn writers_that_queue_together_share_one_flush() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    let mut first = catalog.write().await.unwrap();
    first.execute(PUT, &["first".into(), "".into()]).await.unwrap();
    let others: Vec<JoinHandle<()>> = (0..20)
        .map(|i| {
            let catalog = catalog.clone();
            tokio::spawn(async move {
                let mut tx = catalog.write().await.unwrap();
                tx.execute(PUT, &[format!("other {i:02}").into(), "".into()])
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
            })
        })
        .collect();
    settle().await;
    let before = catalog.stats();

    first.commit().await.unwrap();
    for other in others {
        other.await.unwrap();
    }

    assert_eq!(since(before, catalog.stats()), (21, 1));
    assert_eq!(stored(&database.open().await).await.len(), 21);
}

#[tokio::test]
async fn a_member_that_fails_or_rolls_back_does_not_hurt_the_others_of_its_group() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    let mut first = catalog.write().await.unwrap();
    first.execute(PUT, &["first".into(), "".into()]).await.unwrap();
    let others: Vec<JoinHandle<Result<(), CatalogError>>> = (0..9)
        .map(|i| {
            let catalog = catalog.clone();
            tokio::spawn(async move {
                let mut tx = catalog.write().await.unwrap();
                tx.execute(PUT, &[format!("other {i}").into(), "".into()]).await?;
                match i % 3 {
                    0 => tx.commit().await,
                    1 => {
                        drop(tx);
                        Ok(())
                    }
                    _ => tx.execute(PUT, &["first".into(), "".into()]).await.map(drop),
                }
            })
        })
        .collect();
    settle().await;
    let before = catalog.stats();

    first.commit().await.unwrap();
    let mut failures = Vec::new();
    for (i, other) in others.into_iter().enumerate() {
        if other.await.unwrap().is_err() {
            failures.push(i);
        }
    }

    assert_eq!(failures, [2, 5, 8]);
    assert_eq!(since(before, catalog.stats()), (4, 1));
    assert_eq!(
        stored(&database.open().await).await,
        ["first", "other 0", "other 3", "other 6"]
    );
}

#[tokio::test]
async fn a_member_that_goes_away_while_it_waits_does_not_stop_its_group() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    let mut gone = catalog.write().await.unwrap();
    gone.execute(PUT, &["gone".into(), "".into()]).await.unwrap();
    let mut commit = Box::pin(gone.commit());
    poll_fn(|context| Poll::Ready(commit.as_mut().poll(context).is_pending())).await;
    drop(commit);

    let mut tx = catalog.write().await.unwrap();
    tx.execute(PUT, &["stays".into(), "".into()]).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(stored(&database.open().await).await, ["gone", "stays"]);
}

#[tokio::test]
async fn a_full_disk_is_told_and_no_member_is_told_a_lie() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    let mut first = catalog.write().await.unwrap();
    first.define("PRAGMA max_page_count = 1").await.unwrap();
    first.execute("UPDATE meta SET value = ''", &[]).await.unwrap();
    let second = tokio::spawn({
        let catalog = catalog.clone();
        async move {
            let mut tx = catalog.write().await.unwrap();
            tx.execute(PUT, &["second".into(), "x".repeat(1 << 20).into()])
                .await
        }
    });
    settle().await;

    let first = first.commit().await;
    let second = second.await.unwrap().unwrap_err();

    assert!(matches!(second, CatalogError::Full), "{second:?}");
    assert!(first.is_ok() || first.unwrap_err().is_temporary());
    assert!(stored(&database.open().await).await.is_empty());
    let mut tx = catalog.write().await.unwrap();
    tx.define("PRAGMA max_page_count = 100000").await.unwrap();
    tx.execute(PUT, &["third".into(), "".into()]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stored(&database.open().await).await, ["third"]);
}

#[tokio::test]
async fn a_group_whose_transaction_sqlite_gave_up_fails_as_a_whole() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    let mut first = catalog.write().await.unwrap();
    first.execute(PUT, &["first".into(), "".into()]).await.unwrap();
    let second = tokio::spawn({
        let catalog = catalog.clone();
        async move {
            let mut tx = catalog.write().await.unwrap();
            // What SQLite does by itself when the disk fails.
            tx.define("ROLLBACK").await.unwrap();
            tx.commit().await
        }
    });
    settle().await;

    let outcomes = [first.commit().await, second.await.unwrap()];

    assert!(outcomes.iter().all(Result::is_err), "{outcomes:?}");
    assert!(stored(&database.open().await).await.is_empty());
    let mut tx = catalog.write().await.unwrap();
    tx.execute(PUT, &["third".into(), "".into()]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stored(&catalog).await, ["third"]);
}

#[tokio::test]
async fn a_first_member_that_rolls_back_leaves_the_way_free() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    for name in ["a", "b"] {
        let mut dropped = catalog.write().await.unwrap();
        dropped
            .execute(PUT, &["dropped".into(), "".into()])
            .await
            .unwrap();
        drop(dropped);
        let mut tx = catalog.write().await.unwrap();
        tx.execute(PUT, &[name.into(), "".into()]).await.unwrap();
        tx.commit().await.unwrap();
    }

    assert_eq!(stored(&catalog).await, ["a", "b"]);
}

#[tokio::test]
async fn an_announced_write_that_never_comes_holds_nobody_up() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    let _never = catalog.announce();
    let mut tx = catalog.announce().write().await.unwrap();
    tx.execute(PUT, &["a".into(), "".into()]).await.unwrap();
    tx.commit().await.unwrap();

    assert_eq!(stored(&catalog).await, ["a"]);
}

#[tokio::test]
async fn a_commit_in_the_last_moment_of_a_catalog_is_kept() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    let mut tx = catalog.write().await.unwrap();
    tx.execute(PUT, &["a".into(), "".into()]).await.unwrap();
    drop(catalog);
    tx.commit().await.unwrap();

    assert_eq!(stored(&database.open().await).await, ["a"]);
}

#[tokio::test]
async fn readers_are_refused_when_all_are_busy_for_too_long() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database
        .open_with(|options| {
            options.connections = 1;
            options.patience = Duration::from_millis(1);
        })
        .await;
    let busy = catalog.read().await.unwrap();

    let refused = catalog.read().await.unwrap_err();

    assert!(refused.is_temporary(), "{refused:?}");
    drop(busy);
    catalog.check().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database.open().await;
    catalog.check().await.unwrap();

    let mut files = 0;
    for file in std::fs::read_dir(database.folder()).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            file.path()
        );
        files += 1;
    }
    assert!(files >= 2, "the database and its log");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let database = Database::sqlite(Schema::Empty).await;
    let path = database.folder().join("missing/catalog.db");
    let options = crate::Options::new(crate::DatabaseUrl::sqlite(&path));

    let error = Catalog::open(options).await.unwrap_err();

    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let database = Database::sqlite(Schema::Empty).await;
    let path = database.folder().join("catalog.db");
    std::fs::write(
        &path,
        "This is a text of some length, and certainly not a database of SQLite.",
    )
    .unwrap();

    let error = Catalog::open(crate::Options::new(database.url.clone()))
        .await
        .unwrap_err();

    assert!(error.to_string().contains("not a database"), "{error}");
}

#[tokio::test]
async fn the_log_shrinks_again_once_no_reader_holds_on_to_it() {
    let database = Database::sqlite(Schema::Migrated).await;
    let catalog = database
        .open_with(|options| options.durability = Durability::UnsafeNone)
        .await;
    let log = database.folder().join("catalog.db-wal");
    let size = || std::fs::metadata(&log).unwrap().len();
    let mut reader = catalog.read().await.unwrap();
    reader.first("SELECT name FROM meta", &[]).await.unwrap();
    let mut written = 0;
    let mut write = async |bytes: usize| {
        let end = written + bytes;
        while written < end {
            let mut tx = catalog.write().await.unwrap();
            let part = "x".repeat(256 * 1024);
            tx.execute(PUT, &[written.to_string().into(), part.into()])
                .await
                .unwrap();
            tx.commit().await.unwrap();
            written += 256 * 1024;
        }
    };
    write(68 << 20).await;
    assert!(size() > 64 << 20, "the reader needs the log: {}", size());

    drop(reader);
    // A try to empty it may meet the thread that is copying its pages; the next one comes soon.
    for _ in 0..50 {
        write(2 << 20).await;
        if size() < 32 << 20 {
            return;
        }
    }
    panic!("it still has {} bytes", size());
}
