//! Signing in with a real OpenID provider: its pages, its keys, its tokens.

mod browser;
pub mod provider;

use serde_json::{Value, json};

use crate::harness::{Engine, Server};
use crate::people::Town;
use crate::wire::{self, Reply, Request};
use browser::Browser;
use provider::Provider;

const HTTP: &str = "http://127.0.0.1:9";
const HTTPS: &str = "https://drive.example.org";
const CLIENT_SECRET: &str = "a secret of the client & more";
const LOGIN: &str = "/auth/oidc/login?redirect_to=/%23/folder/root";

/// A server whose other provider this is, and people on it.
async fn with_oidc(provider: &Provider, client: &str) -> Town {
    let server = Server::on(Engine::Sqlite)
        .set("CUMULI_PUBLIC_URL", HTTP)
        .set("CUMULI_OIDC_ISSUER", &provider.issuer)
        .set("CUMULI_OIDC_CLIENT_ID", client)
        .set("CUMULI_OIDC_CLIENT_SECRET", CLIENT_SECRET)
        .set("CUMULI_OIDC_NAME", "Example <Inc.>");
    Town::with(server).await
}

/// A server to which this provider is Google, and people on it.
async fn with_google(provider: &Provider) -> Town {
    let server = Server::on(Engine::Sqlite)
        .set("CUMULI_PUBLIC_URL", HTTPS)
        .set("CUMULI_GOOGLE_ISSUER", &provider.issuer)
        .set("CUMULI_GOOGLE_TOKEN_URL", format!("{}/token", provider.issuer))
        .set("GOOGLE_CLIENT_ID", "by-form")
        .set("GOOGLE_CLIENT_SECRET", CLIENT_SECRET)
        .set("CUMULI_GOOGLE_NATIVE_CLIENT_IDS", "by-header");
    Town::with(server).await
}

/// Whose session a browser holds.
async fn me(browser: &mut Browser, public_url: &str) -> Value {
    browser
        .get(&format!("{public_url}/api/v1/me"))
        .await
        .expect(200)
        .json()
}

#[tokio::test]
async fn a_browser_signs_in_and_finds_the_same_account_whatever_the_provider_s_keys() {
    let back = format!("{HTTP}/auth/oidc/callback");
    let mut provider = Provider::start(&back, "at the userinfo endpoint").await;
    for client in ["by-header", "by-form"] {
        let town = with_oidc(&provider, client).await;
        let browser = || Browser::new(HTTP, town.server.host());
        let mut first = browser();

        let reply = first.sign_in(LOGIN, "ada").await.expect(303);

        assert_eq!(reply.header("location"), "/#/folder/root");
        assert_eq!(
            first.cookie_names(),
            ["cumuli_session"],
            "the other one was taken back"
        );
        let ada = me(&mut first, HTTP).await;
        assert_eq!(ada["email"], "ada@example.org", "{client}");
        assert_eq!(ada["full_name"], "The Person ada");
        assert_eq!(ada["role"], "user");

        // The provider knows the browser by now and asks nothing.
        first.visited.clear();
        first.sign_in(LOGIN, "nobody").await.expect(303);
        assert!(
            !first.visited.iter().any(|url| url.contains("/interaction/")),
            "{:?}",
            first.visited
        );
        assert_eq!(me(&mut first, HTTP).await["user_id"], ada["user_id"]);

        provider.rotate_keys().await;
        let mut second = browser();
        second.sign_in(LOGIN, "ada").await.expect(303);
        assert_eq!(me(&mut second, HTTP).await["user_id"], ada["user_id"]);

        let mut other = browser();
        other.sign_in(LOGIN, "eve").await.expect(303);
        assert_ne!(me(&mut other, HTTP).await["user_id"], ada["user_id"]);
    }
}

#[tokio::test]
async fn the_hub_of_connectors_tells_an_administrator_of_everybody_and_others_of_themselves() {
    let back = format!("{HTTP}/auth/oidc/callback");
    let provider = Provider::start(&back, "at the userinfo endpoint").await;
    let town = with_oidc(&provider, "by-header").await;
    let mut browsers = Vec::new();
    for person in ["ada", "eve"] {
        let mut browser = Browser::new(HTTP, town.server.host());
        browser.sign_in(LOGIN, person).await.expect(303);
        browsers.push(browser);
    }
    let user = |id: u64, email: &str| json!({"id": id, "email": email, "provider": "oidc", "has_refresh_token": false});
    let (ada, eve) = (user(1, "ada@example.org"), user(2, "eve@example.org"));

    let users = town.admin.get("/users").await.expect(200).json();
    assert_eq!(users, json!([ada, eve]));
    assert_eq!(town.alice.get("/users").await.expect(200).json(), json!([]));
    let own = browsers[1].get(&format!("{HTTP}/users")).await.expect(200);
    assert_eq!(own.json(), json!([eve]));
    let config = town.send(&Request::get("/config")).await.expect(200).json();
    assert_eq!(config["available_providers"], json!(["oidc"]));
}

#[tokio::test]
async fn an_account_with_the_same_address_is_joined_by_its_password() {
    let back = format!("{HTTP}/auth/oidc/callback");
    let provider = Provider::start(&back, "at the userinfo endpoint").await;
    let town = with_oidc(&provider, "by-header").await;
    let mut browser = Browser::new(HTTP, town.server.host());

    let reply = browser.sign_in(LOGIN, "alice").await.expect(303);

    let ticket = reply
        .header("location")
        .strip_prefix("/#/join/")
        .unwrap()
        .to_owned();
    assert_eq!(
        browser.cookie_names(),
        Vec::<&str>::new(),
        "nobody is signed in yet"
    );
    let join = |password: &str| {
        Request::post(
            "/auth/join",
            &json!({"join_ticket": ticket, "password": password}),
        )
    };
    town.send(&join("not the one")).await.expect(401);
    assert_eq!(
        town.alice.get("/api/v1/identities").await.json()["identities"],
        json!([])
    );
    let joined = town.send(&join(&town.alice.password)).await.expect(200);
    assert_eq!(joined.field("user_id"), town.alice.id);
    let used = town.send(&join(&town.alice.password)).await.expect(400);
    assert_eq!(used.json()["type"], "urn:cumuli:problem:sign_in_failed");

    browser.sign_in(LOGIN, "alice").await.expect(303);
    assert_eq!(me(&mut browser, HTTP).await["user_id"], town.alice.id.as_str());
    let own = town.alice.get("/api/v1/identities").await.expect(200).json();
    assert_eq!(own["has_password"], true);
    let identity = &own["identities"][0];
    assert_eq!(identity["email"], "alice@example.org");
    assert_eq!(identity["issuer"], provider.issuer.as_str());
    let one = format!("/api/v1/identities/{}", identity["number"]);
    town.bob.send(Request::new("DELETE", &one)).await.expect(404);
    town.alice.send(Request::new("DELETE", &one)).await.expect(204);
    town.alice.send(Request::new("DELETE", &one)).await.expect(404);
}

#[tokio::test]
async fn what_goes_wrong_is_shown_to_a_person_and_told_to_a_program() {
    let back = format!("{HTTP}/auth/oidc/callback");
    let provider = Provider::start(&back, "at the userinfo endpoint").await;
    let town = with_oidc(&provider, "by-header").await;
    let mut browser = Browser::new(HTTP, town.server.host());
    let shown = |reply: Reply, status: u16, words: &str| {
        let page = reply.text();
        assert_eq!(reply.status, status, "{page}");
        assert!(reply.header("content-type").starts_with("text/html"), "{page}");
        assert!(page.contains(words) && page.contains("<h1>"), "{page}");
        assert_eq!(reply.header("cache-control"), "no-store");
        // The provider's name is text, whatever its letters.
        assert!(!page.contains("<Inc"), "{page}");
    };

    let refused = browser.refuse(LOGIN).await;
    shown(refused, 400, "was not allowed at Example &lt;Inc.&gt;");
    let mut liar = Browser::new(HTTP, town.server.host());
    let unverified = liar.sign_in(LOGIN, "liar").await;
    shown(unverified, 403, "made sure that your e-mail address is yours");
    let script = "/auth/oidc/callback?state=x&error=%3Cscript%3E&error_description=%3Cscript%3E";
    let forged = browser.get(&format!("{HTTP}{script}")).await;
    assert!(!forged.text().contains("<script>"), "{}", forged.text());
    shown(forged, 400, "did not begin this sign-in");

    let told = town
        .send(&Request::get("/auth/oidc/callback?code=x&state=y"))
        .await;
    assert_eq!(
        told.expect(400).json()["type"],
        "urn:cumuli:problem:sign_in_failed"
    );
    // An answer that was used is no answer any more.
    let mut honest = Browser::new(HTTP, town.server.host());
    honest.sign_in(LOGIN, "ada").await.expect(303);
    let answer = honest
        .visited
        .iter()
        .find(|url| url.contains("/callback?"))
        .unwrap()
        .clone();
    shown(honest.get(&answer).await, 400, "did not begin this sign-in");
}

#[tokio::test]
async fn the_way_back_is_the_settings_whatever_a_request_says() {
    let back = format!("{HTTP}/auth/oidc/callback");
    let provider = Provider::start(&back, "at the userinfo endpoint").await;
    let town = with_oidc(&provider, "by-header").await;
    for (name, value) in [
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("Forwarded", "host=evil.example"),
        ("Origin", "https://evil.example"),
    ] {
        let begun = town
            .send(&Request::get(LOGIN).header(name, value))
            .await
            .expect(303);

        let location = begun.header("location");
        assert!(
            location.starts_with(&format!("{}/auth?", provider.issuer)),
            "{location}"
        );
        assert!(
            location.contains("redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fauth%2Foidc%2Fcallback&"),
            "{name}: {location}"
        );
        assert!(location.contains("code_challenge_method=S256"), "{location}");
    }
    for elsewhere in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "javascript:alert(1)",
    ] {
        let mut browser = Browser::new(HTTP, town.server.host());
        let path = format!("/auth/oidc/login?redirect_to={elsewhere}");

        let reply = browser.sign_in(&path, "ada").await.expect(303);

        assert_eq!(reply.header("location"), "/", "{elsewhere}");
    }
}

#[tokio::test]
async fn a_provider_that_is_gone_is_trouble_that_passes() {
    let provider = Provider::start(&format!("{HTTP}/auth/oidc/callback"), "anywhere").await;
    let town = with_oidc(&provider, "by-header").await;
    drop(provider);

    let reply = town.send(&Request::get(LOGIN)).await.expect(502);

    assert_eq!(reply.json()["type"], "urn:cumuli:problem:provider_unavailable");
    assert_eq!(reply.header("retry-after"), "5");
    town.send(&Request::get("/health/ready")).await.expect(200);
}

#[tokio::test]
async fn google_is_offered_by_its_settings_and_its_cookie_belongs_to_this_host_alone() {
    let back = format!("{HTTPS}/auth/google/callback");
    let provider = Provider::start(&back, "in the ID token").await;
    let town = with_google(&provider).await;
    let offered = town.send(&Request::get("/auth/signup")).await.expect(200).json();
    assert_eq!(
        offered["providers"],
        json!([{"name": "google", "title": "Google"}])
    );

    let begun = town.send(&Request::get("/auth/google/login")).await.expect(303);
    let cookie = begun.header("set-cookie");
    let (pair, rest) = cookie.split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-cumuli_oauth="), "{cookie}");
    assert_eq!(rest, "Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure");

    let mut browser = Browser::new(HTTPS, town.server.host());
    browser.sign_in("/auth/google/login", "ada").await.expect(303);
    assert_eq!(browser.cookie_names(), ["__Host-cumuli_session"]);
    assert_eq!(me(&mut browser, HTTPS).await["email"], "ada@example.org");
    town.send(&Request::get("/auth/oidc/login")).await.expect(409);
    let elsewhere = town.send(&Request::get("/auth/onedrive/login")).await.expect(409);
    assert_eq!(
        elsewhere.json()["type"],
        "urn:cumuli:problem:provider_not_configured"
    );
    town.send(&Request::get("/auth/unknown/login")).await.expect(404);
    // Its drive is another matter, which waits for a later version.
    town.alice.get("/auth/google/start").await.expect(409);
}

/// An ID token as an app gets it from the provider: by the provider's pages, without this server.
async fn app_token(provider: &Provider, login: &str) -> String {
    let verifier = "an-app-s-own-verifier-of-more-than-43-letters-";
    let challenge = "dYSm91YD1tfuZVHInHsDAgrG_QdLBUhMGb5zJRYxUPg";
    let back = format!("{HTTPS}/auth/google/callback");
    let question = format!(
        "/auth?response_type=code&client_id=by-header&redirect_uri={back}&scope=openid%20email%20profile\
         &code_challenge={challenge}&code_challenge_method=S256"
    );
    // The browser is at home at the provider, and the way back leads nowhere.
    let mut browser = Browser::new(&provider.issuer, provider.host());
    let code = browser.code(&question, login).await;
    let form =
        format!("grant_type=authorization_code&code={code}&redirect_uri={back}&code_verifier={verifier}");
    let request = Request::new("POST", "/token")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .header(
            "Authorization",
            crate::people::basic("by-header", "a+secret+of+the+client+%26+more"),
        )
        .body(form);
    wire::send(provider.host(), &request)
        .await
        .expect(200)
        .field("id_token")
}

#[tokio::test]
async fn an_app_signs_in_by_the_id_token_that_google_gave_it() {
    let back = format!("{HTTPS}/auth/google/callback");
    let provider = Provider::start(&back, "in the ID token").await;
    let town = with_google(&provider).await;
    let post = |token: &str| Request::post("/auth/google/token", &json!({"id_token": token}));
    let token = app_token(&provider, "ada").await;

    let signed_in = town.send(&post(&token)).await.expect(200);

    assert_eq!(signed_in.json()["email"], "ada@example.org");
    let own = Request::get("/api/v1/me").bearer(&signed_in.field("access_token"));
    town.send(&own).await.expect(200);
    let (head, _) = token.rsplit_once('.').unwrap();
    let forged = town
        .send(&post(&format!("{head}.{}", "A".repeat(342))))
        .await
        .expect(401);
    assert_eq!(forged.json()["type"], "urn:cumuli:problem:id_token_refused");
    town.send(&post("")).await.expect(401);

    let to_join = town
        .send(&post(&app_token(&provider, "bob").await))
        .await
        .expect(409);
    assert_eq!(to_join.json()["type"], "urn:cumuli:problem:join_needed");
    let body = json!({"join_ticket": to_join.field("join_ticket"), "password": town.bob.password});
    let joined = town.send(&Request::post("/auth/join", &body)).await.expect(200);
    assert_eq!(joined.field("user_id"), town.bob.id);
}
