//! `gcp-storage-emulator`: Google Cloud Storage in memory, made stricter by `gcs_server.py`. It checks access
//! tokens and signed addresses.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Running, tools};

/// Prints the modulus of a new RSA key in hexadecimal, and the key in PEM as a text of JSON.
const MAKE_KEY: &[u8] = br#"
import { generateKeyPairSync } from "node:crypto";
const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
console.log(Buffer.from(publicKey.export({ format: "jwk" }).n, "base64url").toString("hex"));
console.log(JSON.stringify(privateKey.export({ type: "pkcs8", format: "pem" })));
"#;
const SERVER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../content/src/tests/emulators/gcs_server.py"
);

/// The emulator with one bucket and one service account.
pub struct Gcs {
    /// Dropping it stops the service.
    pub running: Running,
    private_key: String,
}

impl Gcs {
    /// The bucket that is there from the start.
    pub const BUCKET: &str = "cumuli-tests";
    /// The service account.
    pub const EMAIL: &str = "tests@cumuli.iam.gserviceaccount.com";

    /// Starts it.
    pub fn start() -> Self {
        let (modulus, private_key) = make_key();
        let python = tools().join("gcs/bin/python");
        let running = Running::start(|port| {
            let mut command = Command::new(&python);
            let port = port.to_string();
            command.args([SERVER, &port, Self::BUCKET, Self::EMAIL, &modulus]);
            command
        });
        Self { running, private_key }
    }

    /// Where it answers.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.running.port)
    }

    /// The JSON of the service account's key.
    pub fn credentials(&self) -> String {
        format!(
            r#"{{"type": "service_account", "client_email": "{}", "private_key": {}, "token_uri": "{}/token"}}"#,
            Self::EMAIL,
            self.private_key,
            self.endpoint()
        )
    }
}

/// The emulator as it comes, with one bucket: it asks nobody who they are, and knows no conditions and half
/// of the sessions.
pub struct PlainGcs {
    /// Dropping it stops the service.
    pub running: Running,
}

impl PlainGcs {
    /// Starts it.
    pub fn start() -> Self {
        let program = tools().join("gcs/bin/gcp-storage-emulator");
        let running = Running::start(|port| {
            let mut command = Command::new(&program);
            command
                .args(["start", "--host", "127.0.0.1", "--port", &port.to_string()])
                .args(["--in-memory", "--quiet", "--default-bucket", Gcs::BUCKET]);
            command
        });
        Self { running }
    }

    /// Where it answers.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.running.port)
    }
}

fn make_key() -> (String, String) {
    let mut node = Command::new("node")
        .args(["--input-type=module", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    let mut script = node.stdin.take().expect("piped");
    script.write_all(MAKE_KEY).expect("a script");
    drop(script);
    let made = node.wait_with_output().expect("node");
    let made = String::from_utf8(made.stdout).expect("text");
    let (modulus, key) = made.trim().split_once('\n').expect("two lines");
    (modulus.to_owned(), key.to_owned())
}
