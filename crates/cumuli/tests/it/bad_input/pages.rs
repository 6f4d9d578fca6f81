//! Pages, cursors and searches that do not fit, and many who want one name.

use serde_json::json;

use super::{Row, check, harmless, segment, signed};
use crate::people::Town;
use crate::wire::Request;

#[tokio::test]
async fn pages_are_of_one_to_a_thousand() {
    let town = Town::start().await;
    let alice = &town.alice;
    let file = alice.file("a.txt", b"a").await;
    let lists = [
        "/api/v1/folders/root/children".to_owned(),
        "/api/v1/files".to_owned(),
        "/api/v1/recent".to_owned(),
        "/api/v1/starred".to_owned(),
        "/api/v1/trash".to_owned(),
        "/api/v1/search".to_owned(),
        "/api/v1/changes".to_owned(),
        "/api/v1/jobs".to_owned(),
        format!("/api/v1/files/{file}/versions"),
    ];
    let mut rows = Vec::new();
    for list in &lists {
        for limit in [
            "0",
            "-1",
            "abc",
            "1e9",
            "1.5",
            "",
            "99999999999",
            "0x10",
            "%00",
            "1&limit=2",
        ] {
            let target = format!("{list}?limit={limit}");
            rows.push(harmless(&target, Request::get(&target), &[400]));
        }
        // More than a page may hold is cut to what it may.
        for limit in ["1000", "1001", "4294967295"] {
            let target = format!("{list}?limit={limit}");
            rows.push(harmless(&target, Request::get(&target), &[200]));
        }
        // Parameters that are not known are left aside: other programs add their own.
        let target = format!("{list}?limit=5&utm_source=mail&_=1");
        rows.push(harmless(&target, Request::get(&target), &[200]));
    }
    for offset in ["-1", "abc", "100001", "4294967296", "1.0"] {
        let target = format!("/api/v1/files?offset={offset}");
        rows.push(harmless(&target, Request::get(&target), &[400]));
    }
    for (name, value) in [
        ("sort", "password_hash"),
        ("sort", "name;drop%20table%20nodes"),
        ("sort", "Name"),
        ("sort", ""),
        ("order", "up"),
        ("order", "asc;"),
        ("kind", "link"),
    ] {
        let target = format!("/api/v1/folders/root/children?{name}={value}");
        rows.push(harmless(&target, Request::get(&target), &[400]));
    }
    for (name, value) in [
        ("kind", "x"),
        ("min_size", "-1"),
        ("max_size", "1e3"),
        ("min_size", "18446744073709551616"),
    ] {
        let target = format!("/api/v1/search?{name}={value}");
        rows.push(harmless(&target, Request::get(&target), &[400]));
    }
    for (name, value) in [
        ("type", "../x"),
        ("type", "image/%25"),
        ("modified_after", "yesterday"),
        ("modified_before", "2026-13-01T00:00:00Z"),
        ("modified_after", "99999-01-01T00:00:00Z"),
    ] {
        let target = format!("/api/v1/search?{name}={value}");
        rows.push(harmless(&target, Request::get(&target), &[400, 422]));
    }
    for target in [
        "/api/v1/search?min_size=18446744073709551615",
        "/api/v1/search?max_size=18446744073709551615",
        "/api/v1/search?min_size=5&max_size=1",
    ] {
        rows.push(harmless(target, Request::get(target), &[200]));
    }
    rows.push(harmless(
        "jobs in no state",
        Request::get("/api/v1/jobs?status=lost"),
        &[400],
    ));
    rows.push(harmless(
        "everybody's jobs",
        Request::get("/api/v1/jobs?all=true"),
        &[403],
    ));
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn a_cursor_opens_its_own_list_only() {
    let town = Town::start().await;
    let alice = &town.alice;
    let mut files = Vec::new();
    for i in 0..3 {
        files.push(alice.file(&format!("a{i}.txt"), b"a").await);
        let gone = alice.file(&format!("gone{i}.txt"), b"g").await;
        alice
            .send(Request::new("DELETE", &format!("/api/v1/nodes/{gone}")))
            .await
            .expect(204);
        alice
            .send(Request::new("PUT", &format!("/api/v1/nodes/{}/star", files[i])))
            .await
            .expect(204);
        alice.file("a0.txt", format!("version {i}").as_bytes()).await;
        let form = Request::new("POST", "/api/v1/upload")
            .header("Content-Type", "multipart/form-data; boundary=x")
            .body(format!("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"u{i}\"\r\n\r\nx\r\n--x--\r\n"));
        alice.send(form).await.expect(201);
    }
    let lists = [
        "/api/v1/folders/root/children?".to_owned(),
        "/api/v1/folders/root/children?sort=size&".to_owned(),
        "/api/v1/folders/root/children?order=desc&".to_owned(),
        "/api/v1/folders/root/children?kind=file&".to_owned(),
        "/api/v1/files?".to_owned(),
        "/api/v1/starred?".to_owned(),
        "/api/v1/trash?".to_owned(),
        "/api/v1/search?q=a&".to_owned(),
        "/api/v1/search?q=a0&".to_owned(),
        "/api/v1/changes?".to_owned(),
        "/api/v1/jobs?".to_owned(),
        format!("/api/v1/files/{}/versions?", files[0]),
    ];
    let mut cursors = Vec::new();
    for list in &lists {
        let page = alice.get(&format!("{list}limit=1")).await.expect(200).json();
        cursors.push(page["next_cursor"].as_str().map(str::to_owned));
    }
    assert!(
        cursors.iter().filter(|cursor| cursor.is_some()).count() >= lists.len() - 1,
        "{cursors:?}"
    );
    let mut rows: Vec<Row> = Vec::new();
    for (i, list) in lists.iter().enumerate() {
        let Some(own) = &cursors[i] else { continue };
        let with = |cursor: &str| Request::get(&format!("{list}cursor={cursor}"));
        let flipped = if own.ends_with('A') { "B" } else { "A" };
        rows.extend([
            harmless(format!("{list} with its own"), with(own), &[200]),
            harmless(
                format!("{list} with its last letter changed"),
                with(&format!("{}{flipped}", &own[..own.len() - 1])),
                &[400],
            ),
            harmless(
                format!("{list} with half of it"),
                with(&own[..own.len() / 2]),
                &[400],
            ),
            harmless(format!("{list} with none"), with(""), &[400]),
            harmless(format!("{list} with a number"), with("2"), &[400]),
            harmless(
                format!("{list} with 5,000 letters"),
                with(&"A".repeat(5000)),
                &[400],
            ),
            harmless(format!("{list} with padding"), with(&format!("{own}=")), &[400]),
        ]);
        for (j, other) in cursors.iter().enumerate().filter(|(j, _)| *j != i) {
            let Some(other) = other else { continue };
            rows.push(harmless(
                format!("{list} with that of {}", lists[j]),
                with(other),
                &[400],
            ));
        }
    }
    let mut all = signed(alice, rows);
    for (list, cursor) in lists
        .iter()
        .zip(&cursors)
        .filter(|(list, _)| !list.contains("/versions"))
    {
        let Some(cursor) = cursor else { continue };
        let request = Request::get(&format!("{list}cursor={cursor}")).bearer(&town.bob.access);
        all.push(harmless(format!("{list} with another person's"), request, &[400]));
    }
    for cursor in ["", "zzz", "admin@example.org", "'%20OR%201=1--"] {
        let request =
            Request::get(&format!("/api/v1/admin/users?cursor={cursor}")).bearer(&town.admin.access);
        all.push(harmless(format!("accounts after {cursor:?}"), request, &[400]));
    }
    check(&town, all).await;
}

#[tokio::test]
async fn a_search_takes_every_sign_for_itself() {
    let town = Town::start().await;
    let alice = &town.alice;
    town.bob.file("the-only-secret.txt", b"s").await;
    let names = [
        "100% sure",
        "a_b",
        "axb",
        "a*b",
        "say \"hi\"",
        "it's' OR 1=1--",
        "(a+)+$",
        "AND OR NOT NEAR",
        "x^2",
        "a:b",
        "-minus",
        "\u{e9}t\u{e9}",
    ];
    for name in names {
        alice.file(&segment(name), b"x").await;
    }
    let found = async |text: &str| -> Vec<String> {
        let page = alice
            .get(&format!("/api/v1/search?q={}", segment(text)))
            .await
            .expect(200)
            .json();
        let mut names: Vec<String> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    for (text, hits) in [
        ("%", vec!["100% sure"]),
        ("_", vec!["a_b"]),
        ("a_b", vec!["a_b"]),
        ("\\", vec![]),
        ("\"", vec!["say \"hi\""]),
        ("*", vec!["a*b"]),
        ("a*", vec!["a*b"]),
        ("' OR 1=1--", vec!["it's' OR 1=1--"]),
        ("(a+)+$", vec!["(a+)+$"]),
        ("AND OR", vec!["AND OR NOT NEAR"]),
        ("NEAR", vec!["AND OR NOT NEAR"]),
        ("^", vec!["x^2"]),
        ("name:a", vec![]),
        ("-minus", vec!["-minus"]),
        ("E\u{301}T", vec!["\u{e9}t\u{e9}"]),
        ("secret", vec![]),
        ("the-only-secret.txt", vec![]),
    ] {
        assert_eq!(found(text).await, hits, "{text:?}");
    }
    let rows = vec![
        harmless(
            "10 KiB to look for",
            Request::get(&format!("/api/v1/search?q={}", "a".repeat(8000))),
            &[422],
        ),
        super::unread(
            "more than an address may hold",
            Request::get(&format!("/api/v1/search?q={}", "a".repeat(10 << 10))),
            &[414],
        ),
        harmless(
            "a pattern that never ends",
            Request::get(&format!("/api/v1/search?q={}", segment(&"(a+)+".repeat(50)))),
            &[200],
        ),
    ];
    check(&town, signed(alice, rows)).await;
}

#[tokio::test]
async fn of_fifty_renames_to_one_name_one_is_done() {
    let town = Town::start().await;
    let alice = &town.alice;
    let mut requests = Vec::new();
    for i in 0..50 {
        let id = alice.file(&format!("{i}"), b"x").await;
        requests.push(Request::new("PATCH", &format!("/api/v1/nodes/{id}")).json(&json!({"name": "one"})));
    }

    let replies =
        futures_util::future::join_all(requests.into_iter().map(|request| alice.send(request))).await;

    let count = |status: u16| replies.iter().filter(|reply| reply.status == status).count();
    assert_eq!((count(200), count(409)), (1, 49));
    let page = alice.get("/api/v1/search?q=one").await.expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}
