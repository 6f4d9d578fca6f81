//! Shapes that several dialects share.

use hub::{Contact, Hub, HubError, LinkRow, NewLink};
use model::{Actor, LinkMode, Node, NodeId};
use serde::Serialize;
use utoipa::ToSchema;

use super::Refusal;
use super::fields::Fields;
use crate::api::views::time;
use crate::base::Base;
use crate::blob;

/// How long a signed address holds when nobody says, seconds.
pub(crate) const HOLDS_SECS: u32 = 300;

/// A file.
#[derive(Serialize, ToSchema)]
pub(crate) struct FileItem {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// The same.
    #[schema(format = Uuid)]
    pub file_id: String,
    /// Its name.
    #[schema(example = "report.pdf")]
    pub name: String,
    /// The same.
    #[schema(example = "report.pdf")]
    pub filename: String,
    /// Always `file`.
    #[serde(rename = "type")]
    #[schema(example = "file")]
    pub kind: &'static str,
    /// Its folder; `null` where you may not see it.
    #[schema(format = Uuid)]
    pub folder_id: Option<String>,
    /// Bytes.
    #[schema(example = 48213)]
    pub size: u64,
    /// Its media type.
    #[schema(example = "application/pdf")]
    pub content_type: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When its content last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

impl From<&Node> for FileItem {
    fn from(node: &Node) -> Self {
        Self {
            id: node.id.to_string(),
            file_id: node.id.to_string(),
            name: node.name.to_string(),
            filename: node.name.to_string(),
            kind: "file",
            folder_id: node.parent.map(|parent| parent.to_string()),
            size: node.size_bytes(),
            content_type: node.version.as_ref().map(|version| version.media_type.clone()),
            created_at: time(node.created_ms),
            updated_at: time(node.modified_ms),
        }
    }
}

/// A folder.
#[derive(Serialize, ToSchema)]
pub(crate) struct FolderItem {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// The same.
    #[schema(format = Uuid)]
    pub folder_id: String,
    /// Its name; empty for your root folder.
    #[schema(example = "Papers")]
    pub name: String,
    /// Always `folder`.
    #[serde(rename = "type")]
    #[schema(example = "folder")]
    pub kind: &'static str,
    /// The folder above; `null` for the root, and where you may not see it.
    #[schema(format = Uuid)]
    pub parent_id: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When its name or place last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

impl From<&Node> for FolderItem {
    fn from(node: &Node) -> Self {
        Self {
            id: node.id.to_string(),
            folder_id: node.id.to_string(),
            name: node.name.to_string(),
            kind: "folder",
            parent_id: node.parent.map(|parent| parent.to_string()),
            created_at: time(node.created_ms),
            updated_at: time(node.modified_ms),
        }
    }
}

/// Somebody with whom something is shared.
#[derive(Serialize, ToSchema)]
pub(crate) struct DrivePerson {
    /// Their id.
    #[schema(format = Uuid)]
    pub id: String,
    /// Their address.
    #[schema(example = "bob@example.com")]
    pub email: String,
    /// What they call themselves.
    #[schema(example = "Bob")]
    pub name: String,
}

impl From<Contact> for DrivePerson {
    fn from(contact: Contact) -> Self {
        Self {
            id: contact.id.to_string(),
            email: contact.email,
            name: contact.full_name,
        }
    }
}

/// A file and a signed address of its content.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedFile {
    #[serde(flatten)]
    pub file: FileItem,
    /// Opens the content without a token, for a while.
    #[schema(example = "https://drive.example.org/blob/eyJuIjoi…")]
    pub url: String,
    /// The same.
    pub download_url: String,
    /// For how long, seconds.
    #[schema(example = 300)]
    pub expires_in: u32,
    /// Until when.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// Signs an address of a file's content. The query may say `expires_in` (seconds) and `inline`.
///
/// # Errors
/// Those of signing.
pub(crate) async fn download(
    (hub, actor, base): (&Hub, &Actor, &Base),
    id: NodeId,
    mut query: Fields,
) -> Result<SignedFile, Refusal> {
    let expires_in = query.number(&["expires_in"], 1..=900).unwrap_or(HOLDS_SECS);
    let is_inline = query.flag(&["inline"]).unwrap_or(false);
    query.check()?;
    let address = hub
        .sign_download(actor, (id, None), (Some(expires_in), is_inline))
        .await?;
    let url = blob::url(base, &address);
    Ok(SignedFile {
        file: FileItem::from(&hub.open_file(actor, id, None).await?.node),
        download_url: url.clone(),
        url,
        expires_in,
        expires_at: time(address.expires_ms),
    })
}

/// The plain links to a file that the actor made, for looking only and without a limit.
///
/// # Errors
/// Those of listing links; `NotFound` for a folder.
pub(crate) async fn plain_links(hub: &Hub, actor: &Actor, id: NodeId) -> Result<Vec<LinkRow>, HubError> {
    hub.open_file(actor, id, None).await?;
    let mut rows = hub.node_links(actor, id).await?;
    rows.retain(|row| {
        let link = &row.link;
        let is_limited = link.has_password || link.expires_ms.is_some() || link.most_downloads.is_some();
        Some(link.given_by) == actor.user() && link.mode == LinkMode::View && !is_limited
    });
    Ok(rows)
}

/// A plain link to be made.
pub(crate) const fn plain_link(node: NodeId) -> NewLink {
    NewLink {
        node,
        mode: LinkMode::View,
        label: String::new(),
        password: None,
        expires_ms: None,
        most_downloads: None,
    }
}
