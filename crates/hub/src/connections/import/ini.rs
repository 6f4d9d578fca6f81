//! The file that rclone keeps its remotes in: an INI file in the dialect of its library.

use super::remote::Remote;

/// How the first line of an encrypted file begins.
const ENCRYPTED: &str = "RCLONE_ENCRYPT_V";
/// A larger file is none of rclone's.
pub(super) const MOST_BYTES: usize = 1 << 20;
/// Remotes that one file may have.
const MOST_REMOTES: usize = 1000;

/// Reads the remotes in the order of the file. Of what is there twice the last counts, as in rclone.
///
/// # Errors
/// A sentence that says what is wrong and where; it holds no value of the file.
pub(super) fn read(text: &str) -> Result<Vec<Remote>, String> {
    if text.len() > MOST_BYTES {
        return Err("it is larger than 1 MiB".to_owned());
    }
    let mut remotes: Vec<Remote> = Vec::new();
    let mut current = None;
    let lines = text.trim_start_matches('\u{feff}').lines();
    let mut is_first = true;
    for (number, line) in lines.enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if std::mem::take(&mut is_first) && line.starts_with(ENCRYPTED) {
            return Err(
                "it is encrypted: let rclone decrypt it, with `rclone config encryption remove` on a copy, or take \
                 what `rclone config show` prints"
                    .to_owned(),
            );
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            current = Some(section(&mut remotes, name.trim(), number)?);
            continue;
        }
        let (key, value) = pair(line).ok_or_else(|| format!("line {number} is no `key = value`"))?;
        // What comes before the first remote belongs to none.
        if let Some(at) = current {
            let remote: &mut Remote = &mut remotes[at];
            remote.options.insert(key.to_owned(), value.to_owned());
        }
    }
    Ok(remotes)
}

/// The place of a section, which is made when it is new.
fn section(remotes: &mut Vec<Remote>, name: &str, line: usize) -> Result<usize, String> {
    if name.is_empty() {
        return Err(format!("line {line} names no remote"));
    }
    if let Some(at) = remotes.iter().position(|remote| remote.name == name) {
        return Ok(at);
    }
    if remotes.len() >= MOST_REMOTES {
        return Err(format!("it holds more than {MOST_REMOTES} remotes"));
    }
    remotes.push(Remote::new(name));
    Ok(remotes.len() - 1)
}

/// A key and its value. Either may stand in quotes, of which a value's own end is the last; double quotes alone belong
/// to a value.
fn pair(line: &str) -> Option<(&str, &str)> {
    let quote = ["\"\"\"", "\"", "`"]
        .into_iter()
        .find(|quote| line.starts_with(quote));
    let (key, rest) = match quote {
        None => {
            let at = line.find(['=', ':'])?;
            (line[..at].trim(), &line[at + 1..])
        }
        Some(quote) => {
            let inner = &line[quote.len()..];
            let end = inner.find(quote)?;
            let after = &inner[end + quote.len()..];
            (&inner[..end], &after[after.find(['=', ':'])? + 1..])
        }
    };
    let value = rest.trim();
    let quote = ["\"\"\"", "`"]
        .into_iter()
        .find(|quote| value.starts_with(quote) && value.len() >= 2 * quote.len());
    let value = match quote {
        Some(quote) => {
            let inner = &value[quote.len()..];
            &inner[..inner.rfind(quote)?]
        }
        None => value,
    };
    (!key.is_empty()).then_some((key, value))
}
