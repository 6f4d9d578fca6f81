use std::net::SocketAddr;

use axum::extract::{Query, State};
use axum::routing::post;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

#[derive(serde::Deserialize)]
struct Asked {
    #[serde(rename = "validationToken")]
    token: Option<String>,
}

async fn take(
    State(heard): State<UnboundedSender<Value>>,
    Query(asked): Query<Asked>,
    body: String,
) -> String {
    match asked.token {
        Some(token) => token,
        None => {
            heard.send(serde_json::from_str(&body).unwrap()).unwrap();
            String::new()
        }
    }
}

/// Somebody who listens, and what is heard.
async fn listener() -> (String, UnboundedReceiver<Value>) {
    let (send, heard) = unbounded_channel();
    let app = axum::Router::new().route("/hook", post(take)).with_state(send);
    let port = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .unwrap();
    let url = format!("http://{}/hook", port.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(port, app).await });
    (url, heard)
}

fn wanted(url: &str, minutes: i64) -> Value {
    let until = super::super::render::time(START_MS + minutes * 60_000);
    json!({
        "changeType": "updated", "notificationUrl": url, "lifecycleNotificationUrl": url,
        "resource": "/me/drive/root", "clientState": "secret", "expirationDateTime": until,
    })
}

#[tokio::test]
async fn a_subscriber_hears_of_changes_by_anybody() {
    let t = World::personal().await;
    let (url, mut heard) = listener().await;
    let made = t.post("/subscriptions", &wanted(&url, 42_300)).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    t.ada.create_file("a", "a");
    let notice = heard.recv().await.unwrap();

    assert_eq!(notice["value"][0]["clientState"], "secret");
    assert_eq!(notice["value"][0]["subscriptionId"], made.json()["id"]);
    t.fake.switches().set(|switches| switches.doubles_notices = true);
    t.put("b", "b").await;
    assert_eq!(heard.recv().await, heard.recv().await);
    t.fake.switches().set(|switches| switches.drops_notices = true);
    t.put("c", "c").await;
    t.ada.send_lifecycle("missed");
    assert_eq!(
        heard.recv().await.unwrap()["value"][0]["lifecycleEvent"],
        "missed"
    );
}

#[tokio::test]
async fn a_subscription_needs_an_answer_and_an_end_that_is_near() {
    let t = World::personal().await;
    let (url, _heard) = listener().await;
    let refused = async |body: &Value| {
        t.post("/subscriptions", body)
            .await
            .is_refused(400, "invalidRequest")
    };

    refused(&wanted(&url, 42_301)).await;
    refused(&wanted(&url, 0)).await;
    refused(&wanted(&url.replace("/hook", "/nobody"), 60)).await;
    let mut body = wanted(&url, 60);
    body["clientState"] = "x".repeat(129).into();
    refused(&body).await;
    assert_eq!(t.ada.subscription_count(), 0);
}

#[tokio::test]
async fn a_subscription_is_renewed_ended_and_forgotten() {
    let t = World::personal().await;
    let (url, _heard) = listener().await;
    let first = t.post("/subscriptions", &wanted(&url, 60)).await.text("id");
    let second = t.post("/subscriptions", &wanted(&url, 60)).await.text("id");
    let until = json!({ "expirationDateTime": super::super::render::time(START_MS + 7_200_000) });
    let renewed = t
        .call(
            "PATCH",
            &format!("/subscriptions/{first}"),
            &[],
            until.to_string(),
        )
        .await;

    assert_eq!(renewed.status, 200);
    t.fake.clock().advance(3_600_000);
    assert_eq!(t.item("/subscriptions").await["value"][0]["id"], first);
    assert_eq!(t.get(&format!("/subscriptions/{second}")).await.status, 404);
    assert_eq!(
        t.call("DELETE", &format!("/subscriptions/{first}"), &[], "")
            .await
            .status,
        204
    );
    assert_eq!(t.ada.subscription_count(), 0);
}
