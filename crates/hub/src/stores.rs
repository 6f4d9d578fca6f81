//! Stores: which there are, what they can do, what they hold, and to whom they belong.

use bytes::Bytes;
use catalog::StoreTotals;
use content::{Abilities, Probe};
use model::{Actor, BlobId, Digest, Millis, NodeId, Page, Place, StoredAt};

use crate::error::told;
use crate::{Hub, HubError, Part, access, cursors};

/// The note that says which installation a store belongs to.
const OWNER: &str = "owner";
/// How the name of the row begins that says where what was meant for a store goes instead.
const MOVED: &str = "store moved ";
/// How the name of the row begins that says since when a store is retired.
const RETIRED: &str = "store retired ";
/// Redirections that are followed one after another.
const MOST_MOVES: usize = 16;

/// A store as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreRow {
    /// Its name.
    pub name: String,
    /// Whether new contents go there.
    pub is_default: bool,
    /// Whether new contents are sealed before they get there.
    pub is_sealed: bool,
    /// What the rows say that it holds.
    pub totals: StoreTotals,
    /// What it can do, as far as is known.
    pub abilities: Option<Abilities>,
    /// What looking at it now has shown; `None` when it was not looked at.
    pub probe: Option<Result<Probe, String>>,
    /// The store that what was meant for it goes to instead.
    pub moved_to: Option<String>,
    /// When it was retired.
    pub retired_ms: Option<Millis>,
    /// Whether the settings say how to reach it.
    pub is_configured: bool,
}

/// A content that was found missing, short or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamageRow {
    /// Which.
    pub blob: BlobId,
    /// Where it should be; `None` is the database.
    pub at: Option<StoredAt>,
    /// How long it should be.
    pub size_bytes: u64,
    /// The SHA-256 that it should have.
    pub digest: Option<Digest>,
    /// When it was looked at last.
    pub checked_ms: Millis,
    /// Files and versions that need it; the first ten.
    pub files: Vec<(NodeId, u64)>,
}

impl Hub {
    /// Lists what is known to be damaged.
    ///
    /// # Errors
    /// `Forbidden`, `Invalid` (cursor).
    pub async fn damage(&self, actor: &Actor, part: Part) -> Result<Page<DamageRow>, HubError> {
        const SCOPE: &str = "damage";
        access::admin(actor)?;
        let after: Option<BlobId> = match &part.cursor {
            Some(cursor) => Some(cursors::open(self.keys(), SCOPE, cursor)?),
            None => None,
        };
        let mut tx = self.read().await?;
        let mut blobs = tx.damaged_blobs(after, part.limit + 1).await?;
        let has_more = blobs.len() > part.limit as usize;
        blobs.truncate(part.limit as usize);
        let last = blobs.last().filter(|_| has_more);
        let next = last.map(|blob| cursors::seal(self.keys(), SCOPE, &blob.id));
        let mut items = Vec::new();
        for blob in blobs {
            items.push(DamageRow {
                files: tx.files_of_blob(blob.id, 10).await?,
                blob: blob.id,
                at: match blob.place {
                    Place::Inline => None,
                    Place::Store(at) => Some(at),
                },
                size_bytes: blob.size_bytes,
                digest: blob.digest,
                checked_ms: blob.proven_ms,
            });
        }
        Ok(Page { items, next })
    }

    /// Lists all stores: those of the settings and those that rows still speak of. Looks at each when it
    /// is asked to `probe`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn stores(&self, actor: &Actor, probe: bool) -> Result<Vec<StoreRow>, HubError> {
        access::admin(actor)?;
        let content = &self.0.content;
        let mut totals = self.read().await?.store_totals().await?;
        totals.retain(|totals| totals.store.is_some());
        for backend in content.backends() {
            if !totals
                .iter()
                .any(|totals| totals.store.as_deref() == Some(backend.name()))
            {
                totals.push(StoreTotals {
                    store: Some(backend.name().to_owned()),
                    blobs: 0,
                    bytes: 0,
                    damaged: 0,
                    unproven: 0,
                });
            }
        }
        totals.sort_by(|a, b| a.store.cmp(&b.store));
        let default = content.default_name();
        let mut rows = Vec::new();
        for totals in totals {
            let name = totals.store.clone().unwrap_or_default();
            let backend = content.backend(&name);
            let probe = match backend {
                Some(backend) if probe => Some(backend.probe().await.map_err(|error| told(&error))),
                _ => None,
            };
            let mut tx = self.read().await?;
            let retired = tx.meta(&format!("{RETIRED}{name}")).await?;
            rows.push(StoreRow {
                is_default: name == default,
                is_sealed: content.is_sealed(&name),
                abilities: backend.map(|backend| backend.abilities()),
                probe,
                moved_to: tx.meta(&format!("{MOVED}{name}")).await?,
                retired_ms: retired.and_then(|text| text.parse().ok()).map(Millis),
                is_configured: backend.is_some(),
                totals,
                name,
            });
        }
        Ok(rows)
    }

    /// Sends new contents where a move sends them, and answers with that store's name.
    ///
    /// # Errors
    /// `Internal` when the settings do not say how to reach that store.
    pub async fn follow_moves(&self) -> Result<String, HubError> {
        let first = &self.0.first_store;
        let mut at = first.clone();
        let mut tx = self.read().await?;
        for _ in 0..MOST_MOVES {
            match tx.meta(&format!("{MOVED}{at}")).await? {
                Some(next) => at = next,
                None => break,
            }
        }
        if self.0.content.default_name() != at {
            self.0.content.set_default(&at)?;
            tracing::info!(store = at, "new contents go to another store from now on");
        }
        Ok(at)
    }

    /// Writes down that new contents go from one store to another, and that what went the other way
    /// before does not any more.
    pub(crate) async fn redirect(&self, from: &str, to: &str) -> Result<(), HubError> {
        let mut tx = self.write().await?;
        let mut at = to.to_owned();
        for _ in 0..MOST_MOVES {
            let name = format!("{MOVED}{at}");
            let Some(next) = tx.meta(&name).await? else { break };
            tx.remove_meta(&name).await?;
            at = next;
        }
        tx.remove_meta(&format!("{RETIRED}{to}")).await?;
        tx.put_meta(&format!("{MOVED}{from}"), to).await?;
        tx.commit().await?;
        self.follow_moves().await?;
        Ok(())
    }

    /// Whether contents are moved away from a store: nothing is swept there, since addresses that were
    /// signed before may still be in use, until it is retired.
    pub(crate) async fn is_left(&self, store: &str) -> Result<bool, HubError> {
        Ok(self
            .read()
            .await?
            .meta(&format!("{MOVED}{store}"))
            .await?
            .is_some())
    }

    /// Lets go of a store that nothing refers to. With `erase` its contents and notes are removed as well;
    /// otherwise they stay as they are.
    ///
    /// # Errors
    /// `Conflict` when contents or uploads are in it, or new ones go to it; `NotFound`.
    pub async fn retire_store(&self, actor: &Actor, store: &str, erase: bool) -> Result<u64, HubError> {
        access::admin(actor)?;
        let content = &self.0.content;
        if self.follow_moves().await? == store {
            return Err(HubError::Conflict(
                "new contents go to this store: copy it to another one first, or name another one in \
                 STORAGE_BACKEND",
            ));
        }
        let (blobs, _) = self.read().await?.store_total(store).await?;
        if blobs > 0 {
            return Err(HubError::Conflict(
                "this store still holds contents: copy it to another one first",
            ));
        }
        if self.read().await?.uploads_to(store).await? > 0 {
            return Err(HubError::Conflict(
                "uploads to this store are not finished: wait for them, or for their end",
            ));
        }
        let backend = content.backend(store).ok_or(HubError::NotFound("store"))?;
        let mut removed = 0;
        if erase {
            loop {
                let keys = backend.list(None, 500).await?;
                if keys.is_empty() {
                    break;
                }
                for listed in &keys {
                    backend.remove(&listed.key).await?;
                    removed += 1;
                }
            }
            loop {
                let names = backend.notes("", None, 500).await?;
                if names.is_empty() {
                    break;
                }
                for name in &names {
                    backend.remove_note(name).await?;
                }
            }
        }
        let mut tx = self.write().await?;
        tx.forget_move_failures(store).await?;
        tx.put_meta(&format!("{RETIRED}{store}"), &self.now().0.to_string())
            .await?;
        tx.commit().await?;
        Ok(removed)
    }

    /// Takes hold of every store for this installation. Two installations on one store would each sweep
    /// what the other stored.
    ///
    /// # Errors
    /// `Conflict` when a store belongs to another installation, and what the stores answer.
    pub async fn claim_store(&self, store: &str) -> Result<(), HubError> {
        let content = &self.0.content;
        let instance = Bytes::from(self.0.instance.clone());
        if content.create_note(store, OWNER, instance.clone()).await? {
            return Ok(());
        }
        match content.note(store, OWNER).await? {
            Some(owner) if owner == instance => Ok(()),
            Some(_) => Err(HubError::Conflict(
                "it belongs to another installation, or to this one before its database was lost: give it a \
                 prefix of its own, or bring the database back with `cumuli restore --from-store`",
            )),
            None => Err(HubError::Conflict("it does not keep what is written to it")),
        }
    }

    /// Finds out by trying what a store can do.
    ///
    /// # Errors
    /// `NotFound` when the settings name none of that name; what the store answers.
    pub async fn probe_store(&self, store: &str) -> Result<Probe, HubError> {
        let backend = self.0.content.backend(store).ok_or(HubError::NotFound("store"))?;
        Ok(backend.probe().await?)
    }

    /// The store that the settings name for new contents.
    pub fn first_store(&self) -> &str {
        &self.0.first_store
    }

    /// The names of the stores that hold contents by the rows.
    ///
    /// # Errors
    /// When the catalog does not answer.
    pub async fn stores_in_use(&self) -> Result<Vec<String>, HubError> {
        Ok(self.read().await?.stores_in_use().await?)
    }
}
