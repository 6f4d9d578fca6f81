//! Bodies that are read when they are sent.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::stream;
use http_body::Body as _;
use model::{BodyError, ByteStream};

use crate::Body;

async fn sent(mut body: Body) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|ctx| Pin::new(&mut body).poll_frame(ctx)).await {
        bytes.extend_from_slice(&frame?.into_data().expect("bytes"));
    }
    Ok(bytes)
}

fn of(told_bytes: u64, pieces: &'static [&'static str]) -> Body {
    Body::streamed(
        told_bytes,
        Arc::new(|| -> ByteStream {
            let pieces = pieces
                .iter()
                .map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
            Box::pin(stream::iter(pieces))
        }),
    )
}

#[tokio::test]
async fn a_body_that_is_sent_again_is_read_again() {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&opened);
    let body = Body::streamed(
        3,
        Arc::new(move || -> ByteStream {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(stream::iter([Ok(Bytes::from_static(b"abc"))]))
        }),
    );
    assert_eq!(body.len(), 3);
    for _ in 0..2 {
        assert_eq!(sent(body.clone()).await.expect("whole"), b"abc");
    }

    assert_eq!(opened.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_was_told_breaks_the_request() {
    assert_eq!(sent(of(4, &["ab", "cd"])).await.expect("whole"), b"abcd");
    let short = sent(of(5, &["ab", "cd"])).await;
    assert!(matches!(short, Err(BodyError::Incomplete)), "{short:?}");
    let long = sent(of(3, &["ab", "cd"])).await;
    assert!(matches!(long, Err(BodyError::Malformed(_))), "{long:?}");
    assert_eq!(sent(of(0, &[])).await.expect("none"), b"");
}
