//! What OneDrive lets a thing be called.

use super::DriveKind;
use crate::NameRules;

/// Names that Windows keeps for itself, and some that the service does.
const RESERVED: &[&str] = &[
    "CON",
    "PRN",
    "AUX",
    "NUL",
    "COM0",
    "COM1",
    "COM2",
    "COM3",
    "COM4",
    "COM5",
    "COM6",
    "COM7",
    "COM8",
    "COM9",
    "LPT0",
    "LPT1",
    "LPT2",
    "LPT3",
    "LPT4",
    "LPT5",
    "LPT6",
    "LPT7",
    "LPT8",
    "LPT9",
    ".lock",
    "desktop.ini",
];

/// The rules for names.
pub(super) const fn rules(kind: DriveKind) -> NameRules {
    NameRules {
        longest: 255,
        counts_utf16: true,
        longest_path: Some(400),
        // The documents leave out the quotation mark, the service refuses it.
        forbidden: "\"*:<>?/\\|",
        forbids_controls: true,
        forbidden_ends: ". ",
        forbidden_starts: match kind {
            DriveKind::Personal => &[" ", "~$"],
            DriveKind::Business => &[" ", "~"],
        },
        reserved: RESERVED,
        forbidden_parts: &["_vti_"],
        folds_case: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NameFault;

    #[test]
    fn names_that_the_service_refuses_are_refused_before() {
        for kind in [DriveKind::Personal, DriveKind::Business] {
            for name in [
                "",
                "..",
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
                "con",
                "NUL.txt",
                "com1",
                "LPT9.log",
                ".LOCK",
                "Desktop.ini",
                "~$a.docx",
                "x_vti_y",
                "a\nb",
            ] {
                assert!(rules(kind).check(name).is_err(), "{name:?}");
            }
            let long = "ä".repeat(255);
            assert_eq!(rules(kind).check(&long), Ok(()));
            assert_eq!(rules(kind).check(&format!("{long}a")), Err(NameFault::Long(255)));
            for name in [
                "a#b%", ".a", "console", "a'b", "日本", "e\u{301}", "&#123;", "COM10",
            ] {
                assert_eq!(rules(kind).check(name), Ok(()), "{name}");
            }
        }
        assert_eq!(rules(DriveKind::Personal).check("~a"), Ok(()));
        assert_eq!(rules(DriveKind::Business).check("~a"), Err(NameFault::Start("~")));
    }
}
