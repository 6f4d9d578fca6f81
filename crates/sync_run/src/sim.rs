//! The whole engine in a simulation that a seed decides: real nodes over a real catalog, a provider in memory, people
//! on both sides, and everything that can go wrong.
//!
//! A schedule that fails prints the command that plays it again. With `CUMULI_SIM_SHRINK=1` that command looks for the
//! parts that it takes; `docs/sync-proof.md` tells more.

mod cloud;
mod compare;
mod directed;
mod drive;
mod feed;
mod flavours;
mod judge;
mod moves;
mod people;
mod play;
mod runs;
mod sea;
mod stage;
mod tape;
mod world;

/// A named step of the engine at which everything may stop.
pub(crate) async fn step(name: &'static str) {
    stage::gate(stage::Point::Step(name)).await;
}
