//! Identities: who somebody at a provider is here, and which of them open an account.
//!
//! An identity is an issuer and its name for a person. An address never makes two people one: an
//! account that has it is joined by its password, once.

use catalog::Tx;
use connectors::Person;
use model::{Actor, Email, Identity, Millis, Role, Session, SessionKind, User, UserState, limits};
use serde::{Deserialize, Serialize};

use crate::accounts::text;
use crate::sessions::{GONE, Proven, signed_in};
use crate::sign_in::ASIDE_SECS;
use crate::{Hub, HubError, INSTANCE, IdentityProvider, Peer, SignIn, SignupMode, access, keys, sealed};

/// What a sealed ticket is for.
const JOIN: &str = "ticket to join an account";
const CLOSED: HubError = HubError::Unauthenticated("this account is closed; ask the administrator");
const UNVERIFIED: HubError =
    HubError::Forbidden("the provider has not made sure that your e-mail address is yours");

/// Whether somebody at a provider is known here.
#[derive(Clone, PartialEq, Eq)]
pub enum Recognised<T> {
    /// They are, and this is what it gives them.
    Known(T),
    /// An account has their address: it is joined by its password and this ticket, within ten
    /// minutes, once.
    JoinNeeded {
        /// The ticket, sealed.
        ticket: String,
    },
}

/// The identities of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities {
    /// The oldest first.
    pub identities: Vec<Identity>,
    /// Whether a password opens the account too.
    pub has_password: bool,
}

/// What a ticket says. It is worth nothing without the account's password.
#[derive(Serialize, Deserialize)]
struct Ticket {
    number: String,
    provider: String,
    issuer: String,
    subject: String,
    email: String,
    expires_ms: Millis,
}

impl Hub {
    /// Finds out who somebody at a provider is here, makes an account for who is new, and begins a
    /// session.
    pub(crate) async fn recognise(
        &self,
        provider: &IdentityProvider,
        person: Person,
        kind: SessionKind,
        peer: &Peer,
    ) -> Result<Recognised<(User, Session)>, HubError> {
        self.admit_identity(&person.issuer, &person.subject).await?;
        if let Some(known) = self.known(&person).await? {
            let session = self.begin_session(&known, kind, peer).await?;
            return Ok(Recognised::Known((known.user, session)));
        }
        let email = self.own_email(provider, &person)?;
        let owner = self.read().await?.user_by_email(&email).await?;
        let made = match owner {
            // Perhaps made for this very person since they were looked for: two sign-ins at once.
            Some(_) => self.known(&person).await?,
            None => self.sign_up(provider, &person, email.clone(), peer).await?,
        };
        let Some(made) = made else {
            let ticket = self.join_ticket(provider, person, &email);
            return Ok(Recognised::JoinNeeded { ticket });
        };
        let session = self.begin_session(&made, kind, peer).await?;
        Ok(Recognised::Known((made.user, session)))
    }

    /// The account that an identity opens.
    async fn known(&self, person: &Person) -> Result<Option<Proven>, HubError> {
        let mut tx = self.read().await?;
        let Some(identity) = tx.identity(&person.issuer, &person.subject).await? else {
            return Ok(None);
        };
        let proven = owner(&mut tx, &identity).await?;
        drop(tx);
        let mut tx = self.write().await?;
        let key = (person.issuer.as_str(), person.subject.as_str());
        let email = person
            .email
            .as_deref()
            .filter(|email| email.len() <= limits::EMAIL_BYTES);
        tx.touch_identity(key, email, self.now()).await?;
        tx.commit().await?;
        Ok(Some(proven))
    }

    /// Makes an account without a password for somebody new. `None` if the address was taken
    /// meanwhile.
    async fn sign_up(
        &self,
        provider: &IdentityProvider,
        person: &Person,
        email: Email,
        peer: &Peer,
    ) -> Result<Option<Proven>, HubError> {
        let is_first = !self.read().await?.has_users().await?;
        self.may_sign_up(peer, is_first)?;
        if !peer.is_this_machine {
            self.admit_guess(peer.ip).await?;
        }
        let full_name = text("full_name", person.name.as_deref().unwrap_or_default()).unwrap_or_default();
        let (hub, peer) = (self.clone(), peer.clone());
        let (provider, person) = (provider.name, person.clone());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            tx.hold_meta(INSTANCE).await?;
            let is_first = !tx.has_users().await?;
            hub.may_sign_up(&peer, is_first)?;
            // The same person twice at once: the second is known by now.
            if let Some(identity) = tx.identity(&person.issuer, &person.subject).await? {
                let proven = owner(&mut tx, &identity).await?;
                // The first one's rows may wait for the same commit.
                tx.commit().await?;
                return Ok(Some(proven));
            }
            let role = if is_first { Role::Admin } else { Role::User };
            let made = hub.create_account(&mut tx, email, (full_name, role), None).await;
            let user = match made {
                Err(HubError::EmailTaken) => return Ok(None),
                made => made?,
            };
            let now = hub.now();
            let identity = Identity {
                number: 0,
                issuer: person.issuer,
                subject: person.subject,
                provider: provider.to_owned(),
                user: user.id,
                email: user.email.as_str().to_owned(),
                created_ms: now,
                used_ms: now,
            };
            tx.add_identity(&identity).await?;
            tx.commit().await?;
            Ok(Some(Proven {
                user,
                hash: None,
                fresh_hash: None,
            }))
        })
        .await
    }

    /// Whether a provider's word makes an account. Codes and invitations come with a password only.
    fn may_sign_up(&self, peer: &Peer, is_first: bool) -> Result<(), HubError> {
        if is_first {
            return peer.is_this_machine.then_some(()).ok_or(HubError::Forbidden(
                "the first account is made with a password, on the server's own machine or with its setup code",
            ));
        }
        match self.config().signup {
            SignupMode::Open => Ok(()),
            SignupMode::Invite => Err(HubError::Forbidden(
                "an account here needs an invitation: make it with that and a password, then sign in again",
            )),
            SignupMode::Closed => Err(HubError::Forbidden("accounts here are made by the administrator")),
        }
    }

    fn join_ticket(&self, provider: &IdentityProvider, person: Person, email: &Email) -> String {
        let ticket = Ticket {
            number: keys::hex::<16>(),
            provider: provider.name.to_owned(),
            issuer: person.issuer,
            subject: person.subject,
            email: email.as_str().to_owned(),
            expires_ms: self.now().plus_secs(ASIDE_SECS),
        };
        sealed::seal(self.keys(), JOIN, &ticket)
    }

    /// Signs in to the account that has a person's address, by its password, and lets their identity
    /// open it from now on.
    ///
    /// # Errors
    /// `SignInFailed` (the ticket is not one, too old or used), `Conflict` (the identity opens another
    /// account by now), and those of [`Hub::log_in`].
    pub async fn join(&self, ticket: &str, password: &str, peer: &Peer) -> Result<SignIn, HubError> {
        let old = || {
            let text = "this way to join an account is used or too old; sign in with the provider again";
            HubError::SignInFailed(text.to_owned())
        };
        let ticket: Ticket = sealed::open(self.keys(), JOIN, ticket).ok_or_else(old)?;
        if ticket.expires_ms <= self.now() {
            return Err(old());
        }
        let proven = self.check_login(&ticket.email, password, peer).await?;
        let (hub, peer) = (self.clone(), peer.clone());
        self.to_end(async move {
            let now = hub.now();
            let mut tx = hub.write().await?;
            let name = format!("join {}", ticket.number);
            if !tx.use_ticket(&name, ticket.expires_ms).await? {
                return Err(old());
            }
            let identity = Identity {
                number: 0,
                issuer: ticket.issuer,
                subject: ticket.subject,
                provider: ticket.provider,
                user: proven.user.id,
                email: ticket.email,
                created_ms: now,
                used_ms: now,
            };
            let held = tx.identities(proven.user.id, MOST).await?;
            if held.len() >= limits::CREDENTIALS {
                return Err(HubError::Conflict(
                    "the account has 200 identities; remove one first",
                ));
            }
            if !tx.add_identity(&identity).await? {
                let owner = tx.identity(&identity.issuer, &identity.subject).await?;
                if owner.is_none_or(|owner| owner.user != identity.user) {
                    return Err(HubError::Conflict("this identity opens another account"));
                }
            }
            tx.commit().await?;
            let session = hub.begin_session(&proven, SessionKind::Token, &peer).await?;
            Ok(SignIn {
                tokens: hub.tokens_of(&session),
                user: proven.user,
            })
        })
        .await
    }

    /// Lists the identities that open the actor's account.
    ///
    /// # Errors
    /// `Forbidden` (by an app password).
    pub async fn identities(&self, actor: &Actor) -> Result<Identities, HubError> {
        let user = signed_in(actor)?;
        let mut tx = self.read().await?;
        Ok(Identities {
            identities: tx.identities(user, MOST).await?,
            has_password: tx.password_hash(user).await?.is_some(),
        })
    }

    /// Lists the identities that the actor watches over, at most `limit`: an administrator everybody's,
    /// others their own.
    ///
    /// # Errors
    /// `Forbidden` (by an app password).
    pub async fn watched_identities(&self, actor: &Actor, limit: u32) -> Result<Vec<Identity>, HubError> {
        let user = signed_in(actor)?;
        let mut tx = self.read().await?;
        match access::admin(actor) {
            Ok(()) => Ok(tx.all_identities(limit).await?),
            Err(_) => Ok(tx.identities(user, limit).await?),
        }
    }

    /// Lets an identity open the actor's account no more. Sessions that it began go on.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` (it is the only way in), `Forbidden` (by an app password).
    pub async fn remove_identity(&self, actor: &Actor, number: u64) -> Result<(), HubError> {
        let user = signed_in(actor)?;
        let hub = self.clone();
        self.to_end(async move {
            let mut tx = hub.write().await?;
            // Held, so that two removals at once do not leave an account without a door.
            let (_, hash) = tx.lock_user(user).await?.ok_or(GONE)?;
            let held = tx.identities(user, MOST).await?;
            if !tx.remove_identity(user, number).await? {
                return Err(HubError::NotFound("identity"));
            }
            if hash.is_none() && held.len() == 1 {
                return Err(HubError::Conflict(
                    "this is the only way into your account; set a password first",
                ));
            }
            Ok(tx.commit().await?)
        })
        .await
    }
}

/// More identities than an account may have.
const MOST: u32 = 1000;

/// Whose account an identity opens.
async fn owner(tx: &mut Tx, identity: &Identity) -> Result<Proven, HubError> {
    let user = tx.user(identity.user).await?.ok_or(CLOSED)?;
    if user.state != UserState::Active {
        return Err(CLOSED);
    }
    Ok(Proven {
        hash: tx.password_hash(user.id).await?,
        user,
        fresh_hash: None,
    })
}

/// A person's address, if it is surely theirs.
impl Hub {
    /// The address that an account of somebody new has. Microsoft verifies none: there it is worth as much as one
    /// that is typed at a sign-up, and taken where anyone may sign up so.
    fn own_email(&self, provider: &IdentityProvider, person: &Person) -> Result<Email, HubError> {
        let is_as_typed = provider.name == "onedrive" && self.config().signup == SignupMode::Open;
        if !person.is_email_verified && person.email.is_some() && !is_as_typed {
            return Err(UNVERIFIED);
        }
        email_of(person)
    }
}

fn email_of(person: &Person) -> Result<Email, HubError> {
    let Some(email) = &person.email else {
        return Err(HubError::Forbidden(
            "the provider tells no e-mail address of yours, which an account here needs",
        ));
    };
    email.parse().map_err(|_| {
        HubError::Forbidden("your e-mail address at the provider cannot be an account's name here")
    })
}
