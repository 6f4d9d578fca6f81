//! Providers that break off, repeat themselves, are full or want somebody to sign in again; servers that are killed.

use fake_clouds::{Act, Fault};
use model::{MigrationItemState, MigrationProof, MigrationState};
use serde_json::json;

use super::super::super::harness::on_each_engine_with;
use super::super::{Clouds, link, link_again};
use super::{Disk, begin, count, emptied, finish, items, new, proven, put, settle, tree};
use crate::NewMigration;

#[tokio::test]
async fn contents_that_break_off_or_are_damaged_on_the_way_arrive_whole_in_the_end() {
    let clouds = Clouds::start().await;
    let disk = Disk::new();
    let (link_set, disk_set) = (clouds.settings(), disk.settings());
    let set = move |config: &mut crate::Config| {
        link_set(config);
        disk_set(config);
    };
    on_each_engine_with(set, async |t| {
        let ada = t.user("ada").await;
        let email = format!("ada{}@outlook.com", t.time().0);
        let account = clouds.microsoft.account(&email);
        account.sign_in_next();
        let _ = account.create_folder("/Papers");
        let text = "0123456789".repeat(40_000);
        for number in 0..8 {
            let _ = account.create_file(&format!("/Papers/{number}.txt"), format!("{number}{text}"));
        }
        let _ = account.create_notebook("/Notes");
        let (target, to) = disk.connect(&t, &ada, "to").await;
        let from = link(&t, &ada, "onedrive").await.unwrap().connection.id;
        t.do_jobs().await;
        let faults = clouds.microsoft.faults();
        let busy = Act::status(429, Some(("retry-after", "7")));
        for (nth, act) in [
            (1, Act::Truncate),
            (2, Act::Flip),
            (3, Act::DropBefore),
            (4, Act::status(503, None)),
            (5, busy),
            (6, Act::Truncate),
        ] {
            faults.push(Fault::on("GET", "/content", act).nth(nth));
        }
        let id = begin(&t, &ada, new(from, to)).await;
        let report = finish(&t, &ada, id).await;
        let found = tree(&target.join("Moved"));
        for number in 0..8 {
            assert!(
                found[&format!("Papers/{number}.txt")] == format!("{number}{text}"),
                "{number}"
            );
        }
        assert_eq!(proven(&report, MigrationProof::Proven), 8);
        assert_eq!(count(&report, MigrationItemState::Unmovable), 1);
        assert_eq!(clouds.microsoft.violations(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn lost_answers_make_nothing_twice_at_either_cloud() {
    let clouds = Clouds::start().await;
    let disk = Disk::new();
    let (link_set, disk_set) = (clouds.settings(), disk.settings());
    let set = move |config: &mut crate::Config| {
        link_set(config);
        disk_set(config);
    };
    on_each_engine_with(set, async |t| {
        let ada = t.user("ada").await;
        let (source, from) = disk.connect(&t, &ada, "from").await;
        let names: Vec<String> = (0..6)
            .map(|number| format!("F{}/{number}.txt", number % 2))
            .collect();
        for name in &names {
            put(&source, name, name);
        }
        let google = emptied(&clouds);
        let email = format!("bea{}@outlook.com", t.time().0);
        let microsoft = clouds.microsoft.account(&email);
        microsoft.sign_in_next();
        for (provider, faults) in [
            ("google", clouds.google.faults()),
            ("onedrive", clouds.microsoft.faults()),
        ] {
            let to = link(&t, &ada, provider).await.unwrap().connection.id;
            t.do_jobs().await;
            for method in ["POST", "PUT"] {
                for nth in [2, 4] {
                    faults.push(Fault::on(method, "", Act::DropAfter).nth(nth));
                }
                let late = Act::AnswerAfter {
                    status: 500,
                    headers: std::collections::BTreeMap::new(),
                    body: json!({ "error": { "code": "internal" } }).to_string(),
                };
                faults.push(Fault::on(method, "", late).nth(3));
            }
            let id = begin(&t, &ada, new(from, to)).await;
            let report = finish(&t, &ada, id).await;
            assert_eq!(
                count(&report, MigrationItemState::Done),
                8,
                "{provider}: {report:#?}"
            );
            faults.clear();
        }
        let expected: Vec<String> = names.iter().map(|name| format!("Moved/{name}")).collect();
        let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        expected.sort_unstable();
        let google = google.tree();
        let files = google.iter().filter(|(_, entry)| entry.bytes.is_some());
        assert_eq!(files.map(|(path, _)| path.as_str()).collect::<Vec<_>>(), expected);
        let microsoft = microsoft.tree();
        let is_file = |path: &&String| path.ends_with(".txt");
        let files = microsoft
            .keys()
            .filter(is_file)
            .map(|path| path.trim_start_matches('/'));
        assert_eq!(files.collect::<Vec<_>>(), expected);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_killed_goes_on_where_it_was_with_the_uploads_that_it_had_begun() {
    let clouds = Clouds::start().await;
    let disk = Disk::new();
    let (link_set, disk_set) = (clouds.settings(), disk.settings());
    let set = move |config: &mut crate::Config| {
        link_set(config);
        disk_set(config);
    };
    on_each_engine_with(&set, async |t| {
        let ada = t.user("ada").await;
        let (source, from) = disk.connect(&t, &ada, "from").await;
        // Two pieces of what Google takes at once, and a bit.
        let large = "large".repeat(4 << 20);
        put(&source, "large.bin", &large);
        for number in 0..6 {
            put(&source, &format!("{number}.txt"), "small");
        }
        let account = emptied(&clouds);
        let to = link(&t, &ada, "google").await.unwrap().connection.id;
        t.do_jobs().await;
        let id = begin(&t, &ada, new(from, to)).await;
        clouds.google.forget_requests();
        clouds
            .google
            .faults()
            .push(Fault::on("PUT", "/upload/", Act::Hold("piece".to_owned())).nth(2));
        let killed = async {
            loop {
                t.do_jobs().await;
                t.pass_secs(5);
            }
        };
        let held = async {
            let mut ticks = tokio::time::interval(std::time::Duration::from_millis(20));
            loop {
                ticks.tick().await;
                let sent = clouds.google.requests();
                let pieces = sent
                    .iter()
                    .filter(|seen| seen.method == "PUT" && seen.path.contains("/upload/"));
                if pieces.count() >= 2 {
                    return;
                }
            }
        };
        tokio::select! {
            () = killed => unreachable!("it goes on until it is killed"),
            () = held => {}
        }
        clouds.google.faults().release("piece");
        let session = items(&t, &ada, id).await["large.bin"].session.clone();
        assert!(session.is_some_and(|sealed| !sealed.windows(6).any(|part| part == b"upload")));

        // Another process: the lease of the first runs out.
        t.pass_secs(61);
        let t = t.again_at(t.time()).await;
        let before = clouds.google.requests().len();
        let report = finish(&t, &ada, id).await;
        let told = items(&t, &ada, id).await;
        assert_eq!(count(&report, MigrationItemState::Done), 7, "{told:#?}");
        let requests = clouds.google.requests();
        let sessions = requests[before..]
            .iter()
            .filter(|seen| seen.method == "POST" && seen.query.contains("uploadType=resumable"));
        assert_eq!(sessions.count(), 0, "the session of before was gone on with");
        let tree = account.tree();
        assert_eq!(tree.len(), 8, "{:?}", tree.keys());
        assert_eq!(tree["Moved/large.bin"].bytes.as_deref(), Some(large.as_bytes()));
    })
    .await;
}

#[tokio::test]
async fn it_waits_for_a_person_where_only_a_person_helps() {
    let clouds = Clouds::start().await;
    let disk = Disk::new();
    let (link_set, disk_set) = (clouds.settings(), disk.settings());
    let set = move |config: &mut crate::Config| {
        link_set(config);
        disk_set(config);
    };
    on_each_engine_with(set, async |t| {
        let ada = t.user("ada").await;
        let email = format!("ada{}@outlook.com", t.time().0);
        let account = clouds.microsoft.account(&email);
        account.sign_in_next();
        let (source, from) = disk.connect(&t, &ada, "from").await;
        put(&source, "a.txt", "text");
        put(&source, "what?.txt", "text");
        put(&source, &format!("{}.txt", "ä".repeat(125)), "text");
        let to = link(&t, &ada, "onedrive").await.unwrap().connection.id;
        t.do_jobs().await;
        let id = begin(
            &t,
            &ada,
            NewMigration {
                is_finishing: true,
                ..new(from, to)
            },
        )
        .await;
        account.revoke_tokens();
        for _ in 0..10 {
            t.do_jobs().await;
            t.pass_secs(70);
        }
        let waiting = t.migration(&ada, id).await.unwrap().migration;
        assert_eq!(waiting.state, MigrationState::Active);
        assert!(waiting.reason.unwrap().contains("sign in"));
        account.sign_in_next();
        link_again(&t, &ada, "onedrive", Some(to)).await.unwrap();

        // Then it is full.
        account.set_quota(2);
        for _ in 0..10 {
            t.do_jobs().await;
            t.pass_secs(70);
        }
        let waiting = t.migration(&ada, id).await.unwrap().migration;
        assert!(waiting.reason.as_deref().unwrap().contains("full"), "{waiting:?}");
        account.set_quota(1 << 30);
        t.pass_secs(1000);
        let report = settle(&t, &ada, id).await;
        assert_eq!(report.migration.state, MigrationState::Done, "{report:#?}");
        assert_eq!(count(&report, MigrationItemState::Done), 3);
        assert_eq!(account.read("/Moved/what？.txt").unwrap(), "text");
    })
    .await;
}
