//! What may be reached, as settings say it.

use std::net::IpAddr;

use super::plain;

/// What may be reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Reach {
    /// Everything: for endpoints that the operator chose.
    #[default]
    Any,
    /// The public internet and what the operator allows: for endpoints that users name.
    Public {
        /// What is allowed besides.
        allowed: Vec<Allowed>,
    },
}

/// Something that may be reached though it is not public.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allowed {
    /// Addresses.
    Net(Net),
    /// A name, whatever it leads to.
    Host {
        /// In small letters.
        name: String,
        /// The only port; `None` for all.
        port: Option<u16>,
    },
}

/// Addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Net {
    start: IpAddr,
    bits: u8,
}

impl Reach {
    /// Reads the value of the setting: networks such as `10.0.0.0/8`, addresses, and names with or without
    /// a port, between commas.
    ///
    /// # Errors
    /// A sentence that says which of them is none of these.
    pub fn public(setting: &str) -> Result<Self, String> {
        let words = setting.split(',').map(str::trim).filter(|word| !word.is_empty());
        let allowed = words.map(Allowed::parse).collect::<Result<_, _>>()?;
        Ok(Self::Public { allowed })
    }
}

impl Allowed {
    fn parse(word: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{word}` is neither a network such as 10.0.0.0/8 nor a host such as nas.home:9000");
        if let Some(net) = Net::parse(word) {
            return Ok(Self::Net(net));
        }
        let (name, port) = match word.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| wrong())?)),
            None => (word, None),
        };
        let name = plain(name);
        let is_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        // What looks like an address and is none would never be met.
        let is_name = name.chars().all(is_char) && name.chars().any(|c| c.is_ascii_alphabetic());
        match is_name && name.len() <= 253 {
            true => Ok(Self::Host { name, port }),
            false => Err(wrong()),
        }
    }
}

impl Net {
    /// The addresses whose first `bits` are those of `start`; all of them when there are not so many.
    pub const fn new(start: IpAddr, bits: u8) -> Self {
        Self { start, bits }
    }

    /// Reads `10.0.0.0/8`, `fd00::/8` or a single address.
    pub fn parse(text: &str) -> Option<Self> {
        let (start, bits) = match text.split_once('/') {
            Some((start, bits)) => (start, Some(bits.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let start: IpAddr = start.parse().ok()?;
        let most = if start.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { start, bits })
    }

    /// Whether the address is among them. One of version 4 that version 6 writes is the same address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (start, address, width) = match (self.start, address) {
            (IpAddr::V4(start), IpAddr::V4(address)) => {
                (u32::from(start).into(), u32::from(address).into(), 32)
            }
            (IpAddr::V6(start), IpAddr::V6(address)) => (u128::from(start), u128::from(address), 128),
            (IpAddr::V4(_), IpAddr::V6(address)) => {
                return address
                    .to_ipv4_mapped()
                    .is_some_and(|mapped| self.contains(mapped.into()));
            }
            (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        let left = width - u32::from(self.bits).min(width);
        // A shift by all bits of a number is none.
        left == 128 || start >> left == address >> left
    }
}
