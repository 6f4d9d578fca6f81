//! The kill drill: clients work while the server is killed again and again; what was acknowledged
//! is there, byte for byte, and what was not is wholly there or wholly absent.
//!
//! CUMULI_DRILL_KILLS says how often (100), CUMULI_DRILL_SEED repeats the choices of another run.

mod eye;
mod ledger;
mod replay;
mod steps;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::harness::emulators::azurite::Azurite;
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Builder, Client, Content, Dice, Engine, Server, azure_settings, until};
use eye::{Eye, Trouble};
use ledger::{Kind, Ledger};
use worker::{Life, Worker};

/// Clients; two of each user.
const WORKERS: usize = 6;
const USERS: usize = 3;
/// A server lives this long after it came up, milliseconds.
const LIFE_MS: (u64, u64) = (5, 400);
/// Acknowledgements without which every other life does not end, so that a slow machine is tested too.
const LEAST_WORK: u64 = 3;
/// Files of a folder, and copies of it beside each other: more nodes than one transaction copies.
const CROWD: (u64, u64) = (20, 12);

#[tokio::test]
async fn kills_lose_nothing_on_sqlite() {
    drill(Server::on(Engine::Sqlite), "SQLite", 100).await;
}

#[tokio::test]
async fn kills_lose_nothing_on_postgres() {
    if Engine::all().contains(&Engine::Postgres) {
        drill(Server::on(Engine::Postgres), "PostgreSQL", 100).await;
    }
}

#[tokio::test]
async fn kills_lose_nothing_on_sqlite_and_s3() {
    let s3s = S3s::start();
    let server = Server::on_s3(Engine::Sqlite, &s3s).set("CUMULI_INLINE_BYTES", 256);
    drill(server, "SQLite and S3", 40).await;
}

#[tokio::test]
async fn kills_lose_nothing_on_postgres_and_azure() {
    if Engine::all().contains(&Engine::Postgres) {
        let azurite = Azurite::start();
        let server = Server::on(Engine::Postgres)
            .set_all(azure_settings(&azurite))
            .set("STORAGE_BACKEND", "azure")
            .set("CUMULI_INLINE_BYTES", 256);
        drill(server, "PostgreSQL and Azure", 40).await;
    }
}

async fn drill(server: Builder, name: &str, usual_kills: u64) {
    let kills = std::env::var("CUMULI_DRILL_KILLS");
    let kills = kills.map_or(usual_kills, |text| text.parse().expect("a number"));
    let mut dice = Dice::of_environment("CUMULI_DRILL_SEED");
    let mut server = server
        .set("CUMULI_KEEP_VERSIONS", 0)
        .set("CUMULI_DIRECT_DOWNLOADS", false)
        .set("ACCESS_TOKEN_EXPIRE_MINUTES", 1440)
        .start()
        .await;
    let acknowledged = Arc::default();
    let mut workers = Vec::new();
    for number in 0..USERS {
        let client = server.user(&format!("user{number}@example.org")).await;
        for name in [format!("w{number}a"), format!("w{number}b")] {
            let ledger = begin(&client, &name).await;
            let dice = Dice::new(dice.next());
            workers.push(Worker::new(
                client.clone(),
                ledger,
                dice,
                Arc::clone(&acknowledged),
            ));
        }
    }
    assert_eq!(workers.len(), WORKERS);
    make_crowd(&mut workers[0]).await;

    let mut workers = work_and_kill(&mut server, workers, (kills, &acknowledged), &mut dice).await;

    for worker in &mut workers {
        worker.client = server.again(&worker.client);
        match worker.account_for_all().await {
            Ok(()) => {}
            Err(Trouble::Wrong(what)) => panic!("{what}"),
            Err(Trouble::Cut) => panic!("the server died by itself"),
        }
    }
    for pair in workers.chunks(2) {
        account_for_space(pair).await;
    }
    let acknowledged = acknowledged.load(Ordering::Relaxed);
    println!("{name}: {kills} kills, {acknowledged} acknowledgements");
    assert!(acknowledged > kills, "the clients hardly worked: {acknowledged}");
    assert_eq!(server.stop().await.code(), Some(0));
    let checked = server.run(&["fsck", "--verify"], "").await;
    assert!(checked.is_success(), "{}\n{}", checked.out, checked.err);
    println!(
        "{}",
        checked.out.lines().rfind(|line| line.contains("spaces")).unwrap()
    );
}

/// Makes a worker's own folder.
async fn begin(client: &Client, name: &str) -> Ledger {
    let me = client.get("/api/v1/me").await.expect(200).json();
    let home = client.post("/api/v1/folders", &json!({"name": name})).await;
    let home = home.expect(201).json();
    Ledger::new(
        me["root_id"].as_str().unwrap(),
        home["id"].as_str().unwrap(),
        name,
    )
}

/// A folder with so much in it that a copy of it takes several transactions.
async fn make_crowd(worker: &mut Worker) {
    let (client, home) = (worker.client.clone(), worker.ledger.home.clone());
    let make = async |name: &str, parent: &str| {
        let made = client
            .post("/api/v1/folders", &json!({"name": name, "parent_id": parent}))
            .await;
        made.expect(201).json()["id"].as_str().unwrap().to_owned()
    };
    let few = make("few", &home).await;
    let mut in_few = BTreeMap::new();
    for number in 0..CROWD.0 {
        let content = Content {
            seed: number,
            len: 100,
        };
        let path = format!("/api/v1/folders/{few}/files/{number}");
        client.put(&path, content.bytes()).await.expect(201);
        in_few.insert(number.to_string(), Some(content));
    }
    let crowd = make("crowd", &home).await;
    let mut in_crowd = BTreeMap::new();
    for number in 0..CROWD.1 {
        let body = json!({"parent_id": crowd, "name": number.to_string()});
        let copy = client.post(&format!("/api/v1/nodes/{few}/copy"), &body).await;
        copy.expect(201);
        let below = in_few
            .iter()
            .map(|(path, content)| (format!("{number}/{path}"), *content));
        in_crowd.extend(below);
        in_crowd.insert(number.to_string(), None);
    }
    worker.made(&few, home.clone(), ("few".to_owned(), Kind::Copy(in_few)));
    worker.made(&crowd, home, ("crowd".to_owned(), Kind::Copy(in_crowd)));
}

/// Lets the clients work while the server is killed `kills` times; then it runs.
async fn work_and_kill(
    server: &mut Server,
    workers: Vec<Worker>,
    (kills, acknowledged): (u64, &AtomicU64),
    dice: &mut Dice,
) -> Vec<Worker> {
    let up = |server: &Server, number| Life::Up {
        number,
        address: server.address().to_owned(),
    };
    let (lives, watched) = watch::channel(up(server, 0));
    let working: Vec<JoinHandle<Worker>> = workers
        .into_iter()
        .map(|worker| tokio::spawn(worker.work(watched.clone())))
        .collect();
    for number in 1..=kills {
        tokio::time::sleep(Duration::from_millis(dice.between(LIFE_MS.0, LIFE_MS.1))).await;
        if number % 2 == 0 {
            let enough = acknowledged.load(Ordering::Relaxed) + LEAST_WORK;
            until(async || acknowledged.load(Ordering::Relaxed) >= enough || is_over(&working)).await;
        }
        server.kill().await;
        // Every eighth life ends before it began to serve.
        if dice.below(8) == 0 {
            let short = Duration::from_millis(dice.between(1, 60));
            if tokio::time::timeout(short, server.restart()).await.is_ok() {
                server.kill().await;
            }
        }
        server.restart().await;
        lives.send(up(server, number)).unwrap();
        if is_over(&working) {
            break;
        }
    }
    lives.send(Life::Over).unwrap();
    let mut workers = Vec::new();
    for worker in working {
        workers.push(worker.await.unwrap());
    }
    workers
}

/// Whether a client found something wrong.
fn is_over(working: &[JoinHandle<Worker>]) -> bool {
    working.iter().any(JoinHandle::is_finished)
}

/// The journal gives the tree, and the tree holds nothing that nobody made.
async fn account_for_space(pair: &[Worker]) {
    let (client, root) = (&pair[0].client, &pair[0].ledger.root);
    let listed = replay::listed(client, root).await;
    let replayed = replay::replayed(client, root).await;
    assert_eq!(replayed, listed, "the journal does not give the tree");

    let at_the_top: BTreeSet<String> = Eye(client)
        .children(root)
        .await
        .unwrap()
        .iter()
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect();
    let expected: BTreeSet<String> = pair
        .iter()
        .flat_map(|worker| {
            let ledger = &worker.ledger;
            let restored = ledger.children(root).into_values().map(str::to_owned);
            restored.chain([ledger.home.clone()]).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(at_the_top, expected, "at the top of the space");
}
