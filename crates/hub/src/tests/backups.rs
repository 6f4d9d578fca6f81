//! Backups and restores, from either engine to either.

use std::path::{Path, PathBuf};

use catalog::{Catalog, DatabaseUrl, Options};
use model::{Actor, BlobState, Guard};
use tempfile::TempDir;

use super::database::Database;
use super::harness::{PASSWORD, ROOT, TestHub, address, big, here, on_each_engine, part};
use crate::{BackupError, BackupOf, BackupReport, RestoreReport, Verify, restore_backup};

/// A folder of backups.
struct Backups(TempDir);

impl Backups {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn rows(&self, stamp: &str) -> PathBuf {
        self.path().join(format!("rows-{stamp}.cumuli"))
    }

    async fn back_up(&self, t: &TestHub, stamp: &str) -> BackupReport {
        t.back_up(self.path(), stamp, BackupOf::Everything).await.unwrap()
    }

    async fn restore(&self, stamp: &str, into: &TestHub) -> Result<RestoreReport, BackupError> {
        restore_backup(&into.restore_parts(), self.path(), &self.rows(stamp)).await
    }
}

/// Restores a backup into an installation on each engine, and looks at it.
pub(super) async fn restored_on_each_engine(t: &TestHub, look: impl AsyncFn(&TestHub)) {
    let backups = Backups::new();
    backups.back_up(t, "1").await;
    for database in Database::of_each_engine().await {
        let empty = TestHub::start(&database, t.config.clone()).await;
        let report = backups.restore("1", &empty).await.unwrap();
        assert_eq!(report.damage, Vec::<String>::new());
        look(&empty.again_at(t.time()).await).await;
        drop(empty);
        database.remove().await;
    }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, BackupError>) -> String {
    match outcome {
        Err(BackupError::Refused(sentence)) => sentence,
        other => panic!("not refused: {other:?}"),
    }
}

async fn some_files(t: &TestHub) -> Actor {
    let alice = t.user("alice").await;
    t.put(&alice, ROOT, "small", b"a few bytes").await;
    t.put(&alice, ROOT, "large", big(b'l')).await;
    t.put(&alice, ROOT, "large", big(b'm')).await;
    alice
}

#[tokio::test]
async fn a_restored_installation_is_the_one_that_was_backed_up() {
    on_each_engine(async |t| {
        let alice = some_files(&t).await;
        let folder = t.new_path(&alice, "/a/b").await;
        t.put(&alice, &folder, "deep", big(b'd')).await;
        let gone = t.put(&alice, ROOT, "gone", b"gone").await;
        t.delete(&alice, gone.id, Guard::None).await.unwrap();

        restored_on_each_engine(&t, async |r| {
            r.check_sound().await;
            let sign_in = r.log_in(&address("alice"), PASSWORD, &here()).await.unwrap();
            let alice = r.actor(&sign_in).await;
            assert_eq!(r.names(&alice, ROOT).await, ["a/", "large", "small"]);
            assert_eq!(r.trash(&alice, part(10)).await.unwrap().items.len(), 1);
            let deep = r.put(&alice, &folder, "deep", b"goes on").await;
            assert_eq!(r.content_of(&alice, deep.id, Some(1)).await.unwrap(), big(b'd'));
            assert_eq!(r.used_bytes(&alice).await, t.used_bytes(&alice).await + 7);
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_second_backup_copies_what_is_new_alone() {
    on_each_engine(async |t| {
        let backups = Backups::new();
        let alice = some_files(&t).await;
        let first = backups.back_up(&t, "1").await;
        assert_eq!((first.copied, first.kept), (2, 0));
        t.put(&alice, ROOT, "newer", big(b'n')).await;

        let second = backups.back_up(&t, "2").await;

        assert_eq!((second.copied, second.kept), (1, 2));
    })
    .await;
}

#[tokio::test]
async fn what_is_purged_while_a_backup_may_need_it_stays_until_its_hold_ends() {
    on_each_engine(async |t| {
        let alice = some_files(&t).await;
        let file = t.put(&alice, ROOT, "purged", big(b'p')).await;
        t.back_up(Backups::new().path(), "1", BackupOf::Rows)
            .await
            .unwrap();
        t.delete(&alice, file.id, Guard::None).await.unwrap();
        t.purge(&alice, file.id).await.unwrap();
        t.do_jobs().await;
        let hub = t.reopened(|config| config.sweep_grace_secs = 0).await;
        let sweep = async || {
            t.pass_secs(1);
            let mut tx = t.catalog.write().await.unwrap();
            hub.queue_chore(&mut tx, model::JobKind::Sweep, t.time())
                .await
                .unwrap();
            tx.commit().await.unwrap();
            for lease in hub.lease_jobs("test", 1).await.unwrap() {
                hub.sweep(&lease).await.unwrap();
                lease.end(crate::JobOutcome::Done).await.unwrap();
            }
            t.stored().len()
        };
        assert_eq!(sweep().await, 3);

        t.pass_secs(15 * 60);

        assert_eq!(sweep().await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_backup_leaves_damaged_contents_out_and_names_their_files() {
    on_each_engine(async |t| {
        let alice = some_files(&t).await;
        let stored = t.stored();
        let older = stored
            .iter()
            .find(|path| std::fs::read(path).unwrap() == big(b'l'));
        let mut bytes = big(b'l');
        bytes[7] ^= 1;
        std::fs::write(older.unwrap(), bytes).unwrap();
        let backups = Backups::new();

        let report = backups.back_up(&t, "1").await;

        assert_eq!((report.copied, report.damage.len()), (1, 1));
        assert!(report.damage[0].contains("version 1"), "{:?}", report.damage);
        let database = Database::Sqlite(tempfile::tempdir().unwrap());
        let empty = TestHub::start(&database, t.config.clone()).await;
        let restored = backups.restore("1", &empty).await.unwrap();
        assert_eq!((restored.blobs, restored.damage.len()), (1, 1));
        let r = empty.again_at(t.time()).await;
        assert_eq!(r.fsck(Verify::Digest).await.unwrap().damage.len(), 1);
        let file = r.children(
            &alice,
            ROOT,
            (None, super::harness::by(model::SortKey::Name)),
            part(9),
        );
        let large = file.await.unwrap().items.remove(0).node;
        assert_eq!(r.bytes_of(&alice, large.id).await, big(b'm'));
        let lost = r
            .catalog
            .read()
            .await
            .unwrap()
            .version(large.id, 1)
            .await
            .unwrap()
            .unwrap();
        let lost = r
            .catalog
            .read()
            .await
            .unwrap()
            .blob(lost.blob)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(lost.state, BlobState::Damaged);
    })
    .await;
}

#[tokio::test]
async fn a_restore_goes_into_an_empty_installation_only() {
    on_each_engine(async |t| {
        some_files(&t).await;
        let backups = Backups::new();
        backups.back_up(&t, "1").await;

        let sentence = refusal(backups.restore("1", &t).await);

        assert!(sentence.contains("stored here already"), "{sentence}");
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_backup_that_is_cut_or_changed_is_refused_before_anything_is_written() {
    on_each_engine(async |t| {
        some_files(&t).await;
        let backups = Backups::new();
        backups.back_up(&t, "1").await;
        let whole = std::fs::read(backups.rows("1")).unwrap();
        let mut flipped = whole.clone();
        let at = flipped.len() / 2;
        flipped[at] ^= 1;
        for bytes in [
            &whole[..whole.len() - 1],
            &whole[..whole.len() / 2],
            &flipped[..],
            b"",
            b"{}\n",
        ] {
            std::fs::write(backups.rows("1"), bytes).unwrap();
            let database = Database::Sqlite(tempfile::tempdir().unwrap());
            let empty = TestHub::start(&database, t.config.clone()).await;

            let sentence = refusal(backups.restore("1", &empty).await);

            assert!(sentence.contains("not whole"), "{sentence}");
            assert!(
                empty
                    .catalog
                    .read()
                    .await
                    .unwrap()
                    .restoring()
                    .await
                    .unwrap()
                    .is_none()
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_backup_of_an_older_schema_is_restored_and_brought_up_to_date() {
    on_each_engine(async |t| {
        let newest = t.catalog.schema_version().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let open = async |name: &str| {
            let url = DatabaseUrl::sqlite(folder.path().join(name));
            Catalog::open(Options::new(url)).await.unwrap()
        };
        let older = open("older").await;
        older.migrate_to(3).await.unwrap();
        let mut tx = older.write().await.unwrap();
        tx.put_meta("told", "before").await.unwrap();
        tx.commit().await.unwrap();
        let backups = Backups::new();
        let old = t.over(older).await;
        old.back_up(backups.path(), "1", BackupOf::Everything)
            .await
            .unwrap();
        let mut parts = t.restore_parts();
        parts.catalog = open("restored").await;

        restore_backup(&parts, backups.path(), &backups.rows("1"))
            .await
            .unwrap();

        assert_eq!(parts.catalog.schema_version().await.unwrap(), newest);
        let told = parts.catalog.read().await.unwrap().meta("told").await.unwrap();
        assert_eq!(told.as_deref(), Some("before"));
        // One that is newer than the backup, though empty, has columns that the backup knows nothing of.
        let mut parts = t.restore_parts();
        parts.catalog = open("newer").await;
        parts.catalog.migrate().await.unwrap();
        let sentence = refusal(restore_backup(&parts, backups.path(), &backups.rows("1")).await);
        assert!(sentence.contains("that nothing was started on yet"), "{sentence}");
    })
    .await;
}

#[tokio::test]
async fn a_restore_that_broke_off_is_marked_and_goes_on() {
    on_each_engine(async |t| {
        let alice = some_files(&t).await;
        let backups = Backups::new();
        backups.back_up(&t, "1").await;
        let blobs = backups.path().join("blobs");
        let aside = backups.path().join("aside");
        for database in Database::of_each_engine().await {
            let empty = TestHub::start(&database, t.config.clone()).await;
            // A file where the folder of contents should be: the restore breaks after its rows.
            std::fs::rename(&blobs, &aside).unwrap();
            std::fs::write(&blobs, "").unwrap();
            backups.restore("1", &empty).await.unwrap_err();
            let mark = empty.catalog.read().await.unwrap().restoring().await.unwrap();
            assert!(mark.unwrap().starts_with("bytes "));
            std::fs::remove_file(&blobs).unwrap();
            std::fs::rename(&aside, &blobs).unwrap();

            let report = backups.restore("1", &empty).await.unwrap();

            assert_eq!((report.rows, report.blobs), (0, 2));
            let r = empty.again_at(t.time()).await;
            r.check_sound().await;
            assert_eq!(r.names(&alice, ROOT).await, ["large", "small"]);
            drop((r, empty));
            database.remove().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_during_writes_is_of_one_moment() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let t = &t;
        let write = async |lane: u8| {
            for number in 0..15_u8 {
                let folder = t.new_path(&alice, &format!("/{lane}/{number}")).await;
                let file = t.put(&alice, &folder, "file", big(lane * 16 + number)).await;
                t.put(&alice, &folder, "file", [lane, number]).await;
                if number % 3 == 0 {
                    t.delete(&alice, file.id, Guard::None).await.unwrap();
                    t.purge(&alice, file.id).await.unwrap();
                    t.do_jobs().await;
                }
            }
        };
        let backups = Backups::new();
        let copy = async {
            for stamp in ["1", "2", "3"] {
                assert_eq!(backups.back_up(t, stamp).await.damage, Vec::<String>::new());
            }
        };
        futures_util::future::join4(write(1), write(2), write(3), copy).await;
        for stamp in ["1", "2", "3"] {
            let database = Database::Sqlite(tempfile::tempdir().unwrap());
            let empty = TestHub::start(&database, t.config.clone()).await;
            backups.restore(stamp, &empty).await.unwrap();
            empty.again_at(t.time()).await.check_sound().await;
        }
    })
    .await;
}
