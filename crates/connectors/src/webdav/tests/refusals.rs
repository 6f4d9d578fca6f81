//! What servers say no with, and what they get wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use outbound::{Patience, Reach, Secret, Wire};

use super::server::{PASSWORD, open};
use super::stub::{Asked, Stub, answer, multistatus};
use super::{Login, WebDav, WebDavOptions};
use crate::contract::scene::collect;
use crate::contract::{Bytes, sample};
use crate::{
    Connector, Item, ItemId, NoJournal, Read, Reading, RemoteError, Revision, Target, Upload, Written, fetch,
};

fn root() -> ItemId {
    ItemId("/".to_owned())
}

fn connect(stub: &Stub, flavour: &str) -> WebDav {
    open(&stub.url, PASSWORD, Some(flavour.to_owned()))
}

async fn upload(drive: &WebDav, target: Target<'_>) -> Result<Written, RemoteError> {
    let source = Bytes(b"content".to_vec());
    let upload = Upload {
        target,
        source: &source,
        media_type: "text/plain",
        modified: None,
        journal: &NoJournal,
    };
    drive.upload(upload).await
}

fn create<'a>(parent: &'a ItemId) -> Target<'a> {
    Target::Create {
        parent,
        name: "new.txt",
        id: None,
    }
}

async fn told(status: u16, headers: &'static str) -> RemoteError {
    let stub = Stub::start(move |_| answer(status, headers, "canary-in-a-body")).await;
    let error = connect(&stub, "webdav")
        .item(&ItemId("file.txt".to_owned()))
        .await
        .expect_err("refused");
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("canary") && !text.contains("127.0.0.1"), "{text}");
    }
    error
}

#[tokio::test]
async fn each_refusal_is_told_as_what_it_means() {
    assert!(matches!(told(401, "").await, RemoteError::SignInAgain(_)));
    assert!(matches!(told(403, "").await, RemoteError::Refused { .. }));
    assert!(matches!(told(423, "").await, RemoteError::Locked));
    assert!(matches!(told(507, "").await, RemoteError::Full(_)));
    assert!(matches!(told(500, "").await, RemoteError::Unavailable(_)));
    assert!(matches!(told(200, "").await, RemoteError::Unavailable(_)));
}

#[tokio::test]
async fn a_server_that_asks_us_to_wait_is_left_alone() {
    for status in [429, 503] {
        let before = super::server::now();
        match told(status, "Retry-After: 120\r\n").await {
            RemoteError::Paused { until } => assert!(until >= before.plus_secs(120)),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_page_for_people_is_no_drive() {
    let stub = Stub::start(|_| answer(200, "Content-Type: text/html\r\n", "<html>Sign in</html>")).await;
    let drive = connect(&stub, "webdav");

    assert!(drive.about().await.is_err());
    assert!(drive.changes(None).await.is_err(), "and no empty one");
    let stub = Stub::start(|_| answer(405, "", "")).await;
    let error = connect(&stub, "webdav").about().await;
    assert!(matches!(error, Err(RemoteError::Misconfigured(_))), "{error:?}");
    let stub = Stub::start(|_| answer(404, "", "")).await;
    let drive = connect(&stub, "webdav");
    let error = drive.about().await;
    assert!(matches!(error, Err(RemoteError::Misconfigured(_))), "{error:?}");
    let error = drive.changes(None).await;
    assert!(matches!(error, Err(RemoteError::Misconfigured(_))), "{error:?}");
}

fn file(path: &str, size_bytes: u64) -> Item {
    Item {
        id: ItemId(path.to_owned()),
        parent: Some(root()),
        name: path.to_owned(),
        kind: crate::ItemKind::File,
        size_bytes: Some(size_bytes),
        media_type: None,
        hashes: crate::Hashes::default(),
        revision: Some(Revision("\"tag\"".to_owned())),
        tag: None,
        modified: None,
        is_trashed: false,
        is_editable: true,
        web_url: None,
    }
}

async fn read(drive: &WebDav, offset: u64) -> Result<Reading, RemoteError> {
    let id = ItemId("file.txt".to_owned());
    let read = Read {
        id: &id,
        revision: None,
        offset,
        export: None,
    };
    drive.read(read).await
}

#[tokio::test]
async fn nobody_else_is_told_who_we_are() {
    let other = Stub::start(|_| answer(200, "", "content")).await;
    let url = format!("Location: {}/elsewhere\r\n", other.url);
    let stub = Stub::start(move |asked| match asked.method.as_str() {
        "GET" => answer(302, &url, ""),
        _ => multistatus(&[("/file.txt", Some(7))]),
    })
    .await;
    let drive = connect(&stub, "webdav");

    let reading = read(&drive, 0).await.expect("it leads on");

    assert_eq!(collect(reading.stream).await.expect("bytes"), b"content");
    assert!(
        stub.asked()
            .iter()
            .all(|asked| asked.header("authorization").is_some())
    );
    let asked = other.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].header("authorization"), None);
}

#[tokio::test]
async fn an_address_of_our_own_network_is_not_asked() {
    let stub = Stub::start(|_| multistatus(&[("/", None)])).await;
    let patience = Patience::default();
    let reach = Reach::Public { allowed: Vec::new() };
    let drive = WebDav::new(WebDavOptions {
        url: stub.url.clone(),
        login: Login::Bearer(Secret::new(PASSWORD)),
        flavour: None,
        wire: Wire::open(&reach, patience).expect("connections"),
        gate: None,
        clock: Arc::new(super::server::now),
        patience,
    })
    .expect("an address");

    let error = drive.about().await;

    assert!(matches!(error, Err(RemoteError::Unreachable(_))), "{error:?}");
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn a_server_that_passes_over_ranges_splices_nothing() {
    let stub = Stub::start(|asked| match asked.method.as_str() {
        "GET" => answer(200, "ETag: \"tag\"\r\n", "0123456789"),
        _ => multistatus(&[("/file.txt", Some(10))]),
    })
    .await;
    let drive = connect(&stub, "webdav");

    let reading = read(&drive, 4).await.expect("read");

    assert_eq!(collect(reading.stream).await.expect("bytes"), b"456789");
}

#[tokio::test]
async fn another_range_than_was_asked_for_is_not_taken() {
    let stub = Stub::start(|asked| match asked.method.as_str() {
        "GET" => answer(206, "Content-Range: bytes 0-9/10\r\n", "0123456789"),
        _ => multistatus(&[("/file.txt", Some(10))]),
    })
    .await;

    let error = read(&connect(&stub, "webdav"), 4).await.err();
    assert!(matches!(error, Some(RemoteError::Unavailable(_))), "{error:?}");
}

#[tokio::test]
async fn a_content_that_changes_between_a_look_and_a_read_is_told() {
    let stub = Stub::start(|asked| match asked.method.as_str() {
        "GET" => answer(200, "ETag: \"another\"\r\n", "0123456789"),
        _ => multistatus(&[("/file.txt", Some(10))]),
    })
    .await;

    let error = read(&connect(&stub, "webdav"), 0).await.err();
    assert!(matches!(error, Some(RemoteError::Changed)), "{error:?}");
}

#[tokio::test]
async fn a_content_that_breaks_off_goes_on_where_it_did() {
    let content =
        String::from_utf8(sample(90_000).iter().map(|byte| b'a' + byte % 26).collect()).expect("text");
    let whole = content.clone();
    let stub = Stub::start(
        move |asked| match (asked.method.as_str(), asked.header("range")) {
            ("GET", None) => {
                let cut = answer(200, "ETag: \"tag\"\r\n", &whole);
                cut[..cut.len() - 50_000].to_owned()
            }
            ("GET", Some(range)) => {
                let from: usize = range
                    .trim_start_matches("bytes=")
                    .trim_end_matches('-')
                    .parse()
                    .expect("a range");
                let told = format!("Content-Range: bytes {from}-89999/90000\r\nETag: \"tag\"\r\n");
                answer(206, &told, &whole[from..])
            }
            _ => multistatus(&[("/file.txt", Some(90_000))]),
        },
    )
    .await;
    let drive = Arc::new(connect(&stub, "webdav"));

    let fetched = fetch(drive, &file("file.txt", 90_000), 0, None)
        .await
        .expect("fetch");

    assert!(collect(fetched.stream).await.expect("bytes") == content.as_bytes());
}

#[tokio::test]
async fn a_content_that_arrived_short_is_damaged_and_put_nowhere() {
    let stub = Stub::start(|asked| match asked.method.as_str() {
        "PROPFIND" if asked.path.contains(".cumuli-new-") => multistatus(&[(&asked.path, Some(3))]),
        "PROPFIND" => answer(404, "", ""),
        _ => answer(201, "", ""),
    })
    .await;

    let damaged = upload(&connect(&stub, "webdav"), create(&root())).await;

    assert!(matches!(damaged, Err(RemoteError::Damaged(_))), "{damaged:?}");
    let methods: Vec<String> = stub.asked().into_iter().map(|asked| asked.method).collect();
    assert!(!methods.contains(&"MOVE".to_owned()), "{methods:?}");
    assert_eq!(
        methods.last().map(String::as_str),
        Some("DELETE"),
        "nothing of it is left"
    );
}

/// A server that keeps conditions, with one file whose tag is `"tag"`.
fn strict(asked: &Asked) -> String {
    let is_there = asked.path == "/file.txt";
    match asked.method.as_str() {
        "PROPFIND" if is_there => multistatus(&[("/file.txt", Some(7))]),
        "PROPFIND" => answer(404, "", ""),
        // Somebody else was faster: both conditions fail.
        "PUT" => answer(412, "", ""),
        _ => answer(500, "", ""),
    }
}

#[tokio::test]
async fn a_server_that_keeps_conditions_is_told_them() {
    let stub = Stub::start(strict).await;
    let drive = connect(&stub, "webdav+conditions+whole");
    assert!(drive.abilities().conditions.replace);

    let created = upload(&drive, create(&root())).await;
    let file = file("file.txt", 7);
    let target = Target::Replace {
        id: &file.id,
        expected: file.revision.as_ref().expect("a revision"),
    };
    let replaced = upload(&drive, target).await;

    assert!(matches!(created, Err(RemoteError::Exists)), "{created:?}");
    assert!(matches!(replaced, Err(RemoteError::Changed)), "{replaced:?}");
    let puts: Vec<Asked> = stub
        .asked()
        .into_iter()
        .filter(|asked| asked.method == "PUT")
        .collect();
    assert_eq!(puts.len(), 2);
    assert_eq!(puts[0].header("if-none-match"), Some("*"));
    assert_eq!(puts[1].header("if-match"), Some("\"tag\""));
}

#[tokio::test]
async fn a_move_whose_answer_is_lost_is_found_to_be_done() {
    let moves = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&moves);
    let stub = Stub::start(move |asked| {
        let moved = count.load(Ordering::SeqCst) > 0;
        match (asked.method.as_str(), asked.path.as_str()) {
            // The first is done, and the connection closed.
            ("MOVE", _) if count.fetch_add(1, Ordering::SeqCst) == 0 => String::new(),
            ("MOVE", _) => answer(404, "", ""),
            ("PROPFIND", "/before.txt") if !moved => multistatus(&[("/before.txt", Some(7))]),
            ("PROPFIND", "/after.txt") if moved => multistatus(&[("/after.txt", Some(7))]),
            _ => answer(404, "", ""),
        }
    })
    .await;

    let to = crate::contract::relocating::to_name("after.txt");
    let moved = connect(&stub, "webdav")
        .relocate(&ItemId("before.txt".to_owned()), to)
        .await
        .expect("it is moved");

    assert_eq!(moved.name, "after.txt");
    assert!(moves.load(Ordering::SeqCst) > 1);
}

#[tokio::test]
async fn a_name_that_would_come_to_be_somewhere_else_is_refused() {
    let stub = Stub::start(|asked| match asked.path.as_str() {
        "/before.txt" => multistatus(&[("/before.txt", Some(7))]),
        "/a%3Fb" => multistatus(&[("/a%3Fb/", None)]),
        _ => answer(404, "", ""),
    })
    .await;
    let drive = connect(&stub, "webdav");
    let id = ItemId("before.txt".to_owned());
    let folder = ItemId("a?b".to_owned());
    for to in [
        crate::contract::relocating::to_name("after?.txt"),
        crate::contract::relocating::to_folder(&folder),
    ] {
        let refused = drive.relocate(&id, to).await;
        assert!(matches!(refused, Err(RemoteError::Name(_))), "{refused:?}");
    }

    assert!(stub.asked().iter().all(|asked| asked.method == "PROPFIND"));
}

#[tokio::test]
async fn a_server_is_never_asked_for_all_that_is_below() {
    let stub = Stub::start(|asked| match asked.path.as_str() {
        "/" => multistatus(&[("/", None), ("/a/", None), ("/b/", None), ("/c.txt", Some(1))]),
        "/a/" => multistatus(&[("/a/", None), ("/a/in/", None)]),
        path => multistatus(&[(path, None)]),
    })
    .await;
    let drive = connect(&stub, "webdav");
    let mut cursor = None;
    loop {
        let page = drive.changes(cursor.as_ref()).await.expect("changes");
        if page.next.is_settled() {
            break;
        }
        cursor = Some(page.next.cursor().clone());
    }

    let asked = stub.asked();
    let paths: Vec<&str> = asked.iter().map(|asked| asked.path.as_str()).collect();
    assert_eq!(paths, ["/", "/a/", "/a/in/", "/b/"], "each folder once");
    assert!(asked.iter().all(|asked| asked.header("depth") == Some("1")));
}

#[tokio::test]
async fn a_walk_goes_on_at_another_node() {
    let script = |asked: &Asked| match asked.path.as_str() {
        "/" => multistatus(&[("/", None), ("/a/", None), ("/b/", None)]),
        "/a/" => multistatus(&[("/a/", None), ("/a/in/", None), ("/a/on/", None)]),
        path => multistatus(&[(path, None)]),
    };
    let stub = Stub::start(script).await;
    let mut cursor = None;
    let mut told = Vec::new();
    loop {
        // Each page is asked for by somebody who knows nothing but the cursor.
        let drive = connect(&stub, "webdav");
        let page = drive.changes(cursor.as_ref()).await.expect("changes");
        told.extend(page.entries.iter().map(|entry| match entry {
            crate::Entry::Is(item) => item.id.0.clone(),
            crate::Entry::Gone(id) => panic!("{id:?}"),
        }));
        if page.next.is_settled() {
            break;
        }
        cursor = Some(page.next.cursor().clone());
    }

    assert_eq!(told, ["a", "b", "a/in", "a/on"]);
}

#[tokio::test]
async fn no_word_of_ours_has_the_password() {
    let login = Login::Basic {
        user: "ada".to_owned(),
        password: Secret::new(PASSWORD),
    };
    assert!(!format!("{login:?}").contains("canary"), "{login:?}");
    let stub = Stub::start(|_| answer(403, "", "canary-5d1f0c")).await;
    let drive = connect(&stub, "webdav");
    let errors = [
        drive.about().await.expect_err("refused"),
        drive.changes(None).await.expect_err("refused"),
        upload(&drive, create(&root())).await.expect_err("refused"),
        drive
            .make_folder(&root(), "made", None)
            .await
            .expect_err("refused"),
    ];
    for error in errors {
        let text = format!("{error} {error:?}");
        assert!(!text.contains("canary") && !text.contains("Basic"), "{text}");
    }
}
