//! The page in a real browser, as a person uses it. The flows are in `tests/browser`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::harness::{Server, finished, told};

/// All flows together; a browser on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(400);

#[tokio::test]
async fn every_flow_works_in_a_browser() {
    let server = Server::start().await;
    let work = tempfile::tempdir().unwrap();
    let tests = copy_of_the_flows(work.path());
    let installed = finished(
        Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&tests),
        PATIENCE,
    )
    .await;
    assert!(installed.status.success(), "{}", told(&installed));

    let tested = finished(
        Command::new("node")
            .args(["--test", "--test-reporter=spec"])
            .env("CUMULI_URL", server.address())
            .env("CUMULI_CHROMIUM", chromium())
            .current_dir(&tests),
        PATIENCE,
    )
    .await;

    let said = told(&tested);
    assert!(tested.status.success() && !said.contains("pass 0"), "{said}");
}

/// The flows in a folder of their own, so that the packages they need are not put beside the sources.
fn copy_of_the_flows(work: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    for name in [
        "package.json",
        "package-lock.json",
        "harness.mjs",
        "page.test.mjs",
    ] {
        std::fs::copy(from.join(name), work.join(name)).unwrap();
    }
    work.to_owned()
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
