//! Contents that were, which:

use super::Scene;
use crate::{ItemId, Read, RemoteError};

/// So that it can be named.
pub async fn begin_with_the_current_one(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;

    let past = scene.drive.revisions(&file.id).await.expect("revisions");

    assert_eq!(past.first().map(|past| &past.revision), file.revision.as_ref());
}

/// The newest first. What is past may have another name than it had as the current one: not every provider
/// tells of an earlier content which one it was.
pub async fn grow_with_each_content(scene: &Scene) {
    let first = scene.given("file.txt", b"first").await;
    let second = scene.try_replace(&first, b"second!").await.expect("replace").item;

    let past = scene.drive.revisions(&first.id).await.expect("revisions");

    assert_eq!(past.len(), 2, "{past:?}");
    assert_eq!(Some(&past[0].revision), second.revision.as_ref());
    assert_ne!(past[1].revision, past[0].revision);
    assert!(past[1].size_bytes.is_none_or(|size| size == 5), "{past:?}");
}

/// Or it is said that they cannot.
pub async fn can_be_read(scene: &Scene) {
    let first = scene.given("file.txt", b"first").await;
    scene.try_replace(&first, b"second!").await.expect("replace");
    let past = scene.drive.revisions(&first.id).await.expect("revisions");

    let read = Read {
        id: &first.id,
        revision: Some(&past[1].revision),
        offset: 0,
        export: None,
    };
    match scene.drive.read(read).await {
        Ok(reading) => {
            let bytes = super::scene::collect(reading.stream).await.expect("bytes");
            assert_eq!(bytes, b"first");
        }
        Err(RemoteError::Changed) => {}
        Err(other) => panic!("{other:?}"),
    }
}

/// Not of others.
pub async fn are_of_files_that_are_there(scene: &Scene) {
    let never = ItemId("no-such-item-1234567890".to_owned());

    let missing = scene.drive.revisions(&never).await;

    assert!(matches!(missing, Err(RemoteError::NotFound)), "{missing:?}");
}
