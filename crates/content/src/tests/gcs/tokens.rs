use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::join_all;

use super::{Gcs, now, options};
use crate::tests::emulators::proxy::{Fault, Proxy};
use crate::{Backend, ContentError, GcsOptions, GcsStore, Secret};

/// A store that reaches everything through a proxy, with a clock that is behind by so many seconds.
async fn behind(gcs: &Gcs, secs: &Arc<AtomicI64>) -> (Proxy, GcsStore) {
    let proxy = Proxy::start(gcs.running.port).await;
    let credentials = gcs.credentials().replace(&gcs.endpoint(), &proxy.endpoint());
    let secs = Arc::clone(secs);
    let store = GcsStore::open(GcsOptions {
        endpoint: Some(proxy.endpoint()),
        credentials: Some(Secret::new(credentials)),
        clock: Arc::new(move || now().minus_secs(secs.load(Ordering::Relaxed))),
        ..options(gcs)
    });
    (proxy, store.expect("options"))
}

/// How often a token was asked for since the last time.
fn asked(proxy: &Proxy) -> usize {
    let seen = proxy.take_seen();
    seen.iter().filter(|seen| seen.target == "/token").count()
}

#[tokio::test]
async fn one_token_serves_all_until_shortly_before_it_ends() {
    let gcs = Gcs::start();
    let secs = Arc::new(AtomicI64::new(3400));
    let (proxy, store) = behind(&gcs, &secs).await;

    for listed in join_all((0..20).map(|_| store.list(None, 1))).await {
        listed.expect("list");
    }
    assert_eq!(asked(&proxy), 1);
    secs.store(150, Ordering::Relaxed);
    store.list(None, 1).await.expect("list");
    assert_eq!(asked(&proxy), 0, "it holds for 350 seconds yet");
    secs.store(90, Ordering::Relaxed);
    store.list(None, 1).await.expect("list");
    assert_eq!(asked(&proxy), 1, "it would end within 5 minutes");
}

#[tokio::test]
async fn a_token_that_is_refused_is_replaced_unless_it_is_new() {
    let gcs = Gcs::start();
    let secs = Arc::new(AtomicI64::new(200));
    let (proxy, store) = behind(&gcs, &secs).await;
    store.list(None, 1).await.expect("list");
    let refusal = Fault::Answer(401, Vec::new(), String::new());

    secs.store(100, Ordering::Relaxed);
    proxy.faults(|seen| seen.target != "/token", vec![refusal.clone()]);
    store.list(None, 1).await.expect("list");
    assert_eq!(asked(&proxy), 2, "the first and its successor");
    secs.store(30, Ordering::Relaxed);
    let late = [refusal.clone(), refusal.clone(), refusal.clone()].to_vec();
    proxy.faults(|seen| seen.target != "/token", late);
    for listed in join_all((0..3).map(|_| store.list(None, 1))).await {
        listed.expect("all who sent the token that was refused are served by the next");
    }
    asked(&proxy);

    secs.store(20, Ordering::Relaxed);
    proxy.script(move |seen| (seen.target != "/token").then(|| refusal.clone()));
    let refused = store.list(None, 1).await;
    let Err(ContentError::Rejected { reason, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        reason.contains("does not take the service account's access token"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_token_endpoint_that_is_away_makes_the_store_unavailable() {
    let gcs = Gcs::start();
    let (proxy, store) = behind(&gcs, &Arc::new(AtomicI64::new(0))).await;
    for fault in [
        Fault::Reset,
        Fault::Answer(503, Vec::new(), String::new()),
        Fault::Answer(200, Vec::new(), "no token".to_owned()),
    ] {
        proxy.script(move |seen| (seen.target == "/token").then(|| fault.clone()));

        let listed = store.list(None, 1).await;

        assert!(matches!(listed, Err(ContentError::Unavailable(_))), "{listed:?}");
    }
    proxy.script(|_| None);
    store.list(None, 1).await.expect("list");
}
