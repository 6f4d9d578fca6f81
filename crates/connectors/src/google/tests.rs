//! The connector against a Drive that is there: the suite of all connectors, and what only Google does.

mod stand;

use stand::Stand;

mod contract {
    crate::contract::check!(crate::google::tests::Stand::start);
}
