//! Microsoft's own client of Graph, and its library of sign-in.

use std::process::Command;

use fake_clouds::graph::{DriveType, GraphFake, GraphOptions};

use crate::tools::{TlsProxy, program, run, script};

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

#[tokio::test(flavor = "multi_thread")]
async fn microsofts_library_signs_in_and_renews() {
    let options = GraphOptions::default();
    let (id, secret) = (options.client_id.clone(), options.client_secret.clone());
    let fake = GraphFake::start(options).await;
    fake.account("ada@example.org").sign_in_next();
    let url = fake.url();
    let folder = tempfile::tempdir().unwrap();
    let hosts = [
        ("login.microsoftonline.com", url.as_str()),
        ("graph.microsoft.com", &url),
    ];
    let proxy = TlsProxy::start(folder.path(), &hosts);
    let mut command = Command::new(program("python"));
    command
        .arg(script("msal_sign_in.py"))
        .arg(&proxy.url)
        .arg(&proxy.authority)
        .args([id, secret]);

    let said = tokio::task::spawn_blocking(move || run(&mut command))
        .await
        .unwrap();

    assert!(said.contains("all is well"), "{said}");
    // That was on purpose.
    assert_eq!(fake.violations(), ["a code was exchanged twice"]);
}
