//! quickXorHash, bit by bit as it is defined; slow on purpose, so that a faster one has something to be held against.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Width of the state in bits.
const WIDTH: usize = 160;

/// The hash of bytes that come piece by piece.
#[derive(Clone, Debug)]
pub(crate) struct QuickXor {
    state: [u8; WIDTH / 8],
    length: u64,
}

impl QuickXor {
    pub(crate) const fn new() -> Self {
        Self {
            state: [0; WIDTH / 8],
            length: 0,
        }
    }

    /// Takes in more bytes: byte `i` is combined from bit `11 * i` on, and wraps at the end of the state.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        // The position only matters modulo the width, and `length` times 11 must not overflow.
        let mut position = usize::try_from(self.length % WIDTH as u64).expect("below 160") * 11 % WIDTH;
        for byte in bytes {
            let cell = position / 8;
            let placed = u16::from(*byte) << (position % 8);
            let [low, high] = placed.to_le_bytes();
            self.state[cell] ^= low;
            self.state[(cell + 1) % (WIDTH / 8)] ^= high;
            position = (position + 11) % WIDTH;
        }
        self.length += bytes.len() as u64;
    }

    /// The hash in Base64, as it stands in an item.
    pub(crate) fn finish(&self) -> String {
        let mut state = self.state;
        for (cell, byte) in state[12..].iter_mut().zip(self.length.to_le_bytes()) {
            *cell ^= byte;
        }
        STANDARD.encode(state)
    }
}

/// The hash of bytes that are all here.
#[must_use]
pub fn quick_xor_hash(bytes: &[u8]) -> String {
    let mut hash = QuickXor::new();
    hash.update(bytes);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::{QuickXor, quick_xor_hash};

    #[test]
    fn the_hash_is_that_of_the_published_vectors() {
        for (input, expected) in [
            ("", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ("Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
            ("tbQ=", "taAFAAAAAAAAAAAAAgAAAAAAAAA="),
            ("/aNzzCFPS/A=", "/RjFHJgRgicsAR4ACAAAAAAAAAA="),
            ("gQaybEqS/4UlDc8e4IJm", "gDCALNigBEn8oxAlZ8AzPAAOQZg="),
            (
                "0n7nl3YJtipy6yeUbVPWtc2h45WbF9u8hTz5tNwj3dZZwfXWkk+GN3g=",
                "YJLNK7JR64j9aODWfqDvEe/u6NU=",
            ),
        ] {
            assert_eq!(
                quick_xor_hash(&STANDARD.decode(input).unwrap()),
                expected,
                "{input}"
            );
        }
        assert_eq!(quick_xor_hash(b"hello world"), "aCgDG9jwBhDc4Q1yawMZAAAAAAA=");
        assert_eq!(quick_xor_hash(&[0; 1 << 20]), "AAAAAAAAAAAAAAAAAAAQAAAAAAA=");
        assert_eq!(quick_xor_hash(&[0xff; 161]), "/wAAAAAAAAAAAAAAoQAAAAAAAAA=");
        let every_byte: Vec<u8> = (0..=255).collect();
        assert_eq!(quick_xor_hash(&every_byte), "QkGEfSisZcA7k+FCh71r2dbCayY=");
    }

    #[test]
    fn the_hash_does_not_depend_on_where_pieces_end() {
        let bytes: Vec<u8> = (0..5000_u32).map(|at| (at * 7 % 251) as u8).collect();
        let mut hash = QuickXor::new();
        for piece in bytes.chunks(333) {
            hash.update(piece);
        }

        assert_eq!(hash.finish(), quick_xor_hash(&bytes));
    }
}
