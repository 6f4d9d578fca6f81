//! Finding out what became of calls whose answers were lost.

use connectors::{ItemId, RemoteError, Revision, fetch};
use hub::{Call, Intent, MirrorError, Placed, Sent, Staged, as_remote};
use model::{MirrorDirection, RemoteItem, RemoteKind};

use super::{Run, Verdict, gate, judge};

impl Run {
    /// Ends what an earlier try, or an earlier step of this one, began and could not end.
    pub(super) async fn recover(&self) -> Result<(), MirrorError> {
        let mut back = Vec::new();
        for intent in self.desk.intents().await? {
            if matches!(intent.call, Call::Restore { .. }) {
                back.push(intent);
                continue;
            }
            gate("recover").await;
            // What is in a folder whose place is not known would look as if it had gone.
            let is_needed = matches!(intent.call, Call::Follow { .. });
            match self.find_out(intent).await {
                Err(error) if is_needed => return Err(error),
                outcome => leave_open(outcome)?,
            }
        }
        self.bring_back(back).await
    }

    /// Brings back what is in the trash, folders before what is in them.
    async fn bring_back(&self, mut back: Vec<Intent>) -> Result<(), MirrorError> {
        let mut is_last = false;
        while !back.is_empty() {
            let mut later = Vec::new();
            let before = back.len();
            for intent in back {
                gate("recover").await;
                match self.restore(&intent, is_last).await {
                    Err(MirrorError::Remote(RemoteError::NotFound | RemoteError::Refused { .. }))
                        if !is_last =>
                    {
                        later.push(intent);
                    }
                    outcome => leave_open(outcome)?,
                }
            }
            is_last = later.len() == before;
            back = later;
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
            Call::Audit {
                item,
                expected,
                agreed,
            } => self.find_replaced(intent, (&item, &expected), &agreed).await,
            Call::Relocate { item, place, .. } => self.find_placed(intent, &item, &place).await,
            Call::Trash { item, .. } => match self.item(&item).await? {
                Some(now) if !now.is_trashed => {
                    // It did not happen, and may still.
                    self.desk.taint(&intent).await?;
                    self.desk.abandon(&intent, Some(&now)).await
                }
                _ => self.after_trash(intent).await,
            },
            Call::Restore { .. } => self.restore(&intent, true).await,
            Call::Follow { item } => self.follow(&intent, item).await,
            Call::Look { item } => {
                self.desk.look(&item).await?;
                self.desk.abandon(&intent, None).await
            }
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
            None => self.child(place, sent).await?,
        };
        let Some(made) = made else {
            if id.is_some() {
                // It may still be under way: under the same id it is made once, however often it is asked for.
                return self.make(intent.clone(), true).await;
            }
            if sent.is_some() {
                self.desk.taint(intent).await?;
            }
            return self.desk.abandon(intent, None).await;
        };
        let late = self.desk.late_writes(intent.entry).await?;
        let mut found = intent.clone();
        let is_as_sent = match sent {
            Some(sent) => match self.which(&made, (sent, &late)).await? {
                Some(ours) => {
                    let (place, id) = (place.clone(), id.map(ToOwned::to_owned));
                    found = intent.with(Call::Create {
                        place,
                        id,
                        sent: ours,
                    });
                    true
                }
                None => false,
            },
            None => made.kind == RemoteKind::Folder,
        };
        match is_as_sent || id.is_some() {
            true => {
                self.desk.found(&found, &made, !is_as_sent, None).await?;
                if made.is_trashed {
                    self.look_up(&made).await?;
                }
                Ok(())
            }
            false => {
                self.desk.take_in(std::slice::from_ref(&made)).await?;
                self.desk.abandon(intent, None).await
            }
        }
    }

    /// What a folder holds under a name, or else what may have been made there and renamed since.
    async fn child(&self, place: &Placed, sent: Option<&Sent>) -> Result<Option<RemoteItem>, MirrorError> {
        let (mut page, mut others) = (None, Vec::new());
        loop {
            let folder = ItemId(place.parent.clone());
            let children = match self.desk.connector().children(&folder, page.as_deref()).await {
                Err(RemoteError::NotFound) => return Ok(None),
                children => children?,
            };
            for item in children.items {
                if item.name == place.name {
                    return Ok(Some(as_remote(item)));
                }
                others.push(as_remote(item));
            }
            page = children.next;
            if page.is_none() {
                break;
            }
        }
        match sent {
            // Where the other side only receives, there may be things that are none of ours.
            Some(sent) if self.desk.mirror.direction == MirrorDirection::TwoWay => {
                self.renamed(others, sent).await
            }
            _ => Ok(None),
        }
    }

    /// The one among items that has a content of ours and belongs to nothing here.
    async fn renamed(&self, items: Vec<RemoteItem>, sent: &Sent) -> Result<Option<RemoteItem>, MirrorError> {
        let awaited: Vec<Placed> = self
            .desk
            .intents()
            .await?
            .into_iter()
            .filter_map(made_at)
            .collect();
        for item in items {
            // What another call was to make is none of this one's.
            let is_awaited = awaited.iter().any(|place| place.is_of(&item));
            let is_file = item.kind == RemoteKind::File && !is_awaited;
            let is_like = is_file && item.size_bytes == Some(sent.size_bytes);
            if is_like && self.desk.is_free(&item.id).await? && self.is_content(&item, sent).await? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    /// Which content of ours an item has: the one of a call about its entry, or one of those that may still land.
    async fn which(
        &self,
        item: &RemoteItem,
        (sent, late): (&Sent, &[Sent]),
    ) -> Result<Option<Sent>, MirrorError> {
        for ours in [sent].into_iter().chain(late) {
            if self.is_content(item, ours).await? {
                return Ok(Some(ours.clone()));
            }
        }
        Ok(None)
    }

    /// Whether an item has a content of ours, by its hashes or, where there are none, by its bytes.
    async fn is_content(&self, item: &RemoteItem, sent: &Sent) -> Result<bool, MirrorError> {
        if item.size_bytes != Some(sent.size_bytes) {
            return Ok(false);
        }
        if item.hashes.is_empty() {
            return self.has_bytes(item, sent).await;
        }
        match self.desk.has_content(item, sent).await {
            // What was sent is gone here by now.
            Err(MirrorError::Changed) => self.has_bytes(item, sent).await,
            told => told,
        }
    }

    async fn has_bytes(&self, item: &RemoteItem, sent: &Sent) -> Result<bool, MirrorError> {
        if sent.sha256.is_none() || item.is_trashed {
            // Nobody can tell.
            return Ok(false);
        }
        let staged = self.fetch(item).await?;
        Ok(staged.digest().map(|digest| digest.to_string()) == sent.sha256)
    }

    async fn find_replaced(
        &self,
        intent: Intent,
        (item, expected): (&str, &str),
        sent: &Sent,
    ) -> Result<(), MirrorError> {
        let connector = self.desk.connector();
        let Some(now) = self.item(item).await? else {
            return self.desk.abandon(&intent, None).await;
        };
        let is_made = matches!(intent.call, Call::Replace { .. });
        if now.revision.as_deref() == Some(expected) {
            // It did not happen. It may still land; then it is found to be there, or in between.
            if is_made {
                self.desk.taint(&intent).await?;
            }
            return self.desk.abandon(&intent, Some(&now)).await;
        }
        let late = self.desk.late_writes(intent.entry).await?;
        let may_bury = connector.abilities().has_revisions && !connector.abilities().conditions.replace;
        let buried = match may_bury {
            true => self.buried((item, expected), (sent, &late)).await?,
            false => Vec::new(),
        };
        let rescue = (!buried.is_empty()).then(|| Call::Rescue {
            item: item.to_owned(),
            revisions: buried,
        });
        if let Some(sent) = self.which(&now, (sent, &late)).await? {
            // Once that is agreed on, what was written here since goes there.
            let (item, expected) = (item.to_owned(), expected.to_owned());
            let landed = intent.with(Call::Replace { item, expected, sent });
            return self.desk.done(&landed, Some(&now), false, rescue.as_ref()).await;
        }
        match rescue {
            Some(call) => {
                let rescue = self.desk.instead(&intent, call).await?;
                self.rescue(&rescue).await
            }
            None => {
                // Over what is there now it may land as well.
                if is_made && !connector.abilities().conditions.replace {
                    self.desk.taint(&intent).await?;
                }
                self.desk.abandon(&intent, Some(&now)).await
            }
        }
    }

    /// Contents that a write of ours replaced that came later than it was meant to. What lies below another's was
    /// replaced by somebody who had it in front of them.
    async fn buried(
        &self,
        (item, expected): (&str, &str),
        ours: (&Sent, &[Sent]),
    ) -> Result<Vec<String>, MirrorError> {
        let past = self.desk.connector().revisions(&ItemId(item.to_owned())).await?;
        let (mut buried, mut may_be_below_ours) = (Vec::new(), false);
        for revision in past {
            if revision.revision.0 == expected {
                break;
            }
            let theirs = (&revision.hashes, revision.size_bytes);
            let is_ours = match self.desk.is_ours(theirs, ours).await {
                Ok(is_ours) => Some(is_ours),
                // What was sent is gone here by now: nobody can tell.
                Err(MirrorError::Changed) => None,
                Err(error) => return Err(error),
            };
            if may_be_below_ours && is_ours != Some(true) {
                buried.push(revision.revision.0);
            }
            may_be_below_ours = is_ours != Some(false);
        }
        Ok(buried)
    }

    async fn find_placed(&self, intent: Intent, item: &str, place: &Placed) -> Result<(), MirrorError> {
        if !self.desk.connector().abilities().has_ids {
            // Copied piece by piece, it may be at both places: it goes on where it stopped.
            return self.relocate(intent, None, true).await;
        }
        let Some(now) = self.item(item).await? else {
            return self.desk.abandon(&intent, None).await;
        };
        match place.is_of(&now) && !now.is_trashed {
            true => self.desk.done(&intent, Some(&now), false, None).await,
            false => {
                self.desk.taint(&intent).await?;
                self.desk.abandon(&intent, Some(&now)).await
            }
        }
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
        let Some(past) = past.into_iter().find(|past| past.revision == revision) else {
            return Ok(None);
        };
        let author = past.author.clone();
        let fetched = match fetch(connector, &past.of(id), 0, None).await {
            Err(RemoteError::NotFound | RemoteError::Changed) => return Ok(None),
            fetched => fetched?,
        };
        let staged = self.desk.stage(fetched.size_bytes, fetched.stream).await?;
        Ok(Some((staged, author)))
    }
}

/// Where a call makes something.
fn made_at(intent: Intent) -> Option<Placed> {
    match intent.call {
        Call::MakeFolder { place, .. } | Call::Create { place, .. } => Some(place),
        _ => None,
    }
}

/// What could not be found out for now stays open, and is looked at again the next time.
fn leave_open(outcome: Result<(), MirrorError>) -> Result<(), MirrorError> {
    let Err(error) = outcome else { return Ok(()) };
    match judge(&error) {
        Verdict::Stop(_) => Err(error),
        Verdict::Again | Verdict::Wait { .. } => {
            tracing::debug!(%error, "a call is still open");
            Ok(())
        }
    }
}
