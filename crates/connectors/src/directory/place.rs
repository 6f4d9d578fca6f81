//! Where something is in the folder: names as bytes, from the root down.

use std::fmt::Write as _;

use crate::ItemId;

/// What begins like this is ours: the trash, the mark of the folder, files that are being written.
pub(super) const OURS: &str = ".cumuli-";

/// The id of the root.
const ROOT: &str = "/";

/// The longest name that Linux knows.
const LONGEST_NAME_BYTES: usize = 255;

/// A path below the root. It has no `.`, no `..`, nothing of ours, and is empty for the root itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) Vec<Vec<u8>>);

impl Place {
    pub(super) const fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads an id. `None` when it never was one of ours.
    pub(super) fn parse(id: &ItemId) -> Option<Self> {
        if id.0 == ROOT {
            return Some(Self::root());
        }
        let names =
            id.0.split('/')
                .map(|text| unescape(text).filter(|name| is_theirs(name)))
                .collect::<Option<Vec<_>>>()?;
        let place = Self(names);
        // One place has one id, so that ids can be compared.
        (place.id() == *id).then_some(place)
    }

    /// Its id: names joined by `/`, in which `%` and what is not UTF-8 is written as `%FF`.
    pub(super) fn id(&self) -> ItemId {
        if self.0.is_empty() {
            return ItemId(ROOT.to_owned());
        }
        let names: Vec<String> = self.0.iter().map(|name| escape(name)).collect();
        ItemId(names.join("/"))
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The folder that it is in, and its name there. `None` for the root.
    pub(super) fn split(&self) -> Option<(Self, &[u8])> {
        let (name, above) = self.0.split_last()?;
        Some((Self(above.to_vec()), name))
    }

    pub(super) fn join(&self, name: &[u8]) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_vec());
        Self(names)
    }

    /// Whether it is that place or one below it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        let names: Vec<_> = self.0.iter().map(|name| String::from_utf8_lossy(name)).collect();
        names.join("/")
    }
}

/// Whether a name in the folder is somebody else's: a name at all, and none of ours.
pub(super) fn is_theirs(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..")
        && name.len() <= LONGEST_NAME_BYTES
        && !name.contains(&b'/')
        && !name.contains(&0)
        && !is_ours(name)
}

pub(super) fn is_ours(name: &[u8]) -> bool {
    name.len() >= OURS.len() && name[..OURS.len()].eq_ignore_ascii_case(OURS.as_bytes())
}

/// A name as text that can be read back.
pub(super) fn escape(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '%' {
                text.push_str("%25");
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Reads what [`escape`] wrote.
pub(super) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        if *byte == b'%' {
            let digits = after
                .get(..2)
                .and_then(|digits| std::str::from_utf8(digits).ok())?;
            name.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            name.push(*byte);
            rest = after;
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(id: &str) -> Option<Place> {
        Place::parse(&ItemId(id.to_owned()))
    }

    #[test]
    fn no_id_leads_out_of_the_root_or_to_what_is_ours() {
        for id in [
            "",
            "..",
            "a/..",
            "../a",
            ".",
            "a/.",
            "/a",
            "a/",
            "a//b",
            "%2e%2e",
            "%2E%2E/a",
            "a%2Fb",
            "a%00",
            "%",
            "%1",
            "%zz",
            "%41",
            "%c3%BC",
            ".cumuli-trash/a",
            "a/.cumuli-new-1",
            ".Cumuli-drive",
        ] {
            assert_eq!(place(id), None, "{id}");
        }
    }

    #[test]
    fn a_name_that_is_no_text_has_an_id() {
        let odd = Place(vec![b"100% \xff".to_vec(), "ü".as_bytes().to_vec()]);

        assert_eq!(odd.id().0, "100%25 %FF/ü");
        assert_eq!(Place::parse(&odd.id()), Some(odd));
    }

    #[test]
    fn a_place_is_within_itself_and_what_is_above() {
        let inner = place("a/b").expect("a place");
        assert!(inner.is_within(&inner));
        assert!(inner.is_within(&place("a").expect("a place")));
        assert!(inner.is_within(&Place::root()));
        assert!(!inner.is_within(&place("a/bc").expect("a place")));
        assert!(
            !place("ab")
                .expect("a place")
                .is_within(&place("a").expect("a place"))
        );
    }

    proptest! {
        #[test]
        fn an_id_leads_back_to_its_place(
            names in prop::collection::vec(prop::collection::vec(b'0'.., 1..9), 1..4),
        ) {
            let place = Place(names);
            prop_assert_eq!(Place::parse(&place.id()), Some(place));
        }

        #[test]
        fn any_text_is_a_place_below_the_root_or_none(text in "\\PC{0,12}|[.%/a0-9]{0,12}") {
            if let Some(place) = place(&text) {
                prop_assert!(place.0.iter().all(|name| is_theirs(name)));
                prop_assert_eq!(place.id().0, text);
            }
        }
    }
}
