//! What is in a folder.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::{Scene, hashes_of, sample};
use crate::{ItemId, RemoteError};

/// Ids that no provider gives.
pub const NONSENSE: [&str; 12] = [
    "no-such-item-1234567890",
    "/",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a//b",
    "./a",
    "a/../../b",
    "%2e%2e%2fb",
    "a\0b",
    "a b?c#d&e=f",
    "\u{fffd}'\"\\",
];

/// Nothing, in one page.
pub async fn finds_nothing_in_an_empty_drive(scene: &Scene) {
    let page = scene.drive.children(&scene.root, None).await.expect("children");

    assert_eq!(page.items, []);
    assert_eq!(page.next, None);
}

/// One level.
pub async fn tells_what_is_in_a_folder_and_nothing_below(scene: &Scene) {
    scene.world.write("a.txt", b"a").await;
    scene.world.write("folder/b.txt", b"b").await;
    scene.world.write("folder/below/c.txt", b"c").await;

    scene.expect_names(&scene.root, &["a.txt", "folder"]).await;
    let folder = scene.need("folder").await;
    scene.expect_names(&folder.id, &["b.txt", "below"]).await;
}

/// All that a listing is for.
pub async fn tells_name_parent_kind_and_length(scene: &Scene) {
    let file = scene.given("folder/file.txt", b"twelve bytes").await;
    let folder = scene.need("folder").await;

    assert!(folder.is_folder());
    assert_eq!(folder.parent.as_ref(), Some(&scene.root));
    assert_eq!(folder.size_bytes, None);
    assert!(file.is_file());
    assert_eq!(file.parent.as_ref(), Some(&folder.id));
    assert_eq!(file.name, "file.txt");
    assert_eq!(file.size_bytes, Some(12));
    assert!(file.revision.is_some());
    assert!(file.modified.is_some());
    assert!(!file.is_trashed);
    assert_eq!(file.is_editable, !scene.can().is_read_only);
}

/// Both ways give one answer.
pub async fn tells_of_an_item_what_the_folder_tells(scene: &Scene) {
    let file = scene.given("folder/file.txt", b"some bytes").await;
    let folder = scene.need("folder").await;

    assert_eq!(
        scene.drive.item(&file.id).await.expect("item"),
        Some(file.clone())
    );
    let told = scene
        .drive
        .item(&folder.id)
        .await
        .expect("item")
        .expect("a folder");
    assert_eq!(
        (told.id, told.name, told.kind),
        (folder.id, folder.name, folder.kind)
    );
}

/// More than fit a small page.
pub async fn gives_each_of_many_items_once(scene: &Scene) {
    let names: Vec<String> = (0..130).map(|number| format!("file {number:03}.txt")).collect();
    for some in names.chunks(16) {
        join_all(some.iter().map(|name| scene.world.write(name, name.as_bytes()))).await;
    }

    let expected: Vec<&str> = names.iter().map(String::as_str).collect();
    scene.expect_names(&scene.root, &expected).await;
    let ids: BTreeSet<ItemId> = scene
        .children(&scene.root)
        .await
        .into_iter()
        .map(|item| item.id)
        .collect();
    assert_eq!(ids.len(), names.len(), "each has an id of its own");
}

/// As deep as it goes.
pub async fn goes_down_folder_by_folder(scene: &Scene) {
    let path = "a/b/c/d/e/f/g/deep.txt";
    let file = scene.given(path, b"deep").await;

    assert_eq!(scene.read(&file).await, b"deep");
}

/// A folder is there without anything in it.
pub async fn shows_an_empty_folder(scene: &Scene) {
    scene.world.make_folder("empty").await;
    let folder = scene.need("empty").await;

    assert!(folder.is_folder());
    scene.expect_names(&folder.id, &[]).await;
}

/// None is no error.
pub async fn knows_no_item_that_is_not_there(scene: &Scene) {
    let file = scene.given("gone.txt", b"soon").await;
    scene.world.remove("gone.txt").await;
    for _ in 0..super::scene::ROUNDS {
        match scene.drive.item(&file.id).await.expect("item") {
            None => return,
            Some(item) if item.is_trashed => return,
            Some(_) => scene.world.settle().await,
        }
    }
    panic!("it is still there");
}

/// A folder that is gone has no listing, so that nobody takes it for empty.
pub async fn has_no_children_of_what_is_not_there(scene: &Scene) {
    let folder = scene.given_folder("folder").await;
    scene.world.remove("folder").await;
    for _ in 0..super::scene::ROUNDS {
        match scene.drive.children(&folder.id, None).await {
            Err(RemoteError::NotFound) => return,
            // What is in the trash can still be looked into at some providers.
            Ok(page) if page.items.is_empty() && scene.can().has_ids => return,
            Ok(_) => scene.world.settle().await,
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("it is still there");
}

/// A file is no folder.
pub async fn has_no_children_of_a_file(scene: &Scene) {
    let file = scene.given("file.txt", b"file").await;

    match scene.drive.children(&file.id, None).await {
        Ok(page) => assert_eq!(page.items, []),
        Err(RemoteError::NotFound | RemoteError::NoContent | RemoteError::Refused { .. }) => {}
        Err(other) => panic!("{other:?}"),
    }
}

/// Ids come from a database, and once from outside.
pub async fn leads_nowhere_by_nonsense_ids(scene: &Scene) {
    scene.given("b", b"not by a way around").await;
    for id in NONSENSE.map(|id| ItemId(id.to_owned())) {
        if id == scene.root {
            continue;
        }
        match scene.drive.item(&id).await {
            Ok(None) | Err(RemoteError::NotFound | RemoteError::Refused { .. } | RemoteError::Name(_)) => {}
            other => panic!("{id:?}: {other:?}"),
        }
        let read = crate::Read {
            id: &id,
            revision: None,
            offset: 0,
            export: None,
        };
        match scene.drive.read(read).await.err() {
            Some(RemoteError::NotFound | RemoteError::Refused { .. } | RemoteError::Name(_)) => {}
            other => panic!("{id:?}: {other:?}"),
        }
    }
}

/// Whatever kinds are told, they are those of the bytes.
pub async fn tells_hashes_that_are_right(scene: &Scene) {
    for length in [0, 1, 161, 100_000] {
        let bytes = sample(length);
        let file = scene.given(&format!("{length}.bin"), &bytes).await;

        let right = hashes_of(scene.can(), &bytes);
        for kind in file.hashes.kinds() {
            assert!(scene.can().hashes.contains(&kind), "{kind:?} is not announced");
            assert_eq!(
                file.hashes.text(kind),
                right.text(kind),
                "{kind:?} of {length} bytes"
            );
        }
    }
}
