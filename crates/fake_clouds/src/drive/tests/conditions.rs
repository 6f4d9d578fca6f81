//! Contents that are written only if a file is still the same.

use serde_json::json;

use super::*;
use crate::drive::IfMatch;

async fn tag(desk: &Desk, id: &str) -> String {
    let path = format!(
        "/drive/v2/files/{id}?fields=etag,version,headRevisionId,md5Checksum,modifiedDate&supportsAllDrives=true"
    );
    desk.get(&path).await.json()["etag"].as_str().unwrap().to_owned()
}

async fn put(desk: &Desk, id: &str, tag: &str, body: &'static str) -> Answer {
    let path = format!("/upload/drive/v2/files/{id}?uploadType=media&supportsAllDrives=true");
    desk.send(desk.request("PUT", &path).header("if-match", tag).body(body))
        .await
}

#[tokio::test]
async fn a_file_that_is_the_same_is_written_and_one_that_is_not_is_not() {
    let desk = Desk::new().await;
    let id = desk.account.create_file("root", "a", "1");
    let first = tag(&desk, &id).await;

    assert_eq!(put(&desk, &id, &first, "2").await.status, 200);
    let refused = put(&desk, &id, &first, "3").await;
    assert_eq!(
        (refused.status, refused.reason()),
        (412, "conditionNotMet".to_owned())
    );
    assert_eq!(desk.account.entry(&id).unwrap().bytes.unwrap(), "2");
}

#[tokio::test]
async fn a_tag_changes_with_what_nobody_sees() {
    let desk = Desk::new().await;
    let id = desk.account.create_file("root", "a", "1");
    let first = tag(&desk, &id).await;
    desk.account.touch(&id);

    assert_eq!(put(&desk, &id, &first, "2").await.status, 412);
    let second = tag(&desk, &id).await;
    assert_eq!(put(&desk, &id, &second, "2").await.status, 200);
}

#[tokio::test]
async fn when_a_condition_of_an_upload_in_pieces_counts_can_be_chosen() {
    for (counts, status) in [
        (IfMatch::Both, 412),
        (IfMatch::AtEnd, 412),
        (IfMatch::AtStart, 200),
        (IfMatch::Never, 200),
    ] {
        let desk = Desk::new().await;
        desk.fake.switches().set(|switches| switches.v2_if_match = counts);
        let id = desk.account.create_file("root", "a", "1");
        let tag = tag(&desk, &id).await;
        let path = format!("/upload/drive/v2/files/{id}?uploadType=resumable&supportsAllDrives=true");
        let request = desk
            .request("PUT", &path)
            .header("if-match", tag)
            .json(&json!({}));
        let address = desk.send(request).await.header("location").unwrap().to_owned();
        desk.account.write(&id, "of somebody else");

        let answer = desk.send(desk.request("PUT", &address).body("2")).await;
        assert_eq!(answer.status, status, "{counts:?}");
    }
}

#[tokio::test]
async fn the_content_before_a_blind_write_can_be_read_back() {
    let desk = Desk::new().await;
    let id = desk.account.create_file("root", "a", "1");
    desk.account.write(&id, "of somebody else");
    let path = format!("/upload/drive/v3/files/{id}?uploadType=media&supportsAllDrives=true");
    assert_eq!(
        desk.send(desk.request("PATCH", &path).body("2")).await.status,
        200
    );

    let listed = desk
        .get(&format!("/drive/v3/files/{id}/revisions?fields=revisions(id)"))
        .await
        .json();
    let before = listed["revisions"][1]["id"].as_str().unwrap();
    let content = desk
        .get(&format!("/drive/v3/files/{id}/revisions/{before}?alt=media"))
        .await;
    assert_eq!(content.body, b"of somebody else");
}
