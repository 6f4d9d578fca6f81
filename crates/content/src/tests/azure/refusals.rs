use std::sync::Arc;

use super::{Azurite, now, options, signed_connection};
use crate::{AzureOptions, AzureStore, Backend, ContentError, Secret};

/// Probes with other options and returns the sentence.
async fn refused(options: AzureOptions) -> String {
    let secret = options.connection.clone();
    let store = AzureStore::open(options).expect("options");
    let error = store.probe().await.expect_err("a refusal");
    let shown = format!("{error:?} {error}");
    for word in [Azurite::KEY, "sig=", "SharedKey", secret.reveal()] {
        assert!(!shown.contains(word), "{shown}");
    }
    match error {
        ContentError::Rejected { store, reason } => {
            assert_eq!(store, "azure");
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_settings_is_told_in_a_sentence() {
    let azurite = Azurite::start();
    let endpoint = azurite.endpoint();
    let connection = |account: &str, key: &str, endpoint: &str| {
        Secret::new(format!(
            "AccountName={account};AccountKey={key};BlobEndpoint={endpoint}"
        ))
    };
    let with = |connection: Secret| AzureOptions {
        connection,
        ..options(&azurite)
    };
    let wrong_key = Azurite::KEY.replace("b25l", "b25m");

    let reason = refused(with(connection(Azurite::ACCOUNT, &wrong_key, &endpoint))).await;
    assert_eq!(
        reason,
        "it answered 403 (AuthorizationFailure): the account's key is not the one in the connection string, or \
         the account's firewall keeps this machine out"
    );

    let other_account = endpoint.replace(Azurite::ACCOUNT, "nobody");
    let reason = refused(with(connection("nobody", Azurite::KEY, &other_account))).await;
    assert!(reason.contains("there is no such account"), "{reason}");

    let reason = refused(AzureOptions {
        container: "another".to_owned(),
        ..options(&azurite)
    })
    .await;
    assert_eq!(
        reason,
        "it answered 404 (ContainerNotFound): there is no such container in this account; make it, or correct \
         its name"
    );

    let expired = signed_connection(&azurite, "racwdl", "2020-01-01T00:00:00Z");
    let reason = refused(with(expired)).await;
    assert!(
        reason.contains("the signature (SAS) in the connection string"),
        "{reason}"
    );

    let reading = signed_connection(&azurite, "rl", "2099-01-01T00:00:00Z");
    let reason = refused(with(reading)).await;
    assert!(
        reason.contains("has to allow read, write, delete and list"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_clock_that_is_off_is_told() {
    let azurite = Azurite::start();
    let store = AzureStore::open(AzureOptions {
        clock: Arc::new(|| now().minus_secs(1200)),
        ..options(&azurite)
    })
    .expect("options");

    let probe = store.probe().await.expect("probe");

    let skew_ms = probe.skew_ms.expect("told");
    assert!((1_190_000..1_210_000).contains(&skew_ms), "{skew_ms}");
    assert!(probe.advice[0].contains("seconds ahead"), "{:?}", probe.advice);
}

#[tokio::test]
async fn pages_are_told_to_be_shut_out() {
    let azurite = Azurite::start();
    let store = AzureStore::open(AzureOptions {
        page_origin: Some("https://files.example.com".to_owned()),
        ..options(&azurite)
    })
    .expect("options");

    let probe = store.probe().await.expect("probe");

    assert_eq!(probe.allows_pages, Some(false));
    assert!(
        probe.advice[0].contains("https://files.example.com"),
        "{:?}",
        probe.advice
    );
}

#[test]
fn options_that_cannot_be_are_refused() {
    let azurite = |container: &str, prefix: &str, public_endpoint: Option<&str>| {
        let options = AzureOptions {
            name: "azure".to_owned(),
            connection: Secret::new("UseDevelopmentStorage=true"),
            container: container.to_owned(),
            prefix: prefix.to_owned(),
            public_endpoint: public_endpoint.map(str::to_owned),
            page_origin: None,
            clock: Arc::new(now),
            patience: super::HASTE,
            memory: crate::Memory::default(),
        };
        AzureStore::open(options).err().map(|error| error.to_string())
    };
    for container in ["", "ab", "Upper", "a--b", "-ab", "ab-", "a/b", &"a".repeat(64)] {
        let told = azurite(container, "", None).expect(container);
        assert!(told.contains("cannot be a container's name"), "{told}");
    }
    for prefix in ["a//b", "a b", "../x", "a./b", "ä", &"a".repeat(201)] {
        assert!(azurite("abc", prefix, None).expect(prefix).contains("the prefix"));
    }
    assert!(
        azurite("abc", "", Some("files.example.com"))
            .expect("told")
            .contains("endpoint")
    );
    for prefix in ["", "/", "a", "/a/b-1_c.d/"] {
        assert_eq!(azurite("abc", prefix, Some("https://files.example.com")), None);
    }
}
