//! Moving what is in one connection to another, with people and faults on both sides meanwhile.

mod clouds;
mod trouble;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fake_clouds::drive::DriveAccount;
use model::{
    Actor, ConnectionId, MigrationDocuments, MigrationId, MigrationItem, MigrationItemState, MigrationProof,
    MigrationState,
};
use tempfile::TempDir;

use super::super::harness::{TestHub, on_each_engine_with, part, refused};
use super::Clouds;
use crate::{Config, Credentials, Endpoint, Hub, HubError, MigrationReport, NewConnection, NewMigration};

/// Folders of the server for a test.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn settings(&self) -> impl Fn(&mut Config) + use<> {
        let root = self.0.path().canonicalize().unwrap();
        move |config| config.directory_roots = vec![root.clone()]
    }

    /// A new folder and the connection to it.
    async fn connect(&self, t: &TestHub, who: &Actor, name: &str) -> (PathBuf, ConnectionId) {
        let path = self.0.path().canonicalize().unwrap();
        let path = path.join(format!("{name}-{}", t.time().0));
        std::fs::create_dir(&path).unwrap();
        let new = NewConnection {
            endpoint: Endpoint::Directory {
                path: path.to_str().unwrap().to_owned(),
                is_read_only: false,
            },
            credentials: Credentials::None,
            label: name.to_owned(),
            is_servers: false,
        };
        let row = t.connect(who, new).await.unwrap();
        (path, row.connection.id)
    }
}

/// The drive of who consents at Google, without what the engine before left in it.
fn emptied(clouds: &Clouds) -> DriveAccount {
    let account = clouds.google.account("ada@gmail.com");
    for left in account.children(&account.root()) {
        account.delete(&left.id);
    }
    account
}

/// Everything below a folder, but for what is ours; folders end with `/`.
fn tree(path: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with(".cumuli-") {
            continue;
        }
        if entry.path().is_dir() {
            let below = tree(&entry.path()).into_iter();
            found.extend(below.map(|(path, text)| (format!("{name}/{path}"), text)));
            found.insert(format!("{name}/"), String::new());
        } else {
            found.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
    found
}

fn put(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn new(from: ConnectionId, to: ConnectionId) -> NewMigration {
    NewMigration {
        from: (from, "/".to_owned()),
        to: (to, "/Moved".to_owned()),
        documents: MigrationDocuments::Export,
        deletes_gone: false,
        reads_back: false,
        is_finishing: false,
    }
}

async fn begin(t: &TestHub, who: &Actor, new: NewMigration) -> MigrationId {
    t.begin_migration(who, new).await.unwrap().migration.id
}

/// Lets time pass until a migration rests, has ended, or there is nothing that it could do by itself.
async fn settle(t: &TestHub, who: &Actor, id: MigrationId) -> MigrationReport {
    for _ in 0..400 {
        t.do_jobs().await;
        let report = t.migration(who, id).await.unwrap();
        let is_resting = report.migration.stage == model::MigrationStage::Rest;
        if report.migration.state != MigrationState::Active || is_resting {
            return report;
        }
        t.pass_secs(5);
    }
    panic!("it never rests: {:#?}", t.migration(who, id).await.unwrap());
}

/// One more pass.
async fn again(t: &TestHub, who: &Actor, id: MigrationId) -> MigrationReport {
    t.pass_secs(2);
    t.resume_migration(who, id).await.unwrap();
    settle(t, who, id).await
}

async fn finish(t: &TestHub, who: &Actor, id: MigrationId) -> MigrationReport {
    t.pass_secs(2);
    t.finish_migration(who, id).await.unwrap();
    let report = settle(t, who, id).await;
    assert_eq!(report.migration.state, MigrationState::Done, "{report:#?}");
    report
}

async fn items(hub: &Hub, who: &Actor, id: MigrationId) -> BTreeMap<String, MigrationItem> {
    let mut found = BTreeMap::new();
    let mut next = part(3);
    loop {
        let page = hub.migration_items(who, (id, None), next.clone()).await.unwrap();
        found.extend(page.items.into_iter().map(|item| (item.path.clone(), item)));
        match page.next {
            Some(cursor) => next.cursor = Some(cursor),
            None => return found,
        }
    }
}

fn count(report: &MigrationReport, state: MigrationItemState) -> u64 {
    let of = report.counts.iter().filter(|count| count.state == state);
    of.map(|count| count.items).sum()
}

fn proven(report: &MigrationReport, proof: MigrationProof) -> u64 {
    let of = report.counts.iter().filter(|count| count.proof == Some(proof));
    of.map(|count| count.items).sum()
}

#[tokio::test]
async fn a_folder_is_moved_with_all_that_changes_meanwhile_and_nothing_is_changed_at_the_source() {
    let disk = Disk::new();
    on_each_engine_with(disk.settings(), async |t| {
        let ada = t.user("ada").await;
        let (source, from) = disk.connect(&t, &ada, "from").await;
        let (target, to) = disk.connect(&t, &ada, "to").await;
        put(&source, "a.txt", "first");
        put(&source, "Papers/2026/b.txt", "second");
        put(&source, "Papers/c.txt", "");
        std::fs::create_dir(source.join("Empty")).unwrap();
        let modified = std::fs::metadata(source.join("a.txt"))
            .unwrap()
            .modified()
            .unwrap();

        let id = begin(&t, &ada, new(from, to)).await;
        let report = settle(&t, &ada, id).await;
        assert_eq!(tree(&target.join("Moved")), tree(&source));
        assert_eq!(
            (report.migration.pass, count(&report, MigrationItemState::Done)),
            (1, 6)
        );
        let copied = std::fs::metadata(target.join("Moved/a.txt")).unwrap();
        let apart = copied
            .modified()
            .unwrap()
            .max(modified)
            .duration_since(modified.min(copied.modified().unwrap()));
        assert!(apart.unwrap().as_millis() < 2);

        // One is new, one is another, one is gone; the others are not written once more.
        put(&source, "Papers/new.txt", "third");
        put(&source, "a.txt", "first, changed");
        std::fs::remove_file(source.join("Papers/c.txt")).unwrap();
        let before = tree(&source);
        again(&t, &ada, id).await;
        let mut expected = before.clone();
        expected.insert("Papers/c.txt".to_owned(), String::new());
        assert_eq!(
            tree(&target.join("Moved")),
            expected,
            "what is gone stays: nobody asked for that"
        );
        let gone = &items(&t, &ada, id).await["Papers/c.txt"];
        assert_eq!(gone.state, MigrationItemState::Gone);

        let report = finish(&t, &ada, id).await;
        assert_eq!(tree(&source), before);
        assert_eq!(
            (
                proven(&report, MigrationProof::Proven),
                count(&report, MigrationItemState::Gone)
            ),
            (3, 1)
        );
        refused!(t.finish_migration(&ada, id).await, HubError::Conflict(_));

        // The report goes when it is asked to.
        t.cancel_migration(&ada, id).await.unwrap();
        refused!(t.migration(&ada, id).await, HubError::NotFound(_));
        assert!(tree(&target.join("Moved")).contains_key("a.txt"));
    })
    .await;
}

#[tokio::test]
async fn what_somebody_wrote_at_the_target_is_never_overwritten_nor_removed() {
    let disk = Disk::new();
    on_each_engine_with(disk.settings(), async |t| {
        let ada = t.user("ada").await;
        let (source, from) = disk.connect(&t, &ada, "from").await;
        let (target, to) = disk.connect(&t, &ada, "to").await;
        for name in [
            "equal.txt",
            "other.txt",
            "edited.txt",
            "removed.txt",
            "gone.txt",
            "gone too.txt",
        ] {
            put(&source, name, name);
        }
        put(&target, "Moved/equal.txt", "equal.txt");
        put(&target, "Moved/other.txt", "something else");
        put(&target, "Moved/theirs.txt", "theirs");
        let with_deletes = NewMigration {
            deletes_gone: true,
            ..new(from, to)
        };
        let id = begin(&t, &ada, with_deletes).await;
        settle(&t, &ada, id).await;
        let found = items(&t, &ada, id).await;
        assert_eq!(found["other.txt"].state, MigrationItemState::Conflict);
        assert!(found["equal.txt"].copy.was_there && found["equal.txt"].state == MigrationItemState::Done);

        let moved = target.join("Moved");
        put(&moved, "edited.txt", "edited at the target");
        put(&moved, "gone.txt", "edited at the target");
        std::fs::remove_file(moved.join("removed.txt")).unwrap();
        for name in ["edited.txt", "removed.txt"] {
            put(&source, name, "changed at the source");
        }
        for name in ["gone.txt", "gone too.txt", "equal.txt"] {
            std::fs::remove_file(source.join(name)).unwrap();
        }
        again(&t, &ada, id).await;
        let report = finish(&t, &ada, id).await;
        let found = items(&t, &ada, id).await;
        for name in ["other.txt", "edited.txt", "removed.txt"] {
            assert_eq!(found[name].state, MigrationItemState::Conflict, "{name}");
            assert!(found[name].reason.is_some());
        }
        assert_eq!(found["gone too.txt"].state, MigrationItemState::Removed);
        assert_eq!(found["gone.txt"].state, MigrationItemState::Gone);
        assert_eq!(count(&report, MigrationItemState::Gone), 2);
        let left = tree(&moved);
        let left: Vec<(&str, &str)> = left
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        assert_eq!(
            left,
            [
                ("edited.txt", "edited at the target"),
                ("equal.txt", "equal.txt"),
                ("gone.txt", "edited at the target"),
                ("other.txt", "something else"),
                ("theirs.txt", "theirs"),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn migrations_are_their_owners_and_lead_from_one_place_to_another() {
    let disk = Disk::new();
    on_each_engine_with(disk.settings(), async |t| {
        let ada = t.user("ada").await;
        let eve = t.user("eve").await;
        let (source, from) = disk.connect(&t, &ada, "from").await;
        let (_, to) = disk.connect(&t, &ada, "to").await;
        put(&source, "A/B/c.txt", "text");
        let between = |from: (ConnectionId, &str), to: (ConnectionId, &str)| NewMigration {
            from: (from.0, from.1.to_owned()),
            to: (to.0, to.1.to_owned()),
            ..new(from.0, to.0)
        };
        refused!(
            t.begin_migration(&eve, new(from, to)).await,
            HubError::NotFound(_)
        );
        for (from, to) in [
            ((from, "/"), (from, "/")),
            ((from, "/A"), (from, "/A/B")),
            ((from, "/A/B"), (from, "/A")),
            ((from, "/A"), (to, "/../x")),
            ((from, "/A"), (to, "/a\0b")),
            ((from, "/A/B/c.txt"), (to, "/")),
        ] {
            refused!(
                t.begin_migration(&ada, between(from, to)).await,
                HubError::Invalid { .. }
            );
        }
        let nowhere = between((from, "/A/X"), (to, "/"));
        refused!(t.begin_migration(&ada, nowhere).await, HubError::NotFound(_));

        let id = begin(&t, &ada, between((from, "A/B"), (to, "/"))).await;
        let twice = t.begin_migration(&ada, between((from, "/A/B/"), (to, ""))).await;
        refused!(twice, HubError::Conflict(_));
        refused!(t.migration(&eve, id).await, HubError::NotFound(_));
        refused!(t.pause_migration(&eve, id).await, HubError::NotFound(_));
        refused!(t.cancel_migration(&eve, id).await, HubError::NotFound(_));
        refused!(
            t.migration_items(&eve, (id, None), part(10)).await,
            HubError::NotFound(_)
        );
        assert!(t.migrations(&eve, part(10)).await.unwrap().items.is_empty());
        assert_eq!(t.migrations(&ada, part(10)).await.unwrap().items.len(), 1);

        // Paused it does nothing, and goes on where it was.
        t.pause_migration(&ada, id).await.unwrap();
        t.do_jobs().await;
        assert_eq!(t.migration(&ada, id).await.unwrap().migration.pass, 0);
        t.resume_migration(&ada, id).await.unwrap();
        assert_eq!(settle(&t, &ada, id).await.migration.pass, 1);

        t.disconnect(&ada, to).await.unwrap();
        t.resume_migration(&ada, id).await.unwrap();
        let report = settle(&t, &ada, id).await;
        assert_eq!(report.migration.state, MigrationState::Cancelled);
        assert!(report.migration.reason.is_some() && report.to_label.is_none());
    })
    .await;
}
