use model::NodeName;
use proptest::prelude::*;

use super::{NameLimits, Names, QUOTE};
use crate::Obstacle;

const ANY: NameLimits = NameLimits {
    longest: 255,
    counts_utf16: false,
    forbidden: "",
    forbids_controls: false,
    forbidden_ends: "",
    forbidden_starts: &[],
    reserved: &[],
    forbidden_parts: &[],
    folds_case: false,
};

/// Everything that any provider does.
const STRICT: NameLimits = NameLimits {
    longest: 255,
    counts_utf16: true,
    forbidden: "\"*:<>?/\\|",
    forbids_controls: true,
    forbidden_ends: ". ",
    forbidden_starts: &[" ", "~$"],
    reserved: &["CON", "NUL", ".lock", "desktop.ini"],
    forbidden_parts: &["_vti_"],
    folds_case: true,
};

#[track_caller]
fn check(here: &str, there: &str) {
    let encoded = STRICT.there(here).unwrap_or_else(|why| panic!("{here:?}: {why}"));

    assert_eq!(encoded, there);
    assert_eq!(STRICT.here(&encoded), here);
}

#[test]
fn a_name_that_is_taken_stays_as_it_is() {
    for name in [
        "a",
        "Übung 1.txt",
        "日本語：？",
        ".hidden",
        "console",
        "a b",
        "~a",
    ] {
        if name != "日本語：？" {
            check(name, name);
        }
        assert_eq!(ANY.there(name).as_deref(), Ok(name));
        assert_eq!(ANY.here(name), name);
    }
}

#[test]
fn what_a_provider_refuses_is_replaced_by_what_looks_like_it() {
    check("a:b", "a：b");
    check("why?", "why？");
    check("\"<*>|\"", "＂＜＊＞｜＂");
    check("end.", "end．");
    check("end ", "end␠");
    check("a..", "a.．");
}

#[test]
fn what_looks_like_a_replacement_is_quoted() {
    check("a：b", "a‛：b");
    check("end．", "end‛．");
    check("mid．dle", "mid．dle");
    check("‛", "‛‛");
    check("‛：", "‛‛‛：");
}

#[test]
fn reserved_names_beginnings_and_parts_are_broken_up() {
    check("con", "‛con");
    check("NUL.txt", "‛NUL.txt");
    check("Desktop.ini", "‛Desktop.ini");
    check("~$a.docx", "‛~$a.docx");
    check(" a", "‛ a");
    check("x_VTI_y", "x_‛VTI_y");
    check("_vti_vti_", "_‛vti_‛vti_");
}

#[test]
fn what_cannot_be_held_in_any_form_is_told() {
    let too_long = ":".repeat(84);
    let short = NameLimits {
        longest: 200,
        forbidden: ":",
        ..ANY
    };

    assert_eq!(
        short.there(&too_long),
        Err(Obstacle::Name("it is longer than 200".to_owned()))
    );
    assert!(short.there(&":".repeat(66)).is_ok());
    assert!(short.there(&":".repeat(67)).is_err());
}

#[test]
fn what_is_called_oddly_there_gets_a_name_here() {
    assert_eq!(ANY.here("a/b"), "a／b");
    assert_eq!(ANY.here("a\\b"), "a＼b");
    assert_eq!(ANY.here("a\u{7}\u{7f}"), "a␇␡");
    assert_eq!(ANY.here(""), "_");
    assert_eq!(ANY.here(" "), "_ ");
    assert_eq!(ANY.here(".."), "．．");
    assert_eq!(ANY.here("e\u{301}"), "é");
    assert_eq!(ANY.here("txt.\u{202e}exe"), "txt.\u{fffd}exe");
}

#[test]
fn a_name_that_is_too_long_here_is_cut_before_its_extension() {
    let one = ANY.here(&format!("{}a.txt", "ä".repeat(200)));
    let other = ANY.here(&format!("{}b.txt", "ä".repeat(200)));

    assert!(one.len() <= 255 && one.ends_with(".txt"), "{one}");
    assert_ne!(one, other);
}

#[test]
fn capitals_and_compositions_collide_where_the_provider_says_so() {
    assert_eq!(STRICT.folded("E\u{301}A"), STRICT.folded("éa"));
    assert_ne!(ANY.folded("A"), ANY.folded("a"));
}

/// Names with all that is special about any of them.
fn name() -> impl Strategy<Value = String> {
    let special = "[a-cA-C.:?*~$_ vti‛：．␠ｃ～é/\\\\\u{7}\u{301}<\u{338}-]{0,12}";
    prop_oneof![
        4 => special,
        1 => "(CON|nul|\\.lock|desktop\\.ini|_vti_|~\\$)[.a:]{0,3}",
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn a_name_here_comes_back_from_there(text in name()) {
        let Ok(name) = NodeName::new(&text) else { return Ok(()) };
        for limits in [STRICT, ANY] {
            if let Ok(there) = limits.there(name.as_str()) {
                prop_assert_eq!(limits.here(&there), name.as_str());
            }
        }
    }

    #[test]
    fn any_name_there_has_a_valid_one_here(text in name()) {
        for limits in [STRICT, ANY] {
            let here = limits.here(&text);
            let valid = NodeName::new(&here);
            prop_assert_eq!(valid.as_ref().map(NodeName::as_str), Ok(here.as_str()));
        }
    }

    #[test]
    fn a_short_name_of_plain_characters_can_be_held_anywhere(text in "[a-zA-Z.:?*~$_ vti‛：．␠]{1,20}") {
        let Ok(name) = NodeName::new(&text) else { return Ok(()) };

        let there = STRICT.there(name.as_str());

        prop_assert!(there.is_ok_and(|there| !there.contains(':') && !there.is_empty()));
        prop_assert!(QUOTE != ':');
    }
}
