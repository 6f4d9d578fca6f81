//! Being told that something changed.

use std::time::Duration;

use futures_util::future::{Either, select};

use super::Scene;

/// What tests wait for at most; it is reached only by one that fails.
const LIMIT: Duration = Duration::from_secs(60);

/// Changes something again and again until it is told, so that no change comes before the watch.
async fn is_told(scene: &Scene, folder: &str) {
    let told = std::pin::pin!(scene.drive.watch());
    let changing = std::pin::pin!(async {
        for number in 0_u64.. {
            scene.world.write(&format!("{folder}{number}.txt"), b"new").await;
            scene.world.settle().await;
            tokio::task::yield_now().await;
        }
    });
    let both = tokio::time::timeout(LIMIT, select(told, changing)).await;
    match both.expect("told in time") {
        Either::Left((told, _)) => told.expect("watch"),
        Either::Right(_) => panic!("numbers end"),
    }
}

/// In the root.
pub async fn returns_when_something_changes(scene: &Scene) {
    is_told(scene, "").await;
    // Once more: nothing is used up.
    is_told(scene, "again ").await;
}

/// In a folder that was there before.
pub async fn returns_when_something_changes_deep_below(scene: &Scene) {
    scene.world.write("a/b/c/d.txt", b"there").await;

    is_told(scene, "a/b/c/").await;
}
