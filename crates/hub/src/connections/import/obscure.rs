//! Passwords as rclone writes them into its file: not sealed, for the key is in rclone's public source
//! (`fs/config/obscure/obscure.go`), only hidden from who looks over a shoulder.

use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::{FixedLength, IV_LEN_128_BIT};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

const KEY: [u8; 32] = [
    0x9c, 0x93, 0x5b, 0x48, 0x73, 0x0a, 0x55, 0x4d, 0x6b, 0xfd, 0x7c, 0x63, 0xc8, 0x86, 0xa9, 0x2b, 0xd3,
    0x90, 0x19, 0x8e, 0xb8, 0x12, 0x8a, 0xfb, 0xf4, 0xde, 0x16, 0x2b, 0x8b, 0x95, 0xf6, 0x38,
];

/// The text that rclone obscured: AES-256-CTR, the initial counter first, in URL-safe base64. `None` when it is none.
pub(super) fn reveal(obscured: &str) -> Option<String> {
    let mut bytes = URL_SAFE_NO_PAD.decode(obscured.trim()).ok()?;
    let (start, text) = bytes.split_at_mut_checked(IV_LEN_128_BIT)?;
    let start = FixedLength::<IV_LEN_128_BIT>::try_from(&*start).ok()?;
    let key = UnboundCipherKey::new(&AES_256, &KEY).ok()?;
    let key = DecryptingKey::ctr(key).ok()?;
    let plain = key.decrypt(text, DecryptionContext::Iv128(start)).ok()?;
    String::from_utf8(plain.to_vec()).ok()
}
