//! `Content-Disposition`: how a download is named (RFC 6266).

use http::header::HeaderValue;

/// `attachment` or `inline` with the name in both forms: cut down to ASCII for old clients, and
/// whole in percent-encoded UTF-8 (RFC 8187).
pub(crate) fn header(kind: &str, name: &str) -> HeaderValue {
    let plain: String = name
        .chars()
        .map(|c| {
            if matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        // RFC 8187 section 3.2.1: attr-char.
        if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let text = format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    HeaderValue::from_str(&text).expect("only printable ASCII is left")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_breaks_out_of_the_header() {
        let cases = [
            (
                "a;b.txt",
                "attachment; filename=\"a;b.txt\"; filename*=UTF-8''a%3Bb.txt",
            ),
            (
                "a\"b.txt",
                "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt",
            ),
            (
                "a%22.txt",
                "attachment; filename=\"a_22.txt\"; filename*=UTF-8''a%2522.txt",
            ),
            (
                "\r\nX: y",
                "attachment; filename=\"__X: y\"; filename*=UTF-8''%0D%0AX%3A%20y",
            ),
            (
                "é😀",
                "attachment; filename=\"__\"; filename*=UTF-8''%C3%A9%F0%9F%98%80",
            ),
        ];
        for (name, expected) in cases {
            assert_eq!(header("attachment", name), expected, "{name:?}");
        }
    }
}
