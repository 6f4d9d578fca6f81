//! Whose drive it is.

use super::Scene;
use crate::HashKind;

/// An owner for people, a lasting id for us.
pub async fn tells_whose_drive_it_is(scene: &Scene) {
    let about = scene.drive.about().await.expect("about");

    assert!(!about.owner.is_empty());
    assert!(!about.drive.is_empty());
}

/// The lasting id is what tells one drive from another.
pub async fn tells_the_same_each_time(scene: &Scene) {
    let first = scene.drive.about().await.expect("about");
    scene.world.write("new.txt", b"new").await;
    let second = scene.drive.about().await.expect("about");

    assert_eq!(first.drive, second.drive);
    assert_eq!(first.root, second.root);
    assert_eq!(first.owner, second.owner);
}

/// The root is an item as others are.
pub async fn has_a_root_that_is_a_folder_in_no_folder(scene: &Scene) {
    let root = scene
        .drive
        .item(&scene.root)
        .await
        .expect("item")
        .expect("a root");

    assert_eq!(root.id, scene.root);
    assert!(root.is_folder());
    assert_eq!(root.parent, None);
    assert!(!root.is_trashed);
}

/// Used is never more than there is.
pub async fn tells_room_that_can_be(scene: &Scene) {
    let about = scene.drive.about().await.expect("about");

    if let Some(quota) = about.quota
        && let Some(limit_bytes) = quota.limit_bytes
    {
        assert!(quota.used_bytes <= limit_bytes, "{quota:?}");
    }
}

/// No ability speaks against another.
pub async fn has_abilities_that_go_together(scene: &Scene) {
    let can = scene.can();
    let order = |kind: &HashKind| HashKind::ALL.iter().position(|one| one == kind);

    assert!(can.hashes.is_sorted_by_key(order), "the strongest first");
    assert!(can.largest_bytes > 0);
    assert!(can.names.longest > 0);
    assert_ne!(can.modified_step_ms, Some(0));
    assert!(
        !(can.conditions.replace && can.conditions.detects_overwritten),
        "what cannot be overwritten need not be found out"
    );
    assert!(!can.is_read_only || can.conditions == crate::Conditions::default());
    assert!(!can.has_duplicates || can.has_ids, "a path is one item's");
}
