//! Where deleted things go.

use super::scene::ROUNDS;
use super::{Mirror, Scene};
use crate::{ItemId, RemoteError, TrashKind};

/// It is not there any more.
pub async fn takes_a_file_away(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;
    scene.given("other.txt", b"another").await;

    scene.drive.trash(&file.id, None).await.expect("trash");

    scene.expect_tree(&[("other.txt", b"another")]).await;
    for _ in 0..ROUNDS {
        let item = scene.drive.item(&file.id).await.expect("item");
        if item.is_none_or(|item| item.is_trashed) {
            return;
        }
        scene.world.settle().await;
    }
    panic!("it is told to be there");
}

/// Nothing of it stays behind, nothing beside it goes.
pub async fn takes_a_folder_away_with_all_below(scene: &Scene) {
    scene.world.write("one/a.txt", b"a").await;
    scene.world.write("one/in/b.txt", b"b").await;
    scene.world.write("one more.txt", b"beside it").await;
    let folder = scene.need("one").await;
    scene.need("one/in/b.txt").await;

    scene.drive.trash(&folder.id, None).await.expect("trash");

    scene.expect_tree(&[("one more.txt", b"beside it")]).await;
}

/// Twice is the same as once.
pub async fn is_done_with_what_is_gone(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;
    scene.drive.trash(&file.id, None).await.expect("trash");
    scene.drive.trash(&file.id, None).await.expect("gone already");

    let never = ItemId("no-such-item-1234567890".to_owned());
    scene.drive.trash(&never, None).await.expect("never there");
}

/// For something new.
pub async fn frees_the_name(scene: &Scene) {
    let file = scene.given("file.txt", b"before").await;
    scene.drive.trash(&file.id, None).await.expect("trash");

    scene.create("file.txt", b"after").await;

    scene.expect_tree(&[("file.txt", b"after")]).await;
}

/// Neither is lost to the other.
pub async fn takes_two_of_one_name(scene: &Scene) {
    for bytes in [b"first", b"later"] {
        let file = scene.create("file.txt", bytes).await;
        scene.drive.trash(&file.id, None).await.expect("trash");
    }

    scene.expect_tree(&[]).await;
}

/// What somebody else did meanwhile counts.
pub async fn leaves_what_has_changed(scene: &Scene) {
    let file = scene.given("file.txt", b"before").await;
    scene.world.write("file.txt", b"changed since").await;
    assert!(file.tag.is_some(), "what guards needs a tag");

    let late = scene.drive.trash(&file.id, file.tag.as_ref()).await;

    assert!(matches!(late, Err(RemoteError::Changed)), "{late:?}");
    scene.expect_tree(&[("file.txt", b"changed since")]).await;
    let now = scene.need("file.txt").await;
    scene
        .drive
        .trash(&now.id, now.tag.as_ref())
        .await
        .expect("as it is now");
    scene.expect_tree(&[]).await;
}

/// Everything would be gone.
pub async fn leaves_the_root(scene: &Scene) {
    scene.given("file.txt", b"content").await;

    let refused = scene.drive.trash(&scene.root, None).await;

    assert!(refused.is_err(), "{refused:?}");
    scene.expect_tree(&[("file.txt", b"content")]).await;
}

/// Once or twice, and never the root.
pub async fn takes_an_empty_folder(scene: &Scene) {
    scene.given("file.txt", b"content").await;
    let made = scene.drive.make_folder(&scene.root, "folder", None).await;
    let folder = made.expect("make");

    let removed = scene.drive.remove_folder(&folder.id, folder.tag.as_ref()).await;
    removed.expect("an empty folder");
    let again = scene.drive.remove_folder(&folder.id, folder.tag.as_ref()).await;
    again.expect("gone already");
    let refused = scene.drive.remove_folder(&scene.root, None).await;

    assert!(refused.is_err(), "{refused:?}");
    let item = scene.drive.item(&folder.id).await.expect("item");
    assert!(item.is_none_or(|item| item.is_trashed));
    scene.expect_tree(&[("file.txt", b"content")]).await;
}

/// Somebody put something into it after it was looked at.
pub async fn leaves_a_folder_that_is_not_empty_any_more(scene: &Scene) {
    let made = scene.drive.make_folder(&scene.root, "folder", None).await;
    let folder = made.expect("make");
    scene.world.write("folder/in/late.txt", b"late").await;

    // With the tag of then, and with none.
    for expected in [folder.tag.as_ref(), None] {
        let late = scene.drive.remove_folder(&folder.id, expected).await;
        assert!(matches!(late, Err(RemoteError::Changed)), "{late:?}");
        scene.expect_tree(&[("folder/in/late.txt", b"late")]).await;
    }
}

/// Nor is a folder that stands in for it.
pub async fn is_not_seen_in_listings(scene: &Scene) {
    let file = scene.given("folder/file.txt", b"content").await;
    let folder = scene.given_folder("folder/in").await;
    scene.drive.trash(&file.id, None).await.expect("trash");
    scene.drive.trash(&folder.id, None).await.expect("trash");
    scene.create("here.txt", b"here").await;

    for _ in 0..ROUNDS {
        let names = scene.names(&scene.root).await;
        if names.iter().all(|name| name == "here.txt" || name == "folder") {
            if let TrashKind::Folder(name) = scene.can().trash {
                assert!(!names.iter().any(|one| one == name));
            }
            return;
        }
        scene.world.settle().await;
    }
    panic!("{:?}", scene.names(&scene.root).await);
}

/// A follower knows what is there and no more.
pub async fn is_not_seen_in_changes(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;
    let folder = scene.given_folder("folder").await;
    let mut mirror = Mirror::default();
    mirror.catch_up(scene).await;
    scene.drive.trash(&file.id, None).await.expect("trash");
    scene.drive.trash(&folder.id, None).await.expect("trash");
    scene.create("here.txt", b"here").await;

    mirror.catch_up(scene).await;
    let mut anew = Mirror::default();
    anew.catch_up(scene).await;

    for mirror in [mirror, anew] {
        let seen: Vec<String> = mirror.shape(&scene.root).into_keys().collect();
        assert_eq!(seen, ["here.txt"]);
    }
}

/// With its content, where it was.
pub async fn gives_back_a_file(scene: &Scene) {
    let file = scene.given("folder/file.txt", b"content").await;
    scene.given("folder/other.txt", b"another").await;
    scene.drive.trash(&file.id, None).await.expect("trash");

    let back = scene.drive.restore(&file.id).await.expect("restore");

    assert!(!back.is_trashed);
    assert_eq!(back.name, "file.txt");
    scene
        .expect_tree(&[("folder/file.txt", b"content"), ("folder/other.txt", b"another")])
        .await;
    let again = scene.drive.restore(&file.id).await;
    assert!(again.is_ok(), "what is back is back: {again:?}");
}

/// All of it.
pub async fn gives_back_a_folder_with_all_below(scene: &Scene) {
    scene.world.write("one/a.txt", b"a").await;
    scene.world.write("one/in/b.txt", b"b").await;
    let folder = scene.need("one").await;
    scene.need("one/in/b.txt").await;
    scene.drive.trash(&folder.id, None).await.expect("trash");
    scene.expect_tree(&[]).await;

    scene.drive.restore(&folder.id).await.expect("restore");

    scene
        .expect_tree(&[("one/a.txt", b"a"), ("one/in/b.txt", b"b")])
        .await;
}

/// Never there.
pub async fn gives_back_nothing_where_nothing_is(scene: &Scene) {
    let never = ItemId("no-such-item-1234567890".to_owned());

    let missing = scene.drive.restore(&never).await;

    assert!(matches!(missing, Err(RemoteError::NotFound)), "{missing:?}");
}
