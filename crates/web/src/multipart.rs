//! Uploads as forms (RFC 7578): the file streams to the store as it comes, whatever part comes first.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::BoxError;
use axum::body::BodyDataStream;
use axum::extract::Request;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use http::header;
use hub::{Expected, FolderRef, Hub, Staged, Stored, Upload, UploadPlace};
use model::{Actor, BodyError, ByteStream, Guard, Mirror, NodeName, NodePath, OnConflict, Origin};
use multer::{Field, Multipart};

use crate::extract::{Folder, refuse_encoding};
use crate::media;
use crate::problem::{self, ApiError, Extra, Problem};

/// Parts of one form.
const MOST_PARTS: usize = 32;
/// Longest text part.
const TEXT_BYTES: usize = 8 * 1024;
/// What may come between two parts, headers included: the parser gathers it in memory.
const BETWEEN_BYTES: usize = 64 * 1024;
/// Room while a part is read, which has bounds of its own.
const UNBOUNDED: usize = usize::MAX;
const TWO_FILES: &str = "there are two files in the form; send one";

/// A form that has come in whole.
pub(crate) struct Form {
    staged: Staged,
    upload: Upload,
    /// What copies it to providers.
    mirrors: Vec<Mirror>,
}

/// What the text parts say.
#[derive(Default)]
struct Fields {
    folder: Option<FolderRef>,
    path: Option<NodePath>,
    on_conflict: OnConflict,
    providers: Vec<&'static str>,
}

/// What may still come before a part begins.
type Room = Arc<AtomicUsize>;

/// More came between two parts than may.
#[derive(Debug)]
struct TooMuchBetween;

impl fmt::Display for TooMuchBetween {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("64 KiB came in which no part of the form began")
    }
}

impl std::error::Error for TooMuchBetween {}

/// The body of a form, which breaks off when there is no room left.
fn bounded(body: BodyDataStream, room: Room) -> impl Stream<Item = Result<Bytes, BoxError>> {
    body.map(move |chunk| {
        let left = room.load(Ordering::Relaxed);
        if left == 0 {
            return Err(TooMuchBetween.into());
        }
        let chunk = chunk.map_err(BoxError::from)?;
        if left != UNBOUNDED {
            room.store(left.saturating_sub(chunk.len()), Ordering::Relaxed);
        }
        Ok(chunk)
    })
}

/// The file part: its bytes are durable, its place is not known yet.
struct FilePart {
    staged: Staged,
    filename: Option<String>,
    media_type: String,
}

impl Form {
    /// Whether it asks for copies elsewhere.
    pub const fn asks_for_copies(&self) -> bool {
        !self.mirrors.is_empty()
    }

    /// Makes the file.
    pub async fn finish(self, hub: &Hub, actor: &Actor) -> Result<Stored, ApiError> {
        Ok(match self.mirrors.is_empty() {
            true => hub.finish_upload(actor, self.upload, self.staged).await?,
            false => {
                let upload = (self.upload, self.staged);
                hub.finish_copied_upload(actor, upload, self.mirrors).await?
            }
        })
    }
}

/// Reads a form to its end. After an error nothing of it is left.
///
/// # Errors
/// 400 for a broken form, 415 for anything else, 422 for parts that are missing, unknown, double
/// or wrong, 409 for a provider that is not configured; and those of an upload.
pub(crate) async fn receive(
    hub: &Hub,
    actor: &Actor,
    (guard, origin): (Guard, Origin),
    request: Request,
) -> Result<Form, ApiError> {
    let parts = open(request)?;
    // Without a name the place cannot be checked yet; the root can always be asked for its quota.
    let mut fields = Fields::default();
    let mut file: Option<FilePart> = None;
    let outcome = read_parts((hub, actor), parts, (&mut fields, &mut file)).await;
    match (outcome, file) {
        (Ok(()), Some(file)) => match build((hub, actor), fields, &file, (guard, origin)).await {
            Ok((upload, mirrors)) => Ok(Form {
                staged: file.staged,
                upload,
                mirrors,
            }),
            Err(error) => {
                hub.discard_staged(file.staged).await;
                Err(error)
            }
        },
        (Ok(()), None) => Err(invalid("file", "the form has no part called `file`")),
        (Err(error), file) => {
            if let Some(file) = file {
                hub.discard_staged(file.staged).await;
            }
            Err(error)
        }
    }
}

/// Reads a form whose one part, `file`, is a picture. After an error nothing of it is left.
///
/// # Errors
/// 400 for a broken form, 415 for anything else, 422 for parts that are missing, unknown or double;
/// and those of [`Hub::stage_photo`].
pub(crate) async fn receive_photo(hub: &Hub, actor: &Actor, request: Request) -> Result<Staged, ApiError> {
    let parts = open(request)?;
    let mut photo = None;
    let outcome = read_photo((hub, actor), parts, &mut photo).await;
    match (outcome, photo) {
        (Ok(()), Some(photo)) => Ok(photo),
        (Ok(()), None) => Err(invalid("file", "the form has no part called `file`")),
        (Err(error), photo) => {
            if let Some(photo) = photo {
                hub.discard_staged(photo).await;
            }
            Err(error)
        }
    }
}

async fn read_photo(
    (hub, actor): (&Hub, &Actor),
    mut parts: Parts,
    photo: &mut Option<Staged>,
) -> Result<(), ApiError> {
    while let Some((name, field)) = parts.next().await? {
        match name.as_str() {
            "file" if photo.is_some() => return Err(invalid("file", TWO_FILES)),
            "file" => *photo = Some(hub.stage_photo(actor, Expected::default(), body(field)).await?),
            _ => return Err(invalid(&name, "the one known part is file")),
        }
    }
    Ok(())
}

/// The parts of a form as they come.
pub(crate) struct Parts {
    form: Multipart<'static>,
    room: Room,
    count: usize,
}

/// Opens a form.
///
/// # Errors
/// 400 for one without a good boundary, 415 for anything else.
pub(crate) fn open(request: Request) -> Result<Parts, ApiError> {
    refuse_encoding(request.headers())?;
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if !kind.to_ascii_lowercase().starts_with("multipart/form-data") {
        let detail = "send a form: Content-Type: multipart/form-data with a part called `file`";
        return Err(Problem::new(problem::MEDIA_TYPE, detail).into());
    }
    let boundary = multer::parse_boundary(kind).map_err(|_| malformed("the form names no boundary"))?;
    if boundary.len() > 70 {
        return Err(malformed(
            "a boundary holds 70 characters at the most (RFC 2046 section 5.1.1)",
        ));
    }
    let room = Room::new(AtomicUsize::new(BETWEEN_BYTES));
    let body = bounded(request.into_body().into_data_stream(), Arc::clone(&room));
    let form = Multipart::new(body, boundary);
    Ok(Parts { form, room, count: 0 })
}

impl Parts {
    /// The next part and its name.
    ///
    /// # Errors
    /// 400 for a broken form or too many parts, 413 when too much lies between two of them.
    pub async fn next(&mut self) -> Result<Option<(String, Field<'static>)>, ApiError> {
        self.room.store(BETWEEN_BYTES, Ordering::Relaxed);
        let Some(field) = self.form.next_field().await.map_err(broken)? else {
            return Ok(None);
        };
        self.room.store(UNBOUNDED, Ordering::Relaxed);
        self.count += 1;
        if self.count > MOST_PARTS {
            return Err(malformed("a form has 32 parts at the most"));
        }
        if field.headers().contains_key("content-transfer-encoding") {
            return Err(malformed(
                "send parts as they are, without Content-Transfer-Encoding",
            ));
        }
        let name = field.name().unwrap_or_default().to_owned();
        Ok(Some((name, field)))
    }
}

/// The bytes of a part that is a file.
pub(crate) fn body(field: Field<'static>) -> ByteStream {
    Box::pin(field.map_err(|error| match error {
        multer::Error::StreamReadFailed(_) => BodyError::Incomplete,
        error => BodyError::Malformed(error.to_string()),
    }))
}

async fn read_parts(
    (hub, actor): (&Hub, &Actor),
    mut parts: Parts,
    (fields, file): (&mut Fields, &mut Option<FilePart>),
) -> Result<(), ApiError> {
    while let Some((name, field)) = parts.next().await? {
        match name.as_str() {
            "file" if file.is_some() => return Err(invalid("file", TWO_FILES)),
            "file" => *file = Some(read_file(hub, actor, fields, field).await?),
            _ => read_text(fields, &name, field).await?,
        }
    }
    Ok(())
}

async fn read_file(
    hub: &Hub,
    actor: &Actor,
    fields: &Fields,
    field: Field<'static>,
) -> Result<FilePart, ApiError> {
    let filename = field.file_name().map(str::to_owned);
    let media_type = field.content_type().map(ToString::to_string).unwrap_or_default();
    // What is known by now is checked before the bytes come in; all of it is once they are there.
    let probe = Upload {
        place: match fields.folder {
            // Whose quota it is depends on the folder; what may still come decides about its name.
            Some(folder) => UploadPlace::In {
                folder,
                name: NodeName::from_stored("file".to_owned()),
            },
            None => UploadPlace::Path(NodePath::default()),
        },
        on_conflict: OnConflict::KeepBoth,
        guard: Guard::None,
        media_type: String::new(),
        origin: Origin::Api,
        is_tracked: true,
    };
    hub.require_copies(actor, &fields.providers).await?;
    let limit_bytes = hub.admit(actor, &probe, Expected::default()).await?;
    let staged = hub.stage(limit_bytes, Expected::default(), body(field)).await?;
    Ok(FilePart {
        staged,
        filename,
        media_type,
    })
}

/// The text of a part that is none.
///
/// # Errors
/// 400 for what is not UTF-8, 413 for a long one.
pub(crate) async fn text(mut field: Field<'static>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > TEXT_BYTES {
            return Err(
                Problem::new(problem::TOO_LARGE, "a text part holds 8 KiB at the most")
                    .with(Extra::Close)
                    .into(),
            );
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| malformed("a text part is not UTF-8"))
}

async fn read_text(fields: &mut Fields, name: &str, field: Field<'static>) -> Result<(), ApiError> {
    let text = text(field).await?;
    match name {
        "folder_id" if text.is_empty() => {}
        "folder_id" => {
            let folder: Folder = text
                .parse()
                .map_err(|error: String| invalid("folder_id", error))?;
            fields.folder = Some(folder.0);
        }
        "path" if text.is_empty() => {}
        "path" => fields.path = Some(text.parse().map_err(|error| invalid("path", error))?),
        "on_conflict" => {
            fields.on_conflict = match text.as_str() {
                "" | "new_version" => OnConflict::NewVersion,
                "keep_both" => OnConflict::KeepBoth,
                "fail" => OnConflict::Fail,
                _ => return Err(invalid("on_conflict", "give new_version, keep_both or fail")),
            };
        }
        "sync_google" if is_yes("sync_google", &text)? => fields.providers.push("google"),
        "sync_azure" if is_yes("sync_azure", &text)? => fields.providers.push("azure"),
        "sync_google" | "sync_azure" => {}
        _ => {
            let known = "known parts are file, folder_id, path, on_conflict, sync_google and sync_azure";
            return Err(invalid(name, known));
        }
    }
    Ok(())
}

/// A form has no booleans: these are the words that forms and their libraries send.
fn is_yes(name: &str, text: &str) -> Result<bool, ApiError> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "on" | "yes" => Ok(true),
        "false" | "0" | "off" | "no" | "" => Ok(false),
        _ => Err(invalid(name, "give true or false")),
    }
}

async fn build(
    (hub, actor): (&Hub, &Actor),
    fields: Fields,
    file: &FilePart,
    (guard, origin): (Guard, Origin),
) -> Result<(Upload, Vec<Mirror>), ApiError> {
    if fields.folder.is_some() && fields.path.is_some() {
        return Err(invalid("path", "give either folder_id or path"));
    }
    let filename = file.filename.as_deref().unwrap_or_default();
    let name = match &fields.path {
        Some(path) => path
            .names()
            .last()
            .ok_or_else(|| invalid("path", "a file needs a name"))?
            .clone(),
        None => NodeName::new(filename).map_err(|error| invalid("file", error))?,
    };
    let mirrors = hub.copying_mirrors(actor, &fields.providers).await?;
    // What nobody gave a place goes where it is copied from.
    let usual = mirrors
        .first()
        .map_or(FolderRef::Root, |mirror| FolderRef::Id(mirror.node));
    let media_type = media::of(&file.media_type, &name);
    let place = match fields.path {
        Some(path) => UploadPlace::Path(path),
        None => UploadPlace::In {
            folder: fields.folder.unwrap_or(usual),
            name,
        },
    };
    let upload = Upload {
        place,
        on_conflict: fields.on_conflict,
        guard,
        media_type,
        origin,
        is_tracked: true,
    };
    Ok((upload, mirrors))
}

fn broken(error: multer::Error) -> ApiError {
    match error {
        multer::Error::StreamReadFailed(error) if error.is::<TooMuchBetween>() => {
            Problem::new(problem::TOO_LARGE, error.to_string())
                .with(Extra::Close)
                .into()
        }
        multer::Error::StreamReadFailed(_) => malformed("the body ended early"),
        error => Problem::new(problem::MALFORMED, format!("the form is broken: {error}"))
            .with(Extra::Close)
            .into(),
    }
}

fn malformed(detail: &str) -> ApiError {
    Problem::new(problem::MALFORMED, detail).with(Extra::Close).into()
}

fn invalid(field: &str, detail: impl ToString) -> ApiError {
    let detail = detail.to_string();
    Problem::new(problem::INVALID, format!("`{field}`: {detail}"))
        .field(field, detail)
        .into()
}
