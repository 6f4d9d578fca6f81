//! Azure Blob Storage: connection strings, how requests are signed, and what refusals mean.

mod connection;
mod dialect;
mod sign;

pub use connection::{Connection, Credential, checked_endpoint};
pub use dialect::{AzureDialect, NOT_AZURE, with_query};
pub use sign::{AccountKey, BlobSignature};
