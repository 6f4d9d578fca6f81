use super::*;
use crate::{Act, Fault};

#[tokio::test]
async fn who_comes_again_before_the_time_is_caught() {
    for (status, after, wait_ms) in [(429, "7", 7000), (503, "Tue, 14 Nov 2023 22:13:30 GMT", 10_000)] {
        let t = World::personal().await;
        t.fake.faults().push(Fault::on_any(
            "/me/drive",
            Act::status(status, Some(("Retry-After", after))),
        ));
        assert_eq!(t.get("/me/drive").await.status, status);
        t.fake.clock().advance(wait_ms);
        t.get("/me/drive").await;
        t.is_honest();
        t.fake.faults().push(Fault::on_any(
            "/me/drive",
            Act::status(status, Some(("Retry-After", "7"))),
        ));
        t.get("/me/drive").await;
        t.get("/me/drive/root").await;

        t.is_caught("before the time of Retry-After");
    }
}

#[tokio::test]
async fn a_batch_answers_each_request_by_itself() {
    let t = World::personal().await;
    t.ada.create_file("a b", "a");
    let requests = json!({ "requests": [
        { "id": "1", "method": "GET", "url": "/me/drive/root:/a%20b" },
        { "id": "2", "method": "PATCH", "url": "/me/drive/root:/a%20b", "body": { "name": "c" },
          "headers": { "content-type": "application/json" }, "dependsOn": ["1"] },
        { "id": "3", "method": "GET", "url": "/me/drive/root:/gone" },
        { "id": "4", "method": "DELETE", "url": "/me/drive/root:/c", "dependsOn": ["3"] },
    ]});
    let answer = t.post("/$batch", &requests).await.json();
    let status = |id: &str| {
        let mut all = answer["responses"].as_array().unwrap().iter();
        all.find(|each| each["id"] == id).unwrap()["status"].clone()
    };

    assert_eq!(
        [status("1"), status("2"), status("3"), status("4")],
        [200, 200, 404, 424]
    );
    assert!(t.ada.entry("c").is_some());
}

#[tokio::test]
async fn a_part_of_a_batch_can_be_too_much() {
    let t = World::personal().await;
    t.fake.switches().set(|switches| switches.batch_429s = 1);
    let get = |id: usize| json!({ "id": id.to_string(), "method": "GET", "url": "/me/drive" });
    let answer = t.post("/$batch", &json!({ "requests": [get(1), get(2)] })).await;
    let responses = answer.json()["responses"].clone();

    assert_eq!(
        (answer.status, &responses[0]["status"], &responses[1]["status"]),
        (200, &json!(200), &json!(429))
    );
    assert_eq!(responses[1]["headers"]["retry-after"], "7");
    let many: Vec<Value> = (0..21).map(get).collect();
    assert_eq!(t.post("/$batch", &json!({ "requests": many })).await.status, 400);
    t.is_caught("a batch of 21 requests");
}
