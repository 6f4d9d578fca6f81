//! Uploads that ask for a copy at a provider: stored here, and put in step with the person's default folder there.
//!
//! The copy is the work of a mirror. A file that is uploaded into a folder that is kept in step with the provider is
//! there already as far as the mirror is concerned; any other is copied, here and without moving a byte, into the folder
//! of the default mirror. The job of the upload follows the mirrors until the copies are there.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use catalog::{EntryRow, NewJob, Step, Tx};
use futures_util::StreamExt;
use model::{
    Actor, ByteStream, Connection, ConnectionState, Job, JobId, JobKind, Millis, Mirror, MirrorDirection,
    MirrorId, MirrorState, Node, NodeId, Origin, Progress, Right, UserId,
};
use serde::{Deserialize, Serialize};
use sync_plan::Obstacle;

use super::all_mirrors;
use super::patterns::rule_for;
use super::places::{MirrorFolder, RemoteFolder};
use super::settings::{MirrorSettings, NewMirror};
use crate::access::{self, FolderRef, Hold};
use crate::jobs::{Keep, UploadPayload};
use crate::uploads::Write;
use crate::{Hub, HubError, Lease, Staged, Stored, Upkept, Upload, keys, uploads};

/// The folder here and there of a default mirror that nobody made.
const FOLDER: &str = "Cumuli";
/// Connections of a person that are looked at.
const MOST: u32 = 100;
/// Failed tries after which a copy counts as failed; the mirror goes on all the same.
const TRIES: u32 = 5;
/// Tries of an upload's job that end without an answer.
const JOB_TRIES: u32 = 8;

/// A copy that an upload asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copied {
    /// By which mirror.
    mirror: MirrorId,
    /// Of which file: the upload's own, or its copy in the mirror's folder.
    node: NodeId,
    /// Of which version.
    version: u64,
}

/// Where a copy stands.
enum Standing {
    /// It is there.
    There,
    /// So many bytes are on their way.
    OnTheWay(u64),
    /// It failed; a sentence for a person.
    Failed(String),
}

/// How far contents of ours that are being sent have come, on this machine.
#[derive(Default)]
pub(crate) struct OnTheWay(Mutex<HashMap<(MirrorId, NodeId), Weak<AtomicU64>>>);

impl OnTheWay {
    /// Begins to count what is sent of a file by a mirror, for as long as the counter is kept.
    pub(super) fn begin(&self, mirror: MirrorId, node: NodeId) -> Arc<AtomicU64> {
        let counter = Arc::new(AtomicU64::new(0));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, counter| counter.strong_count() > 0);
        all.insert((mirror, node), Arc::downgrade(&counter));
        counter
    }

    fn bytes(&self, mirror: MirrorId, node: NodeId) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = all.get(&(mirror, node)).and_then(Weak::upgrade);
        counter.map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

/// Counts a stream that begins at an offset.
pub(super) fn counted(stream: ByteStream, offset: u64, counter: Arc<AtomicU64>) -> ByteStream {
    counter.store(offset, Ordering::Relaxed);
    Box::pin(stream.inspect(move |piece: &Result<Bytes, _>| {
        if let Ok(piece) = piece {
            counter.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
    }))
}

impl Hub {
    /// Refuses unless the actor's files can be copied to these kinds of providers.
    ///
    /// # Errors
    /// `NotFound` (no such provider), `NotConfigured`, `Conflict` (none is linked), `Forbidden` for visitors.
    pub async fn require_copies(&self, actor: &Actor, kinds: &[&'static str]) -> Result<(), HubError> {
        for kind in kinds {
            self.require_provider(kind)?;
            let user = access::user(actor)?;
            let mut tx = self.read().await?;
            if connection_of(&mut tx, user, kind).await?.is_none() {
                return Err(not_linked(kind));
            }
        }
        Ok(())
    }

    /// The mirrors that copy the actor's uploads to these kinds of providers: each the default, or else the oldest that
    /// writes there; where there is none, one is made. Answers also the folder of the first.
    ///
    /// # Errors
    /// As [`Hub::require_copies`], and what making a mirror says.
    pub async fn copying_mirrors(
        &self,
        actor: &Actor,
        kinds: &[&'static str],
    ) -> Result<Vec<Mirror>, HubError> {
        self.require_copies(actor, kinds).await?;
        let mut found = Vec::with_capacity(kinds.len());
        for kind in kinds {
            let user = access::user(actor)?;
            let known = writing_mirror(&mut self.read().await?, user, kind).await?;
            found.push(match known {
                Some(mirror) => mirror,
                None => self.make_default(actor, user, kind).await?,
            });
        }
        Ok(found)
    }

    async fn make_default(
        &self,
        actor: &Actor,
        user: UserId,
        kind: &'static str,
    ) -> Result<Mirror, HubError> {
        let connection = connection_of(&mut self.read().await?, user, kind).await?;
        let connection = connection.ok_or_else(|| not_linked(kind))?;
        let path = FOLDER.parse().map_err(|error| HubError::invalid("path", error))?;
        let new = NewMirror {
            folder: MirrorFolder::Path(path),
            connection: connection.id,
            remote: RemoteFolder::Path {
                path: FOLDER.to_owned(),
                makes: true,
            },
            settings: MirrorSettings {
                direction: MirrorDirection::Push,
                is_default: true,
                ..MirrorSettings::default()
            },
            is_paused: false,
        };
        match self.create_mirror(actor, new).await {
            Ok(mirror) => Ok(mirror),
            // Another upload may have made it at the same moment.
            Err(error) => match writing_mirror(&mut self.read().await?, user, kind).await? {
                Some(mirror) => Ok(mirror),
                None => Err(error),
            },
        }
    }

    /// Makes a staged body a file that mirrors copy, and a job that answers for the copies: all of it or nothing.
    ///
    /// # Errors
    /// As [`Hub::finish_upload`].
    pub async fn finish_copied_upload(
        &self,
        actor: &Actor,
        (mut upload, staged): (Upload, Staged),
        mirrors: Vec<Mirror>,
    ) -> Result<Stored, HubError> {
        upload.is_tracked = false;
        let job = JobId::new(self.now(), keys::random());
        let (hub, acting) = (self.clone(), actor.clone());
        let more: uploads::More = Box::new(move |tx, (_, node)| {
            Box::pin(async move { hub.ask_for_copies(tx, &acting, (job, node), &mirrors).await })
        });
        let stored = self.finish_upload_with(actor, upload, staged, Some(more)).await?;
        self.wake_workers();
        Ok(Stored {
            job: Some(job),
            ..stored
        })
    }

    async fn ask_for_copies(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        (job, node): (JobId, Node),
        mirrors: &[Mirror],
    ) -> Result<(), HubError> {
        let now = self.now();
        let mut copies = Vec::with_capacity(mirrors.len());
        for mirror in mirrors {
            let copied = match mirror_around(tx, &node, mirror).await? {
                Some(around) => Copied {
                    mirror: around,
                    node: node.id,
                    version: number(&node),
                },
                None => self.put_beside(tx, actor, (&node, mirror), now).await?,
            };
            self.queue_mirror(tx, copied.mirror).await?;
            copies.push(copied);
        }
        let payload = UploadPayload {
            filename: node.name.to_string(),
            copies,
        };
        let new = NewJob {
            id: job,
            kind: JobKind::Upload,
            payload: serde_json::to_string(&payload).map_err(|error| HubError::Internal(error.into()))?,
            dedupe_key: None,
            owner: actor.user(),
            node: Some(node.id),
            priority: 0,
            max_attempts: JOB_TRIES,
            run_at_ms: now,
        };
        tx.enqueue_job(&new, now).await?;
        Ok(())
    }

    /// Puts a copy of a file's content into a mirror's folder, under its name.
    async fn put_beside(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        (node, mirror): (&Node, &Mirror),
        now: Millis,
    ) -> Result<Copied, HubError> {
        let version = node.version.clone().ok_or(HubError::NotFound("file"))?;
        let folder = access::folder(tx, actor, FolderRef::Id(mirror.node), Right::Edit, Hold::Yes).await?;
        let taken = access::child(tx, &folder, &node.name).await?;
        self.hold_quota(tx, folder.space.id, version.size_bytes).await?;
        tx.count_uses(version.blob, 1, now);
        let write = Write {
            blob: version.blob,
            size_bytes: version.size_bytes,
            digest: version.digest,
            media_type: version.media_type,
            origin: Origin::Copy,
            at_ms: now,
        };
        let copy = match taken {
            Some(folder) if folder.is_folder() => {
                return Err(HubError::NameTaken(node.name.to_string()));
            }
            Some(file) => self.overwrite(tx, actor, file, write).await?,
            None => uploads::create_file(tx, actor, (&folder, node.name.clone()), write).await?,
        };
        Ok(Copied {
            mirror: mirror.id,
            node: copy.id,
            version: number(&copy),
        })
    }

    /// Looks how far the copies are that an upload asked for. It comes again until all are there.
    ///
    /// # Errors
    /// `RemoteRefuses` when one of them failed, with what a person can do.
    pub async fn follow_upload(&self, lease: &Lease) -> Result<Upkept, HubError> {
        let copies = copies(&lease.job);
        if copies.is_empty() {
            return Ok(Upkept::default());
        }
        let mut tx = self.read().await?;
        let node = match lease.job.node {
            Some(node) => tx.node(node).await?,
            None => None,
        };
        let size_bytes = node.map_or(0, |node| node.size_bytes());
        // What is stored here is done.
        let (mut done_bytes, mut done) = (size_bytes, 0_u64);
        for copy in &copies {
            match self.standing(&mut tx, copy).await? {
                Standing::There => {
                    done += 1;
                    done_bytes += size_bytes;
                }
                Standing::OnTheWay(bytes) => done_bytes += bytes.min(size_bytes),
                Standing::Failed(reason) => return Err(HubError::RemoteRefuses(reason)),
            }
        }
        drop(tx);
        let parts = copies.len() as u64 + 1;
        let total_bytes = size_bytes * parts;
        let percent = match total_bytes {
            0 => (done + 1) * 100 / parts,
            total => done_bytes.saturating_mul(100) / total,
        };
        // The last percent is that everything was written down.
        let most = if done + 1 == parts { 100 } else { 99 };
        let progress = Progress {
            percent: u8::try_from(percent.min(most)).unwrap_or(99),
            done_bytes,
            total_bytes,
        };
        Ok(match lease.report(progress).await? {
            Keep::GoOn => Upkept::default(),
            Keep::Stop => Upkept::default().stopped(),
        })
    }

    /// When the copies of an upload are looked at again; `None` once all are there.
    pub(crate) async fn next_look_at_copies(
        &self,
        tx: &mut Tx,
        job: &Job,
    ) -> Result<Option<Millis>, HubError> {
        for copy in copies(job) {
            if !matches!(self.standing(tx, &copy).await?, Standing::There) {
                let now = self.now();
                let age_secs = (now.0 - job.created_ms.0) / 1000;
                let wait_ms = match age_secs {
                    ..30 => 500,
                    30..300 => 2000,
                    300..3600 => 10_000,
                    _ => 60_000,
                };
                return Ok(Some(Millis(now.0 + wait_ms)));
            }
        }
        Ok(None)
    }

    async fn standing(&self, tx: &mut Tx, copy: &Copied) -> Result<Standing, HubError> {
        let failed = |reason: String| Ok(Standing::Failed(reason));
        let Some(mirror) = tx.mirror(copy.mirror).await? else {
            return failed("the mirror that should have copied it was removed".to_owned());
        };
        let row = tx.entries_of_nodes(mirror.id, &[copy.node]).await?.pop();
        let agreed = row.as_ref().and_then(|row| row.content.as_ref());
        if agreed.is_some_and(|content| content.version >= copy.version) {
            return Ok(Standing::There);
        }
        let way = tx.way_up(copy.node).await?;
        let is_live = way.iter().all(|step| !step.is_trashed && !step.is_detached);
        if !is_live || !way.iter().any(|step| step.id == mirror.node) {
            return failed("the file was deleted or moved before it was copied".to_owned());
        }
        match (mirror.state, &mirror.reason) {
            (MirrorState::Paused, _) => {
                return failed(
                    "the mirror that copies it is paused: resume it, and try this job again".to_owned(),
                );
            }
            (MirrorState::Trouble, Some(reason)) => return failed(reason.clone()),
            (MirrorState::Active, Some(reason)) if mirror.progress.failures >= TRIES => {
                return failed(reason.clone());
            }
            _ => {}
        }
        if let Some(obstacle) = left_out(&mirror, row.as_ref(), &way) {
            return failed(obstacle.to_string());
        }
        if let Some(row) = row
            && let Some(error) = &row.error
        {
            // What is not looked at again by itself is hindered for good.
            let is_final = tx.dirty(mirror.id, &[row.entry]).await?.is_empty();
            if is_final || row.attempts >= TRIES {
                return failed(error.clone());
            }
        }
        Ok(Standing::OnTheWay(self.0.on_the_way.bytes(mirror.id, copy.node)))
    }
}

fn copies(job: &Job) -> Vec<Copied> {
    let payload = serde_json::from_str::<UploadPayload>(&job.payload);
    payload.map_or_else(|_| Vec::new(), |payload| payload.copies)
}

fn number(node: &Node) -> u64 {
    node.version.as_ref().map_or(0, |version| version.number)
}

/// Why a node is to stay out of a mirror; `way`: from the node up to the top.
fn left_out(mirror: &Mirror, row: Option<&EntryRow>, way: &[Step]) -> Option<Obstacle> {
    if row.is_some_and(|row| row.is_skipped) {
        return Some(Obstacle::Skipped);
    }
    let below = way.iter().take_while(|step| step.id != mirror.node);
    let mut names: Vec<&str> = below.map(|step| step.name.as_str()).collect();
    names.reverse();
    let rule = rule_for(&mirror.rules, &names.join("/"))?;
    rule.policy
        .is_none()
        .then(|| Obstacle::Rule(rule.pattern.clone()))
}

/// A mirror of the same kind and person that a node lies in, and that writes there: the given one before others.
async fn mirror_around(tx: &mut Tx, node: &Node, like: &Mirror) -> Result<Option<MirrorId>, HubError> {
    let way = tx.way_up(node.id).await?;
    let is_in = |folder: NodeId| way.iter().any(|step| step.id == folder);
    if is_in(like.node) {
        return Ok(Some(like.id));
    }
    let kind = tx.connection(like.connection).await?.map(|known| known.kind);
    for mirror in tx.mirrors_of_space(node.space).await? {
        let is_like = mirror.owner == like.owner && mirror.direction != MirrorDirection::Pull;
        if is_like
            && is_in(mirror.node)
            && tx.connection(mirror.connection).await?.map(|known| known.kind) == kind
        {
            return Ok(Some(mirror.id));
        }
    }
    Ok(None)
}

/// Where a person's uploads go at a kind of provider: the default mirror, else the oldest that writes there.
async fn writing_mirror(tx: &mut Tx, user: UserId, kind: &str) -> Result<Option<Mirror>, HubError> {
    if let Some(mirror) = tx.default_mirror(user, kind).await? {
        return Ok(Some(mirror));
    }
    for mirror in all_mirrors(tx, Some(user)).await? {
        let writes = mirror.direction != MirrorDirection::Pull;
        if writes
            && tx
                .connection(mirror.connection)
                .await?
                .is_some_and(|known| known.kind == kind)
        {
            return Ok(Some(mirror));
        }
    }
    Ok(None)
}

/// A person's oldest connection of a kind that works.
async fn connection_of(tx: &mut Tx, user: UserId, kind: &str) -> Result<Option<Connection>, HubError> {
    let own = tx.connections(Some(user), 0, MOST).await?;
    let is_live =
        |connection: &Connection| connection.kind == kind && connection.state != ConnectionState::SignInAgain;
    Ok(own.into_iter().find(is_live))
}

fn not_linked(kind: &'static str) -> HubError {
    match connectors::kind(kind) {
        Some(known) if known.by == "keys" => HubError::NotConfigured {
            title: known.title,
            missing: "up a connection of yours first, on the page or with POST /api/v1/connections"
                .to_owned(),
        },
        _ => HubError::Conflict(
            "link your drive at this provider first, on the page or with POST /auth/{provider}/link",
        ),
    }
}
