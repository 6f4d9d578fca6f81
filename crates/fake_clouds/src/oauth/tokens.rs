//! Codes and tokens that were given out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Ask, Client, basic, challenge_of, pairs, value};
use crate::dice::LETTERS;
use crate::{Dice, FakeClock, Record};
use http::HeaderMap;

/// What a person allowed an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The app.
    pub client_id: String,
    /// Whose things they are: the key of an account at the provider.
    pub account: String,
    /// What was allowed, which may be less than was asked.
    pub scopes: Vec<String>,
    /// For the ID token.
    pub nonce: Option<String>,
    /// Whether a refresh token belongs to it.
    pub is_offline: bool,
}

/// How long things live.
#[derive(Debug, Clone, Copy)]
pub struct Lives {
    /// A code, at most.
    pub code_ms: i64,
    /// An access token.
    pub access_ms: i64,
    /// A refresh token that nobody uses.
    pub refresh_idle_ms: i64,
    /// A refresh token however it is used, counted from its first day.
    pub refresh_ms: Option<i64>,
    /// Refresh tokens of one account and client; the oldest dies when there would be more.
    pub most_refresh: usize,
}

/// A live access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What it is for.
    pub grant: Grant,
    /// When it ends.
    pub until_ms: i64,
}

/// Why a code is not exchanged. Every provider answers `invalid_grant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeError {
    /// No such code, or too old.
    Unknown,
    /// It was exchanged before. What was given for it is dead now (RFC 6749 4.1.2).
    Used,
    /// It was made for another address.
    RedirectUri,
    /// The verifier is not that of the challenge.
    Verifier,
}

/// Why a refresh token is not taken. Every provider answers `invalid_grant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshError {
    /// Never given out, or revoked.
    Unknown,
    /// Not used for too long, or over its age.
    Expired,
    /// It was replaced, and the provider is strict.
    Replaced,
}

/// A refresh token that was taken.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// What it is for.
    pub grant: Grant,
}

/// What came to the token endpoint.
#[derive(Debug, Clone)]
pub struct TokenForm {
    /// The fields, decoded.
    pub fields: Vec<(String, String)>,
    /// Whether it proves to come from the app.
    pub is_client: bool,
}

/// All codes and tokens of a provider. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Tokens {
    clock: FakeClock,
    dice: Dice,
    record: Record,
    given: Arc<Mutex<Given>>,
}

#[derive(Default)]
struct Given {
    codes: HashMap<String, Code>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    /// Every access and refresh token that was ever given out.
    all: Vec<String>,
    count: u64,
}

struct Code {
    grant: Grant,
    redirect_uri: String,
    challenge: String,
    until_ms: i64,
    is_used: bool,
}

struct Refresh {
    grant: Grant,
    number: u64,
    since_ms: i64,
    used_ms: i64,
    is_replaced: bool,
}

impl TokenForm {
    /// Reads the body of the token endpoint, and notes what no honest client does. The client proves itself in
    /// the form or by Basic.
    #[must_use]
    pub fn read(query: &str, headers: &HeaderMap, body: &str, client: &Client, record: &Record) -> Self {
        let fields = pairs(body);
        if !query.is_empty() {
            record.violation("the token endpoint was called with a query, where secrets end in logs");
        }
        let (id, secret) = basic(headers).unwrap_or_else(|| {
            let text = |name| value(&fields, name).unwrap_or_default().to_owned();
            (text("client_id"), text("client_secret"))
        });
        let is_client = id == client.id && secret == client.secret;
        Self { fields, is_client }
    }

    /// A field, or the empty text.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        value(&self.fields, name).unwrap_or_default()
    }
}

impl Tokens {
    /// None given out yet.
    #[must_use]
    pub fn new(clock: FakeClock, dice: Dice, record: Record) -> Self {
        Self {
            clock,
            dice,
            record,
            given: Arc::default(),
        }
    }

    /// A code for what was allowed, to be sent to the address of `ask`.
    #[must_use]
    pub fn issue_code(&self, prefix: &str, ask: &Ask, grant: Grant, lives: &Lives) -> String {
        let text = format!("{prefix}{}", self.dice.text(60, LETTERS));
        let code = Code {
            grant,
            redirect_uri: ask.redirect_uri.clone(),
            challenge: ask.challenge.clone(),
            until_ms: self.clock.now() + lives.code_ms,
            is_used: false,
        };
        self.given().codes.insert(text.clone(), code);
        text
    }

    /// What a code stands for. It can be asked once.
    ///
    /// # Errors
    /// See [`CodeError`].
    pub fn redeem(&self, form: &TokenForm) -> Result<Grant, CodeError> {
        let now = self.clock.now();
        let mut given = self.given();
        let code = given
            .codes
            .get_mut(form.field("code"))
            .ok_or(CodeError::Unknown)?;
        if code.is_used {
            let grant = code.grant.clone();
            given.forget(&grant);
            drop(given);
            self.record.violation("a code was exchanged twice");
            return Err(CodeError::Used);
        }
        if now >= code.until_ms {
            return Err(CodeError::Unknown);
        }
        code.is_used = true;
        if code.redirect_uri != form.field("redirect_uri") {
            self.record
                .violation("a code was exchanged for another redirect address");
            return Err(CodeError::RedirectUri);
        }
        if challenge_of(form.field("code_verifier")) != code.challenge {
            self.record
                .violation("a code was exchanged with a wrong `code_verifier`");
            return Err(CodeError::Verifier);
        }
        Ok(code.grant.clone())
    }

    /// An access token.
    #[must_use]
    pub fn issue_access(&self, prefix: &str, grant: &Grant, lives: &Lives) -> String {
        let text = format!("{prefix}{}", self.dice.text(120, LETTERS));
        let access = Access {
            grant: grant.clone(),
            until_ms: self.clock.now() + lives.access_ms,
        };
        let mut given = self.given();
        given.all.push(text.clone());
        given.access.insert(text.clone(), access);
        text
    }

    /// Every access and refresh token that was ever given out: none of them may be met anywhere.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.given().all.clone()
    }

    /// What an access token is for, while it lives.
    #[must_use]
    pub fn access(&self, token: &str) -> Option<Access> {
        let now = self.clock.now();
        self.given()
            .access
            .get(token)
            .filter(|access| now < access.until_ms)
            .cloned()
    }

    /// Whose an access token is or was.
    #[must_use]
    pub fn account_of(&self, token: &str) -> Option<String> {
        Some(self.given().access.get(token)?.grant.account.clone())
    }

    /// A refresh token.
    #[must_use]
    pub fn issue_refresh(&self, prefix: &str, grant: &Grant, lives: &Lives) -> String {
        let text = format!("{prefix}{}", self.dice.text(90, LETTERS));
        let now = self.clock.now();
        let mut given = self.given();
        given.count += 1;
        let refresh = Refresh {
            grant: grant.clone(),
            number: given.count,
            since_ms: now,
            used_ms: now,
            is_replaced: false,
        };
        given.all.push(text.clone());
        given.refresh.insert(text.clone(), refresh);
        given.keep_newest(grant, lives.most_refresh);
        text
    }

    /// What a refresh token is for, whether or not it is too old.
    #[must_use]
    pub fn grant_of(&self, token: &str) -> Option<Grant> {
        Some(self.given().refresh.get(token)?.grant.clone())
    }

    /// Takes a refresh token. `replace` is whether a new one is given for it and the old one must not come again.
    ///
    /// # Errors
    /// See [`RefreshError`].
    pub fn refresh(&self, token: &str, lives: &Lives, replace: bool) -> Result<Refreshed, RefreshError> {
        let now = self.clock.now();
        let mut given = self.given();
        let refresh = given.refresh.get_mut(token).ok_or(RefreshError::Unknown)?;
        let is_old = lives.refresh_ms.is_some_and(|ms| now - refresh.since_ms >= ms);
        if is_old || now - refresh.used_ms >= lives.refresh_idle_ms {
            return Err(RefreshError::Expired);
        }
        if refresh.is_replaced {
            return Err(RefreshError::Replaced);
        }
        refresh.used_ms = now;
        refresh.is_replaced = replace;
        Ok(Refreshed {
            grant: refresh.grant.clone(),
        })
    }

    /// Ends everything that was given to the app of this token, by either kind of token. False if it is dead.
    pub fn revoke(&self, token: &str) -> bool {
        let mut given = self.given();
        let grant = given.refresh.get(token).map(|refresh| refresh.grant.clone());
        let grant = grant.or_else(|| given.access.get(token).map(|access| access.grant.clone()));
        let Some(grant) = grant else { return false };
        given.forget(&grant);
        true
    }

    /// Ends everything that was given for an account, as when its owner withdraws it.
    pub fn revoke_account(&self, account: &str) {
        let mut given = self.given();
        given.access.retain(|_, access| access.grant.account != account);
        given
            .refresh
            .retain(|_, refresh| refresh.grant.account != account);
    }

    /// Ends the access tokens of an account; its refresh tokens live on.
    pub fn expire_access(&self, account: &str) {
        let now = self.clock.now();
        for access in self.given().access.values_mut() {
            if access.grant.account == account {
                access.until_ms = access.until_ms.min(now);
            }
        }
    }

    fn given(&self) -> MutexGuard<'_, Given> {
        self.given.lock().expect("nobody panics while holding it")
    }
}

fn is_same(one: &Grant, other: &Grant) -> bool {
    one.account == other.account && one.client_id == other.client_id
}

impl Given {
    fn forget(&mut self, grant: &Grant) {
        self.access.retain(|_, access| !is_same(&access.grant, grant));
        self.refresh.retain(|_, refresh| !is_same(&refresh.grant, grant));
    }

    fn keep_newest(&mut self, grant: &Grant, most: usize) {
        let of_grant = self
            .refresh
            .values()
            .filter(|refresh| is_same(&refresh.grant, grant));
        let mut numbers: Vec<u64> = of_grant.map(|refresh| refresh.number).collect();
        numbers.sort_unstable();
        let dead = numbers.len().saturating_sub(most);
        if let Some(newest_dead) = dead.checked_sub(1).map(|last| numbers[last]) {
            self.refresh
                .retain(|_, refresh| !is_same(&refresh.grant, grant) || refresh.number > newest_dead);
        }
    }
}
