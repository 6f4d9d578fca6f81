//! The mask of `fields`: which parts of a resource an answer holds.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use serde_json::{Map, Value};

/// The fields of each kind of resource, from Google's discovery document: `Kind = field field:Kind`, where the
/// kind `*` takes any fields.
const KINDS: &str = include_str!("fields.txt");

/// Which fields are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mask {
    /// All.
    All,
    /// These, each with a mask of its own.
    Some(BTreeMap<String, Mask>),
}

impl Mask {
    /// Reads `a,b/c,d(e,f)` for a kind of resource. The error is what Google says.
    pub fn read(text: &str, kind: &str) -> Result<Self, String> {
        let mut rest = text;
        let mask = list(&mut rest).ok_or_else(|| format!("Invalid field selection {text}"))?;
        if !rest.is_empty() {
            return Err(format!("Invalid field selection {text}"));
        }
        mask.check(kind)
            .map_err(|field| format!("Invalid field selection {field}"))?;
        Ok(mask)
    }

    /// Whether a field is wanted.
    pub fn has(&self, field: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some(fields) => fields.contains_key(field),
        }
    }

    /// What is wanted of a field's value.
    pub fn of(&self, field: &str) -> &Self {
        match self {
            Self::All => self,
            Self::Some(fields) => fields.get(field).unwrap_or(&Self::All),
        }
    }

    /// The names of fields that are wanted, out of `all`.
    pub fn wanted<'a>(&'a self, all: &'a [&'a str]) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        match self {
            Self::All => Box::new(all.iter().copied()),
            Self::Some(fields) => Box::new(fields.keys().map(String::as_str)),
        }
    }

    /// What is wanted of a value.
    pub fn prune(&self, value: Value) -> Value {
        let Self::Some(fields) = self else { return value };
        match value {
            Value::Object(all) => {
                let kept = all.into_iter().filter_map(|(name, value)| {
                    let mask = fields.get(&name)?;
                    Some((name, mask.prune(value)))
                });
                Value::Object(kept.collect::<Map<_, _>>())
            }
            Value::Array(all) => Value::Array(all.into_iter().map(|value| self.prune(value)).collect()),
            other => other,
        }
    }

    /// The first field that the kind has not.
    fn check(&self, kind: &str) -> Result<(), String> {
        let Self::Some(fields) = self else { return Ok(()) };
        if kind == "*" {
            return Ok(());
        }
        let known = kinds().get(kind).ok_or_else(|| kind.to_owned())?;
        for (name, mask) in fields {
            match known.get(name.as_str()) {
                Some(Some(kind)) => mask.check(kind)?,
                Some(None) if *mask == Self::All => {}
                Some(None) | None => return Err(name.clone()),
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &[&str], leaf: Self) {
        let Self::Some(fields) = self else { return };
        match path {
            [] => {}
            [last] => match fields.get_mut(*last) {
                Some(there) => there.join(leaf),
                None => {
                    fields.insert((*last).to_owned(), leaf);
                }
            },
            [first, rest @ ..] => fields
                .entry((*first).to_owned())
                .or_insert_with(|| Self::Some(BTreeMap::new()))
                .add(rest, leaf),
        }
    }

    fn join(&mut self, other: Self) {
        match other {
            Self::All => *self = Self::All,
            Self::Some(fields) => {
                for (name, mask) in fields {
                    self.add(&[&name], mask);
                }
            }
        }
    }
}

/// A list of selections, up to its end or a closing bracket.
fn list(rest: &mut &str) -> Option<Mask> {
    let mut mask = Mask::Some(BTreeMap::new());
    loop {
        let end = rest.find(['(', ')', ',']).unwrap_or(rest.len());
        let (path, after) = rest.split_at(end);
        *rest = after;
        let mut path: Vec<&str> = path.trim().split('/').collect();
        let is_name =
            |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '*');
        if !path.iter().all(is_name) {
            return None;
        }
        let mut leaf = Mask::All;
        if let Some(inner) = rest.strip_prefix('(') {
            *rest = inner;
            leaf = list(rest)?;
            *rest = rest.strip_prefix(')')?;
        }
        if path.last() == Some(&"*") {
            path.pop();
        }
        if path.is_empty() {
            mask = Mask::All;
        }
        mask.add(&path, leaf);
        match rest.strip_prefix(',') {
            Some(after) => *rest = after,
            None => return Some(mask),
        }
    }
}

type Kinds = HashMap<&'static str, HashMap<&'static str, Option<&'static str>>>;

fn kinds() -> &'static Kinds {
    static READ: OnceLock<Kinds> = OnceLock::new();
    READ.get_or_init(|| {
        let lines = KINDS.lines().filter_map(|line| line.split_once(" = "));
        lines
            .map(|(kind, fields)| {
                let fields = fields.split(' ').map(|field| match field.split_once(':') {
                    Some((name, kind)) => (name, Some(kind)),
                    None => (field, None),
                });
                (kind, fields.collect())
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(mask: &str, expected: &Value) {
        let file = json!({"id": "1", "name": "a", "capabilities": {"canEdit": true, "canTrash": false}});
        let all = json!({"kind": "drive#fileList", "files": [file]});

        assert_eq!(&Mask::read(mask, "FileList").unwrap().prune(all), expected);
    }

    #[test]
    fn a_mask_keeps_what_it_names() {
        check("files(id,name)", &json!({"files": [{"id": "1", "name": "a"}]}));
        check(
            "files/id, kind",
            &json!({"kind": "drive#fileList", "files": [{"id": "1"}]}),
        );
        check(
            "files(capabilities/canEdit,capabilities(canTrash))",
            &json!({"files": [{"capabilities": {"canEdit": true, "canTrash": false}}]}),
        );
        check(
            "files(capabilities(*))",
            &json!({"files": [{"capabilities": {"canEdit": true, "canTrash": false}}]}),
        );
    }

    #[test]
    fn a_mask_of_fields_that_are_not_is_refused() {
        for text in ["files(id", "files(etag)", "id", "files()", "files(id/x)", ""] {
            assert!(Mask::read(text, "FileList").is_err(), "{text}");
        }
    }
}
