//! `/api/v1/files/{id}/replicas`: where the copies of a file are, and whether they are good.

use axum::Json as Reply;
use axum::extract::State;
use hub::{Hub, Replica, ReplicaPlace};
use model::{MirrorId, NodeId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::views::time;
use crate::extract::{OptionalJson, Path};
use crate::problem::{ApiError, Problem, sentence};
use crate::sessions::Signed;

/// The copies of a file.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplicaList {
    /// Ours first, then those at connections.
    replicas: Vec<ReplicaView>,
}

/// A copy of a file's content.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplicaView {
    /// `here`, or the provider: `google`, `azure`, `directory`, …
    #[schema(example = "google")]
    place: String,
    /// The store, or what the connection is called.
    #[schema(example = "ada@example.org")]
    label: String,
    /// The mirror that keeps it in step; `null` of ours.
    #[schema(format = Uuid)]
    mirror_id: Option<String>,
    /// Its id there.
    remote_id: Option<String>,
    /// The number of the version that it is of.
    version: Option<u64>,
    /// Whether that is the current one.
    current: bool,
    /// `proven` (its bytes were read and have our digest), `asserted` (the provider tells our hash), `unverifiable`
    /// (nothing there tells), `rewritten` (the provider changes contents as it stores them), `unproven`, `damaged`
    /// or `missing`.
    #[schema(example = "proven")]
    state: &'static str,
    /// When that was last shown.
    #[schema(format = DateTime)]
    proven_at: Option<String>,
    /// What is wrong with it, and what helps.
    problem: Option<String>,
}

/// How to look.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProveBody {
    /// `true` (default) reads it and computes its digest; `false` asks the provider for its hash.
    #[serde(default)]
    #[schema(nullable = false)]
    read: Option<bool>,
}

/// What mending did.
#[derive(Serialize, ToSchema)]
pub(crate) struct MendedView {
    /// `nothing` (both are good), `here` (ours was fetched from there) or `there` (theirs is being sent anew).
    #[schema(example = "nothing")]
    mended: &'static str,
    /// The copies now.
    replicas: Vec<ReplicaView>,
}

/// `GET /api/v1/files/{id}/replicas`
///
/// Where the copies of a file are, and when each was last proven to be the same.
#[utoipa::path(get, path = "/api/v1/files/{id}/replicas", tag = "mirrors",
    params(("id" = String, Path, format = Uuid)),
    responses((status = 200, description = "The copies", body = ReplicaList)))]
pub(crate) async fn list_replicas(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path(id): Path<NodeId>,
) -> Result<Reply<ReplicaList>, ApiError> {
    let replicas = hub.replicas(&actor, id).await?;
    Ok(Reply(ReplicaList {
        replicas: replicas.into_iter().map(ReplicaView::from).collect(),
    }))
}

/// `POST /api/v1/files/{id}/replicas/{mirror}/prove`
///
/// Compares the copy that a mirror made with ours.
#[utoipa::path(post, path = "/api/v1/files/{id}/replicas/{mirror}/prove", tag = "mirrors",
    request_body = Option<ProveBody>,
    params(("id" = String, Path, format = Uuid), ("mirror" = String, Path, format = Uuid)),
    responses((status = 200, description = "What was found", body = ReplicaView),
              (status = 409, description = "There is no copy yet", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn prove_replica(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path((id, mirror)): Path<(NodeId, MirrorId)>,
    OptionalJson(body): OptionalJson<ProveBody>,
) -> Result<Reply<ReplicaView>, ApiError> {
    let reads = body.read.unwrap_or(true);
    Ok(Reply(
        hub.prove_replica(&actor, (id, mirror), reads).await?.into(),
    ))
}

/// `POST /api/v1/files/{id}/replicas/{mirror}/repair`
///
/// Mends a damaged copy from the good one: ours from there, or theirs from here.
#[utoipa::path(post, path = "/api/v1/files/{id}/replicas/{mirror}/repair", tag = "mirrors",
    params(("id" = String, Path, format = Uuid), ("mirror" = String, Path, format = Uuid)),
    responses((status = 200, description = "What was done", body = MendedView),
              (status = 409, description = "Neither copy can mend the other", body = Problem,
               content_type = "application/problem+json")))]
pub(crate) async fn repair_replica(
    State(hub): State<Hub>,
    Signed(actor): Signed,
    Path((id, mirror)): Path<(NodeId, MirrorId)>,
) -> Result<Reply<MendedView>, ApiError> {
    let mended = hub.repair_replica(&actor, (id, mirror)).await?;
    let replicas = hub.replicas(&actor, id).await?;
    Ok(Reply(MendedView {
        mended: mended.as_str(),
        replicas: replicas.into_iter().map(ReplicaView::from).collect(),
    }))
}

impl From<Replica> for ReplicaView {
    fn from(of: Replica) -> Self {
        let (place, label, mirror_id, remote_id) = match of.place {
            ReplicaPlace::Store(store) => ("here".to_owned(), store, None, None),
            ReplicaPlace::Mirror {
                mirror,
                connection,
                item,
            } => {
                let (kind, label) = match connection {
                    Some(known) => (known.kind, known.label),
                    None => ("unlinked".to_owned(), String::new()),
                };
                (kind, label, Some(mirror.to_string()), item)
            }
        };
        Self {
            place,
            label,
            mirror_id,
            remote_id,
            version: of.version,
            current: of.is_current,
            state: of.proof,
            proven_at: of.proven.map(time),
            problem: of.problem.map(sentence),
        }
    }
}
