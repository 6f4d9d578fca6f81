//! Many at once.

use std::sync::Arc;

use futures_util::future::{join, join_all};

use super::scene::collect;
use super::{Bytes, Mirror, Scene};
use crate::{Read, RemoteError};

/// The others are told; by some servers, that somebody else writes just now.
pub async fn makes_one_file_of_many_creates(scene: &Scene) {
    let contents: Vec<Bytes> = (0..8_u8).map(|number| Bytes(vec![number; 3000])).collect();
    let tries = contents
        .iter()
        .map(|content| scene.try_create(&scene.root, "one.txt", content));
    let made = join_all(tries).await;

    let won: Vec<usize> = (0..8).filter(|place| made[*place].is_ok()).collect();
    assert_eq!(won.len(), 1, "{made:?}");
    for lost in made.iter().filter_map(|made| made.as_ref().err()) {
        assert!(
            matches!(lost, RemoteError::Exists | RemoteError::Locked),
            "{lost:?}"
        );
    }
    scene.expect_tree(&[("one.txt", &contents[won[0]].0)]).await;
}

/// The others are told.
pub async fn lets_one_of_many_replaces_win(scene: &Scene) {
    let file = scene.given("one.txt", b"before").await;
    let contents: Vec<Vec<u8>> = (0..8_u8).map(|number| vec![number; 3000]).collect();
    let made = join_all(contents.iter().map(|content| scene.try_replace(&file, content))).await;

    let won: Vec<usize> = (0..8).filter(|place| made[*place].is_ok()).collect();
    assert_eq!(won.len(), 1, "{made:?}");
    for lost in made.iter().filter_map(|made| made.as_ref().err()) {
        assert!(
            matches!(lost, RemoteError::Changed | RemoteError::Locked),
            "{lost:?}"
        );
    }
    scene.expect_tree(&[("one.txt", &contents[won[0]])]).await;
}

/// A name is one folder's. Not every provider tells who was first.
pub async fn makes_one_folder_of_many(scene: &Scene) {
    let made = join_all((0..8).map(|_| scene.drive.make_folder(&scene.root, "made", None))).await;

    assert!(made.iter().any(Result::is_ok), "{made:?}");
    for lost in made.iter().filter_map(|made| made.as_ref().err()) {
        assert!(
            matches!(lost, RemoteError::Exists | RemoteError::Locked),
            "{lost:?}"
        );
    }
    if scene.can().has_empty_folders {
        scene.expect_names(&scene.root, &["made"]).await;
    }
}

/// Each is its own.
pub async fn makes_many_files_at_once(scene: &Scene) {
    let names: Vec<String> = (10..34).map(|number| format!("{number}.txt")).collect();
    join_all(
        names
            .iter()
            .map(|name| scene.create_in(&scene.root, name, name.as_bytes())),
    )
    .await;

    let expected: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), name.as_bytes()))
        .collect();
    scene.expect_tree(&expected).await;
}

/// Never half of one and half of another.
pub async fn reads_one_content_while_others_are_written(scene: &Scene) {
    const LENGTH: usize = 700_000;
    let file = scene.given("file.bin", &vec![0; LENGTH]).await;
    let writing = async {
        let mut file = file.clone();
        for number in 1..6 {
            file = scene
                .try_replace(&file, &vec![number; LENGTH])
                .await
                .expect("replace")
                .item;
        }
    };
    let reading = async {
        for _ in 0..12 {
            let read = Read {
                id: &file.id,
                revision: None,
                offset: 0,
                export: None,
            };
            let Ok(reading) = scene.drive.read(read).await else {
                continue;
            };
            // A read that breaks off is honest; one that mixes is not.
            if let Ok(bytes) = collect(reading.stream).await {
                assert_eq!(bytes.len(), LENGTH);
                assert!(bytes.iter().all(|byte| *byte == bytes[0]), "two contents in one");
            }
        }
    };
    join(writing, reading).await;
}

/// Nothing that was there all the time is missing.
pub async fn lists_while_others_write(scene: &Scene) {
    for number in 0..20 {
        scene.world.write(&format!("stays {number}.txt"), b"stays").await;
    }
    scene.need("stays 19.txt").await;
    let writing = async {
        for number in 0..10 {
            scene.create(&format!("new {number}.txt"), b"new").await;
        }
    };
    let listing = async {
        for _ in 0..5 {
            let names = scene.names(&scene.root).await;
            let stayed = names.iter().filter(|name| name.starts_with("stays")).count();
            assert_eq!(stayed, 20, "{names:?}");
        }
    };
    join(writing, listing).await;
    Mirror::default().catch_up(scene).await;
}

/// Of two, one or the other, never none and never both.
pub async fn moves_an_item_to_one_place(scene: &Scene) {
    let file = scene.given("file.txt", b"content").await;
    let drive = Arc::clone(&scene.drive);
    let (one, two) = join(
        drive.relocate(&file.id, super::relocating::to_name("one.txt")),
        drive.relocate(&file.id, super::relocating::to_name("two.txt")),
    )
    .await;

    assert!(one.is_ok() || two.is_ok(), "{one:?} {two:?}");
    let names = scene.names(&scene.root).await;
    if matches!(scene.can().relocation, crate::Relocation::Native) {
        assert_eq!(names.len(), 1, "{names:?}");
    } else {
        assert!(!names.is_empty(), "nothing is lost");
    }
}
