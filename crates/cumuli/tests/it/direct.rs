//! Uploads whose bytes go straight to the store.

use serde_json::{Value, json};

use crate::harness::emulators::azurite::Azurite;
use crate::harness::emulators::s3s::S3s;
use crate::harness::{Engine, Server, azure_settings, hex, sha256, until};
use crate::people::{Person, SECRET_KEY, Town};
use crate::tus::{self, sample};
use crate::wire::Request;

const DIRECT: &str = "/api/v1/uploads/direct";

async fn plan(person: &Person, body: &Value) -> Value {
    person.send(Request::post(DIRECT, body)).await.expect(201).json()
}

/// Sends a part where the plan says; answers what the store calls it.
async fn send(part: &Value, bytes: &[u8]) -> Result<String, u16> {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let method = part["method"].as_str().unwrap().parse().unwrap();
    let mut request = http.request(method, part["url"].as_str().unwrap());
    for (name, value) in part["headers"].as_object().unwrap() {
        request = request.header(name, value.as_str().unwrap());
    }
    let reply = request.body(bytes.to_vec()).send().await.unwrap();
    let tag = reply
        .headers()
        .get("etag")
        .map(|tag| tag.to_str().unwrap().to_owned());
    match reply.status().is_success() {
        true => Ok(tag.unwrap_or_default()),
        false => Err(reply.status().as_u16()),
    }
}

/// The bytes of a part of a whole.
fn bytes_of<'a>(whole: &'a [u8], plan: &Value, part: &Value) -> &'a [u8] {
    let part_size = plan["part_size"].as_u64().unwrap() as usize;
    let start = (part["number"].as_u64().unwrap() as usize - 1) * part_size;
    let end = start + part["size"].as_u64().unwrap() as usize;
    &whole[start..end]
}

async fn complete(person: &Person, plan: &Value, body: &Value) -> crate::wire::Reply {
    let target = format!("{DIRECT}/{}/complete", plan["upload_id"].as_str().unwrap());
    person.send(Request::post(&target, body)).await
}

async fn assert_whole(server: &Server) {
    let checked = server.run(&["fsck", "--verify"], "").await;
    assert!(checked.is_success(), "{}{}", checked.out, checked.err);
}

#[tokio::test]
async fn parts_go_to_the_store_in_any_order_and_across_restarts() {
    for engine in Engine::all() {
        let s3s = S3s::start();
        let mut server = Server::on_s3(engine, &s3s)
            .set("SECRET_KEY", SECRET_KEY)
            .start()
            .await;
        let mut alice = Person::register(server.host(), "alice@example.org").await;
        let whole = sample(1, 40_000_000);
        let digest = sha256(&whole);
        let body = json!({"name": "film.mp4", "size": whole.len(), "sha256": digest});
        let plan = plan(&alice, &body).await;
        assert_eq!(plan["transfer"], "parts");
        let parts = plan["parts"].as_array().unwrap();
        assert_eq!(parts.len() as u64, plan["part_count"].as_u64().unwrap());
        assert!(parts.len() > 1, "{plan}");
        let id = plan["upload_id"].as_str().unwrap();

        let last = parts.last().unwrap();
        send(last, bytes_of(&whole, &plan, last)).await.unwrap();
        complete(&alice, &plan, &json!({})).await.expect(409);
        server.kill().await;
        server.restart().await;
        alice.move_to(server.host());
        let status = alice.get(&format!("{DIRECT}/{id}")).await.expect(200).json();
        assert_eq!(status["status"], "open");
        assert_eq!(status["parts"][0]["number"], last["number"]);
        let missing: Vec<u64> = (1..parts.len() as u64).collect();
        let more = Request::post(&format!("{DIRECT}/{id}/parts"), &json!({"numbers": missing}));
        let more = alice.send(more).await.expect(200).json();
        for part in more["parts"].as_array().unwrap() {
            send(part, bytes_of(&whole, &plan, part)).await.unwrap();
        }

        let done = complete(&alice, &plan, &json!({})).await.expect(200).json();
        let again = complete(&alice, &plan, &json!({})).await.expect(200).json();
        assert_eq!(done["file_id"], again["file_id"]);
        assert_eq!(done["file"]["sha256"], digest);
        assert_eq!(done["file"]["mime_type"], "video/mp4");
        let content = format!("/api/v1/files/{}/content", done["file_id"].as_str().unwrap());
        assert!(stored(&alice, &content).await == whole);
        assert_whole(&server).await;
    }
}

/// A content, wherever the server says that it is.
pub async fn stored(person: &Person, target: &str) -> Vec<u8> {
    let reply = person.get(target).await;
    if reply.status == 200 {
        return reply.body;
    }
    assert!(matches!(reply.status, 302 | 303 | 307), "{}", reply.text());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = http.get(reply.header("location")).send().await.unwrap();
    body.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn bytes_that_are_not_those_promised_make_no_file() {
    let s3s = S3s::start();
    let town = Town::with(Server::on_s3(Engine::Sqlite, &s3s)).await;
    let whole = sample(2, 20_000_000);
    let wrong = hex(&[7; 32]);
    let body = json!({"name": "wrong", "size": whole.len(), "sha256": wrong});
    let plan = plan(&town.alice, &body).await;
    for part in plan["parts"].as_array().unwrap() {
        send(part, bytes_of(&whole, &plan, part)).await.unwrap();
    }

    complete(&town.alice, &plan, &json!({})).await.expect(422);

    town.alice.get("/api/v1/resolve?path=/wrong").await.expect(404);
    complete(&town.alice, &plan, &json!({})).await.expect(422);
    let target = format!("{DIRECT}/{}", plan["upload_id"].as_str().unwrap());
    let status = town.alice.get(&target).await.expect(200).json();
    assert_eq!(status["status"], "failed");
    assert_whole(&town.server).await;
}

#[tokio::test]
async fn a_signed_part_takes_its_size_and_nothing_else() {
    let s3s = S3s::start();
    let town = Town::with(Server::on_s3(Engine::Sqlite, &s3s)).await;
    let whole = sample(3, 1_000_000);
    let plan = plan(&town.alice, &json!({"name": "sized", "size": whole.len()})).await;
    let part = &plan["parts"][0];
    assert!(send(part, &whole[..999_999]).await.is_err());
    assert!(send(part, &[&whole[..], b"x"].concat()).await.is_err());
    send(part, &whole).await.unwrap();
    let done = complete(&town.alice, &plan, &json!({})).await.expect(200).json();
    assert_eq!(done["file"]["size"], 1_000_000);
}

#[tokio::test]
async fn a_content_that_nobody_promised_is_read_back_and_known_afterwards() {
    for engine in Engine::all() {
        let s3s = S3s::start();
        let town = Town::with(Server::on_s3(engine, &s3s)).await;
        let whole = sample(4, 1_500_000);
        let before = town.alice.file("before", &whole).await;
        let mut files = vec![before];
        for name in ["first", "second"] {
            let plan = plan(
                &town.alice,
                &json!({"path": format!("new/{name}"), "size": whole.len()}),
            )
            .await;
            send(&plan["parts"][0], &whole).await.unwrap();
            let done = complete(&town.alice, &plan, &json!({})).await.expect(200).json();
            files.push(done["file_id"].as_str().unwrap().to_owned());
        }
        for file in &files {
            let target = format!("/api/v1/files/{file}");
            until(async || town.alice.get(&target).await.expect(200).json()["sha256"] == sha256(&whole))
                .await;
            assert!(stored(&town.alice, &format!("{target}/content")).await == whole);
        }
        assert_whole(&town.server).await;
    }
}

#[tokio::test]
async fn what_is_under_way_to_the_store_is_set_aside_until_it_is_given_up() {
    let s3s = S3s::start();
    let town = Town::with(Server::on_s3(Engine::Sqlite, &s3s)).await;
    let quota = format!("/api/v1/admin/users/{}", town.alice.id);
    let quota = Request::new("PATCH", &quota).json(&json!({"quota_bytes": 1000}));
    town.admin.send(quota).await.expect(200);
    let body = |name: &str| json!({"name": name, "size": 600});
    let first = plan(&town.alice, &body("first")).await;
    town.alice
        .send(Request::post(DIRECT, &body("second")))
        .await
        .expect(507);
    let target = format!("{DIRECT}/{}", first["upload_id"].as_str().unwrap());
    town.bob.send(Request::new("DELETE", &target)).await.expect(404);
    town.alice.send(Request::new("DELETE", &target)).await.expect(204);
    town.alice.get(&target).await.expect(404);
    assert!(
        send(&first["parts"][0], &[0; 600]).await.is_err(),
        "the store forgot it too"
    );
    plan(&town.alice, &body("second")).await;
    assert_whole(&town.server).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let s3s = S3s::start();
    let town = Town::with(Server::on_s3(Engine::Sqlite, &s3s)).await;
    for (body, status) in [
        (json!({"size": 1}), 422),
        (json!({"name": "x"}), 422),
        (json!({"name": "x", "size": -1}), 422),
        (json!({"name": "a/b", "size": 1}), 422),
        (json!({"name": "x", "path": "x", "size": 1}), 422),
        (json!({"name": "x", "size": 1, "sha256": "abc"}), 422),
        (json!({"name": "x", "size": 1, "store": "s3"}), 422),
        (json!({"name": "x", "size": 1, "folder_id": town.bob.root}), 404),
        (json!({"name": "x", "size": 1_u64 << 50}), 413),
    ] {
        let reply = town.alice.send(Request::post(DIRECT, &body)).await;
        assert_eq!(reply.status, status, "{body} {}", reply.text());
    }
    let plan = plan(&town.alice, &json!({"name": "x", "size": 10})).await;
    let target = format!("{DIRECT}/{}/parts", plan["upload_id"].as_str().unwrap());
    for numbers in [json!([]), json!([0]), json!([2]), json!([1, 4_000_000_000_u32])] {
        let reply = town
            .alice
            .send(Request::post(&target, &json!({"numbers": numbers})))
            .await;
        assert_eq!(reply.status, 409, "{}", reply.text());
    }
}

#[tokio::test]
async fn a_store_that_signs_no_parts_takes_the_same_file_by_tus() {
    let town = Town::on(Engine::Sqlite).await;
    let plan = plan(&town.alice, &json!({"name": "local.bin", "size": 70_000})).await;
    assert_eq!(plan["transfer"], "tus");
    let whole = sample(5, 70_000);
    let target = plan["tus_url"].as_str().unwrap();
    let done = town.alice.send(tus::piece(target, 0, &whole)).await.expect(204);
    assert!(tus::content(&town.alice, &done).await == whole);
}

#[tokio::test]
async fn parts_go_to_a_container_of_azure_as_well() {
    let azurite = Azurite::start();
    let builder = Server::on(Engine::Sqlite).set_all(azure_settings(&azurite));
    let town = Town::with(builder.set("STORAGE_BACKEND", "azure")).await;
    let whole = sample(6, 40_000_000);
    let body = json!({"name": "film.mp4", "size": whole.len(), "sha256": sha256(&whole)});
    let plan = plan(&town.alice, &body).await;
    assert_eq!(plan["transfer"], "parts");
    let parts = plan["parts"].as_array().unwrap();
    for part in parts.iter().skip(1).rev() {
        send(part, bytes_of(&whole, &plan, part)).await.unwrap();
    }
    complete(&town.alice, &plan, &json!({})).await.expect(409);
    send(&parts[0], bytes_of(&whole, &plan, &parts[0])).await.unwrap();

    let done = complete(&town.alice, &plan, &json!({})).await.expect(200).json();
    complete(&town.alice, &plan, &json!({})).await.expect(200);

    let content = format!("/api/v1/files/{}/content", done["file_id"].as_str().unwrap());
    assert!(stored(&town.alice, &content).await == whole);
    assert_whole(&town.server).await;
}
