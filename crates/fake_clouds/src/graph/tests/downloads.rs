use super::*;
use crate::{Act, Fault};

/// A file and the address of its download.
async fn download(t: &World) -> String {
    let id = t.ada.create_file("a.txt", "0123456789");
    let answer = t.get(&format!("/me/drive/items/{id}/content")).await;
    assert_eq!(answer.status, 302);
    answer.header("location").to_owned()
}

#[tokio::test]
async fn contents_come_from_another_origin_that_takes_no_access_token() {
    let t = World::personal().await;
    let url = download(&t).await;

    assert!(url.starts_with(&t.fake.files_url()) && !url.starts_with(&t.fake.url()));
    assert_eq!(t.send("GET", &url, &[], "").await.body, "0123456789");
    let named = t.item("/me/drive/root:/a.txt").await["@microsoft.graph.downloadUrl"].clone();
    assert_eq!(
        t.send("GET", named.as_str().unwrap(), &[], "").await.body,
        "0123456789"
    );
    t.is_honest();
    assert_eq!(t.get(&url).await.status, 401);
    t.is_caught("an access token was sent to the address of a download");
    assert_eq!(
        t.send("GET", &url.replace("%7b", "%7B"), &[], "").await.status,
        401
    );
    t.is_caught("the address of a download was encoded anew");
}

#[tokio::test]
async fn an_address_ends_after_its_time() {
    for status in [401, 403, 404] {
        let t = World::personal().await;
        t.fake.switches().set(|switches| {
            switches.download_ms = 1000;
            switches.download_expired_status = status;
        });
        let url = download(&t).await;
        t.fake.clock().advance(999);
        assert_eq!(t.send("GET", &url, &[], "").await.status, 200);
        t.fake.clock().advance(1);
        assert_eq!(t.send("GET", &url, &[], "").await.status, status);
    }
}

#[tokio::test]
async fn ranges_are_those_of_the_file() {
    let t = World::personal().await;
    let url = download(&t).await;
    for (range, status, body, told) in [
        ("bytes=0-3", 206, "0123", "bytes 0-3/10"),
        ("bytes=8-99", 206, "89", "bytes 8-9/10"),
        ("bytes=4-", 206, "456789", "bytes 4-9/10"),
        ("bytes=-3", 206, "789", "bytes 7-9/10"),
    ] {
        let answer = t.send("GET", &url, &[("range", range)], "").await;
        assert_eq!(
            (answer.status, answer.header("content-range")),
            (status, told),
            "{range}"
        );
        assert_eq!(answer.body, body);
    }
    for range in ["bytes=10-", "bytes=-11"] {
        t.send("GET", &url, &[("range", range)], "")
            .await
            .is_refused(416, "invalidRange");
    }
    t.fake.switches().set(|switches| switches.ignore_range = true);
    assert_eq!(
        t.send("GET", &url, &[("range", "bytes=0-3")], "")
            .await
            .body
            .len(),
        10
    );
}

#[tokio::test]
async fn a_range_is_asked_of_the_address_and_not_of_the_api() {
    let t = World::personal().await;
    let id = t.ada.create_file("a.txt", "0123456789");
    t.call(
        "GET",
        &format!("/me/drive/items/{id}/content"),
        &[("range", "bytes=0-1")],
        "",
    )
    .await;

    t.is_caught("a range was asked of /content");
}

#[tokio::test]
async fn a_download_can_be_cut_off_or_spoilt() {
    let t = World::personal().await;
    let url = download(&t).await;
    t.fake.faults().push(Fault::on("GET", "/download/", Act::Flip));
    t.fake
        .faults()
        .push(Fault::on("GET", "/download/", Act::Truncate));
    let spoilt = t.send("GET", &url, &[], "").await;
    let cut = t.http.get(&url).send().await.unwrap();

    assert_eq!(spoilt.body.len(), 10);
    assert_ne!(spoilt.body, "0123456789");
    assert!(cut.bytes().await.is_err());
}

#[tokio::test]
async fn infected_files_and_notebooks_are_not_handed_out() {
    let t = World::personal().await;
    let (id, notebook) = (t.ada.create_file("a", "a"), t.ada.create_notebook("notes"));
    t.ada.set_malware("a", true);
    let answer = t.get(&format!("/me/drive/items/{id}/content")).await;

    answer.is_refused(403, "accessDenied");
    assert_eq!(answer.json()["error"]["innerError"]["code"], "malwareDetected");
    assert!(answer.headers.contains_key("x-virus-infected"));
    assert_eq!(
        t.get(&format!("/me/drive/items/{notebook}/content")).await.status,
        400
    );
    assert_eq!(
        t.item("/me/drive/root:/notes").await["package"]["type"],
        "oneNote"
    );
}

#[tokio::test]
async fn earlier_contents_can_be_fetched() {
    let t = World::business().await;
    let id = t.ada.create_file("a", "one");
    t.ada.write("a", "two");
    let versions = t.item(&format!("/me/drive/items/{id}/versions")).await;
    let answer = t.get(&format!("/me/drive/items/{id}/versions/1.0/content")).await;

    assert_eq!(
        (&versions["value"][0]["id"], &versions["value"][1]["id"]),
        (&json!("2.0"), &json!("1.0"))
    );
    assert_eq!(
        t.send("GET", answer.header("location"), &[], "").await.body,
        "one"
    );
}
