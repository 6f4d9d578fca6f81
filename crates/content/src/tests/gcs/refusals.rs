use std::sync::Arc;

use super::{Gcs, broken, now, options};
use crate::tests::emulators::proxy::Fault;
use crate::{Backend, ContentError, GcsOptions, GcsStore, Secret};

/// Probes and returns the sentence.
async fn refused(store: GcsStore, secret: Option<&Secret>) -> String {
    let error = store.probe().await.expect_err("a refusal");
    let shown = format!("{error:?} {error}");
    let key = secret.map_or("none", |secret| &secret.reveal()[150..250]);
    for word in ["PRIVATE", "Bearer", "ya29", "assertion", "upload_id", key] {
        assert!(!shown.contains(word), "{shown}");
    }
    match error {
        ContentError::Rejected { store, reason } => {
            assert_eq!(store, "gcs");
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_settings_is_told_in_a_sentence() {
    let gcs = Gcs::start();
    let open = |options: GcsOptions| GcsStore::open(options).expect("options");
    let other_key = Secret::new(
        Gcs::start()
            .credentials()
            .replace("token_uri", "ignored_uri")
            .replace(
                "\"type\"",
                &format!("\"token_uri\": \"{}/token\", \"type\"", gcs.endpoint()),
            ),
    );
    let wrong_key = GcsOptions {
        credentials: Some(other_key.clone()),
        ..options(&gcs)
    };
    assert_eq!(
        refused(open(wrong_key), Some(&other_key)).await,
        "it answered 400 (invalid_grant): Google does not know the service account's key any more, or this \
         machine's clock is wrong"
    );
    let no_key = GcsOptions {
        credentials: None,
        ..options(&gcs)
    };
    let reason = refused(open(no_key), None).await;
    assert!(
        reason.contains("give the credentials of a service account"),
        "{reason}"
    );
    let bucket = GcsOptions {
        bucket: "another".to_owned(),
        ..options(&gcs)
    };
    assert_eq!(
        refused(open(bucket), None).await,
        "it answered 404 (bucketNotFound): there is no such bucket; make it, or correct its name"
    );
    let slow = GcsOptions {
        clock: Arc::new(|| now().minus_secs(7230)),
        ..options(&gcs)
    };
    let reason = refused(open(slow), None).await;
    assert!(
        reason.contains("its clock is 120 minutes ahead of ours"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_service_that_is_another_one_is_told_from_a_missing_bucket() {
    let gcs = Gcs::start();
    let (proxy, store) = broken(&gcs).await;
    proxy.script(|_| Some(Fault::Answer(200, Vec::new(), "<html>hello</html>".to_owned())));

    let reason = refused(store.clone(), None).await;

    assert!(reason.contains("not Google Cloud Storage"), "{reason}");
    let forbidden = r#"{"error": {"code": 403, "errors": [{"reason": "forbidden"}], "message": "Bearer"}}"#;
    proxy.script(|_| Some(Fault::Answer(403, Vec::new(), forbidden.to_owned())));
    let reason = refused(store, None).await;
    assert!(reason.contains("give it the role"), "{reason}");
}

#[test]
fn options_that_cannot_be_are_refused() {
    let open = |bucket: &str, prefix: &str, endpoint: Option<&str>, credentials: Option<&str>| {
        let options = GcsOptions {
            name: "gcs".to_owned(),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
            credentials: credentials.map(Secret::new),
            endpoint: endpoint.map(str::to_owned),
            public_endpoint: None,
            page_origin: None,
            clock: Arc::new(now),
            patience: super::HASTE,
            memory: crate::Memory::default(),
        };
        GcsStore::open(options).err().map(|error| error.to_string())
    };
    for bucket in ["", "ab", "Upper", "a/b", "-ab", &"a".repeat(223)] {
        let told = open(bucket, "", None, None).expect(bucket);
        assert!(told.contains("cannot be a bucket's name"), "{told}");
    }
    for prefix in ["a//b", "../x", "a/./b", "a\nb", &"a".repeat(201)] {
        assert!(
            open("abc", prefix, None, None)
                .expect(prefix)
                .contains("the prefix")
        );
    }
    for endpoint in ["", "https://", "ftp://x", "https://user:word@x/"] {
        let told = open("abc", "", Some(endpoint), None).expect(endpoint);
        assert!(told.contains("endpoint") && !told.contains("word"), "{told}");
    }
    assert!(
        open("abc", "", None, Some("{}"))
            .expect("told")
            .contains("client_email")
    );
    for endpoint in ["localhost:9023", "127.0.0.1:1", "https://storage.googleapis.com/"] {
        assert_eq!(open("a.b-c_d", "/a b/ä/", Some(endpoint), None), None);
    }
}
