//! Links with a password: the same refusal everywhere until it was given.

use serde_json::json;

use super::{Act, Tree, given, made, requests, told};
use crate::bad_input::{check, harmless};
use crate::harness::{Engine, Server};
use crate::people::Town;
use crate::wire::{Reply, Request};

const PASSWORD: &str = "open sesame";

/// Gives a password; answers the cookie as `name=value`.
async fn unlock(town: &Town, token: &str, password: &str) -> Reply {
    let body = json!({"password": password});
    town.send(&Request::post(&format!("/s/{token}/unlock"), &body))
        .await
}

fn cookie(reply: &Reply) -> String {
    reply.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_locked_link_refuses_every_request_in_the_same_words() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let body = json!({"node_id": tree.folder, "mode": "edit", "password": PASSWORD});
    let (link, token) = made(&town.alice, &body).await;
    let other = town.alice.link(&body).await;
    let others = cookie(&unlock(&town, &other, PASSWORD).await.expect(204));
    let old = cookie(&unlock(&town, &token, PASSWORD).await.expect(204));
    let change = Request::new("PATCH", &format!("/api/v1/links/{link}"));
    let change = change.json(&json!({"password": "another password"}));
    town.alice.send(change).await.expect(200);
    let shape = told(&town.send(&Request::get(&format!("/s/{token}/info"))).await);
    assert_eq!(shape.1["type"], "urn:cumuli:problem:link_password");

    let mut passes = vec![None, Some(others), Some(old.clone())];
    for wrong in ["", "x", "9999999999999.x", ".", "9999999999999999999999.AAAA"] {
        passes.push(Some(format!("cumuli_link={wrong}")));
    }
    passes.push(Some(format!("{old}; {old}")));
    let mut rows = Vec::new();
    for (n, pass) in passes.into_iter().enumerate() {
        for (_, request) in requests(&token, &tree.inner, &tree.file) {
            let request = match &pass {
                Some(pass) => request
                    .header("Cookie", pass.clone())
                    .header("Sec-Fetch-Site", "same-origin"),
                None => request,
            };
            let reply = town.send(&request).await;
            if request.method != "HEAD" {
                assert_eq!(told(&reply), shape, "{} {}", request.method, request.target);
            }
            rows.push(harmless(
                format!("{n} {} {}", request.method, request.target),
                request,
                &[401],
            ));
        }
    }
    // Being signed in opens no lock, not even its owner's.
    let as_owner = Request::get(&format!("/s/{token}/info")).bearer(&town.alice.access);
    rows.push(harmless("its owner", as_owner, &[401]));
    rows.push(harmless(
        "for programs",
        Request::get(&format!("/share/{token}")),
        &[401],
    ));
    check(&town, rows).await;
}

#[tokio::test]
async fn the_password_opens_the_link_and_nothing_else() {
    let (town, tree, token) = given(json!({"mode": "edit", "password": PASSWORD})).await;

    let given = unlock(&town, &token, PASSWORD).await.expect(204);
    let line = given.header("set-cookie").to_owned();
    for part in [
        format!("Path=/s/{token}"),
        "HttpOnly".to_owned(),
        "SameSite=Strict".to_owned(),
        "Max-Age=43200".to_owned(),
    ] {
        assert!(line.split("; ").any(|own| own == part), "{line}");
    }
    assert!(!line.contains("Secure") && !line.contains("Domain"), "{line}");

    for (act, request) in requests(&token, &tree.inner, &tree.file) {
        let is_of_folder = request.target.contains("/content") && !request.target.contains("/files/");
        if act == Act::Look {
            let expected = if is_of_folder { 404 } else { 200 };
            let request = request.header("Cookie", cookie(&given));
            town.send(&request).await.expect(expected);
        }
    }
    // A page of another site may know the address; it cannot make a browser use the cookie on it.
    let target = format!("/s/{token}/nodes/{}", tree.file);
    let foreign = Request::new("DELETE", &target).header("Cookie", cookie(&given));
    town.send(&foreign.clone().header("Origin", "https://evil.example"))
        .await
        .expect(403);
    town.send(&foreign.clone()).await.expect(403);
    town.send(&foreign.header("Origin", "http://cumuli.test"))
        .await
        .expect(204);
    // It is no sign-in.
    town.send(&Request::get("/api/v1/me").header("Cookie", cookie(&given)))
        .await
        .expect(401);
}

#[tokio::test]
async fn over_tls_the_cookie_stays_on_tls() {
    let settings = Server::on(Engine::Sqlite).set("CUMULI_PUBLIC_URL", "https://drive.example.org");
    let town = Town::with(settings).await;
    let tree = Tree::of(&town.alice).await;
    let token = town
        .alice
        .link(&json!({"node_id": tree.folder, "password": PASSWORD}))
        .await;

    let given = unlock(&town, &token, PASSWORD).await.expect(204);

    assert!(given.header("set-cookie").ends_with("; Secure"));
}

#[tokio::test]
async fn a_password_in_an_address_is_refused_and_not_logged() {
    let (town, tree, token) = given(json!({"mode": "edit", "password": PASSWORD})).await;
    let mut rows = Vec::new();
    for query in ["password=open%20sesame", "x=1&Password=open+sesame", "password"] {
        let mut all: Vec<Request> = requests(&token, &tree.inner, &tree.file)
            .into_iter()
            .map(|(_, request)| request)
            .collect();
        let unlock = Request::post(&format!("/s/{token}/unlock"), &json!({"password": PASSWORD}));
        all.extend([
            unlock,
            Request::get(&format!("/s/{token}")),
            Request::get(&format!("/share/{token}")),
        ]);
        for mut request in all {
            let join = if request.target.contains('?') { '&' } else { '?' };
            request.target = format!("{}{join}{query}", request.target);
            rows.push(harmless(
                format!("{} {}", request.method, request.target),
                request,
                &[400],
            ));
        }
    }
    check(&town, rows).await;
    assert!(!town.server.logs().contains("sesame"));
}

#[tokio::test]
async fn passwords_are_guessed_ten_times_and_then_no_more() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let body = json!({"node_id": tree.folder, "password": PASSWORD});
    let (token, other) = (town.alice.link(&body).await, town.alice.link(&body).await);
    let pass = cookie(&unlock(&town, &token, PASSWORD).await.expect(204));

    for _ in 0..10 {
        unlock(&town, &token, "wrong").await.expect(401);
    }

    let refused = unlock(&town, &token, PASSWORD).await.expect(429);
    assert!(!refused.header("retry-after").is_empty());
    // Who gave it before goes on, and another link is another matter.
    let info = Request::get(&format!("/s/{token}/info")).header("Cookie", pass);
    town.send(&info).await.expect(200);
    unlock(&town, &other, PASSWORD).await.expect(204);
}

#[tokio::test]
async fn what_is_no_password_is_refused() {
    let town = Town::on(Engine::Sqlite).await;
    let tree = Tree::of(&town.alice).await;
    let locked = town
        .alice
        .link(&json!({"node_id": tree.folder, "password": PASSWORD}))
        .await;
    let open = town.alice.link(&json!({"node_id": tree.folder})).await;
    let post = |token: &str, text: &str| Request::new("POST", &format!("/s/{token}/unlock")).text_json(text);
    let form = Request::new("POST", &format!("/s/{locked}/unlock"))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("password=open+sesame");
    let rows = vec![
        harmless("a link without one", post(&open, r#"{"password":"x"}"#), &[409]),
        harmless("an empty one", post(&locked, r#"{"password":""}"#), &[401]),
        harmless("a number", post(&locked, r#"{"password":1}"#), &[422]),
        harmless(
            "two",
            post(&locked, r#"{"password":"x","password":"open sesame"}"#),
            &[400],
        ),
        harmless("none", post(&locked, "{}"), &[422]),
        harmless("a form", form, &[415]),
        harmless(
            "a mebibyte",
            post(&locked, &format!(r#"{{"password":"{}"}}"#, "x".repeat(1 << 20))),
            &[413],
        ),
        harmless(
            "a long one",
            post(&locked, &format!(r#"{{"password":"{}"}}"#, "x".repeat(5000))),
            &[401],
        ),
    ];
    check(&town, rows).await;
}
