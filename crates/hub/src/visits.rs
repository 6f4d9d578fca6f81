//! Visits: what the holder of a public link may do, and how they prove that they may.

use std::net::IpAddr;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Actor, Link, LinkMode, Millis, Node, Right};

use crate::access::{self, FolderRef, Hold};
use crate::passwords::Verdict;
use crate::sessions::secret_hash;
use crate::{Hub, HubError};

/// How long a password that was given once opens a link, seconds.
const PASS_SECS: i64 = 12 * 60 * 60;
/// How exactly "last used" is kept.
const TOUCH_SECS: i64 = 60;
const NO_LINK: HubError = HubError::NotFound("link");

/// Somebody at a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Who they act as.
    pub actor: Actor,
    /// The link.
    pub link: Link,
    /// What it opens. Of a drop link's folder only the name is to be shown.
    pub node: Node,
    /// What they hold of it; `None` is to put files into it and see nothing.
    pub right: Option<Right>,
}

/// Proof that a link's password was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkPass {
    /// The proof.
    pub secret: String,
    /// How long it holds, seconds.
    pub holds_secs: u32,
}

impl Hub {
    /// Opens a public link. `pass` is the proof that its password was given.
    ///
    /// # Errors
    /// `NotFound`, the same whether the link is unknown, expired, revoked, used up, or opens nothing
    /// any more; `LinkLocked` when the password is needed; `TooManyTries` (guessing tokens).
    pub async fn visit(&self, token: &str, pass: Option<&str>, ip: IpAddr) -> Result<Visit, HubError> {
        let now = self.now();
        let mut tx = self.read().await?;
        let Some((link, password_hash)) = tx.link_by_token(secret_hash(token)).await? else {
            drop(tx);
            self.admit_link_guess(ip).await?;
            return Err(NO_LINK);
        };
        let actor = Actor::Visitor {
            link: link.id,
            at_ms: now,
        };
        // A link that opens nothing does not ask for its password.
        let (node, right) = match link.mode {
            LinkMode::Drop => {
                let found = access::inbox(&mut tx, &actor, FolderRef::Id(link.node), Hold::No).await;
                (found.map_err(gone)?.into_node(), None)
            }
            LinkMode::View | LinkMode::Edit => {
                let found = access::node(&mut tx, &actor, link.node, Right::View, Hold::No).await;
                let found = found.map_err(gone)?;
                let right = found.right;
                (found.into_node(), Some(right))
            }
        };
        drop(tx);
        if link.most_downloads.is_some_and(|most| link.downloads >= most) {
            return Err(NO_LINK);
        }
        if let Some(hash) = &password_hash
            && !pass.is_some_and(|pass| self.is_pass(pass, &link, hash, now))
        {
            return Err(HubError::LinkLocked);
        }
        if link.used_ms.is_none_or(|used| used < now.minus_secs(TOUCH_SECS)) {
            let mut tx = self.write().await?;
            tx.touch_link(link.id, now).await?;
            tx.commit().await?;
        }
        Ok(Visit {
            actor,
            link,
            node,
            right,
        })
    }

    /// Takes a link's password and gives a proof of it, which ends when the password is changed.
    ///
    /// # Errors
    /// As [`Hub::visit`]; `LinkLocked` when the password is wrong, `TooManyTries`.
    pub async fn unlock_link(&self, token: &str, password: &str, ip: IpAddr) -> Result<LinkPass, HubError> {
        match self.visit(token, None, ip).await {
            Err(HubError::LinkLocked) | Ok(_) => {}
            Err(error) => return Err(error),
        }
        let found = self.read().await?.link_by_token(secret_hash(token)).await?;
        let (link, hash) = found.ok_or(NO_LINK)?;
        let Some(hash) = hash else {
            return Err(HubError::Conflict("this link has no password"));
        };
        self.admit_link_password(link.id, ip).await?;
        if self.check_password(password, Some(hash.clone())).await? == Verdict::Wrong {
            return Err(HubError::LinkLocked);
        }
        self.link_password_was_right(link.id, ip).await?;
        let expires_ms = self.now().plus_secs(PASS_SECS);
        let tag = self.pass_tag(&link, &hash, expires_ms);
        let secret = format!("{}.{}", expires_ms.0, URL_SAFE_NO_PAD.encode(tag));
        Ok(LinkPass {
            secret,
            holds_secs: u32::try_from(PASS_SECS).unwrap_or(u32::MAX),
        })
    }

    /// What the person calls themselves whose node a link opens; may be empty.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn host_name(&self, visit: &Visit) -> Result<String, HubError> {
        let mut tx = self.read().await?;
        let space = tx.space(visit.node.space).await?.ok_or(NO_LINK)?;
        let host = tx.user(space.owner).await?.ok_or(NO_LINK)?;
        Ok(host.full_name)
    }

    /// Counts a download through a link before its first byte is sent.
    ///
    /// # Errors
    /// `NotFound` when the link is used up.
    pub async fn count_download(&self, link: &Link) -> Result<(), HubError> {
        let (hub, id) = (self.clone(), link.id);
        self.to_end(async move {
            let mut tx = hub.write().await?;
            if !tx.count_download(id, hub.now()).await? {
                return Err(NO_LINK);
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    fn is_pass(&self, pass: &str, link: &Link, hash: &str, now: Millis) -> bool {
        let Some((expires_ms, tag)) = pass.split_once('.') else {
            return false;
        };
        let Ok(expires_ms) = expires_ms.parse().map(Millis) else {
            return false;
        };
        let Ok(tag) = URL_SAFE_NO_PAD.decode(tag) else {
            return false;
        };
        let expected = self.pass_tag(link, hash, expires_ms);
        expires_ms > now && aws_lc_rs::constant_time::verify_slices_are_equal(&tag, &expected).is_ok()
    }

    fn pass_tag(&self, link: &Link, hash: &str, expires_ms: Millis) -> Vec<u8> {
        let hash = digest::digest(&digest::SHA256, hash.as_bytes());
        let mut message = link.id.as_bytes().to_vec();
        message.extend_from_slice(hash.as_ref());
        message.extend_from_slice(&expires_ms.0.to_be_bytes());
        hmac::sign(self.keys().pass(), &message).as_ref().to_vec()
    }
}

/// Whatever a link does not open does not exist.
fn gone(error: HubError) -> HubError {
    match error {
        HubError::NotFound(_) | HubError::Forbidden(_) => NO_LINK,
        error => error,
    }
}
