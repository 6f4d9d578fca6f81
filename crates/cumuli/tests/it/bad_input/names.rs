//! Names that are places, tricks or too long, and names that only look bad.

use serde_json::json;

use super::forms::{Form, part};
use super::{Row, check, done, harmless, segment, signed};
use crate::people::Town;
use crate::wire::Request;

/// What is no name, through whichever door it comes.
fn refused_names() -> Vec<(&'static str, String)> {
    let mut names: Vec<(&str, String)> = [
        ("the folder above", ".."),
        ("the folder itself", "."),
        ("a blank", " "),
        ("blanks", " \t "),
        ("nothing that can be seen", "\u{200b}"),
        ("a way out", "../x"),
        ("a way out, further down", "a/../../x"),
        ("an absolute path", "/etc/passwd"),
        ("a path", "a/b"),
        ("a way out on Windows", "..\\x"),
        ("a path on Windows", "a\\b"),
        ("a path with a drive", "C:\\x"),
        ("a NUL", "x\0.png"),
        ("a line break", "a\r\nX-Evil: 1"),
        ("a tab", "a\tb"),
        ("the first control character", "a\u{1}"),
        ("the last of them", "a\u{1f}"),
        ("delete", "a\u{7f}"),
        ("a control character of Latin-1", "a\u{85}b"),
        ("a line separator", "a\u{2028}b"),
        ("another extension, read from the right", "invoice\u{202e}fdp.exe"),
        ("an isolated piece", "a\u{2066}b\u{2069}"),
    ]
    .map(|(what, name)| (what, name.to_owned()))
    .into();
    names.push(("256 bytes", "x".repeat(256)));
    names.push(("64 faces of four bytes", "\u{1f600}".repeat(64)));
    names
}

#[tokio::test]
async fn what_is_no_name_is_refused_at_every_door() {
    let town = Town::start().await;
    let alice = &town.alice;
    let file = alice.file("a.txt", b"a").await;
    let gone = alice.file("gone.txt", b"g").await;
    alice
        .send(Request::new("DELETE", &format!("/api/v1/nodes/{gone}")))
        .await
        .expect(204);
    let mut rows: Vec<Row> = Vec::new();
    for (what, name) in refused_names() {
        let body = json!({"name": name});
        let mut row = |door: &str, request: Request, expected: &[u16]| {
            rows.push(harmless(format!("{what}, {door}"), request, expected));
        };
        row("for a folder", Request::post("/api/v1/folders", &body), &[422]);
        row(
            "for a file",
            Request::put(&format!("/api/v1/folders/root/files/{}", segment(&name)), "x"),
            &[422],
        );
        row(
            "in a new name",
            Request::new("PATCH", &format!("/api/v1/nodes/{file}")).json(&body),
            &[422],
        );
        row(
            "for a copy",
            Request::post(&format!("/api/v1/nodes/{file}/copy"), &body),
            &[422],
        );
        row(
            "for a restored file",
            Request::post(&format!("/api/v1/trash/{gone}/restore"), &body),
            &[422],
        );
        // Within a path a slash is a separator, not a bad character.
        if !name.contains('/') {
            row(
                "in a path",
                Request::put(&format!("/api/v1/paths/{}/x", segment(&name)), "x"),
                &[422],
            );
            row(
                "in a path of folders",
                Request::post("/api/v1/folders", &json!({"path": format!("a/{name}")})),
                &[422],
            );
            row(
                "in a path to find",
                Request::get(&format!("/api/v1/resolve?path=a/{}", segment(&name))),
                &[422],
            );
        }
        // A quotation mark or a line break would end the header that the name is in.
        if !name.contains(['\0', '\r', '\n', '\u{1}', '\u{1f}', '\u{7f}']) {
            let form = Form::new().with(part("file").named(&name).holding("x"));
            row("in a form", form.request(), &[422]);
        }
    }
    for body in [
        json!({"name": ""}),
        json!({"name": null}),
        json!({}),
        json!({"name": "a", "path": "b"}),
    ] {
        rows.push(harmless(
            format!("a folder of {body}"),
            Request::post("/api/v1/folders", &body),
            &[422],
        ));
    }
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn an_address_is_decoded_once_and_leads_nowhere_else() {
    let town = Town::start().await;
    let alice = &town.alice;
    alice.file("secret", b"s").await;
    alice.folder("shareme").await;
    let mut rows = Vec::new();
    for way in [
        "/api/v1/paths/%2e%2e/x",
        "/api/v1/paths/%2e%2e%2fx",
        "/api/v1/paths/a/../x",
        "/api/v1/paths/..%2fx",
        "/api/v1/paths/a/%2E/x",
        "/api/v1/paths/./x",
        "/api/v1/paths/a//b",
        "/api/v1/paths/%2f%2fx",
        "/api/v1/paths/",
        "/api/v1/paths/..%5cx",
        "/api/v1/paths/x%00.png",
        "/api/v1/paths/%0d%0ax",
        "/api/v1/folders/root/files/..",
        "/api/v1/folders/root/files/%2e%2e",
        "/api/v1/folders/root/files/a%2fb",
        "/api/v1/folders/root/files/..%2f..%2fetc%2fpasswd",
    ] {
        rows.push(harmless(way, Request::put(way, "x"), &[400, 404, 405, 422]));
    }
    for way in [
        "%c0%ae%c0%ae",
        "%ff",
        "%fe%ff",
        "%ed%a0%80",
        "%u002e",
        "%",
        "%2",
        "%zz",
        "a%0",
        "100%",
    ] {
        for door in ["/api/v1/folders/root/files/", "/api/v1/paths/"] {
            let target = format!("{door}{way}");
            rows.push(harmless(&target, Request::put(&target, "x"), &[400]));
        }
        let target = format!("/api/v1/nodes/{way}");
        rows.push(harmless(&target, Request::get(&target), &[400, 404]));
    }
    for way in [
        "//api/v1/files",
        "/api//v1/files",
        "/api/v1/files/",
        "/./api/v1/files",
        "/api/v1/./files",
        "/api/v1/x/../files",
        "/API/V1/FILES",
        "/api/v1/files;x=1",
        "/api/v1/files%2f",
        "/api%2fv1%2ffiles",
        "/api/v1/%66iles%00",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/Cargo.toml",
        "/assets/..%2f..%2fetc%2fpasswd",
        "/assets//etc/passwd",
        "/docs/../index.html",
        "/docs/%2e%2e%2findex.html",
        "/redoc/..%5cindex.html",
        "/cumuli-data/cumuli.db",
        "/.env",
        "/.git/config",
        "/etc/passwd",
    ] {
        rows.push(harmless(way, Request::get(way), &[400, 404]));
    }
    for way in [
        "/shareme2",
        "/share",
        "/SHAREME",
        "/shareme/x",
        "secret/",
        "/secret/x",
        "//secret",
        "/./secret",
        "/x/../secret",
        "/%2e%2e/secret",
    ] {
        let target = format!("/api/v1/resolve?path={way}");
        let expected: &[u16] = if way == "secret/" {
            &[200, 404]
        } else {
            &[404, 422]
        };
        rows.push(harmless(&target, Request::get(&target), expected));
    }
    check(&town, signed(alice, rows)).await;

    let twice = alice
        .send(Request::put("/api/v1/paths/%252e%252e", "x"))
        .await
        .expect(201);
    assert_eq!(twice.field("name"), "%2e%2e");
    let plus = alice
        .send(Request::put("/api/v1/paths/a+b", "x"))
        .await
        .expect(201);
    assert_eq!(plus.field("name"), "a+b");
}

#[tokio::test]
async fn names_that_only_look_bad_are_kept_to_the_byte() {
    let town = Town::start().await;
    let alice = &town.alice;
    let mut names: Vec<String> = [
        "CON",
        "NUL.txt",
        "aux",
        "file.",
        "file ",
        " file",
        "a:b",
        "a*?\"<>|",
        "..a",
        "...",
        "a..b",
        "-rf",
        "~",
        ".htaccess",
        ".git",
        "web.config",
        "index.php",
        "~$x.docx",
        "desktop.ini",
        ".DS_Store",
        "Thumbs.db",
        "<img src=x onerror=alert(1)>.txt",
        "\"><svg onload=1>",
        "{{7*7}}",
        "${x}",
        "$(reboot)",
        "`id`",
        "=cmd|' C calc'!A0",
        "a;b.txt",
        "a\"b.txt",
        "a%22.txt",
        "a%2fb",
        "a&b=c",
        "a?b#c",
        "a+b c",
        "\u{ff26}\u{ff35}\u{ff2c}\u{ff2c}\u{ff0f}\u{ff37}",
        "a\u{2215}b",
        "a\u{2044}b",
        "\u{fb01}le",
        "\u{212a}",
        "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
        "\u{430}dmin",
        "\u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        "null",
        "undefined",
        "0",
        "root",
    ]
    .map(str::to_owned)
    .into();
    names.extend([
        "x".repeat(255),
        "\u{1f600}".repeat(63),
        format!("{}.txt", "y".repeat(251)),
    ]);
    for name in &names {
        let stored = alice
            .send(Request::put(
                &format!("/api/v1/folders/root/files/{}", segment(name)),
                "x",
            ))
            .await;
        assert_eq!(
            (stored.status, stored.json()["name"].clone()),
            (201, json!(compose(name))),
            "{name:?}"
        );
        let id = stored.field("id");

        let read = alice
            .get(&format!("/api/v1/files/{id}/content"))
            .await
            .expect(200);
        assert_eq!(read.count("content-disposition"), 1, "{name:?}");
        let disposition = read.header("content-disposition");
        assert!(
            disposition.starts_with("attachment; filename=\""),
            "{disposition}"
        );
        let encoded = disposition.rsplit_once("filename*=UTF-8''").unwrap().1;
        let decoded = percent_decoded(encoded);
        assert_eq!(decoded, compose(name), "{disposition}");
        let found = alice
            .get(&format!("/api/v1/resolve?path={}", segment(&format!("/{name}"))))
            .await
            .expect(200);
        assert_eq!(found.field("id"), id, "{name:?}");
    }
    let page = alice
        .get("/api/v1/folders/root/children?limit=1000")
        .await
        .expect(200)
        .json();
    assert_eq!(page["items"].as_array().unwrap().len(), names.len());
    assert!(!town.server.logs().contains("onerror"), "a name is in the log");
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap(), rest.next().unwrap()];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The composed form, for the one name above that has another: the Kelvin sign is a K.
fn compose(name: &str) -> String {
    name.replace('\u{212a}', "K")
}

#[tokio::test]
async fn two_spellings_of_one_name_are_one_name() {
    let town = Town::start().await;
    let alice = &town.alice;
    let folder = |name: &str| Request::post("/api/v1/folders", &json!({"name": name}));
    let put = |name: &str| Request::put(&format!("/api/v1/folders/root/files/{}", segment(name)), "x");
    let rows = vec![
        done("an accent in one piece", folder("\u{e9}"), 201),
        harmless("the same accent in two pieces", folder("e\u{301}"), &[409]),
        done(
            "the same accent in two pieces, as a path that may be there",
            Request::post("/api/v1/folders", &json!({"path": "e\u{301}"})),
            201,
        ),
        harmless("a file of that name", put("e\u{301}"), &[409]),
        done("an upper-case name", put("A.txt"), 201),
        done("the same in lower case is another", put("a.txt"), 201),
        done("Hangul in pieces", put("\u{1112}\u{1161}\u{11ab}"), 201),
        done("Hangul in one piece is the same file", put("\u{d55c}"), 200),
    ];
    check(&town, signed(alice, rows)).await;
    let found = alice
        .get(&format!("/api/v1/search?q={}", segment("\u{d55c}")))
        .await
        .expect(200)
        .json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    assert_eq!(found["items"][0]["name"], "\u{d55c}");
}

#[tokio::test]
async fn a_taken_name_is_not_written_over_by_a_rename() {
    let town = Town::start().await;
    let alice = &town.alice;
    let (a, _b) = (alice.file("a.txt", b"a").await, alice.file("b.txt", b"b").await);
    alice.folder("f").await;
    let rename = |name: &str, rest: &str| {
        let body = format!("{{\"name\":\"{name}\"{rest}}}");
        Request::new("PATCH", &format!("/api/v1/nodes/{a}")).text_json(body)
    };
    let rows = vec![
        harmless("to a taken name", rename("b.txt", ""), &[409]),
        harmless(
            "to a taken name, in words",
            rename("b.txt", ",\"on_conflict\":\"fail\""),
            &[409],
        ),
        harmless("to the name of a folder", rename("f", ""), &[409]),
        harmless(
            "over what is there",
            rename("b.txt", ",\"on_conflict\":\"new_version\""),
            &[422],
        ),
        harmless(
            "over what is there, in another word",
            rename("b.txt", ",\"overwrite\":true"),
            &[422],
        ),
        harmless("to its own name", rename("a.txt", ""), &[200]),
        harmless(
            "a new folder of a taken name",
            Request::post("/api/v1/folders", &json!({"name": "b.txt"})),
            &[409],
        ),
        harmless(
            "a file where a folder is",
            Request::put("/api/v1/folders/root/files/f", "x"),
            &[409],
        ),
        harmless(
            "a file that must be new",
            Request::put("/api/v1/folders/root/files/a.txt?on_conflict=fail", "x"),
            &[409],
        ),
        harmless(
            "a file in a way that nobody knows",
            Request::put("/api/v1/folders/root/files/a.txt?on_conflict=overwrite", "x"),
            &[400],
        ),
        done(
            "to a taken name, beside it",
            rename("b.txt", ",\"on_conflict\":\"keep_both\""),
            200,
        ),
    ];
    check(&town, signed(alice, rows)).await;
    assert_eq!(
        alice.get(&format!("/api/v1/nodes/{a}")).await.field("name"),
        "b (2).txt"
    );
}
