//! Addresses: of the API, and those that the service gives us.

use reqwest::Url;

use crate::RemoteError;

/// Where the API is, and below which drive everything is asked.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// Without a slash at the end.
    base: String,
    origin: Origin,
    drive: String,
}

/// What of an address must be the same for a token to go there: scheme, host and port.
type Origin = (String, String, Option<u16>);

impl Addresses {
    /// `base` such as `https://graph.microsoft.com/v1.0`; the account's own drive, or that with an id.
    ///
    /// # Errors
    /// `Misconfigured` when it is no address of the web.
    pub(super) fn new(base: &str, drive: Option<&str>) -> Result<Self, RemoteError> {
        let base = base.trim_end_matches('/').to_owned();
        let origin = origin_of(&base).ok_or_else(|| {
            RemoteError::Misconfigured("the address of Microsoft Graph is not one".to_owned())
        })?;
        let drive = drive.map_or_else(|| "/me/drive".to_owned(), |id| format!("/drives/{}", segment(id)));
        Ok(Self { base, origin, drive })
    }

    /// Of the drive, and what is appended.
    pub(super) fn drive(&self, rest: &str) -> String {
        format!("{}{}{rest}", self.base, self.drive)
    }

    /// Of subscriptions, and what is appended.
    pub(super) fn subscriptions(&self, rest: &str) -> String {
        format!("{}/subscriptions{rest}", self.base)
    }

    /// Of one subscription.
    pub(super) fn subscription(&self, id: &str) -> String {
        self.subscriptions(&format!("/{}", segment(id)))
    }

    /// What subscriptions call everything in the drive.
    pub(super) fn resource(&self) -> String {
        format!("{}/root", self.drive)
    }

    /// Of an item, and what is appended: `/content`, `?$select=id`.
    pub(super) fn item(&self, id: &str, rest: &str) -> String {
        self.drive(&format!("/items/{}{rest}", segment(id)))
    }

    /// Of what has a name in a folder, and what is appended. It stays right when a folder above is renamed.
    pub(super) fn child(&self, folder: &str, name: &str, rest: &str) -> String {
        let (folder, name) = (segment(folder), segment(name));
        // A colon ends the path only where something follows (providers differ in what they make of a last one).
        let colon = if rest.starts_with('/') { ":" } else { "" };
        self.drive(&format!("/items/{folder}:/{name}{colon}{rest}"))
    }

    /// Whether a link of the service leads to the API itself, so that our token may go there.
    pub(super) fn is_ours(&self, link: &str) -> bool {
        let has_no_user =
            Url::parse(link).is_ok_and(|url| url.username().is_empty() && url.password().is_none());
        has_no_user && origin_of(link).is_some_and(|origin| origin == self.origin)
    }

    /// Whether an address may be used that proves by itself what it is for: encrypted, or where the API is
    /// plain too.
    pub(super) fn is_safe(&self, link: &str) -> bool {
        origin_of(link).is_some_and(|(scheme, ..)| scheme == "https" || self.origin.0 == "http")
    }
}

fn origin_of(link: &str) -> Option<Origin> {
    let url = Url::parse(link).ok()?;
    let is_web = matches!(url.scheme(), "https" | "http");
    is_web.then_some((
        url.scheme().to_owned(),
        url.host_str()?.to_owned(),
        url.port_or_known_default(),
    ))
}

/// Percent-encodes everything but what RFC 3986 calls unreserved, so that no name is taken for more than a name.
fn segment(text: &str) -> String {
    outbound::encoded(text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(drive: Option<&str>) -> Addresses {
        Addresses::new("https://graph.example/v1.0/", drive).unwrap()
    }

    #[test]
    fn names_and_ids_are_encoded_whole() {
        let own = addresses(None);
        assert_eq!(
            own.item("AB!1", "/children"),
            "https://graph.example/v1.0/me/drive/items/AB%211/children"
        );
        assert_eq!(
            own.child("AB!1", "a #%ä.txt", "/content"),
            "https://graph.example/v1.0/me/drive/items/AB%211:/a%20%23%25%C3%A4.txt:/content"
        );
        assert_eq!(
            addresses(Some("b!x")).child("1", "a:b", "?$select=id"),
            "https://graph.example/v1.0/drives/b%21x/items/1:/a%3Ab?$select=id"
        );
    }

    #[test]
    fn only_links_to_the_same_place_get_our_token() {
        let own = addresses(None);
        assert!(own.is_ours("https://graph.example/v1.0/drives/x/root/delta?token=a%3b"));
        assert!(own.is_ours("https://graph.example:443/anything"));
        for link in [
            "http://graph.example/v1.0/x",
            "https://graph.example:8443/v1.0/x",
            "https://graph.example.evil/v1.0/x",
            "https://graph.example@evil/v1.0/x",
            "https://me@graph.example/v1.0/x",
            "/v1.0/x",
            "ftp://graph.example/",
            "",
        ] {
            assert!(!own.is_ours(link), "{link}");
        }
    }

    #[test]
    fn addresses_that_prove_themselves_are_encrypted_unless_all_is_plain() {
        assert!(addresses(None).is_safe("https://files.example/up?tempauth=1"));
        assert!(!addresses(None).is_safe("http://files.example/up?tempauth=1"));
        let plain = Addresses::new("http://127.0.0.1:1/v1.0", None).unwrap();
        assert!(plain.is_safe("http://127.0.0.1:2/up"));
        assert!(!plain.is_safe("file:///up"));
        assert!(Addresses::new("graph", None).is_err());
    }
}
