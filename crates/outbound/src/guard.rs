//! Which addresses may be reached: not our own network, unless an operator allows it.
//!
//! Endpoints that users name would otherwise let them ask whatever this machine can ask: its neighbours,
//! itself, the cloud's service that hands out its credentials. A name is looked up here and the connection
//! goes to the addresses that were checked, so nothing is gained by answering differently the second time.

mod addresses;
mod reach;
#[cfg(test)]
mod tests;

use std::error::Error;
use std::net::{IpAddr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use addresses::kind_of;
pub use reach::{Allowed, Net, Reach};

/// The setting that lists what may be reached besides the public internet.
pub const OUTBOUND_ALLOW: &str = "CUMULI_OUTBOUND_ALLOW";

/// An address that may not be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// It is not on the public internet.
    #[error("`{host}` is {kind}, which is not asked unless the operator's setting {OUTBOUND_ALLOW} lists it")]
    Place {
        /// What was to be asked.
        host: String,
        /// What it is, such as `a private address`.
        kind: &'static str,
    },
    /// It is allowed at other ports only.
    #[error("the operator's setting {OUTBOUND_ALLOW} lists `{host}` with another port")]
    Port {
        /// What was to be asked.
        host: String,
    },
    /// It is not an address that is asked.
    #[error("an address must begin with https:// or http:// and hold no user or password")]
    Form,
}

impl Forbidden {
    /// The one that an error was caused by.
    pub(crate) fn behind(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(forbidden) = error.downcast_ref::<Self>() {
                return Some(forbidden.clone());
            }
            cause = error.source();
        }
        None
    }
}

/// Checks addresses and looks names up.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    allowed: Vec<Allowed>,
}

impl Guard {
    /// The guard of what may be reached; `None` when that is everything.
    pub(crate) fn of(reach: &Reach) -> Option<Self> {
        match reach {
            Reach::Any => None,
            Reach::Public { allowed } => Some(Self {
                allowed: allowed.clone(),
            }),
        }
    }

    /// Checks what an address tells by itself: the connection to a literal one asks no resolver.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Forbidden> {
        let is_plain =
            matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|_| is_plain).ok_or(Forbidden::Form)?;
        let host = plain(host);
        // Between brackets when it is of version 6.
        let literal = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>();
        if let Ok(address) = literal {
            return self.check_address(&host, address);
        }
        let ports: Vec<Option<u16>> = self.ports_of(&host).collect();
        if !ports.is_empty() {
            let asked = url.port_or_known_default();
            return match ports.iter().any(|port| port.is_none() || *port == asked) {
                true => Ok(()),
                false => Err(Forbidden::Port { host }),
            };
        }
        if host == "localhost" || host.ends_with(".localhost") {
            let kind = "this machine itself";
            return Err(Forbidden::Place { host, kind });
        }
        Ok(())
    }

    /// The ports at which a name is allowed; `None` stands for all.
    fn ports_of<'a>(&'a self, host: &'a str) -> impl Iterator<Item = Option<u16>> + 'a {
        self.allowed.iter().filter_map(move |allowed| match allowed {
            Allowed::Host { name, port } if name == host => Some(*port),
            Allowed::Host { .. } | Allowed::Net(_) => None,
        })
    }

    fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Forbidden> {
        let is_allowed = self.allowed.iter().any(|allowed| match allowed {
            Allowed::Net(net) => net.contains(address),
            Allowed::Host { .. } => false,
        });
        match kind_of(address) {
            Some(kind) if !is_allowed => Err(Forbidden::Place {
                host: host.to_owned(),
                kind,
            }),
            _ => Ok(()),
        }
    }

    /// Refuses a name when any of its addresses may not be reached.
    fn checked(&self, host: &str, found: &[SocketAddr]) -> Result<(), Forbidden> {
        let host = plain(host);
        // At which port was checked before.
        if self.ports_of(&host).next().is_some() {
            return Ok(());
        }
        found
            .iter()
            .try_for_each(|found| self.check_address(&host, found.ip()))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            guard.checked(name.as_str(), &found)?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A name as it is compared: in small letters, without the dot that ends it in full.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}
