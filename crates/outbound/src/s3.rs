//! S3: where buckets are, how requests to them are signed, and what their words mean.

mod address;
mod dialect;
mod sign;
#[cfg(test)]
mod tests;

pub use address::{Address, parse_prefix};
pub use dialect::{CONTENT_SHA256, OneThing, Signer};
pub use sign::Credentials;
