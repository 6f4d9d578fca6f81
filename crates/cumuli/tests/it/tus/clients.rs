//! Clients that others wrote, over connections that break and a server that dies.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{TUS, sample, tus};
use crate::direct::stored;
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Dice, Engine, Outcome, Server, finished, sha256, told, until};
use crate::people::{Person, SECRET_KEY};

/// Longer than a package takes to come.
const INSTALL: Duration = Duration::from_secs(300);
const UPLOAD: Duration = Duration::from_secs(120);

/// Passes connections on to a server, and cuts each of the first ones after so many bytes.
struct Cutter {
    address: String,
    to: Arc<Mutex<String>>,
    cuts: Arc<Mutex<Vec<usize>>>,
    passed: Arc<Mutex<usize>>,
}

impl Cutter {
    async fn start(to: &str, cuts: Vec<usize>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cutter = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            to: Arc::new(Mutex::new(to.to_owned())),
            cuts: Arc::new(Mutex::new(cuts)),
            passed: Arc::default(),
        };
        let (to, cuts, passed) = (
            Arc::clone(&cutter.to),
            Arc::clone(&cutter.cuts),
            Arc::clone(&cutter.passed),
        );
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let host = to.lock().unwrap().clone();
                let cut = cuts.lock().unwrap().pop();
                tokio::spawn(pass(client, host, cut.unwrap_or(usize::MAX), Arc::clone(&passed)));
            }
        });
        cutter
    }
}

async fn pass(client: TcpStream, host: String, mut left: usize, passed: Arc<Mutex<usize>>) {
    // A server that is down refuses: so does this.
    let Ok(server) = TcpStream::connect(host).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let mut buffer = vec![0; 64 * 1024];
        while left > 0 {
            let most = left.min(buffer.len());
            match from_client.read(&mut buffer[..most]).await {
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    if to_server.write_all(&buffer[..count]).await.is_err() {
                        return;
                    }
                    left -= count;
                    *passed.lock().unwrap() += count;
                }
            }
        }
    };
    tokio::select! {
        () = up => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}

/// tus-js-client in a folder with what it needs, which is fetched once for all tests.
async fn node_client() -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tus");
    let names = ["package.json", "package-lock.json", "upload.mjs"];
    let sources: Vec<Vec<u8>> = names.map(|name| std::fs::read(from.join(name)).unwrap()).to_vec();
    let version = &sha256(&sources.concat())[..16];
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tus-{version}"));
    if folder.is_dir() {
        return folder;
    }
    let work = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (name, source) in names.iter().zip(&sources) {
        std::fs::write(work.path().join(name), source).unwrap();
    }
    let mut install = Command::new("npm");
    install
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(work.path());
    let installed = finished(&mut install, INSTALL).await;
    assert!(installed.status.success(), "{}", told(&installed));
    // Whole or not at all; another test may have been faster.
    if std::fs::rename(work.path(), &folder).is_ok() {
        let _ = work.keep();
    }
    assert!(folder.is_dir());
    folder
}

/// Where `.ci/stores` puts Python with tuspy.
fn python() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools");
    let python = tools.join("tuspy/bin/python");
    assert!(
        python.exists(),
        "run .ci/stores: there is no {}",
        python.display()
    );
    python
}

/// Runs a client to its end; answers the upload that it names.
async fn run(mut client: Command) -> String {
    let done = finished(&mut client, UPLOAD).await;
    assert!(done.status.success(), "{}", told(&done));
    let text = String::from_utf8(done.stdout).unwrap();
    text.trim().rsplit('/').next().unwrap().to_owned()
}

struct Scene {
    server: Server,
    alice: Person,
    cutter: Cutter,
    whole: Vec<u8>,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn on(server: Server, length: usize) -> Self {
        let mut dice = Dice::of_environment("CUMULI_TEST_SEED");
        let alice = Person::register(server.host(), "alice@example.org").await;
        // Fewer bytes in all than the file has, so each cut comes to pass.
        let cuts = (0..6).map(|_| dice.below(length as u64 / 8) as usize).collect();
        let cutter = Cutter::start(server.host(), cuts).await;
        let folder = tempfile::tempdir().unwrap();
        let whole = sample(dice.below(200) as u8, length);
        std::fs::write(folder.path().join("film"), &whole).unwrap();
        Self {
            server,
            alice,
            cutter,
            whole,
            folder,
        }
    }

    fn arguments(&self, name: &str, more: &str) -> [String; 5] {
        [
            format!("{}{TUS}", self.cutter.address),
            self.alice.access.clone(),
            self.folder.path().join("film").display().to_string(),
            name.to_owned(),
            more.to_owned(),
        ]
    }

    async fn assert_stored(&self, upload: &str) {
        let head = self
            .alice
            .send(tus("HEAD", &format!("{TUS}/{upload}")))
            .await
            .expect(200);
        let file = head.header("cumuli-file-id");
        let target = format!("/api/v1/files/{file}/content");
        assert!(stored(&self.alice, &target).await == self.whole);
        let checked: Outcome = self.server.run(&["fsck", "--verify"], "").await;
        assert!(checked.is_success(), "{}{}", checked.out, checked.err);
    }
}

#[tokio::test]
async fn tus_js_client_goes_on_after_each_cut() {
    let s3s = S3s::start();
    let folder = node_client().await;
    for builder in [Server::on(Engine::Sqlite), Server::on_s3(Engine::Sqlite, &s3s)] {
        let scene = Scene::on(builder.start().await, 20_000_000).await;
        let mut client = Command::new("node");
        client
            .arg("upload.mjs")
            .args(scene.arguments("film.mp4", "1"))
            .current_dir(&folder);

        let upload = run(client).await;

        scene.assert_stored(&upload).await;
        assert!(scene.cutter.cuts.lock().unwrap().is_empty(), "each cut was made");
    }
}

#[tokio::test]
async fn tus_js_client_uploads_parts_at_once() {
    let folder = node_client().await;
    let scene = Scene::on(Server::start().await, 12_000_000).await;
    let mut client = Command::new("node");
    client
        .arg("upload.mjs")
        .args(scene.arguments("film.mp4", "3"))
        .current_dir(&folder);

    let upload = run(client).await;

    scene.assert_stored(&upload).await;
}

#[tokio::test]
async fn tus_js_client_goes_on_after_the_server_was_killed() {
    let folder = node_client().await;
    let server = Server::on(Engine::Sqlite)
        .set("SECRET_KEY", SECRET_KEY)
        .start()
        .await;
    let mut scene = Scene::on(server, 60_000_000).await;
    let mut client = Command::new("node");
    client
        .arg("upload.mjs")
        .args(scene.arguments("film.mp4", "1"))
        .current_dir(&folder);
    let uploading = tokio::spawn(run(client));
    for bytes in [10_000_000, 40_000_000] {
        until(async || *scene.cutter.passed.lock().unwrap() > bytes).await;
        scene.server.kill().await;
        scene.server.restart().await;
        scene
            .server
            .host()
            .clone_into(&mut scene.cutter.to.lock().unwrap());
    }
    scene.alice.move_to(scene.server.host());

    let upload = uploading.await.unwrap();

    scene.assert_stored(&upload).await;
}

#[tokio::test]
async fn tuspy_goes_on_after_each_cut_with_a_checksum_of_each_piece() {
    let s3s = S3s::start();
    for builder in [Server::on(Engine::Sqlite), Server::on_s3(Engine::Sqlite, &s3s)] {
        let scene = Scene::on(builder.start().await, 12_000_000).await;
        let mut client = Command::new(python());
        client
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tus/upload.py"))
            .args(scene.arguments("film.mp4", "2000000"));

        let upload = run(client).await;

        scene.assert_stored(&upload).await;
        assert!(scene.cutter.cuts.lock().unwrap().is_empty(), "each cut was made");
    }
}
