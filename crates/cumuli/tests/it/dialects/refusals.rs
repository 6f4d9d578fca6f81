//! The shape of every kind of refusal.

use serde_json::{Value, json};

use crate::bad_input::missing_protection;
use crate::harness::Engine;
use crate::people::Town;
use crate::wire::{Reply, Request};

const NO_ID: &str = "Input should be a valid UUID, such as 0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f";
const UNKNOWN: &str = "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f";

#[track_caller]
fn check(reply: Reply, status: u16, body: &Value) {
    let reply = reply.expect(status);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(&reply.json(), body);
    assert_eq!(missing_protection(&reply), Vec::<String>::new());
    assert_eq!(reply.header("cache-control"), "no-store");
}

fn flaw(kind: &str, loc: &[&str], msg: &str) -> Value {
    json!({"detail": [{"type": kind, "loc": loc, "msg": msg}]})
}

#[tokio::test]
async fn refusals_of_fastapi_dialects_have_its_shapes() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let missing = "Field required";

    for target in ["/drive", "/verify-token", "/files", "/users", "/shared-with-me"] {
        let reply = town.send(&Request::get(target)).await;
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        check(reply, 401, &json!({"detail": "Not authenticated"}));
    }
    let forged = town.send(&Request::get("/drive").bearer("x")).await;
    let text = "This sign-in is not valid, or no longer; sign in again";
    check(forged, 401, &json!({"detail": text}));
    let login = json!({"username": "alice@example.org", "password": "wrong wrong"});
    let wrong = town.send(&Request::post("/login", &login)).await;
    let text = "The e-mail address or the password is wrong";
    check(wrong, 401, &json!({"detail": text}));

    let nothing = alice.get(&format!("/file/{UNKNOWN}")).await;
    check(nothing, 404, &json!({"detail": "There is no such file"}));
    let reply = alice.send(Request::new("PUT", "/drive")).await;
    assert_eq!(reply.header("allow"), "GET,HEAD,POST");
    let text = "PUT does nothing at this address; see the header Allow";
    check(reply, 405, &json!({"detail": text}));
    let folder = alice.folder("Taken").await;
    let taken = alice
        .send(Request::post("/drive", &json!({"name": "Taken"})))
        .await;
    check(taken, 409, &json!({"detail": "The name `Taken` is taken"}));
    let taken = json!({"email": "bob@example.org", "password": "correct horse"});
    let text = "An account with this e-mail address exists";
    check(
        town.send(&Request::post("/user", &taken)).await,
        409,
        &json!({"detail": text}),
    );

    // What is wrong in a path, in a query, in a body.
    let reply = alice.get("/file/1").await;
    check(reply, 422, &flaw("uuid_parsing", &["path", "file_id"], NO_ID));
    let reply = alice.get("/drive?sort_by=colour").await;
    assert_eq!(reply.json()["detail"][0]["type"], "enum");
    assert_eq!(reply.json()["detail"][0]["loc"], json!(["query", "sort_by"]));
    let reply = alice.get("/files?page=0").await;
    let text = "Input should be greater than or equal to 1";
    check(reply, 422, &flaw("greater_than_equal", &["query", "page"], text));
    let text = "Input should be a valid integer, unable to parse string as an integer";
    check(
        alice.get("/files?size=x").await,
        422,
        &flaw("int_parsing", &["query", "size"], text),
    );
    let target = format!("/drive/{folder}");
    let reply = alice.send(Request::new("PATCH", &target).json(&json!({}))).await;
    check(reply, 422, &flaw("missing", &["body", "name"], missing));
    let reply = alice
        .send(Request::new("PATCH", &target).json(&json!({"name": 3})))
        .await;
    let text = "Input should be a valid string";
    assert_eq!(reply.json()["detail"][0]["msg"], text);
    let reply = alice
        .send(Request::new("PATCH", &target).json(&json!({"name": "a/b"})))
        .await;
    assert_eq!(reply.json()["detail"][0]["type"], "value_error");
    let reply = town.send(&Request::post("/user", &json!({}))).await.expect(422);
    let fields = reply.json()["detail"].as_array().unwrap().len();
    assert_eq!(fields, 2, "{}", reply.text());
    let weak = json!({"email": "no address", "password": "correct horse"});
    let reply = town.send(&Request::post("/user", &weak)).await.expect(422);
    assert_eq!(reply.json()["detail"][0]["loc"], json!(["body", "email"]));
    // What was sent does not come back: it may be a password.
    assert!(!reply.text().contains("correct horse"));
}

#[tokio::test]
async fn bodies_that_are_none_are_refused_as_fastapi_does() {
    let town = Town::on(Engine::Sqlite).await;
    let alice = &town.alice;
    let broken = Request::new("POST", "/drive").text_json("{");
    check(
        alice.send(broken).await,
        422,
        &flaw("json_invalid", &["body"], "JSON decode error"),
    );
    let list = Request::new("POST", "/drive").text_json("[1]");
    let text = "Input should be a valid dictionary or object to extract fields from";
    check(
        alice.send(list).await,
        422,
        &flaw("model_attributes_type", &["body"], text),
    );
    let plain = Request::new("POST", "/drive")
        .header("Content-Type", "text/plain")
        .body(r#"{"name":"x"}"#);
    let text = "Send JSON or a form, and name it in Content-Type";
    check(
        alice.send(plain).await,
        422,
        &flaw("model_attributes_type", &["body"], text),
    );
    let empty = Request::new("POST", "/drive");
    check(
        alice.send(empty).await,
        422,
        &flaw("missing", &["body", "name"], "Field required"),
    );

    let form = |parts: &str| {
        Request::new("POST", "/file")
            .header("Content-Type", "multipart/form-data; boundary=x")
            .body(format!("{parts}--x--\r\n"))
    };
    let text = "--x\r\nContent-Disposition: form-data; name=\"folder_id\"\r\n\r\nroot\r\n";
    check(
        alice.send(form(text)).await,
        422,
        &flaw("missing", &["body", "file"], "Field required"),
    );
    let no_folder = "--x\r\nContent-Disposition: form-data; name=\"folder_id\"\r\n\r\n7\r\n\
                     --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n";
    let refused = alice.send(form(no_folder)).await.expect(422);
    assert_eq!(refused.json()["detail"][0]["loc"], json!(["body", "folder_id"]));
    let no_form = Request::post("/file", &json!({"file": "x"}));
    let reply = alice.send(no_form).await.expect(415);
    assert!(
        reply.json()["detail"]
            .as_str()
            .unwrap()
            .contains("multipart/form-data")
    );
    let long = format!(
        "--x\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n{}\r\n",
        "y".repeat(9000)
    );
    alice.send(form(&long)).await.expect(413);
}

#[tokio::test]
async fn refusals_of_the_flask_dialect_have_its_shape() {
    let town = Town::on(Engine::Sqlite).await;
    let reply = town.send(&Request::get("/download/x")).await;
    assert!(reply.header("www-authenticate").starts_with("Bearer"));
    check(reply, 401, &json!({"error": "Sign in first"}));
    let reply = town.alice.send(Request::new("DELETE", "/upload")).await;
    let text = "DELETE does nothing at this address; see the header Allow";
    check(reply, 405, &json!({"error": text}));
}

#[tokio::test]
async fn too_many_tries_say_when_to_come_back() {
    let town = Town::on(Engine::Sqlite).await;
    let login = json!({"username": "nobody@example.org", "password": "wrong wrong"});
    for _ in 0..100 {
        let reply = town.send(&Request::post("/login", &login)).await;
        if reply.status == 429 {
            assert!(reply.header("retry-after").parse::<u64>().unwrap() > 0);
            let detail = reply.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.starts_with("Too many tries"), "{detail}");
            return;
        }
        reply.expect(401);
    }
    panic!("a hundred wrong passwords were let through");
}

#[tokio::test]
async fn pages_of_other_sites_may_call_the_dialects_where_the_settings_say_so() {
    let builder = crate::harness::Server::on(Engine::Sqlite).set("CORS_ORIGINS", "http://localhost:3000");
    let town = Town::with(builder).await;
    for target in ["/file", "/upload", "/files"] {
        let asked = Request::new("OPTIONS", target)
            .header("Origin", "http://localhost:3000")
            .header("Access-Control-Request-Method", "POST");
        let allowed = town.send(&asked).await.expect(200);
        assert_eq!(
            allowed.header("access-control-allow-origin"),
            "http://localhost:3000",
            "{target}"
        );
    }
    // Another site's page brings no cookie along to change something.
    let cookie = town.alice.cookie().await;
    let strange = Request::post("/drive", &json!({"name": "x"}))
        .header("Cookie", cookie)
        .header("Origin", "http://evil.example");
    let refused = town.send(&strange).await.expect(403);
    assert!(refused.json()["detail"].is_string());
}
