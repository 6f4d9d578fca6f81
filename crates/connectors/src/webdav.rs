//! Any WebDAV server as a drive (RFC 4918): Nextcloud and ownCloud, Apache, nginx, rclone.
//!
//! Ids are paths below the address. What is ours there has names that begin with `.cumuli-`, and is not shown. No
//! request goes to another origin with who we are.

mod ask;
mod listing;
mod moving;
mod place;
mod probe;
mod props;
mod reading;
#[cfg(test)]
mod tests;
mod writing;

use std::hash::{BuildHasher, Hasher as _, RandomState};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use model::Clock;
use outbound::{Client, Gate, Patience, Secret, Wire};

use crate::{
    Abilities, About, ChangePage, Conditions, Connector, Cursor, Feed, Item, ItemId, ItemPage, NameRules,
    Quota, Read, Reading, Relocate, Relocation, RemoteError, Tag, TrashKind, Upload, Written,
};
use ask::{Depth, Prover};
use listing::Walk;
use place::{Base, OURS, Place};
use probe::Features;

/// Who we are to a server.
#[derive(Debug, Clone)]
pub enum Login {
    /// Nobody in particular.
    Nobody,
    /// A user with a password, better one that is for us alone.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// Whoever has this token.
    Bearer(Secret),
}

/// What a connection to a WebDAV server needs.
pub struct WebDavOptions {
    /// The folder's address, such as `https://cloud.example/remote.php/dav/files/jane`. Nothing secret is in it.
    pub url: String,
    /// Who we are.
    pub login: Login,
    /// What the server can do, as [`About::flavour`] told; before it did, it is found out by trying, and as little
    /// as possible is relied on.
    pub flavour: Option<String>,
    /// Connections, which reach what they may: people name this address.
    pub wire: Wire,
    /// The pace that all nodes keep together.
    pub gate: Option<Arc<dyn Gate>>,
    /// Our time.
    pub clock: Clock,
    /// How long the server is waited for.
    pub patience: Patience,
}

/// A folder on a WebDAV server.
pub struct WebDav {
    client: Client,
    base: Base,
    owner: String,
    features: Features,
    is_probed: bool,
    abilities: Abilities,
    /// Where the last page of a walk ended, so that the next one need not find the way again.
    walk: Mutex<Option<Walk>>,
    random: RandomState,
}

impl WebDav {
    /// Makes a connector. Nothing is asked yet.
    ///
    /// # Errors
    /// `Misconfigured`: the address is none, or holds a password.
    pub fn new(options: WebDavOptions) -> Result<Self, RemoteError> {
        let base = Base::parse(&options.url).ok_or_else(|| {
            RemoteError::Misconfigured(
                "the address must begin with https:// or http:// and hold no user, password or query"
                    .to_owned(),
            )
        })?;
        let owner = match &options.login {
            Login::Basic { user, .. } => format!("{user} at {}", base.shown()),
            Login::Nobody | Login::Bearer(_) => base.shown(),
        };
        let prover = Arc::new(Prover::new(&options.login));
        let client = Client::over(options.wire, "webdav", prover, options.clock, options.patience);
        let features = Features::parse(options.flavour.as_deref().unwrap_or_default());
        Ok(Self {
            client: match options.gate {
                Some(gate) => client.gated(gate),
                None => client,
            },
            base,
            owner,
            is_probed: options.flavour.is_some(),
            abilities: abilities(features),
            features,
            walk: Mutex::default(),
            random: RandomState::new(),
        })
    }

    /// The place of something with that name in a folder.
    fn place(&self, parent: &ItemId, name: &str) -> Result<Place, RemoteError> {
        self.abilities.names.check(name).map_err(RemoteError::Name)?;
        Ok(Place::parse(parent).ok_or(RemoteError::NotFound)?.join(name))
    }

    /// A word that nobody else makes.
    fn random(&self) -> String {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_i64(self.client.now().0);
        let mut other = self.random.build_hasher();
        other.write_u64(hasher.finish());
        format!("{:016x}{:016x}", hasher.finish(), other.finish())
    }

    fn for_writing(&self) -> Result<(), RemoteError> {
        match self.abilities.is_read_only {
            true => Err(RemoteError::Unsupported("write where it may only read")),
            false => Ok(()),
        }
    }

    async fn tell(&self) -> Result<About, RemoteError> {
        let told = match self
            .propfind(&Place::root(), Depth::Itself, props::ASKED_OF_ROOT)
            .await
        {
            Err(RemoteError::NotFound) => return Err(missing_root()),
            Err(RemoteError::Refused { code, .. }) if matches!(code.as_str(), "" | "405" | "501") => {
                let what = "there is no WebDAV at that address";
                return Err(RemoteError::Misconfigured(what.to_owned()));
            }
            told => told?,
        };
        let root = told.into_iter().find(|(place, _)| place.is_root());
        let root = root.map(|(_, found)| found).filter(|found| found.is_folder);
        let root = root
            .ok_or_else(|| RemoteError::Misconfigured("what is at that address is no folder".to_owned()))?;
        let features = match self.is_probed {
            true => self.features,
            false => self.probe(&root).await?,
        };
        Ok(About {
            drive: match &root.own_id {
                Some(id) => format!("{}|{id}", self.base.shown()),
                None => self.owner.clone(),
            },
            owner: self.owner.clone(),
            flavour: Some(features.text()),
            root: Place::root().id(),
            quota: root.used_bytes.map(|used_bytes| Quota {
                used_bytes,
                limit_bytes: root
                    .free_bytes
                    .map(|free_bytes| used_bytes.saturating_add(free_bytes)),
            }),
            skew_ms: None,
        })
    }
}

fn missing_root() -> RemoteError {
    RemoteError::Misconfigured("there is no folder at that address".to_owned())
}

#[async_trait]
impl Connector for WebDav {
    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    async fn about(&self) -> Result<About, RemoteError> {
        self.tell().await
    }

    async fn item(&self, id: &ItemId) -> Result<Option<Item>, RemoteError> {
        let Some(place) = Place::parse(id) else {
            return Ok(None);
        };
        let found = self.look(&place).await?;
        Ok(found.map(|found| found.into_item(&place, !self.abilities.is_read_only)))
    }

    async fn children(&self, folder: &ItemId, _page: Option<&str>) -> Result<ItemPage, RemoteError> {
        let place = Place::parse(folder).ok_or(RemoteError::NotFound)?;
        Ok(ItemPage {
            items: self.items(self.inside(&place).await?),
            next: None,
            is_partial: false,
        })
    }

    async fn changes(&self, cursor: Option<&Cursor>) -> Result<ChangePage, RemoteError> {
        self.page(cursor).await
    }

    async fn read(&self, read: Read<'_>) -> Result<Reading, RemoteError> {
        let place = Place::parse(read.id).ok_or(RemoteError::NotFound)?;
        if read.export.is_some() {
            return Err(RemoteError::NoContent);
        }
        self.open(&place, read.revision, read.offset).await
    }

    async fn upload(&self, upload: Upload<'_>) -> Result<Written, RemoteError> {
        self.for_writing()?;
        let most_bytes = self.abilities.largest_bytes;
        if upload.source.size_bytes() > most_bytes {
            return Err(RemoteError::TooLarge { most_bytes });
        }
        self.send(&upload).await
    }

    async fn make_folder(
        &self,
        parent: &ItemId,
        name: &str,
        _id: Option<&ItemId>,
    ) -> Result<Item, RemoteError> {
        self.for_writing()?;
        let place = self.place(parent, name)?;
        self.make(&place).await?;
        let found = self.look(&place).await?.ok_or(RemoteError::NotFound)?;
        Ok(found.into_item(&place, true))
    }

    async fn relocate(&self, id: &ItemId, relocate: Relocate<'_>) -> Result<Item, RemoteError> {
        self.for_writing()?;
        let from = Place::parse(id).ok_or(RemoteError::NotFound)?;
        self.relocated(&from, relocate).await
    }

    async fn trash(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        self.for_writing()?;
        match Place::parse(id) {
            Some(place) => self.put_away(&place, expected).await,
            None => Ok(()),
        }
    }

    async fn remove_folder(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        self.for_writing()?;
        match Place::parse(id) {
            Some(place) => self.put_empty_away(&place, expected).await,
            None => Ok(()),
        }
    }

    async fn restore(&self, id: &ItemId) -> Result<Item, RemoteError> {
        self.for_writing()?;
        let place = Place::parse(id).ok_or(RemoteError::NotFound)?;
        self.brought_back(&place).await
    }
}

fn abilities(features: Features) -> Abilities {
    let is_direct = features.is_direct();
    Abilities {
        feed: Feed::Listing,
        has_ids: false,
        has_duplicates: false,
        has_empty_folders: true,
        is_read_only: features.is_read_only,
        hashes: features.hashes(),
        modified_step_ms: (features.has_times && !features.is_read_only).then_some(1000),
        conditions: Conditions {
            // `Overwrite: F` is part of every server's protocol.
            create: !features.is_read_only,
            replace: is_direct && !features.is_read_only,
            detects_overwritten: false,
            relocate: false,
            trash: false,
            empty: !features.is_read_only,
        },
        relocation: Relocation::Native,
        trash: TrashKind::Folder(moving::TRASH),
        restores: !features.is_read_only,
        has_revisions: false,
        has_documents: false,
        gives_ids: false,
        has_direct_links: false,
        watches: false,
        notifies: None,
        largest_bytes: i64::MAX.unsigned_abs(),
        resumes_from_bytes: None,
        names: NameRules {
            forbidden: if features.has_odd_names {
                "/\\\0"
            } else {
                "/\\\0?#;"
            },
            forbids_controls: true,
            forbidden_starts: &[OURS],
            ..NameRules::ANY
        },
        limits: &[],
    }
}
