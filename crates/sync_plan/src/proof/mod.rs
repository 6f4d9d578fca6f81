//! The proof of the planner: trees that were agreed on are changed on both sides by chance, reconciled in memory, and
//! looked at. `docs/sync-proof.md` tells what is checked and how to replay a failure.

mod acts;
mod checks;
mod closure;
mod coverage;
mod foresight;
mod hunt;
mod identity;
mod laws;
mod mutants;
mod oracle;
mod provider;
mod rng;
mod run;
mod small;
mod story;
mod world;
