//! What OneDrive lets a thing be called.

use super::answer::Trouble;

/// Characters that no name may hold.
const FORBIDDEN: &[char] = &['"', '*', ':', '<', '>', '?', '/', '\\', '|'];
/// Names that Windows keeps for itself, with or without an extension.
const RESERVED: &[&str] = &["con", "prn", "aux", "nul", ".lock", "desktop.ini"];
/// The longest decoded path below the root of a drive, in characters.
const MAX_PATH: usize = 400;
/// The longest name, in characters.
const MAX_NAME: usize = 255;

/// How two names are held to be one: without regard to case, but with regard to Unicode's forms.
pub(crate) fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// Whether a name may stand in a folder; `at_root` for the rules of the root alone, `is_strict` for those that
/// hold in a drive of an organization or for a folder.
pub(crate) fn check(name: &str, at_root: bool, is_strict: bool) -> Result<(), Trouble> {
    if name.chars().count() > MAX_NAME {
        return Err(Trouble::new(
            400,
            "pathIsTooLong",
            "The name is longer than 255 characters.",
        ));
    }
    let lower = folded(name);
    let stem = lower.split('.').next().unwrap_or_default();
    let is_port = |prefix: &str| {
        stem.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit())
    };
    let is_bad = name.is_empty()
        || name.contains(FORBIDDEN)
        || name.chars().any(|each| each < ' ')
        || name.starts_with(' ')
        || name.ends_with([' ', '.'])
        || RESERVED.contains(&lower.as_str())
        || RESERVED[..4].contains(&stem)
        || is_port("com")
        || is_port("lpt")
        || lower.starts_with("~$")
        || lower.contains("_vti_")
        || (is_strict && name.starts_with('~'))
        || (at_root && is_strict && lower == "forms");
    if is_bad {
        return Err(Trouble::new(
            400,
            "invalidRequest",
            "The provided name contains characters that are not allowed.",
        ));
    }
    Ok(())
}

/// Whether a path below the root is short enough.
pub(crate) fn check_path(characters: usize) -> Result<(), Trouble> {
    if characters > MAX_PATH {
        return Err(Trouble::new(
            400,
            "pathIsTooLong",
            "The path is longer than 400 characters.",
        ));
    }
    Ok(())
}

/// The name that `conflictBehavior=rename` gives the `count`-th twin: `a.txt`, `a 1.txt`, `a 2.txt`.
pub(crate) fn numbered(name: &str, count: u32) -> String {
    match name.rfind('.').filter(|at| *at > 0) {
        Some(dot) => format!("{} {count}{}", &name[..dot], &name[dot..]),
        None => format!("{name} {count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{check, numbered};

    #[test]
    fn names_that_the_service_refuses_are_refused() {
        for name in [
            "",
            "a\"b",
            "a*b",
            "a:b",
            "a<b",
            "a>b",
            "a?b",
            "a/b",
            "a\\b",
            "a|b",
            " a",
            "a ",
            "a.",
            "CON",
            "nul.txt",
            "com1",
            "LPT9.log",
            ".lock",
            "Desktop.ini",
            "~$doc.docx",
            "x_vti_y",
            "a\nb",
        ] {
            assert!(check(name, false, false).is_err(), "{name:?}");
        }
        assert!(check(&"n".repeat(256), false, false).is_err());
        assert!(check("~a", false, true).is_err());
        assert!(check("Forms", true, true).is_err());
    }

    #[test]
    fn names_that_only_look_odd_are_taken() {
        for name in [
            "a", ".a", "conx", "com", "com10", "a#b%", "~a", "forms", "né", "e\u{301}", "日本", "a'b", "😀",
        ] {
            assert!(check(name, true, false).is_ok(), "{name:?}");
        }
        assert!(check(&"n".repeat(255), false, true).is_ok());
        assert!(check("Forms", false, true).is_ok());
    }

    #[test]
    fn a_renamed_twin_keeps_its_extension() {
        assert_eq!(numbered("a.tar.gz", 2), "a.tar 2.gz");
        assert_eq!(numbered(".rc", 1), ".rc 1");
    }
}
