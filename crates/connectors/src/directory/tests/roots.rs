//! Which folder it is, and who may have it.

use std::fs;
use std::os::unix::fs::symlink;

use super::world::{Folder, options};
use crate::{Connector, Directory, RemoteError};

fn is_misconfigured<T>(outcome: Result<T, RemoteError>) -> bool {
    matches!(outcome, Err(RemoteError::Misconfigured(_)))
}

#[tokio::test]
async fn a_folder_that_the_operator_does_not_allow_is_not_connected() {
    let folder = Folder::open().await;

    assert!(is_misconfigured(folder.again(|options| options.allowed.clear())));
    assert!(is_misconfigured(folder.again(|options| {
        options.allowed = vec![options.root.join("below")];
    })));
    // One whose name only begins like it.
    fs::create_dir(folder.outside.path().join("ro")).expect("a folder");
    assert!(is_misconfigured(folder.again(|options| {
        options.allowed = vec![options.root.with_file_name("ro")];
    })));
    assert!(folder.again(|_| {}).is_ok());
}

#[tokio::test]
async fn a_link_out_of_what_is_allowed_is_not_connected() {
    let folder = Folder::open().await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    let link = folder.outside.path().join("link");
    symlink(elsewhere.path(), &link).expect("a link");

    assert!(is_misconfigured(
        folder.again(|options| options.root = link.clone())
    ));
    assert!(is_misconfigured(
        folder.again(|options| options.root = options.root.join("../../.."))
    ));
}

#[tokio::test]
async fn where_this_server_keeps_its_own_data_is_not_connected() {
    let folder = Folder::open().await;
    folder.again(|_| {}).expect("as long as it does not");
    let inside = folder.path("data");
    fs::create_dir(&inside).expect("a folder");
    for ours in [folder.path(""), inside, folder.outside.path().to_owned()] {
        assert!(
            is_misconfigured(folder.again(|options| options.ours = vec![ours.clone()])),
            "{}",
            ours.display()
        );
    }
}

#[tokio::test]
async fn a_disk_that_is_not_mounted_is_no_empty_drive() {
    let folder = Folder::open().await;
    fs::write(folder.path("kept.txt"), "kept").expect("a file");
    let drive = folder.drive.about().await.expect("about").drive;
    let known = folder
        .again(|options| options.drive = Some(drive))
        .expect("the same folder");
    known.changes(None).await.expect("it is there");

    // What is seen when the disk goes: the folder that it was mounted on.
    fs::rename(folder.path(""), folder.outside.path().join("the disk")).expect("rename");
    fs::create_dir(folder.path("")).expect("a folder");

    assert!(is_misconfigured(known.changes(None).await));
    assert!(is_misconfigured(known.about().await));
    assert!(is_misconfigured(
        known.children(&crate::ItemId("/".into()), None).await
    ));

    fs::remove_dir(folder.path("")).expect("remove");
    assert!(
        is_misconfigured(known.changes(None).await),
        "nor when nothing is there"
    );
    fs::rename(folder.outside.path().join("the disk"), folder.path("")).expect("rename");
    known.changes(None).await.expect("it is there again");
}

#[tokio::test]
async fn a_folder_is_known_again_when_it_was_moved_to_another_disk() {
    let folder = Folder::open().await;
    let drive = folder.drive.about().await.expect("about").drive;
    assert!(drive.starts_with("mark:"), "{drive}");

    // A copy has other inodes, and the mark.
    fs::create_dir(folder.outside.path().join("copy")).expect("a folder");
    fs::copy(
        folder.path(".cumuli-drive"),
        folder.outside.path().join("copy/.cumuli-drive"),
    )
    .expect("copy");

    let copy = folder.again(|options| {
        options.root = options.root.with_file_name("copy");
        options.drive = Some(drive.clone());
    });
    assert!(copy.is_ok());
}

#[tokio::test]
async fn a_folder_that_can_only_be_read_is_not_marked() {
    let folder = Folder::open_read_only().await;
    let drive = folder.drive.about().await.expect("about").drive;

    assert!(drive.starts_with("inode:"), "{drive}");
    assert_eq!(fs::read_dir(folder.path("")).expect("read").count(), 0);
    // Somebody who may write marks it later: it is still the same.
    folder
        .again(|_| {})
        .expect("a drive")
        .about()
        .await
        .expect("about");
    let known = folder.again(|options| options.drive = Some(drive.clone()));
    assert_eq!(
        known.expect("the same").about().await.expect("about").drive,
        drive
    );
}

#[tokio::test]
async fn a_root_that_is_missing_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");

    assert!(is_misconfigured(Directory::new(options(folder.path()))));
}
