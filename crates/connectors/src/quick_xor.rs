//! The quickXorHash of OneDrive: 160 bits that each byte is exclusive-ored into, 11 bits further on than the
//! byte before, and the length over the last 64 of them. It finds accidents, not malice.
//!
//! Source: Microsoft's published algorithm (`quickxorhash`, OneDrive API documentation).

/// Bytes of a hash.
pub(crate) const HASH_BYTES: usize = 20;
/// After so many bytes the same bit positions come again: 160 positions, each byte 11 further.
const ROUND: usize = 160;
const SHIFT: usize = 11;
const BITS: usize = HASH_BYTES * 8;

/// Computes a quickXorHash.
#[derive(Clone)]
pub(crate) struct QuickXor {
    /// Bytes whose positions are the same, exclusive-ored with one another.
    folded: [u8; ROUND],
    length: u64,
}

impl QuickXor {
    pub(crate) const fn new() -> Self {
        Self {
            folded: [0; ROUND],
            length: 0,
        }
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        let at = usize::try_from(self.length % ROUND as u64).unwrap_or(0);
        self.length += bytes.len() as u64;
        let first = bytes.len().min(ROUND - at);
        let (head, rest) = bytes.split_at(first);
        fold(&mut self.folded[at..at + first], head);
        bytes = rest;
        let rounds = bytes.chunks_exact(ROUND);
        let tail = rounds.remainder();
        for round in rounds {
            fold(&mut self.folded, round);
        }
        fold(&mut self.folded[..tail.len()], tail);
    }

    pub(crate) fn finish(&self) -> [u8; HASH_BYTES] {
        let mut hash = [0; HASH_BYTES];
        for (i, byte) in self.folded.iter().enumerate() {
            let bit = (SHIFT * i) % BITS;
            let spread = u16::from(*byte) << (bit % 8);
            let [low, high] = spread.to_le_bytes();
            hash[bit / 8] ^= low;
            hash[(bit / 8 + 1) % HASH_BYTES] ^= high;
        }
        for (byte, of_length) in hash[HASH_BYTES - 8..].iter_mut().zip(self.length.to_le_bytes()) {
            *byte ^= of_length;
        }
        hash
    }
}

fn fold(into: &mut [u8], bytes: &[u8]) {
    for (into, byte) in into.iter_mut().zip(bytes) {
        *into ^= byte;
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    use super::*;

    fn hash(bytes: &[u8]) -> String {
        let mut hash = QuickXor::new();
        hash.update(bytes);
        STANDARD.encode(hash.finish())
    }

    #[test]
    fn published_vectors_come_out() {
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
            assert_eq!(hash(&STANDARD.decode(input).unwrap()), expected, "{input}");
        }
        let counting = (0..=255).collect::<Vec<u8>>();
        for (input, expected) in [
            (&b"abc"[..], "YRDDGAAAAAAAAAAAAwAAAAAAAAA="),
            (b"hello world", "aCgDG9jwBhDc4Q1yawMZAAAAAAA="),
            (&counting, "QkGEfSisZcA7k+FCh71r2dbCayY="),
            (&[0; 1 << 20], "AAAAAAAAAAAAAAAAAAAQAAAAAAA="),
            (&[0xFF; 161], "/wAAAAAAAAAAAAAAoQAAAAAAAAA="),
        ] {
            assert_eq!(hash(input), expected);
        }
    }

    proptest! {
        #[test]
        fn bytes_may_come_in_any_pieces(bytes in prop::collection::vec(any::<u8>(), 0..2000), cut in 0_usize..2000) {
            let (a, b) = bytes.split_at(cut.min(bytes.len()));
            let mut pieces = QuickXor::new();
            pieces.update(a);
            pieces.update(b);
            prop_assert_eq!(STANDARD.encode(pieces.finish()), hash(&bytes));
        }
    }
}
