//! Accounts: making one, and what a person may change about their own.

use model::{Actor, Email, InviteId, NodeId, Role, SessionKind, SpaceId, User, UserId, UserState, limits};

use crate::passwords::Verdict;
use crate::sessions::{GONE, Proven, secret_hash, signed_in};
use crate::{Hub, HubError, INSTANCE, Peer, SignIn, SignupMode, access, keys};

const UNINVITED: HubError = HubError::Forbidden("an account here needs an invitation that is still good");
/// How long a session may set a first password.
const FRESH_SECS: i64 = 10 * 60;
/// How long an invitation is good.
const INVITE_SECS: i64 = 7 * 24 * 60 * 60;

/// What someone who wants an account says.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Registration {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
    /// What they call themselves; may be empty.
    pub full_name: String,
    /// The one-time code of a new server, for the first account from another machine.
    pub setup_code: Option<String>,
    /// An invitation.
    pub invite: Option<String>,
}

/// How an account can be made at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signup {
    /// Who may.
    pub mode: SignupMode,
    /// Whether the next account is the first, and becomes the administrator's.
    pub is_first: bool,
    /// Whether that needs the setup code, because the request comes from another machine.
    pub needs_setup_code: bool,
}

/// What a person changes about their own account. What is not given stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MeChange {
    /// What they call themselves.
    pub full_name: Option<String>,
    /// The language that they read, as a BCP 47 tag; `Some(None)` forgets it.
    pub locale: Option<Option<String>>,
}

/// A person and their personal space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// The account.
    pub user: User,
    /// The root folder of their space.
    pub root: NodeId,
    /// Bytes of all versions in it, the trash included.
    pub used_bytes: u64,
    /// What it may hold; `None` is no limit.
    pub quota_bytes: Option<u64>,
}

impl Hub {
    /// Tells how an account can be made.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn signup(&self, peer: &Peer) -> Result<Signup, HubError> {
        let is_first = !self.read().await?.has_users().await?;
        let needs_setup_code = is_first && !peer.is_this_machine;
        Ok(Signup {
            mode: self.config().signup,
            is_first,
            needs_setup_code,
        })
    }

    /// Makes an account and signs it in. The first becomes the administrator's: it is made from
    /// this machine, or with the setup code that the server printed.
    ///
    /// # Errors
    /// `Invalid` (address, password, name), `EmailTaken`, `Forbidden` (closed, or the code or
    /// invitation is missing or wrong), `TooManyTries`.
    pub async fn register(&self, registration: Registration, peer: &Peer) -> Result<SignIn, HubError> {
        let email: Email = registration
            .email
            .parse()
            .map_err(|error| HubError::invalid("email", error))?;
        check_new_password("password", &registration.password)?;
        let full_name = text("full_name", &registration.full_name)?;
        self.check_codes(&registration, peer).await?;
        // Who may not register is told before a hash is paid for, and is looked at again below.
        let is_first = !self.read().await?.has_users().await?;
        self.may_register(&registration, peer, is_first)?;
        let hash = self.hash_password(&registration.password).await?;
        let (hub, peer) = (self.clone(), peer.clone());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            // Two first accounts at once: the second waits here, and then is not the first.
            tx.hold_meta(INSTANCE).await?;
            let is_first = !tx.has_users().await?;
            hub.may_register(&registration, &peer, is_first)?;
            if !is_first && hub.config().signup == SignupMode::Invite {
                let invite = registration.invite.as_deref().unwrap_or_default();
                if !tx.use_invite(secret_hash(invite), hub.now()).await? {
                    return Err(UNINVITED);
                }
            }
            let role = if is_first { Role::Admin } else { Role::User };
            let user = hub
                .create_account(&mut tx, email, (full_name, role), Some(&hash))
                .await?;
            tx.commit().await?;
            let proven = Proven {
                user,
                hash: Some(hash),
                fresh_hash: None,
            };
            let session = hub.begin_session(&proven, SessionKind::Token, &peer).await?;
            Ok(SignIn {
                tokens: hub.tokens_of(&session),
                user: proven.user,
            })
        })
        .await
    }

    /// Counts accounts made from other machines, and guesses at codes, before any work is done for them.
    async fn check_codes(&self, registration: &Registration, peer: &Peer) -> Result<(), HubError> {
        let is_guess = registration.setup_code.is_some() || registration.invite.is_some();
        if is_guess || !peer.is_this_machine {
            self.admit_guess(peer.ip).await?;
        }
        Ok(())
    }

    /// Whether an account can be made at all; an invitation is looked at when it is used up.
    fn may_register(&self, registration: &Registration, peer: &Peer, is_first: bool) -> Result<(), HubError> {
        if is_first {
            let may = peer.is_this_machine || self.is_setup_code(registration.setup_code.as_deref());
            return may.then_some(()).ok_or(HubError::Forbidden(
                "the first account needs the setup code that the server printed",
            ));
        }
        match self.config().signup {
            SignupMode::Open => Ok(()),
            SignupMode::Invite if registration.invite.is_some() => Ok(()),
            SignupMode::Invite => Err(UNINVITED),
            SignupMode::Closed => Err(HubError::Forbidden("accounts here are made by the administrator")),
        }
    }

    fn is_setup_code(&self, code: Option<&str>) -> bool {
        match (code, self.config().setup_code_digest) {
            (Some(code), Some(digest)) => {
                aws_lc_rs::constant_time::verify_slices_are_equal(&secret_hash(code.trim()), &digest).is_ok()
            }
            _ => false,
        }
    }

    /// Makes an account and its space; without a hash no password opens it. The caller holds the row
    /// called [`INSTANCE`].
    pub(crate) async fn create_account(
        &self,
        tx: &mut catalog::Tx,
        email: Email,
        (full_name, role): (String, Role),
        hash: Option<&str>,
    ) -> Result<User, HubError> {
        let now = self.now();
        let user = User {
            id: UserId::new(now, keys::random()),
            email,
            full_name,
            role,
            state: UserState::Active,
            quota_bytes: None,
            space: SpaceId::new(now, keys::random()),
            created_ms: now,
            locale: None,
            photo_ms: None,
        };
        if !tx.create_user(&user, hash).await? {
            return Err(HubError::EmailTaken);
        }
        tx.create_space(user.space, user.id, self.new_node_id(), now)
            .await?;
        Ok(user)
    }

    /// Makes an invitation to register, good once within a week.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn create_invite(&self, actor: &Actor) -> Result<(String, model::Millis), HubError> {
        access::admin(actor)?;
        let hub = self.clone();
        self.to_end(async move {
            let now = hub.now();
            let expires_ms = now.plus_secs(INVITE_SECS);
            let secret = keys::hex::<16>();
            let mut tx = hub.write().await?;
            let id = InviteId::new(now, keys::random());
            tx.create_invite(id, secret_hash(&secret), (now, expires_ms))
                .await?;
            tx.commit().await?;
            Ok((secret, expires_ms))
        })
        .await
    }

    /// Returns the actor's account and space.
    ///
    /// # Errors
    /// `Forbidden` for the server itself.
    pub async fn me(&self, actor: &Actor) -> Result<Me, HubError> {
        let mut tx = self.read().await?;
        let user = access::own_user(&mut tx, actor).await?;
        let space = tx.space(user.space).await?.ok_or(HubError::NotFound("space"))?;
        let quota_bytes = user.quota_bytes.or(self.config().quota_bytes);
        Ok(Me {
            root: space.root,
            used_bytes: space.used_bytes,
            quota_bytes,
            user,
        })
    }

    /// Changes what the actor says of themselves.
    ///
    /// # Errors
    /// `Invalid`, `Forbidden` (by an app password).
    pub async fn change_me(&self, actor: &Actor, change: MeChange) -> Result<Me, HubError> {
        signed_in(actor)?;
        let full_name = change
            .full_name
            .map(|name| text("full_name", &name))
            .transpose()?;
        if let Some(Some(locale)) = &change.locale {
            check_locale(locale)?;
        }
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            // Held, so that a change by an administrator meanwhile is not undone.
            let id = signed_in(&actor)?;
            let (mut user, _) = tx.lock_user(id).await?.ok_or(HubError::NotFound("user"))?;
            user.full_name = full_name.unwrap_or(user.full_name);
            user.locale = change.locale.unwrap_or(user.locale);
            tx.update_user(&user).await?;
            tx.commit().await?;
            hub.me(&actor).await
        })
        .await
    }

    /// Changes the actor's password and ends their other sessions. An account that has none gets its
    /// first by a session that began within ten minutes.
    ///
    /// # Errors
    /// `Invalid` (the new one, or the current one is left out), `Forbidden` (the current one is wrong,
    /// the session too old, or by an app password), `TooManyTries`, `Unauthenticated` (the session was
    /// ended meanwhile).
    pub async fn change_password(
        &self,
        actor: &Actor,
        (current, new): (Option<&str>, &str),
        peer: &Peer,
    ) -> Result<(), HubError> {
        let id = signed_in(actor)?;
        check_new_password("new_password", new)?;
        let (user, stored) = {
            let mut tx = self.read().await?;
            (
                access::own_user(&mut tx, actor).await?,
                tx.password_hash(id).await?,
            )
        };
        if stored.is_some() {
            let current = current.ok_or_else(|| HubError::invalid("current_password", "is needed"))?;
            self.admit_login(user.email.as_str(), peer.ip).await?;
            if self.check_password(current, stored.clone()).await? == Verdict::Wrong {
                return Err(HubError::Forbidden("the current password is wrong"));
            }
            self.login_was_right(user.email.as_str(), peer.ip).await?;
        }
        let hash = self.hash_password(new).await?;
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let own = match actor {
                Actor::User { session, .. } => Some(session),
                Actor::App { .. } | Actor::Visitor { .. } | Actor::Mirror { .. } | Actor::Worker => None,
            };
            let mut tx = hub.write().await?;
            // Changed by another request since it was checked, or signed out: the older one yields.
            let (_, now_stored) = tx.lock_user(id).await?.ok_or(GONE)?;
            let session = match own {
                Some(own) => tx.session(own).await?,
                None => None,
            };
            let (session, _) = session.filter(|_| now_stored == stored).ok_or(GONE)?;
            // Who finds a page left open could else lock its owner out.
            let fresh_ms = hub.now().minus_secs(FRESH_SECS);
            if stored.is_none() && session.created_ms < fresh_ms {
                return Err(HubError::Forbidden(
                    "sign out and in again: a first password is set within ten minutes of signing in",
                ));
            }
            tx.set_password_hash(id, &hash).await?;
            tx.end_sessions(id, own).await?;
            Ok(tx.commit().await?)
        })
        .await
    }
}

/// Checks a password that someone wants to set.
pub(crate) fn check_new_password(field: &'static str, password: &str) -> Result<(), HubError> {
    let allowed = limits::PASSWORD_BYTES;
    if !allowed.contains(&password.len()) {
        let problem = format!("a password holds {} to {} bytes", allowed.start(), allowed.end());
        return Err(HubError::invalid(field, problem));
    }
    let mut letters = password.chars();
    let first = letters.next();
    if letters.all(|letter| Some(letter) == first) || COMMON.contains(&password.to_lowercase().as_str()) {
        return Err(HubError::invalid(
            field,
            "this password is among the first that anyone would try",
        ));
    }
    Ok(())
}

/// Passwords of eight bytes and more that lead every list of stolen ones.
const COMMON: [&str; 24] = [
    "password",
    "password1",
    "password123",
    "12345678",
    "123456789",
    "1234567890",
    "0123456789",
    "qwertyuiop",
    "qwerty123",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "trustno1",
    "welcome1",
    "passw0rd",
    "p@ssw0rd",
    "letmein1",
    "adminadmin",
    "changeme",
];

/// Checks the tag of a language (RFC 5646), as far as its shape goes: subtags of letters and digits
/// between hyphens, a language of letters first.
pub(crate) fn check_locale(locale: &str) -> Result<(), HubError> {
    let mut subtags = locale.split('-');
    let language = subtags.next().unwrap_or_default();
    let is_tag = locale.len() <= limits::LOCALE_BYTES
        && (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && subtags
            .all(|tag| (1..=8).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if !is_tag {
        let problem = "a language tag looks like en, pt-BR or zh-Hant-TW";
        return Err(HubError::invalid("locale", problem));
    }
    Ok(())
}

/// Checks a line of free text such as a person's name.
pub(crate) fn text(field: &'static str, text: &str) -> Result<String, HubError> {
    let text = model::compose(text.trim());
    if text.len() > limits::TEXT_BYTES {
        return Err(HubError::invalid(
            field,
            format!("at most {} bytes", limits::TEXT_BYTES),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(HubError::invalid(field, "no control characters"));
    }
    Ok(text)
}
