//! Holding each copy against its original in the end: by hashes that both providers tell, otherwise by reading.

use connectors::{Hashes, Item, ItemId, RemoteError};
use model::{Migration, MigrationItem, MigrationItemState, MigrationProof, MigrationState};
use tokio::task::JoinSet;

use super::compare::{count_changes, differs};
use super::content::read_hashes;
use super::finding::{item_of, united};
use super::placing::{is_as_written, mark_of};
use super::trouble::{Trouble, later, note};
use super::{Flow, Sides, begin_pass};
use crate::connections::{hashes_of, texts_of};
use crate::{Hub, HubError};

/// Files that one step takes in, and how many are held against each other at once.
const STEP: u32 = 64;
const AT_ONCE: usize = 4;

impl Hub {
    /// Verifies some; with all of them it is done, unless something differs by now.
    pub(super) async fn verify_some(&self, of: &Migration, sides: &Sides) -> Result<Flow, Trouble> {
        let copies = self
            .read()
            .await?
            .migration_copies((of.id, of.pass), STEP)
            .await?;
        if copies.is_empty() {
            return self.end_verification(of).await;
        }
        let mut copies = copies.into_iter();
        let (mut running, mut stop) = (JoinSet::new(), None);
        loop {
            while running.len() < AT_ONCE
                && stop.is_none()
                && let Some(item) = copies.next()
            {
                let (hub, of, sides) = (self.clone(), of.clone(), sides.clone());
                running.spawn(async move { hub.verify(&of, &sides, item).await });
            }
            let Some(ended) = running.join_next().await else {
                break;
            };
            match ended.map_err(|panic| HubError::Internal(panic.into()))? {
                Ok(()) => {}
                Err(ours @ Trouble::Ours(_)) => return Err(ours),
                Err(theirs) => stop = Some(theirs),
            }
        }
        match stop {
            Some(trouble) => Err(trouble),
            None => Ok(Flow::GoOn),
        }
    }

    async fn end_verification(&self, of: &Migration) -> Result<Flow, Trouble> {
        // What was found to differ is brought over, and then everything is looked at once more.
        let known = self.read().await?.migration(of.id).await?;
        if known.is_some_and(|known| known.pass_changes > 0) {
            self.change_migration(of.id, begin_pass).await?;
            return Ok(Flow::GoOn);
        }
        self.end_migration(of, MigrationState::Done, None).await?;
        Ok(Flow::Rest)
    }

    async fn verify(&self, of: &Migration, sides: &Sides, mut item: MigrationItem) -> Result<(), Trouble> {
        let now = self.now();
        let proof = self.prove_copy(of, sides, &mut item).await;
        let mut everything = None;
        match proof {
            Ok(proof) => {
                item.proof = proof;
                item.proven_ms = proof.map(|_| now);
            }
            Err(trouble) => everything = note(&mut item, trouble, now).err(),
        }
        if everything.is_none() {
            item.done_pass = of.pass;
        }
        let mut tx = self.write().await?;
        if item.state == MigrationItemState::Waiting {
            count_changes(&mut tx, of, 1).await?;
        }
        tx.put_migration_items(of.id, &[item]).await?;
        tx.commit().await?;
        everything.map_or(Ok(()), Err)
    }

    /// How a copy is known to be equal; `None` when it is not, or not any more, which is written down with the item.
    async fn prove_copy(
        &self,
        of: &Migration,
        sides: &Sides,
        item: &mut MigrationItem,
    ) -> Result<Option<MigrationProof>, Trouble> {
        let Some(there) = self.copy_as_written(sides, item).await? else {
            return Ok(None);
        };
        let is_document = item.kind == model::RemoteKind::Document;
        let original = match is_document {
            true => None,
            false => self.original(sides, &item.source).await?,
        };
        let mut known = hashes_of(&item.copy.sent_hashes);
        if let Some(original) = &original {
            let (mark, hashes) = (mark_of(original), texts_of(&original.hashes));
            if differs(&item.copy, original.size_bytes, (mark.as_deref(), &hashes)) {
                later(
                    item,
                    "it changed at the source while copies were verified",
                    self.now(),
                );
                return Ok(None);
            }
            known = united(&original.hashes, &known);
        }
        if item.copy.is_rewritten {
            item.note = Some("the target's provider writes into files of this kind".to_owned());
            return Ok(Some(MigrationProof::Unverifiable));
        }
        if item.proof == Some(MigrationProof::Proven) {
            // Neither has changed since.
            return Ok(item.proof);
        }
        match known.agrees(&there.hashes) {
            Some(true) if !of.reads_back => Ok(Some(MigrationProof::Asserted)),
            Some(false) => Ok(self.is_damaged(item)),
            _ => self.read_both(sides, item, (original, there, known)).await,
        }
    }

    async fn read_both(
        &self,
        sides: &Sides,
        item: &mut MigrationItem,
        (original, there, mut known): (Option<Item>, Item, Hashes),
    ) -> Result<Option<MigrationProof>, Trouble> {
        let theirs = read_hashes(&sides.target, &there)
            .await
            .map_err(Trouble::to_side)?;
        if known.agrees(&theirs).is_none()
            && let Some(original) = &original
        {
            let read = read_hashes(&sides.source, original).await;
            known = read.map_err(Trouble::from_side)?;
        }
        Ok(match known.agrees(&theirs) {
            Some(true) => Some(MigrationProof::Proven),
            Some(false) => self.is_damaged(item),
            None => Some(MigrationProof::Unverifiable),
        })
    }

    /// The copy, if it is as it was written.
    async fn copy_as_written(
        &self,
        sides: &Sides,
        item: &mut MigrationItem,
    ) -> Result<Option<Item>, Trouble> {
        let id = item.copy.id.clone().unwrap_or_default();
        let known = self.read().await?.item(sides.to.id, &id).await?;
        let known = known.as_ref().and_then(item_of).filter(|known| {
            let revision = known.revision.as_ref().map(|revision| revision.0.as_str());
            !known.is_trashed && revision.is_some() && revision == item.copy.revision.as_deref()
        });
        let there = match known {
            Some(there) => Some(there),
            None => {
                let there = sides.target.item(&ItemId(id)).await.map_err(Trouble::to_side)?;
                there.filter(|there| !there.is_trashed)
            }
        };
        let why = match &there {
            None => "its copy was removed or moved at the target",
            Some(there) if !is_as_written(&item.copy, there) => "somebody changed its copy at the target",
            Some(_) => return Ok(there),
        };
        item.state = MigrationItemState::Conflict;
        item.reason = Some(why.to_owned());
        item.proof = None;
        Ok(None)
    }

    /// The copy is not what was sent: it is sent once more.
    fn is_damaged(&self, item: &mut MigrationItem) -> Option<MigrationProof> {
        item.copy.of_revision = None;
        item.copy.of_hashes = Vec::new();
        let error = RemoteError::Damaged("the copy is not equal to its original".to_owned());
        later(item, &error.to_string(), self.now());
        None
    }
}
