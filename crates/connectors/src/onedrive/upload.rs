//! Contents on their way to the service: small ones in one request, others by a session.

use outbound::{Body, Call, Kind};
use reqwest::Method;
use serde_json::json;

use super::ask::{read_json, with_json};
use super::item::{DriveItem, FIELDS, read_time, write_time};
use super::refusal::Trouble;
use super::window::Windows;
use super::{DriveKind, LARGEST_BYTES, OneDrive};
use crate::{HashKind, Hashes, ItemId, RemoteError, Revision, Target, Upload, Written};

/// The longest content that is sent in one request. Newer services take more; all take this.
const SMALL_BYTES: u64 = 4 << 20;
/// Files that SharePoint writes something into after they were uploaded.
const REWRITTEN: &[&str] = &[
    "docx", "docm", "dotx", "dotm", "doc", "xlsx", "xlsm", "xlsb", "xltx", "xls", "pptx", "pptm", "potx",
    "ppsx", "ppt", "one", "vsdx", "html", "htm", "aspx",
];
/// How often a file is looked at that the service may be rewriting, or tells no hash of yet.
const LOOKS: u32 = 5;

/// How often a content is sent: with the tag that was seen, with that of now, and whatever the tag.
const TRIES: u32 = 3;
/// In what steps times are kept, milliseconds.
const STEP_MS: i64 = 1000;
/// Stands for no condition.
const NO_TAG: &str = "";

/// How a conditional replacement ended.
pub(super) enum Outcome {
    /// The file as the service tells it.
    Done(Box<DriveItem>),
    /// A condition failed although it seems to hold: it is worth another try with this tag.
    Again {
        /// The file.
        id: ItemId,
        /// How it is now.
        tag: String,
    },
}

impl OneDrive {
    /// Creates or replaces a file.
    pub(super) async fn send(&self, upload: &Upload<'_>) -> Result<Written, RemoteError> {
        if let Target::Create { name, .. } = upload.target {
            self.check_name(name)?;
        }
        let size_bytes = upload.source.size_bytes();
        if size_bytes > LARGEST_BYTES {
            return Err(RemoteError::TooLarge {
                most_bytes: LARGEST_BYTES,
            });
        }
        let mut windows = Windows::of(upload.source);
        // A time that is set afterwards makes another version in drives of organizations, so contents with one go
        // by a session, which takes it along. Empty ones cannot.
        let is_small = size_bytes == 0 || (size_bytes <= SMALL_BYTES && upload.modified.is_none());
        let mut tag = None;
        let mut before = None;
        for tried in 1..=TRIES {
            let tagged = tag.take();
            let outcome = if is_small {
                self.put_whole(upload, &mut windows, tagged).await?
            } else {
                self.by_session(upload, &mut windows, tagged).await?
            };
            match outcome {
                Outcome::Done(item) => {
                    let mut written = self.checked(upload, &mut windows, *item).await?;
                    if let Some(before) = before {
                        written.overwrote = self.newer_versions(&written.item.id, &before).await?;
                    }
                    return Ok(written);
                }
                // The service refuses the very tag that it tells, which people have met on all kinds of drives, and
                // goes on doing so. What comes between is found out from its versions then.
                Outcome::Again { id, .. } if tried + 1 == TRIES => {
                    before = Some(self.version_names(&id).await?);
                    // After that, or what comes in the meantime would count as seen.
                    self.expect_unchanged(&id, upload).await?;
                    tag = Some(NO_TAG.to_owned());
                }
                Outcome::Again { tag: now, .. } => tag = Some(now),
            }
        }
        Err(RemoteError::Unavailable(
            "it takes the file for changed, and does not show a change".to_owned(),
        ))
    }

    async fn expect_unchanged(&self, id: &ItemId, upload: &Upload<'_>) -> Result<(), RemoteError> {
        let now = self.get_item(id, FIELDS).await?;
        match upload.target {
            Target::Replace { expected, .. } if !now.has(expected, self.kind) => Err(RemoteError::Changed),
            Target::Replace { .. } | Target::Create { .. } => Ok(()),
        }
    }

    async fn put_whole(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
        tag: Option<String>,
    ) -> Result<Outcome, RemoteError> {
        let mut call = match upload.target {
            Target::Create { parent, name, .. } => {
                let rest = "/content?@microsoft.graph.conflictBehavior=fail";
                Call::new(Method::PUT, self.addresses.child(&parent.0, name, rest))
            }
            Target::Replace { id, expected } => {
                let tag = match self.tag_of(id, expected, tag, windows).await? {
                    Base::Tag(tag) => tag,
                    Base::Done(item) => return Ok(Outcome::Done(item)),
                };
                conditional(
                    Call::new(Method::PUT, self.addresses.item(&id.0, "/content")),
                    &tag,
                )
            }
        };
        call.kind = Kind::Content;
        // Never empty, or an empty file would be taken for a form.
        call.set_header("content-type", content_type(upload.media_type));
        let bytes = windows.read(0, windows.size_bytes()).await?;
        let call = call.with_body(Body::from(bytes));
        let item: DriveItem = match self.patiently(|| self.ask(call.clone())).await {
            Ok(answer) => read_json(&answer)?,
            Err(trouble) => return self.after_refusal(upload, windows, trouble).await,
        };
        upload.journal.arrived(windows.size_bytes());
        Ok(Outcome::Done(Box::new(item)))
    }

    /// What a refusal of a write comes to, which an earlier try of ours may have brought about itself.
    pub(super) async fn after_refusal(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
        trouble: Trouble,
    ) -> Result<Outcome, RemoteError> {
        let there = if trouble.status() == 409 {
            self.ours_at_last(upload, windows).await?
        } else if trouble.leaves_open() {
            self.ours(upload, windows).await?
        } else {
            None
        };
        if let Some(item) = there {
            return Ok(Outcome::Done(Box::new(item)));
        }
        if let (412, Target::Replace { id, expected }) = (trouble.status(), upload.target)
            && let Ok(now) = self.get_item(id, FIELDS).await
            && now.has(expected, self.kind)
            && let Some(tag) = now.e_tag
        {
            return Ok(Outcome::Again { id: id.clone(), tag });
        }
        Err(trouble.into())
    }

    /// What the content that shall be replaced is held against.
    pub(super) async fn tag_of(
        &self,
        id: &ItemId,
        expected: &Revision,
        known: Option<String>,
        windows: &mut Windows<'_>,
    ) -> Result<Base, RemoteError> {
        // The tag of content, where the revision is that.
        let tag = known.or_else(|| expected.0.strip_prefix("c:").map(ToOwned::to_owned));
        if let Some(tag) = tag {
            return Ok(Base::Tag(tag));
        }
        let now = self.patiently(|| self.get_item(id, FIELDS)).await?;
        if !now.has(expected, self.kind) {
            let hashes = windows.hashes().await?;
            return match is_content(&now, windows.size_bytes(), &hashes) {
                Some(true) => Ok(Base::Done(Box::new(now))),
                Some(false) | None => Err(RemoteError::Changed),
            };
        }
        let tag = now.c_tag.or(now.e_tag);
        tag.map(Base::Tag)
            .ok_or_else(|| RemoteError::Unavailable("it does not tell the file's tag".to_owned()))
    }

    /// The file, if it is there with the content that we send.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be told yet.
    pub(super) async fn ours(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
    ) -> Result<Option<DriveItem>, RemoteError> {
        let found = match upload.target {
            Target::Create { parent, name, .. } => self.look_up(parent, name).await,
            Target::Replace { id, .. } => self.get_item(id, FIELDS).await,
        };
        match found {
            Ok(item) => self.if_ours(upload, windows, item).await,
            Err(trouble) if trouble.status() == 404 => Ok(None),
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// As [`OneDrive::ours`] of a file that the service says to be there already, even if it does not show it
    /// everywhere.
    async fn ours_at_last(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
    ) -> Result<Option<DriveItem>, RemoteError> {
        let Target::Create { parent, name, .. } = upload.target else {
            return self.ours(upload, windows).await;
        };
        match self.patiently(|| self.look_up(parent, name)).await {
            Ok(item) => self.if_ours(upload, windows, item).await,
            Err(trouble) if trouble.may_be_lag() => Err(RemoteError::Unavailable(
                "it does not show what has that name yet".to_owned(),
            )),
            Err(trouble) => Err(trouble.into()),
        }
    }

    async fn if_ours(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
        found: DriveItem,
    ) -> Result<Option<DriveItem>, RemoteError> {
        let is_other = match upload.target {
            // Names that differ in case are one to the service, and two to us.
            Target::Create { name, .. } => found.name.as_deref() != Some(name),
            // The content that is to be replaced is not ours.
            Target::Replace { expected, .. } => found.has(expected, self.kind),
        };
        if is_other {
            return Ok(None);
        }
        let hashes = windows.hashes().await?;
        let id = ItemId(found.id.clone());
        let mut item = found;
        for tried in 1..=LOOKS {
            match is_content(&item, windows.size_bytes(), &hashes) {
                Some(true) => return Ok(Some(item)),
                Some(false) => return Ok(None),
                None => self.pause(tried).await,
            }
            item = self.patiently(|| self.get_item(&id, FIELDS)).await?;
        }
        Err(RemoteError::Unavailable(
            "it does not tell the file's hash yet".to_owned(),
        ))
    }

    /// Holds what was stored against what was sent.
    async fn checked(
        &self,
        upload: &Upload<'_>,
        windows: &mut Windows<'_>,
        stored: DriveItem,
    ) -> Result<Written, RemoteError> {
        let hashes = windows.hashes().await?;
        let size_bytes = windows.size_bytes();
        upload.journal.keep(None).await.map_err(RemoteError::Source)?;
        let is_rewritable =
            self.kind == DriveKind::Business && is_office(stored.name.as_deref().unwrap_or_default());
        let (stored, is_rewritten) = if is_rewritable {
            self.settled(stored, size_bytes, &hashes).await?
        } else {
            (stored, false)
        };
        if !is_rewritten && !is_same(&stored, size_bytes, &hashes) {
            if let (Target::Create { .. }, Some(tag)) = (upload.target, &stored.e_tag) {
                let tag = crate::Tag(tag.clone());
                // It says below what counts; that the wrong file could not be taken away does not.
                self.remove(&ItemId(stored.id.clone()), Some(&tag)).await.ok();
            }
            return Err(RemoteError::Damaged(
                "Microsoft stored something else than was sent".to_owned(),
            ));
        }
        let stored = self.dated(upload, stored).await?;
        let mut item = stored.clone().into_item(self.kind);
        if !is_rewritten && !is_rewritable && size_bytes > 0 && item.hashes.quick_xor.is_none() {
            // The service tells the hash later. It was just seen to hold these bytes, so it is known already.
            item.hashes = hashes;
            if self.kind == DriveKind::Business {
                let hash = hashes.text(HashKind::QuickXor).unwrap_or_default();
                item.revision = Some(Revision(super::item::content_name(size_bytes, &hash)));
            }
        }
        Ok(Written {
            item,
            overwrote: Vec::new(),
            is_rewritten,
        })
    }

    /// Looks at a file until it stays as it is, and tells whether the service made something else of it.
    async fn settled(
        &self,
        stored: DriveItem,
        size_bytes: u64,
        hashes: &Hashes,
    ) -> Result<(DriveItem, bool), RemoteError> {
        let id = ItemId(stored.id.clone());
        let mut last = stored;
        for tried in 1..=LOOKS {
            let now = match self.get_item(&id, FIELDS).await {
                Ok(now) => now,
                // Not everywhere yet: what the upload answered is all that is known.
                Err(trouble) if trouble.may_be_lag() => break,
                Err(trouble) => return Err(trouble.into()),
            };
            let is_steady = now.e_tag == last.e_tag && now.revision(self.kind) == last.revision(self.kind);
            last = now;
            if is_steady {
                break;
            }
            self.pause(tried).await;
        }
        let is_rewritten = !is_same(&last, size_bytes, hashes);
        Ok((last, is_rewritten))
    }

    /// Gives an empty file its time, which its upload could not take along.
    async fn dated(&self, upload: &Upload<'_>, stored: DriveItem) -> Result<DriveItem, RemoteError> {
        let Some(modified) = upload.modified.filter(|_| upload.source.size_bytes() == 0) else {
            return Ok(stored);
        };
        let told = stored.file_system_info.as_ref();
        let told = told.and_then(|times| read_time(times.last_modified_date_time.as_deref()?));
        // An earlier try did it already; in organizations doing it again would make another version.
        if told.is_some_and(|told| told.0.div_euclid(STEP_MS) == modified.0.div_euclid(STEP_MS)) {
            return Ok(stored);
        }
        let times = json!({ "fileSystemInfo": { "lastModifiedDateTime": write_time(modified) } });
        let url = self.addresses.item(&stored.id, &format!("?$select={FIELDS}"));
        let call = with_json(Call::new(Method::PATCH, url), &times);
        match self.patiently(|| self.ask(call.clone())).await {
            Ok(answer) if answer.status == 204 => {
                let id = ItemId(stored.id.clone());
                Ok(self.patiently(|| self.get_item(&id, FIELDS)).await?)
            }
            Ok(answer) => read_json(&answer),
            Err(trouble) => Err(trouble.into()),
        }
    }
}

/// Holds a request against a tag.
pub(super) fn conditional(call: Call, tag: &str) -> Call {
    if tag == NO_TAG {
        call
    } else {
        call.with_header("if-match", tag)
    }
}

/// What a replacement goes by.
pub(super) enum Base {
    /// The tag that the file must still have.
    Tag(String),
    /// The file has the new content already, from an earlier try.
    Done(Box<DriveItem>),
}

/// Whether a file has this content; `None` when its hash is not told.
fn is_content(item: &DriveItem, size_bytes: u64, hashes: &Hashes) -> Option<bool> {
    if !item.is_file() || item.size != Some(size_bytes) {
        return Some(false);
    }
    if size_bytes == 0 {
        return Some(true);
    }
    item.hashes().agrees(hashes)
}

/// Whether what was just stored is what was sent, as far as the service tells.
fn is_same(item: &DriveItem, size_bytes: u64, hashes: &Hashes) -> bool {
    is_content(item, size_bytes, hashes).unwrap_or(true)
}

fn is_office(name: &str) -> bool {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| REWRITTEN.contains(&extension.as_str()))
}

fn content_type(media_type: &str) -> &str {
    if media_type.is_empty() {
        "application/octet-stream"
    } else {
        media_type
    }
}
