//! Google's own client of Drive.

use std::process::Command;

use fake_clouds::drive::{DriveFake, DriveOptions};

use crate::tools::{program, run, script};

#[tokio::test(flavor = "multi_thread")]
async fn googles_client_gets_along_with_drive_and_every_answer_is_one_of_googles() {
    let options = DriveOptions::default();
    let (id, secret) = (options.client_id.clone(), options.client_secret.clone());
    let fake = DriveFake::start(options).await;
    let _ = fake.make_shared_drive("team", &["ada@gmail.com"]);
    let mut command = Command::new(program("python"));
    command
        .arg(script("drive_client.py"))
        .args([fake.url(), id, secret]);

    let said = tokio::task::spawn_blocking(move || run(&mut command))
        .await
        .unwrap();

    assert!(said.contains("all is well"), "{said}");
    assert_eq!(fake.violations(), [""; 0]);
}
