//! Tokens that end, and what Google says when it does not do something.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fake_clouds::{Act, Fault};
use futures_util::future::join_all;
use model::Millis;
use serde_json::{Value, json};

use super::stand::{Stand, connect};
use crate::contract::Bytes;
use crate::{Connector, RemoteError, SignInReason};

fn refusal(status: u16, reason: &str, message: &str) -> Value {
    let one = json!({"domain": "usageLimits", "reason": reason, "message": message});
    json!({"error": {"code": status, "message": message, "errors": [one]}})
}

fn act(status: u16, reason: &str) -> Act {
    Act::json(status, &refusal(status, reason, "A message that is not shown"))
}

#[tokio::test]
async fn a_token_that_ended_is_renewed_once_for_all_who_use_it() {
    let stand = Stand::start().await;
    let file = stand.given("file", b"x").await;
    stand.account.expire_tokens();

    let items = join_all((0..16).map(|_| stand.drive.item(&file.id))).await;

    assert!(items.iter().all(Result::is_ok), "{items:?}");
    assert_eq!(stand.tokens.renewals.load(Ordering::SeqCst), 1);
    stand.expect_honest();
}

#[tokio::test]
async fn a_token_that_is_not_taken_even_when_new_ends_it() {
    let stand = Stand::start().await;
    stand
        .fake
        .faults()
        .push(Fault::on_any("/drive/", act(401, "authError")).times(100));

    let (outcome, seen) = stand.asked(stand.drive.item(&stand.root)).await;

    let error = outcome.unwrap_err();
    assert!(
        matches!(&error, RemoteError::SignInAgain(SignInReason::Ended(code)) if code == "authError"),
        "{error:?}"
    );
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_kept() {
    for status in [429, 503] {
        let stand = Stand::start().await;
        let wait = Act::status(status, Some(("retry-after", "7")));
        stand.fault("GET", "/drive/v3/files/", wait);
        let before = stand.fake.clock().now();

        let (outcome, seen) = stand.asked(stand.drive.item(&stand.root)).await;

        let Err(RemoteError::Paused { until }) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(until >= Millis(before + 7000), "{status}");
        assert_eq!(seen.len(), 1, "{status}");
        stand.expect_honest();
    }
}

#[tokio::test]
async fn haste_is_answered_with_patience() {
    for reason in ["userRateLimitExceeded", "rateLimitExceeded"] {
        let stand = Stand::start().await;
        stand
            .fake
            .faults()
            .push(Fault::on("POST", "/upload/", act(403, reason)).times(3));

        let (made, seen) = stand.asked(stand.create("file", &Bytes(b"x".to_vec()))).await;

        made.unwrap();
        assert_eq!(seen.len(), 5, "ids, three refusals, and the file");
    }
}

#[tokio::test]
async fn a_move_is_tried_again_whatever_became_of_the_first() {
    for fault in [
        act(403, "rateLimitExceeded"),
        Act::status(500, None),
        Act::DropBefore,
        Act::DropAfter,
    ] {
        let stand = Stand::start().await;
        let file = stand.given("file", b"x").await;
        let folder = crate::ItemId(stand.account.create_folder(&stand.root.0, "folder"));
        let told = format!("{fault:?}");
        stand.fault("PATCH", "/drive/v3/files/", fault);
        let to = crate::Relocate {
            parent: Some(&folder),
            name: Some("other"),
            expected: file.tag.as_ref(),
        };

        let moved = stand.drive.relocate(&file.id, to).await;

        let moved = moved.unwrap_or_else(|error| panic!("{told}: {error:?}"));
        assert_eq!(
            (moved.parent.as_ref(), moved.name.as_str()),
            (Some(&folder), "other")
        );
        stand.expect_honest();
    }
}

#[tokio::test]
async fn what_google_says_is_told_in_our_words() {
    let full = |error: &RemoteError| matches!(error, RemoteError::Full(_));
    let paused = |error: &RemoteError| matches!(error, RemoteError::Paused { .. });
    let refused = |error: &RemoteError| matches!(error, RemoteError::Refused { .. });
    let scope = |error: &RemoteError| matches!(error, RemoteError::SignInAgain(SignInReason::Scope));
    let unset = |error: &RemoteError| matches!(error, RemoteError::Misconfigured(_));
    let trouble = |error: &RemoteError| matches!(error, RemoteError::Unavailable(_));
    type Is<'a> = &'a dyn Fn(&RemoteError) -> bool;
    let cases: [(u16, &str, Is<'_>); 13] = [
        (403, "storageQuotaExceeded", &full),
        (403, "userRateLimitExceeded", &paused),
        (403, "dailyLimitExceeded", &paused),
        (403, "quotaExceeded", &paused),
        (429, "rateLimitExceeded", &paused),
        (403, "insufficientFilePermissions", &refused),
        (403, "numChildrenInNonRootLimitExceeded", &refused),
        (403, "somethingNew", &refused),
        (400, "badRequest", &refused),
        (403, "appNotAuthorizedToFile", &scope),
        (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", &scope),
        (403, "accessNotConfigured", &unset),
        (500, "backendError", &trouble),
    ];
    for (status, reason, is_right) in cases {
        let stand = Stand::start().await;
        stand
            .fake
            .faults()
            .push(Fault::on_any("/drive/v3/files", act(status, reason)).times(50));

        let error = stand
            .drive
            .make_folder(&stand.root, "folder", None)
            .await
            .unwrap_err();

        assert!(is_right(&error), "{reason}: {error:?}");
        assert!(!error.to_string().contains("message"), "{error}");
    }
}

#[tokio::test]
async fn a_page_of_a_machine_between_is_trouble() {
    let stand = Stand::start().await;
    let html = Act::Answer {
        status: 502,
        headers: [("content-type".to_owned(), "text/html".to_owned())].into(),
        body: "<html>secret</html>".to_owned(),
    };
    stand.fake.faults().push(Fault::on_any("/drive/", html).times(50));

    let error = stand.drive.item(&stand.root).await.unwrap_err();

    assert_eq!(
        error.to_string(),
        "the provider does not answer as it should: it answers with status 502"
    );
}

#[tokio::test]
async fn the_cap_of_a_day_stops_uploads_and_nothing_else() {
    let stand = Stand::start().await;
    let cap = refusal(403, "userRateLimitExceeded", "User rate limit exceeded.");
    stand
        .fake
        .faults()
        .push(Fault::on("POST", "/upload/", Act::json(403, &cap)).times(50));

    let error = stand.create("file", &Bytes(b"x".to_vec())).await.unwrap_err();

    assert!(
        matches!(&error, RemoteError::Full(why) if why.contains("750 GB")),
        "{error:?}"
    );
    assert!(stand.drive.item(&stand.root).await.is_ok());
}

#[tokio::test]
async fn an_answer_that_is_lost_after_trouble_makes_one_file() {
    let stand = Stand::start().await;
    stand.fault("POST", "/upload/", Act::DropAfter);
    stand
        .fake
        .faults()
        .push(Fault::on("POST", "/upload/", Act::status(500, None)).nth(2));

    let made = stand.create("file", &Bytes(b"once".to_vec())).await.unwrap().item;

    let children = stand.account.children(&stand.root.0);
    assert_eq!(children.len(), 1);
    assert_eq!(children[0].id, made.id.0);
    assert_eq!(
        made.hashes.kinds(),
        [crate::HashKind::Sha256, crate::HashKind::Md5]
    );
}

#[tokio::test]
async fn an_id_that_something_else_has_is_not_taken_over() {
    let stand = Stand::start().await;
    let theirs = stand.given("file", b"theirs").await;
    let target = |name| crate::Target::Create {
        parent: &stand.root,
        name,
        id: Some(&theirs.id),
    };

    for name in ["file", "other"] {
        let ours = stand
            .send(
                target(name),
                &Bytes(b"ours".to_vec()),
                &crate::contract::Kept::default(),
            )
            .await;
        assert!(matches!(ours, Err(RemoteError::Exists)), "{ours:?}");
    }
    let folder = stand
        .drive
        .make_folder(&stand.root, "file", Some(&theirs.id))
        .await;
    assert!(matches!(folder, Err(RemoteError::Exists)), "{folder:?}");
    assert_eq!(stand.bytes(&theirs.id), b"theirs");
}

#[tokio::test]
async fn what_google_stored_wrongly_is_taken_away_again() {
    let stand = Stand::start().await;
    stand.fake.switches().set(|switches| {
        switches.wrong_md5 = true;
        switches.omit_sha = true;
    });

    let made = stand.create("file", &Bytes(b"right".to_vec())).await;

    assert!(matches!(made, Err(RemoteError::Damaged(_))), "{made:?}");
    assert_eq!(stand.account.children(&stand.root.0), []);
}

#[tokio::test]
async fn a_folder_in_the_trash_takes_nothing() {
    let stand = Stand::start().await;
    let folder = stand
        .drive
        .make_folder(&stand.root, "folder", None)
        .await
        .unwrap();
    let other = stand.given("file", b"x").await;
    stand.drive.trash(&folder.id, None).await.unwrap();
    let target = crate::Target::Create {
        parent: &folder.id,
        name: "lost",
        id: None,
    };
    let to = crate::Relocate {
        parent: Some(&folder.id),
        name: None,
        expected: None,
    };

    let file = stand
        .send(target, &Bytes(b"x".to_vec()), &crate::contract::Kept::default())
        .await;
    let inside = stand.drive.make_folder(&folder.id, "lost", None).await;
    let moved = stand.drive.relocate(&other.id, to).await;

    for outcome in [file.map(|made| made.item), inside, moved] {
        assert!(matches!(outcome, Err(RemoteError::NotFound)), "{outcome:?}");
    }
    assert!(
        stand
            .account
            .entry(&other.id.0)
            .is_some_and(|file| !file.is_trashed)
    );
}

#[tokio::test]
async fn what_is_below_a_folder_in_the_trash_comes_back_with_it_only() {
    let stand = Stand::start().await;
    let folder = stand
        .drive
        .make_folder(&stand.root, "folder", None)
        .await
        .unwrap();
    let file = crate::ItemId(stand.account.create_file(&folder.id.0, "file", "x"));
    let earlier = crate::ItemId(stand.account.create_file(&folder.id.0, "earlier", "y"));
    stand.drive.trash(&earlier, None).await.unwrap();
    stand.drive.trash(&folder.id, None).await.unwrap();

    let inside = stand.drive.trashed_children(&folder.id, None).await.unwrap();
    let alone = stand.drive.restore(&file).await;

    let inside: Vec<_> = inside
        .items
        .iter()
        .map(|item| (&item.id, item.is_trashed))
        .collect();
    assert_eq!(inside, [(&file, true)]);
    assert!(
        matches!(&alone, Err(RemoteError::Refused { code, .. }) if code == "trashed"),
        "{alone:?}"
    );
    assert!(!stand.drive.restore(&folder.id).await.unwrap().is_trashed);
    assert!(!stand.item(&file).await.is_trashed);
}

#[tokio::test]
async fn what_changed_since_it_was_seen_is_neither_moved_nor_thrown_away() {
    let stand = Stand::start().await;
    let file = stand.given("file", b"before").await;
    stand.account.write(&file.id.0, "after");
    let to = crate::Relocate {
        parent: None,
        name: Some("other"),
        expected: file.tag.as_ref(),
    };

    let moved = stand.drive.relocate(&file.id, to).await;
    let trashed = stand.drive.trash(&file.id, file.tag.as_ref()).await;

    assert!(matches!(moved, Err(RemoteError::Changed)), "{moved:?}");
    assert!(matches!(trashed, Err(RemoteError::Changed)), "{trashed:?}");
    let now = stand.item(&file.id).await;
    stand.drive.trash(&file.id, now.tag.as_ref()).await.unwrap();
}

#[tokio::test]
async fn the_drive_s_clock_is_compared_with_ours() {
    let stand = Stand::start().await;
    stand.fake.clock().advance(-10 * 60 * 1000);
    let drive = Arc::new(connect(&stand.fake, stand.tokens.clone()));

    let about = drive.about().await.unwrap();

    assert!(about.skew_ms.is_some(), "{about:?}");
    assert_eq!(about.root, stand.root);
    assert_eq!(about.owner, "ada@gmail.com");
}
