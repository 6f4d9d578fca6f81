//! rclone copies a tree to a fake and back.

use std::fs;
use std::path::Path;
use std::process::Command;

use fake_clouds::drive::{DriveFake, DriveOptions};
use fake_clouds::graph::{DriveType, GraphAccount, GraphFake, GraphOptions};
use fake_clouds::{Act, Fault};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::tools::{TlsProxy, program, run};

const ME: &str = "ada@example.org";

/// Names that clients and services are known to stumble over.
const ODD: &[&str] = &[
    "with space.txt",
    " leading and trailing ",
    "percent%20encoded%.txt",
    "plus+and&and=and#.txt",
    "quote's \"double\".txt",
    "colon:star*question?.txt",
    "less<greater>pipe|.txt",
    "back\\slash.txt",
    "ends with a dot.",
    "~tilde.txt",
    ".hidden",
    "composed \u{e9}.txt",
    "decomposed e\u{301}.txt",
    "日本語 😀.txt",
    "semi;colon,comma@at!bang$.txt",
    "(round)[square]{curly}.txt",
];

/// So many bytes that do not repeat soon.
fn long(length: u32) -> Vec<u8> {
    (0..length)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// More than two hundred files: empty, long, with odd names, deep.
fn plant(folder: &Path) -> usize {
    let mut count = 0;
    let mut write = |path: &str, bytes: &[u8]| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("below the folder")).unwrap();
        fs::write(path, bytes).unwrap();
        count += 1;
    };
    for number in 0..180 {
        let path = format!("many/{}/{}/{number}.txt", number % 5, number % 3);
        write(&path, format!("{number}\n").repeat(number).as_bytes());
    }
    for name in ODD {
        write(&format!("odd/{name}"), name.as_bytes());
        write(&format!("odd folders/{name}/in.txt"), name.as_bytes());
    }
    write("empty", b"");
    let long = long(12 << 20);
    write("long.bin", &long);
    write("exactly a fragment.bin", &long[..10 << 20]);
    write("a/b/c/d/e/f/g/h/i/j/deep.txt", b"deep");
    count
}

/// rclone with one remote, `cloud`, led to this machine.
struct Rclone {
    folder: TempDir,
    proxy: TlsProxy,
}

impl Rclone {
    /// `config` describes the remote; `hosts` are led to servers of this machine.
    fn new(config: &str, hosts: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("rclone.conf"), format!("[cloud]\n{config}")).unwrap();
        let proxy = TlsProxy::start(folder.path(), hosts);
        Self { folder, proxy }
    }

    /// A folder to copy from or to.
    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new(program("rclone"));
        command.args(args).arg("--config").arg(self.path("rclone.conf"));
        command.arg("--ca-cert").arg(&self.proxy.authority);
        command.args(["--retries", "1", "--transfers", "8"]);
        command.args(["--drive-pacer-min-sleep", "1ms", "--drive-pacer-burst", "1000"]);
        command
            .env("HTTPS_PROXY", &self.proxy.url)
            .env("NO_PROXY", "127.0.0.1");
        run(&mut command)
    }
}

/// Copies a tree to the remote and back, and compares it there and here byte by byte.
fn there_and_back(rclone: &Rclone) {
    let (source, back) = (&*rclone.path("source"), &*rclone.path("back"));
    assert!(plant(Path::new(source)) >= 200);

    rclone.run(&["copy", source, "cloud:tree"]);
    rclone.run(&["check", "--download", source, "cloud:tree"]);
    rclone.run(&["copy", "cloud:tree", back]);
    rclone.run(&["check", "--download", source, back]);
    // By hashes and times only: what is equal is not sent again.
    let again = rclone.run(&["copy", "-v", source, "cloud:tree"]);
    assert!(again.contains("There was nothing to transfer"), "{again}");
    for path in ["long.bin", "odd/日本語 😀.txt"] {
        fs::write(Path::new(source).join(path), format!("{path}, anew")).unwrap();
    }
    rclone.run(&["copy", source, "cloud:tree"]);
    rclone.run(&["check", "--download", source, "cloud:tree"]);
    rclone.run(&["moveto", "cloud:tree/long.bin", "cloud:tree/a/moved.bin"]);
    rclone.run(&["copyto", "cloud:tree/a/moved.bin", "cloud:tree/copied.bin"]);
    rclone.run(&["purge", "cloud:tree/many"]);
    let left = rclone.run(&["lsf", "-R", "--files-only", "cloud:tree"]);
    assert!(
        left.contains("a/moved.bin") && left.contains("copied.bin") && !left.contains("many/"),
        "{left}"
    );
}

/// A token that has ended, so that it is refreshed before anything else.
fn token(refresh: &str) -> String {
    let token = json!({
        "access_token": "old", "token_type": "Bearer", "refresh_token": refresh, "expiry": "2020-01-01T00:00:00Z",
    });
    token.to_string()
}

async fn start_graph(kind: DriveType) -> (GraphFake, GraphAccount, Rclone) {
    let options = GraphOptions {
        kind,
        ..GraphOptions::default()
    };
    let (id, secret) = (options.client_id.clone(), options.client_secret.clone());
    let fake = GraphFake::start(options).await;
    let account = fake.account(ME);
    let kind = match kind {
        DriveType::Personal => "personal",
        DriveType::Business => "business",
    };
    let (token, drive) = (token(&account.issue_refresh_token()), account.drive_id());
    let config = format!(
        "type = onedrive\nclient_id = {id}\nclient_secret = {secret}\ntoken = {token}\ndrive_id = {drive}\n\
         drive_type = {kind}\n"
    );
    let url = fake.url();
    let hosts = [
        ("graph.microsoft.com", url.as_str()),
        ("login.microsoftonline.com", &url),
    ];
    (fake, account, Rclone::new(&config, &hosts))
}

async fn check_graph(kind: DriveType) {
    let (fake, account, rclone) = start_graph(kind).await;

    spawn_blocking(move || there_and_back(&rclone)).await.unwrap();

    assert_eq!(
        account.read("tree/odd/日本語 😀.txt").unwrap(),
        "odd/日本語 😀.txt, anew"
    );
    assert_eq!(fake.violations(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone_copies_a_tree_to_a_personal_onedrive_and_back() {
    check_graph(DriveType::Personal).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone_copies_a_tree_to_the_onedrive_of_an_organization_and_back() {
    check_graph(DriveType::Business).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone_gets_a_file_across_when_answers_are_lost_and_downloads_cut_off() {
    let (fake, account, rclone) = start_graph(DriveType::Personal).await;
    let faults = fake.faults();
    // It is told that the first piece is there already, and goes on from where the service is.
    faults.push(Fault::on("PUT", "/upload/", Act::DropAfter));
    faults.push(Fault::on("POST", "createUploadSession", Act::status(503, None)));
    faults.push(Fault::on("GET", "/download/", Act::Truncate));
    faults.push(Fault::on("GET", "/content", Act::DropBefore));
    let content = long(12 << 20);
    let (source, back) = (rclone.path("source"), rclone.path("back"));
    fs::create_dir(&source).unwrap();
    fs::write(Path::new(&source).join("long.bin"), &content).unwrap();

    let copying = move || {
        rclone.run(&["copy", &source, "cloud:"]);
        rclone.run(&["copy", "cloud:", &back]);
        fs::read(Path::new(&back).join("long.bin")).unwrap()
    };
    let copied = spawn_blocking(copying).await.unwrap();

    assert!(copied == content && account.read("long.bin").unwrap() == content);
    assert_eq!(faults.left(), 0);
    assert!(fake.requests().iter().any(|seen| seen.status == 416));
    assert_eq!(account.earlier("long.bin"), [""; 0]);
    // It sends its token where it asks how far an upload is, and begins again in the middle by asking the API.
    let known = [
        "an access token was sent to the address of an upload",
        "a range was asked of /content",
    ];
    let violations = fake.violations();
    assert_eq!(violations.len(), known.len(), "{violations:?}");
    assert!(
        violations
            .iter()
            .zip(known)
            .all(|(is, known)| is.starts_with(known)),
        "{violations:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone_copies_a_tree_to_google_drive_and_back() {
    let options = DriveOptions::default();
    let (id, secret) = (options.client_id.clone(), options.client_secret.clone());
    let fake = DriveFake::start(options).await;
    let token = token(&fake.account(ME).issue_refresh_token());
    let config =
        format!("type = drive\nscope = drive\nclient_id = {id}\nclient_secret = {secret}\ntoken = {token}\n");
    let url = fake.url();
    let rclone = Rclone::new(
        &config,
        &[("www.googleapis.com", &url), ("oauth2.googleapis.com", &url)],
    );

    spawn_blocking(move || there_and_back(&rclone)).await.unwrap();

    assert_eq!(fake.violations(), [""; 0]);
}
