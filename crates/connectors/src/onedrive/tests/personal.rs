//! What every connector promises, on a person's drive.

use fake_clouds::graph::DriveType;

use super::stand::Stand;

async fn open() -> Stand {
    let stand = Stand::start(DriveType::Personal).await;
    // A round is more than one page as soon as there is something. Those of folders shift under writes, as
    // Microsoft says, so that they are not made as small.
    stand.fake.switches().set(|switches| {
        switches.delta_page = 3;
        switches.children_page = 60;
    });
    stand
}

mod contract {
    crate::contract::check!(crate::onedrive::tests::personal::open);
}
