//! A proxy that breaks things on purpose, between a client and a stand-in.
//!
//! It passes one request a connection on, as it came, and what is answered back, unless its script says
//! otherwise.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What goes wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this status, these headers and this body, and not passed on.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// It is passed on and takes effect, and is then answered so.
    AnswerAfter(u16, String),
    /// The connection is reset before anything is passed on.
    Reset,
    /// It takes effect, and the connection is reset instead of an answer.
    ResetAfter,
    /// The answer's body ends after so many bytes, whatever its `Content-Length` says.
    Truncate(usize),
    /// A byte of the answer's body is another.
    CorruptAnswer(usize),
    /// A byte of the request's body is another.
    CorruptRequest(usize),
    /// The answer's body comes so many bytes at a time, with this wait before each of them and before all.
    Drip(usize, Duration),
    /// It is passed on as if it asked for the whole.
    WithoutRange,
    /// Nothing is answered at all.
    Hang,
}

/// A request as the proxy saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub target: String,
    /// Its head: the first line and the headers.
    pub head: String,
    /// How many bytes its body had.
    pub body_bytes: usize,
    /// How many requests came before it.
    pub number: usize,
}

type Script = Box<dyn Fn(&Seen) -> Option<Fault> + Send + Sync>;

struct State {
    upstream: u16,
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
}

/// The proxy; it runs until it is dropped.
pub struct Proxy {
    state: Arc<State>,
    accepting: JoinHandle<()>,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Proxy {
    /// Starts between clients and the service on that port, without faults.
    pub async fn start(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State {
            upstream,
            script: Mutex::new(Box::new(|_| None)),
            seen: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A client that goes away is no trouble of the proxy's.
                    serve(&state, client).await.ok();
                });
            }
        });
        Self {
            state,
            accepting,
            port,
        }
    }

    /// Where it answers.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Decides from now on what goes wrong with which request.
    pub fn script(&self, script: impl Fn(&Seen) -> Option<Fault> + Send + Sync + 'static) {
        *self.state.script.lock().expect("lock") = Box::new(script);
    }

    /// Lets the next requests that match go wrong, one fault each.
    pub fn faults(&self, matches: impl Fn(&Seen) -> bool + Send + Sync + 'static, faults: Vec<Fault>) {
        let left = Mutex::new(faults.into_iter());
        self.script(move |seen| {
            let fault = matches(seen).then(|| left.lock().expect("lock").next());
            fault.flatten()
        });
    }

    /// Whether such a request came.
    pub fn has_seen(&self, is_it: impl Fn(&Seen) -> bool) -> bool {
        self.state.seen.lock().expect("lock").iter().any(is_it)
    }

    /// All requests so far; from now on none are remembered but new ones.
    pub fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut *self.state.seen.lock().expect("lock"))
    }
}

struct Message {
    head: String,
    body: Vec<u8>,
}

async fn serve(state: &State, mut client: TcpStream) -> std::io::Result<()> {
    let Some(mut request) = read_request(&mut client).await? else {
        return Ok(());
    };
    let fault = {
        let mut words = request.head.split(' ');
        let mut all = state.seen.lock().expect("lock");
        let seen = Seen {
            method: words.next().unwrap_or_default().to_owned(),
            target: words.next().unwrap_or_default().to_owned(),
            head: request.head.clone(),
            body_bytes: request.body.len(),
            number: all.len(),
        };
        all.push(seen.clone());
        (state.script.lock().expect("lock"))(&seen)
    };
    match fault {
        Some(Fault::Answer(status, headers, body)) => {
            let body = if request.head.starts_with("HEAD ") {
                ""
            } else {
                &body
            };
            return client.write_all(&answer(status, &headers, body)).await;
        }
        Some(Fault::Reset) => return reset(client),
        Some(Fault::Hang) => {
            // Until the client gives up.
            client.read_u8().await.ok();
            return Ok(());
        }
        Some(Fault::CorruptRequest(at)) => {
            if let Some(byte) = request.body.get_mut(at) {
                *byte ^= 1;
            }
        }
        Some(Fault::WithoutRange) => {
            let lines = request.head.lines();
            let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("range:"));
            request.head = kept.map(|line| format!("{line}\r\n")).collect();
        }
        _ => {}
    }
    let mut reply = pass_on(state.upstream, &request).await?;
    match fault {
        Some(Fault::AnswerAfter(status, body)) => client.write_all(&answer(status, &[], &body)).await,
        Some(Fault::ResetAfter) => reset(client),
        Some(Fault::Truncate(length)) => {
            reply.body.truncate(length);
            write(&mut client, &reply, usize::MAX, Duration::ZERO).await
        }
        Some(Fault::CorruptAnswer(at)) => {
            if let Some(byte) = reply.body.get_mut(at) {
                *byte ^= 1;
            }
            write(&mut client, &reply, usize::MAX, Duration::ZERO).await
        }
        Some(Fault::Drip(length, pause)) => write(&mut client, &reply, length, pause).await,
        _ => write(&mut client, &reply, usize::MAX, Duration::ZERO).await,
    }
}

fn reset(client: TcpStream) -> std::io::Result<()> {
    // Closing with nothing to linger for sends a reset.
    client.set_zero_linger()?;
    drop(client);
    Ok(())
}

fn answer(status: u16, headers: &[(&'static str, String)], body: &str) -> Vec<u8> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    format!(
        "HTTP/1.1 {status} Fault\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

async fn write(
    client: &mut TcpStream,
    reply: &Message,
    length: usize,
    pause: Duration,
) -> std::io::Result<()> {
    if !pause.is_zero() {
        tokio::time::sleep(pause).await;
    }
    client.write_all(reply.head.as_bytes()).await?;
    for chunk in reply.body.chunks(length.max(1)) {
        client.write_all(chunk).await?;
        client.flush().await?;
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    client.shutdown().await
}

/// Reads a head, and a body by its `Content-Length`; `None` when the client sent nothing.
async fn read_request(client: &mut TcpStream) -> std::io::Result<Option<Message>> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut whole = usize::MAX;
    while bytes.len() < whole {
        let read = client.read(&mut buffer).await?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&buffer[..read]);
        if whole == usize::MAX
            && let Some(end) = end_of_head(&bytes)
        {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            whole =
                end + header(&head, "content-length").map_or(0, |length| length.parse().expect("a length"));
        }
    }
    let end = end_of_head(&bytes).expect("it was found");
    Ok(Some(Message {
        head: String::from_utf8_lossy(&bytes[..end]).into_owned(),
        body: bytes.split_off(end),
    }))
}

/// Passes a request on and reads the answer until the service closes the connection.
async fn pass_on(port: u16, request: &Message) -> std::io::Result<Message> {
    let mut service = TcpStream::connect(("127.0.0.1", port)).await?;
    let head = request.head.trim_end_matches("\r\n");
    service
        .write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes())
        .await?;
    service.write_all(&request.body).await?;
    let mut bytes = Vec::new();
    service.read_to_end(&mut bytes).await?;
    let end = end_of_head(&bytes).ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let head = head.trim_end_matches("\r\n");
    Ok(Message {
        // Whatever the service says: the proxy closes.
        head: match header(head, "connection") {
            Some(_) => format!("{head}\r\n\r\n"),
            None => format!("{head}\r\nconnection: close\r\n\r\n"),
        },
        body: bytes.split_off(end),
    })
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
