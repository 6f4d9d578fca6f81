//! Notices of providers, through the real program and the fakes of Google and Microsoft: changes reach mirrors as they
//! are told, and whoever else knocks at those doors gets nothing.

use fake_clouds::clock::parse_rfc3339;
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::harness::{Client, Engine, Reply, Server, until};
use crate::linked::{Browser, Clouds, PEOPLE};

/// No look is due sooner than this when changes are told.
const FAR_MS: i64 = 5 * 60 * 1000;

/// A server at a public address, of which the fakes know where it really is.
async fn public(clouds: &Clouds, engine: Engine) -> (Server, Client) {
    let builder = clouds.builder(engine);
    let server = builder
        .set("CUMULI_PUBLIC_URL", "https://drive.example.org")
        .start()
        .await;
    let origin = server.address().to_owned();
    clouds
        .google
        .switches()
        .set(|is| is.push_origin.clone_from(&origin));
    clouds
        .microsoft
        .switches()
        .set(|is| is.push_origin.clone_from(&origin));
    let ada = server.user("ada@example.org").await;
    (server, ada)
}

/// Links a drive, and answers its connection.
async fn link(server: &Server, who: &Client, provider: &str) -> String {
    let start = format!("{}/auth/{provider}/start", server.address());
    let (status, place) = Browser::new(server).go(&start, Some(who.token())).await;
    assert_eq!(status, 200, "{place}");
    let list = who.get("/api/v1/connections").await.expect(200).json();
    let all = list["connections"].as_array().unwrap();
    let own = all
        .iter()
        .find(|one| one["kind"] == provider)
        .expect("it is there");
    own["id"].as_str().unwrap().to_owned()
}

/// Waits until what changes is told, and the next look is far away.
async fn resting(who: &Client, id: &str) {
    until(async || {
        let one = who
            .get(&format!("/api/v1/connections/{id}"))
            .await
            .expect(200)
            .json();
        let next = parse_rfc3339(one["next_look_at"].as_str().unwrap()).unwrap();
        let now = fake_clouds::FakeClock::real().now();
        if one["news"]["told"] == true && next > now + FAR_MS && one["looking"] == false {
            return true;
        }
        if next > now + 2000 {
            // It looks once more soon after a channel was opened; sooner for us.
            refresh(who, id).await;
        }
        false
    })
    .await;
}

async fn refresh(who: &Client, id: &str) {
    who.post(&format!("/api/v1/connections/{id}/refresh"), &json!({}))
        .await
        .expect(202);
}

async fn mirror(who: &Client, id: &str, folder: &str) {
    let body =
        json!({"folder_path": folder, "connection_id": id, "remote_path": "/Papers", "make_remote": true});
    who.post("/api/v1/mirrors", &body).await.expect(201);
}

async fn is_here(who: &Client, path: &str) -> bool {
    who.get(&format!("/api/v1/resolve?path={path}")).await.status == 200
}

#[tokio::test]
async fn an_edit_at_a_provider_reaches_a_mirror_before_it_is_looked_for() {
    for engine in Engine::all() {
        let clouds = Clouds::start().await;
        let google = clouds.google.account(PEOPLE[0]);
        let papers = google.create_folder(&google.root(), "Papers");
        let _ = google.create_file(&papers, "first.txt", "1");
        let microsoft = clouds.microsoft.account(PEOPLE[1]);
        microsoft.create_file("Papers/first.txt", "1");
        let (server, ada) = public(&clouds, engine).await;
        let drive = link(&server, &ada, "google").await;
        let onedrive = link(&server, &ada, "onedrive").await;
        for (id, folder) in [(&drive, "G"), (&onedrive, "M")] {
            mirror(&ada, id, folder).await;
            until(async || is_here(&ada, &format!("/{folder}/first.txt")).await).await;
            resting(&ada, id).await;
        }

        let edited = google.create_file(&papers, "told.txt", "by Google");
        until(async || is_here(&ada, "/G/told.txt").await).await;
        microsoft.create_file("Papers/told.txt", "by Microsoft");
        until(async || is_here(&ada, "/M/told.txt").await).await;
        // Further changes are told too, by a channel that is there still.
        google.trash(&edited);
        until(async || !is_here(&ada, "/G/told.txt").await).await;

        let shown = ada
            .get(&format!("/api/v1/connections/{onedrive}"))
            .await
            .expect(200)
            .json();
        assert!(
            shown["news"]["until"].is_string() && shown["news"]["last_at"].is_string(),
            "{shown}"
        );
        assert_eq!(shown["abilities"]["notifies"], true);
        let metrics = ada.get("/metrics").await.expect(200).text();
        for provider in ["google", "onedrive"] {
            let taken = format!("cumuli_notices_total{{provider=\"{provider}\",outcome=\"taken\"}}");
            assert!(metrics.contains(&taken), "{metrics}");
        }
        for id in [&drive, &onedrive] {
            ada.delete(&format!("/api/v1/connections/{id}")).await.expect(200);
        }
        assert_eq!(
            (clouds.google.channel_count(), microsoft.subscription_count()),
            (0, 0)
        );
        assert_eq!(clouds.google.violations(), Vec::<String>::new());
    }
}

/// What Google sends, with these headers.
async fn google_says(server: &Server, headers: &[(&str, &str)]) -> Reply {
    let client = server.client();
    let mut request = client.request(Method::POST, "/hooks/google");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request).await
}

async fn graph_says(server: &Server, body: Value) -> Reply {
    server.client().post("/hooks/graph", &body).await
}

#[tokio::test]
async fn who_knows_no_channel_learns_nothing_and_moves_nothing() {
    for engine in Engine::all() {
        let clouds = Clouds::start().await;
        let (server, ada) = public(&clouds, engine).await;
        let id = link(&server, &ada, "google").await;
        resting(&ada, &id).await;
        let pushed = clouds.google.pushes();
        let right = pushed[0].header("X-Goog-Channel-Token").unwrap();
        let (channel, _) = right.split_once('.').unwrap();
        let looks = clouds.google.requests().len();

        let unknown = "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f";
        let zeros = "0".repeat(64);
        let mut told = Vec::new();
        for token in [
            String::new(),
            "x".to_owned(),
            format!("{channel}.{zeros}"),
            format!("{unknown}.{zeros}"),
            right[..right.len() - 1].to_owned(),
        ] {
            let headers = [
                ("X-Goog-Channel-ID", channel),
                ("X-Goog-Channel-Token", &token),
                ("X-Goog-Resource-State", "change"),
            ];
            told.push(google_says(&server, &headers).await);
            let notice = json!({"value": [{"subscriptionId": channel, "clientState": token}]});
            told.push(graph_says(&server, notice).await);
        }
        told.push(google_says(&server, &[]).await);
        told.push(graph_says(&server, json!({"value": []})).await);
        for reply in &told {
            assert_eq!(reply.status, 404, "{}", reply.text());
            assert_eq!(
                reply.json()["detail"],
                told[0].json()["detail"],
                "they are all alike"
            );
        }
        assert_eq!(clouds.google.requests().len(), looks);
        let metrics = ada.get("/metrics").await.expect(200).text();
        assert!(metrics.contains("cumuli_notices_total{provider=\"onedrive\",outcome=\"refused\"}"));
    }
}

#[tokio::test]
async fn bodies_of_notices_are_bounded_and_tokens_come_back_as_text_only() {
    let server = Server::on(Engine::Sqlite).start().await;
    let client = server.client();
    let long = vec![b' '; 2 << 20];
    for door in ["/hooks/google", "/hooks/graph"] {
        let request = client.request(Method::POST, door).body(long.clone());
        let request = request.header(header::CONTENT_TYPE, "application/json");
        assert_eq!(client.send(request).await.status, 413, "{door}");
    }
    let many = json!({"value": vec![json!({"clientState": "x"}); 1001]});
    assert_eq!(graph_says(&server, many).await.status, 413);
    for (body, status) in [
        (json!({}), 422),
        (json!({"value": 1}), 422),
        (json!({"value": [1]}), 422),
    ] {
        assert_eq!(graph_says(&server, body.clone()).await.status, status, "{body}");
    }
    let plain = client.request(Method::POST, "/hooks/graph").body("x");
    assert_eq!(client.send(plain).await.status, 415);

    let ask = async |token: &str| {
        let request = client.request(Method::POST, "/hooks/graph");
        client.send(request.query(&[("validationToken", token)])).await
    };
    let html = "<script>alert(1)</script> & Validation: é";
    let answer = ask(html).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, html));
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(
        answer
            .header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert_eq!(ask("").await.status, 200);
    assert_eq!(ask(&"x".repeat(4096)).await.status, 200);
    assert_eq!(ask(&"x".repeat(4097)).await.status, 400);
    assert_eq!(ask("a\r\nSet-Cookie: x").await.status, 400);
}

#[tokio::test]
async fn a_flood_of_right_notices_makes_few_looks() {
    for engine in Engine::all() {
        let clouds = Clouds::start().await;
        let account = clouds.google.account(PEOPLE[0]);
        let (server, ada) = public(&clouds, engine).await;
        let id = link(&server, &ada, "google").await;
        resting(&ada, &id).await;
        let pushed = clouds.google.pushes();
        let mut headers: Vec<(&str, &str)> = Vec::new();
        for (name, value) in &pushed[0].headers {
            let value = if name == "X-Goog-Resource-State" {
                "change"
            } else {
                value
            };
            headers.push((name, value));
        }
        let looks = || {
            let seen = clouds.google.requests();
            seen.iter()
                .filter(|seen| seen.path.ends_with("/drive/v3/changes"))
                .count()
        };
        let before = looks();
        let flood = (0..60).map(|_| google_says(&server, &headers));
        let replies = futures_util::future::join_all(flood).await;
        assert!(replies.iter().all(|reply| reply.status == 204));
        let _ = account.create_file(&account.root(), "told.txt", "1");
        let items = format!("/api/v1/connections/{id}/items");
        until(async || {
            let page = ada.get(&items).await.expect(200).json();
            page["items"].as_array().unwrap().len() == 1
        })
        .await;
        // One when it began, one some seconds after, and one for what the flood hid.
        assert!(looks() - before <= 3, "{} looks", looks() - before);
    }
}
