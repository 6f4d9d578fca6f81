//! What the fake holds.

use std::time::{Duration, Instant};

use super::*;

#[tokio::test]
async fn ten_thousand_of_a_hundred_thousand_are_listed_in_moments() {
    let desk = Desk::new().await;
    let folders: Vec<String> = (0..10)
        .map(|number| desk.account.create_folder("root", &number.to_string()))
        .collect();
    for number in 0..100_000 {
        let _ = desk
            .account
            .create_file(&folders[number / 10_000], &format!("{number:06}"), "1");
    }
    let begun = Instant::now();
    let mut count = 0;
    let mut token = None;
    loop {
        let query = format!("'{}' in parents and trashed=false", folders[3]);
        let fields = "nextPageToken,files(id,name,mimeType,parents,size,md5Checksum,modifiedTime,version)";
        let request = desk.request("GET", "/drive/v3/files?supportsAllDrives=true&pageSize=1000");
        let request = request
            .query(&[("q", query.as_str()), ("fields", fields)])
            .query(&token);
        let page = desk.send(request).await.json();
        count += page["files"].as_array().unwrap().len();
        match page["nextPageToken"].as_str() {
            Some(next) => token = Some([("pageToken", next.to_owned())]),
            None => break,
        }
    }

    assert_eq!(count, 10_000);
    // Far from what it takes, and far from what a walk through all files ten times would take.
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_content_that_is_not_kept_has_its_length_and_its_digest() {
    let desk = Desk::with(DriveOptions {
        keep_bytes: false,
        ..DriveOptions::default()
    })
    .await;
    let path = "/upload/drive/v3/files?uploadType=media&supportsAllDrives=true&fields=id,size,md5Checksum";

    let made = desk.send(desk.request("POST", path).body("abc")).await.json();
    assert_eq!(
        (&made["size"], &made["md5Checksum"]),
        (&json!("3"), &json!("900150983cd24fb0d6963f7d28e17f72"))
    );
    assert_eq!(
        desk.account.entry(made["id"].as_str().unwrap()).unwrap().bytes,
        None
    );
}
