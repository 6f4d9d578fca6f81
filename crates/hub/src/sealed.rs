//! Sealed texts: what is handed out and comes back, and what nobody else can read, change or make.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::Keys;

/// The longest sealed text that is looked at.
const LONGEST: usize = 8 * 1024;

/// Seals a value. What was sealed for one purpose does not open for another.
pub(crate) fn seal(keys: &Keys, purpose: &str, value: &impl Serialize) -> String {
    let mut bytes = serde_json::to_vec(value).expect("a value of ours can be written as JSON");
    let nonce = key(keys)
        .seal_in_place_append_tag(Aad::from(purpose), &mut bytes)
        .expect("a text as short as this can be sealed");
    let mut sealed = nonce.as_ref().to_vec();
    sealed.append(&mut bytes);
    URL_SAFE_NO_PAD.encode(sealed)
}

/// Opens what [`seal`] made; `None` if anybody else did, or for another purpose.
pub(crate) fn open<T: DeserializeOwned>(keys: &Keys, purpose: &str, text: &str) -> Option<T> {
    if text.len() > LONGEST {
        return None;
    }
    let mut sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (nonce, bytes) = sealed.split_at_mut_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let opened = key(keys).open_in_place(nonce, Aad::from(purpose), bytes).ok()?;
    serde_json::from_slice(opened).ok()
}

fn key(keys: &Keys) -> RandomizedNonceKey {
    RandomizedNonceKey::new(&AES_256_GCM, keys.sealed()).expect("the key has the length of its cipher")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_for_the_purpose_opens() {
        let keys = Keys::derive(b"one secret");
        let sealed = seal(&keys, "a", &"text");
        assert_eq!(open::<String>(&keys, "a", &sealed).as_deref(), Some("text"));
        assert_eq!(open::<String>(&keys, "b", &sealed), None);
        assert_eq!(open::<String>(&Keys::derive(b"another"), "a", &sealed), None);
        assert_eq!(open::<u64>(&keys, "a", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).expect("ASCII");
            assert_eq!(open::<String>(&keys, "a", &changed), None, "letter {at}");
        }
        for other in ["", "x", "AAAAAAAAAAAAAAAA", "!", &"A".repeat(9000)] {
            assert_eq!(open::<String>(&keys, "a", other), None, "{other}");
        }
        assert_ne!(sealed, seal(&keys, "a", &"text"), "each is sealed afresh");
    }
}
