//! What every connector promises, on a person's drive.

use fake_clouds::graph::DriveType;

use super::stand::Stand;

async fn open() -> Stand {
    let stand = Stand::start(DriveType::Personal).await;
    // Pages are more than one as soon as there is something.
    stand.fake.switches().set(|switches| {
        switches.delta_page = 3;
        switches.children_page = 3;
    });
    stand
}

mod contract {
    crate::contract::check!(crate::onedrive::tests::personal::open);
}
