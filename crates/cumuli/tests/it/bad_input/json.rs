//! Bodies that are no JSON, or JSON of another shape, and odd ways of sending them.

use serde_json::{Value, json};

use super::{Row, check, done, harmless, signed};
use crate::people::Town;
use crate::wire::{Ending, Request};

const FOLDERS: &str = "/api/v1/folders";

fn post(body: impl Into<Vec<u8>>) -> Request {
    Request::new("POST", FOLDERS).text_json(body)
}

#[tokio::test]
async fn bad_bodies_are_refused_and_change_nothing() {
    let town = Town::start().await;
    what_is_no_object_is_refused_everywhere(&town).await;
    broken_json_is_refused(&town).await;
    values_are_what_they_are_or_refused(&town).await;
    what_only_the_server_writes_cannot_be_written(&town).await;
    a_nul_is_refused_wherever_text_goes(&town).await;
    json_says_that_it_is_json(&town).await;
    a_body_beyond_its_limit_is_refused_before_it_is_read(&town).await;
    methods_are_what_they_are(&town).await;
}

async fn what_is_no_object_is_refused_everywhere(town: &Town) {
    let file = town.alice.file("a.txt", b"a").await;
    let trashed = town.alice.file("gone.txt", b"g").await;
    town.alice
        .send(Request::new("DELETE", &format!("/api/v1/nodes/{trashed}")))
        .await
        .expect(204);
    let doors = [
        ("POST", "/auth/register".to_owned()),
        ("POST", "/auth/login".to_owned()),
        ("POST", "/auth/session".to_owned()),
        ("POST", "/auth/refresh".to_owned()),
        ("POST", "/auth/password".to_owned()),
        ("PATCH", "/api/v1/me".to_owned()),
        ("POST", "/api/v1/app-passwords".to_owned()),
        ("POST", FOLDERS.to_owned()),
        ("PATCH", format!("/api/v1/nodes/{file}")),
        ("POST", format!("/api/v1/nodes/{file}/copy")),
        ("POST", format!("/api/v1/trash/{trashed}/restore")),
        ("POST", format!("/api/v1/conflicts/{file}/resolve")),
    ];
    let mut rows = Vec::new();
    for (method, target) in &doors {
        for body in ["null", "[]", "[null]", "[\"a\",\"b\"]", "\"x\"", "1", "true"] {
            let request = Request::new(method, target).text_json(body);
            rows.push(harmless(
                format!("{body} for {method} {target}"),
                request,
                &[400, 422],
            ));
        }
        for (name, body) in [("half an object", "{"), ("no JSON", "name=x"), ("blanks", "  \n")] {
            let request = Request::new(method, target).text_json(body);
            rows.push(harmless(format!("{name} for {method} {target}"), request, &[400]));
        }
    }
    let admin = &town.admin;
    let mut all = signed(&town.alice, rows);
    let users = format!("/api/v1/admin/users/{}", town.bob.id);
    for body in ["null", "[]", "[\"admin\"]", "1"] {
        let change = Request::new("PATCH", &users)
            .text_json(body)
            .bearer(&admin.access);
        all.push(harmless(format!("{body} for an account"), change, &[400, 422]));
        let create = Request::new("POST", "/api/v1/admin/users")
            .text_json(body)
            .bearer(&admin.access);
        all.push(harmless(format!("{body} for a new account"), create, &[400, 422]));
    }
    check(town, all).await;
}

async fn broken_json_is_refused(town: &Town) {
    let utf16: Vec<u8> = "{\"name\":\"a\"}"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let deep = 10_000;
    let mut rows = Vec::new();
    for (name, body) in [
        ("nothing", String::new()),
        ("half of it", "{\"name\":\"a\"".into()),
        ("something after it", "{\"name\":\"a\"} x".into()),
        ("two of it", "{\"name\":\"a\"}{\"name\":\"b\"}".into()),
        ("a byte order mark before it", "\u{feff}{\"name\":\"a\"}".into()),
        ("a key twice", "{\"name\":\"a\",\"name\":\"b\"}".into()),
        ("a comment", "{\"name\":\"a\" /* x */}".into()),
        ("single quotes", "{'name':'a'}".into()),
        ("a comma too many", "{\"name\":\"a\",}".into()),
        ("half a pair of surrogates", "{\"name\":\"\\ud800\"}".into()),
        ("the wrong half of one", "{\"name\":\"\\udc00x\"}".into()),
        ("not a number", "{\"name\":NaN}".into()),
    ] {
        rows.push(harmless(name, post(body), &[400]));
    }
    rows.push(harmless("UTF-16", post(utf16), &[400]));
    for (name, bytes) in [
        ("bytes that are no UTF-8", &b"{\"name\":\"\xff\xfe\"}"[..]),
        ("an overlong slash", b"{\"name\":\"\xc0\xaf\"}"),
        ("a surrogate in UTF-8", b"{\"name\":\"\xed\xa0\x80\"}"),
    ] {
        rows.push(harmless(name, post(bytes), &[400]));
    }
    // The shape is wrong before the depth is: either is told.
    for (name, open, close) in [("lists", "[", "]"), ("objects", "{\"name\":", "}")] {
        let nested = format!("{}1{}", open.repeat(deep), close.repeat(deep));
        rows.push(harmless(
            format!("{name} 10,000 deep"),
            post(nested.clone()),
            &[400, 422],
        ));
        let inside = format!("{{\"name\":{nested}}}");
        rows.push(harmless(
            format!("{name} 10,000 deep for a name"),
            post(inside),
            &[400, 422],
        ));
    }
    check(town, signed(&town.alice, rows)).await;
}

async fn values_are_what_they_are_or_refused(town: &Town) {
    let target = format!("/api/v1/admin/users/{}", town.bob.id);
    let change = |body: &str| Request::new("PATCH", &target).text_json(body);
    let mut rows: Vec<Row> = Vec::new();
    for number in [
        "1e309",
        "-0",
        "-1",
        "1.5",
        "1e3",
        "NaN",
        "Infinity",
        "9223372036854775808",
        "18446744073709551616",
        "0x10",
        "\"5\"",
        "true",
        "[5]",
    ] {
        rows.push(harmless(
            format!("a quota of {number}"),
            change(&format!("{{\"quota_bytes\":{number}}}")),
            &[400, 422],
        ));
    }
    for word in ["\"true\"", "1", "0", "\"\""] {
        rows.push(harmless(
            format!("disabled: {word}"),
            change(&format!("{{\"disabled\":{word}}}")),
            &[422],
        ));
    }
    for role in [
        "\"root\"",
        "\"Admin\"",
        "\"ADMIN\"",
        "1",
        "[\"admin\"]",
        "{\"admin\":null}",
        "\"admin\\u0000\"",
    ] {
        rows.push(harmless(
            format!("a role of {role}"),
            change(&format!("{{\"role\":{role}}}")),
            &[422],
        ));
    }
    rows.extend([
        harmless(
            "two roles",
            change("{\"role\":\"user\",\"role\":\"admin\"}"),
            &[400],
        ),
        harmless(
            "what an account does not have",
            change("{\"is_admin\":true}"),
            &[422],
        ),
        harmless("what only the server knows", change("{\"used_bytes\":0}"), &[422]),
    ]);
    check(town, signed(&town.admin, rows)).await;

    let exact = 9_007_199_254_740_993_u64;
    let reply = town
        .admin
        .send(change(&json!({"quota_bytes": exact}).to_string()))
        .await
        .expect(200);
    assert_eq!(reply.json()["quota_bytes"], json!(exact));
}

async fn what_only_the_server_writes_cannot_be_written(town: &Town) {
    let alice = &town.alice;
    let file = alice.file("a.txt", b"a").await;
    let mut rows = Vec::new();
    for (field, value) in [
        ("owner_id", json!(town.bob.id)),
        ("space_id", json!(town.bob.root)),
        ("is_admin", json!(true)),
        ("size", json!(0)),
        ("sha256", json!("00")),
        ("storage_key", json!("../x")),
        ("quota", json!(1)),
        ("version", json!(9)),
        ("etag", json!("x")),
        ("created_at", json!("2000-01-01T00:00:00Z")),
        ("trashed_at", Value::Null),
        ("id", json!(town.bob.root)),
    ] {
        let body = json!({"name": "b.txt", field: value});
        let patch = Request::new("PATCH", &format!("/api/v1/nodes/{file}")).json(&body);
        rows.push(harmless(format!("{field} of a node"), patch, &[422]));
        rows.push(harmless(
            format!("{field} of a folder"),
            Request::post(FOLDERS, &body),
            &[422],
        ));
    }
    for (field, value) in [
        ("role", json!("admin")),
        ("email", json!("eve@example.org")),
        ("quota_bytes", json!(null)),
        ("used_bytes", json!(0)),
        ("user_id", json!(town.bob.id)),
    ] {
        let body = json!({"full_name": "Eve", field: value});
        rows.push(harmless(
            format!("{field} of oneself"),
            Request::new("PATCH", "/api/v1/me").json(&body),
            &[422],
        ));
    }
    check(town, signed(alice, rows)).await;
}

async fn a_nul_is_refused_wherever_text_goes(town: &Town) {
    let alice = &town.alice;
    let file = alice.file("a.txt", b"a").await;
    let nul = "a\0b";
    let mut rows = vec![
        harmless(
            "the name of a folder",
            Request::post(FOLDERS, &json!({"name": nul})),
            &[422],
        ),
        harmless(
            "a path of folders",
            Request::post(FOLDERS, &json!({"path": "a/b\0"})),
            &[422],
        ),
        harmless(
            "the folder of a folder",
            Request::post(FOLDERS, &json!({"name": "a", "parent_id": nul})),
            &[422],
        ),
        harmless(
            "a new name",
            Request::new("PATCH", &format!("/api/v1/nodes/{file}")).json(&json!({"name": nul})),
            &[422],
        ),
        harmless(
            "a person's name",
            Request::new("PATCH", "/api/v1/me").json(&json!({"full_name": nul})),
            &[422],
        ),
        harmless(
            "the label of an app password",
            Request::post("/api/v1/app-passwords", &json!({"label": nul})),
            &[422],
        ),
        harmless(
            "notes on a conflict",
            Request::post(
                "/api/v1/conflicts/x/resolve",
                &json!({"policy": "manual", "notes": nul}),
            ),
            &[404, 422],
        ),
    ];
    for target in [
        "/api/v1/search?q=a%00b",
        "/api/v1/search?type=%00",
        "/api/v1/search?folder=%00",
        "/api/v1/search?modified_after=%00",
        "/api/v1/resolve?path=/a%00b",
        "/api/v1/folders/root/children?cursor=%00",
        "/api/v1/files?cursor=%00",
        "/api/v1/changes?cursor=%00",
        "/api/v1/events?cursor=%00",
        "/api/v1/jobs?status=%00",
        "/api/v1/nodes/%00",
        "/api/v1/conflicts/%00",
        "/auth/google/status/%00",
        "/assets/%00",
        "/docs/%00",
    ] {
        rows.push(harmless(target, Request::get(target), &[400, 404, 422]));
    }
    let mut all = signed(alice, rows);
    let list = Request::get("/api/v1/admin/users?cursor=a%00").bearer(&town.admin.access);
    all.push(harmless("the list of accounts", list, &[400, 422]));
    check(town, all).await;
}

async fn json_says_that_it_is_json(town: &Town) {
    let body = || Request::new("POST", FOLDERS).body("{\"name\":\"a\"}");
    let typed = |kind: &str| body().header("Content-Type", kind);
    let mut rows = vec![harmless("no type", body(), &[415])];
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-7",
        "application/json; charset=utf-16",
        "application/jsonp",
        "text/json",
        "application/xml",
        "application/json, text/plain",
        "",
    ] {
        rows.push(harmless(kind, typed(kind), &[415]));
    }
    rows.extend([
        harmless(
            "two types",
            typed("application/json").header("Content-Type", "text/plain"),
            &[415],
        ),
        harmless(
            "packed with gzip",
            typed("application/json").header("Content-Encoding", "gzip"),
            &[415],
        ),
        harmless(
            "packed twice",
            typed("application/json").header("Content-Encoding", "gzip, br"),
            &[415],
        ),
        harmless(
            "a packed file",
            Request::put("/api/v1/folders/root/files/a", "x").header("Content-Encoding", "gzip"),
            &[415],
        ),
        done("with its charset", typed("application/json; charset=UTF-8"), 201),
    ]);
    check(town, signed(&town.alice, rows)).await;
}

async fn a_body_beyond_its_limit_is_refused_before_it_is_read(town: &Town) {
    let over = format!("{{\"name\":\"{}\"}}", "a".repeat(1 << 20));
    let declared = |length: &str| {
        Request::new("POST", FOLDERS)
            .header("Content-Type", "application/json")
            .header("Content-Length", length)
    };
    let chunk = format!("{:x}\r\n{over}\r\n0\r\n\r\n", over.len());
    let chunked = Request::new("POST", FOLDERS)
        .header("Content-Type", "application/json")
        .header("Transfer-Encoding", "chunked")
        .body(chunk);
    let rows = vec![
        harmless("1 MiB and a little", post(over.clone()), &[413]),
        harmless("the same in chunks", chunked, &[413]),
        harmless("2 GiB announced and none sent", declared("2147483648"), &[413]),
        harmless(
            "a body that ends early",
            declared("100").body("{\"name\":\"a\"}").ending(Ending::HalfClose),
            &[400],
        ),
    ];
    check(town, signed(&town.alice, rows)).await;
}

async fn methods_are_what_they_are(town: &Town) {
    let file = town.alice.file("a.txt", b"a").await;
    let node = format!("/api/v1/nodes/{file}");
    let mut rows = vec![
        harmless(
            "a method in a header",
            Request::get(&node).header("X-HTTP-Method-Override", "DELETE"),
            &[200],
        ),
        harmless(
            "a method in another header",
            Request::get(&node).header("X-HTTP-Method", "DELETE"),
            &[200],
        ),
        harmless(
            "a method in the address",
            Request::get(&format!("{node}?_method=DELETE")),
            &[200],
        ),
        harmless(
            "GET with a body",
            Request::get("/api/v1/files").text_json("{\"limit\":1}"),
            &[200, 400],
        ),
    ];
    for method in [
        "TRACE", "FOO", "PATCH", "PUT", "POST", "DELETE", "PROPFIND", "get",
    ] {
        rows.push(harmless(
            method,
            Request::new(method, "/api/v1/files"),
            &[405, 501],
        ));
    }
    rows.push(harmless(
        "CONNECT",
        Request::new("CONNECT", "example.org:443"),
        &[400, 404, 405, 501],
    ));
    check(town, signed(&town.alice, rows)).await;
}
