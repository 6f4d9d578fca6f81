//! Media types: what an upload is, and what may be shown inside a page.

use http::header::{self, HeaderMap};
use model::NodeName;
pub(crate) use model::shown_inline;

/// Longest media type that is kept.
const LONGEST: usize = 127;

/// The media type of an upload: what the sender says, if it says anything, or what the name suggests.
pub(crate) fn of_upload(headers: &HeaderMap, name: &NodeName) -> String {
    let said = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    of(said, name)
}

/// The same for a type that comes from elsewhere.
pub(crate) fn of(said: &str, name: &NodeName) -> String {
    let said = said
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    // Clients send these when they have not looked.
    let says_nothing = matches!(
        said.as_str(),
        "" | "application/octet-stream" | "application/x-www-form-urlencoded" | "binary/octet-stream"
    );
    if !says_nothing && is_media_type(&said) {
        return said;
    }
    mime_guess::from_path(name.as_str())
        .first_raw()
        .unwrap_or("application/octet-stream")
        .to_owned()
}

fn is_media_type(text: &str) -> bool {
    // RFC 6838 section 4.2.
    let is_token = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    text.len() <= LONGEST
        && text
            .split_once('/')
            .is_some_and(|(kind, rest)| is_token(kind) && is_token(rest))
}

/// Media types that a word of the search stands for; a media type or `image/` stands for itself.
pub(crate) fn of_word(word: &str) -> Option<Vec<String>> {
    let types: &[&str] = match word {
        "image" => &["image/"],
        "video" => &["video/"],
        "audio" => &["audio/"],
        "text" => &["text/", "application/json", "application/xml"],
        "pdf" => &["application/pdf"],
        "document" => &[
            "application/pdf",
            "application/msword",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            "application/vnd.oasis.opendocument.text",
            "application/vnd.oasis.opendocument.spreadsheet",
            "application/vnd.oasis.opendocument.presentation",
            "application/rtf",
        ],
        "archive" => &[
            "application/zip",
            "application/gzip",
            "application/x-tar",
            "application/x-7z-compressed",
            "application/x-bzip2",
            "application/x-xz",
            "application/zstd",
            "application/vnd.rar",
        ],
        _ => {
            let is_prefix = word
                .strip_suffix('/')
                .is_some_and(|kind| is_media_type(&format!("{kind}/x")));
            return (is_prefix || is_media_type(word)).then(|| vec![word.to_owned()]);
        }
    };
    Some(types.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_can_run_a_script_is_shown_as_itself() {
        for active in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "application/pdf",
            "text/xml",
        ] {
            let shown = shown_inline(active);
            assert!(
                shown.is_none() || shown == Some("text/plain; charset=utf-8"),
                "{active}"
            );
        }
    }

    #[test]
    fn a_sender_that_says_nothing_leaves_it_to_the_name() {
        let name = NodeName::new("a.pdf").expect("name");
        assert_eq!(of("", &name), "application/pdf");
        assert_eq!(of("application/octet-stream", &name), "application/pdf");
        assert_eq!(of("text/plain; charset=utf-8", &name), "text/plain");
        assert_eq!(of("no type\r\nX: y", &name), "application/pdf");
    }
}
