//! The table: each route, what it is about, and its answer to each who may ask.

/// A route and its answers, in the order of `WHO`.
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub query: &'static str,
    pub about: About,
    pub body: Body,
    pub answers: [u16; 7],
    /// Whether who asks must sign in again afterwards.
    pub ends_session: bool,
}

/// What a request is about. It belongs to the owner and is made afresh for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    Nothing,
    File,
    Folder,
    Version,
    Trashed,
    Job,
    Session,
    AppPassword,
    /// A connection of which there is none, since nothing is connected.
    Connection,
    /// An identity of which there is none, since no provider is configured.
    Identity,
    /// A right that the owner gave to a fourth person.
    Share,
    /// A public link that the owner made.
    Link,
    /// A link for editing a file.
    FileLink,
    /// A link for editing a folder; the id is that of a folder in it.
    FolderLink,
    /// A link of a file with a password.
    LockedLink,
    /// An upload by tus that has begun.
    Upload,
    /// A signed address of a content.
    Address,
    /// The owner's account.
    Owner,
    /// An account of nobody in particular.
    User,
}

/// What a request carries; `{names}` in it are filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    None,
    Bytes,
    Json(&'static str),
    Form,
    Picture,
    PictureForm,
    /// The beginning of an upload by tus.
    Begin,
    /// All bytes of one.
    Piece,
}

use About::{
    Address, AppPassword, Connection, File, FileLink, Folder, FolderLink, Identity, Job, Link, LockedLink,
    Nothing, Owner, Session, Share, Trashed, Upload, User, Version,
};
use Body::{Begin, Bytes, Form, Json, Picture, PictureForm, Piece};

/// The same for everybody.
const fn all(status: u16) -> [u16; 7] {
    [status; 7]
}

/// For everybody who proves who they are: it is about their own.
const fn signed(status: u16) -> [u16; 7] {
    [401, status, status, status, 401, 401, status]
}

/// The same, but not for a program with an app password.
const fn in_person(status: u16) -> [u16; 7] {
    [401, status, status, status, 401, 401, 403]
}

/// For the owner; for others it does not exist.
const fn own(status: u16) -> [u16; 7] {
    [401, 404, status, 404, 401, 401, status]
}

/// The same, but not for a program with an app password.
const fn own_in_person(status: u16) -> [u16; 7] {
    [401, 404, status, 404, 401, 401, 403]
}

/// For the owner and for administrators.
const fn watched(status: u16) -> [u16; 7] {
    [401, 404, status, status, 401, 401, status]
}

/// For administrators.
const fn admins(status: u16) -> [u16; 7] {
    [401, 403, 403, status, 401, 401, 403]
}

const fn row(method: &'static str, path: &'static str, about: About, answers: [u16; 7]) -> Row {
    Row {
        method,
        path,
        query: "",
        about,
        body: Body::None,
        answers,
        ends_session: false,
    }
}

impl Row {
    const fn with(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    const fn query(mut self, query: &'static str) -> Self {
        self.query = query;
        self
    }

    const fn ends_session(mut self) -> Self {
        self.ends_session = true;
        self
    }
}

const LOG_IN: Body = Json(r#"{"email":"{email}","password":"{password}"}"#);

/// The table.
pub const POLICY: &[Row] = &[
    // Accounts and signing in.
    row("POST", "/auth/register", Nothing, all(201)).with(Json(
        r#"{"email":"{fresh}@example.org","password":"correct horse"}"#,
    )),
    row("GET", "/auth/signup", Nothing, all(200)),
    row("POST", "/auth/login", Nothing, all(200)).with(LOG_IN),
    row("POST", "/auth/refresh", Session, all(200)).with(Json(r#"{"refresh_token":"{refresh}"}"#)),
    row("POST", "/auth/logout", Nothing, in_person(204)).ends_session(),
    row("POST", "/auth/logout-everywhere", Nothing, in_person(204)).ends_session(),
    row("POST", "/auth/password", Nothing, in_person(204)).with(Json(
        r#"{"current_password":"{password}","new_password":"{password}"}"#,
    )),
    row("POST", "/auth/session", Nothing, all(200)).with(LOG_IN),
    row("DELETE", "/auth/session", Nothing, in_person(204)).ends_session(),
    // Providers, of which none is configured.
    row("GET", "/auth/{provider}/start", Nothing, signed(409)),
    row("POST", "/auth/{provider}/link", Nothing, signed(409)),
    row("GET", "/auth/{provider}/login", Nothing, all(409)),
    row("GET", "/auth/{provider}/callback", Nothing, all(409)),
    row("POST", "/auth/{provider}/token", Nothing, all(409)).with(Json(r#"{"id_token":"x"}"#)),
    row("POST", "/auth/join", Nothing, all(400)).with(Json(r#"{"join_ticket":"x","password":"y"}"#)),
    row("GET", "/api/v1/identities", Nothing, in_person(200)),
    row("DELETE", "/api/v1/identities/{number}", Identity, in_person(404)),
    row("GET", "/auth/{provider}/status/{user_id}", Owner, own(200)),
    row("GET", "/api/v1/providers", Nothing, signed(200)),
    // Connections, of which this server has none; whose they are is tried with linked drives.
    row("GET", "/api/v1/connections", Nothing, signed(200)),
    row("POST", "/api/v1/connections", Nothing, signed(422)).with(Json(
        r#"{"kind":"webdav","url":"http://127.0.0.1:9/","user":"x","password":"y"}"#,
    )),
    row("GET", "/api/v1/connections/{id}", Connection, signed(404)),
    row("PATCH", "/api/v1/connections/{id}", Connection, signed(404)).with(Json(r#"{"label":"x"}"#)),
    row("DELETE", "/api/v1/connections/{id}", Connection, signed(404)),
    row("POST", "/api/v1/connections/{id}/check", Connection, signed(404)),
    row(
        "POST",
        "/api/v1/connections/{id}/refresh",
        Connection,
        signed(404),
    ),
    row("GET", "/api/v1/connections/{id}/items", Connection, signed(404)),
    row("GET", "/api/v1/connections/{id}/item", Connection, signed(404)).query("?item=x"),
    row(
        "GET",
        "/api/v1/connections/{id}/items/content",
        Connection,
        signed(404),
    )
    .query("?item=x"),
    row(
        "POST",
        "/api/v1/connections/{id}/items/url",
        Connection,
        signed(404),
    )
    .query("?item=x"),
    row("GET", "/blob/connections/{secret}", Address, all(403)),
    // Migrations between connections, of which there are none.
    row("GET", "/api/v1/migrations", Nothing, signed(200)),
    row("POST", "/api/v1/migrations", Nothing, signed(404)).with(Json(
        r#"{"from":{"connection":"0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f","path":"/"},
            "to":{"connection":"0190c2a4-5b6e-7c3d-8e9f-0a1b2c3d4e5f","path":"/x"}}"#,
    )),
    row("GET", "/api/v1/migrations/{id}", Connection, signed(404)),
    row("DELETE", "/api/v1/migrations/{id}", Connection, signed(404)),
    row("GET", "/api/v1/migrations/{id}/items", Connection, signed(404)),
    row("POST", "/api/v1/migrations/{id}/finish", Connection, signed(404)),
    row("POST", "/api/v1/migrations/{id}/pause", Connection, signed(404)),
    row("POST", "/api/v1/migrations/{id}/resume", Connection, signed(404)),
    // Mirrors, of which there are none without connections; whose they are is tried where there are some.
    row("GET", "/api/v1/mirrors", Nothing, signed(200)),
    row("POST", "/api/v1/mirrors", Connection, signed(404)).with(Json(
        r#"{"folder_id":"root","connection_id":"{id}","remote_id":"root"}"#,
    )),
    row("GET", "/api/v1/mirrors/{id}", Connection, signed(404)),
    row("PATCH", "/api/v1/mirrors/{id}", Connection, signed(404)).with(Json(r#"{"direction":"pull"}"#)),
    row("DELETE", "/api/v1/mirrors/{id}", Connection, signed(404)),
    row("POST", "/api/v1/mirrors/{id}/pause", Connection, signed(404)),
    row("POST", "/api/v1/mirrors/{id}/resume", Connection, signed(404)),
    row("POST", "/api/v1/mirrors/{id}/run", Connection, signed(404)),
    row("GET", "/api/v1/mirrors/{id}/events", Connection, signed(404)),
    row("GET", "/api/v1/mirrors/{id}/errors", Connection, signed(404)),
    row("GET", "/api/v1/mirrors/{id}/capsule", Connection, signed(404)),
    row("GET", "/api/v1/mirrors/{id}/plan", Connection, signed(404)),
    row("POST", "/api/v1/mirrors/{id}/approve", Connection, signed(404)).with(Json(r#"{"digest":"x"}"#)),
    row("POST", "/api/v1/mirrors/{id}/reject", Connection, signed(404)).with(Json(r#"{"digest":"x"}"#)),
    row("POST", "/api/v1/mirrors/{id}/skip", Connection, signed(404)).with(Json(r#"{"paths":["x"]}"#)),
    row("POST", "/api/v1/mirrors/{id}/unskip", Connection, signed(404)).with(Json(r#"{"paths":["x"]}"#)),
    row("GET", "/api/v1/mirrors/{id}/skipped", Connection, signed(404)),
    row("GET", "/api/v1/files/{id}/replicas", File, own(200)),
    row(
        "POST",
        "/api/v1/files/{id}/replicas/{mirror}/prove",
        File,
        signed(404),
    ),
    row(
        "POST",
        "/api/v1/files/{id}/replicas/{mirror}/repair",
        File,
        signed(404),
    ),
    // One's own account.
    row("GET", "/api/v1/me", Nothing, signed(200)),
    row("PATCH", "/api/v1/me", Nothing, in_person(200)).with(Json(r#"{"full_name":"{fresh}"}"#)),
    // Everybody has a photo when it is asked for, and takes it away at the end.
    row("PUT", "/api/v1/me/photo", Nothing, in_person(200)).with(Picture),
    row("POST", "/api/v1/me/photo", Nothing, in_person(200)).with(PictureForm),
    row("GET", "/api/v1/me/photo", Nothing, signed(200)),
    row("GET", "/api/v1/users/{id}", Owner, watched(200)),
    row("GET", "/api/v1/users/{id}/photo", Owner, watched(200)),
    row("DELETE", "/api/v1/me/photo", Nothing, in_person(204)),
    row("GET", "/api/v1/sessions", Nothing, in_person(200)),
    row("DELETE", "/api/v1/sessions/{id}", Session, own_in_person(204)),
    row("GET", "/api/v1/app-passwords", Nothing, in_person(200)),
    row("POST", "/api/v1/app-passwords", Nothing, in_person(201)).with(Json(r#"{"label":"{fresh}"}"#)),
    row(
        "DELETE",
        "/api/v1/app-passwords/{id}",
        AppPassword,
        own_in_person(204),
    ),
    // Folders and files by their ids.
    row("GET", "/api/v1/nodes/{id}", File, own(200)),
    row("PATCH", "/api/v1/nodes/{id}", File, own(200)).with(Json(r#"{"name":"{fresh}"}"#)),
    row("DELETE", "/api/v1/nodes/{id}", Folder, own(204)),
    row("POST", "/api/v1/nodes/{id}/copy", Folder, own(201)),
    row("PUT", "/api/v1/nodes/{id}/star", File, own(204)),
    row("DELETE", "/api/v1/nodes/{id}/star", File, own(204)),
    row("GET", "/api/v1/resolve", Nothing, signed(200)).query("?path=/"),
    row("POST", "/api/v1/folders", Folder, own(201)).with(Json(r#"{"parent_id":"{id}","name":"{fresh}"}"#)),
    row("GET", "/api/v1/folders/{id}", Folder, own(200)),
    row("GET", "/api/v1/folders/{id}/children", Folder, own(200)),
    row("GET", "/api/v1/starred", Nothing, signed(200)),
    row("GET", "/api/v1/recent", Nothing, signed(200)),
    row("GET", "/api/v1/search", Folder, own(200)).query("?folder={id}"),
    // Contents.
    row("POST", "/api/v1/upload", Folder, own(201)).with(Form),
    row("PUT", "/api/v1/folders/{id}/files/{name}", Folder, own(201)).with(Bytes),
    row("PUT", "/api/v1/paths/{path}", Nothing, signed(201)).with(Bytes),
    // Uploads in several requests. The store here signs no parts, so no upload is direct.
    row("OPTIONS", "/api/v1/uploads/tus", Nothing, all(204)),
    row("POST", "/api/v1/uploads/tus", Nothing, signed(201)).with(Begin),
    row("HEAD", "/api/v1/uploads/tus/{id}", Upload, own(200)),
    row("PATCH", "/api/v1/uploads/tus/{id}", Upload, own(204)).with(Piece),
    row("DELETE", "/api/v1/uploads/tus/{id}", Upload, own(204)),
    row("POST", "/api/v1/uploads/tus/{id}", Upload, own(200)),
    row("POST", "/api/v1/uploads/direct", Nothing, signed(201)).with(Json(r#"{"name":"{fresh}","size":7}"#)),
    row("GET", "/api/v1/uploads/direct/{id}", Upload, signed(404)),
    row("DELETE", "/api/v1/uploads/direct/{id}", Upload, own(204)),
    row("POST", "/api/v1/uploads/direct/{id}/parts", Upload, signed(404)).with(Json(r#"{"numbers":[1]}"#)),
    row(
        "POST",
        "/api/v1/uploads/direct/{id}/complete",
        Upload,
        signed(404),
    ),
    row("GET", "/api/v1/files", Nothing, signed(200)),
    row("GET", "/api/v1/files/{id}", File, own(200)).query("?download=true"),
    row("DELETE", "/api/v1/files/{id}", File, own(204)),
    row("GET", "/api/v1/files/{id}/content", File, own(200)),
    row("HEAD", "/api/v1/files/{id}/content", File, own(200)),
    row("PUT", "/api/v1/files/{id}/content", File, own(200)).with(Bytes),
    row("GET", "/api/v1/files/{id}/versions", File, own(200)),
    row(
        "DELETE",
        "/api/v1/files/{id}/versions/{number}",
        Version,
        own(204),
    ),
    row(
        "GET",
        "/api/v1/files/{id}/versions/{number}/content",
        Version,
        own(200),
    ),
    row(
        "HEAD",
        "/api/v1/files/{id}/versions/{number}/content",
        Version,
        own(200),
    ),
    row(
        "POST",
        "/api/v1/files/{id}/versions/{number}/restore",
        Version,
        own(200),
    ),
    row("GET", "/api/v1/folders/{id}/zip", Folder, own(200)),
    row("GET", "/api/v1/zip", File, own(200)).query("?ids={id}"),
    // Signed addresses, and public links: who asks is not looked at.
    row("POST", "/api/v1/files/{id}/url", File, own(200)).with(Json("{}")),
    row("GET", "/blob/{secret}", Address, all(200)),
    row("HEAD", "/blob/{secret}", Address, all(200)),
    row("GET", "/s/{token}", FileLink, all(200)),
    row("POST", "/s/{token}/unlock", LockedLink, all(204)).with(Json(r#"{"password":"open sesame"}"#)),
    row("GET", "/s/{token}/info", FileLink, all(200)),
    row("GET", "/s/{token}/items", FolderLink, all(200)),
    row("GET", "/s/{token}/content", FileLink, all(200)),
    row("HEAD", "/s/{token}/content", FileLink, all(200)),
    row("GET", "/s/{token}/files/{id}/content", FileLink, all(200)),
    row("HEAD", "/s/{token}/files/{id}/content", FileLink, all(200)),
    row("PUT", "/s/{token}/files/{id}/content", FileLink, all(200)).with(Bytes),
    row("GET", "/s/{token}/zip", FolderLink, all(200)),
    row(
        "PUT",
        "/s/{token}/folders/{id}/files/{name}",
        FolderLink,
        all(201),
    )
    .with(Bytes),
    row("POST", "/s/{token}/folders", FolderLink, all(201)).with(Json(r#"{"name":"{fresh}"}"#)),
    row("PATCH", "/s/{token}/nodes/{id}", FolderLink, all(200)).with(Json(r#"{"name":"{fresh}"}"#)),
    row("DELETE", "/s/{token}/nodes/{id}", FolderLink, all(204)),
    row("GET", "/share/{token}", FileLink, all(200)),
    // The trash.
    row("GET", "/api/v1/trash", Nothing, signed(200)),
    row("DELETE", "/api/v1/trash", Nothing, signed(204)),
    row("POST", "/api/v1/trash/{id}/restore", Trashed, own(200)),
    row("DELETE", "/api/v1/trash/{id}", Trashed, own(204)),
    // What is given to others.
    row("GET", "/api/v1/shares", Nothing, signed(200)),
    row("POST", "/api/v1/shares", File, own(201)).with(Json(
        r#"{"node_id":"{id}","email":"carol@example.org","right":"view"}"#,
    )),
    row("GET", "/api/v1/shared-with-me", Nothing, signed(200)),
    row("PATCH", "/api/v1/shares/{id}", Share, own(200)).with(Json(r#"{"right":"edit"}"#)),
    row("DELETE", "/api/v1/shares/{id}", Share, own(204)),
    row("GET", "/api/v1/nodes/{id}/access", File, own(200)),
    row("GET", "/api/v1/links", Nothing, signed(200)),
    row("POST", "/api/v1/links", File, own(201)).with(Json(r#"{"node_id":"{id}"}"#)),
    row("GET", "/api/v1/nodes/{id}/links", File, own(200)),
    row("GET", "/api/v1/links/{id}", Link, own(200)),
    row("PATCH", "/api/v1/links/{id}", Link, own(200)).with(Json(r#"{"label":"{fresh}"}"#)),
    row("DELETE", "/api/v1/links/{id}", Link, own(204)),
    // CloudDrive's words.
    row("POST", "/user", Nothing, all(201)).with(Json(
        r#"{"email":"{fresh}@example.org","password":"correct horse","name":"Fresh"}"#,
    )),
    row("POST", "/login", Nothing, all(200)).with(LOG_IN),
    row("GET", "/verify-token", Nothing, signed(200)),
    row("POST", "/file", Folder, own(201)).with(Form),
    row("GET", "/file/{file_id}", File, own(200)),
    row("PATCH", "/file/{file_id}", File, own(200)).with(Json(r#"{"name":"{fresh}"}"#)),
    row("DELETE", "/file/{file_id}", File, own(204)),
    row("GET", "/drive", Nothing, signed(200)),
    row("POST", "/drive", Folder, own(201)).with(Json(r#"{"parent_id":"{id}","name":"{fresh}"}"#)),
    row("GET", "/drive/{folder_id}", Folder, own(200)),
    row("PATCH", "/drive/{folder_id}", Folder, own(200)).with(Json(r#"{"name":"{fresh}"}"#)),
    row("DELETE", "/drive/{folder_id}", Folder, own(204)),
    row("POST", "/share", File, own(201)).with(Json(
        r#"{"file_id":"{id}","email":"carol@example.org","permission":"view"}"#,
    )),
    row("GET", "/shared-with-me", Nothing, signed(200)),
    row("POST", "/profile_photo", Nothing, in_person(201)).with(PictureForm),
    row("GET", "/profile_photo", Nothing, signed(200)),
    row("GET", "/profile_photo/{secret}", Nothing, all(403)),
    // Those of the hub of connectors.
    row("GET", "/config", Nothing, all(200)),
    row("GET", "/users", Nothing, in_person(200)),
    row("POST", "/sync", Nothing, signed(200)),
    // Those of the service over B2.
    row("POST", "/files/upload", Folder, own(201)).with(Form),
    row("GET", "/files", Folder, own(200)).query("?folder={id}"),
    row("GET", "/files/{file_id}/download", File, own(200)),
    row("POST", "/files/{file_id}/share", File, own(201)),
    row("DELETE", "/files/{file_id}/share", Link, own(204)),
    row("DELETE", "/files/{file_id}", File, own(204)),
    // Those of the personal cloud.
    row("POST", "/upload", Nothing, signed(201)).with(Form),
    row("GET", "/download/{filename}", File, own(200)),
    // What happened, and what is being done.
    row("GET", "/api/v1/changes", Nothing, signed(200)),
    row("GET", "/api/v1/events", Nothing, signed(200)),
    row("GET", "/api/v1/status/{job_id}", Job, watched(200)),
    row("GET", "/api/v1/jobs", Nothing, signed(200)),
    row("GET", "/api/v1/jobs/{id}", Job, watched(200)),
    // The job has ended: it can be seen, and neither called off nor tried again.
    row("POST", "/api/v1/jobs/{id}/cancel", Job, watched(409)),
    row("POST", "/api/v1/jobs/{id}/retry", Job, watched(409)),
    row("GET", "/api/v1/conflicts", Nothing, signed(200)),
    row("GET", "/api/v1/conflicts/{id}", File, signed(404)),
    row("POST", "/api/v1/conflicts/{id}/resolve", File, signed(404)).with(Json(r#"{"policy":"manual"}"#)),
    row("GET", "/api/v1/conflicts/{id}/diff", File, signed(404)),
    row("POST", "/api/v1/conflicts/{id}/undo", File, signed(404)),
    row("POST", "/api/v1/conflicts/resolve", Nothing, signed(200))
        .with(Json(r#"{"ids":[],"policy":"manual"}"#)),
    // Accounts of others.
    row("GET", "/api/v1/admin/users", Nothing, admins(200)),
    row("POST", "/api/v1/admin/users", Nothing, admins(201)).with(Json(
        r#"{"email":"{fresh}@example.org","password":"correct horse"}"#,
    )),
    row("PATCH", "/api/v1/admin/users/{id}", User, admins(200)).with(Json(r#"{"disabled":true}"#)),
    row("POST", "/api/v1/admin/invites", Nothing, admins(201)),
    row("GET", "/api/v1/admin/stores", Nothing, admins(200)),
    row("POST", "/api/v1/admin/stores/copy", Nothing, admins(422))
        .with(Json(r#"{"from":"local","to":"local"}"#)),
    row("GET", "/api/v1/admin/stores/copy", Nothing, admins(200)).query("?from=local&to=s3"),
    row("POST", "/api/v1/admin/stores/{name}/retire", Nothing, admins(404)),
    row("POST", "/api/v1/admin/stores/reseal", Nothing, admins(202)),
    row("POST", "/api/v1/admin/scrub", Nothing, admins(202)),
    row("GET", "/api/v1/admin/damage", Nothing, admins(200)),
    // Notices of providers, which prove themselves by a channel's secret; what comes otherwise is tried with linked drives.
    row("POST", "/hooks/google", Nothing, all(404)),
    row("POST", "/hooks/graph", Nothing, all(404)).with(Json(r#"{"value":[{"clientState":"x"}]}"#)),
    // The server itself.
    row("GET", "/health", Nothing, all(200)),
    row("GET", "/health/ready", Nothing, all(200)),
    row("GET", "/metrics", Nothing, admins(200)),
    row("GET", "/openapi.json", Nothing, all(200)),
    row("GET", "/docs", Nothing, all(200)),
    row("GET", "/docs/{file}", Nothing, all(200)),
    row("GET", "/redoc", Nothing, all(200)),
    row("GET", "/redoc/{file}", Nothing, all(200)),
    row("GET", "/", Nothing, all(200)),
    row("GET", "/assets/{path}", Nothing, all(200)),
];
