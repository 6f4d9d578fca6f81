//! Signing in and out, and telling who a request acts as.

use std::net::IpAddr;

use aws_lc_rs::digest;
use model::{Actor, Email, Session, SessionId, SessionKind, User, UserId, UserState, limits};

use crate::passwords::Verdict;
use crate::{Hub, HubError, keys, tokens};

/// A replaced refresh token that comes again this soon is a client's own second try.
const REUSE_GRACE_SECS: i64 = 10;
/// How exactly "last used" is kept: one write a minute at the most.
const TOUCH_SECS: i64 = 60;
const WRONG: HubError = HubError::Unauthenticated("the e-mail address or the password is wrong");
pub(crate) const GONE: HubError =
    HubError::Unauthenticated("this sign-in is not valid, or no longer; sign in again");

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The address, as far as it can be believed.
    pub ip: IpAddr,
    /// Whether it is this very machine, without a proxy between.
    pub is_this_machine: bool,
    /// How the client calls itself; may be empty.
    pub label: String,
}

/// What a request proves itself with.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// An access token.
    Bearer(String),
    /// The page's cookie.
    Cookie(String),
    /// An address and an app password.
    Basic {
        /// The address.
        email: String,
        /// The app password.
        password: String,
    },
}

/// What a sign-in gives a client.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Opens the API for a while.
    pub access: String,
    /// Makes new tokens, once.
    pub refresh: String,
    /// Life of the access token, seconds.
    pub expires_in_secs: u32,
}

/// A person who just signed in.
#[derive(Clone, PartialEq, Eq)]
pub struct SignIn {
    /// Who.
    pub user: User,
    /// With what to go on.
    pub tokens: Tokens,
}

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The session.
    pub session: Session,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// Someone whose password was right.
pub(crate) struct Proven {
    pub user: User,
    /// The hash that it was compared with.
    pub hash: Option<String>,
    /// What should take its place.
    pub fresh_hash: Option<String>,
}

impl Hub {
    /// Tells who a request acts as. Every use looks at the session and the account, so that
    /// signing out, disabling and demoting take effect at once.
    ///
    /// # Errors
    /// `Unauthenticated`, `TooManyTries`.
    pub async fn authenticate(&self, credential: &Credential, peer: &Peer) -> Result<Actor, HubError> {
        match credential {
            Credential::Bearer(token) => {
                let access =
                    tokens::check_access(self.keys(), &self.0.instance, token, self.now()).ok_or(GONE)?;
                self.session_actor(access.session, SessionKind::Token, Some(access.user))
                    .await
            }
            Credential::Cookie(token) => {
                let (session, _) = tokens::open(self.keys().cookie(), token).ok_or(GONE)?;
                self.session_actor(session, SessionKind::Cookie, None).await
            }
            Credential::Basic { email, password } => self.app_actor(email, password, peer).await,
        }
    }

    async fn session_actor(
        &self,
        id: SessionId,
        kind: SessionKind,
        claimed: Option<UserId>,
    ) -> Result<Actor, HubError> {
        let now = self.now();
        let (session, user) = self.read().await?.session(id).await?.ok_or(GONE)?;
        let idle_ms = now.minus_secs(i64::from(self.config().idle_secs));
        let is_idle = kind == SessionKind::Cookie && session.used_ms < idle_ms;
        let is_other = session.kind != kind || claimed.is_some_and(|claimed| claimed != user.id);
        if is_other || is_idle || session.expires_ms <= now || user.state != UserState::Active {
            return Err(GONE);
        }
        if session.used_ms < now.minus_secs(TOUCH_SECS) {
            let mut tx = self.write().await?;
            tx.touch_session(id, now).await?;
            tx.commit().await?;
        }
        Ok(Actor::User {
            id: user.id,
            role: user.role,
            session: id,
        })
    }

    /// Signs in with address and password and begins a session of tokens.
    ///
    /// # Errors
    /// `Unauthenticated` (whatever was wrong), `TooManyTries`.
    pub async fn log_in(&self, email: &str, password: &str, peer: &Peer) -> Result<SignIn, HubError> {
        let proven = self.check_login(email, password, peer).await?;
        let session = self.begin_session(&proven, SessionKind::Token, peer).await?;
        Ok(SignIn {
            tokens: self.tokens_of(&session),
            user: proven.user,
        })
    }

    /// Signs in with address and password and begins a session of the page; answers its cookie.
    ///
    /// # Errors
    /// As [`Hub::log_in`].
    pub async fn log_in_page(
        &self,
        email: &str,
        password: &str,
        peer: &Peer,
    ) -> Result<(User, String), HubError> {
        let proven = self.check_login(email, password, peer).await?;
        let session = self.begin_session(&proven, SessionKind::Cookie, peer).await?;
        Ok((proven.user, tokens::seal(self.keys().cookie(), session.id, 0)))
    }

    pub(crate) async fn check_login(
        &self,
        email: &str,
        password: &str,
        peer: &Peer,
    ) -> Result<Proven, HubError> {
        if password.len() > *limits::PASSWORD_BYTES.end() {
            return Err(HubError::invalid("password", "a password may hold 1024 bytes"));
        }
        let email: Option<Email> = email.parse().ok();
        // A text that is no address is counted too, under one name.
        let account = email.as_ref().map_or("-", Email::as_str).to_owned();
        self.admit_login(&account, peer.ip).await?;
        let found = match &email {
            Some(email) => self.read().await?.user_by_email(email).await?,
            None => None,
        };
        let hash = found.as_ref().and_then(|(_, hash)| hash.clone());
        let verdict = self.check_password(password, hash).await?;
        let Some((user, hash)) = found.filter(|(user, _)| user.state == UserState::Active) else {
            return Err(WRONG);
        };
        let fresh_hash = match verdict {
            Verdict::Wrong => return Err(WRONG),
            Verdict::Right => None,
            Verdict::Rehashed(fresh) => Some(fresh),
        };
        self.login_was_right(&account, peer.ip).await?;
        Ok(Proven {
            user,
            hash,
            fresh_hash,
        })
    }

    /// Begins a session for someone whose password was right, unless it was changed or the account
    /// closed since.
    pub(crate) async fn begin_session(
        &self,
        proven: &Proven,
        kind: SessionKind,
        peer: &Peer,
    ) -> Result<Session, HubError> {
        let user = &proven.user;
        let now = self.now();
        let session = Session {
            id: keys::session_id(now),
            user: user.id,
            kind,
            generation: 1,
            rotated_ms: now,
            label: cut(&peer.label),
            created_ms: now,
            used_ms: now,
            expires_ms: now.plus_secs(i64::from(self.config().session_secs)),
        };
        let mut tx = self.write().await?;
        let (current, hash) = tx.lock_user(user.id).await?.ok_or(WRONG)?;
        if current.state != UserState::Active || hash != proven.hash {
            return Err(WRONG);
        }
        if let Some(fresh) = &proven.fresh_hash {
            tx.set_password_hash(user.id, fresh).await?;
        }
        // The oldest make room: a client that never signs out cannot fill the table.
        let sessions = tx.sessions(user.id, u32::MAX).await?;
        for old in sessions.iter().skip(limits::CREDENTIALS - 1) {
            tx.end_session(user.id, old.id).await?;
        }
        tx.create_session(&session).await?;
        tx.commit().await?;
        Ok(session)
    }

    pub(crate) fn tokens_of(&self, session: &Session) -> Tokens {
        let access = tokens::Access {
            user: session.user,
            session: session.id,
        };
        let expires_in_secs = self.config().access_secs;
        Tokens {
            access: tokens::access(self.keys(), &self.0.instance, access, self.now(), expires_in_secs),
            refresh: tokens::seal(self.keys().refresh(), session.id, session.generation),
            expires_in_secs,
        }
    }

    /// Trades a refresh token for new tokens. Each is good once: one that was used before ends the
    /// whole session, since two now hold it; a client's own double try is only refused.
    ///
    /// # Errors
    /// `Unauthenticated`.
    pub async fn refresh(&self, token: &str) -> Result<SignIn, HubError> {
        let (id, generation) = tokens::open(self.keys().refresh(), token).ok_or(GONE)?;
        let hub = self.clone();
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let (mut session, user) = tx.session(id).await?.ok_or(GONE)?;
            if session.expires_ms <= now
                || user.state != UserState::Active
                || session.kind != SessionKind::Token
            {
                return Err(GONE);
            }
            if tx.rotate_session(id, generation, now).await? {
                tx.commit().await?;
                session.generation = generation + 1;
                return Ok(SignIn {
                    tokens: hub.tokens_of(&session),
                    user,
                });
            }
            // Looked at again: another may have been faster just now.
            let (session, _) = tx.session(id).await?.ok_or(GONE)?;
            let is_double_try =
                generation + 1 == session.generation && session.rotated_ms > now.minus_secs(REUSE_GRACE_SECS);
            if !is_double_try {
                tx.end_session(user.id, id).await?;
                tx.commit().await?;
                tracing::warn!(user = %user.id, "a used refresh token came again; its session was ended");
            }
            Err(GONE)
        })
        .await
    }

    /// Ends the actor's session.
    ///
    /// # Errors
    /// `Forbidden` (an app password has no session).
    pub async fn log_out(&self, actor: &Actor) -> Result<(), HubError> {
        let Actor::User { id, session, .. } = *actor else {
            return Err(HubError::Forbidden("an app password has no sign-in to end"));
        };
        self.end_session(actor, session)
            .await
            .or_else(|error| match error {
                // Ended by another request meanwhile.
                HubError::NotFound(_) => Ok(()),
                error => {
                    tracing::debug!(user = %id, "a sign-out failed");
                    Err(error)
                }
            })
    }

    /// Ends all sessions of the actor, this one too. App passwords stay.
    ///
    /// # Errors
    /// `Forbidden` (by an app password).
    pub async fn log_out_everywhere(&self, actor: &Actor) -> Result<(), HubError> {
        let user = signed_in(actor)?;
        let hub = self.clone();
        self.to_end(async move {
            let mut tx = hub.write().await?;
            tx.end_sessions(user, None).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Lists the actor's sessions, the newest first.
    ///
    /// # Errors
    /// `Forbidden` (by an app password).
    pub async fn sessions(&self, actor: &Actor) -> Result<Vec<SessionRow>, HubError> {
        let user = signed_in(actor)?;
        let now = self.now();
        let limit = u32::try_from(limits::CREDENTIALS).unwrap_or(u32::MAX);
        let sessions = self.read().await?.sessions(user, limit).await?;
        let live = sessions.into_iter().filter(|session| session.expires_ms > now);
        let rows = live.map(|session| {
            let is_current = matches!(actor, Actor::User { session: own, .. } if *own == session.id);
            SessionRow { session, is_current }
        });
        Ok(rows.collect())
    }

    /// Ends one of the actor's sessions.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` (by an app password).
    pub async fn end_session(&self, actor: &Actor, id: SessionId) -> Result<(), HubError> {
        let user = signed_in(actor)?;
        let hub = self.clone();
        self.to_end(async move {
            let mut tx = hub.write().await?;
            if !tx.end_session(user, id).await? {
                return Err(HubError::NotFound("session"));
            }
            Ok(tx.commit().await?)
        })
        .await
    }
}

/// The person, when they signed in themselves: an app password changes no credentials.
pub(crate) fn signed_in(actor: &Actor) -> Result<UserId, HubError> {
    match actor {
        Actor::User { id, .. } => Ok(*id),
        Actor::App { .. } => Err(HubError::Forbidden("an app password may not do this; sign in")),
        Actor::Visitor { .. } | Actor::Mirror { .. } | Actor::Worker => {
            Err(HubError::Forbidden("this needs a person"))
        }
    }
}

/// A label cut to what is kept, without control characters.
fn cut(label: &str) -> String {
    let mut cut = String::new();
    for c in label.chars().filter(|c| !c.is_control()) {
        if cut.len() + c.len_utf8() > limits::TEXT_BYTES {
            break;
        }
        cut.push(c);
    }
    cut
}

/// SHA-256 of a secret that is long enough to need no salt.
pub(crate) fn secret_hash(secret: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, secret.as_bytes()).as_ref());
    hash
}

/// Compares two secrets in a time that says nothing about where they differ.
pub fn is_same_secret(given: &str, known: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(&secret_hash(given), &secret_hash(known)).is_ok()
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bearer(_) => "Bearer(***)",
            Self::Cookie(_) => "Cookie(***)",
            Self::Basic { .. } => "Basic(***)",
        })
    }
}
