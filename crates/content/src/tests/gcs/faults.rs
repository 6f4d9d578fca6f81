use bytes::Bytes;

use super::{Gcs, begin, broken, id, put, put_part, read};
use crate::contract::sample;
use crate::tests::emulators::proxy::{Fault, Seen};
use crate::{Backend, ContentError, NewBlob};

const STEP: usize = 256 * 1024;

fn is_session(seen: &Seen) -> bool {
    seen.method == "PUT" && seen.target.contains("upload_id=")
}

/// What a request says of the bytes that it sends.
fn content_range(seen: &Seen) -> Option<String> {
    let line = |line: &str| line.strip_prefix("content-range: ").map(str::to_owned);
    seen.head.lines().find_map(line)
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_done_once() {
    let gcs = Gcs::start();
    let (proxy, store) = broken(&gcs).await;
    for (number, fault) in [
        (1, Fault::ResetAfter),
        (2, Fault::AnswerAfter(500, String::new())),
        (3, Fault::AnswerAfter(503, String::new())),
        (4, Fault::Reset),
    ] {
        proxy.faults(|seen| seen.method == "POST", vec![fault.clone(), fault]);

        let written = put(&store, id(number), b"once").await;

        assert_eq!(read(&store, &written.key, 4).await, b"once");
    }
    proxy.faults(|seen| seen.method == "POST", vec![Fault::ResetAfter]);
    assert!(
        store
            .create_note("a", Bytes::from_static(b"a"))
            .await
            .expect("note")
    );
    assert!(
        !store
            .create_note("a", Bytes::from_static(b"b"))
            .await
            .expect("note")
    );
}

#[tokio::test]
async fn a_part_goes_on_at_the_byte_that_the_session_has_come_to() {
    let gcs = Gcs::start();
    let (proxy, store) = broken(&gcs).await;
    let bytes = sample(4 * STEP);
    let held = |end: usize| {
        let range = vec![("range", format!("bytes=0-{}", end - 1))];
        Fault::Answer(308, range, String::new())
    };
    let cases = [
        // Nothing came, so all of it is sent again.
        (vec![Fault::Reset], vec!["0-524287/*", "*/*", "0-524287/*"]),
        (
            vec![Fault::Answer(503, Vec::new(), String::new())],
            vec!["0-524287/*", "*/*", "0-524287/*"],
        ),
        // All came, so none of it is.
        (vec![Fault::ResetAfter], vec!["0-524287/*", "*/*"]),
        (
            vec![Fault::AnswerAfter(500, String::new())],
            vec!["0-524287/*", "*/*"],
        ),
        // The answer without a range means that nothing is held; the question is asked until it is answered.
        (
            vec![Fault::Reset, Fault::Reset],
            vec!["0-524287/*", "*/*", "*/*", "0-524287/*"],
        ),
        // It says that a piece came, and then that it did not.
        (
            vec![held(STEP)],
            vec!["0-524287/*", "262144-524287/*", "0-524287/*"],
        ),
    ];
    for (number, (faults, expected)) in (0..).zip(cases) {
        let upload = begin(&store, number, None).await;
        proxy.faults(is_session, faults);
        proxy.take_seen();

        let first = put_part(&store, &upload, &bytes, (0, 2 * STEP)).await;

        let sent: Vec<String> = proxy.take_seen().iter().filter_map(content_range).collect();
        let expected: Vec<String> = expected.iter().map(|range| format!("bytes {range}")).collect();
        assert_eq!(sent, expected);
        let last = put_part(&store, &upload, &bytes, (2 * STEP, 4 * STEP)).await;
        store.complete(&upload, &[first, last]).await.expect("complete");
        assert!(read(&store, &upload.key, bytes.len() as u64).await == bytes);
    }
}

#[tokio::test]
async fn the_last_part_survives_the_loss_of_its_answer() {
    let gcs = Gcs::start();
    let (proxy, store) = broken(&gcs).await;
    let bytes = sample(STEP + 7);
    for (number, fault) in [
        (1, Fault::ResetAfter),
        (2, Fault::AnswerAfter(503, String::new())),
        (3, Fault::Reset),
    ] {
        let upload = begin(&store, number, Some(bytes.len() as u64)).await;
        let first = put_part(&store, &upload, &bytes, (0, STEP)).await;
        proxy.faults(is_session, vec![fault]);

        let last = put_part(&store, &upload, &bytes, (STEP, STEP + 7)).await;

        store.complete(&upload, &[first, last]).await.expect("complete");
        assert!(read(&store, &upload.key, bytes.len() as u64).await == bytes);
    }
}

#[tokio::test]
async fn a_part_may_be_sent_again_but_not_before_its_turn() {
    let gcs = Gcs::start();
    let (_proxy, store) = broken(&gcs).await;
    let bytes = sample(2 * STEP + 7);
    let upload = begin(&store, 1, None).await;
    let first = put_part(&store, &upload, &bytes, (0, STEP)).await;
    assert_eq!(put_part(&store, &upload, &bytes, (0, STEP)).await, first);
    let early = crate::NewPart {
        number: 3,
        offset_bytes: 2 * STEP as u64,
        is_last: true,
    };

    let refused = store
        .put_part(&upload, early, vec![Bytes::from_static(b"1234567")])
        .await;

    let Err(ContentError::Rejected { reason, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(reason.contains("parts have to come in order"), "{reason}");
    let incomplete = store.complete(&upload, std::slice::from_ref(&first)).await;
    // All that was told is there, so that is what it becomes.
    incomplete.expect("complete");
    assert!(read(&store, &upload.key, STEP as u64).await == bytes[..STEP]);
}

#[tokio::test]
async fn a_completion_survives_the_loss_of_any_answer() {
    let gcs = Gcs::start();
    for lost in 0..6 {
        let (proxy, store) = broken(&gcs).await;
        let upload = begin(&store, lost, None).await;
        let part = put_part(&store, &upload, b"once", (0, 4)).await;
        proxy.take_seen();
        proxy.script(move |seen| (seen.number == usize::from(lost)).then_some(Fault::ResetAfter));

        store.complete(&upload, &[part]).await.expect("complete");

        assert_eq!(read(&store, &upload.key, 4).await, b"once");
    }
}

#[tokio::test]
async fn a_long_blob_is_written_over_a_line_that_breaks_again_and_again() {
    let gcs = Gcs::start();
    let (proxy, store) = broken(&gcs).await;
    let bytes = sample(11 * 1024 * 1024 + 7);
    let (reset, after) = (Fault::Reset, Fault::ResetAfter);
    proxy.faults(is_session, vec![after.clone(), reset.clone(), after, reset]);

    let written = put(&store, id(1), &bytes).await;

    assert_eq!(written.digest, crate::digest(&bytes));
    assert!(read(&store, &written.key, written.size_bytes).await == bytes);
}

#[tokio::test]
async fn bytes_that_change_on_the_way_are_not_stored() {
    let gcs = Gcs::start();
    let (proxy, store) = broken(&gcs).await;
    // In the middle of the part that is the note.
    proxy.script(|seen| {
        (seen.method == "POST" && seen.body_bytes > 500).then_some(Fault::CorruptRequest(400))
    });

    let put = store.put_note("a", Bytes::from(vec![7; 1000])).await;

    assert!(matches!(put, Err(ContentError::Rejected { .. })), "{put:?}");
    assert_eq!(store.note("a").await.expect("note"), None);
}

#[tokio::test]
async fn a_part_that_changes_on_the_way_makes_no_blob() {
    let gcs = Gcs::start();
    let (proxy, store) = broken(&gcs).await;
    proxy.script(|seen| (is_session(seen) && seen.body_bytes > 1000).then_some(Fault::CorruptRequest(999)));
    let upload = begin(&store, 1, None).await;
    let part = put_part(&store, &upload, &[7; 2000], (0, 2000)).await;
    let new = NewBlob {
        id: id(2),
        wants_md5: false,
        size_bytes: None,
    };
    let mut writer = store.writer(new).await.expect("writer");
    writer.write(sample(6 * 1024 * 1024).into()).await.expect("write");

    let completed = store.complete(&upload, &[part]).await;
    let finished = writer.finish().await.map(|_| ());

    for outcome in [completed, finished] {
        let Err(ContentError::Rejected { reason, .. }) = outcome else {
            panic!("{outcome:?}")
        };
        assert!(reason.contains("changed on the way"), "{reason}");
    }
    assert_eq!(store.list(None, 10).await.expect("list"), []);
}

#[tokio::test]
async fn a_read_that_breaks_goes_on_where_it_ended() {
    let gcs = Gcs::start();
    let (proxy, store) = broken(&gcs).await;
    let bytes = sample(3_000_000);
    let written = put(&store, id(1), &bytes).await;
    let cut = Fault::Truncate(500_000);
    proxy.faults(|seen| seen.target.contains("alt=media"), vec![cut.clone(), cut]);

    assert!(read(&store, &written.key, 3_000_000).await == bytes);
}

#[tokio::test]
async fn a_service_that_is_away_is_unavailable_and_not_a_missing_blob() {
    let gcs = Gcs::start();
    let (proxy, store) = broken(&gcs).await;
    let written = put(&store, id(1), b"here").await;
    for fault in [Fault::Reset, Fault::Answer(503, Vec::new(), String::new())] {
        proxy.script(move |_| Some(fault.clone()));

        let errors = [
            store.read(&written.key, 4, 0..4).await.err(),
            store.measure(&written.key).await.err(),
            store.remove(&written.key).await.err(),
            store.list(None, 1).await.err(),
            store.check().await.err(),
        ];

        for error in errors {
            assert!(matches!(error, Some(ContentError::Unavailable(_))), "{error:?}");
        }
    }
}
