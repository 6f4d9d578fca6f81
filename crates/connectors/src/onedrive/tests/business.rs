//! What every connector promises, on a drive of an organization.

use fake_clouds::graph::DriveType;

use super::stand::Stand;

async fn open() -> Stand {
    Stand::start(DriveType::Business).await
}

mod contract {
    crate::contract::check!(crate::onedrive::tests::business::open);
}
