//! The page where a person allows an app.

use super::{Client, encode, pairs, value};
use crate::Record;

/// What an app asks for at the authorize endpoint, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The app.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// What it wants to do, in its order.
    pub scopes: Vec<String>,
    /// Goes back unchanged.
    pub state: String,
    /// Goes into the ID token.
    pub nonce: Option<String>,
    /// The challenge of PKCE, S256.
    pub challenge: String,
    /// The account that the app expects, `login_hint`.
    pub login_hint: Option<String>,
    /// `prompt`, in words.
    pub prompt: Vec<String>,
    /// Everything that was asked, decoded.
    pub all: Vec<(String, String)>,
}

/// An [`Ask`] that makes sense, or not.
pub type Asked = Result<Ask, AskError>;

/// Why a person sees an error instead of a question. Nothing goes to the redirect address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskError {
    /// No such app.
    Client,
    /// The address is not registered for the app.
    RedirectUri,
    /// Something is missing or wrong: this parameter.
    Parameter(&'static str),
}

impl Ask {
    /// Reads the query of the authorize endpoint, and notes what an honest client does not leave out.
    ///
    /// # Errors
    /// See [`AskError`].
    pub fn read(query: &str, client: &Client, record: &Record) -> Asked {
        let all = pairs(query);
        let text = |name| value(&all, name).unwrap_or_default().to_owned();
        let words = |name| {
            text(name)
                .split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        if text("client_id") != client.id {
            return Err(AskError::Client);
        }
        let redirect_uri = text("redirect_uri");
        let is_registered = client.redirect_uris.is_empty() || client.redirect_uris.contains(&redirect_uri);
        if redirect_uri.is_empty() || !is_registered {
            return Err(AskError::RedirectUri);
        }
        let scopes = words("scope");
        let is_wrong = [
            ("response_type", text("response_type") != "code"),
            ("scope", scopes.is_empty()),
            ("code_challenge_method", text("code_challenge_method") != "S256"),
            ("code_challenge", text("code_challenge").len() != 43),
            (
                "nonce",
                scopes.iter().any(|scope| scope == "openid") && text("nonce").is_empty(),
            ),
        ];
        if let Some((name, _)) = is_wrong.into_iter().find(|(_, is_wrong)| *is_wrong) {
            record.violation(format!("authorize without a right `{name}`"));
            return Err(AskError::Parameter(name));
        }
        // 128 bits in the densest usual coding.
        if text("state").len() < 22 {
            record.violation("authorize with a `state` that can be guessed");
        }
        let some = |name| {
            value(&all, name)
                .map(str::to_owned)
                .filter(|text| !text.is_empty())
        };
        Ok(Self {
            client_id: client.id.clone(),
            redirect_uri,
            scopes,
            state: text("state"),
            nonce: some("nonce"),
            challenge: text("code_challenge"),
            login_hint: some("login_hint"),
            prompt: words("prompt"),
            all,
        })
    }

    /// Where the browser goes with an answer: `code`, or `error`, and what else the provider adds.
    #[must_use]
    pub fn back(&self, answer: &[(&str, &str)]) -> String {
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        let mut address = format!("{}{joint}state={}", self.redirect_uri, encode(&self.state));
        for (name, value) in answer {
            address.push_str(&format!("&{name}={}", encode(value)));
        }
        address
    }
}

/// A page with one button for each answer: what it says, and where it leads. Each label comes from us, the rest
/// may come from anywhere.
#[must_use]
pub fn page(title: &str, ask: &Ask, answers: &[(String, String)]) -> String {
    let scopes: String = ask
        .scopes
        .iter()
        .map(|scope| format!("<li><code>{}</code></li>", escape(scope)))
        .collect();
    let buttons: String = answers
        .iter()
        .map(|(label, address)| format!("<p><a href=\"{}\">{}</a></p>", escape(address), escape(label)))
        .collect();
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <h1>{title}</h1><p>The app <b>{}</b> asks for:</p><ul>{scopes}</ul>{buttons}</html>",
        escape(&ask.client_id)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
