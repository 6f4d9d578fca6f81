//! What the kernel tells of.

use std::fs;
use std::time::Duration;

use futures_util::FutureExt;

use super::world::Folder;
use crate::contract::World;
use crate::{Connector, ItemId};

const LIMIT: Duration = Duration::from_secs(60);

async fn told(folder: &Folder) {
    let told = tokio::time::timeout(LIMIT, folder.drive.watch()).await;
    told.expect("in time").expect("watch");
}

/// Watches from now on.
async fn begin(folder: &Folder) {
    assert!(folder.drive.watch().now_or_never().is_none());
    // Whoever waits is dropped; what is watched stays. It has begun when something is told.
    let told = folder.drive.watch();
    let changing = async {
        for number in 0_u64.. {
            folder.write(&format!("begin/{number}"), b"").await;
            tokio::task::yield_now().await;
        }
    };
    futures_util::future::select(std::pin::pin!(told), std::pin::pin!(changing)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_between_two_calls_is_told_by_the_next() {
    let folder = Folder::open().await;
    begin(&folder).await;
    for _ in 0..3 {
        fs::write(folder.path("file.txt"), "new").expect("a file");

        told(&folder).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_that_are_new_are_watched_as_well() {
    let folder = Folder::open().await;
    begin(&folder).await;
    fs::create_dir_all(folder.path("a/b/c")).expect("folders");
    told(&folder).await;
    // What was told already may be told again.
    while let Some(told) = folder.drive.watch().now_or_never() {
        told.expect("watch");
    }

    fs::write(folder.path("a/b/c/file.txt"), "new").expect("a file");
    told(&folder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_can_be_told_is_told_as_a_change() {
    let folder = Folder::open().await;
    begin(&folder).await;
    // The kernel keeps some ten thousand events.
    for number in 0..9_000 {
        let path = folder.path(&format!("{number}.txt"));
        fs::write(&path, "new").expect("a file");
        fs::remove_file(&path).expect("remove");
    }

    told(&folder).await;
    while let Some(told) = folder.drive.watch().now_or_never() {
        told.expect("watch");
    }
    fs::write(folder.path("file.txt"), "new").expect("a file");
    told(&folder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ours_is_no_change() {
    let folder = Folder::open().await;
    fs::create_dir(folder.path(".cumuli-trash")).expect("a folder");
    begin(&folder).await;
    while let Some(told) = folder.drive.watch().now_or_never() {
        told.expect("watch");
    }

    fs::write(folder.path(".cumuli-trash/file.txt"), "new").expect("a file");
    fs::write(folder.path(".cumuli-new-1"), "new").expect("a file");

    let quiet = tokio::time::timeout(Duration::from_millis(200), folder.drive.watch()).await;
    assert!(quiet.is_err(), "{quiet:?}");
    assert_eq!(
        folder
            .drive
            .item(&ItemId(".cumuli-new-1".into()))
            .await
            .expect("item"),
        None
    );
}
