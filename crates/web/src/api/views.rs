//! The shapes of our JSON. Only this crate knows them.

use jiff::Timestamp;
use model::{
    AppPassword, Change, Millis, Node, NodeKind, NodePath, Role, Session, SessionKind, User, UserId,
    UserState, Version,
};
use serde::Serialize;
use utoipa::ToSchema;

use hub::{Info, JobRow, Listed, ListingPage, Me, SignIn, UserRow};

/// A moment: RFC 3339, UTC.
pub(crate) fn time(at: Millis) -> String {
    Timestamp::from_millisecond(at.0).unwrap_or_default().to_string()
}

/// A folder or a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodeView {
    /// Stable id.
    #[schema(format = Uuid, example = "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f")]
    pub id: String,
    /// `folder` or `file`.
    #[schema(example = "file")]
    pub kind: &'static str,
    /// Its name; empty for the root folder.
    #[schema(example = "report.pdf")]
    pub name: String,
    /// The same, under the name that older clients know.
    #[schema(example = "report.pdf")]
    pub filename: String,
    /// The folder it is in; `null` for a root and in the trash.
    #[schema(format = Uuid)]
    pub parent_id: Option<String>,
    /// Bytes of its content; 0 for a folder.
    #[schema(example = 48213)]
    pub size: u64,
    /// Media type of a file.
    #[schema(example = "application/pdf")]
    pub mime_type: Option<String>,
    /// SHA-256 of a file's content, hexadecimal; none until what was uploaded straight to the store was
    /// read back.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    pub sha256: Option<String>,
    /// Entity tag of a file's content or a folder's state, for `If-Match` in double quotes.
    #[schema(example = "0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f-3")]
    pub etag: String,
    /// Number of a file's current version.
    #[schema(example = 3)]
    pub version: Option<u64>,
    /// Whether you starred it.
    pub starred: bool,
    /// When it was made.
    #[schema(format = DateTime, example = "2026-11-21T09:30:00Z")]
    pub created_at: String,
    /// When its content, or a folder's name or place, last changed.
    #[schema(format = DateTime, example = "2026-11-21T09:30:00Z")]
    pub updated_at: String,
    /// When it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub trashed_at: Option<String>,
    /// Its path, where a list goes beyond one folder; in the trash, where it would return to. Of what
    /// others gave you it begins there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/Papers/report.pdf")]
    pub path: Option<String>,
    /// What you may do with it: `view`, `edit` or `own`. Where one node is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "own")]
    pub right: Option<&'static str>,
    /// Whether you may give it to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub may_share: Option<bool>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = Uuid)]
    pub owner_id: Option<String>,
}

impl NodeView {
    /// A node as its owner sees it.
    pub fn new(node: &Node, is_starred: bool, path: Option<&NodePath>) -> Self {
        let version = node.version.as_ref();
        Self {
            id: node.id.to_string(),
            kind: kind(node.kind),
            name: node.name.to_string(),
            filename: node.name.to_string(),
            parent_id: node.parent.map(|parent| parent.to_string()),
            size: node.size_bytes(),
            mime_type: version.map(|version| version.media_type.clone()),
            sha256: version
                .and_then(|version| version.digest)
                .map(|digest| digest.to_string()),
            etag: node.etag(),
            version: version.map(|version| version.number),
            starred: is_starred,
            created_at: time(node.created_ms),
            updated_at: time(node.modified_ms),
            trashed_at: node.trashed.map(|trashed| time(trashed.at_ms)),
            path: path.map(ToString::to_string),
            right: None,
            may_share: None,
            owner_id: None,
        }
    }
}

impl From<&Info> for NodeView {
    fn from(info: &Info) -> Self {
        Self {
            right: Some(info.right.as_str()),
            may_share: Some(info.may_share),
            owner_id: Some(info.owner.to_string()),
            ..Self::new(&info.node, info.is_starred, Some(&info.path))
        }
    }
}

impl From<&Listed> for NodeView {
    fn from(listed: &Listed) -> Self {
        Self::new(&listed.node, listed.is_starred, listed.path.as_ref())
    }
}

pub(crate) const fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Folder => "folder",
        NodeKind::File => "file",
    }
}

/// One page of nodes.
#[derive(Serialize, ToSchema)]
pub(crate) struct NodePage {
    /// The nodes, in order.
    pub items: Vec<NodeView>,
    /// Opens the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

impl From<ListingPage> for NodePage {
    fn from(page: ListingPage) -> Self {
        Self {
            items: page.items.iter().map(NodeView::from).collect(),
            next_cursor: page.next,
        }
    }
}

/// What a sign-in gives.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenView {
    /// Who signed in.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// The address.
    #[schema(example = "user@example.com")]
    pub email: String,
    /// What they call themselves.
    #[schema(example = "John Doe")]
    pub full_name: String,
    /// `user` or `admin`.
    #[schema(example = "user")]
    pub role: &'static str,
    /// Send it as `Authorization: Bearer …`.
    pub access_token: String,
    /// Good once, at `/auth/refresh`.
    pub refresh_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    pub token_type: &'static str,
    /// Life of the access token, seconds.
    #[schema(example = 900)]
    pub expires_in: u32,
}

impl From<SignIn> for TokenView {
    fn from(sign_in: SignIn) -> Self {
        Self {
            user_id: sign_in.user.id.to_string(),
            email: sign_in.user.email.to_string(),
            full_name: sign_in.user.full_name,
            role: role(sign_in.user.role),
            access_token: sign_in.tokens.access,
            refresh_token: sign_in.tokens.refresh,
            token_type: "bearer",
            expires_in: sign_in.tokens.expires_in_secs,
        }
    }
}

pub(crate) const fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Admin => "admin",
    }
}

/// Your account.
#[derive(Serialize, ToSchema)]
pub(crate) struct MeView {
    /// Your id.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// Your address.
    #[schema(example = "user@example.com")]
    pub email: String,
    /// What you call yourself.
    #[schema(example = "John Doe")]
    pub full_name: String,
    /// `user` or `admin`.
    #[schema(example = "user")]
    pub role: &'static str,
    /// Bytes of all versions of your files, the trash included.
    pub used_bytes: u64,
    /// What you may store; `null` is no limit.
    pub quota_bytes: Option<u64>,
    /// Your root folder.
    #[schema(format = Uuid)]
    pub root_id: String,
    /// Your space.
    #[schema(format = Uuid)]
    pub space_id: String,
    /// When the account was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The language that you read, as a BCP 47 tag.
    #[schema(example = "pt-BR")]
    pub locale: Option<String>,
    /// Whether you have a photo.
    pub has_photo: bool,
    /// Where it is.
    #[schema(example = "/api/v1/users/0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f/photo")]
    pub photo_url: Option<String>,
}

impl From<Me> for MeView {
    fn from(me: Me) -> Self {
        let has_photo = me.user.photo_ms.is_some();
        Self {
            has_photo,
            photo_url: photo_url(me.user.id, has_photo),
            user_id: me.user.id.to_string(),
            email: me.user.email.to_string(),
            full_name: me.user.full_name,
            role: role(me.user.role),
            used_bytes: me.used_bytes,
            quota_bytes: me.quota_bytes,
            root_id: me.root.to_string(),
            space_id: me.user.space.to_string(),
            created_at: time(me.user.created_ms),
            locale: me.user.locale,
        }
    }
}

/// Where somebody's photo is.
pub(crate) fn photo_url(user: UserId, has_photo: bool) -> Option<String> {
    has_photo.then(|| format!("/api/v1/users/{user}/photo"))
}

/// An account as administrators see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserView {
    /// Its id.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// Its address.
    pub email: String,
    /// What the person calls themselves.
    pub full_name: String,
    /// `user` or `admin`.
    pub role: &'static str,
    /// Whether it may not sign in.
    pub disabled: bool,
    /// Bytes of its space.
    pub used_bytes: u64,
    /// Its own quota; `null` is the server's default.
    pub quota_bytes: Option<u64>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<UserRow> for UserView {
    fn from(UserRow { user, used_bytes }: UserRow) -> Self {
        let User {
            id,
            email,
            full_name,
            role: held,
            state,
            quota_bytes,
            created_ms,
            ..
        } = user;
        Self {
            user_id: id.to_string(),
            email: email.to_string(),
            full_name,
            role: role(held),
            disabled: state == UserState::Disabled,
            used_bytes,
            quota_bytes,
            created_at: time(created_ms),
        }
    }
}

/// One of your sign-ins.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// `token` (a program) or `cookie` (the page).
    pub kind: &'static str,
    /// What signed in, as it called itself.
    pub label: String,
    /// When it began.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it last did something, to within a minute.
    #[schema(format = DateTime)]
    pub used_at: String,
    /// When it ends at the latest.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

impl SessionView {
    /// A session as its owner sees it.
    pub fn new(session: &Session, is_current: bool) -> Self {
        Self {
            id: session.id.to_string(),
            kind: match session.kind {
                SessionKind::Token => "token",
                SessionKind::Cookie => "cookie",
            },
            label: session.label.clone(),
            created_at: time(session.created_ms),
            used_at: time(session.used_ms),
            expires_at: time(session.expires_ms),
            current: is_current,
        }
    }
}

/// An app password, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct AppPasswordView {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// What you called it.
    #[schema(example = "Laptop backup")]
    pub label: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last used, to within a minute.
    #[schema(format = DateTime)]
    pub used_at: Option<String>,
}

impl From<&AppPassword> for AppPasswordView {
    fn from(row: &AppPassword) -> Self {
        Self {
            id: row.id.to_string(),
            label: row.label.clone(),
            created_at: time(row.created_ms),
            used_at: row.used_ms.map(time),
        }
    }
}

/// One content of a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionView {
    /// 1 for the first; never used twice.
    #[schema(example = 3)]
    pub number: u64,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal; none until what was uploaded straight to the store was read back.
    pub sha256: Option<String>,
    /// Media type.
    pub mime_type: String,
    /// Who wrote it.
    #[schema(format = Uuid)]
    pub author_id: Option<String>,
    /// The door it came through: `api`, `web`, `restore`, `copy`, `webdav`, `link`.
    #[schema(example = "api")]
    pub origin: String,
    /// When it was stored.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// Whether it is the current one.
    pub current: bool,
    /// Its entity tag.
    pub etag: String,
}

impl VersionView {
    /// A version of a file whose newest has the number `current`.
    pub fn new(version: &Version, is_current: bool) -> Self {
        Self {
            number: version.number,
            size: version.size_bytes,
            sha256: version.digest.map(|digest| digest.to_string()),
            mime_type: version.media_type.clone(),
            author_id: version.author.map(|author| author.to_string()),
            origin: version.origin.to_string(),
            created_at: time(version.created_ms),
            current: is_current,
            etag: version.etag(),
        }
    }
}

/// One entry of your space's journal.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChangeView {
    /// Its number: 1, 2, 3, without gaps.
    #[schema(example = 42)]
    pub seq: u64,
    /// `created`, `content`, `moved`, `trashed`, `restored`, `purged` or `version_removed`.
    #[schema(example = "content")]
    pub kind: &'static str,
    /// The node.
    #[schema(format = Uuid)]
    pub node_id: String,
    /// `folder` or `file`.
    pub node_kind: &'static str,
    /// The folder it is in after the change; `null` outside the tree.
    #[schema(format = Uuid)]
    pub parent_id: Option<String>,
    /// Its name after the change.
    pub name: String,
    /// Number of its current version.
    pub version: Option<u64>,
    /// Bytes of it.
    pub size: Option<u64>,
    /// SHA-256 of it.
    pub sha256: Option<String>,
    /// Who did it; `null` for the server itself.
    #[schema(format = Uuid)]
    pub actor_id: Option<String>,
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
}

impl From<&Change> for ChangeView {
    fn from(change: &Change) -> Self {
        Self {
            seq: change.seq,
            kind: change.kind.as_str(),
            node_id: change.node.to_string(),
            node_kind: kind(change.node_kind),
            parent_id: change.parent.map(|parent| parent.to_string()),
            name: change.name.to_string(),
            version: change.version,
            size: change.size_bytes,
            sha256: change.digest.map(|digest| digest.to_string()),
            actor_id: change.actor.map(|actor| actor.to_string()),
            at: time(change.at_ms),
        }
    }
}

/// A piece of background work.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobView {
    /// Its id.
    #[schema(format = Uuid)]
    pub job_id: String,
    /// `upload`, `sweep`, `retention`, `scrub` or `purge`.
    #[schema(example = "upload")]
    pub kind: &'static str,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(example = "completed")]
    pub status: &'static str,
    /// 0 to 100.
    #[schema(example = 100)]
    pub progress_percentage: u8,
    /// Bytes done.
    pub done_bytes: u64,
    /// Bytes in all; 0 when that is not known.
    pub total_bytes: u64,
    /// Why it failed.
    pub error_message: Option<String>,
    /// The file that it is about.
    #[schema(format = Uuid)]
    pub file_id: Option<String>,
    /// Its name when the job was made.
    pub filename: Option<String>,
    /// Tries so far.
    pub attempts: u32,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
}

impl From<JobRow> for JobView {
    fn from(JobRow { job, filename }: JobRow) -> Self {
        Self {
            job_id: job.id.to_string(),
            kind: job.kind.as_str(),
            status: job.state.as_str(),
            progress_percentage: job.progress.percent,
            done_bytes: job.progress.done_bytes,
            total_bytes: job.progress.total_bytes,
            error_message: job.error,
            file_id: job.node.map(|node| node.to_string()),
            filename,
            attempts: job.attempts,
            created_at: time(job.created_ms),
            finished_at: job.finished_ms.map(time),
        }
    }
}
