//! Where a request comes from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::ConnectInfo;
use http::Extensions;
use http::header::{HeaderMap, USER_AGENT};
use hub::Peer;

use crate::WebConfig;

/// Headers by which proxies tell of the client behind them.
const FORWARDING: [&str; 4] = ["x-forwarded-for", "forwarded", "x-real-ip", "via"];

/// The text is not a network such as `10.0.0.0/8` or an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkError;

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a network: write 10.0.0.0/8, fd00::/8 or one address")
    }
}

impl std::error::Error for NetworkError {}

/// Addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().map_err(|_| NetworkError)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.trim().parse().map_err(|_| NetworkError))?;
        if bits > most {
            return Err(NetworkError);
        }
        Ok(Self { address, bits })
    }
}

impl Network {
    /// Whether an address is in it.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// Tells where a request comes from. What a client says of itself is believed of trusted proxies only.
pub(crate) fn peer(config: &WebConfig, extensions: &Extensions, headers: &HeaderMap) -> Peer {
    let direct = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| {
            info.0.ip().to_canonical()
        });
    let is_forwarded = FORWARDING.iter().any(|name| headers.contains_key(*name));
    let label = headers
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default();
    Peer {
        ip: client(config, direct, headers),
        is_this_machine: direct.is_loopback() && !is_forwarded,
        label: label.to_owned(),
    }
}

/// Goes from the server outwards through the proxies that are trusted; the first address that is
/// not one of them is the client. What stands further left may be invented.
fn client(config: &WebConfig, direct: IpAddr, headers: &HeaderMap) -> IpAddr {
    let is_trusted = |ip: IpAddr| config.trusted_proxies.iter().any(|network| network.contains(ip));
    let mut client = direct;
    if !is_trusted(direct) {
        return direct;
    }
    let lines: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    for hop in lines.join(",").rsplit(',') {
        let Ok(ip) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        client = ip.to_canonical();
        if !is_trusted(client) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(trusted: &[&str], direct: &str, forwarded: &str, client_ip: &str) {
        let trusted_proxies = trusted
            .iter()
            .map(|text| text.parse().expect("network"))
            .collect();
        let config = WebConfig {
            trusted_proxies,
            ..WebConfig::default()
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().expect("header"));
        let direct = direct.parse().expect("address");
        assert_eq!(
            client(&config, direct, &headers),
            client_ip.parse::<IpAddr>().expect("address")
        );
    }

    #[test]
    fn without_a_trusted_proxy_nothing_that_is_forwarded_counts() {
        check(&[], "192.0.2.1", "1.2.3.4", "192.0.2.1");
        check(&["10.0.0.0/8"], "192.0.2.1", "1.2.3.4", "192.0.2.1");
    }

    #[test]
    fn behind_trusted_proxies_the_last_stranger_is_the_client() {
        check(&["10.0.0.0/8"], "10.0.0.1", "1.2.3.4", "1.2.3.4");
        check(
            &["10.0.0.0/8"],
            "10.0.0.1",
            "6.6.6.6, 1.2.3.4, 10.0.0.2",
            "1.2.3.4",
        );
        check(&["10.0.0.0/8"], "10.0.0.1", "1.2.3.4, rubbish", "10.0.0.1");
        check(&["::1"], "::1", "2001:db8::1", "2001:db8::1");
    }

    #[test]
    fn a_network_is_an_address_and_bits() {
        for text in ["10.0.0.0/33", "x", "10.0.0/8", "::/129", "10.0.0.0/-1", ""] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
        let all: Network = "0.0.0.0/0".parse().expect("network");
        assert!(all.contains("255.1.2.3".parse().expect("address")));
    }
}
