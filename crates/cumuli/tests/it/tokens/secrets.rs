//! Secrets in places where others look: logs, figures, the disk.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{me, refresh};
use crate::harness::{Engine, Server, until};
use crate::people::{Person, SECRET_KEY, Town, basic};
use crate::wire::Request;

/// A password, a file and its content that no program writes by itself.
const PASSWORD: &str = "canary-password-7f3a";
const FILE: &str = "canary-file-7f3a.txt";
const CONTENT: &str = "canary-content-7f3a";

/// Does everything that has to do with a secret; answers the secrets that came of it.
async fn live(town: &mut Town) -> Vec<String> {
    let mut secrets = vec![PASSWORD.to_owned(), SECRET_KEY.to_owned()];
    let mut eve = Person::register(town.server.host(), "eve@example.org").await;
    let change = json!({"current_password": eve.password, "new_password": PASSWORD});
    eve.send(Request::post("/auth/password", &change))
        .await
        .expect(204);
    secrets.push(std::mem::replace(&mut eve.password, PASSWORD.to_owned()));
    secrets.extend([eve.access.clone(), eve.refresh.clone()]);
    eve.log_in().await;
    secrets.extend([eve.access.clone(), eve.refresh.clone()]);
    let renewed = town.send(&refresh(&eve.refresh)).await.expect(200);
    secrets.extend([renewed.field("access_token"), renewed.field("refresh_token")]);
    town.send(&refresh(&eve.refresh)).await.expect(401);
    let cookie = eve.cookie().await;
    secrets.push(cookie.split_once('=').unwrap().1.to_owned());
    let app = eve
        .send(Request::post(
            "/api/v1/app-passwords",
            &json!({"label": "script"}),
        ))
        .await
        .expect(201);
    let app = app.field("password");
    let by_app = basic(&eve.email, &app);
    secrets.extend([app, by_app.strip_prefix("Basic ").unwrap().to_owned()]);
    let invite = town
        .admin
        .send(Request::new("POST", "/api/v1/admin/invites"))
        .await
        .expect(201)
        .field("invite");
    let register = json!({"email": "mallory@example.org", "password": PASSWORD, "invite": invite});
    town.send(&Request::post("/auth/register", &register))
        .await
        .expect(201);
    secrets.push(invite);

    // Secrets where they do not belong, and requests that go wrong with them.
    for request in [
        me().bearer(&eve.access),
        me().header("Cookie", cookie),
        me().header("Authorization", by_app),
        me().bearer(&format!("{}x", eve.access)),
        me().header("Authorization", basic(&eve.email, PASSWORD)),
        Request::get(&format!(
            "/api/v1/me?access_token={}&password={PASSWORD}",
            eve.access
        )),
        Request::get(&format!("/{PASSWORD}")),
        Request::get(&format!("/api/v1/nodes/{}", eve.refresh)),
        Request::new("POST", "/auth/login").text_json(format!(
            "{{\"email\":\"eve@example.org\",\"password\":\"{PASSWORD}"
        )),
        Request::post("/auth/login", &json!({"email": PASSWORD, "password": PASSWORD})),
        Request::post(
            "/auth/login",
            &json!({"email": "eve@example.org", PASSWORD: PASSWORD}),
        ),
        Request::post(
            "/auth/register",
            &json!({"email": "x", "password": PASSWORD, "setup_code": PASSWORD}),
        ),
        Request::new("POST", &format!("/auth/login?password={PASSWORD}")).body(PASSWORD),
    ] {
        town.send(&request).await;
    }
    speak_http2(town.server.host(), &eve.access).await;
    secrets
}

/// Stores, finds, reads and deletes the file.
async fn work(person: &Person) {
    let id = person.file(FILE, CONTENT.as_bytes()).await;
    let big = CONTENT.repeat(4000);
    person.file(FILE, big.as_bytes()).await;
    for target in [
        format!("/api/v1/files/{id}/content"),
        format!("/api/v1/search?q={FILE}"),
        format!("/api/v1/resolve?path=/{FILE}"),
        format!("/api/v1/resolve?path=/{FILE}/x"),
    ] {
        person.get(&target).await;
    }
    person
        .send(Request::post("/api/v1/folders", &json!({"name": FILE})))
        .await
        .expect(409);
    person
        .send(Request::post(
            "/api/v1/folders",
            &json!({"name": format!("{FILE}/")}),
        ))
        .await
        .expect(422);
    person
        .send(Request::new("DELETE", &format!("/api/v1/nodes/{id}")))
        .await
        .expect(204);
    person
        .send(Request::new("DELETE", "/api/v1/trash"))
        .await
        .expect(204);
}

/// The same request by HTTP/2, whose machinery writes log lines of its own.
async fn speak_http2(host: &str, access: &str) {
    let authorization = format!("Bearer {access}");
    // Fields of RFC 7541's static table: GET, http, and four names with values of ours.
    let mut fields = vec![0x82, 0x86];
    for (name, value) in [
        (4, "/api/v1/me"),
        (1, "cumuli.test"),
        (23, authorization.as_str()),
    ] {
        // A literal that is never indexed, its name by number.
        fields.push(0x10 | if name < 15 { name } else { 15 });
        fields.extend((name >= 15).then(|| name - 15));
        let length = value.len();
        if length < 127 {
            fields.push(u8::try_from(length).unwrap());
        } else {
            let rest = length - 127;
            fields.push(127);
            fields.extend([
                u8::try_from(rest % 128).unwrap() | 128,
                u8::try_from(rest / 128).unwrap(),
            ]);
        }
        fields.extend(value.bytes());
    }
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    let length = u16::try_from(fields.len()).unwrap().to_be_bytes();
    bytes.extend([0, length[0], length[1], 1, 5, 0, 0, 0, 1]);
    bytes.extend(fields);
    let mut stream = TcpStream::connect(host).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut came = Vec::new();
    while !String::from_utf8_lossy(&came).contains("eve@example.org") {
        assert!(
            stream.read_buf(&mut came).await.unwrap() > 0,
            "no reply by HTTP/2: {came:?}"
        );
    }
}

#[tokio::test]
async fn no_secret_is_ever_logged() {
    for engine in Engine::all() {
        let mut town = Town::with(Server::on(engine).set("CUMULI_LOG", "trace")).await;
        let secrets = live(&mut town).await;
        work(&town.alice).await;
        let figures = town.admin.get("/metrics").await.expect(200).text();
        town.server.signal("TERM");
        until(async || town.server.logs().contains("ended; every request")).await;
        let logs = town.server.logs();

        assert!(
            logs.contains("TRACE") && logs.contains("DEBUG"),
            "nothing was logged"
        );
        for (place, text) in [("logs", &logs), ("figures", &figures)] {
            for secret in secrets.iter().map(String::as_str).chain([CONTENT]) {
                let line = text.lines().find(|line| line.contains(secret));
                assert_eq!(line, None, "{secret:?} is in the {place}");
            }
        }
        let shown = ["ERROR", "WARN", "INFO"];
        for line in logs
            .lines()
            .filter(|line| shown.iter().any(|level| line.contains(level)))
        {
            assert!(!line.contains(FILE), "a file's name is in the log: {line}");
        }
    }
}

#[tokio::test]
async fn nothing_on_the_disk_opens_an_account() {
    let mut town = Town::on(Engine::Sqlite).await;
    let secrets = live(&mut town).await;
    town.server.stop().await;

    let mut to_read = vec![town.server.data()];
    let mut count = 0;
    while let Some(path) = to_read.pop() {
        if path.is_dir() {
            to_read.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        count += 1;
        for secret in &secrets {
            let is_there = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!is_there, "{secret:?} is in {}", path.display());
        }
    }
    assert!(count > 1, "there was nothing to look at");
}
