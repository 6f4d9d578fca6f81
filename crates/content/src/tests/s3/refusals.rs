//! Settings that are wrong, told in sentences without secrets.

use super::*;
use crate::ContentError;
use crate::tests::emulators::free_port;
use crate::tests::emulators::proxy::Fault;

/// Probes with wrong settings and returns the sentence.
async fn sentence(options: S3Options) -> String {
    let secret = options.secret_key.reveal().to_owned();
    let token = options.session_token.clone();
    let store = match S3Store::open(options) {
        Ok(store) => store,
        Err(error) => return shown(&error, &secret),
    };
    let error = store.probe().await.expect_err("it cannot be used");
    let text = shown(&error, &secret);
    if let Some(token) = token {
        assert!(!text.contains(token.reveal()), "{text}");
    }
    text
}

/// Everything that an error may show, after a look that it shows no secret.
fn shown(error: &ContentError, secret: &str) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        text.push_str(&format!(" {error} {error:?}"));
        cause = error.source();
    }
    for hidden in [secret, "Signature=", "AWS4-HMAC", "x-amz-date"] {
        assert!(
            hidden.is_empty() || !text.contains(hidden),
            "{hidden:?} in {text}"
        );
    }
    text
}

#[tokio::test]
async fn wrong_settings_stop_with_a_sentence() {
    let service = S3s::start();
    let right = || options(service.endpoint());
    let cases = [
        (
            S3Options {
                secret_key: Secret::new("WrOnGsEcReT12345"),
                ..right()
            },
            "the secret key is not the one that belongs to the access key",
        ),
        (
            S3Options {
                bucket: "nobodys-bucket".to_owned(),
                ..right()
            },
            "there is no bucket of the name in the settings",
        ),
        (
            S3Options {
                access_key: "NOBODY".to_owned(),
                ..right()
            },
            "the access key",
        ),
        (
            S3Options {
                endpoint: Some("https://example.com/path".to_owned()),
                ..right()
            },
            "the endpoint must be an address",
        ),
        (
            S3Options {
                secret_key: Secret::default(),
                ..right()
            },
            "must be set",
        ),
    ];
    for (options, expected) in cases {
        let sentence = sentence(options).await;

        assert!(sentence.contains("Rejected"), "{sentence}");
        assert!(sentence.contains(expected), "{expected} in {sentence}");
    }
}

#[tokio::test]
async fn an_endpoint_where_nobody_answers_is_told() {
    let nobody = format!("http://127.0.0.1:{}", free_port());

    let sentence = sentence(options(nobody)).await;

    assert!(sentence.contains("Unavailable"), "{sentence}");
    assert!(
        sentence.contains("it cannot be reached: Connection refused"),
        "{sentence}"
    );
}

#[tokio::test]
async fn a_clock_that_is_off_is_told() {
    let service = S3s::start();
    let late = S3Options {
        clock: Arc::new(|| now().plus_secs(3 * 3600)),
        ..options(service.endpoint())
    };

    let sentence = sentence(late).await;

    assert!(
        sentence.contains("its clock is 180 minutes behind ours"),
        "{sentence}"
    );
}

/// Answers every request with this and returns what the probe says.
async fn told_when(status: u16, code: &str, message: &str) -> String {
    let service = S3s::start();
    let proxy = Proxy::start(service.running.port).await;
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    proxy.script(move |_| Some(Fault::Answer(status, Vec::new(), body.clone())));
    sentence(S3Options {
        session_token: Some(Secret::new("ToKeNoFtHeSeSsIoN")),
        ..options(proxy.endpoint())
    })
    .await
}

#[tokio::test]
async fn what_a_service_says_becomes_a_kind_and_a_word_of_help() {
    let message = "the key SeCrEtOfTheTests0123456789 and ToKeNoFtHeSeSsIoN, x-amz-date";
    let cases = [
        (400, "ExpiredToken", "Rejected", "the session token has expired"),
        (403, "AccessDenied", "Rejected", "the key may not do this"),
        (403, "RequestTimeTooSkewed", "Rejected", "clock"),
        (507, "XMinioStorageFull", "Full", "no room"),
        (503, "SlowDown", "Unavailable", "503 (SlowDown)"),
        (403, "<b>odd</b>", "Rejected", "it answered 403: check"),
        (403, "Odd!_Wörd", "Rejected", "it answered 403 (Odd_Wrd): check"),
    ];
    for (status, code, kind, words) in cases {
        let told = told_when(status, code, message).await;

        assert!(told.contains(kind) && told.contains(words), "{code}: {told}");
    }
    let told = told_when(403, "AccessDenied", "Cannot upload files, storage cap exceeded.").await;
    assert!(told.contains("Full"), "{told}");
    let told = told_when(
        403,
        "AccessDenied",
        "Transaction cap exceeded, see the Caps page.",
    )
    .await;
    assert!(told.contains("wait until midnight GMT"), "{told}");
}

#[tokio::test]
async fn the_region_that_a_service_tells_is_used_from_then_on() {
    let service = S3s::start();
    let proxy = Proxy::start(service.running.port).await;
    let is_elsewhere = |head: &str| !head.contains("/eu-west-7/s3/aws4_request");
    let cases = [
        (301, Some("eu-west-7"), "PermanentRedirect", ""),
        (
            400,
            None,
            "AuthorizationHeaderMalformed",
            "<Region>eu-west-7</Region>",
        ),
    ];
    for (status, header, code, region) in cases {
        let body = format!("<Error><Code>{code}</Code>{region}</Error>");
        proxy.script(move |seen| {
            let headers = header.map(|region| ("x-amz-bucket-region", region.to_owned()));
            let headers = headers.into_iter().collect();
            is_elsewhere(&seen.head).then(|| Fault::Answer(status, headers, body.clone()))
        });
        proxy.take_seen();
        let store = S3Store::open(options(proxy.endpoint())).expect("settings");

        let listed = store.list(None, 10).await;

        assert!(matches!(&listed, Ok(listed) if listed.is_empty()), "{listed:?}");
        assert_eq!(
            proxy.take_seen().len(),
            2,
            "once to be told, once to the right region"
        );
        store.list(None, 10).await.expect("list");
        assert_eq!(proxy.take_seen().len(), 1, "it is remembered");
    }
}

#[tokio::test]
async fn a_region_that_leads_nowhere_is_told() {
    let service = S3s::start();
    let proxy = Proxy::start(service.running.port).await;
    proxy.script(|_| {
        let headers = vec![
            ("x-amz-bucket-region", "eu-west-7".to_owned()),
            ("location", "http://127.0.0.1:1/elsewhere".to_owned()),
        ];
        Some(Fault::Answer(301, headers, String::new()))
    });

    let sentence = sentence(options(proxy.endpoint())).await;

    assert!(
        sentence.contains("the bucket is in the region eu-west-7"),
        "{sentence}"
    );
    let asked = proxy.take_seen().into_iter().filter(|seen| seen.method == "GET");
    assert_eq!(asked.count(), 2, "once to be told, once to the told region");
}

#[tokio::test]
async fn pages_are_asked_for_as_a_browser_does() {
    let service = S3s::start();
    let proxy = Proxy::start(service.running.port).await;
    let allowed = |seen: &crate::tests::emulators::proxy::Seen| {
        let headers = vec![
            ("access-control-allow-origin", "https://cumuli.example".to_owned()),
            ("access-control-allow-methods", "GET, PUT".to_owned()),
            ("access-control-allow-headers", "*".to_owned()),
        ];
        (seen.method == "OPTIONS").then(|| Fault::Answer(200, headers, String::new()))
    };
    let store = S3Store::open(S3Options {
        page_origin: Some("https://cumuli.example".to_owned()),
        ..options(proxy.endpoint())
    });
    let store = store.expect("settings");

    let without = store.probe().await.expect("usable");
    proxy.script(allowed);
    let with = store.probe().await.expect("usable");

    assert_eq!(with.allows_pages, Some(true), "{with:?}");
    assert_eq!(without.allows_pages, Some(false), "{without:?}");
    let says = |probe: &crate::Probe| probe.advice.iter().any(|advice| advice.contains("CORS rule"));
    assert!(says(&without) && !says(&with));
    assert!(proxy.take_seen().iter().all(|seen| {
        seen.method != "OPTIONS" || !seen.head.to_ascii_lowercase().contains("authorization")
    }));
}

#[tokio::test]
async fn a_service_that_passes_over_conditions_and_checksums_is_found_out() {
    let moto = Moto::start();
    let store = on_moto(&moto, Quirks::B2).await;

    let probe = store.probe().await.expect("usable");

    assert_eq!(
        probe.abilities.creates_only,
        Some(false),
        "B2 knows no conditions"
    );
    assert_eq!(probe.abilities.checks_digests, Some(false));
    let plain = S3Store::open(options(moto.endpoint())).expect("settings");
    let probe = plain.probe().await.expect("usable");
    assert_eq!(probe.abilities.creates_only, Some(true));
    assert!(
        probe
            .advice
            .iter()
            .any(|advice| advice.contains("keeps versions")),
        "{probe:?}"
    );
}
