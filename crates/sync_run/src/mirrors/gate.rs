//! Points at which a try may be cut.

/// A durable step lies behind, the next one ahead. Does nothing but in simulations, which cut tries here.
#[cfg(not(test))]
#[allow(clippy::unused_async)]
pub(crate) async fn gate(_name: &'static str) {}

/// The same, for simulations.
#[cfg(test)]
pub(crate) use crate::sim::step as gate;
