use super::*;
use crate::Damage;

/// The ranges that were asked for.
fn ranges(seen: &[Seen]) -> Vec<&str> {
    let lines = seen.iter().flat_map(|seen| seen.head.lines());
    lines.filter_map(|line| line.strip_prefix("range: ")).collect()
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_gone_on_with() {
    let setup = setup().await;
    let bytes = sample(300_000);
    let written = put(&setup.store, 1, &bytes).await.expect("written");
    setup.proxy.take_seen();
    setup.proxy.faults(
        is(&Method::GET),
        vec![
            Fault::Truncate(100_000),
            Fault::Truncate(0),
            Fault::ResetAfter,
            Fault::Truncate(50_000),
        ],
    );

    let read = get(&setup.store, &written).await.expect("bytes");

    assert!(read == bytes);
    assert_eq!(
        ranges(&setup.proxy.take_seen()),
        [
            "bytes=0-299999",
            "bytes=100000-299999",
            "bytes=100000-299999",
            "bytes=100000-299999",
            "bytes=150000-299999",
        ]
    );
}

#[tokio::test]
async fn a_read_that_gets_nowhere_ends_with_an_error() {
    let setup = setup().await;
    let written = put(&setup.store, 1, &sample(300_000)).await.expect("written");
    for fault in [Fault::Truncate(0), Fault::Truncate(1000)] {
        setup.proxy.take_seen();
        setup.proxy.script({
            let fault = fault.clone();
            move |_| Some(fault.clone())
        });

        let read = get(&setup.store, &written).await;

        assert!(
            matches!(read, Err(ContentError::Body(model::BodyError::Unreadable(_)))),
            "{fault:?}"
        );
        assert_eq!(setup.proxy.take_seen().len(), 4, "{fault:?}");
    }
}

#[tokio::test]
async fn a_service_that_drips_is_left() {
    let brief = Patience {
        silence: Duration::from_millis(200),
        ..HASTE
    };
    let setup = setup_with(|options| S3Options {
        patience: brief,
        ..options
    })
    .await;
    let bytes = sample(2000);
    let written = put(&setup.store, 1, &bytes).await.expect("written");
    let drip = || Fault::Drip(1, Duration::from_millis(20));

    setup.proxy.faults(is(&Method::GET), vec![drip()]);
    assert!(get(&setup.store, &written).await.expect("asked again") == bytes);

    setup.proxy.script(move |_| Some(drip()));
    let read = get(&setup.store, &written).await;
    assert!(
        matches!(read, Err(ContentError::Body(model::BodyError::Unreadable(_)))),
        "{read:?}"
    );
}

#[tokio::test]
async fn a_service_that_passes_over_ranges_is_read_nevertheless() {
    let moto = Moto::start();
    let direct = on_moto(&moto, Quirks::Generic).await;
    let bytes = sample(100_000);
    let written = put(&direct, 1, &bytes).await.expect("written");
    let proxy = Proxy::start(moto.running.port).await;
    proxy.script(|_| Some(Fault::WithoutRange));
    let store = S3Store::open(options(proxy.endpoint())).expect("settings");

    for range in [0..10, 50_000..60_000, 99_999..100_000] {
        let read = store.read(&written.key, written.size_bytes, range.clone());
        let part: Vec<Bytes> = read.await.expect("read").try_collect().await.expect("bytes");
        let expected = &bytes[range.start as usize..range.end as usize];
        assert!(part.concat() == expected, "{range:?}");
    }
    assert!(!store.probe().await.expect("usable").abilities.reads_ranges);
}

#[tokio::test]
async fn another_blob_in_the_middle_of_a_read_is_not_mixed_in() {
    let setup = setup().await;
    let bytes = sample(300_000);
    let written = put(&setup.store, 1, &bytes).await.expect("written");
    setup
        .proxy
        .faults(is(&Method::GET), vec![Fault::Truncate(100_000)]);
    let read = setup
        .store
        .read(&written.key, written.size_bytes, 0..written.size_bytes);
    let mut body = read.await.expect("read");
    let mut taken = body
        .try_next()
        .await
        .expect("bytes")
        .expect("not the end")
        .to_vec();

    put(&setup.store, 1, &vec![0; 300_000])
        .await
        .expect("something else");

    let outcome = loop {
        match body.try_next().await {
            Ok(Some(chunk)) => taken.extend_from_slice(&chunk),
            outcome => break outcome,
        }
    };
    assert!(outcome.is_err(), "{outcome:?}");
    assert!(taken == bytes[..100_000]);
}

#[tokio::test]
async fn a_range_beyond_what_is_stored_is_damage() {
    let setup = setup().await;
    let written = put(&setup.store, 1, &sample(1000)).await.expect("written");

    let read = setup.store.read(&written.key, 2000, 1500..1600).await.err();

    assert!(
        matches!(
            read,
            Some(ContentError::Damaged(Damage::Length {
                expected_bytes: 2000,
                found_bytes: 1000
            }))
        ),
        "{read:?}"
    );
}
