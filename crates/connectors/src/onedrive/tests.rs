//! The connector on the fake of Graph, as a drive of a person and as one of an organization.

mod business;
mod personal;
mod stand;
