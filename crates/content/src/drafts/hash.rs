//! Digests of bytes that come over several requests, and between restarts.

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use md5::Md5;
use model::Digest;
use sha2::digest::Digest as _;
use sha2::digest::common::hazmat::{SerializableState, SerializedState};

use crate::{ContentError, Damage};

/// What a piece of an upload is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promise {
    /// Its SHA-1.
    Sha1([u8; 20]),
    /// Its SHA-256.
    Sha256([u8; 32]),
    /// Its MD5.
    Md5([u8; 16]),
}

enum Running {
    Context(Context),
    Md5(Md5),
}

/// The SHA-256 of all bytes of an upload so far, and the digest that was promised of those of one request.
pub(super) struct Hashes {
    all: sha2::Sha256,
    promised: Option<(Running, Promise)>,
}

impl Hashes {
    /// Goes on from a state that was kept.
    pub(super) fn resume(state: Option<&[u8]>, promise: Option<Promise>) -> Result<Self, ContentError> {
        let all = match state {
            None => sha2::Sha256::new(),
            Some(state) => restore(state)?,
        };
        let promised = promise.map(|promise| {
            let running = match &promise {
                Promise::Sha1(_) => Running::Context(Context::new(&SHA1_FOR_LEGACY_USE_ONLY)),
                Promise::Sha256(_) => Running::Context(Context::new(&SHA256)),
                Promise::Md5(_) => Running::Md5(Md5::new()),
            };
            (running, promise)
        });
        Ok(Self { all, promised })
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.all.update(bytes);
        match &mut self.promised {
            None => {}
            Some((Running::Context(context), _)) => context.update(bytes),
            Some((Running::Md5(md5), _)) => md5.update(bytes),
        }
    }

    pub(super) fn state(&self) -> Vec<u8> {
        self.all.serialize().to_vec()
    }

    /// Whether the bytes of this request are those that were promised.
    pub(super) fn is_kept(&self) -> bool {
        let Some((running, promise)) = &self.promised else {
            return true;
        };
        let found = match running {
            Running::Context(context) => context.clone().finish().as_ref().to_vec(),
            Running::Md5(md5) => md5.clone().finalize().to_vec(),
        };
        match promise {
            Promise::Sha1(expected) => found == expected,
            Promise::Sha256(expected) => found == expected,
            Promise::Md5(expected) => found == expected,
        }
    }
}

/// The SHA-256 that a kept state stands for.
pub(super) fn digest_of(state: &[u8]) -> Result<Digest, ContentError> {
    Ok(Digest(restore(state)?.finalize().into()))
}

fn restore(state: &[u8]) -> Result<sha2::Sha256, ContentError> {
    let unusable = || ContentError::Damaged(Damage::Replaced);
    let state = SerializedState::<sha2::Sha256>::try_from(state).map_err(|_| unusable())?;
    sha2::Sha256::deserialize(&state).map_err(|_| unusable())
}
