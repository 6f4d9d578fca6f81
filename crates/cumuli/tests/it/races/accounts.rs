//! Races for one account.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

fn person(email: &str) -> Value {
    json!({"email": email, "password": "a long password of theirs"})
}

#[tokio::test]
async fn one_of_many_first_accounts_becomes_the_administrators() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let client = server.client();
        let people: Vec<Value> = (0..4).map(|n| person(&format!("user{n}@example.org"))).collect();

        let replies = at_once(people.iter().map(|body| client.post("/auth/register", body))).await;

        assert_eq!(statuses(&replies), BTreeMap::from([(201, 4)]));
        let roles = replies.iter().map(|reply| reply.json()["role"].take());
        assert_eq!(roles.filter(|role| role == "admin").count(), 1);
    }
}

#[tokio::test]
async fn one_of_many_registers_an_address() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let client = server.client();
        let body = person("one@example.org");

        let replies = at_once((0..4).map(|_| client.post("/auth/register", &body))).await;

        assert_one_won(&replies, (201, 409));
    }
}

#[tokio::test]
async fn a_refresh_token_used_by_many_leaves_at_most_one_session() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let client = server.client();
        let signed_in = client.post("/auth/register", &person("one@example.org")).await;
        let token = signed_in.expect(201).json()["refresh_token"].take();
        let body = json!({"refresh_token": token});

        let replies = at_once((0..RACERS).map(|_| client.post("/auth/refresh", &body))).await;

        let won = replies.iter().filter(|reply| reply.status == 200);
        assert!(won.count() <= 1, "{:?}", statuses(&replies));
        assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 401)));
    }
}

#[tokio::test]
async fn many_sign_ins_at_once_are_sessions_of_their_own() {
    for engine in Engine::all() {
        let server = Server::on(engine).start().await;
        let client = server.client();
        client
            .post("/auth/register", &person("one@example.org"))
            .await
            .expect(201);
        let body = person("one@example.org");

        let replies = at_once((0..4).map(|_| client.post("/auth/login", &body))).await;

        assert_eq!(statuses(&replies), BTreeMap::from([(200, 4)]));
        let tokens: BTreeSet<String> = replies
            .iter()
            .map(|reply| reply.json()["access_token"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(tokens.len(), 4);
    }
}
