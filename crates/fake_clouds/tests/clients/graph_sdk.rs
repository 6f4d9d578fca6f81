//! Microsoft's own client of Graph.

use std::process::Command;

use fake_clouds::graph::{DriveType, GraphFake, GraphOptions};

use crate::tools::{program, run, script};

async fn check(kind: DriveType) {
    let options = GraphOptions {
        kind,
        ..GraphOptions::default()
    };
    let fake = GraphFake::start(options).await;
    let token = fake.account("ada@example.org").issue_token();
    let mut command = Command::new(program("python"));
    command
        .arg(script("graph_sdk.py"))
        .args([fake.graph_url(), token]);

    let said = tokio::task::spawn_blocking(move || run(&mut command))
        .await
        .unwrap();

    assert!(said.contains("all is well"), "{said}");
    assert_eq!(fake.violations(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_client_gets_along_with_a_personal_drive() {
    check(DriveType::Personal).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_client_gets_along_with_a_drive_of_an_organization() {
    check(DriveType::Business).await;
}
