//! Who writes to a transfer: one request at a time.
//!
//! On one node a table in memory says it, and a request that fell silent is stopped by the next one: its
//! client has come back by another connection. Between nodes a lease in the row says it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use catalog::Engine;
use futures_util::{StreamExt, stream};
use model::{BodyError, ByteStream, Millis, UploadId};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::TransferError;
use crate::{Hub, HubError, keys};

/// A request from which nothing came for so long may be stopped by another.
const SILENCE: Duration = Duration::from_secs(2);
/// How long one waits for another to put down what it has.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a lease holds, seconds, and how often it is renewed.
const LEASE_SECS: i64 = 12;
pub(super) const RENEWAL: Duration = Duration::from_secs(3);

/// Who holds which transfer on this node.
#[derive(Default)]
pub(crate) struct Holds(Arc<Mutex<HashMap<UploadId, Arc<Holder>>>>);

struct Holder {
    stop: CancellationToken,
    over: CancellationToken,
    /// When the last bytes came; `None` while it does something else than wait for them.
    heard: Mutex<Option<Instant>>,
}

/// A request's hold on a transfer, until it is dropped.
pub(super) struct Hold {
    id: UploadId,
    holder: Arc<Holder>,
    all: Arc<Mutex<HashMap<UploadId, Arc<Holder>>>>,
}

impl Holds {
    /// Takes hold of a transfer, from a silent request if there is one.
    pub(super) async fn take(&self, id: UploadId) -> Result<Hold, TransferError> {
        self.hold(id, Holder::is_silent).await
    }

    /// Takes hold of a transfer, from any request that waits for bytes.
    pub(super) async fn interrupt(&self, id: UploadId) -> Result<Hold, TransferError> {
        self.hold(id, Holder::is_listening).await
    }

    pub(super) fn is_silent(&self, id: UploadId) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&id).is_some_and(|holder| holder.is_silent())
    }

    /// Waits until nobody holds a transfer, at most so long; whether that is so.
    pub(super) async fn wait(&self, id: UploadId, most: Duration) -> bool {
        let holder = {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.get(&id).cloned()
        };
        match holder {
            None => true,
            Some(holder) => timeout(most, holder.over.cancelled()).await.is_ok(),
        }
    }

    async fn hold(&self, id: UploadId, may_stop: impl Fn(&Holder) -> bool) -> Result<Hold, TransferError> {
        for _ in 0..3 {
            let other = match self.try_hold(id) {
                Ok(hold) => return Ok(hold),
                Err(other) => other,
            };
            if !may_stop(&other) {
                return Err(TransferError::Busy);
            }
            other.stop.cancel();
            if timeout(PATIENCE, other.over.cancelled()).await.is_err() {
                return Err(TransferError::Busy);
            }
        }
        Err(TransferError::Busy)
    }

    fn try_hold(&self, id: UploadId) -> Result<Hold, Arc<Holder>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = all.get(&id) {
            return Err(Arc::clone(other));
        }
        let holder = Arc::new(Holder {
            stop: CancellationToken::new(),
            over: CancellationToken::new(),
            heard: Mutex::new(None),
        });
        all.insert(id, Arc::clone(&holder));
        Ok(Hold {
            id,
            holder,
            all: Arc::clone(&self.0),
        })
    }
}

impl Holder {
    fn is_silent(&self) -> bool {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.is_some_and(|heard| heard.elapsed() >= SILENCE)
    }

    fn is_listening(&self) -> bool {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    fn hear(&self, heard: Option<Instant>) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = heard;
    }
}

impl Hold {
    /// The body of the request that holds it, which ends early when another is to go on.
    pub(super) fn body(&self, body: ByteStream) -> ByteStream {
        self.holder.hear(Some(Instant::now()));
        let holder = Arc::clone(&self.holder);
        Box::pin(stream::unfold((body, holder), |(mut body, holder)| async move {
            let next: Option<Result<Bytes, BodyError>> = tokio::select! {
                biased;
                () = holder.stop.cancelled() => Some(Err(BodyError::Incomplete)),
                next = body.next() => next,
            };
            holder.hear(matches!(next, Some(Ok(_))).then(Instant::now));
            next.map(|next| (next, (body, holder)))
        }))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&self.id);
        self.holder.over.cancel();
    }
}

impl Hub {
    /// Takes the lease on a transfer, where there may be other nodes.
    pub(super) async fn begin_writing(&self, id: UploadId) -> Result<[u8; 16], TransferError> {
        let writer = keys::random();
        match self.renew_writing(id, writer).await? {
            true => Ok(writer),
            false => Err(TransferError::Busy),
        }
    }

    /// Keeps the lease; false when it is another's.
    pub(super) async fn renew_writing(&self, id: UploadId, writer: [u8; 16]) -> Result<bool, HubError> {
        if self.0.catalog.engine() == Engine::Sqlite {
            // No other process has this database open.
            return Ok(true);
        }
        let now = self.now();
        let mut tx = self.write().await?;
        let held = tx
            .hold_upload(id, writer, (now, now.plus_secs(LEASE_SECS)))
            .await?;
        tx.commit().await?;
        Ok(held)
    }

    /// Gives the lease back. What fails here runs out by itself.
    pub(super) async fn end_writing(&self, id: UploadId, writer: [u8; 16]) {
        if self.0.catalog.engine() == Engine::Sqlite {
            return;
        }
        let released = async {
            let mut tx = self.write().await?;
            tx.release_upload(id, writer).await?;
            tx.commit().await.map_err(HubError::from)
        };
        if let Err(error) = released.await {
            tracing::debug!(%error, "a lease on an upload is left to run out");
        }
    }

    /// When a transfer ends that somebody works on now.
    pub(super) fn transfer_end(&self) -> Millis {
        let secs = i64::try_from(self.config().upload_secs).unwrap_or(i64::MAX);
        self.now().plus_secs(secs)
    }
}
