//! `/share/{token}`: where the bytes of a link are.

use serde_json::{Value, json};

use super::Tree;
use crate::harness::{Engine, Server};
use crate::people::Town;
use crate::wire::Request;

#[tokio::test]
async fn a_program_is_told_where_the_bytes_are() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let file = town.alice.link(&json!({"node_id": tree.file})).await;
    let folder = town.alice.link(&json!({"node_id": tree.folder})).await;
    let share = |token: &str| Request::get(&format!("/share/{token}"));

    let told = town.send(&share(&file)).await.expect(200).json();
    let of_folder = town.send(&share(&folder)).await.expect(200).json();

    assert_eq!(
        (&told["filename"], &told["size"], &told["expires_in"]),
        (&json!("file.txt"), &json!(7), &json!(300))
    );
    let path = |told: &Value| {
        told["url"]
            .as_str()
            .unwrap()
            .strip_prefix("http://cumuli.test")
            .unwrap()
            .to_owned()
    };
    let bytes = town.send(&Request::get(&path(&told))).await.expect(200);
    assert_eq!(bytes.body, b"content");
    assert_eq!(of_folder["filename"], "Holiday.zip");
    let zip = town.send(&Request::get(&path(&of_folder))).await.expect(200);
    assert!(zip.body.starts_with(b"PK"));
}

#[tokio::test]
async fn a_browser_is_sent_to_the_page() {
    let town = Town::on(Engine::Sqlite).await;
    let tree = Tree::of(&town.alice).await;
    let browser = |token: &str| Request::get(&format!("/share/{token}")).header("Accept", "text/html");
    for body in [
        json!({"node_id": tree.file}),
        json!({"node_id": tree.file, "password": "open sesame"}),
        json!({"node_id": tree.folder, "mode": "drop"}),
    ] {
        let token = town.alice.link(&body).await;
        let sent = town.send(&browser(&token)).await.expect(302);
        assert_eq!(sent.header("location"), format!("/s/{token}"));
    }
    town.send(&browser("0000000000000000000000")).await.expect(404);
}

#[tokio::test]
async fn addresses_begin_as_people_reach_the_server() {
    let town =
        Town::with(Server::on(Engine::Sqlite).set("CUMULI_PUBLIC_URL", "https://drive.example.org")).await;
    let id = town.alice.file("a.txt", b"a").await;
    let token = town.alice.link(&json!({"node_id": id})).await;

    let told = town
        .send(&Request::get(&format!("/share/{token}")))
        .await
        .expect(200);

    assert!(
        told.field("url").starts_with("https://drive.example.org/blob/"),
        "{}",
        told.text()
    );
}
