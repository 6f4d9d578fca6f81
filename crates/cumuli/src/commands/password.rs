//! Passwords from a person or a program, never from the command line.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};

use anyhow::{Context, bail};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Longer lines are no passwords.
const MOST_BYTES: u64 = 4096;

/// Where a new password comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The terminal, typed twice, not shown.
    Terminal,
    /// The first line of the standard input.
    Input,
}

/// Reads a new password.
///
/// # Errors
/// When there is no terminal, or the two tries differ.
pub fn read(from: From) -> anyhow::Result<String> {
    match from {
        From::Input => first_line(&mut io::stdin().lock()),
        From::Terminal => {
            let mut terminal = Terminal::open("--password-stdin")?;
            let first = terminal.ask("Password: ")?;
            let second = terminal.ask("Once more: ")?;
            if first != second {
                bail!("the two passwords differ");
            }
            Ok(first)
        }
    }
}

/// Reads the secret of something else, such as a key: from the terminal it is asked for once.
///
/// # Errors
/// When there is no terminal.
pub fn read_secret(from: From, question: &str) -> anyhow::Result<String> {
    match from {
        From::Input => first_line(&mut io::stdin().lock()),
        From::Terminal => Terminal::open("--secret-stdin")?.ask(question),
    }
}

/// The first line, without its line break.
fn first_line(input: &mut impl BufRead) -> anyhow::Result<String> {
    let mut line = String::new();
    input
        .take(MOST_BYTES)
        .read_line(&mut line)
        .context("the password cannot be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

struct Terminal {
    tty: BufReader<File>,
    before: Termios,
}

impl Terminal {
    /// `flag` is what helps where there is none.
    fn open(flag: &str) -> anyhow::Result<Self> {
        let tty = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .with_context(|| format!("there is no terminal to ask for a password or a secret: use {flag}"))?;
        let before = tcgetattr(&tty).context("the terminal does not answer")?;
        Ok(Self {
            tty: BufReader::new(tty),
            before,
        })
    }

    fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        self.tty.get_mut().write_all(question.as_bytes())?;
        let mut silent = self.before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        silent.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(self.tty.get_ref(), OptionalActions::Flush, &silent)?;
        let line = first_line(&mut self.tty);
        tcsetattr(self.tty.get_ref(), OptionalActions::Now, &self.before)?;
        line
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Whatever happened, the person sees again what they type.
        let _ = tcsetattr(self.tty.get_ref(), OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_as_it_stands() {
        for (input, password) in [
            ("secret\n", "secret"),
            ("secret\r\nsecond", "secret"),
            (" blanks stay ", " blanks stay "),
            ("", ""),
        ] {
            assert_eq!(first_line(&mut input.as_bytes()).unwrap(), password);
        }
    }
}
