//! What every connector promises, on a person's drive.

use fake_clouds::graph::DriveType;

use super::stand::Stand;

async fn open() -> Stand {
    Stand::start(DriveType::Personal).await
}

mod contract {
    crate::contract::check!(crate::onedrive::tests::personal::open);
}
