//! Folders, or any choice of nodes, as a zip archive that is made while it is sent.
//!
//! Nothing is written down on the way: a file is opened when its turn comes, with the right to it
//! checked then. What cannot be read any more cuts the connection, so that no part looks like the whole;
//! a client that hangs up ends the work.

mod walk;
mod writer;

#[cfg(test)]
mod tests;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use hub::{Hub, HubError};
use model::{Actor, ByteStream, Node};

use crate::disposition;
use crate::replies::{AsItIs, SANDBOX};
use walk::{Met, Walk};
use writer::{Directory, Writer};

/// Pieces shorter than this are sent together.
const PIECE_BYTES: usize = 32 * 1024;

/// Sends nodes as an archive; to HEAD, what would be said of it.
pub(crate) fn reply(hub: &Hub, actor: &Actor, nodes: Vec<Node>, method: &Method) -> Response {
    let name = archive_name(&nodes);
    let body = match method {
        &Method::HEAD => Body::empty(),
        _ => Body::from_stream(stream::try_unfold(
            Archive::new(hub.clone(), actor.clone(), nodes),
            |mut archive| async move { Ok::<_, HubError>(archive.piece().await?.map(|piece| (piece, archive))) },
        )),
    };
    let mut response = (StatusCode::OK, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(
        header::CONTENT_DISPOSITION,
        disposition::header("attachment", &name),
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("none"));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, no-store"),
    );
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    response.extensions_mut().insert(AsItIs);
    response
}

/// What the file is called that an archive of these nodes is saved as.
pub(crate) fn archive_name(nodes: &[Node]) -> String {
    match nodes {
        [node] if !node.name.as_str().is_empty() => format!("{}.zip", node.name),
        _ => "Cumuli.zip".to_owned(),
    }
}

/// An archive that is being made.
struct Archive {
    hub: Hub,
    actor: Actor,
    walk: Walk,
    state: State,
}

enum State {
    /// Between two entries.
    Between(Writer),
    /// In a file.
    In(Writer, Open),
    /// After the last entry.
    After(Directory),
    /// Something went wrong, or all is said.
    Over,
}

/// A file whose bytes are being sent.
struct Open {
    bytes: ByteStream,
    left_bytes: u64,
    crc: crc32fast::Hasher,
}

impl Archive {
    fn new(hub: Hub, actor: Actor, nodes: Vec<Node>) -> Self {
        Self {
            walk: Walk::new(hub.clone(), actor.clone(), nodes),
            hub,
            actor,
            state: State::Between(Writer::default()),
        }
    }

    /// The next piece to be sent; `None` after the last.
    async fn piece(&mut self) -> Result<Option<Bytes>, HubError> {
        let mut piece = BytesMut::new();
        while piece.len() < PIECE_BYTES {
            match self.step().await? {
                Some(whole) if piece.is_empty() && whole.len() >= PIECE_BYTES => return Ok(Some(whole)),
                Some(part) => piece.extend_from_slice(&part),
                None => break,
            }
        }
        Ok(Some(piece.freeze()).filter(|piece| !piece.is_empty()))
    }

    async fn step(&mut self) -> Result<Option<Bytes>, HubError> {
        // What fails leaves it over: nothing is sent after an error.
        match std::mem::replace(&mut self.state, State::Over) {
            State::Over => Ok(None),
            State::Between(writer) => self.enter(writer).await.map(Some),
            State::In(writer, open) => self.go_on(writer, open).await.map(Some),
            State::After(mut directory) => {
                let piece = directory.next();
                self.state = State::After(directory);
                Ok(piece)
            }
        }
    }

    /// Starts the next entry, or ends the archive.
    async fn enter(&mut self, mut writer: Writer) -> Result<Bytes, HubError> {
        let Some(Met { node, depth, name }) = self.walk.next().await? else {
            self.state = State::After(writer.directory());
            return Ok(Bytes::new());
        };
        if node.is_folder() {
            let head = writer.folder((depth, &name), node.modified_ms);
            self.state = State::Between(writer);
            return Ok(head);
        }
        let download = match self.hub.open_file(&self.actor, node.id, None).await {
            Ok(download) => download,
            Err(HubError::NotFound(_)) => {
                self.walk.check_top().await?;
                self.state = State::Between(writer);
                return Ok(Bytes::new());
            }
            Err(error) => return Err(error),
        };
        let size_bytes = download.version.size_bytes;
        let open = Open {
            bytes: self.hub.read_content(&download, 0..size_bytes).await?,
            left_bytes: size_bytes,
            crc: crc32fast::Hasher::new(),
        };
        let head = writer.file((depth, &name), size_bytes, download.version.created_ms);
        self.state = State::In(writer, open);
        Ok(head)
    }

    /// Sends more of a file, or ends it.
    async fn go_on(&mut self, mut writer: Writer, mut open: Open) -> Result<Bytes, HubError> {
        match open.bytes.next().await {
            Some(Ok(bytes)) if bytes.len() as u64 <= open.left_bytes => {
                open.crc.update(&bytes);
                open.left_bytes -= bytes.len() as u64;
                self.state = State::In(writer, open);
                Ok(bytes)
            }
            None if open.left_bytes == 0 => {
                let tail = writer.end_file(open.crc.finalize());
                self.state = State::Between(writer);
                Ok(tail)
            }
            Some(Err(error)) => Err(HubError::Body(error)),
            Some(Ok(_)) | None => Err(HubError::Damaged),
        }
    }
}
