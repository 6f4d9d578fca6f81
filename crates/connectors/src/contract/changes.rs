//! What is there, then what changes: what a follower knows is what somebody else sees.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::{Mirror, Scene, gates};
use crate::{Cursor, Entry, ItemId, RemoteError};

/// A cursor is kept in a row of a database for each connection.
const LONGEST_CURSOR_BYTES: usize = 64 * 1024;

/// A follower who knows all there is.
async fn follower(scene: &Scene) -> Mirror {
    let mut mirror = Mirror::default();
    mirror.catch_up(scene).await;
    mirror
}

/// Nothing but, at most, the root.
pub async fn settles_at_once_on_an_empty_drive(scene: &Scene) {
    let mut mirror = Mirror::default();
    mirror.round(scene).await.expect("changes");

    assert!(mirror.shape(&scene.root).is_empty());
    assert!(mirror.items.len() <= 1, "{:?}", mirror.items);
}

/// Each thing with its place.
pub async fn tells_all_there_is_then_settles(scene: &Scene) {
    scene.world.write("a.txt", b"a").await;
    scene.world.write("one/b.txt", b"bb").await;
    scene.world.write("one/two/c.txt", b"ccc").await;
    scene.world.make_folder("one/empty").await;

    let mirror = follower(scene).await;

    let file = mirror.at(scene, "one/two/c.txt").expect("told");
    assert!(file.is_file());
    assert!(file.revision.is_some());
    assert_eq!(file.size_bytes, Some(3));
    let listed = scene.need("one/two/c.txt").await;
    assert_eq!(
        (&listed.id, &listed.revision, listed.hashes),
        (&file.id, &file.revision, file.hashes)
    );
}

/// Nothing, or the same once more.
pub async fn tells_nothing_new_when_nothing_changed(scene: &Scene) {
    scene.world.write("one/b.txt", b"bb").await;
    let mut mirror = follower(scene).await;
    mirror.round(scene).await.expect("changes");
    let before = mirror.items.clone();

    mirror.round(scene).await.expect("changes");

    assert_eq!(mirror.items, before);
    if !gates::is_listing(scene.can()) {
        assert_eq!(mirror.told, 0);
    }
}

/// In a folder that was there, and in a new one.
pub async fn tells_a_new_file(scene: &Scene) {
    scene.world.write("one/a.txt", b"a").await;
    let mut mirror = follower(scene).await;

    scene.world.write("one/b.txt", b"bb").await;
    scene.world.write("two/three/c.txt", b"ccc").await;

    mirror.catch_up(scene).await;
    assert!(mirror.at(scene, "two/three/c.txt").is_some());
}

/// Of the same length, at the same moment: the revision is all there is to see it by.
pub async fn tells_a_new_content_by_another_revision(scene: &Scene) {
    scene.world.write("a.txt", b"before").await;
    let mut mirror = follower(scene).await;
    let before = mirror.at(scene, "a.txt").expect("told").clone();

    scene.world.write("a.txt", b"after!").await;

    for _ in 0..super::scene::ROUNDS {
        mirror.round(scene).await.expect("changes");
        let now = mirror.at(scene, "a.txt").expect("told");
        assert_eq!(now.id, before.id);
        if now.revision != before.revision {
            return;
        }
        scene.world.settle().await;
    }
    panic!("the new content is not told");
}

/// A file.
pub async fn tells_a_new_name(scene: &Scene) {
    scene.world.write("one/before.txt", b"a").await;
    let mut mirror = follower(scene).await;

    scene.world.relocate("one/before.txt", "one/after.txt").await;

    mirror.catch_up(scene).await;
}

/// A file.
pub async fn tells_a_new_place(scene: &Scene) {
    scene.world.write("one/a.txt", b"a").await;
    scene.world.write("two/b.txt", b"b").await;
    let mut mirror = follower(scene).await;

    scene.world.relocate("one/a.txt", "two/a.txt").await;

    mirror.catch_up(scene).await;
}

/// All below is at another path.
pub async fn tells_a_new_name_of_a_folder(scene: &Scene) {
    scene.world.write("one/in/a.txt", b"a").await;
    scene.world.write("one/b.txt", b"b").await;
    let mut mirror = follower(scene).await;

    scene.world.relocate("one", "another").await;

    mirror.catch_up(scene).await;
    assert!(mirror.at(scene, "another/in/a.txt").is_some());
}

/// A file.
pub async fn tells_that_a_file_is_gone(scene: &Scene) {
    scene.world.write("one/a.txt", b"a").await;
    scene.world.write("one/b.txt", b"b").await;
    let mut mirror = follower(scene).await;

    scene.world.remove("one/a.txt").await;

    mirror.catch_up(scene).await;
    assert!(mirror.at(scene, "one/a.txt").is_none());
}

/// The folder alone may be told.
pub async fn tells_that_a_folder_is_gone_with_all_below(scene: &Scene) {
    scene.world.write("one/in/a.txt", b"a").await;
    scene.world.write("two/b.txt", b"b").await;
    let mut mirror = follower(scene).await;

    scene.world.remove("one").await;

    mirror.catch_up(scene).await;
    assert!(mirror.at(scene, "one/in/a.txt").is_none());
}

/// A new item in an old place.
pub async fn tells_what_comes_back_after_it_was_gone(scene: &Scene) {
    scene.world.write("one/a.txt", b"a").await;
    scene.world.write("b.txt", b"b").await;
    let mut mirror = follower(scene).await;

    scene.world.remove("one").await;
    mirror.catch_up(scene).await;
    scene.world.write("one/a.txt", b"back again").await;

    mirror.catch_up(scene).await;
    assert!(mirror.at(scene, "one/a.txt").is_some());
}

/// That is what ids are for.
pub async fn keeps_ids_over_names_and_places(scene: &Scene) {
    scene.world.write("one/a.txt", b"a").await;
    scene.world.write("two/b.txt", b"b").await;
    let mut mirror = follower(scene).await;
    let file = mirror.at(scene, "one/a.txt").expect("told").clone();
    let folder = mirror.at(scene, "one").expect("told").clone();

    scene.world.relocate("one/a.txt", "two/c.txt").await;
    scene.world.relocate("one", "three").await;
    mirror.catch_up(scene).await;

    let moved = mirror.at(scene, "two/c.txt").expect("told");
    assert_eq!(moved.id, file.id);
    assert_eq!(
        moved.revision, file.revision,
        "a new name or place is no new content"
    );
    assert_eq!(mirror.at(scene, "three").expect("told").id, folder.id);
}

/// Our own hand is told as others are.
pub async fn tells_what_we_write_ourselves(scene: &Scene) {
    let mut mirror = follower(scene).await;

    let made = scene.create("ours.txt", b"ours").await;
    mirror.catch_up(scene).await;
    let told = mirror.at(scene, "ours.txt").expect("told").clone();
    assert_eq!((&told.id, &told.revision), (&made.id, &made.revision));

    scene.drive.trash(&made.id, None).await.expect("trash");
    mirror.catch_up(scene).await;
}

/// Between the first page and the last.
pub async fn misses_nothing_that_happens_in_the_first_round(scene: &Scene) {
    for number in 0..12 {
        scene.world.write(&format!("d{number}/a.txt"), b"a").await;
    }
    let mut mirror = Mirror::default();
    mirror.page(scene).await.expect("changes");

    scene.world.write("d0/new.txt", b"new").await;
    scene.world.write("d11/new.txt", b"new").await;
    scene.world.relocate("d5", "e5").await;
    scene.world.remove("d7").await;

    mirror.catch_up(scene).await;
}

/// Again and again.
pub async fn misses_nothing_that_happens_between_pages(scene: &Scene) {
    for number in 0..6 {
        scene.world.write(&format!("d{number}/a.txt"), b"a").await;
    }
    let mut mirror = Mirror::default();
    for number in 0..6 {
        scene.world.write(&format!("d{number}/b{number}.txt"), b"b").await;
        mirror.page(scene).await.expect("changes");
        let from = format!("d{}/a.txt", 5 - number);
        scene.world.relocate(&from, &format!("moved {number}.txt")).await;
    }

    mirror.catch_up(scene).await;
}

/// As after a crash between the page and its effects.
pub async fn goes_on_from_a_cursor_that_was_used_before(scene: &Scene) {
    scene.world.write("a.txt", b"a").await;
    let mut mirror = follower(scene).await;
    let cursor = mirror.cursor.clone();
    scene.world.write("b.txt", b"b").await;
    mirror.catch_up(scene).await;

    let mut again = Mirror::default();
    again.cursor = cursor;
    again.items = mirror.items.clone();
    again.catch_up(scene).await;
}

/// Nothing is kept between followers.
pub async fn starts_anew_as_often_as_asked(scene: &Scene) {
    scene.world.write("one/a.txt", b"a").await;
    let first = follower(scene).await;
    let second = follower(scene).await;

    assert_eq!(first.items, second.items);
}

/// Not an error for good, and not everything gone.
pub async fn says_that_a_nonsense_cursor_is_lost(scene: &Scene) {
    scene.world.write("a.txt", b"a").await;
    let mut mirror = follower(scene).await;
    for text in ["", "nonsense", "{}", "-1", "\u{fffd}\0", "null", "a/b"] {
        let lost = scene.drive.changes(Some(&Cursor(text.to_owned()))).await;
        assert!(matches!(lost, Err(RemoteError::CursorLost)), "{text:?}: {lost:?}");
    }

    mirror.catch_up(scene).await;
}

/// In the midst of a round as at its end.
pub async fn keeps_cursors_short(scene: &Scene) {
    for number in 0..40 {
        let path = format!("folder {number}/{}/a.txt", "long name ".repeat(6).trim_end());
        scene.world.write(&path, b"a").await;
    }
    let mut mirror = Mirror::default();
    loop {
        let is_settled = mirror.page(scene).await.expect("changes");
        let cursor = mirror.cursor.as_ref().expect("a cursor");
        assert!(cursor.0.len() <= LONGEST_CURSOR_BYTES, "{} bytes", cursor.0.len());
        assert!(!cursor.0.is_empty());
        if is_settled {
            return;
        }
    }
}

/// In one round on a quiet drive.
pub async fn tells_many_items_once_each(scene: &Scene) {
    let paths: Vec<String> = (0..130)
        .map(|number| format!("d{}/file {number:03}.txt", number % 5))
        .collect();
    for some in paths.chunks(16) {
        join_all(some.iter().map(|path| scene.world.write(path, path.as_bytes()))).await;
    }
    follower(scene).await;

    let mut cursor: Option<Cursor> = None;
    let mut told: Vec<ItemId> = Vec::new();
    loop {
        let page = scene.drive.changes(cursor.as_ref()).await.expect("changes");
        for entry in &page.entries {
            match entry {
                Entry::Is(item) if item.is_file() => told.push(item.id.clone()),
                Entry::Is(_) => {}
                Entry::Gone(id) => panic!("nothing went away, but {id:?}"),
            }
        }
        cursor = Some(page.next.cursor().clone());
        if page.next.is_settled() {
            break;
        }
    }
    let once: BTreeSet<&ItemId> = told.iter().collect();
    assert_eq!((told.len(), once.len()), (paths.len(), paths.len()));
}
