//! Nodes apart from their PostgreSQL and from each other.

use model::SpaceId;

use super::database::{Schema, on_each_database};
use crate::{Catalog, EVERY_SPACE, Engine};

async fn commit_with_news(catalog: &Catalog, name: &str, space: SpaceId) {
    let mut tx = catalog.write().await.unwrap();
    let sql = "INSERT INTO meta (name, value) VALUES ($1, '')";
    tx.execute(sql, &[name.into()]).await.unwrap();
    tx.wake(space);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_commit_on_one_node_is_heard_on_the_other_even_after_its_connection_broke() {
    on_each_database(Schema::Migrated, |database| async move {
        if database.engine() == Engine::Sqlite {
            return;
        }
        let (here, there) = (database.open().await, database.open().await);
        let mut news = there.watch();
        for round in 1..=3 {
            // It listens as soon as it says so.
            while news.recv().await.unwrap() != EVERY_SPACE {}
            let space = SpaceId::from_bytes([round; 16]);

            commit_with_news(&here, &format!("round {round}"), space).await;

            assert_eq!(news.recv().await.unwrap(), space);
            let mut tx = here.write().await.unwrap();
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%LISTEN%'";
            tx.query(cut, &[]).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_pool_whose_connections_were_cut_recovers() {
    on_each_database(Schema::Migrated, |database| async move {
        if database.engine() == Engine::Sqlite {
            return;
        }
        let (here, there) = (database.open().await, database.open().await);
        let mut open = here.write().await.unwrap();
        open.execute("INSERT INTO meta (name, value) VALUES ('a', '')", &[])
            .await
            .unwrap();
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND pid <> pg_backend_pid()";
        there.write().await.unwrap().query(cut, &[]).await.unwrap();

        let lost = open.commit().await.unwrap_err();

        assert!(lost.is_temporary(), "{lost:?}");
        commit_with_news(&here, "b", EVERY_SPACE).await;
        let rows = there
            .read()
            .await
            .unwrap()
            .query("SELECT name FROM meta", &[])
            .await
            .unwrap();
        assert_eq!(rows.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let url: crate::DatabaseUrl = "postgresql://anna:secret@127.0.0.1:1/drive".parse().unwrap();

    let error = Catalog::open(crate::Options::new(url))
        .await
        .unwrap_err()
        .to_string();

    assert!(
        error.contains("anna@127.0.0.1:1/drive") && error.contains("refused"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn a_connection_is_secret_when_the_server_is_known_and_refused_when_it_is_not() {
    on_each_database(Schema::Empty, |database| async move {
        let Ok(authority) = std::env::var("CUMULI_TEST_POSTGRES_CA") else {
            return;
        };
        if database.engine() == Engine::Sqlite {
            return;
        }
        let open = async |parameters: &str| {
            let url = format!("{}?{parameters}", database.url);
            Catalog::open(crate::Options::new(url.parse().unwrap())).await
        };

        let known = open(&format!("sslmode=verify-full&sslrootcert={authority}"))
            .await
            .unwrap();
        let unknown = open("sslmode=require").await.unwrap_err().to_string();

        let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        let row = known
            .read()
            .await
            .unwrap()
            .first(sql, &[])
            .await
            .unwrap()
            .unwrap();
        assert_eq!(row.int(0).unwrap(), 1);
        assert!(unknown.contains("sslrootcert"), "{unknown}");
        assert!(open("sslmode=require&sslrootcert=/missing.pem").await.is_err());
    })
    .await;
}
