//! Two who write the same file.

use std::sync::atomic::Ordering;

use fake_clouds::Act;
use fake_clouds::drive::IfMatch;

use super::stand::{Hooked, Stand, count};
use crate::contract::{Bytes, Kept, sample};
use crate::{Item, RemoteError, Source, Target, Written};

const LARGE: usize = 6 * 1024 * 1024;

async fn replace(stand: &Stand, item: &Item, source: &dyn Source) -> Result<Written, RemoteError> {
    let target = Target::Replace {
        id: &item.id,
        expected: item.revision.as_ref().unwrap(),
    };
    stand.send(target, source, &Kept::default()).await
}

/// A source in whose midst somebody else writes to the file.
fn raced(stand: &Stand, item: &Item, bytes: Vec<u8>) -> Hooked {
    let (account, id) = (stand.account.clone(), item.id.0.clone());
    Hooked::new(bytes, 3 * 1024 * 1024, move || account.write(&id, "theirs"))
}

#[tokio::test]
async fn a_small_content_never_overwrites_another() {
    let stand = Stand::start().await;
    let file = stand.given("file", b"before").await;
    // The look finds the old content, and then somebody writes: held until they did.
    stand.fault("PUT", "/upload/drive/v2/", Act::Hold("theirs".to_owned()));
    let faults = stand.fake.faults();
    let (account, id) = (stand.account.clone(), file.id.0.clone());
    let meanwhile = async move {
        faults.reached("theirs").await;
        account.write(&id, "theirs");
        faults.release("theirs");
    };

    let source = Bytes(b"ours".to_vec());
    let (outcome, ()) = tokio::join!(replace(&stand, &file, &source), meanwhile);

    assert!(matches!(outcome, Err(RemoteError::Changed)), "{outcome:?}");
    assert_eq!(stand.bytes(&file.id), b"theirs");
    stand.expect_honest();
}

#[tokio::test]
async fn a_new_name_does_not_stand_in_the_way_of_a_new_content() {
    let stand = Stand::start().await;
    let file = stand.given("file", b"before").await;
    stand.fault("PUT", "/upload/drive/v2/", Act::Hold("renamed".to_owned()));
    let faults = stand.fake.faults();
    let (account, id) = (stand.account.clone(), file.id.0.clone());
    let meanwhile = async move {
        faults.reached("renamed").await;
        account.rename(&id, "other");
        faults.release("renamed");
    };

    let source = Bytes(b"ours".to_vec());
    let (outcome, ()) = tokio::join!(replace(&stand, &file, &source), meanwhile);

    let item = outcome.unwrap().item;
    assert_eq!(
        (item.name.as_str(), item.parent),
        ("other", Some(stand.root.clone()))
    );
    assert_eq!(stand.bytes(&file.id), b"ours");
    stand.expect_honest();
}

#[tokio::test]
async fn a_large_content_gives_way_where_google_compares_at_the_end() {
    for check in [IfMatch::Both, IfMatch::AtEnd] {
        let stand = Stand::start().await;
        stand.fake.switches().set(|switches| switches.v2_if_match = check);
        let file = stand.given("file", b"before").await;
        let source = raced(&stand, &file, sample(LARGE));

        let outcome = replace(&stand, &file, &source).await;

        assert!(
            matches!(outcome, Err(RemoteError::Changed)),
            "{check:?}: {outcome:?}"
        );
        assert!(source.is_done.load(Ordering::SeqCst));
        assert_eq!(stand.bytes(&file.id), b"theirs");
        stand.expect_honest();
    }
}

#[tokio::test]
async fn a_large_content_tells_what_it_overwrote_where_google_does_not_compare() {
    for check in [IfMatch::AtStart, IfMatch::Never] {
        let stand = Stand::start().await;
        stand.fake.switches().set(|switches| switches.v2_if_match = check);
        let file = stand.given("file", b"before").await;
        let bytes = sample(LARGE);
        let source = raced(&stand, &file, bytes.clone());

        let written = replace(&stand, &file, &source).await.unwrap();

        assert_eq!(stand.bytes(&file.id), bytes);
        let theirs = &stand.account.revisions(&file.id.0)[1];
        assert_eq!(theirs.1.as_deref(), Some(&b"theirs"[..]));
        assert_eq!(written.overwrote, [crate::Revision(theirs.0.clone())]);
        let again = replace(&stand, &file, &Bytes(bytes)).await.unwrap();
        assert_eq!(
            again.overwrote, written.overwrote,
            "so does a try after one whose answer was lost"
        );
        stand.expect_honest();
    }
}

#[tokio::test]
async fn a_large_content_that_met_nobody_overwrote_nothing() {
    let stand = Stand::start().await;
    let file = stand.given("file", b"before").await;
    let bytes = sample(LARGE);

    let written = replace(&stand, &file, &Bytes(bytes.clone())).await.unwrap();

    assert_eq!(written.overwrote, []);
    assert_eq!(
        written.item,
        stand.item(&file.id).await,
        "as the feed tells it then"
    );
    stand.expect_honest();
}

#[tokio::test]
async fn a_large_content_whose_last_answer_is_lost_is_found_to_be_there() {
    let stand = Stand::start().await;
    let file = stand.given("file", b"before").await;
    let bytes = sample(LARGE);
    let faults = fake_clouds::Fault::on("PUT", "upload_id", Act::DropAfter).nth(6);
    stand.fake.faults().push(faults);

    let (written, seen) = stand.asked(replace(&stand, &file, &Bytes(bytes.clone()))).await;

    assert_eq!(written.unwrap().overwrote, []);
    assert_eq!(stand.account.revisions(&file.id.0).len(), 2);
    assert_eq!(stand.bytes(&file.id), bytes);
    assert_eq!(count(&seen, "GET", "/drive/v2/"), 1);
    stand.expect_honest();
}

#[tokio::test]
async fn a_content_that_was_put_in_place_before_a_crash_is_not_put_twice() {
    for length in [1000, LARGE] {
        let stand = Stand::start().await;
        let file = stand.given("file", b"before").await;
        let bytes = Bytes(sample(length));
        let first = replace(&stand, &file, &bytes).await.unwrap().item;

        let (second, seen) = stand.asked(replace(&stand, &file, &bytes)).await;

        let second = second.unwrap();
        assert_eq!(
            (second.item.revision, second.overwrote),
            (first.revision, Vec::new())
        );
        assert_eq!(count(&seen, "PUT", ""), 0, "{length}");
    }
}

#[tokio::test]
async fn what_is_no_file_is_never_written_over() {
    let stand = Stand::start().await;
    let document = stand.account.make_doc(&stand.root.0, "d", "document", "words");
    for length in [10, LARGE] {
        let target = Target::Replace {
            id: &crate::ItemId(document.clone()),
            expected: &crate::Revision("1".to_owned()),
        };

        let outcome = stand.send(target, &Bytes(sample(length)), &Kept::default()).await;

        assert!(matches!(outcome, Err(RemoteError::NoContent)), "{outcome:?}");
    }
}

#[tokio::test]
async fn times_are_kept_to_the_millisecond_and_types_make_no_documents() {
    let stand = Stand::start().await;
    let file = stand.given("file", b"before").await;
    let modified = model::Millis(1_700_000_000_123);
    let upload = crate::Upload {
        target: Target::Replace {
            id: &file.id,
            expected: file.revision.as_ref().unwrap(),
        },
        source: &Bytes(b"after".to_vec()),
        media_type: "application/vnd.google-apps.document",
        modified: Some(modified),
        journal: &crate::NoJournal,
    };

    let item = crate::Connector::upload(&*stand.drive, upload)
        .await
        .unwrap()
        .item;

    assert_eq!(item.modified, Some(modified));
    assert_eq!(stand.item(&file.id).await.modified, Some(modified));
    assert!(item.is_file());
}
