//! Rows: one catalog over SQLite or PostgreSQL. The only crate that knows SQL; it holds no rule of
//! who may do what and knows no HTTP.

mod db;
mod error;
mod url;

pub use db::{Announced, Catalog, Durability, Engine, Migrated, Options, Tx};
pub(crate) use db::{Kind, Row, Value};
pub use error::{CatalogError, OpenError};
pub use url::DatabaseUrl;
