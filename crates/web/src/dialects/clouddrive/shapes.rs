//! The shapes of CloudDrive's API. Bodies are read field by field; here they are described.

use hub::{ShareRow, SignIn};
use model::{Right, User};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::views::time;
use crate::dialects::views::{DrivePerson, FileItem, FolderItem};

/// Somebody who wants an account.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct NewUser {
    /// The address.
    #[schema(example = "user@example.com", format = "email", max_length = 254)]
    email: String,
    /// 8 to 1024 bytes.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 1024)]
    password: String,
    /// What they call themselves; also `full_name` or `username`.
    #[schema(
        nullable = false,
        example = "John Doe",
        max_length = 255,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
    )]
    name: Option<String>,
}

/// An address and a password.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct Credentials {
    /// The address; also `email`.
    #[schema(example = "user@example.com")]
    username: String,
    /// The password.
    #[schema(max_length = 1024)]
    password: String,
    /// `password`, if it is there.
    #[schema(nullable = false, example = "password", pattern = "^password$")]
    grant_type: Option<String>,
}

/// A new name.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct NewName {
    /// The name; also `new_name`.
    #[schema(
        example = "report 2026.pdf",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^/\\\u0000-\u001f\u007f-\u009f]*$"
    )]
    name: String,
}

/// A folder to be made.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct NewDrive {
    /// Its name.
    #[schema(
        example = "Papers",
        min_length = 1,
        max_length = 255,
        pattern = r"^[^/\\\u0000-\u001f\u007f-\u009f]*$"
    )]
    name: String,
    /// The folder above: an id, or `root` (default).
    #[schema(
        nullable = false,
        pattern = "^(root|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
    )]
    parent_id: Option<String>,
}

/// What to give to whom.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct NewDriveShare {
    /// A file. Or `folder_id`, or `item_id` for either.
    #[schema(nullable = false, format = Uuid)]
    file_id: Option<String>,
    /// A folder, with all below it.
    #[schema(nullable = false, format = Uuid)]
    folder_id: Option<String>,
    /// Address of the person's account. Or `user_id`, or `shared_with` for either.
    #[schema(nullable = false, example = "bob@example.com")]
    email: Option<String>,
    /// `view` (default) or `edit`.
    #[schema(nullable = false, example = "view", pattern = "^(view|edit)$")]
    permission: Option<String>,
}

/// A file to be stored.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct DriveUpload {
    /// The file. Its name is that of the part.
    #[schema(value_type = String, format = Binary)]
    file: String,
    /// The folder: an id, or `root` (default).
    #[schema(
        nullable = false,
        pattern = "^(root|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$"
    )]
    folder_id: Option<String>,
    /// When the name is taken: `replace` or `keep_both`. Otherwise that is refused with 409.
    #[schema(nullable = false, example = "replace", pattern = "^(replace|keep_both)?$")]
    conflict: Option<String>,
}

/// A picture.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(crate) struct PhotoUpload {
    /// A JPEG, PNG, GIF or WebP picture.
    #[schema(value_type = String, format = Binary)]
    file: String,
}

/// An account.
#[derive(Serialize, ToSchema)]
pub(crate) struct DriveUser {
    /// Its id.
    #[schema(format = Uuid)]
    pub id: String,
    /// Its address.
    #[schema(example = "user@example.com")]
    pub email: String,
    /// What the person calls themselves.
    #[schema(example = "John Doe")]
    pub name: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<User> for DriveUser {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            name: user.full_name,
            created_at: time(user.created_ms),
        }
    }
}

/// What a sign-in gives.
#[derive(Serialize, ToSchema)]
pub(crate) struct DriveTokens {
    /// Send it as `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `bearer`.
    #[schema(example = "bearer")]
    pub token_type: &'static str,
    /// Life of the access token, seconds.
    #[schema(example = 900)]
    pub expires_in: u32,
    /// Good once, at `/auth/refresh`.
    pub refresh_token: String,
}

impl From<SignIn> for DriveTokens {
    fn from(sign_in: SignIn) -> Self {
        Self {
            access_token: sign_in.tokens.access,
            token_type: "bearer",
            expires_in: sign_in.tokens.expires_in_secs,
            refresh_token: sign_in.tokens.refresh,
        }
    }
}

/// An account, signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedUp {
    #[serde(flatten)]
    pub user: DriveUser,
    #[serde(flatten)]
    pub tokens: DriveTokens,
}

/// Whose token it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct VerifiedToken {
    /// Always `true`: what is not valid is answered by 401.
    pub valid: bool,
    /// Whose.
    #[schema(format = Uuid)]
    pub user_id: String,
    /// Their address.
    #[schema(example = "user@example.com")]
    pub email: String,
    /// The account.
    pub user: DriveUser,
}

/// What a folder holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct FolderContents {
    /// The folder.
    pub folder: FolderItem,
    /// Folders in it, in order.
    pub folders: Vec<FolderItem>,
    /// Files in it, in order.
    pub files: Vec<FileItem>,
    /// Opens the rest, as `cursor`; `null` when this is all.
    pub next_cursor: Option<String>,
}

/// Something that was given to somebody.
#[derive(Serialize, ToSchema)]
pub(crate) struct DriveShare {
    /// The share's id.
    #[schema(format = Uuid)]
    pub share_id: String,
    /// The id of the file or folder.
    #[schema(format = Uuid)]
    pub id: String,
    /// `file` or `folder`.
    #[serde(rename = "type")]
    #[schema(example = "file")]
    pub kind: &'static str,
    /// Its name.
    #[schema(example = "report.pdf")]
    pub name: String,
    /// Bytes of a file.
    pub size: u64,
    /// `view` or `edit`: what it amounts to now.
    #[schema(example = "view")]
    pub permission: Option<&'static str>,
    /// To whom.
    pub shared_with: DrivePerson,
    /// By whom.
    pub shared_by: DrivePerson,
    /// Whose it is.
    pub owner: DrivePerson,
    /// Since when.
    #[schema(format = DateTime)]
    pub shared_at: String,
}

impl From<ShareRow> for DriveShare {
    fn from(row: ShareRow) -> Self {
        Self {
            share_id: row.share.id.to_string(),
            id: row.node.id.to_string(),
            kind: if row.node.is_folder() { "folder" } else { "file" },
            name: row.node.name.to_string(),
            size: row.node.size_bytes(),
            permission: row.right.map(Right::as_str),
            shared_with: row.user.into(),
            shared_by: row.giver.into(),
            owner: row.owner.into(),
            shared_at: time(row.share.created_ms),
        }
    }
}

/// Where a photo is.
#[derive(Serialize, ToSchema)]
pub(crate) struct PhotoAddress {
    /// Opens it without a token, for a while.
    #[schema(example = "https://drive.example.org/profile_photo/eyJwIjoi…")]
    pub url: String,
    /// For how long, seconds.
    #[schema(example = 300)]
    pub expires_in: u32,
}
