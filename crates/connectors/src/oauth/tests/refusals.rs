//! Each word of each provider for no.

use super::*;

/// What comes of a refresh, or of a code, that is answered like this.
async fn refused(provider: OAuthProvider, status: u16, told: &Value) -> [OAuthError; 2] {
    let server = Provider::bare().await;
    server.answers(TOKEN, Reply::Says(status, "", told.to_string().into_bytes()));
    let oauth = client(provider, &server);
    [
        oauth.refresh(REFRESH, NOW).await.unwrap_err(),
        oauth.redeem("code", VERIFIER, BACK, NOW).await.unwrap_err(),
    ]
}

fn ended(code: &str, is_idle: bool, may_be_testing: bool) -> OAuthError {
    OAuthError::Ended {
        code: code.to_owned(),
        is_idle,
        may_be_testing,
    }
}

fn code(code: &str) -> OAuthError {
    OAuthError::Code {
        code: code.to_owned(),
    }
}

#[tokio::test]
async fn a_token_that_is_not_taken_has_ended_and_a_code_is_to_be_had_anew() {
    let revoked =
        json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."});
    let rapt = json!({"error": "invalid_grant", "error_subtype": "invalid_rapt"});
    let idle = json!({
        "error": "invalid_grant",
        "error_description": "AADSTS700082: The refresh token has expired due to inactivity.",
        "error_codes": [700_082],
    });
    let said_only = json!({"error": "invalid_grant", "error_description": "AADSTS50173: revoked"});
    let google = OAuthProvider::Google;
    let microsoft = OAuthProvider::Microsoft;
    for (provider, told, expected) in [
        (
            google,
            revoked,
            [ended("invalid_grant", false, true), code("invalid_grant")],
        ),
        (
            google,
            rapt,
            [ended("invalid_rapt", false, false), code("invalid_rapt")],
        ),
        (
            microsoft,
            idle,
            [ended("AADSTS700082", true, false), code("AADSTS700082")],
        ),
        (
            microsoft,
            said_only,
            [ended("AADSTS50173", false, false), code("AADSTS50173")],
        ),
    ] {
        assert_eq!(refused(provider, 400, &told).await, expected, "{told}");
    }
}

#[tokio::test]
async fn what_an_operator_or_the_person_has_to_do_is_told_apart() {
    let bad = |code: &str| OAuthError::BadClient {
        code: code.to_owned(),
    };
    let denied = |code: &str| OAuthError::Denied {
        code: code.to_owned(),
    };
    for (status, told, expected) in [
        (401, json!({"error": "invalid_client"}), bad("invalid_client")),
        (
            400,
            json!({"error": "unauthorized_client"}),
            bad("unauthorized_client"),
        ),
        (
            401,
            json!({"error": "invalid_client", "error_codes": [7_000_222]}),
            bad("AADSTS7000222"),
        ),
        (
            401,
            json!({"error": "invalid_client", "error_codes": [7_000_215]}),
            bad("AADSTS7000215"),
        ),
        (
            400,
            json!({"error": "invalid_grant", "error_codes": [65_001]}),
            denied("AADSTS65001"),
        ),
        (
            400,
            json!({"error": "interaction_required", "error_codes": [50_076]}),
            denied("AADSTS50076"),
        ),
        (
            400,
            json!({"error": "interaction_required", "error_codes": [99]}),
            denied("AADSTS99"),
        ),
        (
            400,
            json!({"error": "consent_required"}),
            denied("consent_required"),
        ),
    ] {
        let [by_refresh, by_code] = refused(OAuthProvider::Microsoft, status, &told).await;

        assert_eq!(by_refresh, expected, "{told}");
        assert_eq!(by_code, expected, "{told}");
        assert!(!expected.is_temporary());
    }
}

#[tokio::test]
async fn an_expired_secret_is_named_as_such() {
    let told = json!({"error": "invalid_client", "error_codes": [7_000_222]});

    let [error, _] = refused(OAuthProvider::Microsoft, 401, &told).await;

    assert_eq!(
        error.to_string(),
        "the provider does not take this server's client id and secret (AADSTS7000222): \
         the secret has expired; make another one in the app's registration"
    );
}

#[tokio::test]
async fn settings_that_do_not_fit_say_which() {
    for (told, part) in [
        (json!({"error": "redirect_uri_mismatch"}), "not registered there"),
        (
            json!({"error": "invalid_request", "error_codes": [90_002]}),
            "no tenant",
        ),
        (
            json!({"error": "invalid_request", "error_codes": [9_002_326]}),
            "platform Web",
        ),
        (
            json!({"error": "unauthorized_client", "error_codes": [50_194]}),
            "one tenant only",
        ),
        (
            json!({"error": "invalid_scope <script>"}),
            "what this server asks (invalid_scopescript)",
        ),
    ] {
        let [error, _] = refused(OAuthProvider::Microsoft, 400, &told).await;

        assert!(
            matches!(&error, OAuthError::Misfit(reason) if reason.contains(part)),
            "{error}"
        );
    }
}

#[tokio::test]
async fn trouble_is_asked_again_but_a_code_only_once() {
    for status in [429, 500, 503] {
        let server = Provider::bare().await;
        server.answers(TOKEN, Reply::Says(status, "", b"<html>".to_vec()));
        let oauth = client(OAuthProvider::Google, &server);

        let by_refresh = oauth.refresh(REFRESH, NOW).await.unwrap_err();
        assert_eq!(server.asked(TOKEN).len(), 3, "{status}");
        let by_code = oauth.redeem("code", VERIFIER, BACK, NOW).await.unwrap_err();
        assert_eq!(server.asked(TOKEN).len(), 4, "{status}");

        assert!(by_refresh.is_temporary() && by_code.is_temporary(), "{status}");
    }
}

#[tokio::test]
async fn a_refusal_is_not_asked_about_again() {
    let server = Provider::bare().await;
    let told = json!({"error": "invalid_grant"}).to_string();
    server.answers(TOKEN, Reply::Says(400, "", told.into_bytes()));

    let outcome = client(OAuthProvider::Google, &server).refresh(REFRESH, NOW).await;

    assert_eq!(outcome, Err(ended("invalid_grant", false, true)));
    assert_eq!(server.asked(TOKEN).len(), 1);
}

#[tokio::test]
async fn silence_and_strange_answers_pass() {
    let server = Provider::bare().await;
    let mut options = options(OAuthProvider::Google, &server.address);
    options.patience = Some(Duration::from_millis(50));
    let oauth = OAuth::new(options).unwrap();
    for reply in [
        Reply::Nothing,
        Reply::Says(302, "Location: http://127.0.0.1:1/\r\n", Vec::new()),
        Reply::Says(200, "", b"<html>".to_vec()),
        Reply::Says(200, "", vec![b' '; 300_000]),
        Reply::Says(403, "", b"<html>".to_vec()),
    ] {
        server.answers(TOKEN, reply);

        let error = oauth.refresh(REFRESH, NOW).await.unwrap_err();

        assert!(error.is_temporary(), "{error}");
        assert!(!error.to_string().contains("127.0.0.1"), "{error}");
    }
}

#[test]
fn the_browser_brings_a_reason_too() {
    let oauth = OAuth::new(options(OAuthProvider::Microsoft, "https://a.example.org")).unwrap();

    assert_eq!(
        oauth.refusal("access_denied").to_string(),
        "access was not allowed (access_denied): who was asked said no"
    );
    assert!(oauth.refusal("temporarily_unavailable").is_temporary());
    assert!(matches!(oauth.refusal("invalid_scope"), OAuthError::Misfit(_)));
    assert_eq!(
        oauth.refusal("<b>\"no\"</b>"),
        OAuthError::Denied {
            code: "bnob".to_owned()
        }
    );
}

#[test]
fn a_week_after_consent_it_is_the_screen_in_testing() {
    let day_secs = 24 * 60 * 60;
    let told = ended("invalid_grant", false, true);
    for (granted, is_testing) in [
        (Some(NOW.minus_secs(7 * day_secs)), true),
        (Some(NOW.minus_secs(7 * day_secs - 60)), true),
        (Some(NOW.minus_secs(6 * day_secs)), false),
        (Some(NOW.minus_secs(9 * day_secs)), false),
        (None, false),
    ] {
        let error = told.clone().of_connection(granted, NOW);

        let is_so = matches!(error, RemoteError::SignInAgain(SignInReason::Testing));
        assert_eq!(is_so, is_testing, "{granted:?}");
        assert!(!error.is_temporary());
    }
}

#[test]
fn a_drive_learns_what_became_of_its_access() {
    let told = |error: OAuthError| error.of_connection(None, NOW);
    assert!(matches!(
        told(ended("AADSTS700082", true, false)),
        RemoteError::SignInAgain(SignInReason::Idle)
    ));
    assert!(matches!(
        told(ended("invalid_rapt", false, false)),
        RemoteError::SignInAgain(SignInReason::Ended(code)) if code == "invalid_rapt"
    ));
    assert!(matches!(
        told(OAuthError::Scope { missing: Vec::new() }),
        RemoteError::SignInAgain(SignInReason::Scope)
    ));
    assert!(matches!(
        told(OAuthError::BadClient {
            code: "AADSTS7000222".to_owned()
        }),
        RemoteError::Misconfigured(reason) if reason.contains("the secret has expired")
    ));
    assert!(told(OAuthError::Unavailable(String::new())).is_temporary());
}
