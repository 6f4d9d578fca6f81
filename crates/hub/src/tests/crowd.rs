//! Many at once, on everything at once: whatever each is told, rows, bytes and journal agree afterwards.

use model::{Actor, Guard, Node, OnConflict};

use super::harness::{ROOT, TestHub, big, into, named, on_each_engine_with, part};
use super::journal::{journal, replayed};
use crate::{Config, Copy, Hub, HubError, NewFolder, NodeChange, Search, Upload};

/// Tasks, and what each does one after another.
const TASKS: u64 = 8;
const TURNS: u64 = 40;

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

/// Does one thing to whatever it finds; only refusals that fit a crowd are let through.
async fn turn(hub: &Hub, who: &Actor, dice: &mut Dice) {
    let outcome = match dice.roll(12) {
        0 => new_folder(hub, who, dice).await,
        1..=4 => put(hub, who, dice).await,
        5 => change(hub, who, dice).await,
        6 => copy(hub, who, dice).await,
        7 | 8 => match pick(hub, who, dice).await {
            Some(node) => hub.delete(who, node.id, Guard::None).await,
            None => Ok(()),
        },
        9 => trash(hub, who, dice).await,
        10 => versions(hub, who, dice).await,
        _ => work(hub).await,
    };
    match outcome {
        Ok(())
        | Err(
            HubError::NotFound(_)
            | HubError::NameTaken(_)
            | HubError::Conflict(_)
            | HubError::Stale
            | HubError::QuotaExceeded { .. },
        ) => {}
        Err(error) => panic!("{error:?}"),
    }
}

async fn pick(hub: &Hub, who: &Actor, dice: &mut Dice) -> Option<Node> {
    let all = hub.search(who, Search::default(), part(100)).await.unwrap().items;
    (!all.is_empty()).then(|| all[dice.roll(all.len())].node.clone())
}

async fn folder(hub: &Hub, who: &Actor, dice: &mut Dice) -> crate::FolderRef {
    match pick(hub, who, dice).await {
        Some(node) if node.is_folder() => (&node).into(),
        Some(_) | None => ROOT,
    }
}

fn how(dice: &mut Dice) -> OnConflict {
    [OnConflict::NewVersion, OnConflict::KeepBoth, OnConflict::Fail][dice.roll(3)]
}

fn name(dice: &mut Dice) -> &'static str {
    ["a", "b", "c", "d"][dice.roll(4)]
}

async fn new_folder(hub: &Hub, who: &Actor, dice: &mut Dice) -> Result<(), HubError> {
    let new = NewFolder::In {
        folder: folder(hub, who, dice).await,
        name: named(name(dice)),
        on_conflict: how(dice),
    };
    hub.create_folder(who, new).await.map(drop)
}

async fn put(hub: &Hub, who: &Actor, dice: &mut Dice) -> Result<(), HubError> {
    let upload = Upload {
        on_conflict: how(dice),
        is_tracked: dice.roll(2) == 0,
        ..into(folder(hub, who, dice).await, name(dice))
    };
    let letter = b"xyz"[dice.roll(3)];
    let bytes = if dice.roll(3) == 0 {
        big(letter)
    } else {
        vec![letter; 3]
    };
    let body = super::harness::body(&bytes);
    hub.upload(who, upload, crate::Expected::default(), body)
        .await
        .map(drop)
}

async fn change(hub: &Hub, who: &Actor, dice: &mut Dice) -> Result<(), HubError> {
    let Some(node) = pick(hub, who, dice).await else {
        return Ok(());
    };
    let change = NodeChange {
        name: Some(named(name(dice))),
        folder: Some(folder(hub, who, dice).await),
        on_conflict: how(dice),
        guard: Guard::Matches(vec![node.etag()]),
    };
    hub.change_node(who, node.id, change).await.map(drop)
}

async fn copy(hub: &Hub, who: &Actor, dice: &mut Dice) -> Result<(), HubError> {
    let Some(node) = pick(hub, who, dice).await else {
        return Ok(());
    };
    let copy = Copy {
        node: node.id,
        folder: Some(folder(hub, who, dice).await),
        name: None,
        on_conflict: how(dice),
    };
    hub.copy(who, copy).await.map(drop)
}

async fn trash(hub: &Hub, who: &Actor, dice: &mut Dice) -> Result<(), HubError> {
    let items = hub.trash(who, part(100)).await?.items;
    if items.is_empty() {
        return Ok(());
    }
    let id = items[dice.roll(items.len())].node.id;
    match dice.roll(5) {
        0 => hub.empty_trash(who).await.map(drop),
        1 | 2 => hub.purge(who, id).await,
        _ => hub.restore(who, id, (None, None)).await.map(drop),
    }
}

async fn versions(hub: &Hub, who: &Actor, dice: &mut Dice) -> Result<(), HubError> {
    let Some(node) = pick(hub, who, dice).await.filter(|node| !node.is_folder()) else {
        return Ok(());
    };
    let versions = hub.versions(who, node.id, part(10)).await?.items;
    let number = versions[dice.roll(versions.len())].number;
    match dice.roll(2) {
        0 => hub.restore_version(who, node.id, number).await.map(drop),
        _ => hub.remove_version(who, node.id, number).await,
    }
}

async fn work(hub: &Hub) -> Result<(), HubError> {
    for lease in hub.lease_jobs("crowd", 4).await? {
        let done = match lease.job.kind {
            model::JobKind::Purge => hub.free_purged(&lease).await?,
            model::JobKind::Sweep => hub.sweep(&lease).await?,
            model::JobKind::StoreCopy => hub.run_move(&lease).await?,
            model::JobKind::Prove => hub.prove_new(&lease).await?,
            model::JobKind::Observe => hub.observe(&lease).await?,
            model::JobKind::Reseal => hub.reseal(&lease).await?,
            model::JobKind::Archive => hub.archive(&lease).await?,
            model::JobKind::Scrub => hub.scrub(&lease).await?,
            model::JobKind::Retention | model::JobKind::Upload => hub.retention(&lease).await?,
            model::JobKind::Mirror | model::JobKind::Migrate => unreachable!("nobody here asks for that"),
        };
        assert!(!done.was_stopped && done.damaged == 0);
        lease.end(crate::JobOutcome::Done).await?;
    }
    Ok(())
}

async fn check(t: &TestHub, who: &Actor) {
    let all = t.search(who, Search::default(), part(1000)).await.unwrap();
    assert!(all.next.is_none());
    let mut tree: Vec<_> = all
        .items
        .iter()
        .map(|item| {
            let digest = item
                .node
                .version
                .as_ref()
                .map(|version| version.digest.expect("known").to_string());
            (item.path.as_ref().unwrap().to_string(), digest)
        })
        .collect();
    tree.sort();
    let changes = journal(t, who, 100).await;
    assert!(
        changes
            .iter()
            .map(|change| change.seq)
            .eq(1..=changes.len() as u64)
    );
    assert_eq!(replayed(&changes, t.root(who).await), tree);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_leaves_everything_sound() {
    let set = |config: &mut Config| {
        config.keep_versions = 3;
        config.quota_bytes = Some(2_000_000);
        config.sweep_grace_secs = 3600;
    };
    on_each_engine_with(set, async |t| {
        let people = [t.user("alice").await, t.user("bob").await];
        t.schedule_upkeep().await.unwrap();
        let tasks = (0..TASKS).map(|task| {
            let (hub, who) = (t.hub.clone(), people[usize::try_from(task % 2).unwrap()].clone());
            tokio::spawn(async move {
                let mut dice = Dice(task);
                for _ in 0..TURNS {
                    turn(&hub, &who, &mut dice).await;
                }
            })
        });
        for task in futures_util::future::join_all(tasks).await {
            task.unwrap();
        }
        t.do_jobs().await;
        for who in &people {
            check(&t, who).await;
        }
        t.check_sound().await;
        t.pass_secs(7200);
        t.upkeep().await;
        t.check_sound().await;
    })
    .await;
}
