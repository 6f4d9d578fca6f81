//! The connector against a Drive that is there: the suite of all connectors, and what only Google does.

mod canary;
mod channels;
mod economy;
mod feed;
mod reads;
mod refusals;
mod replaces;
mod sessions;
mod stand;

use stand::Stand;

mod contract {
    crate::contract::check!(crate::google::tests::Stand::start);
}

/// The same where Google gives little at a time, and not all of what is asked for.
mod rough {
    crate::contract::check!(crate::google::tests::Stand::start_rough);
}
