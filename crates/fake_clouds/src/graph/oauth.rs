//! Microsoft's identity platform v2, as far as an app needs it.

use std::sync::Arc;

use http::HeaderMap;
use serde_json::{Value, json};

use super::answer::Reply;
use super::item::DriveType;
use super::tree::scatter;
use super::world::{Account, Shared};
use crate::oauth::{Ask, AskError, Client, CodeError, Grant, Lives, RefreshError, TokenForm, page};
use crate::server::origin_of;

/// The tenant of all personal accounts.
pub(crate) const PERSONAL_TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// The tenant of the organization.
const OUR_TENANT: &str = "4fd2b2f2-ea27-4fe5-a8f3-7b1a7c975f34";

const DAY_MS: i64 = 24 * 3600 * 1000;

/// How long codes and tokens live: access tokens for an odd time, refresh tokens for 90 days after they were used.
pub(crate) const LIVES: Lives = Lives {
    code_ms: 10 * 60 * 1000,
    access_ms: 4_521_000,
    refresh_idle_ms: 90 * DAY_MS,
    refresh_ms: None,
    most_refresh: usize::MAX,
};

/// What `/me` and userinfo tell of an account.
pub(crate) fn profile(account: &Account) -> Value {
    json!({
        "id": object_id(account), "displayName": name_of(account), "mail": account.email,
        "userPrincipalName": account.email,
    })
}

fn object_id(account: &Account) -> String {
    format!("00000000-0000-0000-0000-{:012x}", scatter(account.number) >> 16)
}

fn name_of(account: &Account) -> &str {
    account.email.split('@').next().unwrap_or_default()
}

fn tenant_of(kind: DriveType) -> &'static str {
    match kind {
        DriveType::Personal => PERSONAL_TENANT,
        DriveType::Business => OUR_TENANT,
    }
}

/// Answers what comes to `/{tenant}/…`; nothing if it is no address of this service.
pub(crate) fn serve(
    shared: &Arc<Shared>,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &str,
) -> Option<Reply> {
    let (tenant, rest) = path.strip_prefix('/')?.split_once('/')?;
    let origin = origin_of(headers);
    if !is_tenant(tenant) {
        let is_ours = rest.starts_with("oauth2/v2.0/") || rest.starts_with("v2.0/");
        let trouble = fault(
            shared,
            400,
            "invalid_request",
            90002,
            &format!("Tenant '{tenant}' not found."),
        );
        return is_ours.then_some(trouble);
    }
    match rest {
        "v2.0/.well-known/openid-configuration" => Some(Reply::json(200, &discovery(&origin, tenant))),
        "discovery/v2.0/keys" => {
            let issuer = format!("{origin}/{{tenantid}}/v2.0");
            Some(Reply::json(200, &shared.keys.jwks(&json!({ "issuer": issuer }))))
        }
        "oauth2/v2.0/authorize" => Some(authorize(shared, tenant, query)),
        "oauth2/v2.0/token" => Some(token(shared, &origin, tenant, query, headers, body)),
        "oauth2/v2.0/logout" => Some(Reply::empty(200)),
        _ => None,
    }
}

fn is_tenant(tenant: &str) -> bool {
    matches!(
        tenant,
        "common" | "organizations" | "consumers" | PERSONAL_TENANT | OUR_TENANT
    )
}

fn discovery(origin: &str, tenant: &str) -> Value {
    // Whose tenant it is comes out with the token only.
    let issuer = match tenant {
        "common" | "organizations" => "{tenantid}",
        "consumers" => PERSONAL_TENANT,
        tenant => tenant,
    };
    json!({
        "issuer": format!("{origin}/{issuer}/v2.0"),
        "authorization_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/token"),
        "jwks_uri": format!("{origin}/{tenant}/discovery/v2.0/keys"),
        "userinfo_endpoint": format!("{origin}/oidc/userinfo"),
        "end_session_endpoint": format!("{origin}/{tenant}/oauth2/v2.0/logout"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code", "id_token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "name", "preferred_username", "oid", "tid", "email"],
    })
}

fn client(shared: &Shared) -> Client {
    let options = &shared.options;
    Client {
        id: options.client_id.clone(),
        secret: options.client_secret.clone(),
        redirect_uris: options.redirect_uris.clone(),
    }
}

/// `GET /{tenant}/oauth2/v2.0/authorize`: a person signs in and agrees, or finds a page to do so.
fn authorize(shared: &Arc<Shared>, tenant: &str, query: &str) -> Reply {
    let ask = match Ask::read(query, &client(shared), &shared.core.record) {
        Ok(ask) => ask,
        Err(error) => return refused(shared, error),
    };
    if let Some(trouble) = wrong_tenant(shared, tenant) {
        return trouble;
    }
    let (emails, next, denial) = shared.with(|world| {
        let emails: Vec<String> = world.accounts.keys().cloned().collect();
        (emails, world.next_person.take(), world.next_denial.take())
    });
    if let Some(error) = denial {
        return back(
            &ask,
            &[
                ("error", &error),
                ("error_description", "AADSTS65004: User declined to consent."),
            ],
        );
    }
    let hinted = ask.login_hint.clone().filter(|hint| emails.contains(hint));
    if shared.options.shows_page && next.is_none() {
        let mut answers: Vec<(String, String)> = emails
            .iter()
            .map(|email| {
                (
                    format!("Allow as {email}"),
                    ask.back(&[("code", &code(shared, &ask, email))]),
                )
            })
            .collect();
        answers.push(("Deny".to_owned(), ask.back(&[("error", "access_denied")])));
        let html = page("A make-believe Microsoft", &ask, &answers);
        return html_reply(200, html);
    }
    match next.or(hinted).or_else(|| emails.first().cloned()) {
        Some(email) => back(&ask, &[("code", &code(shared, &ask, &email))]),
        None => back(&ask, &[("error", "login_required")]),
    }
}

fn code(shared: &Shared, ask: &Ask, email: &str) -> String {
    let is_offline = ask.scopes.iter().any(|scope| scope == "offline_access");
    let grant = Grant {
        client_id: ask.client_id.clone(),
        account: email.to_owned(),
        scopes: ask.scopes.clone(),
        nonce: ask.nonce.clone(),
        is_offline,
    };
    shared.tokens.issue_code("M.C1_", ask, grant, &LIVES)
}

fn back(ask: &Ask, answer: &[(&str, &str)]) -> Reply {
    match crate::oauth::value(&ask.all, "response_mode") {
        Some("form_post") => {
            let address = ask.back(answer);
            let fields: String = crate::oauth::pairs(address.split_once('?').map_or("", |(_, query)| query))
                .iter()
                .map(|(name, value)| {
                    format!(
                        "<input type=hidden name=\"{name}\" value=\"{}\">",
                        value.replace('"', "&quot;")
                    )
                })
                .collect();
            let html = format!(
                "<html><body onload=\"document.forms[0].submit()\"><form method=post action=\"{}\">{fields}</form></body></html>",
                ask.redirect_uri
            );
            html_reply(200, html)
        }
        _ => Reply::empty(302).with("location", ask.back(answer)),
    }
}

fn html_reply(status: u16, html: String) -> Reply {
    let mut reply = Reply::empty(status).with("content-type", "text/html; charset=utf-8");
    reply.body = html.into();
    reply
}

/// A page that tells the person what is wrong: nothing goes back to an app that may be somebody else's.
fn refused(shared: &Shared, error: AskError) -> Reply {
    let text = match error {
        AskError::Client => "AADSTS700016: Application was not found in the directory.".to_owned(),
        AskError::RedirectUri => {
            "AADSTS50011: The redirect URI specified in the request does not match.".to_owned()
        }
        AskError::Parameter(name) => {
            format!("AADSTS900144: The request must contain the parameter '{name}'.")
        }
    };
    shared
        .core
        .record
        .violation(format!("authorize was refused: {text}"));
    html_reply(
        400,
        format!("<html><body>Sorry, but we are having trouble signing you in. {text}</body></html>"),
    )
}

/// An app of one tenant does not answer to `common`.
fn wrong_tenant(shared: &Shared, tenant: &str) -> Option<Reply> {
    let is_wrong = shared.options.is_single_tenant && tenant == "common";
    let text = "Application is not configured as a multi-tenant application. Usage of the /common endpoint is not supported.";
    is_wrong.then(|| fault(shared, 400, "invalid_request", 50194, text))
}

/// `POST /{tenant}/oauth2/v2.0/token`
fn token(
    shared: &Arc<Shared>,
    origin: &str,
    tenant: &str,
    query: &str,
    headers: &HeaderMap,
    body: &str,
) -> Reply {
    let form = TokenForm::read(query, headers, body, &client(shared), &shared.core.record);
    if let Some(trouble) = wrong_tenant(shared, tenant) {
        return trouble;
    }
    if !form.is_client {
        return fault(
            shared,
            401,
            "invalid_client",
            7_000_215,
            "Invalid client secret provided.",
        );
    }
    let grant = match form.field("grant_type") {
        "authorization_code" => shared.tokens.redeem(&form).map_err(|error| match error {
            CodeError::Unknown => (
                70008,
                "The provided authorization code or refresh token has expired.",
            ),
            CodeError::Used => (54005, "OAuth2 Authorization code was already redeemed."),
            CodeError::RedirectUri => (50011, "The redirect URI does not match."),
            CodeError::Verifier => (501_481, "The Code_Verifier does not match the code_challenge."),
        }),
        "refresh_token" => {
            let is_strict = shared.switches.get().strict_refresh;
            let refreshed = shared
                .tokens
                .refresh(form.field("refresh_token"), &LIVES, is_strict);
            refreshed
                .map(|refreshed| refreshed.grant)
                .map_err(|error| match error {
                    RefreshError::Unknown => {
                        (50173, "The provided grant has expired due to it being revoked.")
                    }
                    RefreshError::Expired => (700_082, "The refresh token has expired due to inactivity."),
                    RefreshError::Replaced => (70000, "The refresh token was used before."),
                })
        }
        _ => {
            return fault(
                shared,
                400,
                "unsupported_grant_type",
                70003,
                "The grant type is not supported.",
            );
        }
    };
    match grant {
        Ok(grant) => issued(shared, origin, &grant),
        Err((number, text)) => fault(shared, 400, "invalid_grant", number, text),
    }
}

/// Tokens for what was allowed. A refresh token comes with each answer, and the old one stays good.
fn issued(shared: &Arc<Shared>, origin: &str, grant: &Grant) -> Reply {
    let access = shared.tokens.issue_access("EwB4A8l6BAAU", grant, &LIVES);
    let scopes: Vec<&str> = grant
        .scopes
        .iter()
        .map(String::as_str)
        .filter(|scope| *scope != "offline_access")
        .collect();
    let mut answer = json!({
        "token_type": "Bearer", "scope": scopes.join(" "), "expires_in": LIVES.access_ms / 1000,
        "ext_expires_in": LIVES.access_ms / 1000, "access_token": access,
    });
    if grant.is_offline {
        answer["refresh_token"] = shared.tokens.issue_refresh("M.C1_", grant, &LIVES).into();
    }
    if scopes.contains(&"openid")
        && let Some(claims) = claims(shared, origin, grant)
    {
        answer["id_token"] = shared.keys.sign(&claims).into();
    }
    Reply::json(200, &answer).with("cache-control", "no-store")
}

fn claims(shared: &Arc<Shared>, origin: &str, grant: &Grant) -> Option<Value> {
    let (account, kind) = shared.with(|world| {
        let account = world.accounts.get(&grant.account)?.clone();
        let kind = world.drives.get(&account.drive)?.kind;
        Some((account, kind))
    })?;
    let now = shared.core.clock.now() / 1000;
    let tenant = tenant_of(kind);
    Some(json!({
        "iss": format!("{origin}/{tenant}/v2.0"), "aud": grant.client_id, "iat": now, "nbf": now, "exp": now + 3600,
        "sub": format!("AAAA{:016x}{:016x}", scatter(account.number), scatter(account.number + 1)),
        "oid": object_id(&account), "tid": tenant, "ver": "2.0", "nonce": grant.nonce,
        "name": name_of(&account), "preferred_username": account.email, "email": account.email,
    }))
}

/// The service's way to word a refusal.
fn fault(shared: &Shared, status: u16, error: &str, number: u32, text: &str) -> Reply {
    let time = super::render::time(shared.core.clock.now());
    Reply::json(
        status,
        &json!({
            "error": error,
            "error_description": format!("AADSTS{number}: {text} Trace ID: 0 Correlation ID: 0 Timestamp: {time}"),
            "error_codes": [number], "timestamp": time, "trace_id": "00000000-feed-4bad-8bad-000000000000",
            "correlation_id": "00000000-feed-4bad-8bad-000000000000",
            "error_uri": format!("https://login.microsoftonline.com/error?code={number}"),
        }),
    )
}
