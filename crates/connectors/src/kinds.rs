//! Which providers of drives there are, what each needs before it can be linked, and what to do for that.

use std::net::IpAddr;

use reqwest::Url;

/// A provider of drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderKind {
    /// Its name in addresses and settings.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// How it is connected: by `oauth`, with `keys`, or as a `path` of the server.
    pub by: &'static str,
    /// Settings without which it cannot be linked.
    pub settings: &'static [&'static str],
    /// What people are asked to allow, and why.
    pub scopes: &'static [(&'static str, &'static str)],
    /// What has to be done at the provider before, step by step.
    pub guide: &'static [&'static str],
}

/// All providers. Adding one is a row here and a connector.
pub const KINDS: &[ProviderKind] = &[
    ProviderKind {
        name: "google",
        title: "Google Drive",
        by: "oauth",
        settings: &["GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"],
        scopes: &[
            (
                "https://www.googleapis.com/auth/drive",
                "to list, read and write the files of the drive; the narrower drive.file hides what was not made here",
            ),
            ("openid", "to know which account it is"),
            ("email", "to show which account it is"),
        ],
        guide: &[
            "In the Google Cloud Console, create a project and enable the Google Drive API.",
            "Under Google Auth Platform, describe the application and add the scope .../auth/drive.",
            "Publish it: while it is in testing, Google ends each person's access after 7 days.",
            "Create an OAuth client of the type Web application with exactly the redirect URI shown here.",
            "Set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, and start the server again.",
        ],
    },
    ProviderKind {
        name: "onedrive",
        title: "Microsoft OneDrive",
        by: "oauth",
        settings: &["ONEDRIVE_CLIENT_ID", "ONEDRIVE_CLIENT_SECRET"],
        scopes: &[
            (
                "Files.ReadWrite",
                "to list, read and write the files of your own drive",
            ),
            ("offline_access", "to do so while you are away"),
            ("User.Read", "to know which account it is"),
            ("openid", "to know which account it is"),
            ("email", "to show which account it is"),
        ],
        guide: &[
            "In the Microsoft Entra admin centre, register an application for accounts in any directory and personal \
             accounts.",
            "Add exactly the redirect URI shown here, under the platform Web: under another one access ends after a \
             day.",
            "Under API permissions, add Files.ReadWrite, offline_access and User.Read of Microsoft Graph.",
            "Create a client secret and note when it ends: set ONEDRIVE_CLIENT_SECRET_EXPIRES to that day, and people \
             are told before.",
            "Set ONEDRIVE_CLIENT_ID and ONEDRIVE_CLIENT_SECRET, and start the server again.",
        ],
    },
    ProviderKind {
        name: "s3",
        title: "Amazon S3 and compatible",
        by: "keys",
        settings: &[],
        scopes: &[],
        guide: &["Make a key that may list, read, write and delete objects of one bucket, and no more."],
    },
    ProviderKind {
        name: "b2",
        title: "Backblaze B2",
        by: "keys",
        settings: &[],
        scopes: &[],
        guide: &[
            "Make an application key for one bucket; the master key does not work.",
            "Let the bucket keep only the last version of files, or hidden versions go on costing.",
        ],
    },
    ProviderKind {
        name: "azure",
        title: "Azure Blob Storage",
        by: "keys",
        settings: &[],
        scopes: &[],
        guide: &["Copy the connection string of the storage account from its Access keys."],
    },
    ProviderKind {
        name: "directory",
        title: "A folder of the server",
        by: "path",
        settings: &["CUMULI_DIRECTORY_ROOTS"],
        scopes: &[],
        guide: &[
            "Set CUMULI_DIRECTORY_ROOTS to the folders that administrators may connect, with all below them.",
        ],
    },
    ProviderKind {
        name: "webdav",
        title: "WebDAV",
        by: "keys",
        settings: &[],
        scopes: &[],
        guide: &[
            "At Nextcloud and ownCloud, make an app password and use the address under Settings, WebDAV.",
        ],
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

/// A host as people write it in an address.
struct Host<'a> {
    name: &'a str,
    address: Option<IpAddr>,
}

impl<'a> Host<'a> {
    fn of(url: &'a Url) -> Option<Self> {
        let name = url.host_str()?.trim_matches(['[', ']']);
        let address = name.parse().ok();
        Some(Self { name, address })
    }

    /// It is this machine.
    fn is_here(&self) -> bool {
        self.name == "localhost" || self.address.is_some_and(|address| address.is_loopback())
    }

    /// It is a name, and one that is known everywhere.
    fn is_public_name(&self) -> bool {
        const OWN: [&str; 5] = [".local", ".lan", ".internal", ".home", ".localdomain"];
        let is_own = OWN.iter().any(|end| self.name.ends_with(end));
        self.address.is_none() && !is_own && self.name.contains('.')
    }
}

/// Why a provider, whose API is at `api_url`, cannot tell this server of changes at the address that people know it by.
/// A stand-in for a provider on this machine reaches it as it is.
pub fn notice_problem(public_url: Option<&str>, api_url: &str) -> Option<String> {
    let none = || Some("this server has no public https address (CUMULI_PUBLIC_URL)".to_owned());
    let Some(url) = public_url.and_then(|url| Url::parse(url).ok()) else {
        return none();
    };
    let Some(host) = Host::of(&url) else { return none() };
    if host.is_here() {
        let api = Url::parse(api_url).ok();
        let is_stand_in = api.as_ref().and_then(Host::of).is_some_and(|api| api.is_here());
        return if is_stand_in { None } else { none() };
    }
    if url.scheme() != "https" {
        return none();
    }
    (!host.is_public_name()).then(|| {
        "this server's address (CUMULI_PUBLIC_URL) is no public name, and cannot be reached from outside"
            .to_owned()
    })
}

/// Why a provider will not take a redirect URI, as its documents say. Both take any on this machine.
pub fn redirect_problem(provider: &str, uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok()?;
    let host = Host::of(&url)?;
    if host.is_here() {
        let address = host.address;
        let is_by_address = provider == "onedrive" && address.is_some() && url.scheme() == "http";
        return is_by_address.then(|| {
            "Microsoft takes http://localhost but no address such as 127.0.0.1; use localhost".to_owned()
        });
    }
    if url.scheme() != "https" {
        return Some(
            "only https is taken, except on this machine: set CUMULI_PUBLIC_URL to an https address"
                .to_owned(),
        );
    }
    if provider == "google" && !host.is_public_name() {
        return Some(
            "Google takes public host names only, no address and no name of an own network; reach this server by a \
             public name, or sign in on this machine by http://localhost"
                .to_owned(),
        );
    }
    if provider == "onedrive" && url.query().is_some() {
        return Some("Microsoft takes no query in it".to_owned());
    }
    None
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

    #[test]
    fn changes_are_told_to_public_addresses_and_on_this_machine_by_what_is_there_too() {
        let (there, here) = ("https://www.googleapis.com", "http://127.0.0.1:8090");
        for (public, api, is_told) in [
            (Some("https://drive.example.org"), there, true),
            (Some("https://drive.example.org:8443"), here, true),
            (Some("http://drive.example.org"), there, false),
            (Some("https://nas.local"), there, false),
            (Some("https://nas"), there, false),
            (Some("https://192.168.1.5"), there, false),
            (Some("http://localhost:8000"), there, false),
            (Some("https://localhost:8000"), there, false),
            (Some("http://localhost:8000"), here, true),
            (Some("http://[::1]:8000"), "http://localhost:8090/v1.0", true),
            (Some("nonsense"), here, false),
            (None, here, false),
        ] {
            assert_eq!(notice_problem(public, api).is_none(), is_told, "{public:?} {api}");
        }
    }

    #[test]
    fn an_address_that_a_provider_will_not_take_is_told() {
        for (provider, uri, is_taken) in [
            ("google", "http://localhost:8000/auth/google/callback", true),
            ("google", "http://127.0.0.1:8000/auth/google/callback", true),
            ("google", "https://drive.example.org/auth/google/callback", true),
            ("google", "http://drive.example.org/auth/google/callback", false),
            ("google", "https://192.168.1.5/auth/google/callback", false),
            ("google", "https://nas.local/auth/google/callback", false),
            ("google", "https://nas/auth/google/callback", false),
            ("onedrive", "http://localhost:8000/auth/onedrive/callback", true),
            ("onedrive", "http://127.0.0.1:8000/auth/onedrive/callback", false),
            ("onedrive", "https://192.168.1.5/auth/onedrive/callback", true),
            ("onedrive", "http://nas.lan/auth/onedrive/callback", false),
            ("onedrive", "https://a.example/auth/onedrive/callback?x=1", false),
        ] {
            assert_eq!(
                redirect_problem(provider, uri).is_none(),
                is_taken,
                "{provider} {uri}"
            );
        }
    }
}
