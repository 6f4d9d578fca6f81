//! How many connections there are, in all and from each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use super::Limits;
use web::Network;

/// Why a connection is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are as many as there may be.
    Full,
    /// Its address has as many as it may have.
    FullForAddress,
}

/// Counts connections.
pub struct Slots {
    most: usize,
    most_per_address: usize,
    trusted: Vec<Network>,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection's place; dropping it frees the place.
pub struct Slot {
    slots: Arc<Slots>,
    /// Under which address it counts, if it does.
    address: Option<IpAddr>,
}

impl Slots {
    /// None is taken yet.
    pub fn new(limits: &Limits) -> Self {
        Self {
            most: limits.connections as usize,
            most_per_address: limits.connections_per_address as usize,
            trusted: limits.trusted.clone(),
            counts: Mutex::default(),
        }
    }

    /// Takes a place for a connection from `peer`.
    ///
    /// # Errors
    /// When there is none left.
    pub fn take(self: &Arc<Self>, peer: IpAddr) -> Result<Slot, Refusal> {
        let is_trusted = self.trusted.iter().any(|network| network.contains(peer));
        let address = (!is_trusted).then(|| household(peer));
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.most {
            return Err(Refusal::Full);
        }
        if let Some(address) = address {
            let own = counts.by_address.entry(address).or_default();
            if *own >= self.most_per_address {
                return Err(Refusal::FullForAddress);
            }
            *own += 1;
        }
        counts.all += 1;
        metrics::gauge!("cumuli_connections").increment(1);
        Ok(Slot {
            slots: Arc::clone(self),
            address,
        })
    }

    /// How many are taken.
    pub fn open(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.slots.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= 1;
        metrics::gauge!("cumuli_connections").decrement(1);
        let Some(address) = self.address else {
            return;
        };
        if let Some(own) = counts.by_address.get_mut(&address) {
            *own -= 1;
            if *own == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

/// What one subscriber holds: an IPv4 address, or an IPv6 /64 (RFC 6177).
fn household(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}
