//! Signed addresses: one content of one file, or one photo, for a short time, without any other proof.
//!
//! An address holds as long as its time and as long as who asked for it may still see the file, so
//! signing out, revoking and deleting take effect on it at once.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use content::{ContentError, SignedRead};
use model::{Actor, AppPasswordId, Link, LinkId, Millis, NodeId, SessionId, UserId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Download, Hub, HubError, Photo, PhotoSize};

/// How long an address may hold at the most, unless the settings give more, seconds.
const MOST_SECS: u32 = 15 * 60;
/// Longest text that is looked at.
const MOST_LETTERS: usize = 8 * 1024;
pub(crate) const WRONG: HubError = HubError::Forbidden("this address is not valid, or no longer");

/// An address of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAddress {
    /// The last part of the address when it is one of ours.
    pub secret: String,
    /// The whole address when it is one of the store.
    pub store_url: Option<String>,
    /// When it ends.
    pub expires_ms: Millis,
}

/// What a signed address opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedDownload {
    /// The content.
    pub download: Download,
    /// Whether it was signed for showing rather than saving.
    pub is_inline: bool,
    /// The link through which it was signed: its downloads are counted.
    pub link: Option<Link>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    #[serde(rename = "n")]
    node: NodeId,
    #[serde(rename = "v")]
    version: u64,
    #[serde(rename = "e")]
    expires_ms: i64,
    #[serde(rename = "i")]
    is_inline: bool,
    #[serde(rename = "a")]
    signer: Signer,
}

#[derive(Serialize, Deserialize)]
struct PhotoClaims {
    #[serde(rename = "p")]
    user: UserId,
    #[serde(rename = "e")]
    expires_ms: i64,
    #[serde(rename = "a")]
    signer: Signer,
}

#[derive(Serialize, Deserialize)]
pub(crate) enum Signer {
    #[serde(rename = "u")]
    Session(UserId, SessionId),
    #[serde(rename = "p")]
    App(UserId, AppPasswordId),
    #[serde(rename = "l")]
    Link(LinkId),
}

impl Hub {
    /// Signs an address of a file's current content, or of version `number`: one of the store where it
    /// has them, one of ours otherwise. It holds `secs` seconds, as the settings say when it is not said,
    /// and 900 or that at the most.
    ///
    /// An address of ours ends early when who asked for it may not see the file any more; one of a store
    /// cannot. So what is reached through a public link gets one of ours.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (a time that is too long).
    pub async fn sign_download(
        &self,
        actor: &Actor,
        (file, number): (NodeId, Option<u64>),
        (secs, is_inline): (Option<u32>, bool),
    ) -> Result<SignedAddress, HubError> {
        let expires_ms = self.end_of(secs)?;
        let download = self.open_file(actor, file, number).await?;
        let claims = Claims {
            node: file,
            version: download.version.number,
            expires_ms: expires_ms.0,
            is_inline,
            signer: signer(actor)?,
        };
        let secret = self.sign(&claims)?;
        let store_url = match actor {
            Actor::Visitor { .. } => None,
            _ => self.store_url(&download, (secs, is_inline)).await?,
        };
        Ok(SignedAddress {
            secret,
            store_url,
            expires_ms,
        })
    }

    /// Signs an address by which the store itself sends a content, with its name and type; `None` when its
    /// store signs none, when it is sealed, or when the settings say so.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn store_url(
        &self,
        download: &Download,
        (secs, is_inline): (Option<u32>, bool),
    ) -> Result<Option<String>, HubError> {
        let Some(at) = download.stored_at().filter(|_| self.config().direct_downloads) else {
            return Ok(None);
        };
        let media_type = download.version.media_type.as_str();
        let shown = model::shown_inline(media_type).filter(|_| is_inline);
        let how = SignedRead {
            name: download.node.name.to_string(),
            media_type: shown.unwrap_or(media_type).to_owned(),
            is_inline: shown.is_some(),
            now: self.now(),
            secs: secs.unwrap_or(self.config().signed_secs),
        };
        match self.0.content.sign_read(at, &how).await {
            Ok(request) => Ok(Some(request.url)),
            Err(ContentError::Unsupported) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens what a signed address stands for.
    ///
    /// # Errors
    /// `Forbidden` when it was changed or has ended, or when who asked for it may not see the file any
    /// more; `NotFound` when the file is gone.
    pub async fn open_signed(&self, secret: &str) -> Result<SignedDownload, HubError> {
        let claims: Claims = self.signed(secret).ok_or(WRONG)?;
        let (actor, link) = self.signer_now(&claims.signer, claims.expires_ms).await?;
        let download = self.open_file(&actor, claims.node, Some(claims.version)).await?;
        Ok(SignedDownload {
            download,
            is_inline: claims.is_inline,
            link,
        })
    }

    /// Signs an address of somebody's photo. It holds `secs` seconds, as that of a file.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` (a time that is too long).
    pub async fn sign_photo(
        &self,
        actor: &Actor,
        user: UserId,
        secs: Option<u32>,
    ) -> Result<SignedAddress, HubError> {
        let expires_ms = self.end_of(secs)?;
        self.photo(actor, user, PhotoSize::Large).await?;
        let claims = PhotoClaims {
            user,
            expires_ms: expires_ms.0,
            signer: signer(actor)?,
        };
        let secret = self.sign(&claims)?;
        Ok(SignedAddress {
            secret,
            store_url: None,
            expires_ms,
        })
    }

    /// Finds the photo that a signed address stands for, in its largest size.
    ///
    /// # Errors
    /// As [`Hub::open_signed`].
    pub async fn open_signed_photo(&self, secret: &str) -> Result<Photo, HubError> {
        let claims: PhotoClaims = self.signed(secret).ok_or(WRONG)?;
        let (actor, _) = self.signer_now(&claims.signer, claims.expires_ms).await?;
        self.photo(&actor, claims.user, PhotoSize::Large).await
    }

    /// When an address that is signed now ends.
    pub(crate) fn end_of(&self, secs: Option<u32>) -> Result<Millis, HubError> {
        let secs = secs.unwrap_or(self.config().signed_secs);
        let most = MOST_SECS.max(self.config().signed_secs);
        if !(1..=most).contains(&secs) {
            let problem = format!("give 1 to {most} seconds");
            return Err(HubError::invalid("expires_in", problem));
        }
        Ok(self.now().plus_secs(i64::from(secs)))
    }

    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, HubError> {
        let body = serde_json::to_vec(claims).map_err(|error| HubError::Internal(error.into()))?;
        let tag = hmac::sign(self.keys().blob(), &body);
        let (body, tag) = (
            URL_SAFE_NO_PAD.encode(&body),
            URL_SAFE_NO_PAD.encode(tag.as_ref()),
        );
        Ok(format!("{body}.{tag}"))
    }

    /// What was signed. The claims of one kind of address lack what another kind needs.
    pub(crate) fn signed<T: DeserializeOwned>(&self, secret: &str) -> Option<T> {
        if secret.len() > MOST_LETTERS {
            return None;
        }
        let (body, tag) = secret.split_once('.')?;
        let body = URL_SAFE_NO_PAD.decode(body).ok()?;
        let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(self.keys().blob(), &body, &tag).ok()?;
        serde_json::from_slice(&body).ok()
    }

    /// Who signed, as far as they are still somebody here, before the address ends.
    pub(crate) async fn signer_now(
        &self,
        signer: &Signer,
        expires_ms: i64,
    ) -> Result<(Actor, Option<Link>), HubError> {
        let now = self.now();
        if expires_ms <= now.0 {
            return Err(WRONG);
        }
        match *signer {
            Signer::Session(user, session) => Ok((self.signer_by_session(user, session).await?, None)),
            Signer::App(user, password) => Ok((self.signer_by_app(user, password).await?, None)),
            Signer::Link(id) => {
                let link = self.read().await?.link(id).await?.ok_or(WRONG)?;
                let actor = Actor::Visitor { link: id, at_ms: now };
                Ok((actor, Some(link)))
            }
        }
    }

    async fn signer_by_session(&self, user: UserId, session: SessionId) -> Result<Actor, HubError> {
        let mut tx = self.read().await?;
        let (session, account) = tx.session(session).await?.ok_or(WRONG)?;
        let is_good = session.user == user
            && session.expires_ms > self.now()
            && account.state == model::UserState::Active;
        match is_good {
            true => Ok(Actor::User {
                id: user,
                role: account.role,
                session: session.id,
            }),
            false => Err(WRONG),
        }
    }

    async fn signer_by_app(&self, user: UserId, password: AppPasswordId) -> Result<Actor, HubError> {
        let mut tx = self.read().await?;
        let is_active = (tx.user(user).await?).is_some_and(|user| user.state == model::UserState::Active);
        if !is_active || !tx.is_app_password(user, password).await? {
            return Err(WRONG);
        }
        Ok(Actor::App { id: user, password })
    }
}

pub(crate) fn signer(actor: &Actor) -> Result<Signer, HubError> {
    match *actor {
        Actor::User { id, session, .. } => Ok(Signer::Session(id, session)),
        Actor::App { id, password } => Ok(Signer::App(id, password)),
        Actor::Visitor { link, .. } => Ok(Signer::Link(link)),
        Actor::Mirror { .. } | Actor::Worker => Err(HubError::Forbidden("this needs a person")),
    }
}
