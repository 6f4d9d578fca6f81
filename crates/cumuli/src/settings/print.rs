//! The documents of the settings, printed from the table.

use std::fmt::Write as _;

use super::kinds::Secrecy;
use super::table::{Fallback, Row, TABLE};

/// Opens `docs/settings.md`.
const PREFACE: &str = "\
# Settings

Printed by `cumuli settings markdown` from the table in `crates/cumuli/src/settings/table.rs`; a test
keeps this file equal to it.

`cumuli serve` needs no settings. What is set is looked for in this order, and the first place that
names a setting wins:

1. the flags of the command, such as `--listen 0.0.0.0:8000`;
2. the environment, such as `CUMULI_LISTEN=0.0.0.0:8000`;
3. the file `.env` in the working directory;
4. the file that `--config` or `CUMULI_CONFIG` names, otherwise `cumuli.toml` in the working
   directory, such as `listen = \"0.0.0.0:8000\"`;
5. the default.

An empty text means the default. A wrong value, a name that is no setting and a secret that is too
short stop the start with a sentence that says what to write; all of them are told at once.
`cumuli settings show` prints what is in force, `cumuli settings sample` a `cumuli.toml` to begin
with.

Secrets have no flag of their own, since everybody on a machine can read its command lines. Each of
them may come from a file: `SECRET_KEY_FILE=/run/secrets/secret_key`, or `--secret-key-file`.

Sizes are written `500MB`, `10GiB` or as plain bytes; durations `90s`, `15m`, `12h`, `30d`, `1h30m`;
lists with commas between.
";

/// `docs/settings.md`.
pub fn markdown() -> String {
    let mut page = PREFACE.to_owned();
    for (heading, rows) in groups() {
        let _ = write!(page, "\n## {heading}\n\n");
        page.push_str(
            "| Setting | In `cumuli.toml` | Form | Default | What it does |\n|---|---|---|---|---|\n",
        );
        for row in rows {
            let _ = writeln!(
                page,
                "| `{}` | `{}` | {} | {} | {} |",
                row.name,
                row.key(),
                row.form,
                fallback(row),
                row.sentence()
            );
        }
    }
    page
}

/// A `cumuli.toml` in which everything is commented out.
pub fn sample() -> String {
    let mut file = String::from(
        "# Settings of Cumuli. Everything here is commented out and shows an example; what is not set has\n\
         # its default. Flags and the environment win over this file.\n",
    );
    for (heading, rows) in groups() {
        let _ = write!(file, "\n# {heading}\n");
        for row in rows {
            let _ = write!(file, "\n# {}\n# Default: {}.\n", row.sentence(), fallback(row));
            let _ = match row.secrecy {
                Secrecy::Shown | Secrecy::Masked => {
                    writeln!(file, "# {} = {:?}", row.key(), row.example)
                }
                Secrecy::Hidden => {
                    writeln!(file, "# {0}_file = \"/run/secrets/{0}\"", row.key())
                }
            };
        }
    }
    file
}

fn fallback(row: &Row) -> String {
    match row.fallback {
        Fallback::Text("") => "none".to_owned(),
        Fallback::Text(text) => format!("`{text}`"),
        Fallback::Unset(words) => words.to_owned(),
    }
}

/// The rows under their headings, in the order of the table.
fn groups() -> Vec<(&'static str, Vec<&'static Row>)> {
    let mut groups: Vec<(&'static str, Vec<&'static Row>)> = Vec::new();
    for row in TABLE {
        match groups.last_mut() {
            Some((heading, rows)) if *heading == row.group => rows.push(row),
            _ => groups.push((row.group, vec![row])),
        }
    }
    groups
}
