//! What signing in gives, and how it ends: at once, everywhere, and without a trace in logs.

mod secrets;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Engine, PATIENCE};
use crate::people::{Person, Town};
use crate::wire::{Reply, Request};

/// An open stream looks once a second whether its person may still see it.
const SOON: Duration = Duration::from_secs(5);

fn refresh(token: &str) -> Request {
    Request::post("/auth/refresh", &json!({"refresh_token": token}))
}

fn me() -> Request {
    Request::get("/api/v1/me")
}

/// What one person proves themselves with, in each way.
struct Proofs {
    access: String,
    refresh: String,
    cookie: String,
    app: String,
}

impl Proofs {
    async fn of(person: &mut Person) -> Self {
        person.log_in().await;
        let cookie = person.cookie().await;
        let (_, app) = person.app_password("script").await;
        Self {
            access: person.access.clone(),
            refresh: person.refresh.clone(),
            cookie,
            app,
        }
    }

    /// What each is answered now: access token, refresh token, cookie, app password.
    async fn answers(&self, town: &Town) -> [u16; 4] {
        [
            town.send(&me().bearer(&self.access)).await.status,
            town.send(&refresh(&self.refresh)).await.status,
            town.send(&me().header("Cookie", self.cookie.clone()))
                .await
                .status,
            town.send(&me().header("Authorization", self.app.clone()))
                .await
                .status,
        ]
    }
}

/// An open stream of events.
struct Events(TcpStream);

impl Events {
    async fn open(town: &Town, name: &str, value: &str) -> Self {
        let mut stream = TcpStream::connect(town.server.host()).await.unwrap();
        let request = format!("GET /api/v1/events HTTP/1.1\r\nHost: x\r\n{name}: {value}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).await.unwrap();
        assert_eq!(&status, b"HTTP/1.1 200");
        Self(stream)
    }

    /// Reads until `words` came; answers all that came until then.
    async fn told(&mut self, words: &str) -> String {
        let mut came = Vec::new();
        let reading = async {
            let has = |came: &[u8]| came.windows(words.len()).any(|part| part == words.as_bytes());
            while !has(&came) && self.0.read_buf(&mut came).await.unwrap() > 0 {}
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("it is told");
        String::from_utf8(came).unwrap()
    }

    /// Waits for its end; answers what came until then.
    async fn end(mut self) -> String {
        let (began, mut came) = (Instant::now(), Vec::new());
        let reading = async {
            // The last chunk has no bytes; the connection itself stays.
            while !came.ends_with(b"0\r\n\r\n") && self.0.read_buf(&mut came).await.unwrap() > 0 {}
        };
        tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("the stream ends");
        assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
        String::from_utf8(came).unwrap()
    }
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_copy_ends_the_session() {
    for engine in Engine::all() {
        let town = Town::on(engine).await;
        let first = town.alice.refresh.clone();
        let second = town.send(&refresh(&first)).await.expect(200);
        assert_ne!(second.field("refresh_token"), first);
        // A client's own double try is only refused.
        town.send(&refresh(&first)).await.expect(401);
        let third = town
            .send(&refresh(&second.field("refresh_token")))
            .await
            .expect(200);
        town.send(&me().bearer(&third.field("access_token")))
            .await
            .expect(200);

        town.send(&refresh(&first)).await.expect(401);

        town.send(&refresh(&third.field("refresh_token")))
            .await
            .expect(401);
        for access in [
            &town.alice.access,
            &second.field("access_token"),
            &third.field("access_token"),
        ] {
            town.send(&me().bearer(access)).await.expect(401);
        }
        town.send(&town.alice.log_in_request()).await.expect(200);
    }
}

#[tokio::test]
async fn refreshes_at_the_same_time_leave_one_chain() {
    for engine in Engine::all() {
        let town = Town::on(engine).await;
        for _ in 0..5 {
            let token = town
                .send(&town.alice.log_in_request())
                .await
                .expect(200)
                .field("refresh_token");
            let request = refresh(&token);
            let replies = futures_util::future::join_all((0..8).map(|_| town.send(&request))).await;

            let (won, lost): (Vec<&Reply>, Vec<&Reply>) =
                replies.iter().partition(|reply| reply.status == 200);
            assert_eq!(won.len(), 1);
            assert!(lost.iter().all(|reply| reply.status == 401));
            let next = town
                .send(&refresh(&won[0].field("refresh_token")))
                .await
                .expect(200);
            town.send(&me().bearer(&next.field("access_token")))
                .await
                .expect(200);
        }
    }
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_but_its_own() {
    for engine in Engine::all() {
        let mut town = Town::on(engine).await;
        let others = Proofs::of(&mut town.alice).await;
        town.alice.log_in().await;
        let stream = Events::open(&town, "Authorization", &format!("Bearer {}", others.access)).await;
        let body = json!({"current_password": town.alice.password, "new_password": "another long password"});

        town.alice
            .send(Request::post("/auth/password", &body))
            .await
            .expect(204);

        // An app password is its own credential and stays until it is taken back.
        assert_eq!(others.answers(&town).await, [401, 401, 401, 200]);
        town.alice.get("/api/v1/me").await.expect(200);
        town.send(&refresh(&town.alice.refresh)).await.expect(200);
        town.send(&town.alice.log_in_request()).await.expect(401);
        town.alice.password = "another long password".to_owned();
        town.send(&town.alice.log_in_request()).await.expect(200);
        stream.end().await;
    }
}

#[tokio::test]
async fn signing_out_ends_one_session_and_everywhere_ends_all() {
    for engine in Engine::all() {
        let mut town = Town::on(engine).await;
        let first = Proofs::of(&mut town.alice).await;
        let second = Proofs::of(&mut town.alice).await;

        town.send(&Request::new("POST", "/auth/logout").bearer(&first.access))
            .await
            .expect(204);
        assert_eq!(first.answers(&town).await, [401, 401, 200, 200]);
        town.send(&me().bearer(&second.access)).await.expect(200);

        let streams = [
            Events::open(&town, "Authorization", &format!("Bearer {}", second.access)).await,
            Events::open(&town, "Cookie", &second.cookie).await,
        ];
        town.send(&Request::new("POST", "/auth/logout-everywhere").bearer(&second.access))
            .await
            .expect(204);
        assert_eq!(first.answers(&town).await, [401, 401, 401, 200]);
        assert_eq!(second.answers(&town).await, [401, 401, 401, 200]);
        for stream in streams {
            stream.end().await;
        }
    }
}

#[tokio::test]
async fn a_session_or_an_app_password_that_is_taken_back_opens_nothing() {
    for engine in Engine::all() {
        let mut town = Town::on(engine).await;
        let lost = Proofs::of(&mut town.alice).await;
        town.alice.log_in().await;
        let stream = Events::open(&town, "Authorization", &lost.app).await;
        let ids = |list: Value| -> Vec<String> {
            let rows = list
                .as_array()
                .unwrap()
                .iter()
                .filter(|row| row["current"] != json!(true));
            rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
        };
        let sessions = town.alice.get("/api/v1/sessions").await.expect(200).json();
        let passwords = town.alice.get("/api/v1/app-passwords").await.expect(200).json();
        let mut targets: Vec<String> = Vec::new();
        targets.extend(
            ids(sessions["sessions"].clone())
                .iter()
                .map(|id| format!("/api/v1/sessions/{id}")),
        );
        targets.extend(
            ids(passwords["app_passwords"].clone())
                .iter()
                .map(|id| format!("/api/v1/app-passwords/{id}")),
        );

        for target in &targets {
            town.alice.send(Request::new("DELETE", target)).await.expect(204);
        }

        assert_eq!(lost.answers(&town).await, [401, 401, 401, 401]);
        town.alice.get("/api/v1/me").await.expect(200);
        stream.end().await;
    }
}

#[tokio::test]
async fn a_closed_account_is_closed_at_once() {
    for engine in Engine::all() {
        let mut town = Town::on(engine).await;
        let id = town.alice.file("a.txt", b"content").await;
        let proofs = Proofs::of(&mut town.alice).await;
        let streams = [
            Events::open(&town, "Authorization", &format!("Bearer {}", proofs.access)).await,
            Events::open(&town, "Cookie", &proofs.cookie).await,
            Events::open(&town, "Authorization", &proofs.app).await,
        ];
        let target = format!("/api/v1/admin/users/{}", town.alice.id);
        let change = |disabled: bool| Request::new("PATCH", &target).json(&json!({"disabled": disabled}));

        town.admin.send(change(true)).await.expect(200);

        assert_eq!(proofs.answers(&town).await, [401, 401, 401, 401]);
        town.alice
            .get(&format!("/api/v1/files/{id}/content"))
            .await
            .expect(401);
        town.send(&town.alice.log_in_request()).await.expect(401);
        for stream in streams {
            stream.end().await;
        }

        town.admin.send(change(false)).await.expect(200);
        assert_eq!(
            proofs.answers(&town).await[..3],
            [401, 401, 401],
            "old sign-ins came back"
        );
        town.alice.log_in().await;
        assert_eq!(
            town.alice
                .get(&format!("/api/v1/files/{id}/content"))
                .await
                .expect(200)
                .body,
            b"content"
        );
    }
}

#[tokio::test]
async fn an_administrator_who_is_none_any_more_is_none_at_once() {
    for engine in Engine::all() {
        let town = Town::on(engine).await;
        let role = |id: &str, role: &str| {
            Request::new("PATCH", &format!("/api/v1/admin/users/{id}")).json(&json!({"role": role}))
        };
        town.bob.get("/api/v1/admin/users").await.expect(403);
        town.admin.send(role(&town.bob.id, "admin")).await.expect(200);
        town.bob.get("/api/v1/admin/users").await.expect(200);

        town.bob.send(role(&town.admin.id, "user")).await.expect(200);

        town.admin.get("/api/v1/admin/users").await.expect(403);
        town.admin.get("/metrics").await.expect(403);
        town.admin.get("/api/v1/jobs?all=true").await.expect(403);
        town.bob.send(role(&town.bob.id, "user")).await.expect(409);
    }
}

#[tokio::test]
async fn a_stream_tells_a_person_of_their_own_changes_only() {
    for engine in Engine::all() {
        let town = Town::on(engine).await;
        let mut stream = Events::open(&town, "Authorization", &format!("Bearer {}", town.alice.access)).await;
        town.bob.file("of-bob.txt", b"b").await;
        town.alice.file("of-alice.txt", b"a").await;
        // Told a moment later, when another process is between.
        let mut came = stream.told("of-alice.txt").await;

        town.alice
            .send(Request::new("POST", "/auth/logout"))
            .await
            .expect(204);

        came.push_str(&stream.end().await);
        assert!(
            came.contains("event: change") && came.contains("of-alice.txt"),
            "{came}"
        );
        assert!(!came.contains("of-bob"), "{came}");
    }
}
