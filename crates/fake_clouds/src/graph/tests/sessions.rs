use super::*;
use crate::{Act, Fault};

/// The least fragment.
const STEP: usize = 320 * 1024;

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[tokio::test]
async fn a_file_comes_in_fragments_with_its_times() {
    for t in [World::personal().await, World::business().await] {
        let content = bytes(2 * STEP + 5);
        let body = json!({ "item": {
            "@microsoft.graph.conflictBehavior": "fail", "name": "a.bin",
            "fileSystemInfo": { "lastModifiedDateTime": "2001-02-03T04:05:06Z" },
        }});
        let url = t.session("a.bin", &body).await;
        assert!(!url.starts_with(&t.fake.url()));
        let first = t.fragment(&url, 0, &content[..STEP], content.len()).await;
        assert_eq!(first.json()["nextExpectedRanges"], json!([format!("{STEP}-")]));
        let last = t.fragment(&url, STEP, &content[STEP..], content.len()).await;
        let item = last.json();

        assert_eq!((first.status, last.status), (202, 201));
        assert_eq!(
            item["file"]["hashes"]["quickXorHash"],
            super::super::quick_xor_hash(&content)
        );
        assert_eq!(
            item["fileSystemInfo"]["lastModifiedDateTime"],
            "2001-02-03T04:05:06Z"
        );
        assert_eq!(t.ada.read("a.bin").unwrap(), content);
        assert_eq!(t.send("GET", &url, &[], "").await.status, 404);
        t.is_honest();
    }
}

#[tokio::test]
async fn fragments_that_no_client_may_send_are_refused_and_caught() {
    for (range, length, status, what) in [
        ("bytes 0-9/100", 10, 400, "no multiple of 320 KiB"),
        ("bytes 0-19/100", 10, 400, "is not its length"),
        ("bytes 0-0/0", 1, 400, "is not its length"),
        (
            "bytes 0-62914559/99999999",
            62_914_560,
            413,
            "a fragment of 62914560 bytes",
        ),
    ] {
        let t = World::personal().await;
        let url = t.session("a", &when_taken("fail")).await;
        let answer = t
            .send("PUT", &url, &[("content-range", range)], vec![0; length])
            .await;

        assert_eq!(answer.status, status);
        t.is_caught(what);
    }
}

#[tokio::test]
async fn a_fragment_that_is_there_or_too_far_is_refused_and_the_upload_goes_on() {
    let t = World::personal().await;
    let content = bytes(3 * STEP);
    let url = t.session("a", &when_taken("fail")).await;
    t.fragment(&url, 0, &content[..STEP], content.len()).await;
    t.fragment(&url, 0, &content[..STEP], content.len())
        .await
        .is_refused(416, "invalidRange");
    t.fragment(&url, 2 * STEP, &content[2 * STEP..], content.len())
        .await
        .is_refused(416, "invalidRange");
    let state = t.send("GET", &url, &[], "").await.json();

    assert_eq!(state["nextExpectedRanges"], json!([format!("{STEP}-")]));
    t.fake.switches().set(|switches| switches.split_ranges = true);
    let state = t.send("GET", &url, &[], "").await.json();
    assert_eq!(
        state["nextExpectedRanges"],
        json!([format!("{}-", 2 * STEP), format!("{STEP}-{}", 2 * STEP - 1)])
    );
    assert_eq!(
        t.fragment(&url, STEP, &content[STEP..], content.len())
            .await
            .status,
        201
    );
    t.is_honest();
}

#[tokio::test]
async fn a_fragment_whose_answer_is_lost_is_there_and_one_that_is_cut_off_is_not() {
    let t = World::personal().await;
    let content = bytes(2 * STEP);
    let url = t.session("a", &when_taken("fail")).await;
    t.fake
        .faults()
        .push(Fault::on("PUT", "/upload/", Act::DropMid(1000)));
    t.fake.faults().push(Fault::on("PUT", "/upload/", Act::DropAfter));
    let range = format!("bytes 0-{}/{}", STEP - 1, content.len());
    for expected in ["0-", "327680-"] {
        let sent = t
            .http
            .put(&url)
            .header("content-range", &range)
            .body(content[..STEP].to_vec())
            .send()
            .await;
        assert!(sent.is_err());
        let state = t.send("GET", &url, &[], "").await.json();
        assert_eq!(state["nextExpectedRanges"], json!([expected]));
    }
}

#[tokio::test]
async fn a_fragment_can_be_kept_in_part() {
    let t = World::personal().await;
    t.fake
        .switches()
        .set(|switches| switches.partial_fragment = Some(7));
    let url = t.session("a", &when_taken("fail")).await;
    let answer = t.fragment(&url, 0, b"0123456789", 10).await;

    assert_eq!(answer.json()["nextExpectedRanges"], json!(["7-"]));
    assert_eq!(t.fragment(&url, 7, b"789", 10).await.status, 201);
    assert_eq!(t.ada.read("a").unwrap(), "0123456789");
}

#[tokio::test]
async fn the_address_of_an_upload_takes_no_access_token_and_no_other_spelling() {
    let t = World::personal().await;
    let url = t.session("a", &when_taken("fail")).await;
    let range = [("content-range", "bytes 0-0/1")];
    assert_eq!(t.call("PUT", &url, &range, "x").await.status, 401);
    t.is_caught("an access token was sent to the address of an upload");
    assert_eq!(
        t.send("PUT", &url.replace("%2e", "."), &range, "x").await.status,
        401
    );
    t.is_caught("the address of an upload was encoded anew");

    assert_eq!(t.send("PUT", &url, &range, "x").await.status, 201);
}

#[tokio::test]
async fn a_session_ends_when_it_is_cancelled_or_nobody_feeds_it() {
    let t = World::personal().await;
    let (one, other) = (
        t.session("a", &when_taken("fail")).await,
        t.session("b", &when_taken("fail")).await,
    );

    assert_eq!(t.send("DELETE", &one, &[], "").await.status, 204);
    t.send("GET", &one, &[], "").await.is_refused(404, "itemNotFound");
    t.fake.clock().advance(24 * 3600 * 1000);
    t.fragment(&other, 0, b"x", 1)
        .await
        .is_refused(404, "itemNotFound");
    assert_eq!(t.fake.open_sessions(), 0);
}

#[tokio::test]
async fn a_new_session_may_be_unknown_for_some_requests() {
    let t = World::personal().await;
    t.fake.switches().set(|switches| switches.session_404s = 2);
    let url = t.session("a", &when_taken("fail")).await;

    let statuses = [(); 3].map(|()| t.fragment(&url, 0, b"x", 1));
    let mut seen = Vec::new();
    for status in statuses {
        seen.push(status.await.status);
    }
    assert_eq!(seen, [404, 404, 201]);
}

#[tokio::test]
async fn a_taken_name_is_told_when_the_session_is_made_or_at_its_end() {
    let t = World::personal().await;
    let url = t.session("a", &when_taken("fail")).await;
    t.ada.create_file("a", "theirs");
    let path = "/me/drive/root:/a:/createUploadSession";
    t.post(path, &when_taken("fail"))
        .await
        .is_refused(409, "nameAlreadyExists");
    t.fragment(&url, 0, b"ours", 4)
        .await
        .is_refused(409, "nameAlreadyExists");
    // It stays alive, and can be finished under another name.
    let body = json!({ "@microsoft.graph.sourceUrl": url, "@microsoft.graph.conflictBehavior": "rename", "name": "a" });
    let finished = t.call("PUT", "/me/drive/root:/a", &[], body.to_string()).await;

    assert_eq!(finished.status, 201, "{:?}", finished.body);
    assert_eq!(finished.text("name"), "a 1");
    assert_eq!(
        (t.ada.read("a").unwrap(), t.ada.read("a 1").unwrap()),
        ("theirs".into(), "ours".into())
    );
    t.fake.switches().set(|switches| switches.late_conflict = true);
    assert_eq!(t.post(path, &when_taken("fail")).await.status, 200);
}

#[tokio::test]
async fn a_condition_is_held_when_the_session_is_made_and_at_its_end() {
    let t = World::personal().await;
    let id = t.ada.create_file("a", "1");
    let path = format!("/me/drive/items/{id}/createUploadSession");
    let tag = t.item(&format!("/me/drive/items/{id}")).await["cTag"]
        .as_str()
        .unwrap()
        .to_owned();
    let create = async |header: &str, tag: &str| t.call("POST", &path, &[(header, tag)], "{}").await;

    create("if-match", "other")
        .await
        .is_refused(412, "resourceModified");
    create("if-none-match", "*")
        .await
        .is_refused(412, "resourceModified");
    let url = create("if-match", &tag).await.text("uploadUrl");
    t.ada.write("a", "theirs");
    t.fragment(&url, 0, b"x", 1)
        .await
        .is_refused(412, "resourceModified");
    assert_eq!(t.ada.read("a").unwrap(), "theirs");
    t.fake
        .switches()
        .set(|switches| switches.old_precondition_words = true);
    create("if-match", &tag).await.is_refused(412, "notAllowed");
}

#[tokio::test]
async fn a_session_may_change_the_tag_that_it_was_made_with_but_not_that_of_the_content() {
    let t = World::personal().await;
    t.fake
        .switches()
        .set(|switches| switches.session_bumps_etag = true);
    let id = t.ada.create_file("a", "1");
    let item = t.item(&format!("/me/drive/items/{id}")).await;
    let path = format!("/me/drive/items/{id}/createUploadSession");
    for (tag, status) in [("eTag", 412), ("cTag", 200)] {
        let tag = t.item(&format!("/me/drive/items/{id}")).await[tag]
            .as_str()
            .unwrap()
            .to_owned();
        let url = t
            .call("POST", &path, &[("if-match", &tag)], "{}")
            .await
            .text("uploadUrl");
        assert_eq!(t.fragment(&url, 0, b"x", 1).await.status, status);
    }
    assert_ne!(
        item["eTag"],
        t.item(&format!("/me/drive/items/{id}")).await["eTag"]
    );
}

#[tokio::test]
async fn missing_room_is_told_up_front_when_the_length_is_or_else_at_the_end() {
    let t = World::personal().await;
    t.ada.set_quota(3);
    let path = "/me/drive/root:/a:/createUploadSession";
    t.post(path, &json!({ "item": { "fileSize": 4 } }))
        .await
        .is_refused(507, "quotaLimitReached");
    let url = t.session("a", &when_taken("fail")).await;

    t.fragment(&url, 0, b"1234", 4)
        .await
        .is_refused(507, "quotaLimitReached");
    assert!(t.ada.tree().is_empty());
}

#[tokio::test]
async fn organizations_are_not_told_the_length_ahead() {
    let t = World::business().await;
    let path = "/me/drive/root:/a:/createUploadSession";

    t.post(path, &json!({ "item": { "fileSize": 4 } }))
        .await
        .is_refused(400, "invalidRequest");
}

#[tokio::test]
async fn a_deferred_upload_waits_for_its_commit() {
    let t = World::business().await;
    let url = t.session("a", &json!({ "deferCommit": true })).await;
    assert_eq!(t.fragment(&url, 0, b"x", 1).await.status, 202);
    assert!(t.ada.entry("a").is_none());

    assert_eq!(t.send("POST", &url, &[], "").await.status, 201);
    assert_eq!(t.ada.read("a").unwrap(), "x");
}

#[tokio::test]
async fn long_uploads_need_no_memory_when_only_their_hashes_are_kept() {
    let options = GraphOptions {
        keep_bytes: false,
        ..GraphOptions::default()
    };
    let t = World::with(options).await;
    let url = t.session("a", &when_taken("fail")).await;
    let done = t.fragment(&url, 0, b"hello world", 11).await.json();

    assert_eq!(
        done["file"]["hashes"]["quickXorHash"],
        "aCgDG9jwBhDc4Q1yawMZAAAAAAA="
    );
    assert_eq!(t.ada.read("a"), None);
}

#[tokio::test]
async fn a_session_that_does_not_say_what_to_do_with_a_taken_name_replaces() {
    let t = World::personal().await;
    let id = t.ada.create_file("a", "theirs");
    let url = t.session("a", &json!({})).await;
    assert_eq!(t.fragment(&url, 0, b"ours", 4).await.text("id"), id);
    t.fake
        .switches()
        .set(|switches| switches.sessions_fail_by_default = true);

    t.post("/me/drive/root:/a:/createUploadSession", &json!({}))
        .await
        .is_refused(409, "nameAlreadyExists");
}
