//! Folders, moves and the recycle bin, when something goes wrong.

use fake_clouds::Act;
use fake_clouds::graph::DriveType;

use super::stand::{BOTH, Stand, count};
use crate::contract::scene::THEN;
use crate::{Connector, ItemId, NameFault, Relocate, RemoteError};

const fn to<'a>(parent: Option<&'a ItemId>, name: Option<&'a str>) -> Relocate<'a> {
    Relocate {
        parent,
        name,
        expected: None,
    }
}

#[tokio::test]
async fn what_was_done_without_an_answer_is_found_done() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let root = ItemId(stand.account.root_id());
        stand.account.create_file("a.txt", "a");
        let file = stand.item("a.txt").await;

        stand.fault("POST", "/children", Act::DropAfter);
        let folder = stand
            .drive
            .make_folder(&root, "folder", None)
            .await
            .expect("a folder");
        stand.fault("PATCH", "/items/", Act::DropAfter);
        let mut relocate = to(Some(&folder.id), Some("b.txt"));
        relocate.expected = file.tag.as_ref();
        let moved = stand.drive.relocate(&file.id, relocate).await.expect("a move");
        stand.fault("DELETE", "/items/", Act::DropAfter);
        stand
            .drive
            .trash(&moved.id, moved.tag.as_ref())
            .await
            .expect("done");

        assert_eq!(folder.id.0, stand.account.id("folder"));
        assert_eq!((moved.id, moved.parent), (file.id, Some(folder.id)));
        assert_eq!(stand.account.tree().into_keys().collect::<Vec<_>>(), ["folder"]);
        stand.expect_honest();
    }
}

#[tokio::test]
async fn what_is_brought_back_without_an_answer_is_back() {
    let stand = Stand::start(DriveType::Personal).await;
    let id = ItemId(stand.account.create_file("a.txt", "a"));
    stand.drive.trash(&id, None).await.expect("done");
    stand.fault("POST", "/restore", Act::DropAfter);

    let back = stand.drive.restore(&id).await.expect("back");

    assert_eq!(back.id, id);
    assert_eq!(stand.account.read("a.txt").as_deref(), Some(&b"a"[..]));
}

#[tokio::test]
async fn a_move_keeps_the_time_and_may_have_no_answer_to_show() {
    for kind in BOTH {
        for is_silent in [false, true] {
            let stand = Stand::start(kind).await;
            stand.account.create_folder("folder");
            stand.account.create_file("a.txt", "a");
            stand.account.set_modified("a.txt", THEN.0);
            stand
                .fake
                .switches()
                .set(|switches| switches.patch_answers_204 = is_silent);
            let (file, folder) = (stand.item("a.txt").await, stand.item("folder").await);

            let moved = stand
                .drive
                .relocate(&file.id, to(Some(&folder.id), None))
                .await
                .expect("a move");

            assert_eq!(moved.modified, Some(THEN));
            assert_eq!(moved.revision, file.revision);
            assert_eq!(
                stand.account.entry("folder/a.txt").map(|entry| entry.modified_ms),
                Some(THEN.0)
            );
        }
    }
}

#[tokio::test]
async fn an_empty_file_is_dated_without_an_answer_to_show() {
    let stand = Stand::start(DriveType::Business).await;
    stand
        .fake
        .switches()
        .set(|switches| switches.patch_answers_204 = true);

    let made = stand
        .create_at("empty", b"", Some(THEN))
        .await
        .expect("an upload")
        .item;

    assert_eq!(made.modified, Some(THEN));
}

#[tokio::test]
async fn a_file_that_is_open_somewhere_is_locked_and_the_rest_goes_on() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand.account.create_file("open.docx", "a");
        stand.account.create_file("other.txt", "a");
        stand.account.set_locked("open.docx", true);
        let (open, other) = (stand.item("open.docx").await, stand.item("other.txt").await);

        let locked = [
            stand
                .drive
                .relocate(&open.id, to(None, Some("x.docx")))
                .await
                .map(|_| ()),
            stand.drive.trash(&open.id, None).await,
            stand.replace(&open, b"b").await.map(|_| ()),
            stand.replace(&open, b"").await.map(|_| ()),
        ];

        for locked in locked {
            assert!(matches!(locked, Err(RemoteError::Locked)), "{locked:?}");
        }
        stand
            .drive
            .relocate(&other.id, to(None, Some("x.txt")))
            .await
            .expect("a move");
        assert_eq!(stand.account.read("open.docx").as_deref(), Some(&b"a"[..]));
    }
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_with_its_code_alone() {
    let stand = Stand::start(DriveType::Business).await;
    let id = ItemId(stand.account.create_file("a.txt", "a"));
    let body = serde_json::json!({ "error": { "code": "accessDenied", "message": "the secret of a.txt" } });
    stand.fault("DELETE", "/items/", Act::json(403, &body));

    let refused = stand.drive.trash(&id, None).await.expect_err("refused");

    assert!(matches!(&refused, RemoteError::Refused { code, .. } if code == "accessDenied"));
    assert!(!format!("{refused} {refused:?}").contains("secret"));
}

#[tokio::test]
async fn a_folder_may_not_begin_like_a_backup() {
    let stand = Stand::start(DriveType::Personal).await;
    let root = ItemId(stand.account.root_id());

    let folder = stand.drive.make_folder(&root, "~folder", None).await;

    assert!(
        matches!(folder, Err(RemoteError::Name(NameFault::Start("~")))),
        "{folder:?}"
    );
    stand.create("~file", b"a").await.expect("an upload");
}

#[tokio::test]
async fn ids_that_lead_elsewhere_are_never_asked_for() {
    let stand = Stand::start(DriveType::Personal).await;
    let (done, seen) = stand
        .asked(async {
            let mut done = Vec::new();
            for id in [
                "",
                ".",
                "..",
                "root",
                "a/b",
                "a?b",
                "a:b",
                "%2e%2e",
                "a b",
                &"x".repeat(501),
            ] {
                let id = ItemId(id.to_owned());
                done.push(matches!(stand.drive.item(&id).await, Ok(None)));
                done.push(stand.drive.trash(&id, None).await.is_ok());
                done.push(matches!(
                    stand.drive.children(&id, None).await,
                    Err(RemoteError::NotFound)
                ));
                let moved = stand.drive.relocate(&id, to(None, Some("a"))).await;
                done.push(matches!(moved, Err(RemoteError::NotFound)));
            }
            done
        })
        .await;

    assert!(done.iter().all(|done| *done), "{done:?}");
    assert_eq!(count(&seen, "GET", "") + count(&seen, "DELETE", ""), 0);
}
