use super::super::ini::{MOST_BYTES, read};
use super::super::obscure::reveal;

/// What `rclone config dump` (1.75) prints of the same file.
#[test]
fn a_file_is_read_as_rclone_reads_it() {
    let text = "\u{feff}# a comment\n; another one\nnone = of ours\n\n[plain]\r\ntype = webdav\r\nurl: https://a.example/dav\n\
        \"quoted key\" = x\n`k:x` extra = y\nuser = `back ticks`\nname = `in`ner` tail\n\
        pass = \"with = and \"inner\" quotes\"\nvendor = \"\"\"three\"\"\"\nopen = \"\"\"\n  indented =   trimmed   \n\
        empty =\nlate = v ; no comment # either\n\n [ with space ] \ntype=alias\nremote = first\nremote = plain:later\n\
        [plain]\nagain = yes\n";

    let remotes = read(text).unwrap();

    let names: Vec<&str> = remotes.iter().map(|remote| remote.name.as_str()).collect();
    assert_eq!(names, ["plain", "with space"]);
    for (key, value) in [
        ("type", "webdav"),
        ("url", "https://a.example/dav"),
        ("quoted key", "x"),
        ("k:x", "y"),
        ("user", "back ticks"),
        ("name", "in`ner"),
        ("pass", "\"with = and \"inner\" quotes\""),
        ("vendor", "three"),
        ("open", "\"\"\""),
        ("indented", "trimmed"),
        ("empty", ""),
        ("late", "v ; no comment # either"),
        ("again", "yes"),
    ] {
        assert_eq!(remotes[0].options[key], value, "{key}");
    }
    assert_eq!(remotes[1].options["remote"], "plain:later");
}

#[test]
fn a_file_that_is_none_is_told_of_without_a_word_of_it() {
    for (text, words) in [
        (
            "# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nSesame",
            "is encrypted",
        ),
        ("RCLONE_ENCRYPT_V9:\nSesame", "is encrypted"),
        ("[a]\nSesame\n", "line 2 is no `key = value`"),
        ("[a]\npass = `Sesame\n", "line 2 is no"),
        ("[a]\n= Sesame\n", "line 2 is no"),
        ("[a] Sesame\n", "line 1 is no"),
        ("[ ]\n", "line 1 names no remote"),
    ] {
        let error = read(text).err().unwrap();
        assert!(
            error.contains(words) && !error.contains("Sesame"),
            "{text}: {error}"
        );
    }
    let fits = " ".repeat(MOST_BYTES);
    assert!(read(&fits).unwrap().is_empty());
    assert!(read(&format!("{fits} ")).err().unwrap().contains("1 MiB"));
    let many = |count: usize| {
        (0..count)
            .map(|number| format!("[r{number}]\n"))
            .collect::<String>()
    };
    assert_eq!(read(&many(1000)).unwrap().len(), 1000);
    assert!(read(&many(1001)).is_err());
}

/// Made by `rclone obscure` (1.75).
#[test]
fn passwords_are_revealed_as_rclone_obscured_them() {
    for (obscured, password) in [
        ("F5BFH375xMWEAwBc7kBlYHXYt1lr52g", "hunter2"),
        ("Higlm5NZu8o3hTW3bWAwyw", ""),
        ("Z4vStfDCgK_NjND8PECbJuwFjbeqySaNQ8WwXLiW9g", "pass word ünï"),
    ] {
        assert_eq!(reveal(obscured).as_deref(), Some(password));
    }
    for text in ["", "hunter2", "YWJj", "F5BFH375xMWEAwBc7kBlYHXYt1lr52g=", "nö"] {
        assert_eq!(reveal(text), None, "{text}");
    }
}
