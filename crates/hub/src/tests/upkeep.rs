//! The chores: sweep and scrub, and `fsck`, on stores that were tampered with.

use std::fs;

use futures_util::StreamExt;
use model::{Actor, Blob, BlobState, BodyError, Guard, JobKind, Node, Place};

use super::harness::{ROOT, TestHub, big, body, into, on_each_engine, on_each_engine_with, refused};
use crate::{Config, Expected, HubError, Upkept, Verify};

const DAY: i64 = 24 * 60 * 60;

async fn blob_of(t: &TestHub, node: &Node) -> Blob {
    let id = node.version.as_ref().unwrap().blob;
    t.catalog.read().await.unwrap().blob(id).await.unwrap().unwrap()
}

/// What the last run of a chore did.
fn done(chores: &[(JobKind, Upkept)], kind: JobKind) -> Upkept {
    chores.iter().find(|(each, _)| *each == kind).expect("it ran").1
}

/// Turns one byte of a stored file.
fn flip(t: &TestHub, key: &str) {
    let path = t.store_folder().join(key);
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
}

fn key(blob: &Blob) -> &str {
    match &blob.place {
        Place::Store(at) => &at.key,
        Place::Inline => panic!("it is in the catalog"),
    }
}

/// Keeps other bytes for an inline blob than it should hold.
async fn spoil(t: &TestHub, blob: &Blob, bytes: &[u8]) {
    let mut tx = t.catalog.write().await.unwrap();
    tx.put_inline(blob.id, bytes).await.unwrap();
    tx.commit().await.unwrap();
}

async fn damage(t: &TestHub, verify: Verify) -> Vec<String> {
    t.fsck(verify).await.unwrap().damage
}

#[tokio::test]
async fn bytes_without_rows_are_swept_after_the_grace_and_no_sooner() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let kept = t.put(&alice, ROOT, "kept", big(b'k')).await;
        // A server that dies between the bytes and the rows leaves this.
        drop(
            t.stage(u64::MAX, Expected::default(), body(&big(b'o')))
                .await
                .unwrap(),
        );
        assert_eq!(t.stored().len(), 2);
        assert_eq!(t.fsck(Verify::Digest).await.unwrap().orphans.len(), 1);
        assert_eq!(done(&t.upkeep().await, JobKind::Sweep).removed, 0);
        t.pass_secs(DAY - 60 * 60);
        t.upkeep().await;
        assert_eq!(t.stored().len(), 2);

        t.pass_secs(2 * 60 * 60);
        assert_eq!(done(&t.upkeep().await, JobKind::Sweep).removed, 1);

        assert_eq!(t.stored().len(), 1);
        assert_eq!(t.bytes_of(&alice, kept.id).await, big(b'k'));
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_blob_that_is_used_again_within_the_grace_stays() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let old = t.put(&alice, ROOT, "old", big(b'x')).await;
        let blob = blob_of(&t, &old).await;
        t.delete(&alice, old.id, Guard::None).await.unwrap();
        t.purge(&alice, old.id).await.unwrap();
        t.pass_secs(DAY - 60);
        let new = t.put(&alice, ROOT, "new", big(b'x')).await;
        t.pass_secs(DAY);
        t.upkeep().await;

        assert_eq!(blob_of(&t, &new).await.id, blob.id);
        assert_eq!(t.bytes_of(&alice, new.id).await, big(b'x'));
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn an_upload_of_bytes_that_are_just_being_swept_keeps_them() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        for n in 0..6 {
            for name in ["big", "small"] {
                let bytes = if name == "big" {
                    big(b'x')
                } else {
                    b"small".to_vec()
                };
                let old = t.put(&alice, ROOT, name, &bytes).await;
                t.delete(&alice, old.id, Guard::None).await.unwrap();
                t.purge(&alice, old.id).await.unwrap();
            }
            t.pass_secs(DAY + 1);
            t.schedule_upkeep().await.unwrap();
            let upload = async {
                for _ in 0..n {
                    tokio::task::yield_now().await;
                }
                let big = t.put(&alice, ROOT, "big", big(b'x')).await;
                (big, t.put(&alice, ROOT, "small", "small").await)
            };
            let (_, (new, small)) = tokio::join!(t.do_jobs(), upload);

            assert_eq!(t.bytes_of(&alice, new.id).await, big(b'x'));
            assert_eq!(t.bytes_of(&alice, small.id).await, b"small");
            t.check_sound().await;
            t.empty(&alice).await;
        }
    })
    .await;
}

impl TestHub {
    async fn empty(&self, who: &Actor) {
        for item in self
            .recent(who, 0, super::harness::part(100))
            .await
            .unwrap()
            .items
        {
            self.delete(who, item.node.id, Guard::None).await.unwrap();
        }
        self.empty_trash(who).await.unwrap();
    }
}

#[tokio::test]
async fn ended_sessions_and_old_counters_are_swept() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        refused!(
            t.log_in("alice@example.org", "wrong password", &super::harness::here())
                .await,
            HubError::Unauthenticated(_)
        );
        t.pass_secs(30 * DAY + 1);
        t.upkeep().await;

        let mut tx = t.catalog.write().await.unwrap();
        assert!(tx.sessions(alice.user().unwrap(), 10).await.unwrap().is_empty());
        assert_eq!(tx.remove_old_tries(t.time(), 10).await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_scrub_finds_what_changed_and_marks_it() {
    let set = |config: &mut Config| config.scrub_secs = Some(7 * 24 * 60 * 60);
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        let flipped = t.put(&alice, ROOT, "flipped", big(b'1')).await;
        let short = t.put(&alice, ROOT, "short", big(b'2')).await;
        let missing = t.put(&alice, ROOT, "missing", big(b'3')).await;
        let small = t.put(&alice, ROOT, "small", "small").await;
        let good = t.put(&alice, ROOT, "good", big(b'4')).await;
        assert_eq!(done(&t.upkeep().await, JobKind::Scrub).damaged, 0);
        flip(&t, key(&blob_of(&t, &flipped).await));
        let path = t.store_folder().join(key(&blob_of(&t, &short).await));
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(100)
            .unwrap();
        fs::remove_file(t.store_folder().join(key(&blob_of(&t, &missing).await))).unwrap();
        spoil(&t, &blob_of(&t, &small).await, b"smell").await;
        t.pass_secs(6 * DAY);
        assert_eq!(
            done(&t.upkeep().await, JobKind::Scrub).damaged,
            0,
            "they are not due yet"
        );

        t.pass_secs(2 * DAY);
        assert_eq!(done(&t.upkeep().await, JobKind::Scrub).damaged, 4);

        for node in [&flipped, &short, &missing, &small] {
            assert_eq!(blob_of(&t, node).await.state, BlobState::Damaged, "{}", node.name);
        }
        let proven = blob_of(&t, &good).await;
        assert_eq!((proven.state, proven.proven_ms), (BlobState::Good, t.time()));
        assert_eq!(t.stored().len(), 3, "nothing is removed");
    })
    .await;
}

#[tokio::test]
async fn fresh_bytes_mend_a_damaged_blob() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let bob = t.user("bob").await;
        let file = t.put(&alice, ROOT, "file", big(b'1')).await;
        let small = t.put(&alice, ROOT, "small", "small").await;
        flip(&t, key(&blob_of(&t, &file).await));
        spoil(&t, &blob_of(&t, &small).await, b"smell").await;
        t.pass_secs(8 * DAY);
        assert_eq!(done(&t.upkeep().await, JobKind::Scrub).damaged, 2);

        t.put(&bob, ROOT, "same", big(b'1')).await;
        t.put(&bob, ROOT, "same small", "small").await;

        assert_eq!(t.bytes_of(&alice, file.id).await, big(b'1'));
        assert_eq!(t.bytes_of(&alice, small.id).await, b"small");
        assert_eq!(blob_of(&t, &file).await.state, BlobState::Good);
        assert_eq!(damage(&t, Verify::Digest).await, Vec::<String>::new());
        t.pass_secs(2 * DAY);
        t.upkeep().await;
        assert_eq!(t.stored().len(), 1, "the damaged bytes are swept");
        t.check_sound().await;
    })
    .await;
}

#[tokio::test]
async fn bytes_that_are_gone_come_back_with_an_upload_even_before_anyone_noticed() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let gone = t.put(&alice, ROOT, "gone", big(b'1')).await;
        let short = t.put(&alice, ROOT, "short", big(b'2')).await;
        fs::remove_file(t.store_folder().join(key(&blob_of(&t, &gone).await))).unwrap();
        fs::write(t.store_folder().join(key(&blob_of(&t, &short).await)), "short").unwrap();

        t.put(&alice, ROOT, "again", big(b'1')).await;
        t.put(&alice, ROOT, "again too", big(b'2')).await;

        assert_eq!(t.bytes_of(&alice, gone.id).await, big(b'1'));
        assert_eq!(t.bytes_of(&alice, short.id).await, big(b'2'));
    })
    .await;
}

#[tokio::test]
async fn a_download_of_damaged_bytes_is_refused_and_reported() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let short = t.put(&alice, ROOT, "short", big(b'1')).await;
        let gone = t.put(&alice, ROOT, "gone", big(b'2')).await;
        let small = t.put(&alice, ROOT, "small", "small").await;
        fs::write(t.store_folder().join(key(&blob_of(&t, &short).await)), "short").unwrap();
        fs::remove_file(t.store_folder().join(key(&blob_of(&t, &gone).await))).unwrap();
        spoil(&t, &blob_of(&t, &small).await, b"smaller").await;
        for node in [&short, &gone, &small] {
            refused!(t.content_of(&alice, node.id, None).await, HubError::Damaged);
            assert_eq!(blob_of(&t, node).await.state, BlobState::Damaged, "{}", node.name);
        }
    })
    .await;
}

#[tokio::test]
async fn damage_that_a_download_meets_on_its_way_is_reported() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", vec![b'x'; 4 << 20]).await;
        let download = t.open_file(&alice, file.id, None).await.unwrap();
        let mut stream = t.read_content(&download, 0..u64::MAX).await.unwrap();
        stream.next().await.unwrap().unwrap();
        let path = t.store_folder().join(key(&blob_of(&t, &file).await));
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(1)
            .unwrap();

        let rest: Vec<_> = stream.collect().await;

        assert!(matches!(rest.last(), Some(Err(BodyError::Unreadable(_)))));
        t.0.tasks.close();
        t.0.tasks.wait().await;
        assert_eq!(blob_of(&t, &file).await.state, BlobState::Damaged);
    })
    .await;
}

#[tokio::test]
async fn damage_seen_on_old_bytes_does_not_condemn_the_fresh_ones() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", big(b'1')).await;
        let download = t.open_file(&alice, file.id, None).await.unwrap();
        fs::remove_file(t.store_folder().join(key(&blob_of(&t, &file).await))).unwrap();
        t.put(&alice, ROOT, "again", big(b'1')).await;

        refused!(
            t.read_content(&download, 0..10).await.map(drop),
            HubError::Damaged
        );

        assert_eq!(blob_of(&t, &file).await.state, BlobState::Good);
        assert_eq!(t.bytes_of(&alice, file.id).await, big(b'1'));
    })
    .await;
}

#[tokio::test]
async fn without_a_period_nothing_is_scrubbed() {
    let set = |config: &mut Config| config.scrub_secs = None;
    on_each_engine_with(set, async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", big(b'1')).await;
        flip(&t, key(&blob_of(&t, &file).await));
        t.pass_secs(1000 * DAY);

        assert_eq!(done(&t.upkeep().await, JobKind::Scrub), Upkept::default());
    })
    .await;
}

#[tokio::test]
async fn a_scrub_that_is_called_off_says_how_far_it_came() {
    on_each_engine(async |t| {
        let admin = t.user("admin").await;
        for n in 0..60_u8 {
            t.put(&admin, ROOT, &format!("{n}"), [n; 100]).await;
        }
        t.pass_secs(8 * DAY);
        t.schedule_upkeep().await.unwrap();
        let leases = t.lease_jobs("test", 10).await.unwrap();
        let lease = leases
            .into_iter()
            .find(|lease| lease.job.kind == JobKind::Scrub)
            .unwrap();
        t.cancel_job(&admin, lease.job.id).await.unwrap();

        assert!(t.scrub(&lease).await.unwrap().was_stopped);

        let progress = t.job(&admin, lease.job.id).await.unwrap().job.progress;
        assert_eq!(
            (progress.percent, progress.done_bytes, progress.total_bytes),
            (82, 5000, 6000)
        );
    })
    .await;
}

#[tokio::test]
async fn fsck_names_what_is_missing_wrong_and_left_over() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let flipped = t.put(&alice, ROOT, "flipped", big(b'1')).await;
        let short = t.put(&alice, ROOT, "short", big(b'2')).await;
        let missing = t.put(&alice, ROOT, "missing", big(b'3')).await;
        let small = t.put(&alice, ROOT, "small", "small").await;
        let (flipped, short, missing) = (
            blob_of(&t, &flipped).await,
            blob_of(&t, &short).await,
            blob_of(&t, &missing).await,
        );
        t.check_sound().await;
        flip(&t, key(&flipped));
        fs::write(t.store_folder().join(key(&short)), "short").unwrap();
        fs::remove_file(t.store_folder().join(key(&missing))).unwrap();
        spoil(&t, &blob_of(&t, &small).await, b"smell").await;
        drop(
            t.stage(u64::MAX, Expected::default(), body(&big(b'o')))
                .await
                .unwrap(),
        );

        let quick = damage(&t, Verify::Length).await;
        let has = |damage: &[String], blob: &Blob, words: &str| {
            let id = blob.id.to_string();
            assert!(
                damage
                    .iter()
                    .any(|line| line.contains(&id) && line.contains(words)),
                "{damage:?}"
            );
        };
        assert_eq!(quick.len(), 2);
        has(&quick, &short, "holds 5 bytes instead of 20480");
        has(&quick, &missing, "is missing");
        let whole = t.fsck(Verify::Digest).await.unwrap();
        assert_eq!(whole.damage.len(), 4);
        has(&whole.damage, &flipped, "wrong digest");
        has(&whole.damage, &blob_of(&t, &small).await, "wrong digest");
        assert_eq!((whole.orphans.len(), whole.blobs, whole.spaces), (1, 4, 1));
        assert!(!whole.is_clean());
        spoil(&t, &blob_of(&t, &small).await, b"smaller").await;
        assert_eq!(damage(&t, Verify::Length).await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn fsck_counts_uses_and_sums() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let file = t.put(&alice, ROOT, "file", "x").await;
        let mut tx = t.catalog.write().await.unwrap();
        tx.count_uses(blob_of(&t, &file).await.id, 1, t.time());
        tx.free_bytes(file.space, 1).await.unwrap();
        tx.raise_height(file.id, 7).await.unwrap();
        tx.commit().await.unwrap();

        let damage = damage(&t, Verify::Length).await.join("\n");

        assert!(damage.contains("counts 2 uses; 1 versions use it"), "{damage}");
        assert!(
            damage.contains("says that it uses 0 bytes; its versions hold 1"),
            "{damage}"
        );
        assert!(
            damage.contains("has more levels below it than its folder knows of"),
            "{damage}"
        );
    })
    .await;
}

#[tokio::test]
async fn fsck_beside_writers_finds_nothing_wrong() {
    on_each_engine(async |t| {
        let alice = t.user("alice").await;
        let write = async {
            for n in 0..30_u8 {
                let upload = into(ROOT, &format!("{}", n % 5));
                let bytes = if n % 3 == 0 { big(n) } else { vec![n; 10] };
                let file = t.store(&alice, upload, bytes).await.unwrap().node;
                if n % 4 == 0 {
                    t.delete(&alice, file.id, Guard::None).await.unwrap();
                    t.purge(&alice, file.id).await.unwrap();
                }
            }
        };
        let check = async {
            for _ in 0..10 {
                assert_eq!(damage(&t, Verify::Digest).await, Vec::<String>::new());
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(write, check);
        t.check_sound().await;
    })
    .await;
}
