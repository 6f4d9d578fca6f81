//! The feed of changes, where it is known to be difficult.

use std::collections::BTreeSet;

use fake_clouds::graph::DriveType;
use fake_clouds::{Act, Fault};
use serde_json::json;

use super::stand::{BOTH, Stand, count};
use crate::contract::{Mirror, Scene};
use crate::{Connector, Cursor, Entry, RemoteError};

/// A drive with a tree, and somebody who has followed it so far.
async fn followed(stand: &Stand) -> (Scene, Mirror) {
    for path in ["a/b/deep.txt", "a/other.txt", "c/gone.txt", "top.txt"] {
        stand.account.create_file(path, path.to_owned());
    }
    let scene = stand.scene().await;
    let mut mirror = Mirror::default();
    mirror.round(&scene).await.expect("a round");
    (scene, mirror)
}

fn ids(stand: &Stand) -> BTreeSet<String> {
    stand.account.tree().into_values().map(|entry| entry.id).collect()
}

fn told(mirror: &Mirror) -> BTreeSet<String> {
    mirror.items.keys().map(|id| id.0.clone()).collect()
}

#[tokio::test]
async fn a_feed_in_any_order_comes_to_what_there_is() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.fake.switches().set(|switches| {
            switches.delta_children_first = true;
            switches.delta_repeats = true;
            switches.delta_odd_rows = true;
            switches.empty_page = true;
            switches.drive_id_quirk = true;
        });
        let (scene, mut mirror) = followed(&stand).await;
        assert_eq!(told(&mirror), ids(&stand));

        stand.account.move_to("a/b", "c");
        stand.account.rename("a", "z");
        stand.account.delete("c/gone.txt");
        stand.account.create_file("c/gone.txt", "again");
        stand.account.delete("top.txt");
        mirror.round(&scene).await.expect("a round");

        assert_eq!(told(&mirror), ids(&stand));
        let deep = mirror
            .items
            .values()
            .find(|item| item.name == "b")
            .expect("a folder");
        assert_eq!(
            deep.parent.as_ref().map(|id| id.0.clone()),
            Some(stand.account.id("c"))
        );
        stand.expect_honest();
    }
}

#[tokio::test]
async fn what_comes_back_in_the_same_round_is_there() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let (scene, mut mirror) = followed(&stand).await;
        let id = stand.account.id("top.txt");
        stand
            .fake
            .switches()
            .set(|switches| switches.delta_repeats = true);
        stand.account.delete("top.txt");
        stand.account.restore(&id);

        mirror.round(&scene).await.expect("a round");

        assert_eq!(told(&mirror), ids(&stand));
    }
}

#[tokio::test]
async fn a_forgotten_place_is_lost_and_a_new_round_tells_all() {
    for kind in BOTH {
        for code in [
            "resyncRequired",
            "resyncChangesApplyDifferences",
            "resyncChangesUploadDifferences",
        ] {
            for is_broken in [false, true] {
                let stand = Stand::start(kind).await;
                let (_, mirror) = followed(&stand).await;
                stand.account.delete("top.txt");
                stand.fake.switches().set(|switches| {
                    switches.delta_gone = Some(code.to_owned());
                    switches.delta_gone_link_broken = is_broken;
                });

                let lost = stand.drive.changes(mirror.cursor.as_ref()).await;
                let anew = stand.drive.changes(None).await.expect("a page");

                assert!(matches!(lost, Err(RemoteError::CursorLost)), "{code}: {lost:?}");
                assert!(anew.is_snapshot && anew.next.is_settled());
                assert_eq!(anew.entries.len(), ids(&stand).len());
            }
        }
    }
}

#[tokio::test]
async fn a_page_that_is_lost_midway_ends_the_round_without_settling_it() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.account.create_file("a.txt", "a");
        stand.fake.switches().set(|switches| {
            switches.empty_page = true;
            switches.delta_page_404s = 1;
        });
        let first = stand.drive.changes(None).await.expect("a page");
        assert!(!first.next.is_settled() && first.entries.is_empty());

        let lost = stand.drive.changes(Some(first.next.cursor())).await;

        assert!(matches!(lost, Err(RemoteError::CursorLost)), "{lost:?}");
    }
}

#[tokio::test]
async fn a_page_that_does_not_come_can_be_asked_for_again() {
    let stand = Stand::start(DriveType::Business).await;
    stand.account.create_file("a.txt", "a");
    stand.fake.switches().set(|switches| switches.empty_page = true);
    let first = stand.drive.changes(None).await.expect("a page");
    stand
        .fake
        .faults()
        .push(Fault::on("GET", "token=", Act::status(502, None)).times(4));

    let failed = stand.drive.changes(Some(first.next.cursor())).await;
    let again = stand
        .drive
        .changes(Some(first.next.cursor()))
        .await
        .expect("a page");

    assert!(matches!(failed, Err(RemoteError::Unavailable(_))), "{failed:?}");
    assert!(again.is_snapshot && again.next.is_settled());
    assert_eq!(again.entries.len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_page() {
    let stand = Stand::start(DriveType::Personal).await;
    stand.account.create_file("a.txt", "a");
    stand
        .fake
        .faults()
        .push(Fault::on("GET", "/delta", Act::Truncate).times(4));

    let cut = stand.drive.changes(None).await;

    assert!(matches!(cut, Err(RemoteError::Unavailable(_))), "{cut:?}");
}

#[tokio::test]
async fn our_token_goes_nowhere_else() {
    let stand = Stand::start(DriveType::Personal).await;
    let elsewhere = format!("{}/v1.0/me/drive/root/delta?token=x", stand.fake.files_url());
    for link in ["@odata.nextLink", "@odata.deltaLink"] {
        stand.fault(
            "GET",
            "/delta",
            Act::json(200, &json!({ "value": [], link: elsewhere })),
        );
        let page = stand.drive.changes(None).await;
        assert!(matches!(page, Err(RemoteError::Unavailable(_))), "{page:?}");
    }
    let (pages, seen) = stand
        .asked(async {
            let cursors = [
                format!("new {elsewhere}"),
                elsewhere.clone(),
                "new ".to_owned(),
                String::new(),
            ];
            let mut pages = Vec::new();
            for cursor in cursors {
                pages.push(stand.drive.changes(Some(&Cursor(cursor))).await);
            }
            pages
        })
        .await;

    assert!(
        pages
            .iter()
            .all(|page| matches!(page, Err(RemoteError::CursorLost))),
        "{pages:?}"
    );
    assert_eq!(seen, []);
    let root = crate::ItemId(stand.account.root_id());
    let page = stand.drive.children(&root, Some(&elsewhere)).await;
    assert!(matches!(page, Err(RemoteError::Unavailable(_))), "{page:?}");
}

#[tokio::test]
async fn a_change_that_is_told_late_is_told() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let (scene, mut mirror) = followed(&stand).await;
        stand
            .fake
            .switches()
            .set(|switches| switches.delta_lag_ms = 60_000);
        let made = scene.create("late.txt", b"late").await;

        mirror.round(&scene).await.expect("a round");
        assert!(!mirror.items.contains_key(&made.id));
        stand.fake.clock().advance(60_000);
        mirror.round(&scene).await.expect("a round");

        assert_eq!(
            mirror.items.get(&made.id).map(|item| &item.revision),
            Some(&made.revision)
        );
    }
}

#[tokio::test]
async fn our_own_writes_come_back_with_the_same_words() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let (scene, mut mirror) = followed(&stand).await;
        let made = scene.create("a.bin", b"content").await;
        let replaced = stand
            .replace(&made, b"other content")
            .await
            .expect("a replacement")
            .item;
        let folder = scene
            .drive
            .make_folder(&scene.root, "folder", None)
            .await
            .expect("a folder");

        mirror.round(&scene).await.expect("a round");

        for ours in [replaced, folder] {
            let told = mirror.items.get(&ours.id).expect("told");
            let words = |item: &crate::Item| {
                (
                    item.revision.clone(),
                    item.tag.clone(),
                    item.hashes,
                    item.modified,
                )
            };
            assert_eq!(words(told), words(&ours));
        }
    }
}

#[tokio::test]
async fn a_file_without_a_hash_is_looked_at_once_more_in_organizations() {
    let stand = Stand::start(DriveType::Business).await;
    stand
        .fake
        .switches()
        .set(|switches| switches.hash_delay_ms = 3_600_000);
    stand.account.create_file("a.txt", "a");
    stand.account.create_file("empty.txt", "");

    let (page, seen) = stand.asked(stand.drive.changes(None)).await;

    assert_eq!(count(&seen, "GET", "/items/"), 1);
    for entry in page.expect("a page").entries {
        let Entry::Is(item) = entry else {
            panic!("{entry:?}")
        };
        assert_eq!(item.revision, stand.item(&item.name).await.revision);
    }
}

#[tokio::test]
async fn a_drive_is_told_alike_however_its_id_is_spelled_and_whatever_is_unknown() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.fake.switches().set(|switches| {
            switches.drive_id_quirk = true;
            switches.quota_unknown = true;
            switches.unprovisioned = true;
        });

        let about = stand.drive.about().await.expect("about");

        assert_eq!(about.drive, stand.account.drive_id());
        assert_eq!(about.quota, None);
        assert_eq!(about.root.0, stand.account.root_id());
        let flavour = about.flavour.expect("a kind");
        assert_eq!(
            flavour,
            if kind == DriveType::Personal {
                "personal"
            } else {
                "business"
            }
        );
    }
}
