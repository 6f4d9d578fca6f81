//! The keys that ID tokens are signed with.

use std::sync::{Arc, Mutex, MutexGuard};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{self, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// RSA keys, of which the newest signs. Cheap to clone; all clones are one ring.
///
/// The first is made when it is needed, for making one takes time.
#[derive(Clone, Default)]
pub struct Keys(Arc<Mutex<Vec<Key>>>);

struct Key {
    id: String,
    pair: KeyPair,
}

impl Keys {
    /// A new key signs from now on. Older ones stay published if `keep_old`.
    pub fn rotate(&self, keep_old: bool) {
        let mut keys = self.keys();
        if !keep_old {
            keys.clear();
        }
        let key = Key::new();
        keys.push(key);
    }

    /// The published keys, each with what `extra` adds to it, such as Microsoft's `issuer`.
    #[must_use]
    pub fn jwks(&self, extra: &Value) -> Value {
        let keys: Vec<Value> = self.keys().iter().map(|key| key.published(extra)).collect();
        json!({ "keys": keys })
    }

    /// A JWT with these claims, signed with RS256.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        let keys = self.keys();
        let key = keys.last().expect("there is always one");
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": key.id});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(claims));
        let mut signed = vec![0; key.pair.public_modulus_len()];
        key.pair
            .sign(
                &signature::RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signed,
            )
            .expect("the key is large enough for the digest");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signed))
    }

    fn keys(&self) -> MutexGuard<'_, Vec<Key>> {
        let mut keys = self.0.lock().expect("nobody panics while holding it");
        if keys.is_empty() {
            keys.push(Key::new());
        }
        keys
    }
}

impl Key {
    fn new() -> Self {
        let pair = KeyPair::generate(KeySize::Rsa2048).expect("the system has random numbers");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, pair.public_key().as_ref());
        Self {
            id: crate::blob::hex(&digest.as_ref()[..20]),
            pair,
        }
    }

    fn published(&self, extra: &Value) -> Value {
        let mut key = json!({
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.id,
            "n": URL_SAFE_NO_PAD.encode(self.modulus()), "e": "AQAB",
        });
        if let (Some(key), Some(extra)) = (key.as_object_mut(), extra.as_object()) {
            key.extend(extra.clone());
        }
        key
    }

    /// The modulus, big-endian.
    fn modulus(&self) -> &[u8] {
        // RFC 8017 A.1.1: SEQUENCE (4 bytes of head), INTEGER (4 of head, a zero, 256 of number), and the
        // exponent, which is 65537.
        &self.pair.public_key().as_ref()[9..9 + 256]
    }
}
