//! Creating files when something goes wrong.

use fake_clouds::graph::DriveType;
use fake_clouds::{Act, Fault};
use model::Millis;
use serde_json::json;

use super::stand::{BOTH, PIECE_BYTES, Stand, count};
use crate::contract::scene::THEN;
use crate::contract::{Scene, sample};
use crate::{Connector, Entry, ItemId, NameFault, RemoteError};

#[tokio::test]
async fn a_small_file_whose_answer_is_lost_is_there_once() {
    for kind in BOTH {
        for (bytes, modified) in [
            (&b"content"[..], None),
            (b"", None),
            (b"", Some(THEN)),
            (b"content", Some(THEN)),
        ] {
            let stand = Stand::start(kind).await;
            stand.fault("PUT", "", Act::DropAfter);

            let made = stand
                .create_at("a.txt", bytes, modified)
                .await
                .expect("an upload")
                .item;

            assert_eq!(made.id.0, stand.account.id("a.txt"));
            assert_eq!(stand.account.tree().len(), 1);
            assert_eq!(stand.account.read("a.txt").as_deref(), Some(bytes));
            assert_eq!(stand.account.earlier("a.txt").len(), 0, "{bytes:?} {modified:?}");
            stand.expect_honest();
        }
    }
}

#[tokio::test]
async fn a_second_try_of_a_create_finds_what_the_first_made() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        for (name, bytes) in [("a", &b""[..]), ("b", b"small"), ("c", &sample(2 * PIECE_BYTES))] {
            let first = stand
                .create_at(name, bytes, Some(THEN))
                .await
                .expect("an upload")
                .item;

            let second = stand
                .create_at(name, bytes, Some(THEN))
                .await
                .expect("the same")
                .item;
            let other = stand.create(name, b"other").await;

            assert_eq!(second.id, first.id);
            assert_eq!(second.revision, first.revision);
            assert!(matches!(other, Err(RemoteError::Exists)), "{other:?}");
            assert_eq!(stand.account.read(name).as_deref(), Some(bytes));
        }
        assert_eq!(stand.fake.open_sessions(), 0);
    }
}

#[tokio::test]
async fn a_name_in_another_case_is_taken() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.account.create_file("Read Me.txt", "same");
        for modified in [None, Some(THEN)] {
            let made = stand.create_at("read me.txt", b"same", modified).await;

            assert!(matches!(made, Err(RemoteError::Exists)), "{made:?}");
        }
        assert_eq!(stand.account.read("Read Me.txt").as_deref(), Some(&b"same"[..]));
    }
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_before_anything_is_asked() {
    let stand = Stand::start(DriveType::Business).await;
    let long = "n".repeat(256);

    let (refused, seen) = stand
        .asked(async {
            let mut refused = Vec::new();
            for name in ["a/b", "..", "CON", "~$a.docx", "a ", &long] {
                refused.push(stand.create(name, b"x").await);
            }
            refused
        })
        .await;

    assert!(
        refused
            .iter()
            .all(|made| matches!(made, Err(RemoteError::Name(_)))),
        "{refused:?}"
    );
    assert_eq!(seen, []);
}

#[tokio::test]
async fn a_path_that_is_too_long_is_told_as_such() {
    let stand = Stand::start(DriveType::Personal).await;
    let folder = ["f".repeat(199), "g".repeat(199)].join("/");
    let scene = stand.scene().await;
    let parent = ItemId(stand.account.create_folder(&folder));

    let made = scene
        .try_create(&parent, "too long", &crate::contract::Bytes(b"x".to_vec()))
        .await;

    assert!(
        matches!(made, Err(RemoteError::Name(NameFault::Long(400)))),
        "{made:?}"
    );
}

#[tokio::test]
async fn a_conflict_that_is_told_late_is_a_conflict_and_leaves_no_session() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.account.create_file("a.bin", "theirs");
        stand
            .fake
            .switches()
            .set(|switches| switches.late_conflict = true);

        let made = stand
            .create_at("a.bin", &sample(2 * PIECE_BYTES), Some(THEN))
            .await;

        assert!(matches!(made, Err(RemoteError::Exists)), "{made:?}");
        assert_eq!(stand.account.read("a.bin").as_deref(), Some(&b"theirs"[..]));
        assert_eq!(stand.fake.open_sessions(), 0);
        stand.expect_honest();
    }
}

#[tokio::test]
async fn a_full_drive_takes_nothing_and_still_gives() {
    for kind in BOTH {
        for is_late in [false, true] {
            let stand = Stand::start(kind).await;
            stand.account.create_file("a.txt", "content");
            stand.account.set_quota(10);
            stand
                .fake
                .switches()
                .set(|switches| switches.late_no_room = is_late);

            let made = stand
                .create_at("b.bin", &sample(2 * PIECE_BYTES), Some(THEN))
                .await;
            let small = stand.create("c.txt", b"more than there is room for").await;

            assert!(matches!(made, Err(RemoteError::Full(_))), "{made:?}");
            assert!(matches!(small, Err(RemoteError::Full(_))), "{small:?}");
            assert_eq!(stand.account.tree().len(), 1);
            assert_eq!(stand.fake.open_sessions(), 0);
            let item = stand.item("a.txt").await;
            assert_eq!(stand.fetch(&item).await.expect("bytes"), b"content");
        }
    }
}

#[tokio::test]
async fn what_shows_late_is_neither_lost_nor_made_twice() {
    for (kind, is_400) in BOTH.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let stand = Stand::start(kind).await;
        let scene = Scene::new(stand.clone()).await;
        stand.fake.switches().set(|switches| {
            switches.read_lag_ms = 8;
            switches.read_lag_is_400 = is_400;
        });

        let empty = stand
            .create_at("empty", b"", Some(THEN))
            .await
            .expect("an upload")
            .item;
        let folder = scene
            .drive
            .make_folder(&scene.root, "folder", None)
            .await
            .expect("a folder");
        let inside = scene.create_in(&folder.id, "inside", b"content").await;
        stand.fault("PUT", "/content", Act::DropAfter);
        stand.create("lost", b"content").await.expect("an upload");

        assert_eq!(empty.modified, Some(THEN));
        assert_eq!(inside.parent, Some(folder.id));
        assert_eq!(stand.account.tree().len(), 4);
    }
}

#[tokio::test]
async fn a_hash_that_comes_late_is_the_one_that_was_told_already() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand
            .fake
            .switches()
            .set(|switches| switches.hash_delay_ms = 60_000);

        let made = stand
            .create_at("a.txt", b"content", Some(THEN))
            .await
            .expect("an upload")
            .item;
        stand.fake.clock().advance(60_000);
        let later = stand.item("a.txt").await;

        assert_eq!(made.hashes, later.hashes);
        assert!(made.hashes.quick_xor.is_some());
        assert_eq!(made.revision, later.revision);
    }
}

#[tokio::test]
async fn what_is_stored_otherwise_than_it_was_sent_is_damage() {
    let stand = Stand::start(DriveType::Personal).await;
    for (size, hash) in [(7, "YRDDGAAAAAAAAAAAAwAAAAAAAAA="), (6, "")] {
        let stored = json!({
            "id": "X!1", "name": "a.txt", "size": size, "eTag": "e", "cTag": "c",
            "file": { "hashes": { "quickXorHash": hash } }, "parentReference": { "id": "r" },
        });
        stand.fault("PUT", "/content", Act::json(201, &stored));

        let (made, seen) = stand.asked(stand.create("a.txt", b"content")).await;

        assert!(matches!(made, Err(RemoteError::Damaged(_))), "{made:?}");
        assert_eq!(count(&seen, "DELETE", "/items/X%211"), 1);
    }
}

#[tokio::test]
async fn an_office_file_that_the_service_rewrites_is_told_as_it_is_now() {
    let stand = Stand::start(DriveType::Business).await;
    let scene = stand.scene().await;
    let mut mirror = crate::contract::Mirror::default();
    mirror.round(&scene).await.expect("a round");
    stand
        .fake
        .switches()
        .set(|switches| switches.office_rewrite_ms = Some(0));

    let written = stand
        .create_at("a.docx", b"content", Some(THEN))
        .await
        .expect("an upload");
    let page = stand.drive.changes(mirror.cursor.as_ref()).await.expect("a page");

    assert!(written.is_rewritten);
    assert_ne!(written.item.size_bytes, Some(7));
    let told = page.entries.iter().find_map(|entry| match entry {
        Entry::Is(item) if item.name == "a.docx" => Some(item.revision.clone()),
        _ => None,
    });
    assert_eq!(told, Some(written.item.revision));
    let plain = stand
        .create_at("a.bin", b"content", Some(THEN))
        .await
        .expect("an upload");
    assert!(!plain.is_rewritten);
}

#[tokio::test]
async fn a_time_of_modification_is_told_alike_everywhere() {
    for (kind, keeps_ms) in BOTH.into_iter().flat_map(|kind| [(kind, false), (kind, true)]) {
        let stand = Stand::start(kind).await;
        stand.fake.switches().set(|switches| switches.mtime_ms = keeps_ms);
        let at = Millis(THEN.0 + 678);
        let expected = Some(if keeps_ms { at } else { THEN });
        for (name, bytes) in [("a", &b"content"[..]), ("b", b"")] {
            let made = stand
                .create_at(name, bytes, Some(at))
                .await
                .expect("an upload")
                .item;

            assert_eq!(made.modified, expected, "{name}");
            assert_eq!(stand.item(name).await.modified, expected);
            assert_eq!(stand.account.earlier(name).len(), 0, "a time is no version");
        }
        let page = stand.drive.changes(None).await.expect("a page");
        let times = page.entries.iter().map(|entry| match entry {
            Entry::Is(item) => item.modified,
            Entry::Gone(_) => None,
        });
        assert_eq!(times.collect::<Vec<_>>(), [expected, expected]);
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_told() {
    let stand = Stand::start(DriveType::Personal).await;
    stand.fake.clock().advance(600_000);

    let skew_ms = stand.drive.about().await.expect("about").skew_ms.expect("a date");

    assert!((-603_000..-597_000).contains(&skew_ms), "{skew_ms}");
}

#[tokio::test]
async fn a_file_in_pieces_whose_last_answer_is_lost_is_found() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let bytes = sample(2 * PIECE_BYTES + 5);
        stand
            .fake
            .faults()
            .push(Fault::on("PUT", "/upload/", Act::DropAfter).nth(3));

        let (made, seen) = stand.asked(stand.create_at("big.bin", &bytes, Some(THEN))).await;

        assert_eq!(made.expect("an upload").item.id.0, stand.account.id("big.bin"));
        assert_eq!(stand.account.read("big.bin").as_deref(), Some(bytes.as_slice()));
        assert_eq!(count(&seen, "POST", "createUploadSession"), 1);
        assert_eq!(stand.account.earlier("big.bin").len(), 0);
        stand.expect_honest();
    }
}
