//! What kind of address an address is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Net;

/// Blocks of version 4 that are not the public internet, by the registry of special addresses (RFC 6890 and
/// later), and what they are.
const V4: &[([u8; 4], u8, &str)] = &[
    ([0, 0, 0, 0], 8, "no address of anybody"),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "a provider's internal address"),
    ([127, 0, 0, 0], 8, "this machine itself"),
    ([168, 63, 129, 16], 32, "a cloud's internal service"),
    ([169, 254, 0, 0], 16, "a link-local address"),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "a reserved address"),
    ([192, 0, 2, 0], 24, "an address for documentation"),
    ([192, 88, 99, 0], 24, "a reserved address"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([198, 18, 0, 0], 15, "an address for measurements"),
    ([198, 51, 100, 0], 24, "an address for documentation"),
    ([203, 0, 113, 0], 24, "an address for documentation"),
    ([224, 0, 0, 0], 4, "a group's address"),
    ([255, 255, 255, 255], 32, "everybody's address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
];

/// The same of version 6. What holds an address of version 4 is judged by that.
const V6: &[([u16; 8], u8, &str)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, "no address of anybody"),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "this machine itself"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "a private address"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "a link-local address"),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "a private address"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "a group's address"),
    ([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "an address for measurements"),
    ([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28, "a reserved address"),
    ([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28, "a reserved address"),
    (
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0],
        32,
        "an address for documentation",
    ),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "an address for documentation"),
];

/// What a block is called that nobody was given: all but `2000::/3`.
const RESERVED: &str = "a reserved address";

/// What an address is that is not on the public internet; `None` for one that is.
pub(super) fn kind_of(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => kind_of_v4(address),
        IpAddr::V6(address) => kind_of_v6(address),
    }
}

fn kind_of_v4(address: Ipv4Addr) -> Option<&'static str> {
    let found = V4.iter().find(|(start, bits, _)| {
        let net = Net::new(IpAddr::V4((*start).into()), *bits);
        net.contains(IpAddr::V4(address))
    });
    found.map(|(_, _, kind)| *kind)
}

fn kind_of_v6(address: Ipv6Addr) -> Option<&'static str> {
    let found = V6.iter().find(|(start, bits, _)| {
        let net = Net::new(IpAddr::V6((*start).into()), *bits);
        net.contains(IpAddr::V6(address))
    });
    if let Some((_, _, kind)) = found {
        return Some(kind);
    }
    if let Some(inner) = inner_of(address) {
        return kind_of_v4(inner);
    }
    (address.segments()[0] & 0xe000 != 0x2000).then_some(RESERVED)
}

/// The address of version 4 that one of version 6 stands for.
fn inner_of(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let words = address.segments();
    let octets = address.octets();
    let four =
        |from: usize| Ipv4Addr::new(octets[from], octets[from + 1], octets[from + 2], octets[from + 3]);
    match words {
        // Mapped, compatible, and translated (NAT64).
        [0, 0, 0, 0, 0, 0xffff | 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(four(12)),
        // 6to4.
        [0x2002, ..] => Some(four(2)),
        // Teredo writes it upside down.
        [0x2001, 0, ..] => Some(Ipv4Addr::from(!u32::from(four(12)))),
        _ => None,
    }
}
