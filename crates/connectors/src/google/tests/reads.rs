//! Contents that break off, change on the way, or are not given out.

use std::sync::Arc;

use fake_clouds::{Act, Fault};
use futures_util::StreamExt;

use super::stand::{Stand, connect};
use crate::contract::scene::collect;
use crate::contract::{World, sample};
use crate::{Connector, Item, Read, RemoteError, Tokens, fetch};

async fn fetched(stand: &Stand, item: &Item) -> Result<Vec<u8>, RemoteError> {
    let fetched = fetch(stand.connector(), item, 0, None).await?;
    collect(fetched.stream).await
}

#[tokio::test]
async fn a_content_that_changes_between_two_pieces_is_not_spliced() {
    let stand = Stand::start().await;
    let before = sample(600_000);
    let file = stand.given("file", &before).await;
    stand.fault("GET", "alt=media", Act::Truncate);

    let mut stream = fetch(stand.connector(), &file, 0, None).await.unwrap().stream;
    let mut got = stream.next().await.unwrap().unwrap().to_vec();
    stand.account.write(&file.id.0, vec![7; 600_000]);
    got.extend(collect(stream).await.unwrap());

    assert!(got == before, "the old content to its end");
    stand.expect_honest();
}

#[tokio::test]
async fn a_range_that_is_passed_over_is_found_out() {
    let stand = Stand::start().await;
    let bytes = sample(600_000);
    let file = stand.given("file", &bytes).await;
    stand.fake.switches().set(|switches| switches.ignore_range = true);
    stand.fault("GET", "alt=media", Act::Truncate);

    assert!(fetched(&stand, &file).await.unwrap() == bytes);
}

#[tokio::test]
async fn a_wrong_byte_is_damage_and_never_the_end() {
    let stand = Stand::start().await;
    stand.fake.switches().set(|switches| switches.omit_sha = true);
    let file = stand.given("file", &sample(100_000)).await;
    stand.fault("GET", "alt=media", Act::Flip);

    let error = fetched(&stand, &file).await.unwrap_err();

    assert!(error.to_string().contains("could not be read"), "{error}");
    assert!(fetched(&stand, &file).await.is_ok(), "the next try is good");
}

#[tokio::test]
async fn a_file_that_always_breaks_is_given_up() {
    let stand = Stand::start().await;
    let file = stand.given("file", &sample(100_000)).await;
    let faults = Fault::on("GET", "alt=media", Act::DropBefore).times(100);
    stand.fake.faults().push(faults);

    let error = fetched(&stand, &file).await.unwrap_err();

    assert!(matches!(error, RemoteError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn who_may_only_read_reads_and_learns_of_changes() {
    let stand = Stand::start().await;
    let bytes = sample(50_000);
    let file = stand.given("file", &bytes).await;
    let bob = stand.fake.account("bob@gmail.com");
    stand.account.share(&file.id.0, bob.email(), false);
    let drive = Arc::new(connect(&stand.fake, Arc::new(Fixed(bob.issue_token()))));
    let read = |offset| Read {
        id: &file.id,
        revision: file.revision.as_ref(),
        offset,
        export: None,
    };
    let revisions = Fault::on("GET", "/revisions/", Act::json(403, &forbidden())).times(10);
    stand.fake.faults().push(revisions);

    let whole = drive.read(read(0)).await.unwrap();
    let rest = drive.read(read(30_000)).await.unwrap();
    assert!(collect(whole.stream).await.unwrap() == bytes);
    assert!(collect(rest.stream).await.unwrap() == bytes[30_000..]);
    let seen = drive.item(&file.id).await.unwrap().unwrap();
    assert!(!seen.is_editable);

    stand.account.write(&file.id.0, "another");
    let late = drive.read(read(0)).await.err();
    assert!(matches!(late, Some(RemoteError::Changed)), "{late:?}");
}

fn forbidden() -> serde_json::Value {
    serde_json::json!({"error": {"code": 403, "errors": [{"reason": "insufficientFilePermissions"}]}})
}

/// One token for good.
struct Fixed(String);

#[async_trait::async_trait]
impl Tokens for Fixed {
    async fn token(&self) -> Result<crate::AccessToken, RemoteError> {
        Ok(crate::AccessToken::new(self.0.clone()))
    }

    async fn renewed(&self, _: &crate::AccessToken) -> Result<crate::AccessToken, RemoteError> {
        self.token().await
    }
}

#[tokio::test]
async fn what_google_does_not_give_out_is_refused_with_its_reason() {
    let stand = Stand::start().await;
    let abusive = stand.given("virus", b"x").await;
    stand.account.set_abusive(&abusive.id.0, true);
    let kept_in = stand.given("secret", b"x").await;
    stand.account.set_kept_in(&kept_in.id.0, true);
    for (file, word) in [
        (&abusive, "cannotDownloadAbusiveFile"),
        (&kept_in, "cannotDownloadFile"),
    ] {
        let error = fetched(&stand, file).await.unwrap_err();

        assert!(
            matches!(&error, RemoteError::Refused { code, .. } if code == word),
            "{error:?}"
        );
        assert!(!error.is_temporary());
    }
    stand.expect_honest();
}

#[tokio::test]
async fn an_export_above_the_limit_is_refused_and_others_are_read() {
    let stand = Stand::start().await;
    let document = crate::ItemId(stand.account.make_doc(&stand.root.0, "d", "document", "words"));
    let read = Read {
        id: &document,
        revision: None,
        offset: 0,
        export: Some("text/plain"),
    };

    let good = stand.drive.read(read.clone()).await.unwrap();
    assert_eq!((good.size_bytes, &good.revision), (None, &None));
    assert_eq!(collect(good.stream).await.unwrap(), b"words");
    let midst = Read {
        offset: 1,
        ..read.clone()
    };
    let midst = stand.drive.read(midst).await.err();
    assert!(matches!(midst, Some(RemoteError::Unsupported(_))), "{midst:?}");
    stand.account.set_export_bytes(&document.0, 11 << 20);
    let large = stand.drive.read(read).await.err();
    assert!(
        matches!(&large, Some(RemoteError::Refused { code, .. }) if code == "exportSizeLimitExceeded"),
        "{large:?}"
    );
}

#[tokio::test]
async fn earlier_contents_are_listed_newest_first_and_can_be_read() {
    let stand = Stand::start().await;
    let file = stand.given("file", b"one").await;
    stand.account.write(&file.id.0, "two");
    stand.account.write(&file.id.0, "three");

    let past = stand.drive.revisions(&file.id).await.unwrap();

    let lengths: Vec<Option<u64>> = past.iter().map(|past| past.size_bytes).collect();
    assert_eq!(lengths, [Some(5), Some(3), Some(3)]);
    assert_eq!(past[0].author.as_deref(), Some("ada@gmail.com"));
    let oldest = Read {
        id: &file.id,
        revision: Some(&past[2].revision),
        offset: 0,
        export: None,
    };
    let oldest = stand.drive.read(oldest).await.unwrap();
    assert_eq!(collect(oldest.stream).await.unwrap(), b"one");
}
