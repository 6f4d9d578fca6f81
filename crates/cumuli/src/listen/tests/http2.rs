use super::*;

/// One HTTP/2 frame (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Opens HTTP/2 and asks for `path` on stream 1 (RFC 7541: 0x82 GET, 0x86 http, 0x04 path).
fn http2_request(path: &str, more: &[u8]) -> Vec<u8> {
    let mut head = vec![0x82, 0x86, 0x04, path.len() as u8];
    head.extend(path.as_bytes());
    head.extend([0x41, 1, b'x']);
    head.extend(more);
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    // END_HEADERS and END_STREAM.
    bytes.extend(frame(1, 5, 1, &head));
    bytes
}

/// The payload of the next frame of a kind; `None` when the connection ends first.
async fn next_frame(stream: &mut TcpStream, kind: u8) -> Option<Vec<u8>> {
    loop {
        let mut head = [0; 9];
        let read = timeout(PATIENCE, stream.read_exact(&mut head))
            .await
            .expect("a frame or the end");
        read.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await.ok()?;
        if head[3] == kind {
            return Some(payload);
        }
    }
}

#[tokio::test]
async fn http2_is_spoken_and_drained() {
    let server = Running::start(generous());
    let mut stream = server.connect().await;
    // In two parts, so that the version shows only with the second.
    let bytes = http2_request("/wait", &[]);
    stream.write_all(&bytes[..3]).await.unwrap();
    stream.write_all(&bytes[3..]).await.unwrap();
    server.came.notified().await;

    server.shutdown.begin();

    next_frame(&mut stream, 7).await.expect("a GOAWAY");
    server.go.notify_one();
    let head = next_frame(&mut stream, 1).await.expect("a reply");
    assert_eq!(head[0], 0x88, "0x88 is the status 200");
    assert_eq!(next_frame(&mut stream, 0).await.expect("a body"), b"waited");
    drop(stream);
    assert_eq!(server.ended().await, Ended::Drained);
}

#[tokio::test]
async fn http2_is_closed_when_it_rests() {
    let server = Running::start(Limits {
        idle: SHORT,
        ..generous()
    });
    let mut stream = server.connect().await;
    stream.write_all(&http2_request("/", &[])).await.unwrap();
    next_frame(&mut stream, 1).await.expect("a reply");

    assert!(next_frame(&mut stream, 7).await.is_some(), "a GOAWAY");
    assert!(next_frame(&mut stream, 1).await.is_none(), "the end");
}

#[tokio::test]
async fn http2_refuses_too_many_fields() {
    let server = Running::start(generous());
    let mut stream = server.connect().await;
    // A literal field without indexing, `a: b`, 101 times.
    let fields = [0, 1, b'a', 1, b'b'].repeat(101);
    stream.write_all(&http2_request("/", &fields)).await.unwrap();

    let head = next_frame(&mut stream, 1).await.expect("a reply");

    // A new `:status` in Huffman code: 431.
    assert_eq!(head[..5], [0x48, 0x83, 0x69, 0x90, 0xff]);
}
