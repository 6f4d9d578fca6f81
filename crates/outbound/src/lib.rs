//! HTTP to other people's servers: object stores and drives.
//!
//! One client with tries, waits and deadlines ([`Client`]); what differs from service to service, how
//! requests are proven and errors are worded, is a [`Dialect`]. Reads go on after a break ([`ranged`]);
//! pacing plugs in as a [`Gate`]; [`Reach`] says which addresses may be reached at all. The signing of
//! [`s3`] and [`azure`] is here because both stores and drives need it.

pub mod azure;
mod call;
mod client;
mod failure;
mod gate;
mod guard;
mod patience;
mod redirect;
mod resume;
pub mod s3;
mod secret;
#[cfg(test)]
mod tests;
mod text;
mod wire;
mod xml;

pub use call::{Answer, Body, Call, Kind, Open, Whole};
pub use client::{Client, Dialect};
pub use failure::{Failure, Reason, Refusal};
pub use gate::{Gate, Told};
pub use guard::{Allowed, Forbidden, Net, OUTBOUND_ALLOW, Reach};
pub use patience::Patience;
pub use resume::{Broken, Reopen, ranged};
pub use secret::Secret;
pub use text::{
    base64, content_disposition, decoded, encoded, hex, hmac_sha256, http_date, parse_http_date, sha256_hex,
    skew_ms, timestamp,
};
pub use wire::Wire;
pub use xml::{Element, escaped, parse_xml};
