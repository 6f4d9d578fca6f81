//! Upload sessions: made through the API, fed through the other origin.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, header};
use serde_json::{Value, json};

use super::answer::{Reply, Trouble};
use super::hash::QuickXor;
use super::item::{Conflict, Content, Created, DriveType, Kind, New, Times};
use super::items::{conflict, times};
use super::render::{Place, time};
use super::switches::GraphSwitches;
use super::tree::Drive;
use super::world::{Call, Shared, World, check_if_match, check_tag};

/// Every fragment but the last is a multiple of this.
const STEP_BYTES: u64 = 320 * 1024;
/// A fragment is shorter than this.
const MOST_BYTES: u64 = 60 * 1024 * 1024;

/// An upload that goes on.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    drive: String,
    target: Target,
    conflict: Conflict,
    if_match: Option<String>,
    times: Times,
    is_deferred: bool,
    total_bytes: Option<u64>,
    got_bytes: u64,
    hash: QuickXor,
    kept: Option<BytesMut>,
    until_ms: i64,
    life_ms: i64,
    unknown_left: u32,
}

/// Where the bytes go in the end.
#[derive(Clone, Debug)]
enum Target {
    Item(String),
    Name { folder: String, name: String },
}

/// Where an address of the API leads: to an item by its id, or to a name in a folder, taken or not.
#[derive(Clone, Debug)]
pub(crate) enum Spot {
    Item(String),
    Named { folder: String, name: String },
}

/// `POST …/createUploadSession`.
pub(crate) fn create(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    id: &str,
    spot: Spot,
) -> Result<Reply, Trouble> {
    let switches = shared.switches.get();
    let now_ms = shared.core.clock.now();
    let body = call.json()?;
    let about = &body["item"];
    let asked = conflict(call, about)?;
    let is_careful = switches.sessions_fail_by_default && matches!(spot, Spot::Named { .. });
    let standard = if is_careful {
        Conflict::Fail
    } else {
        Conflict::Replace
    };
    let conflict = asked.unwrap_or(standard);
    let drive = world.drive_mut(id)?;
    let target = target(drive, spot, about)?;
    if let Some(item) = taken(drive, &target).cloned() {
        if call.header("if-none-match") == Some("*") {
            return Err(Trouble::precondition());
        }
        check_if_match(&call.headers, drive.kind, &item, switches.old_precondition_words)?;
        if conflict == Conflict::Fail && !switches.late_conflict || item.content().is_none() {
            return Err(Trouble::name_taken());
        }
        if switches.session_bumps_etag {
            drive.mark(&item.id, |_| (), now_ms)?;
        }
    } else if call.header("if-match").is_some() {
        return Err(Trouble::precondition());
    }
    let size_bytes = about["fileSize"].as_u64();
    if size_bytes.is_some() && drive.kind == DriveType::Business {
        // Documented for personal drives only, and people have met this refusal.
        return Err(Trouble::invalid("The property fileSize is not supported."));
    }
    if let Some(size_bytes) = size_bytes.filter(|_| !switches.late_no_room) {
        drive.check_room(size_bytes)?;
    }
    let session = Session {
        drive: id.to_owned(),
        target,
        conflict,
        if_match: call.header("if-match").map(str::to_owned),
        times: times(about)?,
        is_deferred: body["deferCommit"].as_bool().unwrap_or(false),
        total_bytes: None,
        got_bytes: 0,
        hash: QuickXor::new(),
        kept: drive.keeps_bytes.then(BytesMut::new),
        until_ms: now_ms + switches.session_ms,
        life_ms: switches.session_ms,
        unknown_left: switches.session_404s,
    };
    let name = shared.name(48);
    let mut answer = session.state(&switches);
    answer["uploadUrl"] = format!("{}{}", shared.files_url, upload_path(&name)).into();
    world.sessions.insert(name, session);
    Ok(Reply::json(200, &answer))
}

fn target(drive: &Drive, spot: Spot, about: &Value) -> Result<Target, Trouble> {
    let asked = about["name"].as_str();
    let (folder, name) = match spot {
        Spot::Named { folder, name } => (folder, name),
        Spot::Item(id) => {
            let item = drive.get(&id).ok_or_else(Trouble::not_found)?;
            return match asked {
                // A folder's id with a name in the body.
                Some(name) if item.is_folder() => Ok(Target::Name {
                    folder: id,
                    name: name.to_owned(),
                }),
                _ => Ok(Target::Item(id)),
            };
        }
    };
    if asked.is_some_and(|asked| asked != name) {
        return Err(Trouble::invalid(
            "The name in the body is not that of the address.",
        ));
    }
    Ok(Target::Name { folder, name })
}

fn taken<'a>(drive: &'a Drive, target: &Target) -> Option<&'a super::item::Item> {
    match target {
        Target::Item(id) => drive.get(id),
        Target::Name { folder, name } => drive.child(folder, name),
    }
}

/// The path and query of an upload. The odd encoding in it breaks when a client encodes anew.
fn upload_path(name: &str) -> String {
    format!(
        "/upload/{name}?guid=%27{}%27&tempauth=v1%2e{}%7e",
        &name[..8],
        &name[8..]
    )
}

/// One request to the address of an upload.
pub(crate) struct Fragment<'a> {
    pub(crate) method: Method,
    pub(crate) path_and_query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Bytes,
}

/// `PUT`, `GET`, `DELETE` and `POST` on the address of an upload.
pub(crate) fn serve(shared: &Arc<Shared>, fragment: &Fragment<'_>) -> Result<Reply, Trouble> {
    let missing = || {
        Trouble::new(404, "itemNotFound", "The upload session was not found").inner("uploadSessionNotFound")
    };
    let path = fragment.path_and_query.split('?').next().unwrap_or_default();
    let name = path.strip_prefix("/upload/").unwrap_or_default().to_owned();
    let now_ms = shared.core.clock.now();
    shared.with(|world| {
        let session = world.sessions.get_mut(&name).ok_or_else(missing)?;
        if fragment.path_and_query != upload_path(&name) {
            shared
                .core
                .record
                .violation("the address of an upload was encoded anew");
            return Err(Trouble::new(401, "unauthenticated", "The address is not sealed."));
        }
        if fragment.headers.contains_key(header::AUTHORIZATION) {
            let text = "an access token was sent to the address of an upload";
            shared.core.record.violation(text);
            // Bytes are refused then. Questions are answered, which rclone relies on.
            if fragment.method == Method::PUT {
                return Err(Trouble::new(401, "unauthenticated", text));
            }
        }
        if now_ms >= session.until_ms {
            world.sessions.remove(&name);
            return Err(missing());
        }
        if session.unknown_left > 0 {
            session.unknown_left -= 1;
            return Err(missing());
        }
        let switches = shared.switches.get();
        match fragment.method.as_str() {
            "GET" => Ok(Reply::json(200, &session.state(&switches))),
            "DELETE" => {
                world.sessions.remove(&name);
                Ok(Reply::empty(204))
            }
            "POST" => finish(shared, world, &name),
            "PUT" => {
                session.take(shared, fragment, now_ms)?;
                let is_whole = session.total_bytes == Some(session.got_bytes);
                if is_whole && !session.is_deferred {
                    return finish(shared, world, &name);
                }
                Ok(Reply::json(202, &session.state(&switches)))
            }
            _ => Err(Trouble::new(405, "invalidRequest", "The method is not allowed.")),
        }
    })
}

/// Makes the item of a session that has all its bytes.
pub(crate) fn finish(shared: &Shared, world: &mut World, name: &str) -> Result<Reply, Trouble> {
    // Taken out while it is finished; it stays alive when that fails.
    let mut session = world.sessions.remove(name).ok_or_else(Trouble::not_found)?;
    let bytes = session.kept.take().map(BytesMut::freeze);
    let finished = finished(shared, world, &session, bytes.clone());
    if finished.is_err() {
        // Nobody else holds the bytes then, so that they are not copied.
        session.kept = bytes.map(BytesMut::from);
        world.sessions.insert(name.to_owned(), session);
    }
    finished
}

fn finished(
    shared: &Shared,
    world: &mut World,
    session: &Session,
    bytes: Option<Bytes>,
) -> Result<Reply, Trouble> {
    if session.total_bytes != Some(session.got_bytes) {
        return Err(Trouble::invalid("The upload is not complete."));
    }
    let switches = shared.switches.get();
    let drive = world.drive_mut(&session.drive)?;
    let now_ms = shared.core.clock.now();
    let content = drive.content_of(session.hash.finish(), session.got_bytes, bytes, now_ms);
    let (id, created) = session.commit(drive, content, &switches, now_ms)?;
    let item = drive.get(&id).ok_or_else(Trouble::not_found)?;
    let status = if created == Created::New { 201 } else { 200 };
    Ok(Reply::json(
        status,
        &shared.view(drive, &switches).item(item, Place::Listing),
    ))
}

/// `PUT` on an item with `@microsoft.graph.sourceUrl`: finishes a session under another name or in another way.
pub(crate) fn finish_as(
    shared: &Shared,
    world: &mut World,
    call: &Call,
    spot: Spot,
) -> Result<Reply, Trouble> {
    let body = call.json()?;
    let source = body["@microsoft.graph.sourceUrl"].as_str().unwrap_or_default();
    let path = source
        .strip_prefix(&shared.files_url)
        .and_then(|path| path.strip_prefix("/upload/"));
    let name = path
        .and_then(|path| path.split('?').next())
        .unwrap_or_default()
        .to_owned();
    let conflict = conflict(call, &body)?;
    let found = world.sessions.get(&name).map(|session| session.drive.clone());
    let drive = world.drive_mut(&found.ok_or_else(Trouble::not_found)?)?;
    if drive.kind == super::item::DriveType::Business {
        return Err(Trouble::invalid("sourceUrl is not known to this drive."));
    }
    let target = target(drive, spot, &body)?;
    let session = world.sessions.get_mut(&name).ok_or_else(Trouble::not_found)?;
    session.target = target;
    session.conflict = conflict.unwrap_or(Conflict::Fail);
    finish(shared, world, &name)
}

impl Session {
    /// What is missing still.
    fn state(&self, switches: &GraphSwitches) -> Value {
        let next = self.got_bytes;
        let ranges = if self.total_bytes == Some(next) {
            Vec::new()
        } else if switches.split_ranges {
            // Not in order: the lowest is the one that counts.
            let middle = next + STEP_BYTES;
            vec![format!("{middle}-"), format!("{next}-{}", middle - 1)]
        } else {
            vec![format!("{next}-")]
        };
        json!({ "expirationDateTime": time(self.until_ms), "nextExpectedRanges": ranges })
    }

    /// Takes one fragment in.
    fn take(&mut self, shared: &Shared, fragment: &Fragment<'_>, now_ms: i64) -> Result<(), Trouble> {
        let record = &shared.core.record;
        let length = fragment.body.len() as u64;
        let range = fragment
            .headers
            .get(header::CONTENT_RANGE)
            .and_then(|range| range.to_str().ok());
        let range = range.and_then(content_range);
        let Some((first, last, total)) = range.filter(|(first, last, _)| last + 1 - first == length) else {
            record.violation("a fragment without a Content-Range, or with one that is not its length");
            return Err(Trouble::invalid(
                "The Content-Range header is missing or malformed.",
            ));
        };
        if length >= MOST_BYTES {
            record.violation(format!("a fragment of {length} bytes"));
            return Err(Trouble::new(413, "invalidRequest", "The fragment is too large."));
        }
        if !length.is_multiple_of(STEP_BYTES) && last + 1 != total {
            record.violation(format!(
                "a fragment of {length} bytes, which is no multiple of 320 KiB"
            ));
            return Err(Trouble::invalid("Fragment size must be a multiple of 320 KiB."));
        }
        if self.total_bytes.is_some_and(|known| known != total) {
            record.violation("the total of an upload changed on its way");
            return Err(
                Trouble::new(400, "invalidRequest", "The total changed.").inner("fragmentLengthMismatch")
            );
        }
        if first != self.got_bytes {
            let code = if first < self.got_bytes {
                "fragmentOverlap"
            } else {
                "fragmentOutOfOrder"
            };
            return Err(Trouble::new(
                416,
                "invalidRange",
                "The uploaded fragment overlaps or leaves a gap.",
            )
            .inner(code));
        }
        self.total_bytes = Some(total);
        let mut kept = &fragment.body[..];
        if let Some(most) = shared.switches.get().partial_fragment {
            shared.switches.set(|switches| switches.partial_fragment = None);
            kept = &kept[..kept.len().min(usize::try_from(most).unwrap_or(usize::MAX))];
        }
        self.hash.update(kept);
        if let Some(all) = &mut self.kept {
            all.extend_from_slice(kept);
        }
        self.got_bytes += kept.len() as u64;
        // It lives on as long as fragments arrive.
        self.until_ms = now_ms + self.life_ms;
        Ok(())
    }

    fn commit(
        &self,
        drive: &mut Drive,
        content: Content,
        switches: &GraphSwitches,
        now_ms: i64,
    ) -> Result<(String, Created), Trouble> {
        if let (Some(wanted), Some(item)) = (&self.if_match, taken(drive, &self.target)) {
            check_tag(wanted, drive.kind, item, switches.old_precondition_words)?;
        }
        match &self.target {
            Target::Item(id) => {
                drive.replace(id, content, self.times, now_ms)?;
                Ok((id.clone(), Created::Replaced))
            }
            Target::Name { folder, name } => {
                let kind = Kind::File(content);
                let made = New {
                    folder,
                    name,
                    kind,
                    conflict: self.conflict,
                    times: self.times,
                };
                drive.create(made, now_ms)
            }
        }
    }
}

/// `bytes 0-9/100`
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, total) = (first.parse().ok()?, last.parse().ok()?, total.parse().ok()?);
    (first <= last && last < total).then_some((first, last, total))
}
