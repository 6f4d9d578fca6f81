//! Parts of contents, and conditions on reading them.

use super::{check, harmless, missing_protection, signed, unread};
use crate::people::Town;
use crate::wire::Request;

const CONTENT: &[u8] = b"0123456789";

#[tokio::test]
async fn a_range_gives_its_bytes_the_whole_or_nothing() {
    let town = Town::start().await;
    let alice = &town.alice;
    let id = alice.file("a.txt", CONTENT).await;
    let empty = alice.file("empty", b"").await;
    let get =
        |id: &str, range: &str| Request::get(&format!("/api/v1/files/{id}/content")).header("Range", range);
    for (range, content_range, bytes) in [
        ("bytes=0-0", "bytes 0-0/10", &b"0"[..]),
        ("bytes=-1", "bytes 9-9/10", b"9"),
        ("bytes=5-", "bytes 5-9/10", b"56789"),
        ("bytes=0-99999999999", "bytes 0-9/10", CONTENT),
        ("bytes=-18446744073709551616", "bytes 0-9/10", CONTENT),
        ("BYTES=1-2", "bytes 1-2/10", b"12"),
    ] {
        let reply = alice.send(get(&id, range)).await.expect(206);
        assert_eq!(
            (reply.header("content-range"), &reply.body[..]),
            (content_range, bytes),
            "{range}"
        );
    }
    let thousand = format!("bytes={}", vec!["0-9"; 1000].join(","));
    for range in [
        "bytes=5-2",
        "bytes=abc",
        "items=0-1",
        "bytes=",
        "bytes=--1",
        "bytes",
        "bytes=1",
        "bytes=+1-2",
        "bytes=0x1-2",
        "bytes=0-5,3-8",
        "bytes=0-1,x",
        &thousand,
        "",
    ] {
        let reply = alice.send(get(&id, range)).await.expect(200);
        assert_eq!(
            (reply.count("content-range"), &reply.body[..]),
            (0, CONTENT),
            "{range:.40}"
        );
    }
    let mut rows = Vec::new();
    for range in [
        "bytes=999-",
        "bytes=10-",
        "bytes=18446744073709551615-",
        "bytes=18446744073709551616-",
        "bytes=-0",
        "bytes=99-100,200-",
    ] {
        rows.push(harmless(range, get(&id, range), &[416]));
        let reply = alice.send(get(&id, range)).await;
        assert_eq!(reply.header("content-range"), "bytes */10", "{range}");
    }
    for range in ["bytes=0-0", "bytes=-1", "bytes=0-"] {
        rows.push(harmless(
            format!("{range} of nothing"),
            get(&empty, range),
            &[416],
        ));
    }
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn two_ranges_come_as_two_parts() {
    let town = Town::start().await;
    let id = town.alice.file("a.txt", CONTENT).await;
    let request = || Request::get(&format!("/api/v1/files/{id}/content")).header("Range", "bytes=0-1, 8-");
    let mut boundaries = Vec::new();
    for _ in 0..2 {
        let reply = town.alice.send(request()).await.expect(206);
        let boundary = reply
            .header("content-type")
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap()
            .to_owned();
        let expected = ["0-1/10\r\n\r\n01", "8-9/10\r\n\r\n89"]
            .map(|part| {
                format!("\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes {part}")
            })
            .concat();
        assert_eq!(reply.text(), format!("{expected}\r\n--{boundary}--\r\n"));
        assert_eq!(reply.header("content-length"), reply.body.len().to_string());
        boundaries.push(boundary);
    }
    assert_ne!(boundaries[0], boundaries[1]);
}

#[tokio::test]
async fn a_range_of_an_older_state_gives_the_whole_of_the_new() {
    let town = Town::start().await;
    let alice = &town.alice;
    let old = alice
        .send(Request::put("/api/v1/folders/root/files/a.txt", "old content"))
        .await
        .expect(201);
    let (id, old_tag) = (old.field("id"), old.header("etag").to_owned());
    let target = format!("/api/v1/files/{id}/content");
    let new = alice.send(Request::put(&target, CONTENT)).await.expect(200);
    let new_tag = new.header("etag").to_owned();
    let date = alice.get(&target).await.header("last-modified").to_owned();
    let part = |holds: &str| {
        alice.send(
            Request::get(&target)
                .header("Range", "bytes=0-0")
                .header("If-Range", holds.to_owned()),
        )
    };

    assert_eq!(part(&new_tag).await.expect(206).body, b"0");
    // A date is too coarse to tell two contents of one second apart.
    for stale in [
        old_tag,
        format!("W/{new_tag}"),
        date,
        "rubbish".to_owned(),
        String::new(),
    ] {
        assert_eq!(part(&stale).await.expect(200).body, CONTENT, "{stale}");
    }
}

#[tokio::test]
async fn conditions_on_reading_are_understood_or_left_aside() {
    let town = Town::start().await;
    let alice = &town.alice;
    let id = alice.file("a.txt", CONTENT).await;
    let target = format!("/api/v1/files/{id}/content");
    let whole = alice.get(&target).await.expect(200);
    let (tag, date) = (
        whole.header("etag").to_owned(),
        whole.header("last-modified").to_owned(),
    );
    let with = |name: &str, value: &str| Request::get(&target).header(name, value.to_owned());
    let mut rows = vec![
        harmless("the tag it has", with("If-None-Match", &tag), &[304]),
        harmless(
            "its tag among others",
            with("If-None-Match", &format!("\"x\", W/{tag}")),
            &[304],
        ),
        harmless("any tag", with("If-None-Match", "*"), &[304]),
        harmless("another tag", with("If-None-Match", "\"x\""), &[200]),
        harmless("another tag to match", with("If-Match", "\"x\""), &[412]),
        harmless(
            "tags of all kinds",
            with("If-Match", "\"a\", W/\"b\", *"),
            &[400, 412],
        ),
        unread(
            "1 MiB of tags",
            with("If-None-Match", &vec!["\"a\""; 1 << 18].join(",")),
            &[400, 431],
        ),
        harmless("since its date", with("If-Modified-Since", &date), &[304]),
        harmless(
            "unchanged since long ago",
            with("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"),
            &[412],
        ),
    ];
    for rubbish in [
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 99999 08:49:37 GMT",
        "99999",
        "-1",
        "",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:00:00 GMT",
        "2026-11-21T09:30:00Z",
        &"(".repeat(20_000),
    ] {
        rows.push(harmless(
            format!("since {rubbish:.40}"),
            with("If-Modified-Since", rubbish),
            &[200],
        ));
        rows.push(harmless(
            format!("unchanged since {rubbish:.40}"),
            with("If-Unmodified-Since", rubbish),
            &[200],
        ));
    }
    rows.push(unread(
        "since 1 MiB of brackets",
        with("If-Modified-Since", &"(".repeat(1 << 20)),
        &[200, 400, 431],
    ));
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn head_says_what_get_would() {
    let town = Town::start().await;
    let alice = &town.alice;
    let id = alice.file("a.txt", CONTENT).await;
    alice.file("a.txt", b"again").await;
    for target in [
        format!("/api/v1/files/{id}/content"),
        format!("/api/v1/files/{id}/content?inline=true"),
        format!("/api/v1/files/{id}/versions/1/content"),
        format!("/api/v1/files/{id}?download=true"),
        format!("/api/v1/files/{id}"),
        format!("/api/v1/nodes/{id}"),
        "/api/v1/files".to_owned(),
        "/api/v1/files/0/content".to_owned(),
        "/nowhere".to_owned(),
        "/health".to_owned(),
        "/".to_owned(),
    ] {
        let head = alice.send(Request::new("HEAD", &target)).await;
        let get = alice.get(&target).await;
        let kept = |reply: &crate::wire::Reply| {
            let mut headers = reply.headers.clone();
            headers.retain(|(name, _)| name != "date" && name != "x-request-id");
            headers.sort();
            headers
        };
        assert_eq!((head.status, kept(&head)), (get.status, kept(&get)), "{target}");
        assert_eq!(missing_protection(&head), Vec::<String>::new(), "{target}");
    }
}

#[tokio::test]
async fn a_private_file_stays_out_of_caches_and_tells_strangers_nothing() {
    let town = Town::start().await;
    let id = town.alice.file("a.txt", CONTENT).await;
    let target = format!("/api/v1/files/{id}/content");
    let reply = town
        .alice
        .send(Request::get(&target).header("Accept-Encoding", "gzip, br"))
        .await
        .expect(200);
    assert_eq!(reply.header("cache-control"), "private, no-cache");
    assert_eq!(reply.count("content-encoding"), 0);
    let vary = reply.header("vary").to_ascii_lowercase();
    assert!(
        vary.contains("authorization") && vary.contains("cookie"),
        "{vary}"
    );
    let tag = reply.header("etag").to_owned();
    let mut rows = Vec::new();
    for (name, value) in [
        ("If-None-Match", tag.as_str()),
        ("If-None-Match", "*"),
        ("If-Match", "\"x\""),
        ("Range", "bytes=99-"),
        ("If-Modified-Since", "Sun, 06 Nov 2094 08:49:37 GMT"),
    ] {
        for method in ["GET", "HEAD"] {
            rows.push(harmless(
                format!("{method} by a stranger, {name}: {value}"),
                Request::new(method, &target).header(name, value),
                &[404],
            ));
        }
        rows.push(harmless(
            format!("PUT by a stranger, {name}: {value}"),
            Request::put(&target, "x").header(name, value),
            &[404],
        ));
    }
    for (name, value) in [
        ("If-Match", tag.as_str()),
        ("If-None-Match", "*"),
        ("If-None-Match", tag.as_str()),
    ] {
        // Whatever a stranger is told, it is what he is told of a file that is not there.
        let delete = |id: &str| Request::new("DELETE", &format!("/api/v1/nodes/{id}")).header(name, value);
        let nowhere = town.bob.send(delete(&town.alice.id)).await;
        rows.push(harmless(
            format!("DELETE by a stranger, {name}: {value}"),
            delete(&id),
            &[nowhere.status],
        ));
        assert!(matches!(nowhere.status, 400 | 404), "{}", nowhere.text());
    }
    check(&town, signed(&town.bob, rows)).await;
}

#[tokio::test]
async fn a_reader_sees_one_version_while_it_is_overwritten() {
    let town = Town::start().await;
    let alice = &town.alice;
    let id = alice.file("a.bin", &vec![0; 300 << 10]).await;
    let target = format!("/api/v1/files/{id}/content");
    let writes = async {
        for i in 1..=20_u8 {
            alice
                .send(Request::put(&target, vec![i; 300 << 10]))
                .await
                .expect(200);
        }
    };
    let reads = async {
        for _ in 0..20 {
            let reply = alice
                .send(Request::get(&target).header("Range", "bytes=1000-299999"))
                .await
                .expect(206);
            assert_eq!(reply.body.len(), 299_000);
            assert!(
                reply.body.iter().all(|byte| *byte == reply.body[0]),
                "two versions in one reply"
            );
        }
    };
    tokio::join!(writes, reads);
}
