use proptest::prelude::*;

use crate::{Digest, Email, Millis, NameError, NodeId, NodeName, NodePath, PathError, limits};

#[track_caller]
fn refuses(text: &str) {
    assert!(NodeName::new(text).is_err(), "{text:?} was accepted");
}

#[test]
fn a_name_holds_255_bytes_and_not_one_more() {
    assert!(NodeName::new(&"a".repeat(255)).is_ok());
    assert_eq!(
        NodeName::new(&"a".repeat(256)),
        Err(NameError::TooLong { length_bytes: 256 })
    );
    assert!(NodeName::new(&"😀".repeat(63)).is_ok());
    assert_eq!(
        NodeName::new(&"😀".repeat(64)),
        Err(NameError::TooLong { length_bytes: 256 })
    );
}

#[test]
fn a_name_that_means_a_place_or_cannot_be_seen_is_refused() {
    for text in [
        "",
        ".",
        "..",
        " ",
        "\u{200b}",
        "a/b",
        "..\\x",
        "x\0",
        "x\r\n",
        "\x7f",
        "invoice\u{202e}fdp.exe",
    ] {
        refuses(text);
    }
}

#[test]
fn a_name_that_only_looks_dangerous_is_kept() {
    for text in [
        "CON",
        "file.",
        "a:b",
        ".htaccess",
        "<img src=x>",
        "%2e%2e",
        "ＦＵＬＬ／ＷＩＤＴＨ",
        "...",
        "a ",
        "👨‍👩‍👧",
    ] {
        assert_eq!(NodeName::new(text).expect(text).as_str(), text);
    }
}

#[test]
fn two_spellings_of_one_accent_are_one_name() {
    assert_eq!(NodeName::new("e\u{301}"), NodeName::new("é"));
}

#[test]
fn a_numbered_name_keeps_its_extension_and_fits() {
    assert_eq!(
        NodeName::new("report.pdf").expect("name").numbered(2).as_str(),
        "report (2).pdf"
    );
    assert_eq!(
        NodeName::new(".hidden").expect("name").numbered(3).as_str(),
        ".hidden (3)"
    );
    assert!(
        NodeName::new(&"é".repeat(127))
            .expect("name")
            .numbered(12)
            .as_str()
            .len()
            <= limits::NAME_BYTES
    );
}

#[test]
fn a_path_has_no_empty_names_and_128_levels() {
    assert_eq!("/a/b/".parse::<NodePath>().expect("path").to_string(), "/a/b");
    assert_eq!("".parse::<NodePath>().expect("path").names().len(), 0);
    assert!("a//b".parse::<NodePath>().is_err());
    assert!("a/../b".parse::<NodePath>().is_err());
    assert!(vec!["d"; 128].join("/").parse::<NodePath>().is_ok());
    assert_eq!(
        vec!["d"; 129].join("/").parse::<NodePath>(),
        Err(PathError::TooDeep)
    );
    assert_eq!("a".repeat(4097).parse::<NodePath>(), Err(PathError::TooLong));
}

#[test]
fn two_spellings_of_one_address_are_one_account() {
    let folded: Email = "admin@x.org".parse().expect("address");
    for text in ["Admin@X.org", " admin@x.org ", "ａｄｍｉｎ@x.org"] {
        assert_eq!(text.parse::<Email>(), Ok(folded.clone()));
    }
}

#[test]
fn an_address_that_could_pass_for_another_is_refused() {
    for text in [
        "аdmin@x.org",
        "a@",
        "@x",
        "a b@x.org",
        "a@x..org",
        "a\0@x.org",
        "a@b@c",
        "İ@x.org",
        "../etc",
    ] {
        assert!(text.parse::<Email>().is_err(), "{text:?} was accepted");
    }
}

#[test]
fn an_id_has_one_spelling() {
    let id = NodeId::new(Millis(1_700_000_000_000), [7; 10]);
    assert_eq!(id.to_string().parse(), Ok(id));
    assert!(id.to_string().to_uppercase().parse::<NodeId>().is_err());
    assert!(format!("{{{id}}}").parse::<NodeId>().is_err());
    assert!(id.to_string().replace('-', "").parse::<NodeId>().is_err());
}

proptest! {
    #[test]
    fn an_accepted_name_survives_being_parsed_again(text in "\\PC{0,40}") {
        if let Ok(name) = NodeName::new(&text) {
            prop_assert_eq!(NodeName::new(name.as_str()), Ok(name.clone()));
            prop_assert!(name.numbered(7).as_str().len() <= limits::NAME_BYTES);
        }
    }

    #[test]
    fn any_text_is_a_name_or_an_error(text in any::<String>()) {
        let _ = NodeName::new(&text);
        let _ = text.parse::<NodePath>();
        let _ = text.parse::<Email>();
    }

    #[test]
    fn a_path_is_printed_as_it_is_parsed(names in prop::collection::vec("[^/\\\\\\x00-\\x1f]{1,8}", 0..6)) {
        if let Ok(path) = names.join("/").parse::<NodePath>() {
            prop_assert_eq!(path.to_string().parse::<NodePath>(), Ok(path));
        }
    }

    #[test]
    fn a_digest_is_printed_as_it_is_parsed(bytes in any::<[u8; 32]>()) {
        prop_assert_eq!(Digest(bytes).to_string().parse(), Ok(Digest(bytes)));
    }
}
