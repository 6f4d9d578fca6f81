//! What mirrors are told of what changes at their connection.

use model::{
    ConflictPolicy, ConnectionId, JobKind, Mirror, MirrorDirection, MirrorDrift, MirrorId, MirrorProgress,
    MirrorState,
};

use super::super::harness::{TestHub, on_each_engine_with};
use super::{Clouds, link, look};

/// Keeps ada's root in step with the connection's, as far as the catalog knows.
async fn mirror(t: &TestHub, owner: &model::Actor, connection: ConnectionId) -> Mirror {
    let node = t.new_path(owner, "/").await;
    let mut tx = t.catalog.write().await.unwrap();
    let mut mirror = Mirror {
        id: MirrorId::new(t.time(), *connection.as_bytes().last_chunk().unwrap()),
        number: 0,
        owner: owner.user().unwrap(),
        connection,
        node: node.id,
        space: node.space,
        item: "root".to_owned(),
        drive: "drive".to_owned(),
        direction: MirrorDirection::TwoWay,
        policy: ConflictPolicy::KeepBoth,
        drift: MirrorDrift::Leave,
        rules: Vec::new(),
        most_deletes: None,
        state: MirrorState::Active,
        reason: None,
        is_default: false,
        created_ms: t.time(),
        progress: MirrorProgress {
            there_seq: tx.remote_head(connection).await.unwrap(),
            next_ms: t.time().plus_secs(1_000_000),
            ..MirrorProgress::default()
        },
    };
    mirror.number = tx.create_mirror(&mirror).await.unwrap();
    tx.commit().await.unwrap();
    mirror
}

/// What the journal holds after an entry, sorted.
async fn told(t: &TestHub, id: ConnectionId, after: u64) -> Vec<String> {
    let mut tx = t.catalog.read().await.unwrap();
    let changes = tx.remote_changes(id, after, 1000).await.unwrap();
    let mut ids: Vec<String> = changes.into_iter().map(|(_, item)| item).collect();
    ids.sort();
    ids
}

async fn head(t: &TestHub, id: ConnectionId) -> u64 {
    t.catalog.read().await.unwrap().remote_head(id).await.unwrap()
}

fn sorted<const N: usize>(ids: [&String; N]) -> Vec<String> {
    let mut ids = ids.map(ToOwned::to_owned).to_vec();
    ids.sort();
    ids
}

#[tokio::test]
async fn what_changed_or_went_is_told_once_and_nothing_else() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let root = account.root();
        let stays = account.create_file(&root, "stays", "1");
        let renamed = account.create_file(&root, "renamed", "2");
        let goes = account.create_file(&root, "goes", "3");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        look(&t).await;
        // Nobody wants to know.
        assert_eq!(told(&t, id, 0).await, [""; 0]);

        mirror(&t, &ada, id).await;
        account.rename(&renamed, "another name");
        account.delete(&goes);
        let new = account.create_file(&root, "new", "4");
        t.pass_secs(61);
        let done = t.do_jobs().await;
        assert!(done.iter().any(|(kind, _)| *kind == JobKind::Mirror), "{done:?}");
        assert_eq!(told(&t, id, 0).await, sorted([&renamed, &goes, &new]));

        // A look that finds nothing new tells nothing, be it of changes or of everything.
        let before = head(&t, id).await;
        t.pass_secs(61);
        look(&t).await;
        assert_eq!(told(&t, id, before).await, [""; 0]);
        let mut tx = t.catalog.write().await.unwrap();
        let mut feed = tx.lock_feed(id).await.unwrap().unwrap();
        feed.cursor = None;
        tx.put_feed(&feed).await.unwrap();
        tx.commit().await.unwrap();
        let round = feed.round;
        t.pass_secs(61);
        look(&t).await;
        let feed = t.catalog.read().await.unwrap().feed(id).await.unwrap().unwrap();
        assert_eq!(feed.round, round + 1);
        assert_eq!(told(&t, id, before).await, [""; 0]);
        for file in [&stays, &renamed, &new] {
            account.delete(file);
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_complete_look_does_not_find_any_more_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let roots = vec![folder.path().canonicalize().unwrap()];
    let set = move |config: &mut crate::Config| config.directory_roots = roots.clone();
    on_each_engine_with(set, async |t| {
        let ada = t.user("ada").await;
        let place = folder.path().join(format!("{}", t.time().0));
        std::fs::create_dir(&place).unwrap();
        for name in ["stays", "goes", "changes"] {
            std::fs::write(place.join(name), name).unwrap();
        }
        let new = crate::NewConnection {
            endpoint: crate::Endpoint::Directory {
                path: place.to_str().unwrap().to_owned(),
                is_read_only: false,
            },
            credentials: crate::Credentials::None,
            label: String::new(),
            is_servers: false,
        };
        let id = t.connect(&ada, new).await.unwrap().connection.id;
        look(&t).await;
        mirror(&t, &ada, id).await;

        std::fs::remove_file(place.join("goes")).unwrap();
        std::fs::write(place.join("changes"), "it did so").unwrap();
        t.pass_secs(3600);
        let done = t.do_jobs().await;
        assert!(done.iter().any(|(kind, _)| *kind == JobKind::Mirror), "{done:?}");
        let told = told(&t, id, 0).await;
        let names = |ids: &[String]| ids.iter().filter(|id| !id.contains("stays")).count();
        // The folder itself changes with what is in it.
        assert!(
            names(&told) >= 2 && told.iter().all(|id| !id.contains("stays")),
            "{told:?}"
        );
        let before = head(&t, id).await;
        t.pass_secs(3600);
        look(&t).await;
        assert_eq!(head(&t, id).await, before);
    })
    .await;
}

#[tokio::test]
async fn the_journal_is_kept_until_every_mirror_took_it_in() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let account = clouds.google.account("ada@gmail.com");
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        look(&t).await;
        let mut mirror = mirror(&t, &ada, id).await;
        let files: Vec<String> = (0..3)
            .map(|number| account.create_file(&account.root(), &format!("{number}"), "x"))
            .collect();
        t.pass_secs(61);
        look(&t).await;
        let all = head(&t, id).await;
        assert!(all >= 3);
        t.pass_secs(2 * 3600);
        t.upkeep().await;
        assert_eq!(told(&t, id, 0).await.len() as u64, all);

        mirror.progress.there_seq = all - 1;
        let mut tx = t.catalog.write().await.unwrap();
        tx.put_mirror(&mirror).await.unwrap();
        tx.commit().await.unwrap();
        t.pass_secs(2 * 3600);
        t.upkeep().await;
        assert_eq!(told(&t, id, 0).await.len(), 1);

        let mut tx = t.catalog.write().await.unwrap();
        assert!(tx.remove_mirror(mirror.id).await.unwrap());
        tx.commit().await.unwrap();
        t.pass_secs(2 * 3600);
        t.upkeep().await;
        assert_eq!(told(&t, id, 0).await, [""; 0]);
        assert_eq!(head(&t, id).await, all);
        for file in &files {
            account.delete(file);
        }
    })
    .await;
}

#[tokio::test]
async fn a_mirror_s_job_comes_again_as_long_as_there_is_the_mirror() {
    let clouds = Clouds::start().await;
    on_each_engine_with(clouds.settings(), async |t| {
        let ada = t.user("ada").await;
        let id = link(&t, &ada, "google").await.unwrap().connection.id;
        look(&t).await;
        let mut mirror = mirror(&t, &ada, id).await;
        mirror.progress.here_seq = u64::from(u32::MAX);
        mirror.progress.next_ms = t.time().plus_secs(30);
        let mut tx = t.catalog.write().await.unwrap();
        tx.put_mirror(&mirror).await.unwrap();
        let job = t.queue_mirror(&mut tx, mirror.id).await.unwrap();
        tx.commit().await.unwrap();
        let ends = async || {
            let leases = t.lease_jobs("test", 10).await.unwrap();
            let lease = leases.into_iter().find(|lease| lease.job.id == job).unwrap();
            lease.end(crate::JobOutcome::Done).await.unwrap();
            t.catalog.read().await.unwrap().job(job).await.unwrap().unwrap()
        };

        let ended = ends().await;
        assert_eq!(
            (ended.state, ended.run_at_ms),
            (model::JobState::Pending, mirror.progress.next_ms)
        );
        // News that it did not take in, although it believes that nothing is left to do.
        t.pass_secs(31);
        mirror.progress.here_seq = 0;
        mirror.progress.next_ms = t.time().plus_secs(30);
        let mut tx = t.catalog.write().await.unwrap();
        tx.put_mirror(&mirror).await.unwrap();
        tx.commit().await.unwrap();
        t.new_path(&ada, "/news").await;
        assert_eq!(ends().await.run_at_ms, t.time());
        let mut tx = t.catalog.write().await.unwrap();
        assert!(tx.remove_mirror(mirror.id).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(ends().await.state, model::JobState::Completed);
    })
    .await;
}
