//! `s3s-fs`, which checks signatures as `moto` does not.

use model::Millis;

use super::emulators::s3s::S3s;
use super::world::{options, probed, s3_at};
use crate::connector::{Connector, ItemId, NoJournal, Read, RemoteError, Target, Upload};
use crate::contract::{Bytes, collect, sample};
use crate::{Bucket, Item};

async fn send(bucket: &Bucket, name: &str, bytes: &[u8]) -> Result<Item, RemoteError> {
    let root = ItemId("/".to_owned());
    let upload = Upload {
        target: Target::Create {
            parent: &root,
            name,
            id: None,
        },
        source: &Bytes(bytes.to_vec()),
        media_type: "text/plain",
        modified: Some(Millis(1_614_834_367_123)),
        journal: &NoJournal,
    };
    bucket.upload(upload).await.map(|written| written.item)
}

async fn read(bucket: &Bucket, item: &Item) -> Vec<u8> {
    let read = Read {
        id: &item.id,
        revision: item.revision.as_ref(),
        offset: 0,
        export: None,
    };
    let reading = bucket.read(read).await.expect("read");
    collect(reading.stream).await.expect("bytes")
}

#[tokio::test]
async fn what_is_signed_is_taken_in_one_request_and_in_parts_and_by_an_address() {
    let service = S3s::start();
    let bucket = probed(options(s3_at(service.endpoint()))).await;
    assert!(bucket.abilities().conditions.create && bucket.abilities().conditions.replace);
    for length in [0, 1000, 11 * 1024 * 1024 + 7] {
        let bytes = sample(length);
        let name = format!("a b+c%20 ü {length}.bin");

        let made = send(&bucket, &name, &bytes).await.expect("upload");

        assert!(read(&bucket, &made).await == bytes, "{length} bytes differ");
        let link = bucket
            .direct_link(&made.id, "x.bin")
            .await
            .expect("link")
            .expect("a link");
        let answer = reqwest::get(&link.url).await.expect("an answer");
        assert!(
            answer.bytes().await.expect("bytes") == bytes,
            "{length} bytes differ"
        );
        let taken = send(&bucket, &name, b"another").await;
        assert!(matches!(taken, Err(RemoteError::Exists)), "{taken:?}");
        let told = bucket.item(&made.id).await.expect("item").expect("an item");
        assert_eq!(
            told.modified,
            Some(Millis(1_614_834_367_123)),
            "the time is noted beside it"
        );
    }
}

#[tokio::test]
async fn keys_that_are_not_taken_are_a_matter_for_a_person() {
    let service = S3s::start();
    let mut options = options(s3_at(service.endpoint()));
    if let crate::BucketPlace::S3 { secret_key, .. } = &mut options.place {
        *secret_key = outbound::Secret::new("another");
    }
    let bucket = Bucket::open(options).expect("settings");

    for refused in [
        bucket.about().await.err(),
        bucket.item(&ItemId("/a".to_owned())).await.err(),
        bucket.probe().await.err(),
    ] {
        assert!(
            matches!(refused, Some(RemoteError::SignInAgain(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_a_matter_of_settings() {
    let service = S3s::start();
    let mut options = options(s3_at(service.endpoint()));
    if let crate::BucketPlace::S3 { bucket, .. } = &mut options.place {
        *bucket = "no-such-bucket".to_owned();
    }

    let refused = Bucket::open(options).expect("settings").about().await;

    assert!(
        matches!(refused, Err(RemoteError::Misconfigured(_))),
        "{refused:?}"
    );
}
