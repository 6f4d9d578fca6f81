//! Finding out what became of calls whose answers were lost.

use connectors::{ItemId, Read, RemoteError, Revision};
use hub::{Call, Intent, MirrorError, Placed, Sent, Staged, as_remote};
use model::RemoteItem;

use super::{Run, Verdict, gate, judge};

impl Run {
    /// Ends what an earlier try, or an earlier step of this one, began and could not end.
    pub(super) async fn recover(&self) -> Result<(), MirrorError> {
        for intent in self.desk.intents().await? {
            gate("recover").await;
            let outcome = self.find_out(intent).await;
            if let Err(error) = outcome {
                match judge(&error) {
                    Verdict::Stop(_) => return Err(error),
                    // It stays open, and is looked at again the next time.
                    Verdict::Again | Verdict::Wait { .. } => {
                        tracing::debug!(mirror = %self.desk.mirror.id, %error, "a call is still open");
                    }
                }
            }
        }
        Ok(())
    }

    async fn find_out(&self, intent: Intent) -> Result<(), MirrorError> {
        match intent.call.clone() {
            Call::MakeFolder { place, id } => self.find_made(&intent, (&place, id.as_deref()), None).await,
            Call::Create { place, id, sent } => {
                self.find_made(&intent, (&place, id.as_deref()), Some(&sent))
                    .await
            }
            Call::Replace { item, expected, sent } => {
                self.find_replaced(intent, (&item, &expected), &sent).await
            }
            Call::Relocate { item, place, .. } => self.find_placed(intent, &item, &place).await,
            Call::Trash { item, .. } => match self.item(&item).await? {
                Some(now) if !now.is_trashed => self.desk.abandon(intent.entry, Some(&now)).await,
                _ => self.after_trash(intent).await,
            },
            Call::Restore { .. } => self.restore(&intent).await,
            Call::Rescue { .. } => self.rescue(&intent).await,
        }
    }

    async fn item(&self, id: &str) -> Result<Option<RemoteItem>, MirrorError> {
        Ok(self
            .desk
            .connector()
            .item(&ItemId(id.to_owned()))
            .await?
            .map(as_remote))
    }

    async fn find_made(
        &self,
        intent: &Intent,
        (place, id): (&Placed, Option<&str>),
        sent: Option<&Sent>,
    ) -> Result<(), MirrorError> {
        let made = match id {
            Some(id) => self.item(id).await?,
            None => self.child(&place.parent, &place.name).await?,
        };
        let Some(made) = made else {
            if id.is_some() {
                // It may still be under way: under the same id it is made once, however often it is asked for.
                return self.make(intent.clone()).await;
            }
            return self.desk.abandon(intent.entry, None).await;
        };
        let is_ours = match sent {
            _ if id.is_some() => true,
            Some(sent) => self.is_content(&made, sent).await?,
            None => made.kind == model::RemoteKind::Folder,
        };
        match is_ours {
            true => {
                self.desk.done(intent, Some(&made), false, None).await?;
                if made.is_trashed {
                    self.look_up(&made).await?;
                }
                Ok(())
            }
            false => {
                self.desk.take_in(std::slice::from_ref(&made)).await?;
                self.desk.abandon(intent.entry, None).await
            }
        }
    }

    /// What a folder holds under a name.
    async fn child(&self, folder: &str, name: &str) -> Result<Option<RemoteItem>, MirrorError> {
        let mut page = None;
        loop {
            let folder = ItemId(folder.to_owned());
            let children = match self.desk.connector().children(&folder, page.as_deref()).await {
                Err(RemoteError::NotFound) => return Ok(None),
                children => children?,
            };
            if let Some(item) = children.items.into_iter().find(|item| item.name == name) {
                return Ok(Some(as_remote(item)));
            }
            page = children.next;
            if page.is_none() {
                return Ok(None);
            }
        }
    }

    /// Whether an item has a content of ours, as far as its hashes tell.
    async fn is_content(&self, item: &RemoteItem, sent: &Sent) -> Result<bool, MirrorError> {
        if item.size_bytes != Some(sent.size_bytes) {
            return Ok(false);
        }
        match self.desk.has_content(item, sent).await {
            // What was sent is gone here by now: nobody can tell any more.
            Err(MirrorError::Changed) => Ok(false),
            told => told,
        }
    }

    async fn find_replaced(
        &self,
        intent: Intent,
        (item, expected): (&str, &str),
        sent: &Sent,
    ) -> Result<(), MirrorError> {
        let Some(now) = self.item(item).await? else {
            return self.desk.abandon(intent.entry, None).await;
        };
        if now.revision.as_deref() == Some(expected) {
            // It did not happen. It may still land; then it is found to be there, or in between.
            return self.desk.abandon(intent.entry, Some(&now)).await;
        }
        let connector = self.desk.connector();
        let mut buried = Vec::new();
        if connector.abilities().has_revisions && !connector.abilities().conditions.replace {
            let past = connector.revisions(&ItemId(item.to_owned())).await?;
            for revision in past {
                if revision.revision.0 == expected {
                    break;
                }
                if now.revision.as_deref() != Some(revision.revision.0.as_str())
                    && !self
                        .desk
                        .hashes_fit(&revision.hashes, revision.size_bytes, sent)
                        .await?
                {
                    buried.push(revision.revision.0);
                }
            }
        }
        let rescue = (!buried.is_empty()).then(|| Call::Rescue {
            item: item.to_owned(),
            revisions: buried,
        });
        if self.is_content(&now, sent).await? {
            return self.desk.done(&intent, Some(&now), false, rescue.as_ref()).await;
        }
        match rescue {
            Some(call) => {
                self.desk.instead(intent.entry, &call).await?;
                let rescue = Intent {
                    entry: intent.entry,
                    call,
                };
                self.rescue(&rescue).await
            }
            None => self.desk.abandon(intent.entry, Some(&now)).await,
        }
    }

    async fn find_placed(&self, intent: Intent, item: &str, place: &Placed) -> Result<(), MirrorError> {
        if !self.desk.connector().abilities().has_ids {
            // Copied piece by piece, it may be at both places: it goes on where it stopped.
            return self.relocate(intent, None).await;
        }
        let Some(now) = self.item(item).await? else {
            return self.desk.abandon(intent.entry, None).await;
        };
        let is_placed = now.parent.as_deref() == Some(place.parent.as_str()) && now.name == place.name;
        match is_placed && !now.is_trashed {
            true => self.desk.done(&intent, Some(&now), false, None).await,
            false => self.desk.abandon(intent.entry, Some(&now)).await,
        }
    }

    /// Brings folders back that went to the provider's trash with something in them that nobody had seen: the next plan
    /// keeps what is new, and what it is in.
    pub(super) async fn dig_out(&mut self) -> Result<(), MirrorError> {
        while let Some(folder) = self.desk.buried.pop_first() {
            match self.desk.connector().restore(&ItemId(folder.clone())).await {
                Ok(back) => self.desk.take_in(&[as_remote(back)]).await?,
                Err(RemoteError::NotFound | RemoteError::Unsupported(_) | RemoteError::Exists) => continue,
                Err(error) => {
                    self.desk.buried.insert(folder);
                    return Err(error.into());
                }
            }
            self.list(&folder).await?;
        }
        Ok(())
    }

    /// Fetches a content that a file had; `None` when the provider does not have it any more.
    pub(super) async fn fetch_past(
        &self,
        item: &str,
        revision: &str,
    ) -> Result<Option<(Staged, Option<String>)>, MirrorError> {
        let (id, revision) = (ItemId(item.to_owned()), Revision(revision.to_owned()));
        let connector = self.desk.connector();
        let past = connector.revisions(&id).await?;
        let author = past
            .into_iter()
            .find(|past| past.revision == revision)
            .and_then(|past| past.author);
        let read = Read {
            id: &id,
            revision: Some(&revision),
            offset: 0,
            export: None,
        };
        let reading = match connector.read(read).await {
            Err(RemoteError::NotFound | RemoteError::Changed) => return Ok(None),
            reading => reading?,
        };
        let staged = self.desk.stage(reading.size_bytes, reading.stream).await?;
        Ok(Some((staged, author)))
    }
}
