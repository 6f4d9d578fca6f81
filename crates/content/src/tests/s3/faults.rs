//! A service or a line that misbehaves: tried again where that helps, otherwise a clear error, and never
//! half a blob.

mod reading;
mod writing;

use std::collections::BTreeSet;
use std::sync::Mutex;

use futures_util::TryStreamExt;
use reqwest::Method;

use super::*;
use crate::contract::sample;
use crate::tests::emulators::proxy::{Fault, Seen};
use crate::{ContentError, Written};

/// A service, what stands before it, and the store that knows of neither.
struct Setup {
    service: S3s,
    proxy: Proxy,
    store: S3Store,
}

async fn setup() -> Setup {
    setup_with(|options| options).await
}

async fn setup_with(change: impl FnOnce(S3Options) -> S3Options) -> Setup {
    let service = S3s::start();
    let proxy = Proxy::start(service.running.port).await;
    let plain = S3Options {
        prefix: String::new(),
        ..options(proxy.endpoint())
    };
    let store = S3Store::open(change(plain)).expect("settings");
    Setup {
        service,
        proxy,
        store,
    }
}

fn new_blob(number: u8) -> NewBlob {
    NewBlob {
        id: BlobId::new(Millis(1_800_000_000_000), [number; 10]),
        wants_md5: false,
        size_bytes: None,
    }
}

async fn put(store: &S3Store, number: u8, bytes: &[u8]) -> Result<Written, ContentError> {
    let mut writer = store.writer(new_blob(number)).await?;
    for chunk in bytes.chunks(1_000_000) {
        writer.write(Bytes::copy_from_slice(chunk)).await?;
    }
    writer.finish().await
}

async fn get(store: &S3Store, written: &Written) -> Result<Vec<u8>, ContentError> {
    let read = store.read(&written.key, written.size_bytes, 0..written.size_bytes);
    let chunks: Result<Vec<Bytes>, _> = read.await?.try_collect().await;
    chunks.map(|chunks| chunks.concat()).map_err(ContentError::Body)
}

/// Lets the first request of each kind go wrong.
fn fail_first_of_each(proxy: &Proxy, fault: Fault) {
    let seen_before = Mutex::new(BTreeSet::new());
    proxy.script(move |seen| {
        let is_first = seen_before
            .lock()
            .expect("lock")
            .insert((seen.method.clone(), seen.target.clone()));
        // The answer to a HEAD has no body that could tell more than its status does.
        let is_told = seen.method != "HEAD" || !matches!(fault, Fault::Answer(400, ..));
        (is_first && is_told).then(|| fault.clone())
    });
}

fn is(method: &'static Method) -> impl Fn(&Seen) -> bool + Send + Sync {
    move |seen| seen.method == method.as_str()
}

fn error(code: &str) -> String {
    format!("<Error><Code>{code}</Code><Message>never shown</Message></Error>")
}

/// Waits for something that happens in the background.
async fn until(what: &str, happened: impl Fn() -> bool) {
    let waiting = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    in_time.unwrap_or_else(|_| panic!("{what} did not happen"));
}

#[tokio::test]
async fn what_passes_is_tried_again_whatever_was_asked() {
    let again = || vec![("retry-after", "0".to_owned())];
    let faults = [
        Fault::Answer(500, Vec::new(), error("InternalError")),
        Fault::Answer(503, again(), error("SlowDown")),
        Fault::Answer(429, again(), String::new()),
        Fault::Answer(408, Vec::new(), String::new()),
        Fault::Answer(400, Vec::new(), error("RequestTimeout")),
        Fault::AnswerAfter(500, error("InternalError")),
        Fault::AnswerAfter(502, "<html>Bad gateway</html>".to_owned()),
        Fault::Reset,
        Fault::ResetAfter,
        Fault::Truncate(0),
        Fault::Truncate(20),
    ];
    let setup = setup().await;
    let (small, large) = (sample(1000), sample(11 * 1024 * 1024));
    for (number, fault) in faults.into_iter().enumerate() {
        let case = format!("{fault:?}");
        fail_first_of_each(&setup.proxy, fault);
        let number = u8::try_from(number).expect("few");
        let store = &setup.store;

        for (id, bytes) in [(number * 2, &small), (number * 2 + 1, &large)] {
            let written = put(store, id, bytes).await.expect(&case);
            assert!(get(store, &written).await.expect(&case) == *bytes, "{case}");
            let listed = store.list(None, 10).await.expect(&case);
            assert_eq!(listed.len(), 1, "{case}");
            store.remove(&written.key).await.expect(&case);
            assert_eq!(store.measure(&written.key).await.expect(&case), None, "{case}");
        }
        store.put_note("n", small.clone().into()).await.expect(&case);
        let note = store.note("n").await.expect(&case);
        assert!(note.is_some_and(|note| note == small), "{case}");
        store.remove_note("n").await.expect(&case);
    }
}

#[tokio::test]
async fn what_stays_broken_is_unavailable_after_a_few_tries() {
    let setup = setup().await;
    for fault in [
        Fault::Answer(503, Vec::new(), error("SlowDown")),
        Fault::Reset,
        Fault::ResetAfter,
    ] {
        setup.proxy.take_seen();
        setup.proxy.script({
            let fault = fault.clone();
            move |_| Some(fault.clone())
        });

        let written = put(&setup.store, 1, b"bytes").await;

        assert!(matches!(written, Err(ContentError::Unavailable(_))), "{fault:?}");
        assert_eq!(setup.proxy.take_seen().len(), 4, "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_refused_is_not_tried_again() {
    let setup = setup().await;
    for (status, code) in [
        (400, "InvalidArgument"),
        (401, ""),
        (403, "AccessDenied"),
        (405, "MethodNotAllowed"),
        (409, "Conflict"),
        (411, "MissingContentLength"),
        (412, "PreconditionFailed"),
        (501, "NotImplemented"),
    ] {
        setup.proxy.take_seen();
        setup
            .proxy
            .script(move |_| Some(Fault::Answer(status, Vec::new(), error(code))));

        let written = put(&setup.store, 1, b"bytes").await;

        let told = written.expect_err("refused");
        assert!(matches!(told, ContentError::Rejected { .. }), "{told:?}");
        assert!(!format!("{told:?}").contains("never shown"), "{told:?}");
        assert_eq!(setup.proxy.take_seen().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_kept_and_a_long_one_not_waited_for() {
    let setup = setup().await;
    let busy = |secs: &str| Fault::Answer(429, vec![("retry-after", secs.to_owned())], String::new());

    setup.proxy.faults(|_| true, vec![busy("1")]);
    let started = std::time::Instant::now();
    put(&setup.store, 1, b"bytes").await.expect("after the wait");
    assert!(started.elapsed() >= Duration::from_secs(1));

    setup.proxy.faults(|_| true, vec![busy("3600")]);
    setup.proxy.take_seen();
    let written = put(&setup.store, 2, b"bytes").await;
    assert!(
        matches!(written, Err(ContentError::Unavailable(_))),
        "{written:?}"
    );
    assert_eq!(setup.proxy.take_seen().len(), 1);
}

#[tokio::test]
async fn a_service_that_says_nothing_is_given_up() {
    let brief = Patience {
        try_count: 2,
        connect: Duration::from_millis(100),
        silence: Duration::from_millis(100),
        longest_asked: Duration::from_millis(100),
        ..HASTE
    };
    let setup = setup_with(|options| S3Options {
        patience: brief,
        ..options
    })
    .await;
    setup.proxy.script(|_| Some(Fault::Hang));

    let listed = setup.store.list(None, 1).await;

    let told = format!("{listed:?}");
    assert!(
        told.contains("Unavailable") && told.contains("it took too long"),
        "{told}"
    );
    assert_eq!(setup.proxy.take_seen().len(), 2);
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_no_missing_blob() {
    let setup = setup().await;
    let written = put(&setup.store, 1, b"bytes").await.expect("written");
    setup
        .proxy
        .script(|_| Some(Fault::Answer(404, Vec::new(), error("NoSuchBucket"))));

    let read = get(&setup.store, &written).await;
    let removed = setup.store.remove(&written.key).await;
    let note = setup.store.note("n").await;

    for outcome in [read.map(drop), removed, note.map(drop)] {
        assert!(
            matches!(outcome, Err(ContentError::Rejected { .. })),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_no_empty_listing() {
    let setup = setup().await;
    for body in [
        "<html>Log in, please</html>",
        "",
        "<ListBucketResult><Contents/></ListBucketResult>",
    ] {
        setup
            .proxy
            .script(move |_| Some(Fault::Answer(200, Vec::new(), body.to_owned())));

        let listed = setup.store.list(None, 10).await;

        assert!(
            matches!(listed, Err(ContentError::Unavailable(_))),
            "{body}: {listed:?}"
        );
    }
}
