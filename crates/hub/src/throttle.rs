//! Limits on tries, in the catalog: they survive a restart and count on all nodes and protocols.

use std::net::IpAddr;

use model::{LinkId, Millis, UserId};

use crate::sessions::secret_hash;
use crate::{Hub, HubError};

/// How long tries are counted.
const WINDOW_SECS: i64 = 15 * 60;
/// Wrong passwords for one account from one network.
const ACCOUNT_TRIES: u64 = 10;
/// Wrong passwords for one account from everywhere.
const ACCOUNT_TRIES_ANYWHERE: u64 = 100;
/// Wrong passwords from one network for all accounts.
const NETWORK_TRIES: u64 = 100;
/// Accounts made, or setup codes or invitations guessed, from one network.
const SIGNUP_TRIES: u64 = 20;
/// Wrong passwords for one link from one network, and from everywhere.
const LINK_TRIES: u64 = 10;
const LINK_TRIES_ANYWHERE: u64 = 100;
/// Sign-ins by one identity.
const IDENTITY_SIGN_INS: u64 = 60;
/// Links that one network asked for and that do not exist.
const LINK_GUESSES: u64 = 900;
/// Notices from one network that come by no channel of ours.
const NOTICE_GUESSES: u64 = 900;
/// People that one account looked for and that have no account.
const LOOK_UPS: u64 = 60;

/// The part of an address that one customer of a network provider usually holds.
fn network(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            format!("{a}.{b}.{c}")
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}")
        }
    }
}

fn id_token_counter(ip: IpAddr) -> String {
    format!("id token {}", network(ip))
}

/// One counter: its name and how far it may go.
type Counter = (String, u64);

fn login_counters(account: &str, ip: IpAddr) -> [Counter; 3] {
    let network = network(ip);
    [
        (format!("login {network} {account}"), ACCOUNT_TRIES),
        (format!("login * {account}"), ACCOUNT_TRIES_ANYWHERE),
        (format!("login {network}"), NETWORK_TRIES),
    ]
}

fn link_counters(link: LinkId, ip: IpAddr) -> [Counter; 2] {
    [
        (format!("link {} {link}", network(ip)), LINK_TRIES),
        (format!("link * {link}"), LINK_TRIES_ANYWHERE),
    ]
}

impl Hub {
    /// Counts a try to sign in before it is looked at, so that a burst cannot slip through.
    pub(crate) async fn admit_login(&self, account: &str, ip: IpAddr) -> Result<(), HubError> {
        self.count_tries(&login_counters(account, ip)).await
    }

    /// Takes back the count of a try that was right. Wrong ones before it stay counted for the
    /// network, but no longer stand against the account.
    pub(crate) async fn login_was_right(&self, account: &str, ip: IpAddr) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        let [here, anywhere, network] = login_counters(account, ip);
        tx.clear_tries(&here.0).await?;
        tx.take_back_try(&anywhere.0).await?;
        tx.take_back_try(&network.0).await?;
        Ok(tx.commit().await?)
    }

    /// Counts a guess at a setup code or an invitation.
    pub(crate) async fn admit_guess(&self, ip: IpAddr) -> Result<(), HubError> {
        self.count_tries(&[(format!("signup {}", network(ip)), SIGNUP_TRIES)])
            .await
    }

    /// Counts a look for a person who has no account.
    pub(crate) async fn admit_look_up(&self, user: UserId) -> Result<(), HubError> {
        self.count_tries(&[(format!("person {user}"), LOOK_UPS)]).await
    }

    /// Counts a guess at the token of a link.
    pub(crate) async fn admit_link_guess(&self, ip: IpAddr) -> Result<(), HubError> {
        self.count_tries(&[(format!("link {}", network(ip)), LINK_GUESSES)])
            .await
    }

    /// Counts a notice that comes by no channel of ours.
    pub(crate) async fn admit_notice_guess(&self, ip: IpAddr) -> Result<(), HubError> {
        self.count_tries(&[(format!("notice {}", network(ip)), NOTICE_GUESSES)])
            .await
    }

    /// Counts a try of a link's password before it is looked at.
    pub(crate) async fn admit_link_password(&self, link: LinkId, ip: IpAddr) -> Result<(), HubError> {
        self.count_tries(&link_counters(link, ip)).await
    }

    /// Takes back the count of a try that was right.
    pub(crate) async fn link_password_was_right(&self, link: LinkId, ip: IpAddr) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        let [here, anywhere] = link_counters(link, ip);
        tx.clear_tries(&here.0).await?;
        tx.take_back_try(&anywhere.0).await?;
        Ok(tx.commit().await?)
    }

    /// Counts an ID token before it is looked at.
    pub(crate) async fn admit_id_token(&self, ip: IpAddr) -> Result<(), HubError> {
        self.count_tries(&[(id_token_counter(ip), NETWORK_TRIES)]).await
    }

    /// Takes back the count of an ID token that was good.
    pub(crate) async fn id_token_was_right(&self, ip: IpAddr) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        tx.take_back_try(&id_token_counter(ip)).await?;
        Ok(tx.commit().await?)
    }

    /// Counts a sign-in by an identity: who holds a good ID token makes no sessions without end.
    pub(crate) async fn admit_identity(&self, issuer: &str, subject: &str) -> Result<(), HubError> {
        let hash = secret_hash(&format!("{issuer}\n{subject}"));
        let name: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        self.count_tries(&[(format!("identity {name}"), IDENTITY_SIGN_INS)])
            .await
    }

    async fn count_tries(&self, counters: &[Counter]) -> Result<(), HubError> {
        let now = self.now();
        let mut tx = self.write().await?;
        let mut refused_until: Option<Millis> = None;
        for (name, most) in counters {
            let tries = tx.count_try(name, WINDOW_SECS, now).await?;
            if tries.count > *most {
                refused_until = refused_until.max(Some(tries.started_ms.plus_secs(WINDOW_SECS)));
            }
        }
        tx.commit().await?;
        match refused_until {
            Some(until) => {
                let millis = until.0.saturating_sub(now.0).max(1000);
                let retry_after_secs = u64::try_from(millis / 1000).unwrap_or(1);
                Err(HubError::TooManyTries { retry_after_secs })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_network_and_a_mapped_address_is_its_own() {
        let of = |text: &str| network(text.parse().expect("address"));
        assert_eq!(of("192.0.2.7"), of("192.0.2.200"));
        assert_ne!(of("192.0.2.7"), of("192.0.3.7"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.9"));
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    }
}
