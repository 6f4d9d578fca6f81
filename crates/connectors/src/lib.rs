//! Other people's drives: which providers there are and what each needs before it can be linked,
//! and the protocols that they speak.
//!
//! Adding a provider is a row in [`KINDS`]. It reads no setting itself: the names of those that
//! have a value come in. Only this crate knows a provider's JSON; it knows nothing of accounts.

mod connector;
#[cfg(test)]
#[allow(unused)]
mod contract;
mod oauth;
mod oidc;
mod onedrive;
mod quick_xor;
mod reasons;
mod tokens;

pub use connector::{
    Abilities, About, ChangePage, Conditions, Connector, Cursor, DirectLink, Entry, Feed, Fetched, HashKind,
    Hasher, Hashes, Item, ItemId, ItemKind, ItemPage, NameFault, NameRules, Next, NoJournal, Past, Quota,
    Read, Reading, Relocate, Relocation, RemoteError, Revision, SignInReason, Source, Tag, Target, TrashKind,
    Upload, UploadJournal, Written, fetch,
};
pub use oauth::{Grant, LinkQuestion, OAuth, OAuthError, OAuthOptions, OAuthProvider};
pub use oidc::{Answer, Oidc, OidcError, OidcOptions, PATIENCE, Person, Question};
pub use onedrive::{DriveKind, GRAPH_URL, OneDrive, OneDriveOptions, PIECE_BYTES};
pub use tokens::{AccessToken, Tokens};

/// A provider of drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderKind {
    /// Its name in addresses and settings.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Settings without which it cannot be linked.
    pub settings: &'static [&'static str],
}

/// All providers.
pub const KINDS: &[ProviderKind] = &[
    ProviderKind {
        name: "google",
        title: "Google Drive",
        settings: &["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GOOGLE_REDIRECT_URI"],
    },
    ProviderKind {
        name: "onedrive",
        title: "Microsoft OneDrive",
        settings: &["ONEDRIVE_CLIENT_ID", "ONEDRIVE_CLIENT_SECRET"],
    },
    ProviderKind {
        name: "azure",
        title: "Azure Blob Storage",
        settings: &["AZURE_STORAGE_CONNECTION_STRING"],
    },
];

/// Finds a provider by its name.
pub fn kind(name: &str) -> Option<&'static ProviderKind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl ProviderKind {
    /// The settings that it needs and that are not among those `given`.
    pub fn missing(&self, given: &[String]) -> Vec<&'static str> {
        self.settings
            .iter()
            .copied()
            .filter(|name| !given.iter().any(|given| given == name))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_names_each_setting_that_is_missing() {
        let google = kind("google").expect("a row");
        assert_eq!(google.missing(&[]), google.settings);
        let given = google
            .settings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        assert!(google.missing(&given).is_empty());
        assert_eq!(google.missing(&given[1..]), ["GOOGLE_CLIENT_ID"]);
    }

    #[test]
    fn names_are_unique() {
        for (i, a) in KINDS.iter().enumerate() {
            assert!(
                KINDS[i + 1..].iter().all(|b| b.name != a.name),
                "{} twice",
                a.name
            );
        }
    }
}
