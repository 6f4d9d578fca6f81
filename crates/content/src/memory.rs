//! The memory that transfers share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What is lent at once.
const UNIT_BYTES: u64 = 64 * 1024;
/// What a process lends when nothing else is said.
const DEFAULT_BYTES: u64 = 128 * 1024 * 1024;

/// Spare pieces at the most.
const MOST_SPARE: usize = 2048;

/// The memory that the uploads of a process share, beside the little that each has of its own. A clone
/// is the same.
#[derive(Debug, Clone)]
pub struct Memory {
    units: Arc<Semaphore>,
    unit_count: u32,
    gauge: Arc<Gauge>,
}

#[derive(Debug, Default)]
struct Gauge {
    held_bytes: AtomicU64,
    peak_bytes: AtomicU64,
    /// Pieces that were used and can be again, until nothing is lent any more. The allocator would scatter
    /// them over its arenas, and hold twice as much as is used.
    spare: Mutex<Vec<Vec<u8>>>,
}

/// A piece of a part; its memory is used again when nobody needs it any more.
struct Piece {
    bytes: Vec<u8>,
    gauge: Arc<Gauge>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        let mut spare = self.gauge.spare();
        if self.gauge.held_bytes.load(Ordering::Relaxed) > 0 && spare.len() < MOST_SPARE {
            bytes.clear();
            spare.push(bytes);
        }
    }
}

impl Gauge {
    fn spare(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    /// 128 MiB: with what fifty uploads have of their own, they stay well below 512 MiB together.
    fn default() -> Self {
        Self::new(DEFAULT_BYTES)
    }
}

impl Memory {
    /// Lends so many bytes.
    pub fn new(bytes: u64) -> Self {
        let most = u64::from(u32::MAX).min(Semaphore::MAX_PERMITS as u64);
        let unit_count = u32::try_from((bytes / UNIT_BYTES).min(most)).expect("bounded above");
        Self {
            units: Arc::new(Semaphore::new(unit_count as usize)),
            unit_count,
            gauge: Arc::default(),
        }
    }

    /// How much there is to share.
    pub fn total_bytes(&self) -> u64 {
        u64::from(self.unit_count) * UNIT_BYTES
    }

    /// How much uploads hold at this moment, their own part included.
    pub fn held_bytes(&self) -> u64 {
        self.gauge.held_bytes.load(Ordering::Relaxed)
    }

    /// The most that uploads have held at any moment.
    pub fn peak_bytes(&self) -> u64 {
        self.gauge.peak_bytes.load(Ordering::Relaxed)
    }

    /// An empty piece that takes so many bytes without growing.
    pub(crate) fn piece(&self, capacity: usize) -> Vec<u8> {
        let spare = self.gauge.spare().pop();
        spare
            .filter(|piece| piece.capacity() == capacity)
            .unwrap_or_else(|| Vec::with_capacity(capacity))
    }

    /// A piece that is full, to be sent and then used again.
    pub(crate) fn full(&self, bytes: Vec<u8>) -> Bytes {
        Bytes::from_owner(Piece {
            bytes,
            gauge: Arc::clone(&self.gauge),
        })
    }

    /// Memory that a transfer has of its own.
    pub(crate) fn own(&self, bytes: u64) -> Loan {
        self.loan(bytes, None)
    }

    /// Memory from what is shared, if there is enough at this moment.
    pub(crate) fn try_borrow(&self, bytes: u64) -> Option<Loan> {
        let units = Arc::clone(&self.units);
        let wanted = u32::try_from(bytes.div_ceil(UNIT_BYTES)).ok()?;
        let permit = units.try_acquire_many_owned(wanted).ok()?;
        Some(self.loan(bytes, Some(permit)))
    }

    /// Waits for memory from what is shared. Who asks for more than there is gets all of it.
    pub(crate) async fn borrow(&self, bytes: u64) -> Loan {
        let units = Arc::clone(&self.units);
        let permit = units.acquire_many_owned(self.units_of(bytes)).await;
        self.loan(bytes, permit.ok())
    }

    fn units_of(&self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT_BYTES)).map_or(self.unit_count, |units| units.min(self.unit_count))
    }

    fn loan(&self, bytes: u64, permit: Option<OwnedSemaphorePermit>) -> Loan {
        let held = self.gauge.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.gauge.peak_bytes.fetch_max(held, Ordering::Relaxed);
        Loan {
            gauge: Arc::clone(&self.gauge),
            bytes,
            permit,
        }
    }
}

/// Memory that is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Loan {
    gauge: Arc<Gauge>,
    bytes: u64,
    permit: Option<OwnedSemaphorePermit>,
}

impl Loan {
    /// How much was lent.
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether it comes from what is shared.
    pub(crate) const fn is_shared(&self) -> bool {
        self.permit.is_some()
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let before = self.gauge.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        if before == self.bytes {
            self.gauge.spare().clear();
        }
    }
}
