//! Transfers that nobody goes on with.

use model::Millis;

use crate::uploads::signed;
use crate::{Hub, HubError};

/// Rows, or uploads of a store, that one look takes in.
const STEP: u32 = 200;

impl Hub {
    /// Gives up transfers that ended, and uploads in parts that stores hold and no row knows.
    pub(crate) async fn sweep_transfers(&self) -> Result<u64, HubError> {
        let mut removed = 0;
        loop {
            let ended = self.read().await?.ended_uploads(self.now(), STEP).await?;
            for transfer in &ended {
                self.forget_transfer(transfer).await?;
                removed += 1;
            }
            if ended.len() < STEP as usize {
                break;
            }
        }
        let before = self.now().minus_secs(signed(self.config().upload_secs));
        for backend in self.0.content.backends() {
            removed += self.sweep_parts(backend.as_ref(), before).await?;
        }
        Ok(removed)
    }

    async fn sweep_parts(&self, backend: &dyn content::Backend, before: Millis) -> Result<u64, HubError> {
        let mut removed = 0;
        loop {
            let found = backend.unfinished(before, STEP as usize).await?;
            if found.is_empty() {
                return Ok(removed);
            }
            let keys: Vec<&str> = found.iter().map(|upload| upload.key.as_str()).collect();
            let known = self.read().await?.upload_keys(backend.name(), &keys).await?;
            let before_bytes = removed;
            for upload in found.iter().filter(|upload| !known.contains(&upload.key)) {
                backend.abort(upload).await?;
                removed += 1;
            }
            // Those that are known would be found again and again.
            if removed == before_bytes || found.len() < STEP as usize {
                return Ok(removed);
            }
        }
    }
}
