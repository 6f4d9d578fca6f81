//! What the feed does when Google is late, forgetful or out of order.

use super::stand::Stand;
use crate::contract::{Mirror, World};
use crate::{Connector, Cursor, Entry, Next, RemoteError};

#[tokio::test]
async fn a_listing_whose_pages_are_forgotten_begins_anew() {
    let stand = Stand::start().await;
    stand.fake.switches().set(|switches| switches.page_size_limit = 2);
    for number in 0..5 {
        stand.given(&number.to_string(), b"x").await;
    }
    let page = stand.drive.changes(None).await.unwrap();
    let folder = stand.drive.children(&stand.root, None).await.unwrap();
    stand
        .fake
        .switches()
        .set(|switches| switches.list_tokens_expired = true);

    let lost = stand.drive.changes(Some(page.next.cursor())).await;
    let lost_page = stand.drive.children(&stand.root, folder.next.as_deref()).await;

    assert!(matches!(lost, Err(RemoteError::CursorLost)), "{lost:?}");
    assert!(matches!(lost_page, Err(RemoteError::CursorLost)), "{lost_page:?}");
}

#[tokio::test]
async fn a_feed_whose_place_is_forgotten_begins_anew() {
    let stand = Stand::start().await;
    let scene = stand.scene().await;
    let mut mirror = Mirror::default();
    mirror.round(&scene).await.unwrap();
    for status in [400, 404, 410] {
        stand
            .fake
            .switches()
            .set(|switches| switches.change_tokens_refused = status);

        let lost = stand.drive.changes(mirror.cursor.as_ref()).await;

        assert!(matches!(lost, Err(RemoteError::CursorLost)), "{status}: {lost:?}");
    }
}

#[tokio::test]
async fn trouble_does_not_lose_the_place() {
    let stand = Stand::start().await;
    let scene = stand.scene().await;
    let mut mirror = Mirror::default();
    mirror.round(&scene).await.unwrap();
    let act = fake_clouds::Act::status(503, None);
    let faults = fake_clouds::Fault::on("GET", "/drive/v3/changes", act).times(20);
    stand.fake.faults().push(faults);

    let failed = stand.drive.changes(mirror.cursor.as_ref()).await;

    assert!(matches!(failed, Err(RemoteError::Unavailable(_))), "{failed:?}");
}

#[tokio::test]
async fn a_listing_that_is_not_complete_is_none() {
    let stand = Stand::start().await;
    stand.given("file", b"x").await;
    stand
        .fake
        .switches()
        .set(|switches| switches.incomplete_search = true);

    let page = stand.drive.changes(None).await;
    let folder = stand.drive.children(&stand.root, None).await.unwrap();

    assert!(matches!(page, Err(RemoteError::Unavailable(_))), "{page:?}");
    assert!(folder.is_partial);
}

#[tokio::test]
async fn what_a_listing_does_not_show_yet_is_told_by_its_id_and_by_the_feed() {
    let stand = Stand::start().await;
    let scene = stand.scene().await;
    let mut mirror = Mirror::default();
    mirror.round(&scene).await.unwrap();
    stand
        .fake
        .switches()
        .set(|switches| switches.list_lag_ms = 60_000);
    let made = scene.create("new", b"new").await;

    let listed = stand.drive.children(&stand.root, None).await.unwrap();
    mirror.round(&scene).await.unwrap();

    assert_eq!(listed.items, []);
    assert_eq!(stand.item(&made.id).await.revision, made.revision);
    assert_eq!(mirror.items[&made.id].revision, made.revision);
    assert_eq!(
        mirror.items[&made.id].tag, made.tag,
        "our own echo is known by its tag"
    );
}

#[tokio::test]
async fn a_child_may_come_before_its_folder() {
    let stand = Stand::start().await;
    let scene = stand.scene().await;
    let mut mirror = Mirror::default();
    mirror.round(&scene).await.unwrap();
    stand.make_folder("folder").await;
    stand.write("folder/child", b"x").await;
    stand.relocate("folder", "renamed").await;

    let page = stand.drive.changes(mirror.cursor.as_ref()).await.unwrap();
    mirror.catch_up(&scene).await;

    let names: Vec<&str> = page
        .entries
        .iter()
        .map(|entry| match entry {
            Entry::Is(item) => item.name.as_str(),
            Entry::Gone(_) => "gone",
        })
        .collect();
    assert_eq!(names, ["child", "renamed"]);
}

#[tokio::test]
async fn what_the_feed_is_late_with_is_told_later() {
    let stand = Stand::start().await;
    stand
        .fake
        .switches()
        .set(|switches| switches.changes_lag_ms = 500);
    let scene = stand.scene().await;
    let early = stand.given("early", b"x").await;
    let mut mirror = Mirror::default();
    mirror.round(&scene).await.unwrap();
    let late = stand.given("late", b"x").await;

    mirror.round(&scene).await.unwrap();
    assert!(mirror.items.contains_key(&early.id) && !mirror.items.contains_key(&late.id));
    stand.settle().await;
    mirror.round(&scene).await.unwrap();

    assert!(mirror.items.contains_key(&late.id));
}

#[tokio::test]
async fn what_is_told_twice_counts_once() {
    let stand = Stand::start().await;
    stand.fake.switches().set(|switches| {
        switches.changes_repeat = true;
        switches.page_size_limit = 2;
    });
    let scene = stand.scene().await;
    let mut mirror = Mirror::default();
    mirror.round(&scene).await.unwrap();
    for number in 0..7 {
        stand.given(&number.to_string(), b"x").await;
    }

    mirror.catch_up(&scene).await;

    assert_eq!(mirror.items.len(), 7);
}

#[tokio::test]
async fn what_was_deleted_for_good_is_gone_and_what_is_in_the_trash_is_not() {
    let stand = Stand::start().await;
    let scene = stand.scene().await;
    let (gone, trashed) = (stand.given("a", b"a").await, stand.given("b", b"b").await);
    let mut mirror = Mirror::default();
    mirror.round(&scene).await.unwrap();
    stand.account.delete(&gone.id.0);
    stand.account.trash(&trashed.id.0);

    let page = stand.drive.changes(mirror.cursor.as_ref()).await.unwrap();

    assert_eq!(page.entries[0], Entry::Gone(gone.id));
    assert!(matches!(&page.entries[1], Entry::Is(item) if item.id == trashed.id && item.is_trashed));
    assert!(!page.is_snapshot);
}

#[tokio::test]
async fn what_changes_unseen_keeps_its_tag() {
    let stand = Stand::start().await;
    let before = stand.given("file", b"x").await;
    stand.account.touch(&before.id.0);

    assert_eq!(stand.item(&before.id).await, before);
}

#[tokio::test]
async fn names_and_kinds_are_told_as_they_are() {
    let stand = Stand::start().await;
    let long = "n".repeat(300);
    let names = [
        "a/b",
        "..",
        "CON",
        "same",
        "same",
        "Same",
        "caf\u{e9}",
        "cafe\u{301}",
        &long,
    ];
    for name in names {
        let _ = stand.account.create_file(&stand.root.0, name, name.to_owned());
    }
    let form = stand.account.make_doc(&stand.root.0, "form", "form", "");
    let _ = stand.account.make_shortcut(&stand.root.0, "dangling", "nowhere");
    let orphan = stand.given("orphan", b"x").await.id;
    stand.account.orphan(&orphan.0);

    let page = stand.drive.children(&stand.root, None).await.unwrap();

    let told: Vec<&str> = page.items.iter().map(|item| item.name.as_str()).collect();
    for name in names {
        assert!(told.contains(&name), "{name:?} is not among {told:?}");
    }
    assert_eq!(told.iter().filter(|name| **name == "same").count(), 2);
    let shortcut = page.items.iter().find(|item| item.name == "dangling").unwrap();
    assert!(
        matches!(shortcut.kind, crate::ItemKind::Shortcut { .. }),
        "{shortcut:?}"
    );
    assert_eq!(
        stand.item(&crate::ItemId(form)).await.kind,
        crate::ItemKind::Other
    );
    assert_eq!(stand.item(&orphan).await.parent, None);
}

#[tokio::test]
async fn a_cursor_of_the_first_round_goes_on_where_it_was() {
    let stand = Stand::start().await;
    stand.fake.switches().set(|switches| switches.page_size_limit = 2);
    for number in 0..6 {
        stand.given(&number.to_string(), b"x").await;
    }
    let first = stand.drive.changes(None).await.unwrap();
    let Next::More(cursor) = first.next else {
        panic!("{first:?}")
    };

    let once = stand.drive.changes(Some(&cursor)).await.unwrap();
    let again = stand.drive.changes(Some(&Cursor(cursor.0))).await.unwrap();

    assert_eq!(once.entries, again.entries);
    assert!(once.is_snapshot && again.is_snapshot);
}
