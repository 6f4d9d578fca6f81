//! Other contents for files that are there, by version 2 of the API: it writes under `If-Match`.
//!
//! The tag that it compares changes with more than the content, so a refusal is looked into. For contents in
//! pieces nobody promises when it is compared; whatever came between is found among the revisions then, and
//! told.

use outbound::Call;
use reqwest::Method;
use serde_json::{Value, json};

use super::Google;
use super::ask::{ALL_DRIVES, checked};
use super::fault::Fault;
use super::multipart;
use super::session::{Begin, Kept, Pieces, Sent};
use super::shapes::{FILE_V2, File, rfc3339};
use super::upload::{gathered, time_key, verified, written};
use crate::{Hashes, Item, ItemId, RemoteError, Revision, Upload, Written};

/// How often a write is tried whose tag was outrun by changes of other things than the content.
const TRIES: u32 = 4;

/// What is to be replaced.
struct Base {
    item: Item,
    etag: Option<String>,
}

impl Google {
    pub(super) async fn replace_small(
        &self,
        upload: &Upload<'_>,
        id: &ItemId,
        expected: &Revision,
    ) -> Result<Written, Fault> {
        let (bytes, hashes) = gathered(upload).await?;
        let media_type = multipart::plain_type(upload.media_type);
        for _ in 0..TRIES {
            let base = self.base(id).await?;
            if base.item.revision.as_ref() != Some(expected) {
                return ours_or_changed(base.item, upload, &hashes);
            }
            let url = self.replace_url(id, "multipart", upload)?;
            let call = multipart::call(Method::PUT, url, &about(upload), (media_type, &bytes));
            match self.api.json::<File>(under(call, base.etag.as_deref())).await {
                Ok(file) => {
                    upload.journal.arrived(upload.source.size_bytes());
                    let item = verified(self.told(file, &base.item), upload, &hashes)?;
                    return Ok(written(item));
                }
                Err(fault) if fault.status() == 412 => {}
                Err(fault) => return Err(fault),
            }
        }
        Err(outrun())
    }

    pub(super) async fn replace_large(
        &self,
        upload: &Upload<'_>,
        id: &ItemId,
        expected: &Revision,
    ) -> Result<Written, Fault> {
        let mut pieces = Pieces::new(upload, self.piece_bytes);
        let key = format!("replace {} {} {}", time_key(upload), checked(id)?, expected.0);
        let mut kept = self.kept_session(upload, &key).await;
        for _ in 0..TRIES {
            let base = self.base(id).await?;
            if base.item.revision.as_ref() != Some(expected) {
                self.forget(upload).await?;
                if base.item.size_bytes != Some(upload.source.size_bytes()) {
                    return Err(RemoteError::Changed.into());
                }
                let hashes = pieces.all().await?;
                let written = ours_or_changed(base.item, upload, &hashes)?;
                let overwrote = self.overwrote(&written.item, expected, &hashes).await?;
                return Ok(Written { overwrote, ..written });
            }
            match self
                .send_large(upload, &base, &key, kept.take(), &mut pieces)
                .await
            {
                Ok(Sent { file, hashes }) => {
                    let item = verified(self.told(file, &base.item), upload, &hashes)?;
                    let overwrote = self.overwrote(&item, expected, &hashes).await?;
                    return Ok(Written {
                        overwrote,
                        ..written(item)
                    });
                }
                Err(fault) if fault.status() == 412 => self.forget(upload).await?,
                Err(fault) => return Err(fault),
            }
        }
        Err(outrun())
    }

    async fn send_large(
        &self,
        upload: &Upload<'_>,
        base: &Base,
        key: &str,
        kept: Option<Kept>,
        pieces: &mut Pieces<'_>,
    ) -> Result<Sent, Fault> {
        let url = self.replace_url(&base.item.id, "resumable", upload)?;
        let call = super::ask::with_json(Method::PUT, url, &about(upload));
        let begin = Begin {
            key: key.to_owned(),
            id: None,
            call: under(call, base.etag.as_deref()),
        };
        self.send(upload, &begin, kept, pieces).await
    }

    /// A file as it is before it is written, if it can be.
    async fn base(&self, id: &ItemId) -> Result<Base, Fault> {
        let path = format!("/drive/v2/files/{}", checked(id)?);
        let url = self.api.url(&path, &[ALL_DRIVES, ("fields", FILE_V2)]);
        let mut file: File = self.api.json(Call::new(Method::GET, url)).await?;
        let etag = file.etag.take();
        let item = self.not_in_trash(file.into_item())?;
        if !item.is_file() {
            return Err(RemoteError::NoContent.into());
        }
        Ok(Base { item, etag })
    }

    fn replace_url(&self, id: &ItemId, way: &str, upload: &Upload<'_>) -> Result<String, Fault> {
        let mut query = vec![("uploadType", way), ALL_DRIVES, ("fields", FILE_V2)];
        if upload.modified.is_some() {
            query.push(("setModifiedDate", "true"));
        }
        Ok(self
            .api
            .url(&format!("/upload/drive/v2/files/{}", checked(id)?), &query))
    }

    /// The file as it is told to be now.
    fn told(&self, file: File, before: &Item) -> Item {
        Item {
            is_editable: before.is_editable,
            ..file.into_item()
        }
    }

    /// Contents that came between what was expected and what we wrote.
    async fn overwrote(
        &self,
        item: &Item,
        expected: &Revision,
        hashes: &Hashes,
    ) -> Result<Vec<Revision>, Fault> {
        let past = self.contents(&item.id).await?;
        let newer = past
            .iter()
            .position(|past| Some(&past.revision) == item.revision.as_ref());
        let older = newer.map_or(&[][..], |newer| &past[newer + 1..]);
        let between = match older.iter().position(|past| past.revision == *expected) {
            Some(expected) => &older[..expected],
            // Long histories have gaps; what is right before ours is not what was expected.
            None => &older[..older.len().min(1)],
        };
        // An earlier try of ours, whose answer was lost, is nobody's loss.
        let theirs = between
            .iter()
            .filter(|past| past.hashes.agrees(hashes) != Some(true));
        Ok(theirs.map(|past| past.revision.clone()).collect())
    }
}

/// The description of a new content, as version 2 has it.
fn about(upload: &Upload<'_>) -> Value {
    let mut about = json!({"mimeType": multipart::plain_type(upload.media_type)});
    if let Some(modified) = upload.modified {
        about["modifiedDate"] = rfc3339(modified).into();
    }
    about
}

fn under(call: Call, etag: Option<&str>) -> Call {
    match etag {
        Some(etag) => call.with_header("if-match", etag),
        None => call,
    }
}

/// The content is another than was expected: ours, by a try whose answer was lost, or somebody else's.
fn ours_or_changed(item: Item, upload: &Upload<'_>, hashes: &Hashes) -> Result<Written, Fault> {
    let is_ours = item.hashes.agrees(hashes) == Some(true);
    match verified(item, upload, hashes) {
        Ok(item) if is_ours => {
            upload.journal.arrived(upload.source.size_bytes());
            Ok(written(item))
        }
        _ => Err(RemoteError::Changed.into()),
    }
}

fn outrun() -> Fault {
    RemoteError::Unavailable("the file is being changed all the time".to_owned()).into()
}
