//! Guessing: how often, from where, and through which door.

use serde_json::json;

use super::{check, harmless};
use crate::harness::{Engine, Server};
use crate::people::{SECRET_KEY, Town, basic};
use crate::wire::Request;

/// Wrong passwords for one account from one network that are looked at.
const TRIES: usize = 10;

fn guess(email: &str, password: &str) -> Request {
    Request::post("/auth/login", &json!({"email": email, "password": password}))
}

#[tokio::test]
async fn after_ten_wrong_passwords_the_right_one_is_refused_too() {
    let mut town = Town::start().await;
    let alice = town.alice.email.clone();
    let mut rows = Vec::new();
    for i in 0..TRIES {
        // An address that a client invents is not where it comes from.
        let request = guess(&alice, "wrong").header("X-Forwarded-For", format!("1.2.3.{i}"));
        rows.push(harmless(format!("wrong password {i}"), request, &[401]));
    }
    let app = |password: &str| Request::get("/api/v1/me").header("Authorization", basic(&alice, password));
    let cookie = Request::post(
        "/auth/session",
        &json!({"email": alice, "password": town.alice.password}),
    );
    rows.extend([
        harmless(
            "one more",
            guess(&alice, "wrong").header("X-Forwarded-For", "9.9.9.9"),
            &[429],
        ),
        harmless("the right one", town.alice.log_in_request(), &[429]),
        harmless(
            "the right one in another spelling of the address",
            guess("ALICE@example.org", &town.alice.password),
            &[429],
        ),
        harmless(
            "the right one from elsewhere, as the client says",
            town.alice.log_in_request().header("Forwarded", "for=9.9.9.9"),
            &[429],
        ),
        harmless("the right one for the page", cookie, &[429]),
        harmless("a guess at an app password", app("wrong"), &[429]),
        harmless(
            "the current password, to change it",
            Request::post(
                "/auth/password",
                &json!({"current_password": town.alice.password, "new_password": "another long one"}),
            )
            .bearer(&town.alice.access),
            &[429],
        ),
        harmless(
            "what was signed in before",
            Request::get("/api/v1/me").bearer(&town.alice.access),
            &[200],
        ),
    ]);
    check(&town, rows).await;
    town.send(&town.bob.log_in_request()).await.expect(200);

    town.server.kill().await;
    town.server.restart().await;

    town.send(&town.alice.log_in_request()).await.expect(429);
    town.send(&town.bob.log_in_request()).await.expect(200);
}

#[tokio::test]
async fn guesses_at_app_passwords_and_at_the_account_s_count_together() {
    let town = Town::start().await;
    let alice = &town.alice.email;
    for i in 0..TRIES {
        let request = Request::get("/api/v1/me").header("Authorization", basic(alice, &format!("wrong {i}")));
        town.send(&request).await.expect(401);
    }
    town.send(&town.alice.log_in_request()).await.expect(429);
}

#[tokio::test]
async fn a_right_password_forgives_the_wrong_ones_before_it() {
    let town = Town::start().await;
    for _ in 0..3 {
        for _ in 0..TRIES - 1 {
            town.send(&guess(&town.alice.email, "wrong")).await.expect(401);
        }
        town.send(&town.alice.log_in_request()).await.expect(200);
    }
}

#[tokio::test]
async fn a_burst_of_guesses_is_counted_one_by_one() {
    let town = Town::start().await;
    let request = guess(&town.alice.email, "wrong");
    let replies = futures_util::future::join_all((0..40).map(|_| town.send(&request))).await;
    let looked_at = replies.iter().filter(|reply| reply.status == 401).count();
    assert_eq!(looked_at, TRIES);
    assert!(replies.iter().all(|reply| matches!(reply.status, 401 | 429)));
}

#[tokio::test]
async fn the_setup_code_cannot_be_guessed() {
    let mut server = Server::on(Engine::strictest())
        .set("SECRET_KEY", SECRET_KEY)
        .start()
        .await;
    let line = server.line_with("needs this setup code: ").await;
    let code = line.rsplit(' ').next().unwrap().to_owned();
    assert!(code.len() >= 22, "128 bits take 22 letters at the least: {code}");
    let host = server.host().to_owned();
    // A proxy between makes it another machine than this one.
    let register = |code: &str| {
        let body =
            json!({"email": "eve@example.org", "password": "correct horse battery", "setup_code": code});
        Request::post("/auth/register", &body).header("X-Forwarded-For", "192.0.2.1")
    };
    let mut statuses = Vec::new();
    for i in 0..100 {
        let reply = crate::wire::send(&host, &register(&format!("{i:0>32}"))).await;
        statuses.push(reply.status);
    }
    assert!(
        statuses.iter().all(|status| matches!(status, 403 | 429)),
        "{statuses:?}"
    );
    assert_eq!(statuses.last(), Some(&429));
    crate::wire::send(&host, &register(&code)).await.expect(429);
}
