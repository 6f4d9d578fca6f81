//! Profile photos: what a person shows of themselves to those who share something with them.

mod formats;
mod render;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use content::{Taken, body_of};
use futures_util::TryStreamExt;
use model::{Actor, ByteStream, Millis, User, UserId};

use crate::sessions::signed_in;
use crate::{Contact, Expected, Hub, HubError, Me, Staged, access};
use formats::Flaw;

/// Largest picture that may be sent.
pub const PHOTO_BYTES: u64 = 10 << 20;

const NO_PHOTO: HubError = HubError::NotFound("photo");
const NO_USER: HubError = HubError::NotFound("user");

/// The sizes in which a photo is kept: each a square JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PhotoSize {
    /// 64 pixels.
    Small,
    /// 256 pixels.
    Medium,
    /// 512 pixels.
    Large,
}

impl PhotoSize {
    /// Every size.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// Pixels along an edge.
    pub const fn edge_px(self) -> u32 {
        match self {
            Self::Small => 64,
            Self::Medium => 256,
            Self::Large => 512,
        }
    }
}

/// A photo in one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Photo {
    /// A JPEG.
    pub jpeg: Bytes,
    /// Names these bytes.
    pub etag: String,
    /// When it was set.
    pub set_ms: Millis,
}

impl Hub {
    /// Gives the actor a photo: any JPEG, PNG, GIF or WebP picture that stands still. It is turned
    /// upright, cut to the square in its middle, and nothing but its pixels is kept.
    ///
    /// # Errors
    /// `Forbidden` (by an app password; before a byte is read), `TooLarge`, `UnknownPicture`,
    /// `Invalid` (a picture that cannot be a photo), `Body`, `DigestMismatch`.
    pub async fn set_photo(
        &self,
        actor: &Actor,
        expected: Expected,
        body: ByteStream,
    ) -> Result<Me, HubError> {
        let staged = self.stage_photo(actor, expected, body).await?;
        self.finish_photo(actor, staged).await
    }

    /// Takes in a picture that [`Hub::finish_photo`] makes the actor's photo.
    ///
    /// # Errors
    /// As [`Hub::set_photo`], but those that need a look at the picture.
    pub async fn stage_photo(
        &self,
        actor: &Actor,
        expected: Expected,
        body: ByteStream,
    ) -> Result<Staged, HubError> {
        signed_in(actor)?;
        let too_large = HubError::TooLarge {
            limit_bytes: PHOTO_BYTES,
        };
        if expected.size_bytes.is_some_and(|size| size > PHOTO_BYTES) {
            return Err(too_large);
        }
        // To a file, however many come at once: only one at a time is in memory.
        let staged = self.stage(PHOTO_BYTES, expected, body).await;
        staged.map_err(|error| match error {
            HubError::QuotaExceeded { .. } => too_large,
            error => error,
        })
    }

    /// Makes a picture that was taken in the actor's photo. Nothing is left of the file.
    ///
    /// # Errors
    /// As [`Hub::set_photo`].
    pub async fn finish_photo(&self, actor: &Actor, staged: Staged) -> Result<Me, HubError> {
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let rendered = hub.render_photo(&staged).await;
            hub.discard_staged(staged).await;
            let sizes = rendered?
                .into_iter()
                .map(|(size, jpeg)| (size.edge_px(), jpeg))
                .collect();
            let mut tx = hub.write().await?;
            // Held, so that two photos at once do not become a mixture of both.
            let (user, _) = tx.lock_user(signed_in(&actor)?).await?.ok_or(NO_USER)?;
            tx.put_photo(user.id, sizes, hub.now()).await?;
            tx.commit().await?;
            hub.me(&actor).await
        })
        .await
    }

    /// Takes the actor's photo away. Without one it does nothing.
    ///
    /// # Errors
    /// `Forbidden` (by an app password).
    pub async fn remove_photo(&self, actor: &Actor) -> Result<(), HubError> {
        signed_in(actor)?;
        let (hub, actor) = (self.clone(), actor.clone());
        self.to_end(async move {
            let mut tx = hub.write().await?;
            let (user, _) = tx.lock_user(signed_in(&actor)?).await?.ok_or(NO_USER)?;
            tx.remove_photo(user.id).await?;
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Returns a person's photo: one's own, or that of somebody whom [`Hub::profile`] shows.
    ///
    /// # Errors
    /// `NotFound` (no photo; or nobody whom the actor may see), `Forbidden` unless an account asks.
    pub async fn photo(&self, actor: &Actor, id: UserId, size: PhotoSize) -> Result<Photo, HubError> {
        let user = self.known_user(actor, id).await?;
        let set_ms = user.photo_ms.ok_or(NO_PHOTO)?;
        let jpeg = self.read().await?.photo(id, size.edge_px()).await?;
        let jpeg = Bytes::from(jpeg.ok_or(NO_PHOTO)?);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &jpeg);
        let etag = digest.as_ref().iter().take(16).map(|byte| format!("{byte:02x}"));
        Ok(Photo {
            etag: etag.collect(),
            jpeg,
            set_ms,
        })
    }

    /// Tells who somebody is: to themselves, to administrators, and to people with whom they share
    /// something.
    ///
    /// # Errors
    /// `NotFound`: for anybody else it is as if there were no such person. `Forbidden` unless an
    /// account asks.
    pub async fn profile(&self, actor: &Actor, id: UserId) -> Result<Contact, HubError> {
        let user = self.known_user(actor, id).await?;
        Ok(Contact {
            id,
            email: user.email.to_string(),
            full_name: user.full_name,
            has_photo: user.photo_ms.is_some(),
        })
    }

    async fn known_user(&self, actor: &Actor, id: UserId) -> Result<User, HubError> {
        let asks = access::user(actor)?;
        let mut tx = self.read().await?;
        let is_known = asks == id || access::admin(actor).is_ok() || tx.share_something(asks, id).await?;
        let user = tx.user(id).await?;
        user.filter(|_| is_known).ok_or(NO_USER)
    }

    /// Opens a picture on the blocking pool, one at a time: each may take much memory.
    async fn render_photo(&self, staged: &Staged) -> Result<Vec<(PhotoSize, Vec<u8>)>, HubError> {
        let permit = Arc::clone(&self.0.rendering)
            .acquire_owned()
            .await
            .map_err(|closed| HubError::Unavailable(closed.into()))?;
        let file = self.read_staged(staged).await?;
        let work = move || {
            let rendered = render::render(&file);
            drop(permit);
            rendered
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(rendered) => rendered.map_err(HubError::from),
            // A decoder that stumbles over a picture takes nothing else with it.
            Err(panic) if panic.is_panic() => Err(Flaw::Damaged.into()),
            Err(stopped) => Err(HubError::Unavailable(stopped.into())),
        }
    }

    async fn read_staged(&self, staged: &Staged) -> Result<Vec<u8>, HubError> {
        let size_bytes = staged.taken.size_bytes();
        let mut stream = match &staged.taken {
            Taken::Inline { bytes, .. } => body_of(bytes.clone(), 0..size_bytes),
            Taken::Stored { at, .. } => self.0.content.read(at, size_bytes, 0..size_bytes).await?,
        };
        let mut file = Vec::new();
        while let Some(chunk) = stream.try_next().await.map_err(HubError::Body)? {
            file.extend_from_slice(&chunk);
        }
        Ok(file)
    }
}

impl From<Flaw> for HubError {
    fn from(flaw: Flaw) -> Self {
        match flaw {
            Flaw::Foreign(_) | Flaw::Unknown => Self::UnknownPicture(flaw.to_string()),
            Flaw::Empty
            | Flaw::CutShort
            | Flaw::Moving
            | Flaw::TooManyPixels
            | Flaw::TooMuchWork
            | Flaw::Damaged => Self::invalid("photo", flaw),
        }
    }
}
