//! The generated key that credentials of linked accounts are sealed with, and how another takes its place.
//!
//! `keys/tokens.key` is the present one. A change of it has steps, each of which leaves all keys that anything may be
//! sealed with where they are found: the next one is written (`tokens-next.key`), the present one is kept beside
//! (`tokens-earlier.key`), the next takes its place. The earlier one is removed once nobody can seal with it any more.

use std::fs;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, bail};
use base64::Engine as _;

use super::{
    BASE64, DataFolder, KEYS, SECRET_BYTES, flush_folder, make_folder, random, read_secret, write_private,
};
use crate::settings::Secret;

const PRESENT: &str = "tokens.key";
const NEXT: &str = "tokens-next.key";
const EARLIER: &str = "tokens-earlier.key";

/// What came of beginning a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// There is a new key now.
    Made,
    /// The change before has not come to its end: its key stays the present one.
    GoesOn,
}

impl DataFolder {
    /// The generated keys, the present one first. Makes one the first time.
    ///
    /// # Errors
    /// When one cannot be kept or read, or others may read it.
    pub fn token_keys(&self) -> anyhow::Result<Vec<Secret>> {
        if !self.token_key(PRESENT).exists() {
            self.secret("tokens")?;
        }
        self.token_keys_there()
    }

    /// The generated keys that there are, the present one first.
    ///
    /// # Errors
    /// When one cannot be read, or others may read it.
    pub fn token_keys_there(&self) -> anyhow::Result<Vec<Secret>> {
        // In this order none is missed while another process changes them: the next one becomes the present one, and
        // the present one is kept before that.
        let next = self.token_key_there(NEXT)?;
        let present = self.token_key_there(PRESENT)?;
        let earlier = self.token_key_there(EARLIER)?;
        Ok([present, next, earlier].into_iter().flatten().collect())
    }

    /// Puts a new key in the place of the present one, which is kept beside it. A change that was cut is brought to
    /// its end.
    ///
    /// # Errors
    /// When one cannot be written. All keys are found then too.
    pub fn change_token_key(&self) -> anyhow::Result<Change> {
        let (present, next, earlier) = (
            self.token_key(PRESENT),
            self.token_key(NEXT),
            self.token_key(EARLIER),
        );
        self.token_keys()?;
        if earlier.exists() && !next.exists() {
            return Ok(Change::GoesOn);
        }
        let folder = self.path.join(KEYS);
        make_folder(&folder)?;
        if !next.exists() {
            write_private(&next, &BASE64.encode(random::<SECRET_BYTES>()))?;
        }
        read_secret(&next)?;
        let cannot = || format!("the key {} cannot be changed", present.display());
        match fs::hard_link(&present, &earlier) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(cannot);
            }
            Ok(()) | Err(_) => flush_folder(&folder)?,
        }
        if read_secret(&earlier)? != read_secret(&present)? {
            bail!(
                "{} is another key than {}: move it aside if nothing is sealed with it",
                earlier.display(),
                present.display()
            );
        }
        fs::rename(&next, &present).with_context(cannot)?;
        flush_folder(&folder)?;
        Ok(Change::Made)
    }

    /// Whether a key is kept beside the present one, which took its place.
    pub fn has_earlier_token_key(&self) -> bool {
        self.token_key(EARLIER).exists() && !self.token_key(NEXT).exists()
    }

    /// Removes the earlier key. Nothing may be sealed with it any more.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove_earlier_token_key(&self) -> anyhow::Result<()> {
        let path = self.token_key(EARLIER);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be removed", path.display()))
            }
            Ok(()) | Err(_) => flush_folder(&self.path.join(KEYS)),
        }
    }

    fn token_key(&self, name: &str) -> PathBuf {
        self.path.join(KEYS).join(name)
    }

    fn token_key_there(&self, name: &str) -> anyhow::Result<Option<Secret>> {
        match read_secret(&self.token_key(name)) {
            Err(error) if is_missing(&error) => Ok(None),
            read => read.map(Some),
        }
    }
}

/// Whether a file is not there, or not there any more.
fn is_missing(error: &anyhow::Error) -> bool {
    let mut causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|error| error.kind() == io::ErrorKind::NotFound)
}
