//! The durable engine: takes jobs from the queue and does them. What a job does is an operation of the
//! hub; this crate decides when, keeps the lease of what takes long, and writes down how it ended.

mod attempt;
mod mirrors;
mod runner;
mod watcher;

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;

pub use runner::Runner;
