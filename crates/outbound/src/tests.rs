mod body;
mod client;

use std::time::Duration;

use bytes::Bytes;
use model::Millis;
use reqwest::header::{HeaderMap, HeaderValue};

use super::xml::{escaped, parse_xml};
use super::*;

#[test]
fn everything_but_the_unreserved_is_encoded_and_comes_back() {
    let text = "aZ9-._~ /+%ä\u{1F600}";

    let encoded = encoded(text, "");

    assert_eq!(encoded, "aZ9-._~%20%2F%2B%25%C3%A4%F0%9F%98%80");
    assert_eq!(decoded(&encoded).as_deref(), Some(text));
    assert_eq!(super::encoded("a/b c", "/"), "a/b%20c");
    for wrong in ["%", "%4", "%zz", "%ff"] {
        assert_eq!(decoded(wrong), None, "{wrong}");
    }
}

#[test]
fn dates_are_those_of_http() {
    let at = Millis(784_111_777_000);

    assert_eq!(http_date(at), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(at));
    assert_eq!(parse_http_date("soon"), None);
}

#[test]
fn a_proof_is_that_of_the_standard() {
    // RFC 4231 4.3.
    let tag = hmac_sha256(b"Jefe", b"what do ya want for nothing?");

    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert_eq!(hex(&tag), expected);
}

#[test]
fn a_download_keeps_its_name_whatever_is_in_it() {
    assert_eq!(
        content_disposition("a \"b\"\r\n\\ä.txt", false),
        "attachment; filename=\"a _b_____.txt\"; filename*=UTF-8''a%20%22b%22%0D%0A%5C%C3%A4.txt"
    );
    assert!(content_disposition("x", true).starts_with("inline; "));
}

#[test]
fn xml_is_read_with_its_entities_and_without_its_prefixes() {
    let text = b"<?xml version=\"1.0\"?>\n<s:R xmlns:s=\"u\"><K>a &amp; &#x62;<![CDATA[<c>]]></K><K/><L><M> x </M></L></s:R>";

    let top = parse_xml(text).expect("a document");

    assert_eq!(top.name, "R");
    let keys: Vec<&str> = top.all("K").map(|key| key.text.as_str()).collect();
    assert_eq!(keys, ["a & b<c>", ""]);
    assert_eq!(top.child("L").and_then(|l| l.text_of("M")), Some(" x "));
    assert_eq!(
        parse_xml(format!("<a>{}</a>", escaped("<&>\"'")).as_bytes()).map(|a| a.text),
        Some("<&>\"'".to_owned())
    );
}

#[test]
fn what_is_not_one_document_is_none() {
    let deep = format!("{}{}", "<a>".repeat(100), "</a>".repeat(100));
    for text in [
        "",
        "text",
        "<a>",
        "</a>",
        "<a></b>",
        "<a/><b/>",
        "<a>&unknown;</a>",
        "<a>&#0;</a>",
        "{\"a\": 1}",
        &deep,
    ] {
        assert_eq!(parse_xml(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn pauses_double_up_to_the_longest_and_end() {
    let patience = Patience::default();
    for (tried, most_ms) in [(1, 200), (2, 400), (3, 800), (4, 1600)] {
        let pause = patience.pause(tried, None).expect("a pause");

        let most = Duration::from_millis(most_ms);
        assert!(pause >= most / 2 && pause <= most, "{tried}: {pause:?}");
    }
    assert_eq!(patience.pause(5, None), None);
}

#[test]
fn a_pause_that_is_asked_for_is_kept_or_not_waited_for() {
    let patience = Patience::default();
    let asked = |secs| patience.pause(1, Some(Duration::from_secs(secs)));

    assert_eq!(asked(0), Some(Duration::ZERO));
    assert_eq!(asked(30), Some(Duration::from_secs(30)));
    assert_eq!(asked(31), None);
}

#[test]
fn a_secret_does_not_show() {
    let secret = Secret::new("hush");

    assert_eq!(format!("{secret:?} {secret:#?}"), "*** ***");
    assert_eq!(secret.reveal(), "hush");
}

#[test]
fn a_wait_is_told_in_seconds_or_as_a_date() {
    let at = Millis(784_111_777_000);
    let wait = |told: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static(told));
        let whole = Whole {
            status: 503,
            headers,
            body: Bytes::new(),
        };
        Failure::Refused(Box::new(Refusal::of(whole, at))).retry_after()
    };

    assert_eq!(wait("7"), Some(Duration::from_secs(7)));
    assert_eq!(
        wait("Sun, 06 Nov 1994 08:49:47 GMT"),
        Some(Duration::from_secs(10))
    );
    assert_eq!(
        wait("Sun, 06 Nov 1994 08:49:27 GMT"),
        Some(Duration::ZERO),
        "it is over"
    );
    assert_eq!(wait("soon"), None);
}
