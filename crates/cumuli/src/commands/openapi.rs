//! `cumuli openapi`.

use anyhow::Context;

use super::print;

/// For `--help`.
pub const EXAMPLES: &str = "Examples:\n  \
    cumuli openapi > openapi.json\n  \
    The running server has the same document at /openapi.json, and pages of it at /docs and /redoc.";

/// Prints the document.
///
/// # Errors
/// When the output is closed.
pub fn run() -> anyhow::Result<()> {
    let document = web::document()
        .to_pretty_json()
        .context("the document cannot be written as JSON")?;
    print::line(document)
}
