use model::Millis;

use super::address::{Address, parse_prefix};
use super::sign::{Credentials, Scope, Signable, UNSIGNED, query_pairs};
use crate::Secret;

/// The SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The key of the examples that AWS publishes.
fn credentials() -> Credentials {
    Credentials {
        access_key: "AKIAIOSFODNN7EXAMPLE".to_owned(),
        secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        session_token: None,
    }
}

fn scope() -> Scope {
    Scope {
        at: Millis(1_369_353_600_000),
        region: "us-east-1".to_owned(),
    }
}

fn signable<'a>(method: &'a str, path: &'a str, query: &str, headers: &[(&str, &str)]) -> Signable<'a> {
    let mut all = vec![("host".to_owned(), "examplebucket.s3.amazonaws.com".to_owned())];
    all.extend(
        headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    Signable {
        method,
        path,
        query: query_pairs(query),
        headers: all,
        payload: EMPTY,
    }
}

const DATE: (&str, &str) = ("x-amz-date", "20130524T000000Z");
const NOTHING: (&str, &str) = ("x-amz-content-sha256", EMPTY);

/// The examples of "Signature Calculations for the Authorization Header" in the reference of S3.
#[test]
fn signatures_are_those_that_aws_publishes() {
    let put = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    let mut put_file = signable(
        "PUT",
        "/test%24file.text",
        "",
        &[
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", put),
            DATE,
        ],
    );
    put_file.payload = put;
    let cases = [
        (
            signable("GET", "/test.txt", "", &[("range", "bytes=0-9"), NOTHING, DATE]),
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            put_file,
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            signable("GET", "/", "lifecycle", &[NOTHING, DATE]),
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            signable("GET", "/", "prefix=J&max-keys=2", &[NOTHING, DATE]),
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ];
    for (signable, headers, signature) in cases {
        assert_eq!(
            signable.authorization(&credentials(), &scope()),
            format!(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
                 SignedHeaders={headers},Signature={signature}"
            )
        );
    }
}

/// The example of "Authenticating Requests: Using Query Parameters" in the reference of S3.
#[test]
fn a_signed_address_is_the_one_that_aws_publishes() {
    let mut get = signable("GET", "/test.txt", "", &[]);
    get.payload = UNSIGNED;

    assert_eq!(
        get.signed_query(&credentials(), &scope(), 86_400),
        "X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
         &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
         &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    );
}

#[test]
fn a_signed_address_holds_no_longer_than_a_week_and_carries_the_session() {
    let session = Credentials {
        session_token: Some(Secret::new("a/b=")),
        ..credentials()
    };
    let sign = |secs| signable("GET", "/x", "", &[]).signed_query(&session, &scope(), secs);

    assert!(sign(604_800).contains("X-Amz-Expires=604800&"));
    assert!(sign(604_801).contains("X-Amz-Expires=604800&"));
    assert!(sign(0).contains("X-Amz-Expires=1&"));
    assert!(sign(60).contains("&X-Amz-Security-Token=a%2Fb%3D&"));
}

#[test]
fn the_bucket_stands_where_the_service_wants_it() {
    let url = |endpoint: Option<&str>, bucket: &str, path_style| {
        let address = Address::parse(endpoint, bucket, path_style).expect("an address");
        address.url("eu-west-1", "blobs/a b", &[("b", "1/2"), ("a", "")])
    };
    let aws = "https://photos.s3.eu-west-1.amazonaws.com/blobs/a%20b?a=&b=1%2F2";

    assert_eq!(url(None, "photos", None), aws);
    assert_eq!(
        url(Some("https://s3.eu-west-1.amazonaws.com/"), "photos", None),
        aws
    );
    assert_eq!(
        url(None, "my.photos", None),
        "https://s3.eu-west-1.amazonaws.com/my.photos/blobs/a%20b?a=&b=1%2F2"
    );
    assert_eq!(
        url(Some("http://127.0.0.1:9000"), "photos", None),
        "http://127.0.0.1:9000/photos/blobs/a%20b?a=&b=1%2F2"
    );
    assert_eq!(
        url(Some("s3.example.com:443"), "photos", Some(false)),
        "https://photos.s3.example.com/blobs/a%20b?a=&b=1%2F2"
    );
}

#[test]
fn settings_that_cannot_be_right_are_refused_in_words() {
    for endpoint in [
        "",
        "ftp://example.com",
        "https://example.com/path",
        "https://user:word@example.com",
        "https://example.com?x",
        "http://",
    ] {
        assert!(
            Address::parse(Some(endpoint), "photos", None).is_err(),
            "{endpoint}"
        );
    }
    for bucket in ["", "ab", "a/b", "a b c", &"a".repeat(64)] {
        assert!(Address::parse(None, bucket, None).is_err(), "{bucket}");
    }
    for prefix in ["a//b", "..", "a/./b", "a\nb", &"a".repeat(600)] {
        assert!(parse_prefix(prefix).is_err(), "{prefix}");
    }
    for (prefix, parsed) in [("", ""), ("/", ""), ("a", "a/"), ("/a/b/", "a/b/")] {
        assert_eq!(parse_prefix(prefix).as_deref(), Ok(parsed));
    }
}

#[test]
fn the_region_is_read_from_hosts_that_name_it() {
    let told = |endpoint| {
        let address = Address::parse(Some(endpoint), "photos", None).expect("an address");
        address.told_region().map(str::to_owned)
    };

    assert_eq!(
        told("s3.us-west-004.backblazeb2.com").as_deref(),
        Some("us-west-004")
    );
    assert_eq!(
        told("https://s3.eu-central-1.amazonaws.com").as_deref(),
        Some("eu-central-1")
    );
    assert_eq!(told("https://s3.example.com"), None);
}
