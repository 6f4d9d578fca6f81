//! The API of a personal cloud in Flask: names are sanitised, and what a file is stored as is told by
//! its upload. See `docs/dialects/personal-cloud.md`.

use axum::Json as Reply;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};
use hub::{FolderRef, Hub, HubError};
use model::{Actor, Node, NodeId, NodeName, OnConflict};
use serde::Serialize;
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::fields::Fields;
use super::forms::{self, Goal};
use super::{FlaskError, Refusal};
use crate::Web;
use crate::extract::Path;
use crate::problem::{self, ApiError, Problem};
use crate::replies::{self, Show};
use crate::sessions::Signed;

/// The part of the document that these operations belong to.
pub(crate) const TAG: &str = "personal-cloud";

/// Digits of an id in a stored name.
const ID_DIGITS: usize = 32;

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(upload))
        .routes(routes!(download))
}

/// A file to be stored.
#[derive(ToSchema)]
#[allow(dead_code)]
struct PersonalUpload {
    /// The file. Its name is that of the part, sanitised.
    #[schema(value_type = String, format = Binary)]
    file: String,
}

/// What an upload made.
#[derive(Serialize, ToSchema)]
struct PersonalFile {
    /// In a sentence.
    #[schema(example = "File uploaded successfully")]
    message: &'static str,
    /// What the file is stored as: `/download/{filename}` returns it.
    #[schema(example = "0190c2a45b6e7c3d8e9f0a1b2c3d4e5f_report.pdf")]
    filename: String,
    /// Its sanitised name.
    #[schema(example = "report.pdf")]
    original_filename: String,
    /// Bytes.
    #[schema(example = 48213)]
    size: u64,
}

/// `POST /upload`
///
/// Stores a file in your root folder, under its sanitised name. One that is taken gets a number.
#[utoipa::path(post, path = "/upload", operation_id = "personal_cloud_upload", tag = TAG,
    request_body(content = PersonalUpload, content_type = "multipart/form-data"),
    responses((status = 201, description = "The file is stored", body = PersonalFile),
              (status = 400, description = "No file came, or none with a name", body = FlaskError)))]
async fn upload(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    request: Request,
) -> Result<Response, Refusal> {
    let form = forms::receive((&hub, &actor), Fields::empty("body"), request).await;
    let mut form = form.map_err(|refusal| match refusal {
        // What is no form has no parts.
        Refusal::Problem(ApiError(problem)) if problem.status == 415 => no("No file part").into(),
        refusal => refusal,
    })?;
    let file = form.file.take().ok_or_else(|| no("No file part"))?;
    let goal = goal(&file.name);
    let stored = file.store((&hub, &actor), goal).await?;
    let view = PersonalFile {
        message: "File uploaded successfully",
        filename: stored_name(&stored.node),
        original_filename: secure_filename(stored.node.name.as_str()),
        size: stored.node.size_bytes(),
    };
    Ok((StatusCode::CREATED, Reply(view)).into_response())
}

fn goal(name: &str) -> Result<Goal, Refusal> {
    if name.is_empty() {
        return Err(no("No selected file").into());
    }
    let name = NodeName::new(&secure_filename(name)).map_err(|_| no("Invalid file name"))?;
    Ok(Goal {
        folder: FolderRef::Root,
        name,
        on_conflict: OnConflict::KeepBoth,
    })
}

fn no(text: &str) -> ApiError {
    Problem::new(problem::MALFORMED, text).into()
}

/// `GET /download/{filename}`
///
/// The file that is stored as this, for its owner.
#[utoipa::path(get, path = "/download/{filename}", operation_id = "personal_cloud_download", tag = TAG,
    params(("filename" = String, Path, description = "As `/upload` told it"),
           ("Range" = Option<String>, Header, description = "Parts of the content, such as `bytes=0-99`"),
           ("If-None-Match" = Option<String>, Header, description = "Only if the content is another")),
    responses((status = 200, description = "The content", body = Vec<u8>, content_type = "*/*"),
              (status = 206, description = "Parts of the content", body = Vec<u8>, content_type = "*/*"),
              (status = 304, description = "The content is the one you have"),
              (status = 416, description = "Beyond the end of the content", body = FlaskError)))]
async fn download(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(filename): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let id = stored_id(&filename).ok_or(HubError::NotFound("file"))?;
    require_own(&hub, &actor, id).await?;
    let download = hub.open_file(&actor, id, None).await?;
    if stored_name(&download.node) != filename {
        return Err(HubError::NotFound("file").into());
    }
    replies::sent_on(&hub, (&method, &headers), &download, Show::Attached).await
}

/// What others gave to somebody has no stored name for them.
async fn require_own(hub: &Hub, actor: &Actor, id: NodeId) -> Result<(), HubError> {
    match hub.info(actor, id).await {
        Ok(info) if Some(info.owner) == actor.user() => Ok(()),
        Ok(_) | Err(HubError::NotFound(_)) => Err(HubError::NotFound("file")),
        Err(error) => Err(error),
    }
}

/// What a file is stored as: its id, which no other has, and its sanitised name.
fn stored_name(node: &Node) -> String {
    let id = node.id.to_string().replace('-', "");
    format!("{id}_{}", secure_filename(node.name.as_str()))
}

/// The id in a stored name.
fn stored_id(filename: &str) -> Option<NodeId> {
    let digits = filename.get(..ID_DIGITS)?;
    let groups = [0..8, 8..12, 12..16, 16..20, 20..ID_DIGITS].map(|group| digits.get(group));
    let groups = groups.into_iter().collect::<Option<Vec<&str>>>()?;
    groups.join("-").parse().ok()
}

/// The rules of Werkzeug's `secure_filename`: letters that have an ASCII form take it, other letters go;
/// separators and blanks become one `_`; only letters, digits, `_`, `.` and `-` stay, and no `.` or `_`
/// at either end.
fn secure_filename(name: &str) -> String {
    let ascii: String = name.nfkd().filter(char::is_ascii).collect();
    // What Python's `split` takes for blanks.
    let is_blank = |c: char| matches!(c, ' ' | '\t'..='\r' | '\x1c'..='\x1f' | '/');
    let words: Vec<&str> = ascii.split(is_blank).filter(|word| !word.is_empty()).collect();
    let mut name = words.join("_");
    name.retain(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    name.trim_matches(['.', '_']).to_owned()
}

#[cfg(test)]
mod tests {
    use model::{Millis, NodeKind, SpaceId};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_sanitised_as_werkzeug_does() {
        // The first three stand in its documentation.
        for (name, secure) in [
            ("My cool movie.mov", "My_cool_movie.mov"),
            ("../../../etc/passwd", "etc_passwd"),
            (
                "i contain cool \u{fc}ml\u{e4}uts.txt",
                "i_contain_cool_umlauts.txt",
            ),
            ("..\\..\\boot.ini", "boot.ini"),
            ("C:\\Users\\me\\report.pdf", "CUsersmereport.pdf"),
            (" a \t b\u{b}c\u{1f}d ", "a_b_c_d"),
            ("a//b / c", "a_b_c"),
            ("x\u{0}y\u{1b}z", "xyz"),
            ("\u{fb01}ne \u{ff26}.txt", "fine_F.txt"),
            ("\u{65e5}\u{672c}.txt", "txt"),
            ("\u{65e5}\u{672c}", ""),
            ("..", ""),
            ("._.", ""),
            ("__init__.py", "init__.py"),
            (".env", "env"),
            ("a..b", "a..b"),
            ("<script>.html", "script.html"),
            ("-rf", "-rf"),
            ("", ""),
        ] {
            assert_eq!(secure_filename(name), secure, "{name:?}");
        }
    }

    #[test]
    fn a_stored_name_begins_with_its_id() {
        let id: NodeId = "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f".parse().expect("an id");
        let node = Node {
            id,
            space: SpaceId::from_bytes([0; 16]),
            parent: None,
            name: NodeName::new("a b.txt").expect("a name"),
            kind: NodeKind::File,
            version: None,
            revision: 1,
            created_ms: Millis(0),
            modified_ms: Millis(0),
            trashed: None,
        };
        let name = stored_name(&node);
        assert_eq!(name, "0190c2a45b6e7c3d8e9f0a1b2c3d4e5f_a_b.txt");
        assert_eq!(stored_id(&name), Some(id));
        for wrong in [
            "",
            "0190",
            "0190C2A45B6E7C3D8E9F0A1B2C3D4E5F_a",
            "../../etc/passwd",
        ] {
            assert_eq!(stored_id(wrong), None, "{wrong:?}");
        }
        assert_eq!(stored_id(&"\u{e4}".repeat(40)), None);
    }

    proptest! {
        #[test]
        fn a_sanitised_name_is_safe_and_stays_as_it_is(name in any::<String>()) {
            let secure = secure_filename(&name);
            prop_assert!(secure.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)));
            prop_assert!(!secure.starts_with(['.', '_']) && !secure.ends_with(['.', '_']));
            prop_assert_eq!(secure_filename(&secure), secure);
        }
    }
}
