use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use futures_util::TryStreamExt;
use model::BlobId;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::root::TEMPORARY;
use super::*;
use crate::contract::{self, sample};

fn root(folder: &Path, durability: Durability, has_unnamed_files: bool) -> LocalStore {
    let mut root = Root::open(folder, durability).expect("root");
    root.has_unnamed_files &= has_unnamed_files;
    LocalStore::on(root)
}

fn store() -> (TempDir, LocalStore) {
    let folder = tempfile::tempdir().expect("folder");
    let store = root(folder.path(), Durability::Full, true);
    (folder, store)
}

fn new_blob(number: u8) -> NewBlob {
    NewBlob {
        id: BlobId::new(Millis(1_800_000_000_000), [number; 10]),
        wants_md5: false,
        size_bytes: None,
    }
}

async fn put(store: &LocalStore, number: u8, bytes: &[u8]) -> crate::Written {
    let mut writer = store.writer(new_blob(number)).await.expect("writer");
    writer.write(Bytes::copy_from_slice(bytes)).await.expect("write");
    writer.finish().await.expect("finish")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("folder");
    entries.map(|entry| entry.expect("entry").path()).collect()
}

/// Waits for what happens on another thread.
async fn eventually(mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed().as_secs() < 20, "it never happened");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_with_unnamed_files() {
    let (_folder, store) = store();
    assert!(store.root.has_unnamed_files || !cfg!(target_os = "linux"));
    contract::check(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_with_named_files() {
    let folder = tempfile::tempdir().expect("folder");
    let store = root(folder.path(), Durability::Full, false);
    contract::check(&store).await;
    eventually(|| files(&folder.path().join(TEMPORARY)).is_empty()).await;
}

#[tokio::test]
async fn the_contract_holds_without_flushes_and_on_one_thread() {
    let folder = tempfile::tempdir().expect("folder");
    contract::check(&root(folder.path(), Durability::UnsafeNone, true)).await;
}

#[tokio::test]
async fn blobs_are_there_when_the_store_is_opened_again() {
    let (folder, store) = store();
    let written = put(&store, 1, b"bytes").await;
    drop(store);

    let again = root(folder.path(), Durability::Full, true);

    assert_eq!(again.measure(&written.key).await.expect("measure"), Some(5));
}

#[tokio::test]
async fn only_the_owner_may_read_a_blob() {
    for has_unnamed_files in [true, false] {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("deep/blobs");
        let store = root(&path, Durability::Full, has_unnamed_files);

        let written = put(&store, 1, b"bytes").await;

        let blob = path.join(&written.key);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&blob), 0o600);
        assert_eq!(mode(blob.parent().expect("folder")), 0o700);
        assert_eq!(mode(&path), 0o700);
    }
}

#[tokio::test]
async fn blobs_written_together_share_a_folder() {
    let (folder, store) = store();

    for number in 0..20 {
        put(&store, number, b"bytes").await;
    }

    let is_of_blobs = |path: &PathBuf| {
        !["notes", "tmp", "uploads"]
            .iter()
            .any(|other| path.ends_with(other))
    };
    let folders: Vec<_> = files(folder.path()).into_iter().filter(is_of_blobs).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
}

#[tokio::test]
async fn an_unfinished_named_file_goes_when_its_writer_is_dropped() {
    let folder = tempfile::tempdir().expect("folder");
    let store = root(folder.path(), Durability::Full, false);
    let temporary = folder.path().join(TEMPORARY);
    let mut writer = store.writer(new_blob(1)).await.expect("writer");
    writer.write(sample(2_000_000).into()).await.expect("write");
    assert_eq!(files(&temporary).len(), 1);

    drop(writer);

    eventually(|| files(&temporary).is_empty()).await;
}

#[tokio::test]
async fn what_a_crash_left_is_swept_when_it_is_old_enough() {
    let (folder, store) = store();
    let left = folder
        .path()
        .join(TEMPORARY)
        .join("0190c2a45b6e7c3d8e9f0a1b2c3d4e5f");
    fs::write(&left, b"half").expect("leftover");
    let modified = fs::metadata(&left).expect("there").modified().expect("time");
    let age = modified
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    let modified = Millis(i64::try_from(age.as_millis()).expect("fits"));
    let kept = put(&store, 1, b"bytes").await;

    assert_eq!(store.sweep_temporary(modified).await.expect("sweep"), 0);
    assert!(left.exists());
    assert_eq!(
        store
            .sweep_temporary(Millis(modified.0 + 1))
            .await
            .expect("sweep"),
        1
    );
    assert!(!left.exists());
    assert_eq!(store.measure(&kept.key).await.expect("measure"), Some(5));
}

#[tokio::test]
async fn a_link_in_place_of_a_folder_is_refused() {
    let (folder, store) = store();
    let written = put(&store, 1, b"bytes").await;
    let inside = folder
        .path()
        .join(&written.key)
        .parent()
        .expect("folder")
        .to_owned();
    let outside = tempfile::tempdir().expect("outside");
    let moved = outside.path().join("moved");
    fs::rename(&inside, &moved).expect("move away");
    symlink(&moved, &inside).expect("link");

    let read = store.read(&written.key, 5, 0..5).await.err();
    let measured = store.measure(&written.key).await;
    let removed = store.remove(&written.key).await;
    let mut writer = store.writer(new_blob(2)).await.expect("writer");
    writer.write(Bytes::from_static(b"more")).await.expect("write");
    let finished = writer.finish().await;

    assert!(matches!(read, Some(ContentError::Damaged(Damage::Replaced))));
    assert!(matches!(measured, Err(ContentError::Damaged(Damage::Replaced))));
    assert!(matches!(removed, Err(ContentError::Damaged(Damage::Replaced))));
    assert!(matches!(finished, Err(ContentError::Damaged(Damage::Replaced))));
    assert_eq!(store.list(None, 10).await.expect("list"), []);
    assert_eq!(files(&moved).len(), 1, "nothing was written or removed outside");
}

#[tokio::test]
async fn a_link_or_pipe_in_place_of_a_blob_is_refused() {
    let (folder, store) = store();
    let outside = folder.path().join("outside");
    fs::write(&outside, b"bytes").expect("file");
    let link = put(&store, 1, b"bytes").await.key;
    fs::remove_file(folder.path().join(&link)).expect("remove");
    symlink(&outside, folder.path().join(&link)).expect("link");
    let pipe = put(&store, 2, b"bytes").await.key;
    fs::remove_file(folder.path().join(&pipe)).expect("remove");
    mknodat(CWD, folder.path().join(&pipe), FileType::Fifo, Mode::RUSR, 0).expect("pipe");
    let inner = put(&store, 3, b"bytes").await.key;
    fs::remove_file(folder.path().join(&inner)).expect("remove");
    fs::create_dir(folder.path().join(&inner)).expect("folder");

    for key in [link, pipe, inner] {
        let read = store.read(&key, 5, 0..5).await.err();
        assert!(
            matches!(read, Some(ContentError::Damaged(Damage::Replaced))),
            "{read:?}"
        );
        assert!(store.measure(&key).await.is_err());
    }
    assert_eq!(store.list(None, 10).await.expect("list"), []);
}

#[tokio::test]
async fn a_file_that_was_cut_is_damaged() {
    let (folder, store) = store();
    let written = put(&store, 1, &sample(5000)).await;
    fs::write(folder.path().join(&written.key), sample(4999)).expect("cut");

    let read = store.read(&written.key, 5000, 0..1).await.err();

    let length = Damage::Length {
        expected_bytes: 5000,
        found_bytes: 4999,
    };
    assert_eq!(
        read.map(|error| format!("{error:?}")),
        Some(format!("{:?}", ContentError::Damaged(length)))
    );
}

#[tokio::test]
async fn a_file_that_is_cut_while_it_is_read_ends_the_stream_with_an_error() {
    let (folder, store) = store();
    let written = put(&store, 1, &sample(3_000_000)).await;
    let body = store
        .read(&written.key, 3_000_000, 0..3_000_000)
        .await
        .expect("read");
    fs::write(folder.path().join(&written.key), b"short").expect("cut");

    let read: Result<Vec<Bytes>, _> = body.try_collect().await;

    assert!(matches!(read, Err(model::BodyError::Unreadable(_))));
}

#[tokio::test]
async fn foreign_files_are_not_listed() {
    let (folder, store) = store();
    let written = put(&store, 1, b"bytes").await;
    let inside = folder
        .path()
        .join(&written.key)
        .parent()
        .expect("folder")
        .to_owned();
    for name in ["README", "0190C2A45B6E7C3D8E9F0A1B2C3D4E5F", "0190c2"] {
        fs::write(inside.join(name), b"foreign").expect("file");
    }
    fs::create_dir(folder.path().join("lost+found")).expect("folder");
    fs::write(folder.path().join("0190c2"), b"foreign").expect("file");
    symlink(&inside, folder.path().join("0190c3")).expect("link");

    let listed = store.list(None, 100).await.expect("list");

    assert_eq!(
        listed.iter().map(|blob| &blob.key).collect::<Vec<_>>(),
        [&written.key]
    );
}

#[tokio::test]
async fn a_page_goes_past_what_is_no_blob() {
    let (folder, store) = store();
    let foreign = put(&store, 1, b"bytes").await;
    let written = put(&store, 2, b"bytes").await;
    fs::remove_file(folder.path().join(&foreign.key)).expect("remove");
    fs::create_dir(folder.path().join(&foreign.key)).expect("folder");

    let listed = store.list(None, 1).await.expect("list");

    assert_eq!(listed.first().map(|blob| &blob.key), Some(&written.key));
}

#[tokio::test]
async fn a_store_whose_folder_is_gone_is_not_a_missing_blob() {
    for has_unnamed_files in [true, false] {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("blobs");
        let store = root(&path, Durability::Full, has_unnamed_files);
        fs::remove_dir_all(&path).expect("remove");

        let mut writer = store.writer(new_blob(1)).await.expect("writer");
        writer
            .write(Bytes::from_static(b"bytes"))
            .await
            .expect("buffered");
        let finished = writer.finish().await;

        assert!(matches!(finished, Err(ContentError::Io(_))), "{finished:?}");
        assert!(store.check().await.is_err());
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_one_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("file");
    for path in [file.join("blobs"), file] {
        let opened = LocalStore::open(LocalOptions {
            folder: path,
            durability: Durability::Full,
        })
        .await;
        assert!(matches!(opened, Err(ContentError::Io(_))));
    }
}

#[test]
fn errors_of_the_system_mean_what_the_caller_can_do() {
    for (error, is_temporary, expected) in [
        (Errno::NOSPC, true, "the store has no room left"),
        (Errno::DQUOT, true, "the store has no room left"),
        (Errno::NOENT, false, "the store holds no such blob"),
        (Errno::LOOP, false, "the stored blob is damaged"),
        (Errno::ROFS, true, "the store is not available"),
        (Errno::ACCESS, false, "the store could not be used"),
        (Errno::IO, true, "the store is not available"),
        (Errno::MFILE, true, "the store is not available"),
    ] {
        let failure = failure(error);
        assert_eq!(failure.to_string(), expected, "{error:?}");
        assert_eq!(failure.is_temporary(), is_temporary, "{error:?}");
    }
}

/// A file system of 2 MiB, while it is held.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder)),
            Ok(output) => {
                println!("skipped: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(error) => {
                println!("skipped: no mount: {error}");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

#[tokio::test]
async fn a_full_disk_refuses_and_gets_its_room_back_at_once() {
    let Some(disk) = SmallDisk::mount() else { return };
    for has_unnamed_files in [true, false] {
        let store = root(disk.0.path(), Durability::Full, has_unnamed_files);
        let before = store.check().await.expect("health").free_bytes;
        let mut writer = store.writer(new_blob(1)).await.expect("writer");
        let chunk = Bytes::from(sample(100_000));

        let mut outcome = Ok(());
        for _ in 0..40 {
            outcome = writer.write(chunk.clone()).await;
            if outcome.is_err() {
                break;
            }
        }

        assert!(matches!(outcome, Err(ContentError::Full)), "{outcome:?}");
        // What the round before removed may still have been on its way out then.
        let after = store.check().await.expect("health").free_bytes;
        assert!(after >= before, "the writer is still held: {before:?}, {after:?}");
        assert!(
            writer.finish().await.is_err(),
            "a writer that failed stays failed"
        );
        put(&store, 2, &sample(500_000)).await;
        store
            .remove(&super::root::Key::of(new_blob(2).id).to_string())
            .await
            .expect("remove");
    }
}

#[test]
fn slow_uploads_hold_no_threads() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .expect("runtime");
    runtime.block_on(async {
        let (_folder, store) = store();
        let mut slow = Vec::new();
        for number in 0..50 {
            let mut writer = store.writer(new_blob(number)).await.expect("writer");
            writer.write(sample(300_000).into()).await.expect("write");
            slow.push(writer);
        }

        let written = put(&store, 50, b"bytes").await;

        assert_eq!(store.measure(&written.key).await.expect("measure"), Some(5));
        for writer in slow {
            assert_eq!(
                writer.finish().await.expect("finish").digest,
                crate::digest(&sample(300_000))
            );
        }
    });
}
