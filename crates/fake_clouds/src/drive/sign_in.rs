//! Google's OAuth: consent, tokens, keys.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::Drive;
use super::answer::{Fail, empty_response, json_response};
use super::call::{Call, Caller};
use crate::oauth::{
    Ask, AskError, CodeError, Grant, Lives, RefreshError, TokenForm, bearer, page, pairs, value,
};

const DAY_MS: i64 = 24 * 3_600_000;
/// The scope that sees everything and may do everything.
pub const FULL: &str = "https://www.googleapis.com/auth/drive";
/// The scope that sees what the app made.
pub const NARROW: &str = "https://www.googleapis.com/auth/drive.file";
const READ_ONLY: &[&str] = &[
    "https://www.googleapis.com/auth/drive.readonly",
    "https://www.googleapis.com/auth/drive.metadata.readonly",
];
/// Scopes that only tell who somebody is, which testing does not end.
const IDENTITY: &[&str] = &["openid", "email", "profile"];
/// The issuer of ID tokens, wherever the fake listens: clients compare it with Google's.
pub const ISSUER: &str = "https://accounts.google.com";

impl Drive {
    /// How long Google's tokens live, for what was granted.
    pub(super) fn lives(&self, grant: &Grant) -> Lives {
        let is_identity = grant
            .scopes
            .iter()
            .all(|scope| IDENTITY.contains(&scope.as_str()));
        let is_testing = self.switches.get().is_testing && !is_identity;
        Lives {
            code_ms: 600_000,
            access_ms: 3_600_000,
            refresh_idle_ms: 183 * DAY_MS,
            refresh_ms: is_testing.then_some(7 * DAY_MS),
            most_refresh: 100,
        }
    }

    /// Whose token it is.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Fail> {
        let token = bearer(headers).ok_or_else(Fail::unauthorized)?;
        let access = self.tokens.access(token).ok_or_else(Fail::unauthorized)?;
        let has = |scope: &str| access.grant.scopes.iter().any(|is| is == scope);
        let is_full = has(FULL);
        let reads = READ_ONLY.iter().any(|scope| has(scope));
        if !is_full && !has(NARROW) && !reads {
            let message = "Request had insufficient authentication scopes.";
            return Err(Fail::new(403, "insufficientPermissions", message));
        }
        Ok(Caller {
            email: access.grant.account,
            is_narrow: !is_full && !reads,
            may_write: is_full || has(NARROW),
        })
    }

    /// `GET /o/oauth2/v2/auth`: the page of consent, or at once what the person would answer.
    pub(super) fn authorize(&self, call: &Call) -> Response {
        let ask = match Ask::read(&call.raw_query, &self.client, &self.core.record) {
            Ok(ask) => ask,
            Err(error) => return refused(error),
        };
        if self.auto_approve {
            let email = ask.login_hint.clone().unwrap_or_else(|| self.signed_in.clone());
            return redirect(&self.answer_ask(&ask, &email));
        }
        let chosen = value(&ask.all, "fake_answer").map(str::to_owned);
        match chosen.as_deref() {
            Some("deny") => redirect(&ask.back(&[("error", "access_denied")])),
            Some(email) => redirect(&self.answer_ask(&ask, email)),
            None => {
                let again = |answer: &str| {
                    let coded = crate::oauth::encode(answer);
                    format!("{}?{}&fake_answer={coded}", call.path, call.raw_query)
                };
                let email = ask.login_hint.clone().unwrap_or_else(|| self.signed_in.clone());
                let answers = [
                    (format!("Allow as {email}"), again(&email)),
                    ("Deny".to_owned(), again("deny")),
                ];
                let mut response =
                    Response::new(Body::from(page("Sign in with the fake Google", &ask, &answers)));
                let kind = HeaderValue::from_static("text/html; charset=utf-8");
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
        }
    }

    fn answer_ask(&self, ask: &Ask, email: &str) -> String {
        let switches = self.switches.get();
        if switches.deny {
            return ask.back(&[("error", "access_denied")]);
        }
        self.world().account(email, self.core.clock.now());
        let allowed =
            |scope: &&String| switches.granted_scopes.is_empty() || switches.granted_scopes.contains(scope);
        let is_new = self.consented().insert(email.to_owned());
        let is_asked =
            is_new || !switches.remember_consent || ask.prompt.iter().any(|word| word == "consent");
        let grant = Grant {
            client_id: ask.client_id.clone(),
            account: email.to_owned(),
            scopes: ask.scopes.iter().filter(allowed).cloned().collect(),
            nonce: ask.nonce.clone(),
            is_offline: is_asked && value(&ask.all, "access_type") == Some("offline"),
        };
        let lives = self.lives(&grant);
        let scope = grant.scopes.join(" ");
        let code = self.tokens.issue_code("4/0A", ask, grant, &lives);
        ask.back(&[("code", &code), ("scope", &scope), ("iss", ISSUER)])
    }

    /// `POST /token`.
    pub(super) async fn token(&self, mut call: Call) -> Result<Response, Fail> {
        if call.media_type() != Some("application/x-www-form-urlencoded") {
            self.core
                .record
                .violation("the token endpoint was not sent a form");
        }
        let body = String::from_utf8_lossy(&call.whole_body().await?).into_owned();
        let form = TokenForm::read(
            &call.raw_query,
            &call.headers,
            &body,
            &self.client,
            &self.core.record,
        );
        if !form.is_client {
            return Ok(oauth_error(401, "invalid_client", "Unauthorized"));
        }
        Ok(match form.field("grant_type") {
            "authorization_code" => self.token_for_code(&form),
            "refresh_token" => self.token_for_refresh(&form),
            _ => oauth_error(400, "unsupported_grant_type", "Invalid grant_type"),
        })
    }

    fn token_for_code(&self, form: &TokenForm) -> Response {
        let grant = match self.tokens.redeem(form) {
            Ok(grant) => grant,
            Err(CodeError::RedirectUri) => return oauth_error(400, "redirect_uri_mismatch", "Bad Request"),
            Err(CodeError::Verifier) => return oauth_error(400, "invalid_grant", "Invalid code verifier."),
            Err(CodeError::Unknown | CodeError::Used) => {
                return oauth_error(400, "invalid_grant", "Malformed auth code.");
            }
        };
        let lives = self.lives(&grant);
        let mut body = self.access_body(&grant);
        if grant.is_offline {
            body["refresh_token"] = json!(self.tokens.issue_refresh("1//0", &grant, &lives));
            if let Some(ms) = lives.refresh_ms {
                body["refresh_token_expires_in"] = json!(ms / 1000);
            }
        }
        if grant.scopes.iter().any(|scope| scope == "openid") {
            body["id_token"] = json!(self.id_token(&grant));
        }
        json_response(200, &body)
    }

    fn token_for_refresh(&self, form: &TokenForm) -> Response {
        let refused = self.switches.get().refuse_refresh;
        if !refused.is_empty() {
            let mut body =
                json!({"error": "invalid_grant", "error_description": "Token has been expired or revoked."});
            body["error_subtype"] = json!(refused);
            return json_response(400, &body);
        }
        let token = form.field("refresh_token");
        // What it was granted decides how long it lives.
        let long = Lives {
            code_ms: 0,
            access_ms: 0,
            refresh_idle_ms: i64::MAX,
            refresh_ms: None,
            most_refresh: 100,
        };
        let lives = self
            .tokens
            .grant_of(token)
            .map_or(long, |grant| self.lives(&grant));
        match self.tokens.refresh(token, &lives, false) {
            Ok(refreshed) => json_response(200, &self.access_body(&refreshed.grant)),
            Err(RefreshError::Unknown | RefreshError::Expired | RefreshError::Replaced) => {
                oauth_error(400, "invalid_grant", "Token has been expired or revoked.")
            }
        }
    }

    fn access_body(&self, grant: &Grant) -> Value {
        let lives = self.lives(grant);
        json!({
            "access_token": self.tokens.issue_access("ya29.a0", grant, &lives),
            // Google counts from a little earlier.
            "expires_in": lives.access_ms / 1000 - 1,
            "scope": grant.scopes.join(" "),
            "token_type": "Bearer",
        })
    }

    fn id_token(&self, grant: &Grant) -> String {
        let now = self.core.clock.now() / 1000;
        let mut world = self.world();
        let account = world.account(&grant.account, self.core.clock.now()).clone();
        drop(world);
        let mut claims = json!({
            "iss": ISSUER, "azp": grant.client_id, "aud": grant.client_id, "sub": account.subject,
            "iat": now, "exp": now + 3600,
        });
        let has = |scope: &str| grant.scopes.iter().any(|is| is.ends_with(scope));
        if has("email") {
            claims["email"] = json!(account.email);
            claims["email_verified"] = json!(true);
        }
        if has("profile") {
            claims["name"] = json!(account.name);
        }
        if let Some(nonce) = &grant.nonce {
            claims["nonce"] = json!(nonce);
        }
        self.keys.sign(&claims)
    }

    /// `POST /revoke`.
    pub(super) async fn revoke(&self, mut call: Call) -> Result<Response, Fail> {
        if call.parameter("token").is_some() {
            self.core
                .record
                .violation("a token was revoked by its place in an address, where it ends in logs");
        }
        let body = String::from_utf8_lossy(&call.whole_body().await?).into_owned();
        let form = pairs(&body);
        let token = value(&form, "token")
            .or_else(|| call.parameter("token"))
            .unwrap_or_default();
        if self.tokens.revoke(token) {
            return Ok(json_response(200, &json!({})));
        }
        Ok(oauth_error(400, "invalid_token", "Token expired or revoked"))
    }

    /// `GET /oauth2/v3/certs`.
    pub(super) fn certs(&self) -> Response {
        let mut response = json_response(200, &self.keys.jwks(&json!({})));
        let cache = HeaderValue::from_static("public, max-age=19000, must-revalidate, no-transform");
        response.headers_mut().insert(header::CACHE_CONTROL, cache);
        response
    }

    /// `GET /.well-known/openid-configuration`.
    pub(super) fn discovery(origin: &str) -> Response {
        json_response(
            200,
            &json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{origin}/o/oauth2/v2/auth"),
                "token_endpoint": format!("{origin}/token"),
                "revocation_endpoint": format!("{origin}/revoke"),
                "jwks_uri": format!("{origin}/oauth2/v3/certs"),
                "userinfo_endpoint": format!("{origin}/v1/userinfo"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": IDENTITY,
                "code_challenge_methods_supported": ["S256"],
            }),
        )
    }

    /// `GET /v1/userinfo`.
    pub(super) fn userinfo(&self, headers: &HeaderMap) -> Result<Response, Fail> {
        let token = bearer(headers).ok_or_else(Fail::unauthorized)?;
        let access = self.tokens.access(token).ok_or_else(Fail::unauthorized)?;
        let world = self.world();
        let account = world
            .known(&access.grant.account)
            .ok_or_else(Fail::unauthorized)?;
        Ok(json_response(
            200,
            &json!({
                "sub": account.subject, "email": account.email, "email_verified": true, "name": account.name,
            }),
        ))
    }
}

fn redirect(address: &str) -> Response {
    let mut response = empty_response(302);
    if let Ok(address) = HeaderValue::from_str(address) {
        response.headers_mut().insert(header::LOCATION, address);
    }
    response
}

/// What a person sees whose app asks wrongly.
fn refused(error: AskError) -> Response {
    let text = match error {
        AskError::Client => "Error 401: invalid_client".to_owned(),
        AskError::RedirectUri => "Error 400: redirect_uri_mismatch".to_owned(),
        AskError::Parameter(name) => format!("Error 400: invalid_request: {name}"),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = http::StatusCode::BAD_REQUEST;
    response
}

fn oauth_error(status: u16, error: &str, description: &str) -> Response {
    json_response(status, &json!({"error": error, "error_description": description}))
}
