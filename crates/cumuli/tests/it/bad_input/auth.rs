//! Signing up and in, and saying who one is.

use serde_json::{Value, json};

use super::{Row, check, done, harmless};
use crate::people::{Town, basic};
use crate::wire::Request;

fn register(changes: &Value) -> Request {
    let mut body = json!({"email": "eve@example.org", "password": "correct horse battery"});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    Request::post("/auth/register", &body)
}

fn log_in(email: &str, password: &str) -> Request {
    Request::post("/auth/login", &json!({"email": email, "password": password}))
}

#[tokio::test]
async fn bad_sign_ups_are_refused() {
    let town = Town::start().await;
    let as_admin = |email: &str| {
        let name = format!("an address that is the administrator's in another spelling: {email}");
        harmless(name, register(&json!({"email": email})), &[409, 422])
    };
    let mut rows: Vec<Row> = [
        "ADMIN@EXAMPLE.ORG",
        "Admin@Example.Org",
        " admin@example.org ",
        "adm\u{130}n@example.org",
        "\u{ff41}dmin@example.org",
        "admin\u{ff20}example.org",
        "\u{430}dmin@example.org",
        "admin@ex\u{430}mple.org",
        "admin\u{200b}@example.org",
        "admin@example.org\u{0}",
    ]
    .map(as_admin)
    .into();
    let places = [
        "../../etc",
        "..",
        ".",
        "con",
        "appdata_x",
        "../../etc@example.org",
        "..@example.org",
        "a/b@example.org",
        "a\\b@example.org",
        "@example.org",
        "eve@",
        "eve@-.org",
        "e@e@example.org",
        "<eve@example.org>",
        "eve@example.org\r\nBcc: x",
        "eve @example.org",
        "",
    ];
    rows.extend(places.map(|email| {
        let name = format!("a place or a header for an address: {email:?}");
        harmless(name, register(&json!({"email": email})), &[422])
    }));
    let longer = format!("{}@example.org", "e".repeat(300));
    rows.extend([
        harmless(
            "an address of 311 bytes",
            register(&json!({"email": longer})),
            &[422],
        ),
        harmless(
            "a role that nobody gave",
            register(&json!({"role": "admin"})),
            &[422],
        ),
        harmless(
            "rights that nobody gave",
            register(&json!({"perm": {"admin": true}})),
            &[422],
        ),
        harmless(
            "a quota that nobody gave",
            register(&json!({"quota_bytes": 1})),
            &[422],
        ),
        harmless(
            "a password of 1 MiB",
            register(&json!({"password": "x".repeat(1 << 20)})),
            &[413, 422],
        ),
        harmless(
            "a password of 1025 bytes",
            register(&json!({"password": "xy".repeat(513)})),
            &[422],
        ),
        harmless(
            "a password of 7 bytes",
            register(&json!({"password": "7 bytes"})),
            &[422],
        ),
        harmless(
            "the first password that anyone tries",
            register(&json!({"password": "password123"})),
            &[422],
        ),
        harmless(
            "a name of 256 bytes",
            register(&json!({"full_name": "x".repeat(256)})),
            &[422],
        ),
        harmless(
            "a name with a line break",
            register(&json!({"full_name": "Eve\r\nX: y"})),
            &[422],
        ),
    ]);
    check(&town, rows).await;
}

#[tokio::test]
async fn no_way_of_signing_up_makes_a_second_administrator() {
    let town = Town::start().await;
    let codes = [
        json!({"setup_code": "0123456789abcdef"}),
        json!({"invite": "0123456789abcdef"}),
        json!({}),
    ];
    for (i, code) in codes.iter().enumerate() {
        let mut changes = code.clone();
        changes["email"] = json!(format!("eve{i}@example.org"));
        let reply = town.send(&register(&changes)).await.expect(201);
        assert_eq!(reply.field("role"), "user", "{code}");
    }
}

#[tokio::test]
async fn a_password_is_exactly_what_it_was_set_to() {
    let town = Town::start().await;
    let long = "seventy-two bytes are where bcrypt stops reading a password, we go on and on";
    let cases = [
        ("nul\0in the middle", "nul"),
        ("four bytes \u{1f600} in one", "four bytes ? in one"),
        ("a trailing space ", "a trailing space"),
        (" a leading space", "a leading space"),
        (long, &long[..72]),
        ("Case Matters Here", "case matters here"),
    ];
    for (i, (right, wrong)) in cases.into_iter().enumerate() {
        let email = format!("eve{i}@example.org");
        let body = json!({"email": email, "password": right});
        town.send(&register(&body)).await.expect(201);
        town.send(&log_in(&email, right)).await.expect(200);
        town.send(&log_in(&email, wrong)).await.expect(401);
    }
    let (composed, apart) = ("caf\u{e9} au lait", "cafe\u{301} au lait");
    let body = json!({"email": "nfc@example.org", "password": composed});
    town.send(&register(&body)).await.expect(201);
    town.send(&log_in("nfc@example.org", apart)).await.expect(200);
    town.send(&log_in("NFC@EXAMPLE.ORG", composed)).await.expect(200);
}

#[tokio::test]
async fn bad_sign_ins_are_refused() {
    let town = Town::start().await;
    let alice = &town.alice.email;
    let rows = vec![
        harmless(
            "an address that nobody has",
            log_in("nobody@example.org", "whatever it is"),
            &[401],
        ),
        harmless(
            "an address that is none",
            log_in("nobody", "whatever it is"),
            &[401],
        ),
        harmless("a wrong password", log_in(alice, "whatever it is"), &[401]),
        harmless("an empty password", log_in(alice, ""), &[401]),
        harmless(
            "a password of 1 MiB",
            log_in(alice, &"x".repeat(1 << 20)),
            &[413, 422],
        ),
        harmless(
            "a password of 1025 bytes",
            log_in(alice, &"x".repeat(1025)),
            &[422],
        ),
        harmless(
            "a list for an object",
            Request::new("POST", "/auth/login").json(&json!([alice, town.alice.password])),
            &[422],
        ),
        harmless(
            "a form for JSON",
            Request::new("POST", "/auth/login")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(format!("email={alice}&password=x")),
            &[415],
        ),
    ];
    check(&town, rows).await;
}

#[tokio::test]
async fn nobody_learns_from_a_sign_in_who_has_an_account() {
    let town = Town::start().await;
    let mut times = [std::time::Duration::MAX; 2];
    for _ in 0..5 {
        let mut replies = Vec::new();
        for (i, email) in ["alice@example.org", "nobody@example.org"]
            .into_iter()
            .enumerate()
        {
            let began = std::time::Instant::now();
            let mut reply = town.send(&log_in(email, "not the password")).await.expect(401);
            times[i] = times[i].min(began.elapsed());
            reply
                .headers
                .retain(|(name, _)| name != "date" && name != "x-request-id");
            replies.push((reply.headers, reply.body));
        }
        assert_eq!(replies[0], replies[1]);
    }
    // Not a race against a clock: without the work of a hash it would be a tenth.
    assert!(times[1] * 2 > times[0], "{times:?}");
}

#[tokio::test]
async fn a_request_proves_one_person_or_nobody() {
    let town = Town::start().await;
    let (alice, bob) = (&town.alice, &town.bob);
    let me = || Request::get("/api/v1/me");
    let with = |header: &str| me().header("Authorization", header);
    let (own, others) = (alice.cookie().await, bob.cookie().await);
    let mut rows = vec![
        harmless(
            "two bearers",
            me().bearer(&alice.access).bearer(&alice.access),
            &[400],
        ),
        harmless(
            "a bearer and the cookie of another",
            me().bearer(&alice.access).header("Cookie", others.clone()),
            &[400],
        ),
        harmless(
            "a bearer and one's own cookie",
            me().bearer(&alice.access).header("Cookie", own.clone()),
            &[200],
        ),
        harmless(
            "two session cookies",
            me().header("Cookie", format!("{own}; {others}")),
            &[400],
        ),
        harmless(
            "two session cookies on two lines",
            me().header("Cookie", own.clone()).header("Cookie", others),
            &[400],
        ),
        harmless(
            "a cookie cut short",
            me().header("Cookie", own[..own.len() - 1].to_owned()),
            &[401],
        ),
        harmless(
            "a user that a proxy names",
            me().header("X-Forwarded-User", "admin@example.org"),
            &[401],
        ),
        harmless(
            "a user that a gateway names",
            me().header("Remote-User", "admin@example.org"),
            &[401],
        ),
        harmless(
            "a token in the address",
            Request::get(&format!("/api/v1/me?access_token={}", alice.access)),
            &[401],
        ),
        harmless(
            "an administrator that a proxy names beside one's own token",
            Request::get("/api/v1/admin/users")
                .bearer(&alice.access)
                .header("X-Forwarded-User", "admin@example.org"),
            &[403],
        ),
    ];
    for (name, header) in [
        ("Basic without a colon", "Basic YWxpY2U="),
        ("Basic that is no base64", "Basic !!!!"),
        ("Basic that is no UTF-8", "Basic //46/w=="),
        ("Basic with nothing", "Basic "),
        ("a bearer with nothing", "Bearer "),
        ("a scheme alone", "Bearer"),
        ("a scheme that nobody knows", "Digest username=\"alice\""),
        ("an empty header", ""),
    ] {
        rows.push(harmless(name, with(header), &[401]));
    }
    rows.extend([
        harmless(
            "Basic with the password of the account",
            with(&basic(&alice.email, &alice.password)),
            &[401],
        ),
        harmless(
            "Basic with a password that holds colons",
            with(&basic(&alice.email, "a:b:c")),
            &[401],
        ),
        harmless(
            "Basic with an address that is none",
            with(&basic("../etc", "a")),
            &[401],
        ),
        harmless(
            "Basic with a NUL",
            with(&basic("alice@example.org\0", "a\0b")),
            &[401],
        ),
    ]);
    check(&town, rows).await;
}

#[tokio::test]
async fn a_session_that_an_attacker_chose_is_not_taken_over() {
    let town = Town::start().await;
    let fixed = town.bob.cookie().await;
    let body = json!({"email": town.alice.email, "password": town.alice.password});

    let request = Request::post("/auth/session", &body).header("Cookie", fixed.clone());
    let reply = town.send(&request).await.expect(200);

    let fresh = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_ne!(fresh, fixed);
    let me = |cookie: String| Request::get("/api/v1/me").header("Cookie", cookie);
    assert_eq!(
        town.send(&me(fresh)).await.expect(200).field("email"),
        town.alice.email
    );
    assert_eq!(
        town.send(&me(fixed)).await.expect(200).field("email"),
        town.bob.email
    );
}

#[tokio::test]
async fn a_password_changes_only_for_who_knows_the_current_one() {
    let town = Town::start().await;
    let alice = &town.alice;
    let change = |body: Value| Request::post("/auth/password", &body).bearer(&alice.access);
    let new = "another long password";
    let (_, app) = alice.app_password("script").await;
    let rows = vec![
        harmless(
            "without the current one",
            change(json!({"new_password": new})),
            &[422],
        ),
        harmless(
            "with null for the current one",
            change(json!({"current_password": null, "new_password": new})),
            &[422],
        ),
        harmless(
            "with a wrong one",
            change(json!({"current_password": "wrong", "new_password": new})),
            &[403],
        ),
        harmless(
            "with a word that skips the check",
            change(json!({"all": true, "new_password": new})),
            &[422],
        ),
        harmless(
            "to one of 7 bytes",
            change(json!({"current_password": alice.password, "new_password": "7 bytes"})),
            &[422],
        ),
        harmless(
            "through the profile",
            Request::new("PATCH", "/api/v1/me")
                .json(&json!({"password": new}))
                .bearer(&alice.access),
            &[422],
        ),
        harmless(
            "by an app password",
            Request::post(
                "/auth/password",
                &json!({"current_password": alice.password, "new_password": new}),
            )
            .header("Authorization", app),
            &[403],
        ),
        done("and still opens the account", alice.log_in_request(), 200),
    ];
    check(&town, rows).await;
}
