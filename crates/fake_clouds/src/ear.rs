//! Somebody who listens for notices, for tests of those who ask for them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// Takes whatever is posted, and gives back the tokens by which Graph tries addresses. It ends when dropped.
#[derive(Debug)]
pub struct Ear {
    url: String,
    heard: Mutex<UnboundedReceiver<Heard>>,
    is_deaf: Arc<AtomicBool>,
    serving: JoinHandle<()>,
}

/// Something that was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Where to.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Heard {
    /// A header; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }
}

#[derive(Clone)]
struct Listening {
    heard: UnboundedSender<Heard>,
    is_deaf: Arc<AtomicBool>,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(rename = "validationToken")]
    token: Option<String>,
}

impl Ear {
    /// Begins to listen at an address of this machine.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn start() -> Self {
        let (sender, heard) = unbounded_channel();
        let is_deaf = Arc::new(AtomicBool::new(false));
        let listening = Listening {
            heard: sender,
            is_deaf: is_deaf.clone(),
        };
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let port = tokio::net::TcpListener::bind(any).await.expect("a port");
        let url = format!("http://{}", port.local_addr().expect("an address"));
        let routes = Router::new().fallback(take).with_state(listening);
        let serving = tokio::spawn(async move {
            // It serves until the task is dropped.
            axum::serve(port, routes).await.ok();
        });
        Self {
            url,
            heard: Mutex::new(heard),
            is_deaf,
            serving,
        }
    }

    /// Its address, without a path.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The next thing that is posted.
    ///
    /// # Panics
    /// When nothing can come any more.
    pub async fn next(&self) -> Heard {
        let mut heard = self.heard.lock().await;
        heard.recv().await.expect("it listens as long as it lives")
    }

    /// Answers 500 from now on, or no more.
    pub fn set_deaf(&self, is_deaf: bool) {
        self.is_deaf.store(is_deaf, Ordering::SeqCst);
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(
    State(listening): State<Listening>,
    Query(asked): Query<Asked>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    if listening.is_deaf.load(Ordering::SeqCst) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if let Some(token) = asked.token {
        return token.into_response();
    }
    let heard = Heard {
        path: uri.path().to_owned(),
        headers,
        body,
    };
    // Whoever started it may listen no more.
    listening.heard.send(heard).ok();
    StatusCode::ACCEPTED.into_response()
}
