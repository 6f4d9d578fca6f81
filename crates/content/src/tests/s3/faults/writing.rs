use super::*;
use crate::Memory;
use bytes::Bytes;
use futures_util::future::join_all;

const MIB: usize = 1024 * 1024;

fn is_part(seen: &Seen) -> bool {
    seen.method == "PUT" && seen.target.contains("partNumber=")
}

fn is_complete(seen: &Seen) -> bool {
    seen.method == "POST" && seen.target.contains("uploadId=")
}

fn is_abort(seen: &Seen) -> bool {
    seen.method == "DELETE" && seen.target.contains("uploadId=")
}

impl Setup {
    /// What the service keeps of uploads in parts.
    fn leftovers(&self) -> usize {
        let entries = std::fs::read_dir(self.service.folder.path()).expect("the folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names
            .filter(|name| name.to_string_lossy().contains("part-"))
            .count()
    }

    async fn gives_up(&self) {
        let is_given_up = || self.proxy.has_seen(is_abort) && self.leftovers() == 0;
        until("the abort", is_given_up).await;
    }

    async fn holds_nothing(&self) {
        self.proxy.script(|_| None);
        assert_eq!(self.store.list(None, 10).await.expect("list"), []);
    }
}

#[tokio::test]
async fn bytes_that_change_on_the_way_are_refused_and_sent_again() {
    let setup = setup().await;
    for (number, length) in [(1, 1000), (2, 11 * MIB)] {
        let bytes = sample(length);
        fail_first_of_each(&setup.proxy, Fault::CorruptRequest(500));

        let written = put(&setup.store, number, &bytes).await.expect("written");

        assert!(get(&setup.store, &written).await.expect("bytes") == bytes);
    }
}

#[tokio::test]
async fn a_part_that_fails_is_sent_again_alone() {
    let setup = setup().await;
    let bytes = sample(12 * MIB);
    setup.proxy.faults(
        |seen| seen.target.contains("partNumber=2"),
        vec![Fault::Reset, Fault::ResetAfter],
    );

    let written = put(&setup.store, 1, &bytes).await.expect("written");

    let sent = setup.proxy.take_seen();
    let count = |part: &str| sent.iter().filter(|seen| seen.target.contains(part)).count();
    assert_eq!(
        [
            count("partNumber=1"),
            count("partNumber=2"),
            count("partNumber=3")
        ],
        [1, 3, 1]
    );
    assert!(get(&setup.store, &written).await.expect("bytes") == bytes);
}

#[tokio::test]
async fn an_upload_whose_part_cannot_be_stored_leaves_nothing() {
    let setup = setup().await;
    let faults = [
        (
            Fault::Answer(500, Vec::new(), error("InternalError")),
            "Unavailable",
        ),
        (Fault::Answer(403, Vec::new(), error("AccessDenied")), "Rejected"),
        (Fault::Answer(507, Vec::new(), error("XMinioStorageFull")), "Full"),
    ];
    for (fault, kind) in faults {
        setup.proxy.take_seen();
        setup
            .proxy
            .script(move |seen| seen.target.contains("partNumber=2").then(|| fault.clone()));

        let written = put(&setup.store, 1, &sample(20 * MIB)).await;

        assert!(format!("{written:?}").contains(kind), "{written:?}");
        setup.gives_up().await;
        setup.holds_nothing().await;
    }
}

#[tokio::test]
async fn a_writer_that_is_dropped_gives_its_upload_up() {
    let setup = setup().await;
    let mut writer = setup.store.writer(new_blob(1)).await.expect("writer");
    writer.write(sample(12 * MIB).into()).await.expect("write");
    until("a part", || setup.leftovers() > 0).await;

    drop(writer);

    setup.gives_up().await;
    setup.holds_nothing().await;
}

#[tokio::test]
async fn a_completion_that_fails_late_is_no_success() {
    let setup = setup().await;
    let late = |code: &str| Fault::Answer(200, Vec::new(), format!("\n \n{}", error(code)));

    setup.proxy.faults(is_complete, vec![late("InternalError")]);
    let bytes = sample(6 * MIB);
    let written = put(&setup.store, 1, &bytes).await.expect("tried again");
    assert!(get(&setup.store, &written).await.expect("bytes") == bytes);
    setup.store.remove(&written.key).await.expect("removed");

    setup.proxy.faults(is_complete, vec![late("InvalidPart")]);
    let refused = put(&setup.store, 2, &bytes).await;
    assert!(
        matches!(refused, Err(ContentError::Rejected { .. })),
        "{refused:?}"
    );
    setup.gives_up().await;
    setup.holds_nothing().await;
}

#[tokio::test]
async fn a_completion_whose_answer_is_lost_is_a_success() {
    let setup = setup().await;
    let bytes = sample(6 * MIB);
    setup.proxy.faults(is_complete, vec![Fault::ResetAfter]);

    let written = put(&setup.store, 1, &bytes).await.expect("found complete");

    assert!(get(&setup.store, &written).await.expect("bytes") == bytes);
}

#[tokio::test]
async fn a_note_whose_answer_is_lost_was_made() {
    let setup = setup().await;
    setup.store.probe().await.expect("usable");
    setup.proxy.faults(is(&Method::PUT), vec![Fault::ResetAfter]);

    assert!(setup.store.create_note("n", "mine".into()).await.expect("made"));
    assert!(!setup.store.create_note("n", "other".into()).await.expect("taken"));
}

#[tokio::test]
async fn one_transfer_holds_three_parts_at_most() {
    let memory = Memory::default();
    let setup = setup_with(|options| S3Options {
        memory: memory.clone(),
        ..options
    })
    .await;
    // Parts wait for each other, so that as many pile up as may.
    setup
        .proxy
        .script(|seen| is_part(seen).then(|| Fault::Drip(1, Duration::from_millis(50))));

    put(&setup.store, 1, &sample(40 * MIB)).await.expect("written");

    assert_eq!(memory.peak_bytes(), 15 * MIB as u64);
    assert_eq!(memory.held_bytes(), 0);
}

#[tokio::test]
async fn many_transfers_share_what_there_is_and_all_come_to_their_end() {
    for shared in [0, 10 * MIB] {
        let memory = Memory::new(shared as u64);
        let setup = setup_with(|options| S3Options {
            memory: memory.clone(),
            ..options
        })
        .await;
        let bytes = sample(12 * MIB);

        let all = join_all((0..6).map(|number| put(&setup.store, number, &bytes))).await;

        assert!(all.iter().all(Result::is_ok), "{all:?}");
        let most = (6 * 5 * MIB + shared) as u64;
        assert!(memory.peak_bytes() <= most, "{} of {most}", memory.peak_bytes());
        assert_eq!(memory.held_bytes(), 0);
    }
}

/// A length that is announced makes parts large; whether it is true shows at the end only.
#[tokio::test]
async fn large_parts_take_turns() {
    let memory = Memory::new(20 * MIB as u64);
    let setup = setup_with(|options| S3Options {
        memory: memory.clone(),
        ..options
    })
    .await;
    let bytes = sample(25 * MIB);
    let write = async |number| {
        let new = NewBlob {
            size_bytes: Some(9000 * 20 * MIB as u64),
            ..new_blob(number)
        };
        let mut writer = setup.store.writer(new).await?;
        for chunk in bytes.chunks(300_000) {
            writer.write(Bytes::copy_from_slice(chunk)).await?;
            tokio::task::yield_now().await;
        }
        writer.finish().await
    };

    let all = join_all((0..5).map(write)).await;

    assert!(all.iter().all(Result::is_ok), "{all:?}");
    let first = all[0].as_ref().expect("written");
    assert!(get(&setup.store, first).await.expect("bytes") == bytes);
    assert!(memory.peak_bytes() <= (5 * 5 + 20) * MIB as u64);
    let parts = setup.proxy.take_seen().into_iter().filter(is_part);
    assert_eq!(parts.count(), 10, "two each");
}

#[tokio::test]
async fn a_blob_that_would_need_too_many_parts_is_refused_at_once() {
    let setup = setup().await;
    let new = NewBlob {
        size_bytes: Some(u64::MAX),
        ..new_blob(1)
    };
    let mut writer = setup.store.writer(new).await.expect("writer");

    let written = writer.write("bytes".into()).await;

    assert!(
        matches!(written, Err(ContentError::TooLarge { limit_bytes }) if limit_bytes > 1 << 40),
        "{written:?}"
    );
    assert!(setup.proxy.take_seen().is_empty());
}
