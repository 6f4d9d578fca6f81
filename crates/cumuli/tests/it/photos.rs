//! Profiles and photos over HTTP: who sees them, what is refused, and what that costs.

use serde_json::{Value, json};

use crate::bad_input::{Row, check, harmless, missing_protection, signed};
use crate::harness::Engine;
use crate::matrix::DOT;
use crate::people::{Person, Town};
use crate::wire::{Reply, Request};

const PHOTO: &str = "/api/v1/me/photo";
/// What refusing pictures may add to the most memory that the server ever used.
const MOST_KIB: u64 = 64 * 1024;

fn put(file: impl Into<Vec<u8>>) -> Request {
    Request::put(PHOTO, file)
}

fn profile(id: &str) -> String {
    format!("/api/v1/users/{id}")
}

fn photo_of(id: &str) -> String {
    format!("/api/v1/users/{id}/photo")
}

/// A form of these parts: name, file name, content.
fn form(parts: &[(&str, &[u8])]) -> Request {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head =
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"a.svg\"\r\n\r\n");
        body.extend([head.as_bytes(), content, b"\r\n"].concat());
    }
    body.extend_from_slice(b"--x--\r\n");
    Request::new("POST", PHOTO)
        .header("Content-Type", "multipart/form-data; boundary=x")
        .body(body)
}

#[track_caller]
fn assert_is_photo(reply: &Reply) {
    assert_eq!(reply.header("content-type"), "image/jpeg");
    assert!(reply.body.starts_with(&[0xff, 0xd8]), "{}", reply.text());
    assert_eq!(missing_protection(reply), Vec::<String>::new());
    assert!(reply.header("content-security-policy").starts_with("sandbox"));
    assert_eq!(
        reply.header("cache-control"),
        "private, max-age=60, must-revalidate"
    );
}

#[tokio::test]
async fn a_photo_goes_in_by_body_or_form_and_comes_out_in_three_sizes() {
    let town = Town::start().await;
    let alice = &town.alice;
    let without = alice.get("/api/v1/me").await.expect(200).json();
    assert_eq!(
        (&without["has_photo"], &without["photo_url"]),
        (&json!(false), &Value::Null)
    );
    alice.get(PHOTO).await.expect(404);

    for request in [
        put(DOT).header("Content-Type", "text/html"),
        form(&[("file", DOT)]),
    ] {
        let me = alice.send(request).await.expect(200).json();
        assert_eq!(me["photo_url"], json!(photo_of(&alice.id)));
        let mut lengths = Vec::new();
        for size in ["?size=64", "", "?size=512"] {
            let own = alice.get(&format!("{PHOTO}{size}")).await.expect(200);
            assert_is_photo(&own);
            let url = format!("{}{size}", me["photo_url"].as_str().unwrap());
            assert_eq!(alice.get(&url).await.expect(200).body, own.body);
            lengths.push(own.body.len());
        }
        assert!(lengths.is_sorted_by(|one, next| one < next), "{lengths:?}");
    }
    for size in ["?size=", "?size=65", "?size=-64", "?size=64px", "?size=1e2"] {
        alice.get(&format!("{PHOTO}{size}")).await.expect(400);
    }

    alice.send(Request::new("DELETE", PHOTO)).await.expect(204);
    alice.send(Request::new("DELETE", PHOTO)).await.expect(204);
    alice.get(PHOTO).await.expect(404);
    alice.get(&photo_of(&alice.id)).await.expect(404);
}

#[tokio::test]
async fn who_has_the_photo_is_told_so() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    alice.send(put(DOT)).await.expect(200);
    let etag = alice.get(PHOTO).await.expect(200).header("etag").to_owned();

    let again = Request::get(PHOTO).header("If-None-Match", etag.clone());
    let reply = alice.send(again).await.expect(304);
    assert_eq!((reply.header("etag"), reply.body.len()), (etag.as_str(), 0));
    assert_eq!(missing_protection(&reply), Vec::<String>::new());
    let other_size = Request::get(&format!("{PHOTO}?size=64")).header("If-None-Match", etag);
    alice.send(other_size).await.expect(200);
    let other = Request::get(PHOTO).header("If-Match", "\"x\"");
    alice.send(other).await.expect(412);
}

/// What a stranger is told: status and body, and which headers.
async fn told(who: &Person, target: &str) -> (u16, String, Vec<String>) {
    let reply = who.get(target).await;
    let mut names: Vec<String> = reply.headers.iter().map(|(name, _)| name.clone()).collect();
    names.sort();
    (reply.status, reply.text(), names)
}

#[tokio::test]
async fn a_stranger_cannot_tell_who_is_there() {
    let town = Town::start().await;
    let (alice, bob) = (&town.alice, &town.bob);
    alice.send(put(DOT)).await.expect(200);
    let nobody = "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f";

    for target in [profile, photo_of] {
        let of_nobody = told(bob, &target(nobody)).await;
        assert_eq!(of_nobody.0, 404);
        assert_eq!(told(bob, &target(&alice.id)).await, of_nobody);
        assert_eq!(told(bob, &target(&town.admin.id)).await, of_nobody);
    }
    for file in ["photo.png", "photo.png.exe", "photo/x", "photo/..%2f..%2fme"] {
        let target = format!("{}/{file}", profile(&alice.id));
        alice.get(&target).await.expect(404);
    }
    for id in ["me", "x", "..", "%00", &alice.id.to_uppercase()] {
        alice.get(&profile(id)).await.expect(404);
    }
    town.admin.get(&photo_of(&alice.id)).await.expect(200);
    let seen = town.admin.get(&profile(&alice.id)).await.expect(200).json();
    assert_eq!(seen["email"], json!(alice.email));
}

#[tokio::test]
async fn a_share_shows_two_people_to_each_other_until_it_is_taken_back() {
    let town = Town::start().await;
    let (alice, bob) = (&town.alice, &town.bob);
    alice.send(put(DOT)).await.expect(200);
    let folder = alice.folder("shared").await;
    let body = json!({"node_id": folder, "user_id": bob.id, "right": "view"});
    let share = alice
        .send(Request::post("/api/v1/shares", &body))
        .await
        .expect(201);

    let seen = bob.get(&profile(&alice.id)).await.expect(200).json();
    let expected = json!({"user_id": alice.id, "full_name": "Somebody", "email": alice.email,
        "has_photo": true, "photo_url": photo_of(&alice.id)});
    assert_eq!(seen, expected);
    assert_is_photo(&bob.get(&photo_of(&alice.id)).await.expect(200));
    let seen = alice.get(&profile(&bob.id)).await.expect(200).json();
    assert_eq!(
        (&seen["has_photo"], &seen["photo_url"]),
        (&json!(false), &Value::Null)
    );

    let revoke = format!("/api/v1/shares/{}", share.field("id"));
    alice.send(Request::new("DELETE", &revoke)).await.expect(204);
    for (who, whose) in [(bob, alice), (alice, bob)] {
        who.get(&profile(&whose.id)).await.expect(404);
        who.get(&photo_of(&whose.id)).await.expect(404);
    }
}

#[tokio::test]
async fn a_person_says_which_language_they_read() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let patch = |body: Value| alice.send(Request::new("PATCH", "/api/v1/me").json(&body));

    let me = patch(json!({"locale": "pt-BR"})).await.expect(200).json();
    assert_eq!(
        (&me["locale"], &me["full_name"]),
        (&json!("pt-BR"), &json!("Somebody"))
    );
    patch(json!({"locale": "pt_BR"})).await.expect(422);
    patch(json!({"locale": 7})).await.expect(422);
    let me = patch(json!({"full_name": "Alice"})).await.expect(200).json();
    assert_eq!(
        (&me["locale"], &me["full_name"]),
        (&json!("pt-BR"), &json!("Alice"))
    );
    let me = patch(json!({"locale": null})).await.expect(200).json();
    assert_eq!(me["locale"], Value::Null);
}

/// A PNG that says how large it is, and hardly more.
fn png_sized(width: u32, height: u32) -> Vec<u8> {
    let head = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 6, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", &head[..]), (b"IDAT", &[0; 9]), (b"IEND", &[])] {
        file.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
        file.extend_from_slice(&[kind, data, &[0; 4]].concat());
    }
    file
}

/// A GIF in which the dot comes again and again.
fn gif_of(frame_count: usize) -> Vec<u8> {
    let (head, rest) = DOT.split_at(19);
    let frame = &rest[..rest.len() - 1];
    [head, &frame.repeat(frame_count), b";"].concat()
}

/// A progressive JPEG of that size with that many scans.
fn jpeg_of(size: [u8; 4], scan_count: usize) -> Vec<u8> {
    let head = [&[0xff, 0xd8, 0xff, 0xc2, 0, 11, 8][..], &size, &[1, 1, 0x11, 0]].concat();
    let scan = [0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0, 0x55];
    [&head[..], &scan.repeat(scan_count), &[0xff, 0xd9]].concat()
}

fn bad_pictures() -> Vec<Row> {
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    let refused = |name: &str, file: Vec<u8>, status| harmless(name, put(file), &[status]);
    let mut rows = vec![
        refused("a huge PNG", png_sized(65_535, 65_535), 422),
        refused("a gigapixel", png_sized(40_000, 25_000), 422),
        refused("an edge of 60,000", png_sized(60_000, 1), 422),
        refused("a huge JPEG", jpeg_of([0xff; 4], 1), 422),
        refused("10,000 scans", jpeg_of([0, 64, 0, 64], 10_000), 422),
        refused("10,000 frames", gif_of(10_000), 422),
        refused("a dot cut short", DOT[..DOT.len() - 3].to_vec(), 422),
        refused("a head and nothing", DOT[..13].to_vec(), 422),
        refused("nothing", Vec::new(), 422),
        refused("SVG", svg.into(), 415),
        refused("a text", b"not a picture".to_vec(), 415),
        refused("BMP", b"BM\0\0\0\0".to_vec(), 415),
        refused("PDF", b"%PDF-1.4".to_vec(), 415),
        refused("HEIC", b"\0\0\0\x18ftypheic".to_vec(), 415),
        refused("TIFF", b"II*\0".to_vec(), 415),
        refused("ICO", b"\0\0\x01\0".to_vec(), 415),
        refused("11 MiB", vec![0; 11 << 20], 413),
        harmless(
            "a text that says it is PNG",
            put("PNG").header("Content-Type", "image/png"),
            &[415],
        ),
        harmless("SVG in a form", form(&[("file", svg.as_bytes())]), &[415]),
        harmless("11 MiB in a form", form(&[("file", &vec![0; 11 << 20])]), &[413]),
        harmless("no part", form(&[]), &[422]),
        harmless("another part", form(&[("photo", DOT)]), &[422]),
        harmless("two photos", form(&[("file", DOT), ("file", DOT)]), &[422]),
        harmless("a part behind it", form(&[("file", DOT), ("path", b"x")]), &[422]),
        harmless("no form", Request::new("POST", PHOTO).body(DOT), &[415]),
        harmless(
            "a packed body",
            put(DOT).header("Content-Encoding", "gzip"),
            &[415],
        ),
        harmless(
            "a part of it",
            put(DOT).header("Content-Range", "bytes 0-9/99"),
            &[400],
        ),
    ];
    let wrong_digest = put(DOT).header("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==");
    rows.push(harmless("another digest", wrong_digest, &[422]));
    rows
}

/// The most memory that the process used so far, KiB.
fn peak_kib(town: &Town) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", town.server.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn what_cannot_be_a_photo_is_refused_clearly_and_cheaply() {
    let town = Town::start().await;
    let alice = &town.alice;
    alice.send(put(DOT)).await.expect(200);
    let before = alice.get(PHOTO).await.expect(200).body;
    let before_kib = peak_kib(&town);

    check(&town, signed(alice, bad_pictures())).await;

    assert_eq!(alice.get(PHOTO).await.expect(200).body, before);
    let grown_kib = peak_kib(&town) - before_kib;
    assert!(grown_kib < MOST_KIB, "from {before_kib} KiB by {grown_kib} KiB");
    let reply = alice.send(put("<svg/>")).await.expect(415).json();
    assert_eq!(
        reply["detail"],
        "SVG is not taken: send a JPEG, PNG, GIF or WebP picture."
    );
}
