//! Uploads as forms: broken, hostile, and unusual.

use serde_json::json;

use super::{Row, check, done, harmless, signed};
use crate::harness::Engine;
use crate::people::Town;
use crate::wire::{self, Ending, Request};

const BOUNDARY: &str = "a-boundary";
const UPLOAD: &str = "/api/v1/upload";

/// A form as it is written.
#[derive(Default)]
pub struct Form(Vec<u8>);

/// One part of it.
pub struct Part {
    headers: Vec<u8>,
    body: Vec<u8>,
}

/// A part with a name.
pub fn part(name: &str) -> Part {
    Part {
        headers: format!("Content-Disposition: form-data; name=\"{name}\"").into(),
        body: Vec::new(),
    }
}

/// The part that is the file.
fn file() -> Part {
    part("file").named("a.txt").holding("content")
}

impl Part {
    /// Names the file in it.
    pub fn named(self, name: &str) -> Self {
        let name = name.replace('"', "\\\"");
        self.more(format!("; filename=\"{name}\""))
    }

    pub fn holding(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Adds to its headers as they stand.
    fn more(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.headers.extend_from_slice(bytes.as_ref());
        self
    }
}

impl Form {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn with(mut self, part: Part) -> Self {
        self.0.extend(format!("--{BOUNDARY}\r\n").bytes());
        self.0.extend(part.headers);
        self.0.extend(b"\r\n\r\n");
        self.0.extend(part.body);
        self.0.extend(b"\r\n");
        self
    }

    /// The request with the whole form.
    pub fn request(self) -> Request {
        let mut body = self.0;
        body.extend(format!("--{BOUNDARY}--\r\n").bytes());
        request(body)
    }

    /// The request with the form cut before its end.
    fn unended(self) -> Request {
        request(self.0)
    }
}

fn request(body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", UPLOAD)
        .header(
            "Content-Type",
            format!("multipart/form-data; boundary={BOUNDARY}"),
        )
        .body(body)
}

fn typed(kind: &str) -> Request {
    let whole = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--{BOUNDARY}--\r\n"
    );
    Request::new("POST", UPLOAD)
        .header("Content-Type", kind)
        .body(whole)
}

#[tokio::test]
async fn broken_forms_are_refused() {
    let town = Town::start().await;
    let alice = &town.alice;
    let mut rows: Vec<Row> = vec![
        harmless("no boundary", typed("multipart/form-data"), &[400]),
        harmless(
            "an empty boundary",
            typed("multipart/form-data; boundary="),
            &[400],
        ),
        harmless(
            "a boundary of 1 KiB",
            typed(&format!("multipart/form-data; boundary={}", "b".repeat(1024))),
            &[400],
        ),
        harmless(
            "another boundary",
            typed("multipart/form-data; boundary=other"),
            &[400],
        ),
        harmless(
            "a form of another kind",
            typed("multipart/mixed; boundary=a-boundary"),
            &[415],
        ),
        harmless(
            "a form in the address's way",
            typed("application/x-www-form-urlencoded"),
            &[415],
        ),
        harmless("JSON", Request::post(UPLOAD, &json!({"file": "x"})), &[415]),
        harmless("no type", Request::new("POST", UPLOAD).body("x"), &[415]),
        harmless(
            "a packed form",
            typed("multipart/form-data; boundary=a-boundary").header("Content-Encoding", "gzip"),
            &[415],
        ),
        harmless("nothing", request(""), &[400]),
        harmless("no part", Form::new().request(), &[400, 422]),
        harmless("no end", Form::new().with(file()).unended(), &[400]),
        harmless(
            "an end within a part",
            request(format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx"
            )),
            &[400],
        ),
        harmless(
            "an end within a part's headers",
            request(format!("--{BOUNDARY}\r\nContent-Disposition: form-")),
            &[400],
        ),
        harmless(
            "no boundary where it begins",
            request(format!("x\r\n--{BOUNDARY}")),
            &[400],
        ),
        harmless(
            "headers that are none",
            Form::new()
                .with(Part {
                    headers: "no colon here".into(),
                    body: vec![],
                })
                .request(),
            &[400],
        ),
        harmless(
            "a part of no name",
            Form::new()
                .with(Part {
                    headers: "Content-Type: text/plain".into(),
                    body: b"x".to_vec(),
                })
                .request(),
            &[400, 422],
        ),
        harmless(
            "a part coded in base64",
            Form::new()
                .with(file().more("\r\nContent-Transfer-Encoding: base64"))
                .request(),
            &[400],
        ),
        harmless(
            "a thousand headers in a part",
            Form::new().with(file().more("\r\nX-A: b".repeat(1000))).request(),
            &[400, 413],
        ),
        harmless(
            "a header of 1 MiB in a part",
            Form::new()
                .with(file().more(format!("\r\nX-A: {}", "b".repeat(1 << 20))))
                .request(),
            &[400, 413],
        ),
        harmless(
            "1 MiB before the first part",
            request([vec![b'x'; 1 << 20], b"\r\n--a-boundary--\r\n".to_vec()].concat()),
            &[400, 413],
        ),
    ];
    let many = (0..10_000).fold(Form::new(), |form, i| {
        form.with(part(&format!("p{i}")).holding("x"))
    });
    rows.push(harmless("ten thousand parts", many.request(), &[400, 413, 422]));
    let many = (0..40).fold(Form::new(), |form, _| {
        form.with(part("on_conflict").holding("fail"))
    });
    rows.push(harmless(
        "forty parts",
        many.with(file()).request(),
        &[400, 413, 422],
    ));
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn a_form_says_one_thing() {
    let town = Town::start().await;
    let alice = &town.alice;
    let theirs = town.bob.folder("theirs").await;
    let with = |name: &str, text: &str| Form::new().with(part(name).holding(text)).with(file()).request();
    // The seed documents send the file first, so the fields may come after it too.
    let after = |name: &str, text: &str| Form::new().with(file()).with(part(name).holding(text)).request();
    let mut rows = vec![
        harmless(
            "two files",
            Form::new().with(file()).with(file()).request(),
            &[422],
        ),
        harmless(
            "no file",
            Form::new().with(part("folder_id").holding("root")).request(),
            &[422],
        ),
        harmless("a field of 9 KiB", with("path", &"x".repeat(9 << 10)), &[413]),
        harmless(
            "an unknown field of 9 KiB",
            with("strange", &"x".repeat(9 << 10)),
            &[413],
        ),
        harmless(
            "a field that is no UTF-8",
            Form::new()
                .with(part("path").holding([0xff, 0xfe]))
                .with(file())
                .request(),
            &[400, 422],
        ),
    ];
    for (name, text, expected) in [
        ("owner_id", "x", 422),
        ("File", "x", 422),
        ("folder_id", "..", 422),
        ("folder_id", "0", 422),
        ("folder_id", theirs.as_str(), 404),
        ("folder_id", "a\0", 422),
        ("path", "../x", 422),
        ("path", "a//b", 422),
        ("path", "a/\0", 422),
        ("path", "/", 422),
        ("on_conflict", "overwrite", 422),
        ("sync_google", "maybe", 422),
        ("sync_google", "true", 409),
        ("sync_azure", "1", 409),
    ] {
        rows.push(harmless(
            format!("{name}={text} before the file"),
            with(name, text),
            &[expected],
        ));
        rows.push(harmless(
            format!("{name}={text} after the file"),
            after(name, text),
            &[expected],
        ));
    }
    let both = Form::new()
        .with(part("folder_id").holding("root"))
        .with(part("path").holding("x"))
        .with(file());
    rows.push(harmless("a folder and a path", both.request(), &[422]));
    rows.push(done(
        "the file before its fields",
        after("path", "late/b.txt"),
        201,
    ));
    rows.push(done("fields before the file", with("path", "early/b.txt"), 201));
    rows.push(done(
        "empty fields",
        Form::new()
            .with(part("folder_id"))
            .with(part("path"))
            .with(part("on_conflict"))
            .with(file())
            .request(),
        201,
    ));
    check(&town, signed(alice, rows)).await;
    alice.get("/api/v1/resolve?path=/late/b.txt").await.expect(200);
    alice.get("/api/v1/resolve?path=/early/b.txt").await.expect(200);
}

#[tokio::test]
async fn the_name_of_a_file_in_a_form_is_a_name_or_refused() {
    let town = Town::start().await;
    let alice = &town.alice;
    let raw = |parameters: &str| {
        Form::new()
            .with(part("file").more(parameters).holding("x"))
            .request()
    };
    let rows = vec![
        harmless("a path on Windows", raw("; filename=\"C:\\a\\b.txt\""), &[422]),
        harmless("a way out", raw("; filename=\"../x\""), &[422]),
        harmless("a path", raw("; filename=\"/etc/passwd\""), &[422]),
        harmless("no name", raw(""), &[422]),
        harmless("an empty name", raw("; filename=\"\""), &[422]),
        harmless(
            "a name that is no UTF-8",
            Form::new()
                .with(part("file").more(b"; filename=\"\xff\xfe\"").holding("x"))
                .request(),
            &[400, 422],
        ),
        // RFC 7578 section 4.2 takes filename* out of forms: it is left aside.
        harmless(
            "only the name that forms do not have",
            raw("; filename*=UTF-8''x.txt"),
            &[422],
        ),
        done(
            "both names: the one that forms have counts",
            raw("; filename=\"a.txt\"; filename*=UTF-8''evil.txt"),
            201,
        ),
        done(
            "a form within the file is only its content",
            Form::new()
                .with(
                    part("file")
                        .named("nested")
                        .more("\r\nContent-Type: multipart/mixed; boundary=inner")
                        .holding("--inner\r\n\r\nx\r\n--inner--"),
                )
                .request(),
            201,
        ),
        done(
            "a boundary within the file",
            Form::new()
                .with(
                    part("file")
                        .named("within")
                        .holding(format!("--{BOUNDARY}x\r\n-{BOUNDARY}\r\n")),
                )
                .request(),
            201,
        ),
    ];
    check(&town, signed(alice, rows)).await;
    let found = alice.get("/api/v1/search?q=evil").await.expect(200).json();
    assert_eq!(found["items"], json!([]));
    let within = alice
        .get("/api/v1/resolve?path=/within")
        .await
        .expect(200)
        .field("id");
    let content = alice
        .get(&format!("/api/v1/files/{within}/content"))
        .await
        .expect(200);
    assert_eq!(content.text(), format!("--{BOUNDARY}x\r\n-{BOUNDARY}\r\n"));
}

#[tokio::test]
async fn what_never_becomes_a_part_is_not_kept_in_memory() {
    let town = Town::on(Engine::Sqlite).await;
    let (host, access) = (town.server.host().to_owned(), town.alice.access.clone());
    let before = resident_bytes(town.server.process_id());
    for start in ["", "--a-boundary\r\nX-A: "] {
        let mut body = start.as_bytes().to_vec();
        body.resize(128 << 20, b'x');
        let reply = wire::send(&host, &request(body).bearer(&access)).await;
        assert!(matches!(reply.status, 400 | 413), "{}", reply.status);
    }
    let grown = resident_bytes(town.server.process_id()).saturating_sub(before);
    assert!(grown < 32 << 20, "the server grew by {grown} bytes");
}

/// The most memory that a process has used.
fn resident_bytes(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[tokio::test]
async fn a_type_that_lies_opens_nothing() {
    let town = Town::start().await;
    let alice = &town.alice;
    let script = "<script>alert(1)</script>";
    for (name, kind) in [
        ("a.png", "image/png"),
        ("a.html", "text/html"),
        ("a.xhtml", "application/xhtml+xml"),
        ("a.svg", "image/svg+xml"),
        ("a.mht", "message/rfc822"),
        ("a.pdf", "application/pdf"),
        ("a.swf", "application/x-shockwave-flash"),
        ("a.xml", "text/xml"),
        ("a.xsl", "application/xslt+xml"),
        ("a.js", "text/javascript"),
        ("a.css", "text/css"),
        ("a.md", "text/markdown"),
        ("a.epub", "application/epub+zip"),
        ("a.wasm", "application/wasm"),
        ("a.txt", "text/plain"),
        ("b.txt", "text/html; charset=utf-7"),
        ("c.txt", "text/html\u{e9}"),
        ("d.txt", "multipart/x-mixed-replace"),
        ("e.txt", "*/*"),
    ] {
        let form = Form::new().with(
            part("file")
                .named(name)
                .more(format!("\r\nContent-Type: {kind}"))
                .holding(script),
        );
        let reply = alice.send(form.request()).await;
        if kind.contains('\u{e9}') && reply.status == 400 {
            continue;
        }
        let id = reply.expect(201).field("file_id");
        for query in ["", "?inline=true"] {
            for target in [
                format!("/api/v1/files/{id}/content{query}"),
                format!("/api/v1/files/{id}/versions/1/content{query}"),
            ] {
                let reply = alice.get(&target).await.expect(200);
                assert_eq!(
                    super::missing_protection(&reply),
                    Vec::<String>::new(),
                    "{name} {kind} {query}"
                );
                assert!(
                    reply
                        .header("content-security-policy")
                        .starts_with("sandbox; default-src 'none'"),
                    "{name}"
                );
                let (shown, disposition) =
                    (reply.header("content-type"), reply.header("content-disposition"));
                let is_inert = shown.starts_with("image/png") || shown == "text/plain; charset=utf-8";
                assert!(
                    disposition.starts_with("attachment;") || is_inert,
                    "{name} {kind} {query}: {shown} {disposition}"
                );
                assert!(
                    !query.is_empty() || disposition.starts_with("attachment;"),
                    "{name} {kind}: {disposition}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_form_that_is_cut_leaves_nothing() {
    let town = Town::start().await;
    let form = Form::new()
        .with(part("file").named("a.bin").holding(vec![7; 300 << 10]))
        .request();
    let cut = form
        .clone()
        .header("Content-Length", (400 << 10).to_string())
        .ending(Ending::HalfClose);
    check(
        &town,
        signed(&town.alice, vec![harmless("a form that ends early", cut, &[400])]),
    )
    .await;
    super::uploads::assert_no_leftovers(&town).await;
}
