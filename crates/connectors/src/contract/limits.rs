//! What a connection cannot do it says instead of failing or doing something else. Its limits:

use std::time::Duration;

use model::Millis;

use super::{Bytes, Scene};
use crate::{Channel, NewChannel, RemoteError};

/// One content is all there is.
pub async fn are_told_of_revisions(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;

    let refused = scene.drive.revisions(&file.id).await;
    assert!(matches!(refused, Err(RemoteError::Unsupported(_))), "{refused:?}");
}

/// There are none.
pub async fn are_told_of_links(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;

    assert_eq!(
        scene.drive.direct_link(&file.id, "file.txt").await.expect("none"),
        None
    );
}

/// None are given ahead.
pub async fn are_told_of_ids(scene: &Scene) {
    assert_eq!(scene.drive.new_ids(3).await.expect("none"), []);
}

/// Nothing comes back by itself.
pub async fn are_told_of_the_trash(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;

    let refused = scene.drive.restore(&file.id).await;
    assert!(matches!(refused, Err(RemoteError::Unsupported(_))), "{refused:?}");
}

/// At once: nobody waits for what never comes.
pub async fn are_told_of_watching(scene: &Scene) {
    let told = tokio::time::timeout(Duration::from_secs(30), scene.drive.watch()).await;

    let refused = told.expect("at once");
    assert!(matches!(refused, Err(RemoteError::Unsupported(_))), "{refused:?}");
}

/// None is opened, and there is none to close.
pub async fn are_told_of_channels(scene: &Scene) {
    let new = NewChannel {
        name: "channel",
        address: "https://drive.example.org/",
        secret: "secret",
        cursor: None,
        until: Millis(i64::MAX),
    };
    let opened = scene.drive.open_channel(new).await;
    assert!(matches!(opened, Err(RemoteError::Unsupported(_))), "{opened:?}");
    let channel = Channel {
        id: "channel".to_owned(),
        resource: "resource".to_owned(),
        until: Millis(i64::MAX),
    };
    let closed = scene.drive.close_channel(&channel).await;
    assert!(matches!(closed, Err(RemoteError::Unsupported(_))), "{closed:?}");
}

/// Nothing is changed.
pub async fn are_told_of_writing(scene: &Scene) {
    let file = scene.given("folder/file.txt", b"content").await;
    let made = scene
        .try_create(&scene.root, "new.txt", &Bytes(b"no".to_vec()))
        .await;
    assert!(is_refusal(&made.err()));
    assert!(is_refusal(&scene.try_replace(&file, b"no").await.err()));
    assert!(is_refusal(
        &scene.drive.make_folder(&scene.root, "made", None).await.err()
    ));
    let moved = scene
        .drive
        .relocate(&file.id, super::relocating::to_name("after.txt"))
        .await;
    assert!(is_refusal(&moved.err()));
    assert!(is_refusal(&scene.drive.trash(&file.id, None).await.err()));

    scene.expect_tree(&[("folder/file.txt", b"content")]).await;
}

fn is_refusal(error: &Option<RemoteError>) -> bool {
    matches!(
        error,
        Some(RemoteError::Unsupported(_) | RemoteError::Refused { .. })
    )
}
