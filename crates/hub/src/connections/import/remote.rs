//! One remote of rclone, and where an alias leads.

use std::collections::BTreeMap;

/// Aliases that may lead to one another.
const DEEPEST: usize = 8;

/// A section of rclone's file.
pub(super) struct Remote {
    pub name: String,
    pub options: BTreeMap<String, String>,
}

/// What an alias leads to in the end.
pub(super) struct Target<'a> {
    /// The remote; `None` is this machine.
    pub remote: Option<&'a Remote>,
    /// The path there.
    pub path: String,
}

impl Remote {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            options: BTreeMap::new(),
        }
    }

    /// An option that has a value.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        let value = self.options.get(key).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Whether an option is on.
    pub(super) fn is_on(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// What it is: `s3`, `drive`, …
    pub(super) fn kind(&self) -> &str {
        self.get("type").unwrap_or_default()
    }

    /// The first of these options that is given.
    pub(super) fn first_of(&self, keys: &[&'static str]) -> Option<&'static str> {
        let is_given = |key: &&&str| self.get(key).is_some_and(|value| value != "false");
        keys.iter().find(is_given).copied()
    }
}

/// Follows an alias to what it leads to.
///
/// # Errors
/// A sentence that says why it leads nowhere.
pub(super) fn follow<'a>(alias: &'a Remote, all: &'a [Remote]) -> Result<Target<'a>, String> {
    let (mut at, mut below) = (alias, String::new());
    for _ in 0..DEEPEST {
        let text = at.get("remote").ok_or("it leads to no remote")?;
        let Some((name, path)) = parts(text)? else {
            let path = joined(text, &below);
            return Ok(Target { remote: None, path });
        };
        let found = all.iter().find(|remote| remote.name == name);
        let found = found.ok_or_else(|| format!("there is no remote `{name}`, which it leads to"))?;
        below = joined(path, &below);
        match found.kind() {
            "alias" => at = found,
            _ => {
                return Ok(Target {
                    remote: Some(found),
                    path: below,
                });
            }
        }
    }
    Err("it leads to an alias of an alias, and so on".to_owned())
}

/// A remote's name and the path there; `None` for a path on this machine.
fn parts(text: &str) -> Result<Option<(&str, &str)>, String> {
    let Some((name, path)) = text.split_once(':') else {
        return Ok(None);
    };
    if name.contains('/') {
        return Ok(None);
    }
    if name.is_empty() || name.contains(',') {
        return Err("it leads to a remote that is described in place, which is not taken".to_owned());
    }
    Ok(Some((name, path)))
}

fn joined(path: &str, below: &str) -> String {
    match (path.trim_end_matches('/'), below.trim_start_matches('/')) {
        (path, "") => path.to_owned(),
        ("", below) if !path.starts_with('/') => below.to_owned(),
        (path, below) => format!("{path}/{below}"),
    }
}
