//! The API of CloudDrive: files, folders (`drive`), shares and photos of a FastAPI service with
//! presigned addresses. See `docs/dialects/clouddrive.md`.

mod shapes;

use axum::Json as Reply;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use hub::{FolderRef, Hub, HubError, NewFolder, NewShare, NodeChange, Person, Registration};
use model::{Actor, Guard, NodeId, OnConflict, Order, Right, Sort, SortKey, UserId};
use serde::Serialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::fields::{Fields, FromBody, FromQuery, folder_id, id};
use super::forms::{self, Goal};
use super::lists::{self, MOST_ITEMS, Source, Window};
use super::views::{self, FileItem, FolderItem, HOLDS_SECS, SignedFile};
use super::{FastApiError, Refusal};
use crate::Web;
use crate::api::profiles;
use crate::base::Base;
use crate::extract::Path;
use crate::replies::AsItIs;
use crate::sessions::{From, Signed};
use shapes::{
    Credentials, DriveShare, DriveTokens, DriveUpload, DriveUser, FolderContents, NewDrive, NewDriveShare,
    NewName, NewUser, PhotoAddress, PhotoUpload, SignedUp, VerifiedToken,
};

/// The part of the document that these operations belong to.
pub(crate) const TAG: &str = "clouddrive";

/// Names of a new name.
const NAME: [&str; 6] = [
    "name",
    "new_name",
    "folder_name",
    "file_name",
    "filename",
    "new_filename",
];
/// Names of a folder above.
const PARENT: [&str; 4] = ["parent_id", "parent_folder_id", "folder_id", "drive_id"];

/// Its routes.
pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default()
        .routes(routes!(create_user))
        .routes(routes!(login))
        .routes(routes!(verify_token))
        .routes(routes!(upload))
        .routes(routes!(get_file, rename_file, delete_file))
        .routes(routes!(list_root, create_folder))
        .routes(routes!(list_folder, rename_folder, delete_folder))
        .routes(routes!(share))
        .routes(routes!(shared_with_me))
        .routes(routes!(profile_photo, set_profile_photo))
        .routes(routes!(signed_photo))
}

/// `POST /user`
///
/// Makes an account. It is signed in too; those of the older system call `/login` next.
#[utoipa::path(post, path = "/user", operation_id = "clouddrive_create_user", tag = TAG, security(()),
    request_body = NewUser, responses((status = 201, description = "The account", body = SignedUp)))]
async fn create_user(
    State(hub): State<Hub>,
    From(peer): From,
    FromBody(mut body): FromBody,
) -> Result<Response, Refusal> {
    let registration = Registration {
        email: body.required(&["email"]),
        password: body.required(&["password"]),
        full_name: body
            .text(&["name", "full_name", "username", "user_name", "display_name"])
            .unwrap_or_default(),
        setup_code: body.text(&["setup_code"]),
        invite: body.text(&["invite"]),
    };
    body.check()?;
    let sign_in = hub.register(registration, &peer).await?;
    let signed_up = SignedUp {
        user: sign_in.user.clone().into(),
        tokens: sign_in.into(),
    };
    Ok(secret(StatusCode::CREATED, signed_up))
}

/// `POST /login`
///
/// Signs in, by the form of OAuth2 or by JSON.
#[utoipa::path(post, path = "/login", operation_id = "clouddrive_login", tag = TAG, security(()),
    request_body(content((Credentials = "application/x-www-form-urlencoded"),
                         (Credentials = "application/json"))),
    responses((status = 200, description = "Signed in", body = DriveTokens)))]
async fn login(
    State(hub): State<Hub>,
    From(peer): From,
    FromBody(mut body): FromBody,
) -> Result<Response, Refusal> {
    let email = body.required(&["username", "email"]);
    let password = body.required(&["password"]);
    body.word(&["grant_type"], &[("password", ())]);
    body.check()?;
    let sign_in = hub.log_in(&email, &password, &peer).await?;
    Ok(secret(StatusCode::OK, DriveTokens::from(sign_in)))
}

/// A reply with a secret is not compressed.
fn secret(status: StatusCode, view: impl Serialize) -> Response {
    let mut response = (status, Reply(view)).into_response();
    response.extensions_mut().insert(AsItIs);
    response
}

/// `GET /verify-token`
///
/// Tells whose token it is.
#[utoipa::path(get, path = "/verify-token", operation_id = "clouddrive_verify_token", tag = TAG,
    responses((status = 200, description = "It is valid", body = VerifiedToken)))]
async fn verify_token(
    State(hub): State<Hub>,
    Signed(actor): Signed,
) -> Result<Reply<VerifiedToken>, Refusal> {
    let user = DriveUser::from(hub.me(&actor).await?.user);
    Ok(Reply(VerifiedToken {
        valid: true,
        user_id: user.id.clone(),
        email: user.email.clone(),
        user,
    }))
}

/// `POST /file`
///
/// Stores a file. If the name is taken, the request must say `replace` or `keep_both`.
#[utoipa::path(post, path = "/file", operation_id = "clouddrive_upload", tag = TAG,
    request_body(content = DriveUpload, content_type = "multipart/form-data"),
    responses((status = 201, description = "The file", body = FileItem),
              (status = 404, description = "There is no such folder", body = FastApiError)))]
async fn upload(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    FromQuery(query): FromQuery,
    request: Request,
) -> Result<Response, Refusal> {
    let mut form = forms::receive((&hub, &actor), query, request).await?;
    let file = form.file.take().ok_or_else(forms::missing)?;
    let goal = goal(form.fields, &file.name);
    let stored = file.store((&hub, &actor), goal).await?;
    Ok((StatusCode::CREATED, Reply(FileItem::from(&stored.node))).into_response())
}

fn goal(mut fields: Fields, name: &str) -> Result<Goal, Refusal> {
    let folder = fields.folder(&PARENT).unwrap_or(FolderRef::Root);
    let on_conflict = forms::on_conflict(&mut fields).unwrap_or(OnConflict::Fail);
    let name = forms::name(&mut fields, name);
    fields.check()?;
    Ok(Goal {
        folder,
        name,
        on_conflict,
    })
}

/// `GET /file/{file_id}`
///
/// A file and a signed address of its content.
#[utoipa::path(get, path = "/file/{file_id}", operation_id = "clouddrive_get_file", tag = TAG,
    params(("file_id" = String, Path, format = Uuid),
           ("inline" = Option<bool>, Query, description = "For showing rather than saving"),
           ("expires_in" = Option<u32>, Query, description = "Seconds; 300 when left out", minimum = 1, maximum = 900)),
    responses((status = 200, description = "The file", body = SignedFile),
              (status = 422, description = "No id, or a time that is too long", body = FastApiError)))]
async fn get_file(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(file): Path<String>,
    FromQuery(query): FromQuery,
    base: Base,
) -> Result<Reply<SignedFile>, Refusal> {
    let file = id("file_id", &file)?;
    Ok(Reply(views::download((&hub, &actor, &base), file, query).await?))
}

/// `PATCH /file/{file_id}`
///
/// Renames a file.
#[utoipa::path(patch, path = "/file/{file_id}", operation_id = "clouddrive_rename_file", tag = TAG,
    params(("file_id" = String, Path, format = Uuid)), request_body = NewName,
    responses((status = 200, description = "The file", body = FileItem)))]
async fn rename_file(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(file): Path<String>,
    FromBody(body): FromBody,
) -> Result<Reply<FileItem>, Refusal> {
    let file = id("file_id", &file)?;
    let change = change(body)?;
    hub.open_file(&actor, file, None).await?;
    let (node, _) = hub.change_node(&actor, file, change).await?;
    Ok(Reply(FileItem::from(&node)))
}

/// A change of name that a body asks for.
fn change(mut body: Fields) -> Result<NodeChange, Refusal> {
    let name = body.name(&NAME);
    let on_conflict = forms::on_conflict(&mut body).unwrap_or(OnConflict::Fail);
    body.check()?;
    Ok(NodeChange {
        name: Some(name),
        on_conflict,
        ..NodeChange::default()
    })
}

/// `DELETE /file/{file_id}`
///
/// Moves a file to the trash.
#[utoipa::path(delete, path = "/file/{file_id}", operation_id = "clouddrive_delete_file", tag = TAG,
    params(("file_id" = String, Path, format = Uuid)),
    responses((status = 204, description = "It is in the trash"),
              (status = 422, description = "No id", body = FastApiError)))]
async fn delete_file(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(file): Path<String>,
) -> Result<StatusCode, Refusal> {
    let file = id("file_id", &file)?;
    hub.open_file(&actor, file, None).await?;
    hub.delete(&actor, file, Guard::None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /drive`
///
/// Makes a folder.
#[utoipa::path(post, path = "/drive", operation_id = "clouddrive_create_folder", tag = TAG, request_body = NewDrive,
    responses((status = 201, description = "The folder", body = FolderItem),
              (status = 404, description = "There is no such folder", body = FastApiError)))]
async fn create_folder(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    FromBody(mut body): FromBody,
) -> Result<Response, Refusal> {
    let new = NewFolder::In {
        folder: body.folder(&PARENT).unwrap_or(FolderRef::Root),
        name: body.name(&NAME),
        on_conflict: forms::on_conflict(&mut body).unwrap_or(OnConflict::Fail),
    };
    body.check()?;
    let (node, _) = hub.create_folder(&actor, new).await?;
    Ok((StatusCode::CREATED, Reply(FolderItem::from(&node))).into_response())
}

/// `GET /drive`
///
/// What your root folder holds.
#[utoipa::path(get, path = "/drive", operation_id = "clouddrive_list_root", tag = TAG,
    params(("sort_by" = Option<String>, Query, description = "`name` (default), `date` or `size`",
            pattern = "^(name|date|size)$"),
           ("order" = Option<String>, Query, description = "`asc` (default) or `desc`",
            pattern = "^(asc|desc)$"),
           ("limit" = Option<u32>, Query, description = "Items at the most", minimum = 1, maximum = 10000),
           ("offset" = Option<u32>, Query, description = "Items to leave out at the start", maximum = 10000),
           ("cursor" = Option<String>, Query, description = "`next_cursor` of another reply", min_length = 1,
            max_length = 4096)),
    responses((status = 200, description = "Folders and files", body = FolderContents),
              (status = 422, description = "A word or a number is wrong", body = FastApiError)))]
async fn list_root(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    FromQuery(query): FromQuery,
) -> Result<Reply<FolderContents>, Refusal> {
    list((&hub, &actor), FolderRef::Root, query).await
}

/// `GET /drive/{folder_id}`
///
/// What a folder holds.
#[utoipa::path(get, path = "/drive/{folder_id}", operation_id = "clouddrive_list_folder", tag = TAG,
    params(("folder_id" = String, Path, description = "An id, or `root`"),
           ("sort_by" = Option<String>, Query, description = "`name` (default), `date` or `size`",
            pattern = "^(name|date|size)$"),
           ("order" = Option<String>, Query, description = "`asc` (default) or `desc`",
            pattern = "^(asc|desc)$"),
           ("limit" = Option<u32>, Query, description = "Items at the most", minimum = 1, maximum = 10000),
           ("offset" = Option<u32>, Query, description = "Items to leave out at the start", maximum = 10000),
           ("cursor" = Option<String>, Query, description = "`next_cursor` of another reply", min_length = 1,
            max_length = 4096)),
    responses((status = 200, description = "Folders and files", body = FolderContents),
              (status = 409, description = "It is a file", body = FastApiError),
              (status = 422, description = "A word or a number is wrong", body = FastApiError)))]
async fn list_folder(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(folder): Path<String>,
    FromQuery(query): FromQuery,
) -> Result<Reply<FolderContents>, Refusal> {
    list((&hub, &actor), folder_id("folder_id", &folder)?, query).await
}

async fn list(
    (hub, actor): (&Hub, &Actor),
    folder: FolderRef,
    mut query: Fields,
) -> Result<Reply<FolderContents>, Refusal> {
    use SortKey::{Modified, Name, Size};
    let keys = [
        ("name", Name),
        ("date", Modified),
        ("size", Size),
        ("created_at", Modified),
        ("updated_at", Modified),
        ("modified", Modified),
    ];
    let orders = [
        ("asc", Order::Ascending),
        ("desc", Order::Descending),
        ("ascending", Order::Ascending),
        ("descending", Order::Descending),
    ];
    let sort = Sort {
        key: query.word(&["sort_by", "sort"], &keys).unwrap_or_default(),
        order: query
            .word(&["order", "sort_order", "order_by", "direction"], &orders)
            .unwrap_or_default(),
    };
    let window = window(&mut query);
    query.check()?;
    let shown = hub.folder_info(actor, folder).await?.node;
    let found = lists::nodes((hub, actor), &Source::Children(folder, (None, sort)), window).await?;
    let (folders, files): (Vec<_>, Vec<_>) = found.items.iter().partition(|listed| listed.node.is_folder());
    Ok(Reply(FolderContents {
        folder: FolderItem::from(&shown),
        folders: folders
            .iter()
            .map(|listed| FolderItem::from(&listed.node))
            .collect(),
        files: files.iter().map(|listed| FileItem::from(&listed.node)).collect(),
        next_cursor: found.next,
    }))
}

fn window(query: &mut Fields) -> Window {
    Window {
        offset: query.number(&["offset", "skip"], 0..=MOST_ITEMS).unwrap_or(0),
        limit: query.number(&["limit"], 1..=MOST_ITEMS).unwrap_or(MOST_ITEMS),
        cursor: query.text(&["cursor"]),
    }
}

/// `PATCH /drive/{folder_id}`
///
/// Renames a folder.
#[utoipa::path(patch, path = "/drive/{folder_id}", operation_id = "clouddrive_rename_folder", tag = TAG,
    params(("folder_id" = String, Path, format = Uuid)), request_body = NewName,
    responses((status = 200, description = "The folder", body = FolderItem)))]
async fn rename_folder(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(folder): Path<String>,
    FromBody(body): FromBody,
) -> Result<Reply<FolderItem>, Refusal> {
    let folder = folder_id("folder_id", &folder)?;
    let change = change(body)?;
    let folder = hub.folder_info(&actor, folder).await?.node.id;
    let (node, _) = hub.change_node(&actor, folder, change).await?;
    Ok(Reply(FolderItem::from(&node)))
}

/// `DELETE /drive/{folder_id}`
///
/// Moves a folder with all below it to the trash.
#[utoipa::path(delete, path = "/drive/{folder_id}", operation_id = "clouddrive_delete_folder", tag = TAG,
    params(("folder_id" = String, Path, format = Uuid)),
    responses((status = 204, description = "It is in the trash"),
              (status = 422, description = "No id", body = FastApiError)))]
async fn delete_folder(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(folder): Path<String>,
) -> Result<StatusCode, Refusal> {
    let folder = folder_id("folder_id", &folder)?;
    let folder = hub.folder_info(&actor, folder).await?.node.id;
    hub.delete(&actor, folder, Guard::None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /share`
///
/// Gives a person a right on a file, or on a folder and all below it: 201 when it is new, 200 when it
/// takes the place of the one that they have.
#[utoipa::path(post, path = "/share", operation_id = "clouddrive_share", tag = TAG, request_body = NewDriveShare,
    responses((status = 201, description = "The share", body = DriveShare),
              (status = 200, description = "The share, which was there and is changed", body = DriveShare),
              (status = 404, description = "There is no such file, folder or person", body = FastApiError)))]
async fn share(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    FromBody(mut body): FromBody,
) -> Result<Response, Refusal> {
    let node = given_node(&mut body);
    let to = given_person(&mut body);
    let rights = [
        ("view", Right::View),
        ("edit", Right::Edit),
        ("read", Right::View),
        ("write", Right::Edit),
        ("viewer", Right::View),
        ("editor", Right::Edit),
        ("view_only", Right::View),
    ];
    let names = [
        "permission",
        "permissions",
        "permission_type",
        "access",
        "access_level",
        "right",
        "role",
    ];
    let right = body.word(&names, &rights).unwrap_or(Right::View);
    let may_share = body.flag(&["may_share", "can_share"]).unwrap_or(false);
    body.check()?;
    let (Some((node, kind)), Some(to)) = (node, to) else {
        return Err(HubError::NotFound("node").into());
    };
    match kind {
        Given::File => drop(hub.open_file(&actor, node, None).await?),
        Given::Folder => drop(hub.folder_info(&actor, FolderRef::Id(node)).await?),
        Given::Either => {}
    }
    let new = NewShare {
        node,
        to,
        right,
        may_share,
    };
    let (row, is_new) = hub.share(&actor, new).await?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Reply(DriveShare::from(row))).into_response())
}

/// What a field says that it names.
#[derive(Clone, Copy)]
enum Given {
    File,
    Folder,
    Either,
}

/// What a body gives away: one thing.
fn given_node(body: &mut Fields) -> Option<(NodeId, Given)> {
    let ways: [(&[&str], Given); 3] = [
        (&["file_id"], Given::File),
        (&["folder_id", "drive_id"], Given::Folder),
        (&["item_id", "node_id", "id"], Given::Either),
    ];
    let said: Vec<(&[&str], Given)> = ways.into_iter().filter(|(names, _)| body.has(names)).collect();
    match said[..] {
        [(names, kind)] => body.node(names).map(|node| (node, kind)),
        [] => {
            body.flaw(
                "file_id",
                "missing",
                "Field required: file_id, folder_id or item_id",
            );
            None
        }
        _ => {
            body.flaw(
                "file_id",
                "value_error",
                "Give either file_id, folder_id or item_id",
            );
            None
        }
    }
}

/// To whom.
fn given_person(body: &mut Fields) -> Option<Person> {
    let names = [
        "email",
        "user_id",
        "shared_with",
        "user_email",
        "shared_with_email",
        "shared_with_user_id",
        "username",
        "recipient",
    ];
    let text = body.required(&names);
    if text.is_empty() {
        return None;
    }
    if let Ok(id) = text.parse::<UserId>() {
        return Some(Person::Id(id));
    }
    match text.parse() {
        Ok(email) => Some(Person::Email(email)),
        Err(error) => {
            let error: model::EmailError = error;
            body.flaw(names[0], "value_error", error.to_string());
            None
        }
    }
}

/// `GET /shared-with-me`
///
/// What others gave to you, the newest first.
#[utoipa::path(get, path = "/shared-with-me", operation_id = "clouddrive_shared_with_me", tag = TAG,
    params(("limit" = Option<u32>, Query, description = "Items at the most", minimum = 1, maximum = 10000),
           ("offset" = Option<u32>, Query, description = "Items to leave out at the start", maximum = 10000)),
    responses((status = 200, description = "Files and folders", body = Vec<DriveShare>),
              (status = 422, description = "A number is wrong", body = FastApiError)))]
async fn shared_with_me(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    FromQuery(mut query): FromQuery,
) -> Result<Reply<Vec<DriveShare>>, Refusal> {
    let window = window(&mut query);
    query.check()?;
    let found = lists::received((&hub, &actor), window).await?;
    Ok(Reply(found.items.into_iter().map(DriveShare::from).collect()))
}

/// `GET /profile_photo`
///
/// A signed address of your photo.
#[utoipa::path(get, path = "/profile_photo", operation_id = "clouddrive_get_photo", tag = TAG,
    responses((status = 200, description = "The address", body = PhotoAddress),
              (status = 404, description = "You have no photo", body = FastApiError)))]
async fn profile_photo(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    base: Base,
) -> Result<Reply<PhotoAddress>, Refusal> {
    photo_address((&hub, &actor, &base)).await.map(Reply)
}

async fn photo_address((hub, actor, base): (&Hub, &Actor, &Base)) -> Result<PhotoAddress, Refusal> {
    let user = actor.user().ok_or(HubError::NotFound("photo"))?;
    let address = hub.sign_photo(actor, user, Some(HOLDS_SECS)).await?;
    Ok(PhotoAddress {
        url: format!("{}/profile_photo/{}", base.0, address.secret),
        expires_in: HOLDS_SECS,
    })
}

/// `POST /profile_photo`
///
/// Makes a picture your photo: it is turned upright and cut to a square.
#[utoipa::path(post, path = "/profile_photo", operation_id = "clouddrive_set_photo", tag = TAG,
    request_body(content = PhotoUpload, content_type = "multipart/form-data"),
    responses((status = 201, description = "Its address", body = PhotoAddress)))]
async fn set_profile_photo(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    base: Base,
    request: Request,
) -> Result<Response, Refusal> {
    let staged = forms::receive_picture(&hub, &actor, request).await?;
    hub.finish_photo(&actor, staged).await?;
    let address = photo_address((&hub, &actor, &base)).await?;
    Ok((StatusCode::CREATED, Reply(address)).into_response())
}

/// `GET /profile_photo/{secret}`
///
/// The photo that a signed address stands for, as a square JPEG.
#[utoipa::path(get, path = "/profile_photo/{secret}", operation_id = "clouddrive_open_photo", tag = TAG, security(()),
    params(("secret" = String, Path)),
    responses((status = 200, description = "The photo", body = Vec<u8>, content_type = "image/jpeg"),
              (status = 403, description = "The address is not valid, or no longer", body = FastApiError)))]
async fn signed_photo(
    State(hub): State<Hub>,
    Path(secret): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    Ok(profiles::reply(&headers, hub.open_signed_photo(&secret).await?)?)
}
