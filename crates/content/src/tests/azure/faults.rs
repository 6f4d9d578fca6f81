use std::sync::Arc;

use bytes::Bytes;

use super::{Azurite, id, options, put, put_part, read};
use crate::contract::sample;
use crate::tests::emulators::proxy::{Fault, Proxy};
use crate::{AzureOptions, AzureStore, Backend, ContentError, NewParts, Secret};

/// A store behind a proxy that breaks things.
async fn broken(azurite: &Azurite) -> (Proxy, AzureStore) {
    let proxy = Proxy::start(azurite.running.port).await;
    let endpoint = format!("{}/{}", proxy.endpoint(), Azurite::ACCOUNT);
    let connection = azurite.connection().replace(&azurite.endpoint(), &endpoint);
    let store = AzureStore::open(AzureOptions {
        connection: Secret::new(connection),
        ..options(azurite)
    });
    (proxy, store.expect("options"))
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_done_once() {
    let azurite = Azurite::start();
    let (proxy, store) = broken(&azurite).await;
    for (number, fault) in [
        (1, Fault::ResetAfter),
        (2, Fault::AnswerAfter(500, String::new())),
        (3, Fault::AnswerAfter(503, String::new())),
        (4, Fault::Reset),
    ] {
        proxy.faults(|seen| seen.method == "PUT", vec![fault.clone(), fault]);

        let written = put(&store, id(number), b"once").await;

        assert_eq!(read(&store, &written.key, 4).await, b"once");
    }
    proxy.faults(|seen| seen.method == "PUT", vec![Fault::ResetAfter]);
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
async fn a_completion_survives_the_loss_of_any_answer() {
    let azurite = Azurite::start();
    for lost in 0..8 {
        let (proxy, store) = broken(&azurite).await;
        let new = NewParts {
            id: id(lost),
            size_bytes: None,
        };
        let upload = store.begin(new).await.expect("begin");
        let part = put_part(&store, &upload, b"once").await;
        proxy.take_seen();
        proxy.script(move |seen| (seen.number == usize::from(lost)).then_some(Fault::ResetAfter));

        store.complete(&upload, &[part]).await.expect("complete");

        assert_eq!(read(&store, &upload.key, 4).await, b"once");
    }
}

#[tokio::test]
async fn bytes_that_change_on_the_way_are_not_stored() {
    let azurite = Azurite::start();
    let (proxy, store) = broken(&azurite).await;
    proxy.script(|seen| (seen.method == "PUT" && seen.body_bytes > 3).then_some(Fault::CorruptRequest(2)));

    let put = store.put_note("a", Bytes::from_static(b"right")).await;

    assert!(matches!(put, Err(ContentError::Rejected { .. })), "{put:?}");
    assert_eq!(store.note("a").await.expect("note"), None);
}

#[tokio::test]
async fn a_read_that_breaks_goes_on_where_it_ended() {
    let azurite = Azurite::start();
    let (proxy, store) = broken(&azurite).await;
    let bytes = sample(3_000_000);
    let written = put(&store, id(1), &bytes).await;
    let cut = Fault::Truncate(500_000);
    proxy.faults(|seen| seen.method == "GET", vec![cut.clone(), cut]);
    proxy.take_seen();

    assert!(read(&store, &written.key, 3_000_000).await == bytes);

    let ranges: Vec<String> = proxy
        .take_seen()
        .iter()
        .filter_map(|seen| {
            seen.head
                .lines()
                .find_map(|line| line.strip_prefix("range: ").map(str::to_owned))
        })
        .collect();
    assert_eq!(
        ranges,
        ["bytes=0-2999999", "bytes=500000-2999999", "bytes=1000000-2999999"]
    );
}

#[tokio::test]
async fn a_service_that_is_away_is_unavailable_and_not_a_missing_blob() {
    let azurite = Azurite::start();
    let (proxy, store) = broken(&azurite).await;
    let written = put(&store, id(1), b"here").await;
    let store = Arc::new(store);
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
