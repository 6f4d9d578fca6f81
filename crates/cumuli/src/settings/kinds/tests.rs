use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::settings::TABLE;

fn parsed<T>(kind: &Kind<T>, text: &str) -> Option<T> {
    (kind.parse)(text).ok()
}

#[test]
fn sizes_are_read() {
    for (text, bytes) in [
        ("1", Some(1)),
        ("500MB", Some(500_000_000)),
        ("10GiB", Some(10 << 30)),
        ("10 gib", Some(10 << 30)),
        ("1T", Some(1 << 40)),
        ("16k", Some(16384)),
        ("0", None),
        ("", None),
        ("GiB", None),
        ("-1", None),
        ("1.5GiB", None),
        ("1 parsec", None),
        ("9223372036854775808", None),
        ("99999999999TiB", None),
    ] {
        assert_eq!(parsed(&BYTES, text), bytes, "{text}");
    }
    assert_eq!(parsed(&INLINE, "1MiB"), Some(1 << 20));
    assert_eq!(parsed(&INLINE, "1048577"), None);
    assert_eq!(parsed(&BYTES_OR_NONE, "none"), Some(None));
    assert_eq!(parsed(&BYTES_OR_NONE, "0"), Some(Some(0)));
}

#[test]
fn durations_are_read() {
    for (text, secs) in [
        ("15m", Some(900)),
        ("30d", Some(2_592_000)),
        ("1h30m", Some(5400)),
        ("1h 30m", Some(5400)),
        ("2w", Some(1_209_600)),
        ("30", None),
        ("", None),
        ("m", None),
        ("-1s", None),
        ("1y", None),
        ("500ms", None),
        ("0s", None),
        ("37000d", None),
        ("99999999999999999999d", None),
        ("9999999999999999d", None),
    ] {
        assert_eq!(parsed(&DURATION, text), secs.map(Duration::from_secs), "{text}");
    }
    assert_eq!(parsed(&DURATION_OR_FOREVER, "forever"), Some(None));
    assert_eq!(parsed(&DRAIN, "0s"), Some(Duration::ZERO));
    let no_unit = (DURATION.parse)("30").unwrap_err();
    assert_eq!(no_unit, "`30` has no unit (s, m, h, d)");
}

#[test]
fn addresses_are_read() {
    for (text, is_right) in [
        ("127.0.0.1:8000", true),
        ("localhost:8000", true),
        ("[::1]:8000", true),
        ("0.0.0.0:0", true),
        ("127.0.0.1", false),
        ("localhost", false),
        (":8000", false),
        ("8000", false),
        ("example.org:80", false),
        ("127.0.0.1:65536", false),
        ("::1:8000", false),
    ] {
        assert_eq!(parsed(&ADDRESS, text).is_some(), is_right, "{text}");
    }
}

#[test]
fn urls_are_read() {
    for (text, base, origin) in [
        (
            "https://a.example",
            Some("https://a.example"),
            Some("https://a.example"),
        ),
        (
            "https://A.example:8443/",
            Some("https://A.example:8443"),
            Some("https://a.example:8443"),
        ),
        ("http://a.example/path/", Some("http://a.example/path"), None),
        (
            "http://[::1]:80",
            Some("http://[::1]:80"),
            Some("http://[::1]:80"),
        ),
        ("http://a.example?x", None, None),
        ("http://a.example#x", None, None),
        ("ftp://a.example", None, None),
        ("a.example", None, None),
        ("/path", None, None),
        ("http://", None, None),
        ("http://:80", None, None),
        ("http://a.example:99999", None, None),
        ("http://me:pw@a.example", None, None),
        ("http://a b", None, None),
    ] {
        assert_eq!(parsed(&BASE_URL, text).as_deref(), base, "{text}");
        assert_eq!(parsed(&ORIGIN, text).as_deref(), origin, "{text}");
    }
    for (text, is_safe) in [
        ("https://a.example/realm/", true),
        ("http://127.0.0.1:9001", true),
        ("http://localhost", true),
        ("http://[::1]:9001/x", true),
        ("http://a.example", false),
        ("http://127.0.0.1.example", false),
        ("http://10.0.0.1", false),
        ("https://me:pw@a.example", false),
    ] {
        assert_eq!(parsed(&SAFE_URL, text).is_some(), is_safe, "{text}");
        assert_eq!(
            parsed(&ISSUER, text).as_deref(),
            is_safe.then_some(text),
            "{text}"
        );
    }
    assert_eq!(parsed(&ISSUER, "https://a.example?x"), None);
    assert_eq!(parsed(&ORIGINS, "*"), Some(vec!["*".to_owned()]));
    assert_eq!(parsed(&ORIGINS, "http://a.example,*"), None);
}

#[test]
fn database_urls_are_read() {
    for (text, is_right) in [
        ("sqlite:///./gdrive.db", true),
        ("sqlite:////var/lib/x.db", true),
        ("sqlite+aiosqlite:///x.db", true),
        ("postgresql://postgres:1234@localhost:5432/storage_db", true),
        ("postgresql+asyncpg://user:password@host:5432/dbname", true),
        ("postgres://host/db?sslmode=require", true),
        ("postgresql:///db?host=/run/postgresql", true),
        ("sqlite://x.db", false),
        ("sqlite:///:memory:", false),
        ("sqlite:///", false),
        ("mysql://host/db", false),
        ("postgresql://host", false),
        ("postgresql://host/", false),
        ("postgresql:///db", true),
        ("db.sqlite", false),
    ] {
        assert_eq!(parsed(&DATABASE, text).is_some(), is_right, "{text}");
    }
}

#[test]
fn networks_are_read() {
    assert_eq!(parsed(&NETWORKS, "").unwrap().len(), 0);
    assert_eq!(parsed(&NETWORKS, "10.0.0.0/8, ::1,").unwrap().len(), 2);
    for text in ["10.0.0.0/33", "10.0.0/8", "host", "10.0.0.0/8;::1"] {
        assert!(parsed(&NETWORKS, text).is_none(), "{text}");
    }
}

#[test]
fn secrets_have_a_least_length() {
    let accepts = |text: &str| parsed(&LONG_SECRET, text).is_some();

    assert!(!accepts(&"ab".repeat(15)));
    assert!(!accepts("0123456789abcdef0123456789abcde"));
    assert!(accepts("0123456789abcdef0123456789abcdef"));
    assert!(!accepts(&"a".repeat(32)));
    assert!(!accepts("0123456789abcdef\n0123456789abcdef"));
}

#[test]
fn a_log_filter_of_many_letters_is_refused() {
    assert_eq!(
        parsed(&LOG_FILTER, "info,hub=debug").as_deref(),
        Some("info,hub=debug")
    );
    assert_eq!(
        parsed(
            &LOG_FILTER,
            " :6\u{a9b8}D'\u{a9b9}\u{11145}\u{1132c}\u{ed2}\u{11c71}[vNSZ/"
        ),
        None
    );
}

proptest! {
    #[test]
    fn no_text_makes_a_kind_panic(text in "\\PC{0,40}") {
        for row in TABLE {
            let _ = (row.check)(&text);
        }
    }

    #[test]
    fn a_wrong_text_is_never_told_longer_than_a_line(text in "\\PC{90,400}") {
        let sentence = (ADDRESS.parse)(&text).unwrap_err();

        prop_assert!(sentence.chars().count() < 130, "{}", sentence);
        prop_assert!(!sentence.contains('\n'));
    }
}
