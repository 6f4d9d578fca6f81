//! Access tokens that the server did not make, or made for something else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Row, check, harmless};
use crate::people::{Forger, SECRET_KEY, Town, access_key, now_secs, sign};
use crate::wire::Request;

fn refused(name: &str, token: &str) -> Row {
    harmless(name, Request::get("/api/v1/me").bearer(token), &[401])
}

fn encoded(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

#[tokio::test]
async fn forged_and_misused_tokens_open_nothing() {
    let town = Town::start().await;
    tokens_of_other_algorithms_and_keys_are_refused(&town).await;
    tokens_that_were_tampered_with_are_refused(&town).await;
    headers_of_a_token_fetch_and_choose_nothing(&town).await;
    claims_that_do_not_hold_are_refused(&town).await;
    other_secrets_are_no_access_tokens(&town).await;
}

async fn tokens_of_other_algorithms_and_keys_are_refused(town: &Town) {
    let forger = Forger::new(&town.alice.access);
    let claims = forger.claims.to_string();
    let unsigned = |alg: Value| {
        let header = json!({"alg": alg, "typ": "at+jwt"}).to_string();
        format!("{}.{}.", encoded(header), encoded(&claims))
    };
    let mut rows = Vec::new();
    for alg in [
        json!("none"),
        json!("None"),
        json!("nOnE"),
        json!(""),
        json!(["HS256"]),
        json!(0),
        json!(null),
    ] {
        rows.push(refused(&format!("unsigned, alg {alg}"), &unsigned(alg.clone())));
        let header = json!({"alg": alg, "typ": "at+jwt"});
        rows.push(refused(
            &format!("rightly signed, alg {alg}"),
            &forger.signed(&header, &claims),
        ));
    }
    for alg in ["HS384", "HS512", "RS256", "ES256", "EdDSA", "PS256", "hs256"] {
        let header = json!({"alg": alg, "typ": "at+jwt"});
        rows.push(refused(
            &format!("rightly signed, alg {alg}"),
            &forger.signed(&header, &claims),
        ));
    }
    let header = json!({"alg": "HS256", "typ": "at+jwt"});
    let with_key = |key: &[u8]| sign(key, &header, &claims);
    rows.extend([
        refused("signed with no key", &with_key(b"")),
        refused("signed with the secret itself", &with_key(SECRET_KEY.as_bytes())),
        refused(
            "signed with the key of another secret",
            &with_key(&access_key(b"another secret")),
        ),
        refused(
            "signed with a public key",
            &with_key(b"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"),
        ),
    ]);
    check(town, rows).await;
}

async fn tokens_that_were_tampered_with_are_refused(town: &Town) {
    let good = &town.alice.access;
    let (message, tag) = good.rsplit_once('.').unwrap();
    let flipped = if tag.starts_with('A') { 'B' } else { 'A' };
    let parts: Vec<&str> = good.split('.').collect();
    let bobs: Vec<&str> = town.bob.access.split('.').collect();
    let mut rows = vec![
        refused(
            "one bit of the signature flipped",
            &format!("{message}.{flipped}{}", &tag[1..]),
        ),
        refused("the signature cut short", &good[..good.len() - 4]),
        refused("no signature", &format!("{message}.")),
        refused("no third part", message),
        refused("a fourth part", &format!("{good}.{tag}")),
        refused(
            "the claims of another",
            &format!("{}.{}.{}", parts[0], bobs[1], parts[2]),
        ),
        refused("padding", &format!("{good}=")),
        refused("dots alone", ".."),
        refused(
            "no JSON within",
            &format!("{}.{}.{tag}", encoded("x"), encoded("y")),
        ),
        refused(
            "no UTF-8 within",
            &format!("{}.{}.{tag}", encoded([0xff, 0xfe]), encoded([0xff])),
        ),
        refused("20 KiB of it", &format!("{message}.{}", "A".repeat(20 << 10))),
        refused(
            "a sealed token of five parts",
            &format!("{}.a.b.c.d", encoded(r#"{"alg":"dir","enc":"A256GCM"}"#)),
        ),
        refused(
            "a sealed token that unpacks to much",
            &format!(
                "{}.a.b.c.d",
                encoded(r#"{"alg":"dir","enc":"A256GCM","zip":"DEF"}"#)
            ),
        ),
    ];
    rows.push(harmless(
        "a good one with letters beyond ASCII after it",
        Request::get("/api/v1/me").header("Authorization", format!("Bearer {good}\u{e9}")),
        &[401],
    ));
    check(town, rows).await;
}

async fn headers_of_a_token_fetch_and_choose_nothing(town: &Town) {
    let forger = Forger::new(&town.alice.access);
    let claims = forger.claims.to_string();
    // Whoever follows one of these addresses is heard here.
    let ear = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    ear.set_nonblocking(true).unwrap();
    let address = format!("http://{}/keys.json", ear.local_addr().unwrap());
    let wrong_key = access_key(b"another secret");
    let kids = [
        "../../dev/null",
        "/dev/null",
        "' OR 1=1 --",
        "\u{0}",
        &"k".repeat(1500),
    ];
    let mut rows: Vec<Row> = kids
        .map(|kid| {
            let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": kid});
            refused(
                &format!("kid {:.20}", kid.escape_debug()),
                &sign(&wrong_key, &header, &claims),
            )
        })
        .into();
    rows.push(refused(
        "kid /dev/null, signed with nothing",
        &sign(
            b"",
            &json!({"alg": "HS256", "typ": "at+jwt", "kid": "/dev/null"}),
            &claims,
        ),
    ));
    for name in ["jku", "x5u"] {
        let header = json!({"alg": "HS256", "typ": "at+jwt", name: address});
        rows.push(refused(name, &sign(&wrong_key, &header, &claims)));
    }
    let own_key = json!({"kty": "oct", "k": encoded(wrong_key)});
    rows.push(refused(
        "jwk",
        &sign(
            &wrong_key,
            &json!({"alg": "HS256", "typ": "at+jwt", "jwk": own_key}),
            &claims,
        ),
    ));
    check(town, rows).await;
    assert!(ear.accept().is_err(), "the server went where a token sent it");
}

async fn claims_that_do_not_hold_are_refused(town: &Town) {
    let forger = Forger::new(&town.alice.access);
    let now = now_secs();
    let mut rows = Vec::new();
    for (name, changes) in [
        ("expired by 61 s", json!({"iat": now - 961, "exp": now - 61})),
        ("not before 61 s from now", json!({"nbf": now + 61})),
        ("not before a text", json!({"nbf": "soon"})),
        ("issued 61 s from now", json!({"iat": now + 61, "exp": now + 961})),
        ("without an end", json!({"exp": null})),
        ("ends at 1e308", json!({"exp": 1e308})),
        ("ends at -1", json!({"exp": -1})),
        ("ends at a text", json!({"exp": (now + 900).to_string()})),
        ("without an issue", json!({"iat": null})),
        (
            "for another server",
            json!({"aud": "0123456789abcdef0123456789abcdef"}),
        ),
        ("for nobody", json!({"aud": null})),
        ("of another issuer", json!({"iss": "https://accounts.google.com"})),
        ("of no issuer", json!({"iss": null})),
        ("of another person than its session", json!({"sub": town.bob.id})),
        ("of nobody", json!({"sub": null})),
        ("of a person who is none", json!({"sub": "1"})),
        ("of a session that is none", json!({"sid": town.alice.id})),
        ("of no session", json!({"sid": null})),
    ] {
        rows.push(refused(name, &forger.token(&forger.claims_with(&changes))));
    }
    let doubled = forger
        .claims
        .to_string()
        .replacen('{', &format!("{{\"sub\":\"{}\",", town.bob.id), 1);
    let header = json!({"alg": "HS256", "typ": "at+jwt"});
    rows.push(refused("two persons", &forger.signed(&header, &doubled)));
    rows.push(harmless(
        "a good one that we signed",
        Request::get("/api/v1/me").bearer(&forger.token(&forger.claims)),
        &[200],
    ));
    check(town, rows).await;
}

async fn other_secrets_are_no_access_tokens(town: &Town) {
    let forger = Forger::new(&town.alice.access);
    let claims = forger.claims.to_string();
    let cookie = town.alice.cookie().await;
    let cookie_value = cookie.split_once('=').unwrap().1;
    let typ = |typ: &str| forger.signed(&json!({"alg": "HS256", "typ": typ}), &claims);
    let mut rows = vec![
        refused("a refresh token", &town.alice.refresh),
        refused("a cookie", cookie_value),
        refused("an ID token", &typ("JWT")),
        refused("a logout token", &typ("logout+jwt")),
        refused(
            "a token of no type",
            &forger.signed(&json!({"alg": "HS256"}), &claims),
        ),
        refused("an id", &town.alice.id),
    ];
    let name = cookie.split_once('=').unwrap().0;
    let as_cookie = |value: &str| Request::get("/api/v1/me").header("Cookie", format!("{name}={value}"));
    rows.extend([
        harmless(
            "an access token as the cookie",
            as_cookie(&town.alice.access),
            &[401],
        ),
        harmless(
            "a refresh token as the cookie",
            as_cookie(&town.alice.refresh),
            &[401],
        ),
    ]);
    let as_refresh = |token: &str| Request::post("/auth/refresh", &json!({"refresh_token": token}));
    for token in [&town.alice.access, cookie_value, "", "\0", &"A".repeat(75)] {
        rows.push(harmless(
            format!("as the refresh token: {:.20}", token.escape_debug()),
            as_refresh(token),
            &[401],
        ));
    }
    check(town, rows).await;
}
