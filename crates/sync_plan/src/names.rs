//! Names here and names there.

use unicode_normalization::UnicodeNormalization;

use super::Obstacle;

/// What names at a provider are like.
pub trait Names: Send + Sync {
    /// What a name here is called there: itself, or encoded so that [`Names::here`] gives it back.
    ///
    /// # Errors
    /// `Name` when it cannot be held there in any form.
    fn there(&self, here: &str) -> Result<String, Obstacle>;

    /// What a name there is called here: decoded, and made a name that is valid here. Always gives one.
    fn here(&self, there: &str) -> String;

    /// What two names there have in common when the provider takes them for one. For finding collisions, never for
    /// deciding whether something was renamed.
    fn folded(&self, there: &str) -> String;
}

/// What a provider takes as a name. Makes names of ours that it would refuse into such that it takes, in the way that
/// rclone does, and these into ours again:
///
/// - A forbidden character becomes its full-width likeness, and so does one that no name may end with; a space becomes
///   `␠`. Where a name has such a likeness itself, `‛` stands before it.
/// - `‛` stands before a name that is reserved or begins in a forbidden way, and within a forbidden part.
/// - `‛` itself is doubled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameLimits {
    /// The longest name.
    pub longest: usize,
    /// What `longest` counts: UTF-8 bytes, or UTF-16 units.
    pub counts_utf16: bool,
    /// Characters that no name has.
    pub forbidden: &'static str,
    /// Control characters are refused.
    pub forbids_controls: bool,
    /// No name ends with one of these.
    pub forbidden_ends: &'static str,
    /// No name begins with one of these.
    pub forbidden_starts: &'static [&'static str],
    /// Names that are refused whatever their case, with and without an extension.
    pub reserved: &'static [&'static str],
    /// Parts that no name may have.
    pub forbidden_parts: &'static [&'static str],
    /// Names that differ only in case are the same.
    pub folds_case: bool,
}

/// Stands before what means itself, and between what may not stand together.
const QUOTE: char = '\u{201b}';

/// What a name here may hold, bytes.
const LONGEST_BYTES: usize = 255;

/// The longest ending that is kept when a name is cut, with its dot, bytes.
const EXTENSION_BYTES: usize = 32;

impl Names for NameLimits {
    fn there(&self, here: &str) -> Result<String, Obstacle> {
        let mut name = self.encode(here);
        if let Some(part) = self.forbidden_parts.iter().find(|part| holds(&name, part)) {
            name = break_up(&name, part);
        }
        if self.begins_badly(&name) {
            name.insert(0, QUOTE);
        }
        self.check(&name).map_err(Obstacle::Name)?;
        Ok(name)
    }

    fn here(&self, there: &str) -> String {
        let decoded = self.decode(there);
        let composed: String = if decoded.is_ascii() {
            decoded
        } else {
            decoded.nfc().collect()
        };
        shorten(visible(composed.chars().map(ours).collect()))
    }

    fn folded(&self, there: &str) -> String {
        if self.folds_case {
            there.nfc().collect::<String>().to_lowercase()
        } else {
            there.to_owned()
        }
    }
}

impl NameLimits {
    /// Whether a character is replaced at this place.
    fn is_replaced(&self, character: char, is_last: bool) -> bool {
        (self.forbidden.contains(character) || (is_last && self.forbidden_ends.contains(character)))
            && likeness(character).is_some()
    }

    /// What a likeness stands for at this place.
    fn original(&self, character: char, is_last: bool) -> Option<char> {
        let original = match character {
            '\u{2420}' => ' ',
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(character as u32 - 0xff01 + 0x21)?,
            _ => return None,
        };
        self.is_replaced(original, is_last).then_some(original)
    }

    fn encode(&self, here: &str) -> String {
        let mut name = String::with_capacity(here.len() + 8);
        let mut rest = here.chars().peekable();
        while let Some(character) = rest.next() {
            let is_last = rest.peek().is_none();
            if character == QUOTE || self.original(character, is_last).is_some() {
                name.push(QUOTE);
            }
            let replaced = likeness(character).filter(|_| self.is_replaced(character, is_last));
            name.push(replaced.unwrap_or(character));
        }
        name
    }

    fn decode(&self, there: &str) -> String {
        let mut name = String::with_capacity(there.len());
        let mut rest = there.chars().peekable();
        while let Some(character) = rest.next() {
            if character != QUOTE {
                let is_last = rest.peek().is_none();
                name.push(self.original(character, is_last).unwrap_or(character));
                continue;
            }
            // Before anything that has no need of it, it only keeps things apart.
            if let Some(quoted) = rest.next() {
                name.push(quoted);
            }
        }
        name
    }

    fn begins_badly(&self, name: &str) -> bool {
        let stem = name.split('.').next().unwrap_or(name);
        let is_reserved = |word: &&str| word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(stem);
        self.forbidden_starts.iter().any(|start| name.starts_with(start))
            || self.reserved.iter().any(is_reserved)
    }

    /// Whether the provider takes a name, or else why not.
    fn check(&self, name: &str) -> Result<(), String> {
        let length = if self.counts_utf16 {
            name.encode_utf16().count()
        } else {
            name.len()
        };
        if length > self.longest {
            return Err(format!("it is longer than {}", self.longest));
        }
        let is_forbidden =
            |c: &char| self.forbidden.contains(*c) || (self.forbids_controls && c.is_control());
        if let Some(c) = name.chars().find(is_forbidden) {
            return Err(format!("it has the character {c:?}"));
        }
        if let Some(c) = name.chars().last().filter(|c| self.forbidden_ends.contains(*c)) {
            return Err(format!("it ends with {c:?}"));
        }
        if self.begins_badly(name) {
            return Err("it begins in a way that is reserved".to_owned());
        }
        match self.forbidden_parts.iter().find(|part| holds(name, part)) {
            Some(part) => Err(format!("`{part}` is reserved")),
            None => Ok(()),
        }
    }
}

/// The character that looks like another and is forbidden nowhere.
fn likeness(character: char) -> Option<char> {
    match character {
        ' ' => Some('\u{2420}'),
        '!'..='~' => char::from_u32(character as u32 - 0x21 + 0xff01),
        _ => None,
    }
}

fn holds(name: &str, part: &str) -> bool {
    name.to_lowercase().contains(part)
}

/// Keeps the first two characters of each occurrence of a part from standing together.
fn break_up(name: &str, part: &str) -> String {
    let mut broken = String::with_capacity(name.len() + 3);
    let mut was_begun = false;
    for (at, character) in name.char_indices() {
        if was_begun && character != QUOTE {
            broken.push(QUOTE);
        }
        was_begun = name[at..].to_lowercase().starts_with(part);
        broken.push(character);
    }
    broken
}

/// The character that stands here for one that no name here may have.
fn ours(character: char) -> char {
    match character {
        '\0'..='\x1f' => char::from_u32(0x2400 + character as u32).unwrap_or('_'),
        '\x7f' => '\u{2421}',
        '/' => '\u{ff0f}',
        '\\' => '\u{ff3c}',
        '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            '\u{fffd}'
        }
        other => other,
    }
}

/// A name that can be seen and means no place.
fn visible(name: String) -> String {
    let is_blank = |c: char| {
        c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
    };
    match name.as_str() {
        "." => "\u{ff0e}".to_owned(),
        ".." => "\u{ff0e}\u{ff0e}".to_owned(),
        _ if name.chars().all(is_blank) => format!("_{name}"),
        _ => name,
    }
}

/// A name that is not too long: cut before its extension, with a number that is made from all of it.
fn shorten(name: String) -> String {
    if name.len() <= LONGEST_BYTES {
        return name;
    }
    // FNV-1a: the number has to be the same for ever, and nothing depends on who can guess it.
    let number = name.bytes().fold(0x811c_9dc5_u32, |number, byte| {
        (number ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= EXTENSION_BYTES => name.split_at(dot),
        _ => (name.as_str(), ""),
    };
    let mark = format!("~{number:08x}{extension}");
    let room = LONGEST_BYTES - mark.len();
    let end = (0..=room)
        .rev()
        .find(|end| stem.is_char_boundary(*end))
        .unwrap_or(0);
    format!("{}{mark}", &stem[..end])
}

#[cfg(test)]
mod tests;
