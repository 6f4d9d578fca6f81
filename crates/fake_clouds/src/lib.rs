//! Other people's clouds as real HTTP servers on this machine: Google Drive and OneDrive, faithful where clients
//! get hurt (lag, lost answers, duplicate names, expired sessions) and strict about what clients may do.
//!
//! For tests, and by `cargo run -p fake_clouds` for trying the product without an account. It knows nothing of
//! our other crates and keeps everything in memory. What all fakes share is here: a clock that tests move, faults
//! that they script, a record of every request with the wrongs in it, and the halves of OAuth that Google and
//! Microsoft have in common. The same by HTTP is below `/_fake/`, see [`control`].

pub mod blob;
pub mod clock;
pub mod control;
pub mod dice;
pub mod drive;
pub mod ear;
pub mod faults;
pub mod graph;
pub mod oauth;
pub mod post;
pub mod record;
pub mod server;

pub use blob::{Blob, BlobWriter};
pub use clock::FakeClock;
pub use dice::Dice;
pub use ear::{Ear, Heard};
pub use faults::{Act, Fault, Faults};
pub use record::{Record, Seen, Sums};
pub use server::{Core, Server};
