//! OneDrive, of persons and in organizations, on Microsoft Graph v1.0.
//!
//! The two are different services below one API: what differs hangs on [`DriveKind`]. Content comes from and goes
//! to addresses at other origins that prove by themselves what they are for; our token never goes there.

mod address;
mod ask;
mod channels;
mod edit;
mod feed;
mod item;
mod names;
mod read;
mod refusal;
mod session;
#[cfg(test)]
mod tests;
mod upload;
mod window;

use std::sync::Arc;

use async_trait::async_trait;
use model::{Clock, Millis};
use outbound::{Call, Client, Gate, Kind, Patience, Wire};
use reqwest::Method;
use serde::Deserialize;

use crate::{
    Abilities, About, ChangePage, Channel, Conditions, Connector, Cursor, DirectLink, Feed, HashKind, Item,
    ItemId, ItemPage, NewChannel, Past, Quota, Read, Reading, Relocate, Relocation, RemoteError, Tag, Tokens,
    TrashKind, Upload, Written,
};
use address::Addresses;
use ask::read_json;
use item::{DriveItem, FIELDS};
use refusal::Graph;

/// Where the API is, but in national clouds.
pub const GRAPH_URL: &str = "https://graph.microsoft.com/v1.0";
/// The piece of an upload that Microsoft recommends at most.
pub const PIECE_BYTES: usize = 10 << 20;
/// The largest file, 250 GB.
const LARGEST_BYTES: u64 = 250_000_000_000;
/// The longest id that is taken for one.
const LONGEST_ID: usize = 500;

/// Which service keeps a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DriveKind {
    /// A person's own.
    Personal,
    /// In an organization: SharePoint underneath. What holds here is the more careful guess.
    Business,
}

impl DriveKind {
    /// Reads what [`About::flavour`] told.
    pub fn parse(flavour: &str) -> Self {
        if flavour == "personal" {
            Self::Personal
        } else {
            Self::Business
        }
    }
}

/// What a connection to OneDrive needs.
pub struct OneDriveOptions {
    /// Where the API is, such as [`GRAPH_URL`].
    pub api_url: String,
    /// The id of a drive, or the account's own.
    pub drive: Option<String>,
    /// Which service keeps it, as [`About::flavour`] told; [`DriveKind::Business`] before it did.
    pub kind: DriveKind,
    /// The connection's tokens.
    pub tokens: Arc<dyn Tokens>,
    /// Connections, shared with others.
    pub wire: Wire,
    /// The pace that all nodes keep together.
    pub gate: Option<Arc<dyn Gate>>,
    /// Our time.
    pub clock: Clock,
    /// How long Microsoft is waited for.
    pub patience: Patience,
    /// The pieces that large contents are sent in, bytes, each of which is held in memory: [`PIECE_BYTES`];
    /// rounded down to a multiple of 320 KiB.
    pub piece_bytes: usize,
}

/// A drive at OneDrive.
pub struct OneDrive {
    client: Client,
    tokens: Arc<dyn Tokens>,
    addresses: Addresses,
    kind: DriveKind,
    abilities: Abilities,
    piece_bytes: u64,
}

/// The drive itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Drive {
    id: String,
    drive_type: Option<String>,
    owner: Option<Owner>,
    quota: Option<Room>,
}

#[derive(Deserialize)]
struct Owner {
    user: Option<Person>,
    group: Option<Person>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Person {
    email: Option<String>,
    display_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Room {
    total: u64,
    used: u64,
}

impl OneDrive {
    /// Makes a connector. Nothing is asked yet.
    ///
    /// # Errors
    /// `Misconfigured`: the API's address is none.
    pub fn new(options: OneDriveOptions) -> Result<Self, RemoteError> {
        let dialect = Arc::new(Graph {
            tokens: options.tokens.clone(),
        });
        let client = Client::over(options.wire, "onedrive", dialect, options.clock, options.patience);
        let most = (session::MOST_BYTES - 1) / session::STEP_BYTES;
        let steps = (options.piece_bytes as u64 / session::STEP_BYTES).clamp(1, most);
        Ok(Self {
            client: match options.gate {
                Some(gate) => client.gated(gate),
                None => client,
            },
            tokens: options.tokens,
            addresses: Addresses::new(&options.api_url, options.drive.as_deref())?,
            kind: options.kind,
            abilities: abilities(options.kind, steps),
            piece_bytes: steps * session::STEP_BYTES,
        })
    }

    async fn tell(&self) -> Result<About, RemoteError> {
        // The root first: asking for it is what makes the drive of an account that never used it.
        let url = self.addresses.drive(&format!("/root?$select={FIELDS}"));
        let root: DriveItem = self.get(url, Kind::Read).await?;
        let url = self.addresses.drive("?$select=id,driveType,owner,quota");
        let answer = self.ask(Call::new(Method::GET, url)).await?;
        let drive: Drive = read_json(&answer)?;
        let flavour = drive.drive_type.unwrap_or_else(|| "business".to_owned());
        let owner = drive.owner.and_then(|owner| owner.user.or(owner.group));
        let name = owner.and_then(|owner| owner.email.or(owner.display_name));
        Ok(About {
            drive: canonical(&drive.id, DriveKind::parse(&flavour)),
            owner: name.unwrap_or_else(|| "OneDrive".to_owned()),
            flavour: Some(flavour),
            root: ItemId(root.id),
            // Nothing of nothing means that it is not known.
            quota: drive.quota.filter(|room| room.total > 0).map(|room| Quota {
                used_bytes: room.used,
                limit_bytes: Some(room.total),
            }),
            skew_ms: outbound::skew_ms(&answer.headers, self.client.now()),
        })
    }
}

#[async_trait]
impl Connector for OneDrive {
    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    async fn about(&self) -> Result<About, RemoteError> {
        self.tell().await
    }

    async fn item(&self, id: &ItemId) -> Result<Option<Item>, RemoteError> {
        if known(id).is_err() {
            return Ok(None);
        }
        match self.get_item(id, FIELDS).await {
            Ok(item) => Ok(Some(item.into_item(self.kind))),
            Err(trouble) if trouble.status() == 404 => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }

    async fn children(&self, folder: &ItemId, page: Option<&str>) -> Result<ItemPage, RemoteError> {
        self.folder_page(known(folder)?, page).await
    }

    async fn changes(&self, cursor: Option<&Cursor>) -> Result<ChangePage, RemoteError> {
        self.change_page(cursor).await
    }

    async fn read(&self, read: Read<'_>) -> Result<Reading, RemoteError> {
        known(read.id)?;
        self.open(&read).await
    }

    async fn upload(&self, upload: Upload<'_>) -> Result<Written, RemoteError> {
        match upload.target {
            crate::Target::Create { parent, .. } => known(parent)?,
            crate::Target::Replace { id, .. } => known(id)?,
        };
        self.send(&upload).await
    }

    async fn make_folder(
        &self,
        parent: &ItemId,
        name: &str,
        _id: Option<&ItemId>,
    ) -> Result<Item, RemoteError> {
        self.add_folder(known(parent)?, name).await
    }

    async fn relocate(&self, id: &ItemId, relocate: Relocate<'_>) -> Result<Item, RemoteError> {
        if let Some(parent) = relocate.parent {
            known(parent)?;
        }
        self.rename(known(id)?, &relocate).await
    }

    async fn trash(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        match known(id) {
            Ok(id) => self.remove(id, expected).await,
            Err(_) => Ok(()),
        }
    }

    async fn remove_folder(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        match known(id) {
            Ok(id) => self.remove_empty(id, expected).await,
            Err(_) => Ok(()),
        }
    }

    async fn restore(&self, id: &ItemId) -> Result<Item, RemoteError> {
        self.bring_back(known(id)?).await
    }

    async fn revisions(&self, id: &ItemId) -> Result<Vec<Past>, RemoteError> {
        self.versions(known(id)?).await
    }

    async fn direct_link(&self, id: &ItemId, _file_name: &str) -> Result<Option<DirectLink>, RemoteError> {
        self.link(known(id)?).await
    }

    async fn open_channel(&self, new: NewChannel<'_>) -> Result<Channel, RemoteError> {
        self.subscribe(&new).await
    }

    async fn renew_channel(&self, channel: &Channel, until: Millis) -> Result<Channel, RemoteError> {
        self.prolong(channel, until).await
    }

    async fn close_channel(&self, channel: &Channel) -> Result<(), RemoteError> {
        self.unsubscribe(channel).await
    }
}

/// An id, if it can be one: nothing that leads elsewhere in an address.
fn known(id: &ItemId) -> Result<&ItemId, RemoteError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'!' | b'-' | b'_' | b'.');
    let is_id = (1..=LONGEST_ID).contains(&id.0.len())
        && id.0.bytes().all(is_plain)
        && !id.0.starts_with('.')
        && id.0 != "root";
    if is_id { Ok(id) } else { Err(RemoteError::NotFound) }
}

/// A drive's id in the one spelling for comparing: answers write that of a person's drive now in another case,
/// now without a zero in front.
fn canonical(id: &str, kind: DriveKind) -> String {
    match kind {
        DriveKind::Personal => format!("{:0>16}", id.to_lowercase()),
        DriveKind::Business => id.to_owned(),
    }
}

fn abilities(kind: DriveKind, steps: u64) -> Abilities {
    let is_personal = kind == DriveKind::Personal;
    Abilities {
        feed: Feed::Changes,
        has_ids: true,
        has_duplicates: false,
        has_empty_folders: true,
        is_read_only: false,
        hashes: &[HashKind::QuickXor],
        modified_step_ms: Some(1000),
        conditions: Conditions {
            create: true,
            replace: true,
            detects_overwritten: false,
            relocate: true,
            trash: true,
            // Only there a folder has a tag that tells of what is in it.
            empty: is_personal,
        },
        relocation: Relocation::Native,
        trash: TrashKind::Native,
        restores: is_personal,
        has_revisions: true,
        has_documents: false,
        gives_ids: false,
        has_direct_links: true,
        watches: false,
        notifies: Some(channels::NOTIFIES),
        largest_bytes: LARGEST_BYTES,
        resumes_from_bytes: Some(steps * session::STEP_BYTES),
        names: names::rules(kind),
        limits: if is_personal { &[] } else { BUSINESS_LIMITS },
    }
}

const BUSINESS_LIMITS: &[&str] = &[
    "3,000 requests in 5 minutes for a person",
    "50 GB uploaded and 100 GB downloaded in an hour for a person",
    "1.2 million units of work in a day for an app in a small organization",
];
