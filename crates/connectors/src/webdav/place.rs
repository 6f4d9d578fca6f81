//! Where something is below the address that is connected.

use outbound::{decoded, encoded};

use crate::ItemId;

/// What begins like this is ours: the trash, files that are being written.
pub(super) const OURS: &str = ".cumuli-";

/// The id of the root.
const ROOT: &str = "/";

/// Names from the root down. None is `.`, `..` or ours; there are none for the root itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) Vec<String>);

impl Place {
    pub(super) const fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads an id. `None` when it never was one of ours.
    pub(super) fn parse(id: &ItemId) -> Option<Self> {
        if id.0 == ROOT {
            return Some(Self::root());
        }
        let names: Vec<String> = id.0.split('/').map(ToOwned::to_owned).collect();
        names.iter().all(|name| is_theirs(name)).then_some(Self(names))
    }

    pub(super) fn id(&self) -> ItemId {
        if self.0.is_empty() {
            return ItemId(ROOT.to_owned());
        }
        ItemId(self.0.join("/"))
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The folder that it is in, and its name there. `None` for the root.
    pub(super) fn split(&self) -> Option<(Self, &str)> {
        let (name, above) = self.0.split_last()?;
        Some((Self(above.to_vec()), name))
    }

    pub(super) fn join(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }

    /// Whether it is that place or one below it.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

/// Whether a name is somebody else's: a name at all, and none of ours.
pub(super) fn is_theirs(name: &str) -> bool {
    let is_ours = name
        .get(..OURS.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(OURS));
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0']) && !is_ours
}

/// The address that is connected.
#[derive(Debug, Clone)]
pub(super) struct Base {
    /// `https://host:port`.
    origin: String,
    /// The folder there, from the root of the server down.
    names: Vec<String>,
}

impl Base {
    /// Reads an address; `None` when it is none, or holds what belongs elsewhere.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let url = reqwest::Url::parse(text).ok()?;
        let is_plain = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        is_plain.then_some(())?;
        Some(Self {
            origin: url.origin().ascii_serialization(),
            names: names_of(url.path())?,
        })
    }

    /// Where something is. Folders have a slash at the end, which some servers insist on.
    pub(super) fn url(&self, place: &Place, is_folder: bool) -> String {
        let mut url = self.origin.clone();
        for name in self.names.iter().chain(&place.0) {
            url.push('/');
            url.push_str(&encoded(name, ""));
        }
        if is_folder || url == self.origin {
            url.push('/');
        }
        url
    }

    /// What a server names in an answer: an address or a path, as it encodes it. Its origin may be another one,
    /// where something stands in front of it.
    pub(super) fn place(&self, href: &str) -> Option<Place> {
        let href = href.trim();
        let path = match href.split_once("://") {
            Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
            None => href,
        };
        let names = names_of(path)?;
        let below = names.strip_prefix(self.names.as_slice())?;
        Some(Place(below.to_vec()))
    }

    /// For people: without the scheme.
    pub(super) fn shown(&self) -> String {
        let host = self.origin.split_once("://").map_or("", |(_, host)| host);
        let names: Vec<&str> = std::iter::once(host)
            .chain(self.names.iter().map(String::as_str))
            .collect();
        names.join("/")
    }
}

fn names_of(path: &str) -> Option<Vec<String>> {
    path.split('/')
        .filter(|name| !name.is_empty())
        .map(decoded)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_href_is_read_however_it_is_written() {
        let base = Base::parse("https://cloud.example:8443/remote.php/dav/files/a%20b/").expect("an address");
        for href in [
            "/remote.php/dav/files/a%20b/f%c3%bc/100%25.txt",
            "/remote.php/dav/files/a b/fü/100%25.txt",
            "https://cloud.example:8443/remote.php/dav/files/a%20b/f%C3%BC/100%25.txt",
            "http://inner:80/remote.php//dav/files/a%20b/f%C3%BC/100%25.txt",
        ] {
            let place = base.place(href).expect("a place");
            assert_eq!(place.id().0, "fü/100%.txt", "{href}");
        }
        assert_eq!(base.place("/remote.php/dav/files/a%20b/"), Some(Place::root()));
        assert_eq!(base.place("/remote.php/dav/files/other/x"), None);
        assert_eq!(base.place("/x%ff"), None);
        let place = Place(vec!["fü".to_owned(), "100%.txt".to_owned()]);
        assert_eq!(
            base.url(&place, false),
            "https://cloud.example:8443/remote.php/dav/files/a%20b/f%C3%BC/100%25.txt"
        );
    }

    #[test]
    fn an_address_with_a_secret_in_it_is_none() {
        for text in [
            "https://u:p@host/",
            "ftp://host/",
            "host",
            "https://h/?token=1",
            "https://h/#f",
        ] {
            assert!(Base::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn no_id_leads_out_of_the_address() {
        for id in [
            "",
            "..",
            "a/..",
            "/a",
            "a//b",
            "a/",
            ".",
            ".cumuli-trash/x",
            "a/.Cumuli-new-1",
        ] {
            assert_eq!(Place::parse(&ItemId(id.to_owned())), None, "{id}");
        }
    }
}
