//! The standard output: what a command answers.

use std::io::{self, Write};

/// Prints one line. Unlike `println!` it does not panic when nobody reads.
///
/// # Errors
/// When the output is closed or full.
pub fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout().lock(), "{}", text.as_ref())?)
}

/// Prints a text as it stands.
///
/// # Errors
/// When the output is closed or full.
pub fn text(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
