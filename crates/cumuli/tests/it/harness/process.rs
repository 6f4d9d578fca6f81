//! The program as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;

/// Longer than any step takes on a busy machine; a test that waits so long failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Where the program is.
pub fn program() -> &'static str {
    env!("CARGO_BIN_EXE_cumuli")
}

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    /// What it answered.
    pub out: String,
    /// What it complained of.
    pub err: String,
}

impl Outcome {
    /// Whether it did what it was asked to do.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

/// The program with nothing of this process's environment.
fn command(settings: &[(String, String)], folder: &Path, open_files: Option<u32>) -> Command {
    let mut command = match open_files {
        None => Command::new(program()),
        Some(most) => {
            let mut shell = Command::new("sh");
            shell.args([
                "-c",
                &format!("ulimit -n {most} && exec \"$0\" \"$@\""),
                program(),
            ]);
            shell
        }
    };
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(settings.iter().map(|(name, text)| (name, text)))
        .current_dir(folder);
    command
}

/// Runs the program to its end, with `input` typed into it.
pub async fn run(arguments: &[&str], settings: &[(String, String)], folder: &Path, input: &str) -> Outcome {
    let mut command = command(settings, folder, None);
    command.args(arguments);
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = input.to_owned();
    let ended = tokio::task::spawn_blocking(move || {
        let mut child = child;
        // A command that wants no input may be gone before it is written.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    });
    let output = tokio::time::timeout(PATIENCE, ended)
        .await
        .expect("the command ends")
        .unwrap();
    Outcome {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Starts the program, without anything to type into it or to read.
pub fn spawn(arguments: &[&str], settings: &[(String, String)], folder: &Path) -> Child {
    command(settings, folder, None)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs another program to its end, beside the server whose output has to be read.
pub async fn finished(command: &mut Command, patience: Duration) -> Output {
    let command = std::mem::replace(command, Command::new(""));
    let running = tokio::task::spawn_blocking(move || {
        let mut command = command;
        command.stdin(Stdio::null()).output().expect("the program starts")
    });
    let finished = tokio::time::timeout(patience, running).await;
    finished.expect("the program ends").unwrap()
}

/// All that a program said.
pub fn told(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

/// A server that runs. Dropping it kills it.
pub struct Running {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
    logs: Arc<Mutex<String>>,
}

impl Running {
    /// Starts `cumuli serve`.
    pub fn start(settings: &[(String, String)], folder: &Path, open_files: Option<u32>) -> Self {
        let mut child = command(settings, folder, open_files)
            .arg("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = mpsc::unbounded_channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                // The test may have seen enough; the pipe is read to its end all the same.
                let _ = sender.send(line);
            }
        });
        let logs = Arc::new(Mutex::new(String::new()));
        let mut err = child.stderr.take().unwrap();
        let collected = Arc::clone(&logs);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = err.read(&mut buffer) {
                collected
                    .lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Self { child, lines, logs }
    }

    /// A line of its output that holds `words`, waited for.
    pub async fn line_with(&mut self, words: &str) -> String {
        let found = async {
            while let Some(line) = self.lines.recv().await {
                if line.contains(words) {
                    return line;
                }
            }
            panic!(
                "the server ended without saying {words:?}; it logged:\n{}",
                self.logs.lock().unwrap()
            );
        };
        let waited = tokio::time::timeout(PATIENCE, found).await;
        waited.unwrap_or_else(|_| panic!("no {words:?} in time; it logged:\n{}", self.logs()))
    }

    /// What it logged so far.
    pub fn logs(&self) -> String {
        self.logs.lock().unwrap().clone()
    }

    /// The number of its process.
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success(), "kill -s {name}");
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) -> ExitStatus {
        let waiting = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(5));
            loop {
                ticks.tick().await;
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
            }
        };
        let ended = tokio::time::timeout(PATIENCE, waiting).await;
        ended.unwrap_or_else(|_| panic!("the server does not end; it logged:\n{}", self.logs()))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("The server logged:\n{}", self.logs());
        }
    }
}
