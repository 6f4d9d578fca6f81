//! What a server tells of what it has (RFC 4918 9.1).

use jiff::fmt::rfc2822::DateTimeParser;
use model::Millis;
use outbound::{Element, parse_xml};

use super::place::{Base, Place};
use crate::{HashKind, Hashes, Item, ItemKind, Revision, Tag};

/// What is asked for of each item.
pub(super) const ASKED: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop>"#,
    "<d:resourcetype/><d:getcontentlength/><d:getlastmodified/><d:getetag/><d:getcontenttype/>",
    "<oc:checksums/><oc:id/></d:prop></d:propfind>",
);

/// What is asked for of the root once more.
pub(super) const ASKED_OF_ROOT: &str = concat!(
    r#"<?xml version="1.0" encoding="utf-8"?>"#,
    r#"<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop>"#,
    "<d:resourcetype/><d:quota-available-bytes/><d:quota-used-bytes/><oc:id/></d:prop></d:propfind>",
);

/// Something that a server has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    pub(super) is_folder: bool,
    pub(super) size_bytes: Option<u64>,
    pub(super) modified: Option<Millis>,
    pub(super) etag: Option<String>,
    pub(super) media_type: Option<String>,
    pub(super) hashes: Hashes,
    /// What ownCloud and Nextcloud call it by.
    pub(super) own_id: Option<String>,
    pub(super) free_bytes: Option<u64>,
    pub(super) used_bytes: Option<u64>,
}

impl Found {
    /// Which content a file has: its tag, or time and length where there is none.
    pub(super) fn revision(&self) -> Option<Revision> {
        if self.is_folder {
            return None;
        }
        let stands_in = || {
            let modified = self.modified.map_or(0, |at| at.0);
            format!("{modified}-{}", self.size_bytes.unwrap_or(0))
        };
        Some(Revision(self.etag.clone().unwrap_or_else(stands_in)))
    }

    pub(super) fn tag(&self) -> Option<Tag> {
        self.revision().map(|revision| Tag(revision.0))
    }

    pub(super) fn into_item(self, place: &Place, is_editable: bool) -> Item {
        let (parent, name) = match place.split() {
            Some((parent, name)) => (Some(parent.id()), name.to_owned()),
            None => (None, String::new()),
        };
        Item {
            id: place.id(),
            parent,
            name,
            size_bytes: self.size_bytes.filter(|_| !self.is_folder),
            revision: self.revision(),
            tag: self.tag(),
            kind: match self.is_folder {
                true => ItemKind::Folder,
                false => ItemKind::File,
            },
            media_type: self.media_type.filter(|_| !self.is_folder),
            hashes: self.hashes,
            modified: self.modified,
            is_trashed: false,
            is_editable,
            web_url: None,
        }
    }
}

/// Reads a multistatus: places below the address with what is there, in order. `None` when it is none.
pub(super) fn read(body: &[u8], base: &Base) -> Option<Vec<(Place, Found)>> {
    let top = parse_xml(body).filter(|top| top.name == "multistatus")?;
    let told = top.all("response").filter_map(|response| {
        let place = base.place(response.text_of("href")?)?;
        Some((place, found(response)?))
    });
    Some(told.collect())
}

fn found(response: &Element) -> Option<Found> {
    let is_good = |propstat: &&Element| {
        let status = propstat.text_of("status").unwrap_or_default();
        status.split_whitespace().nth(1) == Some("200")
    };
    let props: Vec<&Element> = response
        .all("propstat")
        .filter(is_good)
        .filter_map(|propstat| propstat.child("prop"))
        .collect();
    // It was named for a fault of its own, such as a right that is missing.
    if props.is_empty() {
        return None;
    }
    let text = |name: &str| {
        let told = props.iter().find_map(|prop| prop.text_of(name))?.trim();
        (!told.is_empty()).then_some(told)
    };
    let number = |name: &str| text(name)?.parse().ok();
    Some(Found {
        is_folder: props
            .iter()
            .filter_map(|prop| prop.child("resourcetype"))
            .any(|kind| kind.child("collection").is_some()),
        size_bytes: number("getcontentlength"),
        modified: text("getlastmodified").and_then(http_time),
        etag: text("getetag").map(plain_tag),
        media_type: text("getcontenttype").map(ToOwned::to_owned),
        hashes: props
            .iter()
            .filter_map(|prop| prop.child("checksums"))
            .flat_map(|sums| sums.all("checksum"))
            .fold(Hashes::default(), |hashes, sums| with_sums(hashes, &sums.text)),
        own_id: text("id").map(ToOwned::to_owned),
        // Negative numbers stand for "no limit" and "not known".
        free_bytes: number("quota-available-bytes"),
        used_bytes: number("quota-used-bytes"),
    })
}

/// A tag as it is compared: whether it is weak changes while the content stays (RFC 9110 8.8.3.2), and not every
/// server puts marks around it everywhere.
pub(super) fn plain_tag(text: &str) -> String {
    let text = text.trim();
    format!(
        "\"{}\"",
        text.strip_prefix("W/").unwrap_or(text).trim_matches('"')
    )
}

/// `SHA1:… MD5:… ADLER32:…`, as ownCloud tells them.
fn with_sums(mut hashes: Hashes, text: &str) -> Hashes {
    for sum in text.split_whitespace() {
        if let Some((kind, digits)) = sum.split_once(':') {
            match kind.to_ascii_uppercase().as_str() {
                "SHA256" => hashes.set(HashKind::Sha256, digits),
                "SHA1" => hashes.set(HashKind::Sha1, digits),
                "MD5" => hashes.set(HashKind::Md5, digits),
                _ => {}
            }
        }
    }
    hashes
}

fn http_time(text: &str) -> Option<Millis> {
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Millis(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_there_is_told_of_an_answer() {
        let base = Base::parse("https://host/dav").expect("an address");
        let body = r#"<?xml version="1.0"?><D:multistatus xmlns:D="DAV:" xmlns:oc="http://owncloud.org/ns">
            <D:response><D:href>/dav/</D:href><D:propstat><D:prop><D:resourcetype><D:collection/></D:resourcetype>
            </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
            <D:response><D:href>/dav/a%20%26%20b.txt</D:href>
            <D:propstat><D:prop><D:resourcetype/><D:getcontentlength>12</D:getcontentlength>
            <D:getlastmodified>Sun, 06 Nov 1994 08:49:37 GMT</D:getlastmodified><D:getetag>W/"x"</D:getetag>
            <oc:checksums><oc:checksum>SHA1:a9993e364706816aba3e25717850c26c9cd0d89d ADLER32:1</oc:checksum>
            </oc:checksums></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
            <D:propstat><D:prop><D:getcontenttype>wrong</D:getcontenttype></D:prop>
            <D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
            <D:response><D:href>/dav/bare</D:href><D:propstat><D:prop><D:resourcetype/><D:getetag>x</D:getetag>
            </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
            <D:response><D:href>/dav/no</D:href><D:status>HTTP/1.1 403 Forbidden</D:status></D:response>
            <D:response><D:href>/other/x</D:href><D:propstat><D:prop><D:resourcetype/></D:prop>
            <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"#;

        let told = read(body.as_bytes(), &base).expect("a multistatus");

        assert_eq!(told.len(), 3);
        assert_eq!(
            told[2].1.revision(),
            told[1].1.revision(),
            "however it is written"
        );
        assert!(told[0].0.is_root() && told[0].1.is_folder);
        let (place, file) = &told[1];
        assert_eq!(place.id().0, "a & b.txt");
        assert_eq!(file.size_bytes, Some(12));
        assert_eq!(file.modified, Some(Millis(784_111_777_000)));
        assert_eq!(file.revision(), Some(Revision("\"x\"".to_owned())));
        assert_eq!(file.media_type, None);
        assert!(file.hashes.sha1.is_some());
    }

    #[test]
    fn what_is_no_multistatus_is_no_empty_folder() {
        let base = Base::parse("https://host/dav").expect("an address");
        for body in ["", "<html><body>Sign in</body></html>", "<multistatus>", "{}"] {
            assert_eq!(read(body.as_bytes(), &base), None, "{body}");
        }
    }
}
