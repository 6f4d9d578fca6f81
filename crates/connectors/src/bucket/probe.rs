//! Finds out by trying what an endpoint keeps of its promises.

use std::hash::{BuildHasher, Hasher as _, RandomState};

use bytes::Bytes;
use md5::{Digest as _, Md5};
use outbound::{Body, Failure};

use super::Bucket;
use super::place::TRASH;
use super::store::{Ending, Listing, Notes, Probed, Session, When, md5_of_tag};
use crate::RemoteError;

/// What probes hold.
const BYTES: &[u8] = b"a probe of what this bucket can do";
/// No object has this entity tag.
const NO_TAG: &str = "00000000000000000000000000000000";

impl Bucket {
    /// Finds out which conditions the endpoint keeps; some pass over them and write. The probes are in the trash,
    /// and are removed whatever comes of it.
    ///
    /// # Errors
    /// Why it could not be found out: the bucket cannot be written to, or not removed from.
    pub async fn probe(&self) -> Result<Probed, RemoteError> {
        let number = RandomState::new().build_hasher().finish();
        // Encoded, it is another one.
        let key = format!("{}{TRASH}/probe-{number:016x}%2B", self.prefix);
        let probed = self.try_out(&key).await;
        let removed = self.store.delete(&key, None).await;
        let probed = probed.map_err(|failure| self.error(failure))?;
        removed.map_err(|failure| self.error(failure))?;
        Ok(probed)
    }

    async fn try_out(&self, key: &str) -> Result<Probed, Failure> {
        let store = &self.store;
        let notes = Notes::default();
        let body = || Body::from(Bytes::from_static(BYTES));
        let tag = store.put(key, body(), &notes, &When::Always).await?;
        let md5: [u8; 16] = Md5::digest(BYTES).into();
        let other = When::Tagged(NO_TAG.to_owned());
        let keeps_new = is_refused(store.put(key, body(), &notes, &When::New).await)?;
        let keeps_tagged = is_refused(store.put(key, body(), &notes, &other).await)?;
        let id = store.begin(key, &notes).await?;
        let session = Session { key, id: &id };
        let guards_parts = self.try_parts(session).await;
        // Where it was made nothing is left to give up.
        store.abort(session).await.ok();
        Ok(Probed {
            guards_puts: keeps_new && keeps_tagged,
            guards_parts: guards_parts?,
            // The last, since it may be done in spite of the condition.
            guards_deletes: is_refused(store.delete(key, Some(NO_TAG)).await)?
                && store.look(key).await?.is_some(),
            tags_are_md5: md5_of_tag(&tag) == Some(md5),
            hides_marks: self.try_mark(&format!("{key}-mark/")).await?,
            lists_verbatim: store.list(Listing::first(key)).await?.is_verbatim,
        })
    }

    /// Whether what stands for a folder is not listed.
    async fn try_mark(&self, key: &str) -> Result<bool, Failure> {
        let store = &self.store;
        let notes = Notes::default();
        match store.put(key, Body::default(), &notes, &When::Always).await {
            // Nor is it taken.
            Err(failure) if matches!(failure.status(), Some(400 | 405 | 409 | 501)) => return Ok(true),
            put => drop(put?),
        }
        let listed = store.list(Listing::first(key)).await;
        let removed = store.delete(key, None).await;
        let is_hidden = listed?.objects.is_empty();
        // Who hides it may have no way to remove it either.
        if !is_hidden {
            removed?;
        }
        Ok(is_hidden)
    }

    async fn try_parts(&self, session: Session<'_>) -> Result<bool, Failure> {
        let body = Body::from(Bytes::from_static(BYTES));
        let parts = [self.store.put_part(session, 1, body).await?];
        for when in [When::New, When::Tagged(NO_TAG.to_owned())] {
            let ending = Ending {
                session,
                parts: &parts,
                notes: &Notes::default(),
                when: &when,
                md5: None,
            };
            if !is_refused(self.store.complete_guarded(ending).await)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a condition was kept. Whoever does not know it may refuse it as a whole.
fn is_refused<T>(outcome: Result<T, Failure>) -> Result<bool, Failure> {
    match outcome {
        Ok(_) => Ok(false),
        Err(failure) => match failure.status() {
            Some(409 | 412) => Ok(true),
            Some(400 | 501) => Ok(false),
            _ => Err(failure),
        },
    }
}
