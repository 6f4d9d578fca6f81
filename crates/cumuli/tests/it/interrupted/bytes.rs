//! Requests byte by byte, so that they can be cut anywhere.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Client, PATIENCE, Server};

/// How a client leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// It closes the connection.
    Close,
    /// It resets it, as one whose machine went down.
    Reset,
}

/// A connection on which a request is written.
pub struct Wire(TcpStream);

impl Wire {
    /// Connects and sends the head of a request; `fields` are more of its lines.
    pub async fn begin(server: &Server, client: &Client, line: (&str, &str), fields: &str) -> Self {
        let (method, path) = line;
        let mut stream = TcpStream::connect(server.host()).await.unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n{fields}\r\n",
            server.host(),
            client.token()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream)
    }

    /// The same with the whole of a body.
    pub async fn whole(server: &Server, client: &Client, line: (&str, &str), body: &[u8]) -> Self {
        let fields = format!(
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
        let mut wire = Self::begin(server, client, line, &fields).await;
        wire.send(body).await;
        wire
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// Reads this many bytes.
    pub async fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let read = tokio::time::timeout(PATIENCE, self.0.read_exact(&mut bytes)).await;
        read.expect("the server answers").unwrap();
        bytes
    }

    /// What the server says until it closes the connection.
    pub async fn rest(mut self) -> String {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        let _ = read.expect("the server closes the connection");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    pub fn leave(self, how: Leave) {
        if how == Leave::Reset {
            self.0.set_zero_linger().unwrap();
        }
    }
}
