//! Signing in with a provider: the question that a browser takes along, the answer that it brings
//! back, and ID tokens that apps got by themselves.

use connectors::{Answer, Oidc, OidcError, Question};
use model::{Millis, Session, SessionKind, User, UserId};
use serde::{Deserialize, Serialize};

use crate::connections::{Linked, Wish};
use crate::identities::Recognised;
use crate::sessions::is_same_secret;
use crate::{Hub, HubError, Peer, SignIn, keys, sealed, tokens};

/// How long somebody may take at the provider.
pub(crate) const ASIDE_SECS: i64 = 10 * 60;
/// What a sealed question is for.
const QUESTION: &str = "question to a provider";
/// The longest place to go on at.
const PLACE_BYTES: usize = 1024;
const STRANGE: &str = "this browser did not begin this sign-in, or too long ago; start it again";

/// A provider that people sign in with.
#[derive(Debug, Clone)]
pub struct IdentityProvider {
    /// Its name in addresses: `google` or `oidc`.
    pub name: &'static str,
    /// Its name for people.
    pub title: String,
    /// Where it sends browsers back to; `None` when only apps sign in by it.
    pub redirect_uri: Option<String>,
    /// Speaks with it.
    pub client: Oidc,
}

/// The way to a provider.
#[derive(Clone, PartialEq, Eq)]
pub struct Begun {
    /// Where the browser goes.
    pub url: String,
    /// What the browser keeps meanwhile and brings back with the answer.
    pub question: String,
}

/// What a provider tells by way of the browser.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ProviderAnswer {
    /// What tokens are given for.
    pub code: Option<String>,
    /// As in the question.
    pub state: Option<String>,
    /// Who answers (RFC 9207).
    pub issuer: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// A browser that somebody signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct PageSignIn {
    /// Who.
    pub user: User,
    /// The page's cookie.
    pub cookie: String,
    /// Where to go on: a path of this server.
    pub redirect_to: String,
}

/// What came of a browser's way to a provider and back.
#[derive(Clone, PartialEq)]
pub enum CameBack {
    /// Somebody signed in.
    SignedIn(Recognised<PageSignIn>),
    /// A drive was linked.
    Linked(Box<Linked>),
}

/// What the browser keeps while somebody is at the provider.
#[derive(Serialize, Deserialize)]
pub(crate) struct Asked {
    pub flow: Flow,
    pub provider: String,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
    pub redirect_to: String,
    pub expires_ms: Millis,
}

/// What an answer is wanted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Flow {
    /// Somebody signs in.
    SignIn,
    /// Somebody signs in, and their drive is linked.
    SignInAndLink,
    /// A drive is linked to an account.
    Link { user: UserId, wish: Wish },
}

impl Asked {
    /// A question that nobody asked before.
    pub(crate) fn new(flow: Flow, provider: &str, redirect_to: &str, now: Millis) -> Self {
        Self {
            flow,
            provider: provider.to_owned(),
            state: keys::hex::<32>(),
            nonce: keys::hex::<32>(),
            verifier: keys::hex::<32>(),
            redirect_to: redirect_to.to_owned(),
            expires_ms: now.plus_secs(ASIDE_SECS),
        }
    }

    /// What the browser keeps of it.
    pub(crate) fn seal(&self, hub: &Hub) -> String {
        sealed::seal(hub.keys(), QUESTION, self)
    }
}

impl Hub {
    /// The providers that a browser can sign in with.
    pub fn identity_providers(&self) -> impl Iterator<Item = &IdentityProvider> {
        let all = self.config().identity_providers.iter();
        all.filter(|provider| provider.redirect_uri.is_some())
    }

    /// Sends a browser to a provider. `redirect_to` is where it goes on afterwards; what is no path
    /// of this server stands for `/`.
    ///
    /// # Errors
    /// `NotFound` (no such provider), `NotConfigured`, `ProviderDown`, `ProviderMisfit`.
    pub async fn begin_sign_in(&self, provider: &str, redirect_to: &str) -> Result<Begun, HubError> {
        let provider = self.identity_provider(provider)?;
        let redirect_uri = browser_way(provider)?;
        let now = self.now();
        let asked = Asked::new(Flow::SignIn, provider.name, own_path(redirect_to), now);
        let question = Question {
            redirect_uri,
            state: &asked.state,
            nonce: &asked.nonce,
            verifier: &asked.verifier,
        };
        let url = provider.client.authorize_url(&question, now).await;
        Ok(Begun {
            url: url.map_err(|error| refusal(provider, error))?,
            question: asked.seal(self),
        })
    }

    /// Takes the answer that a browser brought back from a provider, once, whatever it was asked for. `question` is
    /// what the browser kept meanwhile.
    ///
    /// # Errors
    /// `NotFound`, `NotConfigured`, `SignInFailed` (the answer fits no question of this browser, or
    /// says no), `IdToken`, `ProviderDown`, `ProviderMisfit`, those of [`Hub::sign_in_with_id_token`], and what the
    /// provider says of the drive.
    pub async fn come_back(
        &self,
        provider: &str,
        answer: &ProviderAnswer,
        question: Option<&str>,
        peer: &Peer,
    ) -> Result<CameBack, HubError> {
        if self.link_provider(provider).is_err() {
            self.identity_provider(provider)?;
        }
        let asked = self.asked(provider, answer, question).await?;
        match &asked.flow {
            Flow::SignIn => {
                let identities = self.identity_provider(provider)?;
                let signed_in = self.finish_sign_in(identities, &asked, answer, peer).await?;
                Ok(CameBack::SignedIn(signed_in))
            }
            Flow::SignInAndLink => {
                let identities = self.identity_provider(provider)?;
                let signed_in = self.sign_in_and_link(identities, &asked, answer, peer).await?;
                Ok(CameBack::SignedIn(signed_in))
            }
            Flow::Link { user, wish } => {
                let code = self.code_of(provider, answer)?;
                let linked = self.finish_link(&asked, code, (*user, wish)).await?;
                Ok(CameBack::Linked(Box::new(linked)))
            }
        }
    }

    async fn finish_sign_in(
        &self,
        provider: &IdentityProvider,
        asked: &Asked,
        answer: &ProviderAnswer,
        peer: &Peer,
    ) -> Result<Recognised<PageSignIn>, HubError> {
        let answer = Answer {
            code: self.code_of(provider.name, answer)?,
            redirect_uri: browser_way(provider)?,
            nonce: &asked.nonce,
            verifier: &asked.verifier,
        };
        let person = provider.client.redeem(&answer, self.now()).await;
        let person = person.map_err(|error| refusal(provider, error))?;
        let known = self
            .recognise(provider, person, SessionKind::Cookie, peer)
            .await?;
        Ok(self.page_of(known, asked).0)
    }

    /// Sends a browser to sign in and to link the drive of who signs in, in one go.
    ///
    /// # Errors
    /// `NotFound` (no such provider), `NotConfigured`.
    pub fn begin_sign_in_and_link(&self, provider: &str, redirect_to: &str) -> Result<Begun, HubError> {
        self.identity_provider(provider)?;
        self.begin_grant(provider, Flow::SignInAndLink, (own_path(redirect_to), None))
    }

    /// The drive is linked when it can be. Signing in does not depend on it.
    async fn sign_in_and_link(
        &self,
        provider: &IdentityProvider,
        asked: &Asked,
        answer: &ProviderAnswer,
        peer: &Peer,
    ) -> Result<Recognised<PageSignIn>, HubError> {
        let code = self.code_of(provider.name, answer)?;
        let grant = self.redeem_grant(asked, code).await?;
        let token = grant
            .id_token
            .as_deref()
            .ok_or(HubError::IdToken("did not come"))?;
        let person = provider
            .client
            .check_granted(token, &asked.nonce, self.now())
            .await;
        let person = person.map_err(|error| refusal(provider, error))?;
        let known = self
            .recognise(provider, person, SessionKind::Cookie, peer)
            .await?;
        let (page, user) = self.page_of(known, asked);
        if let Some(user) = user {
            let wish = Wish {
                provider: provider.name.to_owned(),
                ..Wish::default()
            };
            if let Err(error) = self.link_drive(user, false, &wish, grant).await {
                tracing::warn!(provider = provider.name, %error, "a drive was not linked at the sign-in");
            }
        }
        Ok(page)
    }

    fn page_of(
        &self,
        known: Recognised<(User, Session)>,
        asked: &Asked,
    ) -> (Recognised<PageSignIn>, Option<UserId>) {
        match known {
            Recognised::Known((user, session)) => {
                let id = user.id;
                let page = PageSignIn {
                    user,
                    cookie: tokens::seal(self.keys().cookie(), session.id, 0),
                    redirect_to: asked.redirect_to.clone(),
                };
                (Recognised::Known(page), Some(id))
            }
            Recognised::JoinNeeded { ticket } => (Recognised::JoinNeeded { ticket }, None),
        }
    }

    /// The question that an answer is to, which is used up by it: nothing of an answer is looked at
    /// before, and nothing is asked of the provider.
    async fn asked(
        &self,
        provider: &str,
        answer: &ProviderAnswer,
        question: Option<&str>,
    ) -> Result<Asked, HubError> {
        let strange = || HubError::SignInFailed(STRANGE.to_owned());
        let state = answer.state.as_deref().ok_or_else(strange)?;
        let asked: Option<Asked> = question.and_then(|sealed| sealed::open(self.keys(), QUESTION, sealed));
        let asked = asked.ok_or_else(strange)?;
        let is_own = asked.provider == provider && is_same_secret(state, &asked.state);
        if !is_own || asked.expires_ms <= self.now() {
            return Err(strange());
        }
        let mut tx = self.write().await?;
        let is_first = tx
            .use_ticket(&format!("state {}", asked.state), asked.expires_ms)
            .await?;
        tx.commit().await?;
        is_first.then_some(asked).ok_or_else(strange)
    }

    /// Signs an app in by an ID token that it got from a provider. The token must have been made for
    /// this server or one of its apps. It may come again until it ends, a bounded number of times.
    ///
    /// # Errors
    /// `NotFound`, `NotConfigured`, `IdToken`, `ProviderDown`, `ProviderMisfit`, `TooManyTries`,
    /// `Forbidden` (an address that is not verified, or no new accounts here), `Unauthenticated` (the
    /// account is closed).
    pub async fn sign_in_with_id_token(
        &self,
        provider: &str,
        token: &str,
        peer: &Peer,
    ) -> Result<Recognised<SignIn>, HubError> {
        let provider = self.identity_provider(provider)?;
        self.admit_id_token(peer.ip).await?;
        let person = provider.client.check_id_token(token, self.now()).await;
        let person = person.map_err(|error| refusal(provider, error))?;
        self.id_token_was_right(peer.ip).await?;
        Ok(
            match self.recognise(provider, person, SessionKind::Token, peer).await? {
                Recognised::Known((user, session)) => Recognised::Known(SignIn {
                    tokens: self.tokens_of(&session),
                    user,
                }),
                Recognised::JoinNeeded { ticket } => Recognised::JoinNeeded { ticket },
            },
        )
    }

    /// A provider that is configured.
    fn identity_provider(&self, name: &str) -> Result<&IdentityProvider, HubError> {
        let mut all = self.config().identity_providers.iter();
        if let Some(provider) = all.find(|provider| provider.name == name) {
            return Ok(provider);
        }
        let missing = |title, missing: &str| HubError::NotConfigured {
            title,
            missing: missing.to_owned(),
        };
        Err(match name {
            "google" => missing("sign-in with Google", "GOOGLE_CLIENT_ID, GOOGLE_CLIENT_SECRET"),
            "oidc" => missing(
                "sign-in with an OpenID Connect provider",
                "CUMULI_OIDC_ISSUER, CUMULI_OIDC_CLIENT_ID",
            ),
            "onedrive" => missing(
                "sign-in with Microsoft",
                "ONEDRIVE_CLIENT_ID, ONEDRIVE_CLIENT_SECRET",
            ),
            _ => HubError::NotFound("provider"),
        })
    }

    /// The code of an answer that is this provider's and says yes.
    fn code_of<'a>(&self, provider: &str, answer: &'a ProviderAnswer) -> Result<&'a str, HubError> {
        let failed = |text: String| Err(HubError::SignInFailed(text));
        let identities = self.identity_provider(provider).ok();
        let title = identities.map(|known| known.title.as_str());
        let title = title.or_else(|| connectors::kind(provider).map(|kind| kind.title));
        let title = title.unwrap_or(provider);
        if let (Some(issuer), Some(known)) = (&answer.issuer, identities)
            && !known.client.is_issuer(issuer)
        {
            return failed(format!("the answer is not from {title}"));
        }
        match (&answer.error, &answer.code) {
            (Some(error), _) if error == "access_denied" => {
                failed(format!("the sign-in was not allowed at {title}"))
            }
            (Some(error), _) => {
                let word: String = error.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
                failed(format!("{title} did not sign you in: {word}"))
            }
            (None, Some(code)) if !code.is_empty() => Ok(code),
            (None, _) => failed(format!("{title} answered without a code")),
        }
    }
}

fn browser_way(provider: &IdentityProvider) -> Result<&str, HubError> {
    let missing = match provider.name {
        "google" => "GOOGLE_CLIENT_SECRET, and GOOGLE_REDIRECT_URI or CUMULI_PUBLIC_URL",
        _ => "CUMULI_PUBLIC_URL",
    };
    provider
        .redirect_uri
        .as_deref()
        .ok_or_else(|| HubError::NotConfigured {
            title: "sign-in by browser",
            missing: missing.to_owned(),
        })
}

/// What the client's errors mean to who signs in. What an operator should know is logged here.
fn refusal(provider: &IdentityProvider, error: OidcError) -> HubError {
    let title = provider.title.clone();
    match error {
        OidcError::Token(why) => HubError::IdToken(why),
        OidcError::Code => HubError::SignInFailed(format!(
            "{title} takes this sign-in for used or too old; start it again"
        )),
        OidcError::Trouble(_) => {
            tracing::warn!(provider = provider.name, %error, "a sign-in met trouble");
            HubError::ProviderDown(title)
        }
        OidcError::Settings(_) => {
            tracing::error!(provider = provider.name, %error, "nobody can sign in by this provider");
            HubError::ProviderMisfit(title)
        }
    }
}

/// The path of this server that `text` is, or `/`: nobody is sent elsewhere by an address of ours.
pub(crate) fn own_path(text: &str) -> &str {
    // Browsers read `\` as `/` and leave tabs and line breaks out.
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_own = text.starts_with('/') && !text.starts_with("//");
    if is_own && is_plain && text.len() <= PLACE_BYTES {
        text
    } else {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for path in [
            "/",
            "/#/folder/root?file=1",
            "/s/token",
            "/docs?x=//y",
            "/a%2F%2Fb",
        ] {
            assert_eq!(own_path(path), path);
        }
        for path in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            " /x",
            "/x y",
            "/\r\nSet-Cookie: a=b",
            "evil.example",
            "/é",
            &format!("/{}", "x".repeat(1024)),
        ] {
            assert_eq!(own_path(path), "/", "{path:?}");
        }
    }
}
