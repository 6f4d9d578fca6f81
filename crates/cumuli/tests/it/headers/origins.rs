//! Pages of other sites: what a browser may do for them, with a person's cookie or without.

use serde_json::json;

use crate::bad_input::missing_protection;
use crate::harness::{Engine, Server};
use crate::people::Town;
use crate::wire::Request;

#[tokio::test]
async fn other_sites_pages_call_the_api_only_where_the_settings_say_so() {
    let app = "https://app.example.org";
    let preflight = |origin: &str| {
        Request::new("OPTIONS", "/api/v1/me")
            .header("Origin", origin)
            .header("Access-Control-Request-Method", "PATCH")
            .header("Access-Control-Request-Headers", "authorization,content-type")
    };
    let builder = Server::on(Engine::Sqlite).set("CORS_ORIGINS", format!("{app},http://localhost:3000"));
    let town = Town::with(builder).await;
    let me = |origin: &str| {
        Request::get("/api/v1/me")
            .header("Origin", origin)
            .bearer(&town.alice.access)
    };
    for origin in [app, "http://localhost:3000"] {
        for request in [preflight(origin), me(origin)] {
            let reply = town.send(&request).await.expect(200);
            assert_eq!(missing_protection(&reply), Vec::<String>::new());
            assert_eq!(reply.header("access-control-allow-origin"), origin);
            assert_eq!(
                reply.count("access-control-allow-credentials"),
                0,
                "cookies stay at home"
            );
            assert!(
                reply.header("vary").to_ascii_lowercase().contains("origin"),
                "{}",
                reply.header("vary")
            );
        }
        assert!(
            town.send(&preflight(origin))
                .await
                .header("access-control-allow-methods")
                .contains("PATCH")
        );
    }
    for origin in [
        "https://evil.example",
        "https://app.example.org.evil.example",
        "http://app.example.org",
        "null",
        "https://app.example.org:8443",
    ] {
        for request in [preflight(origin), me(origin)] {
            assert_eq!(
                town.send(&request).await.count("access-control-allow-origin"),
                0,
                "{origin}"
            );
        }
    }

    let town = Town::with(Server::on(Engine::Sqlite).set("CORS_ORIGINS", "*")).await;
    let reply = town.send(&preflight("https://anybody.example")).await.expect(200);
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.count("access-control-allow-credentials"), 0);
}

/// Operations that change something, with their paths, from the server's own document.
async fn changes(town: &Town) -> Vec<(String, String)> {
    let document = town.send(&Request::get("/openapi.json")).await.expect(200).json();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let is_public = operation["security"] == json!([{}]);
            if !is_public && !matches!(method.as_str(), "get" | "head") {
                found.push((method.to_uppercase(), path.replace(['{', '}'], "")));
            }
        }
    }
    assert!(found.len() > 25, "the document has few operations: {found:?}");
    found
}

#[tokio::test]
async fn a_foreign_page_changes_nothing_with_a_persons_cookie() {
    let town = Town::start().await;
    let cookie = town.admin.cookie().await;
    let before = town.state().await;
    let host = "drive.example.org";
    let disguises: [&[(&str, &str)]; 9] = [
        &[],
        &[("Origin", "https://evil.example")],
        &[("Origin", "null")],
        &[("Origin", "http://drive.example.org:8000")],
        &[("Origin", "http://drive.example.org.evil.example")],
        &[("Sec-Fetch-Site", "cross-site")],
        &[("Sec-Fetch-Site", "same-site")],
        &[("Sec-Fetch-Site", "none")],
        &[
            ("Origin", "https://evil.example"),
            ("Sec-Fetch-Site", "same-origin"),
        ],
    ];
    let mut wrong = Vec::new();
    for (method, path) in changes(&town).await {
        for disguise in disguises {
            for kind in [
                "application/json",
                "text/plain",
                "application/x-www-form-urlencoded",
            ] {
                let mut request = Request::new(&method, &path)
                    .header("Host", host)
                    .header("Cookie", cookie.clone());
                request = request.header("Content-Type", kind).body("{}");
                for (name, value) in disguise {
                    request = request.header(name, *value);
                }
                let reply = town.send(&request).await;
                if reply.status != 403 {
                    wrong.push(format!(
                        "{method} {path} as {kind} with {disguise:?}: {}",
                        reply.status
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert_eq!(town.state().await, before);
    town.send(&Request::get("/api/v1/me").header("Cookie", cookie))
        .await
        .expect(200);
}

#[tokio::test]
async fn the_servers_own_page_may_do_what_the_person_may() {
    let town = Town::on(Engine::Sqlite).await;
    let cookie = town.alice.cookie().await;
    let from = |headers: &[(&str, &str)]| {
        let mut request = Request::new("PATCH", "/api/v1/me").json(&json!({"full_name": "Alice"}));
        request = request
            .header("Cookie", cookie.clone())
            .header("Host", "drive.example.org:8000");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        request
    };
    town.send(&from(&[("Origin", "http://drive.example.org:8000")]))
        .await
        .expect(200);
    town.send(&from(&[("Sec-Fetch-Site", "same-origin")]))
        .await
        .expect(200);
    town.send(&from(&[
        ("Origin", "http://drive.example.org:8000"),
        ("Sec-Fetch-Site", "same-origin"),
    ]))
    .await
    .expect(200);
}
