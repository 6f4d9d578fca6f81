//! What is thrown away waits below `.cumuli-trash`, and goes when it waited long.

use std::fs;
use std::sync::Arc;

use super::world::{Folder, now};
use crate::contract::{Scene, Tree};
use crate::{Connector, ItemId, RemoteError};

#[tokio::test]
async fn what_is_thrown_away_is_found_by_its_path() {
    let folder = Folder::open().await;
    fs::create_dir_all(folder.path("one/two")).expect("folders");
    fs::write(folder.path("one/two/a.txt"), "a").expect("a file");
    folder
        .drive
        .trash(&ItemId("one/two/a.txt".into()), None)
        .await
        .expect("trash");

    let mut tree = Tree::new();
    crate::contract::disk::collect(&folder.path(".cumuli-trash"), "", &mut tree);
    let path = tree
        .into_iter()
        .find(|(_, content)| content.as_deref() == Some(b"a"))
        .expect("it is kept")
        .0;
    assert!(path.ends_with("/one/two/a.txt"), "{path}");
}

#[tokio::test]
async fn what_comes_back_is_the_last_that_was_thrown_away() {
    let scene = Scene::new(Folder::open().await).await;
    for bytes in [&b"first"[..], b"second"] {
        let file = scene.create("file.txt", bytes).await;
        scene.drive.trash(&file.id, None).await.expect("trash");
    }

    let back = scene
        .drive
        .restore(&ItemId("file.txt".into()))
        .await
        .expect("restore");

    assert_eq!(scene.read(&back).await, b"second");
    // The place is taken: the other one waits.
    let taken = scene.drive.restore(&back.id).await;
    assert!(matches!(taken, Err(RemoteError::Exists)), "{taken:?}");
}

#[tokio::test]
async fn what_waited_for_a_month_goes() {
    let folder = Folder::open().await;
    fs::create_dir_all(folder.path("dir/in")).expect("folders");
    fs::write(folder.path("dir/in/a.txt"), "a").expect("a file");
    std::os::unix::fs::symlink(folder.outside.path(), folder.path("dir/link")).expect("a link");
    folder
        .drive
        .trash(&ItemId("dir".into()), None)
        .await
        .expect("trash");
    let kept = || fs::read_dir(folder.path(".cumuli-trash")).expect("read").count();
    folder.drive.about().await.expect("about");
    assert_eq!(kept(), 1);

    let later = folder
        .again(|options| options.clock = Arc::new(|| now().plus_secs(31 * 24 * 60 * 60)))
        .expect("a drive");
    later.about().await.expect("about");

    assert_eq!(kept(), 0);
    assert!(
        folder.outside.path().join("secret.txt").exists(),
        "links are not followed"
    );
}
