//! Sealing: bytes are encrypted by us before they reach a store that is not trusted.
//!
//! Each blob has a data key of its own. It is kept beside the blob's row, sealed with a key of the
//! keyring, so that a new keyring key needs no byte of a blob to be written again. The bytes are sealed
//! in chunks (AES-256-GCM, each `nonce ‖ ciphertext ‖ tag`), so that a range costs the chunks it touches.
//! A chunk is bound to its number and to whether it is the last: chunks cannot be swapped, repeated or
//! cut off unseen. An empty blob is one empty chunk.

use std::ops::Range;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::digest as hashes;
use aws_lc_rs::rand;
use bytes::{Bytes, BytesMut};
use futures_util::{TryStreamExt, stream};
use model::{BodyError, ByteStream};

use crate::{ContentError, Damage};

/// Plain bytes of a full chunk.
pub(crate) const CHUNK_BYTES: u64 = 64 * 1024;
/// What sealing adds to a chunk: a nonce of 12 bytes and a tag of 16.
const MORE_BYTES: u64 = 28;
const SEALED_CHUNK: u64 = CHUNK_BYTES + MORE_BYTES;
const FORMAT: u8 = 1;
const ID_BYTES: usize = 4;
const KEY_BYTES: usize = 32;

/// The keys that data keys and notes are sealed with: the first for what is new, the others for what was
/// sealed earlier.
#[derive(Clone)]
pub struct Keyring(Vec<([u8; ID_BYTES], [u8; KEY_BYTES])>);

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keyring of {}", self.0.len())
    }
}

impl Keyring {
    /// Derives a key from each secret. `None` when there is none.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let keys = secrets.into_iter().map(|secret| {
            let key = hash(b"cumuli seal key 1", secret);
            let name = hash(b"cumuli seal name 1", &key);
            let mut id = [0; ID_BYTES];
            id.copy_from_slice(&name[..ID_BYTES]);
            (id, key)
        });
        let keys: Vec<_> = keys.collect();
        (!keys.is_empty()).then_some(Self(keys))
    }

    /// Makes a data key for the blob of this key, and its sealed form.
    pub(crate) fn new_data_key(&self, of: &str) -> (DataKey, Vec<u8>) {
        let mut plain = [0; KEY_BYTES];
        rand::fill(&mut plain).expect("the system gives random bytes");
        (DataKey::new(&plain), self.seal("blob", of, &plain))
    }

    /// Opens a sealed data key.
    pub(crate) fn data_key(&self, of: &str, sealed: &[u8]) -> Result<DataKey, ContentError> {
        Ok(DataKey::new(&self.plain_key(of, sealed)?))
    }

    /// Seals a data key with the first key of the ring; `None` when it is already.
    pub(crate) fn reseal(&self, of: &str, sealed: &[u8]) -> Result<Option<Vec<u8>>, ContentError> {
        if self.is_current(sealed) {
            return Ok(None);
        }
        Ok(Some(self.seal("blob", of, &self.plain_key(of, sealed)?)))
    }

    fn plain_key(&self, of: &str, sealed: &[u8]) -> Result<[u8; KEY_BYTES], ContentError> {
        let plain = self.open("blob", of, sealed)?;
        plain
            .try_into()
            .map_err(|_| ContentError::Damaged(Damage::Unsealable))
    }

    /// Seals a short text for a purpose and under a name.
    ///
    /// # Panics
    /// Never: a text in memory can be sealed.
    pub fn seal(&self, purpose: &str, name: &str, plain: &[u8]) -> Vec<u8> {
        let (id, key) = &self.0[0];
        let mut bytes = plain.to_vec();
        let nonce = cipher(key)
            .seal_in_place_append_tag(Aad::from(format!("{purpose} {name}")), &mut bytes)
            .expect("a text in memory can be sealed");
        let mut sealed = vec![FORMAT];
        sealed.extend_from_slice(id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.append(&mut bytes);
        sealed
    }

    /// Whether something was sealed with the first key.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.get(1..=ID_BYTES) == Some(&self.0[0].0[..])
    }

    /// Opens what [`Keyring::seal`] made for the same purpose and name.
    ///
    /// # Errors
    /// `Rejected` when the key is not in the ring, `Damaged` otherwise.
    pub fn open(&self, purpose: &str, name: &str, sealed: &[u8]) -> Result<Vec<u8>, ContentError> {
        let damaged = || ContentError::Damaged(Damage::Unsealable);
        let (head, rest) = sealed.split_at_checked(1 + ID_BYTES).ok_or_else(damaged)?;
        if head[0] != FORMAT {
            return Err(damaged());
        }
        let known = self.0.iter().find(|(id, _)| id == &head[1..]);
        let (_, key) = known.ok_or_else(missing_key)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut bytes = sealed.to_vec();
        let plain = cipher(key).open_in_place(nonce, Aad::from(format!("{purpose} {name}")), &mut bytes);
        Ok(plain.map_err(|_| damaged())?.to_vec())
    }
}

/// What is told when a sealed blob or note meets a ring without its key.
pub(crate) fn missing_key() -> ContentError {
    ContentError::Rejected {
        store: "sealed".to_owned(),
        reason:
            "it was sealed with a key that is not in CUMULI_SEAL_KEYS: add the old key behind the new one"
                .to_owned(),
    }
}

/// The key that one blob's bytes are sealed with.
pub(crate) struct DataKey(RandomizedNonceKey);

impl DataKey {
    fn new(plain: &[u8; KEY_BYTES]) -> Self {
        Self(cipher(plain))
    }

    /// Seals chunk `number`, the first being 0.
    pub(crate) fn seal_chunk(&self, number: u64, is_last: bool, plain: &[u8]) -> Bytes {
        let mut sealed = BytesMut::with_capacity(plain.len() + MORE_BYTES as usize);
        sealed.extend_from_slice(&[0; NONCE_LEN]);
        sealed.extend_from_slice(plain);
        let mut body = sealed.split_off(NONCE_LEN);
        let (nonce, tag) = self
            .0
            .seal_in_place_separate_tag(place(number, is_last), &mut body)
            .expect("a chunk can be sealed");
        sealed.copy_from_slice(nonce.as_ref());
        sealed.unsplit(body);
        sealed.extend_from_slice(tag.as_ref());
        sealed.freeze()
    }

    fn open_chunk(&self, number: u64, is_last: bool, sealed: &mut [u8]) -> Option<usize> {
        let (nonce, body) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.0.open_in_place(nonce, place(number, is_last), body).ok()?;
        Some(plain.len())
    }

    /// Opens a stream of sealed chunks of which the first is that of `chunks.start`, and yields the plain
    /// bytes of `range`. The blob has `count` chunks.
    pub(crate) fn open_stream(self, sealed: ByteStream, of: Sealed) -> ByteStream {
        let opening = Opening {
            key: self,
            sealed,
            gathered: BytesMut::new(),
            next: of.chunks.start,
            of,
        };
        Box::pin(stream::try_unfold(opening, |mut opening| async move {
            loop {
                match opening.chunk().await? {
                    None => return Ok(None),
                    Some(plain) if plain.is_empty() => {}
                    Some(plain) => return Ok(Some((plain, opening))),
                }
            }
        }))
    }
}

/// Which part of a sealed blob is read.
pub(crate) struct Sealed {
    /// The plain bytes that are asked for.
    range: Range<u64>,
    /// The chunks that hold them.
    chunks: Range<u64>,
    /// How many chunks there are.
    count: u64,
    /// How many bytes the store holds.
    pub(crate) stored_bytes: u64,
}

impl Sealed {
    pub(crate) fn new(size_bytes: u64, range: Range<u64>) -> Self {
        let end = range.end.min(size_bytes);
        let range = range.start.min(end)..end;
        let count = chunk_count(size_bytes);
        let chunks = match range.is_empty() && size_bytes > 0 {
            true => 0..0,
            false => range.start / CHUNK_BYTES..range.end.div_ceil(CHUNK_BYTES).max(1),
        };
        Self {
            range,
            chunks,
            count,
            stored_bytes: sealed_bytes(size_bytes),
        }
    }

    /// The stored bytes that have to be read.
    pub(crate) fn stored_range(&self) -> Range<u64> {
        let end = (self.chunks.end * SEALED_CHUNK).min(self.stored_bytes);
        (self.chunks.start * SEALED_CHUNK).min(end)..end
    }
}

struct Opening {
    key: DataKey,
    sealed: ByteStream,
    gathered: BytesMut,
    next: u64,
    of: Sealed,
}

impl Opening {
    /// The part of the next chunk that is asked for; `None` after the last.
    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        if self.next >= self.of.chunks.end {
            return Ok(None);
        }
        let number = self.next;
        let is_last = number + 1 == self.of.count;
        let start = number * SEALED_CHUNK;
        // A chunk fits into memory.
        let length = (SEALED_CHUNK.min(self.of.stored_bytes - start)) as usize;
        while self.gathered.len() < length {
            match self.sealed.try_next().await? {
                Some(more) => self.gathered.extend_from_slice(&more),
                None => return Err(BodyError::Incomplete),
            }
        }
        let mut chunk = self.gathered.split_to(length);
        let plain_bytes = self.key.open_chunk(number, is_last, &mut chunk);
        let plain_bytes = plain_bytes
            .ok_or_else(|| BodyError::Unreadable(Box::new(ContentError::Damaged(Damage::Unsealable))))?
            as u64;
        self.next += 1;
        let at = number * CHUNK_BYTES;
        let from = self.of.range.start.saturating_sub(at).min(plain_bytes) as usize;
        let to = self.of.range.end.saturating_sub(at).min(plain_bytes) as usize;
        let plain = chunk.freeze();
        Ok(Some(plain.slice(NONCE_LEN + from..NONCE_LEN + to.max(from))))
    }
}

/// Where a store holds the chunk of this number.
pub(crate) const fn sealed_offset(chunk: u64) -> u64 {
    chunk * SEALED_CHUNK
}

/// How many bytes a store holds of a blob of `plain_bytes`.
pub(crate) const fn sealed_bytes(plain_bytes: u64) -> u64 {
    plain_bytes + chunk_count(plain_bytes) * MORE_BYTES
}

/// How many bytes a blob has of which a store holds `sealed_bytes`; `None` when no blob has that length.
pub(crate) const fn plain_bytes(sealed: u64) -> Option<u64> {
    let chunks = sealed.div_ceil(SEALED_CHUNK);
    match sealed.checked_sub(chunks * MORE_BYTES) {
        Some(plain) if chunks > 0 && sealed_bytes(plain) == sealed => Some(plain),
        _ => None,
    }
}

const fn chunk_count(plain_bytes: u64) -> u64 {
    let chunks = plain_bytes.div_ceil(CHUNK_BYTES);
    if chunks == 0 { 1 } else { chunks }
}

fn place(number: u64, is_last: bool) -> Aad<[u8; 9]> {
    let mut place = [0; 9];
    place[..8].copy_from_slice(&number.to_be_bytes());
    place[8] = u8::from(is_last);
    Aad::from(place)
}

fn cipher(key: &[u8; KEY_BYTES]) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, key).expect("the key has the length of its cipher")
}

fn hash(purpose: &[u8], text: &[u8]) -> [u8; KEY_BYTES] {
    let mut context = hashes::Context::new(&hashes::SHA256);
    context.update(purpose);
    context.update(text);
    let mut key = [0; KEY_BYTES];
    key.copy_from_slice(context.finish().as_ref());
    key
}
