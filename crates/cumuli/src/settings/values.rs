//! The texts that were given, and what is wrong with them.

use std::collections::BTreeMap;

use super::kinds::{Kind, Secrecy};
use super::table::row;
use super::wrong::{Origin, Wrong};

/// One setting's text and where it came from.
#[derive(Clone)]
pub struct Given {
    /// The text; empty when somebody unset it.
    pub text: String,
    /// Where from.
    pub origin: Origin,
    /// The name that it was given by, such as `SECRET_KEY_FILE` or `--listen`.
    pub by: String,
}

/// The strongest text of each setting.
#[derive(Default)]
pub struct Values {
    /// By the setting's name.
    pub given: BTreeMap<&'static str, Given>,
    /// What is wrong so far.
    pub wrongs: Vec<Wrong>,
}

impl Values {
    /// Whether a setting was given, and not as an empty text, which unsets.
    pub fn get(&self, name: &str) -> Option<&Given> {
        self.given.get(name).filter(|given| !given.text.is_empty())
    }

    /// Reads a setting that may be left out. `None` if its text is wrong, which is noted.
    pub(super) fn read<T>(&mut self, name: &str, kind: &Kind<T>) -> Option<Option<T>> {
        let Some(given) = self.get(name) else {
            return Some(None);
        };
        match (kind.parse)(&given.text) {
            Ok(value) => Some(Some(value)),
            Err(what) => {
                self.complain(name, &what);
                None
            }
        }
    }

    /// Reads a setting that has a default. `None` if its text is wrong, which is noted.
    pub(super) fn read_or<T>(&mut self, name: &str, kind: &Kind<T>, default: &str) -> Option<T> {
        match self.read(name, kind)? {
            Some(value) => Some(value),
            None => Some((kind.parse)(default).expect("a test parses every default")),
        }
    }

    /// Notes that a given setting is wrong. `what` must not hold the text of a secret.
    pub fn complain(&mut self, name: &str, what: &str) {
        let (Some(given), Some(row)) = (self.given.get(name), row(name)) else {
            return;
        };
        let example = match row.secrecy {
            Secrecy::Shown | Secrecy::Masked => format!("`{}`", row.example),
            // An example of a secret would be copied and then be no secret.
            Secrecy::Hidden => "what `openssl rand -base64 32` prints".to_owned(),
        };
        self.wrongs
            .push(Wrong::value(&given.by, &given.origin, what, &example));
    }
}
