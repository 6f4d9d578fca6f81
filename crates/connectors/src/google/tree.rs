//! Folders, names, places and the trash.

use outbound::{Call, Kind};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::Google;
use super::ask::{ALL_DRIVES, with_json};
use super::fault::Fault;
use super::shapes::{FILE, FOLDER, File, REVISION, RevisionList};
use crate::{Item, ItemId, Past, Relocate, RemoteError, Tag};

impl Google {
    pub(super) async fn create_folder(
        &self,
        parent: &ItemId,
        name: &str,
        given: Option<&ItemId>,
    ) -> Result<Item, Fault> {
        self.abilities.names.check(name).map_err(RemoteError::Name)?;
        super::ask::checked(parent)?;
        let id = self.id_for(given).await?;
        let body = json!({"id": id.0, "name": name, "mimeType": FOLDER, "parents": [parent.0]});
        let url = self.api.url("/drive/v3/files", &[ALL_DRIVES, ("fields", FILE)]);
        let made = match self.api.json::<File>(with_json(Method::POST, url, &body)).await {
            Ok(file) => file.into_item(),
            // The id is used: by an earlier try whose answer was lost, or this is no repeat.
            Err(fault) if fault.status() == 409 => self.made_before(&id).await?,
            Err(fault) => return Err(fault),
        };
        if made.parent.as_ref() != Some(parent) || made.name != name || !made.is_folder() {
            return Err(RemoteError::Exists.into());
        }
        self.not_in_trash(made)
    }

    /// What an earlier try made.
    pub(super) async fn made_before(&self, id: &ItemId) -> Result<Item, Fault> {
        // It was made and is gone already: it is not made once more.
        self.find(id).await?.ok_or_else(|| RemoteError::Exists.into())
    }

    /// Google puts things into folders that are in the trash: there is no such folder for us.
    pub(super) fn not_in_trash(&self, item: Item) -> Result<Item, Fault> {
        if item.is_trashed {
            return Err(RemoteError::NotFound.into());
        }
        Ok(item)
    }

    /// Moves or renames, both in one request. That is not sent again blindly: the folder that an item was in is
    /// part of it.
    pub(super) async fn bring(&self, id: &ItemId, to: &Relocate<'_>) -> Result<Item, Fault> {
        if let Some(name) = to.name {
            self.abilities.names.check(name).map_err(RemoteError::Name)?;
        }
        let mut tried = 0;
        loop {
            tried += 1;
            let item = self.not_in_trash(self.get(id).await?.into_item())?;
            let parent = to.parent.filter(|parent| item.parent.as_ref() != Some(parent));
            let name = to.name.filter(|name| item.name != *name);
            if parent.is_none() && name.is_none() {
                return Ok(item);
            }
            // After a lost answer, a tag that changed may have been changed by us: then the above was true.
            if to.expected.is_some() && item.tag.as_ref() != to.expected {
                return Err(RemoteError::Changed.into());
            }
            let mut call = self.patch(id, &item, parent, name)?;
            call.is_repeatable = false;
            match self.api.json::<File>(call).await {
                Ok(file) => return self.brought(file.into_item(), &item).await,
                Err(fault) if fault.may_pass() => self.pause_or(tried, fault.wait(), || fault).await?,
                Err(fault) => return Err(fault),
            }
        }
    }

    /// What was moved, if it is not in the trash now. Google moves things into folders that are: then it goes
    /// back to where it was, so that nobody takes it for thrown away.
    async fn brought(&self, moved: Item, before: &Item) -> Result<Item, Fault> {
        if !moved.is_trashed {
            return Ok(moved);
        }
        if let Some(from) = before
            .parent
            .as_ref()
            .filter(|from| moved.parent.as_ref() != Some(from))
        {
            let back = self.patch(&moved.id, &moved, Some(from), Some(&before.name))?;
            self.api.json::<File>(back).await?;
        }
        Err(RemoteError::NotFound.into())
    }

    fn patch(
        &self,
        id: &ItemId,
        item: &Item,
        parent: Option<&ItemId>,
        name: Option<&str>,
    ) -> Result<Call, Fault> {
        let mut query = vec![("fields", FILE)];
        if let Some(parent) = parent {
            query.push(("addParents", super::ask::checked(parent)?));
            query.extend(
                item.parent
                    .as_ref()
                    .map(|from| ("removeParents", from.0.as_str())),
            );
        }
        let url = self.api.file_url(id, &query)?;
        let body: Map<String, Value> = name
            .map(|name| ("name".to_owned(), json!(name)))
            .into_iter()
            .collect();
        Ok(with_json(Method::PATCH, url, &Value::Object(body)))
    }

    pub(super) async fn throw_away(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), Fault> {
        if let Some(expected) = expected {
            match self.find(id).await? {
                None => return Ok(()),
                Some(item) if item.is_trashed => return Ok(()),
                Some(item) if item.tag.as_ref() == Some(expected) => {}
                Some(_) => return Err(RemoteError::Changed.into()),
            }
        }
        match self.set_trashed(id, true, "id").await {
            Ok(_) => Ok(()),
            Err(Fault::Remote(RemoteError::NotFound)) => Ok(()),
            Err(fault) if fault.status() == 404 => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn bring_back(&self, id: &ItemId) -> Result<Item, Fault> {
        let item = self.set_trashed(id, false, FILE).await?.into_item();
        if item.is_trashed {
            return Err(Fault::Remote(RemoteError::Refused {
                code: "trashed".to_owned(),
                reason: "a folder above it is in the trash".to_owned(),
            }));
        }
        Ok(item)
    }

    async fn set_trashed(&self, id: &ItemId, is_trashed: bool, fields: &str) -> Result<File, Fault> {
        let url = self.api.file_url(id, &[("fields", fields)])?;
        let body = json!({ "trashed": is_trashed });
        self.api.json(with_json(Method::PATCH, url, &body)).await
    }

    /// The contents that are kept, the newest first.
    pub(super) async fn contents(&self, id: &ItemId) -> Result<Vec<Past>, Fault> {
        let path = format!("/drive/v3/files/{}/revisions", super::ask::checked(id)?);
        let fields = format!("nextPageToken,revisions({REVISION})");
        let mut page: Option<String> = None;
        let mut all = Vec::new();
        loop {
            let mut query = vec![("pageSize", "1000"), ("fields", fields.as_str())];
            query.extend(page.as_deref().map(|page| ("pageToken", page)));
            let call = Call::new(Method::GET, self.api.url(&path, &query)).with_kind(Kind::Read);
            let list: RevisionList = self.api.json(call).await?;
            all.extend(list.revisions.into_iter().map(Past::from));
            page = list.next_page_token;
            if page.is_none() {
                all.reverse();
                return Ok(all);
            }
        }
    }
}
