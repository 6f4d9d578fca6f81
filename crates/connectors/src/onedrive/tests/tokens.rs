//! Tokens that are not taken, and accounts that are to be left alone.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fake_clouds::graph::DriveType;
use fake_clouds::{Act, Fault};
use futures_util::future::join_all;
use outbound::{Call, Failure, Gate, Told};

use super::stand::{BOTH, PIECE_BYTES, Stand, connect, count};
use crate::contract::scene::THEN;
use crate::contract::{Trouble, World, sample};
use crate::{Connector, ItemId, RemoteError, SignInReason};

#[tokio::test]
async fn an_expired_token_is_renewed_once_for_all_who_ask() {
    let stand = Stand::start(DriveType::Personal).await;
    let id = ItemId(stand.account.create_file("a.txt", "a"));
    stand.account.expire_tokens();

    let all = join_all((0..8).map(|_| stand.drive.item(&id))).await;

    assert!(all.iter().all(|item| matches!(item, Ok(Some(_)))), "{all:?}");
    assert_eq!(stand.tokens.renewals.load(Ordering::SeqCst), 1);
    stand.expect_honest();
}

#[tokio::test]
async fn a_piece_that_is_refused_does_not_begin_the_upload_anew() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        stand
            .fake
            .faults()
            .push(Fault::on("PUT", "/upload/", Act::status(401, None)).nth(3));
        let bytes = sample(4 * PIECE_BYTES);

        let (made, seen) = stand.asked(stand.create_at("big.bin", &bytes, Some(THEN))).await;

        made.expect("an upload");
        assert_eq!(stand.account.read("big.bin").as_deref(), Some(bytes.as_slice()));
        assert_eq!(count(&seen, "POST", "createUploadSession"), 1);
        assert_eq!(count(&seen, "PUT", "/upload/"), 5);
        stand.expect_honest();
    }
}

#[tokio::test]
async fn an_access_that_ended_is_told_and_not_tried_again() {
    let stand = Stand::start(DriveType::Business).await;
    let id = ItemId(stand.account.create_file("a.txt", "a"));
    stand.trouble(Trouble::Expel).await;

    let (item, seen) = stand.asked(stand.drive.item(&id)).await;

    assert!(
        matches!(item, Err(RemoteError::SignInAgain(SignInReason::Ended(code))) if code == "invalid_grant")
    );
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_twice_asks_for_a_person() {
    let stand = Stand::start(DriveType::Personal).await;
    let body = serde_json::json!({ "error": { "code": "InvalidAuthenticationToken" } });
    stand
        .fake
        .faults()
        .push(Fault::on_any("/v1.0/", Act::json(401, &body)).times(2));

    let about = stand.drive.about().await;

    assert!(
        matches!(about, Err(RemoteError::SignInAgain(SignInReason::Ended(code))) if code.contains("Token"))
    );
    assert_eq!(stand.tokens.renewals.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_challenge_of_policy_asks_for_a_person_at_once() {
    let stand = Stand::start(DriveType::Business).await;
    let challenge = r#"Bearer realm="", error="insufficient_claims", claims="eyJhIjoxfQ==""#;
    stand.fault(
        "GET",
        "/v1.0/",
        Act::status(401, Some(("www-authenticate", challenge))),
    );

    let about = stand.drive.about().await;

    assert!(
        matches!(about, Err(RemoteError::SignInAgain(SignInReason::Ended(code))) if code == "insufficient_claims")
    );
    assert_eq!(stand.tokens.renewals.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_told_with_its_end() {
    let stand = Stand::start(DriveType::Personal).await;
    let now = stand.fake.clock().now();
    let date = outbound::http_date(model::Millis(now + 600_000));
    for (status, header, secs) in [
        (429, Some(("retry-after", "7")), 7),
        (503, Some(("retry-after", "70")), 70),
        (429, Some(("retry-after", date.as_str())), 600),
        (429, None, 60),
        (509, None, 900),
    ] {
        stand
            .fake
            .faults()
            .push(Fault::on_any("/v1.0/", Act::status(status, header)).times(9));

        let (about, seen) = stand.asked(stand.drive.about()).await;

        let Err(RemoteError::Paused { until }) = about else {
            panic!("{status}: {about:?}")
        };
        let late_ms = until.0 - now - secs * 1000;
        assert!(
            (-2000..20_000).contains(&late_ms),
            "{status} {header:?}: {late_ms}"
        );
        assert!(header.is_none() || seen.len() == 1, "{status}");
        stand.fake.faults().clear();
    }
}

/// Lets nothing through while an account is to be left alone.
#[derive(Default)]
struct Pacer(Mutex<bool>);

#[async_trait]
impl Gate for Pacer {
    async fn pass(&self, _call: &Call) -> Result<(), Failure> {
        match *self.0.lock().expect("not poisoned") {
            true => Err(Failure::Paused {
                until: model::Millis(1),
            }),
            false => Ok(()),
        }
    }

    async fn told(&self, _call: &Call, told: Told) {
        if told.retry_after.is_some() {
            *self.0.lock().expect("not poisoned") = true;
        }
    }
}

#[tokio::test]
async fn nothing_is_asked_while_the_account_rests() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let id = ItemId(stand.account.create_file("a.txt", "a"));
        let pacer = Arc::new(Pacer::default());
        let drive = connect(&stand.fake, kind, stand.tokens.clone(), Some(pacer));
        stand.fault("GET", "/v1.0/", Act::status(503, Some(("retry-after", "7"))));
        assert!(matches!(drive.item(&id).await, Err(RemoteError::Paused { .. })));

        let (paused, seen) = stand.asked(drive.changes(None)).await;

        assert!(matches!(paused, Err(RemoteError::Paused { .. })));
        assert_eq!(seen, []);
        stand.expect_honest();
    }
}

#[tokio::test]
async fn moments_of_trouble_pass_unseen() {
    for kind in BOTH {
        let stand = Stand::start(kind).await;
        let id = ItemId(stand.account.create_file("a.txt", "a"));
        for status in [500, 502, 503, 504, 408] {
            stand
                .fake
                .faults()
                .push(Fault::on("GET", "/items/", Act::status(status, None)).times(3));
            assert!(matches!(stand.drive.item(&id).await, Ok(Some(_))), "{status}");
        }
    }
}
