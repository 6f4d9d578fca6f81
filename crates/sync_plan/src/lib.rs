//! The plan: what was agreed last (the base), what is here and what is there come in; the steps that
//! reconcile them come out, each with its reason. Pure: no clock, no I/O, no randomness.
//!
//! A [`Scene`] holds the part of a mirror that changed, with all that the decision needs to know of its
//! surroundings. [`plan()`] says what to do next. It is asked again after every round until it has nothing
//! more to say, so a step that could not be done is planned anew from what is then true.

mod fault;
mod foresee;
mod names;
mod plan;
#[cfg(test)]
mod proof;
mod rules;
mod scene;
mod steps;

#[cfg(test)]
mod tests;

pub use foresee::{Foreseen, Foresight, foresee};
pub use names::{NameLimits, Names};
pub use plan::plan;
pub use rules::{Direction, Drift, Policy, Rules};
pub use scene::{Base, Content, Entry, EntryId, Kind, Name, Obstacle, Scene, Side, State};
pub use steps::{Clash, Note, Plan, Planned, Step, Why};
