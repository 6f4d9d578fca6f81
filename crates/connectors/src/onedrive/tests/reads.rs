//! Reading contents, which are somewhere else than the API.

use fake_clouds::graph::DriveType;
use fake_clouds::{Act, Fault};
use futures_util::StreamExt;
use model::BodyError;

use super::stand::{BOTH, Stand, count};
use crate::contract::sample;
use crate::contract::scene::collect;
use crate::{Connector, Item, ItemId, ItemKind, Read, RemoteError, fetch};

fn from(item: &Item, offset: u64) -> Read<'_> {
    Read {
        id: &item.id,
        revision: item.revision.as_ref(),
        offset,
        export: None,
    }
}

#[tokio::test]
async fn a_range_that_is_passed_over_is_cut_here() {
    for kind in BOTH {
        for ignores in [false, true] {
            let stand = Stand::start(kind).await;
            let bytes = sample(300_000);
            stand.account.create_file("a.bin", bytes.clone());
            stand
                .fake
                .switches()
                .set(|switches| switches.ignore_range = ignores);
            let item = stand.item("a.bin").await;

            for offset in [0, 1, 150_000, 299_999, 300_000] {
                let reading = stand.drive.read(from(&item, offset)).await.expect("a reading");
                assert_eq!(reading.size_bytes, Some(300_000));
                assert_eq!(
                    collect(reading.stream).await.expect("bytes"),
                    bytes[offset as usize..]
                );
            }
            let beyond = stand.drive.read(from(&item, 300_001)).await;
            assert!(matches!(beyond, Err(RemoteError::Changed)));
            stand.expect_honest();
        }
    }
}

#[tokio::test]
async fn a_content_that_breaks_off_goes_on_and_a_wrong_byte_is_found() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let bytes = sample(700_000);
        stand.account.create_file("a.bin", bytes.clone());
        let item = stand.item("a.bin").await;

        stand
            .fake
            .faults()
            .push(Fault::on("GET", "/download/", Act::Truncate).times(2));
        assert_eq!(stand.fetch(&item).await.expect("bytes"), bytes);
        stand.fault("GET", "/download/", Act::Flip);
        let damaged = stand.fetch(&item).await;

        assert!(damage(&damaged), "{damaged:?}");
        stand.expect_honest();
    }
}

fn damage(read: &Result<Vec<u8>, BodyError>) -> bool {
    let Err(BodyError::Unreadable(error)) = read else {
        return false;
    };
    matches!(error.downcast_ref(), Some(RemoteError::Damaged(_)))
}

#[tokio::test]
async fn two_contents_are_never_spliced() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.account.create_file("a.bin", sample(1 << 20));
        let item = stand.item("a.bin").await;
        stand.fault("GET", "/download/", Act::Truncate);
        let mut fetched = fetch(stand.drive.clone(), &item, 0, None)
            .await
            .expect("a reading");
        fetched.stream.next().await.expect("bytes").expect("bytes");

        stand.account.write("a.bin", vec![7; 1 << 20]);
        let rest: Vec<_> = fetched.stream.collect().await;

        let Some(Err(BodyError::Unreadable(error))) = rest.last() else {
            panic!("it should have ended badly")
        };
        assert!(
            matches!(error.downcast_ref(), Some(RemoteError::Changed)),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_address_that_has_expired_is_asked_for_anew() {
    for status in [401, 403, 404] {
        let stand = Stand::start(DriveType::Personal).await;
        stand.account.create_file("a.bin", "content");
        let item = stand.item("a.bin").await;
        stand.fault("GET", "/download/", Act::status(status, None));

        let (read, seen) = stand.asked(stand.fetch(&item)).await;

        assert_eq!(read.expect("bytes"), b"content");
        assert_eq!(count(&seen, "GET", "/content"), 1);
        stand.expect_honest();
    }
}

#[tokio::test]
async fn an_address_that_never_works_is_trouble_and_no_word_about_the_account() {
    let stand = Stand::start(DriveType::Business).await;
    stand.account.create_file("a.bin", "content");
    let item = stand.item("a.bin").await;
    stand.fake.switches().set(|switches| switches.download_ms = 0);

    let (read, seen) = stand.asked(stand.drive.read(from(&item, 0))).await;

    assert!(matches!(read.err(), Some(RemoteError::Unavailable(_))));
    assert!(seen.len() <= 4, "{}", seen.len());
    stand.expect_honest();
}

#[tokio::test]
async fn malware_is_refused_for_good_and_the_rest_goes_on() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.account.create_file("bad.exe", "content");
        stand.account.create_file("good.txt", "content");
        stand.account.set_malware("bad.exe", true);
        let (bad, good) = (stand.item("bad.exe").await, stand.item("good.txt").await);

        let refused = stand.drive.read(from(&bad, 0)).await.err();

        assert!(matches!(&refused, Some(RemoteError::Refused { code, .. }) if code == "malwareDetected"));
        assert!(!refused.expect("an error").is_temporary());
        assert_eq!(stand.fetch(&good).await.expect("bytes"), b"content");
    }
}

#[tokio::test]
async fn a_direct_link_works_without_us_and_is_another_each_time() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let id = ItemId(stand.account.create_file("a.txt", "content"));
        let folder = ItemId(stand.account.create_folder("folder"));

        let link = stand
            .drive
            .direct_link(&id, "a.txt")
            .await
            .expect("an answer")
            .expect("a link");
        stand.fake.clock().advance(1);
        let later = stand
            .drive
            .direct_link(&id, "a.txt")
            .await
            .expect("an answer")
            .expect("a link");

        let bytes = reqwest::get(&link.url)
            .await
            .expect("an answer")
            .bytes()
            .await
            .expect("bytes");
        assert_eq!(bytes, "content");
        assert_ne!(link.url, later.url);
        assert!(link.expires.0 - stand.fake.clock().now() <= 120_000);
        let none = stand.drive.direct_link(&folder, "folder").await;
        assert!(matches!(none, Err(RemoteError::NoContent)));
    }
}

#[tokio::test]
async fn notebooks_and_shortcuts_are_no_files() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let other = stand.fake.account("other@example.org");
        let target = other.create_folder("shared");
        stand.account.create_notebook("notes");
        stand.account.create_shortcut("mount", &other, "shared");

        let (notes, mount) = (stand.item("notes").await, stand.item("mount").await);

        assert_eq!(notes.kind, ItemKind::Other);
        assert_eq!(
            mount.kind,
            ItemKind::Shortcut {
                target: Some(ItemId(target))
            }
        );
        for item in [notes, mount] {
            let read = stand.drive.read(from(&item, 0)).await.err();
            assert!(matches!(read, Some(RemoteError::NoContent)));
        }
    }
}

#[tokio::test]
async fn earlier_contents_are_read_by_what_they_are_called() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.account.create_file("a.txt", "first");
        stand.account.write("a.txt", "second");
        stand.account.write("a.txt", "third");
        let item = stand.item("a.txt").await;

        let past = stand.drive.revisions(&item.id).await.expect("revisions");

        let mut contents = Vec::new();
        for past in &past {
            let read = Read {
                revision: Some(&past.revision),
                ..from(&item, 0)
            };
            let reading = stand.drive.read(read).await.expect("a reading");
            contents.push(collect(reading.stream).await.expect("bytes"));
        }
        assert_eq!(contents, [&b"third"[..], b"second", b"first"]);
        assert_eq!(
            past.iter().map(|past| past.size_bytes).collect::<Vec<_>>(),
            [Some(5), Some(6), Some(5)]
        );
        stand.expect_honest();
    }
}
