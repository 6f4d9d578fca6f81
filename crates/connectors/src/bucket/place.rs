//! Places in a bucket: an id is a `/` and the key below the prefix; a folder's ends with a `/`.

use crate::ItemId;

/// Where deleted things go, below the prefix. Listings leave it out.
pub(super) const TRASH: &str = ".cumuli-trash";

/// A file or folder by its path. The root's is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(String);

impl Place {
    /// Reads an id; `None` for what cannot be one of ours, what no address leads to, and the trash.
    pub(super) fn parse(id: &ItemId) -> Option<Self> {
        Self::of_path(id.0.strip_prefix('/')?)
    }

    /// Takes a key below the prefix; `None` for what no address leads to, and the trash.
    pub(super) fn of_path(path: &str) -> Option<Self> {
        // Addresses are normalised on their way: these would lead elsewhere.
        let is_lost = path.split('/').any(|name| matches!(name, "." | ".."));
        let is_hidden = path.split('/').next() == Some(TRASH);
        (!is_lost && !is_hidden && !path.contains('\0')).then(|| Self(path.to_owned()))
    }

    /// The root.
    pub(super) const fn root() -> Self {
        Self(String::new())
    }

    /// Its key below the prefix.
    pub(super) fn path(&self) -> &str {
        &self.0
    }

    pub(super) fn id(&self) -> ItemId {
        ItemId(format!("/{}", self.0))
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_folder(&self) -> bool {
        self.is_root() || self.0.ends_with('/')
    }

    /// Its path without what marks a folder.
    fn bare(&self) -> &str {
        self.0.strip_suffix('/').unwrap_or(&self.0)
    }

    pub(super) fn name(&self) -> &str {
        self.bare().rsplit('/').next().unwrap_or_default()
    }

    /// The folder that it is in; the root is in none.
    pub(super) fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let end = self.bare().rfind('/').map_or(0, |at| at + 1);
        Some(Self(self.0[..end].to_owned()))
    }

    /// What is called so in this folder.
    pub(super) fn child(&self, name: &str, is_folder: bool) -> Self {
        let mark = if is_folder { "/" } else { "" };
        Self(format!("{}{name}{mark}", self.0))
    }

    /// The file of this folder's name, or the folder of this file's.
    pub(super) fn twin(&self) -> Self {
        match self.is_folder() {
            true => Self(self.bare().to_owned()),
            false => Self(format!("{}/", self.0)),
        }
    }

    /// All folders above it but the root, the highest first.
    pub(super) fn above(&self) -> impl Iterator<Item = Self> {
        let ends = self.bare().match_indices('/');
        ends.map(|(at, _)| Self(self.0[..=at].to_owned()))
    }

    /// Whether it is this folder or below it.
    pub(super) fn is_within(&self, folder: &Self) -> bool {
        self.0.starts_with(&folder.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(id: &str) -> Option<Place> {
        Place::parse(&ItemId(id.to_owned()))
    }

    #[test]
    fn a_place_knows_its_name_and_what_is_above() {
        for (id, name, parent) in [
            ("/a", "a", "/"),
            ("/a/", "a", "/"),
            ("/a/b.txt", "b.txt", "/a/"),
            ("/a/b/", "b", "/a/"),
            ("/a//", "", "/a/"),
            ("//", "", "/"),
            ("//a", "a", "//"),
        ] {
            let place = place(id).expect(id);
            assert_eq!(place.name(), name, "{id}");
            assert_eq!(place.parent().expect(id).id().0, parent, "{id}");
            assert_eq!(place.id().0, id);
        }
        assert_eq!(place("/").expect("the root"), Place::root());
        assert_eq!(Place::root().parent(), None);
        let above: Vec<String> = place("/a/b/c.txt")
            .expect("a place")
            .above()
            .map(|a| a.id().0)
            .collect();
        assert_eq!(above, ["/a/", "/a/b/"]);
        assert_eq!(place("/a/b/").expect("a place").above().count(), 1);
    }

    #[test]
    fn what_no_address_leads_to_is_no_place() {
        for id in [
            "",
            "a",
            "/..",
            "/a/../b",
            "/./a",
            "/a/.",
            "/a\0b",
            "/.cumuli-trash/1/a",
            "/.cumuli-trash",
        ] {
            assert_eq!(place(id), None, "{id}");
        }
        assert!(place("/a/.cumuli-trash/b").is_some());
        assert!(place("/...").is_some());
    }
}
