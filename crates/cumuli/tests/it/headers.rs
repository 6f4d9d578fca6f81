//! Headers that protect: on every kind of reply, for every kind of caller.

mod origins;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::bad_input::missing_protection;
use crate::harness::{Engine, Server};
use crate::people::Town;
use crate::wire::{self, Reply, Request};

/// Which policy a reply has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    /// Our own page: what this server serves, no inline script, no frame.
    Page,
    /// The two pages of the API's document, which style elements.
    Docs,
    /// What people stored: nothing at all.
    Sandbox,
}

#[track_caller]
fn check(what: &str, reply: &Reply, policy: Policy, caching: &str) {
    assert_eq!(missing_protection(reply), Vec::<String>::new(), "{what}");
    let held = reply.header("content-security-policy");
    let has = |directive: &str| held.split("; ").any(|own| own == directive);
    assert!(
        !held.contains("unsafe-eval") && !held.contains("http:") && !held.contains('*'),
        "{what}: {held}"
    );
    match policy {
        Policy::Page => {
            assert!(
                has("script-src 'self'") && has("style-src 'self'"),
                "{what}: {held}"
            );
            assert!(
                has("base-uri 'none'") && has("frame-ancestors 'none'"),
                "{what}: {held}"
            );
            assert!(
                has("form-action 'self'") && has("connect-src 'self'"),
                "{what}: {held}"
            );
            assert!(has("require-trusted-types-for 'script'"), "{what}: {held}");
        }
        Policy::Docs => {
            assert!(
                has("script-src 'self'") && has("base-uri 'none'"),
                "{what}: {held}"
            );
            assert!(has("frame-ancestors 'none'"), "{what}: {held}");
        }
        Policy::Sandbox => {
            assert!(
                has("sandbox") && has("default-src 'none'") && !held.contains("script-src"),
                "{what}: {held}"
            );
        }
    }
    assert_eq!(reply.header("cache-control"), caching, "{what}");
    let features = reply.header("permissions-policy");
    for feature in ["camera", "microphone", "geolocation", "payment", "usb"] {
        assert!(features.contains(&format!("{feature}=()")), "{what}: {features}");
    }
}

#[tokio::test]
async fn every_kind_of_reply_is_protected() {
    let town = Town::start().await;
    let alice = &town.alice;
    let file = alice.file("a.png", b"not a picture").await;
    alice.file("empty", b"").await;
    let content = format!("/api/v1/files/{file}/content");
    let etag = alice.get(&content).await.header("etag").to_owned();
    let html = Request::get("/").header("Accept", "text/html,*/*;q=0.8");
    let (page, docs, sandbox) = (Policy::Page, Policy::Docs, Policy::Sandbox);
    let (store, ask, private) = ("no-store", "no-cache", "private, no-cache");
    for (what, request, status, policy, caching) in [
        ("the page", html, 200, page, ask),
        ("the welcome", Request::get("/"), 200, page, ask),
        (
            "a script of the page",
            Request::get("/assets/js/app.js"),
            200,
            page,
            ask,
        ),
        (
            "a script that is not there",
            Request::get("/assets/js/none.js"),
            404,
            page,
            store,
        ),
        ("the document's page", Request::get("/docs"), 200, docs, ask),
        ("its script", Request::get("/docs/init.js"), 200, docs, ask),
        (
            "the document's other page",
            Request::get("/redoc"),
            200,
            docs,
            ask,
        ),
        ("the document", Request::get("/openapi.json"), 200, page, store),
        ("that it lives", Request::get("/health"), 200, page, store),
        (
            "JSON",
            Request::get("/api/v1/me").bearer(&alice.access),
            200,
            page,
            store,
        ),
        ("a sign-in", alice.log_in_request(), 200, page, store),
        (
            "nothing",
            Request::new("PUT", &format!("/api/v1/nodes/{file}/star")).bearer(&alice.access),
            204,
            page,
            store,
        ),
        (
            "a new file",
            Request::put("/api/v1/paths/new.txt", "x").bearer(&alice.access),
            201,
            page,
            store,
        ),
        (
            "a content",
            Request::get(&content).bearer(&alice.access),
            200,
            sandbox,
            private,
        ),
        (
            "a content that is shown",
            Request::get(&format!("{content}?inline=true")).bearer(&alice.access),
            200,
            sandbox,
            private,
        ),
        (
            "a download",
            Request::get(&format!("/api/v1/files/{file}?download=true")).bearer(&alice.access),
            200,
            sandbox,
            private,
        ),
        (
            "a version",
            Request::get(&format!("/api/v1/files/{file}/versions/1/content")).bearer(&alice.access),
            200,
            sandbox,
            private,
        ),
        (
            "a part",
            Request::get(&content)
                .header("Range", "bytes=0-1")
                .bearer(&alice.access),
            206,
            sandbox,
            private,
        ),
        (
            "two parts",
            Request::get(&content)
                .header("Range", "bytes=0-1,4-5")
                .bearer(&alice.access),
            206,
            sandbox,
            private,
        ),
        (
            "the same content",
            Request::get(&content)
                .header("If-None-Match", etag)
                .bearer(&alice.access),
            304,
            page,
            private,
        ),
        (
            "no part",
            Request::get(&content)
                .header("Range", "bytes=99-")
                .bearer(&alice.access),
            416,
            page,
            store,
        ),
        (
            "a condition that does not hold",
            Request::get(&content)
                .header("If-Match", "\"x\"")
                .bearer(&alice.access),
            412,
            page,
            store,
        ),
        ("nobody", Request::get("/api/v1/me"), 401, page, store),
        (
            "somebody who may not",
            Request::get("/api/v1/admin/users").bearer(&alice.access),
            403,
            page,
            store,
        ),
        ("nowhere", Request::get("/nowhere"), 404, page, store),
        (
            "no such method",
            Request::new("DELETE", "/health"),
            405,
            page,
            store,
        ),
        (
            "no such option",
            Request::new("OPTIONS", "/api/v1/me"),
            405,
            page,
            store,
        ),
        (
            "half a request",
            Request::new("POST", "/auth/login").text_json("{"),
            400,
            page,
            store,
        ),
        (
            "a wrong type",
            Request::new("POST", "/auth/login").body("x"),
            415,
            page,
            store,
        ),
        (
            "a long address",
            Request::get(&format!("/{}", "x".repeat(9000))),
            414,
            page,
            store,
        ),
        (
            "figures",
            Request::get("/metrics").bearer(&town.admin.access),
            200,
            page,
            store,
        ),
    ] {
        let reply = town.send(&request).await.expect(status);
        check(what, &reply, policy, caching);
        assert_eq!(reply.count("strict-transport-security"), 0, "{what}");
        assert_eq!(reply.count("access-control-allow-origin"), 0, "{what}");
    }
    let events = Request::get("/api/v1/events").bearer(&alice.access);
    let events = wire::head(town.server.host(), &events).await.expect(200);
    // A stream of events says itself that it is not to be kept.
    check("events", &events, page, events.header("cache-control"));
    assert!(["no-cache", "no-store"].contains(&events.header("cache-control")));
}

#[tokio::test]
async fn the_cookie_is_out_of_reach_for_scripts_and_other_sites() {
    let town = Town::on(Engine::Sqlite).await;
    let log_in = json!({"email": town.alice.email, "password": town.alice.password});
    let reply = town
        .send(&Request::post("/auth/session", &log_in))
        .await
        .expect(200);
    let cookie = reply.header("set-cookie").to_owned();
    let parts: BTreeSet<&str> = cookie.split("; ").skip(1).collect();
    assert!(cookie.starts_with("cumuli_session="), "{cookie}");
    assert!(
        parts.is_superset(&BTreeSet::from(["Path=/", "HttpOnly", "SameSite=Lax"])),
        "{cookie}"
    );
    assert!(
        !cookie.contains("Domain") && !cookie.contains("Secure"),
        "{cookie}"
    );

    let own = cookie.split(';').next().unwrap().to_owned();
    let out = Request::new("DELETE", "/auth/session")
        .header("Cookie", own.clone())
        .header("Sec-Fetch-Site", "same-origin");
    let reply = town.send(&out).await.expect(204);
    assert!(
        reply.header("set-cookie").contains("Max-Age=0"),
        "{}",
        reply.header("set-cookie")
    );
    town.send(&Request::get("/api/v1/me").header("Cookie", own))
        .await
        .expect(401);
}

#[tokio::test]
async fn behind_tls_the_cookie_and_the_site_demand_it() {
    let builder = Server::on(Engine::Sqlite).set("CUMULI_PUBLIC_URL", "https://drive.example.org");
    let town = Town::with(builder).await;
    let log_in = json!({"email": town.alice.email, "password": town.alice.password});
    let reply = town
        .send(&Request::post("/auth/session", &log_in))
        .await
        .expect(200);
    let cookie = reply.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-cumuli_session="), "{cookie}");
    assert!(
        cookie.contains("; Path=/; HttpOnly; SameSite=Lax") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
    for target in ["/", "/health", "/api/v1/me", "/nowhere", "/docs"] {
        let reply = town.send(&Request::get(target)).await;
        let demanded = reply.header("strict-transport-security");
        assert!(demanded.starts_with("max-age=31536000"), "{target}: {demanded}");
    }

    let own = cookie.split(';').next().unwrap();
    let rename = |origin: &str| {
        Request::new("PATCH", "/api/v1/me")
            .json(&json!({"full_name": "Alice"}))
            .header("Cookie", own)
            .header("Origin", origin)
    };
    town.send(&rename("https://drive.example.org")).await.expect(200);
    for foreign in [
        "http://drive.example.org",
        "https://drive.example.org.evil.example",
        "https://cumuli.test",
        "null",
    ] {
        town.send(&rename(foreign)).await.expect(403);
    }
}

#[tokio::test]
async fn a_request_is_named_by_what_a_proxy_says_only_if_that_is_harmless() {
    let town = Town::on(Engine::Sqlite).await;
    let named = |id: &str| Request::get("/health").header("X-Request-Id", id);
    assert_eq!(
        town.send(&named("abc-123.X_y")).await.header("x-request-id"),
        "abc-123.X_y"
    );
    for id in ["a b", "<script>", "a\tb", "\u{e9}", "", &"x".repeat(65)] {
        let reply = town.send(&named(id)).await.expect(200);
        let own = reply.header("x-request-id");
        assert!(
            own.len() == 16 && own.bytes().all(|b| b.is_ascii_hexdigit()),
            "{id:?} became {own:?}"
        );
    }
}

#[tokio::test]
async fn lists_are_packed_and_secrets_are_not() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    for i in 0..20 {
        alice.folder(&format!("folder {i}")).await;
    }
    let packed = |request: Request| request.header("Accept-Encoding", "gzip");
    let list = alice
        .send(packed(Request::get("/api/v1/folders/root/children")))
        .await
        .expect(200);
    assert_eq!(list.header("content-encoding"), "gzip");
    assert!(
        list.header("vary")
            .to_ascii_lowercase()
            .contains("accept-encoding"),
        "{}",
        list.header("vary")
    );
    check("a packed list", &list, Policy::Page, "no-store");

    // What others choose stands beside the secret here, and the reply is long enough to be packed.
    let register = json!({"email": format!("{}@{}.org", "e".repeat(60), vec!["x".repeat(60); 3].join(".")), "password": "correct horse", "full_name": "n".repeat(255)});
    let reply = town
        .send(&packed(Request::post("/auth/register", &register)))
        .await
        .expect(201);
    assert_ne!(reply.json()["access_token"], Value::Null);
    assert!(reply.body.len() > 1024, "{}", reply.body.len());
    assert_eq!(reply.count("content-encoding"), 0);
}
