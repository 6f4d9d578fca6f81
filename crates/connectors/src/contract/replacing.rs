//! Other contents for files that are there.

use super::{Bytes, Failing, Scene, sample};
use crate::{RemoteError, Revision, Target};

/// The new one is there, the old one is not.
pub async fn puts_another_content_in_place(scene: &Scene) {
    let before = scene.given("file.txt", b"before").await;

    let after = scene.try_replace(&before, b"after!").await.expect("replace");

    assert_ne!(after.item.revision, before.revision);
    assert_eq!(after.item.size_bytes, Some(6));
    assert_eq!(after.overwrote, []);
    scene.expect_tree(&[("file.txt", b"after!")]).await;
    assert_eq!(scene.read(&after.item).await, b"after!");
}

/// A content is all that changes.
pub async fn keeps_id_name_and_place(scene: &Scene) {
    let before = scene.given("folder/file.txt", b"before").await;

    let after = scene
        .try_replace(&before, b"after that")
        .await
        .expect("replace")
        .item;

    assert_eq!(
        (after.id, after.name, after.parent),
        (before.id, before.name, before.parent)
    );
}

/// Nothing of the old one is left.
pub async fn makes_a_file_longer_shorter_and_empty(scene: &Scene) {
    let mut file = scene.given("file.bin", b"before").await;
    for length in [300_000, 10, 0, 6 * 1024 * 1024, 1] {
        let bytes = sample(length);
        file = scene.try_replace(&file, &bytes).await.expect("replace").item;

        assert_eq!(file.size_bytes, Some(length as u64));
        assert!(scene.read(&file).await == bytes, "{length} bytes differ");
    }
}

/// Theirs is kept.
pub async fn leaves_what_somebody_else_wrote(scene: &Scene) {
    let before = scene.given("file.txt", b"before").await;
    scene.world.write("file.txt", b"theirs").await;
    scene.expect_tree(&[("file.txt", b"theirs")]).await;

    let late = scene.try_replace(&before, b"ours!!").await;

    assert!(matches!(late, Err(RemoteError::Changed)), "{late:?}");
    scene.expect_tree(&[("file.txt", b"theirs")]).await;
}

/// A replace creates nothing.
pub async fn makes_nothing_of_what_is_gone(scene: &Scene) {
    let before = scene.given("file.txt", b"before").await;
    scene.drive.trash(&before.id, None).await.expect("trash");

    let late = scene.try_replace(&before, b"ours").await;

    assert!(
        matches!(late, Err(RemoteError::NotFound | RemoteError::Changed)),
        "{late:?}"
    );
    scene.expect_tree(&[]).await;
}

/// Half a content replaces nothing.
pub async fn leaves_the_old_content_when_a_source_fails(scene: &Scene) {
    let before = scene.given("file.bin", b"before").await;
    let expected = before.revision.as_ref().expect("a revision");
    for (length, breaks_at) in [(1000, 500), (12 * 1024 * 1024, 7_000_000)] {
        let target = Target::Replace {
            id: &before.id,
            expected,
        };
        let failed = scene.send(target, &Failing::at(sample(length), breaks_at)).await;

        assert!(matches!(failed, Err(RemoteError::Source(_))), "{failed:?}");
        scene.expect_tree(&[("file.bin", b"before")]).await;
        assert_eq!(scene.read(&before).await, b"before");
    }
}

/// It stays as it is, and can be replaced again.
pub async fn puts_the_same_content_twice(scene: &Scene) {
    let before = scene.given("file.txt", b"the same").await;
    let again = scene
        .try_replace(&before, b"the same")
        .await
        .expect("replace")
        .item;
    let third = scene
        .try_replace(&again, b"the same")
        .await
        .expect("replace")
        .item;

    assert_eq!(scene.read(&third).await, b"the same");
}

/// What an upload told is what the next one expects.
pub async fn replaces_what_it_made_itself(scene: &Scene) {
    let mut file = scene.create("file.txt", b"0").await;
    for number in 1..5 {
        let bytes = number.to_string().into_bytes();
        file = scene.try_replace(&file, &bytes).await.expect("replace").item;
    }

    scene.expect_tree(&[("file.txt", b"4")]).await;
}

/// Nor of what is below it.
pub async fn makes_no_content_of_a_folder(scene: &Scene) {
    let folder = scene.given_folder("folder").await;
    let target = Target::Replace {
        id: &folder.id,
        expected: &Revision("1".to_owned()),
    };

    let refused = scene.send(target, &Bytes(b"no".to_vec())).await;

    assert!(refused.is_err(), "{refused:?}");
    scene.expect_tree(&[("folder/in.txt", b"in it")]).await;
}
