//! New folders.

use super::Scene;
use crate::RemoteError;

/// A folder, and then a file in it.
pub async fn makes_a_folder(scene: &Scene) {
    let made = scene
        .drive
        .make_folder(&scene.root, "made", None)
        .await
        .expect("make");

    assert!(made.is_folder());
    assert_eq!(made.name, "made");
    assert_eq!(made.parent.as_ref(), Some(&scene.root));
    scene.create_in(&made.id, "in.txt", b"in it").await;
    scene.expect_tree(&[("made/in.txt", b"in it")]).await;
    assert_eq!(scene.need("made").await.id, made.id);
}

/// One by one.
pub async fn makes_folders_in_folders(scene: &Scene) {
    let mut folder = scene.root.clone();
    for name in ["a", "b", "c", "d"] {
        folder = scene
            .drive
            .make_folder(&folder, name, None)
            .await
            .expect("make")
            .id;
    }
    scene.create_in(&folder, "deep.txt", b"deep").await;

    scene.expect_tree(&[("a/b/c/d/deep.txt", b"deep")]).await;
}

/// What is there is not emptied.
pub async fn makes_no_folder_twice(scene: &Scene) {
    scene.given_folder("taken").await;

    let second = scene.drive.make_folder(&scene.root, "taken", None).await;

    assert!(matches!(second, Err(RemoteError::Exists)), "{second:?}");
    scene.expect_tree(&[("taken/in.txt", b"in it")]).await;
}

/// A name is one thing's.
pub async fn makes_no_folder_over_a_file(scene: &Scene) {
    // A bucket may have `a` beside `a/b`.
    if !scene.can().has_empty_folders {
        return;
    }
    scene.given("taken", b"a file").await;

    let second = scene.drive.make_folder(&scene.root, "taken", None).await;

    assert!(matches!(second, Err(RemoteError::Exists)), "{second:?}");
    scene.expect_tree(&[("taken", b"a file")]).await;
}

/// Not in the root instead.
pub async fn makes_no_folder_in_one_that_is_gone(scene: &Scene) {
    let folder = scene.given_folder("folder").await;
    scene.drive.trash(&folder.id, None).await.expect("trash");

    let made = scene.drive.make_folder(&folder.id, "lost", None).await;

    // Some providers still write into what is in their trash.
    assert!(
        made.is_ok() || matches!(made, Err(RemoteError::NotFound)),
        "{made:?}"
    );
    scene.expect_tree(&[]).await;
}

/// The same id again is the same folder.
pub async fn takes_an_id_that_was_given_ahead(scene: &Scene) {
    let ids = scene.drive.new_ids(1).await.expect("ids");
    for _ in 0..2 {
        let made = scene
            .drive
            .make_folder(&scene.root, "made", ids.first())
            .await
            .expect("make");

        assert_eq!(Some(&made.id), ids.first());
    }
    scene.expect_names(&scene.root, &["made"]).await;
}
