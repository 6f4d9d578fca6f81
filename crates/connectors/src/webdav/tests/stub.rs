//! A server that answers as it is told to, for what real ones cannot be made to do.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What is answered: whole, as it goes over the wire. Nothing at all closes the connection.
pub type Script = Arc<dyn Fn(&Asked) -> String + Send + Sync>;

/// A request.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// Lower-case names with their values.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(told, _)| told == name);
        found.map(|(_, value)| value.as_str())
    }
}

pub struct Stub {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    serving: JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Stub {
    pub async fn start(script: impl Fn(&Asked) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let script: Script = Arc::new(script);
        let seen = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&seen)));
            }
        });
        Self { url, asked, serving }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("not poisoned").clone()
    }
}

/// One request for each connection.
async fn serve(mut stream: TcpStream, script: Script, seen: Arc<Mutex<Vec<Asked>>>) {
    let mut bytes = Vec::new();
    let head_bytes = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_bytes]).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let mut asked = Asked {
        method: first.next().unwrap_or_default().to_owned(),
        path: first.next().unwrap_or_default().to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: Vec::new(),
    };
    let length: usize = asked
        .header("content-length")
        .map_or(0, |length| length.parse().expect("a length"));
    while bytes.len() < head_bytes + length {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            break;
        }
    }
    asked.body = bytes.split_off(head_bytes);
    let answer = script(&asked);
    seen.lock().expect("not poisoned").push(asked);
    stream.write_all(answer.as_bytes()).await.ok();
    stream.shutdown().await.ok();
}

/// An answer with a body.
pub fn answer(status: u16, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} Told\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

/// A multistatus of these paths: files with their lengths, folders without.
pub fn multistatus(told: &[(&str, Option<usize>)]) -> String {
    let one = |(href, length): &(&str, Option<usize>)| {
        let kind = match length {
            Some(length) => format!(
                "<resourcetype/><getcontentlength>{length}</getcontentlength><getetag>\"tag\"</getetag>"
            ),
            None => "<resourcetype><collection/></resourcetype>".to_owned(),
        };
        format!(
            "<response><href>{href}</href><propstat><prop>{kind}</prop>\
             <status>HTTP/1.1 200 OK</status></propstat></response>"
        )
    };
    let all: String = told.iter().map(one).collect();
    answer(
        207,
        "",
        &format!("<multistatus xmlns=\"DAV:\">{all}</multistatus>"),
    )
}
