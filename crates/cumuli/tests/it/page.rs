//! The page in a real browser, as a person uses it. The flows are in `tests/browser`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fake_clouds::drive::{DriveFake, DriveOptions};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{Engine, Server, finished, told};
use crate::oidc::provider::Provider;
use crate::people::{Person, Town};

/// All flows together; a browser on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(400);

#[tokio::test]
async fn every_flow_works_in_a_browser() {
    let server = Server::start().await;

    run("page.test.mjs", &[("CUMULI_URL", server.address())]).await;
}

#[tokio::test]
async fn people_share_in_a_browser() {
    let server = Server::start().await;

    run("sharing.test.mjs", &[("CUMULI_URL", server.address())]).await;
}

#[tokio::test]
async fn people_sign_in_with_a_provider_in_a_browser() {
    // The provider wants to know the server's address before the server runs.
    let address = free_address();
    let url = format!("http://{address}");
    let provider = Provider::start(&format!("{url}/auth/oidc/callback"), "in the ID token").await;
    let server = Server::on(Engine::Sqlite)
        .set("CUMULI_LISTEN", &address)
        .set("CUMULI_PUBLIC_URL", &url)
        .set("CUMULI_OIDC_ISSUER", &provider.issuer)
        .set("CUMULI_OIDC_CLIENT_ID", "by-header")
        .set("CUMULI_OIDC_CLIENT_SECRET", "a secret of the client & more")
        .set("CUMULI_OIDC_NAME", "Example Inc.");
    let town = Town::with(server).await;
    let person = json!({"email": town.alice.email, "password": town.alice.password}).to_string();

    run(
        "sign_in.test.mjs",
        &[("CUMULI_URL", &url), ("CUMULI_PERSON", &person)],
    )
    .await;
}

#[tokio::test]
async fn people_link_drives_in_a_browser() {
    let google = DriveFake::start(DriveOptions::default()).await;
    let roots = tempfile::tempdir().unwrap();
    let media = roots.path().join("media");
    std::fs::create_dir_all(media.join("a folder, 100 %")).unwrap();
    std::fs::write(media.join("a folder, 100 %/what? #1 & more.txt"), "odd words").unwrap();
    let address = free_address();
    let url = format!("http://{address}");
    let options = DriveOptions::default();
    let server = Server::on(Engine::Sqlite)
        .set("CUMULI_LISTEN", &address)
        .set("CUMULI_PUBLIC_URL", &url)
        .set("CUMULI_DIRECTORY_ROOTS", roots.path().display())
        .set("GOOGLE_CLIENT_ID", options.client_id)
        .set("GOOGLE_CLIENT_SECRET", options.client_secret)
        .set("CUMULI_GOOGLE_API_URL", google.url())
        .set(
            "CUMULI_GOOGLE_AUTH_URL",
            format!("{}/o/oauth2/v2/auth", google.url()),
        )
        .set("CUMULI_GOOGLE_TOKEN_URL", format!("{}/token", google.url()))
        .set("CUMULI_GOOGLE_REVOKE_URL", format!("{}/revoke", google.url()))
        .set(
            "CUMULI_GOOGLE_JWKS_URL",
            format!("{}/oauth2/v3/certs", google.url()),
        );
    let town = Town::with(server).await;
    let known = |person: &Person| json!({"email": person.email, "password": person.password});
    let people = json!({"admin": known(&town.admin), "alice": known(&town.alice), "bob": known(&town.bob)})
        .to_string();
    let google_url = google.url();
    let environment = [
        ("CUMULI_URL", url.as_str()),
        ("CUMULI_GOOGLE", &google_url),
        ("CUMULI_FOLDER", media.to_str().unwrap()),
        ("CUMULI_PEOPLE", &people),
    ];

    run("connections.test.mjs", &environment).await;

    assert_eq!(google.violations(), Vec::<String>::new());
}

#[tokio::test]
async fn people_keep_folders_in_step_in_a_browser() {
    let roots = tempfile::tempdir().unwrap();
    let drive = roots.path().join("drive");
    std::fs::create_dir(&drive).unwrap();
    let server = Server::on(Engine::Sqlite).set("CUMULI_DIRECTORY_ROOTS", roots.path().display());
    let town = Town::with(server).await;
    let person = json!({"email": town.admin.email, "password": town.admin.password}).to_string();
    let environment = [
        ("CUMULI_URL", town.server.address()),
        ("CUMULI_FOLDER", drive.to_str().unwrap()),
        ("CUMULI_PERSON", &person),
    ];

    run("mirrors.test.mjs", &environment).await;
}

#[tokio::test]
async fn big_files_survive_breaks_in_a_browser() {
    let other = tempfile::tempdir().unwrap();
    let stores = other.path().join("stores.toml");
    let second = format!(
        "[second]\nkind = \"local\"\nfolder = {:?}\n",
        other.path().join("second")
    );
    std::fs::write(&stores, second).unwrap();
    // The page looks for the server where it was.
    let settled = Server::on(Engine::Sqlite)
        .set("CUMULI_LISTEN", free_address())
        .set("CUMULI_STORES_FILE", stores.display());
    let mut server = settled.start().await;
    let url = server.address().to_owned();
    let control = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let orders = format!("http://{}", control.local_addr().unwrap());
    let environment = [("CUMULI_URL", url.as_str()), ("CUMULI_CONTROL", orders.as_str())];

    tokio::select! {
        () = run("big_files.test.mjs", &environment) => {}
        () = obey(&control, &mut server) => {}
    }
}

/// Kills the server and starts it again, whenever the flows ask for it.
async fn obey(control: &TcpListener, server: &mut Server) {
    loop {
        let (mut asking, _) = control.accept().await.unwrap();
        let mut request = [0; 1024];
        let read = asking.read(&mut request).await.unwrap();
        match &request[..read] {
            order if order.starts_with(b"GET /kill ") => server.kill().await,
            order if order.starts_with(b"GET /start ") => server.restart().await,
            order => panic!("{}", String::from_utf8_lossy(order)),
        }
        let done = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
        asking.write_all(done).await.unwrap();
    }
}

/// An address of this machine that nothing listens at.
fn free_address() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().to_string()
}

/// Runs one file of flows in a folder of its own, so that the packages they need are not put beside the sources.
async fn run(flows: &str, environment: &[(&str, &str)]) {
    let work = tempfile::tempdir().unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    for name in ["package.json", "package-lock.json", "harness.mjs", flows] {
        std::fs::copy(from.join(name), work.path().join(name)).unwrap();
    }
    let installed = finished(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(work.path()),
        PATIENCE,
    )
    .await;
    assert!(installed.status.success(), "{}", told(&installed));

    let tested = finished(
        Command::new("node")
            .args(["--test", "--test-reporter=spec"])
            .envs(environment.iter().copied())
            .env("CUMULI_CHROMIUM", chromium())
            .current_dir(work.path()),
        PATIENCE,
    )
    .await;

    let said = told(&tested);
    assert!(tested.status.success() && !said.contains("pass 0"), "{said}");
}

/// The browser: Debian's `chromium`, or another one that `CUMULI_CHROMIUM` names.
fn chromium() -> PathBuf {
    let named = std::env::var_os("CUMULI_CHROMIUM").map(PathBuf::from);
    named.unwrap_or_else(|| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .flat_map(|folder| {
                ["chromium", "chromium-browser", "google-chrome"].map(|name| folder.join(name))
            })
            .find(|program| program.is_file())
            .expect("chromium is installed, or CUMULI_CHROMIUM names a browser")
    })
}
