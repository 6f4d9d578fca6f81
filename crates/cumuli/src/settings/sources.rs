//! Where settings come from: flags over environment over `.env` over `cumuli.toml`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::kinds::Secrecy;
use super::table::{Row, TABLE, row};
use super::values::{Given, Values};
use super::wrong::{Origin, Wrong};

/// Everything outside the program that settings are read from, so that tests bring their own.
pub struct Sources {
    /// Names of settings (or `NAME_FILE`) with what the command line said.
    pub flags: Vec<(String, String)>,
    /// What `--config` said.
    pub config: Option<PathBuf>,
    /// The variables of the process.
    pub environment: Vec<(OsString, OsString)>,
    /// The working directory, where `.env` and `cumuli.toml` are looked for.
    pub folder: PathBuf,
}

/// Names that start like ours and belong to tests, benchmarks and tools.
const FOREIGN: [&str; 4] = ["CUMULI_TEST_", "CUMULI_BENCH_", "CUMULI_URL", "CUMULI_SCREENSHOT"];
/// Names for the same setting.
const ALIASES: [(&str, &str); 1] = [("ENVIRONMENT", "ENV")];
/// Names the settings file itself.
const CONFIG: &str = "CUMULI_CONFIG";
/// Larger files are not settings.
const MOST_FILE_BYTES: u64 = 1 << 20;

/// One source's texts by the name of the setting, or its `_FILE` variant.
struct Layer {
    origin: Origin,
    texts: BTreeMap<String, Given>,
}

impl Sources {
    /// Reads them all; what is wrong on the way is noted in the result.
    pub(super) fn read(self) -> Values {
        let mut values = Values::default();
        let environment = self.environment(&mut values.wrongs);
        let dot_env = dot_env(&self.folder.join(".env"), &mut values.wrongs);
        let config = self
            .config
            .or_else(|| path_of(&environment, CONFIG))
            .or_else(|| path_of(&dot_env, CONFIG));
        let file = match config {
            Some(path) => toml_file(&path, &mut values.wrongs),
            None => {
                let path = self.folder.join("cumuli.toml");
                if path.exists() {
                    toml_file(&path, &mut values.wrongs)
                } else {
                    Layer::new(Origin::File(path))
                }
            }
        };
        let mut flags = Layer::new(Origin::Flag);
        for (name, text) in self.flags {
            let by = format!("--{}", flag_of(&name));
            flags.put(name, text, by);
        }
        for layer in [flags, environment, dot_env, file] {
            layer.fill(&mut values);
        }
        values
    }

    fn environment(&self, wrongs: &mut Vec<Wrong>) -> Layer {
        let mut layer = Layer::new(Origin::Environment);
        for (name, text) in &self.environment {
            let Some(name) = name.to_str() else {
                continue;
            };
            match text.to_str() {
                // A shell names its startup file by `ENV` (POSIX.1-2024, sh); that is not ours.
                Some(text) if name == "ENV" && text.contains('/') => {}
                Some(text) => layer.variable(name, text, wrongs),
                None if is_ours(name) => wrongs.push(Wrong::sentence(format!(
                    "{name} from the environment is not valid UTF-8"
                ))),
                None => {}
            }
        }
        layer
    }
}

impl Layer {
    const fn new(origin: Origin) -> Self {
        Self {
            origin,
            texts: BTreeMap::new(),
        }
    }

    fn put(&mut self, name: String, text: String, by: String) {
        let text = text.trim().to_owned();
        let origin = self.origin.clone();
        self.texts.insert(name, Given { text, origin, by });
    }

    /// Takes in a variable if it is a setting, and notes one that only looks like one of ours.
    fn variable(&mut self, name: &str, text: &str, wrongs: &mut Vec<Wrong>) {
        if !is_ours(name) {
            return;
        }
        let own = ALIASES
            .iter()
            .find(|(alias, _)| *alias == name)
            .map_or(name, |(_, own)| *own);
        if name == CONFIG || is_setting(own) {
            let before = self.texts.get(own).map(|given| given.text.clone());
            if before.is_some_and(|before| before != text.trim()) {
                wrongs.push(Wrong::sentence(format!(
                    "ENV and ENVIRONMENT from {} say different things: give one of them",
                    self.origin
                )));
            }
            self.put(own.to_owned(), text.to_owned(), name.to_owned());
        } else {
            let names = TABLE.iter().map(|row| row.name.to_owned());
            let near = nearest(name, names);
            wrongs.push(Wrong::unknown(name, &self.origin, near.as_deref()));
        }
    }

    /// Adds what no stronger layer gave.
    fn fill(mut self, values: &mut Values) {
        for row in TABLE {
            let direct = self.texts.remove(row.name);
            let by_file = self.texts.remove(&file_name(row));
            if values.given.contains_key(row.name) {
                continue;
            }
            let given = match (direct, by_file) {
                (Some(given), Some(file)) if !given.text.is_empty() && !file.text.is_empty() => {
                    values.wrongs.push(Wrong::sentence(format!(
                        "{} and {} from {} are both given: give one of them",
                        given.by, file.by, self.origin
                    )));
                    given
                }
                (_, Some(file)) if !file.text.is_empty() => match secret_file(&file) {
                    Ok(given) => given,
                    Err(wrong) => {
                        values.wrongs.push(wrong);
                        continue;
                    }
                },
                (Some(given), _) => given,
                (None, _) => continue,
            };
            values.given.insert(row.name, given);
        }
    }
}

/// Whether a name of the environment is one that we have to understand.
fn is_ours(name: &str) -> bool {
    if FOREIGN.iter().any(|foreign| name.starts_with(foreign)) {
        return false;
    }
    name.starts_with("CUMULI_") || is_setting(name) || ALIASES.iter().any(|(alias, _)| *alias == name)
}

fn is_setting(name: &str) -> bool {
    row(name).is_some() || TABLE.iter().any(|row| has_file(row) && file_name(row) == name)
}

/// Whether a setting may come from a file of its own.
const fn has_file(row: &Row) -> bool {
    match row.secrecy {
        Secrecy::Shown => false,
        Secrecy::Masked | Secrecy::Hidden => true,
    }
}

fn file_name(row: &Row) -> String {
    format!("{}_FILE", row.name)
}

fn flag_of(name: &str) -> String {
    let key = name.strip_prefix("CUMULI_").unwrap_or(name);
    key.to_ascii_lowercase().replace('_', "-")
}

fn path_of(layer: &Layer, name: &str) -> Option<PathBuf> {
    let given = layer.texts.get(name).filter(|given| !given.text.is_empty())?;
    Some(PathBuf::from(&given.text))
}

/// The secret in the file that `given` names.
fn secret_file(given: &Given) -> Result<Given, Wrong> {
    let path = Path::new(&given.text);
    let text = read_text(path).map_err(|error| {
        Wrong::sentence(format!(
            "{} from {}: the file {} cannot be read ({error})",
            given.by,
            given.origin,
            path.display()
        ))
    })?;
    let text = text.trim().to_owned();
    if text.is_empty() {
        return Err(Wrong::sentence(format!(
            "{} from {}: the file {} is empty",
            given.by,
            given.origin,
            path.display()
        )));
    }
    Ok(Given {
        text,
        ..given.clone()
    })
}

fn read_text(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MOST_FILE_BYTES {
        return Err(io::Error::other("it is larger than 1 MiB"));
    }
    fs::read_to_string(path)
}

fn dot_env(path: &Path, wrongs: &mut Vec<Wrong>) -> Layer {
    let mut layer = Layer::new(Origin::DotEnv(PathBuf::from(".env")));
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return layer,
        Err(error) => {
            wrongs.push(Wrong::sentence(format!("the file .env cannot be read ({error})")));
            return layer;
        }
    };
    for line in dotenvy::from_read_iter(text.as_bytes()) {
        match line {
            Ok((name, text)) => layer.variable(&name, &text, wrongs),
            // The error would show the line, and the line may hold a secret.
            Err(_) => {
                wrongs.push(Wrong::sentence(
                    "the file .env holds a line that is not NAME=value; a value with blanks needs quotes, \
                     for example `NAME='two words'`"
                        .to_owned(),
                ));
                break;
            }
        }
    }
    layer
}

fn toml_file(path: &Path, wrongs: &mut Vec<Wrong>) -> Layer {
    let mut layer = Layer::new(Origin::File(path.to_owned()));
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) => {
            wrongs.push(Wrong::sentence(format!(
                "the settings file {} cannot be read ({error})",
                path.display()
            )));
            return layer;
        }
    };
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            wrongs.push(Wrong::sentence(not_toml(path, &text, &error)));
            return layer;
        }
    };
    for (key, value) in table {
        let name = TABLE.iter().find_map(|row| name_of_key(row, &key));
        let Some(name) = name else {
            let near = nearest(&key, TABLE.iter().map(Row::key));
            wrongs.push(Wrong::unknown(&key, &layer.origin, near.as_deref()));
            continue;
        };
        match text_of(&value) {
            Some(text) => layer.put(name, text, key),
            None => wrongs.push(Wrong::sentence(format!(
                "{key} from {} is a {}, not a text, a number, true, false or a list of texts",
                layer.origin,
                value.type_str()
            ))),
        }
    }
    layer
}

/// Where the file stops being TOML. The parser's own message would show the line, and the line may
/// hold a secret.
fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let line = error.span().map_or(1, |span| {
        let end = span.start.min(text.len());
        1 + text.as_bytes()[..end].iter().filter(|b| **b == b'\n').count()
    });
    format!(
        "the settings file {} is not TOML at line {line} ({})",
        path.display(),
        error.message().lines().next().unwrap_or("it cannot be parsed")
    )
}

fn name_of_key(row: &Row, key: &str) -> Option<String> {
    let own = row.key();
    if own == key {
        return Some(row.name.to_owned());
    }
    let is_file = has_file(row) && key.strip_suffix("_file") == Some(&own);
    is_file.then(|| file_name(row))
}

fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(yes) => Some(yes.to_string()),
        toml::Value::Array(items) => {
            let items: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            Some(items?.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

/// The name that `wrong` was probably meant to be.
fn nearest(wrong: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let most = wrong.len() / 4;
    names
        .map(|name| (edits(wrong, &name), name))
        .filter(|(distance, _)| *distance <= most.max(2))
        .min()
        .map(|(_, name)| name)
}

/// How many letters have to be put in, taken out or replaced to get from one to the other.
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
