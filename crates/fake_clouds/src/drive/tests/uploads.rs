//! Uploads in many pieces.

use serde_json::json;

use super::*;

const UNIT: usize = 256 << 10;

async fn begin(desk: &Desk, length: usize) -> String {
    let request = desk.request(
        "POST",
        "/upload/drive/v3/files?uploadType=resumable&supportsAllDrives=true&fields=id,size",
    );
    let request = request
        .header("x-upload-content-length", length)
        .json(&json!({"name": "a"}));
    let answer = desk.send(request).await;
    assert_eq!(answer.status, 200);
    answer.header("location").unwrap().to_owned()
}

async fn put(desk: &Desk, address: &str, range: &str, body: Vec<u8>) -> Answer {
    desk.send(
        desk.request("PUT", address)
            .header("content-range", range)
            .body(body),
    )
    .await
}

#[tokio::test]
async fn pieces_become_a_file_and_the_end_can_be_asked_again() {
    let desk = Desk::new().await;
    let address = begin(&desk, UNIT + 1).await;

    let first = put(
        &desk,
        &address,
        &format!("bytes 0-{}/{}", UNIT - 1, UNIT + 1),
        vec![1; UNIT],
    )
    .await;
    assert_eq!(
        (first.status, first.header("range")),
        (308, Some("bytes=0-262143"))
    );
    let last = put(
        &desk,
        &address,
        &format!("bytes {UNIT}-{UNIT}/{}", UNIT + 1),
        vec![2],
    )
    .await;
    assert_eq!((last.status, &last.json()["size"]), (200, &json!("262145")));
    let again = put(&desk, &address, &format!("bytes */{}", UNIT + 1), Vec::new()).await;
    assert_eq!(again.json(), last.json());
    assert_eq!(desk.fake.violations(), [""; 0]);
}

#[tokio::test]
async fn nothing_kept_is_308_without_a_range() {
    let desk = Desk::new().await;
    let address = begin(&desk, 2 * UNIT).await;
    desk.fake
        .switches()
        .set(|switches| switches.keep_of_pieces = vec![0]);
    let range = format!("bytes 0-{}/{}", UNIT - 1, 2 * UNIT);

    let answer = put(&desk, &address, &range, vec![1; UNIT]).await;
    assert_eq!((answer.status, answer.header("range")), (308, None));
    let answer = put(&desk, &address, &range, vec![1; UNIT]).await;
    assert_eq!(answer.header("range"), Some("bytes=0-262143"));
}

#[tokio::test]
async fn a_connection_that_breaks_leaves_whole_units() {
    let desk = Desk::new().await;
    let address = begin(&desk, 4 * UNIT).await;
    let length = u64::try_from(2 * UNIT + 5).unwrap();
    desk.fake
        .faults()
        .push(crate::Fault::on("PUT", "upload_id", crate::Act::DropMid(length)));
    let whole = format!("bytes 0-{}/{}", 4 * UNIT - 1, 4 * UNIT);

    let broken = desk
        .request("PUT", &address)
        .header("content-range", whole)
        .body(vec![1; 4 * UNIT]);
    assert!(broken.send().await.is_err());
    let asked = put(&desk, &address, &format!("bytes */{}", 4 * UNIT), Vec::new()).await;
    assert_eq!(asked.header("range"), Some("bytes=0-524287"));
}

#[tokio::test]
async fn an_uneven_piece_is_refused_and_reported() {
    let desk = Desk::new().await;
    let address = begin(&desk, 2 * UNIT).await;

    let answer = put(&desk, &address, &format!("bytes 0-99/{}", 2 * UNIT), vec![1; 100]).await;
    assert_eq!(answer.status, 400);
    desk.saw_wrong("256 KiB");
}

#[tokio::test]
async fn an_address_that_was_written_anew_is_reported() {
    let desk = Desk::new().await;
    let address = begin(&desk, 0).await.replace("%2D", "-");

    assert_eq!(put(&desk, &address, "bytes */0", Vec::new()).await.status, 200);
    desk.saw_wrong("written differently");
}

#[tokio::test]
async fn a_session_ends_after_a_week() {
    let desk = Desk::new().await;
    let address = begin(&desk, UNIT).await;
    desk.fake.clock().advance(7 * 24 * HOUR_MS);
    let token = desk.account.issue_token();
    let desk = Desk { token, ..desk };

    assert_eq!(put(&desk, &address, "bytes */*", Vec::new()).await.status, 404);
    desk.fake
        .switches()
        .set(|switches| switches.session_over_status = 410);
    assert_eq!(put(&desk, &address, "bytes */*", Vec::new()).await.status, 410);
}

#[tokio::test]
async fn an_update_by_put_gets_no_address_and_is_reported() {
    let desk = Desk::new().await;
    let id = desk.account.create_file("root", "a", "1");
    let path = format!("/upload/drive/v3/files/{id}?uploadType=resumable&supportsAllDrives=true");

    let answer = desk.send(desk.request("PUT", &path).json(&json!({}))).await;
    assert_eq!(answer.header("location"), None);
    desk.saw_wrong("PATCH");
}

#[tokio::test]
async fn a_length_that_changes_is_refused_and_reported() {
    let desk = Desk::new().await;
    let address = begin(&desk, 3).await;

    assert_eq!(put(&desk, &address, "bytes 0-3/4", vec![1; 4]).await.status, 400);
    desk.saw_wrong("became one of 4");
}

#[tokio::test]
async fn an_upload_beyond_the_room_is_refused_before_and_after_its_bytes() {
    let desk = Desk::new().await;
    desk.account.set_limit(Some(10));
    let path = "/upload/drive/v3/files?uploadType=resumable&supportsAllDrives=true";
    let request = desk
        .request("POST", path)
        .header("x-upload-content-length", 11)
        .json(&json!({"name": "a"}));
    assert_eq!(desk.send(request).await.reason(), "storageQuotaExceeded");

    let path = "/upload/drive/v3/files?uploadType=media&supportsAllDrives=true";
    let answer = desk.send(desk.request("POST", path).body(vec![1; 11])).await;
    assert_eq!(answer.reason(), "storageQuotaExceeded");
    assert!(desk.account.tree().is_empty());
}
