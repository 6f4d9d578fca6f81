use hub::Reach;

use super::*;
use crate::clouds::{identity_providers, link_providers};

fn microsoft() -> Given {
    Given::nothing()
        .env("ONEDRIVE_CLIENT_ID", "x")
        .env("ONEDRIVE_CLIENT_SECRET", "y")
}

fn google() -> Given {
    Given::nothing()
        .env("GOOGLE_CLIENT_ID", "x")
        .env("GOOGLE_CLIENT_SECRET", "y")
}

#[test]
fn nothing_is_linked_without_settings() {
    let settings = Given::nothing().settings();

    assert!(link_providers(&settings).unwrap().is_empty());
    assert!(identity_providers(&settings).unwrap().is_empty());
    assert_eq!(settings.outbound, Reach::public("").unwrap());
    assert!(settings.directory_roots.is_empty() && settings.token_key.is_none());
}

#[test]
fn a_client_id_and_its_secret_let_drives_be_linked() {
    for (given, name, api, redirect) in [
        (
            google(),
            "google",
            "https://www.googleapis.com",
            "http://localhost:8000/auth/google/callback",
        ),
        (
            microsoft().env("CUMULI_PUBLIC_URL", "https://drive.example.org/"),
            "onedrive",
            "https://graph.microsoft.com/v1.0",
            "https://drive.example.org/auth/onedrive/callback",
        ),
        (
            microsoft()
                .env(
                    "ONEDRIVE_REDIRECT_URI",
                    "https://a.example/auth/onedrive/callback",
                )
                .env("CUMULI_GRAPH_URL", "https://graph.microsoft.us/v1.0/"),
            "onedrive",
            "https://graph.microsoft.us/v1.0",
            "https://a.example/auth/onedrive/callback",
        ),
    ] {
        let settings = given.settings();

        let linked = link_providers(&settings).unwrap();

        assert_eq!(linked.len(), 1);
        assert_eq!((linked[0].name, linked[0].api_url.as_str()), (name, api));
        assert_eq!(linked[0].redirect_uri, redirect);
        let people = identity_providers(&settings).unwrap();
        assert_eq!(people[0].redirect_uri.as_deref(), Some(redirect));
    }
    let of_another = google()
        .env("CUMULI_GOOGLE_ISSUER", "http://127.0.0.1:1")
        .settings();
    assert!(
        link_providers(&of_another).unwrap().is_empty(),
        "Google knows no client of another issuer"
    );
    assert_eq!(identity_providers(&of_another).unwrap().len(), 1);
    let half = Given::nothing().env("ONEDRIVE_CLIENT_ID", "x").settings();
    assert!(link_providers(&half).unwrap().is_empty());
}

#[test]
fn a_tenant_stands_in_microsoft_s_addresses() {
    let id = "72f988bf-0000-4000-8000-2d7cd011db47";
    for (tenant, issuer) in [
        ("consumers", "https://login.microsoftonline.com/{tenantid}/v2.0"),
        ("Example.org", "https://login.microsoftonline.com/{tenantid}/v2.0"),
        (
            id,
            "https://login.microsoftonline.com/72f988bf-0000-4000-8000-2d7cd011db47/v2.0",
        ),
    ] {
        let settings = microsoft().env("ONEDRIVE_TENANT", tenant).settings();

        let options = &link_providers(&settings).unwrap()[0].options;

        let base = format!("https://login.microsoftonline.com/{}", tenant.to_lowercase());
        assert_eq!(options.auth_url, format!("{base}/oauth2/v2.0/authorize"));
        assert_eq!(options.token_url, format!("{base}/oauth2/v2.0/token"));
        let people = identity_providers(&settings).unwrap();
        assert_eq!(
            (people[0].title.as_str(), people[0].client.issuer()),
            ("Microsoft", issuer)
        );
    }
    let national = microsoft()
        .env(
            "CUMULI_MICROSOFT_ISSUER",
            "https://login.microsoftonline.us/{tenantid}/v2.0",
        )
        .settings();
    let options = &link_providers(&national).unwrap()[0].options;
    assert_eq!(
        options.token_url,
        "https://login.microsoftonline.us/common/oauth2/v2.0/token"
    );
}

#[test]
fn addresses_of_emulators_take_the_place_of_the_real_ones() {
    let settings = microsoft()
        .env("GOOGLE_CLIENT_ID", "x")
        .env("GOOGLE_CLIENT_SECRET", "y")
        .env("CUMULI_GOOGLE_API_URL", "http://127.0.0.1:1")
        .env("CUMULI_GOOGLE_AUTH_URL", "http://127.0.0.1:2/a")
        .env("CUMULI_GOOGLE_TOKEN_URL", "http://127.0.0.1:2/t")
        .env("CUMULI_GOOGLE_REVOKE_URL", "http://127.0.0.1:2/r")
        .env("CUMULI_MICROSOFT_AUTH_URL", "http://127.0.0.1:3/a")
        .env("CUMULI_MICROSOFT_TOKEN_URL", "http://127.0.0.1:3/t")
        .env("ONEDRIVE_CLIENT_SECRET_EXPIRES", "2027-06-30")
        .settings();

    let linked = link_providers(&settings).unwrap();

    let urls = |at: usize| {
        (
            linked[at].options.auth_url.as_str(),
            linked[at].options.token_url.as_str(),
        )
    };
    assert_eq!(urls(0), ("http://127.0.0.1:2/a", "http://127.0.0.1:2/t"));
    assert_eq!(urls(1), ("http://127.0.0.1:3/a", "http://127.0.0.1:3/t"));
    assert_eq!(linked[0].api_url, "http://127.0.0.1:1");
    assert_eq!(
        linked[0].options.revoke_url.as_deref(),
        Some("http://127.0.0.1:2/r")
    );
    // The first moment of 30 June 2027 in UTC.
    assert_eq!(linked[1].secret_ends, Some(model::Millis(1_814_313_600_000)));
}

#[test]
fn wrong_settings_of_clouds_are_told_by_name() {
    for (name, text, words) in [
        ("ONEDRIVE_TENANT", "a/b", "neither the id nor a domain"),
        ("ONEDRIVE_TENANT", ".org", "neither the id nor a domain"),
        ("ONEDRIVE_CLIENT_SECRET_EXPIRES", "soon", "is not a date"),
        ("ONEDRIVE_CLIENT_SECRET_EXPIRES", "2027-02-30", "is not a date"),
        ("ONEDRIVE_REDIRECT_URI", "/auth", "is not a URL"),
        (
            "CUMULI_GOOGLE_API_URL",
            "http://drive.example.org",
            "does not begin with https://",
        ),
        ("CUMULI_GRAPH_URL", "https://a.example/v1.0?x", "holds a query"),
        (
            "CUMULI_MICROSOFT_TOKEN_URL",
            "http://a.example/t",
            "does not begin with https://",
        ),
        ("CUMULI_MICROSOFT_ISSUER", "login", "is not a URL"),
        (
            "CUMULI_OUTBOUND_ALLOW",
            "10.0.0.0/8, 300.1.1.1",
            "`300.1.1.1` is neither a network",
        ),
        (
            "CUMULI_DIRECTORY_ROOTS",
            "/srv, media",
            "`media` is not a whole path",
        ),
        ("CUMULI_DIRECTORY_ROOTS", "/srv/../etc", "is not a whole path"),
        ("TOKEN_ENCRYPTION_KEY", "short", "needs at least 32"),
        ("CUMULI_OLD_TOKEN_KEYS", "short", "needs at least 32"),
        ("FRONTEND_URL", "app.example.org", "is not a URL"),
    ] {
        let sentence = Given::nothing().env(name, text).sentence();
        assert!(
            sentence.starts_with(&format!("{name} from the environment: ")),
            "{sentence}"
        );
        assert!(sentence.contains(words), "{words} in {sentence}");
    }
}

#[test]
fn half_of_a_provider_s_settings_is_warned_of() {
    let warned = |given: Given| given.read().ok().unwrap().warnings().join("\n");

    assert_eq!(warned(google()), "");
    assert_eq!(warned(microsoft()), "");
    let far = |given: Given| {
        given
            .env("CUMULI_LISTEN", "0.0.0.0:1")
            .env("CUMULI_TRUSTED_PROXIES", "10.0.0.0/8")
    };
    assert!(warned(far(google())).contains("GOOGLE_REDIRECT_URI or CUMULI_PUBLIC_URL"));
    assert!(warned(far(microsoft())).contains("ONEDRIVE_REDIRECT_URI"));
    assert!(warned(Given::nothing().env("ONEDRIVE_CLIENT_ID", "x")).contains("ONEDRIVE_CLIENT_SECRET"));
    let public = far(google()).env("CUMULI_PUBLIC_URL", "https://drive.example.org");
    assert_eq!(warned(public), "");
    let gone = Given::nothing().env("CUMULI_DIRECTORY_ROOTS", "/no/such/folder, /tmp");
    assert!(warned(gone).contains("no folder /no/such/folder now"));
}
