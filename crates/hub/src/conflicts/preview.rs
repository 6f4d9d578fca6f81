//! What a conflict looks like: a comparison of texts, the measures of pictures, the sizes and types of everything else.

use std::io::Cursor;
use std::time::Duration;

use catalog::Tx;
use connectors::fetch;
use futures_util::TryStreamExt;
use image::ImageReader;
use model::{Actor, ByteStream, Conflict, ConflictId, ConflictKind, ConflictSide, NodeId, Right, Version};
use similar::{Algorithm, ChangeTag, TextDiff};

use super::open::Case;
use super::{ConflictRow, Places, Told, acts, found, row};
use crate::access::{self, Hold};
use crate::{Hub, HubError};

/// Most bytes of a side that are looked at.
const READ_BYTES: u64 = 1 << 20;
/// Longest comparison that is told, bytes.
const TOLD_BYTES: usize = 256 << 10;
/// Lines around a change that are told with it.
const AROUND: usize = 3;
/// How long the smallest comparison is looked for; then a larger one does.
const PATIENCE: Duration = Duration::from_millis(500);

/// Two sides to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// Ours with theirs.
    HereThere,
    /// What was agreed last with ours.
    BaseHere,
    /// What was agreed last with theirs.
    BaseThere,
}

/// A conflict, and what is known of its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The conflict.
    pub row: ConflictRow,
    /// What happened, in sentences.
    pub timeline: Vec<Told>,
    /// What was agreed last.
    pub base: Option<SideContent>,
    /// Ours.
    pub here: Option<SideContent>,
    /// Theirs.
    pub there: Option<SideContent>,
}

/// What is known of a side's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SideContent {
    /// Its length, bytes.
    pub size_bytes: Option<u64>,
    /// Its media type.
    pub media_type: Option<String>,
    /// The pixels along the edges of a picture.
    pub size_px: Option<(u32, u32)>,
    /// It is text that can be compared.
    pub is_text: bool,
    /// Why it cannot be looked into, in a sentence.
    pub problem: Option<String>,
}

/// A comparison of two texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The unified difference; `None` when the sides cannot be compared.
    pub unified: Option<String>,
    /// Lines that only the second has.
    pub added: u64,
    /// Lines that only the first has.
    pub removed: u64,
    /// It was too long to be told whole.
    pub is_cut: bool,
    /// Why there is none, in a sentence.
    pub reason: Option<String>,
}

/// A side, as far as it was read.
#[derive(Default)]
struct Seen {
    head: Vec<u8>,
    content: SideContent,
}

impl Hub {
    /// Tells all about a conflict.
    ///
    /// # Errors
    /// `NotFound`. What cannot be read of a side is told with it.
    pub async fn conflict_preview(&self, actor: &Actor, id: ConflictId) -> Result<Preview, HubError> {
        let mut tx = self.read().await?;
        let conflict = found(&mut tx, actor, id).await?;
        let row = row(&mut tx, conflict.clone(), &mut Places::default()).await?;
        let timeline = self.tell(&mut tx, actor, (&conflict, &row.provider)).await?;
        let case = Case::load(&mut tx, &conflict).await?;
        drop(tx);
        let mut sides = Vec::with_capacity(3);
        for side in [Side::Base, Side::Here, Side::There] {
            let seen = self.look_into(actor, (&conflict, &case), side).await?;
            sides.push(seen.map(|seen| seen.content));
        }
        let [there, here, base] = [sides.pop(), sides.pop(), sides.pop()].map(Option::flatten);
        Ok(Preview {
            row,
            timeline,
            base,
            here,
            there,
        })
    }

    /// Compares two sides of a conflict line by line.
    ///
    /// # Errors
    /// `NotFound`. What cannot be compared is told with the reason.
    pub async fn compare_conflict(
        &self,
        actor: &Actor,
        id: ConflictId,
        between: Between,
    ) -> Result<Comparison, HubError> {
        let mut tx = self.read().await?;
        let conflict = found(&mut tx, actor, id).await?;
        let case = Case::load(&mut tx, &conflict).await?;
        drop(tx);
        let (first, second) = match between {
            Between::HereThere => (Side::Here, Side::There),
            Between::BaseHere => (Side::Base, Side::Here),
            Between::BaseThere => (Side::Base, Side::There),
        };
        let old = self.look_into(actor, (&conflict, &case), first).await?;
        let new = self.look_into(actor, (&conflict, &case), second).await?;
        let (Some(old), Some(new)) = (old, new) else {
            return Ok(refused("there is no content on one of the two sides"));
        };
        if let Some(problem) = old.content.problem.or(new.content.problem) {
            return Ok(refused(problem));
        }
        if !old.content.is_text || !new.content.is_text {
            return Ok(refused(format!(
                "only texts of at most {READ_BYTES} bytes are compared"
            )));
        }
        let names = (first.word(), second.word());
        let work = move || compare(&old.head, &new.head, names);
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|stopped| HubError::Unavailable(stopped.into()))
    }

    async fn look_into(
        &self,
        actor: &Actor,
        (conflict, case): (&Conflict, &Case),
        side: Side,
    ) -> Result<Option<Seen>, HubError> {
        let known = match side {
            Side::Base => &conflict.base,
            Side::Here => &conflict.here,
            Side::There => &conflict.there,
        };
        let Some(known) = known else { return Ok(None) };
        let read = match self.source(actor, (conflict, case), (side, known)).await {
            Ok(Some((stream, size_bytes, media_type))) => read_head(stream).await.map(|head| {
                let mut seen = seen(head, size_bytes);
                seen.content.media_type = media_type;
                seen
            }),
            Ok(None) => Ok(unseen(known, "this content is not kept here".to_owned())),
            Err(error) => Err(error),
        };
        Ok(Some(match read {
            Ok(seen) => seen,
            Err(error @ (HubError::Internal(_) | HubError::Unavailable(_))) => return Err(error),
            Err(error) => unseen(known, error.to_string()),
        }))
    }

    /// The bytes of a side: of a version here, or as they are at the provider now.
    async fn source(
        &self,
        actor: &Actor,
        (conflict, case): (&Conflict, &Case),
        (side, known): (Side, &ConflictSide),
    ) -> Result<Option<Source>, HubError> {
        let is_open = case.parked.is_some();
        if side == Side::There && is_open {
            let Some((item, connection)) = self.theirs_now(case).await? else {
                return Ok(None);
            };
            let (size_bytes, media_type) = (item.size_bytes, item.media_type.clone());
            let connector = self.connector(&connection).await?;
            let fetched = fetch(connector, &item, 0, None).await;
            let fetched = self.heard(&connection, fetched).await?;
            return Ok(Some((fetched.stream, size_bytes, media_type)));
        }
        let Some((node, number)) = self.kept_at((conflict, case), (side, known)).await? else {
            return Ok(None);
        };
        let mut tx = self.read().await?;
        let Some(version) = visible_version(&mut tx, actor, (node, number)).await? else {
            return Ok(None);
        };
        let blob = acts::blob_of(&mut tx, &version).await?;
        drop(tx);
        let (size_bytes, media_type) = (version.size_bytes, version.media_type.clone());
        let stream = self.read_blob(&blob, 0..size_bytes.min(READ_BYTES + 1)).await?;
        Ok(Some((stream, Some(size_bytes), Some(media_type))))
    }

    /// The file and the version here that have a side's content.
    async fn kept_at(
        &self,
        (conflict, case): (&Conflict, &Case),
        (side, known): (Side, &ConflictSide),
    ) -> Result<Option<(NodeId, u64)>, HubError> {
        // What had been replaced and was brought back lies in a file of its own.
        if let (ConflictKind::Overwrote, Side::There, Some(copy)) = (conflict.kind, side, conflict.copy) {
            let node = self.read().await?.node(copy).await?;
            return Ok(node.and_then(|node| Some((copy, node.version?.number))));
        }
        // What waits for a decision is shown as it is now: it may have been merged by hand.
        let current = case.node.as_ref().and_then(|node| node.version.as_ref());
        let number = match side {
            Side::Here if case.parked.is_some() => current.map(|version| version.number).or(known.version),
            Side::There => known.version.or_else(|| captured(conflict)),
            Side::Base | Side::Here => known.version,
        };
        Ok(conflict.node.zip(number))
    }
}

/// Bytes, how many they are in all, and their type.
type Source = (ByteStream, Option<u64>, Option<String>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Base,
    Here,
    There,
}

impl Side {
    const fn word(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Here => "here",
            Self::There => "there",
        }
    }
}

fn captured(conflict: &Conflict) -> Option<u64> {
    acts::acts(conflict)
        .iter()
        .rev()
        .find_map(|act| act.changed.captured)
}

/// A version of a file that the actor may see, be it in their trash.
async fn visible_version(
    tx: &mut Tx,
    actor: &Actor,
    (file, number): (NodeId, u64),
) -> Result<Option<Version>, HubError> {
    match access::file(tx, actor, file, Right::View, Hold::No).await {
        Ok(_) => {}
        Err(HubError::NotFound(_)) => {
            let space = tx.space_of(file).await?;
            if space.is_none_or(|(_, owner)| actor.user() != Some(owner)) {
                return Ok(None);
            }
        }
        Err(error) => return Err(error),
    }
    Ok(tx.version(file, number).await?)
}

/// The first bytes of a stream: one more than are looked at, where there are more.
async fn read_head(mut stream: ByteStream) -> Result<Vec<u8>, HubError> {
    let most = usize::try_from(READ_BYTES)
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let mut head = Vec::new();
    while head.len() < most {
        let Some(piece) = stream.try_next().await.map_err(HubError::Body)? else {
            break;
        };
        let room = most - head.len();
        head.extend_from_slice(&piece[..piece.len().min(room)]);
    }
    Ok(head)
}

fn seen(head: Vec<u8>, size_bytes: Option<u64>) -> Seen {
    let is_whole = head.len() as u64 <= READ_BYTES;
    let is_text = is_whole && !head.contains(&0) && std::str::from_utf8(&head).is_ok();
    let size_px = if is_text { None } else { measure(&head) };
    let size_bytes = size_bytes.or(is_whole.then_some(head.len() as u64));
    Seen {
        content: SideContent {
            size_bytes,
            media_type: None,
            size_px,
            is_text,
            problem: None,
        },
        head,
    }
}

/// What is known of a content that cannot be read.
fn unseen(known: &ConflictSide, problem: String) -> Seen {
    Seen {
        head: Vec::new(),
        content: SideContent {
            size_bytes: known.size_bytes,
            media_type: known.media_type.clone(),
            problem: Some(problem),
            ..SideContent::default()
        },
    }
}

/// The measures of a picture, from its first bytes: nothing of it is unpacked.
fn measure(head: &[u8]) -> Option<(u32, u32)> {
    let reader = ImageReader::new(Cursor::new(head)).with_guessed_format().ok()?;
    reader.into_dimensions().ok()
}

fn refused(reason: impl Into<String>) -> Comparison {
    Comparison {
        reason: Some(reason.into()),
        ..Comparison::default()
    }
}

fn compare(old: &[u8], new: &[u8], names: (&str, &str)) -> Comparison {
    let (old, new) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Histogram)
        .timeout(PATIENCE)
        .diff_lines(old.as_ref(), new.as_ref());
    let (mut added, mut removed) = (0, 0);
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => added += 1,
            ChangeTag::Delete => removed += 1,
            ChangeTag::Equal => {}
        }
    }
    let mut unified = String::new();
    let mut is_cut = false;
    let mut told = diff.unified_diff();
    told.context_radius(AROUND).header(names.0, names.1);
    for (at, hunk) in told.iter_hunks().enumerate() {
        if at == 0 {
            unified.push_str(&format!("--- {}\n+++ {}\n", names.0, names.1));
        }
        let hunk = hunk.to_string();
        let room = TOLD_BYTES.saturating_sub(unified.len());
        if hunk.len() > room {
            let whole_lines = hunk[..hunk.floor_char_boundary(room)]
                .rfind('\n')
                .map_or(0, |end| end + 1);
            unified.push_str(&hunk[..whole_lines]);
            is_cut = true;
            break;
        }
        unified.push_str(&hunk);
    }
    Comparison {
        unified: Some(unified),
        added,
        removed,
        is_cut,
        reason: None,
    }
}
