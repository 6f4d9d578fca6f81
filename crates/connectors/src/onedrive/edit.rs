//! Folders, moves, names and the recycle bin.

use outbound::Call;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::ask::{read_json, with_json};
use super::item::{DriveItem, FIELDS};
use super::refusal::Trouble;
use super::{DriveKind, OneDrive};
use crate::{Item, ItemId, NameFault, Relocate, RemoteError, Tag};

impl OneDrive {
    /// Makes a folder.
    pub(super) async fn add_folder(&self, parent: &ItemId, name: &str) -> Result<Item, RemoteError> {
        self.check_name(name)?;
        // Files of personal drives may begin like this, folders may not.
        if name.starts_with('~') {
            return Err(RemoteError::Name(NameFault::Start("~")));
        }
        let url = self
            .addresses
            .item(&parent.0, &format!("/children?$select={FIELDS}"));
        let body = json!({ "name": name, "folder": {}, "@microsoft.graph.conflictBehavior": "fail" });
        let made: DriveItem = match self.ask(with_json(Call::new(Method::POST, url), &body)).await {
            Ok(answer) => read_json(&answer)?,
            // An earlier try whose answer was lost made it; a folder of that name that somebody else made in
            // these seconds is as good.
            Err(trouble) if trouble.status() == 409 && trouble.may_be_done() => {
                let there = self.patiently(|| self.look_up(parent, name)).await;
                match there {
                    Ok(there) if there.is_folder() && there.name.as_deref() == Some(name) => there,
                    Ok(_) => return Err(RemoteError::Exists),
                    Err(trouble) => return Err(trouble.into()),
                }
            }
            Err(trouble) => return Err(trouble.into()),
        };
        Ok(made.into_item(self.kind))
    }

    /// What has this name in a folder.
    pub(super) async fn look_up(&self, parent: &ItemId, name: &str) -> Result<DriveItem, Trouble> {
        let url = self
            .addresses
            .child(&parent.0, name, &format!("?$select={FIELDS}"));
        self.get(url, outbound::Kind::Read).await
    }

    /// Moves and renames in one step.
    pub(super) async fn rename(&self, id: &ItemId, to: &Relocate<'_>) -> Result<Item, RemoteError> {
        if let Some(name) = to.name {
            self.check_name(name)?;
        }
        let before = self.patiently(|| self.get_item(id, FIELDS)).await?;
        if is_there(&before, to) {
            return Ok(before.into_item(self.kind));
        }
        let mut call = with_json(
            Call::new(
                Method::PATCH,
                self.addresses.item(&id.0, &format!("?$select={FIELDS}")),
            ),
            &wanted(&before, to),
        );
        if let Some(tag) = to.expected {
            call.set_header("if-match", &tag.0);
        }
        let trouble = match self.patiently(|| self.ask(call.clone())).await {
            Ok(answer) if answer.status != 204 => {
                let item: DriveItem = read_json(&answer)?;
                return Ok(item.into_item(self.kind));
            }
            Ok(_) => None,
            Err(trouble) => Some(trouble),
        };
        // Without an answer, or with one that an earlier try of ours may have brought about, it is looked whether
        // it is done.
        if trouble.as_ref().is_none_or(Trouble::leaves_open)
            && let Ok(now) = self.get_item(id, FIELDS).await
            && is_there(&now, to)
        {
            return Ok(now.into_item(self.kind));
        }
        Err(trouble.map_or_else(
            || RemoteError::Unavailable("it did not do it".to_owned()),
            Into::into,
        ))
    }

    /// Puts an item in the recycle bin.
    pub(super) async fn remove(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        let mut call = Call::new(Method::DELETE, self.addresses.item(&id.0, ""));
        if let Some(tag) = expected {
            call.set_header("if-match", &tag.0);
        }
        match self.ask(call).await {
            Ok(_) => Ok(()),
            Err(trouble) if matches!(trouble.status(), 404 | 410) => Ok(()),
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// The same with a folder, unless something is in it. On drives of persons the tag of its content changes with all
    /// that is below (<https://learn.microsoft.com/graph/api/resources/driveitem>, `cTag`), and guards the delete;
    /// folders of organizations have none, so that something may come in between.
    pub(super) async fn remove_empty(&self, id: &ItemId, expected: Option<&Tag>) -> Result<(), RemoteError> {
        let now = match self.get_item(id, FIELDS).await {
            Ok(now) if now.deleted.is_some() => return Ok(()),
            Ok(now) => now,
            Err(trouble) if matches!(trouble.status(), 404 | 410) => return Ok(()),
            Err(trouble) => return Err(trouble.into()),
        };
        let is_as_expected = expected.is_none_or(|tag| now.e_tag.as_ref() == Some(&tag.0));
        if !is_as_expected || now.child_count().is_some_and(|count| count > 0) {
            return Err(RemoteError::Changed);
        }
        self.remove(id, now.c_tag.or(now.e_tag).map(Tag).as_ref()).await
    }

    /// Takes an item back from the recycle bin. Only drives of persons let apps do that.
    pub(super) async fn bring_back(&self, id: &ItemId) -> Result<Item, RemoteError> {
        if self.kind == DriveKind::Business {
            return Err(RemoteError::Unsupported("bring back what is in its trash"));
        }
        let url = self.addresses.item(&id.0, "/restore");
        let trouble = match self
            .ask(with_json(Call::new(Method::POST, url), &json!({})))
            .await
        {
            Ok(answer) => {
                let item: DriveItem = read_json(&answer)?;
                return Ok(item.into_item(self.kind));
            }
            Err(trouble) => trouble,
        };
        // What is not in the bin (any more) cannot be brought back, and need not be.
        match self.get_item(id, FIELDS).await {
            Ok(item) if item.deleted.is_none() => Ok(item.into_item(self.kind)),
            _ => Err(trouble.into()),
        }
    }

    /// Refuses what the service would refuse, in words that say why.
    pub(super) fn check_name(&self, name: &str) -> Result<(), RemoteError> {
        self.abilities.names.check(name).map_err(RemoteError::Name)
    }
}

/// Whether an item has the place and the name that it shall have.
fn is_there(item: &DriveItem, to: &Relocate<'_>) -> bool {
    let has_parent = to.parent.is_none_or(|parent| item.parent_id() == Some(&parent.0));
    let has_name = to.name.is_none_or(|name| item.name.as_deref() == Some(name));
    item.deleted.is_none() && has_parent && has_name
}

fn wanted(before: &DriveItem, to: &Relocate<'_>) -> Value {
    let mut body = Map::new();
    if let Some(parent) = to.parent {
        body.insert("parentReference".to_owned(), json!({ "id": parent.0 }));
    }
    if let Some(name) = to.name {
        body.insert("name".to_owned(), name.into());
    }
    // The service takes a move for a change and resets the times that it is not told again.
    if before.is_file()
        && let Some(times) = &before.file_system_info
    {
        body.insert("fileSystemInfo".to_owned(), json!(times));
    }
    body.into()
}
