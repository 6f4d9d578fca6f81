//! Contents from a drive.

use std::sync::Arc;

use futures_util::future::join_all;

use super::scene::collect;
use super::world::Trouble;
use super::{Scene, sample};
use crate::{Read, RemoteError, fetch};

/// Lengths at which somebody may change pieces.
pub const LENGTHS: [usize; 7] = [0, 1, 4_096, 65_537, 262_144, 327_681, 1_000_003];

/// Byte by byte.
pub async fn gives_what_is_there(scene: &Scene) {
    let file = scene.given("folder/file.txt", b"what is there").await;

    assert_eq!(scene.read(&file).await, b"what is there");
}

/// No bytes are a content.
pub async fn gives_an_empty_file(scene: &Scene) {
    let file = scene.given("empty.txt", b"").await;

    assert_eq!(file.size_bytes, Some(0));
    assert_eq!(scene.read(&file).await, b"");
}

/// Around the edges of pieces.
pub async fn gives_all_lengths(scene: &Scene) {
    for length in LENGTHS {
        let bytes = sample(length);
        let file = scene.given(&format!("{length}.bin"), &bytes).await;

        assert_eq!(file.size_bytes, Some(length as u64));
        assert!(scene.read(&file).await == bytes, "{length} bytes differ");
    }
}

/// The rest and nothing else.
pub async fn goes_on_from_an_offset(scene: &Scene) {
    let bytes = sample(400_000);
    let file = scene.given("file.bin", &bytes).await;

    for offset in [1, 65_536, 262_143, 399_999] {
        let rest = scene.read_from(&file, offset as u64).await.expect("read");
        assert!(rest == bytes[offset..], "from {offset} on");
    }
}

/// An end is no error.
pub async fn gives_nothing_at_the_end(scene: &Scene) {
    for bytes in [&b""[..], b"twelve bytes"] {
        let file = scene.given(&format!("{}.txt", bytes.len()), bytes).await;

        let rest = scene.read_from(&file, bytes.len() as u64).await.expect("read");
        assert_eq!(rest, b"");
    }
}

/// Of the whole, wherever it begins.
pub async fn tells_length_and_revision(scene: &Scene) {
    let file = scene.given("file.txt", b"twelve bytes").await;
    for offset in [0, 5] {
        let read = Read {
            id: &file.id,
            revision: None,
            offset,
            export: None,
        };
        let reading = scene.drive.read(read).await.expect("read");

        assert_eq!(reading.size_bytes, Some(12), "from {offset} on");
        if let Some(revision) = reading.revision {
            assert_eq!(Some(revision), file.revision, "from {offset} on");
        }
    }
}

/// An old revision is what it was, or not to be had.
pub async fn gives_no_other_content_than_was_asked_for(scene: &Scene) {
    let before = scene.given("file.txt", b"before").await;
    scene.world.write("file.txt", b"after that").await;

    for _ in 0..super::scene::ROUNDS {
        match scene.read_from(&before, 0).await {
            Err(RemoteError::Changed) => return,
            Ok(bytes) => assert_eq!(bytes, b"before"),
            Err(other) => panic!("{other:?}"),
        }
        if scene.can().has_revisions {
            return;
        }
        scene.world.settle().await;
    }
    panic!("an old content is told to be there still");
}

/// It is no file.
pub async fn gives_no_content_of_a_folder(scene: &Scene) {
    let folder = scene.given_folder("folder").await;

    let read = scene.read_from(&folder, 0).await;
    assert!(matches!(read, Err(RemoteError::NoContent)), "{read:?}");
}

/// Gone is gone.
pub async fn finds_nothing_where_nothing_is(scene: &Scene) {
    let file = scene.given("gone.txt", b"soon").await;
    scene.world.remove("gone.txt").await;

    for _ in 0..super::scene::ROUNDS {
        match scene.read_from(&file, 0).await {
            Err(RemoteError::NotFound | RemoteError::Changed) => return,
            // What is in the trash can still be read at some providers.
            Ok(bytes) if scene.can().has_ids => return assert_eq!(bytes, b"soon"),
            Ok(_) => scene.world.settle().await,
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("it can still be read");
}

/// Nobody gets bytes of somebody else's.
pub async fn serves_many_readers_at_once(scene: &Scene) {
    let mut files = Vec::new();
    for number in 0..8_u8 {
        let bytes = vec![number; 50_000 + usize::from(number)];
        files.push(scene.given(&format!("{number}.bin"), &bytes).await);
    }

    let all = join_all(files.iter().chain(&files).map(|file| scene.read(file))).await;

    for (place, bytes) in all.iter().enumerate() {
        let number = u8::try_from(place % 8).expect("small");
        assert!(*bytes == vec![number; 50_000 + usize::from(number)]);
    }
}

/// The way that everybody reads.
pub async fn is_verified_by_fetch(scene: &Scene) {
    let bytes = sample(700_001);
    let file = scene.given("file.bin", &bytes).await;
    for offset in [0, 300_000] {
        let fetched = fetch(Arc::clone(&scene.drive), &file, offset as u64, None)
            .await
            .expect("fetch");

        assert_eq!(fetched.size_bytes, Some(700_001));
        assert!(collect(fetched.stream).await.expect("bytes") == bytes[offset..]);
    }
}

/// Nothing is missing, nothing twice.
pub async fn goes_on_after_a_break(scene: &Scene) {
    let bytes = sample(700_001);
    let file = scene.given("file.bin", &bytes).await;
    if !scene.trouble(Trouble::CutRead).await {
        return;
    }

    let fetched = fetch(Arc::clone(&scene.drive), &file, 0, None)
        .await
        .expect("fetch");
    assert!(collect(fetched.stream).await.expect("bytes") == bytes);
}

/// A full length is no proof.
pub async fn notices_one_wrong_byte(scene: &Scene) {
    let file = scene.given("file.bin", &sample(100_001)).await;
    if file.hashes.kinds().is_empty() || !scene.trouble(Trouble::FlipRead).await {
        return;
    }

    let fetched = fetch(Arc::clone(&scene.drive), &file, 0, None)
        .await
        .expect("fetch");
    let damaged = collect(fetched.stream).await;
    assert!(damaged.is_err(), "a wrong byte was taken");
}

/// What is expected is what the item said.
pub async fn tells_fetch_of_a_change(scene: &Scene) {
    let before = scene.given("file.txt", b"before").await;
    scene.world.write("file.txt", b"after that").await;

    for _ in 0..super::scene::ROUNDS {
        let fetched = fetch(Arc::clone(&scene.drive), &before, 0, None).await;
        let ended = match fetched {
            Err(RemoteError::Changed) => return,
            Err(other) => panic!("{other:?}"),
            Ok(fetched) => collect(fetched.stream).await,
        };
        match ended {
            Err(_) => return,
            Ok(bytes) => assert_eq!(bytes, b"before"),
        }
        if scene.can().has_revisions {
            return;
        }
        scene.world.settle().await;
    }
    panic!("an old content is told to be there still");
}
