//! The account, and ids that it gives ahead.

use outbound::{Call, skew_ms};
use reqwest::Method;

use super::Google;
use super::ask::read_json;
use super::fault::Fault;
use super::shapes::{AboutAccount, File, Ids};
use crate::{About, ItemId, Quota};

/// Ids are asked for in blocks of so many, the most that there are at a time.
const IDS: usize = 1000;

impl Google {
    pub(super) async fn account(&self) -> Result<About, Fault> {
        let fields = "user(displayName,emailAddress),storageQuota(limit,usage)";
        let about = self.api.url("/drive/v3/about", &[("fields", fields)]);
        let root = self
            .api
            .file_url(&ItemId("root".to_owned()), &[("fields", "id")])?;
        let (about, root) = futures_util::future::try_join(
            self.api.whole(Call::new(Method::GET, about)),
            self.api.json::<File>(Call::new(Method::GET, root)),
        )
        .await?;
        let skew_ms = skew_ms(&about.headers, self.api.client.now());
        let told: AboutAccount = read_json(&about)?;
        let bytes = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Ok(About {
            // An account has one drive for good, and so one root.
            drive: root.id.clone(),
            owner: told.user.shown().unwrap_or_else(|| "Google Drive".to_owned()),
            flavour: None,
            root: ItemId(root.id),
            quota: told.storage_quota.map(|quota| Quota {
                used_bytes: bytes(quota.usage).unwrap_or(0),
                limit_bytes: bytes(quota.limit),
            }),
            skew_ms,
        })
    }

    /// Takes so many ids that nothing has.
    pub(super) async fn take_ids(&self, count: usize) -> Result<Vec<ItemId>, Fault> {
        let mut taken = Vec::with_capacity(count);
        loop {
            {
                let mut ids = self.ids.lock().expect("nobody panics while holding it");
                let from = ids.len() - ids.len().min(count - taken.len());
                taken.extend(ids.drain(from..));
            }
            if taken.len() == count {
                return Ok(taken);
            }
            let size = IDS.to_string();
            let query = [("count", size.as_str()), ("space", "drive"), ("fields", "ids")];
            let url = self.api.url("/drive/v3/files/generateIds", &query);
            let more: Ids = self.api.json(Call::new(Method::GET, url)).await?;
            if more.ids.is_empty() {
                let wrong = "it gives no ids".to_owned();
                return Err(crate::RemoteError::Unavailable(wrong).into());
            }
            let more = more.ids.into_iter().map(ItemId);
            self.ids
                .lock()
                .expect("nobody panics while holding it")
                .extend(more);
        }
    }

    /// The id of what is to be made: the one that was given, or another that nothing has.
    pub(super) async fn id_for(&self, given: Option<&ItemId>) -> Result<ItemId, Fault> {
        if let Some(id) = given {
            super::ask::checked(id)?;
            return Ok(id.clone());
        }
        let mut ids = self.take_ids(1).await?;
        ids.pop()
            .ok_or_else(|| crate::RemoteError::Unavailable("it gives no ids".to_owned()).into())
    }
}
