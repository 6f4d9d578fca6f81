//! S3: where buckets are, how requests to them are signed, and what their words mean.

mod address;
mod dialect;
mod names;
mod sign;
#[cfg(test)]
mod tests;

pub use address::{Address, parse_prefix};
pub use dialect::{CONTENT_SHA256, OneThing, Signer};
pub use names::{name_of, time_of};
pub use sign::Credentials;
