//! What is written, and what stands in its way.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::world::Folder;
use crate::contract::{Bytes, Failing, Scene, sample};
use crate::{Connector, ItemId, RemoteError};

/// Files that begin with a dot.
fn hidden(folder: &std::path::Path) -> Vec<String> {
    fs::read_dir(folder)
        .expect("read")
        .map(|entry| entry.expect("entry").file_name().into_string().expect("text"))
        .filter(|name| name.starts_with(".cumuli-new"))
        .collect()
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_no_file_of_any_name() {
    let folder = Folder::open().await;
    let path = folder.path("");
    let scene = Scene::new(folder).await;
    let source = Failing::at(sample(3_000_000), 2_000_000);

    scene
        .try_create(&scene.root, "half.bin", &source)
        .await
        .expect_err("it broke off");

    assert_eq!(hidden(&path), Vec::<String>::new());
}

#[tokio::test]
async fn what_was_cut_off_long_ago_is_swept_and_what_is_new_is_not() {
    let folder = Folder::open().await;
    fs::write(folder.path(".cumuli-new-1"), "half").expect("a file");
    folder.drive.changes(None).await.expect("changes");
    assert_eq!(hidden(&folder.path("")), [".cumuli-new-1"]);

    let later = folder
        .again(|options| {
            options.clock = std::sync::Arc::new(|| super::world::now().plus_secs(2 * 24 * 60 * 60));
        })
        .expect("a drive");
    let page = later.changes(None).await.expect("changes");

    assert_eq!(page.entries, []);
    assert_eq!(hidden(&folder.path("")), Vec::<String>::new());
}

#[tokio::test]
async fn a_new_content_keeps_who_may_read_it() {
    let folder = Folder::open().await;
    let path = folder.path("file.txt");
    fs::write(&path, "before").expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("permissions");
    let scene = Scene::new(folder).await;
    let before = scene.need("file.txt").await;

    scene.try_replace(&before, b"after").await.expect("replace");

    assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, 0o640);
}

#[tokio::test]
async fn a_file_that_is_written_in_place_has_another_revision_each_time() {
    let folder = Folder::open().await;
    let path = folder.path("file.txt");
    fs::write(&path, "1").expect("a file");
    let scene = Scene::new(folder).await;
    let mut seen = vec![scene.need("file.txt").await.revision];
    for length in 2..6 {
        fs::write(&path, "1".repeat(length)).expect("write");
        // A program that sets the time back hides nothing.
        let file = fs::File::options().write(true).open(&path).expect("open");
        file.set_modified(std::time::SystemTime::UNIX_EPOCH)
            .expect("time");
        let revision = scene.need("file.txt").await.revision;
        assert!(!seen.contains(&revision));
        seen.push(revision);
    }
}

#[tokio::test]
async fn a_file_that_is_written_while_it_is_read_is_not_taken_for_whole() {
    let folder = Folder::open().await;
    let path = folder.path("file.bin");
    fs::write(&path, vec![0; 900_000]).expect("a file");
    let scene = Scene::new(folder).await;
    let item = scene.need("file.bin").await;
    let read = crate::Read {
        id: &item.id,
        revision: item.revision.as_ref(),
        offset: 0,
        export: None,
    };
    let mut reading = scene.drive.read(read).await.expect("read");
    let first = futures_util::StreamExt::next(&mut reading.stream).await;
    assert!(first.expect("bytes").is_ok());

    fs::write(&path, vec![1; 900_000]).expect("write");

    let rest = crate::contract::scene::collect(reading.stream).await;
    assert!(rest.is_err(), "two contents in one");
}

#[test]
fn what_the_file_system_says_is_told_in_our_words() {
    use rustix::io::Errno;

    let told = |errno| super::faults::fault(errno, &super::Place::root());
    for errno in [Errno::NOSPC, Errno::DQUOT] {
        assert!(matches!(told(errno), RemoteError::Full(_)), "{errno:?}");
    }
    for errno in [Errno::ACCESS, Errno::PERM, Errno::ROFS, Errno::XDEV, Errno::FBIG] {
        assert!(matches!(told(errno), RemoteError::Refused { .. }), "{errno:?}");
        assert!(!told(errno).is_temporary(), "{errno:?}");
    }
    for errno in [Errno::IO, Errno::MFILE, Errno::NOMEM] {
        assert!(matches!(told(errno), RemoteError::Unavailable(_)), "{errno:?}");
    }
    assert!(matches!(told(Errno::NOENT), RemoteError::NotFound));
    assert!(matches!(told(Errno::EXIST), RemoteError::Exists));
    assert!(matches!(told(Errno::BUSY), RemoteError::Locked));
}

#[tokio::test]
async fn what_the_server_has_no_right_to_is_refused_and_never_taken_for_empty() {
    let error = super::faults::fault(rustix::io::Errno::ACCESS, &super::Place::root());
    assert!(matches!(error, RemoteError::Refused { .. }), "{error:?}");
    // Rights do not bind the superuser, as which tests may run.
    let folder = Folder::open().await;
    fs::create_dir(folder.path("closed")).expect("a folder");
    fs::write(folder.path("closed/file.txt"), "in it").expect("a file");
    fs::set_permissions(folder.path("closed"), fs::Permissions::from_mode(0o000)).expect("permissions");
    let is_bound = fs::read_dir(folder.path("closed")).is_err();

    let told = folder.drive.changes(None).await;
    let listed = folder.drive.children(&ItemId("closed".into()), None).await;

    if is_bound {
        assert!(matches!(told, Err(RemoteError::Refused { .. })), "{told:?}");
        assert!(matches!(listed, Err(RemoteError::Refused { .. })), "{listed:?}");
    } else {
        assert_eq!(told.expect("changes").entries.len(), 2);
    }
    fs::set_permissions(folder.path("closed"), fs::Permissions::from_mode(0o700)).expect("permissions");
}

#[tokio::test]
async fn a_hard_link_keeps_its_own_content() {
    let folder = Folder::open().await;
    fs::write(folder.path("one.txt"), "before").expect("a file");
    fs::hard_link(folder.path("one.txt"), folder.path("two.txt")).expect("a link");
    let scene = Scene::new(folder).await;
    let one = scene.need("one.txt").await;

    scene.try_replace(&one, b"after").await.expect("replace");
    let refused = scene
        .drive
        .relocate(&one.id, crate::contract::relocating::to_name("two.txt"))
        .await;

    assert!(matches!(refused, Err(RemoteError::Exists)), "{refused:?}");
    scene
        .expect_tree(&[("one.txt", b"after"), ("two.txt", b"before")])
        .await;
}

#[tokio::test]
async fn two_servers_on_one_folder_do_not_write_over_each_other() {
    let folder = Folder::open().await;
    let other = std::sync::Arc::new(folder.again(|_| {}).expect("a drive"));
    let scene = Scene::new(folder).await;
    let file = scene.create("file.txt", b"before").await;
    let expected = file.revision.as_ref().expect("a revision");
    for _ in 0..20 {
        let now = scene.need("file.txt").await;
        let target = crate::Target::Replace {
            id: &file.id,
            expected: now.revision.as_ref().expect("a revision"),
        };
        let (one, two) = (Bytes(b"one".to_vec()), Bytes(b"two".to_vec()));
        let upload = |source| crate::Upload {
            target,
            source,
            media_type: "text/plain",
            modified: None,
            journal: &crate::NoJournal,
        };
        let (first, second) = tokio::join!(scene.drive.upload(upload(&one)), other.upload(upload(&two)));

        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    }
    let late = scene
        .try_replace(
            &crate::Item {
                revision: Some(expected.clone()),
                ..file.clone()
            },
            b"late",
        )
        .await;
    assert!(matches!(late, Err(RemoteError::Changed)), "{late:?}");
}
