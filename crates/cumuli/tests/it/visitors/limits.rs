//! Links that allow so many downloads, and what counts as one.

use futures_util::future::join_all;
use serde_json::json;

use super::{Tree, downloads, made};
use crate::people::Town;
use crate::wire::{Reply, Request};

const VISITORS: usize = 50;

fn count(replies: &[Reply], status: u16) -> usize {
    replies.iter().filter(|reply| reply.status == status).count()
}

#[tokio::test]
async fn of_fifty_at_once_one_gets_the_only_download() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let only = |node: &str| json!({"node_id": node, "max_downloads": 1});
    let (of_content, content) = made(&town.alice, &only(&tree.file)).await;
    let (of_zip, zip) = made(&town.alice, &only(&tree.folder)).await;
    let (of_blob, blob) = made(&town.alice, &only(&tree.file)).await;
    let signed = town
        .send(&Request::get(&format!("/share/{blob}")))
        .await
        .expect(200)
        .field("url");
    let address = signed.strip_prefix("http://cumuli.test").unwrap().to_owned();
    let races = [
        (of_content, format!("/s/{content}/content")),
        (of_zip, format!("/s/{zip}/zip")),
        (of_blob, address),
    ];
    for (link, target) in races {
        let request = Request::get(&target);

        let replies = join_all((0..VISITORS).map(|_| town.send(&request))).await;

        assert_eq!(
            (count(&replies, 200), count(&replies, 404)),
            (1, VISITORS - 1),
            "{target}"
        );
        assert_eq!(downloads(&town.alice, &link).await, 1);
        for method in ["GET", "HEAD"] {
            town.send(&Request::new(method, &target)).await.expect(404);
        }
    }
}

/// Where downloads are limited, parts cannot be put together to more than is allowed.
#[tokio::test]
async fn under_a_limit_each_part_counts() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let (link, token) = made(&town.alice, &json!({"node_id": tree.file, "max_downloads": 3})).await;
    let target = format!("/s/{token}/content");
    let part = |range: &str| Request::get(&target).header("Range", range.to_owned());

    for (range, status) in [
        ("bytes=3-4", 206),
        ("bytes=0-0", 206),
        ("bytes=0-0,5-6", 206),
        ("bytes=1-1", 404),
    ] {
        town.send(&part(range)).await.expect(status);
    }
    assert_eq!(downloads(&town.alice, &link).await, 3);

    let more = Request::new("PATCH", &format!("/api/v1/links/{link}"));
    town.alice
        .send(more.json(&json!({"max_downloads": 4})))
        .await
        .expect(200);
    let info = town
        .send(&Request::get(&format!("/s/{token}/info")))
        .await
        .expect(200);
    assert_eq!(info.json()["downloads_left"], 1);
    town.send(&part("bytes=1-1")).await.expect(206);
    town.send(&Request::get(&format!("/s/{token}/info")))
        .await
        .expect(404);
}

#[tokio::test]
async fn without_a_limit_a_download_counts_at_its_beginning() {
    let town = Town::start().await;
    let tree = Tree::of(&town.alice).await;
    let (link, token) = made(&town.alice, &json!({"node_id": tree.file})).await;
    let target = format!("/s/{token}/content");
    let tag = town
        .send(&Request::new("HEAD", &target))
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    let get = || Request::get(&target);

    for (request, status, counted) in [
        (get(), 200, 1),
        (get().header("Range", "bytes=0-"), 206, 2),
        (get().header("Range", "bytes=3-"), 206, 2),
        (get().header("Range", "bytes=99-"), 416, 2),
        (get().header("If-None-Match", tag), 304, 2),
        (get().header("If-Match", "\"x\""), 412, 2),
        (Request::new("HEAD", &target), 200, 2),
        (Request::new("HEAD", &format!("/s/{token}/zip")), 200, 2),
        (Request::get(&format!("/s/{token}/info")), 200, 2),
        (Request::get(&format!("/share/{token}")), 200, 2),
        (Request::get(&format!("/s/{token}/zip")), 200, 3),
    ] {
        let reply = town.send(&request).await.expect(status);
        assert_eq!(
            downloads(&town.alice, &link).await,
            counted,
            "{} {:?}",
            request.target,
            reply.headers
        );
    }
    let view = town.alice.get(&format!("/api/v1/links/{link}")).await.expect(200);
    assert!(!view.field("last_used_at").is_empty());
}
