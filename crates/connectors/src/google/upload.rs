//! New files, in one request or in pieces.

use bytes::Bytes;
use futures_util::StreamExt;
use model::BodyError;
use reqwest::Method;
use serde_json::{Value, json};

use super::ask::{ALL_DRIVES, checked};
use super::fault::Fault;
use super::session::{Begin, Pieces, Sent};
use super::shapes::{FILE, File, rfc3339};
use super::{Google, LARGEST_BYTES, RESUMES_FROM_BYTES, multipart};
use crate::{HashKind, Hasher, Hashes, Item, ItemId, RemoteError, Target, Upload, Written};

/// What is computed of what is sent: the one is fast to check, the other is always there.
pub(super) const HASHES: [HashKind; 2] = [HashKind::Sha256, HashKind::Md5];

/// Where something new goes.
#[derive(Clone, Copy)]
struct Place<'a> {
    parent: &'a ItemId,
    name: &'a str,
    id: Option<&'a ItemId>,
}

impl Google {
    pub(super) async fn put(&self, upload: &Upload<'_>) -> Result<Written, Fault> {
        let size_bytes = upload.source.size_bytes();
        if size_bytes > LARGEST_BYTES {
            let most_bytes = LARGEST_BYTES;
            return Err(RemoteError::TooLarge { most_bytes }.into());
        }
        let is_small = size_bytes <= RESUMES_FROM_BYTES;
        match upload.target {
            Target::Create { parent, name, id } => {
                self.abilities.names.check(name).map_err(RemoteError::Name)?;
                checked(parent)?;
                let place = Place { parent, name, id };
                let item = match is_small {
                    true => self.create_small(upload, place).await?,
                    false => self.create_large(upload, place).await?,
                };
                Ok(written(self.not_in_trash(item)?))
            }
            Target::Replace { id, expected } if is_small => self.replace_small(upload, id, expected).await,
            Target::Replace { id, expected } => self.replace_large(upload, id, expected).await,
        }
    }

    async fn create_small(&self, upload: &Upload<'_>, place: Place<'_>) -> Result<Item, Fault> {
        let (bytes, hashes) = gathered(upload).await?;
        let id = self.id_for(place.id).await?;
        let query = [("uploadType", "multipart"), ALL_DRIVES, ("fields", FILE)];
        let url = self.api.url("/upload/drive/v3/files", &query);
        let media_type = multipart::plain_type(upload.media_type);
        let about = about(upload, place, &id);
        let call = multipart::call(Method::POST, url, &about, (media_type, &bytes));
        let item = match self.api.json::<File>(call).await {
            Ok(file) => self.kept_if_right(file.into_item(), upload, &hashes).await?,
            Err(fault) if fault.status() == 409 => self.repeated(place, &id, &hashes).await?,
            Err(fault) => return Err(fault),
        };
        upload.journal.arrived(upload.source.size_bytes());
        Ok(item)
    }

    async fn create_large(&self, upload: &Upload<'_>, place: Place<'_>) -> Result<Item, Fault> {
        let query = [("uploadType", "resumable"), ALL_DRIVES, ("fields", FILE)];
        let url = self.api.url("/upload/drive/v3/files", &query);
        let mut pieces = Pieces::new(upload, self.piece_bytes);
        let place_key = match place.id {
            Some(id) => id.0.clone(),
            None => format!("{} {}", place.parent.0, place.name),
        };
        let key = format!("create {} {place_key}", time_key(upload));
        let kept = self.kept_session(upload, &key).await;
        let id = match kept.as_ref().and_then(|kept| kept.id.clone()) {
            Some(id) => ItemId(id),
            None => self.id_for(place.id).await?,
        };
        let begin = Begin {
            key,
            id: Some(id.0.clone()),
            call: super::ask::with_json(Method::POST, url, &about(upload, place, &id)),
        };
        match self.send(upload, &begin, kept, &mut pieces).await {
            Ok(Sent { file, hashes }) => self.kept_if_right(file.into_item(), upload, &hashes).await,
            Err(fault) if fault.status() == 409 => {
                let hashes = pieces.all().await?;
                let item = self.repeated(place, &id, &hashes).await?;
                self.forget(upload).await?;
                Ok(item)
            }
            Err(fault) => Err(fault),
        }
    }

    /// What is there under an id that is used: ours, from a try whose answer was lost, or something else.
    async fn repeated(&self, place: Place<'_>, id: &ItemId, hashes: &Hashes) -> Result<Item, Fault> {
        let item = self.made_before(id).await?;
        let is_ours = item.is_file()
            && item.name == place.name
            && item.parent.as_ref() == Some(place.parent)
            && item.hashes.agrees(hashes) == Some(true);
        if is_ours {
            Ok(item)
        } else {
            Err(RemoteError::Exists.into())
        }
    }

    /// Something new, if it is what was sent; else it is put into the trash.
    async fn kept_if_right(&self, item: Item, upload: &Upload<'_>, hashes: &Hashes) -> Result<Item, Fault> {
        let id = item.id.clone();
        match verified(item, upload, hashes) {
            Ok(item) => Ok(item),
            Err(error) => {
                if let Err(fault) = self.throw_away(&id, None).await {
                    let error = RemoteError::from(fault);
                    tracing::warn!(%error, "a damaged upload cannot be removed");
                }
                Err(error.into())
            }
        }
    }
}

/// What tells one content from another of the same length, so that none goes on with the other's session.
pub(super) fn time_key(upload: &Upload<'_>) -> i64 {
    upload.modified.map_or(0, |at| at.0)
}

/// The description of a new file.
fn about(upload: &Upload<'_>, place: Place<'_>, id: &ItemId) -> Value {
    let mut about = json!({
        "id": id.0,
        "name": place.name,
        "parents": [place.parent.0],
        "mimeType": multipart::plain_type(upload.media_type),
    });
    if let Some(modified) = upload.modified {
        about["modifiedTime"] = rfc3339(modified).into();
    }
    about
}

/// What was written, if it is what was sent. It has the hashes of what was sent then.
pub(super) fn verified(mut item: Item, upload: &Upload<'_>, hashes: &Hashes) -> Result<Item, RemoteError> {
    let is_long = item
        .size_bytes
        .is_some_and(|size| size != upload.source.size_bytes());
    if is_long || item.hashes.agrees(hashes) == Some(false) {
        return Err(RemoteError::Damaged(
            "Google holds other bytes than it was sent".to_owned(),
        ));
    }
    item.hashes = *hashes;
    Ok(item)
}

pub(super) const fn written(item: Item) -> Written {
    Written {
        item,
        overwrote: Vec::new(),
        is_rewritten: false,
    }
}

/// All bytes of a small content.
pub(super) async fn gathered(upload: &Upload<'_>) -> Result<(Vec<Bytes>, Hashes), RemoteError> {
    let size_bytes = upload.source.size_bytes();
    let mut stream = upload.source.open(0).await.map_err(RemoteError::Source)?;
    let mut hasher = Hasher::new(&HASHES);
    let mut pieces = Vec::new();
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(RemoteError::Source)?;
        hasher.update(&bytes);
        if hasher.size_bytes() > size_bytes {
            return Err(too_long());
        }
        pieces.push(bytes);
    }
    if hasher.size_bytes() < size_bytes {
        return Err(RemoteError::Source(BodyError::Incomplete));
    }
    Ok((pieces, hasher.finish()))
}

pub(super) fn too_long() -> RemoteError {
    let wrong = "there are more bytes than were announced".to_owned();
    RemoteError::Source(BodyError::Malformed(wrong))
}
