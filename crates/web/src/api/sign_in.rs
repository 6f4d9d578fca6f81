//! `/auth/{provider}/login` and `/auth/{provider}/callback`: a browser signs in with a provider.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use http::header::{self, HeaderMap};
use http::{HeaderValue, StatusCode};
use hub::{CameBack, Hub, ProviderAnswer, Recognised};
use serde::Deserialize;
use utoipa::IntoParams;

use super::identities::{SignInProblem, join_needed};
use super::linking::{elsewhere, encoded};
use crate::WebConfig;
use crate::extract::{Path, Query};
use crate::problem::{ApiError, Problem};
use crate::sessions::{From, host_cookie, only_cookie, set_cookie};

/// What the browser keeps while somebody is at the provider. Over TLS its name demands what a
/// browser must then hold it to.
const COOKIE: &str = "cumuli_oauth";
const SECURE_COOKIE: &str = "__Host-cumuli_oauth";
/// How long it does.
const COOKIE_SECS: u32 = 10 * 60;

/// Where to go on.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BeginQuery {
    /// A path of this server to go on at; anything else stands for `/`.
    redirect_to: Option<String>,
    /// `false` signs in and no more; otherwise the drive of who signs in is linked too, where the server can.
    link: Option<bool>,
    /// `true` when the browser was sent on from another name of this server.
    moved: Option<bool>,
}

/// What the provider sends back with the browser.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AnswerQuery {
    /// What tokens are given for.
    code: Option<String>,
    /// As it was sent along.
    state: Option<String>,
    /// Who answers (RFC 9207).
    iss: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// `GET /auth/{provider}/login`
///
/// Sends the browser to Google (`google`), Microsoft (`onedrive`) or the server's OpenID Connect provider (`oidc`) to
/// sign in, and, where the provider has drives, to link the drive. It comes back to the callback.
#[utoipa::path(get, path = "/auth/{provider}/login", tag = "auth", security(()),
    params(("provider" = String, Path, example = "google"), BeginQuery),
    responses((status = 303, description = "To the provider; a cookie binds the answer to this browser"),
              (status = 409, description = "The provider is not configured", body = Problem,
               content_type = "application/problem+json"),
              (status = 502, description = "The provider does not answer as it should", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn begin_sign_in(
    State(hub): State<Hub>,
    State(config): State<Arc<WebConfig>>,
    headers: HeaderMap,
    Path(provider): Path<String>,
    Query(query): Query<BeginQuery>,
) -> Response {
    if let Some((origin, _)) = elsewhere(&hub, &provider, &headers).filter(|_| query.moved != Some(true)) {
        // Once: behind a proxy that changes the host it would go on for ever.
        let mut place = format!("{origin}/auth/{provider}/login?moved=true");
        if let Some(links) = query.link {
            place.push_str(&format!("&link={links}"));
        }
        if let Some(to) = &query.redirect_to {
            place.push_str(&format!("&redirect_to={}", encoded(to)));
        }
        return go_to(&place, &[]);
    }
    let redirect_to = query.redirect_to.unwrap_or_default();
    let links = query.link.unwrap_or(true) && hub.link_provider(&provider).is_ok();
    let begun = match links {
        true => hub.begin_sign_in_and_link(&provider, &redirect_to),
        false => hub.begin_sign_in(&provider, &redirect_to).await,
    };
    let begun = match begun {
        Ok(begun) => begun,
        Err(error) => return shown(&headers, error.into()),
    };
    go_to(&begun.url, &[question_cookie(&config, &begun.question)])
}

/// `GET /auth/{provider}/callback`
///
/// Where the provider sends the browser back to. Signs it in by the page's cookie and goes on where
/// it wanted to. If an account has the person's address already, it goes to the page that asks for the
/// account's password.
#[utoipa::path(get, path = "/auth/{provider}/callback", tag = "auth", security(()),
    params(("provider" = String, Path, example = "google"), AnswerQuery),
    responses((status = 303, description = "Signed in, or to the page that asks for a password"),
              (status = 401, description = "The provider's ID token proves nothing here", body = Problem,
               content_type = "application/problem+json"),
              (status = 403, description = "No account is made for this person", body = Problem,
               content_type = "application/problem+json"),
              (status = 409, description = "An account has this address: join it by its password; or the \
               provider is not configured", body = SignInProblem, content_type = "application/problem+json"),
              (status = 429, description = "Too many sign-ins", body = Problem,
               content_type = "application/problem+json"),
              (status = 502, description = "The provider does not answer as it should", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn finish_sign_in(
    State(hub): State<Hub>,
    State(config): State<Arc<WebConfig>>,
    From(peer): From,
    headers: HeaderMap,
    Path(provider): Path<String>,
    Query(query): Query<AnswerQuery>,
) -> Response {
    let answer = ProviderAnswer {
        code: query.code,
        state: query.state,
        issuer: query.iss,
        error: query.error,
    };
    let question = only_cookie(&headers, cookie_name(&config));
    let outcome = hub.come_back(&provider, &answer, question, &peer).await;
    let used = host_cookie(&config, (cookie_name(&config), ""), 0);
    match outcome {
        Ok(CameBack::Linked(linked)) => go_to(&linked.redirect_to, &[used]),
        Ok(CameBack::SignedIn(Recognised::Known(page))) => {
            let session = set_cookie(&config, &page.cookie, hub.config().session_secs);
            go_to(&page.redirect_to, &[session, used])
        }
        Ok(CameBack::SignedIn(Recognised::JoinNeeded { ticket })) if is_browser(&headers) => {
            go_to(&format!("/#/join/{ticket}"), &[used])
        }
        Ok(CameBack::SignedIn(Recognised::JoinNeeded { ticket })) => join_needed(ticket),
        Err(error) => shown(&headers, error.into()),
    }
}

/// What the browser keeps of a question while somebody is at the provider.
pub(crate) fn question_cookie(config: &WebConfig, question: &str) -> HeaderValue {
    host_cookie(config, (cookie_name(config), question), COOKIE_SECS)
}

fn cookie_name(config: &WebConfig) -> &'static str {
    if config.is_https() { SECURE_COOKIE } else { COOKIE }
}

/// Sends a browser on, with cookies.
pub(crate) fn go_to(place: &str, cookies: &[HeaderValue]) -> Response {
    // A place comes from us, or from a provider's document through a parser of addresses.
    let place = HeaderValue::from_str(place).unwrap_or(HeaderValue::from_static("/"));
    let cookies = cookies.iter().map(|cookie| (header::SET_COOKIE, cookie.clone()));
    (
        StatusCode::SEE_OTHER,
        [(header::LOCATION, place)],
        AppendHeaders(cookies.collect::<Vec<_>>()),
    )
        .into_response()
}

/// Whether it is a person's browser that asks for a page.
pub(crate) fn is_browser(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// A problem as a person reads it, where a person looks.
pub(crate) fn shown(headers: &HeaderMap, ApiError(problem): ApiError) -> Response {
    if !is_browser(headers) {
        return problem.into_response();
    }
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Cumuli</title>\n\
         <link rel=\"icon\" type=\"image/svg+xml\" href=\"/assets/icons/favicon.svg\">\n\
         <link rel=\"stylesheet\" href=\"/assets/css/base.css\">\n\
         <link rel=\"stylesheet\" href=\"/assets/css/shell.css\">\n</head>\n\
         <body>\n<div id=\"app\" class=\"signed-out\"><div class=\"welcome\"><main class=\"card\" id=\"main\">\n\
         <h1>{title}</h1>\n<p>{detail}</p>\n<p class=\"switch\"><a href=\"/\">Back to Cumuli</a></p>\n\
         </main></div></div>\n</body>\n</html>\n",
        title = escaped(problem.title),
        detail = escaped(&problem.detail),
    );
    // The headers that the problem has besides its shape.
    let mut response = problem.into_response();
    let page = Html(page).into_response();
    for (name, value) in page.headers() {
        response.headers_mut().insert(name, value.clone());
    }
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = page.into_body();
    response
}

/// Text as HTML shows it.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        assert_eq!(
            escaped("<script>alert('a' & \"b\")</script>"),
            "&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)&lt;/script&gt;"
        );
    }
}
