//! Answers that are lost, and other trouble on the way. Calls that are made again:

use super::world::{Call, Trouble};
use super::{Bytes, Scene};
use crate::{NoJournal, RemoteError, Target, Upload};

/// The call again, as after a restart, and the request again, as after a break.
pub async fn find_the_file_that_was_made(scene: &Scene) {
    if scene.trouble(Trouble::LoseAnswer(Call::Create)).await {
        scene.create("file.txt", b"content").await;
        scene.expect_tree(&[("file.txt", b"content")]).await;
    }
    if scene.can().has_duplicates {
        return;
    }
    let other = scene
        .try_create(&scene.root, "other.txt", &Bytes(b"content".to_vec()))
        .await;
    other.expect("the first time");
    let again = scene
        .try_create(&scene.root, "other.txt", &Bytes(b"content".to_vec()))
        .await;

    match again {
        Ok(found) => assert_eq!(found.item.name, "other.txt"),
        Err(RemoteError::Exists) => {}
        Err(error) => panic!("{error:?}"),
    }
    let names = scene.names(&scene.root).await;
    assert_eq!(
        names.iter().filter(|name| name.contains("other")).count(),
        1,
        "{names:?}"
    );
}

/// One file of one id.
pub async fn find_the_file_that_was_made_with_an_id(scene: &Scene) {
    let ids = scene.drive.new_ids(1).await.expect("ids");
    let target = Target::Create {
        parent: &scene.root,
        name: "file.txt",
        id: ids.first(),
    };
    let source = Bytes(b"content".to_vec());
    let upload = Upload {
        target,
        source: &source,
        media_type: "text/plain",
        modified: None,
        journal: &NoJournal,
    };
    scene.trouble(Trouble::LoseAnswer(Call::Create)).await;
    for _ in 0..2 {
        let made = scene.drive.upload(upload).await.expect("upload").item;
        assert_eq!(Some(&made.id), ids.first());
    }

    scene.expect_tree(&[("file.txt", b"content")]).await;
}

/// Our own content is no other's.
pub async fn find_the_content_that_was_replaced(scene: &Scene) {
    let before = scene.given("file.txt", b"before").await;
    if !scene.trouble(Trouble::LoseAnswer(Call::Replace)).await {
        return;
    }
    let after = scene.try_replace(&before, b"after!").await.expect("replace").item;

    assert_eq!(after.size_bytes, Some(6));
    assert_ne!(after.revision, before.revision);
    scene.expect_tree(&[("file.txt", b"after!")]).await;
}

/// One folder.
pub async fn find_the_folder_that_was_made(scene: &Scene) {
    let ids = scene.drive.new_ids(1).await.expect("ids");
    if !scene.trouble(Trouble::LoseAnswer(Call::MakeFolder)).await {
        return;
    }
    let made = scene
        .drive
        .make_folder(&scene.root, "made", ids.first())
        .await
        .expect("make");

    assert!(made.is_folder());
    scene.expect_names(&scene.root, &["made"]).await;
}

/// It is where it was to go.
pub async fn find_the_item_that_was_moved(scene: &Scene) {
    let file = scene.given("before.txt", b"content").await;
    let to = super::relocating::to_name("after.txt");
    scene.trouble(Trouble::LoseAnswer(Call::Relocate)).await;
    let after = scene
        .drive
        .relocate(&file.id, to.clone())
        .await
        .expect("relocate");
    assert_eq!(after.name, "after.txt");

    let again = scene.drive.relocate(&file.id, to).await;
    match again {
        Ok(again) => assert_eq!(again.id, after.id),
        // With ids that are paths nothing tells it from what never was.
        Err(RemoteError::NotFound) => assert!(!scene.can().has_ids),
        Err(error) => panic!("{error:?}"),
    }
    scene.expect_tree(&[("after.txt", b"content")]).await;
}

/// Gone is done.
pub async fn find_the_item_that_was_thrown_away(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;
    scene.trouble(Trouble::LoseAnswer(Call::Trash)).await;
    scene.drive.trash(&file.id, None).await.expect("trash");
    scene.drive.trash(&file.id, None).await.expect("done");

    scene.expect_tree(&[]).await;
}

/// What passes within seconds nobody hears of.
pub async fn get_over_a_moment_of_trouble(scene: &Scene) {
    scene.trouble(Trouble::FailOnce(Call::Create)).await;
    let file = scene.create("file.txt", b"before").await;
    scene.trouble(Trouble::FailOnce(Call::Replace)).await;
    let file = scene.try_replace(&file, b"after").await.expect("replace").item;
    scene.trouble(Trouble::FailOnce(Call::MakeFolder)).await;
    let folder = scene
        .drive
        .make_folder(&scene.root, "made", None)
        .await
        .expect("make");
    scene.trouble(Trouble::FailOnce(Call::Relocate)).await;
    let file = scene
        .drive
        .relocate(&file.id, super::relocating::to_folder(&folder.id))
        .await
        .expect("relocate");
    scene.expect_tree(&[("made/file.txt", b"after")]).await;
    scene.trouble(Trouble::FailOnce(Call::Trash)).await;
    scene.drive.trash(&file.id, None).await.expect("trash");

    assert!(!scene.tree().await.contains_key("made/file.txt"));
}

/// The account rests, and it is said until when.
pub async fn wait_when_asked_to(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;
    if !scene.trouble(Trouble::AskToWait).await {
        return;
    }

    let paused = scene.drive.item(&file.id).await;

    assert!(matches!(paused, Err(RemoteError::Paused { .. })), "{paused:?}");
    assert!(paused.expect_err("paused").is_temporary());
}

/// Not a matter of trying again.
pub async fn tell_that_the_drive_is_full(scene: &Scene) {
    let kept = scene.given("kept.txt", b"content").await;
    if !scene.trouble(Trouble::Full).await {
        return;
    }

    let full = scene
        .try_create(&scene.root, "file.txt", &Bytes(b"too much".to_vec()))
        .await;

    assert!(matches!(full, Err(RemoteError::Full(_))), "{full:?}");
    assert_eq!(scene.read(&kept).await, b"content", "reading goes on");
}

/// Not a matter of trying again either.
pub async fn tell_that_a_person_has_to_sign_in(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;
    if !scene.trouble(Trouble::Expel).await {
        return;
    }

    let ended = scene.drive.item(&file.id).await;
    assert!(matches!(ended, Err(RemoteError::SignInAgain(_))), "{ended:?}");
    let ended = scene.drive.changes(None).await;
    assert!(matches!(ended, Err(RemoteError::SignInAgain(_))), "{ended:?}");
}
