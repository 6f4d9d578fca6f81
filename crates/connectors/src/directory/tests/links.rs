//! Nothing outside of the folder is reached, whatever is in it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::Symlinks;
use super::world::Folder;
use crate::contract::{Bytes, Scene, World};
use crate::{Connector, ItemId, ItemKind, Read, RemoteError};

fn id(text: &str) -> ItemId {
    ItemId(text.to_owned())
}

async fn read(drive: &dyn Connector, text: &str) -> Result<Vec<u8>, RemoteError> {
    let id = id(text);
    let read = Read {
        id: &id,
        revision: None,
        offset: 0,
        export: None,
    };
    let reading = drive.read(read).await?;
    crate::contract::scene::collect(reading.stream).await
}

#[tokio::test]
async fn a_link_is_shown_and_never_followed() {
    let folder = Folder::open().await;
    fs::write(folder.path("target.txt"), "within").expect("a file");
    for (target, name) in [
        ("target.txt", "within"),
        ("../secret.txt", "out"),
        ("/etc/passwd", "far"),
        ("..", "up"),
        ("nowhere", "broken"),
    ] {
        symlink(target, folder.path(name)).expect("a link");
    }
    let scene = Scene::new(folder).await;

    for name in ["within", "out", "far", "up", "broken"] {
        let item = scene.need(name).await;
        assert_eq!(item.kind, ItemKind::Shortcut { target: None }, "{name}");
        assert_eq!(item.size_bytes, None);
        let content = read(&*scene.drive, name).await;
        assert!(
            matches!(content, Err(RemoteError::NoContent)),
            "{name}: {content:?}"
        );
        let inside = scene.drive.children(&item.id, None).await;
        assert!(matches!(inside, Err(RemoteError::NotFound)), "{name}: {inside:?}");
    }
    let through = read(&*scene.drive, "up/secret.txt").await;
    assert!(matches!(through, Err(RemoteError::NotFound)), "{through:?}");
    let written = scene
        .try_create(&id("up"), "new.txt", &Bytes(b"out".to_vec()))
        .await;
    assert!(matches!(written, Err(RemoteError::NotFound)), "{written:?}");
    let page = scene.drive.changes(None).await.expect("changes");
    assert_eq!(page.entries.len(), 6, "nothing of what they lead to");
}

#[tokio::test]
async fn links_are_left_out_when_they_are_to_be() {
    let folder = Folder::with(|options| options.symlinks = Symlinks::Hidden);
    symlink("/etc/passwd", folder.path("link")).expect("a link");
    let scene = Scene::new(folder).await;

    assert!(scene.children(&scene.root).await.is_empty());
    assert_eq!(scene.drive.item(&id("link")).await.expect("item"), None);
}

#[tokio::test]
async fn a_link_is_thrown_away_and_not_what_it_leads_to() {
    let folder = Folder::open().await;
    symlink("../secret.txt", folder.path("link")).expect("a link");
    let secret = folder.outside.path().join("secret.txt");
    let drive = folder.connector();

    drive.trash(&id("link"), None).await.expect("trash");

    assert!(!folder.path("link").is_symlink());
    assert_eq!(fs::read(secret).expect("read"), b"secret");
}

/// Swaps a folder for a link that leads out, again and again, while it is gone through by all ways that there are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_swapped_for_a_link_leads_nowhere_else() {
    let folder = Folder::open().await;
    let outside = folder.outside.path().join("outside");
    fs::create_dir(&outside).expect("a folder");
    fs::write(outside.join("file.txt"), "secret").expect("a file");
    fs::create_dir(folder.path("swapped")).expect("a folder");
    fs::write(folder.path("swapped/file.txt"), "within").expect("a file");
    symlink(&outside, folder.path("link")).expect("a link");
    let is_over = Arc::new(AtomicBool::new(false));
    let swapping = {
        let (one, other) = (folder.path("swapped"), folder.path("link"));
        let is_over = Arc::clone(&is_over);
        std::thread::spawn(move || {
            let mut count = 0_u32;
            while !is_over.load(Ordering::Relaxed) || count < 100 {
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                rustix::fs::renameat_with(CWD, &one, CWD, &other, flags).expect("swap");
                count += 1;
            }
        })
    };
    let scene = Scene::new(folder).await;
    let mut read_within = 0;
    for round in 0..300 {
        if let Ok(bytes) = read(&*scene.drive, "swapped/file.txt").await {
            assert_eq!(bytes, b"within");
            read_within += 1;
        }
        let name = format!("new {round}.txt");
        let _ = scene
            .try_create(&id("swapped"), &name, &Bytes(b"new".to_vec()))
            .await;
        let _ = scene
            .drive
            .make_folder(&id("swapped"), &format!("made {round}"), None)
            .await;
        let _ = scene.drive.children(&id("swapped"), None).await;
        let _ = scene.drive.changes(None).await;
    }
    is_over.store(true, Ordering::Relaxed);
    swapping.join().expect("it swapped");

    assert!(read_within > 0, "sometimes it was there");
    let names: Vec<_> = fs::read_dir(&outside).expect("read").collect();
    assert_eq!(names.len(), 1, "nothing was written out there: {names:?}");
}

#[tokio::test]
async fn the_way_without_openat2_leads_nowhere_else_either() {
    let folder = Folder::open().await;
    fs::create_dir_all(folder.path("a/b")).expect("folders");
    symlink("..", folder.path("a/up")).expect("a link");
    let root = rustix::fs::open(folder.path(""), super::root::FOLDER, Mode::empty()).expect("open");
    let names =
        |path: &str| -> Vec<Vec<u8>> { path.split('/').map(|name| name.as_bytes().to_vec()).collect() };

    assert!(super::root::step_by_step(&root, &names("a/b")).is_ok());
    for path in ["a/up", "a/up/a", "a/b/c"] {
        assert!(super::root::step_by_step(&root, &names(path)).is_err(), "{path}");
    }
}

#[tokio::test]
async fn a_path_longer_than_the_kernel_takes_is_reached() {
    let scene = Scene::new(Folder::open().await).await;
    let mut parent = scene.root.clone();
    for number in 0..30 {
        let name = format!("{number} {}", "long ".repeat(45).trim_end());
        parent = scene
            .drive
            .make_folder(&parent, &name, None)
            .await
            .expect("make")
            .id;
    }
    let made = scene.create_in(&parent, "deep.txt", b"deep").await;

    assert!(made.id.0.len() > 6000);
    assert_eq!(scene.read(&made).await, b"deep");
    let page = scene.drive.changes(None).await.expect("changes");
    assert_eq!(page.entries.len(), 31);
}

#[tokio::test]
async fn pipes_sockets_and_devices_are_left_out_and_never_opened() {
    let folder = Folder::open().await;
    mknodat(
        CWD,
        folder.path("pipe"),
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .expect("a pipe");
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("socket")).expect("a socket");
    fs::write(folder.path("file.txt"), "file").expect("a file");
    let scene = Scene::new(folder).await;

    scene.expect_names(&scene.root, &["file.txt"]).await;
    for name in ["pipe", "socket"] {
        assert_eq!(scene.drive.item(&id(name)).await.expect("item"), None);
        let content = read(&*scene.drive, name).await;
        assert!(
            matches!(content, Err(RemoteError::NoContent)),
            "{name}: {content:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_is_no_text_can_be_renamed_by_its_id() {
    let folder = Folder::open().await;
    let odd = folder.path("").join(std::ffi::OsStr::from_bytes(b"odd \xff.txt"));
    fs::write(&odd, "odd").expect("a file");
    let scene = Scene::new(folder).await;

    let items = scene.children(&scene.root).await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].kind, ItemKind::Other);
    assert_eq!(items[0].id, id("odd %FF.txt"));
    let content = read(&*scene.drive, "odd %FF.txt").await;
    assert!(matches!(content, Err(RemoteError::NoContent)), "{content:?}");
    let to = crate::contract::relocating::to_name("even.txt");
    let named = scene.drive.relocate(&items[0].id, to).await.expect("relocate");
    assert_eq!(scene.read(&named).await, b"odd");
}
