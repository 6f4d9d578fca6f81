//! Keys: one secret, one derived key a purpose.

use aws_lc_rs::{hkdf, hmac};
use model::{Millis, SessionId};

/// The keys that the server signs with. All come from one secret (HKDF-SHA256, RFC 5869), so
/// that a key for one purpose never opens another.
pub struct Keys {
    access: [u8; 32],
    refresh: hmac::Key,
    cookie: hmac::Key,
    cursor: hmac::Key,
    link: hmac::Key,
    pass: hmac::Key,
    blob: hmac::Key,
    sealed: [u8; 32],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(***)")
    }
}

struct Length;

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

impl Keys {
    /// Derives the keys. `secret` should hold at least 32 bytes that nobody can guess.
    pub fn derive(secret: &[u8]) -> Self {
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"cumuli").extract(secret);
        let derive = |purpose: &[u8]| {
            let mut key = [0; 32];
            prk.expand(&[purpose], Length)
                .and_then(|okm| okm.fill(&mut key))
                .expect("32 bytes are within what HKDF-SHA256 gives");
            key
        };
        let mac = |purpose: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, &derive(purpose));
        Self {
            access: derive(b"access token v1"),
            refresh: mac(b"refresh token v1"),
            cookie: mac(b"page session v1"),
            cursor: mac(b"page cursor v1"),
            link: mac(b"public link v1"),
            pass: mac(b"pass of a link v1"),
            blob: mac(b"signed address v1"),
            sealed: derive(b"sealed text v1"),
        }
    }

    /// The key of access tokens.
    pub(crate) const fn access(&self) -> &[u8; 32] {
        &self.access
    }

    /// The key of refresh tokens.
    pub(crate) const fn refresh(&self) -> &hmac::Key {
        &self.refresh
    }

    /// The key of the page's cookies.
    pub(crate) const fn cookie(&self) -> &hmac::Key {
        &self.cookie
    }

    /// The key of cursors.
    pub(crate) const fn cursor(&self) -> &hmac::Key {
        &self.cursor
    }

    /// The key that tokens of public links follow from.
    pub(crate) const fn link(&self) -> &hmac::Key {
        &self.link
    }

    /// The key of proofs that a link's password was given.
    pub(crate) const fn pass(&self) -> &hmac::Key {
        &self.pass
    }

    /// The key of signed addresses.
    pub(crate) const fn blob(&self) -> &hmac::Key {
        &self.blob
    }

    /// The key of sealed texts.
    pub(crate) const fn sealed(&self) -> &[u8; 32] {
        &self.sealed
    }
}

/// Bytes from the operating system's generator.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// As many random bytes, as hexadecimal digits.
pub(crate) fn hex<const N: usize>() -> String {
    random::<N>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new session id, all of whose random bits come from the system.
pub(crate) fn session_id(now: Millis) -> SessionId {
    SessionId::new(now, random())
}
