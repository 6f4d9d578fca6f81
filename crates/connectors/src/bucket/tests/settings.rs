use outbound::Secret;

use super::world::{options, s3_at, wire};
use crate::{Bucket, BucketOptions, BucketPlace, Connector as _, RemoteError};

fn told(options: BucketOptions) -> String {
    match Bucket::open(options) {
        Err(RemoteError::Misconfigured(told)) => told,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was taken"),
    }
}

fn azure(connection: &str, container: &str) -> BucketOptions {
    options(BucketPlace::Azure {
        connection: Secret::new(connection),
        container: container.to_owned(),
    })
}

#[test]
fn settings_that_cannot_be_right_are_told_without_their_secrets() {
    let place = |endpoint: &str| s3_at(endpoint.to_owned());
    let no_key = BucketPlace::S3 {
        endpoint: None,
        region: None,
        bucket: "photos".to_owned(),
        access_key: "geheim".to_owned(),
        secret_key: Secret::new(""),
        session_token: None,
        path_style: None,
    };
    for (options, reason) in [
        (options(place("https://user:geheim@s3.example.com")), "endpoint"),
        (options(place("ftp://s3.example.com")), "endpoint"),
        (options(no_key), "secret key"),
        (azure("AccountName=me;AccountKey=geheim", "box"), "not a key"),
        (azure("UseDevelopmentStorage=true", "no/box"), "container"),
        (azure("UseDevelopmentStorage=true", "b"), "container"),
    ] {
        let told = told(options);
        assert!(told.contains(reason), "{told}");
        assert!(!told.contains("geheim"), "{told}");
    }
    let odd = BucketOptions {
        prefix: "a/../b".to_owned(),
        ..options(place("https://s3.example.com"))
    };
    assert!(told(odd).contains("prefix"));
}

#[test]
fn what_is_not_known_of_an_endpoint_is_not_relied_on() {
    let bucket = Bucket::open(options(s3_at("https://s3.example.com".to_owned()))).expect("settings");
    let can = bucket.abilities();

    // What stands for a folder is removed, and nothing else, whatever the endpoint can do.
    let only = crate::Conditions {
        empty: true,
        ..crate::Conditions::default()
    };
    assert_eq!(can.conditions, only);
    assert!(can.hashes.is_empty());
    assert!(can.has_direct_links);
}

#[test]
fn a_signature_of_somebody_else_is_not_passed_on() {
    let connection = "BlobEndpoint=https://me.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=a";
    let bucket = Bucket::open(azure(connection, "box")).expect("settings");

    assert!(!bucket.abilities().has_direct_links);
    assert_eq!(bucket.store.sign("a", "attachment", 60), None);
}

#[tokio::test]
async fn an_endpoint_in_our_own_network_is_not_asked() {
    for endpoint in [
        "http://127.0.0.1:9",
        "http://localhost:9",
        "http://169.254.169.254",
        "http://[::1]:9",
    ] {
        let options = BucketOptions {
            wire: wire(""),
            ..options(s3_at(endpoint.to_owned()))
        };
        let refused = Bucket::open(options).expect("settings").about().await;

        let Err(RemoteError::Unreachable(told)) = refused else {
            panic!("{endpoint}: {refused:?}")
        };
        assert!(told.contains("CUMULI_OUTBOUND_ALLOW"), "{told}");
    }
}

#[test]
fn what_was_probed_is_kept_as_data() {
    let probed = crate::Probed {
        guards_puts: true,
        ..crate::Probed::default()
    };

    let text = serde_json::to_string(&probed).expect("data");

    assert_eq!(
        serde_json::from_str::<crate::Probed>(&text).expect("data"),
        probed
    );
    assert_eq!(
        serde_json::from_str::<crate::Probed>("{}").expect("data"),
        crate::Probed::default()
    );
}
