//! Addresses that give a content to whoever has them. They:

use super::Scene;

/// Anybody with a browser.
pub async fn give_the_content_without_credentials(scene: &Scene) {
    let file = scene.given("file.txt", b"for whoever has it").await;
    let link = scene.drive.direct_link(&file.id, "file.txt").await.expect("link");
    let link = link.expect("announced");

    let answer = reqwest::get(&link.url).await.expect("an answer");

    assert!(answer.status().is_success(), "{}", answer.status());
    assert_eq!(&answer.bytes().await.expect("bytes")[..], b"for whoever has it");
}

/// In no log.
pub async fn are_not_shown(scene: &Scene) {
    let file = scene.given("file.txt", b"for whoever has it").await;
    let link = scene.drive.direct_link(&file.id, "file.txt").await.expect("link");

    assert!(!format!("{link:?}").contains("://"));
}
