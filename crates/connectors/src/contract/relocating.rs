//! Other names and places.

use super::Scene;
use crate::{Item, ItemId, Relocate, RemoteError};

/// Another name in the same folder.
pub const fn to_name(name: &str) -> Relocate<'_> {
    Relocate {
        parent: None,
        name: Some(name),
        expected: None,
    }
}

/// The same name in another folder.
pub const fn to_folder(parent: &ItemId) -> Relocate<'_> {
    Relocate {
        parent: Some(parent),
        name: None,
        expected: None,
    }
}

async fn relocate(scene: &Scene, item: &Item, to: Relocate<'_>) -> Item {
    scene.drive.relocate(&item.id, to).await.expect("relocate")
}

/// In its folder.
pub async fn renames_a_file(scene: &Scene) {
    let file = scene.given("folder/before.txt", b"content").await;

    let after = relocate(scene, &file, to_name("after.txt")).await;

    assert_eq!(after.name, "after.txt");
    assert_eq!(after.parent, file.parent);
    scene.expect_tree(&[("folder/after.txt", b"content")]).await;
}

/// With its name.
pub async fn moves_a_file(scene: &Scene) {
    let file = scene.given("one/file.txt", b"content").await;
    let folder = scene.given_folder("two").await;

    let after = relocate(scene, &file, to_folder(&folder.id)).await;

    assert_eq!(after.name, "file.txt");
    assert_eq!(after.parent.as_ref(), Some(&folder.id));
    scene
        .drive
        .trash(&scene.need("two/in.txt").await.id, None)
        .await
        .expect("trash");
    let left = scene.tree().await;
    assert_eq!(left.get("two/file.txt"), Some(&Some(b"content".to_vec())));
    assert_eq!(left.get("one/file.txt"), None);
}

/// Never seen at a place between.
pub async fn moves_and_renames_at_once(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;
    let folder = scene.given_folder("folder").await;
    let to = Relocate {
        parent: Some(&folder.id),
        name: Some("other.txt"),
        expected: None,
    };

    let after = relocate(scene, &file, to).await;

    assert_eq!(after.name, "other.txt");
    assert_eq!(after.parent.as_ref(), Some(&folder.id));
    scene
        .expect_tree(&[("folder/in.txt", b"in it"), ("folder/other.txt", b"content")])
        .await;
}

/// Folders below as well.
pub async fn renames_a_folder_with_all_below(scene: &Scene) {
    scene.world.write("before/a.txt", b"a").await;
    scene.world.write("before/in/b.txt", b"b").await;
    scene.world.write("before.txt", b"beside it").await;
    let folder = scene.need("before").await;
    scene.need("before/in/b.txt").await;

    let after = relocate(scene, &folder, to_name("after")).await;

    assert!(after.is_folder());
    scene
        .expect_tree(&[
            ("after/a.txt", b"a"),
            ("after/in/b.txt", b"b"),
            ("before.txt", b"beside it"),
        ])
        .await;
}

/// Into a folder that has something.
pub async fn moves_a_folder_with_all_below(scene: &Scene) {
    scene.world.write("one/a.txt", b"a").await;
    scene.world.write("one/in/b.txt", b"b").await;
    let folder = scene.need("one").await;
    scene.need("one/in/b.txt").await;
    let into = scene.given_folder("two").await;

    relocate(scene, &folder, to_folder(&into.id)).await;

    scene
        .expect_tree(&[
            ("two/in.txt", b"in it"),
            ("two/one/a.txt", b"a"),
            ("two/one/in/b.txt", b"b"),
        ])
        .await;
}

/// That is what ids are for.
pub async fn keeps_the_id(scene: &Scene) {
    let file = scene.given("before.txt", b"content").await;
    let folder = scene.given_folder("folder").await;

    let renamed = relocate(scene, &file, to_name("after.txt")).await;
    let moved = relocate(scene, &file, to_folder(&folder.id)).await;

    assert_eq!((&renamed.id, &moved.id), (&file.id, &file.id));
}

/// No new content comes of a new name.
pub async fn keeps_the_content_and_its_revision(scene: &Scene) {
    let file = scene.given("before.txt", b"content").await;

    let after = relocate(scene, &file, to_name("after.txt")).await;

    assert_eq!(after.revision, file.revision);
    assert_eq!(after.modified, file.modified);
    assert_eq!(scene.read(&after).await, b"content");
}

/// Whoever was there is kept.
pub async fn writes_over_nothing(scene: &Scene) {
    let file = scene.given("one.txt", b"one").await;
    scene.given("two.txt", b"two").await;
    let folder = scene.given_folder("folder").await;
    scene.given("folder/one.txt", b"another one").await;

    for to in [to_name("two.txt"), to_folder(&folder.id)] {
        let refused = scene.drive.relocate(&file.id, to).await;
        assert!(matches!(refused, Err(RemoteError::Exists)), "{refused:?}");
    }
    scene
        .expect_tree(&[
            ("one.txt", b"one"),
            ("two.txt", b"two"),
            ("folder/in.txt", b"in it"),
            ("folder/one.txt", b"another one"),
        ])
        .await;
}

/// Not even an empty one, and a folder not over a file.
pub async fn writes_over_no_folder(scene: &Scene) {
    if !scene.can().has_empty_folders {
        return;
    }
    let file = scene.given("file", b"a file").await;
    let folder = scene.given_folder("folder").await;
    scene.world.make_folder("empty").await;
    scene.need("empty").await;

    for (item, name) in [
        (&file, "folder"),
        (&file, "empty"),
        (&folder, "empty"),
        (&folder, "file"),
    ] {
        let refused = scene.drive.relocate(&item.id, to_name(name)).await;
        assert!(
            matches!(refused, Err(RemoteError::Exists)),
            "{} to {name}: {refused:?}",
            item.name
        );
    }
    assert_eq!(scene.tree().await.len(), 4);
}

/// Nothing would be left to reach it by.
pub async fn puts_no_folder_into_itself(scene: &Scene) {
    scene.world.write("one/in/a.txt", b"a").await;
    let folder = scene.need("one").await;
    let inner = scene.need("one/in").await;

    for into in [&folder.id, &inner.id] {
        let refused = scene.drive.relocate(&folder.id, to_folder(into)).await;
        assert!(refused.is_err(), "{refused:?}");
        assert!(
            !refused.expect_err("refused").is_temporary(),
            "it will never work"
        );
    }
    scene.expect_tree(&[("one/in/a.txt", b"a")]).await;
}

/// Gone is gone.
pub async fn finds_nothing_where_nothing_is(scene: &Scene) {
    let gone = ItemId("no-such-item-1234567890".to_owned());

    let missing = scene.drive.relocate(&gone, to_name("after.txt")).await;

    assert!(matches!(missing, Err(RemoteError::NotFound)), "{missing:?}");
}

/// Also where names that differ in case are one.
pub async fn changes_only_case(scene: &Scene) {
    let file = scene.given("name.txt", b"content").await;

    relocate(scene, &file, to_name("Name.txt")).await;

    scene.expect_tree(&[("Name.txt", b"content")]).await;
}

/// What somebody else did meanwhile counts.
pub async fn leaves_what_has_changed(scene: &Scene) {
    let file = scene.given("file.txt", b"before").await;
    scene.world.write("file.txt", b"changed since").await;
    let to = Relocate {
        expected: file.tag.as_ref(),
        ..to_name("after.txt")
    };
    assert!(to.expected.is_some(), "what guards needs a tag");

    let late = scene.drive.relocate(&file.id, to).await;

    assert!(matches!(late, Err(RemoteError::Changed)), "{late:?}");
    scene.expect_tree(&[("file.txt", b"changed since")]).await;
}

/// It is no clash with itself.
pub async fn does_nothing_when_it_is_there_already(scene: &Scene) {
    let file = scene.given("folder/file.txt", b"content").await;
    let folder = scene.need("folder").await;

    let renamed = relocate(scene, &file, to_name("file.txt")).await;
    let moved = relocate(scene, &file, to_folder(&folder.id)).await;

    assert_eq!((&renamed.id, &moved.id), (&file.id, &file.id));
    scene.expect_tree(&[("folder/file.txt", b"content")]).await;
}

/// It has no place to go to.
pub async fn leaves_the_root(scene: &Scene) {
    scene.given("file.txt", b"content").await;

    let refused = scene.drive.relocate(&scene.root, to_name("after")).await;

    assert!(refused.is_err(), "{refused:?}");
    scene.expect_tree(&[("file.txt", b"content")]).await;
}

/// With ids that are paths it is another id.
pub async fn says_where_the_item_is_then(scene: &Scene) {
    let file = scene.given("before.txt", b"content").await;

    let after = relocate(scene, &file, to_name("after.txt")).await;

    let told = scene.need("after.txt").await;
    assert_eq!(told.id, after.id);
    assert_eq!(scene.read(&after).await, b"content");
    let second = relocate(scene, &after, to_name("third.txt")).await;
    assert_eq!(scene.read(&second).await, b"content");
}
